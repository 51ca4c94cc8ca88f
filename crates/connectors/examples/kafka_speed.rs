//! How fast topics are read and written: `cargo run --release --example kafka_speed [ROWS]`.
//!
//! One partition, JSON of about 200 bytes, one subtask, the broker of the test services on the same
//! machine. Prints rows per second of wall time and of the process's own processor time, and what a
//! checkpoint with a transaction costs.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use millstream_core::Result;
use millstream_core::clock::{Clock, SystemClock};
use millstream_core::connector::{
    CommitMarker, CommitOutcome, Fetch, JobIdentity, SinkContext, SourceContext, Split,
};
use millstream_core::id::{CheckpointId, SplitId};
use millstream_core::message::{Barrier, Keep};
use millstream_core::options::Options;
use millstream_core::rows::ChangeBatch;
use millstream_core::table::TableSpec;
use millstream_faultkit::services;

const BATCH_ROWS: usize = 8192;

fn table(bootstrap: &str, topic: &str, more: &[(&str, &str)]) -> TableSpec {
    let fields = ["id", "amount", "at"].map(|name| Field::new(name, DataType::Int64, true));
    let texts = ["name", "city", "note"].map(|name| Field::new(name, DataType::Utf8, true));
    let mut options = vec![
        ("connector", "kafka"),
        ("topic", topic),
        ("format", "json"),
        ("properties.bootstrap.servers", bootstrap),
    ];
    options.extend_from_slice(more);
    let options = options.into_iter().map(|(k, v)| (k.into(), v.into()));
    TableSpec {
        name: "t".into(),
        schema: Arc::new(Schema::new([fields.to_vec(), texts.to_vec()].concat())),
        metadata: Vec::new(),
        primary_key: Vec::new(),
        partition_keys: Vec::new(),
        options: Options::new("table 't'", options.collect()),
    }
}

fn rows(table: &TableSpec, from: usize) -> RecordBatch {
    let numbers = |factor: i64| -> ArrayRef {
        let values = (from..from + BATCH_ROWS).map(|i| i as i64 * factor);
        Arc::new(Int64Array::from_iter_values(values))
    };
    let text = |text: &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
            text, BATCH_ROWS,
        )))
    };
    let columns = vec![
        numbers(1),
        numbers(17),
        numbers(1000),
        text("a name of some length"),
        text("Berlin"),
        text("some words that fill a record up to two hundred bytes, as records are in life"),
    ];
    RecordBatch::try_new(Arc::clone(&table.schema), columns).expect("they fit")
}

/// Processor time of this process, in seconds.
fn used() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|t| t.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}

fn report(what: &str, rows: usize, wall: Duration, processor: f64) {
    eprintln!(
        "{what:<28} {:>9.0} rows/s   {:>9.0} rows/s of processor time",
        rows as f64 / wall.as_secs_f64(),
        rows as f64 / processor,
    );
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let batches = count.unwrap_or(2_000_000usize).div_ceil(BATCH_ROWS);
    let broker = services::kafka()?;
    let clock = SystemClock::new();
    let topic = format!("speed-{}", std::process::id());
    broker.create_topic(&topic, 1)?;
    let exactly = ("sink.delivery-guarantee", "exactly-once");
    write(&table(&broker.bootstrap, &topic, &[]), batches, None).await?;
    write(
        &table(&broker.bootstrap, &topic, &[exactly]),
        batches,
        Some(20),
    )
    .await?;

    let bounded = [
        ("scan.startup.mode", "earliest-offset"),
        ("scan.bounded.mode", "latest-offset"),
    ];
    let table = table(&broker.bootstrap, &topic, &bounded);
    let connector = millstream_connectors::connector("kafka")?;
    let source = connector.source().expect("it reads").create(
        &table,
        &SourceContext {
            projection: (0..6).collect(),
            schema: Arc::clone(&table.schema),
            formats: Arc::new(millstream_formats::format),
            clock: Arc::new(SystemClock::new()),
            job: JobIdentity::transient("speed"),
            parallelism: 1,
            batch_rows: BATCH_ROWS,
        },
    )?;
    let found = source.enumerator(&[])?.discover().await?;
    let mut reader = source.reader()?;
    for (id, (name, data)) in (0..).zip(found.splits) {
        reader.assign(
            Split {
                id: SplitId(id),
                name,
                data,
            },
            None,
        )?;
    }
    let (began, before) = (clock.elapsed(), used());
    let mut read = 0;
    loop {
        match reader.fetch().await? {
            Fetch::Rows { rows, .. } => read += rows.num_rows(),
            Fetch::Finished(_) => {}
            Fetch::Waiting => break,
        }
    }
    report("read", read, clock.elapsed() - began, used() - before);
    Ok(())
}

/// Writes so many batches, a checkpoint after every so many of them.
async fn write(table: &TableSpec, batches: usize, checkpoint: Option<usize>) -> Result<()> {
    let clock = SystemClock::new();
    let connector = millstream_connectors::connector("kafka")?;
    let sink = connector.sink().expect("it writes");
    let mut context = SinkContext {
        subtask: 0,
        parallelism: 1,
        run_id: "speed".into(),
        job: JobIdentity::transient(&format!("speed-{}", std::process::id())),
        transactions: None,
        formats: Arc::new(millstream_formats::format),
        clock: Arc::new(SystemClock::new()),
    };
    let transactions = match checkpoint {
        Some(_) => Some(sink.transactions(&[table], &context)?),
        None => None,
    };
    if let Some(transactions) = &transactions {
        transactions.recover(&[]).await?;
        transactions.begin().await?;
        context.transactions = Some(Arc::clone(transactions));
    }
    let mut writer = sink.writer(table, &context)?;
    let barrier = |number: usize, last: bool| Barrier {
        checkpoint: CheckpointId(number as u64),
        keep: Keep::Nothing,
        last,
    };
    let (began, before) = (clock.elapsed(), used());
    let (mut prepare, mut commit, mut checkpoints) = (Duration::ZERO, Duration::ZERO, 0u32);
    for batch in 1..=batches {
        writer
            .write(ChangeBatch::inserts(rows(table, batch * BATCH_ROWS)))
            .await?;
        let (Some(transactions), Some(every)) = (&transactions, checkpoint) else {
            continue;
        };
        if batch % every != 0 && batch != batches {
            continue;
        }
        let start = clock.elapsed();
        writer.prepare(barrier(batch, batch == batches)).await?;
        let prepared = clock.elapsed();
        let marker = CommitMarker {
            lineage: context.job.lineage.to_string(),
            checkpoint: batch as u64,
        };
        if let CommitOutcome::Unknown(error) = transactions.commit(&marker).await {
            return Err(error);
        }
        transactions.begin().await?;
        prepare += prepared - start;
        commit += clock.elapsed() - prepared;
        checkpoints += 1;
    }
    if transactions.is_none() {
        writer.prepare(barrier(1, true)).await?;
    }
    let what = if transactions.is_some() {
        "write exactly once"
    } else {
        "write at least once"
    };
    report(
        what,
        batches * BATCH_ROWS,
        clock.elapsed() - began,
        used() - before,
    );
    if checkpoints > 0 {
        eprintln!(
            "{checkpoints} checkpoints: delivery {:?}, commit and begin {:?} on average",
            prepare / checkpoints,
            commit / checkpoints
        );
    }
    Ok(())
}
