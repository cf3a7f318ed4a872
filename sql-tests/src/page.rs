//! Pages of documentation as scripts.
//!
//! The one idea: what a page shows is run. Each ```` ```sql ```` fence is run, in order, on a fresh server;
//! a ```` ```text ```` fence right after it is the answer to its last statement, as psql prints it. A fence
//! that opens with anything else, ```` ```sql sketch ```` say, is not run. In an ```` ```examples ```` fence
//! each line is what stands after SELECT, an arrow and the answer: one column, its rows side by side.
//!
//! ```text
//!  minute              | n
//! ---------------------+---
//!  2030-01-01 00:00:00 | 6
//! (1 row)
//!
//! upper('abc') → ABC
//! x FROM (VALUES (1), (NULL)) AS t (x) → 1, NULL
//! ```
//! Answers are compared by their cells, so that nobody has to count spaces.

use crate::failure::Failure;
use crate::instance::Instance;
use crate::outcome::Outcome;
use crate::session::Session;
use crate::split;
use std::sync::Arc;

/// A page in pieces whose texts, put together, are the page.
#[derive(Debug)]
pub(crate) struct Page {
    pieces: Vec<Piece>,
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    /// Text that is not run, fences included.
    Prose(String),
    /// The inside of a fence to run, and the number of its first line.
    Sql { text: String, line: usize },
    /// The inside of the fence with the answer.
    Answer(String),
    /// The inside of a fence of examples, and the number of its first line.
    Examples { text: String, line: usize },
}

/// Between an example and its answer.
const ARROW: &str = " → ";

impl Page {
    /// Splits a page.
    pub(crate) fn parse(text: &str) -> Self {
        let mut pieces = vec![Piece::Prose(String::new())];
        let mut fence: Option<&str> = None;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let bare = line.trim_end();
            if fence.is_some() && bare == "```" {
                fence = None;
                pieces.push(Piece::Prose(line.to_owned()));
                continue;
            }
            match (pieces.last_mut(), fence) {
                (Some(Piece::Prose(prose)), _) => prose.push_str(line),
                (
                    Some(
                        Piece::Sql { text, .. }
                        | Piece::Answer(text)
                        | Piece::Examples { text, .. },
                    ),
                    _,
                ) => text.push_str(line),
                (None, _) => {}
            }
            if fence.is_none() && bare.starts_with("```") {
                fence = Some(bare);
                match bare {
                    "```sql" => pieces.push(Piece::Sql { text: String::new(), line: index + 2 }),
                    "```examples" => {
                        pieces.push(Piece::Examples { text: String::new(), line: index + 2 });
                    }
                    "```text" if follows_sql(&pieces) => pieces.push(Piece::Answer(String::new())),
                    _ => {}
                }
            }
        }
        Self { pieces }
    }

    /// Whether the page has an answer to check.
    pub(crate) fn is_script(&self) -> bool {
        let is_checked = |piece| matches!(piece, &Piece::Answer(_) | &Piece::Examples { .. });
        self.pieces.iter().any(is_checked)
    }

    /// Runs the page.
    pub(crate) async fn run(&self, name: &str, instance: &Arc<Instance>) -> Result<(), String> {
        let mut session = Session::new(instance.clone());
        let mut met = None;
        for (at, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Prose(_) => {}
                Piece::Sql { text, line } => {
                    let answer = run_fence(&mut session, text).await;
                    if !self.expects_answer(at) {
                        answer
                            .as_ref()
                            .map_err(|failure| format!("{failure}\nat {name}:{line}"))?;
                    }
                    met = Some((print(&answer), *line));
                }
                Piece::Examples { text, line } => {
                    let met = run_examples(&mut session, text).await;
                    let mut lines = text.lines().zip(met.lines()).zip(*line..);
                    if let Some(((expected, met), line)) = lines.find(|((was, is), _)| was != is) {
                        return Err(format!(
                            "expected: {expected}\nbut met:  {met}\nat {name}:{line}"
                        ));
                    }
                }
                Piece::Answer(expected) => {
                    let (met, line) = met.take().unwrap_or_default();
                    if cells(expected) != cells(&met) {
                        return Err(format!(
                            "expected:\n{expected}but met:\n{met}at {name}:{line}"
                        ));
                    }
                }
            }
        }
        drop(session);
        let mut session = Session::new(instance.clone());
        crate::oracle::check(&mut session).await.map_err(|failure| failure.to_string())?;
        instance.finish().await.map_err(|failure| failure.to_string())
    }

    /// Runs the page and gives its text with what was answered.
    pub(crate) async fn update(&self, instance: &Arc<Instance>) -> String {
        let mut session = Session::new(instance.clone());
        let mut met = String::new();
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Prose(prose) => text.push_str(prose),
                Piece::Sql { text: sql, .. } => {
                    text.push_str(sql);
                    met = print(&run_fence(&mut session, sql).await);
                }
                Piece::Examples { text: examples, .. } => {
                    text.push_str(&run_examples(&mut session, examples).await);
                }
                Piece::Answer(expected) if cells(expected) == cells(&met) => {
                    text.push_str(expected)
                }
                Piece::Answer(_) => text.push_str(&met),
            }
        }
        text
    }

    /// Whether the next fence after a piece is an answer.
    fn expects_answer(&self, at: usize) -> bool {
        matches!(self.pieces.get(at + 2), Some(Piece::Answer(_)))
    }
}

