//! Window table-valued functions: TUMBLE, HOP, CUMULATE, SESSION in FROM.
//!
//! ```text
//! TUMBLE  (data, DESCRIPTOR(c), size        [, offset])
//! HOP     (data, DESCRIPTOR(c), slide, size [, offset])
//! CUMULATE(data, DESCRIPTOR(c), step, size  [, offset])
//! SESSION (data [PARTITION BY a | (a, b)], DESCRIPTOR(c), gap)
//! data := TABLE t [hints] | (query) | [TABLE] window function
//! ```
//!
//! Arguments stand in this order, or each with its name: `DATA => TABLE t, SIZE => INTERVAL ..`. The
//! call goes to [`ParsedQuery::tvfs`](crate::ast::ParsedQuery::tvfs); FROM keeps a mark of it. An inner
//! window function has a lower number than the one around it.

use datafusion_sql::sqlparser::ast as sql;
use millstream_core::{Code, Error, Result, suggest};

use super::cursor::Parser;
use super::lexer::{Kind, Token};
use crate::ast::{self, Millis, WindowKind, WindowTvf};

/// What one argument is, in the order of positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Data,
    TimeColumn,
    Slide,
    Step,
    Size,
    Gap,
    Offset,
}

impl Slot {
    fn name(self) -> &'static str {
        match self {
            Slot::Data => "DATA",
            Slot::TimeColumn => "TIMECOL",
            Slot::Slide => "SLIDE",
            Slot::Step => "STEP",
            Slot::Size => "SIZE",
            Slot::Gap => "GAP",
            Slot::Offset => "OFFSET",
        }
    }
}

/// The arguments of the function called `name`, in order.
fn slots(name: &str) -> Option<&'static [Slot]> {
    Some(match name.to_ascii_uppercase().as_str() {
        "TUMBLE" => &[Slot::Data, Slot::TimeColumn, Slot::Size, Slot::Offset],
        "HOP" => &[
            Slot::Data,
            Slot::TimeColumn,
            Slot::Slide,
            Slot::Size,
            Slot::Offset,
        ],
        "CUMULATE" => &[
            Slot::Data,
            Slot::TimeColumn,
            Slot::Step,
            Slot::Size,
            Slot::Offset,
        ],
        "SESSION" => &[Slot::Data, Slot::TimeColumn, Slot::Gap],
        _ => return None,
    })
}

/// Arguments found so far.
#[derive(Default)]
struct Arguments {
    data: Option<(sql::TableFactor, Vec<sql::Expr>)>,
    time_column: Option<sql::Expr>,
    intervals: Vec<(Slot, Millis)>,
}

impl Arguments {
    fn has(&self, slot: Slot) -> bool {
        match slot {
            Slot::Data => self.data.is_some(),
            Slot::TimeColumn => self.time_column.is_some(),
            _ => self.interval(slot).is_some(),
        }
    }

    fn interval(&self, slot: Slot) -> Option<Millis> {
        let found = self.intervals.iter().find(|(of, _)| *of == slot);
        found.map(|(_, length)| *length)
    }
}

