//! The allocator of the process, and how it hands freed memory back to the system.
//!
//! It keeps what is freed for a while, as it is mostly wanted again at once. That counts as held by
//! the process; where a limit is near, or a large part of the state was given up, it must go.

/// Many small batches of the same sizes come and go: what this allocator is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Hands freed memory back: that of all threads which nobody keeps, and what this one keeps.
#[expect(
    unsafe_code,
    reason = "the allocator offers this as a foreign function only"
)]
pub(crate) fn purge() {
    // SAFETY: takes no pointer, may be called on any thread at any time, and changes nothing that
    // is in use.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

/// Below this limit the process does without large pages.
const SMALL_LIMIT: u64 = 4 << 30;

/// Prepares for holding at most `limit` bytes.
///
/// The allocator asks for pages of 2 MiB, and a system that gives them gives all of it for the
/// first byte: of 448 MiB that a process held under a limit of 256 MiB, 236 were in such pages.
pub(crate) fn limit(limit: u64) {
    #[cfg(target_os = "linux")]
    if limit < SMALL_LIMIT {
        // A system that refuses this has small pages only, or wants them large everywhere.
        match nix::sys::prctl::set_thp_disable(true) {
            Ok(()) | Err(_) => {}
        }
    }
    #[cfg(not(target_os = "linux"))]
    drop(limit);
}
