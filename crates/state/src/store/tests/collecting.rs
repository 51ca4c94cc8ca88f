//! Garbage collection and compaction.

use super::*;
use crate::compact::Policy;

async fn names_of(job: &JobStore) -> Vec<String> {
    let listed = job.bucket.list(&job.directory_name).await.unwrap();
    listed
        .into_iter()
        .map(|found| job.name_of(&found.path).unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn old_checkpoints_go_and_what_the_kept_ones_need_stays() {
    let job = in_memory().job("shop").unwrap();
    let claim = job.claim(&owner(1)).await.unwrap();
    let mut last = checkpoint(&job, &claim, None, 0..2_000).await.unwrap();
    for round in 0..7 {
        last = checkpoint(&job, &claim, Some(&last), round * 100..2_000)
            .await
            .unwrap();
    }
    let done = job.collect_garbage(&claim, 3, &[]).await.unwrap();
    assert_eq!((done.boundary, done.manifests, done.files), (6, 5, 0));
    assert_eq!(job.fence().await.unwrap(), (1, 6));
    assert_eq!(state(&job, &last, 0..8).await.unwrap().len(), 2_000);
    let seen = job.observe().await.unwrap();
    assert_eq!((seen.manifests.len(), seen.boundary), (3, 6));
    let again = job.collect_garbage(&claim, 3, &[]).await.unwrap();
    assert_eq!((again.boundary, again.manifests), (6, 0));
    assert_eq!(done.bytes_left, again.bytes_left);
}

#[tokio::test]
async fn compaction_and_collection_keep_storage_near_the_live_state() {
    let job = in_memory().job("shop").unwrap();
    let claim = job.claim(&owner(1)).await.unwrap();
    let policy = Policy {
        small_bytes: 1,
        run_bytes_max: 40_000,
        ..Policy::default()
    };
    let mut last: Option<Manifest> = None;
    let (mut merged, mut bytes_left, mut live) = (0, 0, 0);
    for round in 0..100u32 {
        let mut next = last.clone();
        if let Some(manifest) = &mut next {
            let writer = Writer {
                lineage: manifest.lineage.clone(),
                checkpoint: manifest.checkpoint + 1,
                node: 0,
                subtask: 0,
            };
            let node = &mut manifest.nodes[0];
            let options = RunOptions::default();
            let compaction = job.compact(&writer, node, &policy, &options).await.unwrap();
            if let Some(compaction) = compaction {
                merged += 1;
                assert!(compaction.apply(writer.checkpoint, node));
                assert!(!compaction.apply(writer.checkpoint, node), "they are gone");
            }
        }
        let from = round * 37 % 1_800;
        let keys = if round == 0 {
            0..2_000
        } else {
            from..from + 200
        };
        let manifest = checkpoint(&job, &claim, next.as_ref(), keys).await.unwrap();
        if round == 0 {
            live = manifest.state_bytes();
        }
        assert!(manifest.nodes[0].runs.len() < 60);
        bytes_left = job
            .collect_garbage(&claim, 3, &[])
            .await
            .unwrap()
            .bytes_left;
        last = Some(manifest);
    }
    let found = state(&job, &last.unwrap(), 0..8).await.unwrap();
    assert_eq!(found.len(), 2_000);
    for (key, value) in found {
        let newest = (1..100u32)
            .rev()
            .find(|round| (round * 37 % 1_800..round * 37 % 1_800 + 200).contains(&key))
            .unwrap_or(0);
        assert_eq!(value, u64::from(newest) + 1, "key {key}");
    }
    assert!(merged >= 5, "{merged} compactions");
    assert!(
        bytes_left <= 3 * live,
        "{bytes_left} bytes for {live} of live state"
    );
}

#[tokio::test]
async fn files_of_a_compaction_that_is_not_yet_in_a_manifest_are_left_alone() {
    let job = in_memory().job("shop").unwrap();
    let claim = job.claim(&owner(1)).await.unwrap();
    let mut last = checkpoint(&job, &claim, None, 0..2_000).await.unwrap();
    for _ in 0..8 {
        last = checkpoint(&job, &claim, Some(&last), 0..2_000)
            .await
            .unwrap();
    }
    let writer = Writer {
        lineage: last.lineage.clone(),
        checkpoint: last.checkpoint + 1,
        node: 0,
        subtask: 0,
    };
    let compaction = job
        .compact(
            &writer,
            &last.nodes[0],
            &Policy::default(),
            &RunOptions::default(),
        )
        .await
        .unwrap()
        .unwrap();
    assert!(compaction.bytes_written < compaction.bytes_read);
    for _ in 0..6 {
        last = checkpoint(&job, &claim, Some(&last), 0..10).await.unwrap();
        job.collect_garbage(&claim, 3, &[]).await.unwrap();
    }
    assert!(
        !compaction.apply(writer.checkpoint + 1_000, &mut last.nodes[0]),
        "too late"
    );
    assert!(compaction.apply(last.checkpoint + 1, &mut last.nodes[0]));
    let next = checkpoint(&job, &claim, Some(&last), 0..10).await.unwrap();
    assert_eq!(state(&job, &next, 0..8).await.unwrap().len(), 2_000);
    job.verify(&next).await.unwrap();
}

#[tokio::test]
async fn a_replaced_process_collects_nothing() {
    let job = in_memory().job("shop").unwrap();
    let zombie = job.claim(&owner(1)).await.unwrap();
    let mut last = checkpoint(&job, &zombie, None, 0..10).await.unwrap();
    for _ in 0..5 {
        last = checkpoint(&job, &zombie, Some(&last), 0..10).await.unwrap();
    }
    let before = names_of(&job).await;
    job.claim(&owner(2)).await.unwrap();
    let error = job.collect_garbage(&zombie, 3, &[]).await.unwrap_err();
    assert_eq!(error.code(), Code::Fenced);
    let after = names_of(&job).await;
    assert!(before.iter().all(|name| after.contains(name)));
}

#[tokio::test]
async fn with_a_damaged_manifest_no_state_file_is_deleted() {
    let (directory, store) = on_disk();
    let job = store.job("shop").unwrap();
    let claim = job.claim(&owner(1)).await.unwrap();
    let mut last = checkpoint(&job, &claim, None, 0..2_000).await.unwrap();
    for _ in 0..5 {
        // Every snapshot replaces the runs, so old files are garbage.
        last.nodes[0].runs.clear();
        last = checkpoint(&job, &claim, Some(&last), 0..2_000)
            .await
            .unwrap();
    }
    let newest = directory
        .path()
        .join("shop")
        .join(names::manifest(claim.lineage(), 6));
    let good = std::fs::read(&newest).unwrap();
    std::fs::write(&newest, &good[..good.len() - 1]).unwrap();
    let done = job.collect_garbage(&claim, 3, &[]).await.unwrap();
    assert_eq!(done.files, 0);
    std::fs::write(&newest, &good).unwrap();
    let done = job.collect_garbage(&claim, 3, &[]).await.unwrap();
    assert_eq!(done.files, 6, "two of each of the checkpoints 1 to 3");
}
