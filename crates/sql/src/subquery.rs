//! Subqueries in expressions, before SqlToRel plans them: forms that DataFusion would answer wrongly are
//! written in others that it answers as PostgreSQL does, or refused.
//!
//! ```text
//! x > ANY (q)      ->   x > ANY (SELECT * FROM (q) AS "set")      its columns are not those of x
//! x IN (q)         ->   CASE WHEN x IN (q) THEN true WHEN … THEN NULL ELSE false END
//!                       where NULL is not as good as false; DataFusion knows two values
//! ARRAY(q)         ->   coalesce((SELECT array_agg(element ORDER BY …) …), '{}')
//! (q)              ->   its only element, where the row around may be in it
//! EXISTS (q)       ->   true, where q always has its one row
//! ```

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, Expr, FunctionArguments, GroupByExpr, Ident, JoinConstraint,
    JoinOperator, LimitClause, OrderByKind, Query, Select, SelectItem, SetExpr, SetOperator,
    SetQuantifier, Value, Visit, VisitMut, Visitor, VisitorMut,
};
use kappa_types::SqlError;

use crate::desugar::{call, empty_select, query_of};
use crate::function::{FunctionRegistry, ONLY_ELEMENT};
use crate::parse::fold;

/// The name of a column that ANY and ALL compare with.
const SET_ELEMENT: &str = "set element";

/// What ANY and ALL compare with, with columns of its own: DataFusion takes a column of the same table
/// for the one of the row around.
pub(crate) fn set_apart(right: Box<Expr>) -> Box<Expr> {
    match *right {
        Expr::Nested(inner) => set_apart(inner),
        Expr::Subquery(mut query) => {
            if let Some(item) = only_item(&mut query) {
                let alias = Ident::with_quote('"', SET_ELEMENT);
                *item = SelectItem::ExprWithAlias { expr: expr_of(item), alias };
                return Box::new(Expr::Subquery(query));
            }
            let items = vec![SelectItem::Wildcard(ast::WildcardAdditionalOptions::default())];
            Box::new(Expr::Subquery(Box::new(select_from(*query, "set", &[], items))))
        }
        other => Box::new(other),
    }
}

/// The one result of a query that is a SELECT without anything of its own around.
fn only_item(query: &mut Query) -> Option<&mut SelectItem> {
    let is_plain = query.order_by.is_none() && query.limit_clause.is_none();
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let is_plain = is_plain && query.fetch.is_none() && select.distinct.is_none();
    let [item] = select.projection.as_mut_slice() else { return None };
    let is_expr = matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
    (is_plain && is_expr).then_some(item)
}

fn expr_of(item: &SelectItem) -> Expr {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => expr.clone(),
        _ => Expr::value(Value::Null),
    }
}

/// VALUES as a SELECT, which is what DataFusion takes after IN.
pub(crate) fn select_of_values(query: &mut Query) {
    if matches!(query.body.as_ref(), SetExpr::Values(_)) {
        let values = query.clone();
        let items = vec![SelectItem::Wildcard(ast::WildcardAdditionalOptions::default())];
        *query = select_from(values, "set", &["element"], items);
    }
}

/// `SELECT items FROM (query) AS name (columns)`
fn select_from(query: Query, name: &str, columns: &[&str], items: Vec<SelectItem>) -> Query {
    let columns = columns.iter().map(|column| ast::TableAliasColumnDef {
        name: Ident::with_quote('"', *column),
        data_type: None,
    });
    let derived = ast::TableFactor::Derived {
        lateral: false,
        subquery: Box::new(query),
        alias: Some(ast::TableAlias {
            explicit: true,
            name: Ident::with_quote('"', name),
            columns: columns.collect(),
            at: None,
        }),
        sample: None,
    };
    let select = Select {
        projection: items,
        from: vec![ast::TableWithJoins { relation: derived, joins: Vec::new() }],
        ..empty_select()
    };
    query_of(Box::new(SetExpr::Select(Box::new(select))))
}

/// Writes IN over a subquery in three values, wherever that is not the same as in two.
pub(crate) fn three_valued_in(condition: &mut Expr, registry: &FunctionRegistry) {
    walk(condition, true, registry);
}

