//! A store that refuses, loses answers, and hangs.

use std::collections::VecDeque;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use millstream_protocol::commit::Event;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use parking_lot::Mutex;

use super::*;

/// What the next call does.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// 503: nothing is done.
    Busy,
    /// It is done, and the answer is lost.
    Lost,
    /// Nothing is done, and no answer comes.
    Hang,
    /// 403.
    Denied,
}

#[derive(Debug, Default)]
struct Flaky {
    inner: InMemory,
    puts: Mutex<VecDeque<Fault>>,
    gets: Mutex<VecDeque<Fault>>,
    calls: Mutex<usize>,
}

impl std::fmt::Display for Flaky {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("flaky")
    }
}

fn busy() -> object_store::Error {
    object_store::Error::Generic {
        store: "flaky",
        source: "status code: 503 Service Unavailable: SlowDown".into(),
    }
}

fn lost() -> object_store::Error {
    object_store::Error::Generic {
        store: "flaky",
        source: Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
    }
}

impl Flaky {
    async fn before(&self, faults: &Mutex<VecDeque<Fault>>) -> object_store::Result<bool> {
        *self.calls.lock() += 1;
        let fault = faults.lock().pop_front();
        match fault {
            None => Ok(false),
            Some(Fault::Lost) => Ok(true),
            Some(Fault::Busy) => Err(busy()),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Denied) => Err(object_store::Error::PermissionDenied {
                path: String::new(),
                source: "status code: 403".into(),
            }),
        }
    }
}

#[async_trait]
impl ObjectStore for Flaky {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        let lose = self.before(&self.puts).await?;
        let done = self.inner.put_opts(location, payload, options).await?;
        if lose { Err(lost()) } else { Ok(done) }
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        panic!("runs are stored in one call each, so that no parts are left behind")
    }

    async fn get_opts(
        &self,
        location: &Path,
        options: GetOptions,
    ) -> object_store::Result<GetResult> {
        let lose = self.before(&self.gets).await?;
        let found = self.inner.get_opts(location, options).await?;
        if lose { Err(lost()) } else { Ok(found) }
    }

    async fn get_ranges(
        &self,
        location: &Path,
        ranges: &[Range<u64>],
    ) -> object_store::Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &Path,
        to: &Path,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

fn flaky(options: &StoreOptions) -> (Arc<Flaky>, JobStore) {
    let store = Arc::new(Flaky::default());
    let shared = Arc::clone(&store) as Arc<dyn ObjectStore>;
    let job = CheckpointStore::over(shared, "flaky", options).job("shop");
    (store, job.unwrap())
}

fn content() -> Content {
    Content {
        token: "t".into(),
        aborted: false,
    }
}

#[tokio::test]
async fn refusals_and_lost_answers_are_tried_again_and_settled_by_reading_back() {
    use Fault::{Busy, Hang, Lost};
    for faults in [
        vec![Busy, Busy, Busy],
        vec![Lost],
        vec![Busy, Lost],
        vec![Hang, Busy],
        vec![Hang, Lost],
    ] {
        let (store, job) = flaky(&quick());
        *store.puts.lock() = faults.clone().into();
        let created = job.create_marker("a", 1, &content()).await.unwrap();
        assert_eq!(created, Created::Done, "{faults:?}");
        assert!(store.puts.lock().is_empty());
        assert_eq!(job.read_marker("a", 1).await.unwrap(), Some(content()));
    }
}

#[tokio::test]
async fn a_lost_answer_does_not_make_another_writers_object_ours() {
    let (store, job) = flaky(&quick());
    job.create_marker("a", 1, &content()).await.unwrap();
    let other = Content {
        token: String::new(),
        aborted: true,
    };
    *store.puts.lock() = vec![Fault::Busy, Fault::Hang].into();
    let created = job.create_marker("a", 1, &other).await.unwrap();
    assert_eq!(created, Created::Exists(content()));
}

#[tokio::test]
async fn an_outcome_that_stays_unknown_is_called_so_and_a_refusal_is_not() {
    let options = StoreOptions {
        call_timeout: Duration::from_millis(20),
        retry_budget: Duration::from_millis(60),
        ..quick()
    };
    let (store, job) = flaky(&options);
    *store.puts.lock() = vec![Fault::Hang; 50].into();
    *store.gets.lock() = vec![Fault::Hang; 50].into();
    let answer = job.create_marker("a", 1, &content()).await;
    assert_eq!(answer.as_ref().unwrap_err().code(), Code::CommitUnknown);
    assert!(matches!(outcome(answer), Event::Unknown { .. }));

    let (store, job) = flaky(&options);
    *store.puts.lock() = vec![Fault::Busy; 500].into();
    let answer = job.create_marker("a", 1, &content()).await;
    assert_eq!(answer.as_ref().unwrap_err().code(), Code::Unavailable);
    let Event::Failed { class, message } = outcome(answer) else {
        panic!("a refusal is a failure for sure");
    };
    assert_eq!(class, millstream_protocol::restart::Class::Retryable);
    assert!(
        message.contains("create 'shop/committed-a-0000000001' in 'flaky'"),
        "{message}"
    );
}

#[tokio::test]
async fn a_denied_call_is_not_tried_again() {
    let (store, job) = flaky(&quick());
    *store.puts.lock() = vec![Fault::Denied; 9].into();
    let error = job.create_marker("a", 1, &content()).await.unwrap_err();
    assert_eq!(error.code(), Code::Denied);
    assert_eq!(*store.calls.lock(), 1);
}

#[tokio::test]
async fn a_whole_checkpoint_survives_a_store_that_fails_now_and_then() {
    use Fault::{Busy, Lost};
    let (store, job) = flaky(&quick());
    let claim = job.claim(&owner(1)).await.unwrap();
    *store.puts.lock() = vec![Busy, Lost, Busy, Lost, Lost, Busy].into();
    let manifest = checkpoint(&job, &claim, None, 0..2_000).await.unwrap();
    *store.gets.lock() = vec![Busy, Lost, Busy, Lost, Busy, Busy].into();
    let found = state(&job, &manifest, 0..8).await.unwrap();
    assert_eq!(found.len(), 2_000);
    job.verify(&manifest).await.unwrap();
    assert_eq!(job.observe().await.unwrap().manifests.len(), 1);
}

#[tokio::test]
async fn a_hanging_read_ends_with_its_deadline() {
    let options = StoreOptions {
        call_timeout: Duration::from_millis(20),
        retry_budget: Duration::from_millis(50),
        ..quick()
    };
    let (store, job) = flaky(&options);
    *store.gets.lock() = vec![Fault::Hang; 99].into();
    let error = job.read_marker("a", 1).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().contains("no answer within"), "{error}");
}
