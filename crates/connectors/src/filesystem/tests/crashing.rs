//! A job that dies anywhere: what becomes visible is every row once, and nothing stays behind.
//!
//! The test plays the runtime: it numbers checkpoints, remembers what the last decided one holds,
//! and starts the next life from it. A life that dies leaves its files as a killed process does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use millstream_core::clock::{ManualClock, SharedClock};
use millstream_core::connector::{Committable, Committer, JobIdentity, SinkContext, SinkWriter};
use millstream_core::rows::ChangeBatch;
use millstream_core::time::EventTime;
use millstream_faultkit::proxy::{Action, Match, Protocol, Proxy, Rule};
use millstream_faultkit::services;
use object_store::memory::InMemory;
use proptest::prelude::*;

use super::*;
use crate::filesystem::bucket::{Bucket, Patience};
use crate::filesystem::commit::Commits;
use crate::filesystem::location;
use crate::filesystem::root::Root;
use crate::filesystem::sink::Writer;
use crate::testing::{barrier, batch, sink_context};

/// What a checkpoint store would hold.
#[derive(Clone, Default)]
struct Decided {
    checkpoint: u64,
    /// Rows before it.
    rows: usize,
    pending: Vec<Committable>,
}

struct World {
    root: Root,
    /// Removed with the test.
    here: Option<tempfile::TempDir>,
    table: TableSpec,
    decided: Decided,
    generation: u64,
    lineage: u64,
}

struct Life {
    writers: Vec<Writer>,
    committer: Commits,
    /// Rows written, from the beginning of the job.
    rows: usize,
    checkpoint: u64,
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build().unwrap()
        };
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

const SUBTASKS: u32 = 2;
const OTHERS: &str = ".millstream-pending/other/l.1/part-x";

impl World {
    fn new(in_bucket: bool) -> Self {
        if in_bucket {
            return Self::at(Root::Bucket(bucket(Arc::new(InMemory::new()))), None);
        }
        let here = tempfile::tempdir().unwrap();
        Self::at(Root::Directory(here.path().join("out")), Some(here))
    }

    fn at(root: Root, here: Option<tempfile::TempDir>) -> Self {
        let options = [
            ("sink.rolling-policy.file-size", "30"),
            ("sink.partition-commit.policy.kind", "success-file"),
        ];
        let mut table = files(Path::new("/unused"), &options);
        table.partition_keys = vec!["b".into()];
        let world = World {
            root,
            here,
            table,
            decided: Decided::default(),
            generation: 0,
            lineage: 0,
        };
        match &world.root {
            Root::Directory(root) => super::write(&root.join(OTHERS), "theirs"),
            Root::Bucket(bucket) => block_on(bucket.put(OTHERS, "theirs".into())).unwrap(),
        }
        world
    }

    fn context(&self, subtask: u32) -> SinkContext {
        SinkContext {
            run_id: format!("r{}n7", self.generation),
            job: JobIdentity {
                name: "job".into(),
                lineage: format!("l{}", self.lineage).into(),
                generation: self.generation,
                checkpoints: true,
            },
            ..sink_context(subtask, SUBTASKS)
        }
    }

    /// Begins a life; `files` of what is pending are recovered before it dies, if it does.
    fn begin(&mut self, dies_after: Option<usize>) -> Option<Life> {
        self.generation += 1;
        let context = self.context(0);
        let mut committer = Commits::at(self.root.clone(), &self.table, &context).unwrap();
        let mut pending = self.decided.pending.clone();
        if let Some(files) = dies_after {
            pending.truncate(files);
            block_on(committer.recover(pending)).unwrap();
            return None;
        }
        block_on(committer.recover(pending)).unwrap();
        let writer =
            |subtask| Writer::at(self.root.clone(), &self.table, &self.context(subtask)).unwrap();
        Some(Life {
            writers: (0..SUBTASKS).map(writer).collect(),
            committer,
            rows: self.decided.rows,
            checkpoint: self.decided.checkpoint,
        })
    }

