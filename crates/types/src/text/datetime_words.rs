//! Dates and times in all the forms PostgreSQL reads: month names, zones, `now`, BC, run-together
//! digits.
//!
//! The one idea: cut the text into tokens by what characters they are made of, then let each token
//! fill the fields that are still missing. ISO forms never come here (see [`super::datetime`]).

use super::calendar::{Civil, civil_from_days, days_from_civil, days_in_month};
use super::datetime::Kind;
use super::datetime_token::{Token, split};
use super::time_of_day::{DAY, HOUR, MINUTE, SECOND};
use super::zone::{Zone, named, offset_at_utc};
use super::{DateOrder, TextOptions, invalid};
use crate::{SqlError, SqlState};

/// The Julian day of 1970-01-01.
const EPOCH_JULIAN: i64 = 2_440_588;
/// The greatest displacement of a zone, in hours.
const OFFSET_HOURS_MAX: i64 = 15;
/// Years beyond this are out of range for every type.
const YEAR_MAX: i64 = 1 << 31;

/// What a text says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Moment {
    /// After every time.
    Infinity,
    /// Before every time.
    NegativeInfinity,
    /// A day, a time of day, and the zone if one was named.
    Time { days: i64, micros: i64, zone: Option<Zone> },
}

/// Why a text is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// 22007
    Format,
    /// 22008
    Field,
    /// 22008, with the hint that day and month may be the wrong way round.
    MonthOrDay,
    /// 22009
    Displacement,
    /// 22023
    UnknownZone(String),
}

impl Refusal {
    fn error(self, text: &[u8], kind: Kind) -> SqlError {
        let shown = String::from_utf8_lossy(text);
        let field = || {
            SqlError::new(
                SqlState::DatetimeFieldOverflow,
                format!("date/time field value out of range: \"{shown}\""),
            )
        };
        match self {
            Self::Format => invalid::datetime(kind.name(), text),
            Self::Field => field(),
            Self::MonthOrDay => {
                field().with_hint("Perhaps you need a different \"datestyle\" setting.")
            }
            Self::Displacement => SqlError::new(
                SqlState::InvalidTimeZoneDisplacementValue,
                format!("time zone displacement out of range: \"{shown}\""),
            ),
            Self::UnknownZone(zone) => SqlError::new(
                SqlState::InvalidParameterValue,
                format!("time zone \"{zone}\" not recognized"),
            ),
        }
    }
}

/// Reads `text` as a value of `kind`.
pub(super) fn parse(text: &[u8], kind: Kind, options: &TextOptions) -> Result<Moment, SqlError> {
    let lower = String::from_utf8_lossy(text).to_ascii_lowercase();
    split(&lower)
        .and_then(|tokens| Fields::new(kind, options).read(&tokens))
        .map_err(|refusal| refusal.error(text, kind))
}

/// A word that stands for a moment.
#[derive(Clone, Copy, Debug)]
enum Special {
    Infinity,
    NegativeInfinity,
    Epoch,
    Now,
    /// Today plus this many days.
    Day(i64),
}

/// Morning or afternoon.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Half {
    Am,
    Pm,
}

/// What has been read so far.
struct Fields<'a> {
    kind: Kind,
    options: &'a TextOptions,
    year: Option<i64>,
    year_is_short: bool,
    month: Option<i64>,
    month_is_text: bool,
    day: Option<i64>,
    day_of_year: Option<i64>,
    julian: Option<i64>,
    before_christ: bool,
    micros: Option<i64>,
    half: Option<Half>,
    zone: Option<Zone>,
    special: Option<Special>,
    /// A weekday was named; PostgreSQL then reads no joined date.
    weekday: bool,
}

impl<'a> Fields<'a> {
    const fn new(kind: Kind, options: &'a TextOptions) -> Self {
        Self {
            kind,
            options,
            year: None,
            year_is_short: false,
            month: None,
            month_is_text: false,
            day: None,
            day_of_year: None,
            julian: None,
            before_christ: false,
            micros: None,
            half: None,
            zone: None,
            special: None,
            weekday: false,
        }
    }

