//! Rows as bytes in a WAL frame.
//!
//! The one idea: columns one after the other, fixed-width values as they stand in memory, strings as
//! lengths and bytes. One row of three numbers takes 30 bytes where an Arrow IPC message takes a
//! thousand, and a large batch is a few copies. Types come from the schema version that the frame
//! names; nothing about them is repeated.
//!
//! ```text
//! row_count varint │ diffs u8 (0 none, 1 zigzag each) │ column …
//! column = nulls u8 (0 none, 1 bitmap) │ [bitmap] │ values
//! values = fixed width: count × width bytes     boolean: bitmap
//!          strings: count × varint length, bytes     list: count × varint length, column of items
//! ```
//!
//! This does no checksums: a frame is checked before it is decoded.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayData, ArrayRef, AsArray, BinaryBuilder, BooleanArray, GenericByteArray,
    GenericListArray, Int64Array, LargeStringBuilder, ListArray, StringBuilder, StringViewBuilder,
    make_array,
};
use arrow::buffer::{BooleanBuffer, Buffer, MutableBuffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{BinaryType, ByteArrayType, DataType, LargeUtf8Type, SchemaRef, Utf8Type};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use crate::encoding::{Malformed, Put, Take};

/// Whether rows with columns of this type can be written.
pub(crate) fn is_supported(data_type: &DataType) -> bool {
    match data_type {
        DataType::Boolean
        | DataType::Utf8View
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Binary
        | DataType::FixedSizeBinary(_) => true,
        DataType::List(item) => is_supported(item.data_type()),
        other => other.primitive_width().is_some(),
    }
}

/// Appends `rows` to `out`.
///
/// # Panics
/// If a column's type is not [`is_supported`].
pub(crate) fn encode(rows: &RecordBatch, diffs: Option<&Int64Array>, out: &mut Vec<u8>) {
    out.put_varint(rows.num_rows() as u64);
    out.put_u8(u8::from(diffs.is_some()));
    if let Some(diffs) = diffs {
        diffs.values().iter().for_each(|diff| out.put_zigzag(*diff));
    }
    for column in rows.columns() {
        encode_column(column, out);
    }
}

fn encode_column(column: &ArrayRef, out: &mut Vec<u8>) {
    match column.nulls().filter(|nulls| nulls.null_count() > 0) {
        Some(nulls) => {
            out.put_u8(1);
            put_bitmap(nulls.inner(), out);
        }
        None => out.put_u8(0),
    }
    match column.data_type() {
        DataType::Boolean => put_bitmap(column.as_boolean().values(), out),
        DataType::Utf8View => {
            let strings = column.as_string_view();
            put_strings(strings.len(), |index| strings.value(index).as_bytes(), column, out);
        }
        DataType::Utf8 => put_byte_array(column.as_bytes::<Utf8Type>(), column, out),
        DataType::LargeUtf8 => put_byte_array(column.as_bytes::<LargeUtf8Type>(), column, out),
        DataType::Binary => put_byte_array(column.as_bytes::<BinaryType>(), column, out),
        DataType::List(_) => put_list(column.as_list::<i32>(), out),
        data_type => {
            let width = fixed_width(data_type).expect("types are checked before rows are encoded");
            let data = column.to_data();
            let from = data.offset() * width;
            out.put(&data.buffers()[0][from..from + data.len() * width]);
        }
    }
}

/// Bytes of one value.
fn fixed_width(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::FixedSizeBinary(width) => usize::try_from(*width).ok(),
        other => other.primitive_width(),
    }
}

fn put_bitmap(bits: &BooleanBuffer, out: &mut Vec<u8>) {
    out.put(&bits.sliced()[..bits.len().div_ceil(8)]);
}

fn put_byte_array<T: ByteArrayType>(
    array: &GenericByteArray<T>,
    column: &ArrayRef,
    out: &mut Vec<u8>,
) {
    put_strings(array.len(), |index| array.value(index).as_ref(), column, out);
}

fn put_strings<'a>(
    count: usize,
    value: impl Fn(usize) -> &'a [u8],
    column: &ArrayRef,
    out: &mut Vec<u8>,
) {
    let nulls = column.nulls();
    let is_valid = |index| nulls.is_none_or(|nulls| nulls.is_valid(index));
    for index in 0..count {
        out.put_varint(if is_valid(index) { value(index).len() as u64 } else { 0 });
    }
    for index in (0..count).filter(|index| is_valid(*index)) {
        out.put(value(index));
    }
}

fn put_list(list: &GenericListArray<i32>, out: &mut Vec<u8>) {
    let offsets = list.value_offsets();
    for pair in offsets.windows(2) {
        out.put_varint((pair[1] - pair[0]) as u64);
    }
    let (first, last) = (offsets[0] as usize, offsets[list.len()] as usize);
    encode_column(&list.values().slice(first, last - first), out);
}

