//! Point look-ups in a list of runs: for entries that an operator has let go of.
//!
//! ```text
//! keys, sorted ─▶ newest run: filter? ─▶ index ─▶ block ─▶ found, deleted or not here
//!                 …  next older run with the keys that are left
//! ```
//!
//! * All keys of a batch go through a run together: a block is read and stepped through once.
//! * Blocks come through a shared [`BlockCache`]; misses of one run are read concurrently, and at
//!   most [`READS`] blocks are held at a time, however many keys are asked for.
//! * Always: the answer is what a merge of the same runs would yield.
//! * Cost: an absent key costs one filter line per run; a present one about 64 KiB of reading when
//!   its block is cold.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use hashbrown::HashMap;
use millstream_core::Result;
use millstream_core::state::StateKey;
use parking_lot::Mutex;

use super::block::{Entries, Handle, Place, Step, Unpacker};
use super::cache::BlockCache;
use super::filter::{self, BLOCK_LINES, LINE_BYTES};
use super::merge::Drops;
use super::open::Run;
use crate::error::damaged;

/// Reads in flight per run.
const READS: usize = 16;

/// Answers point look-ups in a list of runs.
#[derive(Clone)]
pub struct Lookup {
    /// Oldest first.
    runs: Vec<Arc<Run>>,
    drops: Arc<Drops>,
    cache: Arc<BlockCache>,
    unpacker: Arc<Mutex<Unpacker>>,
}

/// A key that is still searched.
struct Wanted<'a> {
    /// Its position in the question.
    at: usize,
    key: StateKey<'a>,
    hash: u64,
    /// Runs older than this are dropped for it.
    floor: u32,
}

impl Lookup {
    /// Looks in `runs`, oldest first.
    pub fn new(runs: Vec<Arc<Run>>, cache: Arc<BlockCache>) -> Result<Self> {
        Ok(Lookup {
            drops: Arc::new(Drops::of(&runs)),
            runs,
            cache,
            unpacker: Arc::new(Mutex::new(Unpacker::new()?)),
        })
    }

