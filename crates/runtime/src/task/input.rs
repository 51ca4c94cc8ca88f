//! Many inputs become one: merges watermarks, idleness and ends of all lanes. Pure.
//!
//! ```text
//! lane     says                    merged
//! 0        mark 10                 -            lane 1 has not spoken
//! 1        mark 7                  mark 7       the minimum
//! 1        idle                    mark 10      idle lanes are not waited for
//! 0        idle                    idle         everybody is
//! 1        rows                    rows         lane 1 is active again, with its mark of 7
//! 0        end                     -
//! 1        end                     end          the last one
//! ```
//!
//! * Always: a merged watermark never goes back. `EventTime::MAX` is not passed on as a watermark:
//!   it precedes an end, and the end of all lanes says the same.
//! * When the last active lane goes idle, the merged watermark first advances to the largest of
//!   the idle lanes: none of them holds another back any more, whatever the order in which they
//!   became idle (as in Flink's `StatusWatermarkValve`).
//! * A barrier is passed on once every lane has delivered it ([`align`](super::align)).
//! * Cost: O(lanes) per watermark, nothing per batch of rows.

use millstream_core::Result;
use millstream_core::id::Port;
use millstream_core::message::{Barrier, Message};
use millstream_core::rows::ChangeBatch;
use millstream_core::time::EventTime;

use super::align::Align;

/// What the merged input says.
#[derive(Debug)]
pub(crate) enum Step {
    /// Rows of one port.
    Rows(Port, ChangeBatch),
    /// Event time has advanced.
    Watermark(EventTime),
    /// Every lane is idle.
    Idle,
    /// Every lane has ended: the input is complete.
    End,
    /// Every lane has delivered the barrier.
    Barrier(Barrier),
}

/// Merges the lanes of one task.
pub(crate) struct Input {
    lanes: Vec<Lane>,
    watermark: EventTime,
    idle: bool,
    open: usize,
    align: Align,
}

struct Lane {
    port: Port,
    watermark: EventTime,
    state: LaneState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LaneState {
    Active,
    Idle,
    Ended,
}

impl Input {
    /// Merges one lane per entry of `ports`.
    pub(crate) fn new(ports: &[Port]) -> Self {
        let lane = |port: &Port| Lane {
            port: *port,
            watermark: EventTime::MIN,
            state: LaneState::Active,
        };
        Input {
            lanes: ports.iter().map(lane).collect(),
            watermark: EventTime::MIN,
            idle: false,
            open: ports.len(),
            align: Align::new(ports.len()),
        }
    }

    /// Takes a message of one lane and appends what follows from it to `steps`.
    pub(crate) fn step(
        &mut self,
        lane: usize,
        message: Message,
        steps: &mut Vec<Step>,
    ) -> Result<()> {
        match message {
            Message::Rows(batch) => {
                self.wake(lane);
                steps.push(Step::Rows(self.lanes[lane].port, batch));
            }
            Message::Watermark(time) => {
                self.wake(lane);
                let known = &mut self.lanes[lane].watermark;
                *known = (*known).max(time);
                self.advance(steps);
            }
            Message::Idle => {
                if self.lanes[lane].state == LaneState::Active {
                    self.lanes[lane].state = LaneState::Idle;
                    self.settle(steps);
                }
            }
            Message::End => self.end(lane, steps),
            Message::Barrier(barrier) => {
                steps.extend(self.align.step(barrier)?.map(Step::Barrier));
            }
        }
        Ok(())
    }

    fn wake(&mut self, lane: usize) {
        if self.lanes[lane].state == LaneState::Idle {
            self.lanes[lane].state = LaneState::Active;
            self.idle = false;
        }
    }

    fn end(&mut self, lane: usize, steps: &mut Vec<Step>) {
        if self.lanes[lane].state == LaneState::Ended {
            return;
        }
        self.lanes[lane].state = LaneState::Ended;
        self.open -= 1;
        if self.open > 0 {
            self.settle(steps);
        } else {
            steps.push(Step::End);
        }
    }

    /// After a lane has left the active ones: the others may be further, or nobody is left.
    fn settle(&mut self, steps: &mut Vec<Step>) {
        if self
            .lanes
            .iter()
            .any(|lane| lane.state == LaneState::Active)
        {
            self.advance(steps);
            return;
        }
        let idle = self.lanes.iter().filter(|l| l.state == LaneState::Idle);
        let furthest = idle.map(|lane| lane.watermark).max();
        self.pass(furthest, steps);
        if !self.idle {
            self.idle = true;
            steps.push(Step::Idle);
        }
    }

