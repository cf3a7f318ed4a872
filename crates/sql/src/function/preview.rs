//! The type that a call will have, before it is resolved: its arguments are stood in for by columns.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::logical_expr::{Expr, ExprSchemable};

use super::{FunctionContext, FunctionRegistry};
use crate::typing::{Parameters, Resolver};

/// The field of the resolved call; `None` where it does not resolve.
pub(super) fn result_field(
    registry: &Arc<FunctionRegistry>,
    context: FunctionContext,
    name: &str,
    fields: &[FieldRef],
    constants: &[Option<&ScalarValue>],
) -> Option<FieldRef> {
    let columns: Vec<Field> = fields
        .iter()
        .enumerate()
        .map(|(index, field)| field.as_ref().clone().with_name(format!("c{index}")))
        .collect();
    let schema = DFSchema::from_unqualified_fields(columns.into(), Default::default()).ok()?;
    let args = constants
        .iter()
        .enumerate()
        .map(|(index, constant)| match constant {
            Some(value) => Expr::Literal((*value).clone(), None),
            None => Expr::Column(Column::new_unqualified(format!("c{index}"))),
        })
        .collect();
    let parameters = Parameters::default();
    let resolver = Resolver::new(Arc::clone(registry), context, &parameters, false);
    let expr = resolver.named_call(name, args, &schema).ok()?;
    expr.to_field(&schema).ok().map(|(_, field)| field)
}
