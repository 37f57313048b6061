//! SQL of the console's list of alerts: one by one, and in groups.

use sqlx::{AssertSqlSafe, FromRow};

use super::search::{AlertRow, COLUMNS, FROM};
use crate::{app::now, db::Db, error::Result, odata::Clause};

const DAY: i64 = 86_400_000_000;
/// Groups that are shown; of more, the worst.
const MOST_GROUPS: i64 = 200;

/// What narrows the list; empty texts do not, except that an empty status means open alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrowed {
    /// Empty, `resolved`, `suppressed` or `all`.
    pub status: String,
    pub severity: String,
    pub kind: String,
    pub title: String,
    pub device: String,
    pub indicator: String,
    /// A suppression rule.
    pub rule: String,
    pub days: String,
    /// In the title or in the names of device and user.
    pub search: String,
}

impl Narrowed {
    fn add_to(&self, clause: &mut Clause) {
        match self.status.as_str() {
            "all" => {}
            "resolved" => {
                clause.push(" AND a.resolved_at IS NOT NULL");
            }
            "suppressed" => {
                clause.push(" AND a.suppressed_by IS NOT NULL");
            }
            _ => {
                clause.push(" AND a.resolved_at IS NULL");
            }
        }
        let texts = [
            ("a.severity", &self.severity),
            ("a.kind", &self.kind),
            ("a.title", &self.title),
            ("a.device_id", &self.device),
            ("a.suppressed_by", &self.rule),
        ];
        for (column, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            clause.push(&format!(" AND {column} = ")).bind_text(text.as_str());
        }
        if let Ok(id) = self.indicator.parse::<i64>() {
            clause.push(" AND a.indicator_id = ").bind_number(id);
        }
        if let Ok(days) = self.days.parse::<u16>() {
            // Whole days, as the charts count them.
            let first = now().as_micros() / DAY - i64::from(days) + 1;
            clause.push(" AND a.created_at >= ").bind_number(first * DAY);
        }
        if !self.search.is_empty() {
            for (n, column) in ["a.title", "d.name", "COALESCE(u.user_principal_name, '')"]
                .iter()
                .enumerate()
            {
                clause.push(if n == 0 { " AND (" } else { " OR " });
                clause.push(&format!("LOWER({column}) <> REPLACE(LOWER({column}), LOWER("));
                clause.bind_text(self.search.as_str()).push("), '')");
            }
            clause.push(")");
        }
    }
}

/// A page of alerts, newest first, and whether there are more.
pub async fn page(db: &Db, narrowed: &Narrowed, skip: u64, length: usize) -> Result<(Vec<AlertRow>, bool)> {
    let mut clause = Clause::new(&format!("SELECT {COLUMNS} {FROM} WHERE 1 = 1"));
    narrowed.add_to(&mut clause);
    clause.push(" ORDER BY a.created_at DESC, a.id DESC LIMIT ");
    clause
        .bind_number(i64::try_from(length).unwrap_or(i64::MAX) + 1)
        .push(" OFFSET ");
    clause.bind_number(i64::try_from(skip).unwrap_or(i64::MAX));
    let arguments = clause.arguments()?;
    let mut rows: Vec<AlertRow> = sqlx::query_as_with(AssertSqlSafe(clause.sql), arguments)
        .fetch_all(db.read())
        .await?;
    let has_more = rows.len() > length;
    rows.truncate(length);
    Ok((rows, has_more))
}

/// By what alerts are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    Title,
    Device,
}

/// Alerts with the same title, or of the same device.
#[derive(Debug, Clone, FromRow)]
pub struct GroupRow {
    /// The title, or the device's id.
    pub key: String,
    pub label: String,
    pub alerts: i64,
    pub devices: i64,
    pub times: i64,
    rank: i64,
    pub last_event_at: i64,
}

impl GroupRow {
    /// The worst in it.
    pub const fn severity(&self) -> &'static str {
        match self.rank {
            3 => "High",
            2 => "Medium",
            1 => "Low",
            _ => "Informational",
        }
    }
}

/// Groups of alerts, the worst first, then the newest.
pub async fn groups(db: &Db, narrowed: &Narrowed, by: GroupBy) -> Result<Vec<GroupRow>> {
    let (key, label) = match by {
        GroupBy::Title => ("a.title", "MAX(a.title)"),
        GroupBy::Device => ("a.device_id", "MAX(d.name)"),
    };
    let from = match by {
        GroupBy::Title if narrowed.search.is_empty() => "FROM alerts a",
        _ => FROM,
    };
    let mut clause = Clause::new(&format!(
        "SELECT {key} AS key, {label} AS label, COUNT(*) AS alerts, COUNT(DISTINCT a.device_id) AS devices, \
         CAST(SUM(a.count) AS BIGINT) AS times, CAST(MAX(CASE a.severity WHEN 'High' THEN 3 WHEN 'Medium' THEN 2 \
         WHEN 'Low' THEN 1 ELSE 0 END) AS BIGINT) AS rank, MAX(a.last_event_at) AS last_event_at {from} WHERE 1 = 1"
    ));
    narrowed.add_to(&mut clause);
    clause.push(&format!(
        " GROUP BY {key} ORDER BY rank DESC, last_event_at DESC, key LIMIT "
    ));
    clause.bind_number(MOST_GROUPS);
    let arguments = clause.arguments()?;
    let query = sqlx::query_as_with(AssertSqlSafe(clause.sql), arguments);
    Ok(query.fetch_all(db.read()).await?)
}

/// How often each of these indicators was hit, by the alerts that it raised.
pub async fn hits(db: &Db, indicators: &[i64]) -> Result<Vec<(i64, i64)>> {
    if indicators.is_empty() {
        return Ok(Vec::new());
    }
    let mut clause = Clause::new("SELECT indicator_id, CAST(SUM(count) AS BIGINT) FROM alerts WHERE indicator_id IN (");
    for (n, id) in indicators.iter().enumerate() {
        clause.push(if n == 0 { "" } else { ", " }).bind_number(*id);
    }
    clause.push(") GROUP BY indicator_id");
    let arguments = clause.arguments()?;
    let query = sqlx::query_as_with(AssertSqlSafe(clause.sql), arguments);
    Ok(query.fetch_all(db.read()).await?)
}
