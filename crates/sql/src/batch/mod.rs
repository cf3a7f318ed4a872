//! What the session needs to run a [`crate::BoundQuery`]: a DataFusion session with our functions,
//! settings and the operator of TUMBLE and HOP.

mod constant;
mod eliminate_join;
mod guarded;
mod push_down_filter;
mod push_down_projection;
mod session;
mod simplify;
mod subquery_rows;
mod three_valued;
mod window_exec;

pub(crate) use constant::constant_rows;
pub(crate) use push_down_filter::push_down_filter;
pub use session::session_state;
pub(crate) use simplify::Simplify;
