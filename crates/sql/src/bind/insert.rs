//! INSERT: the query that gives whole rows, ON CONFLICT and RETURNING.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};
use datafusion::sql::sqlparser::ast::{self, SetExpr, Value};
use kappa_catalog::{Relation, RelationKind};
use kappa_types::{SqlError, SqlState, SqlType};

use super::context::Purpose;
use super::expressions::{mismatch, row_schema};
use super::query::bound;
use super::target::{column_index, refuse_duplicates};
use super::{BoundConflict, BoundInsert, Planner};
use crate::desugar::query_of;
use crate::error::from_datafusion;
use crate::lower::compile;
use crate::parse::{is_default, parse_expression};
use crate::statement::{Assignment, ConflictAction, Insert, OnConflict};
use crate::typing::{Conversion, Parameters, Unknowns, bare_literals, typed_null};

impl Planner {
    pub(super) fn insert(
        &self,
        insert: &Insert,
        parameter_oids: &[u32],
    ) -> Result<BoundInsert, SqlError> {
        let relation = self.writable(&insert.table, "insert into")?;
        refuse_duplicates(&insert.columns)?;
        let parameters = Parameters::new(parameter_oids)?;
        let given = self.given_columns(&relation, insert)?;
        let source = self.insert_source(&relation, insert, &given)?;
        let rows = self.whole_rows(&relation, &source, &given, insert, &parameters)?;
        let qualifier = insert.alias.as_deref().unwrap_or(&relation.name).to_owned();
        let on_conflict = match &insert.on_conflict {
            Some(on) => Some(self.conflict(&relation, on, &qualifier, &parameters)?),
            None => None,
        };
        let returning = self.returning(&insert.returning, &relation, &qualifier, &parameters)?;
        Ok(BoundInsert { rows: bound(rows, &parameters), relation, on_conflict, returning })
    }

    /// The positions of the target columns.
    fn given_columns(&self, relation: &Relation, insert: &Insert) -> Result<Vec<usize>, SqlError> {
        if insert.source.is_none() {
            return Ok(Vec::new());
        }
        if !insert.columns.is_empty() {
            return insert.columns.iter().map(|column| column_index(relation, column)).collect();
        }
        Ok((0..relation.schema.columns.len()).collect())
    }

    /// The query of an INSERT, each DEFAULT replaced by the default of its column.
    fn insert_source(
        &self,
        relation: &Relation,
        insert: &Insert,
        given: &[usize],
    ) -> Result<Option<ast::Query>, SqlError> {
        let Some(source) = &insert.source else { return Ok(None) };
        let mut source = source.as_ref().clone();
        if let SetExpr::Values(values) = source.body.as_mut() {
            for row in &mut values.rows {
                for (position, cell) in row.content.iter_mut().enumerate() {
                    if !is_default(cell) {
                        continue;
                    }
                    let column = given.get(position).copied();
                    *cell = match column.and_then(|c| relation.columns[c].default.as_ref()) {
                        Some(text) => parse_expression(text)?.expression,
                        None => ast::Expr::value(Value::Null),
                    };
                }
            }
        }
        Ok(Some(source))
    }

