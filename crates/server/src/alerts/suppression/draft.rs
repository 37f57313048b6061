//! A rule as somebody wants it, and what may be wrong with it.

use std::time::Duration;

use moat_indicators::InvalidUrl;
use moat_model::{AlertKind, Timestamp};

use super::{
    Condition, RuleRow, Scope,
    condition::{KINDS, Pattern},
};
use crate::error::{Error, Result};

pub const MAX_NAME: usize = 100;
pub const MAX_NOTE: usize = 1_000;
const MAX_CATEGORY: usize = 100;
/// For how long a jailbreak may be expected.
pub const JAILBREAK_DAYS: u64 = 30;
const JAILBREAK: Duration = Duration::from_secs(JAILBREAK_DAYS * 86_400);

#[derive(Debug, Clone)]
pub struct Draft {
    pub name: String,
    pub kind: Option<AlertKind>,
    pub category: String,
    pub value: String,
    pub subdomains: bool,
    pub scope: Scope,
    pub expires: Option<Timestamp>,
    pub note: String,
}

/// What is wrong with a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Name,
    Note,
    /// It would suppress everything.
    Everything,
    /// What people raise by hand.
    Kind,
    Category,
    Value(InvalidUrl),
    /// Subdomains of what has none.
    Subdomains,
    Passed,
    JailbreakScope,
    JailbreakEnd,
}

impl Fault {
    pub const fn field(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Note => "note",
            Self::Everything | Self::Kind => "kind",
            Self::Category => "category",
            Self::Value(_) => "value",
            Self::Subdomains => "subdomains",
            Self::Passed | Self::JailbreakEnd => "until",
            Self::JailbreakScope => "scope",
        }
    }

    fn rule(self) -> String {
        match self {
            Self::Name => format!(" must have 1 to {MAX_NAME} characters, none of them a control character"),
            Self::Note => format!(" must have 1 to {MAX_NOTE} characters: say why these alerts are expected"),
            Self::Everything => {
                ": name a kind, a category, a value or a device, user or group; this rule would suppress everything"
                    .into()
            }
            Self::Kind => ": what people raise by hand cannot be suppressed".into(),
            Self::Category => format!(" must have at most {MAX_CATEGORY} characters"),
            Self::Value(error) => format!(": {error}"),
            Self::Subdomains => ": only a domain has subdomains".into(),
            Self::Passed => ": this time has passed".into(),
            Self::JailbreakScope => ": jailbreak alerts can be suppressed for a single device only".into(),
            Self::JailbreakEnd => {
                format!(": a rule for jailbreak alerts must end within {JAILBREAK_DAYS} days")
            }
        }
    }
}

impl Draft {
    /// What it asks of an alert; the first fault as an error.
    pub fn checked(&self, now: Timestamp) -> Result<Condition> {
        self.check(now)
            .map_err(|faults| Error::invalid_field("InvalidInput", faults[0].field(), faults[0].rule()))
    }

    /// What it asks of an alert, or everything that is wrong with it.
    pub fn check(&self, now: Timestamp) -> Result<Condition, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut must = |holds: bool, fault: Fault| {
            if !holds {
                faults.push(fault);
            }
        };
        must(is_text(&self.name, 1, MAX_NAME), Fault::Name);
        must(is_text(&self.category, 0, MAX_CATEGORY), Fault::Category);
        must(self.kind.is_none_or(|kind| KINDS.contains(&kind)), Fault::Kind);
        let value = match self.value.trim() {
            "" => None,
            text => match Pattern::parse(text, self.subdomains) {
                Ok(value) => Some(value),
                Err(error) => {
                    must(false, Fault::Value(error));
                    None
                }
            },
        };
        let has_host = value.as_ref().is_none_or(Pattern::has_subdomains);
        must(!self.subdomains || has_host, Fault::Subdomains);
        must(self.expires.is_none_or(|end| end > now), Fault::Passed);
        if self.kind == Some(AlertKind::Jailbreak) {
            must(matches!(self.scope, Scope::Device(_)), Fault::JailbreakScope);
            let latest = now.saturating_add(JAILBREAK);
            must(self.expires.is_some_and(|end| end <= latest), Fault::JailbreakEnd);
        }
        must(is_text(&self.note, 1, MAX_NOTE), Fault::Note);
        let condition = Condition {
            kind: self.kind,
            category: self.category.trim().to_string(),
            value,
        };
        let names_something = !condition.is_empty() || !self.value.trim().is_empty() || self.scope != Scope::Everyone;
        must(names_something, Fault::Everything);
        match faults.is_empty() {
            true => Ok(condition),
            false => Err(faults),
        }
    }

    /// Writes it into a row.
    pub fn fill(&self, rule: &mut RuleRow, condition: &Condition) {
        rule.name = self.name.trim().to_string();
        rule.kind = condition.kind.map_or_else(String::new, |kind| kind.to_string());
        rule.category.clone_from(&condition.category);
        rule.value = condition.value.as_ref().map_or_else(String::new, Pattern::text);
        rule.subdomains = i64::from(condition.value.as_ref().is_some_and(Pattern::has_subdomains));
        rule.scope = self.scope.word().to_string();
        rule.scope_id = self.scope.id();
        rule.note = self.note.trim().to_string();
        rule.expires_at = self.expires.map(Timestamp::as_micros);
    }
}

