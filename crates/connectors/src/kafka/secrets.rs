//! Files that options name, such as keys and certificates: only those in the secrets directory.
//!
//! Whoever writes a statement need not be who runs the process, and librdkafka would read any file the
//! process may read and send what is in it to a broker of the statement's choice. So a path is taken
//! only if it leads to a file below the directory that the environment variable
//! `MILLSTREAM_SECRETS_DIR` names; symbolic links are followed before that is decided, and the path
//! without them is what the client gets. Without the variable no path is taken: the text itself can
//! always stand in the statement (`ssl.ca.pem` and its like).

use std::path::{Path, PathBuf};

/// The environment variable that names the directory.
const VARIABLE: &str = "MILLSTREAM_SECRETS_DIR";

/// The directory, if there is one.
pub(super) fn directory() -> Option<PathBuf> {
    let named = std::env::var_os(VARIABLE)?;
    (!named.is_empty()).then(|| PathBuf::from(named))
}

/// The path of a file in the directory, given in full or from the directory on, without links; else
/// what is wanted instead. Neither tells the path.
pub(super) fn confined(path: &str, directory: Option<&Path>) -> Result<String, String> {
    let Some(directory) = directory else {
        return Err(format!(
            "no file, unless the environment variable '{VARIABLE}' names the directory it is in"
        ));
    };
    let wanted = || format!("a file in the directory that '{VARIABLE}' names");
    let inside = || {
        let root = directory.canonicalize().ok()?;
        let file = root.join(path).canonicalize().ok()?;
        let fits = file.starts_with(&root) && file.is_file();
        fits.then_some(file)?.into_os_string().into_string().ok()
    };
    inside().ok_or_else(wanted)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_files_in_the_directory_are_taken() {
        let here = tempfile::tempdir().unwrap();
        let root = here.path().canonicalize().unwrap();
        let secrets = root.join("secrets");
        fs::create_dir_all(secrets.join("kafka")).unwrap();
        let ca = secrets.join("kafka/ca.pem");
        fs::write(&ca, "ca").unwrap();
        fs::write(root.join("outside.pem"), "key").unwrap();
        fs::create_dir(root.join("secrets-not")).unwrap();
        fs::write(root.join("secrets-not/ca.pem"), "ca").unwrap();
        symlink(root.join("outside.pem"), secrets.join("link.pem")).unwrap();
        symlink(&ca, secrets.join("inner.pem")).unwrap();

        let taken = |path: &str| confined(path, Some(&secrets));
        let wanted = ca.to_str().unwrap();
        for path in [wanted, "kafka/ca.pem", "inner.pem", "./kafka/../inner.pem"] {
            assert_eq!(taken(path).as_deref(), Ok(wanted), "{path}");
        }
        let outside = root.join("outside.pem");
        let sibling = root.join("secrets-not/ca.pem");
        for path in [
            outside.to_str().unwrap(),
            sibling.to_str().unwrap(),
            "../outside.pem",
            "link.pem",
            "kafka",
            "",
            "missing.pem",
            "/etc/passwd",
            "a\0b",
        ] {
            let refused = taken(path).unwrap_err();
            assert!(refused.contains("MILLSTREAM_SECRETS_DIR"), "{refused}");
            assert!(path.is_empty() || !refused.contains(path), "{refused}");
        }
        assert!(confined(wanted, None).is_err(), "there is no directory");
        assert!(confined(wanted, Some(&root.join("missing"))).is_err());
    }
}
