//! One logical node into one incremental node; the only match over DataFusion's nodes.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::concat;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::logical_expr::{
    Distinct, EmptyRelation, Expr, Extension, LogicalPlan, Projection, TableScan, Union, Values,
};
use kappa_plan::{Expression, Input, Node, Operator};
use kappa_types::{SqlError, SqlState, SqlType};

use super::closed::ClosedNode;
use super::expression::{as_column, column, compile};
use super::plan_error;
use super::{aggregate, close, join, prepare, properties, window};
use crate::source::{RelationSource, ScanTarget};
use crate::window_node::WindowNode;

/// The node for `plan` and everything below it.
pub(super) fn lower(plan: &LogicalPlan) -> Result<Node, SqlError> {
    match plan {
        LogicalPlan::TableScan(scan) => input(scan),
        LogicalPlan::SubqueryAlias(alias) => lower(&alias.input),
        LogicalPlan::Projection(projection) => project(projection),
        LogicalPlan::Filter(filter) => {
            let input = lower(&filter.input)?;
            let predicate = compile(&filter.predicate, filter.input.schema(), "filter")?;
            Ok(filter_node(input, predicate))
        }
        LogicalPlan::Aggregate(aggregate) => aggregate::lower(aggregate),
        LogicalPlan::Distinct(Distinct::All(input)) => Ok(distinct(lower(input)?)),
        LogicalPlan::Join(join) => join::lower(join),
        LogicalPlan::Union(union) => lower_union(union),
        LogicalPlan::Values(values) => constant(values),
        LogicalPlan::EmptyRelation(empty) => Ok(empty_relation(empty)),
        LogicalPlan::Extension(Extension { node }) => {
            if let Some(closed) = node.as_any().downcast_ref::<ClosedNode>() {
                return close::freeze(lower(&closed.input)?);
            }
            match node.as_any().downcast_ref::<WindowNode>() {
                Some(node) => assign_window(node),
                None => Err(refused(node.name())),
            }
        }
        // Without LIMIT an order has no meaning in a view.
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => lower(&sort.input),
        LogicalPlan::Sort(_) | LogicalPlan::Limit(_) => Err(SqlError::unsupported(
            "LIMIT and OFFSET cannot be kept in a materialized view yet",
            "Put LIMIT into the query that reads the view.",
        )),
        LogicalPlan::Distinct(Distinct::On(_)) => Err(prepare::distinct_on()),
        LogicalPlan::Window(_) => Err(SqlError::unsupported(
            "window functions (OVER) cannot be kept in a materialized view yet",
            "Group by TUMBLE or HOP instead, or run the query as a SELECT.",
        )),
        LogicalPlan::RecursiveQuery(_) => Err(SqlError::unsupported(
            "WITH RECURSIVE cannot be kept in a materialized view yet",
            "Run the query as a SELECT, or unroll it to a fixed depth with joins.",
        )),
        other => Err(refused(&other.display().to_string())),
    }
}

fn refused(what: &str) -> SqlError {
    let what = what.split([':', ' ']).next().unwrap_or(what).to_lowercase();
    SqlError::unsupported(
        format!("{what} cannot be kept in a materialized view yet"),
        "Run the query as a SELECT, or write the view with joins, GROUP BY and UNION ALL.",
    )
}

/// The Arrow schema of a logical schema, without qualifiers.
pub(super) fn arrow_schema(schema: &DFSchema) -> SchemaRef {
    Arc::clone(schema.inner())
}

/// The schema of some expressions.
pub(super) fn schema_of(expressions: &[Expression]) -> SchemaRef {
    let fields: Vec<_> = expressions.iter().map(|e| e.sql_type.field(&e.name, true)).collect();
    Arc::new(Schema::new(fields))
}

fn input(scan: &TableScan) -> Result<Node, SqlError> {
    let source: Option<&RelationSource> = scan.source.downcast_ref();
    let Some(source) = source else {
        return Err(SqlError::unsupported(
            format!(
                "table function {}() cannot be kept in a materialized view yet",
                scan.table_name.table()
            ),
            "INSERT its rows into a table and read that.",
        ));
    };
    let ScanTarget::Relation(relation) = &source.target else {
        return Err(SqlError::new(
            SqlState::InvalidObjectDefinition,
            format!("system relation \"{}\" cannot be in a materialized view", scan.table_name),
        )
        .with_hint("Its rows are not in the log; read it with a SELECT."));
    };
    let all: Vec<usize> = (0..source.schema.columns.len()).collect();
    let indices = scan.projection.as_ref().unwrap_or(&all);
    let columns = indices.iter().map(|index| source.schema.columns[*index].id).collect();
    let name = relation.name.clone();
    Ok(Node {
        operator: Operator::Input(Input { relation: relation.id, name, columns }),
        schema: arrow_schema(&scan.projected_schema),
        properties: properties::projected(&source.properties, &|column| {
            indices.iter().position(|index| *index == column)
        }),
    })
}

fn project(projection: &Projection) -> Result<Node, SqlError> {
    let input = lower(&projection.input)?;
    let schema = projection.input.schema();
    let expressions = projection
        .expr
        .iter()
        .zip(projection.schema.fields())
        .map(|(expr, field)| compile(expr, schema, field.name()))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(project_node(input, expressions))
}

