//! DISTINCT: which rows bring a value their group has not seen yet.
//!
//! All DISTINCT aggregates over the same arguments share one table of (group, value), however many
//! different FILTERs they have. An entry remembers by one bit per filter for whom it was seen.
//!
//! ```text
//! COUNT(DISTINCT bidder), COUNT(DISTINCT bidder) FILTER (WHERE p < 10), … FILTER (WHERE p >= 10)
//!
//! row        bidder 7, p 12      entry (group 0, 7)   seen 0b001 ─▶ 0b101
//! passes     0b101               new for              0b100: only the third aggregate takes the row
//! ```
//!
//! * The aggregates themselves know nothing of DISTINCT: they get the rows that are new to them.
//! * With retraction an entry counts per filter; a row is passed on when its count leaves or
//!   reaches zero, and an entry whose counts are all zero is removed.
//! * Cost: one probe per row and argument list, not per aggregate.
//! * In a checkpoint each entry is an entry of its own, under the key of its group and the value; so
//!   a checkpoint writes the values that are new, not all of a group ([`state`]).
//!
//! Idea: Apache Flink, `DistinctInfo` (bit masks over filters).

use arrow::array::{ArrayRef, BooleanArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute;
use arrow::datatypes::{DataType, Schema};
use millstream_core::Result;
use millstream_plan::{AggregateCall, AggregateFunction};

use super::kernel::{Accumulator, Rows};
use super::{Batch, Masks};
use crate::keys::KeyTable;
use crate::state::codec::Encoded;
use crate::state::tracker::Tracker;

mod state;

/// Filters one set serves: the bits of an entry but for one.
const FILTERS_MAX: usize = 31;
/// The bit of an entry that says it has changed since the last snapshot. It lies where the entry is
/// changed anyway: a set of its own would be a second cache miss per new value.
const CHANGED: u32 = 1 << 31;
/// Entries merged at a time, which bounds the memory of a merge.
const MERGE_ROWS: usize = 8192;
/// End of a list of entries.
const NONE: u32 = u32::MAX;

pub(super) struct DistinctSet {
    args: Vec<usize>,
    /// NULL is a value like any other (ARRAY_AGG), not one to be ignored.
    keeps_nulls: bool,
    /// The filters its aggregates use; bit i of a mask stands for `filters[i]`.
    filters: Vec<Option<usize>>,
    /// Aggregates and the filter of each.
    members: Vec<(usize, usize)>,
    /// Spaces are groups.
    values: KeyTable,
    seen: Seen,
    /// Entries by group, if groups are reset or combined.
    by_group: Option<ByGroup>,
    /// Number of entries of each group, if rows can go and they are not listed by group.
    live: Vec<u32>,
    ids: Vec<u32>,
    tracker: Tracker,
    buried: Buried,
}

/// Entries that a checkpoint holds and that are gone, until somebody says the keys of their groups.
#[derive(Default)]
struct Buried {
    groups: Vec<u32>,
    values: Encoded,
}

/// What is known of each entry.
enum Seen {
    /// Bit i: `filters[i]` has passed it; and `CHANGED`.
    Bits(Vec<u32>),
    /// `counts[entry * filters + i]`: rows `filters[i]` has passed, less those taken back.
    Counts(Vec<i64>),
}

/// A linked list of entries per group.
#[derive(Default)]
struct ByGroup {
    head: Vec<u32>,
    next: Vec<u32>,
}

/// Rows of values with the filters they pass.
struct Offer<'a> {
    args: &'a [ArrayRef],
    groups: &'a [u32],
    signs: Option<&'a [i8]>,
    /// Bit i: the row counts for `filters[i]`.
    passes: Vec<u32>,
}

impl DistinctSet {
    /// A set for the arguments of `call`, without aggregates yet.
    pub(super) fn new(
        call: &AggregateCall,
        input: &Schema,
        retracts: bool,
        regroups: bool,
    ) -> Result<Self> {
        let types: Vec<DataType> = call
            .args
            .iter()
            .map(|&arg| input.field(arg).data_type().clone())
            .collect();
        Ok(DistinctSet {
            args: call.args.clone(),
            keeps_nulls: keeps_nulls(call),
            filters: Vec::new(),
            members: Vec::new(),
            values: KeyTable::new(&types)?,
            seen: if retracts {
                Seen::Counts(Vec::new())
            } else {
                Seen::Bits(Vec::new())
            },
            by_group: regroups.then(ByGroup::default),
            live: Vec::new(),
            ids: Vec::new(),
            tracker: Tracker::default(),
            buried: Buried::default(),
        })
    }

