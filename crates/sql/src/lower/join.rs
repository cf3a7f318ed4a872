//! Joins: both sides arranged by their keys, which are computed below where they are expressions.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::{DFSchema, NullEquality};
use datafusion::logical_expr::{Expr, Join, JoinType};
use kappa_plan::{JoinKind, Node, Operator};
use kappa_types::SqlError;

use super::expression::{as_column, column, compile, remap};
use super::node::{lower as lower_node, pick, project_node};
use super::properties;

/// An inner, left or right join on equal keys.
pub(super) fn lower(join: &Join) -> Result<Node, SqlError> {
    let (kind, swapped) = match join.join_type {
        JoinType::Inner => (JoinKind::Inner, false),
        JoinType::Left => (JoinKind::Left, false),
        JoinType::Right => (JoinKind::Left, true),
        JoinType::Full => return Err(refused("FULL JOIN")),
        _ => return Err(refused("INTERSECT, EXCEPT or another semi or anti join")),
    };
    if join.on.is_empty() {
        return Err(SqlError::unsupported(
            "a join without an equality cannot be kept in a materialized view yet",
            "Join on at least one pair of equal columns; other conditions may be added.",
        ));
    }
    if join.null_equality == NullEquality::NullEqualsNull {
        return Err(refused("a join on IS NOT DISTINCT FROM"));
    }
    let (left_keys, right_keys): (Vec<&Expr>, Vec<&Expr>) =
        join.on.iter().map(|(left, right)| (left, right)).unzip();
    let left = side(lower_node(&join.left)?, join.left.schema(), &left_keys)?;
    let right = side(lower_node(&join.right)?, join.right.schema(), &right_keys)?;
    let residual = join.filter.as_ref().map(|filter| residual(filter, join)).transpose()?;
    let widths = (left.width, right.width);
    let (left, right) = if swapped { (right, left) } else { (left, right) };
    let shift = left.node.schema.fields().len();
    // Where column `index` of the logical join (left, then right) stands in the node's output.
    let place = |index: usize| {
        let is_left = index < widths.0;
        let own = if is_left { index } else { index - widths.0 };
        if is_left == swapped { own + shift } else { own }
    };
    let residual = residual.map(|expression| remap(&expression, place));
    let known = properties::join(
        kind,
        (&left.node.properties, &left.key),
        (&right.node.properties, &right.key),
        shift,
    );
    // A left join puts NULLs where the right side has no row.
    let of_right = right.node.schema.fields().iter().map(|field| match kind {
        JoinKind::Inner => Arc::clone(field),
        JoinKind::Left => Arc::new(field.as_ref().clone().with_nullable(true)),
    });
    let of_left = left.node.schema.fields().iter().cloned();
    let schema = Arc::new(Schema::new(of_left.chain(of_right).collect::<Vec<_>>()));
    let operator = Operator::Join {
        left: Box::new(left.arranged()),
        right: Box::new(right.arranged()),
        kind,
        residual,
    };
    let node = Node { operator, schema, properties: known };
    let output: Vec<usize> = (0..widths.0 + widths.1).map(place).collect();
    let mut node = pick(node, &output);
    node.schema = super::node::arrow_schema(&join.schema);
    Ok(node)
}

fn refused(what: &str) -> SqlError {
    SqlError::unsupported(
        format!("{what} cannot be kept in a materialized view yet"),
        "Views have inner, left and right joins on equal columns; a SELECT has the others.",
    )
}

/// One side with its key columns.
struct Side {
    node: Node,
    key: Vec<usize>,
    /// Columns without those that were appended for the key.
    width: usize,
}

impl Side {
    fn arranged(self) -> Node {
        let (schema, properties) = (Arc::clone(&self.node.schema), self.node.properties.clone());
        let operator = Operator::Arrange { input: Box::new(self.node), key: self.key };
        Node { operator, schema, properties }
    }
}

/// Appends what the key needs and the side does not have.
fn side(input: Node, schema: &DFSchema, keys: &[&Expr]) -> Result<Side, SqlError> {
    let width = input.schema.fields().len();
    let mut expressions: Vec<_> =
        (0..width).map(|index| column(index, input.schema.field(index))).collect();
    let mut key = Vec::with_capacity(keys.len());
    for (number, expr) in keys.iter().enumerate() {
        let expression = compile(expr, schema, format!("key_{number}"))?;
        key.push(as_column(&expression).unwrap_or(expressions.len()));
        if as_column(&expression).is_none() {
            expressions.push(expression);
        }
    }
    let node = if expressions.len() == width { input } else { project_node(input, expressions) };
    Ok(Side { node, key, width })
}

/// The further condition, over left columns and then right columns.
fn residual(filter: &Expr, join: &Join) -> Result<kappa_plan::Expression, SqlError> {
    let both = join.left.schema().join(join.right.schema()).map_err(super::plan_error)?;
    compile(filter, &both, "on")
}
