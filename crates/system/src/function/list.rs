//! Every function, and how one is picked by name and argument types.

use super::{
    Argument, Function, SetFunction, array, catalog, definition, json, number, operator, privilege,
    quote, session, set, size, string, time, visibility,
};
use crate::value::PgType;

/// Every list of functions.
static LISTS: &[&[Function]] = &[
    array::FUNCTIONS,
    catalog::FUNCTIONS,
    definition::FUNCTIONS,
    json::FUNCTIONS,
    number::FUNCTIONS,
    operator::FUNCTIONS,
    privilege::FUNCTIONS,
    quote::FUNCTIONS,
    session::FUNCTIONS,
    size::FUNCTIONS,
    string::FUNCTIONS,
    time::FUNCTIONS,
    visibility::FUNCTIONS,
];

/// The function `name` that takes arguments of `types`; of several, the one that reads most literals
/// as text, as PostgreSQL prefers.
pub(crate) fn find(name: &str, types: &[PgType]) -> Option<&'static Function> {
    let named = LISTS.iter().copied().flatten().filter(|function| function.name == name);
    let texts = |function: &Function| {
        let literals = types.iter().enumerate().filter(|(_, ty)| ty.is_unknown());
        literals.filter(|(index, _)| function.argument(*index) == Argument::Text).count()
    };
    let mut best: Option<(&'static Function, usize)> = None;
    for function in named.filter(|function| function.takes(types)) {
        let count = texts(function);
        if best.is_none_or(|(_, most)| count > most) {
            best = Some((function, count));
        }
    }
    best.map(|(function, _)| function)
}

/// The set-returning function `name` that takes arguments of `types`.
pub(crate) fn find_set(name: &str, types: &[PgType]) -> Option<&'static SetFunction> {
    let named = set::FUNCTIONS.iter().filter(|function| function.name == name);
    named.into_iter().find(|function| function.takes(types))
}

/// The names of all functions; overloaded ones more than once.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    LISTS.iter().copied().flatten().map(|function| function.name)
}

/// Whether some set-returning function is called `name`.
pub(crate) fn is_set(name: &str) -> bool {
    set::FUNCTIONS.iter().any(|function| function.name == name)
}
