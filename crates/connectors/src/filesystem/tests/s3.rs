//! Tables in a real S3 store.

use std::hash::{BuildHasher, RandomState};

use millstream_core::Code;
use millstream_core::connector::{Connector, JobIdentity, SinkContext, SinkFactory};
use millstream_core::rows::ChangeBatch;
use millstream_faultkit::proxy::{Protocol, Proxy, Weather};
use millstream_faultkit::services::{self, S3};

use super::*;
use crate::conformance::conformance;
use crate::filesystem::Filesystem;
use crate::testing::{barrier, batch, sink_context};

/// A table below a prefix that nobody has used.
pub(super) fn table(s3: &S3, endpoint: &str, format: &str, more: &[(&str, &str)]) -> TableSpec {
    let unique = RandomState::new().hash_one(format);
    let path = format!("s3://{}/connectors/{unique:016x}", s3.bucket);
    let mut options = vec![
        ("connector", "filesystem"),
        ("path", path.as_str()),
        ("format", format),
        ("s3.endpoint", endpoint),
        ("s3.access-key", s3.access_key.as_str()),
        ("s3.secret-key", s3.secret_key.as_str()),
        ("s3.region", s3.region.as_str()),
    ];
    options.extend_from_slice(more);
    let columns = [("a", SqlType::Int), ("b", SqlType::STRING)];
    crate::testing::table("t", &columns, &options)
}

fn context() -> SinkContext {
    SinkContext {
        job: JobIdentity {
            name: "job".into(),
            lineage: "l".into(),
            generation: 1,
            checkpoints: true,
        },
        ..sink_context(0, 1)
    }
}

#[tokio::test]
async fn what_is_written_is_read_back_record_by_record_and_by_columns() {
    let Some(s3) = services::needed(services::s3()) else {
        return;
    };
    for format in ["lines", "parquet"] {
        let mut table = table(&s3, &s3.endpoint, format, &[("lines.comment", "#")]);
        if format == "parquet" {
            table = self::table(&s3, &s3.endpoint, format, &[]);
        }
        table.partition_keys = vec!["b".into()];
        let mut writer = Filesystem.writer(&table, &context()).unwrap();
        let mut committer = Filesystem.committer(&table, &context()).unwrap();
        committer.recover(vec![]).await.unwrap();
        for (checkpoint, last) in [(1, false), (2, false), (3, true)] {
            let number = checkpoint.to_string();
            let some = batch(&table.schema, &[&[&number, "x y/z"], &[&number, "ü=%"]]);
            writer.write(ChangeBatch::inserts(some)).await.unwrap();
            let prepared = writer.prepare(barrier(checkpoint, last)).await.unwrap();
            assert_eq!(prepared.rows, 2);
            committer.commit(prepared.committables).await.unwrap();
        }
        let reading = conformance(&Filesystem, &table).await;
        assert_eq!(
            reading.rows(),
            ["1|x y/z", "1|ü=%", "2|x y/z", "2|ü=%", "3|x y/z", "3|ü=%"],
            "{format}"
        );
        assert_eq!(
            reading.splits.len(),
            6,
            "a file per partition and checkpoint"
        );
    }
}

#[tokio::test]
async fn wrong_credentials_and_a_missing_bucket_are_told_apart() {
    let Some(s3) = services::needed(services::s3()) else {
        return;
    };
    let error_of = async |s3: &S3| {
        let table = table(s3, &s3.endpoint, "lines", &[]);
        let source = Filesystem.source().unwrap();
        let context = crate::testing::source_context(&table, 1, 1);
        let source = source.create(&table, &context).unwrap();
        let read = source
            .enumerator(&[])
            .unwrap()
            .discover()
            .await
            .unwrap_err();
        let mut committer = Filesystem.committer(&table, &self::context()).unwrap();
        let write = committer.commit(vec![]).await.unwrap_err();
        (read, write)
    };
    let wrong = S3 {
        secret_key: "not-the-secret".into(),
        ..s3.clone()
    };
    let (read, write) = error_of(&wrong).await;
    for error in [read, write] {
        let report = error.report();
        assert_eq!(error.code(), Code::Denied, "{report}");
        let place = format!("bucket '{}' at '{}'", s3.bucket, s3.endpoint);
        assert!(report.contains(&place), "{report}");
        assert!(!report.contains("not-the-secret"), "{report}");
    }
    let missing = S3 {
        bucket: "no-such-bucket".into(),
        ..s3.clone()
    };
    let (read, write) = error_of(&missing).await;
    for error in [read, write] {
        assert!(
            matches!(error.code(), Code::Read | Code::Denied),
            "{}",
            error.report()
        );
        assert!(
            error.report().contains("no-such-bucket"),
            "{}",
            error.report()
        );
    }
}

#[tokio::test]
async fn large_objects_go_in_parts_over_a_slow_line() {
    let Some(s3) = services::needed(services::s3()) else {
        return;
    };
    let server = s3.endpoint.trim_start_matches("http://").parse().unwrap();
    let proxy = Proxy::local(server, Protocol::Tcp, 1).unwrap();
    proxy.set_weather(Weather {
        bytes_per_second: Some(20 << 20),
        ..Weather::default()
    });
    let endpoint = format!("http://{}", proxy.address());
    let table = table(&s3, &endpoint, "lines", &[("lines.comment", "#")]);
    let mut writer = Filesystem.writer(&table, &context()).unwrap();
    let long = "x".repeat(1 << 20);
    for number in 0..13 {
        let number = number.to_string();
        let some = batch(&table.schema, &[&[&number, &long]]);
        writer.write(ChangeBatch::inserts(some)).await.unwrap();
    }
    let prepared = writer.prepare(barrier(1, true)).await.unwrap();
    let mut committer = Filesystem.committer(&table, &context()).unwrap();
    committer.commit(prepared.committables).await.unwrap();
    let context = crate::testing::source_context(&table, 1, 5);
    let reading = crate::conformance::read(&Filesystem, &table, context)
        .await
        .unwrap();
    let rows = reading.splits.values().next().unwrap();
    assert_eq!((reading.splits.len(), rows.len()), (1, 13));
    assert!(
        rows.iter()
            .enumerate()
            .all(|(i, row)| *row == format!("{i}|{long}"))
    );
}
