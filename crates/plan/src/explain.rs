//! How EXPLAIN shows a plan: one line per node, children indented, each with its way of running.

use std::fmt;

use crate::{Aggregate, Emit, JoinKind, Node, Operator, ViewPlan};

impl fmt::Display for ViewPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Emit::OnWindowClose { .. } = self.emit {
            writeln!(f, "Emit on window close")?;
        }
        write_node(&self.root, 0, f)
    }
}

fn write_node(node: &Node, depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let indent = "  ".repeat(depth);
    writeln!(f, "{indent}{}  [incremental]", Line(node))?;
    node.children().into_iter().try_for_each(|child| write_node(child, depth + 1, f))
}

/// One node without its children.
struct Line<'a>(&'a Node);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let append_only = if self.0.properties.append_only { " (append-only)" } else { "" };
        match &self.0.operator {
            Operator::Input(input) => write!(f, "Input {}{append_only}", input.name),
            Operator::Constant { rows } => write!(f, "Constant {} rows", rows.num_rows()),
            Operator::Filter { predicate, .. } => write!(f, "Filter {}", predicate.text),
            Operator::Project { expressions, .. } => {
                let texts: Vec<_> = expressions.iter().map(|e| e.text.as_str()).collect();
                write!(f, "Project {}", texts.join(", "))
            }
            Operator::AssignWindow { time, window, input } => {
                write!(f, "AssignWindow {window} of {}", column(input, *time))
            }
            Operator::Aggregate { input, keys, aggregates } => {
                f.write_str("Aggregate")?;
                write_groups(f, input, keys, aggregates)
            }
            Operator::WindowAggregate { input, time, window, keys, aggregates, .. } => {
                write!(f, "WindowAggregate {window} of {}", column(input, *time))?;
                write_groups(f, input, keys, aggregates)
            }
            Operator::Arrange { input, key } => {
                write!(f, "Arrange by {}", columns(input, key))
            }
            Operator::Join { kind, residual, .. } => {
                let kind = match kind {
                    JoinKind::Inner => "inner",
                    JoinKind::Left => "left",
                };
                write!(f, "Join {kind}")?;
                match residual {
                    Some(residual) => write!(f, " on {}", residual.text),
                    None => Ok(()),
                }
            }
            Operator::Union { .. } => f.write_str("Union"),
            Operator::Close { input, window_start, window }
            | Operator::Frozen { input, window_start, window, .. } => {
                write!(f, "Close {window} by {}", column(input, *window_start))
            }
        }
    }
}

fn write_groups(
    f: &mut fmt::Formatter<'_>,
    input: &Node,
    keys: &[usize],
    aggregates: &[Aggregate],
) -> fmt::Result {
    if !keys.is_empty() {
        write!(f, " by {}", columns(input, keys))?;
    }
    let calls: Vec<_> = aggregates.iter().map(|call| call_text(input, call)).collect();
    if calls.is_empty() { Ok(()) } else { write!(f, ": {}", calls.join(", ")) }
}

fn call_text(input: &Node, call: &Aggregate) -> String {
    let distinct = if call.distinct { "distinct " } else { "" };
    let argument = call.argument.map_or_else(|| "*".to_owned(), |index| column(input, index));
    let filter =
        call.filter.map_or_else(String::new, |index| format!(" filter {}", column(input, index)));
    format!("{}({distinct}{argument}){filter}", call.function.name())
}

fn column(input: &Node, index: usize) -> String {
    input.schema.field(index).name().clone()
}

fn columns(input: &Node, indices: &[usize]) -> String {
    indices.iter().map(|index| column(input, *index)).collect::<Vec<_>>().join(", ")
}
