//! Cuts a byte stream into units: Kafka frames, HTTP requests, or whatever arrives.
//!
//! ```text
//! Kafka request   size:i32 | api:i16 | version:i16 | correlation:i32 | …
//! Kafka answer    size:i32 | correlation:i32 | …
//! HTTP request    head … CRLF CRLF | body by content-length or chunked
//! ```
//!
//! A claimed length allocates nothing: bytes are taken as they come, up to the limit.

use std::io::{self, BufRead, Read};

/// Largest unit; a larger one ends the connection.
const UNIT_BYTES_MAX: u64 = 128 << 20;

/// Largest head of an HTTP request.
const HEAD_BYTES_MAX: u64 = 64 << 10;

/// Largest piece of a stream that is not understood.
const PIECE_BYTES: usize = 16 << 10;

/// What the connections speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Anything; rules see pieces of bytes.
    Tcp,
    /// Kafka without TLS.
    Kafka,
    /// HTTP/1.1 without TLS.
    Http,
}

/// What a rule sees of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Some bytes.
    Bytes,
    /// A Kafka request.
    Kafka {
        /// API key.
        api: i16,
        /// Number the answer will carry.
        correlation: i32,
    },
    /// An HTTP request.
    Http {
        /// Method.
        method: String,
        /// Path and query.
        path: String,
    },
}

/// The next request and its bytes; `None` at the end of the stream.
pub(super) fn request(
    from: &mut impl BufRead,
    protocol: Protocol,
) -> io::Result<Option<(Request, Vec<u8>)>> {
    match protocol {
        Protocol::Tcp => Ok(piece(from)?.map(|bytes| (Request::Bytes, bytes))),
        Protocol::Http => http_request(from),
        Protocol::Kafka => {
            let Some(frame) = kafka_frame(from)? else {
                return Ok(None);
            };
            if frame.len() < 12 {
                return Err(invalid("a Kafka request shorter than its header"));
            }
            let api = i16::from_be_bytes([frame[4], frame[5]]);
            let correlation = number(&frame[8..12]);
            Ok(Some((Request::Kafka { api, correlation }, frame)))
        }
    }
}

/// The next answer, with its correlation number if it is Kafka's.
pub(super) fn answer(
    from: &mut impl BufRead,
    protocol: Protocol,
) -> io::Result<Option<(Option<i32>, Vec<u8>)>> {
    if protocol != Protocol::Kafka {
        return Ok(piece(from)?.map(|bytes| (None, bytes)));
    }
    let Some(frame) = kafka_frame(from)? else {
        return Ok(None);
    };
    if frame.len() < 8 {
        return Err(invalid("a Kafka answer shorter than its header"));
    }
    Ok(Some((Some(number(&frame[4..8])), frame)))
}

fn number(bytes: &[u8]) -> i32 {
    bytes
        .iter()
        .fold(0, |value, byte| (value << 8) | i32::from(*byte))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Size and content of one frame; `None` at the end of the stream between two frames.
fn kafka_frame(from: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    if from.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut frame = Vec::new();
    take(from, 4, &mut frame)?;
    let size = number(&frame);
    let size = u64::try_from(size).map_err(|_| invalid("a Kafka frame of negative size"))?;
    if size > UNIT_BYTES_MAX {
        return Err(invalid("a Kafka frame beyond the limit"));
    }
    take(from, size, &mut frame)?;
    Ok(Some(frame))
}

fn take(from: &mut impl BufRead, length: u64, into: &mut Vec<u8>) -> io::Result<()> {
    let taken = from.by_ref().take(length).read_to_end(into)?;
    if (taken as u64) < length {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    }
    Ok(())
}

fn piece(from: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let bytes = from.fill_buf()?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let piece = bytes[..bytes.len().min(PIECE_BYTES)].to_vec();
    from.consume(piece.len());
    Ok(Some(piece))
}

fn http_request(from: &mut impl BufRead) -> io::Result<Option<(Request, Vec<u8>)>> {
    if from.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let first = line(from, &mut bytes)?;
    let mut words = first.split_whitespace().map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(invalid("not an HTTP request line"));
    };
    let (mut length, mut chunked) = (0, false);
    loop {
        let header = line(from, &mut bytes)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or((&header, ""));
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = value
                .parse()
                .map_err(|_| invalid("content-length is not a number"))?;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            chunked = value.to_ascii_lowercase().contains("chunked");
        }
        if bytes.len() as u64 > HEAD_BYTES_MAX {
            return Err(invalid("an HTTP head beyond the limit"));
        }
    }
    if chunked {
        chunks(from, &mut bytes)?;
    } else if length > UNIT_BYTES_MAX {
        return Err(invalid("an HTTP body beyond the limit"));
    } else {
        take(from, length, &mut bytes)?;
    }
    Ok(Some((Request::Http { method, path }, bytes)))
}

/// One line without its end; the bytes, with the end, are added to `bytes`.
fn line(from: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<String> {
    let start = bytes.len();
    from.by_ref()
        .take(HEAD_BYTES_MAX)
        .read_until(b'\n', bytes)?;
    if !bytes.ends_with(b"\n") {
        return Err(invalid("an HTTP line without an end"));
    }
    Ok(String::from_utf8_lossy(&bytes[start..])
        .trim_end()
        .to_owned())
}

fn chunks(from: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let size = line(from, bytes)?;
        let digits = size.split(';').next().unwrap_or_default().trim();
        let size =
            u64::from_str_radix(digits, 16).map_err(|_| invalid("a chunk without a size"))?;
        if (bytes.len() as u64).saturating_add(size) > UNIT_BYTES_MAX {
            return Err(invalid("an HTTP body beyond the limit"));
        }
        if size > 0 {
            take(from, size + 2, bytes)?;
            continue;
        }
        // Trailers, then an empty line.
        while !line(from, bytes)?.is_empty() {}
        return Ok(());
    }
}
