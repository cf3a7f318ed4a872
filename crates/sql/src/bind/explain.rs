//! EXPLAIN.

use datafusion::sql::sqlparser::ast;
use kappa_catalog::RelationKind;
use kappa_types::{SqlError, SqlState};

use super::{BoundExplain, Planner};
use crate::statement::{Explain, ExplainTarget, Statement};

impl Planner {
    pub(super) fn explain(
        &self,
        explain: &Explain,
        parameter_oids: &[u32],
    ) -> Result<BoundExplain, SqlError> {
        let verbose = explain.verbose;
        let inside = |query| BoundExplain::Query { query, kept: None, verbose };
        match &explain.target {
            ExplainTarget::MaterializedView(name) => {
                let relation = self.existing(name)?;
                match &relation.kind {
                    RelationKind::MaterializedView { .. } => {
                        Ok(BoundExplain::MaterializedView(relation))
                    }
                    RelationKind::View { query: text } => {
                        let planner = self.as_of_definition(&relation);
                        let parsed = crate::parse::parse_query(text)?;
                        planner.explain_query(&parsed.query, &[], verbose)
                    }
                    _ => Err(SqlError::new(
                        SqlState::WrongObjectType,
                        format!("\"{}\" is not a view", relation.name),
                    )
                    .at(name.position)),
                }
            }
            ExplainTarget::Statement(statement) => match statement.as_ref() {
                Statement::Query(inner) => {
                    self.explain_query(&inner.query.query, parameter_oids, verbose)
                }
                Statement::Insert(insert) => {
                    self.insert(insert, parameter_oids).map(|bound| inside(bound.rows))
                }
                Statement::Update(update) => {
                    self.update(update, parameter_oids).map(|bound| inside(bound.rows))
                }
                Statement::Delete(delete) => {
                    self.delete(delete, parameter_oids).map(|bound| inside(bound.rows))
                }
                Statement::CreateMaterializedView(create) => {
                    let mut create = create.clone();
                    create.if_not_exists = true;
                    let bound = self.create_materialized_view(&create)?;
                    Ok(BoundExplain::View(Box::new(bound.plan)))
                }
                _ => Err(SqlError::unsupported(
                    "this statement has no plan to explain",
                    "EXPLAIN takes a query, INSERT, UPDATE, DELETE or CREATE MATERIALIZED VIEW.",
                )),
            },
        }
    }

    /// Both ways of a query: as it runs now, and as a materialized view would keep it.
    fn explain_query(
        &self,
        ast: &ast::Query,
        parameter_oids: &[u32],
        verbose: bool,
    ) -> Result<BoundExplain, SqlError> {
        let query = self.query(ast, parameter_oids)?;
        let kept = self
            .view_logical(ast, false)
            .and_then(|planned| crate::lower::lower_view(planned.logical, false))
            .map(Box::new);
        Ok(BoundExplain::Query { query, kept: Some(kept), verbose })
    }
}
