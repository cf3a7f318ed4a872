//! Reads frames from the socket into a bounded queue, so that the end of a connection is noticed
//! while a statement runs, and a client that sends ahead is made to wait.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use kappa_types::SqlState;
use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use crate::failure::Failure;
use crate::message::frontend;

/// Frames that may wait, however small they are.
const FRAME_COUNT_MAX: usize = 256;
/// Bytes asked of the socket at a time.
const READ_SIZE_BYTES: usize = 64 << 10;
/// Bytes before the body: type and length.
const HEADER_SIZE_BYTES: usize = 5;

/// A frame, or why there are no more.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A whole message.
    Frame(Frame),
    /// The client sent what is no message; the connection cannot go on.
    Garbage(String),
}

/// A whole message.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Its type.
    pub(crate) kind: u8,
    /// Its body.
    pub(crate) body: Bytes,
    /// Its share of the bytes that may wait; given back when the frame is dropped.
    _permit: OwnedSemaphorePermit,
}

/// Where frames arrive.
#[derive(Debug)]
pub(crate) struct Input {
    frames: mpsc::Receiver<Incoming>,
}

impl Input {
    /// The next frame.
    ///
    /// # Errors
    /// When the connection has ended or holds no messages.
    pub(crate) async fn next(&mut self) -> Result<Frame, Failure> {
        match self.frames.recv().await {
            Some(Incoming::Frame(frame)) => Ok(frame),
            Some(Incoming::Garbage(message)) => {
                Err(Failure::fatal(SqlState::ProtocolViolation, message))
            }
            None => Err(Failure::Disconnected),
        }
    }
}

/// The limits of one reader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReaderLimits {
    /// Of one message.
    pub(crate) message_size_bytes_max: usize,
    /// Of all messages that wait.
    pub(crate) read_ahead_bytes_max: usize,
}

/// Starts to read. `buffer` holds what was read behind the startup message. The second value turns
/// true when the client has gone.
pub(crate) fn start(
    socket: OwnedReadHalf,
    buffer: BytesMut,
    limits: ReaderLimits,
) -> (Input, watch::Receiver<bool>) {
    let (frames_tx, frames) = mpsc::channel(FRAME_COUNT_MAX);
    let (closed_tx, closed) = watch::channel(false);
    let bytes = Arc::new(Semaphore::new(limits.read_ahead_bytes_max.max(1)));
    let reader = Reader { socket, buffer, limits, bytes };
    drop(tokio::spawn(async move {
        reader.run(&frames_tx).await;
        closed_tx.send_replace(true);
    }));
    (Input { frames }, closed)
}

struct Reader {
    socket: OwnedReadHalf,
    buffer: BytesMut,
    limits: ReaderLimits,
    bytes: Arc<Semaphore>,
}

impl Reader {
    /// Reads until the client or the connection's other half has gone.
    async fn run(mut self, frames: &mpsc::Sender<Incoming>) {
        loop {
            let incoming = match self.next_frame() {
                Ok(Some((kind, body))) => {
                    let Some(permit) = self.permit(body.len()).await else { return };
                    Incoming::Frame(Frame { kind, body, _permit: permit })
                }
                Ok(None) => {
                    self.buffer.reserve(READ_SIZE_BYTES);
                    tokio::select! {
                        read = self.socket.read_buf(&mut self.buffer) => match read {
                            Ok(0) | Err(_) => return,
                            Ok(_) => continue,
                        },
                        () = frames.closed() => return,
                    }
                }
                Err(garbage) => Incoming::Garbage(garbage),
            };
            let is_last = matches!(incoming, Incoming::Garbage(_));
            if frames.send(incoming).await.is_err() || is_last {
                return;
            }
        }
    }

    /// A share of the bytes that may wait. A frame larger than all of them takes them all.
    async fn permit(&self, size_bytes: usize) -> Option<OwnedSemaphorePermit> {
        let share = size_bytes.clamp(1, self.limits.read_ahead_bytes_max.max(1));
        let share = u32::try_from(share).unwrap_or(u32::MAX);
        Arc::clone(&self.bytes).acquire_many_owned(share).await.ok()
    }

    /// Cuts a whole frame off the buffer.
    fn next_frame(&mut self) -> Result<Option<(u8, Bytes)>, String> {
        let Some(header) = self.buffer.first_chunk::<HEADER_SIZE_BYTES>() else { return Ok(None) };
        let [kind, length @ ..] = *header;
        if !frontend::is_known(kind) {
            return Err(format!("invalid frontend message type {kind}"));
        }
        let length = u32::from_be_bytes(length) as usize;
        if length < 4 || length > self.limits.message_size_bytes_max {
            return Err("invalid message length".into());
        }
        if self.buffer.len() < 1 + length {
            return Ok(None);
        }
        self.buffer.advance(HEADER_SIZE_BYTES);
        Ok(Some((kind, self.buffer.split_to(length - 4).freeze())))
    }
}
