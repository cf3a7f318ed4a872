//! Running a prepared statement: one arm per kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;
use futures::StreamExt;
use kappa_catalog::{Relation, RelationKind};
use kappa_plan::Expression;
use kappa_sql::statement::{Deallocate, Execute, Prepare, Reset, Set, SetValue};
use kappa_sql::{Bound, BoundCopyIn, BoundQuery, RelationSource, ScanTarget, Statement};
use kappa_types::{RelationId, SqlError, SqlState, SqlType};
use kappa_wire::{ColumnDescription, CopyTarget, Description, ExecuteContext, Outcome, Release};

use super::prepared::{Body, Prepared, StatementBody, columns_of};
use super::read::{Reader, batch, collect, stream};
use super::session::PREPARED_COUNT_MAX;
use super::settings::Surroundings;
use super::transaction::{Extent, Transaction};
use super::variable::Scope;
use super::write::{Append, CopyInto, CopyTransaction};
use super::{Session, copy_format, explain, show};
use crate::engine::{Cut, Intake, evaluate};

impl Session {
    /// Runs a statement.
    pub(super) async fn run(
        &mut self,
        prepared: &Arc<Prepared>,
        parameters: Vec<ArrayRef>,
        context: &ExecuteContext,
        extent: Extent,
    ) -> Result<Outcome, SqlError> {
        match &prepared.body {
            Body::Empty => Ok(Outcome::Empty),
            Body::Control(control) => {
                if control.waits_for_commits() {
                    self.flush(context).await?;
                }
                control.run(&self.engine, &self.text()).await
            }
            Body::System(query) => {
                let system = self.system_context(&Surroundings::of(context));
                let rows = tokio::task::block_in_place(|| {
                    kappa_system::execute(&system, query, &parameters)
                })?;
                let columns = prepared.description.columns.clone().unwrap_or_default();
                Ok(rows_outcome(columns, rows, "SELECT"))
            }
            Body::Statement(body) => {
                self.run_statement(prepared, body, parameters, context, extent).await
            }
        }
    }

    async fn run_statement(
        &mut self,
        prepared: &Prepared,
        body: &StatementBody,
        parameters: Vec<ArrayRef>,
        context: &ExecuteContext,
        extent: Extent,
    ) -> Result<Outcome, SqlError> {
        if let Statement::Transaction(statement) = &body.statement {
            return self.transaction_statement(statement, context).await;
        }
        // Statements on the catalogue bind under its lock, see `ddl`.
        if is_ddl(&body.statement) {
            return self.run_ddl(prepared, body, context).await;
        }
        self.open(extent);
        let outcome = self.run_bound(prepared, body, parameters, context).await;
        match outcome {
            Ok(outcome) => {
                self.end_statement(context).await?;
                Ok(outcome)
            }
            Err(error) => Err(error),
        }
    }

    async fn run_bound(
        &mut self,
        prepared: &Prepared,
        body: &StatementBody,
        parameters: Vec<ArrayRef>,
        context: &ExecuteContext,
    ) -> Result<Outcome, SqlError> {
        let (cut, bound) = self.cut_and_bound(prepared, body, context.is_described).await?;
        match bound.as_ref() {
            Bound::Query(query) => {
                let reader = self.reader(cut, None, context);
                self.warn_of_errors(query, &reader, context);
                let rows = stream(batch::parallel(), &reader, query, &parameters).await?;
                let tag = "SELECT".to_owned();
                Ok(Outcome::Rows { columns: columns_of(query), rows, tag, row_count: None })
            }
            Bound::Insert(insert) => {
                self.check_writable("INSERT")?;
                self.run_insert(cut, insert, &parameters, context).await
            }
            Bound::Update(update) => {
                self.check_writable("UPDATE")?;
                let found =
                    self.found(cut, &update.relation, &update.rows, &parameters, context).await?;
                let rows = self.update_rows(&update.relation, &found)?;
                returned("UPDATE", rows.num_rows() as u64, &update.returning, vec![rows])
            }
            Bound::Delete(delete) => {
                self.check_writable("DELETE")?;
                let found =
                    self.found(cut, &delete.relation, &delete.rows, &parameters, context).await?;
                let rows = self.delete_rows(&delete.relation, &found)?;
                returned("DELETE", rows.num_rows() as u64, &delete.returning, vec![rows])
            }
            Bound::CopyIn(copy) => {
                self.check_writable("COPY FROM")?;
                self.copy_in(copy).await
            }
            Bound::CopyOut(copy) => {
                let reader = self.reader(cut, None, context);
                let rows = stream(batch::parallel(), &reader, &copy.query, &parameters).await?;
                let columns = columns_of(&copy.query);
                let format = copy_format::of(&copy.options, &columns)?;
                Ok(Outcome::CopyOut { format, columns, rows })
            }
            Bound::Explain(explained) => {
                let reader = self.reader(cut, None, context);
                let rows =
                    explain::rows(&self.engine, &batch::parallel().state, &reader, explained)
                        .await?;
                Ok(rows_outcome(explain::columns(), rows, "EXPLAIN"))
            }
            Bound::Show(shown) => {
                let rows = show::rows(self, shown, &cut)?;
                Ok(rows_outcome(show::columns(self, shown)?, rows, "SHOW"))
            }
            Bound::Set(set) => self.set(set),
            Bound::Reset(reset) => self.reset(reset),
            Bound::Prepare(statement) => self.prepare_named(statement),
            Bound::Execute(execute) => self.execute_named(execute, context).await,
            Bound::Deallocate(deallocate) => self.deallocate(deallocate),
            Bound::DiscardAll => self.discard_all(),
            _ => Err(SqlError::new(
                SqlState::InternalError,
                "a statement on the catalogue was not run as one",
            )),
        }
    }

