//! [`Builtin`]: the part of the system catalogue that is the same in every database.
//!
//! The one idea: relations, columns, types and functions of `pg_catalog` and `information_schema`
//! are PostgreSQL 15's own, exported once into `data/pg15.tsv` (see `data/export.sql`) and parsed
//! at first use; so `SELECT c.*` has the columns and OIDs that clients were written for.
//!
//! Price: about 5 MB of memory and a few milliseconds once the first catalogue query comes.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use kappa_types::Schema;

use crate::context::name_hash;
use crate::value::{Base, PgType, Row, Value};

const DATA: &str = include_str!("../data/pg15.tsv");

/// One of the two namespaces of system relations.
pub(crate) const NAMESPACES: [&str; 2] = ["pg_catalog", "information_schema"];

/// A relation of `pg_catalog` or `information_schema`.
#[derive(Debug)]
pub(crate) struct BuiltinRelation {
    /// OID in PostgreSQL 15.
    pub(crate) oid: u32,
    /// Name of its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// `pg_class.relkind`.
    pub(crate) kind: char,
    /// OID of its row type.
    pub(crate) type_oid: u32,
    /// Its columns in order.
    pub(crate) columns: Vec<BuiltinColumn>,
}

/// A column of a system relation.
#[derive(Debug)]
pub(crate) struct BuiltinColumn {
    /// Its name.
    pub(crate) name: String,
    /// Its type, domains resolved.
    pub(crate) ty: PgType,
    /// `pg_attribute.atttypid`.
    pub(crate) type_oid: u32,
    /// `pg_attribute.attnotnull`.
    pub(crate) not_null: bool,
}

/// Relations of `pg_catalog` that the server makes itself.
static DECLARED: OnceLock<Vec<(String, Schema)>> = OnceLock::new();

/// OIDs of declared relations are above those the catalogue hands out, and below those of roles.
const DECLARED_OIDS: u32 = 1 << 30;

/// Tells of the relations of `pg_catalog` that the server makes itself, so that they are listed like
/// all others. Only before the first catalogue query of the process; later calls change nothing.
pub fn declare(relations: Vec<(String, Schema)>) {
    let _ = DECLARED.set(relations);
}

/// The OID of a declared relation is made of its name: the same at every start.
fn declared_relation(name: &str, schema: &Schema) -> BuiltinRelation {
    let columns = schema.columns.iter().map(|column| {
        let ty = PgType::from_sql(&column.sql_type);
        let (type_oid, not_null) = (ty.oid(), !column.nullable);
        BuiltinColumn { name: column.name.clone(), ty, type_oid, not_null }
    });
    BuiltinRelation {
        oid: DECLARED_OIDS | (name_hash(name) & (DECLARED_OIDS - 1)),
        namespace: NAMESPACES[0].to_owned(),
        name: name.to_owned(),
        kind: 'v',
        type_oid: 0,
        columns: columns.collect(),
    }
}

impl BuiltinRelation {
    /// Position of the column called `name`.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// A row of `pg_type`, as far as lookups need it.
#[derive(Debug)]
pub(crate) struct BuiltinType {
    pub(crate) oid: u32,
    pub(crate) name: String,
    pub(crate) in_pg_catalog: bool,
    pub(crate) length: i64,
    pub(crate) by_value: bool,
    pub(crate) alignment: String,
    pub(crate) storage: String,
    pub(crate) collation: u32,
    pub(crate) element: u32,
    pub(crate) array: u32,
    pub(crate) base: u32,
    pub(crate) is_true_array: bool,
}

/// A row of `pg_proc`, as far as lookups need it.
#[derive(Debug)]
pub(crate) struct BuiltinFunction {
    pub(crate) oid: u32,
    pub(crate) name: String,
    pub(crate) arguments: Vec<u32>,
    pub(crate) result: u32,
    pub(crate) returns_set: bool,
}

/// Everything in `pg15.tsv`.
pub(crate) struct Builtin {
    pub(crate) relations: Vec<BuiltinRelation>,
    names: HashMap<(String, String), usize>,
    oids: HashMap<u32, usize>,
    rows: HashMap<String, Arc<[Row]>>,
    pub(crate) types: Vec<BuiltinType>,
    types_by_oid: HashMap<u32, usize>,
    pub(crate) functions: Vec<BuiltinFunction>,
    functions_by_oid: HashMap<u32, usize>,
    /// word, catcode, barelabel, catdesc, baredesc of `pg_get_keywords()`.
    pub(crate) keywords: Vec<Row>,
}

impl Builtin {
    /// The catalogue, parsed at the first call.
    pub(crate) fn get() -> &'static Self {
        static BUILTIN: OnceLock<Builtin> = OnceLock::new();
        BUILTIN.get_or_init(|| Self::parse(DATA))
    }

