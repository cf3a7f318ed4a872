//! CREATE SOURCE and CREATE TABLE.

use datafusion::common::DFSchema;
use kappa_catalog::{ColumnDefinition, Connector, Relation, RelationKind, Watermark};
use kappa_types::{
    Column, ColumnId, RelationId, Schema, SchemaVersionId, SqlError, SqlState, SqlType, Timestamp,
    VersionId,
};

use super::context::Purpose;
use super::expressions::row_schema;
use super::target::refuse_duplicates;
use super::{BoundCreateRelation, Planner, Target};
use crate::hidden::HIDDEN;
use crate::lower::compile;
use crate::statement::{CreateRelation, ExpressionText, RelationWord};
use crate::typing::Parameters;

/// Most columns of a relation, as in PostgreSQL.
const COLUMN_COUNT_MAX: usize = 1600;

impl Planner {
    pub(super) fn create_relation(
        &self,
        create: &CreateRelation,
    ) -> Result<BoundCreateRelation, SqlError> {
        let is_source = create.word == RelationWord::Source;
        let target = self.target(&create.name, create.if_not_exists)?;
        let names: Vec<_> = create.columns.iter().map(|column| column.name.clone()).collect();
        refuse_duplicates(&names)?;
        if let Some(hidden) = names.iter().find(|name| HIDDEN.contains(&name.name.as_str())) {
            return Err(SqlError::new(
                SqlState::DuplicateColumn,
                format!("column name \"{}\" conflicts with a system column name", hidden.name),
            )
            .at(hidden.position));
        }
        if names.len() > COLUMN_COUNT_MAX {
            return Err(SqlError::new(
                SqlState::TooManyColumns,
                format!("tables can have at most {COLUMN_COUNT_MAX} columns"),
            ));
        }
        let key = self.key(create, is_source)?;
        let mut columns = Vec::new();
        let mut definitions = Vec::new();
        for (index, clause) in create.columns.iter().enumerate() {
            let id = ColumnId(u32::try_from(index + 1).unwrap_or(u32::MAX));
            let in_key = key.as_ref().is_some_and(|key| key.contains(&id));
            let not_null = clause.not_null || in_key;
            columns.push(Column {
                id,
                name: clause.name.name.clone(),
                sql_type: clause.sql_type.clone(),
                nullable: !not_null,
            });
            let text = |e: &Option<ExpressionText>| e.as_ref().map(|e| e.text.clone());
            if clause.default.is_some() && clause.generated.is_some() {
                return Err(SqlError::new(
                    SqlState::SyntaxError,
                    format!(
                        "both default and generation expression specified for column \"{}\" of table \"{}\"",
                        clause.name.name, create.name.name
                    ),
                )
                .at(clause.name.position));
            }
            definitions.push(ColumnDefinition {
                default: text(&clause.default),
                generated: text(&clause.generated),
                not_null,
                comment: None,
            });
        }
        let mut connector_options = create.connector.options.clone();
        let max_ahead = connector_options.remove("watermark.max_ahead");
        let watermark = self.watermark_clause(create, &columns, max_ahead.as_deref())?;
        let connector = connector(create, connector_options, is_source)?;
        let bound = BoundCreateRelation {
            target,
            is_source,
            columns,
            definitions,
            primary_key: key,
            watermark,
            connector,
        };
        self.check_expressions(create, &bound)?;
        Ok(bound)
    }

    fn key(
        &self,
        create: &CreateRelation,
        is_source: bool,
    ) -> Result<Option<Vec<ColumnId>>, SqlError> {
        let Some(key) = &create.primary_key else { return Ok(None) };
        if is_source {
            let position = key.first().map_or(1, |column| column.position);
            return Err(SqlError::unsupported(
                "a source cannot have a primary key",
                "Rows of a source are only ever added; use CREATE TABLE for rows with a key.",
            )
            .at(position));
        }
        refuse_duplicates(key)?;
        let mut ids = Vec::new();
        for column in key {
            let place = create.columns.iter().position(|clause| clause.name.name == column.name);
            let Some(place) = place else {
                return Err(SqlError::new(
                    SqlState::UndefinedColumn,
                    format!("column \"{}\" named in key does not exist", column.name),
                )
                .at(column.position));
            };
            let sql_type = &create.columns[place].sql_type;
            // Values that are equal in several forms would be several keys.
            if matches!(
                sql_type,
                SqlType::Json | SqlType::Jsonb | SqlType::Array(_) | SqlType::Interval
            ) {
                return Err(SqlError::unsupported(
                    format!("a column of type {sql_type} cannot be in a primary key"),
                    "Use a column of a plain type.",
                )
                .at(column.position));
            }
            ids.push(ColumnId(u32::try_from(place + 1).unwrap_or(u32::MAX)));
        }
        Ok(Some(ids))
    }

    fn watermark_clause(
        &self,
        create: &CreateRelation,
        columns: &[Column],
        max_ahead: Option<&str>,
    ) -> Result<Option<Watermark>, SqlError> {
        let max_ahead_micros = match max_ahead {
            None => None,
            Some(text) => Some(self.interval_micros("watermark.max_ahead", text)?),
        };
        let Some(clause) = &create.watermark else { return Ok(None) };
        let column = columns.iter().find(|column| column.name == clause.column.name);
        let Some(column) = column else {
            return Err(SqlError::new(
                SqlState::UndefinedColumn,
                format!("column \"{}\" of the watermark does not exist", clause.column.name),
            )
            .at(clause.column.position));
        };
        if !matches!(column.sql_type, SqlType::Timestamp | SqlType::Timestamptz) {
            return Err(SqlError::new(
                SqlState::DatatypeMismatch,
                format!(
                    "a watermark is for a timestamp column, but \"{}\" is of type {}",
                    column.name, column.sql_type
                ),
            )
            .at(clause.column.position));
        }
        let expression = clause.expression.text.clone();
        Ok(Some(Watermark { column: column.id, expression, max_ahead_micros }))
    }

