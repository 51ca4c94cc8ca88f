//! Where checkpoints are kept: from a URL and options to an object store.
//!
//! | URL | store |
//! |---|---|
//! | `file:///var/lib/millstream`, `/var/lib/millstream`, `data/state` | a local directory, every write synced |
//! | `s3://bucket/prefix` (also `s3a:`, `s3p:` as in Flink) | Amazon S3 or what speaks its protocol |
//! | `memory://` | the memory of this process, for tests |
//!
//! The options carry Flink's names. What they do not say comes from the environment
//! (`AWS_ACCESS_KEY_ID` and so on). A secret never appears in a message.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use millstream_core::options::{OptionSpec, Options};
use millstream_core::{Code, Error, Result};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::{ClientOptions, ObjectStore, RetryConfig};

/// The options of a checkpoint store, for reference pages and validation.
pub const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "s3.endpoint",
        "a URL such as 'http://localhost:9000'",
        "Amazon's for the region",
        "where an S3-compatible store listens",
    ),
    OptionSpec {
        secret: true,
        ..OptionSpec::new(
            "s3.access-key",
            "an access key id",
            "from the environment",
            "who we are",
        )
    },
    OptionSpec {
        secret: true,
        ..OptionSpec::new(
            "s3.secret-key",
            "a secret key",
            "from the environment",
            "its secret",
        )
    },
    OptionSpec::new(
        "s3.region",
        "a region",
        "us-east-1",
        "the region of the bucket",
    ),
    OptionSpec::new(
        "s3.path.style.access",
        "'true' or 'false'",
        "true with s3.endpoint",
        "bucket in the path and not in the host name",
    ),
];

/// How a checkpoint store is reached.
#[derive(Clone)]
pub struct StoreOptions {
    /// `s3.endpoint`.
    pub endpoint: Option<String>,
    /// `s3.access-key`.
    pub access_key: Option<String>,
    /// `s3.secret-key`.
    pub secret_key: Option<String>,
    /// `s3.region`.
    pub region: Option<String>,
    /// `s3.path.style.access`.
    pub path_style: Option<bool>,
    /// Deadline of one call; large bodies get a second more per MiB.
    pub call_timeout: Duration,
    /// How long a failing call is tried again.
    pub retry_budget: Duration,
    /// First pause between two tries; doubled each time.
    pub retry_first: Duration,
    /// Longest pause between two tries.
    pub retry_cap: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            endpoint: None,
            access_key: None,
            secret_key: None,
            region: None,
            path_style: None,
            call_timeout: Duration::from_secs(30),
            retry_budget: Duration::from_secs(120),
            retry_first: Duration::from_millis(100),
            retry_cap: Duration::from_secs(5),
        }
    }
}

impl StoreOptions {
    /// Reads the options called in [`OPTIONS`]; others are not looked at.
    pub fn from_options(options: &Options) -> Result<StoreOptions> {
        let text = |key: &str| options.get(key).map(str::to_owned);
        let path_style = match options.get("s3.path.style.access") {
            None => None,
            Some(_) => Some(options.boolean("s3.path.style.access", true)?),
        };
        Ok(StoreOptions {
            endpoint: text("s3.endpoint"),
            access_key: text("s3.access-key"),
            secret_key: text("s3.secret-key"),
            region: text("s3.region"),
            path_style,
            ..StoreOptions::default()
        })
    }
}

/// A place that was opened.
pub(crate) struct Place {
    pub(crate) store: Arc<dyn ObjectStore>,
    /// Prefix of every path.
    pub(crate) prefix: String,
    /// The URL, as people may see it.
    pub(crate) url: String,
    /// What messages call it: `bucket 'b' at 'http://…'`, `directory '/x'`.
    pub(crate) name: String,
    /// What to look at when access is denied.
    pub(crate) remedy: String,
    /// The directory, if it is one on this machine.
    pub(crate) directory: Option<PathBuf>,
}

