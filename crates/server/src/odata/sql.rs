use moat_model::Timestamp;

use super::{
    filter::{Comparison, Filter, Literal, Operand, TextTest},
    parse::ODataError,
    query::Query,
};
use crate::error::Result;

/// A property that can be filtered and sorted on.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    /// As the API writes it; matched without regard to case.
    pub name: &'static str,
    pub kind: Kind,
}

/// How a property is stored. The SQL in here is ours, never the caller's.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A TEXT expression.
    Text(&'static str),
    /// A TEXT expression and a second one that matches equally, such as a canonical form.
    TextOr(&'static str, &'static str),
    /// A TEXT expression with one of these words, in ascending order.
    Word(&'static str, &'static [&'static str]),
    /// A BIGINT expression in microseconds.
    Time(&'static str),
    /// A BIGINT expression; in JSON a number or digits in a string.
    Number(&'static str),
    /// A BIGINT expression, 0 or 1.
    Flag(&'static str),
    /// A TEXT column with a JSON list of strings that hold no quotes or backslashes.
    JsonList(&'static str),
    /// Rows of another table: `SELECT 1 FROM … WHERE …` that a condition can be added to, and the element's column.
    Rows(&'static str, &'static str),
    /// A property that Defender has and Moat never fills.
    AlwaysNull,
}

/// The properties of a resource.
pub struct Table(pub &'static [Property]);

/// A value bound to SQL.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    Number(i64),
}

/// SQL with `$n` in the place of its values.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Clause {
    pub sql: String,
    pub values: Vec<Value>,
}

impl Clause {
    pub fn new(sql: &str) -> Self {
        Self {
            sql: sql.to_string(),
            values: Vec::new(),
        }
    }

    pub fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Writes a placeholder and keeps its value.
    pub fn bind(&mut self, value: Value) -> &mut Self {
        self.values.push(value);
        self.sql.push_str(&format!("${}", self.values.len()));
        self
    }

    pub fn bind_text(&mut self, text: impl Into<String>) -> &mut Self {
        self.bind(Value::Text(text.into()))
    }

    pub fn bind_number(&mut self, number: i64) -> &mut Self {
        self.bind(Value::Number(number))
    }

    /// Writes `($1, $2, …)`.
    pub fn bind_list(&mut self, texts: &[&str]) -> &mut Self {
        for (n, text) in texts.iter().enumerate() {
            self.push(if n == 0 { "(" } else { ", " }).bind_text(*text);
        }
        self.push(")")
    }

    /// The values in a form that sqlx takes.
    pub fn arguments(&self) -> Result<sqlx::any::AnyArguments> {
        use sqlx::Arguments as _;
        let mut arguments = sqlx::any::AnyArguments::default();
        for value in &self.values {
            let added = match value {
                Value::Text(text) => arguments.add(text.clone()),
                Value::Number(number) => arguments.add(*number),
            };
            added.map_err(|error| crate::Error::internal(anyhow::anyhow!(error)))?;
        }
        Ok(arguments)
    }
}

impl Table {
    /// Adds ` AND (…)` for the filter, ` ORDER BY …` and the page. Fetches one row more than the page, to know whether there is more.
    pub(super) fn finish(&self, clause: &mut Clause, query: &Query, tie_breaker: &str) -> Result<()> {
        self.restrict(clause, query)?;
        clause.push(" ORDER BY ");
        for (name, descending) in &query.order {
            let Some(sql) = self.property(name).and_then(|p| p.kind.sort_key()) else {
                let shown: String = name.chars().take(40).collect();
                return Err(crate::Error::invalid(
                    "ODataError",
                    format!("$orderby: {shown:?} cannot be sorted by"),
                ));
            };
            clause.push(&sql).push(if *descending { " DESC, " } else { ", " });
        }
        clause.push(tie_breaker).push(" LIMIT ");
        clause.bind_number(i64::from(query.page()) + 1).push(" OFFSET ");
        clause.bind_number(i64::try_from(query.skip).unwrap_or(i64::MAX));
        Ok(())
    }

    /// Adds ` AND (…)` for the filter.
    pub(super) fn restrict(&self, clause: &mut Clause, query: &Query) -> Result<()> {
        if let Some(filter) = &query.filter {
            clause.push(" AND ");
            self.compile(filter, clause)?;
        }
        if let Some(search) = &query.search {
            clause.push(" AND ");
            search.compile(clause, |name| match self.property(name).map(|p| p.kind) {
                Some(Kind::Text(sql) | Kind::TextOr(sql, _)) => Some(sql),
                _ => None,
            })?;
        }
        Ok(())
    }

    fn property(&self, name: &str) -> Option<&Property> {
        self.0.iter().find(|p| p.name.eq_ignore_ascii_case(name))
    }

    fn find(&self, operand: &Operand) -> Result<(&Property, usize), ODataError> {
        let Operand::Property { name, position } = operand else {
            return Err(ODataError::filter("an element stands outside any", 0));
        };
        self.property(name).map(|p| (p, *position)).ok_or_else(|| {
            let shown: String = name.chars().take(40).collect();
            let names: Vec<_> = self.0.iter().map(|p| p.name).collect();
            let known = names.join(", ");
            ODataError::filter(
                format!("{shown:?} is not a property to filter on (there are {known})"),
                *position,
            )
        })
    }

    /// Writes a filter as SQL.
    pub fn compile(&self, filter: &Filter, out: &mut Clause) -> Result<(), ODataError> {
        match filter {
            Filter::And(filters) => self.join(filters, " AND ", out),
            Filter::Or(filters) => self.join(filters, " OR ", out),
            Filter::Not(filter) => {
                // A comparison with NULL is neither true nor false in SQL; OData takes it as false.
                out.push("NOT COALESCE(");
                self.compile(filter, out)?;
                out.push(", FALSE)");
                Ok(())
            }
            Filter::Compare {
                operand,
                comparison,
                literal,
            } => {
                let (property, at) = self.find(operand)?;
                property.compare(*comparison, literal, at, out)
            }
            Filter::In { operand, literals } => {
                let (property, at) = self.find(operand)?;
                out.push("(");
                for (n, literal) in literals.iter().enumerate() {
                    out.push(if n == 0 { "" } else { " OR " });
                    property.compare(Comparison::Eq, literal, at, out)?;
                }
                out.push(")");
                Ok(())
            }
            Filter::Text { test, operand, text } => {
                let (property, at) = self.find(operand)?;
                match property.kind {
                    Kind::Text(sql) | Kind::TextOr(sql, _) | Kind::Word(sql, _) => text_test(*test, sql, text, out),
                    Kind::AlwaysNull => {
                        out.push("(1 = 0)");
                    }
                    _ => return Err(property.unfit(test.as_str(), at)),
                }
                Ok(())
            }
            Filter::Any { collection, test } => {
                let (property, at) = self.find(collection)?;
                property.any(test.as_deref(), at, out)
            }
        }
    }

    fn join(&self, filters: &[Filter], word: &str, out: &mut Clause) -> Result<(), ODataError> {
        out.push("(");
        for (n, filter) in filters.iter().enumerate() {
            out.push(if n == 0 { "" } else { word });
            self.compile(filter, out)?;
        }
        out.push(")");
        Ok(())
    }
}

impl Kind {
    fn sort_key(self) -> Option<String> {
        match self {
            Self::Text(sql) | Self::TextOr(sql, _) | Self::Time(sql) | Self::Number(sql) | Self::Flag(sql) => {
                Some(sql.into())
            }
            Self::Word(sql, words) => {
                let cases: Vec<_> = words
                    .iter()
                    .enumerate()
                    .map(|(n, w)| format!("WHEN '{w}' THEN {n}"))
                    .collect();
                Some(format!("CASE {sql} {} END", cases.join(" ")))
            }
            Self::JsonList(_) | Self::Rows(..) | Self::AlwaysNull => None,
        }
    }
}

impl Property {
    fn unfit(&self, what: &str, at: usize) -> ODataError {
        ODataError::filter(format!("{} cannot be tested with {what}", self.name), at)
    }

    fn wants(&self, what: &str, literal: &Literal, at: usize) -> ODataError {
        let shown: String = literal.to_string().chars().take(60).collect();
        ODataError::filter(format!("{} is compared with {what}, not {shown}:", self.name), at)
    }

    fn compare(
        &self,
        comparison: Comparison,
        literal: &Literal,
        at: usize,
        out: &mut Clause,
    ) -> Result<(), ODataError> {
        if *literal == Literal::Null {
            return self.compare_null(comparison, at, out);
        }
        match self.kind {
            Kind::Text(sql) => compare(sql, comparison, self.text(literal, at)?, out),
            Kind::TextOr(sql, other) => {
                let value = self.text(literal, at)?;
                let word = if comparison == Comparison::Ne { " AND " } else { " OR " };
                out.push("(");
                compare(sql, comparison, value.clone(), out);
                out.push(word);
                compare(other, comparison, value, out);
                out.push(")");
            }
            Kind::Word(sql, words) => self.compare_word(sql, words, comparison, literal, at, out)?,
            Kind::Time(sql) => compare(sql, comparison, Value::Number(self.time(literal, at)?.as_micros()), out),
            Kind::Number(sql) => {
                let number = match literal {
                    Literal::Number(number) => Some(*number),
                    Literal::Text(text) => text.parse().ok(),
                    _ => None,
                };
                let number = number.ok_or_else(|| self.wants("a whole number", literal, at))?;
                compare(sql, comparison, Value::Number(number), out);
            }
            Kind::Flag(sql) => {
                let flag = match literal {
                    Literal::Flag(flag) => Some(*flag),
                    Literal::Text(text) => text.to_ascii_lowercase().parse().ok(),
                    _ => None,
                };
                let flag = flag.ok_or_else(|| self.wants("true or false", literal, at))?;
                compare(sql, comparison, Value::Number(flag.into()), out);
            }
            Kind::AlwaysNull => {
                out.push(if comparison == Comparison::Ne {
                    "(1 = 1)"
                } else {
                    "(1 = 0)"
                });
            }
            Kind::JsonList(_) | Kind::Rows(..) => {
                return Err(ODataError::filter(
                    format!("{0} is a list: write {0}/any(x:x eq 'value')", self.name),
                    at,
                ));
            }
        }
        Ok(())
    }

    fn compare_null(&self, comparison: Comparison, at: usize, out: &mut Clause) -> Result<(), ODataError> {
        let is_null = match comparison {
            Comparison::Eq => true,
            Comparison::Ne => false,
            _ => return Err(ODataError::filter("null can only be compared with eq and ne", at)),
        };
        match self.kind {
            Kind::Text(sql)
            | Kind::TextOr(sql, _)
            | Kind::Word(sql, _)
            | Kind::Time(sql)
            | Kind::Number(sql)
            | Kind::Flag(sql) => {
                out.push("(")
                    .push(sql)
                    .push(if is_null { " IS NULL)" } else { " IS NOT NULL)" });
            }
            Kind::AlwaysNull => {
                out.push(if is_null { "(1 = 1)" } else { "(1 = 0)" });
            }
            Kind::JsonList(_) | Kind::Rows(..) => return Err(self.unfit("null", at)),
        }
        Ok(())
    }

    fn compare_word(
        &self,
        sql: &str,
        words: &'static [&'static str],
        comparison: Comparison,
        literal: &Literal,
        at: usize,
        out: &mut Clause,
    ) -> Result<(), ODataError> {
        let given = match literal {
            Literal::Text(text) => words.iter().position(|w| w.eq_ignore_ascii_case(text)),
            _ => None,
        };
        let Some(given) = given else {
            return Err(self.wants(&format!("one of {}", words.join(", ")), literal, at));
        };
        let fits = |n: usize| match comparison {
            Comparison::Eq => n == given,
            Comparison::Ne => n != given,
            Comparison::Gt => n > given,
            Comparison::Ge => n >= given,
            Comparison::Lt => n < given,
            Comparison::Le => n <= given,
        };
        let fitting: Vec<_> = words
            .iter()
            .enumerate()
            .filter(|(n, _)| fits(*n))
            .map(|(_, w)| format!("'{w}'"))
            .collect();
        if fitting.is_empty() {
            out.push("(1 = 0)");
        } else if comparison == Comparison::Ne {
            out.push(&format!("({sql} IS NULL OR {sql} IN ({}))", fitting.join(", ")));
        } else {
            out.push(&format!("({sql} IN ({}))", fitting.join(", ")));
        }
        Ok(())
    }

    fn text(&self, literal: &Literal, at: usize) -> Result<Value, ODataError> {
        match literal {
            Literal::Text(text) => Ok(Value::Text(text.clone())),
            Literal::Guid(guid) => Ok(Value::Text(guid.to_string())),
            other => Err(self.wants("a string in single quotes", other, at)),
        }
    }

    fn time(&self, literal: &Literal, at: usize) -> Result<Timestamp, ODataError> {
        let time = match literal {
            Literal::Time(time) => Some(*time),
            Literal::Text(text) => text.parse().ok(),
            _ => None,
        };
        time.ok_or_else(|| self.wants("a time such as 2026-11-24T10:00:00Z", literal, at))
    }

    fn any(&self, test: Option<&Filter>, at: usize, out: &mut Clause) -> Result<(), ODataError> {
        match self.kind {
            Kind::JsonList(sql) => match test {
                None => {
                    out.push("(").push(sql).push(" <> '[]')");
                    Ok(())
                }
                Some(test) => self.any_of_json(sql, test, at, out),
            },
            Kind::Rows(select, element) => {
                out.push("EXISTS (").push(select);
                if let Some(test) = test {
                    out.push(" AND ");
                    self.any_of_rows(element, test, at, out)?;
                }
                out.push(")");
                Ok(())
            }
            Kind::AlwaysNull => {
                out.push("(1 = 0)");
                Ok(())
            }
            _ => Err(ODataError::filter(format!("{} is not a list", self.name), at)),
        }
    }

    /// The text of a JSON list holds `"x"` exactly when one of its strings is x: those strings hold no quotes. The commas
    /// between them are taken out first, so that only those within a string are found.
    fn any_of_json(&self, sql: &str, test: &Filter, at: usize, out: &mut Clause) -> Result<(), ODataError> {
        let holds = |fragment: String, out: &mut Clause| {
            let strings = match fragment.contains(',') {
                true => format!("REPLACE({sql}, '\",\"', '\"\"')"),
                false => sql.to_string(),
            };
            out.push("(REPLACE(")
                .push(&strings)
                .push(", ")
                .bind_text(fragment)
                .push(", '') <> ")
                .push(&strings)
                .push(")");
        };
        let fragment =
            |text: &str, before: &str, after: &str| match text.contains(['"', '\\', '[', ']']) || text.is_empty() {
                true => "\"\\\"".to_string(),
                false => format!("{before}{text}{after}"),
            };
        match test {
            Filter::Compare {
                comparison: Comparison::Eq,
                literal: Literal::Text(text),
                ..
            } => holds(fragment(text, "\"", "\""), out),
            Filter::Text { test, text, .. } => holds(
                match test {
                    TextTest::StartsWith => fragment(text, "\"", ""),
                    TextTest::EndsWith => fragment(text, "", "\""),
                    TextTest::Contains => fragment(text, "", ""),
                },
                out,
            ),
            Filter::In { literals, .. } => {
                out.push("(1 = 0");
                for literal in literals {
                    let Literal::Text(text) = literal else {
                        return Err(self.wants("strings", literal, at));
                    };
                    out.push(" OR ");
                    holds(fragment(text, "\"", "\""), out);
                }
                out.push(")");
            }
            Filter::Or(tests) => {
                out.push("(1 = 0");
                for test in tests {
                    out.push(" OR ");
                    self.any_of_json(sql, test, at, out)?;
                }
                out.push(")");
            }
            _ => {
                let problem = format!("{}/any takes eq, in, startswith, endswith, contains and or", self.name);
                return Err(ODataError::filter(problem, at));
            }
        }
        Ok(())
    }

    fn any_of_rows(&self, element: &'static str, test: &Filter, at: usize, out: &mut Clause) -> Result<(), ODataError> {
        let property = Self {
            name: self.name,
            kind: Kind::Text(element),
        };
        let mut join = |tests: &[Filter], word: &str| {
            out.push("(");
            for (n, test) in tests.iter().enumerate() {
                out.push(if n == 0 { "" } else { word });
                self.any_of_rows(element, test, at, out)?;
            }
            out.push(")");
            Ok(())
        };
        match test {
            Filter::And(tests) => join(tests, " AND "),
            Filter::Or(tests) => join(tests, " OR "),
            Filter::Not(test) => {
                out.push("NOT ");
                self.any_of_rows(element, test, at, out)
            }
            Filter::Compare {
                comparison, literal, ..
            } => property.compare(*comparison, literal, at, out),
            Filter::In { literals, .. } => {
                out.push("(1 = 0");
                for literal in literals {
                    out.push(" OR ");
                    property.compare(Comparison::Eq, literal, at, out)?;
                }
                out.push(")");
                Ok(())
            }
            Filter::Text { test, text, .. } => {
                text_test(*test, element, text, out);
                Ok(())
            }
            Filter::Any { .. } => Err(ODataError::filter("any cannot stand inside any", at)),
        }
    }
}

fn compare(sql: &str, comparison: Comparison, value: Value, out: &mut Clause) {
    out.push("(");
    if comparison == Comparison::Ne {
        // null ne 'x' is true.
        out.push(sql).push(" IS NULL OR ");
    }
    out.push(sql)
        .push(" ")
        .push(comparison.as_sql())
        .push(" ")
        .bind(value)
        .push(")");
}

/// Written so that SQLite and PostgreSQL agree: LIKE ignores case in one and not in the other.
fn text_test(test: TextTest, sql: &str, text: &str, out: &mut Clause) {
    if text.is_empty() {
        out.push("(").push(sql).push(" IS NOT NULL)");
        return;
    }
    let length = text.chars().count();
    match test {
        TextTest::StartsWith => out.push(&format!("(SUBSTR({sql}, 1, {length}) = ")),
        TextTest::EndsWith => out.push(&format!(
            "(LENGTH({sql}) >= {length} AND SUBSTR({sql}, LENGTH({sql}) - {length} + 1) = "
        )),
        TextTest::Contains => out.push(&format!("({sql} <> REPLACE({sql}, ")),
    };
    out.bind_text(text);
    out.push(if test == TextTest::Contains { ", ''))" } else { ")" });
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Table = Table(&[
        Property {
            name: "title",
            kind: Kind::Text("i.title"),
        },
        Property {
            name: "severity",
            kind: Kind::Word("i.severity", &["Low", "High"]),
        },
        Property {
            name: "lastSeen",
            kind: Kind::Time("i.seen"),
        },
        Property {
            name: "id",
            kind: Kind::Number("i.id"),
        },
        Property {
            name: "groups",
            kind: Kind::JsonList("i.groups"),
        },
        Property {
            name: "tags",
            kind: Kind::Rows("SELECT 1 FROM tags t WHERE t.i = i.id", "t.tag"),
        },
    ]);

    fn compiled(text: &str) -> String {
        let mut clause = Clause::default();
        let done = super::super::parse(text).and_then(|filter| TABLE.compile(&filter, &mut clause));
        done.map_or_else(|e| e.to_string(), |()| format!("{} {:?}", clause.sql, clause.values))
    }

    #[test]
    fn values_are_bound_never_written_into_the_sql() {
        assert_eq!(
            compiled("TITLE eq 'x'' OR 1=1'"),
            r#"(i.title = $1) [Text("x' OR 1=1")]"#
        );
        assert_eq!(
            compiled("groups/any(g:g eq 'a')"),
            r#"(REPLACE(i.groups, $1, '') <> i.groups) [Text("\"a\"")]"#
        );
        assert_eq!(
            compiled("tags/any(t:startswith(t,'ab'))"),
            r#"EXISTS (SELECT 1 FROM tags t WHERE t.i = i.id AND (SUBSTR(t.tag, 1, 2) = $1)) [Text("ab")]"#
        );
        assert_eq!(
            compiled("id eq '7' and severity ge 'low'"),
            "((i.id = $1) AND (i.severity IN ('Low', 'High'))) [Number(7)]"
        );
        assert_eq!(
            compiled("not (title eq null)"),
            "NOT COALESCE((i.title IS NULL), FALSE) []"
        );
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (text, problem) in [
            ("nope eq 1", "\"nope\" is not a property to filter on"),
            (
                "title eq 1",
                "title is compared with a string in single quotes, not 1: at position 0",
            ),
            (
                "severity eq 'Huge'",
                "severity is compared with one of Low, High, not 'Huge': at position 0",
            ),
            ("lastSeen gt 'soon'", "lastSeen is compared with a time such as"),
            ("id gt null", "null can only be compared with eq and ne"),
            ("groups eq 'a'", "groups is a list: write groups/any(x:x eq 'value')"),
            ("groups/any(g:g ne 'a')", "groups/any takes eq, in"),
            ("title/any(t:t eq 'a')", "title is not a list"),
        ] {
            assert!(compiled(text).contains(problem), "{text}: {}", compiled(text));
        }
    }
}
