//! FROM: relations, joins, and where each condition may run.

use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, FunctionArg, FunctionArgExpr, JoinConstraint, JoinOperator, ObjectName,
    Spanned, TableAlias, TableFactor, TableWithJoins,
};
use kappa_types::{SqlError, SqlState};

use super::scope::{ScopeColumn, ScopeTable, fold};
use super::{Binder, Typed};
use crate::bound::{
    Comparison, Expr, Group, Item, Join, JoinKind, Node, Predicate, SetCall, SetKind, Source,
};
use crate::builtin::NAMESPACES;
use crate::error::{undefined_table, unsupported};
use crate::function;
use crate::recognize::name_parts;
use crate::value::PgType;

/// Relations that one SELECT may have: they are counted in the bits of a mask.
const SLOT_COUNT_MAX: usize = 60;

/// What a relation is called and which columns it has.
struct Named {
    name: String,
    namespace: Option<String>,
    fields: Vec<(String, PgType)>,
}

impl Binder<'_> {
    pub(super) fn from(&mut self, from: &[TableWithJoins]) -> Result<Group, SqlError> {
        let mut group = Group::default();
        for table in from {
            let joined = self.table_with_joins(table)?;
            group.nodes.extend(joined.nodes);
            group.predicates.extend(joined.predicates);
        }
        Ok(group)
    }

    fn table_with_joins(&mut self, table: &TableWithJoins) -> Result<Group, SqlError> {
        let first_column = self.frame().columns.len();
        let mut group = self.factor(&table.relation)?;
        for join in &table.joins {
            let right_column = self.frame().columns.len();
            let right = self.factor(&join.relation)?;
            let (kind, constraint) = join_kind(&join.join_operator)?;
            let on = self.constraint(constraint, first_column, right_column, kind)?;
            group = match kind {
                None => {
                    group.nodes.extend(right.nodes);
                    group.predicates.extend(right.predicates);
                    group.predicates.extend(on);
                    group
                }
                Some(Side::Left) => outer(JoinKind::Left, group, right, on),
                Some(Side::Right) => outer(JoinKind::Left, right, group, on),
                Some(Side::Full) => outer(JoinKind::Full, group, right, on),
            };
        }
        Ok(group)
    }

    fn constraint(
        &mut self,
        constraint: &JoinConstraint,
        first_column: usize,
        right_column: usize,
        kind: Option<Side>,
    ) -> Result<Vec<Predicate>, SqlError> {
        match constraint {
            JoinConstraint::None => Ok(Vec::new()),
            JoinConstraint::On(condition) => {
                self.frame().clause = "JOIN conditions";
                self.predicates(condition, "JOIN/ON")
            }
            JoinConstraint::Using(names) => {
                let names = names.iter().filter_map(|name| name_parts(name).pop()).collect();
                self.merge(names, first_column, right_column, kind)
            }
            JoinConstraint::Natural => {
                let columns = &self.frame().columns;
                let right: Vec<&ScopeColumn> =
                    columns[right_column..].iter().filter(|c| c.bare && !c.system).collect();
                let names = columns[first_column..right_column]
                    .iter()
                    .filter(|left| {
                        left.bare
                            && !left.system
                            && right.iter().any(|right| right.name == left.name)
                    })
                    .map(|left| left.name.clone())
                    .collect();
                self.merge(names, first_column, right_column, kind)
            }
        }
    }

    /// USING: both columns of each name become one, first in `*`.
    fn merge(
        &mut self,
        names: Vec<String>,
        first_column: usize,
        right_column: usize,
        kind: Option<Side>,
    ) -> Result<Vec<Predicate>, SqlError> {
        let mut merged = Vec::new();
        let mut predicates = Vec::new();
        for name in names {
            let columns = &mut self.frame().columns[first_column..];
            let (left, right) = columns.split_at_mut(right_column - first_column);
            let (left, right) = (take_bare(left, &name), take_bare(right, &name));
            let (Some(left), Some(right)) = (left, right) else {
                let message = format!("column \"{name}\" specified in USING clause does not exist");
                return Err(SqlError::new(SqlState::UndefinedColumn, message));
            };
            let expr = self.compared(left.clone(), Comparison::Equal, right.clone())?;
            predicates.push(Predicate { slots: super::scope::slots_of(&expr), expr });
            let (expr, ty) = match kind {
                None | Some(Side::Left) => (left.expr, left.ty),
                Some(Side::Right) => (right.expr, right.ty),
                Some(Side::Full) => (Expr::Coalesce(vec![left.expr, right.expr]), left.ty),
            };
            let (qualifier, namespace, bare, system) = (None, None, true, false);
            merged.push(ScopeColumn { qualifier, namespace, name, expr, ty, bare, system });
        }
        self.frame().columns.splice(first_column..first_column, merged);
        Ok(predicates)
    }

    /// The conditions that AND joins in `condition`, each with the slots it reads.
    pub(super) fn predicates(
        &mut self,
        condition: &ast::Expr,
        clause: &str,
    ) -> Result<Vec<Predicate>, SqlError> {
        match condition {
            ast::Expr::Nested(inner) => self.predicates(inner, clause),
            ast::Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                let mut predicates = self.predicates(left, clause)?;
                predicates.extend(self.predicates(right, clause)?);
                Ok(predicates)
            }
            single => {
                let outside = std::mem::take(&mut self.frame().used);
                let expr = self.condition(single, clause)?;
                let slots = std::mem::replace(&mut self.frame().used, outside);
                self.frame().used |= slots;
                Ok(vec![Predicate { expr, slots }])
            }
        }
    }

    fn factor(&mut self, factor: &TableFactor) -> Result<Group, SqlError> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                self.relation(name, alias.as_ref())
            }
            TableFactor::Table { name, alias, args: Some(args), with_ordinality, .. } => {
                self.function_relation(name, &args.args, alias.as_ref(), *with_ordinality)
            }
            TableFactor::Function { name, args, alias, with_ordinality, .. } => {
                self.function_relation(name, args, alias.as_ref(), *with_ordinality)
            }
            TableFactor::UNNEST { alias, array_exprs, with_ordinality, .. } => {
                let mut calls = Vec::new();
                for array in array_exprs {
                    calls.push(("unnest".to_owned(), vec![array]));
                }
                self.calls(calls, alias.as_ref(), *with_ordinality)
            }
            TableFactor::Derived { lateral, subquery, alias, .. } => {
                self.derived(*lateral, subquery, alias.as_ref())
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                self.table_with_joins(table_with_joins)
            }
            other => Err(unsupported(format!("{other} in FROM"))),
        }
    }

    fn relation(
        &mut self,
        name: &ObjectName,
        alias: Option<&TableAlias>,
    ) -> Result<Group, SqlError> {
        let parts = name_parts(name);
        if let [single] = parts.as_slice()
            && let Some(cte) = self.ctes.iter().rev().find(|cte| cte.name == *single).cloned()
        {
            self.note_cte(cte.frame_count);
            let named = Named { name: cte.name, namespace: None, fields: cte.columns };
            return self.item(Source::Cte(cte.id), named, alias, 0);
        }
        let builtin = self.session.builtin;
        let (namespace, relation) = match parts.as_slice() {
            [relation] => ("pg_catalog", relation),
            [.., namespace, relation] => (namespace.as_str(), relation),
            [] => return Err(undefined_table("")),
        };
        let index = builtin
            .relation_index(namespace, relation)
            .ok_or_else(|| self.locate(undefined_table(&parts.join(".")), name.span()))?;
        let found = &builtin.relations[index];
        let fields = found.columns.iter().map(|column| (column.name.clone(), column.ty.clone()));
        let named = Named {
            name: relation.clone(),
            namespace: Some(found.namespace.clone()),
            fields: fields.collect(),
        };
        self.item(Source::Relation(index), named, alias, 0)
    }

    fn function_relation(
        &mut self,
        name: &ObjectName,
        args: &[FunctionArg],
        alias: Option<&TableAlias>,
        ordinality: bool,
    ) -> Result<Group, SqlError> {
        let parts = name_parts(name);
        let name = match parts.as_slice() {
            [name] => name,
            [schema, name] if NAMESPACES.contains(&schema.as_str()) => name,
            _ => return Err(function_error(&parts)),
        };
        let mut arguments = Vec::new();
        for argument in args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument else {
                return Err(unsupported(format!("the argument {argument}")));
            };
            arguments.push(expr);
        }
        self.calls(vec![(name.clone(), arguments)], alias, ordinality)
    }

    fn calls(
        &mut self,
        calls: Vec<(String, Vec<&ast::Expr>)>,
        alias: Option<&TableAlias>,
        ordinality: bool,
    ) -> Result<Group, SqlError> {
        let first_name = calls.first().map(|(name, _)| name.clone()).unwrap_or_default();
        let table_name = alias.map_or_else(|| first_name.clone(), |alias| fold(&alias.name));
        let outside = std::mem::take(&mut self.frame().used);
        let (mut sets, mut fields) = (Vec::new(), Vec::new());
        let is_single = calls.len() == 1;
        for (name, arguments) in calls {
            let mut typed = Vec::new();
            for argument in arguments {
                typed.push(self.expr(argument)?);
            }
            let (call, mut columns) = self.table_call(&name, typed)?;
            // A function of one column names it after itself, or after the alias.
            if let ([(column, _)], true) = (columns.as_mut_slice(), is_single)
                && call.width == 1
            {
                *column = if alias.is_some() { table_name.clone() } else { column.clone() };
            }
            fields.extend(columns);
            sets.push(call);
        }
        if ordinality {
            fields.push(("ordinality".to_owned(), PgType::Int8));
        }
        let lateral = std::mem::replace(&mut self.frame().used, outside);
        let named = Named { name: table_name, namespace: None, fields };
        self.item(Source::Functions(sets, ordinality), named, alias, lateral)
    }

    fn table_call(
        &mut self,
        name: &str,
        arguments: Vec<Typed>,
    ) -> Result<(SetCall, Vec<(String, PgType)>), SqlError> {
        if function::is_set(name) {
            return self.set_call(name, arguments);
        }
        let typed = self.call(name, arguments)?;
        let columns = match &typed.ty {
            PgType::Record(fields) => fields.to_vec(),
            ty => vec![(name.to_owned(), ty.clone())],
        };
        let types = vec![typed.ty].into();
        let width = columns.len();
        let call = SetCall { kind: SetKind::Scalar, arguments: vec![typed.expr], types, width };
        Ok((call, columns))
    }

    fn derived(
        &mut self,
        lateral: bool,
        subquery: &ast::Query,
        alias: Option<&TableAlias>,
    ) -> Result<Group, SqlError> {
        let outside = std::mem::take(&mut self.frame().used);
        let hidden = std::mem::replace(&mut self.frame().hidden, !lateral);
        let query = self.query(subquery);
        self.frame().hidden = hidden;
        let slots = std::mem::replace(&mut self.frame().used, outside);
        let mut query = query?;
        let targets: Vec<PgType> = query
            .columns
            .iter()
            .map(|(_, ty)| if ty.is_unknown() { PgType::Text } else { ty.clone() })
            .collect();
        query = self.converted(query, &targets);
        let name = alias.map(|alias| fold(&alias.name)).unwrap_or_default();
        let named = Named { name, namespace: None, fields: query.columns.clone() };
        self.item(Source::Query(Box::new(query)), named, alias, slots)
    }

    /// Gives `source` a slot and makes its columns known.
    fn item(
        &mut self,
        source: Source,
        named: Named,
        alias: Option<&TableAlias>,
        lateral: u64,
    ) -> Result<Group, SqlError> {
        let slot = self.frame().widths.len();
        if slot >= SLOT_COUNT_MAX {
            let message = "too many relations in one SELECT";
            return Err(SqlError::new(SqlState::ProgramLimitExceeded, message));
        }
        let Named { name, namespace, mut fields } = named;
        let (name, namespace) = match alias {
            Some(alias) => (fold(&alias.name), None),
            None => (name, namespace),
        };
        let renames: &[_] = alias.map_or(&[], |alias| &alias.columns);
        if renames.len() > fields.len() {
            let message = format!(
                "table \"{name}\" has {} columns available but {} columns specified",
                fields.len(),
                renames.len()
            );
            return Err(SqlError::new(SqlState::InvalidColumnReference, message));
        }
        for (field, rename) in fields.iter_mut().zip(renames) {
            field.0 = fold(&rename.name);
        }
        let builtin = self.session.builtin;
        let frame = self.frame();
        if !name.is_empty() && namespace.is_none() && frame.tables.iter().any(|t| t.name == name) {
            let message = format!("table name \"{name}\" specified more than once");
            return Err(SqlError::new(SqlState::DuplicateAlias, message));
        }
        frame.widths.push(fields.len());
        for (column, (field, ty)) in fields.iter().enumerate() {
            frame.columns.push(ScopeColumn {
                qualifier: Some(name.clone()),
                namespace: namespace.clone(),
                name: field.clone(),
                expr: Expr::Column { depth: 0, slot, column },
                ty: ty.clone(),
                bare: true,
                system: false,
            });
        }
        if let Source::Relation(index) = source {
            let oid = crate::value::Value::oid(builtin.relations[index].oid);
            frame.columns.push(ScopeColumn {
                qualifier: Some(name.clone()),
                namespace: namespace.clone(),
                name: "tableoid".to_owned(),
                expr: Expr::Constant(oid),
                ty: PgType::Oid,
                bare: true,
                system: true,
            });
        }
        let keyed = matches!(source, Source::Relation(_))
            && fields.first().is_some_and(|(field, ty)| field == "oid" && *ty == PgType::Oid);
        frame.tables.push(ScopeTable { name, slot, fields, keyed });
        let item = Item { slot, source, lateral };
        Ok(Group { nodes: vec![Node::Item(item)], predicates: Vec::new() })
    }
}

