//! Fenced blocks of `docs/architecture.md` that rules read, so that the page and the rules cannot
//! differ.
//!
//! ```text
//! sql -> plan catalog types        one line: a name, an arrow, the names it may reach
//! ```

use super::Tree;

/// The page that holds the blocks.
pub(crate) const PAGE: &str = "docs/architecture.md";

/// One line of a block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// What stands left of the arrow.
    pub(crate) from: String,
    /// What stands right of it; empty for `-`.
    pub(crate) to: Vec<String>,
}

/// The lines of the block fenced as ```` ```name ````; none when there is no such block.
pub(crate) fn read(tree: &Tree, name: &str) -> Option<Vec<Line>> {
    let text = &tree.file(PAGE)?.text;
    let open = format!("```{name}");
    let lines = text.lines().skip_while(|line| *line != open).skip(1);
    let lines: Vec<_> = lines.take_while(|line| *line != "```").filter_map(parse).collect();
    (!lines.is_empty()).then_some(lines)
}

fn parse(line: &str) -> Option<Line> {
    let (from, to) = line.split_once("->")?;
    let to = to.split_whitespace().filter(|word| *word != "-").map(str::to_owned).collect();
    Some(Line { from: from.trim().to_owned(), to })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_read_by_its_name() {
        let text = "a\n```arrows\ntypes -> -\nsql   -> plan types\n```\n```text\nx -> y\n```\n";
        let lines = read(&Tree::of(&[(PAGE, text)]), "arrows").unwrap();
        assert_eq!(lines[0], Line { from: "types".into(), to: vec![] });
        assert_eq!(lines[1], Line { from: "sql".into(), to: vec!["plan".into(), "types".into()] });
        assert_eq!(lines.len(), 2);
        assert_eq!(read(&Tree::of(&[(PAGE, text)]), "libraries"), None);
    }
}
