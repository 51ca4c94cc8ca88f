//! `properties.*`: which settings of the Kafka client a table may have.
//!
//! librdkafka has settings that load libraries, run programs and read any file
//! (`plugin.library.paths`, `sasl.kerberos.kinit.cmd`, `ssl.engine.location`, …), so only the listed
//! ones are taken, and files from one directory only. Users write Java's names as in Flink, or librdkafka's; what differs is renamed.
//! No value of a setting enters a message, because some are secret.
//!
//! What bounds memory is set by us: at most 8 MiB of fetched records wait per reader and 32 MiB of
//! records per producer, unless the user says otherwise within limits.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream_core::options::Options;
use millstream_core::{Code, Error, Result, suggest};
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;

use super::{jaas, secrets};

/// What all keys begin with.
const PREFIX: &str = "properties.";

/// For whom a setting is, and how.
#[derive(Clone, Copy, Debug)]
enum Use {
    /// For every client, under this name.
    All(&'static str),
    /// For reading.
    Read(&'static str),
    /// For writing.
    Write(&'static str),
    /// Bytes that librdkafka counts in units of 1024.
    WriteKib(&'static str),
    /// Known from Java, without a meaning here.
    Nothing,
    /// The same, a file in the secrets directory.
    File(&'static str),
    /// Read by us.
    Ours,
    /// Only these values, which are what we do anyway.
    Only(&'static [&'static str]),
}

/// Every setting that is taken.
const ALLOWED: &[(&str, Use)] = &[
    ("acks", Use::Write("acks")),
    (
        "allow.auto.create.topics",
        Use::Read("allow.auto.create.topics"),
    ),
    ("auto.offset.reset", Use::Ours),
    ("batch.size", Use::Write("batch.size")),
    ("bootstrap.servers", Use::Ours),
    ("broker.address.family", Use::All("broker.address.family")),
    ("buffer.memory", Use::WriteKib("queue.buffering.max.kbytes")),
    ("check.crcs", Use::Read("check.crcs")),
    ("client.dns.lookup", Use::All("client.dns.lookup")),
    ("client.id", Use::All("client.id")),
    ("client.rack", Use::All("client.rack")),
    ("commit.offsets.on.checkpoint", Use::Ours),
    ("compression.level", Use::Write("compression.level")),
    ("compression.type", Use::Write("compression.type")),
    (
        "connections.max.idle.ms",
        Use::All("connections.max.idle.ms"),
    ),
    ("delivery.timeout.ms", Use::Ours),
    ("enable.auto.commit", Use::Only(&["false"])),
    ("enable.idempotence", Use::Only(&["true"])),
    ("fetch.max.bytes", Use::Ours),
    ("fetch.max.wait.ms", Use::Read("fetch.wait.max.ms")),
    ("fetch.min.bytes", Use::Read("fetch.min.bytes")),
    ("fetch.wait.max.ms", Use::Read("fetch.wait.max.ms")),
    ("group.id", Use::Ours),
    ("isolation.level", Use::Read("isolation.level")),
    ("linger.ms", Use::Write("linger.ms")),
    ("max.block.ms", Use::Nothing),
    (
        "max.in.flight.requests.per.connection",
        Use::Write("max.in.flight.requests.per.connection"),
    ),
    (
        "max.partition.fetch.bytes",
        Use::Read("max.partition.fetch.bytes"),
    ),
    ("max.poll.interval.ms", Use::Nothing),
    ("max.poll.records", Use::Nothing),
    ("max.request.size", Use::Write("message.max.bytes")),
    ("message.max.bytes", Use::Write("message.max.bytes")),
    ("metadata.max.age.ms", Use::All("metadata.max.age.ms")),
    (
        "queue.buffering.max.kbytes",
        Use::Write("queue.buffering.max.kbytes"),
    ),
    (
        "queue.buffering.max.messages",
        Use::Write("queue.buffering.max.messages"),
    ),
    (
        "reconnect.backoff.max.ms",
        Use::All("reconnect.backoff.max.ms"),
    ),
    ("reconnect.backoff.ms", Use::All("reconnect.backoff.ms")),
    ("request.timeout.ms", Use::Ours),
    ("retries", Use::Write("retries")),
    ("retry.backoff.max.ms", Use::All("retry.backoff.max.ms")),
    ("retry.backoff.ms", Use::All("retry.backoff.ms")),
    ("sasl.jaas.config", Use::Ours),
    ("sasl.mechanism", Use::Ours),
    ("sasl.mechanisms", Use::Ours),
    ("sasl.password", Use::All("sasl.password")),
    ("sasl.username", Use::All("sasl.username")),
    ("security.protocol", Use::Ours),
    ("session.timeout.ms", Use::Nothing),
    (
        "socket.connection.setup.timeout.ms",
        Use::All("socket.connection.setup.timeout.ms"),
    ),
    (
        "socket.keepalive.enable",
        Use::All("socket.keepalive.enable"),
    ),
    ("socket.timeout.ms", Use::All("socket.timeout.ms")),
    ("ssl.ca.location", Use::File("ssl.ca.location")),
    ("ssl.ca.pem", Use::All("ssl.ca.pem")),
    (
        "ssl.certificate.location",
        Use::File("ssl.certificate.location"),
    ),
    ("ssl.certificate.pem", Use::All("ssl.certificate.pem")),
    ("ssl.cipher.suites", Use::All("ssl.cipher.suites")),
    ("ssl.endpoint.identification.algorithm", Use::Ours),
    ("ssl.key.location", Use::File("ssl.key.location")),
    ("ssl.key.password", Use::All("ssl.key.password")),
    ("ssl.key.pem", Use::All("ssl.key.pem")),
    (
        "ssl.keystore.certificate.chain",
        Use::All("ssl.certificate.pem"),
    ),
    ("ssl.keystore.key", Use::All("ssl.key.pem")),
    ("ssl.keystore.location", Use::Ours),
    ("ssl.keystore.password", Use::All("ssl.keystore.password")),
    ("ssl.keystore.type", Use::Ours),
    ("ssl.truststore.certificates", Use::All("ssl.ca.pem")),
    ("ssl.truststore.location", Use::Ours),
    ("ssl.truststore.type", Use::Ours),
    ("transaction.timeout.ms", Use::Ours),
];

/// Most bytes of fetched records that wait in a reader.
const FETCHED_KIB: u32 = 8192;
/// Largest answer a broker is asked for, and its limit for a user.
const FETCH_BYTES: u32 = 8 << 20;
const FETCH_BYTES_MAX: u32 = 256 << 20;
/// Most bytes of records that wait in a producer.
const UNSENT_KIB: u32 = 32 << 10;

/// What happens where there is no offset to begin with, or it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reset {
    /// Read from the beginning.
    Earliest,
    /// Read what comes from now on.
    Latest,
}

/// The settings of a table's clients.
#[derive(Clone)]
pub(super) struct Properties {
    /// The table, for messages.
    pub(super) owner: String,
    /// The brokers, as the user wrote them.
    pub(super) bootstrap: String,
    /// The consumer group, if there is one.
    pub(super) group: Option<String>,
    /// What the user wants where there is no offset.
    pub(super) reset: Option<Reset>,
    /// Whether the group's offsets follow the checkpoints.
    pub(super) commit_offsets: bool,
    /// How long a transaction may stay open.
    pub(super) transaction_timeout: Duration,
    /// How long a question to the brokers may take.
    pub(super) answer: Duration,
    /// How long a record may take to be written.
    pub(super) delivery_timeout: Duration,
    all: BTreeMap<&'static str, String>,
    read: BTreeMap<&'static str, String>,
    write: BTreeMap<&'static str, String>,
}

impl Properties {
    /// Reads and checks every `properties.*` of a table, without touching the outside.
    pub(super) fn of(options: &Options) -> Result<Self> {
        let mut properties = Properties {
            owner: options.owner().to_string(),
            bootstrap: bootstrap(options)?,
            group: None,
            reset: None,
            commit_offsets: true,
            transaction_timeout: Duration::from_secs(600),
            answer: Duration::from_secs(30),
            delivery_timeout: Duration::from_secs(120),
            all: BTreeMap::new(),
            read: BTreeMap::new(),
            write: BTreeMap::new(),
        };
        for (key, value) in options.iter() {
            if let Some(name) = key.strip_prefix(PREFIX) {
                properties.take(options, name, value)?;
            }
        }
        properties.check_stores(options)?;
        properties.check_times(options)?;
        properties.check_client()?;
        Ok(properties)
    }

    fn take(&mut self, options: &Options, name: &str, value: &str) -> Result<()> {
        let Some((_, used)) = ALLOWED.iter().find(|(allowed, _)| *allowed == name) else {
            return Err(refused(options, name));
        };
        let value = value.trim();
        match used {
            Use::All(to) => drop(self.all.insert(to, value.to_string())),
            Use::Read(to) => drop(self.read.insert(to, value.to_string())),
            Use::Write(to) => drop(self.write.insert(to, value.to_string())),
            Use::WriteKib(to) => {
                let bytes: u64 = value
                    .parse()
                    .map_err(|_| invalid(options, name, "a number of bytes"))?;
                self.write
                    .insert(to, bytes.div_ceil(1024).max(1).to_string());
            }
            Use::Nothing => {}
            Use::File(to) => drop(self.all.insert(to, secret(options, name, value)?)),
            Use::Ours => self.ours(options, name, value)?,
            Use::Only(values) => {
                if !values.iter().any(|only| only.eq_ignore_ascii_case(value)) {
                    let wanted = format!("'{}', which is how it works here", values.join("' or '"));
                    return Err(invalid(options, name, &wanted));
                }
            }
        }
        Ok(())
    }

    /// A setting that is more than a name and a value for librdkafka.
    fn ours(&mut self, options: &Options, name: &str, value: &str) -> Result<()> {
        match name {
            "group.id" if value.is_empty() => return Err(invalid(options, name, "a name")),
            "group.id" => self.group = Some(value.to_string()),
            "auto.offset.reset" => {
                self.reset = match value.to_ascii_lowercase().as_str() {
                    "earliest" => Some(Reset::Earliest),
                    "latest" => Some(Reset::Latest),
                    "none" => None,
                    _ => return Err(invalid(options, name, "'earliest', 'latest' or 'none'")),
                }
            }
            "commit.offsets.on.checkpoint" => {
                self.commit_offsets = options.boolean(&format!("{PREFIX}{name}"), true)?;
            }
            "fetch.max.bytes" => {
                let bytes: u32 = value.parse().unwrap_or(0);
                if !(1024..=FETCH_BYTES_MAX).contains(&bytes) {
                    let wanted = format!("a number of bytes from 1024 to {FETCH_BYTES_MAX}");
                    return Err(invalid(options, name, &wanted));
                }
                self.read.insert("fetch.max.bytes", bytes.to_string());
                let answer = (bytes * 2).max(FETCH_BYTES * 2);
                self.all
                    .insert("receive.message.max.bytes", answer.to_string());
            }
            "transaction.timeout.ms" => self.transaction_timeout = millis(options, name, value)?,
            "delivery.timeout.ms" => self.delivery_timeout = millis(options, name, value)?,
            "request.timeout.ms" => {
                self.answer = millis(options, name, value)?;
                self.write.insert("request.timeout.ms", value.to_string());
                self.read.insert("socket.timeout.ms", value.to_string());
            }
            "sasl.mechanism" | "sasl.mechanisms" => {
                let known = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
                let Some(known) = known.iter().find(|known| known.eq_ignore_ascii_case(value))
                else {
                    return Err(invalid(options, name, &crate::quoted(&known)));
                };
                self.all.insert("sasl.mechanism", known.to_string());
            }
            "sasl.jaas.config" => {
                let login = jaas::parse(value).map_err(|wanted| invalid(options, name, &wanted))?;
                self.all.insert("sasl.username", login.username);
                self.all.insert("sasl.password", login.password);
            }
            "security.protocol" => {
                let known = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];
                if !known.iter().any(|known| known.eq_ignore_ascii_case(value)) {
                    return Err(invalid(options, name, &crate::quoted(&known)));
                }
                self.all
                    .insert("security.protocol", value.to_ascii_lowercase());
            }
            "ssl.endpoint.identification.algorithm" => {
                let word = match value.to_ascii_lowercase().as_str() {
                    "" | "none" => "none",
                    "https" => "https",
                    _ => return Err(invalid(options, name, "'https' or '' for none")),
                };
                self.all
                    .insert("ssl.endpoint.identification.algorithm", word.to_string());
            }
            // Together with their types, when all are known.
            _ => {}
        }
        Ok(())
    }

    /// Java's stores, as far as librdkafka can read them.
    fn check_stores(&mut self, options: &Options) -> Result<()> {
        let get = |name: &str| options.get(&format!("{PREFIX}{name}")).map(str::trim);
        if let Some(path) = get("ssl.truststore.location") {
            if !get("ssl.truststore.type").is_some_and(|ty| ty.eq_ignore_ascii_case("PEM")) {
                let name = "ssl.truststore.location";
                return Err(invalid(options, name, "a PEM file, with 'properties.ssl.truststore.type' = 'PEM'")
                    .hint("Java's stores can only be read by Java; export the certificates as PEM and name the file by 'properties.ssl.ca.location'"));
            }
            let file = secret(options, "ssl.truststore.location", path)?;
            self.all.insert("ssl.ca.location", file);
        }
        if let Some(path) = get("ssl.keystore.location") {
            if !get("ssl.keystore.type").is_some_and(|ty| ty.eq_ignore_ascii_case("PKCS12")) {
                let name = "ssl.keystore.location";
                return Err(invalid(options, name, "a PKCS#12 file, with 'properties.ssl.keystore.type' = 'PKCS12'")
                    .hint("Java's own stores can only be read by Java; 'keytool -importkeystore' makes PKCS#12 of them"));
            }
            let file = secret(options, "ssl.keystore.location", path)?;
            self.all.insert("ssl.keystore.location", file);
        }
        Ok(())
    }

    fn check_times(&self, options: &Options) -> Result<()> {
        const LONGEST: Duration = Duration::from_secs(24 * 3600);
        if !(Duration::from_secs(1)..=LONGEST).contains(&self.transaction_timeout) {
            return Err(invalid(
                options,
                "transaction.timeout.ms",
                "a number of milliseconds from 1000 to 86400000",
            ));
        }
        if !(Duration::from_millis(1)..=LONGEST).contains(&self.delivery_timeout) {
            return Err(invalid(
                options,
                "delivery.timeout.ms",
                "a number of milliseconds from 1 to 86400000",
            ));
        }
        Ok(())
    }

    /// Lets librdkafka check the values it is given.
    fn check_client(&self) -> Result<()> {
        for client in [
            self.reader("check"),
            self.writer(),
            self.transactional("check"),
        ] {
            client
                .create_native_config()
                .map_err(|error| self.config_error(&error))?;
        }
        Ok(())
    }

    /// The error for a client that cannot be made of these settings.
    pub(super) fn config_error(&self, error: &KafkaError) -> Error {
        let message = match error {
            KafkaError::ClientConfig(_, why, key, _) => {
                format!(
                    "option '{PREFIX}{key}' of {} cannot be used: {why}",
                    self.owner
                )
            }
            KafkaError::ClientCreation(why) => {
                format!(
                    "the options '{PREFIX}*' of {} do not fit: {why}",
                    self.owner
                )
            }
            other => format!(
                "the options '{PREFIX}*' of {} do not fit: {other}",
                self.owner
            ),
        };
        Error::new(Code::InvalidOption, message)
    }

    /// The settings that every client has.
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        config.set("socket.keepalive.enable", "true");
        config.set("receive.message.max.bytes", (FETCH_BYTES * 2).to_string());
        // Nothing about this machine is sent anywhere.
        config.set("enable.metrics.push", "false");
        for (key, value) in &self.all {
            config.set(*key, value);
        }
        config
    }

    /// A client that reads, as a member of nothing; `group` is whose offsets it looks at.
    pub(super) fn reader(&self, group: &str) -> ClientConfig {
        let mut config = self.client();
        config.set("group.id", group);
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("isolation.level", "read_committed");
        config.set("queued.max.messages.kbytes", FETCHED_KIB.to_string());
        config.set("fetch.max.bytes", FETCH_BYTES.to_string());
        config.set("fetch.error.backoff.ms", "100");
        // A full queue is looked at again soon: the default of a second makes readers stutter.
        config.set("fetch.queue.backoff.ms", "5");
        config.set(
            "auto.offset.reset",
            match self.reset {
                None => "error",
                Some(Reset::Earliest) => "earliest",
                Some(Reset::Latest) => "latest",
            },
        );
        for (key, value) in &self.read {
            config.set(*key, value);
        }
        config
    }

    /// A client that writes.
    pub(super) fn writer(&self) -> ClientConfig {
        let mut config = self.client();
        config.set("enable.idempotence", "true");
        // The partition Java clients choose for the same key.
        config.set("partitioner", "murmur2_random");
        config.set("queue.buffering.max.kbytes", UNSENT_KIB.to_string());
        config.set("queue.buffering.max.messages", "500000");
        config.set(
            "delivery.timeout.ms",
            self.delivery_timeout.as_millis().to_string(),
        );
        for (key, value) in &self.write {
            config.set(*key, value);
        }
        config
    }

    /// A client that writes in transactions.
    pub(super) fn transactional(&self, id: &str) -> ClientConfig {
        let mut config = self.writer();
        let delivery = self.delivery_timeout.min(self.transaction_timeout);
        config.set("transactional.id", id);
        config.set(
            "transaction.timeout.ms",
            self.transaction_timeout.as_millis().to_string(),
        );
        config.set("delivery.timeout.ms", delivery.as_millis().to_string());
        config
    }

    /// The brokers in one order and spelling, so that two tables of a cluster are known as such.
    pub(super) fn cluster(&self) -> String {
        let mut servers: Vec<String> = self
            .bootstrap
            .split(',')
            .map(|server| server.trim().to_ascii_lowercase())
            .filter(|server| !server.is_empty())
            .collect();
        servers.sort_unstable();
        servers.dedup();
        servers.join(",")
    }

    /// The first setting in which two tables differ that would share a producer.
    pub(super) fn differs_from(&self, other: &Properties) -> Option<&'static str> {
        let all = |of: &Properties| -> BTreeMap<&'static str, String> {
            let pairs = of.all.iter().chain(&of.write);
            pairs.map(|(key, value)| (*key, value.clone())).collect()
        };
        let (mine, theirs) = (all(self), all(other));
        let mut keys = mine.keys().chain(theirs.keys());
        if let Some(key) = keys.find(|key| mine.get(*key) != theirs.get(*key)) {
            return Some(key);
        }
        match () {
            () if self.transaction_timeout != other.transaction_timeout => {
                Some("transaction.timeout.ms")
            }
            () if self.delivery_timeout != other.delivery_timeout => Some("delivery.timeout.ms"),
            () => None,
        }
    }
}

