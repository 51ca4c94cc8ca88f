//! Merging runs: the entries of some key groups in order, of each key only what counts.
//!
//! ```text
//! oldest run  ──▶ cursor ─┐
//! …                       ├─▶ heap by (key, newest first) ─▶ drops, deletions ─▶ entries ─▶ chunks
//! newest run  ──▶ cursor ─┘
//! ```
//!
//! * A cursor first stands at the *bound* of its next block, the first key the index names; the
//!   block is read only when that bound is the smallest of all. So runs that begin later, such as
//!   those of other key groups, cost nothing yet.
//! * Bytes are fetched in stretches of neighbouring blocks, for several cursors that have none left
//!   at once; together they stay within [`STRETCHES_BYTES`]. Between two fetches nothing waits.
//! * Always: an entry appears once, with the value of the latest run that holds its key, unless
//!   that is a deletion or a later run dropped its namespace in its key group.
//! * Cost: O(log runs) comparisons per entry, nearly all of them of 16 bytes.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use hashbrown::HashMap;
use millstream_core::Result;
use millstream_core::state::{StateChunk, StateKey};

use super::block::{Entries, Place, Step};
use super::footer::Dropped;
use super::open::Run;
use crate::error::damaged;

/// Stored bytes all cursors of a merge hold at most, about.
const STRETCHES_BYTES: u64 = 16 << 20;
/// Most bytes of one read.
const STRETCH_MAX: u64 = 4 << 20;
/// Reads in flight.
const READS: usize = 8;

/// Which entries a merge yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// What an operator is to see.
    Live,
    /// Deletions too: there are older runs they must still hit.
    Deletions,
}

/// The entries of a list of runs. See the module.
pub struct Merge {
    cursors: Vec<Cursor>,
    /// Numbers of the cursors that have something left; the smallest key stands first.
    heap: Vec<u32>,
    drops: Drops,
    keep: Keep,
    /// The top cursor's entry has been given out.
    taken: bool,
    place: Option<Place>,
    /// In the current place, entries of runs older than this are dropped.
    floor: u32,
    /// The last key seen in the current place, if one was.
    last: Vec<u8>,
    seen: bool,
    chunks: Chunks,
}

/// What the merge stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// [`Merge::entry`] has it.
    Entry,
    /// [`Merge::fetch`] must run first.
    Bytes,
    /// Nothing is left.
    End,
}

impl Merge {
    /// The live entries of the key groups `first..=last` in `runs`, oldest run first.
    pub fn new(runs: &[Arc<Run>], first_group: u16, last_group: u16) -> Self {
        Self::keeping(runs, first_group, last_group, Keep::Live)
    }

    pub(crate) fn keeping(runs: &[Arc<Run>], first: u16, last: u16, keep: Keep) -> Self {
        let cursors: Vec<Cursor> = runs
            .iter()
            .zip(0..)
            .map(|(run, age)| Cursor::new(Arc::clone(run), age, first, last))
            .filter(|cursor| cursor.state != State::Done)
            .collect();
        let mut merge = Merge {
            heap: (0..cursors.len() as u32).collect(),
            cursors,
            drops: Drops::of(runs),
            keep,
            taken: false,
            place: None,
            floor: 0,
            last: Vec::new(),
            seen: false,
            chunks: Chunks::default(),
        };
        for at in (0..merge.heap.len() / 2).rev() {
            merge.sift_down(at);
        }
        merge
    }

    /// The next entries, all of one table and namespace; `None` after the last.
    pub async fn next_chunk(&mut self) -> Result<Option<StateChunk>> {
        loop {
            if let Some(chunk) = self.chunks.ready.pop_front() {
                return Ok(Some(chunk));
            }
            match self.fill()? {
                Next::Entry => {}
                Next::Bytes => self.fetch().await?,
                Next::End => return Ok(self.chunks.ready.pop_front()),
            }
        }
    }

