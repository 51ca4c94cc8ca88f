//! `millstream demo`: a month of real flights, and what came too late.
//!
//! In a checkout it runs `examples/flights/delays.sql` as it stands there. Elsewhere it takes the
//! copy within this program: the query and its data are put into a folder of the user's cache, and
//! the process goes there, so that the same relative paths hold.
//!
//! The month takes a fraction of a second. On a terminal the windows are therefore shown in slow
//! motion: rows wait in the queue between the job and the terminal, which has room for all of them,
//! so the job is not slowed down and its figures are its own.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream_core::rows::ChangeBatch;
use millstream_core::{Code, Error, Result};
use millstream_plan::JobGraph;
use millstream_runtime::{JobSummary, Outcome as JobOutcome};
use millstream_sql::session::{Outcome, Query};

use super::Ended;
use crate::cli::{Format, SettingArgs};
use crate::engine::Engine;
use crate::jobs::Jobs;
use crate::output::{Changes, Live, Out, Shape, View};
use crate::progress::thousands;
use crate::signals::Signals;
use crate::summary::late_table;
use crate::watch::Watch;
use crate::{message, script};

const QUERY: &str = "examples/flights/delays.sql";
const DATA: &str = "examples/flights/data/flights-2013-01.csv";

const QUERY_TEXT: &str = include_str!("../../../../examples/flights/delays.sql");
const DATA_BYTES: &[u8] = include_bytes!("../../../../examples/flights/data/flights-2013-01.csv");

/// Rows of the live table; a day has three.
const LIVE_ROWS: usize = 12;

/// Rows that appear together: the airports of one day.
const ROWS_PER_FRAME: usize = 3;

/// How long a day stays the newest one.
const FRAME: Duration = Duration::from_millis(80);

/// Runs the example and tells what came of it.
pub(crate) fn run() -> Result<Ended> {
    go_to_the_example()?;
    let text = script::read_file(Path::new(QUERY))?;
    let engine = Engine::new()?;
    let mut session = engine.session(&SettingArgs::default())?;
    let statements = session.parse(&text)?;
    let mut signals = Signals::catch()?.listen();
    let mut out = Out::stdout();
    introduce(&mut out)?;
    for statement in &statements {
        let Outcome::Query(query) = session.execute(statement, &text)? else {
            continue;
        };
        let mut watch = Watch {
            engine: &engine,
            signals: &mut signals,
            out: &mut out,
            jobs: &mut Jobs::unnamed(),
        };
        if show(&mut watch, &query)? != JobOutcome::Finished {
            break;
        }
    }
    Ok(Ended::Well)
}

/// Makes the example's relative paths hold.
fn go_to_the_example() -> Result<()> {
    if Path::new(QUERY).is_file() && Path::new(DATA).is_file() {
        return Ok(());
    }
    let folder = folder()?;
    unpack(&folder)
        .and_then(|()| std::env::set_current_dir(&folder))
        .map_err(|error| {
            let message = format!(
                "cannot put the example into '{}': {error}",
                folder.display()
            );
            Error::new(Code::Write, message)
                .caused_by(error)
                .hint("run it where you may write, or set XDG_CACHE_HOME to a folder where you may")
        })?;
    message::note(&format!("working in '{}'", folder.display()));
    Ok(())
}

/// `millstream/demo` in the user's cache.
fn folder() -> Result<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = variable("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.filter(|path| path.is_absolute());
    let home = || variable("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = cache.or_else(home).ok_or_else(|| {
        Error::new(
            Code::NotFound,
            "cannot tell where the example may be put: HOME is not set",
        )
        .hint("set XDG_CACHE_HOME to a folder where you may write")
    })?;
    Ok(cache.join("millstream/demo"))
}

fn unpack(folder: &Path) -> std::io::Result<()> {
    for (path, bytes) in [(QUERY, QUERY_TEXT.as_bytes()), (DATA, DATA_BYTES)] {
        let path = folder.join(path);
        let is_there = fs::read(&path).is_ok_and(|known| known == bytes);
        if !is_there {
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            fs::write(&path, bytes)?;
        }
    }
    Ok(())
}

