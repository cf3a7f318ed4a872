//! Two sets of tuples joined: by hash where an equality connects them, else each with each.

use std::collections::HashMap;
use std::sync::Arc;

use kappa_types::SqlError;

use super::Tuple;
use super::from::Joiner;
use crate::bound::{Comparison, Expr, Join, JoinKind, Predicate, SlotMask};
use crate::value::Value;

/// An equality between an expression over new slots and one over joined slots.
pub(super) struct Equality<'a> {
    new: &'a Expr,
    joined: &'a Expr,
}

impl<'r> Joiner<'r, '_> {
    /// Each tuple with each of `rows` that the equalities between them allow.
    pub(super) fn hash_join(
        &self,
        tuples: &[Tuple],
        rows: &[Tuple],
        slots: SlotMask,
        joined: SlotMask,
        pending: &mut Vec<&'r Predicate>,
    ) -> Result<Vec<Tuple>, SqlError> {
        let used: Vec<&Predicate> = pending
            .extract_if(.., |predicate| equality(&predicate.expr, slots, joined).is_some())
            .collect();
        let equalities: Vec<Equality<'_>> =
            used.iter().filter_map(|p| equality(&p.expr, slots, joined)).collect();
        let mut result = Vec::new();
        let table = self.hash(rows, &equalities)?;
        for tuple in tuples {
            let Some(key) = self.key(equalities.iter().map(|e| e.joined), tuple)? else { continue };
            for position in table.get(&key).into_iter().flatten() {
                self.run.count_row()?;
                result.push(combine(tuple, &rows[*position], slots));
            }
        }
        Ok(result)
    }

    fn hash(
        &self,
        rows: &[Tuple],
        equalities: &[Equality<'_>],
    ) -> Result<HashMap<Vec<Value>, Vec<usize>>, SqlError> {
        let mut table: HashMap<Vec<Value>, Vec<usize>> = HashMap::new();
        for (position, row) in rows.iter().enumerate() {
            if let Some(key) = self.key(equalities.iter().map(|e| e.new), row)? {
                table.entry(key).or_default().push(position);
            }
        }
        Ok(table)
    }

    /// The values of `exprs`; `None` if one is NULL, which equals nothing.
    fn key<'v>(
        &self,
        exprs: impl Iterator<Item = &'v Expr>,
        tuple: &Tuple,
    ) -> Result<Option<Vec<Value>>, SqlError> {
        let mut key = Vec::new();
        for expr in exprs {
            let value = self.value(expr, tuple)?;
            if value.is_null() {
                return Ok(None);
            }
            key.push(value);
        }
        Ok(Some(key))
    }

    pub(super) fn outer_join(
        &self,
        join: &'r Join,
        base: &Tuple,
        known: SlotMask,
    ) -> Result<Vec<Tuple>, SqlError> {
        let (left_slots, right_slots) = (join.left.slots(), join.right.slots());
        let left = self.group(&join.left, base, known)?;
        let lateral = join.right.nodes.iter().any(|node| node.lateral() & left_slots != 0);
        let fixed = if lateral { Vec::new() } else { self.group(&join.right, base, known)? };
        let around = left_slots | known;
        let equalities: Vec<Equality<'_>> =
            join.on.iter().filter_map(|p| equality(&p.expr, right_slots, around)).collect();
        let rest: Vec<&Predicate> =
            join.on.iter().filter(|p| equality(&p.expr, right_slots, around).is_none()).collect();
        let table = self.hash(&fixed, &equalities)?;
        let mut matched = vec![false; fixed.len()];
        let mut result = Vec::new();
        for tuple in &left {
            let before = result.len();
            if lateral {
                let all: Vec<&Predicate> = join.on.iter().collect();
                for row in self.group(&join.right, tuple, around)? {
                    self.push_matching(&mut result, tuple, &row, right_slots, &all)?;
                }
            } else if let Some(key) = self.key(equalities.iter().map(|e| e.joined), tuple)? {
                for position in table.get(&key).into_iter().flatten() {
                    let row = &fixed[*position];
                    matched[*position] |=
                        self.push_matching(&mut result, tuple, row, right_slots, &rest)?;
                }
            }
            if result.len() == before {
                result.push(self.without(tuple, right_slots));
            }
        }
        if join.kind == JoinKind::Full {
            let missed = fixed.iter().zip(matched).filter(|(_, matched)| !matched);
            result.extend(missed.map(|(row, _)| self.without(row, left_slots)));
        }
        Ok(result)
    }

    fn push_matching(
        &self,
        result: &mut Vec<Tuple>,
        tuple: &Tuple,
        row: &Tuple,
        slots: SlotMask,
        conditions: &[&Predicate],
    ) -> Result<bool, SqlError> {
        self.run.count_row()?;
        let both = combine(tuple, row, slots);
        for condition in conditions {
            if !self.holds(&condition.expr, &both)? {
                return Ok(false);
            }
        }
        result.push(both);
        Ok(true)
    }

    /// `tuple` with NULL in all columns of `slots`.
    fn without(&self, tuple: &Tuple, slots: SlotMask) -> Tuple {
        let mut tuple = tuple.clone();
        for (slot, row) in tuple.iter_mut().enumerate() {
            if slots & (1 << slot) != 0 {
                *row = vec![Value::Null; self.select.widths[slot]].into();
            }
        }
        tuple
    }
}

/// `tuple` with the rows of `slots` taken from `row`.
fn combine(tuple: &Tuple, row: &Tuple, slots: SlotMask) -> Tuple {
    let mut both = tuple.clone();
    for (slot, value) in both.iter_mut().enumerate() {
        if slots & (1 << slot) != 0 {
            *value = Arc::clone(&row[slot]);
        }
    }
    both
}

/// The sides of `expr` if it is an equality between something over `new` and something over
/// `joined`.
pub(super) fn equality(expr: &Expr, new: SlotMask, joined: SlotMask) -> Option<Equality<'_>> {
    let Expr::Compare(Comparison::Equal, left, right) = expr else { return None };
    let (left_mask, right_mask) = (mask(left)?, mask(right)?);
    let fits = |of_new: SlotMask, of_joined: SlotMask| {
        of_new & new != 0 && of_new & !new == 0 && of_joined != 0 && of_joined & !joined == 0
    };
    if fits(left_mask, right_mask) {
        return Some(Equality { new: left, joined: right });
    }
    fits(right_mask, left_mask).then_some(Equality { new: right, joined: left })
}

/// The slots that `expr` reads; `None` if a query is in it, which may read any.
pub(super) fn mask(expr: &Expr) -> Option<SlotMask> {
    let (mut slots, mut opaque) = (0, false);
    expr.walk(&mut |expr| {
        match expr {
            Expr::Column { depth: 0, slot, .. } | Expr::WholeRow { depth: 0, slot } => {
                slots |= 1 << slot;
            }
            Expr::Quantified { .. } | Expr::Exists(_) | Expr::Scalar(_) | Expr::ArrayQuery(_) => {
                opaque = true;
            }
            _ => {}
        }
        true
    });
    (!opaque).then_some(slots)
}
