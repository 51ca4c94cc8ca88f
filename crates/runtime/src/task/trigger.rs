//! How the tasks that have no input learn that a checkpoint is to be cut.
//!
//! The coordinator publishes one barrier at a time; each source task takes it as soon as it can and
//! sends it on. There is never a second one before every task has seen the first, so the newest is
//! all a task needs to know.

use std::sync::Arc;

use millstream_core::id::CheckpointId;
use millstream_core::message::Barrier;
use tokio::sync::watch;

/// The publishing end; cheap to clone.
#[derive(Clone)]
pub(crate) struct Triggers(Arc<watch::Sender<Option<Barrier>>>);

/// One task's view.
pub(crate) struct TriggerWatch {
    newest: watch::Receiver<Option<Barrier>>,
    taken: CheckpointId,
}

impl Triggers {
    /// Nothing is to be cut yet.
    pub(crate) fn new() -> Self {
        Triggers(Arc::new(watch::Sender::new(None)))
    }

    /// Asks every source task for this barrier.
    pub(crate) fn publish(&self, barrier: Barrier) {
        self.0.send_replace(Some(barrier));
    }

    /// A view for one task, which has taken nothing so far.
    pub(crate) fn watch(&self) -> TriggerWatch {
        TriggerWatch {
            newest: self.0.subscribe(),
            taken: CheckpointId::default(),
        }
    }
}

impl TriggerWatch {
    /// The barrier this task has not taken yet.
    pub(crate) fn due(&self) -> Option<Barrier> {
        let newest = *self.newest.borrow();
        newest.filter(|barrier| barrier.checkpoint > self.taken)
    }

    /// It is taken.
    pub(crate) fn taken(&mut self, barrier: Barrier) {
        self.taken = barrier.checkpoint;
    }

    /// Waits for a barrier not taken yet. Dropping the future loses nothing.
    pub(crate) async fn asked(&mut self) {
        let taken = self.taken;
        let newer = |barrier: &Option<Barrier>| barrier.is_some_and(|b| b.checkpoint > taken);
        if self.newest.wait_for(newer).await.is_err() {
            // The job is gone and this task is about to be cancelled.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use millstream_core::message::Keep;

    use super::*;

    #[test]
    fn a_barrier_is_due_until_it_is_taken() {
        let triggers = Triggers::new();
        let mut watch = triggers.watch();
        assert_eq!(watch.due(), None);
        let barrier = Barrier {
            checkpoint: CheckpointId(4),
            keep: Keep::Changes,
            last: false,
        };
        triggers.publish(barrier);
        assert_eq!(watch.due(), Some(barrier));
        watch.taken(barrier);
        assert_eq!(watch.due(), None);
    }
}
