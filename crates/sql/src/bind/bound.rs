//! [`Bound`]: a statement with everything decided, as the session runs it. Plain data.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use datafusion::logical_expr::LogicalPlan;
use kappa_catalog::{ColumnDefinition, Connector, Dependency, Relation, Watermark};
use kappa_plan::{Expression, ViewPlan};
use kappa_types::{Column, ColumnId, NamespaceId, SqlError, SqlType};

use crate::statement::{
    Comment, CopyOptions, Deallocate, Execute, Prepare, RebuildOptions, Reset, Set, Show,
    Transaction,
};

/// A statement with everything decided.
#[derive(Clone, Debug)]
pub enum Bound {
    /// SELECT, VALUES, TABLE.
    Query(BoundQuery),
    /// INSERT.
    Insert(Box<BoundInsert>),
    /// UPDATE.
    Update(Box<BoundUpdate>),
    /// DELETE.
    Delete(Box<BoundDelete>),
    /// COPY … FROM STDIN.
    CopyIn(Box<BoundCopyIn>),
    /// COPY … TO STDOUT.
    CopyOut(Box<BoundCopyOut>),
    /// CREATE SOURCE, CREATE TABLE.
    CreateRelation(Box<BoundCreateRelation>),
    /// CREATE VIEW.
    CreateView(Box<BoundCreateView>),
    /// CREATE MATERIALIZED VIEW.
    CreateMaterializedView(Box<BoundCreateMaterializedView>),
    /// DROP.
    Drop(BoundDrop),
    /// COMMENT ON; the session resolves the target.
    Comment(Comment),
    /// ALTER VIEW … REBUILD.
    Rebuild(Box<BoundRebuild>),
    /// EXPLAIN.
    Explain(Box<BoundExplain>),
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

/// A query. Its scans have a [`crate::RelationSource`], which the session swaps for tables at a cut.
#[derive(Clone, Debug)]
pub struct BoundQuery {
    /// Typed; `$1` … are placeholders.
    pub logical: LogicalPlan,
    /// Name and type of each output column.
    pub columns: Vec<(String, SqlType)>,
    /// The types of `$1`, `$2` …
    pub parameters: Vec<SqlType>,
    /// Whether the plan holds a value of the clock (`now()`, `'now'`): bind again to run again.
    pub depends_on_now: bool,
    /// The optimized plan, made when it is first run.
    pub(super) optimized: OnceLock<Box<LogicalPlan>>,
}

/// INSERT.
#[derive(Clone, Debug)]
pub struct BoundInsert {
    /// The table or source.
    pub relation: Arc<Relation>,
    /// The rows: all stored columns, in order, in their types; defaults and generated columns are
    /// computed, NOT NULL is not yet checked.
    pub rows: BoundQuery,
    /// ON CONFLICT.
    pub on_conflict: Option<BoundConflict>,
    /// RETURNING, over the stored row; empty without.
    pub returning: Vec<Expression>,
}

/// ON CONFLICT. The conflict target, if given, is the primary key.
#[derive(Clone, Debug)]
pub enum BoundConflict {
    /// The new row is left out.
    DoNothing,
    /// The old row is changed.
    DoUpdate {
        /// The whole new row (all stored columns, generated ones computed), over the old row's
        /// columns and then those of the row that was to be inserted (`excluded`).
        row: Vec<Expression>,
        /// WHERE, over the same columns.
        selection: Option<Expression>,
    },
}

/// UPDATE.
#[derive(Clone, Debug)]
pub struct BoundUpdate {
    /// The table.
    pub relation: Arc<Relation>,
    /// The stored columns of each row that is changed, then its new values for all stored columns.
    /// A row may come more than once (FROM): the first counts.
    pub rows: BoundQuery,
    /// RETURNING, over the new row; empty without.
    pub returning: Vec<Expression>,
}

/// DELETE.
#[derive(Clone, Debug)]
pub struct BoundDelete {
    /// The table.
    pub relation: Arc<Relation>,
    /// The stored columns of each row that goes. A row may come more than once (USING).
    pub rows: BoundQuery,
    /// RETURNING, over the old row; empty without.
    pub returning: Vec<Expression>,
}

/// COPY … FROM STDIN.
#[derive(Clone, Debug)]
pub struct BoundCopyIn {
    /// The table or source.
    pub relation: Arc<Relation>,
    /// Positions of the given columns in the relation.
    pub columns: Vec<usize>,
    /// How rows are written.
    pub options: CopyOptions,
}

/// COPY … TO STDOUT.
#[derive(Clone, Debug)]
pub struct BoundCopyOut {
    /// The rows.
    pub query: BoundQuery,
    /// How rows are written.
    pub options: CopyOptions,
}

/// Where a new relation goes, checked to be free (unless IF NOT EXISTS or OR REPLACE).
#[derive(Clone, Debug)]
pub struct Target {
    /// The namespace.
    pub namespace: NamespaceId,
    /// Its name.
    pub namespace_name: String,
    /// The relation's name.
    pub name: String,
    /// What has that name now, if IF NOT EXISTS or OR REPLACE allows it.
    pub existing: Option<Arc<Relation>>,
}

/// CREATE SOURCE, CREATE TABLE.
#[derive(Clone, Debug)]
pub struct BoundCreateRelation {
    /// Where it goes.
    pub target: Target,
    /// CREATE SOURCE; otherwise a table.
    pub is_source: bool,
    /// Its columns, with ids from 1.
    pub columns: Vec<Column>,
    /// What [`Column`] does not say about each.
    pub definitions: Vec<ColumnDefinition>,
    /// PRIMARY KEY.
    pub primary_key: Option<Vec<ColumnId>>,
    /// WATERMARK FOR, with `watermark.max_ahead` of WITH.
    pub watermark: Option<Watermark>,
    /// WITH, FORMAT and ENCODE of a source; `None` for a push source.
    pub connector: Option<Connector>,
}

/// The definition of a view.
#[derive(Clone, Debug)]
pub struct BoundDefinition {
    /// Canonical text: names qualified, `*` expanded, output columns named.
    pub query: String,
    /// Its columns, with ids from 1.
    pub columns: Vec<Column>,
    /// What it reads directly: also plain views.
    pub dependencies: Vec<Dependency>,
}

/// CREATE VIEW.
#[derive(Clone, Debug)]
pub struct BoundCreateView {
    /// Where it goes.
    pub target: Target,
    /// What it is.
    pub definition: BoundDefinition,
}

/// CREATE MATERIALIZED VIEW.
#[derive(Clone, Debug)]
pub struct BoundCreateMaterializedView {
    /// Where it goes.
    pub target: Target,
    /// What it is.
    pub definition: BoundDefinition,
    /// OR REPLACE.
    pub replaces: bool,
    /// EMIT ON WINDOW CLOSE.
    pub emit_on_close: bool,
    /// WITH.
    pub options: BTreeMap<String, String>,
    /// How it is kept.
    pub plan: ViewPlan,
    /// Messages for the user: ORDER BY without LIMIT is ignored, and the like.
    pub notices: Vec<String>,
}

/// DROP.
#[derive(Clone, Debug)]
pub struct BoundDrop {
    /// What is dropped.
    pub relations: Vec<Arc<Relation>>,
    /// Names that IF EXISTS lets pass, as in PostgreSQL's notice.
    pub missing: Vec<String>,
    /// CASCADE.
    pub cascade: bool,
    /// `DROP TABLE` …
    pub tag: &'static str,
}

/// ALTER VIEW … REBUILD.
#[derive(Clone, Debug)]
pub struct BoundRebuild {
    /// The materialized view, or a plain view that materialized ones read.
    pub relation: Arc<Relation>,
    /// What to do.
    pub action: BoundRebuildAction,
}

/// What to do.
#[expect(clippy::large_enum_variant, reason = "one per statement, and boxed by its holder")]
#[derive(Clone, Debug)]
pub enum BoundRebuildAction {
    /// Begin.
    Start {
        /// Whether the definition is the one the view has, with the settings it was made with.
        is_present: bool,
        /// The definition to replay, new or present. Columns that stay (same name) keep their ids.
        definition: BoundDefinition,
        /// EMIT ON WINDOW CLOSE.
        emit_on_close: bool,
        /// How it is kept; `None` for a plain view.
        plan: Option<ViewPlan>,
        /// WITH.
        options: RebuildOptions,
    },
    /// APPLY
    Apply,
    /// CANCEL
    Cancel,
    /// PAUSE
    Pause,
    /// RESUME
    Resume,
}

/// EXPLAIN.
#[expect(clippy::large_enum_variant, reason = "one per statement, and boxed by its holder")]
#[derive(Clone, Debug)]
pub enum BoundExplain {
    /// The plans of a query or of the query inside a DML statement.
    Query {
        /// The query.
        query: BoundQuery,
        /// Its plan as a materialized view, or why it cannot be one; `None` inside DML.
        kept: Option<Result<Box<ViewPlan>, SqlError>>,
        /// VERBOSE.
        verbose: bool,
    },
    /// The incremental plan of a view that is not made.
    View(Box<ViewPlan>),
    /// The incremental plan that an existing materialized view runs.
    MaterializedView(Arc<Relation>),
}

/// What completes and checks the rows of a stored relation, compiled once.
#[derive(Clone, Debug)]
pub struct RowRules {
    /// For each stored column: its DEFAULT, over no columns; `None` is NULL.
    pub defaults: Vec<Option<Expression>>,
    /// For each stored column: its generation expression, over all stored columns.
    pub generated: Vec<Option<Expression>>,
    /// The watermark that a row brings, over all stored columns; a timestamp or timestamptz.
    pub watermark: Option<Expression>,
}
