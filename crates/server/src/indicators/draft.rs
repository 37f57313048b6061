use moat_indicators::{Domain, Prefix, UrlPattern};
use moat_model::{Action, IndicatorId, IndicatorType, Severity, Timestamp};

use super::{Indicator, Key, Source};
use crate::{
    devices::group,
    error::{Error, Result},
};

const VALUE: &str = "indicatorValue";
const MAX_VALUE: usize = 2048;
const MAX_SHORT: usize = 500;
const MAX_TEXT: usize = 8000;
const MAX_ITEMS: usize = 200;

/// An indicator as it came, from any face: text, not yet checked.
#[derive(Debug, Clone, Default)]
pub struct Submission {
    /// The indicator that is to be changed, when the caller knows it.
    pub id: Option<String>,
    pub value: Option<String>,
    pub kind: Option<String>,
    pub action: Option<String>,
    pub application: Option<String>,
    pub title: Option<String>,
    pub description: Option<String>,
    pub recommended_actions: Option<String>,
    pub severity: Option<String>,
    pub category: Option<String>,
    pub mitre_techniques: Vec<String>,
    pub expires: Option<String>,
    pub generate_alert: Option<String>,
    pub educate_url: Option<String>,
    pub bypass_hours: Option<String>,
    pub external_id: Option<String>,
    pub device_groups: Vec<String>,
}

/// A checked submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub id: Option<IndicatorId>,
    pub kind: IndicatorType,
    pub value: String,
    pub canonical: String,
    pub action: Action,
    application: Option<String>,
    title: String,
    description: String,
    recommended_actions: Option<String>,
    severity: Severity,
    category: Option<String>,
    mitre_techniques: Vec<String>,
    expires: Option<Timestamp>,
    generate_alert: bool,
    educate_url: Option<String>,
    bypass_hours: Option<u32>,
    external_id: Option<String>,
    device_groups: Vec<String>,
}

impl Draft {
    /// Checks every field; the first that is wrong is named, with the rule that it breaks.
    pub fn check(from: Submission, allow_internal: bool, now: Timestamp) -> Result<Self> {
        let value = required(from.value, VALUE, MAX_VALUE)?;
        let kind: IndicatorType = word(&required(from.kind, "indicatorType", MAX_SHORT)?, "indicatorType")?;
        let action = action(&required(from.action, "action", MAX_SHORT)?)?;
        let title = required(from.title, "title", MAX_SHORT)?;
        let description = required(from.description, "description", MAX_TEXT)?;
        let canonical = canonical(kind, &value, allow_internal)?;
        if action == Action::BlockAndRemediate && kind.is_enforced() {
            return Err(invalid(
                "action",
                format!("BlockAndRemediate is for files and certificates, not for {kind}: use Block"),
            ));
        }
        let generate_alert = match optional(from.generate_alert, "generateAlert", MAX_SHORT)? {
            Some(text) => flag(&text)?,
            None => action != Action::Allowed,
        };
        let severity = optional(from.severity, "severity", MAX_SHORT)?;
        Ok(Self {
            id: optional(from.id, "id", MAX_SHORT)?
                .map(|id| known_id(&id))
                .transpose()?,
            kind,
            value,
            canonical,
            action,
            application: optional(from.application, "application", MAX_SHORT)?,
            title,
            description,
            recommended_actions: optional(from.recommended_actions, "recommendedActions", MAX_TEXT)?,
            severity: severity.map_or(Ok(Severity::Informational), |s| word(&s, "severity"))?,
            category: optional(from.category, "category", MAX_SHORT)?,
            mitre_techniques: list(from.mitre_techniques, "mitreTechniques")?,
            expires: expiry(optional(from.expires, "expirationTime", MAX_SHORT)?, now)?,
            generate_alert,
            educate_url: educate_url(optional(from.educate_url, "educateUrl", MAX_VALUE)?)?,
            bypass_hours: bypass_hours(optional(from.bypass_hours, "bypassDurationHours", MAX_SHORT)?)?,
            external_id: optional(from.external_id, "externalId", MAX_SHORT)?,
            device_groups: device_groups(from.device_groups)?,
        })
    }

    pub(super) fn key(&self) -> Key {
        (self.kind, self.canonical.clone(), self.action)
    }

    pub(super) fn into_indicator(
        self,
        id: IndicatorId,
        source: Source,
        at: Timestamp,
        by: String,
        name: String,
    ) -> Indicator {
        Indicator {
            id,
            value: self.value,
            canonical: self.canonical,
            kind: self.kind,
            action: self.action,
            application: self.application,
            title: self.title,
            description: self.description,
            recommended_actions: self.recommended_actions,
            severity: self.severity,
            category: self.category,
            mitre_techniques: self.mitre_techniques,
            expires: self.expires,
            generate_alert: self.generate_alert,
            educate_url: self.educate_url,
            bypass_hours: self.bypass_hours,
            external_id: self.external_id,
            device_groups: self.device_groups,
            source,
            created_at: at,
            created_by: by,
            created_by_name: name.clone(),
            updated_at: at,
            updated_by: name,
        }
    }
}

