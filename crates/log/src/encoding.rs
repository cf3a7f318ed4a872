//! Little-endian numbers, varints and byte strings: the alphabet of every hand-written format here.
//!
//! [`Put`] writes to a `Vec<u8>`, [`Take`] reads from a slice and never past it. Bytes have been
//! checked by CRC before they are read, so that [`Malformed`] means a bug or another version; it is
//! still an error and never a panic.

use kappa_types::{Column, ColumnId, Schema, SchemaVersionId, SqlType};

use crate::RowKind;

/// Bytes that are not what they should be.
#[derive(Debug)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// Writing.
pub(crate) trait Put {
    /// Raw bytes.
    fn put(&mut self, bytes: &[u8]);

    fn put_u8(&mut self, value: u8) {
        self.put(&[value]);
    }

    fn put_u16(&mut self, value: u16) {
        self.put(&value.to_le_bytes());
    }

    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }

    fn put_u64(&mut self, value: u64) {
        self.put(&value.to_le_bytes());
    }

    fn put_i64(&mut self, value: i64) {
        self.put(&value.to_le_bytes());
    }

    /// Seven bits a byte, low ones first.
    fn put_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.put_u8(value as u8);
    }

    /// Small magnitudes of either sign become small varints.
    fn put_zigzag(&mut self, value: i64) {
        self.put_varint(((value << 1) ^ (value >> 63)) as u64);
    }

    /// Length and bytes.
    fn put_bytes(&mut self, bytes: &[u8]) {
        self.put_varint(bytes.len() as u64);
        self.put(bytes);
    }
}

impl Put for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Reading, front to back.
#[derive(Debug)]
pub(crate) struct Take<'a> {
    /// What has not been read.
    rest: &'a [u8],
}

impl<'a> Take<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed("truncated"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        Ok(self.take(N)?.try_into().expect("take returns as many bytes as asked for"))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Malformed> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed("varint of more than 64 bits"))
    }

    /// A varint that counts things of which each takes at least one bit of what follows, so that a
    /// wrong one cannot make us allocate without bound.
    pub(crate) fn count(&mut self) -> Result<usize, Malformed> {
        let count = self.varint()?;
        if count > self.rest.len() as u64 * 8 {
            return Err(Malformed("count of more than there is"));
        }
        Ok(count as usize)
    }

    pub(crate) fn zigzag(&mut self) -> Result<i64, Malformed> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let count = self.varint()?;
        self.take(usize::try_from(count).map_err(|_| Malformed("length"))?)
    }

    pub(crate) fn string(&mut self) -> Result<String, Malformed> {
        let bytes = self.bytes()?;
        Ok(std::str::from_utf8(bytes).map_err(|_| Malformed("text that is not UTF-8"))?.to_owned())
    }
}

/// The code of a row kind in every format.
pub(crate) const fn row_kind_code(kind: RowKind) -> u8 {
    match kind {
        RowKind::Rows => 0,
        RowKind::Rejects => 1,
    }
}

/// Reads what [`row_kind_code`] gives.
pub(crate) const fn row_kind_of(code: u8) -> Result<RowKind, Malformed> {
    match code {
        0 => Ok(RowKind::Rows),
        1 => Ok(RowKind::Rejects),
        _ => Err(Malformed("row kind that is not known")),
    }
}

/// Writes a schema: version, columns (id, name, type, nullable).
pub(crate) fn put_schema(out: &mut Vec<u8>, schema: &Schema) {
    out.put_u32(schema.version.0);
    out.put_varint(schema.columns.len() as u64);
    for column in &schema.columns {
        out.put_u32(column.id.0);
        out.put_bytes(column.name.as_bytes());
        out.put_bytes(column.sql_type.name().as_bytes());
        out.put_u8(u8::from(column.nullable));
    }
}

/// Reads what [`put_schema`] writes.
pub(crate) fn take_schema(from: &mut Take<'_>) -> Result<Schema, Malformed> {
    let version = SchemaVersionId(from.u32()?);
    let count = from.count()?;
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        let id = ColumnId(from.u32()?);
        let name = from.string()?;
        let sql_type =
            SqlType::parse(&from.string()?).ok_or(Malformed("type that is not known"))?;
        columns.push(Column { id, name, sql_type, nullable: from.u8()? != 0 });
    }
    Ok(Schema { version, columns })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_back() {
        let mut out = Vec::new();
        let values = [0, 1, -1, 63, -64, 64, i64::MAX, i64::MIN, 1 << 40];
        for value in values {
            out.put_zigzag(value);
            out.put_varint(value as u64);
        }
        let mut from = Take::new(&out);
        for value in values {
            assert_eq!(from.zigzag().unwrap(), value);
            assert_eq!(from.varint().unwrap(), value as u64);
        }
        assert!(from.is_empty());
        assert!(from.u8().is_err());
    }

    #[test]
    fn wrong_counts_are_refused() {
        let mut out = Vec::new();
        out.put_varint(1 << 50);
        assert!(Take::new(&out).count().is_err());
        assert!(Take::new(&out).bytes().is_err());
        assert!(Take::new(&[0x80; 11]).varint().is_err());
    }
}