    /// The relation `name` in `namespace`.
    pub(crate) fn relation(&self, namespace: &str, name: &str) -> Option<&BuiltinRelation> {
        let index = self.names.get(&(namespace.to_owned(), name.to_owned()))?;
        Some(&self.relations[*index])
    }

    /// Position in `relations` of the relation `name` in `namespace`.
    pub(crate) fn relation_index(&self, namespace: &str, name: &str) -> Option<usize> {
        self.names.get(&(namespace.to_owned(), name.to_owned())).copied()
    }

    /// The relation with this OID.
    pub(crate) fn relation_by_oid(&self, oid: u32) -> Option<&BuiltinRelation> {
        self.oids.get(&oid).map(|index| &self.relations[*index])
    }

    /// The exported rows of `pg_catalog.name`; `None` if none were exported.
    pub(crate) fn rows(&self, name: &str) -> Option<&Arc<[Row]>> {
        self.rows.get(name)
    }

    /// The type with this OID.
    pub(crate) fn type_by_oid(&self, oid: u32) -> Option<&BuiltinType> {
        self.types_by_oid.get(&oid).map(|index| &self.types[*index])
    }

    /// The function with this OID.
    pub(crate) fn function_by_oid(&self, oid: u32) -> Option<&BuiltinFunction> {
        self.functions_by_oid.get(&oid).map(|index| &self.functions[*index])
    }

    fn parse(data: &str) -> Self {
        let sections = sections(data);
        let lines = |name: &str| sections.get(name).map(Vec::as_slice).unwrap_or_default();
        let mut relations =
            parse_relations(lines("relations"), lines("attributes"), lines("rows pg_type"));
        let declared = DECLARED.get().into_iter().flatten();
        relations.extend(declared.map(|(name, schema)| declared_relation(name, schema)));
        let mut builtin = Self {
            names: relations
                .iter()
                .enumerate()
                .map(|(index, r)| ((r.namespace.clone(), r.name.clone()), index))
                .collect(),
            oids: relations.iter().enumerate().map(|(index, r)| (r.oid, index)).collect(),
            relations,
            rows: HashMap::new(),
            types: Vec::new(),
            types_by_oid: HashMap::new(),
            functions: Vec::new(),
            functions_by_oid: HashMap::new(),
            keywords: lines("keywords").iter().map(|line| keyword_row(line)).collect(),
        };
        for (section, lines) in &sections {
            let Some(name) = section.strip_prefix("rows ") else { continue };
            let Some(relation) = builtin.relation("pg_catalog", name) else { continue };
            let rows = lines.iter().map(|line| parse_row(relation, line)).collect();
            builtin.rows.insert(name.to_owned(), rows);
        }
        builtin.index_types();
        builtin.index_functions();
        builtin
    }

    fn index_types(&mut self) {
        let Some(relation) = self.relation("pg_catalog", "pg_type") else { return };
        let at = |name: &str| relation.position(name).expect("a column of pg_type");
        let columns = [
            "oid",
            "typname",
            "typnamespace",
            "typlen",
            "typbyval",
            "typalign",
            "typstorage",
            "typcollation",
            "typelem",
            "typarray",
            "typbasetype",
            "typcategory",
        ]
        .map(at);
        let rows = self.rows.get("pg_type").cloned().unwrap_or_default();
        let text = |value: &Value| value.as_text().unwrap_or_default().to_owned();
        for row in rows.iter() {
            let [
                oid,
                name,
                namespace,
                length,
                by_value,
                alignment,
                storage,
                collation,
                element,
                array,
                base,
                category,
            ] = columns.map(|index| &row[index]);
            self.types_by_oid.insert(oid.as_oid(), self.types.len());
            self.types.push(BuiltinType {
                oid: oid.as_oid(),
                name: text(name),
                in_pg_catalog: namespace.as_oid() == 11,
                length: length.as_int().unwrap_or(-1),
                by_value: by_value.as_bool().unwrap_or(false),
                alignment: text(alignment),
                storage: text(storage),
                collation: collation.as_oid(),
                element: element.as_oid(),
                array: array.as_oid(),
                base: base.as_oid(),
                is_true_array: text(category) == "A" && text(storage) != "p",
            });
        }
    }

    fn index_functions(&mut self) {
        let Some(relation) = self.relation("pg_catalog", "pg_proc") else { return };
        let at = |name: &str| relation.position(name).expect("a column of pg_proc");
        let columns = ["oid", "proname", "proargtypes", "prorettype", "proretset"].map(at);
        let rows = self.rows.get("pg_proc").cloned().unwrap_or_default();
        for row in rows.iter() {
            let [oid, name, arguments, result, returns_set] = columns.map(|index| &row[index]);
            let arguments = arguments.as_array().map(|array| array.items.as_slice());
            self.functions_by_oid.insert(oid.as_oid(), self.functions.len());
            self.functions.push(BuiltinFunction {
                oid: oid.as_oid(),
                name: name.as_text().unwrap_or_default().to_owned(),
                arguments: arguments.unwrap_or_default().iter().map(Value::as_oid).collect(),
                result: result.as_oid(),
                returns_set: returns_set.as_bool().unwrap_or(false),
            });
        }
    }
}

