//! Options of COPY as the statement has them into those of the wire.

use kappa_sql::statement::{CopyFormat as Form, CopyOptions};
use kappa_types::{SqlError, SqlState};
use kappa_wire::{ColumnDescription, CopyCsv, CopyFormat, CopyHeader, CopyText};

/// The wire's format for these columns.
///
/// # Errors
/// 42703 for a column that is not copied.
pub(super) fn of(
    options: &CopyOptions,
    columns: &[ColumnDescription],
) -> Result<CopyFormat, SqlError> {
    let header = match (options.header, options.header_match) {
        (_, true) => CopyHeader::Match,
        (true, false) => CopyHeader::Names,
        (false, false) => CopyHeader::None,
    };
    Ok(match options.format {
        Form::Binary => CopyFormat::Binary,
        Form::Text => CopyFormat::Text(CopyText {
            delimiter: options.delimiter,
            null: options.null.clone(),
            header,
        }),
        Form::Csv => CopyFormat::Csv(CopyCsv {
            delimiter: options.delimiter,
            null: options.null.clone(),
            header,
            quote: options.quote,
            escape: options.escape,
            force_quote: positions(&options.force_quote, columns)?,
            force_not_null: positions(&options.force_not_null, columns)?,
            force_null: positions(&options.force_null, columns)?,
        }),
    })
}

fn positions(names: &[String], columns: &[ColumnDescription]) -> Result<Vec<usize>, SqlError> {
    if names.iter().any(|name| name == "*") {
        return Ok((0..columns.len()).collect());
    }
    names
        .iter()
        .map(|name| {
            columns.iter().position(|column| column.name == *name).ok_or_else(|| {
                SqlError::new(SqlState::UndefinedColumn, format!("column \"{name}\" is not copied"))
            })
        })
        .collect()
}
