//! The lines under a node of EXPLAIN.

use arrow::datatypes::Schema;
use millstream_core::id::NodeId;

use super::expr::{cut, text};
use super::{View, pattern, ranked};
use crate::graph::{Exchange, Input, Node, OutputKind, RuntimeMode};
use crate::spec::{
    AggregateCall, CalcSpec, IntervalJoinSpec, JoinSpec, NodeKind, OnConflict, OnError, SinkSpec,
    SinkTarget, SortSpec, SourceSpec, TimeAttribute, WatermarkSpec, Window, WindowProperty,
};

/// Most entries of a list that are shown.
const LIST_MAX: usize = 20;

pub(super) type Line = (&'static str, String);

impl View<'_> {
    /// What there is to say about a node: a word and its words.
    pub(super) fn details(&self, node: &Node) -> Vec<Line> {
        let mut lines = Vec::new();
        self.what_it_does(node, &mut lines);
        lines.extend(node.inputs.iter().map(|input| self.input(node, input)));
        if !matches!(node.kind, NodeKind::Sink(_)) {
            lines.push(("changelog", changes(node)));
        }
        let task = self.task_of[node.id.0 as usize];
        let runs = format!("parallelism {}, task {task}", node.parallelism);
        lines.push(("runs", runs));
        if let Some(state) = self.state(node) {
            lines.push(("state", state));
        }
        lines
    }

    fn what_it_does(&self, node: &Node, lines: &mut Vec<Line>) {
        let input = node.inputs.first().map(|input| self.columns_of(input));
        let columns = |positions: &[usize]| match &input {
            Some(names) => listed(positions.iter().map(|p| name_at(names, *p))),
            None => String::new(),
        };
        match &node.kind {
            NodeKind::Source(spec) => self.source(node, spec, lines),
            NodeKind::Values(spec) => {
                lines.push(("rows", spec.rows.num_rows().to_string()));
            }
            NodeKind::Calc(spec) => calc(node, spec, lines),
            NodeKind::Watermark(spec) => {
                watermark(spec, &columns(&[spec.column]), lines);
                let bad = self.side(node.id, OutputKind::DeadLetter);
                lines.extend(bad.map(|to| ("bad rows", to)));
            }
            NodeKind::WindowAssign(spec) => {
                let time = time_of(&spec.time, spec.zone.as_deref(), &columns);
                lines.push((
                    "window",
                    format!("{} {time}", window(&spec.window, &columns)),
                ));
            }
            NodeKind::WindowAggregate(spec) => {
                let time = time_of(&spec.time, spec.zone.as_deref(), &columns);
                lines.push((
                    "window",
                    format!("{} {time}", window(&spec.window, &columns)),
                ));
                lines.push(("keys", keys(&columns(&spec.keys))));
                lines.push(("computes", calls(&spec.aggregates, &columns)));
                if !spec.properties.is_empty() {
                    let words = spec.properties.iter().map(|p| property(*p).to_string());
                    lines.push(("adds", listed(words)));
                }
                if spec.time != TimeAttribute::Processing {
                    let late = self.side(node.id, OutputKind::Late);
                    let late = late.unwrap_or_else(|| "counted and dropped".into());
                    lines.push(("late rows", late));
                }
            }
            NodeKind::GroupAggregate(spec) => {
                lines.push(("keys", keys(&columns(&spec.keys))));
                lines.push(("computes", calls(&spec.aggregates, &columns)));
            }
            NodeKind::Join(spec) => self.join(node, spec, lines),
            NodeKind::IntervalJoin(spec) => {
                self.join(node, &spec.join, lines);
                lines.push(("time", self.interval(node, spec)));
            }
            NodeKind::TemporalJoin(spec) => {
                self.join(node, &spec.join, lines);
                let late = self.side(node.id, OutputKind::Late);
                let late = late.unwrap_or_else(|| "counted and dropped".into());
                lines.push(("late rows", late));
            }
            NodeKind::Unnest(spec) => {
                let outer = if spec.is_outer {
                    ", or the row with NULLs"
                } else {
                    ""
                };
                let elements = format!("{}{outer}", columns(&[spec.column]));
                lines.push(("elements", elements));
            }
            NodeKind::WindowJoin(spec) => {
                self.join(node, &spec.join, lines);
                let late = self.side(node.id, OutputKind::Late);
                let late = late.unwrap_or_else(|| "counted and dropped".into());
                lines.push(("late rows", late));
            }
            NodeKind::Upsert(spec) => {
                lines.push(("primary key", keys(&columns(&spec.key))));
                let conflict = match spec.on_conflict {
                    OnConflict::Error => "fails the job",
                    OnConflict::Nothing => "the first row stays",
                    OnConflict::Deduplicate => "the last row stays",
                };
                lines.push(("conflict", conflict.into()));
            }
            NodeKind::Rank(_)
            | NodeKind::Deduplicate(_)
            | NodeKind::Over(_)
            | NodeKind::TimeSort(_) => {
                lines.extend(ranked::lines(&node.kind, &columns));
            }
            NodeKind::Pattern(spec) => {
                lines.extend(pattern::lines(spec, &columns));
                if spec.time != TimeAttribute::Processing {
                    let late = self.side(node.id, OutputKind::Late);
                    let late = late.unwrap_or_else(|| "counted and dropped".into());
                    lines.push(("late rows", late));
                }
            }
            NodeKind::Union => {}
            NodeKind::Sort(spec) => {
                let keys = spec.keys.iter().map(|key| {
                    let order = if key.descending { "DESC" } else { "ASC" };
                    let nulls = if key.nulls_first { "FIRST" } else { "LAST" };
                    format!("{} {order} NULLS {nulls}", columns(&[key.column]))
                });
                lines.push(("order", listed(keys)));
                lines.extend(limit(spec.skip, spec.fetch));
            }
            NodeKind::Limit(spec) => lines.extend(limit(spec.skip, spec.fetch)),
            NodeKind::Sink(spec) => sink(spec, &columns, lines),
        }
    }

    /// How far apart the times of a pair may be.
    fn interval(&self, node: &Node, spec: &IntervalJoinSpec) -> String {
        let sides: Vec<Vec<String>> = node.inputs.iter().map(|i| self.columns_of(i)).collect();
        let (left, right) = match (spec.times, sides.as_slice()) {
            (Some([l, r]), [left, right]) => (name_at(left, l), name_at(right, r)),
            _ => ("arrival".into(), "arrival".into()),
        };
        let (lower, upper) = (duration(spec.lower), duration(spec.upper));
        format!("{left} of the left row - {right} of the right one from {lower} to {upper}")
    }

    fn join(&self, node: &Node, spec: &JoinSpec, lines: &mut Vec<Line>) {
        lines.push(("join", spec.kind.name().to_lowercase()));
        let sides: Vec<Vec<String>> = node.inputs.iter().map(|i| self.columns_of(i)).collect();
        if let [left, right] = sides.as_slice() {
            let pairs = spec.left_keys.iter().zip(&spec.right_keys);
            let equal =
                pairs.map(|(l, r)| format!("{} = {}", name_at(left, *l), name_at(right, *r)));
            let keys = match spec.left_keys.is_empty() {
                true => "none: every pair is judged, in one subtask".into(),
                false => listed(equal),
            };
            lines.push(("keys", keys));
        }
        if let Some(condition) = &spec.condition {
            lines.push(("where", text(condition)));
        }
    }

    fn source(&self, node: &Node, spec: &SourceSpec, lines: &mut Vec<Line>) {
        let end = if spec.bounded { "bounded" } else { "unbounded" };
        lines.push(("connector", format!("'{}', {end}", spec.connector)));
        let all = spec.table.schema.fields().len() + spec.table.metadata.len();
        let read = listed(names(&node.schema));
        let part = match spec.projection.len() {
            some if some < all => format!(" ({some} of {all} columns)"),
            _ => String::new(),
        };
        lines.push(("reads", format!("{read}{part}")));
        let bad = match (spec.on_error, self.side(node.id, OutputKind::DeadLetter)) {
            (OnError::Fail, _) => "fail the job".into(),
            (OnError::DeadLetter, Some(to)) => to,
            (OnError::Skip | OnError::DeadLetter, _) => "counted and dropped".into(),
        };
        lines.push(("bad rows", bad));
    }

    fn input(&self, node: &Node, input: &Input) -> Line {
        let from = input.from.0;
        let output = match input.output {
            OutputKind::Main => "",
            OutputKind::Late => "late rows of ",
            OutputKind::DeadLetter => "bad rows of ",
        };
        let same_task = self.task_of[from as usize] == self.task_of[node.id.0 as usize];
        let way = match &input.exchange {
            Exchange::Forward if same_task => "in the same task".to_string(),
            Exchange::Forward => "forward".into(),
            Exchange::Rebalance => "in turn".into(),
            Exchange::Single => "all to one".into(),
            Exchange::Hash(columns) if columns.is_empty() => "all to one by hash".into(),
            Exchange::Hash(columns) => {
                let names = self.columns_of(input);
                let names = columns.iter().map(|column| name_at(&names, *column));
                format!("hash by {}", listed(names))
            }
        };
        ("input", format!("{output}[{from}], {way}"))
    }

    fn side(&self, node: NodeId, output: OutputKind) -> Option<String> {
        let readers = self.readers(node, output);
        if readers.is_empty() {
            return None;
        }
        let readers = readers.iter().map(|reader| format!("[{}]", reader.0));
        Some(format!("counted and written by {}", listed(readers)))
    }

    fn columns_of(&self, input: &Input) -> Vec<String> {
        match input.output {
            OutputKind::Main => names(&self.graph.node(input.from).schema).collect(),
            OutputKind::Late => names(&millstream_core::side::late_schema()).collect(),
            OutputKind::DeadLetter => names(&millstream_core::side::dead_letter_schema()).collect(),
        }
    }

    /// What a node keeps, and what bounds it.
    fn state(&self, node: &Node) -> Option<String> {
        let per = |aggregates: &[AggregateCall]| {
            let distinct = aggregates.iter().any(|call| call.distinct);
            let also = if distinct {
                " and each distinct value"
            } else {
                ""
            };
            match aggregates.len() {
                0 => "1 entry".to_string(),
                1 => format!("1 accumulator{also}"),
                many => format!("{many} accumulators{also}"),
            }
        };
        Some(match &node.kind {
            NodeKind::Watermark(_) => "1 watermark per split; freed with the split".into(),
            NodeKind::WindowAggregate(spec) => {
                let what = per(&spec.aggregates);
                let (piece, last) = pieces(&spec.window);
                let time = match spec.time {
                    TimeAttribute::Event { .. } => "the watermark",
                    TimeAttribute::Processing => "processing time",
                };
                format!("{what} per key and {piece}; freed when {time} passes {last}")
            }
            NodeKind::GroupAggregate(spec) => {
                let what = per(&spec.aggregates);
                let key = if spec.keys.is_empty() { "" } else { " per key" };
                let freed = match (self.graph.mode, spec.keys.is_empty(), spec.input_updates) {
                    (RuntimeMode::Batch, ..) => "freed at the end of the input",
                    (_, true, _) => "never freed, but there is one group only",
                    (_, _, true) => "freed when all rows of the key are taken back",
                    (_, _, false) => "never freed, so it grows with the number of keys",
                };
                format!("{what}{key}; {freed}")
            }
            NodeKind::IntervalJoin(spec) => {
                let time = match spec.times {
                    Some(_) => "the watermark",
                    None => "processing time",
                };
                let wait = |ms: i64| match ms {
                    ..=0 => "its time".to_string(),
                    ms => format!("its time + {}", duration(ms)),
                };
                format!(
                    "every row of both inputs; freed when {time} passes {} (left) or {} (right)",
                    wait(spec.lower.saturating_neg()),
                    wait(spec.upper)
                )
            }
            NodeKind::TemporalJoin(_) => {
                "left rows until the watermark passes them; 1 version per key of the right side, and those \
                 the watermark has not passed"
                    .into()
            }
            NodeKind::WindowJoin(_) => {
                "every row of open windows; freed when the watermark passes the window's end".into()
            }
            NodeKind::Join(_) => {
                "every row of both inputs; freed when it is taken back, so it grows with them"
                    .into()
            }
            NodeKind::Upsert(_) => "every row of each key; freed when it is taken back".into(),
            NodeKind::Rank(_) | NodeKind::Deduplicate(_) | NodeKind::Over(_) | NodeKind::TimeSort(_) => return ranked::state(&node.kind),
            NodeKind::Pattern(spec) => pattern::state(spec),
            NodeKind::Sort(spec) => sort_state(spec),
            NodeKind::Limit(_) => "1 counter".into(),
            _ => return None,
        })
    }
}

