use moat_model::Timestamp;
use sqlx::{AssertSqlSafe, FromRow};

use super::{NewIndicator, owner_of};
use crate::{
    app::now,
    caller::{Actor, Caller},
    db::{Db, Transaction},
    error::{Error, Result},
    odata::{Condition, Value},
};

#[derive(Debug, Clone, FromRow)]
pub struct IndicatorRow {
    pub id: i64,
    pub value: String,
    pub canonical: String,
    #[sqlx(rename = "type")]
    pub kind: String,
    pub action: String,
    pub application: Option<String>,
    pub title: String,
    pub description: String,
    pub recommended_actions: Option<String>,
    pub severity: String,
    pub category: Option<String>,
    pub mitre_techniques: String,
    pub expires_at: Option<i64>,
    pub generate_alert: i64,
    pub educate_url: Option<String>,
    pub bypass_hours: Option<i64>,
    pub external_id: Option<String>,
    pub device_groups: String,
    pub source_type: String,
    pub created_at: i64,
    pub created_by: String,
    pub created_by_name: String,
    pub updated_at: i64,
    pub updated_by: String,
}

pub async fn get(db: &Db, id: i64) -> Result<Option<IndicatorRow>> {
    let query = sqlx::query_as("SELECT * FROM indicators WHERE id = $1 AND (expires_at IS NULL OR expires_at > $2)");
    Ok(query.bind(id).bind(now().as_micros()).fetch_optional(db.read()).await?)
}

pub async fn find(tx: &mut Transaction, id: i64) -> Result<Option<IndicatorRow>> {
    Ok(sqlx::query_as("SELECT * FROM indicators WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut **tx)
        .await?)
}

/// The indicator that a submission updates: same type, value, action and groups.
pub async fn find_same(
    tx: &mut Transaction,
    new: &NewIndicator,
    canonical: &str,
    groups: &str,
) -> Result<Option<IndicatorRow>> {
    let query = "SELECT * FROM indicators WHERE type = $1 AND canonical = $2 AND action = $3 AND device_groups = $4 ORDER BY id LIMIT 1";
    let query = sqlx::query_as(query)
        .bind(new.kind.as_str())
        .bind(canonical.to_string());
    Ok(query
        .bind(new.action.as_str())
        .bind(groups.to_string())
        .fetch_optional(&mut **tx)
        .await?)
}

/// A page of the live indicators that fit; `owner` limits it to what one client made.
pub async fn page(
    db: &Db,
    mut condition: Condition,
    owner: Option<&str>,
    top: i64,
    skip: i64,
) -> Result<Vec<IndicatorRow>> {
    let live = condition.bind(Value::Number(now().as_micros()));
    let mut sql = format!(
        "SELECT * FROM indicators WHERE {} AND (expires_at IS NULL OR expires_at > {live})",
        condition.sql
    );
    if let Some(owner) = owner {
        let owner = condition.bind(Value::Text(owner.to_string()));
        sql += &format!(" AND created_by = {owner}");
    }
    let (top, skip) = (condition.bind(Value::Number(top)), condition.bind(Value::Number(skip)));
    sql += &format!(" ORDER BY id LIMIT {top} OFFSET {skip}");
    let mut query = sqlx::query_as(AssertSqlSafe(sql));
    for value in condition.values {
        query = match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
        };
    }
    Ok(query.fetch_all(db.read()).await?)
}

pub async fn insert(
    tx: &mut Transaction,
    id: i64,
    new: &NewIndicator,
    canonical: &str,
    groups: &str,
    caller: &Caller,
) -> Result<()> {
    let (source_type, name) = match &caller.actor {
        Actor::Client { name, .. } => ("AadApp", name.clone()),
        Actor::Administrator { name, .. } => ("User", name.clone()),
        other => ("User", other.to_string()),
    };
    sqlx::query(
        "INSERT INTO indicators (id, value, canonical, type, action, application, title, description, recommended_actions, severity, \
         category, mitre_techniques, expires_at, generate_alert, educate_url, bypass_hours, external_id, device_groups, source_type, \
         created_at, created_by, created_by_name, updated_at, updated_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, \
         $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $20, $23)",
    )
    .bind(id)
    .bind(new.value.trim().to_string())
    .bind(canonical.to_string())
    .bind(new.kind.as_str())
    .bind(new.action.as_str())
    .bind(new.application.clone())
    .bind(new.title.clone())
    .bind(new.description.clone())
    .bind(new.recommended_actions.clone())
    .bind(new.severity.as_str())
    .bind(new.category.clone())
    .bind(serde_json::to_string(&new.mitre_techniques).map_err(Error::internal)?)
    .bind(new.expires.map(Timestamp::as_micros))
    .bind(i64::from(new.generate_alert))
    .bind(new.educate_url.clone())
    .bind(new.bypass_hours.map(i64::from))
    .bind(new.external_id.clone())
    .bind(groups.to_string())
    .bind(source_type)
    .bind(now().as_micros())
    .bind(owner_of(caller).map_or_else(|| caller.actor.to_string(), String::from))
    .bind(name)
    .bind(caller.actor.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Changes what a submission may change; the application is set once, at creation.
pub async fn update(tx: &mut Transaction, id: i64, new: &NewIndicator, by: &str) -> Result<()> {
    sqlx::query(
        "UPDATE indicators SET title = $1, description = $2, recommended_actions = $3, severity = $4, category = $5, \
         mitre_techniques = $6, expires_at = $7, generate_alert = $8, educate_url = $9, bypass_hours = $10, external_id = $11, \
         updated_at = $12, updated_by = $13 WHERE id = $14",
    )
    .bind(new.title.clone())
    .bind(new.description.clone())
    .bind(new.recommended_actions.clone())
    .bind(new.severity.as_str())
    .bind(new.category.clone())
    .bind(serde_json::to_string(&new.mitre_techniques).map_err(Error::internal)?)
    .bind(new.expires.map(Timestamp::as_micros))
    .bind(i64::from(new.generate_alert))
    .bind(new.educate_url.clone())
    .bind(new.bypass_hours.map(i64::from))
    .bind(new.external_id.clone())
    .bind(now().as_micros())
    .bind(by.to_string())
    .bind(id)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn delete(tx: &mut Transaction, id: i64) -> Result<()> {
    sqlx::query("DELETE FROM indicators WHERE id = $1")
        .bind(id)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn expired(tx: &mut Transaction, at: Timestamp) -> Result<Vec<IndicatorRow>> {
    let query = sqlx::query_as("SELECT * FROM indicators WHERE expires_at <= $1 ORDER BY expires_at LIMIT 1000");
    Ok(query.bind(at.as_micros()).fetch_all(&mut **tx).await?)
}

/// When the next indicator expires.
pub async fn next_expiry(db: &Db) -> Result<Option<Timestamp>> {
    let query = sqlx::query_scalar::<_, Option<i64>>("SELECT MIN(expires_at) FROM indicators");
    Ok(query.fetch_one(db.read()).await?.map(Timestamp::from_micros))
}
