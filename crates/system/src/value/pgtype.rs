//! [`PgType`]: the types that the evaluator tells apart.
//!
//! The one idea: the system catalogue uses more types than user tables may have (`regproc`,
//! `int2vector`, domains, records), so the evaluator has its own list; a result leaves it as the
//! nearest [`SqlType`], and what has none leaves as text, in PostgreSQL's spelling.

use std::sync::Arc;

use kappa_types::SqlType;

macro_rules! bases {
    ($($variant:ident $oid:literal $array:literal $display:literal,)*) => {
        /// A type without modifiers that is not an array and not a record.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Base { $($variant,)* }

        impl Base {
            /// All of them.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// `pg_type.oid`.
            pub(crate) const fn oid(self) -> u32 {
                match self { $(Self::$variant => $oid,)* }
            }

            /// `pg_type.typarray`; 0 where there is none.
            pub(crate) const fn array_oid(self) -> u32 {
                match self { $(Self::$variant => $array,)* }
            }

            /// What `format_type` says.
            pub(crate) const fn display_name(self) -> &'static str {
                match self { $(Self::$variant => $display,)* }
            }
        }
    };
}

bases! {
    Bool 16 1000 "boolean",
    Bytea 17 1001 "bytea",
    Char 18 1002 "\"char\"",
    Name 19 1003 "name",
    Int8 20 1016 "bigint",
    Int2 21 1005 "smallint",
    Int2Vector 22 1006 "int2vector",
    Int4 23 1007 "integer",
    RegProc 24 1008 "regproc",
    Text 25 1009 "text",
    Oid 26 1028 "oid",
    Tid 27 1010 "tid",
    Xid 28 1011 "xid",
    Cid 29 1012 "cid",
    OidVector 30 1013 "oidvector",
    Json 114 199 "json",
    NodeTree 194 0 "pg_node_tree",
    Float4 700 1021 "real",
    Float8 701 1022 "double precision",
    Unknown 705 0 "unknown",
    Inet 869 1041 "inet",
    AclItem 1033 1034 "aclitem",
    BpChar 1042 1014 "character",
    Varchar 1043 1015 "character varying",
    Date 1082 1182 "date",
    Time 1083 1183 "time without time zone",
    Timestamp 1114 1115 "timestamp without time zone",
    Timestamptz 1184 1185 "timestamp with time zone",
    Interval 1186 1187 "interval",
    Numeric 1700 1231 "numeric",
    RegProcedure 2202 2207 "regprocedure",
    RegOper 2203 2208 "regoper",
    RegOperator 2204 2209 "regoperator",
    RegClass 2205 2210 "regclass",
    RegType 2206 2211 "regtype",
    AnyArray 2277 0 "anyarray",
    Void 2278 0 "void",
    Uuid 2950 2951 "uuid",
    PgLsn 3220 3221 "pg_lsn",
    Jsonb 3802 3807 "jsonb",
    RegNamespace 4089 4090 "regnamespace",
    RegRole 4096 4097 "regrole",
    RegConfig 3734 3735 "regconfig",
    RegDictionary 3769 3770 "regdictionary",
    RegCollation 4191 4192 "regcollation",
}

/// The type of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PgType {
    /// A plain type.
    Base(Base),
    /// An array of a plain type.
    Array(Base),
    /// A row with named fields.
    Record(Arc<[(String, PgType)]>),
}

/// How values of a type are held, and so which types compare without conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Bool,
    /// `i64`: integers, oids, reg*.
    Integer,
    Float,
    Decimal,
    Text,
    Bytes,
    /// Microseconds since the epoch.
    Instant,
    Days,
    /// Microseconds since midnight.
    TimeOfDay,
    Span,
    /// `int2vector`, `oidvector` and arrays.
    Array,
    Record,
}

#[expect(
    non_upper_case_globals,
    reason = "short names of the types that functions are declared with"
)]
impl PgType {
    pub(crate) const Bool: Self = Self::Base(Base::Bool);
    pub(crate) const Char: Self = Self::Base(Base::Char);
    pub(crate) const Name: Self = Self::Base(Base::Name);
    pub(crate) const Int4: Self = Self::Base(Base::Int4);
    pub(crate) const Int8: Self = Self::Base(Base::Int8);
    pub(crate) const Float8: Self = Self::Base(Base::Float8);
    pub(crate) const Numeric: Self = Self::Base(Base::Numeric);
    pub(crate) const Text: Self = Self::Base(Base::Text);
    pub(crate) const Oid: Self = Self::Base(Base::Oid);
    pub(crate) const Unknown: Self = Self::Base(Base::Unknown);
    pub(crate) const Timestamptz: Self = Self::Base(Base::Timestamptz);
}

impl Base {
    pub(crate) const fn family(self) -> Family {
        match self {
            Self::Bool => Family::Bool,
            Self::Bytea | Self::Uuid => Family::Bytes,
            Self::Int2 | Self::Int4 | Self::Int8 | Self::Oid | Self::Xid | Self::Cid => {
                Family::Integer
            }
            Self::RegProc
            | Self::RegProcedure
            | Self::RegOper
            | Self::RegOperator
            | Self::RegClass
            | Self::RegType
            | Self::RegNamespace
            | Self::RegRole
            | Self::RegConfig
            | Self::RegDictionary
            | Self::RegCollation => Family::Integer,
            Self::Float4 | Self::Float8 => Family::Float,
            Self::Numeric => Family::Decimal,
            Self::Date => Family::Days,
            Self::Time => Family::TimeOfDay,
            Self::Timestamp | Self::Timestamptz => Family::Instant,
            Self::Interval => Family::Span,
            Self::Int2Vector | Self::OidVector | Self::AnyArray => Family::Array,
            Self::Char
            | Self::Name
            | Self::Text
            | Self::Tid
            | Self::Json
            | Self::NodeTree
            | Self::Unknown
            | Self::Inet
            | Self::AclItem
            | Self::BpChar
            | Self::Varchar
            | Self::Void
            | Self::PgLsn
            | Self::Jsonb => Family::Text,
        }
    }

