//! What came out of judging devices, on its way into the database. Devices of which the same is said are written together.

use std::collections::HashMap;

use moat_model::Timestamp;
use sqlx::AnyConnection;

use crate::{
    db::packed::{self, Packed},
    error::Result,
};

/// What changed and is not written yet.
#[derive(Default)]
pub struct Changes {
    /// With the end of the grace period, and the time when time alone may change it.
    judged: HashMap<Judged, Vec<Packed>>,
    /// With the times since when the device is not compliant, or in error.
    policies: HashMap<PolicyState, Vec<Packed>>,
    /// Device and policy: the policy does not apply to the device any more.
    pub gone: Vec<(String, String)>,
    /// Device and policy: a period of noncompliance is over.
    pub over: Vec<(String, String)>,
}

/// What is said of a device.
#[derive(PartialEq, Eq, Hash)]
pub struct Judged {
    pub state: &'static str,
    pub reasons: String,
}

/// What a policy says of a device.
#[derive(PartialEq, Eq, Hash)]
pub struct PolicyState {
    pub policy: String,
    pub status: &'static str,
    pub settings: String,
    /// Actions for noncompliance are to be carried out besides the mark.
    pub acts: bool,
}

impl Changes {
    pub fn judged(&mut self, judged: Judged, device: &str, grace_until: Option<i64>, next_at: Option<i64>) {
        let row = Packed::new(device, grace_until, next_at);
        self.judged.entry(judged).or_default().push(row);
    }

    pub fn policy(
        &mut self,
        state: PolicyState,
        device: &str,
        noncompliant_since: Option<i64>,
        error_since: Option<i64>,
    ) {
        let row = Packed::new(device, noncompliant_since, error_since);
        self.policies.entry(state).or_default().push(row);
    }

    pub async fn store(self, connection: &mut AnyConnection, at: Timestamp) -> Result<()> {
        for (state, devices) in &self.policies {
            store_policy(connection, state, devices, at).await?;
        }
        for (device, policy) in &self.gone {
            delete(connection, DELETE_STATE, device, policy).await?;
        }
        for (device, policy) in self.gone.iter().chain(&self.over) {
            delete(connection, DELETE_ACTIONS, device, policy).await?;
            delete(connection, DELETE_SCHEDULED, device, policy).await?;
        }
        for (judged, devices) in &self.judged {
            store_judged(connection, judged, devices).await?;
        }
        Ok(())
    }
}

const DELETE_STATE: &str = "DELETE FROM device_policy_states WHERE device_id = $1 AND policy_id = $2";
const DELETE_ACTIONS: &str = "DELETE FROM noncompliance_actions WHERE device_id = $1 AND policy_id = $2";
const DELETE_SCHEDULED: &str = "DELETE FROM retire_list WHERE device_id = $1 AND policy_id = $2";

async fn delete(connection: &mut AnyConnection, query: &'static str, device: &str, policy: &str) -> Result<()> {
    let query = sqlx::query(query).bind(device.to_string()).bind(policy.to_string());
    query.execute(connection).await?;
    Ok(())
}

async fn store_judged(connection: &mut AnyConnection, judged: &Judged, devices: &[Packed]) -> Result<()> {
    const QUERY: &str = packed::statement!(
        "UPDATE devices SET compliance_state = $2, compliance_reasons = $3, compliance_grace_until = packed.a, \
         compliance_next_at = packed.b FROM packed WHERE devices.id = packed.id"
    );
    for devices in devices.chunks(packed::AT_ONCE) {
        let query = sqlx::query(QUERY)
            .bind(packed::text(devices))
            .bind(judged.state)
            .bind(judged.reasons.clone());
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

async fn store_policy(
    connection: &mut AnyConnection,
    state: &PolicyState,
    devices: &[Packed],
    at: Timestamp,
) -> Result<()> {
    // A new period of noncompliance starts its schedule; what happens within one leaves it alone.
    // WHERE keeps SQLite from reading ON CONFLICT as part of the join.
    const QUERY: &str = packed::statement!(
        "INSERT INTO device_policy_states (device_id, policy_id, status, settings, updated_at, noncompliant_since, error_since, \
         actions_at) SELECT packed.id, CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT), packed.a, \
         packed.b, CASE WHEN $6 = 1 THEN packed.a END FROM packed WHERE packed.id <> '' \
         ON CONFLICT (device_id, policy_id) DO UPDATE SET status = excluded.status, actions_at = CASE WHEN device_policy_states.noncompliant_since = excluded.noncompliant_since \
         THEN device_policy_states.actions_at ELSE excluded.actions_at END, \
         noncompliant_since = excluded.noncompliant_since, error_since = excluded.error_since, settings = excluded.settings, \
         updated_at = excluded.updated_at"
    );
    for devices in devices.chunks(packed::AT_ONCE) {
        let query = sqlx::query(QUERY)
            .bind(packed::text(devices))
            .bind(state.policy.clone())
            .bind(state.status)
            .bind(state.settings.clone())
            .bind(at.as_micros())
            .bind(i64::from(state.acts));
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
