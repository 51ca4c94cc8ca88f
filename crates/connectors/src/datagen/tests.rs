use std::collections::HashSet;
use std::time::Duration;

use millstream_core::connector::{Fetch, Position, Source, SourceFactory, SourceReader, Split};
use millstream_core::id::SplitId;
use millstream_core::table::TableSpec;
use millstream_core::types::{ColumnType, RowField, SqlType};
use millstream_core::{Code, Error};

use super::Datagen;
use crate::conformance::{conformance, numbered, read};
use crate::testing::{manual_clock, projected, source_context, table};

const FAST: (&str, &str) = ("rows-per-second", "1000000000");

fn nullable(sql: SqlType) -> Box<ColumnType> {
    Box::new(ColumnType::nullable(sql))
}

fn required(sql: SqlType) -> Box<ColumnType> {
    Box::new(ColumnType {
        sql,
        nullable: false,
    })
}

/// A table of one column `c`.
fn one(ty: SqlType, options: &[(&str, &str)]) -> TableSpec {
    let mut all = vec![("connector", "datagen"), FAST];
    all.extend_from_slice(options);
    table("t", &[("c", ty)], &all)
}

/// The values of 100 rows of one column, made with a seed.
async fn values(ty: SqlType, options: &[(&str, &str)]) -> Vec<String> {
    let mut all = vec![("number-of-rows", "100"), ("seed", "1")];
    all.extend_from_slice(options);
    let table = one(ty, &all);
    read(&Datagen, &table, source_context(&table, 1, 1000))
        .await
        .unwrap()
        .rows()
}

fn refused(ty: SqlType, options: &[(&str, &str)]) -> Error {
    let table = one(ty, options);
    Datagen
        .create(&table, &source_context(&table, 1, 1))
        .err()
        .expect("must be refused")
}

/// Every type there is, nested ones with fields of their own.
fn every_type() -> Vec<(&'static str, SqlType)> {
    let row = SqlType::Row(vec![
        RowField {
            name: "x".into(),
            ty: *nullable(SqlType::Int),
            comment: None,
        },
        RowField {
            name: "y".into(),
            ty: *required(SqlType::Date),
            comment: None,
        },
    ]);
    vec![
        ("boolean", SqlType::Boolean),
        ("tinyint", SqlType::TinyInt),
        ("smallint", SqlType::SmallInt),
        ("int", SqlType::Int),
        ("bigint", SqlType::BigInt),
        ("float", SqlType::Float),
        ("double", SqlType::Double),
        (
            "decimal",
            SqlType::Decimal {
                precision: 38,
                scale: 9,
            },
        ),
        ("char", SqlType::Char(5)),
        ("varchar", SqlType::Varchar(7)),
        ("string", SqlType::STRING),
        ("binary", SqlType::Binary(3)),
        ("varbinary", SqlType::Varbinary(4)),
        ("bytes", SqlType::BYTES),
        ("date", SqlType::Date),
        ("time", SqlType::Time(0)),
        ("timestamp", SqlType::Timestamp(3)),
        ("micros", SqlType::Timestamp(6)),
        ("ltz", SqlType::TimestampLtz(9)),
        ("months", SqlType::IntervalYearMonth),
        ("span", SqlType::IntervalDaySecond),
        (
            "array",
            SqlType::Array(nullable(SqlType::Array(required(SqlType::Int)))),
        ),
        (
            "map",
            SqlType::Map(nullable(SqlType::TinyInt), nullable(row.clone())),
        ),
        ("multiset", SqlType::Multiset(nullable(SqlType::Boolean))),
        ("row", row),
    ]
}

