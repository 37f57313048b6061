//! Sites that users reported: filed from check-ins, decided by people.

pub mod console;
pub mod graph;
mod limits;
mod outcome;
mod search;

use std::net::IpAddr;

use axum::{
    Json,
    extract::{Path, State},
};
use moat_indicators::{Domain, UrlPattern, is_https};
use moat_model::{Action, DeviceId, IndicatorType, Severity, Timestamp, sync::ReportKind};
use moat_policy::say;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, FromRow};

use crate::{
    App,
    app::now,
    audit,
    caller::{Caller, Role},
    db::{Db, Transaction},
    error::{Error, Result},
    indicators::{self, Indicator, Submission},
    json::{ApiError, Body, time},
};

/// Who may see reports: they name sites that people were at.
pub const READ: &[Role] = &[
    Role::TiReadAll,
    Role::TiReadWriteAll,
    Role::ThreatAssessmentReadAll,
    Role::ThreatAssessmentReadWriteAll,
    Role::MoatAdministrate,
];
/// Who may decide about them.
pub const DECIDE: &[Role] = &[Role::TiReadWriteAll, Role::MoatAdministrate];

/// Reports that are decided at once.
const MOST_AT_ONCE: usize = 100;
/// Longest word to whoever reported.
const MAX_ANSWER: usize = 500;
/// Reports that the API lists, newest first.
const LISTED: i64 = 10_000;
const MAX_URL: usize = 2_000;

#[derive(Debug, Clone, FromRow)]
pub struct ReportRow {
    pub id: String,
    pub device_id: String,
    pub device_name: String,
    pub url: String,
    pub comment: String,
    pub kind: String,
    pub category: String,
    pub reported_at: i64,
    pub status: String,
    pub indicator_id: Option<i64>,
    pub closed_at: Option<i64>,
    /// What whoever decided wants whoever reported to know.
    pub answer: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    Block,
    Allow,
    Dismiss,
}

/// Files a report that came with a check-in.
pub async fn file(
    tx: &mut Transaction,
    device: DeviceId,
    url: &str,
    comment: &str,
    kind: ReportKind,
    at: Timestamp,
) -> Result<()> {
    let short = |text: &str| {
        text.chars()
            .filter(|c| !c.is_control())
            .take(MAX_URL)
            .collect::<String>()
    };
    sqlx::query(INSERT)
        .bind(uuid::Uuid::now_v7().to_string())
        .bind(device.to_string())
        .bind("")
        .bind(short(url))
        .bind(short(comment))
        .bind(word(kind))
        .bind("")
        .bind(at.as_micros())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Files a report of an API client.
pub async fn from_api(app: &App, caller: &Caller, url: &str, kind: ReportKind, category: &str) -> Result<ReportRow> {
    if url.len() > MAX_URL || moat_indicators::UrlPattern::parse(url).is_err() {
        return Err(Error::invalid(
            "InvalidUrl",
            "url must be an http or https address of at most 2000 bytes",
        ));
    }
    let id = uuid::Uuid::now_v7().to_string();
    let mut tx = app.db.begin().await?;
    limits::check(&mut tx, url).await?;
    sqlx::query(INSERT)
        .bind(id.clone())
        .bind(None::<String>)
        .bind(caller.actor.to_string())
        .bind(url.to_string())
        .bind("")
        .bind(word(kind))
        .bind(category.to_string())
        .bind(now().as_micros())
        .execute(&mut *tx)
        .await?;
    let change = audit::Change {
        action: "create",
        noun: "site report",
        id: &id,
        before: None,
        after: Some(&url),
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    tx.commit().await?;
    app.hub.changed();
    get(&app.db, &id).await
}

const INSERT: &str = "INSERT INTO site_reports (id, device_id, requested_by, url, comment, kind, category, reported_at, status) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'open')";

const fn word(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::Unsafe => "unsafe",
        ReportKind::Mistake => "mistake",
    }
}

/// Which reports a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    Open,
    Decided,
    All,
}

/// Reports, newest first.
pub async fn list(db: &Db, show: Show, top: i64, skip: i64) -> Result<Vec<ReportRow>> {
    let which = match show {
        Show::Open => "WHERE r.status = 'open'",
        Show::Decided => "WHERE r.status <> 'open'",
        Show::All => "",
    };
    let (columns, from) = (search::COLUMNS, search::FROM);
    let query = format!("SELECT {columns} {from} {which} ORDER BY r.reported_at DESC, r.id DESC LIMIT $1 OFFSET $2");
    let query = sqlx::query_as(AssertSqlSafe(query)).bind(top).bind(skip);
    Ok(query.fetch_all(db.read()).await?)
}

