//! How the device stands: protection, access, what was blocked, and what the organisation can see.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Form, Query, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use moat_indicators::feed_of;
use moat_model::{
    Action, AppInventory, IndicatorId, JailbreakLevel, Timestamp, WebProtection,
    sync::{AccessReason, ReportKind},
};
use serde::Deserialize;

use super::{
    Agent, Frame, Shared,
    agent::{self, Reported},
    language, page, see_other, sent,
    words::{Mark, mark},
};
use crate::{
    control::{self, Command},
    ledger,
    notifications::{Hit, Notification, host_of},
};

/// What no setting lets leave the device.
const NEVER: [&str; 3] = ["sees-not-sites", "sees-not-contents", "sees-not-place"];
/// Sites that are listed.
const LISTED: usize = 20;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    here: &'static str,
    agent: Option<Agent>,
    state: Mark,
    /// One sentence about the state.
    lead: String,
    can_pause: bool,
    can_start: bool,
    access: Option<(Mark, Vec<AccessReason>)>,
    check: Mark,
    blocked: Vec<Blocked>,
    /// A warning among them can be passed.
    can_pass: bool,
    messages: Vec<Notification>,
    sees: Vec<String>,
    today: u64,
    said: Option<&'static str>,
    /// What the agent refused, in its own words.
    wrong: Option<String>,
}

/// A site that was blocked or warned about, however often.
struct Blocked {
    site: String,
    mark: Mark,
    why: String,
    indicator: IndicatorId,
    /// Which entry of whose list.
    entry: String,
    named: String,
    last: Timestamp,
    times: i64,
    reported: bool,
    bypass: Option<Bypass>,
}

/// How a warning can be passed.
enum Bypass {
    Open(Timestamp),
    Offered { hours: i64 },
}

#[derive(Default, Deserialize)]
pub struct Said {
    #[serde(default)]
    said: String,
}

pub async fn show(State(shared): State<Arc<Shared>>, headers: HeaderMap, Query(said): Query<Said>) -> Response {
    let said = match said.said.as_str() {
        "paused" => Some("said-paused"),
        "started" => Some("said-started"),
        "bypassed" => Some("said-bypassed"),
        "mistake" => Some("said-mistake"),
        _ => None,
    };
    render(&shared, &headers, said, None).await
}

#[derive(Deserialize)]
pub struct Pause {
    /// Empty: until it is started.
    #[serde(default)]
    minutes: String,
}

pub async fn pause(State(shared): State<Arc<Shared>>, headers: HeaderMap, Form(pause): Form<Pause>) -> Response {
    let minutes = match pause.minutes.as_str() {
        "" => None,
        // What is no number of minutes is refused by the agent, as 0 is.
        text => Some(text.parse().unwrap_or(0)),
    };
    act(&shared, &headers, &Command::Switch { on: false, minutes }, "paused").await
}

pub async fn start(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let on = Command::Switch {
        on: true,
        minutes: None,
    };
    act(&shared, &headers, &on, "started").await
}

#[derive(Deserialize)]
pub struct OfSite {
    #[serde(default)]
    site: String,
    #[serde(default)]
    once: String,
}

pub async fn bypass(State(shared): State<Arc<Shared>>, headers: HeaderMap, Form(form): Form<OfSite>) -> Response {
    let bypass = Command::Bypass {
        site: form.site.clone(),
    };
    once(&shared, &headers, &form, &bypass, "bypassed").await
}

pub async fn mistake(State(shared): State<Arc<Shared>>, headers: HeaderMap, Form(form): Form<OfSite>) -> Response {
    let report = Command::Report {
        url: form.site.clone(),
        comment: String::new(),
        report: ReportKind::Mistake,
    };
    once(&shared, &headers, &form, &report, "mistake").await
}

/// Does what a form asks for, and nothing when it was pressed again.
async fn once(shared: &Shared, headers: &HeaderMap, form: &OfSite, command: &Command, said: &str) -> Response {
    if !shared.is_first(&form.once, &form.site) {
        return see_other(&format!("./?said={said}"));
    }
    let answer = act(shared, headers, command, said).await;
    if answer.status() != StatusCode::SEE_OTHER {
        shared.forget(&form.once, &form.site);
    }
    answer
}

