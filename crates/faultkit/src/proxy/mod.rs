//! A TCP proxy that hurts connections: seeded, and able to read Kafka and HTTP requests.
//!
//! ```text
//! client ══▶ listener ─▶ reader ─▶ queue(due time) ─▶ writer ══▶ server
//!                          │ request? rules: cut, reset, answer, copy       (up)
//!        ◀══ writer ◀─ queue(due time) ◀─ reader ◀════════════ (answers: swallowed or passed)
//! ```
//!
//! * [`Weather`] holds all the time and may change at any time: delay with jitter (later bytes
//!   are not held up by earlier ones more than order demands), bytes per second, refused
//!   connections, one or both directions cut off (bytes wait, as TCP would send them again).
//! * A [`Rule`] meets chosen requests: by Kafka API key or by HTTP method and path, after so many,
//!   so many times, with a probability. The most valuable one is [`Action::CutBeforeAnswer`]: the
//!   server has done it and the client cannot know.
//! * Kafka clients reconnect to the *advertised* address: start the broker with the proxy's port as
//!   its advertised port (or with a second listener advertised as the proxy).
//! * Seen with Apache Kafka 4.3.1 and librdkafka 2.12.1: the client sends an EndTxn whose answer was
//!   cut again by itself and reports success, so an outcome that stays unknown wants
//!   [`Weather::block_down`] beyond the client's deadline. A copy of EndTxn that arrives late commits
//!   the *next* transaction, which is still open (X6): [`Action::CopyLater`] makes it happen.
//! * Always: bounded (frames of at most 128 MiB, 16 units in a queue, 256 connections); the same
//!   seed and the same requests give the same faults; dropping the proxy ends every connection.
//! * Cost: four threads per connection, which no runtime of a test can starve.
//! * Source: Kafka protocol guide, "Protocol primitive types" and "Common request and response
//!   structure".

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use millstream_core::{Code, Error, Result};

mod connection;
mod control;
mod frame;
mod rule;
#[cfg(test)]
mod tests;

use control::Control;
pub use frame::{Protocol, Request};
pub use rule::{Action, Match, Rule, Weather, api};

/// How often stop flags and weather are looked at.
const TICK: Duration = Duration::from_millis(5);

/// Most connections at a time; more are refused.
const CONNECTIONS_MAX: usize = 256;

/// Longest wait for a connection to the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A running proxy.
pub struct Proxy {
    address: SocketAddr,
    control: Arc<Control>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Listens on `listen` (port 0 for a free one) and forwards to `server`.
    pub fn start(
        listen: SocketAddr,
        server: SocketAddr,
        protocol: Protocol,
        seed: u64,
    ) -> Result<Self> {
        let failed = |cause: std::io::Error| {
            Error::new(Code::Write, format!("cannot listen on {listen}")).caused_by(cause)
        };
        let listener = TcpListener::bind(listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let control = Arc::new(Control::new(server, protocol, seed));
        let shared = Arc::clone(&control);
        let thread = std::thread::Builder::new()
            .name("faultkit-proxy".into())
            .spawn(move || accept(listener, address, &shared))
            .map_err(failed)?;
        Ok(Proxy {
            address,
            control,
            thread: Some(thread),
        })
    }

    /// A proxy on a free loopback port.
    pub fn local(server: SocketAddr, protocol: Protocol, seed: u64) -> Result<Self> {
        Self::start(
            SocketAddr::from(([127, 0, 0, 1], 0)),
            server,
            protocol,
            seed,
        )
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Forwards to another server from the next connection on, such as a restarted broker.
    pub fn set_server(&self, server: SocketAddr) {
        self.control.set_server(server);
    }

    /// Changes what holds all the time; also for open connections.
    pub fn set_weather(&self, weather: Weather) {
        self.control.set_weather(weather);
    }

    /// Adds a rule; rules are tried in the order they were added, the first that fires acts.
    pub fn add_rule(&self, rule: Rule) {
        self.control.add_rule(rule);
    }

    /// Forgets all rules.
    pub fn clear_rules(&self) {
        self.control.clear_rules();
    }

    /// Resets every open connection now; returns how many.
    pub fn reset_all(&self) -> usize {
        self.control.reset_all()
    }

    /// How often each action was carried out, by its name.
    pub fn fired(&self) -> BTreeMap<&'static str, u64> {
        self.control.fired()
    }

    /// How many requests of each Kafka API key came by.
    pub fn requests(&self) -> BTreeMap<i16, u64> {
        self.control.requests()
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.control.connections()
    }

    /// How many held-back copies (see [`Action::CopyLater`]) have reached the server.
    pub fn copies_delivered(&self) -> u64 {
        self.control.copies_delivered()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.control.stop();
        if let Some(thread) = self.thread.take() {
            // It only accepts; its end is all that matters here.
            thread.join().unwrap_or_default();
        }
    }
}

/// Accepts until stopped. Refusing closes the listener itself, so that clients see what they see
/// of a dead server: a refused connection, not one that is accepted and dropped.
fn accept(listener: TcpListener, address: SocketAddr, control: &Arc<Control>) {
    let mut listener = Some(listener);
    while !control.is_stopped() {
        let refuse = control.weather().refuse;
        if refuse {
            listener = None;
        } else if listener.is_none() {
            // The port may be taken for a moment by an outgoing connection: try again.
            listener = TcpListener::bind(address).ok();
        }
        let accepted = listener.as_ref().map(|listener| {
            listener.set_nonblocking(true)?;
            listener.accept()
        });
        match accepted {
            Some(Ok((client, _))) if control.connections() < CONNECTIONS_MAX => {
                connection::start(client, control);
            }
            // Full: dropped, which closes it. Nobody waiting, or no listener: look again soon.
            Some(Ok(_)) => {}
            _ => std::thread::sleep(TICK),
        }
    }
}