/// A Project, unless it would change nothing but names; then the input under those names.
pub(super) fn project_node(mut input: Node, expressions: Vec<Expression>) -> Node {
    let schema = schema_of(&expressions);
    let identity = expressions.len() == input.schema.fields().len()
        && expressions.iter().enumerate().all(|(index, e)| as_column(e) == Some(index));
    if identity {
        input.schema = renamed(&input.schema, &schema);
        return input;
    }
    let properties = properties::projected(&input.properties, &|column| {
        expressions.iter().position(|expression| as_column(expression) == Some(column))
    });
    Node { operator: Operator::Project { input: Box::new(input), expressions }, schema, properties }
}

/// The fields of `schema` under the names of `names`; types and metadata stay.
fn renamed(schema: &SchemaRef, names: &SchemaRef) -> SchemaRef {
    let pairs = schema.fields().iter().zip(names.fields());
    let fields = pairs.map(|(field, name)| field.as_ref().clone().with_name(name.name()));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A Project that picks columns.
pub(super) fn pick(input: Node, columns: &[usize]) -> Node {
    let expressions =
        columns.iter().map(|index| column(*index, input.schema.field(*index))).collect();
    project_node(input, expressions)
}

pub(super) fn filter_node(input: Node, predicate: Expression) -> Node {
    let (schema, properties) = (Arc::clone(&input.schema), input.properties.clone());
    Node { operator: Operator::Filter { input: Box::new(input), predicate }, schema, properties }
}

fn distinct(input: Node) -> Node {
    let keys: Vec<usize> = (0..input.schema.fields().len()).collect();
    aggregate::aggregate_node(input, keys, Vec::new())
}

fn lower_union(union: &Union) -> Result<Node, SqlError> {
    let schema = arrow_schema(&union.schema);
    let mut inputs = Vec::with_capacity(union.inputs.len());
    for input in &union.inputs {
        let input = lower(input)?;
        let same = input.schema.fields().iter().zip(schema.fields());
        if let Some((found, wanted)) =
            same.clone().find(|(found, wanted)| found.data_type() != wanted.data_type())
        {
            return Err(SqlError::new(
                SqlState::DatatypeMismatch,
                format!(
                    "UNION types {} and {} cannot be matched",
                    type_name(wanted),
                    type_name(found)
                ),
            ));
        }
        inputs.push(input);
    }
    let properties = properties::union(&inputs);
    let inputs = inputs
        .into_iter()
        .map(|mut input| {
            input.schema = renamed(&input.schema, &schema);
            input
        })
        .collect();
    Ok(Node { operator: Operator::Union { inputs }, schema, properties })
}

fn type_name(field: &arrow::datatypes::Field) -> String {
    SqlType::of_field(field).map_or_else(|| field.data_type().to_string(), |t| t.name())
}

fn constant(values: &Values) -> Result<Node, SqlError> {
    let schema = arrow_schema(&values.schema);
    let mut columns: Vec<Vec<ArrayRef>> = vec![Vec::new(); schema.fields().len()];
    for row in &values.values {
        for (column, expr) in columns.iter_mut().zip(row) {
            column.push(evaluate_alone(expr)?);
        }
    }
    let columns = columns
        .iter()
        .map(|parts| {
            let parts: Vec<&dyn arrow::array::Array> = parts.iter().map(AsRef::as_ref).collect();
            concat(&parts)
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| plan_error(error.into()))?;
    let options = RecordBatchOptions::new().with_row_count(Some(values.values.len()));
    let rows = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)
        .map_err(|error| plan_error(error.into()))?;
    Ok(constant_node(rows))
}

/// The value of an expression without columns.
fn evaluate_alone(expr: &Expr) -> Result<ArrayRef, SqlError> {
    let expression = compile(expr, &DFSchema::empty(), "value")?;
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let nothing = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)
        .map_err(|error| plan_error(error.into()))?;
    let value = expression.physical.evaluate(&nothing).map_err(plan_error)?;
    value.into_array(1).map_err(plan_error)
}

fn empty_relation(empty: &EmptyRelation) -> Node {
    let schema = arrow_schema(&empty.schema);
    let row_count = usize::from(empty.produce_one_row);
    let columns = schema
        .fields()
        .iter()
        .map(|field| arrow::array::new_null_array(field.data_type(), row_count))
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(row_count));
    let rows = RecordBatch::try_new_with_options(schema, columns, &options)
        .expect("NULLs fit every nullable field, and no rows fit any");
    constant_node(rows)
}

fn constant_node(rows: RecordBatch) -> Node {
    let schema = rows.schema();
    let properties = properties::constant(rows.num_rows());
    Node { operator: Operator::Constant { rows }, schema, properties }
}

fn assign_window(node: &WindowNode) -> Result<Node, SqlError> {
    use datafusion::logical_expr::UserDefinedLogicalNodeCore;
    let input = lower(&node.input)?;
    let time = node.input.schema().maybe_index_of_column(&node.time).ok_or_else(|| {
        SqlError::new(SqlState::InternalError, format!("there is no column {}", node.time))
    })?;
    let schema = arrow_schema(UserDefinedLogicalNodeCore::schema(node));
    Ok(window::assign_node(input, time, node.window, schema))
}
