//! Literals and parameters.

use datafusion::sql::sqlparser::ast::{self, Value as Literal};
use kappa_types::{SqlError, SqlState};

use super::{Binder, PARAMETER_COUNT_MAX, Typed};
use crate::bound::Expr;
use crate::error::unsupported;
use crate::value::{Decimal, PgType, Value};

impl Binder<'_> {
    pub(super) fn literal(&mut self, literal: &Literal) -> Result<Typed, SqlError> {
        let unknown = |text: &str| Typed::new(Expr::Constant(Value::text(text)), PgType::Unknown);
        Ok(match literal {
            Literal::Number(digits, _) => number(digits)?,
            Literal::SingleQuotedString(text)
            | Literal::EscapedStringLiteral(text)
            | Literal::UnicodeStringLiteral(text)
            | Literal::NationalStringLiteral(text) => unknown(text),
            Literal::DollarQuotedString(text) => unknown(&text.value),
            Literal::Boolean(value) => {
                Typed::new(Expr::Constant(Value::Bool(*value)), PgType::Bool)
            }
            Literal::Null => Typed::new(Expr::Constant(Value::Null), PgType::Unknown),
            Literal::Placeholder(name) => self.parameter(name)?,
            other => return Err(unsupported(format!("the literal {other}"))),
        })
    }

    fn parameter(&mut self, name: &str) -> Result<Typed, SqlError> {
        let undefined = || {
            let message = format!("there is no parameter {name}");
            SqlError::new(SqlState::UndefinedParameter, message)
        };
        let number: usize =
            name.strip_prefix('$').and_then(|digits| digits.parse().ok()).ok_or_else(undefined)?;
        if number == 0 || number > PARAMETER_COUNT_MAX {
            return Err(undefined());
        }
        if self.parameters.len() < number {
            self.parameters.resize(number, None);
        }
        let ty = self.parameters[number - 1].clone().unwrap_or(PgType::Unknown);
        Ok(Typed::new(Expr::Parameter(number - 1), ty))
    }
}

/// An integer literal has the smallest type from integer on that holds it; one with a point or an
/// exponent is numeric.
fn number(digits: &str) -> Result<Typed, SqlError> {
    if let Ok(value) = digits.parse::<i64>() {
        let ty = if i32::try_from(value).is_ok() { PgType::Int4 } else { PgType::Int8 };
        return Ok(Typed::new(Expr::Constant(Value::Int(value)), ty));
    }
    let decimal = Decimal::parse(digits).ok_or_else(|| crate::error::out_of_range("numeric"))?;
    Ok(Typed::new(Expr::Constant(Value::Decimal(decimal)), PgType::Numeric))
}

/// The single character of an ESCAPE clause; `Some(None)` for `ESCAPE ''`.
pub(super) fn escape_character(
    literal: Option<&ast::ValueWithSpan>,
) -> Result<Option<char>, SqlError> {
    let Some(literal) = literal else { return Ok(Some('\\')) };
    let text = match &literal.value {
        Literal::SingleQuotedString(text) | Literal::EscapedStringLiteral(text) => text,
        other => return Err(unsupported(format!("ESCAPE {other}"))),
    };
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (first, None) => Ok(first),
        _ => Err(SqlError::new(SqlState::InvalidEscapeSequence, "invalid escape string")
            .with_hint("Escape string must be empty or one character.")),
    }
}
