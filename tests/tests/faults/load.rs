//! F28, F45, F46: too much: rows of any size, a sink that stops, one hot key, many keys, and everything at once
//! under a limit on memory.

use std::sync::Arc;
use std::time::Duration;

use millstream_core::clock::{Clock, SharedClock, SystemClock};
use millstream_core::{Error, Result};
use millstream_faultkit::cases::Context;
use millstream_faultkit::contention::Burners;
use millstream_faultkit::generator::Plan;
use millstream_faultkit::proxy::{Action, Match, Rule, Weather, api};
use millstream_faultkit::reference::Query;
use millstream_faultkit::supervisor::{Program, Schedule};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::broker::{behind, in_weather};
use crate::crash::{broker, number_of, pause, setup, survive};
use crate::life::Life;
use crate::records::watched;
use crate::trial::{Input, Trial, binary, is_full, write_file};

/// The limit jobs are given, and what their resident memory may be: a tenth more.
const LIMIT: &str = "256MiB";
const RESIDENT_MAX: u64 = (256 << 20) / 10 * 11;

fn limit() -> Vec<String> {
    vec!["--memory-limit".into(), LIMIT.into()]
}

/// F45, in turn: the sink stops for a while at full input, nine of ten rows have one key, more keys than fit.
pub(crate) fn overload(context: &mut Context) -> Result<()> {
    match number_of(context) % 3 {
        0 => sink_stops(context),
        1 => hot_key(context),
        _ => many_keys(context),
    }
}

/// The broker of the output falls silent for 8 s (10 minutes with `--full`) while the input goes on: the job
/// takes no more than its memory, and catches up.
fn sink_stops(context: &mut Context) -> Result<()> {
    let away = Duration::from_secs(if is_full() { 600 } else { 8 });
    let mut behind = behind("F45", context)?.with_input_elsewhere(broker()?);
    behind.setup = behind.setup.with_query(Query::PassThrough);
    // Heavy rows: what piles up would be seen.
    behind.setup.plan.pad_bytes = 2_000;
    behind.setup.plan.rows_per_partition = 30_000;
    behind.setup.input = Input::Paced(12_000);
    behind.setup.batch_rows = 1_000;
    behind.setup.interval_ms = 200;
    behind.setup.patience = away + Duration::from_secs(150);
    behind.setup.arguments = limit();
    behind.setup.rss_bytes = Some(RESIDENT_MAX);
    let schedule = Schedule::quiet(context.seed);
    let begins = context.chance.between(1_000, 2_000);
    let mut done = false;
    in_weather(context, behind, &schedule, move |proxy, _| {
        if done {
            return pause(20);
        }
        done = true;
        pause(begins);
        proxy.set_weather(Weather::partition());
        std::thread::sleep(away);
        proxy.set_weather(Weather::default());
    })
}

/// Nine of ten rows have one key.
fn hot_key(context: &mut Context) -> Result<()> {
    let mut setup = setup("F45", context)?;
    setup.plan.hot_key_percent = 90;
    setup.plan.keys = 1_000;
    setup.plan.rows_per_partition = 10_000;
    setup.input = Input::Paced(10_000);
    setup.parallelism = 4;
    setup.batch_rows = 1_000;
    setup.arguments = limit();
    setup.rss_bytes = Some(RESIDENT_MAX);
    let latest = Duration::from_millis(2_500);
    let schedule = Schedule::random_kills(context.seed, 2, Duration::from_millis(400), latest);
    survive(context, Trial::start(setup)?, &schedule)?;
    Ok(())
}

