//! Conditions with all three truth values.

use super::expression::Scope;
use super::kind::Kind;
use fastrand::Rng;

impl Scope<'_> {
    /// A condition; the deeper, the more parts.
    pub(super) fn predicate(&self, depth: u8, random: &mut Rng) -> String {
        if depth == 0 {
            return self.comparison(0, random);
        }
        let a = || -> u8 { depth - 1 };
        match random.u8(..12) {
            0 => format!("({} AND {})", self.predicate(a(), random), self.predicate(a(), random)),
            1 => format!("({} OR {})", self.predicate(a(), random), self.predicate(a(), random)),
            2 => format!("(NOT {})", self.predicate(a(), random)),
            3 => {
                let test = ["IS NULL", "IS NOT NULL"][random.usize(..2)];
                format!("({} {test})", self.any(a(), random).name)
            }
            4 => self.membership(a(), random),
            5 => {
                let test = ["IS TRUE", "IS NOT TRUE", "IS FALSE", "IS UNKNOWN", "IS NOT UNKNOWN"];
                format!("({} {})", self.predicate(a(), random), test[random.usize(..test.len())])
            }
            6 => {
                let pattern = ["a%", "%b", "_", "%", "", "%\\%", "a\\_b"][random.usize(..7)];
                let not = if random.bool() { "NOT " } else { "" };
                let text = self.expression(Kind::Text, a(), random);
                format!("({text} {not}LIKE '{pattern}')")
            }
            _ => self.comparison(a(), random),
        }
    }

    fn comparison(&self, depth: u8, random: &mut Rng) -> String {
        let a = self.any(depth, random);
        let b = self.expression(a.kind, depth, random);
        let operators =
            ["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"];
        match random.u8(..10) {
            0 => {
                let c = self.expression(a.kind, depth, random);
                format!("({} BETWEEN {b} AND {c})", a.name)
            }
            _ => format!("({} {} {b})", a.name, operators[random.usize(..operators.len())]),
        }
    }

    fn membership(&self, depth: u8, random: &mut Rng) -> String {
        let a = self.any(depth, random);
        let count = random.usize(1..5);
        let list: Vec<_> = (0..count).map(|_| a.kind.value(self.profile, random)).collect();
        let not = if random.bool() { "NOT " } else { "" };
        format!("({} {not}IN ({}))", a.name, list.join(", "))
    }
}