/// What a window operator keeps per key, and what the watermark must pass to free it.
fn pieces(window: &Window) -> (String, &'static str) {
    match window {
        Window::Tumble { .. } => ("open window".into(), "the window's end"),
        Window::Hop { slide, .. } => (
            format!("open slice of {}", duration(*slide)),
            "the end of the last window with that slice",
        ),
        Window::Cumulate { step, .. } => (
            format!("open slice of {}", duration(*step)),
            "the end of the largest window with that slice",
        ),
        Window::Session { .. } => ("open session".into(), "its last row plus the gap"),
        Window::Attached { .. } => ("open window".into(), "the window's end"),
    }
}

fn sort_state(spec: &SortSpec) -> String {
    match spec.fetch {
        Some(fetch) => format!(
            "a few times the first {} rows; freed at the end of the input",
            spec.skip.saturating_add(fetch)
        ),
        None => "every row; freed at the end of the input".into(),
    }
}

fn changes(node: &Node) -> String {
    let key = match &node.upsert_key {
        None => String::new(),
        Some(columns) if columns.is_empty() => ", at most one row".into(),
        Some(columns) => {
            let names: Vec<String> = names(&node.schema).collect();
            let names = columns.iter().map(|column| name_at(&names, *column));
            format!(", upsert key {}", listed(names))
        }
    };
    format!("{}{key}", node.changelog)
}