/// Asks the agent for something, and goes back to the page or says on it why not.
async fn act(shared: &Shared, headers: &HeaderMap, command: &Command, said: &str) -> Response {
    match control::ask(&shared.data.socket(), command).await {
        Ok(_) => see_other(&format!("./?said={said}")),
        Err(error) => render(shared, headers, None, Some(format!("{error:#}"))).await,
    }
}

async fn render(shared: &Shared, headers: &HeaderMap, said: Option<&'static str>, wrong: Option<String>) -> Response {
    let agent = shared.agent().await;
    let frame = Frame::new(language::choose(headers), agent.as_ref());
    let entries = ledger::read(&shared.data).unwrap_or_default();
    let left = shared.left();
    let state = standing(agent.as_ref(), left.is_some());
    let status = if wrong.is_some() {
        StatusCode::CONFLICT
    } else {
        StatusCode::OK
    };
    let blocked = agent
        .as_ref()
        .map(|agent| blocked(&frame, agent, &entries))
        .unwrap_or_default();
    let running = agent.as_ref().filter(|agent| agent.settings.web_protection);
    let home = Home {
        here: "my-device",
        lead: lead(&frame, &state, agent.as_ref(), left),
        state,
        can_pause: running.is_some_and(|agent| !agent.status.paused),
        can_start: running.is_some_and(|agent| agent.status.paused),
        access: agent.as_ref().and_then(access),
        check: check(agent.as_ref()),
        can_pass: blocked
            .iter()
            .any(|it| matches!(it.bypass, Some(Bypass::Offered { .. }))),
        blocked,
        messages: agent.as_ref().map(messages).unwrap_or_default(),
        sees: agent.as_ref().map(|agent| sees(&frame, agent)).unwrap_or_default(),
        today: sent::bytes_of_day(&entries, &frame.now),
        said,
        wrong,
        agent,
        frame,
    };
    page(status, &home)
}

fn standing(agent: Option<&Agent>, left: bool) -> Mark {
    let Some(agent) = agent else {
        return match left {
            true => mark("none", "–", "state-left"),
            false => mark("high", "▲", "state-not-running"),
        };
    };
    let status = &agent.status;
    match status.web_protection {
        _ if status.revoked => mark("high", "▲", "state-removed"),
        _ if status.paused => mark("medium", "◆", "state-paused"),
        _ if !agent.settings.web_protection => mark("none", "–", "state-off"),
        WebProtection::OtherVpn => mark("medium", "◆", "state-other-vpn"),
        WebProtection::On if is_jailbroken(agent) => mark("high", "▲", "state-at-risk"),
        WebProtection::On if status.problems.is_empty() => mark("good", "✓", "state-protected"),
        WebProtection::On => mark("medium", "◆", "state-degraded"),
        WebProtection::Off | WebProtection::Stopped => mark("high", "▲", "state-stopped"),
    }
}

fn is_jailbroken(agent: &Agent) -> bool {
    let level = agent.status.jailbreak.unwrap_or(JailbreakLevel::None);
    level != JailbreakLevel::None
}

fn lead(frame: &Frame, state: &Mark, agent: Option<&Agent>, left: Option<Timestamp>) -> String {
    let status = agent.map(|agent| &agent.status);
    match state.word {
        "state-left" => frame.with(
            "state-left-lead",
            "date",
            left.map(|at| frame.date(&at)).unwrap_or_default(),
        ),
        "state-not-running" => frame.by("state-not-running-lead"),
        "state-removed" => frame.by("state-removed-lead"),
        "state-off" => frame.by("state-off-lead"),
        "state-protected" => frame.by("state-protected-lead"),
        "state-at-risk" => frame.t("state-at-risk-lead"),
        "state-degraded" => frame.t("state-degraded-lead"),
        "state-other-vpn" => {
            let name = status
                .and_then(|status| status.other_vpn.as_deref())
                .unwrap_or_default();
            frame.with("state-other-vpn-lead", "name", name)
        }
        "state-paused" => match status.and_then(|status| status.paused_until) {
            Some(until) => frame.with("state-paused-until", "time", frame.time(&until)),
            None => frame.t("state-paused-lead"),
        },
        _ => frame.t("state-stopped-lead"),
    }
}

