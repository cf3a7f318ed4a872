//! EXPLAIN.

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
        let query = |query| BoundExplain::Query { query, verbose };
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
                        planner.query(&parsed.query, &[]).map(query)
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
                    self.query(&inner.query.query, parameter_oids).map(query)
                }
                Statement::Insert(insert) => {
                    self.insert(insert, parameter_oids).map(|bound| query(bound.rows))
                }
                Statement::Update(update) => {
                    self.update(update, parameter_oids).map(|bound| query(bound.rows))
                }
                Statement::Delete(delete) => {
                    self.delete(delete, parameter_oids).map(|bound| query(bound.rows))
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
}