fn calc(node: &Node, spec: &CalcSpec, lines: &mut Vec<Line>) {
    let computed = spec.projection.iter().zip(node.schema.fields());
    let computed = computed.map(|(expr, field)| {
        let expr = text(expr);
        match expr == *field.name() {
            true => expr,
            false => format!("{expr} AS {}", field.name()),
        }
    });
    lines.push(("computes", listed(computed)));
    if let Some(filter) = &spec.filter {
        lines.push(("where", text(filter)));
    }
}

fn watermark(spec: &WatermarkSpec, column: &str, lines: &mut Vec<Line>) {
    lines.push(("watermark", format!("{} for {column}", text(&spec.expr))));
    let step = match spec.step_ms {
        ..=1 => "after every row that advances it".into(),
        step => format!("when it crosses a multiple of {}", duration(step)),
    };
    lines.push(("passed on", step));
    let idle = match spec.idle_timeout_ms {
        Some(timeout) if timeout > 0 => format!("after {} without rows", duration(timeout)),
        _ => "never".into(),
    };
    lines.push(("idle", idle));
    if let Some(future) = spec.max_future_ms {
        let words = format!("more than {} ahead of now is a bad row", duration(future));
        lines.push(("future", words));
    }
}

fn sink(spec: &SinkSpec, columns: &dyn Fn(&[usize]) -> String, lines: &mut Vec<Line>) {
    match &spec.target {
        SinkTarget::Collect => lines.push(("hands over", "rows to whoever runs the query".into())),
        SinkTarget::Table {
            table,
            connector,
            accepts,
        } => {
            use millstream_core::connector::SinkAccepts;
            let accepts = match accepts {
                SinkAccepts::Append => "insertions only",
                SinkAccepts::Upsert => "upserts",
                SinkAccepts::All => "all changes",
            };
            let key = match table.primary_key.as_slice() {
                [] => String::new(),
                key => format!(" by primary key {}", listed(key.iter().cloned())),
            };
            lines.push(("connector", format!("'{connector}', takes {accepts}{key}")));
        }
    }
    if !spec.not_null.is_empty() {
        lines.push(("not null", columns(&spec.not_null)));
    }
}

