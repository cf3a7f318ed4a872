//! INSERT, UPDATE and DELETE: read by sqlparser, reduced to what we speak.

use datafusion::sql::sqlparser::ast::{self, AssignmentTarget, Expr};
use kappa_types::{SqlError, SqlState};

use super::reader::{Reader, fold, relation_name, span_position};
use crate::statement::{
    Assignment, ColumnName, ConflictAction, Delete, Insert, Name, OnConflict, Statement, Update,
};

/// INSERT, UPDATE or DELETE, its first word not yet read.
pub(super) fn dml(reader: &mut Reader<'_>) -> Result<Statement, SqlError> {
    let statement = reader.sqlparser(|parser| parser.parse_statement())?;
    reader.finish()?;
    dml_with(statement, None)
}

/// INSERT, UPDATE or DELETE whose queries see the common table expressions of `with`.
pub(super) fn dml_with(
    statement: ast::Statement,
    with: Option<ast::With>,
) -> Result<Statement, SqlError> {
    match statement {
        ast::Statement::Insert(insert) => insert_statement(insert, with),
        ast::Statement::Update(update) => update_statement(update, with),
        ast::Statement::Delete(delete) => delete_statement(delete, with),
        _ => Err(malformed("INSERT, UPDATE or DELETE is needed")),
    }
}

fn insert_statement(
    mut insert: ast::Insert,
    with: Option<ast::With>,
) -> Result<Statement, SqlError> {
    if let (Some(source), Some(with)) = (&mut insert.source, with) {
        if source.with.is_some() {
            return Err(SqlError::unsupported(
                "WITH before INSERT and before its query is not supported",
                "Write all common table expressions in one WITH.",
            ));
        }
        source.with = Some(with);
    }
    let ast::TableObject::TableName(table) = &insert.table else {
        return Err(malformed("INSERT needs the name of a table"));
    };
    if insert.or.is_some()
        || insert.overwrite
        || insert.replace_into
        || !insert.assignments.is_empty()
        || insert.partitioned.is_some()
        || insert.insert_alias.is_some()
        || insert.format_clause.is_some()
        || insert.output.is_some()
        || !insert.into
    {
        return Err(malformed("this form of INSERT is not PostgreSQL's"));
    }
    let columns = insert.columns.iter().map(column_name).collect::<Result<_, _>>()?;
    let on_conflict = match insert.on {
        None => None,
        Some(ast::OnInsert::OnConflict(on)) => Some(conflict(on)?),
        Some(_) => return Err(malformed("this form of INSERT is not PostgreSQL's")),
    };
    Ok(Statement::Insert(Insert {
        table: relation_name(table)?,
        alias: insert.table_alias.map(|alias| fold(&alias.alias)),
        columns,
        source: insert.source,
        on_conflict,
        returning: insert.returning.unwrap_or_default(),
    }))
}

fn conflict(on: ast::OnConflict) -> Result<OnConflict, SqlError> {
    let columns = match on.conflict_target {
        None => Vec::new(),
        Some(ast::ConflictTarget::Columns(columns)) => columns.iter().map(ident_name).collect(),
        Some(ast::ConflictTarget::OnConstraint(name)) => {
            return Err(SqlError::unsupported(
                format!("ON CONFLICT ON CONSTRAINT {name} is not supported"),
                "Name the columns of the primary key: ON CONFLICT (columns).",
            ));
        }
    };
    let action = match on.action {
        ast::OnConflictAction::DoNothing => ConflictAction::DoNothing,
        ast::OnConflictAction::DoUpdate(update) => {
            if columns.is_empty() {
                return Err(SqlError::new(
                    SqlState::SyntaxError,
                    "ON CONFLICT DO UPDATE requires inference specification or constraint name",
                )
                .with_hint("For example, ON CONFLICT (column_name)."));
            }
            ConflictAction::DoUpdate {
                assignments: assignments(update.assignments)?,
                selection: update.selection,
            }
        }
    };
    Ok(OnConflict { columns, action })
}

