//! The matrix of types: each value in and out, as text and binary, alone and in arrays, by statement,
//! parameter and COPY.
//!
//! ```text
//! > bigint '-1'                              what is asked
//! text -1                                    what a simple query prints
//! binary ffffffffffffffff                    what the extended protocol sends
//! array {-1,NULL}                            the same for an array of it
//! array_binary 0000000100000001…
//! round_trips parameter copy_text copy_csv copy_binary
//! ```
//! The one idea: one file of questions and answers, answered by PostgreSQL and compared with it and with
//! us. A way in is right when what was sent prints as before; it is listed in `round_trips` then.
//!
//! It does not know how types are encoded: bytes are bytes.

use crate::failure::Failure;
use crate::instance::Instance;
use bytes::BytesMut;
use futures::{SinkExt, TryStreamExt};
use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// The file of questions and answers.
pub(crate) const PATH: &str = "sql-tests/data/types.txt";

/// Answers every question of the file's text, and gives the text with the answers.
pub(crate) async fn answer(text: &str, instance: &Arc<Instance>) -> Result<String, Failure> {
    let (client, connection) = instance.config().await?.connect(NoTls).await?;
    let task = tokio::spawn(connection);
    let mut answers = String::new();
    for line in text.lines() {
        if let Some(question) = line.strip_prefix("> ") {
            let (kind, value) = question
                .split_once(" '")
                .ok_or_else(|| Failure::broken(format!("no value in \"{line}\"")))?;
            let answer = ask(&client, kind, &format!("'{value}")).await;
            // A refusal fills the block, so that the other questions keep their lines.
            let block = answer.unwrap_or_else(|failure| refusal(&failure));
            write!(answers, "{line}\n{block}")
                .map_err(|error| Failure::broken(error.to_string()))?;
        } else if line.starts_with('#') || line.is_empty() {
            answers.push_str(line);
            answers.push('\n');
        }
    }
    drop(client);
    drop(task.await);
    Ok(answers)
}

/// Differences that a report shows.
const DIFFERENCE_COUNT_MAX: usize = 10;

