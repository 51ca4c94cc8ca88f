//! Keep-first by script.

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use expect_test::{Expect, expect};
use millstream_sim::Script;

use super::*;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("k", DataType::Utf8, true),
        Field::new("v", DataType::Int32, true),
        Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, None), true),
    ]))
}

fn made(time: TimeAttribute) -> Deduplicate {
    let context = OperatorContext {
        node: "test".into(),
        batch_rows: 4,
        key_groups: 128,
        subtask: 0,
        parallelism: 1,
    };
    let keys = vec![0];
    Deduplicate::new(&DeduplicateSpec { keys, time }, &schema(), &context).unwrap()
}

fn check(time: &TimeAttribute, script: &str, wanted: &Expect) {
    for batch_rows in [1, 100] {
        let out = Script::new(schema())
            .batch_rows(batch_rows)
            .run(&mut made(time.clone()), script);
        wanted.assert_eq(&out);
    }
}

#[test]
fn by_processing_time_the_first_to_come_passes() {
    check(
        &TimeAttribute::Processing,
        "
        row a 1 9s
        row a 2 1s
        row null 3 1s
        row b 4 1s
        row null 5 1s
        mark 10s
        row a 6 20s
        ",
        &expect![[r#"
            +I a 1 9s
            +I null 3 1s
            +I b 4 1s
            mark 10s
        "#]],
    );
}

#[test]
fn by_event_time_the_least_time_passes_once_the_watermark_is_there() {
    check(
        &TimeAttribute::Event { column: 2 },
        "
        row a 1 9s
        row b 2 4s
        row a 3 5s
        row a 4 5s
        row c 5 20s
        mark 5s
        row a 6 6s
        row b 7 3s
        row d 8 5s
        mark 7s
        mark end
        ",
        &expect![[r#"
            +I b 2 4s
            +I a 3 5s
            mark 5s
            late b 7 3s
            +I d 8 5s
            mark 7s
            +I c 5 20s
            mark end
        "#]],
    );
}
