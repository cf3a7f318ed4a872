//! Aggregates and window functions.

use datafusion::sql::sqlparser::ast::{
    self, DuplicateTreatment, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, OrderByExpr, WindowType,
};
use kappa_types::{SqlError, SqlState};

use super::scope::{Allowed, fold};
use super::{Binder, Typed};
use crate::bound::{Aggregate, AggregateKind, Computed, Expr, Window, WindowKind};
use crate::error::{undefined_function, unsupported};
use crate::value::{Base, Family, PgType, Value};

/// Keys of ORDER BY inside a call or window: expression, descending, nulls first.
type Order = Vec<(Expr, bool, bool)>;

impl Binder<'_> {
    /// The call, if `name` is an aggregate or it has an OVER clause.
    pub(super) fn aggregate_or_window(
        &mut self,
        name: &str,
        function: &ast::Function,
        arguments: &[FunctionArg],
    ) -> Result<Option<Typed>, SqlError> {
        if let Some(over) = &function.over {
            return self.window(name, function, arguments, over).map(Some);
        }
        let Some((aggregate, ty)) = self.aggregate(name, function, arguments)? else {
            return Ok(None);
        };
        if !self.frame().allowed.aggregates {
            let clause = self.frame().clause;
            let message = format!("aggregate functions are not allowed in {clause}");
            return Err(SqlError::new(SqlState::GroupingError, message));
        }
        let aggregates = &mut self.frame().stages.aggregates;
        aggregates.push(aggregate);
        let expr = Expr::Computed(Computed::Aggregate(aggregates.len() - 1));
        Ok(Some(Typed::new(expr, ty)))
    }

    fn aggregate(
        &mut self,
        name: &str,
        function: &ast::Function,
        arguments: &[FunctionArg],
    ) -> Result<Option<(Aggregate, PgType)>, SqlError> {
        if !is_aggregate(name) {
            return Ok(None);
        }
        if !function.within_group.is_empty() {
            return Err(unsupported("WITHIN GROUP"));
        }
        // Inside the arguments neither aggregates nor windows nor sets may stand.
        let allowed = std::mem::take(&mut self.frame().allowed);
        let clause = std::mem::replace(&mut self.frame().clause, "aggregate arguments");
        let bound = self.aggregate_inside(name, function, arguments);
        self.frame().allowed = allowed;
        self.frame().clause = clause;
        bound.map(Some)
    }

    fn aggregate_inside(
        &mut self,
        name: &str,
        function: &ast::Function,
        arguments: &[FunctionArg],
    ) -> Result<(Aggregate, PgType), SqlError> {
        let is_star = matches!(arguments, [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]);
        let typed = if is_star { Vec::new() } else { self.arguments(arguments)? };
        let mut distinct = false;
        let mut order = Vec::new();
        if let FunctionArguments::List(list) = &function.args {
            distinct = matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct));
            for clause in &list.clauses {
                match clause {
                    FunctionArgumentClause::OrderBy(keys) => order = self.order_keys(keys)?,
                    other => return Err(unsupported(format!("{other} in an aggregate"))),
                }
            }
        }
        let filter = match &function.filter {
            Some(filter) => Some(self.condition(filter, "FILTER")?),
            None => None,
        };
        let mut decided = Vec::with_capacity(typed.len());
        for argument in typed {
            decided.push(self.decided(argument)?);
        }
        let (kind, ty) = resolve(name, &decided)?;
        let (arguments, types) = decided.into_iter().map(|typed| (typed.expr, typed.ty)).unzip();
        Ok((Aggregate { kind, arguments, types, distinct, filter, order }, ty))
    }

    /// The keys of ORDER BY inside a call or window.
    pub(super) fn order_keys(&mut self, keys: &[OrderByExpr]) -> Result<Order, SqlError> {
        let mut order = Vec::with_capacity(keys.len());
        for key in keys {
            let typed = self.expr(&key.expr)?;
            let expr = self.decided(typed)?.expr;
            let descending = key.options.asc == Some(false);
            order.push((expr, descending, key.options.nulls_first.unwrap_or(descending)));
        }
        Ok(order)
    }

    fn window(
        &mut self,
        name: &str,
        function: &ast::Function,
        arguments: &[FunctionArg],
        over: &WindowType,
    ) -> Result<Typed, SqlError> {
        if !self.frame().allowed.windows {
            let clause = self.frame().clause;
            let message = format!("window functions are not allowed in {clause}");
            return Err(SqlError::new(SqlState::GroupingError, message));
        }
        let spec = match over {
            WindowType::WindowSpec(spec) => spec.clone(),
            WindowType::NamedWindow(ident) => {
                let name = fold(ident);
                let known = self.frame().named_windows.iter().find(|(known, _)| *known == name);
                known.map(|(_, spec)| spec.clone()).ok_or_else(|| {
                    let message = format!("window \"{name}\" does not exist");
                    SqlError::new(SqlState::UndefinedObject, message)
                })?
            }
        };
        if spec.window_frame.is_some() || spec.window_name.is_some() {
            return Err(unsupported("a window frame"));
        }
        let allowed = std::mem::take(&mut self.frame().allowed);
        self.frame().allowed = Allowed { aggregates: allowed.aggregates, ..Allowed::default() };
        let bound = self.window_inside(name, function, arguments, &spec);
        self.frame().allowed = allowed;
        let (window, ty) = bound?;
        let windows = &mut self.frame().stages.windows;
        windows.push(window);
        Ok(Typed::new(Expr::Computed(Computed::Window(windows.len() - 1)), ty))
    }

    fn window_inside(
        &mut self,
        name: &str,
        function: &ast::Function,
        arguments: &[FunctionArg],
        spec: &ast::WindowSpec,
    ) -> Result<(Window, PgType), SqlError> {
        let mut partition = Vec::new();
        for expr in &spec.partition_by {
            partition.push(self.expr(expr)?.expr);
        }
        let order = self.order_keys(&spec.order_by)?;
        if let Some((aggregate, ty)) = self.aggregate(name, function, arguments)? {
            let kind = WindowKind::Aggregate(aggregate);
            return Ok((Window { kind, partition, order }, ty));
        }
        let typed = self.arguments(arguments)?;
        let mut decided = Vec::with_capacity(typed.len());
        for argument in typed {
            decided.push(self.decided(argument)?);
        }
        let (kind, ty) = match (name, decided.as_slice()) {
            ("row_number", []) => (WindowKind::RowNumber, PgType::Int8),
            ("rank", []) => (WindowKind::Rank, PgType::Int8),
            ("dense_rank", []) => (WindowKind::DenseRank, PgType::Int8),
            ("first_value", [value]) => (WindowKind::First(value.expr.clone()), value.ty.clone()),
            ("lag" | "lead", [value, offset @ ..]) if offset.len() <= 1 => {
                let sign = if name == "lag" { 1 } else { -1 };
                let offset = match offset.first().map(|offset| &offset.expr) {
                    None => 1,
                    Some(Expr::Constant(Value::Int(offset))) => *offset,
                    Some(_) => return Err(unsupported("an offset that is not a literal")),
                };
                let kind = WindowKind::Shift { value: value.expr.clone(), offset: sign * offset };
                (kind, value.ty.clone())
            }
            (name, _) => {
                return Err(unsupported(format!("the window function {name}")));
            }
        };
        Ok((Window { kind, partition, order }, ty))
    }
}

