//! The SQL planner as the server sets it up: which catalogue, which settings, which system
//! relations.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use kappa_catalog::{Definition, Relation, RelationKind, Snapshot};
use kappa_plan::{Properties, ViewPlan};
use kappa_sql::{FunctionRegistry, Planner, RowRules, SystemRelations};
use kappa_types::{Clock, Schema, SqlError, SqlState, VersionId};

use super::variable::{Variables, split_names};
use crate::engine::Engine;
use crate::system;

/// The functions of queries; made once, since there are hundreds.
pub(super) static FUNCTIONS: LazyLock<Arc<FunctionRegistry>> =
    LazyLock::new(|| Arc::new(FunctionRegistry::new(std::iter::empty())));

/// What is known of the changes of running materialized views.
pub type KnownProperties = Arc<dyn Fn(VersionId) -> Option<Properties> + Send + Sync>;

/// A planner with a session's settings.
pub(super) fn session_planner(
    engine: &Arc<Engine>,
    snapshot: &Arc<Snapshot>,
    variables: &Variables,
    now_micros: i64,
) -> Planner {
    let plans = Arc::clone(&engine.plans);
    let properties: KnownProperties = Arc::new(move |version| plans.properties(version));
    Planner {
        catalog: Arc::clone(snapshot),
        functions: Arc::clone(&FUNCTIONS),
        search_path: variables.search_path(),
        time_zone: variables.time_zone(),
        now_micros,
        system: Arc::new(ServerRelations { snapshot: Arc::clone(snapshot) }),
        properties,
    }
}

/// A planner with the settings that a definition was made with.
fn definition_planner(
    snapshot: &Arc<Snapshot>,
    time_zone: &str,
    search_path: &[String],
    clock: &dyn Clock,
    properties: KnownProperties,
) -> Planner {
    Planner {
        catalog: Arc::clone(snapshot),
        functions: Arc::clone(&FUNCTIONS),
        search_path: search_path.to_vec(),
        time_zone: time_zone.parse().unwrap_or(chrono_tz::UTC),
        now_micros: clock.now_micros(),
        system: Arc::new(ServerRelations { snapshot: Arc::clone(snapshot) }),
        properties,
    }
}

/// The plan of a materialized view's definition, made again from its stored text.
///
/// # Errors
/// If the text no longer means anything: a bug, or a program older than the definition.
pub fn plan_definition(
    snapshot: &Arc<Snapshot>,
    definition: &Definition,
    known: &BTreeMap<VersionId, Arc<ViewPlan>>,
    clock: &dyn Clock,
) -> Result<ViewPlan, SqlError> {
    let RelationKind::MaterializedView { query, emit_on_close, .. } = &definition.kind else {
        return Err(SqlError::new(SqlState::InternalError, "only materialized views have plans"));
    };
    let known: BTreeMap<VersionId, Properties> =
        known.iter().map(|(id, plan)| (*id, plan.root.properties.clone())).collect();
    let properties: KnownProperties = Arc::new(move |version| known.get(&version).cloned());
    let Definition { time_zone, search_path, .. } = definition;
    let planner = definition_planner(snapshot, time_zone, search_path, clock, properties);
    planner.plan_view(query, *emit_on_close)
}

/// What completes rows of a stored relation.
///
/// # Errors
/// If its stored expressions no longer mean anything.
pub fn row_rules(engine: &Engine, relation: &Relation) -> Result<RowRules, SqlError> {
    let snapshot = engine.catalog.snapshot();
    let none: KnownProperties = Arc::new(|_| None);
    let Relation { time_zone, search_path, .. } = relation;
    definition_planner(&snapshot, time_zone, search_path, &*engine.clock, none).row_rules(relation)
}

/// System relations as the planner finds them.
#[derive(Debug)]
struct ServerRelations {
    snapshot: Arc<Snapshot>,
}

/// Name of the relation that `kappa_rebuild_diff('v')` stands for; the view's name follows.
pub(super) const REBUILD_DIFF: &str = "kappa_rebuild_diff:";

impl SystemRelations for ServerRelations {
    fn schema(&self, namespace: Option<&str>, name: &str) -> Option<(String, Schema)> {
        let catalog = namespace.is_none_or(|namespace| namespace == "pg_catalog");
        if let (true, Some(table)) = (catalog, system::find(name)) {
            return Some(("pg_catalog".to_owned(), table.schema()));
        }
        let schema = kappa_system::relation_schema(namespace, name)?;
        Some((namespace.unwrap_or("pg_catalog").to_owned(), schema))
    }

    fn table_function(
        &self,
        name: &str,
        arguments: &[String],
    ) -> Option<Result<(String, String, Schema), SqlError>> {
        if name != "kappa_rebuild_diff" {
            return None;
        }
        let [view] = arguments else {
            return Some(Err(SqlError::new(
                SqlState::UndefinedFunction,
                "kappa_rebuild_diff() takes the name of one view",
            )));
        };
        Some(
            system::rebuild_diff::schema(&self.snapshot, view)
                .map(|schema| ("pg_catalog".to_owned(), format!("{REBUILD_DIFF}{view}"), schema)),
        )
    }
}

/// The namespace and name that a user's text stands for.
pub(crate) fn resolve_view(snapshot: &Snapshot, text: &str) -> Option<Arc<Relation>> {
    let names = split_names(text);
    match names.as_slice() {
        [name] => snapshot.resolve(&["public".to_owned()], None, name),
        [namespace, name] => snapshot.resolve(&[], Some(namespace), name),
        _ => None,
    }
}
