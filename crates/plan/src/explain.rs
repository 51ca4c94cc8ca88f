//! The job graph as text.

use crate::graph::Node;
use crate::spec::{NodeKind, SinkTarget, Window};

/// A node's name for people, such as `Source(bid)` or `TumbleAggregate`.
pub fn title(node: &Node) -> String {
    match &node.kind {
        NodeKind::Source(spec) => format!("Source({})", spec.table.name),
        NodeKind::Values(_) => "Values".into(),
        NodeKind::Calc(_) => "Calc".into(),
        NodeKind::Watermark(_) => "Watermark".into(),
        NodeKind::WindowAssign(spec) => format!("{}Assign", window_word(&spec.window)),
        NodeKind::WindowAggregate(spec) => format!("{}Aggregate", window_word(&spec.window)),
        NodeKind::GroupAggregate(_) => "GroupAggregate".into(),
        NodeKind::Union => "Union".into(),
        NodeKind::Sort(_) => "Sort".into(),
        NodeKind::Limit(_) => "Limit".into(),
        NodeKind::Sink(spec) => match &spec.target {
            SinkTarget::Table { table, .. } => format!("Sink({})", table.name),
            SinkTarget::Collect => "Collect".into(),
        },
    }
}

fn window_word(window: &Window) -> &'static str {
    match window {
        Window::Tumble { .. } => "Tumble",
        Window::Hop { .. } => "Hop",
        Window::Cumulate { .. } => "Cumulate",
        Window::Session { .. } => "Session",
        Window::Attached { .. } => "Window",
    }
}
