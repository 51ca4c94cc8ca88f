//! One job under test: its input, its SQL, its output, and whether the output is right.
//!
//! ```text
//! generator ──▶ topic 'in' (written while the job runs) ──▶ millstream run job.sql ──▶ topic 'out', files
//!     └── reference result ─────────────── compare ◀── concurrent read_committed reader ──┘
//! ```
//!
//! * The end of the input is known from the start (`scan.bounded.mode` = `specific-offsets`), so the
//!   job ends by itself however often it was restarted, and windows close.
//! * [`Trial::judge`] wants: no open transaction, the same rows for a reader that read along and one
//!   that came later, the multiset of the reference, and order within a partition.
//! * Everything random comes from the seed of the try: query, parallelism, batch size, interval.
//! * Cost: 2 to 4 s with the default rows.

use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::fs;
use std::hash::BuildHasher;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use millstream_core::clock::{SharedClock, SystemClock};
use millstream_core::{Code, Error, Result};
use millstream_faultkit::chance::Chance;
use millstream_faultkit::compare::{Multiset, OrderCheck, compare};
use millstream_faultkit::disk::Disk;
use millstream_faultkit::generator::Plan;
use millstream_faultkit::reader::{Reader, Seen, Topic};
use millstream_faultkit::reference::Query;
use millstream_faultkit::supervisor::{Limits, Program, Run, Schedule, Supervisor};
use millstream_faultkit::writer::{Hold, KafkaWriter, create_topic};
use serde_json::json;

use crate::life::Life;

/// Partitions of every topic.
const PARTITIONS: u32 = 3;

/// How long a job is kept alive that is waited for, in seconds.
const HELD_S: u64 = 80;

/// Longest question to a broker.
const DEADLINE: Duration = Duration::from_secs(60);

/// Where a query's rows go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A topic, written exactly once.
    Topic,
    /// A folder of JSON files.
    Files,
}

/// How the input comes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    /// While the job runs, so many rows per second.
    Paced(u64),
    /// Written by this function (broker, topic, plan) before the job starts; it ends where the topic
    /// ends then.
    ByHand(fn(&str, &str, &Plan) -> Result<()>),
}

/// What a job is made of.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// Name of the case, for topics and logs.
    pub(crate) case: &'static str,
    /// The seed of the try.
    pub(crate) seed: u64,
    /// Where the try keeps its files.
    pub(crate) folder: PathBuf,
    /// The broker as the job sees it.
    pub(crate) bootstrap: String,
    /// The broker as writer and reader see it.
    pub(crate) outside: String,
    /// The broker of the input, if it is another one.
    pub(crate) source_bootstrap: Option<String>,
    /// The input.
    pub(crate) plan: Plan,
    /// How the input comes.
    pub(crate) input: Input,
    /// So many of the last partitions are files, which are complete from the start.
    pub(crate) file_partitions: u32,
    /// One insert each; several become a statement set.
    pub(crate) queries: Vec<(Query, Target)>,
    /// Subtasks of each operator.
    pub(crate) parallelism: u64,
    /// Rows of a batch.
    pub(crate) batch_rows: u64,
    /// Time between two checkpoints.
    pub(crate) interval_ms: u64,
    /// More arguments of the command.
    pub(crate) arguments: Vec<String>,
    /// More options of the tables of Kafka, source and sink.
    pub(crate) kafka_options: Vec<(String, String)>,
    /// More options of the source alone.
    pub(crate) source_options: Vec<(String, String)>,
    /// Variables of the job's environment.
    pub(crate) env: Vec<(String, String)>,
    /// A disk on which the job keeps its checkpoints and files.
    pub(crate) disk: Option<Arc<Disk>>,
    /// Where checkpoints are kept if not in a folder.
    pub(crate) checkpoint_url: Option<String>,
    /// The second half of the input comes slowly until so many lives have ended, so that a step is reached
    /// on a busy machine too; 0: as fast as the first.
    pub(crate) hold_until: usize,
    /// Longest life of the job.
    pub(crate) patience: Duration,
    /// Most resident memory of the job.
    pub(crate) rss_bytes: Option<u64>,
}