    /// A plan of all stored columns, defaults and generated columns computed.
    fn whole_rows(
        &self,
        relation: &Relation,
        source: &Option<ast::Query>,
        given: &[usize],
        insert: &Insert,
        parameters: &Parameters,
    ) -> Result<LogicalPlan, SqlError> {
        let query = match source {
            Some(query) => query.clone(),
            None => one_row(),
        };
        let plan = self.planned(&query, Purpose::Run, parameters, Unknowns::KeepCells)?.logical;
        let width = if source.is_some() { plan.schema().fields().len() } else { 0 };
        self.check_width(relation, width, given, insert)?;
        let schema = Arc::clone(plan.schema());
        let columns = schema.columns();
        let values_are_typed_here = direct_values(&plan);
        let mut plan = plan;
        if let Some(targets) = values_are_typed_here.then(|| targets_of(relation, given, width)) {
            plan = self.typed_values(plan, &targets, relation, given, parameters)?;
        }
        let schema_now = Arc::clone(plan.schema());
        let mut exprs = Vec::with_capacity(relation.schema.columns.len());
        for (index, column) in relation.schema.columns.iter().enumerate() {
            let target = (column.name.as_str(), &column.sql_type);
            let definition = &relation.columns[index];
            let place = given.iter().take(width).position(|given| *given == index);
            let expr = match place {
                Some(place) if definition.generated.is_some() => {
                    self.refuse_generated(relation, index, &plan, place)?;
                    typed_null(&column.sql_type)?
                }
                Some(place) => {
                    let expr = peeled(&plan, Expr::Column(columns[place].clone()));
                    self.stored(expr, &schema_now, target, parameters)?
                }
                None => match &definition.default {
                    Some(text) => self.as_of_definition(relation).stored_text(
                        text,
                        &DFSchema::empty(),
                        target,
                    )?,
                    None => typed_null(&column.sql_type)?,
                },
            };
            exprs.push(expr.alias(column.name.clone()));
        }
        let plan = project(exprs, bare_literals(plan)?)?;
        self.with_generated(relation, plan)
    }

    /// Gives the cells of VALUES the types of their columns, as PostgreSQL does.
    fn typed_values(
        &self,
        plan: LogicalPlan,
        targets: &[Option<SqlType>],
        relation: &Relation,
        given: &[usize],
        parameters: &Parameters,
    ) -> Result<LogicalPlan, SqlError> {
        let LogicalPlan::Values(values) = plan else { return Ok(plan) };
        let empty = DFSchema::empty();
        let resolver = self.resolver(parameters, Purpose::Run);
        let mut rows = values.values;
        for row in &mut rows {
            for (place, cell) in row.iter_mut().enumerate() {
                let Some(Some(to)) = targets.get(place) else {
                    if is_null(cell)
                        && let Some(column) = given.get(place)
                    {
                        *cell = typed_null(&relation.schema.columns[*column].sql_type)?;
                    }
                    continue;
                };
                let taken = std::mem::take(cell);
                let type_name = resolver.type_name(&taken, &empty)?;
                let name = &relation.schema.columns[given[place]].name;
                *cell = resolver
                    .coerce(taken, to, &empty, Conversion::Assignment)
                    .map_err(|error| mismatch(error, name, to, &type_name))?;
            }
        }
        let fields: Vec<arrow::datatypes::Field> = values
            .schema
            .fields()
            .iter()
            .zip(given)
            .map(|(field, column)| {
                relation.schema.columns[*column].sql_type.field(field.name(), true)
            })
            .collect();
        let schema = DFSchema::from_unqualified_fields(fields.into(), Default::default())
            .map_err(|error| from_datafusion(&error))?;
        Ok(LogicalPlan::Values(datafusion::logical_expr::Values {
            schema: Arc::new(schema),
            values: rows,
        }))
    }

    fn check_width(
        &self,
        relation: &Relation,
        width: usize,
        given: &[usize],
        insert: &Insert,
    ) -> Result<(), SqlError> {
        let fail = |message: &str| Err(SqlError::new(SqlState::SyntaxError, message));
        if width > given.len() {
            return fail("INSERT has more expressions than target columns");
        }
        if width < given.len() && !insert.columns.is_empty() {
            return fail("INSERT has more target columns than expressions");
        }
        debug_assert!(given.len() <= relation.schema.columns.len(), "targets are columns");
        Ok(())
    }

    /// 428C9 unless the value of a generated column is DEFAULT everywhere.
    fn refuse_generated(
        &self,
        relation: &Relation,
        index: usize,
        plan: &LogicalPlan,
        place: usize,
    ) -> Result<(), SqlError> {
        let default = match plan {
            LogicalPlan::Values(values) => values.values.iter().all(|row| is_null(&row[place])),
            _ => false,
        };
        if default {
            return Ok(());
        }
        let name = &relation.schema.columns[index].name;
        Err(SqlError::new(
            SqlState::GeneratedAlways,
            format!("cannot insert a non-DEFAULT value into column \"{name}\""),
        )
        .with_detail(format!("Column \"{name}\" is a generated column.")))
    }

