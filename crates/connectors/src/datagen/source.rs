//! Makes rows at a given rate.
//!
//! Row i is due `i / rows-per-second` after the first fetch of any subtask, so the rate holds for
//! all of them together without a word between them. A subtask that fell behind by more than a
//! second (its output was full) goes on at the rate and does not make up for it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use millstream_core::clock::SharedClock;
use millstream_core::connector::{
    Discovery, Fetch, Source, SourceContext, SourceFactory, SourceReader, Split, SplitEnumerator,
};
use millstream_core::id::SplitId;
use millstream_core::table::TableSpec;
use millstream_core::{Error, Result};

use super::Datagen;
use super::generator::{Cell, Generator, Time};
use super::random::{mix, pick};
use super::settings::Settings;

/// Bytes of one batch, roughly.
const BATCH_BYTES: u64 = 16 << 20;
/// A waiting reader sleeps at least this long, so that rows travel together.
const LINGER: Duration = Duration::from_millis(5);
/// Where time begins in a table with a seed: 2020-01-01 00:00:00 UTC.
const SEEDED_START_MS: i64 = 1_577_836_800_000;

impl SourceFactory for Datagen {
    fn create(&self, table: &TableSpec, context: &SourceContext) -> Result<Box<dyn Source>> {
        let settings = Settings::of(table)?;
        let seed = settings.seed.unwrap_or_else(|| chance(table, context));
        let mut generators: Vec<Option<Generator>> =
            settings.generators.into_iter().map(Some).collect();
        let mut columns = Vec::with_capacity(context.projection.len());
        for place in &context.projection {
            let generator = generators
                .get_mut(*place)
                .and_then(Option::take)
                .ok_or_else(|| {
                    let owner = table.options.owner();
                    Error::internal(format!(
                        "column {place} of {owner} is wanted twice or not there"
                    ))
                })?;
            columns.push((pick(seed, *place as u64), generator));
        }
        let batch_rows =
            (BATCH_BYTES / settings.row_bytes).clamp(1, context.batch_rows.max(1) as u64);
        Ok(Box::new(Rows(Arc::new(Plan {
            schema: Arc::clone(&context.schema),
            columns,
            rows: settings.rows,
            rows_per_second: settings.rows_per_second,
            is_seeded: settings.seed.is_some(),
            parallelism: u64::from(context.parallelism.max(1)),
            batch_rows,
            clock: Arc::clone(&context.clock),
            started: OnceLock::new(),
        }))))
    }

    fn projects(&self, _table: &TableSpec) -> bool {
        true
    }
}

/// A seed that differs from run to run and from table to table.
fn chance(table: &TableSpec, context: &SourceContext) -> u64 {
    let name = table
        .name
        .bytes()
        .fold(0, |hash, byte| mix(hash ^ u64::from(byte)));
    let elapsed = context.clock.elapsed().as_nanos() as u64;
    mix(name ^ mix(context.clock.now_ms() as u64) ^ elapsed)
}

/// What all subtasks share.
struct Plan {
    schema: SchemaRef,
    /// The key of each wanted column, and what makes its values.
    columns: Vec<(u64, Generator)>,
    rows: Option<u64>,
    rows_per_second: u64,
    is_seeded: bool,
    /// Number of splits; split k makes the rows k, k + parallelism, ….
    parallelism: u64,
    batch_rows: u64,
    clock: SharedClock,
    /// When the first row was due, on the clock's `elapsed`.
    started: OnceLock<Duration>,
}

struct Rows(Arc<Plan>);

impl Source for Rows {
    fn is_bounded(&self) -> bool {
        self.0.rows.is_some()
    }

    fn enumerator(&self) -> Result<Box<dyn SplitEnumerator>> {
        Ok(Box::new(Splits {
            left: 0..self.0.parallelism,
        }))
    }

    fn reader(&self) -> Result<Box<dyn SourceReader>> {
        Ok(Box::new(Reader {
            plan: Arc::clone(&self.0),
            splits: Vec::new(),
        }))
    }
}

