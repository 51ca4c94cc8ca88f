//! OVER: each row with what functions find in the rows before it.
//!
//! ```text
//! input ──calc: computed columns──▶ exchange by partition ──▶ over (frame 1) ──▶ over (frame 2)
//! ```
//!
//! Functions of one frame share a node. Flink wants all of a SELECT to have one frame; here each further
//! one is a node of its own behind the first. ROW_NUMBER, RANK, DENSE_RANK and LAG have frames of
//! their own, whatever the query says.

use datafusion_common::{DFSchema, ScalarValue};
use datafusion_expr::expr::{AggregateFunction as AggregateExpr, AggregateFunctionParams};
use datafusion_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion_expr::logical_plan::Window as WindowPlan;
use datafusion_expr::{
    Expr, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition,
};
use millstream_core::{Code, Error, Result};

use super::Translator;
use super::rank::{OrderedRel, unaliased};
use super::rel::{Rel, RelColumn, TimeKind, unique_schema};
use crate::graph::{NodeOutput, OutputKind, RuntimeMode};
use crate::logical::over::{OverFunction as Known, OverKind};
use crate::spec::{
    FrameStart, NodeKind, OverCall, OverFrame, OverFunction, OverOrder, OverSpec, TimeAttribute,
};

/// Functions that see the same rows.
struct Stage<'a> {
    frame: OverFrame,
    /// Which expressions of the plan's node they are.
    calls: Vec<(usize, &'a WindowFunction)>,
}

