//! Savepoints: checkpoints on request that stand by themselves.
//!
//! ```text
//! <directory>/savepoint          the manifest, created last: without it there is no savepoint
//!             state/…            copies of every file it refers to
//! ```
//!
//! * The copies are made by the store where both places are the same, so the bytes do not travel;
//!   on a local disk they are links. Nothing a job deletes later concerns a savepoint.
//! * To restore, a job *adopts* a savepoint: its files are copied into the job's directory first. So
//!   a savepoint can be deleted as soon as the job runs.

use std::sync::Arc;

use millstream_core::{Code, Error, Result};

use super::bucket::Put;
use super::state::Files;
use super::{CheckpointStore, JobStore, StoreOptions, names};
use crate::envelope;
use crate::manifest::{Kind, Manifest};
use crate::together::together;

/// The manifest of a savepoint.
const NAME: &str = "savepoint";

/// Where the savepoints of a job are unless another place is named.
const DIRECTORY: &str = "savepoints";

/// Copies at a time.
const CALLS: usize = 4;

/// A savepoint that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Savepoint {
    /// Its URL, as people may see it and give it back.
    pub url: String,
    /// What it holds.
    pub manifest: Manifest,
    /// Bytes of state in it.
    pub bytes: u64,
}

impl JobStore {
    /// Copies a checkpoint into a savepoint called `name` below this job's directory, or below
    /// `target`. Returns its URL.
    ///
    /// # Errors
    /// `AlreadyExists` if there is one of this name.
    pub async fn create_savepoint(
        &self,
        manifest: &Manifest,
        name: &str,
        target: Option<&CheckpointStore>,
    ) -> Result<String> {
        let name = names::segment("savepoint", name)?;
        let (bucket, base) = match target {
            None => (&self.bucket, self.path(&format!("{DIRECTORY}/{name}"))),
            Some(target) => (&target.bucket, name),
        };
        let to = Files {
            bucket: Arc::clone(bucket),
            base,
        };
        let mut copy = manifest.clone();
        copy.kind = Kind::Savepoint;
        move_files(&self.files(), &to, &mut copy, |path| path.to_owned()).await?;
        let url = format!("{}/{}", bucket.named.url, to.base);
        let bytes = copy.encode()?;
        let ours = bytes.clone();
        match to
            .bucket
            .create(&to.path(NAME), bytes, |found| found == ours)
            .await?
        {
            Put::Ours => Ok(url),
            Put::Theirs(_) => Err(Error::new(
                Code::AlreadyExists,
                format!("there is a savepoint at '{url}' already"),
            )
            .hint("choose another name, or delete that one first")),
        }
    }

    /// Copies the files of a savepoint, or of a checkpoint of another directory, into this job's
    /// directory. The manifest returned names the copies; hand it to
    /// [`begin_lineage`](JobStore::begin_lineage).
    pub async fn adopt(&self, savepoint: &str, options: &StoreOptions) -> Result<Manifest> {
        let (from, mut manifest) = open(savepoint, options).await?;
        let number = manifest.checkpoint;
        let lineage = manifest.lineage.clone();
        move_files(&from, &self.files(), &mut manifest, |path| {
            let kind = path.rsplit('.').next().unwrap_or("run").to_owned();
            names::state(&lineage, number, "adopted", &kind)
        })
        .await?;
        Ok(manifest)
    }

    /// The savepoints in this job's directory, newest first.
    pub async fn savepoints(&self) -> Result<Vec<Savepoint>> {
        list(&self.bucket, &self.path(DIRECTORY)).await
    }
}

/// The savepoints right below a URL, newest first.
pub async fn list_savepoints(url: &str, options: &StoreOptions) -> Result<Vec<Savepoint>> {
    let store = CheckpointStore::open(url, options)?;
    list(&store.bucket, "").await
}

/// Reads a savepoint; with `deep`, every byte of it is read and checked.
pub async fn read_savepoint(url: &str, deep: bool, options: &StoreOptions) -> Result<Savepoint> {
    let (files, manifest) = open(url, options).await?;
    if deep {
        files.verify(&manifest).await?;
    }
    Ok(Savepoint {
        url: url.to_owned(),
        bytes: manifest.state_bytes(),
        manifest,
    })
}