struct Splits {
    left: std::ops::Range<u64>,
}

#[async_trait]
impl SplitEnumerator for Splits {
    async fn discover(&mut self) -> Result<Discovery> {
        let splits = self
            .left
            .by_ref()
            .map(|k| (format!("rows-{k}"), k.to_string()))
            .collect();
        Ok(Discovery {
            splits,
            again_after: None,
        })
    }
}

struct Reader {
    plan: Arc<Plan>,
    splits: Vec<Open>,
}

/// A split that is being made.
struct Open {
    id: SplitId,
    /// The number of the next row, if the number was one.
    next: Option<u64>,
    /// Rows this split will not make up for.
    forgiven: u64,
}

#[async_trait]
impl SourceReader for Reader {
    fn assign(&mut self, split: Split) {
        self.splits.push(Open {
            id: split.id,
            next: split.data.parse().ok(),
            forgiven: 0,
        });
    }

    async fn fetch(&mut self) -> Result<Fetch> {
        loop {
            // The split that is furthest behind, so that several advance together.
            let Some(place) = (0..self.splits.len()).min_by_key(|place| self.splits[*place].next)
            else {
                return Ok(Fetch::Waiting);
            };
            let split = &mut self.splits[place];
            let next = split
                .next
                .ok_or_else(|| Error::internal("a split of another connector"))?;
            if self.plan.rows.is_some_and(|rows| next >= rows) {
                return Ok(Fetch::Finished(self.splits.remove(place).id));
            }
            match self.plan.due(next, &mut split.forgiven) {
                Ok(count) => {
                    let rows = self.plan.make(next, count)?;
                    split.next = Some(next + count * self.plan.parallelism);
                    return Ok(Fetch::Rows {
                        split: split.id,
                        rows,
                        bad: Vec::new(),
                    });
                }
                Err(wait) => sleep(wait.max(LINGER)).await,
            }
        }
    }
}

/// Waits without a thread. Sleeping is only a hint to look at the clock again: what is due is
/// decided by the job's clock alone.
async fn sleep(wait: Duration) {
    tokio::time::sleep_until(tokio::time::Instant::now() + wait).await;
}

impl Plan {
    /// How many rows from `next` on a split may make now, at least one; or how long to wait.
    fn due(&self, next: u64, forgiven: &mut u64) -> Result<u64, Duration> {
        const SECOND_NANOS: u128 = 1_000_000_000;
        let now = self.clock.elapsed();
        let since = now.saturating_sub(*self.started.get_or_init(|| now));
        let rate = u128::from(self.rows_per_second);
        let last =
            u64::try_from(since.as_nanos().saturating_mul(rate) / SECOND_NANOS).unwrap_or(u64::MAX);
        *forgiven = (*forgiven).max(
            last.saturating_sub(next)
                .saturating_sub(self.rows_per_second),
        );
        let last = last - (*forgiven).min(last);
        if next > last {
            let missing = u128::from(next - last).min(rate);
            let nanos = missing * SECOND_NANOS / rate;
            return Err(Duration::from_nanos(nanos as u64));
        }
        let last = self
            .rows
            .map_or(last, |rows| last.min(rows.saturating_sub(1)));
        let count = (last - next) / self.parallelism + 1;
        Ok(count.min(self.batch_rows))
    }

    /// `count` rows from `first` on.
    fn make(&self, first: u64, count: u64) -> Result<RecordBatch> {
        let time = match self.is_seeded {
            false => Time::At(self.clock.now_ms()),
            true => Time::Of {
                start_ms: SEEDED_START_MS,
                rows_per_second: self.rows_per_second,
            },
        };
        let mut columns = Vec::with_capacity(self.columns.len());
        for (key, generator) in &self.columns {
            let row = |place: u64| first + place * self.parallelism;
            let cells: Vec<Cell> = (0..count)
                .map(|place| Cell {
                    key: pick(*key, row(place)),
                    row: row(place),
                })
                .collect();
            columns.push(generator.generate(&cells, time)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(count as usize));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns,
            &options,
        )?)
    }
}
