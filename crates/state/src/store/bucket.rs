//! Calls to an object store: each with a deadline, tried again where that helps.
//!
//! * Objects are created and never changed. [`Bucket::create`] makes a numbered object if it is
//!   absent; whoever made it first wins. If the answer is lost, the object is read back and compared
//!   (X28). [`Bucket::put`] stores an object under a name that holds a random token, so that
//!   whatever is found there is ours.
//! * Every body is one request: a run is at most some tens of megabytes, so there are no multipart
//!   uploads and nothing of them is left behind.
//! * A call that may succeed later is tried again with growing pauses until the budget is used up.
//! * Reads say what size an object should have; another size, or no object, is damage.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use millstream_core::{Code, Error, Result};
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
};
use tokio::time::Instant;

use super::failure::{self, Class};
use super::place::{Place, StoreOptions};
use crate::error::damaged;

/// How messages call a place.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) url: String,
    pub(crate) name: String,
    pub(crate) remedy: String,
}

/// What a create-only write has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// It is there, with our bytes.
    Ours,
    /// Somebody else's bytes are there.
    Theirs(Bytes),
}

/// An object that was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its path below the place.
    pub(crate) path: String,
    pub(crate) size: u64,
}

/// See the module.
pub(crate) struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: String,
    pub(crate) named: Named,
    pub(crate) directory: Option<std::path::PathBuf>,
    options: StoreOptions,
}

/// What one try of a call gave.
enum Tried<T> {
    Done(T),
    Failed(Class, Error),
}

impl Bucket {
    pub(crate) fn new(place: Place, options: StoreOptions) -> Self {
        Bucket {
            store: place.store,
            prefix: place.prefix,
            named: Named {
                url: place.url,
                name: place.name,
                remedy: place.remedy,
            },
            directory: place.directory,
            options,
        }
    }

    fn path(&self, path: &str) -> Path {
        match self.prefix.is_empty() {
            true => Path::from(path),
            false => Path::from(format!("{}/{path}", self.prefix)),
        }
    }

    /// One try, with a deadline that grows with the bytes to move.
    async fn once<T>(
        &self,
        what: &str,
        bytes: u64,
        call: impl Future<Output = object_store::Result<T>>,
    ) -> Tried<T> {
        let deadline = self.options.call_timeout + Duration::from_secs(bytes >> 20);
        match tokio::time::timeout(deadline, call).await {
            Ok(Ok(done)) => Tried::Done(done),
            Ok(Err(e)) => Tried::Failed(failure::class(&e), failure::error(&self.named, what, &e)),
            Err(_) => Tried::Failed(
                Class::Unknown,
                failure::late(&self.named, what, deadline.as_secs()),
            ),
        }
    }

