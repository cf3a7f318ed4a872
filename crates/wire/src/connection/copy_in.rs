//! COPY FROM STDIN: the messages of the copy-in state.

use kappa_types::{SqlError, SqlState};

use super::Connection;
use super::guard::{Guard, Notices, complete, drive};
use crate::backend::{CopySink, CopyTarget, Session};
use crate::copy::{CopyDecoder, CopyFormat, DecoderLimits};
use crate::failure::{Failure, Report};
use crate::message::backend;
use crate::message::frontend::{self, Message};

impl<S: Session> Connection<S> {
    /// Takes rows from the client until it says that there are no more. Returns the command tag.
    /// Whatever goes wrong, the sink is told to leave no trace.
    pub(super) async fn copy_in(
        &mut self,
        target: &CopyTarget,
        format: &CopyFormat,
        mut sink: Box<dyn CopySink>,
        notices: &mut Notices,
        guard: &mut Guard,
    ) -> Result<String, Failure> {
        match self.copy_rows(target, format, &mut *sink, notices, guard).await {
            // Like a commit, this is not interrupted.
            Ok(()) => Ok(complete(sink.finish(), notices, &mut self.output).await?),
            Err(failure) => {
                let reason = match &failure {
                    Failure::Error(report) => report.error.message.clone(),
                    Failure::Fatal(error) => error.message.clone(),
                    Failure::Disconnected => "unexpected EOF on client connection".into(),
                };
                sink.abort(reason).await;
                Err(failure)
            }
        }
    }

    async fn copy_rows(
        &mut self,
        target: &CopyTarget,
        format: &CopyFormat,
        sink: &mut dyn CopySink,
        notices: &mut Notices,
        guard: &mut Guard,
    ) -> Result<(), Failure> {
        let is_binary = matches!(format, CopyFormat::Binary);
        let column_count = target.columns.len();
        self.output.push(|out| backend::copy_response(b'G', is_binary, column_count, out));
        let limits = DecoderLimits {
            batch_row_count: self.options.copy_batch_row_count,
            batch_size_bytes: self.options.copy_batch_size_bytes,
            row_size_bytes_max: self.options.message_size_bytes_max,
        };
        let mut decoder = CopyDecoder::new(target, format, &self.session.text_options(), limits);
        super::guard::flush(guard, &mut self.output).await?;
        loop {
            let is_last = match self.copy_message(notices, guard).await? {
                Message::CopyData(data) => {
                    decoder.feed(&data);
                    false
                }
                Message::CopyDone => true,
                Message::CopyFail(reason) => {
                    return Err(failure(decoder.report(SqlError::new(
                        SqlState::QueryCanceled,
                        format!("COPY from stdin failed: {reason}"),
                    ))));
                }
                // PostgreSQL ignores these, since clients may pipeline them.
                Message::Flush | Message::Sync => continue,
                Message::Terminate => return Err(Failure::Disconnected),
                // The two sides have lost each other; what follows cannot be understood.
                _ => {
                    return Err(Failure::fatal(
                        SqlState::ProtocolViolation,
                        "unexpected message type during COPY from stdin",
                    ));
                }
            };
            while let Some(rows) = decoder.next_batch(is_last).map_err(failure)? {
                drive(sink.append(rows), guard, notices, &mut self.output).await??;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    async fn copy_message(
        &mut self,
        notices: &mut Notices,
        guard: &mut Guard,
    ) -> Result<Message, Failure> {
        let frame = drive(self.input.next(), guard, notices, &mut self.output).await??;
        frontend::decode(frame.kind, frame.body)
    }
}

fn failure(report: Report) -> Failure {
    Failure::Error(Box::new(report))
}