pub(super) fn window(window: &Window, columns: &dyn Fn(&[usize]) -> String) -> String {
    let shifted = |offset: &i64| match offset {
        0 => String::new(),
        offset => format!(", offset {}", duration(*offset)),
    };
    match window {
        Window::Tumble { size, offset } => {
            format!("TUMBLE(size {}{})", duration(*size), shifted(offset))
        }
        Window::Hop {
            slide,
            size,
            offset,
        } => format!(
            "HOP(slide {}, size {}{})",
            duration(*slide),
            duration(*size),
            shifted(offset)
        ),
        Window::Cumulate { step, size, offset } => format!(
            "CUMULATE(step {}, size {}{})",
            duration(*step),
            duration(*size),
            shifted(offset)
        ),
        Window::Session { gap } => format!("SESSION(gap {})", duration(*gap)),
        Window::Attached { start, end } => {
            let bounds: Vec<usize> = start.iter().copied().chain([*end]).collect();
            format!("of the row: {}", columns(&bounds))
        }
    }
}

fn time_of(
    time: &TimeAttribute,
    zone: Option<&str>,
    columns: &dyn Fn(&[usize]) -> String,
) -> String {
    let zone = zone.map_or(String::new(), |zone| format!(" in zone {zone}"));
    match time {
        TimeAttribute::Event { column } => format!("on {}{zone}", columns(&[*column])),
        TimeAttribute::Processing => format!("on processing time{zone}"),
    }
}

