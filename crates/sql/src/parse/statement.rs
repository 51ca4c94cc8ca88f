//! Which statement is it? The first words decide; the rest is read by the file of that statement.

use millstream_core::Result;

use super::cursor::Parser;
use super::lexer::Kind;
use super::query::QUERY_WORDS;
use crate::ast::{Name, SetOption, Spanned, Statement};
use crate::dialect::STATEMENTS;

/// Statements of Flink we know of and do not run, by their first words.
const UNSUPPORTED: &[&[&str]] = &[
    &["ADD", "JAR"],
    &["ALTER", "CATALOG"],
    &["ALTER", "CONNECTION"],
    &["ALTER", "DATABASE"],
    &["ALTER", "FUNCTION"],
    &["ALTER", "MATERIALIZED"],
    &["ALTER", "MODEL"],
    &["ALTER", "TEMPORARY"],
    &["ANALYZE", "TABLE"],
    &["CALL"],
    &["COMPILE"],
    &["CREATE", "CATALOG"],
    &["CREATE", "CONNECTION"],
    &["CREATE", "MATERIALIZED"],
    &["CREATE", "MODEL"],
    &["CREATE", "OR", "ALTER"],
    &["CREATE", "OR", "REPLACE"],
    &["DELETE"],
    &["DESCRIBE", "CATALOG"],
    &["DESCRIBE", "CONNECTION"],
    &["DESCRIBE", "JOB"],
    &["DESCRIBE", "MODEL"],
    &["DROP", "CATALOG"],
    &["DROP", "CONNECTION"],
    &["DROP", "MATERIALIZED"],
    &["DROP", "MODEL"],
    &["EXECUTE", "PLAN"],
    &["LOAD", "MODULE"],
    &["MERGE"],
    &["REMOVE", "JAR"],
    &["REPLACE", "TABLE"],
    &["SHOW", "CONNECTIONS"],
    &["SHOW", "FULL"],
    &["SHOW", "JARS"],
    &["SHOW", "MATERIALIZED"],
    &["SHOW", "MODELS"],
    &["SHOW", "MODULES"],
    &["SHOW", "PARTITIONS"],
    &["SHOW", "PROCEDURES"],
    &["STOP", "JOB"],
    &["TRUNCATE"],
    &["UNLOAD", "MODULE"],
    &["UPDATE"],
    &["USE", "MODULES"],
];

