//! Session parameters: what `SET`, `SHOW` and `pg_settings` know.
//!
//! The one idea: a parameter is one row of [`VARIABLES`] (name, kind, default, meaning); values are
//! kept as text in a [`Variables`], three deep: the session's, the transaction's (SET inside BEGIN,
//! undone by ROLLBACK) and SET LOCAL. Dotted names that nobody declared are accepted as text, as in
//! PostgreSQL.
//!
//! Does not act on any value: who needs one reads it.

use std::collections::BTreeMap;
use std::time::Duration;

use kappa_types::{SqlError, SqlState};

/// What values a parameter takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `on` or `off`.
    Bool,
    /// A whole number within bounds.
    Integer(i64, i64),
    /// Milliseconds, or a number with a unit (`ms`, `s`, `min`, `h`, `d`); 0 switches off.
    Duration,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A name of the IANA time zone database, or an offset.
    TimeZone,
    /// Any text.
    Text,
    /// Cannot be set.
    Fixed,
}

/// One parameter.
#[derive(Debug)]
pub struct Variable {
    /// As PostgreSQL spells it; found without regard to case.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Its value in a new session.
    pub default: &'static str,
    /// Whether the client is told of changes by ParameterStatus.
    pub reported: bool,
    /// One line for `pg_settings`.
    pub doc: &'static str,
}

/// The version of PostgreSQL whose behaviour is ours.
pub const SERVER_VERSION: &str = concat!("15.18 (KappaDB ", env!("CARGO_PKG_VERSION"), ")");

const ISOLATION: &[&str] =
    &["read uncommitted", "read committed", "repeatable read", "serializable"];
const LEVELS: &[&str] =
    &["debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error"];

macro_rules! variables {
    ($($name:literal $kind:expr, $default:expr, $reported:literal, $doc:literal;)*) => {
        /// Every declared parameter, in name order.
        pub static VARIABLES: &[Variable] = &[$(Variable {
            name: $name, kind: $kind, default: $default, reported: $reported, doc: $doc,
        },)*];
    };
}

variables! {
    "application_name" Kind::Text, "", true, "Name of the application, for monitoring.";
    "bytea_output" Kind::Word(&["hex"]), "hex", false, "Output format of bytea.";
    "client_encoding" Kind::Word(&["UTF8", "utf-8", "unicode", "sql_ascii"]), "UTF8", true, "Encoding of the client; only UTF8.";
    "client_min_messages" Kind::Word(LEVELS), "notice", false, "Least level of notices that are sent.";
    "DateStyle" Kind::Text, "ISO, MDY", true, "Output format of dates; only ISO.";
    "default_transaction_isolation" Kind::Word(ISOLATION), "read committed", false, "Isolation of new transactions.";
    "default_transaction_read_only" Kind::Bool, "off", true, "Whether new transactions are read only.";
    "extra_float_digits" Kind::Integer(-15, 3), "1", false, "Digits of floating-point output.";
    "idle_in_transaction_session_timeout" Kind::Duration, "0", false, "Longest idle time inside a transaction.";
    "idle_session_timeout" Kind::Duration, "0", false, "Longest idle time outside a transaction.";
    "in_hot_standby" Kind::Fixed, "off", true, "Whether this server is a standby.";
    "integer_datetimes" Kind::Fixed, "on", true, "Whether times are integers.";
    "IntervalStyle" Kind::Word(&["postgres"]), "postgres", true, "Output format of intervals.";
    "is_superuser" Kind::Fixed, "on", true, "Whether the user may do everything.";
    "jit" Kind::Bool, "off", false, "Accepted for compatibility; nothing is compiled just in time.";
    "kappa.read" Kind::Word(&["latest", "available"]), "latest", false, "Whether reads wait for the newest commit or take the newest complete boundary.";
    "kappa.read_wait" Kind::Duration, "10s", false, "Longest wait of a read for its boundary.";
    "lc_collate" Kind::Fixed, "C", false, "Collation; text compares by bytes.";
    "lc_ctype" Kind::Fixed, "C", false, "Character classes.";
    "lock_timeout" Kind::Duration, "10s", false, "Longest wait for rows that another transaction changes.";
    "max_identifier_length" Kind::Fixed, "63", false, "Longest name, bytes.";
    "max_index_keys" Kind::Fixed, "32", false, "Most columns of a key.";
    "row_security" Kind::Bool, "on", false, "Accepted for compatibility; there are no row policies.";
    "search_path" Kind::Text, "\"$user\", public", false, "Namespaces of unqualified names.";
    "server_encoding" Kind::Fixed, "UTF8", true, "Encoding of the server.";
    "server_version" Kind::Fixed, SERVER_VERSION, true, "Version whose behaviour this server has.";
    "server_version_num" Kind::Fixed, "150018", false, "The version as a number.";
    "session_authorization" Kind::Fixed, "kappa", true, "Name of the user.";
    "standard_conforming_strings" Kind::Word(&["on"]), "on", true, "Whether backslashes in '...' are ordinary.";
    "statement_timeout" Kind::Duration, "0", false, "Longest run of a statement.";
    "synchronous_commit" Kind::Word(&["on"]), "on", false, "Acknowledged means durable; only on.";
    "TimeZone" Kind::TimeZone, "UTC", true, "Time zone for reading and showing timestamptz.";
    "transaction_isolation" Kind::Word(ISOLATION), "read committed", false, "Isolation of this transaction.";
    "transaction_read_only" Kind::Bool, "off", false, "Whether this transaction is read only.";
}

