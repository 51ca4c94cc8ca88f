//! Window joins: both inputs insert-only, in windows, with equal bounds among the keys.

use millstream_core::Result;

use super::{Side, Translator, is_pair};
use crate::changelog::ChangelogMode;
use crate::graph::OutputKind;
use crate::spec::{JoinKind, JoinSpec, NodeKind, TimeAttribute, WindowJoinSpec};
use crate::translate::rel::{Place, Rel, RelColumn, RelWindow, TimeKind};

/// The window of a join's inputs: positions of its bounds in both.
pub(super) struct JoinWindow {
    starts: [usize; 2],
    ends: [usize; 2],
    time_type: arrow::datatypes::DataType,
}

impl Translator<'_> {
    /// The window both inputs are in, if the keys say that it is the same.
    pub(super) fn window_of_join(
        &self,
        left: &Side,
        right: &Side,
        spec: &JoinSpec,
    ) -> Option<JoinWindow> {
        let attached = |side: &Side| match &side.rel.window {
            Some(RelWindow::Attached {
                start,
                end,
                kind: TimeKind::Event,
                time_type,
            }) if self.graph.node(side.rel.node).changelog.is_insert_only() => {
                Some((*start, *end, time_type.clone()))
            }
            _ => None,
        };
        let (ours, theirs) = (attached(left)?, attached(right)?);
        let is_key = |one: usize, other: usize| {
            let mut pairs = spec.left_keys.iter().zip(&spec.right_keys);
            pairs.any(|(l, r)| (*l, *r) == (one, other))
        };
        let is_same = spec.kind != JoinKind::Mark
            && is_key(ours.0, theirs.0)
            && is_key(ours.1, theirs.1)
            && ours.2 == theirs.2;
        is_same.then_some(JoinWindow {
            starts: [ours.0, theirs.0],
            ends: [ours.1, theirs.1],
            time_type: ours.2,
        })
    }

    pub(super) fn window_join(
        &mut self,
        left: Side,
        right: Side,
        spec: JoinSpec,
        window: JoinWindow,
    ) -> Result<Rel> {
        let sides = [&left, &right];
        let kind = spec.kind;
        let width = self.schema_of(left.rel.node).fields().len();
        let time = TimeAttribute::Event {
            column: window.ends[0],
        };
        let joining = WindowJoinSpec {
            zone: self.zone_for(&time, &window.time_type),
            join: spec.clone(),
            ends: window.ends,
        };
        let node = self.add_join(sides, &spec, ChangelogMode::INSERT_ONLY, |_| {
            NodeKind::WindowJoin(joining)
        });
        let keeps = |side: usize| match side {
            0 => !matches!(kind, JoinKind::Right | JoinKind::Full),
            _ => matches!(kind, JoinKind::Inner | JoinKind::Right),
        };
        // What may be NULL is no time attribute.
        let time = |side: usize, column: &RelColumn| column.time.filter(|_| keeps(side));
        let mut columns = self.join_columns(sides, kind, time)?;
        let named = match (keeps(0), keeps(1) && is_pair(kind)) {
            (true, _) => Some((window.starts[0], window.ends[0])),
            (false, true) => Some((width + window.starts[1], width + window.ends[1])),
            (false, false) => None,
        };
        if kind == JoinKind::Inner {
            // Both have equal bounds: whoever names the right ones means the left ones.
            for column in &mut columns {
                for (ours, theirs) in [
                    (window.starts[0], window.starts[1]),
                    (window.ends[0], window.ends[1]),
                ] {
                    if column.place == Place::At(width + theirs) {
                        column.place = Place::At(ours);
                    }
                }
            }
        }
        let late = super::late_of(sides);
        for table in &late {
            self.side(table, node, OutputKind::Late);
        }
        Ok(Rel {
            node,
            columns,
            window: named.map(|(start, end)| RelWindow::Attached {
                start,
                end,
                kind: TimeKind::Event,
                time_type: window.time_type,
            }),
            late,
            bounded: left.rel.bounded && right.rel.bounded,
        })
    }
}
