//! What `checkpoint` and `savepoint` share: folders that are looked into, and how what is there is
//! shown.

use std::path::Path;

use millstream_core::time::format_millis;
use millstream_core::{Code, Error, Result, suggest};
use millstream_sql::session::Listing;
use millstream_state::manifest::{Manifest, NodeState, SourceState};
use millstream_state::{CheckpointStore, StoreOptions};
use serde_json::Value;

use crate::cli::{Format, PlaceArgs, SettingArgs};
use crate::engine::planning_session;
use crate::jobs;
use crate::output::{Out, print_listing};
use crate::summary::counted;

/// Most splits, nodes or jobs that are shown one by one; JSON has all of them.
const LINES_MAX: usize = 200;

/// Longest position or name of a split that is shown.
const TEXT_MAX: usize = 120;

/// How the object store of a command is reached.
pub(super) fn access(place: &PlaceArgs) -> Result<StoreOptions> {
    let settings = SettingArgs {
        pairs: place.pairs.clone(),
        parallelism: None,
    };
    let session = planning_session(&settings)?;
    Ok(jobs::access(&session.settings().job()?.access))
}

/// Opens a folder that must be there: looking at it must not make it.
pub(super) fn open(url: &str, access: &StoreOptions) -> Result<CheckpointStore> {
    must_exist(url)?;
    CheckpointStore::open(url, access)
}

/// Refuses a directory of this machine that is not there.
pub(super) fn must_exist(url: &str) -> Result<()> {
    let path = match url.split_once("://") {
        Some(("file", path)) => Some(path),
        Some(_) => None,
        None => Some(url.strip_prefix("file:").unwrap_or(url)),
    };
    // A path with escapes is left to the store, which knows how to read it.
    match path.filter(|path| !path.contains('%')) {
        Some(path) if !Path::new(path).is_dir() => Err(Error::new(
            Code::NotFound,
            format!("there is no directory '{path}'"),
        )),
        _ => Ok(()),
    }
}

/// The job a command means.
pub(super) async fn job(store: &CheckpointStore, wanted: Option<&str>) -> Result<String> {
    let jobs = store.jobs().await?;
    match (wanted, jobs.as_slice()) {
        (Some(wanted), _) if jobs.iter().any(|job| job == wanted) => Ok(wanted.to_owned()),
        (Some(wanted), _) => {
            let message = format!("there is no job '{wanted}' in '{}'", store.url());
            let error = Error::new(Code::NotFound, message);
            Err(
                match suggest::hint(wanted, jobs.iter().map(String::as_str)) {
                    Some(hint) => error.hint(hint),
                    None => error.hint("'millstream checkpoint list' shows the jobs of a folder"),
                },
            )
        }
        (None, [one]) => Ok(one.clone()),
        (None, []) => {
            let message = format!("there is no job in '{}'", store.url());
            Err(Error::new(Code::NotFound, message))
        }
        (None, many) => {
            let named: Vec<String> = many.iter().take(10).map(|job| format!("'{job}'")).collect();
            let message = format!("there are {} jobs in '{}'", many.len(), store.url());
            Err(Error::new(Code::InvalidOption, message)
                .hint(format!("name one with --job: {}", named.join(", "))))
        }
    }
}

/// Prints a table, or JSON.
pub(super) fn print(listing: &Listing, json: Value, is_json: bool) -> Result<()> {
    let mut out = Out::stdout();
    match is_json {
        true => print_json(&json, &mut out),
        false => print_listing(listing, Format::Table, &mut out),
    }
}

/// Prints a text, or JSON.
pub(super) fn print_text(text: &str, json: Value, is_json: bool) -> Result<()> {
    let mut out = Out::stdout();
    if is_json {
        return print_json(&json, &mut out);
    }
    out.buffer().extend_from_slice(text.as_bytes());
    out.flush()
}

fn print_json(json: &Value, out: &mut Out) -> Result<()> {
    let text = serde_json::to_string_pretty(json)
        .map_err(|e| Error::internal("cannot write JSON").caused_by(e))?;
    out.buffer().extend_from_slice(text.as_bytes());
    out.buffer().push(b'\n');
    out.flush()
}

/// A manifest as JSON.
pub(super) fn to_json(manifest: &Manifest) -> Result<Value> {
    serde_json::to_value(manifest)
        .map_err(|e| Error::internal("cannot write a manifest as JSON").caused_by(e))
}

