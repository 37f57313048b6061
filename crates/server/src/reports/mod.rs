//! Sites that users reported: filed from check-ins, decided by people.

pub mod console;

use axum::{
    Json,
    extract::{Path, State},
};
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
    indicators,
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
    pub reported_at: i64,
    pub status: String,
    pub indicator_id: Option<i64>,
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
    let kind = match kind {
        ReportKind::Unsafe => "unsafe",
        ReportKind::Mistake => "mistake",
    };
    sqlx::query("INSERT INTO site_reports (id, device_id, url, comment, kind, reported_at, status) VALUES ($1, $2, $3, $4, $5, $6, 'open')")
        .bind(uuid::Uuid::now_v7().to_string())
        .bind(device.to_string())
        .bind(short(url))
        .bind(short(comment))
        .bind(kind)
        .bind(at.as_micros())
        .execute(&mut **tx)
        .await?;
    Ok(())
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
    let query = format!(
        "SELECT r.id, r.device_id, d.name AS device_name, r.url, r.comment, r.kind, r.reported_at, r.status, r.indicator_id \
         FROM site_reports r JOIN devices d ON d.id = r.device_id {which} ORDER BY r.reported_at DESC, r.id DESC LIMIT $1 OFFSET $2"
    );
    let query = sqlx::query_as(AssertSqlSafe(query)).bind(top).bind(skip);
    Ok(query.fetch_all(db.read()).await?)
}

pub async fn get(db: &Db, id: &str) -> Result<ReportRow> {
    let query = "SELECT r.id, r.device_id, d.name AS device_name, r.url, r.comment, r.kind, r.reported_at, r.status, r.indicator_id \
                 FROM site_reports r JOIN devices d ON d.id = r.device_id WHERE r.id = $1";
    let row = sqlx::query_as(query)
        .bind(id.to_string())
        .fetch_optional(db.read())
        .await?;
    row.ok_or_else(|| Error::not_found("report", id))
}

#[derive(Serialize)]
struct Decided {
    decision: Decision,
    indicator: Option<String>,
}

/// Decides an open report. Blocking and allowing make an indicator for the reported URL.
pub async fn decide(app: &App, caller: &Caller, id: &str, decision: Decision) -> Result<ReportRow> {
    caller.require_any(&[Role::TiReadWriteAll, Role::MoatAdministrate])?;
    let report = get(&app.db, id).await?;
    if report.status != "open" {
        return Err(Error::Conflict(format!(
            "the report has been decided: {}",
            report.status
        )));
    }
    let (status, indicator) = match decision {
        Decision::Dismiss => ("dismissed", None),
        Decision::Block => (
            "blocked",
            Some(make_indicator(app, caller, &report, Action::Block).await?),
        ),
        Decision::Allow => (
            "allowed",
            Some(make_indicator(app, caller, &report, Action::Allowed).await?),
        ),
    };
    let mut tx = app.db.begin().await?;
    let query = "UPDATE site_reports SET status = $1, indicator_id = $2, closed_at = $3, closed_by = $4 WHERE id = $5 AND status = 'open'";
    let query = sqlx::query(query).bind(status).bind(indicator).bind(now().as_micros());
    query
        .bind(caller.actor.to_string())
        .bind(id.to_string())
        .execute(&mut *tx)
        .await?;
    let after = Decided {
        decision,
        indicator: indicator.map(|id| id.to_string()),
    };
    let change = audit::Change {
        action: "decide",
        noun: "site report",
        id,
        before: None,
        after: Some(&after),
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    tx.commit().await?;
    app.hub.changed();
    get(&app.db, id).await
}

async fn make_indicator(app: &App, caller: &Caller, report: &ReportRow, action: Action) -> Result<i64> {
    let url = moat_indicators::UrlPattern::parse(&report.url).map_err(|e| Error::invalid(e.code(), e))?;
    let (kind, value) = match (url.path(), url.host().parse::<std::net::IpAddr>()) {
        ("", Ok(ip)) => (IndicatorType::IpAddress, ip.to_string()),
        ("", Err(_)) => (IndicatorType::DomainName, url.host().to_string()),
        _ => (IndicatorType::Url, report.url.clone()),
    };
    let submission = indicators::Submission {
        value: Some(value),
        kind: Some(kind.to_string()),
        action: Some(action.to_string()),
        title: Some(format!("Reported site {}", url.host())),
        description: Some(format!(
            "Reported as {} by {}. {}",
            report.kind,
            report.device_name,
            report.comment.replace(char::is_control, " ")
        )),
        severity: Some(Severity::Medium.to_string()),
        generate_alert: Some((action == Action::Block).to_string()),
        ..indicators::Submission::default()
    };
    let indicator = indicators::create_or_update(app, caller, submission).await?;
    Ok(indicator.id.0.cast_signed())
}

pub async fn admin_list(State(app): State<App>, caller: Caller) -> Result<Json<Value>, ApiError> {
    caller.require_any(&[Role::TiReadWriteAll, Role::MoatAdministrate])?;
    let reports: Vec<Value> = list(&app.db, Show::All, LISTED, 0).await?.iter().map(render).collect();
    Ok(Json(json!({"value": reports})))
}

#[derive(Deserialize)]
pub struct DecideBody {
    decision: Decision,
}

pub async fn admin_decide(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<DecideBody>,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(render(&decide(&app, &caller, &id, body.decision).await?)))
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
