//! What stands after FROM: a relation, a subquery, a window table function, joins of these.

use super::expression::Scope;
use super::kind::Kind;
use super::query::Queries;
use super::relation::{Column, Relation, Writes};

/// What stands after FROM, and the columns that it brings into scope.
#[derive(Debug)]
pub(super) struct From {
    /// Its text.
    pub(super) sql: String,
    /// Columns with the alias in front.
    pub(super) columns: Vec<Column>,
    /// The start and end of windows, if it makes windows.
    pub(super) window: Option<[Column; 2]>,
    /// Whether the windows close: they are of a source, with nothing between.
    pub(super) closes: bool,
}

/// Joins on top of each other up to which views with joins are read, and joins begun: each may
/// square the rows.
const JOIN_COUNT_MAX: usize = 2;

impl Queries<'_> {
    /// What stands after FROM.
    pub(super) fn from(&mut self, depth: u8) -> From {
        match self.random.u8(..10) {
            0..=2 if depth > 0 && self.join_count < JOIN_COUNT_MAX => self.joined(depth - 1),
            3..=4 => match self.windowed() {
                Some(from) => from,
                None => self.single(depth),
            },
            _ => self.single(depth),
        }
    }

    /// A relation or a subquery, under an alias.
    fn single(&mut self, depth: u8) -> From {
        let alias = self.next_alias();
        if depth > 0 && self.random.u8(..4) == 0 {
            self.constructs.push("subquery");
            let query = self.body(depth - 1);
            return aliased(&format!("({})", query.sql), &alias, &query.columns);
        }
        let relation = self.relation();
        aliased(&relation.name, &alias, &relation.columns)
    }

    /// A relation.
    fn relation(&mut self) -> Relation {
        let mut relation = &self.relations[self.random.usize(..self.relations.len())];
        if self.join_count + relation.join_count > JOIN_COUNT_MAX {
            // There is always one without joins: a table.
            relation =
                self.relations.iter().find(|other| other.join_count == 0).unwrap_or(relation);
        }
        let relation = relation.clone();
        self.join_count += relation.join_count;
        relation
    }

    /// TUMBLE or HOP over a relation that has a timestamp.
    fn windowed(&mut self) -> Option<From> {
        let is_timestamp = |column: &&Column| column.kind == Kind::Timestamp;
        let source = self.relations.iter().find(|relation| relation.writes == Writes::Appended);
        let relation = match source {
            Some(source) if self.random.u8(..3) > 0 => source.clone(),
            _ => self.relation(),
        };
        let at = relation.columns.iter().find(is_timestamp)?.name.clone();
        let alias = self.next_alias();
        let table = if self.random.bool() {
            self.constructs.push("tumble");
            format!("TUMBLE({}, {at}, INTERVAL '{} minutes')", relation.name, self.random.u8(1..4))
        } else {
            self.constructs.push("hop");
            let slide = self.random.u8(1..4);
            let size = slide * self.random.u8(1..4);
            let name = &relation.name;
            format!("HOP({name}, {at}, INTERVAL '{slide} minutes', INTERVAL '{size} minutes')")
        };
        let window = ["window_start", "window_end"];
        let window = window.map(|name| Column { name: name.to_owned(), kind: Kind::Timestamp });
        let is_bound =
            |column: &&Column| column.name != "window_start" && column.name != "window_end";
        if !relation.columns.iter().all(|column| is_bound(&column)) {
            return None;
        }
        let mut columns = relation.columns.clone();
        columns.extend(window.clone());
        let mut from = aliased(&table, &alias, &columns);
        from.window = Some(window.map(|column| under(&alias, &column)));
        from.closes = relation.writes == Writes::Appended && at == "at";
        Some(from)
    }

    /// Two or three inputs, joined by equal columns.
    fn joined(&mut self, depth: u8) -> From {
        let count = if !self.profile.is_bulky && self.random.u8(..3) == 0 { 2 } else { 1 };
        self.join_count += count;
        let mut left = self.single(depth);
        for _ in 0..count {
            let right = self.single(depth);
            let Some(condition) = self.condition(&left.columns, &right.columns) else { continue };
            let is_left = self.random.u8(..5) < 2;
            self.constructs.push(if is_left { "left join" } else { "inner join" });
            let join = if is_left { "LEFT JOIN" } else { "JOIN" };
            left.sql = format!("{} {join} {} ON {condition}", left.sql, right.sql);
            left.columns.extend(right.columns);
        }
        left
    }

    /// Equal columns of two inputs, now and then with a further condition.
    fn condition(&mut self, left: &[Column], right: &[Column]) -> Option<String> {
        let mut pairs = Vec::new();
        for a in left {
            for b in right.iter().filter(|b| b.kind == a.kind && a.kind != Kind::Bool) {
                pairs.push(format!("{} = {}", a.name, b.name));
            }
        }
        let keys: Vec<_> = pairs
            .iter()
            .filter(|pair| pair.split(" = ").all(|name| name.ends_with(".k")))
            .collect();
        let first = match keys.first() {
            Some(key) if self.random.bool() => (*key).clone(),
            _ => pairs.get(self.random.usize(..pairs.len().max(1)))?.clone(),
        };
        let mut condition = first;
        if self.random.u8(..4) == 0 {
            condition = format!("{condition} AND {}", pairs[self.random.usize(..pairs.len())]);
        }
        if self.random.u8(..5) == 0 {
            self.constructs.push("further join condition");
            let columns: Vec<_> = left.iter().chain(right).cloned().collect();
            let scope = Scope { columns: &columns, profile: self.profile };
            condition = format!("{condition} AND {}", scope.predicate(1, self.random));
        }
        Some(condition)
    }

    /// An alias that is used nowhere else in the query.
    pub(super) fn next_alias(&mut self) -> String {
        self.alias_count += 1;
        format!("a{}", self.alias_count)
    }
}

fn aliased(sql: &str, alias: &str, columns: &[Column]) -> From {
    let columns = columns.iter().map(|column| under(alias, column)).collect();
    From { sql: format!("{sql} AS {alias}"), columns, window: None, closes: false }
}

fn under(alias: &str, column: &Column) -> Column {
    Column { name: format!("{alias}.{}", column.name), kind: column.kind }
}