    pub(super) fn reader(
        &self,
        cut: Cut,
        head: Option<RelationId>,
        context: &ExecuteContext,
    ) -> Reader {
        let own = match &self.transaction {
            Some(open) => open.changes.lock().by_relation(),
            None => BTreeMap::new(),
        };
        let mut system = self.system_context(&Surroundings::of(context));
        system.snapshot = Arc::clone(&cut.snapshot);
        Reader { engine: Arc::clone(&self.engine), cut, head, own, system }
    }

    fn check_writable(&self, statement: &str) -> Result<(), SqlError> {
        self.transaction.as_ref().map_or(Ok(()), |open| open.check_writable(statement))
    }

    async fn run_insert(
        &mut self,
        cut: Cut,
        insert: &kappa_sql::BoundInsert,
        parameters: &[ArrayRef],
        context: &ExecuteContext,
    ) -> Result<Outcome, SqlError> {
        let reader = self.reader(cut, None, context);
        let rows = stream(batch::parallel(), &reader, &insert.rows, parameters).await?;
        let inserted = self.insert(insert, rows).await?;
        returned("INSERT 0", inserted.row_count, &insert.returning, inserted.rows)
    }

    /// The rows that an UPDATE or DELETE is about, read under the table's lock at its head, or where
    /// the transaction reads everything.
    async fn found(
        &mut self,
        cut: Cut,
        relation: &Arc<Relation>,
        rows: &BoundQuery,
        parameters: &[ArrayRef],
        context: &ExecuteContext,
    ) -> Result<Vec<RecordBatch>, SqlError> {
        let contents = self.contents(relation)?;
        self.lock_table(relation, &contents).await?;
        let head = self.one_cut().is_none().then_some(relation.id);
        let reader = self.reader(cut, head, context);
        // One partition: rows are changed, and returned, in the order of the table.
        collect(batch::ordered(), &reader, rows, parameters).await
    }

    async fn copy_in(&mut self, copy: &BoundCopyIn) -> Result<Outcome, SqlError> {
        let relation = &copy.relation;
        if matches!(&relation.kind, RelationKind::Table { primary_key: Some(_), .. }) {
            let contents = self.contents(relation)?;
            self.lock_table(relation, &contents).await?;
        }
        let intake = Intake::new(&self.engine, relation, copy.columns.clone())?;
        let append = Append::new(Arc::clone(&self.engine), Arc::clone(relation));
        let transaction = match self.transaction.take() {
            Some(open) if open.extent == Extent::Statement => CopyTransaction::Own(Box::new(open)),
            Some(open) => {
                let changes = Arc::clone(&open.changes);
                self.transaction = Some(open);
                CopyTransaction::Shared(changes)
            }
            None => {
                return Err(SqlError::new(SqlState::InternalError, "COPY without a transaction"));
            }
        };
        let columns = copy.columns.iter().map(|index| {
            let column = &relation.schema.columns[*index];
            (column.name.clone(), column.sql_type.clone())
        });
        let target = CopyTarget { relation: relation.name.clone(), columns: columns.collect() };
        let descriptions: Vec<ColumnDescription> = target
            .columns
            .iter()
            .map(|(name, sql_type)| ColumnDescription::new(name.clone(), sql_type.clone()))
            .collect();
        let format = copy_format::of(&copy.options, &descriptions)?;
        let sink = CopyInto {
            engine: Arc::clone(&self.engine),
            relation: Arc::clone(relation),
            intake,
            append,
            transaction,
        };
        Ok(Outcome::CopyIn { target, format, sink: Box::new(sink) })
    }

