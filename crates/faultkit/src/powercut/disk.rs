//! The file API: create, write, read, sync, rename, remove; and the power switch.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::media::{Entry, Inode, Names, parent, refuse};
use super::store::Store;
use crate::chance::Chance;

/// A disk; clones are the same disk. Paths are relative, with `/`, without `.` and `..`.
#[derive(Clone, Debug)]
pub struct Disk {
    inner: Arc<Mutex<Inner>>,
    /// The life this handle belongs to.
    life: u64,
}

#[derive(Debug)]
struct Inner {
    names: Names,
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    life: u64,
    powered: bool,
    changes: u64,
    cut_at: Option<(u64, u64)>,
    sync_failures: u32,
    capacity_bytes: usize,
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

impl Disk {
    /// An empty disk without a size limit, switched on.
    pub fn new() -> Self {
        let inner = Inner {
            names: Names::default(),
            inodes: BTreeMap::new(),
            next_inode: 1,
            life: 1,
            powered: true,
            changes: 0,
            cut_at: None,
            sync_failures: 0,
            capacity_bytes: usize::MAX,
        };
        Disk {
            inner: Arc::new(Mutex::new(inner)),
            life: 1,
        }
    }

    /// An object store on this disk, with or without fsync.
    pub fn store(&self, fsync: bool) -> Store {
        Store::new(self.clone(), fsync)
    }

    /// Most bytes of file content from now on; beyond them writes fail as on a full disk.
    pub fn set_capacity(&self, bytes: usize) {
        self.inner.lock().capacity_bytes = bytes;
    }

    /// The next `times` file syncs fail, and what they should have written is lost (F14).
    pub fn fail_sync(&self, times: u32) {
        self.inner.lock().sync_failures = times;
    }

    /// Number of changing calls so far: the range of [`Disk::cut_at`].
    pub fn changes(&self) -> u64 {
        self.inner.lock().changes
    }

    /// Cuts the power right before the changing call number `change`, counted from 0 over the
    /// whole life of the disk. That call and all later ones fail.
    pub fn cut_at(&self, change: u64, seed: u64) {
        self.inner.lock().cut_at = Some((change, seed));
    }

    /// Cuts the power: everything not synced is lost as `seed` decides, every handle fails.
    pub fn cut(&self, seed: u64) {
        self.inner.lock().cut(seed);
    }

    /// Whether the power is on.
    pub fn is_powered(&self) -> bool {
        self.inner.lock().powered
    }

    /// Switches the power on again (after cutting it, if it was on) and gives the disk to the next
    /// life; a planned cut is forgotten.
    #[must_use]
    pub fn power_on(&self, seed: u64) -> Disk {
        let mut inner = self.inner.lock();
        inner.cut(seed);
        inner.powered = true;
        inner.cut_at = None;
        inner.sync_failures = 0;
        inner.life += 1;
        Disk {
            inner: Arc::clone(&self.inner),
            life: inner.life,
        }
    }

    fn read<T>(&self, run: impl FnOnce(&mut Inner) -> io::Result<T>) -> io::Result<T> {
        let mut inner = self.inner.lock();
        if !inner.powered || inner.life != self.life {
            return Err(io::Error::other("the power was cut"));
        }
        run(&mut inner)
    }

    fn change<T>(&self, run: impl FnOnce(&mut Inner) -> io::Result<T>) -> io::Result<T> {
        self.read(|inner| {
            if let Some((at, seed)) = inner.cut_at.filter(|(at, _)| *at <= inner.changes) {
                inner.cut(seed ^ at);
                return Err(io::Error::other("the power was cut"));
            }
            inner.changes += 1;
            run(inner)
        })
    }

