//! The other side of a join: a row of it that comes later changes rows of this side that came
//! before, so its watermark bounds them, too.
//!
//! ```text
//! x JOIN y ON x.window_start = y.window_start              y's windows bound those of x
//! x JOIN y ON x.k = y.k AND y.at < x.window_end            the time of y bounds the ends of x
//! x JOIN t ON x.k = t.k                                    t has no say: it is as it is at the close
//! ```

use std::sync::Arc;

use datafusion::logical_expr::Operator as Binary;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::BinaryExpr;
use kappa_plan::{Expression, Node, Operator, WatermarkLineage, WatermarkStep};
use kappa_types::SqlError;

use super::expression::{columns_of, remap};
use super::lineage::{is_of_time, lineage, mapped};
use super::monotone::{inverse, is_monotone};
use super::window_column::between;

/// The watermarks of the side that `column` is not of, as far as they bound it; none where the join
/// does not look at a time of that side.
///
/// # Errors
/// 0A000 if it looks at one that may join however old `column` is.
pub(super) fn of_other_side(join: &Node, column: usize) -> Result<Vec<WatermarkLineage>, SqlError> {
    let Operator::Join { left, right, residual, .. } = &join.operator else {
        return Ok(Vec::new());
    };
    let width = left.schema.fields().len();
    let sides = if column < width {
        Sides { own: left, own_first: 0, other: right, other_first: width }
    } else {
        Sides { own: right, own_first: width, other: left, other_first: 0 }
    };
    let column = column - sides.own_first;
    let mut looks_at_time = false;
    for (own, other) in sides.keys() {
        if let Ok(bounds) = lineage(sides.other, other)
            && let Some(way) = between(sides.own, own, column)
        {
            return Ok(mapped(bounds, &way));
        }
        looks_at_time |= is_of_time(sides.other, other);
    }
    if let Some(residual) = residual {
        let mut conditions = conjuncts(&residual.physical).into_iter();
        if let Some(bounds) = conditions.find_map(|one| sides.bounds_of(one, residual, column)) {
            return Ok(bounds);
        }
        let mut others = columns_of(residual).into_iter().filter_map(|column| sides.other(column));
        looks_at_time |= others.any(|column| is_of_time(sides.other, column));
    }
    if looks_at_time { Err(refused()) } else { Ok(Vec::new()) }
}

/// The two sides as seen from a column of one of them.
struct Sides<'n> {
    own: &'n Node,
    /// Its first column in the rows of the join.
    own_first: usize,
    other: &'n Node,
    /// Its first column in the rows of the join.
    other_first: usize,
}

impl Sides<'_> {
    /// The pairs of columns that are equal.
    fn keys(&self) -> Vec<(usize, usize)> {
        match (&self.own.operator, &self.other.operator) {
            (Operator::Arrange { key: own, .. }, Operator::Arrange { key: other, .. }) => {
                own.iter().copied().zip(other.iter().copied()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Column `column` of the join as one of the other side.
    fn other(&self, column: usize) -> Option<usize> {
        let own = column.checked_sub(self.other_first)?;
        (own < self.other.schema.fields().len()).then_some(own)
    }

    /// Column `column` of the join as one of this side.
    fn own(&self, column: usize) -> Option<usize> {
        let own = column.checked_sub(self.own_first)?;
        (own < self.own.schema.fields().len()).then_some(own)
    }

    /// The bounds of `column` by a condition `time of the other side < time of this side`.
    fn bounds_of(
        &self,
        condition: &Arc<dyn PhysicalExpr>,
        residual: &Expression,
        column: usize,
    ) -> Option<Vec<WatermarkLineage>> {
        let (less, more, is_strict) = comparison(condition)?;
        let less = Expression { physical: Arc::clone(less), ..residual.clone() };
        let (from, back) = inverse(more)?;
        let way = between(self.own, self.own(from)?, column)?;
        if !is_monotone(&less.physical) {
            return None;
        }
        let time = self.other(*columns_of(&less).first()?)?;
        let bounds = mapped(
            lineage(self.other, time).ok()?,
            &[WatermarkStep::Expression(remap(&less, |_| 0))],
        );
        let beyond = is_strict.then_some(WatermarkStep::Shift(1));
        let steps: Vec<_> = beyond.into_iter().chain(back).chain(way).collect();
        Some(mapped(bounds, &steps))
    }
}

fn refused() -> SqlError {
    SqlError::unsupported(
        "windows cannot close over a join by a time of the other side that they do not bound",
        "Join on equal window starts or equal date_trunc, or add AND other.at < window_end.",
    )
}

/// The parts of a condition that must all be true.
fn conjuncts(physical: &Arc<dyn PhysicalExpr>) -> Vec<&Arc<dyn PhysicalExpr>> {
    let expr: &dyn PhysicalExpr = physical.as_ref();
    match expr.downcast_ref::<BinaryExpr>() {
        Some(both) if *both.op() == Binary::And => {
            conjuncts(both.left()).into_iter().chain(conjuncts(both.right())).collect()
        }
        _ => vec![physical],
    }
}

/// The lesser side of a comparison, its greater side, and whether they differ.
type Compared<'a> = (&'a Arc<dyn PhysicalExpr>, &'a Arc<dyn PhysicalExpr>, bool);

/// A comparison by `<`, `<=`, `>` or `>=`.
fn comparison(physical: &Arc<dyn PhysicalExpr>) -> Option<Compared<'_>> {
    let expr: &dyn PhysicalExpr = physical.as_ref();
    let both = expr.downcast_ref::<BinaryExpr>()?;
    let (left, right) = (both.left(), both.right());
    match both.op() {
        Binary::Lt => Some((left, right, true)),
        Binary::LtEq => Some((left, right, false)),
        Binary::Gt => Some((right, left, true)),
        Binary::GtEq => Some((right, left, false)),
        _ => None,
    }
}
