//! What is known of the changes that a node puts out, from what is known of its inputs.

use kappa_plan::{JoinKind, Node, Properties};

/// Keys that are followed at most: joins multiply them.
const KEY_COUNT_MAX: usize = 4;

/// Through a choice of columns; `to` gives the new position of an old column.
pub(super) fn projected(input: &Properties, to: &dyn Fn(usize) -> Option<usize>) -> Properties {
    let moved = |key: &Vec<usize>| key.iter().map(|column| to(*column)).collect::<Option<Vec<_>>>();
    Properties {
        append_only: input.append_only,
        unique_keys: input.unique_keys.iter().filter_map(moved).collect(),
    }
}

/// Of rows that are there from the beginning.
pub(super) fn constant(row_count: usize) -> Properties {
    let unique_keys = if row_count <= 1 { vec![Vec::new()] } else { Vec::new() };
    Properties { append_only: true, unique_keys }
}

/// Of groups with `key_count` keys in front.
pub(super) fn groups(key_count: usize) -> Properties {
    Properties { append_only: false, unique_keys: vec![(0..key_count).collect()] }
}

/// Of all rows of several inputs.
pub(super) fn union(inputs: &[Node]) -> Properties {
    Properties {
        append_only: inputs.iter().all(|input| input.properties.append_only),
        unique_keys: match inputs {
            [only] => only.properties.unique_keys.clone(),
            _ => Vec::new(),
        },
    }
}

/// Of pairs: `left` has `left_width` columns.
pub(super) fn join(
    kind: JoinKind,
    (left, left_key): (&Properties, &[usize]),
    (right, right_key): (&Properties, &[usize]),
    left_width: usize,
) -> Properties {
    let mut unique_keys: Vec<Vec<usize>> = Vec::new();
    let shifted =
        |key: &Vec<usize>| key.iter().map(|column| column + left_width).collect::<Vec<_>>();
    if right.is_unique_on(right_key) {
        unique_keys.extend(left.unique_keys.iter().cloned());
    }
    if kind == JoinKind::Inner && left.is_unique_on(left_key) {
        unique_keys.extend(right.unique_keys.iter().map(shifted));
    }
    for left in &left.unique_keys {
        for right in &right.unique_keys {
            unique_keys.push(left.iter().copied().chain(shifted(right)).collect());
        }
    }
    unique_keys.truncate(KEY_COUNT_MAX);
    Properties {
        append_only: kind == JoinKind::Inner && left.append_only && right.append_only,
        unique_keys,
    }
}
