//! Aggregates: over windows where the query groups by a window's bounds, else per key for ever.
//!
//! ```text
//! input ──calc: keys, arguments, filters, time──▶ exchange by key ──▶ (window) aggregate
//! ```

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion_common::DFSchema;
use datafusion_expr::expr::AggregateFunction as AggregateExpr;
use datafusion_expr::logical_plan::Aggregate as AggregateNode;
use datafusion_expr::{Expr, ExprSchemable};
use millstream_core::id::NodeId;
use millstream_core::{Error, Result};

use super::calc::column;
use super::rel::{GroupWindowRow, Place, Rel, RelColumn, RelWindow, TimeKind, unique_schema};
use super::{Translator, from_datafusion};
use crate::changelog::ChangelogMode;
use crate::graph::{Exchange, Input, NodeOutput, OutputKind, RuntimeMode};
use crate::logical::aggregate::Aggregate;
use crate::logical::group_window;
use crate::logical::window::window_fields;
use crate::spec::{
    AggregateCall, AggregateFunction, GroupAggregateSpec, NodeKind, TimeAttribute, Window,
    WindowAggregateSpec, WindowProperty,
};

/// What one GROUP BY expression is.
enum Group {
    /// A key: its position among the keys.
    Key(usize),
    /// A bound of the window.
    Property(WindowProperty),
    /// The row of an older group window.
    Row,
}

/// The window of an aggregate, with positions in its input.
struct AggregateWindow {
    window: Window,
    time: TimeAttribute,
    time_type: DataType,
    kind: TimeKind,
}

/// The columns an aggregate reads; equal expressions share one.
#[derive(Default)]
pub(super) struct Columns(pub(super) Vec<(Expr, Field)>);

impl Columns {
    pub(super) fn add(&mut self, expr: Expr, field: &Field) -> usize {
        self.0
            .iter()
            .position(|(known, _)| *known == expr)
            .unwrap_or_else(|| {
                self.0.push((expr, field.clone()));
                self.0.len() - 1
            })
    }
}

