//! [`Simplify`]: DataFusion's simplification without its arithmetic of IN lists.
//!
//! DataFusion makes one list of two that stand beside each other in AND or OR, by intersection, union
//! or difference of their items. That is right for values that differ and for nothing else: a list
//! with a NULL, two items that are columns and happen to be equal, and an operand that is NULL itself
//! all get another answer. So lists that could meet are covered by calls of a function that nobody
//! knows while the rule runs. A list that stands alone is simplified as ever.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::BinaryExpr;
use datafusion::logical_expr::utils::split_binary;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use crate::named::map_named;

/// DataFusion's rule that folds constants and simplifies conditions, in three-valued logic.
#[derive(Debug, Default)]
pub(crate) struct Simplify {
    inner: SimplifyExpressions,
}

impl OptimizerRule for Simplify {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.inner.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let covered = map_named(plan, &cover)?;
        let simplified = self.inner.rewrite(covered.data, config)?;
        if !covered.transformed {
            return Ok(simplified);
        }
        let plain = map_named(simplified.data, &uncover)?.data;
        Ok(Transformed::new_transformed(plain, simplified.transformed))
    }
}

/// An expression in which lists that could meet are covered.
fn cover(expr: Expr) -> Result<Transformed<Expr>> {
    if list_count(&expr)? < 2 {
        return Ok(Transformed::no(expr));
    }
    expr.transform_up(|part| {
        Ok(if matches!(part, Expr::InList(_)) || is_equality(&part) {
            Transformed::yes(COVER.call(vec![part]))
        } else {
            Transformed::no(part)
        })
    })
}

/// The expression without what [`cover`] put into it.
fn uncover(expr: Expr) -> Result<Transformed<Expr>> {
    expr.transform_up(|part| match part {
        Expr::ScalarFunction(mut call)
            if Arc::ptr_eq(&call.func, &COVER) && call.args.len() == 1 =>
        {
            Ok(Transformed::yes(call.args.remove(0)))
        }
        other => Ok(Transformed::no(other)),
    })
}

/// How many IN lists the expression has, where the equalities of one OR are the list that DataFusion
/// would make of them.
fn list_count(expr: &Expr) -> Result<usize> {
    let mut count = 0;
    expr.apply(|part| {
        if matches!(part, Expr::InList(_)) {
            count += 1;
        }
        if matches!(part, Expr::BinaryExpr(BinaryExpr { op: Operator::Or, .. })) {
            let operands = split_binary(part, Operator::Or);
            count += usize::from(operands.iter().any(|operand| is_equality(operand)));
            for operand in operands.into_iter().filter(|operand| !is_equality(operand)) {
                count += list_count(operand)?;
            }
            return Ok(TreeNodeRecursion::Jump);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(count)
}

fn is_equality(expr: &Expr) -> bool {
    matches!(expr, Expr::BinaryExpr(BinaryExpr { op: Operator::Eq, .. }))
}

/// The function that covers its argument and has its value.
static COVER: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    Arc::new(ScalarUDF::new_from_impl(Cover(Signature::any(1, Volatility::Immutable))))
});

#[derive(Debug, PartialEq, Eq, Hash)]
struct Cover(Signature);

impl ScalarUDFImpl for Cover {
    fn name(&self) -> &'static str {
        "cover"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), DataType::Boolean, nullable)))
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(args.args.remove(0))
    }
}
