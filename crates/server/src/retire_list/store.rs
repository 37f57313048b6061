use moat_model::DeviceId;
use sqlx::{AssertSqlSafe, FromRow};

use crate::{
    app::now,
    db::{Db, Transaction},
    error::{Error, Result},
    odata::{Clause, Kind, Page, Property, Query, Table},
};

/// A device on the list, for one policy.
#[derive(Debug, Clone, FromRow)]
pub struct ScheduledRow {
    pub device_id: String,
    pub device_name: String,
    pub os_platform: String,
    pub management: String,
    pub policy_id: String,
    pub policy_name: String,
    pub status: Option<String>,
    pub kind: String,
    pub due_at: i64,
}

const TABLE: Table = Table(&[
    Property {
        name: "id",
        kind: Kind::Text("r.device_id"),
    },
    Property {
        name: "managedDeviceId",
        kind: Kind::Text("r.device_id"),
    },
    Property {
        name: "managedDeviceName",
        kind: Kind::Text("d.name"),
    },
    Property {
        name: "deviceCompliancePolicyId",
        kind: Kind::Text("r.policy_id"),
    },
    Property {
        name: "deviceCompliancePolicyName",
        kind: Kind::Text("p.display_name"),
    },
    Property {
        name: "retireAfterDateTime",
        kind: Kind::Time("r.due_at"),
    },
]);

pub async fn page(db: &Db, query: &Query) -> Result<Page<ScheduledRow>> {
    let columns = "r.device_id, d.name AS device_name, d.os_platform, d.management, r.policy_id, p.display_name AS policy_name, \
                   s.status, r.kind, r.due_at";
    let from = Clause::new(
        "FROM retire_list r JOIN devices d ON d.id = r.device_id JOIN policies p ON p.id = r.policy_id \
         LEFT JOIN device_policy_states s ON s.device_id = r.device_id AND s.policy_id = r.policy_id \
         WHERE d.revoked_at IS NULL",
    );
    TABLE
        .page(
            db,
            columns,
            &from,
            query,
            "r.due_at, r.device_id, r.policy_id, r.action_id",
        )
        .await
}

pub async fn add(
    tx: &mut Transaction,
    device: &str,
    policy: &str,
    action: &str,
    kind: &str,
    due_at: i64,
) -> Result<()> {
    let query = sqlx::query(
        "INSERT INTO retire_list (device_id, policy_id, action_id, kind, due_at, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT DO NOTHING",
    );
    let query = query
        .bind(device.to_string())
        .bind(policy.to_string())
        .bind(action.to_string())
        .bind(kind.to_string())
        .bind(due_at)
        .bind(now().as_micros());
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Devices in use that are on the list.
pub async fn some_devices(db: &Db, most: usize) -> Result<Vec<DeviceId>> {
    let query = "SELECT DISTINCT r.device_id FROM retire_list r JOIN devices d ON d.id = r.device_id \
                 WHERE d.revoked_at IS NULL ORDER BY 1 LIMIT $1";
    let query = sqlx::query_scalar(query).bind(i64::try_from(most).unwrap_or(i64::MAX));
    let ids: Vec<String> = query.fetch_all(db.read()).await?;
    let ids = ids.iter().map(|id| id.parse()).collect::<Result<_, _>>();
    ids.map_err(Error::internal)
}

/// What is to happen to a device in use: the harder of what policies say. None when it is not on the list.
pub async fn kind_of(tx: &mut Transaction, device: DeviceId) -> Result<Option<String>> {
    // wipe comes after retire.
    let query = "SELECT MAX(r.kind) FROM retire_list r JOIN devices d ON d.id = r.device_id \
                 WHERE r.device_id = $1 AND d.revoked_at IS NULL";
    let query = sqlx::query_scalar(query).bind(device.to_string());
    Ok(query.fetch_one(&mut **tx).await?)
}

pub async fn remove(tx: &mut Transaction, device: DeviceId) -> Result<()> {
    let query = sqlx::query("DELETE FROM retire_list WHERE device_id = $1").bind(device.to_string());
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Takes off what a policy's other actions put on.
pub async fn keep_only(tx: &mut Transaction, policy: &str, actions: &[&str]) -> Result<()> {
    let mut clause = Clause::new("DELETE FROM retire_list WHERE policy_id = ");
    clause.bind_text(policy);
    if !actions.is_empty() {
        clause.push(" AND action_id NOT IN ").bind_list(actions);
    }
    let arguments = clause.arguments()?;
    sqlx::query_with(AssertSqlSafe(clause.sql), arguments)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// What policies would do to a device once somebody agrees: the harder of what they say.
pub async fn of_device(db: &Db, device: DeviceId) -> Result<Option<String>> {
    let query = sqlx::query_scalar("SELECT MAX(kind) FROM retire_list WHERE device_id = $1").bind(device.to_string());
    Ok(query.fetch_one(db.read()).await?)
}
