//! What a checkpoint wrote, and how long it took, from the files in the folder.
//!
//! ```text
//! first state file ─ … ─ last state file ─ manifest-N ─ committed-N
//! └───────────────────── seconds ──────────────────────────────┘
//! ```
//!
//! * What it wrote: files of state that the manifest names and that were made for this checkpoint.
//!   Files that compaction made of older ones in the background are counted apart.
//! * The time from the cut to the first file is not in it: the state is copied in memory then.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use millstream_core::{Code, Error, Result};
use serde_json::Value;

/// One committed checkpoint.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    pub(crate) number: u64,
    /// Bytes of the files written for it, compressed, the manifest included.
    pub(crate) written: u64,
    /// The same before compression, without the manifest.
    pub(crate) raw: u64,
    /// Bytes of files that compaction made.
    pub(crate) compacted: u64,
    /// Entries of state written.
    pub(crate) entries: u64,
    /// From the first file of state to the commit.
    pub(crate) seconds: f64,
}

/// Looks at the committed checkpoints of one job.
pub(crate) struct Watch {
    millstream: PathBuf,
    /// The folder of checkpoints, and the job's in it.
    folder: PathBuf,
    job: String,
    /// Files of state known so far.
    known: BTreeSet<String>,
}

impl Watch {
    /// Looks at `folder`, the job's own one.
    pub(crate) fn new(millstream: &Path, folder: &Path) -> Result<Watch> {
        let job = folder.file_name().and_then(|name| name.to_str());
        let parent = folder.parent();
        let (Some(job), Some(parent)) = (job, parent) else {
            return Err(Error::internal("a folder of checkpoints without a name"));
        };
        Ok(Watch {
            millstream: millstream.to_owned(),
            folder: parent.to_owned(),
            job: job.to_string(),
            known: BTreeSet::new(),
        })
    }

    /// The newest committed number; `None` before the first.
    pub(crate) fn newest(&self) -> Result<Option<u64>> {
        let folder = self.folder.join(&self.job);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(unreadable(&folder, cause)),
        };
        let numbers = entries.flatten().filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let rest = name.strip_prefix("committed-")?;
            rest.rsplit('-').next()?.parse::<u64>().ok()
        });
        Ok(numbers.max())
    }

    /// What checkpoint `number` has added to those looked at before.
    pub(crate) fn look(&mut self, number: u64) -> Result<Checkpoint> {
        let manifest = self.manifest(number)?;
        let mut found = Checkpoint {
            number,
            written: 0,
            raw: 0,
            compacted: 0,
            entries: 0,
            seconds: 0.0,
        };
        let lineage = manifest["lineage"].as_str().unwrap_or_default();
        let folder = self.folder.join(&self.job);
        let mut first: Option<SystemTime> = None;
        let nodes = manifest["nodes"].as_array();
        let runs = nodes.into_iter().flatten();
        for run in runs.filter_map(|node| node["runs"].as_array()).flatten() {
            let path = run["path"].as_str().unwrap_or_default();
            if !self.known.insert(path.to_string()) {
                continue;
            }
            let size = run["size"].as_u64().unwrap_or_default();
            if run["checkpoint"] != number {
                found.compacted += size;
                continue;
            }
            found.written += size;
            found.raw += run["raw_bytes"].as_u64().unwrap_or_default();
            found.entries += run["entries"].as_u64().unwrap_or_default();
            let file = folder.join(path);
            let made = fs::metadata(&file).and_then(|facts| facts.created());
            let made = made.map_err(|cause| unreadable(&file, cause))?;
            first = Some(first.map_or(made, |first| first.min(made)));
        }
        let file = |what: &str| folder.join(format!("{what}-{lineage}-{number:010}"));
        let size = |path: &Path| fs::metadata(path).map_err(|cause| unreadable(path, cause));
        found.written += size(&file("manifest"))?.len();
        let committed = size(&file("committed"))?.modified();
        let committed = committed.map_err(|cause| unreadable(&file("committed"), cause))?;
        if let Some(first) = first {
            found.seconds = committed
                .duration_since(first)
                .unwrap_or_default()
                .as_secs_f64();
        }
        Ok(found)
    }

    fn manifest(&self, number: u64) -> Result<Value> {
        let failed = |what: String| {
            Error::new(
                Code::Read,
                format!("cannot inspect checkpoint {number}: {what}"),
            )
        };
        let output = Command::new(&self.millstream)
            .args(["checkpoint", "inspect"])
            .arg(&self.folder)
            .args(["--job", &self.job, "--json"])
            .args(["--checkpoint", &number.to_string()])
            .output()
            .map_err(|cause| failed(cause.to_string()))?;
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        serde_json::from_slice(&output.stdout).map_err(|cause| failed(cause.to_string()))
    }
}

fn unreadable(path: &Path, cause: std::io::Error) -> Error {
    Error::new(Code::Read, format!("cannot read '{}'", path.display())).caused_by(cause)
}
