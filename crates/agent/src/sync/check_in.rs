use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use anyhow::Result;
use http::StatusCode;
use moat_model::sync::{CheckIn, CheckInReply, Command, MAX_EVENTS, OutboxEntry};
use tokio::time::{sleep, timeout};

use super::{
    Backoff,
    http::{Refused, Sent},
};
use crate::{
    ledger, orders,
    run::{Agent, lock},
};

/// Between attempts while the server refuses or cannot be reached, however much happens on the device.
const SHORTEST: Duration = Duration::from_millis(500);
/// Of the events of one check-in.
const MAX_BYTES: u64 = 1 << 20;

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
                if is_revoked(&error) && lock(&agent.state).leaving.is_some() {
                    // It has the answer and this device lost its own, as in a crash.
                    agent.wake.left.notify_one();
                }
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
    agent.try_storage_again();
    let events = agent.outbox().peek(agent.batch.load(Ordering::Relaxed), MAX_BYTES);
    let (count, first) = (events.len(), events.first().map(|entry| entry.seq));
    match send(agent, events).await {
        Ok(reply) => {
            agent.batch.store(MAX_EVENTS, Ordering::Relaxed);
            take_reply(agent, &reply);
            Ok(())
        }
        Err(error) if is_refusal_of_events(&error) => {
            tracing::warn!(
                error = format!("{error:#}"),
                count,
                "the server does not take these events"
            );
            match (count, first) {
                (0, _) | (_, None) => Err(error),
                (1, Some(seq)) => drop_if_at_fault(agent, seq, error).await,
                _ => {
                    agent.batch.store(count / 2, Ordering::Relaxed);
                    Ok(())
                }
            }
        }
        Err(error) => Err(error),
    }
}

/// A single event that the server refuses keeps all others from it for ever, and a jailbreak among them.
async fn drop_if_at_fault(agent: &Agent, seq: u64, error: anyhow::Error) -> Result<()> {
    // When nothing at all is taken, it is not the event.
    let reply = send(agent, Vec::new()).await.map_err(|_| error)?;
    agent.outbox().drop_refused(seq)?;
    tracing::error!(seq, "an event that the server does not take was dropped");
    take_reply(agent, &reply);
    Ok(())
}

async fn send(agent: &Agent, events: Vec<OutboxEntry>) -> Result<CheckInReply> {
    let body = CheckIn {
        device: agent.device_info(),
        state: agent.device_state(),
        events,
        dropped: agent.outbox().dropped(),
    };
    let sent: Sent<CheckInReply> = agent.client().post("/device/v1/check-in", &body).await?;
    let told = ledger::Told {
        device: body.device,
        state: Some(body.state),
    };
    // Every minute the same: it is noted when it is another one.
    let hash = told.hash()?;
    let known = lock(&agent.live).told.replace(hash) == Some(hash);
    let entry = ledger::Entry {
        events: body.events,
        told: (!known).then_some(told),
        ..ledger::Entry::new(agent.clock.now(), "check-in", sent.bytes)
    };
    ledger::record(&agent.data, &entry);
    sent.answer
}

fn take_reply(agent: &Agent, reply: &CheckInReply) {
    if let Err(error) = agent.outbox().acknowledge(reply.acknowledged) {
        // What is sent again is skipped by the server.
        tracing::warn!(error = format!("{error:#}"), "the outbox could not be made smaller");
    }
    agent.note_check_in(reply);
    for command in &reply.commands {
        carry_out(agent, command);
    }
    if orders::take(agent, reply) {
        agent.wake.left.notify_one();
    }
    if agent.wants_bundle(reply.bundle_version) {
        agent.wake.bundle.notify_one();
    }
}

