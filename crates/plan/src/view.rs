//! [`ViewPlan`]: everything dataflow must know to keep one view.

use std::collections::BTreeSet;

use kappa_types::RelationId;

use crate::{Expression, Node};

/// When a view shows a change.
#[derive(Clone, Debug)]
pub enum Emit {
    /// At once; late rows correct it.
    OnUpdate,
    /// When the window of the change closes. The view's watermark is the least over `lineage`.
    ///
    /// Such a plan reads base relations only: the definitions of views below it are part of it, so
    /// that its windows close at the same times in a replay.
    OnWindowClose {
        /// Where the watermark comes from; at least one.
        lineage: Vec<WatermarkLineage>,
    },
}

/// One base relation whose watermark bounds a view's watermark.
#[derive(Clone, Debug)]
pub struct WatermarkLineage {
    /// The relation with a WATERMARK clause.
    pub relation: RelationId,
    /// The monotone function from the relation's watermark column to the view's time column, over a
    /// batch with one timestamp column; `None` where it is the column itself.
    pub mapping: Option<Expression>,
}

/// The plan of one version of a materialized view.
#[derive(Clone, Debug)]
pub struct ViewPlan {
    /// The last step; its output is the view's content.
    pub root: Node,
    /// When changes show.
    pub emit: Emit,
}

impl ViewPlan {
    /// The relations that are read, each once.
    #[must_use]
    pub fn relations(&self) -> BTreeSet<RelationId> {
        self.root.inputs().into_iter().map(|input| input.relation).collect()
    }

    /// The smallest known unique key of the content.
    #[must_use]
    pub fn key(&self) -> Option<&[usize]> {
        let keys = &self.root.properties.unique_keys;
        keys.iter().min_by_key(|key| key.len()).map(Vec::as_slice)
    }
}
