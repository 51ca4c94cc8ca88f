//! The matches of one key that have begun, and those that wait for their turn.
//!
//! ```text
//! rows     3  4  5  6  7           numbered as they come; slots of the rows in the store
//! runs     [A──────B──             a match that has begun: which rows are A's, which are B's
//!                [A────            another one; every row begins one, if it can be the first
//! done        [A─────B]            complete, but one that began earlier may still be
//! ```
//!
//! As rows of a match follow each other without a gap, a match is the number of its first row, that
//! behind its last one, and where each variable begins. Rows are kept from the first one on that a match
//! has which is not over.

use std::collections::VecDeque;
use std::ops::Range;

use millstream_core::{Code, Error, Result};
use millstream_plan::AfterMatch;

use super::nfa::{Automaton, END, StateId};
use super::queue::{Begins, Queue};
use crate::state::bytes::{Fixed, Reader, damaged, put_bytes, put_length};

/// The number of the first row of a match that has not begun.
const NOT_BEGUN: u64 = u64::MAX;

/// From here on rows are mapped to a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    variable: u32,
    from: u64,
}

/// A match, or what there is of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) state: StateId,
    start: u64,
    start_time: i64,
    end: u64,
    segments: Vec<Segment>,
    /// The aggregates of conditions, over its rows.
    pub(super) tally: Vec<u8>,
}

/// A row that is being mapped to a variable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Current {
    pub(super) variable: usize,
    pub(super) row: u64,
}

impl Begins for Run {
    fn start(&self) -> u64 {
        self.start
    }
}

impl Run {
    /// Before the first row.
    fn not_begun(automaton: &Automaton) -> Self {
        Run {
            state: automaton.start(),
            start: NOT_BEGUN,
            start_time: 0,
            end: 0,
            segments: Vec::new(),
            tally: Vec::new(),
        }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.start != NOT_BEGUN
    }

    /// The same with one more row.
    pub(super) fn with(mut self, current: Current, time: i64, to: StateId) -> Self {
        if !self.has_begun() {
            self.start = current.row;
            self.start_time = time;
        }
        let variable = current.variable as u32;
        if self
            .segments
            .last()
            .is_none_or(|last| last.variable != variable)
        {
            self.segments.push(Segment {
                variable,
                from: current.row,
            });
        }
        self.end = current.row + 1;
        self.state = to;
        self
    }

    /// The same, complete with the rows it has.
    pub(super) fn as_it_is(&self) -> Self {
        Run {
            state: END,
            segments: self.segments.clone(),
            tally: Vec::new(),
            ..*self
        }
    }

    /// The variable of its last row; 0 if there is none.
    pub(super) fn last_variable(&self) -> usize {
        self.segments
            .last()
            .map_or(0, |last| last.variable as usize)
    }

