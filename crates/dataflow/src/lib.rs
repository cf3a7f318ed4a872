//! Plans into running operators; owns operator state.
