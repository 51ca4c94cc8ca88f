use arrow::datatypes::{DataType, Field, Schema};
use expect_test::{Expect, expect};
use millstream_plan::{AggregateCall, AggregateFunction};
use millstream_sim::Script;

use super::*;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("name", DataType::Utf8, true),
        Field::new("price", DataType::Int32, true),
        Field::new("cheap", DataType::Boolean, true),
    ]))
}

fn call(function: AggregateFunction, args: &[usize], ty: DataType) -> AggregateCall {
    AggregateCall {
        field: Arc::new(Field::new(function.name(), ty, true)),
        function,
        args: args.to_vec(),
        distinct: false,
        filter: None,
    }
}

fn count() -> AggregateCall {
    call(AggregateFunction::Count, &[], DataType::Int64)
}

fn sum() -> AggregateCall {
    call(AggregateFunction::Sum, &[1], DataType::Int32)
}

fn spec(keys: &[usize], aggregates: Vec<AggregateCall>) -> GroupAggregateSpec {
    GroupAggregateSpec {
        keys: keys.to_vec(),
        aggregates,
        emit_update_before: true,
        at_end_only: false,
        input_updates: false,
    }
}

fn run(spec: &GroupAggregateSpec, batch_rows: usize, script: &str) -> String {
    let keys = spec.keys.iter().map(|&key| schema().field(key).clone());
    let results = spec.aggregates.iter().enumerate();
    let results = results.map(|(i, call)| call.field.as_ref().clone().with_name(format!("r{i}")));
    let output = Arc::new(Schema::new(keys.chain(results).collect::<Vec<_>>()));
    let context = OperatorContext {
        node: "test".into(),
        batch_rows: 4,
        key_groups: 128,
        subtask: 0,
        parallelism: 1,
    };
    let mut operator = GroupAggregate::new(spec, &schema(), &output, &context).unwrap();
    Script::new(schema())
        .batch_rows(batch_rows)
        .run(&mut operator, script)
}

fn check(spec: GroupAggregateSpec, script: &str, wanted: Expect) {
    wanted.assert_eq(&run(&spec, usize::MAX, script));
}

