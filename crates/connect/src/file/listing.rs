//! Which files there are.

use std::path::Path;

use kappa_types::{SqlError, SqlState};

use crate::option::invalid_value;

/// Files that one source reads at most: each costs a position in memory and a look per round.
const FILE_COUNT_MAX: usize = 10_000;

/// The files that `path` names, in the order of their names: the file itself if there is one of
/// just that name, else what it matches as a glob; directories are left out.
///
/// # Errors
/// 22023 for a bad pattern, 58030 if a directory cannot be read, 54000 for too many files.
pub(super) fn list(path: &str) -> Result<Vec<String>, SqlError> {
    if Path::new(path).is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let matches = glob::glob(path).map_err(|error| invalid_pattern(path, &error))?;
    let mut files = Vec::new();
    for entry in matches {
        let entry = entry.map_err(|error| io_error(path, error.error()))?;
        // A name that is not UTF-8 could not be written down as a partition.
        let Some(name) = entry.to_str() else { continue };
        if entry.is_file() {
            files.push(name.to_owned());
        }
        if files.len() > FILE_COUNT_MAX {
            let message = format!("\"{path}\" matches more than {FILE_COUNT_MAX} files");
            return Err(SqlError::new(SqlState::ProgramLimitExceeded, message));
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn invalid_pattern(path: &str, error: &glob::PatternError) -> SqlError {
    invalid_value("path", path, "a file or a glob").with_detail(format!("{}.", error.msg))
}

/// 58P01 or 58030: `path` cannot be read.
pub(super) fn io_error(path: &str, error: &std::io::Error) -> SqlError {
    let state = match error.kind() {
        std::io::ErrorKind::NotFound => SqlState::UndefinedFile,
        std::io::ErrorKind::PermissionDenied => SqlState::InsufficientPrivilege,
        _ => SqlState::IoError,
    };
    SqlError::new(state, format!("could not read file \"{path}\": {error}"))
}
