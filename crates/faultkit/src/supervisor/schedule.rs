//! What goes wrong in each round of a run: data that is saved, read back and replayed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use millstream_core::{Code, Error, Result};
use serde::{Deserialize, Serialize};

use crate::chance::Chance;

/// What is done to the child's process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// SIGKILL: no instruction of it runs any more.
    Kill,
    /// SIGTERM: asked to stop.
    Terminate,
    /// SIGINT: as Ctrl-C does.
    Interrupt,
    /// SIGSTOP: stands still and keeps all its connections.
    Stop,
    /// SIGCONT: goes on as if no time had passed.
    Continue,
}

/// An action at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Milliseconds after the start of the child.
    pub after_ms: u64,
    /// What to do then.
    pub action: Action,
}

impl Step {
    /// Time after the start of the child.
    pub fn after(self) -> Duration {
        Duration::from_millis(self.after_ms)
    }
}

/// The faults of one life of the child.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Round {
    /// Value of the variable `FAILPOINTS`, such as `cp.ack=2*off->return(kill)`.
    pub failpoints: Option<String>,
    /// Signals, in any order.
    pub steps: Vec<Step>,
}

impl Round {
    /// A round that ends with a SIGKILL.
    pub fn kill_after(after_ms: u64) -> Self {
        Round {
            failpoints: None,
            steps: vec![Step {
                after_ms,
                action: Action::Kill,
            }],
        }
    }

    /// A round with failpoints.
    pub fn failpoints(value: &str) -> Self {
        Round {
            failpoints: Some(value.to_owned()),
            steps: Vec::new(),
        }
    }

    /// Whether nothing is planned to go wrong in it.
    pub fn is_quiet(&self) -> bool {
        self.failpoints.is_none() && self.steps.is_empty()
    }

    pub(super) fn in_order(&self) -> Vec<Step> {
        let mut steps = self.steps.clone();
        steps.sort_by_key(|step| step.after_ms);
        steps
    }
}

/// All that goes wrong in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Seed it was made from; also decides the knobs of the run.
    pub seed: u64,
    /// Rounds in order; after the last one the child runs without faults.
    pub rounds: Vec<Round>,
}

impl Schedule {
    /// No faults: the run that says what is right.
    pub fn quiet(seed: u64) -> Self {
        Schedule {
            seed,
            rounds: Vec::new(),
        }
    }

    /// `kills` rounds, each ended by a SIGKILL at a random time between the two.
    pub fn random_kills(seed: u64, kills: usize, earliest: Duration, latest: Duration) -> Self {
        let mut chance = Chance::branch(seed, "kills");
        let mut kill = || {
            let after = chance.between(earliest.as_millis() as u64, latest.as_millis() as u64);
            Round::kill_after(after)
        };
        Schedule {
            seed,
            rounds: (0..kills).map(|_| kill()).collect(),
        }
    }

    /// One round per failpoint setting, in order: crash at the first, crash again at the next.
    pub fn crash_at(seed: u64, settings: &[&str]) -> Self {
        let rounds = settings
            .iter()
            .map(|setting| Round::failpoints(setting))
            .collect();
        Schedule { seed, rounds }
    }

    /// Writes it as a JSON file.
    pub fn save(&self, path: &Path) -> Result<()> {
        let failed = |cause: Box<dyn std::error::Error + Send + Sync>| {
            let name = path.display();
            Error::new(Code::Write, format!("cannot save schedule '{name}'")).caused_by(cause)
        };
        let text = serde_json::to_string_pretty(self).map_err(|cause| failed(cause.into()))?;
        fs::write(path, text + "\n").map_err(|cause| failed(cause.into()))
    }

    /// Reads a JSON file that [`Schedule::save`] wrote, or a person.
    pub fn load(path: &Path) -> Result<Self> {
        let failed = |cause: Box<dyn std::error::Error + Send + Sync>| {
            let name = path.display();
            Error::new(Code::Read, format!("cannot load schedule '{name}'")).caused_by(cause)
        };
        let text = fs::read_to_string(path).map_err(|cause| failed(cause.into()))?;
        serde_json::from_str(&text).map_err(|cause| failed(cause.into()))
    }
}
