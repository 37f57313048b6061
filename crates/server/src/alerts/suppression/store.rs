use moat_model::{AlertKind, DeviceId, Evidence, Timestamp};
use sqlx::{Any, AssertSqlSafe, Executor, FromRow};

use super::{
    Scope,
    condition::{Condition, Subject},
};
use crate::{
    alerts::{
        Incident,
        search::{self, EvidenceRow},
    },
    app::now,
    db::{self, Db, Transaction},
    error::{Error, Result},
    odata::Clause,
};

/// Open alerts that are looked at when a rule is tried; of more, the newest.
const MOST_TRIED: i64 = 20_000;

#[derive(Debug, Clone, FromRow)]
pub struct RuleRow {
    pub id: String,
    pub name: String,
    pub kind: String,
    pub category: String,
    pub value: String,
    pub subdomains: i64,
    pub scope: String,
    pub scope_id: String,
    /// What the scope's id names now; none when it is gone.
    pub scope_name: Option<String>,
    pub note: String,
    pub enabled: i64,
    pub expires_at: Option<i64>,
    pub hits: i64,
    pub last_hit_at: Option<i64>,
    pub created_at: i64,
    pub created_by: String,
    pub updated_at: i64,
    pub updated_by: String,
}

const SELECT: &str = "SELECT r.*, CASE r.scope WHEN 'device' THEN (SELECT name FROM devices WHERE id = r.scope_id) \
     WHEN 'user' THEN (SELECT user_principal_name FROM users WHERE id = r.scope_id) \
     WHEN 'group' THEN (SELECT display_name FROM directory_groups WHERE id = r.scope_id) END AS scope_name \
     FROM suppression_rules r";

pub async fn list(db: &Db) -> Result<Vec<RuleRow>> {
    let query = AssertSqlSafe(format!("{SELECT} ORDER BY r.name, r.id"));
    Ok(sqlx::query_as(query).fetch_all(db.read()).await?)
}

pub async fn get(executor: impl Executor<'_, Database = Any>, id: &str) -> Result<Option<RuleRow>> {
    let query = AssertSqlSafe(format!("{SELECT} WHERE r.id = $1"));
    Ok(sqlx::query_as(query)
        .bind(id.to_string())
        .fetch_optional(executor)
        .await?)
}

/// Rules in force for a device, the oldest first.
pub async fn in_force(tx: &mut Transaction, device: DeviceId) -> Result<Vec<RuleRow>> {
    let query = AssertSqlSafe(format!(
        "{SELECT} WHERE r.enabled = 1 AND (r.expires_at IS NULL OR r.expires_at > $1) AND (r.scope = 'everyone' \
         OR (r.scope = 'device' AND r.scope_id = $2) \
         OR (r.scope = 'user' AND r.scope_id IN (SELECT user_id FROM devices WHERE id = $2)) \
         OR (r.scope = 'group' AND r.scope_id IN (WITH RECURSIVE up AS (SELECT group_id AS id FROM group_members \
         WHERE member_id = $2 OR member_id IN (SELECT user_id FROM devices WHERE id = $2) \
         UNION SELECT x.group_id FROM group_members x JOIN up ON x.member_id = up.id) SELECT id FROM up))) \
         ORDER BY r.created_at, r.id"
    ));
    let query = sqlx::query_as(query).bind(now().as_micros()).bind(device.to_string());
    Ok(query.fetch_all(&mut **tx).await?)
}

pub async fn count(tx: &mut Transaction) -> Result<i64> {
    let query = sqlx::query_scalar("SELECT COUNT(*) FROM suppression_rules");
    Ok(query.fetch_one(&mut **tx).await?)
}

/// Whether another rule has this name.
pub async fn is_taken(tx: &mut Transaction, name: &str, id: &str) -> Result<bool> {
    let query = sqlx::query_scalar("SELECT COUNT(*) FROM suppression_rules WHERE name = $1 AND id <> $2");
    let count: i64 = query
        .bind(name.to_string())
        .bind(id.to_string())
        .fetch_one(&mut **tx)
        .await?;
    Ok(count > 0)
}

