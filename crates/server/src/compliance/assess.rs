//! Judging devices: within the transaction that changed a fact, so that no answer is older than what it is about.

use moat_model::{DeviceId, PolicyId, Timestamp};
use moat_policy::{
    assignment::{self, Subject},
    compliance::{AssignedPolicy, ComplianceDecision, Inputs, PolicyDecision, evaluate},
};
use serde_json::{Value, json};
use sqlx::{Any, AnyConnection, Executor};

use super::{
    facts::{DeviceColumns, Fleet, Organisation, Stored},
    outcome::{Changes, Judged, PolicyState},
};
use crate::{
    App,
    app::now,
    error::{Error, Result},
};

/// Changes that are kept in memory before they are written.
const AT_ONCE: usize = 2_000;

/// Judges one device; whether what is said of it changed.
pub async fn device(connection: &mut AnyConnection, id: DeviceId) -> Result<bool> {
    let organisation = Organisation::load(connection).await?;
    let fleet = Fleet::load(connection, Some(id)).await?;
    match fleet.devices.first() {
        Some(device) => {
            let mut changes = Changes::default();
            let says_otherwise = judge(&mut changes, &organisation, &fleet, device)?;
            changes.store(connection).await?;
            Ok(says_otherwise)
        }
        // It was removed.
        None => Ok(false),
    }
}

/// Judges every device; gives those of which something else is said now.
pub async fn fleet(connection: &mut AnyConnection) -> Result<Vec<DeviceId>> {
    let organisation = Organisation::load(connection).await?;
    let fleet = Fleet::load(connection, None).await?;
    let (mut changed, mut changes) = (Vec::new(), Changes::default());
    for device in &fleet.devices {
        if judge(&mut changes, &organisation, &fleet, device)? {
            changed.push(device.id.parse().map_err(Error::internal)?);
        }
        if changes.len() >= AT_ONCE {
            std::mem::take(&mut changes).store(connection).await?;
        }
    }
    changes.store(connection).await?;
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

/// Judges a device and adds what changed; gives whether something else is said of it.
fn judge(changes: &mut Changes, organisation: &Organisation, fleet: &Fleet, device: &DeviceColumns) -> Result<bool> {
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
    note(changes, device, stored, &decision)
}

fn find(stored: &[Stored], policy: PolicyId) -> Option<&Stored> {
    let id = policy.to_string();
    stored.iter().find(|stored| stored.policy == id)
}

/// Adds what changed; gives whether something else is said of the device. Most judgements change nothing.
fn note(
    changes: &mut Changes,
    device: &DeviceColumns,
    stored: &[Stored],
    decision: &ComplianceDecision,
) -> Result<bool> {
    for policy in &decision.policies {
        note_policy(changes, &device.id, find(stored, policy.id), policy);
    }
    let gone = |stored: &&Stored| {
        !decision
            .policies
            .iter()
            .any(|policy| policy.id.to_string() == stored.policy)
    };
    for stored in stored.iter().filter(gone) {
        changes.gone.push((device.id.clone(), stored.policy.clone()));
    }
    let after = Judged {
        device: device.id.clone(),
        state: decision.state.as_str(),
        reasons: serde_json::to_string(&decision.reasons).map_err(Error::internal)?,
        grace_until: decision.grace_period_expires.map(Timestamp::as_micros),
        next_at: decision.next_change.map(Timestamp::as_micros),
    };
    let says_the_same = device.compliance_state == after.state
        && device.compliance_reasons == after.reasons
        && device.compliance_grace_until == after.grace_until;
    if !says_the_same || device.compliance_next_at != after.next_at {
        changes.devices.push(after);
    }
    Ok(!says_the_same)
}

fn note_policy(changes: &mut Changes, device: &str, before: Option<&Stored>, policy: &PolicyDecision) {
    let settings = settings(policy).to_string();
    let same = before.is_some_and(|before| {
        before.status == policy.status.as_str()
            && before.settings == settings
            && before.previous.noncompliant_since == policy.noncompliant_since
            && before.previous.error_since == policy.error_since
    });
    if !same {
        changes.policies.push(PolicyState {
            device: device.to_string(),
            policy: policy.id.to_string(),
            status: policy.status.as_str(),
            noncompliant_since: policy.noncompliant_since.map(Timestamp::as_micros),
            error_since: policy.error_since.map(Timestamp::as_micros),
            settings,
        });
    }
    // A period of noncompliance is over: the next one starts its schedule anew.
    let was_over = before.is_some_and(|before| before.previous.noncompliant_since.is_some());
    if policy.noncompliant_since.is_none() && was_over {
        changes.over.push((device.to_string(), policy.id.to_string()));
    }
}

/// Each setting's status with its reason, for deviceStatuses.
fn settings(policy: &PolicyDecision) -> Value {
    let settings = policy.settings.iter();
    settings
        .map(|setting| json!({"setting": setting.setting, "status": setting.status, "reason": setting.reason}))
        .collect()
}
