//! Local control: a Unix socket that only the agent's owner can open. One line of JSON in, one line out.

use std::{os::unix::fs::PermissionsExt as _, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use moat_engine::Counters;
use moat_model::{
    DeviceId, JailbreakLevel, Management, Timestamp, WebProtection,
    sync::{AccessReason, DeviceEvent, ReportKind, Site},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    time::timeout,
};

use crate::{
    run::{Agent, Live, MAX_TEXT, lock},
    state::Bypass,
    tunnel::Order,
};

const MAX_LINE: u64 = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(200);
/// Events that are shown while they wait.
const MAX_WAITING: usize = 100;
/// Who wants to be without protection for longer says so.
const MAX_PAUSE_MINUTES: u32 = 24 * 60;

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "camelCase")]
pub enum Command {
    Status,
    /// The user's Connect On Demand switch.
    Switch {
        on: bool,
        /// Off for so long; none: until it is switched on.
        #[serde(default)]
        minutes: Option<u32>,
    },
    Report {
        url: String,
        comment: String,
        report: ReportKind,
    },
    /// Go on past a warning that was shown for this site.
    Bypass {
        site: String,
    },
    /// Run the posture rules now.
    Check,
    Notifications,
    /// What the organisation has set for this device.
    Settings,
    /// Events that have not left the device yet, oldest first.
    Waiting,
}

/// What `status` tells.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub running: bool,
    /// `good`, or `degraded` when there are problems.
    pub state: String,
    pub device_id: DeviceId,
    pub management: Management,
    pub server_url: String,
    #[serde(default)]
    pub organisation: String,
    pub web_protection: WebProtection,
    /// The user switched it off.
    #[serde(default)]
    pub paused: bool,
    #[serde(default)]
    pub paused_until: Option<Timestamp>,
    pub other_vpn: Option<String>,
    pub bundle_version: u64,
    pub indicators: usize,
    /// Entries of the feeds that the organisation follows.
    #[serde(default)]
    pub feed_entries: usize,
    pub jailbreak: Option<JailbreakLevel>,
    pub connected: bool,
    pub last_check_in: Option<Timestamp>,
    pub access_allowed: Option<bool>,
    pub access_reasons: Vec<String>,
    /// The same, each with what would change it apart.
    #[serde(default)]
    pub access_explained: Vec<AccessReason>,
    pub revoked: bool,
    /// What the organisation said, newest last.
    #[serde(default)]
    pub messages: Vec<String>,
    pub problems: Vec<String>,
    pub waiting_events: usize,
    pub dropped_events: u64,
    pub counters: Value,
}

/// Asks a running agent; an error when none runs.
pub async fn ask(socket: &Path, command: &Command) -> Result<Value> {
    let stream = UnixStream::connect(socket).await.context("moat-agent is not running")?;
    let (read, mut write) = stream.into_split();
    let mut line = serde_json::to_vec(command)?;
    line.push(b'\n');
    write.write_all(&line).await?;
    let mut answer = String::new();
    timeout(PATIENCE, BufReader::new(read).read_line(&mut answer))
        .await
        .context("moat-agent does not answer")??;
    let answer: Value = serde_json::from_str(&answer).context("moat-agent gave no answer")?;
    match answer["error"].as_str() {
        Some(error) => bail!("{error}"),
        None => Ok(answer),
    }
}

pub(crate) async fn serve(agent: Arc<Agent>) -> Result<()> {
    let path = agent.data.socket();
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).with_context(|| format!("cannot listen on {}", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // No file left, perhaps: that passes, and protection must not end with it.
            Err(error) => {
                tracing::warn!(%error, "a control connection could not be taken");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let agent = agent.clone();
        tokio::spawn(async move {
            if let Ok(Err(error)) = timeout(PATIENCE, answer(&agent, stream)).await {
                tracing::debug!(error = format!("{error:#}"), "a control connection failed");
            }
        });
    }
}

async fn answer(agent: &Agent, stream: UnixStream) -> Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(MAX_LINE)).read_line(&mut line).await?;
    let result = match serde_json::from_str(&line) {
        Ok(command) => carry_out(agent, command).await,
        Err(error) => Err(anyhow::anyhow!("this agent does not know the command: {error}")),
    };
    let mut answer = result
        .unwrap_or_else(|error| json!({"error": format!("{error:#}")}))
        .to_string();
    answer.push('\n');
    write.write_all(answer.as_bytes()).await?;
    Ok(())
}

