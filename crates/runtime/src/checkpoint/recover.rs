//! Finds out, before the first row, what an earlier life of the job has left behind.
//!
//! ```text
//! claim the generation ─▶ open the tables ─▶ fence their transactions, read the marker
//!       ▲                                        │
//!       └── new lineage, settled: again ◀── observe the store, decide
//!                                                │
//!                     start empty, or restore: finish what was committed, then begin
//! ```
//!
//! The decision is `millstream_protocol::recover::decide`; here it is given what it asks for, and
//! what it says is done, in its order. After this function nothing of an earlier life can change
//! anything any more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use millstream_core::connector::{CommitMarker, Committable, JobIdentity, Transactions};
use millstream_core::failpoint::failpoint;
use millstream_core::id::{CheckpointId, NodeId};
use millstream_core::{Code, Error, Result};
use millstream_protocol::commit::Content;
use millstream_protocol::recover::{
    self as decision, Action, AgentMarker, LastAgent, Observed, Request, decide,
};
use millstream_state::manifest::{Manifest, SplitState};
use millstream_state::store::{Claim, JobStore, Observation, Owner, read_savepoint};

use super::commit::Committing;
use super::identity::{Fitted, Identities};
use super::sinks::Sinks;
use super::store::StoreSide;
use crate::incarnation::{FIRST, Plan};
use crate::options::{CheckpointOptions, Notice, StartFrom};
use crate::patience::Watch;
use crate::task::timer::Timer;
use crate::wire::Restored;

/// Most decisions that end in "look again" before recovery gives up: each settles something.
const ROUNDS_MAX: u32 = 100;

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
    let Some(options) = &plan.options.checkpoints else {
        return transient(plan).await;
    };
    let store = options.store.job(&plan.options.name)?;
    let watch = Watch::of(plan);
    let mut held = plan.claim.lock().await;
    let what = || format!("start: claim the job in '{}'", store.url());
    match &mut *held {
        // The claim stays where it is: if it cannot be renewed now, the job is ours all the same.
        Some(claim) => watch.over(what, store.renew(claim)).await?,
        None => {
            let owner = Owner::this_process(plan.environment.clock.now_ms());
            *held = Some(watch.over(what, store.claim(&owner)).await?);
        }
    }
    // A later life goes on where the earlier one was, whatever the job was first started from.
    let request = match plan.has_begun.load(Ordering::SeqCst) {
        true => StartFrom::Newest,
        false => options.start.clone(),
    };
    let claim = held.as_mut().expect("it was claimed or renewed above");
    let recovery = Recovery {
        plan,
        options,
        store: &store,
        watch,
        claim,
    };
    recovery.run(request).await
}

/// A job that keeps nothing has nothing to find, but its tables are opened in the same way.
async fn transient(plan: &Plan) -> Result<Recovered> {
    let environment = &plan.environment;
    let job = JobIdentity::transient(&environment.run_id());
    let mut sinks = Sinks::open(&plan.graph(), environment, &job)?;
    let watch = Watch::of(plan);
    if let Some(transactions) = sinks.transactions() {
        let doing = sinks.waits_for("prepare the transactions");
        let what = move || format!("start: {}", doing());
        watch.over(what, transactions.recover(&[])).await?;
    }
    let what = || "start: look at the tables that are written".to_string();
    watch.over(what, sinks.recover(&BTreeMap::new())).await?;
    Ok(Recovered {
        committing: committing(plan, sinks, &job, None),
        job,
        restored: None,
        finished: BTreeMap::new(),
        next: FIRST,
    })
}

struct Recovery<'a> {
    plan: &'a Arc<Plan>,
    options: &'a CheckpointOptions,
    store: &'a JobStore,
    watch: Watch,
    claim: &'a mut Claim,
}

/// The tables of one lineage, fenced.
struct Opened {
    job: JobIdentity,
    sinks: Sinks,
    last_agent: LastAgent,
}

impl Opened {
    fn transactions(&self) -> Option<Arc<dyn Transactions>> {
        self.sinks.transactions().map(Arc::clone)
    }
}

