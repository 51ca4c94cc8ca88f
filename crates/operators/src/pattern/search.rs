//! The search itself: rows whose turn it is meet the matches of their key.
//!
//! ```text
//! rows of key ann   ─┐ round 1 │ round 2 │            a round: at most one row of each key
//! rows of key bob   ─┘         │         │
//! per round: every match that has begun ─ steps ─▶ which conditions have to be known?
//!                      ▲                               │ evaluated for all keys at once
//!                      └───────────────────────────────┘ until nothing is asked any more
//! ```
//!
//! If conditions look at single rows only, nothing is ever asked and keys are gone through one by one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use millstream_core::{Error, Result};
use millstream_plan::AfterMatch;

use super::conditions::{Ask, Conditions};
use super::matcher::{Current, Found, Matcher, Run};
use super::nfa::{Automaton, END, Edge};
use super::queue::Queue;
use super::store::Store;
use super::values::Counted;

/// Looks for the pattern in the rows of all keys.
pub(super) struct Search {
    pub(super) automaton: Automaton,
    pub(super) conditions: Conditions,
    pub(super) after: AfterMatch,
    pub(super) within: Option<i64>,
    /// By key.
    pub(super) matchers: Vec<Matcher>,
    /// When matches take too long: time and key. A matcher knows which of its entries counts.
    pub(super) alarms: BinaryHeap<Reverse<(i64, u32)>>,
    found: Vec<Found>,
    tasks: Vec<Task>,
    edges: Vec<Edge>,
}

/// A row whose turn it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) key: u32,
    pub(super) slot: u32,
}

/// One match meets one row.
struct Task {
    turn: usize,
    run: usize,
    row: u64,
    /// Conditions that have been computed, and those that were true, a bit per variable.
    known: u64,
    truth: u64,
    edges: Range<usize>,
}

/// Takes matches as they are found: the key, the match and when, and where its rows are.
pub(super) type Sink<'a> = dyn FnMut(u32, &Found, &Matcher) + 'a;

impl Search {
    pub(super) fn new(
        automaton: Automaton,
        conditions: Conditions,
        after: AfterMatch,
        within: Option<i64>,
    ) -> Self {
        Search {
            automaton,
            conditions,
            after,
            within,
            matchers: Vec::new(),
            alarms: BinaryHeap::new(),
            found: Vec::new(),
            tasks: Vec::new(),
            edges: Vec::new(),
        }
    }

    /// Makes room for keys below `keys`.
    pub(super) fn resize(&mut self, keys: usize) {
        if keys > self.matchers.len() {
            let idle = Matcher::new(&self.automaton);
            self.matchers.resize(keys, idle);
        }
    }

    /// Forgets a key nothing is known of.
    pub(super) fn reset(&mut self, key: u32) {
        self.matchers[key as usize] = Matcher::new(&self.automaton);
    }

    /// At most one row of each key has its turn.
    pub(super) fn round(
        &mut self,
        turns: &[Turn],
        store: &mut Store,
        released: &mut Vec<u32>,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        self.begin(turns, store, sink)?;
        self.resolve(turns, store)?;
        let tallies = self.tallies(turns, store)?;
        let mut tallies = tallies.into_iter();
        let mut task = 0;
        for (index, turn) in turns.iter().enumerate() {
            let first = task;
            while self.tasks.get(task).is_some_and(|t| t.turn == index) {
                task += 1;
            }
            self.advance(*turn, first..task, store.time(turn.slot), &mut tallies);
            let time = store.time(turn.slot);
            let matcher = &mut self.matchers[turn.key as usize];
            matcher.settle(self.after, time, &mut self.found)?;
            self.hand_over(turn.key, sink);
            let matcher = &mut self.matchers[turn.key as usize];
            matcher.trim(released);
            self.set_alarm(turn.key);
        }
        Ok(())
    }

    /// Time goes on to that of each row, and the rows are numbered.
    fn begin(&mut self, turns: &[Turn], store: &mut Store, sink: &mut Sink<'_>) -> Result<()> {
        self.tasks.clear();
        self.edges.clear();
        for (index, turn) in turns.iter().enumerate() {
            if let Some(within) = self.within {
                let time = store.time(turn.slot);
                let matcher = &mut self.matchers[turn.key as usize];
                matcher.expire(time, within, self.after, &mut self.found)?;
                self.hand_over(turn.key, sink);
            }
            let matcher = &mut self.matchers[turn.key as usize];
            let row = matcher.push(turn.slot);
            store.turn(turn.slot, row);
            let runs = matcher.runs.items().len();
            self.tasks.extend((0..runs).map(|run| Task {
                turn: index,
                run,
                row,
                known: 0,
                truth: 0,
                edges: 0..0,
            }));
        }
        Ok(())
    }

    /// Finds out where each match can go.
    fn resolve(&mut self, turns: &[Turn], store: &Store) -> Result<()> {
        let mut asking: Vec<(usize, usize)> = Vec::new();
        let mut pending: Vec<usize> = (0..self.tasks.len()).collect();
        while !pending.is_empty() {
            for task in pending.drain(..) {
                if let Err(variable) = self.step(task, turns, store) {
                    asking.push((variable, task));
                }
            }
            asking.sort_unstable();
            for asking in asking.chunk_by(|left, right| left.0 == right.0) {
                self.judge(asking, turns, store)?;
            }
            pending.extend(asking.drain(..).map(|(_, task)| task));
        }
        Ok(())
    }

