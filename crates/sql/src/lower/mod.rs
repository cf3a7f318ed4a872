//! A typed logical plan into the incremental plan.
//!
//! ```text
//! LogicalPlan --prepare (DataFusion rules)--> --node--> Node --window--> fused windows --close--> ViewPlan
//! ```
//! The one idea: DataFusion's rules turn a query into joins with keys, pruned projections and pushed
//! filters; from there each of its nodes has exactly one incremental node, or the statement is
//! refused by name. Positions replace names on the way, so later steps are arithmetic on columns.
//!
//! * `prepare`: which rules run. `node`, `aggregate`, `join`: one logical node each.
//! * `window`: an aggregate over windows becomes a WindowAggregate. `close`: EMIT ON WINDOW CLOSE.
//! * `closed`: views below that close windows themselves, in the logical plan.
//! * `lineage`: where a time column comes from, by `monotone` functions, `window_column`s and joins
//!   (`join_lineage`).
//! * `properties`: what is known of a node's changes.
//!
//! Does not parse and does not decide types.

mod aggregate;
mod close;
mod closed;
mod expression;
mod join;
mod join_lineage;
mod lineage;
mod monotone;
mod node;
mod prepare;
mod properties;
mod view;
mod window;
mod window_column;

pub(crate) use closed::closed;
pub(crate) use expression::compile;
pub use view::lower_view;
use view::plan_error;
