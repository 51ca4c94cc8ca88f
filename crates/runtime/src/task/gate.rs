//! A gate that all subtasks of a source pass together, before the first of them reads.
//!
//! A subtask without splits says so downstream (idle, or the end) and then counts itself ready; one
//! with splits is ready at once. Nobody reads until all are. So the operators behind have heard of
//! every silent subtask before they see the first row, and a watermark never waits for a subtask
//! that has nothing to say: what is late does not depend on which thread came first.

use tokio::sync::watch;

/// The gate of one source.
#[derive(Debug)]
pub(crate) struct Gate {
    missing: watch::Sender<usize>,
}

/// One subtask's way through the gate. Dropping it counts as being ready.
#[derive(Debug)]
pub(crate) struct Pass {
    missing: watch::Sender<usize>,
    seen: watch::Receiver<usize>,
    is_ready: bool,
}

impl Gate {
    /// A gate for this many subtasks.
    pub(crate) fn new(subtasks: usize) -> Self {
        Gate {
            missing: watch::Sender::new(subtasks),
        }
    }

    /// The pass of one subtask; each gets one.
    pub(crate) fn pass(&self) -> Pass {
        Pass {
            missing: self.missing.clone(),
            seen: self.missing.subscribe(),
            is_ready: false,
        }
    }
}

impl Pass {
    /// Counts this subtask as ready; once.
    pub(crate) fn ready(&mut self) {
        if !std::mem::replace(&mut self.is_ready, true) {
            self.missing
                .send_modify(|missing| *missing = missing.saturating_sub(1));
        }
    }

    /// True once every subtask is ready.
    pub(crate) fn is_open(&self) -> bool {
        *self.seen.borrow() == 0
    }

    /// Waits until every subtask is ready. Dropping the future loses nothing.
    pub(crate) async fn opened(&mut self) {
        // The sender lives as long as this pass.
        drop(self.seen.wait_for(|missing| *missing == 0).await);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.ready();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_opens_with_the_last_subtask_and_counts_nobody_twice() {
        let gate = Gate::new(2);
        let (mut one, two) = (gate.pass(), gate.pass());
        one.ready();
        one.ready();
        assert!(!one.is_open());
        drop(two);
        assert!(one.is_open());
    }
}
