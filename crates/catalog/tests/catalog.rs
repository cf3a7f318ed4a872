//! Statements on a catalogue, and what is left after a start from the log alone, from the index, and
//! from an index that is damaged, old or of another log.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "tests and examples fail by panicking, and tell their story in one place"
)]

use std::path::Path;

use bytes::Bytes;
use fastrand::Rng;
use kappa_catalog::{
    Catalog, ColumnDefinition, DdlRecord, Definition, Dependency, Edit, Error, Namespace, PUBLIC,
    Rebuild, RebuildOptions, RebuildPhase, Relation, RelationKind, Snapshot, Watermark, check,
};
use kappa_types::{Column, ColumnId, RelationId, Schema, SqlError, SqlType, Timestamp};

/// A catalogue and the log it would be in.
struct Session {
    catalog: Catalog,
    log: Vec<(Timestamp, Bytes)>,
}

impl Session {
    fn new() -> Self {
        Self { catalog: open(None, &[]), log: Vec::new() }
    }

    fn snapshot(&self) -> std::sync::Arc<Snapshot> {
        self.catalog.snapshot()
    }

    fn run(&mut self, edits: Vec<Edit>) -> Result<(), SqlError> {
        check(&self.snapshot(), &edits)?;
        let record = DdlRecord { text: "as typed".into(), edits, ..DdlRecord::default() };
        let time = Timestamp(self.snapshot().time.0 + 10);
        self.log.push((time, record.encode()));
        self.catalog.apply(time, &DdlRecord::decode(&self.log.last().unwrap().1).unwrap());
        Ok(())
    }

    fn create(&mut self, name: &str, reads: &[&str]) -> Result<(), SqlError> {
        let relation = self.relation(name, reads);
        self.run(vec![Edit::CreateRelation(Box::new(relation))])
    }

    fn id(&self, name: &str) -> RelationId {
        find(&self.snapshot(), name).unwrap_or_else(|| panic!("no {name}")).id
    }

    fn relation(&self, name: &str, reads: &[&str]) -> Relation {
        let ids = self.catalog.ids();
        let kind = match (name.as_bytes()[0], reads.is_empty()) {
            (b's', _) => RelationKind::Source { watermark: None, connector: None },
            (b't', _) => RelationKind::Table {
                primary_key: Some(vec![ColumnId(1)]),
                watermark: Some(Watermark {
                    column: ColumnId(2),
                    expression: "at - interval '1 minute'".into(),
                    max_ahead_micros: Some(5),
                }),
            },
            (b'v', _) => RelationKind::View { query: format!("SELECT * FROM {reads:?}") },
            _ => RelationKind::MaterializedView {
                query: format!("SELECT * FROM {reads:?}"),
                emit_on_close: true,
                options: [("a".to_owned(), "b".to_owned())].into(),
            },
        };
        let read = |name: &&str| Dependency {
            relation: self.id(name),
            columns: vec![(ColumnId(1), SqlType::BigInt)],
        };
        Relation {
            id: ids.relation_id(),
            oid: ids.oid(),
            type_oid: ids.oid(),
            array_type_oid: ids.oid(),
            index_oid: (name.as_bytes()[0] == b't').then(|| ids.oid()),
            namespace: PUBLIC,
            namespace_name: "public".into(),
            name: name.into(),
            owner: "kappa".into(),
            created_at: Timestamp::MIN,
            comment: None,
            next_column: 1,
            version: ids.version_id(),
            kind,
            schema: Schema { version: ids.schema_version_id(), columns: columns() },
            columns: vec![ColumnDefinition::default(); 2],
            dependencies: reads.iter().map(read).collect(),
            text: "x".repeat(5000),
            time_zone: "UTC".into(),
            search_path: vec!["public".into()],
        }
    }

    fn redefined(&self, name: &str, reads: &[&str]) -> Definition {
        let ids = self.catalog.ids();
        let new = self.relation(name, reads);
        Definition { relation: self.id(name), version: ids.version_id(), ..new.definition() }
    }

