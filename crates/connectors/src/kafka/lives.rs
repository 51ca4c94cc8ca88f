//! Lives of one job in this process take over its transactional ids in their order.
//!
//! A producer is replaced behind its commit, by a thread that nobody can stop. The life it works for
//! may end meanwhile, and the next life of the job takes the same ids over. A thread that came after
//! that would fence its own successor, and the job would stop as if somebody else ran it.
//!
//! * [`Life::begin`] makes the earlier lives of a name old, and waits for a take-over that one of them
//!   is in the middle of; that has a deadline.
//! * [`Life::take`] takes over unless its life is old.
//! * One list for the process: lives of a job share nothing else that would outlast a panic. It holds
//!   names whose lives are still referred to, so it stays as small as the number of jobs.
//! * Both block the thread.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_core::{Code, Error, Result};
use parking_lot::Mutex;

/// The number of the newest life, by name; locked while it takes an id over.
type Newest = Arc<Mutex<u64>>;

static NAMES: Mutex<BTreeMap<String, Newest>> = Mutex::new(BTreeMap::new());

/// One life of a job, as far as its transactional ids are concerned.
pub(super) struct Life {
    newest: Newest,
    number: u64,
}

impl Life {
    /// The newest life under this name.
    pub(super) fn begin(name: &str) -> Life {
        let newest = {
            let mut names = NAMES.lock();
            names.retain(|_, newest| Arc::strong_count(newest) > 1);
            Arc::clone(names.entry(name.to_string()).or_default())
        };
        let mut number = newest.lock();
        *number += 1;
        Life {
            number: *number,
            newest: Arc::clone(&newest),
        }
    }

    /// Takes an id over, if no later life has begun.
    pub(super) fn take<T>(&self, over: impl FnOnce() -> Result<T>) -> Result<T> {
        let newest = self.newest.lock();
        if *newest != self.number {
            return Err(Error::new(
                Code::CommitUnknown,
                "a later life of the job has taken over its transactional ids",
            ));
        }
        over()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;
    use std::thread;

    use super::*;

    #[test]
    fn an_old_life_takes_nothing_over() {
        let old = Life::begin("lives-old");
        assert_eq!(old.take(|| Ok(1)).unwrap(), 1);
        let new = Life::begin("lives-old");
        let error = old.take(|| Ok(2)).unwrap_err();
        assert_eq!(error.code(), Code::CommitUnknown);
        assert_eq!(new.take(|| Ok(3)).unwrap(), 3);
    }

    #[test]
    fn other_names_do_not_matter() {
        let one = Life::begin("lives-one");
        let _other = Life::begin("lives-other");
        assert!(one.take(|| Ok(())).is_ok());
    }

    #[test]
    fn a_life_begins_behind_the_take_over_of_the_one_before() {
        let old = Life::begin("lives-behind");
        let (inside, is_inside) = sync_channel(0);
        let (go, may_go) = sync_channel::<()>(0);
        let (told, hears) = sync_channel(2);
        let said = told.clone();
        let taking = thread::spawn(move || {
            old.take(|| {
                inside.send(()).unwrap();
                may_go.recv().unwrap();
                said.send("old").unwrap();
                Ok(())
            })
        });
        is_inside.recv().unwrap();
        let beginning = thread::spawn(move || {
            let new = Life::begin("lives-behind");
            told.send("new").unwrap();
            new
        });
        go.send(()).unwrap();
        taking.join().unwrap().unwrap();
        beginning.join().unwrap();
        assert_eq!(hears.iter().collect::<Vec<_>>(), ["old", "new"]);
    }

    #[test]
    fn names_nobody_uses_any_more_are_forgotten() {
        drop(Life::begin("lives-gone"));
        let _other = Life::begin("lives-kept");
        assert!(!NAMES.lock().contains_key("lives-gone"));
    }
}
