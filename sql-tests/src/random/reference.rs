//! The same queries over the same rows, answered by PostgreSQL.
//!
//! The one idea: the standing oracle runs our own functions twice, so what both sides have wrong it
//! cannot see. The rows of tables are copied, views become plain views, and answers must be equal;
//! numbers up to a little, since scales differ.
//!
//! What PostgreSQL does not know, windows first, is left out with everything above it; so are views
//! that keep rows in error out.

use super::kind::Kind;
use super::relation::{Relation, Writes};
use crate::compare::{Nearness, compare_within};
use crate::failure::Failure;
use crate::instance::Instance;
use crate::postgres::Cluster;
use crate::session::Session;
use std::sync::Arc;

/// PostgreSQL beside the servers.
pub(super) struct Reference {
    session: Session,
}

impl Reference {
    /// Starts it, where it is installed.
    pub(super) async fn start() -> Result<Option<Self>, String> {
        if !Cluster::is_installed() {
            return Ok(None);
        }
        let cluster = Cluster::start(false).map_err(|error| error.to_string())?;
        let instance = Instance::create_database(Arc::new(cluster)).await;
        let instance = instance.map_err(|failure| failure.to_string())?;
        Ok(Some(Self { session: Session::new(instance) }))
    }

    /// Compares views; gives how many were.
    pub(super) async fn check(
        &mut self,
        ours: &mut Session,
        created: &[(Relation, String)],
    ) -> Result<usize, Failure> {
        self.session.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await?;
        let mut count = 0;
        for (relation, create) in created {
            if relation.writes != Writes::None {
                self.copy(ours, relation).await?;
            } else if !has_errors(ours, relation).await? {
                let create = create.replacen("MATERIALIZED ", "", 1);
                if self.session.execute(&create).await.is_ok() {
                    count += usize::from(self.compare(ours, relation, &create).await?);
                }
            }
        }
        Ok(count)
    }

    async fn copy(&mut self, ours: &mut Session, relation: &Relation) -> Result<(), Failure> {
        let columns = relation.columns.iter();
        let columns: Vec<_> =
            columns.map(|column| format!("{} {}", column.name, column.kind.name())).collect();
        let create = format!("CREATE TABLE {} ({})", relation.name, columns.join(", "));
        self.session.execute(&create).await?;
        let rows = ours.query(&format!("SELECT * FROM {}", relation.name)).await?.rows;
        let value = |value: &Option<String>| match value {
            Some(text) => format!("'{}'", text.replace('\'', "''")),
            None => "NULL".to_owned(),
        };
        let row = |row: &Vec<Option<String>>| {
            format!("({})", row.iter().map(value).collect::<Vec<_>>().join(", "))
        };
        if !rows.is_empty() {
            let rows: Vec<_> = rows.iter().map(row).collect();
            let insert = format!("INSERT INTO {} VALUES {}", relation.name, rows.join(", "));
            self.session.execute(&insert).await?;
        }
        Ok(())
    }

    /// Compares one view, unless PostgreSQL fails to compute it.
    async fn compare(
        &mut self,
        ours: &mut Session,
        relation: &Relation,
        create: &str,
    ) -> Result<bool, Failure> {
        // Which of several equal intervals a group shows is ours to choose: they are compared by length.
        let columns = relation.columns.iter().map(|column| match column.kind {
            Kind::Interval => format!("extract(epoch FROM {})", column.name),
            _ => column.name.clone(),
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        let content = format!("SELECT {columns} FROM {}", relation.name);
        let Ok(theirs) = self.session.query(&content).await else { return Ok(false) };
        let is_number = |kind: Kind| matches!(kind, Kind::Numeric | Kind::Double);
        let is_number: Vec<_> =
            relation.columns.iter().map(|column| is_number(column.kind)).collect();
        let content = ours.query(&content).await?;
        let result = compare_within(&content, &theirs, &is_number, Nearness::Digits);
        result.map(|()| true).map_err(|what| {
            let what = what.replace("only left", "only in the view");
            let what = what.replace("only right", "only in PostgreSQL");
            Failure::broken(format!(
                "view {} differs from PostgreSQL\n{what}{create}",
                relation.name
            ))
        })
    }
}

/// Whether the view keeps rows out, which PostgreSQL would fail on.
async fn has_errors(ours: &mut Session, relation: &Relation) -> Result<bool, Failure> {
    let count =
        format!("SELECT count(*) > 0 FROM kappa_errors WHERE view_name = '{}'", relation.name);
    Ok(ours.query(&count).await?.rows == [[Some("t".to_owned())]])
}
