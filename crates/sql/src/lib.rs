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

mod batch;
mod bind;
mod desugar;
mod error;
mod function;
mod hidden;
mod lower;
mod named;
mod named_window;
mod output_name;
mod parse;
mod recursive;
mod settled;
mod source;
pub mod statement;
mod subquery;
mod typing;
mod window_node;

pub use batch::session_state;
pub use bind::{
    Bound, BoundConflict, BoundCopyIn, BoundCopyOut, BoundCreateMaterializedView,
    BoundCreateRelation, BoundCreateView, BoundDefinition, BoundDelete, BoundDrop, BoundExplain,
    BoundInsert, BoundQuery, BoundRebuild, BoundRebuildAction, BoundUpdate, Planner, PropertiesOf,
    RowRules, SystemRelations, Target,
};
pub use error::{from_datafusion, into_datafusion};
pub use function::{FunctionFamily, FunctionInfo, FunctionRegistry};
pub use lower::lower_view;
pub use parse::{StatementSpan, parse, split};
pub use source::{RelationSource, ScanTarget, WATERMARK_KEY};
pub use statement::Statement;
pub use window_node::WindowNode;
