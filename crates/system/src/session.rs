//! [`Session`]: names and OIDs of everything, for one catalogue query.
//!
//! The one idea: a lookup asks the catalogue snapshot and the built-in part as if they were one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use kappa_catalog::{Namespace, Relation};
use kappa_types::{SqlError, SqlState};
use regex::{Regex, RegexBuilder};

use crate::SystemContext;
use crate::builtin::{Builtin, BuiltinRelation};

/// Compiled patterns kept per query: more than any catalogue query has.
const REGEX_COUNT_MAX: usize = 64;
/// Bytes a compiled pattern may take.
const REGEX_SIZE_BYTES_MAX: usize = 1 << 20;

/// What a query asks names of.
pub(crate) struct Session<'a> {
    pub(crate) context: &'a SystemContext,
    pub(crate) builtin: &'static Builtin,
    regexes: RefCell<HashMap<(String, bool), Regex>>,
}

/// A row of `pg_class`, wherever it comes from.
#[derive(Clone)]
pub(crate) enum Class {
    /// A relation of pg_catalog or information_schema.
    Builtin(&'static BuiltinRelation),
    /// A relation of the catalogue.
    Relation(Arc<Relation>),
    /// The index of the primary key of this table.
    Index(Arc<Relation>),
}

impl Class {
    pub(crate) fn oid(&self) -> u32 {
        match self {
            Self::Builtin(relation) => relation.oid,
            Self::Relation(relation) => relation.oid,
            Self::Index(relation) => relation.index_oid.unwrap_or(0),
        }
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Self::Builtin(relation) => relation.name.clone(),
            Self::Relation(relation) => relation.name.clone(),
            Self::Index(relation) => index_name(relation),
        }
    }

    pub(crate) fn namespace(&self) -> &str {
        match self {
            Self::Builtin(relation) => &relation.namespace,
            Self::Relation(relation) | Self::Index(relation) => &relation.namespace_name,
        }
    }

    /// The relation of the catalogue, if it is one and not its index.
    pub(crate) const fn relation(&self) -> Option<&Arc<Relation>> {
        match self {
            Self::Relation(relation) => Some(relation),
            _ => None,
        }
    }
}

/// The name of a table's primary key and its index, as PostgreSQL makes it.
pub(crate) fn index_name(relation: &Relation) -> String {
    /// Bytes a name may have.
    const NAME_SIZE_BYTES_MAX: usize = 63;
    const SUFFIX: &str = "_pkey";
    let mut end = relation.name.len().min(NAME_SIZE_BYTES_MAX - SUFFIX.len());
    while !relation.name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{SUFFIX}", &relation.name[..end])
}

impl<'a> Session<'a> {
    pub(crate) fn new(context: &'a SystemContext) -> Self {
        Self { context, builtin: Builtin::get(), regexes: RefCell::default() }
    }

