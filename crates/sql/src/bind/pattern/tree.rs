//! A pattern as it is written becomes a pattern with variables by number.

use datafusion_common::DataFusionError;
use millstream_core::{Code, Error};
use millstream_plan::Pattern;

use crate::ast::{Name, PatternTree};
use crate::bind::external;
use crate::diagnostics::locate;

/// Most variables: which ones a row may be mapped to is a set of 64 bits.
const VARIABLES_MAX: usize = 64;

struct Reader<'a> {
    script: &'a str,
    variables: Vec<String>,
}

/// The pattern, and the names of its variables in order.
pub(super) fn pattern(
    tree: &PatternTree,
    script: &str,
) -> Result<(Pattern, Vec<String>), DataFusionError> {
    let mut reader = Reader {
        script,
        variables: Vec::new(),
    };
    let pattern = reader.read(tree).map_err(external)?;
    let first = first_name(tree);
    let refused = |error: Error| external(error.at(locate(script, first.span)));
    if pattern.may_be_empty() {
        return Err(refused(
            Error::new(
                Code::InvalidPlan,
                "a PATTERN that a match without any row meets is not possible",
            )
            .hint("at least one variable has to be there: write '+' instead of '*' or '?'"),
        ));
    }
    if pattern.ends_greedily() {
        return Err(refused(
            Error::new(
                Code::InvalidPlan,
                "a PATTERN cannot end with a greedy quantifier: only the row behind a match says that \
                 it is over",
            )
            .hint("add a variable for that row, such as C AS NOT (condition of B), or write '+?'"),
        ));
    }
    Ok((pattern, reader.variables))
}

impl Reader<'_> {
    fn read(&mut self, tree: &PatternTree) -> Result<Pattern, Error> {
        Ok(match tree {
            PatternTree::Variable(name) => Pattern::Variable(self.variable(name)?),
            PatternTree::Concat(parts) => Pattern::Concat(self.all(parts)?),
            PatternTree::Choice(parts) => Pattern::Choice(self.all(parts)?),
            PatternTree::Permute(parts) => {
                let parts = self.all(parts)?;
                let orders = orders(parts.len());
                let order = |order: &Vec<usize>| {
                    Pattern::Concat(order.iter().map(|&part| parts[part].clone()).collect())
                };
                Pattern::Choice(orders.iter().map(order).collect())
            }
            PatternTree::Repeat {
                inner,
                min,
                max,
                greedy,
            } => {
                let inner = self.read(inner)?;
                // What is taken exactly so often, or once at most, leaves no choice; and of two ways
                // through a group the one that ends first wins.
                let is_variable = matches!(inner, Pattern::Variable(_));
                let is_fixed = *max == Some(*min) || (*min, *max) == (0, Some(1));
                Pattern::Repeat {
                    inner: Box::new(inner),
                    min: *min,
                    max: *max,
                    greedy: *greedy && is_variable && !is_fixed,
                }
            }
        })
    }

    fn all(&mut self, parts: &[PatternTree]) -> Result<Vec<Pattern>, Error> {
        parts.iter().map(|part| self.read(part)).collect()
    }

    fn variable(&mut self, name: &Name) -> Result<usize, Error> {
        let wrong =
            |code, message: String| Error::new(code, message).at(locate(self.script, name.span));
        if self.variables.contains(&name.value) {
            return Err(wrong(
                Code::Unsupported,
                format!("pattern variable '{name}' stands twice in the PATTERN"),
            )
            .hint("give the second one another name and the same condition"));
        }
        if self.variables.len() == VARIABLES_MAX {
            return Err(wrong(
                Code::TooComplex,
                format!("a PATTERN has at most {VARIABLES_MAX} variables"),
            ));
        }
        self.variables.push(name.value.clone());
        Ok(self.variables.len() - 1)
    }
}

/// All orders of so many things, the given one first.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for _ in 0..count {
        orders = orders
            .into_iter()
            .flat_map(|order: Vec<usize>| {
                let left: Vec<usize> = (0..count).filter(|next| !order.contains(next)).collect();
                left.into_iter().map(move |next| {
                    let mut order = order.clone();
                    order.push(next);
                    order
                })
            })
            .collect();
    }
    orders
}

fn first_name(tree: &PatternTree) -> &Name {
    match tree {
        PatternTree::Variable(name) => name,
        PatternTree::Repeat { inner, .. } => first_name(inner),
        PatternTree::Concat(parts) | PatternTree::Choice(parts) | PatternTree::Permute(parts) => {
            first_name(&parts[0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permute_is_every_order_the_written_one_first() {
        assert_eq!(orders(2), [[0, 1], [1, 0]]);
        assert_eq!(orders(3)[..2], [[0, 1, 2], [0, 2, 1]]);
        assert_eq!(orders(4).len(), 24);
    }
}
