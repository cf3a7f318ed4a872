//! The extended protocol: Parse, Bind, Describe, Execute, Close.

use std::sync::Arc;

use kappa_types::{SqlError, SqlState};

use super::Connection;
use super::guard::Guard;
use super::outcome::{Ending, Mode, unknown_statement};
use super::portal::{Formats, Portal, PortalState, Statement};
use crate::backend::{Description, Session, StatementText, TransactionStatus};
use crate::binary;
use crate::failure::Failure;
use crate::message::backend;
use crate::message::frontend::{Bind, Target};

impl<S: Session> Connection<S> {
    pub(super) async fn parse(
        &mut self,
        name: String,
        text: String,
        parameter_oids: &[u32],
    ) -> Result<(), Failure> {
        if !name.is_empty() && self.statements.contains_key(&name) {
            return Err(SqlError::new(
                SqlState::DuplicatePreparedStatement,
                format!("prepared statement \"{name}\" already exists"),
            )
            .into());
        }
        if self.statements.len() >= self.options.statement_count_max {
            return Err(too_many("prepared statements", self.options.statement_count_max).into());
        }
        // As in PostgreSQL, a failing Parse leaves no unnamed statement either.
        self.statements.remove(&name);
        let statements = self.session.split(&text)?;
        let statement = match &statements[..] {
            [] => Statement { prepared: None, description: Description::default() },
            [only] => self.prepare(only, parameter_oids).await?,
            _ => {
                return Err(SqlError::new(
                    SqlState::SyntaxError,
                    "cannot insert multiple commands into a prepared statement",
                )
                .into());
            }
        };
        self.statements.insert(name, Arc::new(statement));
        self.output.push(backend::parse_complete);
        Ok(())
    }

    async fn prepare(
        &mut self,
        text: &StatementText,
        parameter_oids: &[u32],
    ) -> Result<Statement<S>, Failure> {
        let mut guard = Guard::begin(&self.interrupts, self.session.statement_timeout());
        let prepared = tokio::select! {
            biased;
            failure = guard.interrupted() => return Err(failure),
            prepared = self.session.prepare(text, parameter_oids) => {
                prepared.map_err(|mut error| {
                    error.position = error.position.map(|position| position + text.offset_chars);
                    error
                })?
            }
        };
        let description = self.session.describe(&prepared);
        Ok(Statement { prepared: Some(prepared), description })
    }

    pub(super) fn bind(&mut self, bind: Bind) -> Result<(), Failure> {
        let Bind { portal, statement: name, parameter_formats, parameters, result_formats } = bind;
        let statement =
            self.statements.get(&name).cloned().ok_or_else(|| unknown_statement(&name))?;
        let types = &statement.description.parameters;
        let (given, formats) = (parameters.len(), parameter_formats.len());
        if formats > 1 && formats != given {
            return Err(Failure::protocol(format!(
                "bind message has {formats} parameter formats but {given} parameters"
            )));
        }
        if given != types.len() {
            return Err(Failure::protocol(format!(
                "bind message supplies {given} parameters, but prepared statement \"{name}\" requires {}",
                types.len()
            )));
        }
        if !portal.is_empty() && self.portals.contains_key(&portal) {
            return Err(SqlError::new(
                SqlState::DuplicateCursor,
                format!("cursor \"{portal}\" already exists"),
            )
            .into());
        }
        if self.portals.len() >= self.options.portal_count_max {
            return Err(too_many("portals", self.options.portal_count_max).into());
        }
        let (parameter_formats, result_formats) =
            (Formats(parameter_formats), Formats(result_formats));
        check_formats(&parameter_formats)?;
        check_formats(&result_formats)?;
        let column_count = statement.description.columns.as_ref().map(Vec::len);
        if let Some(count) = column_count
            && result_formats.0.len() > 1
            && result_formats.0.len() != count
        {
            return Err(Failure::protocol(format!(
                "bind message has {} result formats but query has {count} columns",
                result_formats.0.len()
            )));
        }
        let options = self.session.text_options();
        let values = parameters.iter().zip(types).enumerate().map(|(index, (value, sql_type))| {
            let is_binary = parameter_formats.get(index) == 1;
            binary::decode_parameter(sql_type, value.as_deref(), is_binary, &options)
                .map_err(|error| parameter_failure(error, index, is_binary, &portal))
        });
        let values = values.collect::<Result<Vec<_>, Failure>>()?;
        let state = PortalState::Ready(values);
        self.portals.insert(portal, Portal { statement, formats: result_formats, state });
        self.output.push(backend::bind_complete);
        Ok(())
    }