fn update_statement(update: ast::Update, with: Option<ast::With>) -> Result<Statement, SqlError> {
    if update.or.is_some()
        || update.limit.is_some()
        || !update.order_by.is_empty()
        || update.output.is_some()
    {
        return Err(malformed("this form of UPDATE is not PostgreSQL's"));
    }
    let (table, alias) = target(&update.table)?;
    let from = match update.from {
        None => Vec::new(),
        Some(ast::UpdateTableFromKind::AfterSet(from)) => from,
        Some(ast::UpdateTableFromKind::BeforeSet(_)) => {
            return Err(malformed("FROM stands after SET"));
        }
    };
    Ok(Statement::Update(Update {
        with,
        table,
        alias,
        assignments: assignments(update.assignments)?,
        from,
        selection: update.selection,
        returning: update.returning.unwrap_or_default(),
    }))
}

fn delete_statement(delete: ast::Delete, with: Option<ast::With>) -> Result<Statement, SqlError> {
    let ast::FromTable::WithFromKeyword(from) = &delete.from else {
        return Err(malformed("DELETE needs FROM"));
    };
    let ([from], true) = (from.as_slice(), delete.tables.is_empty()) else {
        return Err(malformed("DELETE names one table"));
    };
    if delete.limit.is_some() || !delete.order_by.is_empty() || delete.output.is_some() {
        return Err(malformed("this form of DELETE is not PostgreSQL's"));
    }
    let (table, alias) = target(from)?;
    Ok(Statement::Delete(Delete {
        with,
        table,
        alias,
        using: delete.using.unwrap_or_default(),
        selection: delete.selection,
        returning: delete.returning.unwrap_or_default(),
    }))
}

fn target(table: &ast::TableWithJoins) -> Result<(Name, Option<String>), SqlError> {
    match &table.relation {
        ast::TableFactor::Table { name, alias, args: None, .. } if table.joins.is_empty() => {
            Ok((relation_name(name)?, alias.as_ref().map(|alias| fold(&alias.name))))
        }
        _ => Err(malformed("the target must be one table")),
    }
}

fn assignments(given: Vec<ast::Assignment>) -> Result<Vec<Assignment>, SqlError> {
    let mut assignments = Vec::new();
    for assignment in given {
        match assignment.target {
            AssignmentTarget::ColumnName(name) => {
                let column = column_name(&name)?;
                assignments.push(Assignment { column, value: not_default(assignment.value) });
            }
            AssignmentTarget::Tuple(names) => match assignment.value {
                Expr::Tuple(values) if values.len() == names.len() => {
                    for (name, value) in names.iter().zip(values) {
                        let column = column_name(name)?;
                        assignments.push(Assignment { column, value: not_default(value) });
                    }
                }
                _ => {
                    return Err(SqlError::unsupported(
                        "assigning a row that is not written out is not supported",
                        "Assign each column, or join the other table in FROM.",
                    ));
                }
            },
        }
    }
    Ok(assignments)
}

/// `None` for DEFAULT, which sqlparser reads as a name.
fn not_default(value: Expr) -> Option<Expr> {
    if is_default(&value) { None } else { Some(value) }
}

/// Whether an expression is the word DEFAULT.
pub(crate) fn is_default(value: &Expr) -> bool {
    matches!(value, Expr::Identifier(ident)
        if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default"))
}

fn column_name(name: &ast::ObjectName) -> Result<ColumnName, SqlError> {
    match name.0.as_slice() {
        [part] => match part.as_ident() {
            Some(ident) => Ok(ident_name(ident)),
            None => Err(malformed("a column name is needed")),
        },
        _ => {
            let whole = relation_name(name)?;
            Err(SqlError::new(
                SqlState::UndefinedColumn,
                format!("column \"{}\" of the target does not exist", whole.name),
            )
            .with_hint("Target columns are written without the name of the table.")
            .at(whole.position))
        }
    }
}

fn ident_name(ident: &ast::Ident) -> ColumnName {
    ColumnName { name: fold(ident), position: span_position(ident.span).unwrap_or(1) }
}

fn malformed(message: &str) -> SqlError {
    SqlError::new(SqlState::SyntaxError, message)
}
