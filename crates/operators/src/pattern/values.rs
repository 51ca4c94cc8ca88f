//! Values of matches, many matches at a time: columns of their rows, and aggregates over them.
//!
//! Values that look at the same row of a match share its slot, and the rows of all matches are decoded at
//! once. Aggregates are those of any other operator ([`crate::aggregate`]): a match is a group, and a
//! BOOLEAN column per variable says which rows count.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use millstream_core::{Error, Result};
use millstream_plan::{AggregateCall, MatchPart, MatchValue};

use super::matcher::{Current, Matcher, Run};
use super::store::Store;
use crate::aggregate::{Accumulators, Batch};
use crate::rows::NONE;
use crate::state::bytes::Reader;

/// One of the rows of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reach {
    variable: Option<usize>,
    from_end: bool,
    offset: usize,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// A stored column of a reached row.
    Row { reach: usize, column: usize },
    /// The result of an aggregate.
    Aggregate(usize),
    /// The time at which the match was found.
    Time,
    /// The name of the variable of the last row.
    Classifier,
}

/// Values of matches, compiled.
pub(super) struct Values {
    reaches: Vec<Reach>,
    sources: Vec<(Source, FieldRef)>,
    names: Vec<String>,
    pub(super) aggregates: Aggregates,
}

/// What values are asked of.
#[derive(Default)]
pub(super) struct Asked {
    /// By reach, then by match.
    slots: Vec<Vec<u32>>,
    times: Vec<i64>,
    /// The variable of the last row of each match.
    last: Vec<usize>,
}

impl Values {
    /// Compiles `values`; `names` are those of the variables.
    pub(super) fn new(values: &[MatchValue], names: &[String], store: &Store) -> Result<Self> {
        let mut compiled = Values {
            reaches: Vec::new(),
            sources: Vec::with_capacity(values.len()),
            names: names.to_vec(),
            aggregates: Aggregates::new(values, store)?,
        };
        let mut aggregates = 0;
        for value in values {
            let source = match &value.what {
                MatchPart::Row {
                    variable,
                    from_end,
                    offset,
                    column,
                } => Source::Row {
                    reach: compiled.reach(Reach {
                        variable: *variable,
                        from_end: *from_end,
                        offset: *offset,
                    }),
                    column: store.place(*column)?,
                },
                MatchPart::Aggregate { .. } => {
                    aggregates += 1;
                    Source::Aggregate(aggregates - 1)
                }
                MatchPart::Time => Source::Time,
                MatchPart::Classifier => Source::Classifier,
            };
            compiled
                .sources
                .push((source, FieldRef::clone(&value.field)));
        }
        Ok(compiled)
    }

    fn reach(&mut self, reach: Reach) -> usize {
        let known = self.reaches.iter().position(|known| *known == reach);
        known.unwrap_or_else(|| {
            self.reaches.push(reach);
            self.reaches.len() - 1
        })
    }

    /// Notes the rows of a match that are looked at; `current` is its last one if it is not yet part
    /// of it.
    pub(super) fn ask(
        &self,
        asked: &mut Asked,
        run: &Run,
        matcher: &Matcher,
        current: Option<Current>,
        time: i64,
    ) {
        asked.slots.resize_with(self.reaches.len(), Vec::new);
        for (reach, slots) in self.reaches.iter().zip(&mut asked.slots) {
            let row = run.row(reach.variable, reach.from_end, reach.offset, current);
            slots.push(row.map_or(NONE, |row| matcher.slot(row)));
        }
        asked.times.push(time);
        asked.last.push(run.last_variable());
    }

    /// A column per value, and forgets what was asked.
    pub(super) fn columns(
        &self,
        asked: &mut Asked,
        aggregates: &[ArrayRef],
        store: &Store,
    ) -> Result<Vec<ArrayRef>> {
        let decoded = asked.slots.iter().map(|slots| store.columns(slots));
        let decoded = decoded.collect::<Result<Vec<_>>>()?;
        let of = |(source, field): &(Source, FieldRef)| {
            let column = match source {
                Source::Row { reach, column } => Arc::clone(&decoded[*reach][*column]),
                Source::Aggregate(index) => Arc::clone(&aggregates[*index]),
                Source::Time => {
                    let times = TimestampMillisecondArray::from(asked.times.clone());
                    Arc::new(times.with_data_type(field.data_type().clone())) as ArrayRef
                }
                Source::Classifier => {
                    let names = asked.last.iter().map(|last| self.names.get(*last));
                    Arc::new(StringArray::from_iter(names)) as ArrayRef
                }
            };
            if column.data_type() != field.data_type() {
                return Err(Error::internal(format!(
                    "a match has {} where '{}' wants {}",
                    column.data_type(),
                    field.name(),
                    field.data_type()
                )));
            }
            Ok(column)
        };
        let columns = self.sources.iter().map(of).collect();
        asked.slots.iter_mut().for_each(Vec::clear);
        asked.times.clear();
        asked.last.clear();
        columns
    }
}

