//! What the reference says of the connector `file`.

use crate::{ConnectorInfo, OptionInfo};

/// The connector and its options.
pub(crate) const INFO: ConnectorInfo = ConnectorInfo {
    name: "file",
    doc: "Reads a file or a glob of files in the order of their names, once or following their \
          growth. The position is committed with the rows: a restart neither loses a row nor reads \
          one twice. Rows that cannot be read are listed in kappa_errors and skipped.",
    formats: &["CSV", "JSON", "PARQUET"],
    options: &[
        OptionInfo {
            name: "path",
            doc: "The file, or a glob with *, ? and [ ]. Relative paths begin where the server was \
                  started.",
            default: None,
            unit: Some("path on the server"),
        },
        OptionInfo {
            name: "mode",
            doc: "'once' reads what is there and ends. 'follow' goes on with what is appended and \
                  with new files; the last line of a file is read once its line end is there.",
            default: Some("once"),
            unit: Some("'once' or 'follow'"),
        },
        OptionInfo {
            name: "replay.time_column",
            doc: "Feeds the rows as if they happened now: this column is shifted so that its first \
                  value is the time at which the source was started, and each row waits until it \
                  is due. Rows are taken in the order of the file.",
            default: None,
            unit: Some("a timestamp or timestamptz column"),
        },
        OptionInfo {
            name: "replay.speed",
            doc: "How much faster than they happened the rows are fed. The distances between the \
                  times stay as they are, so above 1 the times run ahead of the clock.",
            default: Some("1"),
            unit: Some("a factor above 0"),
        },
    ],
};
