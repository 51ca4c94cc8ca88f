//! The automaton of a pattern: which variables may come next, and whether the match is complete.
//!
//! ```text
//! A+ B? C     ┌─A─▶(a) ⟲A          take: a row is mapped to the variable, go on
//!          (start)  └─▶(b)──▶(c)    pass: without a row; from a greedy state only if no row is taken
//!                       └─B─▶(c)─C─▶ end
//! ```
//!
//! Plain data and pure functions: who asks says which conditions are true, as far as it knows, and is
//! told which one has to be known next.
//!
//! The rules are those of Flink's `NFACompiler` with strict contiguity. A greedy variable never gives a
//! row back (*possessive*: `A+ B` does not find anything where every B is an A too), an optional one and
//! a reluctant one try both ways, and of two ways the one that is complete first wins. That is not the
//! standard's preference order, but what can be said without waiting for the end of a stream.

use millstream_core::{Code, Error, Result};
use millstream_plan::Pattern;

/// A state's number.
pub(super) type StateId = u32;

/// The match is complete.
pub(super) const END: StateId = u32::MAX;

/// Most states; `{n}` takes n of them.
const STATES_MAX: usize = 100_000;

#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    /// The variable a row may be mapped to, and where that leads.
    take: Option<(usize, StateId)>,
    /// Where one may go without a row, in order of preference.
    pass: Vec<StateId>,
    /// A row that can be taken is taken: then there is no passing.
    greedy: bool,
}

/// The automaton of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Automaton {
    states: Vec<State>,
    start: StateId,
    /// Some state is passed without a variable: states may be reached on several ways.
    is_branching: bool,
}

/// A step of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    /// What the row is mapped to.
    pub(super) variable: usize,
    /// The state then; [`END`] if nothing can follow.
    pub(super) to: StateId,
    /// The match may be complete, although more could follow.
    pub(super) also_ends: bool,
}

impl Automaton {
    /// The automaton of a pattern that no empty match meets.
    pub(super) fn new(pattern: &Pattern) -> Result<Self> {
        let mut automaton = Automaton {
            states: Vec::new(),
            start: END,
            is_branching: false,
        };
        automaton.start = automaton.build(pattern, END)?;
        Ok(automaton)
    }

    /// Where a match begins.
    pub(super) fn start(&self) -> StateId {
        self.start
    }

    /// True if there is a state of this number.
    pub(super) fn has(&self, state: StateId) -> bool {
        (state as usize) < self.states.len()
    }

    /// Builds from the back: what leads to `sink`.
    fn build(&mut self, pattern: &Pattern, sink: StateId) -> Result<StateId> {
        match pattern {
            Pattern::Variable(variable) => self.add(Some((*variable, sink)), vec![], false),
            Pattern::Concat(parts) => {
                let mut parts = parts.iter().rev();
                parts.try_fold(sink, |sink, part| self.build(part, sink))
            }
            Pattern::Choice(parts) => {
                let ways = parts.iter().map(|part| self.build(part, sink));
                let ways = ways.collect::<Result<Vec<_>>>()?;
                self.branch(ways)
            }
            Pattern::Repeat {
                inner,
                min,
                max,
                greedy,
            } => match inner.as_ref() {
                Pattern::Variable(variable) => {
                    self.repeat_variable(*variable, *min, *max, *greedy, sink)
                }
                group => self.repeat_group(group, *min, *max, sink),
            },
        }
    }

    fn repeat_variable(
        &mut self,
        variable: usize,
        min: u32,
        max: Option<u32>,
        greedy: bool,
        sink: StateId,
    ) -> Result<StateId> {
        let mut next = match max {
            Some(_) => sink,
            None => {
                let looping = self.add(None, vec![sink], greedy)?;
                self.states[looping as usize].take = Some((variable, looping));
                looping
            }
        };
        let optional = max.map_or(u32::from(min == 0), |max| max.saturating_sub(min));
        for _ in 0..optional {
            next = self.add(Some((variable, next)), vec![sink], greedy)?;
        }
        for _ in 0..min {
            next = self.add(Some((variable, next)), vec![], greedy)?;
        }
        Ok(next)
    }

    fn repeat_group(
        &mut self,
        group: &Pattern,
        min: u32,
        max: Option<u32>,
        sink: StateId,
    ) -> Result<StateId> {
        let mut next = sink;
        match max {
            None => {
                let again = self.branch(Vec::new())?;
                let round = self.build(group, again)?;
                self.states[again as usize].pass = vec![round, sink];
                next = again;
            }
            Some(max) => {
                for _ in min..max {
                    let round = self.build(group, next)?;
                    next = self.branch(vec![round, sink])?;
                }
            }
        }
        (0..min).try_fold(next, |next, _| self.build(group, next))
    }

