//! What a job has done, in words: one line for people, and a warning for all that was lost.
//!
//! Nothing disappears silently: a split with late rows or bad records gets a line that says how
//! many, and where they are or how to keep them.

use millstream_core::id::NodeId;
use millstream_core::table::TableSpec;
use millstream_plan::{JobGraph, NodeKind, OnError, OutputKind, SinkTarget, SourceSpec};
use millstream_runtime::{JobSummary, Outcome, SplitSummary};

use crate::progress::thousands;

/// Most splits that get a line of their own.
const LINES_MAX: usize = 20;

/// One line about a job that wrote tables.
pub(crate) fn line(summary: &JobSummary, graph: &JobGraph) -> String {
    let how = match summary.outcome {
        Outcome::Finished => "done",
        Outcome::Stopped => "stopped",
        Outcome::Cancelled => "cancelled",
    };
    let read = summary.rows_read();
    let written: u64 = sinks(graph)
        .filter(|(id, _)| !is_side(graph, *id))
        .filter_map(|(id, _)| summary.nodes.iter().find(|node| node.id == id))
        .map(|node| node.rows_in)
        .sum();
    let seconds = summary.duration.as_secs_f64();
    let rate = match seconds > 0.0 {
        true => format!(", {} rows/s", thousands((read as f64 / seconds) as u64)),
        false => String::new(),
    };
    let late = total(summary, |split| split.late_rows);
    let bad = total(summary, |split| split.bad_records);
    format!(
        "{how}: {} rows read, {} written in {seconds:.2} s{rate}; {} late, {} bad",
        thousands(read),
        thousands(written),
        thousands(late),
        thousands(bad)
    )
}

/// A line for each split with late rows or bad records.
pub(crate) fn warnings(summary: &JobSummary, graph: &JobGraph) -> Vec<String> {
    let late = |split: &SplitSummary| split.late_rows;
    let bad = |split: &SplitSummary| split.bad_records;
    let mut lines = of_each(summary, graph, "late row", late, late_fate);
    lines.extend(derived(summary));
    lines.extend(of_each(summary, graph, "bad record", bad, bad_fate));
    lines.extend(unseen(summary));
    lines
}

/// Rows taken back that had never come: the input is no changelog, or was cut off.
fn unseen(summary: &JobSummary) -> impl Iterator<Item = String> {
    let nodes = summary.nodes.iter().filter(|node| node.unseen_rows > 0);
    nodes.map(|node| {
        let rows = counted(node.unseen_rows, "row");
        let name = &node.name;
        format!("{rows} taken back at '{name}' that had never come; they changed nothing")
    })
}

/// The table that late rows of this job go to, with what its connector was told.
pub(crate) fn late_table(graph: &JobGraph) -> Option<&TableSpec> {
    let mut sides = sinks(graph).filter(|(id, _)| reads(graph, *id, OutputKind::Late));
    sides.next().map(|(_, table)| table)
}

fn total(summary: &JobSummary, count: impl Fn(&SplitSummary) -> u64) -> u64 {
    summary.splits.iter().map(count).sum()
}

fn of_each(
    summary: &JobSummary,
    graph: &JobGraph,
    thing: &str,
    count: impl Fn(&SplitSummary) -> u64,
    fate: impl Fn(Option<&SourceSpec>) -> String,
) -> Vec<String> {
    let concerned: Vec<&SplitSummary> = summary
        .splits
        .iter()
        .filter(|split| count(split) > 0)
        .collect();
    let (shown, rest) = concerned.split_at(concerned.len().min(LINES_MAX));
    let mut lines: Vec<String> = shown
        .iter()
        .map(|split| {
            let place = format!("in '{}' of table '{}'", split.name, split.table);
            let fate = fate(source(graph, &split.table));
            format!("{} {place}: {fate}", counted(count(split), thing))
        })
        .collect();
    if !rest.is_empty() {
        let left: u64 = rest.iter().map(|split| count(split)).sum();
        lines.push(format!(
            "{} in {} more splits",
            counted(left, thing),
            rest.len()
        ));
    }
    lines
}

/// Late rows that were read nowhere: results of an operator that came too late for the next.
fn derived(summary: &JobSummary) -> Option<String> {
    let all: u64 = summary.nodes.iter().map(|node| node.late_rows).sum();
    let left = all.saturating_sub(total(summary, |split| split.late_rows));
    let names = summary.nodes.iter().filter(|node| node.late_rows > 0);
    let names: Vec<String> = names.map(|node| format!("'{}'", node.name)).collect();
    let place = names.join(", ");
    (left > 0).then(|| {
        format!(
            "{} at {place} that came from no split",
            counted(left, "late row")
        )
    })
}

fn late_fate(source: Option<&SourceSpec>) -> String {
    match source.and_then(|source| source.table.options.get("late-rows.table")) {
        Some(table) => format!("they are in '{table}'"),
        None => "they are in no result; keep them with 'late-rows.table'".to_string(),
    }
}

fn bad_fate(source: Option<&SourceSpec>) -> String {
    let kept = source.and_then(|source| source.table.options.get("dead-letter.table"));
    match (source.map(|source| source.on_error), kept) {
        (Some(OnError::DeadLetter), Some(table)) => format!("they are in '{table}'"),
        (Some(OnError::DeadLetter), None) => "they are dead letters".to_string(),
        _ => "they were skipped; keep them with 'on-error' = 'dead-letter'".to_string(),
    }
}

/// `1 row`, `27,004 rows`.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", thousands(count))
}

fn source<'a>(graph: &'a JobGraph, table: &str) -> Option<&'a SourceSpec> {
    graph.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Source(spec) if spec.table.name == table => Some(spec),
        _ => None,
    })
}

fn sinks(graph: &JobGraph) -> impl Iterator<Item = (NodeId, &TableSpec)> {
    graph.nodes.iter().filter_map(|node| match &node.kind {
        NodeKind::Sink(sink) => match &sink.target {
            SinkTarget::Table { table, .. } => Some((node.id, table)),
            SinkTarget::Collect => None,
        },
        _ => None,
    })
}

/// True if the rows of this node are late rows or dead letters.
fn is_side(graph: &JobGraph, node: NodeId) -> bool {
    reads(graph, node, OutputKind::Late) || reads(graph, node, OutputKind::DeadLetter)
}

/// True if such an output is above this node, through the single-input steps a side table has.
fn reads(graph: &JobGraph, node: NodeId, output: OutputKind) -> bool {
    let mut node = graph.node(node);
    loop {
        if node.inputs.iter().any(|input| input.output == output) {
            return true;
        }
        match node.inputs.as_slice() {
            // A node reads from earlier ones only, so this ends.
            [input] if input.from < node.id => node = graph.node(input.from),
            _ => return false,
        }
    }
}
