//! What a job is called, where its state is kept, what it starts from, and what follows a failure.
//!
//! ```text
//! command line ──▶ Jobs ── options(graph) ──▶ JobOptions ──▶ engine
//! SET, in the graph ─┘
//! ```
//!
//! * What the command line says wins over the settings of the script.
//! * Without a folder for checkpoints a job keeps nothing; with one it needs a name.
//! * `--from` restores each time; the setting `execution.state-recovery.path` stands in the script for
//!   good, so it counts only while the job has no state of its own. Otherwise a restart after a crash
//!   would fall back to the savepoint and write everything since then again.

mod names;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use millstream_core::{Code, Error, Result};
use millstream_plan::{
    AccessSettings, CheckpointSettings, JobGraph, NodeKind, RestartStrategy, SinkTarget,
};
use millstream_protocol::restart::Policy;
use millstream_runtime::{CheckpointOptions, JobOptions, Rehearsal, StartFrom};
use millstream_state::{CheckpointStore, StoreOptions};

use self::names::Names;
use crate::cli::{LifeArgs, ScriptArgs};

/// Fewest checkpoints that are kept, whatever a script says: a damaged one needs others behind it.
const RETAINED_MIN: u32 = 3;

/// Names the jobs of one command and says how they live.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    names: Names,
    args: LifeArgs,
    /// Statements without state have been warned about.
    is_warned: bool,
}

/// How a job is to be started.
pub(crate) struct Start {
    /// How it lives.
    pub(crate) options: JobOptions,
    /// A savepoint to start from if the job has no state of its own yet.
    pub(crate) first_from: Option<String>,
    /// Something its owner should know.
    pub(crate) warning: Option<&'static str>,
}

impl Jobs {
    /// Jobs of a shell or the demo: named by `pipeline.name` only.
    pub(crate) fn unnamed() -> Self {
        Jobs::default()
    }

    /// Jobs of a script that has so many.
    pub(crate) fn of_script(script: &ScriptArgs, args: &LifeArgs, jobs: usize) -> Result<Self> {
        if args.from.is_some() && jobs > 1 {
            return Err(Error::new(
                Code::InvalidOption,
                format!("--from wants a script with one job, found {jobs}"),
            )
            .hint("put them into scripts of their own, or into one statement set"));
        }
        let file = script
            .file
            .as_deref()
            .filter(|file| file.as_os_str() != "-");
        let stem = file
            .and_then(Path::file_stem)
            .map(|stem| stem.to_string_lossy());
        Ok(Jobs {
            names: Names::new(args.name.as_deref(), stem.as_deref(), jobs),
            args: args.clone(),
            is_warned: false,
        })
    }

    /// How the next job lives.
    pub(crate) fn next(&mut self, graph: &JobGraph) -> Result<Start> {
        let settings = &graph.settings;
        let name = self.names.next(settings.name.as_deref());
        if !self.args.rehearse_crashes.is_empty() {
            return self.rehearsed(name, graph);
        }
        let checkpoints = &settings.checkpoints;
        let dir = self
            .args
            .checkpoint_dir
            .as_ref()
            .or(checkpoints.dir.as_ref());
        // Somebody who looks around in the shell has no use for checkpoints of that.
        let is_glance = name.is_none() && self.names.is_shell() && shows_rows(graph);
        let Some(dir) = dir.filter(|_| !is_glance) else {
            return self.without_checkpoints(name, graph);
        };
        let name = name.ok_or_else(|| {
            Error::new(
                Code::InvalidOption,
                "a job with checkpoints needs a name by which it finds them",
            )
            .hint("SET 'pipeline.name' = '..', run a file, or give --name")
        })?;
        let access = access(&settings.access);
        let store = CheckpointStore::open(dir, &access)?;
        let mut options = JobOptions::named(name);
        options.checkpoints = Some(self.checkpoints(checkpoints, store, access)?);
        if let Some(strategy) = &settings.restart {
            options.restart = policy(strategy);
        }
        let is_asked = self.args.fresh || self.args.from.is_some();
        Ok(Start {
            options,
            first_from: settings.recover_from.clone().filter(|_| !is_asked),
            warning: None,
        })
    }

    /// A job that is broken off again and again, on purpose.
    fn rehearsed(&self, name: Option<String>, graph: &JobGraph) -> Result<Start> {
        let access = access(&graph.settings.access);
        let store = CheckpointStore::open("memory://", &access)?;
        let mut options = JobOptions::named(name.unwrap_or_else(|| "rehearsed".into()));
        options.checkpoints = Some(CheckpointOptions::new(store, Some(Duration::ZERO)));
        options.rehearsal = Some(Rehearsal {
            rows: 1,
            parallelism: self.args.rehearse_crashes.clone(),
        });
        Ok(Start {
            options,
            first_from: None,
            warning: None,
        })
    }

