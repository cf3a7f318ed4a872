//! Names of output columns: each column of a SELECT gets the one PostgreSQL gives it, and equal
//! names of one list are kept apart by a mark, which [`crate::error::shown_name`] cuts off.

use datafusion::sql::sqlparser::ast::{
    self, AccessExpr, DataType, Expr, Ident, ObjectNamePart, OrderByKind, Query, Select,
    SelectItem, SetExpr, Value,
};

use crate::parse::fold;

/// Stands between a column's name and the number that keeps equal names of one list apart. It
/// cannot be typed: the name is cut here before anyone sees it.
pub(crate) const NAME_MARK: char = '\u{1}';

/// ORDER BY of a SELECT DISTINCT by what it selects, by its position: SqlToRel looks for the expression
/// among columns that have names by then.
pub(crate) fn order_by_positions(query: &mut Query) {
    let (SetExpr::Select(select), Some(order)) = (query.body.as_ref(), &mut query.order_by) else {
        return;
    };
    let OrderByKind::Expressions(keys) = &mut order.kind else { return };
    if select.distinct.is_none() || select.projection.iter().any(|item| item_expr(item).is_none()) {
        return;
    }
    for key in keys.iter_mut().filter(|key| !matches!(key.expr, Expr::Identifier(_))) {
        let mut items = select.projection.iter();
        if let Some(index) = items.position(|item| item_expr(item) == Some(&key.expr)) {
            key.expr = Expr::value(Value::Number((index + 1).to_string(), false));
        }
    }
}

fn item_expr(item: &SelectItem) -> Option<&Expr> {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    }
}

/// Gives each output column of each SELECT of a set expression PostgreSQL's name.
pub(crate) fn name_columns(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => name_select(select),
        SetExpr::SetOperation { left, right, .. } => {
            name_columns(left);
            name_columns(right);
        }
        _ => {}
    }
}

fn name_select(select: &mut Select) {
    let mut seen: Vec<(String, String)> = Vec::new();
    for item in &mut select.projection {
        let (expr, name) = match item {
            SelectItem::UnnamedExpr(expr) => {
                let name = column_name(expr).unwrap_or_else(|| "?column?".to_owned());
                (expr.clone(), name)
            }
            SelectItem::ExprWithAlias { expr, alias } => (expr.clone(), fold(alias)),
            _ => continue,
        };
        let is_alias = matches!(item, SelectItem::ExprWithAlias { .. });
        let is_column =
            !is_alias && matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        let source = if is_column { expr.to_string() } else { String::new() };
        // Columns of different tables may share a name: their qualifiers tell them apart.
        let clash = seen.iter().any(|(other, other_source)| {
            *other == name
                && !(is_column
                    && !other_source.is_empty()
                    && other_source.contains('.')
                    && source.contains('.')
                    && !may_be_one_column(other_source, &source))
        });
        let unique = if clash { format!("{name}{NAME_MARK}{}", seen.len()) } else { name.clone() };
        seen.push((name, source));
        if clash || !is_column {
            *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', unique) };
        }
    }
}

/// Whether two qualified names may mean one column, as `t.n` and `public.t.n` do.
fn may_be_one_column(left: &str, right: &str) -> bool {
    let ends = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    ends(left, right) || ends(right, left)
}

/// Marks every column of a subquery in FROM whose name another of its columns has, so that the name
/// alone finds none of them; [`crate::error`] then says that it is ambiguous.
pub(crate) fn hide_equal_names(body: &mut SetExpr) {
    let select = match body {
        SetExpr::Select(select) => select,
        SetExpr::SetOperation { left, right, .. } => {
            hide_equal_names(left);
            hide_equal_names(right);
            return;
        }
        SetExpr::Query(query) => return hide_equal_names(&mut query.body),
        _ => return,
    };
    let names: Vec<Option<String>> = select
        .projection
        .iter()
        .map(|item| match item {
            SelectItem::UnnamedExpr(expr) => {
                Some(column_name(expr).unwrap_or_else(|| "?column?".to_owned()))
            }
            SelectItem::ExprWithAlias { alias, .. } => Some(fold(alias)),
            _ => None,
        })
        .collect();
    for (index, item) in select.projection.iter_mut().enumerate() {
        let Some(name) = &names[index] else { continue };
        if names.iter().filter(|other| other.as_ref() == Some(name)).count() < 2 {
            continue;
        }
        let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else {
            continue;
        };
        let expr = std::mem::replace(expr, Expr::value(Value::Null));
        let alias = Ident::with_quote('"', format!("{name}{NAME_MARK}{index}"));
        *item = SelectItem::ExprWithAlias { expr, alias };
    }
}

