//! The engine of this process: threads, clock, environment; one for all jobs of a command.

use std::sync::Arc;
use std::time::Duration;

use millstream_core::clock::{SharedClock, SystemClock};
use millstream_core::{Error, Result};
use millstream_plan::JobGraph;
use millstream_runtime::memory::{self, Memory};
use millstream_runtime::{Environment, JobOptions, RunningJob};
use millstream_sql::session::Session;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::allocator;
use crate::cli::SettingArgs;
use crate::registry::{self, Build};

/// Most subtasks an operator may have; see `parallelism.default`.
const PARALLELISM_MAX: u32 = 128;

/// How long a thread for work that blocks stays idle. The allocator keeps memory for each thread, and
/// what a thread has allocated and another has freed stays there until it ends.
const IDLE_THREADS: Duration = Duration::from_millis(200);

/// Threads, a clock, and what jobs may use.
pub(crate) struct Engine {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    environment: Environment,
    clock: SharedClock,
    cores: u32,
}

impl Engine {
    /// An engine with a thread per core and most of the machine's memory.
    pub(crate) fn new() -> Result<Self> {
        Self::within(None)
    }

    /// An engine that may hold so many bytes; without a number most of what the machine has.
    pub(crate) fn within(memory_limit: Option<u64>) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
        let runtime = Builder::new_multi_thread()
            .worker_threads(cores as usize)
            .thread_name("millstream")
            .thread_keep_alive(IDLE_THREADS)
            .enable_all()
            .build()
            .map_err(|error| Error::internal("cannot start the threads").caused_by(error))?;
        let clock: SharedClock = Arc::new(SystemClock::new());
        let of_machine = || memory::machine_bytes().map(|bytes| bytes / 10 * 6);
        let mut environment = registry::environment(Arc::clone(&clock));
        if let Some(limit) = memory_limit.or_else(of_machine) {
            allocator::limit(limit);
            environment.memory = Memory::purged_by(limit, memory::resident, allocator::purge);
        }
        Ok(Engine {
            runtime: Some(runtime),
            environment,
            clock,
            cores,
        })
    }

    /// A session whose jobs this engine can run.
    pub(crate) fn session(&self, settings: &SettingArgs) -> Result<Session> {
        new_session(&self.clock, self.cores, settings)
    }

    /// Starts a job; one with checkpoints first finds out what an earlier life has left.
    pub(crate) async fn start(&self, graph: &JobGraph, options: JobOptions) -> Result<RunningJob> {
        // A large future: it holds the whole of recovery.
        Box::pin(millstream_runtime::start(graph, &self.environment, options)).await
    }

    /// Runs `work` on the calling thread, with timers and the engine's threads at hand.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.handle().block_on(work)
    }

    /// The clock.
    pub(crate) fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// Where tasks are started.
    pub(crate) fn handle(&self) -> &Handle {
        let runtime = self.runtime.as_ref();
        runtime.expect("only drop takes the runtime").handle()
    }
}

impl Drop for Engine {
    /// Does not wait for a thread that is stuck in a read: the process is about to end.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A session that plans but has nothing to run jobs on.
pub(crate) fn planning_session(settings: &SettingArgs) -> Result<Session> {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    let clock: SharedClock = Arc::new(SystemClock::new());
    new_session(&clock, cores, settings)
}

fn new_session(clock: &SharedClock, cores: u32, settings: &SettingArgs) -> Result<Session> {
    let cores = cores.min(PARALLELISM_MAX);
    let mut session = Session::new(Arc::new(Build::new()), Arc::clone(clock), cores);
    for (key, value) in &settings.pairs {
        session.set(key, value)?;
    }
    if let Some(parallelism) = &settings.parallelism {
        session.set("parallelism.default", parallelism)?;
    }
    Ok(session)
}
