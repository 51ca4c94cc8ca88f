//! The two questions librdkafka does not ask: which transactions are open, and since when.
//!
//! A question and its answer are a length and so many bytes; texts and lists have their length plus
//! one in front, as a variable-length integer, and every structure ends with tagged fields, which
//! are passed over. Both answers are bounded ([`ANSWER_BYTES_MAX`]) and read without trust.
//!
//! Source: Apache Kafka protocol guide; `ListTransactionsRequest` version 0,
//! `DescribeTransactionsRequest` version 0, flexible headers.
//!
//! Plain TCP only: a cluster that wants TLS or SASL does not answer.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;
const LIST_TRANSACTIONS: i16 = 66;
const DESCRIBE_TRANSACTIONS: i16 = 65;

/// A transaction as its coordinator lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) state: String,
}

/// What a coordinator tells of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Described {
    /// Error code of the protocol; 0 is none.
    pub(super) error: i16,
    pub(super) id: String,
    pub(super) state: String,
    pub(super) timeout_ms: i32,
    /// Milliseconds since 1970; -1 if none is open.
    pub(super) started_ms: i64,
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
    pub(super) topics: Vec<(String, Vec<i32>)>,
}

/// A connection to a broker.
pub(super) struct Connection {
    stream: TcpStream,
    correlation: i32,
}

impl Connection {
    /// Connects; each read and write may take `longest`.
    pub(super) fn open(host: &str, port: u16, longest: Duration) -> Result<Self, String> {
        let addresses = (host, port)
            .to_socket_addrs()
            .map_err(|error| error.to_string())?;
        let mut failure = "it has no address".to_string();
        for address in addresses {
            match TcpStream::connect_timeout(&address, longest) {
                Err(error) => failure = error.to_string(),
                Ok(stream) => {
                    stream
                        .set_read_timeout(Some(longest))
                        .and_then(|()| stream.set_write_timeout(Some(longest)))
                        .map_err(|error| error.to_string())?;
                    return Ok(Connection {
                        stream,
                        correlation: 0,
                    });
                }
            }
        }
        Err(failure)
    }

    /// The transactions this broker coordinates, in whatever state.
    pub(super) fn list(&mut self) -> Result<Vec<Listed>, String> {
        let mut body = Vec::new();
        put_length(&mut body, 0); // any state
        put_length(&mut body, 0); // any producer
        body.push(0);
        let answer = self.ask(LIST_TRANSACTIONS, &body)?;
        parse_list(&answer)
    }

    /// What is known of these transactions, all of which this broker coordinates.
    pub(super) fn describe(&mut self, ids: &[String]) -> Result<Vec<Described>, String> {
        let mut body = Vec::new();
        put_length(&mut body, ids.len());
        for id in ids {
            put_text(&mut body, id);
        }
        body.push(0);
        let answer = self.ask(DESCRIBE_TRANSACTIONS, &body)?;
        parse_description(&answer)
    }

    fn ask(&mut self, api: i16, body: &[u8]) -> Result<Vec<u8>, String> {
        self.correlation += 1;
        let mut request = Vec::new();
        request.extend_from_slice(&api.to_be_bytes());
        request.extend_from_slice(&0i16.to_be_bytes());
        request.extend_from_slice(&self.correlation.to_be_bytes());
        let client = b"millstream";
        request.extend_from_slice(&(client.len() as i16).to_be_bytes());
        request.extend_from_slice(client);
        request.push(0);
        request.extend_from_slice(body);
        let length = i32::try_from(request.len()).map_err(|_| "the question is too long")?;
        let no_answer = |error: std::io::Error| {
            format!("{error}; it may want TLS or SASL, or be no Kafka broker of version 3 or later")
        };
        let sent = self.stream.write_all(&length.to_be_bytes());
        sent.and_then(|()| self.stream.write_all(&request))
            .map_err(no_answer)?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).map_err(no_answer)?;
        let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > ANSWER_BYTES_MAX {
            return Err("it answers with something that is not Kafka's protocol".into());
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).map_err(no_answer)?;
        let mut cursor = Cursor(&answer);
        if cursor.i32()? != self.correlation {
            return Err("it answers another question".into());
        }
        cursor.tags()?;
        Ok(cursor.0.to_vec())
    }
}

