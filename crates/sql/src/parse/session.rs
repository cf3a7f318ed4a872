//! SET, RESET, DISCARD and the statements of transactions.

use datafusion::sql::sqlparser::tokenizer::Token;
use kappa_types::SqlError;

use super::reader::Reader;
use super::show::parameter_name;
use crate::statement::{
    IsolationLevel, Reset, Set, SetValue, Statement, Transaction, TransactionModes,
};

/// After SET.
pub(super) fn set(reader: &mut Reader<'_>) -> Result<Statement, SqlError> {
    if reader.words(&["session", "characteristics", "as", "transaction"]) {
        let modes = modes(reader)?;
        return Ok(Statement::Transaction(Transaction::SetSessionModes(modes)));
    }
    let local = reader.word("local");
    if !local && reader.peek_word(0, "session") && !reader.peek_word(1, "authorization") {
        reader.word("session");
    }
    if reader.word("transaction") {
        if reader.word("snapshot") {
            return Err(SqlError::unsupported(
                "SET TRANSACTION SNAPSHOT is not supported",
                "Use ISOLATION LEVEL REPEATABLE READ.",
            ));
        }
        return Ok(Statement::Transaction(Transaction::SetModes(modes(reader)?)));
    }
    let name = if reader.words(&["time", "zone"]) {
        let value = if reader.word("local") { SetValue::Default } else { values(reader)? };
        reader.finish()?;
        return Ok(Statement::Set(Set { local, name: "timezone".to_owned(), value }));
    } else if reader.word("names") {
        "client_encoding".to_owned()
    } else {
        let name = parameter_name(reader)?;
        if !reader.token(&Token::Eq) {
            reader.expect_words(&["to"])?;
        }
        name
    };
    let value = values(reader)?;
    reader.finish()?;
    Ok(Statement::Set(Set { local, name, value }))
}

fn values(reader: &mut Reader<'_>) -> Result<SetValue, SqlError> {
    if reader.word("default") {
        return Ok(SetValue::Default);
    }
    reader.list(value).map(SetValue::Values)
}

fn value(reader: &mut Reader<'_>) -> Result<String, SqlError> {
    if reader.word("interval") {
        return reader.string();
    }
    let sign = if reader.token(&Token::Minus) {
        "-"
    } else {
        reader.token(&Token::Plus);
        ""
    };
    match reader.peek(0) {
        Some(Token::Number(number, _)) => {
            let number = format!("{sign}{number}");
            reader.take()?;
            Ok(number)
        }
        Some(Token::Word(_)) if sign.is_empty() => Ok(reader.name()?.name),
        _ if sign.is_empty() => reader.string(),
        _ => reader.unexpected(),
    }
}

/// After RESET.
pub(super) fn reset(reader: &mut Reader<'_>) -> Result<Statement, SqlError> {
    let name = if reader.word("all") {
        None
    } else if reader.words(&["time", "zone"]) {
        Some("timezone".to_owned())
    } else {
        Some(parameter_name(reader)?)
    };
    reader.finish()?;
    Ok(Statement::Reset(Reset { name }))
}

/// After DISCARD.
pub(super) fn discard(reader: &mut Reader<'_>) -> Result<Statement, SqlError> {
    if reader.word("all") {
        reader.finish()?;
        return Ok(Statement::DiscardAll);
    }
    let known = ["plans", "sequences", "temp", "temporary"];
    if known.iter().any(|word| reader.peek_word(0, word)) {
        return Err(SqlError::unsupported(
            "only DISCARD ALL is supported",
            "DISCARD ALL resets the session.",
        )
        .at(reader.position()));
    }
    reader.unexpected()
}

/// BEGIN, START, COMMIT, END, ROLLBACK or ABORT, its first word `word` already read.
pub(super) fn transaction(reader: &mut Reader<'_>, word: &str) -> Result<Statement, SqlError> {
    let transaction = match word {
        "start" => {
            reader.expect_words(&["transaction"])?;
            Transaction::Begin { start: true, modes: modes(reader)? }
        }
        "begin" => {
            work(reader);
            Transaction::Begin { start: false, modes: modes(reader)? }
        }
        "commit" | "end" => {
            if reader.peek_word(0, "prepared") {
                return Err(two_phase());
            }
            work(reader);
            Transaction::Commit { chain: chain(reader)? }
        }
        _ => {
            if reader.peek_word(0, "prepared") {
                return Err(two_phase());
            }
            work(reader);
            if reader.word("to") {
                return Err(savepoints());
            }
            Transaction::Rollback { chain: chain(reader)? }
        }
    };
    reader.finish()?;
    Ok(Statement::Transaction(transaction))
}

/// SAVEPOINT and its like.
pub(super) fn savepoints() -> SqlError {
    SqlError::unsupported(
        "savepoints are not supported",
        "A transaction is committed or rolled back whole; clients that emulate savepoints can turn that off.",
    )
}

fn two_phase() -> SqlError {
    SqlError::unsupported("two-phase commit is not supported", "Use COMMIT or ROLLBACK.")
}

fn work(reader: &mut Reader<'_>) {
    if !reader.word("work") {
        reader.word("transaction");
    }
}

fn chain(reader: &mut Reader<'_>) -> Result<bool, SqlError> {
    if reader.words(&["and", "no", "chain"]) {
        return Ok(false);
    }
    if reader.word("and") {
        reader.expect_words(&["chain"])?;
        return Ok(true);
    }
    Ok(false)
}

fn modes(reader: &mut Reader<'_>) -> Result<TransactionModes, SqlError> {
    let mut modes = TransactionModes::default();
    while !reader.at_end() {
        if reader.words(&["isolation", "level"]) {
            modes.isolation = Some(isolation(reader)?);
        } else if reader.words(&["read", "only"]) {
            modes.read_only = Some(true);
        } else if reader.words(&["read", "write"]) {
            modes.read_only = Some(false);
        } else if reader.words(&["not", "deferrable"]) {
            modes.deferrable = Some(false);
        } else if reader.word("deferrable") {
            modes.deferrable = Some(true);
        } else {
            return reader.unexpected();
        }
        if reader.token(&Token::Comma) && reader.at_end() {
            return reader.unexpected();
        }
    }
    Ok(modes)
}

fn isolation(reader: &mut Reader<'_>) -> Result<IsolationLevel, SqlError> {
    if reader.word("serializable") {
        Ok(IsolationLevel::Serializable)
    } else if reader.words(&["repeatable", "read"]) {
        Ok(IsolationLevel::RepeatableRead)
    } else if reader.words(&["read", "committed"]) {
        Ok(IsolationLevel::ReadCommitted)
    } else if reader.words(&["read", "uncommitted"]) {
        Ok(IsolationLevel::ReadUncommitted)
    } else {
        reader.unexpected()
    }
}
