//! What a statement answered: rows of text with their column names, or a count.

use tokio_postgres::SimpleQueryMessage;

/// The text printed for NULL.
pub(crate) const NULL: &str = "NULL";
/// The text printed for an empty text.
pub(crate) const EMPTY: &str = "(empty)";

/// The answer to one statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Column names; none for a statement that returns no rows.
    pub(crate) columns: Option<Vec<String>>,
    /// Rows of values as PostgreSQL prints them; none is NULL.
    pub(crate) rows: Vec<Vec<Option<String>>>,
    /// Rows returned or changed, as the command tag says.
    pub(crate) count: u64,
}

impl Outcome {
    /// An answer of verbs: one column of text.
    pub(crate) fn of_lines(column: &str, lines: Vec<String>) -> Self {
        let count = lines.len() as u64;
        let rows = lines.into_iter().map(|line| vec![Some(line)]).collect();
        Self { columns: Some(vec![column.to_owned()]), rows, count }
    }

    /// The answers in what a simple query returned, one for each statement.
    pub(crate) fn read(messages: Vec<SimpleQueryMessage>) -> Vec<Self> {
        let mut outcomes = Vec::new();
        let mut open = Self::default();
        for message in messages {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    open.columns = Some(columns.iter().map(|c| c.name().to_owned()).collect());
                }
                SimpleQueryMessage::Row(row) => {
                    open.rows
                        .push((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect());
                }
                SimpleQueryMessage::CommandComplete(count) => {
                    open.count = count;
                    outcomes.push(std::mem::take(&mut open));
                }
                _ => {}
            }
        }
        outcomes
    }

    /// The rows as scripts write them.
    pub(crate) fn printed_rows(&self) -> Vec<Vec<String>> {
        self.rows
            .iter()
            .map(|row| row.iter().map(|value| print(value.as_deref())).collect())
            .collect()
    }
}

/// A value as scripts write it: on one line, and never nothing.
pub(crate) fn print(value: Option<&str>) -> String {
    match value {
        None => NULL.to_owned(),
        Some("") => EMPTY.to_owned(),
        Some(text) => text.replace('\n', "\\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_visible_word_or_line() {
        assert_eq!(print(None), "NULL");
        assert_eq!(print(Some("")), "(empty)");
        assert_eq!(print(Some("a\nb")), "a\\nb");
        assert_eq!(print(Some(" a ")), " a ");
    }
}
