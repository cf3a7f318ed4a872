//! Files read by hand, step by step: what arrives, what is rejected, and from every position again.

mod bench;
mod follow;
mod once;
mod replay;