    /// Collects entries until a chunk is ready.
    fn fill(&mut self) -> Result<Next> {
        loop {
            match self.advance()? {
                Next::Entry => {
                    let cursor = &self.cursors[self.heap[0] as usize];
                    let (key, value) = cursor.entry();
                    self.chunks.push(&key, value.unwrap_or_default());
                    if !self.chunks.ready.is_empty() {
                        return Ok(Next::Entry);
                    }
                }
                Next::Bytes => return Ok(Next::Bytes),
                Next::End => {
                    self.chunks.flush();
                    return Ok(Next::End);
                }
            }
        }
    }

    /// The entry `advance` has stopped at.
    #[inline]
    pub(crate) fn entry(&self) -> (StateKey<'_>, Option<&[u8]>) {
        self.cursors[self.heap[0] as usize].entry()
    }

    /// Goes to the next entry that counts.
    pub(crate) fn advance(&mut self) -> Result<Next> {
        loop {
            if std::mem::take(&mut self.taken) {
                self.cursors[self.heap[0] as usize].step()?;
                self.settle_top();
            }
            let Some(top) = self.heap.first() else {
                return Ok(Next::End);
            };
            let cursor = &mut self.cursors[*top as usize];
            if cursor.state == State::Bound {
                if cursor.stretches.is_empty() {
                    return Ok(Next::Bytes);
                }
                cursor.open_next()?;
                self.settle_top();
                continue;
            }
            self.taken = true;
            if self.counts() {
                return Ok(Next::Entry);
            }
        }
    }

    /// Whether the top entry is the newest of its key, not dropped, and wanted.
    #[inline]
    fn counts(&mut self) -> bool {
        let cursor = &self.cursors[self.heap[0] as usize];
        let (key, value) = cursor.entry();
        let place = Place::of(&key);
        if self.place != Some(place) {
            self.place = Some(place);
            self.floor = self.drops.floor(place);
            self.seen = false;
        }
        if std::mem::replace(&mut self.seen, true) && self.last == key.key {
            return false;
        }
        self.last.clear();
        self.last.extend_from_slice(key.key);
        cursor.age >= self.floor && (value.is_some() || self.keep == Keep::Deletions)
    }

    /// Puts the top cursor, which has moved, into its place.
    #[inline]
    fn settle_top(&mut self) {
        if self.cursors[self.heap[0] as usize].state == State::Done {
            self.heap.swap_remove(0);
        }
        self.sift_down(0);
    }

