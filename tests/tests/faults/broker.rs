//! F21-F25, F27, F29: the broker and the way to it misbehave.
//!
//! Cases that hurt a broker start one of their own; a proxy in front of it is what the job, the writer
//! and the reader are told to talk to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use millstream_core::{Code, Error, Result};
use millstream_faultkit::cases::Context;
use millstream_faultkit::chance::Chance;
use millstream_faultkit::generator::{Plan, Row};
use millstream_faultkit::proxy::{Action, Match, Protocol, Proxy, Rule, Weather, api};
use millstream_faultkit::reference::Query;
use millstream_faultkit::services::{self, Broker, Ports};
use millstream_faultkit::supervisor::{Action as Signalled, Round, Schedule, Step};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::crash::{pause, setup, survive};
use crate::trial::{Input, Setup, Trial};

const LONG: Duration = Duration::from_secs(30);

fn own(case: &'static str, context: &Context, broker: &Broker) -> Setup {
    let bootstrap = broker.kafka().bootstrap;
    Setup::new(case, context.seed, &context.folder, &bootstrap)
}

fn of_kafka(doing: &'static str) -> impl Fn(rdkafka::error::KafkaError) -> Error {
    move |cause| Error::new(Code::Unavailable, doing).caused_by(cause)
}

/// F21: the broker dies by SIGKILL, twice, and comes back each time; the job lives on.
pub(crate) fn dies(context: &mut Context) -> Result<()> {
    let mut broker = Broker::start(&context.folder.join("broker"), Ports::default())?;
    let trial = Trial::start(own("F21", context, &broker))?;
    let mut chance = Chance::branch(context.seed, "broker");
    std::thread::scope(|scope| {
        let killer = scope.spawn(|| -> Result<()> {
            for _ in 0..2 {
                pause(chance.between(300, 1_200));
                broker.kill()?;
                broker.restart()?;
            }
            Ok(())
        });
        let schedule = Schedule::quiet(context.seed);
        let survived = survive(context, trial, &schedule);
        let killed = killer.join();
        killed.map_err(|_| Error::internal("the broker's killer panicked"))??;
        survived.map(drop)
    })
}

/// A broker of one's own behind a proxy.
pub(crate) struct Behind {
    pub(crate) proxy: Proxy,
    _broker: Broker,
    pub(crate) setup: Setup,
}

impl Behind {
    /// The input comes from another broker, which nothing happens to.
    pub(crate) fn with_input_elsewhere(mut self, bootstrap: String) -> Behind {
        self.setup.source_bootstrap = Some(bootstrap);
        self
    }
}

pub(crate) fn behind(case: &'static str, context: &Context) -> Result<Behind> {
    // Its port must be known before there is a broker to talk to.
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let proxy = Proxy::local(nowhere, Protocol::Kafka, context.seed)?;
    // A broker is ready once it answers at the address it tells, so the proxy must find it by then.
    let port = free_port()?;
    proxy.set_server(SocketAddr::from(([127, 0, 0, 1], port)));
    let ports = Ports {
        own: Some(port),
        advertised: Some(proxy.address().port()),
    };
    let broker = Broker::start(&context.folder.join("broker"), ports)?;
    let setup = own(case, context, &broker);
    Ok(Behind {
        proxy,
        _broker: broker,
        setup,
    })
}

fn free_port() -> Result<u16> {
    let address = std::net::TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr());
    let found = address.map(|address| address.port());
    found.map_err(|cause| Error::internal("no free port").caused_by(cause))
}

/// Runs the job while `weather` does something to the proxy again and again.
pub(crate) fn in_weather(
    context: &mut Context,
    behind: Behind,
    schedule: &Schedule,
    mut weather: impl FnMut(&Proxy, &mut Chance) + Send,
) -> Result<()> {
    let Behind {
        proxy,
        _broker,
        setup,
    } = behind;
    let trial = Trial::start(setup)?;
    let over = AtomicBool::new(false);
    let mut chance = Chance::branch(context.seed, "weather");
    let survived = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                weather(&proxy, &mut chance);
            }
        });
        let run = trial.supervise(schedule);
        over.store(true, Ordering::SeqCst);
        run.map(|run| (run, trial))
    });
    let fired = proxy.fired();
    proxy.clear_rules();
    proxy.set_weather(Weather::default());
    let (run, trial) = survived?;
    let judged = trial.judge()?;
    context.figure("rows", judged.rows);
    context.figure("crashes", run.crashes());
    for (name, times) in fired {
        context.figure(name, times);
    }
    Ok(())
}

