//! The arithmetic of aggregates: what a sum, a mean and a deviation are, for the views that keep them
//! and for the batch queries that they are compared with.
//!
//! It knows no columns and no groups.

mod float_moments;
mod float_sum;
mod quotient;

pub use float_moments::FloatMoments;
pub use float_sum::{DoubleDouble, FloatSum, Overflow};
pub use quotient::{shifted_quotient, shifted_root};
