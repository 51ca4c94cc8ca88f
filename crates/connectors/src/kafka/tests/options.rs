//! Options: what is taken, what is refused, and that no secret is ever told.

use millstream_core::Code;
use millstream_core::types::SqlType;

use super::super::layout::Layout;
use super::super::properties::{Properties, Reset};
use super::super::startup::{self, Place};
use super::support::*;
use crate::testing::{metadata, table};

fn refused(more: &[(&str, &str)]) -> (Code, String, String) {
    let mut options = vec![("scan.startup.mode", "earliest-offset")];
    options.retain(|(key, _)| !more.iter().any(|(other, _)| other == key));
    options.extend_from_slice(more);
    options.retain(|(_, value)| *value != "-");
    let table = json_table("localhost:1", "bid", &options);
    let error = source(&table).err().expect("it is refused");
    let hint = error.hint_text().unwrap_or_default().to_string();
    (error.code(), error.message().to_string(), hint)
}

#[test]
fn only_listed_settings_reach_the_client() {
    let dangerous = [
        "plugin.library.paths",
        "ssl.engine.location",
        "ssl.providers",
        "sasl.kerberos.kinit.cmd",
        "sasl.oauthbearer.token.endpoint.url",
        "sasl.oauthbearer.assertion.private.key.file",
        "sasl.oauthbearer.assertion.file",
        "sasl.oauthbearer.assertion.jwt.template.file",
        "ssl.crl.location",
        "debug",
        "statistics.interval.ms",
        "log_level",
        "test.mock.num.brokers",
        "transactional.id",
        "interceptor.classes",
    ];
    for name in dangerous {
        let key = format!("properties.{name}");
        let (code, message, hint) = refused(&[(&key, "/tmp/evil")]);
        assert_eq!(code, Code::InvalidOption, "{name}");
        assert!(
            message.contains(name) && !message.contains("evil"),
            "{message}"
        );
        assert!(!hint.is_empty() && !hint.contains("evil"));
    }
    let (_, message, hint) = refused(&[("properties.bootstrap.server", "x:1")]);
    assert_eq!(
        message,
        "table 't' may not have the option 'properties.bootstrap.server'"
    );
    assert_eq!(hint, "did you mean 'bootstrap.servers'?");
}

#[test]
fn javas_names_become_librdkafkas() {
    let table = json_table(
        "Host2:9092, host1:9092",
        "bid",
        &[
            ("properties.security.protocol", "SASL_SSL"),
            ("properties.sasl.mechanism", "scram-sha-256"),
            (
                "properties.sasl.jaas.config",
                "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"ann\" password=\"pw\";",
            ),
            ("properties.ssl.endpoint.identification.algorithm", ""),
            ("properties.fetch.max.wait.ms", "50"),
            ("properties.max.poll.records", "500"),
            ("properties.buffer.memory", "1048577"),
            ("properties.auto.offset.reset", "latest"),
            ("properties.enable.auto.commit", "FALSE"),
            ("properties.transaction.timeout.ms", "5000"),
        ],
    );
    let properties = Properties::of(&table.options).unwrap();
    let reader = properties.reader("g");
    let get = |key: &str| reader.get(key).map(str::to_string);
    assert_eq!(get("security.protocol").unwrap(), "sasl_ssl");
    assert_eq!(get("sasl.mechanism").unwrap(), "SCRAM-SHA-256");
    assert_eq!(get("sasl.username").unwrap(), "ann");
    assert_eq!(get("sasl.password").unwrap(), "pw");
    assert_eq!(
        get("ssl.endpoint.identification.algorithm").unwrap(),
        "none"
    );
    assert_eq!(get("fetch.wait.max.ms").unwrap(), "50");
    assert_eq!(get("max.poll.records"), None);
    assert_eq!(get("isolation.level").unwrap(), "read_committed");
    assert_eq!(get("auto.offset.reset").unwrap(), "latest");
    assert_eq!(properties.reset, Some(Reset::Latest));
    assert_eq!(properties.cluster(), "host1:9092,host2:9092");
    let producer = properties.transactional("id");
    assert_eq!(producer.get("queue.buffering.max.kbytes"), Some("1025"));
    assert_eq!(producer.get("transaction.timeout.ms"), Some("5000"));
    assert_eq!(producer.get("delivery.timeout.ms"), Some("5000"));
    assert_eq!(producer.get("fetch.wait.max.ms"), None);
}