    fn branch(&mut self, ways: Vec<StateId>) -> Result<StateId> {
        self.is_branching = true;
        self.add(None, ways, false)
    }

    fn add(
        &mut self,
        take: Option<(usize, StateId)>,
        pass: Vec<StateId>,
        greedy: bool,
    ) -> Result<StateId> {
        if self.states.len() == STATES_MAX {
            return Err(Error::new(
                Code::TooComplex,
                format!("a PATTERN of more than {STATES_MAX} rows"),
            )
            .hint("ask for the number of rows by COUNT(*) in a condition"));
        }
        self.states.push(State { take, pass, greedy });
        Ok(self.states.len() as StateId - 1)
    }

    /// Appends the steps a row can be from `state`. `is_true` says whether a variable's condition is;
    /// if it does not know that, the answer is the variable.
    pub(super) fn step(
        &self,
        state: StateId,
        is_true: &impl Fn(usize) -> Option<bool>,
        edges: &mut Vec<Edge>,
    ) -> std::result::Result<(), usize> {
        let begin = edges.len();
        self.walk(state, is_true, |variable, to| {
            if let Some(to) = to {
                let also_ends = to != END && self.reaches_end(to, is_true)?;
                let edge = Edge {
                    variable,
                    to,
                    also_ends,
                };
                // Two ways to the same state with the same rows are one.
                if !edges[begin..].contains(&edge) {
                    edges.push(edge);
                }
            }
            Ok(())
        })
        .map(drop)
        .inspect_err(|_| edges.truncate(begin))
    }

    /// True if the end can be reached without another row.
    fn reaches_end(
        &self,
        state: StateId,
        is_true: &impl Fn(usize) -> Option<bool>,
    ) -> std::result::Result<bool, usize> {
        let mut visited = Vec::new();
        let mut waiting = vec![state];
        while let Some(state) = waiting.pop() {
            if state == END {
                return Ok(true);
            }
            if self.is_branching {
                if visited.contains(&state) {
                    continue;
                }
                visited.push(state);
            }
            let state = &self.states[state as usize];
            if state.pass.is_empty() {
                continue;
            }
            // As Flink does: by the row just taken, not by the one that will come.
            if let (true, Some((variable, _))) = (state.greedy, state.take)
                && is_true(variable).ok_or(variable)?
            {
                continue;
            }
            waiting.extend(state.pass.iter().rev());
        }
        Ok(false)
    }

