//! Aggregates, and the kinds of what they give.

use super::expression::Scope;
use super::kind::Kind;
use super::relation::Column;
use fastrand::Rng;

/// Names of the variance family.
const VARIANCES: &[&str] =
    &["stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp"];

impl Scope<'_> {
    /// An aggregate call; what it is made of is added to `constructs`.
    pub(super) fn aggregate(&self, random: &mut Rng, constructs: &mut Vec<&'static str>) -> Column {
        let (construct, call, kind) = self.call(random);
        constructs.push(construct);
        let (call, can_filter) = match call.split_once('(') {
            Some((name, rest)) if construct != "count(*)" && random.u8(..6) == 0 => {
                constructs.push("distinct aggregate");
                (format!("{name}(DISTINCT {rest}"), true)
            }
            _ => (call, true),
        };
        if can_filter && random.u8(..5) == 0 {
            constructs.push("filter clause");
            let condition = self.predicate(1, random);
            let name = self.rounded(construct, kind, format!("{call} FILTER (WHERE {condition})"));
            return Column { name, kind };
        }
        Column { name: self.rounded(construct, kind, call), kind }
    }

    /// PostgreSQL gives deviations of large numbers without the digits behind the point.
    fn rounded(&self, construct: &str, kind: Kind, call: String) -> String {
        if self.profile.is_extreme && construct == "variance" && kind == Kind::Numeric {
            return format!("round({call}, -3)");
        }
        call
    }

    /// The construct, the call without options, and the kind of its result.
    fn call(&self, random: &mut Rng) -> (&'static str, String, Kind) {
        match random.u8(..12) {
            0 | 1 => ("count(*)", "count(*)".to_owned(), Kind::Big),
            2 => ("count", format!("count({})", self.any(1, random).name), Kind::Big),
            3 | 4 => {
                let of = self.summable(random);
                let kind = if of.kind == Kind::Int { Kind::Big } else { sum_of(of.kind) };
                ("sum", format!("sum({})", of.name), kind)
            }
            5 => {
                let of = self.summable(random);
                ("avg", format!("avg({})", of.name), sum_of(of.kind))
            }
            6..=8 => {
                let of = self.any(1, random);
                let of = if of.kind == Kind::Bool { self.summable(random) } else { of };
                let name = ["min", "max"][random.usize(..2)];
                (if name == "min" { "min" } else { "max" }, format!("{name}({})", of.name), of.kind)
            }
            9 => {
                let name = ["bool_and", "bool_or"][random.usize(..2)];
                ("bool_and/or", format!("{name}({})", self.predicate(1, random)), Kind::Bool)
            }
            _ => {
                let kinds = [Kind::Int, Kind::Big, Kind::Numeric, Kind::Double];
                let of = kinds[random.usize(..kinds.len())];
                let name = VARIANCES[random.usize(..VARIANCES.len())];
                let argument = self.expression(of, 1, random);
                // The deviation of equal values may be what rounding left, which grows with them.
                let argument = match of {
                    Kind::Double => {
                        format!("CASE WHEN abs({argument}) < 1000 THEN {argument} END")
                    }
                    _ => argument,
                };
                let call = format!("{name}({argument})");
                ("variance", call, sum_of(of))
            }
        }
    }

    fn summable(&self, random: &mut Rng) -> Column {
        let kinds = [Kind::Int, Kind::Int, Kind::Big, Kind::Numeric, Kind::Double, Kind::Interval];
        let kind = kinds[random.usize(..kinds.len())];
        Column { name: self.expression(kind, 1, random), kind }
    }
}

/// The kind of an average, and of a sum of anything but `integer`.
fn sum_of(kind: Kind) -> Kind {
    match kind {
        Kind::Double | Kind::Interval => kind,
        _ => Kind::Numeric,
    }
}
