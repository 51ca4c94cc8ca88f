use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use millstream_core::connector::{Committer, Fetch, SinkFactory, SourceFactory};
use millstream_core::rows::ChangeBatch;
use millstream_core::table::TableSpec;
use millstream_core::types::{ColumnType, RowField, SqlType};
use millstream_core::{Code, Error, Result};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

use crate::conformance::{Reading, conformance, numbered, read};
use crate::filesystem::Filesystem;
use crate::testing::{NULL, barrier, batch, projected, sink_context, source_context, table};

fn parquet(path: &Path, columns: &[(&str, SqlType)], options: &[(&str, &str)]) -> TableSpec {
    let mut all = vec![("connector", "filesystem"), ("format", "parquet")];
    all.push(("path", path.to_str().unwrap()));
    all.extend_from_slice(options);
    table("t", columns, &all)
}

async fn written(table: &TableSpec, rows: &[RecordBatch]) {
    let context = sink_context(0, 1);
    let mut writer = Filesystem.writer(table, &context).unwrap();
    for rows in rows {
        writer
            .write(ChangeBatch::inserts(rows.clone()))
            .await
            .unwrap();
    }
    let prepared = writer.prepare(barrier(1, true)).await.unwrap();
    assert_eq!(
        prepared.rows as usize,
        rows.iter().map(RecordBatch::num_rows).sum::<usize>()
    );
    let mut committer: Box<dyn Committer> = Filesystem.committer(table, &context).unwrap();
    committer.commit(prepared.committables).await.unwrap();
}

async fn rows(table: &TableSpec) -> Result<Reading> {
    read(&Filesystem, table, source_context(table, 1, 1024)).await
}

/// A file of two columns in row groups of ten rows, as other tools write it.
fn foreign(path: &Path, count: i32) {
    let schema = Arc::new(Schema::new(vec![
        Field::new("b", DataType::Utf8, true),
        Field::new("a", DataType::Int64, false),
        Field::new("t", DataType::Timestamp(TimeUnit::Nanosecond, None), true),
    ]));
    let numbers = arrow::array::Int64Array::from_iter_values((0..count).map(i64::from));
    let texts = (0..count).map(|i| (i % 3 > 0).then(|| format!("text {}", i % 7)));
    let texts = arrow::array::StringArray::from_iter(texts);
    let times = (0..count).map(|i| i64::from(i) * 1_500_000 - 1);
    let times = arrow::array::TimestampNanosecondArray::from_iter_values(times);
    let columns: Vec<arrow::array::ArrayRef> =
        vec![Arc::new(texts), Arc::new(numbers), Arc::new(times)];
    let rows = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(10))
        .build();
    let file = fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
}

const COLUMNS: [(&str, SqlType); 2] = [("a", SqlType::Int), ("b", SqlType::STRING)];

fn wanted(count: i32) -> Vec<String> {
    let text = |i: i32| match i % 3 {
        0 => "null".to_string(),
        _ => format!("text {}", i % 7),
    };
    let mut rows: Vec<String> = (0..count).map(|i| format!("{i}|{}", text(i))).collect();
    rows.sort();
    rows
}

#[tokio::test]
async fn foreign_files_are_read_by_name_and_go_on_anywhere() {
    let here = tempfile::tempdir().unwrap();
    foreign(&here.path().join("1.parquet"), 37);
    let table = parquet(here.path(), &COLUMNS, &[]);
    let reading = conformance(&Filesystem, &table).await;
    assert_eq!(reading.rows(), wanted(37));
}

#[tokio::test]
async fn only_wanted_columns_are_read_and_none_still_counts() {
    let here = tempfile::tempdir().unwrap();
    foreign(&here.path().join("f"), 25);
    let table = parquet(here.path(), &COLUMNS, &[]);
    for (projection, first) in [(&[1][..], "text 1"), (&[1, 0], "text 1|1"), (&[], "")] {
        let context = projected(source_context(&table, 1, 7), projection);
        let reading = read(&Filesystem, &table, context).await.unwrap();
        let rows = reading.splits.values().next().unwrap();
        assert_eq!((rows.len(), rows[1].as_str()), (25, first));
    }
}

#[tokio::test]
async fn a_column_that_is_not_there_is_null_unless_it_must_not_be() {
    let here = tempfile::tempdir().unwrap();
    foreign(&here.path().join("f"), 2);
    let mut spec = parquet(
        here.path(),
        &[("a", SqlType::BigInt), ("z", SqlType::Date)],
        &[],
    );
    assert_eq!(rows(&spec).await.unwrap().rows(), ["0|null", "1|null"]);
    let fields = spec.schema.fields().iter();
    let required = fields.map(|field| field.as_ref().clone().with_nullable(false));
    spec.schema = Arc::new(Schema::new(required.collect::<Vec<_>>()));
    let error = rows(&spec).await.unwrap_err();
    assert!(
        error.message().contains("no column 'z', which is NOT NULL"),
        "{error}"
    );
}

