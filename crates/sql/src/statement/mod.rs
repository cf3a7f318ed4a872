//! [`Statement`]: what a user can say, one file per kind of statement.
//!
//! Statements are plain data: names as stored (folded unless quoted), expressions and queries as
//! sqlparser's syntax trees whose spans are character positions (line 1, column = position).

mod comment;
mod copy;
mod create_relation;
mod create_view;
mod delete;
mod drop;
mod explain;
mod insert;
mod name;
mod prepare;
mod query;
mod rebuild;
mod set;
mod show;
mod text;
mod transaction;
mod update;

pub use comment::{Comment, CommentTarget};
pub use copy::{Copy, CopyFormat, CopyOptions, CopySubject};
pub use create_relation::{ColumnClause, Connector, CreateRelation, RelationWord, WatermarkClause};
pub use create_view::{CreateMaterializedView, CreateView};
pub use delete::Delete;
pub use drop::{Drop, RelationNoun};
pub use explain::{Explain, ExplainTarget};
pub use insert::{Assignment, ConflictAction, Insert, OnConflict};
pub use name::{ColumnName, Name};
pub use prepare::{Deallocate, Execute, Prepare};
pub use query::Query;
pub use rebuild::{Rebuild, RebuildAction, RebuildOptions};
pub use set::{Reset, Set, SetValue};
pub use show::Show;
pub use text::{ExpressionText, QueryText};
pub use transaction::{IsolationLevel, Transaction, TransactionModes};
pub use update::Update;

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// SELECT, VALUES, TABLE.
    Query(Query),
    /// INSERT.
    Insert(Insert),
    /// UPDATE.
    Update(Update),
    /// DELETE.
    Delete(Delete),
    /// COPY.
    Copy(Copy),
    /// CREATE SOURCE, CREATE TABLE.
    CreateRelation(CreateRelation),
    /// CREATE VIEW.
    CreateView(CreateView),
    /// CREATE MATERIALIZED VIEW.
    CreateMaterializedView(CreateMaterializedView),
    /// DROP.
    Drop(Drop),
    /// COMMENT ON.
    Comment(Comment),
    /// ALTER VIEW … REBUILD.
    Rebuild(Rebuild),
    /// EXPLAIN.
    Explain(Explain),
    /// SHOW.
    Show(Show),
    /// SET.
    Set(Set),
    /// RESET.
    Reset(Reset),
    /// BEGIN, COMMIT, ROLLBACK.
    Transaction(Transaction),
    /// PREPARE.
    Prepare(Prepare),
    /// EXECUTE.
    Execute(Execute),
    /// DEALLOCATE.
    Deallocate(Deallocate),
    /// DISCARD ALL.
    DiscardAll,
}
