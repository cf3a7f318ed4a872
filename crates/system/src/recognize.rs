//! Which statements this crate answers: [`is_system_query`].
//!
//! The one idea: a query belongs here if everything it reads is in the system catalogue, or if it
//! reads nothing but asks something only the catalogue or the session knows.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    DataType, Expr, ObjectName, ObjectNamePart, Query, Statement, TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::builtin::{Builtin, NAMESPACES};

/// Functions whose answer only the catalogue or the session knows, besides those that begin with
/// `pg_`, `has_` or `to_reg`.
const SYSTEM_FUNCTIONS: &[&str] = &[
    "_pg_expandarray",
    "col_description",
    "current_catalog",
    "current_database",
    "current_role",
    "current_schema",
    "current_schemas",
    "current_setting",
    "current_user",
    "format_type",
    "inet_client_addr",
    "inet_client_port",
    "inet_server_addr",
    "inet_server_port",
    "obj_description",
    "parse_ident",
    "quote_ident",
    "row_security_active",
    "session_user",
    "set_config",
    "shobj_description",
    "txid_current",
    "user",
    "version",
];
/// `pg_` functions that are not questions about the catalogue: the session runs them itself.
const SESSION_FUNCTIONS: &[&str] = &["pg_sleep", "pg_sleep_for", "pg_sleep_until", "pg_typeof"];

/// Whether `text` is one query that touches only system relations, or none but asks a system
/// function. `kappa_*` relations do not count as system relations. What does not parse is `false`.
#[must_use]
pub fn is_system_query(text: &str) -> bool {
    // Parsing costs more than this look: nearly every other statement ends here.
    if !could_be_system(text) {
        return false;
    }
    match Parser::parse_sql(&PostgreSqlDialect {}, text).as_deref() {
        Ok([Statement::Query(query)]) => query_is_system(query),
        _ => false,
    }
}

fn could_be_system(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    [
        "pg_",
        "information_schema",
        "has_",
        "reg",
        "version",
        "user",
        "current",
        "set_config",
        "_ident",
        "description",
        "format_type",
        "inet_",
        "txid_",
        "row_security",
    ]
    .iter()
    .any(|part| lower.contains(part))
}

/// As [`is_system_query`], for a parsed query.
#[must_use]
pub fn query_is_system(query: &Query) -> bool {
    let mut survey = Survey::default();
    let _: ControlFlow<()> = query.visit(&mut survey);
    let mut relations = survey.relations.iter().filter(|name| match name.as_slice() {
        [bare] => !survey.ctes.contains(bare),
        _ => true,
    });
    match relations.next() {
        None => survey.asks_system,
        Some(first) => is_system_relation(first) && relations.all(|name| is_system_relation(name)),
    }
}

fn is_system_relation(name: &[String]) -> bool {
    match name {
        [bare] => {
            Builtin::get().relation("pg_catalog", bare).is_some() && !bare.starts_with("kappa_")
        }
        [.., namespace, relation] => {
            NAMESPACES.contains(&namespace.as_str()) && !relation.starts_with("kappa_")
        }
        [] => false,
    }
}

/// The parts of a name, folded to lower case unless quoted.
pub(crate) fn name_parts(name: &ObjectName) -> Vec<String> {
    let part = |part: &ObjectNamePart| match part {
        ObjectNamePart::Identifier(ident) if ident.quote_style.is_some() => ident.value.clone(),
        ObjectNamePart::Identifier(ident) => ident.value.to_lowercase(),
        ObjectNamePart::Function(function) => function.name.value.to_lowercase(),
    };
    name.0.iter().map(part).collect()
}

/// What a query reads and calls.
#[derive(Default)]
struct Survey {
    relations: Vec<Vec<String>>,
    ctes: HashSet<String>,
    asks_system: bool,
}

impl Survey {
    fn call(&mut self, name: &[String]) {
        let Some(function) = name.last() else { return };
        if SESSION_FUNCTIONS.contains(&function.as_str()) {
            return;
        }
        let prefixes = ["pg_", "has_", "to_reg"];
        self.asks_system |= SYSTEM_FUNCTIONS.contains(&function.as_str())
            || prefixes.iter().any(|prefix| function.starts_with(prefix));
    }
}

impl Visitor for Survey {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let alias = &cte.alias.name;
            let quoted = alias.quote_style.is_some();
            self.ctes.insert(if quoted { alias.value.clone() } else { alias.value.to_lowercase() });
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, args: None, .. } => self.relations.push(name_parts(name)),
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => {
                self.call(&name_parts(name));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) => self.call(&name_parts(&function.name)),
            Expr::Identifier(ident) if ident.quote_style.is_none() => {
                // Parsed as a column, but a function that is called without parentheses.
                self.asks_system |= ident.value.eq_ignore_ascii_case("current_schema");
            }
            Expr::Cast { data_type, .. } => self.asks_system |= is_reg_type(data_type),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn is_reg_type(data_type: &DataType) -> bool {
    match data_type {
        DataType::Regclass => true,
        DataType::Custom(name, _) => {
            name_parts(name).last().is_some_and(|name| name.starts_with("reg"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(is_system_query(text), expected, "{text}");
    }

    #[test]
    fn relations_decide() {
        check("SELECT * FROM pg_class", true);
        check(
            "SELECT * FROM pg_catalog.pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace",
            true,
        );
        check("select * from t1.INFORMATION_SCHEMA.columns", true);
        check("SELECT * FROM pg_class, orders", false);
        check("SELECT * FROM orders WHERE pg_table_is_visible(id)", false);
        check("WITH x AS (SELECT oid FROM pg_type) SELECT * FROM x, pg_catalog.pg_am", true);
        check("WITH x AS (SELECT 1) SELECT * FROM x", false);
        check("SELECT * FROM pg_catalog.kappa_views", false);
        check("SELECT * FROM kappa_views", false);
        check("SELECT (SELECT count(*) FROM orders) FROM pg_class", false);
    }

    #[test]
    fn without_relations_functions_decide() {
        check("SELECT 1", false);
        check("SELECT now()", false);
        check("SELECT version();", true);
        check("select current_schema", true);
        check("SELECT current_user", true);
        check("SELECT 'orders'::regclass::oid", true);
        check("SELECT * FROM unnest(current_schemas(true))", true);
        check("SELECT * FROM generate_series(1, 5)", false);
        check("SELECT pg_sleep(1)", false);
        check(
            "SELECT name, format_type(tp, -1) FROM (VALUES ('a', '23'::pg_catalog.oid)) s(name, tp)",
            true,
        );
    }

    #[test]
    fn other_statements_are_not() {
        check("INSERT INTO pg_class VALUES (1)", false);
        check("SELECT version(); SELECT version()", false);
        check("SELECT FROM WHERE pg_", false);
    }
}
