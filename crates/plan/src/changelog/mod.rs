//! Which kinds of changes an edge carries.
//!
//! [`infer`]: who needs the old version of a row that is updated.

pub(crate) mod infer;

use std::fmt;

/// The row kinds that may travel on an edge. Insertions always may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChangelogMode {
    /// `+U` may occur.
    pub update_after: bool,
    /// `-U` accompanies every `+U`. Without it an update says only what a key's row is now.
    pub update_before: bool,
    /// `-D` may occur.
    pub delete: bool,
}

impl ChangelogMode {
    /// Insertions only.
    pub const INSERT_ONLY: ChangelogMode = ChangelogMode {
        update_after: false,
        update_before: false,
        delete: false,
    };
    /// All four kinds.
    pub const ALL: ChangelogMode = ChangelogMode {
        update_after: true,
        update_before: true,
        delete: true,
    };
    /// Insertions, `+U` and `-D`: the row of a key is replaced or removed.
    pub const UPSERT: ChangelogMode = ChangelogMode {
        update_after: true,
        update_before: false,
        delete: true,
    };

    /// True if only insertions occur.
    pub fn is_insert_only(self) -> bool {
        self == Self::INSERT_ONLY
    }
}

impl fmt::Display for ChangelogMode {
    /// `[I]`, `[I,UB,UA]`, `[I,UA,D]` …, as Flink's EXPLAIN CHANGELOG_MODE writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[I")?;
        for (present, word) in [
            (self.update_before, "UB"),
            (self.update_after, "UA"),
            (self.delete, "D"),
        ] {
            if present {
                write!(f, ",{word}")?;
            }
        }
        f.write_str("]")
    }
}
