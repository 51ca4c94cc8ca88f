//! Manifests and their verdicts: what is prepared, what is committed, what recovery sees.
//!
//! A verdict's content is the manifest's token and nothing that differs between writers, so whoever
//! writes "committed" writes the same bytes.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use millstream_core::failpoint::failpoint;
use millstream_core::{Code, Error, Remedy, Result};
use millstream_protocol::commit::{Content, Event};
use millstream_protocol::recover::{self, Condition, Marker, Verdict};
use millstream_protocol::restart::Class;
use serde::{Deserialize, Serialize};

use super::JobStore;
use super::bucket::Put;
use super::generation::Record;
use super::names::{self, Object};
use crate::envelope;
use crate::error::damaged;
use crate::manifest::Manifest;
use crate::together::together;

const MARKER_VERSION: u32 = 1;

/// Largest marker read.
const MARKER_MAX: u64 = 64 << 10;

/// Objects read at a time.
const READS: usize = 8;

/// What became of creating an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is there, and it is ours.
    Done,
    /// Another writer's object is there, with this content.
    Exists(Content),
}

/// The file `committed-…`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MarkerFile {
    aborted: bool,
    token: String,
}

/// The answer to a create, as the protocol wants it.
pub fn outcome(created: Result<Created>) -> Event {
    match created {
        Ok(Created::Done) => Event::Ok,
        Ok(Created::Exists(content)) => Event::Exists(content),
        Err(error) if error.code() == Code::CommitUnknown => Event::Unknown {
            message: error.message().to_owned(),
        },
        Err(error) => Event::Failed {
            class: match error.remedy() {
                Remedy::Retry => Class::Retryable,
                Remedy::Correct | Remedy::SetAside | Remedy::Report => Class::Fatal,
            },
            message: error.message().to_owned(),
        },
    }
}

/// What recovery has found in a job's directory.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// Every manifest, of every lineage.
    pub manifests: Vec<recover::Manifest>,
    /// Every verdict, of every lineage.
    pub markers: Vec<Marker>,
    /// Numbers below it are dead.
    pub boundary: u64,
    /// The newest generation record, if there is any.
    pub record: Option<Record>,
    /// Where the lineage of that record began, read again now.
    pub origin: Option<recover::Manifest>,
    /// The manifests that could be read, by lineage and number.
    pub readable: BTreeMap<(String, u64), Manifest>,
}

impl Observation {
    /// The lineage of the newest record, as the protocol wants it.
    pub fn lineage(&self) -> Option<recover::Lineage> {
        let record = self.record.as_ref()?;
        Some(recover::Lineage {
            id: record.lineage.clone(),
            origin: self.origin.clone(),
            replaced: record.replaced.clone(),
        })
    }
}

impl JobStore {
    /// Creates the manifest of a checkpoint, which is prepared from then on.
    pub async fn create_manifest(&self, manifest: &Manifest) -> Result<Created> {
        failpoint("cp.manifest.before")?;
        let path = self.path(&names::manifest(&manifest.lineage, manifest.checkpoint));
        let bytes = manifest.encode()?;
        let ours = bytes.clone();
        let created = match self
            .bucket
            .create(&path, bytes, |found| found == ours)
            .await?
        {
            Put::Ours => Created::Done,
            Put::Theirs(found) => {
                let theirs = Manifest::decode(&path, &found)?;
                Created::Exists(Content {
                    token: theirs.token,
                    aborted: false,
                })
            }
        };
        failpoint("cp.manifest.after")?;
        Ok(created)
    }

    /// A manifest by lineage and number.
    ///
    /// # Errors
    /// `NotFound`, and `CheckpointDamaged` if it is not what was written.
    pub async fn read_manifest(&self, lineage: &str, checkpoint: u64) -> Result<Manifest> {
        failpoint("rs.manifest.read")?;
        self.find_manifest(lineage, checkpoint)
            .await?
            .ok_or_else(|| {
                Error::new(
                    Code::NotFound,
                    format!(
                        "job '{}' has no checkpoint {checkpoint} of lineage '{lineage}' in {}",
                        self.job, self.bucket.named.name
                    ),
                )
            })
    }

