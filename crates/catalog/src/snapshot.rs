//! [`Snapshot`]: the catalogue at one time, immutable.
//!
//! The one idea: statements bind against a snapshot and never see a half-applied DDL; a DDL makes a
//! new snapshot beside the old. Price: a DDL copies the maps (pointers, not relations), about 100
//! bytes per relation.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use kappa_types::{NamespaceId, RebuildId, RelationId, Timestamp, VersionId};

use crate::ids::Counters;
use crate::{INFORMATION_SCHEMA, Namespace, PG_CATALOG, PUBLIC, Rebuild, Relation};

/// Owner of the namespaces that are there from the beginning.
const BUILT_IN_OWNER: &str = "kappa";

/// The catalogue at one time.
///
/// * `names`, `oids` and `dependents` are indexes of `relations` and agree with it.
/// * Every dependency of a relation is in `relations`; dependencies have no cycle.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Time of the last applied DDL; [`Timestamp::MIN`] if there was none.
    pub time: Timestamp,
    pub(crate) namespaces: BTreeMap<NamespaceId, Arc<Namespace>>,
    pub(crate) relations: BTreeMap<RelationId, Arc<Relation>>,
    pub(crate) rebuilds: BTreeMap<RebuildId, Arc<Rebuild>>,
    pub(crate) counters: Counters,
    names: BTreeMap<(NamespaceId, String), RelationId>,
    oids: BTreeMap<u32, RelationId>,
    dependents: BTreeMap<RelationId, BTreeSet<RelationId>>,
}

impl Snapshot {
    /// The catalogue before the first DDL: the namespaces `public`, `pg_catalog` and
    /// `information_schema`, and nothing in them.
    #[must_use]
    pub fn empty() -> Self {
        let built_in = |id, oid, name: &str| {
            let namespace = Namespace {
                id,
                oid,
                name: name.to_owned(),
                owner: BUILT_IN_OWNER.to_owned(),
                comment: None,
            };
            (id, Arc::new(namespace))
        };
        Self {
            time: Timestamp::MIN,
            namespaces: BTreeMap::from([
                built_in(PG_CATALOG, 11, "pg_catalog"),
                built_in(PUBLIC, 2200, "public"),
                built_in(INFORMATION_SCHEMA, 13000, "information_schema"),
            ]),
            relations: BTreeMap::new(),
            rebuilds: BTreeMap::new(),
            counters: Counters::default(),
            names: BTreeMap::new(),
            oids: BTreeMap::new(),
            dependents: BTreeMap::new(),
        }
    }

    /// The relation that `name` means: in `namespace` if given, else in the first namespace of
    /// `search_path` that has it. Names of `search_path` that do not exist are passed over.
    #[must_use]
    pub fn resolve(
        &self,
        search_path: &[String],
        namespace: Option<&str>,
        name: &str,
    ) -> Option<Arc<Relation>> {
        let within = |namespace: &str| {
            let namespace = self.namespace_named(namespace)?.id;
            let id = self.names.get(&(namespace, name.to_owned()))?;
            self.relation(*id)
        };
        match namespace {
            Some(namespace) => within(namespace),
            None => search_path.iter().find_map(|namespace| within(namespace)),
        }
    }

    /// The relation with this id.
    #[must_use]
    pub fn relation(&self, id: RelationId) -> Option<Arc<Relation>> {
        self.relations.get(&id).cloned()
    }

    /// The relation with this OID in `pg_class` (not that of its types or index).
    #[must_use]
    pub fn by_oid(&self, oid: u32) -> Option<Arc<Relation>> {
        self.relation(*self.oids.get(&oid)?)
    }

    /// The relation whose current definition this is.
    #[must_use]
    pub fn by_version(&self, version: VersionId) -> Option<Arc<Relation>> {
        self.relations.values().find(|relation| relation.version == version).cloned()
    }

    /// All relations, ordered by namespace id and name.
    pub fn relations(&self) -> impl Iterator<Item = &Arc<Relation>> {
        self.names.values().filter_map(|id| self.relations.get(id))
    }

    /// All relations so that each stands after those it reads. Ids rise in order of creation, but a
    /// REBUILD may make an older relation read a younger one.
    #[must_use]
    pub fn relations_in_dependency_order(&self) -> Vec<Arc<Relation>> {
        let order = self.in_dependency_order(&self.relations.keys().copied().collect());
        order.into_iter().filter_map(|id| self.relation(id)).collect()
    }

    /// The relations that read `id` themselves, by id.
    #[must_use]
    pub fn dependents(&self, id: RelationId) -> Vec<RelationId> {
        self.dependents.get(&id).into_iter().flatten().copied().collect()
    }

    /// The relations that read `id`, themselves or through others, each after those it reads.
    #[must_use]
    pub fn dependents_transitive(&self, id: RelationId) -> Vec<RelationId> {
        self.in_dependency_order(&self.reachable(id, |id| self.dependents(id)))
    }

    /// The relations that `id` reads, itself or through others, each after those it reads.
    #[must_use]
    pub fn dependencies_transitive(&self, id: RelationId) -> Vec<RelationId> {
        let direct = |id: RelationId| {
            let dependencies = self.relations.get(&id).map(|relation| &relation.dependencies);
            dependencies.into_iter().flatten().map(|dependency| dependency.relation).collect()
        };
        self.in_dependency_order(&self.reachable(id, direct))
    }

