//! What a starting job does: one look at the world, one decision.
//!
//! The driver's order is fixed, and the decision is only sound after it:
//!
//! ```text
//! claim the generation          -> a zombie's next fence check stops it
//! init_transactions (lineage)   -> an open transaction is aborted, a commit in flight is decided
//! read the last agent's marker  -> nobody but us can change it from here on
//! list the store                -> Observed
//! read the newest generation    -> not ours: end; what was listed may be our successor's
//! decide(&observed)             -> Action; some actions end in "observe again"
//! ```
//!
//! Without the last read, a slow starter would take the checkpoints of its successor for its own
//! past: it would abort them as undecided one after the other, or call the older marker that it
//! had read a commit that the broker forgot. The model shows both (`Sabotage::DecideUnfenced`).
//!
//! A **lineage** is one unbroken history of a job; a manual restore and `FRESH` begin another.
//! Its *base* is where it began: 0, the empty state, or the checkpoint it was restored from.
//! N is the newest manifest of our lineage, P the checkpoint N was built on.
//!
//! # With a last agent (Kafka): the marker is the truth
//!
//! | marker | store | action |
//! |---|---|---|
//! | ours, = N | N intact | restore N, redo its finish |
//! | ours, = N | N damaged | stop: N is committed, going back would repeat its output |
//! | ours, = P | P intact, or P is the base | discard N (fencing aborted its output), restore P; N may be damaged |
//! | ours, = P | P damaged or gone | stop |
//! | ours, anything else | – | stop: two stories that cannot both be true |
//! | ours, older than a `committed-C` | – | stop: the broker has forgotten a commit |
//! | none | no manifest, no `committed-C` | start from the base; write the marker before the first row |
//! | none | N = newest `committed-C` | restore N and write the marker again (it had expired) |
//! | none | N above the newest `committed-C` | stop: whether N was committed cannot be known |
//! | of a lineage we replaced | nothing of ours | as *none*: the crash came before our first marker |
//! | of another lineage | anything else | stop |
//!
//! # Without one: the newest `committed-C` is the truth
//!
//! | store | action |
//! |---|---|
//! | a manifest above C without verdict | create its `committed-N` with "aborted", observe again: the first writer wins |
//! | C committed, its manifest intact | restore C, redo its finish, discard what is above |
//! | C committed, its manifest damaged or gone | stop, naming it |
//! | nothing committed | start from the base |
//!
//! # In both
//!
//! * A damaged `committed-N` above the newest commit: stop, naming it.
//! * Objects below the boundary of garbage collection are dead: a stalled writer may have made them
//!   again (X13). They are not looked at.
//! * Checkpoints of a lineage that ours does not say it replaced: stop. Starting empty beside them
//!   would be the silent loss of X12.
//! * `FRESH` and a manual restore first settle and finish what the old lineage has committed, so
//!   that its output is whole; then they begin a new lineage (X11). A checkpoint below the boundary
//!   is refused, for it may be half deleted; if the boundary passes it while the new lineage is
//!   being recorded, the next look finds the origin damaged, and stops.
//!   If the old lineage can only
//!   stop, they go on without finishing it: that is what the user asked for.
//!
//! A last agent cannot be added to or taken from a lineage: such a change of the job is a manual
//! restore.
//!
//! Cost: linear in what was listed. Pure: the same observation gives the same action.

use std::collections::BTreeSet;

mod observed;
mod stop;
#[cfg(test)]
mod tests;

pub use observed::{
    AgentMarker, Condition, LastAgent, Lineage, Manifest, Marker, Observed, Request, Verdict,
};
pub use stop::StopReason;

