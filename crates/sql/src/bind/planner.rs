//! [`Planner`]: what a statement is bound against, and the only match over statements.

use std::fmt;
use std::sync::Arc;

use chrono_tz::Tz;
use kappa_catalog::{Relation, Snapshot};
use kappa_plan::{Properties, ViewPlan};
use kappa_types::{Schema, SqlError, VersionId};

use super::{Bound, RowRules};
use crate::function::{FunctionContext, FunctionRegistry};
use crate::statement::Statement;

/// The system relations, which the session makes.
pub trait SystemRelations: Send + Sync {
    /// The namespace and columns of a system relation. Without a namespace only those of
    /// `pg_catalog` are meant.
    fn schema(&self, namespace: Option<&str>, name: &str) -> Option<(String, Schema)>;

    /// The relation that a function in FROM stands for: namespace, the name under which its rows
    /// will be asked for, and columns. Arguments are constants as text.
    fn table_function(
        &self,
        name: &str,
        args: &[String],
    ) -> Option<Result<(String, String, Schema), SqlError>>;
}

/// Properties of the changes of running materialized views, by version.
pub type PropertiesOf = Arc<dyn Fn(VersionId) -> Option<Properties> + Send + Sync>;

/// Binds statements. Cheap to make; one per statement.
#[derive(Clone)]
pub struct Planner {
    /// What exists.
    pub catalog: Arc<Snapshot>,
    /// What can be called.
    pub functions: Arc<FunctionRegistry>,
    /// Where names without a namespace are looked for.
    pub search_path: Vec<String>,
    /// `TimeZone`.
    pub time_zone: Tz,
    /// What `now()` is, microseconds since 1970-01-01 UTC.
    pub now_micros: i64,
    /// System relations.
    pub system: Arc<dyn SystemRelations>,
    /// What running materialized views promise of their changes.
    pub properties: PropertiesOf,
}

impl fmt::Debug for Planner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planner").field("search_path", &self.search_path).finish_non_exhaustive()
    }
}

impl Planner {
    /// Decides everything about a statement. `parameter_oids` are the types that the client gave
    /// its parameters; 0 and missing ones are inferred.
    ///
    /// # Errors
    /// What PostgreSQL answers to a statement that names what is not there or does not fit
    /// together; 0A000 for what we do not have.
    pub fn bind(&self, statement: &Statement, parameter_oids: &[u32]) -> Result<Bound, SqlError> {
        Ok(match statement {
            Statement::Query(query) => {
                Bound::Query(self.query(&query.query.query, parameter_oids)?)
            }
            Statement::Insert(insert) => {
                Bound::Insert(Box::new(self.insert(insert, parameter_oids)?))
            }
            Statement::Update(update) => {
                Bound::Update(Box::new(self.update(update, parameter_oids)?))
            }
            Statement::Delete(delete) => {
                Bound::Delete(Box::new(self.delete(delete, parameter_oids)?))
            }
            Statement::Copy(copy) => self.copy(copy)?,
            Statement::CreateRelation(create) => {
                Bound::CreateRelation(Box::new(self.create_relation(create)?))
            }
            Statement::CreateView(create) => Bound::CreateView(Box::new(self.create_view(create)?)),
            Statement::CreateMaterializedView(create) => {
                Bound::CreateMaterializedView(Box::new(self.create_materialized_view(create)?))
            }
            Statement::Drop(drop) => Bound::Drop(self.drop_relations(drop)?),
            Statement::Comment(comment) => Bound::Comment(comment.clone()),
            Statement::Rebuild(rebuild) => Bound::Rebuild(Box::new(self.rebuild(rebuild)?)),
            Statement::Explain(explain) => {
                Bound::Explain(Box::new(self.explain(explain, parameter_oids)?))
            }
            Statement::Show(show) => Bound::Show(show.clone()),
            Statement::Set(set) => Bound::Set(set.clone()),
            Statement::Reset(reset) => Bound::Reset(reset.clone()),
            Statement::Transaction(transaction) => Bound::Transaction(transaction.clone()),
            Statement::Prepare(prepare) => Bound::Prepare(prepare.clone()),
            Statement::Execute(execute) => Bound::Execute(execute.clone()),
            Statement::Deallocate(deallocate) => Bound::Deallocate(deallocate.clone()),
            Statement::DiscardAll => Bound::DiscardAll,
        })
    }

    /// The incremental plan of a stored query, at a start or a rebuild.
    ///
    /// # Errors
    /// As of CREATE MATERIALIZED VIEW.
    pub fn plan_view(&self, query_text: &str, emit_on_close: bool) -> Result<ViewPlan, SqlError> {
        let query = crate::parse::parse_query(query_text)?;
        let logical = self.view_logical(&query.query, emit_on_close)?.logical;
        crate::lower::lower_view(logical, emit_on_close)
    }

    /// What completes and checks the rows of a stored relation.
    ///
    /// # Errors
    /// If a stored expression does not bind any more, which is a broken catalogue.
    pub fn row_rules(&self, relation: &Relation) -> Result<RowRules, SqlError> {
        self.rules(relation)
    }

    /// The settings that functions see.
    pub(super) const fn function_context(&self) -> FunctionContext {
        FunctionContext { time_zone: self.time_zone, now_micros: self.now_micros }
    }

    /// This planner with the settings that a relation was defined with.
    pub(super) fn as_of_definition(&self, relation: &Relation) -> Self {
        Self {
            search_path: relation.search_path.clone(),
            time_zone: kappa_types::text::named_zone(&relation.time_zone).unwrap_or(Tz::UTC),
            ..self.clone()
        }
    }
}
