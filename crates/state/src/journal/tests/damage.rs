//! Damaged files: told, or cleanly cut at the end; never a panic, a gap or a wrong record (F15).

use millstream_core::{Code, Result};
use millstream_faultkit::powercut;

use super::super::frame::HEAD;
use super::super::{Entry, Journal};
use super::{keyed, open, path, read_all, record, small};

type Files = Vec<(String, Vec<u8>)>;

/// A journal of a few segments, closed well, and its records.
async fn written() -> (Files, Vec<Entry>) {
    let disk = powercut::Disk::new();
    let journal = open(&disk, small(250)).unwrap();
    for i in 0..9 {
        let pair = vec![keyed(&format!("key {i}")), record(&format!("plain {i}"))];
        journal.append(pair).await.unwrap();
    }
    let entries = read_all(&journal).unwrap();
    journal.close().await.unwrap();
    let mut files = Files::new();
    for (name, _) in disk.files().unwrap() {
        let bytes = disk.read_all(&name).unwrap();
        files.push((name, bytes));
    }
    assert!((3..=5).contains(&files.len()), "{}", files.len());
    (files, entries)
}

fn put(files: &Files) -> powercut::Disk {
    let disk = powercut::Disk::new();
    disk.create_dir_all(path("").trim_end_matches('/')).unwrap();
    for (name, bytes) in files {
        disk.create_new(name).unwrap().append(bytes).unwrap();
    }
    disk
}

fn read(files: &Files) -> Result<Vec<Entry>> {
    let journal: Journal = open(&put(files), small(250))?;
    read_all(&journal)
}

/// How many of these damages were told.
fn told(
    files: &Files,
    whole: &[Entry],
    damage: impl Fn(&mut Vec<u8>, usize),
    may_cut: impl Fn(usize, usize) -> bool,
) -> usize {
    let mut told = 0;
    for (number, (name, bytes)) in files.iter().enumerate() {
        for offset in 0..bytes.len() {
            let mut files = files.clone();
            damage(&mut files[number].1, offset);
            let what = format!("{name} at {offset}");
            match read(&files) {
                Ok(found) if may_cut(number, offset) => {
                    assert!(whole.starts_with(&found), "{what}")
                }
                Ok(found) => assert_eq!(found, whole, "{what}"),
                Err(error) => {
                    told += 1;
                    assert_eq!(error.code(), Code::InputLost, "{what}: {error}");
                    assert!(error.message().contains("journal file '"), "{error}");
                }
            }
        }
    }
    told
}

#[tokio::test]
async fn a_changed_bit_or_piece_is_told_or_harmless_at_every_offset() {
    let (files, whole) = written().await;
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    for bit in [0, 3, 7] {
        let flip = |file: &mut Vec<u8>, offset: usize| file[offset] ^= 1 << bit;
        let told = told(&files, &whole, flip, |_, _| false);
        // Harmless: the mark at the very end of each file, and nothing else.
        assert!(told >= bytes - files.len() * 30, "{told} of {bytes}");
    }
    let zero = |file: &mut Vec<u8>, offset: usize| {
        let end = file.len().min(offset + 16);
        file[offset..end].fill(0);
    };
    // Over the last record and its mark at once it looks like the torn end of a crash.
    let last = files.len() - 1;
    let before_mark = files[last].1.len() - (HEAD + 1);
    told(&files, &whole, zero, |number, offset| {
        number == last && offset < before_mark && offset + 16 > before_mark
    });
}

#[tokio::test]
async fn a_file_that_is_cut_off_is_told_unless_it_is_the_end_of_the_last() {
    let (files, whole) = written().await;
    let last = files.len() - 1;
    let cut = |file: &mut Vec<u8>, offset: usize| file.truncate(offset);
    assert!(told(&files, &whole, cut, |number, _| number == last) > 100);
}

#[tokio::test]
async fn a_file_that_is_zero_from_somewhere_on_is_told_unless_it_is_the_end_of_the_last() {
    let (files, whole) = written().await;
    let last = files.len() - 1;
    let zero = |file: &mut Vec<u8>, offset: usize| file[offset..].fill(0);
    assert!(told(&files, &whole, zero, |number, _| number == last) > 100);
}

#[tokio::test]
async fn a_missing_file_is_told_unless_it_is_an_end() {
    let (files, whole) = written().await;
    for missing in 1..files.len() - 1 {
        let mut files = files.clone();
        files.remove(missing);
        let error = read(&files).unwrap_err();
        assert_eq!(error.code(), Code::InputLost);
        assert!(error.message().contains("it ends before record"), "{error}");
    }
    // Without the first it is what truncating leaves: only who wants the first records is told.
    let journal = open(&put(&files[1..].to_vec()), small(250)).unwrap();
    let start = journal.start_sequence() as usize;
    assert!(start > 0);
    assert_eq!(read_all(&journal).unwrap(), whole[start..]);
    assert_eq!(journal.reader(0).err().unwrap().code(), Code::InputLost);
    // Without the last it is shorter: who has read it is told.
    let journal = open(&put(&files[..files.len() - 1].to_vec()), small(250)).unwrap();
    assert_eq!(journal.reader(18).err().unwrap().code(), Code::InputLost);
}

#[tokio::test]
async fn files_of_two_journals_do_not_mix() {
    let (files, _) = written().await;
    let (others, _) = written().await;
    let mut mixed = files.clone();
    mixed[1] = others[1].clone();
    let error = read(&mixed).unwrap_err();
    assert!(error.message().contains("another journal"), "{error}");
}

#[tokio::test]
async fn a_newer_format_is_refused_by_name() {
    let (mut files, _) = written().await;
    let header = &mut files[0].1;
    header[8] = 2;
    let checksum = crc32c::crc32c(&header[..36]);
    header[36..40].copy_from_slice(&checksum.to_le_bytes());
    let error = read(&files).unwrap_err();
    assert_eq!(error.code(), Code::CheckpointMismatch);
    assert!(error.message().contains("has format version 2"), "{error}");
}

#[tokio::test]
async fn any_bytes_behind_the_end_are_cut_off() {
    let (files, whole) = written().await;
    let mut chance = millstream_faultkit::chance::Chance::new(5);
    for _ in 0..200 {
        let mut files = files.clone();
        let more = chance.below(300);
        let last = files.last_mut().unwrap();
        last.1.extend((0..more).map(|_| chance.bits() as u8));
        assert_eq!(read(&files).unwrap(), whole);
    }
}

#[tokio::test]
async fn the_record_before_the_damage_is_read_and_the_error_stays() {
    let (mut files, whole) = written().await;
    let middle = files[0].1.len() / 2;
    files[0].1[middle] ^= 1;
    let journal = open(&put(&files), small(250)).unwrap();
    let mut reader = journal.reader(0).unwrap();
    let read = reader.read_now(1000).unwrap();
    assert!(!read.is_empty() && whole.starts_with(&read));
    for _ in 0..3 {
        assert_eq!(reader.read_now(1000).unwrap_err().code(), Code::InputLost);
        assert_eq!(reader.position(), read.len() as u64);
    }
}
