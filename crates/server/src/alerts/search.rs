//! SQL of reading alerts.

use std::collections::HashMap;

use moat_model::{DeviceId, Timestamp};
use sqlx::{AssertSqlSafe, FromRow};

use crate::{
    db::{Db, Transaction},
    error::Result,
    odata::{Clause, Kind, Page, Property, Query, Table},
};

/// Ids in one IN list; databases bound the number of values of a statement.
const IDS_PER_QUERY: usize = 500;

/// An alert with the name of its device.
#[derive(Debug, Clone, FromRow)]
pub struct AlertRow {
    pub id: String,
    pub device_id: String,
    pub device_name: String,
    pub device_group: String,
    pub user_id: Option<String>,
    pub user_principal_name: Option<String>,
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
    /// The rule that resolved it.
    pub suppressed_by: Option<String>,
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

pub(super) const COLUMNS: &str = "a.id, a.device_id, d.name AS device_name, d.device_group, d.user_id, u.user_principal_name, a.kind, a.subject, a.title, a.description, \
    a.recommended_action, a.severity, a.status, a.category, a.detection_source, a.indicator_id, a.count, a.first_event_at, \
    a.last_event_at, a.created_at, a.updated_at, a.resolved_at, a.assigned_to, a.classification, a.determination, a.suppressed_by";
pub(super) const FROM: &str =
    "FROM alerts a JOIN devices d ON d.id = a.device_id LEFT JOIN users u ON u.id = d.user_id";

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

/// Graph's word for a determination; the words of `super::graph`.
pub(super) const GRAPH_DETERMINATION: &str = "CASE a.determination WHEN 'MultiStagedAttack' THEN 'multiStagedAttack' \
     WHEN 'MaliciousUserActivity' THEN 'maliciousUserActivity' WHEN 'CompromisedUser' THEN 'compromisedAccount' \
     WHEN 'Malware' THEN 'malware' WHEN 'Phishing' THEN 'phishing' WHEN 'UnwantedSoftware' THEN 'unwantedSoftware' \
     WHEN 'SecurityTesting' THEN 'securityTesting' WHEN 'LineOfBusinessApplication' THEN 'lineOfBusinessApplication' \
     WHEN 'ConfirmedActivity' THEN 'confirmedActivity' WHEN 'ConfirmedUserActivity' THEN 'confirmedActivity' \
     WHEN 'NotMalicious' THEN 'notMalicious' WHEN 'Clean' THEN 'notMalicious' \
     WHEN 'InsufficientData' THEN 'notEnoughDataToValidate' WHEN 'Other' THEN 'other' ELSE 'unknown' END";

/// The same under Graph's names and words.
const GRAPH: Table = Table(&[
    property("id", Kind::Text("a.id")),
    property("assignedTo", Kind::Text("a.assigned_to")),
    property(
        "severity",
        Kind::Word("a.severity", &["Unknown", "Informational", "Low", "Medium", "High"]),
    ),
    property(
        "status",
        Kind::Word("a.status", &["Unknown", "New", "InProgress", "Resolved"]),
    ),
    property(
        "classification",
        Kind::Word(
            "COALESCE(a.classification, 'Unknown')",
            &[
                "Unknown",
                "FalsePositive",
                "TruePositive",
                "InformationalExpectedActivity",
            ],
        ),
    ),
    property(
        "determination",
        Kind::Word(
            GRAPH_DETERMINATION,
            &[
                "unknown",
                "multiStagedAttack",
                "maliciousUserActivity",
                "compromisedAccount",
                "malware",
                "phishing",
                "unwantedSoftware",
                "securityTesting",
                "lineOfBusinessApplication",
                "confirmedActivity",
                "notMalicious",
                "notEnoughDataToValidate",
                "other",
            ],
        ),
    ),
    property("serviceSource", Kind::Text("'microsoftDefenderForEndpoint'")),
    property("category", Kind::Text("a.category")),
    property("title", Kind::Text("a.title")),
    property("createdDateTime", Kind::Time("a.created_at")),
    property("lastUpdateDateTime", Kind::Time("a.updated_at")),
    property("firstActivityDateTime", Kind::Time("a.first_event_at")),
    property("lastActivityDateTime", Kind::Time("a.last_event_at")),
    property("resolvedDateTime", Kind::Time("a.resolved_at")),
]);

const fn property(name: &'static str, kind: Kind) -> Property {
    Property { name, kind }
}

/// A page of alerts, newest first unless the query says otherwise; of one device when `device` is given.
pub async fn page(db: &Db, query: &Query, device: Option<&str>) -> Result<Page<AlertRow>> {
    let mut from = Clause::new(FROM);
    from.push(" WHERE 1 = 1");
    if let Some(device) = device {
        from.push(" AND a.device_id = ").bind_text(device);
    }
    TABLE
        .page(db, COLUMNS, &from, query, "a.created_at DESC, a.id DESC")
        .await
}

/// A page for Graph, newest first unless the query says otherwise.
pub async fn graph_page(db: &Db, query: &Query) -> Result<Page<AlertRow>> {
    let from = Clause::new(&format!("{FROM} WHERE 1 = 1"));
    GRAPH
        .page(db, COLUMNS, &from, query, "a.created_at DESC, a.id DESC")
        .await
}

/// Open alerts, the most severe first, then the newest.
pub async fn most_urgent(db: &Db, limit: u32) -> Result<Vec<AlertRow>> {
    let mut from = Clause::new(FROM);
    from.push(" WHERE a.resolved_at IS NULL");
    let severity = "CASE a.severity WHEN 'High' THEN 0 WHEN 'Medium' THEN 1 WHEN 'Low' THEN 2 ELSE 3 END";
    let query = Query::parse(Some(&format!("$top={limit}")))?;
    let order = format!("{severity}, a.created_at DESC, a.id DESC");
    Ok(TABLE.page(db, COLUMNS, &from, &query, &order).await?.rows)
}

pub async fn get(executor: impl sqlx::Executor<'_, Database = sqlx::Any>, id: &str) -> Result<Option<AlertRow>> {
    let query = AssertSqlSafe(format!("SELECT {COLUMNS} {FROM} WHERE a.id = $1"));
    Ok(sqlx::query_as(query)
        .bind(id.to_string())
        .fetch_optional(executor)
        .await?)
}

/// Time and kind of an event in a device's timeline.
pub async fn event(tx: &mut Transaction, device: DeviceId, seq: i64) -> Result<Option<(i64, String)>> {
    let query = sqlx::query_as("SELECT time, kind FROM device_events WHERE device_id = $1 AND seq = $2");
    Ok(query
        .bind(device.to_string())
        .bind(seq)
        .fetch_optional(&mut **tx)
        .await?)
}

/// Evidence since then whose text holds these words: device, first and last event of the alert, evidence.
pub async fn evidence_with(db: &Db, words: &str, since: Timestamp) -> Result<Vec<(String, i64, i64, String)>> {
    let query = "SELECT a.device_id, a.first_event_at, a.last_event_at, e.body FROM alert_evidence e JOIN alerts a ON a.id = e.alert_id \
                 WHERE a.last_event_at >= $1 AND REPLACE(LOWER(e.body), $2, '') <> LOWER(e.body)";
    let query = sqlx::query_as(query).bind(since.as_micros()).bind(words.to_string());
    Ok(query.fetch_all(db.read()).await?)
}

/// Evidence of several alerts, by alert.
pub async fn evidence_of(db: &Db, ids: &[&str]) -> Result<HashMap<String, Vec<EvidenceRow>>> {
    let mut found: HashMap<String, Vec<EvidenceRow>> = HashMap::new();
    for some in ids.chunks(IDS_PER_QUERY) {
        let mut clause = Clause::new("SELECT alert_id, created_at, body FROM alert_evidence WHERE alert_id IN ");
        clause.bind_list(some).push(" ORDER BY created_at, id");
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
        clause.bind_list(some).push(" ORDER BY at, id");
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

/// Every change and comment, oldest first.
pub async fn history(db: &Db, id: &str) -> Result<Vec<HistoryRow>> {
    let query = "SELECT at, actor, kind, text FROM alert_history WHERE alert_id = $1 ORDER BY at, id LIMIT 1000";
    Ok(sqlx::query_as(query).bind(id.to_string()).fetch_all(db.read()).await?)
}