/// Aggregates over the rows of matches.
pub(super) struct Aggregates {
    accumulators: Option<Accumulators>,
    /// Variables whose rows are counted apart; a BOOLEAN column of each follows the stored ones.
    variables: Vec<usize>,
}

/// A row that counts in a match.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    pub(super) slot: u32,
    /// The match's number.
    pub(super) of: u32,
    pub(super) variable: usize,
}

impl Aggregates {
    fn new(values: &[MatchValue], store: &Store) -> Result<Self> {
        let mut variables = Vec::new();
        let mut calls = Vec::new();
        for value in values {
            let MatchPart::Aggregate {
                variable,
                function,
                args,
            } = &value.what
            else {
                continue;
            };
            let filter = variable.map(|variable| {
                let known = variables.iter().position(|known| *known == variable);
                store.types().len()
                    + known.unwrap_or_else(|| {
                        variables.push(variable);
                        variables.len() - 1
                    })
            });
            calls.push(AggregateCall {
                function: function.clone(),
                args: args
                    .iter()
                    .map(|arg| store.place(*arg))
                    .collect::<Result<_>>()?,
                distinct: false,
                filter,
                field: FieldRef::clone(&value.field),
            });
        }
        let stored = store.types().iter().cloned();
        let flags = variables.iter().map(|_| DataType::Boolean);
        let fields = stored.chain(flags).enumerate();
        let fields = fields.map(|(at, ty)| Field::new(format!("c{at}"), ty, true));
        let schema = Schema::new(fields.collect::<Vec<_>>());
        let accumulators = match calls.is_empty() {
            true => None,
            false => Some(Accumulators::new(&calls, &schema, false, false)?),
        };
        Ok(Aggregates {
            accumulators,
            variables,
        })
    }

    /// True if there is none.
    pub(super) fn are_none(&self) -> bool {
        self.accumulators.is_none()
    }

    /// What their states are, a line each.
    pub(super) fn form(&self) -> Vec<String> {
        let accumulators = self.accumulators.iter();
        accumulators.flat_map(|a| a.form().to_vec()).collect()
    }

    /// Begins with so many matches, whose states so far are these (empty: none yet).
    pub(super) fn begin<'s>(
        &mut self,
        states: impl ExactSizeIterator<Item = &'s [u8]>,
    ) -> Result<()> {
        let Some(accumulators) = &mut self.accumulators else {
            return Ok(());
        };
        accumulators.clear();
        accumulators.resize(states.len());
        for (of, state) in states.enumerate().filter(|(_, state)| !state.is_empty()) {
            accumulators.load(of as u32, &mut Reader::new(state))?;
        }
        Ok(())
    }

    /// Counts rows.
    pub(super) fn add(&mut self, rows: &[Counted], store: &Store) -> Result<()> {
        let Some(accumulators) = &mut self.accumulators else {
            return Ok(());
        };
        let slots: Vec<u32> = rows.iter().map(|row| row.slot).collect();
        let mut columns = store.columns(&slots)?;
        columns.extend(self.variables.iter().map(|variable| {
            let flags = rows.iter().map(|row| Some(row.variable == *variable));
            Arc::new(BooleanArray::from_iter(flags)) as ArrayRef
        }));
        let groups: Vec<u32> = rows.iter().map(|row| row.of).collect();
        accumulators.update(Batch {
            columns: &columns,
            groups: &groups,
            signs: None,
        })
    }

    /// A column per aggregate, for so many matches.
    pub(super) fn results(&self, matches: usize) -> Result<Vec<ArrayRef>> {
        let all: Vec<u32> = (0..matches as u32).collect();
        match &self.accumulators {
            Some(accumulators) => accumulators.evaluate(&all),
            None => Ok(Vec::new()),
        }
    }

    /// The state of a match.
    pub(super) fn state(&self, of: u32) -> Result<Vec<u8>> {
        let mut state = Vec::new();
        if let Some(accumulators) = &self.accumulators {
            accumulators.save(of, &mut state)?;
        }
        Ok(state)
    }
}
