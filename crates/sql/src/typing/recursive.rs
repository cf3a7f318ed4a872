//! WITH RECURSIVE: the types of its two terms, and what may stand in the second.
//!
//! The one idea: the first term alone decides the types, as in PostgreSQL. SqlToRel plans the second
//! over a [`WorkTable`] of the first one's columns before they have types, and casts its results to
//! them; here those casts are taken off, and the second term is resolved over a work table of the
//! types that the first one turned out to have.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::JoinType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::expr::{Alias, Cast};
use datafusion::logical_expr::{
    Expr, LogicalPlan, Projection, RecursiveQuery, TableScan, TableScanBuilder, TableSource,
};
use kappa_types::{SqlError, SqlState, SqlType};

use super::plan::{Unknowns, bare_literals, convert, output_types, unwrap};
use super::promotion::{common_type, same_type};
use super::{Resolver, Type};
use crate::function::{has_equal_forms, holds_floats, one_zero};

/// The rows of the last round of a recursive query, before types are known.
#[derive(Debug)]
pub(crate) struct WorkTable {
    name: String,
    schema: SchemaRef,
}

impl WorkTable {
    /// The work table of the query called `name`.
    pub(crate) fn new(name: &str, schema: SchemaRef) -> Self {
        Self { name: name.to_owned(), schema }
    }
}

impl TableSource for WorkTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// A recursive query whose second term is being resolved.
pub(super) struct Recursion {
    name: String,
    /// Its work table with types.
    source: Arc<dyn TableSource>,
}

impl Resolver<'_> {
    /// A recursive query with the types of its first term.
    pub(super) fn recursive_query(&self, node: RecursiveQuery) -> Result<LogicalPlan, SqlError> {
        let RecursiveQuery { name, static_term, recursive_term, is_distinct, .. } = node;
        let first = self.plan(unwrap(static_term))?;
        let recursive_term = without_casts(unwrap(recursive_term))?;
        let mut types = output_types(&first);
        let mut second = self.second_term(&name, &first, &types, recursive_term.clone())?;
        if widen(&mut types, &second) {
            second = self.second_term(&name, &first, &types, recursive_term)?;
        }
        check_references(&name, &second)?;
        check_types(&name, &types, &second)?;
        let targets: Vec<_> = types.iter().cloned().map(Some).collect();
        let mut terms =
            [self.converted(first, &targets, None)?, self.converted(second, &targets, None)?];
        if is_distinct {
            terms = [self.one_form(&terms[0], &types)?, self.one_form(&terms[1], &types)?];
        }
        let [first, second] = terms.map(Arc::new);
        let query = RecursiveQuery::try_new(name, first, second, is_distinct).map_err(convert)?;
        Ok(LogicalPlan::RecursiveQuery(query))
    }

    /// A scan; one of a work table is made one of the work table with types.
    pub(super) fn scan(&self, scan: TableScan) -> Result<LogicalPlan, SqlError> {
        let Some(table) = scan.source.downcast_ref::<WorkTable>() else {
            return Ok(LogicalPlan::TableScan(scan));
        };
        let recursions = self.recursions.borrow();
        let found = recursions.iter().rev().find(|recursion| recursion.name == table.name);
        // SqlToRel does not look into subqueries, and takes the query for one without recursion.
        let recursion = found.ok_or_else(|| must_not(&table.name, "appear within a subquery"))?;
        let source = Arc::clone(&recursion.source);
        let scan = TableScanBuilder::new(scan.table_name, source).build().map_err(convert)?;
        Ok(LogicalPlan::TableScan(scan))
    }

    /// The second term over a work table of these types.
    fn second_term(
        &self,
        name: &str,
        first: &LogicalPlan,
        types: &[SqlType],
        term: LogicalPlan,
    ) -> Result<LogicalPlan, SqlError> {
        let columns = first.schema().fields().iter().zip(types);
        let fields: Vec<_> =
            columns.map(|(field, sql_type)| sql_type.field(field.name(), true)).collect();
        let table = CteWorkTable::new(name, Arc::new(Schema::new(fields)));
        let source = provider_as_source(Arc::new(table));
        self.recursions.borrow_mut().push(Recursion { name: name.to_owned(), source });
        let term = self.plan_keeping(term, Unknowns::Keep);
        self.recursions.borrow_mut().pop();
        bare_literals(term?)
    }

    /// A term of a UNION, whose rows are one when they are the same in every bit.
    fn one_form(&self, term: &LogicalPlan, types: &[SqlType]) -> Result<LogicalPlan, SqlError> {
        let columns = term.schema().columns().into_iter().zip(types);
        let exprs = columns.map(|(column, sql_type)| {
            if has_equal_forms(sql_type) {
                return Err(SqlError::unsupported(
                    format!("UNION in WITH RECURSIVE cannot compare values of type {sql_type}"),
                    "Write UNION ALL, or cast it to text.",
                ));
            }
            let (relation, name) = (column.relation.clone(), column.name.clone());
            let column = Expr::Column(column);
            Ok(if holds_floats(sql_type) {
                one_zero(column, sql_type, self.context).alias_qualified(relation, name)
            } else {
                column
            })
        });
        let exprs = exprs.collect::<Result<Vec<_>, SqlError>>()?;
        let node = Projection::try_new(exprs, Arc::new(term.clone())).map_err(convert)?;
        Ok(LogicalPlan::Projection(node))
    }
}

