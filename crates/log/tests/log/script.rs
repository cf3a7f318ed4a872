//! Golden scripts: `testscripts/*`, with the log on a simulated disk.
//!
//! ```text
//! commit [relation=1] [rows=a,b] [deletes=a] [ddl=text] [offset=text] [watermark=n] [clock]
//! place …            as commit, without waiting; `wait` waits for all placed
//! attach rows=…      through spooled files;   spool rows=…   without the commit
//! seal, merge, close, open, clock <micros>
//! crash              keeps only what was synced;   crash everything   keeps all
//! tear last=<n>      overwrites the n-th group from the end with zeros from its middle on
//! flip file=<part of a name> byte=<n>
//! dump [relation=1] [after=n] [until=n]     rows as time:seq id diff
//! groups [after=n], files, meta
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use goldenscript::Command;
use kappa_log::{
    Commit, Crash, EntryRows, Fs, Log, LogOptions, Placed, RelationRows, RowKind, Scan, SimFs,
};
use kappa_types::{
    Column, ColumnId, ManualClock, RelationId, Schema, SchemaVersionId, SqlType, Timestamp,
};

#[test]
fn scripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testscripts");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        goldenscript::run(&mut Runner::new(), entry.unwrap().path()).unwrap();
        count += 1;
    }
    assert!(count >= 5, "the scripts were found");
}

struct Runner {
    sim: SimFs,
    clock: Arc<ManualClock>,
    log: Option<Log>,
    placed: Vec<Placed>,
}

fn schema() -> Schema {
    let id = Column {
        id: ColumnId(1),
        name: "id".to_owned(),
        sql_type: SqlType::BigInt,
        nullable: true,
    };
    Schema { version: SchemaVersionId(1), columns: vec![id] }
}

fn batch(ids: &[i64]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from(ids.to_vec()));
    RecordBatch::try_new(schema().arrow(), vec![ids]).unwrap()
}

fn ids_of(batch: &RecordBatch) -> Vec<i64> {
    batch.column(0).as_primitive::<Int64Type>().values().to_vec()
}

impl Runner {
    fn new() -> Self {
        let sim = SimFs::new(Path::new("/"));
        let clock = Arc::new(ManualClock::new(100));
        let mut runner = Self { sim, clock, log: None, placed: Vec::new() };
        runner.open().unwrap();
        runner
    }

    fn open(&mut self) -> Result<(), kappa_log::Error> {
        let fs: Arc<dyn Fs> = Arc::new(self.sim.clone());
        let options = LogOptions {
            wal_file_size_bytes_min: 32 << 10,
            merge_fan_in: 2,
            background: false,
            seed: Some(1),
            ..LogOptions::default()
        };
        self.log = Some(Log::open(fs, Path::new("/data"), Arc::clone(&self.clock) as _, options)?);
        Ok(())
    }

    fn log(&self) -> Result<&Log, Box<dyn Error>> {
        self.log.as_ref().ok_or_else(|| "the log is closed".into())
    }

