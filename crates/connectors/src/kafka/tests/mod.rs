//! Against the real broker of the test services; what only the client knows, against its mock.

mod faults;
mod options;
mod reading;
mod support;
mod transactions;
mod writing;