    fn rebuild(&self, name: &str, reads: &[&str]) -> Rebuild {
        Rebuild {
            id: self.catalog.ids().rebuild_id(),
            relation: self.id(name),
            relation_name: name.into(),
            definitions: vec![self.redefined(name, reads)],
            options: RebuildOptions { rate_limit: Some(7), ..RebuildOptions::default() },
            phase: RebuildPhase::Running,
            text: "ALTER".into(),
            started_at: Timestamp::MIN,
            ended_at: None,
        }
    }
}

fn columns() -> Vec<Column> {
    let column = |id, name: &str, sql_type| Column {
        id: ColumnId(id),
        name: name.into(),
        sql_type,
        nullable: true,
    };
    vec![column(1, "n", SqlType::BigInt), column(2, "at", SqlType::Timestamp)]
}

fn open(dir: Option<&Path>, log: &[(Timestamp, Bytes)]) -> Catalog {
    Catalog::open(dir, log.iter().cloned()).unwrap()
}

fn find(snapshot: &Snapshot, name: &str) -> Option<std::sync::Arc<Relation>> {
    snapshot.resolve(&["nowhere".to_owned(), "public".to_owned()], None, name)
}

/// All that a snapshot holds.
fn text(snapshot: &Snapshot) -> String {
    format!("{snapshot:#?}")
}

fn names(snapshot: &Snapshot, ids: &[RelationId]) -> String {
    let names = ids.iter().map(|id| snapshot.relation(*id).unwrap().name.clone());
    names.collect::<Vec<_>>().join(" ")
}

fn refused(result: Result<(), SqlError>) -> String {
    let error = result.unwrap_err();
    let mut text = format!("{}: {}", error.state.code(), error.message);
    error.detail.iter().for_each(|detail| text += &format!("\nDETAIL: {detail}"));
    error.hint.iter().for_each(|hint| text += &format!("\nHINT: {hint}"));
    text
}

fn diamond() -> Session {
    let mut session = Session::new();
    session.create("s", &[]).unwrap();
    session.create("m1", &["s"]).unwrap();
    session.create("m2", &["s"]).unwrap();
    session.create("m3", &["m1", "m2"]).unwrap();
    session.create("t", &[]).unwrap();
    session
}

#[test]
fn names_resolve_by_path_and_namespace() {
    let session = diamond();
    let snapshot = session.snapshot();
    assert_eq!(find(&snapshot, "m1").unwrap().qualified_name(), "public.m1");
    assert!(snapshot.resolve(&[], Some("public"), "m1").is_some());
    assert!(snapshot.resolve(&["public".into()], Some("pg_catalog"), "m1").is_none());
    assert!(snapshot.resolve(&[], None, "m1").is_none());
    assert!(find(&snapshot, "M1").is_none());
    let oid = find(&snapshot, "t").unwrap().oid;
    assert!(oid >= kappa_catalog::FIRST_OID);
    assert_eq!(snapshot.by_oid(oid).unwrap().name, "t");
    assert_eq!(find(&snapshot, "t").unwrap().primary_key(), Some(vec![0]));
    let all: Vec<String> = snapshot.relations().map(|relation| relation.name.clone()).collect();
    assert_eq!(all, ["m1", "m2", "m3", "s", "t"]);
}

#[test]
fn dependents_stand_after_what_they_read() {
    let session = diamond();
    let snapshot = session.snapshot();
    assert_eq!(names(&snapshot, &snapshot.dependents(session.id("s"))), "m1 m2");
    assert_eq!(names(&snapshot, &snapshot.dependents_transitive(session.id("s"))), "m1 m2 m3");
    assert_eq!(names(&snapshot, &snapshot.dependencies_transitive(session.id("m3"))), "s m1 m2");
}

