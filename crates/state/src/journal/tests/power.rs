//! Against a model, with power cuts: what was acknowledged or read is there, once, in its place.

use std::collections::{BTreeMap, HashMap};

use futures::future::join_all;
use millstream_faultkit::chance::Chance;
use millstream_faultkit::powercut;

use super::super::{Entry, Journal, Options, Record};
use super::{open, read_from, small};

/// What a test knows of the journal.
#[derive(Default)]
struct Model {
    /// Records that were acknowledged or read, by their sequence.
    certain: BTreeMap<u64, Record>,
    /// Every record that was ever handed over, by its key.
    attempted: HashMap<Vec<u8>, Record>,
    /// Appends without an answer, to be repeated.
    unknown: Vec<Vec<Record>>,
    made: u64,
    /// Everything before may have been removed.
    removed_before: u64,
}

impl Model {
    fn new_record(&mut self, chance: &mut Chance) -> Record {
        self.made += 1;
        let length = match chance.below(8) {
            0 => chance.below(9000),
            _ => chance.below(200),
        };
        let fill = chance.bits() as u8;
        let mut payload = format!("{}:", self.made).into_bytes();
        payload.resize(payload.len() + length as usize, fill);
        let record = Record::new(format!("s{}", chance.below(3)), self.made as i64, payload)
            .with_idempotency_key(format!("k{}", self.made));
        self.attempted.insert(key(&record), record.clone());
        record
    }

    fn know(&mut self, sequence: u64, record: &Record, what: &str) {
        if let Some(other) = self.certain.insert(sequence, record.clone()) {
            assert_eq!(&other, record, "{what}: record {sequence} has changed");
        }
    }

    /// The journal as a later life finds it.
    fn check(&mut self, journal: &Journal, what: &str) {
        let start = journal.start_sequence();
        assert!(start <= self.removed_before, "{what}: removed too much");
        let found = read_from(journal, start).unwrap_or_else(|e| panic!("{what}: {e:?}"));
        let sequences = found.iter().map(|entry| entry.sequence);
        assert!(sequences.eq(start..journal.end_sequence()), "{what}: a gap");
        let mut keys = HashMap::new();
        for Entry { sequence, record } in &found {
            assert_eq!(self.attempted.get(&key(record)), Some(record), "{what}");
            let earlier = keys.insert(key(record), sequence);
            assert_eq!(earlier, None, "{what}: a duplicate at {sequence}");
            self.know(*sequence, record, what);
        }
        if let Some((last, _)) = self.certain.last_key_value() {
            assert!(
                journal.end_sequence() > *last,
                "{what}: record {last} is lost"
            );
        }
    }
}

fn key(record: &Record) -> Vec<u8> {
    record.idempotency_key.clone().unwrap().to_vec()
}

/// One life: appends, reads, removes, until the power is cut or `steps` are done.
async fn live(journal: &Journal, model: &mut Model, chance: &mut Chance, disk: &powercut::Disk) {
    let Ok(mut reader) = journal.reader(journal.start_sequence()) else {
        return;
    };
    for _ in 0..chance.between(1, 12) {
        if chance.happens(0.05) {
            disk.fail_sync(1);
        }
        let mut appends = std::mem::take(&mut model.unknown);
        for _ in 0..chance.between(1, 4) {
            let count = chance.between(1, 4);
            appends.push((0..count).map(|_| model.new_record(chance)).collect());
        }
        let answers = join_all(
            appends
                .iter()
                .map(|records| journal.append(records.clone())),
        )
        .await;
        for (records, answer) in appends.into_iter().zip(answers) {
            match answer {
                Ok(done) => {
                    for (sequence, record) in done.sequences.iter().zip(&records) {
                        model.know(*sequence, record, "acknowledged");
                    }
                }
                Err(_) => model.unknown.push(records),
            }
        }
        // What a reader has seen must be there for ever.
        if let Ok(entries) = reader.read_now(100) {
            for Entry { sequence, record } in entries {
                model.know(sequence, &record, "read");
            }
        }
        if chance.happens(0.2) && disk.is_powered() {
            let before = chance.between(journal.start_sequence(), journal.end_sequence());
            model.removed_before = model.removed_before.max(before);
            // Fails when the power is cut meanwhile; what is removed then is checked above.
            drop(journal.truncate_before(before));
        }
    }
}

fn options(chance: &mut Chance) -> Options {
    Options {
        dedupe_keys: 10_000,
        ..small(chance.between(1, 20_000))
    }
}

#[tokio::test]
async fn no_power_cut_loses_doubles_or_moves_what_was_acknowledged() {
    for seed in 0..250 {
        let mut chance = Chance::new(seed);
        let mut disk = powercut::Disk::new();
        let mut model = Model::default();
        for life in 0..5 {
            let what = format!("seed {seed}, life {life}");
            let cut = disk.changes() + chance.below(120);
            disk.cut_at(cut, seed ^ life);
            // Fails when the power is cut while it opens.
            if let Ok(journal) = open(&disk, options(&mut chance)) {
                model.check(&journal, &what);
                live(&journal, &mut model, &mut chance, &disk).await;
            }
            disk = disk.power_on(chance.bits());
        }
        let what = format!("seed {seed}, at the end");
        let journal = open(&disk, options(&mut chance)).unwrap_or_else(|e| panic!("{what}: {e:?}"));
        model.check(&journal, &what);
        for records in std::mem::take(&mut model.unknown) {
            let done = journal.append(records.clone()).await.unwrap();
            for (sequence, record) in done.sequences.iter().zip(&records) {
                model.know(*sequence, record, &what);
            }
        }
        model.check(&journal, &what);
    }
}

/// The same appends every time, one after the other, with a roll and a failed fsync among them.
async fn script(disk: &powercut::Disk, model: &mut Model) {
    let mut chance = Chance::new(11);
    let Ok(journal) = open(disk, small(4000)) else {
        return;
    };
    for step in 0..12 {
        let records: Vec<Record> = (0..2).map(|_| model.new_record(&mut chance)).collect();
        if step == 5 {
            disk.fail_sync(1);
        }
        if let Ok(done) = journal.append(records.clone()).await {
            for (sequence, record) in done.sequences.iter().zip(&records) {
                model.know(*sequence, record, "acknowledged");
            }
        }
        if step == 8 {
            let before = journal.end_sequence();
            model.removed_before = before;
            drop(journal.truncate_before(before));
        }
    }
}

#[tokio::test]
async fn a_cut_before_any_change_leaves_what_was_acknowledged() {
    let disk = powercut::Disk::new();
    script(&disk, &mut Model::default()).await;
    let changes = disk.changes();
    assert!(changes > 50, "{changes}");
    for cut in 0..=changes {
        for seed in 0..8 {
            let disk = powercut::Disk::new();
            disk.cut_at(cut, seed);
            let mut model = Model::default();
            script(&disk, &mut model).await;
            let what = format!("cut before change {cut}, seed {seed}");
            let disk = disk.power_on(seed);
            let journal = open(&disk, small(4000)).unwrap_or_else(|e| panic!("{what}: {e:?}"));
            model.check(&journal, &what);
        }
    }
}