    /// A notice for each view in the query that has rows in error.
    fn warn_of_errors(&self, query: &BoundQuery, reader: &Reader, context: &ExecuteContext) {
        for relation in materialized_views(query) {
            let Some(contents) = self.engine.view_contents(relation.version) else { continue };
            let count = contents.errors.row_count(reader.cut.at).unwrap_or(0);
            if count > 0 {
                let message =
                    format!("materialized view \"{}\" has {count} rows in error", relation.name);
                let mut notice = kappa_wire::Notice::warning(SqlState::Warning, message);
                notice.hint = Some("SELECT * FROM kappa_errors shows them.".to_owned());
                context.notices.send(notice);
            }
        }
    }

    fn set(&mut self, set: &Set) -> Result<Outcome, SqlError> {
        let scope = if set.local { Scope::Local } else { Scope::Session };
        let mut variables = self.variables.0.lock();
        match &set.value {
            SetValue::Default => variables.reset(&set.name)?,
            SetValue::Values(values) => variables.set(&set.name, &values.join(", "), scope)?,
        }
        drop(variables);
        if set.name == "transaction_isolation" {
            let level = self.parameter("transaction_isolation");
            self.set_isolation(super::session::isolation_of(&level))?;
        }
        Ok(complete("SET"))
    }

    fn reset(&mut self, reset: &Reset) -> Result<Outcome, SqlError> {
        let mut variables = self.variables.0.lock();
        match &reset.name {
            Some(name) => variables.reset(name)?,
            None => variables.reset_all(),
        }
        Ok(complete("RESET"))
    }

    fn prepare_named(&mut self, statement: &Prepare) -> Result<Outcome, SqlError> {
        if self.prepared.contains_key(&statement.name) {
            return Err(SqlError::new(
                SqlState::DuplicatePreparedStatement,
                format!("prepared statement \"{}\" already exists", statement.name),
            ));
        }
        if self.prepared.len() >= PREPARED_COUNT_MAX {
            return Err(SqlError::new(
                SqlState::ProgramLimitExceeded,
                format!("a session may keep {PREPARED_COUNT_MAX} prepared statements"),
            ));
        }
        let oids: Vec<u32> = statement.types.iter().map(SqlType::oid).collect();
        let prepared = self.prepare_text(&statement.text, &oids)?;
        self.prepared.insert(statement.name.clone(), Arc::new(prepared));
        Ok(complete("PREPARE"))
    }

    fn named(&self, name: &str) -> Result<&Arc<Prepared>, SqlError> {
        self.prepared.get(name).ok_or_else(|| {
            SqlError::new(
                SqlState::InvalidSqlStatementName,
                format!("prepared statement \"{name}\" does not exist"),
            )
        })
    }

    /// What EXECUTE returns: what its statement returns.
    pub(super) fn description_of_execute(
        &self,
        execute: &Execute,
        _statement: &Statement,
    ) -> Result<Description, SqlError> {
        let columns = self.named(&execute.name)?.description.columns.clone();
        Ok(Description { parameters: Vec::new(), columns })
    }

    async fn execute_named(
        &mut self,
        execute: &Execute,
        context: &ExecuteContext,
    ) -> Result<Outcome, SqlError> {
        let prepared = Arc::clone(self.named(&execute.name)?);
        let types = &prepared.description.parameters;
        let values = self.execute_values(execute, types, context).await?;
        let extent = self.transaction.as_ref().map_or(Extent::Statement, |open| open.extent);
        // As in PostgreSQL, the columns are those that it had when it was prepared.
        let context = ExecuteContext { is_described: true, ..context.clone() };
        // EXECUTE of EXECUTE cannot be prepared, so this ends.
        Box::pin(self.run(&prepared, values, &context, extent)).await
    }

    async fn execute_values(
        &mut self,
        execute: &Execute,
        types: &[SqlType],
        context: &ExecuteContext,
    ) -> Result<Vec<ArrayRef>, SqlError> {
        if execute.values.len() != types.len() {
            return Err(SqlError::new(
                SqlState::SyntaxError,
                format!("wrong number of parameters for prepared statement \"{}\"", execute.name),
            )
            .with_detail(format!(
                "Expected {} parameters but got {}.",
                types.len(),
                execute.values.len()
            )));
        }
        if types.is_empty() {
            return Ok(Vec::new());
        }
        // The values are expressions, so they are what a query without FROM makes of them.
        let pairs = execute.values.iter().zip(types);
        let casts: Vec<String> = pairs
            .map(|(value, sql_type)| format!("CAST({value} AS {})", sql_type.name()))
            .collect();
        let statement = kappa_sql::parse(&format!("SELECT {}", casts.join(", ")))?;
        let cut = self.cut().await?;
        let Bound::Query(query) = self.bind(&cut.snapshot, &statement, &[])? else {
            return Err(SqlError::new(SqlState::InternalError, "a SELECT is a query"));
        };
        let reader = self.reader(cut, None, context);
        let rows = collect(batch::parallel(), &reader, &query, &[]).await?;
        let row = rows.into_iter().find(|batch| batch.num_rows() == 1);
        row.map(|row| row.columns().to_vec()).ok_or_else(|| {
            SqlError::new(SqlState::InternalError, "a SELECT without FROM has a row")
        })
    }