    fn step(
        &mut self,
        task: usize,
        turns: &[Turn],
        store: &Store,
    ) -> std::result::Result<(), usize> {
        let task = &mut self.tasks[task];
        let turn = turns[task.turn];
        let state = self.matchers[turn.key as usize].runs.items()[task.run].state;
        let bits = store.truth(turn.slot);
        let (known, truth) = (task.known, task.truth);
        let is_true = |variable: usize| {
            let bit = 1 << variable;
            match (bits & bit != 0, self.conditions.is_computed(variable)) {
                (false, _) => Some(false),
                (true, false) => Some(true),
                (true, true) => (known & bit != 0).then_some(truth & bit != 0),
            }
        };
        let begin = self.edges.len();
        self.automaton.step(state, &is_true, &mut self.edges)?;
        task.edges = begin..self.edges.len();
        Ok(())
    }

    /// Computes the condition of one variable for some matches.
    fn judge(&mut self, asking: &[(usize, usize)], turns: &[Turn], store: &Store) -> Result<()> {
        let Some(&(variable, _)) = asking.first() else {
            return Ok(());
        };
        let asks: Vec<Ask<'_>> = asking
            .iter()
            .map(|(_, task)| {
                let task = &self.tasks[*task];
                let turn = turns[task.turn];
                let matcher = &self.matchers[turn.key as usize];
                Ask {
                    run: &matcher.runs.items()[task.run],
                    matcher,
                    current: Current {
                        variable,
                        row: task.row,
                    },
                    slot: turn.slot,
                }
            })
            .collect();
        let verdicts = self.conditions.judge(variable, &asks, store)?;
        if verdicts.len() != asking.len() {
            return Err(Error::internal("a condition has no verdict for each row"));
        }
        for (at, (_, task)) in asking.iter().enumerate() {
            let task = &mut self.tasks[*task];
            task.known |= 1 << variable;
            task.truth |= u64::from(verdicts.value(at)) << variable;
        }
        Ok(())
    }

    /// The aggregates of each match that goes on, with its new row; in the order of the edges.
    fn tallies(&mut self, turns: &[Turn], store: &Store) -> Result<Vec<Vec<u8>>> {
        if self.conditions.tally.are_none() {
            return Ok(Vec::new());
        }
        let mut rows = Vec::new();
        let mut states: Vec<&[u8]> = Vec::new();
        for task in &self.tasks {
            let turn = turns[task.turn];
            let run = &self.matchers[turn.key as usize].runs.items()[task.run];
            let edges = &self.edges[task.edges.clone()];
            for edge in edges.iter().filter(|edge| edge.to != END) {
                rows.push(Counted {
                    slot: turn.slot,
                    of: rows.len() as u32,
                    variable: edge.variable,
                });
                states.push(&run.tally);
            }
        }
        let tally = &mut self.conditions.tally;
        tally.begin(states.into_iter())?;
        tally.add(&rows, store)?;
        (0..rows.len() as u32).map(|of| tally.state(of)).collect()
    }

    /// The matches of a key go where they can.
    fn advance(
        &mut self,
        turn: Turn,
        tasks: Range<usize>,
        time: i64,
        tallies: &mut impl Iterator<Item = Vec<u8>>,
    ) {
        let matcher = &mut self.matchers[turn.key as usize];
        let mut complete = Queue::default();
        let mut next = Queue::default();
        let mut runs = std::mem::take(&mut matcher.runs);
        for (run, task) in runs.drain().zip(&self.tasks[tasks]) {
            let edges = &self.edges[task.edges.clone()];
            let mut begins_anew = (!run.has_begun()).then(|| run.clone());
            let mut run = Some(run);
            for (index, edge) in edges.iter().enumerate() {
                // The last way takes the match itself.
                let taken = match index + 1 == edges.len() {
                    true => run.take(),
                    false => run.clone(),
                };
                let Some(taken) = taken else { break };
                let current = Current {
                    variable: edge.variable,
                    row: task.row,
                };
                let mut taken: Run = taken.with(current, time, edge.to);
                if edge.to == END {
                    taken.tally = Vec::new();
                    complete.push(taken);
                    continue;
                }
                taken.tally = tallies.next().unwrap_or_default();
                if edge.also_ends {
                    complete.push(taken.as_it_is());
                }
                next.push(taken);
            }
            if let Some(run) = begins_anew.take() {
                next.push(run);
            }
        }
        matcher.advance(next, &complete);
    }

    fn hand_over(&mut self, key: u32, sink: &mut Sink<'_>) {
        let matcher = &self.matchers[key as usize];
        for found in self.found.drain(..) {
            sink(key, &found, matcher);
        }
    }

    /// Gives up matches of all keys that took too long by now; `touched` takes their keys.
    pub(super) fn expire(
        &mut self,
        time: i64,
        released: &mut Vec<u32>,
        touched: &mut Vec<u32>,
        sink: &mut Sink<'_>,
    ) -> Result<()> {
        let Some(within) = self.within else {
            return Ok(());
        };
        while let Some(Reverse((at, key))) = self.alarms.peek().copied()
            && at <= time
        {
            self.alarms.pop();
            let matcher = &mut self.matchers[key as usize];
            if matcher.alarm != Some(at) {
                continue;
            }
            matcher.alarm = None;
            matcher.expire(time, within, self.after, &mut self.found)?;
            self.hand_over(key, sink);
            self.matchers[key as usize].trim(released);
            self.set_alarm(key);
            touched.push(key);
        }
        Ok(())
    }

    /// Looks again when the first match of a key takes too long, unless it will anyway.
    pub(super) fn set_alarm(&mut self, key: u32) {
        let Some(within) = self.within else {
            return;
        };
        let matcher = &mut self.matchers[key as usize];
        if matcher.alarm.is_none()
            && let Some(at) = matcher.deadline(within)
        {
            matcher.alarm = Some(at);
            self.alarms.push(Reverse((at, key)));
        }
    }
}
