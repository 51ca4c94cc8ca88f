//! Statements as the parser hands them to the binder.
//!
//! What every SQL system shares, queries and expressions, is `sqlparser`'s AST, because DataFusion's
//! planner reads that; what only Flink has is ours and defined here. Four things Flink writes inside
//! a query have no place in `sqlparser`'s tree. They stand beside it, in [`ParsedQuery`], and the
//! tree holds a mark that no user can write:
//!
//! ```text
//! FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '10' SECOND)) AS w
//!      └── TableFactor::TableFunction { expr: placeholder "tvf 0", alias: w }     window_tvf(&factor)
//! FROM bid MATCH_RECOGNIZE (..) AS m
//!      └── TableFactor::TableFunction { expr: placeholder "pattern 0", alias: m } match_recognize(&factor)
//! FROM bid /*+ OPTIONS('k' = 'v') */ AS b
//!      └── TableFactor::Table { name: bid, with_hints: [placeholder "hints 0"] }  table_hints(&factor)
//! SELECT /*+ BROADCAST(t) */ ...
//!      └── ParsedQuery::select_hints, in the order of the text
//! ```
//!
//! Calls with a syntax of their own arrive as plain calls; `dialect.rs` lists them. The type of a
//! CAST arrives as a text that [`cast_type`](crate::parse::cast_type) understands.
//!
//! Always: every [`Span`] counts from the start of the whole script; every [`QualifiedName`] has one to
//! three parts; names keep their case and have lost their backticks.

use std::fmt;

use datafusion_sql::sqlparser::ast as sql;
use millstream_core::types::ColumnType;

pub use crate::diagnostics::Span;

/// A piece of a statement with its place and its original text.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned<T> {
    /// The piece.
    pub node: T,
    /// Where it stands in the script.
    pub span: Span,
    /// How it was written, without surrounding space.
    pub text: String,
}

/// A name with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name, unquoted, in the user's case.
    pub value: String,
    /// Where it stands.
    pub span: Span,
}

/// `[[catalog.]database.]object`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QualifiedName {
    /// One to three parts, the object last.
    pub parts: Vec<Name>,
}

/// `'key' = 'value'`, or the same in a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionPair {
    /// The key.
    pub key: Name,
    /// The value.
    pub value: Name,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// SELECT, WITH, VALUES and their combinations; also `EXECUTE SELECT ..`.
    Query(Box<ParsedQuery>),
    /// INSERT; also `EXECUTE INSERT ..`.
    Insert(Box<Insert>),
    /// `EXECUTE STATEMENT SET BEGIN .. END` or `BEGIN STATEMENT SET; .. END`: at least one INSERT.
    StatementSet(Vec<Spanned<Insert>>),
    /// CREATE TABLE, with or without LIKE or AS.
    CreateTable(Box<CreateTable>),
    /// CREATE VIEW.
    CreateView(Box<CreateView>),
    /// CREATE DATABASE.
    CreateDatabase(CreateDatabase),
    /// CREATE FUNCTION.
    CreateFunction(CreateFunction),
    /// DROP TABLE, VIEW, DATABASE or FUNCTION.
    Drop(Drop),
    /// ALTER TABLE.
    AlterTable(AlterTable),
    /// ALTER VIEW.
    AlterView(Box<AlterView>),
    /// `USE database`.
    UseDatabase(QualifiedName),
    /// `USE CATALOG catalog`.
    UseCatalog(Name),
    /// SHOW.
    Show(Show),
    /// DESCRIBE.
    Describe(Describe),
    /// EXPLAIN.
    Explain(Box<Explain>),
    /// SET.
    Set(Option<SetOption>),
    /// `RESET` (everything) or `RESET 'key'`.
    Reset(Option<Name>),
    /// QUIT or EXIT: a word of the shell.
    Quit,
    /// CLEAR: a word of the shell.
    Clear,
    /// HELP: a word of the shell.
    Help,
}

