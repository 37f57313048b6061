use std::collections::HashMap;

use moat_model::{DeviceId, Order, OrderAction, OrderId, OrderOutcome};
use sqlx::{AssertSqlSafe, FromRow};

use crate::{
    app::now,
    db::{Db, Transaction},
    devices::search::IDS_PER_QUERY,
    error::{Error, Result},
    odata::Clause,
};

/// An order as the database has it. Ids grow with time.
#[derive(Debug, Clone, FromRow)]
pub struct CommandRow {
    pub id: String,
    pub device_id: String,
    pub action: String,
    /// The action as JSON.
    pub body: String,
    pub ordered_by: String,
    pub ordered_at: i64,
    pub state: String,
    pub detail: String,
    pub updated_at: i64,
}

impl CommandRow {
    pub fn order(&self) -> Result<Order> {
        Ok(Order {
            id: self.id.parse().map_err(Error::internal)?,
            action: serde_json::from_str(&self.body).map_err(Error::internal)?,
        })
    }
}

pub async fn insert(tx: &mut Transaction, device: DeviceId, action: &OrderAction, by: &str) -> Result<()> {
    let body = serde_json::to_string(action).map_err(Error::internal)?;
    let query = "INSERT INTO device_commands (id, device_id, action, body, ordered_by, ordered_at, state, detail, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, 'pending', '', $6)";
    let query = sqlx::query(query)
        .bind(uuid::Uuid::now_v7().to_string())
        .bind(device.to_string())
        .bind(action.word())
        .bind(body)
        .bind(by.to_string())
        .bind(now().as_micros());
    query.execute(&mut **tx).await?;
    Ok(())
}

/// What waits for the device's answer, oldest first.
pub async fn pending(tx: &mut Transaction, device: DeviceId) -> Result<Vec<CommandRow>> {
    let query = "SELECT * FROM device_commands WHERE device_id = $1 AND state = 'pending' ORDER BY id";
    let query = sqlx::query_as(query).bind(device.to_string());
    Ok(query.fetch_all(&mut **tx).await?)
}

/// Stores the device's answer; none when there is no such order, or it was answered before.
pub async fn settle(
    tx: &mut Transaction,
    device: DeviceId,
    id: OrderId,
    outcome: OrderOutcome,
    detail: &str,
) -> Result<Option<CommandRow>> {
    let query = "UPDATE device_commands SET state = $1, detail = $2, updated_at = $3 \
                 WHERE id = $4 AND device_id = $5 AND state = 'pending' RETURNING *";
    let query = sqlx::query_as(query)
        .bind(outcome.as_str())
        .bind(detail.to_string())
        .bind(now().as_micros())
        .bind(id.to_string())
        .bind(device.to_string());
    Ok(query.fetch_optional(&mut **tx).await?)
}

pub async fn cancel(tx: &mut Transaction, id: &str, why: &str) -> Result<()> {
    let query = "UPDATE device_commands SET state = 'canceled', detail = $1, updated_at = $2 WHERE id = $3";
    let query = sqlx::query(query).bind(why.to_string()).bind(now().as_micros());
    query.bind(id.to_string()).execute(&mut **tx).await?;
    Ok(())
}

/// Cancels all that still waits for a device.
pub async fn cancel_all(tx: &mut Transaction, device: DeviceId, why: &str) -> Result<()> {
    let query = "UPDATE device_commands SET state = 'canceled', detail = $1, updated_at = $2 \
                 WHERE device_id = $3 AND state = 'pending'";
    let query = sqlx::query(query).bind(why.to_string()).bind(now().as_micros());
    query.bind(device.to_string()).execute(&mut **tx).await?;
    Ok(())
}

/// The orders to a device, newest first.
pub async fn list(db: &Db, device: DeviceId) -> Result<Vec<CommandRow>> {
    let query = "SELECT * FROM device_commands WHERE device_id = $1 ORDER BY id DESC LIMIT 100";
    let query = sqlx::query_as(query).bind(device.to_string());
    Ok(query.fetch_all(db.read()).await?)
}

/// The newest order of each kind to each of these devices, by device, newest first.
pub async fn newest(db: &Db, devices: &[&str]) -> Result<HashMap<String, Vec<CommandRow>>> {
    let mut found: HashMap<String, Vec<CommandRow>> = HashMap::new();
    for some in devices.chunks(IDS_PER_QUERY) {
        let mut clause = Clause::new(
            "SELECT * FROM device_commands WHERE id IN (SELECT MAX(id) FROM device_commands WHERE device_id IN ",
        );
        clause
            .bind_list(some)
            .push(" GROUP BY device_id, action) ORDER BY id DESC");
        let arguments = clause.arguments()?;
        let rows: Vec<CommandRow> = sqlx::query_as_with(AssertSqlSafe(clause.sql), arguments)
            .fetch_all(db.read())
            .await?;
        for row in rows {
            found.entry(row.device_id.clone()).or_default().push(row);
        }
    }
    Ok(found)
}
