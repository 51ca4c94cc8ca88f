use std::io::Write;

use millstream_core::Code;
use millstream_core::connector::SourceFactory;
use millstream_core::types::SqlType;

use super::*;
use crate::conformance::{Reading, conformance, read};
use crate::filesystem::Filesystem;
use crate::testing::{metadata, projected, source_context};

async fn rows(table: &TableSpec) -> millstream_core::Result<Reading> {
    read(&Filesystem, table, source_context(table, 1, 1024)).await
}

async fn error_of(table: &TableSpec) -> millstream_core::Error {
    rows(table).await.expect_err("reading must fail")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    to.write_all(bytes).unwrap();
    to.finish().unwrap()
}

#[tokio::test]
async fn every_row_of_every_file_comes_once() {
    let here = tempfile::tempdir().unwrap();
    write(&here.path().join("2"), "3,c\n4,d");
    write(&here.path().join("1"), "1,a\n2,b\n");
    write(&here.path().join("sub/3.gz"), gzip(b"5,e\n"));
    write(
        &here.path().join("sub/4.zst"),
        zstd::encode_all(&b"6,f\n7,g\n"[..], 0).unwrap(),
    );
    write(&here.path().join("empty"), "");
    write(&here.path().join("_SUCCESS"), "not,a,row");
    let reading = conformance(&Filesystem, &files(here.path(), &[])).await;
    assert_eq!(
        reading.rows(),
        ["1|a", "2|b", "3|c", "4|d", "5|e", "6|f", "7|g"]
    );
    assert_eq!(reading.bad, []);
    let split = here.path().join("1").to_str().unwrap().to_string();
    assert_eq!(reading.splits[&split], ["1|a", "2|b"]);
}

#[tokio::test]
async fn one_file_is_a_table_and_an_empty_file_has_no_rows() {
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("one");
    write(&file, "");
    assert_eq!(rows(&files(&file, &[])).await.unwrap().rows().len(), 0);
    write(&file, "1,a\n");
    let url = format!("file://{}", file.display());
    assert_eq!(
        rows(&files(Path::new(&url), &[])).await.unwrap().rows(),
        ["1|a"]
    );
}

#[tokio::test]
async fn a_file_of_many_chunks_and_a_record_longer_than_a_chunk_are_read() {
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("big");
    let long = "x".repeat(3 << 20);
    let mut text: String = (0..100_000).map(|i| format!("{i},row {i}\n")).collect();
    text.push_str(&format!("-1,{long}\n-2,end\n"));
    write(&file, &text);
    let reading = rows(&files(&file, &[])).await.unwrap();
    let rows = &reading.splits[file.to_str().unwrap()];
    assert_eq!(rows.len(), 100_002);
    assert_eq!(rows[99_999], "99999|row 99999");
    assert_eq!(rows[100_000].len(), long.len() + 3);
    assert_eq!(rows[100_001], "-2|end");
}

#[tokio::test]
async fn bad_records_come_with_their_place_and_the_rows_around_them() {
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("one");
    write(&file, "1,a\nbad\n2,b\n");
    let reading = rows(&files(&file, &[])).await.unwrap();
    assert_eq!(reading.rows(), ["1|a", "2|b"]);
    assert_eq!((reading.bad[0].offset, reading.bad[0].line), (4, 2));
    write(&file, "bad\nbad\n");
    let reading = rows(&files(&file, &[])).await.unwrap();
    assert_eq!((reading.rows().len(), reading.bad.len()), (0, 2));
}

#[tokio::test]
async fn the_options_of_the_format_reach_it() {
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("one");
    write(&file, "# note\n1,a\n");
    let table = files(&file, &[("lines.comment", "#")]);
    assert_eq!(rows(&table).await.unwrap().rows(), ["1|a"]);
}

#[tokio::test]
async fn metadata_columns_tell_where_a_row_comes_from() {
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("one.txt");
    write(&file, "1,a\n2,b\n");
    let mut table = files(&file, &[]);
    table.metadata = vec![
        metadata("file.name", SqlType::STRING),
        metadata("file.size", SqlType::Int),
        metadata("file.path", SqlType::STRING),
        metadata("file.modification-time", SqlType::TimestampLtz(3)),
    ];
    let reading = rows(&table).await.unwrap();
    let modified = fs::metadata(&file).unwrap().modified().unwrap();
    let ms = modified
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis() as i64;
    let day = &millstream_core::time::format_millis(ms)[..10];
    for (row, record) in reading.rows().iter().zip(["1|a", "2|b"]) {
        let start = format!("{record}|one.txt|8|{}|{day}T", file.display());
        assert!(row.starts_with(&start) && row.ends_with('Z'), "{row}");
    }
}

