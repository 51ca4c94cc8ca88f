//! Opening: which segments there are, where the journal ends, what its end is worth.
//!
//! ```text
//! last segment   header │ keys │ records … mark │ records of the last group … │ ?
//!                                        proven ┘                         end ┘ └ torn: not read again
//! ```
//!
//! * Only the last segment is read; the others are checked by whoever reads them.
//! * *Proven*: a mark or a record of a later group says that everything before was durable once. A
//!   bad frame in that region is damage, and an error.
//! * Behind it, at most one group was written and perhaps never synced. Its readable beginning is
//!   kept, because it may have been acknowledged, and copied into a new segment before anybody sees
//!   it: that it can be read now says only that it is in the cache, perhaps after an fsync that
//!   failed. What comes after a bad frame there was never acknowledged.
//! * Nothing is written into a segment of an earlier life, and nothing is cut off: the new segment
//!   begins where the proven records end, and so ends the old one.
//! * Sources: Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020; Alagappan
//!   et al., "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018 (crash or damage?).

use std::collections::VecDeque;
use std::io;

use millstream_core::{Error, Result};

use super::disk::{Disk, File};
use super::error;
use super::frame::Frame;
use super::record::{Entry, Record};
use super::scan::{Scan, Scanned};
use super::segment::{HEADER, NEW, Segment};
use super::shared::Live;
use super::window::Window;

/// What was found, or made.
pub(super) struct Recovered {
    pub(super) id: u64,
    pub(super) segments: VecDeque<Live>,
    pub(super) end: u64,
    pub(super) window: Window,
    /// The last segment, if it was made just now.
    pub(super) file: Option<Box<dyn File>>,
}

/// Opens the journal on a disk, or makes one.
pub(super) fn recover(disk: &dyn Disk, name: &str, keys: usize) -> Result<Recovered> {
    // A segment that was renamed right before a crash must not vanish later: others rely on it.
    disk.sync()
        .map_err(|cause| error::write(name, "sync the folder of", cause))?;
    let mut segments = segments(disk, name)?;
    let mut window = Window::new(keys);
    let Some(last) = segments.back_mut() else {
        let id = rand::random();
        let first = Segment {
            id,
            number: 1,
            base: 0,
        };
        let (live, file) = create(disk, first, &window, &[])?;
        return Ok(Recovered {
            id,
            segments: VecDeque::from([live]),
            end: 0,
            window,
            file: Some(file),
        });
    };
    let id = last.segment.id;
    let tail = read_tail(disk, last, &mut window)?;
    let mut file = None;
    if !tail.unproven.is_empty() {
        let segment = Segment {
            id,
            number: last.segment.number + 1,
            base: tail.proven,
        };
        let (live, made) = create(disk, segment, &window, &tail.unproven)?;
        segments.push_back(live);
        file = Some(made);
    }
    Ok(Recovered {
        id,
        segments,
        end: tail.proven + tail.unproven.len() as u64,
        window,
        file,
    })
}

/// All segments in their order, their headers checked; removes what is left of others.
fn segments(disk: &dyn Disk, journal: &str) -> Result<VecDeque<Live>> {
    let list = disk.list().map_err(|cause| error::read(journal, cause))?;
    let mut names = Vec::new();
    for name in list {
        if name.ends_with(NEW) {
            remove(disk, &name)?;
        } else if let Some((number, base)) = Segment::parse_name(&name) {
            names.push((number, base, name));
        }
    }
    names.sort_unstable();
    let mut found: VecDeque<Live> = VecDeque::new();
    let mut lowest = u64::MAX;
    for (number, base, name) in names.into_iter().rev() {
        if base >= lowest {
            // A later segment begins at or before it: nothing in it is part of the journal.
            remove(disk, &name)?;
            continue;
        }
        lowest = base;
        let file = disk
            .open(&name)
            .map_err(|cause| error::read(&name, cause))?;
        let (segment, whole) = Segment::read(&name, number, base, file.as_ref())?;
        let bytes = file.size().map_err(|cause| error::read(&name, cause))?;
        if bytes < whole {
            let what = format!("it has {bytes} bytes, wanted at least {whole}");
            return Err(error::damaged(&name, bytes, what));
        }
        if let Some(other) = found.front().filter(|live| live.segment.id != segment.id) {
            return Err(error::damaged(
                &name,
                0,
                format!("'{}' belongs to another journal", other.segment.name()),
            ));
        }
        found.push_front(Live {
            segment,
            bytes,
            whole,
        });
    }
    Ok(found)
}

fn remove(disk: &dyn Disk, name: &str) -> Result<()> {
    disk.remove(name)
        .map_err(|cause| error::write(name, "remove the useless", cause))
}

struct Tail {
    proven: u64,
    /// The records from there on.
    unproven: Vec<Entry>,
}

