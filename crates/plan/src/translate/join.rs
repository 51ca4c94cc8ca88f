//! Joins: which kind of join it is, and how rows reach it.
//!
//! ```text
//! left  ──calc: computed keys──▶ exchange by key ─┐
//!                                                 ├─▶ join
//! right ──calc: computed keys──▶ exchange by key ─┘
//! ```
//!
//! * [`interval`]: a join whose condition bounds the times of both sides.
//! * [`temporal`]: a join with the version of a table.
//! * [`window`]: a join of rows in equal windows.
//! * Any other one is a regular join: its rows come out whenever their partner comes, so none of its
//!   columns is a time attribute.

mod interval;
mod temporal;
mod window;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{DFSchema, JoinType, NullEquality};
use datafusion_expr::logical_plan::Join as JoinNode;
use datafusion_expr::utils::conjunction;
use datafusion_expr::{Expr, ExprSchemable, LogicalPlan, Operator, binary_expr, is_not_false};
use millstream_core::id::NodeId;
use millstream_core::{Error, Result};

use super::calc::column;
use super::rel::{Rel, RelColumn, TimeKind, unique_schema};
use super::{Translator, check_expr, from_datafusion};
use crate::changelog::ChangelogMode;
use crate::graph::{Exchange, Input, NodeOutput, OutputKind};
use crate::logical::SideTable;
use crate::pair_schema;
use crate::spec::{JoinKind, JoinSpec, NodeKind};

/// One input of a join.
struct Side {
    rel: Rel,
    /// Positions of its key columns.
    keys: Vec<usize>,
}

