//! One memory limit for the process, and who holds how much of it.
//!
//! ```text
//! resident memory      below 85 %   85 % …                     95 % …
//! level                Normal       High                       Critical
//! what happens         -            sources read more slowly,  the job that holds the most fails,
//!                                   state is given up          with the names of its operators
//! ```
//!
//! * The truth is what the system says the process holds: operators allocate before they can say
//!   so. It is looked at again once a tenth of a second has passed, by whoever asks first: no
//!   thread watches.
//! * Accounts say *who* holds it: every operator keeps one. Those of operators that can give entries up
//!   have a budget together: what is left of four fifths of the limit beside everything else that
//!   was resident lately, at most half of the limit. Above it sources wait, and these operators give
//!   up what is committed, each according to its share, until half of the budget is free: giving up
//!   moves what stays, so it is done rarely.
//! * Freed memory counts as resident as long as the allocator keeps it, so it is told to hand it
//!   back: after entries were given up, and while little is left.
//! * What is on its way between tasks, state files being written and blocks being looked up are
//!   bounded by shares of the limit: [`lane_bytes`], [`run_options`], [`cache_bytes`].
//!
//! Idea: OpenSearch and RisingWave watch the resident size for the same reason; Flink's managed
//! memory is a budget per operator.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use millstream_core::{Code, Error};
use millstream_state::compact::Policy;
use millstream_state::run::RunOptions;
use parking_lot::Mutex;

/// Bytes of rows that wait between the tasks of one job, over all lanes.
const IN_FLIGHT_BYTES: usize = 64 << 20;

/// Smallest bound of a lane: below it, every batch would wait for the one before.
const LANE_BYTES_MIN: usize = 64 << 10;

/// Bytes of a block of a state file: a quarter of the usual size, as a look-up reads, unpacks and
/// steps through one for each key.
const BLOCK_BYTES: usize = 16 << 10;

/// How long one look at the resident memory is believed.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Shortest time between two demands that the allocator hands freed memory back.
const PURGE_EVERY: Duration = Duration::from_millis(200);

/// How long a source waits at most while what could be given up waits for a checkpoint.
const FOR_CHECKPOINT_MAX: Duration = Duration::from_secs(5);

/// How long a source waits before each read while the process is nearly full for other reasons: what
/// closes a window, and so frees memory, may be the next row.
const WHILE_HIGH: Duration = Duration::from_millis(100);

/// How full the process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// All is well.
    Normal,
    /// Take in less, give something up.
    High,
    /// Something has to go.
    Critical,
}

/// Tells how many bytes the process holds; `None` if the system does not say.
pub type Resident = fn() -> Option<u64>;

/// Has the allocator hand freed memory back to the system.
pub type Purge = fn();

/// The memory of a process.
pub struct Memory {
    limit: u64,
    resident: Resident,
    purge: Purge,
    purged_at: AtomicU64,
    /// What was seen last, and when (elapsed nanoseconds).
    seen: AtomicU64,
    seen_at: AtomicU64,
    /// What operators hold that can give it up.
    accounted: AtomicU64,
    /// The most that was resident lately and is not accounted.
    others: AtomicU64,
    jobs: Mutex<Vec<Weak<JobMemory>>>,
}

/// What one job holds.
pub(crate) struct JobMemory {
    memory: Arc<Memory>,
    bytes: AtomicU64,
    operators: Mutex<Vec<(String, Arc<AtomicU64>)>>,
}

/// What one subtask of an operator holds. Given back when dropped.
pub(crate) struct Account {
    job: Arc<JobMemory>,
    bytes: Arc<AtomicU64>,
    /// The same if the operator can give entries up, else 0.
    spillable: AtomicU64,
}

impl Memory {
    /// A process that may hold `limit` bytes.
    pub fn new(limit: u64, resident: Resident) -> Arc<Self> {
        Self::purged_by(limit, resident, || ())
    }

