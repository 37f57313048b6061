//! OData query options: parsed into a typed tree, compiled to bound SQL. Nothing of the request ever becomes SQL text.

mod parse;
mod sql;

use std::collections::HashMap;

use crate::error::{Error, Result};

pub use parse::{Expression, Literal, Operator, parse_filter};
pub use sql::{Column, Condition, Property, Value, compile};

/// Largest page.
pub const MAX_TOP: i64 = 10_000;

/// The query options that our lists know.
#[derive(Debug, Default)]
pub struct Options {
    pub filter: Option<Expression>,
    pub top: i64,
    pub skip: i64,
    pub expand: Vec<String>,
    pub count: bool,
}

impl Options {
    /// Reads the options of a request. `known` are the option names that this list supports.
    pub fn parse(query: &HashMap<String, String>, known: &[&str]) -> Result<Self> {
        let mut options = Self {
            top: MAX_TOP,
            ..Self::default()
        };
        for (name, value) in query.iter().filter(|(name, _)| name.starts_with('$')) {
            if !known.contains(&name.as_str()) {
                return Err(odata_error(format!(
                    "the query option {name} is not supported here; known are {}",
                    known.join(", ")
                )));
            }
            match name.as_str() {
                "$filter" => options.filter = Some(parse_filter(value)?),
                "$top" => options.top = number(name, value, MAX_TOP)?,
                "$skip" => options.skip = number(name, value, i64::MAX)?,
                "$expand" => options.expand = value.split(',').map(|name| name.trim().to_ascii_lowercase()).collect(),
                "$count" => options.count = value.eq_ignore_ascii_case("true"),
                _ => {}
            }
        }
        Ok(options)
    }
}

fn number(name: &str, value: &str, max: i64) -> Result<i64> {
    let parsed = value
        .trim()
        .parse::<i64>()
        .ok()
        .filter(|number| (0..=max).contains(number));
    parsed.ok_or_else(|| odata_error(format!("{name} must be a number from 0 to {max}")))
}

pub fn odata_error(message: impl std::fmt::Display) -> Error {
    Error::invalid("ODataError", message)
}
