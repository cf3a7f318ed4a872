//! [`Type`]: the type of an expression while it is being resolved.
//!
//! A string literal without a cast is *unknown*. It is held as Arrow `Utf8`, which no SQL type uses
//! (text is `Utf8View`), so the type of an expression says by itself whether it is resolved.

use std::fmt;

use arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::logical_expr::{Expr, ExprSchemable};
use kappa_types::SqlType;

/// The type of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// A literal or parameter whose type its surroundings decide.
    Unknown,
    /// A type.
    Known(SqlType),
}

impl Type {
    /// The type of a field.
    pub(crate) fn of_field(field: &Field) -> Self {
        match field.data_type() {
            DataType::Utf8 | DataType::Null => Self::Unknown,
            _ => match SqlType::of_field(field) {
                Some(sql_type) => Self::Known(sql_type),
                None => Self::Unknown,
            },
        }
    }

    /// The SQL type, unless unknown.
    pub(crate) const fn known(&self) -> Option<&SqlType> {
        match self {
            Self::Known(sql_type) => Some(sql_type),
            Self::Unknown => None,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown"),
            Self::Known(sql_type) => f.write_str(&plain_name(sql_type)),
        }
    }
}

/// The name without modifiers, as in error messages.
pub(crate) fn plain_name(sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::Numeric(_) => "numeric".to_owned(),
        SqlType::Varchar(_) => "character varying".to_owned(),
        SqlType::Array(element) => format!("{}[]", plain_name(element)),
        other => other.name(),
    }
}

/// The type of an expression over rows of `schema`.
pub(crate) fn type_of(expr: &Expr, schema: &DFSchema) -> Result<Type, DataFusionError> {
    let (_, field) = expr.to_field(schema)?;
    Ok(Type::of_field(&field))
}

/// PostgreSQL's type categories, as far as we have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// boolean
    Boolean,
    /// smallint … double precision, and oid.
    Number,
    /// text and its like.
    Text,
    /// date, timestamp, timestamptz, time.
    Time,
    /// interval
    Span,
    /// Arrays.
    Array,
    /// Everything else: bytea, uuid, json, jsonb.
    Other,
}

/// The category of a type.
pub(crate) const fn family(sql_type: &SqlType) -> Family {
    match sql_type {
        SqlType::Boolean => Family::Boolean,
        SqlType::SmallInt
        | SqlType::Integer
        | SqlType::BigInt
        | SqlType::Real
        | SqlType::Double
        | SqlType::Numeric(_)
        | SqlType::Oid
        | SqlType::Regclass => Family::Number,
        SqlType::Text | SqlType::Varchar(_) | SqlType::Name => Family::Text,
        SqlType::Date | SqlType::Time | SqlType::Timestamp | SqlType::Timestamptz => Family::Time,
        SqlType::Interval => Family::Span,
        SqlType::Array(_) => Family::Array,
        SqlType::Char | SqlType::Bytea | SqlType::Uuid | SqlType::Json | SqlType::Jsonb => {
            Family::Other
        }
    }
}
