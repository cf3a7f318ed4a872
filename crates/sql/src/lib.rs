//! SQL text and a catalogue snapshot into statements, incremental plans and batch queries.
//!
//! ```text
//! text --parse--> Statement --Planner::bind--> Bound --lower--> ViewPlan   (kept by dataflow)
//!                                                    --batch--> LogicalPlan (run by the session)
//! ```
//!
//! The one idea: DataFusion plans relations, PostgreSQL decides types. Expressions are planned
//! without types first; then one pass gives every literal, operator, function and cast the type and
//! meaning that PostgreSQL gives it, and says 42883 where there is none.
//!
//! This crate does no IO, reads no clock, keeps no state, and does not run queries.

mod parse;
pub mod statement;

pub use parse::{StatementSpan, parse, split};
pub use statement::Statement;
