//! Row-by-row kernels: a closure over values, NULL in gives NULL out.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray, PrimitiveBuilder,
    StringViewArray, StringViewBuilder,
};
use kappa_types::SqlError;

use super::kernel::Arguments;

impl Arguments<'_> {
    /// Argument number `index` as an array of primitives.
    pub(crate) fn primitive<T: ArrowPrimitiveType>(&self, index: usize) -> &PrimitiveArray<T> {
        self.arrays[index].as_primitive::<T>()
    }

    /// Argument number `index` as text.
    pub(crate) fn text(&self, index: usize) -> &StringViewArray {
        self.arrays[index].as_string_view()
    }

    /// Argument number `index` as booleans.
    pub(crate) fn boolean(&self, index: usize) -> &BooleanArray {
        self.arrays[index].as_boolean()
    }

    /// Whether some argument is NULL in this row.
    pub(crate) fn any_null(&self, row: usize) -> bool {
        self.arrays.iter().any(|array| array.is_null(row))
    }
}

/// `f` of each row of one argument.
pub(crate) fn map1<A: ArrowPrimitiveType, R: ArrowPrimitiveType>(
    args: &Arguments<'_>,
    f: impl Fn(A::Native) -> Result<R::Native, SqlError>,
) -> Result<ArrayRef, SqlError> {
    let input = args.primitive::<A>(0);
    rows::<R>(args, |row| f(input.value(row)))
}

/// `f` of each row of two arguments.
pub(crate) fn map2<A: ArrowPrimitiveType, B: ArrowPrimitiveType, R: ArrowPrimitiveType>(
    args: &Arguments<'_>,
    f: impl Fn(A::Native, B::Native) -> Result<R::Native, SqlError>,
) -> Result<ArrayRef, SqlError> {
    let (left, right) = (args.primitive::<A>(0), args.primitive::<B>(1));
    rows::<R>(args, |row| f(left.value(row), right.value(row)))
}

/// `f` of each row in which no argument is NULL.
pub(crate) fn rows<R: ArrowPrimitiveType>(
    args: &Arguments<'_>,
    f: impl Fn(usize) -> Result<R::Native, SqlError>,
) -> Result<ArrayRef, SqlError> {
    if args.arrays.iter().any(|array| array.null_count() > 0) {
        return rows_opt::<R>(args, |row| f(row).map(Some));
    }
    let mut values = Vec::with_capacity(args.row_count);
    for row in 0..args.row_count {
        values.push(f(row)?);
    }
    let array = PrimitiveArray::<R>::new(values.into(), None);
    Ok(Arc::new(array.with_data_type(args.returns.arrow())))
}

/// `f` of each row in which no argument is NULL; the result may be NULL.
pub(crate) fn rows_opt<R: ArrowPrimitiveType>(
    args: &Arguments<'_>,
    f: impl Fn(usize) -> Result<Option<R::Native>, SqlError>,
) -> Result<ArrayRef, SqlError> {
    let mut builder =
        PrimitiveBuilder::<R>::with_capacity(args.row_count).with_data_type(args.returns.arrow());
    for row in 0..args.row_count {
        if args.any_null(row) {
            builder.append_null();
        } else {
            builder.append_option(f(row)?);
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// `f` of each row in which no argument is NULL, into booleans.
pub(crate) fn rows_boolean(
    args: &Arguments<'_>,
    f: impl Fn(usize) -> Result<Option<bool>, SqlError>,
) -> Result<ArrayRef, SqlError> {
    let values = (0..args.row_count)
        .map(|row| if args.any_null(row) { Ok(None) } else { f(row) })
        .collect::<Result<BooleanArray, SqlError>>()?;
    Ok(Arc::new(values))
}

/// `f` of each row in which no argument is NULL, into text; `f` says false for NULL.
pub(crate) fn rows_text(
    args: &Arguments<'_>,
    f: impl Fn(usize, &mut String) -> Result<bool, SqlError>,
) -> Result<ArrayRef, SqlError> {
    let mut builder = StringViewBuilder::with_capacity(args.row_count);
    let mut buffer = String::new();
    for row in 0..args.row_count {
        buffer.clear();
        if !args.any_null(row) && f(row, &mut buffer)? {
            builder.append_value(&buffer);
        } else {
            builder.append_null();
        }
    }
    Ok(Arc::new(builder.finish()))
}
