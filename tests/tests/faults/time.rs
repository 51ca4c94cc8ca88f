//! F36-F38: clocks that jump, partitions that are idle and then come with old rows, restores in the moment a
//! window closes.

use std::time::Duration;

use millstream_core::{Error, Result};
use millstream_faultkit::cases::Context;
use millstream_faultkit::compare::{Multiset, compare};
use millstream_faultkit::generator::Plan;
use millstream_faultkit::reference::Query;
use millstream_faultkit::supervisor::{Program, Schedule};
use millstream_faultkit::writer::{Hold, KafkaWriter, create_topic};

use crate::crash::{broker, number_of, pause, setup, survive};
use crate::life::Life;
use crate::plain::Plain;
use crate::trial::{Input, Trial, all_files, binary, read_files, with, write_file};

const LONG: Duration = Duration::from_secs(60);

/// F36: the wall clock jumps an hour ahead, an hour back, to 1970, by a second twice: event time results are
/// the same, checkpoints go on at their pace, and no time that is told is negative.
pub(crate) fn clock_jumps(context: &mut Context) -> Result<()> {
    let mut setup = setup("F36", context)?;
    setup.input = Input::Paced(700);
    setup.interval_ms = 100;
    const HOUR: i64 = 3_600_000;
    let mut at = 0;
    let mut jumps: Vec<String> = Vec::new();
    for _ in 0..8 {
        at += context.chance.between(100, 500);
        let kinds = [
            HOUR,
            -HOUR,
            1_000,
            -1_000,
            -1_800_000_000_000,
            86_400_000,
            0,
        ];
        let to = crate::trial::one_of(&mut context.chance, &kinds);
        jumps.push(format!("{at}:{to}"));
    }
    setup
        .env
        .push(("MILLSTREAM_CLOCK_JUMPS".into(), jumps.join(",")));
    setup.env.push(("TZ".into(), "Europe/Berlin".into()));
    let (interval, folder) = (setup.interval_ms, setup.folder.clone());
    let kill = context.chance.between(600, 1_500);
    let schedule = Schedule::random_kills(
        context.seed,
        number_of(context) % 2,
        Duration::from_millis(kill),
        Duration::from_millis(kill + 1),
    );
    let run = survive(context, Trial::start(setup)?, &schedule)?;
    for lived in &run.rounds {
        let said = std::fs::read_to_string(&lived.stderr)
            .map_err(|cause| crate::trial::unreadable(&lived.stderr, cause))?;
        let negative = said.split_whitespace().find(|word| {
            word.strip_prefix('-')
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        });
        if let Some(word) = negative {
            let text = format!("a negative figure '{word}' was told: {said}");
            return Err(Error::internal(text));
        }
    }
    let lasted: Duration = run
        .rounds
        .iter()
        .map(|lived| lived.ended - lived.started)
        .sum();
    let newest = newest(&folder.join("world/checkpoints"))?;
    context.figure("checkpoints", newest);
    let most = lasted.as_millis() as u64 / interval + 10;
    match newest <= most {
        true => Ok(()),
        false => Err(Error::internal(format!(
            "{newest} checkpoints within {} ms, wanted at most {most}",
            lasted.as_millis()
        ))),
    }
}

fn newest(folder: &std::path::Path) -> Result<u64> {
    let names = all_files(folder)?;
    let numbers = names.iter().filter_map(|path| {
        let name = path.file_name()?.to_str()?.strip_prefix("manifest-")?;
        name.rsplit('-').next()?.parse().ok()
    });
    Ok(numbers.max().unwrap_or(0))
}

