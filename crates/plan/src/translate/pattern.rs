//! MATCH_RECOGNIZE: rows reach it by key, with what conditions and measures look at as columns.
//!
//! ```text
//! input ──calc: time, keys, order, conditions on one row, arguments──▶ exchange by key ──▶ match
//! ```

use arrow::datatypes::FieldRef;
use datafusion_common::DFSchema;
use datafusion_expr::{Expr, ExprSchemable};
use millstream_core::{Code, Error, Result};

use super::aggregate::Columns;
use super::calc::column;
use super::rel::{Rel, RelColumn, TimeKind, unique_schema};
use super::{Translator, from_datafusion};
use crate::changelog::ChangelogMode;
use crate::explain;
use crate::graph::{Input, NodeOutput, OutputKind};
use crate::logical::PatternNode;
use crate::spec::{
    MatchPart, MatchValue, NodeKind, PatternCondition, PatternSpec, PatternVariable, SortKey,
    TimeAttribute,
};

/// Where what a node reads has become a column; aggregates have not.
struct Reads<'a> {
    node: &'a PatternNode,
    input: &'a Rel,
    schema: &'a DFSchema,
    columns: Columns,
    positions: Vec<Option<usize>>,
}

impl Translator<'_> {
    pub(super) fn pattern(&mut self, input: Rel, node: &PatternNode) -> Result<Rel> {
        let input = self.materialise(input)?;
        self.check_insert_only(&input)?;
        let kind = self.time_of_pattern(&input, node)?;
        let schema = node.input.schema();
        let mut reads = Reads {
            node,
            input: &input,
            schema,
            columns: Columns::default(),
            positions: Vec::with_capacity(node.reads.len()),
        };
        for (index, read) in node.reads.iter().enumerate() {
            let is_column = !matches!(read, Expr::AggregateFunction(_))
                && (index > 0 || kind == TimeKind::Event);
            let position = is_column.then(|| self.read(&mut reads, read)).transpose()?;
            reads.positions.push(position);
        }
        let search = &node.search;
        let variables = search
            .variables
            .iter()
            .map(|(name, condition)| {
                Ok(PatternVariable {
                    name: name.clone(),
                    condition: self.pattern_condition(condition, &mut reads)?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let measures = self.match_values(&search.values, &mut reads)?;
        let asks_time = measures
            .iter()
            .any(|value| matches!(value.what, MatchPart::Time));
        if asks_time && kind == TimeKind::Processing {
            return Err(Error::new(
                Code::InvalidPlan,
                "MATCH_ROWTIME wants ORDER BY to begin with an event time, found processing time",
            )
            .hint("write MATCH_PROCTIME()"));
        }
        let late_columns = match kind == TimeKind::Event && !input.late.is_empty() {
            true => self.read_all(&mut reads)?,
            false => Vec::new(),
        };
        let keys: Vec<usize> = (1..search.first_order())
            .map(|read| reads.position(read))
            .collect::<Result<_>>()?;
        let orders = search.orders.iter().enumerate();
        let order_by = orders.map(|(index, &(descending, nulls_first))| {
            Ok(SortKey {
                column: reads.position(search.first_order() + index)?,
                descending,
                nulls_first,
            })
        });
        let order_by = order_by.collect::<Result<Vec<_>>>()?;
        let time = match kind {
            TimeKind::Event => TimeAttribute::Event {
                column: reads.position(0)?,
            },
            TimeKind::Processing => TimeAttribute::Processing,
        };
        let spec = PatternSpec {
            time,
            keys,
            order_by,
            variables,
            pattern: search.pattern.clone(),
            after_match: search.after_match,
            within_ms: search.within_ms,
            measures,
            late_columns,
        };
        let columns = reads.columns;
        let Rel {
            node: from,
            late,
            bounded,
            ..
        } = input;
        let from = self.add_calc(from, None, columns.0)?;
        self.add_pattern(from, spec, kind, late, bounded)
    }

    fn add_pattern(
        &mut self,
        from: millstream_core::id::NodeId,
        spec: PatternSpec,
        kind: TimeKind,
        late: Vec<std::sync::Arc<crate::logical::SideTable>>,
        bounded: bool,
    ) -> Result<Rel> {
        let before = self.schema_of(from);
        let keys = spec.keys.iter().map(|key| before.field(*key));
        let values = spec.measures.iter().map(|value| value.field.as_ref());
        let schema = unique_schema(keys.chain(values).map(|f| (f.name().as_str(), f)));
        let mut columns: Vec<RelColumn> = (0..spec.keys.len()).map(RelColumn::at).collect();
        columns.extend(spec.measures.iter().enumerate().map(|(index, value)| {
            let is_time = matches!(value.what, MatchPart::Time);
            RelColumn {
                time: is_time.then_some(kind),
                ..RelColumn::at(spec.keys.len() + index)
            }
        }));
        let (exchange, parallelism) = self.keyed(from, &spec.keys);
        let output = NodeOutput {
            schema,
            parallelism,
            changelog: ChangelogMode::INSERT_ONLY,
            upsert_key: None,
        };
        let input = Input {
            from,
            output: OutputKind::Main,
            exchange,
        };
        let kind_of_node = NodeKind::Pattern(Box::new(spec));
        let node = self.graph.add(kind_of_node, vec![input], output);
        if kind == TimeKind::Event {
            late.iter()
                .for_each(|table| self.side(table, node, OutputKind::Late));
        }
        Ok(Rel {
            node,
            columns,
            window: None,
            late,
            bounded,
        })
    }

    fn check_insert_only(&self, input: &Rel) -> Result<()> {
        let from = self.graph.node(input.node);
        if from.changelog.is_insert_only() {
            return Ok(());
        }
        // The node that makes the updates says more than a projection of them.
        let mut maker = from;
        while let [only] = maker.inputs.as_slice() {
            let below = self.graph.node(only.from);
            if below.changelog.is_insert_only() {
                break;
            }
            maker = below;
        }
        Err(Error::new(
            Code::InvalidPlan,
            format!(
                "MATCH_RECOGNIZE wants rows that are only inserted, but those of {} are updated or \
                 deleted",
                explain::title(maker)
            ),
        )
        .hint(
            "a row that was part of a match cannot be taken back: look for the pattern in the table \
             itself, or in the final results of a window aggregate",
        ))
    }

    fn time_of_pattern(&self, input: &Rel, node: &PatternNode) -> Result<TimeKind> {
        let expr = &node.reads[0];
        let found = input.column(expr, node.input.schema());
        let name = expr.schema_name().to_string();
        match found {
            Some(found) => match self.time_attribute(input, found, &name) {
                Ok((_, kind)) => Ok(kind),
                Err(_) => Err(no_time(&name)),
            },
            None => Err(no_time(&name)),
        }
    }

    fn read(&self, reads: &mut Reads<'_>, expr: &Expr) -> Result<usize> {
        let (_, field) = expr.to_field(reads.schema).map_err(from_datafusion)?;
        let resolved = self.resolve(reads.input, reads.schema, expr)?;
        Ok(reads.columns.add(resolved, &field))
    }

    /// The operator does not need these; a late row takes them along.
    fn read_all(&self, reads: &mut Reads<'_>) -> Result<Vec<usize>> {
        let output = self.schema_of(reads.input.node);
        let mut all = Vec::with_capacity(reads.input.columns.len());
        for known in &reads.input.columns {
            if known.group_window.is_none() {
                let field = output.field(self.position(*known)?);
                all.push(reads.columns.add(column(field.name()), field));
            }
        }
        Ok(all)
    }

    fn pattern_condition(
        &self,
        condition: &PatternCondition,
        reads: &mut Reads<'_>,
    ) -> Result<PatternCondition> {
        Ok(match condition {
            PatternCondition::Always => PatternCondition::Always,
            PatternCondition::Column(read) => PatternCondition::Column(reads.position(*read)?),
            PatternCondition::Computed { gate, expr, values } => PatternCondition::Computed {
                gate: gate.map(|read| reads.position(read)).transpose()?,
                expr: expr.clone(),
                values: self.match_values(values, reads)?,
            },
        })
    }

    fn match_values(
        &self,
        values: &[MatchValue],
        reads: &mut Reads<'_>,
    ) -> Result<Vec<MatchValue>> {
        let values = values.iter();
        values.map(|value| self.match_value(value, reads)).collect()
    }

    fn match_value(&self, value: &MatchValue, reads: &mut Reads<'_>) -> Result<MatchValue> {
        let what = match &value.what {
            MatchPart::Row {
                variable,
                from_end,
                offset,
                column,
            } => MatchPart::Row {
                variable: *variable,
                from_end: *from_end,
                offset: *offset,
                column: reads.position(*column)?,
            },
            MatchPart::Aggregate { variable, args, .. } => {
                let call = args.first().map(|read| &reads.node.reads[*read]);
                let call = call.ok_or_else(|| Error::internal("an aggregate that is not read"))?;
                let (input, schema) = (reads.input, reads.schema);
                let call = self.call(input, schema, call, &value.field, &mut reads.columns)?;
                MatchPart::Aggregate {
                    variable: *variable,
                    function: call.function,
                    args: call.args,
                }
            }
            MatchPart::Time => MatchPart::Time,
            MatchPart::Classifier => MatchPart::Classifier,
        };
        Ok(MatchValue {
            what,
            field: FieldRef::clone(&value.field),
        })
    }
}

impl Reads<'_> {
    fn position(&self, read: usize) -> Result<usize> {
        let position = self.positions.get(read).copied().flatten();
        position.ok_or_else(|| Error::internal("MATCH_RECOGNIZE reads what is no column"))
    }
}

fn no_time(name: &str) -> Error {
    Error::new(
        Code::InvalidPlan,
        format!(
            "MATCH_RECOGNIZE wants ORDER BY to begin with a time attribute, but '{name}' is an \
             ordinary column"
        ),
    )
    .hint(
        "declare WATERMARK FOR it in its table, or order by a PROCTIME() column; further columns may \
         follow",
    )
}
