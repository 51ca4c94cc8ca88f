use std::time::Duration;

use object_store::Error;
use object_store::memory::InMemory;

use super::*;

fn store(rules: impl IntoIterator<Item = Rule>) -> FailingStore {
    let store = FailingStore::new(Arc::new(InMemory::new()), 1);
    rules.into_iter().for_each(|rule| store.add_rule(rule));
    store
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}

fn create(store: &FailingStore, path: &str, text: &'static str) -> Result<PutResult> {
    let path = Path::from(path);
    block_on(store.put_opts(&path, text.into(), PutMode::Create.into()))
}

fn text(store: &dyn ObjectStore, path: &str) -> Result<String> {
    block_on(async {
        let bytes = store.get(&Path::from(path)).await?.bytes().await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    })
}

fn names(store: &FailingStore) -> Vec<String> {
    let prefix = Path::from("d");
    let metas: Vec<ObjectMeta> = block_on(store.list(Some(&prefix)).try_collect()).unwrap();
    metas
        .into_iter()
        .map(|meta| meta.location.to_string())
        .collect()
}

#[test]
fn a_timeout_after_success_leaves_the_object_and_an_error() {
    let rule = Rule::once(&[Operation::Create], "manifest", Fault::TimeoutAfter);
    let store = store([rule]);
    create(&store, "d/other", "x").unwrap();
    let error = create(&store, "d/manifest-1", "mine").unwrap_err();
    assert!(error.to_string().contains("timed out"), "{error}");
    assert_eq!(text(&*store.inner(), "d/manifest-1").unwrap(), "mine");
    let again = create(&store, "d/manifest-1", "mine").unwrap_err();
    assert!(
        matches!(again, Error::AlreadyExists { .. }),
        "the caller must read back: {again}"
    );
    assert_eq!(store.faults(), BTreeMap::from([("timeout-after", 1)]));
}

#[test]
fn a_refusal_or_a_timeout_before_does_nothing() {
    let faults = [
        Fault::Unavailable,
        Fault::TooManyRequests,
        Fault::Reset,
        Fault::TimeoutBefore,
    ];
    for fault in faults {
        let store = store([Rule::once(&[Operation::Create], "", fault)]);
        assert!(create(&store, "d/a", "1").is_err());
        assert!(text(&*store.inner(), "d/a").is_err(), "{fault:?}");
        create(&store, "d/a", "2").unwrap();
        assert_eq!(text(&store, "d/a").unwrap(), "2");
        assert_eq!(store.faults(), BTreeMap::from([(fault.name(), 1)]));
    }
}

#[test]
fn a_rule_skips_counts_and_keeps_to_its_path() {
    let rule = Rule {
        skip: 1,
        times: 2,
        ..Rule::once(&[Operation::Get], "keep", Fault::Unavailable)
    };
    let store = store([rule]);
    create(&store, "d/keep", "x").unwrap();
    create(&store, "d/other", "x").unwrap();
    let ok: Vec<bool> = (0..4).map(|_| text(&store, "d/keep").is_ok()).collect();
    assert_eq!(ok, [true, false, false, true]);
    assert!(text(&store, "d/other").is_ok());
    assert_eq!(store.operations()[&Operation::Get], 5);
    assert_eq!(store.operations()[&Operation::Create], 2);
}

#[test]
fn a_read_is_cut_short_or_one_bit_is_wrong_and_the_object_stays_whole() {
    let content = "the content of an object";
    for fault in [Fault::ShortRead, Fault::BitFlip] {
        let store = store([Rule::once(&[], "", fault)]);
        create(&store, "d/a", content).unwrap();
        let path = Path::from("d/a");
        let found = block_on(async { store.get(&path).await?.bytes().await }).unwrap();
        if fault == Fault::ShortRead {
            assert!(found.len() < content.len() && content.as_bytes().starts_with(&found));
        } else {
            let wrong: u32 = found
                .iter()
                .zip(content.as_bytes())
                .map(|(a, b)| (a ^ b).count_ones())
                .sum();
            assert_eq!((found.len(), wrong), (content.len(), 1));
        }
        assert_eq!(text(&store, "d/a").unwrap(), content);
    }
}

#[test]
fn reads_of_ranges_go_through_the_rules_too() {
    let store = store([Rule::sometimes(&[Operation::Get], 1.0, Fault::BitFlip)]);
    create(&store, "d/a", "0123456789").unwrap();
    let ranges = [0..4, 4..8];
    let found = block_on(store.get_ranges(&Path::from("d/a"), &ranges)).unwrap();
    assert_eq!(found.len(), 2);
    assert!(found[0] != "0123" && found[1] != "4567");
}

