//! CREATE VIEW and CREATE MATERIALIZED VIEW.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, TableScan};
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::{Optimizer, OptimizerContext, OptimizerRule};
use datafusion::sql::sqlparser::ast;
use kappa_catalog::{Dependency, Relation, RelationKind};
use kappa_types::{Column, ColumnId, RelationId, SqlError, SqlState};

use super::context::Purpose;
use super::query::Planned;
use super::{BoundCreateMaterializedView, BoundCreateView, BoundDefinition, Planner};
use crate::error::{from_datafusion, into_datafusion, shown_name};
use crate::lower::closed;
use crate::source::{RelationSource, ScanTarget};
use crate::statement::{ColumnName, CreateMaterializedView, CreateView};
use crate::typing::{Parameters, Unknowns, output_types};

impl Planner {
    pub(super) fn create_view(&self, create: &CreateView) -> Result<BoundCreateView, SqlError> {
        let target = self.target(&create.name, create.or_replace)?;
        if let Some(existing) = &target.existing
            && !matches!(existing.kind, RelationKind::View { .. })
        {
            return Err(SqlError::new(
                SqlState::WrongObjectType,
                format!("\"{}\" is not a view", existing.name),
            ));
        }
        let definition = self.definition(&create.query.query, &create.columns, false)?.0;
        Ok(BoundCreateView { target, definition })
    }

    pub(super) fn create_materialized_view(
        &self,
        create: &CreateMaterializedView,
    ) -> Result<BoundCreateMaterializedView, SqlError> {
        let may_exist = create.if_not_exists || create.or_replace;
        let target = self.target(&create.name, may_exist)?;
        if let Some(existing) = &target.existing
            && create.or_replace
            && !matches!(existing.kind, RelationKind::MaterializedView { .. })
        {
            return Err(SqlError::new(
                SqlState::WrongObjectType,
                format!("\"{}\" is not a materialized view", existing.name),
            ));
        }
        if let Some(option) = create.options.keys().next() {
            return Err(SqlError::new(
                SqlState::InvalidParameterValue,
                format!("unrecognized parameter \"{option}\""),
            ));
        }
        let (definition, _) =
            self.definition(&create.query.query, &create.columns, create.emit_on_close)?;
        let plan = self.plan_view(&definition.query, create.emit_on_close)?;
        let mut notices = Vec::new();
        if create.query.query.order_by.is_some() && create.query.query.limit_clause.is_none() {
            notices.push(
                "ORDER BY of a materialized view is ignored: its rows have no order".to_owned(),
            );
        }
        Ok(BoundCreateMaterializedView {
            target,
            definition,
            replaces: create.or_replace,
            emit_on_close: create.emit_on_close,
            options: create.options.clone(),
            plan,
            notices,
        })
    }

    /// The typed plan of a query that is kept.
    pub(super) fn view_logical(
        &self,
        query: &ast::Query,
        emit_on_close: bool,
    ) -> Result<Planned, SqlError> {
        let parameters = Parameters::default();
        let mut planned = self.planned(query, Purpose::View, &parameters, Unknowns::Settle)?;
        if !parameters.finish().is_empty() {
            return Err(SqlError::new(
                SqlState::UndefinedParameter,
                "a view cannot have parameters",
            ));
        }
        if parameters.uses_now() {
            return Err(SqlError::unsupported(
                "a view cannot hold the time at which it is defined ('now', 'today')",
                "Write the date out, or filter in the query that reads the view.",
            ));
        }
        if emit_on_close {
            planned.logical = self.with_views_below(planned.logical)?;
        }
        Ok(planned)
    }

    /// A plan that reads base relations only: each materialized view is its query, closed where it
    /// emits on window close.
    fn with_views_below(&self, plan: LogicalPlan) -> Result<LogicalPlan, SqlError> {
        let replaced = plan.transform_up(|node| {
            let LogicalPlan::TableScan(scan) = &node else { return Ok(Transformed::no(node)) };
            let below = self.view_below(scan).map_err(into_datafusion)?;
            Ok(below.map_or_else(|| Transformed::no(node.clone()), Transformed::yes))
        });
        replaced.map(|replaced| replaced.data).map_err(|error| from_datafusion(&error))
    }

