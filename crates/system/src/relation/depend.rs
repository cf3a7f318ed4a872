//! `pg_depend`, `pg_rewrite`, `pg_description`: what views read, and comments.

use kappa_catalog::Relation;

use super::builder::{Rows, letter};
use crate::function::catalog::{PG_CLASS, PG_NAMESPACE};
use crate::session::Session;
use crate::value::Value;

/// OID of `pg_rewrite` in `pg_class`.
const PG_REWRITE: u32 = 2618;
/// OID of `pg_constraint` in `pg_class`.
const PG_CONSTRAINT: u32 = 2606;

/// The rule that makes a relation a view. Its OID is the view's: they are of different kinds.
pub(super) fn pg_rewrite(session: &Session<'_>, rows: &mut Rows) {
    for relation in session.relations().filter(|relation| relation.query().is_some()) {
        rows.push(&[
            ("oid", Value::oid(relation.oid)),
            ("rulename", Value::text("_RETURN")),
            ("ev_class", Value::oid(relation.oid)),
            ("ev_type", letter('1')),
            ("ev_enabled", letter('O')),
            ("is_instead", Value::Bool(true)),
        ]);
    }
}

pub(super) fn pg_depend(session: &Session<'_>, rows: &mut Rows) {
    let mut push = |class: u32, object: u32, referenced: u32, column: usize, kind: char| {
        rows.push(&[
            ("classid", Value::oid(class)),
            ("objid", Value::oid(object)),
            ("refclassid", Value::oid(PG_CLASS)),
            ("refobjid", Value::oid(referenced)),
            ("refobjsubid", Value::count(column)),
            ("deptype", letter(kind)),
        ]);
    };
    for relation in session.relations() {
        if let Some(index) = relation.index_oid {
            push(PG_CONSTRAINT, index, relation.oid, 0, 'a');
        }
        if relation.query().is_none() {
            continue;
        }
        push(PG_REWRITE, relation.oid, relation.oid, 0, 'i');
        for dependency in &relation.dependencies {
            let Some(read) = session.context.snapshot.relation(dependency.relation) else {
                continue;
            };
            push(PG_REWRITE, relation.oid, read.oid, 0, 'n');
            for number in read_columns(&read, dependency) {
                push(PG_REWRITE, relation.oid, read.oid, number, 'n');
            }
        }
    }
}

/// `attnum` of each column that a view reads.
fn read_columns(read: &Relation, dependency: &kappa_catalog::Dependency) -> Vec<usize> {
    let position = |id| read.schema.columns.iter().position(|column| column.id == id);
    let positions = dependency.columns.iter().filter_map(|(id, _)| position(*id));
    positions.map(|position| position + 1).collect()
}

pub(super) fn pg_description(session: &Session<'_>, rows: &mut Rows) {
    let mut push = |class: u32, object: u32, column: usize, comment: Option<&String>| {
        let Some(comment) = comment else { return };
        rows.push(&[
            ("objoid", Value::oid(object)),
            ("classoid", Value::oid(class)),
            ("objsubid", Value::count(column)),
            ("description", Value::text(comment)),
        ]);
    };
    for namespace in session.context.snapshot.namespaces() {
        push(PG_NAMESPACE, namespace.oid, 0, namespace.comment.as_ref());
    }
    for relation in session.relations() {
        push(PG_CLASS, relation.oid, 0, relation.comment.as_ref());
        for (index, column) in relation.columns.iter().enumerate() {
            push(PG_CLASS, relation.oid, index + 1, column.comment.as_ref());
        }
    }
}