impl Setup {
    /// A job with knobs from the seed: one of four queries into a topic.
    pub(crate) fn new(case: &'static str, seed: u64, folder: &Path, bootstrap: &str) -> Self {
        let mut chance = Chance::branch(seed, "knobs");
        let queries = [
            vec![(Query::PassThrough, Target::Topic)],
            vec![(Query::Tumble { size_s: 10 }, Target::Topic)],
            vec![(
                Query::Hop {
                    size_s: 10,
                    slide_s: 5,
                },
                Target::Topic,
            )],
            vec![(Query::Session { gap_s: 5 }, Target::Topic)],
            vec![
                (Query::PassThrough, Target::Topic),
                (Query::Tumble { size_s: 10 }, Target::Files),
            ],
        ];
        let mut plan = Plan::small(seed, 700);
        plan.partitions = PARTITIONS;
        Setup {
            case,
            seed,
            folder: folder.to_owned(),
            bootstrap: bootstrap.into(),
            outside: bootstrap.into(),
            source_bootstrap: None,
            plan,
            input: Input::Paced(1_500),
            file_partitions: 0,
            queries: one_of(&mut chance, &queries),
            parallelism: chance.between(1, 4),
            batch_rows: one_of(&mut chance, &[1, 7, 100, 8_192]),
            interval_ms: chance.between(50, 250),
            arguments: Vec::new(),
            kafka_options: Vec::new(),
            source_options: Vec::new(),
            env: Vec::new(),
            disk: None,
            checkpoint_url: None,
            hold_until: 0,
            patience: Duration::from_secs(90),
            rss_bytes: None,
        }
    }

    /// The same job with another query into a topic.
    pub(crate) fn with_query(mut self, query: Query) -> Self {
        self.queries = vec![(query, Target::Topic)];
        self
    }

    /// Two sinks from one source: a topic and files.
    pub(crate) fn with_two_sinks(mut self) -> Self {
        self.queries = vec![
            (Query::PassThrough, Target::Topic),
            (Query::Tumble { size_s: 10 }, Target::Files),
        ];
        self
    }

    /// The broker of the input as the writer sees it.
    fn input_outside(&self) -> &str {
        self.source_bootstrap.as_ref().unwrap_or(&self.outside)
    }

    /// One more option of the tables of Kafka.
    pub(crate) fn with_option(mut self, key: &str, value: &str) -> Self {
        self.kafka_options.push((key.into(), value.into()));
        self
    }
}

/// A job whose input is being written and whose output is being read.
pub(crate) struct Trial {
    pub(crate) setup: Setup,
    /// Name of the job and of what belongs to it; used once in the life of the broker.
    pub(crate) name: String,
    pub(crate) clock: SharedClock,
    /// The file of statements.
    pub(crate) script: PathBuf,
    writer: Option<JoinHandle<Result<()>>>,
    /// Whether what was held back of the input may come.
    released: Arc<AtomicBool>,
    readers: Vec<(Query, Reader)>,
}

/// What a right run has shown.
#[derive(Debug)]
pub(crate) struct Judged {
    /// Rows compared with the reference.
    pub(crate) rows: u64,
    /// What the readers of topics saw, in the order of the queries.
    pub(crate) seen: Vec<Seen>,
}

impl Trial {
    /// Creates the topics, starts to read the output and to write the input.
    pub(crate) fn start(setup: Setup) -> Result<Trial> {
        // A seed may be tried again on a broker that remembers the first time.
        let once = RandomState::new().hash_one(setup.seed);
        let name = format!("{}-{:x}-{once:x}", setup.case.to_lowercase(), setup.seed);
        let clock: SharedClock = Arc::new(SystemClock::new());
        let mut trial = Trial {
            script: setup.folder.join("job.sql"),
            setup,
            name,
            clock,
            writer: None,
            released: Arc::new(AtomicBool::new(false)),
            readers: Vec::new(),
        };
        trial.create_topics()?;
        write_file(&trial.script, &trial.sql())?;
        for index in 0..trial.setup.queries.len() {
            let (query, target) = trial.setup.queries[index];
            if target == Target::Topic {
                let topic = Topic::new(&trial.setup.outside, &trial.out(index));
                let reader = Reader::start(topic, Arc::clone(&trial.clock))?;
                trial.readers.push((query, reader));
            }
        }
        trial.write_input()?;
        Ok(trial)
    }