    /// True if this set serves the call.
    pub(super) fn takes(&self, call: &AggregateCall) -> bool {
        call.args == self.args
            && keeps_nulls(call) == self.keeps_nulls
            && (self.filters.contains(&call.filter) || self.filters.len() < FILTERS_MAX)
    }

    /// Adds an aggregate.
    pub(super) fn add(&mut self, accumulator: usize, filter: Option<usize>) {
        let known = self.filters.iter().position(|known| *known == filter);
        let bit = known.unwrap_or_else(|| {
            self.filters.push(filter);
            self.filters.len() - 1
        });
        self.members.push((accumulator, bit));
    }

    pub(super) fn update(
        &mut self,
        batch: Batch<'_>,
        masks: &mut Masks,
        accumulators: &mut [Box<dyn Accumulator>],
    ) -> Result<()> {
        let args: Vec<ArrayRef> = self
            .args
            .iter()
            .map(|&arg| ArrayRef::clone(&batch.columns[arg]))
            .collect();
        let mut passes = vec![0u32; batch.groups.len()];
        for (bit, filter) in self.filters.iter().enumerate() {
            match filter {
                None => passes.iter_mut().for_each(|pass| *pass |= 1 << bit),
                Some(filter) => {
                    let mask = masks.of(batch.columns, *filter);
                    mask.set_indices().for_each(|row| passes[row] |= 1 << bit);
                }
            }
        }
        if !self.keeps_nulls {
            without_nulls(&args, &mut passes);
        }
        let offer = Offer {
            args: &args,
            groups: batch.groups,
            signs: batch.signs,
            passes,
        };
        match offer.worth() {
            Worth::Nothing => Ok(()),
            Worth::Everything => self.take(&offer, accumulators),
            Worth::Some(mask) => {
                let (groups, signs) = (mask_u32(batch.groups, &mask), batch.signs);
                let args = offer.args.iter().map(|arg| compute::filter(arg, &mask));
                let args = args.collect::<Result<Vec<_>, _>>()?;
                let rows = || mask.values().set_indices();
                let signs = signs.map(|signs| rows().map(|row| signs[row]).collect::<Vec<i8>>());
                let offer = Offer {
                    args: &args,
                    groups: &groups,
                    signs: signs.as_deref(),
                    passes: rows().map(|row| offer.passes[row]).collect(),
                };
                self.take(&offer, accumulators)
            }
        }
    }

    /// Enters the values of an offer and passes on what is new.
    fn take(&mut self, offer: &Offer<'_>, accumulators: &mut [Box<dyn Accumulator>]) -> Result<()> {
        let mut ids = std::mem::take(&mut self.ids);
        self.values.intern_in(offer.args, offer.groups, &mut ids)?;
        self.make_room(offer.groups, &ids);
        let news = match &mut self.seen {
            Seen::Bits(seen) => see(seen, &ids, &offer.passes),
            Seen::Counts(counts) => {
                self.tracker.touch(&ids, self.values.id_bound());
                let width = self.filters.len();
                count(counts, width, &mut self.live, &ids, offer)
            }
        };
        self.ids = ids;
        self.pass_on(offer, &news, accumulators)?;
        self.drop_unseen()
    }

    /// Lengthens the per-entry vectors and links new entries to their groups.
    fn make_room(&mut self, groups: &[u32], ids: &[u32]) {
        let entries = self.values.id_bound();
        match &mut self.seen {
            Seen::Bits(seen) => seen.resize(entries.max(seen.len()), 0),
            Seen::Counts(counts) => {
                let wanted = entries * self.filters.len();
                counts.resize(wanted.max(counts.len()), 0);
                let bound = groups.iter().max().map_or(0, |&most| most as usize + 1);
                self.live.resize(bound.max(self.live.len()), 0);
            }
        }
        let Some(by_group) = &mut self.by_group else {
            return;
        };
        for (&id, &group) in ids.iter().zip(groups) {
            by_group.link(id, group);
        }
    }

