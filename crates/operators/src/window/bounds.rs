//! Arithmetic of aligned windows: which slice a time is in, which windows a slice is in.
//!
//! HOP and CUMULATE windows overlap; their bounds cut time into *slices* that lie wholly inside or
//! outside of every window, so a row is counted once, in its slice, and windows are unions of
//! slices.
//!
//! ```text
//! HOP(slide 5, size 15)      slices  │ 0..5 │ 5..10 │ 10..15 │ 15..20 │
//!                            windows [──────────────────────)
//!                                           [───────────────────────)
//! CUMULATE(step 5, size 15)          [─────)
//!                                    [──────────────)
//!                                    [──────────────────────)
//! ```
//!
//! Times are local to the window's zone ([`super::zone`]), in ms; all arithmetic stays within
//! ±4·[`EVENT_TIME_MAX_MS`], far from overflow.
//!
//! Idea: Apache Flink, `SliceAssigners`; J. Li et al., "No Pane, No Gain", SIGMOD Record 34(1), 2005.

use millstream_core::{Code, Error, Result};
use millstream_plan::Window;

use crate::watermark::EVENT_TIME_MAX_MS;

/// Start of the window that holds `time`, for windows of `size` ms shifted by `offset` ms.
///
/// Rounds towards the past, also before 1970: `start(-1, 10, 0) == -10`.
pub fn start(time: i64, size: i64, offset: i64) -> i64 {
    time - (time - offset).rem_euclid(size)
}

/// Windows that are unions of equal slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Length of a slice; the distance of window ends.
    pub slice: i64,
    /// Length of the (largest) window.
    pub size: i64,
    /// Shift of the bounds.
    pub offset: i64,
    /// CUMULATE: windows grow from a common start. Else they slide.
    pub grows: bool,
}

impl Grid {
    /// The grid of a TUMBLE, HOP or CUMULATE window; `None` for the other kinds.
    pub fn of(window: &Window) -> Result<Option<Grid>> {
        let (slice, size, offset, grows, name) = match *window {
            Window::Tumble { size, offset } => (size, size, offset, false, "TUMBLE"),
            Window::Hop {
                slide,
                size,
                offset,
            } => (slide, size, offset, false, "HOP"),
            Window::Cumulate { step, size, offset } => (step, size, offset, true, "CUMULATE"),
            Window::Session { .. } | Window::Attached { .. } => return Ok(None),
        };
        let sane = 1..=EVENT_TIME_MAX_MS;
        if !sane.contains(&slice) || !sane.contains(&size) || offset.abs() > EVENT_TIME_MAX_MS {
            return Err(Error::new(
                Code::InvalidPlan,
                format!("{name} wants positive lengths, found {slice} ms and {size} ms"),
            ));
        }
        if size % slice != 0 {
            return Err(Error::new(
                Code::InvalidPlan,
                format!("{name} wants a size that is a multiple of {slice} ms, found {size} ms"),
            ));
        }
        Ok(Some(Grid {
            slice,
            size,
            offset,
            grows,
        }))
    }

    /// End of the slice that holds `time`: the first bound after it.
    pub fn slice_end(&self, time: i64) -> i64 {
        start(time, self.slice, self.offset) + self.slice
    }

    /// End of the last window that contains the slice ending at `slice_end`; the first one ends
    /// with the slice itself.
    pub fn last_end(&self, slice_end: i64) -> i64 {
        let slice_start = slice_end - self.slice;
        if self.grows {
            start(slice_start, self.size, self.offset) + self.size
        } else {
            slice_start + self.size
        }
    }

    /// Start of the window that ends at `end`.
    pub fn start_of(&self, end: i64) -> i64 {
        if self.grows {
            start(end - 1, self.size, self.offset)
        } else {
            end - self.size
        }
    }

    /// Number of the slice that ends at `slice_end`; neighbours differ by 1.
    pub fn index(&self, slice_end: i64) -> i64 {
        (slice_end - self.offset).div_euclid(self.slice)
    }

    /// End of the slice with this number.
    pub fn end_at(&self, index: i64) -> i64 {
        index * self.slice + self.offset
    }

    /// Number of slices in the (largest) window.
    pub fn slices(&self) -> i64 {
        self.size / self.slice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(window: Window) -> Grid {
        Grid::of(&window).unwrap().unwrap()
    }

    #[test]
    fn windows_before_1970_start_at_the_lower_bound() {
        assert_eq!(start(-1, 10, 0), -10);
        assert_eq!(start(-10, 10, 0), -10);
        assert_eq!(start(3, 10, 4), -6);
        assert_eq!(start(4, 10, 4), 4);
        assert_eq!(start(4, 10, -7), 3);
    }

    #[test]
    fn a_row_of_a_hop_is_in_size_by_slide_windows() {
        let hop = grid(Window::Hop {
            slide: 5,
            size: 15,
            offset: 0,
        });
        assert_eq!(hop.slice_end(12), 15);
        assert_eq!(hop.last_end(15), 25);
        assert_eq!(hop.start_of(25), 10);
    }

    #[test]
    fn a_row_of_a_cumulate_is_in_the_windows_that_have_grown_over_it() {
        let cumulate = grid(Window::Cumulate {
            step: 5,
            size: 15,
            offset: 1,
        });
        assert_eq!(cumulate.slice_end(6), 11);
        assert_eq!(cumulate.last_end(11), 16);
        assert_eq!(cumulate.start_of(11), 1);
        assert_eq!(cumulate.start_of(16), 1);
        assert_eq!(cumulate.last_end(cumulate.slice_end(0)), 1);
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let refused = |window| Grid::of(&window).unwrap_err().to_string();
        assert!(
            refused(Window::Hop {
                slide: 4,
                size: 10,
                offset: 0
            })
            .contains("multiple")
        );
        assert!(refused(Window::Tumble { size: 0, offset: 0 }).contains("positive"));
        assert!(
            refused(Window::Tumble {
                size: i64::MAX,
                offset: 0
            })
            .contains("positive")
        );
    }
}
