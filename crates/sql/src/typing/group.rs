//! GROUP BY and DISTINCT over values that may be equal without being the same.
//!
//! ```text
//! GROUP BY i      ->   GROUP BY interval_span(i), with min(i) as the value shown
//! GROUP BY x      ->   GROUP BY x                  floats are one group whatever the sign of 0
//! SELECT DISTINCT ->   GROUP BY all columns, where one is such a value
//! ```
//! PostgreSQL shows the value of the row that it met first; here it is the least, so that views and
//! queries agree whatever the order of rows.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, Distinct, Expr, LogicalPlan, Projection};
use kappa_types::{SqlError, SqlType};

use super::Resolver;
use crate::error::from_datafusion;
use crate::function::{compared, has_equal_forms, holds_floats, least_form, one_zero};

impl Resolver<'_> {
    /// Groups rows of a resolved plan by resolved keys.
    pub(super) fn groups(
        &self,
        input: LogicalPlan,
        keys: Vec<Expr>,
        calls: Vec<Expr>,
    ) -> Result<LogicalPlan, SqlError> {
        let input = Arc::new(input);
        let plain = Aggregate::try_new(Arc::clone(&input), keys.clone(), calls.clone());
        let plain = plain.map_err(|error| from_datafusion(&error))?;
        let mut types = Vec::with_capacity(keys.len());
        for key in &keys {
            types.push(match key {
                Expr::GroupingSet(_) => None,
                key => Some(self.sql_type(key, input.schema())?),
            });
        }
        let special = |sql_type: &SqlType| is_float_array(sql_type) || has_equal_forms(sql_type);
        let distinct_count = plain.schema.fields().len() - calls.len();
        if distinct_count != keys.len() || !types.iter().flatten().any(special) {
            return Ok(LogicalPlan::Aggregate(plain));
        }
        let mut shown = Vec::with_capacity(plain.schema.fields().len());
        let (mut forms, mut stand_ins) = (Vec::new(), Vec::with_capacity(keys.len()));
        for ((key, sql_type), column) in keys.into_iter().zip(types).zip(plain.schema.columns()) {
            let Some(sql_type) = sql_type.filter(special) else {
                stand_ins.push(key);
                shown.push(Expr::Column(column));
                continue;
            };
            let name = format!("key {}", stand_ins.len());
            let bare = key.unalias();
            if is_float_array(&sql_type) {
                stand_ins.push(one_zero(bare, &sql_type, self.context).alias(&name));
            } else {
                let stand_in = compared(bare.clone(), &sql_type, self.context);
                stand_ins.push(stand_in.alias(format!("order of {name}")));
                forms.push(least(bare, &sql_type).alias(&name));
            }
            let value = Expr::Column(Column::from_name(name));
            shown.push(value.alias_qualified(column.relation, column.name));
        }
        shown.extend(plain.schema.columns().into_iter().skip(stand_ins.len()).map(Expr::Column));
        let calls = calls.into_iter().chain(forms).collect();
        let node = Aggregate::try_new(input, stand_ins, calls);
        let node = node.map_err(|error| from_datafusion(&error))?;
        let node = Projection::try_new(shown, Arc::new(LogicalPlan::Aggregate(node)));
        Ok(LogicalPlan::Projection(node.map_err(|error| from_datafusion(&error))?))
    }

    /// The rows of a resolved plan, each once.
    pub(super) fn distinct_rows(&self, input: LogicalPlan) -> Result<LogicalPlan, SqlError> {
        let columns: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
        for column in &columns {
            let sql_type = self.sql_type(column, input.schema())?;
            if is_float_array(&sql_type) || has_equal_forms(&sql_type) {
                return self.groups(input, columns, Vec::new());
            }
        }
        Ok(LogicalPlan::Distinct(Distinct::All(Arc::new(input))))
    }
}

fn is_float_array(sql_type: &SqlType) -> bool {
    matches!(sql_type, SqlType::Array(_)) && holds_floats(sql_type)
}

fn least(value: Expr, sql_type: &SqlType) -> Expr {
    let call = AggregateFunction::new_udf(
        least_form(sql_type),
        vec![value],
        false,
        None,
        Vec::new(),
        None,
    );
    Expr::AggregateFunction(call)
}
