//! `millstream checkpoint`: what lies in a folder of checkpoints.
//!
//! ```text
//! committed   a job can go on from it; of the newest lineage, the newest one is where it goes on
//! prepared    written, not (yet) committed: with Kafka the decision may stand there
//! discarded   will never be committed
//! damaged     a file of it is missing or is not what was written
//! ```

use millstream_core::time::format_millis;
use millstream_core::{Code, Error, Result};
use millstream_protocol::recover::{Condition, Verdict};
use millstream_sql::session::Listing;
use millstream_state::CheckpointStore;
use millstream_state::manifest::Manifest;
use millstream_state::store::{JobStore, Observation, Owner};
use serde_json::json;

use super::Ended;
use super::kept::{access, describe, job, open, print, print_text, size, to_json};
use crate::cli::{CheckpointCommand, PlaceArgs};
use crate::engine::Engine;
use crate::message;
use crate::summary::counted;

/// Carries out the command.
pub(crate) fn run(command: &CheckpointCommand) -> Result<Ended> {
    let engine = Engine::new()?;
    match command {
        CheckpointCommand::List { place, job } => {
            engine.block_on(list(place, job.as_deref()))?;
        }
        CheckpointCommand::Inspect {
            place,
            job,
            checkpoint,
            verify,
        } => engine.block_on(inspect(place, job.as_deref(), *checkpoint, *verify))?,
        CheckpointCommand::Delete { place, job } => {
            let now_ms = engine.clock().now_ms();
            engine.block_on(delete(place, job, now_ms))?;
        }
    }
    Ok(Ended::Well)
}

/// A checkpoint in a list.
struct Row {
    job: String,
    lineage: String,
    number: u64,
    /// True for the lineage the job goes on with.
    is_current: bool,
    state: &'static str,
    damage: Option<String>,
    created_ms: Option<i64>,
    bytes: Option<u64>,
}

/// The checkpoints of a job, those it goes on with first, newest first.
fn rows(job: &str, seen: &Observation) -> Vec<Row> {
    let current = seen.record.as_ref().map(|record| record.lineage.as_str());
    let mut rows: Vec<Row> = seen
        .manifests
        .iter()
        .map(|manifest| {
            let key = (manifest.lineage.clone(), manifest.number);
            let read = seen.readable.get(&key);
            let damage = match &manifest.condition {
                Condition::Intact => None,
                Condition::Damaged(why) => Some(why.clone()),
            };
            Row {
                job: job.to_owned(),
                is_current: current == Some(manifest.lineage.as_str()),
                state: match damage {
                    Some(_) => "damaged",
                    None => verdict(seen, &manifest.lineage, manifest.number),
                },
                lineage: manifest.lineage.clone(),
                number: manifest.number,
                damage,
                created_ms: read.map(|manifest| manifest.created_ms),
                bytes: read.map(Manifest::state_bytes),
            }
        })
        .collect();
    rows.sort_by(|a, b| {
        let order = |row: &Row| (row.is_current, row.created_ms, row.number);
        order(b).cmp(&order(a))
    });
    rows
}

fn verdict(seen: &Observation, lineage: &str, number: u64) -> &'static str {
    let mut markers = seen.markers.iter();
    let found = markers.find(|marker| marker.lineage == lineage && marker.number == number);
    match found.map(|marker| &marker.verdict) {
        Some(Verdict::Committed) => "committed",
        Some(Verdict::Aborted) => "discarded",
        Some(Verdict::Unreadable(_)) => "damaged",
        None => "prepared",
    }
}

async fn list(place: &PlaceArgs, wanted: Option<&str>) -> Result<()> {
    let store = open(&place.url, &access(place)?)?;
    let jobs = match wanted {
        Some(wanted) => vec![job(&store, Some(wanted)).await?],
        None => store.jobs().await?,
    };
    let mut all = Vec::new();
    for name in &jobs {
        all.extend(rows(name, &store.job(name)?.observe().await?));
    }
    let listing = Listing {
        columns: vec![
            "job",
            "checkpoint",
            "lineage",
            "state",
            "created (UTC)",
            "size",
        ],
        rows: all.iter().map(cells).collect(),
        verbatim: false,
    };
    let json = all.iter().map(|row| {
        json!({
            "job": row.job,
            "checkpoint": row.number,
            "lineage": row.lineage,
            "current": row.is_current,
            "state": row.state,
            "damage": row.damage,
            "created_ms": row.created_ms,
            "bytes": row.bytes,
        })
    });
    print(&listing, json.collect(), place.json)
}