    fn create_topics(&self) -> Result<()> {
        let create = |name: &str| create_topic(&self.setup.outside, name, PARTITIONS, DEADLINE);
        create_topic(
            self.setup.input_outside(),
            &self.input(),
            PARTITIONS,
            DEADLINE,
        )?;
        for (index, (_, target)) in self.setup.queries.iter().enumerate() {
            if *target == Target::Topic {
                create(&self.out(index))?;
            }
        }
        Ok(())
    }

    fn write_input(&mut self) -> Result<()> {
        let mut plan = self.setup.plan.clone();
        plan.partitions -= self.setup.file_partitions;
        for partition in plan.partitions..self.setup.plan.partitions {
            let lines = self.setup.plan.partition(partition);
            let text: String = lines.map(|row| row.to_json() + "\n").collect();
            let folder = self.setup.folder.join("in");
            fs::create_dir_all(&folder).map_err(|cause| unreadable(&folder, cause))?;
            write_file(&folder.join(format!("{partition}.jsonl")), &text)?;
        }
        let rate = match self.setup.input {
            Input::ByHand(write) => return write(self.setup.input_outside(), &self.input(), &plan),
            Input::Paced(rate) => rate,
        };
        let mut writer = KafkaWriter::new(self.setup.input_outside(), &self.input());
        writer.rows_per_second = Some(rate);
        writer.deadline = self.setup.patience.max(DEADLINE) * 2;
        if self.setup.hold_until > 0 {
            let half = plan.row_count() / 2;
            writer.hold = Some(Hold {
                from_row: half,
                rows_per_second: (half / HELD_S).max(1),
                released: Arc::clone(&self.released),
            });
        }
        let thread = std::thread::Builder::new()
            .name("faults-writer".into())
            .spawn(move || writer.write(&plan))
            .map_err(|cause| Error::internal("cannot start the writer").caused_by(cause))?;
        self.writer = Some(thread);
        Ok(())
    }

    /// Lets the rest of the input come that was held back.
    pub(crate) fn release(&self) {
        self.released.store(true, Ordering::SeqCst);
    }

