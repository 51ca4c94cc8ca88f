//! The figures, one module each, and what they share.

mod checkpoint;
mod cost;
mod latency;
mod load;
mod recover;
mod spill;
mod stage;

use millstream_core::{Code, Error, Result};
use serde_json::Value;

use crate::options::Options;

/// Measures one figure.
pub(crate) type Figure = fn(&Options) -> Result<Value>;

static FIGURES: &[(&str, Figure)] = &[
    ("load", load::measure),
    ("checkpoint-cost", cost::measure),
    ("latency", latency::measure),
    ("checkpoint", checkpoint::measure),
    ("recover", recover::measure),
    ("spill", spill::measure),
];

/// The figure of that name.
pub(crate) fn find(name: &str) -> Result<Figure> {
    let found = FIGURES.iter().find(|(known, _)| *known == name);
    found.map(|(_, figure)| *figure).ok_or_else(|| {
        let known: Vec<&str> = FIGURES.iter().map(|(known, _)| *known).collect();
        Error::new(
            Code::InvalidOption,
            format!("no figure '{name}'; there are {}", known.join(", ")),
        )
    })
}

/// The middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// To three digits behind the point.
fn round(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_is_not_there_is_answered_with_those_that_are() {
        assert!(find("speed").unwrap_err().message().contains("latency"));
    }

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    }
}
