//! Savepoints: made, listed, checked, adopted, deleted.

use super::*;
use crate::manifest::Kind;

#[tokio::test]
async fn a_savepoint_outlives_its_job_and_begins_another() {
    let (directory, store) = on_disk();
    let job = store.job("shop").unwrap();
    let claim = job.claim(&owner(1)).await.unwrap();
    let first = checkpoint(&job, &claim, None, 0..2_000).await.unwrap();
    let url = job
        .create_savepoint(&first, "before upgrade", None)
        .await
        .unwrap();
    assert!(
        url.starts_with("file:///") && url.ends_with("/savepoints/before=20upgrade"),
        "{url}"
    );
    let listed = job.savepoints().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&*listed[0].url, listed[0].manifest.kind),
        (&*url, Kind::Savepoint)
    );
    read_savepoint(&url, true, &quick()).await.unwrap();
    for name in std::fs::read_dir(directory.path().join("shop/state")).unwrap() {
        std::fs::remove_file(name.unwrap().path()).unwrap();
    }
    read_savepoint(&url, true, &quick()).await.unwrap();

    // Another job, in memory, so every byte travels.
    let other = in_memory().job("shop 2").unwrap();
    let mut claim = other.claim(&owner(2)).await.unwrap();
    let adopted = other.adopt(&url, &quick()).await.unwrap();
    other
        .begin_lineage(&mut claim, Some(&adopted), vec!["old".into()])
        .await
        .unwrap();
    delete_savepoint(&url, &quick()).await.unwrap();
    assert!(job.savepoints().await.unwrap().is_empty());
    let seen = other.observe().await.unwrap();
    let lineage = seen.lineage().unwrap();
    assert_eq!(lineage.replaced, ["old"]);
    let origin = lineage.origin.unwrap();
    assert_eq!((origin.lineage, origin.number), (first.lineage.clone(), 1));
    assert_eq!(
        origin.condition,
        millstream_protocol::recover::Condition::Intact
    );
    let restored = other.read_origin(claim.lineage()).await.unwrap().unwrap();
    assert_eq!(state(&other, &restored, 0..8).await.unwrap().len(), 2_000);
}

#[tokio::test]
async fn the_files_a_lineage_began_with_stay_until_it_has_checkpoints_of_its_own() {
    let (_directory, store) = on_disk();
    let job = store.job("shop").unwrap();
    let mut claim = job.claim(&owner(1)).await.unwrap();
    let first = checkpoint(&job, &claim, None, 0..2_000).await.unwrap();
    let url = job.create_savepoint(&first, "s", None).await.unwrap();
    let adopted = job.adopt(&url, &quick()).await.unwrap();
    let replaced = vec![claim.lineage().to_owned()];
    job.begin_lineage(&mut claim, Some(&adopted), replaced)
        .await
        .unwrap();
    job.collect_garbage(&claim, 3, &[]).await.unwrap();
    let origin = job.read_origin(claim.lineage()).await.unwrap().unwrap();
    let mut last = checkpoint(&job, &claim, Some(&origin), 0..2_000)
        .await
        .unwrap();
    for round in 0..5 {
        if round == 1 {
            last.nodes[0].runs.drain(..2);
        }
        last = checkpoint(&job, &claim, Some(&last), 0..2_000)
            .await
            .unwrap();
        job.collect_garbage(&claim, 3, &[]).await.unwrap();
        assert_eq!(state(&job, &last, 0..8).await.unwrap().len(), 2_000);
    }
    assert_eq!(
        job.read_origin(claim.lineage()).await.unwrap(),
        None,
        "needed no more"
    );
    for (path, _) in adopted.files() {
        let gone = job.files().whole(path, 1).await.unwrap_err();
        assert!(gone.message().contains("missing"), "{gone}");
    }
    read_savepoint(&url, true, &quick()).await.unwrap();
}

#[tokio::test]
async fn a_savepoint_without_manifest_is_none_and_a_name_is_used_once() {
    let (directory, store) = on_disk();
    let (_elsewhere, target) = on_disk();
    let job = store.job("shop").unwrap();
    let claim = job.claim(&owner(1)).await.unwrap();
    let first = checkpoint(&job, &claim, None, 0..2_000).await.unwrap();
    let url = job
        .create_savepoint(&first, "s", Some(&target))
        .await
        .unwrap();
    let second = checkpoint(&job, &claim, Some(&first), 0..10).await.unwrap();
    let error = job
        .create_savepoint(&second, "s", Some(&target))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::AlreadyExists);
    assert_eq!(
        read_savepoint(&url, true, &quick())
            .await
            .unwrap()
            .manifest
            .checkpoint,
        1
    );
    let listed = list_savepoints(target.url(), &quick()).await.unwrap();
    assert_eq!(listed.len(), 1);

    let folder = url.strip_prefix("file://").unwrap().to_owned();
    std::fs::remove_file(format!("{folder}/savepoint")).unwrap();
    assert!(
        list_savepoints(target.url(), &quick())
            .await
            .unwrap()
            .is_empty()
    );
    let error = read_savepoint(&folder, false, &quick()).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    delete_savepoint(&folder, &quick()).await.unwrap();
    assert_eq!(
        delete_savepoint(&folder, &quick())
            .await
            .unwrap_err()
            .code(),
        Code::NotFound
    );
    let job_directory = directory.path().join("shop").display().to_string();
    let error = delete_savepoint(&job_directory, &quick()).await;
    assert!(error.is_err(), "a job is no savepoint, its state stays");
    job.verify(&second).await.unwrap();
}

#[tokio::test]
async fn a_damaged_file_of_a_savepoint_is_found_by_a_deep_look() {
    let (_directory, store) = on_disk();
    let job = store.job("shop").unwrap();
    let claim = job.claim(&owner(1)).await.unwrap();
    let first = checkpoint(&job, &claim, None, 0..2_000).await.unwrap();
    let url = job.create_savepoint(&first, "s", None).await.unwrap();
    let folder = url.strip_prefix("file://").unwrap();
    let (path, _) = first.files().next().unwrap();
    let file = format!("{folder}/{path}");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100] ^= 4;
    std::fs::write(&file, bytes).unwrap();
    read_savepoint(&url, false, &quick()).await.unwrap();
    let error = read_savepoint(&url, true, &quick()).await.unwrap_err();
    assert_eq!(error.code(), Code::CheckpointDamaged);
    assert!(error.message().contains(path), "{error}");
}
