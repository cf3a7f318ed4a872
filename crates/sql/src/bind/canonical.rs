//! The canonical text of a view's query: names qualified, and output columns named where the query
//! itself leaves them open.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, Ident, ObjectName, Query, SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins,
    Visit, VisitMut, Visitor, VisitorMut,
};
use kappa_types::SqlError;

use super::Planner;
use crate::desugar::{empty_select, query_of};
use crate::parse::{fold, relation_name};

impl Planner {
    /// The text under which a view's query is stored. `names` are its output columns, `renamed`
    /// says that they differ from those of the query.
    pub(super) fn canonical(
        &self,
        query: &Query,
        names: &[String],
        renamed: bool,
    ) -> Result<String, SqlError> {
        let mut query = query.clone();
        let mut ctes = CteNames::default();
        let _ = query.visit(&mut ctes);
        let _ = VisitMut::visit(&mut query, &mut Qualify { planner: self, ctes: ctes.0 });
        let mut open = Wildcards(false);
        let _ = query.visit(&mut open);
        if open.0 || renamed {
            query = named(query, names, renamed);
        }
        Ok(query.to_string())
    }
}

/// `SELECT a, b FROM (query) AS v(a, b)`: a column that is added below later does not show.
fn named(query: Query, names: &[String], renamed: bool) -> Query {
    let quoted = |name: &String| Ident::with_quote('"', name);
    let columns = if renamed {
        names
            .iter()
            .map(|name| ast::TableAliasColumnDef { name: quoted(name), data_type: None })
            .collect()
    } else {
        Vec::new()
    };
    let mut select = empty_select();
    select.projection = names
        .iter()
        .map(|name| SelectItem::UnnamedExpr(ast::Expr::Identifier(quoted(name))))
        .collect();
    select.from = vec![TableWithJoins {
        relation: TableFactor::Derived {
            lateral: false,
            subquery: Box::new(query),
            alias: Some(TableAlias {
                explicit: true,
                name: Ident::new("view_query"),
                columns,
                at: None,
            }),
            sample: None,
        },
        joins: Vec::new(),
    }];
    query_of(Box::new(SetExpr::Select(Box::new(select))))
}

/// The names that WITH gives anywhere in a query.
#[derive(Default)]
struct CteNames(Vec<String>);

impl Visitor for CteNames {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.0.extend(tables.map(|cte| fold(&cte.alias.name)));
        ControlFlow::Continue(())
    }
}

/// Whether some select list of a query has a star.
struct Wildcards(bool);

impl Visitor for Wildcards {
    type Break = ();

    fn pre_visit_select(&mut self, select: &ast::Select) -> ControlFlow<()> {
        self.0 |= select.projection.iter().any(|item| {
            matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
        });
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.0 |= matches!(query.body.as_ref(), SetExpr::Table(_));
        ControlFlow::Continue(())
    }
}

/// Puts the namespace in front of each relation's name.
struct Qualify<'a> {
    planner: &'a Planner,
    ctes: Vec<String>,
}

impl Qualify<'_> {
    fn qualified(&self, name: &ObjectName) -> Option<(ObjectName, String)> {
        let named = relation_name(name).ok()?;
        if named.namespace.is_none() && self.ctes.contains(&named.name) {
            return None;
        }
        let planner = self.planner;
        let namespace = named.namespace.as_deref();
        let relation = planner.catalog.resolve(&planner.search_path, namespace, &named.name)?;
        let parts = vec![
            Ident::with_quote('"', &relation.namespace_name),
            Ident::with_quote('"', &relation.name),
        ];
        Some((ObjectName::from(parts), relation.name.clone()))
    }
}

impl VisitorMut for Qualify<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, args: None, .. } = factor
            && let Some((qualified, plain)) = self.qualified(name)
        {
            *name = qualified;
            alias.get_or_insert_with(|| TableAlias {
                explicit: true,
                name: Ident::with_quote('"', plain),
                columns: Vec::new(),
                at: None,
            });
        }
        ControlFlow::Continue(())
    }
}
