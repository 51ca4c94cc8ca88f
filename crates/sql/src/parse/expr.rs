//! Expressions: operators and their precedence.
//!
//! From loose to tight, as Calcite has it: OR, AND, NOT, IS, comparison, BETWEEN / IN / LIKE, `+ -`,
//! `* / % ||`, sign, `[ ]` and `.`. Operands are in `primary.rs`.
//!
//! * A long chain of AND or OR becomes a balanced tree: ten thousand terms are fourteen levels.
//! * `(` may begin a subquery, a row or an expression. [`Parser::parens`] reads on until it knows and
//!   hands what it has to the operator loop as a left side; nothing is read twice.

use datafusion_sql::sqlparser::ast as sql;
use datafusion_sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};
use millstream_core::{Error, Result};

use super::cursor::Parser;
use super::lexer::{Kind, Token};
use super::special::plain_call;

/// How tightly an operator binds.
mod binds {
    pub(super) const IS: u8 = 28;
    pub(super) const COMPARISON: u8 = 30;
    pub(super) const RANGE: u8 = 32;
    pub(super) const SUM: u8 = 40;
    pub(super) const PRODUCT: u8 = 60;
    pub(super) const SIGN: u8 = 80;
    pub(super) const ACCESS: u8 = 100;
}

/// Chains up to this length stay as they were written.
const CHAIN_MAX: usize = 32;

/// What stands between parentheses in an expression.
enum Inside {
    Query(Box<sql::Query>),
    Expr(Box<Expr>),
    Row(Vec<Expr>),
}

