//! Expressions by themselves: defaults, generated columns, watermarks, RETURNING, ON CONFLICT.

use std::collections::HashMap;

use datafusion::common::{DFSchema, TableReference};
use datafusion::logical_expr::Expr;
use datafusion::sql::planner::{PlannerContext, SqlToRel};
use datafusion::sql::sqlparser::ast;
use kappa_catalog::Relation;
use kappa_types::{SqlError, SqlState, SqlType};

use super::Planner;
use super::context::{Context, Purpose};
use super::query::parser_options;
use crate::desugar::desugar_expr;
use crate::error::from_datafusion;
use crate::typing::{Conversion, Parameters};

impl Planner {
    /// An expression over rows of `schema`, its types decided but for one that stands alone.
    pub(super) fn expression(
        &self,
        expression: &ast::Expr,
        schema: &DFSchema,
        purpose: Purpose,
        parameters: &Parameters,
    ) -> Result<Expr, SqlError> {
        let context = Context::new(self, purpose, HashMap::new());
        let mut expression = expression.clone();
        desugar_expr(&mut expression, &self.functions)?;
        let raw = SqlToRel::new_with_options(&context, parser_options())
            .sql_to_expr(expression, schema, &mut PlannerContext::new())
            .map_err(|error| from_datafusion(&error))?;
        self.resolver(parameters, purpose).expr(raw, schema)
    }

    /// An expression whose value is stored in a column.
    ///
    /// # Errors
    /// 42804 if it cannot be.
    pub(super) fn stored(
        &self,
        expression: Expr,
        schema: &DFSchema,
        column: (&str, &SqlType),
        parameters: &Parameters,
    ) -> Result<Expr, SqlError> {
        let resolver = self.resolver(parameters, Purpose::Run);
        let given = resolver.type_name(&expression, schema)?;
        let (name, to) = column;
        resolver
            .coerce(expression, to, schema, Conversion::Assignment)
            .map_err(|error| mismatch(error, name, to, &given))
    }
}

/// 42804 in PostgreSQL's words where a value does not fit a column.
pub(super) fn mismatch(error: SqlError, name: &str, to: &SqlType, given: &str) -> SqlError {
    if error.state != SqlState::CannotCoerce {
        return error;
    }
    let to = match to {
        SqlType::Numeric(_) => "numeric".to_owned(),
        SqlType::Varchar(_) => "character varying".to_owned(),
        other => other.name(),
    };
    let mut mismatch = SqlError::new(
        SqlState::DatatypeMismatch,
        format!("column \"{name}\" is of type {to} but expression is of type {given}"),
    )
    .with_hint("You will need to rewrite or cast the expression.");
    mismatch.position = error.position;
    mismatch
}

/// The rows of a relation, its columns qualified by `qualifier`.
pub(super) fn row_schema(relation: &Relation, qualifier: &str) -> Result<DFSchema, SqlError> {
    let arrow = relation.schema.arrow();
    DFSchema::try_from_qualified_schema(TableReference::bare(qualifier), &arrow)
        .map_err(|error| from_datafusion(&error))
}
