//! Who owns a job decides the checkpoint folder: what an outside system says of it is taken back while
//! the folder is ours, and is the end if it is not. And a start that has to wait for somebody waits.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use millstream_core::connector::{CommitMarker, CommitOutcome, Transactions};
use millstream_core::{Code, Error, Result};
use millstream_plan::{Exchange, OnError};
use millstream_runtime::{
    CheckpointOptions, JobOptions, JobSummary, Notice, Outcome, StartFrom, start,
};
use millstream_state::store::Owner;
use millstream_state::{CheckpointStore, StoreOptions};

use crate::kit::*;

const NAME: &str = "owned";

/// Carries the commit decision, and fails as it is told.
#[derive(Default)]
struct Agent {
    marker: Mutex<Option<CommitMarker>>,
    /// What the next takeovers, and the next commits, end with.
    recovers: Mutex<VecDeque<Code>>,
    commits: Mutex<VecDeque<Code>>,
    /// Another process claims the job in there, once, in the middle of a commit.
    robbed: Mutex<Option<CheckpointStore>>,
}

fn failure(codes: &Mutex<VecDeque<Code>>) -> Option<Error> {
    let code = codes.lock().unwrap().pop_front()?;
    Some(Error::new(code, "the agent does not want to"))
}

#[async_trait]
impl Transactions for Agent {
    async fn recover(&self, _: &[String]) -> Result<Option<CommitMarker>> {
        match failure(&self.recovers) {
            Some(error) => Err(error),
            None => Ok(self.marker.lock().unwrap().clone()),
        }
    }
    async fn mark(&self, marker: &CommitMarker) -> Result<()> {
        *self.marker.lock().unwrap() = Some(marker.clone());
        Ok(())
    }
    async fn begin(&self) -> Result<()> {
        Ok(())
    }
    async fn commit(&self, marker: &CommitMarker) -> CommitOutcome {
        let robbed = self.robbed.lock().unwrap().take();
        if let Some(store) = robbed {
            let owner = Owner::this_process(0);
            let claimed = store.job(NAME).unwrap().claim(&owner).await;
            assert_eq!(claimed.unwrap().generation(), 2);
        }
        match failure(&self.commits) {
            Some(error) => CommitOutcome::Unknown(error),
            None => {
                *self.marker.lock().unwrap() = Some(marker.clone());
                CommitOutcome::Committed
            }
        }
    }
    async fn abort(&self) -> Result<()> {
        Ok(())
    }
    fn as_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

fn store() -> CheckpointStore {
    CheckpointStore::open("memory://", &StoreOptions::default()).unwrap()
}

/// What came of a job of three rows.
struct Ended {
    ended: Result<JobSummary>,
    restarts: Vec<String>,
    written: usize,
}

async fn ended(store: &CheckpointStore, agent: &Arc<Agent>, begin: StartFrom) -> Ended {
    let mut fake = Fake::with(vec![vec![Act::Rows(vec![(1, 1), (2, 2), (3, 3)])]]);
    fake.agent = Some(Arc::<Agent>::clone(agent) as Arc<dyn Transactions>);
    let fake = leak(fake);
    let mut graph = Graph::new();
    let source = graph.source(1, true, OnError::Fail);
    graph.sink(input(source, Exchange::Forward), 1);
    let environment = environment(fake, |_| Do::Pass);
    let mut options = JobOptions::named(NAME);
    let mut checkpoints = CheckpointOptions::new(store.clone(), None);
    checkpoints.start = begin;
    options.checkpoints = Some(checkpoints);
    options.restart.first_ms = 1;
    let restarts = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&restarts);
    options.notify = Some(Arc::new(move |notice| {
        if let Notice::Restarting { cause, .. } = notice {
            hears.lock().unwrap().push(cause.to_string());
        }
    }));
    let ended = match start(&graph.0, &environment, options).await {
        Ok(job) => job.wait().await,
        Err(error) => Err(error),
    };
    let restarts = restarts.lock().unwrap().clone();
    Ended {
        ended,
        restarts,
        written: fake.store.rows().len(),
    }
}

fn agent(recovers: &[Code], commits: &[Code]) -> Arc<Agent> {
    Arc::new(Agent {
        recovers: Mutex::new(recovers.iter().copied().collect()),
        commits: Mutex::new(commits.iter().copied().collect()),
        ..Agent::default()
    })
}

#[test]
fn what_somebody_took_is_taken_back_while_the_job_is_ours() {
    run(async {
        // In the middle of a commit, and before the first row of a job without any state.
        for agent in [agent(&[], &[Code::Fenced]), agent(&[Code::Fenced], &[])] {
            let job = ended(&store(), &agent, StartFrom::Newest).await;
            assert_eq!(job.ended.unwrap().outcome, Outcome::Finished);
            assert_eq!(job.restarts, ["the agent does not want to"]);
            let marker = agent.marker.lock().unwrap().clone();
            assert!(marker.unwrap().checkpoint > 0);
        }
    });
}

#[test]
fn a_job_that_another_process_has_claimed_stops_and_names_the_other_one() {
    run(async {
        let store = store();
        let agent = agent(&[], &[Code::Fenced, Code::Fenced]);
        *agent.robbed.lock().unwrap() = Some(store.clone());
        let job = ended(&store, &agent, StartFrom::Newest).await;
        let error = job.ended.unwrap_err();
        assert_eq!(error.code(), Code::Fenced);
        let message = error.message();
        let wanted = "generation 1 of job 'owned' was replaced by generation 2 of process";
        assert!(message.starts_with(wanted), "{message}");
        assert!(error.report().contains("the agent does not want to"));
        assert_eq!(job.restarts, Vec::<String>::new());
    });
}

#[test]
fn a_start_waits_for_somebody_who_is_away_only_if_there_is_a_checkpoint() {
    run(async {
        let store = store();
        let away = agent(&[Code::Unavailable], &[]);
        let job = ended(&store, &away, StartFrom::Newest).await;
        assert_eq!(job.ended.unwrap_err().code(), Code::Unavailable);
        assert_eq!(job.restarts, Vec::<String>::new());

        let agent = agent(&[], &[]);
        ended(&store, &agent, StartFrom::Newest)
            .await
            .ended
            .unwrap();
        *agent.recovers.lock().unwrap() = VecDeque::from([Code::Unavailable, Code::CommitUnknown]);
        let job = ended(&store, &agent, StartFrom::Newest).await;
        assert_eq!(job.ended.unwrap().outcome, Outcome::Finished);
        assert_eq!(job.restarts.len(), 2);
        assert_eq!(job.written, 0, "all of it was committed before");

        // What only its owner can correct is told at once.
        agent.recovers.lock().unwrap().push_back(Code::Denied);
        let job = ended(&store, &agent, StartFrom::Newest).await;
        assert_eq!(job.ended.unwrap_err().code(), Code::Denied);
        assert_eq!(job.restarts, Vec::<String>::new());
    });
}

#[test]
fn a_fresh_start_that_had_to_wait_is_still_a_fresh_one() {
    run(async {
        let (store, agent) = (store(), agent(&[], &[]));
        ended(&store, &agent, StartFrom::Newest)
            .await
            .ended
            .unwrap();
        *agent.marker.lock().unwrap() = None;
        agent.recovers.lock().unwrap().push_back(Code::Unavailable);
        let job = ended(&store, &agent, StartFrom::Fresh).await;
        assert_eq!(job.ended.unwrap().outcome, Outcome::Finished);
        assert_eq!(job.restarts.len(), 1);
        assert_eq!(job.written, 3);
    });
}
