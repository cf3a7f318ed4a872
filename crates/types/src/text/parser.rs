//! [`ColumnParser`]: builds an Arrow array of one SQL type from Postgres input text.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder,
    FixedSizeBinaryBuilder, Float32Builder, Float64Builder, Int16Builder, Int32Builder,
    Int64Builder, IntervalMonthDayNanoBuilder, LargeStringBuilder, ListArray, NullBufferBuilder,
    StringViewBuilder, Time64MicrosecondBuilder, TimestampMicrosecondBuilder, UInt32Builder,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Field;

use super::{
    TextOptions, array, boolean, bytea, datetime, decimal, float, integer, interval, invalid, json,
    uuid,
};
use crate::{SqlError, SqlState, SqlType};

/// Bytes that a `name` holds at most.
const NAME_SIZE_BYTES_MAX: usize = 63;
/// Rows that a new parser has room for; builders grow beyond it.
const ROW_CAPACITY: usize = 1024;

/// Builds an Arrow array of one SQL type from Postgres input text.
///
/// After an error the rows since the last [`ColumnParser::finish`] are not to be used: an array
/// element may already have been appended.
#[derive(Debug)]
pub struct ColumnParser {
    builder: Builder,
    options: TextOptions,
    row_count: usize,
}

/// One builder per way of reading text.
#[derive(Debug)]
enum Builder {
    Boolean(BooleanBuilder),
    SmallInt(Int16Builder),
    Integer(Int32Builder),
    BigInt(Int64Builder),
    Oid(UInt32Builder, &'static str),
    Real(Float32Builder),
    Double(Float64Builder),
    Numeric(Decimal128Builder, Option<(u8, i8)>),
    Text(StringViewBuilder),
    Varchar(StringViewBuilder, u32),
    Name(StringViewBuilder),
    Char(StringViewBuilder),
    Bytea(BinaryBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Timestamptz(TimestampMicrosecondBuilder),
    Interval(IntervalMonthDayNanoBuilder),
    Uuid(FixedSizeBinaryBuilder),
    Json(LargeStringBuilder),
    Jsonb(LargeStringBuilder),
    Array { element: Box<ColumnParser>, offsets: Vec<i32>, nulls: NullBufferBuilder },
}

impl ColumnParser {
    /// A parser without rows.
    #[must_use]
    pub fn new(sql_type: &SqlType, options: &TextOptions) -> Self {
        Self { builder: Builder::new(sql_type, options), options: *options, row_count: 0 }
    }

    /// Rows appended since the last `finish`.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.row_count
    }

    /// Whether no row was appended since the last `finish`.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.row_count == 0
    }

    /// Appends the value that `text` stands for; `None` is NULL.
    ///
    /// # Errors
    /// What PostgreSQL's input function of the type answers: 22P02, 22003, 22007, 22008, 22001 ….
    pub fn append(&mut self, text: Option<&str>) -> Result<(), SqlError> {
        match text {
            Some(text) => self.append_bytes(text.as_bytes()),
            None => {
                self.append_null();
                Ok(())
            }
        }
    }

    /// Appends NULL.
    pub fn append_null(&mut self) {
        self.row_count += 1;
        self.builder.append_null();
    }

    /// Appends the value that `text` stands for. Types that hold text check its encoding.
    ///
    /// # Errors
    /// As [`ColumnParser::append`], and 22021 for bytes that are not UTF-8 or are NUL.
    #[inline]
    pub fn append_bytes(&mut self, text: &[u8]) -> Result<(), SqlError> {
        self.builder.append(text, &self.options)?;
        self.row_count += 1;
        Ok(())
    }

    /// The rows as an array; the parser is empty afterwards and can be used again.
    pub fn finish(&mut self) -> ArrayRef {
        self.row_count = 0;
        self.builder.finish()
    }
}

/// Reads one value into an array of length 1.
///
/// # Errors
/// As [`ColumnParser::append`].
pub fn parse_value(
    sql_type: &SqlType,
    text: &str,
    options: &TextOptions,
) -> Result<ArrayRef, SqlError> {
    let mut parser = ColumnParser::new(sql_type, options);
    parser.append(Some(text))?;
    Ok(parser.finish())
}

