//! A bucket of an object store: whole objects, no renames, and a network in between.
//!
//! * Every call has a deadline and is tried again while the store refuses, stalls or breaks off,
//!   more slowly each time and never for longer than [`Patience::budget`]. Every call here may be
//!   repeated: reading, writing the same bytes under the same key, copying, deleting.
//! * A refusal of who we are is never tried again, and names bucket and endpoint.
//! * Keys are taken as they are. Secrets never enter a message ([`failure`]).

mod failure;
pub(super) mod open;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use millstream_core::{Code, Error, Result};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{GetOptions, MultipartId, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};

use failure::Class;

/// What an object store must be able to do for a table.
pub(crate) trait Store: ObjectStore + MultipartStore {}

impl<T: ObjectStore + MultipartStore> Store for T {}

/// How long calls are waited for and tried again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Deadline of one call; each MiB that is moved adds a second.
    pub(super) call: Duration,
    /// How long a call that fails is tried again.
    pub(super) budget: Duration,
    /// First pause between two tries; doubled each time up to `pause_max`.
    pub(super) pause: Duration,
    pub(super) pause_max: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            call: Duration::from_secs(30),
            budget: Duration::from_secs(60),
            pause: Duration::from_millis(100),
            pause_max: Duration::from_secs(5),
        }
    }
}

/// A place in a bucket. Paths of its methods are relative to it.
#[derive(Clone)]
pub(super) struct Bucket {
    pub(super) store: Arc<dyn Store>,
    /// What messages call it: `bucket 'b' at 'http://…'`.
    pub(super) name: String,
    /// `s3://b`, for paths that users see.
    pub(super) url: String,
    /// Prefix of every key, without slashes at its ends; may be empty.
    pub(super) prefix: String,
    pub(super) patience: Patience,
}

/// An object that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// Relative to the bucket's place.
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) modified_ms: i64,
    /// Changes with the content.
    pub(super) stamp: String,
    /// The store's own name for this version, if it has one.
    pub(super) etag: Option<String>,
}

impl Bucket {
    /// The path users see: `s3://bucket/prefix/path`.
    pub(super) fn shown(&self, path: &str) -> String {
        match self.full(path) {
            key if key.is_empty() => self.url.clone(),
            key => format!("{}/{key}", self.url),
        }
    }

    fn full(&self, path: &str) -> String {
        match (self.prefix.as_str(), path) {
            ("", path) => path.to_string(),
            (prefix, "") => prefix.to_string(),
            (prefix, path) => format!("{prefix}/{path}"),
        }
    }

    fn key(&self, path: &str) -> Result<Path> {
        Path::parse(self.full(path)).map_err(|error| {
            let shown = crate::options::shown(path);
            let text = format!("'{shown}' cannot be a key in {}", self.name);
            Error::new(Code::Write, text).caused_by(error)
        })
    }

    fn object(&self, meta: ObjectMeta) -> Object {
        let key = meta.location.as_ref();
        let path = match self.prefix.is_empty() {
            true => key,
            false => key.strip_prefix(&self.prefix).unwrap_or(key),
        };
        Object {
            path: path.trim_start_matches('/').to_string(),
            size: meta.size,
            modified_ms: meta.last_modified.timestamp_millis(),
            stamp: meta
                .e_tag
                .clone()
                .or(meta.version)
                .unwrap_or_else(|| meta.last_modified.timestamp_millis().to_string()),
            etag: meta.e_tag,
        }
    }

    /// What is known of an object; `None` if there is none.
    pub(super) async fn head(&self, path: &str) -> Result<Option<Object>> {
        let key = self.key(path)?;
        let call = || async { self.store.head(&key).await };
        let found = self.present("look at", path, 0, call).await?;
        Ok(found.map(|meta| self.object(meta)))
    }

    /// Some bytes of an object; `None` if there is none, or another version than `etag`.
    pub(super) async fn range(
        &self,
        path: &str,
        range: Range<u64>,
        etag: Option<&str>,
    ) -> Result<Option<Bytes>> {
        let key = self.key(path)?;
        let bytes = range.end.saturating_sub(range.start);
        let call = || async {
            let options = GetOptions {
                range: Some(range.clone().into()),
                if_match: etag.map(str::to_string),
                ..GetOptions::default()
            };
            self.store.get_opts(&key, options).await?.bytes().await
        };
        self.present("read", path, bytes, call).await
    }

    /// Writes an object in one go.
    pub(super) async fn put(&self, path: &str, bytes: Bytes) -> Result<()> {
        let key = self.key(path)?;
        let call = || async {
            let payload = PutPayload::from_bytes(bytes.clone());
            self.store.put(&key, payload).await
        };
        self.must("write", path, bytes.len() as u64, call).await?;
        Ok(())
    }

    /// Copies within the bucket; false if there is nothing to copy.
    pub(super) async fn copy(&self, from: &str, to: &str, bytes: u64) -> Result<bool> {
        let (from_key, to_key) = (self.key(from)?, self.key(to)?);
        let call = || async { self.store.copy(&from_key, &to_key).await };
        Ok(self.present("copy", from, bytes, call).await?.is_some())
    }

