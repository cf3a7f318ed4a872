//! Binary operators.

use datafusion::sql::sqlparser::ast::{self, BinaryOperator, Spanned};
use kappa_types::SqlError;

use super::types::common_number;
use super::{Binder, Typed};
use crate::bound::{Arithmetic, Comparison, Expr, Operator, PatternKind};
use crate::error::{undefined_operator, unsupported};
use crate::value::{Base, Family, PgType};

/// The operator with a boolean result that `operator` is; also in the form `OPERATOR(schema.~)`.
pub(super) fn boolean_operator(operator: &BinaryOperator) -> Option<Operator> {
    let compare = |comparison| Some(Operator::Compare(comparison));
    let pattern = |kind, insensitive, negated| Some(Operator::Match { kind, insensitive, negated });
    let like = PatternKind::Like(Some('\\'));
    match operator {
        BinaryOperator::Eq => compare(Comparison::Equal),
        BinaryOperator::NotEq => compare(Comparison::NotEqual),
        BinaryOperator::Lt => compare(Comparison::Less),
        BinaryOperator::LtEq => compare(Comparison::LessOrEqual),
        BinaryOperator::Gt => compare(Comparison::Greater),
        BinaryOperator::GtEq => compare(Comparison::GreaterOrEqual),
        BinaryOperator::PGRegexMatch => pattern(PatternKind::Regex, false, false),
        BinaryOperator::PGRegexIMatch => pattern(PatternKind::Regex, true, false),
        BinaryOperator::PGRegexNotMatch => pattern(PatternKind::Regex, false, true),
        BinaryOperator::PGRegexNotIMatch => pattern(PatternKind::Regex, true, true),
        BinaryOperator::PGLikeMatch => pattern(like, false, false),
        BinaryOperator::PGILikeMatch => pattern(like, true, false),
        BinaryOperator::PGNotLikeMatch => pattern(like, false, true),
        BinaryOperator::PGNotILikeMatch => pattern(like, true, true),
        BinaryOperator::PGCustomBinaryOperator(_) => boolean_operator(&plain(operator)?),
        _ => None,
    }
}

/// `OPERATOR(schema.symbol)` as the operator it names.
fn plain(operator: &BinaryOperator) -> Option<BinaryOperator> {
    let BinaryOperator::PGCustomBinaryOperator(path) = operator else {
        return Some(operator.clone());
    };
    let symbol = match path.as_slice() {
        [symbol] => symbol,
        [schema, symbol] if schema == "pg_catalog" => symbol,
        _ => return None,
    };
    Some(match symbol.as_str() {
        "=" => BinaryOperator::Eq,
        "<>" | "!=" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        "<=" => BinaryOperator::LtEq,
        ">" => BinaryOperator::Gt,
        ">=" => BinaryOperator::GtEq,
        "~" => BinaryOperator::PGRegexMatch,
        "~*" => BinaryOperator::PGRegexIMatch,
        "!~" => BinaryOperator::PGRegexNotMatch,
        "!~*" => BinaryOperator::PGRegexNotIMatch,
        "~~" => BinaryOperator::PGLikeMatch,
        "~~*" => BinaryOperator::PGILikeMatch,
        "!~~" => BinaryOperator::PGNotLikeMatch,
        "!~~*" => BinaryOperator::PGNotILikeMatch,
        "+" => BinaryOperator::Plus,
        "-" => BinaryOperator::Minus,
        "*" => BinaryOperator::Multiply,
        "/" => BinaryOperator::Divide,
        "%" => BinaryOperator::Modulo,
        "||" => BinaryOperator::StringConcat,
        "@>" => BinaryOperator::AtArrow,
        "<@" => BinaryOperator::ArrowAt,
        "&&" => BinaryOperator::PGOverlap,
        _ => return None,
    })
}

fn arithmetic(operator: &BinaryOperator) -> Option<Arithmetic> {
    Some(match operator {
        BinaryOperator::Plus => Arithmetic::Add,
        BinaryOperator::Minus => Arithmetic::Subtract,
        BinaryOperator::Multiply => Arithmetic::Multiply,
        BinaryOperator::Divide => Arithmetic::Divide,
        BinaryOperator::Modulo => Arithmetic::Remainder,
        BinaryOperator::PGExp => Arithmetic::Power,
        BinaryOperator::BitwiseAnd => Arithmetic::BitAnd,
        BinaryOperator::BitwiseOr => Arithmetic::BitOr,
        BinaryOperator::PGBitwiseXor => Arithmetic::BitXor,
        BinaryOperator::PGBitwiseShiftLeft => Arithmetic::ShiftLeft,
        BinaryOperator::PGBitwiseShiftRight => Arithmetic::ShiftRight,
        _ => return None,
    })
}

