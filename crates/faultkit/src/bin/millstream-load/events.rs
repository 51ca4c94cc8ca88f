//! Events as record batches that are ready to be sent, but for a few bytes.
//!
//! ```text
//! header 61 B │ len attr dt do  -1 len {"seq":1000…,"key":"abcd…","amount":417,"event_time":"2026-…"} 0 │ …
//!                                            ▲ 12 digits  ▲ width    fixed               ▲ 23 letters
//! ```
//!
//! * A template holds as many records as the largest batch. Sending n of them copies the first n,
//!   patches number, key and time in place, and completes the header: a few tens of nanoseconds an
//!   event, so that the sender does not take the processor from what is measured.
//! * Everything in a record has a fixed width, so a prefix of the template is a batch.
//! * A key is a text made from its number: letters and digits without a pattern, which therefore
//!   compress as badly as real identifiers do.
//! * Format: Kafka's record batch, version 2 (KIP-98), uncompressed; crc32c from the attributes on.

use std::ops::Range;

use millstream_core::time::civil_from_days;
use millstream_faultkit::chance::{Chance, mix};

/// Bytes of a batch before its records.
const HEADER: usize = 61;
/// The checksum covers what follows it.
const CRC_AT: usize = 17;
/// Digits of the number; it begins at a value of that many digits, as JSON allows no zero in front.
const SEQ_DIGITS: usize = 12;
const SEQ_BASE: u64 = 100_000_000_000;
/// `2026-11-21 01:02:03.123`
const TIME_WIDTH: usize = 23;
/// Bytes of a batch at most; brokers refuse more than 1 MiB.
const BATCH_BYTES_MAX: usize = 512 << 10;
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Amounts are 0 to 999, evenly: a tenth of all events is below 100.
pub(crate) const AMOUNTS: u64 = 1_000;

/// Which keys come.
#[derive(Clone, Debug)]
pub(crate) enum Keys {
    /// Each once: 0, 1, 2 and so on.
    Each(u64),
    /// Any of the first `count`.
    Uniform { count: u64, chance: Chance },
}

impl Keys {
    /// Any of the first `count`, as the seed says.
    pub(crate) fn uniform(count: u64, seed: u64) -> Keys {
        Keys::Uniform {
            count,
            chance: Chance::branch(seed, "keys"),
        }
    }

    fn next(&mut self) -> u64 {
        match self {
            Keys::Each(next) => {
                *next += 1;
                *next - 1
            }
            Keys::Uniform { count, chance } => chance.below(*count),
        }
    }
}

/// Records that only miss number, key and time.
pub(crate) struct Template {
    records: Vec<u8>,
    /// Where each record ends.
    ends: Vec<usize>,
    /// Where its parts are.
    seqs: Vec<usize>,
    keys: Vec<usize>,
    times: Vec<usize>,
    key_width: usize,
}

impl Template {
    /// A template for keys of this many letters.
    pub(crate) fn new(key_width: usize, seed: u64) -> Template {
        let mut chance = Chance::branch(seed, "amounts");
        let mut template = Template {
            records: Vec::new(),
            ends: Vec::new(),
            seqs: Vec::new(),
            keys: Vec::new(),
            times: Vec::new(),
            key_width,
        };
        while template.records.len() < BATCH_BYTES_MAX - 1024 {
            template.push(chance.below(AMOUNTS));
        }
        template
    }

    /// Most records of a batch.
    pub(crate) fn records_max(&self) -> usize {
        self.ends.len()
    }

    fn push(&mut self, amount: u64) {
        let value = format!(
            "{{\"seq\":{SEQ_BASE},\"key\":\"{}\",\"amount\":{amount},\"event_time\":\"2026-01-01 00:00:00.000\"}}",
            "a".repeat(self.key_width)
        );
        let value = value.as_bytes();
        let mut body = vec![0]; // attributes
        varint(&mut body, 0); // time after the batch's
        varint(&mut body, self.ends.len() as i64); // offset after the batch's
        varint(&mut body, -1); // no key
        varint(&mut body, value.len() as i64);
        let value_at = body.len();
        body.extend_from_slice(value);
        varint(&mut body, 0); // no headers
        varint(&mut self.records, body.len() as i64);
        let at = self.records.len() + value_at;
        self.records.extend_from_slice(&body);
        self.ends.push(self.records.len());
        let seq = at + "{\"seq\":".len();
        let key = seq + SEQ_DIGITS + ",\"key\":\"".len();
        self.seqs.push(seq);
        self.keys.push(key);
        self.times.push(at + value.len() - TIME_WIDTH - "\"}".len());
    }

    /// Appends a batch of `count` events, numbered from `seq`, all due at `time_ms`.
    pub(crate) fn append(
        &self,
        out: &mut Vec<u8>,
        count: usize,
        seq: u64,
        time_ms: i64,
        keys: &mut Keys,
    ) {
        let count = count.clamp(1, self.records_max());
        let start = out.len();
        let length = self.ends[count - 1];
        out.extend_from_slice(&header(count, length, time_ms));
        let from = out.len();
        out.extend_from_slice(&self.records[..length]);
        let records = &mut out[from..];
        let time = time_text(time_ms);
        for index in 0..count {
            let at = |start: usize, width: usize| -> Range<usize> { start..start + width };
            digits(
                &mut records[at(self.seqs[index], SEQ_DIGITS)],
                SEQ_BASE + seq + index as u64,
            );
            key_text(
                &mut records[at(self.keys[index], self.key_width)],
                keys.next(),
            );
            records[at(self.times[index], TIME_WIDTH)].copy_from_slice(&time);
        }
        let crc = crc32c::crc32c(&out[start + CRC_AT + 4..]);
        out[start + CRC_AT..start + CRC_AT + 4].copy_from_slice(&crc.to_be_bytes());
    }
}