    /// An option that is an interval, in microseconds.
    fn interval_micros(&self, key: &str, text: &str) -> Result<i64, SqlError> {
        let options = self.function_context().text_options();
        let invalid = || {
            SqlError::new(
                SqlState::InvalidParameterValue,
                format!("invalid value for option \"{key}\": \"{text}\""),
            )
            .with_hint("Give an interval, for example '1 hour'.")
        };
        let array = kappa_types::text::parse_value(&SqlType::Interval, text, &options)
            .map_err(|_| invalid())?;
        let value =
            arrow::array::AsArray::as_primitive::<arrow::datatypes::IntervalMonthDayNanoType>(
                &array,
            )
            .value(0);
        let (months, days, micros) = crate::function::interval_parts(value);
        if months != 0 {
            return Err(invalid());
        }
        i64::from(days)
            .checked_mul(86_400_000_000)
            .and_then(|days| days.checked_add(micros))
            .filter(|micros| *micros >= 0)
            .ok_or_else(invalid)
    }

    /// Binds defaults, generated columns and watermark, so that what is stored always binds.
    fn check_expressions(
        &self,
        create: &CreateRelation,
        bound: &BoundCreateRelation,
    ) -> Result<(), SqlError> {
        let relation = self.sketch(bound);
        let row = row_schema(&relation, &relation.name)?;
        let parameters = Parameters::default();
        for clause in &create.columns {
            let target = (clause.name.name.as_str(), &clause.sql_type);
            if let Some(default) = &clause.default {
                let empty = DFSchema::empty();
                let expr =
                    self.expression(&default.expression, &empty, Purpose::Run, &parameters)?;
                let expr = self.stored(expr, &empty, target, &parameters)?;
                compile(&expr, &empty, target.0)?;
            }
            if let Some(generated) = &clause.generated {
                let expr = self
                    .expression(&generated.expression, &row, Purpose::View, &parameters)
                    .map_err(not_immutable)?;
                refuse_generated_reference(&expr, create, &clause.name.name)?;
                let expr = self.stored(expr, &row, target, &parameters)?;
                compile(&expr, &row, target.0)?;
            }
        }
        if let Some(clause) = &create.watermark {
            self.expression(&clause.expression.expression, &row, Purpose::View, &parameters)?;
            self.watermark(&clause.expression.text, &row)?;
        }
        Ok(())
    }

    /// The relation as it will be, for binding its own expressions.
    fn sketch(&self, bound: &BoundCreateRelation) -> Relation {
        let Target { namespace, namespace_name, name, .. } = bound.target.clone();
        Relation {
            id: RelationId(0),
            oid: 0,
            type_oid: 0,
            array_type_oid: 0,
            index_oid: None,
            namespace,
            namespace_name,
            name,
            owner: String::new(),
            created_at: Timestamp::MIN,
            comment: None,
            next_column: 0,
            version: VersionId(0),
            kind: RelationKind::Table { primary_key: None, watermark: None },
            schema: Schema { version: SchemaVersionId(0), columns: bound.columns.clone() },
            columns: bound.definitions.clone(),
            dependencies: Vec::new(),
            text: String::new(),
            time_zone: self.time_zone.name().to_owned(),
            search_path: self.search_path.clone(),
        }
    }
}

/// What a view refuses because its value changes by itself, in PostgreSQL's words for a generated
/// column.
fn not_immutable(error: SqlError) -> SqlError {
    if !error.message.contains("changes by itself") {
        return error;
    }
    let mut refused =
        SqlError::new(SqlState::InvalidObjectDefinition, "generation expression is not immutable")
            .with_hint("Use DEFAULT for a value that is taken when the row is written.");
    refused.position = error.position;
    refused
}

/// 42P17 for a generated column that reads another.
fn refuse_generated_reference(
    expr: &datafusion::logical_expr::Expr,
    create: &CreateRelation,
    name: &str,
) -> Result<(), SqlError> {
    for column in expr.column_refs() {
        let other = create.columns.iter().find(|clause| clause.name.name == column.name);
        if let Some(other) = other
            && other.generated.is_some()
        {
            return Err(SqlError::new(
                SqlState::InvalidObjectDefinition,
                format!(
                    "cannot use generated column \"{}\" in column generation expression",
                    column.name
                ),
            )
            .with_detail(format!(
                "A generated column cannot reference another generated column (here \"{name}\")."
            )));
        }
    }
    Ok(())
}

fn connector(
    create: &CreateRelation,
    mut options: std::collections::BTreeMap<String, String>,
    is_source: bool,
) -> Result<Option<Connector>, SqlError> {
    if options.contains_key("retention") {
        return Err(SqlError::unsupported(
            "retention is not supported",
            "Every row stays in the log; delete rows of a table with DELETE, or drop the source.",
        ));
    }
    let name = options.remove("connector");
    let given = &create.connector;
    match name {
        None if options.is_empty() && given.format.is_none() && given.encode.is_none() => Ok(None),
        None => Err(SqlError::new(
            SqlState::InvalidParameterValue,
            "option \"connector\" is missing",
        )
        .with_hint(
            "The connectors are file and generator. Without WITH rows come by INSERT and COPY.",
        )),
        Some(_) if !is_source => {
            Err(SqlError::unsupported("a table cannot have a connector", "Use CREATE SOURCE."))
        }
        Some(name) => Ok(Some(Connector {
            name: name.to_ascii_lowercase(),
            options,
            format: given.format.clone(),
            encode: given.encode.clone(),
        })),
    }
}