    /// Every file or object with its text.
    fn files(&self) -> BTreeMap<String, String> {
        let bucket = match &self.root {
            Root::Directory(root) => return tree(root).into_iter().collect(),
            Root::Bucket(bucket) => bucket,
        };
        let mut files = BTreeMap::new();
        for object in block_on(bucket.list("", 10_000)).unwrap() {
            let bytes = block_on(self.root.read(&object.path)).unwrap().unwrap();
            files.insert(object.path, String::from_utf8(bytes).unwrap());
        }
        files
    }

    /// The rows a reader sees, sorted; every file it sees is whole.
    fn visible(&self) -> Vec<usize> {
        let mut rows = Vec::new();
        for (path, text) in self.files() {
            if path.split('/').any(|part| part.starts_with(['.', '_'])) {
                continue;
            }
            let lines = text.strip_prefix("# header\n").expect("a whole file");
            assert!(lines.ends_with('\n'), "{path} is cut: {text:?}");
            rows.extend(lines.lines().map(|line| line.parse::<usize>().unwrap()));
        }
        rows.sort_unstable();
        rows
    }

    fn hidden(&self) -> Vec<String> {
        let files = self.files().into_keys();
        files
            .filter(|path| path.starts_with(".millstream"))
            .collect()
    }
}

fn bucket(store: Arc<InMemory>) -> Bucket {
    Bucket {
        store,
        name: "bucket 'b'".into(),
        url: "s3://b".into(),
        prefix: "in".into(),
        patience: Patience::default(),
    }
}

impl Life {
    fn write(&mut self, table: &TableSpec, count: usize) {
        for _ in 0..count {
            let number = self.rows.to_string();
            let partition = format!("p{}", self.rows % 3);
            let rows = batch(&table.schema, &[&[&number, &partition]]);
            let writer = &mut self.writers[self.rows % SUBTASKS as usize];
            block_on(writer.write(ChangeBatch::inserts(rows))).unwrap();
            self.rows += 1;
        }
    }

    fn prepare(&mut self, last: bool) -> Decided {
        self.checkpoint += 1;
        let mut decided = Decided {
            checkpoint: self.checkpoint,
            rows: self.rows,
            pending: Vec::new(),
        };
        for writer in &mut self.writers {
            let prepared = block_on(writer.prepare(barrier(self.checkpoint, last))).unwrap();
            decided.pending.extend(prepared.committables);
        }
        decided.pending.extend(self.committer.remembers());
        decided
    }

    /// Ends as a killed process: nothing is flushed or removed.
    fn kill(self) {
        std::mem::forget(self.writers);
    }
}

/// Where a life of a job ends.
#[derive(Clone, Copy, Debug)]
enum Death {
    Recovering(usize),
    Writing,
    Prepared,
    Decided,
    Committing(usize),
    Committed,
    /// By an error, which drops what it holds, and not by a kill.
    Failed,
}

fn death() -> impl Strategy<Value = Death> {
    prop_oneof![
        (0..6_usize).prop_map(Death::Recovering),
        Just(Death::Writing),
        Just(Death::Prepared),
        Just(Death::Decided),
        (0..6_usize).prop_map(Death::Committing),
        Just(Death::Committed),
        Just(Death::Failed),
    ]
}

/// One life: whole checkpoints of so many rows, then some more rows and the end.
fn live(world: &mut World, checkpoints: &[usize], more: usize, death: Death) {
    let dies_after = match death {
        Death::Recovering(files) => Some(files),
        _ => None,
    };
    let Some(mut life) = world.begin(dies_after) else {
        return;
    };
    for count in checkpoints {
        life.write(&world.table, *count);
        world.decided = life.prepare(false);
        assert_eq!(world.visible().len(), world.visible_before(), "not before");
        block_on(life.committer.commit(world.decided.pending.clone())).unwrap();
        world.check();
    }
    life.write(&world.table, more);
    match death {
        Death::Recovering(_) | Death::Writing | Death::Failed => {}
        Death::Prepared => drop(life.prepare(false)),
        Death::Decided | Death::Committing(_) | Death::Committed => {
            world.decided = life.prepare(false);
            let pending = world.decided.pending.clone();
            let files = match death {
                Death::Decided => 0,
                Death::Committing(files) => files.min(pending.len()),
                _ => pending.len(),
            };
            if files > 0 {
                block_on(life.committer.commit(pending[..files].to_vec())).unwrap();
            }
        }
    }
    match death {
        Death::Failed => drop(life),
        _ => life.kill(),
    }
}

