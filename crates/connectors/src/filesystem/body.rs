//! Rows of one file on their way to bytes: record by record, or whole columns.

use arrow::array::RecordBatch;
use millstream_core::Result;
use millstream_core::format::Encoder;

use super::parquet;

/// Memory that is kept for the next rows.
const KEPT_BYTES_MAX: usize = 1 << 20;
/// Rows encoded at a time when few bytes are left in a file, so that few are encoded twice.
const FEW_ROWS: usize = 64;

/// What becomes of the rows of a file.
///
/// ```text
/// begin ─▶ { write | relieve }* ─▶ end        after each call: { ready ─▶ taken }
/// ```
pub(super) enum Body {
    Rows(Rows),
    Columns(Box<parquet::writer::Writer>),
}

/// Records one after the other.
pub(super) struct Rows {
    encoder: Box<dyn Encoder>,
    encoded: Vec<u8>,
    /// How much of `encoded` belongs to this file.
    ready: usize,
    ends: Vec<usize>,
}

impl Body {
    pub(super) fn rows(encoder: Box<dyn Encoder>) -> Self {
        Body::Rows(Rows {
            encoder,
            encoded: Vec::new(),
            ready: 0,
            ends: Vec::new(),
        })
    }

    /// Whatever a file has at its beginning.
    pub(super) fn begin(&mut self) -> Result<()> {
        if let Body::Rows(rows) = self {
            rows.encoder.header(&mut rows.encoded)?;
            rows.ready = rows.encoded.len();
        }
        Ok(())
    }

    /// Takes rows until `room` bytes are reached, at least one; returns how many it took.
    pub(super) fn write(&mut self, rows: &RecordBatch, room: u64) -> Result<usize> {
        match self {
            Body::Rows(body) => body.write(rows, room),
            Body::Columns(body) => body.write(rows).map(|()| rows.num_rows()),
        }
    }

    /// Bytes of taken rows that are not ready yet, roughly.
    pub(super) fn held_bytes(&self) -> u64 {
        match self {
            Body::Rows(_) => 0,
            Body::Columns(body) => body.held_bytes(),
        }
    }

    /// Makes bytes ready if it holds more than `bytes_max`.
    pub(super) fn relieve(&mut self, bytes_max: u64) -> Result<()> {
        match self {
            Body::Columns(body) if body.held_bytes() > bytes_max => body.flush(),
            _ => Ok(()),
        }
    }

    /// Whatever a file has at its end.
    pub(super) fn end(&mut self) -> Result<()> {
        match self {
            Body::Rows(_) => Ok(()),
            Body::Columns(body) => body.end(),
        }
    }

    /// Bytes for the file.
    pub(super) fn ready(&self) -> &[u8] {
        match self {
            Body::Rows(body) => &body.encoded[..body.ready],
            Body::Columns(body) => body.ready(),
        }
    }

    /// The bytes that were ready are in the file.
    pub(super) fn taken(&mut self) {
        match self {
            Body::Rows(body) => {
                body.ready = 0;
                body.encoded.clear();
                body.encoded.shrink_to(KEPT_BYTES_MAX);
            }
            Body::Columns(body) => body.taken(),
        }
    }
}

impl Rows {
    fn write(&mut self, rows: &RecordBatch, room: u64) -> Result<usize> {
        const MUCH_ROOM: u64 = 1 << 20;
        let few = room < MUCH_ROOM && rows.num_rows() > FEW_ROWS;
        let rows = match few {
            true => &rows.slice(0, FEW_ROWS),
            false => rows,
        };
        self.ends.clear();
        self.encoder
            .encode(rows, &mut self.encoded, &mut self.ends)?;
        // The row that reaches the end is the last one.
        let within = self.ends.partition_point(|end| (*end as u64) < room);
        let taken = (within + 1).min(self.ends.len());
        self.ready = match taken {
            0 => self.encoded.len(),
            _ => self.ends[taken - 1],
        };
        Ok(taken)
    }
}
