//! Ids. Each kind is its own type, so that one can never be passed for another.
//!
//! All ids are allocated by records of the log and never used again after a drop. They are plain
//! numbers on disk; nothing here allocates them.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

id! {
    /// A named thing with columns: source, table, view, materialized view. Keeps its id, and so its
    /// OID, grants and comments, through every REBUILD.
    RelationId
}
id! {
    /// One definition of a relation. Contents and operator state belong to a version; a REBUILD
    /// makes a new one beside the old.
    VersionId
}
id! {
    /// One list of columns of a relation. Rows in the log name the schema version they were
    /// written with.
    SchemaVersionId
}
id! {
    /// A column of a relation, stable across schema versions.
    ColumnId
}
id! {
    /// A Postgres schema (`public`, `pg_catalog`), called a namespace here so that *schema* can mean
    /// a list of columns.
    NamespaceId
}
id! {
    /// One run of REBUILD.
    RebuildId
}
