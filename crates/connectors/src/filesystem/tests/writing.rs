use arrow::array::UInt8Array;
use millstream_core::connector::{
    Committable, Prepared, SinkAccepts, SinkContext, SinkFactory, SinkWriter,
};
use millstream_core::rows::ChangeBatch;
use millstream_core::{Code, Result};

use super::*;
use crate::conformance::read;
use crate::filesystem::Filesystem;
use crate::testing::{NULL, barrier, batch, formats, manual_clock, sink_context, source_context};

/// Where a job without checkpoints called `run1` keeps its files.
const PENDING: &str = ".millstream-pending/run1/run1.0";

fn writer(table: &TableSpec, subtask: u32) -> Box<dyn SinkWriter> {
    Filesystem.writer(table, &sink_context(subtask, 2)).unwrap()
}

fn rows(table: &TableSpec, rows: &[&[&str]]) -> ChangeBatch {
    ChangeBatch::inserts(batch(&table.schema, rows))
}

async fn commit(table: &TableSpec, prepared: Prepared) -> Result<()> {
    let mut committer = Filesystem.committer(table, &sink_context(0, 2)).unwrap();
    committer.commit(prepared.committables).await
}

/// The files among what was prepared.
fn files_of(prepared: &Prepared) -> usize {
    let files = prepared.committables.iter();
    files.filter(|file| file.0.contains("\"from\"")).count()
}

fn refused(options: &[(&str, &str)]) -> millstream_core::Error {
    let here = tempfile::tempdir().unwrap();
    Filesystem
        .check(&files(here.path(), options), &formats())
        .unwrap_err()
}

#[tokio::test]
async fn rows_become_visible_by_the_commit_and_not_before() {
    let here = tempfile::tempdir().unwrap();
    let root = here.path().join("new/out");
    let table = files(&root, &[]);
    assert_eq!(Filesystem.accepts(&table).unwrap(), SinkAccepts::Append);
    let mut writer = writer(&table, 1);
    writer
        .write(rows(&table, &[&["1", "a"], &["2", "b"]]))
        .await
        .unwrap();
    assert_eq!(
        writer.prepare(barrier(1, false)).await.unwrap(),
        Prepared::default(),
        "the file can take more rows"
    );
    writer.write(rows(&table, &[&["3", "c"]])).await.unwrap();
    let prepared = writer.prepare(barrier(1, true)).await.unwrap();
    assert_eq!((files_of(&prepared), prepared.rows), (1, 3));
    drop(writer);
    let text = "# header\n1,a\n2,b\n3,c\n".to_string();
    assert_eq!(
        tree(&root),
        [(format!("{PENDING}/part-run1-1-0"), text.clone())]
    );
    commit(&table, prepared).await.unwrap();
    assert_eq!(tree(&root), [("part-run1-1-0".to_string(), text)]);
}

#[tokio::test]
async fn what_is_written_is_read_back() {
    let here = tempfile::tempdir().unwrap();
    let table = files(here.path(), &[("lines.comment", "#")]);
    let mut writer = writer(&table, 0);
    writer
        .write(rows(&table, &[&["1", "a"], &["2", "b"]]))
        .await
        .unwrap();
    commit(&table, writer.prepare(barrier(1, true)).await.unwrap())
        .await
        .unwrap();
    let reading = read(&Filesystem, &table, source_context(&table, 2, 10))
        .await
        .unwrap();
    assert_eq!(reading.rows(), ["1|a", "2|b"]);
}

#[tokio::test]
async fn committing_twice_is_committing_once() {
    let here = tempfile::tempdir().unwrap();
    let table = files(here.path(), &[]);
    let mut writer = writer(&table, 0);
    writer.write(rows(&table, &[&["1", "a"]])).await.unwrap();
    let prepared = writer.prepare(barrier(1, true)).await.unwrap();
    commit(&table, prepared.clone()).await.unwrap();
    let before = tree(here.path());
    commit(&table, prepared).await.unwrap();
    assert_eq!(tree(here.path()), before);
}

#[tokio::test]
async fn a_prepared_file_that_is_gone_or_whose_name_is_taken_is_a_write_error() {
    let here = tempfile::tempdir().unwrap();
    let table = files(here.path(), &[]);
    let mut writer = writer(&table, 0);
    writer.write(rows(&table, &[&["1", "a"]])).await.unwrap();
    let prepared = writer.prepare(barrier(1, true)).await.unwrap();
    write(&here.path().join("part-run1-0-0"), "mine");
    let error = commit(&table, prepared.clone()).await.unwrap_err();
    assert_eq!(error.code(), Code::Write);
    assert!(error.message().contains("has its name already"), "{error}");
    fs::remove_file(here.path().join("part-run1-0-0")).unwrap();
    fs::remove_file(here.path().join(PENDING).join("part-run1-0-0")).unwrap();
    let error = commit(&table, prepared).await.unwrap_err();
    assert!(error.message().contains("it is gone"), "{error}");
    let strange = Prepared {
        committables: vec![Committable("{}".into())],
        rows: 0,
    };
    let error = commit(&table, strange).await.unwrap_err();
    assert_eq!(error.code(), Code::CheckpointDamaged);
}

