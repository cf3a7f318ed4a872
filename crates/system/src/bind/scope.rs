//! [`Frame`]: what names mean inside one SELECT.

use datafusion::sql::sqlparser::ast::Ident;
use kappa_types::{SqlError, SqlState};

use super::{Binder, Stages, Typed};
use crate::bound::{Expr, NOT_CACHEABLE, SlotMask};
use crate::error::undefined_column;
use crate::value::PgType;

/// A column that can be named in a SELECT.
#[derive(Clone, Debug)]
pub(super) struct ScopeColumn {
    /// Alias or name of its relation; `None` for a column merged by USING.
    pub(super) qualifier: Option<String>,
    /// Namespace of its relation, where the relation has no alias.
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) expr: Expr,
    pub(super) ty: PgType,
    /// Whether `*` and the bare name mean it; not so for the sides of a merged column.
    pub(super) bare: bool,
    /// Whether `*` leaves it out although its name means it.
    pub(super) system: bool,
}

/// A relation that can be named as a whole.
#[derive(Clone, Debug)]
pub(super) struct ScopeTable {
    pub(super) name: String,
    pub(super) slot: usize,
    pub(super) fields: Vec<(String, PgType)>,
    /// Whether its first column, `oid`, is its primary key.
    pub(super) keyed: bool,
}

/// What may stand in the expression being bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Allowed {
    pub(super) aggregates: bool,
    pub(super) windows: bool,
    pub(super) sets: bool,
}

/// One SELECT under way.
#[derive(Default)]
pub(super) struct Frame {
    pub(super) columns: Vec<ScopeColumn>,
    pub(super) tables: Vec<ScopeTable>,
    /// Whether its columns can be seen; not so from a derived table that is not LATERAL.
    pub(super) hidden: bool,
    /// See [`crate::bound::Query::escapes`].
    pub(super) escapes: u64,
    /// Slots that were read since this was last cleared.
    pub(super) used: SlotMask,
    pub(super) widths: Vec<usize>,
    pub(super) allowed: Allowed,
    /// Name of the clause, for the message when something is not allowed.
    pub(super) clause: &'static str,
    pub(super) stages: Stages,
    /// Named windows of the WINDOW clause.
    pub(super) named_windows: Vec<(String, datafusion::sql::sqlparser::ast::WindowSpec)>,
}

/// A CTE that can be named.
#[derive(Clone)]
pub(super) struct VisibleCte {
    pub(super) name: String,
    pub(super) id: usize,
    pub(super) columns: Vec<(String, PgType)>,
    /// Number of frames around the query that defines it.
    pub(super) frame_count: usize,
}

/// A name folded to lower case unless quoted.
pub(super) fn fold(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

impl Binder<'_> {
    pub(super) fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("expressions are bound inside a SELECT")
    }

    /// Runs `bind` with a new frame around it and returns the frame too.
    pub(super) fn with_frame<T>(
        &mut self,
        bind: impl FnOnce(&mut Self) -> Result<T, SqlError>,
    ) -> Result<(T, Frame), SqlError> {
        self.frames.push(Frame::default());
        let result = bind(self);
        let frame = self.frames.pop().expect("the frame just pushed");
        Ok((result?, frame))
    }

    /// The column or whole row that `path` names, innermost SELECT first.
    ///
    /// # Errors
    /// 42703 and 42702; 42P01 for a relation that is not in FROM.
    pub(super) fn column(&mut self, path: &[Ident]) -> Result<Typed, SqlError> {
        let span = path[0].span;
        let names: Vec<String> = path.iter().map(fold).collect();
        for depth in 0..self.frames.len() {
            let index = self.frames.len() - 1 - depth;
            if self.frames[index].hidden {
                continue;
            }
            let found = find(&self.frames[index], &names).map_err(|e| self.locate(e, span))?;
            if let Some(found) = found {
                self.note_use(index, &found.expr);
                return Ok(Typed::new(shift(found.expr, depth), found.ty));
            }
        }
        Err(self.locate(self.missing(&names), span))
    }

    fn missing(&self, names: &[String]) -> SqlError {
        let qualified = names.join(".");
        let known = |table: &str| {
            self.frames.iter().any(|frame| frame.tables.iter().any(|known| known.name == table))
        };
        match names {
            [.., table, _] if !known(table) => SqlError::new(
                SqlState::UndefinedTable,
                format!("missing FROM-clause entry for table \"{table}\""),
            ),
            [name] => undefined_column(&format!("\"{name}\"")),
            _ => undefined_column(&qualified),
        }
    }

    /// Notes that the frame at `index` is read from the innermost frame.
    fn note_use(&mut self, index: usize, expr: &Expr) {
        let slots = slots_of(expr);
        let last = self.frames.len() - 1;
        self.frames[index].used |= slots;
        for crossed in index + 1..=last {
            self.frames[crossed].escapes |= 1 << (crossed - index).min(62);
        }
    }

    /// Notes that a CTE defined with `frame_count` frames around is read from the innermost frame.
    pub(super) fn note_cte(&mut self, frame_count: usize) {
        for frame in self.frames.iter_mut().skip(frame_count) {
            frame.escapes |= NOT_CACHEABLE;
        }
    }
}

/// The slots of the current SELECT that `expr` reads, subqueries aside.
pub(super) fn slots_of(expr: &Expr) -> SlotMask {
    let mut slots = 0;
    expr.walk(&mut |expr| {
        if let Expr::Column { depth: 0, slot, .. } | Expr::WholeRow { depth: 0, slot } = expr {
            slots |= 1 << slot;
        }
        true
    });
    slots
}

fn find(frame: &Frame, names: &[String]) -> Result<Option<Typed>, SqlError> {
    let fits = |column: &&ScopeColumn| match names {
        [name] => column.bare && column.name == *name,
        [qualifier, name] => column.name == *name && column.qualifier.as_ref() == Some(qualifier),
        [.., namespace, qualifier, name] => {
            column.name == *name
                && column.qualifier.as_ref() == Some(qualifier)
                && column.namespace.as_ref() == Some(namespace)
        }
        [] => false,
    };
    let mut found = frame.columns.iter().filter(fits);
    if let Some(first) = found.next() {
        if found.next().is_some() {
            let message = format!("column reference \"{}\" is ambiguous", first.name);
            return Err(SqlError::new(SqlState::AmbiguousColumn, message));
        }
        return Ok(Some(Typed::new(first.expr.clone(), first.ty.clone())));
    }
    let [name] = names else { return Ok(None) };
    let table = frame.tables.iter().find(|table| table.name == *name);
    Ok(table.map(|table| {
        let whole = Expr::WholeRow { depth: 0, slot: table.slot };
        Typed::new(whole, PgType::Record(table.fields.clone().into()))
    }))
}

/// `expr`, which is a column or a merge of columns, seen from `depth` frames further in.
fn shift(expr: Expr, depth: usize) -> Expr {
    match expr {
        Expr::Column { slot, column, .. } => Expr::Column { depth, slot, column },
        Expr::WholeRow { slot, .. } => Expr::WholeRow { depth, slot },
        Expr::Coalesce(list) => {
            Expr::Coalesce(list.into_iter().map(|expr| shift(expr, depth)).collect())
        }
        Expr::Cast { operand, from, to } => {
            Expr::Cast { operand: Box::new(shift(*operand, depth)), from, to }
        }
        other => other,
    }
}
