//! The table over a real journal.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use millstream_core::clock::SystemClock;
use millstream_core::connector::{
    Connector, Fetch, JobIdentity, Source, SourceContext, SourceReader, Split,
};
use millstream_core::id::SplitId;
use millstream_core::table::TableSpec;
use millstream_core::types::{LENGTH_MAX, SqlType};
use millstream_core::{Code, Result};
use millstream_state::journal::{self, Record};

use super::Journal;
use crate::conformance::{conformance, numbered};
use crate::testing::{lines, metadata, source_context, table};

fn open(folder: &Path) -> journal::Journal {
    let clock = Arc::new(SystemClock::new());
    journal::Journal::open(folder, journal::Options::default(), clock).unwrap()
}

fn json(folder: &Path, more: &[(&str, &str)]) -> TableSpec {
    let path = folder.to_str().unwrap().to_owned();
    let mut options = vec![
        ("connector", "journal"),
        ("path", &path),
        ("format", "json"),
    ];
    options.extend_from_slice(more);
    table("t", &[("id", SqlType::BigInt)], &options)
}

fn context(table: &TableSpec, checkpoints: bool) -> SourceContext {
    SourceContext {
        formats: Arc::new(millstream_formats::format),
        job: JobIdentity {
            checkpoints,
            ..JobIdentity::transient("run1")
        },
        ..source_context(table, 1, 4)
    }
}

fn source(table: &TableSpec) -> Result<Box<dyn Source>> {
    Journal
        .source()
        .unwrap()
        .create(table, &context(table, true))
}

async fn push(journal: &journal::Journal, ids: std::ops::Range<u64>) {
    let record = |id| Record::new("s", 1000 + id as i64, format!("{{\"id\":{id}}}"));
    journal.append(ids.map(record).collect()).await.unwrap();
}

async fn split(source: &dyn Source) -> Split {
    let found = source.enumerator(&[]).unwrap().discover().await.unwrap();
    let mut splits = numbered(found);
    assert_eq!(splits.len(), 1);
    splits.pop().unwrap()
}

async fn rows(reader: &mut dyn SourceReader, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    while all.len() < count {
        let Fetch::Rows { rows, bad, .. } = reader.fetch().await.unwrap() else {
            panic!("not rows");
        };
        assert!(bad.is_empty());
        all.extend(lines(&rows));
    }
    all
}

#[tokio::test]
async fn a_bounded_journal_reads_as_every_bounded_source() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let lines = |ids: std::ops::Range<u64>| {
        let line = |id| Record::new("s", 0, format!("{id}"));
        ids.map(line).collect::<Vec<_>>()
    };
    journal.append(lines(0..30)).await.unwrap();
    let path = folder.path().to_str().unwrap();
    let options = [
        ("connector", "journal"),
        ("path", path),
        ("format", "raw"),
        ("scan.bounded.mode", "latest-offset"),
    ];
    let table = table("t", &[("line", SqlType::Varchar(LENGTH_MAX))], &options);
    let reading = conformance(&WithFormats, &table).await;
    assert_eq!(reading.rows().len(), 30);
    assert!(reading.bad.is_empty());
}

/// The connector with the formats of the product in place of those of the tests here.
struct WithFormats;

impl Connector for WithFormats {
    fn name(&self) -> &'static str {
        Journal.name()
    }

    fn options(&self) -> &'static [millstream_core::options::OptionSpec] {
        Journal.options()
    }

    fn source(&self) -> Option<&dyn millstream_core::connector::SourceFactory> {
        Some(self)
    }

    fn sink(&self) -> Option<&dyn millstream_core::connector::SinkFactory> {
        None
    }

    fn has_format(&self) -> bool {
        true
    }
}

impl millstream_core::connector::SourceFactory for WithFormats {
    fn create(&self, table: &TableSpec, context: &SourceContext) -> Result<Box<dyn Source>> {
        let context = SourceContext {
            formats: Arc::new(millstream_formats::format),
            ..context.clone()
        };
        Journal.source().unwrap().create(table, &context)
    }
}

#[tokio::test]
async fn rows_carry_the_streams_metadata_and_bad_records_their_sequence() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    push(&journal, 0..1).await;
    let mut keyed = Record::new("other", 5000, "{\"id\":9}");
    keyed.key = Some("k".into());
    let bad = Record::new("s", 0, "{\"id\":");
    journal.append(vec![bad, keyed]).await.unwrap();
    let mut table = json(folder.path(), &[("scan.bounded.mode", "latest-offset")]);
    table.metadata = vec![
        metadata("sequence", SqlType::BigInt),
        metadata("stream", SqlType::Varchar(LENGTH_MAX)),
        metadata("timestamp", SqlType::TimestampLtz(3)),
        metadata("key", SqlType::Varbinary(LENGTH_MAX)),
    ];
    let source = source(&table).unwrap();
    assert!(source.is_bounded());
    let mut reader = source.reader().unwrap();
    reader.assign(split(source.as_ref()).await, None).unwrap();
    let Fetch::Rows { rows, bad, .. } = reader.fetch().await.unwrap() else {
        panic!("not rows");
    };
    let found = lines(&rows);
    assert_eq!(found.len(), 2);
    assert!(
        found[0].starts_with("0|0|s|1970-01-01T00:00:01Z"),
        "{}",
        found[0]
    );
    assert!(
        found[1].starts_with("9|2|other|1970-01-01T00:00:05Z"),
        "{}",
        found[1]
    );
    assert_eq!((bad.len(), bad[0].offset, bad[0].line), (1, 1, 0));
    assert!(matches!(reader.fetch().await.unwrap(), Fetch::Finished(_)));
    assert!(matches!(reader.fetch().await.unwrap(), Fetch::Waiting));
}