/// The parameter called `name`, without regard to case.
#[must_use]
pub fn find(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|variable| variable.name.eq_ignore_ascii_case(name))
}

/// Where a value is set, and so when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Until RESET or the end of the session; undone if the transaction rolls back.
    Session,
    /// Until the end of the transaction.
    Local,
}

/// The values of one session. Keys are lower-case names.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    session: BTreeMap<String, String>,
    /// Session values as they were when the transaction began.
    saved: Option<BTreeMap<String, String>>,
    local: BTreeMap<String, String>,
    /// Values given at startup; what RESET goes back to.
    startup: BTreeMap<String, String>,
    /// How often any value may have changed.
    version: u64,
}

impl Variables {
    /// The value of `name`, or `None` if there is no such parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        let key = name.to_ascii_lowercase();
        let given = self.local.get(&key).or_else(|| self.session.get(&key));
        given
            .or_else(|| self.startup.get(&key))
            .cloned()
            .or_else(|| self.get(of_new_transactions(&key)?))
            .or_else(|| find(&key).map(|variable| variable.default.to_owned()))
    }

    /// The value of a declared parameter.
    ///
    /// # Panics
    /// If `name` is not in [`VARIABLES`].
    #[must_use]
    pub fn value(&self, name: &str) -> String {
        self.get(name).expect("only declared parameters are read by name")
    }

    /// A duration parameter; `None` when it is 0.
    #[must_use]
    pub fn duration(&self, name: &str) -> Option<Duration> {
        let micros = parse_duration_micros(&self.value(name))?;
        (micros > 0).then(|| Duration::from_micros(micros))
    }

    /// Sets a value, checked and in canonical form.
    ///
    /// # Errors
    /// 42704 for an unknown name without a dot, 22023 for a bad value, 55P02-like 42501 for one that
    /// is fixed.
    pub fn set(&mut self, name: &str, value: &str, scope: Scope) -> Result<(), SqlError> {
        let canonical = check(name, value)?;
        let key = name.to_ascii_lowercase();
        self.changed();
        match scope {
            Scope::Local => self.local.insert(key, canonical),
            Scope::Session => {
                self.local.remove(&key);
                self.session.insert(key, canonical)
            }
        };
        Ok(())
    }

    /// Sets what RESET goes back to, from the startup message.
    ///
    /// # Errors
    /// As [`Variables::set`].
    pub fn set_startup(&mut self, name: &str, value: &str) -> Result<(), SqlError> {
        self.startup.insert(name.to_ascii_lowercase(), check(name, value)?);
        self.changed();
        Ok(())
    }

    /// Sets a value that users may not set.
    pub fn set_fixed(&mut self, name: &str, value: &str) {
        self.startup.insert(name.to_ascii_lowercase(), value.to_owned());
        self.changed();
    }

    /// Back to the value at the beginning of the session.
    ///
    /// # Errors
    /// 42704 for an unknown name.
    pub fn reset(&mut self, name: &str) -> Result<(), SqlError> {
        if self.get(name).is_none() {
            return Err(unknown(name));
        }
        let key = name.to_ascii_lowercase();
        self.local.remove(&key);
        self.session.remove(&key);
        self.changed();
        Ok(())
    }

    /// RESET ALL.
    pub fn reset_all(&mut self) {
        self.local.clear();
        self.session.clear();
        self.changed();
    }

    /// A transaction block begins.
    pub fn begin(&mut self) {
        self.saved.get_or_insert_with(|| self.session.clone());
    }

    /// The transaction block ends.
    pub fn end(&mut self, committed: bool) {
        let undone = self.saved.take().filter(|saved| !committed && *saved != self.session);
        if !self.local.is_empty() || undone.is_some() {
            self.changed();
        }
        self.local.clear();
        if let Some(saved) = undone {
            self.session = saved;
        }
    }

    const fn changed(&mut self) {
        self.version += 1;
    }

    /// A number that is another one whenever a value may be.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Name and value of every parameter that the client is told of.
    #[must_use]
    pub fn reported(&self) -> Vec<(String, String)> {
        let reported = VARIABLES.iter().filter(|variable| variable.reported);
        reported.map(|variable| (variable.name.to_owned(), self.value(variable.name))).collect()
    }

    /// Every parameter with its value: the declared ones, then those set under dotted names.
    #[must_use]
    pub fn all(&self) -> Vec<(String, String, &'static str)> {
        let declared = VARIABLES
            .iter()
            .map(|variable| (variable.name.to_owned(), self.value(variable.name), variable.doc));
        let custom = self.session.iter().filter(|(key, _)| find(key).is_none());
        declared.chain(custom.map(|(key, value)| (key.clone(), value.clone(), ""))).collect()
    }

    /// The namespaces of unqualified names, `"$user"` taken out (there are no user namespaces).
    #[must_use]
    pub fn search_path(&self) -> Vec<String> {
        split_search_path(&self.value("search_path"))
    }

    /// The session's time zone.
    #[must_use]
    pub fn time_zone(&self) -> chrono_tz::Tz {
        self.value("TimeZone").parse().unwrap_or(chrono_tz::UTC)
    }
}

