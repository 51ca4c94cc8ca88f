//! Why a job does not start, in the words the user reads.

use std::fmt;

/// A state of the world that recovery does not guess about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// The newest committed checkpoint cannot be read.
    CommittedDamaged {
        /// Its number.
        checkpoint: u64,
        /// The file and what is wrong with it.
        detail: String,
    },
    /// A checkpoint is known to be committed and its manifest is gone.
    CommittedMissing {
        /// Its number.
        checkpoint: u64,
    },
    /// A `committed-N` that decides cannot be read.
    VerdictUnreadable {
        /// N.
        checkpoint: u64,
        /// What is wrong with it.
        detail: String,
    },
    /// The marker is neither the newest manifest nor what that one was built on.
    MarkerUnexpected {
        /// The checkpoint in the marker.
        marker: u64,
        /// The newest manifest.
        newest: Option<u64>,
        /// What it was built on.
        parent: Option<u64>,
    },
    /// The store knows of a later commit than the last agent.
    MarkerBehind {
        /// The checkpoint in the marker.
        marker: u64,
        /// The newest `committed-N`.
        committed: u64,
    },
    /// The last agent committed what the store says was aborted.
    MarkerOfAborted {
        /// The checkpoint in the marker.
        marker: u64,
    },
    /// The marker was written by a lineage that this one does not follow.
    ForeignMarker {
        /// The marker found.
        found: String,
        /// Our lineage.
        ours: String,
    },
    /// The marker is gone, and the newest checkpoint is only prepared.
    Undecidable {
        /// That checkpoint.
        prepared: Option<u64>,
        /// The newest checkpoint known to be committed.
        committed: Option<u64>,
    },
    /// There are checkpoints of a lineage that this one does not follow.
    ForeignCheckpoints {
        /// One such lineage.
        found: String,
        /// Our lineage.
        ours: String,
    },
    /// The checkpoint or savepoint to start from cannot be read.
    OriginDamaged {
        /// Its lineage.
        lineage: String,
        /// Its number.
        checkpoint: u64,
        /// The file and what is wrong with it.
        detail: String,
    },
    /// The checkpoint to start from is being deleted, or already is.
    OriginCollected {
        /// Its number.
        checkpoint: u64,
        /// Numbers from here on are kept.
        boundary: u64,
    },
    /// The checkpoint to start from was prepared and never committed.
    OriginNotCommitted {
        /// Its lineage.
        lineage: String,
        /// Its number.
        checkpoint: u64,
    },
}

const REMEDY: &str = "restore an older checkpoint or a savepoint by name, or start with FRESH";

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommittedDamaged { checkpoint, detail } => write!(
                f,
                "checkpoint {checkpoint} is committed but cannot be restored: {detail}; going back \
                 further on our own would repeat output: {REMEDY}"
            ),
            Self::CommittedMissing { checkpoint } => write!(
                f,
                "checkpoint {checkpoint} is committed but its manifest is missing; {REMEDY}"
            ),
            Self::VerdictUnreadable { checkpoint, detail } => write!(
                f,
                "whether checkpoint {checkpoint} was committed cannot be read: {detail}; {REMEDY}"
            ),
            Self::MarkerUnexpected {
                marker,
                newest,
                parent,
            } => {
                write!(f, "the commit marker in kafka names checkpoint {marker}, ")?;
                match (newest, parent) {
                    (None, _) => write!(f, "but no checkpoint is stored")?,
                    (Some(n), None) => write!(f, "but the newest stored checkpoint is {n}")?,
                    (Some(n), Some(p)) => write!(
                        f,
                        "but the newest stored checkpoint is {n} and was built on {p}"
                    )?,
                }
                write!(f, "; {REMEDY}")
            }
            Self::MarkerBehind { marker, committed } => write!(
                f,
                "the commit marker in kafka names checkpoint {marker}, but checkpoint {committed} \
                 was committed: kafka has lost a commit; {REMEDY}"
            ),
            Self::MarkerOfAborted { marker } => write!(
                f,
                "the commit marker in kafka names checkpoint {marker}, which the store says was \
                 aborted; {REMEDY}"
            ),
            Self::ForeignMarker { found, ours } => write!(
                f,
                "the commit marker in kafka is '{found}', but this job is of lineage '{ours}': \
                 another job uses the same name, or the stored checkpoints are a copy; {REMEDY}"
            ),
            Self::Undecidable {
                prepared,
                committed,
            } => {
                write!(f, "the commit marker in kafka is gone, and ")?;
                match prepared {
                    Some(n) => write!(f, "checkpoint {n} may or may not be committed")?,
                    None => write!(f, "nothing tells what was committed")?,
                }
                match committed {
                    Some(c) => write!(f, " (checkpoint {c} is)")?,
                    None => write!(f, " (no checkpoint is known to be)")?,
                }
                write!(f, "; {REMEDY}")
            }
            Self::ForeignCheckpoints { found, ours } => write!(
                f,
                "checkpoints of lineage '{found}' are stored, and lineage '{ours}' does not follow \
                 it; a job never starts empty beside its checkpoints: {REMEDY}"
            ),
            Self::OriginDamaged {
                lineage,
                checkpoint,
                detail,
            } => write!(
                f,
                "checkpoint {checkpoint} of lineage '{lineage}', which the job starts from, cannot \
                 be restored: {detail}"
            ),
            Self::OriginCollected {
                checkpoint,
                boundary,
            } => write!(
                f,
                "checkpoint {checkpoint} is no longer kept; checkpoints from {boundary} on are, \
                 and every savepoint"
            ),
            Self::OriginNotCommitted {
                lineage,
                checkpoint,
            } => write!(
                f,
                "checkpoint {checkpoint} of lineage '{lineage}' was never committed; choose a \
                 committed checkpoint or a savepoint"
            ),
        }
    }
}

impl std::error::Error for StopReason {}