fn is_text(text: &str, least: usize, most: usize) -> bool {
    let text = text.trim();
    let broken = |c: char| c.is_control() && !matches!(c, '\n' | '\r');
    (least..=most).contains(&text.chars().count()) && !text.chars().any(broken)
}

#[cfg(test)]
mod tests {
    use moat_model::DeviceId;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn draft() -> Draft {
        Draft {
            name: "Scanner".into(),
            kind: Some(AlertKind::WebThreat),
            category: String::new(),
            value: String::new(),
            subdomains: false,
            scope: Scope::Everyone,
            expires: None,
            note: "Red team".into(),
        }
    }

    fn faults(change: impl FnOnce(&mut Draft)) -> Vec<Fault> {
        let mut draft = draft();
        change(&mut draft);
        draft.check(NOW).err().unwrap_or_default()
    }

    #[test]
    fn each_fault_is_found_and_all_of_them() {
        assert_eq!(faults(|_| ()), []);
        assert_eq!(faults(|d| d.name = " ".into()), [Fault::Name]);
        assert_eq!(faults(|d| d.name = "a\u{7}".into()), [Fault::Name]);
        assert_eq!(faults(|d| d.name = "a".repeat(101)), [Fault::Name]);
        assert_eq!(faults(|d| d.note = String::new()), [Fault::Note]);
        assert_eq!(faults(|d| d.kind = None), [Fault::Everything]);
        assert_eq!(faults(|d| d.kind = Some(AlertKind::Manual)), [Fault::Kind]);
        let wildcard = faults(|d| d.value = "*.example.com".into());
        assert_eq!(wildcard, [Fault::Value(InvalidUrl::Wildcard)]);
        let subdomains = faults(|d| {
            d.value = "192.0.2.7".into();
            d.subdomains = true;
        });
        assert_eq!(subdomains, [Fault::Subdomains]);
        assert_eq!(faults(|d| d.expires = Some(NOW)), [Fault::Passed]);
        let both = faults(|d| {
            d.kind = None;
            d.name = String::new();
        });
        assert_eq!(both, [Fault::Name, Fault::Everything]);
    }

    #[test]
    fn a_jailbreak_is_expected_on_one_device_and_not_for_long() {
        let device = Scope::Device(DeviceId(uuid::Uuid::nil()));
        let jailbreak = |scope: Scope, days: Option<u64>| {
            faults(|d| {
                d.kind = Some(AlertKind::Jailbreak);
                d.scope = scope;
                d.expires = days.map(|days| NOW.saturating_add(Duration::from_secs(days * 86_400)));
            })
        };
        assert_eq!(jailbreak(device, Some(30)), []);
        assert_eq!(jailbreak(device, Some(31)), [Fault::JailbreakEnd]);
        assert_eq!(jailbreak(device, None), [Fault::JailbreakEnd]);
        assert_eq!(jailbreak(Scope::Everyone, Some(30)), [Fault::JailbreakScope]);
        let both = jailbreak(Scope::Everyone, None);
        assert_eq!(both, [Fault::JailbreakScope, Fault::JailbreakEnd]);
    }
}
