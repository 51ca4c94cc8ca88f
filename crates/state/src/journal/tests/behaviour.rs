//! One property each, on a disk without surprises but the one the test is about.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use millstream_core::{Code, Remedy};
use millstream_faultkit::powercut;
use proptest::prelude::*;

use super::super::{Journal, Local, Options, RECORD_MAX, Record};
use super::{clock, keyed, open, read_all, read_from, record, small, texts};

fn numbered(count: usize) -> Vec<Record> {
    (0..count).map(|i| record(&format!("r{i}"))).collect()
}

#[tokio::test]
async fn what_was_appended_is_read_in_order_and_after_opening_again() {
    let disk = powercut::Disk::new();
    let journal = open(&disk, small(200)).unwrap();
    let mut full = record("everything");
    full.key = Some(Bytes::from_static(b"k"));
    full.idempotency_key = Some(Bytes::from_static(b"i"));
    full.headers = vec![
        ("h".into(), Bytes::from_static(b"1")),
        ("h".into(), Bytes::new()),
    ];
    let done = journal
        .append(vec![full.clone(), record("")])
        .await
        .unwrap();
    assert_eq!((done.sequences, done.duplicates), (vec![0, 1], 0));
    for i in 2..20 {
        let done = journal
            .append(vec![record(&format!("r{i}"))])
            .await
            .unwrap();
        assert_eq!(done.sequences, [i]);
    }
    let before = read_all(&journal).unwrap();
    assert_eq!(before[0].record, full);
    assert_eq!(before.len(), 20);
    let id = journal.id();
    journal.close().await.unwrap();
    let journal = open(&disk, small(200)).unwrap();
    assert_eq!(journal.id(), id);
    assert_eq!(read_all(&journal).unwrap(), before);
    assert_eq!(read_from(&journal, 13).unwrap(), before[13..]);
    assert_eq!(journal.append(numbered(1)).await.unwrap().sequences, [20]);
}

#[tokio::test]
async fn many_appenders_share_an_fsync() {
    let disk = powercut::Disk::new();
    let options = Options {
        flush_interval: Duration::from_millis(20),
        ..small(1 << 20)
    };
    let journal = open(&disk, options).unwrap();
    journal.append(numbered(1)).await.unwrap();
    let before = disk.changes();
    let appends = (0..64).map(|_| journal.append(numbered(3)));
    let mut sequences: Vec<u64> = join_all(appends)
        .await
        .into_iter()
        .flat_map(|done| done.unwrap().sequences)
        .collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..193).collect::<Vec<_>>());
    // Write, fsync and mark of each group.
    let changes = disk.changes() - before;
    assert!(changes <= 30, "{changes} changes for 64 appends");
}

#[tokio::test]
async fn a_reader_at_the_end_wakes_up_and_a_dropped_read_loses_nothing() {
    let disk = powercut::Disk::new();
    let journal = open(&disk, small(1 << 20)).unwrap();
    let mut reader = journal.reader(0).unwrap();
    for round in 0..20 {
        let wait = tokio::time::timeout(Duration::from_micros(50 * round), reader.next(10));
        assert!(wait.await.is_err(), "nothing is there");
        let (read, done) = tokio::join!(reader.next(10), journal.append(numbered(2)));
        let sequences = done.unwrap().sequences;
        let read: Vec<u64> = read.unwrap().iter().map(|entry| entry.sequence).collect();
        assert_eq!(read, sequences);
        assert_eq!(reader.position(), sequences[1] + 1);
    }
    let (closed, read) = tokio::join!(journal.clone().close(), reader.next(10));
    closed.unwrap();
    assert_eq!(read.unwrap_err().code(), Code::Unavailable);
    let late = journal.append(numbered(1)).await.unwrap_err();
    assert_eq!(late.message(), "journal 'disk' is closed");
}

