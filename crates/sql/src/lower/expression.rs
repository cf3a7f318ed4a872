//! Logical expressions into [`Expression`]s, and positions moved when nodes are rearranged.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{self, DFSchema, ScalarValue};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use kappa_plan::Expression;
use kappa_types::text::{ColumnFormatter, TextOptions};
use kappa_types::{SqlError, SqlState, SqlType};

use super::plan_error;

/// `expr` over rows of `schema`, named `name`.
pub(crate) fn compile(
    expr: &Expr,
    schema: &DFSchema,
    name: impl Into<String>,
) -> Result<Expression, SqlError> {
    let bare = without_coalesce(expr.clone().unalias()).map_err(plan_error)?;
    let physical = create_physical_expr(&bare, schema, &ExecutionProps::new(), &Default::default())
        .map_err(plan_error)?;
    let (_, field) = bare.to_field(schema).map_err(plan_error)?;
    let sql_type = SqlType::of_field(&field).ok_or_else(|| {
        SqlError::new(
            SqlState::DatatypeMismatch,
            format!("values of type {} cannot be kept", field.data_type()),
        )
    })?;
    Ok(Expression { physical, name: name.into(), sql_type, text: text(&bare) })
}

/// The expression with every coalesce() as the CASE that it stands for: DataFusion's optimizer writes
/// it so and its coalesce() cannot run, but rules of rows and ON CONFLICT never pass the optimizer.
fn without_coalesce(expr: Expr) -> datafusion::common::Result<Expr> {
    let changed = expr.transform_up(|part| match part {
        Expr::ScalarFunction(call) if call.func.name() == "coalesce" => {
            let mut args = call.args;
            let last = args.pop().map(Box::new);
            let when = |arg: Expr| (Box::new(arg.clone().is_not_null()), Box::new(arg));
            let whens = args.into_iter().map(when).collect();
            Ok(Transformed::yes(Expr::Case(Case::new(None, whens, last))))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(changed.data)
}

/// The expression as EXPLAIN and `kappa_errors` show it: constants as they are written in SQL.
fn text(expr: &Expr) -> String {
    let shown = expr.clone().transform_up(|part| {
        Ok(match &part {
            Expr::Literal(value, _) => match constant(value) {
                Some(constant) => {
                    Transformed::yes(Expr::Column(common::Column::new_unqualified(constant)))
                }
                None => Transformed::no(part),
            },
            _ => Transformed::no(part),
        })
    });
    shown.map_or_else(|_| expr.human_display().to_string(), |s| s.data.human_display().to_string())
}

/// A constant as it is written in SQL, if its type is one of SQL.
fn constant(value: &ScalarValue) -> Option<String> {
    if value.is_null() {
        return Some("NULL".to_owned());
    }
    let sql_type = SqlType::of_field(&Field::new("constant", value.data_type(), true))?;
    let array = value.to_array().ok()?;
    let options = TextOptions::default();
    let formatter = ColumnFormatter::new(array.as_ref(), &sql_type, &options).ok()?;
    let mut text = Vec::new();
    formatter.write(0, &mut text);
    let text = String::from_utf8_lossy(&text);
    let data_type = value.data_type();
    Some(match data_type.is_numeric() || data_type == DataType::Boolean {
        true => text.into_owned(),
        false => format!("'{}'", text.replace('\'', "''")),
    })
}

/// A column as it is.
pub(super) fn column(index: usize, field: &Field) -> Expression {
    Expression {
        physical: Arc::new(Column::new(field.name(), index)),
        name: field.name().clone(),
        sql_type: SqlType::of_field(field).unwrap_or(SqlType::Text),
        text: field.name().clone(),
    }
}

/// The position of the column that the expression is, if it is nothing else.
pub(super) fn as_column(expression: &Expression) -> Option<usize> {
    let physical: &dyn PhysicalExpr = expression.physical.as_ref();
    physical.downcast_ref::<Column>().map(Column::index)
}

/// Every column in it.
pub(super) fn columns_of(expression: &Expression) -> Vec<usize> {
    let mut columns = Vec::new();
    let walked = expression.physical.apply(|part| {
        let part: &dyn PhysicalExpr = part.as_ref();
        columns.extend(part.downcast_ref::<Column>().map(Column::index));
        Ok(TreeNodeRecursion::Continue)
    });
    walked.expect("looking at columns cannot fail");
    columns
}

/// The expression with each column at the position that `to` gives.
pub(super) fn remap(expression: &Expression, to: impl Fn(usize) -> usize) -> Expression {
    let moved = Arc::clone(&expression.physical).transform(|part| {
        let physical: &dyn PhysicalExpr = part.as_ref();
        Ok(match physical.downcast_ref::<Column>() {
            Some(column) => {
                let moved = Column::new(column.name(), to(column.index()));
                Transformed::yes(Arc::new(moved) as Arc<dyn PhysicalExpr>)
            }
            None => Transformed::no(part),
        })
    });
    let physical = moved.expect("moving columns cannot fail").data;
    Expression { physical, ..expression.clone() }
}