    /// Waits until all of the input is with the broker.
    pub(crate) fn wait_for_input(&mut self) -> Result<()> {
        self.release();
        match self.writer.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(written)) => written,
            Some(Err(_)) => Err(Error::internal("the writer panicked")),
        }
    }

    /// Name of the topic that is read.
    pub(crate) fn input(&self) -> String {
        format!("{}-in", self.name)
    }

    /// Name of the topic of a query.
    pub(crate) fn out(&self, index: usize) -> String {
        format!("{}-out{index}", self.name)
    }

    /// Folder of all that the job keeps and writes, as the job sees it.
    pub(crate) fn world(&self) -> PathBuf {
        match &self.setup.disk {
            Some(disk) => disk.point().to_owned(),
            None => self.setup.folder.join("world"),
        }
    }

    /// How the test sees a path of the job.
    pub(crate) fn seen(&self, path: &Path) -> PathBuf {
        match &self.setup.disk {
            Some(disk) => disk.seen(path),
            None => path.to_owned(),
        }
    }

    /// Folder of the files of a query.
    pub(crate) fn files(&self, index: usize) -> PathBuf {
        self.world().join(format!("files{index}"))
    }

    /// Folder of the checkpoints.
    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.world().join("checkpoints")
    }

    /// The transactional ids of the job, made from the lineage in the names of its checkpoints.
    pub(crate) fn transactional_ids(&self) -> Result<[String; 2]> {
        let files = all_files(&self.seen(&self.checkpoints()))?;
        let lineage = files.iter().find_map(|path| {
            let name = path.file_name()?.to_str()?.strip_prefix("committed-")?;
            Some(name.split_once('-')?.0.to_owned())
        });
        let lineage = lineage.ok_or_else(|| Error::internal("no checkpoint was committed yet"))?;
        Ok(["a", "b"].map(|turn| format!("faults-{}-{lineage}-{turn}", self.name)))
    }

    fn sql(&self) -> String {
        let setup = &self.setup;
        let columns = setup.plan.columns_sql();
        let source = self.source_options();
        let mut sql = match setup.file_partitions {
            0 => format!("CREATE TABLE events ({columns}) WITH ({source});\n"),
            _ => format!(
                "CREATE TABLE live ({columns}) WITH ({source});\n\
                 CREATE TABLE done ({columns}) WITH ('connector' = 'filesystem', 'path' = '{}', \
                 'format' = 'json');\n\
                 CREATE VIEW events AS SELECT * FROM live UNION ALL SELECT * FROM done;\n",
                setup.folder.join("in").display()
            ),
        };
        let mut inserts = String::new();
        for (index, (query, target)) in setup.queries.iter().enumerate() {
            let options = self.sink_options(index, *target);
            let columns = query.sink_columns_sql();
            // Writing to a string cannot fail.
            writeln!(sql, "CREATE TABLE out{index} ({columns}) WITH ({options});")
                .unwrap_or_default();
            let select = query.select_sql();
            writeln!(inserts, "INSERT INTO out{index} {select};").unwrap_or_default();
        }
        match setup.queries.len() {
            1 => sql + &inserts,
            _ => format!("{sql}EXECUTE STATEMENT SET BEGIN\n{inserts}END;\n"),
        }
    }

    fn source_options(&self) -> String {
        let rows = self.setup.plan.rows_per_partition;
        let ends: Vec<String> = (0..self.setup.plan.partitions - self.setup.file_partitions)
            .map(|partition| format!("partition:{partition},offset:{rows}"))
            .collect();
        let mut options = self.kafka(&self.input());
        if let Some(other) = &self.setup.source_bootstrap {
            let servers = "properties.bootstrap.servers";
            options.retain(|(key, _)| key != servers);
            options.push((servers.into(), other.clone()));
        }
        options.extend(self.setup.source_options.iter().cloned());
        options.push(("scan.startup.mode".into(), "earliest-offset".into()));
        let end = "scan.bounded.mode";
        match self.setup.input {
            Input::ByHand(_) => options.push((end.into(), "latest-offset".into())),
            Input::Paced(_) => options.extend([
                (end.into(), "specific-offsets".into()),
                ("scan.bounded.specific-offsets".into(), ends.join(";")),
            ]),
        }
        with(&options)
    }

    fn sink_options(&self, index: usize, target: Target) -> String {
        match target {
            Target::Files => with(&[
                ("connector".into(), "filesystem".into()),
                ("path".into(), self.files(index).display().to_string()),
                ("format".into(), "json".into()),
            ]),
            Target::Topic => {
                let mut options = self.kafka(&self.out(index));
                options.extend([
                    ("sink.delivery-guarantee".into(), "exactly-once".into()),
                    ("sink.transactional-id-prefix".into(), "faults".into()),
                ]);
                with(&options)
            }
        }
    }

    fn kafka(&self, topic: &str) -> Vec<(String, String)> {
        let mut options: Vec<(String, String)> = vec![
            ("connector".into(), "kafka".into()),
            ("topic".into(), topic.into()),
            (
                "properties.bootstrap.servers".into(),
                self.setup.bootstrap.clone(),
            ),
            ("format".into(), "json".into()),
        ];
        options.extend(self.setup.kafka_options.iter().cloned());
        options
    }

    /// The command of the job with so many subtasks.
    pub(crate) fn program(&self, parallelism: u64) -> Result<Program> {
        let setup = &self.setup;
        let arguments = [
            "run".into(),
            self.script.display().to_string(),
            "--name".into(),
            self.name.clone(),
            "--checkpoint-dir".into(),
            match &setup.checkpoint_url {
                Some(url) => url.clone(),
                None => self.checkpoints().display().to_string(),
            },
            "--checkpoint-interval".into(),
            format!("{}ms", setup.interval_ms),
            "--parallelism".into(),
            parallelism.to_string(),
            "--set".into(),
            format!("millstream.batch-rows={}", setup.batch_rows),
            "--set".into(),
            "restart-strategy.type=fixed-delay".into(),
            "--set".into(),
            "restart-strategy.fixed-delay.delay=50 ms".into(),
            "--set".into(),
            "restart-strategy.fixed-delay.attempts=1000".into(),
        ];
        let arguments = arguments.iter().chain(&setup.arguments);
        let arguments: Vec<&str> = arguments.map(String::as_str).collect();
        let mut program = Program::new(binary()?, &arguments);
        program.env.extend(setup.env.iter().cloned());
        match &setup.disk {
            Some(disk) => disk.inside(program),
            None => Ok(program),
        }
    }

    /// One life of the job, with these failpoints.
    pub(crate) fn live(&self, parallelism: u64, failpoints: Option<&str>) -> Result<Life> {
        Life::start(
            &self.program(parallelism)?,
            failpoints,
            &self.setup.folder,
            Arc::clone(&self.clock),
        )
    }

    /// Runs the job under a schedule, to its end.
    pub(crate) fn supervise(&self, schedule: &Schedule) -> Result<Run> {
        let limits = Limits {
            rounds: 60,
            round: self.setup.patience,
            run: self.setup.patience.max(Duration::from_secs(80)) * 3,
            rss_bytes: self.setup.rss_bytes,
        };
        let program = self.program(self.setup.parallelism)?;
        let logs = self.setup.folder.join("logs");
        let (released, until) = (Arc::clone(&self.released), self.setup.hold_until);
        Supervisor::new(program, &logs, limits, Arc::clone(&self.clock))?
            .on_round(move |ended| {
                if ended >= until {
                    released.store(true, Ordering::SeqCst);
                }
            })
            .run(schedule)
    }

    /// Whether every result is right.
    pub(crate) fn judge(mut self) -> Result<Judged> {
        self.wait_for_input()?;
        let mut judged = Judged {
            rows: 0,
            seen: Vec::new(),
        };
        for (query, reader) in std::mem::take(&mut self.readers) {
            let seen = reader.finish()?;
            let found = Multiset::of_json(seen.values(), query.columns())?;
            self.same(query, &found)?;
            if query == Query::PassThrough {
                in_order(&seen)?;
            }
            judged.rows += found.len();
            judged.seen.push(seen);
        }
        judged.rows += self.judge_files()?;
        Ok(judged)
    }

    /// Whether the files are right; returns their rows.
    pub(crate) fn judge_files(&self) -> Result<u64> {
        let mut rows = 0;
        for (index, (query, target)) in self.setup.queries.iter().enumerate() {
            if *target == Target::Files {
                let found = read_files(&self.seen(&self.files(index)), query.columns())?;
                self.same(*query, &found)?;
                rows += found.len();
            }
        }
        Ok(rows)
    }

    fn same(&self, query: Query, found: &Multiset) -> Result<()> {
        let difference = compare(&query.expected(&self.setup.plan), found);
        record(&json!({
            "case": self.setup.case,
            "seed": self.setup.seed,
            "query": query.id(),
            "rows": found.len(),
            "lost": difference.lost_rows(),
            "duplicated": difference.duplicated_rows(),
            "equal": difference.is_empty(),
        }))?;
        difference
            .into_result()
            .map_err(|error| error.context(format!("{} of job '{}'", query.id(), self.name)))
    }
}