    fn pass_on(
        &self,
        offer: &Offer<'_>,
        news: &[u32],
        accumulators: &mut [Box<dyn Accumulator>],
    ) -> Result<()> {
        let any = news.iter().fold(0, |any, new| any | new);
        for bit in 0..self.filters.len() {
            if any & (1 << bit) == 0 {
                continue;
            }
            let chosen = BooleanBuffer::collect_bool(news.len(), |row| news[row] & (1 << bit) != 0);
            let rows = Rows {
                args: offer.args,
                groups: offer.groups,
                chosen: Some(&chosen),
                signs: offer.signs,
            };
            for (accumulator, _) in self.members.iter().filter(|(_, of)| *of == bit) {
                accumulators[*accumulator].update(&rows)?;
            }
        }
        Ok(())
    }

    /// Removes the entries among the last ids that nobody counts any more.
    fn drop_unseen(&mut self) -> Result<()> {
        let Seen::Counts(counts) = &self.seen else {
            return Ok(());
        };
        let width = self.filters.len();
        let gone = |&&id: &&u32| {
            let start = id as usize * width;
            counts[start..start + width].iter().all(|&count| count == 0)
        };
        // Linked entries go with their group, so that the links stay valid.
        if self.by_group.is_none() {
            let gone: Vec<u32> = self.ids.iter().filter(gone).copied().collect();
            self.bury(&gone)?;
            self.values.remove(&gone);
        }
        Ok(())
    }

    pub(super) fn merge(
        &mut self,
        other: &DistinctSet,
        groups: &[u32],
        accumulators: &mut [Box<dyn Accumulator>],
    ) -> Result<()> {
        for ids in other.values.ids().chunks(MERGE_ROWS) {
            let args = other.values.keys(ids)?;
            let spaces = ids.iter().filter_map(|&id| other.values.space(id));
            let groups: Vec<u32> = spaces.map(|space| groups[space as usize]).collect();
            self.take_known(&args, &groups, &other.known(ids), accumulators)?;
        }
        Ok(())
    }

    /// Enters values with what is known of them.
    fn take_known(
        &mut self,
        args: &[ArrayRef],
        groups: &[u32],
        known: &Known,
        accumulators: &mut [Box<dyn Accumulator>],
    ) -> Result<()> {
        match known {
            Known::Bits(bits) => self.take(
                &Offer {
                    args,
                    groups,
                    signs: None,
                    passes: bits.clone(),
                },
                accumulators,
            ),
            Known::Counts(counts) => self.add_counts(args, groups, counts, accumulators),
        }
    }

    fn add_counts(
        &mut self,
        args: &[ArrayRef],
        groups: &[u32],
        added: &[i64],
        accumulators: &mut [Box<dyn Accumulator>],
    ) -> Result<()> {
        let mut ids = std::mem::take(&mut self.ids);
        self.values.intern_in(args, groups, &mut ids)?;
        let unsigned = Offer {
            args,
            groups,
            signs: None,
            passes: Vec::new(),
        };
        self.make_room(groups, &ids);
        let [appeared, vanished] = self.sum_counts(&ids, groups, added);
        self.tracker.touch(&ids, self.values.id_bound());
        self.ids = ids;
        self.pass_on(&unsigned, &appeared, accumulators)?;
        let signs = vec![-1; groups.len()];
        let signed = Offer {
            signs: Some(&signs),
            ..unsigned
        };
        self.pass_on(&signed, &vanished, accumulators)?;
        self.drop_unseen()
    }

    /// Adds counts to entries; bit i of the results: an entry's count for `filters[i]` has become
    /// positive, or has ceased to be.
    fn sum_counts(&mut self, ids: &[u32], groups: &[u32], added: &[i64]) -> [Vec<u32>; 2] {
        let width = self.filters.len();
        let (mut appeared, mut vanished) = (vec![0u32; ids.len()], vec![0u32; ids.len()]);
        let Seen::Counts(counts) = &mut self.seen else {
            return [appeared, vanished];
        };
        for (row, &id) in ids.iter().enumerate() {
            let entry = &mut counts[id as usize * width..(id as usize + 1) * width];
            let was = is_counted(entry);
            for (bit, count) in entry.iter_mut().enumerate() {
                let before = *count > 0;
                *count += added[row * width + bit];
                appeared[row] |= u32::from(!before && *count > 0) << bit;
                vanished[row] |= u32::from(before && *count <= 0) << bit;
            }
            note_live(&mut self.live, groups[row], was, is_counted(entry));
        }
        [appeared, vanished]
    }

