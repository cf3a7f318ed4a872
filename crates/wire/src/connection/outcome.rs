//! Runs a statement and sends what it gives.

use std::sync::Arc;

use arrow::array::ArrayRef;
use kappa_types::{SqlError, SqlState};

use super::Connection;
use super::guard::{Guard, Notices, drive};
use super::portal::{Formats, Rows};
use super::rows::{Sending, Sent};
use crate::backend::{ExecuteContext, Outcome, Release, Session};
use crate::copy::{CopyEncoder, CopyFormat};
use crate::failure::Failure;
use crate::message::backend;
use crate::notice;
use crate::row::RowEncoder;

/// How a statement's answer ends.
pub(super) enum Ending {
    /// CommandComplete with this tag.
    Complete(String),
    /// EmptyQueryResponse.
    Empty,
    /// PortalSuspended, and the rest of the rows.
    Suspended(Box<Rows>),
    /// CommandComplete of rows: the tag up to the number, and the number.
    Exhausted(String, u64),
}

/// How rows are sent.
pub(super) enum Mode {
    /// As text, after their description.
    Simple,
    /// In the portal's formats, described before, at most so many.
    Extended(Formats, Option<u64>),
}

impl<S: Session> Connection<S> {
    /// Runs a statement up to its outcome.
    pub(super) async fn run_prepared(
        &mut self,
        prepared: &Arc<S::Prepared>,
        parameters: Vec<ArrayRef>,
        implicit_block: bool,
        mode: &Mode,
        guard: &mut Guard,
    ) -> Result<(Outcome, Notices), Failure> {
        let (sender, receiver) = notice::channel(self.options.notice_count_max);
        let mut notices = Notices(receiver);
        let is_described = matches!(mode, Mode::Extended(..));
        let cancel = guard.token();
        let context = ExecuteContext { cancel, notices: sender, implicit_block, is_described };
        let future = self.session.execute(prepared, parameters, context);
        let outcome = drive(future, guard, &mut notices, &mut self.output).await??;
        Ok((outcome, notices))
    }

    /// Sends everything but the end of the answer.
    pub(super) async fn send_outcome(
        &mut self,
        outcome: Outcome,
        mut notices: Notices,
        mode: Mode,
        guard: &mut Guard,
    ) -> Result<Ending, Failure> {
        match outcome {
            Outcome::Rows { columns, rows, tag, row_count } => {
                let rows = Rows { columns, stream: rows, partial: None, tag, row_count, notices };
                self.send_rows(Box::new(rows), mode, guard).await
            }
            Outcome::Complete { tag } => Ok(Ending::Complete(tag)),
            Outcome::Release { what, tag } => {
                self.release(what)?;
                Ok(Ending::Complete(tag))
            }
            Outcome::Empty => Ok(Ending::Empty),
            Outcome::CopyIn { target, format, sink } => self
                .copy_in(&target, &format, sink, &mut notices, guard)
                .await
                .map(Ending::Complete),
            Outcome::CopyOut { format, columns, rows } => {
                let is_binary = matches!(format, CopyFormat::Binary);
                let count = columns.len();
                self.output.push(|out| backend::copy_response(b'H', is_binary, count, out));
                let mut encoder = CopyEncoder::new(format, columns);
                self.output.push(|out| encoder.start(out));
                let mut stream = rows;
                let mut sending = self.sending(guard);
                let sent =
                    sending.rows(&mut encoder, &mut stream, &mut None, &mut notices, None).await?;
                let Sent::All(count) = sent else { unreachable!("there was no limit") };
                self.output.push(|out| {
                    encoder.finish(out);
                    backend::copy_done(out);
                });
                Ok(Ending::Complete(format!("COPY {count}")))
            }
        }
    }

    /// Sends rows, all or up to the limit.
    pub(super) async fn send_rows(
        &mut self,
        mut rows: Box<Rows>,
        mode: Mode,
        guard: &mut Guard,
    ) -> Result<Ending, Failure> {
        let (formats, limit) = match mode {
            Mode::Simple => {
                self.output.push(|out| backend::row_description(&rows.columns, |_| 0, out));
                (Formats::default(), None)
            }
            Mode::Extended(formats, limit) => (formats, limit),
        };
        let mut encoder = RowEncoder::new(&rows.columns, |index| formats.get(index) == 1);
        let Rows { stream, partial, notices, .. } = &mut *rows;
        let sent = self.sending(guard).rows(&mut encoder, stream, partial, notices, limit).await?;
        Ok(match sent {
            Sent::Limit => Ending::Suspended(rows),
            Sent::All(count) => Ending::Exhausted(rows.tag, rows.row_count.unwrap_or(count)),
        })
    }

    fn sending<'a>(&'a mut self, guard: &'a mut Guard) -> Sending<'a> {
        Sending {
            guard,
            options: self.session.text_options(),
            output: &mut self.output,
            write_buffer_bytes: self.options.write_buffer_bytes,
        }
    }

    /// Sends the end of an answer.
    pub(super) fn push_ending(&mut self, ending: &Ending) {
        self.output.push(|out| match ending {
            Ending::Complete(tag) => backend::command_complete(tag, out),
            Ending::Empty => backend::empty_query(out),
            Ending::Suspended(_) => backend::portal_suspended(out),
            Ending::Exhausted(tag, _) if !has_row_count(tag) => backend::command_complete(tag, out),
            Ending::Exhausted(tag, count) => {
                backend::command_complete(&format!("{tag} {count}"), out);
            }
        });
    }

    fn release(&mut self, what: Release) -> Result<(), SqlError> {
        match what {
            Release::Statement(name) => {
                if self.statements.remove(&name).is_none() {
                    return Err(unknown_statement(&name));
                }
            }
            Release::AllStatements => self.statements.clear(),
            Release::Portal(name) => {
                if self.portals.remove(&name).is_none() {
                    return Err(SqlError::new(
                        SqlState::InvalidCursorName,
                        format!("cursor \"{name}\" does not exist"),
                    ));
                }
            }
            Release::AllPortals => self.portals.clear(),
            Release::All => {
                self.statements.clear();
                self.portals.clear();
            }
        }
        Ok(())
    }
}

/// Whether the tag of rows ends with their number, as in PostgreSQL.
fn has_row_count(tag: &str) -> bool {
    !matches!(tag, "SHOW" | "EXPLAIN")
}

/// 26000
pub(super) fn unknown_statement(name: &str) -> SqlError {
    let message = match name {
        "" => "unnamed prepared statement does not exist".to_owned(),
        name => format!("prepared statement \"{name}\" does not exist"),
    };
    SqlError::new(SqlState::InvalidSqlStatementName, message)
}
