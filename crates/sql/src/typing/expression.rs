//! [`Resolver`]: turns an expression without types into one with PostgreSQL's.
//!
//! Bottom-up, as PostgreSQL's parser does it: operands first, then the operator that takes them.

use std::cell::RefCell;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, DFSchemaRef, ExprSchema, ScalarValue};
use datafusion::logical_expr::expr::{
    Alias, BinaryExpr, Case, Cast, Exists, GroupingSet, InList, InSubquery, Placeholder,
    ScalarFunction, Sort,
};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, ExprSchemable, Operator, Subquery};
use kappa_types::{SqlError, SqlState, SqlType};

use super::recursive::Recursion;
use super::types::plain_name;
use super::{Conversion, Parameters, Type, coerce, common_type, literal_of_array, type_of};
use crate::error::from_datafusion;
use crate::function::{
    ALL, ANY, BINARY, Body, CAST_TO, CELL, Call, FunctionContext, FunctionRegistry, KernelFunction,
    LITERAL, PARAMETER, Returns, UNARY, call_of, call_position, choose_overload, sorted,
};

/// Turns expressions and plans without types into ones with PostgreSQL's.
pub(crate) struct Resolver<'a> {
    pub(super) registry: Arc<FunctionRegistry>,
    pub(super) context: FunctionContext,
    pub(super) parameters: &'a Parameters,
    /// Schemas of the enclosing queries, innermost last.
    pub(super) outer: RefCell<Vec<DFSchemaRef>>,
    /// The recursive queries around, innermost last.
    pub(super) recursions: RefCell<Vec<Recursion>>,
    /// Whether the result is kept, so that it may not depend on the moment or the session.
    pub(super) in_view: bool,
}

impl<'a> Resolver<'a> {
    pub(crate) const fn new(
        registry: Arc<FunctionRegistry>,
        context: FunctionContext,
        parameters: &'a Parameters,
        in_view: bool,
    ) -> Self {
        Self {
            registry,
            context,
            parameters,
            outer: RefCell::new(Vec::new()),
            recursions: RefCell::new(Vec::new()),
            in_view,
        }
    }

