//! Finds out, before the first row, what an earlier life of the job has left behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_core::connector::JobIdentity;
use millstream_core::id::{CheckpointId, NodeId};
use millstream_core::{Error, Result};
use millstream_state::manifest::SplitState;

use super::commit::Committing;
use super::sinks::Sinks;
use crate::incarnation::{FIRST, Plan};
use crate::task::timer::Timer;
use crate::wire::Restored;

/// What a life of a job begins with.
pub(crate) struct Recovered {
    /// Which life of which job it is.
    pub(crate) job: JobIdentity,
    /// Commits its checkpoints.
    pub(crate) committing: Committing,
    /// The state it begins with; `None`: nothing.
    pub(crate) restored: Option<Restored>,
    /// The splits that are finished in it.
    pub(crate) finished: BTreeMap<NodeId, BTreeMap<u32, SplitState>>,
    /// Number of its first checkpoint.
    pub(crate) next: CheckpointId,
}

/// Recovers a job.
pub(crate) async fn recover(plan: &Arc<Plan>) -> Result<Recovered> {
    match &plan.options.checkpoints {
        None => transient(plan).await,
        Some(_) => Err(Error::unsupported("not wired yet")),
    }
}

/// A job that keeps nothing has nothing to find, but its tables are opened in the same way.
async fn transient(plan: &Plan) -> Result<Recovered> {
    let environment = &plan.environment;
    let job = JobIdentity::transient(&environment.run_id());
    let mut sinks = Sinks::open(&plan.graph, environment, &job)?;
    if let Some(transactions) = sinks.transactions() {
        transactions.recover(&[]).await?;
    }
    sinks.recover(&BTreeMap::new()).await?;
    Ok(Recovered {
        committing: Committing {
            sinks,
            acknowledgers: Vec::new(),
            lineage: job.lineage.to_string(),
            store: None,
            timer: Timer::new(Arc::clone(&environment.clock), environment.clock_check),
        },
        job,
        restored: None,
        finished: BTreeMap::new(),
        next: FIRST,
    })
}
