//! Triage: what people and API clients do with alerts.

use moat_model::{AlertStatus, Classification, Determination, DeviceId};
use serde::Serialize;
use sqlx::{AssertSqlSafe, FromRow};

use super::{note, recompute_risk};
use crate::{
    App,
    app::now,
    audit,
    caller::{Caller, Role},
    db::{Db, Transaction},
    error::{Error, Result},
    odata::{Condition, Value},
};

const READ: &[Role] = &[Role::AlertReadAll, Role::AlertReadWriteAll];
const MAX_TEXT: usize = 4_000;

/// An alert with the name of its device.
#[derive(Debug, Clone, FromRow)]
pub struct AlertRow {
    pub id: String,
    pub device_id: String,
    pub device_name: String,
    pub device_group: String,
    pub kind: String,
    pub subject: String,
    pub title: String,
    pub description: String,
    pub recommended_action: String,
    pub severity: String,
    pub status: String,
    pub category: String,
    pub detection_source: String,
    pub indicator_id: Option<i64>,
    pub count: i64,
    pub first_event_at: i64,
    pub last_event_at: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub resolved_at: Option<i64>,
    pub assigned_to: Option<String>,
    pub classification: Option<String>,
    pub determination: Option<String>,
}

#[derive(Debug, Clone, FromRow)]
pub struct EvidenceRow {
    pub created_at: i64,
    pub body: String,
}

#[derive(Debug, Clone, FromRow)]
pub struct HistoryRow {
    pub at: i64,
    pub actor: String,
    pub kind: String,
    pub text: String,
}

const SELECT: &str = "SELECT a.id, a.device_id, d.name AS device_name, d.device_group, a.kind, a.subject, a.title, a.description, \
    a.recommended_action, a.severity, a.status, a.category, a.detection_source, a.indicator_id, a.count, a.first_event_at, \
    a.last_event_at, a.created_at, a.updated_at, a.resolved_at, a.assigned_to, a.classification, a.determination \
    FROM alerts a JOIN devices d ON d.id = a.device_id";

/// A change of an alert. What is none stays as it is.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Change {
    pub status: Option<AlertStatus>,
    pub assigned_to: Option<String>,
    pub classification: Option<Classification>,
    pub determination: Option<Determination>,
    pub comment: Option<String>,
}

pub async fn list(app: &App, caller: &Caller, condition: Condition, top: i64, skip: i64) -> Result<Vec<AlertRow>> {
    caller.require_any(READ)?;
    page(&app.db, condition, top, skip).await
}

/// A page of alerts, newest first.
pub async fn page(db: &Db, mut condition: Condition, top: i64, skip: i64) -> Result<Vec<AlertRow>> {
    let (top, skip) = (condition.bind(Value::Number(top)), condition.bind(Value::Number(skip)));
    let sql = format!(
        "{SELECT} WHERE {} ORDER BY a.created_at DESC, a.id DESC LIMIT {top} OFFSET {skip}",
        condition.sql
    );
    let mut query = sqlx::query_as(AssertSqlSafe(sql));
    for value in condition.values {
        query = match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
        };
    }
    Ok(query.fetch_all(db.read()).await?)
}

pub async fn get(app: &App, caller: &Caller, id: &str) -> Result<AlertRow> {
    caller.require_any(READ)?;
    let query = sqlx::query_as(AssertSqlSafe(format!("{SELECT} WHERE a.id = $1"))).bind(id.to_string());
    query.fetch_optional(app.db.read()).await?.ok_or_else(|| unknown(id))
}

pub async fn evidence(db: &Db, id: &str) -> Result<Vec<EvidenceRow>> {
    let query = "SELECT created_at, body FROM alert_evidence WHERE alert_id = $1 ORDER BY created_at, id";
    Ok(sqlx::query_as(query).bind(id.to_string()).fetch_all(db.read()).await?)
}

/// Every change and comment, oldest first.
pub async fn history(db: &Db, id: &str) -> Result<Vec<HistoryRow>> {
    let query = "SELECT at, actor, kind, text FROM alert_history WHERE alert_id = $1 ORDER BY at, id LIMIT 1000";
    Ok(sqlx::query_as(query).bind(id.to_string()).fetch_all(db.read()).await?)
}

/// Changes alerts: all of them, or none when one is unknown. Device risk follows in the same transaction.
pub async fn update(app: &App, caller: &Caller, ids: &[String], change: &Change) -> Result<()> {
    caller.require_any(&[Role::AlertReadWriteAll])?;
    check(change)?;
    let mut tx = app.db.begin().await?;
    for id in ids {
        let query = sqlx::query_as(AssertSqlSafe(format!("{SELECT} WHERE a.id = $1"))).bind(id.clone());
        let before: Option<AlertRow> = query.fetch_optional(&mut *tx).await?;
        let before = before.ok_or_else(|| unknown(id))?;
        apply(&mut tx, caller, &before, change).await?;
        let device: DeviceId = before.device_id.parse().map_err(Error::internal)?;
        recompute_risk(&mut tx, device).await?;
        let change = audit::Change {
            action: "update",
            noun: "alert",
            id,
            before: None,
            after: Some(change),
        };
        audit::record(&mut tx, &caller.actor, change).await?;
    }
    tx.commit().await?;
    app.hub.changed();
    Ok(())
}

