//! The times that decide about a batch's windows, local to the windows' zone.

use std::borrow::Cow;

use arrow::array::{Array, AsArray, BooleanArray};
use arrow::datatypes::{DataType, Schema, TimeUnit, TimestampMillisecondType};
use millstream_core::operator::{BadRows, Output};
use millstream_core::rows::ChangeBatch;
use millstream_core::{Code, Error, Result};
use millstream_plan::TimeAttribute;

use super::zone::Zone;
use crate::watermark::EVENT_TIME_MAX_MS;

/// Where the time of a row comes from.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    /// The event-time column; `None`: processing time.
    pub(crate) column: Option<usize>,
    /// The zone windows are aligned in.
    pub(crate) zone: Zone,
    name: String,
}

impl Times {
    /// The time `attribute` of rows with columns of `input`.
    pub(crate) fn new(
        attribute: &TimeAttribute,
        zone: Option<&str>,
        input: &Schema,
    ) -> Result<Self> {
        let zone = zone.map_or(Ok(Zone::UTC), Zone::named)?;
        let TimeAttribute::Event { column } = *attribute else {
            return Ok(Times {
                column: None,
                zone,
                name: "processing time".into(),
            });
        };
        let name = is_timestamp(input, column)?;
        // TIMESTAMP is local already; only an instant is moved.
        let is_instant = matches!(
            input.field(column).data_type(),
            DataType::Timestamp(_, Some(_))
        );
        Ok(Times {
            column: Some(column),
            zone: if is_instant { zone } else { Zone::UTC },
            name,
        })
    }

    /// True if processing time decides.
    pub(crate) fn is_processing(&self) -> bool {
        self.column.is_none()
    }

    /// Takes out the rows without an event time.
    pub(crate) fn usable(
        &self,
        rows: ChangeBatch,
        out: &mut Output,
    ) -> Result<Option<ChangeBatch>> {
        match self.column {
            Some(column) => usable(rows, column, &self.name, out),
            None => Ok(Some(rows)),
        }
    }

    /// The local time of each row; none may be NULL.
    pub(crate) fn of<'a>(&self, rows: &'a ChangeBatch, now_ms: i64) -> Result<Cow<'a, [i64]>> {
        let Some(column) = self.column else {
            let now = self.zone.to_local(in_bounds(now_ms, &self.name)?);
            return Ok(Cow::Owned(vec![now; rows.num_rows()]));
        };
        let times = timestamps(rows, column);
        all_in_bounds(times, &self.name)?;
        Ok(self.zone.to_locals(times))
    }
}

/// The name of a TIMESTAMP(3) or TIMESTAMP_LTZ(3) column.
pub(crate) fn is_timestamp(input: &Schema, column: usize) -> Result<String> {
    let field = input
        .fields()
        .get(column)
        .ok_or_else(|| Error::internal(format!("no column {column} for the time of a window")))?;
    match field.data_type() {
        DataType::Timestamp(TimeUnit::Millisecond, _) => Ok(field.name().clone()),
        other => Err(Error::new(
            Code::TypeMismatch,
            format!(
                "a window over '{}' wants TIMESTAMP(3) or TIMESTAMP_LTZ(3), found {other}",
                field.name()
            ),
        )),
    }
}

/// Takes out the rows whose time is NULL.
pub(crate) fn usable(
    rows: ChangeBatch,
    column: usize,
    name: &str,
    out: &mut Output,
) -> Result<Option<ChangeBatch>> {
    let times = rows.rows().column(column);
    if times.null_count() == 0 {
        return Ok(Some(rows));
    }
    let missing: BooleanArray = arrow::compute::is_null(times)?;
    out.bad(BadRows {
        rows: rows.filter(&missing)?,
        code: Code::NullEventTime,
        reason: format!("event time '{name}' wants a timestamp, found NULL"),
    });
    let rows = rows.filter(&arrow::compute::not(&missing)?)?;
    Ok(Some(rows).filter(|rows| rows.num_rows() > 0))
}

/// The values of a TIMESTAMP(3) column.
pub(crate) fn timestamps(rows: &ChangeBatch, column: usize) -> &[i64] {
    rows.rows()
        .column(column)
        .as_primitive::<TimestampMillisecondType>()
        .values()
}

/// Refuses times with which window bounds could overflow.
pub(crate) fn all_in_bounds(times: &[i64], name: &str) -> Result<()> {
    // Without a way out of the loop: several times are compared at once.
    let is_sane = |time: i64| (-EVENT_TIME_MAX_MS..=EVENT_TIME_MAX_MS).contains(&time);
    if times.iter().fold(true, |sane, &time| sane & is_sane(time)) {
        return Ok(());
    }
    let mut times = times.iter();
    times.try_for_each(|&time| in_bounds(time, name).map(drop))
}

/// Refuses a time with which window bounds could overflow.
fn in_bounds(time: i64, name: &str) -> Result<i64> {
    if (-EVENT_TIME_MAX_MS..=EVENT_TIME_MAX_MS).contains(&time) {
        return Ok(time);
    }
    Err(Error::new(
        Code::Evaluation,
        format!("time '{name}' wants a year between -275760 and 275760, found {time} ms"),
    ))
}
