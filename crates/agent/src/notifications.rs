//! Local notifications: what was blocked, why, and what the user can do; messages of the organisation.

use std::collections::VecDeque;

use moat_engine::Event;
use moat_model::{Action, IndicatorId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::state::Message;

const KEPT: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    pub time: Timestamp,
    pub text: String,
    /// None: a message of the organisation.
    #[serde(flatten)]
    pub hit: Option<Hit>,
}

/// What was blocked or warned about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hit {
    /// Name, URL or address, for `moat-agent bypass` and `moat-agent report`.
    pub site: String,
    pub action: Action,
    pub indicator: IndicatorId,
    /// What the indicator names: a page of `evil.example` is blocked because of `evil.example`.
    #[serde(default)]
    pub named: String,
    /// Why, in the organisation's words.
    #[serde(default)]
    pub title: String,
    pub bypass_hours: Option<u32>,
}

/// The newest notifications.
#[derive(Debug, Default)]
pub struct Notifications(VecDeque<Notification>);

impl Notifications {
    /// Those that outlast a restart.
    pub fn new(messages: &[Message]) -> Self {
        let mut notifications = Self::default();
        for message in messages {
            notifications.push(message.clone().into());
        }
        notifications
    }

    /// Tells the user what the organisation wants to say.
    pub fn add_message(&mut self, message: Message) {
        let notification = Notification::from(message);
        tracing::info!(target: "notification", "{}", notification.text);
        self.push(notification);
    }

    /// Tells the user of a hit that they notice: a block or a warning.
    pub fn add(&mut self, event: &Event, time: Timestamp) {
        let Event::Hit { matched, site } = event else { return };
        let text = match matched.action {
            Action::Block => format!("Blocked {}: {}", site.value, matched.title),
            Action::Warn => format!(
                "Warning for {}: {}. To go on: moat-agent bypass '{}'",
                site.value, matched.title, site.value
            ),
            _ => return,
        };
        tracing::info!(target: "notification", "{text}");
        let hit = Hit {
            site: site.value.clone(),
            action: matched.action,
            indicator: matched.id,
            named: matched.value.clone(),
            title: matched.title.clone(),
            bypass_hours: matched.bypass_hours,
        };
        self.push(Notification {
            time,
            text,
            hit: Some(hit),
        });
    }

    fn push(&mut self, notification: Notification) {
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(notification);
    }

    /// What the organisation said, newest last.
    pub fn messages(&self) -> Vec<String> {
        let messages = self.0.iter().filter(|notification| notification.hit.is_none());
        messages.map(|message| message.text.clone()).collect()
    }

    pub fn list(&self) -> Vec<Notification> {
        self.0.iter().cloned().collect()
    }

    /// The newest warning for a site, which a bypass can lift.
    pub fn warning_for(&self, site: &str) -> Option<&Hit> {
        let host = host_of(site);
        self.0
            .iter()
            .rev()
            .filter_map(|notification| notification.hit.as_ref())
            .find(|n| n.action == Action::Warn && (n.site == site || host_of(&n.site) == host))
    }
}

impl From<Message> for Notification {
    fn from(message: Message) -> Self {
        Self {
            time: message.time,
            text: format!("{}: {}", message.title, message.body),
            hit: None,
        }
    }
}

/// In canonical form, as users and sites write names in many ways.
pub fn host_of(site: &str) -> String {
    if let Ok(url) = moat_indicators::UrlPattern::parse(site) {
        return url.host().to_string();
    }
    let rest = site.split_once("://").map_or(site, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_found_however_its_host_is_written() {
        let warning = Notification {
            time: Timestamp::from_micros(1),
            text: String::new(),
            hit: Some(Hit {
                site: "http://odd.example/a".into(),
                action: Action::Warn,
                indicator: IndicatorId(1),
                named: "odd.example".into(),
                title: String::new(),
                bypass_hours: None,
            }),
        };
        let notifications = Notifications(VecDeque::from([warning]));
        for site in [
            "odd.example",
            "ODD.example",
            "odd.example.",
            "http://Odd.Example:80/other",
        ] {
            assert!(notifications.warning_for(site).is_some(), "{site}");
        }
        assert!(notifications.warning_for("even.example").is_none());
    }
}
