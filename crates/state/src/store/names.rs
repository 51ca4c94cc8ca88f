//! The names of objects, in one place.
//!
//! ```text
//! <root>/<job>/lock                                   local directories only
//!              fence/generation-0000000003            who runs the job
//!              fence/boundary-0000000005              garbage collection: numbers below are dead
//!              origin-<lineage>                       the manifest a lineage began with
//!              manifest-<lineage>-0000000007          a checkpoint, prepared
//!              committed-<lineage>-0000000007         its verdict
//!              state/<lineage>-0000000007-<node>.<subtask>-<token>.run  (or .blob)
//!              savepoints/<name>/savepoint  and  state/…
//! ```
//!
//! What a writer checks before and after each create stands in a directory of its own, so that one
//! short listing answers.
//!
//! The number in the name of a state file is the checkpoint below whose death it may be deleted if
//! no manifest refers to it.

use millstream_core::{Code, Error, Result};

/// The directory of generations and boundaries.
pub(crate) const FENCE: &str = "fence";

/// Longest name of a job or savepoint.
const NAME_MAX: usize = 200;

/// Longest piece of a path, with room for what the local store appends while it writes.
const PIECE_MAX: usize = 240;

/// A name given by people as one piece of a path: letters, digits, `_`, `.` and `-` stay, every
/// other byte becomes `=XX`.
pub(crate) fn segment(kind: &str, name: &str) -> Result<String> {
    if name.is_empty() || name.len() > NAME_MAX {
        return Err(Error::new(
            Code::InvalidOption,
            format!(
                "the name of a {kind} wants 1 to {NAME_MAX} bytes, found {}",
                name.len()
            ),
        ));
    }
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        let plain = byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'-')
            || byte == b'.' && !out.is_empty();
        match plain {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("={byte:02X}")),
        }
    }
    match out.len() <= PIECE_MAX {
        true => Ok(out),
        false => Err(Error::new(
            Code::InvalidOption,
            format!(
                "the name of a {kind} becomes {} bytes of a path, wanted at most {PIECE_MAX}",
                out.len()
            ),
        )
        .hint("letters, digits, '-' and '_' count once, everything else three times")),
    }
}

/// The name that `segment` was made of.
pub(crate) fn unsegment(segment: &str) -> Option<String> {
    let mut out = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'=' => {
                let two = std::str::from_utf8(after.get(..2)?).ok()?;
                out.push(u8::from_str_radix(two, 16).ok()?);
                rest = &after[2..];
            }
            byte => out.push(*byte),
        }
    }
    String::from_utf8(out).ok()
}

/// A random name of 64 bits: unlike every other one, and nothing is decided by it.
pub(crate) fn token() -> String {
    format!("{:016x}", rand::random::<u64>())
}

pub(crate) fn generation(number: u64) -> String {
    format!("{FENCE}/generation-{number:010}")
}

pub(crate) fn origin(lineage: &str) -> String {
    format!("origin-{lineage}")
}

pub(crate) fn manifest(lineage: &str, checkpoint: u64) -> String {
    format!("manifest-{lineage}-{checkpoint:010}")
}

pub(crate) fn committed(lineage: &str, checkpoint: u64) -> String {
    format!("committed-{lineage}-{checkpoint:010}")
}

pub(crate) fn boundary(number: u64) -> String {
    format!("{FENCE}/boundary-{number:010}")
}

pub(crate) fn state(lineage: &str, checkpoint: u64, owner: &str, kind: &str) -> String {
    format!(
        "state/{lineage}-{checkpoint:010}-{owner}-{}.{kind}",
        token()
    )
}

/// What an object of a job is, by its name below the job's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    Generation(u64),
    Origin(String),
    Manifest(String, u64),
    Committed(String, u64),
    Boundary(u64),
    State(String, u64),
    /// A lock, a savepoint, something that is not ours.
    Other,
}

/// See [`Object`].
pub(crate) fn parse(name: &str) -> Object {
    parse_known(name).unwrap_or(Object::Other)
}

fn parse_known(name: &str) -> Option<Object> {
    if let Some(file) = name.strip_prefix("state/") {
        let (lineage, rest) = file.split_once('-')?;
        let (number, _) = rest.split_once('-')?;
        return Some(Object::State(lineage_of(lineage)?, number.parse().ok()?));
    }
    if let Some(file) = name.strip_prefix("fence/") {
        let (kind, number) = file.split_once('-')?;
        let number = number.parse().ok()?;
        return match kind {
            "generation" => Some(Object::Generation(number)),
            "boundary" => Some(Object::Boundary(number)),
            _ => None,
        };
    }
    let (kind, rest) = name.split_once('-')?;
    match kind {
        "origin" => lineage_of(rest).map(Object::Origin),
        "manifest" | "committed" => {
            let (lineage, number) = rest.split_once('-')?;
            let (lineage, number) = (lineage_of(lineage)?, number.parse().ok()?);
            Some(match kind {
                "manifest" => Object::Manifest(lineage, number),
                _ => Object::Committed(lineage, number),
            })
        }
        _ => None,
    }
}

fn lineage_of(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_people_become_one_harmless_piece_of_a_path_and_come_back() {
        for name in ["shop", "a/b", "..", ".", "Straße 5", "x=y", "a.b", "\0"] {
            let made = segment("job", name).unwrap();
            assert!(!made.contains('/') && !made.starts_with('.'), "{made}");
            assert_eq!(unsegment(&made).as_deref(), Some(name));
        }
        assert_eq!(segment("job", "../x").unwrap(), "=2E.=2Fx");
        assert!(segment("job", "").is_err());
        assert!(segment("job", &"x".repeat(200)).is_ok());
        assert!(segment("job", &"x".repeat(201)).is_err());
        assert!(segment("job", &"/".repeat(81)).is_err());
    }

    #[test]
    fn every_name_is_recognised_and_nothing_else() {
        assert_eq!(parse(&generation(3)), Object::Generation(3));
        assert_eq!(
            parse(&manifest("ab1", 7)),
            Object::Manifest("ab1".into(), 7)
        );
        assert_eq!(
            parse(&committed("ab1", 7)),
            Object::Committed("ab1".into(), 7)
        );
        assert_eq!(parse(&boundary(9)), Object::Boundary(9));
        assert_eq!(parse(&origin("ab1")), Object::Origin("ab1".into()));
        let file = state("ab1", 12, "4.0", "run");
        assert_eq!(parse(&file), Object::State("ab1".into(), 12));
        for name in [
            "lock",
            "fence/generation-x",
            "generation-1",
            "manifest-a",
            "savepoints/x/savepoint",
            "state/x",
        ] {
            assert_eq!(parse(name), Object::Other, "{name}");
        }
    }
}
