//! What a system table is, and the list of them.

use crate::engine::{Cut, Engine};

use super::{errors, late_rows, rebuilds, sources, views};
use arrow::record_batch::RecordBatch;
use kappa_types::{Column, ColumnId, Schema, SchemaVersionId, SqlError, SqlType};
use std::sync::Arc;

/// One system table.
pub struct SystemTable {
    /// Its name in `pg_catalog`.
    pub name: &'static str,
    /// What a row is.
    pub doc: &'static str,
    /// Name, type and meaning of each column.
    pub columns: &'static [(&'static str, SqlType, &'static str)],
    /// Whether its rows come out of views, so that it waits for those that are still being made.
    pub waits_for_views: bool,
    /// The rows at a cut.
    pub rows: fn(&Arc<Engine>, &Cut) -> Result<RecordBatch, SqlError>,
}

/// Every system table.
pub static TABLES: &[&SystemTable] =
    &[&errors::TABLE, &late_rows::TABLE, &rebuilds::TABLE, &sources::TABLE, &views::TABLE];

/// The table called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static SystemTable> {
    TABLES.iter().copied().find(|table| table.name == name)
}

/// Lists the tables in the system catalogue, before anyone asks it.
pub fn declare_all() {
    let declared = TABLES.iter().map(|table| (table.name.to_owned(), table.schema()));
    kappa_system::declare(declared.collect());
}

impl SystemTable {
    /// Its columns, as every layer says them.
    #[must_use]
    pub fn schema(&self) -> Schema {
        let columns = self.columns.iter().zip(1..).map(|((name, sql_type, _), id)| Column {
            id: ColumnId(id),
            name: (*name).to_owned(),
            sql_type: sql_type.clone(),
            nullable: true,
        });
        Schema { version: SchemaVersionId(0), columns: columns.collect() }
    }
}

/// How a relation is named in these tables: qualified unless it is in `public`.
pub(super) fn shown_name(relation: &kappa_catalog::Relation) -> String {
    if relation.namespace_name == "public" {
        relation.name.clone()
    } else {
        relation.qualified_name()
    }
}