/// Reads what [`encode`] wrote for rows of `schema`.
pub(crate) fn decode(
    schema: &SchemaRef,
    bytes: &[u8],
) -> Result<(RecordBatch, Option<Int64Array>), Malformed> {
    let mut from = Take::new(bytes);
    let row_count = usize::try_from(from.varint()?).map_err(|_| Malformed("row count"))?;
    let diffs = match from.u8()? {
        0 => None,
        _ => {
            let values: Result<Vec<i64>, _> = (0..row_count).map(|_| from.zigzag()).collect();
            Some(Int64Array::from(values?))
        }
    };
    let columns: Result<Vec<_>, _> = schema
        .fields()
        .iter()
        .map(|field| decode_column(field.data_type(), row_count, &mut from))
        .collect();
    if !from.is_empty() {
        return Err(Malformed("bytes after the last column"));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(row_count));
    let rows = RecordBatch::try_new_with_options(Arc::clone(schema), columns?, &options)
        .map_err(|_| Malformed("columns that do not fit the schema"))?;
    Ok((rows, diffs))
}

fn decode_column(
    data_type: &DataType,
    count: usize,
    from: &mut Take<'_>,
) -> Result<ArrayRef, Malformed> {
    let nulls = match from.u8()? {
        0 => None,
        _ => Some(NullBuffer::new(take_bitmap(count, from)?)),
    };
    Ok(match data_type {
        DataType::Boolean => Arc::new(BooleanArray::new(take_bitmap(count, from)?, nulls)),
        DataType::Utf8View => {
            let mut builder = StringViewBuilder::new();
            take_strings(count, nulls.as_ref(), from, |value| {
                builder.append_option(value.map(text).transpose()?);
                Ok(())
            })?;
            Arc::new(builder.finish())
        }
        DataType::Utf8 => {
            let mut builder = StringBuilder::new();
            take_strings(count, nulls.as_ref(), from, |value| {
                builder.append_option(value.map(text).transpose()?);
                Ok(())
            })?;
            Arc::new(builder.finish())
        }
        DataType::LargeUtf8 => {
            let mut builder = LargeStringBuilder::new();
            take_strings(count, nulls.as_ref(), from, |value| {
                builder.append_option(value.map(text).transpose()?);
                Ok(())
            })?;
            Arc::new(builder.finish())
        }
        DataType::Binary => {
            let mut builder = BinaryBuilder::new();
            take_strings(count, nulls.as_ref(), from, |value| {
                builder.append_option(value);
                Ok(())
            })?;
            Arc::new(builder.finish())
        }
        DataType::List(item) => {
            let lengths = take_lengths(count, from)?;
            let item_count = lengths.iter().sum();
            let items = decode_column(item.data_type(), item_count, from)?;
            let offsets = OffsetBuffer::from_lengths(lengths);
            Arc::new(
                ListArray::try_new(Arc::clone(item), offsets, items, nulls)
                    .map_err(|_| Malformed("list"))?,
            )
        }
        other => take_fixed(other, count, nulls, from)?,
    })
}

fn take_fixed(
    data_type: &DataType,
    count: usize,
    nulls: Option<NullBuffer>,
    from: &mut Take<'_>,
) -> Result<ArrayRef, Malformed> {
    let width = fixed_width(data_type).ok_or(Malformed("type without an encoding"))?;
    let size_bytes = count.checked_mul(width).ok_or(Malformed("row count"))?;
    // Copied into a buffer of its own, which has the alignment that Arrow asks for.
    let bytes = from.take(size_bytes)?;
    let mut values = MutableBuffer::new(size_bytes);
    values.extend_from_slice(bytes);
    let data = ArrayData::builder(data_type.clone())
        .len(count)
        .add_buffer(values.into())
        .nulls(nulls)
        .build()
        .map_err(|_| Malformed("fixed-width column"))?;
    Ok(make_array(data))
}

fn take_bitmap(count: usize, from: &mut Take<'_>) -> Result<BooleanBuffer, Malformed> {
    Ok(BooleanBuffer::new(Buffer::from(from.take(count.div_ceil(8))?), 0, count))
}

fn take_lengths(count: usize, from: &mut Take<'_>) -> Result<Vec<usize>, Malformed> {
    let mut total = 0_usize;
    (0..count)
        .map(|_| {
            let length = usize::try_from(from.varint()?).map_err(|_| Malformed("length"))?;
            total = total
                .checked_add(length)
                .filter(|total| i32::try_from(*total).is_ok())
                .ok_or(Malformed("more than 2 GiB in a column"))?;
            Ok(length)
        })
        .collect()
}

