//! [`Properties`]: what is known of the changes that a node puts out.

/// Facts that hold for every input, at every time. Operators may rely on them, and a view records
/// those of its inputs it relied on, so that a REBUILD that breaks one carries the view along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// No diff is ever negative.
    pub append_only: bool,
    /// Sets of columns of which no two rows present at the same time agree in all.
    pub unique_keys: Vec<Vec<usize>>,
}

impl Properties {
    /// Whether some unique key lies within `columns`.
    #[must_use]
    pub fn is_unique_on(&self, columns: &[usize]) -> bool {
        self.unique_keys.iter().any(|key| key.iter().all(|column| columns.contains(column)))
    }
}
