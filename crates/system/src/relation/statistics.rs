//! `pg_stat_*_tables` and `pg_stat_database`: counts that are known; the others are NULL.

use super::builder::Rows;
use super::class::relkind;
use super::namespace::DATABASE_OID;
use crate::function::catalog::row_count;
use crate::session::Session;
use crate::value::Value;

pub(super) fn all_tables(session: &Session<'_>, rows: &mut Rows) {
    for builtin in session.builtin.relations.iter().filter(|relation| relation.kind == 'r') {
        rows.push(&[
            ("relid", Value::oid(builtin.oid)),
            ("schemaname", Value::text(&builtin.namespace)),
            ("relname", Value::text(&builtin.name)),
        ]);
    }
    user_tables(session, rows);
}

pub(super) fn user_tables(session: &Session<'_>, rows: &mut Rows) {
    for relation in session.relations().filter(|relation| relkind(relation) != 'v') {
        rows.push(&[
            ("relid", Value::oid(relation.oid)),
            ("schemaname", Value::text(&relation.namespace_name)),
            ("relname", Value::text(&relation.name)),
            ("n_live_tup", row_count(session, relation.oid).map_or(Value::Null, Value::Int)),
        ]);
    }
}

pub(super) fn database(session: &Session<'_>, rows: &mut Rows) {
    rows.push(&[
        ("datid", Value::oid(DATABASE_OID)),
        ("datname", Value::text(&session.context.database)),
        ("numbackends", Value::count(session.context.state.activity().len())),
    ]);
}
