//! How fast one thread makes Nexmark events.
//!
//! ```text
//! cargo run --release -p millstream-connectors --example nexmark_speed [EVENTS] [COLUMN,…]
//! ```
//!
//! Prints events per second, nanoseconds and bytes per event for all columns, or for a table of
//! the named ones (`bid`, or only a field of it: `bid.url`).

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use millstream_core::clock::{Clock, SystemClock};
use millstream_core::connector::{Fetch, JobIdentity, SourceContext, Split};
use millstream_core::id::SplitId;
use millstream_core::options::Options;
use millstream_core::table::TableSpec;
use millstream_core::types::{ColumnType, RowField, SqlType};
use millstream_core::{Error, Result};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PERSON: &str = "id name* emailAddress* creditCard* city* state* dateTime@ extra*";
const AUCTION: &str = "id itemName* description* initialBid reserve dateTime@ expires@ seller \
                       category extra*";
const BID: &str = "auction bidder price channel* url* dateTime@ extra*";

fn main() -> Result<(), Box<dyn StdError>> {
    let mut arguments = std::env::args().skip(1);
    let events = arguments.next().unwrap_or_else(|| "20000000".into());
    let wanted = arguments.next();
    let table = table(
        &events,
        wanted.as_deref().unwrap_or("event_type,person,auction,bid"),
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(measure(&table))?;
    Ok(())
}

async fn measure(table: &TableSpec) -> Result<()> {
    let clock = Arc::new(SystemClock::new());
    let connector = millstream_connectors::connector("nexmark")?;
    let factory = connector
        .source()
        .ok_or_else(|| Error::internal("'nexmark' cannot be read"))?;
    let source = factory.create(
        table,
        &SourceContext {
            projection: (0..table.schema.fields().len()).collect(),
            schema: Arc::clone(&table.schema),
            formats: Arc::new(|name| Err(Error::unsupported(name))),
            clock: Arc::clone(&clock) as _,
            job: JobIdentity::transient("speed"),
            parallelism: 1,
            batch_rows: 8192,
        },
    )?;
    let mut reader = source.reader()?;
    let splits = source.enumerator(&[])?.discover().await?.splits;
    for (id, (name, data)) in (0..).zip(splits) {
        let id = SplitId(id);
        reader.assign(Split { id, name, data }, None)?;
    }
    let start = clock.elapsed();
    let (mut rows, mut bytes) = (0, 0);
    loop {
        match reader.fetch().await? {
            Fetch::Rows { rows: batch, .. } => {
                rows += batch.num_rows();
                bytes += size(&batch);
            }
            Fetch::Finished(_) => {}
            Fetch::Waiting => break,
        }
    }
    let seconds = (clock.elapsed() - start).as_secs_f64();
    let count = rows.max(1) as f64;
    println!(
        "{rows} events in {seconds:.2} s: {:.2} M events/s, {:.1} ns and {:.0} bytes per event",
        count / seconds / 1e6,
        seconds * 1e9 / count,
        bytes as f64 / count,
    );
    Ok(())
}

fn size(batch: &RecordBatch) -> usize {
    let columns = batch.columns().iter();
    columns
        .map(|column| column.to_data().get_slice_memory_size().unwrap_or(0))
        .sum()
}

fn table(events: &str, wanted: &str) -> TableSpec {
    let fields = columns(wanted)
        .into_iter()
        .map(|(name, sql)| ColumnType::nullable(sql).field(&name));
    let options = [("events.num", events), ("first-event.rate", "10000000")]
        .map(|(key, value)| (key.to_string(), value.to_string()));
    TableSpec {
        name: "nexmark".into(),
        schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
        metadata: Vec::new(),
        primary_key: Vec::new(),
        partition_keys: Vec::new(),
        options: Options::new("table 'nexmark'", BTreeMap::from(options)),
    }
}

/// A table of the named columns; `bid.url` is a column `bid` with only that field.
fn columns(wanted: &str) -> Vec<(String, SqlType)> {
    let all = [("person", PERSON), ("auction", AUCTION), ("bid", BID)];
    let one = |name: &str| {
        let (column, field) = name.split_once('.').unwrap_or((name, ""));
        let fields = all.iter().find(|(row, _)| *row == column);
        let sql = match fields {
            None => SqlType::Int,
            Some((_, fields)) if field.is_empty() => row(fields),
            Some((_, fields)) => {
                let named = fields.split_whitespace().filter(|f| f.starts_with(field));
                row(&named.collect::<Vec<_>>().join(" "))
            }
        };
        (column.to_string(), sql)
    };
    wanted.split(',').map(one).collect()
}

/// Fields by name; `*` marks a STRING, `@` a TIMESTAMP(3), the others are BIGINT.
fn row(fields: &str) -> SqlType {
    let fields = fields.split_whitespace().map(|field| {
        let (name, sql) = match (field.strip_suffix('*'), field.strip_suffix('@')) {
            (Some(name), _) => (name, SqlType::STRING),
            (_, Some(name)) => (name, SqlType::Timestamp(3)),
            _ => (field, SqlType::BigInt),
        };
        RowField {
            name: name.into(),
            ty: ColumnType::nullable(sql),
            comment: None,
        }
    });
    SqlType::Row(fields.collect())
}
