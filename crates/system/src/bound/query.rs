//! [`Query`]: a bound query.

use std::sync::Arc;

use super::Expr;
use crate::function::SetFunction;
use crate::value::PgType;

/// A set of slots of one SELECT, bit n for slot n.
pub(crate) type SlotMask = u64;

/// Bit of [`Query::escapes`] for a query that reads a CTE defined outside it.
pub(crate) const NOT_CACHEABLE: u64 = 1 << 63;

/// A query with its CTEs, ORDER BY and LIMIT.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) ctes: Vec<Cte>,
    pub(crate) body: Body,
    /// Positions in the body's rows; those past `columns` are hidden.
    pub(crate) order: Vec<SortKey>,
    pub(crate) limit: Option<Expr>,
    pub(crate) offset: Option<Expr>,
    /// Name and type of each visible column.
    pub(crate) columns: Vec<(String, PgType)>,
    /// Bit n: it refers to the query n levels out; [`NOT_CACHEABLE`]. 0 means that its result is
    /// the same wherever it is asked.
    pub(crate) escapes: u64,
}

/// WITH name AS (query).
#[derive(Debug)]
pub(crate) struct Cte {
    pub(crate) id: usize,
    pub(crate) query: Arc<Query>,
    /// The recursive branch, and whether duplicates are dropped (UNION).
    pub(crate) recursive: Option<(Arc<Query>, bool)>,
}

/// One key of ORDER BY.
#[derive(Clone, Debug)]
pub(crate) struct SortKey {
    pub(crate) column: usize,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetOperator {
    Union,
    Except,
    Intersect,
}

/// What makes the rows.
#[derive(Debug)]
pub(crate) enum Body {
    Select(Box<Select>),
    Values(Vec<Vec<Expr>>),
    /// A parenthesised query with its own ORDER BY or LIMIT.
    Nested(Box<Query>),
    /// A query whose columns are cast; `projection` is over slot 0, its row.
    Convert {
        query: Box<Query>,
        projection: Vec<Expr>,
    },
    Set {
        operator: SetOperator,
        all: bool,
        left: Box<Query>,
        right: Box<Query>,
    },
}

#[derive(Debug)]
pub(crate) enum Distinct {
    None,
    All,
    /// Positions in the projection; the first row of each group in ORDER BY's order stays.
    On(Vec<usize>),
}

/// SELECT … FROM … WHERE … GROUP BY … HAVING.
#[derive(Debug)]
pub(crate) struct Select {
    pub(crate) from: Group,
    /// Number of columns of each slot.
    pub(crate) widths: Vec<usize>,
    /// `None` where there is neither GROUP BY nor an aggregate.
    pub(crate) group_by: Option<Vec<Expr>>,
    pub(crate) aggregates: Vec<Aggregate>,
    pub(crate) having: Option<Expr>,
    pub(crate) windows: Vec<Window>,
    pub(crate) sets: Vec<SetCall>,
    /// Visible columns, then those that only ORDER BY and DISTINCT ON need.
    pub(crate) projection: Vec<Expr>,
    pub(crate) distinct: Distinct,
}

/// A condition with the slots it reads.
#[derive(Clone, Debug)]
pub(crate) struct Predicate {
    pub(crate) expr: Expr,
    pub(crate) slots: SlotMask,
}

/// Relations that are joined inside each other, in any order.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) nodes: Vec<Node>,
    pub(crate) predicates: Vec<Predicate>,
}

impl Group {
    pub(crate) fn slots(&self) -> SlotMask {
        self.nodes.iter().map(Node::slots).fold(0, |all, slots| all | slots)
    }
}

#[derive(Debug)]
pub(crate) enum Node {
    Item(Item),
    Join(Box<Join>),
}

impl Node {
    pub(crate) fn slots(&self) -> SlotMask {
        match self {
            Self::Item(item) => 1 << item.slot,
            Self::Join(join) => join.left.slots() | join.right.slots(),
        }
    }

    /// Slots outside the node that its rows depend on.
    pub(crate) fn lateral(&self) -> SlotMask {
        match self {
            Self::Item(item) => item.lateral,
            Self::Join(join) => {
                let inside = self.slots();
                let nodes = join.left.nodes.iter().chain(&join.right.nodes);
                nodes.map(Self::lateral).fold(0, |all, slots| all | slots) & !inside
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinKind {
    /// Rows of the left without match are kept.
    Left,
    Full,
}

/// An outer join. RIGHT is LEFT with the sides changed.
#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) kind: JoinKind,
    pub(crate) left: Group,
    pub(crate) right: Group,
    pub(crate) on: Vec<Predicate>,
}

/// One relation of FROM.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) slot: usize,
    pub(crate) source: Source,
    /// Slots of the same SELECT that the source reads.
    pub(crate) lateral: SlotMask,
}

#[derive(Debug)]
pub(crate) enum Source {
    /// Position in the built-in list.
    Relation(usize),
    Cte(usize),
    Query(Box<Query>),
    /// Functions side by side, with a number per row if the flag is set.
    Functions(Vec<SetCall>, bool),
}

/// A call that returns rows.
#[derive(Debug)]
pub(crate) struct SetCall {
    pub(crate) kind: SetKind,
    pub(crate) arguments: Vec<Expr>,
    pub(crate) types: Arc<[PgType]>,
    /// Columns of each row.
    pub(crate) width: usize,
}

/// What a [`SetCall`] calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SetKind {
    Function(&'static SetFunction),
    /// The only argument is the only row.
    Scalar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AggregateKind {
    CountRows,
    Count,
    Sum,
    Average,
    Minimum,
    Maximum,
    BoolAnd,
    BoolOr,
    ArrayAgg,
    StringAgg,
    JsonAgg,
    JsonObjectAgg,
}

#[derive(Debug)]
pub(crate) struct Aggregate {
    pub(crate) kind: AggregateKind,
    pub(crate) arguments: Vec<Expr>,
    pub(crate) types: Vec<PgType>,
    pub(crate) distinct: bool,
    pub(crate) filter: Option<Expr>,
    /// Key, descending, nulls first.
    pub(crate) order: Vec<(Expr, bool, bool)>,
}

#[derive(Debug)]
pub(crate) enum WindowKind {
    RowNumber,
    Rank,
    DenseRank,
    /// Value of the row `offset` before (negative: after).
    Shift {
        value: Expr,
        offset: i64,
    },
    First(Expr),
    /// Over the partition, or up to the current peers if there is an order.
    Aggregate(Aggregate),
}

#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) kind: WindowKind,
    pub(crate) partition: Vec<Expr>,
    pub(crate) order: Vec<(Expr, bool, bool)>,
}
