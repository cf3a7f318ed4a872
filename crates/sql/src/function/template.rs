//! [`Template`]: the patterns of `to_char`, `to_date` and `to_timestamp`, taken apart.
//!
//! Source: PostgreSQL 15, "Data Type Formatting Functions", and formatting.c. Patterns are the
//! longest that match; text in double quotes and everything else stands for itself.

use kappa_types::SqlError;

/// What a pattern stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Hour24,
    Hour12,
    Minute,
    Second,
    SecondOfDay,
    Millisecond,
    Microsecond,
    /// The first digits of the second's fraction.
    Fraction(u8),
    Meridiem,
    /// The last digits of the year; 4 is the whole year.
    Year(u8),
    YearWithComma,
    /// The same of the year of the ISO week.
    IsoYear(u8),
    Era,
    MonthName,
    MonthShort,
    Month,
    MonthRoman,
    DayName,
    DayShort,
    DayOfYear,
    IsoDayOfYear,
    Day,
    /// Sunday is 1.
    Weekday,
    /// Monday is 1.
    IsoWeekday,
    WeekOfMonth,
    WeekOfYear,
    IsoWeek,
    Century,
    JulianDay,
    Quarter,
    ZoneName,
    ZoneHours,
    ZoneMinutes,
    ZoneOffset,
}

/// How a word is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Letters {
    /// `MONTH`
    Upper,
    /// `Month`
    Capital,
    /// `month`
    Lower,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A character that stands for itself; whether it stood in quotes.
    Literal(char, bool),
    /// A pattern.
    Pattern {
        /// What it stands for.
        field: Field,
        /// How its word is written.
        letters: Letters,
        /// `FM`: neither zeros nor blanks fill it up.
        bare: bool,
        /// `TH` or `th`: an ordinal number.
        ordinal: Option<Letters>,
        /// Whether the pattern has points, as `A.M.` has.
        dotted: bool,
    },
}

/// Longer patterns stand before those that they begin with.
const PATTERNS: [(&str, Field); 54] = [
    ("SSSSS", Field::SecondOfDay),
    ("Y,YYY", Field::YearWithComma),
    ("MONTH", Field::MonthName),
    ("A.M.", Field::Meridiem),
    ("P.M.", Field::Meridiem),
    ("B.C.", Field::Era),
    ("A.D.", Field::Era),
    ("HH24", Field::Hour24),
    ("HH12", Field::Hour12),
    ("SSSS", Field::SecondOfDay),
    ("YYYY", Field::Year(4)),
    ("IYYY", Field::IsoYear(4)),
    ("IDDD", Field::IsoDayOfYear),
    ("YYY", Field::Year(3)),
    ("IYY", Field::IsoYear(3)),
    ("MON", Field::MonthShort),
    ("DAY", Field::DayName),
    ("DDD", Field::DayOfYear),
    ("TZH", Field::ZoneHours),
    ("TZM", Field::ZoneMinutes),
    ("FF1", Field::Fraction(1)),
    ("FF2", Field::Fraction(2)),
    ("FF3", Field::Fraction(3)),
    ("FF4", Field::Fraction(4)),
    ("FF5", Field::Fraction(5)),
    ("FF6", Field::Fraction(6)),
    ("HH", Field::Hour12),
    ("MI", Field::Minute),
    ("SS", Field::Second),
    ("MS", Field::Millisecond),
    ("US", Field::Microsecond),
    ("AM", Field::Meridiem),
    ("PM", Field::Meridiem),
    ("YY", Field::Year(2)),
    ("IY", Field::IsoYear(2)),
    ("BC", Field::Era),
    ("AD", Field::Era),
    ("MM", Field::Month),
    ("RM", Field::MonthRoman),
    ("DY", Field::DayShort),
    ("DD", Field::Day),
    ("ID", Field::IsoWeekday),
    ("WW", Field::WeekOfYear),
    ("IW", Field::IsoWeek),
    ("CC", Field::Century),
    ("TZ", Field::ZoneName),
    ("OF", Field::ZoneOffset),
    ("Y", Field::Year(1)),
    ("I", Field::IsoYear(1)),
    ("D", Field::Weekday),
    ("W", Field::WeekOfMonth),
    ("J", Field::JulianDay),
    ("Q", Field::Quarter),
    ("FF", Field::Fraction(6)),
];