#[tokio::test]
async fn a_table_of_every_type_is_the_same_at_any_parallelism_and_batch_size() {
    let types = every_type();
    let mut options = vec![FAST, ("number-of-rows", "50"), ("seed", "42")];
    let rates: Vec<String> = types
        .iter()
        .map(|(name, _)| format!("fields.{name}.null-rate"))
        .collect();
    options.extend(rates.iter().map(|key| (key.as_str(), "0.2")));
    let table = table("t", &types, &options);
    let reading = conformance(&Datagen, &table).await;
    let rows = reading.rows();
    assert_eq!(rows.len(), 50);
    assert_eq!(rows.iter().collect::<HashSet<_>>().len(), 50, "rows differ");
    assert!(rows.iter().any(|row| row.contains("null")));
}

#[tokio::test]
async fn a_value_does_not_depend_on_the_other_columns() {
    let options = [FAST, ("number-of-rows", "9"), ("seed", "-3")];
    let table = table(
        "t",
        &[("a", SqlType::Int), ("b", SqlType::STRING)],
        &options,
    );
    let whole = read(&Datagen, &table, source_context(&table, 1, 10))
        .await
        .unwrap();
    let context = projected(source_context(&table, 1, 10), &[1]);
    let part = read(&Datagen, &table, context).await.unwrap();
    let column = |row: &String| row.split_once('|').unwrap().1.to_string();
    let whole: Vec<String> = whole.splits["rows-0"].iter().map(column).collect();
    assert_eq!(part.splits["rows-0"], whole);
}

#[tokio::test]
async fn the_rows_of_a_seed_never_change() {
    let columns = [
        ("n", SqlType::Int),
        ("s", SqlType::Varchar(8)),
        ("t", SqlType::Timestamp(3)),
    ];
    let options = [
        ("rows-per-second", "1000"),
        ("number-of-rows", "3"),
        ("seed", "42"),
    ];
    let table = table("t", &columns, &options);
    let reading = read(&Datagen, &table, source_context(&table, 1, 10))
        .await
        .unwrap();
    assert_eq!(
        reading.splits["rows-0"],
        [
            "1809543702|2043ba74|2020-01-01T00:00",
            "1174234690|92123128|2020-01-01T00:00:00.001",
            "1448596453|d82fe780|2020-01-01T00:00:00.002"
        ]
    );
}

#[tokio::test]
async fn without_a_seed_two_runs_differ() {
    let table = one(SqlType::BigInt, &[("number-of-rows", "5")]);
    let run = || async {
        read(&Datagen, &table, source_context(&table, 1, 10))
            .await
            .unwrap()
            .rows()
    };
    assert_ne!(run().await, run().await);
}

#[tokio::test]
async fn a_sequence_counts_and_ends_the_table() {
    let table = one(
        SqlType::Int,
        &[
            ("fields.c.kind", "sequence"),
            ("fields.c.start", "-2"),
            ("fields.c.end", "2"),
        ],
    );
    let reading = conformance(&Datagen, &table).await;
    assert_eq!(reading.splits["rows-0"], ["-2", "-1", "0", "1", "2"]);
    let shorter = [
        ("fields.c.kind", "sequence"),
        ("fields.c.start", "1"),
        ("fields.c.end", "1000"),
        ("number-of-rows", "3"),
    ];
    for (ty, wanted) in [
        (SqlType::STRING, ["1", "2", "3"]),
        (
            SqlType::Decimal {
                precision: 10,
                scale: 2,
            },
            ["1.00", "2.00", "3.00"],
        ),
        (SqlType::Double, ["1.0", "2.0", "3.0"]),
        (SqlType::BYTES, ["[49]", "[50]", "[51]"]),
    ] {
        assert_eq!(values(ty, &shorter).await, wanted);
    }
}