    fn known(&self, ids: &[u32]) -> Known {
        let width = self.filters.len();
        match &self.seen {
            Seen::Bits(seen) => {
                let bits = ids.iter().map(|&id| seen[id as usize] & !CHANGED);
                Known::Bits(bits.collect())
            }
            Seen::Counts(counts) => Known::Counts(
                ids.iter()
                    .flat_map(|&id| &counts[id as usize * width..(id as usize + 1) * width])
                    .copied()
                    .collect(),
            ),
        }
    }

    /// Moves the values of group `from` to group `into`, and its states with them.
    pub(super) fn combine(
        &mut self,
        into: u32,
        from: u32,
        accumulators: &mut [Box<dyn Accumulator>],
    ) -> Result<()> {
        let ids = self.entries_of(from);
        if !ids.is_empty() {
            let args = self.values.keys(&ids)?;
            let known = self.known(&ids);
            self.forget(from, &ids)?;
            let groups = vec![into; ids.len()];
            self.take_known(&args, &groups, &known, accumulators)?;
        }
        for (accumulator, _) in &self.members {
            accumulators[*accumulator].reset(&[from]);
        }
        Ok(())
    }

    /// Forgets the values of these groups.
    pub(super) fn reset(&mut self, groups: &[u32]) -> Result<()> {
        if self.by_group.is_none() {
            return self.sweep(groups);
        }
        for &group in groups {
            let ids = self.entries_of(group);
            self.forget(group, &ids)?;
        }
        Ok(())
    }

    /// Forgets what is left of these groups by looking through all entries. Needed only if more of
    /// a value has gone than had come: else the last row of a group takes its last entry along.
    fn sweep(&mut self, groups: &[u32]) -> Result<()> {
        let has_left = |&&group: &&u32| self.live.get(group as usize).is_some_and(|&n| n > 0);
        let left: Vec<u32> = groups.iter().filter(has_left).copied().collect();
        if left.is_empty() {
            return Ok(());
        }
        let is_left = |&id: &u32| {
            let space = self.values.space(id);
            space.is_some_and(|space| left.contains(&space))
        };
        let mut ids = self.values.ids();
        ids.retain(is_left);
        left.iter().for_each(|&group| self.live[group as usize] = 0);
        self.forget(NONE, &ids)
    }

    fn entries_of(&self, group: u32) -> Vec<u32> {
        let Some(by_group) = &self.by_group else {
            return Vec::new();
        };
        let mut ids = Vec::new();
        let mut next = by_group.head.get(group as usize).copied().unwrap_or(NONE);
        while next != NONE {
            ids.push(next);
            next = by_group.next[next as usize];
        }
        ids
    }

    fn forget(&mut self, group: u32, ids: &[u32]) -> Result<()> {
        self.bury(ids)?;
        let width = self.filters.len();
        for &id in ids {
            match &mut self.seen {
                Seen::Bits(seen) => seen[id as usize] = 0,
                Seen::Counts(counts) => {
                    counts[id as usize * width..(id as usize + 1) * width].fill(0);
                }
            }
        }
        if let Some(by_group) = &mut self.by_group {
            by_group.unlink(group, ids);
        }
        if let Some(live) = self.live.get_mut(group as usize) {
            *live = 0;
        }
        self.values.remove(ids);
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.values.clear();
        match &mut self.seen {
            Seen::Bits(seen) => seen.clear(),
            Seen::Counts(counts) => counts.clear(),
        }
        if let Some(by_group) = &mut self.by_group {
            *by_group = ByGroup::default();
        }
        self.live.clear();
        self.tracker.clear();
        self.buried.groups.clear();
        self.buried.values.clear();
    }

    pub(super) fn bytes(&self) -> usize {
        let seen = match &self.seen {
            Seen::Bits(seen) => seen.capacity() * 4,
            Seen::Counts(counts) => counts.capacity() * 8,
        };
        let links = self.by_group.as_ref().map_or(0, |links| {
            (links.head.capacity() + links.next.capacity()) * 4
        });
        let buried = self.buried.groups.capacity() * 4 + self.buried.values.memory();
        let live = (self.live.capacity() + self.ids.capacity()) * 4;
        self.values.bytes() + seen + links + live + self.tracker.bytes() + buried
    }
}

