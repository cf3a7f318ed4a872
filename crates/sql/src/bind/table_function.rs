//! Functions in FROM: TUMBLE and HOP in all their spellings, generate_series, and those of the
//! session.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use chrono_tz::Tz;
use datafusion::common::{Column, DFSchema, DataFusionError, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::functions_table::generate_series::{GenSeriesArgs, GenerateSeriesTable};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, LogicalPlanBuilder, Projection, col, lit,
};
use datafusion::sql::sqlparser::ast::{
    self, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned, TableAlias, TableFactor,
};
use kappa_plan::Window;
use kappa_types::{SqlError, SqlState, SqlType};

use super::Planner;
use super::context::Purpose;
use crate::error::{from_datafusion, into_datafusion};
use crate::function::{interval_parts, moved, span_of};
use crate::parse::{fold, span_position};
use crate::source::RelationSource;
use crate::typing::{Conversion, Parameters, typed_null};
use crate::window_node::WindowNode;

const DAY_MICROS: i64 = 86_400_000_000;

/// Most windows that a row may be in: it is put out once for each of them.
const WINDOWS_PER_ROW_MAX: i64 = 10_000;

/// Plans functions in FROM.
pub(super) struct TableFunctions {
    planner: Planner,
}

impl TableFunctions {
    pub(super) fn new(planner: &Planner) -> Self {
        Self { planner: planner.clone() }
    }
}

impl std::fmt::Debug for TableFunctions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TableFunctions")
    }
}

/// A function in FROM as written.
struct FromCall {
    name: String,
    args: Vec<(Option<String>, ast::Expr)>,
    position: Option<usize>,
}

impl RelationPlanner for TableFunctions {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning, DataFusionError> {
        let (call, alias) = match &relation {
            TableFactor::Table { name, args: Some(args), alias, .. } => {
                (call_of_parts(name, &args.args), alias.clone())
            }
            TableFactor::Function { name, args, alias, .. } => {
                (call_of_parts(name, args), alias.clone())
            }
            TableFactor::TableFunction { expr, alias } => (call_of_expr(expr), alias.clone()),
            _ => return Ok(RelationPlanning::Original(Box::new(relation))),
        };
        let call = match call {
            Some(call) => call,
            None => return Ok(RelationPlanning::Original(Box::new(relation))),
        };
        let position = call.position;
        let planned = self.plan(call, alias, context).map_err(|mut error| {
            if error.position.is_none() {
                error.position = position;
            }
            into_datafusion(error)
        })?;
        Ok(RelationPlanning::Planned(Box::new(planned)))
    }
}

