//! FROM: joins.
//!
//! A group of relations is joined beginning with the smallest, each next one by hash where an equality
//! connects it to what is joined already.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use kappa_types::SqlError;

use super::{Index, Run, Scope, Table, Tuple};
use crate::bound::{
    Comparison, Expr, Group, Item, Join, JoinKind, Node, Predicate, Select, SlotMask, Source,
};
use crate::relation;
use crate::value::{Row, Value};

/// From so many rows on, a relation is looked into rather than read whole where that can be.
const LARGE_ROW_COUNT_MIN: usize = 128;
/// Rows that can be read for the price of looking one up.
const LOOKUP_COST: usize = 4;

/// What a FROM clause is evaluated in.
pub(super) struct Joiner<'r, 's> {
    pub(super) run: &'r Run<'r>,
    pub(super) select: &'r Select,
    pub(super) outer: Option<&'s Scope<'s>>,
}

/// An equality between an expression over new slots and one over joined slots.
struct Equality<'a> {
    new: &'a Expr,
    joined: &'a Expr,
}

impl<'r> Joiner<'r, '_> {
    /// The tuples of the whole FROM clause that satisfy WHERE.
    pub(super) fn tuples(&self) -> Result<Vec<Tuple>, SqlError> {
        let empty: Row = Arc::from([]);
        let base: Tuple = self.select.widths.iter().map(|_| Arc::clone(&empty)).collect();
        self.group(&self.select.from, &base, 0)
    }

    fn holds(&self, expr: &Expr, tuple: &Tuple) -> Result<bool, SqlError> {
        self.run.is_true(expr, &Scope::new(tuple, self.outer))
    }

    fn value(&self, expr: &Expr, tuple: &Tuple) -> Result<Value, SqlError> {
        self.run.evaluate(expr, &Scope::new(tuple, self.outer))
    }

    /// The tuples of `group`, given the slots `known` of `base`.
    fn group(
        &self,
        group: &'r Group,
        base: &Tuple,
        known: SlotMask,
    ) -> Result<Vec<Tuple>, SqlError> {
        let mut pending: Vec<&Predicate> = group.predicates.iter().collect();
        let mut joined = known;
        let mut tuples = vec![base.clone()];
        self.filter(&mut tuples, &mut pending, joined)?;
        // Relations that depend on nothing in the group are read first, to know their sizes.
        let (mut free, mut lateral) = (Vec::new(), Vec::new());
        for node in &group.nodes {
            if tuples.is_empty() {
                return Ok(tuples);
            }
            if node.lateral() & !known != 0 {
                lateral.push(node);
                continue;
            }
            match self.large_table(node, &pending, known)? {
                Some(table) => free.push((node, Candidate::Table(table))),
                None => {
                    let rows = self.node(node, base, known, &mut pending, node.slots() | known)?;
                    if rows.is_empty() {
                        return Ok(rows);
                    }
                    free.push((node, Candidate::Rows(rows)));
                }
            }
        }
        while !free.is_empty() || !lateral.is_empty() {
            if tuples.is_empty() {
                return Ok(tuples);
            }
            let ready = lateral.iter().position(|node| node.lateral() & !joined == 0);
            if let Some(position) = ready {
                let node = lateral.remove(position);
                tuples = self.extend_lateral(node, &tuples, joined)?;
                joined |= node.slots();
                self.filter(&mut tuples, &mut pending, joined)?;
                continue;
            }
            let next = best(&free, &pending, joined);
            let (node, candidate) = free.swap_remove(next);
            let slots = node.slots();
            let found = self.index_join(&tuples, node, &candidate, joined, &pending)?;
            tuples = match (found, candidate) {
                (Some(found), _) => found,
                (None, Candidate::Rows(rows)) => {
                    self.hash_join(&tuples, &rows, slots, joined, &mut pending)?
                }
                (None, Candidate::Table(_)) => {
                    let rows = self.node(node, base, known, &mut pending, slots | known)?;
                    self.hash_join(&tuples, &rows, slots, joined, &mut pending)?
                }
            };
            joined |= slots;
            self.filter(&mut tuples, &mut pending, joined)?;
        }
        Ok(tuples)
    }

    /// The table of `node`, if it is large and a condition can look its rows up by another
    /// relation's: then it is better not read whole before that one is known.
    fn large_table(
        &self,
        node: &Node,
        pending: &[&Predicate],
        known: SlotMask,
    ) -> Result<Option<Rc<Table>>, SqlError> {
        let Node::Item(Item { slot, source: Source::Relation(index), .. }) = node else {
            return Ok(None);
        };
        let outside = |predicate: &&&Predicate| predicate.slots & !(1 << slot) & !known != 0;
        let fixed = |predicate: &&&Predicate| predicate.slots & !((1 << slot) | known) == 0;
        let by_column = |predicate: &&Predicate| column_of(&predicate.expr, *slot).is_some();
        if pending.iter().filter(fixed).any(by_column)
            || !pending.iter().filter(outside).any(by_column)
        {
            return Ok(None);
        }
        let table = self.run.table(*index)?;
        Ok((table.rows.len() >= LARGE_ROW_COUNT_MIN).then_some(table))
    }

    /// Each tuple with the rows of the table that an equality finds for it; `None` if there is no such
    /// equality or reading the whole table is cheaper.
    fn index_join(
        &self,
        tuples: &[Tuple],
        node: &Node,
        candidate: &Candidate,
        joined: SlotMask,
        pending: &[&Predicate],
    ) -> Result<Option<Vec<Tuple>>, SqlError> {
        let (Node::Item(item), Candidate::Table(table)) = (node, candidate) else {
            return Ok(None);
        };
        if tuples.len() * LOOKUP_COST > table.rows.len() {
            return Ok(None);
        }
        let found = pending.iter().find_map(|predicate| {
            let (column, value) = column_of(&predicate.expr, item.slot)?;
            (mask(value)? & !joined == 0).then_some((column, value))
        });
        let Some((column, value)) = found else { return Ok(None) };
        let index = table.index(column);
        let mut result = Vec::new();
        for tuple in tuples {
            let value = self.value(value, tuple)?;
            if value.is_null() {
                continue;
            }
            let positions = index.get(&value).map(Vec::as_slice).unwrap_or_default();
            let rows = positions.iter().map(|position| &table.rows[*position]);
            result.extend(self.place(rows, item.slot, tuple)?);
        }
        Ok(Some(result))
    }

    /// Keeps the tuples that satisfy all pending conditions over the slots `joined`.
    fn filter(
        &self,
        tuples: &mut Vec<Tuple>,
        pending: &mut Vec<&Predicate>,
        joined: SlotMask,
    ) -> Result<(), SqlError> {
        let ready: Vec<&Predicate> =
            pending.extract_if(.., |predicate| predicate.slots & !joined == 0).collect();
        if ready.is_empty() {
            return Ok(());
        }
        let mut kept = Vec::with_capacity(tuples.len());
        for tuple in tuples.drain(..) {
            let mut holds = true;
            for predicate in &ready {
                holds = holds && self.holds(&predicate.expr, &tuple)?;
            }
            if holds {
                kept.push(tuple);
            }
        }
        *tuples = kept;
        Ok(())
    }

    /// The tuples of one node, filtered by the conditions about nothing else.
    fn node(
        &self,
        node: &'r Node,
        base: &Tuple,
        known: SlotMask,
        pending: &mut Vec<&'r Predicate>,
        own: SlotMask,
    ) -> Result<Vec<Tuple>, SqlError> {
        let mut tuples = match node {
            Node::Item(item) => self.item(item, base, pending, known)?,
            Node::Join(join) => self.outer_join(join, base, known)?,
        };
        self.filter(&mut tuples, pending, own)?;
        Ok(tuples)
    }

    fn item(
        &self,
        item: &Item,
        base: &Tuple,
        pending: &[&Predicate],
        known: SlotMask,
    ) -> Result<Vec<Tuple>, SqlError> {
        let rows: Arc<[Row]> = match &item.source {
            Source::Relation(index) => {
                let table = self.run.table(*index)?;
                if let Some(found) = self.lookup(&table, item.slot, base, pending, known)? {
                    return self.place(found.iter(), item.slot, base);
                }
                Arc::clone(&table.rows)
            }
            Source::Cte(id) => {
                let ctes = self.run.ctes.borrow();
                ctes.get(id).cloned().unwrap_or_default()
            }
            Source::Query(query) => {
                let scope = Scope::new(base, self.outer);
                self.run.query(query, Some(&scope))?.into()
            }
            Source::Functions(calls, ordinality) => {
                self.functions(calls, *ordinality, base)?.into()
            }
        };
        self.place(rows.iter(), item.slot, base)
    }

    fn place<'v>(
        &self,
        rows: impl Iterator<Item = &'v Row>,
        slot: usize,
        base: &Tuple,
    ) -> Result<Vec<Tuple>, SqlError> {
        let mut tuples = Vec::new();
        for row in rows {
            self.run.count_row()?;
            let mut tuple = base.clone();
            tuple[slot] = Arc::clone(row);
            tuples.push(tuple);
        }
        Ok(tuples)
    }

    /// The rows that a condition `column = value` leaves, where the value is known already.
    fn lookup(
        &self,
        table: &Table,
        slot: usize,
        base: &Tuple,
        pending: &[&Predicate],
        known: SlotMask,
    ) -> Result<Option<Vec<Row>>, SqlError> {
        let own = 1 << slot;
        for predicate in pending {
            if predicate.slots & own == 0 || predicate.slots & !(own | known) != 0 {
                continue;
            }
            let Some((column, value)) = column_of(&predicate.expr, slot) else { continue };
            let value = self.value(value, base)?;
            if value.is_null() {
                return Ok(Some(Vec::new()));
            }
            let index = table.index(column);
            let positions = index.get(&value).map(Vec::as_slice).unwrap_or_default();
            return Ok(Some(positions.iter().map(|at| Arc::clone(&table.rows[*at])).collect()));
        }
        Ok(None)
    }

    fn functions(
        &self,
        calls: &[crate::bound::SetCall],
        ordinality: bool,
        base: &Tuple,
    ) -> Result<Vec<Row>, SqlError> {
        let scope = Scope::new(base, self.outer);
        let results = calls.iter().map(|call| self.run.call_set(call, &scope));
        let results = results.collect::<Result<Vec<_>, _>>()?;
        if let ([rows], false) = (results.as_slice(), ordinality) {
            return Ok(rows.clone());
        }
        let longest = results.iter().map(Vec::len).max().unwrap_or(0);
        let row = |index: usize| {
            let mut row = Vec::new();
            for (call, rows) in calls.iter().zip(&results) {
                match rows.get(index) {
                    Some(values) => row.extend(values.iter().cloned()),
                    None => row.extend(std::iter::repeat_n(Value::Null, call.width)),
                }
            }
            if ordinality {
                row.push(Value::count(index + 1));
            }
            row.into()
        };
        Ok((0..longest).map(row).collect())
    }

    fn extend_lateral(
        &self,
        node: &'r Node,
        tuples: &[Tuple],
        joined: SlotMask,
    ) -> Result<Vec<Tuple>, SqlError> {
        let mut extended = Vec::new();
        for tuple in tuples {
            let mut none = Vec::new();
            extended.extend(self.node(node, tuple, joined, &mut none, joined)?);
        }
        Ok(extended)
    }

    /// Each tuple with each of `rows` that the equalities between them allow.
    fn hash_join(
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

    fn outer_join(
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

/// A relation that is not joined yet.
enum Candidate {
    /// Read, and filtered by the conditions about nothing else.
    Rows(Vec<Tuple>),
    /// Not read yet.
    Table(Rc<Table>),
}

impl Candidate {
    fn row_count(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.len(),
            Self::Table(table) => table.rows.len(),
        }
    }
}

/// Which relation to join next: one that an equality connects, the smallest of those.
fn best(free: &[(&Node, Candidate)], pending: &[&Predicate], joined: SlotMask) -> usize {
    let rank = |(node, candidate): &(&Node, Candidate)| {
        let connects = |p: &&Predicate| equality(&p.expr, node.slots(), joined).is_some();
        (!pending.iter().any(connects), candidate.row_count())
    };
    (0..free.len()).min_by_key(|index| rank(&free[*index])).unwrap_or(0)
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

/// The column of `slot` and the value it must equal, if `expr` is such a condition.
fn column_of(expr: &Expr, slot: usize) -> Option<(usize, &Expr)> {
    let Expr::Compare(Comparison::Equal, left, right) = expr else { return None };
    let is_other = |expr: &Expr| mask(expr).is_some_and(|mask| mask & (1 << slot) == 0);
    match (left.as_ref(), right.as_ref()) {
        (Expr::Column { depth: 0, slot: s, column }, other) if *s == slot && is_other(other) => {
            Some((*column, other))
        }
        (other, Expr::Column { depth: 0, slot: s, column }) if *s == slot && is_other(other) => {
            Some((*column, other))
        }
        _ => None,
    }
}

/// The sides of `expr` if it is an equality between something over `new` and something over
/// `joined`.
fn equality(expr: &Expr, new: SlotMask, joined: SlotMask) -> Option<Equality<'_>> {
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
fn mask(expr: &Expr) -> Option<SlotMask> {
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

impl Table {
    /// The rows by the values of `column`, made at the first question.
    fn index(&self, column: usize) -> Rc<Index> {
        let mut indexes = self.indexes.borrow_mut();
        let made = indexes.entry(column).or_insert_with(|| {
            let mut index = Index::new();
            for (position, row) in self.rows.iter().enumerate() {
                index.entry(row[column].clone()).or_default().push(position);
            }
            Rc::new(index)
        });
        Rc::clone(made)
    }
}

impl Run<'_> {
    /// The relation at position `index` of the built-in list.
    pub(super) fn table(&self, index: usize) -> Result<Rc<Table>, SqlError> {
        if let Some(table) = self.tables.borrow().get(&index) {
            return Ok(Rc::clone(table));
        }
        let rows = relation::rows(self.session, index)?;
        let table = Rc::new(Table { rows, indexes: Default::default() });
        self.tables.borrow_mut().insert(index, Rc::clone(&table));
        Ok(table)
    }
}
