//! Lists: in pages that mix moments, stale, or breaking off.

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, Result};

use super::{FailingStore, Fault, Injected, Operation, Recent};

/// A list through the rules, object by object.
pub(super) fn list(
    store: FailingStore,
    prefix: Option<Path>,
) -> BoxStream<'static, Result<ObjectMeta>> {
    stream::once(async move {
        let path = prefix
            .as_ref()
            .map(Path::as_ref)
            .unwrap_or_default()
            .to_owned();
        let fault = store.before(Operation::List, &path).await?;
        match fault {
            Some(Fault::TimeoutAfter) => Err(Injected::Timeout.error(&path)),
            Some(Fault::StaleList) => {
                let mut objects = store.objects(prefix.as_ref()).await?;
                store.make_stale(prefix.as_ref(), &mut objects, false);
                Ok(stream::iter(objects.into_iter().map(Ok)).boxed())
            }
            Some(Fault::BrokenList) => {
                let mut objects = store.objects(prefix.as_ref()).await?;
                objects.truncate(objects.len() / 2);
                let end = Err(Injected::Reset.error(&path));
                Ok(stream::iter(objects.into_iter().map(Ok).chain([end])).boxed())
            }
            _ => Ok(store.pages(prefix)),
        }
    })
    .try_flatten()
    .boxed()
}

impl FailingStore {
    /// All objects of the inner store, in the order of their paths.
    async fn objects(&self, prefix: Option<&Path>) -> Result<Vec<ObjectMeta>> {
        let mut objects: Vec<ObjectMeta> = self.inner.list(prefix).try_collect().await?;
        objects.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(objects)
    }

    /// The list in pages: each asks again for what comes after the last one.
    fn pages(self, prefix: Option<Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let Some(size) = self.plan.lock().page_objects else {
            return self.inner.list(prefix.as_ref());
        };
        let start = (self, prefix, None::<Path>, false);
        stream::try_unfold(start, move |(store, prefix, after, done)| async move {
            if done {
                return Ok::<_, object_store::Error>(None);
            }
            let mut page = store.objects(prefix.as_ref()).await?;
            page.retain(|meta| after.as_ref().is_none_or(|after| meta.location > *after));
            let done = page.len() <= size;
            page.truncate(size);
            let after = page.last().map(|meta| meta.location.clone()).or(after);
            let page = stream::iter(page.into_iter().map(Ok));
            Ok(Some((page, (store, prefix, after, done))))
        })
        .try_flatten()
        .boxed()
    }

    /// Undoes the latest changes in a list: created objects are missing, deleted ones are there.
    pub(super) fn make_stale(
        &self,
        prefix: Option<&Path>,
        objects: &mut Vec<ObjectMeta>,
        one_level: bool,
    ) {
        for change in self.plan.lock().recent.iter().rev() {
            match change {
                Recent::Created(path) => objects.retain(|meta| meta.location != *path),
                Recent::Deleted(meta) if is_listed(&meta.location, prefix, one_level) => {
                    objects.retain(|other| other.location != meta.location);
                    objects.push(meta.clone());
                }
                Recent::Deleted(_) => {}
            }
        }
        objects.sort_by(|a, b| a.location.cmp(&b.location));
    }
}

fn is_listed(location: &Path, prefix: Option<&Path>, one_level: bool) -> bool {
    let root = Path::default();
    match location.prefix_match(prefix.unwrap_or(&root)) {
        None => false,
        Some(rest) => match rest.count() {
            0 => false,
            1 => true,
            _ => !one_level,
        },
    }
}
