//! Access paths: which columns, and which fields inside of them, a set of expressions reads.
//!
//! A row of an event stream is often a struct per event type with ten text fields, of which a
//! query reads two. Expressions are therefore rewritten to read *paths*: plain columns and
//! `get_field(get_field(column, 'a'), 'b')` chains become columns of a narrow batch.
//!
//! ```text
//! input  │ event_type │ bid{auction, price, channel, url, …} │ ts │
//! reads    bid.price * 2, ts        paths  │ bid.price │ ts │
//! ```
//!
//! * Resolving a path copies no value: a field of a struct is the child array, made NULL where a
//!   parent is NULL.
//! * Always: a rewritten expression over the narrow batch equals the original over the input.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions,
    TimestampMillisecondArray,
};
use arrow::compute::FilterPredicate;
use arrow::compute::kernels::nullif::nullif;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{Column, DataFusionError, ScalarValue};
use datafusion_expr::Expr;
use millstream_core::types::LTZ_ZONE;
use millstream_core::{Error, Result};
use millstream_plan::spec::NOW_COLUMN;

/// The narrow batch some expressions read.
pub(crate) struct Paths {
    paths: Vec<Path>,
    schema: SchemaRef,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Path {
    root: Root,
    /// Positions of fields, outermost first.
    fields: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Root {
    Column(usize),
    /// The processing time of the call.
    Now,
}

impl Paths {
    /// Rewrites expressions over `input` into expressions over the narrow batch.
    pub(crate) fn rewrite(exprs: &[Expr], input: &Schema) -> Result<(Paths, Vec<Expr>)> {
        let mut found: Vec<(Path, Field)> = Vec::new();
        let mut rewritten = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let new = expr.clone().transform_down(|node| {
                Ok(match path_of(&node, input)? {
                    Some(path) => Transformed::new(
                        Expr::Column(Column::new_unqualified(index_of(&mut found, path))),
                        true,
                        TreeNodeRecursion::Jump,
                    ),
                    None => Transformed::no(node),
                })
            });
            rewritten.push(new.map_err(|e| Error::internal(e.strip_backtrace()))?.data);
        }
        let (paths, fields): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        let schema = Arc::new(Schema::new(fields));
        Ok((Paths { paths, schema }, rewritten))
    }

    /// Columns of the narrow batch.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The narrow batch for `rows`, keeping the rows of `kept` (all without it).
    pub(crate) fn resolve(
        &self,
        rows: &RecordBatch,
        kept: Option<&FilterPredicate>,
        now_ms: i64,
    ) -> Result<RecordBatch> {
        let num_rows = kept.map_or(rows.num_rows(), FilterPredicate::count);
        let columns = self.paths.iter().map(|path| match path.root {
            Root::Now => Ok(now_column(now_ms, num_rows)),
            Root::Column(column) => {
                let array = walk(rows.column(column), &path.fields)?;
                match kept {
                    Some(kept) => Ok(kept.filter(&array)?),
                    None => Ok(array),
                }
            }
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(num_rows));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns,
            &options,
        )?)
    }
}

/// Name of the path's column in the narrow batch; remembers the path if it is new.
fn index_of(found: &mut Vec<(Path, Field)>, (path, field): (Path, Field)) -> String {
    let index = found.iter().position(|(known, _)| *known == path);
    let index = index.unwrap_or_else(|| {
        let name = format!("p{}", found.len());
        found.push((path, field.with_name(name)));
        found.len() - 1
    });
    format!("p{index}")
}

/// The path an expression is, if it is nothing but a path.
fn path_of(expr: &Expr, input: &Schema) -> Result<Option<(Path, Field)>, DataFusionError> {
    match expr {
        Expr::Column(column) if column.name == NOW_COLUMN => {
            let ty = DataType::Timestamp(TimeUnit::Millisecond, Some(LTZ_ZONE.into()));
            let path = Path {
                root: Root::Now,
                fields: Vec::new(),
            };
            Ok(Some((path, Field::new(NOW_COLUMN, ty, false))))
        }
        Expr::Column(column) => {
            let index = input.index_of(&column.name)?;
            let path = Path {
                root: Root::Column(index),
                fields: Vec::new(),
            };
            Ok(Some((path, input.field(index).clone())))
        }
        Expr::ScalarFunction(call) if call.func.name() == "get_field" => {
            let Some((base, names)) = call.args.split_first() else {
                return Ok(None);
            };
            let Some(start) = path_of(base, input)? else {
                return Ok(None);
            };
            Ok(names.iter().try_fold(start, step_into))
        }
        _ => Ok(None),
    }
}

fn step_into((mut path, field): (Path, Field), name: &Expr) -> Option<(Path, Field)> {
    let Expr::Literal(ScalarValue::Utf8(Some(name)), _) = name else {
        return None;
    };
    let DataType::Struct(children) = field.data_type() else {
        return None;
    };
    let (index, child) = children.find(name)?;
    path.fields.push(index);
    let nullable = field.is_nullable() || child.is_nullable();
    Some((path, child.as_ref().clone().with_nullable(nullable)))
}

fn walk(column: &ArrayRef, fields: &[usize]) -> Result<ArrayRef> {
    let mut array = Arc::clone(column);
    for &field in fields {
        let parent = array.as_struct();
        let child = Arc::clone(parent.column(field));
        array = match parent.nulls().filter(|nulls| nulls.null_count() > 0) {
            // `nullif` shares the values and only computes a new validity bitmap.
            Some(nulls) => nullif(&child, &BooleanArray::new(!nulls.inner(), None))?,
            None => child,
        };
    }
    Ok(array)
}

fn now_column(now_ms: i64, num_rows: usize) -> ArrayRef {
    Arc::new(TimestampMillisecondArray::from_value(now_ms, num_rows).with_timezone(LTZ_ZONE))
}