    const fn has_date(&self) -> bool {
        self.julian.is_some()
            || (self.year.is_some()
                && (self.day_of_year.is_some() || (self.month.is_some() && self.day.is_some())))
    }

    const fn has_no_date(&self) -> bool {
        self.julian.is_none() && self.year.is_none() && self.month.is_none() && self.day.is_none()
    }

    fn read(mut self, tokens: &[Token<'_>]) -> Result<Moment, Refusal> {
        let mut index = 0;
        while let Some(token) = tokens.get(index) {
            let next = tokens.get(index + 1);
            match (token, next) {
                (Token::Word("j" | "jd" | "julian"), Some(Token::Number(number))) => {
                    self.read_julian(number)?;
                    index += 1;
                }
                (Token::Word("t"), Some(Token::Number(number))) => {
                    self.read_joined_time(number)?;
                    index += 1;
                }
                (Token::Word("t"), Some(Token::Time(_))) => {}
                (Token::Word(word), _) => self.read_word(word)?,
                (Token::Date(date), _) => self.read_date(date)?,
                (Token::Time(time), _) => self.read_time(time)?,
                (Token::Offset(offset), _) => self.read_offset(offset)?,
                (Token::Signed(b'-', "infinity" | "inf"), _) => {
                    self.set_special(Special::NegativeInfinity)?;
                }
                (Token::Signed(..), _) => return Err(Refusal::Format),
                (Token::Number(number), _) => self.read_number(number)?,
            }
            index += 1;
        }
        self.finish()
    }

    fn set_special(&mut self, special: Special) -> Result<(), Refusal> {
        // The words that stand for one moment override whatever is beside them.
        let overrides =
            matches!(special, Special::Infinity | Special::NegativeInfinity | Special::Epoch);
        if self.special.is_some() || (!overrides && !self.has_no_date()) {
            return Err(Refusal::Format);
        }
        self.special = Some(special);
        Ok(())
    }

    fn read_word(&mut self, word: &str) -> Result<(), Refusal> {
        if let Some(month) = month(word) {
            return self.set_text_month(month);
        }
        match word {
            "now" => self.set_special(Special::Now),
            "today" => self.set_special(Special::Day(0)),
            "tomorrow" => self.set_special(Special::Day(1)),
            "yesterday" => self.set_special(Special::Day(-1)),
            "epoch" => self.set_special(Special::Epoch),
            "infinity" | "inf" => self.set_special(Special::Infinity),
            "allballs" => {
                self.zone = Some(Zone::Fixed(0));
                self.set_micros(0)
            }
            "am" => self.set_half(Half::Am),
            "pm" => self.set_half(Half::Pm),
            "bc" => {
                self.before_christ = true;
                Ok(())
            }
            "ad" | "at" | "on" => Ok(()),
            "dst" => match self.zone {
                Some(Zone::Fixed(seconds)) => {
                    self.zone = Some(Zone::Fixed(seconds + 3600));
                    Ok(())
                }
                _ => Err(Refusal::Format),
            },
            _ if is_weekday(word) => {
                self.weekday = true;
                Ok(())
            }
            _ => self.read_zone(word),
        }
    }

    fn read_zone(&mut self, word: &str) -> Result<(), Refusal> {
        if self.zone.is_some() {
            return Err(Refusal::Format);
        }
        self.zone = Zone::find(word);
        match self.zone {
            Some(_) => Ok(()),
            None if word.contains('/') => Err(Refusal::UnknownZone(word.to_owned())),
            None => Err(Refusal::Format),
        }
    }

    const fn set_half(&mut self, half: Half) -> Result<(), Refusal> {
        self.half = Some(half);
        Ok(())
    }

    const fn set_micros(&mut self, micros: i64) -> Result<(), Refusal> {
        if self.micros.is_some() {
            return Err(Refusal::Format);
        }
        self.micros = Some(micros);
        Ok(())
    }

    fn set_text_month(&mut self, month: i64) -> Result<(), Refusal> {
        if self.month_is_text {
            return Err(Refusal::Format);
        }
        // The number before the name was taken as a month, but is the day: `8 January 1999`.
        if let Some(number) = self.month.take() {
            if self.day.is_some() {
                return Err(Refusal::Format);
            }
            self.day = Some(number);
        }
        self.month = Some(month);
        self.month_is_text = true;
        Ok(())
    }

    fn read_julian(&mut self, number: &str) -> Result<(), Refusal> {
        if !self.has_no_date() {
            return Err(Refusal::Format);
        }
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let day: i64 = whole.parse().map_err(|_| Refusal::Field)?;
        self.julian = Some(day);
        if !fraction.is_empty() {
            let part: f64 = format!("0.{fraction}").parse().map_err(|_| Refusal::Format)?;
            self.set_micros((part * DAY as f64) as i64)?;
        }
        Ok(())
    }

    /// `1999-01-08`, `1/8/1999`, `08-Jan-99`, `Jan-08-1999`; or a zone once the date is known.
    fn read_date(&mut self, date: &str) -> Result<(), Refusal> {
        if self.has_date()
            || self.special.is_some()
            || self.kind == Kind::Time && named(date).is_some()
        {
            return match date.as_bytes() {
                [first, ..] if first.is_ascii_digit() => Err(Refusal::Format),
                _ => self.read_zone(date),
            };
        }
        if self.weekday {
            return Err(Refusal::Format);
        }
        let mut names = 0;
        let parts: Vec<&str> = date
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|part| !part.is_empty())
            .collect();
        // The name of the month first: it decides what the numbers mean.
        for part in &parts {
            if !part.starts_with(|c: char| c.is_ascii_digit()) {
                let month = month(part).ok_or(Refusal::Format)?;
                self.set_text_month(month)?;
                names += 1;
            }
        }
        if names > 1 || parts.len() > 3 {
            return Err(Refusal::Format);
        }
        for part in parts {
            if part.starts_with(|c: char| c.is_ascii_digit()) {
                self.fill(part)?;
            }
        }
        if self.has_date() { Ok(()) } else { Err(Refusal::Format) }
    }

