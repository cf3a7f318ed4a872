//! [`FunctionContext`]: what of the session the values of functions depend on.

use chrono_tz::Tz;
use kappa_types::text::TextOptions;

/// The settings of the session that reach into functions and casts. A view is bound with those that
/// its definition was made with, so that they never change under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FunctionContext {
    /// `TimeZone`.
    pub(crate) time_zone: Tz,
    /// Microseconds since 1970-01-01 UTC that `'now'::timestamptz` and its like stand for.
    pub(crate) now_micros: i64,
}

impl FunctionContext {
    /// How text is read and written inside of expressions.
    pub(crate) fn text_options(&self) -> TextOptions {
        TextOptions {
            time_zone: self.time_zone,
            now_micros: self.now_micros,
            ..TextOptions::default()
        }
    }
}