impl Translator<'_> {
    pub(super) fn join(&mut self, node: &JoinNode) -> Result<Rel> {
        let kind = kind_of(node.join_type)?;
        let mut on = node.on.clone();
        let mut filter = node.filter.clone();
        if let Some(time) = temporal::take_time(&mut filter) {
            return self.temporal_join(node, kind, filter, &time);
        }
        if node.null_aware {
            // NOT IN: a comparison with NULL may be true, so every pair has to be judged; what
            // correlates the subquery is a key like any other.
            let compared = node
                .right
                .schema()
                .columns()
                .into_iter()
                .next()
                .map(Expr::Column);
            let is_compared = |(_, right): &(Expr, Expr)| Some(right) == compared.as_ref();
            let count = if on.first().is_some_and(is_compared) {
                1
            } else {
                on.len()
            };
            let pairs = on.drain(..count);
            let equal = pairs.map(|(l, r)| binary_expr(l, Operator::Eq, r));
            filter = match equal.reduce(Expr::and) {
                Some(equal) => conjunction(filter.into_iter().chain([is_not_false(equal)])),
                None => filter.map(is_not_false),
            };
        }
        let rels = [self.join_input(&node.left)?, self.join_input(&node.right)?];
        let interval = self.interval(&rels, node, kind, &mut on, &mut filter)?;
        let (left, right): (Vec<_>, Vec<_>) = on.into_iter().unzip();
        let [left_rel, right_rel] = rels;
        let left = self.keyed_side(left_rel, &node.left, &left)?;
        let right = self.keyed_side(right_rel, &node.right, &right)?;
        let condition = match filter {
            Some(filter) => {
                let schemas = [node.left.schema().as_ref(), node.right.schema().as_ref()];
                Some(self.condition([&left.rel, &right.rel], schemas, &filter)?)
            }
            None => None,
        };
        let spec = JoinSpec {
            kind,
            left_keys: left.keys.clone(),
            right_keys: right.keys.clone(),
            null_equals_null: node.null_equality == NullEquality::NullEqualsNull,
            condition,
        };
        if let Some(bounds) = interval {
            return self.interval_join(left, right, spec, bounds);
        }
        match self.window_of_join(&left, &right, &spec) {
            Some(window) => self.window_join(left, right, spec, window),
            None => self.regular_join(left, right, spec, node),
        }
    }

    fn join_input(&mut self, plan: &LogicalPlan) -> Result<Rel> {
        let rel = self.rel(plan)?;
        self.plain(rel, plan)
    }

    /// An input with its keys as columns.
    fn keyed_side(&mut self, mut rel: Rel, plan: &LogicalPlan, keys: &[Expr]) -> Result<Side> {
        let schema = plan.schema();
        let before = self.schema_of(rel.node);
        let fields = before.fields().iter();
        let mut projection: Vec<(Expr, Field)> = fields
            .map(|f| (column(f.name()), f.as_ref().clone()))
            .collect();
        let mut positions = Vec::with_capacity(keys.len());
        for key in keys {
            let resolved = self.resolve(&rel, schema, key)?;
            let known = projection.iter().position(|(expr, _)| *expr == resolved);
            positions.push(match known {
                Some(position) => position,
                None => {
                    let (_, field) = key.to_field(schema).map_err(from_datafusion)?;
                    projection.push((resolved, field.as_ref().clone()));
                    projection.len() - 1
                }
            });
        }
        rel.node = self.add_calc(rel.node, None, projection)?;
        Ok(Side {
            rel,
            keys: positions,
        })
    }

    /// A condition over the columns of both inputs, as one over those of `pair_schema`.
    fn condition(&self, rels: [&Rel; 2], schemas: [&DFSchema; 2], filter: &Expr) -> Result<Expr> {
        check_expr(filter)?;
        let [left, right] = rels.map(|rel| self.schema_of(rel.node));
        let pair = pair_schema(&left, &right);
        let now = self.settings.now;
        let resolved = filter.clone().transform_down(|e| {
            if now(&e).is_some() {
                return Err(datafusion_common::DataFusionError::External(Box::new(
                    Error::unsupported("the current time in the condition of a join")
                        .hint("compute it as a column of one input, or compare in WHERE"),
                )));
            }
            let Expr::Column(name) = &e else {
                return Ok(Transformed::no(e));
            };
            let of = |side: usize| schemas[side].maybe_index_of_column(name);
            let position = match (of(0), of(1)) {
                (Some(index), _) => self.place(rels[0], index)?,
                (None, Some(index)) => left.fields().len() + self.place(rels[1], index)?,
                (None, None) => return Ok(Transformed::no(e)),
            };
            Ok(Transformed::yes(column(pair.field(position).name())))
        });
        Ok(resolved
            .map_err(from_datafusion)?
            .data
            .unalias_nested()
            .data)
    }

    fn place(&self, rel: &Rel, index: usize) -> datafusion_common::Result<usize> {
        let position = self.position(rel.columns[index]);
        position.map_err(|e| datafusion_common::DataFusionError::External(Box::new(e)))
    }

    fn regular_join(
        &mut self,
        left: Side,
        right: Side,
        spec: JoinSpec,
        node: &JoinNode,
    ) -> Result<Rel> {
        let kind = spec.kind;
        let changelog = self.join_changes(kind, [left.rel.node, right.rel.node]);
        let joined = self.add_join([&left, &right], &spec, changelog, |_| {
            NodeKind::Join(spec.clone())
        });
        // Rows come out whenever their partner comes: no column of theirs is a time attribute.
        let mut columns = self.join_columns([&left, &right], kind, |_, _| None)?;
        if kind == JoinKind::Mark {
            let width = self.schema_of(left.rel.node).fields().len();
            columns.push(RelColumn::at(width));
        }
        debug_assert_eq!(columns.len(), node.schema.fields().len());
        Ok(Rel {
            node: joined,
            columns,
            window: None,
            late: Vec::new(),
            bounded: left.rel.bounded && right.rel.bounded,
        })
    }

    /// Adds the node of a join.
    fn add_join(
        &mut self,
        sides: [&Side; 2],
        spec: &JoinSpec,
        changelog: ChangelogMode,
        kind: impl FnOnce([SchemaRef; 2]) -> NodeKind,
    ) -> NodeId {
        let schemas = sides.map(|side| self.schema_of(side.rel.node));
        let width = schemas[0].fields().len();
        let schema = match is_pair(spec.kind) {
            true => pair_schema(&schemas[0], &schemas[1]),
            false if spec.kind == JoinKind::Mark => marked(&schemas[0]),
            false => Arc::clone(&schemas[0]),
        };
        let parallelism = match spec.left_keys.is_empty() {
            true => 1,
            false => self.settings.parallelism.min(self.settings.key_groups),
        };
        let output = NodeOutput {
            schema,
            parallelism,
            changelog,
            upsert_key: self.join_key(sides[0], sides[1], spec.kind, width),
        };
        let inputs = sides.map(|side| Input {
            from: side.rel.node,
            output: OutputKind::Main,
            exchange: self.join_exchange(side, parallelism),
        });
        self.graph.add(kind(schemas), inputs.into(), output)
    }

    /// The columns of a join; `time` says which are time attributes, given their side.
    fn join_columns(
        &self,
        sides: [&Side; 2],
        kind: JoinKind,
        time: impl Fn(usize, &RelColumn) -> Option<TimeKind>,
    ) -> Result<Vec<RelColumn>> {
        let width = self.schema_of(sides[0].rel.node).fields().len();
        let count = if is_pair(kind) { 2 } else { 1 };
        let of = |side: usize| sides[side].rel.columns.iter().map(move |c| (side, c));
        let columns = (0..count).flat_map(of).map(|(side, column)| {
            Ok(RelColumn {
                time: time(side, column),
                ..RelColumn::at(self.position(*column)? + side * width)
            })
        });
        columns.collect()
    }

    fn join_exchange(&self, side: &Side, parallelism: u32) -> Exchange {
        match (self.parallelism_of(side.rel.node), parallelism) {
            (1, 1) => Exchange::Forward,
            (_, 1) => Exchange::Single,
            _ => Exchange::Hash(side.keys.clone()),
        }
    }

    fn join_changes(&self, kind: JoinKind, inputs: [NodeId; 2]) -> ChangelogMode {
        let updates = inputs
            .iter()
            .any(|node| !self.graph.node(*node).changelog.is_insert_only());
        match kind {
            JoinKind::Inner | JoinKind::Semi if !updates => ChangelogMode::INSERT_ONLY,
            _ => ChangelogMode {
                update_after: updates,
                update_before: updates,
                delete: true,
            },
        }
    }

    /// What identifies a row of the result, if the rows of the inputs are known by keys.
    fn join_key(
        &self,
        left: &Side,
        right: &Side,
        kind: JoinKind,
        width: usize,
    ) -> Option<Vec<usize>> {
        let key = |side: &Side| self.graph.node(side.rel.node).upsert_key.clone();
        let is_one = |side: &Side| {
            key(side).is_some_and(|key| key.iter().all(|column| side.keys.contains(column)))
        };
        if !is_pair(kind) {
            return key(left);
        }
        let shifted = |key: Vec<usize>| key.into_iter().map(|column| column + width).collect();
        // A row of the kept side alone has NULLs in the other's key.
        let ours = matches!(kind, JoinKind::Inner | JoinKind::Left);
        let theirs = matches!(kind, JoinKind::Inner | JoinKind::Right);
        if ours && is_one(right) {
            return key(left);
        }
        if theirs && is_one(left) {
            return key(right).map(shifted);
        }
        let mut both = key(left)?;
        both.extend::<Vec<usize>>(shifted(key(right)?));
        Some(both)
    }
}

