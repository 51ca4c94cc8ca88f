//! The options of both connectors, declared once.

use millstream_core::options::OptionSpec;

pub(super) const TOPIC: &str = "topic";
pub(super) const TOPIC_PATTERN: &str = "topic-pattern";
pub(super) const KEY_FORMAT: &str = "key.format";
pub(super) const KEY_FIELDS: &str = "key.fields";
pub(super) const KEY_PREFIX: &str = "key.fields-prefix";
pub(super) const VALUE_FORMAT: &str = "value.format";
pub(super) const VALUE_INCLUDE: &str = "value.fields-include";
pub(super) const STARTUP_MODE: &str = "scan.startup.mode";
pub(super) const STARTUP_OFFSETS: &str = "scan.startup.specific-offsets";
pub(super) const STARTUP_TIMESTAMP: &str = "scan.startup.timestamp-millis";
pub(super) const BOUNDED_MODE: &str = "scan.bounded.mode";
pub(super) const BOUNDED_OFFSETS: &str = "scan.bounded.specific-offsets";
pub(super) const BOUNDED_TIMESTAMP: &str = "scan.bounded.timestamp-millis";
pub(super) const DISCOVERY_INTERVAL: &str = "scan.topic-partition-discovery.interval";
pub(super) const PARTITIONER: &str = "sink.partitioner";
pub(super) const SEMANTIC: &str = "sink.semantic";
pub(super) const GUARANTEE: &str = "sink.delivery-guarantee";
pub(super) const ID_PREFIX: &str = "sink.transactional-id-prefix";
pub(super) const NAMING: &str = "sink.transaction-naming-strategy";
pub(super) const BUFFER_ROWS: &str = "sink.buffer-flush.max-rows";
pub(super) const BUFFER_INTERVAL: &str = "sink.buffer-flush.interval";

const fn secret(mut spec: OptionSpec) -> OptionSpec {
    spec.secret = true;
    spec
}

const BOOTSTRAP_SPEC: OptionSpec = OptionSpec::new(
    "properties.bootstrap.servers",
    "addresses such as 'host1:9092,host2:9092'",
    "",
    "some of the cluster's brokers; the others are found through them",
);
const GROUP_SPEC: OptionSpec = OptionSpec::new(
    "properties.group.id",
    "a name",
    "",
    "the consumer group whose offsets are read by 'group-offsets' and written at checkpoints",
);
const PASSWORD_SPEC: OptionSpec = secret(OptionSpec::new(
    "properties.sasl.password",
    "a password",
    "",
    "the password for SASL",
));
const JAAS_SPEC: OptionSpec = secret(OptionSpec::new(
    "properties.sasl.jaas.config",
    "a login module with username and password",
    "",
    "user and password as Java clients are told them; PLAIN and SCRAM only",
));
const KEY_PASSWORD_SPEC: OptionSpec = secret(OptionSpec::new(
    "properties.ssl.key.password",
    "a password",
    "",
    "the password of the client's private key",
));
const KEY_PEM_SPEC: OptionSpec = secret(OptionSpec::new(
    "properties.ssl.key.pem",
    "a private key in PEM",
    "",
    "the client's private key",
));
const STORE_KEY_SPEC: OptionSpec = secret(OptionSpec::new(
    "properties.ssl.keystore.key",
    "a private key in PEM",
    "",
    "the client's private key",
));
const STORE_PASSWORD_SPEC: OptionSpec = secret(OptionSpec::new(
    "properties.ssl.keystore.password",
    "a password",
    "",
    "the password of the client's PKCS#12 store",
));
const PROPERTIES_SPEC: OptionSpec = OptionSpec::new(
    "properties.#",
    "what the client wants",
    "",
    "a setting of the Kafka client; only those in the guide are taken",
);
const KEY_FORMAT_SPEC: OptionSpec = OptionSpec::new(
    KEY_FORMAT,
    "the name of a format",
    "",
    "how keys are written as bytes; its options begin with 'key.'",
);
const KEY_PREFIX_SPEC: OptionSpec = OptionSpec::new(
    KEY_PREFIX,
    "a text",
    "",
    "what the names of key columns begin with in the table but not in the key; needs \
     'value.fields-include' = 'EXCEPT_KEY'",
);
const VALUE_FORMAT_SPEC: OptionSpec = OptionSpec::new(
    VALUE_FORMAT,
    "the name of a format",
    "",
    "how values are written as bytes; its options begin with 'value.'",
);
const VALUE_INCLUDE_SPEC: OptionSpec = OptionSpec::new(
    VALUE_INCLUDE,
    "'ALL' or 'EXCEPT_KEY'",
    "ALL",
    "whether the columns of the key are in the value too",
);
const BOUNDED_MODE_SPEC: OptionSpec = OptionSpec::new(
    BOUNDED_MODE,
    "'unbounded', 'latest-offset', 'group-offsets', 'timestamp' or 'specific-offsets'",
    "unbounded",
    "where reading ends",
);
const BOUNDED_OFFSETS_SPEC: OptionSpec = OptionSpec::new(
    BOUNDED_OFFSETS,
    "offsets such as 'partition:0,offset:42;partition:1,offset:300'",
    "",
    "the first offsets that are not read; a partition without one is not read at all",
);
const BOUNDED_TIMESTAMP_SPEC: OptionSpec = OptionSpec::new(
    BOUNDED_TIMESTAMP,
    "milliseconds since 1970, or a time such as '2026-01-31T12:00:00+01:00'",
    "",
    "reading ends at the first record at or after this time",
);
const DISCOVERY_SPEC: OptionSpec = OptionSpec::new(
    DISCOVERY_INTERVAL,
    "a duration such as '30 s'",
    "5 min",
    "how often new topics and partitions are looked for; '0 s' for never",
);
const PARTITIONER_SPEC: OptionSpec = OptionSpec::new(
    PARTITIONER,
    "'default', 'fixed' or 'round-robin'",
    "default",
    "which partition a row goes to: by its key, one per subtask, or one after the other",
);
const GUARANTEE_SPEC: OptionSpec = OptionSpec::new(
    GUARANTEE,
    "'none', 'at-least-once' or 'exactly-once'",
    "at-least-once",
    "what is promised to readers; 'exactly-once' to those with isolation.level=read_committed",
);
const ID_PREFIX_SPEC: OptionSpec = OptionSpec::new(
    ID_PREFIX,
    "a text",
    "millstream",
    "what the transactional id begins with; the job's name and lineage follow",
);
const NAMING_SPEC: OptionSpec = OptionSpec::new(
    NAMING,
    "'incrementing' or 'pooling'",
    "",
    "for Flink; a job here has one transactional id per cluster and keeps it",
);

