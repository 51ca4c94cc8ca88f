//! OVER by script, and against adding up the rows of each frame anew.

use std::collections::BTreeMap;

use arrow::datatypes::{Field, Schema, TimeUnit};
use expect_test::{Expect, expect};
use millstream_plan::{AggregateCall, AggregateFunction, OverCall, OverFrame, SortKey};
use millstream_sim::Script;

use super::sorted::SortedOver;
use super::*;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("k", DataType::Utf8, true),
        Field::new("v", DataType::Int32, true),
        Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, None), true),
    ]))
}

fn aggregate(function: AggregateFunction, args: &[usize], ty: DataType) -> OverFunction {
    OverFunction::Aggregate(AggregateCall {
        field: Arc::new(Field::new("r", ty, true)),
        function,
        args: args.to_vec(),
        distinct: false,
        filter: None,
    })
}

/// SUM(v), COUNT(*), MAX(v) of each `k` by `ts`.
fn spec(start: FrameStart, by_rows: bool) -> OverSpec {
    let calls = [
        aggregate(AggregateFunction::Sum, &[1], DataType::Int32),
        aggregate(AggregateFunction::Count, &[], DataType::Int64),
        aggregate(AggregateFunction::Max, &[1], DataType::Int32),
    ];
    with_calls(start, by_rows, calls.into())
}

fn with_calls(start: FrameStart, by_rows: bool, calls: Vec<OverFunction>) -> OverSpec {
    let calls = calls.into_iter().enumerate().map(|(index, function)| {
        let ty = match &function {
            OverFunction::Aggregate(call) => call.field.data_type().clone(),
            OverFunction::Lag { .. } => DataType::Int32,
            _ => DataType::Int64,
        };
        OverCall {
            function,
            field: Arc::new(Field::new(format!("r{index}"), ty, true)),
        }
    });
    OverSpec {
        partition_by: vec![0],
        order: OverOrder::Time(TimeAttribute::Event { column: 2 }),
        frame: OverFrame { start, by_rows },
        calls: calls.collect(),
        emit_update_before: true,
        at_end_only: false,
        input_updates: false,
    }
}

fn made(spec: &OverSpec) -> Box<dyn Operator> {
    let fields = schema()
        .fields()
        .iter()
        .map(|f| f.as_ref().clone())
        .collect::<Vec<_>>();
    let calls = spec.calls.iter().map(|call| call.field.as_ref().clone());
    let output = Arc::new(Schema::new(
        fields.into_iter().chain(calls).collect::<Vec<_>>(),
    ));
    let context = OperatorContext {
        node: "test".into(),
        batch_rows: 4,
        key_groups: 128,
        subtask: 0,
        parallelism: 1,
    };
    match spec.order {
        OverOrder::Time(_) => Box::new(Over::new(spec, &schema(), &output, &context).unwrap()),
        OverOrder::Columns(_) => {
            Box::new(SortedOver::new(spec, &schema(), &output, &context).unwrap())
        }
    }
}

fn check(spec: &OverSpec, batch_rows: usize, script: &str, wanted: &Expect) {
    let out = Script::new(schema())
        .batch_rows(batch_rows)
        .run(made(spec).as_mut(), script);
    wanted.assert_eq(&out);
}

const STORY: &str = "
    row a 1 3s
    row a 2 1s
    row b 10 2s
    row a 4 3s
    row a 8 9s
    mark 3s
    row a 16 3s
    row b null 5s
    mark end
";

