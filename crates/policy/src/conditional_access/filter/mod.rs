//! The rule language of device filters: `device.deviceOwnership -eq "Company" -and device.model -startsWith "iPhone"`.
//!
//! ```text
//! rule       = and *( "-or" and )
//! and        = not *( "-and" not )
//! not        = "-not" not / "(" rule ")" / comparison
//! comparison = "device." property operator value
//! value      = text / "True" / "False" / "[" text *( "," text ) "]"
//! text       = <"> characters, with `" and `` for the two that mean something <">
//! ```
//!
//! Operators may come without their hyphen, as in the rules of dynamic groups. Words are read in any case, texts are compared without regard to the case of ASCII letters. What is not known of a
//! device, and every attribute of a sign-in without one, is equal to nothing: `-eq`, `-in`, `-startsWith`,
//! `-endsWith` and `-contains` do not hold, their negations do. So a filter that shall cover unknown devices
//! needs a negation.

mod parse;

use std::fmt;

pub use parse::InvalidFilter;

use super::Device;

/// A parsed rule. What `Display` writes reads as the same rule, unless it is longer than a rule may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// All hold. Two or more.
    And(Vec<Rule>),
    /// One holds. Two or more.
    Or(Vec<Rule>),
    Not(Box<Rule>),
    Text(TextProperty, TextTest),
    /// Equal to the text, or not equal to it.
    Flag(FlagProperty, Sign, bool),
    /// Contains the text as an element, or does not.
    List(ListProperty, Sign, String),
}