/// `is_conjunct` where NULL counts as false and nothing stands around.
fn walk(condition: &mut Expr, is_conjunct: bool, registry: &FunctionRegistry) {
    match condition {
        Expr::Nested(inner) => walk(inner, is_conjunct, registry),
        Expr::BinaryOp { left, op: op @ (BinaryOperator::And | BinaryOperator::Or), right } => {
            let is_conjunct = is_conjunct && *op == BinaryOperator::And;
            walk(left, is_conjunct, registry);
            walk(right, is_conjunct, registry);
        }
        Expr::InSubquery { negated: false, .. } => {}
        Expr::InSubquery { expr, subquery, negated: true }
            if is_conjunct && is_column(expr) && reads_all(subquery) => {}
        other => exact(other, registry),
    }
}

fn is_column(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

/// Whether a query has no condition by which it could know the row around it.
fn reads_all(query: &Query) -> bool {
    match query.body.as_ref() {
        SetExpr::Select(select) => {
            select.selection.is_none()
                && select.having.is_none()
                && select.from.iter().all(|from| from.joins.is_empty())
        }
        _ => false,
    }
}

/// Writes every IN over a subquery in three values.
fn exact(condition: &mut Expr, registry: &FunctionRegistry) {
    struct Exact<'a> {
        registry: &'a FunctionRegistry,
        /// How many queries are around.
        depth: usize,
    }
    impl VisitorMut for Exact<'_> {
        type Break = ();

        fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
            self.depth += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if self.depth == 0
                && let Expr::InSubquery { expr: left, subquery, negated } = expr
                && !matches!(**left, Expr::Tuple(_))
            {
                *expr = in_three_values(left, subquery, *negated, self.registry);
            }
            ControlFlow::Continue(())
        }
    }
    let _ = VisitMut::visit(condition, &mut Exact { registry, depth: 0 });
}

fn in_three_values(left: &Expr, query: &Query, negated: bool, registry: &FunctionRegistry) -> Expr {
    let zero = || Box::new(Expr::value(Value::Number("0".to_owned(), false)));
    let boolean = |value| Expr::value(Value::Boolean(value));
    let count = |nulls: bool| Box::new(Expr::Subquery(Box::new(counting(query, nulls, registry))));
    let is_in = Expr::InSubquery {
        expr: Box::new(left.clone()),
        subquery: Box::new(query.clone()),
        negated: false,
    };
    let is_empty = Expr::BinaryOp { left: count(false), op: BinaryOperator::Eq, right: zero() };
    let has_null = Expr::BinaryOp { left: count(true), op: BinaryOperator::Gt, right: zero() };
    let is_open = Expr::BinaryOp {
        left: Box::new(Expr::IsNull(Box::new(Expr::Nested(Box::new(left.clone()))))),
        op: BinaryOperator::Or,
        right: Box::new(has_null),
    };
    let when = |condition, result| ast::CaseWhen { condition, result };
    Expr::Case {
        case_token: ast::helpers::attached_token::AttachedToken::empty(),
        end_token: ast::helpers::attached_token::AttachedToken::empty(),
        operand: None,
        conditions: vec![
            when(is_in, boolean(!negated)),
            when(is_empty, boolean(negated)),
            when(is_open, Expr::value(Value::Null)),
        ],
        else_result: Some(Box::new(boolean(negated))),
    }
}

/// How many rows a query has, or how many NULLs.
fn counting(query: &Query, nulls: bool, registry: &FunctionRegistry) -> Query {
    let counted = |element: Expr| {
        let rows = count_of_rows();
        SelectItem::UnnamedExpr(match nulls {
            false => rows,
            true => Expr::BinaryOp {
                left: Box::new(rows),
                op: BinaryOperator::Minus,
                right: Box::new(call("count", vec![element], None)),
            },
        })
    };
    let mut plain = query.clone();
    let is_plain = match plain.body.as_ref() {
        SetExpr::Select(select) => !is_grouped(select) && !has_aggregate(select, registry),
        _ => false,
    };
    match only_item(&mut plain) {
        // The row around is still seen.
        Some(item) if is_plain => {
            *item = counted(expr_of(item));
            plain
        }
        _ => {
            let element = Expr::Identifier(Ident::with_quote('"', "element"));
            select_from(query.clone(), "set", &["element"], vec![counted(element)])
        }
    }
}