/// The parameter that says what a parameter of a transaction is unless the transaction says.
fn of_new_transactions(key: &str) -> Option<&'static str> {
    match key {
        "transaction_isolation" => Some("default_transaction_isolation"),
        "transaction_read_only" => Some("default_transaction_read_only"),
        _ => None,
    }
}

fn split_search_path(value: &str) -> Vec<String> {
    search_path_with_user(value).into_iter().filter(|name| name != "$user").collect()
}

/// The names of a `search_path` as set, `$user` included.
#[must_use]
pub fn search_path_with_user(value: &str) -> Vec<String> {
    let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
    names
        .map(|name| match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\"\"", "\""),
            None => name.trim_matches('\'').to_ascii_lowercase(),
        })
        .collect()
}

/// The parts of `a.b`, unquoted ones in lower case.
#[must_use]
pub fn split_names(text: &str) -> Vec<String> {
    search_path_with_user(&text.replace('.', ","))
}

fn unknown(name: &str) -> SqlError {
    SqlError::new(
        SqlState::UndefinedObject,
        format!("unrecognized configuration parameter \"{name}\""),
    )
}

fn bad_value(name: &str, value: &str) -> SqlError {
    SqlError::new(
        SqlState::InvalidParameterValue,
        format!("invalid value for parameter \"{name}\": \"{value}\""),
    )
}

/// The canonical form of `value`.
fn check(name: &str, value: &str) -> Result<String, SqlError> {
    let Some(variable) = find(name) else {
        let dotted = name.contains('.') && !name.to_ascii_lowercase().starts_with("kappa.");
        return if dotted { Ok(value.to_owned()) } else { Err(unknown(name)) };
    };
    let trimmed = value.trim();
    match variable.kind {
        Kind::Bool => match trimmed.to_ascii_lowercase().as_str() {
            "on" | "true" | "yes" | "1" | "t" => Ok("on".to_owned()),
            "off" | "false" | "no" | "0" | "f" => Ok("off".to_owned()),
            _ => Err(SqlError::new(
                SqlState::InvalidParameterValue,
                format!("parameter \"{}\" requires a Boolean value", variable.name),
            )),
        },
        Kind::Integer(min, max) => match trimmed.parse::<i64>() {
            Ok(number) if (min..=max).contains(&number) => Ok(number.to_string()),
            Ok(number) => Err(SqlError::new(
                SqlState::InvalidParameterValue,
                format!(
                    "{number} is outside the valid range for parameter \"{}\" ({min} .. {max})",
                    variable.name
                ),
            )),
            Err(_) => Err(bad_value(variable.name, value)),
        },
        Kind::Duration => match parse_duration_micros(trimmed) {
            Some(micros) => Ok(show_duration(micros)),
            None => Err(bad_value(variable.name, value).with_hint(
                "Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\".",
            )),
        },
        Kind::Word(words) => check_word(variable, words, trimmed),
        Kind::TimeZone => check_time_zone(variable, trimmed),
        Kind::Text if variable.name == "DateStyle" => {
            if trimmed.to_ascii_lowercase().starts_with("iso") {
                Ok("ISO, MDY".to_owned())
            } else {
                Err(SqlError::unsupported(
                    format!("DateStyle \"{value}\" is not supported"),
                    "Only ISO is supported.",
                ))
            }
        }
        Kind::Text => Ok(value.to_owned()),
        Kind::Fixed => Err(SqlError::new(
            SqlState::InsufficientPrivilege,
            format!("parameter \"{}\" cannot be changed", variable.name),
        )),
    }
}

