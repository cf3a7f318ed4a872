//! [`only_element`]: the value of a subquery, out of an array of all that it has.

use arrow::array::{Array, AsArray, UInt64Array};
use arrow::compute::take;
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use kappa_types::{SqlError, SqlState, SqlType};

use super::{Kernel, KernelFunction};
use crate::typing::Resolver;

/// Name of the call. No user can write it.
pub(crate) const ONLY_ELEMENT: &str = "only element";

/// The element of an array of one, NULL of an empty one.
///
/// # Errors
/// 21000, when it is computed, for an array of more.
pub(super) fn only_element(
    resolver: &Resolver<'_>,
    array: &Expr,
    schema: &DFSchema,
) -> Result<Option<Expr>, SqlError> {
    let sql_type = resolver.sql_type(array, schema)?;
    let SqlType::Array(element) = sql_type.clone() else { return Ok(None) };
    let kernel: Kernel = |args| {
        let lists = args.arrays[0].as_list::<i32>();
        let offsets = lists.value_offsets();
        let place = |row: usize| match offsets[row + 1] - offsets[row] {
            _ if lists.is_null(row) => Ok(None),
            0 => Ok(None),
            1 => Ok(u64::try_from(offsets[row]).ok()),
            _ => Err(SqlError::new(
                SqlState::CardinalityViolation,
                "more than one row returned by a subquery used as an expression",
            )),
        };
        let places = (0..lists.len()).map(place).collect::<Result<UInt64Array, _>>()?;
        take(lists.values().as_ref(), &places, None)
            .map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))
    };
    let types = vec![sql_type];
    let args = vec![array.clone()];
    Ok(Some(KernelFunction::call(ONLY_ELEMENT, kernel, types, *element, args, resolver.context())))
}
