//! A session: statements in, jobs and tables of text out.
//!
//! * [`ddl`]: CREATE, DROP, ALTER. [`show`]: SHOW and DESCRIBE. [`job`]: queries, INSERT, EXPLAIN.
//!
//! A session starts nothing: whoever holds it runs the job graphs it returns, so the shell, a
//! server and a test use the same one.

mod ddl;
mod job;
mod like;
mod show;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use millstream_core::clock::SharedClock;
use millstream_core::options::OptionSpec;
use millstream_core::{Code, Error, Result};
use millstream_functions::FunctionContext;
use millstream_plan::JobGraph;

use crate::ast::{Spanned, Statement};
use crate::bind::{Functions, Scope};
use crate::catalog::Catalog;
use crate::diagnostics::locate;
use crate::limits::on_big_stack;
use crate::registry::Registry;
use crate::settings::Settings;

/// What a statement led to.
#[derive(Debug)]
pub enum Outcome {
    /// It changed something; one sentence about it.
    Done(String),
    /// A table of text: SHOW, DESCRIBE, EXPLAIN, SET.
    Listing(Listing),
    /// A job whose rows the caller collects.
    Query(Box<Query>),
    /// A job that writes tables.
    Insert(Box<JobGraph>),
    /// A word of the shell.
    Shell(ShellWord),
}

/// A job whose rows the caller collects.
#[derive(Clone, Debug)]
pub struct Query {
    /// The job.
    pub graph: JobGraph,
    /// Names, types and nullability of the result's columns, as the user sees them.
    pub schema: SchemaRef,
    /// Positions of the columns that identify a row of the result, if known.
    pub upsert_key: Option<Vec<usize>>,
}

/// A table of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Names of the columns.
    pub columns: Vec<&'static str>,
    /// Rows; as many cells as columns. NULL is `None`.
    pub rows: Vec<Vec<Option<String>>>,
    /// True if it is one text of many lines, to be printed as it is.
    pub verbatim: bool,
}

/// Words of the shell that are not SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShellWord {
    /// QUIT or EXIT.
    Quit,
    /// CLEAR.
    Clear,
    /// HELP.
    Help,
}

/// Definitions and settings of one user.
pub struct Session {
    catalog: Arc<Catalog>,
    settings: Settings,
    registry: Arc<dyn Registry>,
    clock: SharedClock,
    functions: Functions,
    cores: u32,
}

impl Session {
    /// An empty session. `cores` is the parallelism if nobody sets one.
    pub fn new(registry: Arc<dyn Registry>, clock: SharedClock, cores: u32) -> Self {
        Session {
            catalog: Arc::default(),
            settings: Settings::default(),
            registry,
            clock,
            functions: Functions::new(FunctionContext::new(chrono_tz::Tz::UTC)),
            cores: cores.max(1),
        }
    }

