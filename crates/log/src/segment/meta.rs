//! [`SegmentMeta`]: what the manifest knows about a segment.

use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::compute::{cast, max, min};
use arrow::datatypes::{DataType, Int64Type};
use kappa_types::{ColumnId, RelationId, SchemaVersionId, Timestamp};

use crate::RowKind;
use crate::encoding::{Malformed, Put, Take, row_kind_code, row_kind_of};

/// Which hidden columns follow the relation's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hidden {
    /// None: time and first seq will stand in the manifest.
    Attached = 0,
    /// `_time` and `_seq`.
    Placed = 1,
    /// `_time`, `_seq` and `_diff`.
    PlacedWithDiffs = 2,
    /// `_diff`: time and first seq will stand in the manifest.
    AttachedWithDiffs = 3,
}

impl Hidden {
    const fn of(code: u8) -> Result<Self, Malformed> {
        match code {
            0 => Ok(Self::Attached),
            1 => Ok(Self::Placed),
            2 => Ok(Self::PlacedWithDiffs),
            3 => Ok(Self::AttachedWithDiffs),
            _ => Err(Malformed("hidden columns that are not known")),
        }
    }
}

/// A segment, without its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentMeta {
    /// Whose rows.
    pub(crate) relation: RelationId,
    /// Rows or rejects.
    pub(crate) kind: RowKind,
    /// File name within the relation's directory.
    pub(crate) name: String,
    /// Which columns it has.
    pub(crate) schema_version: SchemaVersionId,
    /// Rows in it.
    pub(crate) row_count: u64,
    /// Size of the file.
    pub(crate) size_bytes: u64,
    /// Time of the first row.
    pub(crate) time_min: Timestamp,
    /// Time of the last row.
    pub(crate) time_max: Timestamp,
    /// `_seq` of the first row.
    pub(crate) seq_min: u64,
    /// Its hidden columns.
    pub(crate) hidden: Hidden,
    /// Where the last column chunk ends: what follows are page indexes and the footer.
    pub(crate) footer_offset: u64,
    /// CRC32C of what follows `footer_offset`.
    pub(crate) footer_crc: u32,
    /// The row groups, in order.
    pub(crate) row_groups: Vec<RowGroupMeta>,
    /// Least and greatest value of columns that are integers, dates or times; no entry if all are
    /// NULL.
    pub(crate) ranges: Vec<(ColumnId, i64, i64)>,
}

/// A row group of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowGroupMeta {
    /// Rows in it.
    pub(crate) row_count: u64,
    /// Time of its first row.
    pub(crate) time_min: Timestamp,
    /// Time of its last row.
    pub(crate) time_max: Timestamp,
    /// CRC32C of each column chunk, in the order of the file.
    pub(crate) chunk_crcs: Vec<u32>,
    /// As [`SegmentMeta::ranges`].
    pub(crate) ranges: Vec<(ColumnId, i64, i64)>,
}

/// Whether no value of the column can lie between the bounds.
pub(crate) fn excludes(
    ranges: &[(ColumnId, i64, i64)],
    wanted: &[(ColumnId, Option<i64>, Option<i64>)],
) -> bool {
    wanted.iter().any(|(column, min_wanted, max_wanted)| {
        ranges.iter().any(|(known, min, max)| {
            known == column
                && (min_wanted.is_some_and(|wanted| *max < wanted)
                    || max_wanted.is_some_and(|wanted| *min > wanted))
        })
    })
}

/// The values of a column as the integers that ranges speak of; `None` for other types.
pub(crate) fn as_integers(column: &ArrayRef) -> Option<Int64Array> {
    let narrow = match column.data_type() {
        DataType::Int64 => return Some(column.as_primitive::<Int64Type>().clone()),
        DataType::Timestamp(_, _) | DataType::Time64(_) => {
            cast(column, &DataType::Int64).expect("times are 64-bit integers")
        }
        DataType::Date32 => {
            let days = cast(column, &DataType::Int32).expect("dates are 32-bit integers");
            cast(&days, &DataType::Int64).expect("integers widen")
        }
        DataType::Int16 | DataType::Int32 | DataType::UInt32 => {
            cast(column, &DataType::Int64).expect("integers widen")
        }
        _ => return None,
    };
    Some(narrow.as_primitive::<Int64Type>().clone())
}

/// Widens `ranges` by the values of a column.
pub(crate) fn widen(ranges: &mut Vec<(ColumnId, i64, i64)>, column: ColumnId, values: &Int64Array) {
    if values.null_count() == values.len() {
        return;
    }
    let (Some(least), Some(greatest)) = (min(values), max(values)) else { return };
    merge_range(ranges, (column, least, greatest));
}

