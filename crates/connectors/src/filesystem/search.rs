//! Which files a table consists of.
//!
//! A directory is read recursively in the order of names, so the result is the same on every
//! machine. Names that begin with `_` or `.` are skipped. Links are followed, but never back to a
//! directory that is being read. The number of files and the depth are bounded. In a bucket the
//! same holds for the parts of keys.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use millstream_core::{Code, Error, Result};
use regex::Regex;

use super::bucket::Bucket;
use super::location;
use super::root::Root;

/// Most files of one table.
pub(super) const FILES_MAX: usize = 1_000_000;
const DEPTH_MAX: usize = 128;

/// What to look for.
#[derive(Clone)]
pub(super) struct Search {
    /// The owner's name in messages.
    pub(super) owner: String,
    /// A file or a directory, absolute, or a place in a bucket.
    pub(super) root: Root,
    /// Matches the whole path of each wanted file.
    pub(super) pattern: Option<Regex>,
}

/// A file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) modified_ms: i64,
}

impl Found {
    pub(super) fn new(path: String, metadata: &Metadata) -> Self {
        Found {
            path,
            size: metadata.len(),
            modified_ms: modified_ms(metadata),
        }
    }
}

impl Search {
    /// The files that are there now.
    pub(super) async fn files(&self) -> Result<Vec<Found>> {
        let root = match &self.root {
            Root::Directory(root) => root,
            Root::Bucket(bucket) => return self.objects(bucket).await,
        };
        let mut files = Vec::new();
        let metadata = self.look_at(root)?;
        if metadata.is_dir() {
            self.walk(root, &mut Vec::new(), &mut files)?;
        } else {
            self.add(root, &metadata, &mut files)?;
        }
        Ok(files)
    }

    pub(super) fn is_bucket(&self) -> bool {
        matches!(self.root, Root::Bucket(_))
    }

    /// Looks whether there is something to read, where that takes no waiting.
    pub(super) fn look(&self) -> Result<()> {
        match &self.root {
            Root::Directory(root) => self.look_at(root).map(|_| ()),
            Root::Bucket(_) => Ok(()),
        }
    }

    async fn objects(&self, bucket: &Bucket) -> Result<Vec<Found>> {
        let mut objects = bucket.list("", FILES_MAX).await?;
        if objects.is_empty() && !bucket.prefix.is_empty() {
            objects.extend(bucket.head("").await?);
        }
        if objects.is_empty() {
            let text = format!("{}: there is nothing at '{}'", self.owner, bucket.shown(""));
            return Err(Error::new(Code::NotFound, text));
        }
        let hidden = |path: &str| path.split('/').any(|part| part.starts_with(['_', '.']));
        let found = objects
            .into_iter()
            .filter(|object| !hidden(&object.path))
            // What other tools put there for a directory.
            .filter(|object| object.size > 0 || !object.path.is_empty());
        let found = found.map(|object| Found {
            path: bucket.shown(&object.path),
            size: object.size,
            modified_ms: object.modified_ms,
        });
        Ok(found.filter(|found| self.wants(&found.path)).collect())
    }

    fn wants(&self, path: &str) -> bool {
        let pattern = self.pattern.as_ref();
        pattern.is_none_or(|pattern| pattern.is_match(path))
    }

    fn look_at(&self, root: &Path) -> Result<Metadata> {
        fs::metadata(root).map_err(|error| match error.kind() {
            ErrorKind::NotFound => location::not_found(&self.owner, root).caused_by(error),
            _ => self.unreadable(root, error),
        })
    }

    fn walk(&self, dir: &Path, above: &mut Vec<PathBuf>, files: &mut Vec<Found>) -> Result<()> {
        let real = dir
            .canonicalize()
            .map_err(|error| self.unreadable(dir, error))?;
        if above.contains(&real) || above.len() >= DEPTH_MAX {
            return Err(self.error(
                dir,
                format_args!("leads back to itself, or is more than {DEPTH_MAX} levels deep"),
            ));
        }
        above.push(real);
        for path in self.entries(dir)? {
            match self.metadata(&path)? {
                Some(metadata) if metadata.is_dir() => self.walk(&path, above, files)?,
                Some(metadata) => self.add(&path, &metadata, files)?,
                None => {}
            }
        }
        above.pop();
        Ok(())
    }

