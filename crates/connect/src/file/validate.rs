//! What can be known of a `file` source before it starts.

use std::fs::File;
use std::io::Read;

use kappa_types::{SqlError, SqlState};

use super::listing::{io_error, list};
use super::options::{FileOptions, Mode};
use super::parquet_file;
use crate::ConnectorSpec;
use crate::format::{Format, Found, TextDecoder};

/// Bytes in which a header must end to be checked.
const HEADER_SIZE_BYTES_MAX: u64 = 64 * 1024;

/// Checks options, that there is a file where one is needed, and that the first can fill columns.
///
/// # Errors
/// As [`crate::validate`].
pub(crate) fn validate(spec: &ConnectorSpec) -> Result<(), SqlError> {
    let options = FileOptions::new(spec)?;
    let files = list(&options.path)?;
    let Some(first) = files.first() else {
        if options.mode == Mode::Follow {
            return Ok(());
        }
        let message = format!("no file matches \"{}\"", options.path);
        return Err(SqlError::new(SqlState::UndefinedFile, message)
            .with_hint("With mode = 'follow' the source waits for files."));
    };
    match &spec.format {
        Format::Csv(csv) if csv.header => {
            let mut decoder = TextDecoder::csv(csv.clone(), &spec.schema);
            decoder.begin_file();
            let mut bytes = Vec::new();
            File::open(first)
                .and_then(|file| file.take(HEADER_SIZE_BYTES_MAX).read_to_end(&mut bytes))
                .map_err(|error| io_error(first, &error))?;
            match decoder.read(&bytes, false) {
                Found::Foreign(_, reason) => {
                    let message = format!("file \"{first}\": {reason}");
                    Err(SqlError::new(SqlState::UndefinedColumn, message)
                        .with_hint("Without a header, set csv.header = 'false'."))
                }
                _ => Ok(()),
            }
        }
        Format::Csv(_) | Format::Json | Format::None => {
            File::open(first).map(|_| ()).map_err(|error| io_error(first, &error))
        }
        Format::Parquet if options.mode == Mode::Follow => Ok(()),
        Format::Parquet => parquet_file::check(first, &spec.schema),
    }
}

/// Whether the source is read once, without waiting until rows are due.
pub(crate) fn is_load(spec: &ConnectorSpec) -> bool {
    FileOptions::new(spec).is_ok_and(|o| o.mode == Mode::Once && o.replay.is_none())
}
