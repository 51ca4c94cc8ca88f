//! What went wrong in an object store, sorted by what can be done about it.
//!
//! | class | examples | what we do |
//! |---|---|---|
//! | absent, exists | 404; 412, 409 | the caller knows |
//! | refused | 503, 429, connection refused: nothing was done | try again |
//! | unknown | timeout, reset, 500, 502, 504: it may have been done, or may still be | try again, compare tokens |
//! | denied | 401, 403 | stop, name the credentials |
//! | fatal | no such bucket, disk full, read-only, wrong region | stop, name the cause |
//!
//! The text of a cause is shortened and never holds what a store echoes of our credentials.

use std::error::Error as StdError;

use millstream_core::{Code, Error, Remedy};
use object_store::Error as StoreError;
use object_store::client::{HttpError, HttpErrorKind};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Absent,
    Exists,
    Refused,
    Unknown,
    Denied,
    Full,
    Fatal,
}

/// Longest cause that is shown.
const CAUSE_CHARS: usize = 300;

pub(crate) fn class(error: &StoreError) -> Class {
    match error {
        StoreError::NotFound { .. } => Class::Absent,
        StoreError::AlreadyExists { .. } | StoreError::Precondition { .. } => Class::Exists,
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => Class::Denied,
        StoreError::Generic { .. } => generic(error),
        StoreError::JoinError { .. } => Class::Unknown,
        _ => Class::Fatal,
    }
}

fn generic(error: &StoreError) -> Class {
    if let Some(http) = in_chain::<HttpError>(error) {
        return match http.kind() {
            HttpErrorKind::Connect => Class::Refused,
            _ => Class::Unknown,
        };
    }
    if let Some(io) = in_chain::<std::io::Error>(error) {
        return of_io(io.kind());
    }
    let words = chain(error);
    match status(&words) {
        // Listings report these without a variant of their own.
        Some(401 | 403) => Class::Denied,
        Some(404) => Class::Absent,
        Some(429 | 503) => Class::Refused,
        Some(408 | 500..=599) => Class::Unknown,
        Some(200..=299) if words.contains("SlowDown") => Class::Refused,
        Some(200..=299) => Class::Unknown,
        Some(_) => Class::Fatal,
        // A store we do not know the errors of: trying again is bounded, giving up is not undone.
        None => Class::Unknown,
    }
}

fn of_io(kind: std::io::ErrorKind) -> Class {
    use std::io::ErrorKind as K;
    match kind {
        K::NotFound => Class::Absent,
        K::AlreadyExists => Class::Exists,
        K::PermissionDenied => Class::Denied,
        K::StorageFull | K::QuotaExceeded => Class::Full,
        K::ConnectionRefused => Class::Refused,
        K::Interrupted
        | K::TimedOut
        | K::WouldBlock
        | K::ConnectionReset
        | K::ConnectionAborted
        | K::BrokenPipe
        | K::UnexpectedEof => Class::Unknown,
        // A failed fsync means the file is lost: never try again on what may be half there.
        _ => Class::Fatal,
    }
}

/// The error for the user. `what` is the action with its object: `read 'manifest-a-7'`.
pub(crate) fn error(place: &super::bucket::Named, what: &str, cause: &StoreError) -> Error {
    let class = class(cause);
    let name = &place.name;
    let (code, text) = match class {
        Class::Denied => (
            Code::Denied,
            format!("cannot {what} in {name}: access denied"),
        ),
        Class::Absent => (
            Code::NotFound,
            format!("cannot {what} in {name}: it does not exist"),
        ),
        Class::Full => (
            Code::Write,
            format!("cannot {what} in {name}: no space is left"),
        ),
        Class::Refused | Class::Unknown => (
            Code::Unavailable,
            format!("cannot {what} in {name}: the store does not answer as it should"),
        ),
        Class::Exists | Class::Fatal => (Code::Write, format!("cannot {what} in {name}")),
    };
    let error = Error::new(code, text).caused_by(words(cause));
    match class {
        Class::Denied => error.hint(place.remedy.clone()),
        // Somebody makes room, and the job goes on by itself.
        Class::Full => error
            .with_remedy(Remedy::Retry)
            .hint("make room; the job goes on from its last checkpoint"),
        _ => error,
    }
}

