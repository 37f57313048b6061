//! Sentences for people, in no language yet: the name of a message, and what it is about. Whoever shows one says it in the
//! language of its reader. `languages/` has the messages, a file per language.

use std::{borrow::Cow, collections::BTreeMap, sync::LazyLock};

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use moat_model::{Risk, Severity, ThreatLevel, Timestamp};
use serde::{Deserialize, Serialize};

/// A language that has the messages.
pub trait Speak {
    fn say(&self, message: &Message) -> String;
}

/// What APIs, the command line and the log speak.
#[derive(Debug, Clone, Copy, Default)]
pub struct English;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    key: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    about: BTreeMap<Cow<'static, str>, Value>,
}

/// What a message is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Number(i64),
    Text(String),
    /// Words that have a language themselves.
    Message(Message),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Sentence {
    Message(Message),
    /// What somebody else said: the same in every language.
    Plain(String),
}

/// A message by its name.
#[must_use]
pub fn say(key: &'static str) -> Message {
    Message {
        key: Cow::Borrowed(key),
        about: BTreeMap::new(),
    }
}

impl Message {
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.about.insert(Cow::Borrowed(name), value.into());
        self
    }

    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What it is about, in a language.
    pub fn arguments(&self, speaker: &dyn Speak) -> FluentArgs<'static> {
        let said = |value: &Value| match value {
            Value::Number(number) => FluentValue::from(*number),
            Value::Text(text) => FluentValue::from(text.clone()),
            Value::Message(message) => FluentValue::from(speaker.say(message)),
        };
        let about = self.about.iter();
        about.map(|(name, value)| (name.to_string(), said(value))).collect()
    }
}

impl Sentence {
    #[must_use]
    pub fn in_language(&self, speaker: &dyn Speak) -> String {
        match self {
            Self::Message(message) => speaker.say(message),
            Self::Plain(text) => text.clone(),
        }
    }
}

impl Speak for English {
    fn say(&self, message: &Message) -> String {
        static BUNDLE: LazyLock<FluentBundle<FluentResource>> = LazyLock::new(|| {
            let text = include_str!("../languages/en.ftl").to_string();
            let resource = FluentResource::try_new(text).unwrap_or_else(|(resource, _)| resource);
            let mut bundle = FluentBundle::new_concurrent(vec!["en".parse().unwrap_or_default()]);
            bundle.set_use_isolating(false);
            bundle.add_resource_overriding(resource);
            bundle
        });
        let Some(pattern) = BUNDLE.get_message(&message.key).and_then(|message| message.value()) else {
            return message.key.to_string();
        };
        let mut errors = Vec::new();
        let said = BUNDLE.format_pattern(pattern, Some(&message.arguments(self)), &mut errors);
        said.into_owned()
    }
}

impl std::fmt::Display for Sentence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.in_language(&English))
    }
}

impl From<String> for Sentence {
    fn from(text: String) -> Self {
        Self::Plain(text)
    }
}

impl From<Message> for Sentence {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

impl From<Message> for Value {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_string())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Self::Text(at.to_string())
    }
}

impl From<ThreatLevel> for Value {
    fn from(level: ThreatLevel) -> Self {
        level_word(level.as_str())
    }
}

impl From<Severity> for Value {
    fn from(severity: Severity) -> Self {
        Self::from(Risk::from(severity))
    }
}

impl From<Risk> for Value {
    fn from(risk: Risk) -> Self {
        Self::Message(match risk {
            Risk::None => say("grade-none"),
            Risk::Informational => say("grade-informational"),
            Risk::Low => say("grade-low"),
            Risk::Medium => say("grade-medium"),
            Risk::High => say("grade-high"),
        })
    }
}

/// A level as the products spell it, such as `high`.
pub(crate) fn level_word(word: &str) -> Value {
    Value::Message(match word {
        "secured" => say("level-secured"),
        "none" => say("level-none"),
        "low" => say("level-low"),
        "medium" => say("level-medium"),
        "high" => say("level-high"),
        other => return other.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_said_with_what_it_is_about() {
        let message = say("because-alert")
            .with("alert", "{ $not } a \"variable\"")
            .with("severity", Severity::High);
        assert_eq!(
            English.say(&message),
            "The alert \"{ $not } a \"variable\"\" (High) is open."
        );
        let text = serde_json::to_string(&Sentence::from(message.clone())).unwrap();
        assert_eq!(serde_json::from_str::<Sentence>(&text).unwrap(), message.into());
        let days = |count: u32| English.say(&say("days").with("count", count));
        assert_eq!((days(1), days(2)), ("1 day".into(), "2 days".into()));
    }

    #[test]
    fn what_was_stored_as_a_text_stays_one() {
        let stored: Sentence = serde_json::from_str("\"The device is not compliant.\"").unwrap();
        assert_eq!(stored.in_language(&English), "The device is not compliant.");
    }

    #[test]
    fn every_message_that_is_said_is_there() {
        fn sources(folder: &std::path::Path, all: &mut String) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => sources(&path, all),
                    false => all.push_str(&std::fs::read_to_string(path).unwrap()),
                }
            }
        }
        let mut source = String::new();
        sources(
            &std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut source,
        );
        let said: Vec<&str> = source
            .split("say(\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
            .collect();
        assert!(said.len() > 100);
        for key in said {
            let message = Message {
                key: key.to_string().into(),
                about: BTreeMap::new(),
            };
            assert_ne!(English.say(&message), key, "there is no message {key}");
        }
    }
}
