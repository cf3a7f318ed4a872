//! Type names as written into [`SqlType`].

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, TimezoneInfo,
};
use kappa_types::{SqlError, SqlState, SqlType};

/// Most digits of a `numeric`: what Decimal128 holds.
const NUMERIC_PRECISION_MAX: u64 = 38;

/// The type that a type name means.
///
/// # Errors
/// 42704 for a type that PostgreSQL has not, 0A000 for one that we have not, 22023 for modifiers
/// out of range.
pub(crate) fn sql_type(data_type: &DataType) -> Result<SqlType, SqlError> {
    Ok(match data_type {
        DataType::Boolean | DataType::Bool => SqlType::Boolean,
        DataType::SmallInt(None) | DataType::Int2(None) => SqlType::SmallInt,
        DataType::Integer(None) | DataType::Int(None) | DataType::Int4(None) => SqlType::Integer,
        DataType::BigInt(None) | DataType::Int8(None) => SqlType::BigInt,
        DataType::Real | DataType::Float4 => SqlType::Real,
        DataType::DoublePrecision | DataType::Float8 => SqlType::Double,
        DataType::Float(info) => float(*info)?,
        DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => numeric(*info)?,
        DataType::Text => SqlType::Text,
        DataType::Varchar(length)
        | DataType::CharacterVarying(length)
        | DataType::CharVarying(length) => SqlType::Varchar(character_length(*length)?),
        DataType::Bytea => SqlType::Bytea,
        DataType::Date => SqlType::Date,
        DataType::Time(precision, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            microseconds(*precision)?;
            SqlType::Time
        }
        DataType::Timestamp(precision, zone) => {
            microseconds(*precision)?;
            match zone {
                TimezoneInfo::None | TimezoneInfo::WithoutTimeZone => SqlType::Timestamp,
                TimezoneInfo::WithTimeZone | TimezoneInfo::Tz => SqlType::Timestamptz,
            }
        }
        DataType::TimestampNtz(None) => SqlType::Timestamp,
        DataType::Interval { fields: None, precision } => {
            microseconds(*precision)?;
            SqlType::Interval
        }
        DataType::Uuid => SqlType::Uuid,
        DataType::JSON => SqlType::Json,
        DataType::JSONB => SqlType::Jsonb,
        DataType::Regclass => SqlType::Regclass,
        DataType::Array(
            ArrayElemTypeDef::SquareBracket(element, _)
            | ArrayElemTypeDef::Parenthesis(element)
            | ArrayElemTypeDef::AngleBracket(element),
        ) => match sql_type(element)? {
            // PostgreSQL does not tell arrays of one dimension from those of more by type.
            array @ SqlType::Array(_) => array,
            element => SqlType::Array(Box::new(element)),
        },
        DataType::Custom(name, modifiers) => custom(name, modifiers)?,
        DataType::Char(_) | DataType::Character(_) => {
            return Err(unsupported("character", "Use text or varchar(n)."));
        }
        DataType::Time(_, _) => {
            return Err(unsupported("time with time zone", "Use time, or timestamptz."));
        }
        DataType::Interval { .. } => {
            return Err(unsupported("interval with fields", "Use interval."));
        }
        other => return Err(undefined(&other.to_string().to_ascii_lowercase())),
    })
}

