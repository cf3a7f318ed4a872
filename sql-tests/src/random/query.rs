//! Queries of views, within what is kept incrementally.

use super::expression::Scope;
use super::from::From;
use super::kind::{Kind, Profile};
use super::relation::{Column, Relation, Writes};
use fastrand::Rng;

/// Draws queries over relations.
pub(super) struct Queries<'a> {
    /// What can be read; WITH adds to it for one query.
    pub(super) relations: Vec<Relation>,
    /// What values are like.
    pub(super) profile: Profile,
    /// What the query is made of.
    pub(super) constructs: Vec<&'static str>,
    /// Joins so far, with those below what is read.
    pub(super) join_count: usize,
    /// Aliases given.
    pub(super) alias_count: usize,
    /// Chance.
    pub(super) random: &'a mut Rng,
}

/// A query, with the names and kinds of what it gives.
#[derive(Debug, Clone)]
pub(super) struct Query {
    /// Its text.
    pub(super) sql: String,
    /// What it gives.
    pub(super) columns: Vec<Column>,
    /// Whether windows may be emitted on close.
    closes: bool,
}

/// How deep subqueries and joins are nested.
const DEPTH: u8 = 2;

impl Queries<'_> {
    /// A query for a view.
    pub(super) fn view(&mut self) -> Query {
        if self.random.u8(..8) == 0 {
            return self.with();
        }
        let mut query = self.body(DEPTH);
        if query.closes && self.random.bool() {
            self.constructs.push("emit on window close");
            query.sql.push_str(" EMIT ON WINDOW CLOSE");
        }
        query
    }

    /// A query over a common table expression, which it may use twice.
    fn with(&mut self) -> Query {
        self.constructs.push("with");
        let common = self.body(1);
        let relation = Relation {
            name: "w".to_owned(),
            columns: common.columns,
            writes: Writes::None,
            join_count: self.join_count,
        };
        let relations = std::mem::replace(&mut self.relations, vec![relation]);
        let query = self.body(1);
        self.relations = relations;
        let sql = format!("WITH w AS ({}) {}", common.sql, query.sql);
        Query { sql, closes: false, ..query }
    }

    /// A query without WITH.
    pub(super) fn body(&mut self, depth: u8) -> Query {
        match self.random.u8(..12) {
            0..=4 => {
                let from = self.from(depth);
                self.grouped(&from)
            }
            5 | 6 if depth > 0 => self.union(depth - 1),
            7 => {
                self.constructs.push("distinct");
                let query = self.projected(depth, None);
                let sql = query.sql.replacen("SELECT", "SELECT DISTINCT", 1);
                Query { sql, ..query }
            }
            _ => self.projected(depth, None),
        }
    }

    /// SELECT … FROM … WHERE; of given kinds, if there are any.
    fn projected(&mut self, depth: u8, kinds: Option<&[Kind]>) -> Query {
        let from = self.from(depth);
        let profile = self.profile;
        let scope = Scope { columns: &from.columns, profile };
        let drawn: Vec<Column> = match kinds {
            Some(kinds) => {
                let of = |kind: &Kind| Column {
                    name: scope.expression(*kind, 2, self.random),
                    kind: *kind,
                };
                kinds.iter().map(of).collect()
            }
            None => {
                let count = self.random.usize(1..=4);
                (0..count).map(|_| scope.any(2, self.random)).collect()
            }
        };
        self.constructs.push("projection");
        let condition = self.filter(&from);
        select(&drawn, &format!("{}{condition}", from.sql))
    }

    /// WHERE, or nothing.
    fn filter(&mut self, from: &From) -> String {
        if self.random.bool() {
            return String::new();
        }
        self.constructs.push("filter");
        let scope = Scope { columns: &from.columns, profile: self.profile };
        // Where a condition fails for a row, it depends on the order of all conditions, and on where
        // they stand to joins, whether the row is met at all.
        format!(
            " WHERE {}",
            scope.predicate(if self.profile.is_extreme { 0 } else { 2 }, self.random)
        )
    }

    /// Branches of the same kinds.
    fn union(&mut self, depth: u8) -> Query {
        let first = self.projected(depth, None);
        let kinds: Vec<_> = first.columns.iter().map(|column| column.kind).collect();
        let mut sql = first.sql;
        for _ in 0..self.random.usize(1..=2) {
            let other = self.projected(depth, Some(&kinds));
            let (word, construct) = match self.random.u8(..4) {
                0 => ("UNION", "union"),
                _ => ("UNION ALL", "union all"),
            };
            self.constructs.push(construct);
            sql = format!("{sql} {word} {}", other.sql);
        }
        Query { sql, columns: first.columns, closes: false }
    }

    /// SELECT keys, aggregates FROM … GROUP BY … HAVING.
    fn grouped(&mut self, from: &From) -> Query {
        let profile = self.profile;
        let scope = Scope { columns: &from.columns, profile };
        let mut keys = Vec::new();
        if let Some([start, end]) = &from.window {
            keys.push(start.clone());
            if self.random.bool() {
                keys.push(end.clone());
            }
        }
        for _ in 0..[0, 1, 1, 2][self.random.usize(..4)] {
            let key = scope.any(1, self.random);
            let key = match key.kind {
                Kind::Timestamp if self.random.bool() => {
                    self.constructs.push("group by date_trunc");
                    Column { name: scope.truncated(&key.name, self.random), ..key }
                }
                _ => key,
            };
            keys.push(key);
        }
        // A key that names no column would be a constant, or the number of a column.
        keys.retain(|key| from.columns.iter().any(|column| key.name.contains(&column.name)));
        // Known: DataFusion names a cast like its column, and takes one key for the other.
        keys.retain(|key| {
            let inner = key.name.rsplit_once("::").map(|(inner, _)| inner);
            from.columns.iter().all(|column| inner != Some(column.name.as_str()))
        });
        self.constructs.push(if keys.is_empty() { "aggregate of all" } else { "group by" });
        let count = self.random.usize(1..=4);
        let mut drawn = keys.clone();
        for _ in 0..count {
            drawn.push(scope.aggregate(self.random, &mut self.constructs));
        }
        let mut tail = format!("{}{}", from.sql, self.filter(from));
        if !keys.is_empty() {
            let numbers: Vec<_> = (1..=keys.len()).map(|number| number.to_string()).collect();
            tail.push_str(&format!(" GROUP BY {}", numbers.join(", ")));
        }
        if self.random.u8(..5) == 0 {
            self.constructs.push("having");
            let of = scope.aggregate(self.random, &mut self.constructs);
            let bound = of.kind.literal(self.profile, self.random);
            let operator = [">", "<", "<>", ">="][self.random.usize(..4)];
            tail.push_str(&format!(" HAVING {} {operator} {bound}", of.name));
        }
        let closes = from.closes;
        Query { closes, ..select(&drawn, &tail) }
    }
}

/// SELECT of expressions, which get names.
fn select(drawn: &[Column], tail: &str) -> Query {
    let name = |number: usize| format!("c{number}");
    let list: Vec<_> = drawn
        .iter()
        .enumerate()
        .map(|(number, column)| format!("{} AS {}", column.name, name(number)))
        .collect();
    let columns = drawn.iter().enumerate();
    let columns =
        columns.map(|(number, column)| Column { name: name(number), kind: column.kind }).collect();
    Query { sql: format!("SELECT {} FROM {tail}", list.join(", ")), columns, closes: false }
}
