//! Verbs: what a script does that SQL cannot say, written as a statement that begins with a dot.
//!
//! ```text
//! .restart            stop cleanly, start on the same directory
//! .crash              kill -9, start
//! .fault <point>      the next hit of the named failure ends the process; then start
//! .rebuild [view]     throw derived state away and replay the log; every view if none is named
//! .clock '<time>'     set the manual clock
//! .settle             wait until all views reach the newest log time
//! .notices            rows: the notices of this connection since the last `.notices`
//! ```
//! INSERT, query, EXPLAIN and the like stay SQL; an insert and a query need no verb between them.

use crate::failure::Failure;
use crate::instance::End;
use crate::oracle;
use crate::outcome::Outcome;
use crate::session::Session;

/// What a script does that SQL cannot say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Stop cleanly, start.
    Restart,
    /// Kill, start.
    Crash,
    /// Arm a named failure.
    Fault(String),
    /// Rebuild one view, or all.
    Rebuild(Option<String>),
    /// Set the manual clock.
    Clock(String),
    /// Wait until all views reach the newest log time.
    Settle,
    /// The notices received.
    Notices,
}

impl Verb {
    /// The verb in a statement's text, if it begins with a dot.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, Failure> {
        let Some(text) = text.strip_prefix('.') else { return Ok(None) };
        let (word, argument) = match text.trim().split_once(' ') {
            Some((word, argument)) => (word, Some(argument.trim().trim_matches('\'').to_owned())),
            None => (text.trim(), None),
        };
        let verb = match (word, argument) {
            ("restart", None) => Self::Restart,
            ("crash", None) => Self::Crash,
            ("fault", Some(point)) => Self::Fault(point),
            ("rebuild", view) => Self::Rebuild(view),
            ("clock", Some(time)) => Self::Clock(time),
            ("settle", None) => Self::Settle,
            ("notices", None) => Self::Notices,
            _ => return Err(Failure::broken(format!("there is no verb \".{text}\""))),
        };
        Ok(Some(verb))
    }

    /// Does it, for a session.
    pub(crate) async fn run(self, session: &mut Session) -> Result<Outcome, Failure> {
        let instance = session.instance().clone();
        match self {
            Self::Restart => instance.restart(End::Stop).await?,
            Self::Crash => instance.restart(End::Crash).await?,
            Self::Notices => return Ok(Outcome::of_lines("notice", session.take_notices())),
            Self::Rebuild(_) | Self::Settle if instance.is_postgres() => {}
            Self::Rebuild(Some(view)) => rebuild(session, &view).await?,
            Self::Rebuild(None) => {
                for view in oracle::views(session).await? {
                    rebuild(session, &view.name).await?;
                }
            }
            Self::Settle => drop(session.execute("SELECT kappa_settle()").await?),
            Self::Clock(time) => {
                session.execute(&format!("SELECT kappa_set_clock('{time}')")).await?;
                instance.remember_clock(&time).await;
            }
            Self::Fault(point) => {
                session.execute(&format!("SELECT kappa_fault('{point}')")).await?;
                instance.remember_fault(&point).await;
            }
        }
        Ok(Outcome::default())
    }
}

async fn rebuild(session: &mut Session, view: &str) -> Result<(), Failure> {
    session.execute(&format!("ALTER MATERIALIZED VIEW {view} REBUILD")).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Verb> {
        Verb::parse(text).unwrap()
    }

    #[test]
    fn a_statement_with_a_dot_is_a_verb() {
        assert_eq!(parse(".restart"), Some(Verb::Restart));
        assert_eq!(parse(".rebuild"), Some(Verb::Rebuild(None)));
        assert_eq!(parse(".rebuild v"), Some(Verb::Rebuild(Some("v".into()))));
        assert_eq!(
            parse(".clock '2030-01-01 00:00:00'"),
            Some(Verb::Clock("2030-01-01 00:00:00".into()))
        );
        assert_eq!(parse("SELECT .5"), None);
    }

    #[test]
    fn an_unknown_verb_is_no_sql() {
        assert!(Verb::parse(".sleep 1").is_err());
        assert!(Verb::parse(".restart now").is_err());
        assert!(Verb::parse(".clock").is_err());
    }
}
