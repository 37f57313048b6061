use std::{sync::Arc, time::Duration};

use anyhow::Result;
use moat_model::sync::{CheckIn, CheckInReply, Command, MAX_EVENTS};
use tokio::time::{sleep, timeout};

use super::{Backoff, http::Refused};
use crate::{ledger, run::Agent};

/// Between attempts while the server refuses or cannot be reached, however much happens on the device.
const SHORTEST: Duration = Duration::from_millis(500);

/// Checks in when something happened, and from time to time when nothing did.
pub(super) async fn run(agent: Arc<Agent>) {
    let mut backoff = Backoff::new();
    loop {
        match check_in(&agent).await {
            Ok(()) => {
                backoff.reset();
                if !agent.outbox().is_empty() {
                    continue;
                }
                let _ = timeout(agent.check_in_interval(), agent.wake.check_in.notified()).await;
            }
            Err(error) => {
                agent.note_sync_error(&error);
                let wait = backoff.next().max(SHORTEST);
                sleep(SHORTEST.min(wait)).await;
                let _ = timeout(wait.saturating_sub(SHORTEST), agent.wake.check_in.notified()).await;
            }
        }
    }
}

/// One check-in: what happened goes, what the server acknowledged is forgotten.
pub async fn check_in(agent: &Agent) -> Result<()> {
    let events = agent.outbox().peek(MAX_EVENTS);
    let body = CheckIn {
        device: agent.device_info(),
        state: agent.device_state(),
        events,
        dropped: agent.outbox().dropped(),
    };
    let (reply, bytes_sent): (CheckInReply, u64) = agent.client().post("/device/v1/check-in", &body).await?;
    let entry = ledger::Entry {
        time: agent.clock.now(),
        what: "check-in".into(),
        bytes_sent,
        events: body.events,
    };
    ledger::record(&agent.data, &entry);
    agent.outbox().acknowledge(reply.acknowledged)?;
    agent.note_check_in(&reply);
    for command in &reply.commands {
        carry_out(agent, command);
    }
    if agent.wants_bundle(reply.bundle_version) {
        agent.wake.bundle.notify_one();
    }
    Ok(())
}

pub(super) fn carry_out(agent: &Agent, command: &Command) {
    match command {
        Command::RunPosture => agent.wake.posture.notify_one(),
        Command::CheckIn => agent.wake.check_in.notify_one(),
    }
}

/// Whether the server has taken this device out.
pub fn is_revoked(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<Refused>()
        .is_some_and(|refused| refused.code == "deviceRevoked")
}
