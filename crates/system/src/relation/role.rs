//! `pg_roles` and its like. Every role may do everything.

use super::builder::Rows;
use crate::session::Session;
use crate::value::Value;

/// What stands in place of a password.
const HIDDEN_PASSWORD: &str = "********";

/// Columns that `pg_roles` and `pg_authid` share.
fn role(name: &str, oid: u32) -> Vec<(&'static str, Value)> {
    let allowed = [
        "rolsuper",
        "rolinherit",
        "rolcreaterole",
        "rolcreatedb",
        "rolcanlogin",
        "rolreplication",
        "rolbypassrls",
    ];
    let mut fields = vec![
        ("oid", Value::oid(oid)),
        ("rolname", Value::text(name)),
        ("rolconnlimit", Value::Int(-1)),
    ];
    fields.extend(allowed.map(|column| (column, Value::Bool(true))));
    fields
}

pub(super) fn pg_roles(session: &Session<'_>, rows: &mut Rows) {
    for (name, oid) in session.context.roles() {
        let mut fields = role(&name, oid);
        fields.push(("rolpassword", Value::text(HIDDEN_PASSWORD)));
        rows.push(&fields);
    }
}

pub(super) fn pg_authid(session: &Session<'_>, rows: &mut Rows) {
    for (name, oid) in session.context.roles() {
        rows.push(&role(&name, oid));
    }
}

/// Columns that `pg_user` and `pg_shadow` share.
fn user(name: &str, oid: u32) -> Vec<(&'static str, Value)> {
    let allowed = ["usecreatedb", "usesuper", "userepl", "usebypassrls"];
    let mut fields = vec![("usename", Value::text(name)), ("usesysid", Value::oid(oid))];
    fields.extend(allowed.map(|column| (column, Value::Bool(true))));
    fields
}

pub(super) fn pg_user(session: &Session<'_>, rows: &mut Rows) {
    for (name, oid) in session.context.roles() {
        let mut fields = user(&name, oid);
        fields.push(("passwd", Value::text(HIDDEN_PASSWORD)));
        rows.push(&fields);
    }
}

pub(super) fn pg_shadow(session: &Session<'_>, rows: &mut Rows) {
    for (name, oid) in session.context.roles() {
        rows.push(&user(&name, oid));
    }
}
