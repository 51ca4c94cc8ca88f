//! F47: mutated input of every format, and mutated SQL: no crash, no hang, bounded memory, and the good rows
//! among the bad ones are all there.
//!
//! ```text
//! JSON, CSV   files of good rows with garbage between them ──▶ the real binary ──▶ every good row once
//! Parquet     one damaged file after the other             ──▶ the real binary ──▶ rows or an explained error
//! decoders, SQL   `inputs` below, in a process of its own: a stack that overflows ends only that one
//! ```
//!
//! An input is a function of the seed and its number; the number is written down before it is tried, so
//! that the one that took a process down is known.

#![expect(
    clippy::unwrap_used,
    reason = "what a target is made of is written here and right; a panic ends only the process of a target"
)]

use std::io::{Seek, Write};
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{Schema, SchemaRef};
use millstream_core::clock::{Clock, SharedClock, SystemClock};
use millstream_core::options::Options;
use millstream_core::types::{ColumnType, RowField, SqlType};
use millstream_core::{Error, Result};
use millstream_faultkit::cases::Context;
use millstream_faultkit::chance::Chance;
use millstream_faultkit::reference::Query;
use millstream_faultkit::supervisor::{Limits, Program, Schedule, Supervisor};

use crate::crash::number_of;
use crate::plain::Plain;
use crate::records::watched;
use crate::trial::is_full;

/// Inputs of one kind in one process.
const INPUTS: u64 = 20_000;

/// Longest time for one input; a good one takes microseconds, in a debug build and on a busy machine.
const INPUT_DEADLINE: Duration = Duration::from_secs(5);

/// Most memory of a process that decodes or plans; the program itself is a third of it.
const RESIDENT_MAX: u64 = 512 << 20;

/// What is mutated, in turn.
const KINDS: [&str; 6] = [
    "json-file",
    "csv-file",
    "json",
    "csv",
    "sql",
    "parquet-file",
];

/// F47.
pub(crate) fn mutated(context: &mut Context) -> Result<()> {
    let kind = KINDS[number_of(context) % KINDS.len()];
    context.figure("kind", kind);
    match kind {
        "json-file" | "csv-file" => among_good_rows(context, kind),
        "parquet-file" => parquet(context),
        _ => alone(context, kind),
    }
}

/// Twenty thousand mutated lines between good ones, in two files: every good row comes out, once.
fn among_good_rows(context: &mut Context, kind: &str) -> Result<()> {
    let times = if is_full() { 50 } else { 1 };
    for time in 0..times {
        let mut job = Plain::new("F47", context, 2_000, Query::PassThrough);
        job.folder = context.folder.join(time.to_string());
        job.option("on-error", "skip");
        if kind == "csv-file" {
            job.format = "csv";
            // A quote that is never closed takes the lines behind it with it; nobody could tell.
            job.option("csv.disable-quote-character", "true");
        }
        let mut tried = 0;
        for partition in 0..job.plan.partitions {
            let text = interleaved(&job, partition, &mut context.chance, &mut tried);
            job.write(&format!("{partition}.txt"), &text)?;
        }
        let (end, peak) = watched(job.live(None)?, Duration::from_secs(120))?;
        end.well()?;
        context.figure("inputs", tried * (time + 1));
        context.figure("peak_mib", peak >> 20);
        good_rows_are_there(&job)?;
    }
    Ok(())
}

fn interleaved(job: &Plain, partition: u32, chance: &mut Chance, tried: &mut u64) -> Vec<u8> {
    let mut text = Vec::new();
    for row in job.plan.partition(partition) {
        let line = match job.format {
            "csv" => csv(&row),
            _ => row.to_json(),
        };
        text.extend(line.as_bytes());
        text.push(b'\n');
        for _ in 0..INPUTS / job.plan.row_count() {
            // A row nobody expects, so that one that survives its mutation is not taken for a good one.
            let strange = line.replacen("k0000", "strange", 1);
            let mut bytes = mutate(strange.as_bytes(), chance);
            bytes.retain(|byte| !matches!(byte, b'\n' | b'\r'));
            text.extend(bytes);
            text.push(b'\n');
            *tried += 1;
        }
    }
    text
}