    /// What stands for the scan of a materialized view.
    fn view_below(&self, scan: &TableScan) -> Result<Option<LogicalPlan>, SqlError> {
        let source: Option<&RelationSource> = scan.source.downcast_ref();
        let Some(RelationSource { target: ScanTarget::Relation(relation), .. }) = source else {
            return Ok(None);
        };
        let RelationKind::MaterializedView { query, emit_on_close, .. } = &relation.kind else {
            return Ok(None);
        };
        let own = self.definition_plan(relation, query, Purpose::View)?;
        let own = self.with_views_below(own)?;
        let own = if *emit_on_close { closed(own) } else { own };
        let named = LogicalPlanBuilder::from(own).alias(scan.table_name.clone());
        let named = named.and_then(LogicalPlanBuilder::build);
        named.map(Some).map_err(|error| from_datafusion(&error))
    }

    /// The definition of a view by a query.
    pub(super) fn definition(
        &self,
        query: &ast::Query,
        column_names: &[ColumnName],
        emit_on_close: bool,
    ) -> Result<(BoundDefinition, LogicalPlan), SqlError> {
        // What it reads is what it names, also where EMIT ON WINDOW CLOSE looks through views.
        let planned = self.view_logical(query, false)?;
        let own: Vec<String> = planned
            .logical
            .schema()
            .fields()
            .iter()
            .map(|field| shown_name(field.name()).to_owned())
            .collect();
        if column_names.len() > own.len() {
            return Err(SqlError::new(
                SqlState::SyntaxError,
                "CREATE VIEW specifies more column names than columns",
            ));
        }
        let mut names = own.clone();
        for (name, given) in names.iter_mut().zip(column_names) {
            name.clone_from(&given.name);
        }
        refuse_equal(&names)?;
        let columns: Vec<Column> = names
            .iter()
            .zip(output_types(&planned.logical))
            .enumerate()
            .map(|(index, (name, sql_type))| Column {
                id: ColumnId(u32::try_from(index + 1).unwrap_or(u32::MAX)),
                name: name.clone(),
                sql_type,
                nullable: true,
            })
            .collect();
        let text = self.canonical(query, &names, names != own)?;
        let dependencies = dependencies(&planned)?;
        let _ = emit_on_close;
        Ok((BoundDefinition { query: text, columns, dependencies }, planned.logical))
    }
}

fn refuse_equal(names: &[String]) -> Result<(), SqlError> {
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            return Err(SqlError::new(
                SqlState::DuplicateColumn,
                format!("column \"{name}\" specified more than once"),
            )
            .with_hint("Give the columns different names with AS."));
        }
    }
    Ok(())
}

/// What a query reads of each relation it names. Of a plain view all columns count.
fn dependencies(planned: &Planned) -> Result<Vec<Dependency>, SqlError> {
    let used = used_columns(&planned.logical)?;
    let of = |relation: &Arc<Relation>| {
        let all = matches!(relation.kind, RelationKind::View { .. });
        let columns = relation
            .schema
            .columns
            .iter()
            .filter(|column| all || used.contains(&(relation.id, column.id)));
        Dependency {
            relation: relation.id,
            columns: columns.map(|column| (column.id, column.sql_type.clone())).collect(),
        }
    };
    Ok(planned.read.iter().map(of).collect())
}

/// The columns that are left when those that nobody needs are gone.
fn used_columns(plan: &LogicalPlan) -> Result<BTreeSet<(RelationId, ColumnId)>, SqlError> {
    let rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> =
        vec![Arc::new(OptimizeProjections::new())];
    let context = OptimizerContext::new().without_query_execution_start_time();
    let pruned = Optimizer::with_rules(rules)
        .optimize(plan.clone(), &context, |_, _| {})
        .map_err(|error| crate::error::from_datafusion(&error))?;
    let mut used = BTreeSet::new();
    let walked = pruned.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let source: &dyn std::any::Any = scan.source.as_ref();
            if let Some(RelationSource { target: ScanTarget::Relation(relation), .. }) =
                source.downcast_ref::<RelationSource>()
            {
                let columns = &relation.schema.columns;
                let all = (0..columns.len()).collect();
                for index in scan.projection.as_ref().unwrap_or(&all) {
                    used.insert((relation.id, columns[*index].id));
                }
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walked.map_err(|error| crate::error::from_datafusion(&error))?;
    Ok(used)
}