    fn sift_down(&mut self, mut at: usize) {
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let mut least = at;
            for child in [left, right] {
                if child < self.heap.len() && self.before(child, least) {
                    least = child;
                }
            }
            if least == at {
                return;
            }
            self.heap.swap(at, least);
            at = least;
        }
    }

    /// Whether the cursor at one place of the heap comes before that at another.
    #[inline]
    fn before(&self, a: usize, b: usize) -> bool {
        self.order(self.heap[a] as usize, self.heap[b] as usize) == Ordering::Less
    }

    /// By key; of equal keys the newest first.
    #[inline]
    fn order(&self, a: usize, b: usize) -> Ordering {
        let (a, b) = (&self.cursors[a], &self.cursors[b]);
        a.head
            .cmp(&b.head)
            .then_with(|| a.key().cmp(b.key()))
            .then(b.age.cmp(&a.age))
    }

    /// Reads for the cursors that need bytes before they can go on: those that are next in order,
    /// the top one among them. Others may be far away, in other key groups.
    pub(crate) async fn fetch(&mut self) -> Result<()> {
        let mut hungry: Vec<usize> = (0..self.cursors.len())
            .filter(|c| self.cursors[*c].is_hungry())
            .collect();
        hungry.sort_by(|a, b| self.order(*a, *b));
        hungry.truncate(READS);
        let each = (STRETCHES_BYTES / self.cursors.len().max(READS) as u64).min(STRETCH_MAX);
        let times = (READS / hungry.len().max(1)).max(1);
        let mut reads = Vec::new();
        for number in hungry {
            for (first, end) in self.cursors[number].stretches_ahead(each, times) {
                let run = Arc::clone(&self.cursors[number].run);
                reads.push(async move {
                    let blocks = &run.footer().blocks;
                    let (from, to) = (blocks[first].handle, blocks[end - 1].handle);
                    let bytes = run.read_stretch(&from, &to).await?;
                    Ok::<_, millstream_core::Error>((
                        number,
                        Stretch {
                            end,
                            offset: from.offset,
                            bytes,
                        },
                    ))
                });
            }
        }
        let mut stretches = stream::iter(reads).buffered(READS);
        while let Some((number, stretch)) = stretches.try_next().await? {
            self.cursors[number].stretches.push_back(stretch);
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a block that is not opened; its first key is known from the index.
    Bound,
    /// On an entry.
    Entry,
    Done,
}

/// Stored bytes of the blocks up to `end`.
struct Stretch {
    end: usize,
    offset: u64,
    bytes: Bytes,
}

/// One run's part of a merge.
struct Cursor {
    run: Arc<Run>,
    age: u32,
    groups: (u16, u16),
    /// The block to open next, and the one after the last.
    next: usize,
    end: usize,
    stretches: VecDeque<Stretch>,
    entries: Entries,
    state: State,
    /// Place and first bytes of the key: decides nearly every comparison.
    head: u128,
}

impl Cursor {
    fn new(run: Arc<Run>, age: u32, first: u16, last: u16) -> Self {
        let blocks = run.blocks_of(first, last);
        let mut cursor = Cursor {
            run,
            age,
            groups: (first, last),
            next: blocks.start,
            end: blocks.end,
            stretches: VecDeque::new(),
            entries: Entries::new(Bytes::new()),
            state: State::Done,
            head: 0,
        };
        cursor.wait_at_bound();
        cursor
    }

    #[inline]
    fn key(&self) -> &[u8] {
        match self.state {
            State::Bound => &self.run.footer().blocks[self.next].key,
            State::Entry | State::Done => self.entries.key().key,
        }
    }

    #[inline]
    fn entry(&self) -> (StateKey<'_>, Option<&[u8]>) {
        (self.entries.key(), self.entries.value())
    }

    fn is_hungry(&self) -> bool {
        self.state == State::Bound && self.stretches.is_empty()
    }

    /// Stands before the next block, or at the end.
    fn wait_at_bound(&mut self) {
        self.state = State::Done;
        if self.next < self.end {
            let block = &self.run.footer().blocks[self.next];
            self.head = head(&block.place, &block.key);
            self.state = State::Bound;
        }
    }

    /// Opens the next block, whose bytes are there, and goes to its first entry.
    fn open_next(&mut self) -> Result<()> {
        let Some(stretch) = self.stretches.front() else {
            return Ok(());
        };
        let handle = &self.run.footer().blocks[self.next].handle;
        let block = self
            .run
            .open_block(handle, &stretch.bytes, stretch.offset)?;
        self.next += 1;
        if self.next == stretch.end {
            self.stretches.pop_front();
        }
        self.entries = Entries::new(block);
        self.step()
    }

    /// Goes to the next entry of the wanted groups.
    #[inline]
    fn step(&mut self) -> Result<()> {
        loop {
            match self.entries.step() {
                Step::End => {
                    self.wait_at_bound();
                    return Ok(());
                }
                Step::Malformed => {
                    return Err(damaged(self.run.name(), "a block holds no entries"));
                }
                Step::Entry => {}
            }
            let key = self.entries.key();
            if key.group > self.groups.1 {
                self.state = State::Done;
                return Ok(());
            }
            if key.group >= self.groups.0 {
                self.head = head(&Place::of(&key), key.key);
                self.state = State::Entry;
                return Ok(());
            }
        }
    }

    /// The next blocks to read, as up to `times` stretches of about `bytes` each.
    fn stretches_ahead(&self, bytes: u64, times: usize) -> Vec<(usize, usize)> {
        let blocks = &self.run.footer().blocks[..self.end];
        let mut from = self.next;
        let mut stretches = Vec::with_capacity(times);
        while from < self.end && stretches.len() < times {
            let limit = blocks[from].handle.offset + bytes;
            let fitting = blocks[from..].partition_point(|block| block.handle.end() <= limit);
            let end = from + fitting.max(1);
            stretches.push((from, end));
            from = end;
        }
        stretches
    }
}

#[inline]
fn head(place: &Place, key: &[u8]) -> u128 {
    // Flipping the sign bit makes the order of unsigned numbers that of signed ones.
    let namespace = (place.namespace as u64) ^ (1 << 63);
    let mut start = [0u8; 8];
    let len = key.len().min(5);
    start[3..3 + len].copy_from_slice(&key[..len]);
    u128::from(place.group) << 112
        | u128::from(place.table) << 104
        | u128::from(namespace) << 40
        | u128::from(u64::from_be_bytes(start))
}

/// First and last group of a drop, and the age of its run.
type Reach = (u16, u16, u32);

/// The dropped namespaces of a list of runs.
#[derive(Debug, Default)]
pub(crate) struct Drops {
    by_place: HashMap<(u8, i64), Vec<Reach>>,
}

impl Drops {
    pub(crate) fn of(runs: &[Arc<Run>]) -> Self {
        let mut drops = Drops::default();
        for (run, age) in runs.iter().zip(0..) {
            for drop in &run.footer().drops {
                let Dropped {
                    table,
                    namespace,
                    first_group,
                    last_group,
                } = *drop;
                drops.by_place.entry((table, namespace)).or_default().push((
                    first_group,
                    last_group,
                    age,
                ));
            }
        }
        drops
    }

    /// Entries of this place in runs of a smaller age are gone.
    #[inline]
    pub(crate) fn floor(&self, place: Place) -> u32 {
        if self.by_place.is_empty() {
            return 0;
        }
        self.by_place
            .get(&(place.table, place.namespace))
            .into_iter()
            .flatten()
            .filter(|(first, last, _)| (*first..=*last).contains(&place.group))
            .map(|(_, _, age)| *age)
            .max()
            .unwrap_or(0)
    }
}

/// Gathers entries into chunks of one table and namespace each.
///
/// Entries come sorted by key group first, so those of one namespace come in many short stretches;
/// several chunks are open at a time, and together they stay small.
#[derive(Default)]
struct Chunks {
    open: HashMap<(u8, i64), StateChunk>,
    current: StateChunk,
    bytes: usize,
    ready: VecDeque<StateChunk>,
}

impl Chunks {
    /// A chunk is ready once it has this many bytes.
    const CHUNK_BYTES: usize = 1 << 20;
    /// All chunks become ready once they have this many bytes together.
    const OPEN_BYTES: usize = 8 << 20;
    /// What an entry and what a chunk cost beyond keys and values.
    const ENTRY_COST: usize = 16;
    const CHUNK_COST: usize = 160;

    #[inline]
    fn push(&mut self, key: &StateKey<'_>, value: &[u8]) {
        if (self.current.table, self.current.namespace) != (key.table, key.namespace) {
            self.change(key.table, key.namespace);
        }
        self.current.push(key.group, key.key, value);
        self.bytes += key.key.len() + value.len() + Self::ENTRY_COST;
        if self.bytes >= Self::OPEN_BYTES {
            self.flush();
        } else if self.current.len() == StateChunk::ENTRIES_MAX
            || self.current.bytes() >= Self::CHUNK_BYTES
        {
            let cost = self.current.bytes() + self.current.len() * Self::ENTRY_COST;
            self.bytes = self.bytes.saturating_sub(cost);
            let empty = StateChunk::new(key.table, key.namespace);
            self.ready
                .push_back(std::mem::replace(&mut self.current, empty));
        }
    }

    fn change(&mut self, table: u8, namespace: i64) {
        let next = self.open.remove(&(table, namespace)).unwrap_or_else(|| {
            self.bytes += Self::CHUNK_COST;
            StateChunk::new(table, namespace)
        });
        let before = std::mem::replace(&mut self.current, next);
        if !before.is_empty() {
            self.open.insert((before.table, before.namespace), before);
        }
    }

    fn flush(&mut self) {
        let current = std::mem::take(&mut self.current);
        self.bytes = 0;
        self.ready.extend(
            self.open
                .drain()
                .map(|(_, chunk)| chunk)
                .chain([current])
                .filter(|chunk| !chunk.is_empty()),
        );
    }
}
