//! A connector that plays scripts and keeps what is written, a few operators, and graphs of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use async_trait::async_trait;
use millstream_core::clock::{SharedClock, SystemClock};
use millstream_core::connector::*;
use millstream_core::format::{BadRecord, Formats};
use millstream_core::id::{NodeId, Port, SplitId};
use millstream_core::message::Barrier;
use millstream_core::operator::{BadRows, LateRows, Operator, Output, SplitEvent};
use millstream_core::options::{OptionSpec, Options};
use millstream_core::rows::ChangeBatch;
use millstream_core::state::{StateKey, StateReader, StateWriter};
use millstream_core::table::TableSpec;
use millstream_core::time::EventTime;
use millstream_core::{Code, Error, Result};
use millstream_plan::graph::NodeOutput;
use millstream_plan::*;
use millstream_runtime::{Environment, OperatorSite, Operators};
use tokio::sync::Semaphore;

/// Columns of every row here: a key and an event time (which is also just a number).
pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("k", DataType::Int64, true),
        Field::new("t", DataType::Int64, true),
    ]))
}

pub(crate) fn batch(rows: &[(i64, i64)]) -> RecordBatch {
    let column = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let keys = column(rows.iter().map(|row| row.0).collect());
    let times = column(rows.iter().map(|row| row.1).collect());
    RecordBatch::try_new(schema(), vec![keys, times]).unwrap()
}

pub(crate) fn pairs(batch: &RecordBatch) -> Vec<(i64, i64)> {
    let column = |index: usize| batch.column(index).as_primitive::<Int64Type>().clone();
    let (keys, times) = (column(0), column(1));
    (0..batch.num_rows())
        .map(|row| (keys.value(row), times.value(row)))
        .collect()
}

/// What a split does, step by step; then it is finished.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Rows(Vec<(i64, i64)>),
    Bad(&'static str),
    /// Nothing until so many permits were given in all.
    Gate(Arc<Semaphore>),
    Fail,
    Panic,
    /// The same rows for ever.
    Forever(Vec<(i64, i64)>),
}

/// A source and sink that lives in the test.
#[derive(Default)]
pub(crate) struct Fake {
    /// The splits, by round of discovery.
    pub rounds: Mutex<VecDeque<Vec<Vec<Act>>>>,
    /// More rounds may come, after this long.
    pub again_after: Option<Duration>,
    /// Batches fetched.
    pub fetched: Arc<AtomicUsize>,
    pub store: Arc<Store>,
    /// Carries the commit decision of jobs that write here.
    pub agent: Option<Arc<dyn Transactions>>,
    scripts: Arc<Mutex<Vec<Vec<Act>>>>,
}

/// What sinks have received.
#[derive(Default)]
pub(crate) struct Store {
    pub written: Mutex<Vec<(&'static str, i64, i64)>>,
    pub prepared: Mutex<Vec<bool>>,
    pub committed: Mutex<Vec<Committable>>,
    /// Each write takes a permit from here, if there is one.
    pub gate: Mutex<Option<Arc<Semaphore>>>,
}

impl Store {
    pub(crate) fn rows(&self) -> Vec<(i64, i64)> {
        let mut rows: Vec<(i64, i64)> = self
            .written
            .lock()
            .unwrap()
            .iter()
            .map(|(_, k, t)| (*k, *t))
            .collect();
        rows.sort_unstable();
        rows
    }
}

impl Fake {
    pub(crate) fn with(splits: Vec<Vec<Act>>) -> Self {
        Fake {
            rounds: Mutex::new(VecDeque::from([splits])),
            ..Fake::default()
        }
    }

    pub(crate) fn watched(rounds: Vec<Vec<Vec<Act>>>) -> Self {
        Fake {
            rounds: Mutex::new(rounds.into()),
            again_after: Some(Duration::from_millis(1)),
            ..Fake::default()
        }
    }
}

impl Connector for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }
    fn options(&self) -> &'static [OptionSpec] {
        &[]
    }
    fn source(&self) -> Option<&dyn SourceFactory> {
        Some(self)
    }
    fn sink(&self) -> Option<&dyn SinkFactory> {
        Some(self)
    }
    fn has_format(&self) -> bool {
        false
    }
}

