//! Golden scripts: `testscripts/*`.
//!
//! ```text
//! plan NAME               starts the plan of that name (`plans.rs`)
//! delta t=3 [of=2] +a,1,5 -b,2,    changes of relation 1 or 2: k, n, at; an empty field is NULL
//! end t=3 [watermark=10]  ends the time and shows what was put out since the last end
//! moved                   takes all state out, into new operators
//! ```

use std::error::Error;

use goldenscript::Command;
use kappa_types::{RelationId, Timestamp};

use super::local::Local;
use super::plans::{Change, delta, named};
use crate::operator::{Output, TimeEnd, row_text};

#[derive(Default)]
struct Runner {
    name: String,
    local: Option<Local>,
    out: Output,
}

impl goldenscript::Runner for Runner {
    fn run(&mut self, command: &Command) -> Result<String, Box<dyn Error>> {
        let mut arguments = command.consume_args();
        let mut text = String::new();
        match command.name.as_str() {
            "plan" => {
                self.name = arguments.next_pos().ok_or("a plan has a name")?.value.clone();
                self.local = Some(Local::new(&named(&self.name).ok_or("no such plan")?));
                self.out = Output::default();
            }
            "delta" => {
                let time = arguments.lookup_parse("t")?.ok_or("a delta has a time")?;
                let relation = RelationId(arguments.lookup_parse("of")?.unwrap_or(1));
                let changes: Result<Vec<Change>, _> =
                    arguments.rest_pos().iter().map(|a| change(&a.value)).collect();
                let local = self.local.as_mut().ok_or("no plan")?;
                local.push(relation, &delta(time, &changes?), &mut self.out);
            }
            "end" => {
                let time = Timestamp(arguments.lookup_parse("t")?.ok_or("an end has a time")?);
                let watermark = arguments.lookup_parse("watermark")?;
                let local = self.local.as_mut().ok_or("no plan")?;
                local.end(&TimeEnd { time, watermark }, &mut self.out);
                text = shown(&std::mem::take(&mut self.out));
            }
            "moved" => {
                let mut old = self.local.take().ok_or("no plan")?;
                let mut new = Local::new(&named(&self.name).ok_or("no such plan")?);
                for (old, new) in old.states().iter().zip(new.states()) {
                    old.export().iter().for_each(|batch| new.refill(batch));
                }
                self.local = Some(new);
            }
            other => return Err(format!("unknown command {other}").into()),
        }
        arguments.reject_rest()?;
        Ok(text)
    }
}

/// `+k,n,at` or `-k,n,at`, `+2k,n,at` for more than once.
fn change(text: &str) -> Result<Change, Box<dyn Error>> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let mut fields = text[1..].split(',').map(|field| Some(field).filter(|f| !f.is_empty()));
    let mut next = || fields.next().flatten();
    Ok(Change {
        diff: sign,
        k: next().map(str::to_owned),
        n: next().map(str::parse).transpose()?,
        at: next().map(str::parse).transpose()?,
    })
}

/// What was put out, added up, sorted.
fn shown(out: &Output) -> String {
    let mut lines = std::collections::BTreeMap::new();
    for (kind, batches) in [("", &out.deltas), ("error ", &out.errors), ("late ", &out.late)] {
        for batch in batches {
            for row in 0..batch.row_count() {
                let line = format!("{kind}{}", row_text(&batch.rows, row));
                *lines.entry(line).or_insert(0) += batch.diff(row);
            }
        }
    }
    lines.retain(|_, diff| *diff != 0);
    let lines = lines.into_iter().map(|(line, diff)| format!("{diff:+} {line}\n"));
    lines.collect::<String>().replace("1970-01-01T00:00:00", "T")
}

#[test]
fn scripts_put_out_what_they_say() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testscripts");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        goldenscript::run(&mut Runner::default(), entry.unwrap().path()).unwrap();
        count += 1;
    }
    assert!(count >= 10, "the scripts are there");
}
