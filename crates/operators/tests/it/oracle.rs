//! Window aggregates against a naive implementation, with random rows and watermarks.
//!
//! The naive one keeps every row of every window in a list and does what the rules say, one row at
//! a time: no slices, no shared state, no vectors.

use std::collections::BTreeSet;
use std::fmt::Write;

use millstream_plan::Window;
use millstream_sim::values::millis_text;
use proptest::prelude::*;

use crate::support::{run, settled, spec};

#[derive(Clone, Debug)]
enum Step {
    Row {
        name: Option<u8>,
        value: Option<i32>,
        time: i64,
    },
    Mark(i64),
}

/// The rows of one window of one key.
struct Pane {
    name: Option<u8>,
    start: i64,
    end: i64,
    values: Vec<Option<i32>>,
}

struct Naive {
    window: Window,
    panes: Vec<Pane>,
    watermark: i64,
    text: String,
}

impl Naive {
    fn run(window: &Window, steps: &[Step]) -> String {
        let mut naive = Naive {
            window: window.clone(),
            panes: Vec::new(),
            watermark: i64::MIN,
            text: String::new(),
        };
        for step in steps {
            match step {
                Step::Row { name, value, time } => naive.row(*name, *value, *time),
                Step::Mark(time) => naive.mark(*time, &millis_text(*time)),
            }
        }
        naive.mark(i64::MAX, "end");
        naive.text
    }

    fn row(&mut self, name: Option<u8>, value: Option<i32>, time: i64) {
        let open = match self.window {
            Window::Session { gap } => self.join_session(name, value, time, gap),
            _ => self.add_to_windows(name, value, time),
        };
        if !open {
            let line = row_line("late", name, value, time);
            self.text.push_str(&line);
        }
    }

    /// Adds the row to its open windows; false if there is none.
    fn add_to_windows(&mut self, name: Option<u8>, value: Option<i32>, time: i64) -> bool {
        let mut open = false;
        for (start, end) in windows_of(&self.window, time) {
            if end - 1 <= self.watermark {
                continue;
            }
            open = true;
            let mut panes = self.panes.iter_mut();
            match panes.find(|p| p.name == name && p.start == start && p.end == end) {
                Some(pane) => pane.values.push(value),
                None => self.panes.push(Pane {
                    name,
                    start,
                    end,
                    values: vec![value],
                }),
            }
        }
        open
    }

    fn join_session(&mut self, name: Option<u8>, value: Option<i32>, time: i64, gap: i64) -> bool {
        let mut session = Pane {
            name,
            start: time,
            end: time + gap,
            values: vec![value],
        };
        let (joined, others): (Vec<Pane>, Vec<Pane>) = std::mem::take(&mut self.panes)
            .into_iter()
            .partition(|p| p.name == name && p.start <= session.end && session.start <= p.end);
        self.panes = others;
        for pane in joined {
            session.start = session.start.min(pane.start);
            session.end = session.end.max(pane.end);
            session.values.extend(pane.values);
        }
        let open = session.end - 1 > self.watermark;
        if open {
            self.panes.push(session);
        }
        open
    }

    fn mark(&mut self, time: i64, shown: &str) {
        self.watermark = time;
        let (fired, open): (Vec<Pane>, Vec<Pane>) = std::mem::take(&mut self.panes)
            .into_iter()
            .partition(|pane| pane.end - 1 <= time);
        self.panes = open;
        for pane in fired {
            let values: Vec<i32> = pane.values.iter().flatten().copied().collect();
            let sum = match values.as_slice() {
                [] => "null".to_owned(),
                values => values.iter().sum::<i32>().to_string(),
            };
            writeln!(
                self.text,
                "+I {} {} {sum} {} {} {}",
                name_text(pane.name),
                pane.values.len(),
                values.iter().collect::<BTreeSet<_>>().len(),
                millis_text(pane.start),
                millis_text(pane.end)
            )
            .unwrap();
        }
        writeln!(self.text, "mark {shown}").unwrap();
    }
}

