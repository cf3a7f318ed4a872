//! [`Prepared`]: an analysed statement, and analysing it.

use std::sync::Arc;

use kappa_catalog::Snapshot;
use kappa_sql::{Bound, BoundQuery, Statement};
use kappa_system::SystemQuery;
use kappa_types::{SqlError, SqlState, SqlType};
use kappa_wire::{ColumnDescription, Description};
use parking_lot::Mutex;

use super::control::Control;
use super::planner::session_planner;
use super::settings::Surroundings;
use super::{Session, explain, show};

/// One analysed statement.
#[derive(Debug)]
pub struct Prepared {
    /// As typed.
    pub(super) text: String,
    /// What it takes and returns.
    pub(super) description: Description,
    pub(super) body: Body,
}

/// How a statement is run.
#[derive(Debug)]
pub(super) enum Body {
    /// Nothing but space and comments.
    Empty,
    /// A query on the system catalogue.
    System(SystemQuery),
    /// A call that does something to the server.
    Control(Control),
    /// Everything else.
    Statement(Box<StatementBody>),
}

/// A statement and what it was bound to.
#[derive(Debug)]
pub(super) struct StatementBody {
    pub(super) statement: Statement,
    parameter_oids: Vec<u32>,
    /// The newest binding, and the catalogue and settings it holds for.
    bound: Mutex<(BindKey, Arc<Bound>)>,
}

/// What a binding depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct BindKey {
    catalog: kappa_types::Timestamp,
    search_path: String,
    time_zone: String,
}

impl StatementBody {
    /// COMMIT and ROLLBACK, which a failed block accepts.
    pub(super) const fn ends_block(&self) -> bool {
        use kappa_sql::statement::Transaction;
        matches!(
            self.statement,
            Statement::Transaction(Transaction::Commit { .. } | Transaction::Rollback { .. })
        )
    }
}

impl Prepared {
    pub(super) fn describe(&self) -> Description {
        self.description.clone()
    }
}

impl Session {
    /// Analyses one statement.
    pub(super) fn prepare_text(
        &self,
        text: &str,
        parameter_oids: &[u32],
    ) -> Result<Prepared, SqlError> {
        let text = text.to_owned();
        let done = |description, body| Prepared { text: text.clone(), description, body };
        if kappa_sql::split(&text)?.is_empty() {
            return Ok(done(Description::default(), Body::Empty));
        }
        if let Some(control) = Control::recognize(&text) {
            let columns = Some(control.columns());
            let description = Description { parameters: Vec::new(), columns };
            return Ok(done(description, Body::Control(control)));
        }
        if kappa_system::is_system_query(&text) {
            let context = self.system_context(&Surroundings::default());
            let query = kappa_system::prepare(&context, &text, parameter_oids)?;
            let columns = query
                .columns
                .iter()
                .map(|(name, sql_type)| ColumnDescription::new(name.clone(), sql_type.clone()));
            let description = Description {
                parameters: query.parameters.clone(),
                columns: Some(columns.collect()),
            };
            return Ok(done(description, Body::System(query)));
        }
        let statement = kappa_sql::parse(&text)?;
        if self.failed && !ends_block(&statement) {
            return Err(super::handler::failed_block());
        }
        // Where all statements of a transaction read one cut, they mean what they meant there.
        let fixed = self.transaction.as_ref().and_then(|open| open.cut.as_ref());
        let fixed = fixed.map(|cut| Arc::clone(&cut.snapshot));
        let snapshot = fixed.unwrap_or_else(|| self.engine.catalog.snapshot());
        let bound = Arc::new(self.bind(&snapshot, &statement, parameter_oids)?);
        let description = self.description(&bound, &statement)?;
        let key = self.bind_key(&snapshot);
        let body = StatementBody {
            statement,
            parameter_oids: parameter_oids.to_vec(),
            bound: Mutex::new((key, bound)),
        };
        Ok(done(description, Body::Statement(Box::new(body))))
    }

