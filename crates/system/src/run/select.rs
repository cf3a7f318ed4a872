//! SELECT: joined rows, then groups, windows, sets, columns, DISTINCT and order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use kappa_types::SqlError;

use super::aggregate::Accumulator;
use super::from::Joiner;
use super::query::sort;
use super::{Run, Scope, Stage, Tuple};
use crate::bound::{Distinct, Select, SortKey};
use crate::value::{Row, Value};

/// A row on its way through the stages.
pub(super) struct Stored {
    pub(super) tuple: Tuple,
    pub(super) aggregates: Vec<Value>,
    pub(super) windows: Vec<Value>,
}

impl Stored {
    pub(super) fn scope<'s>(&'s self, outer: Option<&'s Scope<'s>>) -> Scope<'s> {
        let stage = Stage { aggregates: &self.aggregates, windows: &self.windows, sets: &[] };
        Scope { tuple: &self.tuple, stage, outer }
    }
}

impl Run<'_> {
    pub(super) fn select(
        &self,
        select: &Select,
        order: &[SortKey],
        outer: Option<&Scope<'_>>,
    ) -> Result<Vec<Row>, SqlError> {
        let tuples = Joiner { run: self, select, outer }.tuples()?;
        let mut stored = match &select.group_by {
            None => tuples
                .into_iter()
                .map(|tuple| Stored { tuple, aggregates: Vec::new(), windows: Vec::new() })
                .collect(),
            Some(_) => self.grouped(select, tuples, outer)?,
        };
        if let Some(having) = &select.having {
            let mut kept = Vec::with_capacity(stored.len());
            for row in stored {
                if self.is_true(having, &row.scope(outer))? {
                    kept.push(row);
                }
            }
            stored = kept;
        }
        for window in &select.windows {
            self.window(window, &mut stored, outer)?;
        }
        let mut rows = Vec::with_capacity(stored.len());
        for row in &stored {
            self.project(select, row, outer, &mut rows)?;
        }
        drop(stored);
        match &select.distinct {
            Distinct::All => {
                let mut seen: HashSet<Row> = HashSet::new();
                rows.retain(|row| seen.insert(Arc::clone(row)));
                sort(&mut rows, order);
            }
            Distinct::None => sort(&mut rows, order),
            Distinct::On(columns) => {
                sort(&mut rows, order);
                let mut seen: HashSet<Vec<Value>> = HashSet::new();
                rows.retain(|row| {
                    seen.insert(columns.iter().map(|column| row[*column].clone()).collect())
                });
            }
        }
        Ok(rows)
    }

    fn grouped(
        &self,
        select: &Select,
        tuples: Vec<Tuple>,
        outer: Option<&Scope<'_>>,
    ) -> Result<Vec<Stored>, SqlError> {
        let keys = select.group_by.as_deref().unwrap_or_default();
        let new_group =
            || -> Vec<Accumulator<'_>> { select.aggregates.iter().map(Accumulator::new).collect() };
        let mut positions: HashMap<Vec<Value>, usize> = HashMap::new();
        let mut groups: Vec<(Tuple, Vec<Accumulator<'_>>)> = Vec::new();
        if keys.is_empty() {
            // One group even without rows; its columns are NULL then.
            let nulls = select.widths.iter().map(|width| vec![Value::Null; *width].into());
            let first = tuples.first().cloned().unwrap_or_else(|| nulls.collect());
            positions.insert(Vec::new(), 0);
            groups.push((first, new_group()));
        }
        for tuple in tuples {
            let scope = Scope::new(&tuple, outer);
            let key = self.evaluate_all(keys, &scope)?;
            let position = *positions.entry(key).or_insert_with(|| {
                groups.push((tuple.clone(), new_group()));
                groups.len() - 1
            });
            for accumulator in &mut groups[position].1 {
                accumulator.add(self, &scope)?;
            }
        }
        let mut stored = Vec::with_capacity(groups.len());
        for (tuple, accumulators) in groups {
            let finish = |accumulator: Accumulator<'_>| accumulator.finish(self.session);
            let aggregates = accumulators.into_iter().map(finish).collect::<Result<_, _>>()?;
            stored.push(Stored { tuple, aggregates, windows: Vec::new() });
        }
        Ok(stored)
    }

    /// Appends the output rows of one input row: one, or as many as its longest set has.
    fn project(
        &self,
        select: &Select,
        row: &Stored,
        outer: Option<&Scope<'_>>,
        rows: &mut Vec<Row>,
    ) -> Result<(), SqlError> {
        let scope = row.scope(outer);
        if select.sets.is_empty() {
            self.count_row()?;
            rows.push(self.evaluate_all(&select.projection, &scope)?.into());
            return Ok(());
        }
        let sets = select.sets.iter().map(|call| self.call_set(call, &scope));
        let sets = sets.collect::<Result<Vec<_>, _>>()?;
        let longest = sets.iter().map(Vec::len).max().unwrap_or(0);
        for index in 0..longest {
            self.count_row()?;
            let current = select.sets.iter().zip(&sets).map(|(call, rows)| match rows.get(index) {
                None => Value::Null,
                Some(row) if call.width == 1 => row[0].clone(),
                Some(row) => Value::Record(Arc::clone(row)),
            });
            let current: Vec<Value> = current.collect();
            let mut scope = row.scope(outer);
            scope.stage.sets = &current;
            rows.push(self.evaluate_all(&select.projection, &scope)?.into());
        }
        Ok(())
    }
}