fn bootstrap(options: &Options) -> Result<String> {
    let key = "properties.bootstrap.servers";
    let text = options.require(key)?;
    let servers: Vec<&str> = text.split(',').map(str::trim).collect();
    let is_address = |server: &&str| {
        !server.is_empty()
            && !server.contains(|c: char| c.is_whitespace() || c.is_control())
            && server
                .rsplit_once(':')
                .is_none_or(|(_, port)| port.ends_with(']') || port.parse::<u16>().is_ok())
    };
    match servers.iter().all(is_address) {
        true => Ok(servers.join(",")),
        false => Err(options.invalid(key, "addresses such as 'host1:9092,host2:9092'")),
    }
}

/// The path of a file that the process may show to the brokers.
fn secret(options: &Options, name: &str, path: &str) -> Result<String> {
    let file = secrets::confined(path, secrets::directory().as_deref());
    file.map_err(|wanted| {
        invalid(options, name, &wanted).hint(
            "the text of a certificate or key can stand in the statement: 'properties.ssl.ca.pem', \
             'properties.ssl.certificate.pem', 'properties.ssl.key.pem'",
        )
    })
}

fn millis(options: &Options, name: &str, value: &str) -> Result<Duration> {
    let millis: u32 = value
        .parse()
        .map_err(|_| invalid(options, name, "a number of milliseconds"))?;
    Ok(Duration::from_millis(millis.into()))
}

/// The error for a value that cannot be used; it does not show it.
fn invalid(options: &Options, name: &str, wanted: &str) -> Error {
    Error::new(
        Code::InvalidOption,
        format!(
            "option '{PREFIX}{name}' of {} wants {wanted}",
            options.owner()
        ),
    )
}

fn refused(options: &Options, name: &str) -> Error {
    let names = || ALLOWED.iter().map(|(name, _)| *name);
    let error = Error::new(
        Code::InvalidOption,
        format!(
            "{} may not have the option '{PREFIX}{}'",
            options.owner(),
            crate::options::shown(name)
        ),
    );
    match suggest::hint(name, names()) {
        Some(hint) => error.hint(hint),
        None => error.hint(format!(
            "the settings of the Kafka client that are taken: {}",
            names().collect::<Vec<_>>().join(", ")
        )),
    }
}