/// The second term without the casts that SqlToRel put around its results: there are no others, since
/// casts that users write are calls until they have types.
fn without_casts(term: LogicalPlan) -> Result<LogicalPlan, SqlError> {
    let LogicalPlan::Projection(node) = term else { return Ok(term) };
    let exprs = node.expr.into_iter().map(|expr| match expr {
        Expr::Cast(Cast { expr, .. }) => *expr,
        Expr::Alias(Alias { expr, relation, name, metadata }) => {
            let expr = match *expr {
                Expr::Cast(Cast { expr, .. }) => expr,
                other => Box::new(other),
            };
            Expr::Alias(Alias { expr, relation, name, metadata })
        }
        other => other,
    });
    let node = Projection::try_new(exprs.collect(), node.input).map_err(convert)?;
    Ok(LogicalPlan::Projection(node))
}

/// Takes the modifiers off types that the second term gives with others: 1.5 has one digit behind its
/// point, and a half of it has more. Whether there were any.
fn widen(types: &mut [SqlType], second: &LogicalPlan) -> bool {
    let mut changed = false;
    for (sql_type, given) in types.iter_mut().zip(output_types(second)) {
        if *sql_type != given && same_type(sql_type, &given) {
            *sql_type = match sql_type {
                SqlType::Numeric(_) => SqlType::Numeric(None),
                SqlType::Varchar(_) => SqlType::Varchar(None),
                _ => continue,
            };
            changed = true;
        }
    }
    changed
}

/// # Errors
/// 42804 where the second term has a wider type than the first.
fn check_types(name: &str, types: &[SqlType], second: &LogicalPlan) -> Result<(), SqlError> {
    for (index, (field, first)) in second.schema().fields().iter().zip(types).enumerate() {
        let both = [Type::Known(first.clone()), Type::of_field(field)];
        let common = common_type(&both);
        if common.as_ref().is_some_and(|common| same_type(common, first)) {
            continue;
        }
        let [first, second] = &both;
        let overall = common.map_or_else(|| second.clone(), Type::Known);
        return Err(SqlError::new(
            SqlState::DatatypeMismatch,
            format!(
                "recursive query \"{name}\" column {} has type {first} in non-recursive term but type {overall} overall",
                index + 1
            ),
        )
        .with_hint("Cast the output of the non-recursive term to the correct type."));
    }
    Ok(())
}

/// # Errors
/// Where the query is not read once, from where each of its rows leads to others by itself.
fn check_references(name: &str, term: &LogicalPlan) -> Result<(), SqlError> {
    let refers = |plan: &LogicalPlan| {
        let mut count = 0;
        let walked = plan.apply(|node| {
            count += usize::from(is_reference(name, node));
            Ok(TreeNodeRecursion::Continue)
        });
        walked.map_or(0, |_| count)
    };
    let mut everywhere = 0;
    let walked = term.apply_with_subqueries(|node| {
        everywhere += usize::from(is_reference(name, node));
        Ok(TreeNodeRecursion::Continue)
    });
    walked.map_err(convert)?;
    if everywhere > refers(term) {
        return Err(must_not(name, "appear within a subquery"));
    }
    if everywhere > 1 {
        return Err(must_not(name, "appear more than once"));
    }
    let mut refused = None;
    let walked = term.apply(|node| {
        refused = match node {
            _ if refers(node) == 0 => None,
            LogicalPlan::Aggregate(aggregate) if !aggregate.aggr_expr.is_empty() => {
                Some(SqlError::new(
                    SqlState::InvalidRecursion,
                    "aggregate functions are not allowed in a recursive query's recursive term",
                ))
            }
            LogicalPlan::Join(join) => match join.join_type {
                JoinType::Left if refers(&join.right) > 0 => Some(must_not(name, OUTER_JOIN)),
                JoinType::Right if refers(&join.left) > 0 => Some(must_not(name, OUTER_JOIN)),
                JoinType::Full => Some(must_not(name, OUTER_JOIN)),
                JoinType::LeftAnti if refers(&join.right) > 0 => {
                    Some(must_not(name, "appear within EXCEPT"))
                }
                _ => None,
            },
            _ => None,
        };
        Ok(if refused.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    walked.map_err(convert)?;
    refused.map_or(Ok(()), Err)
}

/// Whether a node reads the work table of the query called `name`.
fn is_reference(name: &str, node: &LogicalPlan) -> bool {
    let LogicalPlan::TableScan(scan) = node else { return false };
    let Ok(table) = source_as_provider(&scan.source) else { return false };
    table.downcast_ref::<CteWorkTable>().is_some_and(|table| table.name() == name)
}

const OUTER_JOIN: &str = "appear within an outer join";

/// 42P19 for a place where a query reads itself.
fn must_not(name: &str, place: &str) -> SqlError {
    let message = format!("recursive reference to query \"{name}\" must not {place}");
    SqlError::new(SqlState::InvalidRecursion, message)
}
