//! What readers of a job's results may rely on, for people: the last lines of EXPLAIN.
//!
//! ```text
//! guarantees  checkpoints in 's3://jobs/shop' every 1 s; state is exactly-once
//!     source  bid       'kafka'       is read again from its positions
//!     sink    out       'filesystem'  exactly-once: a file is visible only after its checkpoint
//! ```
//!
//! * A sink promises what its connector says, and no more than the weakest source before it allows.
//! * Of several outside systems with transactions only the first carries the commit decision: tables
//!   of the others are at-least-once.
//! * What makes a second reading differ from the first (random numbers, processing time) is named.

use std::sync::Arc;
use std::time::Duration;

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_expr::{Expr, Volatility};
use millstream_core::Result;
use millstream_core::clock::SharedClock;
use millstream_core::connector::{Delivery, Guarantee, JobIdentity, SourceContext};
use millstream_core::table::TableSpec;
use millstream_plan::explain::title;
use millstream_plan::{
    CheckpointSettings, JobGraph, Node, NodeKind, SinkTarget, SourceSpec, TimeAttribute,
};

use crate::bind::table::readable;
use crate::registry::Registry;

/// Most sources, sinks and notes that are listed.
const LINES_MAX: usize = 100;

/// A line: what, which, its connector, words.
type Line = (&'static str, String, String, String);

/// The lines about a job.
pub(crate) fn text(
    graph: &JobGraph,
    registry: &dyn Registry,
    clock: &SharedClock,
) -> Result<String> {
    let checkpoints = &graph.settings.checkpoints;
    let mut lines = Vec::new();
    let mut weak: Vec<&Node> = Vec::new();
    for node in &graph.nodes {
        let NodeKind::Source(spec) = &node.kind else {
            continue;
        };
        let replays = replays(spec, registry, clock)?;
        let words = match replays {
            true => "is read again from its positions",
            false => {
                "cannot be read again: what came since the last checkpoint is lost with a crash"
            }
        };
        if !replays {
            weak.push(node);
        }
        lines.push(line(
            "source",
            &spec.table,
            &spec.connector,
            words.to_owned(),
        ));
    }
    let mut group = None;
    for node in &graph.nodes {
        let NodeKind::Sink(spec) = &node.kind else {
            continue;
        };
        let weak = weak.iter().find(|source| reaches(graph, source, node));
        lines.push(match &spec.target {
            SinkTarget::Collect => (
                "result",
                String::new(),
                String::new(),
                said(&of_result(), checkpoints.dir.is_some()),
            ),
            SinkTarget::Table {
                table, connector, ..
            } => {
                let promise = of_table(table, connector, registry, &mut group)?;
                let promise = weakened(promise, weak.map(|source| title(source)));
                line(
                    "sink",
                    table,
                    connector,
                    said(&promise, checkpoints.dir.is_some()),
                )
            }
        });
    }
    lines.extend(
        graph
            .nodes
            .iter()
            .filter_map(differs)
            .map(|words| ("note", String::new(), String::new(), words)),
    );
    // A table that is read twice has one promise.
    let mut shown: Vec<Line> = Vec::with_capacity(lines.len());
    for line in lines {
        if !shown.contains(&line) {
            shown.push(line);
        }
    }
    Ok(laid_out(&heading(checkpoints), shown))
}

fn heading(checkpoints: &CheckpointSettings) -> String {
    let Some(dir) = &checkpoints.dir else {
        return "guarantees  no checkpoints, so nothing of the job survives a crash; see \
                'execution.checkpointing.dir'"
            .to_owned();
    };
    let interval = checkpoints
        .interval
        .unwrap_or(CheckpointSettings::INTERVAL_DEFAULT);
    let when = match interval {
        Duration::ZERO => "at its end only".to_owned(),
        interval => format!("every {interval:?}"),
    };
    format!(
        "guarantees  checkpoints in '{}' {when}; state is exactly-once",
        shown(dir)
    )
}

/// A URL without the user and password it may hold.
fn shown(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.find('/').unwrap_or(rest.len());
            let from = rest[..host].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[from..])
        }
        None => url.to_owned(),
    }
}

fn replays(spec: &SourceSpec, registry: &dyn Registry, clock: &SharedClock) -> Result<bool> {
    let Some(factory) = registry.connector(&spec.connector)?.source() else {
        return Ok(false);
    };
    let schema = readable(&spec.table);
    let context = SourceContext {
        projection: (0..schema.fields().len()).collect(),
        schema,
        formats: registry.formats(),
        clock: Arc::clone(clock),
        job: JobIdentity::transient("planning"),
        parallelism: 1,
        batch_rows: 1,
    };
    Ok(factory.create(&spec.table, &context)?.replays())
}

