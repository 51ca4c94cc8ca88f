//! Top-N by script, and against sorting what is there at the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use expect_test::{Expect, expect};
use millstream_plan::SortKey;
use millstream_sim::Script;

use arrow::datatypes::DataType;

use super::*;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("p", DataType::Utf8, true),
        Field::new("v", DataType::Int32, true),
        Field::new("w", DataType::Utf8, true),
    ]))
}

/// The first three by `v` of each `p`.
fn spec() -> RankSpec {
    RankSpec {
        partition_by: vec![0],
        order_by: vec![SortKey {
            column: 1,
            descending: false,
            nulls_first: true,
        }],
        newest_first: false,
        first: 1,
        last: 2,
        with_number: false,
        emit_update_before: true,
        at_end_only: false,
        input_updates: false,
        window: None,
    }
}

fn made(spec: &RankSpec) -> Rank {
    let mut fields: Vec<Field> = schema()
        .fields()
        .iter()
        .map(|f| f.as_ref().clone())
        .collect();
    if spec.with_number {
        fields.push(Field::new("n", DataType::Int64, true));
    }
    let context = OperatorContext {
        node: "test".into(),
        batch_rows: 4,
        key_groups: 128,
        subtask: 0,
        parallelism: 1,
    };
    Rank::new(spec, &schema(), &Arc::new(Schema::new(fields)), &context).unwrap()
}

/// One row per batch, so that every change shows.
fn check(spec: &RankSpec, script: &str, wanted: &Expect) {
    let out = Script::new(schema())
        .batch_rows(1)
        .run(&mut made(spec), script);
    wanted.assert_eq(&out);
}

const STORY: &str = "
    row a 5 x
    row a 3 y
    row b 9 z
    row a 4 u
    row a 7 never
    row a 3 tie
    row a null first
";

