//! [`Accumulator`]: one aggregate over the rows of one group.

use std::collections::HashSet;

use kappa_types::SqlError;

use super::query::directed;
use super::{Run, Scope};
use crate::bound::{Aggregate, AggregateKind};
use crate::error::out_of_range;
use crate::function::json::to_json;
use crate::session::Session;
use crate::value::{Base, Decimal, PgType, Value, cast};

/// The argument values of the group's rows; they are few, so they are kept until the end.
pub(super) struct Accumulator<'a> {
    aggregate: &'a Aggregate,
    /// Arguments and sort keys of each row.
    rows: Vec<(Vec<Value>, Vec<Value>)>,
    seen: HashSet<Vec<Value>>,
    row_count: i64,
}

impl<'a> Accumulator<'a> {
    pub(super) fn new(aggregate: &'a Aggregate) -> Self {
        Self { aggregate, rows: Vec::new(), seen: HashSet::new(), row_count: 0 }
    }

    /// Takes the current row of `scope`.
    pub(super) fn add(&mut self, run: &Run<'_>, scope: &Scope<'_>) -> Result<(), SqlError> {
        if let Some(filter) = &self.aggregate.filter
            && !run.is_true(filter, scope)?
        {
            return Ok(());
        }
        self.row_count += 1;
        if self.aggregate.kind == AggregateKind::CountRows {
            return Ok(());
        }
        let arguments = run.evaluate_all(&self.aggregate.arguments, scope)?;
        let keeps_null = matches!(
            self.aggregate.kind,
            AggregateKind::ArrayAgg | AggregateKind::JsonAgg | AggregateKind::JsonObjectAgg
        );
        if arguments[0].is_null() && !keeps_null {
            return Ok(());
        }
        if self.aggregate.distinct && !self.seen.insert(arguments.clone()) {
            return Ok(());
        }
        let order = self.aggregate.order.iter().map(|(key, ..)| run.evaluate(key, scope));
        let order = order.collect::<Result<_, _>>()?;
        self.rows.push((arguments, order));
        Ok(())
    }

    /// The aggregate's value.
    ///
    /// # Errors
    /// 22003
    pub(super) fn finish(mut self, session: &Session<'_>) -> Result<Value, SqlError> {
        if !self.aggregate.order.is_empty() {
            let keys = &self.aggregate.order;
            self.rows.sort_by(|(_, left), (_, right)| {
                let pairs = left.iter().zip(right).zip(keys);
                let by_key =
                    |((left, right), (_, descending, nulls_first)): (
                        (&Value, &Value),
                        &(_, bool, bool),
                    )| { directed(left, right, *descending, *nulls_first) };
                pairs.map(by_key).find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
            });
        } else if self.aggregate.distinct {
            self.rows.sort_by(|(left, _), (right, _)| left[0].order(&right[0]));
        }
        self.value(session)
    }

    /// The value over the rows taken so far, in their order.
    pub(super) fn value(&self, session: &Session<'_>) -> Result<Value, SqlError> {
        let first = || self.rows.iter().map(|(arguments, _)| &arguments[0]);
        let is_empty = self.rows.is_empty();
        let ty = self.aggregate.types.first().cloned().unwrap_or(PgType::Text);
        Ok(match self.aggregate.kind {
            AggregateKind::CountRows => Value::Int(self.row_count),
            AggregateKind::Count => Value::count(self.rows.len()),
            _ if is_empty => Value::Null,
            AggregateKind::Minimum => {
                first().min_by(|left, right| left.order(right)).cloned().unwrap_or(Value::Null)
            }
            AggregateKind::Maximum => {
                first().max_by(|left, right| left.order(right)).cloned().unwrap_or(Value::Null)
            }
            AggregateKind::BoolAnd => Value::Bool(first().all(|v| v.as_bool() == Some(true))),
            AggregateKind::BoolOr => Value::Bool(first().any(|v| v.as_bool() == Some(true))),
            AggregateKind::ArrayAgg => Value::array(first().cloned().collect()),
            AggregateKind::StringAgg => {
                let mut text = String::new();
                for (index, (arguments, _)) in self.rows.iter().enumerate() {
                    if index > 0 {
                        text.push_str(arguments[1].as_text().unwrap_or_default());
                    }
                    text.push_str(arguments[0].as_text().unwrap_or_default());
                }
                Value::text(text)
            }
            AggregateKind::JsonAgg => {
                let items = first().map(|value| to_json(session, value, &ty));
                Value::text(format!("[{}]", items.collect::<Vec<_>>().join(", ")))
            }
            AggregateKind::JsonObjectAgg => {
                let field = |(arguments, _): &(Vec<Value>, Vec<Value>)| {
                    let key = to_json(session, &arguments[0], &PgType::Text);
                    let value = to_json(session, &arguments[1], &self.aggregate.types[1]);
                    format!("{key} : {value}")
                };
                let fields: Vec<String> = self.rows.iter().map(field).collect();
                Value::text(format!("{{ {} }}", fields.join(", ")))
            }
            AggregateKind::Sum => sum(session, first(), &ty)?,
            AggregateKind::Average => average(session, first(), &ty, self.rows.len())?,
        })
    }
}

fn sum<'v>(
    session: &Session<'_>,
    values: impl Iterator<Item = &'v Value>,
    ty: &PgType,
) -> Result<Value, SqlError> {
    let overflow = || out_of_range("bigint");
    match ty {
        PgType::Base(Base::Int2 | Base::Int4) => {
            let add = |sum: i64, value: &Value| {
                sum.checked_add(value.as_int().unwrap_or(0)).ok_or_else(overflow)
            };
            values.into_iter().try_fold(0, add).map(Value::Int)
        }
        PgType::Base(Base::Float4 | Base::Float8) => {
            let number = |value: &Value| if let Value::Float(value) = value { *value } else { 0.0 };
            Ok(Value::Float(values.map(number).sum()))
        }
        ty => {
            let mut sum = Decimal::from_int(0);
            for value in values {
                if let Value::Decimal(next) = cast(session, value, ty, &PgType::Numeric)? {
                    sum = sum.add(next).ok_or_else(|| out_of_range("numeric"))?;
                }
            }
            Ok(Value::Decimal(sum))
        }
    }
}

fn average<'v>(
    session: &Session<'_>,
    values: impl Iterator<Item = &'v Value>,
    ty: &PgType,
    count: usize,
) -> Result<Value, SqlError> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    match sum(session, values, ty)? {
        Value::Float(sum) => Ok(Value::Float(sum / count as f64)),
        Value::Int(sum) => quotient(Decimal::from_int(sum), count),
        Value::Decimal(sum) => quotient(sum, count),
        other => Ok(other),
    }
}

fn quotient(sum: Decimal, count: i64) -> Result<Value, SqlError> {
    let quotient = sum.divide(Decimal::from_int(count));
    quotient.map(Value::Decimal).ok_or_else(|| out_of_range("numeric"))
}
