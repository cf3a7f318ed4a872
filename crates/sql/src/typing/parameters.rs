//! [`Parameters`]: the types of `$1`, `$2`, … as they become known.

use std::cell::{Cell, RefCell};

use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Placeholder;
use kappa_types::{SqlError, SqlState, SqlType};

/// Most parameters of a statement: what the protocol can count.
const PARAMETER_COUNT_MAX: usize = 65_535;

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

    /// Decides the type of a parameter that has none yet. Only numeric keeps its modifiers: a value
    /// at the scale of the first use may have all 38 digits, at that of `numeric` it could not.
    pub(crate) fn decide(&self, index: usize, sql_type: &SqlType) -> SqlType {
        if let Some(present) = self.see(index) {
            return present;
        }
        let plain = match sql_type {
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