#[test]
fn dependency_order_follows_definitions_not_ids() {
    let mut session = diamond();
    session.create("m4", &["s"]).unwrap();
    let definition = session.redefined("m1", &["m4"]);
    session.run(vec![Edit::SetVersion(Box::new(definition))]).unwrap();
    let snapshot = session.snapshot();
    let order: Vec<_> = snapshot.relations_in_dependency_order().iter().map(|r| r.id).collect();
    assert_eq!(names(&snapshot, &order), "s m2 t m4 m1 m3");
    assert_eq!(names(&snapshot, &snapshot.dependents_transitive(session.id("m4"))), "m1 m3");
}

#[test]
fn drop_with_dependents_is_refused_as_in_postgres() {
    let mut session = diamond();
    let drop = |session: &Session, names: &[&str]| -> Vec<Edit> {
        names.iter().map(|name| Edit::DropRelation(session.id(name))).collect()
    };
    let edits = drop(&session, &["s"]);
    assert_eq!(
        refused(session.run(edits)),
        "2BP01: cannot drop source s because other objects depend on it\n\
         DETAIL: materialized view m1 depends on source s\n\
         materialized view m3 depends on materialized view m1\n\
         materialized view m2 depends on source s\n\
         HINT: Use DROP ... CASCADE to drop the dependent objects too."
    );
    let edits = drop(&session, &["m1", "m2"]);
    assert_eq!(
        refused(session.run(edits)).lines().next().unwrap(),
        "2BP01: cannot drop desired object(s) because other objects depend on them"
    );
    let edits = drop(&session, &["s", "m1", "m2", "m3"]);
    session.run(edits).unwrap();
    let left: Vec<_> = session.snapshot().relations().map(|r| r.name.clone()).collect();
    assert_eq!(left, ["t"]);
}

#[test]
fn duplicate_names_are_refused() {
    let mut session = diamond();
    assert_eq!(refused(session.create("m1", &[])), "42P07: relation \"m1\" already exists");
    let edits = vec![Edit::RenameRelation { relation: session.id("m1"), name: "m2".into() }];
    assert_eq!(refused(session.run(edits)), "42P07: relation \"m2\" already exists");
    let relation = session.relation("m9", &[]);
    let mut twice = relation.clone();
    twice.schema.columns[1].name = "n".into();
    assert_eq!(
        refused(session.run(vec![Edit::CreateRelation(Box::new(twice))])),
        "42701: column \"n\" specified more than once"
    );
    let mut system = relation;
    system.namespace = kappa_catalog::PG_CATALOG;
    system.namespace_name = "pg_catalog".into();
    assert!(
        refused(session.run(vec![Edit::CreateRelation(Box::new(system))])).starts_with("42501")
    );
}

#[test]
fn a_renamed_relation_keeps_its_readers() {
    let mut session = diamond();
    let id = session.id("m1");
    session.run(vec![Edit::RenameRelation { relation: id, name: "other".into() }]).unwrap();
    let snapshot = session.snapshot();
    assert!(find(&snapshot, "m1").is_none());
    assert_eq!(find(&snapshot, "other").unwrap().id, id);
    assert_eq!(names(&snapshot, &snapshot.dependents(id)), "m3");
}

#[test]
fn a_view_cannot_come_to_read_itself() {
    let mut session = diamond();
    let definition = session.redefined("m1", &["m3"]);
    let error = refused(session.run(vec![Edit::SetVersion(Box::new(definition))]));
    assert_eq!(error, "42P17: \"m3\" cannot read itself, not even through others");
}

#[test]
fn a_new_definition_must_keep_what_readers_read() {
    let mut session = diamond();
    let mut definition = session.redefined("m1", &["s"]);
    definition.schema.columns[0].sql_type = SqlType::Text;
    let error = refused(session.run(vec![Edit::SetVersion(Box::new(definition.clone()))]));
    assert_eq!(
        error,
        "2BP01: cannot change the columns of materialized view m1 because other objects depend on \
         them\n\
         DETAIL: materialized view m3 reads columns that would change\n\
         HINT: Columns may be added; those that are read must keep name and type."
    );
    // Nobody reads the second column; and one may be added.
    definition.schema.columns[0].sql_type = SqlType::BigInt;
    definition.schema.columns[1].sql_type = SqlType::Text;
    definition.schema.columns.push(Column {
        id: ColumnId(9),
        name: "new".into(),
        ..columns().remove(0)
    });
    definition.columns.push(ColumnDefinition::default());
    session.run(vec![Edit::SetVersion(Box::new(definition))]).unwrap();
    assert_eq!(find(&session.snapshot(), "m1").unwrap().next_column, 10);
}

