//! Filter and projection as scripts.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields, Int64Type, Schema, SchemaRef, TimeUnit};
use datafusion_common::ScalarValue;
use datafusion_expr::{Expr, col, lit};
use datafusion_functions::core::expr_fn::get_field;
use expect_test::{Expect, expect};
use millstream_core::id::{Port, SplitId};
use millstream_core::operator::{Emission, Operator, Output};
use millstream_core::rows::ChangeBatch;
use millstream_operators::{OperatorContext, create};
use millstream_plan::spec::NOW_COLUMN;
use millstream_plan::{CalcSpec, NodeKind};
use millstream_sim::Script;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("name", DataType::Utf8, true),
        Field::new("price", DataType::Int64, true),
    ]))
}

fn calc(
    filter: Option<Expr>,
    projection: Vec<Expr>,
    input: &SchemaRef,
    types: &[DataType],
) -> Box<dyn Operator> {
    let fields = types.iter().enumerate();
    let fields = fields.map(|(i, ty)| Field::new(format!("c{i}"), ty.clone(), true));
    let spec = CalcSpec {
        filter,
        projection,
        uses_now: false,
    };
    let context = OperatorContext {
        node: "calc".into(),
        batch_rows: 8192,
        key_groups: 128,
        subtask: 0,
        parallelism: 1,
    };
    create(
        &NodeKind::Calc(spec),
        &[Arc::clone(input)],
        &Arc::new(Schema::new(fields.collect::<Vec<_>>())),
        &context,
    )
    .unwrap()
}

fn check(
    filter: Option<Expr>,
    projection: Vec<Expr>,
    types: &[DataType],
    script: &str,
    wanted: Expect,
) {
    let mut operator = calc(filter, projection, &schema(), types);
    wanted.assert_eq(&Script::new(schema()).run(operator.as_mut(), script));
}

#[test]
fn rows_for_which_the_filter_is_not_true_are_dropped() {
    check(
        Some(col("price").gt(lit(2i64))),
        vec![col("price") + lit(1i64), col("name")],
        &[DataType::Int64, DataType::Utf8],
        "
        row ann 1
        -U bob 3
        row cid null
        +U null 4
        mark 3s
        ",
        expect![[r#"
            -U 4 bob
            +U 5 null
            mark 3s
        "#]],
    );
}

#[test]
fn the_processing_time_is_a_column() {
    let now = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    check(
        None,
        vec![
            col("name"),
            Expr::Column(datafusion_common::Column::new_unqualified(NOW_COLUMN)),
        ],
        &[DataType::Utf8, now],
        "
        time 5s
        row ann 1
        ",
        expect![[r#"
            +I ann 5s
        "#]],
    );
}

#[test]
fn a_constant_is_repeated_for_each_row() {
    check(
        None,
        vec![lit("x"), lit(ScalarValue::Int64(None))],
        &[DataType::Utf8, DataType::Int64],
        "row ann 1\nrow bob 2",
        expect![[r#"
            +I x null
            +I x null
        "#]],
    );
}

#[test]
fn an_error_on_a_row_names_the_expression() {
    check(
        None,
        vec![lit(1i64) / col("price")],
        &[DataType::Int64],
        "row ann 0",
        expect![[r#"
            error MS2004 'Int64(1) / price' failed: Arrow error: Divide by zero error
        "#]],
    );
}

/// `bid ROW<price BIGINT, url STRING>`: NULL in every other row, though its fields have values.
fn bids(rows: usize) -> (SchemaRef, RecordBatch) {
    let fields = Fields::from(vec![
        Field::new("price", DataType::Int64, false),
        Field::new("url", DataType::Utf8, true),
    ]);
    let prices: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows as i64));
    let urls: ArrayRef = Arc::new(StringArray::from(vec!["u"; rows]));
    let nulls = NullBuffer::from_iter((0..rows).map(|row| row % 2 == 0));
    let bid = StructArray::new(fields.clone(), vec![prices, urls], Some(nulls));
    let schema = Arc::new(Schema::new(vec![Field::new(
        "bid",
        DataType::Struct(fields),
        true,
    )]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(bid)]).unwrap();
    (schema, batch)
}

fn only_rows(out: &mut Output) -> ChangeBatch {
    match out.take().as_slice() {
        [Emission::Rows(rows)] => rows.clone(),
        other => panic!("one batch, found {other:?}"),
    }
}

#[test]
fn a_field_of_a_null_row_is_null() {
    let (schema, batch) = bids(4);
    let mut operator = calc(
        None,
        vec![get_field(col("bid"), "price")],
        &schema,
        &[DataType::Int64],
    );
    let mut out = Output::new(0);
    let rows = ChangeBatch::inserts(batch).from_split(SplitId(3));
    operator.on_rows(Port::ONLY, rows, &mut out).unwrap();
    let rows = only_rows(&mut out);
    assert_eq!(rows.origin(), Some(SplitId(3)));
    let prices = rows.rows().column(0).as_primitive::<Int64Type>();
    assert_eq!(
        prices,
        &Int64Array::from(vec![Some(0), None, Some(2), None])
    );
}

#[test]
fn a_filter_on_a_field_keeps_only_what_the_projection_reads() {
    let (schema, batch) = bids(5);
    let price = || get_field(col("bid"), "price");
    let filter = col("bid").is_not_null().and(price().gt(lit(0i64)));
    let mut operator = calc(
        Some(filter),
        vec![price() * lit(10i64)],
        &schema,
        &[DataType::Int64],
    );
    let mut out = Output::new(0);
    operator
        .on_rows(Port::ONLY, ChangeBatch::inserts(batch), &mut out)
        .unwrap();
    let prices = only_rows(&mut out);
    let prices = prices.rows().column(0).as_primitive::<Int64Type>();
    assert_eq!(prices.values(), &[20, 40]);
}

#[test]
fn columns_that_are_passed_on_are_not_copied() {
    let (schema, batch) = bids(5);
    let mut operator = calc(
        None,
        vec![get_field(col("bid"), "url")],
        &schema,
        &[DataType::Utf8],
    );
    let before = batch
        .column(0)
        .as_struct()
        .column(1)
        .as_string::<i32>()
        .values()
        .as_ptr();
    let mut out = Output::new(0);
    operator
        .on_rows(Port::ONLY, ChangeBatch::inserts(batch), &mut out)
        .unwrap();
    let rows = only_rows(&mut out);
    assert_eq!(
        rows.rows().column(0).as_string::<i32>().values().as_ptr(),
        before
    );
    assert_eq!(rows.rows().column(0).null_count(), 2);
}
