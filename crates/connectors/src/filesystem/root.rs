//! The place a table is written to: a directory or a prefix in a bucket. Paths are relative to it,
//! with `/` between their parts.

use std::collections::BTreeSet;
use std::path::PathBuf;

use bytes::Bytes;
use millstream_core::{Code, Error, Result};
use serde_json::Value;

use super::bucket::Bucket;
use super::committable::Move;
use super::directory;
use super::pending::Life;

/// Most objects that earlier lives may have left behind.
const LEFTOVERS_MAX: usize = 1_000_000;
/// Longest of the small files kept beside pending ones.
const SMALL_BYTES_MAX: u64 = 64 << 20;
/// Largest object that S3 copies in one step.
pub(super) const OBJECT_BYTES_MAX: u64 = 5 << 30;
/// The end of the name of an object that names an upload in parts.
pub(super) const UPLOAD: &str = ".upload";

/// See the module.
#[derive(Clone)]
pub(super) enum Root {
    Directory(PathBuf),
    Bucket(Bucket),
}

/// What became of a pending file that was to become visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// It is visible, now or since before.
    Yes,
    /// Another file has its visible name.
    NameTaken,
    /// It is there neither pending nor visible.
    Gone,
}

impl Root {
    /// A path as users see it.
    pub(super) fn shown(&self, path: &str) -> String {
        match self {
            Root::Directory(root) => root.join(path).display().to_string(),
            Root::Bucket(bucket) => bucket.shown(path),
        }
    }

    /// Makes a pending file visible. Can be repeated.
    pub(super) async fn show(&self, file: &Move) -> Result<Shown> {
        let bucket = match self {
            Root::Directory(root) => {
                let (root, file) = (root.clone(), file.clone());
                return directory::blocking(move || directory::show(&root, &file)).await;
            }
            Root::Bucket(bucket) => bucket,
        };
        if bucket.copy(&file.from, &file.to, OBJECT_BYTES_MAX).await? {
            return Ok(Shown::Yes);
        }
        match bucket.head(&file.to).await? {
            Some(_) => Ok(Shown::Yes),
            None => Ok(Shown::Gone),
        }
    }

    /// True if the visible file is there.
    pub(super) async fn is_visible(&self, file: &Move) -> Result<bool> {
        match self {
            Root::Directory(root) => {
                let path = root.join(&file.to);
                path.try_exists().map_err(|error| {
                    let text = format!("cannot look at '{}'", path.display());
                    Error::new(Code::Read, text).caused_by(error)
                })
            }
            Root::Bucket(bucket) => Ok(bucket.head(&file.to).await?.is_some()),
        }
    }

    /// Makes it last that a file is visible, and no longer pending.
    pub(super) async fn settle(&self, files: &[&Move]) -> Result<()> {
        match self {
            Root::Directory(root) => {
                let directories = files.iter().map(|file| root.join(file.directory()));
                let directories: BTreeSet<PathBuf> = directories.collect();
                let sync = move || {
                    directories
                        .iter()
                        .try_for_each(|path| directory::sync(path))
                };
                directory::blocking(sync).await
            }
            Root::Bucket(bucket) => {
                for file in files {
                    bucket.delete(&file.from).await?;
                }
                Ok(())
            }
        }
    }

    /// Creates an empty file in a directory of visible files.
    pub(super) async fn mark(&self, path: &str) -> Result<()> {
        match self {
            Root::Directory(root) => {
                let path = root.join(path);
                directory::blocking(move || directory::mark(&path)).await
            }
            Root::Bucket(bucket) => bucket.put(path, Bytes::new()).await,
        }
    }

    /// A small file; `None` if there is none.
    pub(super) async fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let bucket = match self {
            Root::Directory(root) => return directory::read(&root.join(path)),
            Root::Bucket(bucket) => bucket,
        };
        let Some(object) = bucket.head(path).await? else {
            return Ok(None);
        };
        if object.size > SMALL_BYTES_MAX {
            let shown = self.shown(path);
            let text = format!("'{shown}' has {} bytes", object.size);
            return Err(Error::new(Code::Read, text));
        }
        if object.size == 0 {
            return Ok(Some(Vec::new()));
        }
        let bytes = bucket.range(path, 0..object.size, None).await?;
        Ok(bytes.map(|bytes| bytes.to_vec()))
    }

    /// The files that lives of a job which are over have left behind.
    pub(super) async fn leftovers(&self, life: &Life) -> Result<Vec<String>> {
        match self {
            Root::Directory(root) => directory::leftovers(root, life),
            Root::Bucket(bucket) => {
                let found = bucket.list(&life.job, LEFTOVERS_MAX).await?.into_iter();
                let over = |path: &String| {
                    let rest = path.strip_prefix(&life.job);
                    let rest = rest.and_then(|rest| rest.strip_prefix('/'));
                    let folder = rest.and_then(|rest| rest.split('/').next());
                    folder.is_some_and(|folder| life.outlives(folder))
                };
                Ok(found.map(|object| object.path).filter(over).collect())
            }
        }
    }

    /// Removes what lives of a job which are over have left behind.
    pub(super) async fn remove_leftovers(&self, life: &Life) -> Result<()> {
        let bucket = match self {
            Root::Directory(root) => return directory::remove_others(root, life),
            Root::Bucket(bucket) => bucket,
        };
        for path in self.leftovers(life).await? {
            if let Some(object) = path.strip_suffix(UPLOAD)
                && let Some(id) = self.read(&path).await?.and_then(|text| upload_id(&text))
            {
                bucket.abort_upload(object, &id).await?;
            }
            bucket.delete(&path).await?;
        }
        Ok(())
    }

    /// Removes the folders of a life that have become empty; a bucket has none.
    pub(super) fn remove_empty(&self, life: &Life) -> Result<()> {
        match self {
            Root::Directory(root) => directory::remove_empty(root, life),
            Root::Bucket(_) => Ok(()),
        }
    }
}

fn upload_id(text: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(text).ok()?;
    Some(value.get("id")?.as_str()?.to_string())
}
