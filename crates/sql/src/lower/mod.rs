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
//! * `lineage`: where a time column comes from. `properties`: what is known of a node's changes.
//!
//! Does not parse and does not decide types.

mod aggregate;
mod close;
mod expression;
mod join;
mod lineage;
mod node;
mod prepare;
mod properties;
mod view;
mod window;

pub(crate) use expression::compile;
pub use view::lower_view;
use view::plan_error;