/// F22: the answer to the commit is lost, the line goes silent around it, and the process may die then.
pub(crate) fn commit_unknown(context: &mut Context) -> Result<()> {
    let behind = behind("F22", context)?;
    let end = Match::Kafka(api::END_TXN);
    let cut = Rule::sometimes(end.clone(), 0.3, Action::CutBeforeAnswer);
    behind.proxy.add_rule(cut);
    behind
        .proxy
        .add_rule(Rule::sometimes(end, 0.2, Action::CutAfterRequest));
    let kills = context.chance.below(3) as usize;
    let latest = Duration::from_millis(2_000);
    let schedule = Schedule::random_kills(context.seed, kills, Duration::from_millis(300), latest);
    in_weather(context, behind, &schedule, |proxy, chance| {
        pause(chance.between(100, 900));
        proxy.set_weather(Weather {
            block_down: true,
            ..Weather::default()
        });
        pause(chance.between(20, 700));
        proxy.set_weather(Weather::default());
    })
}

/// F22b: a copy of a commit arrives late, in the transaction after.
pub(crate) fn commit_twice(context: &mut Context) -> Result<()> {
    let mut behind = behind("F22b", context)?;
    // Rows all the time, so that there is something in the transaction the copy meets.
    behind.setup = behind.setup.with_query(Query::PassThrough);
    behind.setup.plan.rows_per_partition = 1_500;
    behind.setup.interval_ms = 150;
    behind.setup.batch_rows = 7;
    let late = Duration::from_millis(context.chance.between(20, 300));
    behind.proxy.add_rule(Rule::sometimes(
        Match::Kafka(api::END_TXN),
        0.5,
        Action::CopyLater(late),
    ));
    let latest = Duration::from_millis(1_500);
    let schedule = Schedule::random_kills(context.seed, 1, Duration::from_millis(600), latest);
    in_weather(context, behind, &schedule, |_, _| pause(20))
}

/// F23: the process stands still for longer than its transaction may take.
pub(crate) fn transaction_times_out(context: &mut Context) -> Result<()> {
    let mut setup = setup("F23", context)?.with_option("properties.transaction.timeout.ms", "1500");
    setup.parallelism = 2;
    let at = context.chance.between(700, 1_300);
    // Brokers look for old transactions every 10 s.
    let standing = 13_500;
    let steps = vec![
        Step {
            after_ms: at,
            action: Signalled::Stop,
        },
        Step {
            after_ms: at + standing,
            action: Signalled::Continue,
        },
    ];
    let schedule = Schedule {
        seed: context.seed,
        rounds: vec![Round {
            failpoints: None,
            steps,
        }],
    };
    let run = survive(context, Trial::start(setup)?, &schedule)?;
    context.figure("exit", run.rounds[0].exit.to_string());
    Ok(())
}

/// F24: another producer takes the transactional ids while the checkpoint folder stays the job's: it
/// takes them back each time and goes on, and nothing is lost or twice. Then a newer process takes the
/// job over ([`is_replaced`]).
pub(crate) fn id_is_taken(context: &mut Context) -> Result<()> {
    let mut setup = setup("F24", context)?.with_query(Query::PassThrough);
    setup.input = Input::Paced(800);
    setup.hold_until = 1;
    let mut trial = Trial::start(setup)?;
    let life = trial.live(trial.setup.parallelism, None)?;
    let ids = until(|| trial.transactional_ids())?;
    // The job takes an id anew behind each commit, and does not notice who had it before that: whoever
    // wants it must insist.
    for (taken, id) in ids.iter().cycle().take(60).enumerate() {
        take_id(&trial.setup.outside, id)?;
        pause(context.chance.between(0, 300));
        if taken >= 5 && life.messages().contains("restarting") {
            break;
        }
    }
    let restarts = until(|| match life.messages().matches("restarting").count() {
        0 => Err(Error::internal("the job did not notice")),
        restarts => Ok(restarts),
    })?;
    trial.wait_for_input()?;
    life.end(LONG * 2)?.well()?;
    context.figure("rows", trial.judge()?.rows);
    context.figure("restarts", restarts);
    is_replaced(context)
}

