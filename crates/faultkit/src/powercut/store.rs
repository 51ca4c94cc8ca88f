//! An object store on the disk, in the steps of `object_store`'s local store.
//!
//! put: create `name#n`, write, fsync, then rename (overwrite) or link (create), fsync of the
//! folder. A `#` is in no object path, so leftovers of a cut are never listed.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::DateTime;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, CopyMode, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result, UploadPart,
};
use parking_lot::Mutex;

use super::disk::Disk;

/// The object store of a [`Disk`]; clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    disk: Disk,
    fsync: bool,
    next: Arc<AtomicU64>,
}

impl Store {
    pub(super) fn new(disk: Disk, fsync: bool) -> Self {
        Store {
            disk,
            fsync,
            next: Arc::new(AtomicU64::new(0)),
        }
    }

    fn put_bytes(&self, location: &Path, bytes: &[u8], create: bool) -> io::Result<()> {
        let path = location.as_ref();
        let new_folders = self.create_folders(path)?;
        let staged = self.stage(path, bytes)?;
        let published = if create {
            self.disk
                .link(&staged, path)
                .and_then(|()| self.sync_folder(path))
        } else {
            self.disk
                .rename(&staged, path)
                .and_then(|()| self.sync_folder(path))
        };
        if create || published.is_err() {
            match self.disk.remove(&staged) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound && published.is_ok() => {
                    return Err(cause);
                }
                _ => {}
            }
        }
        published?;
        self.sync_parents(&new_folders)
    }

    /// Creates the folders above a path; returns those that are new.
    fn create_folders(&self, path: &str) -> io::Result<Vec<String>> {
        let Some((folder, _)) = path.rsplit_once('/') else {
            return Ok(Vec::new());
        };
        let mut new = Vec::new();
        let mut ends: Vec<usize> = folder.match_indices('/').map(|(at, _)| at).collect();
        ends.push(folder.len());
        for end in ends {
            if !self.disk.is_dir(&folder[..end])? {
                new.push(folder[..end].to_owned());
            }
        }
        self.disk.create_dir_all(folder)?;
        Ok(new)
    }

    fn stage(&self, path: &str, bytes: &[u8]) -> io::Result<String> {
        // A leftover of an earlier life may have the number: take the next one.
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let staged = format!("{path}#{number}");
            match self.disk.create_new(&staged) {
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
                Err(cause) => return Err(cause),
                Ok(file) => {
                    file.append(bytes)?;
                    if self.fsync {
                        file.sync()?;
                    }
                    return Ok(staged);
                }
            }
        }
    }

    fn sync_folder(&self, path: &str) -> io::Result<()> {
        if !self.fsync {
            return Ok(());
        }
        self.disk.sync_dir(super::media::parent(path))
    }

    fn sync_parents(&self, folders: &[String]) -> io::Result<()> {
        folders
            .iter()
            .try_for_each(|folder| self.sync_folder(folder))
    }

    fn meta(&self, path: &str, size: usize) -> Result<ObjectMeta> {
        Ok(ObjectMeta {
            location: Path::parse(path)?,
            // The disk has no clock; nothing may depend on the time of a file.
            last_modified: DateTime::UNIX_EPOCH,
            size: size as u64,
            e_tag: None,
            version: None,
        })
    }

    fn metas(&self, prefix: Option<&Path>) -> Result<Vec<ObjectMeta>> {
        let files = self.disk.files().map_err(|cause| error("", cause))?;
        let objects = files.iter().filter(|(path, _)| !path.contains('#'));
        let metas = objects.map(|(path, size)| self.meta(path, *size));
        let inside = |meta: &ObjectMeta| match prefix {
            None => true,
            Some(prefix) => *prefix != meta.location && meta.location.prefix_matches(prefix),
        };
        metas
            .filter(|meta| meta.as_ref().map_or(true, inside))
            .collect()
    }
}

fn error(path: &str, cause: io::Error) -> Error {
    let (path, kind) = (path.to_owned(), cause.kind());
    match kind {
        io::ErrorKind::NotFound => Error::NotFound {
            path,
            source: cause.into(),
        },
        io::ErrorKind::AlreadyExists => Error::AlreadyExists {
            path,
            source: cause.into(),
        },
        _ => Error::Generic {
            store: "powercut",
            source: cause.into(),
        },
    }
}

