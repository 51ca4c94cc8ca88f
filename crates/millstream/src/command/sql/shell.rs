//! Carries out statements for the shell and shows what they lead to.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use millstream_core::{Code, Error, Result, suggest};
use millstream_plan::RuntimeMode;
use millstream_runtime::Outcome as JobOutcome;
use millstream_sql::ast::{SetOption, Spanned, Statement};
use millstream_sql::session::{Outcome, Query, Session, ShellWord};

use super::words::Words;
use crate::cli::{Format, SettingArgs};
use crate::command::run::{insert, refuse_endless};
use crate::engine::Engine;
use crate::jobs::Jobs;
use crate::message;
use crate::output::{Changes, Final, Live, Out, Shape, View, print_listing};
use crate::signals::Signals;
use crate::watch::Watch;

/// The setting that chooses how a SELECT is shown.
pub(super) const RESULT_MODE: &str = "sql-client.execution.result-mode";

const RESULT_MODES: &[&str] = &["table", "changelog", "tableau"];

const HELP: &str = "\
A statement ends with ';' and may have many lines. Among them:

  CREATE TABLE, CREATE VIEW, DROP, ALTER TABLE     define what there is
  SHOW TABLES, SHOW FUNCTIONS, DESCRIBE t          look at it
  SELECT, INSERT INTO                              run it
  EXPLAIN SELECT ..                                see what would run
  SET 'key' = 'value', SET, RESET                  settings

  SET 'sql-client.execution.result-mode' = 'table' | 'changelog' | 'tableau'
  CLEAR, HELP, QUIT                                the shell itself

Tab completes, the up key goes back in time, Ctrl-R searches there, Ctrl-C stops a query.
";

/// What to do after a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The next one.
    Go,
    /// End: somebody wants to.
    Quit,
    /// End: a job was cut off.
    CutOff,
}

/// A session and what it prints to.
pub(super) struct Shell<'a> {
    engine: &'a Engine,
    session: Session,
    signals: Signals,
    out: Out,
    jobs: Jobs,
    is_person: bool,
    words: Arc<Mutex<Words>>,
}

impl<'a> Shell<'a> {
    /// A shell for a person at a terminal, or for a script.
    pub(super) fn new(engine: &'a Engine, settings: &SettingArgs, is_person: bool) -> Result<Self> {
        let session = engine.session(settings)?;
        let words = Words::new(&session);
        let shell = Shell {
            engine,
            session,
            signals: Signals::catch()?,
            out: Out::stdout(),
            jobs: Jobs::unnamed(),
            is_person,
            words: Arc::new(Mutex::new(words)),
        };
        shell.result_mode()?;
        Ok(shell)
    }

    /// What can be completed; kept up to date.
    pub(super) fn words(&self) -> Arc<Mutex<Words>> {
        Arc::clone(&self.words)
    }

    /// Carries out every statement of a text.
    pub(super) fn all(&mut self, text: &str) -> Result<Next> {
        for statement in &self.session.parse(text)? {
            match self.one(statement, text)? {
                Next::Go => {}
                next => return Ok(next),
            }
        }
        Ok(Next::Go)
    }

    fn one(&mut self, statement: &Spanned<Statement>, text: &str) -> Result<Next> {
        if let Statement::Set(Some(option)) = &statement.node
            && option.key.value == RESULT_MODE
        {
            return self.set_result_mode(option);
        }
        let outcome = self.session.execute(statement, text)?;
        let mut words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        words.refresh(&self.session);
        drop(words);
        match outcome {
            Outcome::Done(sentence) => self.say(&sentence)?,
            Outcome::Listing(listing) => print_listing(&listing, Format::Table, &mut self.out)?,
            Outcome::Shell(ShellWord::Quit) => return Ok(Next::Quit),
            Outcome::Shell(ShellWord::Help) => self.print(HELP)?,
            Outcome::Shell(ShellWord::Clear) if self.is_person => self.print("\x1b[H\x1b[2J")?,
            Outcome::Shell(ShellWord::Clear) => {}
            Outcome::Query(_) if self.out.is_closed() => {}
            Outcome::Query(query) => return self.select(&query),
            Outcome::Insert(graph) => {
                let ended = self.watched(|watch| insert(watch, &graph))?;
                return Ok(self.after(ended));
            }
        }
        Ok(Next::Go)
    }

