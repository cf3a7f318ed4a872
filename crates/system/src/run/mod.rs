//! The interpreter: a bound query to rows.
//!
//! The one idea: everything is small, so each stage makes its whole result before the next begins; what
//! keeps that fast is that conditions run as early as they may, that relations are joined by hash in
//! order of their true sizes, and that a subquery which gives the same result every time runs once.
//!
//! Nothing here knows names, and nothing outlives the statement.

mod aggregate;
mod arithmetic;
mod expr;
mod from;
mod pattern;
mod query;
mod select;
mod window;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use kappa_types::{SqlError, SqlState};

use crate::bound::Query;
use crate::session::Session;
use crate::value::{Row, Value};

/// Rows that a statement may make in all its stages together: a cross join of two large system
/// relations is refused rather than left to eat the memory.
const ROW_COUNT_MAX: u64 = 20_000_000;
/// Rows between two looks at the interrupt.
const ROWS_PER_CHECK: u64 = 4096;

/// A row per slot of a SELECT; slots not joined yet hold an empty row.
type Tuple = Box<[Row]>;

/// Rows by the value of one column.
type Index = HashMap<Value, Vec<usize>>;

/// The rows of a relation and what they were looked up by so far.
struct Table {
    rows: Arc<[Row]>,
    indexes: RefCell<HashMap<usize, Rc<Index>>>,
}

/// What the stages of a SELECT have computed for the current row.
#[derive(Default)]
struct Stage<'a> {
    aggregates: &'a [Value],
    windows: &'a [Value],
    sets: &'a [Value],
}

/// The rows that an expression may refer to: the current one and those of the queries around.
struct Scope<'a> {
    tuple: &'a [Row],
    stage: Stage<'a>,
    outer: Option<&'a Scope<'a>>,
}

impl<'a> Scope<'a> {
    const fn new(tuple: &'a [Row], outer: Option<&'a Self>) -> Self {
        let stage = Stage { aggregates: &[], windows: &[], sets: &[] };
        Scope { tuple, stage, outer }
    }

    /// The scope `depth` queries out.
    fn at(&self, depth: usize) -> &Scope<'a> {
        let mut scope = self;
        for _ in 0..depth {
            scope = scope.outer.expect("the binder counted the queries around");
        }
        scope
    }
}

/// One execution of a statement.
struct Run<'a> {
    session: &'a Session<'a>,
    parameters: &'a [Value],
    /// Relations that were read, by position in the built-in list.
    tables: RefCell<HashMap<usize, Rc<Table>>>,
    /// Rows of the CTEs in force.
    ctes: RefCell<HashMap<usize, Arc<[Row]>>>,
    /// Results of subqueries that refer to nothing outside.
    results: RefCell<HashMap<usize, Rc<Vec<Row>>>>,
    /// The same as sets, for IN.
    sets: RefCell<HashMap<usize, Rc<std::collections::HashSet<Value>>>>,
    row_count: Cell<u64>,
}

/// The rows of `query`.
///
/// # Errors
/// What evaluation reports; 57014 on interrupt; 54000 past the row bound.
pub(crate) fn run(
    session: &Session<'_>,
    query: &Query,
    parameters: &[Value],
) -> Result<Vec<Row>, SqlError> {
    let run = Run {
        session,
        parameters,
        tables: RefCell::default(),
        ctes: RefCell::default(),
        results: RefCell::default(),
        sets: RefCell::default(),
        row_count: Cell::new(0),
    };
    run.query(query, None)
}

impl Run<'_> {
    /// Counts one row that some stage made.
    fn count_row(&self) -> Result<(), SqlError> {
        let count = self.row_count.get() + 1;
        self.row_count.set(count);
        if count.is_multiple_of(ROWS_PER_CHECK) {
            self.session.context.state.check_interrupt()?;
        }
        if count > ROW_COUNT_MAX {
            let message = "the query makes too many intermediate rows";
            return Err(SqlError::new(SqlState::ProgramLimitExceeded, message)
                .with_hint("Join the system relations by their keys."));
        }
        Ok(())
    }
}