/// Compares an answered text with the file's; the error names the first lines that differ.
pub(crate) fn compare(expected: &str, met: &str) -> Result<(), String> {
    if expected.lines().count() != met.lines().count() {
        return Err(format!("{PATH} has other questions: --target postgres --update answers them"));
    }
    let mut question = "";
    let mut differences = Vec::new();
    for (number, (expected, met)) in expected.lines().zip(met.lines()).enumerate() {
        if expected.starts_with("> ") {
            question = expected;
        }
        if expected != met {
            let place = format!("{PATH}:{}", number + 1);
            differences
                .push(format!("{question}\nexpected: {expected}\nbut met:  {met}\nat {place}"));
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    let shown = &differences[..differences.len().min(DIFFERENCE_COUNT_MAX)];
    Err(format!("{} lines differ\n{}", differences.len(), shown.join("\n")))
}

/// Puts one value through every way in and out.
async fn ask(client: &Client, kind: &str, value: &str) -> Result<String, Failure> {
    for table in ["matrix", "matrix_copy"] {
        client.batch_execute(&format!("DROP TABLE IF EXISTS {table}")).await?;
        client.batch_execute(&format!("CREATE TABLE {table} (v {kind}, a {kind}[])")).await?;
    }
    let insert =
        format!("INSERT INTO matrix VALUES ({value}, ARRAY[{value}::{kind}, NULL]), (NULL, NULL)");
    client.batch_execute(&insert).await?;
    let rows = client.query("SELECT v, a FROM matrix WHERE v IS NOT NULL", &[]).await?;
    let row = rows.first().ok_or_else(|| Failure::broken(format!("{kind} {value} is lost")))?;
    let (Raw(binary), Raw(array_binary)) = (row.try_get(0)?, row.try_get(1)?);
    let texts = texts(client, "matrix").await?;
    let mut block = String::new();
    let present = texts.iter().find(|row| row.0.is_some()).cloned().unwrap_or_default();
    let lines: [_; LINE_COUNT] = [
        ("text", present.0.unwrap_or_default()),
        ("binary", hex(&binary)),
        ("array", present.1.unwrap_or_default()),
        ("array_binary", hex(&array_binary)),
        ("round_trips", round_trips(client, &texts, (binary, array_binary)).await?),
    ];
    for (name, line) in lines {
        block.push_str(format!("{name} {}", line.replace('\n', "\\n")).trim_end());
        block.push('\n');
    }
    Ok(block)
}

/// The block of a question that was refused.
fn refusal(failure: &Failure) -> String {
    format!("error {}\n", failure.headline()) + &"-\n".repeat(LINE_COUNT - 1)
}

/// Lines of an answer.
const LINE_COUNT: usize = 5;

type Texts = Vec<(Option<String>, Option<String>)>;

/// The ways in by which the rows print as they did.
async fn round_trips(
    client: &Client,
    texts: &Texts,
    raw: (Vec<u8>, Vec<u8>),
) -> Result<String, Failure> {
    let mut ways = Vec::new();
    if by_parameter(client, raw).await.is_ok() && copies(client).await? == *texts {
        ways.push("parameter");
    }
    for (way, options) in
        [("copy_text", "FORMAT text"), ("copy_csv", "FORMAT csv"), ("copy_binary", "FORMAT binary")]
    {
        if by_copy(client, options).await.is_ok() && copies(client).await? == *texts {
            ways.push(way);
        }
    }
    Ok(ways.join(" "))
}

/// Writes the rows to the copy as binary parameters.
async fn by_parameter(client: &Client, raw: (Vec<u8>, Vec<u8>)) -> Result<(), Failure> {
    let insert = client.prepare("INSERT INTO matrix_copy VALUES ($1, $2)").await?;
    let nothing = Option::<Raw>::None;
    client.execute(&insert, &[&Raw(raw.0), &Raw(raw.1)]).await?;
    client.execute(&insert, &[&nothing, &nothing]).await?;
    Ok(())
}

/// Writes the rows to the copy by COPY out and COPY in.
async fn by_copy(client: &Client, options: &str) -> Result<(), Failure> {
    let out = format!("COPY matrix TO STDOUT WITH ({options})");
    let parts: Vec<_> = client.copy_out(&out).await?.try_collect().await?;
    let sink = client.copy_in(&format!("COPY matrix_copy FROM STDIN WITH ({options})")).await?;
    futures::pin_mut!(sink);
    sink.send(std::io::Cursor::new(parts.concat())).await?;
    sink.finish().await?;
    Ok(())
}

/// The rows of the copy as text; they are taken away.
async fn copies(client: &Client) -> Result<Texts, Failure> {
    let texts = texts(client, "matrix_copy").await?;
    client.batch_execute("DELETE FROM matrix_copy").await?;
    Ok(texts)
}

async fn texts(client: &Client, table: &str) -> Result<Texts, Failure> {
    let messages =
        client.simple_query(&format!("SELECT v, a FROM {table} ORDER BY v IS NULL")).await?;
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            Some((row.get(0).map(str::to_owned), row.get(1).map(str::to_owned)))
        }
        _ => None,
    });
    Ok(rows.collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a value of any type, as they are.
#[derive(Debug)]
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Raw {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        let expected = "> int '1'\ntext 1\n> int '2'\ntext 2\n";
        assert!(compare(expected, expected).is_ok());
        let error = compare(expected, &expected.replace("text 2", "text 3")).unwrap_err();
        assert!(error.contains("> int '2'\nexpected: text 2\nbut met:  text 3"), "{error}");
        assert!(error.starts_with("1 lines differ"), "{error}");
        assert!(compare("> int '1'\n", expected).is_err());
    }
}