    fn place(&mut self, command: &Command) -> Result<(), Box<dyn Error>> {
        let mut args = command.consume_args();
        let relation = RelationId(args.lookup_parse("relation")?.unwrap_or(1));
        let mut commit = Commit::default();
        if self.log()?.statistics(relation).row_count == 0 {
            commit.schemas.push((relation, schema()));
        }
        let list = |text: Option<&goldenscript::Argument>| -> Vec<i64> {
            let text = text.map_or("", |argument| argument.value.as_str());
            text.split(',').filter_map(|id| id.parse().ok()).collect()
        };
        let (rows, deletes) = (list(args.lookup("rows")), list(args.lookup("deletes")));
        let watermark = args.lookup_parse("watermark")?;
        if command.name == "spool" {
            let mut spool = self.log()?.spool(relation, &schema())?;
            spool.append(&batch(&rows))?;
            // As if power went before the commit.
            std::mem::forget(spool.finish()?);
            return Ok(());
        }
        if command.name == "attach" {
            let mut spool = self.log()?.spool(relation, &schema())?;
            spool.append(&batch(&rows))?;
            let mut attachment = spool.finish()?;
            attachment.watermark = watermark;
            commit.attachments.push(attachment);
        } else if !rows.is_empty() || !deletes.is_empty() {
            let ones = std::iter::repeat_n(1, rows.len());
            let diffs = ones.chain(std::iter::repeat_n(-1, deletes.len()));
            let diffs = (!deletes.is_empty()).then(|| Int64Array::from_iter_values(diffs));
            commit.rows.push(RelationRows {
                relation,
                schema_version: SchemaVersionId(1),
                kind: RowKind::Rows,
                rows: batch(&[rows, deletes].concat()),
                diffs,
                watermark,
            });
        }
        commit.ddl = args.lookup("ddl").map(|text| text.value.clone().into());
        if let Some(offset) = args.lookup("offset") {
            commit.offsets.push((relation, "p0".to_owned(), offset.value.clone()));
        }
        if let Some(dropped) = args.lookup_parse("drop")? {
            commit.drops.push(RelationId(dropped));
        }
        commit.clock = args.next_pos().is_some_and(|word| word.value == "clock");
        args.reject_rest()?;
        self.placed.push(self.log()?.place(commit)?);
        Ok(())
    }

    fn wait(&mut self) -> Result<String, Box<dyn Error>> {
        let mut output = String::new();
        for placed in std::mem::take(&mut self.placed) {
            let time = self.log()?.wait(&placed)?;
            writeln!(output, "{time}:{}", placed.seq)?;
        }
        Ok(output)
    }

    fn dump(&self, command: &Command) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        let scan = Scan {
            relation: RelationId(args.lookup_parse("relation")?.unwrap_or(1)),
            kind: RowKind::Rows,
            columns: vec![ColumnId(1)],
            schema: schema(),
            after: Timestamp(args.lookup_parse("after")?.unwrap_or(0)),
            until: Timestamp(args.lookup_parse("until")?.unwrap_or(u64::MAX)),
            ranges: match args.lookup_parse("min")? {
                Some(min) => vec![(ColumnId(1), Some(min), None)],
                None => Vec::new(),
            },
            batch_row_count_max: 100,
        };
        args.reject_rest()?;
        let mut output = String::new();
        for (index, part) in self.log()?.scan(&scan)?.iter().enumerate() {
            for batch in part.open()? {
                let batch = batch?;
                for (at, id) in ids_of(&batch.rows).into_iter().enumerate() {
                    let diff = batch.diffs.as_ref().map_or(1, |diffs| diffs.value(at));
                    let (time, seq) = (batch.times.value(at), batch.seqs.value(at));
                    writeln!(output, "part {index}: {time}:{seq} {id} {diff:+}")?;
                }
            }
        }
        Ok(output)
    }

    fn groups(&self, command: &Command) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        let after = Timestamp(args.lookup_parse("after")?.unwrap_or(0));
        args.reject_rest()?;
        let mut output = String::new();
        for group in self.log()?.groups(after, usize::MAX)? {
            writeln!(output, "{} wall {} ddl {:?}", group.time, group.wall_micros, group.ddl)?;
            for entry in &group.entries {
                let (what, ids) = match &entry.rows {
                    EntryRows::Memory { rows, .. } => ("memory", ids_of(rows)),
                    EntryRows::Parts(parts) => {
                        let mut ids = Vec::new();
                        for part in parts {
                            for batch in part.open()? {
                                ids.extend(ids_of(&batch?.rows));
                            }
                        }
                        ("parts", ids)
                    }
                };
                let (relation, seq) = (entry.relation, entry.seq);
                let watermark = entry.watermark;
                writeln!(output, "  relation {relation} seq {seq} {what} {ids:?} {watermark:?}")?;
            }
        }
        Ok(output)
    }

    fn meta(&self) -> Result<String, Box<dyn Error>> {
        let log = self.log()?;
        let mut output = String::new();
        writeln!(output, "durable {}", log.durable_time())?;
        for (time, ddl) in log.ddl(Timestamp::MIN)? {
            writeln!(output, "ddl {time} {}", String::from_utf8_lossy(&ddl))?;
        }
        for relation in [RelationId(1), RelationId(2)] {
            let (steps, offsets) =
                (log.watermark_steps(relation, Timestamp::MIN), log.offsets(relation));
            let steps: Vec<_> = steps.iter().map(|(time, value)| (time.0, *value)).collect();
            let rows = log.statistics(relation).row_count;
            writeln!(output, "relation {relation}: rows {rows} steps {steps:?} {offsets:?}")?;
        }
        Ok(output)
    }

    fn files(&self) -> String {
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        for (path, _) in self.sim.files() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let kind = match path.extension() {
                Some(kind) => kind.to_string_lossy().into_owned(),
                None => name,
            };
            *kinds.entry(kind).or_default() += 1;
        }
        kinds.into_iter().map(|(kind, count)| format!("{kind} {count}\n")).collect()
    }

    fn tear(&self, back: usize) {
        let files = self.sim.files();
        let mut groups = Vec::new();
        for (path, bytes) in files.iter().filter(|(path, _)| path.ends_with_wal()) {
            let starts = (1..bytes.len() / 4096).map(|block| block * 4096);
            let found = starts.filter(|at| bytes[*at..].starts_with(b"KGRP"));
            groups.extend(found.map(|at| (path.clone(), at)));
        }
        let (path, at) = &groups[groups.len() - back];
        self.sim.damage(path, |bytes| bytes[at + 70..at + 4096].fill(0));
    }

    fn flip(&self, command: &Command) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        let (file, byte): (String, usize) =
            (args.lookup_parse("file")?.unwrap(), args.lookup_parse("byte")?.unwrap());
        args.reject_rest()?;
        let files = self.sim.files();
        let (path, _) = files
            .iter()
            .find(|(path, _)| path.display().to_string().contains(&file))
            .ok_or("no such file")?;
        self.sim.damage(path, |bytes| bytes[byte] ^= 1);
        Ok(String::new())
    }
}

