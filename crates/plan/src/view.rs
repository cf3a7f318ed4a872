//! [`ViewPlan`]: everything dataflow must know to keep one view.

use std::collections::BTreeSet;

use kappa_types::RelationId;

use crate::{Node, NodePath, Operator, WatermarkLineage, Window};

/// When a view shows a change.
#[derive(Clone, Debug)]
pub enum Emit {
    /// At once; late rows correct it.
    OnUpdate,
    /// When the window of the change closes. The view's watermark is the least over `lineage`.
    ///
    /// Such a plan reads base relations only: the definitions of views below it are part of it,
    /// frozen where they close windows themselves, so that its windows close at the same times in a
    /// replay.
    OnWindowClose {
        /// Where the watermark comes from; at least one.
        lineage: Vec<WatermarkLineage>,
    },
}

/// The plan of one version of a materialized view.
#[derive(Clone, Debug)]
pub struct ViewPlan {
    /// The last step; its output is the view's content.
    pub root: Node,
    /// When changes show.
    pub emit: Emit,
}

/// A node that closes windows, known by its place in [`ViewPlan::closings`].
#[derive(Clone, Debug)]
pub struct WindowClosing<'p> {
    /// Where the node is.
    pub path: NodePath,
    /// Which windows.
    pub window: Window,
    /// The watermark that closes them is the least over these.
    pub lineage: &'p [WatermarkLineage],
}

impl ViewPlan {
    /// The relations that are read, each once.
    #[must_use]
    pub fn relations(&self) -> BTreeSet<RelationId> {
        self.root.inputs().into_iter().map(|input| input.relation).collect()
    }

    /// What closes windows, each before those below it: the view's own Close is the first.
    #[must_use]
    pub fn closings(&self) -> Vec<WindowClosing<'_>> {
        let own = match &self.emit {
            Emit::OnUpdate => [].as_slice(),
            Emit::OnWindowClose { lineage } => lineage,
        };
        let mut closings = Vec::new();
        collect_closings(&self.root, own, &NodePath::default(), &mut closings);
        closings
    }

    /// The smallest known unique key of the content.
    #[must_use]
    pub fn key(&self) -> Option<&[usize]> {
        let keys = &self.root.properties.unique_keys;
        keys.iter().min_by_key(|key| key.len()).map(Vec::as_slice)
    }
}

fn collect_closings<'p>(
    node: &'p Node,
    own: &'p [WatermarkLineage],
    path: &NodePath,
    closings: &mut Vec<WindowClosing<'p>>,
) {
    let found = match &node.operator {
        Operator::Close { window, .. } => Some((*window, own)),
        Operator::Frozen { window, lineage, .. } => Some((*window, lineage.as_slice())),
        _ => None,
    };
    closings.extend(found.map(|(window, lineage)| WindowClosing {
        path: path.clone(),
        window,
        lineage,
    }));
    for (index, child) in node.children().into_iter().enumerate() {
        collect_closings(child, own, &path.child(index as u8), closings);
    }
}
