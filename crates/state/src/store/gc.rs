//! Deleting what nobody needs. What that is, [`millstream_protocol::gc`] decides.
//!
//! Order: the boundary is published, then manifests, verdicts and files go. A process that was
//! replaced does not begin; and were it replaced while it deletes, what is dead stays dead.
//!
//! The files of a compaction carry a number far ahead, so that they are left alone while no manifest
//! names them. Once one has, and all that did are dead, they go: a manifest is only ever built on the
//! newest one, so what no kept manifest names is never named again.

use hashbrown::HashSet;
use millstream_core::Result;
use millstream_core::failpoint::failpoint;
use millstream_protocol::gc::{Held, Noted, Seen, Stored, Sweep, sweep};

use super::JobStore;
use super::bucket::Put;
use super::generation::Claim;
use super::names::{self, Object};
use crate::envelope;
use crate::together::together;

/// Deletions at a time.
const CALLS: usize = 8;

/// Generation records and boundaries kept besides the newest, for people who look.
const RECORDS_KEPT: usize = 10;

/// What a collection has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Numbers below it are dead.
    pub boundary: u64,
    /// Manifests deleted.
    pub manifests: usize,
    /// State files deleted.
    pub files: usize,
    /// Bytes of state files that are left.
    pub bytes_left: u64,
}

/// What the listing of a job's directory told.
#[derive(Default)]
struct Found {
    manifests: Vec<(String, u64)>,
    markers: Vec<(String, u64)>,
    origins: Vec<String>,
    generations: Vec<u64>,
    boundaries: Vec<u64>,
    files: Vec<(Stored, u64)>,
}

impl JobStore {
    /// Deletes what is behind the `keep` newest committed checkpoints. `in_use` are files that
    /// somebody in this process refers to although no manifest does.
    pub async fn collect_garbage(
        &self,
        claim: &Claim,
        keep: usize,
        in_use: &[String],
    ) -> Result<Collected> {
        failpoint("gc.list")?;
        self.check_fence(claim.generation()).await?;
        let found = self.find().await?;
        let lineage = claim.lineage().to_owned();
        let markers = self.noted(&found).await?;
        let mut pinned = in_use.to_vec();
        let origin = self
            .pin_origin(&lineage, &markers, keep, &mut pinned)
            .await?;
        let seen = Seen {
            manifests: self.held(&found).await?,
            markers,
            files: found.files.iter().map(|(file, _)| file.clone()).collect(),
            pinned,
            boundary: found.boundaries.iter().copied().max().unwrap_or(0),
            keep,
            lineage,
            replaced: claim.record.replaced.clone(),
        };
        let mut sweep = sweep(&seen);
        release(&mut sweep, &seen);
        self.publish(&sweep, seen.boundary).await?;
        self.delete_all(&sweep).await?;
        self.delete_old(&found, origin.as_deref(), sweep.boundary)
            .await?;
        let bytes: u64 = found.files.iter().map(|(_, size)| size).sum();
        let deleted: HashSet<&String> = sweep.files.iter().collect();
        let gone = found
            .files
            .iter()
            .filter(|(file, _)| deleted.contains(&file.path));
        let gone: u64 = gone.map(|(_, size)| size).sum();
        Ok(Collected {
            boundary: sweep.boundary,
            manifests: sweep.manifests.len(),
            files: sweep.files.len(),
            bytes_left: bytes - gone,
        })
    }

    async fn find(&self) -> Result<Found> {
        let mut found = Found::default();
        for object in self.bucket.list(&self.directory_name).await? {
            let Some(name) = self.name_of(&object.path) else {
                continue;
            };
            match names::parse(name) {
                Object::Manifest(lineage, number) => found.manifests.push((lineage, number)),
                Object::Committed(lineage, number) => found.markers.push((lineage, number)),
                Object::Origin(lineage) => found.origins.push(lineage),
                Object::Generation(number) => found.generations.push(number),
                Object::Boundary(number) => found.boundaries.push(number),
                Object::State(lineage, checkpoint) => found.files.push((
                    Stored {
                        path: name.to_owned(),
                        lineage,
                        checkpoint,
                    },
                    object.size,
                )),
                Object::Other => {}
            }
        }
        Ok(found)
    }

