//! When a row may be mapped to a variable.
//!
//! | condition | evaluated |
//! |---|---|
//! | none | never: it is true |
//! | on the row alone | before, for whole batches; what is left is a bit |
//! | on the match so far | for many matches at a time: those of all keys that have a row to look at |

use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use millstream_core::{Error, Result};
use millstream_plan::{MatchPart, MatchValue, PatternCondition, PatternVariable};

use super::matcher::{Current, Matcher, Run};
use super::store::Store;
use super::values::{Aggregates, Asked, Counted, Values};
use crate::expr::Compiled;

/// The conditions of all variables.
pub(super) struct Conditions {
    /// By variable, the column that must be true.
    columns: Vec<Option<usize>>,
    computed: Vec<Option<Computed>>,
    /// The aggregates of all conditions; a match carries their states along.
    pub(super) tally: Aggregates,
    asked: Asked,
}

struct Computed {
    condition: Compiled,
    schema: SchemaRef,
    values: Values,
    /// Its aggregates among those of the tally.
    aggregates: Vec<usize>,
}

/// A row that may be mapped to a variable of some match.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) run: &'a Run,
    pub(super) matcher: &'a Matcher,
    pub(super) current: Current,
    pub(super) slot: u32,
}

impl Conditions {
    /// The columns of the input that conditions over several rows look at.
    pub(super) fn reads(variables: &[PatternVariable]) -> Vec<usize> {
        let conditions = variables.iter().map(|variable| &variable.condition);
        let values = conditions.flat_map(|condition| match condition {
            PatternCondition::Computed { values, .. } => values.as_slice(),
            _ => &[],
        });
        values.flat_map(reads).collect()
    }

    pub(super) fn new(variables: &[PatternVariable], store: &Store) -> Result<Self> {
        let mut columns = Vec::new();
        let mut computed = Vec::new();
        let mut tally: Vec<MatchValue> = Vec::new();
        for variable in variables {
            let (column, complex) = match &variable.condition {
                PatternCondition::Always => (None, None),
                PatternCondition::Column(column) => (Some(*column), None),
                PatternCondition::Computed { gate, expr, values } => {
                    let fields = values.iter().map(|value| FieldRef::clone(&value.field));
                    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
                    let is_aggregate =
                        |value: &&MatchValue| matches!(value.what, MatchPart::Aggregate { .. });
                    let aggregates = values.iter().filter(is_aggregate).map(|value| {
                        let known = tally.iter().position(|known| known.what == value.what);
                        known.unwrap_or_else(|| {
                            tally.push(value.clone());
                            tally.len() - 1
                        })
                    });
                    let aggregates = aggregates.collect();
                    let complex = Computed {
                        condition: Compiled::new(expr, &schema, expr)?,
                        schema,
                        values: Values::new(values, &[], store)?,
                        aggregates,
                    };
                    (*gate, Some(complex))
                }
            };
            columns.push(column);
            computed.push(complex);
        }
        Ok(Conditions {
            columns,
            computed,
            tally: Values::new(&tally, &[], store)?.aggregates,
            asked: Asked::default(),
        })
    }

    /// True if some condition looks at the match so far.
    pub(super) fn are_computed(&self) -> bool {
        self.computed.iter().any(Option::is_some)
    }

    /// True if whether a row meets the condition does not follow from the row alone.
    pub(super) fn is_computed(&self, variable: usize) -> bool {
        self.computed[variable].is_some()
    }

    /// By row, a bit per variable: its condition, or what of it concerns the row alone, is true.
    pub(super) fn truths(&self, rows: &RecordBatch) -> Result<Vec<u64>> {
        let mut truths = vec![0; rows.num_rows()];
        for (variable, column) in self.columns.iter().enumerate() {
            let bit = 1 << variable;
            let Some(column) = column else {
                truths.iter_mut().for_each(|truth| *truth |= bit);
                continue;
            };
            let column = rows.columns().get(*column);
            let flags = column.and_then(|column| column.as_boolean_opt());
            let flags = flags.ok_or_else(|| Error::internal("a condition is not a BOOLEAN"))?;
            for (row, truth) in truths.iter_mut().enumerate() {
                *truth |= if flags.is_valid(row) && flags.value(row) {
                    bit
                } else {
                    0
                };
            }
        }
        Ok(truths)
    }

    /// For some rows whether they may be mapped to `variable`.
    pub(super) fn judge(
        &mut self,
        variable: usize,
        asks: &[Ask<'_>],
        store: &Store,
    ) -> Result<BooleanArray> {
        let Some(computed) = &self.computed[variable] else {
            return Err(Error::internal("a condition is known already"));
        };
        let results = match computed.aggregates.is_empty() {
            true => Vec::new(),
            false => {
                self.tally
                    .begin(asks.iter().map(|ask| ask.run.tally.as_slice()))?;
                let rows = asks.iter().enumerate().map(|(of, ask)| Counted {
                    slot: ask.slot,
                    of: of as u32,
                    variable,
                });
                self.tally.add(&rows.collect::<Vec<_>>(), store)?;
                let all = self.tally.results(asks.len())?;
                let wanted = computed.aggregates.iter();
                wanted.map(|index| Arc::clone(&all[*index])).collect()
            }
        };
        for ask in asks {
            let current = Some(ask.current);
            let values = &computed.values;
            values.ask(&mut self.asked, ask.run, ask.matcher, current, 0);
        }
        let columns = computed.values.columns(&mut self.asked, &results, store)?;
        let options = RecordBatchOptions::new().with_row_count(Some(asks.len()));
        let schema = Arc::clone(&computed.schema);
        let rows = RecordBatch::try_new_with_options(schema, columns, &options)?;
        computed.condition.mask(&rows)
    }
}

/// The columns of the input a value is made of.
pub(super) fn reads(value: &MatchValue) -> Vec<usize> {
    match &value.what {
        MatchPart::Row { column, .. } => vec![*column],
        MatchPart::Aggregate { args, .. } => args.clone(),
        MatchPart::Time | MatchPart::Classifier => Vec::new(),
    }
}