    /// An expression with all types decided, but for a literal or parameter that stands alone.
    #[expect(clippy::too_many_lines, reason = "one short arm per node")]
    pub(crate) fn expr(&self, expr: Expr, schema: &DFSchema) -> Result<Expr, SqlError> {
        match expr {
            Expr::Literal(value, metadata) => literal(value, metadata),
            Expr::Alias(Alias { expr, relation, name, metadata }) => {
                let expr = Box::new(self.expr(*expr, schema)?);
                Ok(Expr::Alias(Alias { expr, relation, name, metadata }))
            }
            Expr::ScalarFunction(function) => self.scalar(function, schema),
            Expr::AggregateFunction(function) => self.aggregate(function, schema),
            Expr::WindowFunction(function) => self.window(*function, schema),
            Expr::Cast(Cast { expr, field }) => self.cast(*expr, &field, schema),
            Expr::TryCast(_) => Err(SqlError::unsupported(
                "TRY_CAST is not supported",
                "Use CAST; a row whose cast fails is listed in kappa_errors.",
            )),
            Expr::Case(case) => self.case(case, schema),
            Expr::InList(list) => self.in_list(list, schema),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let left = self.expr(*left, schema)?;
                let right = self.expr(*right, schema)?;
                match op {
                    Operator::And | Operator::Or => {
                        let word = if op == Operator::And { "AND" } else { "OR" };
                        let left = self.boolean(left, schema, word)?;
                        let right = self.boolean(right, schema, word)?;
                        Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
                    }
                    _ => self.binary(&op.to_string(), left, right, schema, None),
                }
            }
            Expr::Not(expr) => Ok(Expr::Not(Box::new(self.boolean_arg(*expr, schema, "NOT")?))),
            Expr::IsTrue(e) => Ok(Expr::IsTrue(Box::new(self.boolean_arg(*e, schema, "IS TRUE")?))),
            Expr::IsFalse(e) => {
                Ok(Expr::IsFalse(Box::new(self.boolean_arg(*e, schema, "IS FALSE")?)))
            }
            Expr::IsUnknown(e) => {
                Ok(Expr::IsUnknown(Box::new(self.boolean_arg(*e, schema, "IS UNKNOWN")?)))
            }
            Expr::IsNotTrue(e) => {
                Ok(Expr::IsNotTrue(Box::new(self.boolean_arg(*e, schema, "IS NOT TRUE")?)))
            }
            Expr::IsNotFalse(e) => {
                Ok(Expr::IsNotFalse(Box::new(self.boolean_arg(*e, schema, "IS NOT FALSE")?)))
            }
            Expr::IsNotUnknown(e) => {
                Ok(Expr::IsNotUnknown(Box::new(self.boolean_arg(*e, schema, "IS NOT UNKNOWN")?)))
            }
            Expr::IsNull(e) => Ok(Expr::IsNull(Box::new(self.settled(*e, schema)?))),
            Expr::IsNotNull(e) => Ok(Expr::IsNotNull(Box::new(self.settled(*e, schema)?))),
            Expr::Placeholder(Placeholder { id, field: None }) => self.parameter(&id),
            Expr::OuterReferenceColumn(_, column) => self.outer_column(column),
            Expr::ScalarSubquery(subquery) => {
                Ok(Expr::ScalarSubquery(self.subquery(subquery, schema)?))
            }
            Expr::Exists(Exists { subquery, negated }) => {
                Ok(Expr::Exists(Exists { subquery: self.subquery(subquery, schema)?, negated }))
            }
            Expr::InSubquery(expr) => self.in_subquery(expr, schema),
            Expr::SetComparison(mut comparison) => {
                let subquery = self.subquery(comparison.subquery, schema)?;
                let expr = self.expr(*comparison.expr, schema)?;
                let (expr, subquery) = self.comparable(expr, subquery, schema)?;
                comparison.expr = Box::new(expr);
                comparison.subquery = subquery;
                Ok(Expr::SetComparison(comparison))
            }
            Expr::GroupingSet(set) => self.grouping_set(set, schema),
            Expr::Unnest(mut unnest) => {
                unnest.expr = Box::new(self.settled(*unnest.expr, schema)?);
                Ok(Expr::Unnest(unnest))
            }
            other => Ok(other),
        }
    }

    /// An expression with all types decided; text where nothing else decides.
    pub(crate) fn settled(&self, expr: Expr, schema: &DFSchema) -> Result<Expr, SqlError> {
        let expr = self.expr(expr, schema)?;
        self.settle(expr, schema)
    }

    /// Gives a literal or parameter that stands alone the type text.
    pub(crate) fn settle(&self, expr: Expr, schema: &DFSchema) -> Result<Expr, SqlError> {
        match self.type_of(&expr, schema)? {
            Type::Unknown => self.coerce(expr, &SqlType::Text, schema, Conversion::Implicit),
            Type::Known(_) => Ok(expr),
        }
    }

    /// A resolved expression as a value of type `to`.
    pub(crate) fn coerce(
        &self,
        expr: Expr,
        to: &SqlType,
        schema: &DFSchema,
        conversion: Conversion,
    ) -> Result<Expr, SqlError> {
        coerce(expr, to, schema, conversion, self.parameters, &self.context)
    }

    pub(crate) fn type_of(&self, expr: &Expr, schema: &DFSchema) -> Result<Type, SqlError> {
        type_of(expr, schema).map_err(|error| from_datafusion(&error))
    }

    pub(super) fn types_of(
        &self,
        exprs: &[Expr],
        schema: &DFSchema,
    ) -> Result<Vec<Type>, SqlError> {
        exprs.iter().map(|expr| self.type_of(expr, schema)).collect()
    }

    /// A resolved expression that must be boolean for `user`: 42804 if it is not.
    pub(crate) fn boolean(
        &self,
        expr: Expr,
        schema: &DFSchema,
        user: &str,
    ) -> Result<Expr, SqlError> {
        match self.type_of(&expr, schema)? {
            Type::Known(SqlType::Boolean) => Ok(expr),
            Type::Unknown => self.coerce(expr, &SqlType::Boolean, schema, Conversion::Implicit),
            Type::Known(other) => {
                let message = format!(
                    "argument of {user} must be type boolean, not type {}",
                    plain_name(&other)
                );
                let error = SqlError::new(SqlState::DatatypeMismatch, message);
                Err(with_position(error, call_position(&expr)))
            }
        }
    }

    pub(super) fn boolean_arg(
        &self,
        expr: Expr,
        schema: &DFSchema,
        user: &str,
    ) -> Result<Expr, SqlError> {
        let expr = self.expr(expr, schema)?;
        self.boolean(expr, schema, user)
    }

    fn parameter(&self, id: &str) -> Result<Expr, SqlError> {
        let index = Parameters::index(id)?;
        Ok(match self.parameters.see(index) {
            Some(sql_type) => Parameters::expression(index, &sql_type),
            None => Expr::Placeholder(Placeholder::new_with_field(id.to_owned(), None)),
        })
    }

    fn outer_column(&self, column: datafusion::common::Column) -> Result<Expr, SqlError> {
        for schema in self.outer.borrow().iter().rev() {
            if let Ok(field) = schema.field_from_column(&column) {
                return Ok(Expr::OuterReferenceColumn(Arc::clone(field), column));
            }
        }
        Err(SqlError::new(
            SqlState::UndefinedColumn,
            format!("column \"{}\" does not exist", column.name),
        ))
    }

    fn cast(
        &self,
        expr: Expr,
        field: &arrow::datatypes::FieldRef,
        schema: &DFSchema,
    ) -> Result<Expr, SqlError> {
        let Some(to) = SqlType::of_field(field) else {
            return Err(SqlError::unsupported(
                format!("a cast to {} is not supported", field.data_type()),
                "Use one of the types of the SQL reference.",
            ));
        };
        if matches!(to, SqlType::Array(_)) && is_empty_array(&expr) {
            let empty = Expr::Literal(ScalarValue::Utf8View(Some("{}".to_owned())), None);
            return self.coerce(empty, &to, schema, Conversion::Explicit);
        }
        let expr = self.expr(expr, schema)?;
        let position = call_position(&expr);
        // The name of a relation is looked up by the caller's function, if it has one.
        if to == SqlType::Regclass
            && let Some(function) = self.foreign_function("regclassin")
            && matches!(self.type_of(&expr, schema)?, Type::Unknown | Type::Known(SqlType::Text))
        {
            let text = self.settle(expr, schema)?;
            let call = self.foreign(&function, vec![text], schema)?;
            return Ok(call);
        }
        self.coerce(expr, &to, schema, Conversion::Explicit)
            .map_err(|error| with_position(error, position))
    }

    /// A cast the user wrote: what is cast, and NULL of the type.
    fn cast_to(&self, args: Vec<Expr>, schema: &DFSchema) -> Result<Expr, SqlError> {
        let [expr, null] = two(args)?;
        let (_, field) = null.to_field(schema).map_err(|error| from_datafusion(&error))?;
        self.cast(expr, &field, schema)
    }

    fn scalar(&self, function: ScalarFunction, schema: &DFSchema) -> Result<Expr, SqlError> {
        let ScalarFunction { func, args } = function;
        let Some(call) = call_of(&func) else {
            let args = args
                .into_iter()
                .map(|arg| self.settled(arg, schema))
                .collect::<Result<Vec<_>, _>>()?;
            return self.foreign(&func, args, schema);
        };
        if call.plain_name() == LITERAL {
            return Ok(Expr::ScalarFunction(ScalarFunction { func, args }));
        }
        if call.plain_name().starts_with(CAST_TO) {
            return self.cast_to(args, schema);
        }
        let args =
            args.into_iter().map(|arg| self.expr(arg, schema)).collect::<Result<Vec<_>, _>>()?;
        self.call(call, args, schema).map_err(|error| with_position(error, call.position()))
    }

    /// The resolved form of a call by its full name; the arguments are not resolved yet.
    pub(crate) fn named_call(
        &self,
        full_name: &str,
        args: Vec<Expr>,
        schema: &DFSchema,
    ) -> Result<Expr, SqlError> {
        let call = Call::new(full_name, Arc::clone(&self.registry), self.context);
        if call.plain_name().starts_with(CAST_TO) {
            return self.cast_to(args, schema);
        }
        let args =
            args.into_iter().map(|arg| self.expr(arg, schema)).collect::<Result<Vec<_>, _>>()?;
        if call.plain_name() == LITERAL {
            return args.into_iter().next().ok_or_else(|| {
                SqlError::new(SqlState::InternalError, "a literal without its text")
            });
        }
        self.call(&call, args, schema)
    }

    fn call(&self, call: &Call, args: Vec<Expr>, schema: &DFSchema) -> Result<Expr, SqlError> {
        let name = call.plain_name();
        if let Some(op) = name.strip_prefix(BINARY) {
            let [left, right] = two(args)?;
            if let "AND" | "OR" = op {
                let left = self.boolean(left, schema, op)?;
                let right = self.boolean(right, schema, op)?;
                let op = if op == "AND" { Operator::And } else { Operator::Or };
                return Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))));
            }
            return self.binary(op, left, right, schema, call.position());
        }
        if let Some(op) = name.strip_prefix(UNARY) {
            let operand = one(args)?;
            if op == "NOT" {
                return Ok(Expr::Not(Box::new(self.boolean(operand, schema, op)?)));
            }
            return self.unary(op, operand, schema);
        }
        for (prefix, all) in [(ANY, false), (ALL, true)] {
            if let Some(op) = name.strip_prefix(prefix) {
                let [left, right] = two(args)?;
                return self.quantified(op, all, left, right, schema);
            }
        }
        match name {
            PARAMETER | CELL => one(args),
            _ => self.function(name, args, schema),
        }
    }

    /// A function by name.
    pub(super) fn function(
        &self,
        name: &str,
        args: Vec<Expr>,
        schema: &DFSchema,
    ) -> Result<Expr, SqlError> {
        if let Some(expr) = self.special(name, &args, schema)? {
            return Ok(expr);
        }
        let types = self.types_of(&args, schema)?;
        let own = self.registry.overloads(name);
        if let Some(overloads) = own {
            let index = choose_overload(name, overloads, &types)?;
            return self.overload(&overloads[index], args, &types, schema);
        }
        match self.registry.scalar(name) {
            Some(function) => {
                let function = Arc::clone(function);
                let settled = args
                    .into_iter()
                    .map(|arg| self.settle(arg, schema))
                    .collect::<Result<Vec<_>, _>>()?;
                self.foreign(&function, settled, schema)
                    .map_err(|error| not_found(error, name, &types))
            }
            None => Err(crate::function::undefined_function(name, &types)),
        }
    }

    fn overload(
        &self,
        overload: &'static crate::function::Overload,
        args: Vec<Expr>,
        types: &[Type],
        schema: &DFSchema,
    ) -> Result<Expr, SqlError> {
        let targets = overload.targets(types);
        let args = args
            .into_iter()
            .zip(&targets)
            .map(|(arg, to)| self.coerce(arg, to, schema, Conversion::Implicit))
            .collect::<Result<Vec<_>, _>>()?;
        match overload.body {
            Body::Rewrite(rewrite) => rewrite(args, &self.context),
            Body::Refuse(error) => Err(error()),
            Body::Kernel(kernel) => {
                let returns = match &overload.returns {
                    Returns::Is(returns) => returns.clone(),
                    Returns::Of(of) => {
                        let constants: Vec<Option<ScalarValue>> =
                            args.iter().map(|arg| arg.as_literal().cloned()).collect();
                        of(&targets, &constants)
                    }
                };
                Ok(KernelFunction::call(
                    overload.name,
                    kernel,
                    targets,
                    returns,
                    args,
                    self.context,
                ))
            }
        }
    }

    pub(super) fn settled_all(
        &self,
        exprs: Vec<Expr>,
        schema: &DFSchema,
    ) -> Result<Vec<Expr>, SqlError> {
        exprs.into_iter().map(|expr| self.settled(expr, schema)).collect()
    }

    /// Grouping keys under the names they were planned with, by which they are looked up.
    pub(super) fn named_keys(
        &self,
        keys: Vec<Expr>,
        schema: &DFSchema,
    ) -> Result<Vec<Expr>, SqlError> {
        let names = NamePreserver::new_for_projection();
        let named = keys.into_iter().map(|key| {
            let saved = names.save(&key);
            self.settled(key, schema).map(|key| saved.restore(key))
        });
        named.collect()
    }

    /// Keys that bring equal rows together.
    pub(super) fn gathered_by(
        &self,
        keys: Vec<Expr>,
        schema: &DFSchema,
    ) -> Result<Vec<Expr>, SqlError> {
        let keys = keys.into_iter().map(|key| {
            let key = self.settled(key, schema)?;
            let sql_type = self.sql_type(&key, schema)?;
            Ok(sorted(key, &sql_type, self.context))
        });
        keys.collect()
    }

    pub(super) fn sorts(&self, sorts: Vec<Sort>, schema: &DFSchema) -> Result<Vec<Sort>, SqlError> {
        sorts
            .into_iter()
            .map(|sort| {
                let expr = self.settled(sort.expr, schema)?;
                let sql_type = self.sql_type(&expr, schema)?;
                Ok(Sort { expr: sorted(expr, &sql_type, self.context), ..sort })
            })
            .collect()
    }

    fn case(&self, case: Case, schema: &DFSchema) -> Result<Expr, SqlError> {
        let operand = match case.expr {
            Some(operand) => Some(self.expr(*operand, schema)?),
            None => None,
        };
        let mut conditions = Vec::with_capacity(case.when_then_expr.len());
        let mut results = Vec::with_capacity(case.when_then_expr.len() + 1);
        for (when, then) in case.when_then_expr {
            let when = self.expr(*when, schema)?;
            conditions.push(match &operand {
                Some(operand) => self.binary("=", operand.clone(), when, schema, None)?,
                None => self.boolean(when, schema, "CASE/WHEN")?,
            });
            results.push(self.expr(*then, schema)?);
        }
        let has_else = case.else_expr.is_some();
        if let Some(otherwise) = case.else_expr {
            results.push(self.expr(*otherwise, schema)?);
        }
        let mut results = self.unified("CASE", results, schema)?;
        let otherwise = if has_else { results.pop().map(Box::new) } else { None };
        let when_then_expr = conditions
            .into_iter()
            .zip(results)
            .map(|(when, then)| (Box::new(when), Box::new(then)))
            .collect();
        Ok(Expr::Case(Case { expr: None, when_then_expr, else_expr: otherwise }))
    }

    /// Resolved expressions, all converted to their common type.
    pub(crate) fn unified(
        &self,
        user: &str,
        exprs: Vec<Expr>,
        schema: &DFSchema,
    ) -> Result<Vec<Expr>, SqlError> {
        let types = self.types_of(&exprs, schema)?;
        let common = common_type(&types).ok_or_else(|| no_common_type(user, &types))?;
        exprs
            .into_iter()
            .map(|expr| self.coerce(expr, &common, schema, Conversion::Implicit))
            .collect()
    }

    fn in_list(&self, list: InList, schema: &DFSchema) -> Result<Expr, SqlError> {
        let expr = self.expr(*list.expr, schema)?;
        let mut all = vec![expr];
        for item in list.list {
            all.push(self.expr(item, schema)?);
        }
        let types = self.types_of(&all, schema)?;
        // As in PostgreSQL, a list of one is a comparison: real with numeric as double precision.
        let common = match types.as_slice() {
            [left, item] => super::operator::comparable_type(&[left.clone(), item.clone()]),
            _ => common_type(&types),
        };
        let common = common.ok_or_else(|| {
            let other = types.iter().skip(1).find(|t| **t != Type::Unknown);
            super::operator::undefined_operator("=", &types[0], other.unwrap_or(&Type::Unknown))
        })?;
        let mut all = all
            .into_iter()
            .map(|expr| {
                let expr = self.coerce(expr, &common, schema, Conversion::Implicit)?;
                // A long list is looked up by bits, in which -0 is not 0.
                Ok(sorted(expr, &common, self.context))
            })
            .collect::<Result<Vec<_>, SqlError>>()?;
        let expr = Box::new(all.remove(0));
        Ok(Expr::InList(InList { expr, list: all, negated: list.negated }))
    }

    fn in_subquery(&self, expr: InSubquery, schema: &DFSchema) -> Result<Expr, SqlError> {
        let subquery = self.subquery(expr.subquery, schema)?;
        let left = self.expr(*expr.expr, schema)?;
        let (left, subquery) = self.comparable(left, subquery, schema)?;
        Ok(Expr::InSubquery(InSubquery { expr: Box::new(left), subquery, negated: expr.negated }))
    }

    fn grouping_set(&self, set: GroupingSet, schema: &DFSchema) -> Result<Expr, SqlError> {
        let all = |exprs| self.named_keys(exprs, schema);
        Ok(Expr::GroupingSet(match set {
            GroupingSet::Rollup(exprs) => GroupingSet::Rollup(all(exprs)?),
            GroupingSet::Cube(exprs) => GroupingSet::Cube(all(exprs)?),
            GroupingSet::GroupingSets(sets) => {
                GroupingSet::GroupingSets(sets.into_iter().map(all).collect::<Result<_, _>>()?)
            }
        }))
    }

    /// A subquery of an expression over `schema`.
    fn subquery(&self, subquery: Subquery, schema: &DFSchema) -> Result<Subquery, SqlError> {
        self.outer.borrow_mut().push(Arc::new(schema.clone()));
        let plan = self.plan(subquery.subquery.as_ref().clone());
        let outer_ref_columns = subquery
            .outer_ref_columns
            .into_iter()
            .map(|column| self.expr(column, schema))
            .collect::<Result<Vec<_>, _>>();
        self.outer.borrow_mut().pop();
        Ok(Subquery {
            subquery: Arc::new(plan?),
            outer_ref_columns: outer_ref_columns?,
            spans: subquery.spans,
        })
    }
}

