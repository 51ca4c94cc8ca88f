//! What EXPLAIN says of nodes that order rows.

use super::details::{Line, calls, duration, keys, listed};
use crate::spec::{
    DeduplicateSpec, FrameStart, NodeKind, OverFunction, OverOrder, OverSpec, RankSpec, SortKey,
    TimeAttribute,
};

/// Names of columns, by position.
type Columns<'a> = &'a dyn Fn(&[usize]) -> String;

/// What such a node does.
pub(super) fn lines(kind: &NodeKind, columns: Columns<'_>) -> Vec<Line> {
    match kind {
        NodeKind::Rank(spec) => rank(spec, columns),
        NodeKind::Deduplicate(spec) => {
            let time = match &spec.time {
                TimeAttribute::Event { column } => format!("the least {}", columns(&[*column])),
                TimeAttribute::Processing => "the first to come".into(),
            };
            vec![("keys", keys(&columns(&spec.keys))), ("keeps", time)]
        }
        NodeKind::Over(spec) => over(spec, columns),
        NodeKind::TimeSort(spec) => vec![("order", order(&spec.keys, false, columns))],
        _ => Vec::new(),
    }
}

/// What such a node keeps, and what frees it.
pub(super) fn state(kind: &NodeKind) -> Option<String> {
    match kind {
        NodeKind::Rank(spec) => Some(rank_state(spec)),
        NodeKind::Deduplicate(DeduplicateSpec { time, .. }) => Some(match time {
            TimeAttribute::Processing => {
                "every key; never freed, so it grows with the number of keys".into()
            }
            TimeAttribute::Event { .. } => "every key, and its first row until the watermark \
                 passes it; keys are never freed, so it grows with their number"
                .into(),
        }),
        NodeKind::Over(spec) => Some(over_state(spec)),
        NodeKind::TimeSort(_) => Some("rows until the watermark passes them".into()),
        _ => None,
    }
}

fn rank(spec: &RankSpec, columns: Columns<'_>) -> Vec<Line> {
    let partition = match spec.partition_by.as_slice() {
        [] => "none: one partition".into(),
        keys => columns(keys),
    };
    let range = match (spec.first, spec.last) {
        (first, last) if last < first => "none".into(),
        (1, last) => format!("the first {last}"),
        (first, last) => format!("number {first} to {last}"),
    };
    let number = if spec.with_number { ", numbered" } else { "" };
    vec![
        ("partition", partition),
        ("order", order(&spec.order_by, spec.newest_first, columns)),
        ("keeps", format!("{range}{number}")),
    ]
}

fn rank_state(spec: &RankSpec) -> String {
    let per = if spec.partition_by.is_empty() {
        ""
    } else {
        " per partition"
    };
    if spec.window.is_some() {
        return format!(
            "the first {} rows{per}; freed when the watermark passes the window's end",
            spec.last
        );
    }
    match spec.input_updates {
        false => format!(
            "the first {} rows{per}; never freed, so it grows with the number of partitions",
            spec.last
        ),
        true => "every row of the input; freed when it is taken back, so it grows with it".into(),
    }
}

fn over(spec: &OverSpec, columns: Columns<'_>) -> Vec<Line> {
    let partition = match spec.partition_by.as_slice() {
        [] => "none: one partition".into(),
        keys => columns(keys),
    };
    let order = match &spec.order {
        OverOrder::Time(TimeAttribute::Event { column }) => columns(&[*column]),
        OverOrder::Time(TimeAttribute::Processing) => "processing time".into(),
        OverOrder::Columns(keys) => order(keys, false, columns),
    };
    let start = match spec.frame.start {
        FrameStart::Unbounded => "UNBOUNDED".into(),
        FrameStart::Rows(rows) => rows.to_string(),
        FrameStart::Millis(span) => duration(span),
    };
    let unit = if spec.frame.by_rows { "ROWS" } else { "RANGE" };
    let computes = spec.calls.iter().map(|call| match &call.function {
        OverFunction::Aggregate(call) => calls(std::slice::from_ref(call), columns),
        OverFunction::Lag { column, .. } => {
            format!("LAG({}) AS {}", columns(&[*column]), call.field.name())
        }
        other => format!("{}() AS {}", other.name(), call.field.name()),
    });
    vec![
        ("partition", partition),
        ("order", order),
        ("frame", format!("{unit} {start} PRECEDING")),
        ("computes", listed(computes)),
    ]
}

fn over_state(spec: &OverSpec) -> String {
    let waits = match spec.order {
        OverOrder::Columns(_) => {
            return "every row; freed when it is taken back, so it grows with the input".into();
        }
        OverOrder::Time(TimeAttribute::Event { .. }) => "rows until the watermark passes them, ",
        OverOrder::Time(TimeAttribute::Processing) => "",
    };
    let frames = match spec.frame.start {
        FrameStart::Unbounded => "never freed, so it grows with the number of partitions",
        FrameStart::Rows(_) => {
            "and the rows of its frame; never freed, so it grows with the number of partitions"
        }
        FrameStart::Millis(_) => "and the rows of its frame; freed when time passes its end",
    };
    format!("{waits}the values of each partition; {frames}")
}

/// An order with its ties.
pub(super) fn order(keys: &[SortKey], newest_first: bool, columns: Columns<'_>) -> String {
    let by = keys.iter().map(|key| {
        let order = if key.descending { "DESC" } else { "ASC" };
        let nulls = if key.nulls_first { "FIRST" } else { "LAST" };
        format!("{} {order} NULLS {nulls}", columns(&[key.column]))
    });
    let arrival = if newest_first {
        "arrival DESC"
    } else {
        "arrival"
    };
    match keys {
        [] => arrival.into(),
        _ => format!("{}, {arrival}", listed(by)),
    }
}
