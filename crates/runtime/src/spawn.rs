//! Tasks are started here and nowhere else: named, counted and joined.
//!
//! A task that panics ends with an error that names it; the process and other jobs live on.
//! Dropping a [`Tasks`] cancels what still runs.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::task::Poll;

use millstream_core::{Error, Result};
use tokio::runtime::Handle;
use tokio::task::{Id, JoinHandle, JoinSet};

/// What a panic tells the owner of the job.
pub(crate) const DEFECT: &str = "this is a defect of millstream: please report it with the query";

/// The tasks of one job.
pub(crate) struct Tasks {
    set: JoinSet<Result<End>>,
    names: HashMap<Id, String>,
    handle: Handle,
}

/// How a task ended when it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It has done its work.
    Done,
    /// Its input broke off: whoever sent it has failed and says why.
    Orphaned,
}

/// A task that has ended.
pub(crate) struct Ended {
    /// Its name.
    pub(crate) name: String,
    /// How; `None` if it was cancelled.
    pub(crate) result: Option<Result<End>>,
}

impl Tasks {
    /// No tasks yet; they will run on `handle`.
    pub(crate) fn new(handle: Handle) -> Self {
        Tasks {
            set: JoinSet::new(),
            names: HashMap::new(),
            handle,
        }
    }

    /// Starts a task.
    pub(crate) fn spawn(
        &mut self,
        name: String,
        task: impl Future<Output = Result<End>> + Send + 'static,
    ) {
        let started = self.set.spawn_on(task, &self.handle);
        self.names.insert(started.id(), name);
    }

    /// How many have not been joined yet.
    pub(crate) fn len(&self) -> usize {
        self.set.len()
    }

    /// Waits for the next task to end; `None` if there are none. Dropping the future loses nothing.
    pub(crate) async fn join(&mut self) -> Option<Ended> {
        let (id, result) = match self.set.join_next_with_id().await? {
            Ok((id, result)) => (id, Some(result)),
            Err(error) if error.is_cancelled() => (error.id(), None),
            Err(error) => {
                let id = error.id();
                let name = self.names.get(&id).map_or("?", String::as_str);
                let words = panic_words(error.into_panic().as_ref());
                let error =
                    Error::internal(format!("task '{name}' panicked: {words}")).hint(DEFECT);
                (id, Some(Err(error)))
            }
        };
        let name = self.names.remove(&id).unwrap_or_default();
        Some(Ended { name, result })
    }

    /// Cancels every task at its next waiting point; they are still to be joined.
    pub(crate) fn cancel(&mut self) {
        self.set.abort_all();
    }
}

/// Starts the task that watches over a job.
pub(crate) fn supervisor<T: Send + 'static>(
    handle: &Handle,
    task: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    handle.spawn(task)
}

/// Work that goes on beside the tasks; given up when dropped.
pub(crate) struct Background<T>(JoinHandle<Result<T>>);

impl<T> Drop for Background<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<T> Background<T> {
    /// What came of it, if it has ended.
    pub(crate) async fn take_ended(slot: &mut Option<Self>) -> Option<Result<T>> {
        if !slot.as_ref()?.0.is_finished() {
            return None;
        }
        let mut ended = slot.take()?;
        let joined = (&mut ended.0).await;
        Some(joined.unwrap_or_else(|e| Err(Error::internal("broken off").caused_by(e))))
    }
}

/// Starts work beside the tasks.
pub(crate) fn background<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Background<T> {
    Background(Handle::current().spawn(work))
}

/// Runs something that computes or blocks for long, off the threads of the tasks.
pub(crate) async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => {
            let words = panic_words(error.into_panic().as_ref());
            Err(Error::internal(format!("panicked: {words}")).context(what))
        }
        Err(error) => Err(Error::internal("broken off").caused_by(error).context(what)),
    }
}

/// Puts the running task at the end of the run queue, where an idle worker may take it.
///
/// After a send that woke a sleeping reader this lets the reader run here and the sender
/// elsewhere: the reader sits in a slot only this worker can serve (tokio's "LIFO slot"), so
/// without this the two would take turns on one core while another is idle.
pub(crate) async fn let_others_run() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

pub(crate) fn panic_words(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_string());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".into())
}
