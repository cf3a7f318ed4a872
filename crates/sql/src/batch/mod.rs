//! What the session needs to run a [`crate::BoundQuery`]: a DataFusion session with our functions,
//! settings and the operator of TUMBLE and HOP.

mod session;
mod three_valued;
mod window_exec;

pub use session::session_state;
