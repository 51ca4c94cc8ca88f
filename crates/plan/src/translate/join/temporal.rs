//! Temporal joins: `JOIN v FOR SYSTEM_TIME AS OF l.ts ON ..`.
//!
//! The table must have a primary key, all of it compared in the condition, and an event time; every other
//! condition is asked of the version that was valid at the time.

use datafusion_expr::logical_plan::Join as JoinNode;
use datafusion_expr::utils::{conjunction, split_conjunction};
use datafusion_expr::{Expr, LogicalPlan, Operator, binary_expr};
use millstream_core::id::NodeId;
use millstream_core::{Code, Error, Result};

use super::{Side, Translator};
use crate::changelog::ChangelogMode;
use crate::graph::OutputKind;
use crate::logical::{VersionNode, version};
use crate::spec::{CalcSpec, JoinKind, JoinSpec, NodeKind, TemporalJoinSpec};
use crate::translate::calc::column;
use crate::translate::rel::{Rel, RelColumn, TimeKind};

/// The table of a temporal join below its filters.
struct Versioned<'p> {
    table: &'p VersionNode,
    /// What is asked of a version.
    filters: Vec<Expr>,
}

/// Takes the time of `FOR SYSTEM_TIME AS OF` out of a join's condition.
pub(super) fn take_time(filter: &mut Option<Expr>) -> Option<Expr> {
    let conjuncts = filter.iter().flat_map(split_conjunction);
    let (times, rest): (Vec<&Expr>, Vec<&Expr>) =
        conjuncts.partition(|e| version::time_of(e).is_some());
    let time = times.first().and_then(|e| version::time_of(e)).cloned()?;
    let rest: Vec<Expr> = rest.into_iter().cloned().collect();
    *filter = conjunction(rest);
    Some(time)
}

