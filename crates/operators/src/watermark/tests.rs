use std::sync::Arc;

use arrow::datatypes::{Field, IntervalMonthDayNano, Schema};
use datafusion_expr::{binary_expr, col, lit};
use expect_test::{Expect, expect};
use millstream_sim::{MemoryState, Script};

use super::*;

fn schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Millisecond, None);
    Arc::new(Schema::new(vec![
        Field::new("name", DataType::Utf8, true),
        Field::new("ts", time, true),
    ]))
}

fn delayed(seconds: i64) -> Expr {
    let interval = IntervalMonthDayNano::new(0, 0, seconds * 1_000_000_000);
    let interval = lit(ScalarValue::IntervalMonthDayNano(Some(interval)));
    binary_expr(col("ts"), BinaryOperator::Minus, interval)
}

fn spec() -> WatermarkSpec {
    WatermarkSpec {
        column: 1,
        expr: delayed(2),
        step_ms: 1,
        idle_timeout_ms: None,
        max_future_ms: None,
    }
}

fn run(spec: &WatermarkSpec, batch_rows: usize, script: &str) -> String {
    let mut operator = Watermark::new(spec, &schema()).unwrap();
    Script::new(schema())
        .batch_rows(batch_rows)
        .run(&mut operator, script)
}

fn check(spec: WatermarkSpec, script: &str, wanted: Expect) {
    let shown = run(&spec, usize::MAX, script);
    wanted.assert_eq(&shown);
    for batch_rows in [1, 2, 3] {
        assert_eq!(run(&spec, batch_rows, script), shown, "{batch_rows} rows");
    }
}