/// All windows that contain a time, found by looking at every bound around it.
fn windows_of(window: &Window, time: i64) -> Vec<(i64, i64)> {
    let (step, size, offset, grows) = match *window {
        Window::Tumble { size, offset } => (size, size, offset, false),
        Window::Hop {
            slide,
            size,
            offset,
        } => (slide, size, offset, false),
        Window::Cumulate { step, size, offset } => (step, size, offset, true),
        _ => unreachable!("sessions are joined"),
    };
    let mut windows = Vec::new();
    for bound in -2000..2000 {
        let at = bound * step + offset;
        if !grows {
            if at <= time && time < at + size {
                windows.push((at, at + size));
            }
        } else if bound % (size / step) == 0 {
            for grown in 1..=size / step {
                if at <= time && time < at + grown * step {
                    windows.push((at, at + grown * step));
                }
            }
        }
    }
    windows
}

fn name_text(name: Option<u8>) -> String {
    name.map_or("null".into(), |name| format!("n{name}"))
}

fn row_line(word: &str, name: Option<u8>, value: Option<i32>, time: i64) -> String {
    let value = value.map_or("null".into(), |value| value.to_string());
    format!("{word} {} {value} {}\n", name_text(name), millis_text(time))
}

fn script(steps: &[Step]) -> String {
    let lines = steps.iter().map(|step| match step {
        Step::Row { name, value, time } => row_line("row", *name, *value, *time),
        Step::Mark(time) => format!("mark {}\n", millis_text(*time)),
    });
    lines.chain(["end".to_owned()]).collect()
}

/// Rows around a time that advances, some far behind it, and rising watermarks.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let row = (
        prop::option::weighted(0.9, 0u8..4),
        prop::option::weighted(0.9, 0i32..5),
        -40i64..60,
    );
    let step = (0i64..12, prop::bool::weighted(0.2), row);
    prop::collection::vec(step, 1..120).prop_map(|steps| {
        let mut now = -100;
        let mut watermark = i64::MIN;
        let mut out = Vec::new();
        for (advance, is_mark, (name, value, offset)) in steps {
            now += advance;
            let jump = if advance == 11 { 400 } else { 0 };
            if is_mark && now + jump > watermark {
                watermark = now + jump;
                out.push(Step::Mark(watermark));
            } else {
                out.push(Step::Row {
                    name,
                    value,
                    time: now + offset,
                });
            }
        }
        out
    })
}

fn agrees(window: &Window, steps: &[Step]) -> Result<(), TestCaseError> {
    let wanted = settled(&Naive::run(window, steps));
    for (batch_rows, result_rows) in [(1, 8192), (3, 2), (8192, 3)] {
        let found = run(
            &spec(window.clone()),
            false,
            batch_rows,
            result_rows,
            &script(steps),
        );
        prop_assert_eq!(&wanted, &settled(&found), "batches of {}", batch_rows);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tumble_agrees_with_the_naive_one(steps in steps(), size in 1i64..40, offset in -50i64..50) {
        agrees(&Window::Tumble { size, offset }, &steps)?;
    }

    #[test]
    fn hop_agrees_with_the_naive_one(
        steps in steps(),
        slide in 1i64..10,
        times in 1i64..40,
        offset in -50i64..50,
    ) {
        agrees(&Window::Hop { slide, size: slide * times, offset }, &steps)?;
    }

    #[test]
    fn cumulate_agrees_with_the_naive_one(
        steps in steps(),
        step in 1i64..10,
        times in 1i64..12,
        offset in -50i64..50,
    ) {
        agrees(&Window::Cumulate { step, size: step * times, offset }, &steps)?;
    }

    #[test]
    fn session_agrees_with_the_naive_one(steps in steps(), gap in 1i64..30) {
        agrees(&Window::Session { gap }, &steps)?;
    }
}