impl Translator<'_> {
    pub(super) fn temporal_join(
        &mut self,
        node: &JoinNode,
        kind: JoinKind,
        filter: Option<Expr>,
        time: &Expr,
    ) -> Result<Rel> {
        if !matches!(kind, JoinKind::Inner | JoinKind::Left) {
            return Err(Error::unsupported(format!(
                "a {} JOIN with FOR SYSTEM_TIME AS OF is not supported",
                kind.name()
            ))
            .hint("only INNER and LEFT joins ask for the version of the right side"));
        }
        let left = self.join_input(&node.left)?;
        let name = time.schema_name().to_string();
        let known = left.column(time, node.left.schema());
        let known = known.ok_or_else(|| Error::internal("the time of a version is a column"))?;
        match known.time {
            Some(TimeKind::Event) => {}
            Some(TimeKind::Processing) => {
                return Err(Error::unsupported(format!(
                    "a lookup join (FOR SYSTEM_TIME AS OF the processing time '{name}') is not \
                     supported by this release"
                ))
                .hint("use an event time, or a regular join"));
            }
            None => {
                return Err(Error::new(
                    Code::InvalidPlan,
                    format!(
                        "FOR SYSTEM_TIME AS OF wants a time attribute of the left side, but \
                         '{name}' is an ordinary column"
                    ),
                )
                .hint("declare WATERMARK FOR it in its table"));
            }
        }
        let left_time = self.position(known)?;
        let versioned = versioned(&node.right)?;
        let plan = &versioned.table.input;
        let right = self.join_input(plan)?;
        let right_time = self.version_time(&right)?;
        let only_newer = self.keep_history(right.node, right_time);
        let key = self.version_key(&right)?;
        // Equalities with the key find the versions; all others are asked of the one that is valid.
        let mut keys: Vec<Option<(Expr, Expr)>> = vec![None; key.len()];
        let mut asked = versioned.filters;
        for (ours, theirs) in &node.on {
            let position = right.column(theirs, plan.schema());
            let position = position.map(|c| self.position(c)).transpose()?;
            let place = key.iter().position(|k| Some(*k) == position);
            match place.filter(|place| keys[*place].is_none()) {
                Some(place) => keys[place] = Some((ours.clone(), theirs.clone())),
                None => asked.push(binary_expr(ours.clone(), Operator::Eq, theirs.clone())),
            }
        }
        asked.extend(filter);
        let Some(keys) = keys.into_iter().collect::<Option<Vec<_>>>() else {
            let schema = self.schema_of(right.node);
            let names: Vec<&str> = key
                .iter()
                .map(|k| schema.field(*k).name().as_str())
                .collect();
            return Err(Error::new(
                Code::InvalidPlan,
                format!(
                    "a temporal join wants the whole primary key of its table ({}) in the condition, \
                     as equalities",
                    names.join(", ")
                ),
            )
            .hint("add the missing columns to ON"));
        };
        let (ours, theirs): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
        let left = self.keyed_side(left, &node.left, &ours)?;
        let right = self.keyed_side(right, plan, &theirs)?;
        let condition = match conjunction(asked) {
            Some(asked) => {
                let schemas = [node.left.schema().as_ref(), plan.schema().as_ref()];
                Some(self.condition([&left.rel, &right.rel], schemas, &asked)?)
            }
            None => None,
        };
        let join = JoinSpec {
            kind,
            left_keys: left.keys.clone(),
            right_keys: right.keys.clone(),
            null_equals_null: false,
            condition,
        };
        let spec = TemporalJoinSpec {
            join,
            times: [left_time, right_time],
            only_newer,
        };
        self.add_temporal([&left, &right], spec, node, plan)
    }

    fn add_temporal(
        &mut self,
        sides: [&Side; 2],
        spec: TemporalJoinSpec,
        node: &JoinNode,
        plan: &LogicalPlan,
    ) -> Result<Rel> {
        let [left, right] = sides;
        let changelog = self.graph.node(left.rel.node).changelog;
        let upsert_key = self.graph.node(left.rel.node).upsert_key.clone();
        let join = spec.join.clone();
        let joined = self.add_join(sides, &join, changelog, |_| NodeKind::TemporalJoin(spec));
        self.graph.nodes[joined.0 as usize].upsert_key = upsert_key;
        for table in &left.rel.late {
            self.side(table, joined, OutputKind::Late);
        }
        let time = |side: usize, column: &RelColumn| column.time.filter(|_| side == 0);
        let all = self.join_columns(sides, join.kind, time)?;
        let (ours, theirs) = all.split_at(left.rel.columns.len());
        // Filters were taken off the table: it may have more columns than the plan asks for.
        let mut columns = ours.to_vec();
        for (qualifier, field) in node.right.schema().iter() {
            let index = plan
                .schema()
                .index_of_column_by_name(qualifier, field.name())
                .ok_or_else(|| Error::internal("a column of a version is not of its table"))?;
            columns.push(theirs[index]);
        }
        Ok(Rel {
            node: joined,
            columns,
            window: None,
            late: left.rel.late.clone(),
            bounded: left.rel.bounded && right.rel.bounded,
        })
    }

    /// If the table is the newest row of each key by event time, all rows of a key are its versions: the
    /// node that keeps the newest one lets them pass. True if it was so.
    fn keep_history(&mut self, node: NodeId, time: usize) -> bool {
        let (mut at, mut time) = (node, time);
        let mut between = Vec::new();
        while let NodeKind::Calc(spec) = &self.graph.node(at).kind {
            let Some(input) = self.graph.node(at).inputs.first() else {
                return false;
            };
            let before = self.schema_of(input.from);
            let position = match &spec.projection[time] {
                Expr::Column(column) => before.index_of(&column.name).ok(),
                _ => None,
            };
            let (None, Some(position)) = (&spec.filter, position) else {
                return false;
            };
            between.push(at);
            (at, time) = (input.from, position);
        }
        let NodeKind::Rank(spec) = &self.graph.node(at).kind else {
            return false;
        };
        let is_newest = match spec.order_by.as_slice() {
            [key] => key.column == time && key.descending,
            _ => false,
        };
        let is_first = (spec.first, spec.last) == (1, 1) && !spec.with_number;
        if !is_newest || !is_first || spec.input_updates || spec.window.is_some() {
            return false;
        }
        let schema = self.schema_of(at);
        let names = schema.fields().iter().map(|f| column(f.name()));
        let passing = CalcSpec {
            filter: None,
            projection: names.collect(),
            uses_now: false,
        };
        self.graph.nodes[at.0 as usize].kind = NodeKind::Calc(passing);
        between.push(at);
        for node in between {
            self.graph.nodes[node.0 as usize].changelog = ChangelogMode::INSERT_ONLY;
        }
        true
    }

    /// The event time of a versioned table.
    fn version_time(&self, rel: &Rel) -> Result<usize> {
        let mut times = rel
            .columns
            .iter()
            .filter(|c| c.time == Some(TimeKind::Event));
        let time = times.next().ok_or_else(|| {
            Error::new(
                Code::InvalidPlan,
                "a temporal join wants a table with an event time, to know when a version begins",
            )
            .hint("declare WATERMARK FOR its time column")
        })?;
        self.position(*time)
    }

    /// The primary key of a versioned table, as positions in its node's output.
    fn version_key(&self, rel: &Rel) -> Result<Vec<usize>> {
        self.key_of_node(rel.node).ok_or_else(|| {
            Error::new(
                Code::InvalidPlan,
                "a temporal join wants a table with a primary key, to know what is a version of what",
            )
            .hint(
                "declare PRIMARY KEY (..) NOT ENFORCED, or keep the last row of each key with \
                 ROW_NUMBER() OVER (PARTITION BY .. ORDER BY .. DESC) = 1",
            )
        })
    }

    fn key_of_node(&self, node: NodeId) -> Option<Vec<usize>> {
        let node = self.graph.node(node);
        if let Some(key) = node.upsert_key.as_ref().filter(|key| !key.is_empty()) {
            return Some(key.clone());
        }
        let from = |index: usize| self.key_of_node(node.inputs.get(index)?.from);
        match &node.kind {
            NodeKind::Source(spec) => {
                let key = &spec.table.primary_key;
                let position = |name: &String| {
                    let at = spec.table.schema.index_of(name).ok()?;
                    spec.projection.iter().position(|p| *p == at)
                };
                let key: Option<Vec<usize>> = key.iter().map(position).collect();
                key.filter(|key| !key.is_empty())
            }
            NodeKind::Watermark(_) => from(0),
            NodeKind::Calc(spec) => {
                let before = self.schema_of(node.inputs.first()?.from);
                let place = |key: usize| {
                    let name = before.field(key).name();
                    let mut exprs = spec.projection.iter();
                    exprs.position(|e| matches!(e, Expr::Column(c) if &c.name == name))
                };
                from(0)?.into_iter().map(place).collect()
            }
            _ => None,
        }
    }
}

/// Finds the table below filters and projections of plain columns.
fn versioned(plan: &LogicalPlan) -> Result<Versioned<'_>> {
    let mut filters = Vec::new();
    let mut plan = plan;
    loop {
        plan = match plan {
            LogicalPlan::Filter(filter) => {
                filters.extend(split_conjunction(&filter.predicate).into_iter().cloned());
                &filter.input
            }
            LogicalPlan::Projection(node)
                if node.expr.iter().all(|e| matches!(e, Expr::Column(_))) =>
            {
                &node.input
            }
            LogicalPlan::Extension(extension) => {
                let table = extension.node.as_any().downcast_ref::<VersionNode>();
                let table = table.ok_or_else(not_versioned)?;
                return Ok(Versioned { table, filters });
            }
            _ => return Err(not_versioned()),
        };
    }
}

fn not_versioned() -> Error {
    Error::unsupported(
        "FOR SYSTEM_TIME AS OF on something that is no table or view is not supported",
    )
}
