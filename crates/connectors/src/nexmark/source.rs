//! Reading a Nexmark table: one split per subtask, as fast as possible or by the clock.
//!
//! A reader with several splits always continues the one whose next event is the earliest. By the
//! clock, events that are due leave together; a reader that is ahead waits for the next event, but
//! at least [`TICK`], so that high rates come as batches and not one by one.
//!
//! The position of a split is the number of its next event. A restored job reads the splits it had,
//! whatever its parallelism is now, and by the clock the first event it reads is due at once.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use millstream_core::clock::SharedClock;
use millstream_core::connector::{
    Discovery, Fetch, Position, Source, SourceContext, SourceFactory, SourceReader, Split,
    SplitEnumerator,
};
use millstream_core::id::SplitId;
use millstream_core::table::TableSpec;
use millstream_core::time::EventTime;
use millstream_core::{Code, Error, Result};

use super::batch;
use super::layout::Layout;
use super::market::{Market, Runs};
use super::settings::{Base, Settings};
use super::split::{Cursor, Share};

/// The shortest wait of a reader that is ahead of the clock.
const TICK: Duration = Duration::from_millis(10);

/// Opens Nexmark tables.
#[derive(Debug)]
pub(super) struct Factory;

impl SourceFactory for Factory {
    fn create(&self, table: &TableSpec, context: &SourceContext) -> Result<Box<dyn Source>> {
        let settings = Settings::new(&table.options)?;
        let layout = Layout::new(table, &context.projection, Arc::clone(&context.schema))?;
        Ok(Box::new(Nexmark {
            market: Arc::new(Market::new(settings)),
            layout,
            clock: Arc::clone(&context.clock),
            parallelism: context.parallelism.max(1),
            batch_rows: context.batch_rows,
        }))
    }

    fn projects(&self, table: &TableSpec) -> bool {
        Settings::projects(&table.options)
    }
}

/// An open table.
struct Nexmark {
    market: Arc<Market>,
    layout: Layout,
    clock: SharedClock,
    parallelism: u32,
    batch_rows: usize,
}

impl Source for Nexmark {
    fn is_bounded(&self) -> bool {
        self.market.settings.is_bounded
    }

    /// The splits of a restored job are all there are: others would make events twice.
    fn enumerator(&self, known: &[Split]) -> Result<Box<dyn SplitEnumerator>> {
        let base = match self.market.settings.base {
            Base::At(time) => time,
            Base::Now => EventTime(self.clock.now_ms()),
        };
        let new = if known.is_empty() {
            self.parallelism
        } else {
            0
        };
        let shares = (0..new).map(|index| Share {
            index,
            count: self.parallelism,
            base,
        });
        Ok(Box::new(Enumerator {
            left: shares.collect(),
        }))
    }

    fn reader(&self) -> Result<Box<dyn SourceReader>> {
        let settings = &self.market.settings;
        Ok(Box::new(Reader {
            rows_max: batch::rows_max(&self.market, self.batch_rows),
            pace: settings.limited.then(|| Pace::new(&self.clock)),
            market: Arc::clone(&self.market),
            layout: self.layout.clone(),
            parts: Vec::new(),
        }))
    }

    fn replays(&self) -> bool {
        true
    }
}

struct Enumerator {
    left: Vec<Share>,
}

#[async_trait]
impl SplitEnumerator for Enumerator {
    async fn discover(&mut self) -> Result<Discovery> {
        let shares = std::mem::take(&mut self.left).into_iter();
        let splits = shares.map(|share| (format!("nexmark-{}", share.index), share.to_text()));
        Ok(Discovery {
            splits: splits.collect(),
            again_after: None,
        })
    }
}

struct Reader {
    market: Arc<Market>,
    layout: Layout,
    parts: Vec<Part>,
    rows_max: usize,
    pace: Option<Pace>,
}

/// A split being read.
struct Part {
    split: SplitId,
    base: EventTime,
    cursor: Cursor,
    /// True once there is something to go on from.
    moved: bool,
}

