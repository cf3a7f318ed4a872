//! Types of expressions: how literals and parameters take the type of their place, and which common
//! type two sides have.

use datafusion::sql::sqlparser::ast::{self, DataType};
use kappa_types::{SqlError, SqlState};

use super::{Binder, Typed};
use crate::bound::{Body, Expr, Query};
use crate::error::cannot_cast;
use crate::value::{Base, Family, PgType, Value, cast, evaluable, type_named};

impl Binder<'_> {
    /// `typed` as a value of `target`, as an assignment or argument converts it.
    ///
    /// # Errors
    /// 22P02 for a literal that is none of that type.
    pub(super) fn coerce(&mut self, typed: Typed, target: &PgType) -> Result<Typed, SqlError> {
        if typed.ty == *target {
            return Ok(typed);
        }
        match typed.expr {
            Expr::Parameter(index) if typed.ty.is_unknown() => {
                self.parameters[index] = Some(target.clone());
                Ok(Typed::new(Expr::Parameter(index), target.clone()))
            }
            Expr::Constant(value) if typed.ty.is_unknown() => self.literal_as(value, target),
            expr if same_form(&typed.ty, target) => Ok(Typed::new(expr, target.clone())),
            expr => Ok(convert(Typed::new(expr, typed.ty), target)),
        }
    }

    /// A literal read as `target` now, except names of objects, which are looked up when it runs.
    fn literal_as(&mut self, value: Value, target: &PgType) -> Result<Typed, SqlError> {
        let is_name = target.base().is_some_and(Base::is_reg);
        if is_name && !value.is_null() {
            let literal = Typed::new(Expr::Constant(value), PgType::Unknown);
            return Ok(convert(literal, target));
        }
        let value = cast(self.session, &value, &PgType::Unknown, target)?;
        Ok(Typed::new(Expr::Constant(value), target.clone()))
    }

    /// A literal or parameter that nothing decided is text.
    pub(super) fn decided(&mut self, typed: Typed) -> Result<Typed, SqlError> {
        if typed.ty.is_unknown() { self.coerce(typed, &PgType::Text) } else { Ok(typed) }
    }

    /// Both sides in a type in which their values compare; `None` if there is none.
    pub(super) fn unify(
        &mut self,
        left: Typed,
        right: Typed,
    ) -> Result<Option<(Typed, Typed)>, SqlError> {
        let Some(common) = common_type(&left.ty, &right.ty) else { return Ok(None) };
        let left = self.comparable(left, &common)?;
        let right = self.comparable(right, &common)?;
        Ok(Some((left, right)))
    }

    /// `typed` held as values of `common` are; its own type stays if that is so already.
    fn comparable(&mut self, typed: Typed, common: &PgType) -> Result<Typed, SqlError> {
        if !typed.ty.is_unknown() && same_form(&typed.ty, common) {
            return Ok(typed);
        }
        self.coerce(typed, common)
    }

    /// All of `list` as one type: that of a CASE, an ARRAY, a set operation.
    ///
    /// # Errors
    /// 42804 if they have none in common.
    pub(super) fn same_type(
        &mut self,
        list: Vec<Typed>,
        what: &str,
    ) -> Result<(Vec<Expr>, PgType), SqlError> {
        let mut common = PgType::Unknown;
        for typed in &list {
            common = match result_type(&common, &typed.ty) {
                Some(common) => common,
                None => return Err(mismatched(what, &common, &typed.ty)),
            };
        }
        if common.is_unknown() {
            common = PgType::Text;
        }
        let mut exprs = Vec::with_capacity(list.len());
        for typed in list {
            exprs.push(self.coerce(typed, &common)?.expr);
        }
        Ok((exprs, common))
    }

    /// `operand :: data_type`
    pub(super) fn cast_to(
        &mut self,
        operand: &ast::Expr,
        data_type: &DataType,
    ) -> Result<Typed, SqlError> {
        let name = type_named(self.session, &data_type.to_string())?;
        let target = evaluable(self.session, name.oid)?;
        if let (ast::Expr::Array(array), PgType::Array(element)) = (operand, &target) {
            let element = PgType::Base(*element);
            let mut items = Vec::new();
            for item in &array.elem {
                let item = self.expr(item)?;
                items.push(self.explicit(item, &element)?.expr);
            }
            return Ok(Typed::new(Expr::Array(items), target));
        }
        let operand = self.expr(operand)?;
        let cast = self.explicit(operand, &target)?;
        self.modified(cast, name.typmod)
    }

    /// `typed` within the length or scale of its type's modifier.
    fn modified(&mut self, typed: Typed, typmod: i32) -> Result<Typed, SqlError> {
        let integer =
            |value: i32| Typed::new(Expr::Constant(Value::Int(value.into())), PgType::Int4);
        if typmod < 4 {
            return Ok(typed);
        }
        let (length, ty) = (typmod - 4, typed.ty.clone());
        let modified = match &ty {
            PgType::Base(Base::Varchar) => self.call("left", vec![typed, integer(length)])?,
            PgType::Base(Base::BpChar) => self.call("rpad", vec![typed, integer(length)])?,
            PgType::Base(Base::Numeric) => {
                self.call("round", vec![typed, integer(length & 0x7ff)])?
            }
            _ => return Ok(typed),
        };
        Ok(Typed::new(modified.expr, ty))
    }

    /// As CAST converts.
    pub(super) fn explicit(&mut self, typed: Typed, target: &PgType) -> Result<Typed, SqlError> {
        if typed.ty.is_unknown() {
            return self.coerce(typed, target);
        }
        if typed.ty == *target {
            return Ok(typed);
        }
        if !can_cast(&typed.ty, target) {
            return Err(cannot_cast(&typed.ty.display_name(), &target.display_name()));
        }
        Ok(convert(typed, target))
    }

    /// Columns that nothing decided leave as text.
    pub(super) fn with_known_types(&mut self, mut query: Query) -> Query {
        for (_, ty) in &mut query.columns {
            if ty.is_unknown() {
                *ty = PgType::Text;
            }
        }
        // An undecided parameter in the SELECT list is text too; that is the default for parameters.
        if let Body::Nested(nested) = query.body {
            query.body = Body::Nested(Box::new(self.with_known_types(*nested)));
        }
        query
    }
}

