//! One round: a few relations, then views, changes, kills and rebuilds in turn, then the oracle.

use super::change;
use super::kind::Profile;
use super::query::Queries;
use super::reference::Reference;
use super::relation::{Relation, Writes};
use super::step::Step;
use super::tally::Tally;
use crate::failure::Failure;
use crate::instance::{End, Instance};
use crate::oracle;
use crate::session::Session;
use fastrand::Rng;
use std::sync::Arc;

/// Actions of a round, at most.
const ACTION_COUNT_MAX: usize = 50;
/// Views of a round, at most; each is checked against a twin at the end.
const VIEW_COUNT_MAX: usize = 8;
/// The classes of errors that a statement may be refused with: not supported, a value, a name or type,
/// a constraint, a row met twice, a failed transaction, dependents.
const REFUSALS: &[&str] = &["0A", "22", "42", "23", "21", "25", "2B"];

/// What a round has sent to a server.
pub(super) struct Round {
    session: Session,
    /// What exists, with the statement that made it.
    created: Vec<(Relation, String)>,
    /// What was done, in order.
    pub(super) steps: Vec<Step>,
}

impl Round {
    /// A round on a fresh server.
    pub(super) fn new(instance: &Arc<Instance>) -> Self {
        Self { session: Session::new(instance.clone()), created: Vec::new(), steps: Vec::new() }
    }

    /// Draws and does the whole round.
    pub(super) async fn run(
        &mut self,
        random: &mut Rng,
        tally: &mut Tally,
        reference: Option<&mut Reference>,
    ) -> Result<(), String> {
        let profile = Profile::draw(random);
        let mut relations = self.create_relations(profile, random).await?;
        let base_count = relations.len();
        for _ in 0..random.usize(ACTION_COUNT_MAX / 2..=ACTION_COUNT_MAX) {
            let view_count = relations.len() - base_count;
            match random.u8(..50) {
                0..=9 if view_count < VIEW_COUNT_MAX => {
                    let view = self.create_view(&relations, profile, random, tally).await?;
                    relations.extend(view);
                }
                10 | 11 if view_count > 0 => {
                    let view = &relations[random.usize(base_count..relations.len())].name;
                    self.send(format!("ALTER MATERIALIZED VIEW {view} REBUILD")).await?;
                }
                12 => drop(self.step(Step::Restart).await?),
                13 => drop(self.step(Step::Crash).await?),
                14..=17 => {
                    tally.check_count += view_count;
                    self.step(Step::Check).await?;
                }
                _ => {
                    for sql in change::draw(&relations[..base_count], profile, random) {
                        let refusal = self.send(sql).await?;
                        tally.change.add(refusal.is_none());
                    }
                }
            }
        }
        tally.check_count += relations.len() - base_count;
        tally.round_count += 1;
        let checked = check_at_end(&mut self.session, &self.created, reference).await;
        tally.reference_count += checked.map_err(|failure| failure.to_string())?;
        Ok(())
    }

    async fn create_relations(
        &mut self,
        profile: Profile,
        random: &mut Rng,
    ) -> Result<Vec<Relation>, String> {
        let mut relations = Vec::new();
        for writes in [Writes::Keyed, Writes::Free, Writes::Appended] {
            let name = format!("t{}", relations.len());
            let (relation, create) = Relation::draw(&name, writes, profile, random);
            if let Some(refusal) = self.create(&relation, create).await? {
                return Err(format!("a relation was refused: {refusal}"));
            }
            relations.push(relation);
        }
        Ok(relations)
    }