/// A query with what `sqlparser`'s tree cannot hold.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedQuery {
    /// The query, with marks where window functions and hints were.
    pub query: Box<sql::Query>,
    /// The window table functions by the number in their mark, those of subqueries included.
    pub tvfs: Vec<WindowTvf>,
    /// The MATCH_RECOGNIZE clauses by the number in their mark, those of subqueries included.
    pub patterns: Vec<MatchRecognize>,
    /// The hints after table names by the number in their mark.
    pub table_hints: Vec<Vec<Hint>>,
    /// The hints after SELECT, all query blocks together.
    pub select_hints: Vec<Hint>,
    /// Where the query stands.
    pub span: Span,
    /// How the query was written.
    pub text: String,
}

/// A window table-valued function in FROM.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowTvf {
    /// Which one, and its lengths.
    pub kind: WindowKind,
    /// What it reads: a table (perhaps with hints), a subquery, or another window function.
    pub input: sql::TableFactor,
    /// The columns of `DESCRIPTOR(..)`: exactly one, possibly `a.b`.
    pub time_column: sql::Expr,
    /// PARTITION BY columns (SESSION only); empty without.
    pub partition_by: Vec<sql::Expr>,
    /// The whole call.
    pub span: Span,
}

/// The kind of a window function with its lengths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WindowKind {
    /// TUMBLE(size [, offset]).
    Tumble {
        /// Length of a window; positive.
        size: Millis,
        /// By how much all bounds are shifted; may be negative.
        offset: Option<Millis>,
    },
    /// HOP(slide, size [, offset]).
    Hop {
        /// Distance between starts; positive.
        slide: Millis,
        /// Length of a window; positive.
        size: Millis,
        /// By how much all bounds are shifted.
        offset: Option<Millis>,
    },
    /// CUMULATE(step, size [, offset]).
    Cumulate {
        /// By how much a window grows; positive.
        step: Millis,
        /// Greatest length of a window; positive.
        size: Millis,
        /// By how much all bounds are shifted.
        offset: Option<Millis>,
    },
    /// SESSION(gap).
    Session {
        /// Silence that ends a session; positive.
        gap: Millis,
    },
}

/// MATCH_RECOGNIZE in FROM.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchRecognize {
    /// What it reads.
    pub input: sql::TableFactor,
    /// PARTITION BY; empty without.
    pub partition_by: Vec<sql::Expr>,
    /// ORDER BY; empty without.
    pub order_by: Vec<sql::OrderByExpr>,
    /// MEASURES with their names.
    pub measures: Vec<(Spanned<sql::Expr>, Name)>,
    /// AFTER MATCH SKIP.
    pub after_match: Option<SkipTo>,
    /// PATTERN.
    pub pattern: PatternTree,
    /// WITHIN.
    pub within: Option<Millis>,
    /// DEFINE: variables with their conditions.
    pub define: Vec<(Name, Spanned<sql::Expr>)>,
    /// The whole clause, without its alias.
    pub span: Span,
}

/// What `AFTER MATCH SKIP ..` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkipTo {
    /// PAST LAST ROW.
    PastLastRow,
    /// TO NEXT ROW.
    NextRow,
    /// TO FIRST variable.
    First(Name),
    /// TO LAST variable, or TO variable.
    Last(Name),
}

/// A pattern as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternTree {
    /// A variable.
    Variable(Name),
    /// One behind the other; more than one.
    Concat(Vec<PatternTree>),
    /// `a | b`; more than one.
    Choice(Vec<PatternTree>),
    /// `PERMUTE(a, b)`: in any order.
    Permute(Vec<PatternTree>),
    /// With a quantifier.
    Repeat {
        /// What is repeated.
        inner: Box<PatternTree>,
        /// At least so often.
        min: u32,
        /// At most so often, at least once; `None`: any number of times.
        max: Option<u32>,
        /// As often as possible.
        greedy: bool,
    },
}

/// A day-time interval literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Millis {
    /// Its length in milliseconds.
    pub ms: i64,
    /// Where the literal stands.
    pub span: Span,
}

/// `NAME(..)` within `/*+ .. */`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The hint's name, such as `OPTIONS` or `STATE_TTL`.
    pub name: Name,
    /// `'k' = 'v'` arguments.
    pub options: Vec<OptionPair>,
    /// Arguments that are names, texts or numbers.
    pub arguments: Vec<Name>,
}