    /// Tries until it is done, cannot be done, or the budget is used up.
    async fn retry<T, F>(&self, what: &str, bytes: u64, mut call: impl FnMut() -> F) -> Tried<T>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        let mut pauses = Pauses::new(&self.options);
        loop {
            match self.once(what, bytes, call()).await {
                Tried::Failed(class @ (Class::Refused | Class::Unknown), error) => {
                    if !pauses.pause().await {
                        return Tried::Failed(class, error);
                    }
                }
                other => return other,
            }
        }
    }

    /// The whole object; `None` if there is none.
    pub(crate) async fn get(&self, path: &str, bytes_max: u64) -> Result<Option<Bytes>> {
        let what = format!("read '{path}'");
        let location = self.path(path);
        let tried = self
            .retry(&what, bytes_max.min(64 << 20), || async {
                let found = self.store.get(&location).await?;
                let size = found.meta.size;
                match size <= bytes_max {
                    true => whole(found.bytes().await?, size).map(Ok),
                    false => Ok(Err(size)),
                }
            })
            .await;
        match tried {
            Tried::Done(Ok(bytes)) => Ok(Some(bytes)),
            Tried::Done(Err(size)) => Err(damaged(
                path,
                format!("it has {size} bytes, at most {bytes_max} are allowed"),
            )),
            Tried::Failed(Class::Absent, _) => Ok(None),
            Tried::Failed(_, error) => Err(error),
        }
    }

    /// Some bytes of an object of `size` bytes, if it is a file of this machine and all is well.
    pub(crate) fn read_here(&self, path: &str, range: Range<u64>, size: u64) -> Option<Bytes> {
        let directory = self.directory.as_deref()?;
        super::local::read(&directory.join(path), range, size)
    }

    /// Some bytes of an object that must have `size` bytes.
    pub(crate) async fn get_range(
        &self,
        path: &str,
        range: Range<u64>,
        size: u64,
    ) -> Result<Bytes> {
        let what = format!("read '{path}'");
        let location = self.path(path);
        let wanted = range.end - range.start;
        if wanted == 0 || range.end > size {
            return Err(damaged(path, format!("it ends before byte {}", range.end)));
        }
        let tried = self
            .retry(&what, wanted, || async {
                let options = GetOptions {
                    range: Some(GetRange::Bounded(range.clone())),
                    ..GetOptions::default()
                };
                let found = match self.store.get_opts(&location, options).await {
                    Ok(found) => found,
                    // A range behind the end is reported in many ways; the size says it plainly.
                    Err(e @ object_store::Error::Generic { .. }) => {
                        let is = self.store.head(&location).await?.size;
                        return if is == size { Err(e) } else { Ok(Err(is)) };
                    }
                    Err(e) => return Err(e),
                };
                match found.meta.size == size {
                    true => whole(found.bytes().await?, wanted).map(Ok),
                    false => Ok(Err(found.meta.size)),
                }
            })
            .await;
        match tried {
            Tried::Done(Ok(bytes)) => Ok(bytes),
            Tried::Done(Err(is)) => Err(damaged(path, format!("it has {is} bytes, wanted {size}"))),
            Tried::Failed(Class::Absent, _) => Err(damaged(
                path,
                format!("it is missing in {}", self.named.name),
            )),
            Tried::Failed(_, error) => Err(error),
        }
    }

    /// Creates an object if it is absent. `ours` tells our bytes from those of another writer.
    ///
    /// # Errors
    /// `CommitUnknown` if it cannot be said whether the object exists or will exist.
    pub(crate) async fn create(
        &self,
        path: &str,
        bytes: Bytes,
        ours: impl Fn(&[u8]) -> bool,
    ) -> Result<Put> {
        let what = format!("create '{path}'");
        let mut pauses = Pauses::new(&self.options);
        let mut in_doubt = false;
        loop {
            let tried = self
                .once(&what, bytes.len() as u64, self.put_new(path, &bytes))
                .await;
            let error = match tried {
                Tried::Done(()) => return Ok(Put::Ours),
                Tried::Failed(Class::Refused, error) => error,
                Tried::Failed(class @ (Class::Unknown | Class::Exists), error) => {
                    match self.read_back(path, bytes.len() as u64).await {
                        Ok(Some(found)) if ours(&found) => return Ok(Put::Ours),
                        Ok(Some(found)) => return Ok(Put::Theirs(found)),
                        // "Exists" and then absent: another writer's create is under way.
                        Ok(None) => in_doubt |= class == Class::Unknown,
                        Err(_) => in_doubt = true,
                    }
                    error
                }
                Tried::Failed(_, error) => return Err(error),
            };
            if !pauses.pause().await {
                return Err(match in_doubt {
                    true => unknown(&error),
                    false => error,
                });
            }
        }
    }

    async fn put_new(&self, path: &str, bytes: &Bytes) -> object_store::Result<()> {
        let options = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        let payload = PutPayload::from_bytes(bytes.clone());
        self.store
            .put_opts(&self.path(path), payload, options)
            .await
            .map(|_| ())
    }

    async fn read_back(&self, path: &str, bytes: u64) -> Result<Option<Bytes>> {
        let what = format!("read back '{path}'");
        let location = self.path(path);
        let read = async { self.store.get(&location).await?.bytes().await };
        match self.once(&what, bytes, read).await {
            Tried::Done(bytes) => {
                self.sync_name(path)?;
                Ok(Some(bytes))
            }
            Tried::Failed(Class::Absent, _) => Ok(None),
            Tried::Failed(_, error) => Err(error),
        }
    }

    /// An object of another writer may be readable before its name is durable.
    fn sync_name(&self, path: &str) -> Result<()> {
        let Some(root) = &self.directory else {
            return Ok(());
        };
        let file = root.join(path);
        let directory = file.parent().unwrap_or(root);
        super::local::sync_directory(directory).map_err(|e| {
            Error::new(
                Code::Write,
                format!("cannot sync the directory '{}'", directory.display()),
            )
            .caused_by(e)
        })
    }

    /// Stores an object under a name nobody else uses.
    pub(crate) async fn put(&self, path: &str, bytes: Bytes) -> Result<()> {
        let what = format!("write '{path}'");
        let tried = self
            .retry(&what, bytes.len() as u64, || self.put_new(path, &bytes))
            .await;
        match tried {
            Tried::Done(()) => Ok(()),
            Tried::Failed(Class::Exists, _) => self.stored_earlier(path, bytes.len() as u64).await,
            Tried::Failed(_, error) => Err(error),
        }
    }

    /// The name is ours, so an earlier try has arrived; unless something is very wrong.
    async fn stored_earlier(&self, path: &str, size: u64) -> Result<()> {
        let what = format!("look at '{path}'");
        let location = self.path(path);
        let found = match self.retry(&what, 0, || self.store.head(&location)).await {
            Tried::Done(meta) => meta.size,
            Tried::Failed(_, error) => return Err(error),
        };
        match found == size {
            true => self.sync_name(path),
            false => Err(damaged(
                path,
                format!("it was written with {size} bytes and has {found}"),
            )),
        }
    }

    /// Every object below a path, in the order of names.
    pub(crate) async fn list(&self, below: &str) -> Result<Vec<Listed>> {
        self.list_from(below, None).await
    }

    /// The objects below a path whose names follow `after`.
    pub(crate) async fn list_from(&self, below: &str, after: Option<&str>) -> Result<Vec<Listed>> {
        let what = format!("list '{below}'");
        let prefix = self.path(below);
        let offset = after.map(|after| self.path(after));
        let tried = self
            .retry(&what, 16 << 20, || {
                let stream = match &offset {
                    Some(offset) => self.store.list_with_offset(Some(&prefix), offset),
                    None => self.store.list(Some(&prefix)),
                };
                stream.try_collect::<Vec<_>>()
            })
            .await;
        let found = match tried {
            Tried::Done(found) => found,
            // A directory that is not there holds nothing.
            Tried::Failed(Class::Absent, error) => match self.directory.is_some() {
                true => Vec::new(),
                false => return Err(error),
            },
            Tried::Failed(_, error) => return Err(error),
        };
        let skip = match self.prefix.is_empty() {
            true => 0,
            false => self.prefix.len() + 1,
        };
        let mut listed: Vec<Listed> = found
            .into_iter()
            .filter_map(|meta| {
                let path = meta.location.as_ref().get(skip..)?.to_owned();
                Some(Listed {
                    path,
                    size: meta.size,
                })
            })
            .collect();
        listed.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(listed)
    }

    /// Names of the directories right below a path.
    pub(crate) async fn directories(&self, below: &str) -> Result<Vec<String>> {
        let what = format!("list '{below}'");
        let prefix = self.path(below);
        let tried = self
            .retry(&what, 16 << 20, || {
                self.store.list_with_delimiter(Some(&prefix))
            })
            .await;
        match tried {
            Tried::Done(found) => Ok(found
                .common_prefixes
                .iter()
                .filter_map(|path| path.filename().map(str::to_owned))
                .collect()),
            Tried::Failed(Class::Absent, _) if self.directory.is_some() => Ok(Vec::new()),
            Tried::Failed(_, error) => Err(error),
        }
    }

    /// Deletes an object; one that is absent is deleted.
    pub(crate) async fn delete(&self, path: &str) -> Result<()> {
        let what = format!("delete '{path}'");
        let location = self.path(path);
        match self.retry(&what, 0, || self.store.delete(&location)).await {
            Tried::Done(()) | Tried::Failed(Class::Absent, _) => Ok(()),
            Tried::Failed(_, error) => Err(error),
        }
    }

    /// Copies an object inside the store, without moving its bytes through us.
    pub(crate) async fn copy(&self, from: &str, to: &str, bytes: u64) -> Result<()> {
        let what = format!("copy '{from}' to '{to}'");
        let (source, target) = (self.path(from), self.path(to));
        match self
            .retry(&what, bytes, || self.store.copy(&source, &target))
            .await
        {
            Tried::Done(()) => Ok(()),
            Tried::Failed(Class::Absent, _) => Err(damaged(
                from,
                format!("it is missing in {}", self.named.name),
            )),
            Tried::Failed(_, error) => Err(error),
        }
    }
}