#[tokio::test]
async fn a_value_or_type_that_does_not_fit_is_an_error_naming_file_and_column() {
    let here = tempfile::tempdir().unwrap();
    foreign(&here.path().join("f"), 200);
    for (column, ty) in [
        ("a", SqlType::TinyInt),
        ("a", SqlType::STRING),
        ("b", SqlType::Int),
    ] {
        let error = rows(&parquet(here.path(), &[(column, ty)], &[]))
            .await
            .unwrap_err();
        assert_eq!(error.code(), Code::Read);
        assert!(error.message().contains(&format!("'{column}'")), "{error}");
        assert!(error.message().contains("/f'"), "{error}");
    }
}

#[tokio::test]
async fn fractions_of_a_second_go_to_the_past() {
    let here = tempfile::tempdir().unwrap();
    foreign(&here.path().join("f"), 3);
    let table = parquet(here.path(), &[("t", SqlType::Timestamp(3))], &[]);
    assert_eq!(
        rows(&table).await.unwrap().rows(),
        [
            "1969-12-31T23:59:59.999",
            "1970-01-01T00:00:00.001",
            "1970-01-01T00:00:00.002"
        ]
    );
}

fn nullable(sql: SqlType) -> Box<ColumnType> {
    Box::new(ColumnType::nullable(sql))
}

fn every_type() -> Vec<(&'static str, SqlType)> {
    let row = SqlType::Row(vec![
        RowField {
            name: "x".into(),
            ty: ColumnType::nullable(SqlType::Int),
            comment: None,
        },
        RowField {
            name: "y".into(),
            ty: ColumnType::nullable(SqlType::Timestamp(6)),
            comment: None,
        },
    ]);
    let decimal = |precision, scale| SqlType::Decimal { precision, scale };
    vec![
        ("boolean", SqlType::Boolean),
        ("tinyint", SqlType::TinyInt),
        ("smallint", SqlType::SmallInt),
        ("int", SqlType::Int),
        ("bigint", SqlType::BigInt),
        ("float", SqlType::Float),
        ("double", SqlType::Double),
        ("d9", decimal(9, 2)),
        ("d18", decimal(18, 0)),
        ("d38", decimal(38, 10)),
        ("char", SqlType::Char(5)),
        ("string", SqlType::STRING),
        ("binary", SqlType::Binary(3)),
        ("bytes", SqlType::BYTES),
        ("date", SqlType::Date),
        ("time", SqlType::Time(0)),
        ("t0", SqlType::Timestamp(0)),
        ("t3", SqlType::Timestamp(3)),
        ("t6", SqlType::Timestamp(6)),
        ("t9", SqlType::Timestamp(9)),
        ("ltz", SqlType::TimestampLtz(3)),
        (
            "array",
            SqlType::Array(nullable(SqlType::Array(nullable(SqlType::Int)))),
        ),
        (
            "map",
            SqlType::Map(
                Box::new(ColumnType {
                    sql: SqlType::STRING,
                    nullable: false,
                }),
                nullable(row.clone()),
            ),
        ),
        (
            "multiset",
            SqlType::Multiset(Box::new(ColumnType {
                sql: SqlType::Int,
                nullable: false,
            })),
        ),
        ("row", row),
    ]
}

/// Rows of every type, made by the generator of tables.
async fn made(columns: &[(&str, SqlType)], count: usize) -> (SchemaRef, Vec<RecordBatch>) {
    let number = count.to_string();
    let mut options = vec![
        ("rows-per-second", "1000000000"),
        ("number-of-rows", number.as_str()),
        ("seed", "42"),
    ];
    let rates: Vec<String> = columns
        .iter()
        .map(|(name, _)| format!("fields.{name}.null-rate"))
        .collect();
    options.extend(rates.iter().map(|key| (key.as_str(), "0.2")));
    let table = table("g", columns, &options);
    let datagen = crate::connector("datagen").unwrap().source().unwrap();
    let source = datagen
        .create(&table, &source_context(&table, 1, 16))
        .unwrap();
    let found = source.enumerator(&[]).unwrap().discover().await.unwrap();
    let mut reader = source.reader().unwrap();
    reader.assign(numbered(found).remove(0), None).unwrap();
    let mut batches = Vec::new();
    while let Fetch::Rows { rows, .. } = reader.fetch().await.unwrap() {
        batches.push(rows);
    }
    (table.schema, batches)
}

