//! Functions of one time that never fall when it rises: which they are, and what a bound of the
//! value says of the time.
//!
//! ```text
//! date_trunc('hour', t) >= b   =>   t >= b          a time is not before the start of its window
//! t + interval '1 min'  >= b   =>   t >= b - 1 min
//! ```

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use kappa_plan::WatermarkStep;

use super::window::interval_micros;

/// Functions of a constant and a time, in this order, that give the start of its window.
const FLOORS: &[&str] = &["date_trunc", "date_bin", "time_bucket"];
/// Sums of a time and a constant interval, under the names that arithmetic has here.
const SHIFTS: &[&str] = &["+", "-", "kappa_add", "kappa_subtract", "add", "subtract", "kappa_sub"];

/// One step of a monotone expression, and what is below it.
enum Step<'e> {
    Column(usize),
    /// The same time or the start of its day.
    Cast(&'e Arc<dyn PhysicalExpr>),
    /// The start of its window.
    Floor(&'e Arc<dyn PhysicalExpr>),
    /// Another time by a constant interval, in microseconds where it has no months.
    Shift(&'e Arc<dyn PhysicalExpr>, Option<i64>),
}

/// Whether the expression never falls when its one column rises.
pub(super) fn is_monotone(physical: &Arc<dyn PhysicalExpr>) -> bool {
    match step(physical) {
        Some(Step::Column(_)) => true,
        Some(Step::Cast(inner) | Step::Floor(inner) | Step::Shift(inner, _)) => is_monotone(inner),
        None => false,
    }
}

/// The column of a monotone expression, and the way from a bound of its value to one of the column.
pub(super) fn inverse(physical: &Arc<dyn PhysicalExpr>) -> Option<(usize, Vec<WatermarkStep>)> {
    match step(physical)? {
        Step::Column(column) => Some((column, Vec::new())),
        Step::Cast(inner) | Step::Floor(inner) => inverse(inner),
        Step::Shift(inner, micros) => {
            let (column, below) = inverse(inner)?;
            let back = WatermarkStep::Shift(micros?.checked_neg()?);
            Some((column, std::iter::once(back).chain(below).collect()))
        }
    }
}

fn step(physical: &Arc<dyn PhysicalExpr>) -> Option<Step<'_>> {
    let expr: &dyn PhysicalExpr = physical.as_ref();
    if let Some(column) = expr.downcast_ref::<Column>() {
        return Some(Step::Column(column.index()));
    }
    if let Some(cast) = expr.downcast_ref::<CastExpr>() {
        // The time of the day falls at midnight.
        let keeps_day = matches!(
            cast.cast_type(),
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64
        );
        return keeps_day.then(|| Step::Cast(cast.expr()));
    }
    let call = expr.downcast_ref::<ScalarFunctionExpr>()?;
    let name = call.name().to_ascii_lowercase();
    let mut varying =
        (0..call.args().len()).filter(|index| literal(&call.args()[*index]).is_none());
    let (place, None) = (varying.next()?, varying.next()) else { return None };
    let time = &call.args()[place];
    if FLOORS.contains(&name.as_str()) {
        return (place == 1).then_some(Step::Floor(time));
    }
    let falls = name.contains("sub") || name == "-";
    // `constant - time` falls.
    if !SHIFTS.contains(&name.as_str()) || (falls && place != 0) {
        return None;
    }
    let micros = call.args().iter().find_map(literal).and_then(interval_micros);
    let micros = if falls { micros.and_then(i64::checked_neg) } else { micros };
    Some(Step::Shift(time, micros))
}

fn literal(physical: &Arc<dyn PhysicalExpr>) -> Option<&ScalarValue> {
    let expr: &dyn PhysicalExpr = physical.as_ref();
    expr.downcast_ref::<Literal>().map(Literal::value)
}