#[async_trait]
impl SourceReader for Reader {
    fn assign(&mut self, split: Split, from: Option<Position>) -> Result<()> {
        let settings = &self.market.settings;
        let share = Share::parse(&split.data)?;
        let mut cursor = Cursor::new(&share, settings.events, settings.block());
        if let Some(position) = &from {
            let event = position.0.parse().ok();
            let event = event.filter(|event| cursor.resume(*event));
            let event = event.ok_or_else(|| not_a_place(position))?;
            if let Some(pace) = &mut self.pace {
                pace.restored(self.market.timeline().offset_ms(event));
            }
        }
        self.parts.push(Part {
            split: split.id,
            base: share.base,
            cursor,
            moved: from.is_some(),
        });
        Ok(())
    }

    fn position(&self, split: SplitId) -> Option<Position> {
        let part = self.parts.iter().find(|part| part.split == split)?;
        part.moved
            .then(|| Position(part.cursor.place().to_string()))
    }

    async fn fetch(&mut self) -> Result<Fetch> {
        if let Some(split) = self.finished() {
            return Ok(Fetch::Finished(split));
        }
        let Some((at, next)) = self.earliest() else {
            if !self.parts.is_empty() {
                // 'keep-alive': no event will come, and the table does not end.
                std::future::pending::<()>().await;
            }
            return Ok(Fetch::Waiting);
        };
        let before = match &mut self.pace {
            Some(pace) => pace.due(&self.market, next).await,
            None => u64::MAX,
        };
        self.read(at, before)
    }
}

impl Reader {
    /// Forgets a split that has been read to its end, unless the table is kept alive.
    fn finished(&mut self) -> Option<SplitId> {
        if self.market.settings.keep_alive {
            return None;
        }
        let ended = |part: &Part| part.cursor.next().is_none();
        let at = self.parts.iter().position(ended)?;
        Some(self.parts.remove(at).split)
    }

    /// Place and next event of the split that is furthest behind.
    fn earliest(&self) -> Option<(usize, u64)> {
        let parts = self.parts.iter().enumerate();
        parts
            .filter_map(|(at, part)| Some((at, part.cursor.next()?)))
            .min_by_key(|(_, next)| *next)
    }

    fn read(&mut self, at: usize, before: u64) -> Result<Fetch> {
        let part = &mut self.parts[at];
        part.moved = true;
        let mut runs = Runs::default();
        for range in part.cursor.take(self.rows_max, before) {
            runs.add(&self.market.settings.proportions, part.base, range);
        }
        Ok(Fetch::Rows {
            split: part.split,
            rows: batch::build(&self.market, &self.layout, &runs)?,
            bad: Vec::new(),
        })
    }
}

fn not_a_place(position: &Position) -> Error {
    Error::new(
        Code::CheckpointDamaged,
        format!(
            "the position of a nexmark split wants the number of one of its events, found '{}'",
            crate::options::shown(&position.0)
        ),
    )
}

/// Holds events back until they are due.
struct Pace {
    clock: SharedClock,
    /// When the first event was asked for.
    start: Option<Duration>,
    /// How far the earliest restored split had come, which is not waited for again.
    lead: Option<Duration>,
}

impl Pace {
    fn new(clock: &SharedClock) -> Self {
        Pace {
            clock: Arc::clone(clock),
            start: None,
            lead: None,
        }
    }

    /// A split goes on with an event that was due this long after the first one.
    fn restored(&mut self, offset_ms: u64) {
        let offset = Duration::from_millis(offset_ms);
        self.lead = Some(self.lead.map_or(offset, |lead| lead.min(offset)));
    }

    /// Waits for event `next`; returns the number of the first event that is not due by then.
    async fn due(&mut self, market: &Market, next: u64) -> u64 {
        let start = *self.start.get_or_insert_with(|| self.clock.elapsed());
        let timeline = market.timeline();
        let due = Duration::from_millis(timeline.offset_ms(next));
        let lead = self.lead.unwrap_or_default();
        loop {
            let elapsed = self.clock.elapsed().saturating_sub(start) + lead;
            if due <= elapsed {
                let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
                return timeline.events_until(elapsed_ms);
            }
            pause((due - elapsed).max(TICK)).await;
        }
    }
}

/// Lets time pass without a thread. Longer waits are cut: the caller looks at its clock again,
/// which need not be this machine's.
#[expect(
    clippy::disallowed_methods,
    reason = "`core::Clock` cannot sleep yet; the caller trusts its clock and not the pause"
)]
async fn pause(wanted: Duration) {
    const LONGEST: Duration = Duration::from_millis(200);
    tokio::time::sleep(wanted.min(LONGEST)).await;
}
