//! Reads SQL text from where the command line says, and no more of it than a script may have.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use millstream_core::{Code, Error, Result};
use millstream_sql::limits::SQL_BYTES_MAX;

use crate::cli::ScriptArgs;

/// The text of a script.
pub(crate) fn read(from: &ScriptArgs) -> Result<String> {
    match (&from.sql, &from.file) {
        (Some(sql), _) => Ok(sql.clone()),
        (None, Some(file)) if file.as_os_str() == "-" => text(io::stdin().lock(), "standard input"),
        (None, Some(file)) => read_file(file),
        (None, None) => Ok(String::new()),
    }
}

/// The text of a file.
pub(crate) fn read_file(path: &Path) -> Result<String> {
    let name = format!("'{}'", path.display());
    let is_dir = path.is_dir();
    let file = match File::open(path) {
        Ok(_) if is_dir => Err(Error::new(Code::Read, format!("{name} is a directory"))
            .hint("name a file of SQL statements")),
        Ok(file) => Ok(file),
        Err(error) => Err(cannot_read(&name, error)),
    }?;
    text(file, &name)
}

fn text(from: impl Read, name: &str) -> Result<String> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells a long script from one that just fits.
    let read = from.take(SQL_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| cannot_read(name, error))?;
    if bytes.len() > SQL_BYTES_MAX {
        let message = format!("{name} is longer than the {SQL_BYTES_MAX} bytes a script may have");
        return Err(Error::new(Code::TooComplex, message));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::new(
            Code::Syntax,
            format!("{name} is not UTF-8 text: byte {at} fits nowhere"),
        )
    })?;
    // Editors of another system put a mark in front that is no part of the text.
    Ok(text
        .strip_prefix('\u{feff}')
        .map(str::to_string)
        .unwrap_or(text))
}

fn cannot_read(name: &str, error: io::Error) -> Error {
    let code = match error.kind() {
        io::ErrorKind::NotFound => Code::NotFound,
        _ => Code::Read,
    };
    Error::new(code, format!("cannot read {name}: {}", plain(&error)))
}

/// The operating system's words without its number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_never_ends_is_refused_and_not_kept() {
        let error = text(io::repeat(b' '), "it").unwrap_err();
        assert_eq!(error.code(), Code::TooComplex);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_place() {
        let error = text(&b"SELECT '\xff'"[..], "it").unwrap_err();
        assert_eq!(error.message(), "it is not UTF-8 text: byte 8 fits nowhere");
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        assert_eq!(
            text("\u{feff}SELECT 1".as_bytes(), "it").unwrap(),
            "SELECT 1"
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read_file(Path::new("no/such.sql")).unwrap_err();
        assert_eq!(error.code(), Code::NotFound);
        assert!(
            error
                .message()
                .starts_with("cannot read 'no/such.sql': no such file")
        );
    }
}
