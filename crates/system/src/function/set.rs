//! Functions that return rows.

use std::sync::Arc;

use kappa_types::{SqlError, SqlState};

use super::Argument::{Array as AnyArray, Bool, Int, Text};
use super::array::{items, split};
use super::quote::text;
use super::{Argument, SetFunction};
use crate::session::Session;
use crate::value::{Base, Family, PgType, Row, Value};

/// Rows that one call may return.
const ROW_COUNT_MAX: i64 = 10_000_000;

pub(super) static FUNCTIONS: &[SetFunction] = &[
    SetFunction {
        name: "generate_series",
        arguments: &[Int, Int, Int],
        optional: 1,
        columns: |types| {
            let wide = types.contains(&PgType::Int8);
            one("generate_series", if wide { PgType::Int8 } else { PgType::Int4 })
        },
        evaluate: generate_series,
    },
    SetFunction {
        name: "generate_subscripts",
        arguments: &[AnyArray, Int, Bool],
        optional: 1,
        columns: |_| one("generate_subscripts", PgType::Int4),
        evaluate: |_, values, _| {
            let Some(array) = values[0].as_array().filter(|_| values[1].as_int() == Some(1)) else {
                return Ok(Vec::new());
            };
            let mut rows: Vec<Row> =
                (array.lower..).take(array.items.len()).map(|n| row(Value::Int(n))).collect();
            if values.get(2).and_then(Value::as_bool) == Some(true) {
                rows.reverse();
            }
            Ok(rows)
        },
    },
    SetFunction {
        name: "unnest",
        arguments: &[AnyArray],
        optional: 0,
        columns: |types| one("unnest", element(types)),
        evaluate: |_, values, _| Ok(items(&values[0]).iter().cloned().map(row).collect()),
    },
    SetFunction {
        name: "_pg_expandarray",
        arguments: &[AnyArray],
        optional: 0,
        columns: |types| vec![("x".to_owned(), element(types)), ("n".to_owned(), PgType::Int4)],
        evaluate: |_, values, _| {
            let pair = |(item, n): (&Value, i64)| Arc::from([item.clone(), Value::Int(n)]);
            Ok(items(&values[0]).iter().zip(1..).map(pair).collect())
        },
    },
    SetFunction {
        name: "regexp_split_to_table",
        arguments: &[Text, Text],
        optional: 0,
        columns: |_| one("regexp_split_to_table", PgType::Text),
        evaluate: |session, values, _| {
            let regex = session.regex(text(&values[1]), false)?;
            Ok(regex.split(text(&values[0])).map(|part| row(Value::text(part))).collect())
        },
    },
    SetFunction {
        name: "string_to_table",
        arguments: &[Text, Text],
        optional: 0,
        columns: |_| one("string_to_table", PgType::Text),
        evaluate: |_, values, _| {
            Ok(split(text(&values[0]), values[1].as_text(), None).into_iter().map(row).collect())
        },
    },
    SetFunction {
        name: "pg_get_keywords",
        arguments: &[],
        optional: 0,
        columns: |_| {
            vec![
                ("word".to_owned(), PgType::Text),
                ("catcode".to_owned(), PgType::Char),
                ("barelabel".to_owned(), PgType::Bool),
                ("catdesc".to_owned(), PgType::Text),
                ("baredesc".to_owned(), PgType::Text),
            ]
        },
        evaluate: |session, _, _| Ok(session.builtin.keywords.clone()),
    },
    SetFunction {
        name: "aclexplode",
        arguments: &[AnyArray],
        optional: 0,
        columns: |_| {
            vec![
                ("grantor".to_owned(), PgType::Oid),
                ("grantee".to_owned(), PgType::Oid),
                ("privilege_type".to_owned(), PgType::Text),
                ("is_grantable".to_owned(), PgType::Bool),
            ]
        },
        // No object has an access list: it is NULL, and NULL gives no rows.
        evaluate: |_, _, _| Ok(Vec::new()),
    },
    SetFunction {
        name: "pg_options_to_table",
        arguments: &[AnyArray],
        optional: 0,
        columns: |_| {
            vec![
                ("option_name".to_owned(), PgType::Text),
                ("option_value".to_owned(), PgType::Text),
            ]
        },
        evaluate: |_, values, _| {
            let option = |item: &Value| {
                let (name, value) = text(item).split_once('=').unwrap_or((text(item), ""));
                Arc::from([Value::text(name), Value::text(value)])
            };
            Ok(items(&values[0]).iter().map(option).collect())
        },
    },
    SetFunction {
        name: "pg_listening_channels",
        arguments: &[] as &[Argument],
        optional: 0,
        columns: |_| one("pg_listening_channels", PgType::Text),
        // LISTEN is not supported, so no session listens.
        evaluate: |_, _, _| Ok(Vec::new()),
    },
];

fn one(name: &str, ty: PgType) -> Vec<(String, PgType)> {
    vec![(name.to_owned(), ty)]
}

fn row(value: Value) -> Row {
    Arc::from([value])
}

fn element(types: &[PgType]) -> PgType {
    debug_assert!(types.first().is_none_or(|ty| ty.family() == Family::Array || ty.is_unknown()));
    PgType::Base(types.first().and_then(PgType::element).unwrap_or(Base::Text))
}

fn generate_series(
    _session: &Session<'_>,
    values: &[Value],
    _types: &[PgType],
) -> Result<Vec<Row>, SqlError> {
    let number = |index: usize| values.get(index).and_then(Value::as_int);
    let (start, stop) = (number(0).unwrap_or(0), number(1).unwrap_or(0));
    let step = number(2).unwrap_or(1);
    if step == 0 {
        let message = "step size cannot equal zero";
        return Err(SqlError::new(SqlState::InvalidParameterValue, message));
    }
    let span = i128::from(stop) - i128::from(start);
    let count = span / i128::from(step) + 1;
    if span.signum() * i128::from(step.signum()) < 0 {
        return Ok(Vec::new());
    }
    if count > i128::from(ROW_COUNT_MAX) {
        let message = "generate_series would return too many rows";
        return Err(SqlError::new(SqlState::ProgramLimitExceeded, message));
    }
    let next = |value: &i64| value.checked_add(step);
    let series = std::iter::successors(Some(start), next);
    let inside = |value: &i64| if step > 0 { *value <= stop } else { *value >= stop };
    Ok(series.take_while(inside).map(|value| row(Value::Int(value))).collect())
}
