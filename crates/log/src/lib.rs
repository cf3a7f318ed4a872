//! The truth: a durable, ordered, columnar log of all changes.