impl Recovery<'_> {
    async fn run(self, start: StartFrom) -> Result<Recovered> {
        let (mut request, mut savepoint) = self.request(start).await?;
        for _ in 0..ROUNDS_MAX {
            let mut opened = self.open().await?;
            let look = self.at_store("look at what earlier lives have left in");
            let seen = self.watch.over(look, self.store.observe()).await?;
            // Whoever was overtaken meanwhile must not settle what its successor writes.
            self.check_fence().await?;
            let observed = self.observed(&seen, &opened, &request)?;
            match decide(&observed) {
                Action::StartEmpty {
                    next, write_marker, ..
                } => {
                    if write_marker {
                        self.mark(&mut opened, 0).await?;
                    }
                    self.recover_sinks(&mut opened, &BTreeMap::new()).await?;
                    self.check_fence().await?;
                    return self.begin(opened, None, next);
                }
                Action::Restore {
                    lineage,
                    checkpoint,
                    next,
                    redo_finish,
                    write_marker,
                    ..
                } => {
                    let manifest = self.manifest(&seen, &lineage, checkpoint).await?;
                    let manifest = self.fitted(manifest)?;
                    if write_marker {
                        self.mark(&mut opened, checkpoint).await?;
                    }
                    self.finish(&mut opened, &manifest, redo_finish).await?;
                    self.check_fence().await?;
                    return self.begin(opened, Some(manifest), next);
                }
                Action::SettleAborted { checkpoint } => {
                    self.refuse_if_visible(&mut opened, &seen, checkpoint)
                        .await?;
                    self.settle(checkpoint).await?;
                }
                Action::NewLineage {
                    origin,
                    finish,
                    replaced,
                    ..
                } => {
                    let origin = match (origin, savepoint.take()) {
                        (None, _) => None,
                        (Some(_), Some(adopted)) => Some(adopted),
                        (Some(o), None) => Some(self.manifest(&seen, &o.lineage, o.number).await?),
                    };
                    // Its owner has agreed once and for all: it begins with the nodes of this job.
                    let origin = match origin {
                        None => None,
                        Some(origin) => {
                            let mut fitted = self.fitted(origin)?;
                            self.identities()?.note(&mut fitted);
                            Some(fitted)
                        }
                    };
                    if let Some(checkpoint) = finish {
                        let lineage = self.claim.lineage().to_string();
                        let manifest = self.manifest(&seen, &lineage, checkpoint).await?;
                        let manifest = self.told(self.identities()?.leave(manifest));
                        self.finish(&mut opened, &manifest, true).await?;
                    }
                    let what = self.at_store("begin a new history in");
                    let begun = self
                        .store
                        .begin_lineage(self.claim, origin.as_ref(), replaced);
                    self.watch.over(what, begun).await?;
                    self.plan.has_begun.store(true, Ordering::SeqCst);
                    request = Request::Continue;
                }
                Action::Stop(reason) => {
                    return Err(Error::new(Code::CheckpointMismatch, reason.to_string()));
                }
            }
        }
        Err(Error::internal("recovery did not come to an end"))
    }

    /// A step at the checkpoint folder, for people.
    fn at_store(&self, what: &'static str) -> impl Fn() -> String + Send + Sync + use<> {
        let url = self.store.url();
        move || format!("start: {what} '{url}'")
    }

    async fn check_fence(&self) -> Result<()> {
        let what = self.at_store("look whether another process has taken the job over, in");
        let check = self.store.check_fence(self.claim.generation());
        self.watch.over(what, check).await
    }

    /// What the user asked for, and the manifest of a savepoint, whose files are ours by now.
    async fn request(&self, start: StartFrom) -> Result<(Request, Option<Manifest>)> {
        match start {
            StartFrom::Newest => Ok((Request::Continue, None)),
            StartFrom::Fresh => Ok((Request::Fresh, None)),
            StartFrom::Savepoint(url) => {
                // A job that is refused has changed nothing.
                let access = &self.options.access;
                self.fitted(read_savepoint(&url, false, access).await?.manifest)?;
                let adopted = self.store.adopt(&url, access).await?;
                let from = decision::Manifest {
                    lineage: adopted.lineage.clone(),
                    number: adopted.checkpoint,
                    parent: Some(adopted.parent),
                    condition: decision::Condition::Intact,
                };
                let request = Request::Restore {
                    from,
                    savepoint: true,
                };
                Ok((request, Some(adopted)))
            }
        }
    }

    /// Opens the tables of our lineage, fences whoever wrote them before, and reads the marker.
    async fn open(&self) -> Result<Opened> {
        let job = JobIdentity {
            name: self.plan.options.name.as_str().into(),
            lineage: self.claim.lineage().into(),
            generation: self.claim.generation(),
            checkpoints: true,
        };
        let sinks = Sinks::open(&self.plan.graph(), &self.plan.environment, &job)?;
        let last_agent = match sinks.transactions() {
            None => LastAgent::Absent,
            Some(transactions) => {
                failpoint("rs.init_txn")?;
                let doing = sinks.waits_for("take over the transactions and read the marker");
                let what = move || format!("start: {}", doing());
                let recover = transactions.recover(&self.claim.record.replaced);
                let marker = self.watch.over(what, recover).await?;
                failpoint("rs.read_marker")?;
                LastAgent::Marker(marker.map(|marker| AgentMarker {
                    lineage: marker.lineage,
                    checkpoint: marker.checkpoint,
                }))
            }
        };
        Ok(Opened {
            job,
            sinks,
            last_agent,
        })
    }

    fn observed(&self, seen: &Observation, opened: &Opened, request: &Request) -> Result<Observed> {
        let lineage = seen.lineage().filter(|l| l.id == self.claim.lineage());
        let lineage = lineage.ok_or_else(|| {
            let message = format!("job '{}' was taken over while it started", opened.job.name);
            Error::new(Code::Fenced, message)
        })?;
        Ok(Observed {
            lineage,
            manifests: seen.manifests.clone(),
            markers: seen.markers.clone(),
            boundary: seen.boundary,
            last_agent: opened.last_agent.clone(),
            request: request.clone(),
        })
    }

    async fn manifest(
        &self,
        seen: &Observation,
        lineage: &str,
        checkpoint: u64,
    ) -> Result<Manifest> {
        let key = (lineage.to_string(), checkpoint);
        if let Some(manifest) = seen.readable.get(&key) {
            return Ok(manifest.clone());
        }
        // The checkpoint our lineage began with may be gone under its own name.
        if let Some(origin) = self.store.read_origin(self.claim.lineage()).await?
            && (origin.lineage.as_str(), origin.checkpoint) == (lineage, checkpoint)
        {
            return Ok(origin);
        }
        self.store.read_manifest(lineage, checkpoint).await
    }

    fn identities(&self) -> Result<Identities> {
        Identities::of(&self.plan.graph())
    }

    /// A checkpoint with the numbers its nodes have in this job; refused if the job has changed and
    /// its owner does not agree.
    fn fitted(&self, manifest: Manifest) -> Result<Manifest> {
        let is_approved = self.options.approve_changes;
        let fitted = self
            .identities()?
            .fit(manifest, &self.plan.graph(), is_approved)?;
        Ok(self.told(fitted))
    }

    fn told(&self, fitted: Fitted) -> Manifest {
        if let Some(warning) = &fitted.warning {
            self.plan.options.tell(Notice::Warning(warning));
        }
        fitted.manifest
    }

    /// Makes what a committed checkpoint has prepared visible, unless it belongs to another
    /// lineage, and notes that it is committed.
    async fn finish(&self, opened: &mut Opened, manifest: &Manifest, redo: bool) -> Result<()> {
        let ours = manifest.lineage == self.claim.lineage();
        let pending = match ours && redo {
            true => committables(manifest),
            false => BTreeMap::new(),
        };
        if !(ours && redo) {
            opened.sinks.inherit(&committables(manifest))?;
        }
        self.recover_sinks(opened, &pending).await?;
        if ours && redo {
            let content = Content {
                token: manifest.token.clone(),
                aborted: false,
            };
            self.store
                .create_marker(&manifest.lineage, manifest.checkpoint, &content)
                .await?;
        }
        Ok(())
    }

    async fn recover_sinks(
        &self,
        opened: &mut Opened,
        pending: &BTreeMap<NodeId, Vec<Committable>>,
    ) -> Result<()> {
        let what = || "start: make the output of the last checkpoint visible".to_string();
        self.watch.over(what, opened.sinks.recover(pending)).await
    }

    /// A checkpoint whose output is visible was committed: giving it up would show the output twice.
    /// Its verdict must have been taken away.
    async fn refuse_if_visible(
        &self,
        opened: &mut Opened,
        seen: &Observation,
        checkpoint: u64,
    ) -> Result<()> {
        let lineage = self.claim.lineage().to_string();
        let Some(manifest) = seen.readable.get(&(lineage.clone(), checkpoint)) else {
            return Ok(());
        };
        match opened.sinks.visible(&committables(manifest)).await? {
            None => Ok(()),
            Some(table) => {
                let name = JobStore::marker_name(&lineage, checkpoint);
                let message = format!(
                    "the file '{name}' is missing, although {table} shows what checkpoint \
                     {checkpoint} has written: it was committed"
                );
                Err(Error::new(Code::CheckpointDamaged, message))
            }
        }
    }

    /// Nobody may commit it any more; if somebody was faster, the next look shows it.
    async fn settle(&self, checkpoint: u64) -> Result<()> {
        let content = Content {
            token: String::new(),
            aborted: true,
        };
        let lineage = self.claim.lineage();
        let created = self.store.create_marker(lineage, checkpoint, &content);
        created.await.map(|_| ())
    }

    async fn mark(&self, opened: &mut Opened, checkpoint: u64) -> Result<()> {
        let Some(transactions) = opened.transactions() else {
            return Ok(());
        };
        let marker = CommitMarker {
            lineage: self.claim.lineage().to_string(),
            checkpoint,
        };
        let doing = opened.sinks.waits_for("store the marker of the job");
        let what = move || format!("start: {}", doing());
        self.watch.over(what, transactions.mark(&marker)).await
    }

    fn begin(self, opened: Opened, manifest: Option<Manifest>, next: u64) -> Result<Recovered> {
        let Opened { job, sinks, .. } = opened;
        self.plan.has_begun.store(true, Ordering::SeqCst);
        if let Some(manifest) = &manifest {
            let checkpoint = manifest.checkpoint;
            self.plan.options.tell(Notice::Restored { checkpoint });
        }
        let mut base = manifest.clone().unwrap_or_default();
        self.identities()?.note(&mut base);
        let side = StoreSide::new(self.plan, self.options, self.store, &job, Some(&base));
        Ok(Recovered {
            committing: committing(self.plan, sinks, &job, Some(side)),
            job,
            finished: manifest.as_ref().map(finished).unwrap_or_default(),
            restored: manifest.map(|manifest| Restored {
                store: self.store.clone(),
                manifest,
            }),
            next: CheckpointId(next),
        })
    }
}

fn committing(
    plan: &Plan,
    sinks: Sinks,
    job: &JobIdentity,
    store: Option<StoreSide>,
) -> Committing {
    let environment = &plan.environment;
    Committing {
        sinks,
        acknowledgers: Vec::new(),
        held: Vec::new(),
        lineage: job.lineage.to_string(),
        store,
        timer: Timer::new(Arc::clone(&environment.clock), environment.clock_check),
        watch: Watch::of(plan),
    }
}

fn committables(manifest: &Manifest) -> BTreeMap<NodeId, Vec<Committable>> {
    let sinks = manifest.sinks.iter();
    let all = sinks.map(|sink| {
        let committables = sink.committables.iter().cloned().map(Committable);
        (NodeId(sink.node), committables.collect())
    });
    all.collect()
}

fn finished(manifest: &Manifest) -> BTreeMap<NodeId, BTreeMap<u32, SplitState>> {
    let sources = manifest.sources.iter();
    let all = sources.map(|source| {
        let finished = source.splits.iter().filter(|split| split.finished);
        let by_id = finished.map(|split| (split.id, split.clone()));
        (NodeId(source.node), by_id.collect())
    });
    all.collect()
}