trait EndsWithWal {
    fn ends_with_wal(&self) -> bool;
}

impl EndsWithWal for std::path::PathBuf {
    fn ends_with_wal(&self) -> bool {
        self.extension() == Some("wal".as_ref())
    }
}

impl goldenscript::Runner for Runner {
    fn run(&mut self, command: &Command) -> Result<String, Box<dyn Error>> {
        match command.name.as_str() {
            "commit" | "attach" => {
                self.place(command)?;
                self.wait()
            }
            "place" | "spool" => {
                self.place(command)?;
                Ok(String::new())
            }
            "wait" => self.wait(),
            "seal" => Ok(self.log()?.seal().map(|()| String::new())?),
            "merge" => Ok(self.log()?.merge().map(|()| String::new())?),
            "close" => {
                self.log.take().ok_or("the log is closed")?.close()?;
                Ok(String::new())
            }
            "open" => match self.open() {
                Ok(()) => Ok(String::new()),
                Err(error) => Ok(format!("error: {error}\n")),
            },
            "clock" => {
                let micros = command.consume_args().next_pos().ok_or("micros")?.parse()?;
                self.clock.set_micros(micros);
                Ok(String::new())
            }
            "crash" => {
                let everything = command.consume_args().next_pos().is_some();
                self.log = None;
                self.placed.clear();
                let crash = if everything { Crash::Everything } else { Crash::Nothing };
                self.sim = self.sim.crash(crash);
                Ok(String::new())
            }
            "tear" => {
                let back = command.consume_args().lookup_parse("last")?.unwrap_or(1);
                self.tear(back);
                Ok(String::new())
            }
            "flip" => self.flip(command),
            "dump" => self.dump(command),
            "groups" => self.groups(command),
            "meta" => self.meta(),
            "files" => Ok(self.files()),
            other => Err(format!("no command {other}").into()),
        }
    }
}
