//! The canonical form of expressions: what they compute, whatever their columns are called.
//!
//! * Every subexpression becomes a [`Digest`] of a word and its parts, so an expression over an
//!   expression is the same in one step or in two.
//! * A column is the digest of how it came to be; an alias is nothing.
//! * Words, operators, types and literals are spelt out here and in [`literal`]: neither `Debug` nor
//!   `Display` of a library decides, except for the names of functions.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion_common::DFSchema;
use datafusion_expr::expr::{Between, Case, InList, Like, ScalarFunction};
use datafusion_expr::{BinaryExpr, Expr, ExprSchemable, Operator};
use millstream_core::types::SqlType;

use super::digest::{Canon, Digest};
use super::literal;
use crate::spec::NOW_COLUMN;

/// The columns expressions may name.
pub(super) struct Columns<'a> {
    digests: HashMap<&'a str, Digest>,
    /// For the result types of functions; `None` if the schema cannot be had.
    schema: Option<DFSchema>,
}

impl<'a> Columns<'a> {
    /// Columns of this schema that came to be like this.
    pub(super) fn new(schema: &'a SchemaRef, digests: &[Digest]) -> Self {
        let names = schema.fields().iter().map(|field| field.name().as_str());
        let now = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        let now = std::sync::Arc::new(Field::new(NOW_COLUMN, now, false));
        let fields = schema.fields().iter().cloned().chain([now]);
        let typed = Schema::new(fields.collect::<Vec<_>>());
        Columns {
            digests: names.zip(digests.iter().copied()).collect(),
            schema: DFSchema::try_from(typed).ok(),
        }
    }

    /// What an expression computes.
    pub(super) fn digest(&self, expr: &Expr) -> Digest {
        match expr {
            Expr::Alias(alias) => self.digest(&alias.expr),
            Expr::Column(column) if column.name == NOW_COLUMN => Canon::new("now").digest(),
            Expr::Column(column) => self.column(&column.name),
            Expr::Literal(value, _) => literal::digest(value),
            Expr::BinaryExpr(binary) => self.chain(binary),
            Expr::Not(of) => self.unary("not", of),
            Expr::Negative(of) => self.unary("negative", of),
            Expr::IsNull(of) => self.unary("is-null", of),
            Expr::IsNotNull(of) => self.unary("is-not-null", of),
            Expr::IsTrue(of) => self.unary("is-true", of),
            Expr::IsFalse(of) => self.unary("is-false", of),
            Expr::IsUnknown(of) => self.unary("is-unknown", of),
            Expr::IsNotTrue(of) => self.unary("is-not-true", of),
            Expr::IsNotFalse(of) => self.unary("is-not-false", of),
            Expr::IsNotUnknown(of) => self.unary("is-not-unknown", of),
            Expr::Between(between) => self.between(between),
            Expr::Like(like) => self.like("like", like),
            Expr::SimilarTo(like) => self.like("similar-to", like),
            Expr::Cast(cast) => self.cast("cast", &cast.expr, &cast.field),
            Expr::TryCast(cast) => self.cast("try-cast", &cast.expr, &cast.field),
            Expr::Case(case) => self.case(case),
            Expr::InList(list) => self.in_list(list),
            Expr::ScalarFunction(call) => self.call(expr, call),
            // The planner lets nothing else through.
            other => Canon::new("other")
                .text(&other.human_display().to_string())
                .digest(),
        }
    }

    /// The conditions of which all must be true.
    pub(super) fn conjuncts(&self, filter: &Expr) -> Vec<Digest> {
        let (mut open, mut found) = (vec![filter], Vec::new());
        while let Some(expr) = open.pop() {
            match expr {
                Expr::Alias(alias) => open.push(&alias.expr),
                Expr::BinaryExpr(binary) if binary.op == Operator::And => {
                    open.extend([binary.left.as_ref(), binary.right.as_ref()]);
                }
                condition => found.push(self.digest(condition)),
            }
        }
        found
    }