    fn deallocate(&mut self, deallocate: &Deallocate) -> Result<Outcome, SqlError> {
        match &deallocate.name {
            None => {
                self.prepared.clear();
                let tag = "DEALLOCATE ALL".to_owned();
                Ok(Outcome::Release { what: Release::AllStatements, tag })
            }
            Some(name) if self.prepared.remove(name).is_some() => Ok(complete("DEALLOCATE")),
            // Statements of the extended protocol can be deallocated by name, too.
            Some(name) => Ok(Outcome::Release {
                what: Release::Statement(name.clone()),
                tag: "DEALLOCATE".to_owned(),
            }),
        }
    }

    fn discard_all(&mut self) -> Result<Outcome, SqlError> {
        self.check_outside_block("DISCARD ALL")?;
        self.prepared.clear();
        self.variables.0.lock().reset_all();
        Ok(Outcome::Release { what: Release::All, tag: "DISCARD ALL".to_owned() })
    }

    /// Commits what an implicit transaction holds, so that a statement that commits by itself comes
    /// after it.
    pub(super) async fn flush(&mut self, context: &ExecuteContext) -> Result<(), SqlError> {
        if self.in_block() {
            return Ok(());
        }
        let _held = context.cancel.hold();
        match self.transaction.take() {
            Some(mut open) => self.engine.commit_transaction(&mut open).await.map(drop),
            None => Ok(()),
        }
    }

    pub(super) fn transaction_mut(&mut self) -> Option<&mut Transaction> {
        self.transaction.as_mut()
    }
}

/// The materialized views that a query scans.
pub(super) fn materialized_views(query: &BoundQuery) -> Vec<Arc<Relation>> {
    let mut views = Vec::new();
    let walked = query.logical.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Some(source) = scan.source.downcast_ref::<RelationSource>()
            && let ScanTarget::Relation(relation) = &source.target
            && matches!(relation.kind, RelationKind::MaterializedView { .. })
        {
            views.push(Arc::clone(relation));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walked.expect("looking at a plan cannot fail");
    views
}

const fn is_ddl(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::CreateRelation(_)
            | Statement::CreateView(_)
            | Statement::CreateMaterializedView(_)
            | Statement::Drop(_)
            | Statement::Comment(_)
            | Statement::Rebuild(_)
    )
}

/// A statement that is done, without rows.
pub(super) fn complete(tag: &str) -> Outcome {
    Outcome::Complete { tag: tag.to_owned() }
}

/// Rows that are at hand.
pub(super) fn rows_outcome(
    columns: Vec<ColumnDescription>,
    rows: RecordBatch,
    tag: &str,
) -> Outcome {
    let rows = futures::stream::iter([Ok(rows)]).boxed();
    Outcome::Rows { columns, rows, tag: tag.to_owned(), row_count: None }
}

/// The end of a statement that changed rows, with RETURNING.
fn returned(
    tag: &str,
    row_count: u64,
    returning: &[Expression],
    rows: Vec<RecordBatch>,
) -> Result<Outcome, SqlError> {
    if returning.is_empty() {
        return Ok(complete(&format!("{tag} {row_count}")));
    }
    let columns: Vec<ColumnDescription> = returning
        .iter()
        .map(|e| ColumnDescription::new(e.name.clone(), e.sql_type.clone()))
        .collect();
    let fields = returning.iter().map(|e| e.sql_type.field(&e.name, true));
    let schema = Arc::new(arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()));
    let batches = rows
        .iter()
        .map(|rows| {
            let columns =
                returning.iter().map(|e| evaluate(e, rows)).collect::<Result<Vec<_>, _>>()?;
            RecordBatch::try_new(Arc::clone(&schema), columns).map_err(super::error::arrow_error)
        })
        .collect::<Result<Vec<_>, SqlError>>()?;
    let rows = futures::stream::iter(batches.into_iter().map(Ok)).boxed();
    Ok(Outcome::Rows { columns, rows, tag: tag.to_owned(), row_count: Some(row_count) })
}