    /// Sets a setting, as SET does.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        self.settings.set(key, value)?;
        self.refresh_functions()
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Every setting that changes something, for help and completion.
    pub fn known_settings() -> &'static [OptionSpec] {
        crate::settings::KEYS
    }

    /// Names of tables and views in the current database, for completion.
    pub fn table_names(&self) -> Vec<String> {
        let objects = self.catalog.objects(self.catalog.current());
        objects
            .map(|all| all.map(|(name, _)| name.to_string()).collect())
            .unwrap_or_default()
    }

    /// Names of all functions, upper case, sorted.
    pub fn function_names(&self) -> Vec<String> {
        let functions = &self.functions;
        let scalar = functions.scalar.keys();
        let scalar = scalar.filter(|name| !millstream_functions::is_syntax(name));
        let keys = scalar.chain(functions.aggregate.keys());
        let mut names: Vec<String> = keys.map(|name| name.to_uppercase()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Reads a script into statements.
    pub fn parse(&self, script: &str) -> Result<Vec<Spanned<Statement>>> {
        crate::parse::parse_script(script)
    }

    /// Carries out one statement of `script`, which is only read for error messages.
    ///
    /// Nothing a user types makes this panic: planning runs on its own big stack, and a panic there
    /// is an internal error.
    pub fn execute(&mut self, statement: &Spanned<Statement>, script: &str) -> Result<Outcome> {
        let outcome = on_big_stack(|| self.dispatch(statement, script));
        outcome.map_err(
            |error| match statement.span.is_unknown() || !places(&error) {
                true => error,
                false => {
                    let mut start = statement.span;
                    (start.end_line, start.end_column) = (start.line, start.column + 1);
                    error.at(locate(script, start))
                }
            },
        )
    }

    fn dispatch(&mut self, statement: &Spanned<Statement>, script: &str) -> Result<Outcome> {
        match &statement.node {
            Statement::Query(query) => self.query(query, script),
            Statement::Insert(insert) => {
                self.inserts(std::slice::from_ref(&insert.as_ref()), script)
            }
            Statement::StatementSet(inserts) => {
                let inserts: Vec<_> = inserts.iter().map(|insert| &insert.node).collect();
                self.inserts(&inserts, script)
            }
            Statement::Explain(explain) => self.explain(explain, script),
            Statement::CreateTable(create) => self.create_table(create, script),
            Statement::CreateView(create) => self.create_view(create, script),
            Statement::CreateDatabase(create) => self.create_database(create),
            Statement::CreateFunction(create) => Err(Error::unsupported(
                "CREATE FUNCTION is not supported by this release",
            )
            .at(locate(script, create.span))),
            Statement::Drop(drop) => self.drop_object(drop),
            Statement::AlterTable(alter) => self.alter_table(alter, script),
            Statement::AlterView(alter) => self.alter_view(alter, script),
            Statement::UseDatabase(name) => self.use_database(name),
            Statement::UseCatalog(name) => self.use_catalog(&name.value),
            Statement::Show(what) => self.show(what),
            Statement::Describe(describe) => self.describe(describe, script),
            Statement::Set(option) => self.set_or_list(option.as_ref()),
            Statement::Reset(key) => self.reset(key.as_ref().map(|key| key.value.as_str())),
            Statement::Quit => Ok(Outcome::Shell(ShellWord::Quit)),
            Statement::Clear => Ok(Outcome::Shell(ShellWord::Clear)),
            Statement::Help => Ok(Outcome::Shell(ShellWord::Help)),
        }
    }

    fn set_or_list(&mut self, option: Option<&crate::ast::SetOption>) -> Result<Outcome> {
        let Some(option) = option else {
            let rows = self.settings.iter();
            let rows = rows
                .map(|(k, v)| vec![Some(k.to_string()), Some(v.to_string())])
                .collect();
            return Ok(Outcome::Listing(Listing {
                columns: vec!["key", "value"],
                rows,
                verbatim: false,
            }));
        };
        self.set(&option.key.value, &option.value.value)?;
        let note = match Settings::is_ignored(&option.key.value) {
            true => " (kept for Flink; it changes nothing here)",
            false => "",
        };
        Ok(Outcome::Done(format!(
            "'{}' = '{}'{note}",
            option.key, option.value
        )))
    }

    fn reset(&mut self, key: Option<&str>) -> Result<Outcome> {
        match key {
            Some(key) => self.settings.reset(key),
            None => self.settings.reset_all(),
        }
        self.refresh_functions()?;
        Ok(Outcome::Done(match key {
            Some(key) => format!("'{key}' has its default again"),
            None => "all settings have their defaults again".to_string(),
        }))
    }

    fn use_database(&mut self, name: &crate::ast::QualifiedName) -> Result<Outcome> {
        let database = match name.parts.as_slice() {
            [database] => database,
            [catalog, database] => {
                self.use_catalog(&catalog.value)?;
                database
            }
            _ => {
                let message = format!("USE wants the name of a database, found '{name}'");
                return Err(Error::new(Code::Syntax, message));
            }
        };
        Arc::make_mut(&mut self.catalog).use_database(&database.value)?;
        Ok(Outcome::Done(format!(
            "the current database is '{database}'"
        )))
    }

    fn use_catalog(&mut self, name: &str) -> Result<Outcome> {
        if name != crate::catalog::CATALOG {
            return Err(
                Error::new(Code::UnknownTable, format!("unknown catalog '{name}'")).hint(format!(
                    "there is one catalog, '{}'",
                    crate::catalog::CATALOG
                )),
            );
        }
        Ok(Outcome::Done(format!("the current catalog is '{name}'")))
    }

    /// Functions know the session's zone, so a new zone makes new functions.
    fn refresh_functions(&mut self) -> Result<()> {
        let zone = self.settings.zone()?;
        if zone != self.functions.context.time_zone {
            self.functions = Functions::new(FunctionContext::new(zone));
        }
        Ok(())
    }

    fn scope(&self) -> Arc<Scope> {
        Arc::new(Scope {
            catalog: Arc::clone(&self.catalog),
            settings: self.settings.clone(),
            registry: Arc::clone(&self.registry),
            clock: Arc::clone(&self.clock),
            functions: self.functions.clone(),
            depth: 0,
        })
    }
}

/// True if the error is about the text, so that a place helps.
fn places(error: &Error) -> bool {
    error.location().is_none() && error.code() != Code::Internal
}