    fn column(&self, name: &str) -> Digest {
        let known = self.digests.get(name).copied();
        known.unwrap_or_else(|| Canon::new("unknown-column").text(name).digest())
    }

    fn unary(&self, word: &str, of: &Expr) -> Digest {
        Canon::new(word).part(self.digest(of)).digest()
    }

    /// A sum of a thousand terms is a thousand levels deep on its left side: no recursion there.
    fn chain(&self, binary: &BinaryExpr) -> Digest {
        let mut spine = vec![binary];
        let mut first = binary.left.as_ref();
        while let Expr::BinaryExpr(left) = first {
            spine.push(left);
            first = left.left.as_ref();
        }
        spine.iter().rev().fold(self.digest(first), |left, step| {
            Canon::new("operator")
                .text(&operator(step.op))
                .part(left)
                .part(self.digest(&step.right))
                .digest()
        })
    }

    fn between(&self, between: &Between) -> Digest {
        Canon::new(negatable("between", between.negated))
            .part(self.digest(&between.expr))
            .part(self.digest(&between.low))
            .part(self.digest(&between.high))
            .digest()
    }

    fn like(&self, word: &str, like: &Like) -> Digest {
        let escape = like.escape_char.map_or(String::new(), String::from);
        let case = if like.case_insensitive {
            "any-case"
        } else {
            "exact"
        };
        Canon::new(negatable(word, like.negated))
            .part(self.digest(&like.expr))
            .part(self.digest(&like.pattern))
            .text(&escape)
            .text(case)
            .digest()
    }

    fn cast(&self, word: &str, expr: &Expr, field: &Field) -> Digest {
        let ty = SqlType::of(field).to_string();
        Canon::new(word).part(self.digest(expr)).text(&ty).digest()
    }

    fn case(&self, case: &Case) -> Digest {
        let mut canon = Canon::new("case");
        if let Some(of) = &case.expr {
            canon = canon.text("of").part(self.digest(of));
        }
        for (when, then) in &case.when_then_expr {
            canon = canon
                .text("when")
                .part(self.digest(when))
                .part(self.digest(then));
        }
        if let Some(otherwise) = &case.else_expr {
            canon = canon.text("else").part(self.digest(otherwise));
        }
        canon.digest()
    }

    fn in_list(&self, list: &InList) -> Digest {
        Canon::new(negatable("in", list.negated))
            .part(self.digest(&list.expr))
            .parts(list.list.iter().map(|item| self.digest(item)))
            .digest()
    }

    /// A cast of ours is a function, and what it casts to stands only in its result type.
    fn call(&self, expr: &Expr, call: &ScalarFunction) -> Digest {
        let name = call.name().to_ascii_lowercase();
        let field = match name.as_str() {
            "cast" | "try_cast" => self.schema.as_ref().and_then(|s| expr.to_field(s).ok()),
            _ => None,
        };
        let ty = field.map_or(String::new(), |(_, field)| SqlType::of(&field).to_string());
        Canon::new("call")
            .text(&name)
            .text(&ty)
            .parts(call.args.iter().map(|arg| self.digest(arg)))
            .digest()
    }
}

fn negatable(word: &str, negated: bool) -> &str {
    match (word, negated) {
        (word, false) => word,
        ("between", true) => "not-between",
        ("like", true) => "not-like",
        ("similar-to", true) => "not-similar-to",
        ("in", true) => "not-in",
        (_, true) => "not",
    }
}

fn operator(op: Operator) -> String {
    let word = match op {
        Operator::Eq => "=",
        Operator::NotEq => "<>",
        Operator::Lt => "<",
        Operator::LtEq => "<=",
        Operator::Gt => ">",
        Operator::GtEq => ">=",
        Operator::Plus => "+",
        Operator::Minus => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::Modulo => "%",
        Operator::And => "and",
        Operator::Or => "or",
        Operator::IsDistinctFrom => "is-distinct-from",
        Operator::IsNotDistinctFrom => "is-not-distinct-from",
        Operator::StringConcat => "||",
        other => return other.to_string(),
    };
    word.to_owned()
}
