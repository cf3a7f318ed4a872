//! The plans of these tests, by name. Relation 1 and 2 have columns k text, n bigint, at timestamp.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringViewArray, TimestampMicrosecondArray};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::Operator as Binary;
use kappa_plan::{AggregateFunction as F, JoinKind, Node, Operator, Properties, ViewPlan, Window};
use kappa_types::{DeltaBatch, SqlType, Timestamp};

use super::plan::{
    aggregate, binary, call, close, closed_view, column, filter, input, join, literal, project,
    view, window_aggregate,
};

/// Windows of 10 microseconds.
pub(crate) const TUMBLE: Window = Window::Tumble { size_micros: 10, offset_micros: 0 };
const HOP: Window = Window::Hop { slide_micros: 5, size_micros: 10, offset_micros: 0 };

/// Columns of both relations.
pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        SqlType::Text.field("k", true),
        SqlType::BigInt.field("n", true),
        SqlType::Timestamp.field("at", true),
    ]))
}

/// One row of a relation, and how often it comes.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) diff: i64,
    pub(crate) k: Option<String>,
    pub(crate) n: Option<i64>,
    pub(crate) at: Option<i64>,
}

/// Changes as a batch at `time`.
pub(crate) fn delta(time: u64, changes: &[Change]) -> DeltaBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(changes.iter().map(|c| c.k.clone()).collect::<StringViewArray>()),
        Arc::new(changes.iter().map(|c| c.n).collect::<Int64Array>()),
        Arc::new(changes.iter().map(|c| c.at).collect::<TimestampMicrosecondArray>()),
    ];
    let rows = RecordBatch::try_new(schema(), columns).unwrap();
    let diffs = changes.iter().any(|c| c.diff != 1);
    let diffs = diffs.then(|| changes.iter().map(|c| c.diff).collect::<Vec<_>>().into());
    DeltaBatch::new(Timestamp(time), rows, diffs)
}

fn numeric() -> SqlType {
    SqlType::Numeric(Some((38, 0)))
}

/// The plan called `name`.
#[expect(clippy::too_many_lines, reason = "one short arm per plan")]
pub(crate) fn named(name: &str) -> Option<ViewPlan> {
    let rows = || input(1, &schema(), false);
    let other = || input(2, &schema(), false);
    let sums = || vec![call(F::CountRows, None, SqlType::BigInt), call(F::Sum, Some(1), numeric())];
    let union = |inputs: Vec<Node>| Node {
        schema: schema(),
        operator: Operator::Union { inputs },
        properties: Properties::default(),
    };
    let quotient = |node: &Node| binary(literal(12_i64), Binary::Divide, column(node, 1));
    let distinct = |function| {
        let mut call = call(function, Some(1), SqlType::BigInt);
        call.distinct = true;
        call
    };
    let assign = |window| {
        let mut fields = schema().fields().to_vec();
        fields.push(Arc::new(SqlType::Timestamp.field("window_start", true)));
        fields.push(Arc::new(SqlType::Timestamp.field("window_end", true)));
        Node {
            operator: Operator::AssignWindow { input: Box::new(rows()), time: 2, window },
            schema: Arc::new(Schema::new(fields)),
            properties: Properties::default(),
        }
    };
    let pair = || ((rows(), vec![0]), (other(), vec![0]));
    Some(match name {
        "filter" => view(filter(rows(), binary(quotient(&rows()), Binary::Gt, literal(3_i64)))),
        "project" => view(project(
            rows(),
            vec![
                (column(&rows(), 0), "k", SqlType::Text),
                (quotient(&rows()), "q", SqlType::BigInt),
            ],
        )),
        "assign_tumble" => view(assign(TUMBLE)),
        "assign_hop" => view(assign(HOP)),
        "union" => view(union(vec![rows(), other(), rows()])),
        "sum" => view(aggregate(rows(), vec![0], sums())),
        "sum_long" => {
            let call = call(F::Sum, Some(1), SqlType::Numeric(Some((19, 0))));
            view(aggregate(rows(), vec![0], vec![call]))
        }
        "extremes" => {
            let calls = vec![
                call(F::Min, Some(1), SqlType::BigInt),
                call(F::Max, Some(1), SqlType::BigInt),
                call(F::Max, Some(0), SqlType::Text),
            ];
            view(aggregate(rows(), vec![0], calls))
        }
        "distinct_count" => view(aggregate(rows(), vec![0], vec![distinct(F::Count)])),
        "distinct" => view(aggregate(rows(), vec![0, 1], vec![])),
        "total" => view(aggregate(rows(), vec![], sums())),
        "tumble" => view(window_aggregate(rows(), 2, TUMBLE, vec![0], sums())),
        "hop" => view(window_aggregate(rows(), 2, HOP, vec![0], sums())),
        "tumble_close" => {
            let windows = window_aggregate(rows(), 2, TUMBLE, vec![0], sums());
            closed_view(close(windows, 1, TUMBLE), 1)
        }
        "hop_close" => {
            let windows = window_aggregate(rows(), 2, HOP, vec![0], sums());
            closed_view(close(windows, 1, HOP), 1)
        }
        "close_rows" => closed_view(close(assign(TUMBLE), 3, TUMBLE), 1),
        "inner" => view(join(pair().0, pair().1, JoinKind::Inner, None)),
        "left" => view(join(pair().0, pair().1, JoinKind::Left, None)),
        "left_residual" => {
            let joined = join(pair().0, pair().1, JoinKind::Left, None);
            let less = binary(column(&joined, 1), Binary::Lt, column(&joined, 4));
            view(join(pair().0, pair().1, JoinKind::Left, Some(less)))
        }
        _ => return None,
    })
}
