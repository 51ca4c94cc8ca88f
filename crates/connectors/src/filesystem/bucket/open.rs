//! From a path such as `s3://bucket/prefix` and the options of a table to a bucket.
//!
//! The options carry Flink's names. What they do not say comes from the environment
//! (`AWS_ACCESS_KEY_ID` and so on). Values of secrets never enter a message.

use std::sync::Arc;

use millstream_core::options::Options;
use millstream_core::{Code, Error, Result};
use object_store::aws::AmazonS3Builder;
use object_store::{ClientOptions, RetryConfig};

use super::{Bucket, Patience};
use crate::filesystem::{ACCESS_KEY, ENDPOINT, PATH, PATH_STYLE, REGION, SECRET_KEY};

/// True for the schemes that name an S3 bucket; `s3a` and `s3p` are Flink's other words for it.
pub(in crate::filesystem) fn is_bucket(scheme: &str) -> bool {
    ["s3", "s3a", "s3p"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
}

/// The bucket and prefix behind `scheme://` of the option `path`.
pub(in crate::filesystem) fn open(options: &Options, scheme: &str, rest: &str) -> Result<Bucket> {
    let wrong = || {
        options
            .invalid(PATH, "a path, a file:// URL or an s3:// URL")
            .hint("a bucket is named 's3://bucket/prefix'")
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if bucket.is_empty() || !bucket.chars().all(named) {
        return Err(wrong());
    }
    let prefix = prefix.trim_matches('/').to_string();
    object_store::path::Path::parse(&prefix).map_err(|error| wrong().caused_by(error))?;
    let (store, name) = s3(options, bucket)?;
    Ok(Bucket {
        store,
        name,
        url: format!("{}://{bucket}", scheme.to_ascii_lowercase()),
        prefix,
        patience: Patience::default(),
    })
}

fn s3(options: &Options, bucket: &str) -> Result<(Arc<dyn super::Store>, String)> {
    let patience = Patience::default();
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
    let endpoint = options.get(ENDPOINT).map(str::trim);
    let plain = match endpoint {
        Some(url) => {
            let plain = url.starts_with("http://");
            if !plain && !url.starts_with("https://") || url.contains('@') {
                return Err(options.invalid(ENDPOINT, "a URL such as 'http://localhost:9000'"));
            }
            builder = builder.with_endpoint(url.trim_end_matches('/'));
            plain
        }
        None => environment("AWS_ALLOW_HTTP").is_some_and(|value| value == "true"),
    };
    match (options.get(ACCESS_KEY), options.get(SECRET_KEY)) {
        (Some(id), Some(secret)) => {
            builder = builder
                .with_access_key_id(id)
                .with_secret_access_key(secret);
        }
        (None, None) => {}
        (Some(_), None) => return Err(one_of_two(options, ACCESS_KEY, SECRET_KEY)),
        (None, Some(_)) => return Err(one_of_two(options, SECRET_KEY, ACCESS_KEY)),
    }
    if let Some(region) = options.get(REGION) {
        builder = builder.with_region(region);
    }
    let has_endpoint = endpoint.is_some()
        || environment("AWS_ENDPOINT_URL_S3").is_some()
        || environment("AWS_ENDPOINT_URL").is_some();
    let path_style = options.boolean(PATH_STYLE, has_endpoint)?;
    let client = ClientOptions::new()
        .with_allow_http(plain)
        .with_timeout(patience.call * 10)
        .with_connect_timeout(patience.call / 6);
    // Calls are tried again by the bucket, which counts the time of all tries.
    let once = RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    };
    let store = builder
        .with_virtual_hosted_style_request(!path_style)
        .with_client_options(client)
        .with_retry(once)
        .build()
        .map_err(|_| {
            Error::new(
                Code::InvalidOption,
                format!(
                    "{} cannot use bucket '{bucket}': the options 's3.*' and the variables AWS_* \
                     do not fit together",
                    options.owner()
                ),
            )
        })?;
    let name = match endpoint {
        Some(endpoint) => format!("bucket '{bucket}' at '{endpoint}'"),
        None => format!("bucket '{bucket}'"),
    };
    Ok((Arc::new(store), name))
}

fn one_of_two(options: &Options, given: &str, missing: &str) -> Error {
    let owner = options.owner();
    Error::new(
        Code::InvalidOption,
        format!("{owner} has the option '{given}' but not '{missing}'"),
    )
}

fn environment(key: &str) -> Option<String> {
    std::env::var(key).ok().filter(|value| !value.is_empty())
}