pub async fn get(db: &Db, id: &str) -> Result<ReportRow> {
    let query = format!("SELECT {} {} WHERE r.id = $1", search::COLUMNS, search::FROM);
    let row = sqlx::query_as(AssertSqlSafe(query))
        .bind(id.to_string())
        .fetch_optional(db.read())
        .await?;
    row.ok_or_else(|| Error::not_found("report", id))
}

/// What the audit log keeps of a report.
#[derive(Serialize)]
struct ReportRecord<'a> {
    url: &'a str,
    status: &'a str,
    indicator: Option<String>,
}

/// A report that was decided, and the indicator that was made for it.
pub struct Decided {
    pub report: ReportRow,
    pub indicator: Option<Indicator>,
}

impl Decided {
    /// What whoever decided must know: a page that they reported became a whole host.
    pub fn note(&self) -> Option<&'static str> {
        let whole_host = self.indicator.is_some() && is_https(&self.report.url);
        whole_host.then_some("Over HTTPS devices see only the host, so the indicator is for the host.")
    }
}

/// Decides open reports, each once: of several decisions at the same time the first holds, and it is a conflict when none is
/// left. Blocking and allowing make indicators for what devices can see of the reported URLs. Devices whose users reported
/// get a message with the outcome and `answer`.
pub async fn decide(
    app: &App,
    caller: &Caller,
    ids: &[String],
    decision: Decision,
    answer: &str,
) -> Result<Vec<Decided>> {
    caller.require_any(DECIDE)?;
    let answer = checked(ids, answer)?;
    let mut open = Vec::new();
    for id in ids {
        open.push(get(&app.db, id).await?);
    }
    let mut tx = app.db.begin().await?;
    let mut decided = Vec::new();
    let mut concerns_devices = false;
    for before in open {
        if !close(&mut tx, caller, &before, decision, &answer).await? {
            continue;
        }
        let mut indicator = None;
        if let Some(action) = decision.action() {
            let stored = indicators::store_authorised(app, &mut tx, caller, submission(&before, action)?).await?;
            concerns_devices |= stored.1;
            point_to(&mut tx, &before, &stored.0).await?;
            indicator = Some(stored.0);
        }
        record(&mut tx, caller, &before, decision.status(), indicator.as_ref()).await?;
        outcome::tell(app, &mut tx, caller, &before, decision, &answer).await?;
        decided.push((before, indicator));
    }
    if decided.is_empty() {
        return Err(Error::conflict(say("conflict-decided")));
    }
    match concerns_devices {
        true => indicators::commit(app, tx).await?,
        false => tx.commit().await?,
    }
    let mut told = Vec::with_capacity(decided.len());
    for (before, indicator) in decided {
        if let Ok(device) = before.device_id.parse() {
            app.deliver(device);
        }
        let report = get(&app.db, &before.id).await?;
        told.push(Decided { report, indicator });
    }
    app.hub.changed();
    Ok(told)
}

impl Decision {
    const fn status(self) -> &'static str {
        match self {
            Self::Dismiss => "dismissed",
            Self::Block => "blocked",
            Self::Allow => "allowed",
        }
    }

    const fn action(self) -> Option<Action> {
        match self {
            Self::Dismiss => None,
            Self::Block => Some(Action::Block),
            Self::Allow => Some(Action::Allowed),
        }
    }
}

/// The word to whoever reported, as it is kept.
fn checked(ids: &[String], answer: &str) -> Result<String> {
    if ids.len() > MOST_AT_ONCE {
        let text = format!("at most {MOST_AT_ONCE} reports can be decided at once");
        return Err(Error::invalid("InvalidInput", text));
    }
    let answer = answer.trim();
    if answer.chars().count() > MAX_ANSWER || answer.chars().any(char::is_control) {
        let rule = format!(" must have at most {MAX_ANSWER} characters, none of them a control character");
        return Err(Error::invalid_field("InvalidInput", "message", rule));
    }
    Ok(answer.to_string())
}

