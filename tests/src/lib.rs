//! Tests of the whole: what the examples must print, computed without the engine.

pub mod golden;
pub mod reference;