    /// Its rows in order, with the variables they are mapped to.
    pub(super) fn mapped(&self) -> impl Iterator<Item = (usize, Range<u64>)> + '_ {
        self.segments.iter().enumerate().map(|(index, segment)| {
            let next = self.segments.get(index + 1);
            let end = next.map_or(self.end, |next| next.from);
            (segment.variable as usize, segment.from..end)
        })
    }

    /// The row of a variable that is `offset` rows from the first or last one; `current` is the last
    /// row of its variable.
    pub(super) fn row(
        &self,
        variable: Option<usize>,
        from_end: bool,
        offset: usize,
        current: Option<Current>,
    ) -> Option<u64> {
        let mut offset = offset as u64;
        let current = current.filter(|of| variable.is_none_or(|variable| variable == of.variable));
        if from_end {
            if let Some(current) = current {
                match offset.checked_sub(1) {
                    None => return Some(current.row),
                    Some(less) => offset = less,
                }
            }
            return self.nth_last(variable, offset);
        }
        match self.nth_first(variable, offset) {
            Ok(row) => Some(row),
            Err(left) => current.filter(|_| left == 0).map(|current| current.row),
        }
    }

    fn nth_last(&self, variable: Option<usize>, mut offset: u64) -> Option<u64> {
        let mut end = self.end;
        for segment in self.segments.iter().rev() {
            let length = end - segment.from;
            if variable.is_none_or(|v| v as u32 == segment.variable) {
                if offset < length {
                    return Some(end - 1 - offset);
                }
                offset -= length;
            }
            end = segment.from;
        }
        None
    }

    /// The row, or how many are missing.
    fn nth_first(&self, variable: Option<usize>, mut offset: u64) -> std::result::Result<u64, u64> {
        for (index, segment) in self.segments.iter().enumerate() {
            let next = self.segments.get(index + 1);
            let length = next.map_or(self.end, |next| next.from) - segment.from;
            if variable.is_none_or(|v| v as u32 == segment.variable) {
                if offset < length {
                    return Ok(segment.from + offset);
                }
                offset -= length;
            }
        }
        Err(offset)
    }

    /// True if it took so long that no row can be added any more.
    fn is_over(&self, time: i64, within: i64) -> bool {
        self.has_begun() && self.start_time.saturating_add(within) <= time
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.state.put(out);
        self.start.put(out);
        self.start_time.put(out);
        self.end.put(out);
        put_length(self.segments.len(), out);
        for segment in &self.segments {
            segment.variable.put(out);
            segment.from.put(out);
        }
        put_bytes(&self.tally, out);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self> {
        let mut run = Run {
            state: from.fixed()?,
            start: from.fixed()?,
            start_time: from.fixed()?,
            end: from.fixed()?,
            segments: Vec::new(),
            tally: Vec::new(),
        };
        for _ in 0..from.length()? {
            let (variable, begin) = (from.fixed()?, from.fixed()?);
            run.segments.push(Segment {
                variable,
                from: begin,
            });
        }
        run.tally = from.bytes()?.to_vec();
        Ok(run)
    }

    /// Refuses what cannot have been written.
    fn check(&self, automaton: &Automaton, variables: usize) -> Result<()> {
        let begins = self.segments.iter().map(|segment| segment.from);
        let ordered: Vec<u64> = begins.chain([self.end]).collect();
        let is_ordered = ordered.windows(2).all(|pair| pair[0] < pair[1]);
        let mut of = self.segments.iter().map(|segment| segment.variable);
        let is_known = of.all(|variable| (variable as usize) < variables);
        let begin = self.segments.first().map_or(NOT_BEGUN, |first| first.from);
        let is_state = self.state == END || automaton.has(self.state);
        match is_ordered && is_known && is_state && begin == self.start {
            true => Ok(()),
            false => Err(damaged("a match of a pattern cannot be one")),
        }
    }
}

/// The matches of one key.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    /// Those that have begun, and the one that may begin with the next row.
    pub(super) runs: Queue<Run>,
    done: Queue<Run>,
    rows: VecDeque<u32>,
    /// The number of the first row that is kept.
    first: u64,
    /// When to look at it again although no row has come.
    pub(super) alarm: Option<i64>,
}

/// A match that is found, and when.
pub(super) type Found = (Run, i64);

impl Matcher {
    pub(super) fn new(automaton: &Automaton) -> Self {
        let mut runs = Queue::default();
        runs.push(Run::not_begun(automaton));
        Matcher {
            runs,
            done: Queue::default(),
            rows: VecDeque::new(),
            first: 0,
            alarm: None,
        }
    }

    /// True if nothing has begun.
    pub(super) fn is_idle(&self) -> bool {
        self.done.is_empty() && self.runs.items().iter().all(|run| !run.has_begun())
    }

    /// Adds a row and returns its number.
    pub(super) fn push(&mut self, slot: u32) -> u64 {
        self.rows.push_back(slot);
        self.first + self.rows.len() as u64 - 1
    }

    /// Where a row is stored.
    pub(super) fn slot(&self, row: u64) -> u32 {
        self.rows[(row - self.first) as usize]
    }

    /// Gives up matches that took too long; what waited for them is found.
    pub(super) fn expire(
        &mut self,
        time: i64,
        within: i64,
        after: AfterMatch,
        found: &mut Vec<Found>,
    ) -> Result<()> {
        let over = |run: &&Run| run.is_over(time, within);
        let gone: Vec<(u64, i64)> = self
            .runs
            .items()
            .iter()
            .filter(over)
            .map(|run| (run.start, run.start_time.saturating_add(within)))
            .collect();
        if gone.is_empty() {
            return Ok(());
        }
        self.runs.refill(|run| !run.is_over(time, within));
        let begin = found.len();
        self.settle(after, time, found)?;
        // What a match had to wait for ended earlier than now: so the time of a match does not
        // depend on how often watermarks come.
        for (run, at) in &mut found[begin..] {
            let waited = gone.iter().filter(|(start, _)| *start < run.start);
            if let Some(last) = waited.map(|(_, end)| *end).max() {
                *at = last.min(time);
            }
        }
        Ok(())
    }

    /// What has become of all matches with one more row: those not complete, and those that are.
    pub(super) fn advance(&mut self, runs: Queue<Run>, complete: &Queue<Run>) {
        self.runs = runs;
        for run in complete.items() {
            self.done.push(run.clone());
        }
    }

