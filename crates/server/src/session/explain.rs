//! EXPLAIN: the incremental plan of a view; of a query its batch plan and how a view would keep it.

use std::sync::Arc;

use arrow::array::StringViewArray;
use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SessionState;
use datafusion::physical_plan::displayable;
use kappa_sql::BoundExplain;
use kappa_types::{SqlError, SqlState, SqlType};
use kappa_wire::ColumnDescription;

use super::error::{arrow_error, query_error};
use super::read::{Reader, with_tables};
use crate::engine::Engine;

const COLUMN: &str = "QUERY PLAN";

/// The one column.
pub(super) fn columns() -> Vec<ColumnDescription> {
    vec![ColumnDescription::new(COLUMN, SqlType::Text)]
}

/// A plan below its heading, further in.
fn section(heading: &str, plan: &dyn std::fmt::Display) -> String {
    let plan = plan.to_string();
    let lines = plan.trim_end().lines().flat_map(|line| ["  ", line, "\n"]);
    std::iter::once(heading).chain(["\n"]).chain(lines).collect()
}

/// The lines.
pub(super) async fn rows(
    engine: &Engine,
    state: &SessionState,
    reader: &Reader,
    explain: &BoundExplain,
) -> Result<RecordBatch, SqlError> {
    let text = match explain {
        BoundExplain::View(plan) => plan.to_string(),
        BoundExplain::MaterializedView(relation) => match engine.plans.get(relation.version) {
            Some(plan) => plan.to_string(),
            None => {
                return Err(SqlError::new(
                    SqlState::ObjectNotInPrerequisiteState,
                    format!("materialized view \"{}\" is not running", relation.name),
                ));
            }
        },
        BoundExplain::Query { query, kept, verbose } => {
            let plan = with_tables(query.logical.clone(), reader)?;
            let optimized = state.optimize(&plan).map_err(query_error)?;
            let mut text = section("As a query, run once:", &optimized.display_indent());
            if *verbose {
                let physical = state.create_physical_plan(&plan).await.map_err(query_error)?;
                let physical = displayable(physical.as_ref());
                text += &section("Its operators:", &physical.indent(true));
            }
            text += &match kept {
                None => String::new(),
                Some(Ok(kept)) => section("As a materialized view, kept up to date:", kept),
                Some(Err(error)) => {
                    format!("It cannot be kept as a materialized view: {}\n", error.message)
                }
            };
            text
        }
    };
    let lines = StringViewArray::from_iter_values(text.trim_end().lines());
    let schema = Arc::new(Schema::new(vec![SqlType::Text.field(COLUMN, true)]));
    RecordBatch::try_new(schema, vec![Arc::new(lines)]).map_err(arrow_error)
}