/// Two million keys (ten with `--full`) under a limit that is too small for them: the job ends well or says
/// clearly that it cannot, and holds no more than it may.
fn many_keys(context: &mut Context) -> Result<()> {
    let rows = if is_full() { 10_000_000 } else { 2_000_000 };
    let folder = context.folder.clone();
    let sql = format!(
        "CREATE TABLE numbers (id BIGINT, name AS 'a name that takes some room ' || CAST(id AS STRING)) \
         WITH ('connector' = 'datagen', 'rows-per-second' = '10000000', 'fields.id.kind' = 'sequence', \
         'fields.id.start' = '1', 'fields.id.end' = '{rows}');\n\
         CREATE TABLE nowhere (name STRING, c BIGINT, s BIGINT) WITH ('connector' = 'blackhole');\n\
         INSERT INTO nowhere SELECT name, COUNT(*), SUM(id) FROM numbers GROUP BY name;\n"
    );
    let script = folder.join("job.sql");
    write_file(&script, &sql)?;
    let (script, checkpoints) = (
        script.display().to_string(),
        folder.join("checkpoints").display().to_string(),
    );
    let arguments = [
        "run",
        &script,
        "--checkpoint-dir",
        &checkpoints,
        "--checkpoint-interval",
        "1s",
        "--memory-limit",
        LIMIT,
    ];
    let clock: SharedClock = Arc::new(SystemClock::new());
    let life = Life::start(&Program::new(binary()?, &arguments), None, &folder, clock)?;
    let (end, peak) = watched(
        life,
        Duration::from_secs(if is_full() { 3_000 } else { 200 }),
    )?;
    context.figure("peak_mib", peak >> 20);
    if end.status.success() {
        context.figure("answer", "done");
    } else {
        end.explained(&["MS5001"])?;
        context.figure("answer", "said that it cannot");
    }
    within(peak)
}

fn within(peak: u64) -> Result<()> {
    match peak <= RESIDENT_MAX {
        true => Ok(()),
        false => Err(Error::internal(format!(
            "resident memory wants at most {RESIDENT_MAX} bytes, found {peak}"
        ))),
    }
}

/// F46: kills, a bad line, lost answers to commits, a jumping clock, hot keys, heavy rows and busy processors,
/// all at once and under a limit, one job after the other for a minute (half an hour with `--full`).
pub(crate) fn everything(context: &mut Context) -> Result<()> {
    let until = Duration::from_secs(if is_full() { 1_800 } else { 50 });
    let clock = SystemClock::new();
    let _burners = Burners::start(2)?;
    let mut jobs = 0u64;
    while jobs == 0 || clock.elapsed() < until {
        let mut one = context.again(jobs)?;
        mixed(&mut one)?;
        // What a try has shown is not needed any more.
        std::fs::remove_dir_all(&one.folder)
            .map_err(|cause| crate::trial::unreadable(&one.folder, cause))?;
        jobs += 1;
    }
    context.figure("jobs", jobs);
    Ok(())
}

fn mixed(context: &mut Context) -> Result<()> {
    let mut behind = behind("F46", context)?;
    let setup = &mut behind.setup;
    setup.plan.hot_key_percent = 60;
    setup.plan.keys = 5_000;
    setup.plan.pad_bytes = 1_000;
    setup.plan.rows_per_partition = 3_000;
    setup.input = Input::Paced(3_000);
    setup.arguments = limit();
    setup.rss_bytes = Some(RESIDENT_MAX);
    setup.patience = Duration::from_secs(120);
    let jumps = "500:3600000,1500:-3600000,2500:0";
    setup
        .env
        .push(("MILLSTREAM_CLOCK_JUMPS".into(), jumps.into()));
    let end = Match::Kafka(api::END_TXN);
    for (matches, probability, action) in [
        (end, 0.2, Action::CutBeforeAnswer),
        (Match::Any, 0.002, Action::CutBeforeRequest),
    ] {
        behind
            .proxy
            .add_rule(Rule::sometimes(matches, probability, action));
    }
    let kills = context.chance.between(1, 3) as usize;
    let latest = Duration::from_millis(3_000);
    let schedule = Schedule::random_kills(context.seed, kills, Duration::from_millis(300), latest);
    in_weather(context, behind, &schedule, |proxy, chance| {
        pause(chance.between(300, 900));
        let kinds = [
            Weather::partition(),
            Weather::slow(Duration::from_millis(100), Duration::from_millis(80)),
            Weather {
                block_down: true,
                ..Weather::default()
            },
        ];
        proxy.set_weather(crate::trial::one_of(chance, &kinds));
        pause(chance.between(50, 900));
        proxy.set_weather(Weather::default());
    })
}

