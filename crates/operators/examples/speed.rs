//! Rows per second of the hot operators on one core:
//! `cargo run --release -p millstream-operators --example speed [word]`.
//!
//! Each line is the best of three runs over generated batches of 8192 rows; making them is not
//! counted. What is measured is processor time (Linux: `/proc/thread-self/schedstat`, to about
//! 4 ms; elsewhere the clock), so that a busy machine does not matter much. A word runs only the lines that
//! contain it. Snapshots and restores are measured without the files they are made for.

#![expect(clippy::print_stdout, reason = "its purpose is to print")]
#![expect(clippy::unwrap_used, reason = "a failure should stop the measurement")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion_expr::{col, lit};
use millstream_core::id::Port;
use millstream_core::operator::{Emission, Operator, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateChunk, StateKey, StateReader, StateWriter};
use millstream_core::time::EventTime;
use millstream_operators::{OperatorContext, create};
use millstream_plan::{
    AggregateCall, AggregateFunction, CalcSpec, GroupAggregateSpec, NodeKind, TimeAttribute,
    WatermarkSpec, Window, WindowAggregateSpec, WindowProperty,
};

const BATCH_ROWS: usize = 8192;
const BATCHES: usize = 1000;

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, None)
}

/// `key BIGINT, day STRING, value BIGINT, low BOOLEAN, mid BOOLEAN, high BOOLEAN, ts TIMESTAMP(3)`.
fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("key", DataType::Int64, false),
        Field::new("day", DataType::Utf8, false),
        Field::new("value", DataType::Int64, false),
        Field::new("low", DataType::Boolean, false),
        Field::new("mid", DataType::Boolean, false),
        Field::new("high", DataType::Boolean, false),
        Field::new("ts", time(), false),
    ]))
}

/// Keys below `keys`, values below `values`, event time growing by 10 µs per row.
fn batches(keys: u64, values: u64) -> Vec<ChangeBatch> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below) as i64
    };
    let batch = |number: usize| {
        let mut ints = |below| -> Vec<i64> { (0..BATCH_ROWS).map(|_| next(below)).collect() };
        let (keys, values) = (ints(keys), ints(values));
        let third = |of: i64| -> ArrayRef {
            Arc::new(
                values
                    .iter()
                    .map(|v| Some(v % 3 == of))
                    .collect::<BooleanArray>(),
            )
        };
        let start = (number * BATCH_ROWS) as i64;
        let times = (0..BATCH_ROWS as i64).map(|row| (start + row) / 100);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(keys)),
            Arc::new(StringArray::from(vec!["2026-11-20"; BATCH_ROWS])),
            Arc::new(Int64Array::from(values.clone())),
            third(0),
            third(1),
            third(2),
            Arc::new(TimestampMillisecondArray::from_iter_values(times)),
        ];
        ChangeBatch::inserts(RecordBatch::try_new(schema(), columns).unwrap())
    };
    (0..BATCHES).map(batch).collect()
}

fn call(function: AggregateFunction, arg: Option<usize>) -> AggregateCall {
    AggregateCall {
        field: Arc::new(Field::new(function.name(), DataType::Int64, true)),
        function,
        args: arg.into_iter().collect(),
        distinct: false,
        filter: None,
    }
}

fn count() -> AggregateCall {
    call(AggregateFunction::Count, None)
}

/// COUNT(*) and COUNT(DISTINCT arg), each plain and with three filters, as in Nexmark q15.
fn counts_with_filters() -> Vec<AggregateCall> {
    let filters = [None, Some(3), Some(4), Some(5)];
    let plain = filters.map(|filter| AggregateCall { filter, ..count() });
    let distinct = |arg| {
        filters.map(|filter| AggregateCall {
            filter,
            distinct: true,
            ..call(AggregateFunction::Count, Some(arg))
        })
    };
    plain
        .into_iter()
        .chain(distinct(0))
        .chain(distinct(2))
        .collect()
}

fn group(keys: &[usize], aggregates: Vec<AggregateCall>) -> (NodeKind, SchemaRef) {
    let output = output(keys, &aggregates, &[]);
    let spec = GroupAggregateSpec {
        keys: keys.to_vec(),
        aggregates,
        emit_update_before: true,
        at_end_only: false,
        input_updates: false,
    };
    (NodeKind::GroupAggregate(spec), output)
}

fn window(window: Window, aggregates: Vec<AggregateCall>) -> (NodeKind, SchemaRef) {
    let output = output(&[0], &aggregates, &["window_start", "window_end"]);
    let spec = WindowAggregateSpec {
        window,
        time: TimeAttribute::Event { column: 6 },
        zone: None,
        keys: vec![0],
        aggregates,
        properties: vec![WindowProperty::Start, WindowProperty::End],
        input_updates: false,
    };
    (NodeKind::WindowAggregate(spec), output)
}

