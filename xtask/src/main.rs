//! The project's own chores: check, tidy, generated pages.

fn main() {}
