//! A hash over canonical text: the same on every machine and in every release.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use xxhash_rust::xxh3::xxh3_64;

/// xxHash3 (64 bit, seed 0) of a canonical text; written as 16 hexadecimal digits.
///
/// The text is a word and its parts, separated by single spaces. A part is a digest, or a text that
/// is preceded by its length in bytes, so that no two lists of parts have the same text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(u64);

/// A canonical text under construction.
pub(super) struct Canon(String);

impl Canon {
    /// A text that begins with this word.
    pub(super) fn new(word: &str) -> Self {
        Canon(word.to_owned())
    }

    /// Appends a digest.
    pub(super) fn part(mut self, part: Digest) -> Self {
        self.0.push_str(&format!(" {part}"));
        self
    }

    /// Appends digests.
    pub(super) fn parts(self, parts: impl IntoIterator<Item = Digest>) -> Self {
        parts.into_iter().fold(self, Canon::part)
    }

    /// Appends a text.
    pub(super) fn text(mut self, text: &str) -> Self {
        self.0.push_str(&format!(" {}:{text}", text.len()));
        self
    }

    /// The digest of the text.
    pub(super) fn digest(&self) -> Digest {
        Digest(xxh3_64(self.0.as_bytes()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        let wrong = || serde::de::Error::custom("a digest wants 16 hexadecimal digits");
        match text.len() {
            16 => u64::from_str_radix(&text, 16)
                .map(Digest)
                .map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}
