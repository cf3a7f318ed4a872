//! One execution of a statement: what its stages share.

use crate::bound::Query;
use crate::session::Session;
use crate::value::{Row, Value};
use kappa_types::{SqlError, SqlState};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// Rows that a statement may make in all its stages together: a cross join of two large system
/// relations is refused rather than left to eat the memory.
pub(super) const ROW_COUNT_MAX: u64 = 20_000_000;
/// Rows between two looks at the interrupt.
pub(super) const ROWS_PER_CHECK: u64 = 4096;

/// A row per slot of a SELECT; slots not joined yet hold an empty row.
pub(super) type Tuple = Box<[Row]>;

/// Rows by the value of one column.
pub(super) type Index = HashMap<Value, Vec<usize>>;

/// The rows of a relation and what they were looked up by so far.
pub(super) struct Table {
    pub(super) rows: Arc<[Row]>,
    pub(super) indexes: RefCell<HashMap<usize, Rc<Index>>>,
}

/// What the stages of a SELECT have computed for the current row.
#[derive(Default)]
pub(super) struct Stage<'a> {
    pub(super) aggregates: &'a [Value],
    pub(super) windows: &'a [Value],
    pub(super) sets: &'a [Value],
}

/// The rows that an expression may refer to: the current one and those of the queries around.
pub(super) struct Scope<'a> {
    pub(super) tuple: &'a [Row],
    pub(super) stage: Stage<'a>,
    pub(super) outer: Option<&'a Scope<'a>>,
}

impl<'a> Scope<'a> {
    pub(super) const fn new(tuple: &'a [Row], outer: Option<&'a Self>) -> Self {
        let stage = Stage { aggregates: &[], windows: &[], sets: &[] };
        Scope { tuple, stage, outer }
    }

    /// The scope `depth` queries out.
    pub(super) fn at(&self, depth: usize) -> &Scope<'a> {
        let mut scope = self;
        for _ in 0..depth {
            scope = scope.outer.expect("the binder counted the queries around");
        }
        scope
    }
}

/// One execution of a statement.
pub(super) struct Run<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) parameters: &'a [Value],
    /// Relations that were read, by position in the built-in list.
    pub(super) tables: RefCell<HashMap<usize, Rc<Table>>>,
    /// Rows of the CTEs in force.
    pub(super) ctes: RefCell<HashMap<usize, Arc<[Row]>>>,
    /// Results of subqueries that refer to nothing outside.
    pub(super) results: RefCell<HashMap<usize, Rc<Vec<Row>>>>,
    /// The same as sets, for IN.
    pub(super) sets: RefCell<HashMap<usize, Rc<std::collections::HashSet<Value>>>>,
    pub(super) row_count: Cell<u64>,
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
    pub(super) fn count_row(&self) -> Result<(), SqlError> {
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