fn csv(row: &millstream_faultkit::generator::Row) -> String {
    let time = millstream_core::time::format_millis(row.event_time);
    format!(
        "{},{},{},{time},{},{},{}",
        row.partition, row.seq, row.key, row.amount, row.crc, row.pad
    )
}

/// Of the good rows none is lost and none comes twice; garbage that was readable is not counted.
fn good_rows_are_there(job: &Plain) -> Result<()> {
    let mut lines = Vec::new();
    for path in crate::trial::all_files(&job.output())? {
        let text = std::fs::read(&path).map_err(|cause| crate::trial::unreadable(&path, cause))?;
        let good = |line: &&[u8]| {
            serde_json::from_slice::<serde_json::Value>(line).is_ok_and(|row| {
                row["key"]
                    .as_str()
                    .is_some_and(|key| key.starts_with("k0000"))
            })
        };
        for line in text.split(|byte| *byte == b'\n').filter(good) {
            lines.extend(line);
            lines.push(b'\n');
        }
    }
    let found = millstream_faultkit::compare::Multiset::of_json_lines(&lines, job.query.columns())?;
    millstream_faultkit::compare::compare(&job.query.expected(&job.plan), &found).into_result()
}

/// Damaged Parquet files, one job each: the rows or an explained error, within 256 MiB.
fn parquet(context: &mut Context) -> Result<()> {
    let count = if is_full() { 4_000 } else { 60 };
    let mut job = Plain::new("F47", context, 400, Query::PassThrough);
    job.format = "parquet";
    job.arguments = vec!["--memory-limit".into(), "256MiB".into()];
    let whole = a_parquet_file(&job)?;
    let mut refused = 0u64;
    for number in 0..count {
        let bytes = mutate_some(&whole, &mut context.chance);
        job.write("0.parquet", &bytes)?;
        for folder in ["checkpoints", "out"] {
            // Not there before the first.
            std::fs::remove_dir_all(job.folder.join(folder)).unwrap_or_default();
        }
        let (end, peak) = watched(job.live(None)?, Duration::from_secs(20))?;
        if peak > (256 << 20) / 10 * 11 {
            let text = format!("file {number}: {peak} bytes are resident");
            return Err(Error::internal(text));
        }
        if !end.status.success() {
            end.explained(&["0.parquet"])
                .map_err(|error| error.context(format!("file {number}")))?;
            refused += 1;
        }
    }
    context.figure("inputs", count);
    context.figure("refused", refused);
    Ok(())
}

/// Written by the binary itself, from JSON.
fn a_parquet_file(job: &Plain) -> Result<Vec<u8>> {
    let folder = job.folder.join("source");
    let made = std::fs::create_dir_all(&folder);
    made.map_err(|cause| crate::trial::unreadable(&folder, cause))?;
    let rows: String = job.plan.rows().map(|row| row.to_json() + "\n").collect();
    crate::trial::write_file(&folder.join("rows.jsonl"), &rows)?;
    let columns = job.plan.columns_sql();
    let sql = format!(
        "CREATE TABLE j ({columns}) WITH ('connector' = 'filesystem', 'path' = '{0}/rows.jsonl', 'format' = \
         'json');\nCREATE TABLE p ({columns}) WITH ('connector' = 'filesystem', 'path' = '{0}/parquet', \
         'format' = 'parquet');\nINSERT INTO p SELECT * FROM j;",
        folder.display()
    );
    let program = Program::new(
        crate::trial::binary()?,
        &["run", "-e", &sql, "--parallelism", "1"],
    );
    let clock: SharedClock = Arc::new(SystemClock::new());
    let life = crate::life::Life::start(&program, None, &job.folder, clock)?;
    life.end(Duration::from_secs(30))?.well()?;
    let files = crate::trial::all_files(&folder.join("parquet"))?;
    let path = files
        .first()
        .ok_or_else(|| Error::internal("no Parquet file was written"))?;
    std::fs::read(path).map_err(|cause| crate::trial::unreadable(path, cause))
}

