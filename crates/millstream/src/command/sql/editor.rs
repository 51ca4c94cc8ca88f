//! The prompt: history, completion, statements of many lines.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use millstream_core::{Code, Error, Result};
use millstream_sql::parse::{Split, split_statement};
use reedline::{
    ColumnarMenu, Completer, CompletionResult, DefaultHinter, Emacs, FileBackedHistory, KeyCode,
    KeyModifiers, MenuBuilder, Prompt, PromptEditMode, PromptHistorySearch,
    PromptHistorySearchStatus, Reedline, ReedlineEvent, ReedlineMenu, Signal,
    SimpleMatchHighlighter, Span, Suggestion, ValidationResult, Validator,
    default_emacs_keybindings,
};

use super::shell::{Next, Shell};
use super::words::Words;
use crate::message;

/// Statements that are remembered.
const HISTORY: usize = 10_000;

const MENU: &str = "completion";

/// Reads statements until somebody wants to leave.
pub(super) fn talk(shell: &mut Shell<'_>) -> Result<Next> {
    let mut editor = editor(shell.words());
    println_banner();
    loop {
        let text = match editor.read_line(&Line) {
            Ok(Signal::Success(text)) => text,
            Ok(Signal::CtrlD) => return Ok(Next::Quit),
            Ok(_) => continue,
            Err(error) => {
                let message = format!("cannot read from the terminal: {error}");
                return Err(Error::new(Code::Read, message));
            }
        };
        match shell.all(&text) {
            Ok(Next::Go) => {}
            Ok(next) => return Ok(next),
            Err(error) => message::error(&error),
        }
    }
}

fn println_banner() {
    message::note(concat!(
        "Millstream ",
        env!("CARGO_PKG_VERSION"),
        ": Flink SQL. A statement ends with ';'. HELP; tells more, QUIT; leaves."
    ));
}

fn editor(words: Arc<Mutex<Words>>) -> Reedline {
    let mut keys = default_emacs_keybindings();
    let complete = ReedlineEvent::UntilFound(vec![
        ReedlineEvent::Menu(MENU.to_string()),
        ReedlineEvent::MenuNext,
    ]);
    keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, complete);
    let menu = Box::new(ColumnarMenu::default().with_name(MENU));
    let colour = message::may_colour(&std::io::stderr());
    let editor = Reedline::create()
        .with_ansi_colors(colour)
        .with_completer(Box::new(Complete(words)))
        .with_partial_completions(true)
        .with_quick_completions(true)
        .with_menu(ReedlineMenu::EngineCompleter(menu))
        .with_edit_mode(Box::new(Emacs::new(keys)))
        .with_highlighter(Box::new(SimpleMatchHighlighter::default()))
        .with_hinter(Box::new(DefaultHinter::default()))
        .with_validator(Box::new(WholeStatements))
        .use_bracketed_paste(true);
    match history() {
        Ok(history) => editor.with_history(Box::new(history)),
        Err(reason) => {
            message::warning(&format!("what you type is not remembered: {reason}"));
            editor
        }
    }
}

/// The history in `$XDG_STATE_HOME/millstream`, which only its owner can read: statements may hold
/// passwords.
fn history() -> Result<FileBackedHistory, String> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let state = variable("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let home = || variable("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let state = state.or_else(home).ok_or("HOME is not set")?;
    let file = state.join("millstream/history");
    make_private(&file).map_err(|error| format!("'{}': {error}", file.display()))?;
    FileBackedHistory::with_file(HISTORY, file).map_err(|error| error.to_string())
}

fn make_private(file: &std::path::Path) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}

/// Enter ends the input once every statement in it has its `;`.
struct WholeStatements;

impl Validator for WholeStatements {
    fn validate(&self, text: &str) -> ValidationResult {
        match is_whole(text) {
            true => ValidationResult::Complete,
            false => ValidationResult::Incomplete,
        }
    }
}

fn is_whole(text: &str) -> bool {
    let mut rest = text.trim();
    while let Split::Complete { end } = split_statement(rest) {
        rest = rest[end..].trim();
    }
    // The words of the shell need no `;`.
    let words = ["QUIT", "EXIT", "HELP", "CLEAR"];
    rest.is_empty() || words.iter().any(|word| word.eq_ignore_ascii_case(rest))
}

struct Complete(Arc<Mutex<Words>>);

impl Completer for Complete {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let before = line.get(..pos).unwrap_or(line);
        let offer = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .offer(before);
        let suggestion = |value: String| Suggestion {
            append_whitespace: !value.ends_with('('),
            value,
            span: Span::new(offer.place.start, offer.place.end),
            ..Suggestion::default()
        };
        let found: Vec<Suggestion> = offer.words.into_iter().map(suggestion).collect();
        CompletionResult::fresh(found)
    }
}

struct Line;

impl Prompt for Line {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        "millstream".into()
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        "".into()
    }

    fn render_prompt_indicator(&self, _mode: PromptEditMode) -> Cow<'_, str> {
        "> ".into()
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        "          > ".into()
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        let word = match search.status {
            PromptHistorySearchStatus::Passing => "search",
            PromptHistorySearchStatus::Failing => "nothing like",
        };
        format!(" ({word} '{}')> ", search.term).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_whole_when_every_statement_is() {
        assert!(is_whole(""));
        assert!(is_whole("SELECT 1;"));
        assert!(is_whole("SELECT 1; SELECT ';';  "));
        assert!(is_whole("quit"));
        assert!(!is_whole("SELECT 1"));
        assert!(!is_whole("SELECT 1; SELECT"));
        assert!(!is_whole("SELECT ';"));
        assert!(!is_whole(
            "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1;"
        ));
    }
}
