//! One way to make and run a window aggregate, so that a changed API touches one function.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use millstream_operators::{OperatorContext, create};
use millstream_plan::{
    AggregateCall, AggregateFunction, NodeKind, TimeAttribute, Window, WindowAggregateSpec,
    WindowProperty,
};
use millstream_sim::Script;

/// A TIMESTAMP(3), or a TIMESTAMP_LTZ(3).
pub(crate) fn time(is_instant: bool) -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, is_instant.then(|| "UTC".into()))
}

/// `name STRING, value INT, ts TIMESTAMP(3), start TIMESTAMP(3), end TIMESTAMP(3)`; the last two
/// only with `attached`.
pub(crate) fn input(attached: bool, is_instant: bool) -> SchemaRef {
    let mut fields = vec![
        Field::new("name", DataType::Utf8, true),
        Field::new("value", DataType::Int32, true),
        Field::new("ts", time(is_instant), true),
    ];
    if attached {
        fields.push(Field::new("start", time(false), true));
        fields.push(Field::new("end", time(false), true));
    }
    Arc::new(Schema::new(fields))
}

pub(crate) fn call(function: AggregateFunction, args: &[usize], ty: DataType) -> AggregateCall {
    AggregateCall {
        field: Arc::new(Field::new(function.name(), ty, true)),
        function,
        args: args.to_vec(),
        distinct: false,
        filter: None,
    }
}

/// COUNT(*), SUM(value), COUNT(DISTINCT value).
pub(crate) fn calls() -> Vec<AggregateCall> {
    vec![
        call(AggregateFunction::Count, &[], DataType::Int64),
        call(AggregateFunction::Sum, &[1], DataType::Int32),
        AggregateCall {
            distinct: true,
            ..call(AggregateFunction::Count, &[1], DataType::Int64)
        },
    ]
}

/// By name, with start and end of the window.
pub(crate) fn spec(window: Window) -> WindowAggregateSpec {
    WindowAggregateSpec {
        window,
        time: TimeAttribute::Event { column: 2 },
        zone: None,
        keys: vec![0],
        aggregates: calls(),
        properties: vec![WindowProperty::Start, WindowProperty::End],
        input_updates: false,
    }
}

/// The columns of the results.
pub(crate) fn window_output(
    spec: &WindowAggregateSpec,
    input: &Schema,
    is_instant: bool,
) -> SchemaRef {
    let keys = spec.keys.iter().map(|&key| input.field(key).clone());
    let results = spec.aggregates.iter().enumerate();
    let results = results.map(|(i, call)| call.field.as_ref().clone().with_name(format!("r{i}")));
    let properties = spec.properties.iter().map(|property| match property {
        WindowProperty::Start => Field::new("window_start", time(false), false),
        WindowProperty::End => Field::new("window_end", time(false), false),
        WindowProperty::Time => Field::new("window_time", time(is_instant), false),
    });
    let fields: Vec<Field> = keys.chain(results).chain(properties).collect();
    Arc::new(Schema::new(fields))
}

/// Runs a script; results have at most `result_rows` rows per batch.
pub(crate) fn run(
    spec: &WindowAggregateSpec,
    is_instant: bool,
    batch_rows: usize,
    result_rows: usize,
    script: &str,
) -> String {
    let input = input(matches!(spec.window, Window::Attached { .. }), is_instant);
    let output = window_output(spec, &input, is_instant);
    let context = OperatorContext {
        node: "test".into(),
        batch_rows: result_rows,
        key_groups: 128,
        subtask: 0,
        parallelism: 1,
    };
    let mut operator = create(
        &NodeKind::WindowAggregate(spec.clone()),
        &[Arc::clone(&input)],
        &output,
        &context,
    )
    .unwrap();
    Script::new(input)
        .batch_rows(batch_rows)
        .run(operator.as_mut(), script)
}

/// The lines of an output with those between two marks sorted: the order within is free.
pub(crate) fn settled(output: &str) -> String {
    let mut settled: Vec<&str> = Vec::new();
    let mut block: Vec<&str> = Vec::new();
    for line in output.lines() {
        if line.starts_with("mark") {
            block.sort_unstable();
            settled.append(&mut block);
            settled.push(line);
        } else {
            block.push(line);
        }
    }
    block.sort_unstable();
    settled.append(&mut block);
    settled.join("\n")
}
