//! Which changes travel on each edge: decided once the whole graph is there.
//!
//! Each node says what it makes of the changes of its inputs when it is added (`-U` before every
//! `+U` included). What is left is who needs `-U`: that is known only from the sinks upward.
//!
//! | node | needs `-U` of its inputs |
//! |---|---|
//! | sink by key | no: the new row replaces the old one |
//! | any other sink, a SELECT | if there are updates: yes |
//! | filter | yes: the new version may not pass, and then the old one has to go |
//! | whatever keeps rows or sums of them | yes: it takes the old version out |
//! | projection, union, windows of rows | if whoever reads it does |
//!
//! Only an aggregate makes `-U` of its own: it leaves them out if nobody needs them. The idea is that of
//! Flink's `FlinkChangelogModeInferenceProgram`: modify kinds downward, update kinds upward.

use millstream_core::connector::SinkAccepts;

use crate::graph::{JobGraph, Node};
use crate::spec::{NodeKind, SinkTarget};

/// Leaves `-U` out where nobody needs it.
pub(crate) fn complete(graph: &mut JobGraph) {
    let mut wanted = vec![false; graph.nodes.len()];
    for index in (0..graph.nodes.len()).rev() {
        let node = &graph.nodes[index];
        let wants = wants_update_before(&node.kind, wanted[index]);
        for input in &node.inputs {
            wanted[input.from.0 as usize] |= wants;
        }
    }
    for (index, keeps) in wanted.into_iter().enumerate() {
        let inherits = inherits(graph, &graph.nodes[index]);
        let node = &mut graph.nodes[index];
        match &mut node.kind {
            NodeKind::GroupAggregate(spec) => {
                spec.emit_update_before = keeps;
                node.changelog.update_before &= keeps;
            }
            NodeKind::Over(spec) => {
                spec.emit_update_before = keeps;
                node.changelog.update_before &= keeps;
            }
            NodeKind::Rank(spec) => {
                spec.emit_update_before = keeps;
                node.changelog.update_before &= keeps;
            }
            kind if makes_its_own(kind) => {}
            _ if !node.inputs.is_empty() => node.changelog.update_before &= inherits,
            _ => {}
        }
    }
}

/// True if a node needs the old version of a row that is updated; `downstream`: a reader of it does.
fn wants_update_before(kind: &NodeKind, downstream: bool) -> bool {
    match kind {
        NodeKind::Sink(spec) => match &spec.target {
            SinkTarget::Table { accepts, .. } => *accepts != SinkAccepts::Upsert,
            SinkTarget::Collect => true,
        },
        NodeKind::Calc(spec) => spec.filter.is_some() || downstream,
        NodeKind::WindowAssign(_) | NodeKind::Union | NodeKind::Watermark(_) => downstream,
        NodeKind::Source(_) | NodeKind::Values(_) => false,
        _ => true,
    }
}

/// True if the changes a node puts out are not those that came in.
fn makes_its_own(kind: &NodeKind) -> bool {
    !matches!(
        kind,
        NodeKind::Calc(_)
            | NodeKind::WindowAssign(_)
            | NodeKind::Union
            | NodeKind::Watermark(_)
            | NodeKind::Join(_)
            | NodeKind::Sink(_)
    )
}

