//! SHOW: parameters, lists of relations, columns, definitions, rebuilds.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringViewArray};
use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use kappa_catalog::{Relation, RelationKind, Snapshot};
use kappa_sql::statement::{Name, RelationNoun, Show};
use kappa_types::{SqlError, SqlState, SqlType};
use kappa_wire::ColumnDescription;

use super::Session;
use super::error::arrow_error;
use crate::engine::Cut;
use crate::system;

/// What SHOW returns, known without running it.
pub(super) fn columns(session: &Session, show: &Show) -> Result<Vec<ColumnDescription>, SqlError> {
    if let Show::Rebuilds = show {
        let table = system::find("kappa_rebuilds").expect("it is in the list of system tables");
        let columns = table.schema().columns;
        return Ok(columns
            .into_iter()
            .map(|column| ColumnDescription::new(column.name, column.sql_type))
            .collect());
    }
    let names: Vec<String> = match show {
        Show::Parameter(name) => vec![parameter_name(session, name)?],
        Show::All => ["name", "setting", "description"].map(str::to_owned).into(),
        Show::Relations(_) => ["schema", "name", "comment"].map(str::to_owned).into(),
        Show::Columns(_) => {
            ["name", "type", "nullable", "default", "comment"].map(str::to_owned).into()
        }
        Show::Create { .. } => ["name", "create_statement"].map(str::to_owned).into(),
        Show::Rebuilds => Vec::new(),
    };
    Ok(names.into_iter().map(|name| ColumnDescription::new(name, SqlType::Text)).collect())
}

/// The rows of SHOW.
pub(super) fn rows(session: &Session, show: &Show, cut: &Cut) -> Result<RecordBatch, SqlError> {
    let width = columns(session, show)?.len();
    let rows: Vec<Vec<Option<String>>> = match show {
        Show::Rebuilds => {
            let table = system::find("kappa_rebuilds").expect("it is in the list of system tables");
            return (table.rows)(&session.engine, cut);
        }
        Show::Parameter(name) => {
            let value = session.parameters().get(name);
            vec![vec![Some(value.ok_or_else(|| unknown_parameter(name))?)]]
        }
        Show::All => {
            let all = session.parameters().all();
            all.into_iter()
                .map(|(name, value, doc)| vec![Some(name), Some(value), Some(doc.to_owned())])
                .collect()
        }
        Show::Relations(noun) => cut
            .snapshot
            .relations()
            .filter(|relation| is_noun(relation, *noun))
            .map(|relation| {
                let Relation { namespace_name, name, comment, .. } = relation.as_ref();
                vec![Some(namespace_name.clone()), Some(name.clone()), comment.clone()]
            })
            .collect(),
        Show::Columns(name) => column_rows(&*resolve(session, &cut.snapshot, name)?),
        Show::Create { noun, name } => {
            let relation = resolve(session, &cut.snapshot, name)?;
            if !is_noun(&relation, *noun) {
                return Err(wrong_noun(&relation, *noun));
            }
            vec![vec![Some(relation.qualified_name()), Some(relation.text.clone())]]
        }
    };
    text_batch(session, show, width, &rows)
}

fn text_batch(
    session: &Session,
    show: &Show,
    width: usize,
    rows: &[Vec<Option<String>>],
) -> Result<RecordBatch, SqlError> {
    let names = columns(session, show)?;
    let fields = names.iter().map(|column| column.sql_type.field(&column.name, true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let arrays = (0..width).map(|column| -> ArrayRef {
        Arc::new(rows.iter().map(|row| row[column].as_deref()).collect::<StringViewArray>())
    });
    RecordBatch::try_new(schema, arrays.collect()).map_err(arrow_error)
}

fn column_rows(relation: &Relation) -> Vec<Vec<Option<String>>> {
    let columns = relation.schema.columns.iter().zip(&relation.columns);
    columns
        .map(|(column, more)| {
            let nullable = if more.not_null { "no" } else { "yes" };
            let default = more.default.clone().or_else(|| {
                more.generated.as_ref().map(|text| format!("generated always as ({text})"))
            });
            vec![
                Some(column.name.clone()),
                Some(column.sql_type.name()),
                Some(nullable.to_owned()),
                default,
                more.comment.clone(),
            ]
        })
        .collect()
}

/// The relation that a name stands for in this session.
pub(super) fn resolve(
    session: &Session,
    snapshot: &Snapshot,
    name: &Name,
) -> Result<Arc<Relation>, SqlError> {
    let path = session.parameters().search_path();
    snapshot.resolve(&path, name.namespace.as_deref(), &name.name).ok_or_else(|| {
        SqlError::new(SqlState::UndefinedTable, format!("relation \"{name}\" does not exist"))
            .at(name.position)
    })
}

/// Whether a relation is of the kind that a statement names.
pub(super) const fn is_noun(relation: &Relation, noun: RelationNoun) -> bool {
    matches!(
        (&relation.kind, noun),
        (RelationKind::Source { .. }, RelationNoun::Source)
            | (RelationKind::Table { .. }, RelationNoun::Table)
            | (RelationKind::View { .. }, RelationNoun::View)
            | (RelationKind::MaterializedView { .. }, RelationNoun::MaterializedView)
    )
}

/// 42809, as PostgreSQL says it.
pub(super) fn wrong_noun(relation: &Relation, noun: RelationNoun) -> SqlError {
    let article = if noun.name().starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    SqlError::new(
        SqlState::WrongObjectType,
        format!("\"{}\" is not {article} {}", relation.name, noun.name()),
    )
    .with_hint(format!("It is a {}.", relation.kind.noun()))
}

fn parameter_name(session: &Session, name: &str) -> Result<String, SqlError> {
    if session.parameters().get(name).is_none() {
        return Err(unknown_parameter(name));
    }
    Ok(super::variable::find(name).map_or_else(|| name.to_owned(), |known| known.name.to_owned()))
}

fn unknown_parameter(name: &str) -> SqlError {
    SqlError::new(
        SqlState::UndefinedObject,
        format!("unrecognized configuration parameter \"{name}\""),
    )
}
