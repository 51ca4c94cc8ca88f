use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};

use millstream_core::clock::{Clock, SystemClock};
use parking_lot::Mutex;

use super::*;

/// A server that answers each Kafka frame with its correlation number and keeps the API keys.
struct Broker {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<i16>>>,
}

impl Broker {
    fn start() -> Broker {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&seen);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let all = Arc::clone(&all);
                std::thread::spawn(move || answer_all(client.unwrap(), &all));
            }
        });
        Broker { address, seen }
    }

    fn seen(&self, api: i16) -> usize {
        self.seen.lock().iter().filter(|seen| **seen == api).count()
    }

    fn wait_for(&self, api: i16, times: usize) {
        let there = (0..1_000).any(|_| {
            std::thread::sleep(Duration::from_millis(2));
            self.seen(api) == times
        });
        assert!(
            there,
            "api {api} seen {} times, wanted {times}",
            self.seen(api)
        );
    }
}

fn answer_all(mut client: TcpStream, seen: &Mutex<Vec<i16>>) {
    let mut size = [0; 4];
    while client.read_exact(&mut size).is_ok() {
        let mut frame = vec![0; u32::from_be_bytes(size) as usize];
        if client.read_exact(&mut frame).is_err() {
            return;
        }
        seen.lock().push(i16::from_be_bytes([frame[0], frame[1]]));
        let mut answer = 8i32.to_be_bytes().to_vec();
        answer.extend_from_slice(&frame[4..8]);
        answer.extend_from_slice(b"done");
        if client.write_all(&answer).is_err() {
            return;
        }
    }
}

struct Client(TcpStream);

impl Client {
    fn connect(proxy: &Proxy) -> Client {
        let stream = TcpStream::connect(proxy.address()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        Client(stream)
    }

    fn send(&mut self, api: i16, correlation: i32) -> io::Result<()> {
        let mut frame = 11i32.to_be_bytes().to_vec();
        frame.extend_from_slice(&api.to_be_bytes());
        frame.extend_from_slice(&1i16.to_be_bytes());
        frame.extend_from_slice(&correlation.to_be_bytes());
        frame.extend_from_slice(b"abc");
        self.0.write_all(&frame)
    }

    fn receive(&mut self) -> io::Result<i32> {
        let mut answer = [0; 12];
        self.0.read_exact(&mut answer)?;
        Ok(i32::from_be_bytes([
            answer[4], answer[5], answer[6], answer[7],
        ]))
    }

    fn ask(&mut self, api: i16, correlation: i32) -> io::Result<i32> {
        self.send(api, correlation)?;
        self.receive()
    }
}

fn kafka() -> (Broker, Proxy) {
    let broker = Broker::start();
    let proxy = Proxy::local(broker.address, Protocol::Kafka, 1).unwrap();
    (broker, proxy)
}

#[test]
fn in_fair_weather_every_answer_comes_and_requests_are_counted() {
    let (_broker, proxy) = kafka();
    let mut client = Client::connect(&proxy);
    for number in 0..100 {
        assert_eq!(client.ask(api::PRODUCE, number).unwrap(), number);
    }
    assert_eq!(client.ask(api::FETCH, -5).unwrap(), -5);
    assert_eq!(
        proxy.requests(),
        BTreeMap::from([(api::PRODUCE, 100), (api::FETCH, 1)])
    );
    assert!(proxy.fired().is_empty());
}

#[test]
fn a_cut_before_the_answer_comes_after_the_server_has_done_it_and_only_for_its_key() {
    let (broker, proxy) = kafka();
    let rule = Rule {
        skip: 1,
        ..Rule::once(Match::Kafka(api::END_TXN), Action::CutBeforeAnswer)
    };
    proxy.add_rule(rule);
    let mut client = Client::connect(&proxy);
    assert_eq!(
        client.ask(api::END_TXN, 1).unwrap(),
        1,
        "the first one is skipped"
    );
    assert_eq!(client.ask(api::PRODUCE, 2).unwrap(), 2);
    let error = client.ask(api::END_TXN, 3).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
    assert_eq!(broker.seen(api::END_TXN), 2);
    let mut again = Client::connect(&proxy);
    assert_eq!(again.ask(api::END_TXN, 4).unwrap(), 4, "it fires once");
    assert_eq!(proxy.fired(), BTreeMap::from([("cut-before-answer", 1)]));
}

#[test]
fn answers_to_earlier_requests_still_come_before_a_swallowed_one() {
    let (_broker, proxy) = kafka();
    proxy.add_rule(Rule::once(
        Match::Kafka(api::END_TXN),
        Action::CutBeforeAnswer,
    ));
    let mut client = Client::connect(&proxy);
    // A delay keeps the first answer on its way while the second request goes out.
    proxy.set_weather(Weather::slow(Duration::from_millis(30), Duration::ZERO));
    client.send(api::PRODUCE, 1).unwrap();
    assert_eq!(client.receive().unwrap(), 1);
    client.send(api::END_TXN, 2).unwrap();
    assert!(client.receive().is_err());
}

#[test]
fn a_cut_before_the_request_never_reaches_the_server() {
    let (broker, proxy) = kafka();
    proxy.add_rule(Rule::once(
        Match::Kafka(api::END_TXN),
        Action::CutBeforeRequest,
    ));
    let mut client = Client::connect(&proxy);
    assert!(client.ask(api::END_TXN, 1).is_err());
    assert_eq!(broker.seen(api::END_TXN), 0);
    proxy.clear_rules();
    assert_eq!(Client::connect(&proxy).ask(api::END_TXN, 2).unwrap(), 2);
}

#[test]
fn a_copy_arrives_later_and_a_held_request_arrives_after_the_client_was_cut() {
    let (broker, proxy) = kafka();
    let later = Duration::from_millis(150);
    proxy.add_rule(Rule::once(
        Match::Kafka(api::END_TXN),
        Action::CopyLater(later),
    ));
    proxy.add_rule(Rule::once(
        Match::Kafka(api::PRODUCE),
        Action::HoldAndCut(later),
    ));
    let mut client = Client::connect(&proxy);
    assert_eq!(client.ask(api::END_TXN, 1).unwrap(), 1);
    assert_eq!(broker.seen(api::END_TXN), 1, "the copy is still held");
    broker.wait_for(api::END_TXN, 2);

    assert!(client.ask(api::PRODUCE, 2).is_err());
    assert_eq!(broker.seen(api::PRODUCE), 0, "the request is still held");
    broker.wait_for(api::PRODUCE, 1);
    let counted = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(2));
        proxy.copies_delivered() == 2
    });
    assert!(counted);
}