    /// The same with an allocator that keeps what is freed until it is told to hand it back.
    pub fn purged_by(limit: u64, resident: Resident, purge: Purge) -> Arc<Self> {
        Arc::new(Memory {
            limit,
            resident,
            purge,
            purged_at: AtomicU64::new(0),
            others: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            seen_at: AtomicU64::new(0),
            accounted: AtomicU64::new(0),
            jobs: Mutex::new(Vec::new()),
        })
    }

    /// A process without a limit.
    pub fn unlimited() -> Arc<Self> {
        Self::new(u64::MAX, || None)
    }

    /// The limit, bytes.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// How full the process is at time `now` of a clock that never goes back.
    pub fn level(&self, now: Duration) -> Level {
        let held = self.held(now);
        // Without a limit there is nothing to be near to.
        match self.limit / 100 {
            percent if held >= percent.saturating_mul(95) => Level::Critical,
            percent if held >= percent.saturating_mul(85) => Level::High,
            _ => Level::Normal,
        }
    }

    fn held(&self, now: Duration) -> u64 {
        if self.limit == u64::MAX {
            return 0;
        }
        if is_due(&self.seen_at, now, LOOK_EVERY)
            && let Some(resident) = (self.resident)()
        {
            self.see(resident);
        }
        self.seen.load(Ordering::Relaxed)
    }

    fn see(&self, resident: u64) {
        self.seen.store(resident, Ordering::Relaxed);
        let accounted = self.accounted.load(Ordering::Relaxed);
        let others = resident.saturating_sub(accounted);
        // What a checkpoint or a merge of files takes, it will take again: half is forgotten in
        // 44 looks, which are at least 4.4 s.
        let lately = self.others.load(Ordering::Relaxed);
        let lately = lately - lately / 64;
        self.others.store(others.max(lately), Ordering::Relaxed);
    }

    /// What may be held of what can be given up.
    fn budget(&self) -> u64 {
        let room = self.limit / 5 * 4;
        let others = self.others.load(Ordering::Relaxed);
        // Something must remain to work with, or giving up and looking up is all that happens.
        let least = self.limit / 8;
        room.saturating_sub(others).clamp(least, self.limit / 2)
    }

    /// Bytes that all accounts together should be smaller by; 0 if they are within their budget.
    fn excess(&self) -> u64 {
        let budget = self.budget();
        let accounted = self.accounted.load(Ordering::Relaxed);
        match accounted > budget {
            true => accounted - budget / 2,
            false => 0,
        }
    }

    /// Has freed memory handed back, unless that was done a moment ago.
    fn purge(&self, now: Duration) {
        if is_due(&self.purged_at, now, PURGE_EVERY) {
            (self.purge)();
            // What was seen before is out of date.
            self.seen_at.store(0, Ordering::Relaxed);
        }
    }
}

/// True for one of all who ask, if `every` has passed since `at` (elapsed nanoseconds).
fn is_due(at: &AtomicU64, now: Duration, every: Duration) -> bool {
    let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX).max(1);
    let before = at.load(Ordering::Relaxed);
    let is_old = before == 0 || now.saturating_sub(before) >= every.as_nanos() as u64;
    is_old
        && at
            .compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
}

impl JobMemory {
    /// The memory of a further job.
    pub(crate) fn new(memory: &Arc<Memory>) -> Arc<Self> {
        let job = Arc::new(JobMemory {
            memory: Arc::clone(memory),
            bytes: AtomicU64::new(0),
            operators: Mutex::new(Vec::new()),
        });
        let mut jobs = memory.jobs.lock();
        jobs.retain(|job| job.strong_count() > 0);
        jobs.push(Arc::downgrade(&job));
        drop(jobs);
        job
    }

    /// An account for one subtask of an operator.
    pub(crate) fn account(self: &Arc<Self>, operator: &str) -> Account {
        let bytes = Arc::new(AtomicU64::new(0));
        let entry = (operator.to_string(), Arc::clone(&bytes));
        self.operators.lock().push(entry);
        Account {
            job: Arc::clone(self),
            bytes,
            spillable: AtomicU64::new(0),
        }
    }

