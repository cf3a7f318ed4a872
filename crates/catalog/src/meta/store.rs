//! [`MetaStore`]: the little that the index asks of a key-value store.

/// Changes that happen together: a key with its new value, or with none to take it away.
pub(super) type Batch = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// Something is wrong with the store. There is one thing to do: wipe it and make it again.
#[derive(Debug)]
pub(super) struct Broken(pub(super) String);

/// An ordered map from bytes to bytes, on disk. A double stands in for it in the tests.
pub(super) trait MetaStore: Send {
    /// The value of `key`.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Broken>;
    #[expect(clippy::type_complexity, reason = "keys and values are bytes")]
    /// All keys that begin with `prefix`, in order, with their values.
    fn scan_prefix(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Broken>;
    /// Makes all changes or, if the process dies, none.
    fn apply(&mut self, batch: Batch) -> Result<(), Broken>;
    /// Returns when all applied batches are on the disk.
    fn sync(&mut self) -> Result<(), Broken>;
    /// Takes everything away.
    fn wipe(&mut self) -> Result<(), Broken>;
}