fn literal(
    value: ScalarValue,
    metadata: Option<datafusion::common::metadata::FieldMetadata>,
) -> Result<Expr, SqlError> {
    if metadata.is_some() {
        return Ok(Expr::Literal(value, metadata));
    }
    Ok(match value {
        ScalarValue::Int64(Some(number)) => match i32::try_from(number) {
            Ok(small) => Expr::Literal(ScalarValue::Int32(Some(small)), None),
            Err(_) => Expr::Literal(value, None),
        },
        ScalarValue::UInt64(Some(number)) => {
            Expr::Literal(ScalarValue::Decimal128(Some(i128::from(number)), 20, 0), None)
        }
        ScalarValue::Decimal128(Some(number), _, scale) if scale < 0 => {
            let factor = u32::from(scale.unsigned_abs());
            let scaled = 10_i128.checked_pow(factor).and_then(|f| number.checked_mul(f));
            match scaled.filter(|n| n.unsigned_abs() < 10_u128.pow(38)) {
                Some(number) => Expr::Literal(ScalarValue::Decimal128(Some(number), 38, 0), None),
                None => return Err(numeric_literal_overflow()),
            }
        }
        ScalarValue::Decimal256(..) => return Err(numeric_literal_overflow()),
        ScalarValue::Float64(Some(number)) => {
            let array = kappa_types::text::parse_value(
                &SqlType::Numeric(None),
                &number.to_string(),
                &kappa_types::text::TextOptions::default(),
            )?;
            return literal_of_array(&array, &SqlType::Numeric(None));
        }
        ScalarValue::Binary(bytes) => Expr::Literal(ScalarValue::Binary(bytes), None),
        other => Expr::Literal(other, None),
    })
}