struct Play {
    rounds: Mutex<Option<VecDeque<Vec<Vec<Act>>>>>,
    again_after: Option<Duration>,
    scripts: Arc<Mutex<Vec<Vec<Act>>>>,
    fetched: Arc<AtomicUsize>,
}

impl SourceFactory for Fake {
    fn create(&self, _: &TableSpec, _: &SourceContext) -> Result<Box<dyn Source>> {
        Ok(Box::new(Play {
            rounds: Mutex::new(Some(self.rounds.lock().unwrap().clone())),
            again_after: self.again_after,
            scripts: Arc::clone(&self.scripts),
            fetched: Arc::clone(&self.fetched),
        }))
    }
}

impl Source for Play {
    fn is_bounded(&self) -> bool {
        self.again_after.is_none()
    }
    fn replays(&self) -> bool {
        true
    }
    fn enumerator(&self, _: &[Split]) -> Result<Box<dyn SplitEnumerator>> {
        Ok(Box::new(Rounds {
            found: 0,
            rounds: self.rounds.lock().unwrap().take().unwrap(),
            again_after: self.again_after,
            scripts: Arc::clone(&self.scripts),
        }))
    }
    fn reader(&self) -> Result<Box<dyn SourceReader>> {
        Ok(Box::new(Player {
            scripts: Arc::clone(&self.scripts),
            fetched: Arc::clone(&self.fetched),
            splits: VecDeque::new(),
            done: BTreeMap::new(),
        }))
    }
}

struct Rounds {
    found: usize,
    rounds: VecDeque<Vec<Vec<Act>>>,
    again_after: Option<Duration>,
    scripts: Arc<Mutex<Vec<Vec<Act>>>>,
}

#[async_trait]
impl SplitEnumerator for Rounds {
    async fn discover(&mut self) -> Result<Discovery> {
        let mut splits = Vec::new();
        for script in self.rounds.pop_front().unwrap_or_default() {
            // A later life finds the same splits again.
            let mut scripts = self.scripts.lock().unwrap();
            if self.found == scripts.len() {
                scripts.push(script);
            }
            splits.push((format!("part-{}", self.found), self.found.to_string()));
            self.found += 1;
        }
        Ok(Discovery {
            splits,
            again_after: self.again_after,
        })
    }
}

/// Reads its splits in turn, one act each.
struct Player {
    scripts: Arc<Mutex<Vec<Vec<Act>>>>,
    fetched: Arc<AtomicUsize>,
    splits: VecDeque<(SplitId, VecDeque<Act>)>,
    /// Acts done, by split.
    done: BTreeMap<SplitId, usize>,
}

#[async_trait]
impl SourceReader for Player {
    fn assign(&mut self, split: Split, from: Option<Position>) -> Result<()> {
        let number: usize = split.data.parse().unwrap();
        let mut script: VecDeque<Act> = self.scripts.lock().unwrap()[number].clone().into();
        let done = from.map_or(0, |from| from.0.parse().unwrap());
        script.drain(..done);
        self.done.insert(split.id, done);
        self.splits.push_back((split.id, script));
        Ok(())
    }

    fn position(&self, split: SplitId) -> Option<Position> {
        self.done.get(&split).map(|done| Position(done.to_string()))
    }

