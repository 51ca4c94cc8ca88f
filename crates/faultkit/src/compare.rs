//! Multisets of rows: what was lost, what came twice, what is wrong, and what is out of order.
//!
//! A row becomes one line of text, its columns in a fixed order, so that results from Kafka, from
//! files and from the reference compare without a schema. Times are written one way, whatever the
//! number of zeros behind the point.
//!
//! * *lost*: wanted more often than found. *duplicated*: wanted, but found more often.
//!   *wrong*: found, never wanted. A changed value is therefore one lost and one wrong row.
//! * Cost: one ordered map of the distinct rows.

use std::collections::BTreeMap;
use std::fmt;

use millstream_core::time::format_millis;
use millstream_core::{Code, Error, Result};
use serde_json::Value;

use crate::generator::parse_millis;

#[cfg(test)]
mod tests;

/// How many rows of each kind a difference shows.
const SHOWN: usize = 10;

/// Rows, each with the number of times it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Multiset {
    rows: BTreeMap<String, u64>,
    len: u64,
}

impl Multiset {
    /// Adds a row once.
    pub fn insert(&mut self, row: impl Into<String>) {
        *self.rows.entry(row.into()).or_default() += 1;
        self.len += 1;
    }

    /// How often a row is there.
    pub fn count(&self, row: &str) -> u64 {
        self.rows.get(row).copied().unwrap_or(0)
    }

    /// Number of rows, repeated ones counted each time.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The multiset of JSON objects, one per item, each as the line of the given columns.
    pub fn of_json<'a>(
        objects: impl IntoIterator<Item = &'a [u8]>,
        columns: &[&str],
    ) -> Result<Self> {
        let mut rows = Multiset::default();
        for object in objects {
            rows.insert(json_line(object, columns)?);
        }
        Ok(rows)
    }

    /// The multiset of the lines of JSON text; empty lines do not count.
    pub fn of_json_lines(text: &[u8], columns: &[&str]) -> Result<Self> {
        let lines = text.split(|byte| *byte == b'\n');
        Self::of_json(lines.filter(|line| !line.is_empty()), columns)
    }
}

impl<S: Into<String>> FromIterator<S> for Multiset {
    fn from_iter<I: IntoIterator<Item = S>>(rows: I) -> Self {
        let mut set = Multiset::default();
        rows.into_iter().for_each(|row| set.insert(row));
        set
    }
}

/// One line of values, separated by `|`.
pub fn line<const N: usize>(values: [&dyn fmt::Display; N]) -> String {
    values.map(|value| value.to_string()).join("|")
}

/// The line of a JSON object: the values of the columns, in that order. A column that is missing
/// or one that was not asked for is an error: a sink that mixes columns up must not pass.
pub fn json_line(object: &[u8], columns: &[&str]) -> Result<String> {
    let wrong = |what: String| {
        let shown: String = String::from_utf8_lossy(object).chars().take(200).collect();
        Error::new(Code::BadRecord, format!("{what} in '{shown}'"))
    };
    let value: Value = serde_json::from_slice(object)
        .map_err(|cause| wrong("wanted a JSON object, found a fault".into()).caused_by(cause))?;
    let Value::Object(fields) = value else {
        return Err(wrong("wanted a JSON object, found another value".into()));
    };
    if let Some(other) = fields.keys().find(|name| !columns.contains(&name.as_str())) {
        return Err(wrong(format!("unexpected column '{other}'")));
    }
    let mut values = Vec::with_capacity(columns.len());
    for column in columns {
        let found = fields.get(*column);
        values.push(text_of(
            found.ok_or_else(|| wrong(format!("column '{column}' is missing")))?,
        ));
    }
    Ok(values.join("|"))
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::String(text) => parse_millis(text).map_or_else(|| text.clone(), format_millis),
        other => other.to_string(),
    }
}

/// What differs between the rows wanted and the rows found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Rows wanted more often than found, and how many are missing.
    pub lost: BTreeMap<String, u64>,
    /// Rows found more often than wanted, and how many too many.
    pub duplicated: BTreeMap<String, u64>,
    /// Rows that nobody wanted, and how often they were found.
    pub wrong: BTreeMap<String, u64>,
    /// How many rows were wanted and found.
    pub sizes: (u64, u64),
}

/// Compares the rows wanted with the rows found.
pub fn compare(wanted: &Multiset, found: &Multiset) -> Difference {
    let mut difference = Difference {
        sizes: (wanted.len(), found.len()),
        ..Difference::default()
    };
    for (row, &times) in &wanted.rows {
        let there = found.count(row);
        if there < times {
            difference.lost.insert(row.clone(), times - there);
        } else if there > times {
            difference.duplicated.insert(row.clone(), there - times);
        }
    }
    for (row, &times) in &found.rows {
        if wanted.count(row) == 0 {
            difference.wrong.insert(row.clone(), times);
        }
    }
    difference
}

impl Difference {
    /// Whether the multisets are equal.
    pub fn is_empty(&self) -> bool {
        self.lost.is_empty() && self.duplicated.is_empty() && self.wrong.is_empty()
    }

    /// Number of rows lost.
    pub fn lost_rows(&self) -> u64 {
        self.lost.values().sum()
    }

    /// Number of rows too many, of those wanted.
    pub fn duplicated_rows(&self) -> u64 {
        self.duplicated.values().sum()
    }

    /// Nothing when equal, else an error that shows the difference.
    pub fn into_result(self) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        Err(Error::internal(self.to_string()))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wanted, found) = self.sizes;
        write!(f, "wanted {wanted} rows, found {found}")?;
        let kinds = [
            ("lost", &self.lost),
            ("duplicated", &self.duplicated),
            ("wrong", &self.wrong),
        ];
        for (name, rows) in kinds {
            if rows.is_empty() {
                continue;
            }
            let total: u64 = rows.values().sum();
            write!(f, "\n  {name}: {total}")?;
            for (row, times) in rows.iter().take(SHOWN) {
                let shown: String = row.chars().take(200).collect();
                write!(f, "\n    {times} x {shown}")?;
            }
            if rows.len() > SHOWN {
                write!(f, "\n    and {} more different rows", rows.len() - SHOWN)?;
            }
        }
        Ok(())
    }
}

/// Checks that rows of one source partition keep their order within each output partition.
///
/// Fed with `(output partition, source partition, seq)` in the order of reading; each pair of
/// partitions must see rising numbers. Holes are not its business: [`compare`] finds lost rows.
#[derive(Debug, Default)]
pub struct OrderCheck {
    last: BTreeMap<(i32, u32), u64>,
    faults: Vec<String>,
    fault_count: u64,
}

impl OrderCheck {
    /// The next row of an output partition.
    pub fn see(&mut self, output: i32, source: u32, seq: u64) {
        let Some(before) = self.last.insert((output, source), seq) else {
            return;
        };
        if seq > before {
            return;
        }
        self.fault_count += 1;
        if self.faults.len() < SHOWN {
            self.faults.push(format!(
                "output partition {output}: row {seq} of source partition {source} after row {before}"
            ));
        }
    }

    /// Nothing when all rows were in order, else an error with the first faults.
    pub fn finish(self) -> Result<()> {
        if self.fault_count == 0 {
            return Ok(());
        }
        Err(Error::internal(format!(
            "{} rows are out of order:\n    {}",
            self.fault_count,
            self.faults.join("\n    ")
        )))
    }
}
