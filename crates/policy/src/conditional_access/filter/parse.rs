use std::str::FromStr;

use super::{FlagProperty, ListProperty, Rule, Sign, TextProperty, TextTest};

/// Longest rule, in bytes: Entra's limit.
const MAX_LENGTH: usize = 3072;
/// Deepest nesting of parentheses and `-not`.
const MAX_DEPTH: usize = 16;

pub(super) const TEXT_PROPERTIES: &[(&str, TextProperty)] = &[
    ("deviceId", TextProperty::DeviceId),
    ("displayName", TextProperty::DisplayName),
    ("operatingSystem", TextProperty::OperatingSystem),
    ("operatingSystemVersion", TextProperty::OperatingSystemVersion),
    ("manufacturer", TextProperty::Manufacturer),
    ("model", TextProperty::Model),
    ("deviceOwnership", TextProperty::DeviceOwnership),
    ("trustType", TextProperty::TrustType),
    ("profileType", TextProperty::ProfileType),
    ("mdmAppId", TextProperty::MdmAppId),
    ("enrollmentProfileName", TextProperty::EnrollmentProfileName),
];

/// What is wrong with a rule, and where: a byte position counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at position {position}")]
pub struct InvalidFilter {
    pub problem: String,
    pub position: usize,
}

impl InvalidFilter {
    fn new(problem: impl Into<String>, position: usize) -> Self {
        Self {
            problem: problem.into(),
            position,
        }
    }
}

impl FromStr for Rule {
    type Err = InvalidFilter;

    /// Total and bounded: any text gives a rule or an error.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MAX_LENGTH {
            return Err(InvalidFilter::new(
                format!("longer than {MAX_LENGTH} bytes"),
                MAX_LENGTH,
            ));
        }
        let tokens = tokens(text)?;
        let mut parser = Parser {
            tokens: tokens.into_iter().peekable(),
            end: text.len(),
        };
        let rule = parser.rule(0)?;
        match parser.tokens.next() {
            None => Ok(rule),
            Some(token) => Err(token.unexpected("-and, -or or the end")),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum TokenKind {
    Open,
    Close,
    OpenList,
    CloseList,
    Comma,
    /// Unquoted.
    Text(String),
    /// A property, an operator, `True` or `False`.
    Word(String),
}

#[derive(Debug, Clone)]
struct Token {
    kind: TokenKind,
    at: usize,
}

impl Token {
    fn unexpected(&self, expected: &str) -> InvalidFilter {
        let found = match &self.kind {
            TokenKind::Open => "'('".into(),
            TokenKind::Close => "')'".into(),
            TokenKind::OpenList => "'['".into(),
            TokenKind::CloseList => "']'".into(),
            TokenKind::Comma => "','".into(),
            TokenKind::Text(_) => "a text".into(),
            TokenKind::Word(word) => shown(word),
        };
        InvalidFilter::new(format!("expected {expected}, not {found}"), self.at)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, TokenKind::Word(found) if found.eq_ignore_ascii_case(word))
    }

    /// With its hyphen or without.
    fn is_operator(&self, operator: &str) -> bool {
        self.is_word(operator) || operator.strip_prefix('-').is_some_and(|word| self.is_word(word))
    }
}

fn shown(word: &str) -> String {
    format!("{:?}", word.chars().take(40).collect::<String>())
}

type Chars<'a> = std::iter::Peekable<std::str::CharIndices<'a>>;

fn tokens(text: &str) -> Result<Vec<Token>, InvalidFilter> {
    let mut tokens = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let kind = match c {
            '(' => TokenKind::Open,
            ')' => TokenKind::Close,
            '[' => TokenKind::OpenList,
            ']' => TokenKind::CloseList,
            ',' => TokenKind::Comma,
            '"' => TokenKind::Text(quoted(&mut rest, at)?),
            c if c.is_whitespace() => continue,
            c if is_word(c) => TokenKind::Word(word(c, &mut rest)),
            _ => return Err(InvalidFilter::new(format!("{c:?} has no meaning here"), at)),
        };
        tokens.push(Token { kind, at });
    }
    Ok(tokens)
}