#[tokio::test]
async fn every_type_is_written_and_read_back() {
    let columns = every_type();
    let (_, batches) = made(&columns, 50).await;
    let wanted: Vec<String> = batches.iter().flat_map(crate::testing::lines).collect();
    for compression in ["SNAPPY", "gzip", "ZSTD", "LZ4_RAW", "uncompressed"] {
        let here = tempfile::tempdir().unwrap();
        let options = [("parquet.compression", compression)];
        let table = parquet(&here.path().join("out"), &columns, &options);
        written(&table, &batches).await;
        let reading = rows(&table).await.unwrap();
        assert_eq!(reading.splits.len(), 1);
        assert_eq!(
            *reading.splits.values().next().unwrap(),
            wanted,
            "{compression}"
        );
    }
}

#[tokio::test]
async fn a_file_says_its_types_as_other_tools_expect_them() {
    let here = tempfile::tempdir().unwrap();
    let columns = [
        ("s", SqlType::SmallInt),
        (
            "d",
            SqlType::Decimal {
                precision: 9,
                scale: 2,
            },
        ),
        ("t", SqlType::Timestamp(3)),
        ("l", SqlType::TimestampLtz(9)),
        ("a", SqlType::Array(nullable(SqlType::Int))),
    ];
    let options = [("parquet.timestamp.time.unit", "micros")];
    let table = parquet(here.path(), &columns, &options);
    let (_, batches) = made(&columns, 5).await;
    written(&table, &batches).await;
    let file = fs::File::open(only_file(here.path())).unwrap();
    let reader = parquet::file::reader::SerializedFileReader::new(file).unwrap();
    let metadata = parquet::file::reader::FileReader::metadata(&reader).file_metadata();
    let mut text = Vec::new();
    parquet::schema::printer::print_schema(&mut text, metadata.schema());
    let text = String::from_utf8(text).unwrap();
    for part in [
        "OPTIONAL INT32 s (INTEGER(16,true))",
        "OPTIONAL INT32 d (DECIMAL(9,2))",
        "OPTIONAL INT64 t (TIMESTAMP(MICROS,false))",
        "OPTIONAL INT64 l (TIMESTAMP(MICROS,true))",
        "REPEATED group list",
        "OPTIONAL INT32 element",
    ] {
        assert!(text.contains(part), "no '{part}' in {text}");
    }
    assert!(metadata.key_value_metadata().is_none());
}

