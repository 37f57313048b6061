use sqlx::{Any, Executor, FromRow};

use super::Draft;
use crate::{
    db::{self, Db, Transaction},
    error::{Error, Result},
};

/// A feed as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct FeedRow {
    pub number: i64,
    pub name: String,
    pub url: Option<String>,
    pub action: String,
    pub severity: String,
    pub generate_alert: i64,
    pub enabled: i64,
    pub interval_hours: i64,
    pub created_at: i64,
    pub created_by: String,
    pub updated_at: i64,
    pub updated_by: String,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    pub checked_at: Option<i64>,
    pub fetched_at: Option<i64>,
    pub error: Option<String>,
    pub failed_since: Option<i64>,
    pub failures: i64,
    pub due_at: Option<i64>,
    pub format: Option<String>,
    pub bytes: i64,
    pub entries: i64,
    pub content: Option<String>,
    pub report: Option<String>,
}

impl FeedRow {
    pub fn id(&self) -> u16 {
        // Numbers are given by `next_number`, which checks them.
        u16::try_from(self.number).unwrap_or(0)
    }

    pub const fn is_enabled(&self) -> bool {
        self.enabled != 0
    }

    /// How it stands, in one word.
    pub fn state(&self) -> &'static str {
        let now = crate::app::now().as_micros();
        if self.due_at.is_some_and(|due| due <= now) {
            "fetching"
        } else if self.error.is_some() {
            "failing"
        } else if self.content.is_none() {
            "empty"
        } else if self.is_enabled() {
            "enabled"
        } else {
            "disabled"
        }
    }

    pub const fn raises_alerts(&self) -> bool {
        self.generate_alert != 0
    }
}

pub async fn list(executor: impl Executor<'_, Database = Any>) -> Result<Vec<FeedRow>> {
    let query = sqlx::query_as("SELECT * FROM feeds ORDER BY name, number");
    Ok(query.fetch_all(executor).await?)
}

pub async fn get(executor: impl Executor<'_, Database = Any>, number: u16) -> Result<Option<FeedRow>> {
    let query = sqlx::query_as("SELECT * FROM feeds WHERE number = $1").bind(i64::from(number));
    Ok(query.fetch_optional(executor).await?)
}

/// Enabled feeds whose last refresh failed.
pub async fn failing(db: &Db) -> Result<Vec<FeedRow>> {
    let query = sqlx::query_as("SELECT * FROM feeds WHERE enabled <> 0 AND error IS NOT NULL ORDER BY name");
    Ok(query.fetch_all(db.read()).await?)
}

/// The one that is due first.
pub async fn next_due(db: &Db) -> Result<Option<FeedRow>> {
    let query = sqlx::query_as("SELECT * FROM feeds WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1");
    Ok(query.fetch_optional(db.read()).await?)
}

/// Whether another feed has the name.
pub async fn has_name(tx: &mut Transaction, name: &str, but: u16) -> Result<bool> {
    let query = sqlx::query_scalar("SELECT COUNT(*) FROM feeds WHERE LOWER(name) = LOWER($1) AND number <> $2");
    let count: i64 = query.bind(name).bind(i64::from(but)).fetch_one(&mut **tx).await?;
    Ok(count > 0)
}

/// Entries of all feeds but one.
pub async fn entries_of_others(tx: &mut Transaction, but: u16) -> Result<i64> {
    let query = "SELECT COALESCE(CAST(SUM(entries) AS BIGINT), 0) FROM feeds WHERE number <> $1";
    Ok(sqlx::query_scalar(query)
        .bind(i64::from(but))
        .fetch_one(&mut **tx)
        .await?)
}

/// The next number; those of deleted feeds are not given again, because alerts hold them.
pub async fn next_number(tx: &mut Transaction) -> Result<u16> {
    let next = db::meta(&mut **tx, "next_feed_number").await?;
    let next: u16 = next.and_then(|text| text.parse().ok()).unwrap_or(1);
    let after = next
        .checked_add(1)
        .ok_or_else(|| Error::invalid("InvalidInput", "65,535 feeds have been made: change one that is there"))?;
    db::set_meta(tx, "next_feed_number", &after.to_string()).await?;
    Ok(next)
}

pub async fn insert(tx: &mut Transaction, number: u16, draft: &Draft, by: &str, at: i64, due: bool) -> Result<()> {
    let query = "INSERT INTO feeds (number, name, url, action, severity, generate_alert, enabled, interval_hours, created_at, \
                 created_by, updated_at, updated_by, failures, due_at, bytes, entries) \
                 VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $8, $9, 0, $10, 0, 0)";
    sqlx::query(query)
        .bind(i64::from(number))
        .bind(draft.name.as_str())
        .bind(draft.url.as_deref())
        .bind(draft.action.as_str())
        .bind(draft.severity.as_str())
        .bind(i64::from(draft.generate_alert))
        .bind(i64::from(draft.interval_hours))
        .bind(at)
        .bind(by)
        .bind(due.then_some(at))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Writes what people set, and what follows from it.
pub async fn update(tx: &mut Transaction, row: &FeedRow) -> Result<()> {
    let query = "UPDATE feeds SET name = $1, url = $2, action = $3, severity = $4, generate_alert = $5, enabled = $6, \
                 interval_hours = $7, updated_at = $8, updated_by = $9, due_at = $10, etag = $11, last_modified = $12 \
                 WHERE number = $13";
    sqlx::query(query)
        .bind(row.name.as_str())
        .bind(row.url.as_deref())
        .bind(row.action.as_str())
        .bind(row.severity.as_str())
        .bind(row.generate_alert)
        .bind(row.enabled)
        .bind(row.interval_hours)
        .bind(row.updated_at)
        .bind(row.updated_by.as_str())
        .bind(row.due_at)
        .bind(row.etag.as_deref())
        .bind(row.last_modified.as_deref())
        .bind(row.number)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Writes what a try came to.
pub async fn update_state(tx: &mut Transaction, row: &FeedRow) -> Result<()> {
    let query = "UPDATE feeds SET etag = $1, last_modified = $2, checked_at = $3, fetched_at = $4, error = $5, failed_since = $6, \
                 failures = $7, due_at = $8, format = $9, bytes = $10, entries = $11, content = $12, report = $13 WHERE number = $14";
    sqlx::query(query)
        .bind(row.etag.as_deref())
        .bind(row.last_modified.as_deref())
        .bind(row.checked_at)
        .bind(row.fetched_at)
        .bind(row.error.as_deref())
        .bind(row.failed_since)
        .bind(row.failures)
        .bind(row.due_at)
        .bind(row.format.as_deref())
        .bind(row.bytes)
        .bind(row.entries)
        .bind(row.content.as_deref())
        .bind(row.report.as_deref())
        .bind(row.number)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn set_due(tx: &mut Transaction, number: u16, at: i64) -> Result<()> {
    sqlx::query("UPDATE feeds SET due_at = $1 WHERE number = $2")
        .bind(at)
        .bind(i64::from(number))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn delete(tx: &mut Transaction, number: u16) -> Result<()> {
    sqlx::query("DELETE FROM feeds WHERE number = $1")
        .bind(i64::from(number))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Hits of a range of entries' numbers, by the alerts that they raised.
pub async fn hits(db: &Db, first: i64, last: i64) -> Result<i64> {
    let query = "SELECT COALESCE(CAST(SUM(count) AS BIGINT), 0) FROM alerts WHERE indicator_id BETWEEN $1 AND $2";
    Ok(sqlx::query_scalar(query)
        .bind(first)
        .bind(last)
        .fetch_one(db.read())
        .await?)
}
