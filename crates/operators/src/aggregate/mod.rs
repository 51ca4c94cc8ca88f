//! Aggregates as vectors: one state per group and aggregate, updated a batch at a time.
//!
//! ```text
//! batch   key     arg    ids │ 0 1 0 2 │        states of SUM(arg)  │ 12 │ 4 │ 9 │
//!         ann bob …  ─▶ keys::intern ─▶ update(args, ids)             id 0   1   2
//! ```
//!
//! * An aggregate is a [`kernel::Kernel`]: a state per group and four functions. Everything about
//!   groups (growing, merging, resetting) is written once, in [`kernel::Grouped`].
//! * All aggregates with DISTINCT over the same arguments share one table of (group, value); see
//!   [`distinct`].
//! * NULL arguments are ignored (except by ARRAY_AGG); no argument at all gives NULL, COUNT 0.
//! * With retraction a row that goes counts −1. MIN and MAX then keep all values in order
//!   ([`extreme`]), FIRST_VALUE, LAST_VALUE and LISTAGG in the order of their arrival ([`kept`]).
//! * Cost: one pass over the ids per aggregate; masks are combined per batch, not per row.
//! * In a checkpoint a group is one entry with the states of all its aggregates, and each distinct
//!   value is an entry of its own ([`distinct`]); [`state`] writes and reads them.

mod boolean;
mod choice;
mod count;
mod distinct;
mod extreme;
mod kept;
mod kernel;
mod list;
mod state;
mod sum;
mod variance;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Schema};
use millstream_core::{Code, Error, Result};
use millstream_plan::{AggregateCall, AggregateFunction};

use distinct::DistinctSet;
use kernel::{Accumulator, Rows};

/// Each set is a table in a checkpoint, and these have numbers of eight bits.
const DISTINCT_SETS_MAX: usize = 100;

/// The states of all aggregates of one operator, for any number of groups.
pub struct Accumulators {
    accumulators: Vec<Box<dyn Accumulator>>,
    /// Aggregates without DISTINCT.
    plain: Vec<Plain>,
    distinct: Vec<DistinctSet>,
    groups: usize,
    /// What the saved states are, a line each.
    form: Vec<String>,
}

struct Plain {
    accumulator: usize,
    args: Vec<usize>,
    filter: Option<usize>,
}

/// Columns of a batch with what its rows mean.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    /// The columns the calls refer to.
    pub columns: &'a [ArrayRef],
    /// The group of each row.
    pub groups: &'a [u32],
    /// +1 for a row that comes, −1 for one that goes; `None`: all come.
    pub signs: Option<&'a [i8]>,
}

impl Accumulators {
    /// States for `calls` over columns of `input`.
    ///
    /// `retracts`: rows may go, `regroups`: [`reset`](Self::reset) and
    /// [`combine`](Self::combine) will be used, so distinct values are also listed by group.
    pub fn new(
        calls: &[AggregateCall],
        input: &Schema,
        retracts: bool,
        regroups: bool,
    ) -> Result<Self> {
        let mut plain = Vec::new();
        let mut distinct: Vec<DistinctSet> = Vec::new();
        let mut accumulators = Vec::with_capacity(calls.len());
        for (index, call) in calls.iter().enumerate() {
            check(call, input)?;
            accumulators.push(match retracts {
                true => retractable(call, input)?,
                false => accumulator(call, input)?,
            });
            // Whether a value is the first or the tenth of its kind makes no difference to these.
            let idempotent = matches!(
                call.function,
                AggregateFunction::Min
                    | AggregateFunction::Max
                    | AggregateFunction::BoolAnd
                    | AggregateFunction::BoolOr
                    | AggregateFunction::FirstValue
            );
            let counts = match retracts {
                // These need to know when the last one of a value goes.
                true => is_extreme(&call.function) || call.distinct,
                false => call.distinct && !idempotent,
            };
            if !counts || call.args.is_empty() {
                plain.push(Plain {
                    accumulator: index,
                    args: call.args.clone(),
                    filter: call.filter,
                });
            } else if let Some(set) = distinct.iter_mut().find(|set| set.takes(call)) {
                set.add(index, call.filter);
            } else {
                let mut set = DistinctSet::new(call, input, retracts, regroups)?;
                set.add(index, call.filter);
                distinct.push(set);
            }
        }
        if distinct.len() > DISTINCT_SETS_MAX {
            return Err(Error::unsupported(format!(
                "DISTINCT over more than {DISTINCT_SETS_MAX} different arguments"
            )));
        }
        let mut form = calls
            .iter()
            .map(|call| state::form_of(call, input))
            .collect::<Result<Vec<_>>>()?;
        for set in &distinct {
            form.push(set.form()?);
        }
        Ok(Accumulators {
            accumulators,
            plain,
            distinct,
            groups: 0,
            form,
        })
    }

