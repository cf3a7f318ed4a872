//! min and max where DataFusion's are not PostgreSQL's: [`FloatExtreme`] of floating-point numbers,
//! where NaN is the greatest, [`OrderedExtreme`] of intervals and arrays.
//!
//! The one idea of the former: DataFusion's accumulator of one group compares by total order, its accumulator of many
//! groups at once by `<`, which loses what came before a NaN. So the former is used for many groups
//! too. Price: grouped min and max of floats are slower in batch queries; views keep their own.

use std::collections::BTreeMap;
use std::mem::size_of_val;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, new_empty_array};
use arrow::datatypes::{DataType, FieldRef};
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature};
use kappa_types::SqlType;

use super::order::order_array;
use crate::error::into_datafusion;

/// DataFusion's min or max, one group at a time.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct FloatExtreme {
    inner: Arc<AggregateUDF>,
}

impl FloatExtreme {
    /// Of DataFusion's function.
    pub(super) const fn new(inner: Arc<AggregateUDF>) -> Self {
        Self { inner }
    }
}

impl AggregateUDFImpl for FloatExtreme {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        Ok(types.to_vec())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType, DataFusionError> {
        self.inner.inner().return_type(types)
    }

    fn accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        self.inner.accumulator(args)
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        self.inner.create_sliding_accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>, DataFusionError> {
        self.inner.state_fields(args)
    }
}

/// min and max of what Arrow does not compare as PostgreSQL does: by what stands for a value in
/// comparisons, then, among equal ones, by the bytes of the value, so that the order of rows does not
/// matter. Views choose alike.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct OrderedExtreme {
    inner: Arc<AggregateUDF>,
    sql_type: SqlType,
}

impl OrderedExtreme {
    /// In place of DataFusion's min or max, whose name and signature it has.
    pub(super) const fn new(inner: Arc<AggregateUDF>, sql_type: SqlType) -> Self {
        Self { inner, sql_type }
    }

    fn seen(&self) -> Result<Seen, DataFusionError> {
        let order = order_array(&new_empty_array(&self.sql_type.arrow()), &self.sql_type)
            .map_err(into_datafusion)?;
        let fields = [order.data_type().clone(), self.sql_type.arrow()].map(SortField::new);
        Ok(Seen {
            sql_type: self.sql_type.clone(),
            is_max: self.inner.name() == "max",
            converter: RowConverter::new(fields.to_vec())?,
            values: BTreeMap::new(),
            keeps_all: false,
        })
    }
}

impl AggregateUDFImpl for OrderedExtreme {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        Ok(types.to_vec())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(self.sql_type.arrow())
    }

    fn return_field(&self, _: &[FieldRef]) -> Result<FieldRef, DataFusionError> {
        Ok(Arc::new(self.sql_type.field(self.name(), true)))
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>, DataFusionError> {
        Ok(Box::new(self.seen()?))
    }

    fn create_sliding_accumulator(
        &self,
        _: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        Ok(Box::new(Seen { keeps_all: true, ..self.seen()? }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>, DataFusionError> {
        Ok(vec![Arc::new(self.sql_type.field(args.name, true))])
    }
}

/// The values of one group, by their place in the order: all of them, or only the extreme one.
#[derive(Debug)]
struct Seen {
    sql_type: SqlType,
    is_max: bool,
    converter: RowConverter,
    /// Each value and how often it is there.
    values: BTreeMap<Box<[u8]>, (ScalarValue, usize)>,
    /// Whether values may be taken away again.
    keeps_all: bool,
}

impl Seen {
    fn rows(&self, values: &ArrayRef) -> Result<Rows, DataFusionError> {
        let order = order_array(values, &self.sql_type).map_err(into_datafusion)?;
        Ok(self.converter.convert_columns(&[order, Arc::clone(values)])?)
    }

    fn extreme(&self) -> Option<(&[u8], &ScalarValue)> {
        let entry =
            if self.is_max { self.values.last_key_value() } else { self.values.first_key_value() };
        entry.map(|(bytes, (value, _))| (bytes.as_ref(), value))
    }
}

impl Accumulator for Seen {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let values = &values[0];
        let rows = self.rows(values)?;
        for (index, row) in rows.iter().enumerate().filter(|(index, _)| values.is_valid(*index)) {
            let bytes: &[u8] = row.as_ref();
            if !self.keeps_all {
                let is_better = self
                    .extreme()
                    .is_none_or(|(best, _)| if self.is_max { bytes > best } else { bytes < best });
                if !is_better {
                    continue;
                }
                self.values.clear();
            }
            let value = || ScalarValue::try_from_array(values, index);
            match self.values.get_mut(bytes) {
                Some((_, count)) => *count += 1,
                None => drop(self.values.insert(bytes.into(), (value()?, 1))),
            }
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let values = &values[0];
        let rows = self.rows(values)?;
        for (_, row) in rows.iter().enumerate().filter(|(index, _)| values.is_valid(*index)) {
            let bytes: &[u8] = row.as_ref();
            if let Some((_, count)) = self.values.get_mut(bytes) {
                *count -= 1;
                if *count == 0 {
                    self.values.remove(bytes);
                }
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        self.keeps_all
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        match self.extreme() {
            Some((_, value)) => Ok(value.clone()),
            None => ScalarValue::try_from(self.sql_type.arrow()),
        }
    }

    fn size(&self) -> usize {
        let values = self.values.iter();
        size_of_val(self)
            + values.map(|(bytes, (value, _))| bytes.len() + value.size() + 32).sum::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        self.update_batch(states)
    }
}
