//! A small catalogue with fixed OIDs, and a context over it. The same objects were made in PostgreSQL
//! 15 to compare answers; the OIDs are the ones it gave.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{ArrayRef, RecordBatch};
use kappa_catalog::{
    Catalog, ColumnDefinition, DdlRecord, Dependency, Edit, Namespace, PUBLIC, Relation,
    RelationKind,
};
use kappa_system::{Activity, ServerState, Setting, Settings, SystemContext, execute, prepare};
use kappa_types::text::{ColumnFormatter, TextOptions, parse_value};
use kappa_types::{
    Column, ColumnId, NamespaceId, RelationId, Schema, SchemaVersionId, SqlError, SqlState,
    SqlType, Timestamp, VersionId,
};

/// Run-time parameters of the test session.
pub(crate) struct TestSettings(Mutex<BTreeMap<String, String>>);

impl Default for TestSettings {
    fn default() -> Self {
        let values = [
            ("search_path", "\"$user\", public"),
            ("server_version_num", "150018"),
            ("standard_conforming_strings", "on"),
            ("statement_timeout", "0"),
            ("TimeZone", "UTC"),
        ];
        Self(Mutex::new(values.map(|(name, value)| (name.into(), value.into())).into()))
    }
}

impl Settings for TestSettings {
    fn get(&self, name: &str) -> Option<String> {
        let settings = self.0.lock().unwrap();
        let found = settings.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    }

    fn list(&self) -> Vec<Setting> {
        let setting = |(name, value): (&String, &String)| Setting {
            name: name.clone(),
            value: value.clone(),
            category: "Client Connection Defaults".into(),
            description: format!("Sets {name}."),
            context: "user".into(),
            value_type: "string".into(),
            source: "default".into(),
            boot_value: value.clone(),
            reset_value: value.clone(),
            ..Setting::default()
        };
        self.0.lock().unwrap().iter().map(setting).collect()
    }

    fn set(&self, name: &str, value: &str, _local: bool) -> Result<String, SqlError> {
        if self.get(name).is_none() {
            let message = format!("unrecognized configuration parameter \"{name}\"");
            return Err(SqlError::new(SqlState::UndefinedObject, message));
        }
        self.0.lock().unwrap().insert(name.into(), value.into());
        Ok(value.into())
    }
}

/// A server with one connection and 16 kB in every relation.
pub(crate) struct TestState;

impl ServerState for TestState {
    fn size_bytes(&self, _relation: RelationId) -> u64 {
        16_384
    }

    fn row_count(&self, relation: RelationId) -> Option<u64> {
        (relation == RelationId(1)).then_some(7)
    }

    fn activity(&self) -> Vec<Activity> {
        vec![Activity {
            pid: 42,
            user: "kappa".into(),
            application_name: "psql".into(),
            client_address: Some("127.0.0.1".into()),
            client_port: Some(50_000),
            backend_start_micros: 1_700_000_000_000_000,
            query_start_micros: Some(1_700_000_060_000_000),
            state: "active".into(),
            query: "SELECT 1".into(),
            ..Activity::default()
        }]
    }

    fn cancel(&self, pid: i32) -> bool {
        pid == 42
    }

    fn terminate(&self, pid: i32, _timeout: Duration) -> Result<bool, SqlError> {
        Ok(pid == 42)
    }

    fn started_micros(&self) -> i64 {
        1_700_000_000_000_000
    }

    fn check_interrupt(&self) -> Result<(), SqlError> {
        Ok(())
    }
}

