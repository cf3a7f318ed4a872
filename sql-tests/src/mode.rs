//! How one corpus is run in several ways.
//!
//! The one idea: a mode changes what happens between the statements of a script, or how many workers
//! there are, and never what the script expects.

use std::num::NonZeroUsize;

/// What is done after each statement that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disturbance {
    /// Nothing.
    None,
    /// The server is stopped cleanly and started.
    Restart,
    /// The server is killed and started.
    Crash,
    /// Every view is rebuilt from the log.
    Rebuild,
}

/// A way to run a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mode {
    /// Its name on the command line and in heads.
    pub(crate) name: String,
    /// Workers of the server.
    pub(crate) worker_count: NonZeroUsize,
    /// What is done after each statement.
    pub(crate) disturbance: Disturbance,
    /// Whether INSERTs of many rows are split into INSERTs of one.
    pub(crate) splits_rows: bool,
}

/// Workers where a mode does not say: the exchange between workers is always tested.
const WORKER_COUNT: usize = 2;

/// Every mode, for `--mode all`.
const ALL: &[&str] = &["plain", "restart", "crash", "rebuild", "rows", "workers=1", "workers=4"];

impl Mode {
    /// The mode of a name.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        let (disturbance, splits_rows, worker_count) = match name {
            "plain" => (Disturbance::None, false, WORKER_COUNT),
            "restart" => (Disturbance::Restart, false, WORKER_COUNT),
            "crash" => (Disturbance::Crash, false, WORKER_COUNT),
            "rebuild" => (Disturbance::Rebuild, false, WORKER_COUNT),
            "rows" => (Disturbance::None, true, WORKER_COUNT),
            _ => match name.strip_prefix("workers=").and_then(|count| count.parse().ok()) {
                Some(count) => (Disturbance::None, false, count),
                None => {
                    return Err(format!("there is no mode \"{name}\"; modes: {}", ALL.join(", ")));
                }
            },
        };
        let worker_count = NonZeroUsize::new(worker_count).ok_or("workers=0 would do nothing")?;
        Ok(Self { name: name.to_owned(), worker_count, disturbance, splits_rows })
    }

    /// The modes of names, where `all` is every mode.
    pub(crate) fn parse_all(names: &[String]) -> Result<Vec<Self>, String> {
        let names = names.iter().map(String::as_str);
        let names = names.flat_map(|name| if name == "all" { ALL.to_vec() } else { vec![name] });
        names.map(Self::parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_modes_parse() {
        let modes = Mode::parse_all(&["all".to_owned()]).unwrap();
        assert_eq!(modes.len(), ALL.len());
        assert_eq!(Mode::parse("workers=4").unwrap().worker_count.get(), 4);
        assert!(Mode::parse("workers=0").is_err());
        assert!(Mode::parse("crush").is_err());
    }
}
