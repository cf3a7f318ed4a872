//! [`with_subquery_rows`]: VALUES with a subquery in it, as a UNION of rows that are computed when the
//! query runs. DataFusion computes VALUES while it plans, before any subquery has an answer.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{
    EmptyRelation, Expr, ExprSchemable, LogicalPlan, Projection, Union, Values,
};

/// The plan with the VALUES made rows in which a subquery stands.
pub(super) fn with_subquery_rows(plan: LogicalPlan) -> Result<LogicalPlan> {
    let changed = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Values(values) if values.values.iter().flatten().any(has_subquery) => {
            Ok(Transformed::yes(union(values)?))
        }
        other => Ok(Transformed::no(other)),
    });
    Ok(changed?.data)
}

fn union(values: Values) -> Result<LogicalPlan> {
    let Values { schema, values } = values;
    let row = |cells: Vec<Expr>| {
        let empty = EmptyRelation { produce_one_row: true, schema: Arc::new(DFSchema::empty()) };
        let cells = cells.into_iter().zip(schema.fields()).map(|(cell, field)| {
            let cell = cell.cast_to(field.data_type(), &empty.schema)?;
            Ok(cell.alias_with_metadata(field.name(), Some(field.metadata().into())))
        });
        let cells = cells.collect::<Result<Vec<_>>>()?;
        let input = Arc::new(LogicalPlan::EmptyRelation(empty));
        let row = Projection::try_new_with_schema(cells, input, Arc::clone(&schema))?;
        Ok(Arc::new(LogicalPlan::Projection(row)))
    };
    let mut rows = values.into_iter().map(row).collect::<Result<Vec<_>>>()?;
    Ok(match rows.len() {
        1 => Arc::unwrap_or_clone(rows.swap_remove(0)),
        _ => LogicalPlan::Union(Union { inputs: rows, schema }),
    })
}

fn has_subquery(expr: &Expr) -> bool {
    let is_subquery = |part: &Expr| {
        Ok(matches!(part, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_)))
    };
    expr.exists(is_subquery).unwrap_or(true)
}
