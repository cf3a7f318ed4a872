//! Operators without timely: golden scripts, state that moves, cost of one changed row.

mod cost;
mod local;
mod moves;
mod partial;
#[path = "../../tests/runtime/plan.rs"]
mod plan;
mod plans;
mod scripts;
