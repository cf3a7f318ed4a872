//! [`Shard`]: the part of contents that one writer writes.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use kappa_types::Timestamp;
use parking_lot::{Mutex, MutexGuard};

use super::chunk::Chunk;
use super::chunk_index::ChunkIndex;
use super::writer::Writer;
use crate::Error;

/// One writer's rows.
#[derive(Debug)]
pub(super) struct Shard {
    writer: Mutex<Writer>,
    published: Arc<Mutex<Published>>,
}

/// What readers see. Held for as long as it takes to copy the list.
#[derive(Debug, Default)]
pub(super) struct Published {
    /// All chunks.
    pub(super) chunks: Vec<Arc<Chunk>>,
    /// The oldest time that `chunks` can answer.
    pub(super) oldest: Timestamp,
}

impl Shard {
    pub(super) fn new(
        schema: &SchemaRef,
        key: Option<&[usize]>,
        history_size_bytes_max: usize,
    ) -> Self {
        let published = Arc::new(Mutex::new(Published::default()));
        let writer = Writer::new(schema, key, history_size_bytes_max, Arc::clone(&published));
        Self { writer: Mutex::new(writer), published }
    }

    /// The writer's side; a second writer waits.
    pub(super) fn write(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock()
    }

    /// Chunks that together hold all rows that are there at `at` or later.
    pub(super) fn chunks(&self, at: Timestamp) -> Result<Vec<Arc<Chunk>>, Error> {
        let published = self.published.lock();
        if at < published.oldest {
            return Err(Error::TooOld { at, oldest: published.oldest });
        }
        Ok(published.chunks.clone())
    }

    /// Memory, bytes.
    pub(super) fn bytes(&self) -> usize {
        self.chunk_bytes() + self.writer.lock().size_bytes()
    }

    /// Memory of what readers see, bytes. Does not wait for whoever writes.
    pub(super) fn chunk_bytes(&self) -> usize {
        let chunks = self.published.lock().chunks.clone();
        chunks
            .iter()
            .map(|chunk| chunk.size_bytes() + chunk.index.get().map_or(0, ChunkIndex::size_bytes))
            .sum()
    }
}