/// The lines under each `@` heading; `@rows pg_catalog.pg_type` is found as `rows pg_type`.
fn sections(data: &str) -> HashMap<String, Vec<&str>> {
    let mut sections: HashMap<String, Vec<&str>> = HashMap::new();
    let mut heading = String::new();
    for line in data.lines() {
        if let Some(name) = line.strip_prefix('@') {
            heading = name.replace("pg_catalog.", "");
            sections.entry(heading.clone()).or_default();
        } else {
            sections.entry(heading.clone()).or_default().push(line);
        }
    }
    sections
}

fn parse_relations(
    relations: &[&str],
    attributes: &[&str],
    types: &[&str],
) -> Vec<BuiltinRelation> {
    // Domains: type OID to base type OID. Columns 1 and 26 of pg_type are oid and typbasetype.
    let domains: HashMap<u32, u32> = types
        .iter()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let base: u32 = fields.get(25)?.parse().ok()?;
            (base != 0).then_some((fields[0].parse().ok()?, base))
        })
        .collect();
    let mut columns: HashMap<u32, Vec<BuiltinColumn>> = HashMap::new();
    for line in attributes {
        let mut fields = line.split('\t');
        let mut next = || fields.next().unwrap_or_default();
        let relation = next().parse().unwrap_or(0);
        let name = next().to_owned();
        let type_oid: u32 = next().parse().unwrap_or(0);
        let resolved = domains.get(&type_oid).copied().unwrap_or(type_oid);
        let ty = PgType::from_oid(resolved).unwrap_or(PgType::Text);
        let not_null = next() == "t";
        columns.entry(relation).or_default().push(BuiltinColumn { name, ty, type_oid, not_null });
    }
    let parse = |line: &&str| {
        let mut fields = line.split('\t');
        let mut next = || fields.next().unwrap_or_default();
        let oid = next().parse().unwrap_or(0);
        BuiltinRelation {
            oid,
            namespace: next().to_owned(),
            name: next().to_owned(),
            kind: next().chars().next().unwrap_or('r'),
            type_oid: next().parse().unwrap_or(0),
            columns: columns.remove(&oid).unwrap_or_default(),
        }
    };
    relations.iter().map(parse).collect()
}

fn parse_row(relation: &BuiltinRelation, line: &str) -> Row {
    let fields = line.split('\t').map(unescape);
    relation
        .columns
        .iter()
        .zip(fields)
        .map(|(column, field)| parse_field(&column.ty, field))
        .collect()
}

fn parse_field(ty: &PgType, field: Option<String>) -> Value {
    let Some(field) = field else { return Value::Null };
    let integer = |text: &str| text.parse().map_or(Value::Null, Value::Int);
    match ty {
        PgType::Base(Base::Bool) => Value::Bool(field == "t"),
        PgType::Base(Base::Int2Vector | Base::OidVector) => {
            Value::vector(field.split_whitespace().map(integer).collect())
        }
        PgType::Base(Base::Float4 | Base::Float8) => {
            field.parse().map_or(Value::Null, Value::Float)
        }
        PgType::Array(element) => {
            let inner = field.trim_start_matches('{').trim_end_matches('}');
            let items = inner.split(',').filter(|item| !item.is_empty());
            Value::array(
                items
                    .map(|item| {
                        parse_field(
                            &PgType::Base(*element),
                            Some(item.trim_matches('"').to_owned()),
                        )
                    })
                    .collect(),
            )
        }
        ty if ty.family() == crate::value::Family::Integer => integer(&field),
        _ => Value::text(field),
    }
}

fn keyword_row(line: &str) -> Row {
    let field = |field: Option<String>| field.map_or(Value::Null, Value::text);
    let mut values: Vec<Value> = line.split('\t').map(unescape).map(field).collect();
    if let Some(bare_label) = values.get_mut(2) {
        *bare_label = Value::Bool(bare_label.as_text() == Some("t"));
    }
    values.into()
}

/// One field of COPY's text format; `None` is NULL.
fn unescape(field: &str) -> Option<String> {
    if field == "\\N" {
        return None;
    }
    let mut text = String::with_capacity(field.len());
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        match (character, character == '\\') {
            (_, true) => match characters.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some(other) => text.push(other),
                None => {}
            },
            (other, false) => text.push(other),
        }
    }
    Some(text)
}