impl Parser<'_> {
    /// True if a window function's call is next.
    pub(crate) fn sees_window_call(&self) -> bool {
        let name = self.peek();
        let named = matches!(name.kind, Kind::Word) && slots(name.text).is_some();
        named && self.peek_nth(1).is_symbol("(")
    }

    /// A window function's call; the answer is its mark for FROM, without an alias.
    pub(crate) fn window_call(&mut self) -> Result<sql::TableFactor> {
        self.nested(|p| {
            let name = p.advance();
            let slots = slots(name.text).expect("the caller has seen a window function");
            p.expect_symbol("(")?;
            let mut arguments = Arguments::default();
            let mut position = 0;
            while position == 0 || p.eat_symbol(",") {
                p.window_argument(name, slots, position, &mut arguments)?;
                position += 1;
            }
            p.expect_symbol(")")?;
            let tvf = p.window_tvf(name, slots, arguments)?;
            p.beside.tvfs.push(tvf);
            Ok(ast::tvf_mark(p.beside.tvfs.len() - 1, None))
        })
    }

    fn window_argument(
        &mut self,
        function: Token<'_>,
        slots: &[Slot],
        position: usize,
        arguments: &mut Arguments,
    ) -> Result<()> {
        let start = self.peek();
        let slot = match self.peek_nth(1).is_symbol("=>") {
            true => self.named_slot(function, slots)?,
            false => match slots.get(position) {
                Some(slot) => *slot,
                None => return Err(self.wanted(&format!("')': {} is complete", function.text))),
            },
        };
        if arguments.has(slot) {
            let message = format!("the argument {} is given twice", slot.name());
            return Err(self.error(start.span, message));
        }
        match slot {
            Slot::Data => arguments.data = Some(self.window_data(function)?),
            Slot::TimeColumn => arguments.time_column = Some(self.descriptor()?),
            _ => {
                let length = self.interval_millis(&format!("the argument {}", slot.name()))?;
                if slot != Slot::Offset && length.ms <= 0 {
                    return Err(self.error_of(
                        Code::InvalidPlan,
                        length.span,
                        format!("the argument {} must be longer than zero", slot.name()),
                    ));
                }
                arguments.intervals.push((slot, length));
            }
        }
        Ok(())
    }

    /// `NAME =>`; OFFSET is a reserved word, so it may stand in quotes.
    fn named_slot(&mut self, function: Token<'_>, slots: &[Slot]) -> Result<Slot> {
        let token = self.advance();
        let name = token.text.trim_matches(['`', '"']);
        let slot = slots
            .iter()
            .find(|slot| slot.name().eq_ignore_ascii_case(name));
        let Some(slot) = slot else {
            return Err(self.unknown_argument(function, token, name, slots));
        };
        self.expect_symbol("=>")?;
        Ok(*slot)
    }

    fn unknown_argument(
        &self,
        function: Token<'_>,
        token: Token<'_>,
        name: &str,
        slots: &[Slot],
    ) -> Error {
        let names: Vec<&str> = slots.iter().map(|slot| slot.name()).collect();
        let error = self.error(
            token.span,
            format!(
                "{} has no argument '{name}'; it has {}",
                function.text.to_ascii_uppercase(),
                names.join(", ")
            ),
        );
        match suggest::hint(name, names) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    /// What the window function reads, and PARTITION BY.
    fn window_data(&mut self, function: Token<'_>) -> Result<(sql::TableFactor, Vec<sql::Expr>)> {
        self.node()?;
        let data = if self.sees_symbol("(") {
            self.window_subquery()?
        } else if self.sees_window_call() {
            self.window_call()?
        } else if self.eat("TABLE") {
            self.window_table()?
        } else {
            return Err(self
                .wanted("TABLE and a name, or a query in parentheses")
                .hint(format!(
                    "write {}(TABLE t, DESCRIPTOR(ts), ..)",
                    function.text.to_ascii_uppercase()
                )));
        };
        let partition_by = match self.sees("PARTITION") {
            true => self.window_partition(function)?,
            false => Vec::new(),
        };
        if self.sees("ORDER") {
            return Err(self.unsupported(self.peek().span, "ORDER BY in a window function"));
        }
        Ok((data, partition_by))
    }

    fn window_subquery(&mut self) -> Result<sql::TableFactor> {
        self.expect_symbol("(")?;
        let subquery = self.query()?;
        self.expect_symbol(")")?;
        Ok(sql::TableFactor::Derived {
            lateral: false,
            subquery,
            alias: None,
            sample: None,
        })
    }

    /// What follows TABLE: a name, or parentheses around a window function or query.
    fn window_table(&mut self) -> Result<sql::TableFactor> {
        if self.sees_window_call() {
            return self.window_call();
        }
        if !self.sees_symbol("(") {
            return self.plain_table();
        }
        let call = self.peek_nth(1);
        if slots(call.text).is_some() && self.peek_nth(2).is_symbol("(") {
            self.advance();
            let inner = self.window_call()?;
            self.expect_symbol(")")?;
            return Ok(inner);
        }
        self.window_subquery()
    }

    fn window_partition(&mut self, function: Token<'_>) -> Result<Vec<sql::Expr>> {
        let start = self.expect("PARTITION")?;
        self.expect("BY")?;
        if !function.is_word("SESSION") {
            let span = start.span.to(self.previous().span);
            let message = format!("{} has no PARTITION BY; SESSION has", function.text);
            return Err(self.error(span, message));
        }
        match self.sees_symbol("(") {
            true => self.in_parens(Self::column),
            false => Ok(vec![self.column()?]),
        }
    }

    /// `DESCRIPTOR(column)`.
    fn descriptor(&mut self) -> Result<sql::Expr> {
        if !self.sees("DESCRIPTOR") {
            return Err(self.wanted("DESCRIPTOR and the time column in parentheses"));
        }
        self.advance();
        self.expect_symbol("(")?;
        let column = self.column()?;
        if self.sees_symbol(",") {
            return Err(self.wanted("')': a window has one time column"));
        }
        self.expect_symbol(")")?;
        Ok(column)
    }

    /// A column, or a field of one: `a.b`.
    fn column(&mut self) -> Result<sql::Expr> {
        self.node()?;
        let mut parts = vec![self.ident("a column")?];
        while self.eat_symbol(".") {
            self.node()?;
            parts.push(self.ident("a column")?);
        }
        Ok(match parts.len() {
            1 => sql::Expr::Identifier(parts.remove(0)),
            _ => sql::Expr::CompoundIdentifier(parts),
        })
    }

    fn window_tvf(
        &self,
        function: Token<'_>,
        slots: &[Slot],
        mut arguments: Arguments,
    ) -> Result<WindowTvf> {
        let span = self.span_since(function);
        let missing = slots
            .iter()
            .find(|slot| **slot != Slot::Offset && !arguments.has(**slot));
        if let Some(slot) = missing {
            let function = function.text.to_ascii_uppercase();
            let message = format!("{function} wants the argument {}", slot.name());
            return Err(self.error(span, message));
        }
        let proof = "no argument is missing";
        let (input, partition_by) = arguments.data.take().expect(proof);
        let length = |slot| arguments.interval(slot).expect(proof);
        let offset = arguments.interval(Slot::Offset);
        let kind = match slots[2] {
            Slot::Slide => WindowKind::Hop {
                slide: length(Slot::Slide),
                size: length(Slot::Size),
                offset,
            },
            Slot::Step => WindowKind::Cumulate {
                step: length(Slot::Step),
                size: length(Slot::Size),
                offset,
            },
            Slot::Gap => WindowKind::Session {
                gap: length(Slot::Gap),
            },
            _ => WindowKind::Tumble {
                size: length(Slot::Size),
                offset,
            },
        };
        Ok(WindowTvf {
            kind,
            input,
            time_column: arguments.time_column.take().expect(proof),
            partition_by,
            span,
        })
    }
}
