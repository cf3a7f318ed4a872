//! [`SqlType`]: a Postgres type, and the one Arrow type that holds its values.
//!
//! ```text
//! boolean Boolean      smallint Int16        integer Int32       bigint Int64
//! real Float32         double Float64        numeric Decimal128(38, s)
//! text, varchar, "char", name Utf8View       bytea Binary
//! date Date32          time Time64(us)       timestamp Timestamp(us)
//! timestamptz Timestamp(us, "UTC")           interval Interval(MonthDayNano)
//! uuid FixedSizeBinary(16)                   json, jsonb LargeUtf8
//! oid, regclass, … UInt32                    t[] List(t)
//! ```
//! Where two types share an Arrow type, the field's metadata tells them apart
//! ([`SQL_TYPE_KEY`]); without metadata the first of the row above is meant (jsonb for LargeUtf8).
//!
//! Price of Decimal128: 38 digits at most, no NaN or infinities (22003, 22P02). `numeric` without
//! precision keeps [`UNCONSTRAINED_SCALE`] digits behind the point and prints no trailing zeros.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};

/// Field metadata key under which a field's SQL type stands, in the form of [`SqlType::name`].
pub const SQL_TYPE_KEY: &str = "kappa.type";

/// The most digits of a `numeric`, which computed ones have.
pub const NUMERIC_PRECISION_MAX: u8 = 38;

/// Digits behind the decimal point of a `numeric` without a declared scale.
pub const UNCONSTRAINED_SCALE: i8 = 16;

/// A Postgres type with its modifiers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SqlType {
    /// `boolean`
    Boolean,
    /// `smallint`
    SmallInt,
    /// `integer`
    Integer,
    /// `bigint`
    BigInt,
    /// `real`
    Real,
    /// `double precision`
    Double,
    /// `numeric(precision, scale)`; `None` is `numeric` without modifiers.
    Numeric(Option<(u8, i8)>),
    /// `text`
    Text,
    /// `varchar(n)`; `None` is `varchar` without a length.
    Varchar(Option<u32>),
    /// `name`, of system relations.
    Name,
    /// `"char"`, of system relations.
    Char,
    /// `bytea`
    Bytea,
    /// `date`
    Date,
    /// `time`
    Time,
    /// `timestamp`
    Timestamp,
    /// `timestamptz`
    Timestamptz,
    /// `interval`
    Interval,
    /// `uuid`
    Uuid,
    /// `json`
    Json,
    /// `jsonb`
    Jsonb,
    /// `oid`, of system relations.
    Oid,
    /// `regclass`, of system relations: an oid that prints as a name.
    Regclass,
    /// An array of another type; never an array of arrays.
    Array(Box<SqlType>),
}

