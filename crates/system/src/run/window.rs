//! Window functions over the rows of one SELECT.

use std::collections::HashMap;

use kappa_types::SqlError;

use super::aggregate::Accumulator;
use super::query::directed;
use super::select::Stored;
use super::{Run, Scope};
use crate::bound::{Window, WindowKind};
use crate::value::Value;

/// A row of a partition: its position and its sort keys.
type Member = (usize, Vec<Value>);

impl Run<'_> {
    /// Appends the window's value to each row.
    pub(super) fn window(
        &self,
        window: &Window,
        stored: &mut [Stored],
        outer: Option<&Scope<'_>>,
    ) -> Result<(), SqlError> {
        let mut positions: HashMap<Vec<Value>, usize> = HashMap::new();
        let mut partitions: Vec<Vec<Member>> = Vec::new();
        for (index, row) in stored.iter().enumerate() {
            let scope = row.scope(outer);
            let key = self.evaluate_all(&window.partition, &scope)?;
            let order = window.order.iter().map(|(key, ..)| self.evaluate(key, &scope));
            let order = order.collect::<Result<_, _>>()?;
            let position = *positions.entry(key).or_insert_with(|| {
                partitions.push(Vec::new());
                partitions.len() - 1
            });
            partitions[position].push((index, order));
        }
        let mut values = vec![Value::Null; stored.len()];
        for mut partition in partitions {
            partition.sort_by(|(_, left), (_, right)| {
                let pairs = left.iter().zip(right).zip(&window.order);
                pairs
                    .map(|((left, right), (_, descending, nulls_first))| {
                        directed(left, right, *descending, *nulls_first)
                    })
                    .find(|order| order.is_ne())
                    .unwrap_or(std::cmp::Ordering::Equal)
            });
            self.partition(window, &partition, stored, outer, &mut values)?;
        }
        for (row, value) in stored.iter_mut().zip(values) {
            row.windows.push(value);
        }
        Ok(())
    }

    fn partition(
        &self,
        window: &Window,
        partition: &[Member],
        stored: &[Stored],
        outer: Option<&Scope<'_>>,
        values: &mut [Value],
    ) -> Result<(), SqlError> {
        let value_at = |expr, member: &Member| self.evaluate(expr, &stored[member.0].scope(outer));
        let (mut rank, mut dense) = (0, 0);
        for (position, member) in partition.iter().enumerate() {
            let is_peer = position > 0 && partition[position - 1].1 == member.1;
            if !is_peer {
                rank = position + 1;
                dense += 1;
            }
            values[member.0] = match &window.kind {
                WindowKind::RowNumber => Value::count(position + 1),
                WindowKind::Rank => Value::count(rank),
                WindowKind::DenseRank => Value::count(dense),
                WindowKind::First(expr) => value_at(expr, &partition[0])?,
                WindowKind::Shift { value, offset } => {
                    let target =
                        i64::try_from(position).ok().and_then(|at| at.checked_sub(*offset));
                    let target = target.and_then(|target| usize::try_from(target).ok());
                    match target.and_then(|target| partition.get(target)) {
                        Some(member) => value_at(value, member)?,
                        None => Value::Null,
                    }
                }
                WindowKind::Aggregate(_) => Value::Null,
            };
        }
        let WindowKind::Aggregate(aggregate) = &window.kind else { return Ok(()) };
        // Rows that are equal in order are one step of the running aggregate.
        let mut accumulator = Accumulator::new(aggregate);
        let mut start = 0;
        while start < partition.len() {
            let same = |member: &&Member| window.order.is_empty() || member.1 == partition[start].1;
            let end = start + partition[start..].iter().take_while(same).count();
            for member in &partition[start..end] {
                accumulator.add(self, &stored[member.0].scope(outer))?;
            }
            let value = accumulator.value(self.session)?;
            partition[start..end].iter().for_each(|member| values[member.0] = value.clone());
            start = end;
        }
        Ok(())
    }
}