    async fn fetch(&mut self) -> Result<Fetch> {
        let Some((split, script)) = self.splits.front_mut() else {
            return Ok(Fetch::Waiting);
        };
        let split = *split;
        let fetched = match script.front().cloned() {
            None => Fetch::Finished(split),
            Some(Act::Gate(gate)) => {
                gate.acquire().await.unwrap().forget();
                rows(split, &[])
            }
            Some(Act::Rows(values) | Act::Forever(values)) => {
                self.fetched.fetch_add(1, Ordering::SeqCst);
                rows(split, &values)
            }
            Some(Act::Bad(reason)) => Fetch::Rows {
                split,
                rows: batch(&[]),
                bad: vec![BadRecord::new(17, 3, reason, b"raw")],
            },
            Some(Act::Fail) => return Err(Error::new(Code::Read, "the disk is gone")),
            Some(Act::Panic) => panic!("reader in pieces"),
        };
        let (split, mut script) = self.splits.pop_front().unwrap();
        if !matches!(script.front(), Some(Act::Forever(_))) {
            script.pop_front();
            *self.done.entry(split).or_default() += 1;
        }
        if !matches!(fetched, Fetch::Finished(_)) {
            self.splits.push_back((split, script));
        }
        Ok(fetched)
    }
}

fn rows(split: SplitId, values: &[(i64, i64)]) -> Fetch {
    Fetch::Rows {
        split,
        rows: batch(values),
        bad: Vec::new(),
    }
}

impl SinkFactory for Fake {
    fn accepts(&self, _: &TableSpec) -> Result<SinkAccepts> {
        Ok(SinkAccepts::All)
    }
    fn check(&self, _: &TableSpec, _: &Formats) -> Result<()> {
        Ok(())
    }
    fn writer(&self, _: &TableSpec, context: &SinkContext) -> Result<Box<dyn SinkWriter>> {
        Ok(Box::new(StoreWriter {
            store: Arc::clone(&self.store),
            subtask: context.subtask,
            rows: 0,
        }))
    }
    fn committer(&self, _: &TableSpec, _: &SinkContext) -> Result<Box<dyn Committer>> {
        Ok(Box::new(StoreCommitter(Arc::clone(&self.store))))
    }
    fn transaction_group(&self, _: &TableSpec) -> Result<Option<String>> {
        Ok(self.agent.as_ref().map(|_| "the agent".to_string()))
    }
    fn transactions(&self, _: &[&TableSpec], _: &SinkContext) -> Result<Arc<dyn Transactions>> {
        Ok(Arc::clone(self.agent.as_ref().unwrap()))
    }
}

struct StoreWriter {
    store: Arc<Store>,
    subtask: u32,
    rows: u64,
}

#[async_trait]
impl SinkWriter for StoreWriter {
    async fn write(&mut self, rows: ChangeBatch) -> Result<()> {
        let gate = self.store.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        self.rows += rows.num_rows() as u64;
        let mut written = self.store.written.lock().unwrap();
        match rows.rows().num_columns() {
            2 => {
                for (row, (k, t)) in pairs(rows.rows()).into_iter().enumerate() {
                    written.push((rows.kind(row).as_str(), k, t));
                }
            }
            // Side rows: only how many.
            _ => written.extend((0..rows.num_rows()).map(|_| ("+I", 0, 0))),
        }
        Ok(())
    }
    async fn prepare(&mut self, barrier: Barrier) -> Result<Prepared> {
        self.store.prepared.lock().unwrap().push(barrier.last);
        Ok(Prepared {
            committables: vec![Committable(format!("{}", self.subtask))],
            rows: std::mem::take(&mut self.rows),
        })
    }
}

struct StoreCommitter(Arc<Store>);

#[async_trait]
impl Committer for StoreCommitter {
    async fn recover(&mut self, pending: Vec<Committable>) -> Result<()> {
        self.commit(pending).await
    }
    async fn commit(&mut self, prepared: Vec<Committable>) -> Result<()> {
        self.0.committed.lock().unwrap().extend(prepared);
        Ok(())
    }
}

/// What the operators do; a node's kind chooses one, see `operators`.
pub(crate) enum Do {
    Pass,
    /// Fails or panics at this key.
    FailAt(i64),
    PanicAt(i64),
    /// One watermark per batch: the largest time minus one, per split, the smallest of them.
    /// A negative time is a bad row.
    Watermarks {
        splits: Vec<(SplitId, i64, bool)>,
    },
    Limit(usize),
    /// Counts rows per key until the end; rows at or behind the watermark are late.
    CountAtEnd {
        counts: std::collections::BTreeMap<i64, i64>,
        watermark: EventTime,
        /// Shows the watermark to the test.
        seen: Arc<AtomicI64>,
    },
    /// Puts out one row at a time of the clock, again and again.
    Tick,
}

