//! The protocol's messages: [`frontend`] is what clients say, [`backend`] what they are told.
//!
//! Written by hand rather than with a codec crate: text is checked strictly (22021 instead of
//! replacement characters), parameters stay slices of the receive buffer, and rows are encoded
//! straight into the send buffer.

pub(crate) mod backend;
pub(crate) mod frontend;
