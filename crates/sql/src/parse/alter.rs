//! ALTER and DROP.

use millstream_core::{Error, Result};

use super::cursor::Parser;
use super::lexer::Token;
use crate::ast::{
    AlterTable, AlterTableAction, AlterView, AlterViewAction, Drop, ObjectKind, Statement,
};

impl Parser<'_> {
    /// `DROP [TEMPORARY [SYSTEM]] kind [IF EXISTS] name [CASCADE | RESTRICT]`.
    pub(crate) fn drop_object(&mut self) -> Result<Statement> {
        self.expect("DROP")?;
        let temporary = self.eat("TEMPORARY");
        let kind = if self.eat("TABLE") {
            ObjectKind::Table
        } else if self.eat("VIEW") {
            ObjectKind::View
        } else if !temporary && self.eat("DATABASE") {
            ObjectKind::Database
        } else if self.eat("FUNCTION") || (temporary && self.eat_all(&["SYSTEM", "FUNCTION"])) {
            ObjectKind::Function
        } else {
            return Err(self.wanted("TABLE, VIEW, DATABASE or FUNCTION"));
        };
        let if_exists = self.if_exists();
        let name = self.qualified_name("a name")?;
        let mut cascade = false;
        if kind == ObjectKind::Database {
            cascade = self.eat("CASCADE");
            if !cascade {
                self.eat("RESTRICT");
            }
        }
        Ok(Statement::Drop(Drop {
            kind,
            temporary,
            if_exists,
            name,
            cascade,
        }))
    }

    /// `IF EXISTS`.
    fn if_exists(&mut self) -> bool {
        self.eat_all(&["IF", "EXISTS"])
    }

    /// `ALTER {TABLE | VIEW} ..`.
    pub(crate) fn alter(&mut self) -> Result<Statement> {
        let start = self.expect("ALTER")?;
        if self.eat("TABLE") {
            return self.alter_table(start);
        }
        if self.eat("VIEW") {
            return self.alter_view();
        }
        Err(self.wanted("TABLE or VIEW"))
    }

    fn alter_table(&mut self, start: Token<'_>) -> Result<Statement> {
        let if_exists = self.if_exists();
        let name = self.qualified_name("a table")?;
        let action = if self.eat("SET") {
            AlterTableAction::Set(self.option_list()?)
        } else if self.eat("RESET") {
            let keys = self.in_parens(|p| p.text("an option's key in quotes"))?;
            AlterTableAction::Reset(keys)
        } else if self.eat("RENAME") {
            self.rename_table()?
        } else {
            return Err(self.no_such_change(start));
        };
        Ok(Statement::AlterTable(AlterTable {
            if_exists,
            name,
            action,
        }))
    }

    fn rename_table(&mut self) -> Result<AlterTableAction> {
        if self.eat("TO") {
            return Ok(AlterTableAction::RenameTo(self.qualified_name("a table")?));
        }
        let from = self.name("TO or a column")?;
        self.expect("TO")?;
        let to = self.name("a column")?;
        Ok(AlterTableAction::RenameColumn { from, to })
    }

    fn no_such_change(&self, start: Token<'_>) -> Error {
        let token = self.peek();
        for change in ["ADD", "DROP", "MODIFY"] {
            if token.is_word(change) {
                let span = start.span.to(token.span);
                return self.unsupported(span, &format!("ALTER TABLE .. {change}"));
            }
        }
        self.wanted("SET, RESET or RENAME")
    }

    fn alter_view(&mut self) -> Result<Statement> {
        let name = self.qualified_name("a view")?;
        let action = if self.eat_all(&["RENAME", "TO"]) {
            AlterViewAction::RenameTo(self.qualified_name("a view")?)
        } else if self.eat("AS") {
            AlterViewAction::As(self.whole_query()?)
        } else {
            return Err(self.wanted("RENAME TO or AS"));
        };
        Ok(Statement::AlterView(Box::new(AlterView { name, action })))
    }
}
