//! [`Node`]: one step of a plan, with its schema and properties.

use std::fmt;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use kappa_types::{ColumnId, RelationId};

use crate::{Aggregate, Expression, NullTime, Properties, WatermarkLineage, Window};

/// The place of a node in its plan, stable as long as the plan keeps its shape: the child indices
/// from the root. Operator state is named by (version, path).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodePath(pub Vec<u8>);

impl NodePath {
    /// The path of child number `index`.
    #[must_use]
    pub fn child(&self, index: u8) -> Self {
        let mut path = self.0.clone();
        path.push(index);
        Self(path)
    }
}

impl fmt::Display for NodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0")?;
        self.0.iter().try_for_each(|index| write!(f, ".{index}"))
    }
}

/// One step of a plan.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it does.
    pub operator: Operator,
    /// The columns it puts out.
    pub schema: SchemaRef,
    /// What is known of its output.
    pub properties: Properties,
}

/// A relation that a plan reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Which relation: source, table or materialized view.
    pub relation: RelationId,
    /// Its name, for EXPLAIN and errors.
    pub name: String,
    /// The columns that are read, in output order.
    pub columns: Vec<ColumnId>,
}

/// Which rows without a partner a join keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinKind {
    /// None.
    Inner,
    /// Those of the left side, with NULLs for the right.
    Left,
}

/// What a node does. Column numbers are positions in the schema of the child.
#[derive(Clone, Debug)]
pub enum Operator {
    /// The changes of a relation.
    Input(Input),
    /// Rows that are there from the beginning.
    Constant {
        /// The rows.
        rows: RecordBatch,
    },
    /// Keeps rows whose predicate is true.
    Filter {
        /// Where rows come from.
        input: Box<Node>,
        /// Boolean; NULL means no.
        predicate: Expression,
    },
    /// Computes each output column from the row.
    Project {
        /// Where rows come from.
        input: Box<Node>,
        /// One per output column.
        expressions: Vec<Expression>,
    },
    /// Puts each row into its windows: the input's columns, then window_start and window_end of the
    /// type of the time column. A row is put out once per window.
    AssignWindow {
        /// Where rows come from.
        input: Box<Node>,
        /// A timestamp or timestamptz column.
        time: usize,
        /// Which windows.
        window: Window,
    },
    /// One row per group: the keys, then the aggregates. Without keys there is always exactly one
    /// row. NULLs are one group; DISTINCT is this with no aggregates.
    Aggregate {
        /// Where rows come from.
        input: Box<Node>,
        /// Grouping columns.
        keys: Vec<usize>,
        /// Aggregate calls.
        aggregates: Vec<Aggregate>,
    },
    /// One row per group and window: the keys, window_start, window_end, then the aggregates.
    /// State is one table per window (or pane of a hop).
    WindowAggregate {
        /// Where rows come from, before they are put into windows.
        input: Box<Node>,
        /// A timestamp or timestamptz column.
        time: usize,
        /// Which windows.
        window: Window,
        /// What becomes of rows without a time.
        null_time: NullTime,
        /// Grouping columns beside the window.
        keys: Vec<usize>,
        /// Aggregate calls.
        aggregates: Vec<Aggregate>,
    },
    /// The rows of the input, kept by key so that joins can look them up. Joins hold handles to it
    /// and never own it. Puts out the input unchanged.
    Arrange {
        /// Where rows come from.
        input: Box<Node>,
        /// The columns that are looked up.
        key: Vec<usize>,
    },
    /// Pairs of rows whose keys are equal (NULL equals nothing): left columns, then right columns.
    Join {
        /// An [`Operator::Arrange`] by the left key.
        left: Box<Node>,
        /// An [`Operator::Arrange`] by the right key, as many columns, of the same types.
        right: Box<Node>,
        /// Which lone rows are kept.
        kind: JoinKind,
        /// A further condition over left and right columns, part of the ON clause.
        residual: Option<Expression>,
    },
    /// All rows of all inputs.
    Union {
        /// At least one; all with the schema of this node.
        inputs: Vec<Node>,
    },
    /// EMIT ON WINDOW CLOSE: holds the rows of each window back until the view's watermark reaches
    /// its end, then puts them out once, for ever; later changes are listed as late.
    Close {
        /// Where rows come from.
        input: Box<Node>,
        /// Column with the start of the row's window. A row where it is NULL never closes.
        window_start: usize,
        /// Which windows.
        window: Window,
    },
    /// The content of an EMIT ON WINDOW CLOSE view that another one stands on: as
    /// [`Operator::Close`], by the watermark of the view below.
    Frozen {
        /// Where rows come from.
        input: Box<Node>,
        /// Column with the start of the row's window.
        window_start: usize,
        /// Which windows.
        window: Window,
        /// The watermark of the view below is the least over these; at least one.
        lineage: Vec<WatermarkLineage>,
    },
}

impl Node {
    /// The children, left to right.
    #[must_use]
    pub fn children(&self) -> Vec<&Self> {
        match &self.operator {
            Operator::Input(_) | Operator::Constant { .. } => Vec::new(),
            Operator::Filter { input, .. }
            | Operator::Project { input, .. }
            | Operator::AssignWindow { input, .. }
            | Operator::Aggregate { input, .. }
            | Operator::WindowAggregate { input, .. }
            | Operator::Arrange { input, .. }
            | Operator::Close { input, .. }
            | Operator::Frozen { input, .. } => vec![input],
            Operator::Join { left, right, .. } => vec![left, right],
            Operator::Union { inputs } => inputs.iter().collect(),
        }
    }

    /// The children, left to right, for rewriting.
    pub fn children_mut(&mut self) -> Vec<&mut Self> {
        match &mut self.operator {
            Operator::Input(_) | Operator::Constant { .. } => Vec::new(),
            Operator::Filter { input, .. }
            | Operator::Project { input, .. }
            | Operator::AssignWindow { input, .. }
            | Operator::Aggregate { input, .. }
            | Operator::WindowAggregate { input, .. }
            | Operator::Arrange { input, .. }
            | Operator::Close { input, .. }
            | Operator::Frozen { input, .. } => vec![input],
            Operator::Join { left, right, .. } => vec![left, right],
            Operator::Union { inputs } => inputs.iter_mut().collect(),
        }
    }

    /// Every relation read at or below this node, each as often as it is read.
    #[must_use]
    pub fn inputs(&self) -> Vec<&Input> {
        match &self.operator {
            Operator::Input(input) => vec![input],
            _ => self.children().into_iter().flat_map(Self::inputs).collect(),
        }
    }

    /// Whether some node at or below closes windows.
    #[must_use]
    pub fn closes(&self) -> bool {
        matches!(self.operator, Operator::Close { .. } | Operator::Frozen { .. })
            || self.children().into_iter().any(Self::closes)
    }
}