impl Binder<'_> {
    pub(super) fn binary(
        &mut self,
        left: &ast::Expr,
        operator: &BinaryOperator,
        right: &ast::Expr,
    ) -> Result<Typed, SqlError> {
        match operator {
            BinaryOperator::And => {
                let operands = vec![self.condition(left, "AND")?, self.condition(right, "AND")?];
                return Ok(Typed::new(Expr::And(operands), PgType::Bool));
            }
            BinaryOperator::Or => {
                let operands = vec![self.condition(left, "OR")?, self.condition(right, "OR")?];
                return Ok(Typed::new(Expr::Or(operands), PgType::Bool));
            }
            _ => {}
        }
        let span = left.span();
        let (left, right) = (self.expr(left)?, self.expr(right)?);
        let known = plain(operator)
            .ok_or_else(|| undefined_operator(None, &operator.to_string(), "unknown"))?;
        let result = if let Some(operator) = boolean_operator(&known) {
            self.operate(left, operator, right)
        } else if let Some(operator) = arithmetic(&known) {
            self.arithmetic(left, operator, &known.to_string(), right)
        } else {
            self.other_operator(left, &known, right)
        };
        result.map_err(|error| self.locate(error, span))
    }

    fn other_operator(
        &mut self,
        left: Typed,
        operator: &BinaryOperator,
        right: Typed,
    ) -> Result<Typed, SqlError> {
        let is_array = |typed: &Typed| matches!(typed.ty.family(), Family::Array);
        match operator {
            BinaryOperator::StringConcat => {
                let name = match (is_array(&left), is_array(&right)) {
                    (true, true) => "array_cat",
                    (true, false) if right.ty.is_unknown() => "array_cat",
                    (false, true) if left.ty.is_unknown() => "array_cat",
                    (true, false) => "array_append",
                    (false, true) => "array_prepend",
                    (false, false) => "textanycat",
                };
                let (left, right) = match (is_array(&left), is_array(&right)) {
                    (true, false) if right.ty.is_unknown() => {
                        let ty = left.ty.clone();
                        (left, self.coerce(right, &ty)?)
                    }
                    (false, true) if left.ty.is_unknown() => {
                        let ty = right.ty.clone();
                        (self.coerce(left, &ty)?, right)
                    }
                    _ => (left, right),
                };
                self.call(name, vec![left, right])
            }
            BinaryOperator::AtArrow | BinaryOperator::PGOverlap | BinaryOperator::ArrowAt => {
                let (left, right) = match operator {
                    BinaryOperator::ArrowAt => (right, left),
                    _ => (left, right),
                };
                let (left, right) = self.unified_typed(left, &operator.to_string(), right)?;
                let overlap = matches!(operator, BinaryOperator::PGOverlap);
                self.call(if overlap { "arrayoverlap" } else { "arraycontains" }, vec![left, right])
            }
            BinaryOperator::PGStartsWith => self.call("starts_with", vec![left, right]),
            other => Err(unsupported(format!("the operator {other}"))),
        }
    }

    /// `left operator right` with a boolean result.
    pub(super) fn operate(
        &mut self,
        left: Typed,
        operator: Operator,
        right: Typed,
    ) -> Result<Typed, SqlError> {
        let expr = match operator {
            Operator::Compare(comparison) => self.compared(left, comparison, right)?,
            Operator::Match { kind, insensitive, negated } => {
                let subject = self.string_operand(left)?;
                let pattern = self.string_operand(right)?;
                Expr::Match { kind, insensitive, negated, operands: Box::new((subject, pattern)) }
            }
        };
        Ok(Typed::new(expr, PgType::Bool))
    }

    fn string_operand(&mut self, typed: Typed) -> Result<Expr, SqlError> {
        let typed = self.decided(typed)?;
        if typed.ty.family() != Family::Text {
            return Err(undefined_operator(Some(&typed.ty.display_name()), "~~", "unknown"));
        }
        Ok(typed.expr)
    }

    pub(super) fn compared(
        &mut self,
        left: Typed,
        comparison: Comparison,
        right: Typed,
    ) -> Result<Expr, SqlError> {
        if let (Expr::Record(left_items), Expr::Record(right_items)) = (&left.expr, &right.expr)
            && left_items.len() == right_items.len()
        {
            return self.compared_rows(left, comparison, right);
        }
        let (left, right) = self.unified(left, comparison.symbol(), right)?;
        Ok(Expr::Compare(comparison, Box::new(left), Box::new(right)))
    }

    /// `(a, b) = (c, d)`: each pair in its own common type, then as records.
    fn compared_rows(
        &mut self,
        left: Typed,
        comparison: Comparison,
        right: Typed,
    ) -> Result<Expr, SqlError> {
        let fields = |typed: Typed| -> Vec<Typed> {
            match (typed.expr, typed.ty) {
                (Expr::Record(items), PgType::Record(types)) => items
                    .into_iter()
                    .zip(types.iter())
                    .map(|(item, (_, ty))| Typed::new(item, ty.clone()))
                    .collect(),
                (expr, ty) => vec![Typed::new(expr, ty)],
            }
        };
        let (mut lefts, mut rights) = (Vec::new(), Vec::new());
        for (left, right) in fields(left).into_iter().zip(fields(right)) {
            let (left, right) = self.unified(left, comparison.symbol(), right)?;
            lefts.push(left);
            rights.push(right);
        }
        if comparison == Comparison::Equal {
            let pairs = lefts.into_iter().zip(rights);
            let equal = |(left, right)| Expr::Compare(comparison, Box::new(left), Box::new(right));
            return Ok(Expr::And(pairs.map(equal).collect()));
        }
        let (left, right) = (Expr::Record(lefts), Expr::Record(rights));
        Ok(Expr::Compare(comparison, Box::new(left), Box::new(right)))
    }

    pub(super) fn unified(
        &mut self,
        left: Typed,
        symbol: &str,
        right: Typed,
    ) -> Result<(Expr, Expr), SqlError> {
        let (left, right) = self.unified_typed(left, symbol, right)?;
        Ok((left.expr, right.expr))
    }

    /// Both sides comparable, or 42883.
    pub(super) fn unified_typed(
        &mut self,
        left: Typed,
        symbol: &str,
        right: Typed,
    ) -> Result<(Typed, Typed), SqlError> {
        let names = (left.ty.display_name(), right.ty.display_name());
        let unified = self.unify(left, right)?;
        unified.ok_or_else(|| undefined_operator(Some(&names.0), symbol, &names.1))
    }

    fn arithmetic(
        &mut self,
        left: Typed,
        operator: Arithmetic,
        symbol: &str,
        right: Typed,
    ) -> Result<Typed, SqlError> {
        let left = self.number_like(left, &right.ty)?;
        let right = self.number_like(right, &left.ty)?;
        let undefined = |left: &Typed, right: &Typed| {
            undefined_operator(Some(&left.ty.display_name()), symbol, &right.ty.display_name())
        };
        let Some(common) = common_number(&number(&left.ty), &number(&right.ty)) else {
            let name = match (left.ty.family(), operator, right.ty.family()) {
                (Family::Instant | Family::Days, Arithmetic::Subtract, Family::Instant) => {
                    "timestamp_mi"
                }
                (Family::Instant, Arithmetic::Subtract, Family::Days) => "timestamp_mi",
                (Family::Instant | Family::Days, Arithmetic::Add, Family::Span) => {
                    "timestamp_pl_interval"
                }
                (Family::Instant | Family::Days, Arithmetic::Subtract, Family::Span) => {
                    "timestamp_mi_interval"
                }
                _ => return Err(undefined(&left, &right)),
            };
            return self.call(name, vec![left, right]);
        };
        let common = match operator {
            Arithmetic::Power if common.family() == Family::Integer => PgType::Float8,
            _ => common,
        };
        let base = common.base().unwrap_or(Base::Int8);
        let operands =
            Box::new((self.coerce(left, &common)?.expr, self.coerce(right, &common)?.expr));
        Ok(Typed::new(Expr::Arithmetic { operator, base, operands }, common))
    }

    /// A literal next to a number is a number of the same type.
    fn number_like(&mut self, typed: Typed, other: &PgType) -> Result<Typed, SqlError> {
        if !typed.ty.is_unknown() {
            return Ok(typed);
        }
        let target = match other.family() {
            Family::Instant | Family::Days | Family::Span => PgType::Base(Base::Interval),
            _ if other.is_unknown() => PgType::Int4,
            _ => number(other),
        };
        self.coerce(typed, &target)
    }
}

/// OIDs count as `bigint`.
fn number(ty: &PgType) -> PgType {
    match ty {
        PgType::Base(base) if base.family() == Family::Integer && base.number_rank().is_none() => {
            PgType::Int8
        }
        other => other.clone(),
    }
}
