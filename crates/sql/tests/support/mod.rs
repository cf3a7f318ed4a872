//! A planner over a small catalogue, and a session that runs what it binds.

use std::sync::Arc;

use datafusion::execution::TaskContext;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_plan::collect;
use kappa_catalog::{
    ColumnDefinition, Dependency, Edit, PUBLIC, Relation, RelationKind, Snapshot, Watermark,
};
use kappa_sql::{
    Bound, BoundQuery, FunctionRegistry, Planner, SystemRelations, from_datafusion, parse,
    session_state,
};
use kappa_types::text::{ColumnFormatter, TextOptions};
use kappa_types::{
    Column, ColumnId, RelationId, Schema, SchemaVersionId, SqlError, SqlType, Timestamp, VersionId,
};

/// 2024-05-06 07:08:09.123456 UTC, the time of every statement.
pub(crate) const NOW_MICROS: i64 = 1_714_979_289_123_456;

/// No system relations.
struct Nothing;

impl SystemRelations for Nothing {
    fn schema(&self, _: Option<&str>, _: &str) -> Option<(String, Schema)> {
        None
    }

    fn table_function(
        &self,
        _: &str,
        _: &[String],
    ) -> Option<Result<(String, String, Schema), SqlError>> {
        None
    }
}

/// A planner over a catalogue.
pub(crate) fn planner(catalog: Snapshot) -> Planner {
    Planner {
        catalog: Arc::new(catalog),
        functions: Arc::new(FunctionRegistry::default()),
        search_path: vec!["public".to_owned()],
        time_zone: chrono_tz::Tz::UTC,
        now_micros: NOW_MICROS,
        system: Arc::new(Nothing),
        properties: Arc::new(|_| None),
    }
}

/// Runs the statement through parser and binder; only queries.
pub(crate) fn query(planner: &Planner, text: &str) -> Result<BoundQuery, SqlError> {
    match planner.bind(&parse(text)?, &[])? {
        Bound::Query(query) => Ok(query),
        other => panic!("not a query: {other:?}"),
    }
}

/// The rows of a query over no relations, as text.
pub(crate) async fn rows(query: &BoundQuery) -> Result<Vec<Vec<Option<String>>>, SqlError> {
    let state = session_state(1, Arc::new(RuntimeEnv::default()));
    let plan = state
        .create_physical_plan(&query.logical)
        .await
        .map_err(|error| from_datafusion(&error))?;
    let task = Arc::new(TaskContext::from(&state));
    let batches = collect(plan, task).await.map_err(|error| from_datafusion(&error))?;
    let mut rows = Vec::new();
    for batch in &batches {
        let formatters: Vec<ColumnFormatter> = batch
            .columns()
            .iter()
            .zip(&query.columns)
            .map(|(column, (_, sql_type))| {
                ColumnFormatter::new(column.as_ref(), sql_type, &TextOptions::default())
            })
            .collect::<Result<_, _>>()?;
        for row in 0..batch.num_rows() {
            let text = |formatter: &ColumnFormatter| {
                (!formatter.is_null(row)).then(|| {
                    let mut out = Vec::new();
                    formatter.write(row, &mut out);
                    String::from_utf8(out).unwrap()
                })
            };
            rows.push(formatters.iter().map(text).collect());
        }
    }
    Ok(rows)
}

/// A relation for the catalogue: `name type, …`; NOT NULL and keys are given apart.
pub(crate) fn relation(
    id: u32,
    name: &str,
    kind: RelationKind,
    columns: &[(&str, SqlType)],
) -> Relation {
    let columns: Vec<Column> = columns
        .iter()
        .enumerate()
        .map(|(index, (name, sql_type))| Column {
            id: ColumnId(u32::try_from(index).unwrap() + 1),
            name: (*name).to_owned(),
            sql_type: sql_type.clone(),
            nullable: true,
        })
        .collect();
    Relation {
        id: RelationId(id),
        oid: 16_384 + id * 4,
        type_oid: 16_385 + id * 4,
        array_type_oid: 16_386 + id * 4,
        index_oid: None,
        namespace: PUBLIC,
        namespace_name: "public".to_owned(),
        name: name.to_owned(),
        owner: "kappa".to_owned(),
        created_at: Timestamp::MIN,
        comment: None,
        next_column: u32::try_from(columns.len()).unwrap() + 1,
        version: VersionId(id),
        kind,
        columns: vec![ColumnDefinition::default(); columns.len()],
        schema: Schema { version: SchemaVersionId(id), columns },
        dependencies: Vec::<Dependency>::new(),
        text: String::new(),
        time_zone: "UTC".to_owned(),
        search_path: vec!["public".to_owned()],
    }
}

/// bids(auction, bidder, price, item, ts) with a watermark, auctions(id key, category, seller,
/// reserve), t(a, b, c, d) and its like for all types.
pub(crate) fn catalog() -> Snapshot {
    use SqlType as T;
    let watermark = Watermark {
        column: ColumnId(5),
        expression: "ts - interval '5' second".to_owned(),
        max_ahead_micros: None,
    };
    let bids = relation(
        1,
        "bids",
        RelationKind::Source { watermark: Some(watermark), connector: None },
        &[
            ("auction", T::BigInt),
            ("bidder", T::BigInt),
            ("price", T::Numeric(Some((10, 2)))),
            ("item", T::Text),
            ("ts", T::Timestamptz),
        ],
    );
    let key = Some(vec![ColumnId(1)]);
    let auctions = relation(
        2,
        "auctions",
        RelationKind::Table { primary_key: key.clone(), watermark: None },
        &[
            ("id", T::Integer),
            ("category", T::Text),
            ("seller", T::Varchar(Some(20))),
            ("reserve", T::Double),
        ],
    );
    let mut t = relation(
        3,
        "t",
        RelationKind::Table { primary_key: key, watermark: None },
        &[
            ("a", T::Integer),
            ("b", T::Text),
            ("c", T::Numeric(Some((12, 3)))),
            ("d", T::Date),
            ("twice", T::Integer),
            ("j", T::Jsonb),
        ],
    );
    t.columns[1].default = Some("'none'".to_owned());
    t.columns[4].generated = Some("a * 2".to_owned());
    let edits = [bids, auctions, t].map(|relation| Edit::CreateRelation(Box::new(relation)));
    Snapshot::empty().after(Timestamp(1), &edits)
}