/// What a table's connector promises; `group` is the first outside system with transactions.
fn of_table(
    table: &TableSpec,
    connector: &str,
    registry: &dyn Registry,
    group: &mut Option<String>,
) -> Result<Guarantee> {
    let Some(factory) = registry.connector(connector)?.sink() else {
        return Ok(Guarantee::none("it cannot be written"));
    };
    let promise = factory.guarantee(table)?;
    let Some(name) = factory.transaction_group(table)? else {
        return Ok(promise);
    };
    let first = group.get_or_insert_with(|| name.clone());
    Ok(match *first == name {
        true => promise,
        false => Guarantee::at_least_once(format!(
            "the transactions of '{first}' carry the commit, and only one system can"
        )),
    })
}

fn of_result() -> Guarantee {
    Guarantee::none(
        "rows are shown once their checkpoint is committed; a crash in between swallows them",
    )
}

fn weakened(promise: Guarantee, source: Option<String>) -> Guarantee {
    match source {
        Some(source) if promise.delivery > Delivery::None => {
            Guarantee::none(format!("'{source}' cannot be read again"))
        }
        _ => promise,
    }
}

fn said(promise: &Guarantee, is_kept: bool) -> String {
    let condition = match (is_kept, promise.delivery) {
        (false, Delivery::AtLeastOnce | Delivery::ExactlyOnce) => "with checkpoints ",
        _ => "",
    };
    format!("{condition}{}: {}", promise.delivery, promise.why)
}

/// True if rows of `from` may come to `to`.
fn reaches(graph: &JobGraph, from: &Node, to: &Node) -> bool {
    let mut seen = vec![false; graph.nodes.len()];
    let mut open = vec![to.id];
    while let Some(id) = open.pop() {
        if id == from.id {
            return true;
        }
        if !std::mem::replace(&mut seen[id.0 as usize], true) {
            open.extend(graph.node(id).inputs.iter().map(|input| input.from));
        }
    }
    false
}

/// Why a node gives other rows when it reads the same ones again.
fn differs(node: &Node) -> Option<String> {
    let why = match &node.kind {
        NodeKind::Calc(spec) => {
            let random = spec
                .projection
                .iter()
                .chain(&spec.filter)
                .find_map(volatile);
            match (random, spec.uses_now) {
                (Some(name), _) => Some(format!("{name}() gives other values")),
                (None, true) => Some("the current time is another".to_owned()),
                (None, false) => None,
            }
        }
        NodeKind::WindowAggregate(spec) => {
            let is_processing = spec.time == TimeAttribute::Processing;
            is_processing.then(|| "its windows follow the clock".to_owned())
        }
        NodeKind::WindowAssign(spec) => {
            let is_processing = spec.time == TimeAttribute::Processing;
            is_processing.then(|| "its windows follow the clock".to_owned())
        }
        _ => None,
    }?;
    let name = title(node);
    Some(format!(
        "[{}] {name}: when rows are read again, {why}",
        node.id.0
    ))
}

/// A function in it whose result is another every time.
fn volatile(expr: &Expr) -> Option<String> {
    let mut found = None;
    let walked = expr.apply(|inner| {
        Ok(match inner {
            Expr::ScalarFunction(call)
                if call.func.signature().volatility == Volatility::Volatile =>
            {
                found = Some(call.name().to_uppercase());
                TreeNodeRecursion::Stop
            }
            _ => TreeNodeRecursion::Continue,
        })
    });
    debug_assert!(walked.is_ok(), "the closure does not fail");
    found
}

fn line(what: &'static str, table: &TableSpec, connector: &str, words: String) -> Line {
    (what, table.name.clone(), format!("'{connector}'"), words)
}

fn laid_out(heading: &str, lines: Vec<Line>) -> String {
    let width = |of: fn(&Line) -> &str| {
        let named = lines.iter().filter(|line| line.0 != "note");
        named
            .map(|line| of(line).chars().count())
            .max()
            .unwrap_or(0)
    };
    let (names, connectors) = (width(|line| &line.1), width(|line| &line.2));
    let mut out = format!("{heading}\n");
    for (what, name, connector, words) in lines.iter().take(LINES_MAX) {
        let places = match *what {
            "note" => String::new(),
            _ if names + connectors == 0 => String::new(),
            _ => format!("{name:<names$}  {connector:<connectors$}  "),
        };
        out.push_str(&format!("    {what:<6}  {places}{words}\n"));
    }
    if lines.len() > LINES_MAX {
        out.push_str(&format!("    and {} more\n", lines.len() - LINES_MAX));
    }
    out
}
