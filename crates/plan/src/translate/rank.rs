//! ROW_NUMBER with a bound becomes a Top-N or a deduplication; so do ORDER BY .. LIMIT, and LIMIT,
//! over rows that never end or that are updated.
//!
//! ```text
//! Filter(number <= 3) ─ Window(ROW_NUMBER() PARTITION BY p ORDER BY a) ─ input
//!        ▼
//! input ──calc: computed columns──▶ exchange by p ──▶ rank (first 3, by a)
//! ```
//!
//! The number is a column of the rank only if something above reads it: without it fewer rows change.
//! A single first row by a time attribute is a deduplication: if it is the first row of an insert-only
//! input, it never changes.

use arrow::datatypes::Field;
use datafusion_common::{Column, DFSchema};
use datafusion_expr::expr::{Sort as SortExpr, WindowFunctionParams};
use datafusion_expr::logical_plan::{Filter, Projection, Window as WindowPlan};
use datafusion_expr::utils::{conjunction, split_conjunction};
use datafusion_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};
use datafusion_expr::{WindowFunctionDefinition, expr::WindowFunction};
use millstream_core::id::NodeId;
use millstream_core::{Code, Error, Result};

use super::aggregate::Columns;
use super::calc::column;
use super::rel::{Rel, RelColumn, RelWindow, TimeKind, unique_schema};
use super::{Translator, from_datafusion};
use crate::changelog::ChangelogMode;
use crate::graph::{Exchange, Input, NodeOutput, OutputKind, RuntimeMode};
use crate::logical::over::{OverFunction, OverKind};
use crate::spec::{DeduplicateSpec, NodeKind, RankSpec, SortKey, TimeAttribute, WindowEnd};

/// A relation whose partition and order are columns of its node.
pub(super) struct OrderedRel {
    pub(super) rel: Rel,
    pub(super) partition_by: Vec<usize>,
    pub(super) order_by: Vec<SortKey>,
    /// If it is ordered by a time attribute only: which kind.
    pub(super) time: Option<TimeKind>,
}

/// Numbers from first to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numbers {
    first: i64,
    last: i64,
}

