//! SELECT, VALUES and TABLE.

use super::QueryText;

/// A query whose rows go to the client.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The query.
    pub query: QueryText,
}
