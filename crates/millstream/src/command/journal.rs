//! `millstream journal append DIR`: lines of standard input become records of a journal.
//!
//! Each line is acknowledged once it is on disk. What is there already is appended together, so a
//! file goes in with a few fsyncs and a line that is typed is safe at once.

use std::io::{BufRead, BufReader, Read, Stdin};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use millstream_core::clock::SharedClock;
use millstream_core::{Code, Error, Result};
use millstream_state::journal::{Journal, Options, RECORD_MAX, Record};

use super::Ended;
use crate::engine::Engine;
use crate::message;

/// Most lines, and bytes, of one append.
const LINES_MAX: usize = 10_000;
const BYTES_MAX: usize = 1 << 20;
/// How often the count is shown.
const SHOW_EVERY: Duration = Duration::from_secs(1);

/// What to do with a journal.
#[derive(Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Append the lines of standard input, one record each
    Append(AppendArgs),
}

/// `millstream journal append`.
#[derive(Debug, Args)]
pub(crate) struct AppendArgs {
    /// The folder of the journal; made if it is not there
    dir: PathBuf,
    /// The stream the records belong to
    #[arg(long, value_name = "NAME", default_value = "")]
    stream: String,
}

/// Carries out the command.
pub(crate) fn run(command: &JournalCommand) -> Result<Ended> {
    let JournalCommand::Append(args) = command;
    let engine = Engine::new()?;
    let journal = Journal::open(&args.dir, Options::default(), Arc::clone(engine.clock()))?;
    let mut count = Count::new(engine.clock());
    let appended = append(&engine, &journal, &args.stream, &mut count);
    // Said also after an error: these are safe.
    message::note(&count.text());
    appended?;
    engine.block_on(journal.close())?;
    Ok(Ended::Well)
}

fn append(engine: &Engine, journal: &Journal, stream: &str, count: &mut Count) -> Result<()> {
    let mut lines = Lines::new();
    loop {
        let batch = lines.batch()?;
        if batch.is_empty() {
            return Ok(());
        }
        let now_ms = engine.clock().now_ms();
        let record = |line| Record::new(stream, now_ms, line);
        let records: Vec<Record> = batch.into_iter().map(record).collect();
        let done = engine.block_on(journal.append(records))?;
        count.add(&done.sequences);
    }
}

/// The lines of standard input.
struct Lines {
    input: BufReader<Stdin>,
    number: u64,
}

impl Lines {
    fn new() -> Self {
        Lines {
            input: BufReader::with_capacity(256 << 10, std::io::stdin()),
            number: 0,
        }
    }

    /// The next lines: at least one, then as many as are there without waiting. None at the end.
    fn batch(&mut self) -> Result<Vec<Vec<u8>>> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(line) = self.line()? {
            bytes += line.len();
            batch.push(line);
            let more = self.input.buffer().contains(&b'\n');
            if !more || batch.len() >= LINES_MAX || bytes >= BYTES_MAX {
                break;
            }
        }
        Ok(batch)
    }

    /// The next line, without its line break.
    fn line(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let most = RECORD_MAX as u64;
        let read = self.input.by_ref().take(most).read_until(b'\n', &mut line);
        read.map_err(|error| {
            Error::new(Code::Read, "cannot read standard input").caused_by(error)
        })?;
        if line.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        } else if line.len() == RECORD_MAX {
            return Err(Error::new(
                Code::BadRecord,
                format!(
                    "line {} has more bytes than a record may have, wanted less than {RECORD_MAX}",
                    self.number
                ),
            ));
        }
        Ok(Some(line))
    }
}

/// How many lines are on disk.
struct Count {
    clock: SharedClock,
    shown: Duration,
    lines: u64,
    /// First and last sequence.
    range: Option<(u64, u64)>,
}

impl Count {
    fn new(clock: &SharedClock) -> Self {
        Count {
            shown: clock.elapsed(),
            clock: Arc::clone(clock),
            lines: 0,
            range: None,
        }
    }

    fn add(&mut self, sequences: &[u64]) {
        self.lines += sequences.len() as u64;
        for sequence in sequences {
            let (first, _) = self.range.unwrap_or((*sequence, *sequence));
            self.range = Some((first, *sequence));
        }
        let now = self.clock.elapsed();
        if now.saturating_sub(self.shown) >= SHOW_EVERY {
            self.shown = now;
            message::note(&self.text());
        }
    }

    fn text(&self) -> String {
        match self.range {
            None => "acknowledged 0 lines".to_owned(),
            Some((first, last)) => format!(
                "acknowledged {} lines: records {first} to {last}",
                self.lines
            ),
        }
    }
}
