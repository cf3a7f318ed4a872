//! `_time` and `_seq`: columns of sources and tables that can be named and that `*` leaves out.
//!
//! ```text
//! SELECT *, _time FROM s JOIN v ON …   ->   SELECT s.* EXCEPT (_time, _seq), v.*, _time FROM s! AS s JOIN v ON …
//! ```
//! The one idea: a query that names neither is left as it is. In one that does, each base relation
//! gets a mark on its name, by which the planner gives it the two columns more, and every star over
//! one is told to leave them out.
//!
//! Does not know what the columns hold; the session reads them from the log.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    ExceptSelectItem, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Query,
    Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableAlias, TableFactor,
    TableWithJoins, Visit, VisitMut, Visitor, VisitorMut, WildcardAdditionalOptions,
};
use kappa_types::SqlError;

use crate::parse::fold;

/// Time of the commit, and order within it.
pub(crate) const HIDDEN: [&str; 2] = ["_time", "_seq"];

/// Ends the name of a relation that is read with its hidden columns. It cannot be typed.
const MARK: char = '\u{2}';

/// The name without its mark, if it has one.
pub(crate) fn unmarked(name: &str) -> Option<&str> {
    name.strip_suffix(MARK)
}

/// Marks the base relations of each part of a query that names a hidden column.
///
/// # Errors
/// 0A000 for a join or a star that cannot leave the hidden columns out.
pub(crate) fn mark_hidden(
    query: &mut Query,
    is_base: &dyn Fn(&ObjectName) -> bool,
) -> Result<(), SqlError> {
    if !names_hidden(query) {
        return Ok(());
    }
    let mut ctes = Ctes(HashSet::new());
    let _ = Visit::visit(query, &mut ctes);
    match VisitMut::visit(query, &mut Mark { is_base, ctes: ctes.0 }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Whether an expression anywhere in the query is a hidden column.
fn names_hidden(query: &Query) -> bool {
    struct Names;
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            let last = match expr {
                Expr::Identifier(ident) => Some(ident),
                Expr::CompoundIdentifier(idents) => idents.last(),
                _ => None,
            };
            match last {
                Some(ident) if HIDDEN.contains(&fold(ident).as_str()) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    Visit::visit(query, &mut Names).is_break()
}

/// Names of the common table expressions of a statement: they hide relations.
struct Ctes(HashSet<String>);

impl Visitor for Ctes {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        self.0.extend(ctes.map(|cte| fold(&cte.alias.name)));
        ControlFlow::Continue(())
    }
}

struct Mark<'a> {
    is_base: &'a dyn Fn(&ObjectName) -> bool,
    ctes: HashSet<String>,
}

impl VisitorMut for Mark<'_> {
    type Break = SqlError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<SqlError> {
        if !names_hidden(query) {
            return ControlFlow::Continue(());
        }
        match self.set_expr(&mut query.body) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

/// One relation of a FROM clause.
struct Factor {
    /// How the query calls it; derived tables may have no name.
    name: Option<Ident>,
    /// The schema that it is written with, if it is.
    schema: Option<Ident>,
    /// Whether the query gives it another name; then no schema goes before that.
    is_aliased: bool,
    is_marked: bool,
    /// Columns that a USING has merged into those to the left.
    merged: Vec<Ident>,
}

impl Factor {
    /// Whether a star over this name is over this relation, and has hidden columns to leave out.
    fn is_starred(&self, name: &ObjectName, is_base: &dyn Fn(&ObjectName) -> bool) -> bool {
        let mut parts = name.0.iter().rev().map(|part| part.as_ident().map(fold));
        let table = parts.next().flatten();
        let is_schema = match (parts.next().flatten(), &self.schema) {
            (None, _) => true,
            (Some(_), _) if self.is_aliased => false,
            (Some(schema), Some(written)) => fold(written) == schema,
            (Some(_), None) => is_base(name),
        };
        self.is_marked && is_schema && self.name.as_ref().map(fold) == table
    }
}

impl Mark<'_> {
    fn set_expr(&self, body: &mut SetExpr) -> Result<(), SqlError> {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::SetOperation { left, right, .. } => {
                self.set_expr(left)?;
                self.set_expr(right)
            }
            // A query in brackets is visited by itself.
            _ => Ok(()),
        }
    }

    fn select(&self, select: &mut Select) -> Result<(), SqlError> {
        let mut factors = Vec::new();
        for from in &mut select.from {
            self.joined(from, &mut factors)?;
        }
        if factors.iter().all(|factor| !factor.is_marked) {
            return Ok(());
        }
        let mut items = Vec::with_capacity(select.projection.len());
        for item in std::mem::take(&mut select.projection) {
            match item {
                SelectItem::Wildcard(options) => star(&factors, options, &mut items)?,
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    mut options,
                ) => {
                    let marked =
                        factors.iter().find(|factor| factor.is_starred(&name, self.is_base));
                    let name = match marked.and_then(|factor| factor.name.clone()) {
                        Some(shown) => {
                            options.opt_except = except(hidden_idents());
                            // It is read under this name alone.
                            ObjectName::from(vec![shown])
                        }
                        None => name,
                    };
                    let kind = SelectItemQualifiedWildcardKind::ObjectName(name);
                    items.push(SelectItem::QualifiedWildcard(kind, options));
                }
                other => items.push(other),
            }
        }
        select.projection = items;
        Ok(())
    }

    fn joined(&self, from: &mut TableWithJoins, factors: &mut Vec<Factor>) -> Result<(), SqlError> {
        self.factor(&mut from.relation, Vec::new(), factors)?;
        for join in &mut from.joins {
            let merged = match constraint(&join.join_operator) {
                Some(JoinConstraint::Natural) => {
                    return Err(SqlError::unsupported(
                        "a NATURAL JOIN cannot leave out the hidden columns that the query names",
                        "Write JOIN … USING with the columns that are meant.",
                    ));
                }
                Some(JoinConstraint::Using(names)) => names
                    .iter()
                    .filter_map(|name| name.0.last().and_then(ObjectNamePart::as_ident).cloned())
                    .collect(),
                _ => Vec::new(),
            };
            self.factor(&mut join.relation, merged, factors)?;
        }
        Ok(())
    }

    fn factor(
        &self,
        factor: &mut TableFactor,
        merged: Vec<Ident>,
        factors: &mut Vec<Factor>,
    ) -> Result<(), SqlError> {
        let (mut schema, mut is_aliased) = (None, false);
        let (name, is_marked) = match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let shown = match alias {
                    Some(alias) => Some(alias.name.clone()),
                    None => name.0.last().and_then(ObjectNamePart::as_ident).cloned(),
                };
                is_aliased = alias.is_some();
                if let [.., written, _] = name.0.as_slice() {
                    schema = written.as_ident().cloned();
                }
                let is_marked = self.is_base(name) && mark(name);
                if let (None, true, Some(shown)) = (&alias, is_marked, &shown) {
                    *alias = Some(alias_of(shown));
                }
                (shown, is_marked)
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                return self.joined(table_with_joins, factors);
            }
            TableFactor::Table { alias, .. }
            | TableFactor::Derived { alias, .. }
            | TableFactor::TableFunction { alias, .. }
            | TableFactor::Function { alias, .. }
            | TableFactor::UNNEST { alias, .. }
            | TableFactor::NestedJoin { alias, .. } => {
                (alias.as_ref().map(|alias| alias.name.clone()), false)
            }
            _ => (None, false),
        };
        factors.push(Factor { name, schema, is_aliased, is_marked, merged });
        Ok(())
    }

    fn is_base(&self, name: &ObjectName) -> bool {
        let is_cte = match name.0.as_slice() {
            [only] => only.as_ident().is_some_and(|ident| self.ctes.contains(&fold(ident))),
            _ => false,
        };
        !is_cte && (self.is_base)(name)
    }
}