/// PostgreSQL's `FigureColname`; `None` is `?column?`.
pub(crate) fn column_name(expr: &Expr) -> Option<String> {
    Some(match expr {
        Expr::Identifier(ident) => fold(ident),
        Expr::CompoundIdentifier(parts) => fold(parts.last()?),
        Expr::Function(function) => {
            fold(function.name.0.last().and_then(ObjectNamePart::as_ident)?)
        }
        Expr::Cast { expr, data_type, .. } => match column_name(expr) {
            Some(name) => name,
            None => type_column_name(data_type)?,
        },
        Expr::TypedString(string) => type_column_name(&string.data_type)?,
        Expr::Interval(_) => "interval".to_owned(),
        Expr::Case { else_result, .. } => match else_result.as_ref().and_then(|e| column_name(e)) {
            Some(name) => name,
            None => "case".to_owned(),
        },
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => column_name(inner)?,
        Expr::CompoundFieldAccess { root, access_chain } => {
            let field = access_chain.iter().rev().find_map(|access| match access {
                AccessExpr::Dot(Expr::Identifier(ident)) => Some(fold(ident)),
                _ => None,
            });
            match field {
                Some(field) => field,
                None => column_name(root)?,
            }
        }
        Expr::Subquery(query) => match query.body.as_ref() {
            SetExpr::Select(select) => match select.projection.first()? {
                SelectItem::UnnamedExpr(expr) => column_name(expr)?,
                SelectItem::ExprWithAlias { alias, .. } => fold(alias),
                _ => return None,
            },
            _ => return None,
        },
        Expr::Exists { .. } => "exists".to_owned(),
        Expr::Array(_) => "array".to_owned(),
        Expr::Extract { .. } => "extract".to_owned(),
        Expr::Substring { shorthand, .. } => {
            if *shorthand {
                "substr".to_owned()
            } else {
                "substring".to_owned()
            }
        }
        Expr::Position { .. } => "position".to_owned(),
        Expr::Trim { trim_where, .. } => match trim_where {
            Some(ast::TrimWhereField::Leading) => "ltrim".to_owned(),
            Some(ast::TrimWhereField::Trailing) => "rtrim".to_owned(),
            _ => "btrim".to_owned(),
        },
        Expr::Overlay { .. } => "overlay".to_owned(),
        Expr::Ceil { .. } => "ceil".to_owned(),
        Expr::Floor { .. } => "floor".to_owned(),
        Expr::AtTimeZone { .. } => "timezone".to_owned(),
        Expr::Value(value) if matches!(value.value, Value::Boolean(_)) => "bool".to_owned(),
        _ => return None,
    })
}

/// The name that a cast of something nameless gives its column.
fn type_column_name(data_type: &DataType) -> Option<String> {
    use kappa_types::SqlType as T;
    Some(match crate::parse::sql_type(data_type).ok()? {
        T::Boolean => "bool".to_owned(),
        T::SmallInt => "int2".to_owned(),
        T::Integer => "int4".to_owned(),
        T::BigInt => "int8".to_owned(),
        T::Real => "float4".to_owned(),
        T::Double => "float8".to_owned(),
        T::Numeric(_) => "numeric".to_owned(),
        T::Varchar(_) => "varchar".to_owned(),
        T::Time => "time".to_owned(),
        T::Timestamp => "timestamp".to_owned(),
        T::Timestamptz => "timestamptz".to_owned(),
        T::Array(element) => match *element {
            T::Integer => "int4".to_owned(),
            T::BigInt => "int8".to_owned(),
            other => other.name(),
        },
        other => other.name(),
    })
}
