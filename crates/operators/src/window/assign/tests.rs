use arrow::datatypes::{Field, Schema, TimeUnit};
use expect_test::{Expect, expect};
use millstream_plan::TimeAttribute;
use millstream_sim::Script;

use super::*;

fn time(zone: Option<&str>) -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, zone.map(Into::into))
}

fn check(window: Window, zone: Option<&str>, script: &str, wanted: Expect) {
    let instant = zone.map(|_| "UTC");
    let input = Arc::new(Schema::new(vec![
        Field::new("name", DataType::Utf8, true),
        Field::new("ts", time(instant), true),
    ]));
    let mut fields: Vec<Field> = input.fields().iter().map(|f| f.as_ref().clone()).collect();
    fields.push(Field::new("window_start", time(None), false));
    fields.push(Field::new("window_end", time(None), false));
    fields.push(Field::new("window_time", time(instant), false));
    let spec = WindowAssignSpec {
        window,
        time: TimeAttribute::Event { column: 1 },
        zone: zone.map(Into::into),
    };
    let context = OperatorContext {
        node: "test".into(),
        batch_rows: 2,
        key_groups: 128,
        subtask: 0,
        parallelism: 1,
    };
    let output = Arc::new(Schema::new(fields));
    let mut operator = WindowAssign::new(&spec, &input, &output, &context).unwrap();
    wanted.assert_eq(&Script::new(input).run(&mut operator, script));
}

#[test]
fn tumble_marks_each_row_once_and_keeps_its_kind() {
    check(
        Window::Tumble {
            size: 10_000,
            offset: 0,
        },
        None,
        "
        row a @ 3s
        -D b @ 10s
        row c @ null
        ",
        expect![[r#"
            bad MS2002 c null
            +I a 3s 0s 10s 9999ms
            -D b 10s 10s 20s 19999ms
        "#]],
    );
}

#[test]
fn hop_marks_a_row_once_per_window() {
    check(
        Window::Hop {
            slide: 5_000,
            size: 12_000,
            offset: 0,
        },
        None,
        "row a @ 11s",
        expect![[r#"
            +I a 11s 10s 22s 21999ms
            +I a 11s 5s 17s 16999ms
            +I a 11s 0s 12s 11999ms
        "#]],
    );
}

#[test]
fn cumulate_marks_a_row_with_all_windows_that_grow_over_it() {
    check(
        Window::Cumulate {
            step: 5_000,
            size: 15_000,
            offset: 0,
        },
        None,
        "row a @ 6s",
        expect![[r#"
            +I a 6s 0s 10s 9999ms
            +I a 6s 0s 15s 14999ms
        "#]],
    );
}

#[test]
fn windows_over_instants_follow_local_clocks() {
    check(
        Window::Tumble {
            size: 86_400_000,
            offset: 0,
        },
        Some("Asia/Shanghai"),
        "row a @ 17h",
        expect![[r#"
            +I a 61200s 86400s 172800s 143999999ms
        "#]],
    );
}
