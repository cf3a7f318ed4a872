//! [`Index`]: keeps a [`MetaStore`] equal to the newest snapshot, and starts from it.
//!
//! The index is believed only if the records of the log up to its applied time have the fingerprint
//! that it wrote down, so an index of another log, or one that is ahead of its log after a power cut,
//! is never used.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use kappa_types::Timestamp;

use super::sled::SledStore;
use super::store::{Batch, Broken, MetaStore};
use crate::codec::{Written, written_fields};
use crate::ids::Counters;
use crate::record::FORMAT_VERSION;
use crate::{DdlRecord, Error, Snapshot};

/// Key of [`Head`].
const HEAD_KEY: &[u8] = b"head";
/// Longest value; sled keeps longer ones in files of their own, badly. Longer values are split.
const PART_SIZE_BYTES_MAX: usize = 3500;

/// What the index is about.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Head {
    /// [`FORMAT_VERSION`] of the values.
    format: u8,
    /// Time of the last record that is in the index.
    applied: Timestamp,
    /// [`fingerprint`] of all records up to `applied`.
    fingerprint: u32,
    /// Ids of dropped things are in no value, but must not be used again.
    counters: Counters,
}

written_fields!(Head { format, applied, fingerprint, counters });

/// The index on disk, or nothing where there is none.
pub(crate) struct Index {
    store: Option<Box<dyn MetaStore>>,
    fingerprint: u32,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("stored", &self.store.is_some()).finish_non_exhaustive()
    }
}

impl Index {
    /// The index in `dir` brought up to the end of `ddl`, and the snapshot there.
    pub(crate) fn open(
        dir: Option<&Path>,
        ddl: impl Iterator<Item = (Timestamp, Bytes)>,
    ) -> Result<(Self, Snapshot), Error> {
        let store = dir.and_then(|dir| {
            let opened = SledStore::open(dir).or_else(|Broken(reason)| {
                tracing::warn!(reason, "catalogue index cannot be opened, making it again");
                SledStore::remake(dir)
            });
            let opened = opened.map_err(|Broken(reason)| {
                tracing::warn!(reason, "catalogue index cannot be made, going on without");
            });
            opened.ok().map(|store| Box::new(store) as Box<dyn MetaStore>)
        });
        Self::from_store(store, ddl)
    }

    fn from_store(
        store: Option<Box<dyn MetaStore>>,
        ddl: impl Iterator<Item = (Timestamp, Bytes)>,
    ) -> Result<(Self, Snapshot), Error> {
        let ddl: Vec<(Timestamp, Bytes)> = ddl.collect();
        let mut index = Self { store, fingerprint: 0 };
        let (mut snapshot, applied_count) =
            index.load(&ddl).unwrap_or_else(|| (Snapshot::empty(), 0));
        let loaded = applied_count > 0;
        for (time, bytes) in &ddl[..applied_count] {
            index.fingerprint = fingerprint(index.fingerprint, *time, bytes);
        }
        for (time, bytes) in &ddl[applied_count..] {
            let record = DdlRecord::decode(bytes)?;
            snapshot = snapshot.after(*time, &record.edits);
            index.fingerprint = fingerprint(index.fingerprint, *time, bytes);
        }
        if !loaded || applied_count < ddl.len() {
            index.rewrite(&snapshot);
        }
        Ok((index, snapshot))
    }

    /// The snapshot in the store and how many of `ddl` are in it; `None` unless all of it fits.
    fn load(&self, ddl: &[(Timestamp, Bytes)]) -> Option<(Snapshot, usize)> {
        let store = self.store.as_ref()?;
        let head: Head = parse(&store.get(HEAD_KEY).ok()??)?;
        let applied_count = ddl.iter().position(|(time, _)| *time == head.applied)? + 1;
        let expected = ddl[..applied_count]
            .iter()
            .fold(0, |before, (time, bytes)| fingerprint(before, *time, bytes));
        if head.format != FORMAT_VERSION || head.fingerprint != expected {
            return None;
        }
        let mut snapshot = Snapshot::empty();
        snapshot.time = head.applied;
        snapshot.namespaces = values(store.as_ref(), b"n/")?
            .into_iter()
            .map(|namespace: crate::Namespace| (namespace.id, Arc::new(namespace)))
            .collect();
        values(store.as_ref(), b"r/")?.into_iter().for_each(|relation| snapshot.put(relation));
        snapshot.rebuilds = values(store.as_ref(), b"b/")?
            .into_iter()
            .map(|rebuild: crate::Rebuild| (rebuild.id, Arc::new(rebuild)))
            .collect();
        snapshot.counters.pass(&head.counters);
        Some((snapshot, applied_count))
    }

    /// Writes what `record` changed between two snapshots.
    pub(crate) fn follow(&mut self, record: &DdlRecord, before: &Snapshot, after: &Snapshot) {
        self.fingerprint = fingerprint(self.fingerprint, after.time, &record.encode());
        let head = self.head(after);
        let Some(store) = self.store.as_mut() else { return };
        let changed = changes(store.as_ref(), before, after).and_then(|mut batch| {
            batch.push((HEAD_KEY.to_vec(), Some(sealed(&head))));
            store.apply(batch)
        });
        if let Err(Broken(reason)) = changed {
            tracing::warn!(reason, "catalogue index cannot be written, making it again");
            self.rewrite(after);
        }
    }

