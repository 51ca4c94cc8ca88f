//! The script language: one line is one thing that happens to an operator.
//!
//! | line | what happens |
//! |---|---|
//! | `row v v …` | an inserted row ([`crate::values`]) |
//! | `+I`, `-U`, `+U`, `-D` `v v …` | a row of that kind |
//! | `from 2`, `from -` | the rows below were read from split 2, from none |
//! | `port 1` | the rows below arrive at input 1 |
//! | `cut` | the batch ends here |
//! | `mark 12s` | the merged watermark of the inputs advances |
//! | `idle` | all inputs are idle |
//! | `split 2 assigned`, `idle`, `finished` | a split of the source changes |
//! | `time 5s` | processing time advances; timers due by then go off, in order |
//! | `checkpoint`, `checkpoint full` | a snapshot of what has changed, of everything |
//! | `restart` | the operator is lost; another goes on from the last checkpoint |
//! | `end` | the input ends: last watermark, then `on_end` |
//! | `-- …` | a comment |
//!
//! Neighbouring rows form one batch, cut to the runner's batch size. What comes out:
//! `+I v v …`, `late v v …`, `bad MS2002 v v …`, `mark 12s`, `mark end`, `idle`, `error MS… text`.
//! Nothing that happened after the last checkpoint happens again after a `restart`.

use arrow::array::UInt8Array;
use arrow::datatypes::SchemaRef;
use millstream_core::Result;
use millstream_core::id::{Port, SplitId};
use millstream_core::operator::{Operator, SplitEvent};
use millstream_core::rows::{ChangeBatch, RowKind};
use millstream_core::time::EventTime;

use crate::driver::Driver;
use crate::state::MemoryState;
use crate::values::{batch, millis, tokens};

/// Key groups of the state of a script.
pub const KEY_GROUPS: u32 = 128;

/// Makes an operator; called again after each loss of it.
pub type Make<'a> = &'a dyn Fn() -> Box<dyn Operator>;

/// Runs scripts against operators whose inputs all have the same columns.
#[derive(Clone, Debug)]
pub struct Script {
    schema: SchemaRef,
    batch_rows: usize,
}

/// One thing that happens to an operator.
#[derive(Clone, Debug)]
pub enum Event {
    /// Rows of an input.
    Rows(Port, ChangeBatch),
    /// The merged watermark has advanced.
    Mark(EventTime),
    /// All inputs are idle.
    Idle,
    /// A split has changed.
    Split(SplitId, SplitEvent),
    /// Processing time has advanced.
    Time(i64),
    /// The input has ended.
    End,
    /// A snapshot; `true`: of everything.
    Checkpoint(bool),
    /// The operator is lost and goes on from the last checkpoint.
    Restart,
}

/// Reads lines.
struct Parser<'a> {
    script: &'a Script,
    rows: Vec<(RowKind, Vec<String>)>,
    split: Option<SplitId>,
    port: Port,
    events: Vec<Event>,
}

impl Script {
    /// Scripts whose rows have these columns.
    pub fn new(schema: SchemaRef) -> Self {
        Script {
            schema,
            batch_rows: usize::MAX,
        }
    }

    /// Cuts batches to at most so many rows.
    #[must_use]
    pub fn batch_rows(mut self, batch_rows: usize) -> Self {
        self.batch_rows = batch_rows.max(1);
        self
    }