    fn advance(&mut self, steps: &mut Vec<Step>) {
        let active = self.lanes.iter().filter(|l| l.state == LaneState::Active);
        let slowest = active.map(|lane| lane.watermark).min();
        self.pass(slowest, steps);
    }

    fn pass(&mut self, time: Option<EventTime>, steps: &mut Vec<Step>) {
        if let Some(time) = time
            && time > self.watermark
            && time < EventTime::MAX
        {
            self.watermark = time;
            steps.push(Step::Watermark(time));
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use millstream_core::id::CheckpointId;
    use millstream_core::message::Keep;

    use super::*;

    /// Plays lines such as `0 mark 7` and shows the merged steps after each.
    fn check(lanes: usize, script: &str, wanted: Expect) {
        let mut input = Input::new(&vec![Port::ONLY; lanes]);
        let mut shown = String::new();
        for line in script.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let words: Vec<&str> = line.split(' ').collect();
            let message = match words[1] {
                "mark" => Message::Watermark(EventTime(words[2].parse().unwrap())),
                "max" => Message::Watermark(EventTime::MAX),
                "idle" => Message::Idle,
                "end" => Message::End,
                "barrier" => Message::Barrier(Barrier {
                    checkpoint: CheckpointId(words[2].parse().unwrap()),
                    keep: Keep::Nothing,
                    last: false,
                }),
                _ => Message::Rows(crate::testing::rows(&[1])),
            };
            let mut steps = Vec::new();
            let lane = words[0].parse().unwrap();
            input.step(lane, message, &mut steps).unwrap();
            let steps: Vec<String> = steps.iter().map(word).collect();
            shown.push_str(&format!("{line}: {}\n", steps.join(", ")));
        }
        wanted.assert_eq(&shown);
    }

    fn word(step: &Step) -> String {
        match step {
            Step::Rows(..) => "rows".into(),
            Step::Watermark(time) => format!("mark {}", time.0),
            Step::Idle => "idle".into(),
            Step::End => "end".into(),
            Step::Barrier(barrier) => format!("barrier {}", barrier.checkpoint.0),
        }
    }

    #[test]
    fn the_slowest_active_lane_decides_and_time_never_goes_back() {
        check(
            2,
            "
            0 mark 10
            1 mark 7
            1 mark 5
            1 mark 20
            0 mark 15
            ",
            expect![[r#"
                0 mark 10: 
                1 mark 7: mark 7
                1 mark 5: 
                1 mark 20: mark 10
                0 mark 15: mark 15
            "#]],
        );
    }

    #[test]
    fn an_idle_lane_is_not_waited_for_until_it_speaks_again() {
        check(
            2,
            "
            0 mark 10
            1 idle
            1 idle
            0 mark 20
            1 rows
            0 mark 30
            1 mark 25
            ",
            expect![[r#"
                0 mark 10: 
                1 idle: mark 10
                1 idle: 
                0 mark 20: mark 20
                1 rows: rows
                0 mark 30: 
                1 mark 25: mark 25
            "#]],
        );
    }

    #[test]
    fn when_all_are_idle_the_furthest_of_them_counts_once() {
        check(
            2,
            "
            0 mark 10
            1 mark 7
            0 idle
            1 idle
            0 mark 12
            0 idle
            ",
            expect![[r#"
                0 mark 10: 
                1 mark 7: mark 7
                0 idle: 
                1 idle: mark 10, idle
                0 mark 12: mark 12
                0 idle: idle
            "#]],
        );
    }

    #[test]
    fn the_end_of_all_lanes_is_the_end_and_the_last_watermark_is_part_of_it() {
        check(
            2,
            "
            0 mark 10
            0 max
            0 end
            1 mark 7
            1 max
            1 end
            ",
            expect![[r#"
                0 mark 10: 
                0 max: 
                0 end: 
                1 mark 7: mark 7
                1 max: 
                1 end: end
            "#]],
        );
    }

    #[test]
    fn lanes_that_are_left_idle_by_an_end_make_the_input_idle() {
        check(
            2,
            "
            1 idle
            0 max
            0 end
            1 end
            ",
            expect![[r#"
                1 idle: 
                0 max: 
                0 end: idle
                1 end: end
            "#]],
        );
    }

    #[test]
    fn a_barrier_waits_for_every_lane_also_for_those_that_have_ended() {
        check(
            2,
            "
            0 end
            0 barrier 3
            1 mark 7
            1 barrier 3
            1 end
            1 barrier 4
            0 barrier 4
            ",
            expect![[r#"
                0 end: 
                0 barrier 3: 
                1 mark 7: mark 7
                1 barrier 3: barrier 3
                1 end: end
                1 barrier 4: 
                0 barrier 4: barrier 4
            "#]],
        );
    }
}