fn custom(
    name: &datafusion::sql::sqlparser::ast::ObjectName,
    modifiers: &[String],
) -> Result<SqlType, SqlError> {
    let parts: Vec<String> =
        name.0.iter().filter_map(|part| part.as_ident()).map(super::reader::fold).collect();
    let quoted =
        name.0.last().and_then(|part| part.as_ident()).is_some_and(|i| i.quote_style.is_some());
    let plain = match parts.as_slice() {
        [name] => name,
        [namespace, name] if namespace == "pg_catalog" => name,
        _ => return Err(undefined(&parts.join("."))),
    };
    if !modifiers.is_empty() && !matches!(plain.as_str(), "varchar" | "numeric") {
        return Err(SqlError::new(
            SqlState::SyntaxError,
            format!("type modifier is not allowed for type \"{plain}\""),
        ));
    }
    let number =
        |index: usize| modifiers.get(index).and_then(|text| text.trim().parse::<u64>().ok());
    Ok(match plain.as_str() {
        "bool" | "boolean" => SqlType::Boolean,
        "int2" | "smallint" => SqlType::SmallInt,
        "int4" | "int" | "integer" => SqlType::Integer,
        "int8" | "bigint" => SqlType::BigInt,
        "float4" | "real" => SqlType::Real,
        "float8" => SqlType::Double,
        "numeric" | "decimal" => match (number(0), number(1)) {
            (None, _) => SqlType::Numeric(None),
            (Some(precision), None) => numeric(ExactNumberInfo::Precision(precision))?,
            (Some(precision), Some(scale)) => {
                let scale = i64::try_from(scale).unwrap_or(i64::MAX);
                numeric(ExactNumberInfo::PrecisionAndScale(precision, scale))?
            }
        },
        "text" => SqlType::Text,
        "varchar" => SqlType::Varchar(number(0).map(|n| u32::try_from(n).unwrap_or(u32::MAX))),
        "name" => SqlType::Name,
        "char" if quoted => SqlType::Char,
        "bytea" => SqlType::Bytea,
        "date" => SqlType::Date,
        "time" => SqlType::Time,
        "timestamp" => SqlType::Timestamp,
        "timestamptz" => SqlType::Timestamptz,
        "interval" => SqlType::Interval,
        "uuid" => SqlType::Uuid,
        "json" => SqlType::Json,
        "jsonb" => SqlType::Jsonb,
        "oid" => SqlType::Oid,
        "regclass" | "regtype" | "regproc" | "regnamespace" => SqlType::Regclass,
        "serial" | "bigserial" | "smallserial" | "serial4" | "serial8" => {
            return Err(unsupported(plain, "Give the values yourself; sequences come later."));
        }
        "bpchar" | "char" => return Err(unsupported("character", "Use text or varchar(n).")),
        "timetz" => return Err(unsupported("time with time zone", "Use time, or timestamptz.")),
        "money" | "bit" | "varbit" | "xml" | "inet" | "cidr" | "macaddr" | "point" | "tsvector" => {
            return Err(unsupported(plain, "Use text or numeric."));
        }
        _ => return Err(undefined(plain)),
    })
}

fn float(info: ExactNumberInfo) -> Result<SqlType, SqlError> {
    match info {
        ExactNumberInfo::None | ExactNumberInfo::Precision(25..=53) => Ok(SqlType::Double),
        ExactNumberInfo::Precision(1..=24) => Ok(SqlType::Real),
        _ => Err(SqlError::new(
            SqlState::InvalidParameterValue,
            "precision for type float must be between 1 and 53 bits",
        )),
    }
}

fn numeric(info: ExactNumberInfo) -> Result<SqlType, SqlError> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => return Ok(SqlType::Numeric(None)),
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
    };
    if precision == 0 || precision > 1000 {
        return Err(SqlError::new(
            SqlState::InvalidParameterValue,
            format!("NUMERIC precision {precision} must be between 1 and 1000"),
        ));
    }
    let fits = u64::try_from(scale).is_ok_and(|scale| scale <= precision);
    if precision > NUMERIC_PRECISION_MAX || !fits {
        return Err(SqlError::unsupported(
            format!("numeric({precision},{scale}) is not supported"),
            "Up to 38 digits, with a scale between 0 and the precision.",
        ));
    }
    let precision = u8::try_from(precision).expect("checked to be at most 38");
    let scale = i8::try_from(scale).expect("checked to be at most 38");
    Ok(SqlType::Numeric(Some((precision, scale))))
}

fn character_length(length: Option<CharacterLength>) -> Result<Option<u32>, SqlError> {
    match length {
        None | Some(CharacterLength::Max) => Ok(None),
        Some(CharacterLength::IntegerLength { length: 0, .. }) => Err(SqlError::new(
            SqlState::InvalidParameterValue,
            "length for type varchar must be at least 1",
        )),
        Some(CharacterLength::IntegerLength { length, .. }) if length <= 10_485_760 => {
            Ok(u32::try_from(length).ok())
        }
        Some(_) => Err(SqlError::new(
            SqlState::InvalidParameterValue,
            "length for type varchar cannot exceed 10485760",
        )),
    }
}

/// Only full precision: values are microseconds.
fn microseconds(precision: Option<u64>) -> Result<(), SqlError> {
    match precision {
        None | Some(6) => Ok(()),
        Some(precision) => Err(unsupported(
            &format!("time or timestamp({precision})"),
            "Times have microseconds; use date_trunc to cut them.",
        )),
    }
}

fn unsupported(name: &str, hint: &str) -> SqlError {
    SqlError::unsupported(format!("type \"{name}\" is not supported"), hint)
}

fn undefined(name: &str) -> SqlError {
    SqlError::new(SqlState::UndefinedObject, format!("type \"{name}\" does not exist"))
}
