//! Makes rows at a given rate.
//!
//! Row i is due `i / rows-per-second` after the first fetch of any subtask, so the rate holds for
//! all of them together without a word between them. A subtask that fell behind by more than a
//! second (its output was full) goes on at the rate and does not make up for it.
//!
//! A split is named by its data, `k/n@seed`: it makes the rows k, k + n, k + 2n, … of a seed that
//! was drawn once per job. Its position is the number of its next row, so a restored reader makes
//! exactly the rest, whatever the parallelism is now. Rows made before the restart do not count
//! for the rate.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use millstream_core::clock::SharedClock;
use millstream_core::connector::{
    Discovery, Fetch, Position, Source, SourceContext, SourceFactory, SourceReader, Split,
    SplitEnumerator,
};
use millstream_core::id::SplitId;
use millstream_core::table::TableSpec;
use millstream_core::{Code, Error, Result};

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
            columns.push((*place as u64, generator));
        }
        let batch_rows =
            (BATCH_BYTES / settings.row_bytes).clamp(1, context.batch_rows.max(1) as u64);
        Ok(Box::new(Rows(Arc::new(Plan {
            schema: Arc::clone(&context.schema),
            columns,
            rows: settings.rows,
            rows_per_second: settings.rows_per_second,
            seed,
            is_seeded: settings.seed.is_some(),
            parallelism: context.parallelism.max(1),
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
    /// The place of each wanted column in the table, and what makes its values.
    columns: Vec<(u64, Generator)>,
    rows: Option<u64>,
    rows_per_second: u64,
    /// The seed of splits that this start of the job finds.
    seed: u64,
    is_seeded: bool,
    parallelism: u32,
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

    /// The splits of a restored job are all there are: others would make rows twice.
    fn enumerator(&self, known: &[Split]) -> Result<Box<dyn SplitEnumerator>> {
        let share = |index| Share {
            index,
            count: self.0.parallelism,
            seed: self.0.seed,
        };
        let splits = match known {
            [] => (0..self.0.parallelism).map(share).collect(),
            _ => Vec::new(),
        };
        Ok(Box::new(Splits { left: splits }))
    }

    fn replays(&self) -> bool {
        true
    }

    fn reader(&self) -> Result<Box<dyn SourceReader>> {
        Ok(Box::new(Reader {
            plan: Arc::clone(&self.0),
            splits: Vec::new(),
        }))
    }
}

/// Which rows a split makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    index: u32,
    count: u32,
    seed: u64,
}

impl Share {
    fn to_text(self) -> String {
        format!("{}/{}@{}", self.index, self.count, self.seed)
    }

    fn parse(text: &str) -> Option<Share> {
        let (share, seed) = text.split_once('@')?;
        let (index, count) = share.split_once('/')?;
        let share = Share {
            index: index.parse().ok()?,
            count: count.parse().ok()?,
            seed: seed.parse().ok()?,
        };
        (share.index < share.count).then_some(share)
    }
}

struct Splits {
    left: Vec<Share>,
}

#[async_trait]
impl SplitEnumerator for Splits {
    async fn discover(&mut self) -> Result<Discovery> {
        let shares = std::mem::take(&mut self.left).into_iter();
        let splits = shares.map(|share| (format!("rows-{}", share.index), share.to_text()));
        Ok(Discovery {
            splits: splits.collect(),
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
    /// The key of each wanted column.
    keys: Vec<u64>,
    /// From one row of the split to its next.
    stride: u64,
    /// The number of the next row.
    next: u64,
    /// Rows that were made in an earlier life, and that the rate does not count.
    before: u64,
    /// Rows this split will not make up for.
    forgiven: u64,
    /// True once there is something to go on from.
    moved: bool,
}

#[async_trait]
impl SourceReader for Reader {
    fn assign(&mut self, split: Split, from: Option<Position>) -> Result<()> {
        let share = Share::parse(&split.data)
            .ok_or_else(|| Error::internal("a split of another connector"))?;
        let first = u64::from(share.index);
        let stride = u64::from(share.count);
        let next = match &from {
            None => first,
            Some(position) => row_of(position, first, stride)?,
        };
        let columns = self.plan.columns.iter();
        self.splits.push(Open {
            id: split.id,
            keys: columns.map(|(place, _)| pick(share.seed, *place)).collect(),
            stride,
            next,
            before: next - first,
            forgiven: 0,
            moved: from.is_some(),
        });
        Ok(())
    }

    fn position(&self, split: SplitId) -> Option<Position> {
        let open = self.splits.iter().find(|open| open.id == split)?;
        open.moved.then(|| Position(open.next.to_string()))
    }

    async fn fetch(&mut self) -> Result<Fetch> {
        loop {
            // The split that is furthest behind, so that several advance together.
            let Some(place) = (0..self.splits.len()).min_by_key(|place| self.splits[*place].next)
            else {
                return Ok(Fetch::Waiting);
            };
            let split = &mut self.splits[place];
            if self.plan.rows.is_some_and(|rows| split.next >= rows) {
                return Ok(Fetch::Finished(self.splits.remove(place).id));
            }
            match self.plan.due(split) {
                Ok(count) => {
                    let rows = self.plan.make(split, count)?;
                    split.next += count * split.stride;
                    split.moved = true;
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

/// The next row of a split whose rows are `first`, `first + stride`, ….
fn row_of(position: &Position, first: u64, stride: u64) -> Result<u64> {
    let row = position.0.parse().ok();
    row.filter(|row: &u64| *row >= first && (row - first).is_multiple_of(stride))
        .ok_or_else(|| {
            Error::new(
                Code::CheckpointDamaged,
                format!(
                    "the position of a datagen split wants the number of one of its rows, found \
                     '{}'",
                    crate::options::shown(&position.0)
                ),
            )
        })
}

/// Waits without a thread. Sleeping is only a hint to look at the clock again: what is due is
/// decided by the job's clock alone.
async fn sleep(wait: Duration) {
    tokio::time::sleep_until(tokio::time::Instant::now() + wait).await;
}

impl Plan {
    /// How many rows a split may make now, at least one; or how long to wait.
    fn due(&self, split: &mut Open) -> Result<u64, Duration> {
        const SECOND_NANOS: u128 = 1_000_000_000;
        let now = self.clock.elapsed();
        let since = now.saturating_sub(*self.started.get_or_init(|| now));
        let rate = u128::from(self.rows_per_second);
        let next = split.next - split.before;
        let last =
            u64::try_from(since.as_nanos().saturating_mul(rate) / SECOND_NANOS).unwrap_or(u64::MAX);
        split.forgiven = split.forgiven.max(
            last.saturating_sub(next)
                .saturating_sub(self.rows_per_second),
        );
        let last = last - split.forgiven.min(last);
        if next > last {
            let missing = u128::from(next - last).min(rate);
            let nanos = missing * SECOND_NANOS / rate;
            return Err(Duration::from_nanos(nanos as u64));
        }
        let last = match self.rows {
            Some(rows) => last.min(rows.saturating_sub(1).saturating_sub(split.before)),
            None => last,
        };
        let count = (last - next) / split.stride + 1;
        Ok(count.min(self.batch_rows))
    }

    /// The next `count` rows of a split.
    fn make(&self, split: &Open, count: u64) -> Result<RecordBatch> {
        let time = match self.is_seeded {
            false => Time::At(self.clock.now_ms()),
            true => Time::Of {
                start_ms: SEEDED_START_MS,
                rows_per_second: self.rows_per_second,
            },
        };
        let mut columns = Vec::with_capacity(self.columns.len());
        for (key, (_, generator)) in split.keys.iter().zip(&self.columns) {
            let row = |place: u64| split.next + place * split.stride;
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
