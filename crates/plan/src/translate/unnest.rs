//! UNNEST: a node that yields the elements of a collection beside the columns of its row.

use arrow::datatypes::Field;
use datafusion_expr::ExprSchemable;
use millstream_core::Result;
use millstream_core::types::SqlType;

use super::rel::{Rel, RelColumn, unique_schema};
use super::{Translator, from_datafusion};
use crate::graph::{Exchange, Input, NodeOutput, OutputKind};
use crate::logical::UnnestNode;
use crate::spec::{NodeKind, UnnestSpec};

impl Translator<'_> {
    pub(super) fn unnest(&mut self, input: Rel, node: &UnnestNode) -> Result<Rel> {
        let mut rel = self.plain(input, &node.input)?;
        let schema = node.input.schema();
        let collection = self.resolve(&rel, schema, &node.collection)?;
        let (_, field) = node.collection.to_field(schema).map_err(from_datafusion)?;
        let before = self.schema_of(rel.node);
        let mut projection: Vec<(_, Field)> = before
            .fields()
            .iter()
            .map(|f| (super::calc::column(f.name()), f.as_ref().clone()))
            .collect();
        let known = projection.iter().position(|(expr, _)| *expr == collection);
        let column = known.unwrap_or_else(|| {
            projection.push((collection, field.as_ref().clone()));
            projection.len() - 1
        });
        let from = self.add_calc(rel.node, None, projection)?;
        let before = self.schema_of(from);
        let width = before.fields().len();
        let fields = before.fields().iter().chain(node.elements());
        let after = unique_schema(fields.map(|f| (f.name().as_str(), f.as_ref())));
        let spec = UnnestSpec {
            column,
            is_multiset: matches!(SqlType::of(&field), SqlType::Multiset(_)),
            with_ordinality: node.options.with_ordinality,
            is_outer: node.options.is_outer,
        };
        let output = NodeOutput {
            schema: after,
            parallelism: self.parallelism_of(from),
            changelog: self.graph.node(from).changelog,
            upsert_key: None,
        };
        let edge = Input {
            from,
            output: OutputKind::Main,
            exchange: Exchange::Forward,
        };
        rel.node = self.graph.add(NodeKind::Unnest(spec), vec![edge], output);
        let elements = node.elements().count();
        rel.columns
            .extend((width..width + elements).map(RelColumn::at));
        Ok(rel)
    }
}
