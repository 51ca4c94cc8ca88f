//! `millstream savepoint`: the state of a job, kept for good.
//!
//! A savepoint is a copy of a committed checkpoint that stands by itself: no checkpoint, no garbage
//! collection and no later run of the job touches it.

use millstream_core::time::format_millis;
use millstream_core::{Code, Error, Result};
use millstream_sql::session::Listing;
use millstream_state::manifest::Kind;
use millstream_state::store::{Savepoint, delete_savepoint, list_savepoints, read_savepoint};
use millstream_state::{CheckpointStore, StoreOptions};
use serde_json::{Value, json};

use super::Ended;
use super::checkpoint::newest;
use super::kept::{access, describe, job, must_exist, open, print, print_text, size, to_json};
use crate::cli::{PlaceArgs, SavepointCommand};
use crate::engine::Engine;
use crate::message;

/// Carries out the command.
pub(crate) fn run(command: &SavepointCommand) -> Result<Ended> {
    let engine = Engine::new()?;
    match command {
        SavepointCommand::Create {
            place,
            job,
            name,
            to,
        } => engine.block_on(create(
            place,
            job.as_deref(),
            name.as_deref(),
            to.as_deref(),
        ))?,
        SavepointCommand::List { place } => engine.block_on(list(place))?,
        SavepointCommand::Inspect { place, verify } => engine.block_on(inspect(place, *verify))?,
        SavepointCommand::Delete { place } => engine.block_on(delete(place))?,
    }
    Ok(Ended::Well)
}

async fn create(
    place: &PlaceArgs,
    wanted: Option<&str>,
    name: Option<&str>,
    to: Option<&str>,
) -> Result<()> {
    let access = access(place)?;
    let store = open(&place.url, &access)?;
    let job = store.job(&job(&store, wanted).await?)?;
    let manifest = newest(&job, &job.observe().await?).await?;
    let target = match to {
        None => None,
        Some(url) => Some(CheckpointStore::open(url, &access)?),
    };
    let usual = match target {
        None => format!("checkpoint-{}", manifest.checkpoint),
        Some(_) => format!("{}-checkpoint-{}", job.job(), manifest.checkpoint),
    };
    let name = name.unwrap_or(&usual);
    let url = job
        .create_savepoint(&manifest, name, target.as_ref())
        .await
        .map_err(|error| missed(error, job.job()))?;
    // A copy that nobody has read is no promise.
    let made = read_savepoint(&url, true, &access).await?;
    if place.json {
        return print_text("", summary(&made), true);
    }
    message::note(&format!(
        "checkpoint {} of '{}', created {} UTC, is kept in",
        manifest.checkpoint,
        job.job(),
        format_millis(manifest.created_ms)
    ));
    print_text(&format!("{url}\n"), Value::Null, false)
}

/// The checkpoint may have been collected while it was copied.
fn missed(error: Error, job: &str) -> Error {
    match error.code() {
        Code::NotFound | Code::CheckpointDamaged => error.hint(format!(
            "if '{job}' runs, a newer checkpoint has replaced it: try again"
        )),
        _ => error,
    }
}

async fn list(place: &PlaceArgs) -> Result<()> {
    let access = access(place)?;
    let store = open(&place.url, &access)?;
    let mut all = list_savepoints(&place.url, &access).await?;
    for name in store.jobs().await? {
        all.extend(store.job(&name)?.savepoints().await?);
    }
    all.sort_by_key(|savepoint| std::cmp::Reverse(savepoint.manifest.created_ms));
    let rows = all.iter().map(|savepoint| {
        vec![
            Some(savepoint.manifest.job.clone()),
            Some(savepoint.manifest.checkpoint.to_string()),
            Some(format_millis(savepoint.manifest.created_ms)),
            Some(size(savepoint.bytes)),
            Some(savepoint.url.clone()),
        ]
    });
    let listing = Listing {
        columns: vec!["job", "checkpoint", "created (UTC)", "size", "savepoint"],
        rows: rows.collect(),
        verbatim: false,
    };
    print(&listing, all.iter().map(summary).collect(), place.json)
}

fn summary(savepoint: &Savepoint) -> Value {
    json!({
        "job": savepoint.manifest.job,
        "checkpoint": savepoint.manifest.checkpoint,
        "lineage": savepoint.manifest.lineage,
        "created_ms": savepoint.manifest.created_ms,
        "bytes": savepoint.bytes,
        "url": savepoint.url,
    })
}

async fn inspect(place: &PlaceArgs, verify: bool) -> Result<()> {
    let savepoint = read(place, verify).await?;
    let kind = match savepoint.manifest.kind {
        Kind::Savepoint => "savepoint",
        Kind::Checkpoint => "checkpoint",
    };
    let checked = if verify { ", every file checked" } else { "" };
    let text = describe(
        &savepoint.manifest,
        &savepoint.url,
        &format!("{kind}{checked}"),
    );
    print_text(&text, to_json(&savepoint.manifest)?, place.json)
}

async fn read(place: &PlaceArgs, verify: bool) -> Result<Savepoint> {
    let access: StoreOptions = access(place)?;
    must_exist(&place.url)?;
    read_savepoint(&place.url, verify, &access).await
}

async fn delete(place: &PlaceArgs) -> Result<()> {
    let access = access(place)?;
    must_exist(&place.url)?;
    delete_savepoint(&place.url, &access).await?;
    match place.json {
        true => print_text("", json!({ "deleted": place.url }), true),
        false => {
            message::note(&format!("'{}' is deleted", place.url));
            Ok(())
        }
    }
}
