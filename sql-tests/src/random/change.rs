//! Changes of rows: inserts of several sizes, updates, deletes, upserts, many in a transaction.

use super::expression::Scope;
use super::kind::Profile;
use super::relation::{Column, Relation, Writes};
use fastrand::Rng;

/// Keys of a table, so that inserts meet what is there.
const KEY_COUNT: usize = 60;
/// Rows of a usual statement, at most.
const ROW_COUNT_MAX: usize = 12;
/// Rows of a bulky statement, at most.
const BULK_ROW_COUNT_MAX: usize = 400;

/// A message that changes rows: one statement, or a transaction.
pub(super) fn draw(relations: &[Relation], profile: Profile, random: &mut Rng) -> Vec<String> {
    let writable: Vec<_> = relations.iter().filter(|r| r.writes != Writes::None).collect();
    let one =
        |random: &mut Rng| statement(writable[random.usize(..writable.len())], profile, random);
    if random.u8(..4) > 0 {
        return vec![one(random)];
    }
    let mut statements = vec!["BEGIN".to_owned()];
    for _ in 0..random.usize(2..7) {
        statements.push(one(random));
    }
    statements.push(if random.u8(..5) == 0 { "ROLLBACK" } else { "COMMIT" }.to_owned());
    statements
}

fn statement(relation: &Relation, profile: Profile, random: &mut Rng) -> String {
    let name = &relation.name;
    let scope = Scope { columns: &relation.columns, profile };
    if relation.writes == Writes::Appended {
        return insert(relation, profile, random);
    }
    match random.u8(..10) {
        0..=4 => insert(relation, profile, random),
        5 | 6 => {
            let sets = assignments(&scope, &relation.columns[1..], random);
            format!("UPDATE {name} SET {sets}{}", condition(&scope, random))
        }
        7 if relation.writes == Writes::Keyed => {
            let to = random.usize(..KEY_COUNT);
            format!("UPDATE {name} SET id = {to} WHERE id = {}", random.usize(..KEY_COUNT))
        }
        8 => {
            let from = random.usize(..KEY_COUNT);
            format!("DELETE FROM {name} WHERE id >= {from} AND id < {}", from + 5)
        }
        _ if random.u8(..12) == 0 => format!("DELETE FROM {name}"),
        _ => format!("DELETE FROM {name} WHERE {}", scope.predicate(2, random)),
    }
}

/// WHERE, which usually takes few rows.
fn condition(scope: &Scope<'_>, random: &mut Rng) -> String {
    match random.u8(..5) {
        0 => String::new(),
        1 | 2 => format!(" WHERE id = {}", random.usize(..KEY_COUNT)),
        _ => format!(" WHERE {}", scope.predicate(1, random)),
    }
}

fn assignments(scope: &Scope<'_>, columns: &[Column], random: &mut Rng) -> String {
    let first = random.usize(..columns.len());
    let count = random.usize(1..=2).min(columns.len() - first);
    let set =
        |column: &Column| format!("{} = {}", column.name, scope.expression(column.kind, 1, random));
    columns[first..first + count].iter().map(set).collect::<Vec<_>>().join(", ")
}

fn insert(relation: &Relation, profile: Profile, random: &mut Rng) -> String {
    let count = match random.u8(..6) {
        0 if profile.is_bulky => random.usize(ROW_COUNT_MAX..BULK_ROW_COUNT_MAX),
        1 | 2 => 1,
        _ => random.usize(1..=ROW_COUNT_MAX),
    };
    let is_keyed = relation.writes == Writes::Keyed;
    let is_upsert = is_keyed && random.u8(..4) > 0;
    let first = random.usize(..KEY_COUNT);
    let row = |number: usize| {
        let values = relation.columns.iter().map(|column| match column.name.as_str() {
            // An upsert must not meet a row twice.
            "id" if is_keyed => ((first + number) % count.max(KEY_COUNT)).to_string(),
            "id" => random.usize(..KEY_COUNT).to_string(),
            // Keys to join by meet often, and bulky rounds do not multiply.
            "k" if count > ROW_COUNT_MAX => number.to_string(),
            _ => column.kind.value(profile, random),
        });
        format!("({})", values.collect::<Vec<_>>().join(", "))
    };
    let rows: Vec<_> = (0..count).map(row).collect();
    let insert = format!("INSERT INTO {} VALUES {}", relation.name, rows.join(", "));
    if !is_upsert {
        return insert;
    }
    let column = &relation.columns[random.usize(1..relation.columns.len())];
    match random.u8(..3) {
        0 => format!("{insert} ON CONFLICT (id) DO NOTHING"),
        1 => {
            let set = |column: &Column| format!("{0} = excluded.{0}", column.name);
            let sets: Vec<_> = relation.columns[1..].iter().map(set).collect();
            format!("{insert} ON CONFLICT (id) DO UPDATE SET {}", sets.join(", "))
        }
        _ => {
            let name = &column.name;
            let value = if column.kind.is_number() {
                format!("{}.{name} + excluded.{name}", relation.name)
            } else {
                format!("coalesce(excluded.{name}, {}.{name})", relation.name)
            };
            format!("{insert} ON CONFLICT (id) DO UPDATE SET {name} = {value}")
        }
    }
}
