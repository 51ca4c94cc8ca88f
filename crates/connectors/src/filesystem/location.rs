//! The option `path`: a path of this machine, plain or as a `file:` URL, or a place in a bucket,
//! `s3://bucket/prefix`.

use std::path::{Path, PathBuf};

use millstream_core::options::Options;
use millstream_core::{Code, Error, Result, suggest};

use super::PATH;
use super::bucket::open::{is_bucket, open};
use super::root::Root;

/// The place an option names. Does not look whether anything is there.
pub(super) fn root(options: &Options) -> Result<Root> {
    let text = options.require(PATH)?.trim();
    match text.split_once("://") {
        Some((scheme, rest)) if is_bucket(scheme) => Ok(Root::Bucket(open(options, scheme, rest)?)),
        _ => Ok(Root::Directory(absolute(options)?)),
    }
}

/// The absolute path an option names. Does not look whether anything is there.
fn absolute(options: &Options) -> Result<PathBuf> {
    let text = options.require(PATH)?.trim();
    let path = local(options, text)?;
    if path.is_empty() || path.contains('\0') {
        return Err(options.invalid(PATH, "a path"));
    }
    std::path::absolute(path).map_err(|error| options.invalid(PATH, "a path").caused_by(error))
}

/// The error for a path that leads nowhere, with the nearest name beside it.
pub(super) fn not_found(owner: &str, path: &Path) -> Error {
    let error = Error::new(
        Code::NotFound,
        format!(
            "{owner}: there is no file or directory '{}'",
            path.display()
        ),
    );
    match nearest_sibling(path) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The path without the `file:` of a URL.
fn local<'a>(options: &Options, text: &'a str) -> Result<&'a str> {
    let Some((scheme, rest)) = text.split_once(':') else {
        return Ok(text);
    };
    if rest.starts_with("//") && !scheme.eq_ignore_ascii_case("file") {
        return Err(Error::unsupported(format!(
            "option '{PATH}' of {} names the file system '{scheme}', but only local files and \
             's3' are supported",
            options.owner()
        )));
    }
    if !scheme.eq_ignore_ascii_case("file") {
        return Ok(text);
    }
    let path = match rest.strip_prefix("//") {
        None => rest,
        Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
    };
    match path.starts_with('/') {
        true => Ok(path),
        false => Err(options
            .invalid(PATH, "a path or a file:// URL")
            .hint("a URL holds an absolute path: 'file:///directory/file'")),
    }
}

fn nearest_sibling(path: &Path) -> Option<String> {
    const ENTRIES_MAX: usize = 1000;
    let name = path.file_name()?.to_str()?;
    let entries = std::fs::read_dir(path.parent()?).ok()?.take(ENTRIES_MAX);
    let names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    suggest::hint(name, names.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::table;

    fn path(text: &str) -> Result<PathBuf> {
        absolute(&table("t", &[], &[(PATH, text)]).options)
    }

    #[test]
    fn plain_paths_and_file_urls_are_local() {
        for text in [
            "/data/in",
            "file:///data/in",
            "file:/data/in",
            "FILE://localhost/data/in",
        ] {
            assert_eq!(path(text).unwrap(), Path::new("/data/in"), "{text}");
        }
        let here = std::env::current_dir().unwrap();
        assert_eq!(path("in/a:b").unwrap(), here.join("in/a:b"));
    }

    #[test]
    fn other_file_systems_are_refused_by_name() {
        let error = path("hdfs://host/in").unwrap_err();
        assert_eq!(error.code(), Code::Unsupported);
        assert!(error.message().contains("'hdfs'"), "{error}");
    }

    #[test]
    fn what_is_not_a_path_is_the_users_mistake() {
        for text in ["", "  ", "file://", "file://host/in", "a\0b"] {
            assert_eq!(
                path(text).unwrap_err().code(),
                Code::InvalidOption,
                "{text}"
            );
        }
        let options = table("t", &[], &[]).options;
        assert_eq!(
            absolute(&options).unwrap_err().message(),
            "table 't' needs the option 'path'"
        );
    }

    #[test]
    fn a_missing_file_names_its_nearest_sibling() {
        let here = tempfile::tempdir().unwrap();
        std::fs::write(here.path().join("flights.csv"), "").unwrap();
        let error = not_found("table 't'", &here.path().join("flihgts.csv"));
        assert_eq!(error.code(), Code::NotFound);
        assert_eq!(error.hint_text(), Some("did you mean 'flights.csv'?"));
    }
}