fn count_of_rows() -> Expr {
    let mut count = call("count", Vec::new(), None);
    if let Expr::Function(function) = &mut count
        && let FunctionArguments::List(list) = &mut function.args
    {
        list.args.push(ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Wildcard));
    }
    count
}

/// EXISTS as DataFusion understands it.
///
/// # Errors
/// 0A000 for OFFSET, and for LIMIT but of some rows: DataFusion looks at neither.
pub(crate) fn exists(
    query: &Query,
    negated: bool,
    registry: &FunctionRegistry,
) -> Result<Option<Expr>, SqlError> {
    if is_cut(query) {
        return Err(SqlError::unsupported(
            "EXISTS over a query with OFFSET is not supported",
            "Compare a count of its rows.",
        ));
    }
    let SetExpr::Select(select) = query.body.as_ref() else { return Ok(None) };
    let one_row = has_aggregate(select, registry)
        && !calls_windows(select)
        && !is_grouped(select)
        && select.having.is_none();
    Ok(one_row.then(|| Expr::value(Value::Boolean(!negated))))
}

/// Whether a LIMIT or OFFSET may leave no row of some.
fn is_cut(query: &Query) -> bool {
    match &query.limit_clause {
        None => false,
        Some(LimitClause::LimitOffset { limit, offset: None, .. }) => {
            !matches!(
                limit,
                None | Some(Expr::Value(ast::ValueWithSpan { value: Value::Number(_, _), .. }))
            ) || matches!(limit, Some(Expr::Value(ast::ValueWithSpan { value: Value::Number(number, _), .. })) if number.parse() == Ok(0))
        }
        Some(_) => true,
    }
}

/// Whether a window function stands anywhere in the results.
fn calls_windows(select: &Select) -> bool {
    struct Find;
    impl Visitor for Find {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(function) if function.over.is_some() => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    select.projection.visit(&mut Find).is_break()
}

fn is_grouped(select: &Select) -> bool {
    !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty())
}

/// Whether an aggregate or a window function stands in the results of a query itself.
fn has_aggregate(select: &Select, registry: &FunctionRegistry) -> bool {
    struct Find<'a>(&'a FunctionRegistry, usize);
    impl Visitor for Find<'_> {
        type Break = ();

        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.1 += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.1 -= 1;
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
            let name = function.name.0.last().and_then(|part| part.as_ident()).map(fold);
            let found = name.is_some_and(|name| self.0.aggregate(&name).is_some());
            if self.1 == 0 && (found || function.over.is_some()) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        }
    }
    select.projection.visit(&mut Find(registry, 0)).is_break()
}

/// `ARRAY(query)`: the rows in the order of the query, and an empty array of none.
///
/// # Errors
/// 0A000 for an order that no aggregate could have.
pub(crate) fn array_of_query(query: Query, registry: &FunctionRegistry) -> Result<Expr, SqlError> {
    if query.order_by.is_none() {
        let element = Expr::Identifier(Ident::with_quote('"', "element"));
        let items = vec![array_item(element, Vec::new())];
        return Ok(or_empty(select_from(query, "elements", &["element"], items)));
    }
    gathered(query, registry).map(or_empty).ok_or_else(|| {
        SqlError::unsupported(
            "ARRAY over a query of this form with ORDER BY is not supported",
            "Write (SELECT array_agg(x ORDER BY …) FROM …).",
        )
    })
}

/// The value of a scalar subquery that may be about the row around it. DataFusion joins with such a
/// one, and so wants an aggregate: all values, of which there may be one.
pub(crate) fn only_value(query: &Query, registry: &FunctionRegistry) -> Option<Expr> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    select.selection.as_ref()?;
    let mut query = query.clone();
    let first = takes_first(&query);
    if first {
        query.limit_clause = None;
    }
    let values = Expr::Subquery(Box::new(gathered(query, registry)?));
    Some(if first {
        let one = Expr::value(Value::Number("1".to_owned(), false));
        call("subscript", vec![values, one], None)
    } else {
        call(ONLY_ELEMENT, vec![values], None)
    })
}

