//! [`RelationSource`]: a relation as DataFusion's planner sees it.
//!
//! The one idea: it carries the relation itself, so that whoever gets the plan can tell what a scan
//! reads: the session swaps in a table at a cut, lowering makes it an input of dataflow.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableSource, TableType};
use kappa_catalog::{Relation, RelationKind};
use kappa_plan::Properties;
use kappa_types::{Schema, SqlType};

use crate::hidden::HIDDEN;

/// Field metadata key of the column that a relation's WATERMARK clause is about.
pub const WATERMARK_KEY: &str = "kappa.watermark";

/// What a scan reads.
#[derive(Clone, Debug)]
pub enum ScanTarget {
    /// A source, table or materialized view of the catalogue.
    Relation(Arc<Relation>),
    /// A system relation.
    System {
        /// `pg_catalog` or `information_schema`.
        namespace: String,
        /// Its name.
        name: String,
    },
}

/// A relation as a source of a plan. Its rows have the columns of the relation's schema, in order.
#[derive(Clone, Debug)]
pub struct RelationSource {
    /// What is read.
    pub target: ScanTarget,
    /// Its columns.
    pub schema: Schema,
    /// Whether `_time` and `_seq` follow the columns of `schema`.
    pub has_hidden: bool,
    arrow: SchemaRef,
    /// What is known of its changes; for materialized views as their plan says.
    pub properties: Properties,
}

impl RelationSource {
    /// A relation of the catalogue. `properties` are those of a materialized view's plan, if it is
    /// one and they are known; for sources and tables they follow from the relation.
    #[must_use]
    pub fn relation(relation: Arc<Relation>, properties: Option<Properties>) -> Self {
        let schema = relation.schema.clone();
        let arrow = marked(&relation, &schema.arrow());
        let properties = properties.unwrap_or_else(|| Properties {
            append_only: matches!(relation.kind, RelationKind::Source { .. }),
            unique_keys: relation.primary_key().into_iter().collect(),
        });
        let target = ScanTarget::Relation(relation);
        Self { target, schema, has_hidden: false, arrow, properties }
    }

    /// A source or table with its hidden columns after the others.
    #[must_use]
    pub fn with_hidden(relation: Arc<Relation>) -> Self {
        let plain = Self::relation(relation, None);
        let [time, seq] = HIDDEN;
        let hidden = [SqlType::Timestamptz.field(time, true), SqlType::BigInt.field(seq, true)]
            .map(Arc::new);
        let fields = plain.arrow.fields().iter().cloned().chain(hidden);
        let arrow = Arc::new(arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()));
        Self { has_hidden: true, arrow, ..plain }
    }

    /// Its columns as Arrow, hidden ones included.
    #[must_use]
    pub const fn arrow(&self) -> &SchemaRef {
        &self.arrow
    }

    /// A system relation.
    #[must_use]
    pub fn system(namespace: &str, name: &str, schema: Schema) -> Self {
        let target = ScanTarget::System { namespace: namespace.to_owned(), name: name.to_owned() };
        let arrow = schema.arrow();
        Self { target, schema, has_hidden: false, arrow, properties: Properties::default() }
    }
}

/// The Arrow schema with the watermark's column marked, so that lowering finds it again.
fn marked(relation: &Relation, arrow: &SchemaRef) -> SchemaRef {
    let Some(watermark) = relation.watermark() else { return Arc::clone(arrow) };
    let fields = arrow.fields().iter().zip(&relation.schema.columns).map(|(field, column)| {
        let mut field = field.as_ref().clone();
        if column.id == watermark.column {
            let mut metadata = field.metadata().clone();
            metadata.insert(WATERMARK_KEY.to_owned(), "true".to_owned());
            field.set_metadata(metadata);
        }
        field
    });
    Arc::new(arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()))
}

impl TableSource for RelationSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.arrow)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> datafusion::common::Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }
}
