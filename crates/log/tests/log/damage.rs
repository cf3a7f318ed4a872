//! Damage: whatever bit flips, whatever is cut off, exchanged or lost, the log refuses or says what it
//! said before; only the last group of the WAL may look like one that was never finished.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kappa_log::{Commit, Crash, Error, Fs, Log, RowKind, SimFs};
use kappa_types::{ManualClock, RelationId};

use crate::model::{Entry, Journal, check, open, rows, schema};

const RELATION: RelationId = RelationId(1);
const BLOCK: usize = 4096;
/// The unit in which the manifest is written.
const SECTOR: usize = 512;
/// Where the salt stands in the head of a record of the manifest.
const SALT: usize = 8;

/// A disk with sealed, attached and unsealed rows, and the journal of them.
fn disk() -> (SimFs, Journal) {
    let sim = SimFs::new(Path::new("/"));
    let mut journal = Journal::default();
    let log = open_log(&sim).unwrap();
    let mut commit = |from: i64, count: i64, attach: bool| {
        let (mut commit, mut entry) = (Commit::default(), Entry::default());
        if from == 0 {
            commit.schemas.push((RELATION, schema(RELATION, 1)));
            entry.ddl = Some("create".to_owned());
        }
        if attach {
            let mut spool = log.spool(RELATION, &schema(RELATION, 1)).unwrap();
            spool.append(&rows(RELATION, 1, from, count)).unwrap();
            entry.note_rows(RELATION, RowKind::Rows, (from, count), false, None);
            commit.attachments.push(spool.finish().unwrap());
        } else {
            entry.add_rows(&mut commit, (RELATION, 1, RowKind::Rows), (from, count), None);
        }
        entry.finish(&mut commit);
        let placed = log.place(commit).unwrap();
        journal.place(entry, &placed);
        journal.acknowledged = log.wait(&placed).unwrap().0;
    };
    commit(0, 20, false);
    commit(100, 30, true);
    log.seal().unwrap();
    commit(200, 3, false);
    commit(300, 2, false);
    commit(400, 4, false);
    drop(log);
    (sim.crash(Crash::Nothing), journal)
}

fn open_log(sim: &SimFs) -> Result<Log, Error> {
    let fs: Arc<dyn Fs> = Arc::new(sim.clone());
    open(&fs, &Arc::new(ManualClock::new(1_000_000)), 3)
}

/// The WAL file in use, and where its groups begin and the last ends.
fn wal(sim: &SimFs) -> (PathBuf, Vec<usize>) {
    let mut files = sim.files();
    files.retain(|(path, _)| path.extension() == Some("wal".as_ref()));
    let (path, bytes) = files
        .into_iter()
        .rfind(|(_, bytes)| bytes[BLOCK..].starts_with(b"KGRP"))
        .expect("some file has groups");
    let mut ends: Vec<usize> = (1..bytes.len() / BLOCK)
        .map(|block| block * BLOCK)
        .filter(|at| bytes[*at..].starts_with(b"KGRP"))
        .collect();
    let last = *ends.last().unwrap();
    let size = u64::from_le_bytes(bytes[last + 48..last + 56].try_into().unwrap()) as usize;
    ends.push(last + 64 + size);
    (path, ends)
}

/// What a damaged log may do; returns how many commits it still has, `None` if it refused.
fn outcome(sim: &SimFs, journal: &Journal, what: &str) -> Option<usize> {
    let log = match open_log(sim) {
        Err(Error::Corrupt { .. } | Error::UnknownVersion { .. }) => return None,
        Err(other) => panic!("{what}: {other}"),
        Ok(log) => log,
    };
    let kept = journal.placed.iter().filter(|entry| entry.time <= log.durable_time().0).count();
    // Segments are checked when they are read.
    if let Err(error) = crate::model::scan(&log, RELATION, RowKind::Rows, (0, u64::MAX)) {
        assert!(matches!(error, Error::Corrupt { .. }), "{what}: {error}");
        return None;
    }
    let mut allowed = journal.clone();
    allowed.placed.truncate(kept);
    allowed.acknowledged = 0;
    check(&log, &allowed);
    Some(kept)
}

