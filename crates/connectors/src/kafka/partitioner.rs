//! Which partition a record goes to: `sink.partitioner`.
//!
//! * `default`: the one Java clients choose for the same key (murmur2); without a key, any, the same
//!   for some time so that batches grow.
//! * `fixed`: one per subtask, by its number, as in Flink.
//! * `round-robin`: one batch of rows after the other.

use millstream_core::options::Options;
use millstream_core::{Error, Result};

use super::options::PARTITIONER;

/// How partitions are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Partitioner {
    /// By key.
    Default,
    /// By subtask.
    Fixed,
    /// By turns.
    RoundRobin,
}

impl Partitioner {
    pub(super) fn of(options: &Options, has_key: bool) -> Result<Self> {
        let text = options.get(PARTITIONER).map_or("default", str::trim);
        if text.contains('.') {
            return Err(Error::unsupported(format!(
                "option '{PARTITIONER}' of {} names a Java class, which cannot be run here",
                options.owner()
            ))
            .hint("wanted 'default', 'fixed' or 'round-robin'"));
        }
        let words = ["default", "fixed", "round-robin"];
        match options.one_of(PARTITIONER, &words, words[0])? {
            "fixed" => Ok(Partitioner::Fixed),
            "round-robin" if has_key => Err(options.invalid(
                PARTITIONER,
                "'default' or 'fixed', because records have a key",
            )),
            "round-robin" => Ok(Partitioner::RoundRobin),
            _ => Ok(Partitioner::Default),
        }
    }

    /// True if the number of partitions must be known.
    pub(super) fn counts(self) -> bool {
        self != Partitioner::Default
    }

    /// The partition of a batch's rows; none leaves it to the client. `turn` counts batches.
    pub(super) fn choose(self, subtask: u32, turn: u64, partitions: i32) -> Option<i32> {
        let partitions = u64::try_from(partitions).ok().filter(|count| *count > 0)?;
        let chosen = match self {
            Partitioner::Default => return None,
            Partitioner::Fixed => u64::from(subtask) % partitions,
            // Subtasks begin at different partitions.
            Partitioner::RoundRobin => turn.wrapping_add(u64::from(subtask)) % partitions,
        };
        i32::try_from(chosen).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partitioner_chooses_as_it_says() {
        assert_eq!(Partitioner::Default.choose(5, 0, 3), None);
        assert_eq!(Partitioner::Fixed.choose(5, 0, 3), Some(2));
        assert_eq!(Partitioner::Fixed.choose(5, 9, 3), Some(2));
        let turns: Vec<_> = (0..4)
            .map(|turn| Partitioner::RoundRobin.choose(1, turn, 3))
            .collect();
        assert_eq!(turns, [Some(1), Some(2), Some(0), Some(1)]);
        assert_eq!(Partitioner::Fixed.choose(5, 0, 0), None);
    }
}
