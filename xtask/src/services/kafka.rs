//! One node of Apache Kafka that is broker and controller, without ZooKeeper (KRaft).
//!
//! ```text
//! client ──▶ CLIENT  (advertised as told: the port itself, or a proxy's)
//! broker ──▶ INTERNAL    transaction markers never pass a proxy
//! broker ──▶ CONTROLLER
//! ```
//!
//! The jars come from the central repository of Maven, with all they need at run time, into the
//! cache. `server.properties` is written anew at each start, so that a broker whose data was kept
//! may come back on other ports; the data is formatted once.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::install::{self, Tool};
use super::process;

/// The newest release all of whose jars are published; 4.4.0 lacks `kafka-tools-api`.
const VERSION: &str = "4.3.1";
/// The logger must speak the API Kafka was built against.
const SLF4J_VERSION: &str = "1.7.36";
/// Any 16 bytes in base64; one cluster has one node, so it need not be different each time.
const CLUSTER: &str = "bWlsbHN0cmVhbS10ZXN0cw";
const START_DEADLINE: Duration = Duration::from_secs(120);
const FORMAT_DEADLINE: Duration = Duration::from_secs(60);
/// A port found free can be taken before the broker has it.
const ATTEMPTS: u32 = 3;

static JAVA: Tool = Tool {
    program: "java",
    argument: "-version",
    prefix: "version \"",
    least: (17, 0),
    package: "default-jre-headless",
};

/// What was started.
pub(super) struct Started {
    pub(super) pid: u32,
    pub(super) facts: Map<String, Value>,
}

/// Where the three listeners listen, and where clients are sent.
#[derive(Clone, Copy)]
pub(super) struct Ports {
    pub(super) client: u16,
    pub(super) advertised: u16,
    pub(super) internal: u16,
    pub(super) controller: u16,
}

/// Starts a broker on `data` and waits until it is ready.
pub(super) fn start(data: &Path, port: Option<u16>, advertised: Option<u16>) -> Result<Started> {
    JAVA.need()?;
    let jars = jars()?;
    let mut attempt = 1;
    loop {
        let [free, internal, controller] = process::free_ports()?;
        let client = port.unwrap_or(free);
        let ports = Ports {
            client,
            advertised: advertised.unwrap_or(client),
            internal,
            controller,
        };
        match start_on(data, &jars, ports) {
            Ok(pid) => {
                return Ok(Started {
                    pid,
                    facts: facts(ports),
                });
            }
            Err(error) if attempt < ATTEMPTS && is_taken(&error) => {
                eprintln!("a port was taken meanwhile, trying again: {error:#}");
                attempt += 1;
                process::pause();
            }
            Err(error) => return Err(error.context("cannot start kafka")),
        }
    }
}

fn is_taken(error: &anyhow::Error) -> bool {
    format!("{error:#}").contains("Address already in use")
}

fn facts(ports: Ports) -> Map<String, Value> {
    Map::from_iter([
        (
            "bootstrap".to_string(),
            format!("127.0.0.1:{}", ports.advertised).into(),
        ),
        ("port".to_string(), ports.client.into()),
    ])
}

fn start_on(data: &Path, jars: &Path, ports: Ports) -> Result<u32> {
    let properties = data.join("server.properties");
    std::fs::write(&properties, server_properties(data, ports))
        .with_context(|| format!("cannot write {}", properties.display()))?;
    if !data.join("log/meta.properties").exists() {
        format(jars, &properties)?;
    }
    let mut broker = java(jars);
    broker.arg("kafka.Kafka").arg(&properties);
    process::spawn(&mut broker, &data.join("broker.log"))?.wait(
        "Kafka Server started",
        ports.client,
        START_DEADLINE,
    )
}

fn format(jars: &Path, properties: &Path) -> Result<()> {
    let mut tool = java(jars);
    tool.args([
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
        "kafka.tools.StorageTool",
    ])
    .args(["format", "--cluster-id", CLUSTER, "--config"])
    .arg(properties);
    process::finish_into(&mut tool, Stdio::null(), FORMAT_DEADLINE)
        .context("cannot format the data folder")
}

/// Quick to start and small, on a machine whose few cores belong to the tests.
fn java(jars: &Path) -> Command {
    let mut java = Command::new("java");
    java.args([
        "-Xms64m",
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
    ])
    .args([
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.net.preferIPv4Stack=true",
    ])
    .args([
        "-Djava.awt.headless=true",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
    ])
    .arg("-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS")
    .arg("-cp")
    .arg(jars.join("*"));
    java
}

pub(super) fn server_properties(data: &Path, ports: Ports) -> String {
    let Ports {
        client,
        advertised,
        internal,
        controller,
    } = ports;
    // A backslash starts an escape in a properties file.
    let data = data.join("log").to_string_lossy().replace('\\', "\\\\");
    format!(
        "\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CLIENT://127.0.0.1:{client},INTERNAL://127.0.0.1:{internal},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENT://127.0.0.1:{advertised},INTERNAL://127.0.0.1:{internal}
listener.security.protocol.map=CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=INTERNAL
controller.listener.names=CONTROLLER
log.dirs={data}

# One node: no replicas, few internal partitions, few threads.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
num.network.threads=2
num.io.threads=4
background.threads=2
num.recovery.threads.per.data.dir=1
log.cleaner.dedupe.buffer.size=8388608

# A topic that a test did not create is a mistake of the test.
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000

# After SIGKILL the old registration must lapse before the broker may come back: 9 s by default.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=250
controlled.shutdown.enable=false
"
    )
}

/// The folder of the jars.
fn jars() -> Result<PathBuf> {
    let packages = [
        ("org.apache.kafka", "kafka_2.13", VERSION),
        ("org.slf4j", "slf4j-simple", SLF4J_VERSION),
    ];
    install::jars(&format!("kafka-{VERSION}"), &packages)
}
