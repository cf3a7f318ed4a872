//! SQL functions and operators with PostgreSQL's names, types, values and errors.
//!
//! One file per family; each gives a list of [`entry::Function`]s, and [`registry`] is the list of lists.
//! `docs/reference/functions.md` is written from them.
//! A name that no family has is looked up among DataFusion's functions.

mod aggregate;
mod aggregate_call;
mod aggregate_distinct;
mod aggregate_exact;
mod aggregate_extreme;
mod aggregate_float;
mod aggregate_spread;
mod angle;
mod arithmetic;
mod array;
mod array_size;
mod array_text;
mod call;
mod cast;
mod conditional;
mod context;
mod date;
mod datetime;
mod datetime_field;
mod datetime_range;
mod decimal;
mod entry;
mod foreign;
mod interval;
mod json;
mod jsonb_order;
mod kernel;
mod lengthen;
mod local_time;
mod math;
mod only_element;
mod order;
mod overload;
mod pattern;
mod preview;
mod reference;
mod registry;
mod regular_class;
mod regular_expression;
mod regular_match;
mod rows;
mod special;
mod table;
mod template;
mod template_read;
mod template_write;
mod text;
mod to_char;
mod window;

pub(crate) use aggregate::{choose_aggregate, least_form};
pub(crate) use aggregate_call::{AggregateCall, called_aggregate};
pub(crate) use arithmetic::arithmetic;
pub(crate) use array::quantified;
pub(crate) use call::{
    ALL, ANY, BINARY, CAST_TO, CELL, Call, LITERAL, PARAMETER, UNARY, call_of, call_position,
    literal_text, name_at,
};
pub(crate) use cast::{cast_function, cut_to_length, is_cast_known};
pub(crate) use context::FunctionContext;
pub(crate) use interval::{interval_parts, moved, span_of};
pub(crate) use kernel::{Kernel, KernelFunction};
pub(crate) use only_element::ONLY_ELEMENT;
pub(crate) use order::{
    compared, has_equal_forms, holds_floats, one_form, one_nan, one_zero, sorted,
};
pub(crate) use overload::{
    Body, Overload, Returns, choose_overload, undefined as undefined_function,
};
pub use reference::{FunctionFamily, FunctionInfo};
pub use registry::FunctionRegistry;
pub(crate) use special::special;
