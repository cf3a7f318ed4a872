//! [`Value`]: one value inside the evaluator.
//!
//! The one idea: few variants, chosen by [`Family`](super::Family), so that after the binder has
//! brought both sides to one type, values compare and hash without knowing their type.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::Decimal;

/// One row: a value per column.
pub(crate) type Row = Arc<[Value]>;

/// One value. NULL is a value of every type.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// Integers, oids, reg*; also dates (days), times and timestamps (microseconds).
    Int(i64),
    Float(f64),
    Decimal(Decimal),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
    Interval(Interval),
    Array(Arc<Array>),
    Record(Row),
}

/// An interval in PostgreSQL's three parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) months: i32,
    pub(crate) days: i32,
    pub(crate) micros: i64,
}

impl Interval {
    /// Months of 30 days and days of 24 hours, as PostgreSQL compares intervals.
    fn span(self) -> i128 {
        let days = i128::from(self.months) * 30 + i128::from(self.days);
        days * 86_400_000_000 + i128::from(self.micros)
    }
}

/// A one-dimensional array.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    /// Subscript of the first element: 1, but 0 in vectors.
    pub(crate) lower: i64,
    /// The elements in order.
    pub(crate) items: Vec<Value>,
}

impl Value {
    pub(crate) fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Arc::from(text.as_ref()))
    }

    pub(crate) fn oid(oid: u32) -> Self {
        Self::Int(i64::from(oid))
    }

    pub(crate) fn count(count: usize) -> Self {
        Self::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// An array whose subscripts begin at 1.
    pub(crate) fn array(items: Vec<Self>) -> Self {
        Self::Array(Arc::new(Array { lower: 1, items }))
    }

    /// An `int2vector` or `oidvector`: subscripts begin at 0.
    pub(crate) fn vector(items: Vec<Self>) -> Self {
        Self::Array(Arc::new(Array { lower: 0, items }))
    }

    /// Text, or NULL for `None`.
    pub(crate) fn optional_text(text: Option<impl AsRef<str>>) -> Self {
        text.map_or(Self::Null, Self::text)
    }

    pub(crate) const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) const fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The value as an OID; 0 for what is none.
    pub(crate) fn as_oid(&self) -> u32 {
        self.as_int().and_then(|value| u32::try_from(value).ok()).unwrap_or(0)
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn as_array(&self) -> Option<&Array> {
        match self {
            Self::Array(value) => Some(value),
            _ => None,
        }
    }

    /// The order of two values of one type; NULL is greater than everything, as in ORDER BY.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Greater,
            (_, Self::Null) => Ordering::Less,
            (Self::Bool(left), Self::Bool(right)) => left.cmp(right),
            (Self::Int(left), Self::Int(right)) => left.cmp(right),
            (Self::Float(left), Self::Float(right)) => float_order(*left, *right),
            (Self::Decimal(left), Self::Decimal(right)) => left.cmp(right),
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            (Self::Bytes(left), Self::Bytes(right)) => left.cmp(right),
            (Self::Interval(left), Self::Interval(right)) => left.span().cmp(&right.span()),
            (Self::Array(left), Self::Array(right)) => list_order(&left.items, &right.items),
            (Self::Record(left), Self::Record(right)) => list_order(left, right),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Int(_) => 1,
            Self::Float(_) => 2,
            Self::Decimal(_) => 3,
            Self::Text(_) => 4,
            Self::Bytes(_) => 5,
            Self::Interval(_) => 6,
            Self::Array(_) => 7,
            Self::Record(_) => 8,
            Self::Null => 9,
        }
    }
}

fn list_order(left: &[Value], right: &[Value]) -> Ordering {
    let different = left.iter().zip(right).map(|(left, right)| left.order(right));
    different.into_iter().find(|order| order.is_ne()).unwrap_or(left.len().cmp(&right.len()))
}

/// NaN equals NaN and is greater than every number; -0 equals 0.
fn float_order(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

/// As GROUP BY and DISTINCT see it: NULL equals NULL.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.order(other).is_eq()
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Null => 0_u8.hash(state),
            Self::Bool(value) => value.hash(state),
            Self::Int(value) => value.hash(state),
            Self::Float(value) if value.is_nan() => f64::NAN.to_bits().hash(state),
            Self::Float(value) => (value + 0.0).to_bits().hash(state),
            Self::Decimal(value) => value.hash(state),
            Self::Text(value) => value.hash(state),
            Self::Bytes(value) => value.hash(state),
            Self::Interval(value) => value.span().hash(state),
            Self::Array(value) => value.items.hash(state),
            Self::Record(value) => value.hash(state),
        }
    }
}
