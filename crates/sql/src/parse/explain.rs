//! EXPLAIN, DESCRIBE, SHOW: statements that only look.

use millstream_core::Result;

use super::cursor::Parser;
use super::query::QUERY_WORDS;
use crate::ast::{
    Describe, Explain, ExplainDetail, ObjectKind, Show, ShowFilter, ShowLike, Statement,
};

const DETAILS: &[(&str, ExplainDetail)] = &[
    ("ESTIMATED_COST", ExplainDetail::EstimatedCost),
    ("CHANGELOG_MODE", ExplainDetail::ChangelogMode),
    ("JSON_EXECUTION_PLAN", ExplainDetail::JsonExecutionPlan),
    ("PLAN_ADVICE", ExplainDetail::PlanAdvice),
];

impl Parser<'_> {
    /// `EXPLAIN [PLAN FOR | detail, ..] statement`.
    pub(crate) fn explain(&mut self) -> Result<Statement> {
        self.expect("EXPLAIN")?;
        let mut details = Vec::new();
        if !self.eat_all(&["PLAN", "FOR"]) {
            while let Some(detail) = self.explain_detail() {
                if !details.contains(&detail) {
                    details.push(detail);
                }
                if !self.eat_symbol(",") {
                    break;
                }
            }
            if self.previous().is_symbol(",") {
                return Err(self.wanted("a detail such as CHANGELOG_MODE"));
            }
        }
        let statement = self.spanned(Self::explained)?;
        Ok(Statement::Explain(Box::new(Explain { details, statement })))
    }

    fn explain_detail(&mut self) -> Option<ExplainDetail> {
        DETAILS
            .iter()
            .find_map(|(word, detail)| self.eat(word).then_some(*detail))
    }

    fn explained(&mut self) -> Result<Statement> {
        if self.sees_query() || self.sees_symbol("(") {
            return Ok(Statement::Query(Box::new(self.whole_query()?)));
        }
        if self.sees("INSERT") {
            return Ok(Statement::Insert(Box::new(self.insert()?)));
        }
        if self.eat_all(&["STATEMENT", "SET"]) {
            self.expect("BEGIN")?;
            return self.statement_set();
        }
        if self.sees("CREATE") {
            let token = self.peek();
            return match self.create()? {
                create @ Statement::CreateTable(_) => Ok(create),
                _ => Err(self.error(token.span, "EXPLAIN wants a query or INSERT")),
            };
        }
        Err(self.wanted_one_of(QUERY_WORDS, "a query, INSERT or STATEMENT SET"))
    }

    /// `{DESCRIBE | DESC} [DATABASE | FUNCTION] [EXTENDED] name`.
    pub(crate) fn describe(&mut self) -> Result<Statement> {
        self.advance();
        let kind = match self.peek_nth(1).is_symbol(".") || self.peek_nth(1).text.is_empty() {
            true => ObjectKind::Table,
            false => self.described_kind(),
        };
        let extended = self.eat("EXTENDED");
        let name = self.qualified_name("a table")?;
        Ok(Statement::Describe(Describe {
            kind,
            extended,
            name,
        }))
    }

    /// DATABASE is also a name, so it counts only with a name after it.
    fn described_kind(&mut self) -> ObjectKind {
        let more = !self.peek_nth(1).is_symbol(";");
        if more && self.eat("DATABASE") {
            ObjectKind::Database
        } else if self.eat("FUNCTION") {
            ObjectKind::Function
        } else {
            self.eat("TABLE");
            ObjectKind::Table
        }
    }

    /// `SHOW ..`.
    pub(crate) fn show(&mut self) -> Result<Statement> {
        self.expect("SHOW")?;
        let show = if self.eat("TABLES") {
            Show::Tables(self.show_filter("a database")?)
        } else if self.eat("VIEWS") {
            Show::Views(self.show_filter("a database")?)
        } else if self.eat("DATABASES") {
            Show::Databases(self.show_filter("a catalog")?)
        } else if self.eat("CATALOGS") {
            let like = self.show_like()?;
            Show::Catalogs(ShowFilter { scope: None, like })
        } else if self.eat("FUNCTIONS") {
            self.show_functions(false)?
        } else if self.eat_all(&["USER", "FUNCTIONS"]) {
            self.show_functions(true)?
        } else if self.eat("COLUMNS") {
            if !self.sees("FROM") && !self.sees("IN") {
                return Err(self.wanted("FROM and a table"));
            }
            Show::Columns(self.show_filter("a table")?)
        } else if self.eat("CREATE") {
            self.show_create()?
        } else if self.eat("CURRENT") {
            self.show_current()?
        } else if self.eat("JOBS") {
            Show::Jobs
        } else {
            return Err(self.wanted("TABLES, VIEWS, DATABASES, FUNCTIONS or another word of SHOW"));
        };
        Ok(Statement::Show(show))
    }

    fn show_functions(&mut self, user: bool) -> Result<Show> {
        let filter = self.show_filter("a database")?;
        Ok(Show::Functions { user, filter })
    }

    fn show_create(&mut self) -> Result<Show> {
        if self.eat("TABLE") {
            Ok(Show::CreateTable(self.qualified_name("a table")?))
        } else if self.eat("VIEW") {
            Ok(Show::CreateView(self.qualified_name("a view")?))
        } else {
            Err(self.wanted("TABLE or VIEW"))
        }
    }

    fn show_current(&mut self) -> Result<Show> {
        if self.eat("DATABASE") {
            Ok(Show::CurrentDatabase)
        } else if self.eat("CATALOG") {
            Ok(Show::CurrentCatalog)
        } else {
            Err(self.wanted("DATABASE or CATALOG"))
        }
    }

    /// `[{FROM | IN} name] [[NOT] {LIKE | ILIKE} 'pattern']`.
    fn show_filter(&mut self, scope: &str) -> Result<ShowFilter> {
        let scope = match self.eat("FROM") || self.eat("IN") {
            true => Some(self.qualified_name(scope)?),
            false => None,
        };
        let like = self.show_like()?;
        Ok(ShowFilter { scope, like })
    }

    fn show_like(&mut self) -> Result<Option<ShowLike>> {
        let negated = self.eat("NOT");
        let ignore_case = self.eat("ILIKE");
        if !ignore_case && !self.eat("LIKE") {
            return match negated {
                true => Err(self.wanted("LIKE")),
                false => Ok(None),
            };
        }
        let pattern = self.text("a pattern in quotes, such as 'a%'")?.value;
        Ok(Some(ShowLike {
            pattern,
            negated,
            ignore_case,
        }))
    }
}