#[test]
fn a_cut_after_the_request_resets_the_client() {
    let (_broker, proxy) = kafka();
    proxy.add_rule(Rule::once(
        Match::Kafka(api::PRODUCE),
        Action::CutAfterRequest,
    ));
    let mut client = Client::connect(&proxy);
    assert!(client.ask(api::PRODUCE, 1).is_err());
    assert_eq!(proxy.fired(), BTreeMap::from([("cut-after-request", 1)]));
}

#[test]
fn delay_and_throttle_take_their_time() {
    let (_broker, proxy) = kafka();
    let clock = SystemClock::new();
    proxy.set_weather(Weather::slow(
        Duration::from_millis(60),
        Duration::from_millis(20),
    ));
    let mut client = Client::connect(&proxy);
    assert_eq!(client.ask(api::FETCH, 1).unwrap(), 1);
    assert!(
        clock.elapsed() >= Duration::from_millis(80),
        "40 ms in each direction at least"
    );

    proxy.set_weather(Weather {
        bytes_per_second: Some(100),
        ..Weather::default()
    });
    let before = clock.elapsed();
    // 15 bytes up and 12 down at 100 bytes per second.
    assert_eq!(client.ask(api::FETCH, 2).unwrap(), 2);
    assert!(clock.elapsed() - before >= Duration::from_millis(250));
}

#[test]
fn a_blocked_direction_holds_bytes_and_gives_them_back_when_it_opens() {
    let (broker, proxy) = kafka();
    let mut client = Client::connect(&proxy);
    assert_eq!(client.ask(api::FETCH, 1).unwrap(), 1);
    proxy.set_weather(Weather {
        block_down: true,
        ..Weather::default()
    });
    client.send(api::FETCH, 2).unwrap();
    broker.wait_for(api::FETCH, 2);
    client
        .0
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    assert!(client.receive().is_err(), "one way only");
    proxy.set_weather(Weather::partition());
    client.send(api::PRODUCE, 3).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(broker.seen(api::PRODUCE), 0);
    proxy.set_weather(Weather::default());
    client
        .0
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    assert_eq!(
        (client.receive().unwrap(), client.receive().unwrap()),
        (2, 3)
    );
}

#[test]
fn a_refusing_proxy_refuses_and_comes_back_on_its_port() {
    let (_broker, proxy) = kafka();
    proxy.set_weather(Weather {
        refuse: true,
        ..Weather::default()
    });
    let refused = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        let tried = TcpStream::connect(proxy.address());
        tried.is_err_and(|cause| cause.kind() == io::ErrorKind::ConnectionRefused)
    });
    assert!(refused);
    proxy.set_weather(Weather::default());
    let back = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        TcpStream::connect(proxy.address()).is_ok()
    });
    assert!(back);
}