/// F28 for messages, in turn: rows just below what a broker takes, and between good rows one that is 80 MiB
/// once it is unpacked, with each compression: it is told as a bad record, and the others are all there; with
/// zstd, which the client refuses to unpack, the job ends by name instead of standing still.
pub(crate) fn large_messages(context: &mut Context) -> Result<()> {
    type Write = fn(&str, &str, &Plan) -> Result<()>;
    const WRITERS: [Write; 4] = [
        |bootstrap, topic, plan| with_a_bomb(bootstrap, topic, plan, "zstd"),
        |bootstrap, topic, plan| with_a_bomb(bootstrap, topic, plan, "gzip"),
        |bootstrap, topic, plan| with_a_bomb(bootstrap, topic, plan, "lz4"),
        |bootstrap, topic, plan| with_a_bomb(bootstrap, topic, plan, "snappy"),
    ];
    let number = number_of(context) % (WRITERS.len() + 1);
    let mut setup = setup("F28", context)?.with_query(Query::PassThrough);
    let Some(write) = number.checked_sub(1).map(|at| WRITERS[at]) else {
        setup.plan.pad_bytes = 900_000;
        setup.plan.rows_per_partition = 40;
        setup.input = Input::Paced(60);
        setup.arguments = limit();
        setup.rss_bytes = Some(RESIDENT_MAX);
        let run = survive(
            context,
            Trial::start(setup)?,
            &Schedule::quiet(context.seed),
        )?;
        context.figure("peak_mib", run.peak().rss_bytes >> 20);
        return Ok(());
    };
    setup.plan.rows_per_partition = 300;
    setup.input = Input::ByHand(write);
    setup
        .source_options
        .push(("on-error".into(), "skip".into()));
    setup.arguments = vec!["--memory-limit".into(), "512MiB".into()];
    setup.rss_bytes = Some((512 << 20) / 10 * 11);
    if number == 1 {
        // The client unpacks zstd only up to its limit, so there is no record that could be set aside.
        let trial = Trial::start(setup)?;
        let end = trial
            .live(trial.setup.parallelism, None)?
            .end(Duration::from_secs(60))?;
        end.explained(&["MS2001", &trial.input(), "fetch.max.bytes"])?;
        return Ok(());
    }
    let run = survive(
        context,
        Trial::start(setup)?,
        &Schedule::quiet(context.seed),
    )?;
    context.figure("peak_mib", run.peak().rss_bytes >> 20);
    let log = &run.rounds[0].stderr;
    let said =
        std::fs::read_to_string(log).map_err(|cause| crate::trial::unreadable(log, cause))?;
    match said.contains("1 bad record") {
        true => Ok(()),
        false => Err(Error::internal(format!(
            "nothing was told of the record: {said}"
        ))),
    }
}

fn with_a_bomb(bootstrap: &str, topic: &str, plan: &Plan, compression: &str) -> Result<()> {
    let failed = |cause: KafkaError| Error::internal("cannot write large rows").caused_by(cause);
    let deadline = Duration::from_secs(60);
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .create()
        .map_err(failed)?;
    let wider =
        AlterConfig::new(ResourceSpecifier::Topic(topic)).set("max.message.bytes", "33554432");
    let options = AdminOptions::new().request_timeout(Some(deadline));
    let altered = futures::executor::block_on(admin.alter_configs([&wider], &options));
    for outcome in altered.map_err(failed)? {
        outcome.map_err(|(_, code)| failed(KafkaError::AdminOp(code)))?;
    }
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("message.max.bytes", "200000000")
        .set("compression.type", compression)
        .create()
        .map_err(failed)?;
    let bomb = format!(
        "{{\"part\":0,\"seq\":0,\"key\":\"bomb\",\"event_time\":\"2026-01-01 00:00:00.000\",\"amount\":1,\
         \"crc\":1,\"pad\":\"{}\"}}",
        "a".repeat(80 << 20)
    );
    let send = |partition: u32, text: &str| {
        let record: BaseRecord<'_, (), str> = BaseRecord::to(topic)
            .partition(partition as i32)
            .payload(text);
        producer.send(record).map_err(|(cause, _)| failed(cause))
    };
    for partition in 0..plan.partitions {
        for (number, row) in plan.partition(partition).enumerate() {
            if (partition, number) == (1, 100) {
                // Alone in its batch, so that what the broker stores is small.
                producer.flush(deadline).map_err(failed)?;
                send(1, &bomb)?;
                producer.flush(deadline).map_err(failed)?;
            }
            send(partition, &row.to_json())?;
        }
    }
    producer.flush(deadline).map_err(failed)
}
