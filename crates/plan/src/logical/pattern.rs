//! MATCH_RECOGNIZE as a node of the logical plan.
//!
//! ```text
//! input columns ──reads──▶ time, partition, order, what conditions and measures look at
//!                                    │ by number
//!                                    ▼
//! partition columns, then the values of a match that a projection above makes measures of
//! ```
//!
//! Everything the node reads is an expression over its input, in one list; conditions and measures name
//! those by their number. So the optimizer sees, renames and prunes expressions as it does anywhere,
//! and conditions over several rows, which it would not understand, stay out of its sight.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef};
use datafusion_common::tree_node::TreeNode;
use datafusion_common::{DFSchema, DFSchemaRef, Result, internal_err};
use datafusion_expr::{Expr, ExprSchemable, LogicalPlan, UserDefinedLogicalNodeCore};

use super::scan::ScanSource;
use crate::spec::{AfterMatch, MatchPart, MatchValue, Pattern, PatternCondition};

/// Looks for a pattern in the rows of its input.
#[derive(Clone, Debug)]
pub struct PatternNode {
    /// The rows.
    pub input: LogicalPlan,
    /// What is read of each row: the time, then `partitions` columns, then those of `orders`, then
    /// whatever conditions and values name.
    pub reads: Vec<Expr>,
    /// What it looks for; numbers of columns are those of `reads`.
    pub search: Search,
    schema: DFSchemaRef,
    /// True if some table below keeps its late rows: they are kept whole, so no column is pruned.
    keeps_late: bool,
}

/// What a [`PatternNode`] looks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Search {
    /// How many columns rows are partitioned by.
    pub partitions: usize,
    /// Of the columns that order rows of one time: descending, and NULLs first.
    pub orders: Vec<(bool, bool)>,
    /// The variables and their conditions, in the order of the pattern.
    pub variables: Vec<(String, PatternCondition)>,
    /// The pattern.
    pub pattern: Pattern,
    /// Where the search goes on behind a match.
    pub after_match: AfterMatch,
    /// A match is shorter than this, ms.
    pub within_ms: Option<i64>,
    /// What is known of a match. An aggregate's arguments are one number: that of the whole call.
    pub values: Vec<MatchValue>,
}

impl Search {
    /// Where the columns that order rows begin in `reads`.
    pub fn first_order(&self) -> usize {
        1 + self.partitions
    }
}

impl PatternNode {
    /// A search in the rows of `input`; fails if a partition column's name occurs twice.
    pub fn new(input: LogicalPlan, reads: Vec<Expr>, search: Search) -> Result<Self> {
        let partitions = reads.iter().skip(1).take(search.partitions);
        let mut fields: Vec<FieldRef> = Vec::new();
        for column in partitions {
            let (_, field) = column.to_field(input.schema())?;
            fields.push(field);
        }
        for value in &search.values {
            fields.push(FieldRef::clone(&value.field));
        }
        let schema = DFSchema::from_unqualified_fields(fields.into(), Default::default())?;
        let keeps_late = keeps_late(&input)?;
        Ok(PatternNode {
            input,
            reads,
            search,
            schema: Arc::new(schema),
            keeps_late,
        })
    }

    /// The name and type of the value a match has of an aggregate or a column.
    pub fn field_of(name: &str, like: &Field, what: &MatchPart) -> FieldRef {
        let is_there = matches!(what, MatchPart::Time | MatchPart::Classifier);
        let nullable = !is_there && (matches!(what, MatchPart::Row { .. }) || like.is_nullable());
        Arc::new(like.clone().with_name(name).with_nullable(nullable))
    }
}

/// True if a table below `plan` has a table for its late rows.
fn keeps_late(plan: &LogicalPlan) -> Result<bool> {
    plan.exists(|node| {
        Ok(match node {
            LogicalPlan::TableScan(scan) => scan
                .source
                .downcast_ref::<ScanSource>()
                .is_some_and(|source| source.late.is_some()),
            _ => false,
        })
    })
}

impl PartialEq for PatternNode {
    fn eq(&self, other: &Self) -> bool {
        self.reads == other.reads && self.search == other.search && self.input == other.input
    }
}

impl Eq for PatternNode {}

impl Hash for PatternNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.reads.hash(state);
        self.search.hash(state);
        self.input.hash(state);
    }
}

impl PartialOrd for PatternNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for PatternNode {
    fn name(&self) -> &str {
        "MatchRecognize"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.reads.clone()
    }

    // A row that is filtered away below would close the gap between its neighbours.
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        let fields = self.schema.fields().iter();
        fields.map(|field| field.name().clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables = self.search.variables.iter();
        let names: Vec<&str> = variables.map(|(name, _)| name.as_str()).collect();
        write!(f, "MatchRecognize: {}", self.search.pattern.shown(&names))
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let Ok([input]) = <[LogicalPlan; 1]>::try_from(inputs) else {
            return internal_err!("MATCH_RECOGNIZE has one input");
        };
        if exprs.len() != self.reads.len() {
            return internal_err!("MATCH_RECOGNIZE reads something else than before");
        }
        PatternNode::new(input, exprs, self.search.clone())
    }

    fn necessary_children_exprs(&self, _output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let schema = self.input.schema();
        if self.keeps_late {
            return Some(vec![(0..schema.fields().len()).collect()]);
        }
        let mut needed = Vec::new();
        for expr in &self.reads {
            for column in expr.column_refs() {
                needed.push(schema.maybe_index_of_column(column)?);
            }
        }
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }
}
