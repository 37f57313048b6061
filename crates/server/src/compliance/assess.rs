//! Judging devices: within the transaction that changed a fact, so that no answer is older than what it is about.

use moat_model::{DeviceId, PolicyId, Timestamp};
use moat_policy::{
    assignment::{self, Subject},
    compliance::{AssignedPolicy, ComplianceDecision, Inputs, PolicyDecision, evaluate},
};
use serde_json::{Value, json};
use sqlx::{Any, AnyConnection, Executor};

use super::facts::{DeviceColumns, Fleet, Organisation, Stored};
use crate::{
    App,
    app::now,
    error::{Error, Result},
};

/// Judges one device; whether what is said of it changed.
pub async fn device(connection: &mut AnyConnection, id: DeviceId) -> Result<bool> {
    let organisation = Organisation::load(connection).await?;
    let fleet = Fleet::load(connection, Some(id)).await?;
    match fleet.devices.first() {
        Some(device) => judge(connection, &organisation, &fleet, device).await,
        // It was removed.
        None => Ok(false),
    }
}

/// Judges every device; gives those of which something else is said now.
pub async fn fleet(connection: &mut AnyConnection) -> Result<Vec<DeviceId>> {
    let organisation = Organisation::load(connection).await?;
    let fleet = Fleet::load(connection, None).await?;
    let mut changed = Vec::new();
    for device in &fleet.devices {
        if judge(connection, &organisation, &fleet, device).await? {
            changed.push(device.id.parse().map_err(Error::internal)?);
        }
    }
    Ok(changed)
}

/// Judges up to `most` devices whose time has come; gives when the next one's comes.
pub async fn due(app: &App, most: i64) -> Result<Option<Timestamp>> {
    let next = next_due(app.db.read()).await?;
    if next.is_none_or(|at| at > now()) {
        return Ok(next);
    }
    let mut tx = app.db.begin().await?;
    let query = "SELECT id FROM devices WHERE compliance_next_at <= $1 AND revoked_at IS NULL ORDER BY compliance_next_at LIMIT $2";
    let ids: Vec<String> = sqlx::query_scalar(query)
        .bind(now().as_micros())
        .bind(most)
        .fetch_all(&mut *tx)
        .await?;
    let ids = ids.iter().map(|id| id.parse()).collect::<Result<Vec<DeviceId>, _>>();
    let ids = ids.map_err(Error::internal)?;
    for id in &ids {
        device(&mut tx, *id).await?;
    }
    let next = next_due(&mut *tx).await?;
    tx.commit().await?;
    for id in ids {
        app.device_changed(id).await?;
    }
    Ok(next)
}

async fn next_due(executor: impl Executor<'_, Database = Any>) -> Result<Option<Timestamp>> {
    let query = "SELECT MIN(compliance_next_at) FROM devices WHERE revoked_at IS NULL";
    let next: Option<i64> = sqlx::query_scalar(query).fetch_one(executor).await?;
    Ok(next.map(Timestamp::from_micros))
}

async fn judge(
    connection: &mut AnyConnection,
    organisation: &Organisation,
    fleet: &Fleet,
    device: &DeviceColumns,
) -> Result<bool> {
    let stored = fleet.stored.get(&device.id).map_or(&[][..], Vec::as_slice);
    let facts = fleet.facts(device)?;
    let threats = fleet.threats(device)?;
    let subject = Subject {
        user_groups: device.user_id.as_ref().map(|user| fleet.groups_of(user)),
        device_groups: Some(fleet.groups_of(&device.id)),
    };
    let applies = |policy: &&super::facts::Policy| assignment::evaluate(&policy.targets, subject).applies();
    let policies: Vec<AssignedPolicy<'_>> = organisation
        .policies
        .iter()
        .filter(applies)
        .map(|policy| AssignedPolicy {
            id: policy.id,
            name: &policy.name,
            settings: &policy.body.settings,
            actions: &policy.body.actions,
            previous: find(stored, policy.id)
                .map(|stored| stored.previous)
                .unwrap_or_default(),
        })
        .collect();
    let decision = evaluate(&Inputs {
        device: &facts,
        partners: &threats.partners(organisation),
        policies: &policies,
        tenant: &organisation.tenant,
        now: now(),
    });
    store_policies(connection, &device.id, stored, &decision).await?;
    store_device(connection, device, &decision).await
}

