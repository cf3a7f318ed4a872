//! [`Meta`]: what the log keeps for ever beside rows: schemas, DDL, watermark steps, wall clocks,
//! external offsets, producers.
//!
//! The one idea: each of these is a [`Change`], which a group makes, the manifest repeats when the
//! group's WAL file may go, and [`Meta::apply`] takes any number of times with the same result.
//!
//! All of it is in memory. Price: 16 bytes for each group in which a watermark rose.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use kappa_types::{RelationId, Schema, SchemaVersionId, Timestamp};

use crate::Producer;
use crate::encoding::{Malformed, Put, Take, put_schema, take_schema};

/// Something to remember.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A schema version.
    Schema(RelationId, Arc<Schema>),
    /// Catalogue edits.
    Ddl(Timestamp, Bytes),
    /// Times at which a watermark rose, and to what.
    Steps(RelationId, Vec<(Timestamp, i64)>),
    /// From this time on the wall clock is the time plus this many microseconds.
    Wall(Timestamp, i64),
    /// External offset of a partition.
    Offset(RelationId, String, String),
    /// Newest commit of a producer.
    Producer(Producer, Timestamp),
    /// The relation is gone.
    Drop(RelationId),
}

impl Change {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Schema(relation, schema) => {
                out.put_u8(1);
                out.put_u32(relation.0);
                put_schema(out, schema);
            }
            Self::Ddl(time, ddl) => {
                out.put_u8(2);
                out.put_u64(time.0);
                out.put_bytes(ddl);
            }
            Self::Steps(relation, steps) => {
                out.put_u8(3);
                out.put_u32(relation.0);
                out.put_varint(steps.len() as u64);
                let mut before = (0, 0_i64);
                for (time, value) in steps {
                    out.put_varint(time.0 - before.0);
                    out.put_zigzag(value.wrapping_sub(before.1));
                    before = (time.0, *value);
                }
            }
            Self::Wall(time, offset) => {
                out.put_u8(4);
                out.put_u64(time.0);
                out.put_i64(*offset);
            }
            Self::Offset(relation, partition, offset) => {
                out.put_u8(5);
                out.put_u32(relation.0);
                out.put_bytes(partition.as_bytes());
                out.put_bytes(offset.as_bytes());
            }
            Self::Producer(producer, time) => {
                out.put_u8(6);
                out.put_bytes(producer.name.as_bytes());
                out.put_u64(producer.epoch);
                out.put_u64(producer.sequence);
                out.put_u64(time.0);
            }
            Self::Drop(relation) => {
                out.put_u8(7);
                out.put_u32(relation.0);
            }
        }
    }

    pub(crate) fn decode(from: &mut Take<'_>) -> Result<Self, Malformed> {
        Ok(match from.u8()? {
            1 => Self::Schema(RelationId(from.u32()?), Arc::new(take_schema(from)?)),
            2 => Self::Ddl(Timestamp(from.u64()?), Bytes::copy_from_slice(from.bytes()?)),
            3 => {
                let relation = RelationId(from.u32()?);
                let mut before = (0_u64, 0_i64);
                let steps: Result<Vec<_>, Malformed> = (0..from.count()?)
                    .map(|_| {
                        let time = before.0.checked_add(from.varint()?).ok_or(Malformed("time"))?;
                        before = (time, before.1.wrapping_add(from.zigzag()?));
                        Ok((Timestamp(before.0), before.1))
                    })
                    .collect();
                Self::Steps(relation, steps?)
            }
            4 => Self::Wall(Timestamp(from.u64()?), from.i64()?),
            5 => Self::Offset(RelationId(from.u32()?), from.string()?, from.string()?),
            6 => {
                let (name, epoch, sequence) = (from.string()?, from.u64()?, from.u64()?);
                Self::Producer(Producer { name, epoch, sequence }, Timestamp(from.u64()?))
            }
            7 => Self::Drop(RelationId(from.u32()?)),
            _ => return Err(Malformed("change that is not known")),
        })
    }
}

/// Joins changes of which only the newest matters, and steps of one relation; the result applies as
/// `changes` do.
pub(crate) fn compact(changes: impl Iterator<Item = Change>) -> Vec<Change> {
    let mut plain = Vec::new();
    let mut steps: BTreeMap<RelationId, Vec<(Timestamp, i64)>> = BTreeMap::new();
    let mut offsets: BTreeMap<(RelationId, String), String> = BTreeMap::new();
    let mut producers: BTreeMap<String, (Producer, Timestamp)> = BTreeMap::new();
    for change in changes {
        match change {
            Change::Steps(relation, add) => steps.entry(relation).or_default().extend(add),
            Change::Offset(relation, partition, offset) => {
                offsets.insert((relation, partition), offset);
            }
            Change::Producer(producer, time) => {
                producers.insert(producer.name.clone(), (producer, time));
            }
            Change::Drop(relation) => {
                steps.remove(&relation);
                offsets.retain(|(of, _), _| *of != relation);
                plain.push(change);
            }
            other => plain.push(other),
        }
    }
    plain.extend(steps.into_iter().map(|(relation, steps)| Change::Steps(relation, steps)));
    plain.extend(
        offsets
            .into_iter()
            .map(|((relation, partition), offset)| Change::Offset(relation, partition, offset)),
    );
    plain.extend(producers.into_values().map(|(producer, time)| Change::Producer(producer, time)));
    plain
}

