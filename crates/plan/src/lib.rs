//! The incremental plan: the one language between `sql` and `dataflow`.
//!
//! ```text
//! Close  end=window_end  [incremental]
//!   Aggregate  by auction per TUMBLE 10s: count(*), sum(price)  [incremental, on close]
//!     Project  auction, price, date_time
//!       Input  bids (append-only)
//! ```
//!
//! The one idea: a plan is plain data with everything decided: columns are positions, expressions
//! are DataFusion's physical expressions, types are final. `sql` makes it, `dataflow` runs it, and
//! neither knows how the other works.
//!
//! Beside it stands the arithmetic of aggregates ([`arithmetic`]), which both sides must agree on.
//!
//! This crate does not parse, does not run anything and holds no state.

mod aggregate;
pub mod arithmetic;
mod explain;
mod expression;
mod node;
mod properties;
mod view;
mod watermark;
mod window;

pub use aggregate::{Aggregate, AggregateFunction};
pub use expression::Expression;
pub use node::{Input, JoinKind, Node, NodePath, Operator};
pub use properties::Properties;
pub use view::{Emit, ViewPlan, WindowClosing};
pub use watermark::{WatermarkLineage, WatermarkMapping, WatermarkStep};
pub use window::{CalendarUnit, NullTime, Window};
