//! [`BinaryParser`]: builds an Arrow array of one SQL type from binary values.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder,
    FixedSizeBinaryBuilder, Float32Builder, Float64Builder, Int16Builder, Int32Builder,
    Int64Builder, IntervalMonthDayNanoBuilder, ListArray, NullBufferBuilder,
    Time64MicrosecondBuilder, TimestampMicrosecondBuilder, UInt32Builder,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{Field, IntervalMonthDayNano};
use kappa_types::text::{ColumnParser, TextOptions};
use kappa_types::{SqlError, SqlState, SqlType};

use super::{EPOCH_DAYS, EPOCH_MICROS, numeric};

/// Rows that a new parser has room for; builders grow beyond it.
const ROW_CAPACITY: usize = 1024;
/// The message for bytes that are no value of their type; the caller may say which value.
pub(crate) const MALFORMED: &str = "incorrect binary data format";
/// Microseconds in a day, the last time of day.
const DAY_MICROS: i64 = 86_400_000_000;

/// Builds an Arrow array of one SQL type from binary values.
///
/// After an error the rows since the last `finish` are not to be used.
#[derive(Debug)]
pub(crate) struct BinaryParser {
    builder: Builder,
    row_count: usize,
}

#[derive(Debug)]
enum Builder {
    Boolean(BooleanBuilder),
    SmallInt(Int16Builder),
    Integer(Int32Builder),
    BigInt(Int64Builder),
    Oid(UInt32Builder),
    Real(Float32Builder),
    Double(Float64Builder),
    Numeric(Decimal128Builder, Option<(u8, i8)>),
    /// Types whose binary form is their text.
    Text(ColumnParser),
    /// One byte; 0 is the empty text.
    Char(ColumnParser),
    Jsonb(ColumnParser),
    Bytea(BinaryBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Interval(IntervalMonthDayNanoBuilder),
    Uuid(FixedSizeBinaryBuilder),
    Array {
        element: Box<BinaryParser>,
        element_oid: u32,
        offsets: Vec<i32>,
        nulls: NullBufferBuilder,
    },
}

impl BinaryParser {
    /// A parser without rows.
    pub(crate) fn new(sql_type: &SqlType) -> Self {
        Self { builder: Builder::new(sql_type), row_count: 0 }
    }

    /// Rows appended since the last `finish`.
    pub(crate) const fn len(&self) -> usize {
        self.row_count
    }

    /// Appends NULL.
    pub(crate) fn append_null(&mut self) {
        self.row_count += 1;
        self.builder.append_null();
    }

    /// Appends a value.
    ///
    /// # Errors
    /// 22P03 where the bytes are no value of the type, 22021 where text is not UTF-8.
    #[inline]
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), SqlError> {
        self.builder.append(bytes)?;
        self.row_count += 1;
        Ok(())
    }

    /// The rows as an array; the parser is empty afterwards and can be used again.
    pub(crate) fn finish(&mut self) -> ArrayRef {
        self.row_count = 0;
        self.builder.finish()
    }
}

#[cold]
fn malformed() -> SqlError {
    SqlError::new(SqlState::InvalidBinaryRepresentation, MALFORMED)
}

/// Exactly `N` bytes.
#[inline]
fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], SqlError> {
    bytes.try_into().map_err(|_| match bytes.len() < N {
        true => SqlError::new(SqlState::ProtocolViolation, "insufficient data left in message"),
        false => malformed(),
    })
}

