//! Values and types of the evaluator, and their way from and to text and Arrow.

mod arrow;
mod cast;
mod datum;
mod decimal;
mod names;
mod pgtype;
mod reg;
mod text;

pub(crate) use arrow::{from_arrow, to_arrow};
pub(crate) use cast::cast;
pub(crate) use datum::{Array, Interval, Row, Value};
pub(crate) use decimal::Decimal;
pub(crate) use names::{evaluable, find as find_type, format_type, type_named};
pub(crate) use pgtype::{Base, Family, PgType};
pub(crate) use reg::{
    class as class_named, functions as functions_named, procedure as procedure_named,
};
pub(crate) use text::{checked, output};
