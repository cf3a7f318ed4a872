//! [`ColumnFormatter`]: writes the values of an Arrow array as Postgres output text.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array,
    FixedSizeBinaryArray, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array,
    IntervalMonthDayNanoArray, LargeStringArray, ListArray, StringArray, StringViewArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type,
    Int64Type, IntervalMonthDayNanoType, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampNanosecondType, UInt32Type,
};

use super::{
    TextOptions, array, bytea, datetime, decimal, float, integer, interval, time_of_day, uuid,
};
use crate::{SqlError, SqlState, SqlType};

/// Writes the values of an Arrow array as Postgres output text.
///
/// The array may have another Arrow type than [`SqlType::arrow`] says, if Arrow can cast it: what a
/// query computes is not always in canonical form.
#[derive(Debug)]
pub struct ColumnFormatter {
    values: Values,
    nulls: Option<NullBuffer>,
    options: TextOptions,
}

#[derive(Debug)]
enum Values {
    Boolean(BooleanArray),
    SmallInt(Int16Array),
    Integer(Int32Array),
    BigInt(Int64Array),
    Oid(UInt32Array),
    Real(Float32Array),
    Double(Float64Array),
    /// With the scale, and whether zeros behind the point are dropped.
    Numeric(Decimal128Array, i8, bool),
    Utf8(StringArray),
    LargeUtf8(LargeStringArray),
    Utf8View(StringViewArray),
    Bytea(BinaryArray),
    Date(Date32Array),
    Time(Time64MicrosecondArray),
    Timestamp(TimestampMicrosecondArray),
    Timestamptz(TimestampMicrosecondArray),
    Interval(IntervalMonthDayNanoArray),
    Uuid(FixedSizeBinaryArray),
    Array(ListArray, Box<ColumnFormatter>),
}

impl ColumnFormatter {
    /// A formatter over all rows of `array`.
    ///
    /// # Errors
    /// XX000 where the array cannot be cast to the Arrow type of `sql_type`.
    pub fn new(
        array: &dyn Array,
        sql_type: &SqlType,
        options: &TextOptions,
    ) -> Result<Self, SqlError> {
        let array = canonical(array, sql_type)?;
        let nulls = array.logical_nulls();
        let values = match sql_type {
            SqlType::Boolean => Values::Boolean(array.as_boolean().clone()),
            SqlType::SmallInt => Values::SmallInt(array.as_primitive::<Int16Type>().clone()),
            SqlType::Integer => Values::Integer(array.as_primitive::<Int32Type>().clone()),
            SqlType::BigInt => Values::BigInt(array.as_primitive::<Int64Type>().clone()),
            SqlType::Oid | SqlType::Regclass => {
                Values::Oid(array.as_primitive::<UInt32Type>().clone())
            }
            SqlType::Real => Values::Real(array.as_primitive::<Float32Type>().clone()),
            SqlType::Double => Values::Double(array.as_primitive::<Float64Type>().clone()),
            SqlType::Numeric(modifiers) => Values::Numeric(
                array.as_primitive::<Decimal128Type>().clone(),
                decimal::shape(*modifiers).1,
                modifiers.is_none(),
            ),
            SqlType::Bytea => Values::Bytea(array.as_binary::<i32>().clone()),
            SqlType::Date => Values::Date(array.as_primitive::<Date32Type>().clone()),
            SqlType::Time => Values::Time(array.as_primitive::<Time64MicrosecondType>().clone()),
            SqlType::Timestamp => {
                Values::Timestamp(array.as_primitive::<TimestampMicrosecondType>().clone())
            }
            SqlType::Timestamptz => {
                Values::Timestamptz(array.as_primitive::<TimestampMicrosecondType>().clone())
            }
            SqlType::Interval => {
                Values::Interval(array.as_primitive::<IntervalMonthDayNanoType>().clone())
            }
            SqlType::Uuid => Values::Uuid(array.as_fixed_size_binary().clone()),
            SqlType::Array(element) => {
                let list = array.as_list::<i32>().clone();
                let elements = Self::new(list.values(), element, options)?;
                Values::Array(list, Box::new(elements))
            }
            SqlType::Text
            | SqlType::Varchar(_)
            | SqlType::Name
            | SqlType::Char
            | SqlType::Json
            | SqlType::Jsonb => match array.data_type() {
                DataType::Utf8 => Values::Utf8(array.as_string::<i32>().clone()),
                DataType::LargeUtf8 => Values::LargeUtf8(array.as_string::<i64>().clone()),
                _ => Values::Utf8View(array.as_string_view().clone()),
            },
        };
        Ok(Self { values, nulls, options: *options })
    }

