//! COALESCE, NULLIF, GREATEST and LEAST: the types of their arguments are unified first.

use datafusion::common::DFSchema;
use datafusion::functions::expr_fn;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Case;
use kappa_types::{SqlError, SqlState, SqlType};

use super::entry::Function;
use crate::typing::{Resolver, typed_null};

/// The functions of this family; none is chosen by signature.
pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("coalesce", "The first that is not NULL.", ("coalesce(NULL, 2, 3)", "2"))
            .written(&["coalesce(any, …) → any"]),
        Function::new("nullif", "The first, or NULL if both are equal.", ("nullif(1, 1)", "NULL"))
            .written(&["nullif(any, any) → any"]),
        Function::new("greatest", "The greatest that is not NULL.", ("greatest(1, NULL, 3)", "3"))
            .written(&["greatest(any, …) → any"]),
        Function::new("least", "The least that is not NULL.", ("least(1, NULL, 3)", "1"))
            .written(&["least(any, …) → any"]),
    ]
}

/// The expression of one of these functions; `None` for other names.
pub(super) fn conditional(
    resolver: &Resolver<'_>,
    name: &str,
    args: &[Expr],
    schema: &DFSchema,
) -> Result<Option<Expr>, SqlError> {
    let unified = |word: &str| {
        if args.is_empty() {
            return Err(SqlError::new(
                SqlState::SyntaxError,
                format!("{word} needs at least one argument"),
            ));
        }
        resolver.unified(word, args.to_vec(), schema)
    };
    Ok(Some(match name {
        "coalesce" => {
            let mut args = unified("COALESCE")?;
            if args.len() == 1 { args.remove(0) } else { expr_fn::coalesce(args) }
        }
        "greatest" | "least" => {
            let mut args = unified(if name == "greatest" { "GREATEST" } else { "LEAST" })?;
            if args.len() == 1 {
                args.remove(0)
            } else if resolver.sql_type(&args[0], schema)? == SqlType::Interval {
                super::interval::extreme(name == "greatest", args, resolver.context())
            } else if name == "greatest" {
                expr_fn::greatest(args)
            } else {
                expr_fn::least(args)
            }
        }
        "nullif" => {
            let [left, right] = args else {
                return Err(SqlError::new(SqlState::SyntaxError, "NULLIF needs two arguments"));
            };
            let left = resolver.settle(left.clone(), schema)?;
            let equal = resolver.equal(left.clone(), right.clone(), schema)?;
            let null = typed_null(&resolver.sql_type(&left, schema)?)?;
            Expr::Case(Case {
                expr: None,
                when_then_expr: vec![(Box::new(equal), Box::new(null))],
                else_expr: Some(Box::new(left)),
            })
        }
        _ => return Ok(None),
    }))
}