/// Opens the place a URL names.
pub(crate) fn open(url: &str, options: &StoreOptions) -> Result<Place> {
    match url.split_once("://") {
        Some(("s3" | "s3a" | "s3p", rest)) => s3(url, rest, options),
        Some(("file", path)) => directory(&from_url(url, path)?),
        Some(("memory", _)) => Ok(Place {
            store: Arc::new(InMemory::new()),
            prefix: String::new(),
            url: url.to_owned(),
            name: "the memory of this process".into(),
            remedy: String::new(),
            directory: None,
        }),
        Some((scheme, _)) => Err(Error::new(
            Code::InvalidOption,
            format!(
                "checkpoints cannot be kept at '{}': unknown scheme '{scheme}'",
                shown(url)
            ),
        )
        .hint("use a path, 'file:///path', or 's3://bucket/prefix'")),
        None => match url.strip_prefix("file:") {
            Some(path) => directory(&from_url(url, path)?),
            None => directory(FilePath::new(url)),
        },
    }
}

/// A URL without the user and password it may hold.
pub(crate) fn shown(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.find('/').unwrap_or(rest.len());
            let from = rest[..host].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[from..])
        }
        None => url.to_owned(),
    }
}

fn from_url(url: &str, path: &str) -> Result<PathBuf> {
    let wrong = |what: &str| {
        Error::new(
            Code::InvalidOption,
            format!("'{}' is no directory on this machine: {what}", shown(url)),
        )
        .hint("write 'file:///path' with three slashes")
    };
    let path = path.strip_prefix("localhost").unwrap_or(path);
    if !path.starts_with('/') {
        return Err(wrong("it names a host"));
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let code = after
            .get(..2)
            .and_then(|two| std::str::from_utf8(two).ok())
            .and_then(|two| u8::from_str_radix(two, 16).ok())
            .ok_or_else(|| wrong("a '%' is not followed by two hexadecimal digits"))?;
        bytes.push(code);
        rest = &after[2..];
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text.into()),
        _ => Err(wrong("it is not valid text")),
    }
}

fn directory(path: &FilePath) -> Result<Place> {
    let cannot = |cause: std::io::Error| {
        Error::new(
            Code::Write,
            format!(
                "cannot use the directory '{}' for checkpoints",
                path.display()
            ),
        )
        .caused_by(cause)
    };
    if path.as_os_str().is_empty() {
        return Err(Error::new(
            Code::InvalidOption,
            "the directory for checkpoints has an empty name",
        ));
    }
    std::fs::create_dir_all(path).map_err(cannot)?;
    let path = path.canonicalize().map_err(cannot)?;
    // The directory itself was perhaps made just now: its name must survive a power cut too.
    for made in path.ancestors().take(2) {
        super::local::sync_directory(made).map_err(cannot)?;
    }
    let store = LocalFileSystem::new_with_prefix(&path)
        .map_err(|e| {
            Error::new(
                Code::Write,
                format!(
                    "cannot use the directory '{}' for checkpoints",
                    path.display()
                ),
            )
            .caused_by(e)
        })?
        .with_fsync(true);
    Ok(Place {
        store: Arc::new(store),
        prefix: String::new(),
        url: format!("file://{}", path.display()),
        name: format!("directory '{}'", path.display()),
        remedy: "check who owns it and its permissions".into(),
        directory: Some(path),
    })
}

