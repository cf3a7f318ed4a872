//! Parquet: which column of a file fills which column of the source, and how its values convert.
//!
//! The one idea: only conversions that keep the value are made (a wider integer, another unit of
//! time, text through the type's input); what does not fit in one row rejects that row, what can
//! never fit is refused when the source is created.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, new_null_array};
use arrow::compute::{CastOptions, cast, cast_with_options, filter_record_batch};
use arrow::datatypes::{DataType, Schema as ArrowSchema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use kappa_types::text::{ColumnParser, TextOptions};
use kappa_types::{Schema, SqlError, SqlState, SqlType};

/// How the columns of one file become those of the source.
#[derive(Debug)]
pub(crate) struct Conversion {
    schema: Schema,
    arrow: SchemaRef,
    columns: Vec<Option<Source>>,
}

/// Where a column of the source comes from.
#[derive(Debug)]
struct Source {
    /// The column of the file.
    index: usize,
    way: Way,
}

/// How values convert.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    /// By Arrow, by way of these types; a value that becomes NULL did not fit.
    Cast(Vec<DataType>),
    /// As text, through the input of the SQL type.
    Text,
}

impl Conversion {
    /// Finds the columns of `schema` in a file by name, exactly or else with letter case ignored.
    ///
    /// # Errors
    /// 42703 when the file has none of the columns, 42804 when one cannot be converted.
    pub(crate) fn new(file: &ArrowSchema, schema: &Schema) -> Result<Self, SqlError> {
        let find = |name: &str| {
            let names = || file.fields().iter().map(|field| field.name());
            let exact = names().position(|field| field == name);
            exact.or_else(|| names().position(|field| field.eq_ignore_ascii_case(name)))
        };
        let mut columns = Vec::with_capacity(schema.columns.len());
        for column in &schema.columns {
            let Some(index) = find(&column.name) else {
                columns.push(None);
                continue;
            };
            let from = file.field(index).data_type();
            let way = way(from, &column.sql_type).ok_or_else(|| {
                let message = format!(
                    "column \"{}\" is of type {} but the file has {from}",
                    column.name, column.sql_type
                );
                SqlError::new(SqlState::DatatypeMismatch, message)
            })?;
            columns.push(Some(Source { index, way }));
        }
        if columns.iter().all(Option::is_none) {
            let message = "the file has none of the source's columns";
            return Err(SqlError::new(SqlState::UndefinedColumn, message));
        }
        Ok(Self { schema: schema.clone(), arrow: schema.arrow(), columns })
    }

    /// The columns of the file that are needed, ascending.
    pub(crate) fn projection(&self) -> Vec<usize> {
        let mut indices: Vec<_> =
            self.columns.iter().flatten().map(|source| source.index).collect();
        indices.sort_unstable();
        indices.dedup();
        indices
    }