/// Options of `kafka`.
pub(super) const KAFKA: &[OptionSpec] = &[
    OptionSpec::new(
        TOPIC,
        "the name of a topic, or of several divided by ';'",
        "",
        "what is read or written; several can only be read",
    ),
    OptionSpec::new(
        TOPIC_PATTERN,
        "a regular expression",
        "",
        "every topic whose whole name matches is read, also one created later",
    ),
    BOOTSTRAP_SPEC,
    GROUP_SPEC,
    PASSWORD_SPEC,
    JAAS_SPEC,
    KEY_PASSWORD_SPEC,
    KEY_PEM_SPEC,
    STORE_KEY_SPEC,
    STORE_PASSWORD_SPEC,
    PROPERTIES_SPEC,
    KEY_FORMAT_SPEC,
    OptionSpec::new(
        KEY_FIELDS,
        "columns divided by ';'",
        "",
        "the columns the key is made of",
    ),
    KEY_PREFIX_SPEC,
    VALUE_FORMAT_SPEC,
    VALUE_INCLUDE_SPEC,
    OptionSpec::new(
        STARTUP_MODE,
        "'earliest-offset', 'latest-offset', 'group-offsets', 'timestamp' or 'specific-offsets'",
        "group-offsets",
        "where reading begins when there is no checkpoint to go on from",
    ),
    OptionSpec::new(
        STARTUP_OFFSETS,
        "offsets such as 'partition:0,offset:42;partition:1,offset:300'",
        "",
        "the first offsets that are read",
    ),
    OptionSpec::new(
        STARTUP_TIMESTAMP,
        "milliseconds since 1970, or a time such as '2026-01-31T12:00:00+01:00'",
        "",
        "reading begins at the first record at or after this time",
    ),
    BOUNDED_MODE_SPEC,
    BOUNDED_OFFSETS_SPEC,
    BOUNDED_TIMESTAMP_SPEC,
    DISCOVERY_SPEC,
    PARTITIONER_SPEC,
    GUARANTEE_SPEC,
    OptionSpec::new(
        SEMANTIC,
        "'none', 'at-least-once' or 'exactly-once'",
        "",
        "the former name of 'sink.delivery-guarantee'",
    ),
    ID_PREFIX_SPEC,
    NAMING_SPEC,
];

/// Options of `upsert-kafka`.
pub(super) const UPSERT: &[OptionSpec] = &[
    OptionSpec::new(TOPIC, "the name of a topic", "", "what is read or written"),
    BOOTSTRAP_SPEC,
    GROUP_SPEC,
    PASSWORD_SPEC,
    JAAS_SPEC,
    KEY_PASSWORD_SPEC,
    KEY_PEM_SPEC,
    STORE_KEY_SPEC,
    STORE_PASSWORD_SPEC,
    PROPERTIES_SPEC,
    KEY_FORMAT_SPEC,
    KEY_PREFIX_SPEC,
    VALUE_FORMAT_SPEC,
    VALUE_INCLUDE_SPEC,
    BOUNDED_MODE_SPEC,
    BOUNDED_OFFSETS_SPEC,
    BOUNDED_TIMESTAMP_SPEC,
    DISCOVERY_SPEC,
    PARTITIONER_SPEC,
    GUARANTEE_SPEC,
    ID_PREFIX_SPEC,
    NAMING_SPEC,
    OptionSpec::new(
        BUFFER_ROWS,
        "a number of rows",
        "0",
        "rows that are held back so that a later one of the same key replaces them; needs \
         'sink.buffer-flush.interval'",
    ),
    OptionSpec::new(
        BUFFER_INTERVAL,
        "a duration such as '1 s'",
        "0 s",
        "how long rows are held back at most while others come; a checkpoint writes them too",
    ),
];