    /// The visible entries of a directory by name.
    fn entries(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(dir).map_err(|error| self.unreadable(dir, error))?;
        let mut paths = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| self.unreadable(dir, error))?;
            let name = entry.file_name();
            if !matches!(name.as_encoded_bytes().first(), Some(b'_' | b'.')) {
                paths.push(entry.path());
            }
        }
        paths.sort_unstable();
        Ok(paths)
    }

    /// `None` if the entry has gone since its directory was read; a link that leads nowhere has not.
    fn metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(error) if error.kind() == ErrorKind::NotFound && !path.is_symlink() => Ok(None),
            Err(error) => Err(self.unreadable(path, error)),
        }
    }

    fn add(&self, path: &Path, metadata: &Metadata, files: &mut Vec<Found>) -> Result<()> {
        let Some(text) = path.to_str() else {
            return Err(self.error(path, "has a name that is not UTF-8"));
        };
        if !self.wants(text) {
            return Ok(());
        }
        if !metadata.is_file() {
            return Err(self.error(path, "is neither a file nor a directory"));
        }
        if files.len() >= FILES_MAX {
            return Err(self.error(
                Path::new(&self.root.shown("")),
                format_args!("holds more than {FILES_MAX} files"),
            ));
        }
        files.push(Found::new(text.to_string(), metadata));
        Ok(())
    }

    fn unreadable(&self, path: &Path, error: std::io::Error) -> Error {
        self.error(path, format_args!("cannot be read: {error}"))
            .caused_by(error)
    }

    fn error(&self, path: &Path, what: impl std::fmt::Display) -> Error {
        Error::new(
            Code::Read,
            format!("{}: '{}' {what}", self.owner, path.display()),
        )
    }
}

/// Milliseconds since 1970; 0 where the file system does not know.
fn modified_ms(metadata: &Metadata) -> i64 {
    match metadata
        .modified()
        .unwrap_or(SystemTime::UNIX_EPOCH)
        .duration_since(UNIX_EPOCH)
    {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn search(root: &Path, pattern: Option<&str>) -> Result<Vec<String>> {
        let pattern = pattern.map(|text| Regex::new(text).unwrap());
        let search = Search {
            owner: "table 't'".into(),
            root: Root::Directory(root.into()),
            pattern,
        };
        let strip = |found: &Found| found.path.replace(root.to_str().unwrap(), "");
        Ok(search.files().await?.iter().map(strip).collect())
    }

    fn directory(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        root
    }

    #[tokio::test]
    async fn directories_are_read_recursively_in_the_order_of_names_without_hidden_ones() {
        let root = directory(&[
            "b/2",
            "b/1",
            "a",
            "c",
            "_hidden/x",
            ".git/x",
            "b/.x",
            "_SUCCESS",
        ]);
        assert_eq!(
            search(root.path(), None).await.unwrap(),
            ["/a", "/b/1", "/b/2", "/c"]
        );
    }

    #[tokio::test]
    async fn a_pattern_chooses_whole_paths() {
        let root = directory(&["x.csv", "x.csv.bak", "sub/y.csv"]);
        let found = search(root.path(), Some(r"^(?:.*\.csv)$")).await.unwrap();
        assert_eq!(found, ["/sub/y.csv", "/x.csv"]);
    }

    #[tokio::test]
    async fn a_single_file_may_have_any_name() {
        let root = directory(&["_one"]);
        assert_eq!(search(&root.path().join("_one"), None).await.unwrap(), [""]);
    }

    #[tokio::test]
    async fn a_missing_root_is_not_found() {
        let root = directory(&[]);
        let error = search(&root.path().join("no"), None).await.unwrap_err();
        assert_eq!(error.code(), Code::NotFound);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_path_through_a_file_cannot_be_read() {
        let root = directory(&["a"]);
        let error = search(&root.path().join("a/b"), None).await.unwrap_err();
        assert_eq!(error.code(), Code::Read);
        assert!(error.message().contains("/a/b' cannot be read"), "{error}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn links_that_lead_back_or_nowhere_are_errors() {
        use std::os::unix::fs::symlink;
        let root = directory(&["sub/a"]);
        symlink(root.path(), root.path().join("sub/back")).unwrap();
        let error = search(root.path(), None).await.unwrap_err();
        assert_eq!(error.code(), Code::Read);
        assert!(error.message().contains("leads back to itself"), "{error}");

        let root = directory(&["a"]);
        symlink(root.path().join("no"), root.path().join("b")).unwrap();
        let error = search(root.path(), None).await.unwrap_err();
        assert!(error.message().contains("/b' cannot be read"), "{error}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_socket_is_neither_a_file_nor_a_directory() {
        let root = directory(&[]);
        let _socket = std::os::unix::net::UnixListener::bind(root.path().join("s")).unwrap();
        let error = search(root.path(), None).await.unwrap_err();
        assert!(
            error
                .message()
                .ends_with("is neither a file nor a directory"),
            "{error}"
        );
    }
}
