//! Operators: which one is meant by a symbol between two types.
//!
//! Comparisons and logic become DataFusion's own operators over operands of one type, so that the
//! optimizer understands them; arithmetic becomes kernels of ours.

use arrow::datatypes::FieldRef;
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::logical_expr::expr::{BinaryExpr, Like};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{Expr, ExprSchemable, Operator, ScalarUDF};
use kappa_types::{SqlError, SqlState, SqlType};

use super::expression::{is_canonical, with_position};
use super::types::{Family, family};
use super::{Conversion, Parameters, Resolver, Type, common_type};
use crate::error::from_datafusion;
use crate::function::{arithmetic, compared, one_nan};

impl Resolver<'_> {
    /// `left op right` of resolved operands.
    pub(super) fn binary(
        &self,
        op: &str,
        left: Expr,
        right: Expr,
        schema: &DFSchema,
        position: Option<usize>,
    ) -> Result<Expr, SqlError> {
        let comparison = match op {
            "=" => Some(Operator::Eq),
            "<>" | "!=" => Some(Operator::NotEq),
            "<" => Some(Operator::Lt),
            "<=" => Some(Operator::LtEq),
            ">" => Some(Operator::Gt),
            ">=" => Some(Operator::GtEq),
            "IS DISTINCT FROM" => Some(Operator::IsDistinctFrom),
            "IS NOT DISTINCT FROM" => Some(Operator::IsNotDistinctFrom),
            _ => None,
        };
        let result = match comparison {
            Some(comparison) => self.comparison(op, comparison, left, right, schema),
            None => self.other_binary(op, left, right, schema),
        };
        result.map_err(|error| with_position(error, position))
    }

    fn comparison(
        &self,
        symbol: &str,
        op: Operator,
        left: Expr,
        right: Expr,
        schema: &DFSchema,
    ) -> Result<Expr, SqlError> {
        let types = [self.type_of(&left, schema)?, self.type_of(&right, schema)?];
        let symbol = if symbol.starts_with("IS ") { "=" } else { symbol };
        let common = comparable_type(&types)
            .ok_or_else(|| undefined_operator(symbol, &types[0], &types[1]))?;
        let left = self.coerce(left, &common, schema, Conversion::Implicit)?;
        let right = self.coerce(right, &common, schema, Conversion::Implicit)?;
        let [left, right] = [left, right].map(|side| compared(side, &common, self.context));
        Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
    }

    fn other_binary(
        &self,
        op: &str,
        left: Expr,
        right: Expr,
        schema: &DFSchema,
    ) -> Result<Expr, SqlError> {
        match op {
            "~~" | "!~~" | "~~*" | "!~~*" => self.like(op, left, right, schema),
            "||" => self.concatenation(left, right, schema),
            "->" | "->>" | "#>" | "#>>" | "@>" | "<@" | "?" | "?|" | "?&" | "&&" | "&" | "|"
            | "#" | "<<" | ">>" | "^@" | "~" | "!~" | "~*" | "!~*" => {
                self.operator_function(op, left, right, schema)
            }
            "+" | "-" | "*" | "/" | "%" | "^" => {
                let types = [self.type_of(&left, schema)?, self.type_of(&right, schema)?];
                let chosen = arithmetic(op, &types)?;
                let left = self.coerce(left, &chosen.left, schema, Conversion::Implicit)?;
                let right = self.coerce(right, &chosen.right, schema, Conversion::Implicit)?;
                Ok(chosen.call(left, right, self.context))
            }
            _ => {
                let types = [self.type_of(&left, schema)?, self.type_of(&right, schema)?];
                Err(undefined_operator(op, &types[0], &types[1]))
            }
        }
    }

    /// Operators that are functions under the operator's name.
    fn operator_function(
        &self,
        op: &str,
        left: Expr,
        right: Expr,
        schema: &DFSchema,
    ) -> Result<Expr, SqlError> {
        let types = [self.type_of(&left, schema)?, self.type_of(&right, schema)?];
        if op != "||" && self.registry.overloads(op).is_none() {
            return Err(undefined_operator(op, &types[0], &types[1]));
        }
        self.function(op, vec![left, right], schema).map_err(|error| match error.state {
            SqlState::UndefinedFunction => undefined_operator(op, &types[0], &types[1]),
            SqlState::AmbiguousFunction => ambiguous_operator(op, &types[0], &types[1]),
            _ => error,
        })
    }

    fn like(&self, op: &str, left: Expr, right: Expr, schema: &DFSchema) -> Result<Expr, SqlError> {
        let [left, right] = self.two_texts(op, left, right, schema)?;
        Ok(Expr::Like(Like::new(
            op.starts_with('!'),
            Box::new(left),
            Box::new(right),
            None,
            op.ends_with('*'),
        )))
    }

    fn two_texts(
        &self,
        op: &str,
        left: Expr,
        right: Expr,
        schema: &DFSchema,
    ) -> Result<[Expr; 2], SqlError> {
        let types = [self.type_of(&left, schema)?, self.type_of(&right, schema)?];
        let is_text =
            |t: &Type| t.known().is_none_or(|t| family(t) == Family::Text || *t == SqlType::Char);
        if !types.iter().all(is_text) {
            return Err(undefined_operator(op, &types[0], &types[1]));
        }
        Ok([
            self.coerce(left, &SqlType::Text, schema, Conversion::Implicit)?,
            self.coerce(right, &SqlType::Text, schema, Conversion::Implicit)?,
        ])
    }

    /// `||`: text with anything, arrays, jsonb, bytea.
    fn concatenation(&self, left: Expr, right: Expr, schema: &DFSchema) -> Result<Expr, SqlError> {
        let types = [self.type_of(&left, schema)?, self.type_of(&right, schema)?];
        let is_text =
            |t: &Type| t.known().is_none_or(|t| family(t) == Family::Text || *t == SqlType::Char);
        let special = types
            .iter()
            .filter_map(Type::known)
            .any(|t| matches!(t, SqlType::Array(_) | SqlType::Jsonb | SqlType::Bytea));
        if special {
            return self.operator_function("||", left, right, schema);
        }
        if !types.iter().any(is_text) {
            return Err(undefined_operator("||", &types[0], &types[1]));
        }
        let left = self.coerce(left, &SqlType::Text, schema, Conversion::Explicit)?;
        let right = self.coerce(right, &SqlType::Text, schema, Conversion::Explicit)?;
        Ok(Expr::BinaryExpr(BinaryExpr::new(
            Box::new(left),
            Operator::StringConcat,
            Box::new(right),
        )))
    }

    /// `op expr` of a resolved operand.
    pub(super) fn unary(&self, op: &str, expr: Expr, schema: &DFSchema) -> Result<Expr, SqlError> {
        let given = self.type_of(&expr, schema)?;
        let name = match op {
            "-" => "unary -",
            "+" => match &given {
                Type::Known(t) if t.is_numeric() => return Ok(expr),
                Type::Unknown => {
                    return self.coerce(expr, &SqlType::Double, schema, Conversion::Implicit);
                }
                Type::Known(_) => return Err(undefined_prefix(op, &given)),
            },
            "@" => "abs",
            "|/" => "sqrt",
            "||/" => "cbrt",
            "~" => "unary ~",
            _ => return Err(undefined_prefix(op, &given)),
        };
        self.function(name, vec![expr], schema).map_err(|error| match error.state {
            SqlState::UndefinedFunction => undefined_prefix(op, &given),
            SqlState::AmbiguousFunction => SqlError::new(
                SqlState::AmbiguousFunction,
                format!("operator is not unique: {op} {given}"),
            )
            .with_hint(
                "Could not choose a best candidate operator. You might need to add explicit type casts.",
            ),
            _ => error,
        })
    }

    /// `left op ANY (array)` and `left op ALL (array)`.
    pub(super) fn quantified(
        &self,
        op: &str,
        all: bool,
        left: Expr,
        right: Expr,
        schema: &DFSchema,
    ) -> Result<Expr, SqlError> {
        let left_type = self.type_of(&left, schema)?;
        let right_type = self.type_of(&right, schema)?;
        let element = match &right_type {
            Type::Known(SqlType::Array(element)) => element.as_ref().clone(),
            Type::Unknown => left_type.known().cloned().unwrap_or(SqlType::Text),
            Type::Known(_) => {
                let what = if all { "ALL" } else { "ANY" };
                return Err(SqlError::new(
                    SqlState::WrongObjectType,
                    format!("op {what} (array) requires array on right side"),
                ));
            }
        };
        let common = comparable_type(&[left_type.clone(), Type::Known(element.clone())])
            .ok_or_else(|| undefined_operator(op, &left_type, &Type::Known(element)))?;
        let left = self.coerce(left, &common, schema, Conversion::Implicit)?;
        let array = SqlType::Array(Box::new(common.clone()));
        let right = self.coerce(right, &array, schema, Conversion::Explicit)?;
        crate::function::quantified(op, all, left, right, &common, self.context)
    }

    /// A function of DataFusion or of the caller, whose result is converted to a type of ours.
    pub(crate) fn foreign(
        &self,
        function: &std::sync::Arc<ScalarUDF>,
        args: Vec<Expr>,
        schema: &DFSchema,
    ) -> Result<Expr, SqlError> {
        use datafusion::logical_expr::Volatility;
        if self.in_view && function.signature().volatility != Volatility::Immutable {
            return Err(refused_in_view(function.name()));
        }
        let args = coerced(function, args, schema).map_err(|error| from_datafusion(&error))?;
        let call = datafusion::logical_expr::expr::ScalarFunction::new_udf(function.clone(), args);
        let result = self.canonical(Expr::ScalarFunction(call), schema)?;
        Ok(match self.type_of(&result, schema)? {
            // DataFusion's functions have NaNs of either sign; ours have one.
            Type::Known(float @ (SqlType::Real | SqlType::Double)) => {
                one_nan(result, &float, self.context)
            }
            _ => result,
        })
    }

    /// An expression of DataFusion's types as one of ours.
    pub(crate) fn canonical(&self, expr: Expr, schema: &DFSchema) -> Result<Expr, SqlError> {
        let (_, field) = expr.to_field(schema).map_err(|error| from_datafusion(&error))?;
        if is_canonical(field.data_type())
            && field.data_type() != &arrow::datatypes::DataType::LargeUtf8
        {
            return Ok(expr);
        }
        if field.data_type() == &arrow::datatypes::DataType::LargeUtf8
            && field.metadata().contains_key(kappa_types::SQL_TYPE_KEY)
        {
            return Ok(expr);
        }
        use arrow::datatypes::DataType;
        let sql_type = match field.data_type() {
            DataType::LargeUtf8 => SqlType::Text,
            DataType::Null => return Ok(expr),
            other => SqlType::from_arrow(other).ok_or_else(|| {
                SqlError::unsupported(
                    format!("a result of type {other} is not supported"),
                    "There is no SQL type for it.",
                )
            })?,
        };
        let sql_type = match sql_type {
            SqlType::Numeric(Some((_, scale))) if scale < 0 => SqlType::Numeric(Some((38, 0))),
            SqlType::Oid => SqlType::BigInt,
            other => other,
        };
        let target = sql_type.field("cast", true);
        Ok(Expr::Cast(datafusion::logical_expr::expr::Cast::new_from_field(
            Box::new(expr),
            target.into(),
        )))
    }

    /// Functions that are not values: the moment, conversions with a literal, and the like.
    pub(super) fn special(
        &self,
        name: &str,
        args: &[Expr],
        schema: &DFSchema,
    ) -> Result<Option<Expr>, SqlError> {
        crate::function::special(self, name, args, schema)
    }

    /// 0A000 in a view, else nothing.
    pub(crate) fn refuse_in_view(&self, name: &str) -> Result<(), SqlError> {
        if self.in_view { Err(refused_in_view(name)) } else { Ok(()) }
    }

    /// `left = right` of resolved operands.
    pub(crate) fn equal(
        &self,
        left: Expr,
        right: Expr,
        schema: &DFSchema,
    ) -> Result<Expr, SqlError> {
        self.binary("=", left, right, schema, None)
    }

    /// The type of a resolved expression; text if unknown.
    pub(crate) fn sql_type(&self, expr: &Expr, schema: &DFSchema) -> Result<SqlType, SqlError> {
        Ok(self.type_of(expr, schema)?.known().cloned().unwrap_or(SqlType::Text))
    }

    /// The name of a resolved expression's type, unknown included.
    pub(crate) fn type_name(&self, expr: &Expr, schema: &DFSchema) -> Result<String, SqlError> {
        Ok(self.type_of(expr, schema)?.to_string())
    }

    /// A function of DataFusion or of the caller.
    pub(crate) fn foreign_function(&self, name: &str) -> Option<std::sync::Arc<ScalarUDF>> {
        self.registry.scalar(name).cloned()
    }

    /// The parameters of the statement.
    pub(crate) const fn parameters(&self) -> &Parameters {
        self.parameters
    }

    /// The settings that functions see.
    pub(crate) const fn context(&self) -> crate::function::FunctionContext {
        self.context
    }
}

