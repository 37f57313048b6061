//! The overview: what needs somebody now, in order, and how the fleet stands.

use askama::Template;
use axum::{extract::State, response::Response};
use moat_model::Timestamp;

use super::{
    ConsoleError, Frame, Html, address,
    chart::{Bar, Bars, Columns, Series},
    store::{self, Counts, DAY},
    words,
};
use crate::{
    App,
    accounts::Session,
    alerts::triage::{self, AlertRow},
    app::now,
    backup::{self, Overdue},
    caller::{Caller, Role},
    compliance, connectors, enforcement,
    error::Result,
    starter,
};

/// Alerts on the page.
const SHOWN: u32 = 8;
/// Days that charts over time show.
const DAYS: i64 = 30;

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    frame: Frame,
    counts: Counts,
    connected: usize,
    needs: Vec<Need>,
    alerts: Option<Vec<AlertRow>>,
    risk: Bars,
    compliance: Bars,
    gaps: Bars,
    threats: Columns,
    enforcement: Columns,
    connectors: Vec<Health>,
    steps: Option<Steps>,
}

/// Something that waits for a person, and where they deal with it.
struct Need {
    class: &'static str,
    shape: &'static str,
    text: String,
    link: String,
}

/// A connector as it does.
struct Health {
    name: String,
    state: &'static str,
    heard: Option<Timestamp>,
}

/// The first steps of a new organisation.
struct Steps {
    device: bool,
    indicator: bool,
    feed: bool,
    compliance: bool,
    conditional_access: bool,
    settings: bool,
}

impl Steps {
    /// What one click makes: whether it is there, the address of the form, the messages of its title and text.
    fn starters(&self) -> Vec<(bool, &'static str, &'static str, &'static str)> {
        vec![
            (self.compliance, "compliance", "step-compliance", "step-compliance-text"),
            (
                self.conditional_access,
                "conditional-access",
                "step-access",
                "step-access-text",
            ),
            (self.settings, "settings", "step-settings", "step-settings-text"),
        ]
    }
}

pub async fn page(State(app): State<App>, session: Session) -> Result<Response, ConsoleError> {
    let (frame, caller) = (Frame::new(&session, "/"), session.caller());
    let counts = store::counts(&app.db).await?;
    let health = health(&app, &caller).await?;
    let states = compliance::store::device_states(&app.db).await?;
    Html(Page {
        connected: app.hub.connected(),
        needs: {
            let mut needs = needs(&frame, &app, &counts, &states, &health);
            needs.extend(backup_need(&frame, backup::overdue(&app, &caller).await?));
            needs
        },
        alerts: match caller.require_any(triage::READ) {
            Ok(()) => Some(triage::most_urgent(&app, &caller, SHOWN).await?),
            Err(_) => None,
        },
        risk: risk(&frame, &store::risks(&app.db).await?),
        compliance: compliance_bars(&frame, &states),
        gaps: gaps(&frame, &counts),
        threats: threats(&frame, &app).await?,
        enforcement: enforcement_times(&frame, &app).await?,
        connectors: health,
        steps: steps(&app, &caller, &counts).await?,
        frame,
        counts,
    })
    .respond()
}

