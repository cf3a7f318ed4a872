//! [`session_state`]: DataFusion set up to run typed plans.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, Result};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::{QueryPlanner, SessionState};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use datafusion::prelude::SessionConfig;

use super::eliminate_join::eliminate_join;
use super::push_down_projection::PushDownProjection;
use super::subquery_rows::with_subquery_rows;
use super::three_valued::three_valued;
use super::window_exec::WindowExec;
use super::{Simplify, push_down_filter};
use crate::window_node::WindowNode;

/// Rows per batch.
const BATCH_ROW_COUNT: usize = 8192;

/// A session that optimizes and runs typed plans over `partitions` streams. The plans hold their
/// functions themselves; only DataFusion's own rules look for some by name.
#[must_use]
pub fn session_state(partitions: usize, runtime: Arc<RuntimeEnv>) -> SessionState {
    let mut config = SessionConfig::new()
        .with_target_partitions(partitions.max(1))
        .with_batch_size(BATCH_ROW_COUNT)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false);
    let options = config.options_mut();
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.collect_spans = true;
    // A rule that fails must fail the query, not leave it half optimized.
    options.optimizer.skip_failed_rules = false;
    // DataFusion's logical and physical expressions disagree on what can be NULL: IS TRUE is never, the
    // comparison that it becomes may be. The types, which the check is for, are ours and settled.
    options.execution.skip_physical_aggregate_schema_check = true;
    SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_optimizer_rules(optimizer_rules())
        .with_physical_optimizer_rules(physical_optimizer_rules())
        .with_query_planner(Arc::new(KappaQueryPlanner))
        .build()
}

/// DataFusion's rules with our [`eliminate_join()`], [`push_down_filter()`] and [`Simplify`], but for
/// the one that takes functions of other keys out of GROUP BY: it puts them into a projection in which
/// a cast has the name of its argument, and `GROUP BY at, at::date` fails.
fn optimizer_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Optimizer::new().rules;
    rules.retain(|rule| rule.name() != "eliminate_group_by_constant");
    let ours: [Arc<dyn OptimizerRule + Send + Sync>; 3] =
        [Arc::new(eliminate_join()), Arc::new(push_down_filter()), Arc::new(Simplify::default())];
    for rule in &mut rules {
        if let Some(our) = ours.iter().find(|our| our.name() == rule.name()) {
            *rule = Arc::clone(our);
        }
    }
    rules
}

/// DataFusion's rules with our [`PushDownProjection`], and but for the one that answers aggregates from
/// statistics: our relations have none, and over an aggregate of a relation without rows it loses the
/// one above.
fn physical_optimizer_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    rules.retain(|rule| rule.name() != "aggregate_statistics");
    for rule in rules.iter_mut().filter(|rule| rule.name() == PushDownProjection.name()) {
        *rule = Arc::new(PushDownProjection);
    }
    rules
}

/// DataFusion's planner with our operators.
#[derive(Debug)]
struct KappaQueryPlanner;

#[async_trait]
impl QueryPlanner for KappaQueryPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        state: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = three_valued(with_subquery_rows(plan.clone())?)?;
        DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(WindowPlanner)])
            .create_physical_plan(&plan, state)
            .await
    }
}

/// Plans TUMBLE and HOP.
#[derive(Debug)]
struct WindowPlanner;

#[async_trait]
impl ExtensionPlanner for WindowPlanner {
    async fn plan_extension(
        &self,
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        logical_inputs: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        _: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(window) = node.as_any().downcast_ref::<WindowNode>() else { return Ok(None) };
        let ([logical], [input]) = (logical_inputs, inputs) else { return Ok(None) };
        let schema: &DFSchema = logical.schema();
        let time = schema.index_of_column(&window.time)?;
        let exec = WindowExec::new(Arc::clone(input), time, window.window);
        Ok(Some(Arc::new(exec)))
    }
}