impl Translator<'_> {
    pub(super) fn aggregate(&mut self, input: Rel, node: &AggregateNode) -> Result<Rel> {
        let schema = node.input.schema();
        let input = match groups_by_window(&input, &node.group_expr, schema) {
            true => input,
            false => self.materialise(input)?,
        };
        let mut columns = Columns::default();
        let mut keys = Vec::new();
        let mut groups = Vec::with_capacity(node.group_expr.len());
        let windowed = groups_by_window(&input, &node.group_expr, schema);
        for (expr, field) in node.group_expr.iter().zip(node.schema.fields()) {
            groups.push(match self.window_group(&input, expr, schema, windowed) {
                Some(group) => group,
                None => {
                    let expr = self.resolve(&input, schema, expr)?;
                    let position = columns.add(expr, field);
                    let known = keys.iter().position(|key| *key == position);
                    Group::Key(known.unwrap_or_else(|| {
                        keys.push(position);
                        keys.len() - 1
                    }))
                }
            });
        }
        let calls = node.aggr_expr.iter().enumerate();
        let aggregates = calls
            .map(|(index, expr)| {
                let field = node.schema.field(node.group_expr.len() + index);
                self.call(&input, schema, expr, field, &mut columns)
            })
            .collect::<Result<Vec<_>>>()?;
        let window =
            self.aggregate_window(&input, &node.group_expr, schema, windowed, &mut columns)?;
        let Rel {
            node: from,
            late,
            bounded,
            ..
        } = input;
        let from = self.add_calc(from, None, columns.0)?;
        let mut rel = match window {
            Some(window) => self.window_aggregate(from, keys, aggregates, &groups, window, late)?,
            None => self.group_aggregate(from, keys, aggregates, &groups)?,
        };
        rel.bounded = bounded;
        Ok(rel)
    }

    fn window_group(
        &self,
        input: &Rel,
        expr: &Expr,
        schema: &DFSchema,
        windowed: bool,
    ) -> Option<Group> {
        if group_window::of_expr(unaliased(expr)).is_some() {
            return Some(Group::Row);
        }
        let place = input.column(expr, schema)?.place;
        match (place, &input.window) {
            (Place::Start, _) => Some(Group::Property(WindowProperty::Start)),
            (Place::End, _) => Some(Group::Property(WindowProperty::End)),
            (Place::Time, _) => Some(Group::Property(WindowProperty::Time)),
            (Place::At(at), Some(RelWindow::Attached { start, end, .. })) if windowed => {
                if at == *start {
                    Some(Group::Property(WindowProperty::Start))
                } else if at == *end {
                    Some(Group::Property(WindowProperty::End))
                } else {
                    let time = input.column(expr, schema)?.time;
                    time.map(|_| Group::Property(WindowProperty::Time))
                }
            }
            _ => None,
        }
    }

    /// The window the query groups by, with the columns it reads added to `columns`.
    fn aggregate_window(
        &self,
        input: &Rel,
        groups: &[Expr],
        schema: &DFSchema,
        windowed: bool,
        columns: &mut Columns,
    ) -> Result<Option<AggregateWindow>> {
        let output = self.schema_of(input.node);
        let mut read = |position: usize| {
            let field = output.field(position);
            columns.add(column(field.name()), field)
        };
        let mut older = groups
            .iter()
            .filter_map(|expr| group_window::of_expr(unaliased(expr)));
        if let Some(found) = older.next() {
            if older.next().is_some() {
                return Err(Error::unsupported(
                    "GROUP BY two group windows is not supported",
                ));
            }
            let (time, window) = found?;
            let name = time.schema_name().to_string();
            let Some(at) = input.column(time, schema) else {
                return Err(Error::new(
                    millstream_core::Code::InvalidPlan,
                    format!("a group window wants a time attribute, found '{name}'"),
                ));
            };
            let (time, kind) = self.time_attribute(input, at, &name)?;
            let time_type = output.field(self.position(at)?).data_type().clone();
            let time = moved(time, read);
            return Ok(Some(AggregateWindow {
                window,
                time,
                time_type,
                kind,
            }));
        }
        match &input.window {
            Some(RelWindow::Pending {
                window,
                time,
                time_type,
                whole,
                ..
            }) if windowed => {
                let kind = match time {
                    TimeAttribute::Event { .. } => TimeKind::Event,
                    TimeAttribute::Processing => TimeKind::Processing,
                };
                let time = moved(time.clone(), &mut read);
                // The operator does not need these; a late row takes them along.
                for position in whole {
                    read(*position);
                }
                Ok(Some(AggregateWindow {
                    window: window.clone(),
                    time,
                    time_type: time_type.clone(),
                    kind,
                }))
            }
            Some(RelWindow::Attached {
                start,
                end,
                kind,
                time_type,
            }) if windowed => {
                let (start, end) = (read(*start), read(*end));
                let time = match kind {
                    TimeKind::Event => TimeAttribute::Event { column: end },
                    TimeKind::Processing => TimeAttribute::Processing,
                };
                Ok(Some(AggregateWindow {
                    window: Window::Attached {
                        start: Some(start),
                        end,
                    },
                    time,
                    time_type: time_type.clone(),
                    kind: *kind,
                }))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn call(
        &self,
        input: &Rel,
        schema: &DFSchema,
        expr: &Expr,
        field: &FieldRef,
        columns: &mut Columns,
    ) -> Result<AggregateCall> {
        let Expr::AggregateFunction(AggregateExpr { func, params }) = unaliased(expr) else {
            return Err(Error::internal(format!("'{expr}' is not an aggregate")));
        };
        let Some(known) = (func.inner().as_ref() as &dyn std::any::Any).downcast_ref::<Aggregate>()
        else {
            return Err(Error::unsupported(format!(
                "the aggregate '{}'",
                func.name()
            )));
        };
        if !params.order_by.is_empty() {
            return Err(Error::unsupported(format!(
                "ORDER BY within {}",
                func.name()
            )));
        }
        let mut arguments = params.args.as_slice();
        let mut function = known.function().clone();
        if let (AggregateFunction::ListAgg { separator }, [value, text]) =
            (&mut function, arguments)
        {
            *separator = match unaliased(text) {
                Expr::Literal(text, _) => text.try_as_str().flatten().unwrap_or(",").into(),
                _ => {
                    return Err(Error::unsupported(
                        "LISTAGG with a separator that is no literal",
                    ));
                }
            };
            arguments = std::slice::from_ref(value);
        }
        // COUNT(*) and COUNT(1) count rows.
        let counts_rows = function == AggregateFunction::Count
            && !params.distinct
            && matches!(arguments, [Expr::Literal(value, _)] if !value.is_null());
        if counts_rows {
            arguments = &[];
        }
        let mut read = |expr: &Expr| -> Result<usize> {
            let (_, field) = expr.to_field(schema).map_err(from_datafusion)?;
            Ok(columns.add(self.resolve(input, schema, expr)?, &field))
        };
        Ok(AggregateCall {
            args: arguments.iter().map(&mut read).collect::<Result<_>>()?,
            distinct: params.distinct,
            filter: params
                .filter
                .as_ref()
                .map(|filter| read(filter))
                .transpose()?,
            function,
            field: std::sync::Arc::clone(field),
        })
    }

    fn window_aggregate(
        &mut self,
        from: NodeId,
        keys: Vec<usize>,
        aggregates: Vec<AggregateCall>,
        groups: &[Group],
        window: AggregateWindow,
        late: Vec<std::sync::Arc<crate::logical::SideTable>>,
    ) -> Result<Rel> {
        let properties = wanted_properties(groups);
        let before = self.schema_of(from);
        let added = window_fields(window.time_type.clone());
        let property_field = |property: &WindowProperty| match property {
            WindowProperty::Start => added[0].as_ref(),
            WindowProperty::End => added[1].as_ref(),
            WindowProperty::Time => added[2].as_ref(),
        };
        let fields = keys
            .iter()
            .map(|key| before.field(*key))
            .chain(aggregates.iter().map(|call| call.field.as_ref()))
            .chain(properties.iter().map(property_field));
        let schema = unique_schema(fields.map(|field| (field.name().as_str(), field)));
        let first_property = keys.len() + aggregates.len();
        let at = |property: WindowProperty| {
            let place = properties.iter().position(|known| *known == property);
            first_property + place.expect("every grouped property is put out")
        };
        let mut columns: Vec<RelColumn> = groups
            .iter()
            .map(|group| match group {
                Group::Key(key) => RelColumn::at(*key),
                Group::Property(WindowProperty::Time) => RelColumn {
                    time: Some(window.kind),
                    ..RelColumn::at(at(WindowProperty::Time))
                },
                Group::Property(property) => RelColumn::at(at(*property)),
                Group::Row => {
                    let fields = [
                        WindowProperty::Start,
                        WindowProperty::End,
                        WindowProperty::Time,
                    ];
                    let row = GroupWindowRow {
                        fields: fields.map(at),
                        kind: window.kind,
                    };
                    RelColumn {
                        group_window: Some(row),
                        ..RelColumn::at(at(WindowProperty::Start))
                    }
                }
            })
            .collect();
        columns.extend((0..aggregates.len()).map(|index| RelColumn::at(keys.len() + index)));
        let has = |property| properties.contains(&property);
        let attached = has(WindowProperty::Start) && has(WindowProperty::End);
        let rel_window = attached.then(|| RelWindow::Attached {
            start: at(WindowProperty::Start),
            end: at(WindowProperty::End),
            kind: window.kind,
            time_type: window.time_type.clone(),
        });
        let is_event = window.kind == TimeKind::Event;
        let mut upsert_key: Vec<usize> = (0..keys.len()).collect();
        upsert_key.extend(first_property..first_property + properties.len());
        let (exchange, parallelism) = self.keyed(from, &keys);
        let spec = WindowAggregateSpec {
            zone: self.zone_for(&window.time, &window.time_type),
            window: window.window,
            time: window.time,
            keys,
            aggregates,
            properties,
            input_updates: !self.graph.node(from).changelog.is_insert_only(),
        };
        let output = NodeOutput {
            schema,
            parallelism,
            changelog: ChangelogMode::INSERT_ONLY,
            upsert_key: Some(upsert_key),
        };
        let input = Input {
            from,
            output: OutputKind::Main,
            exchange,
        };
        let node = self
            .graph
            .add(NodeKind::WindowAggregate(spec), vec![input], output);
        if is_event {
            late.iter()
                .for_each(|table| self.side(table, node, OutputKind::Late));
        }
        Ok(Rel {
            node,
            columns,
            window: rel_window,
            late,
            bounded: false,
        })
    }

    fn group_aggregate(
        &mut self,
        from: NodeId,
        keys: Vec<usize>,
        aggregates: Vec<AggregateCall>,
        groups: &[Group],
    ) -> Result<Rel> {
        let before = self.schema_of(from);
        let fields = keys
            .iter()
            .map(|key| before.field(*key))
            .chain(aggregates.iter().map(|call| call.field.as_ref()));
        let schema = unique_schema(fields.map(|field| (field.name().as_str(), field)));
        let mut columns: Vec<RelColumn> = groups
            .iter()
            .map(|group| match group {
                Group::Key(key) => Ok(RelColumn::at(*key)),
                _ => Err(Error::internal("a window column without a window")),
            })
            .collect::<Result<_>>()?;
        columns.extend((0..aggregates.len()).map(|index| RelColumn::at(keys.len() + index)));
        let input_updates = !self.graph.node(from).changelog.is_insert_only();
        let at_end_only = self.settings.mode == RuntimeMode::Batch;
        let changelog = if at_end_only || (aggregates.is_empty() && !input_updates) {
            ChangelogMode::INSERT_ONLY
        } else {
            ChangelogMode {
                update_after: true,
                update_before: true,
                delete: input_updates,
            }
        };
        let upsert_key = Some((0..keys.len()).collect());
        let (exchange, parallelism) = self.keyed(from, &keys);
        let spec = GroupAggregateSpec {
            keys,
            aggregates,
            emit_update_before: true,
            at_end_only,
            input_updates,
        };
        let output = NodeOutput {
            schema,
            parallelism,
            changelog,
            upsert_key,
        };
        let input = Input {
            from,
            output: OutputKind::Main,
            exchange,
        };
        let node = self
            .graph
            .add(NodeKind::GroupAggregate(spec), vec![input], output);
        Ok(Rel {
            node,
            columns,
            window: None,
            late: Vec::new(),
            bounded: false,
        })
    }

    /// How rows reach an operator with these keys, and its parallelism.
    pub(super) fn keyed(&self, from: NodeId, keys: &[usize]) -> (Exchange, u32) {
        let parallelism = self.settings.parallelism.min(self.settings.key_groups);
        if keys.is_empty() || parallelism == 1 {
            let alone = self.parallelism_of(from) == 1;
            return (
                if alone {
                    Exchange::Forward
                } else {
                    Exchange::Single
                },
                1,
            );
        }
        (Exchange::Hash(keys.to_vec()), parallelism)
    }
}

/// True if the expressions hold both bounds of the relation's window, or an older group window.
fn groups_by_window(input: &Rel, groups: &[Expr], schema: &DFSchema) -> bool {
    let has = |wanted: Place| {
        groups
            .iter()
            .any(|e| input.column(e, schema).is_some_and(|c| c.place == wanted))
    };
    match &input.window {
        Some(RelWindow::Pending { .. }) => has(Place::Start) && has(Place::End),
        Some(RelWindow::Attached { start, end, .. }) => {
            has(Place::At(*start)) && has(Place::At(*end))
        }
        None => false,
    }
}

fn wanted_properties(groups: &[Group]) -> Vec<WindowProperty> {
    let all = [
        WindowProperty::Start,
        WindowProperty::End,
        WindowProperty::Time,
    ];
    let wanted = |property: &WindowProperty| {
        groups.iter().any(|group| match group {
            Group::Row => true,
            Group::Property(grouped) => grouped == property,
            Group::Key(_) => false,
        })
    };
    all.into_iter().filter(wanted).collect()
}

fn moved(time: TimeAttribute, mut read: impl FnMut(usize) -> usize) -> TimeAttribute {
    match time {
        TimeAttribute::Event { column } => TimeAttribute::Event {
            column: read(column),
        },
        TimeAttribute::Processing => TimeAttribute::Processing,
    }
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}
