//! One connection: two readers, two writers, and what the rules do to its requests.

use std::io::{self, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use millstream_core::clock::{Clock, SystemClock};
use parking_lot::Mutex;

use super::control::{Control, Link};
use super::frame::{self, Protocol, Request};
use super::rule::{Action, Weather};
use super::{CONNECT_TIMEOUT, TICK};

/// Units that may wait in one direction.
const QUEUE_UNITS: usize = 16;

/// How long a held-back copy tries to reach a server that is away.
const COPY_DEADLINE: Duration = Duration::from_secs(30);

/// Bytes on their way, and when they may arrive.
struct Unit {
    due: Duration,
    bytes: Vec<u8>,
}

/// Which answer is not passed on.
enum Swallow {
    Correlation(i32),
    Next,
}

#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down,
}

impl Direction {
    fn is_blocked(self, weather: Weather) -> bool {
        match self {
            Direction::Up => weather.block_up,
            Direction::Down => weather.block_down,
        }
    }
}

/// What the threads of one connection share.
struct Shared {
    control: Arc<Control>,
    link: Arc<Link>,
    swallow: Mutex<Option<Swallow>>,
    clock: SystemClock,
}

/// Takes a client over; its threads end with it.
pub(super) fn start(client: TcpStream, control: &Arc<Control>) {
    let control = Arc::clone(control);
    spawn("faultkit-link", move || {
        // A server that cannot be reached: the client is dropped and sees a closed connection.
        connect(client, control).unwrap_or_default();
    });
}

/// Starts a thread; without one left the work is dropped, which closes its sockets.
fn spawn(name: &str, run: impl FnOnce() + Send + 'static) {
    let started = std::thread::Builder::new().name(name.into()).spawn(run);
    if let Err(cause) = started {
        eprintln!("{name}: cannot start a thread: {cause}");
    }
}

fn connect(client: TcpStream, control: Arc<Control>) -> io::Result<()> {
    client.set_nonblocking(false)?;
    let server = TcpStream::connect_timeout(&control.server(), CONNECT_TIMEOUT)?;
    for socket in [&client, &server] {
        socket.set_nodelay(true)?;
        // A peer that does not read must not keep a writer from seeing a cut.
        socket.set_write_timeout(Some(TICK * 10))?;
    }
    let link = Arc::new(Link::new(client.try_clone()?, server.try_clone()?));
    let number = control.enter(&link);
    let shared = Arc::new(Shared {
        control: Arc::clone(&control),
        link,
        swallow: Mutex::new(None),
        clock: SystemClock::new(),
    });
    if control.is_stopped() {
        shared.link.reset();
    }
    let result = run(client, server, &shared);
    if result.is_err() {
        shared.link.reset();
    }
    control.leave(number);
    result
}

/// Moves bytes until both directions have ended.
fn run(client: TcpStream, server: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    let (up, up_units) = sync_channel(QUEUE_UNITS);
    let (down, down_units) = sync_channel(QUEUE_UNITS);
    let (from_client, from_server) = (client.try_clone()?, server.try_clone()?);
    std::thread::scope(|scope| {
        let thread = |name: &str| std::thread::Builder::new().name(name.into());
        let answers = down.clone();
        thread("faultkit-up")
            .spawn_scoped(scope, move || shared.read_up(from_client, &up, &answers))?;
        thread("faultkit-down")
            .spawn_scoped(scope, move || shared.read_down(from_server, &down))?;
        thread("faultkit-write").spawn_scoped(scope, move || {
            shared.write(&up_units, server, Direction::Up)
        })?;
        shared.write(&down_units, client, Direction::Down);
        Ok(())
    })
}

impl Shared {
    fn read_up(&self, client: TcpStream, up: &SyncSender<Unit>, answers: &SyncSender<Unit>) {
        let mut from = BufReader::new(client);
        loop {
            match frame::request(&mut from, self.control.protocol) {
                Ok(None) => return,
                Err(_) => return self.link.reset(),
                Ok(Some((request, bytes))) => {
                    let action = self.control.judge(&request);
                    if !self.act(action, &request, bytes, up, answers) {
                        return;
                    }
                }
            }
        }
    }

    /// Carries out a rule's action; false when the connection is over.
    fn act(
        &self,
        action: Option<Action>,
        request: &Request,
        bytes: Vec<u8>,
        up: &SyncSender<Unit>,
        answers: &SyncSender<Unit>,
    ) -> bool {
        match action {
            None => self.forward(bytes, up),
            Some(Action::CutBeforeRequest) => self.over(Link::reset),
            Some(Action::CutAfterRequest) => {
                // Past the queue: what waits there came earlier and is lost with the connection.
                self.deliver_now(&bytes);
                self.over(Link::reset)
            }
            Some(Action::CutBeforeAnswer) => {
                *self.swallow.lock() = Some(match request {
                    Request::Kafka { correlation, .. } => Swallow::Correlation(*correlation),
                    _ => Swallow::Next,
                });
                self.forward(bytes, up)
            }
            Some(Action::CopyLater(after)) => {
                self.deliver_later(bytes.clone(), after);
                self.forward(bytes, up)
            }
            Some(Action::HoldAndCut(after)) => {
                self.deliver_later(bytes, after);
                self.over(Link::reset_client)
            }
            Some(Action::Answer(status)) if matches!(request, Request::Http { .. }) => {
                let head = format!("HTTP/1.1 {status} Injected\r\ncontent-length: 0\r\n\r\n");
                self.forward(head.into_bytes(), answers)
            }
            Some(Action::Answer(_)) => self.over(Link::reset),
        }
    }

