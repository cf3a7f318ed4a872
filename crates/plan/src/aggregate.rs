//! [`Aggregate`]: one aggregate call of an Aggregate node.

use std::fmt;

use kappa_types::SqlType;

/// An aggregate function with an incremental form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AggregateFunction {
    /// `count(*)`: rows, NULLs included.
    CountRows,
    /// `count(x)`: values that are not NULL.
    Count,
    /// `sum(x)`; the output type says how wide: bigint for smallint and integer, numeric for bigint
    /// and numeric, real and double as they are, interval.
    Sum,
    /// `avg(x)`: numeric for integers and numeric, double for real and double, interval.
    Avg,
    /// `min(x)`
    Min,
    /// `max(x)`
    Max,
    /// `bool_and(x)`
    BoolAnd,
    /// `bool_or(x)`
    BoolOr,
    /// `var_pop(x)`: numeric for integers and numeric, double for real and double.
    VarPop,
    /// `var_samp(x)`
    VarSamp,
    /// `stddev_pop(x)`
    StddevPop,
    /// `stddev_samp(x)`
    StddevSamp,
}

impl AggregateFunction {
    /// The SQL name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CountRows | Self::Count => "count",
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::BoolAnd => "bool_and",
            Self::BoolOr => "bool_or",
            Self::VarPop => "var_pop",
            Self::VarSamp => "var_samp",
            Self::StddevPop => "stddev_pop",
            Self::StddevSamp => "stddev_samp",
        }
    }
}

/// One aggregate call.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// Which function.
    pub function: AggregateFunction,
    /// Column of the input that is aggregated; `None` for `count(*)` only.
    pub argument: Option<usize>,
    /// Whether equal values count once.
    pub distinct: bool,
    /// Boolean column of the input: rows where it is not true are left out (FILTER).
    pub filter: Option<usize>,
    /// Name of the output column.
    pub name: String,
    /// Type of the output, PostgreSQL's for this function and argument.
    pub sql_type: SqlType,
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.function.name())?;
        if self.distinct {
            f.write_str("distinct ")?;
        }
        match self.argument {
            Some(column) => write!(f, "#{column}")?,
            None => f.write_str("*")?,
        }
        f.write_str(")")?;
        match self.filter {
            Some(column) => write!(f, " filter #{column}"),
            None => Ok(()),
        }
    }
}
