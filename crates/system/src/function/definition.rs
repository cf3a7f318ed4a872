//! Definitions of objects as SQL.

use kappa_catalog::Relation;

use super::Argument::{Any, Bool, Int, Oid, Text};
use super::Function;
use super::catalog::{PG_CLASS, PG_NAMESPACE};
use super::quote::{qualified, quote_identifier, text};
use crate::error::{undefined_function, undefined_table};
use crate::session::{Class, Session};
use crate::value::{PgType, Value, class_named, format_type};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("pg_get_viewdef", &[Oid, Any], PgType::Text, |s, v, _| {
        Ok(s.class_by_oid(v[0].as_oid()).map_or(Value::Null, |class| view_definition(&class)))
    })
    .optional(1),
    Function::new("pg_get_viewdef", &[Text, Any], PgType::Text, |s, v, _| {
        let name = text(&v[0]);
        let class = class_named(s, name)?.ok_or_else(|| undefined_table(name))?;
        Ok(view_definition(&class))
    })
    .optional(1),
    Function::new("pg_get_indexdef", &[Oid, Int, Bool], PgType::Text, |s, v, _| {
        let Some(Class::Index(relation)) = s.class_by_oid(v[0].as_oid()) else {
            return Ok(Value::Null);
        };
        Ok(match v.get(1).and_then(Value::as_int).unwrap_or(0) {
            0 => {
                let pretty = v.get(2).and_then(Value::as_bool) == Some(true);
                let table = Class::Relation(std::sync::Arc::clone(&relation));
                let bare = pretty && s.is_visible(&table);
                Value::text(index_definition(&relation, bare))
            }
            number => {
                let position = usize::try_from(number - 1).ok();
                let columns = key_columns(&relation);
                Value::optional_text(position.and_then(|position| columns.get(position)))
            }
        })
    })
    .optional(2),
    Function::new("pg_get_constraintdef", &[Oid, Bool], PgType::Text, |s, v, _| {
        Ok(match s.class_by_oid(v[0].as_oid()) {
            Some(Class::Index(relation)) => {
                Value::text(format!("PRIMARY KEY ({})", key_columns(&relation).join(", ")))
            }
            _ => Value::Null,
        })
    })
    .optional(1),
    // What stands in a pg_node_tree column here is the text of the expression.
    Function::new("pg_get_expr", &[Text, Oid, Bool], PgType::Text, |_, v, _| {
        let pretty = v.get(2).and_then(Value::as_bool) == Some(true);
        let expression = text(&v[0]);
        Ok(Value::text(if pretty { without_outer_parentheses(expression) } else { expression }))
    })
    .optional(1),
    Function::new("pg_get_function_result", &[Oid], PgType::Text, |s, v, _| {
        let function = s.builtin.function_by_oid(v[0].as_oid());
        Ok(Value::optional_text(function.map(|function| {
            let set = if function.returns_set { "SETOF " } else { "" };
            format!("{set}{}", format_type(s, function.result, None))
        })))
    }),
    Function::new("pg_get_function_arguments", &[Oid], PgType::Text, |s, v, _| {
        Ok(function_arguments(s, v))
    }),
    Function::new("pg_get_function_identity_arguments", &[Oid], PgType::Text, |s, v, _| {
        Ok(function_arguments(s, v))
    }),
    Function::new("pg_get_functiondef", &[Oid], PgType::Text, |s, v, _| {
        let oid = v[0].as_oid();
        match s.builtin.function_by_oid(oid) {
            // All functions are built in: there is no statement that would create them.
            Some(_) => Ok(Value::Null),
            None => Err(undefined_function(&format!("with OID {oid}"), &[])),
        }
    }),
    // No function has a body in SQL.
    Function::new("pg_get_function_sqlbody", &[Oid], PgType::Text, |_, _, _| Ok(Value::Null)),
    Function::new("pg_describe_object", &[Oid, Oid, Int], PgType::Text, |s, v, _| {
        Ok(Value::optional_text(describe(s, v)))
    }),
    // There are no rules, triggers, statistics objects and partitions to define.
    Function::new("pg_get_ruledef", &[Oid, Bool], PgType::Text, |_, _, _| Ok(Value::Null))
        .optional(1),
    Function::new("pg_get_triggerdef", &[Oid, Bool], PgType::Text, |_, _, _| Ok(Value::Null))
        .optional(1),
    Function::new("pg_get_statisticsobjdef", &[Oid], PgType::Text, |_, _, _| Ok(Value::Null)),
    Function::new("pg_get_statisticsobjdef_columns", &[Oid], PgType::Text, |_, _, _| {
        Ok(Value::Null)
    }),
    Function::new("pg_get_partkeydef", &[Oid], PgType::Text, |_, _, _| Ok(Value::Null)),
    Function::new("pg_get_partition_constraintdef", &[Oid], PgType::Text, |_, _, _| {
        Ok(Value::Null)
    }),
];

