//! SQL of the overview.

use sqlx::FromRow;

use crate::{db::Db, error::Result};

/// Numbers of the fleet, each the length of a list behind it.
#[derive(Debug, FromRow)]
pub struct Counts {
    pub devices: i64,
    pub jailbroken: i64,
    pub unprotected: i64,
    pub silent: i64,
    pub without_policy: i64,
    pub retire: i64,
    pub failed_orders: i64,
    pub open_alerts: i64,
    pub high_alerts: i64,
    pub open_reports: i64,
    pub indicators: i64,
    pub feeds: i64,
    pub feed_entries: i64,
    /// Enabled feeds whose last refresh failed.
    pub failing_feeds: i64,
}

pub async fn counts(db: &Db) -> Result<Counts> {
    let query = "SELECT f.devices, f.jailbroken, f.unprotected, f.silent, \
        f.devices - (SELECT COUNT(DISTINCT device_id) FROM device_policy_states) + (SELECT COUNT(*) FROM devices d \
            WHERE d.revoked_at IS NOT NULL AND EXISTS (SELECT 1 FROM device_policy_states s WHERE s.device_id = d.id)) AS without_policy, \
        (SELECT COUNT(DISTINCT r.device_id) FROM retire_list r JOIN devices d ON d.id = r.device_id WHERE d.revoked_at IS NULL) AS retire, \
        (SELECT COUNT(*) FROM device_commands c JOIN devices d ON d.id = c.device_id WHERE d.revoked_at IS NULL \
            AND c.state IN ('failed', 'notSupported') AND NOT EXISTS \
            (SELECT 1 FROM device_commands n WHERE n.device_id = c.device_id AND n.id > c.id)) AS failed_orders, \
        (SELECT COUNT(*) FROM alerts WHERE resolved_at IS NULL) AS open_alerts, \
        (SELECT COUNT(*) FROM alerts WHERE resolved_at IS NULL AND severity = 'High') AS high_alerts, \
        (SELECT COUNT(*) FROM site_reports WHERE status = 'open') AS open_reports, \
        (SELECT COUNT(*) FROM indicators) AS indicators, \
        (SELECT COUNT(*) FROM feeds) AS feeds, \
        (SELECT COALESCE(CAST(SUM(entries) AS BIGINT), 0) FROM feeds WHERE enabled <> 0) AS feed_entries, \
        (SELECT COUNT(*) FROM feeds WHERE enabled <> 0 AND error IS NOT NULL) AS failing_feeds \
        FROM (SELECT COUNT(*) AS devices, COUNT(CASE WHEN jailbreak_level <> 'none' THEN 1 END) AS jailbroken, \
            COUNT(CASE WHEN silent_since IS NULL AND web_protection <> 'on' THEN 1 END) AS unprotected, COUNT(silent_since) AS silent \
            FROM devices WHERE revoked_at IS NULL) f";
    Ok(sqlx::query_as(query).fetch_one(db.read()).await?)
}

/// What waits, and how long the audit log is.
#[derive(Debug, FromRow)]
pub struct Queues {
    pub orders: i64,
    pub retire_list: i64,
    pub wipes: i64,
    pub judgements: i64,
    pub actions: i64,
    pub audit_rows: i64,
    pub audit_last: i64,
}

pub async fn queues(db: &Db) -> Result<Queues> {
    let query = "SELECT \
        (SELECT COUNT(*) FROM device_commands WHERE state = 'pending') AS orders, \
        (SELECT COUNT(*) FROM retire_list) AS retire_list, \
        (SELECT COUNT(*) FROM app_wipe_orders WHERE done_at IS NULL) AS wipes, \
        (SELECT COUNT(*) FROM devices WHERE revoked_at IS NULL AND compliance_next_at <= $1) AS judgements, \
        (SELECT COUNT(*) FROM device_policy_states WHERE actions_at <= $1) AS actions, \
        (SELECT h.seq - a.seq FROM audit_chain h, audit_chain a WHERE h.name = 'head' AND a.name = 'anchor') AS audit_rows, \
        (SELECT seq FROM audit_chain WHERE name = 'head') AS audit_last";
    let query = sqlx::query_as(query).bind(crate::app::now().as_micros());
    Ok(query.fetch_one(db.read()).await?)
}

/// Microseconds of a day.
pub const DAY: i64 = 86_400_000_000;

/// How many devices in use have which risk.
pub async fn risks(db: &Db) -> Result<Vec<(String, i64)>> {
    let query = "SELECT risk, COUNT(*) FROM devices WHERE revoked_at IS NULL GROUP BY risk";
    Ok(sqlx::query_as(query).fetch_all(db.read()).await?)
}

/// Alerts since a day, by kind and day since 1970-01-01.
pub async fn threats(db: &Db, first_day: i64) -> Result<Vec<(String, i64, i64)>> {
    let query = "SELECT kind, created_at / 86400000000 AS day, COUNT(*) FROM alerts WHERE created_at >= $1 \
                 GROUP BY kind, created_at / 86400000000";
    let query = sqlx::query_as(query).bind(first_day * DAY);
    Ok(query.fetch_all(db.read()).await?)
}
