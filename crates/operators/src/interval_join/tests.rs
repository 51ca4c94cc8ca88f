//! Interval joins by script, and against a nested loop.

use std::collections::BTreeMap;

use arrow::datatypes::TimeUnit;
use expect_test::{Expect, expect};
use millstream_plan::{JoinSpec, pair_schema};
use millstream_sim::Script;

use super::*;

fn schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Millisecond, None);
    Arc::new(Schema::new(vec![
        Field::new("k", DataType::Utf8, true),
        Field::new("v", DataType::Int32, true),
        Field::new("ts", time, true),
    ]))
}

fn spec(kind: JoinKind, lower: i64, upper: i64) -> IntervalJoinSpec {
    IntervalJoinSpec {
        join: JoinSpec {
            kind,
            left_keys: vec![0],
            right_keys: vec![0],
            null_equals_null: false,
            condition: None,
        },
        times: Some([2, 2]),
        lower,
        upper,
    }
}

fn made(spec: &IntervalJoinSpec) -> IntervalJoin {
    let output = pair_schema(&schema(), &schema());
    let context = OperatorContext {
        node: "test".into(),
        batch_rows: 4,
        key_groups: 128,
        subtask: 0,
        parallelism: 1,
    };
    IntervalJoin::new(spec, [&schema(), &schema()], &output, &context).unwrap()
}

fn check(spec: &IntervalJoinSpec, script: &str, wanted: &Expect) {
    for batch_rows in [1, 100] {
        let mut join = made(spec);
        let out = Script::new(schema())
            .batch_rows(batch_rows)
            .run(&mut join, script);
        wanted.assert_eq(&out);
    }
}

/// left.ts - right.ts is from -5 to 10 ms.
const STORY: &str = "
    port 0
    row a 1 10ms
    row b 1 10ms
    port 1
    row a 2 16ms
    row a 3 15ms
    row a 4 0ms
    row a 5 -1ms
    mark 9ms
    port 0
    row a 6 12ms
    row null 7 20ms
    mark 14ms
    mark 15ms
    port 1
    row c 8 12ms
    end
";