    /// The same, for reading back: `None` if there is no such object.
    pub async fn find_manifest(&self, lineage: &str, checkpoint: u64) -> Result<Option<Manifest>> {
        let path = self.path(&names::manifest(lineage, checkpoint));
        let manifest = self.manifest_at(&path).await?;
        match manifest {
            Some(found) if (&*found.lineage, found.checkpoint) != (lineage, checkpoint) => {
                Err(damaged(
                    &path,
                    format!(
                        "it is checkpoint {} of '{}'",
                        found.checkpoint, found.lineage
                    ),
                ))
            }
            other => Ok(other),
        }
    }

    async fn manifest_at(&self, path: &str) -> Result<Option<Manifest>> {
        match self.bucket.get(path, envelope::BYTES_MAX as u64).await? {
            Some(bytes) => Manifest::decode(path, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// The manifest the lineage began with, with the paths of its files in this job's directory.
    pub async fn read_origin(&self, lineage: &str) -> Result<Option<Manifest>> {
        self.manifest_at(&self.path(&names::origin(lineage))).await
    }

    /// Creates the verdict on a checkpoint; the first writer wins.
    pub async fn create_marker(
        &self,
        lineage: &str,
        checkpoint: u64,
        content: &Content,
    ) -> Result<Created> {
        failpoint("cp.marker.before")?;
        let path = self.path(&names::committed(lineage, checkpoint));
        let file = MarkerFile {
            aborted: content.aborted,
            token: content.token.clone(),
        };
        let bytes = envelope::seal("marker", MARKER_VERSION, &file)?;
        let ours = bytes.clone();
        let created = match self
            .bucket
            .create(&path, bytes, |found| found == ours)
            .await?
        {
            Put::Ours => Created::Done,
            Put::Theirs(found) => Created::Exists(marker_in(&path, &found)?),
        };
        failpoint("cp.marker.after")?;
        Ok(created)
    }

    /// The name of the file with the verdict on a checkpoint, for messages.
    pub fn marker_name(lineage: &str, checkpoint: u64) -> String {
        names::committed(lineage, checkpoint)
    }

    /// The verdict on a checkpoint, if there is one.
    pub async fn read_marker(&self, lineage: &str, checkpoint: u64) -> Result<Option<Content>> {
        let path = self.path(&names::committed(lineage, checkpoint));
        match self.bucket.get(&path, MARKER_MAX).await? {
            Some(bytes) => marker_in(&path, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Reads everything a decision rests on. A manifest counts as intact if it can be read and
    /// every file it names is there with its size; contents are checked as they are restored.
    pub async fn observe(&self) -> Result<Observation> {
        failpoint("rs.manifest.read")?;
        let mut seen = Observation::default();
        let (mut manifests, mut markers, mut newest) = (Vec::new(), Vec::new(), None);
        let mut sizes = HashMap::new();
        for found in self.bucket.list(&self.directory_name).await? {
            let Some(name) = self.name_of(&found.path) else {
                continue;
            };
            match names::parse(name) {
                Object::Generation(number) => newest = newest.max(Some(number)),
                Object::Boundary(number) => seen.boundary = seen.boundary.max(number),
                Object::Manifest(lineage, number) => manifests.push((lineage, number)),
                Object::Committed(lineage, number) => markers.push((lineage, number)),
                Object::State(..) => {
                    sizes.insert(name.to_owned(), found.size);
                }
                Object::Origin(_) | Object::Other => {}
            }
        }
        for (lineage, number, read) in self.read_all(manifests).await? {
            let observed = judge(&lineage, number, &read, &sizes);
            seen.manifests.push(observed);
            if let Ok(manifest) = read {
                seen.readable.insert((lineage, number), manifest);
            }
        }
        seen.markers = self.read_markers(markers).await?;
        if let Some(newest) = newest {
            let record = self.read_record(newest).await?;
            seen.origin = self.observe_origin(&record, &sizes).await?;
            seen.record = Some(record);
        }
        Ok(seen)
    }

    /// Damage is an answer here; a store that does not answer is an error.
    async fn read_all(
        &self,
        names: Vec<(String, u64)>,
    ) -> Result<Vec<(String, u64, Result<Manifest>)>> {
        together(
            READS,
            names.into_iter().map(|(lineage, number)| async move {
                match self.find_manifest(&lineage, number).await {
                    Ok(Some(manifest)) => Ok(Some((lineage, number, Ok(manifest)))),
                    // Collected between the listing and now.
                    Ok(None) => Ok(None),
                    Err(error) if is_damage(&error) => Ok(Some((lineage, number, Err(error)))),
                    Err(error) => Err(error),
                }
            }),
        )
        .await
        .map(|found| found.into_iter().flatten().collect())
    }

    async fn read_markers(&self, names: Vec<(String, u64)>) -> Result<Vec<Marker>> {
        together(
            READS,
            names.into_iter().map(|(lineage, number)| async move {
                let verdict = match self.read_marker(&lineage, number).await {
                    Ok(Some(content)) if content.aborted => Verdict::Aborted,
                    Ok(Some(_)) => Verdict::Committed,
                    Ok(None) => return Ok(None),
                    Err(error) if is_damage(&error) => {
                        Verdict::Unreadable(error.message().to_owned())
                    }
                    Err(error) => return Err(error),
                };
                Ok(Some(Marker {
                    lineage,
                    number,
                    verdict,
                }))
            }),
        )
        .await
        .map(|found| found.into_iter().flatten().collect())
    }

    async fn observe_origin(
        &self,
        record: &Record,
        sizes: &HashMap<String, u64>,
    ) -> Result<Option<recover::Manifest>> {
        let Some(origin) = &record.origin else {
            return Ok(None);
        };
        let read = match self.read_origin(&record.lineage).await {
            Ok(Some(manifest)) => Ok(manifest),
            Ok(None) => Err(damaged(
                &self.path(&names::origin(&record.lineage)),
                "it is missing",
            )),
            Err(error) if is_damage(&error) => Err(error),
            Err(error) => return Err(error),
        };
        Ok(Some(judge(
            &origin.lineage,
            origin.checkpoint,
            &read,
            sizes,
        )))
    }
}

pub(super) fn is_damage(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::CheckpointDamaged | Code::CheckpointMismatch
    )
}

/// How a manifest looks to the protocol.
fn judge(
    lineage: &str,
    number: u64,
    read: &Result<Manifest>,
    sizes: &HashMap<String, u64>,
) -> recover::Manifest {
    let (parent, condition) = match read {
        Err(error) => (None, Condition::Damaged(error.message().to_owned())),
        Ok(manifest) => {
            let wrong = manifest
                .files()
                .find_map(|(path, size)| match sizes.get(path) {
                    Some(found) if *found == size => None,
                    Some(found) => Some(format!(
                        "state file '{path}' has {found} bytes, wanted {size}"
                    )),
                    None => Some(format!("state file '{path}' is missing")),
                });
            let condition = wrong.map_or(Condition::Intact, Condition::Damaged);
            (Some(manifest.parent), condition)
        }
    };
    recover::Manifest {
        lineage: lineage.to_owned(),
        number,
        parent,
        condition,
    }
}

fn marker_in(path: &str, bytes: &[u8]) -> Result<Content> {
    let file: MarkerFile = envelope::open("marker", MARKER_VERSION, path, bytes)?;
    Ok(Content {
        token: file.token,
        aborted: file.aborted,
    })
}
