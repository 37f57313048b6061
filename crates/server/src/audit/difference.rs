//! What a change changed, for people: each field with what it was and is.

use std::collections::BTreeMap;

use serde_json::Value;

/// Fields of one change that are shown.
const MOST: usize = 100;
/// Longest shown value, in characters.
const LONGEST: usize = 400;

/// A field that differs; a side without it is none.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// The fields in which two JSON texts differ, by name.
pub fn between(before: Option<&str>, after: Option<&str>) -> Vec<Difference> {
    let (mut before, mut after) = (fields(before), fields(after));
    let mut names: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
    names.sort_unstable();
    names.dedup();
    let differences = names.into_iter().filter_map(|field| {
        let (before, after) = (before.remove(&field), after.remove(&field));
        (before != after).then_some(Difference { field, before, after })
    });
    differences.take(MOST).collect()
}

fn fields(text: Option<&str>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let Some(text) = text else { return found };
    match serde_json::from_str(text) {
        Ok(value) => collect(&value, String::new(), &mut found),
        Err(_) => {
            found.insert(String::new(), short(text));
        }
    }
    found
}

fn collect(value: &Value, path: String, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                collect(value, path, found);
            }
        }
        Value::Array(values) if values.iter().any(|value| value.is_object() || value.is_array()) => {
            for (n, value) in values.iter().enumerate() {
                collect(value, format!("{path}[{n}]"), found);
            }
        }
        Value::Array(values) => {
            let texts: Vec<String> = values.iter().map(plain).collect();
            found.insert(path, short(&texts.join(", ")));
        }
        value => {
            found.insert(path, short(&plain(value)));
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "–".into(),
        Value::Object(_) => "{}".into(),
        value => value.to_string(),
    }
}

fn short(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(field: &str, before: Option<&str>, after: Option<&str>) -> Difference {
        Difference {
            field: field.into(),
            before: before.map(String::from),
            after: after.map(String::from),
        }
    }

    #[test]
    fn only_what_differs_is_named() {
        let before = r#"{"name":"a","on":false,"body":{"tags":["x"],"same":1},"list":[{"k":1}]}"#;
        let after = r#"{"name":"a","on":true,"body":{"tags":["x","y"],"same":1},"list":[{"k":1},{"k":null}]}"#;
        assert_eq!(
            between(Some(before), Some(after)),
            [
                difference("body.tags", Some("x"), Some("x, y")),
                difference("list[1].k", None, Some("–")),
                difference("on", Some("false"), Some("true")),
            ]
        );
    }

    #[test]
    fn one_side_alone_is_told_whole_and_long_texts_are_cut() {
        assert_eq!(between(None, Some(r#"{"a":1}"#)), [difference("a", None, Some("1"))]);
        assert_eq!(between(Some("no json"), None), [difference("", Some("no json"), None)]);
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(1_000));
        assert_eq!(
            between(Some(&long), None)[0].before.as_ref().unwrap().chars().count(),
            LONGEST + 1
        );
        assert!(between(None, None).is_empty() && between(Some("{}"), Some("{}")).len() == 1 - 1);
    }
}
