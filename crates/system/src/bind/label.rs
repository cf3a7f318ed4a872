//! The name that a column of the result gets where the query gives none.

use datafusion::sql::sqlparser::ast::{
    AccessExpr, DataType, Expr, ObjectName, SelectItem, SetExpr,
};

use super::scope::fold;
use crate::recognize::name_parts;

/// The name PostgreSQL gives to a column without alias.
pub(super) fn label(expr: &Expr) -> String {
    chosen(expr).map_or_else(|| "?column?".to_owned(), |(name, _)| name)
}

/// A name and whether it is a strong one: a cast does not replace a strong name by its type's.
fn chosen(expr: &Expr) -> Option<(String, bool)> {
    let strong = |name: &str| Some((name.to_owned(), true));
    match expr {
        Expr::Identifier(ident) => Some((fold(ident), true)),
        Expr::CompoundIdentifier(path) => path.last().map(|ident| (fold(ident), true)),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => chosen(inner),
        Expr::Function(function) => function_name(&function.name),
        Expr::Cast { expr, data_type, .. } => match chosen(expr) {
            Some((name, true)) => Some((name, true)),
            _ => Some((type_name(data_type), false)),
        },
        Expr::TypedString(typed) => Some((type_name(&typed.data_type), false)),
        Expr::Interval(_) => Some(("interval".to_owned(), false)),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let field = access_chain.iter().rev().find_map(|access| match access {
                AccessExpr::Dot(Expr::Identifier(ident)) => Some((fold(ident), true)),
                _ => None,
            });
            field.or_else(|| chosen(root))
        }
        Expr::Case { else_result, .. } => match else_result.as_deref().and_then(chosen) {
            Some((name, true)) => Some((name, true)),
            _ => Some(("case".to_owned(), false)),
        },
        Expr::Exists { .. } => strong("exists"),
        Expr::Array(_) => strong("array"),
        Expr::Tuple(_) => strong("row"),
        Expr::Subquery(query) => match query.body.as_ref() {
            SetExpr::Select(select) => match select.projection.first()? {
                SelectItem::ExprWithAlias { alias, .. } => Some((fold(alias), true)),
                SelectItem::UnnamedExpr(expr) => chosen(expr),
                _ => None,
            },
            SetExpr::Values(_) => strong("column1"),
            _ => None,
        },
        Expr::Trim { trim_where, .. } => {
            use datafusion::sql::sqlparser::ast::TrimWhereField;
            match trim_where {
                Some(TrimWhereField::Leading) => strong("ltrim"),
                Some(TrimWhereField::Trailing) => strong("rtrim"),
                _ => strong("btrim"),
            }
        }
        Expr::Substring { .. } => strong("substring"),
        Expr::Position { .. } => strong("position"),
        Expr::Extract { .. } => strong("extract"),
        Expr::Overlay { .. } => strong("overlay"),
        Expr::Ceil { .. } => strong("ceil"),
        Expr::Floor { .. } => strong("floor"),
        Expr::AtTimeZone { .. } => strong("timezone"),
        _ => None,
    }
}

fn function_name(name: &ObjectName) -> Option<(String, bool)> {
    name_parts(name).pop().map(|name| (name, true))
}

/// The type's own name, as `int4` for `int`.
fn type_name(data_type: &DataType) -> String {
    let text = data_type.to_string();
    let text = text.trim_end_matches("[]");
    let base = text.split('(').next().unwrap_or(text).trim();
    let last = base.rsplit('.').next().unwrap_or(base).trim_matches('"').to_lowercase();
    match last.as_str() {
        "int" | "integer" => "int4",
        "smallint" => "int2",
        "bigint" => "int8",
        "boolean" => "bool",
        "real" => "float4",
        "double precision" | "float" => "float8",
        "decimal" | "dec" => "numeric",
        "character varying" => "varchar",
        "character" => "bpchar",
        "timestamp with time zone" => "timestamptz",
        "timestamp without time zone" => "timestamp",
        other => other,
    }
    .to_owned()
}
