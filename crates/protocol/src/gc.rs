//! What nobody can need any more.
//!
//! The *boundary* is the smallest checkpoint number that is kept: the `keep`-th newest committed
//! one. It only rises: each is an object of its own, and the newest counts, so that a zombie
//! cannot lower it. Everything below is dead, for good:
//!
//! ```text
//! numbers      1   2   3   4   5   6   7   8        keep = 3, committed: 2 3 5 6 8
//!              ──── dead ──── │ ──── kept ───       boundary = 5 (4 and 7 were discarded)
//! ```
//!
//! Order of work: publish the boundary object, then delete manifests, then markers, then files. A
//! writer that slept meanwhile and creates a dead number again reads the boundary after its create
//! and stops (X13); what it made is swept the next time, and recovery does not look below the
//! boundary. With the order reversed there would be a moment in which the number is free and not
//! yet known to be dead.
//!
//! A file goes only if it was written for a dead number and no manifest that is kept, and no
//! savepoint, refers to it. So files still being uploaded, which no manifest names yet, are safe:
//! their number is above the boundary. Who takes a new reference to old files (a savepoint, a new
//! lineage) publishes it and then checks the boundary, as a writer does.
//!
//! Checkpoints of the lineages that ours replaced go as a whole, once ours has enough of its own.
//! Any other lineage is a successor's, and we are the zombie: it is not touched.
//!
//! Safety does not rest on `keep`: the model runs with 1. Keeping [`KEEP_MIN`] leaves the user
//! something to go back to.
//!
//! Always: the same listing, or an older one, never deletes what is alive now, for "dead" is never
//! taken back; a zombie that collects garbage does no harm.
//! Cost: O(n log n) in what was listed.

use std::collections::BTreeSet;

#[cfg(test)]
mod tests;

/// Committed checkpoints a job keeps at least.
pub const KEEP_MIN: usize = 3;

/// What was listed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The lineage that collects.
    pub lineage: String,
    /// The lineages it replaced; of any other nothing is deleted.
    pub replaced: Vec<String>,
    /// Every manifest of the job.
    pub manifests: Vec<Held>,
    /// Every `committed-N` of the job.
    pub markers: Vec<Noted>,
    /// Every state file of the job.
    pub files: Vec<Stored>,
    /// Files that something outside the checkpoints refers to: savepoints, our lineage's origin.
    pub pinned: Vec<String>,
    /// The boundary published so far, 0 if none.
    pub boundary: u64,
    /// Committed checkpoints to keep; at least 1.
    pub keep: usize,
}

/// A manifest and what it refers to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    /// Its lineage.
    pub lineage: String,
    /// Its number.
    pub number: u64,
    /// Its files; nothing if it is too damaged to tell: then no file is deleted at all.
    pub files: Option<Vec<String>>,
}

/// A `committed-N`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Noted {
    /// Its lineage.
    pub lineage: String,
    /// Its number.
    pub number: u64,
    /// Whether it says "committed".
    pub committed: bool,
}

/// A state file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stored {
    /// Its name, as in manifests.
    pub path: String,
    /// The lineage it was written in.
    pub lineage: String,
    /// The checkpoint it was written for.
    pub checkpoint: u64,
}

/// What to do, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sweep {
    /// Publish this boundary first, if it is above the one known.
    pub boundary: u64,
    /// Manifests to delete: lineage and number.
    pub manifests: Vec<(String, u64)>,
    /// Markers to delete: lineage and number.
    pub markers: Vec<(String, u64)>,
    /// Files to delete.
    pub files: Vec<String>,
}

impl Sweep {
    /// Whether there is nothing to delete.
    pub fn is_empty(&self) -> bool {
        self.manifests.is_empty() && self.markers.is_empty() && self.files.is_empty()
    }
}

/// What can be deleted, given what was listed.
pub fn sweep(seen: &Seen) -> Sweep {
    let kept = boundary(seen);
    let settled = committed(seen).len() >= seen.keep.max(1);
    let boundary = kept.unwrap_or(0).max(seen.boundary);
    let dead = |lineage: &String, number: u64| match *lineage == seen.lineage {
        true => number < boundary,
        // Not every other lineage: one may have been begun after ours, by our successor.
        false => settled && seen.replaced.contains(lineage),
    };
    let manifests = seen.manifests.iter().filter(|m| dead(&m.lineage, m.number));
    let markers = seen.markers.iter().filter(|m| dead(&m.lineage, m.number));
    Sweep {
        boundary,
        manifests: manifests.map(|m| (m.lineage.clone(), m.number)).collect(),
        markers: markers.map(|m| (m.lineage.clone(), m.number)).collect(),
        files: unreferenced(seen, dead),
    }
}

fn unreferenced(seen: &Seen, dead: impl Fn(&String, u64) -> bool) -> Vec<String> {
    let mut needed: BTreeSet<&String> = seen.pinned.iter().collect();
    for manifest in seen
        .manifests
        .iter()
        .filter(|m| !dead(&m.lineage, m.number))
    {
        match &manifest.files {
            Some(files) => needed.extend(files),
            None => return Vec::new(),
        }
    }
    let free = |f: &&Stored| dead(&f.lineage, f.checkpoint) && !needed.contains(&f.path);
    seen.files
        .iter()
        .filter(free)
        .map(|f| f.path.clone())
        .collect()
}

/// Numbers of our committed checkpoints.
fn committed(seen: &Seen) -> BTreeSet<u64> {
    let ours = |m: &&Noted| m.committed && m.lineage == seen.lineage && m.number >= seen.boundary;
    seen.markers.iter().filter(ours).map(|m| m.number).collect()
}

/// The `keep`-th newest of our committed checkpoints.
fn boundary(seen: &Seen) -> Option<u64> {
    committed(seen).into_iter().rev().nth(seen.keep.max(1) - 1)
}