    /// The values of `keys`, in their order; `None` where there is no entry. Files of this machine
    /// are read on the thread that polls, which therefore has to be one that may block.
    pub async fn get_many(&self, keys: &[StateKey<'_>]) -> Result<Vec<Option<Bytes>>> {
        let mut values = vec![None; keys.len()];
        let mut wanted: Vec<Wanted<'_>> = keys
            .iter()
            .enumerate()
            .map(|(at, key)| Wanted {
                at,
                key: *key,
                hash: filter::hash(key),
                floor: self.drops.floor(Place::of(key)),
            })
            .collect();
        wanted.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        for (age, run) in self.runs.iter().enumerate().rev() {
            wanted.retain(|wanted| wanted.floor as usize <= age);
            if wanted.is_empty() {
                break;
            }
            let settled = self.search(run, &wanted, &mut values).await?;
            wanted = wanted
                .into_iter()
                .zip(settled)
                .filter_map(|(wanted, settled)| (!settled).then_some(wanted))
                .collect();
        }
        Ok(values)
    }

    /// Searches one run; says of each wanted key whether its fate is known now.
    async fn search(
        &self,
        run: &Run,
        wanted: &[Wanted<'_>],
        values: &mut [Option<Bytes>],
    ) -> Result<Vec<bool>> {
        let mut settled = vec![false; wanted.len()];
        let candidates = self.candidates(run, wanted).await?;
        let handles = distinct(candidates.iter().map(|(_, block)| *block));
        let handles: Vec<Handle> = handles
            .into_iter()
            .map(|block| run.footer().blocks[block].handle)
            .collect();
        // In the order of the candidates.
        let mut blocks = self.load(run, &handles);
        for together in candidates.chunk_by(|a, b| a.1 == b.1) {
            let Some((_, block)) = blocks.try_next().await? else {
                break;
            };
            let keys = together.iter().map(|(number, _)| *number);
            step_through(run, block, keys, wanted, |number, value| {
                settled[number] = true;
                values[wanted[number].at] = value.map(Bytes::copy_from_slice);
            })?;
        }
        Ok(settled)
    }

    /// The wanted keys that may be in the run, with the block that would hold them, in order.
    async fn candidates(&self, run: &Run, wanted: &[Wanted<'_>]) -> Result<Vec<(usize, usize)>> {
        let footer = run.footer();
        let lines = footer.filter.lines;
        let mut possible: Vec<(usize, usize)> = Vec::new();
        let within = within(run, wanted);
        for (number, wanted) in wanted
            .iter()
            .enumerate()
            .take(within.end)
            .skip(within.start)
        {
            let place = Place::of(&wanted.key);
            let after = footer
                .blocks
                .partition_point(|block| (block.place, &block.key[..]) <= (place, wanted.key.key));
            if after > 0 && lines > 0 {
                possible.push((number, after - 1));
            }
        }
        let block_of =
            |number: usize| filter::line_of(wanted[number].hash, lines) as usize / BLOCK_LINES;
        let handles: Vec<Handle> = distinct(possible.iter().map(|(number, _)| block_of(*number)))
            .into_iter()
            .map(|block| footer.filter.blocks[block])
            .collect();
        let filters: HashMap<u64, Bytes> = self.load(run, &handles).try_collect().await?;
        possible.retain(|(number, _)| {
            let hash = wanted[*number].hash;
            let line = filter::line_of(hash, lines) as usize;
            let bits = &filters[&footer.filter.blocks[line / BLOCK_LINES].offset];
            let from = line % BLOCK_LINES * LINE_BYTES;
            filter::may_hold(bits.get(from..from + LINE_BYTES).unwrap_or(&[]), hash)
        });
        Ok(possible)
    }

    /// Blocks with their offsets, in the order of `handles`, a few of them at a time.
    fn load<'a>(
        &'a self,
        run: &'a Run,
        handles: &'a [Handle],
    ) -> BoxStream<'a, Result<(u64, Bytes)>> {
        let reads = handles.iter().map(|handle| self.load_one(run, *handle));
        // Made before the first of them is polled; see `together`.
        let reads: Vec<_> = reads.collect();
        stream::iter(reads).buffered(READS).boxed()
    }

    async fn load_one(&self, run: &Run, handle: Handle) -> Result<(u64, Bytes)> {
        let block = run.cached(&handle, &self.cache, &self.unpacker).await?;
        Ok((handle.offset, block))
    }
}

/// The wanted keys, as a range, that are not before the first entry of a run and not behind the last
/// of its key groups. Most runs hold few key groups: the others are not looked at key by key.
fn within(run: &Run, wanted: &[Wanted<'_>]) -> Range<usize> {
    let footer = run.footer();
    let Some(first) = footer.blocks.first() else {
        return 0..0;
    };
    let start = wanted.partition_point(|wanted| {
        (Place::of(&wanted.key), wanted.key.key) < (first.place, &first.key[..])
    });
    let end = wanted.partition_point(|wanted| wanted.key.group <= footer.last_group);
    start..end.max(start)
}

/// Steps through a block and the sorted keys side by side; tells what is found.
fn step_through(
    run: &Run,
    block: Bytes,
    numbers: impl Iterator<Item = usize>,
    wanted: &[Wanted<'_>],
    mut found: impl FnMut(usize, Option<&[u8]>),
) -> Result<()> {
    let mut entries = Entries::new(block);
    let mut there = next(run, &mut entries)?;
    for number in numbers {
        let key = wanted[number].key;
        while there && entries.key() < key {
            there = next(run, &mut entries)?;
        }
        if there && entries.key() == key {
            found(number, entries.value());
        }
    }
    Ok(())
}

fn next(run: &Run, entries: &mut Entries) -> Result<bool> {
    match entries.step() {
        Step::Entry => Ok(true),
        Step::End => Ok(false),
        Step::Malformed => Err(damaged(run.name(), "a block holds no entries")),
    }
}

fn distinct(numbers: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut numbers: Vec<usize> = numbers.collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}