    /// True if nothing more should be read for now: the process is nearly full, or what could be
    /// given up is over its budget and waits for a checkpoint.
    pub(crate) fn is_short(&self, now: Duration) -> bool {
        self.hold_back(now) > Duration::ZERO
    }

    /// How long a source should wait before it reads on; it asks again meanwhile.
    pub(crate) fn hold_back(&self, now: Duration) -> Duration {
        let is_high = self.memory.level(now) >= Level::High;
        if is_high {
            self.memory.purge(now);
        }
        match (self.memory.excess(), is_high) {
            (0, false) => Duration::ZERO,
            (0, true) => WHILE_HIGH,
            _ => FOR_CHECKPOINT_MAX,
        }
    }

    /// The error with which this job has to go: it holds the most and the process is about to
    /// burst.
    pub(crate) fn must_go(&self, now: Duration) -> Option<Error> {
        if self.memory.level(now) < Level::Critical {
            return None;
        }
        let own = self.bytes.load(Ordering::Relaxed);
        let jobs = self.memory.jobs.lock();
        let others = jobs.iter().filter_map(Weak::upgrade);
        let largest = others.map(|job| job.bytes.load(Ordering::Relaxed)).max();
        drop(jobs);
        (own >= largest.unwrap_or(0)).then(|| self.exhausted())
    }

    fn exhausted(&self) -> Error {
        let mut operators: Vec<(String, u64)> = Vec::new();
        for (name, bytes) in self.operators.lock().iter() {
            let bytes = bytes.load(Ordering::Relaxed);
            match operators.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += bytes,
                None => operators.push((name.clone(), bytes)),
            }
        }
        operators.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        let shown = operators.iter().filter(|(_, bytes)| *bytes > 0).take(3);
        let shown: Vec<String> = shown
            .map(|(name, bytes)| format!("{name} {} MiB", bytes >> 20))
            .collect();
        let message = format!(
            "the process holds {} MiB of the {} MiB it may; most of it: {}",
            self.memory.seen.load(Ordering::Relaxed) >> 20,
            self.memory.limit >> 20,
            match shown.is_empty() {
                true => "no operator says".to_string(),
                false => shown.join(", "),
            }
        );
        Error::new(Code::MemoryExhausted, message)
    }
}

impl Account {
    /// An equal share of the budget, bytes.
    pub(crate) fn share(&self) -> usize {
        let accounts = self.job.operators.lock().len().max(1) as u64;
        usize::try_from(self.job.memory.budget() / 2 / accounts).unwrap_or(usize::MAX)
    }

    /// Much has been freed at once: it is handed back.
    pub(crate) fn freed(&self) {
        (self.job.memory.purge)();
        self.job.memory.seen_at.store(0, Ordering::Relaxed);
    }

    /// Says how much the operator holds now, and whether it can give any of it up. Returns how much
    /// it should give up.
    pub(crate) fn set(&self, bytes: usize, can_spill: bool) -> usize {
        let bytes = bytes as u64;
        let before = self.bytes.swap(bytes, Ordering::Relaxed);
        move_by(&self.job.bytes, before, bytes);
        let spillable = if can_spill { bytes } else { 0 };
        let before = self.spillable.swap(spillable, Ordering::Relaxed);
        move_by(&self.job.memory.accounted, before, spillable);
        if !can_spill {
            return 0;
        }
        let excess = self.job.memory.excess();
        if excess == 0 {
            return 0;
        }
        let accounted = self.job.memory.accounted.load(Ordering::Relaxed).max(1);
        // The share of this operator in what is too much.
        (u128::from(excess) * u128::from(bytes) / u128::from(accounted)) as usize
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let before = self.bytes.swap(0, Ordering::Relaxed);
        move_by(&self.job.bytes, before, 0);
        let before = self.spillable.swap(0, Ordering::Relaxed);
        move_by(&self.job.memory.accounted, before, 0);
    }
}