pub async fn insert(tx: &mut Transaction, rule: &RuleRow) -> Result<()> {
    sqlx::query(
        "INSERT INTO suppression_rules (id, name, kind, category, value, subdomains, scope, scope_id, note, enabled, expires_at, \
         hits, last_hit_at, created_at, created_by, updated_at, updated_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, 0, NULL, $11, $12, $11, $12)",
    )
    .bind(rule.id.clone())
    .bind(rule.name.clone())
    .bind(rule.kind.clone())
    .bind(rule.category.clone())
    .bind(rule.value.clone())
    .bind(rule.subdomains)
    .bind(rule.scope.clone())
    .bind(rule.scope_id.clone())
    .bind(rule.note.clone())
    .bind(rule.expires_at)
    .bind(rule.created_at)
    .bind(rule.created_by.clone())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn update(tx: &mut Transaction, rule: &RuleRow) -> Result<()> {
    sqlx::query(
        "UPDATE suppression_rules SET name = $1, kind = $2, category = $3, value = $4, subdomains = $5, scope = $6, scope_id = $7, \
         note = $8, enabled = $9, expires_at = $10, updated_at = $11, updated_by = $12 WHERE id = $13",
    )
    .bind(rule.name.clone())
    .bind(rule.kind.clone())
    .bind(rule.category.clone())
    .bind(rule.value.clone())
    .bind(rule.subdomains)
    .bind(rule.scope.clone())
    .bind(rule.scope_id.clone())
    .bind(rule.note.clone())
    .bind(rule.enabled)
    .bind(rule.expires_at)
    .bind(rule.updated_at)
    .bind(rule.updated_by.clone())
    .bind(rule.id.clone())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn delete(tx: &mut Transaction, id: &str) -> Result<()> {
    let query = sqlx::query("DELETE FROM suppression_rules WHERE id = $1").bind(id.to_string());
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Counts what a rule suppressed.
pub async fn hit(tx: &mut Transaction, id: &str, times: i64) -> Result<()> {
    let query = sqlx::query("UPDATE suppression_rules SET hits = hits + $1, last_hit_at = $2 WHERE id = $3")
        .bind(times)
        .bind(now().as_micros())
        .bind(id.to_string());
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Resolves an alert as suppressed. A judgement that somebody made of it stays.
pub async fn suppress(tx: &mut Transaction, alert: &str, rule: &str, at: Timestamp) -> Result<()> {
    let query = sqlx::query(
        "UPDATE alerts SET status = 'Resolved', resolved_at = $1, updated_at = $1, suppressed_by = $2, \
         classification = COALESCE(classification, 'InformationalExpectedActivity') WHERE id = $3",
    );
    let query = query
        .bind(at.as_micros())
        .bind(rule.to_string())
        .bind(alert.to_string());
    query.execute(&mut **tx).await?;
    Ok(())
}

/// The newest alert of what an incident is about, and the rule that resolved it, if one did.
pub async fn newest(tx: &mut Transaction, incident: &Incident) -> Result<Option<(String, Option<String>)>> {
    let query = "SELECT id, suppressed_by FROM alerts WHERE device_id = $1 AND kind = $2 AND subject = $3 \
                 ORDER BY created_at DESC, id DESC LIMIT 1";
    let query = sqlx::query_as(query)
        .bind(incident.device.to_string())
        .bind(incident.kind.as_str())
        .bind(incident.subject.clone());
    Ok(query.fetch_optional(&mut **tx).await?)
}

/// The canonical value of an indicator.
pub async fn value_of(executor: impl Executor<'_, Database = Any>, indicator: i64) -> Result<Option<String>> {
    let query = sqlx::query_scalar("SELECT canonical FROM indicators WHERE id = $1").bind(indicator);
    Ok(query.fetch_optional(executor).await?)
}

/// Ids of the devices, users or groups that a name or id means; more than one when the name is not enough.
pub async fn named(db: &Db, scope: &str, name: &str) -> Result<Vec<String>> {
    let query = match scope {
        "device" => "SELECT id FROM devices WHERE revoked_at IS NULL AND (id = $1 OR LOWER(name) = $1) LIMIT 2",
        "user" => "SELECT id FROM users WHERE id = $1 OR principal_key = $1 LIMIT 2",
        "group" => "SELECT id FROM directory_groups WHERE id = $1 OR LOWER(display_name) = $1 LIMIT 2",
        _ => return Ok(Vec::new()),
    };
    let query = sqlx::query_scalar(query).bind(name.to_lowercase());
    Ok(query.fetch_all(db.read()).await?)
}

/// Categories of the alerts that there are.
pub async fn categories(db: &Db) -> Result<Vec<String>> {
    let query = "SELECT DISTINCT category FROM alerts WHERE resolved_at IS NULL ORDER BY category LIMIT 100";
    Ok(sqlx::query_scalar(query).fetch_all(db.read()).await?)
}

/// An alert that a rule would resolve.
#[derive(Debug, Clone, FromRow)]
pub struct Match {
    pub id: String,
    pub device_id: String,
    kind: String,
    category: String,
    value: Option<String>,
}

/// Open alerts that a rule matches, the newest first.
pub async fn matching(db: &Db, condition: &Condition, scope: &Scope) -> Result<Vec<Match>> {
    let mut clause = Clause::new(
        "SELECT a.id, a.device_id, a.kind, a.category, i.canonical AS value FROM alerts a \
         LEFT JOIN indicators i ON i.id = a.indicator_id WHERE a.resolved_at IS NULL",
    );
    narrow(&mut clause, condition, scope);
    clause.push(" ORDER BY a.created_at DESC, a.id DESC LIMIT ");
    clause.bind_number(MOST_TRIED);
    let arguments = clause.arguments()?;
    let found: Vec<Match> = sqlx::query_as_with(AssertSqlSafe(clause.sql), arguments)
        .fetch_all(db.read())
        .await?;
    let ids: Vec<&str> = match condition.value {
        Some(_) => found.iter().map(|alert| alert.id.as_str()).collect(),
        None => Vec::new(),
    };
    let mut evidence = search::evidence_of(db, &ids).await?;
    let mut matched = Vec::with_capacity(found.len());
    for alert in found {
        let sites = evidence.remove(&alert.id).unwrap_or_default();
        let sites: Vec<String> = sites.iter().filter_map(site).collect();
        let kind: AlertKind = alert.kind.parse().map_err(Error::internal)?;
        let subject = Subject {
            kind,
            category: &alert.category,
            indicator: alert.value.as_deref(),
            sites: sites.iter().map(String::as_str).collect(),
        };
        if condition.matches(&subject) {
            matched.push(alert);
        }
    }
    Ok(matched)
}

/// Leaves out most of what cannot match.
fn narrow(clause: &mut Clause, condition: &Condition, scope: &Scope) {
    if let Some(kind) = condition.kind {
        clause.push(" AND a.kind = ").bind_text(kind.as_str());
    }
    if !condition.category.is_empty() {
        clause.push(" AND a.category = ").bind_text(condition.category.as_str());
    }
    if let Some(needle) = condition.value.as_ref().and_then(|value| value.needle()) {
        let pattern = db::containing(needle);
        clause
            .push(" AND (LOWER(i.canonical) LIKE ")
            .bind_text(pattern.as_str());
        clause.push(
            " ESCAPE '!' OR EXISTS (SELECT 1 FROM alert_evidence e WHERE e.alert_id = a.id AND LOWER(e.body) LIKE ",
        );
        clause.bind_text(pattern).push(" ESCAPE '!'))");
    }
    match scope {
        Scope::Everyone => {}
        Scope::Device(id) => {
            clause.push(" AND a.device_id = ").bind_text(id.to_string());
        }
        Scope::User(id) => {
            clause.push(" AND a.device_id IN (SELECT id FROM devices WHERE user_id = ");
            clause.bind_text(id.to_string()).push(")");
        }
        Scope::Group(id) => {
            clause.push(
                " AND a.device_id IN (WITH RECURSIVE m AS (SELECT member_id AS id FROM group_members WHERE group_id = ",
            );
            clause.bind_text(id.to_string()).push(
                " UNION SELECT x.member_id FROM group_members x JOIN m ON x.group_id = m.id) \
                 SELECT d.id FROM devices d WHERE d.id IN (SELECT id FROM m) OR d.user_id IN (SELECT id FROM m))",
            );
        }
    }
}

fn site(row: &EvidenceRow) -> Option<String> {
    match serde_json::from_str(&row.body) {
        Ok(Evidence::Site { value, .. }) => Some(value),
        _ => None,
    }
}
