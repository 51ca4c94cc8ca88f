//! Random histories against a map: whatever was put, deleted, dropped, cut, rescaled.

use super::*;

/// What one subtask does between two checkpoints.
#[derive(Clone, Debug)]
enum Change {
    Put(Key, Vec<u8>),
    Delete(Key),
    Drop(u8, i64),
}

const GROUPS: u32 = 8;

fn key() -> impl Strategy<Value = Key> {
    let bytes = prop_oneof![
        3 => proptest::collection::vec(any::<u8>(), 0..3),
        1 => proptest::collection::vec(Just(0u8), 0..14),
        1 => proptest::collection::vec(0u8..2, 9..14),
    ];
    let namespace = prop_oneof![
        Just(0),
        Just(-1),
        Just(60_000),
        Just(i64::MIN),
        Just(i64::MAX)
    ];
    (0..GROUPS as u16, 0u8..3, namespace, bytes)
}

fn change() -> impl Strategy<Value = Change> {
    let value = proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        8 => (key(), value).prop_map(|(key, value)| Change::Put(key, value)),
        3 => key().prop_map(Change::Delete),
        1 => key().prop_map(|key| Change::Drop(key.1, key.2)),
    ]
}

/// Parallelism and changes of each checkpoint.
fn history() -> impl Strategy<Value = Vec<(u32, Vec<Change>)>> {
    let epoch = (1u32..5, proptest::collection::vec(change(), 0..120));
    proptest::collection::vec(epoch, 1..7)
}

/// The map after a checkpoint: drops hit what was there before, then the changes in order.
fn apply(model: &mut BTreeMap<Key, Vec<u8>>, changes: &[Change], dropped: &[(u8, i64)]) {
    model.retain(|key, _| !dropped.contains(&(key.1, key.2)));
    for change in changes {
        match change {
            Change::Put(key, value) => {
                model.insert(key.clone(), value.clone());
            }
            Change::Delete(key) => {
                model.remove(key);
            }
            Change::Drop(..) => {}
        }
    }
}

/// The runs of a checkpoint made by `parallelism` subtasks.
fn snapshots(checkpoint: u64, parallelism: u32, changes: &[Change]) -> Vec<RunFile> {
    let mut runs = Vec::new();
    for subtask in 0..parallelism {
        let owner = |group: u16| millstream_core::key::owner(group.into(), GROUPS, parallelism);
        let first = (0..GROUPS)
            .find(|group| owner(*group as u16) == subtask)
            .unwrap();
        let count = (0..GROUPS)
            .filter(|group| owner(*group as u16) == subtask)
            .count() as u32;
        let mut writer = RunWriter::new(checkpoint, first..first + count, false, small());
        for change in changes {
            match change {
                Change::Put(key, value) if owner(key.0) == subtask => {
                    writer.put(state_key(key), value).unwrap();
                }
                Change::Delete(key) if owner(key.0) == subtask => {
                    writer.delete(state_key(key)).unwrap();
                }
                Change::Drop(table, namespace) => {
                    writer.drop_namespace(*table, *namespace).unwrap();
                }
                Change::Put(..) | Change::Delete(_) => {}
            }
        }
        runs.extend(writer.finish().unwrap().runs);
    }
    runs
}

/// Merges neighbouring runs into one, as a compaction does.
fn compact(runs: &[Arc<Run>], keep: Keep) -> Arc<Run> {
    let mut merge = Merge::keeping(runs, 0, u16::MAX, keep);
    let mut builder = Builder::new(1, 100, None).unwrap();
    loop {
        match merge.advance().unwrap() {
            Next::Entry => {
                let (key, value) = merge.entry();
                builder.push(&key, value).unwrap();
            }
            Next::Bytes => block_on(merge.fetch()).unwrap(),
            Next::End => break,
        }
    }
    let drops = match keep {
        Keep::Live => Vec::new(),
        Keep::Deletions => runs
            .iter()
            .flat_map(|run| run.footer().drops.clone())
            .collect(),
    };
    Arc::new(open(&builder.finish(drops).unwrap(), "compacted").unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_list_of_runs_is_the_map_of_what_was_put(
        history in history(),
        range in (0..GROUPS as u16, 0..GROUPS as u16),
        compactions in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..3),
    ) {
        let mut model = BTreeMap::new();
        let mut seen = BTreeMap::new();
        let mut runs: Vec<Arc<Run>> = Vec::new();
        for (checkpoint, (parallelism, changes)) in (1..).zip(&history) {
            let dropped: Vec<_> = changes.iter().filter_map(|change| match change {
                Change::Drop(table, namespace) => Some((*table, *namespace)),
                Change::Put(..) | Change::Delete(_) => None,
            }).collect();
            apply(&mut model, changes, &dropped);
            for change in changes {
                if let Change::Put(key, _) | Change::Delete(key) = change {
                    seen.insert(key.clone(), ());
                }
            }
            let files = snapshots(checkpoint, *parallelism, changes);
            runs.extend(files.iter().map(|file| Arc::new(open(file, "run").unwrap())));
        }
        for (from, to) in compactions {
            if runs.is_empty() { break; }
            let (from, to) = (from.index(runs.len()), to.index(runs.len()));
            let (from, to) = (from.min(to), from.max(to));
            let keep = if from == 0 { Keep::Live } else { Keep::Deletions };
            let merged = compact(&runs[from..=to], keep);
            runs.splice(from..=to, [merged]);
        }

        let (first, last) = (range.0.min(range.1), range.0.max(range.1));
        let wanted: BTreeMap<Key, Vec<u8>> = model.iter()
            .filter(|(key, _)| (first..=last).contains(&key.0))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        prop_assert_eq!(entries(&runs, first, last).unwrap(), wanted);

        // Look-ups of everything ever named, and of one key that never was.
        let cache = Arc::new(BlockCache::new(2_000));
        let lookup = Lookup::new(runs, cache).unwrap();
        seen.insert((1, 1, 1, b"never".to_vec()), ());
        let keys: Vec<Key> = seen.into_keys().rev().collect();
        let questions: Vec<_> = keys.iter().map(state_key).collect();
        let answers = block_on(lookup.get_many(&questions)).unwrap();
        for (key, answer) in keys.iter().zip(answers) {
            prop_assert_eq!(answer.as_deref(), model.get(key).map(Vec::as_slice), "{:?}", key);
        }
    }
}