fn check_word(variable: &Variable, words: &[&str], value: &str) -> Result<String, SqlError> {
    if variable.name == "client_encoding" {
        let plain = value.trim_matches('\'').to_ascii_lowercase();
        return match plain.as_str() {
            "utf8" | "utf-8" | "unicode" | "sql_ascii" => Ok("UTF8".to_owned()),
            _ => Err(SqlError::unsupported(
                format!("client_encoding \"{value}\" is not supported"),
                "Only UTF8 is supported.",
            )),
        };
    }
    match words.iter().find(|word| word.eq_ignore_ascii_case(value)) {
        Some(word) => Ok((*word).to_owned()),
        None => Err(bad_value(variable.name, value)
            .with_hint(format!("Available values: {}.", words.join(", ")))),
    }
}

fn check_time_zone(variable: &Variable, value: &str) -> Result<String, SqlError> {
    let name = match value.to_ascii_lowercase().as_str() {
        "default" | "local" | "utc" | "z" | "gmt" | "etc/utc" => return Ok("UTC".to_owned()),
        _ => value,
    };
    let known = chrono_tz::TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(name));
    if let Some(zone) = known {
        return Ok(zone.name().to_owned());
    }
    match name.trim_start_matches('+').parse::<i32>() {
        // POSIX names have the sign the other way round.
        Ok(hours) if (-12..=14).contains(&hours) => Ok(format!("Etc/GMT{:+}", -hours)),
        _ => Err(bad_value(variable.name, value)),
    }
}

/// Microseconds of `10s`, `5 min`, `250` (milliseconds).
fn parse_duration_micros(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim() {
        "us" => 1,
        "" | "ms" => 1_000,
        "s" => 1_000_000,
        "min" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => return None,
    };
    number.checked_mul(unit)
}

fn show_duration(micros: u64) -> String {
    const UNITS: [(u64, &str); 5] = [
        (86_400_000_000, "d"),
        (3_600_000_000, "h"),
        (60_000_000, "min"),
        (1_000_000, "s"),
        (1_000, "ms"),
    ];
    match UNITS.iter().find(|(unit, _)| micros > 0 && micros.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", micros / unit),
        None if micros == 0 => "0".to_owned(),
        None => format!("{micros}us"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_of_its_kind() {
        for variable in VARIABLES.iter().filter(|v| !matches!(v.kind, Kind::Fixed)) {
            let value = check(variable.name, variable.default).unwrap();
            assert_eq!(value, variable.default, "{}", variable.name);
        }
    }

    #[test]
    fn rollback_undoes_set_and_local_ends_with_the_transaction() {
        let mut variables = Variables::default();
        variables.begin();
        variables.set("timezone", "europe/berlin", Scope::Session).unwrap();
        variables.set("application_name", "a", Scope::Local).unwrap();
        assert_eq!(variables.value("TimeZone"), "Europe/Berlin");
        assert_eq!(variables.value("application_name"), "a");
        variables.end(false);
        assert_eq!(variables.value("TimeZone"), "UTC");
        assert_eq!(variables.value("application_name"), "");
    }

    #[test]
    fn durations_have_units() {
        let mut variables = Variables::default();
        variables.set("statement_timeout", "1500", Scope::Session).unwrap();
        assert_eq!(variables.value("statement_timeout"), "1500ms");
        assert_eq!(variables.duration("statement_timeout"), Some(Duration::from_millis(1500)));
        assert!(variables.set("statement_timeout", "5 parsecs", Scope::Session).is_err());
    }

    #[test]
    fn search_path_is_read_as_names() {
        assert_eq!(split_search_path("\"$user\", public"), ["public"]);
        assert_eq!(split_search_path("\"A b\", C"), ["A b", "c"]);
    }
}
