//! Local notifications: what was blocked, why, and what the user can do.

use std::collections::VecDeque;

use moat_engine::Event;
use moat_model::{Action, IndicatorId, Timestamp};
use serde::{Deserialize, Serialize};

const KEPT: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    pub time: Timestamp,
    pub text: String,
    /// Name, URL or address, for `moat-agent bypass` and `moat-agent report`.
    pub site: String,
    pub action: Action,
    pub indicator: IndicatorId,
    pub bypass_hours: Option<u32>,
}

/// The newest notifications.
#[derive(Debug, Default)]
pub struct Notifications(VecDeque<Notification>);

impl Notifications {
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
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Notification {
            time,
            text,
            site: site.value.clone(),
            action: matched.action,
            indicator: matched.id,
            bypass_hours: matched.bypass_hours,
        });
    }

    pub fn list(&self) -> Vec<Notification> {
        self.0.iter().cloned().collect()
    }

    /// The newest warning for a site, which a bypass can lift.
    pub fn warning_for(&self, site: &str) -> Option<&Notification> {
        let host = host_of(site);
        self.0
            .iter()
            .rev()
            .find(|n| n.action == Action::Warn && (n.site == site || host_of(&n.site) == host))
    }
}

/// In canonical form, as users and sites write names in many ways.
fn host_of(site: &str) -> String {
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
            site: "http://odd.example/a".into(),
            action: Action::Warn,
            indicator: IndicatorId(1),
            bypass_hours: None,
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