async fn carry_out(agent: &Agent, command: Command) -> Result<Value> {
    match command {
        Command::Status => Ok(serde_json::to_value(status(agent))?),
        Command::Switch { on, minutes } => switch(agent, on, minutes).await,
        Command::Report { url, comment, report } => {
            for (what, text) in [("URL", &url), ("comment", &comment)] {
                anyhow::ensure!(text.len() <= MAX_TEXT, "the {what} is longer than {MAX_TEXT} bytes");
            }
            moat_indicators::UrlPattern::parse(&url).with_context(|| format!("{url:?} cannot be reported"))?;
            record(agent, DeviceEvent::SiteReported { url, comment, report })?;
            Ok(json!({"reported": true}))
        }
        Command::Bypass { site } => bypass(agent, &site),
        Command::Check => {
            let runs = lock(&agent.live).posture_runs;
            let waits = |live: &Live| live.posture_runs == runs && live.bundle.is_some();
            agent.wake.posture.notify_one();
            while waits(&lock(&agent.live)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(json!({"posture": lock(&agent.live).posture}))
        }
        Command::Notifications => {
            let bypasses = lock(&agent.state).bypasses.clone();
            Ok(json!({"notifications": lock(&agent.notifications).list(), "bypasses": bypasses}))
        }
        Command::Settings => {
            let app_inventory = lock(&agent.live).app_inventory;
            Ok(json!({"settings": agent.settings(), "appInventory": app_inventory}))
        }
        Command::Waiting => Ok(json!({"events": agent.outbox().peek(MAX_WAITING, MAX_LINE)})),
    }
}

/// An error when the event could not be stored: the user is not to think that it was.
fn record(agent: &Agent, event: DeviceEvent) -> Result<()> {
    if agent.record(event) {
        return Ok(());
    }
    let error = lock(&agent.live).storage_error.clone().unwrap_or_default();
    bail!("this could not be stored: {error}")
}

/// Flips the switch and waits until it has taken effect.
async fn switch(agent: &Agent, on: bool, minutes: Option<u32>) -> Result<Value> {
    let minutes = minutes.filter(|_| !on);
    if minutes.is_some_and(|minutes| !(1..=MAX_PAUSE_MINUTES).contains(&minutes)) {
        bail!("a pause lasts 1 to {MAX_PAUSE_MINUTES} minutes");
    }
    let pause = minutes.map(|minutes| Duration::from_secs(u64::from(minutes) * 60));
    let until = pause.map(|pause| agent.clock.now().saturating_add(pause));
    agent.change_state(|state| {
        state.off = !on;
        state.off_until = until;
    });
    agent.wake.protection.notify_one();
    if on && !agent.settings().web_protection {
        bail!("your organisation has switched web protection off; it comes on when they switch it on");
    }
    let done = |state: WebProtection| (state == WebProtection::Off) != on;
    for _ in 0..400 {
        let state = lock(&agent.live).protection;
        if done(state) && !(on && state == WebProtection::Stopped) {
            return Ok(json!({"webProtection": state}));
        }
        if let Some(error) = lock(&agent.live).tunnel_error.clone().filter(|_| on) {
            bail!("{error}");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(json!({"webProtection": lock(&agent.live).protection}))
}

fn bypass(agent: &Agent, site: &str) -> Result<Value> {
    let warning = lock(&agent.notifications).warning_for(site).cloned();
    let warning =
        warning.with_context(|| format!("there was no warning for {site}; only a warning can be bypassed"))?;
    let hours = warning.bypass_hours.unwrap_or(agent.settings().bypass_duration_hours);
    let until = agent
        .clock
        .now()
        .saturating_add(Duration::from_secs(u64::from(hours) * 3600));
    let site = Site {
        value: warning.site,
        seen_in: "agent".into(),
        remote_ip: None,
    };
    let site = (!agent.settings().exclude_url_in_report).then_some(site);
    let event = DeviceEvent::WarningBypassed {
        indicator: warning.indicator,
        site,
        until,
    };
    // First, since a bypass that nobody hears of is none to grant.
    record(agent, event)?;
    let now = agent.clock.now();
    agent.change_state(|state| {
        state.bypasses.retain(|bypass| bypass.until > now);
        state.bypasses.push(Bypass {
            indicator: warning.indicator,
            until,
        });
    });
    let bypasses = lock(&agent.state)
        .bypasses
        .iter()
        .map(|bypass| (bypass.indicator, bypass.until))
        .collect();
    if let Some(tunnel) = &lock(&agent.live).tunnel {
        tunnel.send(Order::Bypasses(bypasses));
    }
    Ok(json!({"until": until.to_string(), "indicator": warning.indicator}))
}

fn status(agent: &Agent) -> Status {
    let waiting_events = agent.outbox().len();
    let dropped_events = agent.outbox().dropped();
    let tunnel = lock(&agent.live).tunnel.clone();
    let counters = tunnel.and_then(|tunnel| tunnel.counters());
    let (problems, messages) = (agent.problems(), lock(&agent.notifications).messages());
    let organisation = agent.settings().organisation;
    let (paused, paused_until) = {
        let state = lock(&agent.state);
        (state.off, state.off_until.filter(|_| state.off))
    };
    let live = lock(&agent.live);
    Status {
        running: true,
        state: if problems.is_empty() { "good" } else { "degraded" }.into(),
        device_id: agent.identity.device_id,
        management: agent.identity.management,
        server_url: agent.identity.server_url.clone(),
        organisation,
        web_protection: live.protection,
        paused,
        paused_until,
        other_vpn: live.other_vpn.clone(),
        bundle_version: live.bundle.as_ref().map_or(0, moat_indicators::Bundle::version),
        indicators: live.bundle.as_ref().map_or(0, |bundle| bundle.indicators().len()),
        feed_entries: live
            .bundle
            .as_ref()
            .map_or(0, |bundle| bundle.indicators().feed_entries()),
        jailbreak: live.posture.as_ref().map(|posture| posture.level),
        connected: live.connected,
        last_check_in: live.last_check_in,
        access_allowed: live.access.as_ref().map(|access| access.allowed),
        access_reasons: live
            .access
            .as_ref()
            .map(|access| access.reasons.clone())
            .unwrap_or_default(),
        access_explained: live
            .access
            .as_ref()
            .map(|access| access.explained.clone())
            .unwrap_or_default(),
        revoked: live.revoked,
        messages,
        problems,
        waiting_events,
        dropped_events,
        counters: counters.as_ref().map_or(Value::Null, counters_json),
    }
}

fn counters_json(counters: &Counters) -> Value {
    json!({
        "packetsIn": counters.packets_in,
        "packetsOut": counters.packets_out,
        "malformedIp": counters.malformed_ip,
        "malformedTransport": counters.malformed_transport,
        "fragments": counters.fragments,
        "otherProtocols": counters.other_protocols,
        "tcpFlows": counters.tcp_flows,
        "udpFlows": counters.udp_flows,
        "tcpRefused": counters.tcp_refused,
        "udpEvicted": counters.udp_evicted,
        "outOfOrder": counters.out_of_order,
        "retransmissions": counters.retransmissions,
        "notInspected": counters.not_inspected,
        "malformedDns": counters.malformed_dns,
        "blocked": counters.blocked,
        "warned": counters.warned,
        "audited": counters.audited,
        "eventsDropped": counters.events_dropped,
        "flowsClosedByPolicy": counters.flows_closed_by_policy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::fake_server;
    use http::StatusCode;
    use moat_model::Settings;

    async fn agent() -> (Agent, tempfile::TempDir) {
        fake_server::agent(|_| (StatusCode::OK, 0)).await
    }

    #[tokio::test]
    async fn on_says_when_the_organisation_has_switched_protection_off() {
        let (agent, _dir) = agent().await;
        let settings = Settings {
            web_protection: false,
            ..Settings::default()
        };
        agent.set_bundle(fake_server::open(fake_server::sealed(1, settings)));
        let error = carry_out(
            &agent,
            Command::Switch {
                on: true,
                minutes: None,
            },
        )
        .await
        .unwrap_err();
        assert!(error.to_string().contains("organisation"), "{error}");
    }

    #[tokio::test]
    async fn without_a_tunnel_user_and_server_are_told() {
        let (agent, _dir) = agent().await;
        agent.set_tunnel_error(Some("no /dev/net/tun".into()));
        agent.set_tunnel_error(Some("no /dev/net/tun".into()));
        assert!(
            carry_out(
                &agent,
                Command::Switch {
                    on: true,
                    minutes: None
                }
            )
            .await
            .is_err()
        );
        let status = status(&agent);
        assert_eq!((status.state.as_str(), status.waiting_events), ("degraded", 1));
        assert!(status.problems.contains(&"no /dev/net/tun".to_string()));
        assert_eq!(agent.device_state().problems, status.problems);
    }

    #[tokio::test]
    async fn a_pause_ends_by_itself_and_not_before() {
        let (agent, _dir) = agent().await;
        let pause = |minutes| Command::Switch { on: false, minutes };
        assert!(carry_out(&agent, pause(Some(0))).await.is_err());
        assert!(carry_out(&agent, pause(Some(MAX_PAUSE_MINUTES + 1))).await.is_err());
        agent.set_protection(WebProtection::Off, None);
        carry_out(&agent, pause(None)).await.unwrap();
        agent.end_pause();
        assert_eq!((status(&agent).paused, agent.pause_left()), (true, None));
        carry_out(&agent, pause(Some(15))).await.unwrap();
        agent.end_pause();
        let left = agent.pause_left().unwrap().as_secs();
        assert!(
            (880..=900).contains(&left) && status(&agent).paused_until.is_some(),
            "{left}"
        );
        agent.change_state(|state| state.off_until = Some(agent.clock.now()));
        agent.end_pause();
        assert!(!status(&agent).paused && agent.pause_left().is_none());
    }

    #[tokio::test]
    async fn a_report_that_is_too_long_is_refused() {
        let (agent, _dir) = agent().await;
        let report = |comment: String| Command::Report {
            url: "https://site.example/".into(),
            comment,
            report: ReportKind::Unsafe,
        };
        assert!(carry_out(&agent, report("x".repeat(MAX_TEXT))).await.is_ok());
        assert!(carry_out(&agent, report("x".repeat(MAX_TEXT + 1))).await.is_err());
        assert_eq!(agent.outbox().len(), 1);
    }

    #[tokio::test]
    async fn the_device_goes_by_the_name_given_at_enrolment() {
        let (agent, _dir) = agent().await;
        assert_eq!(agent.device_info().name, "given");
    }
}
