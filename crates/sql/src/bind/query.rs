//! Queries: the syntax tree made plain, planned by DataFusion, then typed.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::planner::{ParserOptions, SqlToRel};
use datafusion::sql::sqlparser::ast::{self, Visit, Visitor};
use kappa_catalog::Relation;
use kappa_types::{SqlError, SqlState, SqlType};

use super::context::{Context, Purpose};
use super::{BoundQuery, Planner};
use crate::batch::constant_rows;
use crate::desugar::desugar_query;
use crate::error::{from_datafusion, into_datafusion, shown_name};
use crate::hidden::mark_hidden;
use crate::named::map_named;
use crate::parse::{relation_name, span_position};
use crate::typing::{
    Parameters, Resolver, Unknowns, literal_of_array, negative_count, output_types,
};

/// A typed plan and what it was made from.
pub(super) struct Planned {
    /// The plan.
    pub(super) logical: LogicalPlan,
    /// The relations that were named, each once.
    pub(super) read: Vec<Arc<Relation>>,
}

/// How names and numbers are read.
pub(super) fn parser_options() -> ParserOptions {
    ParserOptions::new().with_parse_float_as_decimal(true).with_collect_spans(true)
}

impl Planner {
    /// A query that is run once.
    pub(super) fn query(
        &self,
        query: &ast::Query,
        parameter_oids: &[u32],
    ) -> Result<BoundQuery, SqlError> {
        let parameters = Parameters::new(parameter_oids)?;
        let planned = self.planned(query, Purpose::Run, &parameters, Unknowns::Settle)?;
        Ok(bound(planned.logical, &parameters))
    }

    /// The typed plan of a query.
    pub(super) fn planned(
        &self,
        query: &ast::Query,
        purpose: Purpose,
        parameters: &Parameters,
        unknowns: Unknowns,
    ) -> Result<Planned, SqlError> {
        let context = Context::new(self, purpose, relation_positions(query)?);
        let mut query = query.clone();
        if purpose == Purpose::Run {
            mark_hidden(&mut query, &|name| self.is_base(name))?;
        }
        desugar_query(&mut query, &self.functions)?;
        let statement = ast::Statement::Query(Box::new(query));
        let raw = SqlToRel::new_with_options(&context, parser_options())
            .sql_statement_to_plan(statement)
            .map_err(|error| from_datafusion(&error))?;
        let resolver = self.resolver(parameters, purpose);
        let unknowns = match (unknowns, &raw) {
            // Below a sort or a limit VALUES has columns, and they have one type each.
            (Unknowns::KeepCells, LogicalPlan::Values(_)) => Unknowns::KeepCells,
            (Unknowns::KeepCells, _) => Unknowns::Keep,
            (other, _) => other,
        };
        let logical = resolver.plan_keeping(raw, unknowns)?;
        Ok(Planned { logical, read: context.read.into_inner() })
    }

    /// Whether a name in FROM is a source or table.
    fn is_base(&self, name: &ast::ObjectName) -> bool {
        let Ok(name) = relation_name(name) else { return false };
        let (namespace, name) = (name.namespace.as_deref(), name.name.as_str());
        if self.system.schema(namespace, name).is_some() {
            return false;
        }
        let found = self.catalog.resolve(&self.search_path, namespace, name);
        found.is_some_and(|relation| relation.is_base())
    }

    /// The pass that decides types, with this planner's settings.
    pub(super) fn resolver<'p>(
        &self,
        parameters: &'p Parameters,
        purpose: Purpose,
    ) -> Resolver<'p> {
        Resolver::new(
            Arc::clone(&self.functions),
            self.function_context(),
            parameters,
            purpose != Purpose::Run,
        )
    }

    /// The plan of a view's stored query, with the settings it was defined with. Its columns have
    /// the view's names and types.
    pub(super) fn definition_plan(
        &self,
        relation: &Relation,
        query: &str,
        purpose: Purpose,
    ) -> Result<LogicalPlan, SqlError> {
        let planner = self.as_of_definition(relation);
        let query = crate::parse::parse_query(query)?;
        let parameters = Parameters::default();
        let planned = planner.planned(&query.query, purpose, &parameters, Unknowns::Settle)?;
        let names: Vec<String> =
            relation.schema.columns.iter().map(|column| column.name.clone()).collect();
        let targets = vec![None; names.len()];
        let width = planned.logical.schema().fields().len();
        if width != names.len() {
            return Err(SqlError::new(
                SqlState::InternalError,
                format!(
                    "view \"{}\" has {} columns but its query gives {width}",
                    relation.name,
                    names.len()
                ),
            ));
        }
        planner.resolver(&parameters, purpose).converted(planned.logical, &targets, Some(&names))
    }
}

