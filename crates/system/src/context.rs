//! [`SystemContext`]: everything a catalogue query can ask about, as of one statement.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kappa_catalog::Snapshot;
use kappa_types::text::TextOptions;
use kappa_types::{RelationId, SqlError};

/// One run-time parameter, as `pg_settings` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// As SHOW takes it.
    pub name: String,
    /// Its value now, without unit.
    pub value: String,
    /// `ms`, `kB`, …
    pub unit: Option<String>,
    /// Heading it stands under.
    pub category: String,
    /// One line.
    pub description: String,
    /// When it may change: `internal`, `user`, `superuser`, …
    pub context: String,
    /// `bool`, `integer`, `real`, `string` or `enum`.
    pub value_type: String,
    /// Where the value comes from: `default`, `session`, `client`, …
    pub source: String,
    /// Least value of a number.
    pub minimum: Option<String>,
    /// Greatest value of a number.
    pub maximum: Option<String>,
    /// The values of an enum.
    pub choices: Option<Vec<String>>,
    /// Value at start if nothing else is said.
    pub boot_value: String,
    /// Value that RESET brings back.
    pub reset_value: String,
}

/// The session's run-time parameters.
pub trait Settings: Send + Sync {
    /// What SHOW answers for `name`; `None` if there is no such parameter.
    fn get(&self, name: &str) -> Option<String>;

    /// All of them, for `pg_settings`.
    fn list(&self) -> Vec<Setting>;

    /// `set_config`: the value as it was taken. `local` means until the end of the transaction.
    ///
    /// # Errors
    /// 42704 for an unknown parameter, 22023 for a bad value.
    fn set(&self, name: &str, value: &str, local: bool) -> Result<String, SqlError>;
}

/// A client connection, as `pg_stat_activity` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Its process id as told to the client.
    pub pid: i32,
    /// User name.
    pub user: String,
    /// What the client calls itself.
    pub application_name: String,
    /// IP address; `None` for a local socket.
    pub client_address: Option<String>,
    /// TCP port of the client.
    pub client_port: Option<i32>,
    /// Microseconds since 1970-01-01 UTC.
    pub backend_start_micros: i64,
    /// Start of the open transaction.
    pub transaction_start_micros: Option<i64>,
    /// Start of the current or last statement.
    pub query_start_micros: Option<i64>,
    /// `active`, `idle`, `idle in transaction`, …
    pub state: String,
    /// Text of the current or last statement.
    pub query: String,
}

/// What the server knows of relations besides the catalogue, and what it can do to connections.
pub trait ServerState: Send + Sync {
    /// Bytes on disk of a relation's rows; 0 where it has none.
    fn size_bytes(&self, relation: RelationId) -> u64;

    /// Rows of a relation, as far as known without counting.
    fn row_count(&self, relation: RelationId) -> Option<u64>;

    /// The connections.
    fn activity(&self) -> Vec<Activity>;

    /// Cancels the statement of the connection `pid`, if it runs one; whether there is such a connection.
    /// The client is warned if not.
    fn cancel(&self, pid: i32) -> bool;

    /// Ends the connection `pid` and waits for that, if `timeout` is not 0; whether there is one, and it
    /// has ended in time. The client is warned where the answer is false.
    ///
    /// # Errors
    /// 57014 when the client cancelled while this waits.
    fn terminate(&self, pid: i32, timeout: Duration) -> Result<bool, SqlError>;

    /// When the server started, microseconds since 1970-01-01 UTC.
    fn started_micros(&self) -> i64;

    /// Fails with 57014 once the statement is to stop; asked every few thousand rows.
    ///
    /// # Errors
    /// 57014 when the client cancelled or the statement's time is over.
    fn check_interrupt(&self) -> Result<(), SqlError>;
}

/// What a catalogue query runs against.
#[derive(Clone)]
pub struct SystemContext {
    /// The catalogue.
    pub snapshot: Arc<Snapshot>,
    /// `current_user`.
    pub user: String,
    /// `current_database()`.
    pub database: String,
    /// The session's search_path as set, `$user` included.
    pub search_path: Vec<String>,
    /// Run-time parameters.
    pub settings: Arc<dyn Settings>,
    /// Sizes, counts and connections.
    pub state: Arc<dyn ServerState>,
    /// `pg_backend_pid()`.
    pub backend_pid: i32,
    /// How values are read and written as text; its `now_micros` is `now()`.
    pub text: TextOptions,
}

impl SystemContext {
    /// The namespaces that are searched, in order: `pg_catalog` first unless the path names it,
    /// then those of the path that exist.
    pub(crate) fn effective_path(&self, with_implicit: bool) -> Vec<String> {
        let mut path: Vec<String> = Vec::new();
        for entry in &self.search_path {
            let name = if entry == "$user" { &self.user } else { entry };
            let exists = self.snapshot.namespace_named(name).is_some();
            if exists && !path.iter().any(|known| known == name) {
                path.push(name.clone());
            }
        }
        if with_implicit && !path.iter().any(|name| name == "pg_catalog") {
            path.insert(0, "pg_catalog".to_owned());
        }
        path
    }

    /// The roles: `kappa`, the session's user, and every owner in the catalogue, with their OIDs.
    ///
    /// Roles are not in the catalogue yet, so their OIDs are made of their names: the same at every
    /// start, and far above those the catalogue hands out.
    pub(crate) fn roles(&self) -> BTreeMap<String, u32> {
        let owners = self.snapshot.relations().map(|relation| relation.owner.clone());
        let namespaces = self.snapshot.namespaces().map(|namespace| namespace.owner.clone());
        owners
            .chain(namespaces)
            .chain([SUPERUSER.to_owned(), self.user.clone()])
            .map(|name| {
                let oid = role_oid(&name);
                (name, oid)
            })
            .collect()
    }
}

/// The role that owns what nobody made.
const SUPERUSER: &str = "kappa";
/// OID of [`SUPERUSER`], that of PostgreSQL's bootstrap role.
const SUPERUSER_OID: u32 = 10;

/// The OID of the role `name`: FNV-1a of the name in the upper half of the number range.
pub(crate) fn role_oid(name: &str) -> u32 {
    if name == SUPERUSER {
        return SUPERUSER_OID;
    }
    0x8000_0000 | (name_hash(name) & 0x7fff_ffff)
}

/// FNV-1a of a name.
pub(crate) fn name_hash(name: &str) -> u32 {
    name.bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