fn convert(typed: Typed, target: &PgType) -> Typed {
    let cast = Expr::Cast { operand: Box::new(typed.expr), from: typed.ty, to: target.clone() };
    Typed::new(cast, target.clone())
}

fn mismatched(what: &str, left: &PgType, right: &PgType) -> SqlError {
    let (left, right) = (left.display_name(), right.display_name());
    let message = format!("{what} types {left} and {right} cannot be matched");
    SqlError::new(SqlState::DatatypeMismatch, message)
}

/// Whether a value of `from` can be taken as one of `to` without touching it.
fn same_form(from: &PgType, to: &PgType) -> bool {
    match (from, to) {
        (PgType::Array(left), PgType::Array(right)) => {
            same_form(&PgType::Base(*left), &PgType::Base(*right))
        }
        (PgType::Record(_), PgType::Record(_)) => true,
        (from, to) => {
            let family = from.family();
            let narrows = matches!(to, PgType::Base(Base::Char | Base::Name));
            let same_instant = family != Family::Instant || from == to;
            family == to.family()
                && matches!(
                    family,
                    Family::Integer | Family::Text | Family::Float | Family::Bool | Family::Instant
                )
                && same_instant
                && !narrows
        }
    }
}

/// The type in which values of both types compare.
fn common_type(left: &PgType, right: &PgType) -> Option<PgType> {
    if left == right {
        return Some(if left.is_unknown() { PgType::Text } else { left.clone() });
    }
    if left.is_unknown() {
        return Some(right.clone());
    }
    if right.is_unknown() {
        return Some(left.clone());
    }
    if let Some(number) = common_number(left, right) {
        return Some(number);
    }
    match (left.family(), right.family()) {
        (Family::Integer, Family::Integer) | (Family::Bool, Family::Bool) => Some(left.clone()),
        (Family::Text, Family::Text) => Some(PgType::Text),
        (Family::Instant | Family::Days, Family::Instant | Family::Days) => {
            Some(PgType::Timestamptz)
        }
        (Family::Array, Family::Array) => {
            let element = |ty: &PgType| ty.element().map(PgType::Base);
            let common = common_type(&element(left)?, &element(right)?)?;
            common.base().map(PgType::Array)
        }
        (Family::Record, Family::Record) => Some(left.clone()),
        (left_family, right_family) => (left_family == right_family).then(|| left.clone()),
    }
}

/// The higher of two number types.
pub(super) fn common_number(left: &PgType, right: &PgType) -> Option<PgType> {
    let (left, right) = (left.base()?, right.base()?);
    let higher = if left.number_rank()? >= right.number_rank()? { left } else { right };
    Some(PgType::Base(if higher == Base::Float4 { Base::Float8 } else { higher }))
}

/// The type of a column that has values of both types.
fn result_type(left: &PgType, right: &PgType) -> Option<PgType> {
    match (left, right) {
        (left, right) if left == right => Some(left.clone()),
        (PgType::Base(Base::Oid), PgType::Base(base)) if base.number_rank().is_some() => {
            Some(left.clone())
        }
        (PgType::Base(base), PgType::Base(Base::Oid)) if base.number_rank().is_some() => {
            Some(right.clone())
        }
        (left, right) => common_type(left, right),
    }
}

/// Whether CAST goes from `from` to `to`.
fn can_cast(from: &PgType, to: &PgType) -> bool {
    use Family::{Array, Bool, Days, Decimal, Float, Instant, Integer, Record, Text, TimeOfDay};
    match (from.family(), to.family()) {
        (Text, _) | (_, Text) => !matches!(to.family(), Record),
        (Integer, Bool) | (Bool, Integer) => *from == PgType::Int4 || *to == PgType::Int4,
        (Integer | Float | Decimal, Integer | Float | Decimal) => true,
        (Instant | Days, Instant | Days) | (Instant, TimeOfDay) => true,
        (Array, Array) => match (from.element(), to.element()) {
            (Some(from), Some(to)) => can_cast(&PgType::Base(from), &PgType::Base(to)),
            _ => false,
        },
        (from, to) => from == to,
    }
}
