//! Joins by script, and against a nested loop over what is there at the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion_common::Column;
use datafusion_expr::{Expr, col};
use expect_test::{Expect, expect};
use millstream_plan::pair_schema;
use millstream_sim::Script;

use super::*;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("k", DataType::Utf8, true),
        Field::new("v", DataType::Int32, true),
    ]))
}

fn spec(kind: JoinKind) -> JoinSpec {
    JoinSpec {
        kind,
        left_keys: vec![0],
        right_keys: vec![0],
        null_equals_null: false,
        condition: None,
    }
}

fn made(spec: &JoinSpec) -> Join {
    let output = match spec.kind {
        JoinKind::Semi | JoinKind::Anti => schema(),
        JoinKind::Mark => {
            let mark = Field::new("mark", DataType::Boolean, false);
            let fields = schema()
                .fields()
                .iter()
                .map(|f| f.as_ref().clone())
                .collect::<Vec<_>>();
            Arc::new(Schema::new([fields, vec![mark]].concat()))
        }
        _ => pair_schema(&schema(), &schema()),
    };
    let context = OperatorContext {
        node: "test".into(),
        batch_rows: 4,
        key_groups: 128,
        subtask: 0,
        parallelism: 1,
    };
    Join::new(spec, [&schema(), &schema()], &output, &context).unwrap()
}

