//! `cargo xtask tidy`: the rules of `docs/style.md` marked `[tidy]`.
//!
//! The one idea: a rule is a function from the [`Tree`] of files to findings, so that each rule is
//! tested on a few lines of text and the same rules run on the project as an ordinary test.
//!
//! ```text
//! disk -> Tree -> rule, rule, rule -> findings (path, line, what)
//! ```
//! It does not know Rust: it blanks out comments and strings ([`source`]) and looks at words and
//! braces. What needs types is left to clippy.

mod arrow;
mod banned;
mod doc_page;
mod file_name;
mod file_size;
mod finding;
mod library;
mod licence;
mod metadata;
mod operator;
mod optional_part;
mod orphan;
mod page_block;
mod rule;
mod script;
mod source;
mod tree;

use finding::Finding;
pub(crate) use rule::run;
use source::Source;
use tree::{File, Tree};
