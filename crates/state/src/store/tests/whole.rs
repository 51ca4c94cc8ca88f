//! From claim to recovery.

use millstream_protocol::recover::{Action, Condition, LastAgent, Observed, Request, decide};

use super::*;

fn observed(seen: &Observation) -> Observed {
    Observed {
        lineage: seen.lineage().unwrap(),
        manifests: seen.manifests.clone(),
        markers: seen.markers.clone(),
        boundary: seen.boundary,
        last_agent: LastAgent::Absent,
        request: Request::Continue,
    }
}

#[tokio::test]
async fn a_job_comes_back_with_what_was_committed_at_any_parallelism() {
    for (kept, store) in [(None, in_memory()), {
        let (directory, store) = on_disk();
        (Some(directory), store)
    }] {
        let job = store.job("shop 1").unwrap();
        let claim = job.claim(&owner(1)).await.unwrap();
        let first = checkpoint(&job, &claim, None, 0..2_000).await.unwrap();
        let second = checkpoint(&job, &claim, Some(&first), 500..900)
            .await
            .unwrap();
        prepare(&job, &claim, Some(&second), 0..10).await.unwrap();
        drop(claim);

        let claim = job.claim(&owner(2)).await.unwrap();
        assert_eq!(claim.generation(), 2);
        let seen = job.observe().await.unwrap();
        assert_eq!(
            decide(&observed(&seen)),
            Action::SettleAborted { checkpoint: 3 }
        );
        let aborted = Content {
            token: String::new(),
            aborted: true,
        };
        job.create_marker(claim.lineage(), 3, &aborted)
            .await
            .unwrap();
        let seen = job.observe().await.unwrap();
        let Action::Restore {
            checkpoint,
            next,
            discard,
            ..
        } = decide(&observed(&seen))
        else {
            panic!("{:?}", decide(&observed(&seen)));
        };
        assert_eq!((checkpoint, next, discard), (2, 4, vec![3]));
        let manifest = &seen.readable[&(claim.lineage().to_owned(), 2)];
        assert_eq!(*manifest, second);
        let mut all = Vec::new();
        for groups in [0..1, 1..3, 3..8] {
            all.extend(state(&job, manifest, groups).await.unwrap());
        }
        all.sort_unstable();
        let wanted: Vec<_> = (0..2_000)
            .map(|key| (key, if (500..900).contains(&key) { 2 } else { 1 }))
            .collect();
        assert_eq!(all, wanted);
        assert_eq!(store.jobs().await.unwrap(), ["shop 1"]);
        drop(kept);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_operator_reads_its_state_from_a_thread_that_may_wait() {
    use millstream_core::state::StateReader;
    let job = in_memory().job("shop").unwrap();
    let claim = job.claim(&owner(1)).await.unwrap();
    let manifest = checkpoint(&job, &claim, None, 0..100).await.unwrap();
    let opened = job.open_node(&manifest.nodes[0]).await.unwrap();
    let mut reader = opened.restore(0..8, tokio::runtime::Handle::current());
    let read = tokio::task::spawn_blocking(move || {
        let mut entries = 0;
        while let Some(chunk) = reader.next_chunk().unwrap() {
            entries += chunk.len();
        }
        let blobs = reader.blobs("count").len();
        (
            entries,
            blobs,
            reader.blobs("none").len(),
            reader.key_groups(),
        )
    });
    assert_eq!(read.await.unwrap(), (100, 2, 0, 0..8));
}

#[tokio::test]
async fn a_second_process_on_one_directory_is_refused_with_the_holder_of_it() {
    let (_directory, store) = on_disk();
    let job = store.job("shop").unwrap();
    let claim = job.claim(&owner(41)).await.unwrap();
    let error = job.claim(&owner(42)).await.unwrap_err();
    assert_eq!(error.code(), Code::Fenced);
    let wanted = "job 'shop' is already running: process 41 on host 'mill', generation 1 holds";
    assert!(error.message().starts_with(wanted), "{error}");
    store.job("other").unwrap().claim(&owner(42)).await.unwrap();
    drop(claim);
    assert_eq!(job.claim(&owner(42)).await.unwrap().generation(), 2);
}

#[tokio::test]
async fn a_replaced_process_is_told_by_whom_and_cannot_jump_over_its_successor() {
    let job = in_memory().job("shop").unwrap();
    let mut zombie = job.claim(&owner(1)).await.unwrap();
    job.renew(&mut zombie).await.unwrap();
    assert_eq!(zombie.generation(), 2);
    let heir = job.claim(&owner(9)).await.unwrap();
    assert_eq!((heir.generation(), heir.lineage()), (3, zombie.lineage()));
    job.check_fence(3).await.unwrap();
    let wanted =
        "generation 2 of job 'shop' was replaced by generation 3 of process 9 on host 'mill'";
    let error = job.check_fence(2).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::Fenced, wanted));
    let error = job.renew(&mut zombie).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::Fenced, wanted));
    assert_eq!(job.fence().await.unwrap(), (3, 0));
}

