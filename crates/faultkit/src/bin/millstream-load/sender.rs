//! Sends events at a rate, or as fast as it goes, and knows what it has sent.
//!
//! ```text
//! tick    0      10      20 ms           each tick: a batch per partition, stamped with the tick's time
//!         │       │       │
//! due    n/100  n/100   n/100 …          a tick that comes late is still stamped with its own time
//! ```
//!
//! * Within a partition event times never go back, so no event is late under a watermark of 1 ms.
//! * Events due but not yet sent count as lag: whoever cannot take them in is too slow.
//! * Cost: one thread, about 50 ns an event.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use millstream_core::clock::{Clock, SystemClock};
use millstream_core::{Error, Result};
use parking_lot::Mutex;

use crate::events::{Keys, Template};
use crate::produce::Connection;
use crate::topics::PARTITIONS;

/// Time between two batches of a partition.
const TICK_MS: i64 = 10;

/// What to send.
pub(crate) struct Plan {
    pub(crate) bootstrap: String,
    pub(crate) topic: String,
    pub(crate) keys: Keys,
    pub(crate) key_width: usize,
    pub(crate) seed: u64,
    /// Events per second of event time.
    pub(crate) rate: u64,
    /// Whether to wait until events are due.
    pub(crate) waits: bool,
    /// Ends after that many, rounded up to whole partitions.
    pub(crate) total: Option<u64>,
    /// Size of the windows that are counted.
    pub(crate) window_ms: i64,
}

/// What was sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) events: u64,
    /// Events of each window, by its end.
    pub(crate) windows: BTreeMap<i64, u64>,
}

#[derive(Default)]
struct Shared {
    rate: AtomicU64,
    events: AtomicU64,
    /// Time of the last tick that is sent.
    tick_ms: AtomicI64,
    stop: AtomicBool,
    windows: Mutex<BTreeMap<i64, u64>>,
}

/// A thread that sends.
pub(crate) struct Sender {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Sender {
    /// Connects and begins.
    pub(crate) fn start(plan: Plan) -> Result<Sender> {
        let connection = Connection::open(&plan.bootstrap, &plan.topic)?;
        let shared = Arc::new(Shared::default());
        shared.rate.store(plan.rate, Ordering::Relaxed);
        let clock = SystemClock::new();
        shared.tick_ms.store(clock.now_ms(), Ordering::Relaxed);
        let told = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("load-sender".into())
            .spawn(move || send(plan, connection, &clock, &told))
            .map_err(|cause| Error::internal("cannot start the sender").caused_by(cause))?;
        Ok(Sender {
            shared,
            thread: Some(thread),
        })
    }

    /// Another rate from now on.
    pub(crate) fn set_rate(&self, rate: u64) {
        self.shared.rate.store(rate, Ordering::Relaxed);
    }

    /// Events that should have been sent by now.
    pub(crate) fn due(&self, now_ms: i64) -> u64 {
        let behind = (now_ms - self.shared.tick_ms.load(Ordering::Relaxed)).max(0) as u64;
        let rate = self.shared.rate.load(Ordering::Relaxed);
        self.sent() + rate * behind / 1_000
    }

    /// Events that were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.events.load(Ordering::Relaxed)
    }

    /// An error if it has ended by itself before its time.
    pub(crate) fn check(&mut self) -> Result<()> {
        match &self.thread {
            Some(thread) if thread.is_finished() => self.join(),
            _ => Ok(()),
        }
    }

    /// Ends it now, and waits until the broker has everything.
    pub(crate) fn stop(self) -> Result<Sent> {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.finish()
    }

    /// Waits until it has sent everything, and the broker has it.
    pub(crate) fn finish(mut self) -> Result<Sent> {
        self.join()?;
        Ok(Sent {
            events: self.sent(),
            windows: std::mem::take(&mut *self.shared.windows.lock()),
        })
    }

    fn join(&mut self) -> Result<()> {
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(sent)) => sent,
            Some(Err(_)) => Err(Error::internal("the sender panicked")),
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Err(error) = self.join() {
            eprintln!("the sender failed: {}", error.report());
        }
    }
}

fn send(plan: Plan, mut to: Connection, clock: &SystemClock, shared: &Shared) -> Result<()> {
    let template = Template::new(plan.key_width, plan.seed);
    let mut keys = plan.keys;
    let partitions: Vec<i32> = (0..PARTITIONS).collect();
    let total = plan.total.map(|total| total.div_ceil(PARTITIONS as u64));
    let mut each = 0u64;
    let mut owed = 0.0;
    let mut tick_ms = clock.now_ms();
    if let Some(total) = plan.total.filter(|_| !plan.waits) {
        tick_ms -= (total.saturating_mul(1_000) / plan.rate.max(1)) as i64;
    }
    while !shared.stop.load(Ordering::Relaxed) && total.is_none_or(|total| each < total) {
        tick_ms += TICK_MS;
        let early = tick_ms - clock.now_ms();
        if plan.waits && early > 0 {
            std::thread::sleep(Duration::from_millis(early as u64));
        }
        let rate = shared.rate.load(Ordering::Relaxed) as f64;
        owed += rate * TICK_MS as f64 / 1_000.0 / f64::from(PARTITIONS);
        let mut count = owed as u64;
        owed -= count as f64;
        if let Some(total) = total {
            count = count.min(total - each);
        }
        while count > 0 {
            let now = count.min(template.records_max() as u64);
            to.send(&partitions, |_, out| {
                template.append(out, now as usize, each, tick_ms, &mut keys);
            })?;
            each += now;
            count -= now;
            let sent = now * PARTITIONS as u64;
            shared.events.fetch_add(sent, Ordering::Relaxed);
            let end = (tick_ms.div_euclid(plan.window_ms) + 1) * plan.window_ms;
            *shared.windows.lock().entry(end).or_default() += sent;
        }
        shared.tick_ms.store(tick_ms, Ordering::Relaxed);
    }
    to.finish()
}
