//! The job graph as text.
