//! SELECT: from the list of relations to the list of columns.

use datafusion::sql::sqlparser::ast::{
    self, Distinct as AstDistinct, GroupByExpr, NamedWindowExpr, OrderByExpr, SelectItem,
    SelectItemQualifiedWildcardKind,
};
use kappa_types::{SqlError, SqlState};

use super::from::push_down;
use super::label::label;
use super::query::plain;
use super::scope::{Allowed, Frame, ScopeColumn, ScopeTable, fold};
use super::{Binder, Typed};
use crate::bound::{Body, Distinct, Expr, Group, Query, Select, SlotMask, SortKey};
use crate::error::unsupported;
use crate::recognize::name_parts;
use crate::value::PgType;

/// The columns of the result while they are being bound.
struct Output {
    names: Vec<String>,
    columns: Vec<Typed>,
    /// How many of `columns` the result shows.
    visible: usize,
}

impl Binder<'_> {
    pub(super) fn select(
        &mut self,
        select: &ast::Select,
        order: &[OrderByExpr],
    ) -> Result<Query, SqlError> {
        refuse_dialects(select)?;
        let ((output, parts), frame) =
            self.with_frame(|binder| binder.select_inside(select, order))?;
        let SelectParts { from, group_by, having, distinct, order } = parts;
        let Output { names, columns, .. } = output;
        let Frame { stages, widths, escapes, columns: inputs, tables, .. } = frame;
        let is_grouped = group_by.is_some() || having.is_some() || !stages.aggregates.is_empty();
        let group_by = is_grouped.then(|| group_by.unwrap_or_default());
        let keyed = keyed_slots(group_by.as_deref().unwrap_or_default(), &tables);
        let (projection, types): (Vec<Expr>, Vec<PgType>) =
            columns.into_iter().map(|typed| (typed.expr, typed.ty)).unzip();
        if let Some(keys) = &group_by {
            let needed = projection.iter().chain(&having);
            needed.into_iter().try_for_each(|expr| check_grouped(expr, keys, keyed, &inputs))?;
        }
        let columns = names.into_iter().zip(types).collect();
        let select = Select {
            from: push_down(from),
            widths,
            group_by,
            aggregates: stages.aggregates,
            having,
            windows: stages.windows,
            sets: stages.sets,
            projection,
            distinct,
        };
        let mut query = plain(Body::Select(Box::new(select)), columns, escapes);
        query.order = order;
        Ok(query)
    }

    fn select_inside(
        &mut self,
        select: &ast::Select,
        order: &[OrderByExpr],
    ) -> Result<(Output, SelectParts), SqlError> {
        let mut from = self.from(&select.from)?;
        for definition in &select.named_window {
            let NamedWindowExpr::WindowSpec(spec) = &definition.1 else {
                return Err(unsupported("a window that refers to another"));
            };
            let named = (fold(&definition.0), spec.clone());
            self.frame().named_windows.push(named);
        }
        if let Some(condition) = &select.selection {
            self.frame().clause = "WHERE";
            let predicates = self.predicates(condition, "WHERE")?;
            from.predicates.extend(predicates);
        }
        self.frame().allowed = Allowed { aggregates: true, windows: true, sets: true };
        let mut output = self.projection(&select.projection)?;
        let group_by = self.group_by(&select.group_by, &output)?;
        self.frame().allowed = Allowed { aggregates: true, ..Allowed::default() };
        self.frame().clause = "HAVING";
        let having = match &select.having {
            Some(having) => Some(self.condition(having, "HAVING")?),
            None => None,
        };
        self.frame().allowed = Allowed { aggregates: true, windows: true, sets: true };
        let distinct = self.distinct_clause(select.distinct.as_ref(), &mut output)?;
        let order = self.order_by(order, &mut output)?;
        let hidden = output.columns.len() > output.visible;
        if hidden && matches!(distinct, Distinct::All) {
            let message = "for SELECT DISTINCT, ORDER BY expressions must appear in select list";
            return Err(SqlError::new(SqlState::InvalidColumnReference, message));
        }
        Ok((output, SelectParts { from, group_by, having, distinct, order }))
    }

    fn projection(&mut self, items: &[SelectItem]) -> Result<Output, SqlError> {
        let (mut names, mut columns) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    names.push(label(expr));
                    columns.push(self.expr(expr)?);
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    names.push(fold(alias));
                    columns.push(self.expr(expr)?);
                }
                SelectItem::Wildcard(_) => {
                    if self.frame().widths.is_empty() {
                        let message = "SELECT * with no tables specified is not valid";
                        return Err(SqlError::new(SqlState::SyntaxError, message));
                    }
                    for column in self.frame().columns.iter().filter(|c| c.bare && !c.system) {
                        names.push(column.name.clone());
                        columns.push(Typed::new(column.expr.clone(), column.ty.clone()));
                    }
                }
                SelectItem::QualifiedWildcard(kind, _) => {
                    let (fields, exprs) = self.qualified_wildcard(kind)?;
                    names.extend(fields);
                    columns.extend(exprs);
                }
                SelectItem::ExprWithAliases { .. } => {
                    return Err(unsupported(format!("the column {item}")));
                }
            }
        }
        let visible = columns.len();
        Ok(Output { names, columns, visible })
    }

    /// `t.*` and `(record).*`
    fn qualified_wildcard(
        &mut self,
        kind: &SelectItemQualifiedWildcardKind,
    ) -> Result<(Vec<String>, Vec<Typed>), SqlError> {
        let record = match kind {
            SelectItemQualifiedWildcardKind::ObjectName(name) => {
                let parts = name_parts(name);
                let qualifier = parts.last().cloned().unwrap_or_default();
                let own = self
                    .frame()
                    .columns
                    .iter()
                    .filter(|c| !c.system && c.qualifier.as_ref() == Some(&qualifier));
                let own: Vec<_> = own
                    .map(|c| (c.name.clone(), Typed::new(c.expr.clone(), c.ty.clone())))
                    .collect();
                if !own.is_empty() {
                    return Ok(own.into_iter().unzip());
                }
                let ident = ast::Ident::with_quote('"', qualifier.clone());
                self.column(&[ident]).map_err(|_| {
                    let message = format!("missing FROM-clause entry for table \"{qualifier}\"");
                    SqlError::new(SqlState::UndefinedTable, message)
                })?
            }
            SelectItemQualifiedWildcardKind::Expr(expr) => self.expr(expr)?,
        };
        let PgType::Record(fields) = &record.ty else {
            return Err(unsupported("* of a value that is not a record"));
        };
        let field = |(index, (name, ty)): (usize, &(String, PgType))| {
            let expr = Expr::Field(Box::new(record.expr.clone()), index);
            (name.clone(), Typed::new(expr, ty.clone()))
        };
        Ok(fields.iter().enumerate().map(field).unzip())
    }

    fn group_by(
        &mut self,
        group_by: &GroupByExpr,
        output: &Output,
    ) -> Result<Option<Vec<Expr>>, SqlError> {
        let GroupByExpr::Expressions(exprs, modifiers) = group_by else {
            return Err(unsupported("GROUP BY ALL"));
        };
        if !modifiers.is_empty() {
            return Err(unsupported("GROUP BY with modifiers"));
        }
        if exprs.is_empty() {
            return Ok(None);
        }
        let allowed = std::mem::take(&mut self.frame().allowed);
        self.frame().clause = "GROUP BY";
        let mut keys = Vec::with_capacity(exprs.len());
        for expr in exprs {
            keys.push(self.group_key(expr, output)?);
        }
        self.frame().allowed = allowed;
        Ok(Some(keys))
    }

    /// A number or the name of an output column, unless an input column has the name.
    fn group_key(&mut self, expr: &ast::Expr, output: &Output) -> Result<Expr, SqlError> {
        if let Some(position) = ordinal(expr, output.visible, "GROUP BY")? {
            return Ok(output.columns[position].expr.clone());
        }
        if let ast::Expr::Identifier(ident) = expr {
            let name = fold(ident);
            let is_input = self.frame().columns.iter().any(|c| c.bare && c.name == name);
            let named = output.names.iter().position(|known| *known == name);
            if let (false, Some(position)) = (is_input, named) {
                return Ok(output.columns[position].expr.clone());
            }
        }
        Ok(self.expr(expr)?.expr)
    }

    fn distinct_clause(
        &mut self,
        distinct: Option<&AstDistinct>,
        output: &mut Output,
    ) -> Result<Distinct, SqlError> {
        Ok(match distinct {
            None | Some(AstDistinct::All) => Distinct::None,
            Some(AstDistinct::Distinct) => Distinct::All,
            Some(AstDistinct::On(exprs)) => {
                let mut positions = Vec::with_capacity(exprs.len());
                for expr in exprs {
                    positions.push(self.output_position(expr, output, "DISTINCT ON")?);
                }
                Distinct::On(positions)
            }
        })
    }

    fn order_by(
        &mut self,
        keys: &[OrderByExpr],
        output: &mut Output,
    ) -> Result<Vec<SortKey>, SqlError> {
        self.frame().clause = "ORDER BY";
        let mut order = Vec::with_capacity(keys.len());
        for key in keys {
            let column = self.output_position(&key.expr, output, "ORDER BY")?;
            let descending = key.options.asc == Some(false);
            let nulls_first = key.options.nulls_first.unwrap_or(descending);
            order.push(SortKey { column, descending, nulls_first });
        }
        Ok(order)
    }

    /// Where the value of `expr` stands among the columns; it is added at the end if nowhere.
    fn output_position(
        &mut self,
        expr: &ast::Expr,
        output: &mut Output,
        clause: &str,
    ) -> Result<usize, SqlError> {
        if let Some(position) = ordinal(expr, output.visible, clause)? {
            return Ok(position);
        }
        if let ast::Expr::Identifier(ident) = expr {
            let name = fold(ident);
            if let Some(position) = output.names.iter().position(|known| *known == name) {
                return Ok(position);
            }
        }
        let typed = self.expr(expr)?;
        let same = output.columns.iter().position(|column| column.expr == typed.expr);
        Ok(same.unwrap_or_else(|| {
            output.columns.push(typed);
            output.columns.len() - 1
        }))
    }
}