/// The error for a call that was not answered in time.
pub(crate) fn late(place: &super::bucket::Named, what: &str, seconds: u64) -> Error {
    Error::new(
        Code::Unavailable,
        format!(
            "cannot {what} in {}: no answer within {seconds} s",
            place.name
        ),
    )
}

/// A cause in a few words: the store's own code and message where it has them.
fn words(error: &StoreError) -> String {
    let all = chain(error);
    let tag = |name: &str| {
        let (_, rest) = all.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
    };
    let text = match (tag("Code"), tag("Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        // Other bodies of a refusal may echo what was sent.
        _ if class(error) == Class::Denied => match status(&all) {
            Some(status) => format!("status {status}"),
            None => "permission denied".into(),
        },
        _ => all,
    };
    text.chars().take(CAUSE_CHARS).collect()
}

fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

/// The HTTP status in the words of the client library, which has no other way to ask for it.
fn status(words: &str) -> Option<u16> {
    let (_, rest) = words.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

fn in_chain<T: StdError + 'static>(error: &StoreError) -> Option<&T> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<T>() {
            return Some(found);
        }
        next = cause.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named() -> super::super::bucket::Named {
        super::super::bucket::Named {
            url: "s3://b".into(),
            name: "bucket 'b' at 'http://h'".into(),
            remedy: "check 's3.access-key'".into(),
        }
    }

    fn generic(text: &str) -> StoreError {
        StoreError::Generic {
            store: "S3",
            source: text.into(),
        }
    }

    #[test]
    fn a_status_tells_what_was_refused_from_what_may_have_been_done() {
        let of = |status: u16| class(&generic(&format!("non-2xx status code: {status} x: body")));
        assert_eq!(of(503), Class::Refused);
        assert_eq!(of(429), Class::Refused);
        assert_eq!(of(500), Class::Unknown);
        assert_eq!(of(504), Class::Unknown);
        assert_eq!(of(403), Class::Denied);
        assert_eq!(of(404), Class::Absent);
        assert_eq!(of(400), Class::Fatal);
        assert_eq!(of(301), Class::Fatal);
    }

    #[test]
    fn a_full_disk_is_waited_for_and_a_failed_sync_is_not_repeated() {
        let io = |kind: std::io::ErrorKind| StoreError::Generic {
            store: "LocalFileSystem",
            source: Box::new(std::io::Error::new(kind, "x")),
        };
        let full = io(std::io::ErrorKind::StorageFull);
        let told = error(&named(), "write 'f'", &full);
        assert_eq!(told.remedy(), Remedy::Retry);
        assert!(told.message().ends_with("no space is left"));
        assert_eq!(class(&io(std::io::ErrorKind::Other)), Class::Fatal);
        assert_eq!(
            class(&io(std::io::ErrorKind::ReadOnlyFilesystem)),
            Class::Fatal
        );
    }

    #[test]
    fn a_denied_call_names_the_place_and_the_remedy_but_nothing_the_store_echoes() {
        let denied = StoreError::PermissionDenied {
            path: "p".into(),
            source:
                "status code: 403 Forbidden: <Error><Code>SignatureDoesNotMatch</Code><Message>no \
                     match</Message><AWSAccessKeyId>AKIAX</AWSAccessKeyId></Error>"
                    .into(),
        };
        let told = error(&named(), "read 'f'", &denied);
        assert_eq!(told.code(), Code::Denied);
        let report = told.report();
        assert!(report.contains("bucket 'b' at 'http://h'"), "{report}");
        assert!(
            report.contains("SignatureDoesNotMatch: no match"),
            "{report}"
        );
        assert!(report.contains("check 's3.access-key'"), "{report}");
        assert!(!report.contains("AKIAX"), "{report}");
    }
}
