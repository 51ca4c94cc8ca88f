//! From a logical plan to a job graph.
//!
//! ```text
//! logical plan (bound, optimised) ──rel──▶ nodes, inputs first ──finish──▶ job graph
//! ```
//!
//! * [`rel`]: a translated relation: its node, where each logical column is, which are time
//!   attributes, which window its rows are in.
//! * [`source`], [`calc`], [`window`], [`aggregate`], [`join`], [`order`], [`rank`], [`sink`]: one file per family.
//! * [`finish`]: what only the whole graph knows: steps of watermarks, who wants `-U`.
//!
//! Always: a node's column names are unique; expressions name columns of their input without a
//! qualifier; columns of a graph may all be NULL (what may not is checked at the sink).

mod aggregate;
mod calc;
mod constant;
mod finish;
mod join;
mod order;
mod over;
mod pattern;
mod rank;
mod rel;
mod sink;
mod source;
mod unnest;
mod window;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_expr::{Expr, LogicalPlan};
use millstream_core::id::NodeId;
use millstream_core::{Code, Error, Result};

pub(crate) use self::calc::column;
use self::rel::Rel;
pub use self::rel::pair_schema;
pub use self::sink::{ConflictRules, InsertTarget, Materialize};
use crate::graph::{JobGraph, RuntimeMode};
use crate::logical::{PatternNode, SideTable, UnnestNode, VersionNode, WatermarkNode, WindowNode};
use crate::settings::JobSettings;
use crate::share;

/// What a translation needs to know besides the plan.
pub struct Settings<'a> {
    /// Name of the job.
    pub name: String,
    /// Number of subtasks of whatever can run in parallel.
    pub parallelism: u32,
    /// Number of key groups.
    pub key_groups: u32,
    /// Most rows in a batch.
    pub batch_rows: usize,
    /// Streaming or batch.
    pub mode: RuntimeMode,
    /// How the job lives.
    pub job: JobSettings,
    /// The session's zone (IANA) if it is not UTC.
    pub zone: Option<String>,
    /// Rewrites a call of a current-time function to an expression over
    /// [`NOW_COLUMN`](crate::spec::NOW_COLUMN); `None` for anything else.
    pub now: &'a dyn Fn(&Expr) -> Option<Expr>,
}

/// Translates the statements of one job.
pub struct Translator<'a> {
    settings: Settings<'a>,
    graph: JobGraph,
    /// Side outputs by the name of the table that receives them.
    sides: BTreeMap<String, (Arc<SideTable>, Vec<crate::graph::Input>)>,
}

impl<'a> Translator<'a> {
    /// A translator for one job.
    pub fn new(settings: Settings<'a>) -> Self {
        let graph = JobGraph {
            name: settings.name.clone(),
            nodes: Vec::new(),
            key_groups: settings.key_groups,
            mode: settings.mode,
            batch_rows: settings.batch_rows,
            settings: settings.job.clone(),
        };
        Translator {
            settings,
            graph,
            sides: BTreeMap::new(),
        }
    }

    /// Adds a query whose rows go to whoever starts the job.
    pub fn collect(&mut self, plan: &LogicalPlan) -> Result<()> {
        let rel = self.rel(plan)?;
        self.collect_sink(rel, plan)
    }

    /// Adds a query whose rows go to a table; its columns are already those of the table.
    pub fn insert(&mut self, plan: &LogicalPlan, target: InsertTarget) -> Result<()> {
        let rel = self.rel(plan)?;
        self.table_sink(rel, plan, target)
    }

    /// The whole job.
    pub fn finish(mut self) -> Result<JobGraph> {
        self.add_side_sinks()?;
        share::share(&mut self.graph);
        finish::finish(&mut self.graph);
        Ok(self.graph)
    }

