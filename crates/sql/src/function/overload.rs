//! [`Overload`]: one signature of a function name, and which of several a call means.
//!
//! Source: PostgreSQL 15, "Functions", type resolution (`func_select_candidate`).

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use kappa_types::{SqlError, SqlState, SqlType};

use super::{FunctionContext, Kernel};
use crate::typing::{Family, Type, can_coerce_implicitly, family, is_preferred, same_type};

/// What one argument must be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Argument {
    /// A type, whatever its modifiers.
    Is(SqlType),
}

/// The type of the result.
#[derive(Clone, Debug)]
pub(crate) enum Returns {
    /// Always the same.
    Is(SqlType),
    /// From the types of the arguments and those of them that are constants.
    Of(fn(&[SqlType], &[Option<ScalarValue>]) -> SqlType),
}

/// How the result comes about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Body {
    /// A computation of ours.
    Kernel(Kernel),
    /// Another expression over the converted arguments.
    Rewrite(fn(Vec<Expr>, &FunctionContext) -> Result<Expr, SqlError>),
    /// An error: PostgreSQL has it and we do not.
    Refuse(fn() -> SqlError),
}

/// One signature of a function name.
#[derive(Clone, Debug)]
pub(crate) struct Overload {
    /// The SQL name.
    pub(crate) name: &'static str,
    /// The arguments.
    pub(crate) arguments: Vec<Argument>,
    /// The type of the result.
    pub(crate) returns: Returns,
    /// How the result comes about.
    pub(crate) body: Body,
}

impl Overload {
    /// Argument number `index`.
    fn argument(&self, index: usize) -> Option<&Argument> {
        self.arguments.get(index)
    }

    /// The types to which the arguments of a call are converted.
    pub(crate) fn targets(&self, types: &[Type]) -> Vec<SqlType> {
        let target = |(index, given): (usize, &Type)| match (self.argument(index), given) {
            (Some(Argument::Is(wanted)), Type::Known(given)) if same_type(wanted, given) => {
                given.clone()
            }
            (Some(Argument::Is(wanted)), _) => wanted.clone(),
            (_, Type::Known(given)) => given.clone(),
            (_, Type::Unknown) => SqlType::Text,
        };
        types.iter().enumerate().map(target).collect()
    }
}

fn is_exact(argument: Option<&Argument>, given: &SqlType) -> bool {
    matches!(argument, Some(Argument::Is(wanted)) if same_type(wanted, given))
}

fn is_possible(argument: Option<&Argument>, given: &Type) -> bool {
    match (argument, given) {
        (Some(Argument::Is(wanted)), Type::Known(given)) => can_coerce_implicitly(given, wanted),
        (Some(_), _) => true,
        (None, _) => false,
    }
}

/// The overload that a call means, as an index.
///
/// # Errors
/// 42883 if there is none, 42725 if it cannot be told which.
pub(crate) fn choose_overload(
    name: &str,
    overloads: &[Overload],
    types: &[Type],
) -> Result<usize, SqlError> {
    let possible: Vec<usize> = (0..overloads.len())
        .filter(|index| overloads[*index].arguments.len() == types.len())
        .filter(|index| {
            let overload = &overloads[*index];
            types.iter().enumerate().all(|(i, given)| is_possible(overload.argument(i), given))
        })
        .collect();
    if possible.is_empty() {
        return Err(undefined(name, types));
    }
    let exact = best(&possible, |index| {
        let known = types.iter().enumerate().filter_map(|(i, t)| Some((i, t.known()?)));
        known.filter(|(i, t)| is_exact(overloads[index].argument(*i), t)).count()
    });
    if let [only] = exact.as_slice() {
        return Ok(*only);
    }
    let preferred = best(&exact, |index| {
        let known = types.iter().enumerate().filter_map(|(i, t)| Some((i, t.known()?)));
        known
            .filter(|(i, t)| match overloads[index].argument(*i) {
                Some(Argument::Is(wanted)) => {
                    same_type(wanted, t) || (is_preferred(wanted) && family(wanted) == family(t))
                }
                _ => false,
            })
            .count()
    });
    if let [only] = preferred.as_slice() {
        return Ok(*only);
    }
    by_unknowns(overloads, &preferred, types).ok_or_else(|| ambiguous(name, types))
}

/// Rules 4.e and 4.f of the manual: literals without a type decide by category.
fn by_unknowns(overloads: &[Overload], candidates: &[usize], types: &[Type]) -> Option<usize> {
    let mut left = candidates.to_vec();
    for (i, given) in types.iter().enumerate() {
        if *given != Type::Unknown {
            continue;
        }
        let wanted = |index: usize| match overloads[index].argument(i) {
            Some(Argument::Is(wanted)) => Some(wanted.clone()),
            _ => None,
        };
        let families: Vec<Family> =
            left.iter().filter_map(|index| wanted(*index)).map(|t| family(&t)).collect();
        let chosen = if families.contains(&Family::Text) {
            Family::Text
        } else if families.windows(2).all(|pair| pair[0] == pair[1]) && !families.is_empty() {
            families[0]
        } else {
            continue;
        };
        left.retain(|index| wanted(*index).is_some_and(|t| family(&t) == chosen));
        if left.iter().any(|index| wanted(*index).is_some_and(|t| is_preferred(&t))) {
            left.retain(|index| wanted(*index).is_some_and(|t| is_preferred(&t)));
        }
    }
    if let [only] = left.as_slice() {
        return Some(*only);
    }
    let known: Vec<&SqlType> = types.iter().filter_map(Type::known).collect();
    let first = known.first()?;
    if known.iter().all(|t| same_type(t, first)) {
        let same = left.iter().copied().filter(|index| {
            (0..types.len()).all(|i| is_exact(overloads[*index].argument(i), first))
        });
        let same: Vec<usize> = same.collect();
        if let [only] = same.as_slice() {
            return Some(*only);
        }
    }
    None
}

/// Those with the highest score.
fn best(candidates: &[usize], score: impl Fn(usize) -> usize) -> Vec<usize> {
    let scores: Vec<usize> = candidates.iter().map(|index| score(*index)).collect();
    let top = scores.iter().max().copied().unwrap_or(0);
    candidates.iter().zip(scores).filter(|(_, s)| *s == top).map(|(index, _)| *index).collect()
}

/// 42883 for a function.
pub(crate) fn undefined(name: &str, types: &[Type]) -> SqlError {
    let types: Vec<String> = types.iter().map(ToString::to_string).collect();
    SqlError::new(
        SqlState::UndefinedFunction,
        format!("function {name}({}) does not exist", types.join(", ")),
    )
    .with_hint(
        "No function matches the given name and argument types. You might need to add explicit type casts.",
    )
}

fn ambiguous(name: &str, types: &[Type]) -> SqlError {
    let types: Vec<String> = types.iter().map(ToString::to_string).collect();
    SqlError::new(
        SqlState::AmbiguousFunction,
        format!("function {name}({}) is not unique", types.join(", ")),
    )
    .with_hint(
        "Could not choose a best candidate function. You might need to add explicit type casts.",
    )
}
