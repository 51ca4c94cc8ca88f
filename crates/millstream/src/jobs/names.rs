//! What jobs are called: a job finds its checkpoints by its name, so it must be the same tomorrow.
//!
//! ```text
//! --name, else pipeline.name, else the file's name         shop.sql, one job    shop
//! of several jobs each has its place among them            shop.sql, two jobs   shop-1, shop-2
//! ```
//!
//! * Made of ASCII letters, digits, `-`, `_` and `.`; whatever else a name holds becomes `-`. If that
//!   takes letters away, a hash of the whole name is put at the end, so that two names stay two.
//! * Two jobs of one script never share a name: the second `a` is called `a-2`.
//! * In the shell one job runs at a time, and the same name means the same job again.
//! * Only statements that run count, so a table that is added to a script renames no job.

use std::collections::BTreeSet;

use xxhash_rust::xxh3::xxh3_64;

/// Longest name of a job, in bytes.
const BYTES_MAX: usize = 100;

/// Names the jobs of one script.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// What is before the place: of `--name`, or of the file.
    stem: Option<String>,
    /// True if the owner gave that name on the command line.
    is_given: bool,
    /// Jobs in the script; 0: there is no script.
    jobs: usize,
    /// Jobs named so far.
    named: usize,
    taken: BTreeSet<String>,
}

impl Names {
    /// Names of a script with so many jobs. `given` is a name from the command line, `file` that of
    /// the script without its extension.
    pub(super) fn new(given: Option<&str>, file: Option<&str>, jobs: usize) -> Self {
        Names {
            stem: given.or(file).map(clean),
            is_given: given.is_some(),
            jobs,
            ..Names::default()
        }
    }

    /// True if there is no script.
    pub(super) fn is_shell(&self) -> bool {
        self.jobs == 0
    }

    /// The name of the next job; `None` if nobody has given it one. `set` is `pipeline.name`.
    pub(super) fn next(&mut self, set: Option<&str>) -> Option<String> {
        self.named += 1;
        let name = match (set, &self.stem) {
            (Some(set), _) if !self.is_given => clean(set),
            (_, Some(stem)) if self.jobs > 1 => format!("{stem}-{}", self.named),
            (_, Some(stem)) => stem.clone(),
            (_, None) => return None,
        };
        if self.jobs == 0 {
            return Some(name);
        }
        let mut unique = name.clone();
        let mut times = 1;
        while !self.taken.insert(unique.clone()) {
            times += 1;
            unique = format!("{name}-{times}");
        }
        Some(unique)
    }
}

/// A name that can stand in paths and transactional ids.
pub(super) fn clean(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut clean: String = name
        .chars()
        .map(|c| if is_plain(c) { c } else { '-' })
        .collect();
    // A hidden file, or the folder above.
    if clean.starts_with('.') {
        clean.replace_range(..1, "-");
    }
    let loses = name.is_empty() || !name.is_ascii() || clean.len() > BYTES_MAX;
    if loses {
        clean.truncate(BYTES_MAX - 17);
        clean.push_str(&format!("-{:016x}", xxh3_64(name.as_bytes())));
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(mut names: Names, set: &[Option<&str>]) -> Vec<Option<String>> {
        set.iter().map(|set| names.next(*set)).collect()
    }

    fn of(words: &[&str]) -> Vec<Option<String>> {
        words.iter().map(|word| Some(word.to_string())).collect()
    }

    #[test]
    fn one_job_is_called_as_its_file_and_several_have_their_places() {
        assert_eq!(
            names(Names::new(None, Some("shop"), 1), &[None]),
            of(&["shop"])
        );
        let two = Names::new(None, Some("shop"), 2);
        assert_eq!(names(two, &[None, None]), of(&["shop-1", "shop-2"]));
    }

    #[test]
    fn the_setting_wins_over_the_file_and_the_command_line_over_both() {
        let file = || Names::new(None, Some("shop"), 2);
        assert_eq!(names(file(), &[Some("a"), None]), of(&["a", "shop-2"]));
        let given = Names::new(Some("mine"), Some("shop"), 2);
        assert_eq!(
            names(given, &[Some("a"), Some("b")]),
            of(&["mine-1", "mine-2"])
        );
    }

    #[test]
    fn two_jobs_of_one_script_never_share_a_name() {
        let all = [Some("a"), Some("a"), Some("a-2"), Some("a")];
        let found = names(Names::new(None, None, 4), &all);
        assert_eq!(found, of(&["a", "a-2", "a-2-2", "a-3"]));
    }

    #[test]
    fn in_the_shell_the_same_name_is_the_same_job() {
        assert_eq!(
            names(Names::default(), &[Some("a"), Some("a")]),
            of(&["a", "a"])
        );
    }

    #[test]
    fn without_any_name_there_is_none() {
        assert_eq!(names(Names::new(None, None, 1), &[None]), [None]);
    }

    #[test]
    fn a_name_becomes_plain_and_stays_apart_from_others() {
        assert_eq!(clean("Daily sales/EU"), "Daily-sales-EU");
        assert_eq!(clean("../x"), "-.-x");
        assert_eq!(clean("a_b.c-1"), "a_b.c-1");
        for (a, b) in [
            ("заказы", "отчёты"),
            ("", " "),
            (&*"x".repeat(200), &*"x".repeat(201)),
        ] {
            let (a, b) = (clean(a), clean(b));
            assert_ne!(a, b);
            for name in [a, b] {
                let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
                assert!(
                    name.bytes().all(is_plain) && name.len() <= BYTES_MAX,
                    "{name}"
                );
                assert!(!name.is_empty() && !name.starts_with('.'), "{name}");
            }
        }
    }
}
