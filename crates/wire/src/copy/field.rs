//! [`Fields`]: where the fields of one row are, and what splitting a row can say.

use kappa_types::{SqlError, SqlState};

/// The fields of one row: ranges of the input, or of a scratch buffer where they had to be
/// unescaped.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// One per field.
    pub(super) ranges: Vec<Field>,
    /// Fields that are not in the input as they are meant.
    pub(super) scratch: Vec<u8>,
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) place: Place,
}

/// Where a field's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Input,
    Scratch,
    /// Nowhere: the field is NULL.
    Null,
}

impl Fields {
    pub(super) fn clear(&mut self) {
        self.ranges.clear();
        self.scratch.clear();
    }

    #[inline]
    pub(super) fn push(&mut self, start: usize, end: usize, place: Place) {
        self.ranges.push(Field { start, end, place });
    }

    /// The bytes of a field; `None` is NULL.
    #[inline]
    pub(super) fn get<'a>(&'a self, field: Field, input: &'a [u8]) -> Option<&'a [u8]> {
        match field.place {
            Place::Input => Some(&input[field.start..field.end]),
            Place::Scratch => Some(&self.scratch[field.start..field.end]),
            Place::Null => None,
        }
    }
}

/// What stands at the start of the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Split {
    /// A row of this many bytes, with this many ends of line.
    Row { size_bytes: usize, line_count: u64 },
    /// A row whose end has not come yet.
    Incomplete,
    /// The mark behind the last row.
    End,
}

/// 22P04
#[cold]
pub(super) fn bad_format(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::BadCopyFileFormat, message)
}
