//! How the sources of a running job are: a line per table, drawn on standard error.
//!
//! ```text
//! flights   1,204,331 rows   1.21 M/s   watermark 2013-01-31 21:59:00.000   lag 13 y   late 12   bad 0
//! ```
//!
//! * Rows per second over the last two seconds. The watermark is that of the slowest split that is
//!   still read; the lag is how far the wall clock is ahead of it.
//! * Only shown on a terminal, not in the first half second (most jobs are over then), and not
//!   between rows that are printed on the same terminal faster than anybody reads.

use std::collections::{BTreeMap, VecDeque};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use millstream_core::clock::SharedClock;
use millstream_core::id::NodeId;
use millstream_core::metrics::{JobMetrics, SplitMetrics};
use millstream_core::time::EventTime;

use crate::terminal::Region;

/// How often it is drawn.
pub(crate) const REDRAW: Duration = Duration::from_millis(200);

/// A job shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_millis(500);

/// The piece of the past that rates are made of.
const PAST: Duration = Duration::from_secs(2);

/// Most tables that get a line.
const LINES_MAX: usize = 8;

/// How the sources of one job are.
pub(crate) struct Progress {
    metrics: Arc<JobMetrics>,
    clock: SharedClock,
    started: Duration,
    /// Rows per source at some moments of the last [`PAST`], oldest first.
    samples: VecDeque<(Duration, BTreeMap<NodeId, u64>)>,
    region: Option<Region>,
}

/// A source: all splits of one node.
#[derive(Debug, Default)]
struct Source {
    table: String,
    rows: u64,
    late: u64,
    bad: u64,
    /// `None`: every split so far is finished.
    watermark: Option<EventTime>,
}

impl Progress {
    /// Progress of the job with these counters.
    pub(crate) fn new(metrics: Arc<JobMetrics>, clock: SharedClock) -> Self {
        let stderr = std::io::stderr();
        let region = stderr.is_terminal().then(|| Region::new(Box::new(stderr)));
        Progress {
            started: clock.elapsed(),
            metrics,
            clock,
            samples: VecDeque::new(),
            region,
        }
    }

    /// A line per source; none before the job has lasted a little.
    pub(crate) fn lines(&mut self) -> Vec<String> {
        let now = self.clock.elapsed();
        let sources = sources(&self.metrics.splits());
        let rows = sources
            .iter()
            .map(|(node, source)| (*node, source.rows))
            .collect();
        self.samples.push_back((now, rows));
        while self.samples.len() > 2 && now - self.samples[1].0 >= PAST {
            self.samples.pop_front();
        }
        if now - self.started < PATIENCE {
            return Vec::new();
        }
        let name_width = sources
            .values()
            .map(|source| source.table.chars().count())
            .max();
        let lines = sources.iter().take(LINES_MAX);
        let mut lines: Vec<String> = lines
            .map(|(node, source)| {
                source.line(
                    name_width.unwrap_or(0),
                    self.rate(*node, source),
                    self.clock.now_ms(),
                )
            })
            .collect();
        if sources.len() > LINES_MAX {
            lines.push(format!("and {} more sources", sources.len() - LINES_MAX));
        }
        lines
    }

    /// Draws on standard error if that is a terminal.
    pub(crate) fn draw(&mut self) {
        if self.region.is_none() {
            return;
        }
        let lines = self.lines();
        // A terminal that cannot be drawn on is no reason to end a job.
        if let Some(Err(_)) = self.region.as_mut().map(|region| region.draw(&lines)) {
            self.region = None;
        }
    }

    /// Removes what was drawn.
    pub(crate) fn clear(&mut self) {
        if let Some(Err(_)) = self.region.as_mut().map(Region::clear) {
            self.region = None;
        }
    }

    fn rate(&self, node: NodeId, source: &Source) -> f64 {
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else {
            return 0.0;
        };
        let seconds = (last.0 - first.0).as_secs_f64();
        let before = first.1.get(&node).copied().unwrap_or(0);
        match seconds > 0.0 {
            true => source.rows.saturating_sub(before) as f64 / seconds,
            false => 0.0,
        }
    }
}

impl Drop for Progress {
    /// Also after an error the lines do not stay between the messages.
    fn drop(&mut self) {
        self.clear();
    }
}

