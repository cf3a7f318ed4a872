//! The pass over plans: each node's expressions resolved against its inputs, schemas made anew.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, DataFusionError, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Expr, Filter, Join, Limit, LogicalPlan, Projection, Sort,
    Subquery, SubqueryAlias, Union, Unnest, Values, Window,
};
use kappa_types::{SqlError, SqlState, SqlType};

use super::expression::no_common_type;
use super::{Conversion, Resolver, Type, common_type};
use crate::error::from_datafusion;
use crate::function::{compared, literal_text};
use crate::settled::settled_plan;

/// Whether literals without a type stay so, because a node above decides.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknowns {
    /// They become text.
    Settle,
    /// They stay.
    Keep,
    /// They stay, and each cell of VALUES keeps its own type: it is assigned by itself.
    KeepCells,
}

impl Resolver<'_> {
    /// A plan with all types decided.
    pub(crate) fn plan(&self, plan: LogicalPlan) -> Result<LogicalPlan, SqlError> {
        self.plan_keeping(plan, Unknowns::Settle)
    }

    /// A plan with all types decided, but for what `unknowns` says of its output columns.
    #[expect(clippy::too_many_lines, reason = "one short arm per node")]
    pub(crate) fn plan_keeping(
        &self,
        plan: LogicalPlan,
        unknowns: Unknowns,
    ) -> Result<LogicalPlan, SqlError> {
        let names = NamePreserver::new(&plan);
        match plan {
            LogicalPlan::Projection(node) => {
                let input = self.plan(unwrap(node.input))?;
                let exprs = node
                    .expr
                    .into_iter()
                    .map(|expr| {
                        let saved = names.save(&expr);
                        let mut expr = self.expr(expr, input.schema())?;
                        if unknowns == Unknowns::Settle {
                            expr = self.settle(expr, input.schema())?;
                        }
                        Ok(saved.restore(expr))
                    })
                    .collect::<Result<Vec<_>, SqlError>>()?;
                let node = Projection::try_new(exprs, Arc::new(input)).map_err(convert)?;
                Ok(LogicalPlan::Projection(node))
            }
            LogicalPlan::Filter(node) => {
                let input = self.plan(unwrap(node.input))?;
                let predicate = self.expr(node.predicate, input.schema())?;
                let user = if has_aggregate(&input) { "HAVING" } else { "WHERE" };
                let predicate = self.boolean(predicate, input.schema(), user)?;
                let node = Filter::try_new(predicate, Arc::new(input)).map_err(convert)?;
                Ok(LogicalPlan::Filter(node))
            }
            LogicalPlan::Aggregate(node) => {
                let input = self.plan(unwrap(node.input))?;
                let resolve = |expr: Expr| {
                    let saved = names.save(&expr);
                    self.settled(expr, input.schema()).map(|expr| saved.restore(expr))
                };
                let group = node.group_expr.into_iter().map(|expr| match expr {
                    // A grouping set has no name of its own.
                    set @ Expr::GroupingSet(_) => self.expr(set, input.schema()),
                    other => resolve(other),
                });
                let group = group.collect::<Result<Vec<_>, SqlError>>()?;
                let calls = node
                    .aggr_expr
                    .into_iter()
                    .map(resolve)
                    .collect::<Result<Vec<_>, SqlError>>()?;
                let call_count = calls.len();
                self.canonical_results(self.groups(input, group, calls)?, call_count)
            }
            LogicalPlan::Window(node) => self.window_plan(node, &names),
            LogicalPlan::Sort(node) => {
                let input = self.plan(unwrap(node.input))?;
                let expr = self.sorts(node.expr, input.schema())?;
                Ok(LogicalPlan::Sort(Sort { expr, input: Arc::new(input), fetch: node.fetch }))
            }
            LogicalPlan::Join(node) => self.join(node),
            LogicalPlan::SubqueryAlias(node) => {
                let input = self.plan_keeping(unwrap(node.input), unknowns)?;
                let node = SubqueryAlias::try_new(Arc::new(input), node.alias).map_err(convert)?;
                Ok(LogicalPlan::SubqueryAlias(node))
            }
            LogicalPlan::Union(node) => self.union(node),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let input = self.plan(unwrap(input))?;
                self.distinct_rows(input)
            }
            LogicalPlan::Distinct(Distinct::On(node)) => self.distinct_on(node),
            LogicalPlan::Limit(node) => self.limit(node),
            LogicalPlan::Values(node) => self.values(node, unknowns),
            LogicalPlan::Subquery(node) => {
                let subquery = self.plan(unwrap(node.subquery))?;
                let outer_ref_columns = self.outer_columns(node.outer_ref_columns)?;
                Ok(LogicalPlan::Subquery(Subquery {
                    subquery: Arc::new(subquery),
                    outer_ref_columns,
                    spans: node.spans,
                }))
            }
            LogicalPlan::Unnest(node) => {
                let input = self.plan(unwrap(node.input))?;
                let node = Unnest::try_new(Arc::new(input), node.exec_columns, node.options)
                    .map_err(convert)?;
                Ok(LogicalPlan::Unnest(node))
            }
            LogicalPlan::Extension(node) if settled_plan(node.node.as_ref()).is_some() => {
                let inner = settled_plan(node.node.as_ref()).cloned();
                inner.ok_or_else(|| SqlError::new(SqlState::InternalError, "a view without a plan"))
            }
            LogicalPlan::Extension(node) => {
                let inputs = node
                    .node
                    .inputs()
                    .into_iter()
                    .map(|input| self.plan(input.clone()))
                    .collect::<Result<Vec<_>, SqlError>>()?;
                let exprs = node.node.expressions();
                LogicalPlan::Extension(node).with_new_exprs(exprs, inputs).map_err(convert)
            }
            LogicalPlan::RecursiveQuery(node) => self.recursive_query(node),
            LogicalPlan::TableScan(scan) => self.scan(scan),
            leaf @ LogicalPlan::EmptyRelation(_) => Ok(leaf),
            other => Err(SqlError::unsupported(
                format!("{} is not supported inside a query", other.display()),
                "Rewrite the query without it.",
            )),
        }
    }

    /// A plan whose last columns, the results of aggregates, have types of ours. Those before them are
    /// keys, which have such types already.
    fn canonical_results(&self, plan: LogicalPlan, count: usize) -> Result<LogicalPlan, SqlError> {
        let schema = Arc::clone(plan.schema());
        let key_count = schema.fields().len() - count;
        let mut changed = false;
        let mut exprs = Vec::with_capacity(schema.fields().len());
        for (index, column) in schema.columns().into_iter().enumerate() {
            if column.name == Aggregate::INTERNAL_GROUPING_ID {
                // For the aggregate itself, whose grouping() calls are still to be resolved.
                continue;
            }
            let (relation, name) = (column.relation.clone(), column.name.clone());
            let plain = Expr::Column(column);
            if index < key_count {
                exprs.push(plain);
                continue;
            }
            let canonical = self.canonical(plain.clone(), &schema)?;
            changed |= canonical != plain;
            exprs.push(if canonical == plain {
                plain
            } else {
                canonical.alias_qualified(relation, name)
            });
        }
        if !changed {
            return Ok(plan);
        }
        let node = Projection::try_new(exprs, Arc::new(plan)).map_err(convert)?;
        Ok(LogicalPlan::Projection(node))
    }

    fn outer_columns(&self, columns: Vec<Expr>) -> Result<Vec<Expr>, SqlError> {
        let empty = DFSchema::empty();
        columns.into_iter().map(|column| self.expr(column, &empty)).collect()
    }

    fn window_plan(&self, node: Window, names: &NamePreserver) -> Result<LogicalPlan, SqlError> {
        let input = self.plan(unwrap(node.input))?;
        let mut casts = Vec::new();
        let exprs = node
            .window_expr
            .into_iter()
            .map(|expr| {
                let saved = names.save(&expr);
                let expr = self.expr(expr, input.schema())?;
                // A window function stands alone in its node; conversions go above it.
                let (expr, cast) = match expr {
                    Expr::Cast(cast) => (*cast.expr, Some(cast.field)),
                    other => (other, None),
                };
                casts.push(cast);
                Ok(saved.restore(expr))
            })
            .collect::<Result<Vec<_>, SqlError>>()?;
        let width = input.schema().fields().len();
        let window = LogicalPlan::Window(Window::try_new(exprs, Arc::new(input)).map_err(convert)?);
        if casts.iter().all(Option::is_none) {
            return Ok(window);
        }
        let schema = Arc::clone(window.schema());
        let projected = schema.columns().into_iter().enumerate().map(|(index, column)| match index
            .checked_sub(width)
            .and_then(|index| casts[index].clone())
        {
            Some(field) => {
                let (relation, name) = (column.relation.clone(), column.name.clone());
                Expr::Cast(datafusion::logical_expr::expr::Cast::new_from_field(
                    Box::new(Expr::Column(column)),
                    field,
                ))
                .alias_qualified(relation, name)
            }
            None => Expr::Column(column),
        });
        let node = Projection::try_new(projected.collect(), Arc::new(window)).map_err(convert)?;
        Ok(LogicalPlan::Projection(node))
    }

    fn join(&self, node: Join) -> Result<LogicalPlan, SqlError> {
        let left = self.plan(unwrap(node.left))?;
        self.outer.borrow_mut().push(Arc::clone(left.schema()));
        let right = self.plan(unwrap(node.right));
        self.outer.borrow_mut().pop();
        let right = right?;
        let mut on = Vec::with_capacity(node.on.len());
        for (left_key, right_key) in node.on {
            let left_key = self.expr(left_key, left.schema())?;
            let right_key = self.expr(right_key, right.schema())?;
            on.push(self.equal_keys(left_key, left.schema(), right_key, right.schema())?);
        }
        let both = left.schema().join(right.schema()).map_err(convert)?;
        let filter = match node.filter {
            Some(filter) => {
                let filter = self.expr(filter, &both)?;
                Some(self.boolean(filter, &both, "JOIN/ON")?)
            }
            None => None,
        };
        let node = Join::try_new(
            Arc::new(left),
            Arc::new(right),
            on,
            filter,
            node.join_type,
            node.join_constraint,
            node.null_equality,
            node.null_aware,
        )
        .map_err(convert)?;
        Ok(LogicalPlan::Join(node))
    }

    fn equal_keys(
        &self,
        left: Expr,
        left_schema: &DFSchema,
        right: Expr,
        right_schema: &DFSchema,
    ) -> Result<(Expr, Expr), SqlError> {
        let types = [self.type_of(&left, left_schema)?, self.type_of(&right, right_schema)?];
        let common = super::operator::comparable_type(&types)
            .ok_or_else(|| super::operator::undefined_operator("=", &types[0], &types[1]))?;
        let left = self.coerce(left, &common, left_schema, Conversion::Implicit)?;
        let right = self.coerce(right, &common, right_schema, Conversion::Implicit)?;
        Ok((compared(left, &common, self.context), compared(right, &common, self.context)))
    }

    fn union(&self, node: Union) -> Result<LogicalPlan, SqlError> {
        let inputs = node
            .inputs
            .into_iter()
            .map(|input| self.plan_keeping(unwrap(input), Unknowns::Keep))
            .collect::<Result<Vec<_>, SqlError>>()?;
        let inputs = inputs.into_iter().map(bare_literals).collect::<Result<Vec<_>, SqlError>>()?;
        let width = inputs.first().map_or(0, |input| input.schema().fields().len());
        if inputs.iter().any(|input| input.schema().fields().len() != width) {
            return Err(SqlError::new(
                SqlState::SyntaxError,
                "each UNION query must have the same number of columns",
            ));
        }
        let mut targets = Vec::with_capacity(width);
        for column in 0..width {
            let types: Vec<Type> =
                inputs.iter().map(|input| Type::of_field(input.schema().field(column))).collect();
            // PostgreSQL decides at every level: what all sides leave open is text.
            targets.push(Some(common_type(&types).ok_or_else(|| no_common_type("UNION", &types))?));
        }
        let names: Vec<String> =
            inputs[0].schema().fields().iter().map(|field| field.name().clone()).collect();
        let inputs = inputs
            .into_iter()
            .map(|input| self.converted(input, &targets, Some(&names)).map(Arc::new))
            .collect::<Result<Vec<_>, SqlError>>()?;
        Ok(LogicalPlan::Union(Union::try_new(inputs).map_err(convert)?))
    }

    /// A plan with its columns converted to types and given names, where that changes anything.
    pub(crate) fn converted(
        &self,
        input: LogicalPlan,
        targets: &[Option<SqlType>],
        names: Option<&[String]>,
    ) -> Result<LogicalPlan, SqlError> {
        let schema = Arc::clone(input.schema());
        let mut changed = false;
        let mut exprs = Vec::with_capacity(targets.len());
        for (index, (column, target)) in schema.columns().into_iter().zip(targets).enumerate() {
            let (relation, name) = (column.relation.clone(), column.name.clone());
            let column = Expr::Column(column);
            let mut expr = match target {
                Some(target) => {
                    self.coerce(column.clone(), target, &schema, Conversion::Implicit)?
                }
                None => column.clone(),
            };
            match names.map(|names| &names[index]) {
                Some(wanted) if *wanted != name || relation.is_some() => {
                    expr = expr.alias(wanted);
                    changed = true;
                }
                _ if expr != column => {
                    expr = expr.alias_qualified(relation, name);
                    changed = true;
                }
                _ => {}
            }
            exprs.push(expr);
        }
        if !changed {
            return Ok(input);
        }
        let node = Projection::try_new(exprs, Arc::new(input)).map_err(convert)?;
        Ok(LogicalPlan::Projection(node))
    }

    fn distinct_on(&self, node: DistinctOn) -> Result<LogicalPlan, SqlError> {
        let input = self.plan(unwrap(node.input))?;
        let names = NamePreserver::new_for_projection();
        let on = self.gathered_by(node.on_expr, input.schema())?;
        let select = node
            .select_expr
            .into_iter()
            .map(|expr| {
                let saved = names.save(&expr);
                self.settled(expr, input.schema()).map(|expr| saved.restore(expr))
            })
            .collect::<Result<Vec<_>, SqlError>>()?;
        let sort = match node.sort_expr {
            Some(sorts) => Some(self.sorts(sorts, input.schema())?),
            None => None,
        };
        let node = DistinctOn::try_new(on, select, sort, Arc::new(input)).map_err(convert)?;
        Ok(LogicalPlan::Distinct(Distinct::On(node)))
    }

    fn limit(&self, node: Limit) -> Result<LogicalPlan, SqlError> {
        let input = self.plan(unwrap(node.input))?;
        let empty = DFSchema::empty();
        let count = |expr: Option<Box<Expr>>, word: &str| match expr {
            Some(expr) => {
                let expr = self.expr(*expr, &empty)?;
                if let Expr::Literal(value, _) = &expr
                    && is_negative(value)
                {
                    return Err(negative_count(word));
                }
                let expr = self.coerce(expr, &SqlType::BigInt, &empty, Conversion::Assignment)?;
                Ok(Some(Box::new(expr)))
            }
            None => Ok(None),
        };
        let skip = count(node.skip, "OFFSET")?;
        let fetch = count(node.fetch, "LIMIT")?;
        Ok(LogicalPlan::Limit(Limit { skip, fetch, input: Arc::new(input) }))
    }

    fn values(&self, node: Values, unknowns: Unknowns) -> Result<LogicalPlan, SqlError> {
        let empty = DFSchema::empty();
        let mut rows = node
            .values
            .into_iter()
            .map(|row| row.into_iter().map(|cell| self.expr(cell, &empty)).collect())
            .collect::<Result<Vec<Vec<Expr>>, SqlError>>()?;
        let width = rows.first().map_or(0, Vec::len);
        let mut fields = Vec::with_capacity(width);
        for column in 0..width {
            let types = rows
                .iter()
                .map(|row| self.type_of(&row[column], &empty))
                .collect::<Result<Vec<_>, _>>()?;
            let name = format!("column{}", column + 1);
            let undecided =
                unknowns != Unknowns::Settle && types.iter().all(|t| *t == Type::Unknown);
            if undecided || unknowns == Unknowns::KeepCells {
                fields.push(Field::new(name, DataType::Utf8, true));
                continue;
            }
            let common = common_type(&types).ok_or_else(|| no_common_type("VALUES", &types))?;
            for row in &mut rows {
                let cell = std::mem::take(&mut row[column]);
                row[column] = self.coerce(cell, &common, &empty, Conversion::Implicit)?;
            }
            fields.push(common.field(&name, true));
        }
        let schema = DFSchema::from_unqualified_fields(fields.into(), Default::default())
            .map_err(convert)?;
        Ok(LogicalPlan::Values(Values { schema: Arc::new(schema), values: rows }))
    }

    /// The left side of IN and the only column of its subquery, in one type.
    pub(super) fn comparable(
        &self,
        left: Expr,
        mut subquery: Subquery,
        schema: &DFSchema,
    ) -> Result<(Expr, Subquery), SqlError> {
        let inner = subquery.subquery.schema();
        if inner.fields().len() != 1 {
            return Err(SqlError::new(SqlState::SyntaxError, "subquery has too many columns"));
        }
        let types = [self.type_of(&left, schema)?, Type::of_field(inner.field(0))];
        let common = super::operator::comparable_type(&types)
            .ok_or_else(|| super::operator::undefined_operator("=", &types[0], &types[1]))?;
        let left = self.coerce(left, &common, schema, Conversion::Implicit)?;
        let plan = subquery.subquery.as_ref().clone();
        let plan = self.converted(plan, &[Some(common.clone())], None)?;
        let column = plan.schema().columns().into_iter().next().map(Expr::Column);
        let column = column.ok_or_else(|| SqlError::new(SqlState::InternalError, "no column"))?;
        let key = compared(column.clone(), &common, self.context);
        let plan = if key == column {
            plan
        } else {
            let node = Projection::try_new(vec![key], Arc::new(plan)).map_err(convert)?;
            LogicalPlan::Projection(node)
        };
        subquery.subquery = Arc::new(plan);
        Ok((compared(left, &common, self.context), subquery))
    }
}

