//! PostgreSQL's rules of types: which type an expression has, which conversions are implied, and
//! the pass that turns an untyped plan into a typed one.

mod aggregate;
mod coerce;
mod expression;
mod group;
mod operator;
mod parameters;
mod plan;
mod promotion;
mod recursive;
mod types;

pub(crate) use coerce::{Conversion, coerce, literal_of_array, typed_null};
pub(crate) use expression::Resolver;
pub(crate) use operator::{ambiguous_operator, undefined_operator};
pub(crate) use parameters::Parameters;
pub(crate) use plan::{Unknowns, bare_literals, negative_count, output_types};
pub(crate) use promotion::{can_coerce_implicitly, common_type, is_preferred, same_type};
pub(crate) use recursive::WorkTable;
pub(crate) use types::{Family, Type, family, type_of};
