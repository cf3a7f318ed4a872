//! One connection after its startup: the message loop, statements and portals, rows and COPY.
//!
//! ```text
//! socket -> reader -> [bounded queue] -> connection -> session
//!                                           |  ^ rows, notices
//! socket <- output <------------------------+--+      guard: cancel, timeout, disconnect, shutdown
//! ```

mod copy_in;
mod extended;
pub(crate) mod guard;
mod message_loop;
mod outcome;
pub(crate) mod output;
mod portal;
pub(crate) mod reader;
mod rows;
mod simple;

pub(crate) use message_loop::Connection;
pub(crate) use rows::BatchEncoder;
