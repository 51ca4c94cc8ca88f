//! Damage is an error that names the file: never a panic, never other data.

use super::*;

/// A run with several blocks, a deletion and a drop.
fn sample() -> (RunFile, Vec<Key>) {
    let mut writer = RunWriter::new(9, 0..4, false, small());
    let keys: Vec<Key> = (0..12u16)
        .map(|n| (n % 4, 1, 60_000, n.to_be_bytes().repeat(2)))
        .collect();
    for key in &keys {
        writer.put(state_key(key), &[7; 40]).unwrap();
    }
    writer.delete(state_key(&keys[3])).unwrap();
    writer.drop_namespace(1, 0).unwrap();
    let mut runs = writer.finish().unwrap().runs;
    assert_eq!(runs.len(), 1);
    (runs.remove(0), keys)
}

/// Opens and reads everything there is, filter included.
fn read_all(bytes: Vec<u8>, keys: &[Key]) -> millstream_core::Result<BTreeMap<Key, Vec<u8>>> {
    let source = Arc::new(InMemory::new("job/state/f.run", bytes.into()));
    let runs = [Arc::new(block_on(Run::open(source))?)];
    let questions: Vec<_> = keys.iter().map(state_key).collect();
    let lookup = Lookup::new(runs.to_vec(), Arc::new(BlockCache::new(0))).unwrap();
    block_on(lookup.get_many(&questions))?;
    entries(&runs, 0, 3)
}

fn refused(bytes: Vec<u8>, keys: &[Key], what: &str) {
    match read_all(bytes, keys) {
        Ok(_) => panic!("{what} was not noticed"),
        Err(error) => {
            let named = error.message().contains("'job/state/f.run'");
            assert!(named, "{what}: {error}");
        }
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let (file, keys) = sample();
    let bytes = file.body.read().unwrap();
    assert_eq!(read_all(bytes.to_vec(), &keys).unwrap().len(), 11);
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        refused(bad, &keys, &format!("a flip of bit {bit}"));
    }
}

#[test]
fn every_shorter_and_every_zeroed_file_is_noticed() {
    let (file, keys) = sample();
    let bytes = file.body.read().unwrap();
    for len in 0..bytes.len() {
        refused(bytes[..len].to_vec(), &keys, &format!("a cut at {len}"));
        let mut zeroed = bytes.to_vec();
        zeroed[len..].fill(0);
        if zeroed != bytes {
            refused(zeroed, &keys, &format!("zeros from {len}"));
        }
    }
    let mut longer = bytes.to_vec();
    longer.push(0);
    refused(longer, &keys, "a longer file");
}

#[test]
fn a_newer_version_is_refused_by_number() {
    let (file, keys) = sample();
    let mut bytes = file.body.read().unwrap().to_vec();
    let tail = bytes.len() - 12;
    bytes[8..12].copy_from_slice(&2u32.to_le_bytes());
    bytes[tail..tail + 4].copy_from_slice(&2u32.to_le_bytes());
    let error = read_all(bytes, &keys).unwrap_err();
    assert_eq!(
        error.message(),
        "state file 'job/state/f.run' has format version 2, this release reads versions up to 1"
    );
}

#[test]
fn the_checksum_of_the_whole_file_is_that_of_its_bytes() {
    let (file, _) = sample();
    let bytes = file.body.read().unwrap();
    assert_eq!(file.meta.size, bytes.len() as u64);
    assert_eq!(file.meta.crc32c, crc32c::crc32c(&bytes));
    assert_eq!((file.meta.first_group, file.meta.last_group), (0, 3));
    assert_eq!((file.meta.tombstones, file.meta.drops), (1, 1));
}
