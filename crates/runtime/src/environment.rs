//! What a job may use of the outside: everything comes in here, nothing is reached for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use millstream_core::Result;
use millstream_core::clock::SharedClock;
use millstream_core::connector::Connector;
use millstream_core::format::Formats;
use millstream_core::operator::Operator;
use millstream_plan::Node;

use crate::memory::Memory;

/// The connectors of this build, looked up by name.
pub type Connectors = Arc<dyn Fn(&str) -> Result<&'static dyn Connector> + Send + Sync>;

/// Appends one row of a batch to a buffer as JSON: the form in which side outputs keep rows.
pub type JsonRow = fn(&RecordBatch, usize, &mut Vec<u8>) -> Result<()>;

/// Makes the operator of a node, once per subtask.
pub type Operators = Arc<dyn Fn(&OperatorSite<'_>) -> Result<Box<dyn Operator>> + Send + Sync>;

/// What an operator is made for.
pub struct OperatorSite<'a> {
    /// The node; never a source, values or a sink.
    pub node: &'a Node,
    /// Schema of each input, by port.
    pub inputs: &'a [SchemaRef],
    /// Most rows in one batch.
    pub batch_rows: usize,
    /// Number of key groups of the job.
    pub key_groups: u32,
    /// Number of the subtask.
    pub subtask: u32,
    /// The node's name for messages.
    pub name: &'a str,
}

/// What a job may use. Cheap to clone; one serves any number of jobs.
#[derive(Clone)]
pub struct Environment {
    /// The connectors.
    pub connectors: Connectors,
    /// The formats.
    pub formats: Formats,
    /// The operators.
    pub operators: Operators,
    /// The clock.
    pub clock: SharedClock,
    /// How side outputs write rows.
    pub json_row: JsonRow,
    /// Most bytes that wait in each lane between two tasks.
    pub exchange_bytes: usize,
    /// Most bytes of results that wait for whoever started the job.
    pub results_bytes: usize,
    /// How long to sleep at most before looking at the clock again; it may jump.
    pub clock_check: Duration,
    /// The memory of the process.
    pub memory: Arc<Memory>,
    /// Jobs started so far: makes the run ids of one process different.
    pub runs: Arc<AtomicU64>,
}

impl Environment {
    /// Default of `exchange_bytes` and `results_bytes`.
    pub const EXCHANGE_BYTES: usize = 1024 * 1024;

    /// An environment with the usual limits.
    pub fn new(
        connectors: Connectors,
        formats: Formats,
        operators: Operators,
        clock: SharedClock,
        json_row: JsonRow,
    ) -> Self {
        Environment {
            connectors,
            formats,
            operators,
            clock,
            json_row,
            exchange_bytes: Self::EXCHANGE_BYTES,
            results_bytes: Self::EXCHANGE_BYTES,
            clock_check: Duration::from_secs(1),
            memory: Memory::unlimited(),
            runs: Arc::new(AtomicU64::new(0)),
        }
    }

    /// A word of letters and digits that no other run has: time, process, number of the run.
    pub(crate) fn run_id(&self) -> String {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let now = self.clock.now_ms();
        format!("t{now:x}p{:x}r{run:x}", std::process::id())
    }
}