impl Operator for Do {
    fn snapshot(&mut self, state: &mut dyn StateWriter) -> Result<()> {
        match self {
            Do::CountAtEnd {
                counts, watermark, ..
            } => {
                for (key, count) in counts {
                    let bytes = key.to_be_bytes();
                    let key = StateKey {
                        group: group(*key),
                        table: 0,
                        namespace: 0,
                        key: &bytes,
                    };
                    state.put(key, &count.to_be_bytes())?;
                }
                state.blob("watermark", &watermark.0.to_be_bytes())
            }
            Do::Limit(left) => state.blob("left", left.to_string().as_bytes()),
            _ => Ok(()),
        }
    }

    fn restore(&mut self, state: &mut dyn StateReader) -> Result<()> {
        match self {
            Do::CountAtEnd { counts, .. } => {
                while let Some(chunk) = state.next_chunk()? {
                    for entry in 0..chunk.len() {
                        let key = i64::from_be_bytes(chunk.key(entry).try_into().unwrap());
                        let count = i64::from_be_bytes(chunk.value(entry).try_into().unwrap());
                        assert!(state.key_groups().contains(&u32::from(chunk.group(entry))));
                        assert_eq!(counts.insert(key, count), None, "each entry comes once");
                    }
                }
            }
            Do::Limit(left) => {
                let kept = state.blobs("left");
                *left = std::str::from_utf8(kept[0]).unwrap().parse().unwrap();
            }
            _ => {}
        }
        Ok(())
    }

    fn on_rows(&mut self, _: Port, rows: ChangeBatch, out: &mut Output) -> Result<()> {
        match self {
            Do::Pass => out.rows(rows),
            Do::FailAt(key) => {
                if pairs(rows.rows()).iter().any(|(k, _)| k == key) {
                    return Err(Error::new(Code::Evaluation, "division by zero"));
                }
                out.rows(rows);
            }
            Do::PanicAt(key) => {
                assert!(
                    pairs(rows.rows()).iter().all(|(k, _)| k != key),
                    "operator in pieces"
                );
                out.rows(rows);
            }
            Do::Watermarks { splits } => {
                let values = pairs(rows.rows());
                if values.iter().any(|(_, t)| *t < 0) {
                    out.bad(BadRows {
                        rows,
                        code: Code::NullEventTime,
                        reason: "column 't' is no time".into(),
                    });
                    return Ok(());
                }
                let largest = values.iter().map(|(_, t)| *t).max().unwrap();
                let origin = rows.origin().unwrap();
                for (split, time, idle) in splits.iter_mut().filter(|s| s.0 == origin) {
                    assert_eq!(*split, origin);
                    *time = largest.max(*time);
                    *idle = false;
                }
                out.rows(rows);
                combined(splits, out);
            }
            Do::Limit(left) => {
                let taken = rows.num_rows().min(*left);
                *left -= taken;
                out.rows(rows.slice(0, taken));
            }
            Do::CountAtEnd {
                counts, watermark, ..
            } => {
                let mut late = Vec::new();
                for (k, t) in pairs(rows.rows()) {
                    match t <= watermark.0 {
                        true => late.push((k, t)),
                        false => *counts.entry(k).or_default() += 1,
                    }
                }
                let mut batch = ChangeBatch::inserts(batch(&late));
                if let Some(split) = rows.origin() {
                    batch = batch.from_split(split);
                }
                out.late(LateRows {
                    rows: batch,
                    time_column: 1,
                    watermark: *watermark,
                });
            }
            Do::Tick => out.wake_at(out.now_ms() + 1),
        }
        Ok(())
    }