fn check(spec: &JoinSpec, script: &str, wanted: &Expect) {
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
    row a 1
    row b 2
    port 1
    row a 10
    row a 11
    row c 30
    port 0
    row a 3
    row null 4
    port 1
    row null 40
    -D a 10
    -D a 11
    port 0
    -U b 2
    +U b 5
    -D a 1
";

#[test]
fn an_inner_join_passes_kinds_on() {
    check(
        &spec(JoinKind::Inner),
        STORY,
        &expect![[r#"
            +I a 1 a 10
            +I a 1 a 11
            +I a 3 a 10
            +I a 3 a 11
            -D a 1 a 10
            -D a 3 a 10
            -D a 1 a 11
            -D a 3 a 11
        "#]],
    );
}

#[test]
fn a_left_join_takes_the_padded_row_back_and_gives_it_again() {
    check(
        &spec(JoinKind::Left),
        STORY,
        &expect![[r#"
            +I a 1 null null
            +I b 2 null null
            -D a 1 null null
            +I a 1 a 10
            +I a 1 a 11
            +I a 3 a 10
            +I a 3 a 11
            +I null 4 null null
            -D a 1 a 10
            -D a 3 a 10
            -D a 1 a 11
            +I a 1 null null
            -D a 3 a 11
            +I a 3 null null
            -U b 2 null null
            +U b 5 null null
            -D a 1 null null
        "#]],
    );
}

#[test]
fn a_full_join_keeps_both_sides() {
    check(
        &spec(JoinKind::Full),
        "
        port 0
        row a 1
        port 1
        row b 2
        row a 3
        row null 9
        port 0
        row b 4
        -D b 4
        -D a 1
        ",
        &expect![[r#"
            +I a 1 null null
            +I null null b 2
            -D a 1 null null
            +I a 1 a 3
            +I null null null 9
            -D null null b 2
            +I b 4 b 2
            -D b 4 b 2
            +I null null b 2
            -D a 1 a 3
            +I null null a 3
        "#]],
    );
}

#[test]
fn semi_and_anti_joins_put_each_left_row_out_once() {
    check(
        &spec(JoinKind::Semi),
        STORY,
        &expect![[r#"
            +I a 1
            +I a 3
            -D a 1
            -D a 3
        "#]],
    );
    check(
        &spec(JoinKind::Anti),
        STORY,
        &expect![[r#"
            +I a 1
            +I b 2
            -D a 1
            +I null 4
            +I a 1
            +I a 3
            -U b 2
            +U b 5
            -D a 1
        "#]],
    );
}

#[test]
fn a_mark_join_says_of_each_left_row_whether_it_has_a_partner() {
    check(
        &spec(JoinKind::Mark),
        STORY,
        &expect![[r#"
            +I a 1 false
            +I b 2 false
            -D a 1 false
            +I a 1 true
            +I a 3 true
            +I null 4 false
            -D a 1 true
            +I a 1 false
            -D a 3 true
            +I a 3 false
            -U b 2 false
            +U b 5 false
            -D a 1 false
        "#]],
    );
}

#[test]
fn equal_rows_count_as_often_as_they_came() {
    check(
        &spec(JoinKind::Left),
        "
        port 0
        row a 1
        row a 1
        port 1
        row a 2
        row a 2
        -D a 2
        port 0
        -D a 1
        port 1
        -D a 2
        ",
        &expect![[r#"
            +I a 1 null null
            +I a 1 null null
            -D a 1 null null
            -D a 1 null null
            +I a 1 a 2
            +I a 1 a 2
            +I a 1 a 2
            +I a 1 a 2
            -D a 1 a 2
            -D a 1 a 2
            -D a 1 a 2
            -D a 1 a 2
            +I a 1 null null
        "#]],
    );
}

fn less() -> Expr {
    // The columns of a pair are k, v, k0, v0.
    let right = Expr::Column(Column::new_unqualified("v0"));
    col("v").lt(right)
}

#[test]
fn only_pairs_that_meet_the_condition_are_partners() {
    let spec = JoinSpec {
        condition: Some(less()),
        ..spec(JoinKind::Left)
    };
    check(
        &spec,
        "
        port 0
        row a 5
        port 1
        row a 4
        row a 6
        row a null
        -D a 6
        ",
        &expect![[r#"
            +I a 5 null null
            -D a 5 null null
            +I a 5 a 6
            -D a 5 a 6
            +I a 5 null null
        "#]],
    );
}

#[test]
fn without_keys_every_pair_is_judged() {
    let spec = JoinSpec {
        left_keys: vec![],
        right_keys: vec![],
        condition: Some(less()),
        ..spec(JoinKind::Anti)
    };
    check(
        &spec,
        "
        port 0
        row a 5
        row b 7
        port 1
        row c 6
        ",
        &expect![[r#"
            +I a 5
            +I b 7
            -D a 5
        "#]],
    );
}

#[test]
fn null_may_equal_null() {
    let spec = JoinSpec {
        null_equals_null: true,
        ..spec(JoinKind::Semi)
    };
    check(
        &spec,
        "
        port 0
        row null 5
        port 1
        row null 6
        ",
        &expect![[r#"
            +I null 5
        "#]],
    );
}

#[test]
fn a_row_that_goes_and_never_came_is_counted_and_changes_nothing() {
    let mut join = made(&spec(JoinKind::Full));
    let script = "port 0\n row a 1\n -D a 2\n -D b 1\n -D null 1\n port 1\n -D a 1";
    let mut unseen = 0;
    let mut rows = 0;
    for event in Script::new(schema()).events(script) {
        let millstream_sim::Event::Rows(port, batch) = event else {
            continue;
        };
        let mut out = Output::new(0);
        join.on_rows(port, batch, &mut out).unwrap();
        unseen += out.take_unseen();
        rows += out.take().len();
    }
    // The row with NULL is not stored, so nobody can tell whether it came.
    assert_eq!((unseen, rows), (3, 1));
}

#[test]
fn keys_without_rows_give_their_numbers_back() {
    let mut join = made(&spec(JoinKind::Full));
    let mut script = String::new();
    for key in 0..100 {
        script += &format!("port 0\nrow k{key} 1\nport 1\nrow k{key} 1\nrow null 1\n");
        script += &format!("port 0\n-D k{key} 1\nport 1\n-D k{key} 1\n");
    }
    Script::new(schema()).run(&mut join, &script);
    assert!(join.keys.is_empty());
    assert!(join.keys.id_bound() < 4, "{}", join.keys.id_bound());
}

type Table = BTreeMap<(Option<u8>, u8), i32>;

/// What a join of two tables is.
fn nested_loop(kind: JoinKind, left: &Table, right: &Table) -> BTreeMap<String, i32> {
    let text = |(k, v): (Option<u8>, u8)| match k {
        Some(k) => format!("{k} {v}"),
        None => format!("null {v}"),
    };
    let meets = |l: (Option<u8>, u8), r: (Option<u8>, u8)| l.0.is_some() && l.0 == r.0 && l.1 < r.1;
    let mut found: BTreeMap<String, i32> = BTreeMap::new();
    let mut add = |row: String, times: i32| *found.entry(row).or_default() += times;
    let is_pair = !matches!(kind, JoinKind::Semi | JoinKind::Anti | JoinKind::Mark);
    for (&l, &times) in left {
        let mut partners = 0;
        for (&r, &theirs) in right.iter().filter(|(r, _)| meets(l, **r)) {
            partners += theirs;
            if is_pair {
                add(format!("{} {}", text(l), text(r)), times * theirs);
            }
        }
        match kind {
            JoinKind::Left | JoinKind::Full if partners == 0 => {
                add(format!("{} null null", text(l)), times);
            }
            JoinKind::Semi if partners > 0 => add(text(l), times),
            JoinKind::Anti if partners == 0 => add(text(l), times),
            JoinKind::Mark => add(format!("{} {}", text(l), partners > 0), times),
            _ => {}
        }
    }
    if matches!(kind, JoinKind::Right | JoinKind::Full) {
        for (&r, &times) in right {
            if !left.keys().any(|l| meets(*l, r)) {
                add(format!("null null {}", text(r)), times);
            }
        }
    }
    found.retain(|_, times| *times != 0);
    found
}

#[test]
fn whatever_comes_and_goes_the_result_is_that_of_a_nested_loop() {
    let kinds = [
        JoinKind::Inner,
        JoinKind::Left,
        JoinKind::Right,
        JoinKind::Full,
        JoinKind::Semi,
        JoinKind::Anti,
        JoinKind::Mark,
    ];
    for (seed, kind) in (1u64..).zip(kinds.into_iter().cycle().take(70)) {
        let mut random = seed;
        let mut next = |bound: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (random >> 33) % bound
        };
        let mut tables = [Table::new(), Table::new()];
        let mut script = String::new();
        for _ in 0..300 {
            let port = next(2) as usize;
            let key = Some(next(5) as u8).filter(|key| *key < 4);
            let row = (key, next(4) as u8);
            let is_there = tables[port].get(&row).copied().unwrap_or(0) > 0;
            let goes = is_there && next(5) < 2;
            let kind = if goes { "-D" } else { "+I" };
            *tables[port].entry(row).or_default() += if goes { -1 } else { 1 };
            tables[port].retain(|_, times| *times != 0);
            let key = key.map_or("null".to_string(), |key| key.to_string());
            script += &format!("port {port}\n{kind} {key} {}\n", row.1);
        }
        let spec = JoinSpec {
            condition: Some(less()),
            ..spec(kind)
        };
        let out = Script::new(schema())
            .batch_rows(1 + next(9) as usize)
            .run(&mut made(&spec), &script);
        let mut found: BTreeMap<String, i32> = BTreeMap::new();
        for line in out.lines() {
            let (kind, row) = line.split_once(' ').unwrap();
            let times = if kind.starts_with('-') { -1 } else { 1 };
            let count = found.entry(row.to_string()).or_default();
            *count += times;
            assert!(
                *count >= 0,
                "{kind:?}: {row} is taken back before it is given"
            );
        }
        found.retain(|_, times| *times != 0);
        assert_eq!(
            found,
            nested_loop(kind, &tables[0], &tables[1]),
            "{kind:?} {seed}"
        );
    }
}
