//! [`Call`]: an operator, function or literal that has no types yet.
//!
//! SqlToRel needs a function object for each name it meets, before types are known. It gets one of
//! these, made from the name alone. The position in the statement travels in the name
//! (`round@34`) and takes no part in equality, so that `GROUP BY a + 1` finds `SELECT a + 1`.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::FunctionContext;
use super::registry::FunctionRegistry;

/// Between a name and its position.
const POSITION_MARK: char = '@';

/// Name of the call that wraps a string literal.
pub(crate) const LITERAL: &str = "literal";
/// Name of the call that wraps a parameter.
pub(crate) const PARAMETER: &str = "parameter";
/// Name of the call that wraps each value of a VALUES list, whose types differ until resolved.
pub(crate) const CELL: &str = "cell";
/// Prefix of the names of casts, before the type. The second argument is NULL of that type.
///
/// DataFusion gives a cast the name of what is cast, so that a column and a cast of it, side by side,
/// are two columns of one name: it refuses them or takes one for the other.
pub(crate) const CAST_TO: &str = "cast to ";
/// Prefix of the names of binary operators.
pub(crate) const BINARY: &str = "binary ";
/// Prefix of the names of prefix operators.
pub(crate) const UNARY: &str = "unary ";
/// Prefix of the names of operators over ANY (array).
pub(crate) const ANY: &str = "any ";
/// Prefix of the names of operators over ALL (array).
pub(crate) const ALL: &str = "all ";

/// A function's name with the place where it stands.
pub(crate) fn name_at(name: &str, position: usize) -> String {
    format!("{name}{POSITION_MARK}{position}")
}

/// An operator, function or literal that has no types yet.
#[derive(Debug)]
pub(crate) struct Call {
    full_name: String,
    name: String,
    /// 1-based character position in the statement.
    position: Option<usize>,
    signature: Signature,
    registry: Arc<FunctionRegistry>,
    context: FunctionContext,
}

impl Call {
    /// The call that a name stands for.
    pub(crate) fn new(
        full_name: &str,
        registry: Arc<FunctionRegistry>,
        context: FunctionContext,
    ) -> Self {
        let (name, position) = match full_name.rsplit_once(POSITION_MARK) {
            Some((name, digits)) => match digits.parse::<usize>() {
                Ok(position) => (name, Some(position)),
                Err(_) => (full_name, None),
            },
            None => (full_name, None),
        };
        Self {
            full_name: full_name.to_owned(),
            name: name.to_owned(),
            position,
            signature: Signature::user_defined(Volatility::Immutable),
            registry,
            context,
        }
    }

    /// The name without position.
    pub(crate) fn plain_name(&self) -> &str {
        &self.name
    }

    /// Where it stands in the statement.
    pub(crate) const fn position(&self) -> Option<usize> {
        self.position
    }
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Call {}

impl Hash for Call {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Call {
    #[expect(clippy::misnamed_getters, reason = "the full name is what DataFusion calls the name")]
    fn name(&self) -> &str {
        &self.full_name
    }

    fn display_name(&self, args: &[Expr]) -> Result<String, DataFusionError> {
        self.schema_name(args)
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String, DataFusionError> {
        let names: Vec<String> = args.iter().map(|arg| arg.schema_name().to_string()).collect();
        if let (Some(to), Some(cast)) = (self.name.strip_prefix(CAST_TO), names.first()) {
            return Ok(format!("{cast}::{to}"));
        }
        Ok(format!("{}({})", self.name, names.join(",")))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        Ok(types.to_vec())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Null)
    }

    /// The type that the resolved expression will have; Null where that is an error, which the pass
    /// that resolves will find again and report with its position.
    fn return_field_from_args(
        &self,
        args: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        if self.name == CELL {
            return Ok(Arc::new(Field::new("", DataType::Null, true)));
        }
        let field = super::preview::result_field(
            &self.registry,
            self.context,
            &self.full_name,
            args.arg_fields,
            args.scalar_arguments,
        );
        Ok(field.unwrap_or_else(|| Arc::new(Field::new("", DataType::Null, true))))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        Err(DataFusionError::Internal(format!("{} was not resolved", self.name)))
    }
}

/// The call inside an expression.
pub(crate) fn call_of(function: &ScalarUDF) -> Option<&Call> {
    function.inner().as_ref().downcast_ref::<Call>()
}

/// The position of a call, literals included.
pub(crate) fn call_position(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::ScalarFunction(ScalarFunction { func, .. }) => call_of(func)?.position(),
        Expr::Column(column) => {
            column.spans.first().and_then(|span| usize::try_from(span.start.column).ok())
        }
        Expr::Alias(alias) => call_position(&alias.expr),
        _ => None,
    }
}

/// The text of a literal without a type.
pub(crate) fn literal_text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(ScalarValue::Utf8(text), _) => text.clone(),
        Expr::ScalarFunction(ScalarFunction { func, args }) => {
            let call = call_of(func)?;
            match (call.plain_name(), args.as_slice()) {
                (LITERAL, [inner]) => literal_text(inner),
                _ => None,
            }
        }
        _ => None,
    }
}
