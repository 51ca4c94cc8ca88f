//! F28, F32, F39, F42: records and files that are too large, cut, replaced, impossible, or of another shape.

use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use millstream_core::{Code, Error, Result};
use millstream_faultkit::cases::Context;
use millstream_faultkit::contention::sample;
use millstream_faultkit::reference::Query;
use serde_json::{Value, json};

use crate::crash::number_of;
use crate::life::{End, Life};
use crate::plain::Plain;
use crate::trial::is_full;

const LONG: Duration = Duration::from_secs(60);

/// F39: timestamps that are null, no time, of the wrong unit, or thousands of years away stand among good
/// ones: they are counted, and close no window; with the default they end the job by name.
pub(crate) fn impossible_times(context: &mut Context) -> Result<()> {
    let mut job = Plain::new("F39", context, 2_000, Query::Tumble { size_s: 10 });
    job.option("scan.watermark.max-future", "1 d");
    let strict = number_of(context) % 4 == 3;
    if !strict {
        job.option("on-error", "skip");
    }
    let bad = [
        json!(null),
        json!("NaN"),
        json!("1e9"),
        json!(1_767_225_600_000_000_i64),
        json!("2026-13-45 99:99:99"),
        json!("+9999-12-31 23:59:59.999"),
        json!("9999-12-31 23:59:59.999"),
        json!("2999-01-01 00:00:00"),
        json!(true),
        json!([1, 2]),
        json!("1767225600000"),
        json!(""),
        json!("2027-11-21 00:00:00.000000000"),
    ];
    let mut wanted = 0;
    for partition in 0..job.plan.partitions {
        let mut lines = job.lines(partition);
        let hurt: Vec<usize> = (0..40)
            .map(|_| context.chance.below(lines.len() as u64) as usize)
            .collect();
        for (number, at) in hurt.into_iter().enumerate() {
            let mut row = parsed(&lines[at])?;
            row["event_time"] = bad[number % bad.len()].clone();
            lines.insert(at, row.to_string());
            wanted += 1;
        }
        job.write(&format!("{partition}.jsonl"), lines.join("\n").as_bytes())?;
    }
    let end = job.run()?;
    if strict {
        end.explained(&["error[MS2", "event_time", ".jsonl"])?;
        return Ok(());
    }
    let end = end.well()?;
    job.told(&end, wanted, "bad record")?;
    job.told(&end, 0, "late row")?;
    context.figure("bad", wanted);
    context.figure("rows", job.judge()?);
    Ok(())
}

/// F42: in the middle of the input its shape changes: fields in another order, new ones, one that is gone, one
/// of another type; CSV with a column more or less, and with two columns swapped. No value lands in another
/// column: a row is right or told.
pub(crate) fn schema_changes(context: &mut Context) -> Result<()> {
    match number_of(context) % 2 {
        0 => json_changes(context),
        _ => csv_changes(context),
    }
}

fn json_changes(context: &mut Context) -> Result<()> {
    let mut job = Plain::new("F42", context, 1_500, Query::PassThrough);
    job.option("on-error", "skip");
    let mut wanted = 0;
    for partition in 0..job.plan.partitions {
        let mut lines = job.lines(partition);
        let half = lines.len() / 2;
        let mut more = Vec::new();
        for line in &mut lines[half..] {
            let row = parsed(line)?;
            match context.chance.below(6) {
                0 => *line = reordered(&row, &[]),
                1 => *line = reordered(&row, &[("amount2", json!(7)), ("Amount", json!("x"))]),
                2 => *line = reordered(&row, &[("nested", json!({"amount": [1, {"key": null}]}))]),
                // Not read by the query, so nobody misses it.
                3 => {
                    let mut without = row.clone();
                    without.as_object_mut().map(|fields| fields.remove("pad"));
                    *line = without.to_string();
                }
                4 => {
                    let mut changed = row.clone();
                    let types = [json!({"v": 1}), json!([1]), json!("many"), json!(1.5e300)];
                    changed["amount"] = crate::trial::one_of(&mut context.chance, &types);
                    more.push(changed.to_string());
                }
                _ => {}
            }
        }
        wanted += more.len() as u64;
        lines.extend(more);
        job.write(&format!("{partition}.jsonl"), lines.join("\n").as_bytes())?;
    }
    let end = job.run()?.well()?;
    job.told(&end, wanted, "bad record")?;
    context.figure("bad", wanted);
    context.figure("rows", job.judge()?);
    Ok(())
}

