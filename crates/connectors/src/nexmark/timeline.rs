//! When events happen: event number → event time, by rates that may change over a period.
//!
//! ```text
//! SQUARE   first ────┐      ┌────      SINE   10 steps along first ⌒ next ⌣ first
//!          next      └──────┘          (both repeat after rate.period; equal rates: one line)
//!               period / 2
//! ```
//!
//! Within a step of rate `r`, event `i` of the step happens `i * 1000 / r` ms (rounded down) after
//! the step's beginning: whole numbers only, no drift, and no rounding to a whole number of
//! microseconds between events, which would turn 3,000,000 events/s into 3,030,303.
//!
//! * Always: a later event never has an earlier time.
//! * Cost: three divisions per run of events, an addition and a comparison per event.
//! * Source: the steps are Apache Beam's Nexmark `RateShape`.

use millstream_core::time::EventTime;

/// The most events a source makes; keeps all arithmetic far from overflow. At ten million events
/// a second this lasts three years.
pub(super) const EVENTS_MAX: u64 = 1_000_000_000_000_000;

/// Beam's ten steps of a sine: cos(2πi/10), written down so that every machine agrees.
const COSINES: [f64; 10] = [
    1.0,
    0.809_016_994_374_947_4,
    0.309_016_994_374_947_4,
    -0.309_016_994_374_947_4,
    -0.809_016_994_374_947_4,
    -1.0,
    -0.809_016_994_374_947_4,
    -0.309_016_994_374_947_4,
    0.309_016_994_374_947_4,
    0.809_016_994_374_947_4,
];

/// How the rate goes from the first to the next and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Half a period at each rate.
    Square,
    /// Ten steps along a cosine.
    Sine,
}

/// The event times of all events, relative to the first.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    steps: Vec<Step>,
    period_ms: u64,
    period_events: u64,
}

#[derive(Clone, Debug)]
struct Step {
    rate: u64,
    events: u64,
    start_ms: u64,
}

/// Where an event lies.
struct Place {
    rate: u64,
    /// Events of the step before it.
    index: u64,
    /// Events of the step from it on.
    left: u64,
    /// When the step begins.
    start_ms: u64,
}

impl Timeline {
    /// `rate` events per second for ever.
    pub(super) fn steady(rate: u64) -> Self {
        Timeline {
            steps: vec![Step {
                rate: rate.max(1),
                events: u64::MAX,
                start_ms: 0,
            }],
            period_ms: 0,
            period_events: u64::MAX,
        }
    }

    /// A rate between `first` and `next` events per second that repeats after `period_ms`;
    /// `None` if no event falls into the period.
    pub(super) fn shaped(first: u64, next: u64, shape: Shape, period_ms: u64) -> Option<Self> {
        if first == next {
            return Some(Self::steady(first));
        }
        let rates: Vec<u64> = match shape {
            Shape::Square => vec![first, next],
            Shape::Sine => COSINES.map(|cos| along(first, next, cos)).to_vec(),
        };
        let step_ms = period_ms / rates.len() as u64;
        let steps: Vec<Step> = (0..)
            .zip(&rates)
            .map(|(i, rate)| Step {
                rate: (*rate).max(1),
                events: rate.saturating_mul(step_ms) / 1000,
                start_ms: i * step_ms,
            })
            .collect();
        let period_events = steps.iter().map(|step| step.events).sum();
        (period_events > 0).then_some(Timeline {
            period_ms: step_ms * steps.len() as u64,
            period_events,
            steps,
        })
    }

    /// Milliseconds from the first event to event number `event`.
    pub(super) fn offset_ms(&self, event: u64) -> u64 {
        let place = self.place(event);
        place.start_ms + place.index * 1000 / place.rate
    }

    /// How many events happen within the first `elapsed_ms`, that millisecond included.
    pub(super) fn events_until(&self, elapsed_ms: u64) -> u64 {
        let (mut known, mut beyond) = (0, EVENTS_MAX);
        while known < beyond {
            let middle = known + (beyond - known) / 2;
            if self.offset_ms(middle) <= elapsed_ms {
                known = middle + 1;
            } else {
                beyond = middle;
            }
        }
        known
    }

    /// Event times, in ms, of the consecutive events from `first` on.
    pub(super) fn fill(&self, base: EventTime, first: u64, times: &mut [i64]) {
        let mut event = first;
        let mut rest = times;
        while !rest.is_empty() {
            let place = self.place(event);
            let here = rest
                .len()
                .min(usize::try_from(place.left).unwrap_or(usize::MAX));
            let (now, later) = rest.split_at_mut(here);
            place.fill(base, now);
            event += here as u64;
            rest = later;
        }
    }

