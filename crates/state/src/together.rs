//! Several calls at the same time.

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use millstream_core::Result;

/// Runs `work`, a few calls at a time; results in the order of `work`.
///
/// The futures are made before the first of them is polled, so that the returned future holds no
/// closure: the compiler cannot tell that one with borrowed arguments may cross threads.
pub(crate) fn together<'a, T, F>(
    calls: usize,
    work: impl Iterator<Item = F>,
) -> BoxFuture<'a, Result<Vec<T>>>
where
    T: Send + 'a,
    F: Future<Output = Result<T>> + Send + 'a,
{
    let work: Vec<F> = work.collect();
    stream::iter(work).buffered(calls).try_collect().boxed()
}
