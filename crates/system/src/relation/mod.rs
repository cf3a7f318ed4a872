//! The system relations: which there are, and the rows of each, made from the catalogue.
//!
//! The one idea: PostgreSQL's own list says which relations and columns exist; `makers` says for
//! some of them how rows are made. Of the others, those with exported rows have these, and the rest are
//! empty because nothing of their kind exists here (triggers, policies, publications, …).

mod activity;
mod attribute;
mod builder;
mod class;
mod depend;
mod information;
mod makers;
mod namespace;
mod role;
mod setting;
mod statistics;
mod types;
mod view;

pub(crate) use makers::rows;
pub use makers::{relation_rows, relation_schema};