#[test]
fn a_watermark_follows_the_row_that_gave_it_and_never_goes_back() {
    check(
        spec(),
        "
        row a @ 3s
        row b @ 2s
        row c @ 7s
        end
        ",
        expect![[r#"
            +I a 3s
            mark 1s
            +I b 2s
            +I c 7s
            mark 5s
            mark end
        "#]],
    );
}

#[test]
fn a_watermark_within_a_step_is_not_passed_on() {
    check(
        WatermarkSpec {
            step_ms: 10_000,
            ..spec()
        },
        "
        row a @ 3s
        row b @ 8s
        row c @ 11999ms
        row d @ 12s
        row e @ 45s
        ",
        expect![[r#"
            +I a 3s
            mark 1s
            +I b 8s
            +I c 11999ms
            mark 9999ms
            +I d 12s
            +I e 45s
            mark 43s
        "#]],
    );
}

#[test]
fn the_slowest_active_split_decides() {
    check(
        spec(),
        "
        split 1 assigned
        split 2 assigned
        from 1
        row a @ 10s
        row b @ 20s
        from 2
        row c @ 5s
        row d @ 30s
        split 1 finished
        ",
        expect![[r#"
            +I a 10s
            +I b 20s
            +I c 5s
            mark 3s
            +I d 30s
            mark 18s
            mark 28s
        "#]],
    );
}

#[test]
fn an_idle_split_does_not_hold_back_until_it_has_a_row() {
    check(
        spec(),
        "
        split 1 assigned
        split 2 assigned
        from 1
        row a @ 10s
        split 2 idle
        split 1 idle
        from 2
        row b @ 4s
        row c @ 50s
        split 1 finished
        split 2 finished
        ",
        expect![[r#"
            +I a 10s
            mark 8s
            idle
            +I b 4s
            +I c 50s
            mark 48s
        "#]],
    );
}

#[test]
fn rows_without_a_usable_time_are_bad() {
    check(
        WatermarkSpec {
            max_future_ms: Some(60_000),
            ..spec()
        },
        "
        time 10s
        row a @ null
        row b @ 71s
        row c @ 70s
        cut
        row d @ null
        ",
        expect![[r#"
            bad MS2002 a null
            bad MS2003 b 71s
            +I c 70s
            mark 68s
            bad MS2002 d null
        "#]],
    );
}

#[test]
fn a_limit_of_years_does_not_trust_a_clock_that_was_never_set() {
    const YEARS: i64 = 3_650 * 86_400_000;
    assert_eq!(latest(0, YEARS), CLOCK_LEAST_MS + YEARS);
    assert_eq!(
        latest(CLOCK_LEAST_MS + 5, YEARS),
        CLOCK_LEAST_MS + 5 + YEARS
    );
    assert_eq!(latest(0, 60_000), 60_000);
}

#[test]
fn times_no_window_could_hold_are_bad_even_without_a_limit() {
    let far = format!("row a @ {}ms\nrow b @ -{}ms", i64::MAX, i64::MAX);
    let shown = run(&spec(), 1, &far);
    assert_eq!(shown.matches("bad MS2003").count(), 2, "{shown}");
}

#[test]
fn any_expression_may_give_the_watermark_and_null_gives_none() {
    let even = datafusion_expr::when(col("name").eq(lit("x")), col("ts"))
        .otherwise(lit(ScalarValue::TimestampMillisecond(None, None)))
        .unwrap();
    check(
        WatermarkSpec {
            expr: even,
            ..spec()
        },
        "
        row a @ 3s
        row x @ 4s
        row b @ 9s
        row x @ 6s
        ",
        expect![[r#"
            +I a 3s
            +I x 4s
            mark 4s
            +I b 9s
            +I x 6s
            mark 6s
        "#]],
    );
}

#[test]
fn a_restored_operator_says_again_what_it_said_and_goes_on_from_there() {
    let make = || Box::new(Watermark::new(&spec(), &schema()).unwrap()) as Box<dyn Operator>;
    let shown = Script::new(schema()).run_made(
        &make,
        "
        split 1 assigned
        split 2 assigned
        split 3 assigned
        from 1
        row a @ 10s
        from 2
        row b @ 30s
        from 3
        row c @ 4s
        split 3 finished
        checkpoint
        from 1
        row lost @ 99s
        restart
        split 2 assigned
        split 1 assigned
        from 2
        row d @ 31s
        from 1
        row e @ 9s
        row f @ 20s
        split 3 assigned
        from 1
        row g @ 21s
        ",
    );
    expect![[r#"
        +I a 10s
        +I b 30s
        +I c 4s
        mark 2s
        mark 8s
        +I lost 99s
        mark 28s
        mark 8s
        +I d 31s
        +I e 9s
        +I f 20s
        mark 18s
        +I g 21s
        mark 19s
    "#]]
    .assert_eq(&shown);
}

#[test]
fn splits_may_be_restored_by_other_subtasks() {
    let make = || Watermark::new(&spec(), &schema()).unwrap();
    let (mut fast, mut slow, mut state) = (make(), make(), MemoryState::new(8));
    let script = Script::new(schema());
    script.run(&mut fast, "split 1 assigned\nfrom 1\nrow a @ 50s");
    script.run(&mut slow, "split 2 assigned\nfrom 2\nrow a @ 10s");
    let mut idle = make();
    let mut all: [&mut dyn Operator; 3] = [&mut fast, &mut slow, &mut idle];
    state.checkpoint(&mut all, false).unwrap();
    let mut both = make();
    state.restore(&mut both, 0, 1).unwrap();
    let shown = script.run(
        &mut both,
        "
        split 1 assigned
        split 2 assigned
        from 1
        row b @ 51s
        from 2
        row c @ 9s
        row d @ 12s
        split 2 finished
        ",
    );
    expect![[r#"
        mark 8s
        +I b 51s
        +I c 9s
        +I d 12s
        mark 10s
        mark 49s
    "#]]
    .assert_eq(&shown);
}

#[test]
fn the_delay_is_found_in_the_expression() {
    assert_eq!(constant_delay(&delayed(4), "ts"), Some(4000));
    assert_eq!(constant_delay(&col("ts").alias("w"), "ts"), Some(0));
    assert_eq!(constant_delay(&delayed(4), "other"), None);
    let month = lit(ScalarValue::IntervalMonthDayNano(Some(
        IntervalMonthDayNano::new(1, 0, 0),
    )));
    let monthly = binary_expr(col("ts"), BinaryOperator::Minus, month);
    assert_eq!(constant_delay(&monthly, "ts"), None);
}