#[test]
fn a_value_that_cannot_be_used_is_named_without_being_shown() {
    let secret = "s3cr3t";
    for (key, value) in [
        (
            "properties.sasl.jaas.config",
            "JndiLoginModule required user.provider.url=\"s3cr3t\";",
        ),
        ("properties.sasl.mechanism", "OAUTHBEARER s3cr3t"),
        ("properties.security.protocol", "s3cr3t"),
        ("properties.enable.auto.commit", "s3cr3t"),
        ("properties.auto.offset.reset", "s3cr3t"),
        ("properties.transaction.timeout.ms", "s3cr3t"),
        ("properties.transaction.timeout.ms", "999"),
        ("properties.delivery.timeout.ms", "0"),
        ("properties.fetch.max.bytes", "999999999999"),
        ("properties.fetch.min.bytes", "none"),
        ("properties.ssl.truststore.location", "/s3cr3t.jks"),
        ("properties.ssl.keystore.location", "/s3cr3t.jks"),
        ("properties.ssl.ca.location", "/s3cr3t.pem"),
        ("properties.ssl.key.location", "/s3cr3t.pem"),
        ("properties.ssl.certificate.location", "/s3cr3t.pem"),
        ("properties.group.id", ""),
        ("properties.linger.ms", "-5"),
        ("properties.isolation.level", "read_everything"),
    ] {
        let (code, message, _) = refused(&[(key, value)]);
        assert_eq!(code, Code::InvalidOption, "{key}");
        assert!(message.contains(key), "{message}");
        assert!(!message.contains(secret), "{message}");
    }
    let (_, message, _) = refused(&[("properties.bootstrap.servers", "a:b:c, ,")]);
    assert!(message.contains("wants addresses"), "{message}");
}

#[test]
fn modes_need_what_belongs_to_them_and_nothing_else() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[("scan.startup.mode", "-")],
            "table 't' needs the option 'properties.group.id', because 'scan.startup.mode' is \
             'group-offsets'",
        ),
        (
            &[("scan.startup.mode", "timestamp")],
            "table 't' needs the option 'scan.startup.timestamp-millis'",
        ),
        (
            &[("scan.startup.timestamp-millis", "1")],
            "table 't' has the option 'scan.startup.timestamp-millis', which needs \
             'scan.startup.mode' = 'timestamp'",
        ),
        (
            &[
                ("scan.bounded.mode", "specific-offsets"),
                ("scan.bounded.specific-offsets", "partition:0,offset:x"),
            ],
            "option 'scan.bounded.specific-offsets' of table 't' wants offsets such as \
             'partition:0,offset:42;partition:1,offset:300', found 'partition:0,offset:x'",
        ),
        (
            &[("scan.bounded.mode", "sometimes")],
            "option 'scan.bounded.mode' of table 't' wants one of 'unbounded', 'latest-offset', \
             'group-offsets', 'timestamp', 'specific-offsets', found 'sometimes'",
        ),
        (
            &[("topic-pattern", "a.*")],
            "table 't' has both 'topic' and 'topic-pattern', wanted one",
        ),
        (
            &[("topic", "a b")],
            "option 'topic' of table 't' wants a topic's name: 1 to 249 letters, digits, '.', '_' \
             or '-', not '.' or '..', found 'a b'",
        ),
        (
            &[
                ("topic", "a;b"),
                ("scan.startup.mode", "specific-offsets"),
                ("scan.startup.specific-offsets", "partition:0,offset:1"),
            ],
            "option 'topic' of table 't' wants one topic, because offsets are given by partition, \
             found 'a;b'",
        ),
        (
            &[("value.format", "json"), ("format", "json")],
            "table 't' has both 'format' and 'value.format', wanted one",
        ),
        (
            &[("key.format", "json")],
            "table 't' has the option 'key.format', which needs 'key.fields'",
        ),
        (
            &[("key.fields", "id")],
            "table 't' has the option 'key.fields', which needs 'key.format'",
        ),
        (
            &[("key.fields-prefix", "k_")],
            "table 't' has the option 'key.fields-prefix', which needs 'value.fields-include' = \
             'EXCEPT_KEY'",
        ),
        (
            &[("json.ignore-parse-error", "true")],
            "table 't' has no option 'json.ignore-parse-error'",
        ),
    ];
    for (more, wanted) in cases {
        assert_eq!(refused(more).1, *wanted);
    }
    let nothing = [
        ("connector", "kafka"),
        ("format", "json"),
        ("properties.bootstrap.servers", "localhost:1"),
    ];
    let error = source(&table("t", &[("id", SqlType::BigInt)], &nothing)).err();
    let wanted = "table 't' needs the option 'topic' or 'topic-pattern'";
    assert_eq!(error.unwrap().message(), wanted);
}