/// A typed plan as a bound query.
pub(super) fn bound(logical: LogicalPlan, parameters: &Parameters) -> BoundQuery {
    let names = logical.schema().fields().iter().map(|field| shown_name(field.name()).to_owned());
    let columns = names.zip(output_types(&logical)).collect();
    BoundQuery {
        columns,
        parameters: parameters.finish(),
        depends_on_now: parameters.uses_now(),
        logical,
        optimized: OnceLock::new(),
    }
}

impl BoundQuery {
    /// The plan as `optimize` makes it, with the parameters' values in place; one array of one value
    /// each. It is optimized once, whatever the values: that costs more than a short query.
    ///
    /// # Errors
    /// 08P01 if there are too few values; those of `optimize`.
    pub fn optimized(
        &self,
        values: &[ArrayRef],
        optimize: impl FnOnce(&LogicalPlan) -> Result<LogicalPlan, DataFusionError>,
    ) -> Result<LogicalPlan, DataFusionError> {
        let literals = parameter_literals(&self.parameters, values).map_err(into_datafusion)?;
        let plan = match self.optimized.get() {
            Some(plan) => plan.as_ref().clone(),
            None => {
                let plan = Box::new(optimize(&self.logical)?);
                self.optimized.get_or_init(|| plan).as_ref().clone()
            }
        };
        if literals.is_empty() { Ok(plan) } else { substitute(plan, &literals) }
    }

    /// The rows, if the query reads nothing and needs no planning.
    ///
    /// # Errors
    /// As [`BoundQuery::optimized`], and of the evaluation.
    pub fn constant_rows(
        &self,
        values: &[ArrayRef],
    ) -> Option<Result<RecordBatch, DataFusionError>> {
        match parameter_literals(&self.parameters, values) {
            Ok(literals) => constant_rows(&self.logical, &literals),
            Err(error) => Some(Err(into_datafusion(error))),
        }
    }
}

fn parameter_literals(types: &[SqlType], values: &[ArrayRef]) -> Result<Vec<Expr>, SqlError> {
    if values.len() < types.len() {
        return Err(SqlError::new(
            SqlState::ProtocolViolation,
            format!(
                "bind message supplies {} parameters, but prepared statement requires {}",
                values.len(),
                types.len()
            ),
        ));
    }
    types.iter().zip(values).map(|(sql_type, value)| literal_of_array(value, sql_type)).collect()
}

fn substitute(plan: LogicalPlan, literals: &[Expr]) -> Result<LogicalPlan, DataFusionError> {
    let replaced = plan.transform_up_with_subqueries(|node| {
        let node = map_named(node, &|expr| expr.transform_up(|part| replace(part, literals)))?;
        node.transform_data(|node| counted(node.recompute_schema()?).map(Transformed::yes))
    });
    replaced.map(|replaced| replaced.data)
}

/// A LIMIT of numbers: DataFusion takes no conversions of them.
fn counted(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let LogicalPlan::Limit(mut limit) = plan else { return Ok(plan) };
    for (count, word) in [(&mut limit.skip, "OFFSET"), (&mut limit.fetch, "LIMIT")] {
        let Some(Expr::Cast(cast)) = count.as_deref() else { continue };
        let Expr::Literal(value, _) = cast.expr.as_ref() else { continue };
        let value = value.cast_to(&DataType::Int64)?;
        if matches!(value, ScalarValue::Int64(Some(..0))) {
            return Err(into_datafusion(negative_count(word)));
        }
        *count = Some(Box::new(Expr::Literal(value, None)));
    }
    Ok(LogicalPlan::Limit(limit))
}

fn replace(expr: Expr, literals: &[Expr]) -> Result<Transformed<Expr>, DataFusionError> {
    if let Expr::Placeholder(Placeholder { id, .. }) = &expr
        && let Ok(index) = Parameters::index(id)
        && let Some(literal) = literals.get(index)
    {
        return Ok(Transformed::yes(literal.clone()));
    }
    Ok(Transformed::no(expr))
}

/// Where each relation's name first stands in a query.
///
/// # Errors
/// 0A000 for a relation of another database.
fn relation_positions(query: &ast::Query) -> Result<HashMap<String, usize>, SqlError> {
    struct Positions(HashMap<String, usize>);
    impl Visitor for Positions {
        type Break = SqlError;
        fn pre_visit_relation(&mut self, name: &ast::ObjectName) -> ControlFlow<SqlError> {
            let named = match relation_name(name) {
                Ok(named) => named,
                Err(error) => return ControlFlow::Break(error),
            };
            let first = name.0.first().and_then(|part| part.as_ident());
            if let Some(position) = first.and_then(|first| span_position(first.span)) {
                self.0.entry(named.to_string()).or_insert(position);
            }
            ControlFlow::Continue(())
        }
    }
    let mut positions = Positions(HashMap::new());
    match query.visit(&mut positions) {
        ControlFlow::Continue(()) => Ok(positions.0),
        ControlFlow::Break(error) => Err(error),
    }
}
