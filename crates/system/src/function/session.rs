//! What the session and the server are.

use std::time::Duration;

use kappa_types::{SqlError, SqlState};

use super::Argument::{Any, Bool, Int, Oid, Text};
use super::Function;
use super::quote::text;
use crate::session::Session;
use crate::value::{Base, PgType, Value};

/// What `version()` says. Clients parse it for the version of PostgreSQL to expect.
const VERSION: &str = concat!("PostgreSQL 15.18 (KappaDB ", env!("CARGO_PKG_VERSION"), ")");
/// Number of the encoding UTF8, the only one.
const UTF8: i64 = 6;
/// What functions give that are called for their effect.
const VOID: PgType = PgType::Base(Base::Void);
const INET: PgType = PgType::Base(Base::Inet);

/// Parameters that are constants of the build, for sessions that do not list them.
const PRESETS: &[(&str, &str)] = &[
    ("block_size", "8192"),
    ("data_checksums", "on"),
    ("integer_datetimes", "on"),
    ("jit", "off"),
    ("lc_collate", "C"),
    ("lc_ctype", "C"),
    ("max_function_args", "100"),
    ("max_identifier_length", "63"),
    ("max_index_keys", "32"),
    ("segment_size", "131072"),
    ("server_encoding", "UTF8"),
    ("server_version", "15.18"),
    ("server_version_num", "150018"),
    ("wal_block_size", "8192"),
];

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("version", &[], PgType::Text, |_, _, _| Ok(Value::text(VERSION))),
    Function::new("current_database", &[], PgType::Name, |s, _, _| {
        Ok(Value::text(&s.context.database))
    }),
    Function::new("current_catalog", &[], PgType::Name, |s, _, _| {
        Ok(Value::text(&s.context.database))
    }),
    Function::new("current_user", &[], PgType::Name, |s, _, _| Ok(Value::text(&s.context.user))),
    Function::new("session_user", &[], PgType::Name, |s, _, _| Ok(Value::text(&s.context.user))),
    Function::new("current_role", &[], PgType::Name, |s, _, _| Ok(Value::text(&s.context.user))),
    Function::new("user", &[], PgType::Name, |s, _, _| Ok(Value::text(&s.context.user))),
    Function::new("current_schema", &[], PgType::Name, |s, _, _| {
        Ok(Value::optional_text(s.context.effective_path(false).first()))
    }),
    Function::new("current_schemas", &[Bool], PgType::Array(Base::Name), |s, v, _| {
        let path = s.context.effective_path(v[0].as_bool() == Some(true));
        Ok(Value::array(path.iter().map(Value::text).collect()))
    }),
    Function::new("current_setting", &[Text, Bool], PgType::Text, |s, v, _| {
        let name = text(&v[0]);
        match setting(s, name) {
            Some(value) => Ok(Value::text(value)),
            None if v.get(1).and_then(Value::as_bool) == Some(true) => Ok(Value::Null),
            None => {
                let message = format!("unrecognized configuration parameter \"{name}\"");
                Err(SqlError::new(SqlState::UndefinedObject, message))
            }
        }
    })
    .optional(1),
    Function::new("set_config", &[Text, Text, Bool], PgType::Text, set_config).lenient(),
    Function::new("pg_backend_pid", &[], PgType::Int4, |s, _, _| {
        Ok(Value::Int(s.context.backend_pid.into()))
    }),
    Function::new("pg_is_in_recovery", &[], PgType::Bool, |_, _, _| Ok(Value::Bool(false))),
    Function::new("pg_postmaster_start_time", &[], PgType::Timestamptz, |s, _, _| {
        Ok(Value::Int(s.context.state.started_micros()))
    }),
    Function::new("pg_conf_load_time", &[], PgType::Timestamptz, |s, _, _| {
        Ok(Value::Int(s.context.state.started_micros()))
    }),
    Function::new("pg_cancel_backend", &[Int], PgType::Bool, |s, v, _| {
        Ok(Value::Bool(pid(v).is_some_and(|pid| s.context.state.cancel(pid))))
    }),
    Function::new("pg_terminate_backend", &[Int, Int], PgType::Bool, |s, v, _| {
        let timeout_ms = v.get(1).and_then(Value::as_int).unwrap_or(0);
        let Ok(timeout_ms) = u64::try_from(timeout_ms) else {
            let message = "\"timeout\" must not be negative";
            return Err(SqlError::new(SqlState::NumericValueOutOfRange, message));
        };
        let timeout = Duration::from_millis(timeout_ms);
        let terminate = |pid| s.context.state.terminate(pid, timeout);
        Ok(Value::Bool(pid(v).map(terminate).transpose()?.unwrap_or(false)))
    })
    .optional(1),
    // Advisory locks cannot be taken, so there are none to give back.
    Function::new("pg_advisory_unlock_all", &[], VOID, |_, _, _| Ok(Value::text(""))),
    Function::new("pg_my_temp_schema", &[], PgType::Oid, |_, _, _| Ok(Value::Int(0))),
    Function::new("pg_is_other_temp_schema", &[Oid], PgType::Bool, |_, _, _| {
        Ok(Value::Bool(false))
    }),
    Function::new("pg_blocking_pids", &[Int], PgType::Array(Base::Int4), |_, _, _| {
        Ok(Value::array(Vec::new()))
    }),
    Function::new("pg_encoding_to_char", &[Int], PgType::Name, |_, v, _| {
        Ok(Value::text(if v[0].as_int() == Some(UTF8) { "UTF8" } else { "" }))
    }),
    Function::new("pg_char_to_encoding", &[Text], PgType::Int4, |_, v, _| {
        let is_utf8 =
            matches!(text(&v[0]).to_ascii_uppercase().as_str(), "UTF8" | "UTF-8" | "UNICODE");
        Ok(Value::Int(if is_utf8 { UTF8 } else { -1 }))
    }),
    Function::new("pg_client_encoding", &[], PgType::Name, |_, _, _| Ok(Value::text("UTF8"))),
    Function::new("getdatabaseencoding", &[], PgType::Name, |_, _, _| Ok(Value::text("UTF8"))),
    Function::new("inet_client_addr", &[], INET, |s, _, _| {
        Ok(Value::optional_text(own_activity(s).and_then(|own| own.client_address)))
    }),
    Function::new("inet_client_port", &[], PgType::Int4, |s, _, _| {
        let port = own_activity(s).and_then(|own| own.client_port);
        Ok(port.map_or(Value::Null, |port| Value::Int(port.into())))
    }),
    Function::new("row_security_active", &[Any], PgType::Bool, |_, _, _| Ok(Value::Bool(false))),
];