    fn place(&self, event: u64) -> Place {
        let period = event / self.period_events;
        let mut index = event % self.period_events;
        let last = self.steps.len() - 1;
        let mut at = 0;
        while at < last && index >= self.steps[at].events {
            index -= self.steps[at].events;
            at += 1;
        }
        let step = &self.steps[at];
        Place {
            rate: step.rate,
            index,
            left: step.events - index,
            start_ms: period * self.period_ms + step.start_ms,
        }
    }
}

impl Place {
    fn fill(&self, base: EventTime, times: &mut [i64]) {
        let scaled = self.index * 1000;
        let (whole, part) = ((1000 / self.rate) as i64, 1000 % self.rate);
        let mut time = base.0 + (self.start_ms + scaled / self.rate) as i64;
        let mut over = scaled % self.rate;
        for slot in times {
            *slot = time;
            over += part;
            let carry = over >= self.rate;
            over -= if carry { self.rate } else { 0 };
            time += whole + i64::from(carry);
        }
    }
}

fn along(first: u64, next: u64, cos: f64) -> u64 {
    let (first, next) = (first as f64, next as f64);
    ((first + next) / 2.0 + (first - next) / 2.0 * cos).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(timeline: &Timeline, events: u64) {
        for chunk in [1, 7, 46, 5_000] {
            let mut times = vec![0; events as usize];
            let mut first = 0;
            for part in times.chunks_mut(chunk) {
                timeline.fill(EventTime(500), first, part);
                first += part.len() as u64;
            }
            for (event, time) in (0..).zip(&times) {
                assert_eq!(*time, 500 + timeline.offset_ms(event) as i64);
            }
            assert!(times.is_sorted());
        }
    }

    #[test]
    fn a_steady_rate_does_not_drift() {
        for rate in [1, 3, 999, 1000, 1001, 10_000, 3_000_000, 1_000_000_000] {
            let timeline = Timeline::steady(rate);
            check(&timeline, 3_000);
            assert_eq!(timeline.offset_ms(rate * 1_000_000), 1_000_000_000);
        }
    }

    #[test]
    fn a_square_wave_changes_its_rate_every_half_period() {
        let timeline = Timeline::shaped(10, 1_000, Shape::Square, 10_000).unwrap();
        check(&timeline, 12_000);
        assert_eq!(timeline.offset_ms(49), 4_900);
        assert_eq!(timeline.offset_ms(50), 5_000);
        assert_eq!(timeline.offset_ms(51), 5_001);
        assert_eq!(timeline.offset_ms(5_050), 10_000, "the period begins anew");
        assert_eq!(timeline.offset_ms(5_051), 10_100);
    }

    #[test]
    fn a_sine_wave_goes_from_the_first_rate_to_the_next_and_back() {
        let timeline = Timeline::shaped(10, 1_000, Shape::Sine, 10_000).unwrap();
        check(&timeline, 12_000);
        let rates: Vec<u64> = timeline.steps.iter().map(|step| step.rate).collect();
        assert_eq!(rates, [10, 105, 352, 658, 905, 1000, 905, 658, 352, 105]);
    }

    #[test]
    fn a_period_without_an_event_is_refused() {
        assert!(Timeline::shaped(1, 2, Shape::Square, 100).is_none());
        assert!(Timeline::shaped(1, 2, Shape::Sine, 0).is_none());
    }

    #[test]
    fn the_number_of_due_events_is_the_inverse_of_the_time() {
        for timeline in [
            Timeline::steady(3),
            Timeline::steady(70_000),
            Timeline::shaped(10, 1_000, Shape::Square, 10_000).unwrap(),
        ] {
            for elapsed in [0, 1, 333, 334, 4_999, 5_000, 60_000] {
                let due = timeline.events_until(elapsed);
                assert!(timeline.offset_ms(due - 1) <= elapsed);
                assert!(timeline.offset_ms(due) > elapsed);
            }
        }
        assert_eq!(Timeline::steady(1).events_until(u64::MAX), EVENTS_MAX);
    }

    #[test]
    fn the_last_possible_event_has_a_time() {
        let last = EVENTS_MAX - 1;
        assert_eq!(Timeline::steady(1).offset_ms(last), last * 1000);
        let mut time = [0];
        Timeline::steady(1).fill(EventTime(253_402_300_799_999), last, &mut time);
        assert!(time[0] > 0);
    }
}