impl TableFunctions {
    fn plan(
        &self,
        call: FromCall,
        alias: Option<TableAlias>,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<PlannedRelation, SqlError> {
        match call.name.as_str() {
            "tumble" | "hop" => Ok(PlannedRelation::new(self.window(&call, context)?, alias)),
            "session" | "cumulate" => Err(SqlError::unsupported(
                format!("{} windows are not supported", call.name.to_ascii_uppercase()),
                "Session and cumulating windows come later; use TUMBLE or HOP.",
            )),
            "generate_series" => {
                let plan = self.series(&call, context)?;
                Ok(PlannedRelation::new(plan, column_alias(alias, "generate_series")))
            }
            name => {
                let args = self.constants(&call, context)?;
                let texts = args.iter().map(constant_text).collect::<Vec<_>>();
                match self.planner.system.table_function(name, &texts) {
                    Some(found) => {
                        let (namespace, relation, schema) = found?;
                        let source = RelationSource::system(&namespace, &relation, schema);
                        let plan = LogicalPlanBuilder::scan(name, Arc::new(source), None)
                            .and_then(LogicalPlanBuilder::build)
                            .map_err(|error| from_datafusion(&error))?;
                        Ok(PlannedRelation::new(plan, alias))
                    }
                    None => Err(SqlError::new(
                        SqlState::UndefinedFunction,
                        format!("function {name}() does not exist in FROM"),
                    )
                    .with_hint("Functions in FROM are TUMBLE, HOP, generate_series and unnest.")),
                }
            }
        }
    }

    /// The arguments as constants.
    fn constants(
        &self,
        call: &FromCall,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<Vec<Expr>, SqlError> {
        call.args.iter().map(|(_, arg)| self.constant(arg, None, context)).collect()
    }

    /// An argument that must be a constant, of a type if one is wanted.
    fn constant(
        &self,
        arg: &ast::Expr,
        to: Option<&SqlType>,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<Expr, SqlError> {
        let empty = DFSchema::empty();
        let raw = context
            .sql_expr_to_logical_expr(arg.clone(), &empty)
            .map_err(|error| from_datafusion(&error))?;
        let parameters = Parameters::default();
        let resolver = self.planner.resolver(&parameters, Purpose::Run);
        let expr = resolver.settled(raw, &empty)?;
        let expr = match to {
            Some(to) => resolver.coerce(expr, to, &empty, Conversion::Explicit)?,
            None => expr,
        };
        folded(expr)
    }

    fn window(
        &self,
        call: &FromCall,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan, SqlError> {
        let is_hop = call.name == "hop";
        let names: &[&str] = if is_hop {
            &["data", "timecol", "slide", "size", "offset"]
        } else {
            &["data", "timecol", "size", "offset"]
        };
        let args = by_name(call, names)?;
        let required = if is_hop { 4 } else { 3 };
        if let Some(missing) = (0..required).find(|index| args[*index].is_none()) {
            return Err(SqlError::new(
                SqlState::UndefinedFunction,
                format!(
                    "{} needs an argument \"{}\"",
                    call.name.to_ascii_uppercase(),
                    names[missing]
                ),
            )
            .with_hint(if is_hop {
                "Write HOP(table, time_column, slide, size [, offset])."
            } else {
                "Write TUMBLE(table, time_column, size [, offset])."
            }));
        }
        let input = args[0].ok_or_else(missing_argument).and_then(table_of)?;
        let input = context.plan(input).map_err(|error| from_datafusion(&error))?;
        let time_arg = args[1].ok_or_else(missing_argument)?;
        let time = time_column(time_arg, &input)?;
        let mut micros = Vec::new();
        for arg in args[2..].iter().flatten() {
            let constant = self.constant(arg, Some(&SqlType::Interval), context)?;
            micros.push(interval_micros(&constant)?);
        }
        let window = window_of(is_hop, &micros)?;
        let node = WindowNode::try_new(Arc::new(input), time, window)
            .map_err(|error| from_datafusion(&error))?;
        let plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
        if descriptor_args(time_arg).is_some() { with_window_time(plan) } else { Ok(plan) }
    }

    fn series(
        &self,
        call: &FromCall,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan, SqlError> {
        let args = self.constants(call, context)?;
        if !(2..=3).contains(&args.len()) {
            return Err(SqlError::new(
                SqlState::UndefinedFunction,
                "function generate_series takes two or three arguments",
            ));
        }
        let types: Vec<_> = args.iter().map(literal_type).collect();
        let is_integer = |t: &DataType| t.is_signed_integer();
        let is_null = |t: &DataType| *t == DataType::Null;
        if types.iter().any(is_integer) && types.iter().all(|t| is_integer(t) || is_null(t)) {
            return integers(&args);
        }
        let to = series_type(&types).ok_or_else(wrong_series)?;
        let types = [&to, &to, &SqlType::Interval];
        let args: Vec<_> = call
            .args
            .iter()
            .zip(types)
            .map(|((_, arg), to)| self.constant(arg, Some(to), context))
            .collect::<Result<_, SqlError>>()?;
        let is_local = to == SqlType::Timestamptz;
        times(&args, is_local.then_some(self.planner.function_context().time_zone))
    }
}

fn missing_argument() -> SqlError {
    SqlError::new(SqlState::UndefinedFunction, "an argument is missing")
}

fn call_of_parts(name: &ast::ObjectName, args: &[FunctionArg]) -> Option<FromCall> {
    let ident = name.0.last()?.as_ident()?;
    let args = args
        .iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some((None, expr.clone())),
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(expr), .. } => {
                Some((Some(fold(name).to_ascii_lowercase()), expr.clone()))
            }
            FunctionArg::ExprNamed {
                name: ast::Expr::Identifier(name),
                arg: FunctionArgExpr::Expr(expr),
                ..
            } => Some((Some(fold(name).to_ascii_lowercase()), expr.clone())),
            _ => None,
        })
        .collect::<Option<Vec<_>>>()?;
    Some(FromCall { name: plain(&fold(ident)), args, position: span_position(name.span()) })
}

/// `TABLE(TUMBLE(…))`; the function inside is already a call with its position in the name.
fn call_of_expr(expr: &ast::Expr) -> Option<FromCall> {
    let ast::Expr::Function(function) = expr else { return None };
    let FunctionArguments::List(list) = &function.args else { return None };
    call_of_parts(&function.name, &list.args)
}

/// A name without the position that desugaring put in.
fn plain(name: &str) -> String {
    name.split('@').next().unwrap_or(name).to_ascii_lowercase()
}

/// The arguments in the order of `names`.
fn by_name<'c>(call: &'c FromCall, names: &[&str]) -> Result<Vec<Option<&'c ast::Expr>>, SqlError> {
    let mut found: Vec<Option<&ast::Expr>> = vec![None; names.len()];
    for (place, (name, arg)) in call.args.iter().enumerate() {
        let index = match name {
            None => place,
            Some(name) => names.iter().position(|known| known == name).unwrap_or(names.len()),
        };
        match found.get_mut(index) {
            Some(slot) if slot.is_none() => *slot = Some(arg),
            _ => {
                return Err(SqlError::new(
                    SqlState::UndefinedFunction,
                    format!(
                        "{} does not take this argument{}",
                        call.name.to_ascii_uppercase(),
                        name.as_ref().map_or_else(String::new, |name| format!(": \"{name}\""))
                    ),
                ));
            }
        }
    }
    Ok(found)
}