fn s3(url: &str, rest: &str, options: &StoreOptions) -> Result<Place> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let invalid = |what: String| Error::new(Code::InvalidOption, what);
    if bucket.is_empty() || bucket.contains('@') || bucket.contains(':') {
        return Err(invalid(format!("'{}' does not name a bucket", shown(url)))
            .hint("write 's3://bucket/prefix'; keys and endpoint are options of their own"));
    }
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_retry(RetryConfig {
            // Trying again is ours: with one budget, and an unknown outcome told from a failure.
            max_retries: 0,
            ..RetryConfig::default()
        })
        .with_client_options(
            ClientOptions::new()
                .with_connect_timeout(Duration::from_secs(10))
                // The deadline of the whole call is set around it.
                .with_timeout_disabled()
                .with_read_timeout(options.call_timeout)
                .with_allow_http(
                    options
                        .endpoint
                        .as_deref()
                        .is_some_and(|endpoint| endpoint.starts_with("http://")),
                ),
        );
    if let Some(endpoint) = &options.endpoint {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
    }
    if let Some(region) = &options.region {
        builder = builder.with_region(region);
    }
    match (&options.access_key, &options.secret_key) {
        (Some(key), Some(secret)) => {
            builder = builder
                .with_access_key_id(key)
                .with_secret_access_key(secret);
        }
        (None, None) => {}
        _ => {
            return Err(invalid(
                "'s3.access-key' and 's3.secret-key' belong together, only one is set".into(),
            ));
        }
    }
    let path_style = options.path_style.unwrap_or(options.endpoint.is_some());
    let store = builder
        .with_virtual_hosted_style_request(!path_style)
        .build()
        .map_err(|e| invalid(format!("cannot use bucket '{bucket}'")).caused_by(e))?;
    let endpoint = match &options.endpoint {
        Some(endpoint) => format!(" at '{}'", shown(endpoint)),
        None => String::new(),
    };
    Ok(Place {
        store: Arc::new(store),
        prefix: prefix.trim_matches('/').to_owned(),
        url: shown(url).trim_end_matches('/').to_owned(),
        name: format!("bucket '{bucket}'{endpoint}"),
        remedy: "check 's3.access-key', 's3.secret-key', and that the bucket's policy allows \
                 reading, writing, listing and deleting"
            .into(),
        directory: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(url: &str) -> String {
        match open(url, &StoreOptions::default()) {
            Ok(place) => panic!("'{url}' was opened as {}", place.name),
            Err(error) => error.message().to_owned(),
        }
    }

    #[test]
    fn directories_are_named_in_four_ways() {
        let made = tempfile::tempdir().unwrap();
        let path = made.path().canonicalize().unwrap().join("a b");
        let plain = path.display().to_string();
        let encoded = plain.replace(' ', "%20");
        for url in [
            plain.clone(),
            format!("file://{encoded}"),
            format!("file:{encoded}"),
            format!("file://localhost{encoded}"),
        ] {
            let place = open(&url, &StoreOptions::default()).unwrap();
            assert_eq!(place.directory.as_deref(), Some(&*path), "{url}");
        }
    }

    #[test]
    fn urls_that_cannot_work_are_refused_without_their_password() {
        assert_eq!(
            error("ftp://ann:secret@host/x"),
            "checkpoints cannot be kept at 'ftp://host/x': unknown scheme 'ftp'"
        );
        assert_eq!(
            error("file://host/x"),
            "'file://host/x' is no directory on this machine: it names a host"
        );
        assert_eq!(error("s3:///x"), "'s3:///x' does not name a bucket");
        assert_eq!(
            error("s3://k:v@bucket/x"),
            "'s3://bucket/x' does not name a bucket"
        );
        assert_eq!(error(""), "the directory for checkpoints has an empty name");
    }

    #[test]
    fn a_bucket_keeps_its_prefix_and_half_a_key_is_refused() {
        let mut options = StoreOptions {
            endpoint: Some("http://127.0.0.1:9".into()),
            access_key: Some("k".into()),
            ..StoreOptions::default()
        };
        assert!(open("s3://b/x", &options).is_err());
        options.secret_key = Some("s".into());
        let place = open("s3a://b/x/y/", &options).unwrap();
        assert_eq!(place.prefix, "x/y");
        assert_eq!(place.name, "bucket 'b' at 'http://127.0.0.1:9'");
    }
}
