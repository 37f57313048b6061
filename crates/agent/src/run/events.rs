//! What the engine tells: to the user as notifications, to the server as events.

use std::sync::Arc;

use moat_engine::Event;
use moat_model::sync::{DeviceEvent, Site};
use tokio::sync::mpsc;

use super::{Agent, lock};
use crate::state::Bypass;

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

/// Names leave the device only where policy lets them.
pub(crate) fn visible(agent: &Agent, site: Site) -> Option<Site> {
    (!agent.settings().exclude_url_in_report).then_some(site)
}
