//! RETURNING: expressions over the stored row.

use datafusion::common::DFSchema;
use datafusion::sql::sqlparser::ast::{SelectItem, SelectItemQualifiedWildcardKind};
use kappa_catalog::Relation;
use kappa_plan::Expression;
use kappa_types::SqlError;

use super::Planner;
use super::context::Purpose;
use super::expressions::row_schema;
use crate::lower::compile;
use crate::output_name::column_name;
use crate::parse::fold;
use crate::typing::Parameters;

impl Planner {
    /// The expressions of RETURNING; the row is called `qualifier`.
    pub(super) fn returning(
        &self,
        items: &[SelectItem],
        relation: &Relation,
        qualifier: &str,
        parameters: &Parameters,
    ) -> Result<Vec<Expression>, SqlError> {
        let row = row_schema(relation, qualifier)?;
        let mut expressions = Vec::new();
        for item in items {
            let (expression, name) = match item {
                SelectItem::Wildcard(_) => {
                    all_columns(&row, &mut expressions)?;
                    continue;
                }
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    _,
                ) => {
                    let named = crate::parse::relation_name(name)?;
                    if named.name != qualifier {
                        return Err(SqlError::new(
                            kappa_types::SqlState::UndefinedTable,
                            format!("missing FROM-clause entry for table \"{}\"", named.name),
                        )
                        .at(named.position));
                    }
                    all_columns(&row, &mut expressions)?;
                    continue;
                }
                SelectItem::UnnamedExpr(expression) => {
                    let name = column_name(expression).unwrap_or_else(|| "?column?".to_owned());
                    (expression, name)
                }
                SelectItem::ExprWithAlias { expr, alias } => (expr, fold(alias)),
                other => {
                    return Err(SqlError::unsupported(
                        format!("RETURNING {other} is not supported"),
                        "Name the columns.",
                    ));
                }
            };
            let expr = self.expression(expression, &row, Purpose::Run, parameters)?;
            let resolver = self.resolver(parameters, Purpose::Run);
            let expr = resolver.settle(expr, &row)?;
            expressions.push(compile(&expr, &row, name)?);
        }
        Ok(expressions)
    }
}

fn all_columns(row: &DFSchema, expressions: &mut Vec<Expression>) -> Result<(), SqlError> {
    for column in row.columns() {
        let name = column.name.clone();
        expressions.push(compile(&column.into(), row, name)?);
    }
    Ok(())
}