fn output(keys: &[usize], aggregates: &[AggregateCall], properties: &[&str]) -> SchemaRef {
    let keys = keys.iter().map(|&key| schema().field(key).clone());
    let results = aggregates.iter().enumerate();
    let results = results.map(|(i, call)| call.field.as_ref().clone().with_name(format!("r{i}")));
    let properties = properties
        .iter()
        .map(|name| Field::new(*name, time(), false));
    Arc::new(Schema::new(
        keys.chain(results).chain(properties).collect::<Vec<_>>(),
    ))
}

fn calc() -> (NodeKind, SchemaRef) {
    let spec = CalcSpec {
        filter: Some(col("value").lt(lit(50_000i64))),
        projection: vec![col("key"), col("value") * lit(2i64), col("ts")],
        uses_now: false,
    };
    let fields = vec![
        Field::new("key", DataType::Int64, false),
        Field::new("twice", DataType::Int64, false),
        Field::new("ts", time(), false),
    ];
    (NodeKind::Calc(spec), Arc::new(Schema::new(fields)))
}

fn watermark() -> (NodeKind, SchemaRef) {
    let spec = WatermarkSpec {
        column: 6,
        expr: col("ts"),
        step_ms: 200,
        idle_timeout_ms: None,
        max_future_ms: None,
    };
    (NodeKind::Watermark(spec), schema())
}

fn measure(name: &str, rows: &[ChangeBatch], (kind, output): (NodeKind, SchemaRef)) {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    if !name.contains(&wanted) {
        return;
    }
    let context = context(name);
    let best = (0..3)
        .map(|_| {
            let mut operator = create(&kind, &[schema()], &output, &context).unwrap();
            run(operator.as_mut(), rows)
        })
        .min()
        .unwrap_or_default();
    let total = (rows.len() * BATCH_ROWS) as f64;
    println!(
        "{name:44} {:8.1} M rows/s",
        total / best.as_secs_f64() / 1e6
    );
}

/// Time this thread has spent on a processor.
#[expect(clippy::disallowed_methods, reason = "measures real time")]
fn spent(start: Instant) -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat.split_whitespace().next();
    match nanos.and_then(|nanos| nanos.parse().ok()) {
        Some(nanos) => Duration::from_nanos(nanos),
        None => Instant::now() - start,
    }
}

#[expect(clippy::disallowed_methods, reason = "measures real time")]
fn run(operator: &mut dyn Operator, rows: &[ChangeBatch]) -> Duration {
    let mut out = Output::new(0);
    let origin = Instant::now();
    let start = spent(origin);
    for (number, rows) in rows.iter().enumerate() {
        operator
            .on_rows(Port::ONLY, rows.clone(), &mut out)
            .unwrap();
        let reached = (number * BATCH_ROWS / 100) as i64;
        operator.on_watermark(EventTime(reached), &mut out).unwrap();
        for emission in out.take() {
            if let Emission::Rows(rows) = emission {
                std::hint::black_box(rows.num_rows());
            }
        }
    }
    operator.on_watermark(EventTime::MAX, &mut out).unwrap();
    operator.on_end(&mut out).unwrap();
    spent(origin) - start
}

/// Entries in memory, as a reader of files would give them.
struct Entries {
    is_full: bool,
    chunks: Vec<StateChunk>,
    blobs: Vec<(String, Vec<u8>)>,
    entries: usize,
}

impl Entries {
    fn new(is_full: bool) -> Self {
        Entries {
            is_full,
            chunks: Vec::new(),
            blobs: Vec::new(),
            entries: 0,
        }
    }
}

impl StateWriter for Entries {
    fn is_full(&self) -> bool {
        self.is_full
    }

    fn put(&mut self, key: StateKey<'_>, value: &[u8]) -> millstream_core::Result<()> {
        self.entries += 1;
        let fits = |chunk: &&mut StateChunk| {
            let same = (chunk.table, chunk.namespace) == (key.table, key.namespace);
            same && chunk.len() < StateChunk::ENTRIES_MAX
        };
        match self.chunks.last_mut().filter(fits) {
            Some(chunk) => chunk.push(key.group, key.key, value),
            None => {
                let mut chunk = StateChunk::new(key.table, key.namespace);
                chunk.push(key.group, key.key, value);
                self.chunks.push(chunk);
            }
        }
        Ok(())
    }

    fn delete(&mut self, _key: StateKey<'_>) -> millstream_core::Result<()> {
        self.entries += 1;
        Ok(())
    }

    fn drop_namespace(&mut self, _table: u8, _namespace: i64) -> millstream_core::Result<()> {
        Ok(())
    }