fn parse_list(answer: &[u8]) -> Result<Vec<Listed>, String> {
    let mut cursor = Cursor(answer);
    cursor.i32()?; // throttle time
    let error = cursor.i16()?;
    if error != 0 {
        return Err(format!("it refuses with error code {error}"));
    }
    for _ in 0..cursor.length()? {
        cursor.text()?; // states it does not know
    }
    let mut listed = Vec::new();
    for _ in 0..cursor.length()? {
        let id = cursor.text()?;
        cursor.i64()?; // producer id
        let state = cursor.text()?;
        cursor.tags()?;
        listed.push(Listed { id, state });
    }
    Ok(listed)
}

fn parse_description(answer: &[u8]) -> Result<Vec<Described>, String> {
    let mut cursor = Cursor(answer);
    cursor.i32()?;
    let mut described = Vec::new();
    for _ in 0..cursor.length()? {
        let mut one = Described {
            error: cursor.i16()?,
            id: cursor.text()?,
            state: cursor.text()?,
            timeout_ms: cursor.i32()?,
            started_ms: cursor.i64()?,
            producer_id: cursor.i64()?,
            producer_epoch: cursor.i16()?,
            topics: Vec::new(),
        };
        for _ in 0..cursor.length()? {
            let topic = cursor.text()?;
            let count = cursor.length()?;
            let partitions = (0..count).map(|_| cursor.i32());
            let partitions = partitions.collect::<Result<Vec<_>, _>>()?;
            cursor.tags()?;
            one.topics.push((topic, partitions));
        }
        cursor.tags()?;
        described.push(one);
    }
    Ok(described)
}

/// The rest of an answer.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or("its answer is cut short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let taken = self.take(N)?;
        taken
            .try_into()
            .map_err(|_| "its answer is cut short".into())
    }

    fn i16(&mut self) -> Result<i16, String> {
        self.array().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Result<i32, String> {
        self.array().map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Result<i64, String> {
        self.array().map(i64::from_be_bytes)
    }

    fn varint(&mut self) -> Result<usize, String> {
        let mut value = 0usize;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("its answer has a number that does not end".into())
    }

    /// The length of a list or text; each element has at least a byte, so it is bounded by what is
    /// left.
    fn length(&mut self) -> Result<usize, String> {
        let length = self.varint()?.saturating_sub(1);
        match length <= self.0.len() {
            true => Ok(length),
            false => Err("its answer is cut short".into()),
        }
    }

    fn text(&mut self) -> Result<String, String> {
        let length = self.length()?;
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    fn tags(&mut self) -> Result<(), String> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let length = self.varint()?;
            self.take(length)?;
        }
        Ok(())
    }
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    let mut value = length + 1;
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list() -> Vec<u8> {
        let mut answer = vec![0, 0, 0, 0, 0, 0];
        put_length(&mut answer, 0);
        put_length(&mut answer, 1);
        put_text(&mut answer, "millstream-job-1");
        answer.extend_from_slice(&7i64.to_be_bytes());
        put_text(&mut answer, "Ongoing");
        answer.extend_from_slice(&[0, 0]);
        answer
    }

    #[test]
    fn a_list_of_transactions_is_read() {
        let listed = parse_list(&list()).unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].id, "millstream-job-1");
        assert_eq!(listed[0].state, "Ongoing");
        let refused = parse_list(&[0, 0, 0, 0, 0, 53]).unwrap_err();
        assert_eq!(refused, "it refuses with error code 53");
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic_or_allocate_without_bound(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            cut in 0usize..60,
            flip in 0usize..40,
        ) {
            drop(parse_list(&bytes));
            drop(parse_description(&bytes));
            let mut answer = list();
            if let Some(byte) = answer.get_mut(flip) {
                *byte ^= 0xff;
            }
            answer.truncate(cut);
            drop(parse_list(&answer));
        }
    }
}
