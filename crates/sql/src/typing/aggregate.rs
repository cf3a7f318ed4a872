//! Types of aggregate calls, alone and over windows.

use datafusion::common::DFSchema;
use datafusion::logical_expr::expr::{
    AggregateFunction, AggregateFunctionParams, Alias, Case, WindowFunction,
};
use datafusion::logical_expr::{Expr, WindowFunctionDefinition};
use kappa_types::{SqlError, SqlType};

use super::{Conversion, Resolver};
use crate::function::{called_aggregate, choose_aggregate, one_form, sorted};

impl Resolver<'_> {
    pub(super) fn aggregate(
        &self,
        function: AggregateFunction,
        schema: &DFSchema,
    ) -> Result<Expr, SqlError> {
        let AggregateFunction { func, params } = function;
        let args = match called_aggregate(&func).name() {
            "grouping" => self.named_keys(params.args, schema)?,
            _ => self.settled_all(params.args, schema)?,
        };
        let types = self.types_of(&args, schema)?;
        let choice = choose_aggregate(&called_aggregate(&func), &types)?;
        let name = choice.function.name().to_owned();
        let filter = match params.filter {
            Some(filter) => Some(Box::new(self.boolean_arg(*filter, schema, "FILTER")?)),
            None => None,
        };
        let args = args
            .into_iter()
            .map(|arg| only_where(filter.as_deref(), arg))
            .zip(&choice.arguments)
            .map(|(arg, to)| match to {
                Some(to) => self.coerce(arg, to, schema, Conversion::Explicit),
                None => Ok(arg),
            })
            .map(|arg| if params.distinct { self.in_one_form(arg?, &name, schema) } else { arg })
            .collect::<Result<Vec<_>, _>>()?;
        let order_by = self.sorts(params.order_by, schema)?.into_iter().map(|mut sort| {
            sort.expr = only_where(filter.as_deref(), sort.expr);
            sort
        });
        let order_by = order_by.collect();
        let params = AggregateFunctionParams {
            args,
            distinct: params.distinct,
            filter,
            order_by,
            null_treatment: params.null_treatment,
        };
        Ok(Expr::AggregateFunction(AggregateFunction { func: choice.function, params }))
    }

    /// The argument of an aggregate of distinct values, in a form in which equal ones are the same.
    fn in_one_form(&self, arg: Expr, name: &str, schema: &DFSchema) -> Result<Expr, SqlError> {
        let sql_type = self.sql_type(&arg, schema)?;
        Ok(match (name, &sql_type) {
            ("count", _) => sorted(arg, &sql_type, self.context),
            ("sum" | "avg", SqlType::Interval) => one_form(arg, self.context),
            _ => arg,
        })
    }

    pub(super) fn window(
        &self,
        function: WindowFunction,
        schema: &DFSchema,
    ) -> Result<Expr, SqlError> {
        let WindowFunction { fun, mut params } = function;
        params.args = self.settled_all(params.args, schema)?;
        params.partition_by = self.gathered_by(params.partition_by, schema)?;
        params.order_by = self.sorts(params.order_by, schema)?;
        params.filter = match params.filter {
            Some(filter) => Some(Box::new(self.boolean_arg(*filter, schema, "FILTER")?)),
            None => None,
        };
        let types = self.types_of(&params.args, schema)?;
        let fun = match fun {
            WindowFunctionDefinition::AggregateUDF(aggregate) => {
                let choice = choose_aggregate(&called_aggregate(&aggregate), &types)?;
                params.args = params
                    .args
                    .into_iter()
                    .map(|arg| only_where(params.filter.as_deref(), arg))
                    .zip(&choice.arguments)
                    .map(|(arg, to)| match to {
                        Some(to) => self.coerce(arg, to, schema, Conversion::Explicit),
                        None => Ok(arg),
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                WindowFunctionDefinition::AggregateUDF(choice.function)
            }
            window => window,
        };
        let expr = Expr::WindowFunction(Box::new(WindowFunction { fun, params }));
        self.canonical(expr, schema)
    }
}

/// An argument of an aggregate, computed only where its FILTER is true: of the other rows it may not
/// even fail.
fn only_where(filter: Option<&Expr>, arg: Expr) -> Expr {
    let Some(filter) = filter.filter(|_| is_computed(&arg)) else { return arg };
    let when = (Box::new(filter.clone()), Box::new(arg));
    Expr::Case(Case { expr: None, when_then_expr: vec![when], else_expr: None })
}

fn is_computed(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(Alias { expr, .. }) => is_computed(expr),
        _ => !matches!(expr, Expr::Column(_) | Expr::Literal(..)),
    }
}
