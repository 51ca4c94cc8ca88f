//! One row per primary key, by script.

use arrow::datatypes::{Field, Schema};
use expect_test::{Expect, expect};
use millstream_sim::Script;

use super::*;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("key", DataType::Utf8, true),
        Field::new("v", DataType::Int32, true),
    ]))
}

fn made(on_conflict: OnConflict) -> Upsert {
    let context = OperatorContext {
        node: "test".into(),
        batch_rows: 4,
        key_groups: 128,
        subtask: 0,
        parallelism: 1,
    };
    let spec = UpsertSpec {
        key: vec![0],
        on_conflict,
    };
    Upsert::new(&spec, &schema(), &context).unwrap()
}

fn check(on_conflict: OnConflict, script: &str, wanted: &Expect) {
    let out = Script::new(schema()).run_made(&|| Box::new(made(on_conflict)), script);
    wanted.assert_eq(&out);
}

#[test]
fn the_last_row_is_shown_and_the_one_before_comes_back() {
    check(
        OnConflict::Deduplicate,
        "
        row ann 1
        cut
        row ann 2
        cut
        row ann 3
        row bob 1
        cut
        -D ann 2
        cut
        -D ann 3
        cut
        -D ann 1
        -D bob 1
        cut
        -D ann 9
        ",
        &expect![[r#"
            +I ann 1
            +U ann 2
            +U ann 3
            +I bob 1
            +U ann 1
            -D ann 1
            -D bob 1
        "#]],
    );
}

#[test]
fn a_row_that_comes_again_is_the_last_one() {
    check(
        OnConflict::Deduplicate,
        "
        row ann 1
        cut
        row ann 2
        cut
        row ann 1
        cut
        -D ann 1
        cut
        -D ann 2
        ",
        &expect![[r#"
            +I ann 1
            +U ann 2
            +U ann 1
        "#]],
    );
}

#[test]
fn the_order_of_arrival_outlives_a_restart() {
    check(
        OnConflict::Deduplicate,
        "
        row ann 3
        row ann 1
        row ann 2
        checkpoint
        restart
        -D ann 2
        cut
        row ann 5
        checkpoint
        restart
        -D ann 5
        -D ann 1
        ",
        &expect![[r#"
            +I ann 2
            +U ann 1
            +U ann 5
            +U ann 3
        "#]],
    );
}

#[test]
fn the_first_row_stays_until_it_is_taken_back() {
    check(
        OnConflict::Nothing,
        "
        row ann 1
        row ann 2
        mark 1s
        row ann 3
        mark 2s
        -D ann 1
        mark 3s
        checkpoint
        restart
        -D ann 2
        -D ann 3
        mark 4s
        end
        ",
        &expect![[r#"
            +I ann 1
            mark 1s
            mark 2s
            +U ann 2
            mark 3s
            -D ann 2
            mark 4s
            mark end
        "#]],
    );
}

#[test]
fn an_update_under_way_is_not_taken_for_two_rows() {
    check(
        OnConflict::Error,
        "
        row ann 1
        mark 1s
        +U ann 2
        cut
        checkpoint
        restart
        -U ann 1
        mark 2s
        -D ann 2
        mark 3s
        row ann 1
        row ann 4
        mark 4s
        ",
        &expect![[r#"
            +I ann 1
            mark 1s
            +U ann 2
            mark 2s
            -D ann 2
            mark 3s
            error MS2005 two rows have the primary key key = ann; one of them is (ann, 1)
        "#]],
    );
}