    fn on_watermark(&mut self, time: EventTime, out: &mut Output) -> Result<()> {
        if let Do::CountAtEnd {
            watermark, seen, ..
        } = self
        {
            assert!(*watermark < time, "watermarks never go back");
            *watermark = time;
            seen.store(time.0, Ordering::SeqCst);
        }
        out.watermark(time);
        Ok(())
    }

    fn on_split(&mut self, split: SplitId, event: SplitEvent, out: &mut Output) -> Result<()> {
        if let Do::Watermarks { splits } = self {
            match event {
                SplitEvent::Assigned => splits.push((split, i64::MIN, false)),
                SplitEvent::Idle => {
                    for known in splits.iter_mut().filter(|s| s.0 == split) {
                        known.2 = true;
                    }
                    match splits.iter().all(|s| s.2) {
                        true => out.idle(),
                        false => combined(splits, out),
                    }
                }
                SplitEvent::Finished => {
                    splits.retain(|s| s.0 != split);
                    combined(splits, out);
                }
            }
        }
        Ok(())
    }

    fn on_timer(&mut self, out: &mut Output) -> Result<()> {
        // After a restore everybody is called once.
        if matches!(self, Do::Tick) {
            out.rows(ChangeBatch::inserts(batch(&[(1, out.now_ms())])));
            out.wake_at(out.now_ms() + 1);
        }
        Ok(())
    }

    fn on_end(&mut self, out: &mut Output) -> Result<()> {
        if let Do::CountAtEnd { counts, .. } = self {
            let rows: Vec<(i64, i64)> = counts.iter().map(|(k, n)| (*k, *n)).collect();
            out.rows(ChangeBatch::inserts(batch(&rows)));
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        matches!(self, Do::Limit(0))
    }
}

fn combined(splits: &[(SplitId, i64, bool)], out: &mut Output) {
    let active = splits.iter().filter(|split| !split.2);
    if let Some(time) = active.map(|split| split.1).min()
        && time > i64::MIN
    {
        out.watermark(EventTime(time - 1));
    }
}

/// A graph under construction.
pub(crate) struct Graph(pub JobGraph);

impl Graph {
    pub(crate) fn new() -> Self {
        Graph(JobGraph {
            name: "test".into(),
            nodes: Vec::new(),
            key_groups: 128,
            mode: RuntimeMode::Streaming,
            batch_rows: 4,
            settings: millstream_plan::JobSettings::default(),
        })
    }

    pub(crate) fn add(&mut self, kind: NodeKind, inputs: Vec<Input>, parallelism: u32) -> NodeId {
        let out = NodeOutput {
            schema: schema(),
            parallelism,
            changelog: ChangelogMode::INSERT_ONLY,
            upsert_key: None,
        };
        self.0.add(kind, inputs, out)
    }

    pub(crate) fn source(&mut self, parallelism: u32, bounded: bool, on_error: OnError) -> NodeId {
        let spec = SourceSpec {
            table: table("in"),
            connector: "fake".into(),
            projection: vec![0, 1],
            on_error,
            bounded,
        };
        self.add(NodeKind::Source(spec), vec![], parallelism)
    }

    pub(crate) fn watermarks(&mut self, from: NodeId, idle_timeout_ms: Option<i64>) -> NodeId {
        let spec = WatermarkSpec {
            column: 1,
            expr: Default::default(),
            step_ms: 1,
            idle_timeout_ms,
            max_future_ms: None,
        };
        let parallelism = self.0.node(from).parallelism;
        let inputs = vec![input(from, Exchange::Forward)];
        self.add(NodeKind::Watermark(spec), inputs, parallelism)
    }

    /// An operator; what it does is up to `operators`.
    pub(crate) fn step(&mut self, from: NodeId, exchange: Exchange, parallelism: u32) -> NodeId {
        let spec = CalcSpec {
            filter: None,
            projection: vec![],
            uses_now: false,
        };
        self.add(
            NodeKind::Calc(spec),
            vec![input(from, exchange)],
            parallelism,
        )
    }

