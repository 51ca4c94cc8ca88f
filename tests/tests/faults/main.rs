//! The faults of the list F01-F48, each against the real binary and a real broker.
//!
//! ```text
//! cargo xtask faults [ID..]   every case, with as many tries as its row says   (`every_case`, ignored)
//! cargo xtask test            the slice below: one try of the cheap ones, always the same seed
//! ```
//!
//! A case is a row of [`table::CASES`]: what goes wrong, what must hold, and the function that tries
//! it; or the test elsewhere that covers it; or why it is not tried. A try that fails prints its seed
//! and keeps its folder; `cargo xtask faults F03 --seed S` repeats it.

#[cfg(target_os = "linux")]
mod broker;
#[cfg(target_os = "linux")]
mod crash;
#[cfg(target_os = "linux")]
mod disk;
#[cfg(target_os = "linux")]
mod garbage;
#[cfg(target_os = "linux")]
mod life;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod objects;
#[cfg(target_os = "linux")]
mod plain;
#[cfg(target_os = "linux")]
mod records;
#[cfg(target_os = "linux")]
mod shape;
#[cfg(target_os = "linux")]
mod slice;
#[cfg(target_os = "linux")]
mod storage;
#[cfg(target_os = "linux")]
mod table;
#[cfg(target_os = "linux")]
mod time;
#[cfg(target_os = "linux")]
mod trial;