impl SqlType {
    /// The canonical name, which [`SqlType::parse`] reads back.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Boolean => "boolean".into(),
            Self::SmallInt => "smallint".into(),
            Self::Integer => "integer".into(),
            Self::BigInt => "bigint".into(),
            Self::Real => "real".into(),
            Self::Double => "double precision".into(),
            Self::Numeric(None) => "numeric".into(),
            Self::Numeric(Some((precision, scale))) => format!("numeric({precision},{scale})"),
            Self::Text => "text".into(),
            Self::Varchar(None) => "character varying".into(),
            Self::Varchar(Some(length)) => format!("character varying({length})"),
            Self::Name => "name".into(),
            Self::Char => "\"char\"".into(),
            Self::Bytea => "bytea".into(),
            Self::Date => "date".into(),
            Self::Time => "time without time zone".into(),
            Self::Timestamp => "timestamp without time zone".into(),
            Self::Timestamptz => "timestamp with time zone".into(),
            Self::Interval => "interval".into(),
            Self::Uuid => "uuid".into(),
            Self::Json => "json".into(),
            Self::Jsonb => "jsonb".into(),
            Self::Oid => "oid".into(),
            Self::Regclass => "regclass".into(),
            Self::Array(element) => format!("{}[]", element.name()),
        }
    }

    /// Reads what [`SqlType::name`] writes. (SQL spellings are the business of the sql crate.)
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(element) = name.strip_suffix("[]") {
            return Self::parse(element).map(|element| Self::Array(Box::new(element)));
        }
        if let Some(modifiers) = name.strip_prefix("numeric(").and_then(|n| n.strip_suffix(')')) {
            let (precision, scale) = modifiers.split_once(',')?;
            return Some(Self::Numeric(Some((precision.parse().ok()?, scale.parse().ok()?))));
        }
        if let Some(length) =
            name.strip_prefix("character varying(").and_then(|n| n.strip_suffix(')'))
        {
            return Some(Self::Varchar(Some(length.parse().ok()?)));
        }
        Self::PLAIN.iter().find(|plain| plain.name() == name).cloned()
    }

    /// The types without modifiers, arrays aside.
    pub const PLAIN: [Self; 22] = [
        Self::Boolean,
        Self::SmallInt,
        Self::Integer,
        Self::BigInt,
        Self::Real,
        Self::Double,
        Self::Numeric(None),
        Self::Text,
        Self::Varchar(None),
        Self::Name,
        Self::Char,
        Self::Bytea,
        Self::Date,
        Self::Time,
        Self::Timestamp,
        Self::Timestamptz,
        Self::Interval,
        Self::Uuid,
        Self::Json,
        Self::Jsonb,
        Self::Oid,
        Self::Regclass,
    ];

    /// The type's OID and that of its array type in PostgreSQL's `pg_type`.
    const fn oids(&self) -> (u32, u32) {
        match self {
            Self::Boolean => (16, 1000),
            Self::SmallInt => (21, 1005),
            Self::Integer => (23, 1007),
            Self::BigInt => (20, 1016),
            Self::Real => (700, 1021),
            Self::Double => (701, 1022),
            Self::Numeric(_) => (1700, 1231),
            Self::Text => (25, 1009),
            Self::Varchar(_) => (1043, 1015),
            Self::Name => (19, 1003),
            Self::Char => (18, 1002),
            Self::Bytea => (17, 1001),
            Self::Date => (1082, 1182),
            Self::Time => (1083, 1183),
            Self::Timestamp => (1114, 1115),
            Self::Timestamptz => (1184, 1185),
            Self::Interval => (1186, 1187),
            Self::Uuid => (2950, 2951),
            Self::Json => (114, 199),
            Self::Jsonb => (3802, 3807),
            Self::Oid => (26, 1028),
            Self::Regclass => (2205, 2210),
            Self::Array(_) => (0, 0),
        }
    }

    /// The type's OID, the same as PostgreSQL's.
    #[must_use]
    pub const fn oid(&self) -> u32 {
        match self {
            Self::Array(element) => element.oids().1,
            other => other.oids().0,
        }
    }

    /// The type with this OID, without modifiers.
    #[must_use]
    pub fn from_oid(oid: u32) -> Option<Self> {
        Self::PLAIN.iter().find_map(|plain| match plain.oids() {
            (own, _) if own == oid => Some(plain.clone()),
            (_, array) if array == oid => Some(Self::Array(Box::new(plain.clone()))),
            _ => None,
        })
    }

    /// `atttypmod` as PostgreSQL encodes it; -1 without modifiers. Results of operators and
    /// aggregates have [`NUMERIC_PRECISION_MAX`] digits and in PostgreSQL no modifiers; the price is
    /// that a column declared with that many shows as plain `numeric` too.
    #[must_use]
    pub fn typmod(&self) -> i32 {
        match self {
            Self::Numeric(Some((NUMERIC_PRECISION_MAX, _))) => -1,
            Self::Numeric(Some((precision, scale))) => {
                ((i32::from(*precision) << 16) | i32::from(*scale)) + 4
            }
            Self::Varchar(Some(length)) => i32::try_from(*length).unwrap_or(i32::MAX - 4) + 4,
            Self::Array(element) => element.typmod(),
            _ => -1,
        }
    }

    /// `typlen` as in `pg_type`: bytes of a fixed-size value, -1 for variable size.
    #[must_use]
    pub const fn size_bytes(&self) -> i16 {
        match self {
            Self::Boolean | Self::Char => 1,
            Self::SmallInt => 2,
            Self::Integer | Self::Real | Self::Date | Self::Oid | Self::Regclass => 4,
            Self::BigInt | Self::Double | Self::Time | Self::Timestamp | Self::Timestamptz => 8,
            Self::Interval | Self::Uuid => 16,
            Self::Name => 64,
            _ => -1,
        }
    }

    /// The Arrow type that holds values of this type.
    #[must_use]
    pub fn arrow(&self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::SmallInt => DataType::Int16,
            Self::Integer => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Real => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Numeric(None) => DataType::Decimal128(38, UNCONSTRAINED_SCALE),
            Self::Numeric(Some((precision, scale))) => DataType::Decimal128(*precision, *scale),
            Self::Text | Self::Varchar(_) | Self::Name | Self::Char => DataType::Utf8View,
            Self::Bytea => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Self::Uuid => DataType::FixedSizeBinary(16),
            Self::Json | Self::Jsonb => DataType::LargeUtf8,
            Self::Oid | Self::Regclass => DataType::UInt32,
            Self::Array(element) => {
                DataType::List(Arc::new(Field::new_list_field(element.arrow(), true)))
            }
        }
    }

    /// The type of values that some computation returned as `data_type`, without metadata to tell.
    /// `None` for Arrow types that no SQL type corresponds to (structs, maps, …).
    #[must_use]
    pub fn from_arrow(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 | DataType::UInt8 | DataType::Int16 => Self::SmallInt,
            DataType::UInt16 | DataType::Int32 => Self::Integer,
            DataType::Int64 | DataType::UInt64 => Self::BigInt,
            DataType::UInt32 => Self::Oid,
            DataType::Float16 | DataType::Float32 => Self::Real,
            DataType::Float64 => Self::Double,
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
            | DataType::Decimal256(precision, scale) => {
                if *scale == UNCONSTRAINED_SCALE && *precision >= 38 {
                    Self::Numeric(None)
                } else {
                    Self::Numeric(Some(((*precision).min(38), *scale)))
                }
            }
            DataType::Utf8 | DataType::Utf8View | DataType::Null => Self::Text,
            DataType::LargeUtf8 => Self::Jsonb,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Self::Bytea,
            DataType::FixedSizeBinary(16) => Self::Uuid,
            DataType::FixedSizeBinary(_) => Self::Bytea,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            DataType::Timestamp(_, None) => Self::Timestamp,
            DataType::Timestamp(_, Some(_)) => Self::Timestamptz,
            DataType::Interval(_) | DataType::Duration(_) => Self::Interval,
            DataType::List(field) | DataType::LargeList(field) => {
                Self::Array(Box::new(Self::of_field(field)?))
            }
            DataType::Dictionary(_, value) => Self::from_arrow(value)?,
            _ => return None,
        })
    }

    /// The type of a field: its metadata where it fits the Arrow type, else what the Arrow type says.
    #[must_use]
    pub fn of_field(field: &Field) -> Option<Self> {
        let named = field.metadata().get(SQL_TYPE_KEY).and_then(|name| Self::parse(name));
        match named {
            Some(named) if named.arrow().equals_datatype(field.data_type()) => Some(named),
            _ => Self::from_arrow(field.data_type()),
        }
    }

    /// A field of this type, with the SQL type in its metadata where the Arrow type does not tell.
    #[must_use]
    pub fn field(&self, name: &str, nullable: bool) -> Field {
        let field = Field::new(name, self.arrow(), nullable);
        if Self::from_arrow(field.data_type()).as_ref() == Some(self) {
            return field;
        }
        field.with_metadata([(SQL_TYPE_KEY.to_owned(), self.name())].into())
    }

    /// Whether values are numbers.
    #[must_use]
    pub const fn is_numeric(&self) -> bool {
        matches!(
            self,
            Self::SmallInt
                | Self::Integer
                | Self::BigInt
                | Self::Real
                | Self::Double
                | Self::Numeric(_)
        )
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<SqlType> {
        let mut all = SqlType::PLAIN.to_vec();
        all.push(SqlType::Numeric(Some((12, 2))));
        all.push(SqlType::Varchar(Some(7)));
        let arrays: Vec<_> =
            all.iter().map(|element| SqlType::Array(Box::new(element.clone()))).collect();
        all.extend(arrays);
        all
    }

    #[test]
    fn name_is_read_back() {
        for sql_type in samples() {
            assert_eq!(SqlType::parse(&sql_type.name()), Some(sql_type));
        }
    }

    #[test]
    fn field_keeps_the_type() {
        for sql_type in samples() {
            assert_eq!(SqlType::of_field(&sql_type.field("x", true)), Some(sql_type));
        }
    }

    #[test]
    fn oid_is_read_back_without_modifiers() {
        for plain in SqlType::PLAIN {
            let array = SqlType::Array(Box::new(plain.clone()));
            assert_eq!(SqlType::from_oid(plain.oid()), Some(plain));
            assert_eq!(SqlType::from_oid(array.oid()), Some(array));
        }
    }

    #[test]
    fn typmod_is_postgres() {
        assert_eq!(SqlType::Numeric(Some((12, 2))).typmod(), 786_438);
        assert_eq!(SqlType::Varchar(Some(7)).typmod(), 11);
    }
}