async fn apply(tx: &mut Transaction, caller: &Caller, before: &AlertRow, change: &Change) -> Result<()> {
    let status = change
        .status
        .map_or_else(|| before.status.clone(), |status| status.to_string());
    let resolved_at = match change.status {
        Some(AlertStatus::Resolved) => before.resolved_at.or(Some(now().as_micros())),
        Some(_) => None,
        None => before.resolved_at,
    };
    if before.resolved_at.is_some() && resolved_at.is_none() {
        reopenable(tx, before).await?;
    }
    let pick = |new: Option<String>, old: &Option<String>| new.or_else(|| old.clone());
    sqlx::query(
        "UPDATE alerts SET status = $1, resolved_at = $2, assigned_to = $3, classification = $4, determination = $5, updated_at = $6 \
         WHERE id = $7",
    )
    .bind(status)
    .bind(resolved_at)
    .bind(pick(change.assigned_to.clone(), &before.assigned_to))
    .bind(pick(change.classification.map(|c| c.to_string()), &before.classification))
    .bind(pick(change.determination.map(|d| d.to_string()), &before.determination))
    .bind(now().as_micros())
    .bind(before.id.clone())
    .execute(&mut **tx)
    .await?;
    write_history(tx, caller, before, change).await
}

async fn write_history(tx: &mut Transaction, caller: &Caller, before: &AlertRow, change: &Change) -> Result<()> {
    let mut lines: Vec<(&str, String)> = Vec::new();
    if let Some(status) = change.status.filter(|status| status.as_str() != before.status) {
        let kind = if status == AlertStatus::Resolved {
            "resolved"
        } else {
            "changed"
        };
        lines.push((kind, format!("status {} → {status}", before.status)));
    }
    let old = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".into());
    let values = [
        ("assigned to", change.assigned_to.clone(), &before.assigned_to),
        (
            "classification",
            change.classification.map(|c| c.to_string()),
            &before.classification,
        ),
        (
            "determination",
            change.determination.map(|d| d.to_string()),
            &before.determination,
        ),
    ];
    for (name, new, before) in values {
        if let Some(new) = new.filter(|new| before.as_ref() != Some(new)) {
            lines.push(("changed", format!("{name} {} → {new}", old(before))));
        }
    }
    if let Some(comment) = &change.comment {
        lines.push(("comment", comment.clone()));
    }
    for (kind, text) in lines {
        note(tx, &before.id, &caller.actor, kind, &text).await?;
    }
    Ok(())
}

/// A resolved alert cannot be opened again while a newer one of the same kind is open.
async fn reopenable(tx: &mut Transaction, alert: &AlertRow) -> Result<()> {
    let query =
        "SELECT COUNT(*) FROM alerts WHERE device_id = $1 AND kind = $2 AND subject = $3 AND resolved_at IS NULL";
    let query = sqlx::query_scalar::<_, i64>(query)
        .bind(alert.device_id.clone())
        .bind(alert.kind.clone());
    match query.bind(alert.subject.clone()).fetch_one(&mut **tx).await? {
        0 => Ok(()),
        _ => Err(Error::Conflict(
            "a newer alert of the same kind is open on this device; change that one".into(),
        )),
    }
}

fn check(change: &Change) -> Result<()> {
    for (name, text) in [("assignedTo", &change.assigned_to), ("comment", &change.comment)] {
        if text.as_ref().is_some_and(|text| text.len() > MAX_TEXT) {
            return Err(Error::invalid(
                "InvalidInput",
                format!("{name} has more than {MAX_TEXT} bytes"),
            ));
        }
    }
    if let (Some(classification), Some(determination)) = (change.classification, change.determination) {
        if !fits(classification, determination) {
            let text = format!("determination {determination} does not go with classification {classification}");
            return Err(Error::invalid("InvalidInput", text));
        }
    }
    Ok(())
}

/// The documented pairs, in both documented spellings.
fn fits(classification: Classification, determination: Determination) -> bool {
    use Determination as D;
    let fitting: &[Determination] = match classification {
        Classification::TruePositive => &[
            D::MultiStagedAttack,
            D::MaliciousUserActivity,
            D::CompromisedUser,
            D::Malware,
            D::Phishing,
            D::UnwantedSoftware,
            D::Other,
        ],
        Classification::InformationalExpectedActivity => &[
            D::SecurityTesting,
            D::LineOfBusinessApplication,
            D::ConfirmedActivity,
            D::ConfirmedUserActivity,
            D::Other,
        ],
        Classification::FalsePositive => &[D::NotMalicious, D::Clean, D::InsufficientData, D::Other],
    };
    fitting.contains(&determination)
}

fn unknown(id: &str) -> Error {
    Error::not_found("alert", id.chars().take(80).collect::<String>())
}
