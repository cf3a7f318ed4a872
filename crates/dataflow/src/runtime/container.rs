//! [`Changes`]: a [`DeltaBatch`] as timely carries it, and how rows are dealt out to workers by key.
//!
//! Between the workers of one process the batch itself travels. Between processes it travels as an
//! Arrow IPC stream:
//! ```text
//! u64 0                                     nothing
//! u64 1 | u64 time | IPC stream of rows     all +1
//! u64 2 | u64 time | IPC stream of rows with the diffs as last column
//! ```
//! padded to 8 bytes, little-endian.

use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, AsArray, UInt32Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use kappa_types::{DeltaBatch, Timestamp};
use timely::bytes::arc::Bytes;
use timely::communication::Push;
use timely::container::Accountable;
use timely::dataflow::channels::pushers::exchange::Distributor;
use timely::dataflow::channels::{ContainerBytes, Message};

use crate::operator::partial_of;
use crate::state::{hash_rows, virtual_node, worker_of};

/// Rows that change, or nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    delta: Option<DeltaBatch>,
    /// The encoding, made once: timely asks for its length first.
    encoded: OnceLock<Arc<Vec<u8>>>,
}

impl From<DeltaBatch> for Changes {
    fn from(delta: DeltaBatch) -> Self {
        Self { delta: Some(delta), encoded: OnceLock::new() }
    }
}

impl Changes {
    /// The rows; nothing is left here.
    pub(super) fn take(&mut self) -> Option<DeltaBatch> {
        std::mem::take(self).delta
    }

    fn encoded(&self) -> &Arc<Vec<u8>> {
        self.encoded.get_or_init(|| Arc::new(encode(self.delta.as_ref())))
    }
}

impl Accountable for Changes {
    fn record_count(&self) -> i64 {
        self.delta.as_ref().map_or(0, |delta| delta.row_count() as i64)
    }
}

impl ContainerBytes for Changes {
    fn from_bytes(bytes: Bytes) -> Self {
        decode(&bytes).map_or_else(Self::default, Self::from)
    }

    fn length_in_bytes(&self) -> usize {
        self.encoded().len()
    }

    fn into_bytes<W: std::io::Write>(&self, writer: &mut W) {
        writer.write_all(self.encoded()).expect("timely gives a buffer of the length it asked for");
    }
}

fn encode(delta: Option<&DeltaBatch>) -> Vec<u8> {
    let Some(delta) = delta else { return 0_u64.to_le_bytes().to_vec() };
    let form = 1 + u64::from(delta.diffs.is_some());
    let mut bytes = form.to_le_bytes().to_vec();
    bytes.extend_from_slice(&delta.time.0.to_le_bytes());
    let mut fields = delta.rows.schema().fields().to_vec();
    let mut columns = delta.rows.columns().to_vec();
    if let Some(diffs) = &delta.diffs {
        fields.push(Arc::new(Field::new("diff", DataType::Int64, false)));
        columns.push(Arc::new(diffs.clone()) as ArrayRef);
    }
    let rows =
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("one diff per row");
    let mut writer =
        StreamWriter::try_new(&mut bytes, rows.schema_ref()).expect("a vector takes everything");
    writer.write(&rows).and_then(|()| writer.finish()).expect("a vector takes everything");
    drop(writer);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

fn decode(bytes: &[u8]) -> Option<DeltaBatch> {
    let word = |index: usize| {
        let word = bytes[index * 8..index * 8 + 8].try_into().expect("eight bytes");
        u64::from_le_bytes(word)
    };
    let form = word(0);
    if form == 0 {
        return None;
    }
    let mut reader = StreamReader::try_new(&bytes[16..], None).expect("another worker encoded it");
    let rows = reader.next().expect("one batch").expect("another worker encoded it");
    let time = Timestamp(word(1));
    if form == 1 {
        return Some(DeltaBatch::insert(time, rows));
    }
    let last = rows.num_columns() - 1;
    let diffs = rows.column(last).as_primitive::<Int64Type>().clone();
    let rows = rows.project(&(0..last).collect::<Vec<_>>()).expect("columns are there");
    Some(DeltaBatch::new(time, rows, Some(diffs)))
}

/// Deals rows out to the workers that own their keys.
pub(super) struct KeyDistributor {
    /// Key columns.
    columns: Vec<usize>,
    /// How many workers there are.
    worker_count: usize,
}

impl KeyDistributor {
    pub(super) const fn new(columns: Vec<usize>, worker_count: usize) -> Self {
        Self { columns, worker_count }
    }
}

impl Distributor<Changes> for KeyDistributor {
    fn partition<T: Clone, P: Push<Message<T, Changes>>>(
        &mut self,
        changes: &mut Changes,
        time: &T,
        pushers: &mut [P],
    ) {
        let Some(delta) = changes.take() else { return };
        let count = delta.row_count();
        let mut rows_of: Vec<Vec<u32>> = vec![Vec::new(); self.worker_count];
        let mut deal = |row: usize, node| {
            rows_of[worker_of(node, self.worker_count)].push(row as u32);
        };
        if let Some(partial) = partial_of(&delta.rows) {
            partial.nodes.iter().enumerate().for_each(|(row, node)| deal(row, *node));
        } else {
            let column = |column: &usize| Arc::clone(delta.rows.column(*column));
            let keys: Vec<ArrayRef> = self.columns.iter().map(column).collect();
            let hashes = hash_rows(&keys, count).into_iter().enumerate();
            hashes.for_each(|(row, hash)| deal(row, virtual_node(hash)));
        }
        for (worker, rows) in rows_of.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            let part = if rows.len() == count {
                delta.clone()
            } else {
                delta.take(&UInt32Array::from(rows)).expect("rows of the batch")
            };
            Message::push_at(&mut Changes::from(part), time.clone(), &mut pushers[worker]);
        }
    }

    fn flush<T: Clone, P: Push<Message<T, Changes>>>(&mut self, _time: &T, _pushers: &mut [P]) {}
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringViewArray};

    use super::*;

    #[test]
    fn encoding_is_read_back() {
        let schema = Schema::new(vec![Field::new("t", DataType::Utf8View, true)]);
        let texts = StringViewArray::from(vec![Some("a"), None]);
        let rows = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(texts)]).unwrap();
        for diffs in [None, Some(Int64Array::from(vec![-1, 2]))] {
            let delta = DeltaBatch::new(Timestamp(7), rows.clone(), diffs);
            let bytes = encode(Some(&delta));
            assert_eq!(bytes.len() % 8, 0);
            let back = decode(&bytes).unwrap();
            assert_eq!((back.time, back.rows, back.diffs), (delta.time, delta.rows, delta.diffs));
        }
        assert!(decode(&encode(None)).is_none());
    }
}