impl Builder {
    fn new(sql_type: &SqlType) -> Self {
        let capacity = ROW_CAPACITY;
        match sql_type {
            SqlType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(capacity)),
            SqlType::SmallInt => Self::SmallInt(Int16Builder::with_capacity(capacity)),
            SqlType::Integer => Self::Integer(Int32Builder::with_capacity(capacity)),
            SqlType::BigInt => Self::BigInt(Int64Builder::with_capacity(capacity)),
            SqlType::Oid | SqlType::Regclass => Self::Oid(UInt32Builder::with_capacity(capacity)),
            SqlType::Real => Self::Real(Float32Builder::with_capacity(capacity)),
            SqlType::Double => Self::Double(Float64Builder::with_capacity(capacity)),
            SqlType::Numeric(modifiers) => Self::Numeric(
                Decimal128Builder::with_capacity(capacity).with_data_type(sql_type.arrow()),
                *modifiers,
            ),
            SqlType::Text | SqlType::Varchar(_) | SqlType::Name | SqlType::Json => {
                Self::Text(ColumnParser::new(sql_type, &TextOptions::default()))
            }
            SqlType::Char => Self::Char(ColumnParser::new(sql_type, &TextOptions::default())),
            SqlType::Jsonb => Self::Jsonb(ColumnParser::new(sql_type, &TextOptions::default())),
            SqlType::Bytea => Self::Bytea(BinaryBuilder::new()),
            SqlType::Date => Self::Date(Date32Builder::with_capacity(capacity)),
            SqlType::Time => Self::Time(Time64MicrosecondBuilder::with_capacity(capacity)),
            SqlType::Timestamp | SqlType::Timestamptz => Self::Timestamp(
                TimestampMicrosecondBuilder::with_capacity(capacity)
                    .with_data_type(sql_type.arrow()),
            ),
            SqlType::Interval => {
                Self::Interval(IntervalMonthDayNanoBuilder::with_capacity(capacity))
            }
            SqlType::Uuid => Self::Uuid(FixedSizeBinaryBuilder::with_capacity(capacity, 16)),
            SqlType::Array(element) => Self::Array {
                element: Box::new(BinaryParser::new(element)),
                element_oid: element.oid(),
                offsets: vec![0],
                nulls: NullBufferBuilder::new(capacity),
            },
        }
    }

    fn append_null(&mut self) {
        match self {
            Self::Boolean(builder) => builder.append_null(),
            Self::SmallInt(builder) => builder.append_null(),
            Self::Integer(builder) => builder.append_null(),
            Self::BigInt(builder) => builder.append_null(),
            Self::Oid(builder) => builder.append_null(),
            Self::Real(builder) => builder.append_null(),
            Self::Double(builder) => builder.append_null(),
            Self::Numeric(builder, _) => builder.append_null(),
            Self::Text(parser) | Self::Char(parser) | Self::Jsonb(parser) => parser.append_null(),
            Self::Bytea(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Time(builder) => builder.append_null(),
            Self::Timestamp(builder) => builder.append_null(),
            Self::Interval(builder) => builder.append_null(),
            Self::Uuid(builder) => builder.append_null(),
            Self::Array { offsets, nulls, .. } => {
                offsets.push(offsets.last().copied().unwrap_or(0));
                nulls.append_null();
            }
        }
    }

    #[inline]
    fn append(&mut self, bytes: &[u8]) -> Result<(), SqlError> {
        match self {
            Self::Boolean(builder) => builder.append_value(fixed::<1>(bytes)? != [0]),
            Self::SmallInt(builder) => builder.append_value(i16::from_be_bytes(fixed(bytes)?)),
            Self::Integer(builder) => builder.append_value(i32::from_be_bytes(fixed(bytes)?)),
            Self::BigInt(builder) => builder.append_value(i64::from_be_bytes(fixed(bytes)?)),
            Self::Oid(builder) => builder.append_value(u32::from_be_bytes(fixed(bytes)?)),
            // Of the many NaNs there is one.
            Self::Real(builder) => {
                let value = f32::from_be_bytes(fixed(bytes)?);
                builder.append_value(if value.is_nan() { f32::NAN } else { value });
            }
            Self::Double(builder) => {
                let value = f64::from_be_bytes(fixed(bytes)?);
                builder.append_value(if value.is_nan() { f64::NAN } else { value });
            }
            Self::Numeric(builder, modifiers) => {
                builder.append_value(numeric::read(bytes, *modifiers)?);
            }
            Self::Text(parser) => parser.append_bytes(bytes)?,
            Self::Char(parser) => match fixed::<1>(bytes)? {
                [0] => parser.append_bytes(&[])?,
                byte => parser.append_bytes(&byte)?,
            },
            Self::Jsonb(parser) => match bytes {
                [1, text @ ..] => parser.append_bytes(text)?,
                _ => return Err(malformed()),
            },
            Self::Bytea(builder) => builder.append_value(bytes),
            Self::Date(builder) => builder.append_value(match i32::from_be_bytes(fixed(bytes)?) {
                infinite @ (i32::MAX | i32::MIN) => infinite,
                days => days.checked_add(EPOCH_DAYS).ok_or_else(|| out_of_range("date"))?,
            }),
            Self::Time(builder) => {
                let micros = i64::from_be_bytes(fixed(bytes)?);
                if !(0..=DAY_MICROS).contains(&micros) {
                    return Err(out_of_range("time"));
                }
                builder.append_value(micros);
            }
            Self::Timestamp(builder) => {
                builder.append_value(match i64::from_be_bytes(fixed(bytes)?) {
                    infinite @ (i64::MAX | i64::MIN) => infinite,
                    micros => micros
                        .checked_add(EPOCH_MICROS)
                        .filter(|micros| *micros != i64::MAX)
                        .ok_or_else(|| out_of_range("timestamp"))?,
                });
            }
            Self::Interval(builder) => builder.append_value(interval(fixed(bytes)?)?),
            Self::Uuid(builder) => {
                builder.append_value(fixed::<16>(bytes)?).expect("a UUID has 16 bytes");
            }
            Self::Array { element, element_oid, offsets, nulls } => {
                append_array(bytes, element, *element_oid)?;
                offsets.push(i32::try_from(element.len()).map_err(|_| too_many_elements())?);
                nulls.append_non_null();
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::SmallInt(builder) => Arc::new(builder.finish()),
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::BigInt(builder) => Arc::new(builder.finish()),
            Self::Oid(builder) => Arc::new(builder.finish()),
            Self::Real(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Numeric(builder, _) => Arc::new(builder.finish()),
            Self::Text(parser) | Self::Char(parser) | Self::Jsonb(parser) => parser.finish(),
            Self::Bytea(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::Interval(builder) => Arc::new(builder.finish()),
            Self::Uuid(builder) => Arc::new(builder.finish()),
            Self::Array { element, offsets, nulls, .. } => {
                let values = element.finish();
                let field = Field::new_list_field(values.data_type().clone(), true);
                let offsets = std::mem::replace(offsets, vec![0]);
                Arc::new(ListArray::new(
                    Arc::new(field),
                    OffsetBuffer::new(offsets.into()),
                    values,
                    nulls.finish(),
                ))
            }
        }
    }
}

/// Microseconds, days, months.
fn interval(bytes: [u8; 16]) -> Result<IntervalMonthDayNano, SqlError> {
    let (micros, rest) = bytes.split_first_chunk::<8>().expect("there are 16 bytes");
    let (days, months) = rest.split_first_chunk::<4>().expect("there are 8 bytes");
    let nanoseconds = i64::from_be_bytes(*micros)
        .checked_mul(1000)
        .ok_or_else(|| SqlError::new(SqlState::DatetimeFieldOverflow, "interval out of range"))?;
    Ok(IntervalMonthDayNano {
        months: i32::from_be_bytes(fixed(months)?),
        days: i32::from_be_bytes(*days),
        nanoseconds,
    })
}

/// The integer at the start of `rest`, which then begins behind it.
fn next(rest: &mut &[u8]) -> Result<i32, SqlError> {
    let (value, tail) = rest.split_first_chunk::<4>().ok_or_else(malformed)?;
    *rest = tail;
    Ok(i32::from_be_bytes(*value))
}

/// One dimension, or none for an empty array.
fn append_array(
    bytes: &[u8],
    element: &mut BinaryParser,
    element_oid: u32,
) -> Result<(), SqlError> {
    let mut rest = bytes;
    let (dimensions, _has_null, oid) = (next(&mut rest)?, next(&mut rest)?, next(&mut rest)?);
    if oid.cast_unsigned() != element_oid {
        return Err(SqlError::new(
            SqlState::DatatypeMismatch,
            format!("binary data has array element type {oid} instead of expected {element_oid}"),
        ));
    }
    match dimensions {
        0 if rest.is_empty() => return Ok(()),
        1 => {}
        0 => return Err(malformed()),
        _ => {
            return Err(SqlError::unsupported(
                "arrays of more than one dimension are not supported",
                "Use jsonb for nested arrays.",
            ));
        }
    }
    let (count, lower_bound) = (next(&mut rest)?, next(&mut rest)?);
    if lower_bound != 1 {
        return Err(SqlError::unsupported(
            "arrays with a lower bound other than 1 are not supported",
            "Send the array with the lower bound 1.",
        ));
    }
    for _ in 0..count {
        let (length, tail) = rest.split_first_chunk::<4>().ok_or_else(malformed)?;
        rest = tail;
        match i32::from_be_bytes(*length) {
            -1 => element.append_null(),
            length => {
                let length = usize::try_from(length).map_err(|_| malformed())?;
                let (value, tail) = rest.split_at_checked(length).ok_or_else(malformed)?;
                element.append(value)?;
                rest = tail;
            }
        }
    }
    if rest.is_empty() { Ok(()) } else { Err(malformed()) }
}

#[cold]
fn out_of_range(type_name: &str) -> SqlError {
    SqlError::new(SqlState::DatetimeFieldOverflow, format!("{type_name} out of range"))
}

#[cold]
fn too_many_elements() -> SqlError {
    SqlError::new(SqlState::ProgramLimitExceeded, "too many array elements in one batch")
}