/// Reads the last segment; its bytes are then those that readers may read.
fn read_tail(disk: &dyn Disk, last: &mut Live, window: &mut Window) -> Result<Tail> {
    let name = last.segment.name();
    let file = disk
        .open(&name)
        .map_err(|cause| error::read(&name, cause))?;
    let mut scan = Scan::new(last.segment, file);
    let mut next = last.segment.base;
    let mut tail = Tail {
        proven: next,
        unproven: Vec::new(),
    };
    let mut proven_bytes = scan.offset();
    loop {
        let offset = scan.offset();
        let why = match scan.next(last.bytes)? {
            Scanned::End => break,
            Scanned::Bad(why) => why.to_owned(),
            Scanned::Frame(frame) => match take(&frame, next, window) {
                Err(why) if frame.proves() > next || offset < last.whole => {
                    return Err(error::damaged(&name, offset, why));
                }
                Err(why) => why,
                Ok(taken) => {
                    if frame.proves() > tail.proven {
                        tail.proven = frame.proves();
                        proven_bytes = offset;
                        tail.unproven.clear();
                    }
                    if let Some(record) = taken {
                        let sequence = next;
                        tail.unproven.push(Entry { sequence, record });
                        next += 1;
                    }
                    continue;
                }
            },
        };
        if offset < last.whole {
            return Err(error::damaged(&name, offset, why));
        }
        if let Some(proof) = scan.proof_of(next, last.bytes)? {
            let what = format!("{why}; record {next} was there, says offset {proof}");
            return Err(error::damaged(&name, offset, what));
        }
        break;
    }
    if next == tail.proven {
        // The mark at the end is behind the last durable record.
        proven_bytes = proven_bytes.max(scan.offset());
    }
    last.bytes = proven_bytes;
    Ok(tail)
}

/// Takes a frame where record `next` is the next one; the record, if it is one.
fn take(frame: &Frame, next: u64, window: &mut Window) -> Result<Option<Record>, String> {
    match frame {
        Frame::Record {
            sequence,
            group,
            body,
        } => {
            if *sequence != next || *group > next {
                return Err(format!("wanted record {next}, found record {sequence}"));
            }
            let record = Record::decode(body).ok_or("a record cannot be decoded")?;
            window.see(&record, next);
            Ok(Some(record))
        }
        Frame::Mark { sequence } if *sequence == next => Ok(None),
        Frame::Mark { sequence } => Err(format!("wanted record {next}, found mark {sequence}")),
        Frame::Keys { body, .. } => {
            window.read(body).ok_or("its keys cannot be decoded")?;
            Ok(None)
        }
    }
}

/// Makes a segment that begins with the keys of a window and with records, durable as a whole or
/// not there at all. Returns it with its open file.
pub(super) fn create(
    disk: &dyn Disk,
    segment: Segment,
    window: &Window,
    records: &[Entry],
) -> Result<(Live, Box<dyn File>)> {
    let name = segment.name();
    let codec = segment.codec();
    let mut bytes = vec![0; HEADER];
    window.write(codec, segment.base, &mut bytes);
    for Entry { sequence, record } in records {
        codec.record(&mut bytes, *sequence, segment.base, |out| {
            record.encode(out)
        });
    }
    if !records.is_empty() {
        codec.mark(&mut bytes, segment.base + records.len() as u64);
    }
    let whole = bytes.len() as u64;
    bytes[..HEADER].copy_from_slice(&segment.header(whole));
    let file =
        write_whole(disk, &name, &bytes).map_err(|cause| error::write(&name, "create", cause))?;
    let live = Live {
        segment,
        bytes: whole,
        whole,
    };
    Ok((live, file))
}

fn write_whole(disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<Box<dyn File>> {
    let new = format!("{name}{NEW}");
    match disk.remove(&new) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let file = disk.create(&new)?;
    file.write_at(bytes, 0)?;
    file.sync()?;
    disk.rename(&new, name)?;
    disk.sync()?;
    Ok(file)
}

/// The number of the next segment: above all there are, also those of failed attempts.
pub(super) fn next_number(disk: &dyn Disk, journal: &str) -> Result<u64> {
    let list = disk.list().map_err(|cause| error::read(journal, cause))?;
    let numbers = list.iter().filter_map(|name| Segment::parse_name(name));
    Ok(numbers.map(|(number, _)| number).max().unwrap_or(0) + 1)
}

/// Reads a segment again with a new descriptor, up to `end`, after something went wrong with it.
///
/// # Errors
/// If a record before `end` cannot be read.
pub(super) fn verify(disk: &dyn Disk, live: Live, end: u64) -> Result<()> {
    let name = live.segment.name();
    let file = disk
        .open(&name)
        .map_err(|cause| error::read(&name, cause))?;
    let mut scan = Scan::new(live.segment, file);
    let mut next = live.segment.base;
    while next < end {
        let offset = scan.offset();
        let why: Error = match scan.next(live.bytes)? {
            Scanned::Frame(Frame::Record { sequence, .. }) if sequence == next => {
                next += 1;
                continue;
            }
            Scanned::Frame(Frame::Record { .. }) => error::damaged(&name, offset, "wrong order"),
            Scanned::Frame(_) => continue,
            Scanned::Bad(why) => error::damaged(&name, offset, why),
            Scanned::End => error::damaged(&name, offset, format!("record {next} is missing")),
        };
        return Err(why);
    }
    Ok(())
}
