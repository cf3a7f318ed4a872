//! The rows of a step: those of its groups, by relation, small batches made into larger ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use kappa_log::{EntryRows, Group, Part, RowKind};
use kappa_types::{ColumnId, DeltaBatch, RelationId, Schema, SchemaVersionId, Timestamp};

use super::command::{RelationDelta, RelationRows};

/// Neighbouring batches of fewer rows than this are made into one: a batch costs each operator a few
/// microseconds whatever its size.
const BATCH_ROW_COUNT_MIN: usize = 4096;

/// The columns of every schema version that rows may have.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    columns: BTreeMap<(RelationId, SchemaVersionId), Arc<Vec<ColumnId>>>,
}

impl Schemas {
    /// Makes a schema version known.
    pub(super) fn insert(&mut self, relation: RelationId, schema: &Schema) {
        let columns = schema.columns.iter().map(|column| column.id).collect();
        self.columns.insert((relation, schema.version), Arc::new(columns));
    }

    fn get(&self, relation: RelationId, version: SchemaVersionId) -> Option<Arc<Vec<ColumnId>>> {
        self.columns.get(&(relation, version)).cloned()
    }
}

/// What a step reads from the log.
#[derive(Default)]
pub(super) struct StepRows {
    /// Rows in memory.
    pub(super) rows: RelationRows,
    /// Rows in files, with their columns; they are read piece by piece.
    pub(super) parts: Vec<(RelationId, Arc<Vec<ColumnId>>, Part)>,
}

impl StepRows {
    /// The rows of `groups` that `reads` wants, all at `time`.
    pub(super) fn of(
        groups: &[Arc<Group>],
        time: Timestamp,
        schemas: &Schemas,
        reads: impl Fn(RelationId) -> bool,
    ) -> Self {
        let mut step = Self::default();
        let mut small: BTreeMap<(RelationId, SchemaVersionId), Vec<DeltaBatch>> = BTreeMap::new();
        let entries = groups.iter().flat_map(|group| &group.entries);
        for entry in entries.filter(|entry| entry.kind == RowKind::Rows && reads(entry.relation)) {
            let Some(columns) = schemas.get(entry.relation, entry.schema_version) else {
                tracing::error!(
                    relation = %entry.relation,
                    schema_version = %entry.schema_version,
                    "rows of an unknown schema version are left out"
                );
                continue;
            };
            match &entry.rows {
                EntryRows::Memory { rows, diffs } => {
                    let delta = DeltaBatch::new(time, rows.clone(), diffs.clone());
                    if delta.row_count() >= BATCH_ROW_COUNT_MIN {
                        let rows = step.rows.entry(entry.relation).or_default();
                        rows.push(RelationDelta { columns, delta });
                    } else {
                        small
                            .entry((entry.relation, entry.schema_version))
                            .or_default()
                            .push(delta);
                    }
                }
                EntryRows::Parts(parts) => {
                    let parts = parts.iter().cloned();
                    step.parts
                        .extend(parts.map(|part| (entry.relation, Arc::clone(&columns), part)));
                }
            }
        }
        for ((relation, version), batches) in small {
            let columns = schemas.get(relation, version).expect("found for each batch");
            let delta = if let [only] = batches.as_slice() {
                only.clone()
            } else {
                DeltaBatch::concat(time, &batches)
                    .expect("rows of one schema version have one schema")
                    .expect("there are batches")
            };
            step.rows.entry(relation).or_default().push(RelationDelta { columns, delta });
        }
        step
    }
}