pub(super) fn calls(aggregates: &[AggregateCall], columns: &dyn Fn(&[usize]) -> String) -> String {
    if aggregates.is_empty() {
        return "nothing: one row per key".into();
    }
    listed(aggregates.iter().map(|call| {
        let args = match call.args.is_empty() {
            true => "*".into(),
            false => columns(&call.args),
        };
        let distinct = if call.distinct { "DISTINCT " } else { "" };
        let filter = call.filter.map_or(String::new(), |column| {
            format!(" FILTER (WHERE {})", columns(&[column]))
        });
        let name = call.function.name();
        format!("{name}({distinct}{args}){filter} AS {}", call.field.name())
    }))
}

fn property(property: WindowProperty) -> &'static str {
    match property {
        WindowProperty::Start => "window_start",
        WindowProperty::End => "window_end",
        WindowProperty::Time => "window_time",
    }
}

pub(super) fn keys(names: &str) -> String {
    match names {
        "" => "none: one group".into(),
        names => names.into(),
    }
}

fn limit(skip: u64, fetch: Option<u64>) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(fetch) = fetch {
        lines.push(("limit", fetch.to_string()));
    }
    if skip > 0 {
        lines.push(("offset", skip.to_string()));
    }
    lines
}

fn names(schema: &Schema) -> impl ExactSizeIterator<Item = String> {
    schema.fields().iter().map(|field| field.name().clone())
}

fn name_at(names: &[String], position: usize) -> String {
    let name = names.get(position);
    name.map_or_else(|| format!("#{position}"), |name| cut(name))
}

pub(super) fn listed(words: impl ExactSizeIterator<Item = String>) -> String {
    let count = words.len();
    let mut shown: Vec<String> = words.take(LIST_MAX).collect();
    if count > LIST_MAX {
        shown.push(format!("… {} more", count - LIST_MAX));
    }
    shown.join(", ")
}

/// A length of time in its largest even unit: `90 s`, `2 h`.
pub(super) fn duration(ms: i64) -> String {
    let units = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "min"),
        (1000, "s"),
    ];
    let even = units.iter().find(|(unit, _)| ms != 0 && ms % unit == 0);
    match even {
        Some((unit, name)) => format!("{} {name}", ms / unit),
        None => format!("{ms} ms"),
    }
}