    /// What the lines of `text` say, in order.
    ///
    /// # Panics
    /// If a line is not of the language.
    pub fn events(&self, text: &str) -> Vec<Event> {
        let mut parser = Parser {
            script: self,
            rows: Vec::new(),
            split: None,
            port: Port::ONLY,
            events: Vec::new(),
        };
        for line in text.lines() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with("--") {
                parser.line(line);
            }
        }
        parser.flush();
        parser.events
    }

    /// Does what the lines of `text` say; returns what the operator did, a line each.
    ///
    /// Processing time starts at 0. An error of the operator is the last line.
    ///
    /// # Panics
    /// If a line is not of the language, or if a restart is wanted: see [`Script::run_made`].
    pub fn run(&self, operator: &mut dyn Operator, text: &str) -> String {
        let (mut driver, mut state) = (Driver::new(), MemoryState::new(KEY_GROUPS));
        for event in self.events(text) {
            assert!(
                !matches!(event, Event::Restart),
                "a restart wants an operator to be made"
            );
            if let Err(error) = step(operator, &event, &mut driver, &mut state) {
                driver.fail(&error);
                break;
            }
        }
        driver.text()
    }

    /// As [`Script::run`], making the operator at the start and at each `restart`.
    ///
    /// # Panics
    /// If a line is not of the language.
    pub fn run_made(&self, make: Make<'_>, text: &str) -> String {
        let (mut driver, mut state) = (Driver::new(), MemoryState::new(KEY_GROUPS));
        let mut operator = make();
        for event in self.events(text) {
            let done = match event {
                Event::Restart => {
                    operator = make();
                    let restored = state.restore(operator.as_mut(), 0, 1);
                    restored.and_then(|()| driver.restarted(operator.as_mut()))
                }
                event => step(operator.as_mut(), &event, &mut driver, &mut state),
            };
            if let Err(error) = done {
                driver.fail(&error);
                break;
            }
        }
        driver.text()
    }
}

fn step(
    operator: &mut dyn Operator,
    event: &Event,
    driver: &mut Driver,
    state: &mut MemoryState,
) -> Result<()> {
    match event {
        Event::Checkpoint(is_full) => state.checkpoint(&mut [operator], *is_full),
        event => driver.feed(operator, event),
    }
}

impl Parser<'_> {
    fn line(&mut self, line: &str) {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let kind = match word {
            "row" | "+I" => Some(RowKind::Insert),
            "-U" => Some(RowKind::UpdateBefore),
            "+U" => Some(RowKind::UpdateAfter),
            "-D" => Some(RowKind::Delete),
            _ => None,
        };
        if let Some(kind) = kind {
            self.rows.push((kind, tokens(rest)));
            return;
        }
        self.flush();
        self.event(word, rest.trim(), line);
    }

    fn event(&mut self, word: &str, rest: &str, line: &str) {
        let event = match word {
            "cut" => return,
            "from" => {
                self.split = rest.parse().ok().map(SplitId);
                return;
            }
            "port" => {
                self.port = Port(number(rest, line));
                return;
            }
            "mark" if rest == "end" => Event::Mark(EventTime::MAX),
            "mark" => Event::Mark(EventTime(time(rest, line))),
            "idle" => Event::Idle,
            "split" => split_event(rest, line),
            "time" => Event::Time(time(rest, line)),
            "checkpoint" => Event::Checkpoint(rest == "full"),
            "restart" => Event::Restart,
            "end" => Event::End,
            _ => panic!("'{line}' is not a line of a script"),
        };
        self.events.push(event);
    }

    /// Makes batches of the rows read so far.
    fn flush(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        let size = self.script.batch_rows.min(rows.len().max(1));
        for rows in rows.chunks(size) {
            let values: Vec<Vec<String>> = rows.iter().map(|(_, values)| values.clone()).collect();
            let columns = batch(&self.script.schema, &values);
            let kinds = rows.iter().map(|(kind, _)| *kind as u8);
            let changes = if rows.iter().all(|(kind, _)| *kind == RowKind::Insert) {
                ChangeBatch::inserts(columns)
            } else {
                ChangeBatch::with_kinds(columns, UInt8Array::from_iter_values(kinds))
            };
            let changes = match self.split {
                Some(split) => changes.from_split(split),
                None => changes,
            };
            self.events.push(Event::Rows(self.port, changes));
        }
    }
}

fn split_event(rest: &str, line: &str) -> Event {
    let (split, event) = rest.split_once(' ').unwrap_or((rest, ""));
    let event = match event.trim() {
        "assigned" => SplitEvent::Assigned,
        "idle" => SplitEvent::Idle,
        "finished" => SplitEvent::Finished,
        _ => panic!("'{line}' wants assigned, idle or finished"),
    };
    Event::Split(SplitId(number(split, line)), event)
}

fn time(text: &str, line: &str) -> i64 {
    millis(text).unwrap_or_else(|| panic!("'{line}' wants a time such as 3s"))
}

fn number(text: &str, line: &str) -> u32 {
    text.trim()
        .parse()
        .unwrap_or_else(|_| panic!("'{line}' wants a number"))
}

#[cfg(test)]
mod tests;
