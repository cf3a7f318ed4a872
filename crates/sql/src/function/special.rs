//! Names that are not chosen by signature: the moment, the session, and functions over anything.

use datafusion::common::{DFSchema, ScalarValue};
use datafusion::functions::expr_fn;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, lit};
use kappa_types::{SqlError, SqlType};

use super::conditional::conditional;
use super::entry::Function;
use super::lengthen::{concat, concat_ws};
use super::{Kernel, KernelFunction};
use crate::typing::{Conversion, Resolver};

/// The functions of this family; none is chosen by signature.
pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new(
            "now",
            "When the transaction began. None of these can be in a view.",
            ("now() = current_timestamp", "t"),
        )
        .also("current_timestamp")
        .also("transaction_timestamp")
        .also("statement_timestamp")
        .also("clock_timestamp")
        .written(&["now() → timestamptz", "current_timestamp → timestamptz"]),
        Function::new(
            "localtimestamp",
            "The same as local time of the session's zone.",
            ("localtimestamp = now()::timestamp", "t"),
        )
        .written(&["localtimestamp → timestamp"]),
        Function::new("current_date", "Its date.", ("current_date = now()::date", "t"))
            .written(&["current_date → date"]),
        Function::new("localtime", "Its time of day.", ("localtime = now()::time", "t"))
            .also("current_time")
            .written(&["localtime → time"]),
        Function::new("pg_typeof", "The type of a value.", ("pg_typeof(1.5)", "numeric"))
            .written(&["pg_typeof(any) → regtype"]),
        Function::new(
            "gen_random_uuid",
            "A random UUID, of version 4.",
            ("length(gen_random_uuid()::text)", "36"),
        )
        .written(&["gen_random_uuid() → uuid"]),
        Function::new(
            "nextval",
            "There are no sequences.",
            ("nextval('s')", "ERROR:  sequences are not supported"),
        )
        .also("currval")
        .also("lastval")
        .also("setval"),
    ]
}

/// The expression of one of these functions over resolved arguments; `None` for other names.
pub(crate) fn special(
    resolver: &Resolver<'_>,
    name: &str,
    args: &[Expr],
    schema: &DFSchema,
) -> Result<Option<Expr>, SqlError> {
    if let Some(expr) = moment(resolver, name, args, schema)? {
        return Ok(Some(expr));
    }
    if let Some(expr) = conditional(resolver, name, args, schema)? {
        return Ok(Some(expr));
    }
    if let Some(expr) = super::array::special(resolver, name, args, schema)? {
        return Ok(Some(expr));
    }
    let text = |arg: &Expr| {
        if resolver.sql_type(arg, schema)? == SqlType::Boolean {
            return Ok(letter(arg));
        }
        resolver.coerce(arg.clone(), &SqlType::Text, schema, Conversion::Explicit)
    };
    let texts = |args: &[Expr]| args.iter().map(text).collect::<Result<Vec<_>, SqlError>>();
    Ok(Some(match (name, args) {
        ("concat", [_, ..]) => joined("concat", concat, texts(args)?, resolver),
        ("concat_ws", [_, ..]) => joined("concat_ws", concat_ws, texts(args)?, resolver),
        ("pg_typeof", [arg]) => text_literal(&resolver.type_name(arg, schema)?)?,
        ("gen_random_uuid", []) => {
            resolver.refuse_in_view(name)?;
            let uuid = resolver.canonical(expr_fn::uuid(), schema)?;
            resolver.coerce(uuid, &SqlType::Uuid, schema, Conversion::Explicit)?
        }
        ("nextval" | "currval" | "lastval" | "setval", _) => {
            return Err(SqlError::unsupported(
                "sequences are not supported",
                "Give the values yourself; sequences come later.",
            ));
        }
        ("generate_series", _) => {
            return Err(SqlError::unsupported(
                "generate_series is a function in FROM",
                "Write SELECT … FROM generate_series(…).",
            ));
        }
        ("row", _) => {
            return Err(SqlError::unsupported(
                "row values are not supported",
                "Select the columns one by one.",
            ));
        }
        (
            "current_user" | "session_user" | "user" | "current_role" | "current_schema"
            | "current_catalog" | "current_database" | "current_setting" | "pg_backend_pid",
            _,
        ) => {
            resolver.refuse_in_view(name)?;
            return Ok(None);
        }
        _ => return Ok(None),
    }))
}

/// A function over texts, as many as there are.
fn joined(name: &'static str, kernel: Kernel, texts: Vec<Expr>, resolver: &Resolver<'_>) -> Expr {
    let types = vec![SqlType::Text; texts.len()];
    KernelFunction::call(name, kernel, types, SqlType::Text, texts, resolver.context())
}

/// Functions of the time of the statement.
fn moment(
    resolver: &Resolver<'_>,
    name: &str,
    args: &[Expr],
    schema: &DFSchema,
) -> Result<Option<Expr>, SqlError> {
    let to = match name {
        "now"
        | "current_timestamp"
        | "transaction_timestamp"
        | "statement_timestamp"
        | "clock_timestamp" => SqlType::Timestamptz,
        "localtimestamp" => SqlType::Timestamp,
        "current_date" => SqlType::Date,
        "localtime" | "current_time" => SqlType::Time,
        _ => return Ok(None),
    };
    if !args.is_empty() {
        return Err(super::undefined_function(name, &[]));
    }
    resolver.refuse_in_view(name)?;
    resolver.parameters().use_now();
    let micros = resolver.context().now_micros;
    let now =
        Expr::Literal(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())), None);
    resolver.coerce(now, &to, schema, Conversion::Explicit).map(Some)
}

fn text_literal(text: &str) -> Result<Expr, SqlError> {
    Ok(lit(ScalarValue::Utf8View(Some(text.to_owned()))))
}

/// A boolean as its output function writes it.
fn letter(value: &Expr) -> Expr {
    let word = |word: &str| lit(ScalarValue::Utf8View(Some(word.to_owned())));
    Expr::Case(Case {
        expr: None,
        when_then_expr: vec![
            (Box::new(value.clone()), Box::new(word("t"))),
            (Box::new(Expr::Not(Box::new(value.clone()))), Box::new(word("f"))),
        ],
        else_expr: None,
    })
}
