//! Plans written by hand, as the sql layer would make them.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator as Binary;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use kappa_plan::{
    Aggregate, AggregateFunction, Emit, Expression, Input, JoinKind, Node, NullTime, Operator,
    Properties, ViewPlan, WatermarkLineage, Window,
};
use kappa_types::{ColumnId, RelationId, SqlType};

pub(crate) type Physical = Arc<dyn PhysicalExpr>;

/// All columns of a relation.
pub(crate) fn input(id: u32, schema: &SchemaRef, append_only: bool) -> Node {
    let columns = (0..schema.fields().len() as u32).map(|index| ColumnId(id * 100 + index));
    let input =
        Input { relation: RelationId(id), name: format!("r{id}"), columns: columns.collect() };
    Node {
        operator: Operator::Input(input),
        schema: schema.clone(),
        properties: Properties { append_only, unique_keys: Vec::new() },
    }
}

pub(crate) fn column(node: &Node, index: usize) -> Physical {
    Arc::new(Column::new(node.schema.field(index).name(), index))
}

pub(crate) fn literal(value: impl Into<ScalarValue>) -> Physical {
    Arc::new(Literal::new(value.into()))
}

pub(crate) fn binary(left: Physical, op: Binary, right: Physical) -> Physical {
    Arc::new(BinaryExpr::new(left, op, right).with_fail_on_overflow(true))
}

fn expression(physical: Physical, name: &str, sql_type: SqlType) -> Expression {
    Expression { text: physical.to_string(), physical, name: name.to_owned(), sql_type }
}

pub(crate) fn filter(input: Node, predicate: Physical) -> Node {
    Node {
        schema: input.schema.clone(),
        properties: input.properties.clone(),
        operator: Operator::Filter {
            input: Box::new(input),
            predicate: expression(predicate, "predicate", SqlType::Boolean),
        },
    }
}

pub(crate) fn project(input: Node, expressions: Vec<(Physical, &str, SqlType)>) -> Node {
    let fields: Vec<Field> = expressions.iter().map(|(_, name, t)| t.field(name, true)).collect();
    let append_only = input.properties.append_only;
    let expressions = expressions.into_iter().map(|(p, name, t)| expression(p, name, t)).collect();
    Node {
        operator: Operator::Project { input: Box::new(input), expressions },
        schema: Arc::new(Schema::new(fields)),
        properties: Properties { append_only, unique_keys: Vec::new() },
    }
}

/// An aggregate call; `argument` and type of the result.
pub(crate) fn call(
    function: AggregateFunction,
    argument: Option<usize>,
    sql_type: SqlType,
) -> Aggregate {
    let name = format!("{}_{}", function.name(), argument.map_or("rows".into(), |a| a.to_string()));
    Aggregate { function, argument, distinct: false, filter: None, name, sql_type }
}

pub(crate) fn aggregate(input: Node, keys: Vec<usize>, aggregates: Vec<Aggregate>) -> Node {
    let mut fields: Vec<Field> = keys.iter().map(|key| input.schema.field(*key).clone()).collect();
    fields.extend(aggregates.iter().map(|call| call.sql_type.field(&call.name, true)));
    let unique = (0..keys.len()).collect();
    Node {
        operator: Operator::Aggregate { input: Box::new(input), keys, aggregates },
        schema: Arc::new(Schema::new(fields)),
        properties: Properties { append_only: false, unique_keys: vec![unique] },
    }
}

pub(crate) fn window_aggregate(
    input: Node,
    time: usize,
    window: Window,
    keys: Vec<usize>,
    aggregates: Vec<Aggregate>,
) -> Node {
    let mut fields: Vec<Field> = keys.iter().map(|key| input.schema.field(*key).clone()).collect();
    let kind = input.schema.field(time).data_type().clone();
    fields.push(Field::new("window_start", kind.clone(), true));
    fields.push(Field::new("window_end", kind, true));
    fields.extend(aggregates.iter().map(|call| call.sql_type.field(&call.name, true)));
    let unique = (0..keys.len() + 2).collect();
    let null_time = NullTime::Drop;
    Node {
        operator: Operator::WindowAggregate {
            input: Box::new(input),
            time,
            window,
            null_time,
            keys,
            aggregates,
        },
        schema: Arc::new(Schema::new(fields)),
        properties: Properties { append_only: false, unique_keys: vec![unique] },
    }
}

pub(crate) fn close(input: Node, window_start: usize, window: Window) -> Node {
    Node {
        schema: input.schema.clone(),
        properties: Properties { append_only: true, ..input.properties.clone() },
        operator: Operator::Close { input: Box::new(input), window_start, window },
    }
}

pub(crate) fn join(
    left: (Node, Vec<usize>),
    right: (Node, Vec<usize>),
    kind: JoinKind,
    residual: Option<Physical>,
) -> Node {
    let arrange = |(input, key): (Node, Vec<usize>)| Node {
        schema: input.schema.clone(),
        properties: input.properties.clone(),
        operator: Operator::Arrange { input: Box::new(input), key },
    };
    let (left, right) = (arrange(left), arrange(right));
    let fields: Vec<_> =
        left.schema.fields().iter().chain(right.schema.fields()).cloned().collect();
    let append_only =
        kind == JoinKind::Inner && left.properties.append_only && right.properties.append_only;
    Node {
        schema: Arc::new(Schema::new(fields)),
        properties: Properties { append_only, unique_keys: Vec::new() },
        operator: Operator::Join {
            left: Box::new(left),
            right: Box::new(right),
            kind,
            residual: residual.map(|physical| expression(physical, "on", SqlType::Boolean)),
        },
    }
}

/// A view that shows every change.
pub(crate) fn view(root: Node) -> ViewPlan {
    ViewPlan { root, emit: Emit::OnUpdate }
}

/// A view that shows closed windows; the watermark is that of `relation`.
pub(crate) fn closed_view(root: Node, relation: u32) -> ViewPlan {
    let lineage = vec![WatermarkLineage { relation: RelationId(relation), mapping: None }];
    ViewPlan { root, emit: Emit::OnWindowClose { lineage } }
}