    pub(super) fn describe(&mut self, target: &Target) -> Result<(), Failure> {
        match target {
            Target::Statement(name) => {
                let statement = self.statements.get(name).ok_or_else(|| unknown_statement(name))?;
                let Description { parameters, columns } = &statement.description;
                self.output.push(|out| {
                    backend::parameter_description(parameters, out);
                    match columns {
                        Some(columns) => backend::row_description(columns, |_| 0, out),
                        None => backend::no_data(out),
                    }
                });
            }
            Target::Portal(name) => match self.portals.get(name) {
                Some(portal) => {
                    self.output.push(|out| match &portal.statement.description.columns {
                        Some(columns) => {
                            backend::row_description(
                                columns,
                                |index| portal.formats.get(index),
                                out,
                            );
                        }
                        None => backend::no_data(out),
                    })
                }
                // A cursor of SQL is a portal too.
                None => match self.session.describe_cursor(name) {
                    Some(columns) => {
                        self.output.push(|out| backend::row_description(&columns, |_| 0, out));
                    }
                    None => return Err(unknown_portal(name).into()),
                },
            },
        }
        Ok(())
    }

    pub(super) async fn execute(&mut self, name: String, max_rows: i32) -> Result<(), Failure> {
        let Portal { statement, formats, state } =
            self.portals.remove(&name).ok_or_else(|| unknown_portal(&name))?;
        let limit = u64::try_from(max_rows).ok().filter(|limit| *limit > 0);
        let before = self.session.transaction_status();
        let mut guard = Guard::begin(&self.interrupts, self.session.statement_timeout());
        let mode = Mode::Extended(formats.clone(), limit);
        let ending = match (state, &statement.prepared) {
            (PortalState::Ready(_), None) => Ending::Empty,
            (PortalState::Ready(parameters), Some(prepared)) => {
                let (outcome, notices) =
                    self.run_prepared(prepared, parameters, true, &mode, &mut guard).await?;
                self.send_outcome(outcome, notices, mode, &mut guard).await?
            }
            (PortalState::Suspended(rows), _) => self.send_rows(rows, mode, &mut guard).await?,
            (PortalState::Exhausted(tag), _) => Ending::Exhausted(tag, 0),
            (PortalState::Finished, _) => {
                return Err(SqlError::new(
                    SqlState::ObjectNotInPrerequisiteState,
                    format!("portal \"{name}\" cannot be run"),
                )
                .into());
            }
        };
        drop(guard);
        // COMMIT and ROLLBACK take the portals of their transaction with them.
        if before != TransactionStatus::Idle
            && self.session.transaction_status() == TransactionStatus::Idle
        {
            self.portals.clear();
        }
        self.parameter_changes();
        self.push_ending(&ending);
        let state = match ending {
            Ending::Suspended(rows) => PortalState::Suspended(rows),
            Ending::Exhausted(tag, _) => PortalState::Exhausted(tag),
            Ending::Empty => PortalState::Ready(Vec::new()),
            Ending::Complete(_) => PortalState::Finished,
        };
        self.portals.insert(name, Portal { statement, formats, state });
        Ok(())
    }

    /// Closing what is not there is no error.
    pub(super) fn close_target(&mut self, target: &Target) {
        match target {
            Target::Statement(name) => drop(self.statements.remove(name)),
            Target::Portal(name) => drop(self.portals.remove(name)),
        }
        self.output.push(backend::close_complete);
    }
}

fn check_formats(formats: &Formats) -> Result<(), SqlError> {
    match formats.0.iter().find(|format| !matches!(format, 0 | 1)) {
        None => Ok(()),
        Some(format) => Err(SqlError::new(
            SqlState::InvalidParameterValue,
            format!("unsupported format code: {format}"),
        )),
    }
}

fn parameter_failure(mut error: SqlError, index: usize, is_binary: bool, portal: &str) -> Failure {
    let number = index + 1;
    if error.message == binary::MALFORMED {
        error.message = format!("{} in bind parameter {number}", binary::MALFORMED);
    }
    // PostgreSQL does not show the value either, unless told to.
    let value = if is_binary { "" } else { " = '...'" };
    let place = match portal {
        "" => "unnamed portal".to_owned(),
        name => format!("portal \"{name}\""),
    };
    Failure::with_context(error, format!("{place} parameter ${number}{value}"))
}

fn unknown_portal(name: &str) -> SqlError {
    SqlError::new(SqlState::InvalidCursorName, format!("portal \"{name}\" does not exist"))
}

fn too_many(what: &str, count_max: usize) -> SqlError {
    SqlError::new(SqlState::ProgramLimitExceeded, format!("too many {what}"))
        .with_detail(format!("A connection holds at most {count_max}."))
        .with_hint("Close those that are not needed, or use the unnamed one.")
}
