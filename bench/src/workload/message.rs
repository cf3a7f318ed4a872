//! COPY of bids as prepared messages, which every workload sends alike.

use crate::bids::Bids;
use anyhow::Result;
use bytes::Bytes;
use futures::SinkExt;
use tokio_postgres::Client;

/// Bytes of one CopyData message.
const MESSAGE_BYTES: usize = 256 << 10;

/// In which form bids are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// COPY … (FORMAT csv)
    Csv,
    /// COPY … (FORMAT binary)
    Binary,
}

/// The messages of one COPY, made before anything is measured.
pub(crate) fn messages(bids: Bids, form: Form) -> Vec<Bytes> {
    let mut messages = Vec::new();
    match form {
        Form::Csv => {
            let mut text = String::with_capacity(MESSAGE_BYTES + 256);
            for bid in bids.iter() {
                bid.write_csv(&mut text);
                if text.len() >= MESSAGE_BYTES {
                    messages.push(Bytes::from(std::mem::take(&mut text)));
                }
            }
            messages.push(Bytes::from(text));
        }
        Form::Binary => {
            let mut bytes = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
            for bid in bids.iter() {
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