/// Whether a query ends with LIMIT 1.
fn takes_first(query: &Query) -> bool {
    let Some(LimitClause::LimitOffset { limit: Some(Expr::Value(limit)), offset: None, limit_by }) =
        &query.limit_clause
    else {
        return false;
    };
    limit_by.is_empty() && matches!(&limit.value, Value::Number(number, _) if number == "1")
}

/// A SELECT of one column as one array, in its order; `None` where an aggregate would be another query.
fn gathered(mut query: Query, registry: &FunctionRegistry) -> Option<Query> {
    let is_plain = query.with.is_none() && query.limit_clause.is_none() && query.fetch.is_none();
    let order = match query.order_by.take().map(|order| order.kind) {
        None => Vec::new(),
        Some(OrderByKind::Expressions(order)) => order,
        Some(_) => return None,
    };
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let (element, alias) = match select.projection.as_slice() {
        [SelectItem::UnnamedExpr(element)] => (element.clone(), None),
        [SelectItem::ExprWithAlias { expr, alias }] if alias.value != SET_ELEMENT => {
            (expr.clone(), Some(fold(alias)))
        }
        _ => return None,
    };
    let is_rows = select.distinct.is_none() && select.having.is_none() && !is_grouped(select);
    if !is_plain || !is_rows || has_aggregate(select, registry) {
        return None;
    }
    let order = order.into_iter().map(|mut key| {
        let is_element = match &key.expr {
            Expr::Identifier(name) => alias.as_ref() == Some(&fold(name)),
            Expr::Value(value) => matches!(&value.value, Value::Number(number, _) if number == "1"),
            _ => false,
        };
        if is_element {
            key.expr = element.clone();
        }
        key
    });
    let order = order.collect();
    select.projection = vec![array_item(element, order)];
    Some(query)
}

fn or_empty(query: Query) -> Expr {
    let empty = Expr::value(Value::SingleQuotedString("{}".to_owned()));
    call("coalesce", vec![Expr::Subquery(Box::new(query)), empty], None)
}

fn array_item(element: Expr, order: Vec<ast::OrderByExpr>) -> SelectItem {
    let mut aggregate = call("array_agg", vec![element], None);
    if let Expr::Function(function) = &mut aggregate
        && let FunctionArguments::List(list) = &mut function.args
        && !order.is_empty()
    {
        list.clauses.push(ast::FunctionArgumentClause::OrderBy(order));
    }
    SelectItem::ExprWithAlias { expr: aggregate, alias: Ident::with_quote('"', "array") }
}

/// Refuses what DataFusion answers wrongly.
///
/// # Errors
/// 0A000 for INTERSECT ALL and EXCEPT ALL, of which DataFusion forgets how often a row is there.
pub(crate) fn refuse_counted_sets(body: &SetExpr) -> Result<(), SqlError> {
    let SetExpr::SetOperation { op, set_quantifier, left, right } = body else { return Ok(()) };
    if *set_quantifier == SetQuantifier::All && *op != SetOperator::Union {
        return Err(SqlError::unsupported(
            format!("{op} ALL is not supported"),
            format!("Use {op}, or number equal rows with row_number() OVER (PARTITION BY …)."),
        ));
    }
    refuse_counted_sets(left)?;
    refuse_counted_sets(right)
}

/// # Errors
/// 0A000 for RIGHT and FULL JOIN with USING or NATURAL: DataFusion takes the left column for the merged
/// one, which is NULL where the left side has no row.
pub(crate) fn refuse_merged_columns(select: &Select) -> Result<(), SqlError> {
    for join in select.from.iter().flat_map(|from| &from.joins) {
        let (JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)) = &join.join_operator
        else {
            continue;
        };
        if matches!(constraint, JoinConstraint::Using(_) | JoinConstraint::Natural) {
            return Err(SqlError::unsupported(
                "RIGHT and FULL JOIN with USING or NATURAL are not supported",
                "Write ON a.x = b.x, and coalesce(a.x, b.x) for the merged column.",
            ));
        }
    }
    Ok(())
}