/// What `*` is over these relations.
fn star(
    factors: &[Factor],
    options: WildcardAdditionalOptions,
    items: &mut Vec<SelectItem>,
) -> Result<(), SqlError> {
    if let [_only] = factors {
        let options = WildcardAdditionalOptions { opt_except: except(hidden_idents()), ..options };
        items.push(SelectItem::Wildcard(options));
        return Ok(());
    }
    for factor in factors {
        let Some(name) = &factor.name else {
            return Err(SqlError::unsupported(
                "* over a relation without a name cannot leave out the hidden columns",
                "Give every relation in FROM an alias.",
            ));
        };
        let mut left_out = factor.merged.clone();
        if factor.is_marked {
            left_out.extend(hidden_idents());
        }
        let options = WildcardAdditionalOptions { opt_except: except(left_out), ..options.clone() };
        let kind =
            SelectItemQualifiedWildcardKind::ObjectName(ObjectName::from(vec![name.clone()]));
        items.push(SelectItem::QualifiedWildcard(kind, options));
    }
    Ok(())
}

const fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => Some(constraint),
        _ => None,
    }
}

/// Marks a relation's name, and keeps it from being folded again.
fn mark(name: &mut ObjectName) -> bool {
    let Some(ObjectNamePart::Identifier(last)) = name.0.last_mut() else { return false };
    let span = last.span;
    *last = Ident::with_quote('"', format!("{}{MARK}", fold(last)));
    last.span = span;
    true
}

fn alias_of(name: &Ident) -> TableAlias {
    TableAlias { explicit: true, name: name.clone(), columns: Vec::new(), at: None }
}

fn hidden_idents() -> Vec<Ident> {
    HIDDEN.iter().map(|name| Ident::new(*name)).collect()
}

fn except(names: Vec<Ident>) -> Option<ExceptSelectItem> {
    let mut names = names.into_iter();
    let first_element = names.next()?;
    Some(ExceptSelectItem { first_element, additional_elements: names.collect() })
}
