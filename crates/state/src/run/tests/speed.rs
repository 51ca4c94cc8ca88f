//! How fast it is, printed: `cargo test --release -p millstream-state -- --ignored speed --nocapture`.

use std::time::Duration;

use millstream_core::clock::{Clock, SystemClock};

use super::*;

fn mib_per_second(bytes: u64, took: Duration) -> f64 {
    bytes as f64 / (1 << 20) as f64 / took.as_secs_f64()
}

#[test]
#[ignore = "a measurement; wants a release build"]
#[expect(clippy::print_stdout, reason = "its result is what it prints")]
fn speed_of_writing_restoring_and_looking_up() {
    const ENTRIES: u64 = 1_000_000;
    let clock = SystemClock::new();
    let key_of = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    let key = |bytes: &[u8; 8]| ((bytes[7] % 128).into(), 0u8, 0i64, bytes.to_vec());
    let keys: Vec<Key> = (0..ENTRIES).map(|n| key(&key_of(n))).collect();
    let mut value = [0u8; 92];

    let start = clock.elapsed();
    let mut writer = RunWriter::new(1, 0..128, false, RunOptions::default());
    for (number, key) in keys.iter().enumerate() {
        value[..8].copy_from_slice(&number.to_le_bytes());
        value[8..16].copy_from_slice(&key.3);
        writer.put(state_key(key), &value).unwrap();
    }
    let put = clock.elapsed();
    let snapshot = writer.finish().unwrap();
    let done = clock.elapsed();
    let stored: u64 = snapshot.runs.iter().map(|run| run.meta.size).sum();
    println!(
        "write   {ENTRIES} entries of 100 bytes: {:?} ({:.0} MiB/s), of it after the last put {:?}; \
         {} runs, {} MiB stored",
        done - start,
        mib_per_second(ENTRIES * 100, done - start),
        done - put,
        snapshot.runs.len(),
        stored >> 20,
    );

    let runs = opened(&snapshot);
    let start = clock.elapsed();
    let mut merge = Merge::new(&runs, 0, 127);
    let mut found = 0;
    while let Some(chunk) = block_on(merge.next_chunk()).unwrap() {
        found += chunk.len() as u64;
    }
    let took = clock.elapsed() - start;
    assert_eq!(found, ENTRIES);
    println!(
        "restore {took:?} ({:.0} MiB/s)",
        mib_per_second(ENTRIES * 100, took)
    );

    let lookup = Lookup::new(runs, Arc::new(BlockCache::new(64 << 20))).unwrap();
    let questions: Vec<_> = keys.iter().step_by(100).map(state_key).collect();
    for round in ["cold", "warm"] {
        let start = clock.elapsed();
        let answers = block_on(lookup.get_many(&questions)).unwrap();
        let took = clock.elapsed() - start;
        assert!(answers.iter().all(Option::is_some));
        println!("look up {} keys, {round}: {took:?}", questions.len());
    }
}
