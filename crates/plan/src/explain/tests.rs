//! EXPLAIN of hand-made graphs and expressions.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, IntervalMonthDayNano, Schema, SchemaRef, TimeUnit};
use datafusion_common::ScalarValue;
use datafusion_expr::{Expr, col, lit};
use expect_test::{Expect, expect};
use millstream_core::connector::SinkAccepts;
use millstream_core::options::Options;
use millstream_core::table::TableSpec;

use super::*;
use crate::changelog::ChangelogMode;
use crate::graph::{Exchange, Input, NodeOutput};
use crate::settings::JobSettings;
use crate::spec::*;

fn schema(columns: &[&str]) -> SchemaRef {
    let field = |name: &&str| {
        let ty = match *name {
            "t" | "window_end" => DataType::Timestamp(TimeUnit::Millisecond, None),
            _ => DataType::Int64,
        };
        Field::new(*name, ty, true)
    };
    let fields: Vec<Field> = columns.iter().map(field).collect();
    Arc::new(Schema::new(fields))
}

fn table(name: &str, columns: &[&str], key: &[&str]) -> TableSpec {
    TableSpec {
        name: name.into(),
        schema: schema(columns),
        metadata: vec![],
        primary_key: key.iter().map(|name| name.to_string()).collect(),
        partition_keys: vec![],
        options: Options::default(),
    }
}

fn input(from: NodeId, output: OutputKind, exchange: Exchange) -> Input {
    Input {
        from,
        output,
        exchange,
    }
}

fn empty() -> JobGraph {
    JobGraph {
        name: "insert into out".into(),
        nodes: vec![],
        key_groups: 128,
        mode: RuntimeMode::Streaming,
        batch_rows: 8192,
        settings: JobSettings::default(),
    }
}

fn output(columns: &[&str], parallelism: u32) -> NodeOutput {
    NodeOutput {
        schema: schema(columns),
        parallelism,
        changelog: ChangelogMode::INSERT_ONLY,
        upsert_key: None,
    }
}

fn count(name: &str, distinct: bool) -> AggregateCall {
    AggregateCall {
        function: AggregateFunction::Count,
        args: if distinct { vec![1] } else { vec![] },
        distinct,
        filter: distinct.then_some(2),
        field: Arc::new(Field::new(name, DataType::Int64, true)),
    }
}

fn sink(name: &str, accepts: SinkAccepts, key: &[&str], not_null: Vec<usize>) -> NodeKind {
    NodeKind::Sink(Box::new(SinkSpec {
        target: SinkTarget::Table {
            table: table(name, &["k", "n"], key),
            connector: "blackhole".into(),
            accepts,
        },
        not_null,
    }))
}

fn source(graph: &mut JobGraph) -> NodeId {
    let spec = SourceSpec {
        table: table("bid", &["k", "t", "price", "extra"], &[]),
        connector: "nexmark".into(),
        projection: vec![0, 1, 2],
        on_error: OnError::DeadLetter,
        bounded: false,
    };
    graph.add(
        NodeKind::Source(spec),
        vec![],
        output(&["k", "t", "price"], 2),
    )
}

fn seconds(seconds: i64) -> Expr {
    lit(ScalarValue::IntervalMonthDayNano(Some(
        IntervalMonthDayNano::new(0, 0, seconds * 1_000_000_000),
    )))
}

