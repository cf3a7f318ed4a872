//! Sends the rows of a statement: as data rows or as COPY data, with back-pressure and prompt
//! flushing.

use arrow::record_batch::RecordBatch;
use futures::StreamExt;
use kappa_types::SqlError;
use kappa_types::text::TextOptions;

use super::guard::{Guard, Notices, flush};
use super::output::Output;
use crate::backend::RowStream;
use crate::failure::Failure;
use crate::message::backend;

/// Encodes some rows of a batch as messages.
pub(crate) trait BatchEncoder {
    /// A batch ready to be encoded row by row.
    type Batch;

    /// Readies a batch.
    fn ready(&self, batch: &RecordBatch, options: &TextOptions) -> Result<Self::Batch, SqlError>;

    /// Appends the message of one row.
    fn encode(&mut self, batch: &mut Self::Batch, row: usize, out: &mut Vec<u8>);
}

/// What sending needs besides the rows.
pub(crate) struct Sending<'a> {
    /// Ends it early.
    pub(crate) guard: &'a mut Guard,
    /// Where the messages go.
    pub(crate) output: &'a mut Output,
    /// How values are written.
    pub(crate) options: TextOptions,
    /// Bytes that are collected before they are written.
    pub(crate) write_buffer_bytes: usize,
}

/// How sending ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// There are no more rows; this many were sent.
    All(u64),
    /// The limit was reached.
    Limit,
}

impl Sending<'_> {
    /// Sends at most `limit` rows. What is left of the last batch stands in `partial`.
    pub(crate) async fn rows<E: BatchEncoder>(
        &mut self,
        encoder: &mut E,
        stream: &mut RowStream,
        partial: &mut Option<(RecordBatch, usize)>,
        notices: &mut Notices,
        limit: Option<u64>,
    ) -> Result<Sent, Failure> {
        let mut count = 0_u64;
        loop {
            let (batch, first) = match partial.take() {
                Some(partial) => partial,
                None => match self.next_batch(stream, notices).await? {
                    Some(batch) => (batch, 0),
                    None => return Ok(Sent::All(count)),
                },
            };
            let rest = batch.num_rows() - first;
            let wanted = limit.map_or(rest, |limit| {
                usize::try_from(limit - count).unwrap_or(usize::MAX).min(rest)
            });
            self.batch(encoder, &batch, first, wanted).await?;
            count += wanted as u64;
            if limit == Some(count) {
                if wanted < rest {
                    *partial = Some((batch, first + wanted));
                }
                return Ok(Sent::Limit);
            }
        }
    }

    async fn batch<E: BatchEncoder>(
        &mut self,
        encoder: &mut E,
        batch: &RecordBatch,
        first: usize,
        count: usize,
    ) -> Result<(), Failure> {
        if count == 0 {
            return Ok(());
        }
        // Only the rows that are sent: readying a batch may cost a cast.
        let mut ready = encoder.ready(&batch.slice(first, count), &self.options)?;
        let bound = self.write_buffer_bytes;
        let mut row = 0;
        while row < count {
            self.output.push(|out| {
                loop {
                    encoder.encode(&mut ready, row, out);
                    row += 1;
                    if row == count || out.len() >= bound {
                        break;
                    }
                }
            });
            if self.output.waiting_bytes() >= bound {
                flush(self.guard, self.output).await?;
            }
        }
        Ok(())
    }

    /// The next batch. While there is none, what waits is written.
    async fn next_batch(
        &mut self,
        stream: &mut RowStream,
        notices: &mut Notices,
    ) -> Result<Option<RecordBatch>, Failure> {
        loop {
            tokio::select! {
                biased;
                failure = self.guard.interrupted() => {
                    self.guard.token().cancel();
                    return Err(failure);
                }
                batch = stream.next() => {
                    notices.drain(self.output);
                    return Ok(batch.transpose()?);
                }
                notice = notices.next() => {
                    self.output.push(|out| backend::notice(&notice, out));
                }
                written = self.output.write_some(), if self.output.waiting_bytes() > 0 => written?,
            }
        }
    }
}
