//! The checkpoint store: every object a job needs to come back, on any object store.
//!
//! ```text
//! CheckpointStore (a URL) ─▶ JobStore (a directory in it)
//!     claim, renew, begin_lineage, check_fence      generation.rs   who may write
//!     create_manifest, create_marker, observe       checkpoint.rs   what is committed
//!     put_snapshot, restore, lookup, compact        state.rs        runs and blobs
//!     collect_garbage                               gc.rs           what nobody needs
//!     delete_checkpoints                            delete.rs       everything, on request
//!     create_savepoint, adopt                       savepoint.rs    self-contained copies
//! ```
//!
//! * Names are in [`names`], calls with deadlines and retries in [`bucket`], errors in [`failure`].
//! * Objects are created, never changed. What decides something is created if absent and read back
//!   when the answer is lost.
//! * The decisions are in `millstream-protocol`; here they are carried out.

mod bucket;
mod checkpoint;
mod delete;
mod failure;
mod gc;
mod generation;
mod local;
mod names;
mod place;
mod savepoint;
mod state;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use millstream_core::Result;
use object_store::ObjectStore;

pub use checkpoint::{Created, Observation, outcome};
pub use delete::Deleted;
pub use gc::Collected;
pub use generation::{Claim, Origin, Owner, Record};
pub use place::{OPTIONS, StoreOptions};
pub use savepoint::{Savepoint, delete_savepoint, list_savepoints, read_savepoint};
pub use state::{NodeRuns, Restore, Writer};

use bucket::Bucket;

/// A place where the checkpoints of many jobs are kept.
#[derive(Clone)]
pub struct CheckpointStore {
    bucket: Arc<Bucket>,
}

impl CheckpointStore {
    /// Opens a URL: `file:///path`, a path, `s3://bucket/prefix`, `memory://`. A directory is made
    /// if it is not there; a bucket is not asked yet.
    pub fn open(url: &str, options: &StoreOptions) -> Result<CheckpointStore> {
        let place = place::open(url, options)?;
        Ok(CheckpointStore {
            bucket: Arc::new(Bucket::new(place, options.clone())),
        })
    }

    /// Uses a store that is open already, such as one that fails on purpose. `name` is for
    /// messages.
    pub fn over(store: Arc<dyn ObjectStore>, name: &str, options: &StoreOptions) -> Self {
        let place = place::Place {
            store,
            prefix: String::new(),
            url: name.to_owned(),
            name: format!("'{name}'"),
            remedy: String::new(),
            directory: None,
        };
        CheckpointStore {
            bucket: Arc::new(Bucket::new(place, options.clone())),
        }
    }

    /// The URL, as people may see it.
    pub fn url(&self) -> &str {
        &self.bucket.named.url
    }

    /// The directory of a job.
    pub fn job(&self, job: &str) -> Result<JobStore> {
        Ok(JobStore {
            bucket: Arc::clone(&self.bucket),
            directory_name: names::segment("job", job)?,
            job: job.to_owned(),
        })
    }

    /// Names of the jobs that have a directory here.
    pub async fn jobs(&self) -> Result<Vec<String>> {
        let found = self.bucket.directories("").await?;
        Ok(found
            .iter()
            .filter_map(|name| names::unsegment(name))
            .collect())
    }
}

/// The checkpoints of one job. Cheap to clone.
#[derive(Clone)]
pub struct JobStore {
    bucket: Arc<Bucket>,
    job: String,
    directory_name: String,
}

impl JobStore {
    /// The job's name.
    pub fn job(&self) -> &str {
        &self.job
    }

    /// Its URL, as people may see it.
    pub fn url(&self) -> String {
        format!("{}/{}", self.bucket.named.url, self.directory_name)
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.directory_name)
    }

    /// The name below the job's directory.
    fn name_of<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(&self.directory_name)?.strip_prefix('/')
    }

    fn directory(&self) -> Option<PathBuf> {
        let root = self.bucket.directory.as_ref()?;
        Some(root.join(&self.directory_name))
    }
}
