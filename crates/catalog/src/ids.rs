//! [`Ids`]: numbers for new things.
//!
//! The one idea: an id is handed out once, in memory, above all that the catalogue has ever held;
//! it becomes real by standing in a DDL record. An id that was handed out for a statement that
//! failed is skipped; after a restart it may be handed out again, since nobody has seen it.

use std::sync::Arc;

use kappa_types::{NamespaceId, RebuildId, RelationId, SchemaVersionId, VersionId};
use parking_lot::Mutex;

use crate::{Definition, Rebuild, Relation};

/// First OID of an object that a user made, as in PostgreSQL.
pub const FIRST_OID: u32 = 16384;
/// First id of a namespace that a user made.
const FIRST_NAMESPACE: u32 = 16;

/// The next id of each kind. All that ever stood in a DDL record are below, dropped ones too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) namespace: u32,
    pub(crate) relation: u32,
    pub(crate) version: u32,
    pub(crate) schema_version: u32,
    pub(crate) rebuild: u32,
    pub(crate) oid: u32,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            namespace: FIRST_NAMESPACE,
            relation: 1,
            version: 1,
            schema_version: 1,
            rebuild: 1,
            oid: FIRST_OID,
        }
    }
}

impl Counters {
    pub(crate) fn pass_namespace(&mut self, id: NamespaceId, oid: u32) {
        self.namespace = self.namespace.max(id.0 + 1);
        self.oid = self.oid.max(oid + 1);
    }

    pub(crate) fn pass_relation(&mut self, relation: &Relation) {
        let oids = [Some(relation.oid), Some(relation.type_oid), Some(relation.array_type_oid)];
        let oid = oids.into_iter().chain([relation.index_oid]).flatten().max().unwrap_or(0);
        self.relation = self.relation.max(relation.id.0 + 1);
        self.oid = self.oid.max(oid + 1);
        self.pass_versions(relation.version, relation.schema.version);
    }

    pub(crate) fn pass_definition(&mut self, definition: &Definition) {
        self.pass_versions(definition.version, definition.schema.version);
    }

    pub(crate) fn pass_rebuild(&mut self, rebuild: &Rebuild) {
        self.rebuild = self.rebuild.max(rebuild.id.0 + 1);
        rebuild.definitions.iter().for_each(|definition| self.pass_definition(definition));
    }

    fn pass_versions(&mut self, version: VersionId, schema_version: SchemaVersionId) {
        self.version = self.version.max(version.0 + 1);
        self.schema_version = self.schema_version.max(schema_version.0 + 1);
    }

    /// At least `other`, kind by kind.
    pub(crate) fn pass(&mut self, other: &Self) {
        self.namespace = self.namespace.max(other.namespace);
        self.relation = self.relation.max(other.relation);
        self.version = self.version.max(other.version);
        self.schema_version = self.schema_version.max(other.schema_version);
        self.rebuild = self.rebuild.max(other.rebuild);
        self.oid = self.oid.max(other.oid);
    }
}

/// Hands out ids. Clones share the counters, so two statements never get the same id.
///
/// Column ids are not here: they count up within a relation, from [`Relation::next_column`]
/// (1 in a new one).
#[derive(Clone, Debug, Default)]
pub struct Ids(Arc<Mutex<Counters>>);

impl Ids {
    /// For a CREATE SCHEMA.
    #[must_use]
    pub fn namespace_id(&self) -> NamespaceId {
        NamespaceId(self.take(|next| &mut next.namespace))
    }

    /// For a CREATE of a relation.
    #[must_use]
    pub fn relation_id(&self) -> RelationId {
        RelationId(self.take(|next| &mut next.relation))
    }

    /// For each new definition.
    #[must_use]
    pub fn version_id(&self) -> VersionId {
        VersionId(self.take(|next| &mut next.version))
    }

    /// For each new list of columns.
    #[must_use]
    pub fn schema_version_id(&self) -> SchemaVersionId {
        SchemaVersionId(self.take(|next| &mut next.schema_version))
    }

    /// For a REBUILD.
    #[must_use]
    pub fn rebuild_id(&self) -> RebuildId {
        RebuildId(self.take(|next| &mut next.rebuild))
    }

    /// For whatever `pg_catalog` lists: a relation takes one for itself and two for its types, one
    /// more for the index of a primary key.
    #[must_use]
    pub fn oid(&self) -> u32 {
        self.take(|next| &mut next.oid)
    }

    /// Never hand out what `counters` has passed.
    pub(crate) fn pass(&self, counters: &Counters) {
        self.0.lock().pass(counters);
    }

    fn take(&self, counter: impl Fn(&mut Counters) -> &mut u32) -> u32 {
        let mut counters = self.0.lock();
        let next = counter(&mut counters);
        let id = *next;
        *next += 1;
        id
    }
}