/// What a SELECT has besides its columns and its frame.
struct SelectParts {
    from: Group,
    group_by: Option<Vec<Expr>>,
    having: Option<Expr>,
    distinct: Distinct,
    order: Vec<SortKey>,
}

/// Position of the output column that the integer literal `expr` means.
///
/// # Errors
/// 42P10 past the last column.
pub(super) fn ordinal(
    expr: &ast::Expr,
    count: usize,
    clause: &str,
) -> Result<Option<usize>, SqlError> {
    let ast::Expr::Value(literal) = expr else { return Ok(None) };
    let ast::Value::Number(digits, _) = &literal.value else { return Ok(None) };
    let Ok(number) = digits.parse::<usize>() else { return Ok(None) };
    if number == 0 || number > count {
        let message = format!("{clause} position {number} is not in select list");
        return Err(SqlError::new(SqlState::InvalidColumnReference, message));
    }
    Ok(Some(number - 1))
}

/// Slots of relations whose primary key is a GROUP BY key: each group has one row of them.
fn keyed_slots(keys: &[Expr], tables: &[ScopeTable]) -> SlotMask {
    let is_key = |table: &&ScopeTable| {
        table.keyed && keys.contains(&Expr::Column { depth: 0, slot: table.slot, column: 0 })
    };
    tables.iter().filter(is_key).fold(0, |slots, table| slots | 1 << table.slot)
}