fn only_file(root: &Path) -> PathBuf {
    let files = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.is_file()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

#[tokio::test]
async fn a_full_file_is_followed_by_another() {
    let here = tempfile::tempdir().unwrap();
    let options = [
        ("sink.rolling-policy.file-size", "100kb"),
        ("parquet.compression", "UNCOMPRESSED"),
    ];
    let table = parquet(here.path(), &[("a", SqlType::BYTES)], &options);
    let (_, batches) = made(&[("a", SqlType::BYTES)], 4_000).await;
    written(&table, &batches).await;
    let files = fs::read_dir(here.path()).unwrap().count();
    assert!((3..=6).contains(&files), "{files} files of 400 kB");
    assert_eq!(rows(&table).await.unwrap().rows().len(), 4_000);
}

#[tokio::test]
async fn int96_timestamps_are_read_beyond_the_years_of_nanoseconds() {
    use parquet::data_type::{Int96, Int96Type};
    use parquet::file::writer::SerializedFileWriter;
    let here = tempfile::tempdir().unwrap();
    let path = here.path().join("f");
    let schema = "message m { OPTIONAL INT96 t; }";
    let schema = Arc::new(parquet::schema::parser::parse_message_type(schema).unwrap());
    let file = fs::File::create(&path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    // Julian day 2440588 is 1970-01-01; the other is 5000-01-01.
    let times: Vec<Int96> = [(2_440_588_u32, 1_500_000_u64), (3_547_273, 0)]
        .map(|(day, nanos)| vec![nanos as u32, (nanos >> 32) as u32, day].into())
        .into();
    column
        .typed::<Int96Type>()
        .write_batch(&times, Some(&[1, 1]), None)
        .unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    let table = parquet(here.path(), &[("t", SqlType::Timestamp(3))], &[]);
    assert_eq!(
        rows(&table).await.unwrap().rows(),
        ["1970-01-01T00:00:00.001", "5000-01-01T00:00"]
    );
}

#[tokio::test]
async fn a_replaced_file_is_lost_input() {
    let here = tempfile::tempdir().unwrap();
    let path = here.path().join("f");
    foreign(&path, 30);
    let size = fs::metadata(&path).unwrap().len();
    let table = parquet(here.path(), &COLUMNS, &[]);
    let source = Filesystem
        .create(&table, &source_context(&table, 1, 4))
        .unwrap();
    let found = source.enumerator(&[]).unwrap().discover().await.unwrap();
    let split = numbered(found).remove(0);
    let mut reader = source.reader().unwrap();
    reader.assign(split.clone(), None).unwrap();
    reader.fetch().await.unwrap();
    let position = reader.position(split.id);
    let restored = || {
        let mut reader = source.reader().unwrap();
        reader.assign(split.clone(), position.clone()).unwrap();
        reader
    };
    restored().fetch().await.unwrap();
    foreign(&path, 31);
    assert_ne!(fs::metadata(&path).unwrap().len(), size);
    assert_eq!(
        restored().fetch().await.unwrap_err().code(),
        Code::InputLost
    );
}

#[test]
fn wrong_options_and_types_are_refused() {
    let refused = |columns: &[(&str, SqlType)], options: &[(&str, &str)]| -> Error {
        let table = parquet(Path::new("/unused"), columns, options);
        Filesystem
            .check(&table, &crate::testing::formats())
            .unwrap_err()
    };
    for (key, value) in [
        ("parquet.compression", "LZO"),
        ("parquet.timestamp.time.unit", "seconds"),
        ("parquet.batch-size", "0"),
        ("parquet.utc-timezone", "false"),
    ] {
        let error = refused(&COLUMNS, &[(key, value)]);
        assert_eq!(error.code(), Code::InvalidOption, "{key}: {error}");
    }
    let error = refused(&COLUMNS, &[("parquet.write.int64.timestamp", "false")]);
    assert_eq!(error.code(), Code::Unsupported);
    let error = refused(&[("i", SqlType::IntervalYearMonth)], &[]);
    assert!(error.message().contains("'i'"), "{error}");
}

#[tokio::test]
async fn what_is_no_parquet_file_is_an_error_naming_it() {
    let here = tempfile::tempdir().unwrap();
    let path = here.path().join("f");
    let table = parquet(&path, &COLUMNS, &[]);
    for bytes in [
        &b""[..],
        b"PAR1",
        b"a,b\n1,2\n3,4\n",
        b"PAR1xxxx\xff\xff\xff\x7fPAR1",
    ] {
        fs::write(&path, bytes).unwrap();
        let error = rows(&table).await.unwrap_err();
        assert_eq!(error.code(), Code::Read);
        assert!(error.message().contains("/f'"), "{error}");
    }
}

/// The rows of damaged bytes: some, or a clear error, but never the end of the process.
fn survives(bytes: &[u8]) {
    let here = tempfile::tempdir().unwrap();
    let path = here.path().join("f");
    fs::write(&path, bytes).unwrap();
    let columns = [
        ("a", SqlType::BigInt),
        ("b", SqlType::STRING),
        ("t", SqlType::Timestamp(9)),
    ];
    let table = parquet(&path, &columns, &[]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    if let Err(error) = runtime.block_on(rows(&table)) {
        assert!(
            matches!(error.code(), Code::Read | Code::InputLost),
            "{}",
            error.report()
        );
        assert!(error.message().contains("/f'"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn damaged_files_never_end_the_process(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
        near_the_end in any::<bool>(),
    ) {
        let here = tempfile::tempdir().unwrap();
        let path = here.path().join("f");
        foreign(&path, 25);
        let mut bytes = fs::read(&path).unwrap();
        let from = if near_the_end { bytes.len() - 400.min(bytes.len()) } else { 0 };
        for (place, byte) in changes {
            let length = bytes.len() - from;
            bytes[from + place.index(length)] = byte;
        }
        if let Some(cut) = cut {
            let length = bytes.len();
            bytes.drain(..cut.index(length));
        }
        survives(&bytes);
    }
}

#[tokio::test]
async fn nulls_and_texts_survive_in_partitions() {
    let here = tempfile::tempdir().unwrap();
    let mut table = parquet(here.path(), &COLUMNS, &[]);
    table.partition_keys = vec!["b".into()];
    let some = batch(&table.schema, &[&["1", "x"], &[NULL, "x"], &["3", NULL]]);
    written(&table, &[some]).await;
    assert_eq!(
        rows(&table).await.unwrap().rows(),
        ["1|x", "3|null", "null|x"]
    );
}