fn introduce(out: &mut Out) -> Result<()> {
    out.buffer().extend_from_slice(
        b"Departures from New York's airports in January 2013, in the order of the schedule.\n\
          How late did they leave, per airport and day? A day closes when the watermark, two\n\
          hours behind the latest departure seen, has passed its end.\n\n",
    );
    out.flush()
}

fn show(watch: &mut Watch<'_>, query: &Query) -> Result<JobOutcome> {
    let before = late_files(&query.graph);
    let mut rows = 0;
    let summary = if watch.out.is_terminal() {
        let mut view = SlowMotion {
            live: Live::new(query, watch.out.colour())?.with_rows_max(LIVE_ROWS),
            rows: &mut rows,
        };
        watch.run(&query.graph, Some(&mut view))?
    } else {
        let mut view = Counted {
            changes: Changes::new(query, Format::Table, Shape::Rows, false),
            rows: &mut rows,
        };
        watch.run(&query.graph, Some(&mut view))?
    };
    let after = late_files(&query.graph);
    let files = after.difference(&before).cloned().collect();
    conclude(watch.out, &summary, rows, files)?;
    Ok(summary.outcome)
}

/// Plain lines, counted.
struct Counted<'a> {
    changes: Changes,
    rows: &'a mut u64,
}

impl View for Counted<'_> {
    fn rows(&mut self, changes: &ChangeBatch, out: &mut Out) -> Result<()> {
        *self.rows += changes.num_rows() as u64;
        self.changes.rows(changes, out)
    }

    fn end(&mut self, out: &mut Out) -> Result<()> {
        self.changes.end(out)
    }
}

/// A live table that shows one day after the other.
struct SlowMotion<'a> {
    live: Live,
    rows: &'a mut u64,
}

impl View for SlowMotion<'_> {
    fn rows(&mut self, changes: &ChangeBatch, _out: &mut Out) -> Result<()> {
        *self.rows += changes.num_rows() as u64;
        for from in (0..changes.num_rows()).step_by(ROWS_PER_FRAME) {
            let length = ROWS_PER_FRAME.min(changes.num_rows() - from);
            self.live.add(&changes.slice(from, length))?;
            self.live.show(&[])?;
            std::thread::sleep(FRAME);
        }
        Ok(())
    }

    fn draw(&mut self, progress: &[String]) -> Result<bool> {
        self.live.show(progress)?;
        Ok(true)
    }

    fn clear(&mut self) -> Result<()> {
        self.live.clear()
    }

    fn end(&mut self, _out: &mut Out) -> Result<()> {
        self.live.show(&[])?;
        self.live.keep();
        Ok(())
    }
}

fn conclude(out: &mut Out, summary: &JobSummary, rows: u64, files: Vec<PathBuf>) -> Result<()> {
    let read = summary.rows_read();
    let late: u64 = summary.splits.iter().map(|split| split.late_rows).sum();
    let seconds = summary.duration.as_secs_f64();
    let rate = (read as f64 / seconds.max(1e-6)) as u64;
    let mut text = format!(
        "\n{} departures became {rows} windows of one airport and one day.\n\
         {} of them came too late: a flight before them in the schedule left so many hours late\n\
         that the watermark had closed their day.\n",
        thousands(read),
        thousands(late),
    );
    let names: Vec<String> = files
        .iter()
        .map(|file| format!("  {}\n", file.display()))
        .collect();
    if !names.is_empty() {
        text.push_str("None is lost. They are in\n");
        text.push_str(&names.concat());
    }
    text.push_str(&format!(
        "It took {seconds:.3} s: {} rows per second{}.\n\nThe query is {QUERY}. Go on with: millstream sql\n",
        thousands(rate),
        if out.is_terminal() { " (the table was shown slower than that)" } else { "" },
    ));
    out.buffer().extend_from_slice(text.as_bytes());
    out.flush()
}

/// The files of the table that late rows go to.
fn late_files(graph: &JobGraph) -> BTreeSet<PathBuf> {
    let path = late_table(graph).and_then(|table| table.options.get("path"));
    let Some(entries) = path.and_then(|path| fs::read_dir(path).ok()) else {
        return BTreeSet::new();
    };
    let is_visible = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.is_file() && !name.starts_with(['.', '_'])
    };
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_visible)
        .collect()
}