    /// The files our lineage began with are needed until it has enough checkpoints of its own.
    /// Returns the lineage whose origin stays.
    async fn pin_origin(
        &self,
        lineage: &str,
        markers: &[Noted],
        keep: usize,
        pinned: &mut Vec<String>,
    ) -> Result<Option<String>> {
        let ours = |marker: &&Noted| marker.committed && marker.lineage == lineage;
        if markers.iter().filter(ours).count() >= keep.max(1) {
            return Ok(None);
        }
        if let Some(origin) = self.read_origin(lineage).await? {
            pinned.extend(origin.files().map(|(path, _)| path.to_owned()));
        }
        Ok(Some(lineage.to_owned()))
    }

    async fn held(&self, found: &Found) -> Result<Vec<Held>> {
        together(
            CALLS,
            found.manifests.iter().map(|(lineage, number)| async move {
                let files = match self.find_manifest(lineage, *number).await {
                    Ok(Some(manifest)) => {
                        Some(manifest.files().map(|(path, _)| path.to_owned()).collect())
                    }
                    Ok(None) => Some(Vec::new()),
                    Err(error) if super::checkpoint::is_damage(&error) => None,
                    Err(error) => return Err(error),
                };
                Ok(Held {
                    lineage: lineage.clone(),
                    number: *number,
                    files,
                })
            }),
        )
        .await
    }

    async fn noted(&self, found: &Found) -> Result<Vec<Noted>> {
        together(
            CALLS,
            found.markers.iter().map(|(lineage, number)| async move {
                let committed = match self.read_marker(lineage, *number).await {
                    Ok(content) => content.is_some_and(|content| !content.aborted),
                    Err(error) if super::checkpoint::is_damage(&error) => false,
                    Err(error) => return Err(error),
                };
                Ok(Noted {
                    lineage: lineage.clone(),
                    number: *number,
                    committed,
                })
            }),
        )
        .await
    }

    async fn publish(&self, sweep: &Sweep, known: u64) -> Result<()> {
        failpoint("gc.boundary")?;
        if sweep.boundary <= known {
            return Ok(());
        }
        let path = self.path(&names::boundary(sweep.boundary));
        let bytes = envelope::seal("boundary", 1, &sweep.boundary)?;
        // Whoever wrote it, it says the same.
        match self.bucket.create(&path, bytes, |_| true).await? {
            Put::Ours | Put::Theirs(_) => Ok(()),
        }
    }

    async fn delete_all(&self, sweep: &Sweep) -> Result<()> {
        let manifests = sweep.manifests.iter().map(|(l, n)| names::manifest(l, *n));
        let markers = sweep.markers.iter().map(|(l, n)| names::committed(l, *n));
        // Files go when nothing can name them any more.
        self.delete_names(manifests.collect()).await?;
        self.delete_names(markers.collect()).await?;
        self.delete_names(sweep.files.clone()).await
    }

    /// Records, boundaries and origins that newer ones have replaced.
    async fn delete_old(&self, found: &Found, origin: Option<&str>, boundary: u64) -> Result<()> {
        let mut generations = found.generations.clone();
        generations.sort_unstable();
        let old = generations.len().saturating_sub(RECORDS_KEPT);
        let generations = generations[..old].iter().map(|n| names::generation(*n));
        let boundaries = found.boundaries.iter().filter(|known| **known < boundary);
        let origins = found
            .origins
            .iter()
            .filter(|of| Some(of.as_str()) != origin);
        let names = generations
            .chain(boundaries.map(|n| names::boundary(*n)))
            .chain(origins.map(|of| names::origin(of)))
            .collect();
        self.delete_names(names).await
    }

    async fn delete_names(&self, names: Vec<String>) -> Result<()> {
        together(
            CALLS,
            names.into_iter().map(|name| async move {
                failpoint("gc.delete")?;
                self.bucket.delete(&self.path(&name)).await
            }),
        )
        .await
        .map(|_| ())
    }
}

/// Adds the files that only dead manifests name.
fn release(sweep: &mut Sweep, seen: &Seen) {
    let dead: HashSet<(&str, u64)> = sweep
        .manifests
        .iter()
        .map(|(lineage, number)| (lineage.as_str(), *number))
        .collect();
    let mut needed: HashSet<&String> = seen.pinned.iter().collect();
    let mut named = HashSet::new();
    for manifest in &seen.manifests {
        let is_dead = dead.contains(&(manifest.lineage.as_str(), manifest.number));
        match &manifest.files {
            Some(files) if is_dead => named.extend(files),
            Some(files) => needed.extend(files),
            None if is_dead => {}
            // What a damaged manifest names nobody knows.
            None => return,
        }
    }
    let known: HashSet<String> = sweep.files.iter().cloned().collect();
    let released = named
        .into_iter()
        .filter(|file: &&String| !needed.contains(*file) && !known.contains(*file));
    sweep.files.extend(released.cloned());
}
