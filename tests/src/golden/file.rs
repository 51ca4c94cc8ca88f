//! Reading and rewriting a golden file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::flink::{Notes, Record};

/// A golden file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Golden {
    /// Where it is.
    pub path: PathBuf,
    /// The whole file; comments and all are given to the program.
    pub text: String,
    /// Name and content of each input file.
    pub inputs: Vec<(String, String)>,
    /// What is wanted.
    pub wanted: Wanted,
    /// Texts wanted among the messages.
    pub messages: Vec<String>,
    /// True if one run is enough.
    pub once: bool,
    /// What the file says about Flink.
    pub notes: Notes,
    /// What Flink said about the file.
    pub record: Option<Record>,
}

/// What a golden file wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// These lines, sorted.
    Lines(Vec<String>),
    /// A failure with this code.
    Error(String),
}

impl Golden {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(path, text)
    }

    /// Takes a file's text apart.
    pub fn parse(path: &Path, text: String) -> Result<Self> {
        let mut inputs: Vec<(String, String)> = Vec::new();
        let mut wanted = None;
        let mut messages = Vec::new();
        let mut once = false;
        let mut notes = Notes::default();
        let mut record: Option<Record> = None;
        let mut block = Block::None;
        for line in text.lines() {
            let Some(comment) = line.strip_prefix("--") else {
                block = Block::None;
                continue;
            };
            let comment = comment.strip_prefix(' ').unwrap_or(comment);
            if let Some(directive) = comment.strip_prefix('@') {
                let (word, rest) = directive.split_once(' ').unwrap_or((directive, ""));
                block = Block::None;
                match word {
                    "input" => {
                        inputs.push((rest.trim().to_string(), String::new()));
                        block = Block::Input;
                    }
                    "expect" => {
                        wanted = Some(Wanted::Lines(Vec::new()));
                        block = Block::Expect;
                    }
                    "error" => wanted = Some(Wanted::Error(rest.trim().to_string())),
                    "stderr" => messages.push(rest.to_string()),
                    "once" => once = true,
                    "flink" => {
                        record = Some(Record::begin(rest)?);
                        block = Block::Flink;
                    }
                    word if notes.take(word, rest)? => {}
                    other => bail!("unknown directive '@{other}'"),
                }
                continue;
            }
            match (&block, inputs.last_mut(), &mut wanted) {
                (Block::Input, Some((_, content)), _) => {
                    content.push_str(comment);
                    content.push('\n');
                }
                (Block::Expect, _, Some(Wanted::Lines(lines))) => lines.push(comment.to_string()),
                (Block::Flink, ..) => {
                    if let Some(record) = &mut record {
                        record.line(comment)?;
                    }
                }
                _ => {}
            }
        }
        let Some(wanted) = wanted else {
            bail!("neither @expect nor @error")
        };
        Ok(Golden {
            path: path.to_path_buf(),
            text,
            inputs,
            wanted,
            messages,
            once,
            notes,
            record,
        })
    }

    /// Writes the input files into a folder.
    pub fn lay_out(&self, folder: &Path) -> Result<()> {
        for (name, content) in &self.inputs {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(&path, content)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// The script with the name of the folder in its places.
    pub fn script(&self, folder: &Path) -> Result<String> {
        let place = folder.to_str().context("the folder's name is not UTF-8")?;
        Ok(self.text.replace("{dir}", place))
    }

    /// Writes the file again with other wanted lines.
    pub fn rewrite(&self, lines: &[String]) -> Result<()> {
        let lines = lines.iter().map(|line| format!("-- {line}"));
        let block = std::iter::once("-- @expect".to_string()).chain(lines);
        let block: String = block.map(|line| format!("{}\n", line.trim_end())).collect();
        let Some(text) = with_block(&self.text, "expect", &block) else {
            bail!("only the lines of @expect can be rewritten");
        };
        self.write(&text)
    }

    /// The file's text with this record of Flink, or without any.
    pub fn with_record(&self, record: Option<&Record>) -> String {
        let block = record.map(Record::text).unwrap_or_default();
        let text = with_block(&self.text, "flink", &block);
        text.unwrap_or_else(|| format!("{}\n{block}", self.text.trim_end()))
    }

    /// Replaces the file.
    pub fn write(&self, text: &str) -> Result<()> {
        std::fs::write(&self.path, text)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// The text with another block of a word; none if it has no such block. A block ends before the
/// next directive, and where no comment is.
fn with_block(text: &str, word: &str, block: &str) -> Option<String> {
    let is_start = |line: &str| {
        let word = line
            .strip_prefix("-- @")
            .and_then(|rest| rest.strip_prefix(word));
        word.is_some_and(|rest| rest.trim_end().is_empty() || rest.starts_with(' '))
    };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let start = lines.iter().position(|line| is_start(line))?;
    let goes_on = |line: &&&str| line.starts_with("--") && !line.starts_with("-- @");
    let len = 1 + lines[start + 1..].iter().take_while(goes_on).count();
    let mut before = lines[..start].concat();
    if !before.is_empty() && !before.ends_with('\n') {
        before.push('\n');
    }
    Some(format!("{before}{block}{}", lines[start + len..].concat()))
}

enum Block {
    None,
    Input,
    Expect,
    Flink,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_and_wanted_lines_are_found() {
        let text = "-- about\n-- @input a.csv\n-- 1,2\n--\nSELECT 1;\n-- @expect\n-- {\"a\":1}\n";
        let golden = Golden::parse(Path::new("x.sql"), text.into()).unwrap();
        assert_eq!(
            golden.inputs,
            [("a.csv".to_string(), "1,2\n\n".to_string())]
        );
        assert_eq!(golden.wanted, Wanted::Lines(vec!["{\"a\":1}".into()]));
    }

    #[test]
    fn wanted_lines_are_replaced_and_what_stands_below_stays() {
        let text = "SELECT 1;\n-- @expect\n-- a\n-- b\n-- @flink 2 today\n-- 2 lines x\n";
        let wanted = "SELECT 1;\n-- @expect\n-- c\n-- @flink 2 today\n-- 2 lines x\n";
        assert_eq!(
            with_block(text, "expect", "-- @expect\n-- c\n").as_deref(),
            Some(wanted)
        );
        assert_eq!(with_block("-- @flink-set a=b\n", "flink", ""), None);
    }

    #[test]
    fn a_file_without_a_wish_is_refused() {
        assert!(Golden::parse(Path::new("x.sql"), "SELECT 1;".into()).is_err());
    }
}