#[test]
fn a_storm_of_resets_follows_its_seed_and_its_probability() {
    let hit = |seed: u64| -> Vec<bool> {
        let broker = Broker::start();
        let proxy = Proxy::local(broker.address, Protocol::Kafka, seed).unwrap();
        proxy.add_rule(Rule::sometimes(Match::Any, 0.3, Action::CutBeforeRequest));
        (0..40)
            .map(|n| Client::connect(&proxy).ask(api::FETCH, n).is_err())
            .collect()
    };
    let first = hit(4);
    assert_eq!(first, hit(4));
    assert_ne!(first, hit(5));
    let resets = first.iter().filter(|cut| **cut).count();
    assert!((3..25).contains(&resets), "{resets}");
}

#[test]
fn all_connections_can_be_reset_and_dropping_the_proxy_ends_them() {
    let (_broker, proxy) = kafka();
    let mut clients: Vec<Client> = (0..5).map(|_| Client::connect(&proxy)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.ask(api::FETCH, number as i32).unwrap();
    }
    assert_eq!(proxy.connections(), 5);
    assert_eq!(proxy.reset_all(), 5);
    assert!(clients.iter_mut().all(|client| client.receive().is_err()));
    let mut last = Client::connect(&proxy);
    last.ask(api::FETCH, 9).unwrap();
    drop(proxy);
    assert!(last.receive().is_err());
}

#[test]
fn frames_that_are_not_kafka_end_the_connection_and_allocate_nothing() {
    for head in [
        [0xff, 0xff, 0xff, 0xff],
        [0x7f, 0xff, 0xff, 0xff],
        [0, 0, 0, 2],
    ] {
        let (_broker, proxy) = kafka();
        let mut client = Client::connect(&proxy);
        client.0.write_all(&head).unwrap();
        client.0.write_all(b"xxxxxxxx").unwrap();
        let mut byte = [0];
        assert!(!matches!(client.0.read(&mut byte), Ok(1)), "{head:?}");
    }
}

/// Answers each HTTP request with 200 and counts them.
fn http_server() -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&count);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let counter = Arc::clone(&counter);
            std::thread::spawn(move || {
                let mut from = io::BufReader::new(client.try_clone().unwrap());
                while let Ok(Some(_)) = frame::request(&mut from, Protocol::Http) {
                    counter.fetch_add(1, Ordering::SeqCst);
                    if client
                        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                        .is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    (address, count)
}

fn http_status(proxy: &Proxy, request: &[u8]) -> io::Result<String> {
    let mut client = TcpStream::connect(proxy.address())?;
    client.set_read_timeout(Some(Duration::from_secs(5)))?;
    client.write_all(request)?;
    let mut status = [0; 12];
    client.read_exact(&mut status)?;
    Ok(String::from_utf8_lossy(&status[9..]).into_owned())
}

#[test]
fn http_requests_are_answered_cut_and_passed_by_method_and_path() {
    let (address, count) = http_server();
    let proxy = Proxy::local(address, Protocol::Http, 1).unwrap();
    let manifests = |method: &str| Match::Http {
        method: Some(method.into()),
        path_contains: "manifest".into(),
    };
    proxy.add_rule(Rule::once(manifests("PUT"), Action::Answer(503)));
    proxy.add_rule(Rule::once(manifests("PUT"), Action::CutBeforeAnswer));
    let put = b"PUT /b/manifest-1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
    let chunked =
        b"PUT /b/manifest-1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let get = b"GET /b/manifest-1 HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(http_status(&proxy, get).unwrap(), "200");
    assert_eq!(http_status(&proxy, put).unwrap(), "503");
    assert_eq!(count.load(Ordering::SeqCst), 1, "the server was not asked");
    assert!(http_status(&proxy, chunked).is_err());
    assert_eq!(count.load(Ordering::SeqCst), 2, "the server has done it");
    assert_eq!(http_status(&proxy, chunked).unwrap(), "200");
    assert!(http_status(&proxy, b"nonsense\r\n\r\n").is_err());
}

#[test]
fn a_plain_stream_passes_unchanged_with_an_orderly_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::local(listener.local_addr().unwrap(), Protocol::Tcp, 1).unwrap();
    let echo = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        client.write_all(&all).unwrap();
    });
    let sent: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    let mut client = TcpStream::connect(proxy.address()).unwrap();
    client.write_all(&sent).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut back = Vec::new();
    client.read_to_end(&mut back).unwrap();
    echo.join().unwrap();
    assert!(back == sent);
}

#[test]
fn a_server_that_is_not_there_closes_the_client() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let proxy = Proxy::local(free, Protocol::Kafka, 1).unwrap();
    let mut client = Client::connect(&proxy);
    assert!(client.ask(api::FETCH, 1).is_err());
    let broker = Broker::start();
    proxy.set_server(broker.address);
    assert_eq!(Client::connect(&proxy).ask(api::FETCH, 2).unwrap(), 2);
}