#[tokio::test]
async fn a_read_that_is_dropped_while_a_thread_works_for_it_loses_nothing() {
    let disk = powercut::Disk::new();
    let journal = open(&disk, small(1 << 20)).unwrap();
    journal.append(numbered(500)).await.unwrap();
    let mut reader = journal.reader(0).unwrap();
    let mut seen = Vec::new();
    while seen.len() < 500 {
        tokio::select! {
            biased;
            read = reader.next(3) => seen.extend(read.unwrap()),
            () = tokio::task::yield_now() => {}
        }
    }
    let sequences: Vec<u64> = seen.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, (0..500).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_known_idempotency_key_is_appended_once_also_after_opening_and_truncating() {
    let disk = powercut::Disk::new();
    let journal = open(&disk, small(100)).unwrap();
    let done = journal
        .append(vec![keyed("a"), keyed("b"), keyed("a")])
        .await;
    let done = done.unwrap();
    assert_eq!((done.sequences, done.duplicates), (vec![0, 1, 0], 1));
    let mut elsewhere = keyed("a");
    elsewhere.stream = "t".into();
    assert_eq!(
        journal.append(vec![elsewhere]).await.unwrap().sequences,
        [2]
    );
    for i in 0..10 {
        journal.append(vec![keyed(&format!("x{i}"))]).await.unwrap();
    }
    assert!(
        journal.truncate_before(13).unwrap() > 3,
        "'a' is gone from the disk"
    );
    journal.close().await.unwrap();
    let journal = open(&disk, small(100)).unwrap();
    let done = journal
        .append(vec![keyed("b"), keyed("new")])
        .await
        .unwrap();
    assert_eq!((done.sequences, done.duplicates), (vec![1, 13], 1));
}

#[tokio::test]
async fn only_the_last_idempotency_keys_are_remembered() {
    let disk = powercut::Disk::new();
    let journal = open(&disk, small(1 << 20)).unwrap();
    for i in 0..51 {
        journal.append(vec![keyed(&format!("k{i}"))]).await.unwrap();
    }
    assert_eq!(
        journal.append(vec![keyed("k1")]).await.unwrap().sequences,
        [1]
    );
    assert_eq!(
        journal.append(vec![keyed("k0")]).await.unwrap().sequences,
        [51]
    );
}

#[tokio::test]
async fn a_failed_fsync_is_told_and_the_journal_goes_on_in_a_new_segment() {
    let disk = powercut::Disk::new();
    let journal = open(&disk, small(1 << 20)).unwrap();
    journal.append(vec![keyed("a")]).await.unwrap();
    disk.fail_sync(1);
    let error = journal.append(vec![keyed("b")]).await.unwrap_err();
    assert_eq!((error.code(), error.remedy()), (Code::Write, Remedy::Retry));
    assert_eq!(journal.end_sequence(), 1);
    let files = disk.files().unwrap().len();
    let done = journal.append(vec![keyed("b")]).await.unwrap();
    assert_eq!((done.sequences, done.duplicates), (vec![1], 0));
    assert_eq!(disk.files().unwrap().len(), files + 1);
    drop(journal);
    let disk = disk.power_on(3);
    let journal = open(&disk, small(1 << 20)).unwrap();
    assert_eq!(texts(&read_all(&journal).unwrap()), ["a", "b"]);
}

#[tokio::test]
async fn a_full_disk_is_told_and_space_heals_it() {
    let disk = powercut::Disk::new();
    let journal = open(&disk, small(400)).unwrap();
    journal.append(numbered(1)).await.unwrap();
    disk.set_capacity(1500);
    let mut kept = 1;
    let error = loop {
        match journal.append(numbered(3)).await {
            Ok(_) => kept += 3,
            Err(error) => break error,
        }
    };
    assert!(kept > 3, "some fitted");
    assert_eq!((error.code(), error.remedy()), (Code::Write, Remedy::Retry));
    assert!(
        error.report().contains("the disk is full"),
        "{}",
        error.report()
    );
    assert!(journal.append(numbered(3)).await.is_err());
    disk.set_capacity(1 << 20);
    assert_eq!(journal.append(numbered(1)).await.unwrap().sequences, [kept]);
    assert_eq!(read_all(&journal).unwrap().len() as u64, kept + 1);
    drop(journal);
    let journal = open(&disk.power_on(1), small(400)).unwrap();
    assert_eq!(read_all(&journal).unwrap().len() as u64, kept + 1);
}

#[tokio::test]
async fn a_full_journal_holds_appenders_back_until_records_are_removed() {
    let disk = powercut::Disk::new();
    let options = Options {
        segment_bytes: 1000,
        buffer_bytes: 1000,
        bytes_max: 8000,
        append_timeout: Duration::from_millis(150),
        ..small(1000)
    };
    let journal = open(&disk, options).unwrap();
    let error = loop {
        if let Err(error) = journal.append(numbered(4)).await {
            break error;
        }
    };
    assert_eq!(
        (error.code(), error.remedy()),
        (Code::Unavailable, Remedy::Retry)
    );
    assert!(error.message().contains("is full"), "{error}");
    let end = journal.end_sequence();
    let waiting = journal.append(numbered(1));
    let (done, start) = tokio::join!(waiting, async { journal.truncate_before(end).unwrap() });
    assert_eq!(done.unwrap().sequences, [end]);
    assert!(start > 0);
    assert!(journal.bytes() < 4000);
}

#[tokio::test]
async fn truncating_removes_whole_segments_and_readers_of_them_are_told() {
    let disk = powercut::Disk::new();
    let journal = open(&disk, small(100)).unwrap();
    for i in 0..30 {
        journal
            .append(vec![record(&format!("r{i}"))])
            .await
            .unwrap();
    }
    let mut slow = journal.reader(0).unwrap();
    let start = journal.truncate_before(17).unwrap();
    assert!((10..=17).contains(&start), "{start}");
    assert_eq!(read_all(&journal).unwrap().len() as u64, 30 - start);
    assert_eq!(slow.read_now(10).unwrap_err().code(), Code::InputLost);
    assert_eq!(
        journal.reader(start - 1).err().unwrap().code(),
        Code::InputLost
    );
    assert_eq!(journal.reader(31).err().unwrap().code(), Code::InputLost);
    assert_eq!(
        journal.truncate_before(31).unwrap_err().code(),
        Code::InputLost
    );
    assert!(journal.truncate_before(30).unwrap() <= 30);
    assert_eq!(journal.append(numbered(1)).await.unwrap().sequences, [30]);
    let disk = disk.power_on(9);
    let journal = open(&disk, small(100)).unwrap();
    assert!(journal.start_sequence() >= start);
    assert_eq!(journal.end_sequence(), 31);
}

#[tokio::test]
async fn records_beyond_the_limits_are_refused_before_anything_is_appended() {
    let disk = powercut::Disk::new();
    let journal = open(&disk, small(1 << 20)).unwrap();
    let mut long_key = record("x");
    long_key.idempotency_key = Some(vec![0; 257].into());
    let mut empty_key = record("x");
    empty_key.idempotency_key = Some(Bytes::new());
    let mut headers = record("x");
    headers.headers = vec![(String::new(), Bytes::new()); 1025];
    let mut stream = record("x");
    stream.stream = "s".repeat(1025);
    let large = Record::new("s", 0, vec![0; RECORD_MAX]);
    let larger_than_the_buffer = Record::new("s", 0, vec![0; 2 << 20]);
    for bad in [
        long_key,
        empty_key,
        headers,
        stream,
        large,
        larger_than_the_buffer,
    ] {
        let error = journal.append(vec![record("good"), bad]).await.unwrap_err();
        assert_eq!(error.code(), Code::BadRecord, "{error}");
    }
    assert_eq!(journal.end_sequence(), 0);
}

#[tokio::test]
async fn the_largest_record_fits() {
    let disk = powercut::Disk::new();
    let journal = open(&disk, Options::default()).unwrap();
    let large = Record::new("s", 0, vec![7; RECORD_MAX - 100]);
    journal.append(vec![large.clone()]).await.unwrap();
    assert_eq!(read_all(&journal).unwrap()[0].record, large);
}

#[tokio::test]
async fn one_process_shares_a_folder_and_a_closed_journal_can_be_opened_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b");
    for round in 0..5 {
        let one = Journal::open(&path, Options::default(), clock()).unwrap();
        let two = Journal::open(&path, Options::default(), clock()).unwrap();
        one.append(vec![record("one")]).await.unwrap();
        two.append(vec![record("two")]).await.unwrap();
        assert_eq!(read_all(&one).unwrap().len(), 2 * (round + 1));
        match round % 2 {
            0 => drop((one, two)),
            _ => one.close().await.unwrap(),
        }
    }
}

