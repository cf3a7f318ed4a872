//! [`map_named`]: changes the expressions of a plan node and keeps the names of its columns.

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// The node with `change` done to each of its expressions, and to each key in a grouping set: the set
/// has no name, the keys in it have.
pub(crate) fn map_named(
    node: LogicalPlan,
    change: &dyn Fn(Expr) -> Result<Transformed<Expr>>,
) -> Result<Transformed<LogicalPlan>> {
    let names = NamePreserver::new(&node);
    let named = |expr: Expr| {
        let saved = names.save(&expr);
        Ok(change(expr)?.update_data(|expr| saved.restore(expr)))
    };
    node.map_expressions(|expr| match expr {
        Expr::GroupingSet(_) => expr.map_children(&named),
        expr => named(expr),
    })
}
