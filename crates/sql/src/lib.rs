//! SQL text and a catalogue snapshot into statements, incremental plans and batch queries.