    fn read_number(&mut self, number: &str) -> Result<(), Refusal> {
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let joined = whole.len() >= 6;
        if self.has_date() || self.special.is_some() || self.kind == Kind::Time {
            return self.read_joined_time(number);
        }
        if !fraction.is_empty() {
            // `1999.008` is a year and a day in it.
            return if fraction.len() == 3 && self.has_no_date() {
                self.fill(whole)?;
                self.fill(fraction)
            } else {
                Err(Refusal::Format)
            };
        }
        if joined && self.has_no_date() {
            let (year, rest) = whole.split_at(whole.len() - if whole.len() == 7 { 3 } else { 4 });
            self.year = Some(parse_number(year)?);
            self.year_is_short = year.len() <= 2;
            if rest.len() == 3 {
                self.day_of_year = Some(parse_number(rest)?);
            } else {
                self.month = Some(parse_number(&rest[..2])?);
                self.day = Some(parse_number(&rest[2..])?);
            }
            return Ok(());
        }
        self.fill(whole)
    }

    /// `HHMMSS[.f]`, `HHMM`, or an hour that `am` or `pm` follows.
    fn read_joined_time(&mut self, number: &str) -> Result<(), Refusal> {
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let (hour, minute, second) = match whole.len() {
            6 => (&whole[..2], &whole[2..4], &whole[4..]),
            4 => (&whole[..2], &whole[2..], "0"),
            _ => return Err(Refusal::Format),
        };
        let micros =
            time(parse_number(hour)?, parse_number(minute)?, parse_number(second)?, fraction)?;
        self.set_micros(micros)
    }

