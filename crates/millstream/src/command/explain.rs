//! `millstream explain`: the plans of a script's queries and INSERTs.
//!
//! Definitions and settings take effect as they would; nothing is run.

use millstream_core::Result;
use millstream_plan::JobGraph;
use millstream_plan::explain::text;
use millstream_sql::session::{Outcome, ShellWord};

use super::Ended;
use crate::cli::{ExplainArgs, Format};
use crate::output::{Out, print_listing};
use crate::{engine, message, script};

/// Explains a script.
pub(crate) fn run(args: &ExplainArgs) -> Result<Ended> {
    let sql = script::read(&args.script)?;
    let mut session = engine::planning_session(&args.settings)?;
    let mut out = Out::stdout();
    let mut plans = 0;
    for statement in &session.parse(&sql)? {
        let mut plan = |graph: &JobGraph, out: &mut Out| {
            let gap = if plans == 0 { "" } else { "\n" };
            plans += 1;
            let text = text(graph);
            out.buffer().extend_from_slice(gap.as_bytes());
            out.buffer().extend_from_slice(text.trim_end().as_bytes());
            out.buffer().push(b'\n');
            out.flush()
        };
        match session.execute(statement, &sql)? {
            Outcome::Query(query) => plan(&query.graph, &mut out)?,
            Outcome::Insert(graph) => plan(&graph, &mut out)?,
            Outcome::Listing(listing) if listing.verbatim => {
                plans += 1;
                print_listing(&listing, Format::Table, &mut out)?;
            }
            Outcome::Shell(ShellWord::Quit) => break,
            Outcome::Done(_) | Outcome::Listing(_) | Outcome::Shell(_) => {}
        }
    }
    if plans == 0 {
        message::note("there is no query or INSERT to explain");
    }
    Ok(Ended::Well)
}