/// The relation that the first argument of a window names.
fn table_of(arg: &ast::Expr) -> Result<TableFactor, SqlError> {
    let idents = match arg {
        ast::Expr::Identifier(ident) => vec![ident.clone()],
        ast::Expr::CompoundIdentifier(idents) => idents.clone(),
        ast::Expr::Nested(inner) => return table_of(inner),
        ast::Expr::Subquery(query) => {
            return Ok(TableFactor::Derived {
                lateral: false,
                subquery: query.clone(),
                alias: None,
                sample: None,
            });
        }
        other => {
            return Err(SqlError::new(
                SqlState::SyntaxError,
                "the first argument of a window must be a table, a view or a subquery",
            )
            .at(span_position(other.span()).unwrap_or(1)));
        }
    };
    Ok(TableFactor::Table {
        name: ast::ObjectName::from(idents),
        alias: None,
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    })
}

/// The arguments of `DESCRIPTOR(…)`.
fn descriptor_args(arg: &ast::Expr) -> Option<&[FunctionArg]> {
    let ast::Expr::Function(function) = arg else { return None };
    let name = function.name.0.last()?.as_ident()?;
    match &function.args {
        FunctionArguments::List(list) if plain(&name.value) == "descriptor" => Some(&list.args),
        _ => None,
    }
}