#[test]
fn places_are_read_as_in_flink() {
    let of = |more: &[(&str, &str)]| {
        let mut options = vec![("properties.group.id", "g")];
        options.extend_from_slice(more);
        let table = json_table("localhost:1", "bid", &options);
        let properties = Properties::of(&table.options).unwrap();
        let start = startup::start(&table.options, &properties).unwrap();
        (start, startup::end(&table.options, &properties).unwrap())
    };
    assert_eq!(of(&[]), (Place::Group, None));
    let offsets = "partition:0,offset:42; partition : 1 , offset : 300 ;";
    let wanted = Place::Offsets([(0, 42), (1, 300)].into());
    assert_eq!(
        of(&[
            ("scan.startup.mode", "specific-offsets"),
            ("scan.startup.specific-offsets", offsets),
            ("scan.bounded.mode", "timestamp"),
            ("scan.bounded.timestamp-millis", "1970-01-01T01:00:01+01:00"),
        ]),
        (wanted, Some(Place::Timestamp(1000)))
    );
    assert_eq!(
        of(&[("scan.bounded.mode", "latest-offset")]).1,
        Some(Place::Latest)
    );
}

#[test]
fn key_and_value_have_the_columns_the_options_say() {
    let columns = [
        ("k_id", SqlType::BigInt),
        ("name", SqlType::STRING),
        ("k_part", SqlType::Int),
    ];
    let spec = |more: &[(&str, &str)]| {
        let mut options = vec![
            ("value.format", "json"),
            ("key.format", "json"),
            ("key.fields", "k_part;k_id"),
        ];
        options.extend_from_slice(more);
        table("t", &columns, &options)
    };
    let names = |layout: &Layout| -> Vec<String> {
        let key = layout.key.as_ref().unwrap().schema.fields().iter();
        let value = layout.value.schema.fields().iter();
        key.chain(value).map(|field| field.name().clone()).collect()
    };
    let layout = Layout::of(&spec(&[]), &formats(), false).unwrap();
    assert_eq!(names(&layout), ["k_part", "k_id", "k_id", "name", "k_part"]);
    let except = [
        ("value.fields-include", "EXCEPT_KEY"),
        ("key.fields-prefix", "k_"),
    ];
    let layout = Layout::of(&spec(&except), &formats(), false).unwrap();
    assert_eq!(names(&layout), ["part", "id", "name"]);
    let wrong = [
        ("value.fields-include", "EXCEPT_KEY"),
        ("key.fields-prefix", "k_i"),
    ];
    let error = Layout::of(&spec(&wrong), &formats(), false).err().unwrap();
    assert!(error.message().contains("also 'k_part'"), "{error}");
}

#[test]
fn tables_that_cannot_be_written_are_refused() {
    let refused = |more: &[(&str, &str)]| {
        let table = json_table("localhost:1", "bid", more);
        let sink = crate::connector("kafka").unwrap().sink().unwrap();
        sink.check(&table, &formats())
            .unwrap_err()
            .message()
            .to_string()
    };
    assert!(refused(&[("topic", "a;b")]).contains("wants one topic"));
    assert!(refused(&[("topic-pattern", "a.*")]).contains("can only be read"));
    assert!(refused(&[("sink.partitioner", "org.my.Partitioner")]).contains("Java class"));
    assert!(refused(&[("sink.partitioner", "hash")]).contains("wants one of"));
    assert!(refused(&[("properties.acks", "1")]).contains("wants 'all'"));
    assert!(refused(&[("sink.delivery-guarantee", "twice")]).contains("wants one of"));
    assert!(
        refused(&[
            ("sink.semantic", "none"),
            ("sink.delivery-guarantee", "none")
        ])
        .contains("both")
    );
    assert!(refused(&[("sink.transactional-id-prefix", "a b")]).contains("signs"));

    let mut table = kafka_table(
        "upsert-kafka",
        "localhost:1",
        "bid",
        &[("value.format", "json")],
    );
    let sink = crate::connector("upsert-kafka").unwrap().sink().unwrap();
    let error = sink.check(&table, &formats()).unwrap_err();
    assert_eq!(error.code(), Code::InvalidSchema);
    assert!(error.message().contains("needs a PRIMARY KEY"), "{error}");
    table.primary_key = vec!["id".into()];
    let error = sink.check(&table, &formats()).unwrap_err();
    assert_eq!(error.message(), "table 't' needs the option 'key.format'");

    let mut table = json_table("localhost:1", "bid", &[]);
    table.metadata = vec![metadata("offset", SqlType::BigInt)];
    table.metadata[0].is_virtual = false;
    let sink = crate::connector("kafka").unwrap().sink().unwrap();
    let error = sink.check(&table, &formats()).unwrap_err();
    assert_eq!(
        error.hint_text(),
        Some("it can only be read: declare the column VIRTUAL")
    );
}

#[test]
fn an_upsert_table_cannot_be_read_yet_and_says_so() {
    let more = [("key.format", "json"), ("value.format", "json")];
    let mut table = kafka_table("upsert-kafka", "localhost:1", "bid", &more);
    table.primary_key = vec!["id".into()];
    let error = source(&table).err().unwrap();
    assert_eq!(error.code(), Code::Unsupported);
    assert!(error.hint_text().unwrap().contains("'connector' = 'kafka'"));
}
