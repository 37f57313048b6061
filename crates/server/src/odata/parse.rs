use moat_model::Timestamp;

use super::odata_error;
use crate::error::Result;

/// Longest filter, deepest nesting.
const MAX_LENGTH: usize = 8_000;
const MAX_DEPTH: usize = 32;

#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    Or(Box<Self>, Box<Self>),
    And(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Compare {
        property: String,
        operator: Operator,
        value: Literal,
    },
    In {
        property: String,
        values: Vec<Literal>,
    },
    StartsWith {
        property: String,
        text: String,
    },
    EndsWith {
        property: String,
        text: String,
    },
    Contains {
        property: String,
        text: String,
    },
    /// `property/any(x:x eq 'value')`; inside, the property is the variable.
    Any {
        property: String,
        variable: String,
        condition: Box<Self>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Text(String),
    Number(i64),
    Time(Timestamp),
    Bool(bool),
    Null,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
    Colon,
    Slash,
}

/// Parses a `$filter`. Errors tell what was expected and where.
pub fn parse_filter(text: &str) -> Result<Expression> {
    if text.len() > MAX_LENGTH {
        return Err(odata_error(format!("$filter is longer than {MAX_LENGTH} characters")));
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
    };
    let expression = parser.or()?;
    match parser.tokens.get(parser.at) {
        None => Ok(expression),
        Some((position, _)) => Err(expected("the end", *position)),
    }
}

fn expected(what: &str, position: usize) -> crate::Error {
    odata_error(format!("$filter: expected {what} at character {}", position + 1))
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>> {
    let mut tokens = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let token = match c {
            c if c.is_whitespace() || c == '+' => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            ':' => Token::Colon,
            '/' => Token::Slash,
            '\'' => Token::Text(quoted(&mut chars).ok_or_else(|| expected("a closing quote", text.len()))?),
            c if c.is_alphanumeric() || "_-.@".contains(c) => {
                let mut word = String::from(c);
                // A colon belongs to a word only inside a time, as in 10:00.
                while let Some((_, c)) =
                    chars.next_if(|(_, c)| c.is_alphanumeric() || "_-.@".contains(*c) || (*c == ':' && is_time(&word)))
                {
                    word.push(c);
                }
                Token::Word(word)
            }
            _ => return Err(expected("a name, a value or a parenthesis", at)),
        };
        tokens.push((at, token));
    }
    Ok(tokens)
}

fn is_time(word: &str) -> bool {
    word.len() >= 13 && word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('T')
}

/// The rest of a quoted text; a doubled quote stands for one.
fn quoted(chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>) -> Option<String> {
    let mut text = String::new();
    loop {
        match chars.next()?.1 {
            '\'' if chars.next_if(|(_, c)| *c == '\'').is_some() => text.push('\''),
            '\'' => return Some(text),
            c => text.push(c),
        }
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn or(&mut self) -> Result<Expression> {
        let mut left = self.and()?;
        while self.take_word("or") {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression> {
        let mut left = self.not()?;
        while self.take_word("and") {
            left = Expression::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expression> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(odata_error("$filter is nested too deeply"));
        }
        let expression = if self.take_word("not") {
            Expression::Not(Box::new(self.not()?))
        } else if self.take(&Token::Open) {
            let inner = self.or()?;
            self.need(&Token::Close, "a closing parenthesis")?;
            inner
        } else {
            self.condition()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn condition(&mut self) -> Result<Expression> {
        let position = self.position();
        let name = self.word("a property or function")?;
        if self.take(&Token::Open) {
            return self.function(&name, position);
        }
        if self.take(&Token::Slash) {
            return self.any(name);
        }
        let position = self.position();
        let operator = self.word("an operator")?;
        if operator.eq_ignore_ascii_case("in") {
            return self.list(name);
        }
        let operator = match operator.to_ascii_lowercase().as_str() {
            "eq" => Operator::Eq,
            "ne" => Operator::Ne,
            "gt" => Operator::Gt,
            "ge" => Operator::Ge,
            "lt" => Operator::Lt,
            "le" => Operator::Le,
            _ => return Err(expected("eq, ne, gt, ge, lt, le or in", position)),
        };
        Ok(Expression::Compare {
            property: name,
            operator,
            value: self.literal()?,
        })
    }

    fn function(&mut self, name: &str, position: usize) -> Result<Expression> {
        let property = self.word("a property")?;
        self.need(&Token::Comma, "a comma")?;
        let Literal::Text(text) = self.literal()? else {
            return Err(expected("a quoted text", position));
        };
        self.need(&Token::Close, "a closing parenthesis")?;
        match name.to_ascii_lowercase().as_str() {
            "startswith" => Ok(Expression::StartsWith { property, text }),
            "endswith" => Ok(Expression::EndsWith { property, text }),
            "contains" => Ok(Expression::Contains { property, text }),
            _ => Err(expected("startswith, endswith or contains", position)),
        }
    }

    fn any(&mut self, property: String) -> Result<Expression> {
        let position = self.position();
        if !self.take_word("any") {
            return Err(expected("any", position));
        }
        self.need(&Token::Open, "an opening parenthesis")?;
        let variable = self.word("a variable")?;
        self.need(&Token::Colon, "a colon")?;
        let condition = Box::new(self.or()?);
        self.need(&Token::Close, "a closing parenthesis")?;
        Ok(Expression::Any {
            property,
            variable,
            condition,
        })
    }

    fn list(&mut self, property: String) -> Result<Expression> {
        self.need(&Token::Open, "an opening parenthesis")?;
        let mut values = vec![self.literal()?];
        while self.take(&Token::Comma) {
            values.push(self.literal()?);
        }
        self.need(&Token::Close, "a closing parenthesis")?;
        Ok(Expression::In { property, values })
    }

    fn literal(&mut self) -> Result<Literal> {
        let position = self.position();
        let literal = match self.tokens.get(self.at).map(|(_, token)| token.clone()) {
            Some(Token::Text(text)) => Literal::Text(text),
            Some(Token::Word(word)) => word_literal(&word),
            _ => return Err(expected("a value", position)),
        };
        self.at += 1;
        Ok(literal)
    }

    fn word(&mut self, what: &str) -> Result<String> {
        match self.tokens.get(self.at) {
            Some((_, Token::Word(word))) => {
                self.at += 1;
                Ok(word.clone())
            }
            _ => Err(expected(what, self.position())),
        }
    }

    fn take_word(&mut self, expected: &str) -> bool {
        let found =
            matches!(self.tokens.get(self.at), Some((_, Token::Word(word))) if word.eq_ignore_ascii_case(expected));
        self.at += usize::from(found);
        found
    }

    fn take(&mut self, expected: &Token) -> bool {
        let found = self.tokens.get(self.at).is_some_and(|(_, token)| token == expected);
        self.at += usize::from(found);
        found
    }

    fn need(&mut self, token: &Token, what: &str) -> Result<()> {
        if self.take(token) {
            Ok(())
        } else {
            Err(expected(what, self.position()))
        }
    }

    fn position(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |(at, _)| *at)
    }
}

/// An unquoted value: null, true, false, a number, a time; anything else is text, such as a GUID or an enum's word.
fn word_literal(word: &str) -> Literal {
    match word {
        "null" => Literal::Null,
        "true" | "True" => Literal::Bool(true),
        "false" | "False" => Literal::Bool(false),
        word => {
            if let Ok(number) = word.parse() {
                return Literal::Number(number);
            }
            match word.parse() {
                Ok(time) if word.contains('-') => Literal::Time(time),
                _ => Literal::Text(word.to_string()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eq(property: &str, value: Literal) -> Expression {
        Expression::Compare {
            property: property.into(),
            operator: Operator::Eq,
            value,
        }
    }

    #[test]
    fn precedence_and_forms() {
        let text = |t: &str| Literal::Text(t.into());
        let parsed = parse_filter("a eq 'x' or b eq 'it''s' and not (c eq true)").unwrap();
        let and = Expression::And(
            Box::new(eq("b", text("it's"))),
            Box::new(Expression::Not(Box::new(eq("c", Literal::Bool(true))))),
        );
        assert_eq!(parsed, Expression::Or(Box::new(eq("a", text("x"))), Box::new(and)));
        assert_eq!(parse_filter("action+eq+'Block'").unwrap(), eq("action", text("Block")));
        let time = "2026-11-24T10:00:00Z";
        assert_eq!(
            parse_filter(&format!("t eq {time}")).unwrap(),
            eq("t", Literal::Time(time.parse().unwrap()))
        );
        let any = parse_filter("tags/any(x:x eq 'a')").unwrap();
        assert_eq!(
            any,
            Expression::Any {
                property: "tags".into(),
                variable: "x".into(),
                condition: Box::new(eq("x", text("a")))
            }
        );
        assert!(matches!(parse_filter("s in ('a', 'b')").unwrap(), Expression::In { values, .. } if values.len() == 2));
    }

    #[test]
    fn errors_tell_the_place() {
        for (text, place) in [
            ("", "1"),
            ("a", "1"),
            ("a eq", "3"),
            ("a like 'b'", "3"),
            ("a eq 'b", "8"),
            ("(a eq 1", "7"),
            ("a eq 1 b", "8"),
            ("a eq ;", "6"),
        ] {
            let error = parse_filter(text).unwrap_err().to_string();
            assert!(error.ends_with(&format!("character {place}")), "{text}: {error}");
        }
        assert!(parse_filter(&"(".repeat(500)).is_err());
        assert!(parse_filter(&"not ".repeat(500)).is_err());
    }
}