#[test]
fn a_row_comes_when_it_enters_and_goes_when_it_is_pushed_out() {
    check(
        &spec(),
        STORY,
        &expect![[r#"
            +I a 5 x
            +I a 3 y
            +I b 9 z
            -D a 5 x
            +I a 4 u
            -D a 4 u
            +I a 3 tie
            -D a 3 tie
            +I a null first
        "#]],
    );
}

#[test]
fn with_the_number_whoever_stands_in_a_place_is_replaced() {
    let spec = RankSpec {
        with_number: true,
        ..spec()
    };
    check(
        &spec,
        STORY,
        &expect![[r#"
            +I a 5 x 1
            -U a 5 x 1
            +U a 3 y 1
            +I a 5 x 2
            +I b 9 z 1
            -U a 5 x 2
            +U a 4 u 2
            -U a 4 u 2
            +U a 3 tie 2
            -U a 3 y 1
            +U a null first 1
            -U a 3 tie 2
            +U a 3 y 2
        "#]],
    );
    let silent = RankSpec {
        emit_update_before: false,
        ..spec
    };
    check(
        &silent,
        "row a 5 x\n row a 3 y",
        &expect![[r#"
            +I a 5 x 1
            +U a 3 y 1
            +I a 5 x 2
        "#]],
    );
}

#[test]
fn a_range_that_begins_later_passes_what_is_pushed_into_it() {
    let spec = RankSpec {
        first: 2,
        last: 3,
        with_number: true,
        input_updates: true,
        ..spec()
    };
    check(
        &spec,
        "
        row a 5 x
        row a 3 y
        row a 4 u
        row a 1 v
        -D a 3 y
        -D a 1 v
        ",
        &expect![[r#"
            +I a 5 x 2
            -U a 5 x 2
            +U a 4 u 2
            +I a 5 x 3
            -U a 4 u 2
            +U a 3 y 2
            -U a 5 x 3
            +U a 4 u 3
            -U a 3 y 2
            +U a 4 u 2
            -U a 4 u 3
            +U a 5 x 3
            -U a 4 u 2
            +U a 5 x 2
            -D a 5 x 3
        "#]],
    );
}

#[test]
fn a_row_that_goes_lets_the_next_one_in() {
    let spec = RankSpec {
        input_updates: true,
        ..spec()
    };
    check(
        &spec,
        "
        row a 5 x
        row a 3 y
        row a 4 u
        row a 4 u
        -D a 3 y
        -U a 4 u
        +U a 6 u
        -D a 4 u
        -D a 5 x
        -D a 6 u
        ",
        &expect![[r#"
            +I a 5 x
            +I a 3 y
            -D a 5 x
            +I a 4 u
            -D a 3 y
            +I a 4 u
            -D a 4 u
            +I a 5 x
            -D a 4 u
            +I a 6 u
            -D a 5 x
            -D a 6 u
        "#]],
    );
}

#[test]
fn the_last_of_each_key_is_an_update() {
    let spec = RankSpec {
        order_by: vec![],
        newest_first: true,
        last: 1,
        ..spec()
    };
    check(
        &spec,
        "row a 5 x\n row b 1 y\n row a 3 z",
        &expect![[r#"
            +I a 5 x
            +I b 1 y
            -U a 5 x
            +U a 3 z
        "#]],
    );
}

#[test]
fn changes_of_one_batch_that_cancel_are_not_put_out() {
    let spec = RankSpec {
        with_number: true,
        input_updates: true,
        ..spec()
    };
    let script = "
        row a 5 x
        cut
        row a 3 y
        -D a 5 x
        row a 5 x
        -D a 3 y
        cut
        -D a 5 x
        row a 5 x
    ";
    let out = Script::new(schema()).run(&mut made(&spec), script);
    expect![[r#"
        +I a 5 x 1
    "#]]
    .assert_eq(&out);
}

#[test]
fn a_row_that_goes_and_never_came_is_counted_and_leaves_nothing_behind() {
    let spec = RankSpec {
        input_updates: true,
        ..spec()
    };
    let mut rank = made(&spec);
    let mut unseen = 0;
    for event in
        Script::new(schema()).events("-D a 1 x\n row b 1 x\n -D b 1 y\n -D b 1 x\n -D b 1 x")
    {
        let millstream_sim::Event::Rows(port, batch) = event else {
            continue;
        };
        let mut out = Output::new(0);
        rank.on_rows(port, batch, &mut out).unwrap();
        unseen += out.take_unseen();
    }
    assert_eq!(unseen, 3);
    assert!(rank.rows.is_empty());
}

#[test]
fn in_batch_mode_the_result_is_put_out_once() {
    let spec = RankSpec {
        at_end_only: true,
        with_number: true,
        ..spec()
    };
    check(
        &spec,
        &format!("{STORY}\nend"),
        &expect![[r#"
            mark end
            +I a null first 1
            +I a 3 y 2
            +I b 9 z 1
        "#]],
    );
}

#[test]
fn an_empty_range_puts_nothing_out() {
    let spec = RankSpec {
        first: 1,
        last: 0,
        ..spec()
    };
    check(&spec, STORY, &expect![""]);
}

/// Rows that came, in order: partition, value (NULL first), what tells them apart.
type Row = (u8, Option<u8>, u8);

/// The rows of a range of each partition, with their numbers.
fn sorted(rows: &[Row], spec: &RankSpec) -> BTreeMap<String, i32> {
    let mut found = BTreeMap::new();
    for partition in 0..3 {
        let mut own: Vec<&Row> = rows.iter().filter(|row| row.0 == partition).collect();
        if spec.newest_first {
            own.reverse();
        }
        own.sort_by_key(|row| row.1);
        for (place, row) in own.iter().enumerate() {
            let number = place as u64 + 1;
            if !(spec.first..=spec.last).contains(&number) {
                continue;
            }
            let value = row.1.map_or("null".to_string(), |v| v.to_string());
            let mut text = format!("p{} {value} w{}", row.0, row.2);
            if spec.with_number {
                text += &format!(" {number}");
            }
            *found.entry(text).or_default() += 1;
        }
    }
    found
}

#[test]
fn whatever_comes_and_goes_the_result_is_that_of_sorting() {
    for seed in 1_u64..120 {
        let mut random = seed;
        let mut next = |bound: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (random >> 33) % bound
        };
        let first = 1 + next(2);
        let spec = RankSpec {
            first,
            last: first + next(4),
            with_number: next(2) == 0,
            input_updates: next(2) == 0,
            newest_first: next(3) == 0,
            ..spec()
        };
        let mut rows: Vec<Row> = Vec::new();
        let mut script = String::new();
        for _ in 0..250 {
            let goes = spec.input_updates && !rows.is_empty() && next(5) < 2;
            // An updating input has rows of its own each: with equal ones it is open which stays.
            let row = (
                next(3) as u8,
                Some(next(6) as u8).filter(|v| *v > 0),
                if spec.input_updates {
                    script.len() as u8
                } else {
                    next(3) as u8
                },
            );
            let row = match goes {
                true => rows.remove(next(rows.len() as u64) as usize),
                false if rows.contains(&row) && spec.input_updates => continue,
                false => {
                    rows.push(row);
                    row
                }
            };
            let value = row.1.map_or("null".to_string(), |v| v.to_string());
            let kind = if goes { "-D" } else { "+I" };
            script += &format!("{kind} p{} {value} w{}\n", row.0, row.2);
        }
        let out = Script::new(schema())
            .batch_rows(1 + next(9) as usize)
            .run(&mut made(&spec), &script);
        let mut found: BTreeMap<String, i32> = BTreeMap::new();
        for line in out.lines() {
            let (kind, row) = line.split_once(' ').unwrap();
            *found.entry(row.to_string()).or_default() +=
                if kind.starts_with('-') { -1 } else { 1 };
        }
        found.retain(|_, times| *times != 0);
        assert_eq!(found, sorted(&rows, &spec), "{seed} {spec:?}");
    }
}
