//! The real client against a server that answers as the test says.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;
use crate::testing::table;

/// What the server does with a request.
#[derive(Clone, Copy)]
enum Answer {
    /// Status and body.
    Say(u16, &'static str),
    /// Reads the request and closes the connection.
    Cut,
    /// Says nothing.
    Hang,
}

/// Answers one request per connection, in order; returns the first line of each.
async fn serve(answers: Vec<Answer>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let task = async move {
        let mut requests = Vec::new();
        let mut held = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            requests.push(request(&mut stream).await);
            match answer {
                Answer::Cut => drop(stream),
                Answer::Hang => held.push(stream),
                Answer::Say(status, body) => {
                    let head = format!(
                        "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nETag: \"e\"\r\n\
                         Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\nConnection: close\r\n\r\n",
                        body.len()
                    );
                    stream.write_all(head.as_bytes()).await.unwrap();
                    stream.write_all(body.as_bytes()).await.unwrap();
                }
            }
        }
        requests
    };
    #[expect(clippy::disallowed_methods, reason = "the server of a test")]
    let task = tokio::spawn(task);
    (endpoint, task)
}

/// Reads a request with its body; returns its first line.
async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut some = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                let is_length = key.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return head.lines().next().unwrap().to_string();
            }
        }
        let read = stream.read(&mut some).await.unwrap();
        assert!(read > 0, "a whole request");
        bytes.extend_from_slice(&some[..read]);
    }
}

const SECRET: &str = "do-not-show-me";

fn at(endpoint: &str) -> Bucket {
    let options = [
        ("s3.endpoint", endpoint),
        ("s3.access-key", "AKIAME"),
        ("s3.secret-key", SECRET),
    ];
    let options = table("t", &[], &options).options;
    let mut bucket = open::open(&options, "s3", "b/in").unwrap();
    bucket.patience = Patience {
        call: Duration::from_millis(300),
        budget: Duration::from_secs(2),
        pause: Duration::from_millis(1),
        pause_max: Duration::from_millis(20),
    };
    bucket
}

const BUSY: Answer = Answer::Say(503, "<Error><Code>SlowDown</Code></Error>");

#[tokio::test]
async fn a_busy_store_and_a_cut_connection_are_tried_again() {
    let answers = vec![
        BUSY,
        Answer::Cut,
        Answer::Say(500, ""),
        Answer::Say(200, ""),
    ];
    let (endpoint, server) = serve(answers).await;
    at(&endpoint).put("f", Bytes::from("x")).await.unwrap();
    let requests = server.await.unwrap();
    assert_eq!(requests.len(), 4);
    assert!(
        requests.iter().all(|r| r.starts_with("PUT /b/in/f ")),
        "{requests:?}"
    );
}

#[tokio::test]
async fn a_store_that_stays_away_is_unavailable_after_the_budget() {
    let (endpoint, server) = serve(vec![Answer::Hang; 100]).await;
    let bucket = at(&endpoint);
    let error = bucket.put("f", Bytes::from("x")).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().contains("'s3://b/in/f'"), "{error}");
    assert!(
        error
            .message()
            .contains(&format!("bucket 'b' at '{endpoint}'")),
        "{error}"
    );
    server.abort();
    let closed = server.await;
    assert!(closed.is_err(), "it was still waiting for requests");
    let error = bucket.head("f").await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable, "nobody listens: {error}");
}

#[tokio::test]
async fn wrong_credentials_are_denied_at_once_without_showing_them() {
    let body = "<Error><Code>SignatureDoesNotMatch</Code><Message>no match</Message>\
                <AWSAccessKeyId>AKIAME</AWSAccessKeyId></Error>";
    for status in [401, 403] {
        let (endpoint, server) = serve(vec![Answer::Say(status, body)]).await;
        let error = at(&endpoint).put("f", Bytes::from("x")).await.unwrap_err();
        assert_eq!(server.await.unwrap().len(), 1);
        assert_eq!(error.code(), Code::Denied);
        let report = error.report();
        assert!(
            report.contains(&format!("bucket 'b' at '{endpoint}'")),
            "{report}"
        );
        assert!(report.contains("s3.access-key"), "{report}");
        assert!(
            !report.contains("AKIAME") && !report.contains(SECRET),
            "{report}"
        );
    }
}

#[tokio::test]
async fn what_is_not_there_is_none_and_a_missing_bucket_is_an_error() {
    let missing = "<Error><Code>NoSuchKey</Code></Error>";
    let (endpoint, _server) = serve(vec![Answer::Say(404, ""), Answer::Say(404, missing)]).await;
    let bucket = at(&endpoint);
    assert_eq!(bucket.head("f").await.unwrap(), None);
    assert_eq!(bucket.range("f", 0..1, None).await.unwrap(), None);
    let gone = "<Error><Code>NoSuchBucket</Code><Message>no such bucket</Message></Error>";
    let (endpoint, _server) = serve(vec![Answer::Say(404, gone)]).await;
    let error = at(&endpoint).list("", 10).await.unwrap_err();
    assert_eq!(error.code(), Code::Read);
    assert!(
        error.report().contains("no such bucket"),
        "{}",
        error.report()
    );
}

#[tokio::test]
async fn a_completion_whose_answer_was_lost_has_happened() {
    let gone = "<Error><Code>NoSuchUpload</Code></Error>";
    let answers = vec![Answer::Cut, Answer::Say(404, gone), Answer::Say(200, "abc")];
    let (endpoint, server) = serve(answers).await;
    let part = PartId {
        content_id: "e".into(),
    };
    let bucket = at(&endpoint);
    let id = "u".to_string();
    let done = bucket.complete_upload("f", &id, vec![part], 3);
    done.await.unwrap();
    assert!(server.await.unwrap()[2].starts_with("HEAD /b/in/f "));
}

#[test]
fn wrong_options_are_refused_by_name_and_without_their_values() {
    let open = |path: &str, options: &[(&str, &str)]| {
        open::open(&table("t", &[], options).options, "s3", path)
            .err()
            .unwrap()
    };
    let half = open("b", &[("s3.access-key", "AKIAME")]);
    assert!(half.message().contains("but not 's3.secret-key'"), "{half}");
    let half = open("b", &[("s3.secret-key", SECRET)]);
    assert!(!half.report().contains(SECRET), "{half:?}");
    for endpoint in ["localhost:9000", "ftp://x", "http://me:pw@x"] {
        let error = open("b", &[("s3.endpoint", endpoint)]);
        assert_eq!(error.code(), Code::InvalidOption, "{endpoint}");
    }
    for path in ["", "/x", "b c/x", "b/x//y", "b/../x"] {
        let error = open(path, &[("path", "s3://…")]);
        assert_eq!(error.code(), Code::InvalidOption, "{path}");
    }
}