#[test]
fn a_flipped_bit_in_the_last_groups_is_a_torn_tail_or_refused() {
    let (sim, journal) = disk();
    let all = journal.placed.len();
    let (path, starts) = wal(&sim);
    let [.., before, last, end] = starts[..] else { panic!("two groups are in the file") };
    for (from, to, expected) in [(before, last.min(before + 300), None), (last, end, Some(all - 1))]
    {
        for bit in from * 8..to * 8 {
            let left = sim.crash(Crash::Nothing);
            left.damage(&path, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            let found = outcome(&left, &journal, &format!("bit {bit}"));
            let is_padding =
                found == Some(all) && bit / 8 >= from + padding_from(&sim, &path, from);
            assert!(found == expected || is_padding, "bit {bit}: {found:?}");
        }
    }
}

/// Where the bytes of the group at `start` end, counted from it.
fn padding_from(sim: &SimFs, path: &Path, start: usize) -> usize {
    let files = sim.files();
    let (_, bytes) = files.iter().find(|(of, _)| of == path).unwrap();
    64 + u64::from_le_bytes(bytes[start + 48..start + 56].try_into().unwrap()) as usize
}

#[test]
fn a_wal_that_is_lost_from_some_byte_on_keeps_the_groups_before() {
    let (sim, journal) = disk();
    let all = journal.placed.len();
    let (path, starts) = wal(&sim);
    let [.., before, last, end] = starts[..] else { panic!("two groups are in the file") };
    for cut in before..=end {
        let left = sim.crash(Crash::Nothing);
        left.damage(&path, |bytes| bytes[cut..].fill(0));
        let found = outcome(&left, &journal, &format!("cut at {cut}"));
        // Zeros may be cut off anywhere: a group may end in some.
        let whole = |to: usize| {
            let files = sim.files();
            let (_, bytes) = files.iter().find(|(of, _)| *of == path).unwrap();
            bytes[cut..to].iter().all(|byte| *byte == 0)
        };
        let expected = if cut >= end || whole(end) {
            all
        } else if cut >= last || whole(last) {
            all - 1
        } else {
            all - 2
        };
        assert_eq!(found, Some(expected), "cut at {cut}");
    }
}

#[test]
fn a_flipped_bit_anywhere_is_never_a_wrong_row() {
    let (sim, journal) = disk();
    let all = journal.placed.len();
    let mut refused = 0;
    for (path, bytes) in sim.files() {
        let name = path.display().to_string();
        // Every bit of small files, and a prime step through large ones.
        let step = if bytes.len() < 600 { 1 } else { 31 };
        let is_wal = path.extension() == Some("wal".as_ref());
        for bit in (0..bytes.len() * 8).step_by(step * if is_wal { 67 } else { 1 }) {
            let left = sim.crash(Crash::Nothing);
            left.damage(&path, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            match outcome(&left, &journal, &format!("{name}, bit {bit}")) {
                None => refused += 1,
                Some(_) if path.extension() == Some("parquet".as_ref()) => {
                    assert!(bit < 32, "{name}, bit {bit}: only the magic at the start is not read");
                }
                Some(kept) => assert!(
                    kept == all || (is_wal && kept == all - 1),
                    "{name}, bit {bit}: {kept} of {all}"
                ),
            }
        }
    }
    assert!(refused > 100, "damage is noticed: {refused}");
}

/// Records after a damaged one would be read again once it is overwritten by one as long.
#[test]
fn a_damaged_record_before_others_of_the_manifest_is_refused() {
    let sim = SimFs::new(Path::new("/"));
    let log = open_log(&sim).unwrap();
    // So few that the WAL still has all of them: it alone would not notice.
    for from in [0, 10] {
        let (mut commit, mut entry) = (Commit::default(), Entry::default());
        if from == 0 {
            commit.schemas.push((RELATION, schema(RELATION, 1)));
        }
        entry.add_rows(&mut commit, (RELATION, 1, RowKind::Rows), (from, 2), None);
        log.commit(commit).unwrap();
        log.seal().unwrap();
    }
    drop(log);
    let files = sim.files();
    let is_manifest = |path: &Path| path.display().to_string().contains("MANIFEST-");
    let (path, bytes) = files.into_iter().find(|(path, _)| is_manifest(path)).unwrap();
    let magic = bytes[SECTOR..SECTOR + 4].to_vec();
    let is_record = |at: &usize| bytes[*at..].starts_with(&magic);
    let records: Vec<usize> = (SECTOR..bytes.len()).step_by(SECTOR).filter(is_record).collect();
    assert!(records.len() > 2, "{records:?}");
    for (index, at) in records.iter().enumerate() {
        let left = sim.crash(Crash::Nothing);
        left.damage(&path, |bytes| bytes[at + SALT] ^= 1);
        let is_refused = matches!(open_log(&left), Err(Error::Corrupt { .. }));
        assert_eq!(is_refused, index + 1 < records.len(), "record {index} of {}", records.len());
    }
}

#[test]
fn a_lost_file_is_noticed() {
    let (sim, journal) = disk();
    for (path, bytes) in sim.files() {
        let name = path.display().to_string();
        let is_spare = name.ends_with(".wal") && !bytes[BLOCK..].starts_with(b"KGRP");
        let left = sim.crash(Crash::Nothing);
        left.remove(&path).unwrap();
        left.sync_dir(path.parent().unwrap()).unwrap();
        let found = outcome(&left, &journal, &name);
        if is_spare || name.ends_with("LOCK") {
            assert_eq!(found, Some(journal.placed.len()), "{name}");
        } else if name.ends_with(".wal") {
            // The newest file may hold nothing but what the manifest does not know of.
            assert_ne!(found, Some(journal.placed.len()), "{name}");
        } else {
            assert_eq!(found, None, "{name}");
        }
    }
}

#[test]
fn an_older_copy_of_a_segment_is_noticed() {
    let (sim, journal) = disk();
    let segments: Vec<_> = sim
        .files()
        .into_iter()
        .filter(|(path, _)| path.extension() == Some("parquet".as_ref()))
        .collect();
    assert_eq!(segments.len(), 2);
    let left = sim.crash(Crash::Nothing);
    let other = segments[0].1.clone();
    left.damage(&segments[1].0, |bytes| bytes.clone_from(&other));
    assert_eq!(outcome(&left, &journal, "exchanged segment"), None);
}

#[test]
fn versions_and_features_that_are_not_known_are_refused() {
    let (sim, _) = disk();
    for (path, bytes) in sim.files() {
        let name = path.display().to_string();
        let header_size = if name.contains("MANIFEST") {
            36
        } else if name.ends_with(".wal") {
            44
        } else {
            continue;
        };
        for at in [8, 10] {
            let mut header = bytes[..header_size].to_vec();
            header[at] = 9;
            let crc = crc32c::crc32c(&header[..header_size - 4]).to_le_bytes();
            header[header_size - 4..].copy_from_slice(&crc);
            let left = sim.crash(Crash::Nothing);
            left.damage(&path, |bytes| bytes[..header_size].copy_from_slice(&header));
            let opened = open_log(&left);
            assert!(matches!(opened, Err(Error::UnknownVersion { .. })), "{name}: {opened:?}");
        }
    }
}
