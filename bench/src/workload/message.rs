//! COPY of bids as prepared messages, which every workload sends alike.

use std::ops::Range;

use anyhow::Result;
use bytes::Bytes;
use futures::SinkExt;
use tokio_postgres::Client;

use crate::bids::Bids;

/// Bytes of one CopyData message.
const MESSAGE_BYTES: usize = 256 << 10;
/// Bids of one COPY when there are many: their messages are made in memory.
const COPY_ROW_COUNT: u64 = 2_000_000;

/// In which form bids are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// COPY … (FORMAT csv)
    Csv,
    /// COPY … (FORMAT binary)
    Binary,
}

/// The messages of one COPY, made before anything is measured.
pub(crate) fn messages(bids: Bids, rows: Range<u64>, form: Form) -> Vec<Bytes> {
    let mut messages = Vec::new();
    match form {
        Form::Csv => {
            let mut text = String::with_capacity(MESSAGE_BYTES + 256);
            for bid in bids.slice(rows) {
                bid.write_csv(&mut text);
                if text.len() >= MESSAGE_BYTES {
                    messages.push(Bytes::from(std::mem::take(&mut text)));
                }
            }
            messages.push(Bytes::from(text));
        }
        Form::Binary => {
            let mut bytes = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
            for bid in bids.slice(rows) {
                bid.write_binary(&mut bytes);
                if bytes.len() >= MESSAGE_BYTES {
                    messages.push(Bytes::from(std::mem::take(&mut bytes)));
                }
            }
            bytes.extend_from_slice(&(-1i16).to_be_bytes());
            messages.push(Bytes::from(bytes));
        }
    }
    messages
}

/// One COPY of prepared messages into `bids`; returns the rows acknowledged.
pub(crate) async fn copy(client: &Client, messages: &[Bytes], form: Form) -> Result<u64> {
    let format = if form == Form::Csv { "csv" } else { "binary" };
    let sink = client.copy_in(&format!("COPY bids FROM STDIN (FORMAT {format})")).await?;
    futures::pin_mut!(sink);
    for message in messages {
        sink.feed(message.clone()).await?;
    }
    Ok(sink.finish().await?)
}

/// Copies all bids, a part at a time, and seals them.
pub(crate) async fn load(client: &Client, bids: Bids) -> Result<()> {
    for rows in bids.slices(COPY_ROW_COUNT) {
        copy(client, &messages(bids, rows, Form::Binary), Form::Binary).await?;
    }
    Ok(client.batch_execute("SELECT kappa_seal()").await?)
}