/// Whether only the end of a fence with SQL, blank lines and a fence's beginning stand last.
fn follows_sql(pieces: &[Piece]) -> bool {
    match pieces {
        [.., Piece::Sql { .. }, Piece::Prose(prose)] => {
            prose.lines().filter(|line| !line.trim().is_empty()).eq(["```", "```text"])
        }
        _ => false,
    }
}

/// Runs the statements of a fence; the answer is the last one's, or the first error.
async fn run_fence(session: &mut Session, text: &str) -> Result<Outcome, Failure> {
    let mut answer = Outcome::default();
    let is_copy = text.trim_start().to_ascii_uppercase().starts_with("COPY ");
    let statements = if is_copy { vec![text.trim_end()] } else { split::statements(text) };
    for statement in statements {
        answer = session.query(statement).await?;
    }
    Ok(answer)
}

/// Examples with what was answered.
async fn run_examples(session: &mut Session, text: &str) -> String {
    let mut met = String::new();
    for line in text.lines() {
        let call = line.split_once(ARROW).map_or(line, |(call, _)| call);
        let answer = match session.query(&format!("SELECT {call}")).await {
            Ok(outcome) => in_a_line(&outcome),
            failed => print(&failed).lines().next().unwrap_or_default().to_owned(),
        };
        met.push_str(&format!("{call}{ARROW}{answer}\n"));
    }
    met
}

/// The first column of an answer, its rows side by side.
fn in_a_line(outcome: &Outcome) -> String {
    let values = outcome.rows.iter().filter_map(|row| row.first());
    let shown = values.map(|value| value.as_deref().unwrap_or("NULL"));
    shown.collect::<Vec<_>>().join(", ")
}

/// An answer as psql prints it.
fn print(answer: &Result<Outcome, Failure>) -> String {
    let outcome = match answer {
        Ok(outcome) => outcome,
        Err(Failure::Answered(error)) => {
            let mut text = format!("ERROR:  {}\n", error.message());
            error.detail().inspect(|detail| text.push_str(&format!("DETAIL:  {detail}\n")));
            error.hint().inspect(|hint| text.push_str(&format!("HINT:  {hint}\n")));
            return text;
        }
        Err(failure) => return format!("{failure}\n"),
    };
    match &outcome.columns {
        None => String::new(),
        Some(columns) => print_table(columns, &outcome.rows),
    }
}

