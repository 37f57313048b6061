use moat_indicators::entry_ids;
use moat_model::{Action, DeviceId, IndicatorId};
use sqlx::FromRow;

use super::Narrowed;
use crate::{
    app::now,
    db::{Db, Transaction, containing},
    error::Result,
};

/// A day, an action, and how often it was taken.
#[derive(Debug, FromRow)]
pub struct DayRow {
    pub day: i64,
    pub action: String,
    pub count: i64,
}

#[derive(Debug, FromRow)]
pub struct SiteRow {
    pub site: String,
    pub blocked: i64,
    pub warned: i64,
    pub audited: i64,
    pub last_at: i64,
    /// The newest of those that matched it.
    pub indicator_id: i64,
}

/// An indicator, or a feed.
#[derive(Debug, FromRow)]
pub struct SourceRow {
    /// The indicator's, or the first that entries of the feed can have.
    pub id: i64,
    /// The indicator's value, or the feed's name. None: it was deleted.
    pub name: Option<String>,
    pub count: i64,
    pub last_at: i64,
}

#[derive(Debug, FromRow)]
pub struct DeviceRow {
    pub device_id: String,
    pub name: String,
    pub count: i64,
    pub last_at: i64,
}

/// How many other sites a day has.
pub async fn sites_of(tx: &mut Transaction, day: i64, site: &str) -> Result<i64> {
    let query = "SELECT CASE WHEN EXISTS (SELECT 1 FROM web_activity_sites WHERE day = $1 AND site = $2) THEN 0 \
                 ELSE (SELECT COUNT(*) FROM web_activity_sites WHERE day = $1) END";
    let query = sqlx::query_scalar(query).bind(day).bind(site.to_string());
    Ok(query.fetch_one(&mut **tx).await?)
}

pub async fn add_site(
    tx: &mut Transaction,
    day: i64,
    site: &str,
    indicator: IndicatorId,
    action: Action,
    count: u32,
) -> Result<()> {
    let query = "INSERT INTO web_activity_sites (day, site, indicator_id, action, count, last_at) VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (day, site, indicator_id, action) DO UPDATE SET \
                 count = web_activity_sites.count + excluded.count, last_at = excluded.last_at";
    let query = sqlx::query(query)
        .bind(day)
        .bind(site.to_string())
        .bind(indicator.0.cast_signed())
        .bind(action.as_str())
        .bind(i64::from(count.max(1)))
        .bind(now().as_micros());
    query.execute(&mut **tx).await?;
    Ok(())
}

pub async fn add_device(tx: &mut Transaction, day: i64, device: DeviceId, action: Action, count: u32) -> Result<()> {
    let query = "INSERT INTO web_activity_devices (day, device_id, action, count, last_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (day, device_id, action) DO UPDATE SET \
                 count = web_activity_devices.count + excluded.count, last_at = excluded.last_at";
    let query = sqlx::query(query)
        .bind(day)
        .bind(device.to_string())
        .bind(action.as_str())
        .bind(i64::from(count.max(1)))
        .bind(now().as_micros());
    query.execute(&mut **tx).await?;
    Ok(())
}

fn action(narrowed: &Narrowed) -> &'static str {
    narrowed.action.map_or("", |action| action.as_str())
}

pub async fn days(db: &Db, narrowed: &Narrowed) -> Result<Vec<DayRow>> {
    let query = "SELECT day, action, CAST(SUM(count) AS BIGINT) AS count FROM web_activity_sites \
                 WHERE day >= $1 AND ($2 = '' OR action = $2) AND LOWER(site) LIKE $3 ESCAPE '!' GROUP BY day, action";
    let query = sqlx::query_as(query)
        .bind(narrowed.since)
        .bind(action(narrowed))
        .bind(containing(&narrowed.search));
    Ok(query.fetch_all(db.read()).await?)
}

pub async fn sites(db: &Db, narrowed: &Narrowed, most: i64) -> Result<Vec<SiteRow>> {
    let query = "SELECT site, CAST(SUM(CASE WHEN action = 'Block' THEN count ELSE 0 END) AS BIGINT) AS blocked, \
                 CAST(SUM(CASE WHEN action = 'Warn' THEN count ELSE 0 END) AS BIGINT) AS warned, \
                 CAST(SUM(CASE WHEN action NOT IN ('Block', 'Warn') THEN count ELSE 0 END) AS BIGINT) AS audited, \
                 MAX(last_at) AS last_at, MAX(indicator_id) AS indicator_id FROM web_activity_sites \
                 WHERE day >= $1 AND ($2 = '' OR action = $2) AND LOWER(site) LIKE $3 ESCAPE '!' \
                 GROUP BY site ORDER BY SUM(count) DESC, site LIMIT $4";
    let query = sqlx::query_as(query)
        .bind(narrowed.since)
        .bind(action(narrowed))
        .bind(containing(&narrowed.search))
        .bind(most);
    Ok(query.fetch_all(db.read()).await?)
}

/// Entries of one feed count together.
pub async fn sources(db: &Db, narrowed: &Narrowed, most: i64) -> Result<Vec<SourceRow>> {
    let query = "SELECT a.id, COALESCE(i.value, f.name) AS name, a.count, a.last_at FROM \
                 (SELECT CASE WHEN indicator_id < $5 THEN indicator_id ELSE indicator_id - indicator_id % $6 END AS id, \
                 CAST(SUM(count) AS BIGINT) AS count, MAX(last_at) AS last_at FROM web_activity_sites \
                 WHERE day >= $1 AND ($2 = '' OR action = $2) AND LOWER(site) LIKE $3 ESCAPE '!' GROUP BY 1) a \
                 LEFT JOIN indicators i ON i.id = a.id LEFT JOIN feeds f ON a.id >= $5 AND f.number = (a.id - $5) / $6 \
                 ORDER BY a.count DESC, a.id LIMIT $4";
    let (first, last) = entry_ids(0);
    let query = sqlx::query_as(query)
        .bind(narrowed.since)
        .bind(action(narrowed))
        .bind(containing(&narrowed.search))
        .bind(most)
        .bind(first.0.cast_signed())
        .bind((last.0 - first.0 + 1).cast_signed());
    Ok(query.fetch_all(db.read()).await?)
}

pub async fn devices(db: &Db, narrowed: &Narrowed, most: i64) -> Result<Vec<DeviceRow>> {
    let query = "SELECT a.device_id, d.name, a.count, a.last_at FROM \
                 (SELECT device_id, CAST(SUM(count) AS BIGINT) AS count, MAX(last_at) AS last_at FROM web_activity_devices \
                 WHERE day >= $1 AND ($2 = '' OR action = $2) GROUP BY device_id) a \
                 JOIN devices d ON d.id = a.device_id ORDER BY a.count DESC, d.name, a.device_id LIMIT $3";
    let query = sqlx::query_as(query)
        .bind(narrowed.since)
        .bind(action(narrowed))
        .bind(most);
    Ok(query.fetch_all(db.read()).await?)
}

pub async fn delete_before(db: &Db, day: i64) -> Result<()> {
    let mut tx = db.begin().await?;
    for query in [
        "DELETE FROM web_activity_sites WHERE day < $1",
        "DELETE FROM web_activity_devices WHERE day < $1",
    ] {
        sqlx::query(query).bind(day).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(())
}
