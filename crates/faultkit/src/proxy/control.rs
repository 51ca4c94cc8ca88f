//! What all threads of a proxy share: weather, rules, counters, the open connections.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::sys::socket::{setsockopt, sockopt};
use parking_lot::Mutex;

use super::frame::{Protocol, Request};
use super::rule::{Action, Rule, Weather};
use crate::chance::Chance;

pub(super) struct Control {
    pub(super) protocol: Protocol,
    stopped: AtomicBool,
    copies_delivered: AtomicU64,
    inner: Mutex<Inner>,
}

struct Inner {
    server: SocketAddr,
    weather: Weather,
    rules: Vec<Rule>,
    chance: Chance,
    fired: BTreeMap<&'static str, u64>,
    requests: BTreeMap<i16, u64>,
    links: BTreeMap<u64, Arc<Link>>,
    next_link: u64,
}

/// The two sockets of one connection.
pub(super) struct Link {
    client: TcpStream,
    server: TcpStream,
    cut: AtomicBool,
}

impl Link {
    pub(super) fn new(client: TcpStream, server: TcpStream) -> Self {
        Link {
            client,
            server,
            cut: AtomicBool::new(false),
        }
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }

    pub(super) fn write_to_server(&self, bytes: &[u8]) -> std::io::Result<()> {
        (&self.server).write_all(bytes)
    }

    /// Ends both sides: with a reset where the system allows it, so that the peer sees an error
    /// and not an orderly end.
    pub(super) fn reset(&self) {
        self.cut.store(true, Ordering::SeqCst);
        reset(&self.client);
        reset(&self.server);
    }

    /// Resets the client only; what the server has got stays its business.
    pub(super) fn reset_client(&self) {
        self.cut.store(true, Ordering::SeqCst);
        reset(&self.client);
        // Ends the reader that still waits for the server.
        close(&self.server);
    }
}

/// Linger of zero: the close that follows sends RST. Shutting down first would send FIN, so the
/// threads are woken by shutting down the reading half only.
fn reset(socket: &TcpStream) {
    let linger = nix::libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    if setsockopt(socket, sockopt::Linger, &linger).is_err() {
        close(socket);
        return;
    }
    if let Err(cause) = socket.shutdown(std::net::Shutdown::Read) {
        debug_assert!(is_gone(&cause), "{cause}");
    }
}

fn close(socket: &TcpStream) {
    if let Err(cause) = socket.shutdown(std::net::Shutdown::Both) {
        debug_assert!(is_gone(&cause), "{cause}");
    }
}

/// The peer was faster: the only way to fail for shutting down a socket that is ours.
fn is_gone(cause: &std::io::Error) -> bool {
    cause.kind() == std::io::ErrorKind::NotConnected
}

impl Control {
    pub(super) fn new(server: SocketAddr, protocol: Protocol, seed: u64) -> Self {
        let inner = Inner {
            server,
            weather: Weather::default(),
            rules: Vec::new(),
            chance: Chance::branch(seed, "proxy"),
            fired: BTreeMap::new(),
            requests: BTreeMap::new(),
            links: BTreeMap::new(),
            next_link: 0,
        };
        Control {
            protocol,
            stopped: AtomicBool::new(false),
            copies_delivered: AtomicU64::new(0),
            inner: Mutex::new(inner),
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.reset_all();
    }

    pub(super) fn server(&self) -> SocketAddr {
        self.inner.lock().server
    }

    pub(super) fn set_server(&self, server: SocketAddr) {
        self.inner.lock().server = server;
    }

    pub(super) fn weather(&self) -> Weather {
        self.inner.lock().weather
    }

    pub(super) fn set_weather(&self, weather: Weather) {
        self.inner.lock().weather = weather;
    }

    pub(super) fn add_rule(&self, rule: Rule) {
        self.inner.lock().rules.push(rule);
    }

    pub(super) fn clear_rules(&self) {
        self.inner.lock().rules.clear();
    }

    pub(super) fn fired(&self) -> BTreeMap<&'static str, u64> {
        self.inner.lock().fired.clone()
    }

    pub(super) fn requests(&self) -> BTreeMap<i16, u64> {
        self.inner.lock().requests.clone()
    }

    pub(super) fn copies_delivered(&self) -> u64 {
        self.copies_delivered.load(Ordering::SeqCst)
    }

    pub(super) fn copy_delivered(&self) {
        self.copies_delivered.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts a request and says what happens to it.
    pub(super) fn judge(&self, request: &Request) -> Option<Action> {
        let inner = &mut *self.inner.lock();
        if let Request::Kafka { api, .. } = request {
            *inner.requests.entry(*api).or_default() += 1;
        }
        let chance = &mut inner.chance;
        let action = inner
            .rules
            .iter_mut()
            .find_map(|rule| rule.fire(request, chance))?;
        *inner.fired.entry(action.name()).or_default() += 1;
        Some(action)
    }

    /// The delay of one unit.
    pub(super) fn delay(&self) -> std::time::Duration {
        let inner = &mut *self.inner.lock();
        let delay = inner.weather.delay;
        delay.map_or(std::time::Duration::ZERO, |(low, high)| {
            inner.chance.duration(low, high)
        })
    }

    pub(super) fn enter(&self, link: &Arc<Link>) -> u64 {
        let inner = &mut *self.inner.lock();
        inner.next_link += 1;
        inner.links.insert(inner.next_link, Arc::clone(link));
        inner.next_link
    }

    pub(super) fn leave(&self, number: u64) {
        self.inner.lock().links.remove(&number);
    }

    pub(super) fn connections(&self) -> usize {
        self.inner.lock().links.len()
    }

    pub(super) fn reset_all(&self) -> usize {
        let links: Vec<Arc<Link>> = self.inner.lock().links.values().map(Arc::clone).collect();
        links.iter().for_each(|link| link.reset());
        links.len()
    }
}
