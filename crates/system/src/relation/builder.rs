//! [`Rows`]: rows of a system relation, made by naming the columns that have something to say.

use std::collections::HashMap;
use std::sync::Arc;

use crate::builtin::BuiltinRelation;
use crate::value::{Base, Decimal, Family, PgType, Row, Value};

/// Rows under construction.
///
/// A column that a row does not name is NULL, or zero or empty where the relation forbids NULL.
pub(super) struct Rows {
    positions: HashMap<&'static str, usize>,
    blank: Vec<Value>,
    rows: Vec<Row>,
}

impl Rows {
    pub(super) fn new(relation: &'static BuiltinRelation) -> Self {
        let columns = || relation.columns.iter();
        let blank = |not_null: bool, ty: &PgType| if not_null { zero(ty) } else { Value::Null };
        Self {
            positions: columns().enumerate().map(|(at, c)| (c.name.as_str(), at)).collect(),
            blank: columns().map(|column| blank(column.not_null, &column.ty)).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// If the relation has no column of a given name: the lists in this folder are fixed.
    pub(super) fn push(&mut self, fields: &[(&str, Value)]) {
        let mut row = self.blank.clone();
        for (name, value) in fields {
            let position = self.positions.get(name).copied();
            row[position.unwrap_or_else(|| panic!("no column {name}"))] = value.clone();
        }
        self.rows.push(row.into());
    }

    pub(super) fn finish(self) -> Vec<Row> {
        self.rows
    }
}

/// The value of a column that may not be NULL and has nothing to say.
fn zero(ty: &PgType) -> Value {
    match ty.family() {
        Family::Bool => Value::Bool(false),
        Family::Integer | Family::Instant | Family::Days | Family::TimeOfDay => Value::Int(0),
        Family::Float => Value::Float(0.0),
        Family::Decimal => Value::Decimal(Decimal::from_int(0)),
        Family::Text => Value::text(""),
        Family::Array => match ty {
            PgType::Base(Base::Int2Vector | Base::OidVector) => Value::vector(Vec::new()),
            _ => Value::array(Vec::new()),
        },
        Family::Bytes | Family::Span | Family::Record => Value::Null,
    }
}

/// The text of one character, of a `"char"` column.
pub(super) fn letter(letter: char) -> Value {
    Value::Text(Arc::from(letter.to_string()))
}

/// `YES` or `NO`, as information_schema says it.
pub(super) fn yes_or_no(yes: bool) -> Value {
    Value::text(if yes { "YES" } else { "NO" })
}