/// The late-rows tables of both inputs.
fn late_of(sides: [&Side; 2]) -> Vec<Arc<SideTable>> {
    let mut late: Vec<Arc<SideTable>> = Vec::new();
    for table in sides.iter().flat_map(|side| &side.rel.late) {
        if !late.iter().any(|known| Arc::ptr_eq(known, table)) {
            late.push(Arc::clone(table));
        }
    }
    late
}

/// The columns of the left side, and the mark.
fn marked(left: &SchemaRef) -> SchemaRef {
    let mark = Field::new("mark", DataType::Boolean, false);
    let fields = left.fields().iter().map(|field| field.as_ref());
    unique_schema(fields.chain([&mark]).map(|f| (f.name().as_str(), f)))
}

fn is_pair(kind: JoinKind) -> bool {
    !matches!(kind, JoinKind::Semi | JoinKind::Anti | JoinKind::Mark)
}

fn kind_of(join: JoinType) -> Result<JoinKind> {
    Ok(match join {
        JoinType::Inner => JoinKind::Inner,
        JoinType::Left => JoinKind::Left,
        JoinType::Right => JoinKind::Right,
        JoinType::Full => JoinKind::Full,
        JoinType::LeftSemi => JoinKind::Semi,
        JoinType::LeftAnti => JoinKind::Anti,
        JoinType::LeftMark => JoinKind::Mark,
        JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => {
            return Err(Error::internal("a join that keeps its right side only"));
        }
    })
}