/// None: the server has not said.
fn access(agent: &Agent) -> Option<(Mark, Vec<AccessReason>)> {
    let status = &agent.status;
    let whole = |text: &String| AccessReason {
        text: text.clone(),
        remedy: String::new(),
    };
    let reasons = match status.access_explained.is_empty() {
        // An older server says it in one.
        true => status.access_reasons.iter().map(whole).collect(),
        false => status.access_explained.clone(),
    };
    match status.access_allowed? {
        // Its last word before it took this device out.
        _ if status.revoked => Some((mark("high", "▲", "access-closed"), Vec::new())),
        true => Some((mark("good", "✓", "access-open"), Vec::new())),
        false => Some((mark("high", "▲", "access-closed"), reasons)),
    }
}

fn check(agent: Option<&Agent>) -> Mark {
    match agent.and_then(|agent| agent.status.jailbreak) {
        None => mark("none", "○", "check-unknown"),
        Some(JailbreakLevel::None) => mark("good", "✓", "check-none"),
        Some(JailbreakLevel::Suspected) => mark("medium", "◆", "check-suspected"),
        Some(JailbreakLevel::Confirmed) => mark("high", "▲", "check-confirmed"),
    }
}

fn messages(agent: &Agent) -> Vec<Notification> {
    let messages = agent.notifications.iter().rev().filter(|it| it.hit.is_none());
    messages.cloned().collect()
}

/// Newest first, each site once.
fn blocked(frame: &Frame, agent: &Agent, entries: &[ledger::Entry]) -> Vec<Blocked> {
    let reported = agent::reports(entries, Some(agent));
    let mut found: Vec<Blocked> = Vec::new();
    for notification in agent.notifications.iter().rev() {
        let Some(hit) = &notification.hit else { continue };
        let known = found
            .iter_mut()
            .find(|it| it.indicator == hit.indicator && host_of(&it.site) == host_of(&hit.site));
        if let Some(known) = known {
            known.times += 1;
        } else if found.len() < LISTED {
            let reported = reported.iter().any(|report| is_mistake(report, &hit.site));
            found.push(Blocked::new(frame, agent, hit, notification.time, reported));
        }
    }
    found
}

impl Blocked {
    fn new(frame: &Frame, agent: &Agent, hit: &Hit, last: Timestamp, reported: bool) -> Self {
        let warns = hit.action == Action::Warn;
        let from_feed = feed_of(hit.indicator).is_some();
        Self {
            site: hit.site.clone(),
            mark: match warns {
                true => mark("medium", "◆", "warned"),
                false => mark("low", "■", "blocked"),
            },
            why: match hit.title.as_str() {
                "" => frame.t("no-title"),
                name if from_feed => frame.with("listed", "name", name),
                title => title.to_string(),
            },
            entry: match from_feed {
                true => frame.t("follows"),
                false => frame.with("indicator", "number", hit.indicator.to_string()),
            },
            indicator: hit.indicator,
            named: hit.named.clone(),
            last,
            times: 1,
            reported,
            bypass: warns.then(|| Bypass::of(frame, agent, hit)),
        }
    }
}

impl Bypass {
    fn of(frame: &Frame, agent: &Agent, hit: &Hit) -> Self {
        let passed = agent.bypasses.iter().filter(|it| it.indicator == hit.indicator);
        let until = passed.map(|it| it.until).max().filter(|until| *until > frame.now);
        let hours = hit.bypass_hours.unwrap_or(agent.settings.bypass_duration_hours);
        until.map_or(
            Self::Offered {
                hours: i64::from(hours),
            },
            Self::Open,
        )
    }
}

fn is_mistake(report: &Reported, site: &str) -> bool {
    report.kind == ReportKind::Mistake && host_of(&report.url) == host_of(site)
}

/// What leaves this device, by the settings in force.
fn sees(frame: &Frame, agent: &Agent) -> Vec<String> {
    let names = match agent.settings.exclude_url_in_report {
        true => frame.t("sees-hits-without-names"),
        false => frame.t("sees-hits"),
    };
    let apps = match agent.app_inventory {
        AppInventory::None => frame.t("sees-no-apps"),
        AppInventory::Managed => frame.by("sees-managed-apps"),
        AppInventory::All => frame.t("sees-all-apps"),
    };
    vec![
        frame.t("sees-device"),
        frame.t("sees-protection"),
        frame.t("sees-check"),
        names,
        frame.t("sees-bypasses"),
        apps,
    ]
}
