//! Triage: what people and API clients do with alerts.

use std::collections::HashMap;

use moat_model::{AlertKind, AlertStatus, Classification, Determination, DeviceId, Evidence, Severity, Timestamp};
use serde::Serialize;
use sqlx::{AssertSqlSafe, FromRow};

use super::{Incident, note, raise, recompute_risk};
use crate::{
    App,
    app::now,
    audit,
    caller::{Caller, Role},
    db::{Db, Transaction},
    error::{Error, Result},
    odata::{Clause, Kind, Property, Query, Table},
};

const READ: &[Role] = &[Role::AlertReadAll, Role::AlertReadWriteAll];
const MAX_TEXT: usize = 4_000;
/// Ids in one IN list; databases bound the number of values of a statement.
const IDS_PER_QUERY: usize = 500;

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

/// What `$filter` and `$orderby` know, with the documented misspelling.
const TABLE: Table = Table(&[
    property("id", Kind::Text("a.id")),
    property("incidentId", Kind::AlwaysNull),
    property("investigationId", Kind::AlwaysNull),
    property("assignedTo", Kind::Text("a.assigned_to")),
    property("asssignedTo", Kind::Text("a.assigned_to")),
    property("detectionSource", Kind::Text("a.detection_source")),
    property(
        "severity",
        Kind::Word("a.severity", &["UnSpecified", "Informational", "Low", "Medium", "High"]),
    ),
    property(
        "status",
        Kind::Word("a.status", &["Unknown", "New", "InProgress", "Resolved"]),
    ),
    property("classification", Kind::Text("a.classification")),
    property("determination", Kind::Text("a.determination")),
    property("category", Kind::Text("a.category")),
    property("title", Kind::Text("a.title")),
    property("detectorId", Kind::Text("a.kind")),
    property("machineId", Kind::Text("a.device_id")),
    property("computerDnsName", Kind::Text("d.name")),
    property("rbacGroupName", Kind::Text("d.device_group")),
    property("alertCreationTime", Kind::Time("a.created_at")),
    property("lastUpdateTime", Kind::Time("a.updated_at")),
    property("firstEventTime", Kind::Time("a.first_event_at")),
    property("lastEventTime", Kind::Time("a.last_event_at")),
    property("resolvedTime", Kind::Time("a.resolved_at")),
]);

const fn property(name: &'static str, kind: Kind) -> Property {
    Property { name, kind }
}

/// One page of alerts.
pub struct Page {
    pub alerts: Vec<AlertRow>,
    pub has_more: bool,
    /// How many there are without `$top` and `$skip`, when `$count` asked.
    pub count: Option<i64>,
}

/// The alerts that a query asks for, newest first unless it says otherwise; of one device when `device` is given.
pub async fn list(app: &App, caller: &Caller, query: &Query, device: Option<&str>) -> Result<Page> {
    caller.require_any(READ)?;
    let start = |select: &str| {
        let mut clause = Clause::new(select);
        clause.push(" WHERE 1 = 1");
        if let Some(device) = device {
            clause.push(" AND a.device_id = ").bind_text(device);
        }
        clause
    };
    let mut clause = start(SELECT);
    TABLE.finish(&mut clause, query, "a.created_at DESC, a.id DESC")?;
    let arguments = clause.arguments()?;
    let mut alerts: Vec<AlertRow> = sqlx::query_as_with(AssertSqlSafe(clause.sql), arguments)
        .fetch_all(app.db.read())
        .await?;
    let has_more = alerts.len() > query.page() as usize;
    alerts.truncate(query.page() as usize);
    let mut count = None;
    if query.count {
        let mut clause = start("SELECT COUNT(*) FROM alerts a JOIN devices d ON d.id = a.device_id");
        TABLE.restrict(&mut clause, query)?;
        let arguments = clause.arguments()?;
        let total = sqlx::query_scalar_with(AssertSqlSafe(clause.sql), arguments);
        count = Some(total.fetch_one(app.db.read()).await?);
    }
    Ok(Page {
        alerts,
        has_more,
        count,
    })
}

