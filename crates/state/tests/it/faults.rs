//! A store on a bad day (F17): refusals, resets, lost answers, short reads, flipped bits.

use std::sync::Arc;
use std::time::Duration;

use millstream_core::Code;
use millstream_faultkit::store::{FailingStore, Fault, Operation, Rule};
use millstream_state::{CheckpointStore, JobStore, StoreOptions};
use object_store::memory::InMemory;

use crate::shop::Shop;

fn failing(seed: u64) -> (Arc<FailingStore>, JobStore) {
    let store = Arc::new(FailingStore::new(Arc::new(InMemory::new()), seed));
    let options = StoreOptions {
        retry_budget: Duration::from_secs(20),
        retry_first: Duration::from_millis(1),
        retry_cap: Duration::from_millis(4),
        ..StoreOptions::default()
    };
    let job = CheckpointStore::over(Arc::clone(&store) as _, "failing", &options).job("shop");
    (store, job.unwrap())
}

#[tokio::test]
async fn checkpoints_of_a_bad_day_are_whole() {
    for seed in 0..12 {
        let (store, job) = failing(seed);
        let mut shop = Shop::open(job).await.unwrap();
        for rule in Rule::bad_day(Duration::ZERO, Duration::from_micros(200)) {
            store.add_rule(rule);
        }
        store.add_rule(Rule::sometimes(&[Operation::Get], 0.1, Fault::ShortRead));
        store.add_rule(Rule::sometimes(&[Operation::List], 0.1, Fault::BrokenList));
        for round in 0..6 {
            let keys = round * 300..round * 300 + 900;
            shop.checkpoint(keys)
                .await
                .unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        }
        shop.job.collect_garbage(&shop.claim, 3, &[]).await.unwrap();
        assert_eq!(shop.restored().await.unwrap(), shop.wanted, "seed {seed}");
        let seen = shop.job.observe().await.unwrap();
        assert_eq!(
            (seen.manifests.len(), seen.markers.len()),
            (3, 3),
            "seed {seed}"
        );
        let faults: u64 = store.faults().values().sum();
        assert!(faults > 20, "seed {seed}: {:?}", store.faults());
        // Nothing is stored under two names because an answer was lost.
        store.clear_rules();
        let listed = shop.job.observe().await.unwrap();
        assert_eq!(listed.readable.len(), 3);
    }
}

#[tokio::test]
async fn a_bit_flipped_on_the_way_never_becomes_state() {
    let (store, job) = failing(7);
    let mut shop = Shop::open(job).await.unwrap();
    shop.checkpoint(0..3_000).await.unwrap();
    let mut noticed = 0;
    for _ in 0..40 {
        store.add_rule(Rule::once(&[Operation::Get], "state/", Fault::BitFlip));
        match shop.restored().await {
            // The bit was in a part that is not decoded, such as a filter.
            Ok(found) => assert_eq!(found, shop.wanted),
            Err(error) => {
                assert_eq!(error.code(), Code::CheckpointDamaged);
                assert!(error.message().contains("shop/state/"), "{error}");
                noticed += 1;
            }
        }
        store.clear_rules();
    }
    assert!(noticed > 20, "{noticed} of 40");
    assert_eq!(shop.restored().await.unwrap(), shop.wanted);
}
