//! What is cached and what is on the platter: files as pages, names as a journal of changes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use crate::chance::Chance;

/// Unit in which a disk writes and tears.
pub(super) const PAGE: usize = 4096;

/// A file's content, twice.
#[derive(Debug, Default)]
pub(super) struct Inode {
    /// What programs read.
    pub(super) cached: Vec<u8>,
    durable: Vec<u8>,
    /// Pages changed since the last sync.
    dirty: BTreeSet<usize>,
    length_dirty: bool,
}

impl Inode {
    pub(super) fn write_at(&mut self, offset: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = offset + bytes.len();
        if end > self.cached.len() {
            self.dirty_pages(self.cached.len(), end);
            self.cached.resize(end, 0);
            self.length_dirty = true;
        }
        self.cached[offset..end].copy_from_slice(bytes);
        self.dirty_pages(offset, end);
    }

    pub(super) fn set_len(&mut self, length: usize) {
        self.dirty_pages(self.cached.len().min(length), self.cached.len().max(length));
        self.length_dirty |= self.cached.len() != length;
        self.cached.resize(length, 0);
    }

    fn dirty_pages(&mut self, from: usize, to: usize) {
        if from < to {
            self.dirty.extend(from / PAGE..=(to - 1) / PAGE);
        }
    }

    /// Brings the dirty pages to the platter.
    pub(super) fn sync(&mut self) {
        self.durable.resize(self.cached.len(), 0);
        for page in std::mem::take(&mut self.dirty) {
            let (from, to) = bounds(page, self.cached.len());
            self.durable[from..to].copy_from_slice(&self.cached[from..to]);
        }
        self.length_dirty = false;
    }

    /// A failed sync: the pages count as clean and are not on the platter.
    pub(super) fn sync_failed(&mut self) {
        self.dirty.clear();
        self.length_dirty = false;
    }

    /// What is left after a cut.
    pub(super) fn survive(&mut self, chance: &mut Chance) {
        if self.length_dirty {
            let (low, high) = ordered(self.durable.len(), self.cached.len());
            let length = match chance.below(4) {
                0 => low,
                1 => high,
                _ => chance.between(low as u64, high as u64) as usize,
            };
            self.durable.resize(length, 0);
        }
        let length = self.durable.len();
        let last = self.dirty.last().copied();
        for page in std::mem::take(&mut self.dirty) {
            let (from, to) = bounds(page, length.min(self.cached.len()));
            if from >= to || chance.happens(0.5) {
                continue;
            }
            // The page under the head when the power went is written up to some byte.
            let torn = Some(page) == last || chance.happens(0.1);
            let to = if torn {
                from + chance.below((to - from) as u64) as usize
            } else {
                to
            };
            self.durable[from..to].copy_from_slice(&self.cached[from..to]);
        }
        self.length_dirty = false;
        self.cached.clone_from(&self.durable);
    }
}

fn bounds(page: usize, length: usize) -> (usize, usize) {
    ((page * PAGE).min(length), ((page + 1) * PAGE).min(length))
}

fn ordered(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    File(u64),
    Folder,
}

/// One change of names: both halves happen or none, as rename promises.
#[derive(Clone, Debug)]
struct Change {
    remove: Option<String>,
    add: Option<(String, Entry)>,
}

impl Change {
    fn touches(&self, folder: &str) -> bool {
        let inside = |path: &String| parent(path) == folder;
        self.remove.as_ref().is_some_and(inside)
            || self.add.as_ref().is_some_and(|(path, _)| inside(path))
    }

    fn apply(&self, names: &mut BTreeMap<String, Entry>) {
        if let Some(path) = &self.remove {
            names.remove(path);
        }
        if let Some((path, entry)) = &self.add {
            names.insert(path.clone(), *entry);
        }
    }
}

/// The folder a path is in; the root is the empty text.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// All names, twice: as seen, and as on the platter with the changes since.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) cached: BTreeMap<String, Entry>,
    durable: BTreeMap<String, Entry>,
    pending: Vec<Change>,
}

impl Names {
    pub(super) fn file(&self, path: &str) -> io::Result<u64> {
        match self.cached.get(path) {
            Some(Entry::File(inode)) => Ok(*inode),
            Some(Entry::Folder) => Err(refuse(io::ErrorKind::IsADirectory, path)),
            None => Err(refuse(io::ErrorKind::NotFound, path)),
        }
    }

    pub(super) fn check_folder(&self, folder: &str) -> io::Result<()> {
        match self.cached.get(folder) {
            _ if folder.is_empty() => Ok(()),
            Some(Entry::Folder) => Ok(()),
            Some(Entry::File(_)) => Err(refuse(io::ErrorKind::NotADirectory, folder)),
            None => Err(refuse(io::ErrorKind::NotFound, folder)),
        }
    }

    pub(super) fn change(&mut self, remove: Option<&str>, add: Option<(&str, Entry)>) {
        let change = Change {
            remove: remove.map(str::to_owned),
            add: add.map(|(path, entry)| (path.to_owned(), entry)),
        };
        change.apply(&mut self.cached);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self, folder: &str) {
        let (durable, names) = (&mut self.durable, &mut self.pending);
        names.retain(|change| {
            let touched = change.touches(folder);
            if touched {
                change.apply(durable);
            }
            !touched
        });
    }

    /// What is left after a cut: the platter, a random prefix of the changes, and of that only
    /// what can still be reached from the root.
    pub(super) fn survive(&mut self, chance: &mut Chance) {
        let kept = chance.below(self.pending.len() as u64 + 1) as usize;
        for change in self.pending.drain(..).take(kept) {
            change.apply(&mut self.durable);
        }
        let mut reached: BTreeMap<String, Entry> = BTreeMap::new();
        // Ordered by path, so a folder comes before what is in it.
        for (path, entry) in &self.durable {
            let folder = parent(path);
            if folder.is_empty() || reached.get(folder) == Some(&Entry::Folder) {
                reached.insert(path.clone(), *entry);
            }
        }
        self.cached.clone_from(&reached);
        self.durable = reached;
    }

    pub(super) fn is_used(&self, inode: u64) -> bool {
        let entry = Entry::File(inode);
        self.cached.values().any(|used| *used == entry)
    }
}

pub(super) fn refuse(kind: io::ErrorKind, path: &str) -> io::Error {
    io::Error::new(kind, format!("'{path}': {kind}"))
}