impl Parser<'_> {
    /// An expression.
    pub(crate) fn expr(&mut self) -> Result<Expr> {
        self.nested(|p| p.or(None))
    }

    /// Terms of OR; the first operand of all may have been read.
    fn or(&mut self, left: Option<Expr>) -> Result<Expr> {
        let mut terms = vec![self.and(left)?];
        while self.eat("OR") {
            terms.push(self.nested(|p| p.and(None))?);
        }
        self.chain(BinaryOperator::Or, terms)
    }

    fn and(&mut self, left: Option<Expr>) -> Result<Expr> {
        let mut terms = vec![match left {
            Some(left) => self.infix(left, 0)?,
            None => self.not()?,
        }];
        while self.eat("AND") {
            terms.push(self.nested(Self::not)?);
        }
        self.chain(BinaryOperator::And, terms)
    }

    /// Joins terms by one associative operator.
    fn chain(&mut self, op: BinaryOperator, mut terms: Vec<Expr>) -> Result<Expr> {
        let join = |left, right| Expr::BinaryOp {
            left: Box::new(left),
            op: op.clone(),
            right: Box::new(right),
        };
        if terms.len() == 1 {
            return Ok(terms.remove(0));
        }
        if terms.len() <= CHAIN_MAX {
            self.taller_by(terms.len() - 1)?;
            let joined = terms.into_iter().reduce(join);
            return Ok(joined.expect("a chain has a term"));
        }
        while terms.len() > 1 {
            self.taller()?;
            let mut pairs = Vec::with_capacity(terms.len().div_ceil(2));
            let mut rest = terms.into_iter();
            while let Some(left) = rest.next() {
                pairs.push(match rest.next() {
                    Some(right) => join(left, right),
                    None => left,
                });
            }
            terms = pairs;
        }
        Ok(terms.pop().expect("a chain has a term"))
    }

    fn not(&mut self) -> Result<Expr> {
        if !self.sees("NOT") {
            return self.operand(0);
        }
        self.advance();
        if self.sees("EXISTS") {
            return self.exists(true);
        }
        let expr = Box::new(self.nested(Self::not)?);
        self.taller()?;
        Ok(Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr,
        })
    }

    /// A primary and all operators after it that bind tighter than `above`.
    fn operand(&mut self, above: u8) -> Result<Expr> {
        let primary = self.signed()?;
        self.infix(primary, above)
    }

    /// The right side of an operator.
    fn right(&mut self, above: u8) -> Result<Box<Expr>> {
        self.nested(|p| p.operand(above)).map(Box::new)
    }

    /// An operand before IN, which does not belong to it.
    pub(crate) fn needle(&mut self) -> Result<Expr> {
        self.nested(|p| p.operand(binds::RANGE))
    }

    fn signed(&mut self) -> Result<Expr> {
        let op = match self.peek() {
            token if token.is_symbol("-") => UnaryOperator::Minus,
            token if token.is_symbol("+") => UnaryOperator::Plus,
            _ => return self.primary(),
        };
        self.advance();
        let expr = match self.peek().kind {
            Kind::Number => Box::new(self.number(op == UnaryOperator::Minus)?),
            _ => self.right(binds::SIGN)?,
        };
        self.taller()?;
        Ok(Expr::UnaryOp { op, expr })
    }

    /// Applies the operators that follow `left` and bind tighter than `above`.
    fn infix(&mut self, mut left: Expr, above: u8) -> Result<Expr> {
        while let Some(tightness) = self.next_operator() {
            if tightness <= above {
                break;
            }
            left = self.apply(left, tightness)?;
            self.taller()?;
        }
        Ok(left)
    }

    /// How tightly the operator binds that is next; nothing if none is.
    fn next_operator(&self) -> Option<u8> {
        let token = self.peek();
        match token.kind {
            Kind::Symbol => Some(match token.text {
                "=" | "<>" | "!=" | "<" | "<=" | ">" | ">=" => binds::COMPARISON,
                "+" | "-" => binds::SUM,
                "*" | "/" | "%" | "||" => binds::PRODUCT,
                "[" | "." => binds::ACCESS,
                _ => return None,
            }),
            Kind::Word => match token.text.to_ascii_uppercase().as_str() {
                "IS" => Some(binds::IS),
                "BETWEEN" | "IN" | "LIKE" | "ILIKE" | "SIMILAR" | "MEMBER" | "SUBMULTISET"
                | "MULTISET" | "OVERLAPS" | "CONTAINS" | "EQUALS" | "PRECEDES" | "SUCCEEDS"
                | "RLIKE" | "COLLATE" => Some(binds::RANGE),
                "AT" if self.peek_nth(1).is_word("TIME") => Some(binds::RANGE),
                "NOT" => {
                    let next = self.peek_nth(1);
                    ["BETWEEN", "IN", "LIKE", "ILIKE", "SIMILAR"]
                        .iter()
                        .any(|word| next.is_word(word))
                        .then_some(binds::RANGE)
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn apply(&mut self, left: Expr, tightness: u8) -> Result<Expr> {
        match tightness {
            binds::IS => self.is(left),
            binds::COMPARISON => self.comparison(left),
            binds::RANGE => self.range(left),
            binds::ACCESS => self.access(left),
            _ => {
                let op = match self.advance().text {
                    "+" => BinaryOperator::Plus,
                    "-" => BinaryOperator::Minus,
                    "*" => BinaryOperator::Multiply,
                    "/" => BinaryOperator::Divide,
                    "%" => BinaryOperator::Modulo,
                    _ => BinaryOperator::StringConcat,
                };
                let right = self.right(tightness)?;
                Ok(binary(left, op, right))
            }
        }
    }

    fn comparison(&mut self, left: Expr) -> Result<Expr> {
        let op = match self.advance().text {
            "=" => BinaryOperator::Eq,
            "<" => BinaryOperator::Lt,
            "<=" => BinaryOperator::LtEq,
            ">" => BinaryOperator::Gt,
            ">=" => BinaryOperator::GtEq,
            _ => BinaryOperator::NotEq,
        };
        let some = self.sees("ANY") || self.sees("SOME");
        if (some || self.sees("ALL")) && self.peek_nth(1).is_symbol("(") {
            return self.quantified(left, op, some);
        }
        let right = self.right(binds::COMPARISON)?;
        Ok(binary(left, op, right))
    }

    /// `x > ALL (query)`, `x = ANY (query)`.
    fn quantified(&mut self, left: Expr, compare_op: BinaryOperator, some: bool) -> Result<Expr> {
        let word = self.advance();
        self.expect_symbol("(")?;
        let query = self.query()?;
        self.expect_symbol(")")?;
        let (left, right) = (Box::new(left), Box::new(Expr::Subquery(query)));
        Ok(match some {
            true => Expr::AnyOp {
                left,
                compare_op,
                right,
                is_some: word.is_word("SOME"),
            },
            false => Expr::AllOp {
                left,
                compare_op,
                right,
            },
        })
    }

    /// `IS [NOT] {NULL | TRUE | FALSE | UNKNOWN | DISTINCT FROM x | JSON [kind]}`.
    fn is(&mut self, left: Expr) -> Result<Expr> {
        self.expect("IS")?;
        let not = self.eat("NOT");
        let left = Box::new(left);
        if self.eat_all(&["DISTINCT", "FROM"]) {
            let right = self.right(binds::COMPARISON)?;
            return Ok(match not {
                true => Expr::IsNotDistinctFrom(left, right),
                false => Expr::IsDistinctFrom(left, right),
            });
        }
        let build: fn(Box<Expr>) -> Expr = if self.eat("NULL") {
            pick(not, Expr::IsNotNull, Expr::IsNull)
        } else if self.eat("TRUE") {
            pick(not, Expr::IsNotTrue, Expr::IsTrue)
        } else if self.eat("FALSE") {
            pick(not, Expr::IsNotFalse, Expr::IsFalse)
        } else if self.eat("UNKNOWN") {
            pick(not, Expr::IsNotUnknown, Expr::IsUnknown)
        } else if self.sees("JSON") {
            return self.is_json(*left, not);
        } else {
            return Err(self.wanted("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM"));
        };
        Ok(build(left))
    }

    /// `[NOT] BETWEEN`, IN, LIKE, SIMILAR TO.
    fn range(&mut self, left: Expr) -> Result<Expr> {
        let negated = self.eat("NOT");
        let word = self.advance();
        match word.text.to_ascii_uppercase().as_str() {
            "BETWEEN" => self.between(left, negated),
            "IN" => self.in_list(left, negated),
            "LIKE" | "SIMILAR" => {
                let similar = word.is_word("SIMILAR");
                if similar {
                    self.expect("TO")?;
                }
                self.like(left, negated, similar)
            }
            "OVERLAPS" => self.overlaps(left, word),
            "ILIKE" => Err(self
                .unsupported(word.span, "ILIKE")
                .hint("write LOWER(x) LIKE 'pattern'")),
            "AT" => Err(self
                .unsupported(word.span, "AT TIME ZONE")
                .hint("write CONVERT_TZ(text, from, to)")),
            other => Err(self.unsupported(word.span, other)),
        }
    }

    fn between(&mut self, left: Expr, negated: bool) -> Result<Expr> {
        let place = self.peek();
        let symmetric = self.eat("SYMMETRIC");
        self.eat("ASYMMETRIC");
        let low = self.right(binds::RANGE)?;
        self.expect("AND")?;
        let high = self.right(binds::RANGE)?;
        if symmetric {
            let args = vec![left, *low, *high];
            return self.negated_if(negated, plain_call("between_symmetric", place, args));
        }
        Ok(Expr::Between {
            expr: Box::new(left),
            negated,
            low,
            high,
        })
    }

    fn negated_if(&mut self, negated: bool, expr: Expr) -> Result<Expr> {
        if !negated {
            return Ok(expr);
        }
        self.taller()?;
        Ok(Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr: Box::new(expr),
        })
    }

    /// `(start, end) OVERLAPS (start, end)`, with OVERLAPS read.
    fn overlaps(&mut self, left: Expr, place: Token<'_>) -> Result<Expr> {
        let right = *self.right(binds::RANGE)?;
        match (left, right) {
            (Expr::Struct { values: first, .. }, Expr::Struct { values: second, .. })
                if first.len() == 2 && second.len() == 2 =>
            {
                let args = [first, second].concat();
                Ok(plain_call("overlaps", place, args))
            }
            _ => Err(self.error(
                place.span,
                "OVERLAPS wants periods: (start, end) OVERLAPS (start, length)",
            )),
        }
    }

    fn in_list(&mut self, left: Expr, negated: bool) -> Result<Expr> {
        let expr = Box::new(left);
        let list = match self.parens()? {
            Inside::Query(subquery) => {
                return Ok(Expr::InSubquery {
                    expr,
                    subquery,
                    negated,
                });
            }
            Inside::Expr(one) => vec![*one],
            Inside::Row(list) => list,
        };
        Ok(Expr::InList {
            expr,
            list,
            negated,
        })
    }

    fn like(&mut self, left: Expr, negated: bool, similar: bool) -> Result<Expr> {
        let expr = Box::new(left);
        let pattern = self.right(binds::RANGE)?;
        let escape_char = match self.eat("ESCAPE") {
            true => Some(self.like_escape()?),
            false => None,
        };
        Ok(match similar {
            true => Expr::SimilarTo {
                negated,
                expr,
                pattern,
                escape_char,
            },
            false => Expr::Like {
                negated,
                any: false,
                expr,
                pattern,
                escape_char,
            },
        })
    }

    fn like_escape(&mut self) -> Result<sql::ValueWithSpan> {
        let text = self.text("the escape character in quotes, such as '!'")?;
        if text.value.chars().nth(1).is_some() {
            return Err(self.error(text.span, "wanted one character after ESCAPE"));
        }
        Ok(sql::Value::SingleQuotedString(text.value).with_span(text.span.into()))
    }

    /// `[NOT] EXISTS (query)`, with NOT already read.
    pub(crate) fn exists(&mut self, negated: bool) -> Result<Expr> {
        self.expect("EXISTS")?;
        self.expect_symbol("(")?;
        let subquery = self.query()?;
        self.expect_symbol(")")?;
        Ok(Expr::Exists { subquery, negated })
    }

    /// `( .. )` as an operand.
    pub(crate) fn parenthesised(&mut self) -> Result<Expr> {
        Ok(match self.parens()? {
            Inside::Query(query) => Expr::Subquery(query),
            Inside::Expr(expr) => self.difference(expr)?,
            Inside::Row(values) => row(values),
        })
    }

    fn parens(&mut self) -> Result<Inside> {
        self.nested(|p| {
            p.expect_symbol("(")?;
            let inside = if p.sees_query() {
                Inside::Query(p.query()?)
            } else if p.sees_symbol("(") {
                p.parens_in_parens()?
            } else {
                let first = p.or(None)?;
                p.rest_of_list(first)?
            };
            p.expect_symbol(")")?;
            Ok(inside)
        })
    }

    /// `((`: what the inner parentheses hold decides what the outer ones do.
    fn parens_in_parens(&mut self) -> Result<Inside> {
        let left = match self.parens()? {
            Inside::Query(query) if self.sees_symbol(")") => return Ok(Inside::Query(query)),
            Inside::Query(query) if self.sees_query_tail() => {
                return Ok(Inside::Query(self.query_after(query)?));
            }
            Inside::Query(query) => Expr::Subquery(query),
            Inside::Expr(expr) => self.difference(expr)?,
            Inside::Row(values) => row(values),
        };
        let first = self.or(Some(left))?;
        self.rest_of_list(first)
    }

    /// `, b, c` after the first item between parentheses.
    fn rest_of_list(&mut self, first: Expr) -> Result<Inside> {
        if !self.sees_symbol(",") {
            return Ok(Inside::Expr(Box::new(first)));
        }
        let mut items = vec![first];
        while self.eat_symbol(",") {
            items.push(self.expr()?);
        }
        Ok(Inside::Row(items))
    }

    /// `left[index]` or `left.field`.
    fn access(&mut self, left: Expr) -> Result<Expr> {
        if self.eat_symbol("[") {
            let index = self.expr()?;
            self.expect_symbol("]")?;
            let subscript = sql::Subscript::Index { index };
            return Ok(with_access(left, sql::AccessExpr::Subscript(subscript)));
        }
        self.expect_symbol(".")?;
        let field = self.name("a field")?;
        let value = sql::Value::SingleQuotedString(field.value).with_span(field.span.into());
        Ok(with_access(left, sql::AccessExpr::Dot(Expr::Value(value))))
    }

    /// Why an operand is missing here.
    pub(crate) fn wanted_operand(&self) -> Error {
        match self.peek().kind {
            Kind::Word => self.wanted_name("an expression"),
            _ => self.wanted("an expression"),
        }
    }
}

/// Appends to a chain of accesses: `a.b[1].c`.
///
/// DataFusion finds the column of `a.b[1]` only if the root is one name and the rest are accesses, so
/// the names of a compound identifier become accesses too.
fn with_access(left: Expr, access: sql::AccessExpr) -> Expr {
    let (root, mut access_chain): (_, Vec<_>) = match left {
        Expr::CompoundFieldAccess { root, access_chain } => (root, access_chain),
        Expr::CompoundIdentifier(parts) => {
            let mut parts = parts.into_iter().map(Expr::Identifier);
            let root = parts.next().expect("a compound identifier has parts");
            (Box::new(root), parts.map(sql::AccessExpr::Dot).collect())
        }
        other => (Box::new(other), Vec::new()),
    };
    access_chain.push(access);
    Expr::CompoundFieldAccess { root, access_chain }
}

fn binary(left: Expr, op: BinaryOperator, right: Box<Expr>) -> Expr {
    Expr::BinaryOp {
        left: Box::new(left),
        op,
        right,
    }
}

/// `ROW(a, b)`, also without the word.
pub(crate) fn row(values: Vec<Expr>) -> Expr {
    Expr::Struct {
        values,
        fields: Vec::new(),
    }
}

type Build = fn(Box<Expr>) -> Expr;

fn pick(not: bool, negative: Build, positive: Build) -> Build {
    if not { negative } else { positive }
}
