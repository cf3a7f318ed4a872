//! [`ConnectorSpec`]: a source as its definition describes it.

use std::collections::BTreeMap;

use kappa_types::{RelationId, Schema};

use crate::Format;

/// What `CREATE SOURCE … WITH (…) FORMAT …` says.
#[derive(Clone, Debug)]
pub struct ConnectorSpec {
    /// The connector, one of [`crate::connectors`].
    pub name: String,
    /// The options of WITH, names in lower case; `connector` itself may be among them. Options of
    /// the source rather than of its connector (`watermark.max_ahead`) are taken out before.
    pub options: BTreeMap<String, String>,
    /// What the bytes mean; [`Format::None`] for connectors that make rows themselves.
    pub format: Format,
    /// The physical columns: those that are not generated.
    pub schema: Schema,
    /// The source that the rows belong to; names the thread.
    pub relation: RelationId,
}