#[test]
fn a_stale_list_misses_the_new_and_shows_the_deleted() {
    let store = store([]);
    create(&store, "d/a", "1").unwrap();
    create(&store, "d/b", "2").unwrap();
    // As if long ago.
    store.plan.lock().recent.clear();
    create(&store, "d/c", "3").unwrap();
    block_on(store.delete(&Path::from("d/a"))).unwrap();
    assert_eq!(names(&store), ["d/b", "d/c"]);
    store.add_rule(Rule::sometimes(&[], 1.0, Fault::StaleList));
    assert_eq!(names(&store), ["d/a", "d/b"]);
    let level = block_on(store.list_with_delimiter(Some(&Path::from("d")))).unwrap();
    assert_eq!(level.objects.len(), 2);
}

#[test]
fn an_object_that_was_created_and_deleted_lately_is_not_in_a_stale_list() {
    let store = store([Rule::sometimes(&[], 1.0, Fault::StaleList)]);
    create(&store, "d/a", "1").unwrap();
    block_on(store.delete(&Path::from("d/a"))).unwrap();
    assert_eq!(names(&store), Vec::<String>::new());
}

#[test]
fn a_paged_list_is_complete_and_sees_what_changes_between_its_pages() {
    let store = store([]);
    for name in ["a", "b", "c", "d", "e"] {
        create(&store, &format!("d/{name}"), "x").unwrap();
    }
    store.set_page(Some(2));
    assert_eq!(names(&store), ["d/a", "d/b", "d/c", "d/d", "d/e"]);
    let prefix = Path::from("d");
    let mut list = store.list(Some(&prefix));
    let first = block_on(list.next()).unwrap().unwrap();
    assert_eq!(first.location, Path::from("d/a"));
    create(&store, "d/f", "x").unwrap();
    block_on(store.delete(&Path::from("d/c"))).unwrap();
    let rest: Vec<ObjectMeta> = block_on(list.try_collect()).unwrap();
    let rest: Vec<String> = rest
        .into_iter()
        .map(|meta| meta.location.to_string())
        .collect();
    assert_eq!(rest, ["d/b", "d/d", "d/e", "d/f"]);
}

#[test]
fn a_list_that_breaks_off_ends_with_an_error() {
    let store = store([Rule::once(&[], "", Fault::BrokenList)]);
    create(&store, "d/a", "1").unwrap();
    create(&store, "d/b", "2").unwrap();
    let items: Vec<Result<ObjectMeta>> = block_on(store.list(None).collect());
    assert_eq!(
        (items.len(), items[0].is_ok(), items[1].is_ok()),
        (2, true, false)
    );
}

#[test]
fn a_multipart_upload_may_be_completed_without_an_answer() {
    let store = store([
        Rule::once(&[Operation::Part], "", Fault::Unavailable),
        Rule::once(&[Operation::Complete], "", Fault::TimeoutAfter),
    ]);
    block_on(async {
        let path = Path::from("d/big");
        let mut first = store.put_multipart(&path).await.unwrap();
        assert!(first.put_part("1".into()).await.is_err());
        first.abort().await.unwrap();
        let mut second = store.put_multipart(&path).await.unwrap();
        second.put_part("1".into()).await.unwrap();
        assert!(second.complete().await.is_err());
        assert_eq!(store.inner().head(&path).await.unwrap().size, 1);
    });
}

#[test]
fn latency_passes_on_the_time_of_the_runtime() {
    let (low, high) = (Duration::from_secs(100), Duration::from_secs(200));
    let store = store([Rule::sometimes(&[], 1.0, Fault::Latency { low, high })]);
    block_on(async {
        let before = tokio::time::Instant::now();
        store.put(&Path::from("d/a"), "1".into()).await.unwrap();
        let took = before.elapsed();
        assert!(
            took >= low && took <= high + Duration::from_secs(1),
            "{took:?}"
        );
    });
}

#[test]
fn the_same_seed_gives_the_same_faults_at_about_the_asked_rate() {
    let outcome = |seed| -> Vec<bool> {
        let store = FailingStore::new(Arc::new(InMemory::new()), seed);
        Rule::bad_day(Duration::ZERO, Duration::ZERO)
            .into_iter()
            .for_each(|rule| store.add_rule(rule));
        block_on(async {
            let mut failed = Vec::new();
            for number in 0..400 {
                let path = Path::from(format!("d/{number}"));
                failed.push(store.put(&path, "x".into()).await.is_err());
            }
            failed
        })
    };
    let first = outcome(3);
    assert_eq!(first, outcome(3));
    assert_ne!(first, outcome(4));
    let failed = first.iter().filter(|failed| **failed).count();
    assert!(
        (80..160).contains(&failed),
        "{failed} of 400, about 29 % wanted"
    );
}
