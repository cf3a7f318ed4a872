//! Times, as far as questions about connections need them.

use kappa_types::text::civil_from_days;
use kappa_types::{SqlError, SqlState};

use super::Argument::{Interval as Span, Text, Timestamptz};
use super::Function;
use super::quote::text;
use crate::error::{mismatch, out_of_range};
use crate::value::{Base, Decimal, Interval, PgType, Value, cast};

/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400_000_000;
/// Microseconds of a second.
const SECOND_MICROS: i64 = 1_000_000;

const INTERVAL: PgType = PgType::Base(Base::Interval);

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("now", &[], PgType::Timestamptz, |session, _, _| {
        Ok(Value::Int(session.context.text.now_micros))
    }),
    Function::new("transaction_timestamp", &[], PgType::Timestamptz, |session, _, _| {
        Ok(Value::Int(session.context.text.now_micros))
    }),
    Function::new("statement_timestamp", &[], PgType::Timestamptz, |session, _, _| {
        Ok(Value::Int(session.context.text.now_micros))
    }),
    Function::new("current_timestamp", &[], PgType::Timestamptz, |session, _, _| {
        Ok(Value::Int(session.context.text.now_micros))
    }),
    Function::new("current_date", &[], PgType::Base(Base::Date), |session, _, _| {
        let now = Value::Int(session.context.text.now_micros);
        cast(session, &now, &PgType::Timestamptz, &PgType::Base(Base::Date))
    }),
    Function::new("localtimestamp", &[], PgType::Base(Base::Timestamp), |session, _, _| {
        let now = Value::Int(session.context.text.now_micros);
        cast(session, &now, &PgType::Timestamptz, &PgType::Base(Base::Timestamp))
    }),
    Function::new("timestamp_mi", &[Timestamptz, Timestamptz], INTERVAL, |_, v, _| {
        let (Some(left), Some(right)) = (v[0].as_int(), v[1].as_int()) else {
            return Err(mismatch("-"));
        };
        let micros = left.checked_sub(right).ok_or_else(|| out_of_range("interval"))?;
        let days = i32::try_from(micros / DAY_MICROS).map_err(|_| out_of_range("interval"))?;
        Ok(Value::Interval(Interval { months: 0, days, micros: micros % DAY_MICROS }))
    }),
    Function::new("timestamp_pl_interval", &[Timestamptz, Span], PgType::Timestamptz, |_, v, _| {
        shifted(v, 1)
    }),
    Function::new("timestamp_mi_interval", &[Timestamptz, Span], PgType::Timestamptz, |_, v, _| {
        shifted(v, -1)
    }),
    Function::new("extract", &[Text, Span], PgType::Numeric, |_, v, _| {
        let Value::Interval(span) = &v[1] else { return Err(mismatch("extract")) };
        match text(&v[0]) {
            "epoch" => {
                let days = i64::from(span.months) * 30 + i64::from(span.days);
                let whole =
                    days.checked_mul(DAY_MICROS).and_then(|days| days.checked_add(span.micros));
                whole.map(seconds).ok_or_else(|| out_of_range("interval"))
            }
            field => Err(unknown_field(field, "interval")),
        }
    }),
    Function::new("extract", &[Text, Timestamptz], PgType::Numeric, |session, v, _| {
        let utc = v[1].as_int().ok_or_else(|| mismatch("extract"))?;
        let local = cast(session, &v[1], &PgType::Timestamptz, &PgType::Base(Base::Timestamp))?;
        let micros = local.as_int().ok_or_else(|| mismatch("extract"))?;
        let civil = civil_from_days(micros.div_euclid(DAY_MICROS));
        let whole = |value: i64| Value::Decimal(Decimal::from_int(value));
        let time = micros.rem_euclid(DAY_MICROS);
        Ok(match text(&v[0]) {
            "epoch" => seconds(utc),
            "year" => whole(civil.year),
            "month" => whole(civil.month.into()),
            "day" => whole(civil.day.into()),
            "hour" => whole(time / (3600 * SECOND_MICROS)),
            "minute" => whole(time / (60 * SECOND_MICROS) % 60),
            "second" => seconds(time % (60 * SECOND_MICROS)),
            field => return Err(unknown_field(field, "timestamp with time zone")),
        })
    }),
];

fn unknown_field(field: &str, type_name: &str) -> SqlError {
    let message = format!("unit \"{field}\" not recognized for type {type_name}");
    SqlError::new(SqlState::InvalidParameterValue, message)
}

/// Microseconds as seconds with six digits.
fn seconds(micros: i64) -> Value {
    Value::Decimal(Decimal { digits: micros.into(), scale: 6 })
}

fn shifted(values: &[Value], sign: i64) -> Result<Value, SqlError> {
    let (Some(instant), Value::Interval(span)) = (values[0].as_int(), &values[1]) else {
        return Err(mismatch("interval"));
    };
    if span.months != 0 {
        return Err(crate::error::unsupported("adding months to a time"));
    }
    let micros =
        i64::from(span.days).checked_mul(DAY_MICROS).and_then(|d| d.checked_add(span.micros));
    let moved = micros.and_then(|m| m.checked_mul(sign)).and_then(|m| instant.checked_add(m));
    moved.map(Value::Int).ok_or_else(|| out_of_range("timestamp"))
}
