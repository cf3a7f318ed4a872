//! The bytes of a [`DdlRecord`], in the log and in the index.
//!
//! ```text
//! +------+---------+-------------------+------+
//! | KDDL | version | crc32c of body LE | body |
//! |  4   |    1    |         4         |      |
//! +------+---------+-------------------+------+
//! body = text, edits, time_zone, search_path
//! edit = tag (u8), fields as listed below
//! ```
//! Values stand as [`crate::codec`] says. A field may only be added together with a new version,
//! which reads the old ones too; an unknown version is refused, never guessed at.

use kappa_types::{Column, Schema};

use crate::codec::{Written, damaged, written_fields};
use crate::ids::Counters;
use crate::{
    ColumnDefinition, Connector, DdlRecord, Definition, Dependency, Edit, Error, Namespace,
    Rebuild, RebuildOptions, RebuildPhase, Relation, RelationKind, Watermark,
};

/// First bytes of every record.
const MAGIC: &[u8; 4] = b"KDDL";
/// The format that is written.
pub(crate) const FORMAT_VERSION: u8 = 1;

impl DdlRecord {
    /// The bytes that go into the log.
    #[must_use]
    pub fn encode(&self) -> bytes::Bytes {
        let mut body = Vec::new();
        self.write(&mut body);
        let mut bytes = Vec::with_capacity(body.len() + 9);
        bytes.extend_from_slice(MAGIC);
        bytes.push(FORMAT_VERSION);
        bytes.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        bytes.into()
    }

    /// Reads what [`DdlRecord::encode`] wrote.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the bytes are anything else, [`Error::UnknownVersion`] if a newer
    /// program wrote them.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(damaged("it does not begin with KDDL"))?;
        let (version, rest) = rest.split_first().ok_or(damaged("it ends too early"))?;
        if *version != FORMAT_VERSION {
            return Err(Error::UnknownVersion { version: *version });
        }
        let (crc, mut body) = rest.split_first_chunk::<4>().ok_or(damaged("it ends too early"))?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
            return Err(damaged("the checksum does not fit"));
        }
        let record = Self::read(&mut body)?;
        match body.is_empty() {
            true => Ok(record),
            false => Err(damaged("something follows its end")),
        }
    }
}

written_fields!(DdlRecord { text, edits, time_zone, search_path });
written_fields!(Namespace { id, oid, name, owner, comment });
written_fields!(Relation {
    id,
    oid,
    type_oid,
    array_type_oid,
    index_oid,
    namespace,
    namespace_name,
    name,
    owner,
    created_at,
    comment,
    next_column,
    version,
    kind,
    schema,
    columns,
    dependencies,
    text,
    time_zone,
    search_path,
});
written_fields!(Definition {
    relation,
    version,
    kind,
    schema,
    columns,
    dependencies,
    text,
    time_zone,
    search_path,
});
written_fields!(Watermark { column, expression, max_ahead_micros });
written_fields!(Connector { name, options, format, encode });
written_fields!(ColumnDefinition { default, generated, not_null, comment });
written_fields!(Dependency { relation, columns });
written_fields!(Column { id, name, sql_type, nullable });
written_fields!(Schema { version, columns });
written_fields!(Rebuild {
    id,
    relation,
    relation_name,
    definitions,
    options,
    phase,
    text,
    started_at,
    ended_at,
});
written_fields!(RebuildOptions { background, apply_manual, rate_limit });
written_fields!(Counters { namespace, relation, version, schema_version, rebuild, oid });