impl Translator<'_> {
    /// The Top-N a filter over a numbering is, if it is one; `above`: the expressions that read it.
    pub(super) fn top_n(&mut self, filter: &Filter, above: Option<&[Expr]>) -> Result<Option<Rel>> {
        let Some(numbered) = Numbered::below(&filter.input) else {
            return Ok(None);
        };
        let (kind, params, window) = (numbered.kind, numbered.params, numbered.window);
        let schema = filter.input.schema();
        let number = Column::from(schema.qualified_field(numbered.index));
        let (numbers, rest) = bounds(&filter.predicate, &number);
        let Some(numbers) = numbers else {
            return Ok(None);
        };
        if kind != OverKind::RowNumber {
            let name = if kind == OverKind::Rank {
                "RANK"
            } else {
                "DENSE_RANK"
            };
            return Err(Error::unsupported(format!(
                "{name}() with a bound, as a Top-N, is not supported"
            ))
            .hint("use ROW_NUMBER(): rows that are equal in the order are numbered as they come"));
        }
        if params.order_by.is_empty() {
            return Err(Error::new(
                Code::InvalidPlan,
                "ROW_NUMBER() with a bound, as a Top-N, wants ORDER BY",
            )
            .hint("say by which column rows are first"));
        }
        let reads = |expr: &Expr| expr.column_refs().contains(&number);
        let with_number = numbered.is_computed_with
            || above.is_none_or(|above| above.iter().any(reads))
            || rest.iter().any(reads);
        let input = self.rel(&window.input)?;
        let input_schema = window.input.schema();
        let ordered = self.ordered(input, input_schema, &params.partition_by, &params.order_by)?;
        let mut rel = self.rank(ordered, numbers, with_number)?;
        if !with_number && !numbered.layers.is_empty() {
            // A projection passes it on, though nobody reads it.
            rel.columns.pop();
            rel = self.append_number(rel, true)?;
        }
        for layer in numbered.layers.iter().rev() {
            rel = self.project(rel, layer.input.schema(), &layer.expr, &layer.schema)?;
        }
        match conjunction(rest) {
            None => Ok(Some(rel)),
            Some(rest) => Ok(Some(self.filter(rel, schema, &rest)?)),
        }
    }

    /// Makes what rows are partitioned and ordered by columns of the node.
    pub(super) fn ordered(
        &mut self,
        input: Rel,
        schema: &DFSchema,
        partition_by: &[Expr],
        order_by: &[SortExpr],
    ) -> Result<OrderedRel> {
        self.ordered_with(input, schema, partition_by, order_by, |_, _, _| Ok(()))
    }

    /// As [`ordered`](Self::ordered); `more` adds further columns.
    pub(super) fn ordered_with(
        &mut self,
        input: Rel,
        schema: &DFSchema,
        partition_by: &[Expr],
        order_by: &[SortExpr],
        more: impl FnOnce(&Self, &Rel, &mut Columns) -> Result<()>,
    ) -> Result<OrderedRel> {
        let mut rel = self.materialise(input)?;
        let before = self.schema_of(rel.node);
        let fields = before.fields().iter();
        let mut columns = Columns(
            fields
                .map(|field| (column(field.name()), field.as_ref().clone()))
                .collect(),
        );
        let mut keys = Vec::with_capacity(partition_by.len());
        for expr in partition_by {
            let key = self.over_column(&rel, schema, expr, &mut columns)?;
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let mut order = Vec::with_capacity(order_by.len());
        for key in order_by {
            order.push(SortKey {
                column: self.over_column(&rel, schema, &key.expr, &mut columns)?,
                descending: !key.asc,
                nulls_first: key.nulls_first,
            });
        }
        let time = match order_by {
            [only] => rel
                .column(&only.expr, schema)
                .and_then(|column| column.time),
            _ => None,
        };
        more(self, &rel, &mut columns)?;
        rel.node = self.add_calc(rel.node, None, columns.0)?;
        Ok(OrderedRel {
            rel,
            partition_by: keys,
            order_by: order,
            time,
        })
    }

    /// The position of an expression among the columns of the calc to be.
    pub(super) fn over_column(
        &self,
        rel: &Rel,
        schema: &DFSchema,
        expr: &Expr,
        columns: &mut Columns,
    ) -> Result<usize> {
        let (_, field) = expr.to_field(schema).map_err(from_datafusion)?;
        Ok(columns.add(self.resolve(rel, schema, expr)?, &field))
    }

    fn rank(&mut self, input: OrderedRel, numbers: Numbers, with_number: bool) -> Result<Rel> {
        let updates = self.updates(input.rel.node);
        if let Some(window) = self.window_of(&input)? {
            let descending = input.order_by.first().is_some_and(|key| key.descending);
            let spec = RankSpec {
                newest_first: input.time == Some(TimeKind::Event)
                    && descending
                    && numbers.last == 1,
                order_by: input.order_by,
                partition_by: input.partition_by,
                first: u64::try_from(numbers.first).unwrap_or(1),
                last: u64::try_from(numbers.last).unwrap_or(0),
                with_number,
                emit_update_before: true,
                at_end_only: false,
                input_updates: false,
                window: Some(window),
            };
            return Ok(self.add_rank(input.rel, spec));
        }
        let is_first = numbers == Numbers { first: 1, last: 1 };
        let descending = input.order_by.first().is_some_and(|key| key.descending);
        if is_first && !updates && !descending {
            let time = match input.time {
                Some(TimeKind::Processing) => Some(TimeAttribute::Processing),
                Some(TimeKind::Event) => Some(TimeAttribute::Event {
                    column: input.order_by[0].column,
                }),
                None => None,
            };
            if let Some(time) = time {
                return self.keep_first(input, time, with_number);
            }
        }
        let by_arrival = input.time == Some(TimeKind::Processing);
        let spec = RankSpec {
            // Of several rows of one time the last one is kept, as the others came before it.
            newest_first: match input.time {
                Some(TimeKind::Processing) => descending,
                Some(TimeKind::Event) => descending && is_first && !updates,
                None => false,
            },
            order_by: if by_arrival {
                Vec::new()
            } else {
                input.order_by
            },
            partition_by: input.partition_by,
            first: u64::try_from(numbers.first).unwrap_or(1),
            last: u64::try_from(numbers.last).unwrap_or(0),
            with_number,
            emit_update_before: true,
            at_end_only: self.settings.mode == RuntimeMode::Batch,
            input_updates: updates,
            window: None,
        };
        Ok(self.add_rank(input.rel, spec))
    }

    /// The window of each partition, if they are of windows.
    fn window_of(&self, input: &OrderedRel) -> Result<Option<WindowEnd>> {
        let Some(RelWindow::Attached {
            start,
            end,
            kind,
            time_type,
        }) = &input.rel.window
        else {
            return Ok(None);
        };
        let is_whole = [start, end]
            .iter()
            .all(|at| input.partition_by.contains(at));
        let batch = self.settings.mode == RuntimeMode::Batch;
        if !is_whole || batch || self.updates(input.rel.node) {
            return Ok(None);
        }
        if *kind == TimeKind::Processing {
            return Err(Error::unsupported(
                "a Top-N or deduplication of windows of processing time is not supported",
            )
            .hint("use windows of event time"));
        }
        let time = TimeAttribute::Event { column: *end };
        Ok(Some(WindowEnd {
            column: *end,
            zone: self.zone_for(&time, time_type),
        }))
    }

    /// The rows of a relation by place, such as `ORDER BY a LIMIT 3 OFFSET 2`.
    pub(super) fn first_rows(
        &mut self,
        rel: Rel,
        order_by: Vec<SortKey>,
        skip: u64,
        fetch: u64,
    ) -> Rel {
        let spec = RankSpec {
            partition_by: Vec::new(),
            order_by,
            newest_first: false,
            first: skip.saturating_add(1),
            last: skip.saturating_add(fetch),
            with_number: false,
            emit_update_before: true,
            at_end_only: self.settings.mode == RuntimeMode::Batch,
            input_updates: self.updates(rel.node),
            window: None,
        };
        self.add_rank(rel, spec)
    }

    fn add_rank(&mut self, mut rel: Rel, spec: RankSpec) -> Rel {
        let before = self.schema_of(rel.node);
        let width = before.fields().len();
        let number = Field::new("row_number", arrow::datatypes::DataType::Int64, true);
        let fields = before.fields().iter().map(|field| field.as_ref());
        let fields = fields.chain(spec.with_number.then_some(&number));
        let schema = unique_schema(fields.map(|field| (field.name().as_str(), field)));
        let upsert_key = match (spec.first, spec.last, spec.with_number) {
            (1, 1, _) => Some(spec.partition_by.clone()),
            (_, _, true) => {
                let mut key = spec.partition_by.clone();
                key.push(width);
                Some(key)
            }
            _ => self.graph.node(rel.node).upsert_key.clone(),
        };
        let (exchange, parallelism) = self.keyed(rel.node, &spec.partition_by);
        let output = NodeOutput {
            schema,
            parallelism,
            changelog: spec.changelog(),
            upsert_key,
        };
        let with_number = spec.with_number;
        let is_windowed = spec.window.is_some();
        rel.node = self.add_keyed(rel.node, exchange, NodeKind::Rank(spec), output);
        if is_windowed {
            for table in rel.late.clone() {
                self.side(&table, rel.node, OutputKind::Late);
            }
        }
        // Nothing reads the number if it is not there.
        rel.columns
            .push(RelColumn::at(if with_number { width } else { 0 }));
        rel
    }

    fn keep_first(
        &mut self,
        input: OrderedRel,
        time: TimeAttribute,
        with_number: bool,
    ) -> Result<Rel> {
        let OrderedRel {
            mut rel,
            partition_by,
            ..
        } = input;
        let (exchange, parallelism) = self.keyed(rel.node, &partition_by);
        let output = NodeOutput {
            schema: self.schema_of(rel.node),
            parallelism,
            changelog: ChangelogMode::INSERT_ONLY,
            upsert_key: Some(partition_by.clone()),
        };
        let is_event = time != TimeAttribute::Processing;
        let spec = DeduplicateSpec {
            keys: partition_by,
            time,
        };
        rel.node = self.add_keyed(rel.node, exchange, NodeKind::Deduplicate(spec), output);
        if is_event {
            for table in rel.late.clone() {
                self.side(&table, rel.node, OutputKind::Late);
            }
        }
        self.append_number(rel, with_number)
    }

    /// Appends the number of rows that are all the first ones.
    fn append_number(&mut self, mut rel: Rel, with_number: bool) -> Result<Rel> {
        if !with_number {
            rel.columns.push(RelColumn::at(0));
            return Ok(rel);
        }
        let before = self.schema_of(rel.node);
        let fields = before.fields().iter();
        let mut projection: Vec<(Expr, Field)> = fields
            .map(|field| (column(field.name()), field.as_ref().clone()))
            .collect();
        let field = Field::new("row_number", arrow::datatypes::DataType::Int64, false);
        rel.columns.push(RelColumn::at(projection.len()));
        projection.push((datafusion_expr::lit(1_i64), field));
        rel.node = self.add_calc(rel.node, None, projection)?;
        Ok(rel)
    }

    /// Adds a node with one input.
    pub(super) fn add_keyed(
        &mut self,
        from: NodeId,
        exchange: Exchange,
        kind: NodeKind,
        output: NodeOutput,
    ) -> NodeId {
        let input = Input {
            from,
            output: OutputKind::Main,
            exchange,
        };
        self.graph.add(kind, vec![input], output)
    }

    /// True if a node puts out other changes than insertions.
    pub(super) fn updates(&self, node: NodeId) -> bool {
        !self.graph.node(node).changelog.is_insert_only()
    }
}

