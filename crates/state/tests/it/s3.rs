//! The same against a real S3 server: as it should be, with wrong credentials, and with cut
//! connections.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream_core::Code;
use millstream_core::options::Options;
use millstream_faultkit::proxy::{Action, Match, Protocol, Proxy, Rule};
use millstream_faultkit::services::{self, S3};
use millstream_protocol::commit::Content;
use millstream_state::store::{Created, delete_savepoint, list_savepoints, read_savepoint};
use millstream_state::{CheckpointStore, StoreOptions};

use crate::shop::{Shop, restored};

/// A place in the bucket that no other run uses.
fn fresh(s3: &S3, test: &str) -> String {
    let number = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("s3://{}/state-{test}-{number}", s3.bucket)
}

fn options(s3: &S3, endpoint: &str, secret: &str) -> StoreOptions {
    let values = [
        ("s3.endpoint", endpoint),
        ("s3.access-key", &s3.access_key),
        ("s3.secret-key", secret),
        ("s3.region", &s3.region),
        ("s3.path.style.access", "true"),
    ];
    let values: BTreeMap<String, String> = values
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let read = StoreOptions::from_options(&Options::new("test", values)).unwrap();
    StoreOptions {
        call_timeout: Duration::from_secs(5),
        retry_budget: Duration::from_secs(20),
        retry_first: Duration::from_millis(5),
        retry_cap: Duration::from_millis(50),
        ..read
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_lives_on_s3_from_claim_to_savepoint() {
    let Some(s3) = services::needed(services::s3()) else {
        return;
    };
    let (url, options) = (
        fresh(&s3, "whole"),
        options(&s3, &s3.endpoint, &s3.secret_key),
    );
    let store = CheckpointStore::open(&url, &options).unwrap();
    let mut shop = Shop::open(store.job("shop").unwrap()).await.unwrap();
    for round in 0..6 {
        shop.checkpoint(round * 300..round * 300 + 900)
            .await
            .unwrap();
    }
    let other = Content {
        token: "another".into(),
        aborted: true,
    };
    let lineage = shop.claim.lineage().to_owned();
    let verdict = shop.job.create_marker(&lineage, 6, &other).await.unwrap();
    assert!(
        matches!(verdict, Created::Exists(_)),
        "creates are conditional on this server"
    );
    let collected = shop.job.collect_garbage(&shop.claim, 3, &[]).await.unwrap();
    assert_eq!((collected.boundary, collected.manifests), (4, 3));
    assert_eq!(shop.restored().await.unwrap(), shop.wanted);
    assert_eq!(store.jobs().await.unwrap(), ["shop"]);

    let savepoint = shop
        .job
        .create_savepoint(&shop.manifest, "one", None)
        .await
        .unwrap();
    assert_eq!(savepoint, format!("{url}/shop/savepoints/one"));
    assert_eq!(shop.job.savepoints().await.unwrap().len(), 1);
    let listed = list_savepoints(&format!("{url}/shop/savepoints"), &options)
        .await
        .unwrap();
    assert_eq!(listed.len(), 1);
    read_savepoint(&savepoint, true, &options).await.unwrap();
    let heir = store.job("heir").unwrap();
    let adopted = heir.adopt(&savepoint, &options).await.unwrap();
    delete_savepoint(&savepoint, &options).await.unwrap();
    assert_eq!(restored(&heir, &adopted).await.unwrap(), shop.wanted);

    shop.job.claim(&crate::shop::owner()).await.unwrap();
    let fenced = shop
        .job
        .check_fence(shop.claim.generation())
        .await
        .unwrap_err();
    assert_eq!(fenced.code(), Code::Fenced);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_and_a_wrong_bucket_are_told_at_once_and_without_secrets() {
    let Some(s3) = services::needed(services::s3()) else {
        return;
    };
    let wrong = options(&s3, &s3.endpoint, "wrong-secret-8461");
    let store = CheckpointStore::open(&fresh(&s3, "denied"), &wrong).unwrap();
    let error = store
        .job("shop")
        .unwrap()
        .claim(&crate::shop::owner())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::Denied, "{}", error.report());
    let report = error.report();
    assert!(
        report.contains(&format!("bucket '{}' at '{}'", s3.bucket, s3.endpoint)),
        "{report}"
    );
    assert!(report.contains("s3.secret-key"), "{report}");
    for secret in ["wrong-secret-8461", &s3.secret_key] {
        assert!(!report.contains(secret), "{report}");
    }

    let right = options(&s3, &s3.endpoint, &s3.secret_key);
    let store = CheckpointStore::open("s3://no-such-bucket-8461/x", &right).unwrap();
    let error = store
        .job("shop")
        .unwrap()
        .claim(&crate::shop::owner())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::NotFound, "{}", error.report());
    assert!(
        error.message().contains("bucket 'no-such-bucket-8461'"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connections_lost_answers_and_503s_cost_time_only() {
    let Some(s3) = services::needed(services::s3()) else {
        return;
    };
    let server = s3.endpoint.trim_start_matches("http://").parse().unwrap();
    let proxy = Proxy::local(server, Protocol::Http, 8461).unwrap();
    let endpoint = format!("http://{}", proxy.address());
    let options = options(&s3, &endpoint, &s3.secret_key);
    let store = CheckpointStore::open(&fresh(&s3, "cut"), &options).unwrap();
    let mut shop = Shop::open(store.job("shop").unwrap()).await.unwrap();
    let http = |method: Option<&str>| Match::Http {
        method: method.map(str::to_owned),
        path_contains: String::new(),
    };
    proxy.add_rule(Rule::sometimes(
        http(Some("PUT")),
        0.15,
        Action::CutBeforeAnswer,
    ));
    proxy.add_rule(Rule::sometimes(http(None), 0.10, Action::CutBeforeRequest));
    proxy.add_rule(Rule::sometimes(http(None), 0.10, Action::Answer(503)));
    proxy.add_rule(Rule::sometimes(http(None), 0.05, Action::CutAfterRequest));
    for round in 0..10 {
        shop.checkpoint(round * 300..round * 300 + 900)
            .await
            .unwrap();
    }
    shop.job.collect_garbage(&shop.claim, 3, &[]).await.unwrap();
    assert_eq!(shop.restored().await.unwrap(), shop.wanted);
    let fired: u64 = proxy.fired().values().sum();
    assert!(fired > 20, "{:?}", proxy.fired());
    proxy.clear_rules();
    let seen = shop.job.observe().await.unwrap();
    assert_eq!((seen.manifests.len(), seen.boundary), (3, 8));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_nobody_listens_at_is_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let options = StoreOptions {
        endpoint: Some(format!("http://{free}")),
        access_key: Some("k".into()),
        secret_key: Some("s".into()),
        region: Some("us-east-1".into()),
        retry_budget: Duration::from_millis(100),
        retry_first: Duration::from_millis(5),
        ..StoreOptions::default()
    };
    let store = CheckpointStore::open("s3://b/x", &options).unwrap();
    let error = store
        .job("shop")
        .unwrap()
        .claim(&crate::shop::owner())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::Unavailable, "{}", error.report());
    assert!(error.message().contains(&free.to_string()), "{error}");
}