#[tokio::test]
async fn the_first_writer_of_a_number_wins_and_the_second_is_told_what_stands_there() {
    let job = in_memory().job("shop").unwrap();
    let claim = job.claim(&owner(1)).await.unwrap();
    let mut manifest = prepare(&job, &claim, None, 0..10).await.unwrap();
    assert_eq!(
        job.create_manifest(&manifest).await.unwrap(),
        Created::Done,
        "the same bytes"
    );
    manifest.token = "other".into();
    let first = Content {
        token: "token-1".into(),
        aborted: false,
    };
    let found = job.create_manifest(&manifest).await.unwrap();
    assert_eq!(found, Created::Exists(first.clone()));
    let lineage = claim.lineage();
    assert_eq!(
        job.create_marker(lineage, 1, &first).await.unwrap(),
        Created::Done
    );
    let aborted = Content {
        token: String::new(),
        aborted: true,
    };
    let found = job.create_marker(lineage, 1, &aborted).await.unwrap();
    assert_eq!(found, Created::Exists(first.clone()));
    assert_eq!(job.read_marker(lineage, 1).await.unwrap(), Some(first));
    assert_eq!(job.read_marker(lineage, 2).await.unwrap(), None);
    let missing = job.read_manifest(lineage, 2).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
}

#[tokio::test]
async fn damage_of_any_file_is_seen_by_recovery_or_by_the_restore_and_names_the_file() {
    let (directory, store) = on_disk();
    let job = store.job("shop").unwrap();
    let claim = job.claim(&owner(1)).await.unwrap();
    let manifest = checkpoint(&job, &claim, None, 0..2_000).await.unwrap();
    let root = directory.path().join("shop");
    let lineage = claim.lineage().to_owned();
    let files: Vec<String> = manifest.files().map(|(path, _)| path.to_owned()).collect();
    assert_eq!(files.len(), 2, "runs of this size are files");
    let named = [
        names::manifest(&lineage, 1),
        names::committed(&lineage, 1),
        names::generation(1),
    ];
    for name in named.iter().chain(&files) {
        let path = root.join(name);
        let good = std::fs::read(&path).unwrap();
        for step in 0..10 {
            let mut flipped = good.clone();
            let at = (good.len() - 1) * step / 9;
            flipped[at] ^= 1 << (step % 8);
            let cut = good[..at].to_vec();
            let mut zeroed = good.clone();
            zeroed[at..].fill(0);
            for bad in [flipped, cut, zeroed] {
                std::fs::write(&path, &bad).unwrap();
                let told = noticed(&job, &manifest).await;
                assert!(
                    told.as_ref().is_some_and(|text| text.contains(name)),
                    "{name}: {told:?}"
                );
            }
        }
        std::fs::remove_file(&path).unwrap();
        if files.contains(name) {
            let told = noticed(&job, &manifest).await.unwrap();
            assert!(told.contains(name) && told.contains("missing"), "{told}");
        }
        std::fs::write(&path, &good).unwrap();
    }
    assert_eq!(noticed(&job, &manifest).await, None);
}

/// What recovery or restore says is wrong.
async fn noticed(job: &JobStore, manifest: &Manifest) -> Option<String> {
    let seen = match job.observe().await {
        Ok(seen) => seen,
        Err(error) => return Some(error.message().to_owned()),
    };
    for manifest in &seen.manifests {
        if let Condition::Damaged(text) = &manifest.condition {
            return Some(text.clone());
        }
    }
    for marker in &seen.markers {
        if let millstream_protocol::recover::Verdict::Unreadable(text) = &marker.verdict {
            return Some(text.clone());
        }
    }
    // A deep check finds what no entry of ours happens to touch, such as a filter block.
    if let Err(error) = job.verify(manifest).await {
        return Some(error.message().to_owned());
    }
    let error = state(job, manifest, 0..8).await.err()?;
    Some(error.message().to_owned())
}

#[tokio::test]
async fn a_prefix_in_a_bucket_is_kept_apart_from_its_neighbours() {
    let shared: Arc<dyn ObjectStore> = Arc::new(object_store::memory::InMemory::new());
    let below = |prefix: &str| CheckpointStore {
        bucket: Arc::new(Bucket::new(
            place::Place {
                store: Arc::clone(&shared),
                prefix: prefix.into(),
                url: "s3://b".into(),
                name: "bucket 'b'".into(),
                remedy: String::new(),
                directory: None,
            },
            quick(),
        )),
    };
    let one = below("a/b").job("shop").unwrap();
    let claim = one.claim(&owner(1)).await.unwrap();
    let manifest = checkpoint(&one, &claim, None, 0..1_000).await.unwrap();
    assert_eq!(state(&one, &manifest, 0..8).await.unwrap().len(), 1_000);
    assert_eq!(one.observe().await.unwrap().manifests.len(), 1);
    let neighbour = below("a").job("shop").unwrap();
    assert_eq!(neighbour.claim(&owner(1)).await.unwrap().generation(), 1);
    assert_eq!(below("a/b").jobs().await.unwrap(), ["shop"]);
}
