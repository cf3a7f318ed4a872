//! Expressions over one row.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use kappa_types::SqlError;

use super::arithmetic::{arithmetic, negate};
use super::pattern::matches;
use super::{Run, Scope};
use crate::bound::{Comparison, Computed, Expr, Operator, PatternKind, Subquery};
use crate::error::more_than_one_row;
use crate::value::{Array, PgType, Row, Value, cast};

impl Run<'_> {
    #[expect(clippy::too_many_lines, reason = "one short arm per kind of expression")]
    pub(super) fn evaluate(&self, expr: &Expr, scope: &Scope<'_>) -> Result<Value, SqlError> {
        Ok(match expr {
            Expr::Constant(value) => value.clone(),
            Expr::Parameter(index) => self.parameters.get(*index).cloned().unwrap_or(Value::Null),
            Expr::Column { depth, slot, column } => {
                let row = &scope.at(*depth).tuple[*slot];
                row.get(*column).cloned().unwrap_or(Value::Null)
            }
            Expr::WholeRow { depth, slot } => {
                Value::Record(Arc::clone(&scope.at(*depth).tuple[*slot]))
            }
            Expr::Computed(computed) => match computed {
                Computed::Aggregate(index) => scope.stage.aggregates[*index].clone(),
                Computed::Window(index) => scope.stage.windows[*index].clone(),
                Computed::Set(index) => scope.stage.sets[*index].clone(),
            },
            Expr::And(list) => self.all_of(list, scope, true)?,
            Expr::Or(list) => self.all_of(list, scope, false)?,
            Expr::Not(operand) => match self.evaluate(operand, scope)? {
                Value::Bool(value) => Value::Bool(!value),
                _ => Value::Null,
            },
            Expr::Compare(comparison, left, right) => {
                let left = self.evaluate(left, scope)?;
                if left.is_null() {
                    return Ok(Value::Null);
                }
                compare(*comparison, &left, &self.evaluate(right, scope)?)
            }
            Expr::Match { kind, insensitive, negated, operands } => {
                let subject = self.evaluate(&operands.0, scope)?;
                let pattern = self.evaluate(&operands.1, scope)?;
                self.matched(&subject, &pattern, *kind, *insensitive, *negated)?
            }
            Expr::Distinct { negated, operands } => {
                let same =
                    self.evaluate(&operands.0, scope)? == self.evaluate(&operands.1, scope)?;
                Value::Bool(same == *negated)
            }
            Expr::IsNull { negated, operand } => {
                let value = self.evaluate(operand, scope)?;
                let is_null = match &value {
                    Value::Record(fields) if *negated => fields.iter().any(Value::is_null),
                    Value::Record(fields) => fields.iter().all(Value::is_null),
                    value => value.is_null(),
                };
                Value::Bool(is_null != *negated)
            }
            Expr::Truth(truth, operand) => {
                let value = self.evaluate(operand, scope)?.as_bool();
                Value::Bool((value == truth.value) != truth.negated)
            }
            Expr::Arithmetic { operator, base, operands } => {
                let left = self.evaluate(&operands.0, scope)?;
                let right = self.evaluate(&operands.1, scope)?;
                if left.is_null() || right.is_null() {
                    return Ok(Value::Null);
                }
                arithmetic(*operator, *base, &left, &right)?
            }
            Expr::Negate(operand, base) => match self.evaluate(operand, scope)? {
                Value::Null => Value::Null,
                value => negate(&value, *base)?,
            },
            Expr::Call { function, arguments, types } => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    let value = self.evaluate(argument, scope)?;
                    if function.strict && value.is_null() {
                        return Ok(Value::Null);
                    }
                    values.push(value);
                }
                (function.evaluate)(self.session, &values, types)?
            }
            Expr::Cast { operand, from, to } => {
                cast(self.session, &self.evaluate(operand, scope)?, from, to)?
            }
            Expr::Case { branches, otherwise } => {
                for (condition, result) in branches {
                    if self.is_true(condition, scope)? {
                        return self.evaluate(result, scope);
                    }
                }
                self.evaluate(otherwise, scope)?
            }
            Expr::Coalesce(list) => {
                for expr in list {
                    let value = self.evaluate(expr, scope)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Value::Null
            }
            Expr::Extreme(greatest, list) => {
                let mut extreme = Value::Null;
                for expr in list {
                    let value = self.evaluate(expr, scope)?;
                    let order = value.order(&extreme);
                    let better = if *greatest { order.is_gt() } else { order.is_lt() };
                    if !value.is_null() && (extreme.is_null() || better) {
                        extreme = value;
                    }
                }
                extreme
            }
            Expr::In { negated, operand, list } => self.in_list(operand, list, *negated, scope)?,
            Expr::Quantified { operator, all, operands, query } => {
                self.quantified(*operator, *all, operands, query, scope)?
            }
            Expr::QuantifiedArray { operator, all, operands } => {
                let left = self.evaluate(&operands.0, scope)?;
                let right = self.evaluate(&operands.1, scope)?;
                let Some(array) = right.as_array() else { return Ok(Value::Null) };
                self.quantify(*operator, *all, &left, array.items.iter())?
            }
            Expr::Exists(query) => Value::Bool(!self.subquery(query, scope)?.is_empty()),
            Expr::Scalar(query) => {
                let rows = self.subquery(query, scope)?;
                match rows.as_slice() {
                    [] => Value::Null,
                    [row] => row[0].clone(),
                    _ => return Err(more_than_one_row()),
                }
            }
            Expr::ArrayQuery(query) => {
                let rows = self.subquery(query, scope)?;
                Value::array(rows.iter().map(|row| row[0].clone()).collect())
            }
            Expr::Array(list) => Value::array(self.evaluate_all(list, scope)?),
            Expr::Record(list) => Value::Record(self.evaluate_all(list, scope)?.into()),
            Expr::Subscript(operands) => {
                let array = self.evaluate(&operands.0, scope)?;
                let index = self.evaluate(&operands.1, scope)?;
                let (Some(array), Some(index)) = (array.as_array(), index.as_int()) else {
                    return Ok(Value::Null);
                };
                let position = usize::try_from(index - array.lower).ok();
                position.and_then(|at| array.items.get(at)).cloned().unwrap_or(Value::Null)
            }
            Expr::Slice { array, lower, upper } => {
                let array = self.evaluate(array, scope)?;
                let bound = |bound: &Option<Box<Expr>>| match bound {
                    Some(bound) => self.evaluate(bound, scope).map(Some),
                    None => Ok(None),
                };
                slice(&array, bound(lower)?, bound(upper)?)
            }
            Expr::Field(record, index) => match self.evaluate(record, scope)? {
                Value::Record(fields) => fields.get(*index).cloned().unwrap_or(Value::Null),
                _ => Value::Null,
            },
        })
    }

    pub(super) fn evaluate_all(
        &self,
        list: &[Expr],
        scope: &Scope<'_>,
    ) -> Result<Vec<Value>, SqlError> {
        list.iter().map(|expr| self.evaluate(expr, scope)).collect()
    }

    /// Whether the condition holds; NULL counts as not.
    pub(super) fn is_true(&self, expr: &Expr, scope: &Scope<'_>) -> Result<bool, SqlError> {
        Ok(self.evaluate(expr, scope)?.as_bool() == Some(true))
    }

    /// AND if `conjunction`, else OR, over three values.
    fn all_of(
        &self,
        list: &[Expr],
        scope: &Scope<'_>,
        conjunction: bool,
    ) -> Result<Value, SqlError> {
        let mut unknown = false;
        for expr in list {
            match self.evaluate(expr, scope)?.as_bool() {
                Some(value) if value == conjunction => {}
                Some(value) => return Ok(Value::Bool(value)),
                None => unknown = true,
            }
        }
        Ok(if unknown { Value::Null } else { Value::Bool(conjunction) })
    }

    fn matched(
        &self,
        subject: &Value,
        pattern: &Value,
        kind: PatternKind,
        insensitive: bool,
        negated: bool,
    ) -> Result<Value, SqlError> {
        let (Some(subject), Some(pattern)) = (subject.as_text(), pattern.as_text()) else {
            return Ok(Value::Null);
        };
        let found = matches(self.session, subject, pattern, kind, insensitive)?;
        Ok(Value::Bool(found != negated))
    }

    fn in_list(
        &self,
        operand: &Expr,
        list: &[Expr],
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<Value, SqlError> {
        let operand = self.evaluate(operand, scope)?;
        let mut unknown = operand.is_null();
        for item in list {
            match compare(Comparison::Equal, &operand, &self.evaluate(item, scope)?) {
                Value::Bool(true) => return Ok(Value::Bool(!negated)),
                Value::Bool(false) => {}
                _ => unknown = true,
            }
        }
        Ok(if unknown { Value::Null } else { Value::Bool(negated) })
    }

    fn quantified(
        &self,
        operator: Operator,
        all: bool,
        operands: &[Expr],
        query: &Arc<Subquery>,
        scope: &Scope<'_>,
    ) -> Result<Value, SqlError> {
        let left = match operands {
            [single] => self.evaluate(single, scope)?,
            row => Value::Record(self.evaluate_all(row, scope)?.into()),
        };
        let is_equal = operator == Operator::Compare(Comparison::Equal);
        if is_equal && !all && operands.len() == 1 && query.query.escapes == 0 && !left.is_null() {
            let set = self.subquery_set(query, scope)?;
            if set.contains(&left) {
                return Ok(Value::Bool(true));
            }
            return Ok(if set.contains(&Value::Null) { Value::Null } else { Value::Bool(false) });
        }
        let rows = self.subquery(query, scope)?;
        if operands.len() == 1 {
            return self.quantify(operator, all, &left, rows.iter().map(|row| &row[0]));
        }
        let records: Vec<Value> = rows.iter().map(|row| Value::Record(Arc::clone(row))).collect();
        self.quantify(operator, all, &left, records.iter())
    }

    fn quantify<'v>(
        &self,
        operator: Operator,
        all: bool,
        left: &Value,
        values: impl Iterator<Item = &'v Value>,
    ) -> Result<Value, SqlError> {
        let mut unknown = false;
        for value in values {
            let result = match operator {
                Operator::Compare(comparison) => compare(comparison, left, value),
                Operator::Match { kind, insensitive, negated } => {
                    self.matched(left, value, kind, insensitive, negated)?
                }
            };
            match result.as_bool() {
                Some(result) if result != all => return Ok(Value::Bool(result)),
                Some(_) => {}
                None => unknown = true,
            }
        }
        Ok(if unknown { Value::Null } else { Value::Bool(all) })
    }

    /// The visible columns of a subquery's rows; run once if it refers to nothing outside.
    fn subquery(&self, subquery: &Subquery, scope: &Scope<'_>) -> Result<Rc<Vec<Row>>, SqlError> {
        let is_fixed = subquery.query.escapes == 0;
        if is_fixed && let Some(rows) = self.results.borrow().get(&subquery.id) {
            return Ok(Rc::clone(rows));
        }
        let rows = Rc::new(self.query(&subquery.query, Some(scope))?);
        if is_fixed {
            self.results.borrow_mut().insert(subquery.id, Rc::clone(&rows));
        }
        Ok(rows)
    }

    fn subquery_set(
        &self,
        subquery: &Subquery,
        scope: &Scope<'_>,
    ) -> Result<Rc<HashSet<Value>>, SqlError> {
        if let Some(set) = self.sets.borrow().get(&subquery.id) {
            return Ok(Rc::clone(set));
        }
        let rows = self.subquery(subquery, scope)?;
        let set: Rc<HashSet<Value>> = Rc::new(rows.iter().map(|row| row[0].clone()).collect());
        self.sets.borrow_mut().insert(subquery.id, Rc::clone(&set));
        Ok(set)
    }

    /// The rows that a set-returning call gives, and whether each is a record.
    pub(super) fn call_set(
        &self,
        call: &crate::bound::SetCall,
        scope: &Scope<'_>,
    ) -> Result<Vec<Row>, SqlError> {
        let values = self.evaluate_all(&call.arguments, scope)?;
        match call.kind {
            crate::bound::SetKind::Function(function) => {
                if values.iter().any(Value::is_null) {
                    return Ok(Vec::new());
                }
                (function.evaluate)(self.session, &values, &call.types)
            }
            crate::bound::SetKind::Scalar => {
                Ok(match (values.into_iter().next(), call.types.first()) {
                    (Some(Value::Record(fields)), _) => vec![fields],
                    (Some(Value::Null), Some(PgType::Record(fields))) => {
                        vec![vec![Value::Null; fields.len()].into()]
                    }
                    (value, _) => vec![Arc::from([value.unwrap_or(Value::Null)])],
                })
            }
        }
    }
}