    fn select(&mut self, query: &Query) -> Result<Next> {
        let colour = self.out.colour();
        let is_batch = self.session.settings().mode()? == RuntimeMode::Batch;
        let shape = if is_batch {
            Shape::Rows
        } else {
            Shape::Changes
        };
        let mut view: Box<dyn View> = match self.result_mode()? {
            "table" if self.is_person => Box::new(Live::new(query, colour)?),
            "table" => {
                refuse_endless(&query.graph)?;
                Box::new(Final::new(query, Format::Table, colour)?)
            }
            "changelog" => Box::new(Changes::new(query, Format::Table, Shape::Changes, colour)),
            _ => Box::new(Changes::new(query, Format::Table, shape, colour)),
        };
        let ended = self.watched(|watch| Ok(watch.query(&query.graph, view.as_mut())?.outcome))?;
        Ok(self.after(ended))
    }

    fn watched(
        &mut self,
        run: impl FnOnce(&mut Watch<'_>) -> Result<JobOutcome>,
    ) -> Result<JobOutcome> {
        let mut listener = self.signals.listen();
        run(&mut Watch {
            engine: self.engine,
            signals: &mut listener,
            out: &mut self.out,
            jobs: &mut self.jobs,
        })
    }

    /// A person gets the prompt back after an interrupt, a script ends.
    fn after(&self, ended: JobOutcome) -> Next {
        match (ended, self.is_person) {
            (JobOutcome::Finished, _) | (_, true) => Next::Go,
            (JobOutcome::Stopped, false) => Next::Quit,
            (JobOutcome::Cancelled, false) => Next::CutOff,
        }
    }

    fn result_mode(&self) -> Result<&'static str> {
        let usual = if self.is_person { "table" } else { "tableau" };
        let mut settings = self.session.settings().iter();
        match settings.find(|(key, _)| *key == RESULT_MODE) {
            None => Ok(usual),
            Some((_, value)) => mode(value),
        }
    }

    fn set_result_mode(&mut self, option: &SetOption) -> Result<Next> {
        let mode = mode(&option.value.value)?;
        self.session.set(RESULT_MODE, mode)?;
        self.say(&format!("'{RESULT_MODE}' = '{mode}'"))?;
        Ok(Next::Go)
    }

    /// What a person wants to know and a program does not.
    fn say(&mut self, sentence: &str) -> Result<()> {
        match self.is_person {
            true => self.print(&format!("{sentence}\n")),
            false => {
                if std::io::stderr().is_terminal() {
                    message::note(sentence);
                }
                Ok(())
            }
        }
    }

    fn print(&mut self, text: &str) -> Result<()> {
        self.out.buffer().extend_from_slice(text.as_bytes());
        self.out.flush()
    }
}

fn mode(value: &str) -> Result<&'static str> {
    let found = RESULT_MODES
        .iter()
        .find(|mode| mode.eq_ignore_ascii_case(value.trim()));
    found.copied().ok_or_else(|| {
        let shown: String = value.chars().take(80).collect();
        let message =
            format!("'{RESULT_MODE}' wants 'table', 'changelog' or 'tableau', found '{shown}'");
        let error = Error::new(Code::InvalidOption, message);
        match suggest::hint(value, RESULT_MODES.iter().copied()) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_result_mode_names_its_neighbour() {
        assert_eq!(mode("TABLE").unwrap(), "table");
        assert_eq!(
            mode("tabel").unwrap_err().hint_text(),
            Some("did you mean 'table'?")
        );
    }
}