fn header(count: usize, length: usize, time_ms: i64) -> [u8; HEADER] {
    let mut bytes = [0u8; HEADER];
    let mut at = 0;
    let mut put = |field: &[u8]| {
        bytes[at..at + field.len()].copy_from_slice(field);
        at += field.len();
    };
    put(&0i64.to_be_bytes()); // base offset: the broker's
    put(&((HEADER - 12 + length) as i32).to_be_bytes());
    put(&(-1i32).to_be_bytes()); // leader epoch: unknown
    put(&[2]); // version
    put(&[0; 4]); // crc: when all is there
    put(&0i16.to_be_bytes()); // no compression, time of creation
    put(&(count as i32 - 1).to_be_bytes());
    put(&time_ms.to_be_bytes());
    put(&time_ms.to_be_bytes());
    put(&(-1i64).to_be_bytes()); // no producer id
    put(&(-1i16).to_be_bytes());
    put(&(-1i32).to_be_bytes());
    put(&(count as i32).to_be_bytes());
    bytes
}

/// Zigzag, seven bits a byte.
fn varint(out: &mut Vec<u8>, value: i64) {
    let mut bits = ((value << 1) ^ (value >> 63)) as u64;
    while bits >= 0x80 {
        out.push((bits & 0x7f) as u8 | 0x80);
        bits >>= 7;
    }
    out.push(bits as u8);
}

fn digits(out: &mut [u8], mut value: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// The text of key number `number`; different numbers have different texts from 13 letters on.
pub(crate) fn key_text(out: &mut [u8], number: u64) {
    let mut bits = mix(number);
    let mut left = 12;
    for letter in out {
        if left == 0 {
            bits = mix(bits);
            left = 12;
        }
        *letter = LETTERS[(bits & 31) as usize];
        bits = bits.rotate_right(5);
        left -= 1;
    }
}

/// `yyyy-MM-dd HH:mm:ss.SSS`
fn time_text(time_ms: i64) -> [u8; TIME_WIDTH] {
    let mut text = *b"0000-00-00 00:00:00.000";
    let (year, month, day) = civil_from_days(time_ms.div_euclid(86_400_000));
    let of_day = time_ms.rem_euclid(86_400_000) as u64;
    digits(&mut text[0..4], year.unsigned_abs());
    digits(&mut text[5..7], u64::from(month));
    digits(&mut text[8..10], u64::from(day));
    digits(&mut text[11..13], of_day / 3_600_000);
    digits(&mut text[14..16], of_day / 60_000 % 60);
    digits(&mut text[17..19], of_day / 1_000 % 60);
    digits(&mut text[20..23], of_day % 1_000);
    text
}

#[cfg(test)]
mod tests {
    use millstream_faultkit::generator::parse_millis;

    use super::*;

    #[test]
    fn a_time_is_the_text_that_is_parsed_again() {
        for time in [0, 1_795_222_911_162, 951_782_400_007] {
            let text = time_text(time);
            let text = std::str::from_utf8(&text).unwrap();
            assert_eq!(parse_millis(text), Some(time), "{text}");
        }
    }

    #[test]
    fn a_batch_is_patched_in_place_and_its_checksum_fits() {
        let template = Template::new(20, 3);
        let mut batch = vec![7; 5];
        template.append(&mut batch, 3, 41, 1_795_222_911_162, &mut Keys::Each(0));
        let batch = &batch[5..];
        let length = i32::from_be_bytes(batch[8..12].try_into().unwrap());
        assert_eq!(length as usize, batch.len() - 12);
        let crc = u32::from_be_bytes(batch[17..21].try_into().unwrap());
        assert_eq!(crc, crc32c::crc32c(&batch[21..]));
        let text = String::from_utf8_lossy(batch).into_owned();
        let values: Vec<&str> = text.split("{\"seq\":").skip(1).collect();
        assert_eq!(values.len(), 3);
        for (index, value) in values.iter().enumerate() {
            let json = format!("{{\"seq\":{}}}", value.split('}').next().unwrap());
            let row: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!(row["seq"], 100_000_000_041u64 + index as u64);
            assert_eq!(row["event_time"], "2026-11-21 01:01:51.162");
            let mut key = [0; 20];
            key_text(&mut key, index as u64);
            assert_eq!(row["key"].as_str().unwrap().as_bytes(), key);
        }
    }

    #[test]
    fn keys_are_different_texts() {
        let text = |number| {
            let mut key = [0; 16];
            key_text(&mut key, number);
            key
        };
        let all: std::collections::BTreeSet<[u8; 16]> = (0..50_000).map(text).collect();
        assert_eq!(all.len(), 50_000);
    }
}
