//! [`Function`]: the entry of a function in the list of its family.
//!
//! The one idea: the entry holds name, what it does, an example with its result, and the signatures with
//! their computation; the reference is written from it and its examples are run. A function that
//! DataFusion computes, or that is not chosen by its signature, has its signatures written out.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use kappa_types::{SqlError, SqlType};

use super::overload::Argument;
use super::{Body, FunctionContext, Kernel, Overload, Returns};
use crate::typing::Type;

/// A function in the list of its family.
pub(crate) struct Function {
    /// Its name, then other spellings of it.
    pub(super) names: Vec<&'static str>,
    /// What it does, in a sentence.
    pub(super) doc: &'static str,
    /// What stands after SELECT, and the answer.
    pub(super) example: (&'static str, &'static str),
    /// Signatures as shown; if empty, they are made from the overloads.
    written: &'static [&'static str],
    /// What is chosen from by the types of the arguments.
    pub(super) overloads: Vec<Overload>,
}

impl Function {
    /// A function without signatures yet.
    pub(super) fn new(
        name: &'static str,
        doc: &'static str,
        example: (&'static str, &'static str),
    ) -> Self {
        Self { names: vec![name], doc, example, written: &[], overloads: Vec::new() }
    }

    /// Another spelling of the name.
    pub(super) fn also(mut self, name: &'static str) -> Self {
        self.names.push(name);
        self
    }

    /// The signatures as they are shown.
    pub(super) const fn written(mut self, signatures: &'static [&'static str]) -> Self {
        self.written = signatures;
        self
    }

    /// A signature of plain types.
    pub(super) fn takes(self, arguments: &[SqlType], returns: SqlType, kernel: Kernel) -> Self {
        self.with(arguments, Returns::Is(returns), Body::Kernel(kernel))
    }

    /// A signature whose result type depends on the arguments.
    pub(super) fn takes_of(
        self,
        arguments: &[SqlType],
        returns: fn(&[SqlType], &[Option<ScalarValue>]) -> SqlType,
        kernel: Kernel,
    ) -> Self {
        self.with(arguments, Returns::Of(returns), Body::Kernel(kernel))
    }

    /// A signature that is another expression.
    pub(super) fn rewrites(
        self,
        arguments: &[SqlType],
        returns: SqlType,
        rewrite: fn(Vec<Expr>, &FunctionContext) -> Result<Expr, SqlError>,
    ) -> Self {
        self.with(arguments, Returns::Is(returns), Body::Rewrite(rewrite))
    }

    /// A signature of PostgreSQL's that answers an error.
    pub(super) fn refuses(self, arguments: &[SqlType], error: fn() -> SqlError) -> Self {
        self.with(arguments, Returns::Is(SqlType::Text), Body::Refuse(error))
    }

    /// The same signatures for each of some types.
    pub(super) fn each(
        self,
        types: impl IntoIterator<Item = SqlType>,
        add: impl Fn(Self, SqlType) -> Self,
    ) -> Self {
        types.into_iter().fold(self, add)
    }

    fn with(mut self, arguments: &[SqlType], returns: Returns, body: Body) -> Self {
        let name = self.names[0];
        let arguments = arguments.iter().cloned().map(Argument::Is).collect();
        self.overloads.push(Overload { name, arguments, returns, body });
        self
    }

    /// The signatures as PostgreSQL prints them.
    pub(super) fn signatures(&self) -> Vec<String> {
        if !self.written.is_empty() {
            return self.written.iter().map(|text| (*text).to_owned()).collect();
        }
        let callable = self.overloads.iter().filter(|o| !matches!(o.body, Body::Refuse(_)));
        callable.map(signature).collect()
    }
}

fn shown(sql_type: &SqlType) -> String {
    Type::Known(sql_type.clone()).to_string()
}

fn signature(overload: &Overload) -> String {
    let types: Vec<SqlType> =
        overload.arguments.iter().map(|Argument::Is(sql_type)| sql_type.clone()).collect();
    let returns = match &overload.returns {
        Returns::Is(returns) => shown(returns),
        Returns::Of(of) => shown(&of(&types, &vec![None; types.len()])),
    };
    let names: Vec<String> = types.iter().map(shown).collect();
    let is_word = |name: &str| name.starts_with(|c: char| c.is_ascii_alphabetic());
    let call = match (overload.name.strip_prefix(super::UNARY), names.as_slice()) {
        (Some(operator), [operand]) => format!("{operator} {operand}"),
        (None, [left, right]) if !is_word(overload.name) => {
            format!("{left} {} {right}", overload.name)
        }
        _ => format!("{}({})", overload.name, names.join(", ")),
    };
    format!("{call} → {returns}")
}