/// One process after the other starts the same job on one prefix of a real S3, where no lock file keeps
/// them apart, while the one before is still at work and takes its ids back behind its commits: each
/// newer one wins, each older one stops and says why, and the last one lives on to the end.
fn is_replaced(context: &mut Context) -> Result<()> {
    let mut setup = on_s3(setup("F24", context)?.with_query(Query::PassThrough))?;
    setup.input = Input::Paced(800);
    setup.hold_until = 1;
    let mut trial = Trial::start(setup)?;
    let mut newest = trial.live(trial.setup.parallelism, None)?;
    for _ in 0..3 {
        pause(context.chance.between(300, 1_500));
        let newer = trial.live(trial.setup.parallelism, None)?;
        let older = std::mem::replace(&mut newest, newer);
        older
            .end(LONG)?
            .explained(&["MS4003", "was replaced by generation"])?;
    }
    trial.wait_for_input()?;
    newest.end(LONG * 2)?.well()?;
    context.figure("rows replaced", trial.judge()?.rows);
    Ok(())
}

/// The same job with its checkpoints in a bucket.
fn on_s3(mut setup: Setup) -> Result<Setup> {
    let s3 = services::s3()?;
    let prefix = format!("faults-{}-{:x}", setup.case.to_lowercase(), setup.seed);
    setup.checkpoint_url = Some(format!("s3://{}/{prefix}", s3.bucket));
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", s3.access_key),
        ("AWS_SECRET_ACCESS_KEY", s3.secret_key),
        ("AWS_REGION", s3.region),
        ("AWS_ENDPOINT_URL", s3.endpoint),
    ] {
        setup.env.push((name.into(), value));
    }
    setup.arguments.push("--set".into());
    setup.arguments.push("s3.path.style.access=true".into());
    Ok(setup)
}

fn take_id(bootstrap: &str, id: &str) -> Result<()> {
    let intruder: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("transactional.id", id)
        .create()
        .map_err(of_kafka("cannot create the intruder"))?;
    intruder
        .init_transactions(LONG)
        .map_err(of_kafka("the intruder cannot begin"))
}

/// Asks again until there is an answer, for half a minute.
fn until<T>(mut ask: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 0..600 {
        if let Ok(answer) = ask() {
            return Ok(answer);
        }
        pause(50);
    }
    ask()
}

/// F25: records that were not read yet are deleted: told with both offsets, and not jumped over.
pub(crate) fn input_is_truncated(context: &mut Context) -> Result<()> {
    let setup = setup("F25", context)?.with_query(Query::PassThrough);
    let mut trial = Trial::start(setup)?;
    let life = trial.live(
        trial.setup.parallelism,
        Some("cp.marker.after=2*off->return(kill)"),
    )?;
    let end = life.end(LONG)?;
    if !end.was_killed() {
        return Err(Error::internal(format!("wanted a kill: {}", end.messages)));
    }
    trial.wait_for_input()?;
    let earliest = trial.setup.plan.rows_per_partition as i64 - 1;
    delete_before(&trial.setup.outside, &trial.input(), earliest)?;
    let end = trial.live(trial.setup.parallelism, None)?.end(LONG)?;
    end.explained(&["MS3006", &trial.input(), &earliest.to_string()])?;
    Ok(())
}

