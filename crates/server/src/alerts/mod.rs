//! Alerts: raised from what devices report, triaged by people, resolved by either.

pub mod console;
pub mod defender;
pub mod domains;
pub mod graph;
pub mod list;
mod search;
pub mod store;
pub mod suppression;
pub mod triage;

use moat_model::{AlertKind, DeviceId, Evidence, IndicatorId, Severity, Timestamp};
use moat_policy::risk;

use crate::{
    app::now,
    caller::Actor,
    db::Transaction,
    error::{Error, Result},
    secret::random_bytes,
};

/// Evidence kept per alert; of more, only the count is.
const MAX_EVIDENCE: i64 = 50;

/// Something that happened on a device and deserves an alert.
#[derive(Debug, Clone)]
pub struct Incident {
    pub device: DeviceId,
    pub kind: AlertKind,
    /// What it is about within its kind: an indicator's id, or nothing.
    pub subject: String,
    pub title: String,
    pub description: String,
    pub recommended_action: String,
    pub severity: Severity,
    pub category: String,
    pub indicator: Option<IndicatorId>,
    pub at: Timestamp,
    /// How often it happened.
    pub count: u32,
    pub evidence: Vec<Evidence>,
}

/// Opens an alert, or adds to the open one of the same device, kind and subject. What a rule suppresses is stored resolved. The
/// caller recomputes the risk.
pub async fn raise(tx: &mut Transaction, incident: &Incident) -> Result<String> {
    if let Some(open) = store::find_open(tx, incident.device, incident.kind, &incident.subject).await? {
        repeat(tx, &open, incident).await?;
        keep_evidence(tx, &open.id, incident).await?;
        return Ok(open.id);
    }
    match suppression::rule_for(tx, incident).await? {
        Some(rule) => suppression::suppress(tx, incident, &rule).await,
        None => open(tx, incident).await,
    }
}

async fn open(tx: &mut Transaction, incident: &Incident) -> Result<String> {
    let id = new_id();
    store::insert(tx, &id, incident).await?;
    let text = format!("{} alert", incident.severity);
    note(tx, &id, &Actor::System, "created", &text).await?;
    keep_evidence(tx, &id, incident).await?;
    Ok(id)
}

/// Adds to an alert that is resolved and stays so.
async fn add(tx: &mut Transaction, id: &str, incident: &Incident) -> Result<()> {
    store::repeat(tx, id, incident).await?;
    keep_evidence(tx, id, incident).await
}

async fn keep_evidence(tx: &mut Transaction, id: &str, incident: &Incident) -> Result<()> {
    let room = MAX_EVIDENCE - store::count_evidence(tx, id).await?;
    for evidence in incident.evidence.iter().take(usize::try_from(room).unwrap_or(0)) {
        store::insert_evidence(tx, id, evidence).await?;
    }
    Ok(())
}

async fn repeat(tx: &mut Transaction, open: &store::OpenAlert, incident: &Incident) -> Result<()> {
    let before: Severity = open.severity.parse().map_err(Error::internal)?;
    let mut incident = incident.clone();
    // A jailbreak that hides some of its traces is no smaller: only a clean device ends the alert.
    if incident.kind == AlertKind::Jailbreak && incident.severity < before {
        incident.severity = before;
        incident.title.clone_from(&open.title);
    }
    store::repeat(tx, &open.id, &incident).await?;
    if incident.severity != before {
        let text = format!("severity {before} → {}", incident.severity);
        note(tx, &open.id, &Actor::System, "changed", &text).await?;
    }
    Ok(())
}

/// Resolves the open alert of this device, kind and subject, if there is one.
pub async fn resolve_by_itself(
    tx: &mut Transaction,
    device: DeviceId,
    kind: AlertKind,
    subject: &str,
    why: &str,
) -> Result<bool> {
    let Some(open) = store::find_open(tx, device, kind, subject).await? else {
        return Ok(false);
    };
    store::set_resolved(tx, &open.id, now()).await?;
    note(tx, &open.id, &Actor::System, "resolved", why).await?;
    Ok(true)
}

/// Resolves every open alert of a device.
pub async fn resolve_all(tx: &mut Transaction, device: DeviceId, actor: &Actor, why: &str) -> Result<()> {
    for open in store::active(&mut **tx, device).await? {
        store::set_resolved(tx, &open.id, now()).await?;
        note(tx, &open.id, actor, "resolved", why).await?;
    }
    Ok(())
}

/// Sets the device's risk from its open alerts and names the one that decides.
pub async fn recompute_risk(tx: &mut Transaction, device: DeviceId) -> Result<risk::RiskDecision> {
    let active = store::active(&mut **tx, device).await?;
    let decision = risk::evaluate(&active);
    sqlx::query("UPDATE devices SET risk = $1, risk_alert_id = $2 WHERE id = $3")
        .bind(decision.risk.as_str())
        .bind(decision.because.first().map(|alert| alert.id.clone()))
        .bind(device.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(decision)
}

/// Adds a line to an alert's history.
pub async fn note(tx: &mut Transaction, alert: &str, actor: &Actor, kind: &str, text: &str) -> Result<()> {
    store::insert_history(tx, alert, &actor.to_string(), kind, text).await
}

/// Ids look as Defender's do: `da`, 100-nanosecond ticks since year 1, a random number.
fn new_id() -> String {
    const TICKS_AT_1970: i64 = 621_355_968_000_000_000;
    let ticks = TICKS_AT_1970 + now().as_micros() * 10;
    format!("da{ticks}_{}", u32::from_le_bytes(random_bytes()))
}
