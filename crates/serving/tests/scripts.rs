//! Runs `testscripts/*`: commands on contents, with what they answer.
//!
//! Rows are `key/value` (a number and a text, or `null`); a change is `1/a` (added), `2@1/a` (added
//! twice), `del=1/a` or `del=2@1/a` (taken away).
//! Update the answers with `UPDATE_GOLDENFILES=1 cargo test -p kappa-serving --test scripts`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "tests and examples fail by panicking, and tell their story in one place"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use goldenscript::{Argument, Command};
use kappa_serving::{Contents, ContentsOptions, HEAD, Horizon, Pin, Range, Slot, difference};
use kappa_types::{DeltaBatch, Timestamp};

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("key", DataType::Int64, true),
        Field::new("value", DataType::Utf8View, true),
    ]))
}

fn number(text: &str) -> Option<i64> {
    (text != "null").then(|| text.parse().expect("a number or null"))
}

fn batch(rows: &[&str]) -> RecordBatch {
    let cells: Vec<(&str, &str)> =
        rows.iter().map(|row| row.split_once('/').expect("key/value")).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter(cells.iter().map(|(key, _)| number(key)))),
        Arc::new(StringViewArray::from_iter(
            cells.iter().map(|(_, value)| (*value != "null").then_some(*value)),
        )),
    ];
    RecordBatch::try_new(schema(), columns).expect("columns are those of the schema")
}

fn text(rows: &RecordBatch) -> Vec<String> {
    let keys = rows.column(0).as_primitive::<Int64Type>();
    let key = |row| if keys.is_null(row) { "null".to_owned() } else { keys.value(row).to_string() };
    let values = (rows.num_columns() > 1).then(|| rows.column(1).as_string_view());
    let value = |row| match &values {
        None => String::new(),
        Some(values) if values.is_null(row) => "/null".to_owned(),
        Some(values) => format!("/{}", values.value(row)),
    };
    (0..rows.num_rows()).map(|row| key(row) + &value(row)).collect()
}

fn sorted(mut lines: Vec<String>) -> String {
    lines.sort();
    lines.join("\n")
}

fn changes(batches: &[DeltaBatch]) -> String {
    let mut lines = Vec::new();
    for delta in batches {
        let rows = text(&delta.rows);
        let mut part: Vec<String> = rows
            .iter()
            .enumerate()
            .map(|(row, line)| format!("{}: {:+} {line}", delta.time, delta.diff(row)))
            .collect();
        part.sort();
        lines.append(&mut part);
    }
    lines.join("\n")
}

#[derive(Default)]
struct Script {
    horizon: Arc<Horizon>,
    contents: BTreeMap<String, Contents>,
    pins: BTreeMap<u64, Pin>,
    slots: BTreeMap<String, Slot>,
}

impl Script {
    fn contents(&self, command: &Command) -> Result<&Contents, String> {
        let name = command.prefix.as_deref().unwrap_or("view");
        self.contents.get(name).ok_or_else(|| format!("no contents called {name}"))
    }