fn invalid(field: &'static str, problem: impl std::fmt::Display) -> Error {
    wrong(field, "InvalidInput", problem)
}

fn wrong(field: &'static str, code: &'static str, problem: impl std::fmt::Display) -> Error {
    Error::invalid_field(code, field, format!(": {problem}"))
}

fn required(text: Option<String>, field: &'static str, longest: usize) -> Result<String> {
    match text {
        None => Err(Error::invalid_field("MissingRequiredParameter", field, " is missing")),
        Some(text) => match optional(Some(text), field, longest)? {
            Some(text) => Ok(text),
            None if field == VALUE => Err(Error::invalid("InvalidInput", "Received an empty indicator value.")),
            None => Err(Error::invalid_field("MissingRequiredParameter", field, " is empty")),
        },
    }
}

/// Trimmed text; nothing when only blanks are left.
fn optional(text: Option<String>, field: &'static str, longest: usize) -> Result<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    let text = text.trim();
    if text.len() > longest {
        return Err(invalid(field, format!("longer than {longest} bytes")));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(invalid(field, "control characters are not allowed"));
    }
    Ok((!text.is_empty()).then(|| text.to_string()))
}

fn known_id(text: &str) -> Result<IndicatorId> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .map(IndicatorId)
        .ok_or_else(|| invalid("id", "not the id of an indicator: leave it out to make a new one"))
}

fn word<T: std::str::FromStr<Err = moat_model::UnknownWord>>(text: &str, field: &'static str) -> Result<T> {
    text.parse().map_err(|error| invalid(field, error))
}

/// The portal says "Allow" where the API says "Allowed".
fn action(text: &str) -> Result<Action> {
    match text.eq_ignore_ascii_case("Allow") {
        true => Ok(Action::Allowed),
        false => word(text, "action"),
    }
}

fn canonical(kind: IndicatorType, value: &str, allow_internal: bool) -> Result<String> {
    match kind {
        IndicatorType::DomainName => match Domain::parse(value) {
            Ok(domain) => Ok(domain.to_string()),
            Err(error) => Err(wrong(VALUE, error.code(), error)),
        },
        IndicatorType::Url => match UrlPattern::parse(value) {
            Ok(url) => Ok(url.to_string()),
            Err(error) => Err(wrong(VALUE, error.code(), error)),
        },
        IndicatorType::IpAddress => {
            let prefix = Prefix::parse(value).map_err(|error| wrong(VALUE, error.code(), error))?;
            if prefix.is_internal() && !allow_internal {
                let rule =
                    "this is an internal address, and allow_internal_addresses is false in this server's configuration";
                return Err(wrong(VALUE, "InvalidIpAddress", rule));
            }
            Ok(prefix.to_string())
        }
        IndicatorType::FileMd5 => hash(value, &[32]),
        IndicatorType::FileSha1 => hash(value, &[40]),
        IndicatorType::FileSha256 => hash(value, &[64]),
        // SHA-1 as Defender takes it, SHA-256 as everyone else writes it; often copied with blanks or colons.
        IndicatorType::CertificateThumbprint => {
            let plain: String = value.chars().filter(|c| !matches!(c, ':' | ' ')).collect();
            hash(&plain, &[40, 64])
        }
    }
}

fn hash(value: &str, lengths: &[usize]) -> Result<String> {
    if lengths.contains(&value.len()) && value.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(value.to_ascii_lowercase());
    }
    let lengths: Vec<_> = lengths.iter().map(usize::to_string).collect();
    let rule = format!("must be {} hexadecimal digits", lengths.join(" or "));
    Err(wrong(VALUE, "InvalidHashValue", rule))
}

fn flag(text: &str) -> Result<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(invalid("generateAlert", "must be true or false")),
    }
}

fn expiry(text: Option<String>, now: Timestamp) -> Result<Option<Timestamp>> {
    let Some(text) = text else { return Ok(None) };
    let time: Timestamp = text.parse().map_err(|error| invalid("expirationTime", error))?;
    match time > now {
        true => Ok(Some(time)),
        false => Err(invalid("expirationTime", format!("{time} has passed"))),
    }
}

fn educate_url(text: Option<String>) -> Result<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    let http = text.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some_and(|h| !h.is_empty())
    });
    match http {
        true => Ok(Some(text)),
        false => Err(wrong("educateUrl", "InvalidUrl", "must be an http or https URL")),
    }
}

fn bypass_hours(text: Option<String>) -> Result<Option<u32>> {
    let Some(text) = text else { return Ok(None) };
    match text.parse() {
        Ok(hours @ 1..=720) => Ok(Some(hours)),
        _ => Err(invalid("bypassDurationHours", "must be a whole number from 1 to 720")),
    }
}

/// The items of a list that is written as one text.
pub fn at_commas(text: &str) -> Vec<String> {
    text.split(',').map(String::from).collect()
}

