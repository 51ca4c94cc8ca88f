//! The journal on a disk that forgets, on a real one, and under a program that is killed.

mod behaviour;
mod bench;
mod damage;
mod power;
mod process;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use millstream_core::Result;
use millstream_core::clock::{SharedClock, SystemClock};
use millstream_faultkit::powercut;

use super::{Disk, Entry, File, Journal, Options, Record};

const FOLDER: &str = "journal";

/// A folder on the disk that forgets.
struct Fake(powercut::Disk);

impl Fake {
    /// The folder on this disk, made durably if it is not there.
    fn on(disk: &powercut::Disk) -> io::Result<Box<dyn Disk>> {
        if !disk.is_dir(FOLDER)? {
            disk.create_dir_all(FOLDER)?;
            disk.sync_dir("")?;
        }
        Ok(Box::new(Fake(disk.clone())))
    }
}

fn path(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

impl Disk for Fake {
    fn list(&self) -> io::Result<Vec<String>> {
        let files = self.0.files()?.into_iter();
        let prefix = path("");
        Ok(files
            .filter_map(|(name, _)| name.strip_prefix(&prefix).map(str::to_owned))
            .collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        Ok(Box::new(self.0.create_new(&path(name))?))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        Ok(Box::new(self.0.open(&path(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(&path(from), &path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(&path(name))
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_dir(FOLDER)
    }
}

impl File for powercut::File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.len()? as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = powercut::File::read_at(self, offset as usize, buffer.len())?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        powercut::File::write_at(self, offset as usize, bytes)
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.set_len(length as usize)
    }

    fn sync(&self) -> io::Result<()> {
        powercut::File::sync(self)
    }
}

fn clock() -> SharedClock {
    Arc::new(SystemClock::new())
}

/// Segments of about `segment_bytes`, no waiting.
fn small(segment_bytes: u64) -> Options {
    Options {
        flush_interval: Duration::ZERO,
        segment_bytes,
        bytes_max: 1 << 30,
        buffer_bytes: 1 << 20,
        append_timeout: Duration::from_secs(20),
        dedupe_keys: 50,
        ..Options::default()
    }
}

fn open(disk: &powercut::Disk, options: Options) -> Result<Journal> {
    let disk = Fake::on(disk).map_err(|cause| super::error::read(FOLDER, cause))?;
    Journal::open_on(disk, options, clock())
}

fn record(text: &str) -> Record {
    Record::new("s", 7, text.to_owned())
}

/// A record that is known by its text.
fn keyed(text: &str) -> Record {
    record(text).with_idempotency_key(text.to_owned())
}

/// Everything from a sequence on.
fn read_from(journal: &Journal, from: u64) -> Result<Vec<Entry>> {
    let mut reader = journal.reader(from)?;
    let mut all = Vec::new();
    loop {
        match reader.read_now(7)? {
            entries if entries.is_empty() => return Ok(all),
            entries => all.extend(entries),
        }
    }
}

fn read_all(journal: &Journal) -> Result<Vec<Entry>> {
    read_from(journal, journal.start_sequence())
}

fn texts(entries: &[Entry]) -> Vec<String> {
    let text = |entry: &Entry| String::from_utf8_lossy(&entry.record.payload).into_owned();
    entries.iter().map(text).collect()
}