/// Rows in windows with Flink's third column: the last millisecond of the window.
fn with_window_time(plan: LogicalPlan) -> Result<LogicalPlan, SqlError> {
    const NAME: &str = "window_time";
    let columns = plan.schema().columns();
    if columns.iter().any(|column| column.name == NAME) {
        return Ok(plan);
    }
    let Some(end) = columns.last().cloned() else { return Ok(plan) };
    let millisecond = lit(ScalarValue::new_interval_mdn(0, 0, 1_000_000));
    let time = (Expr::Column(end) - millisecond).alias(NAME);
    let exprs = columns.into_iter().map(Expr::Column).chain([time]).collect();
    Projection::try_new(exprs, Arc::new(plan))
        .map(LogicalPlan::Projection)
        .map_err(|error| from_datafusion(&error))
}

/// The column that the second argument of a window names: `ts` or `DESCRIPTOR(ts)`.
fn time_column(arg: &ast::Expr, input: &LogicalPlan) -> Result<Column, SqlError> {
    let (name, position) = match arg {
        ast::Expr::Identifier(ident) => (fold(ident), span_position(ident.span)),
        ast::Expr::CompoundIdentifier(parts) => match parts.last() {
            Some(ident) => (fold(ident), span_position(ident.span)),
            None => return Err(missing_argument()),
        },
        ast::Expr::Nested(inner) => return time_column(inner, input),
        other => {
            if let Some(args) = descriptor_args(other) {
                return match args {
                    [FunctionArg::Unnamed(FunctionArgExpr::Expr(inner))] => {
                        time_column(inner, input)
                    }
                    _ => Err(missing_argument()),
                };
            }
            return Err(SqlError::new(
                SqlState::SyntaxError,
                "the second argument of a window must be a column",
            )
            .at(span_position(other.span()).unwrap_or(1)));
        }
    };
    let with_position = |mut error: SqlError| {
        error.position = position;
        error
    };
    let schema = input.schema();
    let found = schema.columns().into_iter().find(|column| column.name == name);
    let Some(found) = found else {
        return Err(with_position(SqlError::new(
            SqlState::UndefinedColumn,
            format!("column \"{name}\" does not exist"),
        )));
    };
    let index = schema.maybe_index_of_column(&found);
    let data_type = index.map(|index| schema.field(index).data_type().clone());
    match data_type {
        Some(arrow::datatypes::DataType::Timestamp(..)) => Ok(found),
        other => {
            let shown = other.as_ref().and_then(SqlType::from_arrow);
            let shown = shown.map_or_else(|| "unknown".to_owned(), |t| t.name());
            Err(with_position(
                SqlError::new(
                    SqlState::DatatypeMismatch,
                    format!(
                        "windows are over a timestamp column, but \"{name}\" is of type {shown}"
                    ),
                )
                .with_hint(
                    "Cast it to timestamp or timestamptz in a subquery or a generated column.",
                ),
            ))
        }
    }
}

/// An interval constant without months, in microseconds.
fn interval_micros(constant: &Expr) -> Result<i64, SqlError> {
    let invalid =
        |message: &str| SqlError::new(SqlState::InvalidParameterValue, message.to_owned());
    let Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(value)), _) = constant else {
        return Err(invalid("the size of a window must be a constant interval"));
    };
    let (months, days, micros) = interval_parts(*value);
    if months != 0 {
        return Err(invalid("the size of a window cannot hold months or years")
            .with_hint("Group by date_trunc('month', …) for calendar windows."));
    }
    i64::from(days)
        .checked_mul(DAY_MICROS)
        .and_then(|days| days.checked_add(micros))
        .ok_or_else(|| invalid("the size of a window is out of range"))
}

