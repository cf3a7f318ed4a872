//! COPY.

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, SelectItem, SetExpr, TableFactor, TableWithJoins,
};
use kappa_catalog::Relation;
use kappa_types::{SqlError, SqlState};

use super::target::{column_index, refuse_duplicates};
use super::{Bound, BoundCopyIn, BoundCopyOut, Planner};
use crate::desugar::{empty_select, query_of};
use crate::statement::{ColumnName, Copy, CopySubject};

impl Planner {
    pub(super) fn copy(&self, copy: &Copy) -> Result<Bound, SqlError> {
        let options = copy.options.clone();
        let (name, columns) = match &copy.subject {
            CopySubject::Query(query) => {
                let query = self.query(&query.query, &[])?;
                if !query.parameters.is_empty() {
                    return Err(SqlError::new(
                        SqlState::UndefinedParameter,
                        "there is no parameter $1",
                    ));
                }
                return Ok(Bound::CopyOut(Box::new(BoundCopyOut { query, options })));
            }
            CopySubject::Relation { name, columns } => (name, columns),
        };
        refuse_duplicates(columns)?;
        if copy.from_stdin {
            let relation = self.writable(name, "copy to")?;
            let columns = copied(&relation, columns)?;
            return Ok(Bound::CopyIn(Box::new(BoundCopyIn { relation, columns, options })));
        }
        let names: Vec<String> =
            match self.catalog.resolve(&self.search_path, name.namespace.as_deref(), &name.name) {
                Some(relation) => copied(&relation, columns)?
                    .into_iter()
                    .map(|index| relation.schema.columns[index].name.clone())
                    .collect(),
                None => columns.iter().map(|column| column.name.clone()).collect(),
            };
        let mut select = empty_select();
        select.projection = names
            .iter()
            .map(|name| SelectItem::UnnamedExpr(Expr::Identifier(Ident::with_quote('"', name))))
            .collect();
        if select.projection.is_empty() {
            select.projection = vec![SelectItem::Wildcard(Default::default())];
        }
        let mut parts: Vec<Ident> =
            name.namespace.iter().map(|n| Ident::with_quote('"', n)).collect();
        parts.push(Ident::with_quote('"', &name.name));
        select.from = vec![TableWithJoins {
            relation: TableFactor::Table {
                name: ObjectName::from(parts),
                alias: None,
                args: None,
                with_hints: Vec::new(),
                version: None,
                with_ordinality: false,
                partitions: Vec::new(),
                json_path: None,
                sample: None,
                index_hints: Vec::new(),
            },
            joins: Vec::new(),
        }];
        let query = query_of(Box::new(SetExpr::Select(Box::new(select))));
        let query = self.query(&query, &[]).map_err(|error| match error.state {
            SqlState::UndefinedTable => error.at(name.position),
            _ => error,
        })?;
        Ok(Bound::CopyOut(Box::new(BoundCopyOut { query, options })))
    }
}

/// The positions of the columns that are copied: the named ones, or all that are not generated.
fn copied(relation: &Relation, columns: &[ColumnName]) -> Result<Vec<usize>, SqlError> {
    if columns.is_empty() {
        let plain = |index: &usize| relation.columns[*index].generated.is_none();
        return Ok((0..relation.schema.columns.len()).filter(plain).collect());
    }
    columns
        .iter()
        .map(|column| {
            let index = column_index(relation, column)?;
            if relation.columns[index].generated.is_some() {
                return Err(SqlError::new(
                    SqlState::InvalidColumnReference,
                    format!("column \"{}\" is a generated column", column.name),
                )
                .with_detail("Generated columns cannot be used in COPY.")
                .at(column.position));
            }
            Ok(index)
        })
        .collect()
}