/// The same row with its fields backwards and more of them.
fn reordered(row: &Value, more: &[(&str, Value)]) -> String {
    let fields = row.as_object().into_iter().flatten();
    let mut texts: Vec<String> = fields
        .map(|(key, value)| format!("\"{key}\":{value}"))
        .collect();
    texts.extend(more.iter().map(|(key, value)| format!("\"{key}\":{value}")));
    texts.reverse();
    format!("{{{}}}", texts.join(","))
}

fn csv_changes(context: &mut Context) -> Result<()> {
    let mut job = Plain::new("F42", context, 1_500, Query::PassThrough);
    job.format = "csv";
    job.option("on-error", "skip");
    let mut wanted = 0;
    for partition in 0..job.plan.partitions {
        let mut lines = Vec::new();
        for row in job.plan.partition(partition) {
            let time = millstream_core::time::format_millis(row.event_time);
            let fields = [
                row.partition.to_string(),
                row.seq.to_string(),
                row.key,
                time,
                row.amount.to_string(),
                row.crc.to_string(),
                row.pad,
            ];
            lines.push(fields.join(","));
            if row.seq < job.plan.rows_per_partition / 2 || !context.chance.happens(0.2) {
                continue;
            }
            let mut changed = fields.to_vec();
            match context.chance.below(4) {
                0 => changed.push("new".into()),
                1 => drop(changed.pop()),
                2 => changed.swap(2, 4),
                _ => changed.swap(3, 6),
            }
            wanted += 1;
            lines.push(changed.join(","));
        }
        job.write(&format!("{partition}.csv"), lines.join("\n").as_bytes())?;
    }
    let end = job.run()?.well()?;
    job.told(&end, wanted, "bad record")?;
    context.figure("bad", wanted);
    context.figure("rows", job.judge()?);
    Ok(())
}

fn parsed(line: &str) -> Result<Value> {
    serde_json::from_str(line)
        .map_err(|cause| Error::internal("a generated line is not JSON").caused_by(cause))
}

/// F32: in turn: a file that is half written, one that is replaced while the job is down, thousands of files
/// and a kill among them, a file nobody can read, one whose gzip stream is cut, one that is gone.
pub(crate) fn files_are_wrong(context: &mut Context) -> Result<()> {
    match number_of(context) % 6 {
        0 => half_written(context),
        1 => replaced(context),
        2 => many_files(context),
        3 => unreadable(context),
        4 => cut_gzip(context),
        _ => gone(context),
    }
}

fn written(case: &'static str, context: &Context, rows: u64) -> Result<Plain> {
    let job = Plain::new(case, context, rows, Query::PassThrough);
    for partition in 0..job.plan.partitions {
        job.write(
            &format!("{partition}.jsonl"),
            text(&job, partition).as_bytes(),
        )?;
    }
    Ok(job)
}

fn text(job: &Plain, partition: u32) -> String {
    job.lines(partition).join("\n") + "\n"
}

/// The last line stops in the middle: an error by name, or a bad record; what is hidden is not read.
fn half_written(context: &mut Context) -> Result<()> {
    let mut job = written("F32", context, 500)?;
    let whole = text(&job, 0);
    let line = job.lines(1).remove(3);
    job.write(
        "0.jsonl",
        format!("{whole}{}", &line[..line.len() - 9]).as_bytes(),
    )?;
    job.write(".being-written", b"{\"part\": 0, \"se")?;
    job.write("_SUCCESS", b"no row")?;
    job.run()?.explained(&["0.jsonl"])?;
    clear(&job)?;
    job.option("on-error", "skip");
    let end = job.run()?.well()?;
    job.told(&end, 1, "bad record")?;
    context.figure("rows", job.judge()?);
    Ok(())
}

