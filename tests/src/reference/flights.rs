//! What `examples/flights/delays.sql` must print: delays per airport and day, and the late rows.
//!
//! The event time of a flight is its departure, or the scheduled one if it was cancelled. After
//! each row the watermark is the largest event time so far less two hours; a row is judged by the
//! watermark before it.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{is_late, root, rounded, time, window_start};

const DAY_MS: i64 = 86_400_000;
const WATERMARK_DELAY_MS: i64 = 2 * 3_600_000;
/// A departure later than this counts as delayed.
const DELAYED_MINUTES: i64 = 15;

/// Everything the query says about one file of flights.
#[derive(Debug, Default)]
pub struct Delays {
    /// By start of the day and airport.
    pub days: BTreeMap<(i64, String), Day>,
    /// In the order of the file.
    pub late: Vec<Late>,
}

/// One airport on one day.
#[derive(Debug, Default)]
pub struct Day {
    flights: i64,
    departed: i64,
    delayed: i64,
    delay_sum: i64,
    delay_max: Option<i64>,
}

/// A flight that came after its day was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Late {
    /// Number of the flight in the data.
    pub id: i64,
    /// The airport.
    pub origin: String,
    /// Its event time in ms.
    pub event_time_ms: i64,
    /// The watermark it was behind, in ms.
    pub watermark_ms: i64,
}

struct Flight {
    id: i64,
    origin: String,
    departure_ms: Option<i64>,
    delay_minutes: Option<i64>,
    event_time_ms: i64,
}

/// Computes the delays of January 2013.
///
/// # Panics
/// If the committed data cannot be read.
pub fn january() -> Delays {
    let path = root().join("examples/flights/data/flights-2013-01.csv");
    let text = std::fs::read_to_string(path).expect("the flights are committed");
    compute(&text)
}

fn compute(csv: &str) -> Delays {
    let mut delays = Delays::default();
    let mut newest_ms: Option<i64> = None;
    for flight in csv.lines().map(read) {
        let event_time_ms = flight.event_time_ms;
        let day = window_start(event_time_ms, DAY_MS);
        let watermark = newest_ms.map(|newest| newest - WATERMARK_DELAY_MS);
        if is_late(day + DAY_MS, watermark) {
            delays.late.push(Late {
                id: flight.id,
                origin: flight.origin,
                event_time_ms,
                watermark_ms: watermark.expect("without a watermark nothing is late"),
            });
        } else {
            delays
                .days
                .entry((day, flight.origin.clone()))
                .or_default()
                .add(&flight);
        }
        newest_ms = newest_ms.max(Some(event_time_ms));
    }
    delays
}

/// Columns: id, carrier, flight, tailnum, origin, dest, sched_dep, dep, dep_delay, ...
fn read(line: &str) -> Flight {
    let cells: Vec<&str> = line.split(',').collect();
    let whole = |cell: &str| cell.parse::<i64>().expect("a whole number");
    let departure_ms = (!cells[7].is_empty()).then(|| time::millis(cells[7]));
    Flight {
        id: whole(cells[0]),
        origin: cells[4].to_string(),
        departure_ms,
        delay_minutes: (!cells[8].is_empty()).then(|| whole(cells[8])),
        event_time_ms: departure_ms.unwrap_or_else(|| time::millis(cells[6])),
    }
}

impl Day {
    fn add(&mut self, flight: &Flight) {
        self.flights += 1;
        self.departed += i64::from(flight.departure_ms.is_some());
        if let Some(minutes) = flight.delay_minutes {
            self.delayed += i64::from(minutes > DELAYED_MINUTES);
            self.delay_sum += minutes;
            self.delay_max = self.delay_max.max(Some(minutes));
        }
    }
}

impl Delays {
    /// One line of JSON per airport and day, by day, then airport.
    pub fn lines(&self) -> String {
        let mut text = String::new();
        for ((start, origin), day) in &self.days {
            let cancelled = day.flights - day.departed;
            let average =
                (day.departed > 0).then(|| tenths(rounded(day.delay_sum, day.departed, 10)));
            writeln!(
                text,
                r#"{{"window_start":"{}","window_end":"{}","origin":"{origin}","flights":{},"departed":{},"cancelled":{cancelled},"cancelled_percent":{},"delayed":{},"avg_delay":{},"max_delay":{}}}"#,
                time::text(*start),
                time::text(start + DAY_MS),
                day.flights,
                day.departed,
                tenths(rounded(100 * cancelled, day.flights, 10)),
                day.delayed,
                average.as_deref().unwrap_or("null"),
                day.delay_max.map_or("null".to_string(), |minutes| minutes.to_string()),
            )
            .expect("a string takes any text");
        }
        text
    }
}

/// `-12` as `-1.2`.
fn tenths(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}.{}", number.abs() / 10, number.abs() % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_delays_of_the_flights_are_what_the_plain_computation_says() {
        let path = root().join("examples/flights/expected/delays.jsonl");
        expect_test::expect_file![path].assert_eq(&january().lines());
    }

    #[test]
    fn every_flight_is_in_a_day_or_late() {
        let delays = january();
        let in_days: i64 = delays.days.values().map(|day| day.flights).sum();
        assert_eq!(in_days + delays.late.len() as i64, 27_004);
        assert_eq!(delays.late.len(), 2_315);
        assert_eq!(delays.days.len(), 96);
    }

    #[test]
    fn a_cancelled_flight_counts_on_its_scheduled_day_and_a_straggler_is_late() {
        let delays = compute(
            "1,UA,1,,EWR,IAH,2013-01-01 10:00:00,,,,,1\n\
             2,UA,2,,EWR,IAH,2013-01-01 23:00:00,2013-01-02 02:00:00,180,,,1\n\
             3,UA,3,,EWR,IAH,2013-01-01 23:30:00,2013-01-01 23:20:00,-10,,,1\n",
        );
        assert_eq!(
            delays.lines(),
            r#"{"window_start":"2013-01-01 00:00:00.000","window_end":"2013-01-02 00:00:00.000","origin":"EWR","flights":1,"departed":0,"cancelled":1,"cancelled_percent":100.0,"delayed":0,"avg_delay":null,"max_delay":null}
{"window_start":"2013-01-02 00:00:00.000","window_end":"2013-01-03 00:00:00.000","origin":"EWR","flights":1,"departed":1,"cancelled":0,"cancelled_percent":0.0,"delayed":1,"avg_delay":180.0,"max_delay":180}
"#
        );
        let late = Late {
            id: 3,
            origin: "EWR".into(),
            event_time_ms: time::millis("2013-01-01 23:20:00"),
            watermark_ms: time::millis("2013-01-02 00:00:00"),
        };
        assert_eq!(delays.late, [late]);
    }
}
