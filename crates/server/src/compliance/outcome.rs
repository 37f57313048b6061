//! What came out of judging devices, on its way into the database: many rows to a statement.

use sqlx::{AnyConnection, AssertSqlSafe};

use crate::{
    app::now,
    db::{self, ROWS},
    error::Result,
};

/// What changed and is not written yet.
#[derive(Default)]
pub struct Changes {
    pub devices: Vec<Judged>,
    pub policies: Vec<PolicyState>,
    /// Device and policy: the policy does not apply to the device any more.
    pub gone: Vec<(String, String)>,
    /// Device and policy: a period of noncompliance is over.
    pub over: Vec<(String, String)>,
}

/// What is said of a device.
pub struct Judged {
    pub device: String,
    pub state: &'static str,
    pub reasons: String,
    pub grace_until: Option<i64>,
    pub next_at: Option<i64>,
}

/// What a policy says of a device.
pub struct PolicyState {
    pub device: String,
    pub policy: String,
    pub status: &'static str,
    pub noncompliant_since: Option<i64>,
    pub error_since: Option<i64>,
    pub settings: String,
}

impl Changes {
    pub fn len(&self) -> usize {
        self.devices.len() + self.policies.len() + self.gone.len() + self.over.len()
    }

    pub async fn store(self, connection: &mut AnyConnection) -> Result<()> {
        for rows in self.policies.chunks(ROWS) {
            store_policies(connection, rows).await?;
        }
        for (device, policy) in &self.gone {
            delete(connection, DELETE_STATE, device, policy).await?;
        }
        for (device, policy) in self.gone.iter().chain(&self.over) {
            delete(connection, DELETE_ACTIONS, device, policy).await?;
        }
        for rows in self.devices.chunks(ROWS) {
            store_devices(connection, rows).await?;
        }
        Ok(())
    }
}

const DELETE_STATE: &str = "DELETE FROM device_policy_states WHERE device_id = $1 AND policy_id = $2";
const DELETE_ACTIONS: &str = "DELETE FROM noncompliance_actions WHERE device_id = $1 AND policy_id = $2";

async fn delete(connection: &mut AnyConnection, query: &'static str, device: &str, policy: &str) -> Result<()> {
    let query = sqlx::query(query).bind(device.to_string()).bind(policy.to_string());
    query.execute(connection).await?;
    Ok(())
}

async fn store_devices(connection: &mut AnyConnection, rows: &[Judged]) -> Result<()> {
    // The casts tell PostgreSQL what a null is.
    let row = |n: usize| {
        let at = n * 5;
        format!(
            "(${}, ${}, ${}, CAST(${} AS BIGINT), CAST(${} AS BIGINT))",
            at + 1,
            at + 2,
            at + 3,
            at + 4,
            at + 5
        )
    };
    let values: Vec<String> = (0..rows.len()).map(row).collect();
    let sql = format!(
        "WITH judged (id, state, reasons, grace, next) AS (VALUES {}) UPDATE devices SET compliance_state = judged.state, \
         compliance_reasons = judged.reasons, compliance_grace_until = judged.grace, compliance_next_at = judged.next \
         FROM judged WHERE devices.id = judged.id",
        values.join(", ")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for row in rows {
        query = query
            .bind(row.device.clone())
            .bind(row.state)
            .bind(row.reasons.clone())
            .bind(row.grace_until)
            .bind(row.next_at);
    }
    query.execute(connection).await?;
    Ok(())
}

async fn store_policies(connection: &mut AnyConnection, rows: &[PolicyState]) -> Result<()> {
    let sql = format!(
        "INSERT INTO device_policy_states (device_id, policy_id, status, noncompliant_since, error_since, settings, updated_at) \
         VALUES {} ON CONFLICT (device_id, policy_id) DO UPDATE SET status = excluded.status, \
         noncompliant_since = excluded.noncompliant_since, error_since = excluded.error_since, settings = excluded.settings, \
         updated_at = excluded.updated_at",
        db::placeholders(rows.len(), 7)
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for row in rows {
        query = query
            .bind(row.device.clone())
            .bind(row.policy.clone())
            .bind(row.status)
            .bind(row.noncompliant_since)
            .bind(row.error_since)
            .bind(row.settings.clone())
            .bind(now().as_micros());
    }
    query.execute(connection).await?;
    Ok(())
}