#[test]
fn a_windowed_query_shows_its_watermark_state_and_side_outputs() {
    let mut graph = empty();
    let source = source(&mut graph);
    let forward = |from| vec![input(from, OutputKind::Main, Exchange::Forward)];
    let watermark = WatermarkSpec {
        column: 1,
        expr: col("t") - seconds(5),
        step_ms: 2_000,
        idle_timeout_ms: Some(30_000),
        max_future_ms: Some(86_400_000),
    };
    let watermark = graph.add(
        NodeKind::Watermark(watermark),
        forward(source),
        output(&["k", "t", "price"], 2),
    );
    let calc = CalcSpec {
        filter: Some(col("price").gt(lit(100_i64)).and(col("k").is_not_null())),
        projection: vec![col("k"), col("t"), col("price") * (col("k") + lit(1_i64))],
        uses_now: false,
    };
    let calc = graph.add(
        NodeKind::Calc(calc),
        forward(watermark),
        output(&["k", "t", "value"], 2),
    );
    let hop = WindowAggregateSpec {
        window: Window::Hop {
            slide: 2_000,
            size: 10_000,
            offset: 0,
        },
        time: TimeAttribute::Event { column: 1 },
        zone: None,
        keys: vec![0],
        aggregates: vec![count("n", false), count("values", true)],
        properties: vec![WindowProperty::End],
        input_updates: false,
    };
    let hop = graph.add(
        NodeKind::WindowAggregate(hop),
        vec![input(calc, OutputKind::Main, Exchange::Hash(vec![0]))],
        NodeOutput {
            upsert_key: Some(vec![0, 3]),
            ..output(&["k", "n", "values", "window_end"], 2)
        },
    );
    let late = input(hop, OutputKind::Late, Exchange::Single);
    graph.add(
        sink("late", SinkAccepts::Append, &[], vec![]),
        vec![late],
        output(&[], 1),
    );
    let bad = input(source, OutputKind::DeadLetter, Exchange::Single);
    graph.add(
        sink("letters", SinkAccepts::Append, &[], vec![]),
        vec![bad],
        output(&[], 1),
    );
    graph.add(
        sink("out", SinkAccepts::Append, &[], vec![0]),
        forward(hop),
        output(&[], 2),
    );
    expect![[r#"
        job 'insert into out': streaming mode, 7 nodes in 4 tasks, 128 key groups

        [6] Sink(out)
            connector  'blackhole', takes insertions only
            not null   k
            input      [3], in the same task
            runs       parallelism 2, task 2
        └─ [3] HopAggregate
               window     HOP(slide 2 s, size 10 s) on t
               keys       k
               computes   COUNT(*) AS n, COUNT(DISTINCT t) FILTER (WHERE value) AS values
               adds       window_end
               late rows  counted and written by [4]
               input      [2], hash by k
               changelog  [I], upsert key k, window_end
               runs       parallelism 2, task 2
               state      2 accumulators and each distinct value per key and open slice of 2 s; freed when the watermark passes the end of the last window with that slice
           └─ [2] Calc
                  computes   k, t, price * (k + 1) AS value
                  where      price > 100 AND k IS NOT NULL
                  input      [1], in the same task
                  changelog  [I]
                  runs       parallelism 2, task 1
              └─ [1] Watermark
                     watermark  t - INTERVAL '5' SECOND for t
                     passed on  when it crosses a multiple of 2 s
                     idle       after 30 s without rows
                     future     more than 1 d ahead of now is a bad row
                     input      [0], in the same task
                     changelog  [I]
                     runs       parallelism 2, task 1
                     state      1 watermark per split; freed with the split
                 └─ [0] Source(bid)
                        connector  'nexmark', unbounded
                        reads      k, t, price (3 of 4 columns)
                        bad rows   counted and written by [5]
                        changelog  [I]
                        runs       parallelism 2, task 1

        [4] Sink(late)
            connector  'blackhole', takes insertions only
            input      late rows of [3], all to one
            runs       parallelism 1, task 3
        └─ [3] HopAggregate, shown above

        [5] Sink(letters)
            connector  'blackhole', takes insertions only
            input      bad rows of [0], all to one
            runs       parallelism 1, task 4
        └─ [0] Source(bid), shown above
    "#]].assert_eq(&text(&graph));
}

#[test]
fn an_updating_query_shows_its_changes_and_that_its_state_grows() {
    let mut graph = empty();
    let source = source(&mut graph);
    let group = |input_updates, keys| {
        NodeKind::GroupAggregate(GroupAggregateSpec {
            keys,
            aggregates: vec![count("n", false)],
            emit_update_before: false,
            at_end_only: false,
            input_updates,
        })
    };
    let first = graph.add(
        group(false, vec![0]),
        vec![input(source, OutputKind::Main, Exchange::Hash(vec![0]))],
        NodeOutput {
            changelog: ChangelogMode::UPSERT,
            upsert_key: Some(vec![0]),
            ..output(&["k", "n"], 2)
        },
    );
    let total = graph.add(
        group(true, vec![]),
        vec![input(first, OutputKind::Main, Exchange::Single)],
        NodeOutput {
            changelog: ChangelogMode::UPSERT,
            upsert_key: Some(vec![]),
            ..output(&["n"], 1)
        },
    );
    let union = vec![
        input(first, OutputKind::Main, Exchange::Rebalance),
        input(total, OutputKind::Main, Exchange::Rebalance),
    ];
    let union = graph.add(NodeKind::Union, union, output(&["k", "n"], 2));
    graph.add(
        sink("out", SinkAccepts::Upsert, &["k"], vec![]),
        vec![input(union, OutputKind::Main, Exchange::Forward)],
        output(&[], 2),
    );
    expect![[r#"
        job 'insert into out': streaming mode, 5 nodes in 4 tasks, 128 key groups

        [4] Sink(out)
            connector  'blackhole', takes upserts by primary key k
            input      [3], in the same task
            runs       parallelism 2, task 4
        └─ [3] Union
               input      [1], in turn
               input      [2], in turn
               changelog  [I]
               runs       parallelism 2, task 4
           └─ [1] GroupAggregate
                  keys       k
                  computes   COUNT(*) AS n
                  input      [0], hash by k
                  changelog  [I,UA,D], upsert key k
                  runs       parallelism 2, task 2
                  state      1 accumulator per key; never freed, so it grows with the number of keys
              └─ [0] Source(bid)
                     connector  'nexmark', unbounded
                     reads      k, t, price (3 of 4 columns)
                     bad rows   counted and dropped
                     changelog  [I]
                     runs       parallelism 2, task 1
           └─ [2] GroupAggregate
                  keys       none: one group
                  computes   COUNT(*) AS n
                  input      [1], all to one
                  changelog  [I,UA,D], at most one row
                  runs       parallelism 1, task 3
                  state      1 accumulator; never freed, but there is one group only
              └─ [1] GroupAggregate, shown above
    "#]]
    .assert_eq(&text(&graph));
}

#[test]
fn a_sorted_batch_query_is_explained() {
    let mut graph = empty();
    graph.mode = RuntimeMode::Batch;
    let rows = RecordBatch::new_empty(schema(&["k", "t"]));
    let values = graph.add(
        NodeKind::Values(ValuesSpec { rows }),
        vec![],
        output(&["k", "t"], 1),
    );
    let key = |column, descending| SortKey {
        column,
        descending,
        nulls_first: !descending,
    };
    let sort = SortSpec {
        keys: vec![key(1, true), key(0, false)],
        skip: 2,
        fetch: Some(10),
    };
    let sort = graph.add(
        NodeKind::Sort(sort),
        vec![input(values, OutputKind::Main, Exchange::Single)],
        output(&["k", "t"], 1),
    );
    let collect = SinkSpec {
        target: SinkTarget::Collect,
        not_null: vec![],
    };
    graph.add(
        NodeKind::Sink(Box::new(collect)),
        vec![input(sort, OutputKind::Main, Exchange::Forward)],
        output(&["k", "t"], 1),
    );
    expect![[r#"
        job 'insert into out': batch mode, 3 nodes in 2 tasks, 128 key groups

        [2] Collect
            hands over rows to whoever runs the query
            input      [1], in the same task
            runs       parallelism 1, task 2
        └─ [1] Sort
               order      t DESC NULLS LAST, k ASC NULLS FIRST
               limit      10
               offset     2
               input      [0], all to one
               changelog  [I]
               runs       parallelism 1, task 2
               state      a few times the first 12 rows; freed at the end of the input
           └─ [0] Values
                  rows       0
                  changelog  [I]
                  runs       parallelism 1, task 1
    "#]]
    .assert_eq(&text(&graph));
}

fn check(expr: Expr, wanted: Expect) {
    wanted.assert_eq(&expression(&expr));
}

#[test]
fn expressions_are_shown_as_sql() {
    let (a, b) = (|| col("a"), || col("b"));
    check(
        (a() + b()) * lit(2_i32) - (a() - (b() - lit(1_i64))),
        expect!["(a + b) * 2 - (a - (b - 1))"],
    );
    check(
        a().eq(lit("it's"))
            .or(b().is_null())
            .and(!a().like(lit("x%"))),
        expect!["(a = 'it''s' OR b IS NULL) AND a NOT LIKE 'x%'"],
    );
    check(
        datafusion_expr::cast(a(), DataType::Decimal128(10, 2)),
        expect!["CAST(a AS DECIMAL(10, 2))"],
    );
    check(
        datafusion_expr::when(a().gt(lit(1.5)), lit(true))
            .otherwise(lit(ScalarValue::Null))
            .unwrap(),
        expect!["CASE WHEN a > 1.5 THEN TRUE ELSE NULL END"],
    );
    check(
        a().in_list(vec![lit(1), lit(2)], true),
        expect!["a NOT IN (1, 2)"],
    );
    check(a().between(lit(1), lit(2)), expect!["a BETWEEN 1 AND 2"]);
    let time = ScalarValue::TimestampMillisecond(Some(1_500), None);
    check(
        lit(time) - seconds(90),
        expect!["TIMESTAMP '1970-01-01 00:00:01.500' - INTERVAL '90' SECOND"],
    );
    check(col(NOW_COLUMN), expect!["PROCTIME()"]);
}

#[test]
fn a_long_or_deep_expression_is_cut() {
    let wide = (0..10_000).fold(lit(true), |all, i| all.or(col("a").eq(lit(i))));
    let shown = expression(&wide);
    assert!(shown.chars().count() <= 301, "{shown}");
    let many = col("a").in_list((0..100_000).map(lit).collect(), false);
    assert!(expression(&many).chars().count() <= 301);
    // Such a tree must not be dropped recursively either.
    std::mem::forget(wide);
}