    pub(super) fn bind(
        &self,
        snapshot: &Arc<Snapshot>,
        statement: &Statement,
        parameter_oids: &[u32],
    ) -> Result<Bound, SqlError> {
        let variables = self.parameters();
        let planner = session_planner(&self.engine, snapshot, &variables, self.now_micros());
        planner.bind(statement, parameter_oids)
    }

    fn bind_key(&self, snapshot: &Snapshot) -> BindKey {
        BindKey {
            catalog: snapshot.time,
            search_path: self.parameter("search_path"),
            time_zone: self.parameter("TimeZone"),
        }
    }

    /// What the statement means against `snapshot`, bound again if it was bound to something else.
    ///
    /// # Errors
    /// Of binding; 0A000 if the result would have other columns than the client was told
    /// (`is_described`).
    pub(super) fn bound_to(
        &self,
        prepared: &Prepared,
        body: &StatementBody,
        snapshot: &Arc<Snapshot>,
        is_described: bool,
    ) -> Result<Arc<Bound>, SqlError> {
        let key = self.bind_key(snapshot);
        let mut newest = body.bound.lock();
        if newest.0 == key && !depends_on_now(&newest.1) {
            return Ok(Arc::clone(&newest.1));
        }
        let bound = Arc::new(self.bind(snapshot, &body.statement, &body.parameter_oids)?);
        let description = self.description(&bound, &body.statement)?;
        let types = |description: &Description| -> Option<Vec<SqlType>> {
            let columns = description.columns.as_ref()?;
            Some(columns.iter().map(|column| column.sql_type.clone()).collect())
        };
        if is_described && types(&description) != types(&prepared.description) {
            return Err(SqlError::new(
                SqlState::FeatureNotSupported,
                "cached plan must not change result type",
            ));
        }
        *newest = (key, Arc::clone(&bound));
        Ok(bound)
    }

    fn description(&self, bound: &Bound, statement: &Statement) -> Result<Description, SqlError> {
        let of = |query: &BoundQuery| Description {
            parameters: query.parameters.clone(),
            columns: Some(columns_of(query)),
        };
        let returning = |query: &BoundQuery, returning: &[kappa_plan::Expression]| Description {
            parameters: query.parameters.clone(),
            columns: (!returning.is_empty()).then(|| {
                returning
                    .iter()
                    .map(|e| ColumnDescription::new(e.name.clone(), e.sql_type.clone()))
                    .collect()
            }),
        };
        Ok(match bound {
            Bound::Query(query) => of(query),
            Bound::Insert(insert) => returning(&insert.rows, &insert.returning),
            Bound::Update(update) => returning(&update.rows, &update.returning),
            Bound::Delete(delete) => returning(&delete.rows, &delete.returning),
            Bound::Explain(_) => {
                Description { parameters: Vec::new(), columns: Some(explain::columns()) }
            }
            Bound::Show(show) => {
                Description { parameters: Vec::new(), columns: Some(show::columns(self, show)?) }
            }
            Bound::Execute(execute) => self.description_of_execute(execute, statement)?,
            _ => Description::default(),
        })
    }
}

/// Columns of a query, as the client is told them.
pub(super) fn columns_of(query: &BoundQuery) -> Vec<ColumnDescription> {
    let columns = query.columns.iter();
    columns.map(|(name, sql_type)| ColumnDescription::new(name.clone(), sql_type.clone())).collect()
}

const fn ends_block(statement: &Statement) -> bool {
    use kappa_sql::statement::Transaction;
    matches!(
        statement,
        Statement::Transaction(Transaction::Commit { .. } | Transaction::Rollback { .. })
    )
}

/// Whether the binding holds a value of the clock: then it is made again for each execution.
fn depends_on_now(bound: &Bound) -> bool {
    match bound {
        Bound::Query(query) => query.depends_on_now,
        Bound::Insert(insert) => insert.rows.depends_on_now,
        Bound::Update(update) => update.rows.depends_on_now,
        Bound::Delete(delete) => delete.rows.depends_on_now,
        Bound::CopyOut(copy) => copy.query.depends_on_now,
        _ => false,
    }
}