/// `INSERT {INTO | OVERWRITE} table [PARTITION (..)] [(columns)] query`.
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// The target.
    pub table: QualifiedName,
    /// Hints after the target's name.
    pub hints: Vec<Hint>,
    /// OVERWRITE instead of INTO.
    pub overwrite: bool,
    /// Fixed values of partition columns, each with a literal.
    pub partition: Vec<(Name, Spanned<sql::Expr>)>,
    /// The target's columns in the order of the query's; empty means all.
    pub columns: Vec<Name>,
    /// What to insert; VALUES too.
    pub source: ParsedQuery,
    /// ON CONFLICT.
    pub on_conflict: Option<(ConflictAction, Span)>,
}

/// What `ON CONFLICT DO ..` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictAction {
    /// DO ERROR.
    Error,
    /// DO NOTHING: the first row wins.
    Nothing,
    /// DO DEDUPLICATE: keep the history of each key.
    Deduplicate,
}

/// CREATE TABLE.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTable {
    /// TEMPORARY.
    pub temporary: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Its name.
    pub name: QualifiedName,
    /// Columns in order; empty if the parentheses are missing or hold none.
    pub columns: Vec<ColumnDef>,
    /// WATERMARK FOR; at most one.
    pub watermark: Option<Watermark>,
    /// PRIMARY KEY NOT ENFORCED, also if written at a column.
    pub primary_key: Option<PrimaryKey>,
    /// COMMENT.
    pub comment: Option<String>,
    /// PARTITIONED BY columns.
    pub partitioned_by: Vec<Name>,
    /// WITH.
    pub options: Vec<OptionPair>,
    /// LIKE.
    pub like: Option<LikeTable>,
    /// AS query.
    pub query: Option<ParsedQuery>,
}

/// A column of CREATE TABLE.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDef {
    /// Its name.
    pub name: Name,
    /// What it is.
    pub kind: ColumnKind,
    /// COMMENT.
    pub comment: Option<String>,
    /// The whole definition.
    pub span: Span,
}

/// What a column is.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a table has few columns")]
pub enum ColumnKind {
    /// `name type`.
    Physical(ColumnType),
    /// `name AS expression`.
    Computed(Spanned<sql::Expr>),
    /// `name type METADATA [FROM 'key'] [VIRTUAL]`.
    Metadata {
        /// Its type.
        ty: ColumnType,
        /// The connector's name for it; the column's own name if missing.
        from: Option<Name>,
        /// VIRTUAL: read, never written.
        is_virtual: bool,
    },
    /// Only a name, in `CREATE TABLE t (a, b) AS SELECT ..`: picks a column of the query.
    Listed,
}

/// `WATERMARK FOR column AS expression`.
#[derive(Clone, Debug, PartialEq)]
pub struct Watermark {
    /// The event-time column; more than one part names a nested field.
    pub column: Vec<Name>,
    /// The watermark of a row.
    pub expr: Spanned<sql::Expr>,
    /// The whole clause.
    pub span: Span,
}

/// PRIMARY KEY NOT ENFORCED.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrimaryKey {
    /// CONSTRAINT name.
    pub constraint: Option<Name>,
    /// At least one column.
    pub columns: Vec<Name>,
    /// The whole clause.
    pub span: Span,
}

/// `LIKE table [( {INCLUDING | EXCLUDING | OVERWRITING} .. )]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LikeTable {
    /// The source table.
    pub table: QualifiedName,
    /// The options as written; each feature at most once.
    pub options: Vec<LikeOption>,
}

/// `INCLUDING OPTIONS` and the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LikeOption {
    /// What to do.
    pub merge: LikeMerge,
    /// With what.
    pub feature: LikeFeature,
    /// Where it stands.
    pub span: Span,
}

/// How LIKE treats a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LikeMerge {
    /// Take it over; a clash is an error.
    Including,
    /// Leave it out.
    Excluding,
    /// Take it over; on a clash the new table wins.
    Overwriting,
}

/// What LIKE can take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Flink's")]
pub enum LikeFeature {
    All,
    Constraints,
    Distribution,
    Partitions,
    Options,
    Generated,
    Metadata,
    Watermarks,
}

