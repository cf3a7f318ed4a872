//! SET and RESET.

/// `SET [SESSION | LOCAL] name {TO | =} value`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// LOCAL.
    pub local: bool,
    /// The parameter, lower case.
    pub name: String,
    /// Its value.
    pub value: SetValue,
}

/// The value of a SET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetValue {
    /// DEFAULT.
    Default,
    /// One or more values as text; several for lists such as search_path.
    Values(Vec<String>),
}

/// `RESET {name | ALL}`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reset {
    /// The parameter, lower case; `None` is ALL.
    pub name: Option<String>,
}
