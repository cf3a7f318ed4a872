//! [`CopyEncoder`]: record batches in, COPY data messages out.

use arrow::record_batch::RecordBatch;
use kappa_types::SqlError;
use kappa_types::text::{ColumnFormatter, TextOptions};

use super::binary::SIGNATURE;
use super::format::{CopyCsv, CopyFormat, CopyHeader, CopyText};
use crate::backend::ColumnDescription;
use crate::binary::BinaryFormatter;
use crate::connection::BatchEncoder;
use crate::message::backend::Message;
use crate::row::{CellEncoder, checked_columns};

/// Encodes rows as COPY data.
pub(crate) struct CopyEncoder {
    format: CopyFormat,
    columns: Vec<ColumnDescription>,
}

/// A batch ready to be encoded.
pub(crate) struct CopyBatch {
    cells: Vec<CellEncoder>,
    /// The text of one value, before it is escaped.
    value: Vec<u8>,
}

impl CopyEncoder {
    pub(crate) const fn new(format: CopyFormat, columns: Vec<ColumnDescription>) -> Self {
        Self { format, columns }
    }

    /// Appends what stands before the rows.
    pub(crate) fn start(&self, out: &mut Vec<u8>) {
        let names =
            |write: &dyn Fn(usize, &[u8], &mut Vec<u8>), delimiter: u8, out: &mut Vec<u8>| {
                let message = Message::begin(b'd', out);
                for (index, column) in self.columns.iter().enumerate() {
                    if index > 0 {
                        message.out.push(delimiter);
                    }
                    write(index, column.name.as_bytes(), message.out);
                }
                message.out.push(b'\n');
                message.end();
            };
        match &self.format {
            CopyFormat::Text(text) if text.header != CopyHeader::None => {
                names(&|_, name, out| write_text(name, text, out), text.delimiter, out);
            }
            CopyFormat::Csv(csv) if csv.header != CopyHeader::None => {
                let single = self.columns.len() == 1;
                names(&|_, name, out| write_csv(name, csv, false, single, out), csv.delimiter, out);
            }
            CopyFormat::Binary => {
                let message = Message::begin(b'd', out);
                message.out.extend_from_slice(SIGNATURE);
                message.out.extend_from_slice(&[0; 8]);
                message.end();
            }
            _ => {}
        }
    }

    /// Appends what stands behind the rows.
    pub(crate) fn finish(&self, out: &mut Vec<u8>) {
        if self.format == CopyFormat::Binary {
            let message = Message::begin(b'd', out);
            message.out.extend_from_slice(&(-1_i16).to_be_bytes());
            message.end();
        }
    }
}

impl BatchEncoder for CopyEncoder {
    type Batch = CopyBatch;

    fn ready(&self, batch: &RecordBatch, options: &TextOptions) -> Result<CopyBatch, SqlError> {
        let arrays = checked_columns(batch, self.columns.len())?;
        let cells = self.columns.iter().zip(arrays).map(|(column, array)| {
            Ok(match self.format {
                CopyFormat::Binary => {
                    CellEncoder::Binary(BinaryFormatter::new(array, &column.sql_type)?)
                }
                _ => CellEncoder::Text(ColumnFormatter::new(array, &column.sql_type, options)?),
            })
        });
        Ok(CopyBatch { cells: cells.collect::<Result<_, SqlError>>()?, value: Vec::new() })
    }

    fn encode(&self, batch: &mut CopyBatch, row: usize, out: &mut Vec<u8>) {
        let message = Message::begin(b'd', out);
        let out = &mut *message.out;
        match &self.format {
            CopyFormat::Binary => {
                let count = u16::try_from(batch.cells.len()).expect("at most 1600 columns");
                out.extend_from_slice(&count.to_be_bytes());
                for cell in &batch.cells {
                    cell.write(row, out);
                }
            }
            CopyFormat::Text(text) => {
                for index in 0..batch.cells.len() {
                    if index > 0 {
                        out.push(text.delimiter);
                    }
                    match batch.text(index, row) {
                        None => out.extend_from_slice(text.null.as_bytes()),
                        Some(value) => write_text(value, text, out),
                    }
                }
                out.push(b'\n');
            }
            CopyFormat::Csv(csv) => {
                let single = batch.cells.len() == 1;
                for index in 0..batch.cells.len() {
                    if index > 0 {
                        out.push(csv.delimiter);
                    }
                    match batch.text(index, row) {
                        None => out.extend_from_slice(csv.null.as_bytes()),
                        Some(value) => {
                            write_csv(value, csv, csv.force_quote.contains(&index), single, out);
                        }
                    }
                }
                out.push(b'\n');
            }
        }
        message.end();
    }
}

impl CopyBatch {
    /// The text of a cell; `None` is NULL.
    fn text(&mut self, column: usize, row: usize) -> Option<&[u8]> {
        let CellEncoder::Text(formatter) = &self.cells[column] else {
            unreachable!("only the binary form has binary cells")
        };
        if formatter.is_null(row) {
            return None;
        }
        self.value.clear();
        formatter.write(row, &mut self.value);
        Some(&self.value)
    }
}

fn write_text(value: &[u8], format: &CopyText, out: &mut Vec<u8>) {
    for byte in value {
        let mark = match byte {
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x0b => b'v',
            b'\\' => b'\\',
            byte if *byte == format.delimiter => *byte,
            byte => {
                out.push(*byte);
                continue;
            }
        };
        out.push(b'\\');
        out.push(mark);
    }
}

fn write_csv(value: &[u8], format: &CopyCsv, force: bool, is_single: bool, out: &mut Vec<u8>) {
    let special = |byte: &u8| {
        *byte == format.delimiter || *byte == format.quote || matches!(byte, b'\n' | b'\r')
    };
    let quoted = force
        || value == format.null.as_bytes()
        || (is_single && value == b"\\.")
        || value.iter().any(special);
    if !quoted {
        return out.extend_from_slice(value);
    }
    out.push(format.quote);
    for byte in value {
        if *byte == format.quote || *byte == format.escape {
            out.push(format.escape);
        }
        out.push(*byte);
    }
    out.push(format.quote);
}