pub async fn get(app: &App, caller: &Caller, id: &str) -> Result<AlertRow> {
    caller.require_any(READ)?;
    let query = sqlx::query_as(AssertSqlSafe(format!("{SELECT} WHERE a.id = $1"))).bind(id.to_string());
    query.fetch_optional(app.db.read()).await?.ok_or_else(|| unknown(id))
}

pub async fn evidence(db: &Db, id: &str) -> Result<Vec<EvidenceRow>> {
    let mut all = evidence_of(db, &[id]).await?;
    Ok(all.remove(id).unwrap_or_default())
}

/// Evidence of several alerts, by alert.
pub async fn evidence_of(db: &Db, ids: &[&str]) -> Result<HashMap<String, Vec<EvidenceRow>>> {
    let mut found: HashMap<String, Vec<EvidenceRow>> = HashMap::new();
    for some in ids.chunks(IDS_PER_QUERY) {
        let mut clause = Clause::new("SELECT alert_id, created_at, body FROM alert_evidence WHERE alert_id IN ");
        list_ids(&mut clause, some).push(" ORDER BY created_at, id");
        let arguments = clause.arguments()?;
        let rows: Vec<(String, i64, String)> = sqlx::query_as_with(AssertSqlSafe(clause.sql), arguments)
            .fetch_all(db.read())
            .await?;
        for (alert, created_at, body) in rows {
            found.entry(alert).or_default().push(EvidenceRow { created_at, body });
        }
    }
    Ok(found)
}

/// Comments on several alerts, by alert.
pub async fn comments_of(db: &Db, ids: &[&str]) -> Result<HashMap<String, Vec<HistoryRow>>> {
    let mut found: HashMap<String, Vec<HistoryRow>> = HashMap::new();
    for some in ids.chunks(IDS_PER_QUERY) {
        let select = "SELECT alert_id, at, actor, text FROM alert_history WHERE kind = 'comment' AND alert_id IN ";
        let mut clause = Clause::new(select);
        list_ids(&mut clause, some).push(" ORDER BY at, id");
        let arguments = clause.arguments()?;
        let rows: Vec<(String, i64, String, String)> = sqlx::query_as_with(AssertSqlSafe(clause.sql), arguments)
            .fetch_all(db.read())
            .await?;
        for (alert, at, actor, text) in rows {
            let kind = "comment".to_string();
            found
                .entry(alert)
                .or_default()
                .push(HistoryRow { at, actor, kind, text });
        }
    }
    Ok(found)
}

fn list_ids<'a>(clause: &'a mut Clause, ids: &[&str]) -> &'a mut Clause {
    for (n, id) in ids.iter().enumerate() {
        clause.push(if n == 0 { "(" } else { ", " }).bind_text(*id);
    }
    clause.push(")")
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
            before: Some(&State::of(&before)),
            after: Some(&State::after(&before, change)),
        };
        audit::record(&mut tx, &caller.actor, change).await?;
    }
    tx.commit().await?;
    app.hub.changed();
    Ok(())
}

/// What the audit log shows of an alert.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct State<'a> {
    status: String,
    assigned_to: Option<String>,
    classification: Option<String>,
    determination: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
}

impl<'a> State<'a> {
    fn of(alert: &AlertRow) -> Self {
        Self {
            status: alert.status.clone(),
            assigned_to: alert.assigned_to.clone(),
            classification: alert.classification.clone(),
            determination: alert.determination.clone(),
            comment: None,
        }
    }

    fn after(before: &AlertRow, change: &'a Change) -> Self {
        let pick = |new: Option<String>, old: &Option<String>| new.or_else(|| old.clone());
        let classification = pick(change.classification.map(|c| c.to_string()), &before.classification);
        Self {
            status: change.status.map_or_else(|| before.status.clone(), |s| s.to_string()),
            // An empty name takes the alert from whoever had it.
            assigned_to: pick(change.assigned_to.clone(), &before.assigned_to).filter(|name| !name.is_empty()),
            determination: change.determination.map(|d| d.to_string()).or_else(|| {
                // A determination that does not go with a new classification is not kept.
                let kept = before.determination.clone()?;
                let (c, d) = (classification.as_deref()?.parse().ok()?, kept.parse().ok()?);
                fits(c, d).then_some(kept)
            }),
            classification,
            comment: change.comment.as_deref(),
        }
    }
}