    /// Whether the value of `row` is NULL, for which [`ColumnFormatter::write`] must not be called.
    #[must_use]
    #[inline]
    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// Appends the text of `row` to `out`.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn write(&self, row: usize, out: &mut Vec<u8>) {
        match &self.values {
            Values::Boolean(values) => out.push(if values.value(row) { b't' } else { b'f' }),
            Values::SmallInt(values) => integer::write(values.value(row).into(), out),
            Values::Integer(values) => integer::write(values.value(row).into(), out),
            Values::BigInt(values) => integer::write(values.value(row), out),
            Values::Oid(values) => integer::write_unsigned(values.value(row).into(), out),
            Values::Real(values) => {
                float::write(values.value(row), self.options.extra_float_digits, out);
            }
            Values::Double(values) => {
                float::write(values.value(row), self.options.extra_float_digits, out);
            }
            Values::Numeric(values, scale, trim) => {
                decimal::write(values.value(row), *scale, *trim, out);
            }
            Values::Utf8(values) => out.extend_from_slice(values.value(row).as_bytes()),
            Values::LargeUtf8(values) => out.extend_from_slice(values.value(row).as_bytes()),
            Values::Utf8View(values) => out.extend_from_slice(values.value(row).as_bytes()),
            Values::Bytea(values) => bytea::write(values.value(row), self.options.bytea_style, out),
            Values::Date(values) => datetime::write_date(values.value(row), out),
            Values::Time(values) => time_of_day::write(values.value(row), out),
            Values::Timestamp(values) => datetime::write_timestamp(values.value(row), out),
            Values::Timestamptz(values) => {
                datetime::write_timestamptz(values.value(row), &self.options, out);
            }
            Values::Interval(values) => {
                interval::write(values.value(row), self.options.interval_style, out);
            }
            Values::Uuid(values) => uuid::write(values.value(row), out),
            Values::Array(list, elements) => write_array(list, elements, row, out),
        }
    }
}

fn write_array(list: &ListArray, elements: &ColumnFormatter, row: usize, out: &mut Vec<u8>) {
    let offsets = list.value_offsets();
    let mut text = Vec::new();
    out.push(b'{');
    for (index, element) in (offsets[row]..offsets[row + 1]).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let element = element.cast_unsigned() as usize;
        if elements.is_null(element) {
            out.extend_from_slice(b"NULL");
        } else {
            text.clear();
            elements.write(element, &mut text);
            array::write_element(&text, out);
        }
    }
    out.push(b'}');
}

/// The array in the Arrow type that [`SqlType::arrow`] says; any form of text is left as it is.
///
/// # Errors
/// XX000 where Arrow cannot cast it.
pub fn canonical(array: &dyn Array, sql_type: &SqlType) -> Result<ArrayRef, SqlError> {
    let wanted = sql_type.arrow();
    let is_text = |data_type: &DataType| {
        matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
    };
    let found = array.data_type();
    if found.equals_datatype(&wanted) || (is_text(&wanted) && is_text(found)) {
        return Ok(array.slice(0, array.len()));
    }
    if let (DataType::Timestamp(TimeUnit::Nanosecond, _), DataType::Timestamp(_, zone)) =
        (found, &wanted)
    {
        let nanos = array.as_primitive::<TimestampNanosecondType>();
        let micros: TimestampMicrosecondArray =
            nanos.unary(|nanos| nanos.div_euclid(1000) + i64::from(nanos.rem_euclid(1000) >= 500));
        return Ok(std::sync::Arc::new(micros.with_timezone_opt(zone.clone())));
    }
    cast(array, &wanted).map_err(|error| {
        SqlError::new(
            SqlState::InternalError,
            format!("a column of type {sql_type} was computed as {found}"),
        )
        .with_detail(error.to_string())
    })
}