fn print_table(columns: &[String], rows: &[Vec<Option<String>>]) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_default();
    let widths = columns.iter().enumerate().map(|(at, name)| {
        let values = rows.iter().map(|row| value(&row[at]).chars().count());
        values.max().unwrap_or_default().max(name.chars().count())
    });
    let widths: Vec<_> = widths.collect();
    let is_number = |at: usize| {
        let mut values = rows.iter().filter_map(|row| row[at].as_deref()).peekable();
        values.peek().is_some() && values.all(|value| value.parse::<f64>().is_ok())
    };
    let line = |cells: Vec<String>, is_head: bool| {
        let cells = cells.iter().enumerate().map(|(at, cell)| match (is_head, is_number(at)) {
            (false, true) => format!(" {cell:>width$} ", width = widths[at]),
            _ => format!(" {cell:<width$} ", width = widths[at]),
        });
        format!("{}\n", cells.collect::<Vec<_>>().join("|").trim_end())
    };
    let mut text = line(columns.to_vec(), true);
    let rule: Vec<_> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
    text.push_str(&format!("{}\n", rule.join("+")));
    for row in rows {
        text.push_str(&line(row.iter().map(value).collect(), false));
    }
    text.push_str(&format!("({} row{})\n", rows.len(), if rows.len() == 1 { "" } else { "s" }));
    text
}

/// The cells of a printed answer, without rules and spaces.
fn cells(text: &str) -> Vec<Vec<&str>> {
    let is_rule =
        |line: &&str| !line.is_empty() && line.bytes().all(|byte| matches!(byte, b'-' | b'+'));
    let lines = text.trim_end().lines().filter(|line| !is_rule(line));
    lines.map(|line| line.split('|').map(str::trim).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Page\n```sql\nSELECT 1 AS a;\n```\n\n```text\n a\n---\n 1\n(1 row)\n```\nand\n\
                        ```sql\nSELECT 2;\n```\nwords\n```text\nno answer\n```\n```sql sketch\nSELECT …\n```\n";

    #[test]
    fn fences_are_found_and_nothing_is_lost() {
        let page = Page::parse(TEXT);
        let texts = page.pieces.iter().map(|piece| match piece {
            Piece::Prose(text)
            | Piece::Answer(text)
            | Piece::Sql { text, .. }
            | Piece::Examples { text, .. } => text.as_str(),
        });
        assert_eq!(texts.collect::<String>(), TEXT);
        let sql = page.pieces.iter().filter(|piece| matches!(piece, Piece::Sql { .. })).count();
        let answers = page.pieces.iter().filter(|piece| matches!(piece, Piece::Answer(_))).count();
        assert_eq!((sql, answers), (2, 1));
        assert!(page.is_script() && !Page::parse("```text\na\n```\n").is_script());
    }

    #[test]
    fn examples_are_a_piece_and_their_rows_stand_side_by_side() {
        let page = Page::parse("```examples\na → 1\n```\n");
        assert!(page.is_script());
        let text = "a → 1\n".to_owned();
        assert_eq!(page.pieces[1], Piece::Examples { text, line: 2 });
        let rows = vec![vec![Some("1".to_owned())], vec![None]];
        assert_eq!(in_a_line(&Outcome { columns: None, rows, count: 2 }), "1, NULL");
    }

    #[test]
    fn answers_are_printed_as_psql_does_and_compared_by_cells() {
        let outcome = Outcome {
            columns: Some(vec!["at".to_owned(), "n".to_owned()]),
            rows: vec![
                vec![Some("x".to_owned()), Some("10".to_owned())],
                vec![None, Some("7".to_owned())],
            ],
            count: 2,
        };
        let text = print(&Ok(outcome));
        assert_eq!(text, " at | n\n----+----\n x  | 10\n    |  7\n(2 rows)\n");
        assert_eq!(cells(&text), cells("at|n\n---+---\nx|10\n|7\n(2 rows)\n"));
        assert_ne!(cells(&text), cells("at|n\n---+---\nx|10\n|8\n(2 rows)\n"));
    }
}
