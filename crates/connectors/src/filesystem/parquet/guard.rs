//! Looks at the Thrift structures of a Parquet file before a decoder does.
//!
//! A decoder reserves memory for as many elements, or bytes, as a structure says it has; ten bytes
//! can say two thousand million, and a failed reservation ends the process. So every structure is
//! walked first, without allocating: what a length promises must be there.
//!
//! ```text
//! footer   ─ every list and text ends within it, nesting is bounded
//! page     ─ its header likewise; its size after decompression and its number of values are bounded
//! ```
//!
//! Cost: one pass over the footer and the page headers, no allocation, O(depth) stack.
//!
//! Source: Apache Thrift, "Compact protocol"; the Parquet format's `parquet.thrift`.

/// Longest footer that is read.
pub(super) const FOOTER_BYTES_MAX: u64 = 64 << 20;
/// Largest page after decompression.
const PAGE_BYTES_MAX: i64 = 256 << 20;
/// Most values of one page.
const PAGE_VALUES_MAX: i64 = 64 << 20;
const DEPTH_MAX: u32 = 64;

/// Checks the Thrift structure of a footer.
pub(super) fn footer(bytes: &[u8]) -> Result<(), String> {
    let mut walk = Walk { bytes, at: 0 };
    walk.structure(0, &mut |_, _| Ok(()))
        .ok_or_else(|| format!("its footer is damaged near byte {}", walk.at))
}

/// Checks the pages of a column chunk.
pub(super) fn pages(chunk: &[u8]) -> Result<(), String> {
    let mut walk = Walk {
        bytes: chunk,
        at: 0,
    };
    while walk.at < chunk.len() {
        let mut header = Header::default();
        let damaged = |at: usize| format!("a page header is damaged near byte {at} of its column");
        walk.structure(0, &mut |path, value| header.note(path, value))
            .ok_or_else(|| damaged(walk.at))?;
        let Some(bytes) = header
            .compressed
            .and_then(|bytes| usize::try_from(bytes).ok())
        else {
            return Err(damaged(walk.at));
        };
        walk.skip(bytes).ok_or_else(|| damaged(walk.at))?;
    }
    Ok(())
}

/// What is looked at in a page header.
#[derive(Default)]
struct Header {
    compressed: Option<i64>,
}

impl Header {
    /// Notes an integer field by its path of field ids; `Err` if it is beyond what is accepted.
    fn note(&mut self, path: &[i16], value: i64) -> Result<(), ()> {
        let within = |max: i64| (0..=max).contains(&value);
        let fine = match path {
            // uncompressed_page_size
            [2] => within(PAGE_BYTES_MAX),
            // compressed_page_size
            [3] => {
                self.compressed = Some(value);
                within(PAGE_BYTES_MAX)
            }
            // num_values of data, dictionary and version 2 data pages; nulls and rows of the latter
            [5 | 7 | 8, 1] | [8, 2 | 3] => within(PAGE_VALUES_MAX),
            // lengths of the levels of a version 2 page
            [8, 5 | 6] => within(PAGE_BYTES_MAX),
            _ => true,
        };
        if fine { Ok(()) } else { Err(()) }
    }
}

/// A place in bytes of the compact protocol. Every method is `None` where the bytes make no sense.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

type Note<'n> = &'n mut dyn FnMut(&[i16], i64) -> Result<(), ()>;

impl Walk<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        let end = self.at.checked_add(bytes)?;
        if end > self.bytes.len() {
            return None;
        }
        self.at = end;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn structure(&mut self, depth: u32, note: Note<'_>) -> Option<()> {
        let mut path = [0_i16; DEPTH_MAX as usize];
        self.fields(depth, 0, &mut path, note)
    }

    fn fields(
        &mut self,
        depth: u32,
        level: usize,
        path: &mut [i16; DEPTH_MAX as usize],
        note: Note<'_>,
    ) -> Option<()> {
        if depth >= DEPTH_MAX {
            return None;
        }
        let mut id = 0_i16;
        loop {
            let head = self.byte()?;
            let kind = head & 0x0f;
            if kind == 0 {
                return Some(());
            }
            id = match head >> 4 {
                0 => i16::try_from(self.zigzag()?).ok()?,
                delta => id.checked_add(i16::from(delta))?,
            };
            path[level] = id;
            match kind {
                // Booleans of fields are in the head.
                1 | 2 => {}
                4..=6 => {
                    let value = self.zigzag()?;
                    note(&path[..=level], value).ok()?;
                }
                12 => self.fields(depth + 1, level + 1, path, note)?,
                kind => self.value(kind, depth)?,
            }
        }
    }

    /// A value that nobody looks at.
    fn value(&mut self, kind: u8, depth: u32) -> Option<()> {
        if depth >= DEPTH_MAX {
            return None;
        }
        match kind {
            1..=3 => self.skip(1),
            4..=6 => self.varint().map(|_| ()),
            7 => self.skip(8),
            8 => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.skip(length)
            }
            9 | 10 => self.list(depth),
            11 => self.map(depth),
            12 => self.structure(depth + 1, &mut |_, _| Ok(())),
            _ => None,
        }
    }

    fn list(&mut self, depth: u32) -> Option<()> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => usize::try_from(self.varint()?).ok()?,
            count => usize::from(count),
        };
        // An element takes at least a byte.
        if count > self.bytes.len() - self.at {
            return None;
        }
        (0..count).try_for_each(|_| self.value(head & 0x0f, depth + 1))
    }

    fn map(&mut self, depth: u32) -> Option<()> {
        let count = usize::try_from(self.varint()?).ok()?;
        if count == 0 {
            return Some(());
        }
        let kinds = self.byte()?;
        if count > self.bytes.len() - self.at {
            return None;
        }
        (0..count).try_for_each(|_| {
            self.value(kinds >> 4, depth + 1)?;
            self.value(kinds & 0x0f, depth + 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_promises_more_than_there_is_is_refused() {
        // field 2, list of structs, 2^31 - 1 of them
        let huge = [0x29, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0x00];
        assert!(footer(&huge).unwrap_err().contains("damaged near byte"));
        // field 1, a text of 2^35 bytes
        assert!(footer(&[0x18, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, b'a', 0]).is_err());
        assert!(footer(&[0x1c; 1000]).is_err(), "nested too deep");
        assert!(footer(&[]).is_err());
        assert_eq!(footer(&[0x15, 0x02, 0x00]), Ok(()));
    }

    #[test]
    fn a_page_that_would_grow_beyond_all_bounds_is_refused() {
        let page = |uncompressed: &[u8]| {
            // 1: type 0, 2: uncompressed, 3: compressed 2, stop, two bytes
            let mut bytes = vec![0x15, 0x00, 0x15];
            bytes.extend_from_slice(uncompressed);
            bytes.extend_from_slice(&[0x15, 0x04, 0x00, 7, 7]);
            bytes
        };
        assert_eq!(pages(&page(&[0x04])), Ok(()));
        assert!(pages(&page(&[0xfe, 0xff, 0xff, 0xff, 0x0f])).is_err());
        assert!(pages(&page(&[0x03])).is_err(), "negative");
        let mut cut = page(&[0x04]);
        cut.pop();
        assert!(pages(&cut).is_err());
        assert!(pages(&[0x15, 0x00, 0x00]).is_err(), "no size");
    }
}