    /// Creates a folder and those above it.
    pub fn create_dir_all(&self, path: &str) -> io::Result<()> {
        check(path)?;
        let mut ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
        ends.push(path.len());
        for end in ends {
            let folder = &path[..end];
            if self
                .read(|inner| Ok(inner.names.check_folder(folder)))?
                .is_ok()
            {
                continue;
            }
            self.change(|inner| {
                if inner.names.cached.contains_key(folder) {
                    return Err(refuse(io::ErrorKind::NotADirectory, folder));
                }
                inner.names.change(None, Some((folder, Entry::Folder)));
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Creates a file that is not there yet.
    pub fn create_new(&self, path: &str) -> io::Result<File> {
        check(path)?;
        let inode = self.change(|inner| {
            inner.names.check_folder(parent(path))?;
            if inner.names.cached.contains_key(path) {
                return Err(refuse(io::ErrorKind::AlreadyExists, path));
            }
            let inode = inner.next_inode;
            inner.next_inode += 1;
            inner.inodes.insert(inode, Inode::default());
            inner.names.change(None, Some((path, Entry::File(inode))));
            Ok(inode)
        })?;
        Ok(self.handle(inode))
    }

    /// Opens a file for reading and writing.
    pub fn open(&self, path: &str) -> io::Result<File> {
        let inode = self.read(|inner| inner.names.file(path))?;
        Ok(self.handle(inode))
    }

    fn handle(&self, inode: u64) -> File {
        File {
            disk: self.clone(),
            inode,
        }
    }

    /// The whole content of a file.
    pub fn read_all(&self, path: &str) -> io::Result<Vec<u8>> {
        self.open(path)?.read_all()
    }

    /// Gives a file another name; what had that name is gone.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        check(to)?;
        self.change(|inner| {
            let inode = inner.names.file(from)?;
            inner.check_target(to)?;
            inner
                .names
                .change(Some(from), Some((to, Entry::File(inode))));
            Ok(())
        })
    }

    /// Gives a file a second name; an error when the name is taken.
    pub fn link(&self, from: &str, to: &str) -> io::Result<()> {
        check(to)?;
        self.change(|inner| {
            let inode = inner.names.file(from)?;
            inner.names.check_folder(parent(to))?;
            if inner.names.cached.contains_key(to) {
                return Err(refuse(io::ErrorKind::AlreadyExists, to));
            }
            inner.names.change(None, Some((to, Entry::File(inode))));
            Ok(())
        })
    }

    /// Removes a name.
    pub fn remove(&self, path: &str) -> io::Result<()> {
        self.change(|inner| {
            inner.names.file(path)?;
            inner.names.change(Some(path), None);
            Ok(())
        })
    }

    /// Makes the names in a folder durable; the root is the empty text.
    pub fn sync_dir(&self, folder: &str) -> io::Result<()> {
        self.change(|inner| {
            inner.names.check_folder(folder)?;
            inner.names.sync(folder);
            Ok(())
        })
    }

    /// Every file with its length, in the order of the paths.
    pub fn files(&self) -> io::Result<Vec<(String, usize)>> {
        self.read(|inner| {
            let files = inner
                .names
                .cached
                .iter()
                .filter_map(|(path, entry)| match entry {
                    Entry::File(inode) => {
                        Some((path.clone(), inner.inodes.get(inode)?.cached.len()))
                    }
                    Entry::Folder => None,
                });
            Ok(files.collect())
        })
    }

    /// Whether a folder is there.
    pub fn is_dir(&self, path: &str) -> io::Result<bool> {
        self.read(|inner| Ok(inner.names.check_folder(path).is_ok()))
    }
}

impl Inner {
    fn cut(&mut self, seed: u64) {
        if !self.powered {
            return;
        }
        self.powered = false;
        let mut chance = Chance::branch(seed, "power cut");
        self.names.survive(&mut chance);
        for inode in self.inodes.values_mut() {
            inode.survive(&mut chance);
        }
        let names = &self.names;
        self.inodes.retain(|inode, _| names.is_used(*inode));
    }

    fn check_target(&self, to: &str) -> io::Result<()> {
        self.names.check_folder(parent(to))?;
        match self.names.cached.get(to) {
            Some(Entry::Folder) => Err(refuse(io::ErrorKind::IsADirectory, to)),
            _ => Ok(()),
        }
    }

    fn inode(&mut self, inode: u64) -> io::Result<&mut Inode> {
        let found = self.inodes.get_mut(&inode);
        found.ok_or_else(|| io::Error::other("the file of this handle is gone"))
    }

    fn check_space(&self, more: usize) -> io::Result<()> {
        let used: usize = self.inodes.values().map(|inode| inode.cached.len()).sum();
        if used.saturating_add(more) > self.capacity_bytes {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(())
    }
}

fn check(path: &str) -> io::Result<()> {
    let good = |part: &str| !part.is_empty() && part != "." && part != "..";
    if path.split('/').all(good) {
        return Ok(());
    }
    Err(refuse(io::ErrorKind::InvalidInput, path))
}

/// An open file. Not positioned: reads and writes say where.
#[derive(Clone, Debug)]
pub struct File {
    disk: Disk,
    inode: u64,
}

impl File {
    /// Length in bytes.
    pub fn len(&self) -> io::Result<usize> {
        self.disk
            .read(|inner| Ok(inner.inode(self.inode)?.cached.len()))
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The whole content.
    pub fn read_all(&self) -> io::Result<Vec<u8>> {
        self.disk
            .read(|inner| Ok(inner.inode(self.inode)?.cached.clone()))
    }

    /// Up to `length` bytes from `offset`; fewer at the end.
    pub fn read_at(&self, offset: usize, length: usize) -> io::Result<Vec<u8>> {
        self.disk.read(|inner| {
            let bytes = &inner.inode(self.inode)?.cached;
            let from = offset.min(bytes.len());
            Ok(bytes[from..offset.saturating_add(length).min(bytes.len()).max(from)].to_vec())
        })
    }

    /// Writes at the end.
    pub fn append(&self, bytes: &[u8]) -> io::Result<()> {
        self.disk.change(|inner| {
            inner.check_space(bytes.len())?;
            let inode = inner.inode(self.inode)?;
            let end = inode.cached.len();
            inode.write_at(end, bytes);
            Ok(())
        })
    }

    /// Writes from `offset`; a gap before it is zeros. At most 1 GiB per file.
    pub fn write_at(&self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        self.disk.change(|inner| {
            let end = offset.saturating_add(bytes.len());
            let more = end.saturating_sub(inner.inode(self.inode)?.cached.len());
            if end > 1 << 30 {
                return Err(io::Error::from(io::ErrorKind::FileTooLarge));
            }
            inner.check_space(more)?;
            inner.inode(self.inode)?.write_at(offset, bytes);
            Ok(())
        })
    }

    /// Cuts off or fills with zeros. At most 1 GiB.
    pub fn set_len(&self, length: usize) -> io::Result<()> {
        self.disk.change(|inner| {
            let more = length.saturating_sub(inner.inode(self.inode)?.cached.len());
            if length > 1 << 30 {
                return Err(io::Error::from(io::ErrorKind::FileTooLarge));
            }
            inner.check_space(more)?;
            inner.inode(self.inode)?.set_len(length);
            Ok(())
        })
    }

    /// Makes content and length durable; not the name, see [`Disk::sync_dir`].
    pub fn sync(&self) -> io::Result<()> {
        self.disk.change(|inner| {
            if inner.sync_failures > 0 {
                inner.sync_failures -= 1;
                inner.inode(self.inode)?.sync_failed();
                return Err(io::Error::other("fsync failed: input/output error"));
            }
            inner.inode(self.inode)?.sync();
            Ok(())
        })
    }
}