    fn without_checkpoints(&mut self, name: Option<String>, graph: &JobGraph) -> Result<Start> {
        let settings = &graph.settings;
        let flag = match &self.args {
            args if args.from.is_some() => Some("--from"),
            args if args.fresh => Some("--fresh"),
            args if args.checkpoint_interval.is_some() => Some("--checkpoint-interval"),
            args if args.approve_changes => Some("--approve-changes"),
            _ if settings.recover_from.is_some() => Some("execution.state-recovery.path"),
            _ => None,
        };
        if let Some(flag) = flag {
            let message = format!("'{flag}' needs a folder for checkpoints");
            return Err(Error::new(Code::InvalidOption, message)
                .hint("give --checkpoint-dir, or SET 'execution.checkpointing.dir' = '..'"));
        }
        let wants = settings
            .checkpoints
            .interval
            .is_some_and(|interval| !interval.is_zero());
        let warns = wants && !std::mem::replace(&mut self.is_warned, wants);
        Ok(Start {
            options: JobOptions::named(name.unwrap_or_else(|| graph.name.clone())),
            first_from: None,
            warning: warns.then_some(
                "checkpoints have an interval but no folder, so nothing of the job survives a crash; see \
                 'execution.checkpointing.dir'",
            ),
        })
    }

    fn checkpoints(
        &self,
        settings: &CheckpointSettings,
        store: CheckpointStore,
        access: StoreOptions,
    ) -> Result<CheckpointOptions> {
        let interval = self.args.checkpoint_interval.or(settings.interval);
        let interval = interval.unwrap_or(CheckpointSettings::INTERVAL_DEFAULT);
        let mut options =
            CheckpointOptions::new(store, Some(interval).filter(|time| !time.is_zero()));
        options.access = access;
        options.pause = settings.min_pause.unwrap_or(options.pause);
        options.timeout = settings.timeout.unwrap_or(options.timeout);
        options.incremental = settings.incremental.unwrap_or(options.incremental);
        options.retained = settings.retained.unwrap_or(0).max(RETAINED_MIN) as usize;
        options.start = match (&self.args.from, self.args.fresh) {
            (Some(url), _) => StartFrom::Savepoint(url.clone()),
            (None, true) => StartFrom::Fresh,
            (None, false) => StartFrom::Newest,
        };
        options.approve_changes = self.args.approve_changes;
        Ok(options)
    }
}

impl Start {
    /// Looks whether the job has state of its own; if not, it starts from the savepoint its settings
    /// name.
    pub(crate) async fn settled(mut self) -> Result<JobOptions> {
        if let (Some(url), Some(checkpoints)) = (self.first_from, &mut self.options.checkpoints) {
            let seen = checkpoints.store.job(&self.options.name)?.observe().await?;
            let has_begun = seen.record.is_some_and(|record| record.origin.is_some());
            if !has_begun && seen.manifests.is_empty() {
                checkpoints.start = StartFrom::Savepoint(url);
            }
        }
        Ok(self.options)
    }
}

fn shows_rows(graph: &JobGraph) -> bool {
    graph.nodes.iter().any(|node| match &node.kind {
        NodeKind::Sink(sink) => matches!(sink.target, SinkTarget::Collect),
        _ => false,
    })
}

/// How object stores are reached: by settings, else by the environment, which also holds the keys.
pub(crate) fn access(settings: &AccessSettings) -> StoreOptions {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let endpoint = || {
        let names = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
        names.into_iter().find_map(variable)
    };
    StoreOptions {
        endpoint: settings.endpoint.clone().or_else(endpoint),
        region: settings.region.clone(),
        path_style: settings.path_style,
        ..StoreOptions::default()
    }
}

/// A strategy in the words of the restart machine.
fn policy(strategy: &RestartStrategy) -> Policy {
    const NEVER: u64 = u64::MAX;
    match *strategy {
        RestartStrategy::None => Policy {
            restarts_max: 0,
            ..Policy::default()
        },
        RestartStrategy::FixedDelay { attempts, delay } => Policy {
            first_ms: millis(delay),
            cap_ms: millis(delay),
            restarts_max: attempts,
            window_ms: NEVER,
            healthy_ms: NEVER,
        },
        RestartStrategy::ExponentialDelay {
            initial,
            max,
            reset,
            attempts,
        } => Policy {
            first_ms: millis(initial),
            cap_ms: millis(max.max(initial)),
            restarts_max: attempts,
            window_ms: NEVER,
            healthy_ms: millis(reset),
        },
        RestartStrategy::FailureRate {
            failures,
            interval,
            delay,
        } => Policy {
            first_ms: millis(delay),
            cap_ms: millis(delay),
            restarts_max: failures,
            window_ms: millis(interval),
            healthy_ms: NEVER,
        },
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
