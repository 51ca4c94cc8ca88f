//! `services up|down|status|hold`: real servers on loopback for tests: Apache Kafka and an S3 store.
//!
//! ```text
//! up      lock ─▶ installed? (cache) ─▶ running? (state file) ─▶ start, wait until it answers ─▶ record
//! down    stop what the state file names, remove its data
//! hold    up ─▶ print one line ─▶ wait for the end of standard input ─▶ down
//! ```
//!
//! * The state file, `services.json`, says what runs where: `MILLSTREAM_SERVICES`, or the one in the
//!   cache. `millstream_faultkit::services` reads it. Ports are whatever was free.
//! * Whoever changes the file holds the lock beside it, so tests that start together start one server.
//! * `hold` ties servers to the life of another process: its end, however violent, ends the pipe, and
//!   `hold` cleans up. It is in a process group of its own, so that Ctrl-C does not reach it first.
//! * Always: everything listens on 127.0.0.1 only, and every wait has a deadline.
//!
//! Decision: `docs/adr/0010-test-services.md`.

pub(crate) mod flink;
mod install;
mod kafka;
mod process;
mod s3;
mod state;
#[cfg(test)]
mod tests;
mod world;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::{Verdict, date::Stopwatch};
use state::{Entry, Kind, State};
pub(crate) use world::World;

/// An installation by someone else may be under way; it has this long to end.
const LOCK_DEADLINE: Duration = Duration::from_secs(30 * 60);

/// What `up` and `hold` were asked for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    kinds: Vec<Kind>,
    /// Several servers of one kind are told apart by name.
    name: String,
    /// A folder that outlives the server; without it the data goes when the server goes.
    data: Option<PathBuf>,
    port: Option<u16>,
    /// Where clients are sent, such as a proxy in front of the server.
    advertised_port: Option<u16>,
    /// `hold` only: a state file and data of its own, removed at the end.
    is_private: bool,
}

/// The word.
pub(crate) fn run(arguments: &[String]) -> Result<Verdict> {
    let [action, rest @ ..] = arguments else {
        bail!("services wants an action: up, down, status or hold");
    };
    let wanted = parse(rest)?;
    match action.as_str() {
        "hold" => hold(&wanted)?,
        _ if wanted.is_private => bail!("--private belongs to hold"),
        "up" => up(&wanted, &state::default_path()?)?,
        "down" => down(&wanted, &state::default_path()?)?,
        "status" => status(&state::default_path()?)?,
        other => bail!("unknown action '{other}'; there are: up, down, status, hold"),
    }
    Ok(Verdict::Passed)
}

fn parse(arguments: &[String]) -> Result<Wanted> {
    let mut wanted = Wanted {
        kinds: Kind::ALL.to_vec(),
        name: "main".to_string(),
        data: None,
        port: None,
        advertised_port: None,
        is_private: false,
    };
    let mut words = arguments.iter();
    if let Some(first) = words
        .as_slice()
        .first()
        .filter(|word| !word.starts_with("--"))
    {
        wanted.kinds = kinds(first)?;
        words.next();
    }
    while let Some(flag) = words.next() {
        let mut value = || {
            words
                .next()
                .with_context(|| format!("{flag} wants a value"))
        };
        match flag.as_str() {
            "--name" => wanted.name = value()?.clone(),
            "--data" => wanted.data = Some(std::path::absolute(value()?)?),
            "--port" => wanted.port = Some(port(flag, value()?)?),
            "--advertised-port" => wanted.advertised_port = Some(port(flag, value()?)?),
            "--private" => wanted.is_private = true,
            other => bail!("unknown argument '{other}'"),
        }
    }
    let is_placed = wanted.data.is_some() || wanted.port.is_some();
    ensure!(
        wanted.kinds.len() == 1 || !is_placed,
        "--data and --port are for one service; name it: kafka or s3"
    );
    ensure!(
        wanted.advertised_port.is_none() || wanted.kinds == [Kind::Kafka],
        "--advertised-port is for kafka"
    );
    Ok(wanted)
}

fn kinds(word: &str) -> Result<Vec<Kind>> {
    match word {
        "all" => Ok(Kind::ALL.to_vec()),
        "none" => Ok(Vec::new()),
        one => Ok(vec![Kind::parse(one)?]),
    }
}

