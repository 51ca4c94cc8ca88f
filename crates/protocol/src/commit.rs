//! The way of one checkpoint from "every receipt is in" to "finished".
//!
//! ```text
//! CheckFence ─ CreateManifest ─ CheckFence ─┬─ CommitAgent ───────────────────── FinishSinks ─ CreateCommitted ─┬─ AckSources ─ CollectGarbage ─ Done
//!                 │ PREPARED                │    │ COMMITTED (last agent)                                       │
//!                 │                         └─ CreateCommitted ─ CheckFence ─── FinishSinks ─────────────────────┘
//!                 │                              │ COMMITTED (no last agent)
//! ```
//!
//! One effect is outstanding at a time; the driver carries it out, with a deadline, and answers with
//! an [`Event`]. So the order of the picture is the order of the world.
//!
//! | answer | to a create | to `CommitAgent` | to the rest |
//! |---|---|---|---|
//! | [`Event::Ok`] | next | next | next |
//! | [`Event::Exists`], our token | next: an earlier attempt of ours had arrived | – | – |
//! | [`Event::Exists`], another's | recover: somebody else holds the number | – | – |
//! | [`Event::Unknown`] | read back and compare the token (X28) | recover (X1, X6) | try again |
//! | failed, retryable | try again | recover | try again |
//! | failed, replayable | recover | recover | recover |
//! | failed, fatal | stop | stop | stop |
//!
//! "Try again" waits longer each time. When the attempts are used up, recovery decides: it settles a
//! checkpoint that is open, and finishes one that is committed. Only sinks that cannot be finished
//! stop the job, for recovery could but try the same. Garbage collection is tried once; its failure
//! is reported with [`Effect::Done`].
//!
//! Always:
//! * `FinishSinks` comes after the commit point, and the commit point after a manifest of ours.
//! * The last agent is asked once. Whatever is not a clean yes drops the producer and recovers.
//! * The fence is read before the manifest, after it, and after a `committed-N` that is the commit
//!   point: a writer that slept through a takeover, or through the collection of its number, stops
//!   before it makes anything visible (X10, X13).
//! * The content of `committed-N` is the manifest's token, whoever writes it.

use crate::generation::is_fenced;
use crate::restart::{Backoff, Class};

#[cfg(test)]
mod tests;

/// What is fixed for one checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    /// Its number.
    pub checkpoint: u64,
    /// The generation that writes it.
    pub generation: u64,
    /// The random token in its manifest, chosen before the first attempt (X9).
    pub token: String,
    /// Whether a last agent carries the commit decision.
    pub has_agent: bool,
    /// How often and how fast a step is tried again.
    pub backoff: Backoff,
}

/// What the driver does next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Read the newest generation and the boundary; answer [`Event::Fence`].
    CheckFence,
    /// Create `manifest-N` if absent.
    CreateManifest,
    /// Read `manifest-N` back; answer [`Event::Found`].
    ReadManifest,
    /// Send the marker `lineage:N` to the transaction and commit it.
    CommitAgent,
    /// Create `committed-N` with the manifest's token if absent.
    CreateCommitted,
    /// Read `committed-N` back; answer [`Event::Found`].
    ReadCommitted,
    /// Make the prepared output of every other sink visible; idempotent.
    FinishSinks,
    /// Tell the sources that everything before the barrier is safe; idempotent.
    AckSources,
    /// Delete what nobody needs; see [`crate::gc`].
    CollectGarbage,
    /// Wait, then answer [`Event::Due`].
    Wait {
        /// How long.
        ms: u64,
    },
    /// The checkpoint is complete.
    Done {
        /// Why garbage was not collected.
        warning: Option<String>,
    },
    /// Drop the producer, renew the generation, and recover inside the process.
    Recover {
        /// Why.
        cause: String,
    },
    /// Another incarnation has taken over: end without touching anything.
    Fenced {
        /// Its generation.
        current: u64,
        /// Numbers below are dead.
        boundary: u64,
    },
    /// The job stops; the text is for the user.
    Stop {
        /// What failed, and how often it was tried.
        cause: String,
    },
}

