//! Operators know nothing of timely, and operator state lives in `dataflow/src/state` only.
//!
//! The one idea: a hash map as a field outside the state folder is state that a checkpoint would miss
//! and no count of bytes would see. Maps that live within one call are fine.

use super::{Finding, Tree};
use regex::Regex;

/// Where operators live.
const OPERATORS: &str = "crates/dataflow/src/operator";
/// Where the crate lives, whose fields are looked at.
const DATAFLOW: &str = "crates/dataflow/src/";
/// Where hash maps may be fields.
const STATE: &str = "crates/dataflow/src/state";

/// Checks the dataflow crate.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let runtime = Regex::new(r"\btimely\b").expect("a fixed pattern");
    let map = Regex::new(r"\b(?:HashMap|HashSet|HashTable|IndexMap|FxHashMap)\b")
        .expect("a fixed pattern");
    let mut findings = Vec::new();
    for (file, source) in tree.sources().filter(|(file, _)| file.path.starts_with(DATAFLOW)) {
        if file.path.starts_with(OPERATORS) {
            let lines = source.code_lines().filter(|(_, line)| runtime.is_match(line));
            let what = "an operator knows nothing of timely";
            findings.extend(lines.map(|(line, _)| Finding::new(&file.path, line, what)));
            for found in
                fields(&source.code).filter(|field| map.is_match(&source.code[field.clone()]))
            {
                let line = source.line_at(found.start);
                if !source.is_test_line(line) {
                    let what =
                        format!("a hash map as a field of an operator: state lives in {STATE}");
                    findings.push(Finding::new(&file.path, line, what));
                }
            }
        }
    }
    findings
}

/// The bodies of structs and enums.
fn fields(code: &str) -> impl Iterator<Item = std::ops::Range<usize>> {
    let head = Regex::new(r"\b(?:struct|enum)\s+\w+").expect("a fixed pattern");
    let begins: Vec<_> = head.find_iter(code).map(|found| found.end()).collect();
    begins.into_iter().map(move |begin| begin..body_end(code, begin))
}

fn body_end(code: &str, begin: usize) -> usize {
    let mut depth = 0;
    for (offset, byte) in code.as_bytes()[begin..].iter().enumerate() {
        match byte {
            b'{' | b'(' => depth += 1,
            b'}' | b')' => {
                depth -= 1;
                if depth == 0 && *byte == b'}' {
                    return begin + offset;
                }
            }
            b';' if depth == 0 => return begin + offset,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn a_hash_map_is_a_field_in_the_state_folder_only() {
        let field = "struct A {\n    a: u8,\n    b: HashMap<u8, u8>,\n}\n";
        assert_eq!(findings("crates/dataflow/src/operator/join.rs", field), 1);
        assert_eq!(findings("crates/dataflow/src/operator/join.rs", "struct A(HashSet<u8>);"), 1);
        assert_eq!(findings("crates/dataflow/src/state/table.rs", field), 0);
        let local = "struct A;\nfn f() { let a: HashMap<u8, u8> = g(); }";
        assert_eq!(findings("crates/dataflow/src/operator/join.rs", local), 0);
    }

    #[test]
    fn an_operator_knows_nothing_of_timely() {
        assert_eq!(findings("crates/dataflow/src/operator/join.rs", "use timely::order;"), 1);
        assert_eq!(findings("crates/dataflow/src/runtime.rs", "use timely::order;"), 0);
        assert_eq!(findings("crates/dataflow/src/operator/join.rs", "// timely"), 0);
    }
}
