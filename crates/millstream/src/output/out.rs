//! Standard output: buffered here, flushed when the stream pauses, quiet once its reader is gone.

use std::io::{self, IsTerminal, Write};

use millstream_core::{Code, Error, Result};

use crate::message;

/// Bytes that are collected before they are written.
const BUFFER_BYTES: usize = 64 * 1024;

/// Where rows go.
pub(crate) struct Out {
    to: Box<dyn Write>,
    buffer: Vec<u8>,
    is_closed: bool,
    is_terminal: bool,
    colour: bool,
}

impl Out {
    /// Standard output.
    pub(crate) fn stdout() -> Self {
        let stdout = io::stdout();
        Out {
            is_terminal: stdout.is_terminal(),
            colour: message::may_colour(&stdout),
            to: Box::new(stdout),
            buffer: Vec::new(),
            is_closed: false,
        }
    }

    /// Where to append.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Writes if much is waiting.
    pub(crate) fn relieve(&mut self) -> Result<()> {
        match self.buffer.len() >= BUFFER_BYTES {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Writes what is waiting.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let written = match self.is_closed {
            true => Ok(()),
            false => self
                .to
                .write_all(&self.buffer)
                .and_then(|()| self.to.flush()),
        };
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_BYTES);
        match written {
            Ok(()) => Ok(()),
            // `| head` has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            Err(error) => Err(Error::new(
                Code::Write,
                format!("cannot write to standard output: {error}"),
            )
            .caused_by(error)),
        }
    }

    /// True if something waits to be written.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// True if nobody reads any more; what is written from now on is dropped.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// True if a person reads.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// True if colours are welcome.
    pub(crate) fn colour(&self) -> bool {
        self.colour
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn out(kind: io::ErrorKind) -> Out {
        Out {
            to: Box::new(Broken(kind)),
            buffer: b"row".to_vec(),
            is_closed: false,
            is_terminal: false,
            colour: false,
        }
    }

    #[test]
    fn a_reader_that_left_is_no_error() {
        let mut out = out(io::ErrorKind::BrokenPipe);
        out.flush().unwrap();
        assert!(out.is_closed());
        out.buffer().extend_from_slice(b"more");
        out.flush().unwrap();
        assert!(!out.is_waiting());
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let error = out(io::ErrorKind::StorageFull).flush().unwrap_err();
        assert_eq!(error.code(), Code::Write);
    }
}
