//! Sites that users reported: filed from check-ins, decided by people.

pub mod console;
pub mod graph;
mod limits;
mod search;

use std::net::IpAddr;

use axum::{
    Json,
    extract::{Path, State},
};
use moat_indicators::{Domain, UrlPattern, is_https};
use moat_model::{Action, DeviceId, IndicatorType, Severity, Timestamp, sync::ReportKind};
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

/// Decides an open report, once: of several at the same time the first holds. Blocking and allowing make an indicator for
/// what devices can see of the reported URL.
pub async fn decide(app: &App, caller: &Caller, id: &str, decision: Decision) -> Result<Decided> {
    caller.require_any(&[Role::TiReadWriteAll, Role::MoatAdministrate])?;
    let (status, action) = match decision {
        Decision::Dismiss => ("dismissed", None),
        Decision::Block => ("blocked", Some(Action::Block)),
        Decision::Allow => ("allowed", Some(Action::Allowed)),
    };
    let before = get(&app.db, id).await?;
    let mut tx = app.db.begin().await?;
    close(&mut tx, caller, &before, status).await?;
    let mut stored = None;
    if let Some(action) = action {
        stored = Some(indicators::store_authorised(app, &mut tx, caller, submission(&before, action)?).await?);
    }
    let concerns_devices = stored.as_ref().is_some_and(|(_, concerns_devices)| *concerns_devices);
    let indicator = stored.map(|(indicator, _)| indicator);
    if let Some(indicator) = &indicator {
        let query = sqlx::query("UPDATE site_reports SET indicator_id = $1 WHERE id = $2");
        let query = query.bind(indicator.id.0.cast_signed()).bind(id.to_string());
        query.execute(&mut *tx).await?;
    }
    record(&mut tx, caller, &before, status, indicator.as_ref()).await?;
    match concerns_devices {
        true => indicators::commit(app, tx).await?,
        false => tx.commit().await?,
    }
    app.hub.changed();
    let report = get(&app.db, id).await?;
    Ok(Decided { report, indicator })
}

/// Takes a report out of the open ones; fails when it is none any more.
async fn close(tx: &mut Transaction, caller: &Caller, report: &ReportRow, status: &str) -> Result<()> {
    let query = sqlx::query(
        "UPDATE site_reports SET status = $1, closed_at = $2, closed_by = $3 WHERE id = $4 AND status = 'open'",
    )
    .bind(status.to_string())
    .bind(now().as_micros())
    .bind(caller.actor.to_string())
    .bind(report.id.clone());
    match query.execute(&mut **tx).await?.rows_affected() {
        0 => Err(Error::Conflict("the report has been decided already".into())),
        _ => Ok(()),
    }
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
    caller.require_any(&[Role::TiReadWriteAll, Role::MoatAdministrate])?;
    let reports: Vec<Value> = list(&app.db, Show::All, LISTED, 0).await?.iter().map(render).collect();
    Ok(Json(json!({"value": reports})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecideBody {
    decision: Decision,
}

pub async fn admin_decide(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<DecideBody>,
) -> Result<Json<Value>, ApiError> {
    let decided = decide(&app, &caller, &id, body.decision).await?;
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
        "indicatorId": report.indicator_id.map(|id| id.to_string()),
    })
}