#[tokio::test]
async fn a_table_of_one_stream_passes_the_others_and_their_positions() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    push(&journal, 0..10).await;
    let options = [("stream", "other"), ("scan.bounded.mode", "latest-offset")];
    let source = source(&json(folder.path(), &options)).unwrap();
    let split = split(source.as_ref()).await;
    let mut reader = source.reader().unwrap();
    reader.assign(split.clone(), None).unwrap();
    assert!(matches!(reader.fetch().await.unwrap(), Fetch::Finished(_)));
    let position = reader.position(split.id).unwrap();
    assert!(position.0.ends_with(":10"), "{}", position.0);
}

#[tokio::test]
async fn an_unbounded_table_waits_and_a_dropped_fetch_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let source = source(&json(folder.path(), &[])).unwrap();
    let mut reader = source.reader().unwrap();
    reader.assign(split(source.as_ref()).await, None).unwrap();
    for round in 0..5 {
        let wait = tokio::time::timeout(Duration::from_millis(round), reader.fetch());
        assert!(wait.await.is_err(), "nothing is there");
        let (from, to) = (round * 3, round * 3 + 3);
        let ((), found) = tokio::join!(push(&journal, from..to), rows(reader.as_mut(), 3));
        let wanted: Vec<String> = (from..to).map(|id| id.to_string()).collect();
        assert_eq!(found, wanted);
    }
}

#[tokio::test]
async fn a_committed_checkpoint_removes_records_only_if_the_table_and_the_job_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SystemClock::new());
    let options = journal::Options {
        segment_bytes: 100,
        ..journal::Options::default()
    };
    // The first who opens decides about the size of segments.
    let journal = journal::Journal::open(folder.path(), options, clock).unwrap();
    for id in 0..20 {
        push(&journal, id..id + 1).await;
    }
    let keeps = json(folder.path(), &[]);
    assert!(source(&keeps).unwrap().acknowledger().is_none());
    let forgets = json(folder.path(), &[("journal.retention", "checkpoint")]);
    let transient = context(&forgets, false);
    let without = Journal.source().unwrap().create(&forgets, &transient);
    assert!(without.unwrap().acknowledger().is_none());

    let source = source(&forgets).unwrap();
    let split = split(source.as_ref()).await;
    let mut reader = source.reader().unwrap();
    reader.assign(split.clone(), None).unwrap();
    rows(reader.as_mut(), 12).await;
    let position = reader.position(split.id).unwrap();
    let mut acknowledger = source.acknowledger().unwrap();
    let confirmed = [(split.name.clone(), position.clone())];
    acknowledger.acknowledge(&confirmed).await.unwrap();
    acknowledger.acknowledge(&confirmed).await.unwrap();
    let start = journal.start_sequence();
    assert!((8..=12).contains(&start), "{start}");

    // The next life goes on from the checkpoint; from before it, it is told.
    let mut second = source.reader().unwrap();
    second.assign(split.clone(), Some(position)).unwrap();
    assert_eq!(rows(second.as_mut(), 8).await.last().unwrap(), "19");
    let mut third = source.reader().unwrap();
    let early = format!("{:016x}:1", journal.id());
    let early = millstream_core::connector::Position(early);
    third.assign(split, Some(early)).unwrap();
    assert_eq!(third.fetch().await.unwrap_err().code(), Code::InputLost);
}

#[tokio::test]
async fn another_journal_in_the_folder_and_another_text_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    push(&open(folder.path()), 0..3).await;
    let source = source(&json(folder.path(), &[])).unwrap();
    let split = split(source.as_ref()).await;
    let position = |text: &str| Some(millstream_core::connector::Position(text.to_owned()));
    let mut reader = source.reader().unwrap();
    reader.assign(split.clone(), position("1:1")).unwrap();
    let error = reader.fetch().await.unwrap_err();
    assert_eq!(error.code(), Code::InputLost);
    assert!(
        error
            .message()
            .contains("was reading journal 0000000000000001"),
        "{error}"
    );
    for text in ["", "x", "1:", ":1", "1:1:1", "-1:1"] {
        let mut reader = source.reader().unwrap();
        let error = reader.assign(split.clone(), position(text)).unwrap_err();
        assert_eq!(error.code(), Code::CheckpointMismatch, "{text}");
    }
    let mut reader = source.reader().unwrap();
    let data = "until=x".to_owned();
    let error = reader.assign(Split { data, ..split }, None).unwrap_err();
    assert_eq!(error.code(), Code::CheckpointMismatch);
    assert_eq!(reader.position(SplitId(0)), None);
}

#[test]
fn wrong_options_are_refused_when_the_table_is_planned() {
    let folder = Path::new("/nowhere");
    let refused = |more: &[(&str, &str)]| source(&json(folder, more)).err().unwrap();
    let error = refused(&[("journal.retention", "checkpoints")]);
    assert_eq!(error.hint_text(), Some("did you mean 'checkpoint'?"));
    assert_eq!(
        refused(&[("scan.bounded.mode", "x")]).code(),
        Code::InvalidOption
    );
    assert_eq!(refused(&[("path", "")]).code(), Code::InvalidOption);
    let mut wrong = json(folder, &[]);
    wrong.metadata = vec![metadata("sequense", SqlType::BigInt)];
    let error = source(&wrong).err().unwrap();
    assert_eq!(error.hint_text(), Some("did you mean 'sequence'?"));
    wrong.metadata = vec![metadata("sequence", SqlType::Varchar(LENGTH_MAX))];
    let error = source(&wrong).err().unwrap();
    assert!(
        error.message().ends_with("wants the type BIGINT NOT NULL"),
        "{error}"
    );
}
