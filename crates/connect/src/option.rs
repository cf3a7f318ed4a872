//! [`OptionInfo`]: an option of a connector or format, and [`Options`]: the values a user gave.
//!
//! The one idea: name, default, unit and documentation of an option stand in one table, which is
//! checked against, read from, and printed in the reference.

use std::collections::BTreeMap;
use std::str::FromStr;

use kappa_types::{SqlError, SqlState};

/// A connector, for the reference and for checks.
#[derive(Debug)]
pub struct ConnectorInfo {
    /// What `connector = '…'` says.
    pub name: &'static str,
    /// One or two sentences.
    pub doc: &'static str,
    /// The formats it reads, as ENCODE spells them; empty if it makes rows itself.
    pub formats: &'static [&'static str],
    /// What may stand in WITH.
    pub options: &'static [OptionInfo],
}

/// An option.
#[derive(Debug)]
pub struct OptionInfo {
    /// Its name in WITH.
    pub name: &'static str,
    /// One or two sentences.
    pub doc: &'static str,
    /// The value when it is not given, if there is one.
    pub default: Option<&'static str>,
    /// What the value counts, or the words it may be.
    pub unit: Option<&'static str>,
}

/// The options of a user, each read through the table that documents it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options<'a> {
    known: &'static [OptionInfo],
    given: &'a BTreeMap<String, String>,
}

impl<'a> Options<'a> {
    /// The values `given` for the options `known`.
    pub(crate) const fn new(
        known: &'static [OptionInfo],
        given: &'a BTreeMap<String, String>,
    ) -> Self {
        Self { known, given }
    }

    /// The value or its default; `None` if there is neither.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        let info = self.known.iter().find(|info| info.name == name);
        let info = info.expect("only options of the table are read");
        self.given.get(name).map(String::as_str).or(info.default)
    }

    /// The value of an option that must be given.
    pub(crate) fn required(&self, name: &str) -> Result<&'a str, SqlError> {
        self.text(name).ok_or_else(|| {
            let message = format!("option \"{name}\" is missing");
            SqlError::new(SqlState::InvalidParameterValue, message)
        })
    }

    /// A number of the kind that `T` reads and `accepts` takes.
    pub(crate) fn number<T: FromStr>(
        &self,
        name: &str,
        accepts: impl Fn(&T) -> bool,
        expected: &str,
    ) -> Result<Option<T>, SqlError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| accepts(number));
        number.map(Some).ok_or_else(|| invalid_value(name, text, expected))
    }

    /// One of the words of `choices`.
    pub(crate) fn choice<T: Copy>(
        &self,
        name: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, SqlError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let found = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        found.map(|(_, choice)| Some(*choice)).ok_or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| format!("'{word}'")).collect();
            invalid_value(name, text, &words.join(" or "))
        })
    }

    /// `true` or `false`, as Postgres spells them for settings.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, SqlError> {
        let words = [("true", true), ("false", false), ("on", true), ("off", false)];
        self.choice(name, &words)
    }
}

/// 22023: an option has a value it cannot have.
pub(crate) fn invalid_value(name: &str, value: &str, expected: &str) -> SqlError {
    let message = format!("invalid value for option \"{name}\": \"{value}\"");
    SqlError::new(SqlState::InvalidParameterValue, message)
        .with_hint(format!("Expected {expected}."))
}

/// Refuses options that are in none of the tables `known`.
pub(crate) fn check_known(
    connector: &str,
    known: &[&'static [OptionInfo]],
    given: &BTreeMap<String, String>,
) -> Result<(), SqlError> {
    let names: Vec<&str> = known.iter().flat_map(|table| table.iter().map(|i| i.name)).collect();
    for name in given.keys().filter(|name| *name != "connector") {
        if !names.contains(&name.as_str()) {
            let message = format!("connector \"{connector}\" has no option \"{name}\"");
            return Err(SqlError::new(SqlState::InvalidParameterValue, message)
                .with_hint(format!("Options here are: {}.", names.join(", "))));
        }
    }
    Ok(())
}
