//! Graph's `$search`: `"displayName:sales" AND ("mail:a" OR "displayName:b c")` on users and groups.

use super::sql::Clause;
use crate::error::{Error, Result};

/// Terms that one search may have.
const MAX_TERMS: usize = 16;
/// Words of one term.
const MAX_WORDS: usize = 8;
const MAX_DEPTH: usize = 4;

#[derive(Debug, Clone, PartialEq)]
pub enum Search {
    /// Every word begins a word of the property.
    Term {
        property: String,
        words: Vec<String>,
    },
    And(Vec<Search>),
    Or(Vec<Search>),
}

impl Search {
    pub fn parse(text: &str) -> Result<Self> {
        let tokens = tokens(text)?;
        let terms = tokens.iter().filter(|token| matches!(token, Token::Quoted(_))).count();
        if terms > MAX_TERMS {
            return Err(wrong(&format!("at most {MAX_TERMS} terms")));
        }
        let mut rest = tokens.as_slice();
        let search = either(&mut rest, 0)?;
        match rest.first() {
            None => Ok(search),
            Some(_) => Err(wrong("terms are joined with AND or OR")),
        }
    }

    /// Writes the search as SQL; `column` gives the text of a property.
    pub fn compile(&self, out: &mut Clause, column: impl Fn(&str) -> Option<&'static str> + Copy) -> Result<()> {
        let (list, word) = match self {
            Self::And(list) => (list, " AND "),
            Self::Or(list) => (list, " OR "),
            Self::Term { property, words } => {
                let sql = column(property).ok_or_else(|| {
                    let shown: String = property.chars().take(40).collect();
                    wrong(&format!("{shown:?} is not a property to search in"))
                })?;
                return term(out, sql, words);
            }
        };
        out.push("(");
        for (n, search) in list.iter().enumerate() {
            out.push(if n == 0 { "" } else { word });
            search.compile(out, column)?;
        }
        out.push(")");
        Ok(())
    }
}

/// Words of a text are what stands between spaces and these.
const BETWEEN: [char; 6] = ['.', '-', '_', '@', ',', '\''];

fn term(out: &mut Clause, sql: &str, words: &[String]) -> Result<()> {
    let mut text = format!("LOWER({sql})");
    for c in BETWEEN {
        let quoted = if c == '\'' { "''".to_string() } else { c.to_string() };
        text = format!("REPLACE({text}, '{quoted}', ' ')");
    }
    let text = format!("(' ' || {text})");
    for (n, word) in words.iter().enumerate() {
        out.push(if n == 0 { "(" } else { " AND " });
        out.push("REPLACE(")
            .push(&text)
            .push(", LOWER(")
            .bind_text(format!(" {word}"));
        out.push("), '') <> ").push(&text);
    }
    out.push(")");
    Ok(())
}

enum Token {
    Quoted(String),
    And,
    Or,
    Open,
    Close,
}

fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        rest = match c {
            '"' => {
                let (quoted, after) = quoted(after)?;
                tokens.push(Token::Quoted(quoted));
                after
            }
            '(' => {
                tokens.push(Token::Open);
                after
            }
            ')' => {
                tokens.push(Token::Close);
                after
            }
            _ => {
                let end = rest.find([' ', '(', ')', '"']).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                tokens.push(match word {
                    "AND" => Token::And,
                    "OR" => Token::Or,
                    _ => return Err(wrong("write each term in double quotes, as in \"displayName:sales\"")),
                });
                after
            }
        }
        .trim_start();
    }
    Ok(tokens)
}

/// What stands before the closing quote, and what comes after it; a backslash keeps the next character.
fn quoted(text: &str) -> Result<(String, &str)> {
    let mut quoted = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Ok((quoted, text.get(at + 1..).unwrap_or_default())),
            '\\' => quoted.extend(characters.next().map(|(_, c)| c)),
            c => quoted.push(c),
        }
    }
    Err(wrong("a double quote is not closed"))
}

