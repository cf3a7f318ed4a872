//! [`Relation`]: a source, table, view or materialized view, with its current definition.
//!
//! The one idea: a relation is its identity (id, OID, owner, comment), which lasts, and a
//! [`Definition`], which a REBUILD replaces whole.
//!
//! Nothing here holds rows, plans or progress.

use std::collections::BTreeMap;

use kappa_types::{ColumnId, NamespaceId, RelationId, Schema, SqlType, Timestamp, VersionId};

/// A Postgres schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Its id.
    pub id: NamespaceId,
    /// Its OID in `pg_namespace`.
    pub oid: u32,
    /// As stored: folded to lower case unless it was quoted.
    pub name: String,
    /// Name of the user who made it.
    pub owner: String,
    /// COMMENT ON SCHEMA.
    pub comment: Option<String>,
}

/// The namespace of system relations. It has no relations in the catalogue.
pub const PG_CATALOG: NamespaceId = NamespaceId(1);
/// The namespace that is there from the beginning.
pub const PUBLIC: NamespaceId = NamespaceId(2);
/// The standard's views. It has no relations in the catalogue.
pub const INFORMATION_SCHEMA: NamespaceId = NamespaceId(3);

/// A named thing with columns.
///
/// * `columns` has as many elements as `schema.columns`, in the same order.
/// * Every dependency names a relation that exists as long as this one does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Lasts as long as the relation, through every REBUILD.
    pub id: RelationId,
    /// OID in `pg_class`; 16384 or more, never used again.
    pub oid: u32,
    /// OID of the row type in `pg_type`.
    pub type_oid: u32,
    /// OID of the array of the row type in `pg_type`.
    pub array_type_oid: u32,
    /// OID of the index of the primary key in `pg_class`; only tables with a primary key.
    pub index_oid: Option<u32>,
    /// Where its name stands.
    pub namespace: NamespaceId,
    /// Name of that namespace.
    pub namespace_name: String,
    /// As stored: folded to lower case unless it was quoted.
    pub name: String,
    /// Name of the user who made it.
    pub owner: String,
    /// Time of the DDL that made it. Set by the catalogue when the record is applied.
    pub created_at: Timestamp,
    /// COMMENT ON.
    pub comment: Option<String>,
    /// Number for the next new column; no column id is ever used again.
    pub next_column: u32,

    /// The current definition: contents and state belong to it.
    pub version: VersionId,
    /// What it is.
    pub kind: RelationKind,
    /// Its columns.
    pub schema: Schema,
    /// What [`Schema`] does not say about each column.
    pub columns: Vec<ColumnDefinition>,
    /// What it reads, each relation once.
    pub dependencies: Vec<Dependency>,
    /// The statement as typed.
    pub text: String,
    /// TimeZone that `text` was bound with.
    pub time_zone: String,
    /// search_path that `text` was bound with.
    pub search_path: Vec<String>,
}

impl Relation {
    /// The part that a REBUILD replaces.
    #[must_use]
    pub fn definition(&self) -> Definition {
        Definition {
            relation: self.id,
            version: self.version,
            kind: self.kind.clone(),
            schema: self.schema.clone(),
            columns: self.columns.clone(),
            dependencies: self.dependencies.clone(),
            text: self.text.clone(),
            time_zone: self.time_zone.clone(),
            search_path: self.search_path.clone(),
        }
    }

    /// Takes `definition` in place of the current one. Comments of columns that stay are kept.
    pub(crate) fn define(&mut self, definition: &Definition) {
        let comments: BTreeMap<ColumnId, String> = self
            .schema
            .columns
            .iter()
            .zip(&self.columns)
            .filter_map(|(column, more)| Some((column.id, more.comment.clone()?)))
            .collect();
        let definition = definition.clone();
        self.version = definition.version;
        self.kind = definition.kind;
        self.schema = definition.schema;
        self.columns = definition.columns;
        self.dependencies = definition.dependencies;
        self.text = definition.text;
        self.time_zone = definition.time_zone;
        self.search_path = definition.search_path;
        for (column, more) in self.schema.columns.iter().zip(&mut self.columns) {
            if more.comment.is_none() {
                more.comment = comments.get(&column.id).cloned();
            }
            self.next_column = self.next_column.max(column.id.0 + 1);
        }
    }

    /// The name with its namespace, unquoted: `public.bids`.
    #[must_use]
    pub fn qualified_name(&self) -> String {
        format!("{}.{}", self.namespace_name, self.name)
    }

    /// The columns of the primary key, as positions in `schema.columns`; tables only.
    #[must_use]
    pub fn primary_key(&self) -> Option<Vec<usize>> {
        let RelationKind::Table { primary_key: Some(key), .. } = &self.kind else { return None };
        key.iter()
            .map(|id| self.schema.columns.iter().position(|column| column.id == *id))
            .collect()
    }