/// Arguments of a function of DataFusion as it takes them. Its analyzer does the same to a query, but
/// does not see the expressions of a view.
fn coerced(
    function: &ScalarUDF,
    args: Vec<Expr>,
    schema: &DFSchema,
) -> Result<Vec<Expr>, DataFusionError> {
    let fields = args
        .iter()
        .map(|arg| arg.to_field(schema).map(|(_, field)| field))
        .collect::<Result<Vec<_>, _>>()?;
    let wanted = fields_with_udf(&fields, function)?;
    let convert = |(arg, (is, to)): (Expr, (&FieldRef, &FieldRef))| match arg {
        arg if is.data_type() == to.data_type() => Ok(arg),
        Expr::Literal(value, _) => Ok(Expr::Literal(value.cast_to(to.data_type())?, None)),
        arg => arg.cast_to(to.data_type(), schema),
    };
    args.into_iter().zip(fields.iter().zip(&wanted)).map(convert).collect()
}

/// The type in which two operands of a comparison meet, if there is a comparison of it.
pub(super) fn comparable_type(types: &[Type; 2]) -> Option<SqlType> {
    let mut common = common_type(types)?;
    if common == SqlType::Real && types.iter().filter_map(Type::known).any(|t| *t != common) {
        // There is no comparison of real and another number: both become double precision.
        common = SqlType::Double;
    }
    let comparable = !matches!(common, SqlType::Json);
    comparable.then_some(common)
}

