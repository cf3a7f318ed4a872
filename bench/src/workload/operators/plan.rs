//! The plans that are measured, written down without SQL, and the schemas below them.

use std::sync::Arc;

use arrow::datatypes::{Field, SchemaRef};
use kappa_plan::{
    Aggregate, AggregateFunction as F, Emit, Input, JoinKind, Node, NullTime, Operator, Properties,
    ViewPlan, WatermarkLineage, Window,
};
use kappa_types::{Column, ColumnId, RelationId, Schema, SchemaVersionId, SqlType};

/// Number of the bids' relation and schema.
pub(super) const BIDS: u32 = 1;
/// Number of the auctions' relation and schema.
pub(super) const AUCTIONS: u32 = 2;
const SECOND: i64 = 1_000_000;

fn schema(id: u32, columns: &[(&str, SqlType)]) -> Schema {
    let columns = columns.iter().zip(0u32..).map(|((name, sql_type), index)| Column {
        id: ColumnId(id * 100 + index),
        name: (*name).to_owned(),
        sql_type: sql_type.clone(),
        nullable: true,
    });
    Schema { version: SchemaVersionId(id), columns: columns.collect() }
}

/// Columns of the bids.
pub(super) fn bid_schema() -> Schema {
    let numbers = ["auction", "bidder", "price"].map(|name| (name, SqlType::BigInt));
    let columns: Vec<_> = numbers.into_iter().chain([("date_time", SqlType::Timestamp)]).collect();
    schema(BIDS, &columns)
}

/// Columns of the auctions.
pub(super) fn auction_schema() -> Schema {
    schema(AUCTIONS, &[("id", SqlType::BigInt), ("category", SqlType::BigInt)])
}

fn input(id: u32, schema: &Schema, columns: &[usize]) -> Node {
    let arrow = schema.arrow();
    let fields: Vec<_> = columns.iter().map(|index| arrow.fields()[*index].clone()).collect();
    let columns = columns.iter().map(|index| schema.columns[*index].id).collect();
    Node {
        operator: Operator::Input(Input { relation: RelationId(id), name: "bids".into(), columns }),
        schema: Arc::new(arrow::datatypes::Schema::new(fields)),
        properties: Properties { append_only: true, unique_keys: Vec::new() },
    }
}

fn call(function: F, argument: Option<usize>, sql_type: SqlType) -> Aggregate {
    let name = function.name().to_owned();
    Aggregate { function, argument, distinct: false, filter: None, name, sql_type }
}

fn fields_of(input: &Node, keys: &[usize]) -> Vec<Field> {
    keys.iter().map(|key| input.schema.field(*key).clone()).collect()
}

fn schema_of(mut fields: Vec<Field>, calls: &[Aggregate]) -> SchemaRef {
    fields.extend(calls.iter().map(|call| call.sql_type.field(&call.name, true)));
    Arc::new(arrow::datatypes::Schema::new(fields))
}

fn properties(key_count: usize, append_only: bool) -> Properties {
    Properties { append_only, unique_keys: vec![(0..key_count).collect()] }
}

/// auction, price, at -> count, sum, max or only count, by auction and window.
fn windowed(window: Window, only_count: bool) -> Node {
    let input = input(BIDS, &bid_schema(), &[0, 2, 3]);
    let mut aggregates = vec![call(F::CountRows, None, SqlType::BigInt)];
    if !only_count {
        aggregates.push(call(F::Sum, Some(1), SqlType::Numeric(None)));
        aggregates.push(call(F::Max, Some(1), SqlType::BigInt));
    }
    let mut fields = fields_of(&input, &[0]);
    fields.push(SqlType::Timestamp.field("window_start", true));
    fields.push(SqlType::Timestamp.field("window_end", true));
    Node {
        schema: schema_of(fields, &aggregates),
        properties: properties(3, false),
        operator: Operator::WindowAggregate {
            input: Box::new(input),
            time: 2,
            window,
            null_time: NullTime::Drop,
            keys: vec![0],
            aggregates,
        },
    }
}

fn on_close(root: Node, window: Window) -> ViewPlan {
    let root = Node {
        schema: root.schema.clone(),
        properties: properties(3, true),
        operator: Operator::Close { input: Box::new(root), window_start: 1, window },
    };
    let lineage = vec![WatermarkLineage { relation: RelationId(BIDS), mapping: None }];
    ViewPlan { root, emit: Emit::OnWindowClose { lineage } }
}

fn grouped(input: Node, keys: Vec<usize>) -> Node {
    let aggregates = vec![call(F::CountRows, None, SqlType::BigInt)];
    Node {
        schema: schema_of(fields_of(&input, &keys), &aggregates),
        properties: properties(keys.len(), false),
        operator: Operator::Aggregate { input: Box::new(input), keys, aggregates },
    }
}

fn joined() -> Node {
    let arrange = |input: Node| Node {
        schema: input.schema.clone(),
        properties: input.properties.clone(),
        operator: Operator::Arrange { input: Box::new(input), key: vec![0] },
    };
    let left = arrange(input(BIDS, &bid_schema(), &[0]));
    let right = arrange(input(AUCTIONS, &auction_schema(), &[0, 1]));
    let fields: Vec<_> =
        left.schema.fields().iter().chain(right.schema.fields()).cloned().collect();
    Node {
        schema: Arc::new(arrow::datatypes::Schema::new(fields)),
        properties: Properties { append_only: true, unique_keys: Vec::new() },
        operator: Operator::Join {
            left: Box::new(left),
            right: Box::new(right),
            kind: JoinKind::Inner,
            residual: None,
        },
    }
}

/// The plan of a case; `None` for the log alone.
pub(super) fn plan_of(name: &str) -> Option<ViewPlan> {
    let tumble = Window::Tumble { size_micros: 10 * SECOND, offset_micros: 0 };
    let hop = Window::Hop { slide_micros: 2 * SECOND, size_micros: 10 * SECOND, offset_micros: 0 };
    let update = |root| ViewPlan { root, emit: Emit::OnUpdate };
    Some(match name {
        "w1" => update(windowed(tumble, false)),
        "w1_close" => on_close(windowed(tumble, false), tumble),
        "w2" => update(windowed(hop, true)),
        "w2_close" => on_close(windowed(hop, true), hop),
        "group" => update(grouped(input(BIDS, &bid_schema(), &[0]), vec![0])),
        "join_count" => update(grouped(joined(), vec![2])),
        "join" => update(joined()),
        _ => return None,
    })
}
