//! [`Context`]: the catalogue as DataFusion's planner asks for it.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{DataFusionError, TableReference};
use datafusion::logical_expr::planner::{
    ContextProvider, ExprPlanner, PlannerResult, RawAggregateExpr, RelationPlanner, TypePlanner,
};
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, TableType, WindowUDF,
    lit,
};
use datafusion::sql::sqlparser::ast;
use kappa_catalog::{Relation, RelationKind};
use kappa_types::{SqlError, SqlState};

use super::Planner;
use super::table_function::TableFunctions;
use crate::error::into_datafusion;
use crate::function::{AggregateCall, Call};
use crate::hidden::unmarked;
use crate::settled::settled;
use crate::source::RelationSource;
use crate::typing::WorkTable;

/// What the query is for, which decides what it may read and how views are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It is run once.
    Run,
    /// It is kept up to date: nothing in it may change by itself.
    View,
}

/// The catalogue as DataFusion's planner asks for it.
pub(super) struct Context<'a> {
    planner: &'a Planner,
    purpose: Purpose,
    options: ConfigOptions,
    expr_planners: Vec<Arc<dyn ExprPlanner>>,
    relation_planners: Vec<Arc<dyn RelationPlanner>>,
    type_planner: Arc<dyn TypePlanner>,
    /// Where each relation's name stands in the statement.
    positions: HashMap<String, usize>,
    /// The relations that were named, each once, in order.
    pub(super) read: RefCell<Vec<Arc<Relation>>>,
    /// Whether a system relation or table function was named.
    pub(super) reads_system: Cell<bool>,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        planner: &'a Planner,
        purpose: Purpose,
        positions: HashMap<String, usize>,
    ) -> Self {
        let mut options = ConfigOptions::new();
        options.sql_parser.parse_float_as_decimal = true;
        options.sql_parser.collect_spans = true;
        Self {
            planner,
            purpose,
            options,
            expr_planners: vec![Arc::new(CountStar)],
            relation_planners: vec![Arc::new(TableFunctions::new(planner))],
            type_planner: Arc::new(Types),
            positions,
            read: RefCell::default(),
            reads_system: Cell::new(false),
        }
    }

    fn source(&self, reference: &TableReference) -> Result<Arc<dyn TableSource>, SqlError> {
        let namespace = reference.schema();
        let marked = unmarked(reference.table());
        let name = marked.unwrap_or_else(|| reference.table());
        if let Some((namespace, schema)) = self.planner.system.schema(namespace, name) {
            if self.purpose != Purpose::Run {
                return Err(SqlError::unsupported(
                    format!("system relation \"{name}\" cannot be read by a view"),
                    "Read it in the query that reads the view.",
                ));
            }
            self.reads_system.set(true);
            return Ok(Arc::new(RelationSource::system(&namespace, name, schema)));
        }
        let found = self.planner.catalog.resolve(&self.planner.search_path, namespace, name);
        let Some(relation) = found else {
            return Err(self.missing(namespace, name));
        };
        let mut read = self.read.borrow_mut();
        if !read.iter().any(|other| other.id == relation.id) {
            read.push(Arc::clone(&relation));
        }
        drop(read);
        let inlined = match &relation.kind {
            RelationKind::View { query } => Some(query),
            _ => None,
        };
        if let Some(query) = inlined {
            let plan = self.planner.definition_plan(&relation, query, self.purpose)?;
            let schema = Arc::clone(plan.schema().inner());
            return Ok(Arc::new(ViewSource { plan: settled(plan), schema }));
        }
        let properties = match relation.kind {
            RelationKind::MaterializedView { .. } => (self.planner.properties)(relation.version),
            _ => None,
        };
        Ok(Arc::new(match marked {
            Some(_) => RelationSource::with_hidden(relation),
            None => RelationSource::relation(relation, properties),
        }))
    }

    fn missing(&self, namespace: Option<&str>, name: &str) -> SqlError {
        let shown = match namespace {
            Some(namespace) => format!("{namespace}.{name}"),
            None => name.to_owned(),
        };
        let mut error =
            SqlError::new(SqlState::UndefinedTable, format!("relation \"{shown}\" does not exist"));
        error.position = self.positions.get(&shown).copied();
        error
    }
}

impl ContextProvider for Context<'_> {
    fn get_table_source(
        &self,
        name: TableReference,
    ) -> Result<Arc<dyn TableSource>, DataFusionError> {
        self.source(&name).map_err(into_datafusion)
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.expr_planners
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        &self.relation_planners
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::clone(&self.type_planner))
    }

    fn create_cte_work_table(
        &self,
        name: &str,
        schema: SchemaRef,
    ) -> Result<Arc<dyn TableSource>, DataFusionError> {
        Ok(Arc::new(WorkTable::new(name, schema)))
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        // SqlToRel expands these by itself.
        if name == "unnest" || self.planner.functions.is_aggregate_or_window(name) {
            return None;
        }
        let call =
            Call::new(name, Arc::clone(&self.planner.functions), self.planner.function_context());
        Some(Arc::new(ScalarUDF::new_from_impl(call)))
    }

    fn get_higher_order_meta(&self, _: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.planner.functions.aggregate(name).map(AggregateCall::wrap)
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.planner.functions.window(name).cloned()
    }

    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A view whose plan stands in for it.
#[derive(Debug)]
struct ViewSource {
    plan: LogicalPlan,
    schema: SchemaRef,
}

impl TableSource for ViewSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        Some(Cow::Borrowed(&self.plan))
    }
}

/// `count(*)` counts the constant 1.
#[derive(Debug)]
struct CountStar;

impl ExprPlanner for CountStar {
    fn plan_aggregate(
        &self,
        mut raw: RawAggregateExpr,
    ) -> Result<PlannerResult<RawAggregateExpr>, DataFusionError> {
        #[expect(deprecated, reason = "it is what SqlToRel makes of a star")]
        let star = matches!(raw.args.as_slice(), [Expr::Wildcard { .. }] | []);
        if raw.func.name() == "count" && star {
            raw.args = vec![lit(1_i64)];
        }
        Ok(PlannerResult::Original(raw))
    }

    fn plan_window(
        &self,
        mut raw: datafusion::logical_expr::planner::RawWindowExpr,
    ) -> Result<PlannerResult<datafusion::logical_expr::planner::RawWindowExpr>, DataFusionError>
    {
        #[expect(deprecated, reason = "it is what SqlToRel makes of a star")]
        let star = matches!(raw.args.as_slice(), [Expr::Wildcard { .. }] | []);
        if raw.func_def.name() == "count" && star {
            raw.args = vec![lit(1_i64)];
        }
        Ok(PlannerResult::Original(raw))
    }
}

/// Type names as PostgreSQL reads them.
#[derive(Debug)]
struct Types;

impl TypePlanner for Types {
    fn plan_type_field(
        &self,
        data_type: &ast::DataType,
    ) -> Result<Option<FieldRef>, DataFusionError> {
        let sql_type = crate::parse::sql_type(data_type).map_err(into_datafusion)?;
        Ok(Some(Arc::new(sql_type.field("cast", true))))
    }
}
