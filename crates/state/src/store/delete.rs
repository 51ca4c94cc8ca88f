//! Deleting every checkpoint of a job, because its owner says so.
//!
//! ```text
//! claim ─▶ a new, empty lineage that replaces the old ones ─▶ manifests, verdicts, origins, files
//! ```
//!
//! * A job that runs is refused (on a local directory) or fenced (elsewhere) by the claim.
//! * The records stay: the next start finds a job that was begun and has no checkpoint, fences the
//!   transactions of the lineages it replaced, and begins empty.
//! * Interrupted halfway it can be called again; until the manifests are gone the old lineages are
//!   whole, though nobody continues them.
//! * Savepoints below the directory are not touched.

use std::sync::Arc;

use millstream_core::Result;

use super::JobStore;
use super::generation::Owner;
use super::names::{self, Object};
use crate::together::together;

/// Deletions at a time.
const CALLS: usize = 8;

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Checkpoints, committed or not.
    pub checkpoints: usize,
    /// State files.
    pub files: usize,
    /// Bytes of state files.
    pub bytes: u64,
}

impl JobStore {
    /// Deletes every checkpoint of the job.
    ///
    /// # Errors
    /// `Fenced` if a process of this machine runs the job.
    pub async fn delete_checkpoints(&self, owner: &Owner) -> Result<Deleted> {
        let mut claim = self.claim(owner).await?;
        let mut replaced = claim.record.replaced.clone();
        replaced.push(claim.lineage().to_owned());
        self.begin_lineage(&mut claim, None, replaced).await?;
        let mut deleted = Deleted::default();
        let (mut manifests, mut others, mut files) = (Vec::new(), Vec::new(), Vec::new());
        for found in self.bucket.list(&self.directory_name).await? {
            let Some(name) = self.name_of(&found.path) else {
                continue;
            };
            match names::parse(name) {
                Object::Manifest(..) => manifests.push(found.path),
                Object::Committed(..) | Object::Origin(_) => others.push(found.path),
                Object::State(..) => {
                    deleted.bytes += found.size;
                    files.push(found.path);
                }
                Object::Generation(_) | Object::Boundary(_) | Object::Other => {}
            }
        }
        (deleted.checkpoints, deleted.files) = (manifests.len(), files.len());
        // What names something goes before what it names.
        for paths in [manifests, others, files] {
            let calls = paths.into_iter().map(|path| {
                let bucket = Arc::clone(&self.bucket);
                async move { bucket.delete(&path).await }
            });
            together(CALLS, calls).await?;
        }
        Ok(deleted)
    }
}
