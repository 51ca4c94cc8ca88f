//! Window joins by script, and against a nested loop.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion_common::Column;
use datafusion_expr::{Expr, col};
use expect_test::{Expect, expect};
use millstream_plan::{JoinSpec, pair_schema};
use millstream_sim::Script;

use super::*;

fn schema() -> SchemaRef {
    let time = || DataType::Timestamp(TimeUnit::Millisecond, None);
    Arc::new(Schema::new(vec![
        Field::new("k", DataType::Utf8, true),
        Field::new("v", DataType::Int32, true),
        Field::new("s", time(), true),
        Field::new("e", time(), true),
    ]))
}

fn spec(kind: JoinKind) -> WindowJoinSpec {
    WindowJoinSpec {
        join: JoinSpec {
            kind,
            left_keys: vec![0, 2, 3],
            right_keys: vec![0, 2, 3],
            null_equals_null: false,
            condition: None,
        },
        ends: [3, 3],
        zone: None,
    }
}

fn made(spec: &WindowJoinSpec) -> WindowJoin {
    let output = match spec.join.kind {
        JoinKind::Semi | JoinKind::Anti => schema(),
        _ => pair_schema(&schema(), &schema()),
    };
    let context = OperatorContext {
        node: "test".into(),
        batch_rows: 4,
        key_groups: 128,
        subtask: 0,
        parallelism: 1,
    };
    WindowJoin::new(spec, [&schema(), &schema()], &output, &context).unwrap()
}

fn check(spec: &WindowJoinSpec, script: &str, wanted: &Expect) {
    for batch_rows in [1, 100] {
        let mut join = made(spec);
        let out = Script::new(schema())
            .batch_rows(batch_rows)
            .run(&mut join, script);
        wanted.assert_eq(&out);
    }
}

const STORY: &str = "
    port 0
    row a 1 0s 10s
    row b 2 0s 10s
    row a 3 10s 20s
    row null 4 0s 10s
    port 1
    row a 5 0s 10s
    row a 6 0s 10s
    row c 7 0s 10s
    row null 8 0s 10s
    mark 9998ms
    mark 9999ms
    port 0
    row a 9 0s 10s
    mark 20s
";