#[test]
fn a_rebuild_keeps_others_off_until_it_ends() {
    let mut session = diamond();
    let rebuild = session.rebuild("m1", &["s"]);
    let (id, new_version) = (rebuild.id, rebuild.definitions[0].version);
    session.run(vec![Edit::CreateRebuild(Box::new(rebuild))]).unwrap();
    let begun = session.snapshot();
    assert_eq!(begun.rebuild_of(session.id("m1")).unwrap().id, id);
    assert!(begun.rebuild_of(session.id("m2")).is_none());
    assert!(begun.rebuild_touching(session.id("s")).is_some());
    let second = session.rebuild("m1", &["s"]);
    let drops: Vec<Edit> =
        ["s", "m1", "m2", "m3"].iter().map(|name| Edit::DropRelation(session.id(name))).collect();
    for edits in [vec![Edit::CreateRebuild(Box::new(second))], drops] {
        assert!(refused(session.run(edits)).starts_with("55006: "));
    }
    session.create("m5", &["m3"]).unwrap();

    let phase = |phase| Edit::UpdateRebuild { rebuild: id, phase };
    session.run(vec![phase(RebuildPhase::Paused)]).unwrap();
    session.run(vec![phase(RebuildPhase::Waiting)]).unwrap();
    let definition = session.snapshot().rebuild(id).unwrap().definitions[0].clone();
    let flip = vec![
        Edit::SetVersion(Box::new(definition)),
        Edit::EndRebuild { rebuild: id, outcome: RebuildPhase::Applied },
    ];
    session.run(flip.clone()).unwrap();
    let flipped = find(&session.snapshot(), "m1").unwrap();
    assert_eq!(flipped.version, new_version);
    assert_eq!(flipped.oid, find(&begun, "m1").unwrap().oid);
    assert_eq!(session.snapshot().by_version(new_version).unwrap().id, flipped.id);
    assert!(session.snapshot().rebuilds_active().next().is_none());
    assert_eq!(session.snapshot().rebuild(id).unwrap().ended_at, Some(session.snapshot().time));
    assert!(refused(session.run(flip)).starts_with("55000: "));
}

#[test]
fn comments_stay_with_columns_through_a_rebuild() {
    let mut session = diamond();
    let comment = |relation, column, comment: Option<&str>| Edit::SetComment {
        relation,
        column,
        comment: comment.map(str::to_owned),
    };
    let m1 = session.id("m1");
    session
        .run(vec![comment(m1, None, Some("ours")), comment(m1, Some(ColumnId(2)), Some("when"))])
        .unwrap();
    assert!(refused(session.run(vec![comment(m1, Some(ColumnId(7)), None)])).starts_with("42703"));
    let mut definition = session.redefined("m1", &["s"]);
    definition.schema.columns.reverse();
    definition.dependencies[0].columns.clear();
    session.run(vec![Edit::SetVersion(Box::new(definition))]).unwrap();
    let m1 = find(&session.snapshot(), "m1").unwrap();
    assert_eq!(m1.comment.as_deref(), Some("ours"));
    assert_eq!(m1.columns[0].comment.as_deref(), Some("when"));
    assert_eq!(m1.columns[1].comment, None);
}

