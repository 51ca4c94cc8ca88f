mod buckets;
mod crashing;
mod reading;
mod restoring;
mod s3;
mod watching;
mod writing;

use std::fs;
use std::path::Path;

use millstream_core::table::TableSpec;
use millstream_core::types::SqlType;

use crate::testing::table;

/// A table of two columns over `path`.
fn files(path: &Path, options: &[(&str, &str)]) -> TableSpec {
    let columns = [("a", SqlType::Int), ("b", SqlType::STRING)];
    let mut all = vec![("connector", "filesystem"), ("format", "lines")];
    all.push(("path", path.to_str().unwrap()));
    all.extend_from_slice(options);
    table("t", &columns, &all)
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Every file below a directory, hidden ones too, with its text; paths are relative.
fn tree(root: &Path) -> Vec<(String, String)> {
    fn walk(root: &Path, dir: &Path, into: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, into);
            } else {
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_string();
                into.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut files = Vec::new();
    if root.is_dir() {
        walk(root, root, &mut files);
    }
    files.sort();
    files
}
