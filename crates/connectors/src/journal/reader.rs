//! Reading the journal: records become rows in batches, the position follows what was handed over.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use millstream_core::connector::{Fetch, Position, SourceReader, Split};
use millstream_core::id::SplitId;
use millstream_core::{Error, Result};
use millstream_state::journal::{self, Entry};

use super::decode::{Plan, Rows};
use super::source::{Next, Place, Until};

/// Reads the journal in the subtask that has the split; waits in the others.
pub(super) struct Reader {
    place: Arc<Place>,
    plan: Arc<Plan>,
    /// Only records of this stream, if there is one.
    stream: Option<String>,
    part: Option<Part>,
}

/// The split.
struct Part {
    id: SplitId,
    until: Option<u64>,
    /// Where to go on after everything that was handed over.
    next: Option<Next>,
    open: Option<Open>,
    finished: bool,
}

/// The split, being read.
struct Open {
    reader: journal::Reader,
    journal: u64,
    /// The first record that is not decoded.
    at: u64,
    held: VecDeque<Entry>,
    rows: Rows,
}

impl Reader {
    pub(super) fn new(place: Arc<Place>, plan: Arc<Plan>, stream: Option<String>) -> Self {
        Reader {
            place,
            plan,
            stream,
            part: None,
        }
    }
}

#[async_trait]
impl SourceReader for Reader {
    fn assign(&mut self, split: Split, from: Option<Position>) -> Result<()> {
        if self.part.is_some() {
            return Err(Error::internal("a journal has one split, found another"));
        }
        self.part = Some(Part {
            id: split.id,
            until: Until::parse(&split.data)?.0,
            next: from.as_ref().map(Next::parse).transpose()?,
            open: None,
            finished: false,
        });
        Ok(())
    }

    async fn fetch(&mut self) -> Result<Fetch> {
        let Some(part) = self.part.as_mut().filter(|part| !part.finished) else {
            return Ok(Fetch::Waiting);
        };
        if part.open.is_none() {
            let journal = self.place.journal().await?;
            part.open = Some(open(journal, part.next, &self.plan)?);
        }
        let Some(open) = &mut part.open else {
            return Err(Error::internal("a journal is not open"));
        };
        loop {
            if part.until.is_some_and(|until| open.at >= until) {
                part.finished = true;
                return Ok(Fetch::Finished(part.id));
            }
            if open.held.is_empty() {
                // Nothing is waiting to be handed over here, so dropping this future loses nothing.
                open.held = open.reader.next(self.plan.batch_rows).await?.into();
            }
            open.decode(part.until, self.stream.as_deref())?;
            part.next = Some(open.next());
            if !open.rows.is_empty() {
                let (rows, bad) = open.rows.take(&self.plan)?;
                let split = part.id;
                return Ok(Fetch::Rows { split, rows, bad });
            }
        }
    }

    fn position(&self, split: SplitId) -> Option<Position> {
        let part = self.part.as_ref().filter(|part| part.id == split)?;
        part.next.map(Next::to_position)
    }
}

fn open(journal: &journal::Journal, next: Option<Next>, plan: &Plan) -> Result<Open> {
    if let Some(next) = next {
        next.check(journal)?;
    }
    let at = next.map_or_else(|| journal.start_sequence(), |next| next.sequence);
    Ok(Open {
        reader: journal.reader(at)?,
        journal: journal.id(),
        at,
        held: VecDeque::new(),
        rows: plan.rows()?,
    })
}

impl Open {
    fn next(&self) -> Next {
        Next {
            journal: self.journal,
            sequence: self.at,
        }
    }

    /// Decodes what is held until a batch is full.
    fn decode(&mut self, until: Option<u64>, stream: Option<&str>) -> Result<()> {
        while !self.rows.is_full() && until.is_none_or(|until| self.at < until) {
            let Some(entry) = self.held.pop_front() else {
                break;
            };
            self.at = entry.sequence + 1;
            if stream.is_none_or(|stream| stream == entry.record.stream) {
                self.rows.push(entry)?;
            }
        }
        Ok(())
    }
}