/// Deletes a savepoint, its manifest first. Half a savepoint, without manifest, is deleted too.
///
/// # Errors
/// `NotFound` if there is none; whatever else lies there is not touched.
pub async fn delete_savepoint(url: &str, options: &StoreOptions) -> Result<()> {
    let store = CheckpointStore::open(&parent(url)?, options)?;
    let name = last(url)?;
    let listed = store.bucket.list(&name).await?;
    let manifest = format!("{name}/{NAME}");
    let state = format!("{name}/state/");
    let (ours, others): (Vec<String>, Vec<String>) = listed
        .into_iter()
        .map(|found| found.path)
        .filter(|path| *path != manifest)
        .partition(|path| path.starts_with(&state));
    let is_one = store
        .bucket
        .get(&manifest, envelope::BYTES_MAX as u64)
        .await?
        .is_some();
    // A job's directory has state too, and much else.
    if !is_one && (ours.is_empty() || !others.is_empty()) {
        return Err(missing(url));
    }
    store.bucket.delete(&manifest).await?;
    together(
        CALLS,
        ours.into_iter().map(|path| {
            let bucket = Arc::clone(&store.bucket);
            async move { bucket.delete(&path).await }
        }),
    )
    .await
    .map(|_| ())
}

async fn list(bucket: &Arc<super::bucket::Bucket>, below: &str) -> Result<Vec<Savepoint>> {
    let mut found = Vec::new();
    for name in bucket.directories(below).await? {
        let base = match below.is_empty() {
            true => name,
            false => format!("{below}/{name}"),
        };
        let path = format!("{base}/{NAME}");
        // Without a manifest it is no savepoint, or not yet.
        if let Some(bytes) = bucket.get(&path, envelope::BYTES_MAX as u64).await? {
            let manifest = Manifest::decode(&path, &bytes)?;
            found.push(Savepoint {
                url: format!("{}/{base}", bucket.named.url),
                bytes: manifest.state_bytes(),
                manifest,
            });
        }
    }
    found.sort_by_key(|savepoint| std::cmp::Reverse(savepoint.manifest.created_ms));
    Ok(found)
}

async fn open(url: &str, options: &StoreOptions) -> Result<(Files, Manifest)> {
    let store = CheckpointStore::open(&parent(url)?, options)?;
    let files = Files {
        bucket: Arc::clone(&store.bucket),
        base: last(url)?,
    };
    let path = files.path(NAME);
    match files.bucket.get(&path, envelope::BYTES_MAX as u64).await? {
        Some(bytes) => Ok((files, Manifest::decode(&path, &bytes)?)),
        None => Err(missing(url)),
    }
}

fn missing(url: &str) -> Error {
    let url = super::place::shown(url);
    Error::new(Code::NotFound, format!("there is no savepoint at '{url}'"))
        .hint("its directory holds a file called 'savepoint'")
}

/// The place a savepoint is in, and below it the name of its directory.
fn parent(url: &str) -> Result<String> {
    let (parent, _) = cut(url)?;
    Ok(match parent {
        "" => "/".to_owned(),
        parent => parent.to_owned(),
    })
}

fn last(url: &str) -> Result<String> {
    cut(url).map(|(_, name)| name.to_owned())
}

fn cut(url: &str) -> Result<(&str, &str)> {
    let trimmed = url.trim_end_matches('/');
    let host = trimmed.find("://").map_or(0, |at| at + 3);
    match trimmed[host..].rsplit_once('/') {
        Some((before, name)) if !name.is_empty() => Ok((&trimmed[..host + before.len()], name)),
        Some(_) | None => match host == 0 && !trimmed.is_empty() {
            true => Ok((".", trimmed)),
            false => Err(Error::new(
                Code::InvalidOption,
                format!("'{}' does not name a savepoint", super::place::shown(url)),
            )
            .hint("write the path or URL of its directory")),
        },
    }
}

/// Copies every file of a manifest and gives the copies new names in it.
async fn move_files(
    from: &Files,
    to: &Files,
    manifest: &mut Manifest,
    rename: impl Fn(&str) -> String,
) -> Result<()> {
    let mut copies = Vec::new();
    for node in &mut manifest.nodes {
        for run in node.runs.iter_mut().filter(|run| run.inline.is_none()) {
            let name = rename(&run.path);
            copies.push((
                std::mem::replace(&mut run.path, name.clone()),
                name,
                run.size,
            ));
        }
        for blob in node.blobs.iter_mut().filter(|blob| blob.inline.is_none()) {
            let name = rename(&blob.path);
            copies.push((
                std::mem::replace(&mut blob.path, name.clone()),
                name,
                blob.size,
            ));
        }
    }
    let within = Arc::ptr_eq(&from.bucket, &to.bucket);
    together(
        CALLS,
        copies.into_iter().map(|(old, new, size)| async move {
            match within {
                true => {
                    from.bucket
                        .copy(&from.path(&old), &to.path(&new), size)
                        .await
                }
                false => {
                    let bytes = from.whole(&old, size).await?;
                    to.bucket.put(&to.path(&new), bytes).await
                }
            }
        }),
    )
    .await
    .map(|_| ())
}