/// What waits, the worst first.
fn needs(frame: &Frame, app: &App, counts: &Counts, states: &[(String, i64)], health: &[Health]) -> Vec<Need> {
    let unusable = i64::try_from(app.bundles.unusable()).unwrap_or(i64::MAX);
    let silent = health
        .iter()
        .filter(|c| matches!(c.state, "unresponsive" | "error"))
        .count();
    let silent = i64::try_from(silent).unwrap_or(i64::MAX);
    let noncompliant = by_state(states, is_noncompliant);
    let all: [(i64, &'static str, &'static str, &str, &str); 11] = [
        (unusable, "high", "▲", "need-unusable", "/indicators"),
        (
            counts.high_alerts,
            "high",
            "▲",
            "need-high-alerts",
            "/alerts?severity=High",
        ),
        (
            counts.jailbroken,
            "high",
            "▲",
            "need-jailbroken",
            "/devices?filter=jailbroken",
        ),
        (
            counts.failed_orders,
            "high",
            "▲",
            "need-failed-orders",
            "/devices?filter=failed",
        ),
        (silent, "high", "▲", "need-connectors", "/connectors"),
        (counts.failing_feeds, "medium", "◆", "need-feeds", "/feeds"),
        (counts.retire, "medium", "◆", "need-retire", "/retire-list"),
        (
            noncompliant,
            "medium",
            "◆",
            "need-noncompliant",
            "/devices?filter=noncompliant",
        ),
        (counts.open_reports, "medium", "◆", "need-reports", "/reports"),
        (
            counts.unprotected,
            "medium",
            "◆",
            "need-unprotected",
            "/devices?filter=impaired",
        ),
        (counts.silent, "low", "●", "need-silent", "/devices?filter=silent"),
    ];
    let waiting = all
        .into_iter()
        .filter(|(count, .., link)| *count > 0 && frame.may_open(link));
    waiting
        .map(|(count, class, shape, message, link)| Need {
            class,
            shape,
            text: frame.n(message, count),
            link: link.into(),
        })
        .collect()
}

/// The last backup, when it is too old.
fn backup_need(frame: &Frame, overdue: Option<Overdue>) -> Option<Need> {
    Some(Need {
        class: "low",
        shape: "●",
        text: match overdue? {
            Overdue::Never => frame.t("backup-never"),
            Overdue::Days(days) => frame.n("backup-old", days),
        },
        link: "/settings/backup".into(),
    })
}

fn is_noncompliant(state: &str) -> bool {
    !matches!(state, "compliant" | "inGracePeriod" | "unknown")
}

fn by_state(states: &[(String, i64)], which: impl Fn(&str) -> bool) -> i64 {
    let fitting = states.iter().filter(|(state, _)| which(state));
    fitting.map(|(_, count)| count).sum()
}

fn bar(frame: &Frame, mark: (&'static str, &'static str), message: &str, filter: &str, count: i64) -> Bar {
    Bar {
        class: mark.0,
        shape: mark.1,
        label: frame.t(message),
        link: address("/devices", &[("filter", filter)]),
        count,
    }
}

fn risk(frame: &Frame, risks: &[(String, i64)]) -> Bars {
    let of = |names: &[&str]| by_state(risks, |risk| names.contains(&risk));
    Bars(vec![
        bar(frame, ("high", "▲"), "severity-high", "high", of(&["High"])),
        bar(frame, ("medium", "◆"), "severity-medium", "medium", of(&["Medium"])),
        bar(frame, ("low", "●"), "severity-low", "low", of(&["Low"])),
        bar(
            frame,
            ("good", "✓"),
            "filter-secured",
            "secured",
            of(&["None", "Informational"]),
        ),
    ])
}

fn compliance_bars(frame: &Frame, states: &[(String, i64)]) -> Bars {
    let of = |state: &str| by_state(states, |known| known == state);
    let noncompliant = by_state(states, is_noncompliant);
    Bars(vec![
        bar(
            frame,
            ("high", "▲"),
            "filter-noncompliant",
            "noncompliant",
            noncompliant,
        ),
        bar(frame, ("medium", "◆"), "filter-grace", "grace", of("inGracePeriod")),
        bar(frame, ("low", "○"), "filter-unjudged", "unjudged", of("unknown")),
        bar(frame, ("good", "✓"), "filter-compliant", "compliant", of("compliant")),
    ])
}

fn gaps(frame: &Frame, counts: &Counts) -> Bars {
    Bars(vec![
        bar(
            frame,
            ("medium", "◆"),
            "filter-nopolicy",
            "nopolicy",
            counts.without_policy,
        ),
        bar(
            frame,
            ("medium", "◆"),
            "filter-impaired",
            "impaired",
            counts.unprotected,
        ),
        bar(frame, ("low", "●"), "filter-silent", "silent", counts.silent),
    ])
}