#[test]
fn rows_of_a_batch_are_folded_into_one_update_per_key() {
    check(
        spec(&[0], vec![count(), sum()]),
        "
        row ann 3 null
        row bob null null
        row ann 5 null
        cut
        row ann 2 null
        row null 7 null
        cut
        row null 1 null
        mark 5s
        ",
        expect![[r#"
            +I ann 2 8
            +I bob 1 null
            -U ann 2 8
            +U ann 3 10
            +I null 1 7
            -U null 1 7
            +U null 2 8
            mark 5s
        "#]],
    );
}

#[test]
fn an_update_that_changes_nothing_is_not_sent() {
    let max = call(AggregateFunction::Max, &[1], DataType::Int32);
    check(
        spec(&[0], vec![max]),
        "
        row ann 3 null
        cut
        row ann 2 null
        cut
        row ann 4 null
        ",
        expect![[r#"
            +I ann 3
            -U ann 3
            +U ann 4
        "#]],
    );
}

#[test]
fn a_consumer_may_do_without_update_before() {
    let spec = GroupAggregateSpec {
        emit_update_before: false,
        ..spec(&[0], vec![count()])
    };
    check(
        spec,
        "
        row ann 3 null
        cut
        row ann 2 null
        ",
        expect![[r#"
            +I ann 1
            +U ann 2
        "#]],
    );
}

#[test]
fn rows_that_go_are_subtracted_and_the_last_one_deletes_the_key() {
    let average = call(AggregateFunction::Avg, &[1], DataType::Int32);
    let spec = GroupAggregateSpec {
        input_updates: true,
        ..spec(&[0], vec![count(), sum(), average])
    };
    check(
        spec,
        "
        row ann 3 null
        row ann null null
        row bob 1 null
        -D bob 1 null
        cut
        -U ann 3 null
        cut
        -D ann null null
        cut
        row ann 9 null
        ",
        expect![[r#"
            +I ann 2 3 3
            -U ann 2 3 3
            +U ann 1 null null
            -D ann 1 null null
            +I ann 1 9 9
        "#]],
    );
}

#[test]
fn a_global_aggregate_over_nothing_is_one_row_in_batch_mode_only() {
    let streaming = spec(&[], vec![count(), sum()]);
    let batch = GroupAggregateSpec {
        at_end_only: true,
        ..streaming.clone()
    };
    check(
        streaming,
        "end",
        expect![[r#"
            mark end
        "#]],
    );
    check(
        batch,
        "end",
        expect![[r#"
            mark end
            +I 0 null
        "#]],
    );
}

#[test]
fn a_global_aggregate_stays_when_all_rows_have_gone() {
    let updating = GroupAggregateSpec {
        input_updates: true,
        ..spec(&[], vec![count(), sum()])
    };
    check(
        updating,
        "
        row ann 3 null
        cut
        -D ann 3 null
        cut
        row ann 4 null
        end
        ",
        expect![[r#"
            +I 1 3
            -U 1 3
            +U 0 null
            -U 0 null
            +U 1 4
            mark end
        "#]],
    );
}

#[test]
fn distinct_passes_the_first_row_of_a_key() {
    check(
        spec(&[0, 1], vec![]),
        "
        row ann 3 null
        row ann 3 null
        row ann null null
        cut
        row ann 3 null
        row ann null null
        row bob 3 null
        ",
        expect![[r#"
            +I ann 3
            +I ann null
            +I bob 3
        "#]],
    );
}

#[test]
fn in_batch_mode_results_come_once_at_the_end() {
    let spec = GroupAggregateSpec {
        at_end_only: true,
        ..spec(&[0], vec![count()])
    };
    check(
        spec,
        "
        row ann 3 null
        cut
        row ann 3 null
        row bob 3 null
        end
        ",
        expect![[r#"
            mark end
            +I ann 2
            +I bob 1
        "#]],
    );
}

#[test]
fn filters_and_distinct_choose_rows() {
    let filtered = AggregateCall {
        filter: Some(2),
        ..count()
    };
    let distinct = AggregateCall {
        distinct: true,
        ..call(AggregateFunction::Count, &[1], DataType::Int64)
    };
    let both = AggregateCall {
        filter: Some(2),
        ..distinct.clone()
    };
    let sum_distinct = AggregateCall {
        distinct: true,
        ..sum()
    };
    check(
        spec(&[0], vec![filtered, distinct, both, sum_distinct]),
        "
        row ann 3 true
        row ann 3 null
        row ann 4 false
        row ann null true
        cut
        row ann 4 true
        row ann 3 true
        ",
        expect![[r#"
            +I ann 2 2 1 7
            -U ann 2 2 1 7
            +U ann 4 2 2 7
        "#]],
    );
}

#[test]
fn distinct_values_that_go_are_forgotten() {
    let distinct = AggregateCall {
        distinct: true,
        ..call(AggregateFunction::Count, &[1], DataType::Int64)
    };
    let filtered = AggregateCall {
        filter: Some(2),
        ..distinct.clone()
    };
    let spec = GroupAggregateSpec {
        input_updates: true,
        ..spec(&[0], vec![distinct, filtered])
    };
    check(
        spec,
        "
        row ann 3 true
        row ann 3 false
        row ann 4 true
        cut
        -D ann 3 true
        cut
        -D ann 3 false
        cut
        row ann 3 true
        ",
        expect![[r#"
            +I ann 2 2
            -U ann 2 2
            +U ann 2 1
            -U ann 2 1
            +U ann 1 1
            -U ann 1 1
            +U ann 2 2
        "#]],
    );
}

#[test]
fn the_largest_value_that_goes_makes_room_for_the_next() {
    let max = call(AggregateFunction::Max, &[1], DataType::Int32);
    let spec = GroupAggregateSpec {
        input_updates: true,
        ..spec(&[0], vec![max])
    };
    let script = "
        row ann 3 true
        row ann 7 true
        row ann 7 true
        cut
        -D ann 7 true
        cut
        -D ann 7 true
        cut
        -D ann 3 true
    ";
    let wanted = expect![[r#"
        +I ann 7
        -U ann 7
        +U ann 3
        -D ann 3
    "#]];
    wanted.assert_eq(&run(&spec, 100, script));
}
