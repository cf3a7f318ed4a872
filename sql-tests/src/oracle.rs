//! The standing oracle: a view is its query.
//!
//! The one idea: after every script each materialized view is compared with its query run in batch, in
//! one transaction, and with a twin made now. The first finds a wrong operator, the second a wrong
//! history: incremental and hydrated must be the same.
//!
//! A view's plan is looked at too: every node must run incrementally.
//!
//! A view EMIT ON WINDOW CLOSE is not its query in batch but a function of the log, so only its twin can
//! tell. A view that kept rows out whose expression failed has no answer in batch at all; the same.

use crate::compare::compare;
use crate::failure::Failure;
use crate::session::Session;

/// A materialized view.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// Its name, quoted, with its schema.
    pub(crate) name: String,
    /// Its query as the server tells it.
    pub(crate) definition: String,
}

impl View {
    /// Whether its windows are frozen when they close.
    pub(crate) fn is_emitted_on_close(&self) -> bool {
        let words: Vec<_> =
            self.definition.split_whitespace().map(str::to_ascii_uppercase).collect();
        words.ends_with(&["EMIT", "ON", "WINDOW", "CLOSE"].map(str::to_owned))
    }

    /// Its query, run in batch.
    fn batch(&self) -> String {
        format!("SELECT * FROM ({}) AS q", self.definition)
    }

    /// Its content.
    fn content(&self) -> String {
        format!("SELECT * FROM {}", self.name)
    }
}

/// What begins a read of several statements at one time.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ";

/// All materialized views.
pub(crate) async fn views(session: &mut Session) -> Result<Vec<View>, Failure> {
    let list = "SELECT quote_ident(schemaname) || '.' || quote_ident(matviewname), definition \
                FROM pg_matviews ORDER BY 1";
    let outcome = session.query(list).await?;
    let view = |row: &Vec<Option<String>>| match row.as_slice() {
        [Some(name), Some(definition)] => {
            let definition = definition.trim().trim_end_matches(';').trim_end().to_owned();
            Ok(View { name: name.clone(), definition })
        }
        _ => Err(Failure::broken("pg_matviews has a view without a name or definition")),
    };
    outcome.rows.iter().map(view).collect()
}

/// Compares every view with its batch query and with its twin.
pub(crate) async fn check(session: &mut Session) -> Result<(), Failure> {
    let views = views(session).await?;
    for (number, view) in views.iter().enumerate() {
        session.execute(BEGIN).await?;
        check_batch(session, view).await?;
        session.execute("COMMIT").await?;
        check_way(session, view).await?;
        check_twin(session, view, number).await?;
    }
    Ok(())
}

/// Checks that every node of a view runs incrementally, so that nothing slides to a slow path unseen.
async fn check_way(session: &mut Session, view: &View) -> Result<(), Failure> {
    let plan = session.query(&format!("EXPLAIN MATERIALIZED VIEW {}", view.name)).await?;
    let lines: Vec<_> = plan.rows.iter().flatten().flatten().map(String::as_str).collect();
    let is_incremental = |line: &&str| line.contains("[incremental");
    let is_node = |line: &&str| line.trim_end().ends_with(']');
    let has_slow = lines.iter().filter(|line| is_node(line)).any(|line| !is_incremental(line));
    if has_slow || !lines.iter().any(is_incremental) {
        let what = "a node does not run incrementally";
        return Err(Failure::broken(format!(
            "oracle: view {}: {what}\n{}",
            view.name,
            lines.join("\n")
        )));
    }
    Ok(())
}

/// Compares views with their batch queries at one time, and gives what was read.
pub(crate) async fn check_at_one_time(
    session: &mut Session,
    views: &[View],
    agreements: &[String],
) -> Result<String, Failure> {
    session.execute(BEGIN).await?;
    let mut read = String::new();
    for view in views {
        read.push_str(&check_batch(session, view).await?);
    }
    check_agreements(session, agreements).await?;
    session.execute("COMMIT").await?;
    Ok(read)
}

/// Checks that each query answers true.
pub(crate) async fn check_agreements(
    session: &mut Session,
    queries: &[String],
) -> Result<(), Failure> {
    for query in queries {
        let outcome = session.query(query).await?;
        if outcome.rows != [[Some("t".to_owned())]] {
            return Err(Failure::broken(format!(
                "not true: {query}: {:?}",
                outcome.printed_rows()
            )));
        }
    }
    Ok(())
}

/// Compares a view with its query in batch; gives the view's content as text.
async fn check_batch(session: &mut Session, view: &View) -> Result<String, Failure> {
    let content = session.query(&view.content()).await?;
    let read = format!("{:?}", content.rows);
    if view.is_emitted_on_close() {
        return Ok(read);
    }
    let batch = match session.query(&view.batch()).await {
        Err(failure) if has_error_rows(session, view, &failure).await? => return Ok(read),
        batch => batch.map_err(|failure| in_view(view, "its query in batch failed", &failure))?,
    };
    let is_float = session.float_columns(&view.content()).await?;
    let result = compare(&content, &batch, &is_float);
    result
        .map_err(|what| unequal(view, "differs from its query in batch", "view", "batch", &what))?;
    Ok(read)
}

