//! [`KernelFunction`]: a function with its types decided and its computation.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, new_empty_array};
use arrow::datatypes::{ArrowPrimitiveType, DataType, FieldRef, Float32Type, Float64Type};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use kappa_types::{SqlError, SqlType};

use super::FunctionContext;
use super::cast::CAST;
use crate::error::into_datafusion;

/// The computation of a function over whole columns. All arrays have the same length.
pub(crate) type Kernel = fn(&Arguments<'_>) -> Result<ArrayRef, SqlError>;

/// What a kernel computes from.
pub(crate) struct Arguments<'a> {
    /// The columns; constants are repeated.
    pub(crate) arrays: Vec<ArrayRef>,
    /// How many rows, for functions without arguments.
    pub(crate) row_count: usize,
    /// The types of the columns.
    pub(crate) types: &'a [SqlType],
    /// The type of the result.
    pub(crate) returns: &'a SqlType,
    /// Settings of the session.
    pub(crate) context: &'a FunctionContext,
}

/// A function with its types decided.
#[derive(Debug)]
pub(crate) struct KernelFunction {
    name: &'static str,
    types: Vec<SqlType>,
    returns: SqlType,
    kernel: Kernel,
    context: FunctionContext,
    signature: Signature,
}

impl KernelFunction {
    /// The call of a function whose arguments already have `types`.
    pub(crate) fn call(
        name: &'static str,
        kernel: Kernel,
        types: Vec<SqlType>,
        returns: SqlType,
        args: Vec<Expr>,
        context: FunctionContext,
    ) -> Expr {
        let signature = Signature::user_defined(Volatility::Immutable);
        let function = Self { name, types, returns, kernel, context, signature };
        let function = Arc::new(ScalarUDF::new_from_impl(function));
        Expr::ScalarFunction(ScalarFunction::new_udf(function, args))
    }
}

impl PartialEq for KernelFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.types == other.types
            && self.returns == other.returns
            && self.context.time_zone == other.context.time_zone
    }
}

impl Eq for KernelFunction {}

impl Hash for KernelFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.types.hash(state);
        self.returns.hash(state);
    }
}

impl ScalarUDFImpl for KernelFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Columns of plans are told apart by such names: casts of one value to two types have two.
    fn schema_name(&self, args: &[Expr]) -> Result<String, DataFusionError> {
        let args: Vec<_> = args.iter().map(|arg| arg.schema_name().to_string()).collect();
        let args = args.join(",");
        Ok(match self.name {
            CAST => format!("{CAST}({args} AS {})", self.returns),
            name => format!("{name}({args})"),
        })
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        Ok(types.to_vec())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(self.returns.arrow())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs<'_>) -> Result<FieldRef, DataFusionError> {
        Ok(Arc::new(self.returns.field(self.name, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        if args.number_rows == 0 {
            // A branch of a CASE that no row takes may not fail.
            return Ok(ColumnarValue::Array(new_empty_array(args.return_field.data_type())));
        }
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let row_count = if constant { 1 } else { args.number_rows };
        let arrays = args
            .args
            .into_iter()
            .zip(&self.types)
            .map(|(arg, sql_type)| {
                let array = arg.into_array(row_count)?;
                let wanted = sql_type.arrow();
                if array.data_type() == &wanted || array.data_type().equals_datatype(&wanted) {
                    return Ok(array);
                }
                Ok(arrow::compute::cast(&array, &wanted)?)
            })
            .collect::<Result<Vec<_>, DataFusionError>>()?;
        let arguments = Arguments {
            arrays,
            row_count,
            types: &self.types,
            returns: &self.returns,
            context: &self.context,
        };
        let result = with_one_nan((self.kernel)(&arguments).map_err(into_datafusion)?);
        debug_assert_eq!(result.len(), row_count, "{} gives a row per row", self.name);
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

/// The same values with one NaN: `inf - inf` and `-NaN` give NaNs of other bits, and joins, groups and
/// comparisons of a batch query look at bits.
fn with_one_nan(values: ArrayRef) -> ArrayRef {
    macro_rules! of {
        ($t:ty, $nan:expr) => {{
            let floats = values.as_primitive::<$t>();
            let is_other = |value: &<$t as ArrowPrimitiveType>::Native| {
                value.is_nan() && value.to_bits() != $nan.to_bits()
            };
            if !floats.values().iter().any(is_other) {
                return values;
            }
            Arc::new(floats.unary::<_, $t>(|value| if value.is_nan() { $nan } else { value }))
        }};
    }
    match values.data_type() {
        DataType::Float32 => of!(Float32Type, f32::NAN),
        DataType::Float64 => of!(Float64Type, f64::NAN),
        _ => values,
    }
}