fn list(items: Vec<String>, field: &'static str) -> Result<Vec<String>> {
    let mut distinct: Vec<String> = Vec::new();
    for item in items.iter().map(|item| item.trim()).filter(|item| !item.is_empty()) {
        if item.len() > MAX_SHORT || item.chars().any(char::is_control) {
            return Err(invalid(
                field,
                format!("an item is longer than {MAX_SHORT} bytes or holds control characters"),
            ));
        }
        if !distinct.iter().any(|d| d == item) {
            distinct.push(item.to_string());
        }
    }
    match distinct.len() > MAX_ITEMS {
        true => Err(invalid(field, format!("has more than {MAX_ITEMS} items"))),
        false => Ok(distinct),
    }
}

fn device_groups(groups: Vec<String>) -> Result<Vec<String>> {
    let name = |name: String| group::name(&name).map_err(|error| invalid("rbacGroupNames", error));
    list(groups.into_iter().map(name).collect::<Result<_>>()?, "rbacGroupNames")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission() -> Submission {
        Submission {
            value: Some(" Evil.Example. ".into()),
            kind: Some("DomainName".into()),
            action: Some("Block".into()),
            title: Some("t".into()),
            description: Some("d".into()),
            ..Submission::default()
        }
    }

    fn check(change: impl Fn(&mut Submission)) -> Result<Draft, String> {
        let mut submission = submission();
        change(&mut submission);
        let now = Timestamp::from_micros(1_764_000_000_000_000);
        Draft::check(submission, false, now).map_err(|e| format!("{} {e}", e.code()))
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let draft = check(|_| ()).unwrap();
        assert_eq!(
            (draft.value.as_str(), draft.canonical.as_str()),
            ("Evil.Example.", "evil.example")
        );
        assert_eq!(
            (draft.severity, draft.generate_alert, draft.expires),
            (Severity::Informational, true, None)
        );
        assert!(!check(|s| s.action = Some("allow".into())).unwrap().generate_alert);
    }

    #[test]
    fn items_of_lists_are_distinct_and_a_comma_may_stand_in_a_group() {
        let draft = check(|s| s.device_groups = vec!["a, b".into(), " b".into(), "b ".into(), "".into()]).unwrap();
        assert_eq!(draft.device_groups, ["a, b", "b"]);
    }

    #[test]
    fn each_wrong_field_is_named_with_defenders_code() {
        type Change = fn(&mut Submission);
        let cases: [(Change, &str); 19] = [
            (|s| s.value = None, "MissingRequiredParameter indicatorValue is missing"),
            (
                |s| s.value = Some("  ".into()),
                "InvalidInput Received an empty indicator value.",
            ),
            (|s| s.title = Some("".into()), "MissingRequiredParameter title is empty"),
            (
                |s| s.description = None,
                "MissingRequiredParameter description is missing",
            ),
            (|s| s.kind = Some("Domain".into()), "InvalidInput indicatorType: "),
            (|s| s.action = Some("Deny".into()), "InvalidInput action: "),
            (
                |s| s.action = Some("BlockAndRemediate".into()),
                "InvalidInput action: BlockAndRemediate is for files",
            ),
            (
                |s| s.value = Some("https://evil.example/x".into()),
                "InvalidDomainName indicatorValue: ",
            ),
            (
                |s| (s.kind, s.value) = (Some("Url".into()), Some("ftp://x/".into())),
                "InvalidUrl indicatorValue: ",
            ),
            (
                |s| (s.kind, s.value) = (Some("IpAddress".into()), Some("1.2.3".into())),
                "InvalidIpAddress indicatorValue: ",
            ),
            (
                |s| (s.kind, s.value) = (Some("IpAddress".into()), Some("10.0.0.1".into())),
                "InvalidIpAddress indicatorValue: this is an internal address",
            ),
            (
                |s| (s.kind, s.value) = (Some("FileSha1".into()), Some("abc".into())),
                "InvalidHashValue indicatorValue: must be 40 hexadecimal digits",
            ),
            (|s| s.severity = Some("Huge".into()), "InvalidInput severity: "),
            (|s| s.expires = Some("soon".into()), "InvalidInput expirationTime: "),
            (
                |s| s.expires = Some("2020-01-01T00:00:00.0Z".into()),
                "InvalidInput expirationTime: 2020-01-01T00:00:00.0000000Z has passed",
            ),
            (
                |s| s.educate_url = Some("javascript:x".into()),
                "InvalidUrl educateUrl: ",
            ),
            (
                |s| s.bypass_hours = Some("0".into()),
                "InvalidInput bypassDurationHours: ",
            ),
            (
                |s| s.generate_alert = Some("maybe".into()),
                "InvalidInput generateAlert: ",
            ),
            (
                |s| s.title = Some("x".repeat(501)),
                "InvalidInput title: longer than 500 bytes",
            ),
        ];
        for (change, problem) in cases {
            let found = check(change).unwrap_err();
            assert!(found.starts_with(problem), "{found} / {problem}");
        }
    }
}