#[test]
fn pairs_are_near_in_time_and_the_rest_is_padded_when_it_cannot_be_paired_any_more() {
    check(
        &spec(JoinKind::Full, -5, 10),
        STORY,
        &expect![[r#"
            +I a 1 10ms a 3 15ms
            +I a 1 10ms a 4 0s
            +I null null null a 5 -1ms
            mark -1ms
            +I a 6 12ms a 2 16ms
            +I a 6 12ms a 3 15ms
            +I null 7 20ms null null null
            mark 4ms
            +I b 1 10ms null null null
            mark 5ms
            +I null null null c 8 12ms
            mark end
        "#]],
    );
}

#[test]
fn an_inner_join_puts_out_pairs_only() {
    check(
        &spec(JoinKind::Inner, -5, 10),
        STORY,
        &expect![[r#"
            +I a 1 10ms a 3 15ms
            +I a 1 10ms a 4 0s
            mark -1ms
            +I a 6 12ms a 2 16ms
            +I a 6 12ms a 3 15ms
            mark 4ms
            mark 5ms
            mark end
        "#]],
    );
}

#[test]
fn a_late_row_meets_what_is_still_there_and_is_not_kept() {
    let mut join = made(&spec(JoinKind::Left, -5, 10));
    let script = "
        port 1
        row a 1 10ms
        mark 15ms
        port 0
        row a 2 5ms
        row a 3 10ms
        row a 4 11ms
        row a 5 4ms
    ";
    let out = Script::new(schema()).run(&mut join, script);
    expect![[r#"
        mark 5ms
        +I a 2 5ms a 1 10ms
        +I a 3 10ms a 1 10ms
        +I a 4 11ms a 1 10ms
        +I a 5 4ms null null null
    "#]]
    .assert_eq(&out);
    // Of the left rows only the one of 11 ms can still have a partner.
    assert!(join.waits[0].first() == Some((11, 0)));
    let out = Script::new(schema()).run(&mut join, "mark 16ms\nmark 30ms");
    assert_eq!(out, "mark 6ms\nmark 20ms\n");
    assert!(join.keys.is_empty() && join.waits[0].first().is_none());
}

#[test]
fn with_processing_time_rows_are_near_that_arrive_near() {
    let spec = IntervalJoinSpec {
        times: None,
        ..spec(JoinKind::Full, -1000, 2000)
    };
    check(
        &spec,
        "
        time 10s
        port 0
        row a 1 0ms
        row a 1 0ms
        time 11s
        port 1
        row a 2 0ms
        time 12s
        row b 3 0ms
        row a 4 0ms
        time 13s
        port 0
        row a 5 0ms
        mark 1s
        time 14s
        time 15s
        end
        ",
        &expect![[r#"
            +I a 1 0s a 2 0s
            +I a 1 0s a 2 0s
            +I a 5 0s a 2 0s
            +I a 5 0s a 4 0s
            mark 1s
            +I null null null b 3 0s
            mark end
        "#]],
    );
}

#[test]
fn equal_rows_count_as_often_as_they_came() {
    check(
        &spec(JoinKind::Left, 0, 0),
        "
        port 0
        row a 1 5ms
        row a 1 5ms
        row b 1 5ms
        row b 1 5ms
        port 1
        row a 2 5ms
        row a 2 5ms
        mark 5ms
        ",
        &expect![[r#"
            +I a 1 5ms a 2 5ms
            +I a 1 5ms a 2 5ms
            +I a 1 5ms a 2 5ms
            +I a 1 5ms a 2 5ms
            +I b 1 5ms null null null
            +I b 1 5ms null null null
            mark 5ms
        "#]],
    );
}

type Row = (Option<u8>, i32, i64);

fn nested_loop(spec: &IntervalJoinSpec, left: &[Row], right: &[Row]) -> Vec<String> {
    let text = |(k, v, t): Row| match k {
        Some(k) => format!("{k} {v} {}", millstream_sim::values::millis_text(t)),
        None => format!("null {v} {}", millstream_sim::values::millis_text(t)),
    };
    let near = |l: Row, r: Row| {
        l.0.is_some() && l.0 == r.0 && (spec.lower..=spec.upper).contains(&(l.2 - r.2))
    };
    let mut found = Vec::new();
    let kind = spec.join.kind;
    for &l in left {
        let partners: Vec<Row> = right.iter().copied().filter(|r| near(l, *r)).collect();
        found.extend(
            partners
                .iter()
                .map(|r| format!("+I {} {}", text(l), text(*r))),
        );
        if partners.is_empty() && matches!(kind, JoinKind::Left | JoinKind::Full) {
            found.push(format!("+I {} null null null", text(l)));
        }
    }
    if matches!(kind, JoinKind::Right | JoinKind::Full) {
        let alone = right.iter().filter(|r| !left.iter().any(|l| near(*l, **r)));
        found.extend(alone.map(|r| format!("+I null null null {}", text(*r))));
    }
    found.sort();
    found
}

#[test]
fn without_late_rows_the_result_is_that_of_a_nested_loop() {
    use JoinKind::{Full, Inner, Left, Right};
    for seed in 1u64..80 {
        let mut random = seed;
        let mut next = |bound: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            ((random >> 33) % bound) as i64
        };
        let kind = [Inner, Left, Right, Full][next(4) as usize];
        let lower = next(30) - 15;
        let spec = spec(kind, lower, lower + next(20));
        let mut rows: [Vec<Row>; 2] = Default::default();
        let (mut script, mut mark) = (String::new(), 0);
        for _ in 0..200 {
            if next(8) == 0 {
                mark += next(12);
                script += &format!("mark {mark}ms\n");
            }
            let port = next(2) as usize;
            let key = Some(next(4) as u8).filter(|key| *key < 3);
            let row = (key, next(3) as i32, mark + 1 + next(20));
            rows[port].push(row);
            let key = key.map_or("null".to_string(), |key| key.to_string());
            script += &format!("port {port}\nrow {key} {} {}ms\n", row.1, row.2);
        }
        script += "end";
        let mut join = made(&spec);
        let out = Script::new(schema())
            .batch_rows(1 + next(9) as usize)
            .run(&mut join, &script);
        let mut found: Vec<String> = Vec::new();
        let mut passed = i64::MIN;
        let mut times: BTreeMap<String, i64> = BTreeMap::new();
        for t in -1000..1000 {
            times.insert(millstream_sim::values::millis_text(t), t);
        }
        for line in out.lines() {
            if let Some(mark) = line.strip_prefix("mark ") {
                passed = times.get(mark).copied().unwrap_or(i64::MAX);
                continue;
            }
            // No time of a result is behind the watermark that was passed on.
            let words = line.split(' ');
            assert!(
                words.filter_map(|w| times.get(w)).all(|t| *t > passed),
                "{line} {passed}"
            );
            found.push(line.to_string());
        }
        found.sort();
        assert_eq!(
            found,
            nested_loop(&spec, &rows[0], &rows[1]),
            "{spec:?} {seed}"
        );
        assert!(join.keys.is_empty());
    }
}
