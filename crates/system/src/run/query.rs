//! Queries: WITH, set operations, ORDER BY, LIMIT.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use kappa_types::{SqlError, SqlState};

use super::{Run, Scope};
use crate::bound::{Body, Cte, Expr, Query, SetOperator, SortKey};
use crate::value::{Row, Value};

/// Rounds that a recursive CTE may take.
const RECURSION_COUNT_MAX: usize = 10_000;

impl Run<'_> {
    /// The rows of `query` with its visible columns.
    pub(super) fn query(
        &self,
        query: &Query,
        outer: Option<&Scope<'_>>,
    ) -> Result<Vec<Row>, SqlError> {
        for cte in &query.ctes {
            self.cte(cte, outer)?;
        }
        let mut rows = self.body(&query.body, &query.order, outer)?;
        if !query.order.is_empty() && !matches!(query.body, Body::Select(_)) {
            sort(&mut rows, &query.order);
        }
        let offset = self.bound(query.offset.as_ref(), outer, "OFFSET")?.unwrap_or(0);
        let limit = self.bound(query.limit.as_ref(), outer, "LIMIT")?;
        if offset > 0 {
            rows.drain(..offset.min(rows.len()));
        }
        if let Some(limit) = limit {
            rows.truncate(limit);
        }
        let width = query.columns.len();
        for row in &mut rows {
            if row.len() > width {
                *row = row[..width].into();
            }
        }
        Ok(rows)
    }

    fn bound(
        &self,
        expr: Option<&Expr>,
        outer: Option<&Scope<'_>>,
        clause: &str,
    ) -> Result<Option<usize>, SqlError> {
        let Some(expr) = expr else { return Ok(None) };
        let value = self.evaluate(expr, &Scope::new(&[], outer))?;
        let Some(count) = value.as_int() else { return Ok(None) };
        let count = usize::try_from(count).map_err(|_| {
            let message = format!("{clause} must not be negative");
            SqlError::new(SqlState::InvalidLimitValue, message)
        })?;
        Ok(Some(count))
    }

    fn cte(&self, cte: &Cte, outer: Option<&Scope<'_>>) -> Result<(), SqlError> {
        let mut rows = self.query(&cte.query, outer)?;
        let Some((recursive, distinct)) = &cte.recursive else {
            self.ctes.borrow_mut().insert(cte.id, rows.into());
            return Ok(());
        };
        let mut seen: HashSet<Row> = HashSet::new();
        if *distinct {
            rows.retain(|row| seen.insert(Arc::clone(row)));
        }
        let mut all = rows.clone();
        for _ in 0..RECURSION_COUNT_MAX {
            if rows.is_empty() {
                self.ctes.borrow_mut().insert(cte.id, all.into());
                return Ok(());
            }
            self.ctes.borrow_mut().insert(cte.id, rows.into());
            rows = self.query(recursive, outer)?;
            if *distinct {
                rows.retain(|row| seen.insert(Arc::clone(row)));
            }
            all.extend(rows.iter().cloned());
        }
        let message = "the recursive query does not end";
        Err(SqlError::new(SqlState::ProgramLimitExceeded, message))
    }

    fn body(
        &self,
        body: &Body,
        order: &[SortKey],
        outer: Option<&Scope<'_>>,
    ) -> Result<Vec<Row>, SqlError> {
        match body {
            Body::Select(select) => self.select(select, order, outer),
            Body::Values(rows) => {
                let row =
                    |row: &Vec<Expr>| Ok(self.evaluate_all(row, &Scope::new(&[], outer))?.into());
                rows.iter().map(row).collect()
            }
            Body::Nested(query) => self.query(query, outer),
            Body::Convert { query, projection } => {
                let convert = |row: Row| {
                    let tuple = [row];
                    Ok(self.evaluate_all(projection, &Scope::new(&tuple, outer))?.into())
                };
                self.query(query, outer)?.into_iter().map(convert).collect()
            }
            Body::Set { operator, all, left, right } => {
                let left = self.query(left, outer)?;
                let right = self.query(right, outer)?;
                Ok(set_operation(*operator, *all, left, right))
            }
        }
    }
}

fn set_operation(operator: SetOperator, all: bool, left: Vec<Row>, right: Vec<Row>) -> Vec<Row> {
    let mut counts: HashMap<Row, usize> = HashMap::new();
    let mut seen: HashSet<Row> = HashSet::new();
    if operator != SetOperator::Union {
        right.iter().for_each(|row| *counts.entry(Arc::clone(row)).or_default() += 1);
    }
    // Whether the right side still has a row equal to this one; with ALL each counts once.
    let mut take = |row: &Row| match counts.get_mut(row) {
        Some(count) if *count > 0 => {
            *count -= usize::from(all);
            true
        }
        _ => false,
    };
    let mut rows: Vec<Row> = match operator {
        SetOperator::Union => left.into_iter().chain(right).collect(),
        SetOperator::Except => left.into_iter().filter(|row| !take(row)).collect(),
        SetOperator::Intersect => left.into_iter().filter(|row| take(row)).collect(),
    };
    if !all {
        rows.retain(|row| seen.insert(Arc::clone(row)));
    }
    rows
}

/// Sorts by `order`; equal rows keep their order.
pub(super) fn sort(rows: &mut [Row], order: &[SortKey]) {
    rows.sort_by(|left, right| {
        let by_key = |key: &SortKey| {
            directed(&left[key.column], &right[key.column], key.descending, key.nulls_first)
        };
        order.iter().map(by_key).find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    });
}

/// The order of two values under ASC or DESC and NULLS FIRST or LAST.
pub(super) fn directed(
    left: &Value,
    right: &Value,
    descending: bool,
    nulls_first: bool,
) -> std::cmp::Ordering {
    match (left.is_null(), right.is_null()) {
        (true, true) => std::cmp::Ordering::Equal,
        (true, false) if nulls_first => std::cmp::Ordering::Less,
        (true, false) => std::cmp::Ordering::Greater,
        (false, true) if nulls_first => std::cmp::Ordering::Greater,
        (false, true) => std::cmp::Ordering::Less,
        (false, false) if descending => right.order(left),
        (false, false) => left.order(right),
    }
}