    /// All relations of the catalogue.
    pub(crate) fn relations(&self) -> impl Iterator<Item = &'a Arc<Relation>> {
        self.context.snapshot.relations()
    }

    /// The row of `pg_class` with this OID.
    pub(crate) fn class_by_oid(&self, oid: u32) -> Option<Class> {
        if let Some(builtin) = self.builtin.relation_by_oid(oid) {
            return Some(Class::Builtin(builtin));
        }
        if let Some(relation) = self.context.snapshot.by_oid(oid) {
            return Some(Class::Relation(relation));
        }
        let index = self.relations().find(|relation| relation.index_oid == Some(oid))?;
        Some(Class::Index(Arc::clone(index)))
    }

    fn class_within(&self, namespace: &str, name: &str) -> Option<Class> {
        if let Some(builtin) = self.builtin.relation(namespace, name) {
            return Some(Class::Builtin(builtin));
        }
        if let Some(relation) = self.context.snapshot.resolve(&[], Some(namespace), name) {
            return Some(Class::Relation(relation));
        }
        let named = |relation: &&Arc<Relation>| {
            relation.index_oid.is_some()
                && relation.namespace_name == namespace
                && index_name(relation) == name
        };
        self.relations().find(named).map(|relation| Class::Index(Arc::clone(relation)))
    }

    /// What `name` means: in `namespace`, or in the first namespace of the path that has it.
    pub(crate) fn class_named(&self, namespace: Option<&str>, name: &str) -> Option<Class> {
        match namespace {
            Some(namespace) => self.class_within(namespace, name),
            None => {
                let path = self.context.effective_path(true);
                path.iter().find_map(|namespace| self.class_within(namespace, name))
            }
        }
    }

    /// Whether the bare name of `class` means `class`.
    pub(crate) fn is_visible(&self, class: &Class) -> bool {
        self.class_named(None, &class.name()).is_some_and(|found| found.oid() == class.oid())
    }

    /// The namespace with this OID.
    pub(crate) fn namespace_by_oid(&self, oid: u32) -> Option<&'a Arc<Namespace>> {
        self.context.snapshot.namespaces().find(|namespace| namespace.oid == oid)
    }

    /// OID of the namespace `name`; 0 if there is none.
    pub(crate) fn namespace_oid(&self, name: &str) -> u32 {
        self.context.snapshot.namespace_named(name).map_or(0, |namespace| namespace.oid)
    }

    /// The name of the role with this OID.
    pub(crate) fn role_name(&self, oid: u32) -> Option<String> {
        self.context.roles().into_iter().find(|(_, role)| *role == oid).map(|(name, _)| name)
    }

    /// The table whose row type or array of row type this is, and whether it is the array.
    pub(crate) fn row_type(&self, type_oid: u32) -> Option<(Class, bool)> {
        if let Some(builtin) = self.builtin.relations.iter().find(|r| r.type_oid == type_oid) {
            return Some((Class::Builtin(builtin), false));
        }
        let found = self.relations().find(|relation| {
            relation.type_oid == type_oid || relation.array_type_oid == type_oid
        })?;
        Some((Class::Relation(Arc::clone(found)), found.array_type_oid == type_oid))
    }

    /// The pattern compiled; kept for the next row.
    ///
    /// # Errors
    /// 2201B for a pattern that is not valid.
    pub(crate) fn regex(&self, pattern: &str, insensitive: bool) -> Result<Regex, SqlError> {
        let mut regexes = self.regexes.borrow_mut();
        if let Some(regex) = regexes.get(&(pattern.to_owned(), insensitive)) {
            return Ok(regex.clone());
        }
        let invalid = |error: regex::Error| {
            let message = format!("invalid regular expression: {error}");
            SqlError::new(SqlState::InvalidRegularExpression, message.replace('\n', " "))
        };
        let regex = RegexBuilder::new(&advanced_to_rust(pattern))
            .case_insensitive(insensitive)
            .dot_matches_new_line(true)
            .size_limit(REGEX_SIZE_BYTES_MAX)
            .build()
            .map_err(invalid)?;
        if regexes.len() >= REGEX_COUNT_MAX {
            regexes.clear();
        }
        regexes.insert((pattern.to_owned(), insensitive), regex.clone());
        Ok(regex)
    }
}

/// PostgreSQL's word-boundary escapes in the spelling of the regex crate; the rest is common to both.
fn advanced_to_rust(pattern: &str) -> String {
    let mut result = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            result.push(character);
            continue;
        }
        match characters.next() {
            Some('m') => result.push_str(r"\b{start}"),
            Some('M') => result.push_str(r"\b{end}"),
            Some('y') => result.push_str(r"\b"),
            Some('Y') => result.push_str(r"\B"),
            Some('Z') => result.push_str(r"\z"),
            Some(other) => {
                result.push('\\');
                result.push(other);
            }
            None => result.push('\\'),
        }
    }
    result
}
