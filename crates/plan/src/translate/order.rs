//! ORDER BY and LIMIT.
//!
//! A sort needs the end of its input, so all sources must be bounded; in streaming mode its result
//! is then the sorted final rows. (Flink's streaming mode refuses ORDER BY on anything but time.)
//! With a LIMIT it is a Top-N in streaming mode, whose result is updated as rows come; so is a LIMIT
//! alone over rows that are updated. An order by a time attribute, ascending, needs no end: rows go as
//! the watermark lets them.

use datafusion_expr::logical_plan::{FetchType, Limit, SkipType, Sort};
use datafusion_expr::{ExprSchemable, LogicalPlan};
use millstream_core::{Code, Error, Result};

use super::rel::{Rel, TimeKind};
use super::{Translator, from_datafusion};
use crate::changelog::ChangelogMode;
use crate::graph::{Exchange, Input, NodeOutput, OutputKind, RuntimeMode};
use crate::spec::{LimitSpec, NodeKind, SortKey, SortSpec, TimeSortSpec};

impl Translator<'_> {
    pub(super) fn sort(&mut self, sort: &Sort, skip: u64, fetch: Option<u64>) -> Result<Rel> {
        let input = self.rel(&sort.input)?;
        let mut rel = self.plain(input, &sort.input)?;
        let fetch = fetch.or(sort.fetch.map(|fetch| fetch as u64));
        let top = fetch.filter(|_| self.settings.mode == RuntimeMode::Streaming);
        let by_time = self.time_order(&rel, sort, top.is_some());
        if by_time == Some(TimeKind::Processing) {
            // They come in this order.
            return Ok(rel);
        }
        if !rel.bounded && top.is_none() && by_time.is_none() {
            return Err(Error::unsupported("ORDER BY over an input that never ends").hint(
                "order by a time attribute, add a LIMIT, bound the source, or leave the order to whoever reads the result",
            ));
        }
        let schema = sort.input.schema();
        let width = rel.columns.len();
        let before = self.schema_of(rel.node);
        let mut projection: Vec<_> = before
            .fields()
            .iter()
            .map(|field| (super::calc::column(field.name()), field.as_ref().clone()))
            .collect();
        let mut keys = Vec::with_capacity(sort.expr.len());
        for key in &sort.expr {
            let resolved = self.resolve(&rel, schema, &key.expr)?;
            let known = projection.iter().position(|(expr, _)| *expr == resolved);
            let column = match known {
                Some(position) => position,
                None => {
                    let (_, field) = key.expr.to_field(schema).map_err(from_datafusion)?;
                    projection.push((resolved, field.as_ref().clone()));
                    projection.len() - 1
                }
            };
            keys.push(SortKey {
                column,
                descending: !key.asc,
                nulls_first: key.nulls_first,
            });
        }
        let from = self.add_calc(rel.node, None, projection)?;
        if let Some(fetch) = top {
            rel.node = from;
            let mut rel = self.first_rows(rel, keys, skip, fetch);
            rel.columns.truncate(width);
            return Ok(rel);
        }
        if by_time.is_some() {
            rel.node = self.alone(
                from,
                NodeKind::TimeSort(TimeSortSpec { keys }),
                ChangelogMode::INSERT_ONLY,
            );
            for table in rel.late.clone() {
                self.side(&table, rel.node, OutputKind::Late);
            }
            return Ok(rel);
        }
        let kind = NodeKind::Sort(SortSpec { keys, skip, fetch });
        rel.node = self.alone(from, kind, ChangelogMode::INSERT_ONLY);
        debug_assert_eq!(
            rel.columns.len(),
            width,
            "extra sort columns follow the plan's"
        );
        Ok(rel)
    }

    /// The time attribute a streaming job sorts insertions by, ascending: if it is that of processing
    /// time, and nothing besides, rows are in order as they come.
    fn time_order(&self, rel: &Rel, sort: &Sort, is_top: bool) -> Option<TimeKind> {
        if is_top || self.settings.mode == RuntimeMode::Batch || self.updates(rel.node) {
            return None;
        }
        let first = sort.expr.first().filter(|key| key.asc)?;
        let time = rel.column(&first.expr, sort.input.schema())?.time?;
        (time == TimeKind::Event || sort.expr.len() == 1).then_some(time)
    }

    pub(super) fn limit(&mut self, limit: &Limit) -> Result<Rel> {
        let skip = match limit.get_skip_type().map_err(from_datafusion)? {
            SkipType::Literal(skip) => skip as u64,
            SkipType::UnsupportedExpr => return Err(not_literal("OFFSET")),
        };
        let fetch = match limit.get_fetch_type().map_err(from_datafusion)? {
            FetchType::Literal(fetch) => fetch.map(|fetch| fetch as u64),
            FetchType::UnsupportedExpr => return Err(not_literal("LIMIT")),
        };
        if let LogicalPlan::Sort(sort) = limit.input.as_ref() {
            return self.sort(sort, skip, fetch);
        }
        if let LogicalPlan::Projection(above) = limit.input.as_ref()
            && let LogicalPlan::Sort(sort) = above.input.as_ref()
        {
            let sorted = self.sort(sort, skip, fetch)?;
            return self.project(sorted, above.input.schema(), &above.expr, &above.schema);
        }
        let input = self.rel(&limit.input)?;
        let mut rel = self.plain(input, &limit.input)?;
        let changelog = self.graph.node(rel.node).changelog;
        if !changelog.is_insert_only() {
            let mut rel = self.first_rows(rel, Vec::new(), skip, fetch.unwrap_or(u64::MAX));
            rel.columns.pop();
            return Ok(rel);
        }
        rel.node = self.alone(
            rel.node,
            NodeKind::Limit(LimitSpec { skip, fetch }),
            changelog,
        );
        Ok(rel)
    }

    /// Adds a node of parallelism 1 with the columns of its input.
    fn alone(
        &mut self,
        from: millstream_core::id::NodeId,
        kind: NodeKind,
        changelog: ChangelogMode,
    ) -> millstream_core::id::NodeId {
        let is_one = self.parallelism_of(from) == 1;
        let exchange = if is_one {
            Exchange::Forward
        } else {
            Exchange::Single
        };
        let output = NodeOutput {
            schema: self.schema_of(from),
            parallelism: 1,
            changelog,
            upsert_key: None,
        };
        let input = Input {
            from,
            output: OutputKind::Main,
            exchange,
        };
        self.graph.add(kind, vec![input], output)
    }
}

fn not_literal(what: &str) -> Error {
    Error::new(
        Code::TypeMismatch,
        format!("{what} wants a number that is not negative"),
    )
}