/// Takes a report out of the open ones; false when it is none any more.
async fn close(
    tx: &mut Transaction,
    caller: &Caller,
    report: &ReportRow,
    decision: Decision,
    answer: &str,
) -> Result<bool> {
    let query = sqlx::query(
        "UPDATE site_reports SET status = $1, closed_at = $2, closed_by = $3, answer = $4 WHERE id = $5 AND status = 'open'",
    )
    .bind(decision.status())
    .bind(now().as_micros())
    .bind(caller.actor.to_string())
    .bind(answer.to_string())
    .bind(report.id.clone());
    Ok(query.execute(&mut **tx).await?.rows_affected() > 0)
}

async fn point_to(tx: &mut Transaction, report: &ReportRow, indicator: &Indicator) -> Result<()> {
    let query = sqlx::query("UPDATE site_reports SET indicator_id = $1 WHERE id = $2")
        .bind(indicator.id.0.cast_signed())
        .bind(report.id.clone());
    query.execute(&mut **tx).await?;
    Ok(())
}

async fn record(
    tx: &mut Transaction,
    caller: &Caller,
    before: &ReportRow,
    status: &str,
    indicator: Option<&Indicator>,
) -> Result<()> {
    let state = |status, indicator: Option<&Indicator>| ReportRecord {
        url: &before.url,
        status,
        indicator: indicator.map(|indicator| indicator.id.to_string()),
    };
    let change = audit::Change {
        action: "decide",
        noun: "site report",
        id: &before.id,
        before: Some(&state(&before.status, None)),
        after: Some(&state(status, indicator)),
    };
    audit::record(tx, &caller.actor, change).await
}

/// The indicator for a report: the page when it can be seen, else the host.
fn submission(report: &ReportRow, action: Action) -> Result<Submission> {
    let url = UrlPattern::parse(&report.url).map_err(|e| Error::invalid(e.code(), e))?;
    let host = url.host();
    let (kind, value) = match host.parse::<IpAddr>() {
        _ if !url.path().is_empty() && !is_https(&report.url) => (IndicatorType::Url, report.url.clone()),
        Ok(ip) => (IndicatorType::IpAddress, ip.to_string()),
        Err(_) if Domain::parse(host).is_ok() => (IndicatorType::DomainName, host.to_string()),
        // A name of one label covers no subdomains.
        Err(_) => (IndicatorType::Url, format!("https://{host}/")),
    };
    Ok(Submission {
        value: Some(value),
        kind: Some(kind.to_string()),
        action: Some(action.to_string()),
        title: Some(format!("Reported site {host}")),
        description: Some(format!(
            "Reported as {} by {}. {}",
            report.kind,
            report.device_name,
            report.comment.replace(char::is_control, " ")
        )),
        severity: Some(Severity::Medium.to_string()),
        generate_alert: Some((action == Action::Block).to_string()),
        ..Submission::default()
    })
}

pub async fn admin_list(State(app): State<App>, caller: Caller) -> Result<Json<Value>, ApiError> {
    caller.require_any(DECIDE)?;
    let reports: Vec<Value> = list(&app.db, Show::All, LISTED, 0).await?.iter().map(render).collect();
    Ok(Json(json!({"value": reports})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecideBody {
    decision: Decision,
    /// A word to whoever reported.
    #[serde(default)]
    message: String,
}

pub async fn admin_decide(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<DecideBody>,
) -> Result<Json<Value>, ApiError> {
    let decided = decide(&app, &caller, &[id], body.decision, &body.message).await?;
    let decided = decided
        .into_iter()
        .next()
        .ok_or_else(|| Error::conflict(say("conflict-decided")))?;
    let mut answer = render(&decided.report);
    if let Some(note) = decided.note() {
        answer["note"] = note.into();
    }
    let indicator = decided.indicator.as_ref();
    answer["indicator"] = indicator.map_or(Value::Null, indicators::defender::entity);
    Ok(Json(answer))
}

fn render(report: &ReportRow) -> Value {
    json!({
        "id": report.id,
        "deviceId": report.device_id,
        "deviceName": report.device_name,
        "url": report.url,
        "comment": report.comment,
        "kind": report.kind,
        "reportedAt": time(report.reported_at),
        "status": report.status,
        "message": report.answer,
        "indicatorId": report.indicator_id.map(|id| id.to_string()),
    })
}