fn quoted(rest: &mut Chars<'_>, at: usize) -> Result<String, InvalidFilter> {
    let mut text = String::new();
    while let Some((position, c)) = rest.next() {
        match c {
            '"' => return Ok(text),
            '`' => match rest.next() {
                Some((_, c @ ('"' | '`'))) => text.push(c),
                _ => return Err(InvalidFilter::new("expected \" or ` after `", position)),
            },
            c => text.push(c),
        }
    }
    Err(InvalidFilter::new("the text that begins here has no end", at))
}

fn word(first: char, rest: &mut Chars<'_>) -> String {
    let mut word = String::from(first);
    while let Some((_, c)) = rest.next_if(|(_, c)| is_word(*c)) {
        word.push(c);
    }
    word
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    end: usize,
}

/// What an operator compares with, before its property says whether it may.
#[derive(Clone, Copy)]
enum Operator {
    Equals(Sign),
    In(Sign),
    StartsWith(Sign),
    EndsWith(Sign),
    Contains(Sign),
}

enum Property {
    Text(TextProperty),
    Flag(FlagProperty),
    List(ListProperty),
}

impl Parser {
    fn rule(&mut self, depth: usize) -> Result<Rule, InvalidFilter> {
        let mut rules = vec![self.and(depth)?];
        while self.take("-or") {
            rules.push(self.and(depth)?);
        }
        Ok(one_or(rules, Rule::Or))
    }

    fn and(&mut self, depth: usize) -> Result<Rule, InvalidFilter> {
        let mut rules = vec![self.not(depth)?];
        while self.take("-and") {
            rules.push(self.not(depth)?);
        }
        Ok(one_or(rules, Rule::And))
    }

    fn not(&mut self, depth: usize) -> Result<Rule, InvalidFilter> {
        let token = self.next("device.… , '(' or -not")?;
        let nested = token.kind == TokenKind::Open || token.is_operator("-not");
        if nested && depth >= MAX_DEPTH {
            return Err(InvalidFilter::new(format!("nested deeper than {MAX_DEPTH}"), token.at));
        }
        if token.kind == TokenKind::Open {
            let rule = self.rule(depth + 1)?;
            return self.expect(TokenKind::Close, "-and, -or or ')'").map(|()| rule);
        }
        if nested {
            return self.not(depth + 1).map(|rule| Rule::Not(Box::new(rule)));
        }
        let property = property(&token)?;
        self.comparison(property)
    }

    fn comparison(&mut self, property: Property) -> Result<Rule, InvalidFilter> {
        let token = self.next("an operator such as -eq")?;
        let operator = operator(&token)?;
        match (property, operator) {
            (Property::Text(property), operator) => Ok(Rule::Text(property, self.text_test(operator)?)),
            (Property::Flag(property), Operator::Equals(sign)) => Ok(Rule::Flag(property, sign, self.flag()?)),
            (Property::List(property), Operator::Contains(sign)) => Ok(Rule::List(property, sign, self.text()?)),
            (Property::Flag(_), _) => Err(token.unexpected("-eq or -ne, as the property is True or False")),
            (Property::List(_), _) => Err(token.unexpected("-contains or -notContains, as the property is a list")),
        }
    }

    fn text_test(&mut self, operator: Operator) -> Result<TextTest, InvalidFilter> {
        Ok(match operator {
            Operator::Equals(sign) => TextTest::Equals(sign, self.text()?),
            Operator::In(sign) => TextTest::In(sign, self.texts()?),
            Operator::StartsWith(sign) => TextTest::StartsWith(sign, self.text()?),
            Operator::EndsWith(sign) => TextTest::EndsWith(sign, self.text()?),
            Operator::Contains(sign) => TextTest::Contains(sign, self.text()?),
        })
    }

    fn text(&mut self) -> Result<String, InvalidFilter> {
        let token = self.next("a text in double quotes")?;
        match token.kind {
            TokenKind::Text(text) => Ok(text),
            _ => Err(token.unexpected("a text in double quotes")),
        }
    }