/// F36 for processing time: windows by the wall clock hold every row once, wherever the clock jumps.
pub(crate) fn clock_jumps_under_windows(context: &mut Context) -> Result<()> {
    let folder = context.folder.clone();
    let rows = 4_000;
    let sql = format!(
        "CREATE TABLE numbers (id BIGINT, ptime AS PROCTIME()) WITH ('connector' = 'datagen', \
         'rows-per-second' = '2000', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1', \
         'fields.id.end' = '{rows}');\n\
         CREATE TABLE out0 (row_count BIGINT, total BIGINT) WITH ('connector' = 'filesystem', \
         'path' = '{}', 'format' = 'json');\n\
         INSERT INTO out0 SELECT COUNT(*), SUM(id) FROM TUMBLE(TABLE numbers, DESCRIPTOR(ptime), \
         INTERVAL '1' SECOND) GROUP BY window_start, window_end;\n",
        folder.join("out").display()
    );
    let script = folder.join("job.sql");
    write_file(&script, &sql)?;
    let script = script.display().to_string();
    let mut program = Program::new(binary()?, &["run", &script, "--parallelism", "2"]);
    let jumps = "300:3600000,700:-3600000,1100:-1800000000000,1500:0";
    program
        .env
        .insert("MILLSTREAM_CLOCK_JUMPS".into(), jumps.into());
    let clock = std::sync::Arc::new(millstream_core::clock::SystemClock::new());
    let end = Life::start(&program, None, &folder, clock)?
        .end(LONG)?
        .well()?;
    let (mut count, mut total) = (0, 0);
    for path in all_files(&folder.join("out"))? {
        let text = std::fs::read_to_string(&path)
            .map_err(|cause| crate::trial::unreadable(&path, cause))?;
        for line in text.lines() {
            let row: serde_json::Value = serde_json::from_str(line)
                .map_err(|cause| Error::internal("a result is no JSON").caused_by(cause))?;
            count += row["row_count"].as_u64().unwrap_or(0);
            total += row["total"].as_u64().unwrap_or(0);
        }
    }
    context.figure("rows", count);
    match (count, total) == (rows, rows * (rows + 1) / 2) {
        true => Ok(()),
        false => Err(Error::internal(format!(
            "{count} rows with the sum {total} are in windows, wanted {rows}: {}",
            end.messages
        ))),
    }
}

