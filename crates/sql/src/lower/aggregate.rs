//! GROUP BY: keys, arguments and filters become columns of a Project, then groups.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::logical_expr::expr::AggregateFunction as Call;
use datafusion::logical_expr::{Aggregate as Logical, Expr, ExprSchemable};
use kappa_plan::{Aggregate, AggregateFunction, Expression, Node, Operator};
use kappa_types::{SqlError, SqlState, SqlType};

use super::expression::compile;
use super::node::{arrow_schema, lower as lower_node, project_node};
use super::{properties, window};

/// A GROUP BY, or aggregates without one.
pub(super) fn lower(logical: &Logical) -> Result<Node, SqlError> {
    let input = lower_node(&logical.input)?;
    let mut columns = Columns::new(logical.input.schema());
    let groups = distinct(&logical.group_expr);
    let keys = groups.iter().map(|expr| columns.add(expr)).collect::<Result<Vec<_>, _>>()?;
    let fields = logical.schema.fields().iter().skip(keys.len());
    let aggregates = logical
        .aggr_expr
        .iter()
        .zip(fields)
        .map(|(expr, field)| aggregate(expr, field, &mut columns))
        .collect::<Result<Vec<_>, _>>()?;
    let windows: Vec<_> =
        groups.iter().map(|expr| window::of_group(expr, &logical.input)).collect();
    let mut node = window::group(input, columns.expressions, &windows, keys, aggregates);
    node.schema = arrow_schema(&logical.schema);
    Ok(node)
}

/// Each expression once, as in the schema of a GROUP BY that names one twice.
fn distinct(expressions: &[Expr]) -> Vec<&Expr> {
    let mut kept = Vec::new();
    for expr in expressions {
        if !kept.contains(&expr) {
            kept.push(expr);
        }
    }
    kept
}

/// Groups by columns of the input.
pub(super) fn aggregate_node(input: Node, keys: Vec<usize>, aggregates: Vec<Aggregate>) -> Node {
    let key_fields = keys.iter().map(|key| input.schema.field(*key).clone());
    let fields: Vec<_> = key_fields
        .chain(aggregates.iter().map(|call| call.sql_type.field(&call.name, true)))
        .collect();
    let properties = properties::groups(keys.len());
    Node {
        operator: Operator::Aggregate { input: Box::new(input), keys, aggregates },
        schema: std::sync::Arc::new(arrow::datatypes::Schema::new(fields)),
        properties,
    }
}

/// A Project below the groups, with every expression once.
pub(super) fn project_below(input: Node, expressions: Vec<Expression>) -> Node {
    project_node(input, expressions)
}

/// The columns that keys, arguments and filters need, each expression once.
struct Columns<'a> {
    schema: &'a DFSchema,
    logical: Vec<Expr>,
    expressions: Vec<Expression>,
}

impl<'a> Columns<'a> {
    const fn new(schema: &'a DFSchema) -> Self {
        Self { schema, logical: Vec::new(), expressions: Vec::new() }
    }

    /// The position of the expression's column.
    fn add(&mut self, expr: &Expr) -> Result<usize, SqlError> {
        let bare = expr.clone().unalias();
        if let Some(index) = self.logical.iter().position(|known| *known == bare) {
            return Ok(index);
        }
        let name = match &bare {
            Expr::Column(column) => column.name.clone(),
            _ => expr.schema_name().to_string(),
        };
        self.expressions.push(compile(&bare, self.schema, name)?);
        self.logical.push(bare);
        Ok(self.logical.len() - 1)
    }
}

fn aggregate(
    expr: &Expr,
    field: &arrow::datatypes::Field,
    columns: &mut Columns<'_>,
) -> Result<Aggregate, SqlError> {
    let call = match expr.clone().unalias() {
        Expr::AggregateFunction(call) => call,
        other => {
            return Err(SqlError::new(
                SqlState::InternalError,
                format!("\"{other}\" is no aggregate"),
            ));
        }
    };
    let function = function_of(&call)?;
    let argument = match (function, call.params.args.as_slice()) {
        (AggregateFunction::CountRows, _) => None,
        (_, [argument]) => Some(columns.add(summand(function, argument, columns.schema))?),
        _ => return Err(no_incremental_form(call.func.name())),
    };
    let filter = call.params.filter.as_deref().map(|filter| columns.add(filter)).transpose()?;
    Ok(Aggregate {
        function,
        argument,
        // Least and greatest, and and or, do not care how often.
        distinct: call.params.distinct && !is_idempotent(function),
        filter,
        name: field.name().clone(),
        sql_type: SqlType::of_field(field).ok_or_else(|| no_incremental_form(call.func.name()))?,
    })
}

/// What an aggregate that adds up numbers takes in: the argument without a conversion that only widens
/// it, which its accumulator does for itself.
fn summand<'a>(function: AggregateFunction, argument: &'a Expr, schema: &DFSchema) -> &'a Expr {
    use DataType::{Decimal128, Int16, Int32, Int64};
    let adds_up = !is_idempotent(function) && function != AggregateFunction::Count;
    let Expr::Cast(cast) = argument else { return argument };
    let Ok(from) = cast.expr.get_type(schema) else { return argument };
    let widens = match (&from, cast.field.data_type()) {
        (Int16 | Int32, Int64 | Decimal128(_, 0)) | (Int64, Decimal128(_, 0)) => true,
        (Decimal128(from, scale), Decimal128(to, same)) => scale == same && from <= to,
        _ => false,
    };
    if adds_up && widens { &cast.expr } else { argument }
}

const fn is_idempotent(function: AggregateFunction) -> bool {
    matches!(
        function,
        AggregateFunction::Min
            | AggregateFunction::Max
            | AggregateFunction::BoolAnd
            | AggregateFunction::BoolOr
    )
}

fn function_of(call: &Call) -> Result<AggregateFunction, SqlError> {
    let name = call.func.name().to_ascii_lowercase();
    let constant = |expr: &Expr| matches!(expr, Expr::Literal(value, _) if !value.is_null());
    Ok(match name.as_str() {
        "count" if !call.params.distinct && call.params.args.iter().all(constant) => {
            AggregateFunction::CountRows
        }
        "count" => AggregateFunction::Count,
        "sum" => AggregateFunction::Sum,
        "avg" | "mean" => AggregateFunction::Avg,
        "min" => AggregateFunction::Min,
        "max" => AggregateFunction::Max,
        "bool_and" | "every" => AggregateFunction::BoolAnd,
        "bool_or" => AggregateFunction::BoolOr,
        "var_pop" => AggregateFunction::VarPop,
        "var_samp" | "variance" | "var" => AggregateFunction::VarSamp,
        "stddev_pop" => AggregateFunction::StddevPop,
        "stddev_samp" | "stddev" => AggregateFunction::StddevSamp,
        _ => return Err(no_incremental_form(&name)),
    })
}

fn no_incremental_form(name: &str) -> SqlError {
    SqlError::unsupported(
        format!("aggregate {name}() cannot be kept in a materialized view yet"),
        "Views have count, sum, avg, min, max, bool_and, bool_or and the variance family; a SELECT \
         has the others.",
    )
}