    /// Visits what is reached without a row; `visit` hears of each variable, and where it leads if
    /// the row can be taken.
    fn walk(
        &self,
        state: StateId,
        is_true: &impl Fn(usize) -> Option<bool>,
        mut visit: impl FnMut(usize, Option<StateId>) -> std::result::Result<(), usize>,
    ) -> std::result::Result<(), usize> {
        let mut visited = Vec::new();
        let mut waiting = Vec::new();
        let mut next = Some(state);
        while let Some(state) = next.take().or_else(|| waiting.pop()) {
            if state == END {
                continue;
            }
            if self.is_branching {
                if visited.contains(&state) {
                    continue;
                }
                visited.push(state);
            }
            let state = &self.states[state as usize];
            let mut passes = true;
            if let Some((variable, to)) = state.take {
                let takes = is_true(variable).ok_or(variable)?;
                visit(variable, takes.then_some(to))?;
                passes = !(state.greedy && takes);
            }
            match state.pass.as_slice() {
                _ if !passes => {}
                [only] => next = Some(*only),
                several => waiting.extend(several.iter().rev()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const A: Pattern = Pattern::Variable(0);
    const B: Pattern = Pattern::Variable(1);
    const C: Pattern = Pattern::Variable(2);

    fn times(inner: Pattern, min: u32, max: Option<u32>, greedy: bool) -> Pattern {
        Pattern::Repeat {
            inner: Box::new(inner),
            min,
            max,
            greedy,
        }
    }

    /// Feeds rows, each with the letters of the variables it meets, to one match that begins with the
    /// first: after each row, what the ways through the pattern have become; `!` if one is complete.
    fn check(pattern: Pattern, rows: &str, wanted: &Expect) {
        let automaton = Automaton::new(&pattern).unwrap();
        let mut ways = vec![(automaton.start(), String::new())];
        let mut out = String::new();
        for row in rows.split(' ') {
            let meets = |variable: usize| Some(row.contains(['a', 'b', 'c'][variable]));
            let mut next = Vec::new();
            let mut shown = Vec::new();
            for (state, path) in ways {
                let mut edges = Vec::new();
                automaton.step(state, &meets, &mut edges).unwrap();
                for edge in edges {
                    let path = format!("{path}{}", ["A", "B", "C"][edge.variable]);
                    let is_end = edge.to == END || edge.also_ends;
                    shown.push(format!("{path}{}", if is_end { "!" } else { "" }));
                    if edge.to != END {
                        next.push((edge.to, path));
                    }
                }
            }
            out.push_str(&format!("{row}: {}\n", shown.join(" ")));
            ways = next;
        }
        wanted.assert_eq(&out);
    }

    #[test]
    fn a_greedy_variable_takes_every_row_it_can() {
        check(
            Pattern::Concat(vec![A, times(B, 0, None, true), C]),
            "a b bc c",
            &expect![[r#"
                a: A
                b: AB
                bc: ABB
                c: ABBC!
            "#]],
        );
    }

    #[test]
    fn a_reluctant_one_and_an_optional_one_try_both_ways() {
        check(
            Pattern::Concat(vec![A, times(B, 0, None, false), C]),
            "a b bc c",
            &expect![[r#"
                a: A
                b: AB
                bc: ABB ABC!
                c: ABBC!
            "#]],
        );
        check(
            Pattern::Concat(vec![times(A, 0, Some(1), false), B]),
            "ab b",
            &expect![[r#"
                ab: A B!
                b: AB!
            "#]],
        );
    }

    #[test]
    fn numbers_of_rows_are_counted() {
        check(
            Pattern::Concat(vec![times(A, 2, Some(3), true), B]),
            "ab ab ab ab",
            &expect![[r#"
                ab: A
                ab: AA
                ab: AAA
                ab: AAAB!
            "#]],
        );
        check(
            Pattern::Concat(vec![times(A, 2, None, true), B]),
            "a a a b",
            &expect![[r#"
                a: A
                a: AA
                a: AAA
                b: AAAB!
            "#]],
        );
        check(
            Pattern::Concat(vec![A, times(B, 0, Some(2), false), C]),
            "a b b c",
            &expect![[r#"
                a: A
                b: AB
                b: ABB
                c: ABBC!
            "#]],
        );
    }

    #[test]
    fn what_may_follow_at_the_end_is_not_waited_for() {
        check(
            Pattern::Concat(vec![A, times(B, 0, None, false)]),
            "a b",
            &expect![[r#"
                a: A!
                b: AB!
            "#]],
        );
        check(
            Pattern::Concat(vec![
                A,
                times(B, 1, None, true),
                times(C, 0, Some(1), false),
            ]),
            "a b b",
            &expect![[r#"
                a: A
                b: AB
                b: ABB
            "#]],
        );
    }

    #[test]
    fn groups_and_alternatives_go_every_way_once() {
        check(
            Pattern::Concat(vec![times(Pattern::Concat(vec![A, B]), 1, None, false), C]),
            "a b abc bc c",
            &expect![[r#"
                a: A
                b: AB
                abc: ABA ABC!
                bc: ABAB
                c: ABABC!
            "#]],
        );
        let either = Pattern::Choice(vec![A, times(B, 0, None, false), B]);
        check(
            Pattern::Concat(vec![times(either, 0, None, false), C]),
            "ab c",
            &expect![[r#"
                ab: A B B
                c: AC! BC! BC!
            "#]],
        );
    }

    #[test]
    fn a_condition_that_is_not_known_is_asked_for() {
        let pattern = Pattern::Concat(vec![times(A, 0, None, true), B]);
        let automaton = Automaton::new(&pattern).unwrap();
        let mut edges = Vec::new();
        let known = |known: &'static [(usize, bool)]| {
            move |variable| known.iter().find(|k| k.0 == variable).map(|k| k.1)
        };
        let start = automaton.start();
        assert_eq!(automaton.step(start, &known(&[]), &mut edges), Err(0));
        assert_eq!(
            automaton.step(start, &known(&[(0, false)]), &mut edges),
            Err(1)
        );
        assert!(edges.is_empty());
        assert_eq!(
            automaton.step(start, &known(&[(0, true)]), &mut edges),
            Ok(())
        );
        assert_eq!(edges.len(), 1);
    }

    #[test]
    fn an_endless_pattern_is_refused() {
        let pattern = times(A, 1_000_000, Some(1_000_000), false);
        assert_eq!(
            Automaton::new(&pattern).unwrap_err().code(),
            Code::TooComplex
        );
    }
}
