//! [`Parameters`]: the types of `$1`, `$2`, … as they become known.

use std::cell::{Cell, RefCell};

use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Placeholder;
use kappa_types::{NUMERIC_PRECISION_MAX, SqlError, SqlState, SqlType, UNCONSTRAINED_SCALE};

use super::Conversion;

/// Most parameters of a statement: what the protocol can count.
const PARAMETER_COUNT_MAX: usize = 65_535;

/// Most digits in front of the point of a `numeric` without modifiers.
const WHOLE_DIGITS_MAX: i16 = NUMERIC_PRECISION_MAX as i16 - UNCONSTRAINED_SCALE as i16;

/// The types of the parameters of one statement. Those that the client named are fixed; of the
/// others the first use decides.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    types: RefCell<Vec<Option<SqlType>>>,
    uses_now: Cell<bool>,
}

impl Parameters {
    /// Parameters with the types a client gave; 0 means none given.
    pub(crate) fn new(oids: &[u32]) -> Result<Self, SqlError> {
        let types = oids
            .iter()
            .map(|oid| match oid {
                0 | 705 => Ok(None),
                oid => SqlType::from_oid(*oid).map(Some).ok_or_else(|| {
                    SqlError::new(
                        SqlState::UndefinedObject,
                        format!("type with OID {oid} of a parameter does not exist"),
                    )
                }),
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { types: RefCell::new(types), uses_now: Cell::new(false) })
    }

    /// The index of a placeholder's id, `$1` being 0.
    pub(crate) fn index(id: &str) -> Result<usize, SqlError> {
        let number = id.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok());
        match number {
            Some(number) if (1..=PARAMETER_COUNT_MAX).contains(&number) => Ok(number - 1),
            _ => Err(SqlError::new(
                SqlState::UndefinedParameter,
                format!("there is no parameter {id}"),
            )),
        }
    }

    /// Notes that a parameter exists; its type if known.
    pub(crate) fn see(&self, index: usize) -> Option<SqlType> {
        let mut types = self.types.borrow_mut();
        if types.len() <= index {
            types.resize(index + 1, None);
        }
        types[index].clone()
    }

    /// Decides the type of a parameter that has none yet, without modifiers. Only a cast to a
    /// numeric of more whole digits than plain `numeric` has, or a column of it, gives the scale too.
    pub(crate) fn decide(
        &self,
        index: usize,
        sql_type: &SqlType,
        conversion: Conversion,
    ) -> SqlType {
        if let Some(present) = self.see(index) {
            return present;
        }
        let plain = match sql_type {
            SqlType::Numeric(Some((precision, scale)))
                if conversion != Conversion::Implicit
                    && i16::from(*precision) - i16::from(*scale) > WHOLE_DIGITS_MAX =>
            {
                sql_type.clone()
            }
            SqlType::Numeric(_) => SqlType::Numeric(None),
            SqlType::Varchar(_) => SqlType::Varchar(None),
            other => other.clone(),
        };
        self.types.borrow_mut()[index] = Some(plain.clone());
        plain
    }

    /// All types; undecided ones are text.
    pub(crate) fn finish(&self) -> Vec<SqlType> {
        self.types.borrow().iter().map(|t| t.clone().unwrap_or(SqlType::Text)).collect()
    }

    /// The expression of a parameter with a type.
    pub(crate) fn expression(index: usize, sql_type: &SqlType) -> Expr {
        let field = sql_type.field(&format!("${}", index + 1), true);
        Expr::Placeholder(Placeholder::new_with_field(
            format!("${}", index + 1),
            Some(field.into()),
        ))
    }

    /// Notes that a value of the clock is in the statement.
    pub(crate) fn use_now(&self) {
        self.uses_now.set(true);
    }

    /// Whether a value of the clock is in the statement.
    pub(crate) fn uses_now(&self) -> bool {
        self.uses_now.get()
    }
}