#[test]
fn namespaces_are_dropped_only_when_empty() {
    let mut session = diamond();
    let ids = session.catalog.ids().clone();
    let namespace = |name: &str| Namespace {
        id: ids.namespace_id(),
        oid: ids.oid(),
        name: name.into(),
        owner: "kappa".into(),
        comment: None,
    };
    let other = namespace("other");
    session.run(vec![Edit::CreateNamespace(other.clone())]).unwrap();
    let again = Edit::CreateNamespace(namespace("other"));
    assert_eq!(refused(session.run(vec![again])), "42P06: schema \"other\" already exists");
    let reserved = Edit::CreateNamespace(namespace("pg_mine"));
    assert!(refused(session.run(vec![reserved])).starts_with("42939"));
    let mut relation = session.relation("t", &[]);
    relation.namespace = other.id;
    relation.namespace_name = "other".into();
    let relation_id = relation.id;
    session.run(vec![Edit::CreateRelation(Box::new(relation))]).unwrap();
    let drop = Edit::DropNamespace(other.id);
    assert_eq!(
        refused(session.run(vec![drop.clone()])),
        "2BP01: cannot drop schema other because other objects depend on it\n\
         DETAIL: table other.t depends on schema other\n\
         HINT: Use DROP ... CASCADE to drop the dependent objects too."
    );
    session.run(vec![Edit::DropRelation(relation_id), drop]).unwrap();
    assert!(refused(session.run(vec![Edit::DropNamespace(PUBLIC)])).starts_with("2BP01"));
}

#[test]
fn ids_are_never_used_again() {
    let mut session = diamond();
    let t = find(&session.snapshot(), "t").unwrap();
    session.run(vec![Edit::DropRelation(t.id)]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    drop(open(Some(directory.path()), &session.log));
    for dir in [None, Some(directory.path())] {
        let ids = open(dir, &session.log).ids().clone();
        let clone = ids.clone();
        assert!(ids.relation_id() > t.id);
        assert!(ids.version_id() > t.version);
        assert!(ids.schema_version_id() > t.schema.version);
        assert!(ids.oid() > t.index_oid.unwrap());
        assert_ne!(ids.relation_id(), clone.relation_id());
    }
}

/// A log with every kind of edit.
fn long_session() -> Session {
    let mut session = diamond();
    let rebuild = session.rebuild("m1", &["s"]);
    let m2 = session.id("m2");
    session.run(vec![Edit::CreateRebuild(Box::new(rebuild.clone()))]).unwrap();
    let paused = Edit::UpdateRebuild { rebuild: rebuild.id, phase: RebuildPhase::Paused };
    session.run(vec![paused]).unwrap();
    let outcome = RebuildPhase::Failed { reason: "disk".into() };
    session.run(vec![Edit::EndRebuild { rebuild: rebuild.id, outcome }]).unwrap();
    let comment = Some("c".to_owned());
    session
        .run(vec![
            Edit::SetComment { relation: m2, column: None, comment: comment.clone() },
            Edit::SetNamespaceComment { namespace: PUBLIC, comment },
            Edit::RenameRelation { relation: m2, name: "mm".into() },
        ])
        .unwrap();
    let definition = session.redefined("m1", &["s"]);
    session.run(vec![Edit::SetVersion(Box::new(definition))]).unwrap();
    let ids = session.catalog.ids().clone();
    let namespace = Namespace {
        id: ids.namespace_id(),
        oid: ids.oid(),
        name: "gone".into(),
        owner: "kappa".into(),
        comment: None,
    };
    session.run(vec![Edit::CreateNamespace(namespace.clone())]).unwrap();
    session.run(vec![Edit::DropNamespace(namespace.id)]).unwrap();
    let t = session.id("t");
    session.run(vec![Edit::DropRelation(t)]).unwrap();
    session
}

#[test]
fn every_start_gives_the_same_catalogue() {
    let session = long_session();
    let expected = text(&session.snapshot());
    assert_eq!(text(&open(None, &session.log).snapshot()), expected, "from the log");
    for applied_count in 0..=session.log.len() {
        // The index stops somewhere, the log goes on; both with and without a clean stop.
        let directory = tempfile::tempdir().unwrap();
        let catalog = open(Some(directory.path()), &session.log[..applied_count]);
        if applied_count % 2 == 0 {
            catalog.sync();
        }
        drop(catalog);
        let catalog = open(Some(directory.path()), &session.log);
        assert_eq!(text(&catalog.snapshot()), expected, "index of {applied_count} records");
    }
}

#[test]
fn the_index_follows_each_statement() {
    let session = long_session();
    let directory = tempfile::tempdir().unwrap();
    let catalog = open(Some(directory.path()), &[]);
    for (applied_count, (time, bytes)) in session.log.iter().enumerate() {
        catalog.apply(*time, &DdlRecord::decode(bytes).unwrap());
        let expected = open(None, &session.log[..=applied_count]);
        assert_eq!(text(&catalog.snapshot()), text(&expected.snapshot()));
    }
    catalog.sync();
    drop(catalog);
    let catalog = open(Some(directory.path()), &session.log);
    assert_eq!(text(&catalog.snapshot()), text(&session.snapshot()));
}

#[test]
fn an_index_of_another_log_is_not_believed() {
    let session = long_session();
    let other = diamond();
    let directory = tempfile::tempdir().unwrap();
    drop(open(Some(directory.path()), &session.log));
    // Another history, with the same times; and a log that lost its end.
    for log in [&other.log[..], &session.log[..3], &[]] {
        let catalog = open(Some(directory.path()), log);
        assert_eq!(text(&catalog.snapshot()), text(&open(None, log).snapshot()));
    }
}

#[test]
fn a_damaged_index_is_made_again() {
    let session = long_session();
    let expected = text(&session.snapshot());
    for seed in 0..6 {
        let mut rng = Rng::with_seed(seed);
        let directory = tempfile::tempdir().unwrap();
        let catalog = open(Some(directory.path()), &session.log);
        catalog.sync();
        drop(catalog);
        for entry in std::fs::read_dir(directory.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let mut bytes = std::fs::read(&path).unwrap();
                for _ in 0..20 {
                    let index = rng.usize(..bytes.len().max(1));
                    if let Some(byte) = bytes.get_mut(index) {
                        *byte = rng.u8(..);
                    }
                }
                bytes.truncate(bytes.len() - rng.usize(..=bytes.len() / 2));
                std::fs::write(&path, bytes).unwrap();
            }
        }
        std::fs::write(directory.path().join("snap.0000.generating"), b"unfinished").unwrap();
        let catalog = open(Some(directory.path()), &session.log);
        assert_eq!(text(&catalog.snapshot()), expected, "seed {seed}");
    }
}