fn cells(row: &Row) -> Vec<Option<String>> {
    let lineage = match row.is_current {
        true => row.lineage.clone(),
        false => format!("{} (left)", row.lineage),
    };
    vec![
        Some(row.job.clone()),
        Some(row.number.to_string()),
        Some(lineage),
        Some(row.damage.as_ref().map_or_else(
            || row.state.to_owned(),
            |why| format!("{}: {why}", row.state),
        )),
        row.created_ms.map(format_millis),
        row.bytes.map(size),
    ]
}

async fn inspect(
    place: &PlaceArgs,
    wanted: Option<&str>,
    number: Option<u64>,
    verify: bool,
) -> Result<()> {
    let store = open(&place.url, &access(place)?)?;
    let job = store.job(&job(&store, wanted).await?)?;
    let seen = job.observe().await?;
    let manifest = match number {
        None => newest(&job, &seen).await?,
        Some(number) => numbered(&job, &seen, number).await?,
    };
    if verify {
        job.verify(&manifest).await?;
    }
    let state = verdict(&seen, &manifest.lineage, manifest.checkpoint);
    let checked = if verify { ", every file checked" } else { "" };
    let text = describe(&manifest, &job.url(), &format!("{state}{checked}"));
    print_text(&text, to_json(&manifest)?, place.json)
}

/// The newest checkpoint a job would go on from.
pub(super) async fn newest(job: &JobStore, seen: &Observation) -> Result<Manifest> {
    let none = || {
        let message = format!("job '{}' has no committed checkpoint yet", job.job());
        Error::new(Code::NotFound, message)
    };
    let lineage = &seen.record.as_ref().ok_or_else(none)?.lineage;
    let committed = seen.markers.iter().filter(|marker| {
        marker.lineage == *lineage
            && marker.verdict == Verdict::Committed
            && marker.number >= seen.boundary
    });
    if let Some(number) = committed.map(|marker| marker.number).max() {
        return match seen.readable.get(&(lineage.clone(), number)) {
            Some(manifest) => Ok(manifest.clone()),
            None => job.read_manifest(lineage, number).await,
        };
    }
    // Restored from a savepoint and not yet further than that.
    job.read_origin(lineage).await?.ok_or_else(none)
}

/// A checkpoint by its number, of the newest lineage that has one.
async fn numbered(job: &JobStore, seen: &Observation, number: u64) -> Result<Manifest> {
    let found = rows(job.job(), seen);
    let row = found
        .iter()
        .find(|row| row.number == number)
        .ok_or_else(|| {
            let message = format!("job '{}' has no checkpoint {number}", job.job());
            Error::new(Code::NotFound, message)
                .hint("'millstream checkpoint list' shows those it has")
        })?;
    job.read_manifest(&row.lineage, number).await
}

async fn delete(place: &PlaceArgs, wanted: &str, now_ms: i64) -> Result<()> {
    let store: CheckpointStore = open(&place.url, &access(place)?)?;
    let name = job(&store, Some(wanted)).await?;
    let owner = Owner::this_process(now_ms);
    let deleted = store.job(&name)?.delete_checkpoints(&owner).await?;
    let checkpoints = counted(deleted.checkpoints as u64, "checkpoint");
    let json = json!({
        "job": name,
        "checkpoints": deleted.checkpoints,
        "files": deleted.files,
        "bytes": deleted.bytes,
    });
    if !place.json {
        message::note(&format!(
            "{checkpoints} of '{name}' deleted, {} freed; its next start begins with nothing",
            size(deleted.bytes)
        ));
        return Ok(());
    }
    print_text("", json, true)
}