#[test]
fn rows_of_one_time_see_each_other_with_range_and_not_with_rows() {
    for batch_rows in [1, 100] {
        check(
            &spec(FrameStart::Unbounded, false),
            batch_rows,
            STORY,
            &expect![[r#"
                +I a 2 1s 2 1 2
                +I b 10 2s 10 1 10
                +I a 1 3s 7 3 4
                +I a 4 3s 7 3 4
                mark 3s
                late a 16 3s
                +I b null 5s 10 2 10
                +I a 8 9s 15 4 8
                mark end
            "#]],
        );
        check(
            &spec(FrameStart::Unbounded, true),
            batch_rows,
            STORY,
            &expect![[r#"
                +I a 2 1s 2 1 2
                +I b 10 2s 10 1 10
                +I a 1 3s 3 2 2
                +I a 4 3s 7 3 4
                mark 3s
                late a 16 3s
                +I b null 5s 10 2 10
                +I a 8 9s 15 4 8
                mark end
            "#]],
        );
    }
}

#[test]
fn rows_that_leave_a_frame_are_taken_out() {
    check(
        &spec(FrameStart::Rows(1), true),
        100,
        STORY,
        &expect![[r#"
            +I a 2 1s 2 1 2
            +I b 10 2s 10 1 10
            +I a 1 3s 3 2 2
            +I a 4 3s 5 2 4
            mark 3s
            late a 16 3s
            +I b null 5s 10 2 10
            +I a 8 9s 12 2 8
            mark end
        "#]],
    );
    check(
        &spec(FrameStart::Millis(2000), false),
        100,
        STORY,
        &expect![[r#"
            +I a 2 1s 2 1 2
            +I b 10 2s 10 1 10
            +I a 1 3s 7 3 4
            +I a 4 3s 7 3 4
            mark 3s
            late a 16 3s
            +I b null 5s null 1 null
            +I a 8 9s 8 1 8
            mark end
        "#]],
    );
}

#[test]
fn numbers_and_ranks_count_on() {
    let calls = vec![
        OverFunction::RowNumber,
        OverFunction::Rank,
        OverFunction::DenseRank,
    ];
    let script = "
        row a 1 1s
        row a 2 2s
        row a 3 2s
        mark 2s
        row a 4 3s
        mark 3s
    ";
    check(
        &with_calls(FrameStart::Unbounded, false, calls),
        100,
        script,
        &expect![[r#"
            +I a 1 1s 1 1 1
            +I a 2 2s 2 2 2
            +I a 3 2s 3 2 2
            mark 2s
            +I a 4 3s 4 4 3
            mark 3s
        "#]],
    );
}

#[test]
fn lag_looks_back_and_has_a_default() {
    let lag = |default| OverFunction::Lag { column: 1, default };
    let script = "
        row a 1 1s
        row a 2 2s
        row b 9 2s
        mark 2s
        row a 3 3s
        mark 3s
    ";
    let wanted = &expect![[r#"
        +I a 1 1s null 1
        +I a 2 2s 1 1
        +I b 9 2s null 9
        mark 2s
        +I a 3 3s 2 2
        mark 3s
    "#]];
    let spec = with_calls(FrameStart::Rows(1), false, vec![lag(None), lag(Some(1))]);
    check(&spec, 100, script, wanted);
}

#[test]
fn by_processing_time_each_row_is_answered_at_once() {
    let processing = |spec: OverSpec| OverSpec {
        order: OverOrder::Time(TimeAttribute::Processing),
        ..spec
    };
    let script = "
        row a 1 9s
        row a 2 1s
        time 2s
        row a 4 1s
        time 4s
        row a 8 1s
        mark 4s
    ";
    check(
        &processing(spec(FrameStart::Rows(1), true)),
        1,
        script,
        &expect![[r#"
            +I a 1 9s 1 1 1
            +I a 2 1s 3 2 2
            +I a 4 1s 6 2 4
            +I a 8 1s 12 2 8
            mark 4s
        "#]],
    );
    check(
        &processing(spec(FrameStart::Millis(2000), false)),
        100,
        script,
        &expect![[r#"
            +I a 1 9s 3 2 2
            +I a 2 1s 3 2 2
            +I a 4 1s 7 3 4
            +I a 8 1s 12 2 8
            mark 4s
        "#]],
    );
}

fn by_value(updates: bool) -> OverSpec {
    OverSpec {
        order: OverOrder::Columns(vec![SortKey {
            column: 1,
            descending: false,
            nulls_first: true,
        }]),
        input_updates: updates,
        ..spec(FrameStart::Unbounded, false)
    }
}

#[test]
fn in_the_order_of_a_column_rows_behind_a_new_one_change() {
    check(
        &by_value(true),
        1,
        "
        row a 2 0s
        row a 7 0s
        row a 5 0s
        row a 5 1s
        -D a 2 0s
        row b 1 0s
        ",
        &expect![[r#"
            +I a 2 0s 2 1 2
            +I a 7 0s 9 2 7
            +I a 5 0s 7 2 5
            -U a 7 0s 9 2 7
            +U a 7 0s 14 3 7
            -U a 5 0s 7 2 5
            +U a 5 0s 12 3 5
            +I a 5 1s 12 3 5
            -U a 7 0s 14 3 7
            +U a 7 0s 19 4 7
            -D a 2 0s 2 1 2
            -U a 5 0s 12 3 5
            +U a 5 0s 10 2 5
            -U a 5 1s 12 3 5
            +U a 5 1s 10 2 5
            -U a 7 0s 19 4 7
            +U a 7 0s 17 3 7
            +I b 1 0s 1 1 1
        "#]],
    );
}

#[test]
fn what_differs_between_rows_that_are_equal_is_only_their_number() {
    let spec = OverSpec {
        calls: with_calls(FrameStart::Unbounded, true, vec![OverFunction::RowNumber]).calls,
        frame: OverFrame {
            start: FrameStart::Unbounded,
            by_rows: true,
        },
        ..by_value(true)
    };
    check(
        &spec,
        1,
        "row a 2 0s\n row a 2 0s\n -D a 2 0s\n row a 2 0s",
        &expect![[r#"
            +I a 2 0s 1
            +I a 2 0s 2
            -D a 2 0s 2
            +I a 2 0s 2
        "#]],
    );
}

/// One row: key, value, time.
type Row = (u8, Option<i32>, i64);

/// The line of each row with the sum, number and maximum of its frame.
fn anew(rows: &[Row], start: FrameStart, by_rows: bool) -> BTreeMap<String, i32> {
    let mut found = BTreeMap::new();
    for key in 0..4 {
        let mut own: Vec<&Row> = rows.iter().filter(|row| row.0 == key).collect();
        own.sort_by_key(|row| row.2);
        for (place, row) in own.iter().enumerate() {
            let last = match by_rows {
                true => place,
                false => own.iter().rposition(|other| other.2 == row.2).unwrap(),
            };
            let first = match start {
                FrameStart::Unbounded => 0,
                FrameStart::Rows(rows) => place.saturating_sub(rows as usize),
                FrameStart::Millis(span) => own
                    .iter()
                    .position(|other| other.2 >= row.2 - span)
                    .unwrap(),
            };
            let values: Vec<i32> = own[first..=last].iter().filter_map(|r| r.1).collect();
            let text = |value: Option<i32>| value.map_or("null".to_string(), |v| v.to_string());
            let sum = (!values.is_empty()).then(|| values.iter().sum());
            let line = format!(
                "k{} {} {} {} {} {}",
                row.0,
                text(row.1),
                format_args!("{}s", row.2 / 1000),
                text(sum),
                last - first + 1,
                text(values.iter().max().copied())
            );
            *found.entry(line).or_default() += 1;
        }
    }
    found
}

#[test]
fn whatever_comes_the_values_are_those_of_the_frames() {
    for seed in 1_u64..80 {
        let mut random = seed;
        let mut next = |bound: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (random >> 33) % bound
        };
        let (start, by_rows) = match next(4) {
            0 => (FrameStart::Unbounded, next(2) == 0),
            1 => (FrameStart::Rows(next(4)), true),
            _ => (FrameStart::Millis(next(5) as i64 * 1000), false),
        };
        let mut rows: Vec<Row> = Vec::new();
        let (mut script, mut now) = (String::new(), 0);
        for _ in 0..200 {
            if next(5) == 0 {
                now += next(4) as i64 * 1000;
                script += &format!("mark {now}ms\n");
            }
            let row = (
                next(4) as u8,
                Some(next(9) as i32).filter(|v| *v > 0),
                now + 1000 + next(4) as i64 * 1000,
            );
            let value = row.1.map_or("null".to_string(), |v| v.to_string());
            script += &format!("row k{} {value} {}ms\n", row.0, row.2);
            rows.push(row);
        }
        script += "mark end\n";
        let out = Script::new(schema())
            .batch_rows(1 + next(40) as usize)
            .run(made(&spec(start, by_rows)).as_mut(), &script);
        let mut found: BTreeMap<String, i32> = BTreeMap::new();
        for line in out.lines().filter(|line| !line.starts_with("mark")) {
            let row = line.strip_prefix("+I ").unwrap_or_else(|| panic!("{line}"));
            *found.entry(row.to_string()).or_default() += 1;
        }
        assert_eq!(
            found,
            anew(&rows, start, by_rows),
            "{seed} {start:?} {by_rows}"
        );
    }
}

#[test]
fn rows_of_frames_that_are_over_are_freed() {
    let spec = spec(FrameStart::Millis(2000), false);
    let fields = schema()
        .fields()
        .iter()
        .map(|f| f.as_ref().clone())
        .collect::<Vec<_>>();
    let calls = spec.calls.iter().map(|call| call.field.as_ref().clone());
    let output = Arc::new(Schema::new(
        fields.into_iter().chain(calls).collect::<Vec<_>>(),
    ));
    let context = OperatorContext {
        node: "test".into(),
        batch_rows: 4,
        key_groups: 128,
        subtask: 0,
        parallelism: 1,
    };
    let mut over = Over::new(&spec, &schema(), &output, &context).unwrap();
    let script: String = (0..50)
        .map(|i| format!("row k{i} 1 {i}s\nmark {i}s\n"))
        .collect();
    Script::new(schema()).run(&mut over, &script);
    assert!(over.running.groups.keys.len() <= 2);
    assert!(over.rows.slot_bound() <= 4);
}
