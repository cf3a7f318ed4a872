//! A naive evaluator of plans: loops over rows in memory. What views are compared with.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::ScalarValue;
use kappa_plan::{Aggregate, AggregateFunction as F, Expression, JoinKind, Node, Operator, Window};

pub(crate) type Row = Vec<ScalarValue>;

/// The rows of each relation, duplicates listed.
pub(crate) type Database = BTreeMap<u32, Vec<Row>>;

/// The rows of a plan.
pub(crate) fn rows_of(node: &Node, database: &Database) -> Vec<Row> {
    match &node.operator {
        Operator::Input(input) => database[&input.relation.0].clone(),
        Operator::Constant { rows } => (0..rows.num_rows()).map(|row| row_at(rows, row)).collect(),
        Operator::Filter { input, predicate } => {
            let mut rows = rows_of(input, database);
            rows.retain(|row| is_true(predicate, &input.schema, row));
            rows
        }
        Operator::Project { input, expressions } => rows_of(input, database)
            .iter()
            .map(|row| expressions.iter().map(|e| value(e, &input.schema, row)).collect())
            .collect(),
        Operator::Arrange { input, .. } => rows_of(input, database),
        Operator::Union { inputs } => inputs.iter().flat_map(|i| rows_of(i, database)).collect(),
        Operator::Aggregate { input, keys, aggregates } => {
            grouped(rows_of(input, database), keys, aggregates)
        }
        Operator::WindowAggregate { input, time, window, keys, aggregates, .. } => {
            let mut keys: Vec<usize> = keys.clone();
            let width = input.schema.fields().len();
            keys.extend([width, width + 1]);
            let rows = rows_of(input, database);
            let rows = rows.into_iter().flat_map(|row| in_windows(row, *time, window)).collect();
            grouped(rows, &keys, aggregates)
        }
        Operator::Join { left, right, kind, residual } => {
            joined(node, [left, right], *kind, residual.as_ref(), database)
        }
        Operator::AssignWindow { input, time, window } => rows_of(input, database)
            .into_iter()
            .flat_map(|row| in_windows(row, *time, window))
            .collect(),
        Operator::Close { .. } | Operator::Frozen { .. } => {
            unreachable!("closing depends on the order of commits")
        }
    }
}

/// A row once per window, with its start and end.
fn in_windows(row: Row, time: usize, window: &Window) -> Vec<Row> {
    let ScalarValue::TimestampMicrosecond(Some(micros), _) = row[time] else { return Vec::new() };
    let (size, slide) = match *window {
        Window::Tumble { size_micros, .. } => (size_micros, size_micros),
        Window::Hop { size_micros, slide_micros, .. } => (size_micros, slide_micros),
        Window::Calendar { .. } => unreachable!("not generated"),
    };
    let newest = micros.div_euclid(slide) * slide;
    (0..size / slide)
        .map(|number| newest - number * slide)
        .map(|start| {
            let stamp = |micros| ScalarValue::TimestampMicrosecond(Some(micros), None);
            let mut row = row.clone();
            row.extend([stamp(start), stamp(start + size)]);
            row
        })
        .collect()
}

fn joined(
    node: &Node,
    sides: [&Node; 2],
    kind: JoinKind,
    residual: Option<&Expression>,
    database: &Database,
) -> Vec<Row> {
    let key = |side: &Node| match &side.operator {
        Operator::Arrange { key, .. } => key.clone(),
        _ => unreachable!("joins are over arrangements"),
    };
    let keys = sides.map(key);
    let [left, right] = sides.map(|side| rows_of(side, database));
    let mut rows = Vec::new();
    for a in &left {
        let mut partners = 0;
        for b in &right {
            let equal = keys[0]
                .iter()
                .zip(&keys[1])
                .all(|(i, j)| !a[*i].is_null() && !b[*j].is_null() && text(&a[*i]) == text(&b[*j]));
            let pair: Row = a.iter().chain(b).cloned().collect();
            if equal && residual.is_none_or(|residual| is_true(residual, &node.schema, &pair)) {
                partners += 1;
                rows.push(pair);
            }
        }
        if partners == 0 && kind == JoinKind::Left {
            let fields = &node.schema.fields()[a.len()..];
            let nulls = fields.iter().map(|f| ScalarValue::try_from(f.data_type()).unwrap());
            rows.push(a.iter().cloned().chain(nulls).collect());
        }
    }
    rows
}

fn grouped(rows: Vec<Row>, keys: &[usize], aggregates: &[Aggregate]) -> Vec<Row> {
    let mut groups: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    if keys.is_empty() {
        groups.insert(String::new(), Vec::new());
    }
    for row in rows {
        let name = keys.iter().map(|key| text(&row[*key]) + "|").collect();
        groups.entry(name).or_default().push(row);
    }
    groups
        .into_values()
        .map(|rows| {
            let mut result: Row = keys.iter().map(|key| canonical(rows[0][*key].clone())).collect();
            result.extend(aggregates.iter().map(|call| aggregated(call, &rows)));
            result
        })
        .collect()
}

