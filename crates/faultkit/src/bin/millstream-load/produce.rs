//! The one request that is needed to write: Produce, over plain TCP.
//!
//! * Version 3, the oldest a broker of Kafka 4 knows: fields of fixed width, no tags.
//! * Requests are sent one behind the other without waiting, at most [`IN_FLIGHT`] unanswered; a
//!   thread of its own reads the answers, which come in order.
//! * `acks=1`: answered once the broker has it. An error of any partition ends the writing.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use millstream_core::{Code, Error, Result};
use parking_lot::Mutex;

/// Unanswered requests at most.
const IN_FLIGHT: usize = 8;
/// Longest wait for the broker.
const PATIENCE: Duration = Duration::from_secs(30);
const API_PRODUCE: i16 = 0;
const API_VERSION: i16 = 3;
/// No answer is that long.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// A connection that writes to one topic.
pub(crate) struct Connection {
    stream: TcpStream,
    topic: String,
    correlation: i32,
    turns: SyncSender<()>,
    fault: Arc<Mutex<Option<Error>>>,
    reader: Option<JoinHandle<()>>,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects to the broker.
    pub(crate) fn open(bootstrap: &str, topic: &str) -> Result<Connection> {
        let cannot = |cause| failed(topic, "cannot connect").caused_by(cause);
        let address: SocketAddr = bootstrap
            .parse()
            .map_err(|_| failed(topic, "wants the broker as address:port"))?;
        let stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(cannot)?;
        stream.set_nodelay(true).map_err(cannot)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(cannot)?;
        let answers = stream.try_clone().map_err(cannot)?;
        let (turns, asked) = sync_channel(IN_FLIGHT);
        let fault = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&fault);
        let name = topic.to_string();
        let reader = std::thread::Builder::new()
            .name("load-answers".into())
            .spawn(move || {
                if let Err(error) = read_answers(answers, &asked, &name) {
                    *seen.lock() = Some(error);
                }
            })
            .map_err(cannot)?;
        Ok(Connection {
            stream,
            topic: topic.to_string(),
            correlation: 0,
            turns,
            fault,
            reader: Some(reader),
            buffer: Vec::new(),
        })
    }

    /// Sends one batch to each of some partitions; `fill` appends the batch of a partition.
    pub(crate) fn send(
        &mut self,
        partitions: &[i32],
        mut fill: impl FnMut(i32, &mut Vec<u8>),
    ) -> Result<()> {
        self.correlation = self.correlation.wrapping_add(1);
        let out = &mut self.buffer;
        out.clear();
        out.extend_from_slice(&[0; 4]); // the length comes last
        out.extend_from_slice(&API_PRODUCE.to_be_bytes());
        out.extend_from_slice(&API_VERSION.to_be_bytes());
        out.extend_from_slice(&self.correlation.to_be_bytes());
        text(out, "millstream-load");
        out.extend_from_slice(&(-1i16).to_be_bytes()); // no transaction
        out.extend_from_slice(&1i16.to_be_bytes()); // acks
        out.extend_from_slice(&(PATIENCE.as_millis() as i32).to_be_bytes());
        out.extend_from_slice(&1i32.to_be_bytes()); // topics
        text(out, &self.topic);
        out.extend_from_slice(&(partitions.len() as i32).to_be_bytes());
        for &partition in partitions {
            out.extend_from_slice(&partition.to_be_bytes());
            let at = out.len();
            out.extend_from_slice(&[0; 4]);
            fill(partition, out);
            let length = (out.len() - at - 4) as i32;
            out[at..at + 4].copy_from_slice(&length.to_be_bytes());
        }
        let length = (out.len() - 4) as i32;
        out[..4].copy_from_slice(&length.to_be_bytes());
        let answerable = self.turns.send(()).is_ok();
        let written = self.stream.write_all(&self.buffer);
        match (answerable, written) {
            (true, Ok(())) => Ok(()),
            (_, written) => Err(self.why(written.err())),
        }
    }

    fn why(&self, cause: Option<std::io::Error>) -> Error {
        if let Some(error) = self.fault.lock().take() {
            return error;
        }
        match cause {
            Some(cause) => failed(&self.topic, "cannot send").caused_by(cause),
            None => failed(&self.topic, "the broker's answers ended"),
        }
    }

    /// Waits until everything is answered.
    pub(crate) fn finish(mut self) -> Result<()> {
        let (nobody, _) = sync_channel(1);
        // With the last sender gone, the reader ends after the last answer.
        drop(std::mem::replace(&mut self.turns, nobody));
        if let Some(reader) = self.reader.take() {
            reader
                .join()
                .map_err(|_| failed(&self.topic, "the reader of answers panicked"))?;
        }
        match self.fault.lock().take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

fn failed(topic: &str, what: &str) -> Error {
    Error::new(
        Code::Write,
        format!("cannot write to topic '{topic}': {what}"),
    )
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as i16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// A turn is taken when its request is sent, and freed by its answer.
fn read_answers(stream: TcpStream, asked: &Receiver<()>, topic: &str) -> Result<()> {
    stream
        .set_read_timeout(Some(PATIENCE))
        .map_err(|cause| failed(topic, "cannot set a deadline").caused_by(cause))?;
    let mut stream = BufReader::new(stream);
    while asked.recv().is_ok() {
        let answer = read_answer(&mut stream)
            .map_err(|cause| failed(topic, "no answer").caused_by(cause))?;
        match error_of(&answer) {
            Some(0) => {}
            Some(code) => return Err(failed(topic, &format!("the broker says error {code}"))),
            None => return Err(failed(topic, "an answer that is too short")),
        }
    }
    Ok(())
}

fn read_answer(stream: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > ANSWER_BYTES_MAX {
        return Err(std::io::Error::other(format!(
            "an answer of {length} bytes"
        )));
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

/// The first error code that is not 0, else 0: topics of partitions of (index, error, offset, time).
fn error_of(answer: &[u8]) -> Option<i16> {
    let mut rest = answer.get(4..)?;
    let mut take = |count: usize| -> Option<&[u8]> {
        let (head, tail) = rest.split_at_checked(count)?;
        rest = tail;
        Some(head)
    };
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0i64, |sum, byte| sum << 8 | i64::from(*byte))
    };
    for _ in 0..number(take(4)?) {
        let name = number(take(2)?) as usize;
        take(name)?;
        for _ in 0..number(take(4)?) {
            let partition = take(22)?;
            let error = i16::from_be_bytes([partition[4], partition[5]]);
            if error != 0 {
                return Some(error);
            }
        }
    }
    Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(error: i16) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 9];
        bytes.extend_from_slice(&1i32.to_be_bytes());
        text(&mut bytes, "in");
        bytes.extend_from_slice(&2i32.to_be_bytes());
        for (index, error) in [(0i32, 0), (1, error)] {
            bytes.extend_from_slice(&index.to_be_bytes());
            bytes.extend_from_slice(&error.to_be_bytes());
            bytes.extend_from_slice(&[0; 16]);
        }
        bytes.extend_from_slice(&[0; 4]);
        bytes
    }

    #[test]
    fn the_error_of_any_partition_is_found() {
        assert_eq!(error_of(&answer(0)), Some(0));
        assert_eq!(error_of(&answer(10)), Some(10));
        assert_eq!(error_of(&answer(0)[..20]), None);
    }

    #[test]
    fn a_broker_that_is_not_there_is_an_error() {
        assert!(Connection::open("127.0.0.1:1", "in").is_err());
        assert!(Connection::open("somewhere", "in").is_err());
    }
}