    /// Gives a bare number the meaning that its place and the date order imply.
    fn fill(&mut self, text: &str) -> Result<(), Refusal> {
        let value = parse_number(text)?;
        let long = text.len() >= 3;
        let order = self.options.date_order;
        match (self.year, self.month, self.day) {
            (Some(_), None, None) if text.len() == 3 && (1..=366).contains(&value) => {
                self.day_of_year = Some(value);
            }
            (None, None, None) if long || order == DateOrder::Ymd => self.set_year(text, value),
            (None, None, None) if order == DateOrder::Dmy => self.day = Some(value),
            (None, None, None) | (Some(_), None, _) | (None, None, Some(_)) => {
                self.month = Some(value);
            }
            (None, Some(_), None) if self.month_is_text && (long || order == DateOrder::Ymd) => {
                self.set_year(text, value);
            }
            (Some(year), Some(_), None) if self.month_is_text && long && self.year_is_short => {
                self.day = Some(year);
                self.set_year(text, value);
            }
            (_, Some(_), None) => self.day = Some(value),
            (None, Some(_), Some(_)) => self.set_year(text, value),
            (Some(_), Some(_), Some(_)) => return Err(Refusal::Format),
        }
        Ok(())
    }

    const fn set_year(&mut self, text: &str, value: i64) {
        self.year = Some(value);
        self.year_is_short = text.len() <= 2;
    }

    /// `HH:MM[:SS[.f]]` or `MM:SS.f`.
    fn read_time(&mut self, text: &str) -> Result<(), Refusal> {
        let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
        let parts: Vec<i64> = clock.split(':').map(parse_number).collect::<Result<_, _>>()?;
        let (hour, minute, second) = match parts[..] {
            [minute, second] if text.contains('.') => (0, minute, second),
            [hour, minute] => (hour, minute, 0),
            [hour, minute, second] => (hour, minute, second),
            _ => return Err(Refusal::Format),
        };
        self.set_micros(time(hour, minute, second, fraction)?)
    }

    /// `±HH`, `±HHMM`, `±HH:MM[:SS]`.
    fn read_offset(&mut self, text: &str) -> Result<(), Refusal> {
        if self.zone.is_some() {
            return Err(Refusal::Format);
        }
        self.zone = Some(Zone::Fixed(parse_offset(text)?));
        Ok(())
    }

    fn finish(self) -> Result<Moment, Refusal> {
        let days = match self.special {
            Some(_) if self.kind == Kind::Time && self.micros.is_none() && !self.is_now() => {
                return Err(Refusal::Format);
            }
            Some(Special::Infinity) => return Ok(Moment::Infinity),
            Some(Special::NegativeInfinity) => return Ok(Moment::NegativeInfinity),
            Some(Special::Epoch) => {
                return Ok(Moment::Time { days: 0, micros: 0, zone: Some(Zone::Fixed(0)) });
            }
            Some(Special::Now) => return self.now(),
            Some(Special::Day(shift)) => self.local_now().div_euclid(DAY) + shift,
            None if self.kind == Kind::Time && self.has_no_date() => 0,
            None if self.has_date() => self.days()?,
            None => return Err(Refusal::Format),
        };
        if self.kind == Kind::Time
            && self.has_no_date()
            && self.special.is_none()
            && matches!(self.zone, Some(Zone::Named(_)))
        {
            // Without a date, rules say no offset.
            return Err(Refusal::Format);
        }
        let micros = match (self.micros, self.kind) {
            (Some(micros), _) => self.apply_half(micros)?,
            (None, Kind::Time) => return Err(Refusal::Format),
            (None, _) => 0,
        };
        Ok(Moment::Time { days, micros, zone: self.zone })
    }

    const fn is_now(&self) -> bool {
        matches!(self.special, Some(Special::Now))
    }

    fn local_now(&self) -> i64 {
        let now = self.options.now_micros;
        now + i64::from(offset_at_utc(self.options.time_zone, now)) * SECOND
    }

    fn now(&self) -> Result<Moment, Refusal> {
        if self.micros.is_some() {
            return Err(Refusal::Format);
        }
        let local = self.local_now();
        let offset = offset_at_utc(self.options.time_zone, self.options.now_micros);
        Ok(Moment::Time {
            days: local.div_euclid(DAY),
            micros: local.rem_euclid(DAY),
            zone: Some(Zone::Fixed(offset)),
        })
    }

    fn apply_half(&self, micros: i64) -> Result<i64, Refusal> {
        let hour = micros / HOUR;
        match self.half {
            None => Ok(micros),
            Some(_) if micros >= 13 * HOUR => Err(Refusal::Field),
            Some(Half::Am) if hour == 12 => Ok(micros - 12 * HOUR),
            Some(Half::Pm) if hour != 12 => Ok(micros + 12 * HOUR),
            Some(_) => Ok(micros),
        }
    }

