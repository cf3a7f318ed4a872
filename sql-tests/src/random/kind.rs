//! The kinds of values that are drawn, with the values that tend to go wrong.

use fastrand::Rng;

/// A kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `integer`.
    Int,
    /// `bigint`.
    Big,
    /// `numeric`.
    Numeric,
    /// `double precision`.
    Double,
    /// `text`.
    Text,
    /// `boolean`.
    Bool,
    /// `timestamp`.
    Timestamp,
    /// `date`.
    Date,
    /// `interval`, below a day, so that equal ones print alike.
    Interval,
}

/// What values of a round are like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Profile {
    /// Whether numbers at the ends of their range come up, so that expressions fail.
    pub(super) is_extreme: bool,
    /// Whether most values are one value.
    pub(super) is_skewed: bool,
    /// Whether statements of hundreds of rows come up.
    pub(super) is_bulky: bool,
}

impl Profile {
    /// A profile.
    pub(super) fn draw(random: &mut Rng) -> Self {
        Self {
            is_extreme: random.u8(..4) == 0,
            is_skewed: random.u8(..3) == 0,
            is_bulky: random.u8(..4) == 0,
        }
    }
}

/// Chance of NULL, in a hundred.
const NULL_PERCENT: u8 = 12;
/// Texts, with what patterns and comparisons trip over.
const TEXTS: &[&str] = &[
    "",
    "a",
    "b",
    "ab",
    "A",
    "a_b",
    "50%",
    "日本",
    " a",
    "a text that does not stand inline",
    "''",
];

impl Kind {
    /// Every kind.
    pub(super) const ALL: &[Self] = &[
        Self::Int,
        Self::Big,
        Self::Numeric,
        Self::Double,
        Self::Text,
        Self::Bool,
        Self::Timestamp,
        Self::Date,
        Self::Interval,
    ];

    /// A kind.
    pub(super) fn draw(random: &mut Rng) -> Self {
        Self::ALL[random.usize(..Self::ALL.len())]
    }

    /// Its name in SQL.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Int => "integer",
            Self::Big => "bigint",
            Self::Numeric => "numeric",
            Self::Double => "double precision",
            Self::Text => "text",
            Self::Bool => "boolean",
            Self::Timestamp => "timestamp",
            Self::Date => "date",
            Self::Interval => "interval",
        }
    }

    /// Whether it is a number.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Big | Self::Numeric | Self::Double)
    }

    /// A value or NULL, as a literal with its type.
    pub(super) fn value(self, profile: Profile, random: &mut Rng) -> String {
        if random.u8(..100) < NULL_PERCENT {
            return format!("NULL::{}", self.name());
        }
        self.literal(profile, random)
    }

    /// A value that is not NULL, as a literal with its type.
    pub(super) fn literal(self, profile: Profile, random: &mut Rng) -> String {
        if profile.is_skewed && random.u8(..3) > 0 {
            return self.usual().to_owned();
        }
        if profile.is_extreme
            && random.u8(..8) == 0
            && let Some(value) = self.extreme(random)
        {
            return value;
        }
        match self {
            Self::Int => format!("({})", random.i32(-3..10)),
            Self::Big => format!("({})::bigint", random.i64(-5..15)),
            Self::Numeric => {
                format!("({}.{:02})::numeric", random.i32(-4..8), random.u8(..4) * 25)
            }
            Self::Double => double(random),
            Self::Text => format!("'{}'::text", TEXTS[random.usize(..TEXTS.len())]),
            Self::Bool => if random.bool() { "true" } else { "false" }.to_owned(),
            Self::Timestamp => format!("'{} {}'::timestamp", day(random), time(random)),
            Self::Date => format!("'{}'::date", day(random)),
            Self::Interval => format!("'{}'::interval", time(random)),
        }
    }

    /// The value that skewed rounds prefer.
    fn usual(self) -> &'static str {
        match self {
            Self::Int => "1",
            Self::Big => "2::bigint",
            Self::Numeric => "1.50::numeric",
            Self::Double => "0.5::double precision",
            Self::Text => "'a'::text",
            Self::Bool => "true",
            Self::Timestamp => "'2030-01-01 00:01:00'::timestamp",
            Self::Date => "'2030-01-01'::date",
            Self::Interval => "'00:01:00'::interval",
        }
    }

    fn extreme(self, random: &mut Rng) -> Option<String> {
        let values: &[&str] = match self {
            Self::Int => &["2147483647", "(-2147483648)"],
            Self::Big => &["9223372036854775807", "(-9223372036854775808)"],
            Self::Numeric => &["999999999999999999999.5::numeric", "0.0000000000000001::numeric"],
            Self::Double => &["1e308::double precision", "5e-324::double precision"],
            Self::Timestamp => &["'0001-01-01 00:00:00'::timestamp", "'9999-12-31'::timestamp"],
            Self::Date => &["'0001-01-01'::date", "'9999-12-31'::date"],
            Self::Text | Self::Bool | Self::Interval => return None,
        };
        Some(values[random.usize(..values.len())].to_owned())
    }
}

fn double(random: &mut Rng) -> String {
    match random.u8(..20) {
        0 => "'NaN'::double precision".to_owned(),
        1 => "'Infinity'::double precision".to_owned(),
        2 => "'-Infinity'::double precision".to_owned(),
        3 => "'-0'::double precision".to_owned(),
        _ => format!("({}.{:02})::double precision", random.i32(-4..8), random.u8(..4) * 25),
    }
}

fn day(random: &mut Rng) -> String {
    format!("2030-01-{:02}", if random.u8(..4) == 0 { random.u8(1..=31) } else { 1 })
}

fn time(random: &mut Rng) -> String {
    let hour = if random.u8(..4) == 0 { random.u8(..24) } else { 0 };
    format!("{hour:02}:{:02}:{:02}", random.u8(..10), random.u8(..4) * 15)
}
