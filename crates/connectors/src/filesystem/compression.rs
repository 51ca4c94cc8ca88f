//! Compressed files, known by their extension and decompressed as a stream.
//!
//! | extension | what it is |
//! |---|---|
//! | `.gz`, `.gzip` | gzip, one member or several |
//! | `.zst`, `.zstd` | Zstandard, one frame or several |
//! | `.deflate` | zlib |
//!
//! Always: a stream that was cut short ends in an error and never as if it were complete, because
//! the rows behind the cut are lost. Memory is the window of the codec, whatever a file claims.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use flate2::read::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use millstream_core::{Error, Result};

/// How the bytes of a file are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
    Zlib,
}

impl Compression {
    /// The compression a path's extension stands for; one that Flink reads and we do not is an
    /// error, so that its bytes are never taken for records.
    pub(super) fn of(path: &str) -> Result<Compression> {
        let extension = std::path::Path::new(path)
            .extension()
            .and_then(|text| text.to_str());
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("gz" | "gzip") => Ok(Compression::Gzip),
            Some("zst" | "zstd") => Ok(Compression::Zstd),
            Some("deflate") => Ok(Compression::Zlib),
            Some(other @ ("bz2" | "xz" | "lz4" | "snappy" | "br")) => Err(Error::unsupported(
                format!("file '{path}' is compressed with '{other}', which is not supported"),
            )
            .hint("supported extensions: .gz, .gzip, .zst, .zstd, .deflate")),
            _ => Ok(Compression::None),
        }
    }

    /// The bytes of `file` without the compression. It may say that it would block between any two
    /// bytes.
    pub(super) fn reader(
        self,
        file: impl Read + Send + 'static,
    ) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Compression::None => Box::new(file),
            Compression::Gzip => Box::new(MultiGzDecoder::new(file)),
            Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(file)?),
            Compression::Zlib => Box::new(Zlib::new(BufReader::new(file))),
        })
    }
}

/// A zlib stream. The reader of `flate2` takes the end of its input for the end of the stream;
/// this one insists on the end marker.
struct Zlib<R> {
    input: R,
    state: Decompress,
    ended: bool,
}

impl<R: BufRead> Zlib<R> {
    fn new(input: R) -> Self {
        Zlib {
            input,
            state: Decompress::new(true),
            ended: false,
        }
    }
}

impl<R: BufRead> Read for Zlib<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !out.is_empty() {
            let input = self.input.fill_buf()?;
            let at_end = input.is_empty();
            let (before_in, before_out) = (self.state.total_in(), self.state.total_out());
            let status = self.state.decompress(input, out, FlushDecompress::None)?;
            let used = (self.state.total_in() - before_in) as usize;
            let made = (self.state.total_out() - before_out) as usize;
            self.input.consume(used);
            self.ended = status == Status::StreamEnd;
            if made > 0 {
                return Ok(made);
            }
            if at_end && !self.ended {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;

    fn compressed(compression: Compression, bytes: &[u8]) -> Vec<u8> {
        let level = flate2::Compression::default();
        match compression {
            Compression::None => bytes.to_vec(),
            Compression::Gzip => {
                let mut to = flate2::write::GzEncoder::new(Vec::new(), level);
                to.write_all(bytes).unwrap();
                to.finish().unwrap()
            }
            Compression::Zstd => zstd::encode_all(bytes, 0).unwrap(),
            Compression::Zlib => {
                let mut to = flate2::write::ZlibEncoder::new(Vec::new(), level);
                to.write_all(bytes).unwrap();
                to.finish().unwrap()
            }
        }
    }

    fn read(compression: Compression, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let here = tempfile::tempdir()?;
        let path = here.path().join("f");
        std::fs::write(&path, bytes)?;
        let mut out = Vec::new();
        compression
            .reader(File::open(path)?)?
            .read_to_end(&mut out)?;
        Ok(out)
    }

    /// Text that does not compress to nothing.
    fn text() -> Vec<u8> {
        (0..500u32)
            .flat_map(|i| format!("{},", i.wrapping_mul(2_654_435_761)).into_bytes())
            .collect()
    }

    #[test]
    fn the_extension_tells_the_compression() {
        let cases = [
            ("/a/x.csv", Compression::None),
            ("/a.gz/x", Compression::None),
            ("/a/x.csv.gz", Compression::Gzip),
            ("/a/x.GZIP", Compression::Gzip),
            ("/a/x.zst", Compression::Zstd),
            ("/a/x.deflate", Compression::Zlib),
        ];
        for (path, wanted) in cases {
            assert_eq!(Compression::of(path).unwrap(), wanted, "{path}");
        }
        assert!(
            Compression::of("/a/x.bz2")
                .unwrap_err()
                .message()
                .contains("'bz2'")
        );
    }

    #[test]
    fn several_members_read_as_one_stream() {
        for compression in [Compression::Gzip, Compression::Zstd] {
            let mut bytes = compressed(compression, b"one,");
            bytes.extend(compressed(compression, b"two"));
            assert_eq!(read(compression, &bytes).unwrap(), b"one,two");
        }
    }

    #[test]
    fn a_stream_cut_anywhere_is_an_error() {
        for compression in [Compression::Gzip, Compression::Zstd, Compression::Zlib] {
            let whole = compressed(compression, &text());
            assert_eq!(read(compression, &whole).unwrap(), text());
            for end in (1..whole.len()).step_by(97).chain([whole.len() - 1]) {
                let cut = read(compression, &whole[..end]);
                assert!(
                    cut.is_err(),
                    "{compression:?} cut at {end} of {}",
                    whole.len()
                );
            }
        }
    }

    #[test]
    fn bytes_that_are_not_compressed_are_an_error() {
        for compression in [Compression::Gzip, Compression::Zstd, Compression::Zlib] {
            assert!(read(compression, b"a,b\nc,d\n").is_err(), "{compression:?}");
        }
    }
}