impl Parser<'_> {
    /// All statements of the script.
    pub(crate) fn script(&mut self) -> Result<Vec<Spanned<Statement>>> {
        let mut statements = Vec::new();
        loop {
            while self.eat_symbol(";") {}
            if self.at_end() {
                return Ok(statements);
            }
            self.begin_statement();
            statements.push(self.spanned(Self::statement)?);
            if !self.at_end() {
                return Err(self.wanted_end());
            }
        }
    }

    /// One statement, without what ends it.
    pub(crate) fn statement(&mut self) -> Result<Statement> {
        self.refuse_unsupported()?;
        if self.sees_query() || self.sees_symbol("(") {
            return Ok(Statement::Query(Box::new(self.whole_query()?)));
        }
        if self.sees("INSERT") {
            return Ok(Statement::Insert(Box::new(self.insert()?)));
        }
        let token = self.peek();
        let read: fn(&mut Self) -> Result<Statement> =
            match token.text.to_ascii_uppercase().as_str() {
                "CREATE" => Self::create,
                "DROP" => Self::drop_object,
                "ALTER" => Self::alter,
                "USE" => Self::use_object,
                "SHOW" => Self::show,
                "DESCRIBE" | "DESC" => Self::describe,
                "EXPLAIN" => Self::explain,
                "SET" => Self::set,
                "RESET" => Self::reset,
                "EXECUTE" => Self::execute,
                "BEGIN" => Self::begin,
                "END" => return Err(self.error(token.span, "END without BEGIN STATEMENT SET")),
                "QUIT" | "EXIT" => return self.command(Statement::Quit),
                "CLEAR" => return self.command(Statement::Clear),
                "HELP" => return self.command(Statement::Help),
                _ => {
                    let what = "a statement such as SELECT, INSERT INTO or CREATE TABLE";
                    return Err(self.wanted_one_of(STATEMENTS, what));
                }
            };
        read(self)
    }

    fn command(&mut self, command: Statement) -> Result<Statement> {
        self.advance();
        Ok(command)
    }

    fn refuse_unsupported(&self) -> Result<()> {
        let known = UNSUPPORTED.iter().find(|words| self.sees_all(words));
        let Some(words) = known else {
            return Ok(());
        };
        let last = self.peek_nth(words.len() - 1);
        Err(self.unsupported(self.peek().span.to(last.span), &words.join(" ")))
    }

    /// `EXECUTE [STATEMENT SET BEGIN .. END | query | INSERT]`.
    fn execute(&mut self) -> Result<Statement> {
        self.expect("EXECUTE")?;
        if self.eat_all(&["STATEMENT", "SET"]) {
            self.expect("BEGIN")?;
            return self.statement_set();
        }
        if self.sees("INSERT") {
            return Ok(Statement::Insert(Box::new(self.insert()?)));
        }
        if self.sees_query() || self.sees_symbol("(") {
            return Ok(Statement::Query(Box::new(self.whole_query()?)));
        }
        Err(self.wanted_one_of(QUERY_WORDS, "STATEMENT SET, a query or INSERT"))
    }

    /// `BEGIN STATEMENT SET; .. END`.
    fn begin(&mut self) -> Result<Statement> {
        self.expect_all(&["BEGIN", "STATEMENT", "SET"])?;
        self.expect_symbol(";")?;
        self.statement_set()
    }

    /// INSERT statements up to END, with what begins the set already read.
    pub(crate) fn statement_set(&mut self) -> Result<Statement> {
        let mut inserts = Vec::new();
        loop {
            while self.eat_symbol(";") {}
            if self.sees("END") {
                break;
            }
            if !self.sees("INSERT") {
                return Err(self.wanted("INSERT or END of the statement set"));
            }
            inserts.push(self.spanned(Self::insert)?);
            if !self.sees("END") {
                self.expect_symbol(";")?;
            }
        }
        if inserts.is_empty() {
            return Err(self.error(self.peek().span, "the statement set holds no INSERT"));
        }
        self.expect("END")?;
        Ok(Statement::StatementSet(inserts))
    }

    fn use_object(&mut self) -> Result<Statement> {
        self.expect("USE")?;
        if self.eat("CATALOG") {
            return Ok(Statement::UseCatalog(self.name("a catalog")?));
        }
        Ok(Statement::UseDatabase(self.qualified_name("a database")?))
    }

    /// `SET`, `SET 'key' = 'value'` or `SET key = value`.
    fn set(&mut self) -> Result<Statement> {
        self.expect("SET")?;
        if self.at_end() {
            return Ok(Statement::Set(None));
        }
        let key = self.setting("=", "a key such as 'parallelism.default'")?;
        self.expect_symbol("=")?;
        let value = self.setting("", "a value in quotes")?;
        if value.value.ends_with(':') {
            return Err(self
                .error(value.span, "'//' begins a comment")
                .hint("put the value in quotes"));
        }
        Ok(Statement::Set(Some(SetOption { key, value })))
    }

    fn reset(&mut self) -> Result<Statement> {
        self.expect("RESET")?;
        if self.at_end() {
            return Ok(Statement::Reset(None));
        }
        Ok(Statement::Reset(Some(self.setting("", "a key in quotes")?)))
    }

    /// A text in quotes, or everything as written up to `until` or the end of the statement.
    fn setting(&mut self, until: &str, what: &str) -> Result<Name> {
        let start = self.peek();
        let next = self.peek_nth(1);
        if matches!(start.kind, Kind::Text) && !next.is_word("UESCAPE") {
            return self.text_literal();
        }
        while !self.at_end() && (until.is_empty() || !self.sees_symbol(until)) {
            self.advance();
        }
        if self.peek().start == start.start {
            return Err(self.wanted(what));
        }
        Ok(Name {
            value: self.text_since(start).trim().to_string(),
            span: self.span_since(start),
        })
    }
}
