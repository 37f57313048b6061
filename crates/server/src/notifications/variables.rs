//! Variables in messages: `{{DeviceName}}` and the like.

use crate::error::{Error, Result};
use moat_policy::say;

/// What a message may name.
pub const VARIABLES: [&str; 4] = ["UserName", "DeviceName", "DeviceId", "OSAndVersion"];

/// A piece of a text.
enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
    /// `{{` without its end.
    Open,
}

/// Refuses a text that names a variable that there is not.
pub fn check(field: &'static str, text: &str) -> Result<()> {
    for piece in pieces(text) {
        match piece {
            Piece::Variable(name) if !VARIABLES.contains(&name) => {
                let shown: String = name.chars().take(80).collect();
                let known = VARIABLES.map(|name| format!("{{{{{name}}}}}")).join(", ");
                let rule = say("rule-no-variable")
                    .with("found", format!("{{{{{shown}}}}}"))
                    .with("known", known);
                return Err(Error::rule("BadRequest", field, rule));
            }
            Piece::Open => return Err(Error::rule("BadRequest", field, say("rule-open-variable"))),
            _ => {}
        }
    }
    Ok(())
}

/// The text with its variables replaced. A value is never looked into for further variables.
pub fn fill<'a>(text: &str, value: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut filled = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Variable(name) => filled.push_str(value(name).unwrap_or_default()),
            Piece::Open => filled.push_str("{{"),
        }
    }
    filled
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(inside) = rest.strip_prefix("{{") else {
            let end = rest.find("{{").unwrap_or(rest.len());
            let (text, after) = rest.split_at(end);
            rest = after;
            return Some(Piece::Text(text));
        };
        match inside.split_once("}}") {
            Some((name, after)) => {
                rest = after;
                Some(Piece::Variable(name.trim()))
            }
            None => {
                rest = inside;
                Some(Piece::Open)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_once() {
        let value = |name: &str| match name {
            "UserName" => Some("{{DeviceId}}"),
            "DeviceName" => Some("phone"),
            _ => None,
        };
        assert_eq!(
            fill("Hi {{UserName}}, {{ DeviceName }}{{", value),
            "Hi {{DeviceId}}, phone{{"
        );
        assert_eq!(fill("nothing } { here", value), "nothing } { here");
    }

    #[test]
    fn unknown_variables_are_refused_by_name() {
        assert!(check("subject", "{{UserName}} {{OSAndVersion}} {{DeviceId}}{{DeviceName}}").is_ok());
        for (text, named) in [("{{username}}", "{{username}}"), ("{{Serial", "}}"), ("{{}}", "{{}}")] {
            let error = check("subject", text).unwrap_err().to_string();
            assert!(error.starts_with("subject has ") && error.contains(named), "{error}");
        }
    }
}
