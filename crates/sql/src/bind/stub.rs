//! TEMPORARY: signatures only. SQL ENGINEER: delete this file when planner.rs is there.
use std::sync::Arc;
use arrow::array::ArrayRef;
use chrono_tz::Tz;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast;
use kappa_catalog::{Relation, Snapshot};
use kappa_plan::{Properties, ViewPlan};
use kappa_types::{Schema, SqlError, SqlState, SqlType, VersionId};
use super::{Bound, BoundQuery, RowRules};
use crate::{FunctionRegistry, Statement};
pub trait SystemRelations: Send + Sync {
    fn schema(&self, namespace: Option<&str>, name: &str) -> Option<(String, Schema)>;
    fn table_function(&self, name: &str, arguments: &[String]) -> Option<Result<(String, String, Schema), SqlError>>;
}
pub struct Planner {
    pub catalog: Arc<Snapshot>,
    pub functions: Arc<FunctionRegistry>,
    pub search_path: Vec<String>,
    pub time_zone: Tz,
    pub now_micros: i64,
    pub system: Arc<dyn SystemRelations>,
    pub properties: Arc<dyn Fn(VersionId) -> Option<Properties> + Send + Sync>,
}
fn no() -> SqlError { SqlError::new(SqlState::InternalError, "stub") }
impl Planner {
    pub fn bind(&self, _s: &Statement, _o: &[u32]) -> Result<Bound, SqlError> { Err(no()) }
    pub fn plan_view(&self, _q: &str, _e: bool) -> Result<ViewPlan, SqlError> { Err(no()) }
    pub fn row_rules(&self, _r: &Relation) -> Result<RowRules, SqlError> { Err(no()) }
    pub fn constant(&self, _e: &ast::Expr, _t: &SqlType) -> Result<ArrayRef, SqlError> { Err(no()) }
}
impl BoundQuery {
    pub fn with_parameters(&self, _v: &[ArrayRef]) -> Result<LogicalPlan, SqlError> { Err(no()) }
    pub fn materialized_views(&self) -> Vec<Arc<Relation>> { Vec::new() }
}
pub fn session_state(_p: usize) -> SessionState { datafusion::execution::session_state::SessionStateBuilder::new().build() }