fn refused_in_view(name: &str) -> SqlError {
    let error = SqlError::new(
        SqlState::FeatureNotSupported,
        format!("function {name}() cannot be used in a view: its value changes by itself"),
    );
    match name {
        "now"
        | "current_timestamp"
        | "current_date"
        | "localtimestamp"
        | "transaction_timestamp"
        | "statement_timestamp"
        | "current_time"
        | "localtime"
        | "age" => error.with_hint(
            "Temporal filters come later; filter by time in the query that reads the view.",
        ),
        _ => error.with_hint("Use it in the query that reads the view."),
    }
}

/// 42883 for an operator between two types.
pub(crate) fn undefined_operator(op: &str, left: &Type, right: &Type) -> SqlError {
    SqlError::new(
        SqlState::UndefinedFunction,
        format!("operator does not exist: {left} {op} {right}"),
    )
    .with_hint(
        "No operator matches the given name and argument types. You might need to add explicit type casts.",
    )
}

fn undefined_prefix(op: &str, operand: &Type) -> SqlError {
    SqlError::new(
        SqlState::UndefinedFunction,
        format!("operator does not exist: {op} {operand}"),
    )
    .with_hint(
        "No operator matches the given name and argument type. You might need to add an explicit type cast.",
    )
}

/// 42725 for an operator between two types.
pub(crate) fn ambiguous_operator(op: &str, left: &Type, right: &Type) -> SqlError {
    SqlError::new(
        SqlState::AmbiguousFunction,
        format!("operator is not unique: {left} {op} {right}"),
    )
    .with_hint(
        "Could not choose a best candidate operator. You might need to add explicit type casts.",
    )
}
