//! `to_char`, `to_date` and `to_timestamp` with a template, see [`super::template`].
//!
//! Templates of numbers and intervals are refused; `round` and `::text` serve for most of them.

use arrow::array::ArrayRef;
use arrow::datatypes::{Date32Type, TimestampMicrosecondType};
use kappa_types::text::offset_at_local;
use kappa_types::{SqlError, SqlType};

use super::arithmetic::out_of_range;
use super::datetime::seconds_to_timestamp;
use super::entry::Function;
use super::kernel::Arguments;
use super::rows::{rows, rows_opt, rows_text};
use super::template::Template;
use super::template_read::read;
use super::template_write::Moment;

const DAY_MICROS: i64 = 86_400_000_000;
const SECOND_MICROS: i64 = 1_000_000;
const TEXT: SqlType = SqlType::Text;

type Micros = TimestampMicrosecondType;

/// The functions of this family.
pub(super) fn functions() -> Vec<Function> {
    let numbers =
        [SqlType::Integer, SqlType::BigInt, SqlType::Numeric(None), SqlType::Real, SqlType::Double];
    vec![
        Function::new(
            "to_char",
            "A time as text by a template: YYYY, MM, DD, HH24, MI, SS, MS, US, Mon, Day, IW, TZ and the \
             others of PostgreSQL.",
            ("to_char(timestamp '2030-05-17 08:09:10', 'DD Mon YYYY, HH24:MI')", "17 May 2030, 08:09"),
        )
        .takes(&[SqlType::Timestamp, TEXT], TEXT, to_char)
        .takes(&[SqlType::Timestamptz, TEXT], TEXT, to_char)
        .refuses(&[SqlType::Interval, TEXT], refuse_interval)
        .each(numbers, |f, t| f.refuses(&[t, TEXT], refuse_number)),
        Function::new("to_date", "A date from text, by a template.", (
            "to_date('17 May 2030', 'DD Mon YYYY')",
            "2030-05-17",
        ))
        .takes(&[TEXT, TEXT], SqlType::Date, to_date),
        Function::new(
            "to_timestamp",
            "A moment from text, by a template, in the session's zone; or from seconds since 1970-01-01 \
             UTC.",
            ("to_timestamp(1893456000)", "2030-01-01 00:00:00+00"),
        )
        .takes(&[TEXT, TEXT], SqlType::Timestamptz, to_timestamp)
        .takes(&[SqlType::Double], SqlType::Timestamptz, seconds_to_timestamp),
        Function::new(
            "to_number",
            "Is not supported, nor is to_char of numbers and intervals.",
            ("to_number('12', '99')", "ERROR:  templates of numbers are not supported"),
        )
        .refuses(&[TEXT, TEXT], refuse_number),
    ]
}

fn refuse_number() -> SqlError {
    SqlError::unsupported(
        "templates of numbers are not supported",
        "Use round(x, digits)::text, lpad, or a cast to numeric(p, s).",
    )
}

fn refuse_interval() -> SqlError {
    SqlError::unsupported(
        "to_char of an interval is not supported",
        "Use extract(field FROM interval), or cast it to text.",
    )
}

/// The templates of a kernel's rows: taken apart once while they stay the same.
struct Templates<'a> {
    texts: &'a arrow::array::StringViewArray,
    last: std::cell::RefCell<Option<(String, std::rc::Rc<Template>)>>,
}

impl<'a> Templates<'a> {
    fn new(args: &'a Arguments<'_>) -> Self {
        Self { texts: args.text(1), last: std::cell::RefCell::default() }
    }

    fn of(&self, row: usize) -> Result<std::rc::Rc<Template>, SqlError> {
        let text = self.texts.value(row);
        let mut last = self.last.borrow_mut();
        if let Some((known, template)) = last.as_ref()
            && known == text
        {
            return Ok(std::rc::Rc::clone(template));
        }
        let template = std::rc::Rc::new(Template::parse(text)?);
        *last = Some((text.to_owned(), std::rc::Rc::clone(&template)));
        Ok(template)
    }
}

fn to_char(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let zone = (args.types[0] == SqlType::Timestamptz).then_some(args.context.time_zone);
    let times = args.primitive::<Micros>(0);
    let templates = Templates::new(args);
    rows_text(args, |row, out| {
        let time = times.value(row);
        let template = templates.of(row)?;
        // An infinite time has no parts, and an empty template asks for none.
        if time == i64::MAX || time == i64::MIN || template.pieces.is_empty() {
            return Ok(false);
        }
        Moment::new(time, zone).write(&template, out);
        Ok(true)
    })
}

fn to_date(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let texts = args.text(0);
    let templates = Templates::new(args);
    rows::<Date32Type>(args, |row| {
        let found = read(&*templates.of(row)?, texts.value(row))?;
        i32::try_from(found.day).map_err(|_| out_of_range(&SqlType::Date))
    })
}

fn to_timestamp(args: &Arguments<'_>) -> Result<ArrayRef, SqlError> {
    let texts = args.text(0);
    let templates = Templates::new(args);
    rows_opt::<Micros>(args, |row| {
        let found = read(&*templates.of(row)?, texts.value(row))?;
        let midnight = found.day.checked_mul(DAY_MICROS);
        let local = midnight.and_then(|midnight| midnight.checked_add(found.micros));
        let local = local.ok_or_else(|| out_of_range(&SqlType::Timestamp))?;
        let offset =
            found.zone.unwrap_or_else(|| i64::from(offset_at_local(args.context.time_zone, local)));
        Ok(Some(local - offset * SECOND_MICROS))
    })
}