    /// Rows with their generated columns computed from the others.
    pub(super) fn with_generated(
        &self,
        relation: &Relation,
        plan: LogicalPlan,
    ) -> Result<LogicalPlan, SqlError> {
        if relation.columns.iter().all(|definition| definition.generated.is_none()) {
            return Ok(plan);
        }
        let planner = self.as_of_definition(relation);
        let row = row_schema(relation, &relation.name)?;
        let mut exprs = Vec::new();
        for (column, definition) in relation.schema.columns.iter().zip(&relation.columns) {
            let plain = Expr::Column(datafusion::common::Column::new_unqualified(&column.name));
            exprs.push(match &definition.generated {
                Some(text) => {
                    let target = (column.name.as_str(), &column.sql_type);
                    unqualified(planner.stored_text(text, &row, target)?)?
                        .alias(column.name.clone())
                }
                None => plain,
            });
        }
        project(exprs, plan)
    }

    fn conflict(
        &self,
        relation: &Arc<Relation>,
        on: &OnConflict,
        qualifier: &str,
        parameters: &Parameters,
    ) -> Result<BoundConflict, SqlError> {
        let RelationKind::Table { .. } = relation.kind else {
            return Err(SqlError::new(
                SqlState::WrongObjectType,
                format!("source \"{}\" has no keys: ON CONFLICT needs a table", relation.name),
            ));
        };
        let key = relation.primary_key().unwrap_or_default();
        let mut named =
            on.columns.iter().map(|c| column_index(relation, c)).collect::<Result<Vec<_>, _>>()?;
        named.sort_unstable();
        let mut sorted = key.clone();
        sorted.sort_unstable();
        if !on.columns.is_empty() && (named != sorted || key.is_empty()) {
            return Err(SqlError::new(
                SqlState::InvalidColumnReference,
                "there is no unique or exclusion constraint matching the ON CONFLICT specification",
            ));
        }
        let ConflictAction::DoUpdate { assignments, selection } = &on.action else {
            return Ok(BoundConflict::DoNothing);
        };
        let old = row_schema(relation, qualifier)?;
        let new = row_schema(relation, "excluded")?;
        let both = old.join(&new).map_err(|error| from_datafusion(&error))?;
        let row = self.updated_row(relation, assignments, &both, qualifier, parameters)?;
        let row = row
            .iter()
            .zip(&relation.schema.columns)
            .map(|(expr, column)| compile(expr, &both, column.name.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        let selection = match selection {
            Some(selection) => {
                let expr = self.expression(selection, &both, Purpose::Run, parameters)?;
                let resolver = self.resolver(parameters, Purpose::Run);
                let expr = resolver.boolean(expr, &both, "WHERE")?;
                Some(compile(&expr, &both, "selection")?)
            }
            None => None,
        };
        Ok(BoundConflict::DoUpdate { row, selection })
    }

    /// The new values of all stored columns, over rows in which the old row is called `qualifier`.
    fn updated_row(
        &self,
        relation: &Relation,
        assignments: &[Assignment],
        schema: &DFSchema,
        qualifier: &str,
        parameters: &Parameters,
    ) -> Result<Vec<Expr>, SqlError> {
        let mut row: Vec<Expr> = relation
            .schema
            .columns
            .iter()
            .map(|column| {
                Expr::Column(datafusion::common::Column::new(Some(qualifier), &column.name))
            })
            .collect();
        for (index, value) in self.assigned(relation, assignments)? {
            let column = &relation.schema.columns[index];
            let expr = self.expression(&value, schema, Purpose::Run, parameters)?;
            let target = (column.name.as_str(), &column.sql_type);
            row[index] = self.stored(expr, schema, target, parameters)?;
        }
        let planner = self.as_of_definition(relation);
        let own = row_schema(relation, &relation.name)?;
        for index in 0..row.len() {
            let Some(text) = &relation.columns[index].generated else { continue };
            let column = &relation.schema.columns[index];
            let target = (column.name.as_str(), &column.sql_type);
            let expr = planner.stored_text(text, &own, target)?;
            row[index] = over_row(expr, relation, &row)?;
        }
        Ok(row)
    }

    /// The assigned columns with their expressions, DEFAULT replaced.
    pub(super) fn assigned(
        &self,
        relation: &Relation,
        assignments: &[Assignment],
    ) -> Result<Vec<(usize, ast::Expr)>, SqlError> {
        let mut assigned: Vec<(usize, ast::Expr)> = Vec::new();
        for assignment in assignments {
            let index = column_index(relation, &assignment.column)?;
            let name = &relation.schema.columns[index].name;
            if assigned.iter().any(|(other, _)| *other == index) {
                return Err(SqlError::new(
                    SqlState::SyntaxError,
                    format!("multiple assignments to same column \"{name}\""),
                ));
            }
            let definition = &relation.columns[index];
            if definition.generated.is_some() {
                if assignment.value.is_none() {
                    continue;
                }
                return Err(SqlError::new(
                    SqlState::GeneratedAlways,
                    format!("column \"{name}\" can only be updated to DEFAULT"),
                )
                .with_detail(format!("Column \"{name}\" is a generated column."))
                .at(assignment.column.position));
            }
            let value = match (&assignment.value, &definition.default) {
                (Some(value), _) => value.clone(),
                (None, Some(text)) => parse_expression(text)?.expression,
                (None, None) => ast::Expr::value(Value::Null),
            };
            assigned.push((index, value));
        }
        Ok(assigned)
    }
}

/// The types of the target columns.
fn targets_of(relation: &Relation, given: &[usize], width: usize) -> Vec<Option<SqlType>> {
    given
        .iter()
        .take(width)
        // A generated column's DEFAULT is a NULL of its type until it is computed.
        .map(|index| Some(relation.schema.columns[*index].sql_type.clone()))
        .collect()
}

fn direct_values(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Values(_))
}

/// A column that a projection below computes from nothing is that value itself, so that a literal
/// or parameter takes the type of the target column.
pub(super) fn peeled(plan: &LogicalPlan, expr: Expr) -> Expr {
    let (LogicalPlan::Projection(projection), Expr::Column(column)) = (plan, &expr) else {
        return expr;
    };
    let Some(index) = projection.schema.maybe_index_of_column(column) else { return expr };
    let inner = projection.expr[index].clone().unalias();
    let untyped = crate::function::literal_text(&inner).is_some()
        || matches!(&inner, Expr::Placeholder(p) if p.field.is_none())
        || is_null(&inner);
    if untyped { inner } else { expr }
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(value, _) if value.is_null())
}

