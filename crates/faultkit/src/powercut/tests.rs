use std::collections::BTreeSet;

use futures::StreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use super::*;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn bytes_that_were_not_synced_are_lost_and_synced_ones_stay() {
    let mut lengths = BTreeSet::new();
    for seed in 0..200 {
        let disk = Disk::new();
        let file = disk.create_new("journal").unwrap();
        file.append(&[1; 5_000]).unwrap();
        file.sync().unwrap();
        disk.sync_dir("").unwrap();
        file.append(&[2; 20_000]).unwrap();
        let disk = disk.power_on(seed);
        let left = disk.read_all("journal").unwrap();
        assert!(left[..5_000].iter().all(|byte| *byte == 1), "seed {seed}");
        assert!(
            left[5_000..].iter().all(|byte| matches!(byte, 0 | 2)),
            "seed {seed}"
        );
        assert_ne!(left.len(), 0);
        lengths.insert(left.len());
        assert!(
            left.len() < 25_000 || left[24_576..].contains(&0),
            "the last page is torn: {seed}"
        );
    }
    assert!(lengths.len() > 20, "{lengths:?}");
    assert!(lengths.contains(&5_000) && lengths.contains(&25_000));
}

#[test]
fn a_name_that_was_not_synced_may_be_lost_with_all_its_bytes() {
    let survived = |sync_name: bool| {
        let tries = (0..50).filter(|seed| {
            let disk = Disk::new();
            let file = disk.create_new("a").unwrap();
            file.append(b"x").unwrap();
            file.sync().unwrap();
            if sync_name {
                disk.sync_dir("").unwrap();
            }
            disk.power_on(*seed).read_all("a").is_ok()
        });
        tries.count()
    };
    assert_eq!(survived(true), 50);
    assert!((5..45).contains(&survived(false)));
}

#[test]
fn a_rename_is_old_or_new_and_never_both_or_neither() {
    let (mut old, mut new) = (0, 0);
    for seed in 0..50 {
        let disk = Disk::new();
        for (name, content) in [("a", b"new"), ("b", b"old")] {
            let file = disk.create_new(name).unwrap();
            file.append(content).unwrap();
            file.sync().unwrap();
        }
        disk.sync_dir("").unwrap();
        disk.rename("a", "b").unwrap();
        let disk = disk.power_on(seed);
        match (
            disk.read_all("a").is_ok(),
            disk.read_all("b").unwrap().as_slice(),
        ) {
            (true, b"old") => old += 1,
            (false, b"new") => new += 1,
            other => panic!("seed {seed}: {other:?}"),
        }
    }
    assert!(old > 0 && new > 0);
}

#[test]
fn a_file_in_a_folder_whose_name_was_lost_is_lost() {
    let lost = (0..50).filter(|seed| {
        let disk = Disk::new();
        disk.create_dir_all("x/y").unwrap();
        disk.create_new("x/y/a").unwrap().sync().unwrap();
        disk.sync_dir("x/y").unwrap();
        disk.power_on(*seed).open("x/y/a").is_err()
    });
    assert!(lost.count() > 5);
}

#[test]
fn a_failed_sync_loses_the_pages_although_the_next_one_succeeds() {
    let disk = Disk::new();
    let file = disk.create_new("a").unwrap();
    file.append(b"good").unwrap();
    file.sync().unwrap();
    disk.sync_dir("").unwrap();
    file.write_at(0, b"lost").unwrap();
    disk.fail_sync(1);
    assert!(file.sync().is_err());
    file.sync().unwrap();
    assert_eq!(file.read_all().unwrap(), b"lost");
    assert_eq!(disk.power_on(3).read_all("a").unwrap(), b"good");
}

#[test]
fn after_a_cut_the_old_life_can_neither_read_nor_write() {
    let disk = Disk::new();
    let file = disk.create_new("a").unwrap();
    disk.cut(1);
    assert!(!disk.is_powered());
    assert!(file.append(b"x").is_err() && disk.open("a").is_err());
    let next = disk.power_on(1);
    assert!(file.append(b"x").is_err() && disk.files().is_err());
    assert!(next.files().is_ok());
}