    /// Wipes the store and writes all of `snapshot`; gives the store up if that fails.
    fn rewrite(&mut self, snapshot: &Snapshot) {
        let head = self.head(snapshot);
        let Some(store) = self.store.as_mut() else { return };
        let mut nothing = Snapshot::empty();
        nothing.namespaces.clear();
        let written = store.wipe().and_then(|()| {
            let mut batch = changes(store.as_ref(), &nothing, snapshot)?;
            batch.push((HEAD_KEY.to_vec(), Some(sealed(&head))));
            store.apply(batch)
        });
        if let Err(Broken(reason)) = written {
            tracing::warn!(reason, "catalogue index cannot be written, going on without");
            self.store = None;
        }
    }

    /// Writes everything through to the disk.
    pub(crate) fn sync(&mut self) {
        let Some(store) = self.store.as_mut() else { return };
        if let Err(Broken(reason)) = store.sync() {
            tracing::warn!(
                reason,
                "catalogue index cannot be synced, the next start makes it again"
            );
        }
    }

    fn head(&self, snapshot: &Snapshot) -> Head {
        Head {
            format: FORMAT_VERSION,
            applied: snapshot.time,
            fingerprint: self.fingerprint,
            counters: snapshot.counters,
        }
    }
}

/// Checksum over all records so far, and this one.
fn fingerprint(before: u32, time: Timestamp, record: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(before, &time.0.to_le_bytes()), record)
}

/// The bytes of a value: its checksum, then the value.
fn sealed(value: &impl Written) -> Vec<u8> {
    let mut body = Vec::new();
    value.write(&mut body);
    let mut bytes = crc32c::crc32c(&body).to_le_bytes().to_vec();
    bytes.append(&mut body);
    bytes
}

/// Reads what [`sealed`] wrote; `None` if it is anything else.
fn parse<T: Written>(bytes: &[u8]) -> Option<T> {
    let (crc, mut body) = bytes.split_first_chunk::<4>()?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let value = T::read(&mut body).ok()?;
    body.is_empty().then_some(value)
}

/// Key of part `part` of the value with this id: `r/`, id, part, both big-endian so that they sort.
fn key(prefix: &[u8], id: u32, part: Option<u16>) -> Vec<u8> {
    let mut key = prefix.to_vec();
    key.extend_from_slice(&id.to_be_bytes());
    if let Some(part) = part {
        key.extend_from_slice(&part.to_be_bytes());
    }
    key
}

/// All values under `prefix`, their parts joined; `None` if one does not fit.
fn values<T: Written>(store: &dyn MetaStore, prefix: &[u8]) -> Option<Vec<T>> {
    let mut joined: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for (key, part) in store.scan_prefix(prefix).ok()? {
        let id = key.get(..prefix.len() + 4)?.to_vec();
        joined.entry(id).or_default().extend_from_slice(&part);
    }
    joined.values().map(|bytes| parse(bytes)).collect()
}

/// What must be written so that a store that held `before` holds `after`.
fn changes(store: &dyn MetaStore, before: &Snapshot, after: &Snapshot) -> Result<Batch, Broken> {
    let mut batch = Batch::new();
    difference(store, b"n/", (&before.namespaces, &after.namespaces), |id| id.0, &mut batch)?;
    difference(store, b"r/", (&before.relations, &after.relations), |id| id.0, &mut batch)?;
    difference(store, b"b/", (&before.rebuilds, &after.rebuilds), |id| id.0, &mut batch)?;
    Ok(batch)
}