/// Kinds of alerts as the chart shows them: class, shape, message.
const KINDS: [(&str, &str, &str, &str); 7] = [
    ("Jailbreak", "kind-1", "▲", "kind-jailbreak"),
    ("WebThreat", "kind-2", "◆", "kind-web-threat"),
    ("WarningBypassed", "kind-3", "●", "kind-warning-bypassed"),
    ("WebProtectionOff", "kind-4", "■", "kind-web-protection-off"),
    ("DeviceSilent", "kind-5", "○", "kind-device-silent"),
    ("BundleRefused", "kind-6", "□", "kind-bundle-refused"),
    ("Manual", "kind-7", "◇", "kind-manual"),
];

async fn threats(frame: &Frame, app: &App) -> Result<Columns> {
    let first = now().as_micros() / DAY - DAYS + 1;
    let found = store::threats(&app.db, first).await?;
    let label = |day: i64| words::exact(&(day * DAY)).chars().take(10).collect();
    let counts = |kind: &str| {
        let of = |day| {
            found
                .iter()
                .find(|(k, d, _)| k == kind && *d == day)
                .map_or(0, |(.., n)| *n)
        };
        (first..first + DAYS).map(of).collect()
    };
    let series = KINDS.iter().map(|(kind, class, shape, message)| Series {
        class,
        shape,
        label: frame.t(message),
        link: address("/alerts", &[("status", "all"), ("kind", kind), ("days", "30")]),
        counts: counts(kind),
    });
    Ok(Columns {
        labels: (first..first + DAYS).map(label).collect(),
        series: series.filter(|series| series.total() > 0).collect(),
    })
}

async fn enforcement_times(frame: &Frame, app: &App) -> Result<Columns> {
    let label = |longest: &i64| match *longest {
        i64::MAX => frame.n("longer-than-days", 1),
        ms @ ..1_000 => frame.n("up-to-milliseconds", ms),
        ms @ ..60_000 if ms % 1_000 != 0 => frame.with(
            "up-to-seconds-and",
            [("seconds", &format!("{}.{}", ms / 1_000, ms % 1_000 / 100))],
        ),
        ms @ ..60_000 => frame.n("up-to-seconds", ms / 1_000),
        ms @ ..3_600_000 => frame.n("up-to-minutes", ms / 60_000),
        ms @ ..86_400_000 => frame.n("up-to-hours", ms / 3_600_000),
        ms => frame.n("up-to-days", ms / 86_400_000),
    };
    Ok(Columns {
        labels: enforcement::BUCKETS.iter().map(label).collect(),
        series: vec![Series {
            class: "accent",
            shape: "■",
            label: frame.t("enforcement-closed"),
            link: "/devices?filter=high".into(),
            counts: enforcement::histogram(app, DAYS).await?,
        }],
    })
}

/// The connectors, for those who may see them.
async fn health(app: &App, caller: &Caller) -> Result<Vec<Health>> {
    if caller.require_any(connectors::READ).is_err() {
        return Ok(Vec::new());
    }
    let named = connectors::list(app, caller).await?;
    let health = named.into_iter().map(|named| {
        let connector = connectors::current(&named.connector);
        Health {
            name: named.display_name,
            state: connector.partner_state.as_str(),
            heard: connector.last_heartbeat_date_time,
        }
    });
    Ok(health.collect())
}

/// The first steps while any is left, for whoever can take them all.
async fn steps(app: &App, caller: &Caller, counts: &Counts) -> Result<Option<Steps>> {
    if caller.require_any(&[Role::MoatAdministrate]).is_err() {
        return Ok(None);
    }
    let starter = starter::standing(app).await?;
    let steps = Steps {
        device: counts.devices > 0,
        indicator: counts.indicators > 0,
        feed: counts.feeds > 0,
        compliance: starter.compliance,
        conditional_access: starter.conditional_access,
        settings: starter.settings,
    };
    let all = [
        steps.device,
        steps.indicator,
        steps.feed,
        steps.compliance,
        steps.conditional_access,
        steps.settings,
    ];
    Ok(all.contains(&false).then_some(steps))
}