    fn rel(&mut self, plan: &LogicalPlan) -> Result<Rel> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::Projection(node) => {
                let input = match node.input.as_ref() {
                    LogicalPlan::Filter(filter) => self.top_n(filter, Some(&node.expr))?,
                    _ => None,
                };
                let input = match input {
                    Some(input) => input,
                    None => self.rel(&node.input)?,
                };
                self.project(input, node.input.schema(), &node.expr, &node.schema)
            }
            LogicalPlan::Filter(node) => {
                if let Some(rel) = self.top_n(node, None)? {
                    return Ok(rel);
                }
                let input = self.rel(&node.input)?;
                self.filter(input, node.input.schema(), &node.predicate)
            }
            LogicalPlan::SubqueryAlias(node) => self.rel(&node.input),
            LogicalPlan::Aggregate(node) => {
                let input = self.rel(&node.input)?;
                self.aggregate(input, node)
            }
            LogicalPlan::Window(node) => self.over(node),
            LogicalPlan::Join(node) => self.join(node),
            LogicalPlan::Union(node) => self.union(node),
            LogicalPlan::Values(node) => self.values(node),
            LogicalPlan::EmptyRelation(node) => self.empty(node),
            LogicalPlan::Sort(node) => self.sort(node, 0, None),
            LogicalPlan::Limit(node) => self.limit(node),
            LogicalPlan::Extension(node) => self.extension(node.node.as_any()),
            other => Err(refusal(other)),
        }
    }

    fn extension(&mut self, node: &dyn std::any::Any) -> Result<Rel> {
        if let Some(node) = node.downcast_ref::<WatermarkNode>() {
            let input = self.rel(&node.input)?;
            return self.watermark(input, node);
        }
        if let Some(node) = node.downcast_ref::<UnnestNode>() {
            let input = self.rel(&node.input)?;
            return self.unnest(input, node);
        }
        if node.downcast_ref::<VersionNode>().is_some() {
            return Err(Error::unsupported(
                "FOR SYSTEM_TIME AS OF anywhere but on the right side of a join is not supported",
            )
            .hint("JOIN t FOR SYSTEM_TIME AS OF l.ts AS t ON .."));
        }
        if let Some(node) = node.downcast_ref::<WindowNode>() {
            let input = self.rel(&node.input)?;
            return self.window(input, node);
        }
        if let Some(node) = node.downcast_ref::<PatternNode>() {
            let input = self.rel(&node.input)?;
            return self.pattern(input, node);
        }
        Err(Error::internal("an unknown node in the logical plan"))
    }

    fn parallelism_of(&self, node: NodeId) -> u32 {
        self.graph.node(node).parallelism
    }
}

/// Why a node of the logical plan does not run.
fn refusal(plan: &LogicalPlan) -> Error {
    let what = match plan {
        LogicalPlan::Unnest(_) => "UNNEST",
        LogicalPlan::Subquery(_) => "a subquery in an expression",
        LogicalPlan::RecursiveQuery(_) => "a recursive query",
        LogicalPlan::Distinct(_) => "DISTINCT ON",
        _ => return Error::unsupported(format!("'{}' is not supported", plan.display())),
    };
    Error::unsupported(format!("{what} is not supported by this release"))
        .hint("docs/reference/sql.md lists what runs today")
}

/// Refuses expressions that only later releases run.
fn check_expr(expr: &Expr) -> Result<()> {
    let mut refused = None;
    expr.apply(|e| {
        refused = match e {
            Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) => {
                Some("a subquery in an expression")
            }
            Expr::WindowFunction(_) => Some("an OVER aggregate"),
            Expr::GroupingSet(_) => Some("GROUPING SETS, ROLLUP or CUBE"),
            Expr::OuterReferenceColumn(..) => Some("a correlated subquery"),
            Expr::Unnest(_) => Some("UNNEST"),
            _ => None,
        };
        Ok(if refused.is_some() {
            TreeNodeRecursion::Stop
        } else {
            TreeNodeRecursion::Continue
        })
    })
    .map_err(from_datafusion)?;
    match refused {
        Some(what) => Err(
            Error::unsupported(format!("{what} is not supported by this release"))
                .hint("docs/reference/sql.md lists what runs today"),
        ),
        None => Ok(()),
    }
}

/// Our error inside a DataFusion error, or one of the plan.
pub fn from_datafusion(error: datafusion_common::DataFusionError) -> Error {
    use datafusion_common::DataFusionError as D;
    match error {
        D::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(other) => Error::new(Code::InvalidPlan, other.to_string()),
        },
        D::Context(_, inner) | D::Diagnostic(_, inner) => from_datafusion(*inner),
        other => Error::new(Code::InvalidPlan, other.strip_backtrace()),
    }
}
