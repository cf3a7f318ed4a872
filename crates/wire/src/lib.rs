//! The Postgres protocol: connections, portals, cancel, encoding. Knows no engine.