    fn texts(&mut self) -> Result<Vec<String>, InvalidFilter> {
        self.expect(TokenKind::OpenList, "a list such as [\"a\", \"b\"]")?;
        let mut texts = vec![self.text()?];
        while self.tokens.next_if(|token| token.kind == TokenKind::Comma).is_some() {
            texts.push(self.text()?);
        }
        self.expect(TokenKind::CloseList, "',' or ']'").map(|()| texts)
    }

    fn flag(&mut self) -> Result<bool, InvalidFilter> {
        let token = self.next("True or False")?;
        match (token.is_word("True"), token.is_word("False")) {
            (true, _) => Ok(true),
            (_, true) => Ok(false),
            _ => Err(token.unexpected("True or False")),
        }
    }

    fn take(&mut self, operator: &str) -> bool {
        self.tokens.next_if(|token| token.is_operator(operator)).is_some()
    }

    fn expect(&mut self, kind: TokenKind, expected: &str) -> Result<(), InvalidFilter> {
        let token = self.next(expected)?;
        if token.kind == kind {
            Ok(())
        } else {
            Err(token.unexpected(expected))
        }
    }

    fn next(&mut self, expected: &str) -> Result<Token, InvalidFilter> {
        let end = || InvalidFilter::new(format!("expected {expected}, not the end"), self.end);
        self.tokens.next().ok_or_else(end)
    }
}

fn one_or(mut rules: Vec<Rule>, several: fn(Vec<Rule>) -> Rule) -> Rule {
    match (rules.pop(), rules.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            rules.extend(last);
            several(rules)
        }
    }
}

fn property(token: &Token) -> Result<Property, InvalidFilter> {
    let TokenKind::Word(word) = &token.kind else {
        return Err(token.unexpected("device.… , '(' or -not"));
    };
    let name = match word.split_once('.') {
        Some((object, name)) if object.eq_ignore_ascii_case("device") => name,
        _ => return Err(token.unexpected("device.… , '(' or -not")),
    };
    let known = TEXT_PROPERTIES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    if let Some((_, property)) = known {
        return Ok(Property::Text(*property));
    }
    match name.to_ascii_lowercase().as_str() {
        "iscompliant" => Ok(Property::Flag(FlagProperty::IsCompliant)),
        "physicalids" => Ok(Property::List(ListProperty::PhysicalIds)),
        "systemlabels" => Ok(Property::List(ListProperty::SystemLabels)),
        lower => match lower.strip_prefix("extensionattribute").map(str::parse) {
            Some(Ok(number @ 1..=15)) => Ok(Property::Text(TextProperty::ExtensionAttribute(number))),
            _ => Err(InvalidFilter::new(
                format!("a device has no property {}", shown(name)),
                token.at,
            )),
        },
    }
}

fn operator(token: &Token) -> Result<Operator, InvalidFilter> {
    const OPERATORS: &[(&str, Operator)] = &[
        ("-eq", Operator::Equals(Sign::Is)),
        ("-ne", Operator::Equals(Sign::IsNot)),
        ("-in", Operator::In(Sign::Is)),
        ("-notIn", Operator::In(Sign::IsNot)),
        ("-startsWith", Operator::StartsWith(Sign::Is)),
        ("-notStartsWith", Operator::StartsWith(Sign::IsNot)),
        ("-endsWith", Operator::EndsWith(Sign::Is)),
        ("-notEndsWith", Operator::EndsWith(Sign::IsNot)),
        ("-contains", Operator::Contains(Sign::Is)),
        ("-notContains", Operator::Contains(Sign::IsNot)),
    ];
    let found = OPERATORS.iter().find(|(word, _)| token.is_operator(word));
    found.map(|(_, operator)| *operator).ok_or_else(|| {
        token.unexpected(
            "-eq, -ne, -in, -notIn, -startsWith, -notStartsWith, -endsWith, -notEndsWith, -contains or -notContains",
        )
    })
}