/// Whether a batch query failed because of rows that the view keeps out and lists.
async fn has_error_rows(
    session: &mut Session,
    view: &View,
    failure: &Failure,
) -> Result<bool, Failure> {
    if !failure.state().is_some_and(|state| state.starts_with("22")) {
        return Ok(false);
    }
    session.execute("ROLLBACK").await?;
    session.execute(BEGIN).await?;
    let name = view.name.rsplit('.').next().unwrap_or_default().trim_matches('"');
    let count = format!("SELECT error_count > 0 FROM kappa_views WHERE view_name = '{name}'");
    Ok(session.query(&count).await?.rows == [[Some("t".to_owned())]])
}

/// Compares a view with a twin made now.
async fn check_twin(session: &mut Session, view: &View, number: usize) -> Result<(), Failure> {
    let twin = View { name: format!("kappa_twin_{number}"), definition: view.definition.clone() };
    let create = format!("CREATE MATERIALIZED VIEW {} AS {}", twin.name, view.definition);
    let created = session.execute(&create).await;
    created.map_err(|failure| in_view(view, "its twin cannot be made", &failure))?;
    session.execute(BEGIN).await?;
    let content = session.query(&view.content()).await?;
    let twin_content = session.query(&twin.content()).await?;
    session.execute("COMMIT").await?;
    let is_float = session.float_columns(&view.content()).await?;
    let result = compare(&content, &twin_content, &is_float);
    result.map_err(|what| unequal(view, "differs from a twin made now", "view", "twin", &what))
}

fn in_view(view: &View, what: &str, failure: &Failure) -> Failure {
    Failure::broken(format!("oracle: view {}: {what}: {failure}\n{}", view.name, view.definition))
}

fn unequal(view: &View, what: &str, left: &str, right: &str, rows: &str) -> Failure {
    let rows = rows.replace("only left", &format!("only in the {left}"));
    let rows = rows.replace("only right", &format!("only in the {right}"));
    Failure::broken(format!("oracle: view {} {what}\n{rows}{}", view.name, view.definition))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::Instance;
    use crate::postgres::Cluster;
    use std::sync::Arc;

    #[test]
    fn a_closing_view_is_known_by_its_last_clause() {
        let view = |definition: &str| View { name: "v".into(), definition: definition.into() };
        assert!(view("SELECT 1\nEMIT ON  window CLOSE").is_emitted_on_close());
        assert!(!view("SELECT 'EMIT ON WINDOW CLOSE'").is_emitted_on_close());
        assert!(!view("SELECT 1").is_emitted_on_close());
    }

    /// PostgreSQL's materialized views do not follow their tables: a view that is wrong on purpose.
    async fn stale_view() -> Option<(Session, View)> {
        if !Cluster::is_installed() {
            return None;
        }
        let cluster = Arc::new(Cluster::start(false).unwrap());
        let mut session = Session::new(Instance::create_database(cluster).await.unwrap());
        session.execute("CREATE TABLE t (n double precision)").await.unwrap();
        session.execute("INSERT INTO t VALUES (1), (2)").await.unwrap();
        session.execute("CREATE MATERIALIZED VIEW v AS SELECT sum(n) AS s FROM t").await.unwrap();
        let view = views(&mut session).await.unwrap().remove(0);
        session.execute("INSERT INTO t VALUES (4)").await.unwrap();
        Some((session, view))
    }

    #[tokio::test]
    async fn a_view_that_differs_from_its_query_is_found() {
        let Some((mut session, view)) = stale_view().await else { return };
        session.execute(BEGIN).await.unwrap();
        let failure = check_batch(&mut session, &view).await.unwrap_err().to_string();
        assert!(failure.contains("differs from its query in batch"), "{failure}");
        assert!(failure.contains("only in the view (1):\n  3\n"), "{failure}");
        session.execute("REFRESH MATERIALIZED VIEW v").await.unwrap();
        check_batch(&mut session, &view).await.unwrap();
    }

    #[tokio::test]
    async fn a_view_that_differs_from_its_twin_is_found() {
        let Some((mut session, view)) = stale_view().await else { return };
        let failure = check_twin(&mut session, &view, 0).await.unwrap_err().to_string();
        assert!(failure.contains("only in the twin (1):\n  7\n"), "{failure}");
        session.execute("REFRESH MATERIALIZED VIEW v").await.unwrap();
        check_twin(&mut session, &view, 1).await.unwrap();
    }

    #[tokio::test]
    async fn an_agreement_that_is_not_true_is_found() {
        let Some((mut session, _)) = stale_view().await else { return };
        let agreement = |text: &str| vec![text.to_owned()];
        check_agreements(&mut session, &agreement("SELECT sum(n) = 7 FROM t")).await.unwrap();
        assert!(
            check_agreements(&mut session, &agreement("SELECT sum(n) = 8 FROM t")).await.is_err()
        );
        assert!(check_agreements(&mut session, &agreement("SELECT NULL")).await.is_err());
    }
}
