//! [`Output`]: the send buffer of a connection.
//!
//! The one idea: messages are encoded into one buffer, and only whole messages are ever written to
//! the socket, so that whatever interrupts the encoding of a message leaves nothing behind.

use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;

/// Capacity that an empty buffer keeps; more, left by large rows, is given back.
const KEPT_CAPACITY_BYTES: usize = 1 << 20;

/// The send buffer of a connection and the socket behind it.
#[derive(Debug)]
pub(crate) struct Output {
    socket: OwnedWriteHalf,
    buffer: Vec<u8>,
    /// Bytes at the start that are already in the socket.
    sent: usize,
    /// End of the last whole message.
    whole: usize,
}

impl Output {
    /// An empty buffer.
    pub(crate) const fn new(socket: OwnedWriteHalf) -> Self {
        Self { socket, buffer: Vec::new(), sent: 0, whole: 0 }
    }

    /// Encodes whole messages; what `encode` appends counts once it returns.
    pub(crate) fn push<T>(&mut self, encode: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.buffer.truncate(self.whole);
        let value = encode(&mut self.buffer);
        self.whole = self.buffer.len();
        value
    }

    /// Bytes that wait.
    pub(crate) const fn waiting_bytes(&self) -> usize {
        self.whole - self.sent
    }

    /// Writes as much as the socket takes. Dropping the future loses nothing.
    pub(crate) async fn write_some(&mut self) -> io::Result<()> {
        if self.sent < self.whole {
            match self.socket.write(&self.buffer[self.sent..self.whole]).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => self.sent += written,
            }
        }
        if self.sent == self.whole {
            self.buffer.clear();
            self.buffer.shrink_to(KEPT_CAPACITY_BYTES);
            (self.sent, self.whole) = (0, 0);
        }
        Ok(())
    }

    /// Writes everything.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        while self.waiting_bytes() > 0 {
            self.write_some().await?;
        }
        Ok(())
    }

    /// Ends the sending direction.
    pub(crate) async fn shutdown(&mut self) {
        // The client may have gone first; then there is nothing to end.
        let _ = self.socket.shutdown().await;
    }
}