fn function_error(parts: &[String]) -> SqlError {
    crate::error::undefined_function(&parts.join("."), &[])
}

/// The column that the bare `name` means, which from now on it no longer means.
fn take_bare(columns: &mut [ScopeColumn], name: &str) -> Option<Typed> {
    let column = columns.iter_mut().find(|column| column.bare && column.name == name)?;
    column.bare = false;
    Some(Typed::new(column.expr.clone(), column.ty.clone()))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Full,
}

fn join_kind(operator: &JoinOperator) -> Result<(Option<Side>, &JoinConstraint), SqlError> {
    Ok(match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::CrossJoin(constraint) => (None, constraint),
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => {
            (Some(Side::Left), constraint)
        }
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => {
            (Some(Side::Right), constraint)
        }
        JoinOperator::FullOuter(constraint) => (Some(Side::Full), constraint),
        other => return Err(unsupported(format!("the join {other:?}"))),
    })
}

fn outer(kind: JoinKind, left: Group, right: Group, on: Vec<Predicate>) -> Group {
    let join = Join { kind, left, right, on };
    Group { nodes: vec![Node::Join(Box::new(join))], predicates: Vec::new() }
}

/// Moves each condition as far down as it may run.
pub(super) fn push_down(mut group: Group) -> Group {
    let predicates = std::mem::take(&mut group.predicates);
    for predicate in predicates {
        if let Err(predicate) = push_into(&mut group.nodes, predicate) {
            group.predicates.push(predicate);
        }
    }
    for node in &mut group.nodes {
        if let Node::Join(join) = node {
            join.left = push_down(std::mem::take(&mut join.left));
            join.right = push_down(std::mem::take(&mut join.right));
        }
    }
    group
}

/// Puts the condition into the kept side of the outer join that it is about.
fn push_into(nodes: &mut [Node], predicate: Predicate) -> Result<(), Predicate> {
    if predicate.slots == 0 {
        return Err(predicate);
    }
    for node in nodes {
        let Node::Join(join) = node else { continue };
        if join.kind == JoinKind::Left && predicate.slots & !join.left.slots() == 0 {
            join.left.predicates.push(predicate);
            return Ok(());
        }
    }
    Err(predicate)
}