    /// Makes room for groups below `groups`.
    pub fn resize(&mut self, groups: usize) {
        if groups > self.groups {
            self.groups = groups;
            for accumulator in &mut self.accumulators {
                accumulator.resize(groups);
            }
        }
    }

    /// Adds (or takes back) the rows of a batch.
    pub fn update(&mut self, batch: Batch<'_>) -> Result<()> {
        let mut masks = Masks::default();
        for call in &self.plain {
            let args: Vec<ArrayRef> = call
                .args
                .iter()
                .map(|&arg| ArrayRef::clone(&batch.columns[arg]))
                .collect();
            let rows = Rows {
                args: &args,
                groups: batch.groups,
                chosen: call.filter.map(|filter| masks.of(batch.columns, filter)),
                signs: batch.signs,
            };
            self.accumulators[call.accumulator].update(&rows)?;
        }
        for set in &mut self.distinct {
            set.update(batch, &mut masks, &mut self.accumulators)?;
        }
        Ok(())
    }

    /// Adds the states of `other`, whose group `i` is our group `groups[i]`.
    pub fn merge(&mut self, other: &Accumulators, groups: &[u32]) -> Result<()> {
        for call in &self.plain {
            let theirs = other.accumulators[call.accumulator].as_ref();
            self.accumulators[call.accumulator].merge(theirs, groups)?;
        }
        for (ours, theirs) in self.distinct.iter_mut().zip(&other.distinct) {
            ours.merge(theirs, groups, &mut self.accumulators)?;
        }
        Ok(())
    }

    /// Moves the state of group `from` into group `into`; `from` is empty afterwards.
    pub fn combine(&mut self, into: u32, from: u32) -> Result<()> {
        for call in &self.plain {
            self.accumulators[call.accumulator].combine(into, from);
        }
        for set in &mut self.distinct {
            set.combine(into, from, &mut self.accumulators)?;
        }
        Ok(())
    }

    /// Empties these groups.
    pub fn reset(&mut self, groups: &[u32]) -> Result<()> {
        for accumulator in &mut self.accumulators {
            accumulator.reset(groups);
        }
        self.distinct
            .iter_mut()
            .try_for_each(|set| set.reset(groups))
    }

    /// Keeps these groups only, ascending, and gives back the memory of all others: `groups[i]`
    /// becomes `i`. Not for aggregates with DISTINCT, whose values are listed by group.
    pub fn keep(&mut self, groups: &[u32]) -> Result<()> {
        if !self.distinct.is_empty() {
            return Err(Error::internal("distinct values cannot be numbered anew"));
        }
        self.groups = groups.len();
        for accumulator in &mut self.accumulators {
            accumulator.keep(groups);
        }
        Ok(())
    }

    /// Empties and forgets all groups, keeping the memory.
    pub fn clear(&mut self) {
        self.groups = 0;
        for accumulator in &mut self.accumulators {
            accumulator.clear();
        }
        for set in &mut self.distinct {
            set.clear();
        }
    }

    /// One column per aggregate with the results of `groups`.
    pub fn evaluate(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let results = self.accumulators.iter();
        results
            .map(|accumulator| accumulator.evaluate(groups))
            .collect()
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        let states: usize = self.accumulators.iter().map(|a| a.bytes()).sum();
        let values: usize = self.distinct.iter().map(DistinctSet::bytes).sum();
        states + values
    }
}

/// The masks of FILTER columns, each computed once per batch.
#[derive(Default)]
struct Masks {
    known: Vec<(usize, BooleanBuffer)>,
}

