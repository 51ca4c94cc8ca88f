//! Where files wait until the checkpoint they belong to is committed.
//!
//! ```text
//! <table>/.millstream-pending/<job>/<lineage>.<generation>/part-…      one folder per life of a job
//!                                                              └─ renamed to <table>/dt=…/part-…
//! ```
//!
//! * A reader that skips names beginning with a `.`, as ours and others do, sees none of it.
//! * A life removes the folders of the other lives of its job, never those of another job, and none
//!   of its own lineage that began later: then it is the one that is fenced.
//! * A file and its folder are durable before the file is handed over.
//! * In a bucket nothing can be renamed: a pending object is copied to its visible key, which is one
//!   step for its readers, and then deleted.

use millstream_core::connector::JobIdentity;

/// The folder of pending files below a table's.
pub(super) const FOLDER: &str = ".millstream-pending";

/// The life of a job, as names of folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Life {
    /// `.millstream-pending/<job>`.
    pub(super) job: String,
    lineage: String,
    generation: u64,
}

impl Life {
    pub(super) fn of(job: &JobIdentity) -> Self {
        Life {
            job: format!("{FOLDER}/{}", segment(&job.name)),
            lineage: segment(&job.lineage),
            generation: job.generation,
        }
    }

    /// The name of this life's folder in that of the job.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.lineage, self.generation)
    }

    /// The folder of this life, relative to the table's.
    pub(super) fn folder(&self) -> String {
        format!("{}/{}", self.job, self.name())
    }

    /// True if the folder `name` was left behind by a life that is over.
    pub(super) fn outlives(&self, name: &str) -> bool {
        match name.rsplit_once('.') {
            Some((lineage, generation)) if lineage == self.lineage => generation
                .parse()
                .is_ok_and(|generation: u64| generation < self.generation),
            Some((_, generation)) => generation.parse::<u64>().is_ok(),
            None => false,
        }
    }
}

/// A text as one harmless part of a path.
pub(super) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (i, byte) in text.bytes().enumerate() {
        match byte {
            b'.' if i > 0 => out.push('.'),
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(job: &str, lineage: &str, generation: u64) -> Life {
        Life::of(&JobIdentity {
            name: job.into(),
            lineage: lineage.into(),
            generation,
            checkpoints: true,
        })
    }

    #[test]
    fn a_life_outlives_earlier_generations_and_other_lineages() {
        let ours = life("job", "l.1", 5);
        assert_eq!(ours.folder(), ".millstream-pending/job/l.1.5");
        for (name, over) in [
            ("l.1.4", true),
            ("l.1.5", false),
            ("l.1.6", false),
            ("l.2.9", true),
            ("partitions", false),
            ("partitions.json", false),
        ] {
            assert_eq!(ours.outlives(name), over, "{name}");
        }
    }

    #[test]
    fn names_never_leave_their_folder() {
        assert_eq!(
            life("..", "a/b", 1).folder(),
            ".millstream-pending/%2E./a%2Fb.1"
        );
        assert_eq!(segment("etl-2_x.y"), "etl-2_x.y");
    }
}