/// CREATE VIEW.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateView {
    /// TEMPORARY.
    pub temporary: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Its name.
    pub name: QualifiedName,
    /// New names of the query's columns; empty keeps them.
    pub columns: Vec<Name>,
    /// COMMENT.
    pub comment: Option<String>,
    /// The query; its `text` is what SHOW CREATE VIEW prints.
    pub query: ParsedQuery,
}

/// CREATE DATABASE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateDatabase {
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Its name, one or two parts.
    pub name: QualifiedName,
    /// COMMENT.
    pub comment: Option<String>,
    /// WITH.
    pub options: Vec<OptionPair>,
}

/// `CREATE [TEMPORARY [SYSTEM]] FUNCTION name AS 'class' [LANGUAGE ..] [USING JAR '..', ..]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateFunction {
    /// TEMPORARY.
    pub temporary: bool,
    /// SYSTEM: a function without catalog and database.
    pub system: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Its name.
    pub name: QualifiedName,
    /// The class.
    pub class: String,
    /// LANGUAGE, in upper case.
    pub language: Option<String>,
    /// USING: the paths.
    pub resources: Vec<String>,
    /// The whole statement.
    pub span: Span,
}

/// DROP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drop {
    /// What kind of thing.
    pub kind: ObjectKind,
    /// TEMPORARY.
    pub temporary: bool,
    /// IF EXISTS.
    pub if_exists: bool,
    /// Its name.
    pub name: QualifiedName,
    /// CASCADE (databases only).
    pub cascade: bool,
}

/// Things with a name in a catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Flink's")]
pub enum ObjectKind {
    Table,
    View,
    Database,
    Function,
}

/// ALTER TABLE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterTable {
    /// IF EXISTS.
    pub if_exists: bool,
    /// Its name.
    pub name: QualifiedName,
    /// What to change.
    pub action: AlterTableAction,
}

/// What ALTER TABLE changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlterTableAction {
    /// SET ('k' = 'v', ..).
    Set(Vec<OptionPair>),
    /// RESET ('k', ..).
    Reset(Vec<Name>),
    /// RENAME TO table.
    RenameTo(QualifiedName),
    /// RENAME column TO name.
    RenameColumn {
        /// The column.
        from: Name,
        /// Its new name.
        to: Name,
    },
}

/// ALTER VIEW.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterView {
    /// Its name.
    pub name: QualifiedName,
    /// What to change.
    pub action: AlterViewAction,
}

/// What ALTER VIEW changes.
#[derive(Clone, Debug, PartialEq)]
pub enum AlterViewAction {
    /// RENAME TO view.
    RenameTo(QualifiedName),
    /// AS query.
    As(ParsedQuery),
}

/// SHOW.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Show {
    /// SHOW TABLES [{FROM | IN} database] [[NOT] LIKE 'pattern'].
    Tables(ShowFilter),
    /// SHOW VIEWS, with the same filter.
    Views(ShowFilter),
    /// SHOW DATABASES [{FROM | IN} catalog] [[NOT] LIKE 'pattern'].
    Databases(ShowFilter),
    /// SHOW CATALOGS.
    Catalogs(ShowFilter),
    /// SHOW [USER] FUNCTIONS.
    Functions {
        /// USER: only those the user made.
        user: bool,
        /// Which.
        filter: ShowFilter,
    },
    /// SHOW {COLUMNS} {FROM | IN} table [[NOT] LIKE 'pattern'].
    Columns(ShowFilter),
    /// SHOW CREATE TABLE name.
    CreateTable(QualifiedName),
    /// SHOW CREATE VIEW name.
    CreateView(QualifiedName),
    /// SHOW CURRENT DATABASE.
    CurrentDatabase,
    /// SHOW CURRENT CATALOG.
    CurrentCatalog,
    /// SHOW JOBS.
    Jobs,
}

/// Which of the things SHOW lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShowFilter {
    /// FROM or IN: the database, catalog or table.
    pub scope: Option<QualifiedName>,
    /// LIKE.
    pub like: Option<ShowLike>,
}

/// `[NOT] {LIKE | ILIKE} 'pattern'` of SHOW.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShowLike {
    /// The pattern, with `%` and `_`.
    pub pattern: String,
    /// NOT.
    pub negated: bool,
    /// ILIKE: ignoring case.
    pub ignore_case: bool,
}

