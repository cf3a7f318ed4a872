//! The system catalogue.