fn is_aggregate(name: &str) -> bool {
    matches!(
        name,
        "count"
            | "sum"
            | "avg"
            | "min"
            | "max"
            | "bool_and"
            | "every"
            | "bool_or"
            | "array_agg"
            | "string_agg"
            | "json_agg"
            | "jsonb_agg"
            | "json_object_agg"
            | "jsonb_object_agg"
    )
}

/// What the aggregate `name` is over these arguments, and what it gives.
fn resolve(name: &str, arguments: &[Typed]) -> Result<(AggregateKind, PgType), SqlError> {
    let types: Vec<&PgType> = arguments.iter().map(|argument| &argument.ty).collect();
    let undefined = || {
        let names: Vec<String> = types.iter().map(|ty| ty.display_name()).collect();
        undefined_function(name, &names)
    };
    Ok(match (name, types.as_slice()) {
        ("count", []) => (AggregateKind::CountRows, PgType::Int8),
        ("count", [_]) => (AggregateKind::Count, PgType::Int8),
        ("min", [ty]) => (AggregateKind::Minimum, (*ty).clone()),
        ("max", [ty]) => (AggregateKind::Maximum, (*ty).clone()),
        ("sum" | "avg", [PgType::Base(base)]) if base.number_rank().is_some() => {
            let is_sum = name == "sum";
            let kind = if is_sum { AggregateKind::Sum } else { AggregateKind::Average };
            let ty = match base {
                Base::Int2 | Base::Int4 if is_sum => PgType::Int8,
                Base::Float4 if is_sum => PgType::Base(Base::Float4),
                Base::Float4 | Base::Float8 => PgType::Float8,
                _ => PgType::Numeric,
            };
            (kind, ty)
        }
        ("bool_and" | "every", [ty]) if **ty == PgType::Bool => {
            (AggregateKind::BoolAnd, PgType::Bool)
        }
        ("bool_or", [ty]) if **ty == PgType::Bool => (AggregateKind::BoolOr, PgType::Bool),
        ("array_agg", [PgType::Base(base)]) => (AggregateKind::ArrayAgg, PgType::Array(*base)),
        ("array_agg", [_]) => return Err(unsupported("array_agg of arrays or records")),
        ("string_agg", [value, separator])
            if value.family() == Family::Text && separator.family() == Family::Text =>
        {
            (AggregateKind::StringAgg, PgType::Text)
        }
        ("json_agg", [_]) => (AggregateKind::JsonAgg, PgType::Base(Base::Json)),
        ("jsonb_agg", [_]) => (AggregateKind::JsonAgg, PgType::Base(Base::Jsonb)),
        ("json_object_agg", [_, _]) => (AggregateKind::JsonObjectAgg, PgType::Base(Base::Json)),
        ("jsonb_object_agg", [_, _]) => (AggregateKind::JsonObjectAgg, PgType::Base(Base::Jsonb)),
        _ => return Err(undefined()),
    })
}