impl Translator<'_> {
    pub(super) fn over(&mut self, node: &WindowPlan) -> Result<Rel> {
        let mut stages: Vec<Stage<'_>> = Vec::new();
        for (index, expr) in node.window_expr.iter().enumerate() {
            let Expr::WindowFunction(function) = unaliased(expr) else {
                return Err(Error::internal(format!(
                    "'{expr}' is not a function of OVER"
                )));
            };
            let frame = frame_of(function)?;
            match stages.iter_mut().find(|stage| stage.frame == frame) {
                Some(stage) => stage.calls.push((index, function)),
                None => stages.push(Stage {
                    frame,
                    calls: vec![(index, function)],
                }),
            }
        }
        let input = self.rel(&node.input)?;
        let mut rel = self.materialise(input)?;
        let mut results = vec![0; node.window_expr.len()];
        for stage in &stages {
            rel = self.over_stage(rel, node, stage, &mut results)?;
        }
        rel.columns.extend(results.into_iter().map(RelColumn::at));
        Ok(rel)
    }

    fn over_stage(
        &mut self,
        input: Rel,
        node: &WindowPlan,
        stage: &Stage<'_>,
        results: &mut [usize],
    ) -> Result<Rel> {
        let schema = node.input.schema();
        let width = schema.fields().len();
        let Some((_, first)) = stage.calls.first() else {
            return Ok(input);
        };
        let WindowFunctionParams {
            partition_by,
            order_by,
            ..
        } = &first.params;
        if order_by.is_empty() {
            return Err(Error::new(Code::InvalidPlan, "OVER wants ORDER BY").hint(
                "order by a time attribute, or by another column if all rows before are meant",
            ));
        }
        let mut functions = Vec::with_capacity(stage.calls.len());
        let ordered = self.ordered_with(
            input,
            schema,
            partition_by,
            order_by,
            |this, rel, columns| {
                for (index, function) in &stage.calls {
                    let field = node.schema.field(width + index);
                    functions.push(OverCall {
                        function: this.over_function(rel, schema, function, field, columns)?,
                        field: std::sync::Arc::clone(field),
                    });
                }
                Ok(())
            },
        )?;
        let (order, frame) = self.over_order(&ordered, stage.frame)?;
        let OrderedRel {
            rel, partition_by, ..
        } = ordered;
        let spec = OverSpec {
            partition_by,
            order,
            frame,
            calls: functions,
            emit_update_before: true,
            at_end_only: self.settings.mode == RuntimeMode::Batch,
            input_updates: self.updates(rel.node),
        };
        Ok(self.add_over(rel, spec, stage, results))
    }

    fn add_over(
        &mut self,
        mut rel: Rel,
        spec: OverSpec,
        stage: &Stage<'_>,
        results: &mut [usize],
    ) -> Rel {
        let before = self.schema_of(rel.node);
        let fields = before.fields().iter().map(|field| field.as_ref());
        let fields = fields.chain(spec.calls.iter().map(|call| call.field.as_ref()));
        let schema = unique_schema(fields.map(|field| (field.name().as_str(), field)));
        for (offset, (index, _)) in stage.calls.iter().enumerate() {
            results[*index] = before.fields().len() + offset;
        }
        let (exchange, parallelism) = self.keyed(rel.node, &spec.partition_by);
        let output = NodeOutput {
            schema,
            parallelism,
            changelog: spec.changelog(),
            upsert_key: self.graph.node(rel.node).upsert_key.clone(),
        };
        let is_event = matches!(spec.order, OverOrder::Time(TimeAttribute::Event { .. }));
        rel.node = self.add_keyed(rel.node, exchange, NodeKind::Over(spec), output);
        if is_event {
            for table in rel.late.clone() {
                self.side(&table, rel.node, OutputKind::Late);
            }
        }
        rel
    }

    /// By time if rows are ordered by a time attribute alone, ascending; else by columns.
    fn over_order(&self, input: &OrderedRel, frame: OverFrame) -> Result<(OverOrder, OverFrame)> {
        let updates = self.updates(input.rel.node);
        let ascending = input.order_by.first().is_some_and(|key| !key.descending);
        let is_whole = frame.start == FrameStart::Unbounded;
        match input.time {
            Some(TimeKind::Processing) if ascending && !updates => {
                return Ok((OverOrder::Time(TimeAttribute::Processing), frame));
            }
            Some(TimeKind::Event) if ascending && !updates => {
                let column = input.order_by[0].column;
                return Ok((OverOrder::Time(TimeAttribute::Event { column }), frame));
            }
            _ => {}
        }
        let is_lag = matches!(frame.start, FrameStart::Rows(_)) && !frame.by_rows;
        if is_whole || is_lag {
            return Ok((OverOrder::Columns(input.order_by.clone()), frame));
        }
        let error = match updates {
            true => {
                "an OVER window with a bound, over an input whose rows are updated, is not supported"
            }
            false => {
                "an OVER window with a bound that is not ordered by a time attribute alone, \
                      ascending, is not supported"
            }
        };
        Err(Error::unsupported(error).hint(
            "write UNBOUNDED PRECEDING, or order by the column WATERMARK FOR or PROCTIME() names",
        ))
    }

    fn over_function(
        &self,
        rel: &Rel,
        schema: &DFSchema,
        function: &WindowFunction,
        field: &arrow::datatypes::FieldRef,
        columns: &mut super::aggregate::Columns,
    ) -> Result<OverFunction> {
        let params = &function.params;
        match &function.fun {
            WindowFunctionDefinition::AggregateUDF(aggregate) => {
                let call = Expr::AggregateFunction(AggregateExpr {
                    func: std::sync::Arc::clone(aggregate),
                    params: AggregateFunctionParams {
                        args: params.args.iter().map(counted).collect(),
                        distinct: params.distinct,
                        filter: params.filter.clone(),
                        order_by: Vec::new(),
                        null_treatment: None,
                    },
                });
                let call = self.call(rel, schema, &call, field, columns)?;
                Ok(OverFunction::Aggregate(call))
            }
            WindowFunctionDefinition::WindowUDF(function) => match Known::of(function) {
                Some(OverKind::RowNumber) => Ok(OverFunction::RowNumber),
                Some(OverKind::Rank) => Ok(OverFunction::Rank),
                Some(OverKind::DenseRank) => Ok(OverFunction::DenseRank),
                Some(OverKind::Lag) => {
                    let mut read = |expr: &Expr| self.over_column(rel, schema, expr, columns);
                    let value = params.args.first().map(&mut read).transpose()?;
                    Ok(OverFunction::Lag {
                        column: value.ok_or_else(|| Error::internal("LAG of nothing"))?,
                        default: params.args.get(2).map(&mut read).transpose()?,
                    })
                }
                _ => Err(looks_ahead(function.name())),
            },
        }
    }
}

/// COUNT(*) as COUNT(1).
fn counted(arg: &Expr) -> Expr {
    match arg {
        #[expect(deprecated, reason = "the planner leaves it in the arguments of OVER")]
        Expr::Wildcard { .. } => datafusion_expr::lit(1_i64),
        other => other.clone(),
    }
}