/// F37: a partition without rows does not hold up the others; then it comes with rows an hour old, which are
/// late, each of them counted; and the rows of the others are all in time.
pub(crate) fn idle_then_old(context: &mut Context) -> Result<()> {
    let bootstrap = broker()?;
    let (folder, query) = (context.folder.clone(), Query::Tumble { size_s: 10 });
    let mut plan = Plan::small(context.seed, 700);
    plan.partitions = 2;
    let old = context.chance.between(20, 60);
    let topic = format!("f37-{:x}-{:x}", context.seed, std::process::id());
    create_topic(&bootstrap, &topic, 3, LONG)?;
    let source: Vec<(String, String)> = [
        ("connector", "kafka".to_owned()),
        ("topic", topic.clone()),
        ("properties.bootstrap.servers", bootstrap.clone()),
        ("format", "json".to_owned()),
        ("scan.startup.mode", "earliest-offset".to_owned()),
        // Longer than a busy machine takes to begin with a partition.
        ("scan.watermark.idle-timeout", "1500 ms".to_owned()),
        ("scan.bounded.mode", "specific-offsets".to_owned()),
        (
            "scan.bounded.specific-offsets",
            format!("partition:0,offset:700;partition:1,offset:700;partition:2,offset:{old}"),
        ),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    let out = folder.join("out");
    let sql = format!(
        "CREATE TABLE events ({}) WITH ({});\nCREATE TABLE out0 ({}) WITH ('connector' = 'filesystem', \
         'path' = '{}', 'format' = 'json');\nINSERT INTO out0 {};\n",
        plan.columns_sql(),
        with(&source),
        query.sink_columns_sql(),
        out.display(),
        query.select_sql(),
    );
    let script = folder.join("job.sql");
    write_file(&script, &sql)?;
    let checkpoints = folder.join("checkpoints").display().to_string();
    let arguments = [
        "run",
        &script.display().to_string(),
        "--checkpoint-dir",
        &checkpoints,
        "--checkpoint-interval",
        "100ms",
        "--parallelism",
        &context.chance.between(1, 3).to_string(),
    ];
    let program = Program::new(binary()?, &arguments);
    let clock: millstream_core::clock::SharedClock =
        std::sync::Arc::new(millstream_core::clock::SystemClock::new());
    let mut writer = KafkaWriter::new(&bootstrap, &topic);
    writer.rows_per_second = Some(1_500);
    // The others go on until a window was shown, which must not wait for the partition without rows.
    let released = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    writer.hold = Some(Hold {
        from_row: 1_100,
        rows_per_second: 15,
        released: std::sync::Arc::clone(&released),
    });
    let life = Life::start(&program, None, &folder, clock)?;
    std::thread::scope(|scope| {
        let busy = scope.spawn(|| writer.write(&plan));
        let shown = wait_for_rows(&out, &life);
        released.store(true, std::sync::atomic::Ordering::SeqCst);
        let written = busy.join();
        shown?;
        written.map_err(|_| Error::internal("the writer panicked"))?
    })?;
    if number_of(context) % 2 == 1 {
        // All are idle for a while.
        pause(2_500);
    }
    write_old(&bootstrap, &topic, &plan, old)?;
    let end = life.end(LONG)?.well()?;
    let found = read_files(&out, query.columns())?;
    compare(&query.expected(&plan), &found).into_result()?;
    context.figure("late", old);
    context.figure("rows", found.len());
    Plain::new("F37", context, 1, query).told(&end, old, "late row")
}

fn wait_for_rows(out: &std::path::Path, life: &Life) -> Result<()> {
    for _ in 0..600 {
        let columns = Query::Tumble { size_s: 10 }.columns();
        let shown = all_files(out)?
            .into_iter()
            .filter(|path| !crate::trial::is_hidden(out, path));
        for path in shown {
            let text = std::fs::read(&path).unwrap_or_default();
            if Multiset::of_json_lines(&text, columns).is_ok_and(|rows| !rows.is_empty()) {
                return Ok(());
            }
        }
        pause(50);
    }
    let text = format!("no window was shown within 30 s: {}", life.messages());
    Err(Error::internal(text))
}

/// Rows of partition 2 that are an hour older than everything else.
fn write_old(bootstrap: &str, topic: &str, plan: &Plan, count: u64) -> Result<()> {
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
    let failed = |cause: rdkafka::error::KafkaError| {
        Error::internal("cannot write old rows").caused_by(cause)
    };
    let producer: BaseProducer = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .create()
        .map_err(failed)?;
    let older = Plan {
        start_ms: plan.start_ms - 3_600_000,
        partitions: 3,
        ..plan.clone()
    };
    for seq in 0..count {
        let json = older.row(2, seq).to_json();
        let record: BaseRecord<'_, (), str> = BaseRecord::to(topic).partition(2).payload(&json);
        producer.send(record).map_err(|(cause, _)| failed(cause))?;
    }
    producer.flush(LONG).map_err(failed)
}

/// F38: a source that has ended long ago and one that goes on meet in a window; the job is killed again and
/// again with a checkpoint every 15 ms, so some are between a watermark and the window it closes.
pub(crate) fn between_watermark_and_window(context: &mut Context) -> Result<()> {
    let mut setup = setup("F38", context)?.with_query(Query::Tumble { size_s: 10 });
    // The last partition is a file, which ends at once.
    setup.plan.partitions = 4;
    setup.plan.rows_per_partition = 500;
    setup.file_partitions = 1;
    setup.batch_rows = crate::trial::one_of(&mut context.chance, &[1, 3]);
    setup.input = Input::Paced(500);
    setup.interval_ms = 15;
    setup.hold_until = 3;
    let window = context.chance.between(200, 500);
    let schedule = Schedule::random_kills(
        context.seed,
        4,
        Duration::from_millis(700),
        Duration::from_millis(1_000 + window),
    );
    survive(context, Trial::start(setup)?, &schedule)?;
    Ok(())
}
