//! What kind of state a checkpoint holds: the version of the bytes, and which types they are of.
//!
//! Each snapshot writes the form as a blob. A restore compares it with its own before it reads a
//! byte, so that the state of another query is refused, not misread.

use millstream_core::state::{StateReader, StateWriter};
use millstream_core::{Code, Error, Result};

use super::bytes::{Fixed, Reader, damaged};

/// Version of everything the operators write; counts up when the bytes change.
pub(crate) const VERSION: u32 = 1;
/// Name of the blob.
const BLOB: &str = "form";

/// The form of an operator's state: its kind, and a line per part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Form(String);

impl Form {
    /// The form of an operator of this kind.
    pub(crate) fn new(kind: &str, parts: impl IntoIterator<Item = String>) -> Self {
        let parts = parts.into_iter().map(|part| format!("\n{part}"));
        Form(format!("{kind}{}", parts.collect::<String>()))
    }

    /// Writes it.
    pub(crate) fn write(&self, state: &mut dyn StateWriter) -> Result<()> {
        let mut bytes = Vec::with_capacity(4 + self.0.len());
        VERSION.put(&mut bytes);
        bytes.extend_from_slice(self.0.as_bytes());
        state.blob(BLOB, &bytes)
    }

    /// Refuses the state of another form.
    ///
    /// # Errors
    /// `CheckpointMismatch` names what is stored and what is wanted; `CheckpointDamaged` if there
    /// is no form at all.
    pub(crate) fn check(&self, state: &dyn StateReader) -> Result<()> {
        let blobs = state.blobs(BLOB);
        if blobs.is_empty() {
            return Err(damaged("what kind of state it is, is missing"));
        }
        blobs.into_iter().try_for_each(|blob| self.check_one(blob))
    }

    fn check_one(&self, blob: &[u8]) -> Result<()> {
        let version = Reader::new(blob).fixed::<u32>()?;
        if version != VERSION {
            return Err(Error::new(
                Code::CheckpointMismatch,
                format!("wanted state of version {VERSION}, found version {version}"),
            )
            .hint("restore it with the release that wrote it"));
        }
        let stored = String::from_utf8_lossy(&blob[4..]);
        if stored == self.0 {
            return Ok(());
        }
        let one_line = |text: &str| text.replace('\n', "; ");
        Err(Error::new(
            Code::CheckpointMismatch,
            format!(
                "the checkpoint holds other state: wanted '{}', found '{}'",
                one_line(&self.0),
                one_line(&stored)
            ),
        ))
    }
}

/// The only blob of this name: of an operator that runs once.
pub(crate) fn single<'a>(state: &'a dyn StateReader, name: &str) -> Result<&'a [u8]> {
    match state.blobs(name).as_slice() {
        [one] => Ok(one),
        [] => Err(damaged(&format!("its part '{name}' is missing"))),
        several => Err(damaged(&format!(
            "its part '{name}' is there {} times, wanted once",
            several.len()
        ))),
    }
}
