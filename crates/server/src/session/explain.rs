//! EXPLAIN: the incremental plan of a view, or the batch plan of a query, one line per row.

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
        BoundExplain::Query { query, verbose } => {
            let plan = with_tables(query.logical.clone(), reader)?;
            let optimized = state.optimize(&plan).map_err(query_error)?;
            if *verbose {
                let physical = state.create_physical_plan(&plan).await.map_err(query_error)?;
                let physical = displayable(physical.as_ref()).indent(true).to_string();
                format!("{}\n{physical}", optimized.display_indent())
            } else {
                optimized.display_indent().to_string()
            }
        }
    };
    let lines = StringViewArray::from_iter_values(text.trim_end().lines());
    let schema = Arc::new(Schema::new(vec![SqlType::Text.field(COLUMN, true)]));
    RecordBatch::try_new(schema, vec![Arc::new(lines)]).map_err(arrow_error)
}
