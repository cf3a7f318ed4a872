//! The list of connectors: every other function here looks a name up in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use kappa_types::{Clock, SqlError, SqlState};

use crate::reader::Reader;
use crate::running::{Running, Work};
use crate::{ConnectorInfo, ConnectorSpec, Format, RowSink, Shutdown, file, generator, option};

/// The connectors, in the order of the reference.
static CONNECTORS: [ConnectorInfo; 2] = [file::INFO, generator::INFO];

/// Connectors of other systems, by the names that others give them, which are to come.
const LATER: [&str; 12] = [
    "kafka",
    "pulsar",
    "kinesis",
    "google_pubsub",
    "nats",
    "mqtt",
    "http",
    "s3",
    "gcs",
    "postgres-cdc",
    "mysql-cdc",
    "mongodb-cdc",
];

/// What can stand in `connector = '…'`.
#[must_use]
pub fn connectors() -> &'static [ConnectorInfo] {
    &CONNECTORS
}

/// Checks a spec as far as that is possible without starting it: names, values, files that must be
/// there, columns that the outside must be able to fill. Opens files.
///
/// # Errors
/// 22023 for unknown options and bad values, 58P01 for a missing file, 42703 and 42804 for columns
/// that the connector cannot fill, 0A000 for a format it does not read.
pub fn validate(spec: &ConnectorSpec) -> Result<(), SqlError> {
    let (kind, info) = find(&spec.name)?;
    option::check_known(info.name, &[info.options, spec.format.options()], &spec.options)?;
    check_format(info, &spec.format)?;
    match kind {
        Kind::File => file::validate(spec),
        Kind::Generator => generator::validate(spec),
    }
}

/// Which connector; each function here matches on it, so that none is forgotten.
#[derive(Clone, Copy)]
enum Kind {
    File,
    Generator,
}

/// The connector called `name`.
fn find(name: &str) -> Result<(Kind, &'static ConnectorInfo), SqlError> {
    let kinds = [Kind::File, Kind::Generator];
    let mut all = kinds.into_iter().zip(&CONNECTORS);
    all.find(|(_, info)| info.name == name).ok_or_else(|| {
        let names: Vec<_> = CONNECTORS.iter().map(|info| info.name).collect();
        if LATER.contains(&name) {
            return SqlError::unsupported(
                format!("connector \"{name}\" is not supported yet"),
                format!(
                    "Connectors are: {}. A source without WITH takes INSERT and COPY.",
                    names.join(", ")
                ),
            );
        }
        let message = format!("unknown connector \"{name}\"");
        SqlError::new(SqlState::InvalidParameterValue, message)
            .with_hint(format!("Connectors are: {}.", names.join(", ")))
    })
}

/// Refuses a format that the connector does not read, and the lack of one it needs.
fn check_format(info: &ConnectorInfo, format: &Format) -> Result<(), SqlError> {
    let known = info.formats.join(", ");
    match format.name() {
        None if info.formats.is_empty() => Ok(()),
        None => {
            let message = format!("connector \"{}\" needs a format", info.name);
            Err(SqlError::new(SqlState::InvalidParameterValue, message)
                .with_hint(format!("Add FORMAT PLAIN ENCODE and one of: {known}.")))
        }
        Some(name) if info.formats.contains(&name) => Ok(()),
        Some(name) => Err(SqlError::unsupported(
            format!("connector \"{}\" does not read {name}", info.name),
            if info.formats.is_empty() {
                "It makes rows itself: leave FORMAT away.".to_owned()
            } else {
                format!("It reads: {known}.")
            },
        )),
    }
}

/// Whether a source is a load: it reads or makes what there is without waiting for anything, and
/// ends. `CREATE SOURCE` waits for a load as it would for a COPY ([`Running::join`]).
#[must_use]
pub fn is_load(spec: &ConnectorSpec) -> bool {
    match find(&spec.name) {
        Ok((Kind::File, _)) => file::is_load(spec),
        Ok((Kind::Generator, _)) => generator::is_load(spec),
        Err(_) => false,
    }
}

/// Starts a source on a thread of its own. `offsets` are the committed positions to go on from,
/// as [`RowSink::append`] received them: the newest of each partition, none for a new source.
///
/// # Errors
/// As [`validate`], or when no thread can be made.
pub fn start(
    spec: ConnectorSpec,
    offsets: &BTreeMap<String, String>,
    sink: Box<dyn RowSink>,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
) -> Result<Running, SqlError> {
    let relation = spec.relation;
    let reader: Box<dyn Reader> = match find(&spec.name)?.0 {
        Kind::File => Box::new(file::FileReader::new(spec, offsets)?),
        Kind::Generator => Box::new(generator::GeneratorReader::new(&spec, offsets)?),
    };
    Running::start(Work { reader, sink, clock, shutdown }, relation)
}
