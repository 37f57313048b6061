//! What a third-party partner sends: heartbeats and threat levels. Described in docs/partner-api.md.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use moat_model::{ConnectorId, DeviceId, PartnerState, ThreatLevel};
use moat_policy::connector as rules;
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::{Any, Executor, FromRow};

use super::{Named, OWN, store};
use crate::{
    App,
    app::now,
    caller::{Caller, Role},
    db::Transaction,
    devices,
    error::{Error, Result},
    json::{ApiResult, Body, time},
    users::checked,
};

pub const WRITE: &[Role] = &[Role::PartnerReport];

/// What a partner said of a device last.
#[derive(Debug, Clone, FromRow)]
pub struct ReportRow {
    pub connector_id: String,
    pub threat_level: String,
    pub agent_active: i64,
    pub reason: String,
    pub reported_at: i64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Heartbeat {
    /// What is wrong at the partner; none when nothing is.
    #[serde(default)]
    error: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Report {
    threat_level: ThreatLevel,
    /// For people: which threat it is.
    #[serde(default)]
    reason: String,
    /// False when the partner's agent is installed but not active.
    #[serde(default = "yes")]
    agent_active: bool,
}

const fn yes() -> bool {
    true
}

/// `POST /partner/v1/connectors/{id}/heartbeat`: the first one finishes the set-up.
pub async fn heartbeat(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(heartbeat): Body<Heartbeat>,
) -> ApiResult<Json<Value>> {
    caller.require_any(WRITE)?;
    let mut tx = app.db.begin().await?;
    let mut named = find(&mut tx, &id).await?;
    let before = rules::evaluate(&named.connector, now()).state;
    named.connector.last_heartbeat_date_time = Some(now());
    named.connector.partner_state = match (named.connector.partner_state, heartbeat.error) {
        (PartnerState::Unavailable, _) => PartnerState::Unavailable,
        (_, Some(_)) => PartnerState::Error,
        (_, None) => PartnerState::Available,
    };
    let after = rules::evaluate(&named.connector, now()).state;
    store::update(&mut tx, &named).await?;
    match before == after {
        true => tx.commit().await?,
        false => app.commit_policy(tx).await?,
    }
    Ok(Json(json!({"partnerState": after})))
}

/// `PUT /partner/v1/connectors/{id}/devices/{device}`: the threat level of a device. Its compliance follows before the answer.
pub async fn report(
    State(app): State<App>,
    caller: Caller,
    Path((id, device)): Path<(String, String)>,
    Body(report): Body<Report>,
) -> ApiResult<StatusCode> {
    caller.require_any(WRITE)?;
    let device: DeviceId = devices::graph::parse(&device)?;
    let reason = match report.reason.trim() {
        "" => String::new(),
        reason => checked("reason", reason, 500)?,
    };
    let mut tx = app.db.begin().await?;
    let named = find(&mut tx, &id).await?;
    if !rules::evaluate(&named.connector, now()).accepts_messages {
        let state = rules::evaluate(&named.connector, now()).state;
        return Err(Error::conflict(format!("the connector is {state}: send a heartbeat first")).into());
    }
    if !devices::store::exists(&mut tx, device).await? {
        return Err(Error::not_found("managed device", device).into());
    }
    let query = "INSERT INTO partner_reports (connector_id, device_id, threat_level, agent_active, reason, reported_at) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (connector_id, device_id) DO UPDATE SET \
                 threat_level = excluded.threat_level, agent_active = excluded.agent_active, reason = excluded.reason, \
                 reported_at = excluded.reported_at";
    let query = sqlx::query(query)
        .bind(named.connector.id.to_string())
        .bind(device.to_string())
        .bind(report.threat_level.as_str())
        .bind(i64::from(report.agent_active))
        .bind(reason)
        .bind(now().as_micros());
    query.execute(&mut *tx).await?;
    devices::reassess(&mut tx, device).await?;
    tx.commit().await?;
    app.device_changed(device).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What partners said of a device.
pub async fn of_device(executor: impl Executor<'_, Database = Any>, device: DeviceId) -> Result<Vec<ReportRow>> {
    let query = "SELECT connector_id, threat_level, agent_active, reason, reported_at FROM partner_reports \
                 WHERE device_id = $1 ORDER BY connector_id";
    Ok(sqlx::query_as(query)
        .bind(device.to_string())
        .fetch_all(executor)
        .await?)
}

/// `GET /partner/v1/connectors/{id}/devices/{device}`
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path((id, device)): Path<(String, String)>,
) -> ApiResult<Json<Value>> {
    caller.require_any(WRITE)?;
    let device = devices::graph::parse(&device)?;
    let reports = of_device(app.db.read(), device).await?;
    let report = reports
        .into_iter()
        .find(|report| report.connector_id.eq_ignore_ascii_case(&id));
    let report = report.ok_or_else(|| Error::not_found("report on device", device))?;
    Ok(Json(json!({
        "threatLevel": report.threat_level,
        "agentActive": report.agent_active != 0,
        "reason": report.reason,
        "reportedAt": time(report.reported_at),
    })))
}

async fn find(tx: &mut Transaction, id: &str) -> Result<Named> {
    let id: ConnectorId = id.parse().map_err(|_| Error::not_found("connector", id))?;
    if id == OWN {
        return Err(Error::Forbidden(
            "Moat's own connector takes no reports from outside".into(),
        ));
    }
    let found = store::get(&mut **tx, id).await?;
    found.ok_or_else(|| Error::not_found("connector", id))
}
