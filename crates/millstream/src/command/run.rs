//! `millstream run`: the statements of a script, in order.
//!
//! The whole script is read before its first statement runs, so a slip in the last line does not
//! leave half of it done. A statement that fails ends the script.

use std::io::IsTerminal;

use millstream_core::{Code, Error, Result};
use millstream_plan::{JobGraph, LimitSpec, Node, NodeKind, OutputKind};
use millstream_runtime::Outcome as JobOutcome;
use millstream_sql::ast::Statement;
use millstream_sql::session::{Outcome, Query, ShellWord};

use super::Ended;
use crate::cli::{Format, ResultKind, RunArgs};
use crate::engine::Engine;
use crate::jobs::Jobs;
use crate::output::{Changes, Final, Out, Shape, View, print_listing};
use crate::signals::Signals;
use crate::watch::Watch;
use crate::{message, script, summary};

/// Runs a script.
pub(crate) fn run(args: &RunArgs) -> Result<Ended> {
    let text = script::read(&args.script)?;
    let engine = Engine::within(args.life.memory_limit)?;
    let mut session = engine.session(&args.settings)?;
    let statements = session.parse(&text)?;
    let mut signals = Signals::catch()?.listen();
    let mut out = Out::stdout();
    let run = statements.iter().filter(|statement| runs(&statement.node));
    let mut jobs = Jobs::of_script(&args.script, &args.life, run.count())?;
    for statement in &statements {
        let outcome = session.execute(statement, &text)?;
        let mut watch = Watch {
            engine: &engine,
            signals: &mut signals,
            out: &mut out,
            jobs: &mut jobs,
        };
        let job = match outcome {
            Outcome::Done(_) | Outcome::Shell(ShellWord::Help | ShellWord::Clear) => continue,
            Outcome::Listing(listing) => {
                print_listing(&listing, args.format, watch.out)?;
                continue;
            }
            Outcome::Shell(ShellWord::Quit) => break,
            // Nobody would see the rows.
            Outcome::Query(_) if watch.out.is_closed() => continue,
            Outcome::Query(query) => select(&mut watch, &query, args.format, args.result)?,
            Outcome::Insert(graph) => insert(&mut watch, &graph)?,
        };
        if job == JobOutcome::Cancelled {
            return Ok(Ended::CutOff);
        }
        if job == JobOutcome::Stopped || signals.is_interrupted() {
            break;
        }
    }
    Ok(Ended::Well)
}

/// True for a statement that becomes a job.
fn runs(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Query(_) | Statement::Insert(_) | Statement::StatementSet(_)
    )
}

fn select(
    watch: &mut Watch<'_>,
    query: &Query,
    format: Format,
    result: ResultKind,
) -> Result<JobOutcome> {
    let colour = watch.out.colour();
    let mut view: Box<dyn View> = match result {
        ResultKind::Changelog => Box::new(Changes::new(query, format, Shape::Changes, colour)),
        ResultKind::Final => {
            refuse_endless(&query.graph)?;
            Box::new(Final::new(query, format, colour)?)
        }
    };
    Ok(watch.query(&query.graph, view.as_mut())?.outcome)
}

/// Runs a job that writes tables and tells people how it went.
pub(super) fn insert(watch: &mut Watch<'_>, graph: &JobGraph) -> Result<JobOutcome> {
    let done = watch.insert(graph)?;
    if std::io::stderr().is_terminal() {
        message::note(&summary::line(&done, graph));
    }
    Ok(done.outcome)
}

/// A final result wants an end: refuses a query that has none.
pub(super) fn refuse_endless(graph: &JobGraph) -> Result<()> {
    let Some(table) = graph.nodes.last().and_then(|sink| endless(graph, sink)) else {
        return Ok(());
    };
    let message = format!("table '{table}' never ends, so there is no final result");
    Err(Error::new(Code::InvalidPlan, message)
        .hint("leave out --result final to see the changes, or add a LIMIT"))
}

/// A table that keeps this node from ever ending.
fn endless<'a>(graph: &'a JobGraph, node: &'a Node) -> Option<&'a str> {
    match &node.kind {
        NodeKind::Source(source) => (!source.bounded).then_some(source.table.name.as_str()),
        NodeKind::Limit(LimitSpec { fetch: Some(_), .. }) => None,
        _ => {
            let mut inputs = node
                .inputs
                .iter()
                .filter(|input| input.output == OutputKind::Main);
            inputs.find_map(|input| endless(graph, graph.node(input.from)))
        }
    }
}
