//! [`ScalarFunction`]: the functions of the system catalogue, for queries that run elsewhere.
//!
//! The one idea: the evaluator's functions need nothing but values and a context, so the query
//! engine can call the same ones in queries that mix user and system relations.

use arrow::array::ArrayRef;
use kappa_types::{SqlError, SqlType};

use crate::SystemContext;
use crate::error::mismatch;
use crate::function::{self, Function};
use crate::session::Session;
use crate::value::{PgType, Value, cast, from_arrow, to_arrow};

/// A function chosen for arguments of certain types.
#[derive(Clone, Debug)]
pub struct ScalarFunction {
    function: &'static Function,
    /// Types of the arguments as they come.
    given: Vec<PgType>,
    /// Types that the function gets.
    taken: Vec<PgType>,
    returns: PgType,
}

impl ScalarFunction {
    /// The function `name` (lower case, without schema) that takes arguments of these types; `None` if
    /// there is none. A text may stand where a name of an object is wanted.
    #[must_use]
    pub fn find(name: &str, arguments: &[SqlType]) -> Option<Self> {
        let given: Vec<PgType> = arguments.iter().map(PgType::from_sql).collect();
        let loose = |ty: &PgType| if *ty == PgType::Text { PgType::Unknown } else { ty.clone() };
        let loosened: Vec<PgType> = given.iter().map(loose).collect();
        let function = function::find(name, &given).or_else(|| function::find(name, &loosened))?;
        let taken = given.iter().enumerate().map(|(index, ty)| {
            let wanted = function.argument(index);
            if !wanted.accepts(ty) {
                return wanted.default_type();
            }
            wanted.conversion(ty).unwrap_or_else(|| ty.clone())
        });
        let taken: Vec<PgType> = taken.collect();
        let returns = function.result(&taken);
        Some(Self { function, given, taken, returns })
    }

    /// The type of its results.
    #[must_use]
    pub fn returns(&self) -> SqlType {
        self.returns.sql_type()
    }

    /// Its value for each of `row_count` rows; `arguments` are columns of that many rows.
    ///
    /// # Errors
    /// What the function reports for a row.
    pub fn evaluate(
        &self,
        context: &SystemContext,
        arguments: &[ArrayRef],
        row_count: usize,
    ) -> Result<ArrayRef, SqlError> {
        if arguments.len() != self.given.len() {
            return Err(mismatch("the number of arguments"));
        }
        let session = Session::new(context);
        let mut results = Vec::with_capacity(row_count);
        for row in 0..row_count {
            let mut values = Vec::with_capacity(arguments.len());
            for (array, (given, taken)) in arguments.iter().zip(self.given.iter().zip(&self.taken))
            {
                values.push(cast(&session, &from_arrow(array, row)?, given, taken)?);
            }
            let skips = self.function.strict && values.iter().any(Value::is_null);
            results.push(match skips {
                true => Value::Null,
                false => (self.function.evaluate)(&session, &values, &self.taken)?,
            });
        }
        to_arrow(&session, &results, &self.returns)
    }
}

/// The names of all functions, for the query engine to register.
pub fn scalar_function_names() -> impl Iterator<Item = &'static str> {
    function::names()
}
