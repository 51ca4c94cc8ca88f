//! A translated relation: how columns of the logical plan are found in the node that makes them.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{Column, DFSchema, internal_err, plan_datafusion_err, plan_err};
use datafusion_expr::Expr;
use millstream_core::id::NodeId;
use millstream_core::{Error, Result};

use super::{Translator, check_expr, from_datafusion};
use crate::logical::SideTable;
use crate::logical::window::WINDOW_COLUMNS;
use crate::spec::{TimeAttribute, Window};

/// A translated relation.
#[derive(Clone, Debug)]
pub(super) struct Rel {
    /// The node that makes its rows.
    pub(super) node: NodeId,
    /// One per column of the logical schema, in its order.
    pub(super) columns: Vec<RelColumn>,
    /// The window of its rows.
    pub(super) window: Option<RelWindow>,
    /// Late-rows tables of the sources below.
    pub(super) late: Vec<Arc<SideTable>>,
    /// True if all sources below end by themselves.
    pub(super) bounded: bool,
}

/// A column of a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RelColumn {
    /// Where its values are.
    pub(super) place: Place,
    /// Set if it is a time attribute.
    pub(super) time: Option<TimeKind>,
    /// Set if it is the row of an older group window: where its fields are. `place` says nothing.
    pub(super) group_window: Option<GroupWindowRow>,
}

/// Where the fields of an older group window's row are, as positions in the node's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupWindowRow {
    /// window_start, window_end, window_time.
    pub(super) fields: [usize; 3],
    /// The kind of window_time.
    pub(super) kind: TimeKind,
}

impl GroupWindowRow {
    /// The position of a field by name.
    pub(super) fn field(&self, name: &str) -> Option<usize> {
        WINDOW_COLUMNS
            .iter()
            .position(|column| *column == name)
            .map(|index| self.fields[index])
    }
}

/// Where the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At this position of the node's output.
    At(usize),
    /// Nowhere yet: a bound of a pending window.
    Start,
    /// See `Start`.
    End,
    /// See `Start`.
    Time,
}

/// The two kinds of time attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeKind {
    /// Watermarks follow it.
    Event,
    /// The processing time.
    Processing,
}

/// The window of a relation's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RelWindow {
    /// Named by a window function, not yet computed: an aggregate may do better than
    /// multiplying rows.
    Pending {
        /// The windows.
        window: Window,
        /// The time, as a position in the node's output.
        time: TimeAttribute,
        /// Type of `window_time`.
        time_type: DataType,
        /// PARTITION BY of SESSION, as positions in the node's output.
        partition_by: Vec<usize>,
        /// If late rows are kept: every column of the relation, so that they are whole.
        whole: Vec<usize>,
    },
    /// In columns of the node's output.
    Attached {
        /// Position of window_start.
        start: usize,
        /// Position of window_end.
        end: usize,
        /// Which time closes it.
        kind: TimeKind,
        /// Type of `window_time`.
        time_type: DataType,
    },
}

impl RelColumn {
    /// An ordinary column.
    pub(super) fn at(position: usize) -> Self {
        RelColumn {
            place: Place::At(position),
            time: None,
            group_window: None,
        }
    }

    /// True if its values are bounds of a pending window.
    pub(super) fn is_virtual(&self) -> bool {
        !matches!(self.place, Place::At(_))
    }
}

impl Rel {
    /// The column an expression is, if it is just a column.
    pub(super) fn column(&self, expr: &Expr, schema: &DFSchema) -> Option<RelColumn> {
        match expr {
            Expr::Alias(alias) => self.column(&alias.expr, schema),
            Expr::Column(column) => schema
                .maybe_index_of_column(column)
                .map(|index| self.columns[index]),
            _ => None,
        }
    }

