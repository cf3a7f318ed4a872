//! What a function takes and gives.

use crate::session::Session;
use crate::value::{Base, Family, PgType, Row, Value};
use kappa_types::SqlError;

/// What an argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    Text,
    Bool,
    /// Any integer type.
    Int,
    /// An OID, a reg* value or an integer.
    Oid,
    /// As `Oid`; a literal is read as `regclass`.
    Class,
    /// Any number, as `double precision`.
    Float,
    /// Any number, as `numeric`.
    Numeric,
    Timestamptz,
    Interval,
    Array,
    Any,
}

impl Argument {
    /// The type that a literal or parameter becomes here.
    pub(crate) const fn default_type(self) -> PgType {
        PgType::Base(match self {
            Self::Text | Self::Any => Base::Text,
            Self::Bool => Base::Bool,
            Self::Int => Base::Int4,
            Self::Oid => Base::Oid,
            Self::Class => Base::RegClass,
            Self::Float => Base::Float8,
            Self::Numeric => Base::Numeric,
            Self::Timestamptz => Base::Timestamptz,
            Self::Interval => Base::Interval,
            Self::Array => return PgType::Array(Base::Text),
        })
    }

    /// Whether a value of `ty` may stand here.
    pub(crate) fn accepts(self, ty: &PgType) -> bool {
        if ty.is_unknown() {
            return true;
        }
        let is_number = ty.base().is_some_and(|base| base.number_rank().is_some());
        match self {
            Self::Text => ty.family() == Family::Text,
            Self::Bool => *ty == PgType::Bool,
            Self::Int => ty.family() == Family::Integer && is_number,
            Self::Oid | Self::Class => ty.family() == Family::Integer,
            Self::Float | Self::Numeric => is_number,
            Self::Timestamptz => matches!(ty.family(), Family::Instant | Family::Days),
            Self::Interval => ty.family() == Family::Span,
            Self::Array => ty.family() == Family::Array,
            Self::Any => true,
        }
    }

    /// The type to convert a value of `ty` to; `None` if it can stay as it is.
    pub(crate) fn conversion(self, ty: &PgType) -> Option<PgType> {
        let target = self.default_type();
        let changes = match self {
            Self::Float | Self::Numeric | Self::Timestamptz => *ty != target,
            _ => false,
        };
        changes.then_some(target)
    }
}

/// What a call gives.
#[derive(Clone, Debug)]
pub(crate) enum Returns {
    Type(PgType),
    /// The type of this argument; text for an undecided one.
    Argument(usize),
    /// An array of the type of this argument.
    ArrayOf(usize),
}

/// A function that gives one value.
pub(crate) struct Function {
    /// Lower case, without schema.
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static [Argument],
    /// How many trailing arguments may be left out.
    pub(crate) optional: usize,
    /// Whether the last argument may be repeated.
    pub(crate) variadic: bool,
    pub(crate) returns: Returns,
    /// NULL in, NULL out.
    pub(crate) strict: bool,
    pub(crate) evaluate: Evaluate,
}

/// The body of a [`Function`]: values and their types to a value.
pub(crate) type Evaluate = fn(&Session<'_>, &[Value], &[PgType]) -> Result<Value, SqlError>;

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.name, self.arguments.len())
    }
}

impl Function {
    /// A strict function of exactly `arguments`.
    pub(crate) const fn new(
        name: &'static str,
        arguments: &'static [Argument],
        returns: PgType,
        evaluate: Evaluate,
    ) -> Self {
        Self {
            name,
            arguments,
            optional: 0,
            variadic: false,
            returns: Returns::Type(returns),
            strict: true,
            evaluate,
        }
    }

    /// The last `count` arguments may be left out.
    pub(crate) const fn optional(mut self, count: usize) -> Self {
        self.optional = count;
        self
    }

    /// The last argument may be repeated.
    pub(crate) const fn variadic(mut self) -> Self {
        self.variadic = true;
        self
    }

    /// NULL arguments are its own business.
    pub(crate) const fn lenient(mut self) -> Self {
        self.strict = false;
        self
    }

    /// It gives a type that depends on the arguments.
    pub(crate) const fn returning(mut self, returns: Returns) -> Self {
        std::mem::forget(std::mem::replace(&mut self.returns, returns));
        self
    }

    /// What argument `index` must be.
    pub(crate) fn argument(&self, index: usize) -> Argument {
        let last = self.arguments.last().copied().unwrap_or(Argument::Any);
        self.arguments.get(index).copied().unwrap_or(last)
    }

    /// The type of its result for arguments of `types`.
    pub(crate) fn result(&self, types: &[PgType]) -> PgType {
        match &self.returns {
            Returns::Type(ty) => ty.clone(),
            Returns::Argument(index) => types.get(*index).cloned().unwrap_or(PgType::Text),
            Returns::ArrayOf(index) => match types.get(*index) {
                Some(PgType::Base(base)) => PgType::Array(*base),
                _ => PgType::Array(Base::Text),
            },
        }
    }

    pub(super) fn takes(&self, types: &[PgType]) -> bool {
        let count = types.len();
        let enough = count + self.optional >= self.arguments.len();
        let not_too_many = self.variadic || count <= self.arguments.len();
        enough
            && not_too_many
            && types.iter().enumerate().all(|(index, ty)| self.argument(index).accepts(ty))
    }
}

/// A function that gives rows.
pub(crate) struct SetFunction {
    /// Lower case, without schema.
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static [Argument],
    /// How many trailing arguments may be left out.
    pub(crate) optional: usize,
    /// The columns, given the types of the arguments.
    pub(crate) columns: fn(&[PgType]) -> Vec<(String, PgType)>,
    #[expect(clippy::type_complexity, reason = "one signature, used here")]
    pub(crate) evaluate: fn(&Session<'_>, &[Value], &[PgType]) -> Result<Vec<Row>, SqlError>,
}

impl std::fmt::Debug for SetFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "set {}", self.name)
    }
}

impl SetFunction {
    pub(super) fn takes(&self, types: &[PgType]) -> bool {
        types.len() <= self.arguments.len()
            && types.len() + self.optional >= self.arguments.len()
            && types.iter().zip(self.arguments).all(|(ty, argument)| argument.accepts(ty))
    }
}