/// A template taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    /// Its parts in order.
    pub(super) pieces: Vec<Piece>,
}

impl Template {
    /// Takes a template apart.
    ///
    /// # Errors
    /// 0A000 for the prefix TM and the suffix SP.
    pub(super) fn parse(text: &str) -> Result<Self, SqlError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        let mut bare = false;
        while let Some(first) = rest.chars().next() {
            if let Some(after) = prefix(rest, "FM") {
                bare = true;
                rest = after;
                continue;
            }
            if let Some(after) = prefix(rest, "FX") {
                rest = after;
                continue;
            }
            refuse_translated(rest)?;
            if let Some((field, length)) = pattern(rest) {
                let (word, after) = rest.split_at(length);
                let (ordinal, after) = ordinal(field, after)?;
                let letters = letters_of(word);
                let dotted = word.contains('.');
                pieces.push(Piece::Pattern { field, letters, bare, ordinal, dotted });
                (rest, bare) = (after, false);
            } else if first == '"' {
                rest = quoted(&rest[1..], &mut pieces);
            } else {
                // A backslash takes away the meaning of a quote.
                let skip = usize::from(rest.starts_with("\\\""));
                let rest_from = &rest[skip..];
                let literal = rest_from.chars().next().unwrap_or(first);
                pieces.push(Piece::Literal(literal, false));
                rest = &rest_from[literal.len_utf8()..];
            }
        }
        Ok(Self { pieces })
    }
}

fn refuse_translated(rest: &str) -> Result<(), SqlError> {
    match prefix(rest, "TM").and_then(pattern) {
        Some((Field::MonthName | Field::MonthShort | Field::DayName | Field::DayShort, _)) => {
            Err(SqlError::unsupported(
                "the template prefix TM is not supported",
                "Names of months and days are English; leave TM out.",
            ))
        }
        _ => Ok(()),
    }
}

fn prefix<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let start = text.get(..word.len())?;
    start.eq_ignore_ascii_case(word).then(|| &text[word.len()..])
}

fn pattern(text: &str) -> Option<(Field, usize)> {
    let found = PATTERNS.iter().find(|(word, _)| prefix(text, word).is_some())?;
    Some((found.1, found.0.len()))
}

fn letters_of(word: &str) -> Letters {
    let mut letters = word.chars().filter(char::is_ascii_alphabetic);
    match (letters.next(), letters.next()) {
        (Some(first), _) if first.is_ascii_lowercase() => Letters::Lower,
        (_, Some(second)) if second.is_ascii_lowercase() => Letters::Capital,
        _ => Letters::Upper,
    }
}

impl Field {
    /// Whether it is written as a word or with a sign, never as a bare number; `TZH` is both.
    pub(super) const fn is_word(self) -> bool {
        matches!(
            self,
            Self::MonthName
                | Self::MonthShort
                | Self::MonthRoman
                | Self::DayName
                | Self::DayShort
                | Self::Meridiem
                | Self::Era
                | Self::ZoneName
                | Self::ZoneOffset
        )
    }
}

/// The suffix after a number.
fn ordinal(field: Field, rest: &str) -> Result<(Option<Letters>, &str), SqlError> {
    if field.is_word() {
        return Ok((None, rest));
    }
    if prefix(rest, "SP").is_some() {
        return Err(SqlError::unsupported(
            "the template suffix SP is not supported",
            "Numbers are written as digits; leave SP out.",
        ));
    }
    Ok(match rest.get(..2) {
        Some("TH") => (Some(Letters::Upper), &rest[2..]),
        Some("th") => (Some(Letters::Lower), &rest[2..]),
        _ => (None, rest),
    })
}

/// Text in double quotes; gives what comes after it.
fn quoted<'t>(text: &'t str, pieces: &mut Vec<Piece>) -> &'t str {
    let mut letters = text.char_indices();
    while let Some((index, letter)) = letters.next() {
        match letter {
            '"' => return &text[index + 1..],
            '\\' => {
                if let Some((_, escaped)) = letters.next() {
                    pieces.push(Piece::Literal(escaped, true));
                }
            }
            letter => pieces.push(Piece::Literal(letter, true)),
        }
    }
    ""
}

/// The pattern as the manual writes it, for messages.
pub(super) fn name_of(field: Field) -> &'static str {
    PATTERNS.iter().find(|(_, other)| *other == field).map_or("", |(word, _)| word)
}