#[tokio::test]
async fn a_writer_dropped_before_the_end_leaves_nothing() {
    let here = tempfile::tempdir().unwrap();
    let table = files(here.path(), &[("sink.rolling-policy.file-size", "12")]);
    let mut writer = writer(&table, 0);
    writer
        .write(rows(&table, &[&["1", "a"], &["2", "b"]]))
        .await
        .unwrap();
    assert_eq!(
        tree(here.path()).len(),
        2,
        "a finished file and an open one"
    );
    drop(writer);
    assert_eq!(tree(here.path()), []);
}

#[tokio::test]
async fn no_rows_make_no_files() {
    let here = tempfile::tempdir().unwrap();
    let table = files(&here.path().join("out"), &[]);
    let prepared = writer(&table, 0).prepare(barrier(1, true)).await.unwrap();
    assert_eq!((files_of(&prepared), prepared.rows), (0, 0));
    commit(&table, prepared).await.unwrap();
    assert!(!here.path().join("out").exists());
}

#[tokio::test]
async fn a_full_file_is_followed_by_another_between_two_rows() {
    let here = tempfile::tempdir().unwrap();
    // The header takes 9 bytes and a row 4.
    let table = files(here.path(), &[("sink.rolling-policy.file-size", "16")]);
    let mut writer = writer(&table, 0);
    let five: Vec<Vec<String>> = (1..=5).map(|i| vec![i.to_string(), "x".into()]).collect();
    let five: Vec<Vec<&str>> = five
        .iter()
        .map(|r| r.iter().map(String::as_str).collect())
        .collect();
    let five: Vec<&[&str]> = five.iter().map(Vec::as_slice).collect();
    writer.write(rows(&table, &five)).await.unwrap();
    let ready = writer.prepare(barrier(1, false)).await.unwrap();
    assert_eq!((files_of(&ready), ready.rows), (2, 4));
    commit(&table, ready).await.unwrap();
    commit(&table, writer.prepare(barrier(1, true)).await.unwrap())
        .await
        .unwrap();
    let texts: Vec<String> = tree(here.path())
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(
        texts,
        [
            "# header\n1,x\n2,x\n",
            "# header\n3,x\n4,x\n",
            "# header\n5,x\n"
        ]
    );
}

#[tokio::test]
async fn old_and_idle_files_are_complete() {
    let options = [
        ("sink.rolling-policy.rollover-interval", "10 s"),
        ("sink.rolling-policy.inactivity-interval", "4 s"),
    ];
    let here = tempfile::tempdir().unwrap();
    let table = files(here.path(), &options);
    let (clock, shared) = manual_clock(0);
    let context = SinkContext {
        clock: shared,
        ..sink_context(0, 1)
    };
    let mut writer = Filesystem.writer(&table, &context).unwrap();
    for second in [0, 3, 6, 9] {
        clock.set(second * 1000);
        writer.write(rows(&table, &[&["1", "a"]])).await.unwrap();
        let prepared = writer.prepare(barrier(1, false)).await.unwrap();
        assert_eq!(prepared, Prepared::default());
    }
    clock.set(10_000);
    let prepared = writer.prepare(barrier(1, false)).await.unwrap();
    assert_eq!((files_of(&prepared), prepared.rows), (1, 4), "too old");
    writer.write(rows(&table, &[&["1", "a"]])).await.unwrap();
    clock.set(14_000);
    let prepared = writer.prepare(barrier(1, false)).await.unwrap();
    assert_eq!((files_of(&prepared), prepared.rows), (1, 1), "too idle");
}

#[tokio::test]
async fn rows_are_written_to_the_directories_of_their_partitions() {
    let here = tempfile::tempdir().unwrap();
    let mut table = files(here.path(), &[("partition.default-name", "none")]);
    table.partition_keys = vec!["a".into()];
    let mut writer = writer(&table, 0);
    let some: [&[&str]; 4] = [&["1", "w"], &["2", "x"], &["1", "y"], &[NULL, "z"]];
    writer.write(rows(&table, &some)).await.unwrap();
    commit(&table, writer.prepare(barrier(1, true)).await.unwrap())
        .await
        .unwrap();
    let wanted = [
        ("a=1/part-run1-0-0", "# header\nw\ny\n"),
        ("a=2/part-run1-0-1", "# header\nx\n"),
        ("a=none/part-run1-0-2", "# header\nz\n"),
    ];
    assert_eq!(
        tree(here.path()),
        wanted.map(|(path, text)| (path.to_string(), text.to_string()))
    );
}