fn window_of(is_hop: bool, micros: &[i64]) -> Result<Window, SqlError> {
    let invalid =
        |message: &str| Err(SqlError::new(SqlState::InvalidParameterValue, message.to_owned()));
    let (slide, size, offset) = match (is_hop, micros) {
        (true, [slide, size]) => (*slide, *size, 0),
        (true, [slide, size, offset]) => (*slide, *size, *offset),
        (false, [size]) => (*size, *size, 0),
        (false, [size, offset]) => (*size, *size, *offset),
        _ => return Err(missing_argument()),
    };
    if size <= 0 || slide <= 0 {
        return invalid("the size of a window must be greater than zero");
    }
    if size % slide != 0 || slide > size {
        return Err(SqlError::new(
            SqlState::InvalidParameterValue,
            "the size of a hopping window must be a multiple of its slide",
        )
        .with_hint("The slide comes first: HOP(table, time_column, slide, size)."));
    }
    if size / slide > WINDOWS_PER_ROW_MAX {
        return Err(SqlError::new(
            SqlState::ProgramLimitExceeded,
            format!(
                "each row would be in {} windows, at most {WINDOWS_PER_ROW_MAX} are allowed",
                size / slide
            ),
        )
        .with_hint("Take a longer slide or a shorter size."));
    }
    Ok(if is_hop && slide != size {
        let offset_micros = offset.rem_euclid(slide);
        Window::Hop { slide_micros: slide, size_micros: size, offset_micros }
    } else {
        Window::Tumble { size_micros: size, offset_micros: offset.rem_euclid(size) }
    })
}

/// The value of an expression without columns.
fn folded(expr: Expr) -> Result<Expr, SqlError> {
    if matches!(expr, Expr::Literal(..)) {
        return Ok(expr);
    }
    let context = datafusion::logical_expr::simplify::SimplifyContext::default();
    let simplified = datafusion::optimizer::simplify_expressions::ExprSimplifier::new(context)
        .simplify(expr)
        .map_err(|error| from_datafusion(&error))?;
    match simplified {
        literal @ Expr::Literal(..) => Ok(literal),
        _ => Err(SqlError::unsupported(
            "arguments of functions in FROM must be constants",
            "Join with the rows instead.",
        )),
    }
}

fn constant_text(constant: &Expr) -> String {
    match constant {
        Expr::Literal(value, _) => value.to_string(),
        other => other.to_string(),
    }
}

/// `AS x` names the only column too.
fn column_alias(alias: Option<TableAlias>, name: &str) -> Option<TableAlias> {
    let mut alias = alias.unwrap_or_else(|| TableAlias {
        explicit: true,
        name: ast::Ident::with_quote('"', name),
        columns: Vec::new(),
        at: None,
    });
    if alias.columns.is_empty() {
        alias.columns =
            vec![ast::TableAliasColumnDef { name: alias.name.clone(), data_type: None }];
    }
    Some(alias)
}

fn integers(args: &[Expr]) -> Result<LogicalPlan, SqlError> {
    let wide = args.iter().any(|arg| {
        matches!(arg, Expr::Literal(value, _)
            if value.data_type() == arrow::datatypes::DataType::Int64)
    });
    let number = |arg: &Expr| match arg {
        Expr::Literal(ScalarValue::Int16(n), _) => n.map(i64::from),
        Expr::Literal(ScalarValue::Int32(n), _) => n.map(i64::from),
        Expr::Literal(ScalarValue::Int64(n), _) => *n,
        _ => None,
    };
    let name = "generate_series";
    let series = match (number(&args[0]), number(&args[1]), args.get(2).map_or(Some(1), number)) {
        (Some(_), Some(_), Some(0)) => return Err(no_step()),
        (Some(start), Some(end), Some(step)) => {
            GenSeriesArgs::Int64Args { start, end, step, include_end: true, name }
        }
        _ => GenSeriesArgs::ContainsNull { name },
    };
    let field = Field::new("value", DataType::Int64, false);
    let provider = Arc::new(GenerateSeriesTable::new(Arc::new(Schema::new(vec![field])), series));
    let to = if wide { SqlType::BigInt } else { SqlType::Integer };
    let cast = datafusion::logical_expr::expr::Cast::new_from_field(
        Box::new(col("value")),
        to.field("cast", true).into(),
    );
    LogicalPlanBuilder::scan("generate_series", provider_as_source(provider), None)
        .and_then(|scan| scan.project(vec![Expr::Cast(cast).alias("generate_series")]))
        .and_then(LogicalPlanBuilder::build)
        .map_err(|error| from_datafusion(&error))
}

