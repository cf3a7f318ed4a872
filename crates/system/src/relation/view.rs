//! `pg_tables`, `pg_views`, `pg_matviews`, `pg_indexes`: each relation is in exactly one of the first
//! three.

use kappa_catalog::Relation;

use super::builder::Rows;
use super::class::relkind;
use crate::function::definition::index_definition;
use crate::session::{Session, index_name};
use crate::value::Value;

pub(super) fn pg_tables(session: &Session<'_>, rows: &mut Rows) {
    let table = |namespace: &str, name: &str, owner: &str, indexed: bool| {
        [
            ("schemaname", Value::text(namespace)),
            ("tablename", Value::text(name)),
            ("tableowner", Value::text(owner)),
            ("hasindexes", Value::Bool(indexed)),
            ("hasrules", Value::Bool(false)),
            ("hastriggers", Value::Bool(false)),
            ("rowsecurity", Value::Bool(false)),
        ]
    };
    for builtin in session.builtin.relations.iter().filter(|relation| relation.kind == 'r') {
        rows.push(&table(&builtin.namespace, &builtin.name, "kappa", false));
    }
    for relation in session.relations().filter(|relation| relation.is_base()) {
        let indexed = relation.index_oid.is_some();
        rows.push(&table(&relation.namespace_name, &relation.name, &relation.owner, indexed));
    }
}

/// The query of a view as `pg_get_viewdef` gives it.
fn definition(relation: &Relation) -> Value {
    Value::optional_text(relation.definition_text())
}

pub(super) fn pg_views(session: &Session<'_>, rows: &mut Rows) {
    for builtin in session.builtin.relations.iter().filter(|relation| relation.kind == 'v') {
        rows.push(&[
            ("schemaname", Value::text(&builtin.namespace)),
            ("viewname", Value::text(&builtin.name)),
            ("viewowner", Value::text("kappa")),
        ]);
    }
    for relation in session.relations().filter(|relation| relkind(relation) == 'v') {
        rows.push(&[
            ("schemaname", Value::text(&relation.namespace_name)),
            ("viewname", Value::text(&relation.name)),
            ("viewowner", Value::text(&relation.owner)),
            ("definition", definition(relation)),
        ]);
    }
}

pub(super) fn pg_matviews(session: &Session<'_>, rows: &mut Rows) {
    for relation in session.relations().filter(|relation| relkind(relation) == 'm') {
        rows.push(&[
            ("schemaname", Value::text(&relation.namespace_name)),
            ("matviewname", Value::text(&relation.name)),
            ("matviewowner", Value::text(&relation.owner)),
            ("hasindexes", Value::Bool(false)),
            ("ispopulated", Value::Bool(true)),
            ("definition", definition(relation)),
        ]);
    }
}

pub(super) fn pg_indexes(session: &Session<'_>, rows: &mut Rows) {
    for relation in session.relations().filter(|relation| relation.index_oid.is_some()) {
        rows.push(&[
            ("schemaname", Value::text(&relation.namespace_name)),
            ("tablename", Value::text(&relation.name)),
            ("indexname", Value::text(index_name(relation))),
            ("indexdef", Value::text(index_definition(relation, false))),
        ]);
    }
}
