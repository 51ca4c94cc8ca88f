//! The form of small files that people may want to read: one checked header line, then JSON.
//!
//! ```text
//! millstream-manifest 1 9a0b1c2d 1234\n      kind, version, crc32c of the body, its length
//! {"job":"shop", … }
//! ```
//!
//! Always: the length and the checksum are compared before the body is parsed, and a version this
//! release does not know is refused by name.

use bytes::Bytes;
use millstream_core::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{damaged, newer};

/// Most bytes of such a file.
pub(crate) const BYTES_MAX: usize = 256 << 20;

/// Longest header line.
const HEADER_MAX: usize = 128;

/// The file for `body`.
pub(crate) fn seal<T: Serialize>(kind: &str, version: u32, body: &T) -> Result<Bytes> {
    let body = serde_json::to_vec(body)
        .map_err(|e| Error::internal(format!("a {kind} cannot be written as JSON")).caused_by(e))?;
    if body.len() > BYTES_MAX - HEADER_MAX {
        return Err(Error::internal(format!(
            "a {kind} of {} bytes is larger than {BYTES_MAX}",
            body.len()
        )));
    }
    let header = format!(
        "millstream-{kind} {version} {:08x} {}\n",
        crc32c::crc32c(&body),
        body.len()
    );
    let mut file = header.into_bytes();
    file.extend_from_slice(&body);
    Ok(file.into())
}

/// Checks and parses the file called `name`.
pub(crate) fn open<T: DeserializeOwned>(
    kind: &str,
    version: u32,
    name: &str,
    bytes: &[u8],
) -> Result<T> {
    let line = bytes
        .iter()
        .take(HEADER_MAX)
        .position(|byte| *byte == b'\n')
        .ok_or_else(|| damaged(name, format!("it has no header of a {kind}")))?;
    let header = std::str::from_utf8(&bytes[..line])
        .map_err(|_| damaged(name, format!("it has no header of a {kind}")))?;
    let body = &bytes[line + 1..];
    let fields: Vec<&str> = header.split(' ').collect();
    let [magic, found, crc, len] = fields[..] else {
        return Err(damaged(name, format!("it has no header of a {kind}")));
    };
    if magic.strip_prefix("millstream-") != Some(kind) {
        return Err(damaged(name, format!("it is no {kind}")));
    }
    let found: u32 = found
        .parse()
        .map_err(|_| damaged(name, "its version is no number"))?;
    if found > version {
        return Err(newer(name, kind, found, version));
    }
    if len.parse() != Ok(body.len()) || len != body.len().to_string() {
        return Err(damaged(
            name,
            format!("its body has {} bytes, the header says '{len}'", body.len()),
        ));
    }
    let computed = format!("{:08x}", crc32c::crc32c(body));
    if crc != computed {
        return Err(damaged(
            name,
            format!("it has the checksum {computed}, wanted '{crc}'"),
        ));
    }
    if found == 0 || header.split(' ').nth(1) != Some(&found.to_string()) {
        return Err(damaged(name, "its version is no number"));
    }
    serde_json::from_slice(body).map_err(|e| damaged(name, "its body is malformed").caused_by(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_comes_back_and_a_newer_version_is_refused_by_name() {
        let file = seal("marker", 1, &vec![1, 2, 3]).unwrap();
        assert_eq!(
            open::<Vec<i32>>("marker", 1, "m", &file).unwrap(),
            [1, 2, 3]
        );
        let newer = seal("marker", 2, &vec![1]).unwrap();
        let error = open::<Vec<i32>>("marker", 1, "m", &newer).unwrap_err();
        assert_eq!(
            error.message(),
            "marker 'm' has format version 2, this release reads versions up to 1"
        );
    }

    #[test]
    fn every_flipped_bit_and_every_shorter_file_is_noticed() {
        let file = seal("marker", 1, &vec!["ann", "bob"]).unwrap();
        for at in 0..file.len() * 8 {
            let mut bad = file.to_vec();
            bad[at / 8] ^= 1 << (at % 8);
            let found = open::<Vec<String>>("marker", 1, "m", &bad);
            assert!(found.is_err(), "bit {at}");
            assert!(found.unwrap_err().message().contains("'m'"));
        }
        for len in 0..file.len() {
            assert!(open::<Vec<String>>("marker", 1, "m", &file[..len]).is_err());
        }
    }
}
