//! [`Spool`]: rows of a statement too large for the WAL, written to sealed files first.
//!
//! The files are complete, synced and checked before the commit is placed; the commit itself is one
//! small frame that names them. Until it is durable nobody sees them, and whoever starts after a
//! crash removes what no commit names.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::record_batch::RecordBatch;
use kappa_types::{RelationId, Schema};

use crate::fault::fault_point;
use crate::segment::{Hidden, Segment, SegmentTarget, SegmentWriter};
use crate::{Error, Fs, RowKind};

/// Where and how spooled files are written.
#[derive(Clone, Debug)]
pub(crate) struct SpoolTarget {
    pub(crate) fs: Arc<dyn Fs>,
    /// The relation's directory.
    pub(crate) dir: PathBuf,
    pub(crate) relation: RelationId,
    pub(crate) schema: Arc<Schema>,
    pub(crate) row_group_row_count: usize,
    pub(crate) zstd_level: i32,
    /// Rows of a file.
    pub(crate) file_row_count: u64,
    /// Seeds the names.
    pub(crate) seed: u64,
}

/// Files being written that no reader sees. Dropping it removes them.
pub struct Spool {
    target: SpoolTarget,
    hidden: Hidden,
    names: fastrand::Rng,
    writer: Option<(String, SegmentWriter)>,
    segments: Vec<Arc<Segment>>,
    row_count: u64,
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Spool {
    pub(crate) fn new(target: SpoolTarget) -> Self {
        let names = fastrand::Rng::with_seed(target.seed);
        let hidden = Hidden::Attached;
        Self { target, hidden, names, writer: None, segments: Vec::new(), row_count: 0 }
    }

    /// The same for changes of other multiplicities than `+1`; nothing may have been added yet.
    #[must_use]
    pub fn with_diffs(mut self) -> Self {
        assert!(self.row_count == 0, "a file has diffs from its first row on");
        self.hidden = Hidden::AttachedWithDiffs;
        self
    }

    /// Rows so far.
    #[must_use]
    pub const fn row_count(&self) -> u64 {
        self.row_count
    }

    /// Adds rows (all `+1`).
    ///
    /// # Errors
    /// [`Error::DiskFull`]; [`Error::Invalid`] if the schema differs.
    pub fn append(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        self.append_changes(rows, None)
    }

    /// Adds rows with their multiplicities, which only a spool [`Spool::with_diffs`] takes.
    ///
    /// # Errors
    /// As [`Spool::append`].
    pub fn append_changes(
        &mut self,
        rows: &RecordBatch,
        diffs: Option<&Int64Array>,
    ) -> Result<(), Error> {
        check_types(&self.target.schema, rows)?;
        let fits = diffs.is_none_or(|diffs| {
            self.hidden == Hidden::AttachedWithDiffs && diffs.len() == rows.num_rows()
        });
        if !fits {
            return Err(Error::Invalid("the spool does not take these diffs".to_owned()));
        }
        let full = self
            .writer
            .as_ref()
            .is_some_and(|(_, writer)| writer.row_count() >= self.target.file_row_count);
        if full {
            self.finish_file()?;
        }
        if self.writer.is_none() {
            let name = format!("attach-{:016x}.parquet", self.names.u64(..));
            let target = SegmentTarget {
                fs: Arc::clone(&self.target.fs),
                dir: self.target.dir.clone(),
                name: name.clone(),
                relation: self.target.relation,
                kind: RowKind::Rows,
                schema: Arc::clone(&self.target.schema),
                row_group_row_count: self.target.row_group_row_count,
                zstd_level: self.target.zstd_level,
            };
            self.writer = Some((name, SegmentWriter::create(target, self.hidden)?));
        }
        let (_, writer) = self.writer.as_mut().expect("one was made above");
        writer.append_attached(rows, diffs)?;
        self.row_count += rows.num_rows() as u64;
        Ok(())
    }

    fn finish_file(&mut self) -> Result<(), Error> {
        let Some((name, writer)) = self.writer.take() else { return Ok(()) };
        let meta = writer.finish().inspect_err(|_| self.remove(&name))?;
        let (fs, schema) = (Arc::clone(&self.target.fs), Arc::clone(&self.target.schema));
        let segment = Segment::new(fs, &self.target.dir, meta, schema);
        segment.set_dead(true);
        self.segments.push(Arc::new(segment));
        Ok(())
    }

    fn remove(&self, name: &str) {
        let path = self.target.dir.join(name);
        if let Err(error) = self.target.fs.remove(&path) {
            // What is left is collected at the next start.
            tracing::warn!(%error, path = %path.display(), "could not remove a spooled file");
        }
    }

    /// Closes, syncs and verifies the files.
    ///
    /// # Errors
    /// [`Error::DiskFull`] or [`Error::Io`]; the files are removed.
    pub fn finish(mut self) -> Result<Attachment, Error> {
        self.finish_file()?;
        fault_point("spool.finished");
        Ok(Attachment {
            relation: self.target.relation,
            watermark: None,
            row_count: self.row_count,
            kept: Vec::new(),
            schema: Arc::clone(&self.target.schema),
            segments: std::mem::take(&mut self.segments),
        })
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if let Some((name, writer)) = self.writer.take() {
            drop(writer);
            self.remove(&name);
        }
    }
}

/// Sealed files that become rows when their [`crate::Commit`] is durable. Dropping it removes them.
#[derive(Debug)]
pub struct Attachment {
    /// Whose rows.
    pub relation: RelationId,
    /// Largest watermark candidate of the rows, microseconds; the caller sets it.
    pub watermark: Option<i64>,
    /// Rows in the files.
    pub row_count: u64,
    /// The rows again with their diffs, where whoever observes the log needs them in memory; the
    /// caller sets it, the log does not look at it.
    pub kept: Vec<(RecordBatch, Option<Int64Array>)>,
    /// Their columns.
    pub(crate) schema: Arc<Schema>,
    /// The files, dead until they are placed.
    pub(crate) segments: Vec<Arc<Segment>>,
}

/// Whether `rows` have the columns of `schema`.
pub(crate) fn check_types(schema: &Schema, rows: &RecordBatch) -> Result<(), Error> {
    let types = rows.columns().iter().map(|column| column.data_type());
    let fits = rows.num_columns() == schema.columns.len()
        && types
            .zip(&schema.columns)
            .all(|(found, column)| column.sql_type.arrow().equals_datatype(found));
    if fits {
        return Ok(());
    }
    let version = schema.version;
    Err(Error::Invalid(format!("rows do not have the columns of schema version {version}")))
}
