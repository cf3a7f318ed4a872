//! [`FileReader`]: the files of a source, one after the other, round after round.
//!
//! The one idea: a round looks at every file once, in the order of their names, and reads each up to
//! where it reached at that moment. Mode `once` is one round, `follow` is rounds for ever. A file that
//! cannot be read is passed over in its round and tried again in the next, which mode `once` adds.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use kappa_types::{SqlError, SqlState};

use super::chunk::Chunk;
use super::listing::{io_error, list};
use super::options::{FileOptions, Mode};
use super::parquet_file::{Opened, ParquetFile};
use super::position::Position;
use super::replay::{Anchor, Replay};
use super::text_file::TextFile;
use crate::format::{Format, TextDecoder};
use crate::reader::{Reader, Step};
use crate::{ConnectorSpec, Offset, Reject, SourceBatch};

/// How long to wait between rounds that found nothing.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Rows and rejects in a batch: a commit of a few megabytes, and a few milliseconds of a view's time.
const BATCH_ROW_COUNT_MAX: usize = 16 * 1024;

/// Files kept open between rounds; only these are read to their end after they were moved away.
const OPEN_FILE_COUNT_MAX: usize = 64;

/// What the whole source's partition says once mode `once` has read everything.
const DONE: &str = "done";

/// Reads the files of a source.
pub(crate) struct FileReader {
    spec: ConnectorSpec,
    options: FileOptions,
    /// How far each file was read, by path.
    positions: BTreeMap<String, Position>,
    /// Open files of text, by path; at most [`OPEN_FILE_COUNT_MAX`].
    open: BTreeMap<String, TextFile>,
    /// The open file of Parquet; only one is read at a time.
    parquet: Option<Box<ParquetFile>>,
    /// Followed files that looked broken in the last round, with their checksums.
    suspects: BTreeMap<String, u32>,
    /// The files still to look at in this round; `None` between rounds.
    round: Option<VecDeque<String>>,
    /// Whether the first file of the round is being read.
    is_turn: bool,
    /// Whether a file of this round could not be read.
    has_failed: bool,
    replay: Option<Replay>,
    is_done: bool,
    batch_row_count_max: usize,
}

impl FileReader {
    /// A reader that goes on at committed positions.
    ///
    /// # Errors
    /// 22023 and others for bad options, XX000 for positions that are none.
    pub(crate) fn new(
        spec: ConnectorSpec,
        offsets: &BTreeMap<String, String>,
    ) -> Result<Self, SqlError> {
        let options = FileOptions::new(&spec)?;
        let whole = offsets.get("").map(String::as_str);
        let mut positions = BTreeMap::new();
        for (path, text) in offsets.iter().filter(|(path, _)| !path.is_empty()) {
            let position = text.parse().map_err(|_| invalid_position(text))?;
            positions.insert(path.clone(), position);
        }
        let anchor = whole.and_then(Anchor::parse);
        if whole.is_some_and(|text| text != DONE) && anchor.is_none() {
            return Err(invalid_position(whole.unwrap_or_default()));
        }
        Ok(Self {
            replay: options.replay.map(|replay| Replay::new(replay, anchor)),
            spec,
            options,
            positions,
            open: BTreeMap::new(),
            parquet: None,
            suspects: BTreeMap::new(),
            round: None,
            is_turn: false,
            has_failed: false,
            is_done: whole == Some(DONE),
            batch_row_count_max: BATCH_ROW_COUNT_MAX,
        })
    }

    /// The same with smaller batches.
    #[cfg(test)]
    pub(super) const fn with_batch_row_count_max(mut self, count: usize) -> Self {
        self.batch_row_count_max = count;
        self
    }

    /// The files of a new round: those there are, and open ones that were moved away.
    fn begin_round(&mut self) -> Result<VecDeque<String>, SqlError> {
        let listed = list(&self.options.path)?;
        if listed.is_empty() && self.options.mode == Mode::Once {
            let message = format!("no file matches \"{}\"", self.options.path);
            return Err(SqlError::new(SqlState::UndefinedFile, message));
        }
        let mut files = listed;
        let gone: Vec<_> =
            self.open.keys().filter(|path| files.binary_search(path).is_err()).cloned().collect();
        files.extend(gone);
        files.sort_unstable();
        self.has_failed = false;
        Ok(files.into())
    }

    /// The next chunk of the file at `path`; nothing if its turn is over.
    fn read_file(&mut self, path: &str) -> Result<Option<Chunk>, SqlError> {
        match &self.spec.format {
            Format::Parquet => self.read_parquet_file(path),
            Format::Csv(_) | Format::Json | Format::None => self.read_text_file(path),
        }
    }

