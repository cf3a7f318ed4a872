//! [`Planner`]: statements and a catalogue snapshot into [`Bound`] statements.

mod alter;
mod bound;
mod canonical;
mod context;
mod copy;
mod create_relation;
mod create_view;
mod drop;
mod explain;
mod expressions;
mod insert;
mod planner;
mod query;
mod returning;
mod rules;
mod table_function;
mod target;
mod update;

pub use bound::{
    Bound, BoundConflict, BoundCopyIn, BoundCopyOut, BoundCreateMaterializedView,
    BoundCreateRelation, BoundCreateView, BoundDefinition, BoundDelete, BoundDrop, BoundExplain,
    BoundInsert, BoundQuery, BoundRebuild, BoundRebuildAction, BoundUpdate, RowRules, Target,
};
pub use planner::{Planner, PropertiesOf, SystemRelations};