fn aggregated(call: &Aggregate, rows: &[Row]) -> ScalarValue {
    let selected = rows.iter().filter(|row| {
        call.filter.is_none_or(|filter| row[filter] == ScalarValue::Boolean(Some(true)))
    });
    let Some(argument) = call.argument else {
        return ScalarValue::Int64(Some(selected.count() as i64));
    };
    let mut values: Vec<ScalarValue> =
        selected.map(|row| canonical(row[argument].clone())).filter(|v| !v.is_null()).collect();
    if call.distinct {
        let mut seen = std::collections::BTreeSet::new();
        values.retain(|value| seen.insert(text(value)));
    }
    let null = ScalarValue::try_from(&call.sql_type.arrow()).unwrap();
    match call.function {
        F::Count => ScalarValue::Int64(Some(values.len() as i64)),
        _ if values.is_empty() => null,
        F::Min | F::Max => {
            values.sort_by(|a, b| match (a, b) {
                // NaN last, which is what total_cmp does for the canonical NaN.
                (ScalarValue::Float64(Some(a)), ScalarValue::Float64(Some(b))) => a.total_cmp(b),
                _ => a.partial_cmp(b).unwrap(),
            });
            let index = if call.function == F::Min { 0 } else { values.len() - 1 };
            values[index].clone()
        }
        F::BoolAnd => ScalarValue::Boolean(Some(values.iter().all(is_set))),
        F::BoolOr => ScalarValue::Boolean(Some(values.iter().any(is_set))),
        F::Sum => match null {
            ScalarValue::Decimal128(_, precision, scale) => {
                let sum: i128 = values.iter().map(long).sum();
                let shift = 10_i128.pow(scale as u32);
                ScalarValue::Decimal128(Some(sum * shift), precision, scale)
            }
            ScalarValue::Float64(_) => {
                ScalarValue::Float64(Some(values.iter().map(double).sum::<f64>()))
            }
            other => unreachable!("{other:?}"),
        },
        F::Avg => {
            let sum: i128 = values.iter().map(long).sum();
            let count = values.len() as i128;
            let ScalarValue::Decimal128(_, precision, scale) = null else { unreachable!() };
            let numerator = sum * 10_i128.pow(scale as u32);
            let half = if numerator < 0 { -(count / 2) } else { count / 2 };
            let odd = numerator + half;
            ScalarValue::Decimal128(Some(odd / count), precision, scale)
        }
        other => unreachable!("{other:?} is not generated"),
    }
}

fn is_set(value: &ScalarValue) -> bool {
    *value == ScalarValue::Boolean(Some(true))
}

fn long(value: &ScalarValue) -> i128 {
    match value {
        ScalarValue::Int64(Some(value)) => (*value).into(),
        other => unreachable!("{other:?}"),
    }
}

fn double(value: &ScalarValue) -> f64 {
    match value {
        ScalarValue::Float64(Some(value)) => *value,
        other => unreachable!("{other:?}"),
    }
}

/// One NaN, one zero.
fn canonical(value: ScalarValue) -> ScalarValue {
    match value {
        ScalarValue::Float64(Some(v)) if v.is_nan() => ScalarValue::Float64(Some(f64::NAN)),
        ScalarValue::Float64(Some(v)) => ScalarValue::Float64(Some(v + 0.0)),
        other => other,
    }
}

/// A value as a name: equal for equal values.
pub(crate) fn text(value: &ScalarValue) -> String {
    format!("{:?}", canonical(value.clone()))
}

fn row_at(batch: &RecordBatch, row: usize) -> Row {
    let value = |column: &ArrayRef| ScalarValue::try_from_array(column, row).unwrap();
    batch.columns().iter().map(value).collect()
}

/// Rows as a batch.
pub(crate) fn batch(schema: &SchemaRef, rows: &[Row]) -> RecordBatch {
    let column = |index: usize| -> ArrayRef {
        if rows.is_empty() {
            return arrow::array::new_empty_array(schema.field(index).data_type());
        }
        ScalarValue::iter_to_array(rows.iter().map(|row| row[index].clone())).unwrap()
    };
    let columns = (0..schema.fields().len()).map(column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).unwrap()
}

fn value(expression: &Expression, schema: &SchemaRef, row: &Row) -> ScalarValue {
    let batch = batch(schema, std::slice::from_ref(row));
    let array = expression.physical.evaluate(&batch).unwrap().into_array(1).unwrap();
    ScalarValue::try_from_array(&array, 0).unwrap()
}

fn is_true(expression: &Expression, schema: &SchemaRef, row: &Row) -> bool {
    let batch = batch(schema, std::slice::from_ref(row));
    let array = expression.physical.evaluate(&batch).unwrap().into_array(1).unwrap();
    let array = array.as_boolean();
    array.iter().next().flatten() == Some(true)
}