#[tokio::test]
async fn numbers_stay_between_min_and_max() {
    let range = [("fields.c.min", "-1"), ("fields.c.max", "1")];
    let ints: HashSet<String> = values(SqlType::TinyInt, &range).await.into_iter().collect();
    assert_eq!(ints, HashSet::from(["-1", "0", "1"].map(String::from)));
    for ty in [
        SqlType::Float,
        SqlType::Double,
        SqlType::Decimal {
            precision: 5,
            scale: 3,
        },
    ] {
        let numbers: Vec<f64> = values(ty, &range)
            .await
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        assert!(
            numbers.iter().all(|n| (-1.0..=1.0).contains(n)),
            "{numbers:?}"
        );
        assert!(numbers.iter().any(|n| *n < -0.5) && numbers.iter().any(|n| *n > 0.5));
    }
}

#[tokio::test]
async fn intervals_count_in_months_or_milliseconds() {
    let one = [("fields.c.min", "-14"), ("fields.c.max", "-14")];
    assert_eq!(values(SqlType::IntervalYearMonth, &one).await[0], "P-1Y-2M");
    assert_eq!(
        values(SqlType::IntervalDaySecond, &one).await[0],
        "PT-0.014S"
    );
}

#[tokio::test]
async fn texts_have_the_length_of_their_type_or_option() {
    let lengths =
        |values: Vec<String>| -> HashSet<usize> { values.iter().map(String::len).collect() };
    assert_eq!(
        lengths(values(SqlType::STRING, &[]).await),
        HashSet::from([100])
    );
    assert_eq!(
        lengths(values(SqlType::Char(5), &[]).await),
        HashSet::from([5])
    );
    assert_eq!(
        lengths(values(SqlType::Varchar(7), &[]).await),
        HashSet::from([7])
    );
    let short = [("fields.c.length", "3")];
    assert_eq!(
        lengths(values(SqlType::Varchar(7), &short).await),
        HashSet::from([3])
    );
    let varying = [("fields.c.length", "3"), ("fields.c.var-len", "true")];
    assert_eq!(
        lengths(values(SqlType::STRING, &varying).await),
        HashSet::from([1, 2, 3])
    );
    let empty = [("fields.c.length", "0"), ("fields.c.var-len", "true")];
    assert_eq!(
        lengths(values(SqlType::STRING, &empty).await),
        HashSet::from([0])
    );
}

#[tokio::test]
async fn nested_values_follow_the_options_of_their_elements() {
    let array = SqlType::Array(nullable(SqlType::Int));
    let options = [
        ("fields.c.length", "2"),
        ("fields.c.element.min", "4"),
        ("fields.c.element.max", "4"),
    ];
    assert_eq!(values(array, &options).await[0], "[4, 4]");
    let map = SqlType::Map(nullable(SqlType::Int), nullable(SqlType::Int));
    let options = [
        ("fields.c.key.min", "1"),
        ("fields.c.key.max", "1"),
        ("fields.c.value.min", "2"),
        ("fields.c.value.max", "2"),
    ];
    assert_eq!(
        values(map, &options).await[0],
        "{1=2}",
        "equal keys are one entry"
    );
    let multiset = SqlType::Multiset(nullable(SqlType::Int));
    let options = [
        ("fields.c.length", "5"),
        ("fields.c.element.min", "7"),
        ("fields.c.element.max", "7"),
    ];
    assert_eq!(
        values(multiset, &options).await[0],
        "{7=5}",
        "equal elements are counted"
    );
    let row = SqlType::Row(vec![RowField {
        name: "x".into(),
        ty: *nullable(SqlType::Int),
        comment: None,
    }]);
    let options = [("fields.c.x.min", "3"), ("fields.c.x.max", "3")];
    assert_eq!(values(row, &options).await[0], "+I[3]");
}

#[tokio::test]
async fn the_null_rate_is_kept_and_leaves_the_other_values_as_they_are() {
    let all = values(SqlType::Int, &[("fields.c.null-rate", "1")]).await;
    assert!(all.iter().all(|value| value == "null"));
    let some = values(SqlType::Int, &[("fields.c.null-rate", "0.5")]).await;
    let nulls = some.iter().filter(|value| *value == "null").count();
    assert!((30..70).contains(&nulls), "{nulls} of 100");
    let none: HashSet<String> = values(SqlType::Int, &[]).await.into_iter().collect();
    assert!(
        some.iter()
            .all(|value| value == "null" || none.contains(value))
    );
}