/// A relation that a test lists.
struct Sketch {
    id: u32,
    oid: u32,
    index: Option<u32>,
    namespace: (NamespaceId, &'static str),
    name: &'static str,
    kind: RelationKind,
    columns: Vec<(&'static str, SqlType, ColumnDefinition)>,
    dependencies: Vec<Dependency>,
    comment: Option<&'static str>,
}

fn relation(sketch: Sketch) -> Relation {
    let id = |index: usize| ColumnId(u32::try_from(index + 1).unwrap());
    let (columns, definitions): (Vec<_>, Vec<_>) = sketch
        .columns
        .into_iter()
        .enumerate()
        .map(|(index, (name, sql_type, definition))| {
            let nullable = !definition.not_null;
            (Column { id: id(index), name: name.into(), sql_type, nullable }, definition)
        })
        .unzip();
    Relation {
        id: RelationId(sketch.id),
        oid: sketch.oid,
        type_oid: sketch.oid + 2,
        array_type_oid: sketch.oid + 1,
        index_oid: sketch.index,
        namespace: sketch.namespace.0,
        namespace_name: sketch.namespace.1.into(),
        name: sketch.name.into(),
        owner: "kappa".into(),
        created_at: Timestamp::MIN,
        comment: sketch.comment.map(Into::into),
        next_column: 99,
        version: VersionId(sketch.id),
        kind: sketch.kind,
        schema: Schema { version: SchemaVersionId(sketch.id), columns },
        columns: definitions,
        dependencies: sketch.dependencies,
        text: String::new(),
        time_zone: "UTC".into(),
        search_path: vec!["public".into()],
    }
}

fn table(key: &[u32]) -> RelationKind {
    let primary_key = Some(key.iter().copied().map(ColumnId).collect());
    RelationKind::Table { primary_key, watermark: None }
}

fn reads_orders(columns: &[(u32, SqlType)]) -> Vec<Dependency> {
    let columns = columns.iter().map(|(id, ty)| (ColumnId(*id), ty.clone())).collect();
    vec![Dependency { relation: RelationId(1), columns }]
}

fn sketches() -> Vec<Sketch> {
    let plain = ColumnDefinition::default;
    let not_null = || ColumnDefinition { not_null: true, ..ColumnDefinition::default() };
    let default = |text: &str| ColumnDefinition { default: Some(text.into()), ..plain() };
    let public = (PUBLIC, "public");
    let sales = (NamespaceId(16), "sales");
    let amount = SqlType::Numeric(Some((12, 2)));
    let orders = vec![
        ("id", SqlType::BigInt, not_null()),
        ("ts", SqlType::Timestamptz, ColumnDefinition { not_null: true, ..default("now()") }),
        ("amt", amount.clone(), ColumnDefinition { comment: Some("amount".into()), ..plain() }),
        ("note", SqlType::Varchar(Some(20)), plain()),
        ("tags", SqlType::Array(Box::new(SqlType::Text)), plain()),
        ("j", SqlType::Jsonb, plain()),
        (
            "total",
            SqlType::Numeric(None),
            ColumnDefinition { generated: Some("(amt * 2::numeric)".into()), ..plain() },
        ),
        ("flag", SqlType::Boolean, default("false")),
    ];
    let view_query = "SELECT orders.id, orders.amt FROM public.orders";
    let materialized_query = "SELECT orders.note, count(*) AS n, sum(orders.amt) AS total \
                              FROM public.orders GROUP BY orders.note";
    let sketch = |id, oid, namespace, name, kind| Sketch {
        id,
        oid,
        index: None,
        namespace,
        name,
        kind,
        columns: Vec::new(),
        dependencies: Vec::new(),
        comment: None,
    };
    vec![
        Sketch {
            index: Some(16405),
            columns: orders,
            comment: Some("what was ordered"),
            ..sketch(1, 16397, public, "orders", table(&[1]))
        },
        Sketch {
            columns: vec![("id", SqlType::BigInt, plain()), ("amt", amount.clone(), plain())],
            dependencies: reads_orders(&[(1, SqlType::BigInt), (3, amount.clone())]),
            ..sketch(2, 16407, public, "v_orders", RelationKind::View { query: view_query.into() })
        },
        Sketch {
            columns: vec![
                ("note", SqlType::Varchar(Some(20)), plain()),
                ("n", SqlType::BigInt, plain()),
                ("total", SqlType::Numeric(None), plain()),
            ],
            dependencies: reads_orders(&[(4, SqlType::Varchar(Some(20))), (3, amount)]),
            ..sketch(
                3,
                16411,
                public,
                "mv_orders",
                RelationKind::MaterializedView {
                    query: materialized_query.into(),
                    emit_on_close: false,
                    options: BTreeMap::new(),
                },
            )
        },
        Sketch {
            index: Some(16421),
            columns: vec![
                ("order_id", SqlType::BigInt, not_null()),
                ("line", SqlType::Integer, not_null()),
                ("price", SqlType::Double, plain()),
            ],
            ..sketch(4, 16418, sales, "Order Lines", table(&[1, 2]))
        },
        Sketch {
            columns: vec![
                ("at", SqlType::Timestamp, plain()),
                ("user_id", SqlType::Integer, plain()),
                ("page", SqlType::Text, plain()),
            ],
            ..sketch(
                5,
                16423,
                public,
                "clicks",
                RelationKind::Source { watermark: None, connector: None },
            )
        },
    ]
}

/// A session of the user `kappa` over the fixed catalogue.
pub(crate) fn context() -> SystemContext {
    let catalog = Catalog::open(None, std::iter::empty()).unwrap();
    let sales = Namespace {
        id: NamespaceId(16),
        oid: 16417,
        name: "sales".into(),
        owner: "kappa".into(),
        comment: None,
    };
    let mut edits = vec![Edit::CreateNamespace(sales)];
    let relations = sketches().into_iter().map(relation);
    edits.extend(relations.map(|relation| Edit::CreateRelation(Box::new(relation))));
    let record = DdlRecord { edits, ..DdlRecord::default() };
    let snapshot = catalog.apply(Timestamp(1), &record);
    SystemContext {
        snapshot,
        user: "kappa".into(),
        database: "kappa".into(),
        search_path: vec!["$user".into(), "public".into()],
        settings: Arc::new(TestSettings::default()),
        state: Arc::new(TestState),
        backend_pid: 42,
        text: TextOptions::default(),
    }
}

/// Prepares and runs `text`; parameters are given as text.
pub(crate) fn run(
    context: &SystemContext,
    text: &str,
    parameters: &[Option<&str>],
) -> Result<(Vec<(String, SqlType)>, RecordBatch), SqlError> {
    let query = prepare(context, text, &[])?;
    let value = |(text, ty): (&Option<&str>, &SqlType)| -> Result<ArrayRef, SqlError> {
        match text {
            Some(text) => parse_value(ty, text, &context.text),
            None => Ok(arrow::array::new_null_array(&ty.arrow(), 1)),
        }
    };
    let values = parameters.iter().zip(&query.parameters).map(value);
    let values = values.collect::<Result<Vec<_>, _>>()?;
    let batch = execute(context, &query, &values)?;
    Ok((query.columns, batch))
}

/// The rows as text, NULL as `None`.
pub(crate) fn text_rows(
    columns: &[(String, SqlType)],
    batch: &RecordBatch,
) -> Vec<Vec<Option<String>>> {
    let formatters: Vec<ColumnFormatter> = columns
        .iter()
        .zip(batch.columns())
        .map(|((_, ty), array)| ColumnFormatter::new(array, ty, &TextOptions::default()).unwrap())
        .collect();
    let cell = |formatter: &ColumnFormatter, row: usize| {
        if formatter.is_null(row) {
            return None;
        }
        let mut text = Vec::new();
        formatter.write(row, &mut text);
        Some(String::from_utf8(text).unwrap())
    };
    let row = |row| formatters.iter().map(|formatter| cell(formatter, row)).collect();
    (0..batch.num_rows()).map(row).collect()
}