    /// Converts rows of the projected columns. Returns the good rows, and for each row of `rows`
    /// the reason why it is not among them.
    ///
    /// # Errors
    /// When Arrow cannot do what `way` promised.
    pub(crate) fn convert(
        &self,
        rows: &RecordBatch,
    ) -> Result<(RecordBatch, Vec<Option<String>>), ArrowError> {
        let projection = self.projection();
        let mut reasons = vec![None; rows.num_rows()];
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (column, source) in self.schema.columns.iter().zip(&self.columns) {
            let array = match source {
                None => new_null_array(&column.sql_type.arrow(), rows.num_rows()),
                Some(source) => {
                    let place = projection.binary_search(&source.index);
                    let input = rows.column(place.expect("the projection has every source"));
                    let mut note = |row: usize, reason: &str| {
                        let reason = format!("column \"{}\": {reason}", column.name);
                        reasons[row].get_or_insert(reason);
                    };
                    convert(input, &source.way, &column.sql_type, &mut note)?
                }
            };
            if !column.nullable {
                for row in (0..array.len()).filter(|row| array.is_null(*row)) {
                    reasons[row].get_or_insert_with(|| {
                        let name = &column.name;
                        format!("column \"{name}\": null value violates not-null constraint")
                    });
                }
            }
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let all = RecordBatch::try_new_with_options(self.arrow.clone(), arrays, &options)?;
        let good: BooleanArray = reasons.iter().map(|reason| Some(reason.is_none())).collect();
        Ok((filter_record_batch(&all, &good)?, reasons))
    }
}

/// Converts one column; `note` hears of values that do not fit.
fn convert(
    input: &ArrayRef,
    way: &Way,
    sql_type: &SqlType,
    note: &mut dyn FnMut(usize, &str),
) -> Result<ArrayRef, ArrowError> {
    match way {
        Way::Cast(types) => {
            let options = CastOptions { safe: true, ..CastOptions::default() };
            let mut output = input.clone();
            for data_type in types {
                output = cast_with_options(&output, data_type, &options)?;
            }
            if output.logical_null_count() != input.logical_null_count() {
                let (before, after) = (input.logical_nulls(), output.logical_nulls());
                for row in 0..output.len() {
                    let was_null = before.as_ref().is_some_and(|nulls| nulls.is_null(row));
                    if !was_null && after.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                        note(row, &format!("value out of range for type {sql_type}"));
                    }
                }
            }
            Ok(output)
        }
        Way::Text => {
            let texts = cast(input, &DataType::Utf8View)?;
            let mut parser = ColumnParser::new(sql_type, &TextOptions::default());
            for (row, text) in texts.as_string_view().iter().enumerate() {
                if let Err(error) = parser.append(text) {
                    note(row, &error.message);
                    parser.append_null();
                }
            }
            Ok(parser.finish())
        }
    }
}

/// How values of an Arrow type convert to a SQL type; `None` if they do not.
fn way(from: &DataType, to: &SqlType) -> Option<Way> {
    if let DataType::Dictionary(_, value) = from {
        return way(value, to);
    }
    let is_text = matches!(from, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let is_float = matches!(from, DataType::Float16 | DataType::Float32 | DataType::Float64);
    let is_timestamp = matches!(from, DataType::Timestamp(_, _));
    let is_date = matches!(from, DataType::Date32 | DataType::Date64);
    let fits = match to {
        SqlType::Text | SqlType::Varchar(None) => is_text,
        SqlType::Boolean => matches!(from, DataType::Boolean),
        SqlType::SmallInt | SqlType::Integer | SqlType::BigInt | SqlType::Oid => from.is_integer(),
        SqlType::Real | SqlType::Double => from.is_integer() || is_float,
        SqlType::Numeric(_) => from.is_integer() || from.is_decimal(),
        SqlType::Bytea => matches!(
            from,
            DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::FixedSizeBinary(_)
        ),
        SqlType::Uuid => matches!(from, DataType::FixedSizeBinary(16)),
        SqlType::Date => is_date,
        SqlType::Time => matches!(from, DataType::Time32(_) | DataType::Time64(_)),
        SqlType::Timestamp | SqlType::Timestamptz => is_date || is_timestamp,
        SqlType::Array(element) => return way_of_list(from, element, to),
        _ => false,
    };
    match (fits, is_text) {
        // Times of another zone become UTC before the zone is dropped.
        (true, _) if is_timestamp => {
            let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
            Some(Way::Cast(vec![utc, to.arrow()]))
        }
        (true, _) => Some(Way::Cast(vec![to.arrow()])),
        (false, true) => Some(Way::Text),
        (false, false) => None,
    }
}

/// Lists convert where their elements do by one cast.
fn way_of_list(from: &DataType, element: &SqlType, to: &SqlType) -> Option<Way> {
    match from {
        DataType::List(field) | DataType::LargeList(field) => {
            let way = way(field.data_type(), element)?;
            matches!(&way, Way::Cast(types) if types.len() == 1)
                .then(|| Way::Cast(vec![to.arrow()]))
        }
        _ => None,
    }
}
