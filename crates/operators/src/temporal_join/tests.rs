//! Temporal joins by script, and against a search in all versions.

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

fn made(kind: JoinKind) -> TemporalJoin {
    let spec = TemporalJoinSpec {
        join: JoinSpec {
            kind,
            left_keys: vec![0],
            right_keys: vec![0],
            null_equals_null: false,
            condition: None,
        },
        times: [2, 2],
        only_newer: false,
    };
    let output = pair_schema(&schema(), &schema());
    let context = OperatorContext {
        node: "test".into(),
        batch_rows: 4,
        key_groups: 128,
        subtask: 0,
        parallelism: 1,
    };
    TemporalJoin::new(&spec, [&schema(), &schema()], &output, &context).unwrap()
}

fn check(kind: JoinKind, script: &str, wanted: &Expect) {
    for batch_rows in [1, 100] {
        let mut join = made(kind);
        let out = Script::new(schema())
            .batch_rows(batch_rows)
            .run(&mut join, script);
        wanted.assert_eq(&out);
    }
}

const STORY: &str = "
    port 1
    row eur 110 1s
    port 0
    row eur 1 12s
    row eur 2 5s
    row usd 3 5s
    row null 4 5s
    port 1
    row usd 100 6s
    -U eur 110 1s
    +U eur 114 9s
    mark 5s
    port 0
    row eur 5 5s
    row eur 6 25s
    port 1
    -D eur 114 20s
    mark 30s
";

#[test]
fn a_row_meets_the_version_of_its_time_when_the_watermark_passes() {
    check(
        JoinKind::Left,
        STORY,
        &expect![[r#"
            +I eur 2 5s eur 110 1s
            +I usd 3 5s null null null
            +I null 4 5s null null null
            mark 5s
            late eur 5 5s
            +I eur 1 12s eur 114 9s
            +I eur 6 25s null null null
            mark 30s
        "#]],
    );
    check(
        JoinKind::Inner,
        STORY,
        &expect![[r#"
            +I eur 2 5s eur 110 1s
            mark 5s
            late eur 5 5s
            +I eur 1 12s eur 114 9s
            mark 30s
        "#]],
    );
}

#[test]
fn left_rows_keep_their_kinds() {
    check(
        JoinKind::Inner,
        "
        port 1
        row a 1 1s
        port 0
        row a 7 2s
        -U a 7 2s
        +U a 8 3s
        end
        ",
        &expect![[r#"
            +I a 7 2s a 1 1s
            -U a 7 2s a 1 1s
            +U a 8 3s a 1 1s
            mark end
        "#]],
    );
}

#[test]
fn versions_that_nobody_can_ask_for_are_freed() {
    let mut join = made(JoinKind::Inner);
    let mut script = String::from("port 1\n");
    for second in 1..100 {
        script +=
            &format!("row a 1 {second}s\nrow b{second} 1 {second}s\n+U b{second} 2 {second}s\n");
        script += &format!("-D b{second} 2 {}s\nmark {second}s\n", second + 1);
    }
    Script::new(schema()).run(&mut join, &(script + "mark 200s"));
    let left = join.keys.ids();
    assert_eq!(left.len(), 1);
    assert_eq!(join.sides[RIGHT].rows.slots(left[0]).count(), 1);
    assert!(join.sides[RIGHT].rows.slot_bound() < 10);
}

#[test]
fn the_valid_version_is_the_last_one_that_began_before() {
    for seed in 1u64..60 {
        let mut random = seed;
        let mut next = |bound: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            ((random >> 33) % bound) as i64
        };
        let (mut script, mut mark) = (String::new(), 0);
        let mut rows: [Vec<(i64, i64, i64, bool)>; 2] = Default::default();
        for number in 0..200 {
            if next(8) == 0 {
                mark += next(9);
                script += &format!("mark {mark}s\n");
            }
            let port = next(2) as usize;
            let (key, time) = (next(4), mark + 1 + next(15));
            let is_end = port == 1 && next(5) == 0;
            rows[port].push((key, number, time, is_end));
            let kind = if is_end { "-D" } else { "+I" };
            script += &format!("port {port}\n{kind} k{key} {number} {time}s\n");
        }
        let mut wanted: Vec<String> = Vec::new();
        for &(key, number, time, _) in &rows[0] {
            let of_key = rows[1].iter().filter(|r| r.0 == key && r.2 <= time);
            // Of equal times the last one counts, as `max_by_key` has it.
            let last = of_key.max_by_key(|r| r.2).filter(|r| !r.3);
            wanted.push(match last {
                Some((_, v, t, _)) => format!("+I k{key} {number} {time}s k{key} {v} {t}s"),
                None => format!("+I k{key} {number} {time}s null null null"),
            });
        }
        wanted.sort();
        let out = Script::new(schema())
            .batch_rows(1 + next(9) as usize)
            .run(&mut made(JoinKind::Left), &(script + "end"));
        let mut found: Vec<&str> = out.lines().filter(|l| l.starts_with('+')).collect();
        found.sort_unstable();
        assert_eq!(found, wanted, "{seed}");
    }
}