#[test]
fn pairs_come_when_the_window_is_over_and_later_rows_are_late() {
    check(
        &spec(JoinKind::Inner),
        STORY,
        &expect![[r#"
            mark 9998ms
            +I a 1 0s 10s a 5 0s 10s
            +I a 1 0s 10s a 6 0s 10s
            mark 9999ms
            late a 9 0s 10s
            mark 20s
        "#]],
    );
}

#[test]
fn kept_rows_without_a_partner_come_with_the_window_too() {
    check(
        &spec(JoinKind::Full),
        STORY,
        &expect![[r#"
            mark 9998ms
            +I a 1 0s 10s a 5 0s 10s
            +I a 1 0s 10s a 6 0s 10s
            +I b 2 0s 10s null null null null
            +I null 4 0s 10s null null null null
            +I null null null null null 8 0s 10s
            +I null null null null c 7 0s 10s
            mark 9999ms
            late a 9 0s 10s
            +I a 3 10s 20s null null null null
            mark 20s
        "#]],
    );
}

#[test]
fn semi_and_anti_joins_yield_left_rows() {
    check(
        &spec(JoinKind::Semi),
        STORY,
        &expect![[r#"
            mark 9998ms
            +I a 1 0s 10s
            mark 9999ms
            late a 9 0s 10s
            mark 20s
        "#]],
    );
    check(
        &spec(JoinKind::Anti),
        STORY,
        &expect![[r#"
            mark 9998ms
            +I b 2 0s 10s
            +I null 4 0s 10s
            mark 9999ms
            late a 9 0s 10s
            +I a 3 10s 20s
            mark 20s
        "#]],
    );
}

#[test]
fn windows_with_one_end_and_two_starts_are_two() {
    check(
        &spec(JoinKind::Left),
        "
        port 0
        row a 1 0s 10s
        port 1
        row a 2 5s 10s
        end
        ",
        &expect![[r#"
            +I a 1 0s 10s null null null null
            mark end
        "#]],
    );
}

#[test]
fn a_row_without_a_window_has_no_partner() {
    check(
        &spec(JoinKind::Left),
        "
        port 1
        row a 2 null null
        port 0
        row a 1 null null
        row a 3 0s 1s
        mark 1s
        ",
        &expect![[r#"
            +I a 1 null null null null null null
            +I a 3 0s 1s null null null null
            mark 1s
        "#]],
    );
}

fn less() -> Expr {
    // The columns of a pair are k, v, s, e, k0, v0, s0, e0.
    col("v").lt(Expr::Column(Column::new_unqualified("v0")))
}

fn nested_loop(kind: JoinKind, left: &[(u8, i32, i64)], right: &[(u8, i32, i64)]) -> Vec<String> {
    let text = |(k, v, w): (u8, i32, i64)| format!("{k} {v} {w}0s {}0s", w + 1);
    let text = |row| text(row).replace(" 00s", " 0s");
    let meets = |l: (u8, i32, i64), r: (u8, i32, i64)| (l.0, l.2) == (r.0, r.2) && l.1 < r.1;
    let mut found = Vec::new();
    for &l in left {
        let partners: Vec<_> = right.iter().filter(|r| meets(l, **r)).collect();
        let alone = || format!("+I {} null null null null", text(l));
        match (kind, partners.is_empty()) {
            (JoinKind::Semi, false) | (JoinKind::Anti, true) => {
                found.push(format!("+I {}", text(l)))
            }
            (JoinKind::Semi | JoinKind::Anti, _) => {}
            (JoinKind::Left | JoinKind::Full, true) => found.push(alone()),
            _ => found.extend(
                partners
                    .iter()
                    .map(|r| format!("+I {} {}", text(l), text(**r))),
            ),
        }
    }
    if matches!(kind, JoinKind::Right | JoinKind::Full) {
        let alone = right
            .iter()
            .filter(|r| !left.iter().any(|l| meets(*l, **r)));
        found.extend(alone.map(|r| format!("+I null null null null {}", text(*r))));
    }
    found.sort();
    found
}

#[test]
fn without_late_rows_the_result_is_that_of_a_nested_loop() {
    use JoinKind::{Anti, Full, Inner, Left, Right, Semi};
    for seed in 1u64..60 {
        let mut random = seed;
        let mut next = |bound: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            ((random >> 33) % bound) as i64
        };
        let kind = [Inner, Left, Right, Full, Semi, Anti][next(6) as usize];
        let mut tables: [Vec<(u8, i32, i64)>; 2] = Default::default();
        let (mut script, mut window) = (String::new(), 0);
        for _ in 0..200 {
            if next(20) == 0 && window < 7 {
                window += 1;
                script += &format!("mark {window}0s\n");
            }
            let port = next(2) as usize;
            let row = (next(4) as u8, next(4) as i32, window + next(3));
            tables[port].push(row);
            let (k, v, w) = row;
            script += &format!("port {port}\nrow {k} {v} {w}0s {}0s\n", w + 1);
        }
        let mut spec = spec(kind);
        spec.join.condition = Some(less());
        let mut join = made(&spec);
        let out = Script::new(schema())
            .batch_rows(1 + next(9) as usize)
            .run(&mut join, &(script + "end"));
        let mut found: Vec<String> = out
            .lines()
            .filter(|line| !line.starts_with("mark"))
            .map(String::from)
            .collect();
        found.sort();
        assert_eq!(
            found,
            nested_loop(kind, &tables[0], &tables[1]),
            "{kind:?} {seed}"
        );
        assert!(join.windows.is_empty());
    }
}
