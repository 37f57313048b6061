//! Triage: what people and API clients do with alerts.

use std::collections::BTreeSet;

use moat_model::{AlertKind, AlertStatus, Classification, Determination, DeviceId, Evidence, Severity, Timestamp};
use moat_policy::say;
use serde::Serialize;

pub use super::search::{AlertRow, EvidenceRow, HistoryRow, comments_of, evidence_of, history};
use super::{
    Incident,
    list::{self, GroupBy, GroupRow, Narrowed},
    note, raise, search,
};
use crate::{
    App,
    app::now,
    audit,
    caller::{Caller, Role},
    db::{Db, Transaction},
    devices,
    error::{Error, Result},
    odata::{Page, Query},
};

pub const READ: &[Role] = &[Role::AlertReadAll, Role::AlertReadWriteAll];
const MAX_TEXT: usize = 4_000;

/// A change of an alert. What is none stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    pub status: Option<AlertStatus>,
    pub assigned_to: Option<String>,
    pub classification: Option<Classification>,
    pub determination: Option<Determination>,
    pub comment: Option<String>,
}

/// The alerts that a query asks for, newest first unless it says otherwise; of one device when `device` is given.
pub async fn list(app: &App, caller: &Caller, query: &Query, device: Option<&str>) -> Result<Page<AlertRow>> {
    caller.require_any(READ)?;
    search::page(&app.db, query, device).await
}

/// A page of the alerts that fit, newest first, and whether there are more.
pub async fn find(
    app: &App,
    caller: &Caller,
    narrowed: &Narrowed,
    skip: u64,
    length: usize,
) -> Result<(Vec<AlertRow>, bool)> {
    caller.require_any(READ)?;
    list::page(&app.db, narrowed, skip, length).await
}

/// The alerts that fit in groups, the worst first.
pub async fn groups(app: &App, caller: &Caller, narrowed: &Narrowed, by: GroupBy) -> Result<Vec<GroupRow>> {
    caller.require_any(READ)?;
    list::groups(&app.db, narrowed, by).await
}

/// The open alerts that somebody should look at first.
pub async fn most_urgent(app: &App, caller: &Caller, limit: u32) -> Result<Vec<AlertRow>> {
    caller.require_any(READ)?;
    search::most_urgent(&app.db, limit).await
}

pub async fn get(app: &App, caller: &Caller, id: &str) -> Result<AlertRow> {
    caller.require_any(READ)?;
    search::get(app.db.read(), id).await?.ok_or_else(|| unknown(id))
}

pub async fn evidence(db: &Db, id: &str) -> Result<Vec<EvidenceRow>> {
    let mut all = evidence_of(db, &[id]).await?;
    Ok(all.remove(id).unwrap_or_default())
}

/// Changes alerts: all of them, or none when one is unknown. Device risk follows in the same transaction.
pub async fn update(app: &App, caller: &Caller, ids: &[String], change: &Change) -> Result<()> {
    caller.require_any(&[Role::AlertReadWriteAll])?;
    check(change)?;
    let mut devices = BTreeSet::new();
    let mut tx = app.db.begin().await?;
    for id in ids {
        let before = search::get(&mut *tx, id).await?.ok_or_else(|| unknown(id))?;
        apply(&mut tx, caller, &before, change).await?;
        let device: DeviceId = before.device_id.parse().map_err(Error::internal)?;
        devices::reassess(&mut tx, device).await?;
        devices.insert(device);
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
    for device in devices {
        app.device_changed(device).await?;
    }
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
        "UPDATE alerts SET status = $1, resolved_at = $2, assigned_to = $3, classification = $4, determination = $5, updated_at = $6, \
         suppressed_by = $7 WHERE id = $8",
    )
    .bind(after.status)
    .bind(resolved_at)
    .bind(after.assigned_to)
    .bind(after.classification)
    .bind(after.determination)
    .bind(now().as_micros())
    // What is opened again is not suppressed any more.
    .bind(before.suppressed_by.clone().filter(|_| resolved_at.is_some()))
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
        if let Some(new) = new.filter(|new| before.as_deref().unwrap_or_default() != new) {
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
        _ => Err(Error::conflict(say("conflict-newer-alert"))),
    }
}

fn check(change: &Change) -> Result<()> {
    for (name, text) in [("assignedTo", &change.assigned_to), ("comment", &change.comment)] {
        if text.as_ref().is_some_and(|text| text.len() > MAX_TEXT) {
            return Err(Error::rule(
                "InvalidInput",
                name,
                say("rule-most-bytes").with("most", MAX_TEXT),
            ));
        }
    }
    check_pair(change.classification, change.determination)
}

fn check_pair(classification: Option<Classification>, determination: Option<Determination>) -> Result<()> {
    match (classification, determination) {
        (Some(c), Some(d)) if !fits(c, d) => {
            let rule = format!(" {d} does not go with classification {c}");
            Err(Error::invalid_field("InvalidInput", "determination", rule))
        }
        _ => Ok(()),
    }
}

fn fits(classification: Classification, determination: Determination) -> bool {
    determinations(classification).contains(&determination)
}

/// The documented pairs, in both documented spellings.
pub const fn determinations(classification: Classification) -> &'static [Determination] {
    use Determination as D;
    match classification {
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
    }
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
    let event = search::event(&mut tx, reference.device, reference.event).await?;
    // Times are written with more or fewer digits; the same second is the same event.
    let same = |time: i64| time.abs_diff(reference.event_time.as_micros()) < 1_000_000;
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
    devices::reassess(&mut tx, reference.device).await?;
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
    app.device_changed(reference.device).await?;
    Ok(id)
}

fn unknown(id: &str) -> Error {
    Error::not_found("alert", id.chars().take(80).collect::<String>())
}
