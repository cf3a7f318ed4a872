//! Intervals in ISO 8601 form: `P1Y2M3W4DT5H6M7.8S` and `P0001-02-03T04:05:06`.

use super::interval::{Number, Parts, Refusal, Unit};

/// Reads what follows the `p`, in lower case.
pub(super) fn read(text: &str) -> Result<Parts, Refusal> {
    let mut parts = Parts::default();
    let (date, time) = match text.split_once('t') {
        Some((_, "")) => return Err(Refusal::Format),
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    if date.is_empty() && time.is_none() {
        return Err(Refusal::Format);
    }
    let is_designated = |text: &str| text.contains(|c: char| c.is_ascii_alphabetic());
    if !date.is_empty() {
        if is_designated(date) {
            read_fields(date, &mut parts, |mark| {
                Some(match mark {
                    b'y' => Unit::Year,
                    b'm' => Unit::Month,
                    b'w' => Unit::Week,
                    b'd' => Unit::Day,
                    _ => return None,
                })
            })?;
        } else {
            read_alternative_date(date, &mut parts)?;
        }
    }
    match time {
        Some(time) if is_designated(time) => read_fields(time, &mut parts, |mark| {
            Some(match mark {
                b'h' => Unit::Hour,
                b'm' => Unit::Minute,
                b's' => Unit::Second,
                _ => return None,
            })
        })?,
        Some(time) if time.contains(':') => parts.add_time(time)?,
        Some(_) => return Err(Refusal::Format),
        None => {}
    }
    Ok(parts)
}

fn read_fields(
    text: &str,
    parts: &mut Parts,
    unit: impl Fn(u8) -> Option<Unit>,
) -> Result<(), Refusal> {
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_ascii_alphabetic()).ok_or(Refusal::Format)?;
        let (number, tail) = rest.split_at(end);
        let valid = number.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.'));
        if !valid {
            return Err(Refusal::Format);
        }
        let unit = unit(tail.as_bytes()[0]).ok_or(Refusal::Format)?;
        parts.add(Number::parse(number)?, unit)?;
        rest = &tail[1..];
    }
    Ok(())
}

/// `0001-02-03`
fn read_alternative_date(date: &str, parts: &mut Parts) -> Result<(), Refusal> {
    let fields: Vec<&str> = date.split('-').collect();
    let [years, months, days] = fields[..] else { return Err(Refusal::Format) };
    for (text, unit) in [(years, Unit::Year), (months, Unit::Month), (days, Unit::Day)] {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Refusal::Format);
        }
        parts.add(Number::parse(text)?, unit)?;
    }
    Ok(())
}