#[test]
fn a_full_disk_refuses_and_keeps_what_it_has() {
    let disk = Disk::new();
    disk.set_capacity(10);
    let file = disk.create_new("a").unwrap();
    file.append(&[1; 10]).unwrap();
    assert_eq!(
        file.append(&[2]).unwrap_err().kind(),
        std::io::ErrorKind::StorageFull
    );
    assert_eq!(file.len().unwrap(), 10);
    file.write_at(9, &[3]).unwrap();
    assert!(file.write_at(usize::MAX, &[3]).is_err());
    assert_eq!(file.read_at(9, usize::MAX).unwrap(), [3]);
    assert_eq!(file.read_at(usize::MAX, 5).unwrap(), [0u8; 0]);
}

#[test]
fn paths_that_lead_nowhere_are_refused() {
    let disk = Disk::new();
    for path in ["", "/a", "a//b", "../a", "a/./b", "missing/a"] {
        assert!(disk.create_new(path).is_err(), "{path}");
    }
    disk.create_new("file").unwrap();
    assert!(disk.create_new("file/a").is_err() && disk.create_dir_all("file/a").is_err());
    assert!(disk.rename("gone", "b").is_err() && disk.remove("gone").is_err());
}

#[test]
fn a_put_that_was_acknowledged_with_fsync_survives_a_cut_at_any_moment() {
    let location = Path::from("cp/7/manifest");
    let content = vec![7u8; 9_000];
    let put = |disk: &Disk, fsync: bool| {
        let store = disk.store(fsync);
        let payload = PutPayload::from(content.clone());
        block_on(store.put_opts(&location, payload, PutMode::Create.into())).is_ok()
    };
    let steps = {
        let disk = Disk::new();
        assert!(put(&disk, true));
        disk.changes()
    };
    assert!(steps >= 8, "{steps}");
    for cut in 0..=steps {
        for seed in 0..20 {
            let disk = Disk::new();
            disk.cut_at(cut, seed);
            let acknowledged = put(&disk, true);
            let store = disk.power_on(seed).store(true);
            match block_on(async { store.get(&location).await?.bytes().await }) {
                Ok(found) => assert_eq!(found, content, "cut {cut}, seed {seed}: half a file"),
                Err(error) => {
                    assert!(!acknowledged, "cut {cut}, seed {seed}: {error}");
                }
            }
        }
    }
    let damaged = (0..100).filter(|seed| {
        let disk = Disk::new();
        assert!(put(&disk, false));
        let store = disk.power_on(*seed).store(false);
        block_on(async { store.get(&location).await?.bytes().await })
            .map_or(true, |found| found != content)
    });
    assert!(damaged.count() > 50, "without fsync a put is not durable");
}

#[test]
fn the_store_creates_once_lists_reads_ranges_and_deletes() {
    block_on(async {
        let store = Disk::new().store(true);
        let (a, b) = (Path::from("x/a"), Path::from("x/y/b"));
        store
            .put_opts(&a, "hello".into(), PutMode::Create.into())
            .await
            .unwrap();
        let again = store
            .put_opts(&a, "other".into(), PutMode::Create.into())
            .await;
        assert!(matches!(
            again,
            Err(object_store::Error::AlreadyExists { .. })
        ));
        assert_eq!(store.get_range(&a, 1..3).await.unwrap(), "el");
        let mut upload = store.put_multipart(&b).await.unwrap();
        let (first, second) = (upload.put_part("1".into()), upload.put_part("2".into()));
        second.await.unwrap();
        first.await.unwrap();
        upload.complete().await.unwrap();
        assert_eq!(store.get(&b).await.unwrap().bytes().await.unwrap(), "12");

        let prefix = Path::from("x");
        let listed: Vec<_> = store
            .list(Some(&prefix))
            .map(|meta| meta.unwrap().location)
            .collect()
            .await;
        assert_eq!(listed, [a.clone(), b.clone()]);
        let level = store.list_with_delimiter(Some(&prefix)).await.unwrap();
        assert_eq!(level.common_prefixes, [Path::from("x/y")]);
        assert_eq!(level.objects.len(), 1);

        store.rename(&a, &Path::from("x/c")).await.unwrap();
        store.delete(&b).await.unwrap();
        let left: Vec<_> = store
            .list(None)
            .map(|meta| meta.unwrap().location)
            .collect()
            .await;
        assert_eq!(left, [Path::from("x/c")]);
        assert!(matches!(
            store.get(&b).await,
            Err(object_store::Error::NotFound { .. })
        ));
    });
}