#[expect(clippy::type_complexity, reason = "the same map before and after")]
fn difference<I: Ord + Copy, T: Written>(
    store: &dyn MetaStore,
    prefix: &[u8],
    (before, after): (&BTreeMap<I, Arc<T>>, &BTreeMap<I, Arc<T>>),
    number: impl Fn(I) -> u32,
    batch: &mut Batch,
) -> Result<(), Broken> {
    let gone = before.keys().filter(|id| !after.contains_key(id)).map(|id| (id, None));
    let new = after
        .iter()
        .filter(|(id, value)| !before.get(id).is_some_and(|old| Arc::ptr_eq(old, value)))
        .map(|(id, value)| (id, Some(value)));
    for (id, value) in gone.chain(new) {
        let old = store.scan_prefix(&key(prefix, number(*id), None))?;
        batch.extend(old.into_iter().map(|(key, _)| (key, None)));
        let bytes = value.map(|value| sealed(value.as_ref())).unwrap_or_default();
        for (part, bytes) in bytes.chunks(PART_SIZE_BYTES_MAX).enumerate() {
            let part = u16::try_from(part).map_err(|_| Broken("a value is too long".to_owned()))?;
            batch.push((key(prefix, number(*id), Some(part)), Some(bytes.to_vec())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::{Edit, Namespace};
    use kappa_types::NamespaceId;
    use parking_lot::Mutex;

    /// A store in memory that fails from some call on.
    #[derive(Clone, Default)]
    struct Double {
        values: Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>>,
        /// Calls of `apply` that succeed; then one fails, then all succeed again. Zero: none fails.
        apply_count_left: Arc<AtomicUsize>,
    }

    impl MetaStore for Double {
        fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Broken> {
            Ok(self.values.lock().get(key).cloned())
        }
        fn scan_prefix(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Broken> {
            let values = self.values.lock();
            let found = values.iter().filter(|(key, _)| key.starts_with(prefix));
            Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
        }
        fn apply(&mut self, batch: Batch) -> Result<(), Broken> {
            let left = self.apply_count_left.load(Ordering::SeqCst);
            self.apply_count_left.store(left.saturating_sub(1), Ordering::SeqCst);
            if left == 1 {
                return Err(Broken("as told".to_owned()));
            }
            for (key, value) in batch {
                match value {
                    Some(value) => self.values.lock().insert(key, value),
                    None => self.values.lock().remove(&key),
                };
            }
            Ok(())
        }
        fn sync(&mut self) -> Result<(), Broken> {
            Ok(())
        }
        fn wipe(&mut self) -> Result<(), Broken> {
            self.values.lock().clear();
            Ok(())
        }
    }

    /// Records that create and drop namespaces with long comments.
    fn log() -> Vec<(Timestamp, Bytes)> {
        let namespace = |id: u32| Namespace {
            id: NamespaceId(id),
            oid: 20_000 + id,
            name: format!("n{id}"),
            owner: "kappa".to_owned(),
            comment: Some("long ".repeat(id as usize * 100)),
        };
        let edits = (20..30).flat_map(|id| {
            let drop = (id % 3 == 0).then_some(Edit::DropNamespace(NamespaceId(id)));
            [Some(Edit::CreateNamespace(namespace(id))), drop].into_iter().flatten()
        });
        (1..)
            .zip(edits)
            .map(|(time, edit)| {
                let record = DdlRecord { edits: vec![edit], ..DdlRecord::default() };
                (Timestamp(time), record.encode())
            })
            .collect()
    }

    fn open(store: &Double, log: &[(Timestamp, Bytes)]) -> (Index, Snapshot) {
        Index::from_store(Some(Box::new(store.clone())), log.iter().cloned()).expect("log is sound")
    }

    /// How many records the store spares a start, and that what it holds is right.
    fn loaded_count(store: &Double, log: &[(Timestamp, Bytes)]) -> usize {
        let index = Index { store: Some(Box::new(store.clone())), fingerprint: 0 };
        let Some((snapshot, count)) = index.load(log) else { return 0 };
        let (_, expected) = Index::from_store(None, log[..count].iter().cloned()).expect("sound");
        assert_eq!(format!("{snapshot:?}"), format!("{expected:?}"));
        count
    }

    #[test]
    fn a_start_loads_what_the_index_has() {
        let (store, log) = (Double::default(), log());
        assert_eq!(loaded_count(&store, &log), 0);
        open(&store, &log[..5]);
        assert_eq!(loaded_count(&store, &log), 5);
        open(&store, &log);
        assert_eq!(loaded_count(&store, &log), log.len());
    }

    #[test]
    fn following_is_the_same_as_rewriting() {
        let (store, rewritten, log) = (Double::default(), Double::default(), log());
        let (mut index, mut before) = open(&store, &[]);
        for (count, (time, bytes)) in (1..).zip(&log) {
            let record = DdlRecord::decode(bytes).expect("sound");
            let after = before.after(*time, &record.edits);
            index.follow(&record, &before, &after);
            assert_eq!(loaded_count(&store, &log), count);
            rewritten.values.lock().clear();
            open(&rewritten, &log[..count]);
            assert_eq!(*store.values.lock(), *rewritten.values.lock());
            before = after;
        }
    }

    #[test]
    fn a_failed_write_makes_the_index_again() {
        let (store, log) = (Double::default(), log());
        let (mut index, before) = open(&store, &log[..4]);
        let record = DdlRecord::decode(&log[4].1).expect("sound");
        let after = before.after(log[4].0, &record.edits);
        store.apply_count_left.store(1, Ordering::SeqCst);
        index.follow(&record, &before, &after);
        assert_eq!(loaded_count(&store, &log), 5);
    }

    #[test]
    fn a_damaged_value_is_not_loaded() {
        let (store, log) = (Double::default(), log());
        open(&store, &log);
        let keys: Vec<Vec<u8>> = store.values.lock().keys().cloned().collect();
        for key in keys {
            let sound = store.values.lock()[&key].clone();
            let mut damaged = sound.clone();
            *damaged.last_mut().expect("no value is empty") ^= 1;
            store.values.lock().insert(key.clone(), damaged);
            assert_eq!(loaded_count(&store, &log), 0);
            store.values.lock().insert(key, sound);
        }
        assert_eq!(loaded_count(&store, &log), log.len());
    }
}