/// `SELECT` of nothing: one row.
fn one_row() -> ast::Query {
    let mut select = crate::desugar::empty_select();
    select.projection = vec![ast::SelectItem::UnnamedExpr(ast::Expr::value(Value::Null))];
    query_of(Box::new(SetExpr::Select(Box::new(select))))
}

/// A projection.
pub(super) fn project(exprs: Vec<Expr>, input: LogicalPlan) -> Result<LogicalPlan, SqlError> {
    let node = Projection::try_new(exprs, Arc::new(input));
    node.map(LogicalPlan::Projection).map_err(|error| from_datafusion(&error))
}

/// An expression over a relation's columns as one over columns of the same names without qualifier.
fn unqualified(expr: Expr) -> Result<Expr, SqlError> {
    rewritten(expr, |column| {
        Expr::Column(datafusion::common::Column::new_unqualified(&column.name))
    })
}

/// An expression over a relation's columns as one over the expressions of a row.
pub(super) fn over_row(expr: Expr, relation: &Relation, row: &[Expr]) -> Result<Expr, SqlError> {
    rewritten(expr, |column| match relation.schema.index_of(&column.name) {
        Some(index) => row[index].clone(),
        None => Expr::Column(column),
    })
}

fn rewritten(
    expr: Expr,
    replace: impl Fn(datafusion::common::Column) -> Expr,
) -> Result<Expr, SqlError> {
    let replaced = expr.transform_down(|part| {
        Ok(match part {
            Expr::Column(column) => Transformed::new(
                replace(column),
                true,
                datafusion::common::tree_node::TreeNodeRecursion::Jump,
            ),
            other => Transformed::no(other),
        })
    });
    replaced.map(|replaced| replaced.data).map_err(|error| from_datafusion(&error))
}