async fn apply(tx: &mut Transaction, caller: &Caller, before: &AlertRow, change: &Change) -> Result<()> {
    let stored = before
        .classification
        .as_ref()
        .and_then(|c| c.parse::<Classification>().ok());
    check_pair(change.classification.or(stored), change.determination)?;
    let after = State::after(before, change);
    let resolved_at = match change.status {
        Some(AlertStatus::Resolved) => before.resolved_at.or(Some(now().as_micros())),
        Some(_) => None,
        None => before.resolved_at,
    };
    if before.resolved_at.is_some() && resolved_at.is_none() {
        reopenable(tx, before).await?;
    }
    sqlx::query(
        "UPDATE alerts SET status = $1, resolved_at = $2, assigned_to = $3, classification = $4, determination = $5, updated_at = $6 \
         WHERE id = $7",
    )
    .bind(after.status)
    .bind(resolved_at)
    .bind(after.assigned_to)
    .bind(after.classification)
    .bind(after.determination)
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
    check_pair(change.classification, change.determination)
}

fn check_pair(classification: Option<Classification>, determination: Option<Determination>) -> Result<()> {
    match (classification, determination) {
        (Some(c), Some(d)) if !fits(c, d) => {
            let text = format!("determination {d} does not go with classification {c}");
            Err(Error::invalid("InvalidInput", text))
        }
        _ => Ok(()),
    }
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

/// What [`create`] is told of an event.
pub struct Reference {
    pub device: DeviceId,
    /// Number of the event in the device's timeline.
    pub event: i64,
    pub event_time: Timestamp,
    pub title: String,
    pub description: String,
    pub recommended_action: String,
    pub severity: Severity,
    pub category: String,
}

/// Raises an alert about an event that a device reported; adds to an open one with the same title on the same device.
pub async fn create(app: &App, caller: &Caller, reference: Reference) -> Result<String> {
    caller.require_any(&[Role::AlertReadWriteAll])?;
    for (name, text) in [
        ("title", &reference.title),
        ("description", &reference.description),
        ("recommendedAction", &reference.recommended_action),
    ] {
        if text.trim().is_empty() || text.len() > MAX_TEXT {
            let rule = format!("{name} must have 1 to {MAX_TEXT} bytes");
            return Err(Error::invalid("InvalidInput", rule));
        }
    }
    let mut tx = app.db.begin().await?;
    let event: Option<(i64, String)> =
        sqlx::query_as("SELECT time, kind FROM device_events WHERE device_id = $1 AND seq = $2")
            .bind(reference.device.to_string())
            .bind(reference.event)
            .fetch_optional(&mut *tx)
            .await?;
    // Times are written with more or fewer digits; the same second is the same event.
    let same = |time: i64| (time - reference.event_time.as_micros()).abs() < 1_000_000;
    let (time, kind) = event.filter(|(time, _)| same(*time)).ok_or_else(|| {
        Error::NotFound(format!(
            "device {} reported no event {} at that time",
            reference.device, reference.event
        ))
    })?;
    let incident = Incident {
        device: reference.device,
        kind: AlertKind::Manual,
        subject: reference.title.trim().to_string(),
        title: reference.title.trim().to_string(),
        description: reference.description,
        recommended_action: reference.recommended_action,
        severity: reference.severity,
        category: reference.category,
        indicator: None,
        at: Timestamp::from_micros(time),
        count: 1,
        evidence: vec![Evidence::Note {
            text: format!("event {} of the device's timeline: {kind}", reference.event),
        }],
    };
    let id = raise(&mut tx, &incident).await?;
    note(&mut tx, &id, &caller.actor, "changed", "raised by hand from an event").await?;
    recompute_risk(&mut tx, reference.device).await?;
    let after = serde_json::json!({"title": incident.title, "severity": incident.severity, "device": reference.device});
    let change = audit::Change {
        action: "create",
        noun: "alert",
        id: &id,
        before: None,
        after: Some(&after),
    };
    audit::record(&mut tx, &caller.actor, change).await?;
    tx.commit().await?;
    app.hub.changed();
    Ok(id)
}

fn unknown(id: &str) -> Error {
    Error::not_found("alert", id.chars().take(80).collect::<String>())
}