/// `left comparison right`; NULL if either is, or if records compare equal up to a NULL.
pub(super) fn compare(comparison: Comparison, left: &Value, right: &Value) -> Value {
    if left.is_null() || right.is_null() {
        return Value::Null;
    }
    if let (Value::Record(left), Value::Record(right)) = (left, right) {
        let pairs = || left.iter().zip(right.iter());
        let differs = |(left, right): (&Value, &Value)| {
            !left.is_null() && !right.is_null() && left.order(right).is_ne()
        };
        if pairs().any(|(left, right)| left.is_null() || right.is_null()) {
            return match (comparison, pairs().any(differs)) {
                (Comparison::Equal, true) => Value::Bool(false),
                (Comparison::NotEqual, true) => Value::Bool(true),
                _ => Value::Null,
            };
        }
    }
    Value::Bool(comparison.holds(left.order(right)))
}

fn slice(array: &Value, lower: Option<Value>, upper: Option<Value>) -> Value {
    let Some(Array { lower: first, items }) = array.as_array() else { return Value::Null };
    let last = first + i64::try_from(items.len()).unwrap_or(i64::MAX) - 1;
    let bound = |bound: Option<Value>, default: i64| match bound {
        Some(value) => value.as_int(),
        None => Some(default),
    };
    let (Some(lower), Some(upper)) = (bound(lower, *first), bound(upper, last)) else {
        return Value::Null;
    };
    let taken = items
        .iter()
        .zip(*first..)
        .filter(|(_, subscript)| (lower..=upper).contains(subscript))
        .map(|(item, _)| item.clone());
    Value::array(taken.collect())
}