#[test]
fn options_that_break_the_promises_are_refused() {
    let bad = [
        Options {
            flush_interval: Duration::from_millis(21),
            ..Options::default()
        },
        Options {
            bytes_max: 64 << 20,
            ..Options::default()
        },
        Options {
            dedupe_keys: usize::MAX,
            ..Options::default()
        },
        Options {
            segment_bytes: u64::MAX,
            ..Options::default()
        },
        Options {
            buffer_bytes: usize::MAX,
            ..Options::default()
        },
    ];
    let folder = tempfile::tempdir().unwrap();
    for options in bad {
        let error = Journal::open(folder.path(), options, clock())
            .err()
            .unwrap();
        assert_eq!(error.code(), Code::InvalidOption, "{error}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().join("below");
    let error = Journal::open(&path, Options::default(), clock())
        .err()
        .unwrap();
    assert_eq!(error.code(), Code::Write);
    assert!(Local::at(&path).is_err());
    assert!(error.message().contains("below"), "{error}");
}

fn bytes() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

proptest! {
    #[test]
    fn a_record_comes_back_as_it_was(
        stream in ".{0,20}",
        timestamp_ms in any::<i64>(),
        key in proptest::option::of(bytes()),
        idempotency_key in proptest::option::of(bytes()),
        headers in proptest::collection::vec((".{0,5}", bytes()), 0..4),
        payload in bytes(),
    ) {
        let record = Record { stream, timestamp_ms, key, idempotency_key, headers, payload };
        let mut out = Vec::new();
        record.encode(&mut out);
        prop_assert!(out.len() <= record.bytes());
        prop_assert_eq!(Record::decode(&Bytes::from(out)), Some(record));
    }

    #[test]
    fn any_bytes_are_a_record_or_none(body in bytes()) {
        if let Some(record) = Record::decode(&body) {
            prop_assert!(record.payload.len() <= body.len());
        }
    }
}

#[tokio::test]
async fn a_payload_that_imitates_frames_is_only_a_payload() {
    let disk = powercut::Disk::new();
    let journal = open(&disk, small(1 << 20)).unwrap();
    journal.append(vec![record("x")]).await.unwrap();
    let (name, _) = disk.files().unwrap().pop().unwrap();
    // Frames of another journal, with sequences that would be proof enough here.
    let other = powercut::Disk::new();
    let imitated = open(&other, small(1 << 20)).unwrap();
    for _ in 0..9 {
        imitated.append(numbered(1)).await.unwrap();
    }
    let (other_name, _) = other.files().unwrap().pop().unwrap();
    let payload = other.read_all(&other_name).unwrap();
    journal
        .append(vec![Record::new("s", 0, payload)])
        .await
        .unwrap();
    drop(journal);
    // The end of the group is lost, and its mark.
    let file = disk.open(&name).unwrap();
    file.set_len(file.len().unwrap() - 60).unwrap();
    let journal = open(&disk, small(1 << 20)).unwrap();
    assert_eq!(texts(&read_all(&journal).unwrap()), ["x"]);
}
