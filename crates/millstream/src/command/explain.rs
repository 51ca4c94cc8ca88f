//! `millstream explain`: the plans of a script's queries and INSERTs.
//!
//! Definitions and settings take effect as they would; nothing is run.

use millstream_core::Result;
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
        let text = match session.execute(statement, &sql)? {
            Outcome::Query(query) => session.explained(&query.graph)?,
            Outcome::Insert(graph) => session.explained(&graph)?,
            Outcome::Listing(listing) if listing.verbatim => {
                plans += 1;
                print_listing(&listing, Format::Table, &mut out)?;
                continue;
            }
            Outcome::Shell(ShellWord::Quit) => break,
            Outcome::Done(_) | Outcome::Listing(_) | Outcome::Shell(_) => continue,
        };
        let gap = if plans == 0 { "" } else { "\n" };
        plans += 1;
        for piece in [gap, text.trim_end(), "\n"] {
            out.buffer().extend_from_slice(piece.as_bytes());
        }
        out.flush()?;
    }
    if plans == 0 {
        message::note("there is no query or INSERT to explain");
    }
    Ok(Ended::Well)
}
