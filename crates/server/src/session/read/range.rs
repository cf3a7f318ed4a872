//! What filters say about single columns, as ranges that prune segments and chunks.
//!
//! The one idea: a range may be too wide, never too narrow, so anything not understood is ignored.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use kappa_types::{ColumnId, Schema};

/// Column, least and greatest value of interest; integers as they are, dates in days, times in
/// microseconds.
pub(super) type Range = (ColumnId, Option<i64>, Option<i64>);

/// The ranges that all of `filters` together imply.
#[must_use]
pub(super) fn ranges_of(filters: &[Expr], schema: &Schema) -> Vec<Range> {
    let mut ranges = Vec::new();
    for filter in filters {
        collect(filter, schema, &mut ranges);
    }
    ranges
}

fn collect(filter: &Expr, schema: &Schema, ranges: &mut Vec<Range>) {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            collect(left, schema, ranges);
            collect(right, schema, ranges);
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            if let (Some(column), Some(value)) = (column_of(left, schema), integer_of(right)) {
                ranges.extend(range(column, *op, value));
            } else if let (Some(value), Some(column)) = (integer_of(left), column_of(right, schema))
            {
                ranges.extend(op.swap().and_then(|op| range(column, op, value)));
            }
        }
        Expr::Between(between) if !between.negated => {
            if let Some(column) = column_of(&between.expr, schema) {
                let (low, high) = (integer_of(&between.low), integer_of(&between.high));
                ranges.push((column, low, high));
            }
        }
        _ => {}
    }
}

/// Strict comparisons give the same range as inclusive ones: it may be too wide.
const fn range(column: ColumnId, op: Operator, value: i64) -> Option<Range> {
    match op {
        Operator::Eq => Some((column, Some(value), Some(value))),
        Operator::Gt | Operator::GtEq => Some((column, Some(value), None)),
        Operator::Lt | Operator::LtEq => Some((column, None, Some(value))),
        _ => None,
    }
}

fn column_of(expr: &Expr, schema: &Schema) -> Option<ColumnId> {
    let Expr::Column(column) = expr else { return None };
    let index = schema.index_of(&column.name)?;
    Some(schema.columns[index].id)
}

fn integer_of(expr: &Expr) -> Option<i64> {
    let Expr::Literal(value, _) = expr else { return None };
    match value {
        ScalarValue::Int16(value) => value.map(i64::from),
        ScalarValue::Int32(value) | ScalarValue::Date32(value) => value.map(i64::from),
        ScalarValue::Int64(value)
        | ScalarValue::TimestampMicrosecond(value, _)
        | ScalarValue::Time64Microsecond(value) => *value,
        _ => None,
    }
}
