use moat_model::{AlertKind, Classification, DeviceId, Evidence, Severity, Timestamp};
use moat_policy::risk::ActiveAlert;
use sqlx::{Any, Executor, FromRow};

use super::Incident;
use crate::{
    app::now,
    db::Transaction,
    error::{Error, Result},
};

#[derive(Debug, FromRow)]
pub struct OpenAlert {
    pub id: String,
    pub title: String,
    pub severity: String,
}

pub async fn find_open(
    tx: &mut Transaction,
    device: DeviceId,
    kind: AlertKind,
    subject: &str,
) -> Result<Option<OpenAlert>> {
    let query = "SELECT id, title, severity FROM alerts WHERE device_id = $1 AND kind = $2 AND subject = $3 AND resolved_at IS NULL";
    let query = sqlx::query_as(query)
        .bind(device.to_string())
        .bind(kind.as_str())
        .bind(subject.to_string());
    Ok(query.fetch_optional(&mut **tx).await?)
}

/// How the newest alert of this device, kind and subject was classified.
pub async fn last_classification(
    tx: &mut Transaction,
    device: DeviceId,
    kind: AlertKind,
    subject: &str,
) -> Result<Option<Classification>> {
    let query = "SELECT classification FROM alerts WHERE device_id = $1 AND kind = $2 AND subject = $3 \
                 ORDER BY created_at DESC, id DESC LIMIT 1";
    let query = sqlx::query_scalar::<_, Option<String>>(query)
        .bind(device.to_string())
        .bind(kind.as_str())
        .bind(subject.to_string());
    let last = query.fetch_optional(&mut **tx).await?.flatten();
    last.map(|word| word.parse().map_err(Error::internal)).transpose()
}

pub async fn insert(tx: &mut Transaction, id: &str, incident: &Incident) -> Result<()> {
    sqlx::query(
        "INSERT INTO alerts (id, device_id, kind, subject, title, description, recommended_action, severity, status, category, \
         detection_source, indicator_id, count, first_event_at, last_event_at, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'New', $9, $10, $11, $12, $13, $13, $14, $14)",
    )
    .bind(id.to_string())
    .bind(incident.device.to_string())
    .bind(incident.kind.as_str())
    .bind(incident.subject.clone())
    .bind(incident.title.clone())
    .bind(incident.description.clone())
    .bind(incident.recommended_action.clone())
    .bind(incident.severity.as_str())
    .bind(incident.category.clone())
    .bind(if incident.indicator.is_some() { "CustomerTI" } else { "MTP" })
    .bind(incident.indicator.map(|id| id.0.cast_signed()))
    .bind(i64::from(incident.count))
    .bind(incident.at.as_micros())
    .bind(now().as_micros())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn repeat(tx: &mut Transaction, id: &str, incident: &Incident) -> Result<()> {
    sqlx::query(
        "UPDATE alerts SET count = count + $1, severity = $2, title = $3, description = $4, updated_at = $5, \
         last_event_at = CASE WHEN last_event_at < $6 THEN $6 ELSE last_event_at END WHERE id = $7",
    )
    .bind(i64::from(incident.count))
    .bind(incident.severity.as_str())
    .bind(incident.title.clone())
    .bind(incident.description.clone())
    .bind(now().as_micros())
    .bind(incident.at.as_micros())
    .bind(id.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn set_resolved(tx: &mut Transaction, id: &str, at: Timestamp) -> Result<()> {
    sqlx::query("UPDATE alerts SET status = 'Resolved', resolved_at = $1, updated_at = $1 WHERE id = $2")
        .bind(at.as_micros())
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The open alerts of a device, oldest first.
pub async fn active(executor: impl Executor<'_, Database = Any>, device: DeviceId) -> Result<Vec<ActiveAlert>> {
    let query =
        "SELECT id, title, severity FROM alerts WHERE device_id = $1 AND resolved_at IS NULL ORDER BY created_at, id";
    let rows: Vec<(String, String, String)> = sqlx::query_as(query)
        .bind(device.to_string())
        .fetch_all(executor)
        .await?;
    let parse = |(id, title, severity): (String, String, String)| {
        Ok(ActiveAlert {
            id,
            title,
            severity: severity.parse::<Severity>().map_err(Error::internal)?,
        })
    };
    rows.into_iter().map(parse).collect()
}

pub async fn count_evidence(tx: &mut Transaction, alert: &str) -> Result<i64> {
    let query = sqlx::query_scalar("SELECT COUNT(*) FROM alert_evidence WHERE alert_id = $1").bind(alert.to_string());
    Ok(query.fetch_one(&mut **tx).await?)
}

pub async fn insert_evidence(tx: &mut Transaction, alert: &str, evidence: &Evidence) -> Result<()> {
    sqlx::query("INSERT INTO alert_evidence (id, alert_id, created_at, body) VALUES ($1, $2, $3, $4)")
        .bind(uuid::Uuid::now_v7().to_string())
        .bind(alert.to_string())
        .bind(now().as_micros())
        .bind(serde_json::to_string(evidence).map_err(Error::internal)?)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn insert_history(tx: &mut Transaction, alert: &str, actor: &str, kind: &str, text: &str) -> Result<()> {
    sqlx::query("INSERT INTO alert_history (id, alert_id, at, actor, kind, text) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(uuid::Uuid::now_v7().to_string())
        .bind(alert.to_string())
        .bind(now().as_micros())
        .bind(actor.to_string())
        .bind(kind.to_string())
        .bind(text.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}