    fn blob(&mut self, name: &str, value: &[u8]) -> millstream_core::Result<()> {
        self.blobs.push((name.to_owned(), value.to_vec()));
        Ok(())
    }
}

impl StateReader for Entries {
    fn next_chunk(&mut self) -> millstream_core::Result<Option<StateChunk>> {
        Ok(self.chunks.pop())
    }

    fn blobs(&self, name: &str) -> Vec<&[u8]> {
        let named = self.blobs.iter().filter(|(known, _)| known == name);
        named.map(|(_, bytes)| bytes.as_slice()).collect()
    }

    fn key_groups(&self) -> std::ops::Range<u32> {
        0..128
    }
}

/// A full snapshot after all rows, one of what a last batch has changed, and a restore.
#[expect(clippy::disallowed_methods, reason = "measures real time")]
fn measure_state(name: &str, rows: &[ChangeBatch], (kind, output): (NodeKind, SchemaRef)) {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    if !name.contains(&wanted) {
        return;
    }
    let make = || create(&kind, &[schema()], &output, &context(name)).unwrap();
    let (mut operator, mut out) = (make(), Output::new(0));
    let origin = Instant::now();
    let show = |what: &str, entries: usize, start: Duration| {
        let taken = (spent(origin) - start).as_secs_f64();
        let rate = entries as f64 / taken / 1e6;
        println!("{name:30} {what:13} {entries:9} entries {rate:8.2} M entries/s");
    };
    for rows in rows {
        operator
            .on_rows(Port::ONLY, rows.clone(), &mut out)
            .unwrap();
        drop(out.take());
    }
    let (mut full, start) = (Entries::new(true), spent(origin));
    operator.snapshot(&mut full).unwrap();
    show("full", full.entries, start);
    operator
        .on_rows(Port::ONLY, rows[0].clone(), &mut out)
        .unwrap();
    let (mut changes, start) = (Entries::new(false), spent(origin));
    operator.snapshot(&mut changes).unwrap();
    show("changes", changes.entries, start);
    let (mut restored, start) = (make(), spent(origin));
    let entries = full.entries;
    restored.restore(&mut full).unwrap();
    show("restore", entries, start);
}

fn context(name: &str) -> OperatorContext {
    OperatorContext {
        node: name.into(),
        batch_rows: BATCH_ROWS,
        key_groups: 128,
        subtask: 0,
        parallelism: 1,
    }
}

fn main() {
    let tumble = Window::Tumble {
        size: 10_000,
        offset: 0,
    };
    let hop = |times: i64| Window::Hop {
        slide: 2_000,
        size: 2_000 * times,
        offset: 0,
    };
    let cumulate = Window::Cumulate {
        step: 2_000,
        size: 20_000,
        offset: 0,
    };
    let few = batches(1_000, 100_000);
    measure("calc, filter half", &few, calc());
    measure("watermark", &few, watermark());
    measure("group count, 1 k keys", &few, group(&[0], vec![count()]));
    measure("group count, text key", &few, group(&[1], vec![count()]));
    measure("group count, two keys", &few, group(&[0, 1], vec![count()]));
    measure(
        "tumble count, 1 k keys",
        &few,
        window(tumble.clone(), vec![count()]),
    );
    measure("hop 5 count, 1 k keys", &few, window(hop(5), vec![count()]));
    measure(
        "hop 360 count, 1 k keys",
        &few,
        window(hop(360), vec![count()]),
    );
    measure(
        "cumulate 10 count, 1 k keys",
        &few,
        window(cumulate, vec![count()]),
    );
    let session = Window::Session { gap: 10_000 };
    measure(
        "session count, 1 k keys",
        &few,
        window(session, vec![count()]),
    );
    measure(
        "group 12 counts, 8 distinct, 4 filters",
        &few,
        group(&[1], counts_with_filters()),
    );
    drop(few);
    let many = batches(1_000_000, 1_000_000);
    measure("group count, 1 M keys", &many, group(&[0], vec![count()]));
    measure(
        "tumble count, 1 M keys",
        &many,
        window(tumble, vec![count()]),
    );
    measure(
        "session count, 1 M keys",
        &many,
        window(Window::Session { gap: 100 }, vec![count()]),
    );
    measure(
        "group 12 counts, 1 M distinct values",
        &many,
        group(&[1], counts_with_filters()),
    );
    measure_state(
        "state: group count, 1 M keys",
        &many,
        group(&[0], vec![count()]),
    );
    measure_state(
        "state: session count, 1 M keys",
        &many,
        window(Window::Session { gap: 1_000_000 }, vec![count()]),
    );
    measure_state(
        "state: group 12 counts, 1 M",
        &many,
        group(&[1], counts_with_filters()),
    );
}