    /// All that `next` reaches from `start`, without it.
    pub(crate) fn reachable(
        &self,
        start: RelationId,
        next: impl Fn(RelationId) -> Vec<RelationId>,
    ) -> BTreeSet<RelationId> {
        let mut found = BTreeSet::new();
        let mut waiting = VecDeque::from([start]);
        while let Some(id) = waiting.pop_front() {
            waiting.extend(next(id).into_iter().filter(|id| found.insert(*id)));
        }
        found
    }

    /// `set`, each after those of the set that it reads; among equals the lower id first.
    fn in_dependency_order(&self, set: &BTreeSet<RelationId>) -> Vec<RelationId> {
        let reads = |id: &RelationId| {
            let dependencies = self.relations.get(id).map(|relation| &relation.dependencies);
            dependencies
                .into_iter()
                .flatten()
                .filter(|dependency| set.contains(&dependency.relation))
                .count()
        };
        let mut missing: BTreeMap<RelationId, usize> =
            set.iter().map(|id| (*id, reads(id))).collect();
        let mut ready: BTreeSet<RelationId> =
            missing.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
        let mut order = Vec::with_capacity(set.len());
        while let Some(id) = ready.pop_first() {
            order.push(id);
            for dependent in self.dependents(id) {
                let Some(count) = missing.get_mut(&dependent) else { continue };
                *count -= 1;
                if *count == 0 {
                    ready.insert(dependent);
                }
            }
        }
        order
    }

    /// All namespaces by id, the built-in ones first.
    pub fn namespaces(&self) -> impl Iterator<Item = &Arc<Namespace>> {
        self.namespaces.values()
    }

    /// The namespace with this id.
    #[must_use]
    pub fn namespace(&self, id: NamespaceId) -> Option<&Arc<Namespace>> {
        self.namespaces.get(&id)
    }

    /// The namespace called `name`.
    #[must_use]
    pub fn namespace_named(&self, name: &str) -> Option<&Arc<Namespace>> {
        self.namespaces.values().find(|namespace| namespace.name == name)
    }

    /// Rebuilds by id: those under way and the last ones that ended.
    pub fn rebuilds(&self) -> impl Iterator<Item = &Arc<Rebuild>> {
        self.rebuilds.values()
    }

    /// The rebuild with this id.
    #[must_use]
    pub fn rebuild(&self, id: RebuildId) -> Option<&Arc<Rebuild>> {
        self.rebuilds.get(&id)
    }

    /// Rebuilds that have not ended.
    pub fn rebuilds_active(&self) -> impl Iterator<Item = &Arc<Rebuild>> {
        self.rebuilds.values().filter(|rebuild| !rebuild.phase.is_ended())
    }

    /// The rebuild under way that gives `relation` a new definition.
    #[must_use]
    pub fn rebuild_of(&self, relation: RelationId) -> Option<&Arc<Rebuild>> {
        self.rebuilds_active().find(|rebuild| rebuild.definition(relation).is_some())
    }

    /// The rebuild under way that `relation` takes part in: as one that gets a new definition, or as
    /// one that an old or new definition reads, itself or through others.
    #[must_use]
    pub fn rebuild_touching(&self, relation: RelationId) -> Option<&Arc<Rebuild>> {
        self.rebuilds_active().find(|rebuild| {
            rebuild.definitions.iter().any(|definition| {
                let new = definition.dependencies.iter().map(|dependency| dependency.relation);
                definition.relation == relation
                    || self.dependencies_transitive(definition.relation).contains(&relation)
                    || new.into_iter().any(|read| {
                        read == relation || self.dependencies_transitive(read).contains(&relation)
                    })
            })
        })
    }

    /// Puts a relation in, or another state of one that is there.
    pub(crate) fn put(&mut self, relation: Relation) {
        self.take(relation.id);
        self.names.insert((relation.namespace, relation.name.clone()), relation.id);
        self.oids.insert(relation.oid, relation.id);
        for dependency in &relation.dependencies {
            self.dependents.entry(dependency.relation).or_default().insert(relation.id);
        }
        self.counters.pass_relation(&relation);
        self.relations.insert(relation.id, Arc::new(relation));
    }

    /// Takes a relation out of all maps. What reads it stays listed under `dependents`.
    pub(crate) fn take(&mut self, id: RelationId) -> Option<Arc<Relation>> {
        let relation = self.relations.remove(&id)?;
        self.names.remove(&(relation.namespace, relation.name.clone()));
        self.oids.remove(&relation.oid);
        for dependency in &relation.dependencies {
            if let Some(dependents) = self.dependents.get_mut(&dependency.relation) {
                dependents.remove(&id);
                if dependents.is_empty() {
                    self.dependents.remove(&dependency.relation);
                }
            }
        }
        Some(relation)
    }

    /// The id of the relation called `name` in `namespace`.
    pub(crate) fn named(&self, namespace: NamespaceId, name: &str) -> Option<RelationId> {
        self.names.get(&(namespace, name.to_owned())).copied()
    }
}