fn take_strings<'a>(
    count: usize,
    nulls: Option<&NullBuffer>,
    from: &mut Take<'a>,
    mut push: impl FnMut(Option<&'a [u8]>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    for (index, length) in take_lengths(count, from)?.into_iter().enumerate() {
        let value = from.take(length)?;
        push(nulls.is_none_or(|nulls| nulls.is_valid(index)).then_some(value))?;
    }
    Ok(())
}

fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed("text that is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use arrow::array::new_null_array;
    use arrow::compute::concat;
    use kappa_types::SqlType;

    use super::*;

    /// Values of a type: some, NULL, and what the type has at its ends as far as casts reach.
    fn samples(sql_type: &SqlType) -> ArrayRef {
        let data_type = sql_type.arrow();
        let null = new_null_array(&data_type, 1);
        let some: ArrayRef = match &data_type {
            DataType::List(item) => {
                let inner = SqlType::of_field(item).expect("items have types");
                let items = samples(&inner);
                let offsets = OffsetBuffer::from_lengths([2, 0, items.len() - 2]);
                Arc::new(ListArray::new(Arc::clone(item), offsets, items, None))
            }
            DataType::Utf8View | DataType::LargeUtf8 => {
                let strings =
                    arrow::array::StringArray::from(vec!["", "a", "a text beyond views é"]);
                arrow::compute::cast(&strings, &data_type).expect("text casts")
            }
            DataType::Boolean => Arc::new(BooleanArray::from(vec![true, false, true])),
            DataType::Binary => {
                Arc::new(arrow::array::BinaryArray::from(vec![&[][..], &[0, 255][..]]))
            }
            _ => {
                let width = fixed_width(&data_type).expect("all others have a width");
                let bytes: Vec<u8> =
                    (0..width as u8 * 3).map(|byte| byte.wrapping_mul(7)).collect();
                let mut from = Take::new(&bytes);
                take_fixed(&data_type, 3, None, &mut from).expect("any bytes are values")
            }
        };
        concat(&[&some, &null, &some]).expect("of one type")
    }

    fn types() -> Vec<SqlType> {
        let plain = SqlType::PLAIN.to_vec();
        let arrays = plain.iter().map(|item| SqlType::Array(Box::new(item.clone())));
        plain.iter().cloned().chain(arrays).collect()
    }

    #[test]
    fn rows_of_every_type_are_read_back() {
        for sql_type in types() {
            let all = samples(&sql_type);
            assert!(is_supported(all.data_type()), "{sql_type}");
            let field = sql_type.field("x", true);
            let schema = Arc::new(arrow::datatypes::Schema::new(vec![field]));
            for column in [all.slice(0, 0), all.slice(1, all.len() - 2), all] {
                let diffs = Int64Array::from_iter_values((0..column.len() as i64).map(|n| 1 - n));
                let rows = RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap();
                for diffs in [None, Some(diffs)] {
                    let mut bytes = Vec::new();
                    encode(&rows, diffs.as_ref(), &mut bytes);
                    let (found, found_diffs) = decode(&schema, &bytes).unwrap();
                    assert_eq!((found, found_diffs), (rows.clone(), diffs), "{sql_type}");
                }
            }
        }
    }

    #[test]
    fn cut_or_garbled_bytes_are_an_error_or_rows_and_never_a_panic() {
        for sql_type in types() {
            let column = samples(&sql_type);
            let field = sql_type.field("x", true);
            let schema = Arc::new(arrow::datatypes::Schema::new(vec![field]));
            let rows = RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap();
            let mut bytes = Vec::new();
            encode(&rows, None, &mut bytes);
            for cut in 0..bytes.len() {
                assert!(decode(&schema, &bytes[..cut]).is_err(), "{sql_type} cut at {cut}");
            }
            for at in 0..bytes.len() {
                for flip in [1, 0x80, 0xff] {
                    bytes[at] ^= flip;
                    let _ = decode(&schema, &bytes);
                    bytes[at] ^= flip;
                }
            }
        }
    }

    #[test]
    fn one_row_takes_few_bytes() {
        let columns: Vec<ArrayRef> =
            vec![Arc::new(Int64Array::from(vec![7])), samples(&SqlType::Text).slice(1, 1)];
        let rows =
            RecordBatch::try_from_iter([("a", columns[0].clone()), ("b", columns[1].clone())]);
        let mut bytes = Vec::new();
        encode(&rows.unwrap(), None, &mut bytes);
        assert_eq!(bytes.len(), 2 + 1 + 8 + 1 + 1 + 1);
    }
}
