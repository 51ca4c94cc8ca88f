//! A multipart upload through the rules.

use async_trait::async_trait;
use object_store::path::Path;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use super::{FailingStore, Operation, Recent};

#[derive(Debug)]
pub(super) struct Upload {
    store: FailingStore,
    location: Path,
    inner: Box<dyn MultipartUpload>,
}

impl Upload {
    pub(super) fn new(
        store: FailingStore,
        location: Path,
        inner: Box<dyn MultipartUpload>,
    ) -> Self {
        Upload {
            store,
            location,
            inner,
        }
    }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (store, location) = (self.store.clone(), self.location.clone());
        // Asked of the inner upload now: the order of the calls is the order of the parts.
        let part = self.inner.put_part(data);
        Box::pin(async move {
            let path = location.as_ref();
            let fault = store.before(Operation::Part, path).await?;
            FailingStore::after(fault, path, part.await)
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let path = self.location.as_ref();
        let fault = self.store.before(Operation::Complete, path).await?;
        let answer = self.inner.complete().await;
        if answer.is_ok() {
            self.store.remember(Recent::Created(self.location.clone()));
        }
        FailingStore::after(fault, path, answer)
    }

    async fn abort(&mut self) -> Result<()> {
        let path = self.location.as_ref();
        let fault = self.store.before(Operation::Abort, path).await?;
        FailingStore::after(fault, path, self.inner.abort().await)
    }
}