    /// A view, if it is accepted.
    async fn create_view(
        &mut self,
        relations: &[Relation],
        profile: Profile,
        random: &mut Rng,
        tally: &mut Tally,
    ) -> Result<Option<Relation>, String> {
        let mut queries = Queries {
            relations: relations.to_vec(),
            profile,
            constructs: Vec::new(),
            join_count: 0,
            alias_count: 0,
            random,
        };
        let query = queries.view();
        let join_count = queries.join_count;
        let mut constructs = queries.constructs;
        constructs.sort_unstable();
        constructs.dedup();
        let name = format!("v{}", self.steps.len());
        let create = format!("CREATE MATERIALIZED VIEW {name} AS {}", query.sql);
        let view = Relation { name, columns: query.columns, writes: Writes::None, join_count };
        let refusal = self.create(&view, create).await?;
        let is_accepted = refusal.is_none();
        tally.add(&constructs, refusal);
        Ok(is_accepted.then_some(view))
    }

    async fn create(&mut self, relation: &Relation, sql: String) -> Result<Option<String>, String> {
        self.step(Step::Create(relation.clone(), sql)).await
    }

    async fn send(&mut self, sql: String) -> Result<Option<String>, String> {
        self.step(Step::Sql(sql)).await
    }

    /// Does a step and notes it; gives the error that a statement was refused with.
    async fn step(&mut self, step: Step) -> Result<Option<String>, String> {
        self.steps.push(step.clone());
        perform(&mut self.session, &step, &mut self.created).await
    }
}

/// Does the steps of a round again, on a fresh server.
pub(super) async fn replay(
    instance: &Arc<Instance>,
    steps: &[Step],
    reference: Option<&mut Reference>,
) -> Result<(), String> {
    let mut session = Session::new(instance.clone());
    let mut created = Vec::new();
    for step in steps {
        perform(&mut session, step, &mut created).await?;
    }
    session.execute("ROLLBACK").await.map_err(|failure| failure.to_string())?;
    let checked = check_at_end(&mut session, &created, reference).await;
    checked.map(drop).map_err(|failure| failure.to_string())
}

/// Does a step; gives the error that a statement was refused with.
async fn perform(
    session: &mut Session,
    step: &Step,
    created: &mut Vec<(Relation, String)>,
) -> Result<Option<String>, String> {
    let instance = session.instance().clone();
    let done = match step {
        Step::Restart => instance.restart(End::Stop).await,
        Step::Crash => instance.restart(End::Crash).await,
        Step::Check => check(&instance).await,
        Step::Sql(sql) | Step::Create(_, sql) => match session.execute(sql).await {
            Err(failure) if is_refusal(&failure) => return Ok(Some(failure.headline())),
            result => result.map(drop).map_err(|failure| in_statement(&failure, sql)),
        },
    };
    if let (Ok(()), Step::Create(relation, sql)) = (&done, step) {
        created.push((relation.clone(), sql.clone()));
    }
    done.map(|()| None).map_err(|failure| failure.to_string())
}

fn in_statement(failure: &Failure, sql: &str) -> Failure {
    Failure::broken(format!("{failure}\n{sql}"))
}

fn is_refusal(failure: &Failure) -> bool {
    failure.state().is_some_and(|state| REFUSALS.contains(&&state[..2]))
        && !failure.to_string().to_lowercase().contains("internal error")
}

/// Compares every view with its query in batch.
async fn check(instance: &Arc<Instance>) -> Result<(), Failure> {
    let mut session = Session::new(instance.clone());
    let views = oracle::views(&mut session).await?;
    oracle::check_at_one_time(&mut session, &views, &[]).await.map(drop)
}

/// The standing oracle, and PostgreSQL; gives how many views that answered. And no row failed in a
/// way that is no row's fault.
async fn check_at_end(
    session: &mut Session,
    created: &[(Relation, String)],
    reference: Option<&mut Reference>,
) -> Result<usize, Failure> {
    oracle::check(session).await?;
    let internal = "SELECT view_name, reason FROM kappa_errors WHERE reason LIKE 'XX%'";
    if let Some(row) = session.query(internal).await?.printed_rows().first() {
        return Err(Failure::broken(format!("a row failed inside: {}", row.join(": "))));
    }
    match reference {
        Some(reference) => reference.check(session, created).await,
        None => Ok(0),
    }
}
