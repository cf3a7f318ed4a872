//! `array_to_string`: elements as their types' output functions write them, with a text between them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewBuilder};
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use kappa_types::text::{ColumnFormatter, canonical};
use kappa_types::{SqlError, SqlState, SqlType};

use super::KernelFunction;
use super::kernel::Arguments;
use super::lengthen::within_limit;
use crate::typing::{Conversion, Resolver};

/// The names of the function: PostgreSQL's and DataFusion's.
const NAMES: [&str; 4] = ["array_to_string", "array_join", "list_to_string", "list_join"];

/// The call over resolved arguments; `None` for other names and forms.
pub(super) fn array_to_text(
    resolver: &Resolver<'_>,
    name: &str,
    args: &[Expr],
    schema: &DFSchema,
) -> Result<Option<Expr>, SqlError> {
    let (Some((array, texts)), true) = (args.split_first(), NAMES.contains(&name)) else {
        return Ok(None);
    };
    let of = resolver.sql_type(array, schema)?;
    if !matches!(of, SqlType::Array(_)) || !matches!(texts.len(), 1 | 2) {
        return Ok(None);
    }
    let mut types = vec![of];
    let mut resolved = vec![array.clone()];
    for text in texts {
        types.push(SqlType::Text);
        resolved.push(resolver.coerce(
            text.clone(),
            &SqlType::Text,
            schema,
            Conversion::Implicit,
        )?);
    }
    let context = resolver.context();
    Ok(Some(KernelFunction::call(NAMES[0], joined, types, SqlType::Text, resolved, context)))
}

fn joined(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let SqlType::Array(element) = &args.types[0] else {
        return Err(SqlError::new(SqlState::InternalError, "array_to_string of no array"));
    };
    let list = args.arrays[0].as_list::<i32>();
    let values = canonical(list.values().as_ref(), element)?;
    let options = args.context.text_options();
    let formatter = ColumnFormatter::new(values.as_ref(), element, &options)?;
    let delimiter = args.text(1);
    let null = (args.arrays.len() > 2).then(|| args.text(2));
    let mut builder = StringViewBuilder::with_capacity(args.row_count);
    let mut buffer = Vec::new();
    for row in 0..args.row_count {
        if list.is_null(row) || delimiter.is_null(row) {
            builder.append_null();
            continue;
        }
        let null = null.filter(|null| null.is_valid(row)).map(|null| null.value(row));
        buffer.clear();
        let mut first = true;
        let offsets = list.value_offsets();
        for index in offsets[row] as usize..offsets[row + 1] as usize {
            let missing = formatter.is_null(index);
            if missing && null.is_none() {
                continue;
            }
            if !std::mem::take(&mut first) {
                buffer.extend_from_slice(delimiter.value(row).as_bytes());
            }
            match null.filter(|_| missing) {
                Some(null) => buffer.extend_from_slice(null.as_bytes()),
                None => formatter.write(index, &mut buffer),
            }
            within_limit(buffer.len())?;
        }
        builder.append_value(String::from_utf8_lossy(&buffer));
    }
    Ok(Arc::new(builder.finish()))
}