fn port(flag: &str, text: &str) -> Result<u16> {
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => bail!("{flag} wants a port from 1 to 65535, found '{text}'"),
    }
}

/// Starts what is wanted and not yet running.
fn up(wanted: &Wanted, path: &Path) -> Result<()> {
    let _lock = state::lock(path, LOCK_DEADLINE)?;
    let mut state = State::read(path)?;
    for kind in &wanted.kinds {
        if let Some(entry) = state.find(*kind, &wanted.name) {
            if entry.is_running() {
                eprintln!("{entry}: already up");
                continue;
            }
            // It died on its own: what it left behind belongs to nobody.
            entry.clean()?;
        }
        let watch = Stopwatch::start();
        let entry = start(*kind, wanted, path)?;
        eprintln!("{entry}: up after {:.1} s", watch.elapsed().as_secs_f64());
        state.put(entry);
        state.write(path)?;
    }
    Ok(())
}

fn start(kind: Kind, wanted: &Wanted, path: &Path) -> Result<Entry> {
    let (data, keeps_data) = match &wanted.data {
        Some(data) => (data.clone(), true),
        None => (state::data_folder(path, kind, &wanted.name)?, false),
    };
    std::fs::create_dir_all(&data).with_context(|| format!("cannot create {}", data.display()))?;
    // The server's command line must hold the very path we look for later.
    let data = data.canonicalize()?;
    let started = match kind {
        Kind::Kafka => kafka::start(&data, wanted.port, wanted.advertised_port)?,
        Kind::S3 => s3::start(&data, wanted.port)?,
    };
    Ok(Entry {
        kind,
        name: wanted.name.clone(),
        pid: started.pid,
        data,
        keeps_data,
        facts: started.facts,
    })
}

/// Stops the named services; for all kinds without a name of their own, everything in the file.
fn down(wanted: &Wanted, path: &Path) -> Result<()> {
    let _lock = state::lock(path, LOCK_DEADLINE)?;
    let is_everything = wanted.kinds == Kind::ALL && wanted.name == "main";
    stop(path, |entry| {
        is_everything || (wanted.kinds.contains(&entry.kind) && entry.name == wanted.name)
    })
}

fn stop(path: &Path, chosen: impl Fn(&Entry) -> bool) -> Result<()> {
    let mut state = State::read(path)?;
    for entry in state.take(chosen) {
        entry.stop()?;
        entry.clean()?;
        eprintln!("{entry}: down");
    }
    state.write(path)
}

fn status(path: &Path) -> Result<()> {
    let state = State::read(path)?;
    for entry in state.entries() {
        let word = if entry.is_running() { "up" } else { "dead" };
        println!(
            "{entry}: {word}, pid {}, data {}",
            entry.pid,
            entry.data.display()
        );
    }
    if state.entries().is_empty() {
        println!("no service is up ({})", path.display());
    }
    Ok(())
}

/// Keeps services up until standard input ends.
fn hold(wanted: &Wanted) -> Result<()> {
    if wanted.is_private {
        return hold_private(wanted);
    }
    let path = state::default_path()?;
    let held = up(wanted, &path).and_then(|()| wait_for_the_end(&path));
    down(wanted, &path)?;
    held
}

/// In a folder of its own, of which nothing is left: not what tests started meanwhile either.
fn hold_private(wanted: &Wanted) -> Result<()> {
    let folder = state::private_folder()?;
    let path = folder.join(state::FILE);
    let held = up(wanted, &path).and_then(|()| wait_for_the_end(&path));
    // The lock is kept until the folder is gone, so that nobody starts a server in between.
    let _lock = state::lock(&path, LOCK_DEADLINE)?;
    stop(&path, |_| true)?;
    std::fs::remove_dir_all(&folder)
        .with_context(|| format!("cannot remove {}", folder.display()))?;
    held
}

/// Says on standard output where the state file is, then reads until whoever started us is gone.
fn wait_for_the_end(path: &Path) -> Result<()> {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", path.display())?;
    stdout.flush()?;
    let mut rest = [0; 64];
    while std::io::stdin().read(&mut rest)? > 0 {}
    Ok(())
}