/// A manifest as lines for people; `state` says what became of it.
pub(super) fn describe(manifest: &Manifest, place: &str, state: &str) -> String {
    let files = manifest.files().count();
    let mut lines = vec![
        format!("job         {}", manifest.job),
        format!("place       {place}"),
        format!(
            "checkpoint  {} of lineage {}, built on {}, written by generation {}",
            manifest.checkpoint, manifest.lineage, manifest.parent, manifest.generation
        ),
        format!("state       {state}"),
        format!("created     {} UTC", format_millis(manifest.created_ms)),
        format!("key groups  {}", manifest.key_groups),
        format!(
            "size        {} in {} besides the manifest",
            size(manifest.state_bytes()),
            counted(files as u64, "file")
        ),
    ];
    if !manifest.release.is_empty() {
        lines.push(format!("release     {}", manifest.release));
    }
    section(&mut lines, "operators", manifest.nodes.iter().map(node));
    section(
        &mut lines,
        "sources",
        manifest.sources.iter().flat_map(source),
    );
    let sinks = manifest.sinks.iter().map(|sink| {
        format!(
            "{}: {} prepared in {}",
            sink.table,
            counted(sink.rows, "row"),
            counted(sink.committables.len() as u64, "piece")
        )
    });
    section(&mut lines, "sinks", sinks);
    let counters = manifest.counters.iter();
    section(
        &mut lines,
        "counters",
        counters.map(|(name, value)| format!("{name}  {value}")),
    );
    lines.join("\n") + "\n"
}

fn section(lines: &mut Vec<String>, title: &str, mut items: impl Iterator<Item = String>) {
    let shown: Vec<String> = items.by_ref().take(LINES_MAX).collect();
    if shown.is_empty() {
        return;
    }
    lines.push(format!("\n{title}"));
    lines.extend(shown.into_iter().map(|item| format!("    {item}")));
    match items.count() {
        0 => {}
        more => lines.push(format!("    and {more} more")),
    }
}

fn node(node: &NodeState) -> String {
    let bytes: u64 = node.runs.iter().map(|run| run.size).sum::<u64>()
        + node.blobs.iter().map(|blob| blob.size).sum::<u64>();
    let entries: u64 = node.runs.iter().map(|run| run.entries).sum();
    let mut words = vec![format!("parallelism {}", node.parallelism)];
    match node.finished {
        true => words.push("finished".into()),
        false => {
            words.push(format!("{} written", counted_entries(entries)));
            words.push(size(bytes));
        }
    }
    if let Some(watermark) = node.watermark {
        words.push(format!("watermark {}", format_millis(watermark)));
    }
    format!("[{}] {}  {}", node.id, node.title, words.join(", "))
}

fn counted_entries(entries: u64) -> String {
    match entries {
        1 => "1 entry".to_owned(),
        entries => format!("{} entries", crate::progress::thousands(entries)),
    }
}

fn source(source: &SourceState) -> Vec<String> {
    let one = |split: &millstream_state::manifest::SplitState| {
        let mut words = vec![match (&split.position, split.finished) {
            (_, true) => "read to its end".to_owned(),
            (Some(position), false) => format!("goes on at {}", short(position)),
            (None, false) => "not begun".to_owned(),
        }];
        if let Some(watermark) = split.watermark.filter(|_| !split.finished) {
            words.push(format!("watermark {}", format_millis(watermark)));
        }
        format!(
            "{} '{}': {}",
            source.table,
            short(&split.name),
            words.join(", ")
        )
    };
    source.splits.iter().map(one).collect()
}

fn short(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A number of bytes in its largest unit.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return counted(bytes, "byte");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_their_largest_unit() {
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(1), "1 byte");
        assert_eq!(size(1023), "1,023 bytes");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(5 << 30), "5.0 GiB");
        assert_eq!(size(u64::MAX), "16384.0 PiB");
    }

    #[test]
    fn a_directory_that_is_not_there_is_not_made_by_looking() {
        let place = tempfile::tempdir().unwrap();
        let missing = place.path().join("missing");
        for url in [
            missing.display().to_string(),
            format!("file://{}", missing.display()),
        ] {
            let error = must_exist(&url).unwrap_err();
            assert_eq!(error.code(), Code::NotFound);
        }
        assert!(!missing.exists());
        assert!(must_exist("s3://bucket/nothing").is_ok());
    }
}