    fn create(&mut self, command: &Command) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        let key = args.lookup_parse::<usize>("key")?.map(|column| vec![column]);
        let shard_count = args.lookup_parse("shards")?.unwrap_or(1);
        let mut options = ContentsOptions { key, ..ContentsOptions::new(&schema(), shard_count) };
        if let Some(size) = args.lookup_parse("history")? {
            options.history_size_bytes_max = size;
        }
        let contents = Contents::new(options, Arc::clone(&self.horizon));
        let name = command.prefix.clone().unwrap_or_else(|| "view".to_owned());
        self.contents.insert(name, contents);
        Ok(String::new())
    }

    /// `apply TIME [shard=N] CHANGE…`; `and` begins another batch of the same time.
    fn apply(&self, command: &Command) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        let shard = args.lookup_parse("shard")?.unwrap_or(0);
        let time = Timestamp(args.next_pos().ok_or("when?")?.parse()?);
        let mut batches = Vec::new();
        for part in args.rest().split(|argument| argument.value == "and") {
            let change = |argument: &&Argument| -> (i64, String) {
                let (count, row) = argument.value.split_once('@').unwrap_or(("1", &argument.value));
                let count: i64 = count.parse().expect("a count");
                let sign = if argument.key.as_deref() == Some("del") { -1 } else { 1 };
                (count * sign, row.to_owned())
            };
            let (diffs, rows): (Vec<i64>, Vec<String>) = part.iter().map(change).unzip();
            let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            batches.push(DeltaBatch::new(time, batch(&rows), Some(Int64Array::from(diffs))));
        }
        self.contents(command)?.apply(shard, &batches)?;
        Ok(String::new())
    }

    /// `append TIME NAME=ROW…`, `update TIME NAME=ROW…`, `retract TIME NAME…`: rows by slot.
    fn by_slot(&mut self, command: &Command) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        let time = Timestamp(args.next_pos().ok_or("when?")?.parse()?);
        let rest: Vec<Argument> = args.rest().into_iter().cloned().collect();
        let names: Vec<&str> = rest.iter().map(Argument::name).collect();
        let held: Vec<Slot> =
            names.iter().filter_map(|name| self.slots.get(*name)).copied().collect();
        let contents = self.contents(command)?;
        if command.name == "retract" {
            contents.retract(0, time, &held)?;
            return Ok(String::new());
        }
        let rows: Vec<&str> = rest.iter().map(|argument| argument.value.as_str()).collect();
        if command.name == "update" {
            contents.update(0, time, &held, &batch(&rows))?;
            return Ok(String::new());
        }
        let mut slots = Vec::new();
        contents.append(0, time, &batch(&rows), Some(&mut slots))?;
        self.slots.extend(names.iter().map(|name| (*name).to_owned()).zip(slots));
        Ok(String::new())
    }

    /// `scan TIME|head [columns=0] [min=N] [max=N]`; the range is on the key.
    fn scan(&self, command: &Command) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        let projection = args.lookup_parse::<usize>("columns")?.map(|column| vec![column]);
        let (min, max) = (args.lookup_parse("min")?, args.lookup_parse("max")?);
        let at = time(&args.next_pos().ok_or("when?")?.value)?;
        let range = Range { column: 0, min, max };
        let ranges = if min.or(max).is_some() { vec![range] } else { Vec::new() };
        let batches = self.contents(command)?.scan(at, projection.as_deref(), &ranges)?;
        Ok(sorted(batches.iter().flat_map(text).collect()))
    }

    fn lookup(&self, command: &Command) -> Result<String, Box<dyn Error>> {
        let mut args = command.consume_args();
        let at = time(&args.next_pos().ok_or("when?")?.value)?;
        let wanted = args.rest_pos().into_iter().map(|argument| number(&argument.value));
        let keys: ArrayRef = Arc::new(Int64Array::from_iter(wanted));
        Ok(sorted(text(&self.contents(command)?.lookup(at, &[keys])?)))
    }

    fn times(command: &Command) -> Result<Vec<Timestamp>, Box<dyn Error>> {
        command.args.iter().map(|argument| time(&argument.value)).collect()
    }
}

fn time(text: &str) -> Result<Timestamp, Box<dyn Error>> {
    match text {
        "head" => Ok(HEAD),
        number => Ok(Timestamp(number.parse()?)),
    }
}

impl goldenscript::Runner for Script {
    fn run(&mut self, command: &Command) -> Result<String, Box<dyn Error>> {
        let times = || Self::times(command);
        Ok(match command.name.as_str() {
            "create" => self.create(command)?,
            "apply" => self.apply(command)?,
            "append" | "update" | "retract" => self.by_slot(command)?,
            "publish" => {
                self.horizon.publish(times()?[0]);
                String::new()
            }
            "pin" => {
                let pin = self.horizon.pin(times()?[0])?;
                self.pins.insert(pin.time().0, pin);
                String::new()
            }
            "unpin" => {
                self.pins.remove(&times()?[0].0).ok_or("not pinned")?;
                String::new()
            }
            "wait" => {
                let pin = self.horizon.wait_blocking(times()?[0], Duration::ZERO)?;
                format!("at {}", pin.time())
            }
            "compact" => {
                self.contents(command)?.compact(times()?[0])?;
                String::new()
            }
            "scan" => self.scan(command)?,
            "lookup" => self.lookup(command)?,
            "count" => self.contents(command)?.row_count(times()?[0])?.to_string(),
            "changes" => {
                let times = times()?;
                changes(&self.contents(command)?.changes(times[0], times[1])?)
            }
            "net" => {
                let times = times()?;
                let net = self.contents(command)?.changes_net(times[0], times[1])?;
                changes(&net.into_iter().collect::<Vec<_>>())
            }
            "difference" => {
                let names: Vec<&str> = command.args.iter().map(Argument::name).collect();
                let times: Vec<Timestamp> = times()?;
                let old = self.contents.get(names[0]).ok_or("no old contents")?;
                let new = self.contents.get(names[1]).ok_or("no new contents")?;
                changes(&difference(old, times[0], new, times[1])?)
            }
            // `bulk TIME FROM TO`: appends rows with these keys and the value x.
            "bulk" => {
                let numbers: Vec<u64> = times()?.iter().map(|time| time.0).collect();
                let rows: Vec<String> =
                    (numbers[1]..numbers[2]).map(|key| format!("{key}/x")).collect();
                let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
                let time = Timestamp(numbers[0]);
                self.contents(command)?.append(0, time, &batch(&rows), None)?;
                String::new()
            }
            other => return Err(format!("no command {other}").into()),
        })
    }
}

#[test]
fn scripts_answer_as_written() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testscripts");
    let mut paths: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 10, "scripts are found");
    for path in paths {
        goldenscript::run(&mut Script::default(), &path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}