    /// The WATERMARK clause, of sources and tables.
    #[must_use]
    pub const fn watermark(&self) -> Option<&Watermark> {
        match &self.kind {
            RelationKind::Source { watermark, .. } | RelationKind::Table { watermark, .. } => {
                watermark.as_ref()
            }
            RelationKind::View { .. } | RelationKind::MaterializedView { .. } => None,
        }
    }

    /// The query, of views and materialized views.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.kind.query()
    }

    /// What stands behind AS, of views and materialized views: text that makes the same view again,
    /// as `pg_get_viewdef` gives it.
    #[must_use]
    pub fn definition_text(&self) -> Option<String> {
        self.kind.definition_text().map(|text| format!("{text};"))
    }

    /// Whether its rows stand in the log: sources and tables.
    #[must_use]
    pub const fn is_base(&self) -> bool {
        matches!(self.kind, RelationKind::Source { .. } | RelationKind::Table { .. })
    }
}

/// The part of a relation that a REBUILD replaces. The fields are those of [`Relation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Whose definition.
    pub relation: RelationId,
    /// Its number; contents and state are kept under it.
    pub version: VersionId,
    /// What the relation is. A REBUILD keeps the variant.
    pub kind: RelationKind,
    /// Its columns. A column that stays keeps its id.
    pub schema: Schema,
    /// What [`Schema`] does not say about each column.
    pub columns: Vec<ColumnDefinition>,
    /// What it reads, each relation once.
    pub dependencies: Vec<Dependency>,
    /// The statement as typed.
    pub text: String,
    /// TimeZone that `text` was bound with.
    pub time_zone: String,
    /// search_path that `text` was bound with.
    pub search_path: Vec<String>,
}

/// What kind of relation, and what only that kind has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// Append-only rows from outside.
    Source {
        /// WATERMARK clause.
        watermark: Option<Watermark>,
        /// WITH, FORMAT and ENCODE; `None` for a push source.
        connector: Option<Connector>,
    },
    /// Rows that can be changed.
    Table {
        /// Columns of the primary key, in the order of the constraint.
        primary_key: Option<Vec<ColumnId>>,
        /// WATERMARK clause.
        watermark: Option<Watermark>,
    },
    /// A query that is run when it is read.
    View {
        /// Bound canonical text: names qualified, `*` expanded.
        query: String,
    },
    /// A query whose result is kept.
    MaterializedView {
        /// Bound canonical text: names qualified, `*` expanded, without EMIT.
        query: String,
        /// EMIT ON WINDOW CLOSE.
        emit_on_close: bool,
        /// WITH.
        options: BTreeMap<String, String>,
    },
}

impl RelationKind {
    /// The query, of views and materialized views.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        match self {
            Self::View { query } | Self::MaterializedView { query, .. } => Some(query),
            Self::Source { .. } | Self::Table { .. } => None,
        }
    }

    /// What stands behind AS, of views and materialized views, without a semicolon.
    #[must_use]
    pub fn definition_text(&self) -> Option<String> {
        let query = self.query()?.trim_end().trim_end_matches(';').trim_end();
        let closes = matches!(self, Self::MaterializedView { emit_on_close: true, .. });
        Some(format!("{query}{}", if closes { " EMIT ON WINDOW CLOSE" } else { "" }))
    }

    /// What the relation is called in messages: `materialized view`.
    #[must_use]
    pub const fn noun(&self) -> &'static str {
        match self {
            Self::Source { .. } => "source",
            Self::Table { .. } => "table",
            Self::View { .. } => "view",
            Self::MaterializedView { .. } => "materialized view",
        }
    }
}

/// WATERMARK FOR column AS expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// The column that is promised to rise.
    pub column: ColumnId,
    /// Canonical text of the expression, over the relation's columns.
    pub expression: String,
    /// Values further ahead of the wall clock than this do not count, microseconds.
    pub max_ahead_micros: Option<i64>,
}

/// Where the rows of a source come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connector {
    /// `file`, `generator`, …
    pub name: String,
    /// The other options of WITH.
    pub options: BTreeMap<String, String>,
    /// FORMAT, lower case.
    pub format: Option<String>,
    /// ENCODE, lower case.
    pub encode: Option<String>,
}

/// What [`kappa_types::Column`] does not say about a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnDefinition {
    /// DEFAULT, canonical text.
    pub default: Option<String>,
    /// GENERATED ALWAYS AS … STORED, canonical text.
    pub generated: Option<String>,
    /// NOT NULL was declared, or follows from PRIMARY KEY.
    pub not_null: bool,
    /// COMMENT ON COLUMN.
    pub comment: Option<String>,
}

/// What one relation reads of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The relation that is read.
    pub relation: RelationId,
    /// The columns it reads, with the type each had when the reader was bound.
    pub columns: Vec<(ColumnId, SqlType)>,
}