/// Everything remembered.
#[derive(Debug, Default)]
pub(crate) struct Meta {
    schemas: HashMap<(RelationId, SchemaVersionId), Arc<Schema>>,
    /// Ascending times.
    ddl: Vec<(Timestamp, Bytes)>,
    /// Ascending times and values.
    steps: HashMap<RelationId, Vec<(Timestamp, i64)>>,
    /// Ascending times; before the first, the wall clock is the time.
    wall: Vec<(Timestamp, i64)>,
    offsets: BTreeMap<RelationId, BTreeMap<String, String>>,
    producers: BTreeMap<String, (u64, u64, Timestamp)>,
}

impl Meta {
    /// Remembers a change; one that is known already changes nothing.
    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Schema(relation, schema) => {
                self.schemas.insert((*relation, schema.version), Arc::clone(schema));
            }
            Change::Ddl(time, ddl) => {
                if self.ddl.last().is_none_or(|(last, _)| last < time) {
                    self.ddl.push((*time, ddl.clone()));
                }
            }
            Change::Steps(relation, add) => {
                let steps = self.steps.entry(*relation).or_default();
                for (time, value) in add {
                    if steps.last().is_none_or(|last| last.0 < *time && last.1 < *value) {
                        steps.push((*time, *value));
                    }
                }
            }
            Change::Wall(time, offset) => {
                if self.wall.last().is_none_or(|(last, _)| last < time) {
                    self.wall.push((*time, *offset));
                }
            }
            Change::Offset(relation, partition, offset) => {
                let offsets = self.offsets.entry(*relation).or_default();
                offsets.insert(partition.clone(), offset.clone());
            }
            Change::Producer(producer, time) => {
                let newest = (producer.epoch, producer.sequence, *time);
                self.producers.insert(producer.name.clone(), newest);
            }
            Change::Drop(relation) => {
                // Its schemas stay: rows in the WAL from before the drop are read once more at start.
                self.steps.remove(relation);
                self.offsets.remove(relation);
            }
        }
    }

    /// All of it as changes.
    pub(crate) fn snapshot(&self) -> Vec<Change> {
        let mut schemas: Vec<_> = self.schemas.iter().collect();
        schemas.sort_by_key(|(key, _)| **key);
        let mut steps: Vec<_> = self.steps.iter().collect();
        steps.sort_by_key(|(relation, _)| **relation);
        let schemas =
            schemas.into_iter().map(|((of, _), schema)| Change::Schema(*of, Arc::clone(schema)));
        let ddl = self.ddl.iter().map(|(time, ddl)| Change::Ddl(*time, ddl.clone()));
        let steps = steps.into_iter().map(|(of, steps)| Change::Steps(*of, steps.clone()));
        let wall = self.wall.iter().map(|(time, offset)| Change::Wall(*time, *offset));
        let offsets = self.offsets.iter().flat_map(|(of, offsets)| {
            offsets
                .iter()
                .map(|(partition, offset)| Change::Offset(*of, partition.clone(), offset.clone()))
        });
        let producers = self.producers.iter().map(|(name, (epoch, sequence, time))| {
            let name = name.clone();
            Change::Producer(Producer { name, epoch: *epoch, sequence: *sequence }, *time)
        });
        schemas.chain(ddl).chain(steps).chain(wall).chain(offsets).chain(producers).collect()
    }

    pub(crate) fn schema(
        &self,
        relation: RelationId,
        version: SchemaVersionId,
    ) -> Option<&Arc<Schema>> {
        self.schemas.get(&(relation, version))
    }

    pub(crate) fn schemas(
        &self,
    ) -> impl Iterator<Item = (&(RelationId, SchemaVersionId), &Arc<Schema>)> {
        self.schemas.iter()
    }

    /// DDL records after `after`.
    pub(crate) fn ddl(&self, after: Timestamp) -> &[(Timestamp, Bytes)] {
        &self.ddl[self.ddl.partition_point(|(time, _)| *time <= after)..]
    }

    /// The watermark at a time.
    pub(crate) fn watermark(&self, relation: RelationId, at: Timestamp) -> Option<i64> {
        let steps = self.steps.get(&relation)?;
        let count = steps.partition_point(|(time, _)| *time <= at);
        Some(steps[count.checked_sub(1)?].1)
    }

    /// Steps of a watermark after `after`.
    pub(crate) fn steps(&self, relation: RelationId, after: Timestamp) -> &[(Timestamp, i64)] {
        let steps = self.steps.get(&relation).map_or(&[][..], Vec::as_slice);
        &steps[steps.partition_point(|(time, _)| *time <= after)..]
    }

    /// Wall clock less time at a time, microseconds.
    pub(crate) fn wall_offset(&self, at: Timestamp) -> i64 {
        let count = self.wall.partition_point(|(time, _)| *time <= at);
        count.checked_sub(1).map_or(0, |index| self.wall[index].1)
    }

    pub(crate) fn offsets(&self, relation: RelationId) -> BTreeMap<String, String> {
        self.offsets.get(&relation).cloned().unwrap_or_default()
    }

    pub(crate) fn producer(&self, name: &str) -> Option<(u64, u64, Timestamp)> {
        self.producers.get(name).copied()
    }
}