    /// Deletes an object; it may be gone already.
    pub(super) async fn delete(&self, path: &str) -> Result<()> {
        let key = self.key(path)?;
        let call = || async { self.store.delete(&key).await };
        self.present("delete", path, 0, call).await?;
        Ok(())
    }

    /// The objects below a folder, sorted by path.
    pub(super) async fn list(&self, folder: &str, objects_max: usize) -> Result<Vec<Object>> {
        let key = self.key(folder)?;
        let prefix = (!key.as_ref().is_empty()).then_some(&key);
        let call = || async {
            let mut found = Vec::new();
            let mut list = self.store.list(prefix);
            while let Some(meta) = list.next().await {
                if found.len() > objects_max {
                    break;
                }
                found.push(meta?);
            }
            Ok(found)
        };
        // A thousand names per answer.
        let bytes = (objects_max as u64).saturating_mul(1 << 10);
        let found = self.present("list", folder, bytes, call).await?;
        let found = found.unwrap_or_default();
        if found.len() > objects_max {
            return Err(Error::new(
                Code::Read,
                format!(
                    "'{}' holds more than {objects_max} objects",
                    self.shown(folder)
                ),
            ));
        }
        let mut objects: Vec<Object> = found.into_iter().map(|meta| self.object(meta)).collect();
        objects.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(objects)
    }

    /// Begins an upload in parts. Nothing is visible before it is completed.
    pub(super) async fn begin_upload(&self, path: &str) -> Result<MultipartId> {
        let key = self.key(path)?;
        let call = || async { self.store.create_multipart(&key).await };
        self.must("begin to write", path, 0, call).await
    }

    /// Uploads part number `place`, counted from 0.
    pub(super) async fn upload(
        &self,
        path: &str,
        id: &MultipartId,
        place: usize,
        bytes: Bytes,
    ) -> Result<PartId> {
        let key = self.key(path)?;
        let call = || async {
            let payload = PutPayload::from_bytes(bytes.clone());
            self.store.put_part(&key, id, place, payload).await
        };
        self.must("write", path, bytes.len() as u64, call).await
    }

    /// Completes an upload. If the answer to an earlier try was lost, the upload is gone and the
    /// object is there with the size it must have.
    pub(super) async fn complete_upload(
        &self,
        path: &str,
        id: &MultipartId,
        parts: Vec<PartId>,
        size: u64,
    ) -> Result<()> {
        let key = self.key(path)?;
        let call = || async { self.store.complete_multipart(&key, id, parts.clone()).await };
        let Err(error) = self.must("complete", path, size, call).await else {
            return Ok(());
        };
        match self.head(path).await? {
            Some(object) if object.size == size => Ok(()),
            _ => Err(error),
        }
    }

    /// Gives up an upload; it may be gone already.
    pub(super) async fn abort_upload(&self, path: &str, id: &MultipartId) -> Result<()> {
        let key = self.key(path)?;
        let call = || async { self.store.abort_multipart(&key, id).await };
        self.present("give up", path, 0, call).await?;
        Ok(())
    }

    async fn must<T, F>(
        &self,
        verb: &str,
        path: &str,
        bytes: u64,
        call: impl FnMut() -> F,
    ) -> Result<T>
    where
        F: Future<Output = object_store::Result<T>> + Send,
    {
        self.retry(verb, path, bytes, call)
            .await
            .map_err(|(_, error)| error)
    }

    /// `None` if what the call is about is not there.
    async fn present<T, F>(
        &self,
        verb: &str,
        path: &str,
        bytes: u64,
        call: impl FnMut() -> F,
    ) -> Result<Option<T>>
    where
        F: Future<Output = object_store::Result<T>> + Send,
    {
        match self.retry(verb, path, bytes, call).await {
            Ok(done) => Ok(Some(done)),
            Err((Class::Absent, _)) => Ok(None),
            Err((_, error)) => Err(error),
        }
    }

    async fn retry<T, F>(
        &self,
        verb: &str,
        path: &str,
        bytes: u64,
        mut call: impl FnMut() -> F,
    ) -> Result<T, (Class, Error)>
    where
        F: Future<Output = object_store::Result<T>> + Send,
    {
        let deadline = self.patience.call + Duration::from_secs(bytes >> 20);
        let end = tokio::time::Instant::now() + self.patience.budget;
        let mut pause = self.patience.pause;
        loop {
            let (class, error) = match tokio::time::timeout(deadline, call()).await {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(error)) => {
                    let class = failure::class(&error);
                    (class, failure::error(self, class, verb, path, &error))
                }
                Err(_) => {
                    let late = failure::late(self, verb, path, deadline.as_secs());
                    (Class::Away, late)
                }
            };
            let next = tokio::time::Instant::now() + pause;
            if class != Class::Away || next >= end {
                return Err((class, error));
            }
            tokio::time::sleep_until(next).await;
            pause = (pause * 2).min(self.patience.pause_max);
        }
    }
}

#[cfg(test)]
mod tests;