/// Decoders and the SQL front end alone, in a process of their own.
fn alone(context: &mut Context, kind: &str) -> Result<()> {
    let count = match (is_full(), kind) {
        (true, _) => 1_000_000,
        (false, "sql") => INPUTS / 4,
        (false, _) => INPUTS,
    };
    let this = std::env::current_exe()
        .map_err(|cause| Error::internal("this program has no path").caused_by(cause))?;
    let arguments = ["--ignored", "--exact", "garbage::inputs", "--nocapture"];
    let mut program = Program::new(this, &arguments);
    let mark = context.folder.join("mark");
    let variables = [
        ("MILLSTREAM_GARBAGE_KIND", kind.to_owned()),
        ("MILLSTREAM_GARBAGE_SEED", context.seed.to_string()),
        ("MILLSTREAM_GARBAGE_COUNT", count.to_string()),
        ("MILLSTREAM_GARBAGE_MARK", mark.display().to_string()),
    ];
    program
        .env
        .extend(variables.map(|(key, value)| (key.to_owned(), value)));
    let patience = Duration::from_secs(if is_full() { 7_200 } else { 240 });
    let limits = Limits {
        rounds: 1,
        round: patience,
        run: patience,
        rss_bytes: Some(RESIDENT_MAX),
    };
    let clock: SharedClock = Arc::new(SystemClock::new());
    let run = Supervisor::new(program, &context.folder.join("logs"), limits, clock)?
        .run(&Schedule::quiet(context.seed))
        .map_err(|error| {
            let at = std::fs::read_to_string(&mark).unwrap_or_default();
            error.context(format!(
                "{kind} input {} of seed {}",
                at.trim(),
                context.seed
            ))
        })?;
    context.figure("inputs", count);
    context.figure("peak_mib", run.peak().rss_bytes >> 20);
    Ok(())
}

/// Not for people: the process of [`alone`].
#[test]
#[ignore = "run by F47"]
fn inputs() {
    let variable = |name: &str| std::env::var(format!("MILLSTREAM_GARBAGE_{name}")).ok();
    let Some(kind) = variable("KIND") else {
        return;
    };
    let number = |name: &str| {
        variable(name)
            .and_then(|text| text.parse::<u64>().ok())
            .unwrap()
    };
    let (seed, count) = (number("SEED"), number("COUNT"));
    let mut mark = std::fs::File::create(variable("MARK").unwrap()).unwrap();
    let clock = SystemClock::new();
    let mut target = Target::new(&kind);
    for number in 0..count {
        mark.rewind().unwrap();
        mark.write_all(format!("{number:>20}").as_bytes()).unwrap();
        let mut chance = Chance::branch(seed, &format!("{kind}/{number}"));
        let begun = clock.elapsed();
        target.take(&mut chance);
        let took = clock.elapsed() - begun;
        assert!(took < INPUT_DEADLINE, "input {number} took {took:?}");
    }
}