/// OR binds weaker than AND.
fn either(rest: &mut &[Token], depth: usize) -> Result<Search> {
    let mut list = vec![both(rest, depth)?];
    while let [Token::Or, after @ ..] = rest {
        *rest = after;
        list.push(both(rest, depth)?);
    }
    Ok(match <[Search; 1]>::try_from(list) {
        Ok([one]) => one,
        Err(list) => Search::Or(list),
    })
}

fn both(rest: &mut &[Token], depth: usize) -> Result<Search> {
    let mut list = vec![single(rest, depth)?];
    while let [Token::And, after @ ..] = rest {
        *rest = after;
        list.push(single(rest, depth)?);
    }
    Ok(match <[Search; 1]>::try_from(list) {
        Ok([one]) => one,
        Err(list) => Search::And(list),
    })
}

fn single(rest: &mut &[Token], depth: usize) -> Result<Search> {
    match rest {
        [Token::Quoted(text), after @ ..] => {
            *rest = after;
            read_term(text)
        }
        [Token::Open, after @ ..] if depth < MAX_DEPTH => {
            *rest = after;
            let search = either(rest, depth + 1)?;
            match rest {
                [Token::Close, after @ ..] => {
                    *rest = after;
                    Ok(search)
                }
                _ => Err(wrong("a parenthesis is not closed")),
            }
        }
        _ => Err(wrong("expected a term in double quotes, as in \"displayName:sales\"")),
    }
}

fn read_term(text: &str) -> Result<Search> {
    let (property, value) = text
        .split_once(':')
        .ok_or_else(|| wrong("a term names its property, as in \"displayName:sales\""))?;
    let words: Vec<String> = value
        .split(|c: char| c.is_whitespace() || BETWEEN.contains(&c))
        .filter(|word| !word.is_empty())
        .map(String::from)
        .collect();
    if words.is_empty() || words.len() > MAX_WORDS {
        return Err(wrong(&format!("a term has 1 to {MAX_WORDS} words")));
    }
    Ok(Search::Term {
        property: property.trim().to_string(),
        words,
    })
}

fn wrong(problem: &str) -> Error {
    Error::invalid("ODataError", format!("$search: {problem}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compiled(text: &str) -> Result<Clause> {
        let mut clause = Clause::default();
        let column = |name: &str| match name {
            "displayName" => Some("n"),
            "mail" => Some("m"),
            _ => None,
        };
        Search::parse(text)?.compile(&mut clause, column)?;
        Ok(clause)
    }

    #[test]
    fn terms_are_joined_and_bound() {
        let clause = compiled("\"displayName:Anna M\\\"x\" AND (\"mail:a.b@c\" OR \"displayName:o'neill\")").unwrap();
        let values: Vec<_> = clause.values.iter().map(|value| format!("{value:?}")).collect();
        let expected = [" Anna", " M\\\"x", " a", " b", " c", " o", " neill"];
        assert_eq!(values, expected.map(|word| format!("Text(\"{word}\")")));
        assert!(
            !clause.sql.contains("Anna") && clause.sql.contains(" OR "),
            "{}",
            clause.sql
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, problem) in [
            ("anna", "double quotes"),
            ("\"anna\"", "names its property"),
            ("\"displayName:\"", "1 to 8 words"),
            ("\"displayName:a\" \"mail:b\"", "AND or OR"),
            ("\"displayName:a\" AND", "expected a term"),
            ("(\"displayName:a\"", "not closed"),
            ("\"displayName:a", "not closed"),
            ("\"phone:1\"", "\"phone\" is not a property"),
            ("", "expected a term"),
        ] {
            assert!(compiled(text).unwrap_err().to_string().contains(problem), "{text}");
        }
        assert!(compiled(&format!("{}\"mail:a\"{}", "(".repeat(9), ")".repeat(9))).is_err());
        assert!(compiled(&vec!["\"mail:a\""; 17].join(" OR ")).is_err());
    }

    proptest! {
        #[test]
        fn any_text_gives_a_search_or_an_error(text in "\\PC*") {
            let _ = compiled(&text);
        }
    }
}
