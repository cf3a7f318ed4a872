//! Sizes on disk.

use super::Argument::{Any, Class, Numeric, Text};
use super::Function;
use super::catalog::undefined_oid;
use crate::error::mismatch;
use crate::session::{Class as PgClass, Session};
use crate::value::{Decimal, PgType, Value};
use kappa_types::SqlError;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("pg_size_pretty", &[Numeric], PgType::Text, |_, v, _| match &v[0] {
        Value::Decimal(bytes) => Ok(Value::text(pretty(*bytes))),
        _ => Err(mismatch("pg_size_pretty")),
    }),
    Function::new("pg_relation_size", &[Class, Text], PgType::Int8, |s, v, _| size(s, v))
        .optional(1),
    Function::new("pg_table_size", &[Class], PgType::Int8, |s, v, _| size(s, v)),
    Function::new("pg_total_relation_size", &[Class], PgType::Int8, |s, v, _| size(s, v)),
    Function::new("pg_indexes_size", &[Class], PgType::Int8, |_, _, _| Ok(Value::Int(0))),
    Function::new("pg_tablespace_size", &[Any], PgType::Int8, |s, _, _| Ok(total(s))),
    Function::new("pg_database_size", &[Any], PgType::Int8, |s, _, _| Ok(total(s))),
];

fn size(session: &Session<'_>, values: &[Value]) -> Result<Value, SqlError> {
    let oid = values[0].as_oid();
    let class = session.class_by_oid(oid).ok_or_else(|| undefined_oid(oid))?;
    let bytes = match &class {
        PgClass::Relation(relation) => session.context.state.size_bytes(relation.id),
        PgClass::Builtin(_) | PgClass::Index(_) => 0,
    };
    Ok(Value::Int(i64::try_from(bytes).unwrap_or(i64::MAX)))
}

fn total(session: &Session<'_>) -> Value {
    let sizes = session.relations().map(|relation| session.context.state.size_bytes(relation.id));
    Value::Int(i64::try_from(sizes.sum::<u64>()).unwrap_or(i64::MAX))
}

/// `8192 bytes`, `16 kB`, …: whole numbers below 10,240 of the unit.
fn pretty(bytes: Decimal) -> String {
    /// A number this large goes over to the next unit.
    const LIMIT: i128 = 10 * 1024;
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes.scale > 0 || bytes.digits.abs() < LIMIT {
        return format!("{bytes} bytes");
    }
    // One more bit than the unit is kept for rounding.
    let mut size = bytes.digits / 512;
    for (index, unit) in UNITS.iter().enumerate() {
        let is_last = index + 1 == UNITS.len();
        if is_last || size.abs() < 2 * LIMIT - 1 {
            let rounded = if size < 0 { (size - 1) / 2 } else { (size + 1) / 2 };
            return format!("{rounded} {unit}");
        }
        size /= 1024;
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_round_as_postgres_does() {
        let pretty = |bytes| pretty(Decimal::from_int(bytes));
        assert_eq!(pretty(0), "0 bytes");
        assert_eq!(pretty(10_239), "10239 bytes");
        assert_eq!(pretty(10_240), "10 kB");
        assert_eq!(pretty(16_384), "16 kB");
        assert_eq!(pretty(10_485_247), "10239 kB");
        assert_eq!(pretty(10_485_248), "10 MB");
        assert_eq!(pretty(1 << 40), "1024 GB");
    }
}