#[tokio::test]
async fn partition_columns_come_from_the_names_of_directories() {
    let here = tempfile::tempdir().unwrap();
    write(&here.path().join("a=1/b=x%2Fy/f"), "north\n");
    write(
        &here.path().join("a=2/b=__DEFAULT_PARTITION__/f"),
        "south\n",
    );
    let columns = [
        ("a", SqlType::Int),
        ("c", SqlType::STRING),
        ("b", SqlType::STRING),
    ];
    let mut table = files(here.path(), &[]);
    table.schema = crate::testing::table("t", &columns, &[]).schema;
    table.partition_keys = vec!["a".into(), "b".into()];
    let reading = conformance(&Filesystem, &table).await;
    assert_eq!(reading.rows(), ["1|north|x/y", "2|south|null"]);
    write(&here.path().join("stray"), "west\n");
    let error = error_of(&table).await;
    assert_eq!(error.code(), Code::Read);
    assert!(
        error
            .message()
            .contains("file 'stray' lies in no directory 'a=…'"),
        "{error}"
    );
}

#[tokio::test]
async fn only_wanted_columns_come_in_the_wanted_order() {
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("p=7/one");
    write(&file, "1,a\n2,b\n");
    let columns = [
        ("a", SqlType::Int),
        ("p", SqlType::Int),
        ("b", SqlType::STRING),
    ];
    let mut table = files(here.path(), &[]);
    table.schema = crate::testing::table("t", &columns, &[]).schema;
    table.partition_keys = vec!["p".into()];
    table.metadata = vec![metadata("file.size", SqlType::BigInt)];
    let cases: [(&[usize], [&str; 2]); 4] = [
        (&[2, 0], ["a|1", "b|2"]),
        (&[1, 2], ["7|a", "7|b"]),
        (&[3], ["8", "8"]),
        (&[], ["", ""]),
    ];
    for (projection, wanted) in cases {
        let context = projected(source_context(&table, 1, 10), projection);
        assert_eq!(
            read(&Filesystem, &table, context).await.unwrap().rows(),
            wanted
        );
    }
}

#[tokio::test]
async fn a_pattern_chooses_files_by_their_whole_path() {
    let here = tempfile::tempdir().unwrap();
    write(&here.path().join("x.csv"), "1,a\n");
    write(&here.path().join("x.csv.bak"), "2,b\n");
    let table = files(here.path(), &[("source.path.regex-pattern", r".*\.csv")]);
    assert_eq!(rows(&table).await.unwrap().rows(), ["1|a"]);
    let table = files(here.path(), &[("source.path.regex-pattern", "(")]);
    assert_eq!(error_of(&table).await.code(), Code::InvalidOption);
}

#[tokio::test]
async fn a_missing_path_is_found_out_when_the_table_is_opened() {
    let here = tempfile::tempdir().unwrap();
    let path = here.path().join("no/such");
    let table = files(&path, &[]);
    let error = Filesystem
        .create(&table, &source_context(&table, 1, 1))
        .err()
        .unwrap();
    assert_eq!(error.code(), Code::NotFound);
    assert!(
        error.message().contains(&format!("'{}'", path.display())),
        "{error}"
    );
}

#[tokio::test]
async fn a_compressed_file_that_was_cut_short_is_an_error_naming_it() {
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("cut.gz");
    let whole = gzip(b"1,a\n2,b\n");
    write(&file, &whole[..whole.len() - 3]);
    let error = error_of(&files(&file, &[])).await;
    assert_eq!(error.code(), Code::Read);
    assert!(error.message().contains(file.to_str().unwrap()), "{error}");
    assert!(error.message().contains("cut short"), "{error}");
}

#[tokio::test]
async fn a_compression_that_is_not_supported_is_named() {
    let here = tempfile::tempdir().unwrap();
    write(&here.path().join("x.bz2"), "BZh9");
    let error = error_of(&files(here.path(), &[])).await;
    assert_eq!(error.code(), Code::Unsupported);
    assert!(error.message().contains("'bz2'"), "{error}");
}

#[tokio::test]
async fn a_file_that_went_away_before_it_was_read_is_an_error() {
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("one");
    write(&file, "1,a\n");
    let table = files(here.path(), &[]);
    let context = source_context(&table, 1, 1);
    let source = Filesystem.create(&table, &context).unwrap();
    let found = source.enumerator(&[]).unwrap().discover().await.unwrap();
    fs::remove_file(&file).unwrap();
    let error = crate::conformance::read_splits(source.as_ref(), &context, found)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::InputLost);
    assert!(error.message().contains("is gone"), "{error}");
}

#[tokio::test]
async fn wrong_tables_are_refused_when_they_are_opened() {
    let here = tempfile::tempdir().unwrap();
    let open = |table: &TableSpec| {
        Filesystem
            .create(table, &source_context(table, 1, 1))
            .err()
            .unwrap()
    };
    let error = open(&files(here.path(), &[("source.monitor-interval", "0 s")]));
    assert_eq!(error.code(), Code::InvalidOption);
    let error = open(&files(here.path(), &[("source.monitor-interval", "soon")]));
    assert_eq!(error.code(), Code::InvalidOption);
    let mut table = files(here.path(), &[]);
    table.metadata = vec![metadata("file.nam", SqlType::STRING)];
    let error = open(&table);
    assert_eq!(error.code(), Code::InvalidSchema);
    assert_eq!(error.hint_text(), Some("did you mean 'file.name'?"));
    table.metadata = vec![metadata("file.modification-time", SqlType::TimestampLtz(9))];
    assert_eq!(open(&table).code(), Code::InvalidSchema);
}
