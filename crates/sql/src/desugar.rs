//! The pass over the syntax tree before DataFusion plans it: every operator, literal and special
//! form becomes a call by name, which carries its position.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, AccessExpr, BinaryOperator, CastKind, DataType, DateTimeField, Expr, Function,
    FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, LimitClause,
    ObjectName, ObjectNamePart, Query, Select, SetExpr, Spanned, Subscript, UnaryOperator, Value,
    ValueWithSpan, VisitMut, VisitorMut,
};
use kappa_types::{SqlError, SqlState};

use crate::function::{
    ALL, ANY, BINARY, CAST_TO, CELL, FunctionRegistry, LITERAL, PARAMETER, UNARY, name_at,
};
use crate::named_window::{write_out_in_order, write_out_in_select};
use crate::output_name::{hide_equal_names, name_columns, order_by_positions};
use crate::parse::{fold, span_position};
use crate::recursive::{free_second_terms, whole_unions};
use crate::subquery::{
    array_of_query, exists, only_value, refuse_counted_sets, refuse_merged_columns,
    select_of_values, set_apart, three_valued_in,
};

/// Rewrites a query in place.
pub(crate) fn desugar_query(
    query: &mut Query,
    registry: &FunctionRegistry,
) -> Result<(), SqlError> {
    match VisitMut::visit(query, &mut Desugar { registry }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Rewrites an expression in place.
pub(crate) fn desugar_expr(expr: &mut Expr, registry: &FunctionRegistry) -> Result<(), SqlError> {
    match VisitMut::visit(expr, &mut Desugar { registry }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Desugar<'a> {
    registry: &'a FunctionRegistry,
}

impl VisitorMut for Desugar<'_> {
    type Break = SqlError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<SqlError> {
        if !query.locks.is_empty() {
            query.locks.clear();
        }
        let refused = fetch_as_limit(query)
            .and_then(|()| refuse_writing(&query.body))
            .and_then(|()| write_out_in_order(query));
        if let Err(error) = refused {
            return ControlFlow::Break(error);
        }
        order_by_positions(query);
        name_columns(&mut query.body);
        if let Err(error) = whole_unions(query).and_then(|()| refuse_counted_sets(&query.body)) {
            return ControlFlow::Break(error);
        }
        for common in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            hide_equal_names(&mut common.query.body);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<SqlError> {
        for condition in [&mut select.selection, &mut select.having].into_iter().flatten() {
            three_valued_in(condition, self.registry);
        }
        match refuse_merged_columns(select).and_then(|()| write_out_in_select(select)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &mut ast::TableFactor) -> ControlFlow<SqlError> {
        match factor {
            ast::TableFactor::Derived { subquery, .. } => hide_equal_names(&mut subquery.body),
            ast::TableFactor::UNNEST { alias, array_exprs, .. } if array_exprs.len() == 1 => {
                name_unnested(alias);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<SqlError> {
        wrap_values(&mut query.body);
        wrap_condition(&mut query.body);
        free_second_terms(query);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<SqlError> {
        match before(expr, self.registry) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<SqlError> {
        let taken = std::mem::replace(expr, Expr::value(Value::Null));
        match after(taken, self.registry) {
            Ok(new) => {
                *expr = new;
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        }
    }
}

/// The one column of a function in FROM is named like the function's alias.
fn name_unnested(alias: &mut Option<ast::TableAlias>) {
    let alias = alias.get_or_insert_with(|| ast::TableAlias {
        explicit: true,
        name: Ident::new("unnest"),
        columns: Vec::new(),
        at: None,
    });
    if alias.columns.is_empty() {
        let name = alias.name.clone();
        alias.columns.push(ast::TableAliasColumnDef { name, data_type: None });
    }
}

/// `FETCH FIRST n ROWS ONLY` is `LIMIT n`.
fn fetch_as_limit(query: &mut Query) -> Result<(), SqlError> {
    let Some(fetch) = query.fetch.take() else { return Ok(()) };
    if fetch.with_ties || fetch.percent {
        return Err(SqlError::unsupported(
            "FETCH FIRST … WITH TIES and PERCENT are not supported",
            "Use LIMIT, or rank() OVER (…) in a subquery.",
        ));
    }
    let limit = fetch.quantity.unwrap_or_else(|| Expr::value(Value::Number("1".into(), false)));
    let offset = match query.limit_clause.take() {
        None => None,
        Some(LimitClause::LimitOffset { limit: None, offset, .. }) => offset,
        Some(_) => {
            return Err(SqlError::new(SqlState::SyntaxError, "multiple LIMIT clauses not allowed"));
        }
    };
    query.limit_clause =
        Some(LimitClause::LimitOffset { limit: Some(limit), offset, limit_by: Vec::new() });
    Ok(())
}

/// 0A000 for INSERT, UPDATE and DELETE as a part of a query.
fn refuse_writing(body: &SetExpr) -> Result<(), SqlError> {
    match body {
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
            Err(SqlError::unsupported(
                "INSERT, UPDATE and DELETE inside a query are not supported",
                "Run them as statements of their own, in one transaction with the query.",
            ))
        }
        _ => Ok(()),
    }
}

/// Each value of a VALUES list becomes a call, so that columns of mixed types reach the resolver.
fn wrap_values(body: &mut SetExpr) {
    match body {
        SetExpr::Values(values) => {
            for row in &mut values.rows {
                for cell in &mut row.content {
                    let taken = std::mem::replace(cell, Expr::value(Value::Null));
                    *cell = call(CELL, vec![taken], None);
                }
            }
        }
        SetExpr::SetOperation { left, right, .. } => {
            wrap_values(left);
            wrap_values(right);
        }
        _ => {}
    }
}

/// WHERE becomes a call, so that its type is looked at by the resolver, which knows PostgreSQL's
/// words for one that is not boolean.
fn wrap_condition(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => {
            if let Some(condition) = select.selection.take() {
                select.selection = Some(call(CELL, vec![condition], None));
            }
        }
        SetExpr::SetOperation { left, right, .. } => {
            wrap_condition(left);
            wrap_condition(right);
        }
        _ => {}
    }
}

/// A call by name, its position in the name.
pub(crate) fn call(name: &str, args: Vec<Expr>, position: Option<usize>) -> Expr {
    let name = match position {
        Some(position) => name_at(name, position),
        None => name.to_owned(),
    };
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::with_quote('"', name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args
                .into_iter()
                .map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)))
                .collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn text(value: impl Into<String>) -> Expr {
    call(LITERAL, vec![Expr::value(Value::SingleQuotedString(value.into()))], None)
}

fn position_of(expr: &Expr) -> Option<usize> {
    span_position(expr.span())
}

/// Forms that must be changed before their parts are visited.
fn before(expr: &mut Expr, registry: &FunctionRegistry) -> Result<(), SqlError> {
    match expr {
        Expr::InSubquery { subquery, .. } => select_of_values(subquery),
        Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } if is_subquery(right) => {
            let taken = std::mem::replace(right.as_mut(), Expr::value(Value::Null));
            *right = set_apart(Box::new(taken));
        }
        Expr::Subquery(query) => {
            if let Some(value) = only_value(query, registry) {
                *expr = value;
            }
        }
        Expr::Exists { subquery, negated } => {
            if let Some(known) = exists(subquery, *negated, registry)? {
                *expr = known;
            }
        }
        Expr::Function(Function { name, args: FunctionArguments::Subquery(query), .. })
            if name.to_string().eq_ignore_ascii_case("array") =>
        {
            *expr = array_of_query(query.as_ref().clone(), registry)?;
        }
        Expr::Interval(interval) => *expr = interval_cast(interval)?,
        Expr::TypedString(string) => {
            let value = Expr::Value(string.value.clone());
            *expr = cast(value, string.data_type.clone());
        }
        Expr::Between { .. } => {
            let taken = std::mem::replace(expr, Expr::value(Value::Null));
            *expr = between(taken);
        }
        Expr::Cast { expr: operand, data_type, .. } => {
            // A number such as 1e308 is read as the float it is cast to: numeric could not hold it.
            let float = matches!(
                crate::parse::sql_type(data_type),
                Ok(kappa_types::SqlType::Real | kappa_types::SqlType::Double)
            );
            if let Expr::Value(ValueWithSpan { value, .. }) = operand.as_mut()
                && let Value::Number(number, _) = value
                && float
                && number.contains(['e', 'E'])
            {
                *value = Value::SingleQuotedString(number.clone());
            }
        }
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: operand } => {
            if let Expr::Value(ValueWithSpan { value: Value::Number(number, long), span }) =
                operand.as_ref()
                && !number.starts_with('-')
            {
                let value = Value::Number(format!("-{number}"), *long);
                *expr = Expr::Value(ValueWithSpan { value, span: *span });
            }
        }
        _ => {}
    }
    Ok(())
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

/// `INTERVAL '10' MINUTES` is the cast of `'10 minutes'`.
fn interval_cast(interval: &ast::Interval) -> Result<Expr, SqlError> {
    let unsupported = || {
        SqlError::unsupported(
            "this form of interval literal is not supported",
            "Write the units inside the quotes: INTERVAL '1 year 2 months'.",
        )
    };
    if interval.last_field.is_some() {
        return Err(unsupported());
    }
    let Expr::Value(ValueWithSpan { value, span }) = interval.value.as_ref() else {
        return Err(unsupported());
    };
    let number = match value {
        Value::SingleQuotedString(text) => text.clone(),
        Value::Number(number, _) => number.clone(),
        _ => return Err(unsupported()),
    };
    let text = match &interval.leading_field {
        None => number,
        Some(field) if number.trim().parse::<f64>().is_ok() => {
            format!("{} {}", number.trim(), field.to_string().to_ascii_lowercase())
        }
        Some(_) => number,
    };
    let value = ValueWithSpan { value: Value::SingleQuotedString(text), span: *span };
    Ok(cast(Expr::Value(value), DataType::Interval { fields: None, precision: None }))
}

/// `x BETWEEN a AND b` is `x >= a AND x <= b`.
fn between(expr: Expr) -> Expr {
    let Expr::Between { expr, negated, low, high } = expr else { return expr };
    let compare =
        |op: BinaryOperator, right: Box<Expr>| Expr::BinaryOp { left: expr.clone(), op, right };
    let (left, op, right) = if negated {
        (compare(BinaryOperator::Lt, low), BinaryOperator::Or, compare(BinaryOperator::Gt, high))
    } else {
        (
            compare(BinaryOperator::GtEq, low),
            BinaryOperator::And,
            compare(BinaryOperator::LtEq, high),
        )
    };
    Expr::Nested(Box::new(Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }))
}

/// The rewritten form of an expression whose parts are rewritten.
#[expect(clippy::too_many_lines, reason = "one short arm per form")]
fn after(expr: Expr, registry: &FunctionRegistry) -> Result<Expr, SqlError> {
    let position = position_of(&expr);
    Ok(match expr {
        Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, .. } => {
            let name = crate::parse::sql_type(&data_type)
                .map_or_else(|_| data_type.to_string(), |sql_type| sql_type.name());
            let null = cast(Expr::value(Value::Null), data_type);
            call(&format!("{CAST_TO}{name}"), vec![*expr, null], position)
        }
        Expr::Value(value) => literal(value),
        Expr::BinaryOp { left, op, right } => binary(*left, op, *right, position)?,
        Expr::UnaryOp { op, expr } => call(&format!("{UNARY}{op}"), vec![*expr], position),
        Expr::IsDistinctFrom(left, right) => {
            call(&format!("{BINARY}IS DISTINCT FROM"), vec![*left, *right], position)
        }
        Expr::IsNotDistinctFrom(left, right) => {
            call(&format!("{BINARY}IS NOT DISTINCT FROM"), vec![*left, *right], position)
        }
        Expr::Like { negated, expr, pattern, escape_char, any: false } => {
            like(if negated { "!~~" } else { "~~" }, *expr, *pattern, escape_char, position)
        }
        Expr::ILike { negated, expr, pattern, escape_char, any: false } => {
            like(if negated { "!~~*" } else { "~~*" }, *expr, *pattern, escape_char, position)
        }
        Expr::SimilarTo { negated, expr, pattern, escape_char } => {
            let pattern = escaped(*pattern, escape_char);
            let similar = call("similar_to", vec![*expr, pattern], position);
            if negated { not(similar) } else { similar }
        }
        Expr::AnyOp { left, compare_op, right, .. } if !is_subquery(&right) => {
            call(&format!("{ANY}{}", symbol(&compare_op)), vec![*left, *right], position)
        }
        Expr::AllOp { left, compare_op, right } if !is_subquery(&right) => {
            call(&format!("{ALL}{}", symbol(&compare_op)), vec![*left, *right], position)
        }
        Expr::Collate { expr, collation } => {
            let name = collation.0.last().and_then(ObjectNamePart::as_ident).map(fold);
            match name.as_deref() {
                Some("default" | "C" | "POSIX" | "ucs_basic") => *expr,
                _ => {
                    return Err(SqlError::unsupported(
                        format!("collation {collation} is not supported"),
                        "Text is compared by bytes, as with COLLATE \"C\".",
                    ));
                }
            }
        }
        Expr::Extract { field, expr, .. } => {
            call("extract", vec![text(field_name(&field)), *expr], position)
        }
        Expr::AtTimeZone { timestamp, time_zone } => {
            call("timezone", vec![*time_zone, *timestamp], position)
        }
        Expr::Position { expr, r#in } => call("position", vec![*expr, *r#in], position),
        Expr::Substring { expr, substring_from, substring_for, .. } => {
            let from = substring_from
                .map_or_else(|| Expr::value(Value::Number("1".to_owned(), false)), |e| *e);
            let mut args = vec![*expr, from];
            args.extend(substring_for.map(|e| *e));
            call("substring", args, position)
        }
        Expr::Trim { expr, trim_where, trim_what, trim_characters } => {
            let name = match trim_where {
                Some(ast::TrimWhereField::Leading) => "ltrim",
                Some(ast::TrimWhereField::Trailing) => "rtrim",
                _ => "btrim",
            };
            let mut args = vec![*expr];
            args.extend(trim_what.map(|e| *e));
            args.extend(trim_characters.into_iter().flatten());
            call(name, args, position)
        }
        Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
            let mut args = vec![*expr, *overlay_what, *overlay_from];
            args.extend(overlay_for.map(|e| *e));
            call("overlay", args, position)
        }
        Expr::Ceil { expr, .. } => call("ceil", vec![*expr], position),
        Expr::Floor { expr, .. } => call("floor", vec![*expr], position),
        Expr::Array(array) => call("array", array.elem, position),
        Expr::CompoundFieldAccess { root, access_chain } => {
            subscripts(*root, access_chain, position)?
        }
        Expr::Function(function) => named(function, position, registry)?,
        Expr::InList { expr, list, negated } if matches!(*expr, Expr::Tuple(_)) => {
            tuple_in_list(*expr, list, negated, position)?
        }
        Expr::InSubquery { expr, .. } if matches!(*expr, Expr::Tuple(_)) => {
            return Err(SqlError::unsupported(
                "a row with IN over a subquery is not supported",
                "Write EXISTS with one comparison for each column, or a join.",
            ));
        }
        other => other,
    })
}

fn literal(value: ValueWithSpan) -> Expr {
    let position = span_position(value.span);
    let string =
        |text: String| call(LITERAL, vec![Expr::value(Value::SingleQuotedString(text))], position);
    match value.value {
        Value::SingleQuotedString(text)
        | Value::EscapedStringLiteral(text)
        | Value::UnicodeStringLiteral(text)
        | Value::NationalStringLiteral(text) => string(text),
        Value::DollarQuotedString(text) => string(text.value),
        Value::Placeholder(_) => call(PARAMETER, vec![Expr::Value(value)], position),
        Value::Number(ref number, _) if !fits_numeric(number) => {
            cast(string(number.clone()), DataType::DoublePrecision)
        }
        _ => Expr::Value(value),
    }
}

/// Whether a number with an exponent has at most the digits of a numeric. One that has more can
/// only be meant as a float.
fn fits_numeric(number: &str) -> bool {
    let Some((mantissa, exponent)) = number.split_once(['e', 'E']) else { return true };
    let Ok(exponent) = exponent.parse::<i64>() else { return false };
    let fraction = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|d| *d == b'0').count();
    let most = i64::from(kappa_types::NUMERIC_PRECISION_MAX);
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let scale = count(fraction).saturating_sub(exponent);
    let whole = count(digits).saturating_add((-scale).max(0));
    digits == 0 || (scale <= most && whole <= most)
}

fn not(expr: Expr) -> Expr {
    call(&format!("{UNARY}NOT"), vec![expr], None)
}

/// `left AND right`, `left OR right`.
fn logic(word: &str, left: Expr, right: Expr) -> Expr {
    call(&format!("{BINARY}{word}"), vec![left, right], None)
}

fn is_subquery(expr: &Expr) -> bool {
    match expr {
        Expr::Subquery(_) => true,
        Expr::Nested(inner) => is_subquery(inner),
        _ => false,
    }
}

/// The symbol of an operator; of `OPERATOR(pg_catalog.~)` too.
fn symbol(op: &BinaryOperator) -> String {
    match op {
        BinaryOperator::PGCustomBinaryOperator(parts) => parts.last().cloned().unwrap_or_default(),
        BinaryOperator::NotEq => "<>".to_owned(),
        other => other.to_string(),
    }
}

fn binary(
    left: Expr,
    op: BinaryOperator,
    right: Expr,
    position: Option<usize>,
) -> Result<Expr, SqlError> {
    if let (Expr::Tuple(left), Expr::Tuple(right)) = (&left, &right) {
        return tuples(left, &op, right, position);
    }
    Ok(call(&format!("{BINARY}{}", symbol(&op)), vec![left, right], position))
}

/// `(a, b) = (c, d)` is `a = c AND b = d`.
fn tuples(
    left: &[Expr],
    op: &BinaryOperator,
    right: &[Expr],
    position: Option<usize>,
) -> Result<Expr, SqlError> {
    let negated = match op {
        BinaryOperator::Eq => false,
        BinaryOperator::NotEq => true,
        _ => {
            return Err(SqlError::unsupported(
                "rows can only be compared with = and <>",
                "Compare the columns one by one.",
            ));
        }
    };
    if left.len() != right.len() || left.is_empty() {
        return Err(SqlError::new(
            SqlState::SyntaxError,
            "unequal number of entries in row expressions",
        ));
    }
    let pairs = left.iter().zip(right).map(|(left, right)| {
        call(&format!("{BINARY}="), vec![left.clone(), right.clone()], position)
    });
    let all = pairs.reduce(|left, right| logic("AND", left, right));
    let all = all.unwrap_or_else(|| Expr::value(Value::Boolean(true)));
    Ok(if negated { not(all) } else { all })
}

fn tuple_in_list(
    expr: Expr,
    list: Vec<Expr>,
    negated: bool,
    position: Option<usize>,
) -> Result<Expr, SqlError> {
    let Expr::Tuple(left) = expr else {
        return Ok(Expr::InList { expr: Box::new(expr), list, negated });
    };
    let mut any: Option<Expr> = None;
    for item in list {
        let Expr::Tuple(right) = item else {
            return Err(SqlError::new(
                SqlState::SyntaxError,
                "unequal number of entries in row expressions",
            ));
        };
        let equal = tuples(&left, &BinaryOperator::Eq, &right, position)?;
        any = Some(match any {
            None => equal,
            Some(left) => logic("OR", left, equal),
        });
    }
    let any = any.unwrap_or_else(|| Expr::value(Value::Boolean(false)));
    Ok(if negated { not(Expr::Nested(Box::new(any))) } else { Expr::Nested(Box::new(any)) })
}

/// A pattern whose escape character is not the backslash.
fn escaped(pattern: Expr, escape: Option<ValueWithSpan>) -> Expr {
    match escape {
        Some(escape) => call("like_escape", vec![pattern, literal(escape)], None),
        None => pattern,
    }
}

fn like(
    op: &str,
    expr: Expr,
    pattern: Expr,
    escape: Option<ValueWithSpan>,
    position: Option<usize>,
) -> Expr {
    call(&format!("{BINARY}{op}"), vec![expr, escaped(pattern, escape)], position)
}

fn field_name(field: &DateTimeField) -> String {
    match field {
        DateTimeField::Custom(ident) => fold(ident),
        other => other.to_string().to_ascii_lowercase(),
    }
}

fn subscripts(
    root: Expr,
    chain: Vec<AccessExpr>,
    position: Option<usize>,
) -> Result<Expr, SqlError> {
    let mut expr = root;
    for access in chain {
        expr = match access {
            AccessExpr::Subscript(Subscript::Index { index }) => {
                call("subscript", vec![expr, index], position)
            }
            AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, stride: None }) => {
                let number = |n: &str| Expr::value(Value::Number(n.to_owned(), false));
                let low = lower_bound.unwrap_or_else(|| number("1"));
                let high = upper_bound.unwrap_or_else(|| number("2147483647"));
                call("array_slice", vec![expr, low, high], position)
            }
            _ => {
                return Err(SqlError::unsupported(
                    "access to a field of a row is not supported",
                    "Select the columns of the table instead.",
                ));
            }
        };
    }
    Ok(expr)
}

/// A function by name: `pg_catalog.` is dropped, the position put in.
fn named(
    mut function: Function,
    position: Option<usize>,
    registry: &FunctionRegistry,
) -> Result<Expr, SqlError> {
    let parts: Vec<String> =
        function.name.0.iter().filter_map(ObjectNamePart::as_ident).map(fold).collect();
    let name = match parts.as_slice() {
        [name] => name.clone(),
        [namespace, name] if namespace == "pg_catalog" || namespace == "public" => name.clone(),
        _ => {
            return Err(SqlError::new(
                SqlState::UndefinedFunction,
                format!("function {} does not exist", parts.join(".")),
            ));
        }
    };
    if matches!(function.args, FunctionArguments::None) {
        // CURRENT_DATE and its like are written without parentheses.
        function.args = FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: Vec::new(),
            clauses: Vec::new(),
        });
    }
    let name = match name.as_str() {
        // The precision of CURRENT_TIMESTAMP(n) is always 6.
        "current_timestamp" | "localtimestamp" | "current_time" | "localtime" => {
            if let FunctionArguments::List(list) = &mut function.args {
                list.args.clear();
            }
            name
        }
        "variance" => "var_samp".to_owned(),
        "every" => "bool_and".to_owned(),
        _ => name,
    };
    let is_aggregate = registry.is_aggregate_or_window(&name);
    let name = match position {
        Some(position) if !is_aggregate && name != "unnest" => name_at(&name, position),
        _ => name,
    };
    function.name = ObjectName::from(vec![Ident::with_quote('"', name)]);
    Ok(Expr::Function(function))
}

/// A query that is only its body.
pub(crate) fn query_of(body: Box<SetExpr>) -> Query {
    Query {
        with: None,
        body,
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

/// A SELECT of nothing.
pub(crate) fn empty_select() -> Select {
    Select {
        select_token: ast::helpers::attached_token::AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection: Vec::new(),
        exclude: None,
        into: None,
        from: Vec::new(),
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: ast::GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        window_before_qualify: false,
        qualify: None,
        value_table_mode: None,
        flavor: ast::SelectFlavor::Standard,
    }
}
