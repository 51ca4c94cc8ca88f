//! The table as a whole, through the traits its readers use.

mod events;
mod rules;
mod same;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use arrow::datatypes::{
    DataType, Int32Type, Int64Type, Schema, SchemaRef, TimestampMillisecondType,
};

use millstream_core::clock::{ManualClock, SharedClock};
use millstream_core::connector::{
    Connector, Fetch, JobIdentity, Source, SourceContext, SourceReader, Split,
};
use millstream_core::id::SplitId;
use millstream_core::options::Options;
use millstream_core::table::TableSpec;
use millstream_core::types::{ColumnType, RowField, SqlType};
use millstream_core::{Error, Result};

use super::Nexmark;

/// 2015-07-15 00:00:00
const BASE_MS: i64 = 1_436_918_400_000;

// --- tables -------------------------------------------------------------------------------------

fn row(fields: &[(&str, SqlType)]) -> SqlType {
    let fields = fields.iter().map(|(name, sql)| RowField {
        name: name.to_string(),
        ty: ColumnType::nullable(sql.clone()),
        comment: None,
    });
    SqlType::Row(fields.collect())
}

fn whole_table() -> Vec<(&'static str, SqlType)> {
    use SqlType::{BigInt, Timestamp};
    const STRING: SqlType = SqlType::STRING;
    let person = [
        ("id", BigInt),
        ("name", STRING),
        ("emailAddress", STRING),
        ("creditCard", STRING),
        ("city", STRING),
        ("state", STRING),
        ("dateTime", Timestamp(3)),
        ("extra", STRING),
    ];
    let auction = [
        ("id", BigInt),
        ("itemName", STRING),
        ("description", STRING),
        ("initialBid", BigInt),
        ("reserve", BigInt),
        ("dateTime", Timestamp(3)),
        ("expires", Timestamp(3)),
        ("seller", BigInt),
        ("category", BigInt),
        ("extra", STRING),
    ];
    let bid = [
        ("auction", BigInt),
        ("bidder", BigInt),
        ("price", BigInt),
        ("channel", STRING),
        ("url", STRING),
        ("dateTime", Timestamp(3)),
        ("extra", STRING),
    ];
    vec![
        ("event_type", SqlType::Int),
        ("person", row(&person)),
        ("auction", row(&auction)),
        ("bid", row(&bid)),
    ]
}

fn table(columns: &[(&str, SqlType)], options: &[(&str, &str)]) -> TableSpec {
    let fields = columns
        .iter()
        .map(|(name, sql)| ColumnType::nullable(sql.clone()).field(name));
    let mut values: BTreeMap<String, String> = options
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect();
    values.insert("connector".into(), "nexmark".into());
    TableSpec {
        name: "nexmark".into(),
        schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
        metadata: Vec::new(),
        primary_key: Vec::new(),
        partition_keys: Vec::new(),
        options: Options::new("table 'nexmark'", values),
    }
}

struct Open {
    parallelism: u32,
    batch_rows: usize,
    projection: Option<Vec<usize>>,
    clock: SharedClock,
}

impl Default for Open {
    fn default() -> Self {
        Open {
            parallelism: 1,
            batch_rows: 8192,
            projection: None,
            clock: Arc::new(ManualClock::at(0)),
        }
    }
}

impl Open {
    fn source(&self, table: &TableSpec) -> Result<Box<dyn Source>> {
        let all = (0..table.schema.fields().len()).collect();
        let projection = self.projection.clone().unwrap_or(all);
        let factory = Nexmark.source().expect("it can be read");
        factory.create(
            table,
            &SourceContext {
                schema: Arc::new(table.schema.project(&projection).unwrap()),
                projection,
                formats: Arc::new(|name| Err(Error::unsupported(name))),
                clock: Arc::clone(&self.clock),
                job: JobIdentity::transient("test"),
                parallelism: self.parallelism,
                batch_rows: self.batch_rows,
            },
        )
    }

    /// A reader per split.
    async fn readers(&self, table: &TableSpec) -> Vec<Box<dyn SourceReader>> {
        let source = self.source(table).unwrap();
        let mut readers = Vec::new();
        for split in splits(source.as_ref()).await {
            let mut reader = source.reader().unwrap();
            reader.assign(split, None).unwrap();
            readers.push(reader);
        }
        readers
    }

    /// Everything, split after split.
    async fn read(&self, table: &TableSpec) -> Vec<RecordBatch> {
        let mut batches = Vec::new();
        for mut reader in self.readers(table).await {
            batches.extend(drain(reader.as_mut()).await);
        }
        batches
    }
}

