//! Function calls: `f([DISTINCT] a, name => b) [FILTER (WHERE ..)] [OVER (..)]`, and windows of OVER.

use datafusion_sql::sqlparser::ast as sql;
use datafusion_sql::sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments};
use millstream_core::Result;

use super::cursor::Parser;
use super::lexer::Kind;

impl Parser<'_> {
    /// `f( .. )`.
    pub(crate) fn call(&mut self) -> Result<Expr> {
        let token = self.advance();
        let quoted = token.kind == Kind::Quoted;
        let name = sql::Ident {
            value: token.text.trim_matches('`').replace("``", "`"),
            quote_style: quoted.then_some('`'),
            span: token.span.into(),
        };
        // DataFusion plans the arguments of these twice: nested calls would take exponential time.
        if ["map", "make_map"]
            .iter()
            .any(|map| name.value.eq_ignore_ascii_case(map))
        {
            return Err(self
                .error(token.span, "a map is not made by a call")
                .hint("write MAP[key, value, ..]"));
        }
        self.call_of(super::from::object_name(vec![name]))
    }

    /// `( .. )` and what may follow, of the function called `name`.
    pub(crate) fn call_of(&mut self, name: sql::ObjectName) -> Result<Expr> {
        let list = self.argument_list()?;
        let mut function = function_of(name, FunctionArguments::List(list));
        function.null_treatment = self.null_treatment()?;
        if self.eat_all(&["WITHIN", "GROUP"]) {
            self.expect_symbol("(")?;
            function.within_group = self.order_by()?;
            if function.within_group.is_empty() {
                return Err(self.wanted("ORDER BY"));
            }
            self.expect_symbol(")")?;
        }
        if self.eat("FILTER") {
            self.expect_symbol("(")?;
            self.expect("WHERE")?;
            function.filter = Some(Box::new(self.expr()?));
            self.expect_symbol(")")?;
        }
        if function.null_treatment.is_none() {
            function.null_treatment = self.null_treatment()?;
        }
        if self.eat("OVER") {
            function.over = Some(self.over()?);
        }
        Ok(Expr::Function(function))
    }

    /// `CURRENT_TIMESTAMP` and its like.
    pub(crate) fn call_without_parens(&mut self) -> Result<Expr> {
        let token = self.advance();
        let name = sql::Ident::with_span(token.span.into(), token.text);
        let name = super::from::object_name(vec![name]);
        Ok(Expr::Function(function_of(name, FunctionArguments::None)))
    }

    fn argument_list(&mut self) -> Result<sql::FunctionArgumentList> {
        self.expect_symbol("(")?;
        let mut list = sql::FunctionArgumentList {
            duplicate_treatment: None,
            args: Vec::new(),
            clauses: Vec::new(),
        };
        if self.eat_symbol(")") {
            return Ok(list);
        }
        if self.eat("DISTINCT") {
            list.duplicate_treatment = Some(sql::DuplicateTreatment::Distinct);
        } else if self.eat("ALL") {
            list.duplicate_treatment = Some(sql::DuplicateTreatment::All);
        }
        list.args = self.separated(Self::function_argument)?;
        if let Some(nulls) = self.null_treatment()? {
            let clause = sql::FunctionArgumentClause::IgnoreOrRespectNulls(nulls);
            list.clauses.push(clause);
        }
        let order = self.order_by()?;
        if !order.is_empty() {
            list.clauses
                .push(sql::FunctionArgumentClause::OrderBy(order));
        }
        self.expect_symbol(")")?;
        Ok(list)
    }

    /// `x`, `name => x` or `*`.
    pub(crate) fn function_argument(&mut self) -> Result<FunctionArg> {
        self.node()?;
        if self.sees_symbol("*") {
            self.advance();
            return Ok(FunctionArg::Unnamed(FunctionArgExpr::Wildcard));
        }
        if self.peek_nth(1).is_symbol("=>") {
            let name = self.ident("the name of an argument")?;
            self.expect_symbol("=>")?;
            self.refuse_table_argument()?;
            return Ok(FunctionArg::Named {
                name,
                arg: FunctionArgExpr::Expr(self.expr()?),
                operator: sql::FunctionArgOperator::RightArrow,
            });
        }
        self.refuse_table_argument()?;
        let expr = match self.sees_query() {
            true => Expr::Subquery(self.query()?),
            false => self.expr()?,
        };
        Ok(FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)))
    }

    fn refuse_table_argument(&self) -> Result<()> {
        let token = self.peek();
        let is_call = self.peek_nth(1).is_symbol("(");
        if token.is_word("TABLE") || (token.is_word("DESCRIPTOR") && is_call) {
            return Err(self.unsupported(token.span, "a function with a table as its argument"));
        }
        Ok(())
    }

    fn null_treatment(&mut self) -> Result<Option<sql::NullTreatment>> {
        if self.eat_all(&["IGNORE", "NULLS"]) {
            Ok(Some(sql::NullTreatment::IgnoreNulls))
        } else if self.eat_all(&["RESPECT", "NULLS"]) {
            Ok(Some(sql::NullTreatment::RespectNulls))
        } else {
            Ok(None)
        }
    }

    /// A window's name, or its specification in parentheses.
    fn over(&mut self) -> Result<sql::WindowType> {
        match self.sees_symbol("(") {
            true => Ok(sql::WindowType::WindowSpec(self.window_spec()?)),
            false => Ok(sql::WindowType::NamedWindow(self.ident("a window")?)),
        }
    }

    /// `name AS (specification)` of the WINDOW clause.
    pub(crate) fn named_window(&mut self) -> Result<sql::NamedWindowDefinition> {
        self.node()?;
        let name = self.ident("a window")?;
        self.expect("AS")?;
        let spec = self.window_spec()?;
        Ok(sql::NamedWindowDefinition(
            name,
            sql::NamedWindowExpr::WindowSpec(spec),
        ))
    }

    fn window_spec(&mut self) -> Result<sql::WindowSpec> {
        self.expect_symbol("(")?;
        let window_name = match self.sees_alias() {
            true => Some(self.ident("a window")?),
            false => None,
        };
        let mut spec = sql::WindowSpec {
            window_name,
            partition_by: Vec::new(),
            order_by: Vec::new(),
            window_frame: None,
        };
        if self.eat("PARTITION") {
            self.expect("BY")?;
            spec.partition_by = self.separated(Self::expr)?;
        }
        spec.order_by = self.order_by()?;
        if self.eat("ROWS") {
            spec.window_frame = Some(self.frame(sql::WindowFrameUnits::Rows)?);
        } else if self.eat("RANGE") {
            spec.window_frame = Some(self.frame(sql::WindowFrameUnits::Range)?);
        }
        self.expect_symbol(")")?;
        Ok(spec)
    }

    fn frame(&mut self, units: sql::WindowFrameUnits) -> Result<sql::WindowFrame> {
        let both = self.eat("BETWEEN");
        let start_bound = self.frame_bound()?;
        let end_bound = match both {
            true => {
                self.expect("AND")?;
                Some(self.frame_bound()?)
            }
            false => None,
        };
        Ok(sql::WindowFrame {
            units,
            start_bound,
            end_bound,
        })
    }

    /// `CURRENT ROW`, or `{UNBOUNDED | distance} {PRECEDING | FOLLOWING}`.
    fn frame_bound(&mut self) -> Result<sql::WindowFrameBound> {
        if self.eat_all(&["CURRENT", "ROW"]) {
            return Ok(sql::WindowFrameBound::CurrentRow);
        }
        let distance = match self.eat("UNBOUNDED") {
            true => None,
            false => Some(Box::new(self.expr()?)),
        };
        if self.eat("PRECEDING") {
            Ok(sql::WindowFrameBound::Preceding(distance))
        } else if self.eat("FOLLOWING") {
            Ok(sql::WindowFrameBound::Following(distance))
        } else {
            Err(self.wanted("PRECEDING or FOLLOWING"))
        }
    }
}

/// A call of `name` with these arguments and nothing else.
pub(crate) fn function_of(name: sql::ObjectName, args: FunctionArguments) -> sql::Function {
    sql::Function {
        name,
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args,
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    }
}
