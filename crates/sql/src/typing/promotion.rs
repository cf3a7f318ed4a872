//! Implicit conversions and the common type of several expressions.
//!
//! Source: PostgreSQL 15, "Type Conversion", and pg_cast.

use kappa_types::SqlType;

use super::types::{Type, family};

/// Whether the types are the same but for modifiers.
pub(crate) fn same_type(left: &SqlType, right: &SqlType) -> bool {
    match (left, right) {
        (SqlType::Numeric(_), SqlType::Numeric(_)) | (SqlType::Varchar(_), SqlType::Varchar(_)) => {
            true
        }
        (SqlType::Array(left), SqlType::Array(right)) => same_type(left, right),
        _ => left == right,
    }
}

/// The type that its category prefers.
pub(crate) const fn is_preferred(sql_type: &SqlType) -> bool {
    matches!(
        sql_type,
        SqlType::Boolean
            | SqlType::Double
            | SqlType::Oid
            | SqlType::Text
            | SqlType::Timestamptz
            | SqlType::Interval
    )
}

/// Whether a value of type `from` stands for one of type `to` without being asked.
pub(crate) fn can_coerce_implicitly(from: &SqlType, to: &SqlType) -> bool {
    use SqlType as T;
    if same_type(from, to) {
        return true;
    }
    match from {
        T::SmallInt => {
            matches!(to, T::Integer | T::BigInt | T::Numeric(_) | T::Real | T::Double | T::Oid)
        }
        T::Integer => matches!(to, T::BigInt | T::Numeric(_) | T::Real | T::Double | T::Oid),
        T::BigInt => matches!(to, T::Numeric(_) | T::Real | T::Double | T::Oid | T::Regclass),
        T::Numeric(_) => matches!(to, T::Real | T::Double),
        T::Real => matches!(to, T::Double),
        T::Varchar(_) => matches!(to, T::Text | T::Name),
        T::Text => matches!(to, T::Varchar(_) | T::Name),
        T::Name | T::Char => matches!(to, T::Text),
        T::Date => matches!(to, T::Timestamp | T::Timestamptz),
        T::Timestamp => matches!(to, T::Timestamptz),
        T::Time => matches!(to, T::Interval),
        T::Oid => matches!(to, T::Regclass),
        T::Regclass => matches!(to, T::Oid),
        _ => false,
    }
}

/// PostgreSQL's `select_common_type`: of UNION, CASE, COALESCE, VALUES, ARRAY, GREATEST and IN.
/// `None` where there is none; unknown alone gives text.
pub(crate) fn common_type(types: &[Type]) -> Option<SqlType> {
    let mut common: Option<SqlType> = None;
    for known in types.iter().filter_map(Type::known) {
        common = Some(match common {
            None => known.clone(),
            Some(present) if present == *known => present,
            Some(present) => wider(&present, known)?,
        });
    }
    Some(common.unwrap_or(SqlType::Text))
}

fn wider(left: &SqlType, right: &SqlType) -> Option<SqlType> {
    if let (SqlType::Array(left), SqlType::Array(right)) = (left, right) {
        return Some(SqlType::Array(Box::new(wider(left, right)?)));
    }
    if same_type(left, right) {
        return Some(match (left, right) {
            (SqlType::Numeric(left), SqlType::Numeric(right)) => common_numeric(*left, *right),
            (SqlType::Varchar(_), _) => SqlType::Varchar(None),
            _ => left.clone(),
        });
    }
    match (left, right) {
        (SqlType::Numeric(numeric), integer) | (integer, SqlType::Numeric(numeric)) => {
            if let Some(digits) = integer_digits(integer) {
                return Some(common_numeric(*numeric, Some((digits, 0))));
            }
        }
        _ => {}
    }
    if family(left) != family(right) {
        return None;
    }
    if can_coerce_implicitly(left, right)
        && !(can_coerce_implicitly(right, left) && is_preferred(left))
    {
        return Some(right.clone());
    }
    can_coerce_implicitly(right, left).then(|| left.clone())
}

/// How many digits an integer type may have.
fn integer_digits(sql_type: &SqlType) -> Option<u8> {
    match sql_type {
        SqlType::SmallInt => Some(5),
        SqlType::Integer => Some(10),
        SqlType::BigInt => Some(19),
        _ => None,
    }
}

/// A numeric that holds all values of both.
pub(crate) fn common_numeric(left: Option<(u8, i8)>, right: Option<(u8, i8)>) -> SqlType {
    let (Some((left_precision, left_scale)), Some((right_precision, right_scale))) = (left, right)
    else {
        return SqlType::Numeric(None);
    };
    let scale = left_scale.max(right_scale);
    let digits = |precision: u8, scale: i8| i16::from(precision) - i16::from(scale);
    let whole = digits(left_precision, left_scale).max(digits(right_precision, right_scale));
    let precision = (whole + i16::from(scale)).clamp(1, 38);
    SqlType::Numeric(Some((u8::try_from(precision).unwrap_or(38), scale)))
}
