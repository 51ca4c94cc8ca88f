//! What a node that looks for patterns of rows does: MATCH_RECOGNIZE.

use std::fmt;

use arrow::datatypes::FieldRef;
use datafusion_expr::Expr;

use super::{AggregateFunction, SortKey, TimeAttribute};

/// Looks for a pattern in the rows of each key, in the order of time.
///
/// Output columns: keys, then one per measure. Insert-only.
#[derive(Clone, Debug, PartialEq)]
pub struct PatternSpec {
    /// The time that orders rows.
    pub time: TimeAttribute,
    /// Positions of the columns rows are partitioned by; none: there is one partition.
    pub keys: Vec<usize>,
    /// What rows of the same time are ordered by; then by their arrival.
    pub order_by: Vec<SortKey>,
    /// The variables, in the order of the pattern.
    pub variables: Vec<PatternVariable>,
    /// The pattern, with variables by number.
    pub pattern: Pattern,
    /// Where the search goes on behind a match.
    pub after_match: AfterMatch,
    /// A match is shorter than this, ms, from its first row to its last.
    pub within_ms: Option<i64>,
    /// What is put out of a match.
    pub measures: Vec<MatchValue>,
    /// Positions of the columns a late row is reported with, the time among them; empty: all.
    pub late_columns: Vec<usize>,
}

/// A variable of a pattern: a name for rows that meet a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct PatternVariable {
    /// Its name.
    pub name: String,
    /// When a row may be mapped to it.
    pub condition: PatternCondition,
}

/// When a row may be mapped to a variable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PatternCondition {
    /// Always.
    Always,
    /// If the BOOLEAN column at this position is true.
    Column(usize),
    /// If an expression over values of the match so far is true; the row is part of it then.
    Computed {
        /// Position of a BOOLEAN column that has to be true besides.
        gate: Option<usize>,
        /// The expression; its columns are named like the fields of `values`.
        expr: Expr,
        /// The values.
        values: Vec<MatchValue>,
    },
}

/// A value of a match, or of a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MatchValue {
    /// Which one.
    pub what: MatchPart,
    /// Its name and type.
    pub field: FieldRef,
}

/// Which value of a match.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MatchPart {
    /// A column of one of the rows that are mapped to a variable; NULL if there is no such row.
    Row {
        /// The variable; `None`: any.
        variable: Option<usize>,
        /// Counted from the last row, not from the first.
        from_end: bool,
        /// Rows to pass over.
        offset: usize,
        /// Position of the column.
        column: usize,
    },
    /// An aggregate over all rows that are mapped to a variable.
    Aggregate {
        /// The variable; `None`: any.
        variable: Option<usize>,
        /// The function.
        function: AggregateFunction,
        /// Positions of its arguments; empty for COUNT(*).
        args: Vec<usize>,
    },
    /// The time at which the match was found.
    Time,
    /// The name of the variable the last row is mapped to.
    Classifier,
}

impl MatchPart {
    /// The same with other positions of columns.
    #[must_use]
    pub fn moved(&self, to: &dyn Fn(usize) -> usize) -> Self {
        let mut moved = self.clone();
        match &mut moved {
            MatchPart::Row { column, .. } => *column = to(*column),
            MatchPart::Aggregate { args, .. } => {
                args.iter_mut().for_each(|arg| *arg = to(*arg));
            }
            MatchPart::Time | MatchPart::Classifier => {}
        }
        moved
    }
}

impl MatchValue {
    /// The same with other positions of columns.
    #[must_use]
    pub fn moved(&self, to: &dyn Fn(usize) -> usize) -> Self {
        MatchValue {
            what: self.what.moved(to),
            field: FieldRef::clone(&self.field),
        }
    }
}

impl PatternCondition {
    /// The same with other positions of columns.
    #[must_use]
    pub fn moved(&self, to: &dyn Fn(usize) -> usize) -> Self {
        match self {
            PatternCondition::Always => PatternCondition::Always,
            PatternCondition::Column(column) => PatternCondition::Column(to(*column)),
            PatternCondition::Computed { gate, expr, values } => PatternCondition::Computed {
                gate: gate.map(to),
                expr: expr.clone(),
                values: values.iter().map(|value| value.moved(to)).collect(),
            },
        }
    }
}

/// A pattern: a regular expression over variables.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// One row of a variable.
    Variable(usize),
    /// One behind the other, without a row between.
    Concat(Vec<Pattern>),
    /// One of several.
    Choice(Vec<Pattern>),
    /// Several times.
    Repeat {
        /// What.
        inner: Box<Pattern>,
        /// At least so often.
        min: u32,
        /// At most so often; `None`: any number of times.
        max: Option<u32>,
        /// Of a variable: a row that can be taken is always taken.
        greedy: bool,
    },
}

impl Pattern {
    /// True if no row at all is a match.
    pub fn may_be_empty(&self) -> bool {
        match self {
            Pattern::Variable(_) => false,
            Pattern::Concat(parts) => parts.iter().all(Pattern::may_be_empty),
            Pattern::Choice(parts) => parts.iter().any(Pattern::may_be_empty),
            Pattern::Repeat { inner, min, .. } => *min == 0 || inner.may_be_empty(),
        }
    }

