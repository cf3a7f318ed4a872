//! The bound form of a query: names are positions, every expression has its type, nothing is left to
//! look up but rows. Made by `bind`, run by `run`.

mod expr;
mod query;

pub(crate) use expr::{
    Arithmetic, Comparison, Computed, Expr, Operator, PatternKind, Subquery, Truth,
};
pub(crate) use query::{
    Aggregate, AggregateKind, Body, Cte, Distinct, Group, Item, Join, JoinKind, NOT_CACHEABLE,
    Node, Predicate, Query, Select, SetCall, SetKind, SetOperator, SlotMask, SortKey, Source,
    Window, WindowKind,
};
