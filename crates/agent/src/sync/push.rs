use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use http_body_util::BodyExt as _;
use moat_model::sync::Push;
use tokio::time::{sleep, timeout};

use super::{Backoff, bundle, check_in::carry_out};
use crate::{ledger, run::Agent};

/// The server says something at least every 25 seconds.
const SILENCE: Duration = Duration::from_secs(60);
const MAX_LINE: usize = 64 << 10;

/// Holds the push connection, and fetches bundles when there are newer ones.
pub(super) async fn run(agent: Arc<Agent>) {
    let listening = async {
        let mut backoff = Backoff::new();
        loop {
            match listen(&agent, &mut backoff).await {
                Ok(()) => tracing::debug!("the push connection ended"),
                Err(error) => tracing::debug!(error = format!("{error:#}"), "no push connection"),
            }
            agent.set_connected(false);
            sleep(backoff.next()).await;
        }
    };
    tokio::join!(listening, bundle::run(&agent));
}

async fn listen(agent: &Agent, backoff: &mut Backoff) -> Result<()> {
    let mut body = agent.client().get("/device/v1/push", &[]).await?.into_body();
    let entry = ledger::Entry::new(agent.clock.now(), "push connection", 0);
    ledger::record(&agent.data, &entry);
    agent.set_connected(true);
    backoff.reset();
    let mut pending = Vec::new();
    while let Some(frame) = timeout(SILENCE, body.frame()).await.context("the server fell silent")? {
        let Ok(data) = frame?.into_data() else { continue };
        pending.extend_from_slice(&data);
        while let Some(end) = pending.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            handle_line(agent, &line);
        }
        anyhow::ensure!(pending.len() <= MAX_LINE, "the server sent a line that is too long");
    }
    Ok(())
}

/// One line of a server-sent event.
fn handle_line(agent: &Agent, line: &[u8]) {
    let Some(data) = line.trim_ascii().strip_prefix(b"data:") else {
        return;
    };
    match serde_json::from_slice(data.trim_ascii()) {
        Ok(Push::Bundle { version }) if agent.wants_bundle(version) => agent.wake.bundle.notify_one(),
        Ok(Push::Bundle { .. }) => {}
        Ok(Push::Command { command }) => carry_out(agent, &command),
        Err(error) => tracing::debug!(%error, "a push that this version does not know"),
    }
}