/// An answer that ends early is no answer: it is asked for again.
fn whole(bytes: Bytes, wanted: u64) -> object_store::Result<Bytes> {
    match bytes.len() as u64 == wanted {
        true => Ok(bytes),
        false => Err(object_store::Error::Generic {
            store: "checkpoint store",
            source: format!("{} bytes came, wanted {wanted}", bytes.len()).into(),
        }),
    }
}

fn unknown(cause: &Error) -> Error {
    let mut error = Error::new(
        Code::CommitUnknown,
        format!("{}; whether it was done is unknown", cause.message()),
    );
    if let Some(hint) = cause.hint_text() {
        error = error.hint(hint);
    }
    error
}

/// Growing pauses between tries.
struct Pauses {
    next: Duration,
    cap: Duration,
    until: Instant,
}

impl Pauses {
    fn new(options: &StoreOptions) -> Self {
        Pauses {
            next: options.retry_first,
            cap: options.retry_cap,
            until: Instant::now() + options.retry_budget,
        }
    }

    /// Waits; false if the budget does not allow another try.
    #[expect(
        clippy::disallowed_methods,
        reason = "the pause of a retry, the only wait of this crate; it decides nothing"
    )]
    async fn pause(&mut self) -> bool {
        // Half of it is left to chance, so that many writers do not come back together.
        let pause = self.next.mul_f64(0.5 + 0.5 * rand::random::<f64>());
        if Instant::now() + pause > self.until {
            return false;
        }
        tokio::time::sleep(pause).await;
        self.next = (self.next * 2).min(self.cap);
        true
    }
}