#[tokio::test]
async fn many_partitions_do_not_keep_many_files_open() {
    let here = tempfile::tempdir().unwrap();
    let mut table = files(here.path(), &[]);
    table.partition_keys = vec!["a".into()];
    let mut writer = writer(&table, 0);
    let names: Vec<String> = (0..131).map(|i| i.to_string()).collect();
    let all: Vec<[&str; 2]> = names.iter().map(|name| [name.as_str(), "x"]).collect();
    let all: Vec<&[&str]> = all.iter().map(|row| row.as_slice()).collect();
    writer.write(rows(&table, &all)).await.unwrap();
    let closed = writer.prepare(barrier(1, false)).await.unwrap();
    assert_eq!((files_of(&closed), closed.rows), (131 - 128, 131 - 128));
    commit(&table, closed).await.unwrap();
    let files = tree(here.path());
    assert_eq!(files.len(), 131);
    let hidden = files.iter().filter(|(name, _)| name.starts_with(PENDING));
    assert_eq!(hidden.count(), 128);
}

#[tokio::test]
async fn a_success_file_marks_each_partition_that_has_new_files() {
    let here = tempfile::tempdir().unwrap();
    let options = [
        ("sink.partition-commit.policy.kind", "success-file"),
        ("sink.partition-commit.success-file.name", "_DONE"),
    ];
    let mut table = files(here.path(), &options);
    table.partition_keys = vec!["a".into()];
    let mut writer = writer(&table, 0);
    writer.write(rows(&table, &[&["1", "x"]])).await.unwrap();
    let prepared = writer.prepare(barrier(1, true)).await.unwrap();
    assert_eq!(tree(here.path()).len(), 1, "not before the commit");
    commit(&table, prepared).await.unwrap();
    let names: Vec<String> = tree(here.path())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["a=1/_DONE", "a=1/part-run1-0-0"]);
}

#[tokio::test]
async fn a_path_that_cannot_be_a_directory_is_a_write_error_naming_it() {
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("file");
    write(&file, "mine");
    let table = files(&file, &[]);
    let mut writer = writer(&table, 0);
    let error = writer
        .write(rows(&table, &[&["1", "a"]]))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::Write);
    assert!(
        error
            .message()
            .contains(&format!("cannot write '{}'", file.display())),
        "{error}"
    );
    let error = writer.prepare(barrier(1, true)).await.unwrap_err();
    assert!(error.message().contains("failed before"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[tokio::test]
async fn an_update_is_refused() {
    let here = tempfile::tempdir().unwrap();
    let table = files(here.path(), &[]);
    let update = ChangeBatch::with_kinds(
        batch(&table.schema, &[&["1", "a"]]),
        UInt8Array::from(vec![2]),
    );
    let error = writer(&table, 0).write(update).await.unwrap_err();
    assert_eq!(error.code(), Code::Internal);
    assert_eq!(tree(here.path()), []);
}

#[test]
fn options_that_would_change_the_result_are_refused() {
    let unsupported = [
        ("auto-compaction", "true"),
        ("sink.shuffle-by-partition.enable", "true"),
        ("partition.time-extractor.kind", "custom"),
        (
            "sink.partition-commit.policy.kind",
            "metastore,success-file",
        ),
    ];
    for (key, value) in unsupported {
        let error = refused(&[(key, value)]);
        assert_eq!(error.code(), Code::Unsupported, "{key}");
        assert!(error.message().contains(key), "{error}");
    }
    let invalid = [
        ("auto-compaction", "maybe"),
        ("sink.rolling-policy.file-size", "0"),
        ("sink.rolling-policy.file-size", "big"),
        ("sink.rolling-policy.check-interval", "often"),
        ("sink.partition-commit.trigger", "never"),
        ("sink.partition-commit.trigger", "partition-time"),
        ("sink.partition-commit.watermark-time-zone", "nowhere"),
        ("sink.partition-commit.policy.kind", "success-file"),
        ("sink.partition-commit.delay", "soon"),
        ("sink.recovery.missing-files", "maybe"),
        ("partition.default-name", ""),
    ];
    for (key, value) in invalid {
        assert_eq!(
            refused(&[(key, value)]).code(),
            Code::InvalidOption,
            "{key}"
        );
    }
    let here = tempfile::tempdir().unwrap();
    for name in ["DONE", "_a/b", "..", "_"] {
        let options = [
            ("sink.partition-commit.policy.kind", "success-file"),
            ("sink.partition-commit.success-file.name", name),
        ];
        let mut table = files(here.path(), &options);
        table.partition_keys = vec!["a".into()];
        let error = Filesystem.check(&table, &formats()).unwrap_err();
        assert_eq!(error.code(), Code::InvalidOption, "{name}");
    }
}
