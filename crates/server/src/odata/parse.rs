use super::filter::{Comparison, Filter, Literal, Operand, TextTest};

/// Longest filter, in bytes.
const MAX_LENGTH: usize = 16 << 10;
/// Deepest nesting of parentheses, `not` and `any`.
const MAX_DEPTH: usize = 24;
/// Most comparisons and listed values.
const MAX_TERMS: usize = 500;

/// What is wrong with a query, and where: a byte position in the decoded text, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {problem} at position {position}")]
pub struct ODataError {
    pub option: &'static str,
    pub problem: String,
    pub position: usize,
}

impl ODataError {
    pub(super) fn filter(problem: impl Into<String>, position: usize) -> Self {
        Self {
            option: "$filter",
            problem: problem.into(),
            position,
        }
    }
}

impl From<ODataError> for crate::Error {
    fn from(error: ODataError) -> Self {
        Self::invalid("ODataError", error)
    }
}

/// Parses a decoded `$filter`. Pure, total and bounded: any text gives a tree or an error.
pub fn parse(text: &str) -> Result<Filter, ODataError> {
    if text.len() > MAX_LENGTH {
        return Err(ODataError::filter(
            format!("longer than {MAX_LENGTH} bytes"),
            MAX_LENGTH,
        ));
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        end: text.len(),
        terms: 0,
        element: None,
    };
    let filter = parser.or(0)?;
    match parser.peek() {
        None => Ok(filter),
        Some(token) => Err(ODataError::filter(
            format!("expected 'and', 'or' or the end, not {}", token.kind.show()),
            token.at,
        )),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum TokenKind {
    Open,
    Close,
    Comma,
    Colon,
    Slash,
    /// A quoted string, unescaped.
    Quoted(String),
    /// A name, number, time, GUID or operator.
    Word(String),
}

impl TokenKind {
    fn show(&self) -> String {
        match self {
            Self::Open => "'('".into(),
            Self::Close => "')'".into(),
            Self::Comma => "','".into(),
            Self::Colon => "':'".into(),
            Self::Slash => "'/'".into(),
            Self::Quoted(_) => "a string".into(),
            Self::Word(word) => format!("{:?}", word.chars().take(40).collect::<String>()),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Token {
    kind: TokenKind,
    at: usize,
}

fn tokens(text: &str) -> Result<Vec<Token>, ODataError> {
    let mut tokens = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some(&(at, c)) = rest.peek() {
        let single = match c {
            '(' => Some(TokenKind::Open),
            ')' => Some(TokenKind::Close),
            ',' => Some(TokenKind::Comma),
            ':' => Some(TokenKind::Colon),
            '/' => Some(TokenKind::Slash),
            _ => None,
        };
        if let Some(kind) = single {
            tokens.push(Token { kind, at });
            rest.next();
        } else if c.is_whitespace() {
            rest.next();
        } else if c == '\'' {
            rest.next();
            tokens.push(Token {
                kind: TokenKind::Quoted(quoted(&mut rest, at)?),
                at,
            });
        } else if is_word(c) {
            let word = word(&mut rest);
            tokens.push(Token {
                kind: TokenKind::Word(word),
                at,
            });
        } else {
            return Err(ODataError::filter(format!("{c:?} has no meaning here"), at));
        }
    }
    Ok(tokens)
}

type Chars<'a> = std::iter::Peekable<std::str::CharIndices<'a>>;

fn quoted(rest: &mut Chars<'_>, at: usize) -> Result<String, ODataError> {
    let mut text = String::new();
    while let Some((_, c)) = rest.next() {
        if c != '\'' {
            text.push(c);
        } else if rest.next_if(|(_, c)| *c == '\'').is_some() {
            text.push('\'');
        } else {
            return Ok(text);
        }
    }
    Err(ODataError::filter("the string has no closing quote: it starts", at))
}

const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '+' | '@' | '$')
}

/// A word; one that starts with a digit may hold colons, as times do.
fn word(rest: &mut Chars<'_>) -> String {
    let mut word = String::new();
    let digits_first = rest.peek().is_some_and(|(_, c)| c.is_ascii_digit());
    while let Some((_, c)) = rest.next_if(|(_, c)| is_word(*c) || (digits_first && *c == ':')) {
        word.push(c);
    }
    word
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    end: usize,
    terms: usize,
    /// Name of the element inside `any`.
    element: Option<String>,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn at(&self) -> usize {
        self.peek().map_or(self.end, |token| token.at)
    }

    fn fail<T>(&self, wanted: &str) -> Result<T, ODataError> {
        let found = self.peek().map_or_else(|| "the end".into(), |token| token.kind.show());
        Err(ODataError::filter(format!("expected {wanted}, not {found}"), self.at()))
    }

    /// Takes the next token when it is `kind`.
    fn take(&mut self, kind: &TokenKind) -> bool {
        let found = self.peek().is_some_and(|token| token.kind == *kind);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, kind: &TokenKind) -> Result<(), ODataError> {
        match self.take(kind) {
            true => Ok(()),
            false => self.fail(&kind.show()),
        }
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let found =
            matches!(self.peek(), Some(Token { kind: TokenKind::Word(w), .. }) if w.eq_ignore_ascii_case(keyword));
        self.next += usize::from(found);
        found
    }

    fn count(&mut self) -> Result<(), ODataError> {
        self.terms += 1;
        match self.terms > MAX_TERMS {
            true => Err(ODataError::filter(
                format!("more than {MAX_TERMS} comparisons"),
                self.at(),
            )),
            false => Ok(()),
        }
    }

    fn or(&mut self, depth: usize) -> Result<Filter, ODataError> {
        if depth > MAX_DEPTH {
            return Err(ODataError::filter(format!("nested deeper than {MAX_DEPTH}"), self.at()));
        }
        let mut filters = vec![self.and(depth)?];
        while self.take_keyword("or") {
            filters.push(self.and(depth)?);
        }
        Ok(one_or(filters, Filter::Or))
    }

    fn and(&mut self, depth: usize) -> Result<Filter, ODataError> {
        let mut filters = vec![self.term(depth)?];
        while self.take_keyword("and") {
            filters.push(self.term(depth)?);
        }
        Ok(one_or(filters, Filter::And))
    }

    fn term(&mut self, depth: usize) -> Result<Filter, ODataError> {
        if depth > MAX_DEPTH {
            return Err(ODataError::filter(format!("nested deeper than {MAX_DEPTH}"), self.at()));
        }
        if self.take(&TokenKind::Open) {
            let filter = self.or(depth + 1)?;
            self.expect(&TokenKind::Close)?;
            return Ok(filter);
        }
        if self.take_keyword("not") {
            return Ok(Filter::Not(Box::new(self.term(depth + 1)?)));
        }
        self.count()?;
        let Some(Token { kind, at }) = self.peek().cloned() else {
            return self.fail("a property");
        };
        let word = match kind {
            TokenKind::Word(word) => word,
            TokenKind::Quoted(_) => return self.comparison_from_literal(),
            _ => return self.fail("a property"),
        };
        if literal(&word).is_some() {
            return self.comparison_from_literal();
        }
        self.next += 1;
        if self.take(&TokenKind::Open) {
            return self.text_test(&word, at);
        }
        let operand = self.operand(word, at)?;
        if self.take(&TokenKind::Slash) {
            return self.any(operand, depth);
        }
        if self.take_keyword("in") {
            return self.list(operand);
        }
        let comparison = self.comparison()?;
        let literal = self.literal()?;
        Ok(Filter::Compare {
            operand,
            comparison,
            literal,
        })
    }

    fn comparison_from_literal(&mut self) -> Result<Filter, ODataError> {
        let literal = self.literal()?;
        let comparison = self.comparison()?.flipped();
        let operand = self.property()?;
        Ok(Filter::Compare {
            operand,
            comparison,
            literal,
        })
    }

    /// `startswith(property,'text')`, after its parenthesis.
    fn text_test(&mut self, word: &str, at: usize) -> Result<Filter, ODataError> {
        let tests = [TextTest::StartsWith, TextTest::EndsWith, TextTest::Contains];
        let Some(test) = tests.into_iter().find(|t| t.as_str().eq_ignore_ascii_case(word)) else {
            return Err(ODataError::filter(
                format!("{word:?} is not a function: there are startswith, endswith and contains"),
                at,
            ));
        };
        let operand = self.property()?;
        self.expect(&TokenKind::Comma)?;
        let Literal::Text(text) = self.literal()? else {
            self.next -= 1;
            return self.fail("a string in single quotes");
        };
        self.expect(&TokenKind::Close)?;
        Ok(Filter::Text { test, operand, text })
    }

    /// `any(e:test)`, after its slash.
    fn any(&mut self, collection: Operand, depth: usize) -> Result<Filter, ODataError> {
        if self.element.is_some() || !self.take_keyword("any") {
            return self.fail("any(name:test)");
        }
        self.expect(&TokenKind::Open)?;
        if self.take(&TokenKind::Close) {
            return Ok(Filter::Any { collection, test: None });
        }
        let Some(Token {
            kind: TokenKind::Word(name),
            ..
        }) = self.peek().cloned()
        else {
            return self.fail("a name for the element");
        };
        if literal(&name).is_some() || is_reserved(&name) {
            return self.fail("a name for the element");
        }
        self.next += 1;
        self.expect(&TokenKind::Colon)?;
        self.element = Some(name);
        let test = self.or(depth + 1)?;
        self.element = None;
        self.expect(&TokenKind::Close)?;
        Ok(Filter::Any {
            collection,
            test: Some(Box::new(test)),
        })
    }

    /// `('a','b')`, after `in`.
    fn list(&mut self, operand: Operand) -> Result<Filter, ODataError> {
        self.expect(&TokenKind::Open)?;
        let mut literals = vec![self.literal()?];
        while self.take(&TokenKind::Comma) {
            self.count()?;
            literals.push(self.literal()?);
        }
        self.expect(&TokenKind::Close)?;
        Ok(Filter::In { operand, literals })
    }

    fn comparison(&mut self) -> Result<Comparison, ODataError> {
        use Comparison as C;
        for comparison in [C::Eq, C::Ne, C::Gt, C::Ge, C::Lt, C::Le] {
            if self.take_keyword(comparison.as_str()) {
                return Ok(comparison);
            }
        }
        self.fail("one of eq, ne, gt, ge, lt, le, in")
    }

    fn property(&mut self) -> Result<Operand, ODataError> {
        match self.peek().cloned() {
            Some(Token {
                kind: TokenKind::Word(word),
                at,
            }) if literal(&word).is_none() => {
                self.next += 1;
                self.operand(word, at)
            }
            _ => self.fail("a property"),
        }
    }

    fn operand(&self, name: String, position: usize) -> Result<Operand, ODataError> {
        if is_reserved(&name) || !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return Err(ODataError::filter(
                format!("expected a property, not {name:?}"),
                position,
            ));
        }
        match &self.element {
            None => Ok(Operand::Property { name, position }),
            Some(element) if *element == name => Ok(Operand::Element),
            Some(element) => Err(ODataError::filter(
                format!("inside any, only the element {element} can be tested"),
                position,
            )),
        }
    }

    fn literal(&mut self) -> Result<Literal, ODataError> {
        let found = match self.peek().map(|token| &token.kind) {
            Some(TokenKind::Quoted(text)) => Some(Literal::Text(text.clone())),
            Some(TokenKind::Word(word)) => literal(word),
            _ => None,
        };
        match found {
            Some(literal) => {
                self.next += 1;
                Ok(literal)
            }
            None => self.fail("a value: 'text', a number, a time, true, false or null"),
        }
    }
}

fn one_or(mut filters: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    match filters.pop() {
        Some(only) if filters.is_empty() => only,
        Some(last) => {
            filters.push(last);
            join(filters)
        }
        None => join(filters),
    }
}

fn is_reserved(word: &str) -> bool {
    [
        "and", "or", "not", "eq", "ne", "gt", "ge", "lt", "le", "in", "any", "all",
    ]
    .iter()
    .any(|w| w.eq_ignore_ascii_case(word))
}

/// A value written without quotes.
fn literal(word: &str) -> Option<Literal> {
    match word {
        "true" | "True" | "TRUE" => return Some(Literal::Flag(true)),
        "false" | "False" | "FALSE" => return Some(Literal::Flag(false)),
        "null" | "Null" | "NULL" => return Some(Literal::Null),
        _ => {}
    }
    if let Ok(number) = word.parse() {
        return Some(Literal::Number(number));
    }
    if word.len() == 36
        && let Ok(guid) = word.parse()
    {
        return Some(Literal::Guid(guid));
    }
    let dated = word.len() >= 10 && word.starts_with(|c: char| c.is_ascii_digit());
    dated.then(|| word.parse().ok().map(Literal::Time)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        parse(text).map_or_else(|e| format!("! {e}"), |filter| filter.to_string())
    }

    #[test]
    fn filters_of_the_documentation() {
        for (text, tree) in [
            ("action eq 'AlertAndBlock'", "action eq 'AlertAndBlock'"),
            ("lastSeen gt 2018-08-01Z", "! "),
            (
                "lastSeen ge 2018-10-20T00:00:00Z",
                "lastSeen ge 2018-10-20T00:00:00.0000000Z",
            ),
            (
                "alertCreationTime gt 2018-11-22T00:00:00.5Z",
                "alertCreationTime gt 2018-11-22T00:00:00.5000000Z",
            ),
            (
                "healthStatus ne 'Active' and riskScore eq 'High'",
                "(healthStatus ne 'Active') and (riskScore eq 'High')",
            ),
            (
                "machineTags/any(tag: tag eq 'ExampleTag')",
                "machineTags/any(e:e eq 'ExampleTag')",
            ),
            (
                "startswith(computerDnsName,'mymachine')",
                "startswith(computerDnsName,'mymachine')",
            ),
            ("not (a eq 1 or b eq null)", "not ((a eq 1) or (b eq null))"),
            ("severity in ('High', 'Medium')", "severity in ('High','Medium')"),
            ("title eq 'it''s'", "title eq 'it''s'"),
            ("5 lt incidentId", "incidentId gt 5"),
            (
                "aadDeviceId eq 80fe8ff8-2624-418e-9591-41f0491218f9",
                "aadDeviceId eq 80fe8ff8-2624-418e-9591-41f0491218f9",
            ),
            ("a EQ True AND b Eq -3", "(a eq true) and (b eq -3)"),
            ("a eq 1 or b eq 2 and c eq 3", "(a eq 1) or ((b eq 2) and (c eq 3))"),
            ("rbacGroupNames/any()", "rbacGroupNames/any()"),
        ] {
            let shown = shown(text);
            if tree == "! " {
                assert!(shown.starts_with("! "), "{text}: {shown}");
            } else {
                assert_eq!(shown, tree, "{text}");
            }
        }
    }

    #[test]
    fn errors_say_what_and_where() {
        for (text, problem) in [
            ("", "expected a property, not the end at position 0"),
            (
                "a",
                "expected one of eq, ne, gt, ge, lt, le, in, not the end at position 1",
            ),
            (
                "a eq",
                "expected a value: 'text', a number, a time, true, false or null, not the end at position 4",
            ),
            ("a eq 'x", "the string has no closing quote: it starts at position 5"),
            (
                "a eq 1 b eq 2",
                "expected 'and', 'or' or the end, not \"b\" at position 7",
            ),
            ("(a eq 1", "expected ')', not the end at position 7"),
            ("a eq 1; DROP", "';' has no meaning here at position 6"),
            (
                "length(a) eq 1",
                "\"length\" is not a function: there are startswith, endswith and contains at position 0",
            ),
            (
                "t/any(x:y eq 1)",
                "inside any, only the element x can be tested at position 8",
            ),
            ("t/all(x:x eq 1)", "expected any(name:test), not \"all\" at position 2"),
        ] {
            assert_eq!(
                parse(text).unwrap_err().to_string(),
                format!("$filter: {problem}"),
                "{text}"
            );
        }
    }

    #[test]
    fn depth_length_and_number_are_bounded() {
        assert!(parse(&format!("{}a eq 1{}", "(".repeat(5000), ")".repeat(5000))).is_err());
        assert!(parse(&format!("{}a eq 1", "not ".repeat(4000))).is_err());
        assert!(parse(&vec!["a eq 1"; 501].join(" or ")).is_err());
        assert!(parse(&vec!["a eq 1"; 500].join(" or ")).is_ok());
        assert!(parse(&" ".repeat(MAX_LENGTH + 1)).is_err());
    }

    fn a_literal() -> impl Strategy<Value = Literal> {
        prop_oneof![
            ".*".prop_map(Literal::Text),
            any::<i64>().prop_map(Literal::Number),
            (0..250_000_000_000_000_000i64).prop_map(|t| Literal::Time(moat_model::Timestamp::from_micros(t))),
            any::<u128>().prop_map(|g| Literal::Guid(uuid::Uuid::from_u128(g))),
            any::<bool>().prop_map(Literal::Flag),
            Just(Literal::Null),
        ]
    }

    fn a_filter(element: bool) -> impl Strategy<Value = Filter> {
        let operand = move || {
            let name = if element { "e" } else { "[a-z]{1,4}X" };
            name.prop_map(move |name| match element {
                true => Operand::Element,
                false => Operand::Property { name, position: 0 },
            })
        };
        use Comparison as C;
        let comparison = prop::sample::select(vec![C::Eq, C::Ne, C::Gt, C::Ge, C::Lt, C::Le]);
        let test = prop::sample::select(vec![TextTest::StartsWith, TextTest::EndsWith, TextTest::Contains]);
        let leaf = prop_oneof![
            (operand(), comparison, a_literal()).prop_map(|(operand, comparison, literal)| Filter::Compare {
                operand,
                comparison,
                literal
            }),
            (operand(), prop::collection::vec(a_literal(), 1..4))
                .prop_map(|(operand, literals)| Filter::In { operand, literals }),
            (test, operand(), ".*").prop_map(|(test, operand, text)| Filter::Text { test, operand, text }),
        ];
        leaf.prop_recursive(4, 24, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
                prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::Or),
                inner.prop_map(|f| Filter::Not(Box::new(f))),
            ]
        })
    }

    fn without_positions(filter: Filter) -> Filter {
        let clear = |operand: Operand| match operand {
            Operand::Property { name, .. } => Operand::Property { name, position: 0 },
            element => element,
        };
        match filter {
            Filter::And(filters) => Filter::And(filters.into_iter().map(without_positions).collect()),
            Filter::Or(filters) => Filter::Or(filters.into_iter().map(without_positions).collect()),
            Filter::Not(filter) => Filter::Not(Box::new(without_positions(*filter))),
            Filter::Compare {
                operand,
                comparison,
                literal,
            } => Filter::Compare {
                operand: clear(operand),
                comparison,
                literal,
            },
            Filter::In { operand, literals } => Filter::In {
                operand: clear(operand),
                literals,
            },
            Filter::Text { test, operand, text } => Filter::Text {
                test,
                operand: clear(operand),
                text,
            },
            Filter::Any { collection, test } => Filter::Any {
                collection: clear(collection),
                test,
            },
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(filter in a_filter(false)) {
            let text = filter.to_string();
            prop_assert_eq!(parse(&text).map(without_positions), Ok(filter), "{}", text);
        }

        #[test]
        fn any_reads_back(test in a_filter(true)) {
            let collection = Operand::Property { name: "tags".into(), position: 0 };
            let filter = Filter::Any { collection, test: Some(Box::new(test)) };
            prop_assert_eq!(parse(&filter.to_string()), Ok(filter));
        }

        #[test]
        fn any_text_gives_a_tree_or_an_error(text in "\\PC*") {
            let _ = parse(&text);
        }

        #[test]
        fn likely_text_gives_a_tree_or_an_error(words in prop::collection::vec(prop::sample::select(vec![
            "a", "eq", "ne", "in", "(", ")", ",", "'x'", "'", "1", "and", "or", "not", "/", "any", ":", "e", "startswith", "null", "2020-01-01",
        ]), 0..30)) {
            let _ = parse(&words.join(" "));
        }
    }
}