impl World {
    /// Rows of checkpoints before the decided one.
    fn visible_before(&self) -> usize {
        let pending = self.decided.pending.iter();
        let files = pending.filter_map(|text| {
            let value: serde_json::Value = serde_json::from_str(&text.0).unwrap();
            let from = value.get("from")?.as_str()?.to_string();
            Some(self.files()[&from].lines().count() - 1)
        });
        self.decided.rows - files.sum::<usize>()
    }

    /// Everything decided is visible, once, and nothing else.
    fn check(&self) {
        let wanted: Vec<usize> = (0..self.decided.rows).collect();
        assert_eq!(self.visible(), wanted);
    }

    fn finish(&mut self) {
        let mut life = self.begin(None).unwrap();
        self.check();
        life.write(&self.table.clone(), 5);
        self.decided = life.prepare(true);
        block_on(life.committer.commit(self.decided.pending.clone())).unwrap();
        drop(life);
        self.check();
        assert_eq!(self.hidden(), [OTHERS], "nothing of ours is left");
        let marks = self.files().into_keys();
        let marks = marks.filter(|path| path.ends_with("/_SUCCESS")).count();
        assert_eq!(marks, self.decided.rows.min(3), "every partition is marked");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn every_row_becomes_visible_once_wherever_a_job_dies(
        in_bucket in any::<bool>(),
        lives in prop::collection::vec(
            (prop::collection::vec(0..15_usize, 0..3), 0..15_usize, death(), any::<bool>()),
            0..6,
        ),
    ) {
        let mut world = World::new(in_bucket);
        for (checkpoints, more, death, restored) in lives {
            live(&mut world, &checkpoints, more, death);
            world.lineage += u64::from(restored);
        }
        world.finish();
    }
}

const DEATHS: [Death; 9] = [
    Death::Writing,
    Death::Prepared,
    Death::Decided,
    Death::Recovering(0),
    Death::Recovering(1),
    Death::Committing(1),
    Death::Recovering(2),
    Death::Committed,
    Death::Failed,
];

#[test]
fn a_death_at_each_step_leaves_every_row_once() {
    for in_bucket in [false, true] {
        let mut world = World::new(in_bucket);
        for death in DEATHS {
            live(&mut world, &[7], 11, death);
        }
        world.finish();
    }
}

#[test]
fn a_death_at_each_step_leaves_every_row_once_in_a_real_store_that_misbehaves() {
    let Some(s3) = services::needed(services::s3()) else {
        return;
    };
    let server = s3.endpoint.trim_start_matches("http://").parse().unwrap();
    let proxy = Proxy::local(server, Protocol::Http, 7).unwrap();
    let any = || Match::Any;
    for (probability, action) in [
        (0.05, Action::Answer(503)),
        (0.03, Action::CutBeforeRequest),
        (0.03, Action::CutAfterRequest),
        (0.03, Action::CutBeforeAnswer),
    ] {
        proxy.add_rule(Rule::sometimes(any(), probability, action));
    }
    let table = super::s3::table(&s3, &format!("http://{}", proxy.address()), "lines", &[]);
    let mut root = location::root(&table.options).unwrap();
    if let Root::Bucket(bucket) = &mut root {
        bucket.patience.call = Duration::from_secs(1);
        bucket.patience.pause = Duration::from_millis(5);
    }
    let mut world = World::at(root, None);
    for death in DEATHS {
        live(&mut world, &[7], 11, death);
    }
    world.finish();
    let fired: u64 = proxy.fired().values().sum();
    assert!(fired > 20, "the store has misbehaved: {:?}", proxy.fired());
}

#[test]
fn a_row_is_not_visible_before_its_checkpoint_is_decided() {
    for in_bucket in [false, true] {
        let mut world = World::new(in_bucket);
        let mut life = world.begin(None).unwrap();
        life.write(&world.table, 9);
        let decided = life.prepare(false);
        assert_eq!(world.visible(), [0_usize; 0]);
        let receipt = decided.pending.len();
        assert!(receipt >= 3, "a file per partition at least");
        world.decided = decided;
        block_on(life.committer.commit(world.decided.pending.clone())).unwrap();
        world.check();
    }
}

#[test]
fn an_upload_in_parts_that_nobody_will_finish_is_given_up() {
    let store = Arc::new(InMemory::new());
    let mut world = World::at(Root::Bucket(bucket(Arc::clone(&store))), None);
    world.table = files(Path::new("/unused"), &[]);
    let mut life = world.begin(None).unwrap();
    let long = "x".repeat(4 << 20);
    for number in ["1", "2", "3"] {
        let rows = batch(&world.table.schema, &[&[number, &long]]);
        block_on(life.writers[0].write(ChangeBatch::inserts(rows))).unwrap();
    }
    life.kill();
    let note = world
        .hidden()
        .into_iter()
        .find(|path| path.ends_with(".upload"));
    let note = note.expect("the upload is named beside its object");
    let text = world.files()[&note].clone();
    let id: serde_json::Value = serde_json::from_str(&text).unwrap();
    let id = id["id"].as_str().unwrap().to_string();
    let mut life = world.begin(None).unwrap();
    let decided = life.prepare(true);
    block_on(life.committer.commit(decided.pending)).unwrap();
    assert_eq!(world.hidden(), [OTHERS]);
    let object = format!("in/{}", note.trim_end_matches(".upload"));
    let object = object_store::path::Path::parse(object).unwrap();
    let parts = object_store::multipart::MultipartStore::put_part(
        store.as_ref(),
        &object,
        &id,
        0,
        object_store::PutPayload::new(),
    );
    assert!(block_on(parts).is_err(), "the upload is gone");
}

#[test]
fn a_large_object_is_written_in_parts_and_read_as_one() {
    let mut world = World::new(true);
    world.table = files(Path::new("/unused"), &[]);
    let mut life = world.begin(None).unwrap();
    let long = "x".repeat(4 << 20);
    for number in ["1", "2", "3"] {
        let rows = batch(&world.table.schema, &[&[number, &long]]);
        block_on(life.writers[0].write(ChangeBatch::inserts(rows))).unwrap();
    }
    let decided = life.prepare(true);
    block_on(life.committer.commit(decided.pending)).unwrap();
    assert_eq!(world.hidden(), [OTHERS]);
    let wanted: String = ["1", "2", "3"].map(|n| format!("{n},{long}\n")).concat();
    let files = world.files();
    let text = files
        .iter()
        .find(|(path, _)| path.starts_with("part-"))
        .unwrap()
        .1;
    assert!(
        *text == format!("# header\n{wanted}"),
        "{} bytes",
        text.len()
    );
}

#[test]
fn a_pending_file_that_is_gone_is_an_error_unless_the_table_says_otherwise() {
    for in_bucket in [false, true] {
        let mut world = World::new(in_bucket);
        let mut life = world.begin(None).unwrap();
        life.write(&world.table, 1);
        world.decided = life.prepare(false);
        block_on(life.committer.commit(world.decided.pending.clone())).unwrap();
        life.kill();
        let visible: Vec<String> = world.files().into_keys().collect();
        for path in visible.iter().filter(|path| path.contains("/part-r")) {
            match &world.root {
                Root::Directory(root) => fs::remove_file(root.join(path)).unwrap(),
                Root::Bucket(bucket) => block_on(bucket.delete(path)).unwrap(),
            }
        }
        let recover = |world: &World| {
            let context = world.context(0);
            let mut committer = Commits::at(world.root.clone(), &world.table, &context).unwrap();
            block_on(committer.recover(world.decided.pending.clone()))
        };
        let error = recover(&world).unwrap_err();
        assert!(error.message().contains("it is gone"), "{error}");
        assert!(
            error
                .hint_text()
                .unwrap()
                .contains("'sink.recovery.missing-files' = 'ignore'")
        );
        world.table = files(
            Path::new("/unused"),
            &[("sink.recovery.missing-files", "ignore")],
        );
        recover(&world).unwrap();
    }
}

/// A world of partitions that are marked with these options, and the clock of its lives.
fn marking(in_bucket: bool, more: &[(&str, &str)]) -> (World, Arc<ManualClock>, SharedClock) {
    let mut world = World::new(in_bucket);
    let mut options = vec![("sink.partition-commit.policy.kind", "success-file")];
    options.extend_from_slice(more);
    world.table = files(Path::new("/unused"), &options);
    world.table.partition_keys = vec!["b".into()];
    let (clock, shared) = crate::testing::manual_clock(0);
    (world, clock, shared)
}

impl World {
    fn marks(&self) -> Vec<String> {
        let files = self.files().into_keys();
        files.filter(|path| path.ends_with("_SUCCESS")).collect()
    }