/// A numbering of rows, with projections above it.
struct Numbered<'a> {
    kind: OverKind,
    params: &'a WindowFunctionParams,
    window: &'a WindowPlan,
    /// From the top.
    layers: Vec<&'a Projection>,
    /// Position of the number in the topmost schema.
    index: usize,
    /// True if a projection computes something with the number.
    is_computed_with: bool,
}

impl<'a> Numbered<'a> {
    /// The numbering below a filter, if there is one and the filter can read the number.
    fn below(plan: &'a LogicalPlan) -> Option<Self> {
        match plan {
            LogicalPlan::Window(window) => {
                let [expr] = window.window_expr.as_slice() else {
                    return None;
                };
                let (kind, params) = numbering(expr)?;
                Some(Numbered {
                    kind,
                    params,
                    window,
                    layers: Vec::new(),
                    index: window.schema.fields().len() - 1,
                    is_computed_with: false,
                })
            }
            LogicalPlan::SubqueryAlias(alias) => Self::below(&alias.input),
            LogicalPlan::Projection(layer) => {
                let mut numbered = Self::below(&layer.input)?;
                let schema = layer.input.schema();
                let is_number = |expr: &Expr| match unaliased(expr) {
                    Expr::Column(column) => {
                        schema.maybe_index_of_column(column) == Some(numbered.index)
                    }
                    _ => false,
                };
                let index = layer.expr.iter().position(is_number)?;
                let number = Column::from(schema.qualified_field(numbered.index));
                let computed =
                    |expr: &Expr| !is_number(expr) && expr.column_refs().contains(&number);
                let is_computed_with = layer.expr.iter().any(computed);
                numbered.is_computed_with |= is_computed_with;
                numbered.index = index;
                numbered.layers.insert(0, layer);
                Some(numbered)
            }
            _ => None,
        }
    }
}