    fn over(&self, end: impl Fn(&Link)) -> bool {
        end(&self.link);
        false
    }

    fn forward(&self, bytes: Vec<u8>, into: &SyncSender<Unit>) -> bool {
        let due = self.clock.elapsed() + self.control.delay();
        into.send(Unit { due, bytes }).is_ok()
    }

    fn deliver_now(&self, bytes: &[u8]) {
        // The outcome is unknown by intention, so a failed write is one of the outcomes.
        self.link.write_to_server(bytes).unwrap_or_default();
    }

    /// Sends a request to the server on a connection of its own, later.
    fn deliver_later(&self, bytes: Vec<u8>, after: Duration) {
        let control = Arc::clone(&self.control);
        spawn("faultkit-copy", move || {
            let clock = SystemClock::new();
            while clock.elapsed() < after && !control.is_stopped() {
                std::thread::sleep(TICK.min(after));
            }
            while clock.elapsed() < after + COPY_DEADLINE && !control.is_stopped() {
                if deliver(&bytes, &control).is_ok() {
                    return control.copy_delivered();
                }
                std::thread::sleep(TICK * 10);
            }
        });
    }

    fn read_down(&self, server: TcpStream, down: &SyncSender<Unit>) {
        let mut from = BufReader::new(server);
        loop {
            match frame::answer(&mut from, self.control.protocol) {
                Ok(None) => return,
                Err(_) => return self.link.reset(),
                Ok(Some((correlation, bytes))) => {
                    if self.is_swallowed(correlation) {
                        return self.link.reset_client();
                    }
                    if !self.forward(bytes, down) {
                        return;
                    }
                }
            }
        }
    }

    fn is_swallowed(&self, answer: Option<i32>) -> bool {
        match &*self.swallow.lock() {
            None => false,
            Some(Swallow::Next) => true,
            Some(Swallow::Correlation(wanted)) => answer == Some(*wanted),
        }
    }

    /// Writes units when they are due, until the reader has ended or the connection is cut.
    fn write(&self, units: &Receiver<Unit>, mut to: TcpStream, direction: Direction) {
        while let Ok(unit) = units.recv() {
            if !self.wait_for(unit.due, direction) {
                return;
            }
            if self.write_paced(&unit.bytes, &mut to).is_err() {
                return self.link.reset();
            }
        }
        // Pass an orderly end on; after a cut the sockets end with a reset instead.
        if !self.link.is_cut() && to.shutdown(std::net::Shutdown::Write).is_err() {
            self.link.reset();
        }
    }

    /// Waits for the time and for the direction to be open; false when the connection is cut.
    fn wait_for(&self, due: Duration, direction: Direction) -> bool {
        loop {
            if self.link.is_cut() {
                return false;
            }
            let wait = due.saturating_sub(self.clock.elapsed());
            let blocked = direction.is_blocked(self.control.weather());
            match (wait.is_zero(), blocked) {
                (true, false) => return true,
                (true, true) => std::thread::sleep(TICK),
                (false, _) => std::thread::sleep(wait.min(TICK)),
            }
        }
    }

    fn write_paced(&self, bytes: &[u8], to: &mut TcpStream) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            // Twenty pieces a second: smooth enough, and a change of weather is seen soon.
            let rate = self
                .control
                .weather()
                .bytes_per_second
                .filter(|rate| *rate > 0);
            let piece = rate.map_or(rest.len(), |rate| (rate as usize / 20).clamp(1, rest.len()));
            if let Some(rate) = rate {
                // Before the bytes: they arrive when the last of them would have.
                let pause = Duration::from_secs_f64(piece as f64 / rate as f64);
                std::thread::sleep(pause.min(Duration::from_secs(1)));
            }
            let written = self.write_some(&rest[..piece], to)?;
            rest = &rest[written..];
        }
        Ok(())
    }

    fn write_some(&self, bytes: &[u8], to: &mut TcpStream) -> io::Result<usize> {
        loop {
            if self.link.is_cut() {
                return Err(io::Error::from(io::ErrorKind::ConnectionAborted));
            }
            match to.write(bytes) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero)),
                Err(cause) if is_wait(&cause) => {}
                other => return other,
            }
        }
    }
}

fn is_wait(cause: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(cause.kind(), Interrupted | TimedOut | WouldBlock)
}

/// Sends bytes and waits for an answer, so that they were really taken in.
fn deliver(bytes: &[u8], control: &Control) -> io::Result<()> {
    let mut server = TcpStream::connect_timeout(&control.server(), CONNECT_TIMEOUT)?;
    server.set_write_timeout(Some(CONNECT_TIMEOUT))?;
    server.set_read_timeout(Some(CONNECT_TIMEOUT))?;
    server.write_all(bytes)?;
    if control.protocol == Protocol::Tcp {
        return Ok(());
    }
    // A late request is often refused, also by closing the connection: either is an answer.
    match frame::answer(&mut BufReader::new(server), control.protocol) {
        Err(cause) if is_wait(&cause) => Err(cause),
        _ => Ok(()),
    }
}
