//! Windows as scripts: one rule each.

use arrow::datatypes::DataType;
use expect_test::{Expect, expect};
use millstream_plan::{
    AggregateFunction, TimeAttribute, Window, WindowAggregateSpec, WindowProperty,
};

use crate::support::{call, run, settled, spec};

const TUMBLE: Window = Window::Tumble {
    size: 10_000,
    offset: 0,
};

/// At batches of 1, 3 and all rows; the order between two watermarks is free.
fn check(spec: WindowAggregateSpec, script: &str, wanted: Expect) {
    let all = settled(&run(&spec, false, usize::MAX, 8192, script));
    wanted.assert_eq(&all);
    for batch_rows in [1, 3] {
        assert_eq!(settled(&run(&spec, false, batch_rows, 2, script)), all);
    }
}

#[test]
fn a_window_fires_when_the_watermark_reaches_its_last_millisecond() {
    check(
        spec(TUMBLE),
        "
        row ann 1 @ 3s
        row bob 2 @ 9s
        row ann 4 @ 10s
        mark 9998ms
        mark 9999ms
        end
        ",
        expect![[r#"
            mark 9998ms
            +I ann 1 1 1 0s 10s
            +I bob 1 2 1 0s 10s
            mark 9999ms
            +I ann 1 4 1 10s 20s
            mark end"#]],
    );
}

/// Flink's `WindowAggregateTestPrograms`: delay 1 s, rows up to 8 s came, then one of 4 s.
#[test]
fn a_row_is_late_only_for_the_windows_that_have_fired() {
    let script = "
        row a 1 @ 1s
        row a 2 @ 2s
        row a 3 @ 3s
        row a 4 @ 4s
        row a 5 @ 8s
        mark 7s
        row a 3 @ 4s
        end
    ";
    let tumble = Window::Tumble {
        size: 5_000,
        offset: 0,
    };
    check(
        spec(tumble),
        script,
        expect![[r#"
            +I a 4 10 4 0s 5s
            mark 7s
            +I a 1 5 1 5s 10s
            late a 3 4s
            mark end"#]],
    );
}

#[test]
fn a_late_row_counts_in_the_hop_windows_that_are_still_open() {
    let hop = Window::Hop {
        slide: 5_000,
        size: 10_000,
        offset: 0,
    };
    let script = "
        row a 1 @ 1s
        row a 5 @ 8s
        mark 7s
        row a 3 @ 4s
        row a 3 @ -1s
        end
    ";
    check(
        spec(hop),
        script,
        expect![[r#"
            +I a 1 1 1 -5s 5s
            mark 7s
            +I a 1 5 1 5s 15s
            +I a 3 9 3 0s 10s
            late a 3 -1s
            mark end"#]],
    );
}

#[test]
fn a_late_row_counts_in_the_cumulate_windows_that_are_still_open() {
    let cumulate = Window::Cumulate {
        step: 5_000,
        size: 15_000,
        offset: 0,
    };
    check(
        spec(cumulate),
        "
        row a 1 @ 1s
        mark 5s
        row a 2 @ 2s
        end
        ",
        expect![[r#"
            +I a 1 1 1 0s 5s
            mark 5s
            +I a 2 3 2 0s 10s
            +I a 2 3 2 0s 15s
            mark end"#]],
    );
}

#[test]
fn a_watermark_far_ahead_does_not_visit_empty_windows() {
    let hop = Window::Hop {
        slide: 1,
        size: 100,
        offset: 0,
    };
    let mut spec = spec(hop);
    spec.properties.clear();
    spec.aggregates.truncate(1);
    let output = run(&spec, false, 1, 8192, "row a 1 @ 0s\nmark 100000000d\nend");
    assert_eq!(output.lines().filter(|line| *line == "+I a 1").count(), 100);
}

#[test]
fn sessions_join_across_a_late_row_and_touching_ones_are_one() {
    check(
        spec(Window::Session { gap: 5_000 }),
        "
        row ann 1 @ 1s
        row ann 2 @ 11s
        row bob 1 @ 1s
        mark 4s
        row ann 3 @ 6s
        row bob 9 @ -10s
        mark 6s
        row bob 2 @ 2s
        end
        ",
        expect![[r#"
            mark 4s
            +I bob 1 1 1 1s 6s
            late bob 9 -10s
            mark 6s
            +I ann 3 6 3 1s 16s
            +I bob 1 2 1 2s 7s
            mark end"#]],
    );
}

#[test]
fn attached_windows_are_grouped_by_their_columns() {
    let mut spec = spec(Window::Attached {
        start: Some(3),
        end: 4,
    });
    spec.properties.push(WindowProperty::Time);
    check(
        spec,
        "
        row ann 1 9999ms 0s 10s
        row ann 2 9999ms 5s 10s
        row ann 3 9999ms 0s 10s
        row bob 3 19999ms 10s 20s
        mark 9999ms
        row bob 4 9999ms 0s 10s
        end
        ",
        expect![[r#"
            +I ann 1 2 1 5s 10s 9999ms
            +I ann 2 4 2 0s 10s 9999ms
            mark 9999ms
            +I bob 1 3 1 10s 20s 19999ms
            late bob 4 9999ms 0s 10s
            mark end"#]],
    );
}

#[test]
fn rows_that_go_are_subtracted_from_their_window() {
    let mut spec = spec(TUMBLE);
    spec.input_updates = true;
    check(
        spec,
        "
        row ann 1 @ 3s
        row ann 5 @ 4s
        row bob 2 @ 9s
        -D bob 2 @ 9s
        -U ann 5 @ 4s
        +U ann 7 @ 4s
        end
        ",
        expect![[r#"
            +I ann 2 8 2 0s 10s
            mark end"#]],
    );
}

#[test]
fn rows_without_a_time_are_bad() {
    for window in [TUMBLE, Window::Session { gap: 1_000 }] {
        check(
            spec(window),
            "row ann 1 null",
            expect!["bad MS2002 ann 1 null"],
        );
    }
}

fn processing(window: Window) -> WindowAggregateSpec {
    WindowAggregateSpec {
        time: TimeAttribute::Processing,
        ..spec(window)
    }
}

#[test]
fn windows_of_processing_time_fire_by_the_clock() {
    let script = "
        time 3s
        row ann 1 @ 0s
        time 9999ms
        row ann 2 @ 0s
        cut
        time 10s
        row ann 3 @ 0s
        mark 90s
        end
    ";
    let output = run(&processing(TUMBLE), false, usize::MAX, 8192, script);
    expect![[r#"
        +I ann 2 3 2 0s 10s
        mark 90s
        +I ann 1 3 1 10s 20s
        mark end
    "#]]
    .assert_eq(&output);
}

#[test]
fn sessions_of_processing_time_fire_by_the_clock() {
    let script = "
        time 3s
        row ann 1 @ 0s
        time 7s
        row ann 2 @ 0s
        cut
        time 30s
        row ann 3 @ 0s
        end
    ";
    let spec = processing(Window::Session { gap: 5_000 });
    let output = run(&spec, false, usize::MAX, 8192, script);
    expect![[r#"
        +I ann 2 3 2 3s 12s
        +I ann 1 3 1 30s 35s
        mark end
    "#]]
    .assert_eq(&output);
}

#[test]
fn windows_over_instants_follow_local_clocks() {
    let mut spec = spec(Window::Tumble {
        size: 86_400_000,
        offset: 0,
    });
    spec.zone = Some("Asia/Shanghai".into());
    spec.properties.push(WindowProperty::Time);
    let script = "
        row ann 1 @ 15h
        row ann 2 @ 17h
        mark 57599998ms
        mark 57599999ms
        end
    ";
    let output = run(&spec, true, usize::MAX, 8192, script);
    expect![[r#"
        mark 57599998ms
        +I ann 1 1 1 0s 86400s 57599999ms
        mark 57599999ms
        +I ann 1 2 1 86400s 172800s 143999999ms
        mark end
    "#]]
    .assert_eq(&output);
}

#[test]
fn the_day_on_which_clocks_go_back_has_25_hours() {
    let mut spec = spec(Window::Tumble {
        size: 86_400_000,
        offset: 0,
    });
    spec.zone = Some("Europe/Berlin".into());
    // 2026-10-24 22:30, 2026-10-25 22:30 and 23:00 UTC; midnight in Berlin is 22:00, then 23:00.
    let script = "
        row ann 1 @ 1792881000s
        row ann 2 @ 1792967400s
        row ann 3 @ 1792969200s
        end
    ";
    let output = run(&spec, true, usize::MAX, 8192, script);
    let counts: Vec<&str> = output.lines().filter_map(|line| line.get(..10)).collect();
    assert_eq!(counts, ["+I ann 2 3", "+I ann 1 3"]);
}

#[test]
fn all_aggregates_survive_the_merging_of_slices() {
    let hop = Window::Hop {
        slide: 1_000,
        size: 20_000,
        offset: 0,
    };
    let mut spec = spec(hop);
    spec.properties.truncate(1);
    spec.aggregates = vec![
        call(AggregateFunction::Min, &[1], DataType::Int32),
        call(AggregateFunction::Max, &[0], DataType::Utf8),
        call(AggregateFunction::Avg, &[1], DataType::Int32),
        call(AggregateFunction::StddevPop, &[1], DataType::Float64),
        call(
            AggregateFunction::ListAgg {
                separator: "+".into(),
            },
            &[0],
            DataType::Utf8,
        ),
    ];
    let rows = (0..20).map(|i| format!("row ann {} @ {}ms\n", i, i * 1000));
    let script: String = rows.chain(["mark 19999ms".to_owned()]).collect();
    let output = run(&spec, false, usize::MAX, 8192, &script);
    let last = output.lines().rev().nth(1).unwrap();
    let names = ["ann"; 20].join("+");
    assert_eq!(last, format!("+I ann 0 ann 9 5.766281297335398 {names} 0s"));
}

#[test]
fn a_time_beyond_the_calendar_is_an_error_not_an_overflow() {
    let output = run(
        &spec(TUMBLE),
        false,
        1,
        1,
        &format!("row ann 1 {}ms", i64::MAX),
    );
    assert!(
        output.starts_with("error MS2004 time 'ts' wants"),
        "{output}"
    );
}
