//! What recovery has read before it decides.

use std::fmt;
use std::str::FromStr;

/// Everything a decision rests on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Observed {
    /// The lineage named by the newest generation record.
    pub lineage: Lineage,
    /// Every manifest found, of every lineage, in any order.
    pub manifests: Vec<Manifest>,
    /// Every `committed-N` found, of every lineage, in any order.
    pub markers: Vec<Marker>,
    /// Objects of our lineage with a smaller number are dead; 0 before the first collection.
    pub boundary: u64,
    /// What the last agent says.
    pub last_agent: LastAgent,
    /// What the user asked for.
    pub request: Request,
}

/// One unbroken history of a job.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lineage {
    /// Its random name.
    pub id: String,
    /// The checkpoint or savepoint it began with, read again now; nothing is the empty state.
    pub origin: Option<Manifest>,
    /// Every lineage of the job before this one.
    pub replaced: Vec<String>,
}

/// A checkpoint's manifest as found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Manifest {
    /// The lineage in its name.
    pub lineage: String,
    /// The number in its name, from 1.
    pub number: u64,
    /// The checkpoint it was built on; 0 is the empty state, nothing that damage hides it.
    pub parent: Option<u64>,
    /// Whether it, and every file it names, can be restored.
    pub condition: Condition,
}

/// Whether a checkpoint can be restored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// It can.
    Intact,
    /// It cannot; the text names the file and what is wrong with it.
    Damaged(String),
}

/// The object `committed-N` as found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Marker {
    /// The lineage in its name.
    pub lineage: String,
    /// The number in its name.
    pub number: u64,
    /// Its content.
    pub verdict: Verdict,
}

/// The content of `committed-N`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// N is committed.
    Committed,
    /// N never was.
    Aborted,
    /// The object is damaged; the text says how.
    Unreadable(String),
}

/// The participant that carries the commit decision.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LastAgent {
    /// The job has no Kafka sink.
    Absent,
    /// The marker found after `init_transactions`, if any.
    Marker(Option<AgentMarker>),
}

/// The marker of the last agent, written in the transaction of its checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AgentMarker {
    /// The lineage that wrote it (X11).
    pub lineage: String,
    /// The newest committed checkpoint.
    pub checkpoint: u64,
}

/// What the user asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Go on where the job was.
    Continue,
    /// Forget every checkpoint and start with empty state.
    Fresh,
    /// Go on from this checkpoint or savepoint.
    Restore {
        /// Its manifest.
        from: Manifest,
        /// A savepoint is complete by itself; a checkpoint has to be committed.
        savepoint: bool,
    },
}

/// `lineage:checkpoint`, the text kept by the last agent.
impl fmt::Display for AgentMarker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.lineage, self.checkpoint)
    }
}

impl FromStr for AgentMarker {
    type Err = String;

    /// The reverse of `Display`; the error says what was wanted and what was found.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            let found: String = text.chars().take(80).collect();
            format!("a marker wants the form 'lineage:checkpoint', found '{found}'")
        };
        let (lineage, number) = text.rsplit_once(':').ok_or_else(wrong)?;
        let checkpoint: u64 = number.parse().map_err(|_| wrong())?;
        // One spelling only: "+7" and "007" parse too, and nobody of ours writes them.
        if lineage.is_empty() || checkpoint.to_string() != number {
            return Err(wrong());
        }
        Ok(Self {
            lineage: lineage.to_owned(),
            checkpoint,
        })
    }
}