    /// If `expr` takes a field of an older group window's row: that row and the field's name.
    pub(super) fn group_window_field<'e>(
        &self,
        expr: &'e Expr,
        schema: &DFSchema,
    ) -> Option<(GroupWindowRow, &'e str)> {
        let Expr::ScalarFunction(call) = expr else {
            return None;
        };
        let [row, Expr::Literal(field, _)] = call.args.as_slice() else {
            return None;
        };
        if call.name() != "get_field" {
            return None;
        }
        Some((
            self.column(row, schema)?.group_window?,
            field.try_as_str()??,
        ))
    }

    /// True if `expr` computes with a bound of a pending window.
    pub(super) fn needs_window(&self, expr: &Expr, schema: &DFSchema) -> bool {
        let mut columns = expr.column_refs().into_iter();
        columns.any(|column| {
            schema
                .maybe_index_of_column(column)
                .is_some_and(|index| self.columns[index].is_virtual())
        })
    }

    /// True if the logical columns are exactly the node's output, in order.
    pub(super) fn is_plain(&self, width: usize) -> bool {
        self.columns.len() == width
            && self
                .columns
                .iter()
                .enumerate()
                .all(|(i, c)| c.place == Place::At(i))
    }
}

impl Translator<'_> {
    /// The node's output schema.
    pub(super) fn schema_of(&self, node: NodeId) -> SchemaRef {
        Arc::clone(&self.graph.node(node).schema)
    }

    /// Rewrites a logical expression over `schema` to one over the node's output.
    pub(super) fn resolve(&self, rel: &Rel, schema: &DFSchema, expr: &Expr) -> Result<Expr> {
        check_expr(expr)?;
        let output = self.schema_of(rel.node);
        let real =
            |position: usize| Expr::Column(Column::new_unqualified(output.field(position).name()));
        let resolved = expr.clone().unalias_nested().data.transform_down(|e| {
            if let Some(rewritten) = (self.settings.now)(&e) {
                return Ok(Transformed::yes(rewritten));
            }
            if let Some((row, field)) = rel.group_window_field(&e, schema) {
                let position = row.field(field);
                return position
                    .map(|p| Transformed::yes(real(p)))
                    .ok_or_else(|| plan_datafusion_err!("a group window has no field '{field}'"));
            }
            let Expr::Column(column) = &e else {
                return Ok(Transformed::no(e));
            };
            // Columns such as `$now` are not the plan's.
            let Some(index) = schema.maybe_index_of_column(column) else {
                return Ok(Transformed::no(e));
            };
            match rel.columns[index] {
                RelColumn {
                    group_window: Some(_),
                    ..
                } => plan_err!(
                    "a group window is not a value: use its _START, _END, _ROWTIME or _PROCTIME \
                     function"
                ),
                RelColumn {
                    place: Place::At(position),
                    ..
                } => Ok(Transformed::yes(real(position))),
                _ => internal_err!("a window column was not made real"),
            }
        });
        Ok(resolved.map_err(from_datafusion)?.data)
    }

    /// The position in the node's output of a column that must be real.
    pub(super) fn position(&self, column: RelColumn) -> Result<usize> {
        match column.place {
            Place::At(position) => Ok(position),
            _ => Err(Error::internal("a window column was not made real")),
        }
    }
}

/// The columns of two inputs side by side: names are unique, every column may be NULL.
pub fn pair_schema(left: &Schema, right: &Schema) -> SchemaRef {
    let fields = left.fields().iter().chain(right.fields());
    unique_schema(fields.map(|field| (field.name().as_str(), field.as_ref())))
}

/// A schema with unique names from names and fields; every column may be NULL.
pub(super) fn unique_schema<'f>(
    fields: impl IntoIterator<Item = (&'f str, &'f Field)>,
) -> SchemaRef {
    let mut taken = HashSet::new();
    let fields: Vec<Field> = fields
        .into_iter()
        .map(|(name, field)| {
            let mut unique = name.to_string();
            let mut number = 0;
            while !taken.insert(unique.clone()) {
                unique = format!("{name}{number}");
                number += 1;
            }
            field.clone().with_name(unique).with_nullable(true)
        })
        .collect();
    Arc::new(Schema::new(fields))
}