/// 42803 if `expr` reads a column of the rows that is not in a GROUP BY key.
fn check_grouped(
    expr: &Expr,
    keys: &[Expr],
    keyed: SlotMask,
    inputs: &[ScopeColumn],
) -> Result<(), SqlError> {
    let mut ungrouped: Option<Expr> = None;
    expr.walk(&mut |expr| {
        if keys.contains(expr) {
            return false;
        }
        if let Expr::Column { depth: 0, slot, .. } | Expr::WholeRow { depth: 0, slot } = expr
            && keyed & (1 << slot) == 0
        {
            ungrouped.get_or_insert_with(|| expr.clone());
        }
        true
    });
    let Some(ungrouped) = ungrouped else { return Ok(()) };
    let column = inputs.iter().find(|column| column.expr == ungrouped);
    let name = column.map(|column| match &column.qualifier {
        Some(qualifier) => format!(" \"{qualifier}.{}\"", column.name),
        None => format!(" \"{}\"", column.name),
    });
    let message = format!(
        "column{} must appear in the GROUP BY clause or be used in an aggregate function",
        name.unwrap_or_default()
    );
    Err(SqlError::new(SqlState::GroupingError, message))
}

/// 0A000 for clauses of other dialects that the parser lets through.
fn refuse_dialects(select: &ast::Select) -> Result<(), SqlError> {
    let other = select.top.is_some()
        || select.into.is_some()
        || select.prewhere.is_some()
        || select.qualify.is_some()
        || !select.lateral_views.is_empty()
        || !select.connect_by.is_empty()
        || !select.cluster_by.is_empty()
        || !select.distribute_by.is_empty()
        || !select.sort_by.is_empty();
    if other { Err(unsupported("this clause")) } else { Ok(()) }
}
