//! What went wrong in an object store, sorted by what can be done about it.
//!
//! | class | examples | what follows |
//! |---|---|---|
//! | absent | 404 of an object or an upload; 412: another version | the caller knows |
//! | away | 429, 5xx, timeouts, connections refused or cut | try again, then `Unavailable` |
//! | denied | 401, 403 | `Denied`: the credentials must change |
//! | wrong | anything else, such as a bucket that does not exist | `Read` or `Write`, at once |
//!
//! Bodies of refusals may echo what we sent, so only the store's own code and message are shown.

use std::error::Error as StdError;

use millstream_core::{Code, Error};
use object_store::Error as StoreError;
use object_store::client::HttpError;

use super::Bucket;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Absent,
    Away,
    Denied,
    Wrong,
}

const CAUSE_CHARS: usize = 300;

pub(super) fn class(error: &StoreError) -> Class {
    match error {
        StoreError::NotFound { .. } => match chain(error).contains("NoSuchBucket") {
            true => Class::Wrong,
            false => Class::Absent,
        },
        // Another version than the one that was asked for.
        StoreError::Precondition { .. } => Class::Absent,
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => Class::Denied,
        StoreError::Generic { .. } => generic(error),
        StoreError::JoinError { .. } => Class::Away,
        _ => Class::Wrong,
    }
}

fn generic(error: &StoreError) -> Class {
    if in_chain::<HttpError>(error) || in_chain::<std::io::Error>(error) {
        return Class::Away;
    }
    match status(&chain(error)) {
        Some(401 | 403) => Class::Denied,
        Some(408 | 429 | 500..=599 | 200..=299) | None => Class::Away,
        Some(_) => Class::Wrong,
    }
}

/// The error for the user.
pub(super) fn error(
    bucket: &Bucket,
    class: Class,
    verb: &str,
    path: &str,
    cause: &StoreError,
) -> Error {
    let (what, name) = (bucket.shown(path), &bucket.name);
    let (code, why) = match class {
        Class::Denied => (Code::Denied, format!("{name} denies access")),
        Class::Absent => (Code::NotFound, format!("it is not in {name}")),
        Class::Away => (
            Code::Unavailable,
            format!("{name} does not answer as it should"),
        ),
        Class::Wrong => (code_of(verb), format!("{name} refuses")),
    };
    let error = Error::new(code, format!("cannot {verb} '{what}': {why}")).caused_by(words(cause));
    match class {
        Class::Denied => error.hint(
            "check 's3.access-key' and 's3.secret-key', or AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY, and what they are allowed to do",
        ),
        _ => error,
    }
}

/// The error for a call that was not answered in time.
pub(super) fn late(bucket: &Bucket, verb: &str, path: &str, seconds: u64) -> Error {
    Error::new(
        Code::Unavailable,
        format!(
            "cannot {verb} '{}': no answer of {} within {seconds} s",
            bucket.shown(path),
            bucket.name
        ),
    )
}

fn code_of(verb: &str) -> Code {
    match verb {
        "read" | "list" | "look at" => Code::Read,
        _ => Code::Write,
    }
}

/// A cause in a few words.
fn words(error: &StoreError) -> String {
    let all = chain(error);
    let tag = |name: &str| {
        let (_, rest) = all.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
    };
    let text = match (tag("Code"), tag("Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_string(),
        _ => match status(&all) {
            Some(status) => format!("status {status}"),
            None => all,
        },
    };
    text.chars().take(CAUSE_CHARS).collect()
}

/// The HTTP status in the words of the client library, which has no other way to ask for it.
fn status(words: &str) -> Option<u16> {
    let (_, rest) = words.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
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

fn in_chain<T: StdError + 'static>(error: &StoreError) -> bool {
    let mut next = error.source();
    while let Some(cause) = next {
        if cause.is::<T>() {
            return true;
        }
        next = cause.source();
    }
    false
}