    /// True if it may end with rows that are taken as long as there are any: when it is over is
    /// known only from the row behind.
    pub fn ends_greedily(&self) -> bool {
        match self {
            Pattern::Variable(_) => false,
            Pattern::Concat(parts) => parts.last().is_some_and(Pattern::ends_greedily),
            Pattern::Choice(parts) => parts.iter().any(Pattern::ends_greedily),
            Pattern::Repeat { inner, greedy, .. } => *greedy || inner.ends_greedily(),
        }
    }

    /// True if it has more than variables with quantifiers, one behind the other: Flink has no more.
    pub fn is_extended(&self) -> bool {
        let is_simple = |part: &Pattern| match part {
            Pattern::Variable(_) => true,
            Pattern::Repeat { inner, .. } => matches!(inner.as_ref(), Pattern::Variable(_)),
            _ => false,
        };
        match self {
            Pattern::Concat(parts) => !parts.iter().all(is_simple),
            other => !is_simple(other),
        }
    }

    /// The pattern with the names of its variables.
    pub fn shown<'a>(&'a self, names: &'a [&'a str]) -> impl fmt::Display + 'a {
        Shown {
            pattern: self,
            names,
        }
    }
}

struct Shown<'a> {
    pattern: &'a Pattern,
    names: &'a [&'a str],
}

impl Shown<'_> {
    fn of<'b>(&'b self, pattern: &'b Pattern) -> Shown<'b> {
        Shown {
            pattern,
            names: self.names,
        }
    }

    fn between(&self, parts: &[Pattern], by: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in parts.iter().enumerate() {
            let by = if index == 0 { "" } else { by };
            let shown = self.of(part);
            match part {
                Pattern::Concat(_) | Pattern::Choice(_) => write!(f, "{by}({shown})")?,
                _ => write!(f, "{by}{shown}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pattern {
            Pattern::Variable(variable) => {
                f.write_str(self.names.get(*variable).copied().unwrap_or("?"))
            }
            Pattern::Concat(parts) => self.between(parts, " ", f),
            Pattern::Choice(parts) => self.between(parts, " | ", f),
            Pattern::Repeat {
                inner,
                min,
                max,
                greedy,
            } => {
                match inner.as_ref() {
                    Pattern::Variable(_) => write!(f, "{}", self.of(inner))?,
                    group => write!(f, "({})", self.of(group))?,
                }
                match (min, max) {
                    (0, None) => f.write_str("*")?,
                    (1, None) => f.write_str("+")?,
                    (0, Some(1)) => f.write_str("?")?,
                    (min, None) => write!(f, "{{{min},}}")?,
                    (min, Some(max)) if min == max => write!(f, "{{{min}}}")?,
                    (min, Some(max)) => write!(f, "{{{min},{max}}}")?,
                }
                // `A?` and `A{2}` are the same either way, and so is a group.
                let is_variable = matches!(inner.as_ref(), Pattern::Variable(_));
                let is_one = *max == Some(*min) || (*min, *max) == (0, Some(1));
                let is_plain = *greedy || is_one || !is_variable;
                f.write_str(if is_plain { "" } else { "?" })
            }
        }
    }
}

/// Where the search goes on behind a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AfterMatch {
    /// Behind its last row.
    PastLastRow,
    /// At its second row.
    ToNextRow,
    /// At the first row of a variable.
    ToFirst(usize),
    /// At the last row of a variable.
    ToLast(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeat(variable: usize, min: u32, max: Option<u32>, greedy: bool) -> Pattern {
        Pattern::Repeat {
            inner: Box::new(Pattern::Variable(variable)),
            min,
            max,
            greedy,
        }
    }

    fn shown(pattern: &Pattern) -> String {
        pattern.shown(&["A", "B", "C"]).to_string()
    }

    #[test]
    fn a_pattern_is_shown_as_it_is_written() {
        let parts = vec![
            repeat(0, 1, None, true),
            repeat(1, 0, None, false),
            repeat(1, 2, Some(4), true),
            repeat(1, 3, Some(3), false),
            repeat(2, 0, Some(1), false),
            Pattern::Choice(vec![
                Pattern::Variable(0),
                Pattern::Concat(vec![Pattern::Variable(1), Pattern::Variable(2)]),
            ]),
        ];
        let pattern = Pattern::Concat(parts);
        assert_eq!(shown(&pattern), "A+ B*? B{2,4} B{3} C? (A | (B C))");
        assert!(pattern.is_extended() && !pattern.may_be_empty());
    }

    #[test]
    fn what_may_be_empty_and_what_ends_greedily_is_known() {
        let maybe = Pattern::Concat(vec![repeat(0, 0, None, true), repeat(1, 0, Some(1), false)]);
        assert!(maybe.may_be_empty() && !maybe.ends_greedily() && !maybe.is_extended());
        let greedy = Pattern::Concat(vec![Pattern::Variable(0), repeat(1, 1, None, true)]);
        assert!(greedy.ends_greedily() && !greedy.may_be_empty());
    }
}