/// `{DESCRIBE | DESC} [EXTENDED] name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Describe {
    /// What kind of thing: a table (or view), a database or a function.
    pub kind: ObjectKind,
    /// EXTENDED.
    pub extended: bool,
    /// Its name.
    pub name: QualifiedName,
}

/// `EXPLAIN [PLAN FOR | detail, ..] {query | INSERT | STATEMENT SET BEGIN .. END}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Explain {
    /// The wanted details, each once.
    pub details: Vec<ExplainDetail>,
    /// A query, an INSERT, a statement set, or CREATE TABLE .. AS.
    pub statement: Spanned<Statement>,
}

/// Details of EXPLAIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Flink's")]
pub enum ExplainDetail {
    EstimatedCost,
    ChangelogMode,
    JsonExecutionPlan,
    PlanAdvice,
}

/// `SET 'key' = 'value'`; `SET` alone lists all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetOption {
    /// The key.
    pub key: Name,
    /// The value.
    pub value: Name,
}

impl QualifiedName {
    /// The object itself, without database and catalog.
    pub fn object(&self) -> &Name {
        self.parts.last().expect("a name has one to three parts")
    }

    /// The database, if written.
    pub fn database(&self) -> Option<&Name> {
        self.parts.iter().rev().nth(1)
    }

    /// The catalog, if written.
    pub fn catalog(&self) -> Option<&Name> {
        self.parts.iter().rev().nth(2)
    }

    /// The place of the whole name.
    pub fn span(&self) -> Span {
        self.parts
            .iter()
            .map(|part| part.span)
            .reduce(Span::to)
            .unwrap_or_default()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value)
    }
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.parts.iter().enumerate() {
            let dot = if i == 0 { "" } else { "." };
            write!(f, "{dot}{part}")?;
        }
        Ok(())
    }
}

const TVF_MARK: &str = "tvf ";
const PATTERN_MARK: &str = "pattern ";
const HINTS_MARK: &str = "hints ";

/// The mark of window function `index`; the alias is the user's.
pub(crate) fn tvf_mark(index: usize, alias: Option<sql::TableAlias>) -> sql::TableFactor {
    sql::TableFactor::TableFunction {
        expr: mark(TVF_MARK, index),
        alias,
    }
}

/// The mark of MATCH_RECOGNIZE clause `index`; the alias is the user's.
pub(crate) fn pattern_mark(index: usize, alias: Option<sql::TableAlias>) -> sql::TableFactor {
    sql::TableFactor::TableFunction {
        expr: mark(PATTERN_MARK, index),
        alias,
    }
}

/// The mark of a list of hints, for `with_hints` of a table.
pub(crate) fn hints_mark(index: usize) -> sql::Expr {
    mark(HINTS_MARK, index)
}

fn mark(kind: &str, index: usize) -> sql::Expr {
    sql::Expr::value(sql::Value::Placeholder(format!("{kind}{index}")))
}

/// The index into [`ParsedQuery::tvfs`] if `factor` stands for a window function.
pub fn window_tvf(factor: &sql::TableFactor) -> Option<usize> {
    match factor {
        sql::TableFactor::TableFunction { expr, .. } => marked(TVF_MARK, expr),
        _ => None,
    }
}

/// The index into [`ParsedQuery::patterns`] if `factor` stands for MATCH_RECOGNIZE.
pub fn match_recognize(factor: &sql::TableFactor) -> Option<usize> {
    match factor {
        sql::TableFactor::TableFunction { expr, .. } => marked(PATTERN_MARK, expr),
        _ => None,
    }
}

/// The index into [`ParsedQuery::table_hints`] if `factor` is a table with hints.
pub fn table_hints(factor: &sql::TableFactor) -> Option<usize> {
    match factor {
        sql::TableFactor::Table { with_hints, .. } => {
            with_hints.iter().find_map(|hint| marked(HINTS_MARK, hint))
        }
        _ => None,
    }
}

fn marked(kind: &str, expr: &sql::Expr) -> Option<usize> {
    match expr {
        sql::Expr::Value(sql::ValueWithSpan {
            value: sql::Value::Placeholder(text),
            ..
        }) => text.strip_prefix(kind)?.parse().ok(),
        _ => None,
    }
}