/// Whether a test or its negation must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    Is,
    IsNot,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextTest {
    Equals(Sign, String),
    In(Sign, Vec<String>),
    StartsWith(Sign, String),
    EndsWith(Sign, String),
    Contains(Sign, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextProperty {
    DeviceId,
    DisplayName,
    OperatingSystem,
    OperatingSystemVersion,
    Manufacturer,
    Model,
    DeviceOwnership,
    TrustType,
    ProfileType,
    MdmAppId,
    EnrollmentProfileName,
    /// 1 to 15.
    ExtensionAttribute(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagProperty {
    IsCompliant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListProperty {
    PhysicalIds,
    SystemLabels,
}

impl Rule {
    /// Whether the device, or a sign-in of which no device is known, is one that the rule describes.
    #[must_use]
    pub fn matches(&self, device: Option<&Device>) -> bool {
        match self {
            Self::And(rules) => rules.iter().all(|rule| rule.matches(device)),
            Self::Or(rules) => rules.iter().any(|rule| rule.matches(device)),
            Self::Not(rule) => !rule.matches(device),
            Self::Text(property, test) => test.holds(device.and_then(|device| property.of(device))),
            Self::Flag(FlagProperty::IsCompliant, sign, value) => {
                sign.judge(device.is_some_and(|device| device.is_compliant() == *value))
            }
            Self::List(property, sign, text) => sign.judge(device.is_some_and(|device| {
                property
                    .of(device)
                    .iter()
                    .any(|element| element.eq_ignore_ascii_case(text))
            })),
        }
    }
}

impl Sign {
    fn judge(self, holds: bool) -> bool {
        holds == (self == Self::Is)
    }
}

impl TextTest {
    fn holds(&self, value: Option<&str>) -> bool {
        let any = |test: &dyn Fn(&str) -> bool| value.is_some_and(test);
        match self {
            Self::Equals(sign, text) => sign.judge(any(&|value| value.eq_ignore_ascii_case(text))),
            Self::In(sign, texts) => {
                sign.judge(any(&|value| texts.iter().any(|text| value.eq_ignore_ascii_case(text))))
            }
            Self::StartsWith(sign, text) => sign.judge(any(&|value| starts_with(value.as_bytes(), text.as_bytes()))),
            Self::EndsWith(sign, text) => sign.judge(any(&|value| ends_with(value.as_bytes(), text.as_bytes()))),
            Self::Contains(sign, text) => sign.judge(any(&|value| contains(value.as_bytes(), text.as_bytes()))),
        }
    }
}

fn starts_with(value: &[u8], text: &[u8]) -> bool {
    value
        .get(..text.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(text))
}

fn ends_with(value: &[u8], text: &[u8]) -> bool {
    let start = value.len().checked_sub(text.len());
    start
        .and_then(|start| value.get(start..))
        .is_some_and(|end| end.eq_ignore_ascii_case(text))
}

fn contains(value: &[u8], text: &[u8]) -> bool {
    text.is_empty() || value.windows(text.len()).any(|part| part.eq_ignore_ascii_case(text))
}

impl TextProperty {
    fn of(self, device: &Device) -> Option<&str> {
        let attributes = &device.attributes;
        match self {
            Self::DeviceId => attributes.device_id.as_deref(),
            Self::DisplayName => attributes.display_name.as_deref(),
            Self::OperatingSystem => attributes.operating_system.as_deref(),
            Self::OperatingSystemVersion => attributes.operating_system_version.as_deref(),
            Self::Manufacturer => attributes.manufacturer.as_deref(),
            Self::Model => attributes.model.as_deref(),
            Self::DeviceOwnership => attributes.ownership.as_deref(),
            Self::TrustType => attributes.trust_type.as_deref(),
            Self::ProfileType => attributes.profile_type.as_deref(),
            Self::MdmAppId => attributes.mdm_app_id.as_deref(),
            Self::EnrollmentProfileName => attributes.enrollment_profile_name.as_deref(),
            Self::ExtensionAttribute(number) => attributes.extension_attribute(number),
        }
    }
}

impl ListProperty {
    fn of(self, device: &Device) -> &[String] {
        match self {
            Self::PhysicalIds => &device.attributes.physical_ids,
            Self::SystemLabels => &device.attributes.system_labels,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(rules) => joined(f, rules, " -and ", |rule| matches!(rule, Self::And(_) | Self::Or(_))),
            Self::Or(rules) => joined(f, rules, " -or ", |rule| matches!(rule, Self::Or(_))),
            Self::Not(rule) if matches!(**rule, Self::And(_) | Self::Or(_)) => write!(f, "-not ({rule})"),
            Self::Not(rule) => write!(f, "-not {rule}"),
            Self::Text(property, test) => write!(f, "device.{property} {test}"),
            Self::Flag(FlagProperty::IsCompliant, sign, value) => {
                let value = if *value { "True" } else { "False" };
                write!(f, "device.isCompliant {} {value}", sign.word("-eq", "-ne"))
            }
            Self::List(property, sign, text) => {
                let name = match property {
                    ListProperty::PhysicalIds => "physicalIds",
                    ListProperty::SystemLabels => "systemLabels",
                };
                write!(
                    f,
                    "device.{name} {} {}",
                    sign.word("-contains", "-notContains"),
                    Quoted(text)
                )
            }
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, rules: &[Rule], word: &str, nested: fn(&Rule) -> bool) -> fmt::Result {
    for (position, rule) in rules.iter().enumerate() {
        if position > 0 {
            f.write_str(word)?;
        }
        if nested(rule) {
            write!(f, "({rule})")?;
        } else {
            write!(f, "{rule}")?;
        }
    }
    Ok(())
}

impl Sign {
    fn word(self, is: &'static str, is_not: &'static str) -> &'static str {
        match self {
            Self::Is => is,
            Self::IsNot => is_not,
        }
    }
}

impl fmt::Display for TextTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals(sign, text) => write!(f, "{} {}", sign.word("-eq", "-ne"), Quoted(text)),
            Self::StartsWith(sign, text) => {
                write!(f, "{} {}", sign.word("-startsWith", "-notStartsWith"), Quoted(text))
            }
            Self::EndsWith(sign, text) => write!(f, "{} {}", sign.word("-endsWith", "-notEndsWith"), Quoted(text)),
            Self::Contains(sign, text) => write!(f, "{} {}", sign.word("-contains", "-notContains"), Quoted(text)),
            Self::In(sign, texts) => {
                write!(f, "{} [", sign.word("-in", "-notIn"))?;
                for (position, text) in texts.iter().enumerate() {
                    let comma = if position > 0 { ", " } else { "" };
                    write!(f, "{comma}{}", Quoted(text))?;
                }
                f.write_str("]")
            }
        }
    }
}

impl fmt::Display for TextProperty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExtensionAttribute(number) => write!(f, "extensionAttribute{number}"),
            named => {
                let name = parse::TEXT_PROPERTIES.iter().find(|(_, property)| property == named);
                f.write_str(name.map_or("", |(name, _)| name))
            }
        }
    }
}

/// A text as the language quotes it.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            if matches!(c, '"' | '`') {
                f.write_str("`")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests;
