//! A real process on a real disk, killed at any moment.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use millstream_core::Code;
use millstream_faultkit::chance::Chance;

use super::super::{Journal, Options};
use super::{clock, keyed, read_from, texts};

const FOLDER: &str = "MILLSTREAM_TEST_JOURNAL";
const LIFE: &str = "MILLSTREAM_TEST_LIFE";

fn options() -> Options {
    Options {
        flush_interval: Duration::from_millis(1),
        segment_bytes: 20_000,
        ..Options::default()
    }
}

/// Not a test of its own: the program that is killed. Says what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the test of kills"]
async fn appends_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let life = std::env::var(LIFE).unwrap();
    let journal = Journal::open(Path::new(&folder), options(), clock()).unwrap();
    let appenders = (0..8).map(|appender| {
        let (journal, life) = (journal.clone(), life.clone());
        async move {
            for n in 0u64.. {
                let text = format!("{life}.{appender}.{n}");
                journal.append(vec![keyed(&text)]).await.unwrap();
                // One write per line, so that a kill leaves whole lines, and a last one at most.
                let line = format!("\nacknowledged {text} .");
                std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                std::io::stdout().lock().flush().unwrap();
            }
        }
    });
    futures::future::join_all(appenders).await;
}

fn start(folder: &Path, life: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "journal::tests::process::appends_until_it_is_killed",
        ])
        .args(["--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(LIFE, life.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The text of a line that is whole.
fn acknowledged(line: &str) -> Option<&str> {
    line.strip_prefix("acknowledged ")?.strip_suffix(" .")
}

#[tokio::test]
async fn fifty_kills_lose_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut chance = Chance::new(1);
    let mut sequences: HashMap<String, u64> = HashMap::new();
    let (mut all, mut end) = (0, 0);
    for life in 0..50 {
        let mut child = start(folder.path(), life);
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut said = Vec::new();
        let mut line = String::new();
        while said.is_empty() && output.read_line(&mut line).unwrap() > 0 {
            said.extend(acknowledged(line.trim_end()).map(str::to_owned));
            line.clear();
        }
        assert!(!said.is_empty(), "life {life} did not append");
        if life == 0 {
            let error = Journal::open(folder.path(), options(), clock())
                .err()
                .unwrap();
            assert_eq!(error.code(), Code::Fenced);
            let wanted = format!("is open in the process {}", child.id());
            assert!(error.message().ends_with(&wanted), "{error}");
        }
        std::thread::sleep(chance.duration(Duration::ZERO, Duration::from_millis(40)));
        child.kill().unwrap();
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        child.wait().unwrap();
        said.extend(rest.lines().filter_map(acknowledged).map(str::to_owned));

        let journal = Journal::open(folder.path(), options(), clock()).unwrap();
        let found = read_from(&journal, end).unwrap();
        for (entry, text) in found.iter().zip(texts(&found)) {
            assert_eq!(entry.sequence, end, "life {life}: a gap");
            end += 1;
            let earlier = sequences.insert(text.clone(), entry.sequence);
            assert_eq!(earlier, None, "life {life}: '{text}' twice");
        }
        assert_eq!(journal.end_sequence(), end);
        for text in &said {
            assert!(
                sequences.contains_key(text),
                "life {life}: '{text}' is lost"
            );
        }
        all += said.len();
        journal.close().await.unwrap();
    }
    let journal = Journal::open(folder.path(), options(), clock()).unwrap();
    let again = read_from(&journal, 0).unwrap();
    assert_eq!(again.len(), sequences.len());
    assert!(all > 100, "only {all} were acknowledged");
}
