//! Which of two processes may write: the one with the newest generation.
//!
//! A generation is an object `generation-G` that is created if absent and never changed, so each
//! number has one owner however many processes race for it, on any store that can create.
//!
//! ```text
//! new process   list, claim(existing) = G, create generation-G
//!                 exists, our token  -> ours: an earlier attempt had arrived
//!                 exists, another's  -> somebody starts at the same time: refuse
//!               list again: the newest is G                          -> we hold it (X10)
//!                           the newest is above                      -> fenced
//! same process  recovers from a failed commit: create generation-(mine + 1), nothing else.
//!                 exists, another's  -> fenced: it must not jump over its successor
//! ```
//!
//! A process that starts may take over from one that seems alive; one that merely recovers may not.
//! Therefore `renew` does not look for the newest generation: creating its direct successor is the
//! comparison. A fence check is a read, so the holder may lose the generation right after it; that
//! is why writers check *after* each create too, and why commits are decided by objects (or the
//! last agent), never by the check alone.

/// The number that a starting process tries to create: one above all that exist.
pub fn claim(existing: &[u64]) -> u64 {
    existing
        .iter()
        .copied()
        .max()
        .unwrap_or(0)
        .saturating_add(1)
}

/// The number that a process tries to create when it recovers without ending.
pub fn renew(mine: u64) -> u64 {
    mine.saturating_add(1)
}

/// Must the owner of `mine` stop, when `current` is the newest generation found?
///
/// A smaller number fences too: our record is gone, so nothing keeps others from our number.
pub fn is_fenced(mine: u64, current: u64) -> bool {
    mine != current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_starting_process_claims_one_above_all_gaps_included() {
        assert_eq!(claim(&[]), 1);
        assert_eq!(claim(&[1, 7, 3]), 8);
        assert_eq!(
            claim(&[u64::MAX]),
            u64::MAX,
            "its creation is refused, it does not wrap"
        );
    }

    #[test]
    fn a_recovering_process_meets_its_successor_instead_of_jumping_over_it() {
        let mine = claim(&[1]);
        let successor = claim(&[1, mine]);
        assert_eq!(renew(mine), successor);
        assert_eq!(renew(u64::MAX), u64::MAX);
    }

    #[test]
    fn only_the_owner_of_the_newest_generation_is_not_fenced() {
        assert!(!is_fenced(4, 4));
        assert!(is_fenced(4, 5));
        assert!(is_fenced(4, 3), "its own record was lost");
    }
}
