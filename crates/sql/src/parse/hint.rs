//! Hints: `/*+ OPTIONS('k' = 'v'), STATE_TTL('o' = '1d') */`.
//!
//! All hints are read and kept; which of them mean something is the binder's question.

use millstream_core::Result;

use super::cursor::Parser;
use super::lexer::Kind;
use crate::ast::{Hint, Name, OptionPair};

impl Parser<'_> {
    /// The hints at the current position; none if there is no `/*+`.
    pub(crate) fn hints(&mut self) -> Result<Vec<Hint>> {
        if self.peek().kind != Kind::HintOpen {
            return Ok(Vec::new());
        }
        self.advance();
        let hints = self.separated(Self::hint)?;
        if self.peek().kind != Kind::HintClose {
            return Err(self.wanted("',' or the end of the hint '*/'"));
        }
        self.advance();
        Ok(hints)
    }

    fn hint(&mut self) -> Result<Hint> {
        self.node()?;
        let name = self.name("the name of a hint, such as OPTIONS")?;
        let mut hint = Hint {
            name,
            options: Vec::new(),
            arguments: Vec::new(),
        };
        if self.eat_symbol("(") && !self.eat_symbol(")") {
            self.separated(|p| p.hint_argument(&mut hint))?;
            self.expect_symbol(")")?;
        }
        Ok(hint)
    }

    fn hint_argument(&mut self, hint: &mut Hint) -> Result<()> {
        self.node()?;
        let argument = self.hint_word()?;
        if self.eat_symbol("=") {
            let value = self.hint_word()?;
            hint.options.push(OptionPair {
                key: argument,
                value,
            });
        } else {
            hint.arguments.push(argument);
        }
        Ok(())
    }

    /// A text, a number, or a name with dots.
    fn hint_word(&mut self) -> Result<Name> {
        let token = self.peek();
        match token.kind {
            Kind::Text | Kind::UnicodeText => self.text_literal(),
            Kind::Number => {
                self.advance();
                Ok(Name {
                    value: token.text.to_string(),
                    span: token.span,
                })
            }
            Kind::Word | Kind::Quoted => {
                let name = self.qualified_name("a name")?;
                Ok(Name {
                    value: name.to_string(),
                    span: name.span(),
                })
            }
            _ => Err(self.wanted("an argument of the hint, such as 'key' = 'value'")),
        }
    }
}