    fn days(&self) -> Result<i64, Refusal> {
        if let Some(julian) = self.julian {
            return Ok(julian - EPOCH_JULIAN);
        }
        let mut year = self.year.ok_or(Refusal::Format)?;
        if self.before_christ {
            if year == 0 {
                return Err(Refusal::Field);
            }
            year = 1 - year;
        } else if self.year_is_short {
            year += if year < 70 { 2000 } else { 1900 };
        } else if year == 0 {
            return Err(Refusal::Field);
        }
        if !(-YEAR_MAX..=YEAR_MAX).contains(&year) {
            return Err(Refusal::Field);
        }
        if let Some(day_of_year) = self.day_of_year {
            let first = days_from_civil(Civil { year, month: 1, day: 1 });
            return if civil_from_days(first + day_of_year - 1).year == year && day_of_year > 0 {
                Ok(first + day_of_year - 1)
            } else {
                Err(Refusal::Field)
            };
        }
        let (month, day) = (self.month.ok_or(Refusal::Format)?, self.day.ok_or(Refusal::Format)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(Refusal::MonthOrDay);
        }
        let (month, day) = (month as u32, day as u32);
        if day > days_in_month(year, month) {
            return Err(Refusal::Field);
        }
        Ok(days_from_civil(Civil { year, month, day }))
    }
}

/// Seconds east of Greenwich.
pub(super) fn parse_offset(text: &str) -> Result<i32, Refusal> {
    let (sign, rest) = match text.as_bytes() {
        [b'-', ..] => (-1, text[1..].trim_start()),
        _ => (1, text[1..].trim_start()),
    };
    let parts: Vec<i64> = rest.split(':').map(parse_number).collect::<Result<_, _>>()?;
    let (hours, minutes, seconds) = match parts[..] {
        [joined] if rest.len() > 2 => (joined / 100, joined % 100, 0),
        [hours] => (hours, 0, 0),
        [hours, minutes] => (hours, minutes, 0),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return Err(Refusal::Format),
    };
    if hours > OFFSET_HOURS_MAX || minutes > 59 || seconds > 59 {
        return Err(Refusal::Displacement);
    }
    Ok(sign * (hours * 3600 + minutes * 60 + seconds) as i32)
}

/// Microseconds since midnight; 24:00:00 and a 60th second are allowed.
fn time(hour: i64, minute: i64, second: i64, fraction: &str) -> Result<i64, Refusal> {
    let fraction = fraction_micros(fraction)?;
    let micros =
        hour.saturating_mul(HOUR) + minute.saturating_mul(MINUTE) + second * SECOND + fraction;
    if hour > 24 || minute > 59 || second > 60 || micros > DAY {
        return Err(Refusal::Field);
    }
    Ok(micros)
}

/// The digits behind a point as microseconds, rounded as the double nearest to them.
pub(super) fn fraction_micros(digits: &str) -> Result<i64, Refusal> {
    if digits.is_empty() {
        return Ok(0);
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::Format);
    }
    let fraction: f64 = format!("0.{digits}").parse().map_err(|_| Refusal::Format)?;
    Ok((fraction * SECOND as f64).round_ties_even() as i64)
}

fn parse_number(text: &str) -> Result<i64, Refusal> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::Format);
    }
    // Longer numbers are no field of any date.
    if text.len() > 10 { Err(Refusal::Field) } else { text.parse().map_err(|_| Refusal::Format) }
}

/// The number of the month with this name or abbreviation.
pub(super) fn month(word: &str) -> Option<i64> {
    const NAMES: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    if word == "sept" {
        return Some(9);
    }
    NAMES.iter().position(|name| *name == word || &name[..3] == word).map(|index| index as i64 + 1)
}

fn is_weekday(word: &str) -> bool {
    const NAMES: [&str; 7] =
        ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
    matches!(word, "tues" | "weds" | "thur" | "thurs")
        || NAMES.iter().any(|name| *name == word || &name[..3] == word)
}
