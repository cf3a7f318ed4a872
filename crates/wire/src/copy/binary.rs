//! Rows of the binary form: a field count, then a length and a value for each field.

use kappa_types::SqlError;

use super::field::{Fields, Place, Split, bad_format};

/// How every binary COPY starts.
pub(super) const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
/// Signature, flags, length of the header's extension.
const HEADER_SIZE_BYTES: usize = 19;
/// The message for data that end within a row.
pub(super) const CUT_OFF: &str = "unexpected EOF in COPY data";
/// Flags that a reader may not ignore.
const CRITICAL_FLAGS: u32 = 0xffff_0000;

/// Reads the header. Returns its size, or nothing where it has not wholly come.
pub(super) fn header(input: &[u8], is_last: bool) -> Result<Option<usize>, SqlError> {
    let known = input.len().min(SIGNATURE.len());
    if input[..known] != SIGNATURE[..known] {
        return Err(bad_format("COPY file signature not recognized"));
    }
    if input.len() < HEADER_SIZE_BYTES {
        return match is_last {
            true => Err(bad_format("invalid COPY file header (missing length)")),
            false => Ok(None),
        };
    }
    let field =
        |at: usize| u32::from_be_bytes([input[at], input[at + 1], input[at + 2], input[at + 3]]);
    if field(11) & CRITICAL_FLAGS != 0 {
        return Err(bad_format("unrecognized critical flags in COPY file header"));
    }
    let size = HEADER_SIZE_BYTES.saturating_add(field(15) as usize);
    match input.len() >= size {
        true => Ok(Some(size)),
        false if is_last => Err(bad_format("invalid COPY file header (wrong length)")),
        false => Ok(None),
    }
}

/// Finds the fields of the row at the start of `input`; `is_last` says that nothing follows.
pub(super) fn split(
    input: &[u8],
    is_last: bool,
    column_count: usize,
    fields: &mut Fields,
) -> Result<Split, SqlError> {
    fields.clear();
    let incomplete = || match is_last {
        true => Err(bad_format(CUT_OFF)),
        false => Ok(Split::Incomplete),
    };
    let Some((count, _)) = input.split_first_chunk::<2>() else { return incomplete() };
    let count = i16::from_be_bytes(*count);
    if count == -1 {
        return Ok(Split::End);
    }
    if usize::try_from(count) != Ok(column_count) {
        return Err(bad_format(format!("row field count is {count}, expected {column_count}")));
    }
    let mut at = 2;
    for _ in 0..column_count {
        let Some((length, _)) = input[at..].split_first_chunk::<4>() else { return incomplete() };
        let length = i32::from_be_bytes(*length);
        at += 4;
        if length == -1 {
            fields.push(0, 0, Place::Null);
            continue;
        }
        let length = usize::try_from(length).map_err(|_| bad_format("invalid field size"))?;
        if input.len() - at < length {
            return incomplete();
        }
        fields.push(at, at + length, Place::Input);
        at += length;
    }
    Ok(Split::Row { size_bytes: at, line_count: 1 })
}