/// Most values of a series of times.
const TIMES_COUNT_MAX: usize = 1_000_000;

/// The type of a constant; NULL without a type is a text that is NULL.
fn literal_type(constant: &Expr) -> DataType {
    match constant {
        Expr::Literal(ScalarValue::Utf8(None) | ScalarValue::Utf8View(None), _) => DataType::Null,
        Expr::Literal(value, _) => value.data_type(),
        _ => DataType::Null,
    }
}

fn no_step() -> SqlError {
    SqlError::new(SqlState::InvalidParameterValue, "step size cannot equal zero")
}

fn wrong_series() -> SqlError {
    SqlError::new(
        SqlState::UndefinedFunction,
        "generate_series takes integers, or timestamps and an interval",
    )
}

/// The type of a series of times: dates and literals without a type become what the other bound is,
/// two dates moments in the session's zone. `None` if these are no arguments of such a series.
fn series_type(types: &[DataType]) -> Option<SqlType> {
    let [start, stop, step] = types else { return None };
    let is_text = |t: &DataType| matches!(t, DataType::Utf8 | DataType::Utf8View | DataType::Null);
    let is_time = |t: &DataType| matches!(t, DataType::Timestamp(..) | DataType::Date32);
    let is_step = is_text(step) || matches!(step, DataType::Interval(_));
    let bounds = [start, stop];
    if !is_step || !bounds.iter().all(|t| is_time(t) || is_text(t)) {
        return None;
    }
    let has_zone = |t: &&DataType| matches!(t, DataType::Timestamp(_, Some(_)));
    let has_none = |t: &&DataType| matches!(t, DataType::Timestamp(_, None));
    if bounds.iter().any(has_zone) {
        return Some(SqlType::Timestamptz);
    }
    if bounds.iter().any(has_none) {
        return Some(SqlType::Timestamp);
    }
    bounds.iter().any(|t| is_time(t)).then_some(SqlType::Timestamptz)
}

/// A series of timestamps; its steps are those of `+`, in `time_zone` if they are moments.
fn times(args: &[Expr], time_zone: Option<Tz>) -> Result<LogicalPlan, SqlError> {
    let [
        Expr::Literal(ScalarValue::TimestampMicrosecond(start, zone), _),
        Expr::Literal(ScalarValue::TimestampMicrosecond(stop, _), _),
        Expr::Literal(ScalarValue::IntervalMonthDayNano(step), _),
    ] = args
    else {
        return Err(wrong_series());
    };
    let mut values = Vec::new();
    if let (Some(start), Some(stop), Some(step)) = (start, stop, step) {
        let span = span_of(*step);
        if span == 0 {
            return Err(no_step());
        }
        let mut at = *start;
        while if span > 0 { at <= *stop } else { at >= *stop } {
            if values.len() >= TIMES_COUNT_MAX {
                return Err(SqlError::new(
                    SqlState::ProgramLimitExceeded,
                    "a series of timestamps has at most 1000000 values",
                ));
            }
            values.push(vec![lit(ScalarValue::TimestampMicrosecond(Some(at), zone.clone()))]);
            at = moved(at, *step, time_zone)?;
        }
    }
    let empty = values.is_empty();
    if empty {
        let sql_type = if zone.is_some() { SqlType::Timestamptz } else { SqlType::Timestamp };
        values.push(vec![typed_null(&sql_type)?]);
    }
    let plan = LogicalPlanBuilder::values(values)
        .and_then(|plan| plan.project(vec![col("column1").alias("generate_series")]))
        .and_then(|plan| if empty { plan.filter(lit(false)) } else { Ok(plan) })
        .and_then(LogicalPlanBuilder::build);
    plan.map_err(|error| from_datafusion(&error))
}
