use arrow::datatypes::{DataType, Field, Schema};
use expect_test::{Expect, expect};
use millstream_plan::SortKey;
use millstream_sim::Script;

use super::*;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("name", DataType::Utf8, true),
        Field::new("price", DataType::Int32, true),
    ]))
}

fn by_price(descending: bool, skip: u64, fetch: Option<u64>) -> SortSpec {
    let key = SortKey {
        column: 1,
        descending,
        nulls_first: !descending,
    };
    SortSpec {
        keys: vec![key],
        skip,
        fetch,
    }
}

fn run(spec: &SortSpec, batch_rows: usize, script: &str) -> String {
    let context = OperatorContext {
        node: "test".into(),
        batch_rows: 2,
        key_groups: 128,
        subtask: 0,
        parallelism: 1,
    };
    let mut operator = Sort::new(spec, &schema(), &context).unwrap();
    Script::new(schema())
        .batch_rows(batch_rows)
        .run(&mut operator, script)
}

fn check(spec: SortSpec, script: &str, wanted: Expect) {
    wanted.assert_eq(&run(&spec, 1, script));
    wanted.assert_eq(&run(&spec, usize::MAX, script));
}

#[test]
fn rows_come_out_in_order_at_the_end_and_equal_ones_as_they_came() {
    check(
        by_price(false, 0, None),
        "
        row ann 3
        row bob null
        row cid 1
        row dan 3
        row eve -1
        end
        ",
        expect![[r#"
            mark end
            +I bob null
            +I eve -1
            +I cid 1
            +I ann 3
            +I dan 3
        "#]],
    );
}

#[test]
fn offset_and_limit_cut_the_result() {
    check(
        by_price(true, 1, Some(2)),
        "
        row ann 3
        row bob null
        row cid 1
        row dan 9
        end
        ",
        expect![[r#"
            mark end
            +I ann 3
            +I cid 1
        "#]],
    );
    check(
        by_price(true, 5, Some(2)),
        "row ann 3\nend",
        expect!["mark end\n"],
    );
}

#[test]
fn rows_that_have_gone_are_not_put_out() {
    check(
        by_price(false, 0, None),
        "
        row ann 3
        row ann 3
        row bob 2
        -U ann 3
        +U ann 1
        -D bob 2
        end
        ",
        expect![[r#"
            mark end
            +I ann 1
            +I ann 3
        "#]],
    );
}

#[test]
fn with_a_limit_only_few_rows_are_kept() {
    let context = OperatorContext {
        node: "test".into(),
        batch_rows: 8192,
        key_groups: 128,
        subtask: 0,
        parallelism: 1,
    };
    let mut sort = Sort::new(&by_price(false, 0, Some(3)), &schema(), &context).unwrap();
    let mut out = Output::new(0);
    for start in (0..400_000).rev().step_by(10_000) {
        let rows = (0..10_000).map(|i| vec!["x".to_string(), (start - i).to_string()]);
        let rows = millstream_sim::values::batch(&schema(), &rows.collect::<Vec<_>>());
        sort.on_rows(Port::ONLY, ChangeBatch::inserts(rows), &mut out)
            .unwrap();
        assert!(sort.kept.rows <= PRUNE_ROWS_MIN + 10_000);
    }
    sort.on_end(&mut out).unwrap();
    let emissions = out.take();
    let [millstream_core::operator::Emission::Rows(rows)] = emissions.as_slice() else {
        panic!("one batch");
    };
    assert_eq!(millstream_sim::values::row_text(rows.rows(), 0), "x 0");
    assert_eq!(rows.num_rows(), 3);
}