fn delete_before(bootstrap: &str, topic: &str, offset: i64) -> Result<()> {
    let failed = of_kafka("cannot delete records");
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .create()
        .map_err(&failed)?;
    let mut list = TopicPartitionList::new();
    for partition in 0..3 {
        list.add_partition_offset(topic, partition, Offset::Offset(offset))
            .map_err(&failed)?;
    }
    let options = AdminOptions::new()
        .request_timeout(Some(LONG))
        .operation_timeout(Some(LONG));
    futures::executor::block_on(admin.delete_records(&list, &options)).map_err(&failed)?;
    Ok(())
}

/// F27: the input is written in transactions, half of them aborted, the last one left open: only what
/// was committed is in the result, and the open one is not waited for by a read that ends.
pub(crate) fn upstream_aborts(context: &mut Context) -> Result<()> {
    let mut setup = setup("F27", context)?;
    setup.plan.rows_per_partition = 400;
    setup.input = Input::ByHand(write_with_aborts);
    let latest = Duration::from_millis(900);
    let schedule = Schedule::random_kills(context.seed, 2, Duration::from_millis(150), latest);
    survive(context, Trial::start(setup)?, &schedule)?;
    Ok(())
}

fn write_with_aborts(bootstrap: &str, topic: &str, plan: &Plan) -> Result<()> {
    let failed = of_kafka("cannot write in transactions");
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("transactional.id", format!("writer-of-{topic}"))
        .create()
        .map_err(&failed)?;
    producer.init_transactions(LONG).map_err(&failed)?;
    const CHUNK: u64 = 40;
    // Garbage that would be noticed: rows of the same form that are in no reference.
    let garbage = Plan {
        seed: plan.seed ^ 1,
        ..plan.clone()
    };
    for from in (0..plan.rows_per_partition).step_by(CHUNK as usize) {
        for (source, commits) in [(&garbage, false), (plan, true)] {
            producer.begin_transaction().map_err(&failed)?;
            for seq in from..(from + CHUNK).min(plan.rows_per_partition) {
                for partition in 0..plan.partitions {
                    send(&producer, topic, &source.row(partition, seq))?;
                }
            }
            producer.flush(LONG).map_err(&failed)?;
            match commits {
                true => producer.commit_transaction(LONG),
                false => producer.abort_transaction(LONG),
            }
            .map_err(&failed)?;
        }
    }
    producer.begin_transaction().map_err(&failed)?;
    for partition in 0..plan.partitions {
        send(&producer, topic, &garbage.row(partition, 0))?;
    }
    producer.flush(LONG).map_err(&failed)
}

fn send(producer: &BaseProducer, topic: &str, row: &Row) -> Result<()> {
    let json = row.to_json();
    let record: BaseRecord<'_, (), str> = BaseRecord::to(topic)
        .partition(row.partition as i32)
        .timestamp(row.event_time)
        .payload(&json);
    let sent = producer.send(record);
    sent.map_err(|(cause, _)| of_kafka("cannot write a row")(cause))
}

/// F29: the line is cut for seconds in one or both directions, resets connections, is slow.
pub(crate) fn line_is_bad(context: &mut Context) -> Result<()> {
    let mut behind = behind("F29", context)?;
    behind.setup.plan.rows_per_partition = 400;
    let storm = Rule::sometimes(Match::Any, 0.01, Action::CutBeforeRequest);
    behind.proxy.add_rule(storm);
    let schedule = Schedule::quiet(context.seed);
    let mut left = 4;
    in_weather(context, behind, &schedule, move |proxy, chance| {
        pause(chance.between(200, 800));
        if left == 0 {
            proxy.clear_rules();
            return;
        }
        left -= 1;
        let slow = Weather::slow(Duration::from_millis(200), Duration::from_millis(100));
        let one_way = Weather {
            block_up: true,
            ..Weather::default()
        };
        let narrow = Weather {
            bytes_per_second: Some(8_000),
            ..Weather::default()
        };
        let kinds = [Weather::partition(), one_way, slow, narrow];
        let kind = crate::trial::one_of(chance, &kinds);
        proxy.set_weather(kind);
        pause(chance.between(300, 5_000));
        proxy.set_weather(Weather::default());
        if chance.happens(0.5) {
            proxy.reset_all();
        }
    })
}
