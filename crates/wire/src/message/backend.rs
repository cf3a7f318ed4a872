//! What clients are told, encoded into the send buffer.

use kappa_types::{SqlError, SqlType};

use crate::backend::{ColumnDescription, TransactionStatus};
use crate::cancel::CancelKey;
use crate::failure::Report;
use crate::notice::Notice;

/// How an error ends: with the statement or with the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Severity {
    Error,
    Fatal,
}

/// A message under construction at the end of a buffer.
pub(crate) struct Message<'a> {
    pub(crate) out: &'a mut Vec<u8>,
    /// Where the length stands.
    length_at: usize,
}

impl<'a> Message<'a> {
    /// Starts a message of type `kind`.
    pub(crate) fn begin(kind: u8, out: &'a mut Vec<u8>) -> Self {
        out.push(kind);
        let length_at = out.len();
        out.extend_from_slice(&[0; 4]);
        Self { out, length_at }
    }

    /// Writes the length.
    pub(crate) fn end(self) {
        let length = self.out.len() - self.length_at;
        let length = u32::try_from(length).expect("a message is smaller than 4 GiB");
        self.out[self.length_at..self.length_at + 4].copy_from_slice(&length.to_be_bytes());
    }

    fn i16(&mut self, value: i16) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn i32(&mut self, value: i32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// The number of `items`, at most 65,535 as the protocol has it.
    fn count(&mut self, items: usize) {
        self.out.extend_from_slice(&u16::try_from(items).unwrap_or(u16::MAX).to_be_bytes());
    }

    /// A string and the NUL that ends it; NULs inside, which no text has, are left out.
    fn string(&mut self, text: &str) {
        self.out.extend(text.bytes().filter(|byte| *byte != 0));
        self.out.push(0);
    }

    fn field(&mut self, code: u8, text: &str) {
        self.out.push(code);
        self.string(text);
    }
}

fn bare(kind: u8, out: &mut Vec<u8>) {
    Message::begin(kind, out).end();
}

pub(crate) fn authentication_ok(out: &mut Vec<u8>) {
    let mut message = Message::begin(b'R', out);
    message.i32(0);
    message.end();
}

pub(crate) fn parameter_status(name: &str, value: &str, out: &mut Vec<u8>) {
    let mut message = Message::begin(b'S', out);
    message.string(name);
    message.string(value);
    message.end();
}

pub(crate) fn backend_key_data(key: CancelKey, out: &mut Vec<u8>) {
    let mut message = Message::begin(b'K', out);
    message.i32(key.process_id);
    message.i32(key.secret);
    message.end();
}

/// Offers `version` instead of what was asked for, and names the options that are not known.
pub(crate) fn negotiate_protocol_version(version: i32, unknown: &[String], out: &mut Vec<u8>) {
    let mut message = Message::begin(b'v', out);
    message.i32(version);
    message.i32(i32::try_from(unknown.len()).unwrap_or(i32::MAX));
    for name in unknown {
        message.string(name);
    }
    message.end();
}

pub(crate) fn ready_for_query(status: TransactionStatus, out: &mut Vec<u8>) {
    let message = Message::begin(b'Z', out);
    message.out.push(match status {
        TransactionStatus::Idle => b'I',
        TransactionStatus::InTransaction => b'T',
        TransactionStatus::Failed => b'E',
    });
    message.end();
}

pub(crate) fn command_complete(tag: &str, out: &mut Vec<u8>) {
    let mut message = Message::begin(b'C', out);
    message.string(tag);
    message.end();
}

pub(crate) fn empty_query(out: &mut Vec<u8>) {
    bare(b'I', out);
}

pub(crate) fn parse_complete(out: &mut Vec<u8>) {
    bare(b'1', out);
}

pub(crate) fn bind_complete(out: &mut Vec<u8>) {
    bare(b'2', out);
}

pub(crate) fn close_complete(out: &mut Vec<u8>) {
    bare(b'3', out);
}

pub(crate) fn no_data(out: &mut Vec<u8>) {
    bare(b'n', out);
}

pub(crate) fn portal_suspended(out: &mut Vec<u8>) {
    bare(b's', out);
}

pub(crate) fn copy_done(out: &mut Vec<u8>) {
    bare(b'c', out);
}

pub(crate) fn parameter_description(types: &[SqlType], out: &mut Vec<u8>) {
    let mut message = Message::begin(b't', out);
    message.count(types.len());
    for sql_type in types {
        message.u32(sql_type.oid());
    }
    message.end();
}

/// `formats` is one per column.
pub(crate) fn row_description(
    columns: &[ColumnDescription],
    formats: impl Fn(usize) -> i16,
    out: &mut Vec<u8>,
) {
    let mut message = Message::begin(b'T', out);
    message.count(columns.len());
    for (index, column) in columns.iter().enumerate() {
        message.string(&column.name);
        message.u32(column.table_oid);
        message.i16(column.column_number);
        message.u32(column.sql_type.oid());
        message.i16(column.sql_type.size_bytes());
        message.i32(column.sql_type.typmod());
        message.i16(formats(index));
    }
    message.end();
}

/// CopyInResponse (`G`) or CopyOutResponse (`H`).
pub(crate) fn copy_response(kind: u8, is_binary: bool, column_count: usize, out: &mut Vec<u8>) {
    let mut message = Message::begin(kind, out);
    message.out.push(u8::from(is_binary));
    message.count(column_count);
    for _ in 0..column_count {
        message.i16(i16::from(is_binary));
    }
    message.end();
}

pub(crate) fn error(severity: Severity, report: &Report, out: &mut Vec<u8>) {
    let SqlError { state, message: text, detail, hint, position } = &report.error;
    let severity = match severity {
        Severity::Error => "ERROR",
        Severity::Fatal => "FATAL",
    };
    let mut message = Message::begin(b'E', out);
    message.field(b'S', severity);
    message.field(b'V', severity);
    message.field(b'C', state.code());
    message.field(b'M', text);
    if let Some(detail) = detail {
        message.field(b'D', detail);
    }
    if let Some(hint) = hint {
        message.field(b'H', hint);
    }
    if let Some(position) = position {
        message.field(b'P', &position.to_string());
    }
    if let Some(context) = &report.context {
        message.field(b'W', context);
    }
    message.out.push(0);
    message.end();
}

pub(crate) fn notice(notice: &Notice, out: &mut Vec<u8>) {
    let mut message = Message::begin(b'N', out);
    message.field(b'S', notice.severity.name());
    message.field(b'V', notice.severity.name());
    message.field(b'C', notice.state.code());
    message.field(b'M', &notice.message);
    if let Some(detail) = &notice.detail {
        message.field(b'D', detail);
    }
    if let Some(hint) = &notice.hint {
        message.field(b'H', hint);
    }
    message.out.push(0);
    message.end();
}
