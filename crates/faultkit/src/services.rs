//! The real servers that tests talk to: where they are, and brokers of one's own to kill.
//!
//! ```text
//! kafka(), s3()   services.json ─▶ does it answer? ─▶ address
//!                       └── no ─▶ `cargo xtask services up` (installs, locks, starts once)
//! Broker          `cargo xtask services hold`: ours alone; it ends when we end, however we end
//! ```
//!
//! * `MILLSTREAM_SERVICES` names the state file; `cargo xtask test` sets it. Without it the one in
//!   the cache counts, and a server that was started stays up for the next run.
//! * A test that needs a server fails if there is none. With `MILLSTREAM_WITHOUT_SERVICES=1` it is
//!   skipped instead: [`needed`] answers `None` and reports the test to `cargo xtask test`.
//! * Nothing here starts a server itself: one place knows how, `xtask/src/services`.
//! * Cost: a file and a connection if the server is up; 4 s to start a broker; the first
//!   installation takes minutes.
//!
//! ```no_run
//! use millstream_faultkit::services;
//!
//! let Some(kafka) = services::needed(services::kafka()) else { return };
//! kafka.create_topic("rows", 3).unwrap();
//! ```

mod broker;
mod command;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream_core::{Code, Error, Remedy, Result};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use serde::Deserialize;

pub use broker::{Broker, Ports};

const CONNECT_DEADLINE: Duration = Duration::from_secs(2);
/// The first `up` on a machine installs and compiles.
const UP_DEADLINE: Duration = Duration::from_secs(45 * 60);
const TOPIC_DEADLINE: Duration = Duration::from_secs(30);

/// A running broker.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Kafka {
    /// `host:port`, for `bootstrap.servers`.
    pub bootstrap: String,
}

/// A running S3 store and its test credentials.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct S3 {
    /// `http://host:port`.
    pub endpoint: String,
    /// A bucket that exists.
    pub bucket: String,
    /// The key id of its owner.
    pub access_key: String,
    /// The secret of its owner.
    pub secret_key: String,
    /// The region to sign for.
    pub region: String,
}

/// The shared broker, started if it is not up.
pub fn kafka() -> Result<Kafka> {
    find_or_start("kafka", |kafka: &Kafka| kafka.bootstrap.as_str())
}

/// The shared S3 store, started if it is not up.
pub fn s3() -> Result<S3> {
    find_or_start("s3", |s3: &S3| s3.endpoint.trim_start_matches("http://"))
}

/// The service a test cannot do without; `None` means: return, this run has none.
///
/// # Panics
///
/// If there should be one and it is not there, which fails the test.
pub fn needed<T>(service: Result<T>) -> Option<T> {
    if is_without() {
        report_skipped().expect("cannot write to the file in MILLSTREAM_SKIPPED");
        return None;
    }
    match service {
        Ok(service) => Some(service),
        Err(error) => panic!("this test needs a service: {}", error.report()),
    }
}

/// Whether the user chose to run without services.
pub fn is_without() -> bool {
    std::env::var("MILLSTREAM_WITHOUT_SERVICES").is_ok_and(|value| value == "1")
}

impl Kafka {
    /// Creates a topic. One that exists is an error: a test takes a name of its own.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<()> {
        let failed = |cause: String| unusable(format!("cannot create topic '{name}': {cause}"));
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .create()
            .map_err(|error| failed(error.to_string()))?;
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let options = AdminOptions::new()
            .operation_timeout(Some(TOPIC_DEADLINE))
            .request_timeout(Some(TOPIC_DEADLINE));
        let created = futures::executor::block_on(admin.create_topics([&topic], &options))
            .map_err(|error| failed(error.to_string()))?;
        match created.into_iter().next() {
            Some(Ok(_)) => Ok(()),
            Some(Err((_, code))) => Err(failed(code.to_string())),
            None => Err(failed("the broker said nothing about it".to_string())),
        }
    }
}

fn find_or_start<T>(kind: &str, address: impl Fn(&T) -> &str) -> Result<T>
where
    T: serde::de::DeserializeOwned,
{
    if is_without() {
        return Err(unusable(format!(
            "no {kind}: MILLSTREAM_WITHOUT_SERVICES is set"
        )));
    }
    if let Ok(cause) = std::env::var("MILLSTREAM_SERVICES_FAILED") {
        return Err(unusable(format!(
            "no {kind}: the services of this run did not start: {cause}"
        )));
    }
    let path = state_path()?;
    if let Some(found) = find::<T>(&path, kind, "main")?
        && answers(address(&found))
    {
        return Ok(found);
    }
    command::run(&["up", kind], UP_DEADLINE)?;
    match find::<T>(&path, kind, "main")? {
        Some(found) if answers(address(&found)) => Ok(found),
        Some(found) => Err(unusable(format!(
            "{kind} at '{}' does not answer",
            address(&found)
        ))),
        None => Err(unusable(format!(
            "'{}' does not name {kind}",
            path.display()
        ))),
    }
}

/// The entry of that kind and name; `None` also where there is no file.
fn find<T>(path: &Path, kind: &str, name: &str) -> Result<Option<T>>
where
    T: serde::de::DeserializeOwned,
{
    let damaged = |cause: String| unusable(format!("cannot use '{}': {cause}", path.display()));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(damaged(error.to_string())),
    };
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    let entries = json["services"]
        .as_array()
        .ok_or_else(|| damaged("no list 'services'".to_string()))?;
    let entry = entries
        .iter()
        .find(|entry| entry["kind"] == kind && entry["name"] == name);
    match entry {
        Some(entry) => T::deserialize(entry)
            .map(Some)
            .map_err(|error| damaged(error.to_string())),
        None => Ok(None),
    }
}

/// The same place as in `xtask/src/services/state.rs`.
fn state_path() -> Result<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let absolute = |path: PathBuf| {
        std::path::absolute(&path).map_err(|error| {
            unusable(format!("no usable path: '{}'", path.display())).caused_by(error)
        })
    };
    if let Some(path) = variable("MILLSTREAM_SERVICES") {
        return absolute(PathBuf::from(path));
    }
    variable("MILLSTREAM_CACHE")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(variable("XDG_CACHE_HOME")?).join("millstream")))
        .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache/millstream")))
        .map(|cache| cache.join("services/services.json"))
        .ok_or_else(|| unusable("no place for a cache: set MILLSTREAM_CACHE to a folder"))
        .and_then(absolute)
}

fn answers(address: &str) -> bool {
    address
        .parse::<SocketAddr>()
        .is_ok_and(|address| TcpStream::connect_timeout(&address, CONNECT_DEADLINE).is_ok())
}

/// One line per skipped test, for the sum at the end of `cargo xtask test`.
fn report_skipped() -> std::io::Result<()> {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a test");
    eprintln!("skipped, MILLSTREAM_WITHOUT_SERVICES is set: {name}");
    let Some(path) = std::env::var_os("MILLSTREAM_SKIPPED") else {
        return Ok(());
    };
    // One write per line: tests of several processes append at once.
    let mut file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(path)?;
    file.write_all(format!("{name}\n").as_bytes())
}

fn unusable(message: impl Into<String>) -> Error {
    Error::new(Code::Read, message)
        .with_remedy(Remedy::Retry)
        .hint("cargo xtask services status; without servers: MILLSTREAM_WITHOUT_SERVICES=1")
}
