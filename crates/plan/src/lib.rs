//! The incremental plan: the one language between sql and dataflow.