impl Source {
    fn line(&self, name_width: usize, rate: f64, now_ms: i64) -> String {
        let (watermark, lag) = match self.watermark {
            None => ("end".to_string(), "-".to_string()),
            Some(time @ (EventTime::MIN | EventTime::MAX)) => (time.to_string(), "-".to_string()),
            Some(time) => (time.to_string(), age(now_ms.saturating_sub(time.0))),
        };
        format!(
            "{:<name_width$}   {} rows   {}/s   watermark {watermark}   lag {lag}   late {}   bad {}",
            self.table,
            thousands(self.rows),
            short(rate),
            thousands(self.late),
            thousands(self.bad),
        )
    }
}

fn sources(splits: &[Arc<SplitMetrics>]) -> BTreeMap<NodeId, Source> {
    let mut sources: BTreeMap<NodeId, Source> = BTreeMap::new();
    for split in splits {
        let source = sources.entry(split.node).or_insert_with(|| Source {
            table: split.table.clone(),
            ..Source::default()
        });
        source.rows += split.rows.load(Ordering::Relaxed);
        source.late += split.late_rows.load(Ordering::Relaxed);
        source.bad += split.bad_records.load(Ordering::Relaxed);
        if !split.finished.load(Ordering::Relaxed) {
            let watermark = split.watermark();
            source.watermark = Some(
                source
                    .watermark
                    .map_or(watermark, |known| known.min(watermark)),
            );
        }
    }
    sources
}

/// `1,204,331`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A rate in three digits: `870`, `12.3 k`, `1.21 M`.
fn short(rate: f64) -> String {
    let (value, unit) = match rate {
        r if r >= 1e9 => (r / 1e9, " G"),
        r if r >= 1e6 => (r / 1e6, " M"),
        r if r >= 1e3 => (r / 1e3, " k"),
        r => return format!("{r:.0}"),
    };
    match value {
        v if v >= 100.0 => format!("{v:.0}{unit}"),
        v if v >= 10.0 => format!("{v:.1}{unit}"),
        v => format!("{v:.2}{unit}"),
    }
}

/// A span of time in its largest unit: `250 ms`, `3.2 s`, `5 min`, `7 h`, `12 d`, `13 y`.
fn age(ms: i64) -> String {
    const SECOND: i64 = 1000;
    const MINUTE: i64 = 60 * SECOND;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    match ms {
        ..0 => "-".to_string(),
        0..SECOND => format!("{ms} ms"),
        SECOND..MINUTE => format!("{:.1} s", ms as f64 / SECOND as f64),
        MINUTE..HOUR => format!("{} min", ms / MINUTE),
        HOUR..DAY => format!("{} h", ms / HOUR),
        DAY..YEAR => format!("{} d", ms / DAY),
        YEAR.. => format!("{} y", ms / YEAR),
    }
}

#[cfg(test)]
mod tests {
    use millstream_core::clock::ManualClock;

    use super::*;

    #[test]
    fn numbers_are_short_and_readable() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(27_004), "27,004");
        assert_eq!(thousands(1_000_000), "1,000,000");
        assert_eq!(short(870.4), "870");
        assert_eq!(short(12_340.0), "12.3 k");
        assert_eq!(short(1_210_000.0), "1.21 M");
        assert_eq!(age(250), "250 ms");
        assert_eq!(age(3_200), "3.2 s");
        assert_eq!(age(400 * 86_400_000), "1 y");
        assert_eq!(age(-5), "-");
    }

    #[test]
    fn the_slowest_split_that_is_still_read_is_the_watermark_of_its_source() {
        let metrics = Arc::new(JobMetrics::default());
        let clock = Arc::new(ManualClock::at(10_000));
        let shared: millstream_core::clock::SharedClock = Arc::<ManualClock>::clone(&clock);
        let mut progress = Progress::new(Arc::clone(&metrics), shared);
        for (name, rows, watermark, finished) in [
            ("a", 1_000, 3_000, true),
            ("b", 500, 7_000, false),
            ("c", 0, 9_000, false),
        ] {
            let split = metrics.add_split(NodeId(0), "flights", name);
            split.rows.store(rows, Ordering::Relaxed);
            split.watermark.store(watermark, Ordering::Relaxed);
            split.finished.store(finished, Ordering::Relaxed);
        }
        assert!(progress.lines().is_empty(), "too early");
        metrics.splits()[1].rows.store(2_500, Ordering::Relaxed);
        metrics.splits()[1].late_rows.store(12, Ordering::Relaxed);
        clock.set(11_000);
        assert_eq!(
            progress.lines(),
            [
                "flights   3,500 rows   2.00 k/s   watermark 1970-01-01 00:00:07.000   lag 4.0 s   \
              late 12   bad 0"
            ]
        );
    }
}
