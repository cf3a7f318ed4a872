//! What `docs/reference/functions.md` is written from: every function of a registry as plain data.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::logical_expr::Documentation;

use super::FunctionRegistry;
use super::entry::Function;
use super::registry::{AGGREGATES, SCALARS, TABLES, WINDOWS};

/// Functions about the same.
#[derive(Debug)]
pub struct FunctionFamily {
    /// Its heading.
    pub title: &'static str,
    /// Its functions, in the order of its list.
    pub functions: Vec<FunctionInfo>,
}

/// A function as the reference shows it.
#[derive(Debug)]
pub struct FunctionInfo {
    /// Its name, then other spellings of it.
    pub names: Vec<String>,
    /// How it is called and what comes back; empty where it only answers an error.
    pub signatures: Vec<String>,
    /// What it does, in a sentence.
    pub doc: String,
    /// What stands after SELECT, and the answer; `None` for what only DataFusion documents.
    pub example: Option<(&'static str, &'static str)>,
}

impl FunctionRegistry {
    /// Every function that can be called, by family; last those that PostgreSQL has not.
    #[must_use]
    pub fn reference(&self) -> Vec<FunctionFamily> {
        let lists = SCALARS.into_iter().chain([AGGREGATES, WINDOWS, TABLES]);
        let mut families: Vec<FunctionFamily> = lists
            .map(|(title, list)| FunctionFamily {
                title,
                functions: list().iter().map(info).collect(),
            })
            .collect();
        let known: BTreeSet<String> = families
            .iter()
            .flat_map(|family| &family.functions)
            .flat_map(|function| function.names.iter().cloned())
            .collect();
        let functions = others(&known, self.documented_scalars());
        families.push(FunctionFamily { title: "Beyond PostgreSQL", functions });
        let functions = others(&known, self.documented_aggregates());
        families.push(FunctionFamily { title: "Aggregates beyond PostgreSQL", functions });
        families
    }
}

fn info(function: &Function) -> FunctionInfo {
    FunctionInfo {
        names: function.names.iter().map(|name| (*name).to_owned()).collect(),
        signatures: function.signatures(),
        doc: function.doc.to_owned(),
        example: Some(function.example),
    }
}

/// A name by which a function of DataFusion can be called.
pub(super) struct Documented<'a> {
    /// The name.
    pub(super) name: &'a str,
    /// What DataFusion calls the function.
    pub(super) of: &'a str,
    /// What DataFusion says about it.
    pub(super) documentation: Option<&'a Documentation>,
}

/// The functions of DataFusion that no list of ours has, with their spellings.
fn others<'a>(
    known: &BTreeSet<String>,
    all: impl Iterator<Item = Documented<'a>>,
) -> Vec<FunctionInfo> {
    let mut groups: BTreeMap<&str, (Vec<String>, Option<&Documentation>)> = BTreeMap::new();
    for documented in all.filter(|documented| !known.contains(documented.name)) {
        let group = groups.entry(documented.of).or_default();
        group.0.push(documented.name.to_owned());
        group.1 = documented.documentation;
    }
    let one = |(of, (mut names, documentation)): (&str, (Vec<String>, Option<&Documentation>))| {
        names.sort_by_key(|name| (name != of, name.clone()));
        let signature =
            documentation.map(|found| in_a_line(&found.syntax_example.replace(of, &names[0])));
        let doc = match documentation {
            _ if known.contains(of) => format!("Another name of `{of}`."),
            Some(found) => first_sentence(&found.description),
            None => String::new(),
        };
        FunctionInfo { names, signatures: signature.into_iter().collect(), doc, example: None }
    };
    groups.into_iter().map(one).collect()
}

fn in_a_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first sentence of a text in Markdown, on one line and without links.
fn first_sentence(text: &str) -> String {
    let line = in_a_line(text);
    let sentence = match line.split_once(". ") {
        Some((first, _)) => format!("{first}."),
        None => line,
    };
    let mut plain = String::new();
    let mut rest = sentence.as_str();
    while let Some((before, link)) = rest.split_once("](") {
        plain.push_str(&before.replacen('[', "", 1));
        rest = link.split_once(')').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::first_sentence;

    #[test]
    fn a_sentence_is_taken_out_of_markdown() {
        let text = "Returns [the\n distance](https://a.b/c) of both. There is more.";
        assert_eq!(first_sentence(text), "Returns the distance of both.");
    }
}
