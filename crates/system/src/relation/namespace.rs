//! `pg_namespace` and `pg_database`.

use super::builder::{Rows, letter};
use crate::context::role_oid;
use crate::session::Session;
use crate::value::Value;

/// OID of the only database, that of PostgreSQL's `postgres`.
pub(super) const DATABASE_OID: u32 = 5;
/// OID of the tablespace `pg_default`.
const DEFAULT_TABLESPACE: u32 = 1663;
/// Number of the encoding UTF8.
const UTF8: i64 = 6;

pub(super) fn pg_namespace(session: &Session<'_>, rows: &mut Rows) {
    for namespace in session.context.snapshot.namespaces() {
        rows.push(&[
            ("oid", Value::oid(namespace.oid)),
            ("nspname", Value::text(&namespace.name)),
            ("nspowner", Value::oid(role_oid(&namespace.owner))),
        ]);
    }
}

pub(super) fn pg_database(session: &Session<'_>, rows: &mut Rows) {
    rows.push(&[
        ("oid", Value::oid(DATABASE_OID)),
        ("datname", Value::text(&session.context.database)),
        ("datdba", Value::oid(role_oid("kappa"))),
        ("encoding", Value::Int(UTF8)),
        ("datlocprovider", letter('c')),
        ("datallowconn", Value::Bool(true)),
        ("datconnlimit", Value::Int(-1)),
        ("dattablespace", Value::oid(DEFAULT_TABLESPACE)),
        ("datcollate", Value::text("C")),
        ("datctype", Value::text("C")),
    ]);
}