async fn splits(source: &dyn Source) -> Vec<Split> {
    let found = source.enumerator(&[]).unwrap().discover().await.unwrap();
    assert_eq!(found.again_after, None);
    let splits = (0..).zip(found.splits);
    splits
        .map(|(id, (name, data))| Split {
            id: SplitId(id),
            name,
            data,
        })
        .collect()
}

async fn drain(reader: &mut dyn SourceReader) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    loop {
        match reader.fetch().await.unwrap() {
            Fetch::Rows { rows, .. } => batches.push(rows),
            Fetch::Finished(_) => {}
            Fetch::Waiting => return batches,
        }
    }
}

/// The first `events` events, in order.
async fn first(events: usize, options: &[(&str, &str)]) -> RecordBatch {
    let number = events.to_string();
    let mut all = vec![("events.num", number.as_str())];
    all.extend(options);
    let table = table(&whole_table(), &all);
    let batches = Open::default().read(&table).await;
    arrow::compute::concat_batches(&table.schema, &batches).unwrap()
}

fn poll_once<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

// --- values -------------------------------------------------------------------------------------

fn column<'a>(batch: &'a RecordBatch, row: &str, field: &str) -> &'a ArrayRef {
    let row = batch.column_by_name(row).unwrap().as_struct();
    row.column_by_name(field).unwrap()
}

/// The values that are not NULL.
fn longs(batch: &RecordBatch, row: &str, field: &str) -> Vec<i64> {
    let values = column(batch, row, field).as_primitive::<Int64Type>();
    values.iter().flatten().collect()
}

fn times(batch: &RecordBatch, row: &str, field: &str) -> Vec<i64> {
    let values = column(batch, row, field).as_primitive::<TimestampMillisecondType>();
    values.iter().flatten().collect()
}

fn strings<'a>(batch: &'a RecordBatch, row: &str, field: &str) -> Vec<&'a str> {
    let values = column(batch, row, field).as_string::<i32>();
    values.iter().flatten().collect()
}

fn types(batch: &RecordBatch) -> Vec<i32> {
    batch
        .column(0)
        .as_primitive::<Int32Type>()
        .values()
        .to_vec()
}

/// The event time of each row, whatever its kind.
fn event_times(batch: &RecordBatch) -> Vec<i64> {
    let of = |row| column(batch, row, "dateTime").as_primitive::<TimestampMillisecondType>();
    let kinds = [of("person"), of("auction"), of("bid")];
    let types = types(batch).into_iter().enumerate();
    types
        .map(|(row, kind)| {
            assert!(kinds[kind as usize].is_valid(row));
            kinds[kind as usize].value(row)
        })
        .collect()
}

/// FNV-1a over every value of a row; NULLs count too.
fn row_hashes(batch: &RecordBatch) -> Vec<u64> {
    let mut hashes = vec![0xcbf2_9ce4_8422_2325_u64; batch.num_rows()];
    for column in batch.columns() {
        hash_column(column, &mut hashes);
    }
    hashes
}

fn hash_column(column: &ArrayRef, hashes: &mut [u64]) {
    if let DataType::Struct(_) = column.data_type() {
        for child in column.as_struct().columns() {
            hash_column(child, hashes);
        }
        return;
    }
    for (row, hash) in hashes.iter_mut().enumerate() {
        let mut add = |bytes: &[u8]| {
            for byte in bytes {
                *hash = (*hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        add(&[u8::from(column.is_null(row))]);
        if column.is_valid(row) {
            match column.data_type() {
                DataType::Int32 => {
                    add(&column.as_primitive::<Int32Type>().value(row).to_le_bytes())
                }
                DataType::Int64 => {
                    add(&column.as_primitive::<Int64Type>().value(row).to_le_bytes())
                }
                DataType::Utf8 => add(column.as_string::<i32>().value(row).as_bytes()),
                _ => add(&column
                    .as_primitive::<TimestampMillisecondType>()
                    .value(row)
                    .to_le_bytes()),
            }
        }
        add(&[0xff]);
    }
}

fn sorted_hashes(batches: &[RecordBatch]) -> Vec<u64> {
    let mut hashes: Vec<u64> = batches.iter().flat_map(row_hashes).collect();
    hashes.sort_unstable();
    hashes
}

fn near(found: f64, wanted: f64, tolerance: f64) {
    assert!(
        (found - wanted).abs() <= tolerance,
        "wanted about {wanted}, found {found}"
    );
}