impl Masks {
    /// Rows of which the BOOLEAN column is true.
    fn of(&mut self, columns: &[ArrayRef], column: usize) -> &BooleanBuffer {
        let index = match self.known.iter().position(|(known, _)| *known == column) {
            Some(index) => index,
            None => {
                let values = columns[column].as_boolean();
                let mask = match values.nulls() {
                    Some(nulls) => values.values() & nulls.inner(),
                    None => values.values().clone(),
                };
                self.known.push((column, mask));
                self.known.len() - 1
            }
        };
        &self.known[index].1
    }
}

fn check(call: &AggregateCall, input: &Schema) -> Result<()> {
    let name = call.function.name();
    let columns = call.args.iter().chain(&call.filter);
    if let Some(column) = columns.into_iter().find(|&&c| c >= input.fields().len()) {
        return Err(Error::internal(format!("no column {column} for {name}")));
    }
    let wants = match call.function {
        AggregateFunction::Count => return filter_is_boolean(call, input),
        _ => 1,
    };
    if call.args.len() != wants {
        return Err(Error::internal(format!(
            "{name} wants {wants} argument, found {}",
            call.args.len()
        )));
    }
    filter_is_boolean(call, input)
}

fn filter_is_boolean(call: &AggregateCall, input: &Schema) -> Result<()> {
    match call.filter.map(|filter| input.field(filter)) {
        Some(field) if *field.data_type() != DataType::Boolean => Err(Error::internal(format!(
            "FILTER wants a BOOLEAN column, found {} of '{}'",
            field.data_type(),
            field.name()
        ))),
        _ => Ok(()),
    }
}

/// True for the functions whose result is the smallest or largest value.
fn is_extreme(function: &AggregateFunction) -> bool {
    matches!(
        function,
        AggregateFunction::Min
            | AggregateFunction::Max
            | AggregateFunction::BoolAnd
            | AggregateFunction::BoolOr
    )
}

/// An accumulator that can take values back.
fn retractable(call: &AggregateCall, input: &Schema) -> Result<Box<dyn Accumulator>> {
    let Some(&first) = call.args.first() else {
        return accumulator(call, input);
    };
    let arg = input.field(first).data_type();
    match &call.function {
        AggregateFunction::Min => extreme::extreme(arg, false),
        AggregateFunction::Max => extreme::extreme(arg, true),
        AggregateFunction::BoolAnd => {
            boolean::only(arg).and_then(|()| extreme::extreme(arg, false))
        }
        AggregateFunction::BoolOr => boolean::only(arg).and_then(|()| extreme::extreme(arg, true)),
        AggregateFunction::FirstValue => kept::first(arg),
        AggregateFunction::LastValue => kept::last(arg),
        AggregateFunction::ListAgg { separator } => kept::text(arg, separator),
        _ => return accumulator(call, input),
    }
    .map_err(|error| error.context(call.function.name()))
}

fn accumulator(call: &AggregateCall, input: &Schema) -> Result<Box<dyn Accumulator>> {
    let result = call.field.data_type();
    let Some(&first) = call.args.first() else {
        return count::count(result);
    };
    let arg = input.field(first).data_type();
    match &call.function {
        AggregateFunction::Count => count::count(result),
        AggregateFunction::Sum => sum::sum(arg, result),
        AggregateFunction::Avg => sum::average(arg, result),
        AggregateFunction::Min => choice::min(arg),
        AggregateFunction::Max => choice::max(arg),
        AggregateFunction::FirstValue => choice::first(arg),
        AggregateFunction::LastValue => choice::last(arg),
        AggregateFunction::ListAgg { separator } => list::text(arg, separator),
        AggregateFunction::ArrayAgg => list::array(arg, result),
        AggregateFunction::Collect => list::multiset(arg, result),
        AggregateFunction::BoolAnd => boolean::every(arg),
        AggregateFunction::BoolOr => boolean::some(arg),
        AggregateFunction::StddevPop
        | AggregateFunction::StddevSamp
        | AggregateFunction::VarPop
        | AggregateFunction::VarSamp => variance::variance(&call.function, arg, result),
    }
    .map_err(|error| error.context(call.function.name()))
}

/// What to say about an argument type an aggregate cannot take.
fn wrong_type(wanted: &str, found: &DataType) -> Error {
    Error::new(Code::TypeMismatch, format!("wants {wanted}, found {found}"))
}

#[cfg(test)]
mod tests;
