//! What the engine tells: to the user as notifications, to the server as events.

use std::sync::Arc;

use moat_engine::Event;
use moat_model::sync::{DeviceEvent, Site};
use tokio::sync::mpsc;

use super::{Agent, lock};
use crate::state::Bypass;

/// Longest text in an event, in bytes.
pub(crate) const MAX_TEXT: usize = 2048;

/// Handles engine events until the tunnel is gone.
pub(super) async fn run(agent: Arc<Agent>, mut events: mpsc::Receiver<Event>) {
    while let Some(event) = events.recv().await {
        handle(&agent, event);
    }
}

fn handle(agent: &Agent, event: Event) {
    lock(&agent.notifications).add(&event, agent.clock.now());
    match event {
        Event::Hit { matched, site } if matched.generate_alert => {
            let site = visible(agent, site);
            agent.record(DeviceEvent::WebThreat {
                indicator: matched.id,
                action: matched.action,
                site,
                count: 1,
            });
        }
        Event::Hit { .. } => {}
        Event::BypassGranted { matched, site, until } => {
            agent.change_state(|state| {
                state.bypasses.push(Bypass {
                    indicator: matched.id,
                    until,
                })
            });
            let site = visible(agent, site);
            agent.record(DeviceEvent::WarningBypassed {
                indicator: matched.id,
                site,
                until,
            });
        }
        Event::Reported { url, report } => {
            agent.record(DeviceEvent::SiteReported {
                url,
                comment: String::new(),
                report,
            });
        }
    }
}

/// Cuts what somebody else decides the length of: a site can make a URL as long as it likes.
pub(super) fn bounded(mut event: DeviceEvent) -> DeviceEvent {
    match &mut event {
        DeviceEvent::WebThreat { site, .. } | DeviceEvent::WarningBypassed { site, .. } => {
            if let Some(site) = site {
                cut(&mut site.value);
                cut(&mut site.seen_in);
            }
        }
        DeviceEvent::SiteReported { url, comment, .. } => {
            cut(url);
            cut(comment);
        }
        DeviceEvent::BundleRefused { reason } => cut(reason),
        DeviceEvent::OrderDone { detail, .. } => cut(detail),
        DeviceEvent::Jailbreak { assessment, .. } | DeviceEvent::JailbreakCleared { assessment } => {
            assessment
                .findings
                .iter_mut()
                .for_each(|finding| cut(&mut finding.detail));
        }
        DeviceEvent::WebProtectionChanged { .. } => {}
    }
    event
}

fn cut(text: &mut String) {
    text.truncate(text.floor_char_boundary(MAX_TEXT));
}

/// Names leave the device only where policy lets them.
pub(crate) fn visible(agent: &Agent, site: Site) -> Option<Site> {
    (!agent.settings().exclude_url_in_report).then_some(site)
}

#[cfg(test)]
mod tests {
    use super::*;
    use moat_model::sync::ReportKind;

    #[test]
    fn texts_are_cut_between_characters() {
        let event = DeviceEvent::SiteReported {
            url: format!("x{}", "é".repeat(5000)),
            comment: "short".into(),
            report: ReportKind::Unsafe,
        };
        let DeviceEvent::SiteReported { url, comment, .. } = bounded(event) else {
            panic!("another event came back")
        };
        assert_eq!((url.len(), comment.as_str()), (MAX_TEXT - 1, "short"));
    }
}
