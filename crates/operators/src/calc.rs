//! Filter and projection: `SELECT projection WHERE filter`, row by row.
//!
//! The filter runs first, on the columns it reads. Only the paths ([`crate::path`]) the projection
//! reads are then compacted, so a row that is dropped costs nothing more, and a wide struct of
//! which one field is used is never copied.
//!
//! * Always: kinds and origin are kept; each row is judged alone (`-U` and `+U` of one update may
//!   fare differently, as in Flink).
//! * Cost: one pass per expression. Without a filter, and when all rows pass, columns that are only
//!   passed on are shared, not copied.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{FilterBuilder, FilterPredicate};
use arrow::datatypes::{SchemaRef, UInt8Type};
use datafusion_expr::Expr;
use millstream_core::id::Port;
use millstream_core::operator::{Operator, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateReader, StateWriter};
use millstream_core::{Error, Result};
use millstream_plan::CalcSpec;

use crate::expr::Compiled;
use crate::path::Paths;

/// Filters and computes.
pub struct Calc {
    filter: Option<Filter>,
    paths: Paths,
    projection: Vec<Column>,
    schema: SchemaRef,
}

struct Filter {
    paths: Paths,
    condition: Compiled,
}

/// Where an output column comes from.
enum Column {
    /// Passed on.
    Path(usize),
    /// Computed.
    Computed(Compiled),
}

/// What a filter left of a batch.
enum Kept {
    Nothing,
    Everything,
    Some(FilterPredicate),
}

impl Calc {
    /// Compiles the expressions of `spec`.
    pub fn new(spec: &CalcSpec, input: &SchemaRef, output: &SchemaRef) -> Result<Self> {
        if spec.projection.len() != output.fields().len() {
            return Err(Error::internal(format!(
                "{} expressions for {} columns",
                spec.projection.len(),
                output.fields().len()
            )));
        }
        let filter = match &spec.filter {
            Some(filter) => Some(Filter::new(filter, input)?),
            None => None,
        };
        let (paths, rewritten) = Paths::rewrite(&spec.projection, input)?;
        let projection = rewritten
            .iter()
            .zip(&spec.projection)
            .map(|(expr, shown)| Column::new(expr, shown, paths.schema()))
            .collect::<Result<_>>()?;
        Ok(Calc {
            filter,
            paths,
            projection,
            schema: Arc::clone(output),
        })
    }

    fn keep(&self, rows: &RecordBatch, now_ms: i64) -> Result<Kept> {
        let Some(filter) = &self.filter else {
            return Ok(Kept::Everything);
        };
        let narrow = filter.paths.resolve(rows, None, now_ms)?;
        let mask = filter.condition.mask(&narrow)?;
        let kept = mask.true_count();
        Ok(if kept == 0 {
            Kept::Nothing
        } else if kept == rows.num_rows() {
            Kept::Everything
        } else {
            // Worth it from two columns on: the mask is turned into slices or indices once.
            Kept::Some(FilterBuilder::new(&mask).optimize().build())
        })
    }

    fn project(&self, narrow: &RecordBatch) -> Result<RecordBatch> {
        let fields = self.schema.fields().iter();
        let columns = self.projection.iter().zip(fields);
        let columns = columns
            .map(|(column, field)| column.array(narrow, field.data_type()))
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(narrow.num_rows()));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns,
            &options,
        )?)
    }
}

impl Operator for Calc {
    fn on_rows(&mut self, _port: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        let now_ms = out.now_ms();
        let predicate = match self.keep(rows.rows(), now_ms)? {
            Kept::Nothing => return Ok(()),
            Kept::Everything => None,
            Kept::Some(predicate) => Some(predicate),
        };
        let narrow = self
            .paths
            .resolve(rows.rows(), predicate.as_ref(), now_ms)?;
        let columns = self.project(&narrow)?;
        let changed = match (rows.kinds(), &predicate) {
            (None, _) => ChangeBatch::inserts(columns),
            (Some(kinds), None) => ChangeBatch::with_kinds(columns, kinds.clone()),
            (Some(kinds), Some(predicate)) => {
                let kinds = predicate.filter(kinds)?;
                ChangeBatch::with_kinds(columns, kinds.as_primitive::<UInt8Type>().clone())
            }
        };
        out.rows(match rows.origin() {
            Some(split) => changed.from_split(split),
            None => changed,
        });
        Ok(())
    }

    fn snapshot(&mut self, _state: &mut dyn StateWriter) -> Result<()> {
        Ok(())
    }

    fn restore(&mut self, _state: &mut dyn StateReader) -> Result<()> {
        Ok(())
    }
}

impl Filter {
    fn new(filter: &Expr, input: &SchemaRef) -> Result<Self> {
        let (paths, rewritten) = Paths::rewrite(std::slice::from_ref(filter), input)?;
        let condition = Compiled::new(&rewritten[0], paths.schema(), filter)?;
        Ok(Filter { paths, condition })
    }
}

impl Column {
    fn new(expr: &Expr, shown: &Expr, narrow: &SchemaRef) -> Result<Self> {
        let mut bare = expr;
        while let Expr::Alias(alias) = bare {
            bare = &alias.expr;
        }
        match bare {
            Expr::Column(column) => Ok(Column::Path(narrow.index_of(&column.name)?)),
            _ => Compiled::new(bare, narrow, shown).map(Column::Computed),
        }
    }

    fn array(&self, narrow: &RecordBatch, wanted: &arrow::datatypes::DataType) -> Result<ArrayRef> {
        match self {
            Column::Path(index) => {
                let array = narrow.column(*index);
                if array.data_type() == wanted {
                    Ok(Arc::clone(array))
                } else {
                    Ok(arrow::compute::cast(array, wanted)?)
                }
            }
            Column::Computed(compiled) => compiled.evaluate(narrow, wanted),
        }
    }
}