/// A plan in which literals that nothing gave a type are plain Utf8 values, which run.
pub(crate) fn bare_literals(plan: LogicalPlan) -> Result<LogicalPlan, SqlError> {
    let bare = |expr: Expr| {
        let transformed = expr.transform_down(|part| {
            Ok(match literal_text(&part) {
                Some(text) if matches!(part, Expr::ScalarFunction(_)) => {
                    Transformed::yes(Expr::Literal(ScalarValue::Utf8(Some(text)), None))
                }
                _ => Transformed::no(part),
            })
        });
        transformed.map(|transformed| transformed.data).map_err(convert)
    };
    match plan {
        LogicalPlan::Projection(node) => {
            let names = NamePreserver::new_for_projection();
            let exprs = node
                .expr
                .into_iter()
                .map(|expr| {
                    let saved = names.save(&expr);
                    bare(expr).map(|expr| saved.restore(expr))
                })
                .collect::<Result<Vec<_>, _>>()?;
            Ok(LogicalPlan::Projection(Projection::try_new(exprs, node.input).map_err(convert)?))
        }
        LogicalPlan::Values(node) => {
            let values = node
                .values
                .into_iter()
                .map(|row| row.into_iter().map(bare).collect())
                .collect::<Result<Vec<Vec<Expr>>, _>>()?;
            Ok(LogicalPlan::Values(Values { schema: node.schema, values }))
        }
        LogicalPlan::SubqueryAlias(node) => {
            let input = bare_literals(unwrap(node.input))?;
            let node = SubqueryAlias::try_new(Arc::new(input), node.alias).map_err(convert)?;
            Ok(LogicalPlan::SubqueryAlias(node))
        }
        other => Ok(other),
    }
}

/// 2201W for LIMIT or OFFSET.
pub(crate) fn negative_count(word: &str) -> SqlError {
    SqlError::new(SqlState::InvalidLimitValue, format!("{word} must not be negative"))
}

fn has_aggregate(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Aggregate(_))
}

fn is_negative(value: &datafusion::common::ScalarValue) -> bool {
    use datafusion::common::ScalarValue as S;
    matches!(value, S::Int32(Some(n)) if *n < 0) || matches!(value, S::Int64(Some(n)) if *n < 0)
}

pub(super) fn unwrap(plan: Arc<LogicalPlan>) -> LogicalPlan {
    Arc::unwrap_or_clone(plan)
}

pub(super) fn convert(error: DataFusionError) -> SqlError {
    from_datafusion(&error)
}

/// The type of each output column of a settled plan.
pub(crate) fn output_types(plan: &LogicalPlan) -> Vec<SqlType> {
    let of = |field: &Arc<Field>| SqlType::of_field(field).unwrap_or(SqlType::Text);
    plan.schema().fields().iter().map(of).collect()
}