fn numeric_literal_overflow() -> SqlError {
    SqlError::new(SqlState::NumericValueOutOfRange, "value overflows numeric format")
        .with_detail("A numeric holds up to 38 digits.")
}

/// 42804 for branches whose types do not meet.
pub(crate) fn no_common_type(user: &str, types: &[Type]) -> SqlError {
    let mut known = types.iter().filter_map(Type::known);
    let first = known.next().cloned().unwrap_or(SqlType::Text);
    let other = known
        .find(|t| common_type(&[Type::Known(first.clone()), Type::Known((*t).clone())]).is_none())
        .cloned()
        .unwrap_or(SqlType::Text);
    SqlError::new(
        SqlState::DatatypeMismatch,
        format!("{user} types {} and {} cannot be matched", plain_name(&first), plain_name(&other)),
    )
}

/// What DataFusion says of arguments that it cannot take is 42883 in PostgreSQL's words.
fn not_found(error: SqlError, name: &str, types: &[Type]) -> SqlError {
    match error.state {
        SqlState::SyntaxErrorOrAccessRuleViolation | SqlState::InternalError => {
            crate::function::undefined_function(name, types)
        }
        _ => error,
    }
}

/// Whether it is `ARRAY[]`, which only a cast gives a type.
fn is_empty_array(expr: &Expr) -> bool {
    let Expr::ScalarFunction(ScalarFunction { func, args }) = expr else { return false };
    args.is_empty() && call_of(func).is_some_and(|call| call.plain_name() == "array")
}

pub(super) fn with_position(mut error: SqlError, position: Option<usize>) -> SqlError {
    if error.position.is_none() {
        error.position = position;
    }
    error
}

fn one(args: Vec<Expr>) -> Result<Expr, SqlError> {
    let mut args = args.into_iter();
    match (args.next(), args.next()) {
        (Some(arg), None) => Ok(arg),
        _ => Err(SqlError::new(
            SqlState::InternalError,
            "an operator with a wrong number of operands",
        )),
    }
}

fn two(args: Vec<Expr>) -> Result<[Expr; 2], SqlError> {
    args.try_into().map_err(|_| {
        SqlError::new(SqlState::InternalError, "an operator with a wrong number of operands")
    })
}

/// Whether an Arrow type is one that some SQL type uses.
pub(super) fn is_canonical(data_type: &DataType) -> bool {
    match SqlType::from_arrow(data_type) {
        Some(sql_type) => {
            sql_type.arrow().equals_datatype(data_type)
                || matches!(data_type, DataType::Decimal128(_, scale) if *scale >= 0)
        }
        None => false,
    }
}
