//! Words to the user on standard error: errors, warnings, notes; in colour on a terminal.
//!
//! `NO_COLOR` is respected (no-color.org).

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use millstream_core::{Error, Remedy};

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const CYAN: &str = "\x1b[1;36m";
const OFF: &str = "\x1b[0m";

/// The exit code an error deserves: 2 if the user can correct it, else 1.
pub(crate) fn exit_code(error: &Error) -> ExitCode {
    match error.remedy() {
        Remedy::Correct | Remedy::SetAside => ExitCode::from(2),
        Remedy::Retry | Remedy::Report => ExitCode::FAILURE,
    }
}

/// Prints an error with its place and hint.
pub(crate) fn error(error: &Error) {
    let report = harmless(&error.report());
    print(&coloured(&report, may_colour(&io::stderr())));
}

/// Prints a warning.
pub(crate) fn warning(text: &str) {
    let text = harmless(&format!("warning: {text}"));
    print(&coloured(&text, may_colour(&io::stderr())));
}

/// Prints something good to know.
pub(crate) fn note(text: &str) {
    print(&harmless(text));
}

/// True if `to` is a terminal and colours are welcome.
pub(crate) fn may_colour(to: &impl IsTerminal) -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    to.is_terminal() && !unwanted
}

/// `text` without what could steer a terminal: names and records in it are not ours.
fn harmless(text: &str) -> String {
    let plain = |c: char| !c.is_control() || c == '\n';
    match text.chars().all(plain) {
        true => text.to_string(),
        false => text
            .chars()
            .map(|c| if plain(c) { c } else { '\u{fffd}' })
            .collect(),
    }
}

fn print(text: &str) {
    // Whoever closed standard error does not want to hear of it.
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// `text` with its first word, its hint and its carets in colour.
fn coloured(text: &str, colour: bool) -> String {
    if !colour {
        return text.to_string();
    }
    let lines = text
        .lines()
        .enumerate()
        .map(|(i, line)| match line.split_once(": ") {
            Some((word, rest)) if i == 0 => {
                let paint = if word == "warning" { YELLOW } else { RED };
                format!("{paint}{word}{OFF}: {rest}")
            }
            Some(("  hint", rest)) => format!("  {CYAN}hint{OFF}: {rest}"),
            _ => match line.split_once(" | ") {
                Some((margin, carets))
                    if !carets.is_empty() && carets.trim_matches([' ', '^']).is_empty() =>
                {
                    format!("{margin} | {RED}{carets}{OFF}")
                }
                _ => line.to_string(),
            },
        });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use millstream_core::Code;

    use super::*;

    #[test]
    fn the_exit_code_follows_the_remedy() {
        let code = |code| format!("{:?}", exit_code(&Error::new(code, "")));
        assert_eq!(code(Code::Syntax), format!("{:?}", ExitCode::from(2)));
        assert_eq!(code(Code::BadRecord), format!("{:?}", ExitCode::from(2)));
        assert_eq!(code(Code::Internal), format!("{:?}", ExitCode::from(1)));
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(harmless("a\x1b[2Jb\nc"), "a\u{fffd}[2Jb\nc");
    }

    #[test]
    fn colour_touches_the_first_word_the_carets_and_the_hint() {
        let report = "error[MS1001]: no: really\n 1 | SELEC\n   | ^^^^^\n  hint: SELECT";
        assert_eq!(
            coloured(report, true),
            "\x1b[1;31merror[MS1001]\x1b[0m: no: really\n 1 | SELEC\n   | \
             \x1b[1;31m^^^^^\x1b[0m\n  \x1b[1;36mhint\x1b[0m: SELECT"
        );
        assert_eq!(coloured(report, false), report);
    }
}
