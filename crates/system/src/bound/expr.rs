//! [`Expr`]: a bound expression.

use std::sync::Arc;

use super::Query;
use crate::function::Function;
use crate::value::{Base, PgType, Value};

/// `=`, `<`, …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// As written.
    pub(crate) const fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Whether an order of two values satisfies it.
    pub(crate) const fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// `+`, `-`, … on numbers of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    BitAnd,
    BitOr,
    BitXor,
    ShiftLeft,
    ShiftRight,
}

/// LIKE or a regular expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatternKind {
    /// LIKE with its escape character.
    Like(Option<char>),
    /// `~`
    Regex,
    /// SIMILAR TO
    Similar(Option<char>),
}

/// An operator with a boolean result, as ANY and ALL take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Compare(Comparison),
    Match { kind: PatternKind, insensitive: bool, negated: bool },
}

/// IS TRUE, IS NOT UNKNOWN, …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Truth {
    /// TRUE, FALSE or UNKNOWN.
    pub(crate) value: Option<bool>,
    pub(crate) negated: bool,
}

/// A value that a stage before the projection has computed for the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Computed {
    /// The aggregate with this number.
    Aggregate(usize),
    /// The window function with this number.
    Window(usize),
    /// The current row of the set-returning call with this number.
    Set(usize),
}

/// A query inside an expression.
#[derive(Debug)]
pub(crate) struct Subquery {
    /// Number in the whole statement; the key of its cached result.
    pub(crate) id: usize,
    pub(crate) query: Query,
}

/// An expression over the current row and those of the queries around it.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Constant(Value),
    /// `$n`, counted from 0.
    Parameter(usize),
    /// A column of the row `depth` queries out.
    Column {
        depth: usize,
        slot: usize,
        column: usize,
    },
    /// A row as one value.
    WholeRow {
        depth: usize,
        slot: usize,
    },
    Computed(Computed),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// LIKE, ~ and their like on (subject, pattern).
    Match {
        kind: PatternKind,
        insensitive: bool,
        negated: bool,
        operands: Box<(Expr, Expr)>,
    },
    /// `IS [NOT] DISTINCT FROM`; `true` when negated.
    Distinct {
        negated: bool,
        operands: Box<(Expr, Expr)>,
    },
    IsNull {
        negated: bool,
        operand: Box<Expr>,
    },
    Truth(Truth, Box<Expr>),
    Arithmetic {
        operator: Arithmetic,
        base: Base,
        operands: Box<(Expr, Expr)>,
    },
    Negate(Box<Expr>, Base),
    Call {
        function: &'static Function,
        arguments: Vec<Expr>,
        types: Arc<[PgType]>,
    },
    Cast {
        operand: Box<Expr>,
        from: PgType,
        to: PgType,
    },
    Case {
        branches: Vec<(Expr, Expr)>,
        otherwise: Box<Expr>,
    },
    Coalesce(Vec<Expr>),
    /// GREATEST if true, else LEAST.
    Extreme(bool, Vec<Expr>),
    /// operand IN (list)
    In {
        negated: bool,
        operand: Box<Expr>,
        list: Vec<Expr>,
    },
    /// row operator ANY|ALL (query)
    Quantified {
        operator: Operator,
        all: bool,
        operands: Vec<Expr>,
        query: Arc<Subquery>,
    },
    /// left operator ANY|ALL (array)
    QuantifiedArray {
        operator: Operator,
        all: bool,
        operands: Box<(Expr, Expr)>,
    },
    Exists(Arc<Subquery>),
    Scalar(Arc<Subquery>),
    ArrayQuery(Arc<Subquery>),
    Array(Vec<Expr>),
    Record(Vec<Expr>),
    Subscript(Box<(Expr, Expr)>),
    Slice {
        array: Box<Expr>,
        lower: Option<Box<Expr>>,
        upper: Option<Box<Expr>>,
    },
    Field(Box<Expr>, usize),
}

/// Equal in form; queries are never equal.
impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        // Bound expressions hold no spans or names, so their debug form says all there is. Only
        // used to match a few GROUP BY keys.
        !self.has_query() && !other.has_query() && format!("{self:?}") == format!("{other:?}")
    }
}

impl Expr {
    /// Whether a query is in it.
    pub(crate) fn has_query(&self) -> bool {
        let mut found = false;
        self.walk(&mut |expr| {
            found |= matches!(
                expr,
                Self::Quantified { .. } | Self::Exists(_) | Self::Scalar(_) | Self::ArrayQuery(_)
            );
            true
        });
        found
    }

    /// Calls `visit` for this expression and those in it, but not into queries. `visit` says whether
    /// to go on inside.
    pub(crate) fn walk(&self, visit: &mut dyn FnMut(&Self) -> bool) {
        if !visit(self) {
            return;
        }
        let mut each = |expr: &Self| expr.walk(visit);
        match self {
            Self::Constant(_)
            | Self::Parameter(_)
            | Self::Column { .. }
            | Self::WholeRow { .. }
            | Self::Computed(_)
            | Self::Exists(_)
            | Self::Scalar(_)
            | Self::ArrayQuery(_) => {}
            Self::And(list)
            | Self::Or(list)
            | Self::Coalesce(list)
            | Self::Extreme(_, list)
            | Self::Array(list)
            | Self::Record(list)
            | Self::Quantified { operands: list, .. }
            | Self::Call { arguments: list, .. } => list.iter().for_each(each),
            Self::Not(operand)
            | Self::IsNull { operand, .. }
            | Self::Truth(_, operand)
            | Self::Negate(operand, _)
            | Self::Cast { operand, .. }
            | Self::Field(operand, _) => each(operand),
            Self::Compare(_, left, right) => {
                each(left);
                each(right);
            }
            Self::Match { operands, .. }
            | Self::Distinct { operands, .. }
            | Self::Arithmetic { operands, .. }
            | Self::QuantifiedArray { operands, .. }
            | Self::Subscript(operands) => {
                each(&operands.0);
                each(&operands.1);
            }
            Self::Case { branches, otherwise } => {
                for (condition, result) in branches {
                    each(condition);
                    each(result);
                }
                each(otherwise);
            }
            Self::In { operand, list, .. } => {
                each(operand);
                list.iter().for_each(each);
            }
            Self::Slice { array, lower, upper } => {
                each(array);
                lower.iter().chain(upper).for_each(|bound| each(bound));
            }
        }
    }
}