fn move_by(sum: &AtomicU64, before: u64, after: u64) {
    match after >= before {
        true => sum.fetch_add(after - before, Ordering::Relaxed),
        false => sum.fetch_sub(before - after, Ordering::Relaxed),
    };
}

/// How state files are made in a process of this size: what is being written must not be what
/// exhausts it.
pub(crate) fn run_options(memory: &Memory) -> RunOptions {
    let usual = RunOptions::default();
    let share = |part: u64| usize::try_from(memory.limit / part).unwrap_or(usize::MAX);
    RunOptions {
        block_bytes: BLOCK_BYTES,
        piece_bytes: usual.piece_bytes.min(share(64).max(1 << 20)),
        memory_bytes: usual.memory_bytes.min(share(32).max(1 << 20)),
        spill: Some(std::env::temp_dir()),
    }
}

/// Bytes of state files kept for look-ups, of one job. The filters of all files have to fit, or each
/// key that is new would cost a read per file: they take about 12 bits per key.
pub(crate) fn cache_bytes(memory: &Memory) -> usize {
    usize::try_from(memory.limit / 8)
        .unwrap_or(usize::MAX)
        .clamp(8 << 20, 256 << 20)
}

/// How state files are merged in a process of this size: the file being written is held in memory.
pub(crate) fn compaction_policy(memory: &Memory) -> Policy {
    let usual = Policy::default();
    Policy {
        run_bytes_max: usual.run_bytes_max.min((memory.limit / 32).max(4 << 20)),
        ..usual
    }
}

/// Bytes one lane may hold in a job of this many lanes, at most `most`, in a process of `limit`
/// bytes.
pub(crate) fn lane_bytes(lanes: usize, most: usize, limit: u64) -> usize {
    let share = usize::try_from(limit / 16).unwrap_or(usize::MAX);
    (IN_FLIGHT_BYTES.min(share) / lanes.max(1)).clamp(LANE_BYTES_MIN.min(most), most)
}

/// The resident size of this process, from `/proc`.
pub fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

