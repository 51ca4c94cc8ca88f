//! An object store that fails on purpose: wraps any other and injects faults by rule and seed.
//!
//! ```text
//! caller ─▶ rule? ─ 503, 429, reset, timeout before ─▶ error, nothing done
//!              ├─ timeout after ────────▶ inner store ─▶ done, and the caller sees a timeout (X28)
//!              ├─ latency, short read, bit flip, stale list, list that breaks off
//!              └─ none ─────────────────▶ inner store ─▶ answer
//! ```
//!
//! * A [`Rule`] is about some [`Operation`]s and paths, after so many, so many times, with a
//!   probability. Every operation goes through the same decision, so the counts are complete.
//! * A stale list hides objects created and shows objects deleted by the latest changes through
//!   this wrapper. A paged list asks the inner store again for each page, as real ones do, so it
//!   mixes moments.
//! * Always: the same seed and the same sequence of calls give the same faults. Nothing is retried
//!   here: what the caller does with an error is what is tested.
//! * Cost: a lock per operation; a paged list reads the inner list once per page.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};
use parking_lot::Mutex;

use crate::chance::Chance;

mod fault;
mod list;
#[cfg(test)]
mod tests;
mod upload;

use fault::Injected;
pub use fault::{Fault, Operation, Rule};

/// How many of the latest changes a stale list does not know.
const RECENT_MAX: usize = 64;

/// A failing store; clones share rules, chance and counts.
#[derive(Clone)]
pub struct FailingStore {
    inner: Arc<dyn ObjectStore>,
    plan: Arc<Mutex<Plan>>,
}

struct Plan {
    chance: Chance,
    rules: Vec<Rule>,
    operations: BTreeMap<Operation, u64>,
    faults: BTreeMap<&'static str, u64>,
    page_objects: Option<usize>,
    recent: VecDeque<Recent>,
}

/// A change that a stale list does not know yet.
#[derive(Clone, Debug)]
enum Recent {
    Created(Path),
    Deleted(ObjectMeta),
}

impl FailingStore {
    /// A store without faults yet.
    pub fn new(inner: Arc<dyn ObjectStore>, seed: u64) -> Self {
        let plan = Plan {
            chance: Chance::branch(seed, "store"),
            rules: Vec::new(),
            operations: BTreeMap::new(),
            faults: BTreeMap::new(),
            page_objects: None,
            recent: VecDeque::new(),
        };
        FailingStore {
            inner,
            plan: Arc::new(Mutex::new(plan)),
        }
    }

    /// Adds a rule; rules are tried in the order they were added, the first that fires acts.
    #[must_use]
    pub fn with(self, rule: Rule) -> Self {
        self.add_rule(rule);
        self
    }

    /// Adds a rule while in use.
    pub fn add_rule(&self, rule: Rule) {
        self.plan.lock().rules.push(rule);
    }

    /// Heals: forgets all rules.
    pub fn clear_rules(&self) {
        self.plan.lock().rules.clear();
    }

    /// Lists come in pages of so many objects from now on.
    pub fn set_page(&self, objects: Option<usize>) {
        self.plan.lock().page_objects = objects.map(|objects| objects.max(1));
    }

    /// How often each operation was asked for.
    pub fn operations(&self) -> BTreeMap<Operation, u64> {
        self.plan.lock().operations.clone()
    }