fn put_result() -> PutResult {
    PutResult {
        e_tag: None,
        version: None,
        extensions: Default::default(),
    }
}

fn not_implemented(operation: &str) -> Error {
    Error::NotImplemented {
        operation: operation.into(),
        implementer: "powercut".into(),
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PowerCut(fsync: {})", self.fsync)
    }
}

#[async_trait]
impl ObjectStore for Store {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let create = match options.mode {
            PutMode::Overwrite => false,
            PutMode::Create => true,
            // As the local store: no update in place.
            PutMode::Update(_) => return Err(not_implemented("put in mode update")),
        };
        let bytes = Bytes::from(payload);
        self.put_bytes(location, &bytes, create)
            .map_err(|cause| error(location.as_ref(), cause))?;
        Ok(put_result())
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(Upload {
            store: self.clone(),
            location: location.clone(),
            parts: Arc::default(),
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let path = location.as_ref();
        let data = self
            .disk
            .read_all(path)
            .map_err(|cause| error(path, cause))?;
        let data = Bytes::from(data);
        let meta = self.meta(path, data.len())?;
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            None => 0..meta.size,
            Some(range) => range.as_range(meta.size).map_err(|cause| Error::Generic {
                store: "powercut",
                source: cause.into(),
            })?,
        };
        let data = data.slice(range.start as usize..range.end as usize);
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::iter([Ok(data)]).boxed()),
            meta,
            range,
            attributes: Attributes::default(),
            extensions: Default::default(),
        })
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let disk = self.disk.clone();
        locations
            .map(move |location| {
                let location = location?;
                let path = location.as_ref();
                // As the local store: a delete is not fsynced, so a file may come back.
                disk.remove(path).map_err(|cause| error(path, cause))?;
                Ok(location)
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.metas(prefix) {
            Ok(metas) => stream::iter(metas.into_iter().map(Ok)).boxed(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let root = Path::default();
        let prefix = prefix.unwrap_or(&root);
        let (mut objects, mut common_prefixes) = (Vec::new(), Vec::new());
        for meta in self.metas(Some(prefix))? {
            let folder = meta.location.prefix_match(prefix).and_then(|mut rest| {
                let first = rest.next()?;
                rest.next().map(|_| prefix.clone().join(first))
            });
            match folder {
                Some(folder) => common_prefixes.push(folder),
                None => objects.push(meta),
            }
        }
        common_prefixes.sort();
        common_prefixes.dedup();
        Ok(ListResult {
            objects,
            common_prefixes,
            extensions: Default::default(),
        })
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let source = from.as_ref();
        let bytes = self
            .disk
            .read_all(source)
            .map_err(|cause| error(source, cause))?;
        let create = matches!(options.mode, CopyMode::Create);
        self.put_bytes(to, &bytes, create)
            .map_err(|cause| error(to.as_ref(), cause))
    }
}

/// A multipart upload: parts wait in memory and become a file at `complete`.
#[derive(Debug)]
struct Upload {
    store: Store,
    location: Path,
    parts: Arc<Mutex<Vec<Option<PutPayload>>>>,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let parts = Arc::clone(&self.parts);
        let number = {
            let mut parts = parts.lock();
            parts.push(None);
            parts.len() - 1
        };
        Box::pin(async move {
            parts.lock()[number] = Some(data);
            Ok(())
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let parts = std::mem::take(&mut *self.parts.lock());
        let mut bytes = Vec::new();
        for part in parts {
            let part = part.ok_or_else(|| Error::Generic {
                store: "powercut",
                source: "a part was not uploaded".into(),
            })?;
            part.iter().for_each(|chunk| bytes.extend_from_slice(chunk));
        }
        self.store
            .put_bytes(&self.location, &bytes, false)
            .map_err(|cause| error(self.location.as_ref(), cause))?;
        Ok(put_result())
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.lock().clear();
        Ok(())
    }
}