#[tokio::test]
async fn times_lie_at_most_max_past_ago_in_steps_of_the_precision() {
    let table = one(
        SqlType::Timestamp(0),
        &[("number-of-rows", "100"), ("fields.c.max-past", "10 s")],
    );
    let mut context = source_context(&table, 1, 1000);
    // The clock stands at this time; the test's source has nothing to wait for at this rate.
    let (clock, shared) = manual_clock(1_600_000_000_500);
    context.clock = shared;
    let source = Datagen.create(&table, &context).unwrap();
    let mut reader = reader(source.as_ref(), 0).await;
    rows_of(reader.fetch().await.unwrap());
    clock.set(1_600_000_001_500);
    let rows = rows_of(reader.fetch().await.unwrap());
    assert!(rows.len() > 90);
    let seconds: HashSet<&str> = rows.iter().map(|row| &row[..17]).collect();
    assert!(
        seconds
            .iter()
            .all(|minute| minute.starts_with("2020-09-13T12:26:")),
        "{seconds:?}"
    );
    assert!(
        rows.iter()
            .all(|row| row.as_str() >= "2020-09-13T12:26:31" && row.len() == 19),
        "{rows:?}"
    );
}

#[tokio::test]
async fn with_a_seed_time_goes_on_with_the_rows() {
    let options = [
        ("rows-per-second", "2000"),
        ("number-of-rows", "4"),
        ("seed", "1"),
    ];
    let table = table("t", &[("c", SqlType::Timestamp(3))], &options);
    let reading = conformance(&Datagen, &table).await;
    assert_eq!(
        reading.splits["rows-0"],
        [
            "2020-01-01T00:00",
            "2020-01-01T00:00",
            "2020-01-01T00:00:00.001",
            "2020-01-01T00:00:00.001"
        ]
    );
}

async fn reader(source: &dyn Source, subtask: usize) -> Box<dyn SourceReader> {
    let found = source.enumerator(&[]).unwrap().discover().await.unwrap();
    let mut reader = source.reader().unwrap();
    reader
        .assign(numbered(found).remove(subtask), None)
        .unwrap();
    reader
}

fn rows_of(fetch: Fetch) -> Vec<String> {
    match fetch {
        Fetch::Rows { rows, .. } => crate::testing::lines(&rows),
        other => panic!("no rows: {other:?}"),
    }
}

/// Rows that can be had without waiting.
async fn due(reader: &mut dyn SourceReader) -> usize {
    let mut rows = 0;
    let none = Duration::from_millis(1);
    while let Ok(fetch) = tokio::time::timeout(none, reader.fetch()).await {
        rows += rows_of(fetch.unwrap()).len();
    }
    rows
}