/// Whether the server said no to what was sent, not to who sent it, when, or where to.
fn is_refusal_of_events(error: &anyhow::Error) -> bool {
    let taken = [
        StatusCode::BAD_REQUEST,
        StatusCode::PAYLOAD_TOO_LARGE,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        StatusCode::UNPROCESSABLE_ENTITY,
    ];
    error
        .downcast_ref::<Refused>()
        .is_some_and(|refused| taken.contains(&refused.status))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::fake_server;
    use moat_model::sync::{DeviceEvent, ReportKind};

    fn report(comment: &str) -> DeviceEvent {
        DeviceEvent::SiteReported {
            url: "https://site.example/".into(),
            comment: comment.into(),
            report: ReportKind::Unsafe,
        }
    }

    fn last(check_in: &CheckIn) -> u64 {
        check_in.events.last().map_or(0, |entry| entry.seq)
    }

    fn refuses_bad_ones(check_in: &CheckIn) -> (StatusCode, u64) {
        let bad = check_in.events.iter().any(|entry| entry.event == report("bad"));
        let status = if bad { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        (status, last(check_in))
    }

    fn takes_a_megabyte(check_in: &CheckIn) -> (StatusCode, u64) {
        let bytes = serde_json::to_vec(check_in).unwrap().len();
        assert!(bytes < 2 << 20, "{bytes}");
        (StatusCode::OK, last(check_in))
    }

    /// Checks in until nothing waits.
    async fn empty(agent: &Agent) {
        for _ in 0..100 {
            check_in(agent).await.unwrap();
            if agent.outbox().is_empty() {
                return;
            }
        }
        panic!("{} events still wait", agent.outbox().len());
    }

    #[tokio::test]
    async fn an_event_that_the_server_refuses_keeps_no_other_from_it() {
        let (agent, _dir) = fake_server::agent(refuses_bad_ones).await;
        for n in 0..100 {
            let comment = if n % 40 == 7 { "bad" } else { "good" };
            assert!(agent.record(report(comment)));
        }
        empty(&agent).await;
        assert_eq!(agent.outbox().dropped(), 3);
    }

    #[tokio::test]
    async fn a_check_in_has_at_most_a_megabyte_of_events() {
        let (agent, _dir) = fake_server::agent(takes_a_megabyte).await;
        for _ in 0..600 {
            // Longer than an event may be, and worse when it is escaped.
            assert!(agent.record(report(&"\\".repeat(20_000))));
        }
        empty(&agent).await;
        assert_eq!(agent.outbox().dropped(), 0);
    }

    #[tokio::test]
    async fn the_ledger_has_what_was_refused_and_what_the_device_said_when_that_changed() {
        let (agent, _dir) = fake_server::agent(|_| (StatusCode::FORBIDDEN, 0)).await;
        assert!(agent.record(report("good")));
        for _ in 0..2 {
            assert!(check_in(&agent).await.is_err());
        }
        agent.set_tunnel_error(Some("no /dev/net/tun".into()));
        assert!(check_in(&agent).await.is_err());
        let ledger = ledger::read(&agent.data).unwrap();
        assert!(
            ledger
                .iter()
                .all(|entry| entry.events[0].event == report("good") && entry.bytes_sent > 0)
        );
        let told: Vec<_> = ledger.iter().map(|entry| entry.told.clone()).collect();
        let problems = |at: usize| told[at].as_ref().unwrap().state.as_ref().unwrap().problems.clone();
        let broken = "no /dev/net/tun".to_string();
        assert!(told.len() == 3 && told[1].is_none(), "the same as before: {told:?}");
        assert!(problems(2).contains(&broken) && !problems(0).contains(&broken));
    }

    #[tokio::test]
    async fn a_server_that_refuses_everything_or_the_device_costs_no_event() {
        for answer in [
            (|_| (StatusCode::BAD_REQUEST, 0)) as fake_server::Answer,
            |_| (StatusCode::FORBIDDEN, 0),
            |_| (StatusCode::INSUFFICIENT_STORAGE, 0),
        ] {
            let (agent, _dir) = fake_server::agent(answer).await;
            (0..3).for_each(|_| assert!(agent.record(report("good"))));
            for _ in 0..5 {
                let _ = check_in(&agent).await;
            }
            let outbox = agent.outbox();
            assert_eq!((outbox.len(), outbox.dropped()), (3, 0));
        }
    }
}
