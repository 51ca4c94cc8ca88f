//! Window functions: pending until an aggregate takes them, made real where anything else reads.

use arrow::datatypes::{DataType, TimeUnit};
use millstream_core::{Code, Error, Result};

use super::Translator;
use super::rel::{Place, Rel, RelColumn, RelWindow, TimeKind, unique_schema};
use crate::graph::{Exchange, Input, NodeOutput, OutputKind, RuntimeMode};
use crate::logical::WindowNode;
use crate::logical::window::window_fields;
use crate::spec::{NodeKind, TimeAttribute, Window, WindowAssignSpec};

impl Translator<'_> {
    pub(super) fn window(&mut self, input: Rel, node: &WindowNode) -> Result<Rel> {
        let input = self.materialise(input)?;
        let schema = node.input.schema();
        let name = node.time.schema_name().to_string();
        let time_column = input
            .column(&node.time, schema)
            .ok_or_else(|| Error::internal("the time of a window is a column"))?;
        let (time, kind) = self.time_attribute(&input, time_column, &name)?;
        let time_type = self.type_of(&input, time_column)?;
        let partition_by = node
            .partition_by
            .iter()
            .map(|expr| {
                let column = input.column(expr, schema);
                column.map_or_else(
                    || Err(Error::internal("PARTITION BY of a window names columns")),
                    |column| self.position(column),
                )
            })
            .collect::<Result<_>>()?;
        let whole = match input.late.is_empty() || kind == TimeKind::Processing {
            true => Vec::new(),
            false => {
                let columns = input
                    .columns
                    .iter()
                    .filter(|column| column.group_window.is_none());
                columns
                    .map(|column| self.position(*column))
                    .collect::<Result<_>>()?
            }
        };
        // Behind the window the original time is an ordinary timestamp; window_time takes over.
        let mut columns: Vec<RelColumn> = input
            .columns
            .iter()
            .map(|column| RelColumn {
                time: None,
                ..*column
            })
            .collect();
        for (place, time) in [
            (Place::Start, None),
            (Place::End, None),
            (Place::Time, Some(kind)),
        ] {
            columns.push(RelColumn {
                place,
                time,
                group_window: None,
            });
        }
        let window = RelWindow::Pending {
            window: node.window.clone(),
            time,
            time_type,
            partition_by,
            whole,
        };
        Ok(Rel {
            columns,
            window: Some(window),
            ..input
        })
    }

    /// Checks that a column is a time attribute; in batch mode any timestamp is.
    pub(super) fn time_attribute(
        &self,
        rel: &Rel,
        column: RelColumn,
        name: &str,
    ) -> Result<(TimeAttribute, TimeKind)> {
        let ty = self.type_of(rel, column)?;
        let milliseconds = matches!(ty, DataType::Timestamp(TimeUnit::Millisecond, _));
        match column.time {
            Some(TimeKind::Processing) => Ok((TimeAttribute::Processing, TimeKind::Processing)),
            Some(TimeKind::Event) => {
                Ok((TimeAttribute::Event { column: self.position(column)? }, TimeKind::Event))
            }
            None if self.settings.mode == RuntimeMode::Batch && milliseconds => {
                Ok((TimeAttribute::Event { column: self.position(column)? }, TimeKind::Event))
            }
            None => Err(Error::new(
                Code::InvalidPlan,
                format!("a window wants a time attribute, but '{name}' is an ordinary column"),
            )
            .hint(
                "declare WATERMARK FOR it in its table, or use a PROCTIME() column; behind a window \
                 or an aggregate only window_time is a time attribute",
            )),
        }
    }

    /// Makes the columns of a pending window real by multiplying rows.
    pub(super) fn materialise(&mut self, mut rel: Rel) -> Result<Rel> {
        let Some(RelWindow::Pending {
            window,
            time,
            time_type,
            ..
        }) = rel.window.clone()
        else {
            return Ok(rel);
        };
        if matches!(window, Window::Session { .. }) {
            return Err(Error::unsupported(
                "a SESSION window without an aggregate over window_start and window_end is not \
                 supported by this release",
            )
            .hint("GROUP BY window_start, window_end and the PARTITION BY columns"));
        }
        let kind = match time {
            TimeAttribute::Event { .. } => TimeKind::Event,
            TimeAttribute::Processing => TimeKind::Processing,
        };
        let before = self.schema_of(rel.node);
        let width = before.fields().len();
        let added = window_fields(time_type.clone());
        let fields = before.fields().iter().chain(&added);
        let schema = unique_schema(fields.map(|field| (field.name().as_str(), field.as_ref())));
        let from = self.graph.node(rel.node);
        let output = NodeOutput {
            schema,
            parallelism: from.parallelism,
            changelog: from.changelog,
            upsert_key: None,
        };
        let edge = Input {
            from: rel.node,
            output: OutputKind::Main,
            exchange: Exchange::Forward,
        };
        let zone = self.zone_for(&time, &time_type);
        let spec = WindowAssignSpec { window, time, zone };
        rel.node = self
            .graph
            .add(NodeKind::WindowAssign(spec), vec![edge], output);
        for column in &mut rel.columns {
            column.place = match column.place {
                Place::At(position) => Place::At(position),
                Place::Start => Place::At(width),
                Place::End => Place::At(width + 1),
                Place::Time => Place::At(width + 2),
            };
        }
        rel.window = Some(RelWindow::Attached {
            start: width,
            end: width + 1,
            kind,
            time_type,
        });
        Ok(rel)
    }

    /// The zone in which windows are aligned: only instants have one.
    pub(super) fn zone_for(&self, time: &TimeAttribute, time_type: &DataType) -> Option<String> {
        let is_instant = matches!(time_type, DataType::Timestamp(_, Some(_)));
        match time {
            TimeAttribute::Event { .. } if !is_instant => None,
            _ => self.settings.zone.clone(),
        }
    }

    fn type_of(&self, rel: &Rel, column: RelColumn) -> Result<DataType> {
        let position = self.position(column)?;
        Ok(self.schema_of(rel.node).field(position).data_type().clone())
    }
}