impl Written for RelationKind {
    fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Source { watermark, connector } => {
                to.push(1);
                watermark.write(to);
                connector.write(to);
            }
            Self::Table { primary_key, watermark } => {
                to.push(2);
                primary_key.write(to);
                watermark.write(to);
            }
            Self::View { query } => {
                to.push(3);
                query.write(to);
            }
            Self::MaterializedView { query, emit_on_close, options } => {
                to.push(4);
                query.write(to);
                emit_on_close.write(to);
                options.write(to);
            }
        }
    }

    fn read(from: &mut &[u8]) -> Result<Self, Error> {
        Ok(match u8::read(from)? {
            1 => Self::Source { watermark: Written::read(from)?, connector: Written::read(from)? },
            2 => Self::Table { primary_key: Written::read(from)?, watermark: Written::read(from)? },
            3 => Self::View { query: Written::read(from)? },
            4 => Self::MaterializedView {
                query: Written::read(from)?,
                emit_on_close: Written::read(from)?,
                options: Written::read(from)?,
            },
            _ => return Err(damaged("a relation is of an unknown kind")),
        })
    }
}

impl Written for RebuildPhase {
    fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Running => to.push(1),
            Self::Paused => to.push(2),
            Self::Waiting => to.push(3),
            Self::Applied => to.push(4),
            Self::Cancelled => to.push(5),
            Self::Failed { reason } => {
                to.push(6);
                reason.write(to);
            }
        }
    }

    fn read(from: &mut &[u8]) -> Result<Self, Error> {
        Ok(match u8::read(from)? {
            1 => Self::Running,
            2 => Self::Paused,
            3 => Self::Waiting,
            4 => Self::Applied,
            5 => Self::Cancelled,
            6 => Self::Failed { reason: Written::read(from)? },
            _ => return Err(damaged("a rebuild is in an unknown phase")),
        })
    }
}

impl Written for Edit {
    fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::CreateNamespace(namespace) => tagged(to, 1, namespace),
            Self::DropNamespace(namespace) => tagged(to, 2, namespace),
            Self::CreateRelation(relation) => tagged(to, 3, relation),
            Self::DropRelation(relation) => tagged(to, 4, relation),
            Self::SetVersion(definition) => tagged(to, 5, definition),
            Self::RenameRelation { relation, name } => {
                tagged(to, 6, relation);
                name.write(to);
            }
            Self::CreateRebuild(rebuild) => tagged(to, 7, rebuild),
            Self::UpdateRebuild { rebuild, phase } => {
                tagged(to, 8, rebuild);
                phase.write(to);
            }
            Self::EndRebuild { rebuild, outcome } => {
                tagged(to, 9, rebuild);
                outcome.write(to);
            }
            Self::SetComment { relation, column, comment } => {
                tagged(to, 10, relation);
                column.write(to);
                comment.write(to);
            }
            Self::SetNamespaceComment { namespace, comment } => {
                tagged(to, 11, namespace);
                comment.write(to);
            }
        }
    }

    fn read(from: &mut &[u8]) -> Result<Self, Error> {
        Ok(match u8::read(from)? {
            1 => Self::CreateNamespace(Written::read(from)?),
            2 => Self::DropNamespace(Written::read(from)?),
            3 => Self::CreateRelation(Written::read(from)?),
            4 => Self::DropRelation(Written::read(from)?),
            5 => Self::SetVersion(Written::read(from)?),
            6 => {
                Self::RenameRelation { relation: Written::read(from)?, name: Written::read(from)? }
            }
            7 => Self::CreateRebuild(Written::read(from)?),
            8 => Self::UpdateRebuild { rebuild: Written::read(from)?, phase: Written::read(from)? },
            9 => Self::EndRebuild { rebuild: Written::read(from)?, outcome: Written::read(from)? },
            10 => Self::SetComment {
                relation: Written::read(from)?,
                column: Written::read(from)?,
                comment: Written::read(from)?,
            },
            11 => Self::SetNamespaceComment {
                namespace: Written::read(from)?,
                comment: Written::read(from)?,
            },
            _ => return Err(damaged("an edit is of an unknown kind")),
        })
    }
}

fn tagged(to: &mut Vec<u8>, tag: u8, value: &impl Written) {
    to.push(tag);
    value.write(to);
}