    pub(crate) fn sink(&mut self, input: Input, parallelism: u32) -> NodeId {
        self.sink_as(input, parallelism, SinkAccepts::All, vec![])
    }

    pub(crate) fn sink_as(
        &mut self,
        input: Input,
        parallelism: u32,
        accepts: SinkAccepts,
        not_null: Vec<usize>,
    ) -> NodeId {
        let spec = SinkSpec {
            target: SinkTarget::Table {
                table: table("out"),
                connector: "fake".into(),
                accepts,
            },
            not_null,
        };
        self.add(NodeKind::Sink(Box::new(spec)), vec![input], parallelism)
    }

    pub(crate) fn collect(&mut self, from: NodeId) -> NodeId {
        let spec = SinkSpec {
            target: SinkTarget::Collect,
            not_null: vec![],
        };
        let inputs = vec![input(from, Exchange::Single)];
        self.add(NodeKind::Sink(Box::new(spec)), inputs, 1)
    }
}

pub(crate) fn table(name: &str) -> TableSpec {
    TableSpec {
        name: name.into(),
        schema: schema(),
        metadata: vec![],
        primary_key: vec![],
        partition_keys: vec![],
        options: Options::default(),
    }
}

pub(crate) fn input(from: NodeId, exchange: Exchange) -> Input {
    Input {
        from,
        output: OutputKind::Main,
        exchange,
    }
}

pub(crate) fn side(from: NodeId, output: OutputKind) -> Input {
    Input {
        from,
        output,
        exchange: Exchange::Rebalance,
    }
}

/// An environment around one fake; `make` makes the operators of `Graph::step` by node.
pub(crate) fn environment(
    fake: &'static Fake,
    make: impl Fn(NodeId) -> Do + Send + Sync + 'static,
) -> Environment {
    environment_at(fake, make, Arc::new(SystemClock::new()))
}

pub(crate) fn environment_at(
    fake: &'static Fake,
    make: impl Fn(NodeId) -> Do + Send + Sync + 'static,
    clock: SharedClock,
) -> Environment {
    let operators: Operators = Arc::new(move |site: &OperatorSite<'_>| {
        Ok(Box::new(match site.node.kind {
            NodeKind::Watermark(_) => Do::Watermarks { splits: vec![] },
            NodeKind::Union => Do::Pass,
            _ => make(site.node.id),
        }) as Box<dyn Operator>)
    });
    let formats: Formats = Arc::new(|_: &str| Err(Error::unsupported("no formats here")));
    let json = |rows: &RecordBatch, row: usize, out: &mut Vec<u8>| {
        out.extend(format!("{:?}", pairs(rows)[row]).bytes());
        Ok(())
    };
    let mut environment = Environment::new(
        Arc::new(move |_: &str| Ok(fake as &'static dyn Connector)),
        formats,
        operators,
        clock,
        json,
    );
    environment.clock_check = Duration::from_millis(2);
    environment
}

pub(crate) fn count_at_end() -> Do {
    count_seen(&Arc::default())
}

/// The same, showing its watermark.
pub(crate) fn count_seen(seen: &Arc<AtomicI64>) -> Do {
    Do::CountAtEnd {
        counts: Default::default(),
        watermark: EventTime::MIN,
        seen: Arc::clone(seen),
    }
}

pub(crate) fn leak(fake: Fake) -> &'static Fake {
    Box::leak(Box::new(fake))
}

/// Runs a test body on a runtime of its own, for at most 20 s.
pub(crate) fn run(body: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let limit = Duration::from_secs(20);
    let ended = runtime.block_on(async { tokio::time::timeout(limit, body).await });
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended.expect("the test hangs");
}

/// Waits until something is true, looking again and again.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

/// The key group of a key, as the exchange computes it.
fn group(key: i64) -> u16 {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![key]));
    let mut hashes = Vec::new();
    millstream_core::key::hash_rows(&[column], 1, &mut hashes).unwrap();
    millstream_core::key::key_group(hashes[0], 128) as u16
}
