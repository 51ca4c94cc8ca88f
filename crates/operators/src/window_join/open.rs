//! A window that is not over yet, and what it yields when it is.

use arrow::array::RecordBatch;
use millstream_core::Result;
use millstream_core::operator::Output;
use millstream_plan::JoinKind;

use super::{PAIRS, Plan};
use crate::join::nulls_of;
use crate::join::side::Side;
use crate::join::stored::Refs;
use crate::keys::KeyTable;

/// The rows of a window.
pub(super) struct Open {
    pub(super) sides: [Side; 2],
    pub(super) keys: KeyTable,
    /// True if a checkpoint may hold rows of it.
    pub(super) is_stored: bool,
    ids: Vec<u32>,
}

/// What is found while a window is put out.
struct Found {
    /// Pairs with equal keys, to be judged.
    pairs: Refs,
    /// What is put out.
    rows: Refs,
    /// Which slots of each side have a partner.
    matched: [Vec<bool>; 2],
}

impl Open {
    pub(super) fn new(sides: [Side; 2], keys: KeyTable) -> Self {
        Open {
            sides,
            keys,
            is_stored: false,
            ids: Vec::new(),
        }
    }

    /// Another window of the same kind, without rows.
    pub(super) fn like(&self) -> Result<Self> {
        let sides = [self.sides[0].like(), self.sides[1].like()];
        Ok(Open::new(sides, self.keys.like()?))
    }

    /// Adds rows of one side.
    pub(super) fn add(&mut self, port: usize, rows: &RecordBatch) -> Result<()> {
        let side = &mut self.sides[port];
        let keys = side.keys_of(rows);
        self.keys.intern(&keys, rows.num_rows(), &mut self.ids)?;
        side.take_in_hand(rows)?;
        for (row, &id) in self.ids.iter().enumerate() {
            side.rows.add(row, id)?;
        }
        Ok(())
    }

    /// Puts out all there is to say about the window.
    pub(super) fn put_out(&mut self, plan: &Plan, out: &mut Output) -> Result<()> {
        let ids = self.keys.ids();
        let nulls = match plan.null_equal {
            true => None,
            false => nulls_of(&self.keys.keys(&ids)?),
        };
        let mut found = Found {
            pairs: Refs::default(),
            rows: Refs::default(),
            matched: [0, 1].map(|side| vec![false; self.sides[side].rows.slot_bound()]),
        };
        for (row, &key) in ids.iter().enumerate() {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                continue;
            }
            for left in self.sides[0].rows.slots(key) {
                for right in self.sides[1].rows.slots(key) {
                    found.pairs.push(left, right, key);
                }
                if found.pairs.len() >= PAIRS {
                    self.judge(plan, &mut found, out)?;
                }
            }
        }
        self.judge(plan, &mut found, out)?;
        for &key in &ids {
            self.alone(plan, key, &mut found);
            if found.rows.len() >= PAIRS {
                self.flush(plan, &mut found, out)?;
            }
        }
        self.flush(plan, &mut found, out)
    }

    /// Finds out which pairs meet the condition.
    fn judge(&self, plan: &Plan, found: &mut Found, out: &mut Output) -> Result<()> {
        let mask = match &plan.condition {
            Some(condition) if found.pairs.len() > 0 => {
                Some(condition.of_stored(&found.pairs, &self.sides, &self.keys)?)
            }
            _ => None,
        };
        let is_pair = !matches!(plan.kind, JoinKind::Semi | JoinKind::Anti);
        for at in 0..found.pairs.len() {
            if mask.as_ref().is_some_and(|mask| !mask.value(at)) {
                continue;
            }
            let (left, right, key) = found.pairs.get(at);
            found.matched[0][left as usize] = true;
            found.matched[1][right as usize] = true;
            if is_pair {
                let times = |side: usize, slot| u64::from(self.sides[side].rows.count(slot));
                let times = times(0, left) * times(1, right);
                (0..times).for_each(|_| found.rows.push(left, right, key));
            }
        }
        found.pairs.clear();
        self.flush(plan, found, out)
    }

    /// Rows of a key that are part of the result by themselves.
    fn alone(&self, plan: &Plan, key: u32, found: &mut Found) {
        for port in 0..2 {
            let wants = match plan.kind {
                JoinKind::Semi => (port == 0).then_some(true),
                _ => plan.keeps_alone(port).then_some(false),
            };
            let Some(wants) = wants else {
                continue;
            };
            let rows = &self.sides[port].rows;
            for slot in rows.slots(key) {
                if found.matched[port][slot as usize] == wants {
                    (0..rows.count(slot)).for_each(|_| found.rows.push_alone(port, slot, key));
                }
            }
        }
    }

    fn flush(&self, plan: &Plan, found: &mut Found, out: &mut Output) -> Result<()> {
        plan.stored.put(&found.rows, &self.sides, &self.keys, out)?;
        found.rows.clear();
        Ok(())
    }

    /// Bytes of memory held.
    pub(super) fn memory(&self) -> usize {
        self.keys.bytes() + self.sides.iter().map(Side::memory).sum::<usize>()
    }
}
