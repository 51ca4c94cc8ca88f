//! Joins: which kind of join it is, and how rows reach it.
//!
//! ```text
//! left  ──calc: computed keys──▶ exchange by key ─┐
//!                                                 ├─▶ join
//! right ──calc: computed keys──▶ exchange by key ─┘
//! ```

use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{DFSchema, JoinType, NullEquality};
use datafusion_expr::logical_plan::Join as JoinNode;
use datafusion_expr::{Expr, ExprSchemable, LogicalPlan, Operator, binary_expr, is_not_false};
use millstream_core::id::NodeId;
use millstream_core::{Error, Result};

use super::calc::column;
use super::rel::{Rel, RelColumn};
use super::{Translator, check_expr, from_datafusion};
use crate::changelog::ChangelogMode;
use crate::graph::{Exchange, Input, NodeOutput, OutputKind};
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
        if node.null_aware {
            // NOT IN: a comparison with NULL may be true, so every pair has to be judged.
            let pairs = on.drain(..);
            let equal = pairs.map(|(l, r)| binary_expr(l, Operator::Eq, r));
            let equal = equal.chain(filter.take()).reduce(Expr::and);
            filter = equal.map(is_not_false);
        }
        let (left, right): (Vec<_>, Vec<_>) = on.into_iter().unzip();
        let left = self.keyed_side(&node.left, &left)?;
        let right = self.keyed_side(&node.right, &right)?;
        let condition = match filter {
            Some(filter) => Some(self.condition([&left.rel, &right.rel], node, &filter)?),
            None => None,
        };
        let spec = JoinSpec {
            kind,
            left_keys: left.keys.clone(),
            right_keys: right.keys.clone(),
            null_equals_null: node.null_equality == NullEquality::NullEqualsNull,
            condition,
        };
        self.regular_join(left, right, spec, node)
    }

    /// An input with its keys as columns.
    fn keyed_side(&mut self, plan: &LogicalPlan, keys: &[Expr]) -> Result<Side> {
        let rel = self.rel(plan)?;
        let mut rel = self.plain(rel, plan)?;
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
    fn condition(&self, rels: [&Rel; 2], node: &JoinNode, filter: &Expr) -> Result<Expr> {
        check_expr(filter)?;
        let schemas: [&DFSchema; 2] = [node.left.schema(), node.right.schema()];
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
        let (kind, is_pair) = (spec.kind, is_pair(spec.kind));
        let schemas = [
            self.schema_of(left.rel.node),
            self.schema_of(right.rel.node),
        ];
        let width = schemas[0].fields().len();
        let schema = match is_pair {
            true => pair_schema(&schemas[0], &schemas[1]),
            false => Arc::clone(&schemas[0]),
        };
        let parallelism = match spec.left_keys.is_empty() {
            true => 1,
            false => self.settings.parallelism.min(self.settings.key_groups),
        };
        let output = NodeOutput {
            schema,
            parallelism,
            changelog: self.join_changes(kind, [left.rel.node, right.rel.node]),
            upsert_key: self.join_key(&left, &right, kind, width),
        };
        let inputs = [&left, &right].map(|side| Input {
            from: side.rel.node,
            output: OutputKind::Main,
            exchange: self.join_exchange(side, parallelism),
        });
        let joined = self.graph.add(NodeKind::Join(spec), inputs.into(), output);
        // Rows come out whenever their partner comes: no column of theirs is a time attribute.
        let columns = left.rel.columns.iter().map(|c| (c, 0));
        let more = right
            .rel
            .columns
            .iter()
            .filter(|_| is_pair)
            .map(|c| (c, width));
        let columns = columns
            .chain(more)
            .map(|(column, offset)| Ok(RelColumn::at(self.position(*column)? + offset)));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        debug_assert_eq!(columns.len(), node.schema.fields().len());
        Ok(Rel {
            node: joined,
            columns,
            window: None,
            late: Vec::new(),
            bounded: left.rel.bounded && right.rel.bounded,
        })
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

fn is_pair(kind: JoinKind) -> bool {
    !matches!(kind, JoinKind::Semi | JoinKind::Anti)
}

fn kind_of(join: JoinType) -> Result<JoinKind> {
    Ok(match join {
        JoinType::Inner => JoinKind::Inner,
        JoinType::Left => JoinKind::Left,
        JoinType::Right => JoinKind::Right,
        JoinType::Full => JoinKind::Full,
        JoinType::LeftSemi => JoinKind::Semi,
        JoinType::LeftAnti => JoinKind::Anti,
        JoinType::RightSemi | JoinType::RightAnti | JoinType::LeftMark | JoinType::RightMark => {
            return Err(Error::unsupported(
                "EXISTS or IN with a subquery inside OR is not supported by this release",
            )
            .hint("write it as a UNION of two queries, or as a LEFT JOIN"));
        }
    })
}