    /// Finds matches that nothing earlier can contest, each of which may end others.
    pub(super) fn settle(
        &mut self,
        after: AfterMatch,
        time: i64,
        found: &mut Vec<Found>,
    ) -> Result<()> {
        while let Some(earliest) = self.done.peek() {
            let is_first = |run: &Run| earliest.start <= run.start;
            if !self.runs.peek().is_none_or(is_first) {
                break;
            }
            let Some(run) = self.done.pop() else {
                break;
            };
            let next = next_start(&run, after)?;
            self.runs
                .retain(|other| !other.has_begun() || other.start >= next);
            self.done.retain(|other| other.start >= next);
            found.push((run, time));
        }
        Ok(())
    }

    /// Forgets rows no match has; `released` takes their slots.
    pub(super) fn trim(&mut self, released: &mut Vec<u32>) {
        let first = [self.runs.peek(), self.done.peek()];
        let first = first.into_iter().flatten().map(|run| run.start).min();
        let keep = first.unwrap_or(NOT_BEGUN);
        while self.first < keep
            && let Some(slot) = self.rows.pop_front()
        {
            released.push(slot);
            self.first += 1;
        }
    }

    /// When the first match that has begun takes too long.
    pub(super) fn deadline(&self, within: i64) -> Option<i64> {
        let first = self.runs.peek().filter(|run| run.has_begun());
        first.map(|run| run.start_time.saturating_add(within))
    }

    /// Bytes of memory held besides itself.
    pub(super) fn memory(&self) -> usize {
        let runs = self.runs.items().iter().chain(self.done.items());
        let of = |run: &Run| {
            size_of::<Run>() + run.segments.capacity() * size_of::<Segment>() + run.tally.capacity()
        };
        self.rows.capacity() * 4 + runs.map(of).sum::<usize>()
    }

    /// Writes everything but the rows.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.first.put(out);
        for queue in [&self.runs, &self.done] {
            put_length(queue.items().len(), out);
            queue.items().iter().for_each(|run| run.write(out));
        }
    }

    /// Takes everything but the rows back.
    pub(super) fn read(
        from: &mut Reader<'_>,
        automaton: &Automaton,
        variables: usize,
    ) -> Result<Self> {
        let mut matcher = Matcher {
            runs: Queue::default(),
            done: Queue::default(),
            rows: VecDeque::new(),
            first: from.fixed()?,
            alarm: None,
        };
        for queue in [&mut matcher.runs, &mut matcher.done] {
            for _ in 0..from.length()? {
                let run = Run::read(from)?;
                run.check(automaton, variables)?;
                queue.push(run);
            }
        }
        Ok(matcher)
    }

    /// Takes its rows back, ascending by number.
    pub(super) fn restore_rows(&mut self, rows: &[(u64, u32)]) -> Result<()> {
        let runs = self.runs.items().iter().chain(self.done.items());
        let begun = runs.filter(|run| run.has_begun());
        let (first, end) = begun.fold((NOT_BEGUN, 0), |(first, end), run| {
            (first.min(run.start), end.max(run.end))
        });
        let numbers = rows.iter().zip(self.first..);
        let is_whole = numbers
            .clone()
            .all(|((number, _), wanted)| *number == wanted)
            && first >= self.first
            && end <= self.first + rows.len() as u64;
        if !is_whole {
            return Err(damaged("rows of a match of a pattern are missing"));
        }
        self.rows = rows.iter().map(|(_, slot)| *slot).collect();
        Ok(())
    }
}

/// The first row another match may begin with.
fn next_start(run: &Run, after: AfterMatch) -> Result<u64> {
    let (variable, from_end) = match after {
        AfterMatch::PastLastRow => return Ok(run.end),
        AfterMatch::ToNextRow => return Ok(run.start + 1),
        AfterMatch::ToFirst(variable) => (variable, false),
        AfterMatch::ToLast(variable) => (variable, true),
    };
    let word = if from_end { "LAST" } else { "FIRST" };
    match run.row(Some(variable), from_end, 0, None) {
        Some(row) if row > run.start => Ok(row),
        Some(_) => Err(no_progress(&format!(
            "AFTER MATCH SKIP TO {word} goes to the first row of the match, which would be found again \
             for ever"
        ))),
        None => Err(no_progress(&format!(
            "AFTER MATCH SKIP TO {word} names a variable that no row of the match is mapped to"
        ))),
    }
}

fn no_progress(message: &str) -> Error {
    Error::new(Code::Evaluation, message).hint(
        "name a variable that is always there and never the first, or write AFTER MATCH SKIP PAST LAST \
         ROW or TO NEXT ROW",
    )
}