/// Lets the next job begin with nothing.
fn clear(job: &Plain) -> Result<()> {
    for name in ["out", "checkpoints"] {
        match std::fs::remove_dir_all(job.folder.join(name)) {
            Ok(()) => {}
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
            Err(cause) => return Err(crate::trial::unreadable(&job.folder, cause)),
        }
    }
    Ok(())
}

/// Kills a job over many rows after its second checkpoint, so that it is in the middle of its files.
fn killed_in_the_middle(job: &mut Plain) -> Result<()> {
    job.arguments = vec!["--set".into(), "millstream.batch-rows=10".into()];
    let end = job
        .live(Some("cp.marker.after=2*off->return(kill)"))?
        .end(LONG)?;
    match end.was_killed() {
        true => Ok(()),
        false => Err(Error::internal(format!("wanted a kill: {}", end.messages))),
    }
}

/// A file that was read halfway has become another one: told, not read on from the middle.
fn replaced(context: &mut Context) -> Result<()> {
    let mut job = written("F32", context, 40_000)?;
    killed_in_the_middle(&mut job)?;
    let other = "{\"part\": 9, \"seq\": 9, \"key\": \"other\"}\n".repeat(70_000);
    for partition in 0..job.plan.partitions {
        job.write(&format!("{partition}.jsonl"), other.as_bytes())?;
    }
    job.run()?.explained(&[".jsonl"])?;
    Ok(())
}

/// One row each in 2,000 files, or 100,000 with `--full`; the job dies among them.
fn many_files(context: &mut Context) -> Result<()> {
    let rows = if is_full() { 50_000 } else { 1_000 };
    let mut job = Plain::new("F32", context, rows, Query::PassThrough);
    for row in job.plan.rows() {
        job.write(
            &format!("{}-{}.jsonl", row.partition, row.seq),
            row.to_json().as_bytes(),
        )?;
    }
    killed_in_the_middle(&mut job)?;
    job.live(None)?.end(Duration::from_secs(280))?.well()?;
    context.figure("rows", job.judge()?);
    Ok(())
}

/// A link to itself, which not even root can read.
fn unreadable(context: &mut Context) -> Result<()> {
    let job = written("F32", context, 200)?;
    let path = job.input().join("2.jsonl");
    symlink("2.jsonl", &path).map_err(|cause| crate::trial::unreadable(&path, cause))?;
    job.run()?.explained(&["2.jsonl"])?;
    nothing_visible(&job)
}

/// A stream that ends too early is not taken for all there is.
fn cut_gzip(context: &mut Context) -> Result<()> {
    let job = written("F32", context, 3_000)?;
    let bytes = gzip(text(&job, 1).as_bytes())?;
    std::fs::remove_file(job.input().join("1.jsonl"))
        .map_err(|cause| crate::trial::unreadable(&job.input(), cause))?;
    let name = "1.jsonl.gz";
    job.write(name, &bytes[..bytes.len() - 700])?;
    job.run()?.explained(&[name])?;
    clear(&job)?;
    job.write(name, &bytes)?;
    job.run()?.well()?;
    context.figure("rows", job.judge()?);
    Ok(())
}

/// A file that was read halfway is gone when the job comes back.
fn gone(context: &mut Context) -> Result<()> {
    let mut job = written("F32", context, 40_000)?;
    killed_in_the_middle(&mut job)?;
    for partition in 0..job.plan.partitions {
        let path = job.input().join(format!("{partition}.jsonl"));
        std::fs::remove_file(&path).map_err(|cause| crate::trial::unreadable(&path, cause))?;
    }
    job.run()?.explained(&[".jsonl"])?;
    Ok(())
}