#[test]
fn an_index_that_cannot_be_made_is_done_without() {
    let session = long_session();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, b"in the way").unwrap();
    let catalog = open(Some(&file.join("index")), &session.log);
    assert_eq!(text(&catalog.snapshot()), text(&session.snapshot()));
    catalog.sync();
}

#[test]
fn a_damaged_record_is_refused() {
    let session = long_session();
    for (_, bytes) in &session.log {
        let record = DdlRecord::decode(bytes).unwrap();
        assert_eq!(record.encode(), bytes, "bytes are read back");
        for length in 0..bytes.len().min(600) {
            assert!(DdlRecord::decode(&bytes[..length]).is_err());
        }
        for index in (0..bytes.len()).step_by(7) {
            let mut damaged = bytes.to_vec();
            damaged[index] ^= 1 << (index % 8);
            assert!(DdlRecord::decode(&damaged).is_err(), "bit flip in byte {index}");
        }
        let mut newer = bytes.to_vec();
        newer[4] = 9;
        assert_eq!(DdlRecord::decode(&newer), Err(Error::UnknownVersion { version: 9 }));
    }
    let mut log = session.log.clone();
    log[2].1 = Bytes::from_static(b"nonsense");
    assert!(matches!(Catalog::open(None, log.into_iter()), Err(Error::Damaged { .. })));
}
