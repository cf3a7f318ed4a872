//! [`BinaryFormatter`]: writes the values of an Arrow array in binary form.

use arrow::array::{
    Array, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray,
    Float32Array, Float64Array, Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray,
    ListArray, Time64MicrosecondArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType, UInt32Type,
};
use kappa_types::text::{ColumnFormatter, TextOptions, canonical};
use kappa_types::{SqlError, SqlType, UNCONSTRAINED_SCALE};

use super::{EPOCH_DAYS, EPOCH_MICROS, numeric};

/// The version that stands before a jsonb.
const JSONB_VERSION: u8 = 1;

/// Writes the values of an Arrow array in binary form.
#[derive(Debug)]
pub(crate) struct BinaryFormatter {
    values: Values,
    nulls: Option<NullBuffer>,
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
    Numeric(Decimal128Array, i8, bool),
    /// Types whose binary form is their text.
    Text(ColumnFormatter),
    /// One byte; the empty text is 0.
    Char(ColumnFormatter),
    Jsonb(ColumnFormatter),
    Bytea(BinaryArray),
    Date(Date32Array),
    Time(Time64MicrosecondArray),
    Timestamp(TimestampMicrosecondArray),
    Interval(IntervalMonthDayNanoArray),
    Uuid(FixedSizeBinaryArray),
    Array {
        list: ListArray,
        elements: Box<BinaryFormatter>,
        element_oid: u32,
    },
}

impl BinaryFormatter {
    /// A formatter over all rows of `array`.
    ///
    /// # Errors
    /// XX000 where the array cannot be cast to the Arrow type of `sql_type`.
    pub(crate) fn new(array: &dyn Array, sql_type: &SqlType) -> Result<Self, SqlError> {
        let array = canonical(array, sql_type)?;
        let text = || ColumnFormatter::new(&array, sql_type, &TextOptions::default());
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
                modifiers.map_or(UNCONSTRAINED_SCALE, |(_, scale)| scale),
                modifiers.is_none(),
            ),
            SqlType::Text | SqlType::Varchar(_) | SqlType::Name | SqlType::Json => {
                Values::Text(text()?)
            }
            SqlType::Char => Values::Char(text()?),
            SqlType::Jsonb => Values::Jsonb(text()?),
            SqlType::Bytea => Values::Bytea(array.as_binary::<i32>().clone()),
            SqlType::Date => Values::Date(array.as_primitive::<Date32Type>().clone()),
            SqlType::Time => Values::Time(array.as_primitive::<Time64MicrosecondType>().clone()),
            SqlType::Timestamp | SqlType::Timestamptz => {
                Values::Timestamp(array.as_primitive::<TimestampMicrosecondType>().clone())
            }
            SqlType::Interval => {
                Values::Interval(array.as_primitive::<IntervalMonthDayNanoType>().clone())
            }
            SqlType::Uuid => Values::Uuid(array.as_fixed_size_binary().clone()),
            SqlType::Array(element) => {
                let list = array.as_list::<i32>().clone();
                let elements = Box::new(Self::new(list.values(), element)?);
                Values::Array { list, elements, element_oid: element.oid() }
            }
        };
        Ok(Self { values, nulls: array.logical_nulls() })
    }

    /// Whether the value of `row` is NULL, for which `write` must not be called.
    #[inline]
    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// Appends the value of `row`, without a length.
    pub(crate) fn write(&self, row: usize, out: &mut Vec<u8>) {
        match &self.values {
            Values::Boolean(values) => out.push(u8::from(values.value(row))),
            Values::SmallInt(values) => out.extend_from_slice(&values.value(row).to_be_bytes()),
            Values::Integer(values) => out.extend_from_slice(&values.value(row).to_be_bytes()),
            Values::BigInt(values) => {
                out.extend_from_slice(&values.value(row).to_be_bytes());
            }
            Values::Oid(values) => out.extend_from_slice(&values.value(row).to_be_bytes()),
            Values::Real(values) => out.extend_from_slice(&values.value(row).to_be_bytes()),
            Values::Double(values) => out.extend_from_slice(&values.value(row).to_be_bytes()),
            Values::Numeric(values, scale, trim) => {
                numeric::write(values.value(row), *scale, *trim, out);
            }
            Values::Text(formatter) => formatter.write(row, out),
            Values::Char(formatter) => {
                let start = out.len();
                formatter.write(row, out);
                if out.len() == start {
                    out.push(0);
                }
            }
            Values::Jsonb(formatter) => {
                out.push(JSONB_VERSION);
                formatter.write(row, out);
            }
            Values::Bytea(values) => out.extend_from_slice(values.value(row)),
            Values::Date(values) => {
                let days = match values.value(row) {
                    infinite @ (i32::MAX | i32::MIN) => infinite,
                    days => days.saturating_sub(EPOCH_DAYS),
                };
                out.extend_from_slice(&days.to_be_bytes());
            }
            Values::Time(values) => out.extend_from_slice(&values.value(row).to_be_bytes()),
            Values::Timestamp(values) => {
                let micros = match values.value(row) {
                    infinite @ (i64::MAX | i64::MIN) => infinite,
                    micros => micros.saturating_sub(EPOCH_MICROS),
                };
                out.extend_from_slice(&micros.to_be_bytes());
            }
            Values::Interval(values) => {
                let interval = values.value(row);
                out.extend_from_slice(&(interval.nanoseconds / 1000).to_be_bytes());
                out.extend_from_slice(&interval.days.to_be_bytes());
                out.extend_from_slice(&interval.months.to_be_bytes());
            }
            Values::Uuid(values) => out.extend_from_slice(values.value(row)),
            Values::Array { list, elements, element_oid } => {
                write_array(list, elements, *element_oid, row, out);
            }
        }
    }
}

/// Dimensions, whether there are NULLs, the element's OID; length and lower bound; elements.
fn write_array(
    list: &ListArray,
    elements: &BinaryFormatter,
    element_oid: u32,
    row: usize,
    out: &mut Vec<u8>,
) {
    let offsets = list.value_offsets();
    let range = offsets[row].cast_unsigned() as usize..offsets[row + 1].cast_unsigned() as usize;
    let has_null = range.clone().any(|element| elements.is_null(element));
    out.extend_from_slice(&i32::from(!range.is_empty()).to_be_bytes());
    out.extend_from_slice(&i32::from(has_null).to_be_bytes());
    out.extend_from_slice(&element_oid.to_be_bytes());
    if range.is_empty() {
        return;
    }
    let length = i32::try_from(range.len()).expect("offsets are 32 bits wide");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&1_i32.to_be_bytes());
    for element in range {
        if elements.is_null(element) {
            out.extend_from_slice(&(-1_i32).to_be_bytes());
            continue;
        }
        let length_at = out.len();
        out.extend_from_slice(&[0; 4]);
        elements.write(element, out);
        let length = u32::try_from(out.len() - length_at - 4).expect("a value is below 4 GiB");
        out[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
    }
}
