use std::fmt;

use moat_model::Timestamp;

/// A `$filter` as a tree. `Display` writes it so that it parses back to itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare {
        operand: Operand,
        comparison: Comparison,
        literal: Literal,
    },
    In {
        operand: Operand,
        literals: Vec<Literal>,
    },
    Text {
        test: TextTest,
        operand: Operand,
        text: String,
    },
    /// `machineTags/any(t:t eq 'x')`; without a test: the collection has an element.
    Any {
        collection: Operand,
        test: Option<Box<Filter>>,
    },
}

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// A property, and where in the text it stands.
    Property { name: String, position: usize },
    /// The element, inside `any`.
    Element,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

impl Comparison {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }

    pub const fn as_sql(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "<>",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Lt => "<",
            Self::Le => "<=",
        }
    }

    /// The same comparison with its sides exchanged.
    pub const fn flipped(self) -> Self {
        match self {
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            same => same,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
}

impl TextTest {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StartsWith => "startswith",
            Self::EndsWith => "endswith",
            Self::Contains => "contains",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Text(String),
    Number(i64),
    Time(Timestamp),
    Guid(uuid::Uuid),
    Flag(bool),
    Null,
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Number(number) => number.fmt(f),
            Self::Time(time) => time.fmt(f),
            Self::Guid(guid) => guid.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
            Self::Null => f.write_str("null"),
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Property { name, .. } => f.write_str(name),
            Self::Element => f.write_str("e"),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, filters: &[Filter], word: &str| {
            for (n, filter) in filters.iter().enumerate() {
                let separator = if n == 0 { "" } else { word };
                write!(f, "{separator}({filter})")?;
            }
            Ok(())
        };
        match self {
            Self::And(filters) => list(f, filters, " and "),
            Self::Or(filters) => list(f, filters, " or "),
            Self::Not(filter) => write!(f, "not ({filter})"),
            Self::Compare {
                operand,
                comparison,
                literal,
            } => write!(f, "{operand} {} {literal}", comparison.as_str()),
            Self::In { operand, literals } => {
                let literals: Vec<_> = literals.iter().map(Literal::to_string).collect();
                write!(f, "{operand} in ({})", literals.join(","))
            }
            Self::Text { test, operand, text } => {
                write!(f, "{}({operand},{})", test.as_str(), Literal::Text(text.clone()))
            }
            Self::Any { collection, test: None } => write!(f, "{collection}/any()"),
            Self::Any {
                collection,
                test: Some(test),
            } => write!(f, "{collection}/any(e:{test})"),
        }
    }
}