fn find(stored: &[Stored], policy: PolicyId) -> Option<&Stored> {
    let id = policy.to_string();
    stored.iter().find(|stored| stored.policy == id)
}

/// Writes what changed: most judgements change nothing.
async fn store_device(
    connection: &mut AnyConnection,
    device: &DeviceColumns,
    decision: &ComplianceDecision,
) -> Result<bool> {
    let reasons = serde_json::to_string(&decision.reasons).map_err(Error::internal)?;
    let grace = decision.grace_period_expires.map(|at| at.as_micros());
    let next = decision.next_change.map(|at| at.as_micros());
    let says_the_same = device.compliance_state == decision.state.as_str()
        && device.compliance_reasons == reasons
        && device.compliance_grace_until == grace;
    if says_the_same && device.compliance_next_at == next {
        return Ok(false);
    }
    let query = "UPDATE devices SET compliance_state = $1, compliance_reasons = $2, compliance_grace_until = $3, \
                 compliance_next_at = $4 WHERE id = $5";
    let query = sqlx::query(query)
        .bind(decision.state.as_str())
        .bind(reasons)
        .bind(grace)
        .bind(next)
        .bind(device.id.clone());
    query.execute(connection).await?;
    Ok(!says_the_same)
}

async fn store_policies(
    connection: &mut AnyConnection,
    device: &str,
    stored: &[Stored],
    decision: &ComplianceDecision,
) -> Result<()> {
    for policy in &decision.policies {
        let settings = settings(policy).to_string();
        let before = find(stored, policy.id);
        let same = before.is_some_and(|before| {
            before.status == policy.status.as_str()
                && before.settings == settings
                && before.previous.noncompliant_since == policy.noncompliant_since
                && before.previous.error_since == policy.error_since
        });
        if !same {
            upsert(connection, device, policy, settings).await?;
        }
        if policy.noncompliant_since.is_none() && before.is_some_and(|b| b.previous.noncompliant_since.is_some()) {
            forget_actions(connection, device, &policy.id.to_string()).await?;
        }
    }
    let gone = |stored: &&Stored| {
        !decision
            .policies
            .iter()
            .any(|policy| policy.id.to_string() == stored.policy)
    };
    for stored in stored.iter().filter(gone) {
        let query = sqlx::query("DELETE FROM device_policy_states WHERE device_id = $1 AND policy_id = $2");
        let query = query.bind(device.to_string()).bind(stored.policy.clone());
        query.execute(&mut *connection).await?;
        forget_actions(connection, device, &stored.policy).await?;
    }
    Ok(())
}

/// Each setting's status with its reason, for deviceStatuses.
fn settings(policy: &PolicyDecision) -> Value {
    let settings = policy.settings.iter();
    settings
        .map(|setting| json!({"setting": setting.setting, "status": setting.status, "reason": setting.reason}))
        .collect()
}

async fn upsert(connection: &mut AnyConnection, device: &str, policy: &PolicyDecision, settings: String) -> Result<()> {
    let query = "INSERT INTO device_policy_states (device_id, policy_id, status, noncompliant_since, error_since, settings, updated_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (device_id, policy_id) DO UPDATE SET status = excluded.status, \
                 noncompliant_since = excluded.noncompliant_since, error_since = excluded.error_since, \
                 settings = excluded.settings, updated_at = excluded.updated_at";
    let query = sqlx::query(query)
        .bind(device.to_string())
        .bind(policy.id.to_string())
        .bind(policy.status.as_str())
        .bind(policy.noncompliant_since.map(|at| at.as_micros()))
        .bind(policy.error_since.map(|at| at.as_micros()))
        .bind(settings)
        .bind(now().as_micros());
    query.execute(connection).await?;
    Ok(())
}

/// A period of noncompliance is over: the next one starts its schedule anew.
async fn forget_actions(connection: &mut AnyConnection, device: &str, policy: &str) -> Result<()> {
    let query = sqlx::query("DELETE FROM noncompliance_actions WHERE device_id = $1 AND policy_id = $2");
    query
        .bind(device.to_string())
        .bind(policy.to_string())
        .execute(connection)
        .await?;
    Ok(())
}
