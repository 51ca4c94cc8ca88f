//! Reading and rewriting a golden file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

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
        })
    }

    /// Writes the file again with other wanted lines.
    pub fn rewrite(&self, lines: &[String]) -> Result<()> {
        let Some((before, _)) = self.text.split_once("-- @expect") else {
            bail!("only the lines of @expect can be rewritten");
        };
        let mut text = format!("{before}-- @expect\n");
        for line in lines {
            text.push_str(format!("-- {line}").trim_end());
            text.push('\n');
        }
        std::fs::write(&self.path, text)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

enum Block {
    None,
    Input,
    Expect,
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
    fn a_file_without_a_wish_is_refused() {
        assert!(Golden::parse(Path::new("x.sql"), "SELECT 1;".into()).is_err());
    }
}
