//! Expressions of a kind over the columns in scope.

use super::kind::{Kind, Profile};
use super::relation::Column;
use fastrand::Rng;

/// Draws expressions: the columns in scope, and what values are like.
pub(super) struct Scope<'a> {
    /// The columns.
    pub(super) columns: &'a [Column],
    /// What values are like.
    pub(super) profile: Profile,
}

impl Scope<'_> {
    /// A column of a kind.
    pub(super) fn column(&self, kind: Kind, random: &mut Rng) -> Option<String> {
        let fitting: Vec<_> = self.columns.iter().filter(|column| column.kind == kind).collect();
        let column = fitting.get(random.usize(..fitting.len().max(1)))?;
        Some(column.name.clone())
    }

    /// An expression of any kind.
    pub(super) fn any(&self, depth: u8, random: &mut Rng) -> Column {
        let kind = match self.columns {
            columns if !columns.is_empty() && random.u8(..3) > 0 => {
                columns[random.usize(..columns.len())].kind
            }
            _ => Kind::draw(random),
        };
        Column { name: self.expression(kind, depth, random), kind }
    }

    /// An expression of a kind; the deeper, the more parts.
    pub(super) fn expression(&self, kind: Kind, depth: u8, random: &mut Rng) -> String {
        if depth == 0 || random.u8(..3) == 0 {
            return match self.column(kind, random) {
                Some(column) if random.u8(..8) > 0 => column,
                _ => kind.value(self.profile, random),
            };
        }
        if random.u8(..4) == 0 {
            return self.choice_of(kind, depth - 1, random);
        }
        match kind {
            Kind::Bool => self.predicate(depth, random),
            Kind::Text => self.text(depth - 1, random),
            Kind::Timestamp | Kind::Date | Kind::Interval => self.time(kind, depth - 1, random),
            Kind::Int | Kind::Big | Kind::Numeric | Kind::Double => {
                self.number(kind, depth - 1, random)
            }
        }
    }

    /// One of several values of a kind.
    fn choice_of(&self, kind: Kind, depth: u8, random: &mut Rng) -> String {
        let a = self.expression(kind, depth, random);
        let b = self.expression(kind, depth, random);
        match random.u8(..6) {
            0 => format!("coalesce({a}, {b})"),
            1 => format!("nullif({a}, {b})"),
            2 if kind != Kind::Bool => format!("greatest({a}, {b})"),
            3 if kind != Kind::Bool => format!("least({a}, {b})"),
            4 => format!("CASE WHEN {} THEN {a} END", self.predicate(depth, random)),
            _ => format!("CASE WHEN {} THEN {a} ELSE {b} END", self.predicate(depth, random)),
        }
    }

    fn number(&self, kind: Kind, depth: u8, random: &mut Rng) -> String {
        let a = self.expression(kind, depth, random);
        let is_whole = matches!(kind, Kind::Int | Kind::Big);
        match random.u8(..10) {
            0 | 1 => format!("({a} + {})", self.expression(kind, depth, random)),
            2 => format!("({a} - {})", self.expression(kind, depth, random)),
            3 => format!("({a} * {})", random.u8(..4)),
            4 if is_whole => format!("({a} % {})", random.u8(1..6)),
            5 if is_whole => format!("({a} / {})", random.u8(1..4)),
            // A quotient beyond the sixteenth digit is 0 here and not in PostgreSQL.
            5 if self.profile.is_extreme && kind == Kind::Numeric => format!("round({a} / 4, 6)"),
            5 => format!("({a} / 4)"),
            6 => format!("abs({a})"),
            7 => format!("(- {a})"),
            8 if self.profile.is_extreme && kind == Kind::Numeric => {
                format!("round({a} / {}, 6)", self.expression(kind, depth, random))
            }
            8 if self.profile.is_extreme => {
                format!("({a} / {})", self.expression(kind, depth, random))
            }
            8 if kind == Kind::Int => format!("length({})", self.text(depth, random)),
            8 => format!("{}::{}", self.expression(Kind::Int, depth, random), kind.name()),
            _ if is_whole => {
                let part = ["year", "month", "day", "hour", "minute", "dow"][random.usize(..6)];
                let at = self.expression(Kind::Timestamp, 0, random);
                format!("extract({part} FROM {at})::{}", kind.name())
            }
            _ => format!("floor({a})"),
        }
    }

    fn text(&self, depth: u8, random: &mut Rng) -> String {
        let a = self.expression(Kind::Text, depth, random);
        match random.u8(..8) {
            0 | 1 => format!("({a} || {})", self.expression(Kind::Text, depth, random)),
            2 => format!("upper({a})"),
            3 => format!("substr({a}, {}, {})", random.u8(1..3), random.u8(1..4)),
            4 => format!("replace({a}, 'a', 'xy')"),
            5 => {
                let kind = [Kind::Int, Kind::Bool, Kind::Date, Kind::Big][random.usize(..4)];
                format!("{}::text", self.expression(kind, depth, random))
            }
            6 => format!("concat({a}, '-', {})", self.expression(Kind::Int, depth, random)),
            _ => format!("trim({a})"),
        }
    }

    fn time(&self, kind: Kind, depth: u8, random: &mut Rng) -> String {
        let a = self.expression(kind, depth, random);
        match kind {
            Kind::Timestamp => match random.u8(..5) {
                0 => format!("({a} + {})", Kind::Interval.literal(self.profile, random)),
                1 => format!("({a} - INTERVAL '1 day')"),
                2 => self.truncated(&a, random),
                3 => format!("{}::timestamp", self.expression(Kind::Date, depth, random)),
                _ => format!("date_bin('5 minutes', {a}, TIMESTAMP '2030-01-01')"),
            },
            Kind::Date => match random.u8(..2) {
                0 => format!("({a} + {})", random.u8(1..40)),
                _ => format!("{}::date", self.expression(Kind::Timestamp, depth, random)),
            },
            _ => match random.u8(..2) {
                0 => format!("({a} + {})", self.expression(Kind::Interval, depth, random)),
                _ => format!("({a} * {})", random.u8(..3)),
            },
        }
    }

    /// A time cut to a unit, to group by.
    pub(super) fn truncated(&self, at: &str, random: &mut Rng) -> String {
        let unit = ["minute", "hour", "day", "week", "month", "year"][random.usize(..6)];
        format!("date_trunc('{unit}', {at})")
    }
}