/// The function and the window of an expression that numbers rows.
fn numbering(expr: &Expr) -> Option<(OverKind, &WindowFunctionParams)> {
    let Expr::WindowFunction(function) = unaliased(expr) else {
        return None;
    };
    let WindowFunction { fun, params } = function.as_ref();
    let WindowFunctionDefinition::WindowUDF(function) = fun else {
        return None;
    };
    let kind = OverFunction::of(function)?;
    let numbers = matches!(
        kind,
        OverKind::RowNumber | OverKind::Rank | OverKind::DenseRank
    );
    numbers.then_some((kind, params))
}

pub(super) fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}

/// The numbers a predicate lets pass, if it has an upper bound, and what else it wants.
fn bounds(predicate: &Expr, number: &Column) -> (Option<Numbers>, Vec<Expr>) {
    let (mut first, mut last) = (1, None::<i64>);
    let mut rest = Vec::new();
    for part in split_conjunction(predicate) {
        match bound(part, number) {
            Some((from, to)) => {
                first = from.map_or(first, |from| first.max(from));
                last = match (last, to) {
                    (Some(last), Some(to)) => Some(last.min(to)),
                    (last, to) => last.or(to),
                };
            }
            None => rest.push(part.clone()),
        }
    }
    let numbers = last.map(|last| Numbers {
        first,
        last: last.max(first - 1),
    });
    (numbers, rest)
}