/// The value of a parameter of the session, or of the build.
pub(crate) fn setting(session: &Session<'_>, name: &str) -> Option<String> {
    let known = session.context.settings.get(name);
    known.or_else(|| {
        let preset = PRESETS.iter().find(|(preset, _)| preset.eq_ignore_ascii_case(name));
        preset.map(|(_, value)| (*value).to_owned())
    })
}

/// Names and values of the parameters of the build that `listed` does not have.
pub(crate) fn presets_beside<'a>(
    listed: &'a [String],
) -> impl Iterator<Item = (&'static str, &'static str)> + 'a {
    let presets = PRESETS.iter().copied();
    presets.filter(|(name, _)| !listed.iter().any(|known| known == name))
}

fn set_config(session: &Session<'_>, values: &[Value], _: &[PgType]) -> Result<Value, SqlError> {
    let Some(name) = values[0].as_text() else {
        let message = "SET requires parameter name";
        return Err(SqlError::new(SqlState::NullValueNotAllowed, message));
    };
    let value = values[1].as_text().unwrap_or_default();
    let local = values[2].as_bool() == Some(true);
    let is_preset = PRESETS.iter().any(|(preset, _)| preset.eq_ignore_ascii_case(name));
    if is_preset && session.context.settings.get(name).is_none() {
        // `jit` can be turned off and nothing else: there is none.
        let current = setting(session, name).unwrap_or_default();
        if current == value {
            return Ok(Value::text(current));
        }
        let message = format!("parameter \"{name}\" cannot be changed");
        return Err(SqlError::new(SqlState::InvalidParameterValue, message));
    }
    session.context.settings.set(name, value, local).map(Value::text)
}

fn pid(values: &[Value]) -> Option<i32> {
    values[0].as_int().and_then(|pid| i32::try_from(pid).ok())
}

fn own_activity(session: &Session<'_>) -> Option<crate::Activity> {
    let all = session.context.state.activity();
    all.into_iter().find(|activity| activity.pid == session.context.backend_pid)
}
