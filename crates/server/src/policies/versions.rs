//! The versions of a policy, as the audit log has them, and the way back to one.

use moat_model::{PolicyId, Target};
use moat_policy::say;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{Kind, assign};
use crate::{
    App, app_protection, audit,
    caller::{Caller, Role},
    compliance, conditional_access,
    conditional_access::locations,
    edition::Expected,
    error::{Error, Result},
};

/// One change of a policy.
#[derive(Debug, Clone)]
pub struct Version {
    /// Of the audit row.
    pub id: String,
    pub at: i64,
    pub actor: String,
    pub action: String,
    pub number: i64,
    /// What is different since: path, before, after.
    pub differences: Vec<Difference>,
}

/// Where a version has its assignments.
pub const TARGETS: &str = "targets";

/// A property that differs. None: it is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// As Graph spells it, with dots.
    pub path: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// What the audit log keeps of a policy, read back.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    display_name: String,
    #[serde(default)]
    description: Option<String>,
    version: i64,
    body: Value,
    #[serde(default)]
    targets: Option<Vec<Target>>,
}

impl Kept {
    /// Without the name and description that bodies of some kinds repeat.
    fn comparable(text: Option<&str>) -> Value {
        let mut value: Value = text
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.remove("version");
        }
        if let Some(body) = value.get_mut("body").and_then(Value::as_object_mut) {
            body.remove("displayName");
            body.remove("description");
        }
        value
    }

    fn typed<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(self.body.clone())
            .map_err(|error| Error::conflict(say("conflict-version").with("error", error.to_string())))
    }
}

pub const fn read_roles(kind: Kind) -> &'static [Role] {
    match kind {
        Kind::Compliance => compliance::READ,
        Kind::AppProtection => app_protection::READ,
        Kind::ConditionalAccess | Kind::NamedLocation => conditional_access::READ,
    }
}

pub const fn write_roles(kind: Kind) -> &'static [Role] {
    match kind {
        Kind::Compliance => compliance::WRITE,
        Kind::AppProtection => app_protection::WRITE,
        Kind::ConditionalAccess | Kind::NamedLocation => conditional_access::WRITE,
    }
}

/// The versions of a policy that the audit log still has, the newest first, at most `top`.
pub async fn list(app: &App, caller: &Caller, kind: Kind, id: PolicyId, top: i64) -> Result<Vec<Version>> {
    caller.require_any(read_roles(kind))?;
    let rows = audit::of(&app.db, kind.noun(), &id.to_string(), top, 0).await?;
    let mut versions = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(kept) = row
            .after
            .as_deref()
            .and_then(|text| serde_json::from_str::<Kept>(text).ok())
        else {
            continue;
        };
        versions.push(Version {
            differences: differences(
                &Kept::comparable(row.before.as_deref()),
                &Kept::comparable(row.after.as_deref()),
            ),
            id: row.id,
            at: row.at,
            actor: row.actor,
            action: row.action,
            number: kept.version,
        });
    }
    Ok(versions)
}

/// Makes a policy what it was after one of its changes; that is a change of its own. The assignments come back with a version
/// that changed them, and stay otherwise.
pub async fn restore(app: &App, caller: &Caller, kind: Kind, id: PolicyId, version: &str) -> Result<()> {
    caller.require_any(write_roles(kind))?;
    let rows = audit::of(&app.db, kind.noun(), &id.to_string(), i64::MAX, 0).await?;
    let row = rows.into_iter().find(|row| row.id == version);
    let kept = row.and_then(|row| serde_json::from_str::<Kept>(row.after.as_deref()?).ok());
    let kept = kept.ok_or_else(|| Error::not_found("version", version.chars().take(80).collect::<String>()))?;
    if let Some(targets) = &kept.targets {
        return assign(app, caller, kind, id, targets).await;
    }
    let any = Expected::Any;
    match kind {
        Kind::Compliance => {
            let body = kept.typed()?;
            let change = |_: &super::PolicyRow, _| {
                Ok(compliance::Draft {
                    display_name: kept.display_name.clone(),
                    description: kept.description.clone(),
                    body,
                    targets: None,
                })
            };
            compliance::update(app, caller, id, &any, change).await?;
        }
        Kind::AppProtection => {
            let body = kept.typed()?;
            let change = |_: &super::PolicyRow, _| {
                Ok(app_protection::Draft {
                    display_name: kept.display_name.clone(),
                    description: kept.description.clone(),
                    body,
                    targets: None,
                })
            };
            app_protection::update(app, caller, id, &any, change).await?;
        }
        Kind::ConditionalAccess => {
            let policy = kept.typed()?;
            conditional_access::update(app, caller, id, &any, |_| Ok(policy)).await?;
        }
        Kind::NamedLocation => {
            let location = kept.typed()?;
            locations::update(app, caller, id, &any, |_| Ok(location)).await?;
        }
    }
    Ok(())
}

/// What differs between two values, property by property.
pub fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&mut found, String::new(), Some(before), Some(after));
    found
}

fn compare(found: &mut Vec<Difference>, path: String, before: Option<&Value>, after: Option<&Value>) {
    if before == after {
        return;
    }
    let fields = |value: Option<&Value>| value.and_then(|value| fields(&path, value));
    match (fields(before), fields(after)) {
        (None, None) => {
            let (before, after) = (before.and_then(text), after.and_then(text));
            if before != after {
                found.push(Difference { path, before, after });
            }
        }
        (was, is) => {
            let (was, is) = (was.unwrap_or_default(), is.unwrap_or_default());
            let mut names: Vec<&String> = was.keys().chain(is.keys()).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let path = match path.is_empty() {
                    true => name.clone(),
                    false if name.starts_with('[') => format!("{path}{name}"),
                    false => format!("{path}.{name}"),
                };
                compare(found, path, was.get(name), is.get(name));
            }
        }
    }
}

/// The parts of an object, or of a list of objects by their place. Assignments are told as a whole.
fn fields(path: &str, value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(fields) => Some(fields.clone()),
        Value::Array(items) if path != TARGETS && items.iter().any(Value::is_object) => {
            let parts = items.iter().enumerate();
            Some(parts.map(|(n, item)| (format!("[{n}]"), item.clone())).collect())
        }
        _ => None,
    }
}

/// A value in a line; none for what says nothing.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
            let items: Vec<_> = items.iter().filter_map(text).collect();
            Some(items.join(", "))
        }
        value => Some(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_told_with_its_path() {
        let before = json!({"body": {"settings": {"a": 1, "b": [], "c": "x"}}, "displayName": "n"});
        let after = json!({"body": {"settings": {"a": 2, "b": null, "d": ["p", "q"]}}, "displayName": "n"});
        let found = differences(&before, &after);
        let lines: Vec<_> = found
            .iter()
            .map(|d| (d.path.as_str(), d.before.as_deref(), d.after.as_deref()))
            .collect();
        assert_eq!(
            lines,
            [
                ("body.settings.a", Some("1"), Some("2")),
                ("body.settings.c", Some("x"), None),
                ("body.settings.d", None, Some("p, q")),
            ]
        );
        assert!(differences(&after, &after).is_empty());
        let before = json!({"actions": [{"type": "block", "hours": 1}]});
        let after = json!({"actions": [{"type": "block", "hours": 2}, {"type": "wipe"}]});
        let paths: Vec<_> = differences(&before, &after).into_iter().map(|d| d.path).collect();
        assert_eq!(paths, ["actions[0].hours", "actions[1].type"]);
    }
}
