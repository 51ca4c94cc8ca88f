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
//! | `end` | the input ends: last watermark, then `on_end` |
//! | `-- …` | a comment |
//!
//! Neighbouring rows form one batch, cut to the runner's batch size. What comes out:
//! `+I v v …`, `late v v …`, `bad MS2002 v v …`, `mark 12s`, `mark end`, `idle`, `error MS… text`.

use arrow::array::UInt8Array;
use arrow::datatypes::SchemaRef;
use millstream_core::Result;
use millstream_core::id::{Port, SplitId};
use millstream_core::operator::{Emission, Operator, Output, SplitEvent};
use millstream_core::rows::{ChangeBatch, RowKind};
use millstream_core::time::EventTime;

use crate::values::{batch, millis, millis_text, row_text, tokens};

/// Runs scripts against operators whose inputs all have the same columns.
#[derive(Clone, Debug)]
pub struct Script {
    schema: SchemaRef,
    batch_rows: usize,
}

/// A run of a script.
struct Run<'a> {
    script: &'a Script,
    operator: &'a mut dyn Operator,
    out: Output,
    timer: Option<i64>,
    rows: Vec<(RowKind, Vec<String>)>,
    split: Option<SplitId>,
    port: Port,
    text: String,
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

    /// Does what the lines of `text` say; returns what the operator did, a line each.
    ///
    /// Processing time starts at 0. An error of the operator is the last line.
    ///
    /// # Panics
    /// If a line is not of the language.
    pub fn run(&self, operator: &mut dyn Operator, text: &str) -> String {
        let mut run = Run {
            script: self,
            operator,
            out: Output::new(0),
            timer: None,
            rows: Vec::new(),
            split: None,
            port: Port::ONLY,
            text: String::new(),
        };
        for line in text.lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with("--") {
                continue;
            }
            if let Err(error) = run.line(line) {
                return run.fail(&error);
            }
        }
        match run.flush() {
            Ok(()) => run.text,
            Err(error) => run.fail(&error),
        }
    }
}

impl Run<'_> {
    fn line(&mut self, line: &str) -> Result<()> {
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
            return Ok(());
        }
        self.flush()?;
        self.event(word, rest.trim(), line)
    }

    fn event(&mut self, word: &str, rest: &str, line: &str) -> Result<()> {
        match word {
            "cut" => Ok(()),
            "from" => {
                self.split = rest.parse().ok().map(SplitId);
                Ok(())
            }
            "port" => {
                self.port = Port(number(rest, line));
                Ok(())
            }
            "mark" if rest == "end" => self.mark(EventTime::MAX),
            "mark" => self.mark(EventTime(time(rest, line))),
            "idle" => self.call(|operator, out| operator.on_idle(out)),
            "split" => self.split_event(rest, line),
            "time" => self.time(time(rest, line)),
            "end" => {
                self.mark(EventTime::MAX)?;
                self.call(|operator, out| operator.on_end(out))
            }
            _ => panic!("'{line}' is not a line of a script"),
        }
    }

    fn mark(&mut self, time: EventTime) -> Result<()> {
        self.call(|operator, out| operator.on_watermark(time, out))
    }

    fn split_event(&mut self, rest: &str, line: &str) -> Result<()> {
        let (split, event) = rest.split_once(' ').unwrap_or((rest, ""));
        let split = SplitId(number(split, line));
        let event = match event.trim() {
            "assigned" => SplitEvent::Assigned,
            "idle" => SplitEvent::Idle,
            "finished" => SplitEvent::Finished,
            _ => panic!("'{line}' wants assigned, idle or finished"),
        };
        self.call(|operator, out| operator.on_split(split, event, out))
    }

    /// Lets processing time pass, stopping at each timer.
    fn time(&mut self, until: i64) -> Result<()> {
        while let Some(timer) = self.timer.filter(|&timer| timer <= until) {
            self.timer = None;
            self.out.set_now_ms(timer.max(self.out.now_ms()));
            self.call(|operator, out| operator.on_timer(out))?;
        }
        self.out.set_now_ms(until);
        Ok(())
    }

    /// Hands the rows read so far to the operator.
    fn flush(&mut self) -> Result<()> {
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
            let port = self.port;
            self.call(|operator, out| operator.on_rows(port, changes, out))?;
        }
        Ok(())
    }

    fn call(
        &mut self,
        action: impl FnOnce(&mut dyn Operator, &mut Output) -> Result<()>,
    ) -> Result<()> {
        let result = action(self.operator, &mut self.out);
        for emission in self.out.take() {
            self.show(&emission);
        }
        if let Some(timer) = self.out.take_wake_at() {
            self.timer = Some(self.timer.map_or(timer, |earlier| earlier.min(timer)));
        }
        result
    }

    fn show(&mut self, emission: &Emission) {
        match emission {
            Emission::Rows(rows) => {
                for row in 0..rows.num_rows() {
                    let values = row_text(rows.rows(), row);
                    self.say(&format!("{} {values}", rows.kind(row).as_str()));
                }
            }
            Emission::Watermark(time) if *time == EventTime::MAX => self.say("mark end"),
            Emission::Watermark(time) => self.say(&format!("mark {}", millis_text(time.0))),
            Emission::Idle => self.say("idle"),
            Emission::Late(late) => {
                for row in 0..late.rows.num_rows() {
                    self.say(&format!("late {}", row_text(late.rows.rows(), row)));
                }
            }
            Emission::Bad(bad) => {
                for row in 0..bad.rows.num_rows() {
                    let values = row_text(bad.rows.rows(), row);
                    self.say(&format!("bad {} {values}", bad.code.as_str()));
                }
            }
        }
    }

    fn say(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn fail(mut self, error: &millstream_core::Error) -> String {
        self.say(&format!(
            "error {} {}",
            error.code().as_str(),
            error.message()
        ));
        self.text
    }
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