/// What recovery does next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Begin with empty state.
    StartEmpty {
        /// Number of the first checkpoint.
        next: u64,
        /// Commit the marker `lineage:0` through the last agent before the first row, so that "no
        /// marker" never has two meanings.
        write_marker: bool,
        /// Manifests of our lineage that never were: their prepared output is to be dropped.
        discard: Vec<u64>,
    },
    /// Begin with the state of a checkpoint.
    Restore {
        /// The lineage its manifest belongs to; ours, or the one we were restored from.
        lineage: String,
        /// Its number.
        checkpoint: u64,
        /// Number of the next checkpoint.
        next: u64,
        /// Finish its sinks again from the manifest and create `committed-N` if it is missing,
        /// before the first row. Finishing is idempotent. False if that is known to be done.
        redo_finish: bool,
        /// Commit the marker `ours:checkpoint` through the last agent before the first row.
        write_marker: bool,
        /// Manifests of our lineage that never were: their prepared output is to be dropped.
        discard: Vec<u64>,
    },
    /// Create `committed-N` with the content "aborted", whatever the outcome observe again. The
    /// first writer of that object wins, so a zombie cannot commit N any more.
    SettleAborted {
        /// N.
        checkpoint: u64,
    },
    /// Finish the old lineage, fence it, claim the next generation with a record that names a new
    /// lineage, observe again and continue.
    NewLineage {
        /// What the new lineage starts from; nothing is the empty state.
        origin: Option<Manifest>,
        /// A committed checkpoint of the old lineage whose sinks may have to be finished.
        finish: Option<u64>,
        /// Lineages whose transactions are fenced by `init_transactions` with their transactional
        /// id: an open one would block readers (X5), a later commit would overwrite our marker.
        fence: Vec<String>,
        /// Every lineage the new one follows, for its record.
        replaced: Vec<String>,
    },
    /// Nothing is done; the text tells the user why.
    Stop(StopReason),
}

/// Decides what a starting job does. See the tables of this module.
pub fn decide(observed: &Observed) -> Action {
    let live = Live::of(observed);
    if let Request::Continue = observed.request {
        return match live.foreign().pop() {
            Some(found) => Action::Stop(StopReason::ForeignCheckpoints {
                found,
                ours: live.id().to_owned(),
            }),
            None => live.resume(),
        };
    }
    let finish = match live.resume() {
        settle @ Action::SettleAborted { .. } => return settle,
        Action::Restore {
            lineage,
            checkpoint,
            redo_finish: true,
            ..
        } if lineage == live.id() => Some(checkpoint),
        _ => None,
    };
    let origin = match &observed.request {
        Request::Restore { from, savepoint } => {
            if let Err(reason) = live.may_restore(from, *savepoint, finish) {
                return Action::Stop(reason);
            }
            Some(from.clone())
        }
        Request::Fresh | Request::Continue => None,
    };
    let mut fence = live.foreign();
    fence.push(live.id().to_owned());
    let replaced = observed
        .lineage
        .replaced
        .iter()
        .chain(&fence)
        .cloned()
        .collect();
    Action::NewLineage {
        origin,
        finish,
        fence,
        replaced,
    }
}

/// The part of an observation that counts: our lineage, above the boundary, in order of number.
struct Live<'a> {
    observed: &'a Observed,
    manifests: Vec<&'a Manifest>,
    markers: Vec<&'a Marker>,
}

impl<'a> Live<'a> {
    fn of(observed: &'a Observed) -> Self {
        let ours = |lineage: &str, number: u64| {
            lineage == observed.lineage.id && number >= observed.boundary
        };
        let mut manifests: Vec<_> = observed
            .manifests
            .iter()
            .filter(|m| ours(&m.lineage, m.number))
            .collect();
        let mut markers: Vec<_> = observed
            .markers
            .iter()
            .filter(|m| ours(&m.lineage, m.number))
            .collect();
        manifests.sort_by_key(|m| m.number);
        markers.sort_by_key(|m| m.number);
        Self {
            observed,
            manifests,
            markers,
        }
    }