enum Target {
    Decoder(SchemaRef, &'static str, &'static [&'static str]),
    Sql(Box<millstream_sql::Session>, u32),
}

impl Target {
    fn new(kind: &str) -> Target {
        match kind {
            "json" => Target::Decoder(every_type(), "json", JSON),
            "csv" => Target::Decoder(every_type(), "csv", CSV),
            _ => Target::Sql(Box::new(session()), 0),
        }
    }

    fn take(&mut self, chance: &mut Chance) {
        match self {
            Target::Decoder(schema, format, seeds) => decode(schema, format, seeds, chance),
            Target::Sql(session, used) => {
                *used += 1;
                if *used % 500 == 0 {
                    **session = self::session();
                }
                plan(session, chance);
            }
        }
    }
}

/// Good records, so that mutations reach what is behind the first character.
const JSON: &[&str] = &[
    r#"{"b":true,"i":7,"l":-9223372036854775808,"d":1.5e3,"n":"12345678.90","s":"a\u00e4\ud83d\ude00","y":"AAEC","t":"2026-01-02 03:04:05.678","z":"2026-01-02T03:04:05.678Z","a":[1,null,3],"m":{"k":"v"},"r":{"x":1,"y":"z"}}"#,
    r#"{"b":null,"i":null,"l":null,"d":null,"n":null,"s":null,"y":null,"t":null,"z":null,"a":null,"m":null,"r":null}"#,
    r#"[{"i":1},{"i":2}]"#,
    r#"{"s":"\\\"\/\b\f\n\r\t","a":[[[]]],"m":{"m":{"m":{}}}}"#,
];

const CSV: &[&str] = &[
    "true,7,-9223372036854775808,1.5e3,12345678.90,text,AAEC,2026-01-02 03:04:05.678,2026-01-02T03:04:05.678Z,1;2;3,,1;z",
    ",,,,,,,,,,,",
    "\"true\",\"7\",\"-1\",\"1\",\"1\",\"a \"\"quoted\"\" text, with a comma\",,,,,,",
];

fn every_type() -> SchemaRef {
    let nullable = ColumnType::nullable;
    let field = |name: &str, sql: SqlType| RowField {
        name: name.to_owned(),
        ty: nullable(sql),
        comment: None,
    };
    let columns = [
        ("b", SqlType::Boolean),
        ("i", SqlType::Int),
        ("l", SqlType::BigInt),
        ("d", SqlType::Double),
        (
            "n",
            SqlType::Decimal {
                precision: 10,
                scale: 2,
            },
        ),
        ("s", SqlType::STRING),
        ("y", SqlType::Varbinary(i32::MAX as u32)),
        ("t", SqlType::Timestamp(3)),
        ("z", SqlType::TimestampLtz(3)),
        ("a", SqlType::Array(Box::new(nullable(SqlType::Int)))),
        (
            "m",
            SqlType::Map(
                Box::new(ColumnType {
                    sql: SqlType::STRING,
                    nullable: false,
                }),
                Box::new(nullable(SqlType::STRING)),
            ),
        ),
        (
            "r",
            SqlType::Row([field("x", SqlType::Int), field("y", SqlType::STRING)].into()),
        ),
    ];
    let fields: Vec<_> = columns
        .into_iter()
        .map(|(name, sql)| nullable(sql).field(name))
        .collect();
    Arc::new(Schema::new(fields))
}

/// A message gives one row or one bad record; a file gives as many as it has, in pieces of any size.
fn decode(schema: &SchemaRef, format: &str, seeds: &[&str], chance: &mut Chance) {
    let codec = millstream_formats::format(format).unwrap();
    // CSV has no maps.
    let known = match format {
        "csv" => [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11].to_vec(),
        _ => (0..12).collect(),
    };
    let schema: SchemaRef = Arc::new(schema.project(&known).unwrap());
    let options = Options::new("table 't'", std::collections::BTreeMap::new());
    let mut decoder = codec.decoder(schema, &options).unwrap();
    let seed = *chance.pick(seeds).unwrap();
    let bytes = mutate(seed.as_bytes(), chance);
    if chance.happens(0.5) {
        decoder.decode_message(&bytes).unwrap();
        let rows = decoder.rows() + decoder.take_bad().len();
        assert_eq!(rows, 1, "{:?}", String::from_utf8_lossy(&bytes));
        decoder.flush().unwrap();
        return;
    }
    decoder.set_batch_rows(3);
    let (mut from, mut to) = (0, 0);
    while from < bytes.len() || to == 0 {
        to = bytes.len().min(to + 1 + chance.below(40) as usize);
        let used = decoder.decode(&bytes[from..to], to == bytes.len()).unwrap();
        from += used;
        if decoder.is_full() {
            decoder.flush().unwrap();
        } else if to == bytes.len() && used == 0 {
            break;
        }
        decoder.take_bad();
    }
    assert_eq!(from, bytes.len(), "{:?}", String::from_utf8_lossy(&bytes));
}

const SQL: &[&str] = &[
    "CREATE TABLE t2 (id BIGINT, `a b` STRING NOT NULL, ts TIMESTAMP(3), p AS PROCTIME(), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'datagen', 'rows-per-second' = '1')",
    "SELECT k, COUNT(*), SUM(v) FILTER (WHERE v > 1), COUNT(DISTINCT s) FROM t GROUP BY k HAVING COUNT(*) > 2",
    "SELECT window_start, window_end, k, MAX(v) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, k",
    "SELECT CASE WHEN v IN (1, 2, 3) THEN UPPER(s) ELSE TRIM(BOTH 'x' FROM s) END, CAST(v AS DECIMAL(10, 2)) * 1.5, TRY_CAST(s AS INT), ts + INTERVAL '1-2' YEAR TO MONTH FROM t WHERE NOT (v BETWEEN -1 AND 5 OR s LIKE '%\\_a' ESCAPE '\\')",
    "EXECUTE STATEMENT SET BEGIN INSERT INTO o SELECT k, v FROM t; INSERT INTO o SELECT k, COUNT(*) FROM t GROUP BY k; END",
    "WITH q AS (SELECT k, v FROM t UNION ALL SELECT k, 1 FROM t) SELECT q.k, ROW(1, 'a'), ARRAY[1, 2][1], MAP['a', 1]['a'] FROM q",
    "EXPLAIN PLAN FOR SELECT * FROM (VALUES (1, 'a', TIMESTAMP '2026-01-01 00:00:00')) AS v(a, b, c)",
    "SET 'parallelism.default' = '2'; SHOW TABLES; DESCRIBE t; DROP TABLE IF EXISTS nothing; USE CATALOG default_catalog",
    "SELECT SESSION_START(ts, INTERVAL '1' MINUTE) FROM t GROUP BY SESSION(ts, INTERVAL '1' MINUTE), k",
    "CREATE VIEW w (a, b) AS SELECT k /* comment */, -- another\n v FROM t; ALTER TABLE t RENAME TO u",
];

fn session() -> millstream_sql::Session {
    let clock: SharedClock = Arc::new(SystemClock::new());
    let mut session = millstream_sql::Session::new(Arc::new(Everything), clock, 2);
    let tables = "CREATE TABLE t (k STRING, v BIGINT, s STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH \
                  ('connector' = 'datagen'); CREATE TABLE o (k STRING, v BIGINT) WITH ('connector' = 'blackhole');";
    for statement in session.parse(tables).unwrap() {
        session.execute(&statement, tables).unwrap();
    }
    session
}

/// Whatever it says, it says it.
fn plan(session: &mut millstream_sql::Session, chance: &mut Chance) {
    let text = match chance.below(200) {
        0 => monster(chance),
        _ => {
            let seed = *chance.pick(SQL).unwrap();
            String::from_utf8_lossy(&mutate(seed.as_bytes(), chance)).into_owned()
        }
    };
    let Ok(statements) = session.parse(&text) else {
        return;
    };
    for statement in statements {
        if session.execute(&statement, &text).is_err() {
            return;
        }
    }
}

/// Statements that are too much.
fn monster(chance: &mut Chance) -> String {
    let many = 1 + chance.below(100_000) as usize;
    match chance.below(8) {
        0 => format!("SELECT {}1{} FROM t", "(".repeat(many), ")".repeat(many)),
        1 => format!(
            "SELECT * FROM t WHERE {}",
            vec!["v = 1"; many / 10 + 1].join(" OR ")
        ),
        2 => format!("SELECT {} FROM t", vec!["v"; many].join("+")),
        3 => format!("SELECT `{}` FROM t", "x".repeat(1 << 20)),
        4 => format!("SELECT {}v FROM t", "- ".repeat(many)),
        5 => format!(
            "SELECT * FROM {}t{}",
            "(SELECT * FROM ".repeat(many / 10 + 1),
            ")".repeat(many / 10 + 1)
        ),
        6 => format!("SELECT {}1 END", "CASE WHEN TRUE THEN ".repeat(many)),
        _ => format!("SELECT ARRAY{}{}", "[".repeat(many), "]".repeat(many)),
    }
}

struct Everything;

impl millstream_sql::Registry for Everything {
    fn connector(&self, name: &str) -> Result<&'static dyn millstream_core::connector::Connector> {
        millstream_connectors::connector(name)
    }

    fn formats(&self) -> millstream_core::format::Formats {
        Arc::new(millstream_formats::format)
    }

    fn check_options(
        &self,
        connector: &dyn millstream_core::connector::Connector,
        table: &millstream_core::table::TableSpec,
    ) -> Result<()> {
        millstream_connectors::check_options(connector, table, &self.formats())
    }
}

/// Things that have broken parsers before.
const TOKENS: &[&str] = &[
    "\0",
    "\u{feff}",
    "\\ud800",
    "\\udc00\\ud800",
    "9223372036854775808",
    "-9223372036854775809",
    "1e999999999",
    "1e-999999999",
    "0.0000000000000000000000000000000000000001",
    "NaN",
    "-Infinity",
    "null",
    "true",
    "\"",
    "'",
    "`",
    "\\",
    "\\u",
    "\\u12",
    ",",
    ";",
    ":",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "[[[[[[[[[[[[[[[[",
    "{\"a\":{\"a\":{\"a\":",
    "/*",
    "*/",
    "--",
    "\u{202e}",
    "\u{1f468}\u{200d}\u{1f469}",
    "9999-99-99 99:99:99",
    "0000-00-00 00:00:00",
    "+275760-09-13 00:00:00.001",
    "2026-02-30",
    "INTERVAL",
    "DISTINCT",
    "NULL",
    "OVER",
    "::",
    "||",
    "%s",
    "$1",
];

/// One to six changes of any kind.
fn mutate(seed: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=chance.below(6) {
        change(&mut bytes, chance);
    }
    bytes
}

/// Damage to a file: mostly a few bits, so that what stands behind checks is reached too.
fn mutate_some(seed: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=chance.below(4) {
        let length = bytes.len() as u64;
        // The end of the file says what is where.
        let from = if chance.happens(0.6) {
            length - length.min(1_200)
        } else {
            0
        };
        let at = chance.between(from, length - 1) as usize;
        match chance.below(8) {
            0 => bytes.truncate(at.max(8)),
            1 => bytes[at] = 0xff,
            2 => {
                let end = (at + 8).min(bytes.len());
                bytes[at..end].fill(0xff);
            }
            3 => drop(bytes.remove(at)),
            _ => bytes[at] ^= 1 << chance.below(8),
        }
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, chance: &mut Chance) {
    let length = bytes.len() as u64;
    let at = chance.below(length + 1) as usize;
    let until = (at + chance.below(20) as usize).min(bytes.len());
    match chance.below(9) {
        0 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
        1 => bytes.insert(at, chance.bits() as u8),
        2 => drop(bytes.drain(at..until)),
        3 => bytes.truncate(at),
        4 => {
            let piece = bytes[at..until].to_vec();
            for _ in 0..=chance.below(200) {
                bytes.splice(at..at, piece.iter().copied());
            }
        }
        5 => {
            let digits = b"0123456789".iter().copied().cycle();
            bytes.splice(at..until, digits.take(chance.below(400) as usize));
        }
        6 => {
            let nested = [b'[', b'{', b'('][chance.below(3) as usize];
            let depth = chance.below(3_000) as usize;
            bytes.splice(at..at, std::iter::repeat_n(nested, depth));
        }
        _ => {
            let token = chance.pick(TOKENS).unwrap_or(&"");
            bytes.splice(at..at, token.bytes());
        }
    }
}