impl Builder {
    fn new(sql_type: &SqlType, options: &TextOptions) -> Self {
        let capacity = ROW_CAPACITY;
        match sql_type {
            SqlType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(capacity)),
            SqlType::SmallInt => Self::SmallInt(Int16Builder::with_capacity(capacity)),
            SqlType::Integer => Self::Integer(Int32Builder::with_capacity(capacity)),
            SqlType::BigInt => Self::BigInt(Int64Builder::with_capacity(capacity)),
            SqlType::Oid => Self::Oid(UInt32Builder::with_capacity(capacity), "oid"),
            SqlType::Regclass => Self::Oid(UInt32Builder::with_capacity(capacity), "regclass"),
            SqlType::Real => Self::Real(Float32Builder::with_capacity(capacity)),
            SqlType::Double => Self::Double(Float64Builder::with_capacity(capacity)),
            SqlType::Numeric(modifiers) => Self::Numeric(
                Decimal128Builder::with_capacity(capacity).with_data_type(sql_type.arrow()),
                *modifiers,
            ),
            SqlType::Text | SqlType::Varchar(None) => Self::Text(StringViewBuilder::new()),
            SqlType::Varchar(Some(length)) => Self::Varchar(StringViewBuilder::new(), *length),
            SqlType::Name => Self::Name(StringViewBuilder::new()),
            SqlType::Char => Self::Char(StringViewBuilder::new()),
            SqlType::Bytea => Self::Bytea(BinaryBuilder::new()),
            SqlType::Date => Self::Date(Date32Builder::with_capacity(capacity)),
            SqlType::Time => Self::Time(Time64MicrosecondBuilder::with_capacity(capacity)),
            SqlType::Timestamp => {
                Self::Timestamp(TimestampMicrosecondBuilder::with_capacity(capacity))
            }
            SqlType::Timestamptz => Self::Timestamptz(
                TimestampMicrosecondBuilder::with_capacity(capacity)
                    .with_data_type(sql_type.arrow()),
            ),
            SqlType::Interval => {
                Self::Interval(IntervalMonthDayNanoBuilder::with_capacity(capacity))
            }
            SqlType::Uuid => Self::Uuid(FixedSizeBinaryBuilder::with_capacity(capacity, 16)),
            SqlType::Json => Self::Json(LargeStringBuilder::new()),
            SqlType::Jsonb => Self::Jsonb(LargeStringBuilder::new()),
            SqlType::Array(element) => Self::Array {
                element: Box::new(ColumnParser::new(element, options)),
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
            Self::Real(builder) => builder.append_null(),
            Self::Double(builder) => builder.append_null(),
            Self::Text(builder) => builder.append_null(),
            Self::Name(builder) => builder.append_null(),
            Self::Char(builder) => builder.append_null(),
            Self::Bytea(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Time(builder) => builder.append_null(),
            Self::Timestamp(builder) => builder.append_null(),
            Self::Timestamptz(builder) => builder.append_null(),
            Self::Interval(builder) => builder.append_null(),
            Self::Uuid(builder) => builder.append_null(),
            Self::Json(builder) => builder.append_null(),
            Self::Jsonb(builder) => builder.append_null(),
            Self::Oid(builder, _) => builder.append_null(),
            Self::Numeric(builder, _) => builder.append_null(),
            Self::Varchar(builder, _) => builder.append_null(),
            Self::Array { offsets, nulls, .. } => {
                offsets.push(offsets.last().copied().unwrap_or(0));
                nulls.append_null();
            }
        }
    }

    #[inline]
    fn append(&mut self, text: &[u8], options: &TextOptions) -> Result<(), SqlError> {
        match self {
            Self::Boolean(builder) => builder.append_value(boolean::parse(text)?),
            Self::SmallInt(builder) => builder.append_value(integer::parse(
                text,
                "smallint",
                i16::MIN.into(),
                i16::MAX.into(),
            )? as i16),
            Self::Integer(builder) => builder.append_value(integer::parse(
                text,
                "integer",
                i32::MIN.into(),
                i32::MAX.into(),
            )? as i32),
            Self::BigInt(builder) => {
                builder.append_value(integer::parse(text, "bigint", i64::MIN, i64::MAX)?);
            }
            Self::Oid(builder, name) => builder.append_value(integer::parse_oid(text, name)?),
            Self::Real(builder) => builder.append_value(float::parse::<f32>(text)?),
            Self::Double(builder) => builder.append_value(float::parse::<f64>(text)?),
            Self::Numeric(builder, modifiers) => {
                builder.append_value(decimal::parse(text, *modifiers)?);
            }
            Self::Text(builder) => builder.append_value(invalid::utf8(text)?),
            Self::Varchar(builder, length) => {
                builder.append_value(fit(invalid::utf8(text)?, *length)?);
            }
            Self::Name(builder) => {
                let text = invalid::utf8(text)?;
                builder.append_value(&text[..text.floor_char_boundary(NAME_SIZE_BYTES_MAX)]);
            }
            Self::Char(builder) => {
                let text = invalid::utf8(text)?;
                builder.append_value(text.chars().next().map_or("", |c| &text[..c.len_utf8()]));
            }
            Self::Bytea(builder) => builder.append_value(bytea::parse(text)?),
            Self::Date(builder) => builder.append_value(datetime::parse_date(text, options)?),
            Self::Time(builder) => builder.append_value(datetime::parse_time(text, options)?),
            Self::Timestamp(builder) => {
                builder.append_value(datetime::parse_timestamp(text, options)?);
            }
            Self::Timestamptz(builder) => {
                builder.append_value(datetime::parse_timestamptz(text, options)?);
            }
            Self::Interval(builder) => builder.append_value(interval::parse(text)?),
            Self::Uuid(builder) => {
                builder.append_value(uuid::parse(text)?).expect("a UUID has 16 bytes");
            }
            Self::Json(builder) => {
                let text = invalid::utf8(text)?;
                json::validate_json(text)?;
                builder.append_value(text);
            }
            Self::Jsonb(builder) => {
                builder.append_value(json::normalize_jsonb(invalid::utf8(text)?)?);
            }
            Self::Array { element, offsets, nulls } => {
                for value in array::parse(text)? {
                    match value {
                        Some(value) => element.append_bytes(&value)?,
                        None => element.append_null(),
                    }
                }
                offsets.push(array_offset(element.len())?);
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
            Self::Real(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Name(builder) => Arc::new(builder.finish()),
            Self::Char(builder) => Arc::new(builder.finish()),
            Self::Bytea(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::Timestamptz(builder) => Arc::new(builder.finish()),
            Self::Interval(builder) => Arc::new(builder.finish()),
            Self::Uuid(builder) => Arc::new(builder.finish()),
            Self::Json(builder) => Arc::new(builder.finish()),
            Self::Jsonb(builder) => Arc::new(builder.finish()),
            Self::Oid(builder, _) => Arc::new(builder.finish()),
            Self::Numeric(builder, _) => Arc::new(builder.finish()),
            Self::Varchar(builder, _) => Arc::new(builder.finish()),
            Self::Array { element, offsets, nulls } => {
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

/// 54000 where a batch holds more array elements than 32-bit offsets count.
fn array_offset(element_count: usize) -> Result<i32, SqlError> {
    i32::try_from(element_count).map_err(|_| {
        SqlError::new(SqlState::ProgramLimitExceeded, "too many array elements in one batch")
    })
}

/// `text` cut to `length` characters where only spaces are lost.
///
/// # Errors
/// 22001 where something else would be lost.
fn fit(text: &str, length: u32) -> Result<&str, SqlError> {
    let length = length as usize;
    if text.len() <= length {
        return Ok(text);
    }
    match text.char_indices().nth(length) {
        None => Ok(text),
        Some((end, _)) if text[end..].bytes().all(|byte| byte == b' ') => Ok(&text[..end]),
        Some(_) => Err(SqlError::new(
            SqlState::StringDataRightTruncation,
            format!("value too long for type character varying({length})"),
        )),
    }
}
