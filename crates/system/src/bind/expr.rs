//! Expressions, one arm per form of the syntax tree.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{
    self, AccessExpr, BinaryOperator, Spanned, Subscript, UnaryOperator,
};
use kappa_types::{SqlError, SqlState};

use super::literal::escape_character;
use super::scope::fold;
use super::{Binder, Typed};
use crate::bound::{Comparison, Expr, Operator, PatternKind, Truth};
use crate::error::{undefined_operator, unsupported};
use crate::value::{Base, Family, PgType, Value};

impl Binder<'_> {
    #[expect(clippy::too_many_lines, reason = "one short arm per form of the syntax tree")]
    pub(super) fn expr(&mut self, expr: &ast::Expr) -> Result<Typed, SqlError> {
        match expr {
            ast::Expr::Identifier(ident) => self.identifier(ident),
            ast::Expr::CompoundIdentifier(path) => self.column(path),
            ast::Expr::Value(literal) => self.literal(&literal.value),
            ast::Expr::TypedString(typed) => {
                let literal = ast::Expr::Value(typed.value.clone());
                self.cast_to(&literal, &typed.data_type)
            }
            ast::Expr::Nested(inner) => self.expr(inner),
            ast::Expr::Collate { expr, .. } => self.expr(expr),
            ast::Expr::Cast { expr, data_type, .. } => self.cast_to(expr, data_type),
            ast::Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            ast::Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            ast::Expr::IsNull(operand) => self.is_null(operand, false),
            ast::Expr::IsNotNull(operand) => self.is_null(operand, true),
            ast::Expr::IsTrue(operand) => self.truth(operand, Some(true), false),
            ast::Expr::IsNotTrue(operand) => self.truth(operand, Some(true), true),
            ast::Expr::IsFalse(operand) => self.truth(operand, Some(false), false),
            ast::Expr::IsNotFalse(operand) => self.truth(operand, Some(false), true),
            ast::Expr::IsUnknown(operand) => self.truth(operand, None, false),
            ast::Expr::IsNotUnknown(operand) => self.truth(operand, None, true),
            ast::Expr::IsDistinctFrom(left, right) => self.distinct(left, right, false),
            ast::Expr::IsNotDistinctFrom(left, right) => self.distinct(left, right, true),
            ast::Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            ast::Expr::InSubquery { expr, subquery, negated } => {
                self.in_query(expr, subquery, *negated)
            }
            ast::Expr::Between { expr, negated, low, high } => {
                self.between(expr, low, high, *negated)
            }
            ast::Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                let kind = PatternKind::Like(escape_character(escape_char.as_ref())?);
                self.matches(expr, pattern, kind, false, *negated)
            }
            ast::Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                let kind = PatternKind::Like(escape_character(escape_char.as_ref())?);
                self.matches(expr, pattern, kind, true, *negated)
            }
            ast::Expr::SimilarTo { negated, expr, pattern, escape_char } => {
                let kind = PatternKind::Similar(escape_character(escape_char.as_ref())?);
                self.matches(expr, pattern, kind, false, *negated)
            }
            ast::Expr::AnyOp { left, compare_op, right, .. } => {
                self.quantified(left, compare_op, right, false)
            }
            ast::Expr::AllOp { left, compare_op, right } => {
                self.quantified(left, compare_op, right, true)
            }
            ast::Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            ast::Expr::Exists { subquery, negated } => {
                let query = self.query(subquery)?;
                let exists = Expr::Exists(self.subquery(query));
                let expr = if *negated { Expr::Not(Box::new(exists)) } else { exists };
                Ok(Typed::new(expr, PgType::Bool))
            }
            ast::Expr::Subquery(subquery) => self.scalar_query(subquery),
            ast::Expr::Tuple(items) => self.record(items),
            ast::Expr::Array(array) => self.array(&array.elem),
            ast::Expr::CompoundFieldAccess { root, access_chain } => {
                self.access(root, access_chain)
            }
            ast::Expr::Function(function) => self.function(function),
            ast::Expr::Trim { .. }
            | ast::Expr::Substring { .. }
            | ast::Expr::Position { .. }
            | ast::Expr::Overlay { .. }
            | ast::Expr::Extract { .. }
            | ast::Expr::Ceil { .. }
            | ast::Expr::Floor { .. }
            | ast::Expr::AtTimeZone { .. }
            | ast::Expr::Interval(_) => self.spelled_call(expr),
            ast::Expr::Prefixed { value, .. } => self.expr(value),
            other => Err(unsupported(format!("the expression {other}"))),
        }
        .map_err(|error| match error.position {
            None if is_name_error(error.state) => self.locate(error, expr.span()),
            _ => error,
        })
    }

    fn identifier(&mut self, ident: &ast::Ident) -> Result<Typed, SqlError> {
        let found = self.column(std::slice::from_ref(ident));
        match (found, ident.quote_style) {
            (Err(error), None) if error.state == SqlState::UndefinedColumn => {
                // Some functions are called without parentheses and parsed as a name.
                match fold(ident).as_str() {
                    name @ ("current_schema" | "current_catalog" | "current_user"
                    | "session_user" | "user" | "current_role" | "current_date"
                    | "current_timestamp" | "localtimestamp") => {
                        self.call(name, Vec::new()).map_err(|_| error)
                    }
                    _ => Err(error),
                }
            }
            (found, _) => found,
        }
    }

    /// A condition: `expr` as boolean.
    ///
    /// # Errors
    /// 42804 if it is of another type.
    pub(super) fn condition(&mut self, expr: &ast::Expr, clause: &str) -> Result<Expr, SqlError> {
        let typed = self.expr(expr)?;
        self.boolean(typed, clause)
    }

    pub(super) fn boolean(&mut self, typed: Typed, clause: &str) -> Result<Expr, SqlError> {
        if typed.ty.is_unknown() {
            return Ok(self.coerce(typed, &PgType::Bool)?.expr);
        }
        if typed.ty != PgType::Bool {
            let message = format!(
                "argument of {clause} must be type boolean, not type {}",
                typed.ty.display_name()
            );
            return Err(SqlError::new(SqlState::DatatypeMismatch, message));
        }
        Ok(typed.expr)
    }

    fn unary(&mut self, operator: UnaryOperator, operand: &ast::Expr) -> Result<Typed, SqlError> {
        if operator == UnaryOperator::Not {
            let operand = self.condition(operand, "NOT")?;
            return Ok(Typed::new(Expr::Not(Box::new(operand)), PgType::Bool));
        }
        let operand = self.expr(operand)?;
        let operand =
            if operand.ty.is_unknown() { self.coerce(operand, &PgType::Float8)? } else { operand };
        let base = operand.ty.base().filter(|base| base.number_rank().is_some());
        match (operator, base) {
            (UnaryOperator::Plus, Some(_)) => Ok(operand),
            (UnaryOperator::Minus, Some(base)) => {
                Ok(Typed::new(Expr::Negate(Box::new(operand.expr), base), operand.ty))
            }
            (other, _) => {
                Err(undefined_operator(None, &other.to_string(), &operand.ty.display_name()))
            }
        }
    }

    fn is_null(&mut self, operand: &ast::Expr, negated: bool) -> Result<Typed, SqlError> {
        let operand = Box::new(self.expr(operand)?.expr);
        Ok(Typed::new(Expr::IsNull { negated, operand }, PgType::Bool))
    }

    fn truth(
        &mut self,
        operand: &ast::Expr,
        value: Option<bool>,
        negated: bool,
    ) -> Result<Typed, SqlError> {
        let operand = self.condition(operand, "IS TRUE")?;
        Ok(Typed::new(Expr::Truth(Truth { value, negated }, Box::new(operand)), PgType::Bool))
    }

    fn distinct(
        &mut self,
        left: &ast::Expr,
        right: &ast::Expr,
        negated: bool,
    ) -> Result<Typed, SqlError> {
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        let (left, right) = self.unified(left, "=", right)?;
        let operands = Box::new((left, right));
        Ok(Typed::new(Expr::Distinct { negated, operands }, PgType::Bool))
    }

    fn in_list(
        &mut self,
        operand: &ast::Expr,
        list: &[ast::Expr],
        negated: bool,
    ) -> Result<Typed, SqlError> {
        let operand = self.expr(operand)?;
        let mut common = operand.clone();
        let mut items = Vec::with_capacity(list.len());
        for item in list {
            let item = self.expr(item)?;
            let (left, right) = self.unified_typed(common, "=", item)?;
            common = left;
            items.push(right.expr);
        }
        let expr = Expr::In { negated, operand: Box::new(common.expr), list: items };
        Ok(Typed::new(expr, PgType::Bool))
    }

    fn between(
        &mut self,
        operand: &ast::Expr,
        low: &ast::Expr,
        high: &ast::Expr,
        negated: bool,
    ) -> Result<Typed, SqlError> {
        let (operand, low, high) = (self.expr(operand)?, self.expr(low)?, self.expr(high)?);
        let low = self.compared(operand.clone(), Comparison::GreaterOrEqual, low)?;
        let high = self.compared(operand, Comparison::LessOrEqual, high)?;
        let both = Expr::And(vec![low, high]);
        let expr = if negated { Expr::Not(Box::new(both)) } else { both };
        Ok(Typed::new(expr, PgType::Bool))
    }

    fn matches(
        &mut self,
        subject: &ast::Expr,
        pattern: &ast::Expr,
        kind: PatternKind,
        insensitive: bool,
        negated: bool,
    ) -> Result<Typed, SqlError> {
        let (subject, pattern) = (self.expr(subject)?, self.expr(pattern)?);
        let operator = Operator::Match { kind, insensitive, negated };
        self.operate(subject, operator, pattern)
    }

    fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        conditions: &[ast::CaseWhen],
        otherwise: Option<&ast::Expr>,
    ) -> Result<Typed, SqlError> {
        let operand = operand.map(|operand| self.expr(operand)).transpose()?;
        let (mut tests, mut results) = (Vec::new(), Vec::new());
        for when in conditions {
            let test = match &operand {
                Some(operand) => {
                    let value = self.expr(&when.condition)?;
                    self.compared(operand.clone(), Comparison::Equal, value)?
                }
                None => self.condition(&when.condition, "CASE/WHEN")?,
            };
            tests.push(test);
            results.push(self.expr(&when.result)?);
        }
        results.push(match otherwise {
            Some(otherwise) => self.expr(otherwise)?,
            None => Typed::new(Expr::Constant(Value::Null), PgType::Unknown),
        });
        let (mut results, ty) = self.same_type(results, "CASE")?;
        let otherwise = Box::new(results.pop().expect("ELSE was pushed last"));
        let branches = tests.into_iter().zip(results).collect();
        Ok(Typed::new(Expr::Case { branches, otherwise }, ty))
    }

    fn scalar_query(&mut self, query: &ast::Query) -> Result<Typed, SqlError> {
        let query = self.query(query)?;
        let [(_, ty)] = query.columns.as_slice() else {
            let message = "subquery must return only one column";
            return Err(SqlError::new(SqlState::SyntaxError, message));
        };
        let ty = if ty.is_unknown() { PgType::Text } else { ty.clone() };
        Ok(Typed::new(Expr::Scalar(self.subquery(query)), ty))
    }

    /// `ARRAY(query)`
    pub(super) fn array_query(&mut self, query: &ast::Query) -> Result<Typed, SqlError> {
        let query = self.query(query)?;
        let element = match query.columns.as_slice() {
            [(_, ty)] if ty.is_unknown() => Base::Text,
            [(_, PgType::Base(base))] => *base,
            [_] => return Err(unsupported("an array of arrays or records")),
            _ => {
                let message = "subquery must return only one column";
                return Err(SqlError::new(SqlState::SyntaxError, message));
            }
        };
        Ok(Typed::new(Expr::ArrayQuery(self.subquery(query)), PgType::Array(element)))
    }

    pub(super) fn record(&mut self, items: &[ast::Expr]) -> Result<Typed, SqlError> {
        let (mut exprs, mut fields) = (Vec::new(), Vec::new());
        for (index, item) in items.iter().enumerate() {
            let item = self.expr(item)?;
            fields.push((format!("f{}", index + 1), item.ty));
            exprs.push(item.expr);
        }
        Ok(Typed::new(Expr::Record(exprs), PgType::Record(fields.into())))
    }

    fn array(&mut self, items: &[ast::Expr]) -> Result<Typed, SqlError> {
        if items.is_empty() {
            let message = "cannot determine type of empty array";
            return Err(SqlError::new(SqlState::IndeterminateDatatype, message).with_hint(
                "Explicitly cast to the desired type, for example ARRAY[]::integer[].",
            ));
        }
        let items = items.iter().map(|item| self.expr(item)).collect::<Result<Vec<_>, _>>()?;
        let (items, ty) = self.same_type(items, "ARRAY")?;
        match ty {
            PgType::Base(base) => Ok(Typed::new(Expr::Array(items), PgType::Array(base))),
            _ => Err(unsupported("an array of arrays or records")),
        }
    }

    /// `root[1]`, `(root).field` and chains of these.
    fn access(&mut self, root: &ast::Expr, chain: &[AccessExpr]) -> Result<Typed, SqlError> {
        // `a.b[1]` arrives as root `a`, then `.b`, then `[1]`.
        let mut path = match root {
            ast::Expr::Identifier(ident) => vec![ident.clone()],
            ast::Expr::CompoundIdentifier(path) => path.clone(),
            _ => Vec::new(),
        };
        let mut rest = chain;
        if !path.is_empty() {
            while let [AccessExpr::Dot(ast::Expr::Identifier(ident)), tail @ ..] = rest {
                path.push(ident.clone());
                rest = tail;
            }
        }
        let mut typed = match path.as_slice() {
            [] => self.expr(root)?,
            [single] => self.identifier(single)?,
            path => self.column(path)?,
        };
        for access in rest {
            typed = match access {
                AccessExpr::Dot(ast::Expr::Identifier(ident)) => field(typed, &fold(ident))?,
                AccessExpr::Dot(other) => {
                    return Err(unsupported(format!("the field access .{other}")));
                }
                AccessExpr::Subscript(subscript) => self.subscript(typed, subscript)?,
            };
        }
        Ok(typed)
    }

    fn subscript(&mut self, array: Typed, subscript: &Subscript) -> Result<Typed, SqlError> {
        let Some(element) = array.ty.element() else {
            let message = format!(
                "cannot subscript type {} because it does not support subscripting",
                array.ty.display_name()
            );
            return Err(SqlError::new(SqlState::DatatypeMismatch, message));
        };
        match subscript {
            Subscript::Index { index } => {
                let index = self.integer(index)?;
                let expr = Expr::Subscript(Box::new((array.expr, index)));
                Ok(Typed::new(expr, PgType::Base(element)))
            }
            Subscript::Slice { lower_bound, upper_bound, stride: None } => {
                let mut bound = |bound: &Option<ast::Expr>| {
                    bound.as_ref().map(|bound| self.integer(bound).map(Box::new)).transpose()
                };
                let (lower, upper) = (bound(lower_bound)?, bound(upper_bound)?);
                let expr = Expr::Slice { array: Box::new(array.expr), lower, upper };
                Ok(Typed::new(expr, PgType::Array(element)))
            }
            other => Err(unsupported(format!("the subscript [{other}]"))),
        }
    }

    fn integer(&mut self, expr: &ast::Expr) -> Result<Expr, SqlError> {
        let typed = self.expr(expr)?;
        if typed.ty.family() == Family::Integer {
            return Ok(typed.expr);
        }
        Ok(self.coerce(typed, &PgType::Int4)?.expr)
    }

    fn in_query(
        &mut self,
        operand: &ast::Expr,
        query: &ast::Query,
        negated: bool,
    ) -> Result<Typed, SqlError> {
        let found =
            self.quantified_query(operand, Operator::Compare(Comparison::Equal), query, false)?;
        let expr = if negated { Expr::Not(Box::new(found.expr)) } else { found.expr };
        Ok(Typed::new(expr, PgType::Bool))
    }

    fn quantified(
        &mut self,
        left: &ast::Expr,
        operator: &BinaryOperator,
        right: &ast::Expr,
        all: bool,
    ) -> Result<Typed, SqlError> {
        let operator = super::operator::boolean_operator(operator)
            .ok_or_else(|| unsupported(format!("{operator} ANY")))?;
        let mut inner = right;
        while let ast::Expr::Nested(nested) = inner {
            inner = nested;
        }
        if let ast::Expr::Subquery(query) = inner {
            return self.quantified_query(left, operator, query, all);
        }
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        let left =
            if left.ty.is_unknown() && right.ty.is_unknown() { self.decided(left)? } else { left };
        let right = match (&left.ty, &right.ty) {
            (PgType::Base(base), right_ty) if right_ty.is_unknown() => {
                let array = PgType::Array(*base);
                self.coerce(right, &array)?
            }
            _ => right,
        };
        let Some(element) = right.ty.element() else {
            let message = "op ANY/ALL (array) requires array on right side";
            return Err(SqlError::new(SqlState::WrongObjectType, message));
        };
        let probe = Typed::new(Expr::Constant(Value::Null), PgType::Base(element));
        let (left, probe) = self.unified_typed(left, "=", probe)?;
        let right = if probe.ty == PgType::Base(element) {
            right.expr
        } else {
            let to = probe.ty.base().map(PgType::Array).unwrap_or(right.ty.clone());
            Expr::Cast { operand: Box::new(right.expr), from: right.ty, to }
        };
        let operands = Box::new((left.expr, right));
        Ok(Typed::new(Expr::QuantifiedArray { operator, all, operands }, PgType::Bool))
    }

    /// `left operator ANY|ALL (query)`, also for rows.
    fn quantified_query(
        &mut self,
        left: &ast::Expr,
        operator: Operator,
        query: &ast::Query,
        all: bool,
    ) -> Result<Typed, SqlError> {
        let mut inner = left;
        while let ast::Expr::Nested(nested) = inner {
            inner = nested;
        }
        let items = match inner {
            ast::Expr::Tuple(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        let left = items.iter().map(|item| self.expr(item)).collect::<Result<Vec<_>, _>>()?;
        let mut query = self.query(query)?;
        if query.columns.len() != left.len() {
            let few = if query.columns.len() < left.len() { "few" } else { "many" };
            let message = format!("subquery has too {few} columns");
            return Err(SqlError::new(SqlState::SyntaxError, message));
        }
        let mut operands = Vec::with_capacity(left.len());
        let mut targets = Vec::with_capacity(left.len());
        for (left, (_, ty)) in left.into_iter().zip(&query.columns) {
            let ty = if ty.is_unknown() { PgType::Text } else { ty.clone() };
            let probe = Typed::new(Expr::Constant(Value::Null), ty);
            let (left, probe) = self.unified_typed(left, "=", probe)?;
            operands.push(left.expr);
            targets.push(probe.ty);
        }
        query = self.converted(query, &targets);
        let query = self.subquery(query);
        let expr = Expr::Quantified { operator, all, operands, query: Arc::clone(&query) };
        Ok(Typed::new(expr, PgType::Bool))
    }
}

fn is_name_error(state: SqlState) -> bool {
    matches!(
        state,
        SqlState::UndefinedFunction
            | SqlState::UndefinedColumn
            | SqlState::InvalidTextRepresentation
    )
}

/// `(record).name`
fn field(record: Typed, name: &str) -> Result<Typed, SqlError> {
    let PgType::Record(fields) = &record.ty else {
        let message = format!(
            "column notation .{name} applied to type {}, which is not a composite type",
            record.ty.display_name()
        );
        return Err(SqlError::new(SqlState::WrongObjectType, message));
    };
    let index = fields.iter().position(|(field, _)| field == name).ok_or_else(|| {
        let message = format!("could not identify column \"{name}\" in record data type");
        SqlError::new(SqlState::UndefinedColumn, message)
    })?;
    let ty = fields[index].1.clone();
    Ok(Typed::new(Expr::Field(Box::new(record.expr), index), ty))
}