fn nothing_visible(job: &Plain) -> Result<()> {
    let files = crate::trial::all_files(&job.output())?;
    let shown = files
        .iter()
        .find(|path| !crate::trial::is_hidden(&job.output(), path));
    match shown {
        None => Ok(()),
        Some(path) => Err(Error::internal(format!(
            "a job that failed has shown '{}'",
            path.display()
        ))),
    }
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let done = encoder.write_all(bytes).and_then(|()| encoder.finish());
    done.map_err(|cause| Error::new(Code::Write, "cannot compress").caused_by(cause))
}

/// F28 for files: a few KiB that unpack to a GiB, as one record and as many. A record may have 64 MiB, and
/// beside the copies of one while it grows the job needs its own 100 MiB.
pub(crate) fn bombs(context: &mut Context) -> Result<()> {
    let mut job = Plain::new("F28", context, 300, Query::PassThrough);
    job.write("0.jsonl", text(&job, 0).as_bytes())?;
    job.write("1.jsonl", text(&job, 1).as_bytes())?;
    job.arguments = vec!["--memory-limit".into(), "320MiB".into()];
    let zstd = context.chance.happens(0.5);
    let name = if zstd { "2.jsonl.zst" } else { "2.jsonl.gz" };
    let one_record = number_of(context).is_multiple_of(2);
    let path = job.input().join(name);
    bomb(&path, zstd, one_record)?;
    let life = job.live(None)?;
    let (end, peak) = watched(life, LONG * 2)?;
    context.figure("peak_mib", peak >> 20);
    context.figure(
        "bomb_bytes",
        std::fs::metadata(&path).map_or(0, |of| of.len()),
    );
    if one_record {
        end.explained(&[name])?;
    } else {
        end.well()?;
        context.figure("rows", job.judge()?);
    }
    // The limit and a tenth of it.
    let most = (320 << 20) / 10 * 11;
    match peak <= most {
        true => Ok(()),
        false => Err(Error::internal(format!(
            "resident memory wants at most {most} bytes, found {peak}"
        ))),
    }
}

/// A GiB of nothing: spaces between two rows that the query drops, or inside one.
fn bomb(path: &Path, zstd: bool, one_record: bool) -> Result<()> {
    let failed = |cause| Error::new(Code::Write, "cannot write a bomb").caused_by(cause);
    let file = std::fs::File::create(path).map_err(failed)?;
    let dropped = "{\"part\":1,\"seq\":1,\"key\":\"k\",\"event_time\":\"2026-01-01 00:00:00.000\",\
                   \"amount\":0,\"crc\":1,\"pad\":\"";
    let mut block = vec![b'a'; 1 << 20];
    if !one_record {
        let line = format!("{dropped}\"}}\n");
        let (length, line) = (block.len(), line.as_bytes());
        block = line
            .iter()
            .copied()
            .cycle()
            .take(length - length % line.len())
            .collect();
    }
    let fill = |out: &mut dyn Write| -> std::io::Result<()> {
        if one_record {
            out.write_all(dropped.as_bytes())?;
        }
        (0..1_024).try_for_each(|_| out.write_all(&block))?;
        match one_record {
            true => out.write_all(b"\"}\n"),
            false => Ok(()),
        }
    };
    if zstd {
        let mut encoder = zstd::stream::write::Encoder::new(file, 3).map_err(failed)?;
        fill(&mut encoder).map_err(failed)?;
        encoder.finish().map_err(failed)?;
    } else {
        let mut encoder = GzEncoder::new(file, Compression::fast());
        fill(&mut encoder).map_err(failed)?;
        encoder.finish().map_err(failed)?;
    }
    Ok(())
}

/// Waits for the end of a life and looks at its memory every 20 ms.
pub(crate) fn watched(mut life: Life, deadline: Duration) -> Result<(End, u64)> {
    let mut peak = 0;
    let ticks = deadline.as_millis() / 20;
    for _ in 0..ticks {
        if let Some(usage) = sample(life.pid())? {
            peak = peak.max(usage.rss_bytes);
        }
        if life.is_over()? {
            break;
        }
        crate::crash::pause(20);
    }
    Ok((life.end(Duration::from_secs(1))?, peak))
}
