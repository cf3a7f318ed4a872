//! The binary form of SQL values, as PostgreSQL's send and receive functions have it.
//!
//! Big-endian integers and floats; times in microseconds and days since 2000-01-01; numeric in
//! digits of base 10,000; jsonb with a version byte; arrays with their element's OID.

mod epoch;
mod format;
#[cfg(test)]
mod golden;
mod numeric;
mod parameter;
mod parse;

use epoch::{EPOCH_DAYS, EPOCH_MICROS};
pub(crate) use format::BinaryFormatter;
pub(crate) use parameter::decode_parameter;
pub(crate) use parse::{BinaryParser, MALFORMED};