/// The least and the greatest number a comparison lets pass.
fn bound(expr: &Expr, number: &Column) -> Option<(Option<i64>, Option<i64>)> {
    let is_number = |expr: &Expr| matches!(expr, Expr::Column(column) if column == number);
    if let Expr::Between(between) = expr {
        let bounds = (whole(&between.low)?, whole(&between.high)?);
        return (is_number(&between.expr) && !between.negated)
            .then_some((Some(bounds.0), Some(bounds.1)));
    }
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else {
        return None;
    };
    let (op, value) = match (is_number(left), is_number(right)) {
        (true, false) => (*op, whole(right)?),
        (false, true) => (op.swap()?, whole(left)?),
        _ => return None,
    };
    Some(match op {
        Operator::Eq => (Some(value), Some(value)),
        Operator::Lt => (None, Some(value.saturating_sub(1))),
        Operator::LtEq => (None, Some(value)),
        Operator::Gt => (Some(value.saturating_add(1)), None),
        Operator::GtEq => (Some(value), None),
        _ => return None,
    })
}

fn whole(expr: &Expr) -> Option<i64> {
    use datafusion_common::ScalarValue as V;
    match unaliased(expr) {
        Expr::Literal(V::Int8(Some(value)), _) => Some(i64::from(*value)),
        Expr::Literal(V::Int16(Some(value)), _) => Some(i64::from(*value)),
        Expr::Literal(V::Int32(Some(value)), _) => Some(i64::from(*value)),
        Expr::Literal(V::Int64(Some(value)), _) => Some(*value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion_expr::{col, lit};

    use super::*;

    fn found(predicate: &Expr) -> (Option<(i64, i64)>, usize) {
        let (numbers, rest) = bounds(predicate, &Column::new_unqualified("n"));
        (numbers.map(|n| (n.first, n.last)), rest.len())
    }

    #[test]
    fn bounds_come_from_either_side_and_several_comparisons() {
        let n = || col("n");
        assert_eq!(found(&n().lt_eq(lit(3_i64))), (Some((1, 3)), 0));
        assert_eq!(found(&n().lt(lit(3_i64))), (Some((1, 2)), 0));
        assert_eq!(found(&lit(3_i64).gt(n())), (Some((1, 2)), 0));
        assert_eq!(found(&n().eq(lit(1_i64))), (Some((1, 1)), 0));
        assert_eq!(
            found(&n().between(lit(2_i64), lit(4_i64))),
            (Some((2, 4)), 0)
        );
        let both = n().gt(lit(2_i64)).and(n().lt_eq(lit(5_i64)));
        assert_eq!(found(&both), (Some((3, 5)), 0));
        let mixed = n().lt_eq(lit(5_i64)).and(col("a").gt(lit(1_i64)));
        assert_eq!(found(&mixed), (Some((1, 5)), 1));
    }

    #[test]
    fn without_an_upper_bound_there_is_none_and_an_empty_range_is_empty() {
        assert_eq!(found(&col("n").gt(lit(2_i64))).0, None);
        assert_eq!(found(&col("a").lt(lit(2_i64))).0, None);
        assert_eq!(found(&col("n").lt(lit(1_i64))).0, Some((1, 0)));
    }
}
