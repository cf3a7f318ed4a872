//! UPDATE and DELETE: the query that finds the rows, with their new values.

use std::sync::Arc;

use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast::{
    self, Ident, ObjectName, SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins,
};
use kappa_catalog::{Relation, RelationKind};
use kappa_types::{SqlError, SqlState};

use super::context::Purpose;
use super::expressions::row_schema;
use super::insert::{over_row, project};
use super::query::bound;
use super::{BoundDelete, BoundUpdate, Planner};
use crate::desugar::{empty_select, query_of};
use crate::statement::{Delete, Name, Update};
use crate::typing::{Parameters, Unknowns, bare_literals};

impl Planner {
    pub(super) fn update(
        &self,
        update: &Update,
        parameter_oids: &[u32],
    ) -> Result<BoundUpdate, SqlError> {
        let relation = self.changeable(&update.table, "update")?;
        let parameters = Parameters::new(parameter_oids)?;
        let qualifier = update.alias.as_deref().unwrap_or(&relation.name).to_owned();
        let assigned = self.assigned(&relation, &update.assignments)?;
        let mut items = old_row(&relation, &qualifier);
        items.extend(assigned.iter().enumerate().map(|(place, (_, value))| {
            SelectItem::ExprWithAlias { expr: value.clone(), alias: quoted(&new_name(place)) }
        }));
        let mut query = target_query(
            &update.table,
            &qualifier,
            items,
            update.from.clone(),
            update.selection.clone(),
        );
        query.with.clone_from(&update.with);
        let plan = self.planned(&query, Purpose::Run, &parameters, Unknowns::Keep)?.logical;
        let schema = Arc::clone(plan.schema());
        let columns = schema.columns();
        let width = relation.schema.columns.len();
        let old: Vec<Expr> = columns[..width].iter().cloned().map(Expr::Column).collect();
        let mut new = old.clone();
        for (place, (index, _)) in assigned.iter().enumerate() {
            let column = &relation.schema.columns[*index];
            let target = (column.name.as_str(), &column.sql_type);
            let given = Expr::Column(columns[width + place].clone());
            let given = super::insert::peeled(&plan, given);
            new[*index] = self.stored(given, &schema, target, &parameters)?;
        }
        let planner = self.as_of_definition(&relation);
        let own = row_schema(&relation, &relation.name)?;
        for index in 0..width {
            let Some(text) = &relation.columns[index].generated else { continue };
            let column = &relation.schema.columns[index];
            let target = (column.name.as_str(), &column.sql_type);
            let expr = planner.stored_text(text, &own, target)?;
            new[index] = over_row(expr, &relation, &new)?;
        }
        let named = |exprs: Vec<Expr>, prefix: &str| {
            let names = relation.schema.columns.iter().map(move |c| format!("{prefix}{}", c.name));
            exprs.into_iter().zip(names).map(|(expr, name)| expr.alias(name)).collect::<Vec<_>>()
        };
        let mut exprs = named(old, "old ");
        exprs.extend(named(new, "new "));
        let plan = project(exprs, bare_literals(plan)?)?;
        let returning = self.returning(&update.returning, &relation, &qualifier, &parameters)?;
        Ok(BoundUpdate { rows: bound(plan, &parameters), relation, returning })
    }

    pub(super) fn delete(
        &self,
        delete: &Delete,
        parameter_oids: &[u32],
    ) -> Result<BoundDelete, SqlError> {
        let relation = self.changeable(&delete.table, "delete from")?;
        let parameters = Parameters::new(parameter_oids)?;
        let qualifier = delete.alias.as_deref().unwrap_or(&relation.name).to_owned();
        let mut query = target_query(
            &delete.table,
            &qualifier,
            old_row(&relation, &qualifier),
            delete.using.clone(),
            delete.selection.clone(),
        );
        query.with.clone_from(&delete.with);
        let plan = self.planned(&query, Purpose::Run, &parameters, Unknowns::Settle)?.logical;
        let returning = self.returning(&delete.returning, &relation, &qualifier, &parameters)?;
        Ok(BoundDelete { rows: bound(plan, &parameters), relation, returning })
    }

    /// A table; 42809 for a source, whose rows are history.
    fn changeable(&self, name: &Name, verb: &str) -> Result<Arc<Relation>, SqlError> {
        let relation = self.writable(name, verb)?;
        if let RelationKind::Source { .. } = relation.kind {
            return Err(SqlError::new(
                SqlState::WrongObjectType,
                format!("cannot {verb} source \"{}\"", relation.name),
            )
            .with_detail("The rows of a source are history and only ever added to.")
            .with_hint("Use CREATE TABLE for rows that change, or filter in a view.")
            .at(name.position));
        }
        Ok(relation)
    }
}

fn quoted(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

fn new_name(place: usize) -> String {
    format!("new value {place}")
}

/// Every stored column of the target.
fn old_row(relation: &Relation, qualifier: &str) -> Vec<SelectItem> {
    relation
        .schema
        .columns
        .iter()
        .map(|column| {
            let parts = vec![quoted(qualifier), quoted(&column.name)];
            SelectItem::UnnamedExpr(ast::Expr::CompoundIdentifier(parts))
        })
        .collect()
}

/// `SELECT items FROM target AS qualifier, others WHERE selection`
fn target_query(
    target: &Name,
    qualifier: &str,
    items: Vec<SelectItem>,
    others: Vec<TableWithJoins>,
    selection: Option<ast::Expr>,
) -> ast::Query {
    // With its namespace, a common table expression of its name does not stand before it.
    let namespace = target.namespace.as_deref().unwrap_or("public");
    let parts = vec![quoted(namespace), quoted(&target.name)];
    let relation = TableFactor::Table {
        name: ObjectName::from(parts),
        alias: Some(TableAlias {
            explicit: true,
            name: quoted(qualifier),
            columns: Vec::new(),
            at: None,
        }),
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    };
    let mut select = empty_select();
    select.projection = items;
    select.from = vec![TableWithJoins { relation, joins: Vec::new() }];
    select.from.extend(others);
    select.selection = selection;
    query_of(Box::new(SetExpr::Select(Box::new(select))))
}