    fn read_text_file(&mut self, path: &str) -> Result<Option<Chunk>, SqlError> {
        let is_once = self.options.mode == Mode::Once;
        if !self.open.contains_key(path) {
            let file = self.open_text_file(path)?;
            self.open.insert(path.to_owned(), file);
        }
        let file = self.open.get_mut(path).expect("it was just inserted");
        let outcome = if self.is_turn { Ok(()) } else { file.begin_turn() };
        self.is_turn = true;
        let chunk = outcome.and_then(|()| file.read(self.batch_row_count_max, is_once));
        let chunk = chunk.map_err(|error| io_error(path, &error))?;
        if let Some(chunk) = &chunk {
            self.positions.insert(path.to_owned(), chunk.end);
        } else if is_once || file.is_detached() {
            self.open.remove(path);
        }
        Ok(chunk)
    }

    fn open_text_file(&mut self, path: &str) -> Result<TextFile, SqlError> {
        let schema = &self.spec.schema;
        let decoder = match &self.spec.format {
            Format::Csv(csv) => TextDecoder::csv(csv.clone(), schema),
            _ => TextDecoder::json(schema),
        };
        if self.open.len() >= OPEN_FILE_COUNT_MAX {
            self.open.pop_first();
        }
        let position = self.positions.get(path).copied().unwrap_or_default();
        TextFile::open(path, decoder, &position).map_err(|error| io_error(path, &error))
    }

    fn read_parquet_file(&mut self, path: &str) -> Result<Option<Chunk>, SqlError> {
        let position = self.positions.get(path).copied().unwrap_or_default();
        if self.parquet.is_none() {
            let count = self.batch_row_count_max;
            match ParquetFile::open(path, &self.spec.schema, &position, count)? {
                Opened::File(file) => self.parquet = Some(file),
                Opened::Finished => return Ok(None),
                Opened::Foreign { position, reason } => {
                    return Ok(self.leave_alone(path, position, reason));
                }
            }
        }
        let Some(file) = &mut self.parquet else { return Ok(None) };
        let chunk = match file.read() {
            Ok(chunk) => chunk,
            Err(reason) => {
                let position = Position { is_foreign: true, ..file.position() };
                Some(self.reject_file(path, position, reason))
            }
        };
        match &chunk {
            Some(chunk) if !chunk.end.is_foreign => {
                self.positions.insert(path.to_owned(), chunk.end);
            }
            _ => self.parquet = None,
        }
        Ok(chunk)
    }

    /// Rejects a Parquet file as a whole. One that is followed may still be written: it is only
    /// rejected if it is found the same a second time.
    fn leave_alone(&mut self, path: &str, position: Position, reason: String) -> Option<Chunk> {
        let is_still =
            self.suspects.insert(path.to_owned(), position.check) == Some(position.check);
        let is_final = is_still || self.options.mode == Mode::Once;
        is_final.then(|| self.reject_file(path, position, reason))
    }

    /// A chunk that says that the file is left alone from here on.
    fn reject_file(&mut self, path: &str, position: Position, reason: String) -> Chunk {
        self.suspects.remove(path);
        self.positions.insert(path.to_owned(), position);
        Chunk {
            path: path.to_owned(),
            rows: RecordBatch::new_empty(self.spec.schema.arrow()),
            ends: Vec::new(),
            rejects: vec![(0, Reject::new(path.to_owned(), reason, b""))],
            end: position,
        }
    }

    /// Ends a round: the source is done, or waits for the next one.
    fn end_round(&mut self) -> Step {
        if self.options.mode == Mode::Follow || self.has_failed {
            return Step::Wait(POLL_INTERVAL);
        }
        self.is_done = true;
        let done = Offset { partition: String::new(), position: DONE.to_owned() };
        let rows = RecordBatch::new_empty(self.spec.schema.arrow());
        Step::Batch(SourceBatch { rows, rejects: Vec::new(), offsets: vec![done] })
    }
}

impl Reader for FileReader {
    fn next(&mut self, now_micros: i64) -> Result<Step, SqlError> {
        if self.is_done {
            return Ok(Step::End);
        }
        if let Some(replay) = self.replay.as_mut().filter(|replay| replay.is_waiting()) {
            return replay.next(now_micros);
        }
        loop {
            let Some(round) = &mut self.round else {
                self.round = Some(self.begin_round()?);
                continue;
            };
            let Some(path) = round.front().cloned() else {
                self.round = None;
                return Ok(self.end_round());
            };
            let outcome = self.read_file(&path);
            if let Ok(Some(mut chunk)) = outcome {
                let Some(replay) = &mut self.replay else {
                    return Ok(Step::Batch(chunk.take(usize::MAX)));
                };
                replay.push(chunk);
                return replay.next(now_micros);
            }
            self.round.as_mut().expect("a round is on").pop_front();
            self.is_turn = false;
            if let Err(error) = outcome {
                self.has_failed = true;
                self.open.remove(&path);
                return Err(error);
            }
        }
    }
}

fn invalid_position(text: &str) -> SqlError {
    let message = format!("\"{text}\" is not a position of connector \"file\"");
    SqlError::new(SqlState::InternalError, message)
}
