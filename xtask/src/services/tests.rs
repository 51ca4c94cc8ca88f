use std::path::Path;

use super::*;

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_string).collect()
}

fn refusal(text: &str) -> String {
    format!("{:#}", parse(&words(text)).unwrap_err())
}

fn entry(name: &str, pid: u32, data: &Path) -> Entry {
    let mut facts = serde_json::Map::new();
    facts.insert("bootstrap".to_string(), "127.0.0.1:1".into());
    let (kind, name, data) = (Kind::Kafka, name.to_string(), data.to_path_buf());
    Entry {
        kind,
        name,
        pid,
        data,
        keeps_data: false,
        facts,
    }
}

#[test]
fn a_broker_can_be_placed() {
    let wanted = parse(&words(
        "kafka --name a --data /d --port 9 --advertised-port 10",
    ))
    .unwrap();
    assert_eq!(wanted.kinds, [Kind::Kafka]);
    assert_eq!((wanted.port, wanted.advertised_port), (Some(9), Some(10)));
    assert_eq!(wanted.data.as_deref(), Some(Path::new("/d")));
}

#[test]
fn what_makes_no_sense_is_refused() {
    assert!(refusal("redis").contains("'redis'"));
    assert!(refusal("kafka --port 70000").contains("'70000'"));
    assert!(refusal("kafka --port 0").contains("'0'"));
    assert!(refusal("kafka --port").contains("wants a value"));
    assert!(refusal("all --data /d").contains("one service"));
    assert!(refusal("s3 --advertised-port 1").contains("for kafka"));
    assert!(refusal("kafka --nmae x").contains("'--nmae'"));
}

#[test]
fn a_state_file_reads_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("services.json");
    assert_eq!(State::read(&path).unwrap(), State::default());
    let mut state = State::default();
    state.put(entry("a", 1, folder.path()));
    state.put(entry("b", 2, folder.path()));
    state.put(entry("a", 3, folder.path()));
    state.write(&path).unwrap();
    let read = State::read(&path).unwrap();
    assert_eq!(read, state);
    assert_eq!(read.find(Kind::Kafka, "a").unwrap().pid, 3);
    assert_eq!(read.entries().len(), 2);
}

#[test]
fn a_damaged_state_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("services.json");
    for text in [
        "",
        "{}",
        r#"{"services": [{"kind": "kafka"}]}"#,
        r#"{"services": 1}"#,
    ] {
        std::fs::write(&path, text).unwrap();
        let error = format!("{:#}", State::read(&path).unwrap_err());
        assert!(error.contains("services.json"), "{error}");
    }
}

#[test]
fn a_lock_is_held_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("services.json");
    let held = state::lock(&path, Duration::ZERO).unwrap();
    assert!(state::lock(&path, Duration::from_millis(50)).is_err());
    drop(held);
    assert!(state::lock(&path, Duration::ZERO).is_ok());
}

#[test]
fn a_lock_in_a_folder_that_is_gone_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/services.json");
    assert!(state::lock(&path, Duration::ZERO).is_err());
    std::fs::create_dir(folder.path().join("run")).unwrap();
    let held = state::lock(&path, Duration::ZERO).unwrap();
    let remover = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        std::fs::remove_dir_all(folder.path().join("run")).unwrap();
        drop(held);
    });
    let error = state::lock(&path, Duration::from_secs(20)).unwrap_err();
    remover.join().unwrap();
    assert!(error.to_string().contains("is gone"), "{error}");
}

#[test]
fn a_process_counts_while_it_lives_and_works_on_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = folder.path().join("script");
    std::fs::write(&script, "echo ready; while true; do sleep 1; done").unwrap();
    let [port] = process::free_ports().unwrap();
    let _listener = std::net::TcpListener::bind(process::loopback(port)).unwrap();
    let mut shell = std::process::Command::new("sh");
    let server = process::spawn(shell.arg(&script), &log).unwrap();
    let pid = server.wait("ready", port, Duration::from_secs(20)).unwrap();
    assert!(process::is_running(pid, folder.path()));
    assert!(!process::is_running(pid, Path::new("/some/other/data")));
    process::stop(pid, folder.path(), true).unwrap();
    assert!(!process::is_running(pid, folder.path()));
}

#[test]
fn a_server_that_dies_shows_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "echo no such option; exit 3"]);
    let server = process::spawn(&mut shell, &folder.path().join("log")).unwrap();
    let error = server
        .wait("ready", 1, Duration::from_secs(20))
        .unwrap_err()
        .to_string();
    assert!(error.contains("no such option"), "{error}");
}

#[test]
fn a_command_that_hangs_is_ended() {
    let mut sleep = std::process::Command::new("sleep");
    let error = process::finish(sleep.arg("600"), Duration::from_millis(100)).unwrap_err();
    assert!(error.to_string().contains("did not end"), "{error}");
}

#[test]
fn versions_are_read_as_tools_print_them() {
    let java = "openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime";
    assert_eq!(install::version(java, "version \""), Some((17, 0)));
    let go = "go version go1.26.8 linux/amd64";
    assert_eq!(install::version(go, "go version go"), Some((1, 26)));
    assert_eq!(install::version("java 21", "java "), Some((21, 0)));
    assert_eq!(install::version("none", "go version go"), None);
}

#[test]
fn a_broker_behind_a_proxy_talks_to_itself_directly() {
    let ports = kafka::Ports {
        client: 1,
        advertised: 2,
        internal: 3,
        controller: 4,
    };
    let text = kafka::server_properties(Path::new("/data"), ports);
    let has = |line: &str| text.lines().any(|other| other == line);
    assert!(
        has("advertised.listeners=CLIENT://127.0.0.1:2,INTERNAL://127.0.0.1:3"),
        "{text}"
    );
    assert!(has("inter.broker.listener.name=INTERNAL"), "{text}");
    assert!(has("log.dirs=/data/log"), "{text}");
    assert!(!text.contains("0.0.0.0"), "{text}");
}
