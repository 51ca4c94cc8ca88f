//! What the shell offers to complete: keywords, tables, functions, settings; by what stands before.
//!
//! | before the word | offered |
//! |---|---|
//! | `SET '`, `RESET '` | settings |
//! | `FROM`, `JOIN`, `INTO`, `TABLE`, `DESCRIBE`, `DESC`, `VIEW` | tables and views |
//! | anything else | keywords, functions, tables and views |
//!
//! Within a text literal nothing is offered.

use std::ops::Range;

use millstream_sql::dialect::{is_name_part, quoted};
use millstream_sql::session::Session;

/// Most words that are offered at once.
const OFFERED_MAX: usize = 100;

const KEYWORDS: &[&str] = &[
    "ALTER",
    "AND",
    "ARRAY",
    "AS",
    "ASC",
    "BEGIN",
    "BETWEEN",
    "BIGINT",
    "BOOLEAN",
    "BY",
    "BYTES",
    "CASE",
    "CAST",
    "CLEAR",
    "COMMENT",
    "CREATE",
    "CUMULATE",
    "DATABASE",
    "DATABASES",
    "DATE",
    "DAY",
    "DECIMAL",
    "DESC",
    "DESCRIBE",
    "DESCRIPTOR",
    "DISTINCT",
    "DOUBLE",
    "DROP",
    "ELSE",
    "END",
    "ENFORCED",
    "EXECUTE",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FILTER",
    "FLOAT",
    "FOR",
    "FROM",
    "FUNCTIONS",
    "GROUP",
    "HAVING",
    "HELP",
    "HOP",
    "HOUR",
    "IF",
    "IN",
    "INSERT",
    "INT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOBS",
    "JOIN",
    "KEY",
    "LIKE",
    "LIMIT",
    "MAP",
    "METADATA",
    "MINUTE",
    "MONTH",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "PARTITION",
    "PARTITIONED",
    "PRIMARY",
    "QUIT",
    "RENAME",
    "RESET",
    "ROW",
    "SECOND",
    "SELECT",
    "SESSION",
    "SET",
    "SHOW",
    "STATEMENT",
    "STRING",
    "TABLE",
    "TABLES",
    "TEMPORARY",
    "THEN",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMP_LTZ",
    "TO",
    "TRUE",
    "TUMBLE",
    "UNION",
    "USE",
    "VALUES",
    "VARCHAR",
    "VIEW",
    "VIEWS",
    "WATERMARK",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
    "YEAR",
];

/// Words after which the name of a table is expected.
const BEFORE_TABLES: &[&str] = &["FROM", "JOIN", "INTO", "TABLE", "DESCRIBE", "DESC", "VIEW"];

/// The words of a session.
#[derive(Debug, Default)]
pub(super) struct Words {
    tables: Vec<String>,
    functions: Vec<String>,
    settings: Vec<&'static str>,
}

/// What can stand in place of a piece of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// The piece, in bytes.
    pub(super) place: Range<usize>,
    /// The words, in the order to show them.
    pub(super) words: Vec<String>,
}

impl Words {
    /// The words of this session.
    pub(super) fn new(session: &Session) -> Self {
        let mut settings: Vec<&str> = Session::known_settings()
            .iter()
            .map(|spec| spec.key)
            .collect();
        settings.push(super::shell::RESULT_MODE);
        let functions = session.function_names().into_iter();
        Words {
            tables: session.table_names(),
            functions: functions.filter(|name| !name.contains('$')).collect(),
            settings,
        }
    }

    /// Reads anew what statements can change.
    pub(super) fn refresh(&mut self, session: &Session) {
        self.tables = session.table_names();
    }

    /// What can stand at the end of `before`, the text in front of the cursor.
    pub(super) fn offer(&self, before: &str) -> Offer {
        if let Some(key) = open_setting(before) {
            let keys = self
                .settings
                .iter()
                .filter(|setting| setting.starts_with(key));
            return offer(before, key, keys.map(|key| key.to_string()).collect());
        }
        let word = last_word(before);
        if is_within_text(before) {
            return offer(before, word, Vec::new());
        }
        let rest = &before[..before.len() - word.len()];
        let wants_table = BEFORE_TABLES
            .iter()
            .any(|known| known.eq_ignore_ascii_case(last_word(rest.trim_end())));
        let tables = self.tables.iter().filter(|name| begins_with(name, word));
        let tables = tables.map(|name| quoted(name).into_owned());
        if wants_table {
            return offer(before, word, tables.collect());
        }
        if word.is_empty() {
            return offer(before, word, Vec::new());
        }
        let keywords = KEYWORDS.iter().filter(|keyword| begins_with(keyword, word));
        let functions = self.functions.iter().filter(|name| begins_with(name, word));
        let words = tables.chain(keywords.map(|keyword| keyword.to_string()));
        offer(
            before,
            word,
            words
                .chain(functions.map(|name| format!("{name}(")))
                .collect(),
        )
    }
}

fn offer(before: &str, word: &str, mut words: Vec<String>) -> Offer {
    words.truncate(OFFERED_MAX);
    Offer {
        place: before.len() - word.len()..before.len(),
        words,
    }
}

fn begins_with(name: &str, word: &str) -> bool {
    let front = name.get(..word.len());
    front.is_some_and(|front| front.eq_ignore_ascii_case(word))
}

fn last_word(text: &str) -> &str {
    let from = text
        .char_indices()
        .rev()
        .take_while(|(_, c)| is_name_part(*c))
        .last();
    from.map_or("", |(at, _)| &text[at..])
}

/// The key being written in `SET '..` or `RESET '..`.
fn open_setting(before: &str) -> Option<&str> {
    let (rest, key) = before.rsplit_once('\'')?;
    let word = last_word(rest.trim_end());
    let is_setting = word.eq_ignore_ascii_case("SET") || word.eq_ignore_ascii_case("RESET");
    let is_key = key
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    (is_setting && is_key).then_some(key)
}

/// True if an odd number of quotes is open; `''` within a text counts twice and changes nothing.
fn is_within_text(before: &str) -> bool {
    before.bytes().filter(|byte| *byte == b'\'').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        Words {
            tables: vec!["flights".into(), "order".into()],
            functions: vec!["FLOOR".into(), "SELFIE".into()],
            settings: vec!["parallelism.default", "pipeline.name"],
        }
    }

    fn offered(before: &str) -> Vec<String> {
        words().offer(before).words
    }

    #[test]
    fn what_stands_before_decides_what_is_offered() {
        assert_eq!(offered("SEL"), ["SELECT", "SELFIE("]);
        assert_eq!(offered("SELECT fl"), ["flights", "FLOAT", "FLOOR("]);
        assert_eq!(offered("SELECT * FROM "), ["flights", "`order`"]);
        assert_eq!(offered("DESCRIBE o"), ["`order`"]);
        assert_eq!(offered("SET 'p"), ["parallelism.default", "pipeline.name"]);
        assert_eq!(offered("SET 'parallelism.d"), ["parallelism.default"]);
        assert_eq!(offered("SELECT 'FRO"), [""; 0]);
        assert_eq!(offered("SELECT "), [""; 0]);
    }

    #[test]
    fn the_word_under_the_cursor_is_replaced() {
        assert_eq!(words().offer("SELECT fl").place, 7..9);
        assert_eq!(words().offer("SET 'pipe").place, 5..9);
        assert_eq!(words().offer("Ünï").place, 0..5);
    }

    #[test]
    fn the_keywords_are_sorted() {
        assert!(KEYWORDS.is_sorted());
    }
}
