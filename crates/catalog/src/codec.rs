//! [`Written`]: how plain values stand in bytes. [`crate::record`] builds its format from them.
//!
//! ```text
//! bool, u8   1 byte          u32, ids  4 bytes LE     u64, i64, time  8 bytes LE
//! String     u32 length, UTF-8                        Vec, BTreeMap   u32 count, elements
//! Option     0, or 1 and the value                    pair            both
//! SqlType    its canonical name
//! ```
//! Nothing here has a version or a checksum; the format that uses it has.

use std::collections::BTreeMap;

use kappa_types::{
    ColumnId, NamespaceId, RebuildId, RelationId, SchemaVersionId, SqlType, Timestamp, VersionId,
};

use crate::Error;

/// A value that can be written to bytes and read back.
pub(crate) trait Written: Sized {
    /// Appends the bytes.
    fn write(&self, to: &mut Vec<u8>);
    /// Takes the bytes off the front of `from`.
    fn read(from: &mut &[u8]) -> Result<Self, Error>;
}

pub(crate) const fn damaged(what: &'static str) -> Error {
    Error::Damaged { what }
}

fn take<'a>(from: &mut &'a [u8], length: usize) -> Result<&'a [u8], Error> {
    let (taken, rest) = from.split_at_checked(length).ok_or(damaged("it ends too early"))?;
    *from = rest;
    Ok(taken)
}

macro_rules! number {
    ($($name:ty),*) => {$(
        impl Written for $name {
            fn write(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_le_bytes());
            }
            fn read(from: &mut &[u8]) -> Result<Self, Error> {
                let bytes = take(from, size_of::<Self>())?;
                Ok(Self::from_le_bytes(bytes.try_into().expect("as many bytes as asked for")))
            }
        }
    )*};
}
number!(u8, u32, u64, i64);

macro_rules! wrapped {
    ($($name:ident),*) => {$(
        impl Written for $name {
            fn write(&self, to: &mut Vec<u8>) {
                self.0.write(to);
            }
            fn read(from: &mut &[u8]) -> Result<Self, Error> {
                Written::read(from).map(Self)
            }
        }
    )*};
}
wrapped!(RelationId, VersionId, SchemaVersionId, ColumnId, NamespaceId, RebuildId, Timestamp);

/// Writes a struct as its fields, in the order in which they are listed.
macro_rules! written_fields {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::codec::Written for $name {
            fn write(&self, to: &mut Vec<u8>) {
                // All fields are named, so that a new one cannot be forgotten here.
                let Self { $($field),* } = self;
                $($crate::codec::Written::write($field, to);)*
            }
            fn read(from: &mut &[u8]) -> Result<Self, $crate::Error> {
                Ok(Self { $($field: $crate::codec::Written::read(from)?),* })
            }
        }
    };
}
pub(crate) use written_fields;

impl Written for bool {
    fn write(&self, to: &mut Vec<u8>) {
        u8::from(*self).write(to);
    }
    fn read(from: &mut &[u8]) -> Result<Self, Error> {
        match u8::read(from)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(damaged("a boolean is neither 0 nor 1")),
        }
    }
}

impl Written for String {
    fn write(&self, to: &mut Vec<u8>) {
        count(self.len()).write(to);
        to.extend_from_slice(self.as_bytes());
    }
    fn read(from: &mut &[u8]) -> Result<Self, Error> {
        let length = u32::read(from)? as usize;
        let bytes = take(from, length)?;
        Self::from_utf8(bytes.to_vec()).map_err(|_| damaged("text is not UTF-8"))
    }
}

impl<T: Written> Written for Option<T> {
    fn write(&self, to: &mut Vec<u8>) {
        self.is_some().write(to);
        if let Some(value) = self {
            value.write(to);
        }
    }
    fn read(from: &mut &[u8]) -> Result<Self, Error> {
        bool::read(from)?.then(|| T::read(from)).transpose()
    }
}

impl<T: Written> Written for Box<T> {
    fn write(&self, to: &mut Vec<u8>) {
        self.as_ref().write(to);
    }
    fn read(from: &mut &[u8]) -> Result<Self, Error> {
        T::read(from).map(Self::new)
    }
}

impl<T: Written> Written for Vec<T> {
    fn write(&self, to: &mut Vec<u8>) {
        count(self.len()).write(to);
        self.iter().for_each(|value| value.write(to));
    }
    fn read(from: &mut &[u8]) -> Result<Self, Error> {
        (0..u32::read(from)?).map(|_| T::read(from)).collect()
    }
}

impl<A: Written, B: Written> Written for (A, B) {
    fn write(&self, to: &mut Vec<u8>) {
        self.0.write(to);
        self.1.write(to);
    }
    fn read(from: &mut &[u8]) -> Result<Self, Error> {
        Ok((A::read(from)?, B::read(from)?))
    }
}

impl Written for BTreeMap<String, String> {
    fn write(&self, to: &mut Vec<u8>) {
        count(self.len()).write(to);
        self.iter().for_each(|(key, value)| {
            key.write(to);
            value.write(to);
        });
    }
    fn read(from: &mut &[u8]) -> Result<Self, Error> {
        (0..u32::read(from)?).map(|_| <(String, String)>::read(from)).collect()
    }
}

impl Written for SqlType {
    fn write(&self, to: &mut Vec<u8>) {
        self.name().write(to);
    }
    fn read(from: &mut &[u8]) -> Result<Self, Error> {
        Self::parse(&String::read(from)?).ok_or(damaged("a type has an unknown name"))
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).expect("a DDL record is far below 4 GiB: statements are at most 1 GiB")
}
