//! Functions behind operators that are more than arithmetic.

use super::Argument::Any;
use super::Function;
use crate::value::{PgType, Value, cast};

pub(super) static FUNCTIONS: &[Function] = &[
    // left || right, one of them text, the other anything.
    Function::new("textanycat", &[Any, Any], PgType::Text, |session, values, types| {
        let mut joined = String::new();
        for (value, ty) in values.iter().zip(types) {
            let text = cast(session, value, ty, &PgType::Text)?;
            joined.push_str(text.as_text().unwrap_or_default());
        }
        Ok(Value::text(joined))
    }),
];
