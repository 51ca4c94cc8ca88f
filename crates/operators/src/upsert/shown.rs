//! What the sink has of each key: at most one row.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use millstream_core::Result;
use millstream_core::rows::RowKind;
use millstream_core::state::{StateChunk, StateWriter};

use crate::keys::KeyTable;
use crate::rows::{KeyedRows, NONE};
use crate::state::entries::{KeyCodec, Place};

/// What becomes of a key in the sink.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) kind: RowKind,
    key: u32,
    /// Slot of the new row among all rows; [`NONE`] if there is none any more.
    pub(super) new: u32,
    /// Slot of the old row among those shown.
    pub(super) old: u32,
}

/// The rows the sink has.
pub(super) struct Shown(KeyedRows);

impl Shown {
    pub(super) fn new(types: Vec<DataType>) -> Self {
        Shown(KeyedRows::new(types))
    }

    /// The slot among `rows` of the row that is shown, if it is still there.
    pub(super) fn find(&self, key: u32, rows: &KeyedRows) -> Option<u32> {
        let shown = self.0.slots(key).next()?;
        rows.find_bytes(self.0.bytes_of(shown), key)
    }

    /// The change that shows the row in slot `new` of `rows`; `None` if it is shown already.
    pub(super) fn change(&self, key: u32, new: u32, rows: &KeyedRows) -> Option<Change> {
        let old = self.0.first(key);
        let kind = match (old, new) {
            (NONE, NONE) => return None,
            (NONE, _) => RowKind::Insert,
            (_, NONE) => RowKind::Delete,
            _ if self.0.bytes_of(old) == rows.bytes_of(new) => return None,
            _ => RowKind::UpdateAfter,
        };
        Some(Change {
            kind,
            key,
            new,
            old,
        })
    }

    /// Notes what has been put out.
    pub(super) fn apply(&mut self, changes: &[Change], rows: &KeyedRows) -> Result<()> {
        for change in changes {
            if change.old != NONE {
                self.0.remove(change.old);
            }
            if change.new != NONE {
                self.0.add_bytes(rows.bytes_of(change.new), change.key)?;
            }
        }
        self.0.compact();
        Ok(())
    }

    pub(super) fn columns(&self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        self.0.columns(slots)
    }

    pub(super) fn is_empty_at(&self, key: u32) -> bool {
        self.0.is_empty_at(key)
    }

    pub(super) fn name_buried(&mut self, keys: &KeyTable, codec: &mut KeyCodec) -> Result<()> {
        self.0.name_buried(keys, codec)
    }

    pub(super) fn snapshot(
        &mut self,
        place: Place,
        keys: &KeyTable,
        codec: &mut KeyCodec,
        state: &mut dyn StateWriter,
    ) -> Result<()> {
        self.0.snapshot(place, keys, codec, |_, _| {}, state)
    }

    pub(super) fn restore(
        &mut self,
        chunk: &StateChunk,
        keys: &mut KeyTable,
        codec: &mut KeyCodec,
    ) -> Result<()> {
        self.0.restore(chunk, keys, codec, |_, _| Ok(()))
    }

    pub(super) fn memory(&self) -> usize {
        self.0.memory()
    }
}
