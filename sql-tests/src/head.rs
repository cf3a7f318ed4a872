//! The head of a script: its first comment lines.
//!
//! ```text
//! # The sentence that must hold.
//! # modes: not rows, one INSERT is meant      or: modes: plain crash
//! # postgres: yes               PostgreSQL answers it too; so does all of the folder postgres
//! # oracle: none, a view is left failed on purpose
//! # writers: 3                 connections that write while the oracle reads
//! # writer: INSERT INTO t VALUES ($writer, $round, $random)
//! # agree: SELECT (SELECT sum(n) FROM v) = (SELECT count(*) FROM t)
//! ```
//! Unknown keys are an error: a misspelt key must not switch a check off.

use crate::mode::Mode;

/// What a head says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The sentence that must hold.
    pub(crate) claim: String,
    /// The names of modes that are listed.
    modes: Vec<String>,
    /// Whether the list names what is left out.
    is_exception: bool,
    /// Whether PostgreSQL must give the same answers.
    pub(crate) is_for_postgres: bool,
    /// Whether the oracle looks at the views at the end.
    pub(crate) has_oracle: bool,
    /// Connections that write while the oracle reads; 0 for none.
    pub(crate) writer_count: usize,
    /// The statements of a round of a writer, in order.
    pub(crate) writer_statements: Vec<String>,
    /// Queries that are true at every boundary.
    pub(crate) agreements: Vec<String>,
}

/// Connections that may write at once.
const WRITER_COUNT_MAX: usize = 8;

impl Head {
    /// Reads the head of a script.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().map_while(|line| line.strip_prefix('#').map(str::trim));
        let claim = lines.next().unwrap_or_default().to_owned();
        let mut head = Self {
            claim,
            modes: Vec::new(),
            is_exception: true,
            is_for_postgres: false,
            has_oracle: true,
            writer_count: 0,
            writer_statements: Vec::new(),
            agreements: Vec::new(),
        };
        for (key, value) in lines.filter_map(key_and_value) {
            head.set(key, value)?;
        }
        if (head.writer_count == 0) != head.writer_statements.is_empty() {
            return Err("\"writers: <count>\" and \"writer: <statement>\" go together".to_owned());
        }
        Ok(head)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "modes" => {
                let (is_exception, names) = match value.strip_prefix("not ") {
                    Some(names) => match names.split_once(", ") {
                        Some((names, _reason)) => (true, names),
                        None => return Err(format!("\"modes: {value}\" without \", <reason>\"")),
                    },
                    None => (false, value),
                };
                self.is_exception = is_exception;
                self.modes = names.split_whitespace().map(str::to_owned).collect();
                self.modes.iter().try_for_each(|name| Mode::parse(name).map(|_| ()))
            }
            "postgres" if value == "yes" => {
                self.is_for_postgres = true;
                Ok(())
            }
            "oracle" if value.starts_with("none, ") => {
                self.has_oracle = false;
                Ok(())
            }
            "oracle" => Err(format!("\"oracle: {value}\" is not \"oracle: none, <reason>\"")),
            "writers" => match value.parse() {
                Ok(count @ 1..=WRITER_COUNT_MAX) => {
                    self.writer_count = count;
                    Ok(())
                }
                _ => Err(format!("writers: 1 to {WRITER_COUNT_MAX}, not \"{value}\"")),
            },
            "writer" => {
                self.writer_statements.push(value.to_owned());
                Ok(())
            }
            "agree" => {
                self.agreements.push(value.to_owned());
                Ok(())
            }
            _ => Err(format!("the head has an unknown key \"{key}\"")),
        }
    }

    /// Whether the script is run in a mode.
    pub(crate) fn runs_in(&self, mode: &Mode) -> bool {
        self.modes.contains(&mode.name) != self.is_exception
    }
}

/// `key: value`, where the key is one word in lower case; other lines are prose.
fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(": ")?;
    let is_word = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase());
    is_word.then(|| (key, value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(modes: &str, mode: &str) -> bool {
        let head = Head::parse(&format!("# Claim.\n{modes}")).unwrap();
        head.runs_in(&Mode::parse(mode).unwrap())
    }

    #[test]
    fn modes_are_a_list_or_its_complement() {
        assert!(runs("", "crash"));
        assert!(runs("# modes: plain crash", "crash"));
        assert!(!runs("# modes: plain", "crash"));
        assert!(!runs("# modes: not rows crash, it counts starts", "crash"));
        assert!(runs("# modes: not rows, one INSERT is meant", "workers=4"));
    }

    #[test]
    fn a_misspelt_head_is_refused() {
        for line in [
            "# mode: plain",
            "# modes: plane",
            "# modes: not rows",
            "# oracle: none",
            "# writers: 2",
        ] {
            assert!(Head::parse(&format!("# Claim.\n{line}\n")).is_err(), "{line}");
        }
    }

    #[test]
    fn prose_in_a_head_is_prose() {
        let head =
            Head::parse("# Claim.\n# It was lost once: see the log.\n\n# agree: later\n").unwrap();
        assert_eq!(head.claim, "Claim.");
        assert!(head.agreements.is_empty());
    }
}