    /// One life that writes rows of partitions, is told the watermark of each writer, and commits one
    /// checkpoint; then it is killed.
    fn one_commit(
        &mut self,
        clock: &SharedClock,
        partitions: &[&str],
        marks: [(i64, bool); SUBTASKS as usize],
        last: bool,
    ) {
        let mut life = self.begin(None).unwrap();
        let context = SinkContext {
            clock: Arc::clone(clock),
            ..self.context(0)
        };
        life.committer = Commits::at(self.root.clone(), &self.table, &context).unwrap();
        block_on(life.committer.recover(self.decided.pending.clone())).unwrap();
        for partition in partitions {
            let number = life.rows.to_string();
            let rows = batch(&self.table.schema, &[&[&number, partition]]);
            block_on(life.writers[0].write(ChangeBatch::inserts(rows))).unwrap();
            life.rows += 1;
        }
        for (writer, (at, is_idle)) in life.writers.iter_mut().zip(marks) {
            writer.watermark(EventTime(at));
            if is_idle {
                writer.idle();
            }
        }
        self.decided = life.prepare(last);
        block_on(life.committer.commit(self.decided.pending.clone())).unwrap();
        life.kill();
    }
}

const UNTOLD: [(i64, bool); 2] = [(i64::MIN, false); 2];

#[test]
fn a_partition_that_waits_to_be_marked_waits_on_after_a_crash() {
    for in_bucket in [false, true] {
        let delay = [("sink.partition-commit.delay", "1 h")];
        let (mut world, clock, shared) = marking(in_bucket, &delay);
        let commit = |world: &mut World, at_ms: i64, partitions: &[&str], last: bool| {
            clock.set(at_ms);
            world.one_commit(&shared, partitions, UNTOLD, last);
        };
        commit(&mut world, 1_000, &["p0"], false);
        commit(&mut world, 2_000, &[], false);
        commit(&mut world, 3_600_999, &[], true);
        assert_eq!(world.marks(), [""; 0]);
        commit(&mut world, 3_602_000, &[], true);
        assert_eq!(world.marks(), ["b=p0/_SUCCESS"]);
        assert_eq!(world.hidden(), [OTHERS]);
    }
}

/// Milliseconds of this hour of 2020-01-01.
fn hour(hour: i64) -> i64 {
    1_577_836_800_000 + hour * 3_600_000
}

const BY_TIME: [(&str, &str); 3] = [
    ("sink.partition-commit.trigger", "partition-time"),
    ("sink.partition-commit.delay", "1 h"),
    (
        "partition.time-extractor.timestamp-pattern",
        "2020-01-01 $b:00:00",
    ),
];

#[test]
fn a_partition_is_marked_when_the_watermark_has_passed_its_time_and_the_delay() {
    for in_bucket in [false, true] {
        let (mut world, _, clock) = marking(in_bucket, &BY_TIME);
        let at = |one: i64, two: i64| [(one, false), (two, false)];
        world.one_commit(&clock, &["08", "09", "10"], UNTOLD, false);
        assert_eq!(world.marks(), [""; 0]);
        // The slowest writer decides, and the time itself is not behind it.
        world.one_commit(&clock, &[], at(hour(9), hour(20)), false);
        assert_eq!(world.marks(), [""; 0]);
        world.one_commit(&clock, &[], at(hour(9) + 1, hour(20)), false);
        assert_eq!(world.marks(), ["b=08/_SUCCESS"]);
        // Whoever has nothing to do is not waited for.
        let idle = (i64::MIN, true);
        world.one_commit(&clock, &[], [idle, (hour(10), false)], false);
        assert_eq!(world.marks().len(), 1);
        // If nobody has, the fastest says how far the rows have come.
        world.one_commit(&clock, &[], [idle, (hour(10) + 1, true)], false);
        assert_eq!(world.marks().len(), 2);
        // A graceful stop is no end of the input.
        world.one_commit(&clock, &["11"], at(hour(10), hour(10)), true);
        assert_eq!(world.marks().len(), 2);
        // Files that come late: marked again, though it is the same mark.
        world.one_commit(&clock, &["08"], at(hour(10), hour(10)), false);
        world.one_commit(&clock, &[], at(i64::MAX, i64::MAX), true);
        let wanted = ["08", "09", "10", "11"].map(|hour| format!("b={hour}/_SUCCESS"));
        assert_eq!(world.marks(), wanted);
        assert_eq!(world.hidden(), [OTHERS]);
    }
}

#[test]
fn what_waits_in_a_savepoint_is_marked_by_the_job_that_begins_with_it() {
    let (mut world, _, clock) = marking(false, &BY_TIME);
    world.one_commit(&clock, &["08"], UNTOLD, false);
    world.one_commit(&clock, &["09"], UNTOLD, false);
    let savepoint = std::mem::take(&mut world.decided.pending);
    world.lineage += 1;
    let mut life = world.begin(None).unwrap();
    life.committer.inherit(&savepoint).unwrap();
    block_on(life.committer.recover(Vec::new())).unwrap();
    for writer in &mut life.writers {
        writer.watermark(EventTime(hour(10) + 1));
    }
    world.decided = life.prepare(false);
    block_on(life.committer.commit(world.decided.pending.clone())).unwrap();
    life.kill();
    assert_eq!(world.marks(), ["b=08/_SUCCESS", "b=09/_SUCCESS"]);

    // What was due with the savepoint was marked with it, and may have been taken away since.
    let (mut world, _, clock) = marking(false, &BY_TIME);
    world.one_commit(&clock, &["08", "09"], [(hour(9) + 1, false); 2], false);
    let savepoint = std::mem::take(&mut world.decided.pending);
    world.lineage += 1;
    let mut life = world.begin(None).unwrap();
    life.committer.inherit(&savepoint).unwrap();
    let waits = life.committer.remembers();
    assert_eq!(waits.len(), 1);
    assert!(
        waits[0].0.contains("b=09") && !waits[0].0.contains("b=08"),
        "{waits:?}"
    );
    life.kill();
}

#[test]
fn a_row_whose_partition_has_no_time_is_refused_before_it_is_written() {
    let (mut world, _, _) = marking(false, &BY_TIME);
    let mut life = world.begin(None).unwrap();
    let rows = batch(&world.table.schema, &[&["1", "noon"]]);
    let error = block_on(life.writers[0].write(ChangeBatch::inserts(rows))).unwrap_err();
    assert_eq!(
        error.message(),
        "table 't': partition 'b=noon' has no time: '2020-01-01 noon:00:00' is no timestamp"
    );
    assert_eq!(world.hidden(), [OTHERS]);
}

#[cfg(unix)]
#[test]
fn a_rename_that_was_cut_in_half_is_finished() {
    let mut world = World::new(false);
    let mut life = world.begin(None).unwrap();
    life.write(&world.table, 1);
    world.decided = life.prepare(false);
    let out = world.here.as_ref().unwrap().path().join("out");
    let value: serde_json::Value = serde_json::from_str(&world.decided.pending[0].0).unwrap();
    let (from, to) = (
        value["from"].as_str().unwrap(),
        value["to"].as_str().unwrap(),
    );
    fs::create_dir_all(out.join(to).parent().unwrap()).unwrap();
    fs::hard_link(out.join(from), out.join(to)).unwrap();
    life.kill();
    world.finish();
}