/// Which rows a function sees.
fn frame_of(function: &WindowFunction) -> Result<OverFrame> {
    let params = &function.params;
    if params.null_treatment.is_some() {
        return Err(Error::unsupported(
            "IGNORE NULLS and RESPECT NULLS are not supported",
        ));
    }
    let WindowFunctionDefinition::WindowUDF(known) = &function.fun else {
        return frame(&params.window_frame);
    };
    let unbounded = |by_rows| OverFrame {
        start: FrameStart::Unbounded,
        by_rows,
    };
    match Known::of(known) {
        Some(OverKind::RowNumber) => Ok(unbounded(true)),
        Some(OverKind::Rank | OverKind::DenseRank) => Ok(unbounded(false)),
        Some(OverKind::Lag) => Ok(OverFrame {
            start: FrameStart::Rows(lag_offset(&params.args)?),
            by_rows: false,
        }),
        _ => Err(looks_ahead(known.name())),
    }
}

fn lag_offset(args: &[Expr]) -> Result<u64> {
    let wrong = || {
        Error::new(
            Code::TypeMismatch,
            "LAG wants a number that is not negative as its second argument",
        )
    };
    match args.get(1).map(unaliased) {
        None => Ok(1),
        Some(Expr::Literal(value, _)) => {
            let value = value.cast_to(&arrow::datatypes::DataType::Int64);
            match value {
                Ok(ScalarValue::Int64(Some(rows))) => u64::try_from(rows).map_err(|_| wrong()),
                _ => Err(wrong()),
            }
        }
        Some(_) => Err(wrong()),
    }
}

fn looks_ahead(name: &str) -> Error {
    Error::unsupported(format!(
        "{} over rows that never end is not supported: it depends on rows to come",
        name.to_uppercase()
    ))
    .hint("ROW_NUMBER, RANK, DENSE_RANK, LAG and aggregates look back only")
}

fn frame(frame: &WindowFrame) -> Result<OverFrame> {
    let by_rows = match frame.units {
        WindowFrameUnits::Rows => true,
        WindowFrameUnits::Range => false,
        WindowFrameUnits::Groups => return Err(Error::unsupported("GROUPS in an OVER window")),
    };
    if frame.end_bound != WindowFrameBound::CurrentRow {
        return Err(Error::unsupported(
            "an OVER window that does not end with CURRENT ROW is not supported: it depends on rows \
             to come",
        )
        .hint("write BETWEEN .. PRECEDING AND CURRENT ROW"));
    }
    let start = match (&frame.start_bound, by_rows) {
        (WindowFrameBound::Preceding(bound), _) if bound.is_null() => FrameStart::Unbounded,
        (WindowFrameBound::CurrentRow, true) => FrameStart::Rows(0),
        (WindowFrameBound::CurrentRow, false) => FrameStart::Millis(0),
        (WindowFrameBound::Preceding(bound), true) => FrameStart::Rows(rows_of(bound)?),
        (WindowFrameBound::Preceding(bound), false) => FrameStart::Millis(millis_of(bound)?),
        (WindowFrameBound::Following(_), _) => {
            return Err(Error::unsupported("FOLLOWING in an OVER window"));
        }
    };
    Ok(OverFrame { start, by_rows })
}

fn rows_of(bound: &ScalarValue) -> Result<u64> {
    match bound.cast_to(&arrow::datatypes::DataType::UInt64) {
        Ok(ScalarValue::UInt64(Some(rows))) => Ok(rows),
        _ => Err(Error::new(
            Code::TypeMismatch,
            format!("ROWS wants a number that is not negative, found {bound}"),
        )),
    }
}

fn millis_of(bound: &ScalarValue) -> Result<i64> {
    let millis = match bound {
        ScalarValue::IntervalMonthDayNano(Some(span)) if span.months == 0 => {
            let days = i64::from(span.days).checked_mul(86_400_000);
            days.and_then(|days| days.checked_add(span.nanoseconds / 1_000_000))
        }
        ScalarValue::IntervalDayTime(Some(span)) => i64::from(span.days)
            .checked_mul(86_400_000)
            .and_then(|days| days.checked_add(i64::from(span.milliseconds))),
        _ => None,
    };
    millis.filter(|millis| *millis >= 0).ok_or_else(|| {
        Error::unsupported(format!("RANGE {bound} PRECEDING"))
            .hint("write an interval of days or less, such as INTERVAL '1' HOUR PRECEDING")
    })
}