fn inherits(graph: &JobGraph, node: &Node) -> bool {
    let mut inputs = node.inputs.iter();
    inputs.any(|input| graph.node(input.from).changelog.update_before)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{Schema, SchemaRef};
    use datafusion_expr::lit;
    use millstream_core::id::NodeId;
    use millstream_core::table::TableSpec;

    use super::*;
    use crate::changelog::ChangelogMode;
    use crate::graph::{Exchange, Input, NodeOutput, OutputKind, RuntimeMode};
    use crate::settings::JobSettings;
    use crate::spec::{CalcSpec, GroupAggregateSpec, SinkSpec, ValuesSpec};

    fn graph() -> JobGraph {
        JobGraph {
            name: "test".into(),
            nodes: Vec::new(),
            key_groups: 128,
            mode: RuntimeMode::Streaming,
            batch_rows: 1,
            settings: JobSettings::default(),
        }
    }

    fn schema() -> SchemaRef {
        Arc::new(Schema::empty())
    }

    fn add(graph: &mut JobGraph, kind: NodeKind, from: &[NodeId]) -> NodeId {
        let changelog = match from {
            [] => ChangelogMode::INSERT_ONLY,
            _ => ChangelogMode::ALL,
        };
        let output = NodeOutput {
            schema: schema(),
            parallelism: 1,
            changelog,
            upsert_key: None,
        };
        let inputs = from.iter().map(|from| Input {
            from: *from,
            output: OutputKind::Main,
            exchange: Exchange::Forward,
        });
        graph.add(kind, inputs.collect(), output)
    }

    fn aggregate(graph: &mut JobGraph) -> NodeId {
        let rows = arrow::array::RecordBatch::new_empty(schema());
        let values = add(graph, NodeKind::Values(ValuesSpec { rows }), &[]);
        let spec = GroupAggregateSpec {
            keys: vec![],
            aggregates: vec![],
            emit_update_before: true,
            at_end_only: false,
            input_updates: false,
        };
        add(graph, NodeKind::GroupAggregate(spec), &[values])
    }

    fn calc(graph: &mut JobGraph, from: NodeId, filters: bool) -> NodeId {
        let spec = CalcSpec {
            filter: filters.then(|| lit(true)),
            projection: vec![],
            uses_now: false,
        };
        add(graph, NodeKind::Calc(spec), &[from])
    }

    fn sink(graph: &mut JobGraph, from: NodeId, accepts: Option<SinkAccepts>) -> NodeId {
        let table = || TableSpec {
            name: "t".into(),
            schema: schema(),
            metadata: vec![],
            primary_key: vec![],
            partition_keys: vec![],
            options: millstream_core::options::Options::new("table 't'", [].into()),
        };
        let target = match accepts {
            None => SinkTarget::Collect,
            Some(accepts) => SinkTarget::Table {
                table: table(),
                connector: "test".into(),
                accepts,
            },
        };
        let spec = SinkSpec {
            target,
            not_null: vec![],
        };
        add(graph, NodeKind::Sink(Box::new(spec)), &[from])
    }

    /// Does the aggregate put out `-U` in front of this sink?
    fn puts_out(filters: bool, accepts: &[Option<SinkAccepts>]) -> bool {
        let mut graph = graph();
        let aggregate = aggregate(&mut graph);
        let calc = calc(&mut graph, aggregate, filters);
        let sinks: Vec<NodeId> = accepts.iter().map(|a| sink(&mut graph, calc, *a)).collect();
        complete(&mut graph);
        let found = graph.node(aggregate).changelog.update_before;
        for node in [calc].into_iter().chain(sinks) {
            assert_eq!(graph.node(node).changelog.update_before, found);
        }
        let NodeKind::GroupAggregate(spec) = &graph.node(aggregate).kind else {
            unreachable!("it was added as one");
        };
        assert_eq!(spec.emit_update_before, found);
        found
    }

    #[test]
    fn a_sink_by_key_needs_no_old_versions_and_others_do() {
        assert!(!puts_out(false, &[Some(SinkAccepts::Upsert)]));
        assert!(puts_out(false, &[Some(SinkAccepts::All)]));
        assert!(puts_out(false, &[None]));
    }

    #[test]
    fn a_filter_in_between_needs_them() {
        assert!(puts_out(true, &[Some(SinkAccepts::Upsert)]));
    }

    #[test]
    fn one_of_several_readers_is_enough() {
        assert!(puts_out(
            false,
            &[Some(SinkAccepts::Upsert), Some(SinkAccepts::All)]
        ));
    }

    #[test]
    fn whatever_keeps_rows_needs_them() {
        let mut graph = graph();
        let first = aggregate(&mut graph);
        let spec = GroupAggregateSpec {
            keys: vec![],
            aggregates: vec![],
            emit_update_before: true,
            at_end_only: false,
            input_updates: true,
        };
        let second = add(&mut graph, NodeKind::GroupAggregate(spec), &[first]);
        sink(&mut graph, second, Some(SinkAccepts::Upsert));
        complete(&mut graph);
        assert!(graph.node(first).changelog.update_before);
        assert!(!graph.node(second).changelog.update_before);
    }
}