#[tokio::test(start_paused = true)]
async fn the_rate_holds_for_all_subtasks_together() {
    let table = table("t", &[("c", SqlType::Int)], &[("rows-per-second", "10")]);
    let mut context = source_context(&table, 2, 1000);
    let (clock, shared) = manual_clock(0);
    context.clock = shared;
    let source = Datagen.create(&table, &context).unwrap();
    assert!(!source.is_bounded());
    let (mut first, mut second) = (
        reader(source.as_ref(), 0).await,
        reader(source.as_ref(), 1).await,
    );
    assert_eq!(
        (due(first.as_mut()).await, due(second.as_mut()).await),
        (1, 0)
    );
    clock.set(1_000);
    assert_eq!(
        (due(first.as_mut()).await, due(second.as_mut()).await),
        (5, 5)
    );
    clock.set(1_100);
    assert_eq!(
        (due(first.as_mut()).await, due(second.as_mut()).await),
        (0, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_subtask_that_fell_behind_makes_up_for_a_second_only() {
    let table = table("t", &[("c", SqlType::Int)], &[("rows-per-second", "10")]);
    let mut context = source_context(&table, 1, 1000);
    let (clock, shared) = manual_clock(0);
    context.clock = shared;
    let mut reader = reader(Datagen.create(&table, &context).unwrap().as_ref(), 0).await;
    assert_eq!(due(reader.as_mut()).await, 1);
    clock.set(3_600_000);
    assert_eq!(due(reader.as_mut()).await, 11);
    clock.set(3_601_000);
    assert_eq!(due(reader.as_mut()).await, 10);
}

#[tokio::test]
async fn a_restored_table_without_a_seed_goes_on_with_the_same_sequence() {
    let table = one(SqlType::BigInt, &[("number-of-rows", "100")]);
    let source = |parallelism| {
        let context = source_context(&table, parallelism, 7);
        Datagen.create(&table, &context).unwrap()
    };
    let first = source(2);
    let found = first.enumerator(&[]).unwrap().discover().await.unwrap();
    let split = numbered(found).remove(1);
    let mut reader = first.reader().unwrap();
    reader.assign(split.clone(), None).unwrap();
    assert_eq!(reader.position(split.id), None);
    rows_of(reader.fetch().await.unwrap());
    let position = reader.position(split.id);
    let wanted = rows_of(reader.fetch().await.unwrap());
    let mut again = source(3).reader().unwrap();
    again.assign(split, position).unwrap();
    let found = rows_of(again.fetch().await.unwrap());
    let both = wanted.len().min(found.len());
    assert!(both > 0);
    assert_eq!(found[..both], wanted[..both]);
}

#[tokio::test(start_paused = true)]
async fn rows_made_before_a_restart_are_not_waited_for_again() {
    let table = table("t", &[("c", SqlType::Int)], &[("rows-per-second", "10")]);
    let mut context = source_context(&table, 1, 1000);
    let (clock, shared) = manual_clock(0);
    context.clock = shared;
    let source = Datagen.create(&table, &context).unwrap();
    let mut reader = source.reader().unwrap();
    let split = Split {
        id: SplitId(0),
        name: "rows-0".into(),
        data: "0/1@7".into(),
    };
    let position = Position("1000000".into());
    reader.assign(split, Some(position)).unwrap();
    assert_eq!(due(reader.as_mut()).await, 1);
    clock.set(1_000);
    assert_eq!(due(reader.as_mut()).await, 10);
    assert_eq!(
        reader.position(SplitId(0)),
        Some(Position("1000011".into()))
    );
}

#[test]
fn a_position_or_split_of_something_else_is_refused() {
    let table = one(SqlType::Int, &[]);
    let source = Datagen
        .create(&table, &source_context(&table, 2, 1))
        .unwrap();
    let assign = |data: &str, position: &str| {
        let split = Split {
            id: SplitId(0),
            name: "rows".into(),
            data: data.into(),
        };
        let mut reader = source.reader().unwrap();
        reader.assign(split, Some(Position(position.into())))
    };
    assign("1/2@5", "7").unwrap();
    for position in ["", "x", "-1", "0", "8", "18446744073709551616"] {
        let error = assign("1/2@5", position).unwrap_err();
        assert_eq!(error.code(), Code::CheckpointDamaged, "{position}");
    }
    for data in ["", "1", "2/2@5", "1/2", "0/0@1", "a/b@c"] {
        assert_eq!(assign(data, "7").unwrap_err().code(), Code::Internal);
    }
}

#[tokio::test]
async fn no_rows_is_a_number_of_rows() {
    let table = one(SqlType::Int, &[("number-of-rows", "0")]);
    assert_eq!(conformance(&Datagen, &table).await.rows().len(), 0);
}

#[test]
fn wrong_values_are_refused_with_their_option() {
    let sequence = [("fields.c.kind", "sequence")];
    type Case<'a> = (SqlType, &'a [(&'a str, &'a str)], &'a str);
    let cases: [Case<'_>; 17] = [
        (SqlType::Int, &[("rows-per-second", "0")], "rows-per-second"),
        (SqlType::Int, &[("number-of-rows", "-1")], "number-of-rows"),
        (SqlType::Int, &[("seed", "x")], "seed"),
        (SqlType::Int, &[("fields.c.kind", "rnd")], "fields.c.kind"),
        (SqlType::Int, &[("fields.c.min", "x")], "fields.c.min"),
        (SqlType::TinyInt, &[("fields.c.max", "128")], "fields.c.max"),
        (
            SqlType::Int,
            &[("fields.c.min", "2"), ("fields.c.max", "1")],
            "fields.c.max",
        ),
        (SqlType::Double, &[("fields.c.max", "inf")], "fields.c.max"),
        (SqlType::Float, &[("fields.c.max", "1e39")], "fields.c.max"),
        (
            SqlType::Decimal {
                precision: 3,
                scale: 1,
            },
            &[("fields.c.max", "100")],
            "fields.c.max",
        ),
        (
            SqlType::Varchar(5),
            &[("fields.c.length", "6")],
            "fields.c.length",
        ),
        (
            SqlType::STRING,
            &[("fields.c.length", "2000000000")],
            "fields.c.length",
        ),
        (
            SqlType::Int,
            &[("fields.c.null-rate", "1.5")],
            "fields.c.null-rate",
        ),
        (
            SqlType::Int,
            &[("fields.c.null-rate", "NaN")],
            "fields.c.null-rate",
        ),
        (
            SqlType::Timestamp(3),
            &[("fields.c.max-past", "long")],
            "fields.c.max-past",
        ),
        (SqlType::Int, &sequence, "fields.c.start"),
        (
            SqlType::TinyInt,
            &[
                ("fields.c.kind", "sequence"),
                ("fields.c.start", "1"),
                ("fields.c.end", "200"),
            ],
            "fields.c.end",
        ),
    ];
    for (ty, options, key) in cases {
        let error = refused(ty, options);
        assert_eq!(error.code(), Code::InvalidOption, "{error}");
        assert!(
            error.message().contains(&format!("'{key}'")),
            "{key}: {error}"
        );
    }
}

#[test]
fn an_option_that_means_nothing_for_its_column_is_refused() {
    let cases = [
        (SqlType::Boolean, "fields.c.min", None),
        (
            SqlType::Int,
            "fields.b.min",
            Some("did you mean 'fields.c.min'?"),
        ),
        (
            SqlType::Int,
            "fields.c.minn",
            Some("did you mean 'fields.c.min'?"),
        ),
        (SqlType::Char(3), "fields.c.length", None),
    ];
    for (ty, key, hint) in cases {
        let error = refused(ty, &[(key, "1")]);
        assert_eq!(error.code(), Code::UnknownOption, "{error}");
        assert!(error.message().contains(key), "{error}");
        if hint.is_some() {
            assert_eq!(error.hint_text(), hint);
        }
    }
}

#[test]
fn huge_rows_and_uncountable_sequences_are_refused() {
    let strings = SqlType::Array(nullable(SqlType::STRING));
    let error = refused(strings, &[("fields.c.length", "10000000")]);
    assert_eq!(error.code(), Code::InvalidOption);
    assert!(error.message().contains("bytes"), "{error}");
    let sequence = [
        ("fields.c.kind", "sequence"),
        ("fields.c.start", "1"),
        ("fields.c.end", "2"),
    ];
    for ty in [
        SqlType::Date,
        SqlType::Boolean,
        SqlType::Array(nullable(SqlType::Int)),
    ] {
        assert_eq!(refused(ty, &sequence).code(), Code::InvalidOption);
    }
}