/// What the driver saw.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// It was done, for sure.
    Ok,
    /// The answer to [`Effect::CheckFence`].
    Fence {
        /// The newest generation.
        current: u64,
        /// Numbers below are dead.
        boundary: u64,
    },
    /// The object to create was there already, with this content.
    Exists(Content),
    /// The answer to a read back; nothing: there is no such object.
    Found(Option<Content>),
    /// It was not done, for sure.
    Failed {
        /// What can be done about it.
        class: Class,
        /// Object, cause and remedy in one line.
        message: String,
    },
    /// It may or may not have been done, or may still happen.
    Unknown {
        /// What was seen instead of an answer.
        message: String,
    },
    /// The wait is over.
    Due,
}

/// What is written in a manifest or a `committed-N`, as far as the protocol is concerned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Content {
    /// The token of the checkpoint.
    pub token: String,
    /// True for a `committed-N` that says "aborted".
    pub aborted: bool,
}

/// One checkpoint on its way. See the module for the picture.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Commit {
    plan: Plan,
    stage: Stage,
    /// Failed attempts of this stage.
    attempts: u32,
    /// The outstanding effect reads back what a create without answer has left.
    reads_back: bool,
    committed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    FenceBefore,
    Manifest,
    FenceAfter,
    Agent,
    Committed,
    FenceCommitted,
    Finish,
    Note,
    Ack,
    Garbage,
    Over,
}

impl Commit {
    /// A checkpoint whose receipts are all in.
    pub fn new(plan: Plan) -> Self {
        let stage = Stage::FenceBefore;
        Self {
            plan,
            stage,
            attempts: 0,
            reads_back: false,
            committed: false,
        }
    }

    /// The first effect.
    pub fn begin(&mut self) -> Effect {
        self.enter(Stage::FenceBefore)
    }

    /// Whether the commit point is known to be behind us.
    pub fn is_committed(&self) -> bool {
        self.committed
    }

    /// The answer to the outstanding effect is in: what comes next?
    pub fn step(&mut self, event: Event) -> Effect {
        match (self.stage, event) {
            (Stage::Over, _) => self.stop("a checkpoint that is over was given another event"),
            (_, Event::Due) => self.effect(),
            (Stage::Garbage, Event::Failed { message, .. } | Event::Unknown { message }) => {
                self.stage = Stage::Over;
                Effect::Done {
                    warning: Some(message),
                }
            }
            (
                _,
                Event::Failed {
                    class: Class::Fatal,
                    message,
                },
            ) => self.stop(&message),
            (Stage::Agent, Event::Failed { message, .. } | Event::Unknown { message }) => self
                .recover(format!(
                    "the transaction of {} was not committed cleanly: {message}",
                    self.name()
                )),
            (
                _,
                Event::Failed {
                    class: Class::Replayable,
                    message,
                },
            ) => self.recover(message),
            (
                _,
                Event::Failed {
                    class: Class::Retryable,
                    message,
                },
            ) => self.again(&message),
            (_, Event::Unknown { message }) => self.unknown(&message),
            (_, Event::Fence { current, boundary }) if self.checks_fence() => {
                self.fence(current, boundary)
            }
            (_, Event::Exists(content) | Event::Found(Some(content))) if self.creates() => {
                self.compare(&content)
            }
            // Nothing arrived, or not yet: the same create again. Should the first one still arrive
            // it brings the same token, so it does not matter which of them wins.
            (_, Event::Found(None)) if self.creates() => {
                self.again("it was not found when read back")
            }
            (_, Event::Ok) if !self.checks_fence() => self.advance(),
            (stage, event) => self.stop(&format!("unexpected {event:?} in {stage:?}")),
        }
    }

    fn checks_fence(&self) -> bool {
        matches!(
            self.stage,
            Stage::FenceBefore | Stage::FenceAfter | Stage::FenceCommitted
        )
    }

    fn creates(&self) -> bool {
        matches!(self.stage, Stage::Manifest | Stage::Committed | Stage::Note)
    }

