//! Intervals in ISO 8601 form: `P1Y2M3W4DT5H6M7.8S` and `P0001-02-03T04:05:06`.

use super::interval::{Number, Parts, Refusal, Unit};

/// Reads what follows the `p`, in lower case.
pub(super) fn read(text: &str) -> Result<Parts, Refusal> {
    let mut parts = Parts::default();
    let (date, time) = match text.split_once('t') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    match time {
        None if date.is_empty() => return Err(Refusal::Format),
        Some("") => parts.see_nothing(),
        _ => {}
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
        Some("") | None => {}
        Some(time) => {
            let (hours, minutes, seconds) = cut(time, [2, 2, 2])?;
            parts.add_time(&format!("{hours}:{minutes}:{seconds}"))?;
        }
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

/// `0001-02-03` or `00010203`
fn read_alternative_date(date: &str, parts: &mut Parts) -> Result<(), Refusal> {
    let fields: Vec<&str> = date.split('-').collect();
    let (years, months, days) = match fields[..] {
        [years, months, days] => (years, months, days),
        [joined] => cut(joined, [4, 2, 2])?,
        _ => return Err(Refusal::Format),
    };
    for (text, unit) in [(years, Unit::Year), (months, Unit::Month), (days, Unit::Day)] {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Refusal::Format);
        }
        parts.add(Number::parse(text)?, unit)?;
    }
    Ok(())
}

/// Three fields of these widths.
fn cut(text: &str, widths: [usize; 3]) -> Result<(&str, &str, &str), Refusal> {
    let valid = text.len() == widths.iter().sum::<usize>()
        && text.bytes().all(|byte| byte.is_ascii_digit());
    if !valid {
        return Err(Refusal::Format);
    }
    let (first, rest) = text.split_at(widths[0]);
    let (second, third) = rest.split_at(widths[1]);
    Ok((first, second, third))
}
