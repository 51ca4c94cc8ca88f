//! What became of a case: one JSON line each, and the table of the fault page.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use millstream_core::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Case, Invariant};

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Every try kept every invariant.
    Survived,
    /// A try did not.
    Failed,
    /// Not tried; the reason is in the report.
    Gap,
}

/// The line of a case in the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The case.
    pub case: String,
    /// The fault.
    pub what: String,
    /// What must hold.
    pub invariants: Vec<Invariant>,
    /// What became of it.
    pub state: State,
    /// How often it was tried.
    pub tries: u32,
    /// The base seed of the run.
    pub seed: u64,
    /// How long all tries took.
    pub seconds: f64,
    /// Seed of the failed try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_seed: Option<u64>,
    /// Why it failed or was not tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Figures of the last good try.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, Value>,
}

impl Report {
    pub(super) fn new(case: &Case, seed: u64) -> Self {
        Report {
            case: case.id.into(),
            what: case.what.into(),
            invariants: case.invariants.to_vec(),
            state: State::Survived,
            tries: 0,
            seed,
            seconds: 0.0,
            failed_seed: None,
            reason: None,
            figures: BTreeMap::new(),
        }
    }

    pub(super) fn gap(case: &Case, seed: u64, reason: &str) -> Self {
        Report {
            state: State::Gap,
            reason: Some(reason.into()),
            ..Report::new(case, seed)
        }
    }

    pub(super) fn fail(&mut self, seed: u64, folder: &Path, error: String) {
        self.state = State::Failed;
        self.failed_seed = Some(seed);
        self.reason = Some(error);
        eprintln!(
            "{}: seed {seed} failed, evidence in '{}'",
            self.case,
            folder.display()
        );
    }

    pub(super) fn finish(&mut self, took: Duration) {
        self.seconds = took.as_secs_f64();
        if self.tries == 0 {
            self.state = State::Gap;
            self.reason = Some("not tried: no time was left".into());
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Survived => "survived",
            State::Failed => "FAILED",
            State::Gap => "gap",
        };
        write!(f, "{} {state}: {}", self.case, self.what)?;
        if self.tries > 0 {
            write!(f, " ({} tries, {:.1} s)", self.tries, self.seconds)?;
        }
        match &self.reason {
            Some(reason) => write!(f, "\n    {}", reason.replace('\n', "\n    ")),
            None => Ok(()),
        }
    }
}

/// Reads a report file back.
pub fn read_reports(path: &Path) -> Result<Vec<Report>> {
    let failed = |what: String| {
        let name = path.display();
        Error::new(Code::Read, format!("cannot read report '{name}': {what}"))
    };
    let text = fs::read_to_string(path).map_err(|cause| failed(cause.to_string()))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .enumerate()
        .map(|(number, line)| {
            serde_json::from_str(line)
                .map_err(|cause| failed(format!("line {}: {cause}", number + 1)))
        })
        .collect()
}

/// The table of the fault page. Zero failures in n tries is an upper bound of 3/n at 95 %, so n
/// is always shown.
pub fn markdown(reports: &[Report]) -> String {
    let mut page =
        String::from("| Case | Fault | Invariants | State | Tries |\n|---|---|---|---|---|\n");
    for report in reports {
        let invariants: Vec<String> = report.invariants.iter().map(ToString::to_string).collect();
        let state = match (report.state, &report.reason) {
            (State::Survived, _) => "survived".to_owned(),
            (State::Failed, reason) => format!("**failed**: {}", first_line(reason)),
            (State::Gap, reason) => format!("known gap: {}", first_line(reason)),
        };
        page.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            report.case,
            cell(&report.what),
            invariants.join(" "),
            cell(&state),
            report.tries
        ));
    }
    page
}

fn first_line(text: &Option<String>) -> &str {
    text.as_deref()
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default()
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
