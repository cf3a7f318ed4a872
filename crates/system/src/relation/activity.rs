//! `pg_stat_activity`.

use super::builder::Rows;
use super::namespace::DATABASE_OID;
use crate::context::role_oid;
use crate::session::Session;
use crate::value::Value;

pub(super) fn pg_stat_activity(session: &Session<'_>, rows: &mut Rows) {
    let time = |micros: Option<i64>| micros.map_or(Value::Null, Value::Int);
    for activity in session.context.state.activity() {
        rows.push(&[
            ("datid", Value::oid(DATABASE_OID)),
            ("datname", Value::text(&session.context.database)),
            ("pid", Value::Int(activity.pid.into())),
            ("usesysid", Value::oid(role_oid(&activity.user))),
            ("usename", Value::text(&activity.user)),
            ("application_name", Value::text(&activity.application_name)),
            ("client_addr", Value::optional_text(activity.client_address)),
            (
                "client_port",
                activity.client_port.map_or(Value::Null, |port| Value::Int(port.into())),
            ),
            ("backend_start", Value::Int(activity.backend_start_micros)),
            ("xact_start", time(activity.transaction_start_micros)),
            ("query_start", time(activity.query_start_micros)),
            ("state_change", time(activity.query_start_micros)),
            ("state", Value::text(&activity.state)),
            ("query", Value::text(&activity.query)),
            ("backend_type", Value::text("client backend")),
        ]);
    }
}