    fn fence(&mut self, current: u64, boundary: u64) -> Effect {
        if is_fenced(self.plan.generation, current) || self.plan.checkpoint < boundary {
            self.stage = Stage::Over;
            return Effect::Fenced { current, boundary };
        }
        self.advance()
    }

    fn compare(&mut self, found: &Content) -> Effect {
        if found.token == self.plan.token && !found.aborted {
            return self.advance();
        }
        let what = if self.stage == Stage::Manifest {
            "manifest"
        } else {
            "verdict"
        };
        self.recover(format!(
            "another writer was first with the {what} of {}",
            self.name()
        ))
    }

    fn unknown(&mut self, message: &str) -> Effect {
        if self.reads_back || !self.creates() {
            return self.again(message);
        }
        self.reads_back = true;
        match self.stage {
            Stage::Manifest => Effect::ReadManifest,
            _ => Effect::ReadCommitted,
        }
    }

    /// Counts a failed attempt: waits for the next one, or gives up.
    fn again(&mut self, message: &str) -> Effect {
        self.attempts = self.attempts.saturating_add(1);
        self.reads_back = false;
        if self.attempts < self.plan.backoff.attempts {
            return Effect::Wait {
                ms: self.plan.backoff.wait_ms(self.attempts),
            };
        }
        let cause = format!(
            "{} of {} failed {} times: {message}",
            self.doing(),
            self.name(),
            self.attempts
        );
        match self.stage {
            Stage::Finish => self.stop(&cause),
            _ => self.recover(cause),
        }
    }

    fn advance(&mut self) -> Effect {
        let agent = self.plan.has_agent;
        let next = match self.stage {
            Stage::FenceBefore => Stage::Manifest,
            Stage::Manifest => Stage::FenceAfter,
            Stage::FenceAfter if agent => Stage::Agent,
            Stage::FenceAfter => Stage::Committed,
            Stage::Committed => Stage::FenceCommitted,
            Stage::Agent | Stage::FenceCommitted => Stage::Finish,
            Stage::Finish if agent => Stage::Note,
            Stage::Finish | Stage::Note => Stage::Ack,
            Stage::Ack => Stage::Garbage,
            Stage::Garbage | Stage::Over => Stage::Over,
        };
        self.enter(next)
    }

    fn enter(&mut self, stage: Stage) -> Effect {
        self.committed |= matches!(self.stage, Stage::Agent | Stage::Committed);
        self.stage = stage;
        self.attempts = 0;
        self.reads_back = false;
        self.effect()
    }

    fn effect(&self) -> Effect {
        match self.stage {
            Stage::FenceBefore | Stage::FenceAfter | Stage::FenceCommitted => Effect::CheckFence,
            Stage::Manifest => Effect::CreateManifest,
            Stage::Agent => Effect::CommitAgent,
            Stage::Committed | Stage::Note => Effect::CreateCommitted,
            Stage::Finish => Effect::FinishSinks,
            Stage::Ack => Effect::AckSources,
            Stage::Garbage => Effect::CollectGarbage,
            Stage::Over => Effect::Done { warning: None },
        }
    }

    fn recover(&mut self, cause: String) -> Effect {
        self.stage = Stage::Over;
        Effect::Recover { cause }
    }

    fn stop(&mut self, cause: &str) -> Effect {
        self.stage = Stage::Over;
        Effect::Stop {
            cause: cause.to_owned(),
        }
    }

    fn name(&self) -> String {
        format!("checkpoint {}", self.plan.checkpoint)
    }

    fn doing(&self) -> &'static str {
        match self.stage {
            Stage::FenceBefore | Stage::FenceAfter | Stage::FenceCommitted => "reading the fence",
            Stage::Manifest => "creating the manifest",
            Stage::Agent => "committing the transaction",
            Stage::Committed | Stage::Note => "creating the verdict",
            Stage::Finish => "finishing the sinks",
            Stage::Ack => "telling the sources",
            Stage::Garbage | Stage::Over => "collecting garbage",
        }
    }
}
