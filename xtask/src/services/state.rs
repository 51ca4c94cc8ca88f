//! `services.json`: which servers are up, where, and which process they are.
//!
//! ```json
//! {"services": [{"kind": "kafka", "name": "main", "pid": 4711, "data": "/...", "keeps_data": false,
//!                "bootstrap": "127.0.0.1:40123"}]}
//! ```
//!
//! Written under a temporary name and renamed, so that a reader without the lock sees a whole file.
//! A process id can be taken over by a stranger; an entry counts as running only while the process
//! of that id has the data folder on its command line.

use std::fmt;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::process;
use crate::date::Stopwatch;

/// The file's name in its folder.
pub(super) const FILE: &str = "services.json";

/// What kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Kafka,
    S3,
}

impl Kind {
    pub(super) const ALL: &[Kind] = &[Kind::Kafka, Kind::S3];

    pub(super) fn parse(word: &str) -> Result<Kind> {
        match Kind::ALL.iter().find(|kind| kind.word() == word) {
            Some(kind) => Ok(*kind),
            None => bail!("unknown service '{word}'; there are: kafka, s3, all"),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Kind::Kafka => "kafka",
            Kind::S3 => "s3",
        }
    }
}

/// One server.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) pid: u32,
    pub(super) data: PathBuf,
    /// The data is its owner's; otherwise it goes with the server.
    pub(super) keeps_data: bool,
    /// What a client needs: addresses, credentials of the test.
    pub(super) facts: Map<String, Value>,
}

impl Entry {
    pub(super) fn is_running(&self) -> bool {
        process::is_running(self.pid, &self.data)
    }

    pub(super) fn stop(&self) -> Result<()> {
        // Data that is thrown away needs no orderly end.
        process::stop(self.pid, &self.data, self.keeps_data)
            .with_context(|| format!("cannot stop {self}"))
    }

    /// Removes the data unless it belongs to someone else.
    pub(super) fn clean(&self) -> Result<()> {
        if self.keeps_data || !self.data.exists() {
            return Ok(());
        }
        std::fs::remove_dir_all(&self.data)
            .with_context(|| format!("cannot remove {}", self.data.display()))
    }

    fn to_json(&self) -> Value {
        let mut json = json!({
            "kind": self.kind.word(),
            "name": self.name,
            "pid": self.pid,
            "data": self.data.to_string_lossy(),
            "keeps_data": self.keeps_data,
        });
        if let Value::Object(fields) = &mut json {
            fields.extend(self.facts.clone());
        }
        json
    }

    fn from_json(json: &Value) -> Option<Entry> {
        let mut facts = json.as_object()?.clone();
        let mut take = |key: &str| facts.shift_remove(key);
        Some(Entry {
            kind: Kind::parse(take("kind")?.as_str()?).ok()?,
            name: take("name")?.as_str()?.to_string(),
            pid: u32::try_from(take("pid")?.as_u64()?).ok()?,
            data: PathBuf::from(take("data")?.as_str()?),
            keeps_data: take("keeps_data")?.as_bool()?,
            facts,
        })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} '{}'", self.kind.word(), self.name)?;
        let address = ["bootstrap", "endpoint"]
            .iter()
            .find_map(|key| self.facts.get(*key));
        match address.and_then(Value::as_str) {
            Some(address) => write!(f, " at {address}"),
            None => Ok(()),
        }
    }
}

/// All servers of one state file.
#[derive(Debug, Default, PartialEq)]
pub(super) struct State(Vec<Entry>);

impl State {
    /// A file that is not there holds nothing.
    pub(super) fn read(path: &Path) -> Result<State> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(State::default());
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        parse(&text)
            .with_context(|| format!("{} is no list of services; remove it", path.display()))
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let entries: Vec<Value> = self.0.iter().map(Entry::to_json).collect();
        let text = serde_json::to_string_pretty(&json!({ "services": entries }))?;
        let fresh = path.with_extension("json.new");
        std::fs::write(&fresh, text)
            .and_then(|()| std::fs::rename(&fresh, path))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.0
    }

    pub(super) fn find(&self, kind: Kind, name: &str) -> Option<&Entry> {
        self.0
            .iter()
            .find(|entry| entry.kind == kind && entry.name == name)
    }

    pub(super) fn put(&mut self, entry: Entry) {
        self.0
            .retain(|other| other.kind != entry.kind || other.name != entry.name);
        self.0.push(entry);
    }

    /// Takes out the entries that `chosen` picks.
    pub(super) fn take(&mut self, chosen: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let (taken, left) = self.0.drain(..).partition(|entry| chosen(entry));
        self.0 = left;
        taken
    }
}

fn parse(text: &str) -> Result<State> {
    let json: Value = serde_json::from_str(text)?;
    let entries = json["services"].as_array().context("no list 'services'")?;
    let entries = entries
        .iter()
        .map(|json| Entry::from_json(json).with_context(|| format!("not a service: {json}")));
    Ok(State(entries.collect::<Result<_>>()?))
}

/// Where everything lives that outlasts a checkout.
pub(super) fn cache() -> Result<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let root = variable("MILLSTREAM_CACHE")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(variable("XDG_CACHE_HOME")?).join("millstream")))
        .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache/millstream")))
        .context("no place for a cache: set MILLSTREAM_CACHE to a folder")?;
    let folder = std::path::absolute(root)?.join("services");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// `MILLSTREAM_SERVICES`, or the file in the cache.
pub(super) fn default_path() -> Result<PathBuf> {
    match std::env::var_os("MILLSTREAM_SERVICES") {
        Some(path) if !path.is_empty() => Ok(std::path::absolute(path)?),
        _ => Ok(cache()?.join(FILE)),
    }
}

/// A new folder for the servers of one test run.
pub(super) fn private_folder() -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("millstream-services-{}", std::process::id()));
    // A leftover of an earlier process with our id.
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// An empty folder beside the state file.
pub(super) fn data_folder(path: &Path, kind: Kind, name: &str) -> Result<PathBuf> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(is_plain) {
        bail!("without --data, --name wants letters, digits, '-' and '_', found '{name}'");
    }
    let folder = path.with_file_name(format!("data-{}-{name}", kind.word()));
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    Ok(folder)
}

/// Waits for the lock beside the state file; it is free again when the result is dropped.
pub(super) fn lock(path: &Path, deadline: Duration) -> Result<File> {
    let lock = path.with_extension("lock");
    let file = File::options()
        .create(true)
        .append(true)
        .open(&lock)
        .with_context(|| format!("cannot open {}", lock.display()))?;
    let watch = Stopwatch::start();
    loop {
        match file.try_lock() {
            // Whoever held it may have removed the whole folder, as a test run does at its end.
            Ok(()) if !lock.exists() => bail!("{} is gone", lock.display()),
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if watch.elapsed() < deadline => process::pause(),
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "{} is held by someone else for {deadline:?}",
                    lock.display()
                )
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", lock.display()));
            }
        }
    }
}