/// What [`Seen`] says about some entries, copied out.
enum Known {
    Bits(Vec<u32>),
    Counts(Vec<i64>),
}

impl ByGroup {
    /// An id that is in no list points to itself.
    fn link(&mut self, id: u32, group: u32) {
        let (id_index, group_index) = (id as usize, group as usize);
        while self.next.len() <= id_index {
            let own = self.next.len() as u32;
            self.next.push(own);
        }
        if self.head.len() <= group_index {
            self.head.resize(group_index + 1, NONE);
        }
        if self.next[id_index] == id {
            self.next[id_index] = self.head[group_index];
            self.head[group_index] = id;
        }
    }

    fn unlink(&mut self, group: u32, ids: &[u32]) {
        for &id in ids {
            self.next[id as usize] = id;
        }
        if let Some(head) = self.head.get_mut(group as usize) {
            *head = NONE;
        }
    }
}

enum Worth {
    Nothing,
    Everything,
    Some(BooleanArray),
}

impl Offer<'_> {
    /// Which rows pass at least one filter: only their values are worth remembering.
    fn worth(&self) -> Worth {
        let passing = self.passes.iter().filter(|&&pass| pass != 0).count();
        if passing == 0 {
            Worth::Nothing
        } else if passing == self.passes.len() {
            Worth::Everything
        } else {
            let mask = BooleanBuffer::collect_bool(self.passes.len(), |row| self.passes[row] != 0);
            Worth::Some(BooleanArray::new(mask, None))
        }
    }
}

fn keeps_nulls(call: &AggregateCall) -> bool {
    call.function == AggregateFunction::ArrayAgg
}

/// NULL is no value: rows with one pass no filter.
fn without_nulls(args: &[ArrayRef], passes: &mut [u32]) {
    let mut nulls: Option<NullBuffer> = None;
    for arg in args {
        nulls = NullBuffer::union(nulls.as_ref(), arg.logical_nulls().as_ref());
    }
    if let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) {
        for (row, pass) in passes.iter_mut().enumerate() {
            if nulls.is_null(row) {
                *pass = 0;
            }
        }
    }
}

/// Marks the entries as seen; bit i of a result: new to `filters[i]`.
fn see(seen: &mut [u32], ids: &[u32], passes: &[u32]) -> Vec<u32> {
    let entries = ids.iter().zip(passes);
    entries
        .map(|(&id, &pass)| {
            let seen = &mut seen[id as usize];
            let new = pass & !*seen;
            *seen |= new | (u32::from(new != 0) * CHANGED);
            new
        })
        .collect()
}

/// True if an entry is worth keeping.
fn is_counted(entry: &[i64]) -> bool {
    entry.iter().any(|&count| count != 0)
}

/// Keeps the number of entries of a group.
fn note_live(live: &mut [u32], group: u32, was: bool, is: bool) {
    let live = &mut live[group as usize];
    *live = match (was, is) {
        (false, true) => *live + 1,
        (true, false) => live.saturating_sub(1),
        _ => *live,
    };
}

/// Counts the entries; bit i of a result: the count of `filters[i]` has left or reached zero.
fn count(
    counts: &mut [i64],
    width: usize,
    live: &mut [u32],
    ids: &[u32],
    offer: &Offer<'_>,
) -> Vec<u32> {
    let mut news = vec![0u32; ids.len()];
    for (row, &id) in ids.iter().enumerate() {
        let sign = offer.signs.map_or(1, |signs| i64::from(signs[row]));
        let entry = &mut counts[id as usize * width..(id as usize + 1) * width];
        let was = is_counted(entry);
        for (bit, count) in entry.iter_mut().enumerate() {
            if offer.passes[row] & (1 << bit) == 0 {
                continue;
            }
            *count += sign;
            if (sign > 0 && *count == 1) || (sign < 0 && *count == 0) {
                news[row] |= 1 << bit;
            }
        }
        note_live(live, offer.groups[row], was, is_counted(entry));
    }
    news
}

fn mask_u32(values: &[u32], mask: &BooleanArray) -> Vec<u32> {
    let rows = mask.values().set_indices();
    rows.map(|row| values[row]).collect()
}
