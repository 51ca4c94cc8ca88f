//! What the journal wants from a disk: one folder of files, written by position, made durable by
//! name.
//!
//! ```text
//! bytes of a file   durable after File::sync
//! its name          durable after Disk::sync
//! ```
//!
//! [`Local`] is a folder of the machine. Tests put a disk in its place that loses what was not
//! synced.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A folder of files. Every call may come from any thread.
pub trait Disk: Send + Sync + 'static {
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Creates a file that is not there yet.
    fn create(&self, name: &str) -> io::Result<Box<dyn File>>;
    /// Opens a file for reading and writing, with a descriptor of its own.
    fn open(&self, name: &str) -> io::Result<Box<dyn File>>;
    /// Gives a file another name; what had that name is gone.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes all names durable.
    fn sync(&self) -> io::Result<()>;
}

/// An open file.
pub trait File: Send {
    /// Its length in bytes.
    fn size(&self) -> io::Result<u64>;
    /// Reads up to `buffer.len()` bytes from `offset`; 0 at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts the file off.
    fn cut(&self, length: u64) -> io::Result<()>;
    /// Makes content and length durable. After an error what was written since the last success
    /// counts as lost: the kernel may have marked it clean, and a second sync would lie.
    fn sync(&self) -> io::Result<()>;
}

/// A folder of the machine.
pub struct Local {
    folder: PathBuf,
}

impl Local {
    /// The folder at `path`, created (durably) if it is not there.
    pub fn at(path: &Path) -> io::Result<Self> {
        let missing: Vec<&Path> = path
            .ancestors()
            .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
            .collect();
        fs::create_dir_all(path)?;
        for folder in missing {
            let parent = folder.parent().filter(|p| !p.as_os_str().is_empty());
            fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(Local {
            folder: path.to_path_buf(),
        })
    }
}

impl Disk for Local {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut options = fs::File::options();
        options.read(true).write(true).create_new(true);
        Ok(Box::new(options.open(self.folder.join(name))?))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut options = fs::File::options();
        options.read(true).write(true);
        Ok(Box::new(options.open(self.folder.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.folder.join(from), self.folder.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.folder.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        fs::File::open(&self.folder)?.sync_all()
    }
}

impl File for fs::File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match FileExt::read_at(self, buffer, offset) {
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        // fdatasync: it writes the length too, which is needed to read the bytes back.
        self.sync_data()
    }
}
