//! [`RowRules`]: defaults, generated columns and the watermark of a stored relation, compiled.

use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use kappa_catalog::Relation;
use kappa_plan::Expression;
use kappa_types::{SqlError, SqlState, SqlType};

use super::context::Purpose;
use super::expressions::row_schema;
use super::{Planner, RowRules};
use crate::lower::compile;
use crate::parse::parse_expression;
use crate::typing::Parameters;

impl Planner {
    pub(super) fn rules(&self, relation: &Relation) -> Result<RowRules, SqlError> {
        let planner = self.as_of_definition(relation);
        let empty = DFSchema::empty();
        let row = row_schema(relation, &relation.name)?;
        let mut defaults = Vec::new();
        let mut generated = Vec::new();
        for (column, definition) in relation.schema.columns.iter().zip(&relation.columns) {
            let compiled = |text: &Option<String>, schema: &DFSchema| match text {
                Some(text) => {
                    let target = (column.name.as_str(), &column.sql_type);
                    let expr = planner.stored_text(text, schema, target)?;
                    compile(&expr, schema, column.name.clone()).map(Some)
                }
                None => Ok(None),
            };
            defaults.push(compiled(&definition.default, &empty)?);
            generated.push(compiled(&definition.generated, &row)?);
        }
        let watermark = match relation.watermark() {
            Some(watermark) => Some(planner.watermark(&watermark.expression, &row)?.1),
            None => None,
        };
        Ok(RowRules { defaults, generated, watermark })
    }

    /// A stored expression as a value of its column.
    pub(super) fn stored_text(
        &self,
        text: &str,
        schema: &DFSchema,
        column: (&str, &SqlType),
    ) -> Result<Expr, SqlError> {
        let parsed = parse_expression(text)?;
        let parameters = Parameters::default();
        let expr = self.expression(&parsed.expression, schema, Purpose::Run, &parameters)?;
        self.stored(expr, schema, column, &parameters)
    }

    /// A WATERMARK expression and its compiled form.
    ///
    /// # Errors
    /// 42804 if it is not a timestamp.
    pub(super) fn watermark(
        &self,
        text: &str,
        row: &DFSchema,
    ) -> Result<(Expr, Expression), SqlError> {
        let parsed = parse_expression(text)?;
        let parameters = Parameters::default();
        let expr = self.expression(&parsed.expression, row, Purpose::View, &parameters)?;
        let resolver = self.resolver(&parameters, Purpose::View);
        let expr = resolver.settle(expr, row)?;
        let sql_type = resolver.sql_type(&expr, row)?;
        if !matches!(sql_type, SqlType::Timestamp | SqlType::Timestamptz) {
            return Err(SqlError::new(
                SqlState::DatatypeMismatch,
                format!("a watermark must be a timestamp, not {sql_type}"),
            )
            .with_hint("Write WATERMARK FOR ts AS ts - INTERVAL '5' SECOND."));
        }
        let compiled = compile(&expr, row, "watermark")?;
        Ok((expr, compiled))
    }
}