    /// How often each fault was injected, by its name.
    pub fn faults(&self) -> BTreeMap<&'static str, u64> {
        self.plan.lock().faults.clone()
    }

    /// The store behind it, to look at what really happened.
    pub fn inner(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.inner)
    }

    /// Counts an operation and decides its fault; waits out a latency and fails at once for the
    /// faults that come before anything is done. What is left is for the operation to carry out.
    async fn before(&self, operation: Operation, path: &str) -> Result<Option<Fault>> {
        let (fault, latency) = {
            let plan = &mut *self.plan.lock();
            *plan.operations.entry(operation).or_default() += 1;
            let chance = &mut plan.chance;
            let mut rules = plan.rules.iter_mut();
            let fault = rules.find_map(|rule| rule.fire(operation, path, chance));
            if let Some(fault) = fault {
                *plan.faults.entry(fault.name()).or_default() += 1;
            }
            let latency = match fault {
                Some(Fault::Latency { low, high }) => Some(plan.chance.duration(low, high)),
                _ => None,
            };
            (fault, latency)
        };
        if let Some(latency) = latency {
            fault::pause(latency).await;
        }
        match fault.and_then(Fault::refusal) {
            Some(refusal) => Err(refusal.error(path)),
            None => Ok(fault),
        }
    }

    /// The answer of a change, or a timeout although it was done.
    fn after<T>(fault: Option<Fault>, path: &str, answer: Result<T>) -> Result<T> {
        match fault {
            Some(Fault::TimeoutAfter) => {
                // Its real outcome, also a failure, is what the caller cannot know.
                drop(answer);
                Err(Injected::Timeout.error(path))
            }
            _ => answer,
        }
    }

    fn remember(&self, change: Recent) {
        let recent = &mut self.plan.lock().recent;
        if recent.len() == RECENT_MAX {
            recent.pop_front();
        }
        recent.push_back(change);
    }

    async fn delete_one(&self, location: Path) -> Result<Path> {
        let path = location.as_ref();
        let fault = self.before(Operation::Delete, path).await?;
        let meta = self.inner.head(&location).await;
        let answer = self.inner.delete(&location).await;
        if let (Ok(meta), Ok(())) = (meta, &answer) {
            self.remember(Recent::Deleted(meta));
        }
        Self::after(fault, path, answer)?;
        Ok(location)
    }

    /// The content of an answer, damaged as the fault says.
    async fn damage(&self, fault: Option<Fault>, answer: GetResult) -> Result<GetResult> {
        if !matches!(fault, Some(Fault::ShortRead | Fault::BitFlip)) || answer.range.is_empty() {
            return Ok(answer);
        }
        let (meta, range) = (answer.meta.clone(), answer.range.clone());
        let (attributes, extensions) = (answer.attributes.clone(), answer.extensions.clone());
        let mut bytes = answer.bytes().await?.to_vec();
        {
            let chance = &mut self.plan.lock().chance;
            let at = chance.below(bytes.len() as u64) as usize;
            if fault == Some(Fault::ShortRead) {
                bytes.truncate(at);
            } else if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << chance.below(8);
            }
        }
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::iter([Ok(Bytes::from(bytes))]).boxed()),
            meta,
            range,
            attributes,
            extensions,
        })
    }
}

impl fmt::Display for FailingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failing({})", self.inner)
    }
}

impl fmt::Debug for FailingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[async_trait]
impl ObjectStore for FailingStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let operation = match options.mode {
            PutMode::Create => Operation::Create,
            _ => Operation::Put,
        };
        let fault = self.before(operation, location.as_ref()).await?;
        let is_new = operation == Operation::Create || self.inner.head(location).await.is_err();
        let answer = self.inner.put_opts(location, payload, options).await;
        if answer.is_ok() && is_new {
            self.remember(Recent::Created(location.clone()));
        }
        Self::after(fault, location.as_ref(), answer)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let path = location.as_ref();
        let fault = self.before(Operation::Multipart, path).await?;
        let answer = self.inner.put_multipart_opts(location, options).await;
        let inner = Self::after(fault, path, answer)?;
        Ok(Box::new(upload::Upload::new(
            self.clone(),
            location.clone(),
            inner,
        )))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let operation = if options.head {
            Operation::Head
        } else {
            Operation::Get
        };
        let path = location.as_ref();
        let fault = self.before(operation, path).await?;
        let answer = self.inner.get_opts(location, options).await;
        let answer = Self::after(fault, path, answer)?;
        if operation == Operation::Head {
            return Ok(answer);
        }
        self.damage(fault, answer).await
    }

    // The default reads each range through `get_opts`, and so through the rules.
    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let reads = ranges
            .iter()
            .map(|range| self.get_range(location, range.clone()));
        stream::iter(reads).then(|read| read).try_collect().await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        locations
            .then(move |location| {
                let store = store.clone();
                async move { store.delete_one(location?).await }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        list::list(self.clone(), prefix.cloned())
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let path = prefix.map(Path::as_ref).unwrap_or_default();
        let fault = self.before(Operation::List, path).await?;
        let answer = self.inner.list_with_delimiter(prefix).await;
        let mut answer = Self::after(fault, path, answer)?;
        match fault {
            Some(Fault::StaleList) => self.make_stale(prefix, &mut answer.objects, true),
            Some(Fault::BrokenList) => return Err(Injected::Reset.error(path)),
            _ => {}
        }
        Ok(answer)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let operation = match options.mode {
            CopyMode::Create => Operation::Create,
            CopyMode::Overwrite => Operation::Copy,
        };
        let fault = self.before(operation, to.as_ref()).await?;
        let is_new = operation == Operation::Create || self.inner.head(to).await.is_err();
        let answer = self.inner.copy_opts(from, to, options).await;
        if answer.is_ok() && is_new {
            self.remember(Recent::Created(to.clone()));
        }
        Self::after(fault, to.as_ref(), answer)
    }
}
