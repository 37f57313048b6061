//! What the running agent says.

use anyhow::Result;
use moat_model::{
    AppInventory, Settings, Timestamp,
    sync::{DeviceEvent, OutboxEntry, ReportKind},
};
use serde::Deserialize;

use crate::{
    control::{self, Command, Status},
    data_folder::DataFolder,
    ledger,
    notifications::Notification,
    state::Bypass,
};

pub struct Agent {
    pub status: Status,
    pub settings: Settings,
    pub app_inventory: AppInventory,
    /// Newest last.
    pub notifications: Vec<Notification>,
    pub bypasses: Vec<Bypass>,
    /// Events that have not left the device yet, oldest first.
    pub waiting: Vec<OutboxEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Set {
    settings: Settings,
    app_inventory: AppInventory,
}

#[derive(Deserialize)]
struct Notified {
    notifications: Vec<Notification>,
    bypasses: Vec<Bypass>,
}

#[derive(Deserialize)]
struct Waiting {
    events: Vec<OutboxEntry>,
}

impl Agent {
    /// None while no agent runs that can answer.
    pub async fn ask(data: &DataFolder) -> Option<Self> {
        match Self::try_ask(data).await {
            Ok(agent) => Some(agent),
            Err(error) => {
                tracing::debug!(error = format!("{error:#}"), "the agent cannot be asked");
                None
            }
        }
    }

    async fn try_ask(data: &DataFolder) -> Result<Self> {
        let socket = data.socket();
        let status = control::ask(&socket, &Command::Status).await?;
        let set: Set = serde_json::from_value(control::ask(&socket, &Command::Settings).await?)?;
        let notified: Notified = serde_json::from_value(control::ask(&socket, &Command::Notifications).await?)?;
        let waiting: Waiting = serde_json::from_value(control::ask(&socket, &Command::Waiting).await?)?;
        Ok(Self {
            status: serde_json::from_value(status)?,
            settings: set.settings,
            app_inventory: set.app_inventory,
            notifications: notified.notifications,
            bypasses: notified.bypasses,
            waiting: waiting.events,
        })
    }
}

/// A site that the user reported.
pub struct Reported {
    pub url: String,
    pub kind: ReportKind,
    pub time: Timestamp,
    /// When it left the device; none: it waits.
    pub sent: Option<Timestamp>,
}

/// Sites that were reported from this device, newest first, as far as the ledger goes back.
pub fn reports(sent: &[ledger::Entry], agent: Option<&Agent>) -> Vec<Reported> {
    let waiting = agent
        .into_iter()
        .flat_map(|agent| &agent.waiting)
        .map(|event| (event, None));
    let sent = sent
        .iter()
        .flat_map(|entry| entry.events.iter().map(|event| (event, Some(entry.time))));
    let mut found: Vec<(u64, Reported)> = Vec::new();
    for (entry, sent) in sent.chain(waiting) {
        let DeviceEvent::SiteReported { url, report, .. } = &entry.event else {
            continue;
        };
        // What was sent twice is one report.
        if found.iter().any(|(seq, _)| *seq == entry.seq) {
            continue;
        }
        let reported = Reported {
            url: url.clone(),
            kind: *report,
            time: entry.time,
            sent,
        };
        found.push((entry.seq, reported));
    }
    found.sort_by_key(|(_, report)| std::cmp::Reverse(report.time));
    found.into_iter().map(|(_, report)| report).collect()
}
