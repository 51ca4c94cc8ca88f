//! Ids are types: two bare integers side by side are a bug waiting for a swap.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $word:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($word, "{}"), self.0)
            }
        }
    };
}

id!(
    /// A node of a job graph.
    NodeId, "n"
);
id!(
    /// One of the parallel copies of a node, from 0.
    Subtask, "#"
);
id!(
    /// An input of an operator: 0 is the left or only one.
    Port, "port "
);
id!(
    /// A part of a source that is read apart: a file, a partition. Numbered per job in the order
    /// of discovery; the split table of the job knows its name.
    SplitId, "split "
);

/// Number of a checkpoint: counts up within a job, from 1; never used twice. 0 is the empty state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckpointId(pub u64);

impl fmt::Display for CheckpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "checkpoint {}", self.0)
    }
}

impl Port {
    /// The only input of most operators.
    pub const ONLY: Port = Port(0);
}