    fn id(&self) -> &'a str {
        &self.observed.lineage.id
    }

    fn base(&self) -> u64 {
        self.observed
            .lineage
            .origin
            .as_ref()
            .map_or(0, |origin| origin.number)
    }

    fn manifest(&self, number: u64) -> Option<&'a Manifest> {
        self.manifests.iter().copied().find(|m| m.number == number)
    }

    fn verdict(&self, number: u64) -> Option<&'a Verdict> {
        self.markers
            .iter()
            .find(|m| m.number == number)
            .map(|m| &m.verdict)
    }

    fn newest(&self) -> Option<&'a Manifest> {
        self.manifests.last().copied()
    }

    fn newest_committed(&self) -> Option<u64> {
        self.markers
            .iter()
            .rev()
            .find(|m| m.verdict == Verdict::Committed)
            .map(|m| m.number)
    }

    /// Lineages that have checkpoints here and that ours does not follow: somebody lost the record
    /// that joins them.
    fn foreign(&self) -> Vec<String> {
        let lineage = &self.observed.lineage;
        let known = |id: &String| {
            *id == lineage.id
                || lineage.replaced.contains(id)
                || lineage
                    .origin
                    .as_ref()
                    .is_some_and(|origin| origin.lineage == *id)
        };
        let manifests = self.observed.manifests.iter().map(|m| &m.lineage);
        let markers = self.observed.markers.iter().map(|m| &m.lineage);
        let found = manifests.chain(markers).filter(|id| !known(id));
        found
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    fn resume(&self) -> Action {
        let outcome = match &self.observed.last_agent {
            LastAgent::Absent => self.by_verdicts(),
            LastAgent::Marker(marker) => self.by_marker(marker.as_ref()),
        };
        outcome.unwrap_or_else(Action::Stop)
    }

    /// The second table: `committed-C` is the truth.
    fn by_verdicts(&self) -> Result<Action, StopReason> {
        let committed = self.newest_committed();
        self.readable_above(committed)?;
        let open = |m: &&&Manifest| {
            committed.is_none_or(|c| m.number > c) && self.verdict(m.number).is_none()
        };
        if let Some(open) = self.manifests.iter().find(open) {
            return Ok(Action::SettleAborted {
                checkpoint: open.number,
            });
        }
        match committed {
            Some(checkpoint) => self.restore(checkpoint, true, false),
            None => self.begin_at_base(false),
        }
    }

    /// No verdict above the newest commit is hidden by damage.
    fn readable_above(&self, committed: Option<u64>) -> Result<(), StopReason> {
        for marker in self
            .markers
            .iter()
            .filter(|m| committed.is_none_or(|c| m.number > c))
        {
            if let Verdict::Unreadable(detail) = &marker.verdict {
                let (checkpoint, detail) = (marker.number, detail.clone());
                return Err(StopReason::VerdictUnreadable { checkpoint, detail });
            }
        }
        Ok(())
    }

    /// The first table: the last agent's marker is the truth.
    fn by_marker(&self, marker: Option<&AgentMarker>) -> Result<Action, StopReason> {
        let untouched = self.manifests.is_empty() && self.markers.is_empty();
        let replaced = |id: &String| self.observed.lineage.replaced.contains(id);
        match marker {
            None => self.without_marker(),
            Some(marker) if marker.lineage == self.id() => self.with_marker(marker.checkpoint),
            Some(marker) if untouched && replaced(&marker.lineage) => self.begin_at_base(true),
            Some(marker) => Err(StopReason::ForeignMarker {
                found: marker.to_string(),
                ours: self.id().to_owned(),
            }),
        }
    }

    fn without_marker(&self) -> Result<Action, StopReason> {
        self.readable_above(self.newest_committed())?;
        match (self.newest(), self.newest_committed()) {
            (None, None) if self.markers.is_empty() => self.begin_at_base(true),
            (newest, Some(committed)) if newest.is_none_or(|n| n.number <= committed) => {
                self.restore(committed, false, true)
            }
            (newest, committed) => Err(StopReason::Undecidable {
                prepared: newest
                    .map(|n| n.number)
                    .or(self.markers.last().map(|m| m.number)),
                committed,
            }),
        }
    }

    fn with_marker(&self, marker: u64) -> Result<Action, StopReason> {
        if let Some(committed) = self.newest_committed().filter(|c| *c > marker) {
            return Err(StopReason::MarkerBehind { marker, committed });
        }
        self.readable_above(Some(marker))?;
        if self.verdict(marker) == Some(&Verdict::Aborted) {
            return Err(StopReason::MarkerOfAborted { marker });
        }
        if !self.follows(marker, &self.manifests) {
            let newest = self.newest();
            return Err(StopReason::MarkerUnexpected {
                marker,
                newest: newest.map(|n| n.number),
                parent: newest.and_then(|n| n.parent),
            });
        }
        if marker == self.base() {
            return self.begin_at_base(false);
        }
        let finished = self.verdict(marker) == Some(&Verdict::Committed);
        self.restore(marker, !finished, false)
    }

    /// Is the marker the newest of these manifests, or the one that it was built on?
    ///
    /// Where damage hides the parent, the next older manifest answers: the damaged one was built
    /// on it, or, if it was discarded, on what that one was built on.
    fn follows(&self, marker: u64, manifests: &[&Manifest]) -> bool {
        let Some((newest, older)) = manifests.split_last() else {
            return marker == self.base();
        };
        match newest.parent {
            _ if marker == newest.number => true,
            Some(parent) => marker == parent,
            None => self.follows(marker, older),
        }
    }

    fn restore(&self, checkpoint: u64, finish: bool, mark: bool) -> Result<Action, StopReason> {
        let manifest = self
            .manifest(checkpoint)
            .ok_or(StopReason::CommittedMissing { checkpoint })?;
        if let Condition::Damaged(detail) = &manifest.condition {
            return Err(StopReason::CommittedDamaged {
                checkpoint,
                detail: detail.clone(),
            });
        }
        Ok(Action::Restore {
            lineage: self.id().to_owned(),
            checkpoint,
            next: self.next(),
            redo_finish: finish,
            write_marker: mark,
            discard: self.above(checkpoint),
        })
    }

    fn begin_at_base(&self, write_marker: bool) -> Result<Action, StopReason> {
        let next = self.next();
        let discard = self.above(self.base());
        let Some(origin) = &self.observed.lineage.origin else {
            return Ok(Action::StartEmpty {
                next,
                write_marker,
                discard,
            });
        };
        if let Condition::Damaged(detail) = &origin.condition {
            return Err(StopReason::OriginDamaged {
                lineage: origin.lineage.clone(),
                checkpoint: origin.number,
                detail: detail.clone(),
            });
        }
        Ok(Action::Restore {
            lineage: origin.lineage.clone(),
            checkpoint: origin.number,
            next,
            // Whoever began this lineage finished the old one first.
            redo_finish: false,
            write_marker,
            discard,
        })
    }

    fn above(&self, checkpoint: u64) -> Vec<u64> {
        self.manifests
            .iter()
            .map(|m| m.number)
            .filter(|n| *n > checkpoint)
            .collect()
    }

    /// One above every number that was ever seen in this lineage.
    fn next(&self) -> u64 {
        let manifests = self.manifests.iter().map(|m| m.number);
        let markers = self.markers.iter().map(|m| m.number);
        let seen = manifests.chain(markers).max().unwrap_or(0);
        seen.max(self.base())
            .max(self.observed.boundary)
            .saturating_add(1)
    }

    fn may_restore(
        &self,
        from: &Manifest,
        savepoint: bool,
        settled: Option<u64>,
    ) -> Result<(), StopReason> {
        let (lineage, checkpoint) = (from.lineage.clone(), from.number);
        if !savepoint && lineage == self.id() && checkpoint < self.observed.boundary {
            let boundary = self.observed.boundary;
            return Err(StopReason::OriginCollected {
                checkpoint,
                boundary,
            });
        }
        if let Condition::Damaged(detail) = &from.condition {
            let detail = detail.clone();
            return Err(StopReason::OriginDamaged {
                lineage,
                checkpoint,
                detail,
            });
        }
        let noted = self.observed.markers.iter().any(|m| {
            m.lineage == lineage && m.number == checkpoint && m.verdict == Verdict::Committed
        });
        let by_marker = lineage == self.id() && settled == Some(checkpoint);
        if savepoint || noted || by_marker {
            return Ok(());
        }
        Err(StopReason::OriginNotCommitted {
            lineage,
            checkpoint,
        })
    }
}
