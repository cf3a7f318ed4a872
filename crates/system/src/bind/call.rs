//! Function calls.

use datafusion::sql::sqlparser::ast::{
    self, DateTimeField, DuplicateTreatment, FunctionArg, FunctionArgExpr, FunctionArguments,
    TrimWhereField,
};
use kappa_types::{SqlError, SqlState};

use super::{Binder, Typed};
use crate::bound::{Comparison, Computed, Expr, SetCall, SetKind};
use crate::error::{undefined_function, unsupported};
use crate::function;
use crate::recognize::name_parts;
use crate::value::{Base, PgType, Value};

impl Binder<'_> {
    pub(super) fn function(&mut self, function: &ast::Function) -> Result<Typed, SqlError> {
        let parts = name_parts(&function.name);
        let name = match parts.as_slice() {
            [name] => name.as_str(),
            [schema, name] if crate::builtin::NAMESPACES.contains(&schema.as_str()) => {
                name.as_str()
            }
            _ => return Err(undefined_function(&parts.join("."), &[])),
        };
        let arguments = match &function.args {
            FunctionArguments::None => &[][..],
            FunctionArguments::Subquery(query) if name == "array" => {
                return self.array_query(query);
            }
            FunctionArguments::Subquery(_) => return Err(undefined_function(name, &[])),
            FunctionArguments::List(list) => &list.args,
        };
        if let Some(typed) = self.aggregate_or_window(name, function, arguments)? {
            return Ok(typed);
        }
        if let FunctionArguments::List(list) = &function.args
            && matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct))
        {
            let message = format!("DISTINCT specified, but {name} is not an aggregate function");
            return Err(SqlError::new(SqlState::WrongObjectType, message));
        }
        let arguments = self.arguments(arguments)?;
        self.call(name, arguments)
    }

    pub(super) fn arguments(&mut self, arguments: &[FunctionArg]) -> Result<Vec<Typed>, SqlError> {
        let mut typed = Vec::with_capacity(arguments.len());
        for argument in arguments {
            if let FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) = argument {
                let parts = name_parts(name);
                let table = parts.last().cloned().unwrap_or_default();
                typed.push(self.column(&[ast::Ident::with_quote('"', table)])?);
                continue;
            }
            let (FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))
            | FunctionArg::Named { arg: FunctionArgExpr::Expr(expr), .. }) = argument
            else {
                return Err(unsupported(format!("the argument {argument}")));
            };
            typed.push(self.expr(expr)?);
        }
        Ok(typed)
    }

    /// `name(arguments)`: a special form, a set-returning function or a scalar one.
    ///
    /// # Errors
    /// 42883 if no function of that name takes them.
    pub(super) fn call(&mut self, name: &str, arguments: Vec<Typed>) -> Result<Typed, SqlError> {
        if let Some(special) = self.special(name, &arguments)? {
            return Ok(special);
        }
        if function::is_set(name) {
            return self.set_in_select(name, arguments);
        }
        let types: Vec<PgType> = arguments.iter().map(|argument| argument.ty.clone()).collect();
        let Some(function) = function::find(name, &types) else {
            let names: Vec<String> = types.iter().map(PgType::display_name).collect();
            return Err(undefined_function(name, &names));
        };
        let (mut exprs, mut types) = (Vec::new(), Vec::new());
        for (index, argument) in arguments.into_iter().enumerate() {
            let wanted = function.argument(index);
            let argument = if argument.ty.is_unknown() {
                self.coerce(argument, &wanted.default_type())?
            } else if let Some(target) = wanted.conversion(&argument.ty) {
                self.coerce(argument, &target)?
            } else {
                argument
            };
            exprs.push(argument.expr);
            types.push(argument.ty);
        }
        let ty = function.result(&types);
        let types = types.into();
        Ok(Typed::new(Expr::Call { function, arguments: exprs, types }, ty))
    }

    /// Forms that look like calls but decide themselves what they evaluate.
    fn special(&mut self, name: &str, arguments: &[Typed]) -> Result<Option<Typed>, SqlError> {
        let list = || arguments.to_vec();
        Ok(Some(match (name, arguments) {
            ("coalesce", [_, ..]) => {
                let (exprs, ty) = self.same_type(list(), "COALESCE")?;
                Typed::new(Expr::Coalesce(exprs), ty)
            }
            ("greatest" | "least", [_, ..]) => {
                let (exprs, ty) = self.same_type(list(), &name.to_uppercase())?;
                Typed::new(Expr::Extreme(name == "greatest", exprs), ty)
            }
            ("nullif", [left, right]) => {
                let left = match left.ty.is_unknown() {
                    true => self.decided(left.clone())?,
                    false => left.clone(),
                };
                let equal = self.compared(left.clone(), Comparison::Equal, right.clone())?;
                let otherwise = Box::new(left.expr);
                let branches = vec![(equal, Expr::Constant(Value::Null))];
                Typed::new(Expr::Case { branches, otherwise }, left.ty)
            }
            ("row", _) => {
                let fields = arguments
                    .iter()
                    .enumerate()
                    .map(|(index, argument)| (format!("f{}", index + 1), argument.ty.clone()))
                    .collect();
                let exprs = arguments.iter().map(|argument| argument.expr.clone()).collect();
                Typed::new(Expr::Record(exprs), PgType::Record(fields))
            }
            ("pg_typeof", [argument]) => {
                let oid = Value::oid(argument.ty.oid());
                Typed::new(Expr::Constant(oid), PgType::Base(Base::RegType))
            }
            _ => return Ok(None),
        }))
    }

    /// A set-returning function in the SELECT list.
    fn set_in_select(&mut self, name: &str, arguments: Vec<Typed>) -> Result<Typed, SqlError> {
        if !self.frame().allowed.sets {
            let clause = self.frame().clause;
            let message = format!("set-returning functions are not allowed in {clause}");
            return Err(SqlError::new(SqlState::FeatureNotSupported, message));
        }
        let nested = arguments.iter().any(|argument| has_set(&argument.expr));
        if nested {
            return Err(unsupported("a set-returning function inside another"));
        }
        let (call, columns) = self.set_call(name, arguments)?;
        let is_single = columns.len() == 1;
        let ty = match is_single {
            true => columns[0].1.clone(),
            false => PgType::Record(columns.into()),
        };
        let sets = &mut self.frame().stages.sets;
        sets.push(call);
        let expr = Expr::Computed(Computed::Set(sets.len() - 1));
        Ok(Typed::new(expr, ty))
    }

    /// A call of the set-returning function `name`, and its columns.
    ///
    /// # Errors
    /// 42883 if it does not take these arguments.
    pub(super) fn set_call(
        &mut self,
        name: &str,
        arguments: Vec<Typed>,
    ) -> Result<(SetCall, Vec<(String, PgType)>), SqlError> {
        let types: Vec<PgType> = arguments.iter().map(|argument| argument.ty.clone()).collect();
        let Some(function) = function::find_set(name, &types) else {
            let names: Vec<String> = types.iter().map(PgType::display_name).collect();
            return Err(undefined_function(name, &names));
        };
        let (mut exprs, mut types) = (Vec::new(), Vec::new());
        for (argument, wanted) in arguments.into_iter().zip(function.arguments) {
            let argument = match argument.ty.is_unknown() {
                true => self.coerce(argument, &wanted.default_type())?,
                false => argument,
            };
            exprs.push(argument.expr);
            types.push(argument.ty);
        }
        let columns = (function.columns)(&types);
        let kind = SetKind::Function(function);
        let call = SetCall { kind, arguments: exprs, types: types.into(), width: columns.len() };
        Ok((call, columns))
    }

    /// The calls that SQL spells with keywords between the arguments.
    pub(super) fn spelled_call(&mut self, expr: &ast::Expr) -> Result<Typed, SqlError> {
        let (name, arguments): (&str, Vec<&ast::Expr>) = match expr {
            ast::Expr::Trim { trim_where, trim_what, expr, trim_characters } => {
                let name = match trim_where {
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                    _ => "btrim",
                };
                let characters = trim_characters.as_ref().and_then(|list| list.first());
                let what = trim_what.as_deref().or(characters);
                (name, std::iter::once(expr.as_ref()).chain(what).collect())
            }
            ast::Expr::Substring { expr, substring_from: Some(from), substring_for, .. } => {
                let rest = std::iter::once(from.as_ref()).chain(substring_for.as_deref());
                ("substring", std::iter::once(expr.as_ref()).chain(rest).collect())
            }
            ast::Expr::Position { expr, r#in } => ("strpos", vec![r#in, expr]),
            ast::Expr::Ceil { expr, .. } => ("ceil", vec![expr]),
            ast::Expr::Floor { expr, .. } => ("floor", vec![expr]),
            ast::Expr::Extract { field, expr, .. } => return self.extract(field, expr),
            ast::Expr::Interval(interval) => return self.interval(interval),
            other => return Err(unsupported(format!("the expression {other}"))),
        };
        let mut typed = Vec::with_capacity(arguments.len());
        for argument in arguments {
            typed.push(self.expr(argument)?);
        }
        self.call(name, typed)
    }

    fn extract(&mut self, field: &DateTimeField, expr: &ast::Expr) -> Result<Typed, SqlError> {
        let name = Value::text(field.to_string().to_lowercase());
        let operand = self.expr(expr)?;
        self.call("extract", vec![Typed::new(Expr::Constant(name), PgType::Text), operand])
    }

    fn interval(&mut self, interval: &ast::Interval) -> Result<Typed, SqlError> {
        let unit = interval.leading_field.as_ref().map(|field| format!(" {field}"));
        let ast::Expr::Value(literal) = interval.value.as_ref() else {
            return Err(unsupported("an interval that is not a literal"));
        };
        let text = match &literal.value {
            ast::Value::SingleQuotedString(text) => text.clone(),
            other => return Err(unsupported(format!("the interval {other}"))),
        };
        let text = format!("{text}{}", unit.unwrap_or_default());
        let literal = Typed::new(Expr::Constant(Value::text(text)), PgType::Unknown);
        self.coerce(literal, &PgType::Base(Base::Interval))
    }
}

fn has_set(expr: &Expr) -> bool {
    let mut found = false;
    expr.walk(&mut |expr| {
        found |= matches!(expr, Expr::Computed(Computed::Set(_)));
        true
    });
    found
}