/// Widens `ranges` by another range.
pub(crate) fn merge_range(ranges: &mut Vec<(ColumnId, i64, i64)>, add: (ColumnId, i64, i64)) {
    match ranges.iter_mut().find(|range| range.0 == add.0) {
        Some(range) => *range = (range.0, range.1.min(add.1), range.2.max(add.2)),
        None => ranges.push(add),
    }
}

impl SegmentMeta {
    /// What identifies it within its relation.
    pub(crate) const fn place(&self) -> (Timestamp, u64) {
        (self.time_min, self.seq_min)
    }

    /// All rows are of `time_min`, with consecutive `_seq` from `seq_min`.
    pub(crate) const fn is_attached(&self) -> bool {
        matches!(self.hidden, Hidden::Attached | Hidden::AttachedWithDiffs)
    }

    /// Whether there is a `_diff` column.
    pub(crate) const fn has_diffs(&self) -> bool {
        matches!(self.hidden, Hidden::PlacedWithDiffs | Hidden::AttachedWithDiffs)
    }

    /// Gives an attached segment the place of its commit.
    pub(crate) fn put_at(&mut self, time: Timestamp, seq: u64) {
        assert!(self.is_attached(), "only attached segments get their place afterwards");
        (self.time_min, self.time_max, self.seq_min) = (time, time, seq);
        for group in &mut self.row_groups {
            (group.time_min, group.time_max) = (time, time);
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.relation.0);
        out.put_u8(row_kind_code(self.kind));
        out.put_bytes(self.name.as_bytes());
        out.put_u32(self.schema_version.0);
        out.put_varint(self.row_count);
        out.put_varint(self.size_bytes);
        out.put_u64(self.time_min.0);
        out.put_varint(self.time_max.0 - self.time_min.0);
        out.put_varint(self.seq_min);
        out.put_u8(self.hidden as u8);
        out.put_varint(self.footer_offset);
        out.put_u32(self.footer_crc);
        put_ranges(&self.ranges, out);
        out.put_varint(self.row_groups.len() as u64);
        for group in &self.row_groups {
            out.put_varint(group.row_count);
            out.put_varint(group.time_min.0 - self.time_min.0);
            out.put_varint(group.time_max.0 - group.time_min.0);
            out.put_varint(group.chunk_crcs.len() as u64);
            group.chunk_crcs.iter().for_each(|crc| out.put_u32(*crc));
            put_ranges(&group.ranges, out);
        }
    }

    pub(crate) fn decode(from: &mut Take<'_>) -> Result<Self, Malformed> {
        let relation = RelationId(from.u32()?);
        let kind = row_kind_of(from.u8()?)?;
        let name = from.string()?;
        let schema_version = SchemaVersionId(from.u32()?);
        let (row_count, size_bytes) = (from.varint()?, from.varint()?);
        let time_min = Timestamp(from.u64()?);
        let time_max = later(time_min, from)?;
        let seq_min = from.varint()?;
        let hidden = Hidden::of(from.u8()?)?;
        let footer_offset = from.varint()?;
        let footer_crc = from.u32()?;
        let ranges = take_ranges(from)?;
        let mut row_groups = Vec::new();
        for _ in 0..from.count()? {
            let row_count = from.varint()?;
            let group_min = later(time_min, from)?;
            let group_max = later(group_min, from)?;
            let crcs: Result<Vec<_>, _> = (0..from.count()?).map(|_| from.u32()).collect();
            row_groups.push(RowGroupMeta {
                row_count,
                time_min: group_min,
                time_max: group_max,
                chunk_crcs: crcs?,
                ranges: take_ranges(from)?,
            });
        }
        Ok(Self {
            relation,
            kind,
            name,
            schema_version,
            row_count,
            size_bytes,
            time_min,
            time_max,
            seq_min,
            hidden,
            footer_offset,
            footer_crc,
            row_groups,
            ranges,
        })
    }
}

fn later(time: Timestamp, from: &mut Take<'_>) -> Result<Timestamp, Malformed> {
    Ok(Timestamp(time.0.checked_add(from.varint()?).ok_or(Malformed("time"))?))
}

fn put_ranges(ranges: &[(ColumnId, i64, i64)], out: &mut Vec<u8>) {
    out.put_varint(ranges.len() as u64);
    for (column, least, greatest) in ranges {
        out.put_varint(u64::from(column.0));
        out.put_zigzag(*least);
        out.put_varint(greatest.wrapping_sub(*least) as u64);
    }
}

fn take_ranges(from: &mut Take<'_>) -> Result<Vec<(ColumnId, i64, i64)>, Malformed> {
    (0..from.count()?)
        .map(|_| {
            let column = u32::try_from(from.varint()?).map_err(|_| Malformed("column id"))?;
            let least = from.zigzag()?;
            Ok((ColumnId(column), least, least.wrapping_add(from.varint()? as i64)))
        })
        .collect()
}
