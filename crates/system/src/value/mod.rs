//! Values and types of the evaluator, and their way from and to text and Arrow.

mod datum;
mod decimal;
mod pgtype;

pub(crate) use datum::{Array, Interval, Row, Value};
pub(crate) use decimal::Decimal;
pub(crate) use pgtype::{Base, Family, PgType};