/// Bytes this machine, or the control group the process is in, has in all.
pub fn machine_bytes() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let number = |text: String| text.trim().parse::<u64>().ok();
    let groups = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ];
    let group = groups.iter().find_map(|path| read(path).and_then(number));
    let meminfo = read("/proc/meminfo")?;
    let total = meminfo.lines().find_map(|line| {
        let kib = line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?;
        Some(kib.trim().parse::<u64>().ok()? * 1024)
    });
    match (group, total) {
        (Some(group), Some(total)) => Some(group.min(total)),
        (group, total) => group.or(total),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_follow_what_the_system_says() {
        for (resident, level) in [
            ((|| Some(84)) as Resident, Level::Normal),
            (|| Some(85), Level::High),
            (|| Some(94), Level::High),
            (|| Some(95), Level::Critical),
            (|| None, Level::Normal),
        ] {
            assert_eq!(Memory::new(100, resident).level(Duration::ZERO), level);
        }
        assert_eq!(Memory::unlimited().level(Duration::ZERO), Level::Normal);
    }

    #[test]
    fn a_look_is_believed_for_a_tenth_of_a_second() {
        static HELD: AtomicU64 = AtomicU64::new(90);
        let memory = Memory::new(100, || Some(HELD.load(Ordering::Relaxed)));
        assert_eq!(memory.level(Duration::from_millis(1)), Level::High);
        HELD.store(10, Ordering::Relaxed);
        assert_eq!(memory.level(Duration::from_millis(100)), Level::High);
        assert_eq!(memory.level(Duration::from_millis(101)), Level::Normal);
    }

    #[test]
    fn who_holds_more_gives_up_more_and_dropped_accounts_hold_nothing() {
        let memory = Memory::new(2000, || Some(0));
        let job = JobMemory::new(&memory);
        let (small, large) = (job.account("small"), job.account("large"));
        assert_eq!(small.set(300, true), 0);
        assert_eq!(large.set(700, true), 0, "half the limit is the budget");
        let more = large.set(900, true);
        assert_eq!(more, 525, "700 too many, three quarters of them here");
        assert_eq!(small.set(300, true), 175);
        drop(large);
        assert_eq!(small.set(900, true), 0);
        assert_eq!(memory.accounted.load(Ordering::Relaxed), 900);
    }

    #[test]
    fn the_budget_is_what_is_left_beside_everything_else_that_was_resident_lately() {
        static HELD: AtomicU64 = AtomicU64::new(1000);
        let memory = Memory::new(2000, || Some(HELD.load(Ordering::Relaxed)));
        let job = JobMemory::new(&memory);
        let account = job.account("a");
        account.set(400, true);
        memory.level(Duration::from_secs(1));
        assert_eq!(
            memory.budget(),
            1000,
            "1600 less 600, and half of the limit"
        );
        HELD.store(1300, Ordering::Relaxed);
        memory.level(Duration::from_secs(2));
        assert_eq!(memory.budget(), 700);
        assert_eq!(account.set(800, true), 450, "down to half of the budget");
        HELD.store(1000, Ordering::Relaxed);
        memory.level(Duration::from_secs(3));
        assert!(memory.budget() < 750, "what was needed may be needed again");
        for second in 4..100 {
            memory.level(Duration::from_secs(second));
        }
        assert_eq!(memory.budget(), 1000);
        HELD.store(4000, Ordering::Relaxed);
        memory.level(Duration::from_secs(101));
        assert_eq!(memory.budget(), 250, "something remains to work with");
    }

    #[test]
    fn freed_memory_is_handed_back_while_little_is_left_but_not_all_the_time() {
        static PURGES: AtomicU64 = AtomicU64::new(0);
        let memory = Memory::purged_by(
            100,
            || Some(90),
            || {
                PURGES.fetch_add(1, Ordering::Relaxed);
            },
        );
        let job = JobMemory::new(&memory);
        let wait = |ms| job.hold_back(Duration::from_millis(ms));
        assert_eq!(wait(1), WHILE_HIGH, "nobody has anything to give up");
        for ms in 2..200 {
            wait(ms);
        }
        assert_eq!(PURGES.load(Ordering::Relaxed), 1);
        wait(201);
        assert_eq!(PURGES.load(Ordering::Relaxed), 2);
        let account = job.account("a");
        account.set(60, true);
        assert_eq!(wait(202), FOR_CHECKPOINT_MAX);
    }

    #[test]
    fn the_job_that_holds_the_most_goes_and_says_what_holds_it() {
        let memory = Memory::new(100 << 20, || Some(99 << 20));
        let (one, two) = (JobMemory::new(&memory), JobMemory::new(&memory));
        let (a, b) = (one.account("Join[3]"), two.account("GroupAggregate[2]"));
        a.set(10 << 20, false);
        b.set(20 << 20, false);
        assert!(one.must_go(Duration::ZERO).is_none());
        let error = two.must_go(Duration::ZERO).unwrap();
        assert_eq!(error.code(), Code::MemoryExhausted);
        assert!(
            error.message().contains("GroupAggregate[2] 20 MiB"),
            "{error}"
        );
    }

    #[test]
    fn lanes_share_what_may_be_under_way() {
        let bytes = |lanes, most| lane_bytes(lanes, most, u64::MAX);
        assert_eq!(bytes(4, 1 << 20), 1 << 20);
        assert_eq!(bytes(128, 1 << 20), 512 << 10);
        assert_eq!(bytes(1 << 20, 1 << 20), 64 << 10);
        assert_eq!(bytes(1, 1000), 1000);
        assert_eq!(lane_bytes(32, 1 << 20, 256 << 20), 512 << 10);
    }
}