/// The binary under test: `MILLSTREAM_BINARY`, else the one built beside this test.
pub(crate) fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("MILLSTREAM_BINARY") {
        return Ok(PathBuf::from(path));
    }
    millstream_tests::golden::program()
        .map_err(|cause| Error::new(Code::NotFound, format!("no binary to test: {cause:#}")))
}

/// Whether there is time for the long form of a case: `cargo xtask faults --full`.
pub(crate) fn is_full() -> bool {
    std::env::var("MILLSTREAM_FAULTS_FULL").is_ok_and(|value| value == "1")
}

/// Appends a line to the file named by `MILLSTREAM_FAULTS_LOG`, from which figures are counted.
pub(crate) fn record(line: &serde_json::Value) -> Result<()> {
    let Some(path) = std::env::var_os("MILLSTREAM_FAULTS_LOG") else {
        return Ok(());
    };
    let failed = |cause| Error::new(Code::Write, "cannot write the log of runs").caused_by(cause);
    let mut file = fs::File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(failed)?;
    file.write_all(format!("{line}\n").as_bytes())
        .map_err(failed)
}

/// Writes a file of the test.
pub(crate) fn write_file(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|cause| {
        let name = path.display();
        Error::new(Code::Write, format!("cannot write '{name}'")).caused_by(cause)
    })
}