/// What an object is and is called; `None` for kinds that have no names here.
fn describe(session: &Session<'_>, values: &[Value]) -> Option<String> {
    let object = values[1].as_oid();
    match values[0].as_oid() {
        PG_CLASS => {
            let class = session.class_by_oid(object)?;
            let noun = match &class {
                Class::Index(_) => "index",
                Class::Builtin(builtin) if builtin.kind == 'v' => "view",
                Class::Builtin(_) => "table",
                Class::Relation(relation) => relation.kind.noun(),
            };
            let name = match session.is_visible(&class) {
                true => quote_identifier(&class.name()),
                false => qualified(class.namespace(), &class.name()),
            };
            let column = values[2].as_int().and_then(|number| usize::try_from(number - 1).ok());
            let columns = class.relation().map(|relation| &relation.schema.columns);
            match column.and_then(|column| columns?.get(column)) {
                Some(column) => Some(format!("column {} of {noun} {name}", column.name)),
                None => Some(format!("{noun} {name}")),
            }
        }
        PG_NAMESPACE => {
            let namespace = session.namespace_by_oid(object)?;
            Some(format!("schema {}", quote_identifier(&namespace.name)))
        }
        _ => None,
    }
}

/// `a + b` of `(a + b)`, but all of `(a) + (b)`.
fn without_outer_parentheses(expression: &str) -> &str {
    let inner = expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let Some(inner) = inner else { return expression };
    let mut depth = 0_i32;
    let mut quote = None;
    for character in inner.chars() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, _) => {}
        }
        if depth < 0 {
            return expression;
        }
    }
    inner
}

fn view_definition(class: &Class) -> Value {
    Value::optional_text(class.relation().and_then(|relation| relation.definition_text()))
}

/// The columns of the primary key, quoted as needed.
pub(crate) fn key_columns(relation: &Relation) -> Vec<String> {
    let positions = relation.primary_key().unwrap_or_default();
    let name = |position: usize| quote_identifier(&relation.schema.columns[position].name);
    positions.into_iter().map(name).collect()
}

/// The statement that would create the index of the primary key; `bare` names the table without its
/// namespace.
pub(crate) fn index_definition(relation: &Relation, bare: bool) -> String {
    let index = quote_identifier(&crate::session::index_name(relation));
    let table = match bare {
        true => quote_identifier(&relation.name),
        false => qualified(&relation.namespace_name, &relation.name),
    };
    format!(
        "CREATE UNIQUE INDEX {index} ON {table} USING btree ({})",
        key_columns(relation).join(", ")
    )
}

fn function_arguments(session: &Session<'_>, values: &[Value]) -> Value {
    let function = session.builtin.function_by_oid(values[0].as_oid());
    Value::optional_text(function.map(|function| {
        let types = function.arguments.iter().map(|oid| format_type(session, *oid, None));
        types.collect::<Vec<_>>().join(", ")
    }))
}
