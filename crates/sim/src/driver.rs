//! Calls an operator as its task would, and writes down what it puts out.

use millstream_core::operator::{Emission, Operator, Output};
use millstream_core::time::EventTime;
use millstream_core::{Error, Result};

use crate::script::Event;
use crate::values::{millis_text, row_text};

/// The task of an operator: its processing time, its timer, and the lines it has put out.
#[derive(Debug)]
pub(crate) struct Driver {
    out: Output,
    timer: Option<i64>,
    lines: Vec<String>,
    /// The last watermark that was put out.
    pub(crate) mark: EventTime,
}

impl Driver {
    /// Processing time 0, and nothing put out.
    pub(crate) fn new() -> Self {
        Driver {
            out: Output::new(0),
            timer: None,
            lines: Vec::new(),
            mark: EventTime::MIN,
        }
    }

    /// A task that starts at this processing time.
    pub(crate) fn at(now_ms: i64) -> Self {
        let mut driver = Driver::new();
        driver.out.set_now_ms(now_ms);
        driver
    }

    /// Processing time.
    pub(crate) fn now_ms(&self) -> i64 {
        self.out.now_ms()
    }

    /// Lets an event happen; checkpoints and restarts are somebody else's.
    pub(crate) fn feed(&mut self, operator: &mut dyn Operator, event: &Event) -> Result<()> {
        match event {
            Event::Rows(port, rows) => self.call(|out| operator.on_rows(*port, rows.clone(), out)),
            Event::Mark(time) => self.call(|out| operator.on_watermark(*time, out)),
            Event::Idle => self.call(|out| operator.on_idle(out)),
            Event::Split(split, event) => self.call(|out| operator.on_split(*split, *event, out)),
            Event::Time(until) => self.pass_time(operator, *until),
            Event::End => {
                self.call(|out| operator.on_watermark(EventTime::MAX, out))?;
                self.call(|out| operator.on_end(out))
            }
            Event::Checkpoint(_) | Event::Restart => Err(Error::internal(
                "a checkpoint is not an event of an operator",
            )),
        }
    }

    /// The operator is another one, restored: it may set its timer and say what it has to.
    pub(crate) fn restarted(&mut self, operator: &mut dyn Operator) -> Result<()> {
        self.timer = None;
        self.mark = EventTime::MIN;
        self.call(|out| operator.on_timer(out))
    }

    /// Lets processing time pass, stopping at each timer.
    fn pass_time(&mut self, operator: &mut dyn Operator, until: i64) -> Result<()> {
        while let Some(timer) = self.timer.filter(|&timer| timer <= until) {
            self.timer = None;
            self.out.set_now_ms(timer.max(self.out.now_ms()));
            self.call(|out| operator.on_timer(out))?;
        }
        self.out.set_now_ms(until);
        Ok(())
    }

    fn call(&mut self, action: impl FnOnce(&mut Output) -> Result<()>) -> Result<()> {
        let result = action(&mut self.out);
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
            Emission::Watermark(time) => {
                self.mark = self.mark.max(*time);
                match *time {
                    EventTime::MAX => self.say("mark end"),
                    EventTime(ms) => self.say(&format!("mark {}", millis_text(ms))),
                }
            }
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
        self.lines.push(line.trim_end().to_owned());
    }

    /// Puts out an error.
    pub(crate) fn fail(&mut self, error: &Error) {
        let line = format!("error {} {}", error.code().as_str(), error.message());
        self.say(&line);
    }

    /// Takes what was put out since the last call.
    pub(crate) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    /// All that was put out.
    pub(crate) fn text(self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}
