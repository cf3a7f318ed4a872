//! Sources from outside into the log: connectors and formats.