/// The rows of the files of a sink. A file that is hidden or half written is an error: nothing of
/// that kind may be left once the job has ended.
pub(crate) fn read_files(folder: &Path, columns: &[&str]) -> Result<Multiset> {
    let mut text = Vec::new();
    for path in all_files(folder)? {
        if is_hidden(folder, &path) {
            return Err(Error::internal(format!(
                "'{}' was left behind",
                path.display()
            )));
        }
        let bytes = fs::read(&path).map_err(|cause| unreadable(&path, cause))?;
        if bytes.last().is_some_and(|byte| *byte != b'\n') {
            return Err(Error::internal(format!(
                "'{}' ends in the middle of a row",
                path.display()
            )));
        }
        text.extend(bytes);
    }
    Multiset::of_json_lines(&text, columns)
}

/// Whether a file, or a folder of it, has a name that readers of tables pass over.
pub(crate) fn is_hidden(folder: &Path, path: &Path) -> bool {
    let below = path.strip_prefix(folder).unwrap_or(path);
    below.iter().any(|name| {
        let name = name.to_string_lossy();
        name.starts_with('.') || name.starts_with('_')
    })
}

/// All files below a folder, in order; none if it is not there.
pub(crate) fn all_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => continue,
            Err(cause) => return Err(unreadable(&folder, cause)),
        };
        for entry in entries {
            let path = entry.map_err(|cause| unreadable(&folder, cause))?.path();
            match path.is_dir() {
                true => open.push(path),
                false => found.push(path),
            }
        }
    }
    found.sort();
    Ok(found)
}

pub(crate) fn unreadable(path: &Path, cause: std::io::Error) -> Error {
    let name = path.display();
    Error::new(Code::Read, format!("cannot read '{name}'")).caused_by(cause)
}

/// Rows of one source partition stay in order within each partition of the result.
fn in_order(seen: &Seen) -> Result<()> {
    #[derive(serde::Deserialize)]
    struct Place {
        part: u32,
        seq: u64,
    }
    let mut check = OrderCheck::default();
    for record in &seen.records {
        let bytes = record.value.as_deref().unwrap_or_default();
        let place: Place = serde_json::from_slice(bytes)
            .map_err(|cause| Error::internal("a result without its place").caused_by(cause))?;
        check.see(record.partition, place.part, place.seq);
    }
    check.finish()
}

/// The options of a table, as SQL.
pub(crate) fn with(options: &[(String, String)]) -> String {
    let one = |(key, value): &(String, String)| format!("'{key}' = '{value}'");
    options.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// One of several, all alike.
///
/// # Panics
/// If there is none: the lists are written in the cases.
pub(crate) fn one_of<T: Clone>(chance: &mut Chance, items: &[T]) -> T {
    let item = chance.pick(items);
    item.expect("a list of the cases has an item").clone()
}
