//! A panic fails one view and those above it, and nothing else.

use std::fmt;
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray};
use arrow::datatypes::{DataType, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use kappa_dataflow::{Action, Phase};
use kappa_types::VersionId;

use crate::live::{T, longs, table};
use crate::plan::{filter, input, view};

/// True, but panics over a row whose second column is 13.
#[derive(Debug, Hash, PartialEq, Eq)]
struct Unlucky;

impl fmt::Display for Unlucky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unlucky")
    }
}

impl PhysicalExpr for Unlucky {
    fn data_type(&self, _schema: &Schema) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn nullable(&self, _schema: &Schema) -> Result<bool> {
        Ok(false)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let values = batch.column(1).as_primitive::<Int64Type>();
        assert!(!values.values().contains(&13), "thirteen");
        let all = BooleanArray::from(vec![true; batch.num_rows()]);
        Ok(ColumnarValue::Array(Arc::new(all)))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        Vec::new()
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(self)
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[test]
fn a_panic_fails_one_view_and_those_above_it() {
    for worker_count in [1, 2] {
        let fixture = table(worker_count);
        let rows = || input(T, &fixture.schema(T), false);
        let text = |value: &str| -> arrow::array::ArrayRef {
            Arc::new(arrow::array::StringViewArray::from(vec![value]))
        };
        fixture.install(100, view(filter(rows(), Arc::new(Unlucky))));
        fixture
            .install(101, view(filter(input(100, &fixture.schema(T), false), Arc::new(Unlucky))));
        fixture.install(102, view(rows()));
        fixture.commit(T, vec![text("a"), longs(&[12])], None, None);
        assert_eq!(fixture.rows(101), ["a 12"]);
        fixture.commit(T, vec![text("b"), longs(&[13])], None, None);
        fixture.commit(T, vec![text("c"), longs(&[14])], None, None);
        assert_eq!(fixture.rows(102), ["a 12", "b 13", "c 14"]);
        for version in [100, 101] {
            let phase = fixture.runtime().progress(VersionId(version)).unwrap().phase;
            assert!(matches!(&phase, Phase::Failed(why) if why.contains("thirteen")), "{phase:?}");
        }
        // A new version over the same history fails as well, while it hydrates.
        let install = fixture.install_of(103, view(filter(rows(), Arc::new(Unlucky))));
        fixture.runtime().execute(vec![Action::Install(Box::new(install))]).unwrap();
        let failed = fixture.runtime().wait_until(
            VersionId(103),
            std::time::Duration::from_secs(60),
            |progress| matches!(progress.phase, Phase::Failed(_)),
        );
        assert!(matches!(failed.unwrap().phase, Phase::Failed(_)));
        fixture.commit(T, vec![text("d"), longs(&[15])], None, None);
        assert_eq!(fixture.rows(102).len(), 4);
    }
}
