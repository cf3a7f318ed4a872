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
    /// Stands before the first row in the same message, as clients expect of the binary form.
    prefix: Vec<u8>,
}

/// A batch ready to be encoded.
pub(crate) struct CopyBatch {
    cells: Vec<CellEncoder>,
    /// The text of one value, before it is escaped.
    value: Vec<u8>,
}

impl CopyEncoder {
    /// An encoder for these columns.
    pub(crate) fn new(format: CopyFormat, columns: Vec<ColumnDescription>) -> Self {
        let prefix = match format {
            // The signature, no flags, no extension of the header.
            CopyFormat::Binary => [&SIGNATURE[..], &[0; 8]].concat(),
            _ => Vec::new(),
        };
        Self { format, columns, prefix }
    }

    /// Appends what stands before the rows.
    pub(crate) fn start(&self, out: &mut Vec<u8>) {
        let (delimiter, header) = match &self.format {
            CopyFormat::Text(text) => (text.delimiter, text.header),
            CopyFormat::Csv(csv) => (csv.delimiter, csv.header),
            CopyFormat::Binary => return,
        };
        if header == CopyHeader::None {
            return;
        }
        let message = Message::begin(b'd', out);
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                message.out.push(delimiter);
            }
            let name = column.name.as_bytes();
            match &self.format {
                CopyFormat::Csv(csv) => {
                    write_csv(name, csv, false, self.columns.len() == 1, message.out);
                }
                CopyFormat::Text(text) => write_text(name, text, message.out),
                CopyFormat::Binary => {}
            }
        }
        message.out.push(b'\n');
        message.end();
    }

    /// Appends what stands behind the rows.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.format == CopyFormat::Binary {
            let message = Message::begin(b'd', out);
            message.out.append(&mut self.prefix);
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

    fn encode(&mut self, batch: &mut CopyBatch, row: usize, out: &mut Vec<u8>) {
        let message = Message::begin(b'd', out);
        let out = &mut *message.out;
        out.append(&mut self.prefix);
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