    /// Whether values are OIDs that print as a name.
    pub(crate) const fn is_reg(self) -> bool {
        matches!(
            self,
            Self::RegProc
                | Self::RegProcedure
                | Self::RegOper
                | Self::RegOperator
                | Self::RegClass
                | Self::RegType
                | Self::RegNamespace
                | Self::RegRole
                | Self::RegConfig
                | Self::RegDictionary
                | Self::RegCollation
        )
    }

    /// Place in the order of implicit number promotions; `None` for what is not a number.
    pub(crate) const fn number_rank(self) -> Option<u8> {
        Some(match self {
            Self::Int2 => 1,
            Self::Int4 => 2,
            Self::Int8 => 3,
            Self::Numeric => 4,
            Self::Float4 => 5,
            Self::Float8 => 6,
            _ => return None,
        })
    }

    const fn sql_type(self) -> SqlType {
        match self {
            Self::Bool => SqlType::Boolean,
            Self::Bytea => SqlType::Bytea,
            Self::Char => SqlType::Char,
            Self::Name => SqlType::Name,
            Self::Int8 => SqlType::BigInt,
            Self::Int2 => SqlType::SmallInt,
            Self::Int4 => SqlType::Integer,
            Self::Oid | Self::Xid | Self::Cid => SqlType::Oid,
            Self::Json => SqlType::Json,
            Self::Jsonb => SqlType::Jsonb,
            Self::Float4 => SqlType::Real,
            Self::Float8 => SqlType::Double,
            Self::Varchar | Self::BpChar => SqlType::Varchar(None),
            Self::Date => SqlType::Date,
            Self::Time => SqlType::Time,
            Self::Timestamp => SqlType::Timestamp,
            Self::Timestamptz => SqlType::Timestamptz,
            Self::Interval => SqlType::Interval,
            Self::Numeric => SqlType::Numeric(None),
            Self::Uuid => SqlType::Uuid,
            _ => SqlType::Text,
        }
    }
}

impl PgType {
    /// The type with this `pg_type.oid`; domains of information_schema are resolved by the caller.
    pub(crate) fn from_oid(oid: u32) -> Option<Self> {
        if oid == 0 {
            return None;
        }
        Base::ALL.iter().find_map(|base| match *base {
            base if base.oid() == oid => Some(Self::Base(base)),
            base if base.array_oid() == oid => Some(Self::Array(base)),
            _ => None,
        })
    }

    /// The type of a value of `sql_type`.
    pub(crate) fn from_sql(sql_type: &SqlType) -> Self {
        Self::from_oid(sql_type.oid()).unwrap_or(Self::Text)
    }

    /// `pg_type.oid`.
    pub(crate) const fn oid(&self) -> u32 {
        match self {
            Self::Base(base) => base.oid(),
            Self::Array(base) => base.array_oid(),
            Self::Record(_) => 2249,
        }
    }

    pub(crate) const fn family(&self) -> Family {
        match self {
            Self::Base(base) => base.family(),
            Self::Array(_) => Family::Array,
            Self::Record(_) => Family::Record,
        }
    }

    /// What `format_type` says.
    pub(crate) fn display_name(&self) -> String {
        match self {
            Self::Base(base) => base.display_name().to_owned(),
            Self::Array(base) => format!("{}[]", base.display_name()),
            Self::Record(_) => "record".to_owned(),
        }
    }

    /// The type of the elements of an array or vector.
    pub(crate) const fn element(&self) -> Option<Base> {
        match self {
            Self::Array(base) => Some(*base),
            Self::Base(Base::Int2Vector) => Some(Base::Int2),
            Self::Base(Base::OidVector) => Some(Base::Oid),
            Self::Base(Base::AnyArray) => Some(Base::Text),
            _ => None,
        }
    }

    pub(crate) const fn base(&self) -> Option<Base> {
        match self {
            Self::Base(base) => Some(*base),
            _ => None,
        }
    }

    pub(crate) fn is_unknown(&self) -> bool {
        *self == Self::Unknown
    }

    /// The type that results of this type leave with.
    pub(crate) fn sql_type(&self) -> SqlType {
        match self {
            Self::Base(base) => base.sql_type(),
            Self::Array(base) => SqlType::Array(Box::new(base.sql_type())),
            Self::Record(_) => SqlType::Text,
        }
    }

    /// Whether values leave as the text PostgreSQL prints, for want of a SQL type of their own.
    pub(crate) fn leaves_as_text(&self) -> bool {
        match self {
            Self::Base(base) => base.sql_type() == SqlType::Text && base.family() != Family::Text,
            Self::Array(base) => base.sql_type() == SqlType::Text && base.family() != Family::Text,
            Self::Record(_) => true,
        }
    }
}
