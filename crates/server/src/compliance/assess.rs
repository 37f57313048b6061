//! Judging devices: within the transaction that changed a fact, so that no answer is older than what it is about.

use moat_model::{DeviceId, PolicyId, Timestamp, compliance::ComplianceState};
use moat_policy::{
    Reason,
    compliance::{AssignedPolicy, ComplianceDecision, Inputs, PolicyDecision, evaluate},
};
use serde_json::{Value, json};
use sqlx::{Any, AnyConnection, Executor};
use tokio::sync::mpsc;

use super::{
    facts::{DeviceColumns, Fleet, Organisation, Stored},
    outcome::{Changes, Judged, PolicyState},
};
use crate::{
    App,
    app::now,
    error::{Error, Result},
};

/// Devices that are judged before what changed is written: many, for those of which the same is said are written together.
const AT_ONCE: usize = 10_000;
/// More devices than these are read all at once.
pub const ONE_BY_ONE: usize = 500;

/// What is said of a device from now on.
pub struct Verdict {
    pub device: DeviceId,
    pub state: ComplianceState,
    pub reasons: Vec<Reason>,
}

/// Judges one device; whether what is said of it changed.
pub async fn device(connection: &mut AnyConnection, id: DeviceId) -> Result<bool> {
    let organisation = Organisation::load(connection).await?;
    let fleet = Fleet::load(connection, Some(id)).await?;
    // None: it was removed.
    Ok(!judge_all(connection, organisation, fleet).await?.is_empty())
}

/// Judges some devices.
pub async fn devices(connection: &mut AnyConnection, ids: &[DeviceId]) -> Result<()> {
    if ids.len() > ONE_BY_ONE {
        return fleet(connection).await.map(drop);
    }
    for id in ids {
        device(connection, *id).await?;
    }
    Ok(())
}

/// Judges every device; gives those of which something else is said now.
pub async fn fleet(connection: &mut AnyConnection) -> Result<Vec<Verdict>> {
    let organisation = Organisation::load(connection).await?;
    let fleet = Fleet::load(connection, None).await?;
    judge_all(connection, organisation, fleet).await
}

/// One after the other where there are few; else some are judged while those before them are written.
async fn judge_all(connection: &mut AnyConnection, organisation: Organisation, fleet: Fleet) -> Result<Vec<Verdict>> {
    let judging = Judging {
        at: now(),
        organisation,
        fleet,
    };
    let at = judging.at;
    if judging.fleet.devices.len() <= ONE_BY_ONE {
        let (changes, verdicts) = judging.some(0)?;
        changes.store(connection, at).await?;
        return Ok(verdicts);
    }
    let (sender, mut receiver) = mpsc::channel(1);
    let judging = tokio::task::spawn_blocking(move || {
        for first in (0..judging.fleet.devices.len()).step_by(AT_ONCE) {
            let judged = judging.some(first);
            let failed = judged.is_err();
            // Nobody receives any more once something could not be written.
            if sender.blocking_send(judged).is_err() || failed {
                return;
            }
        }
    });
    let mut verdicts = Vec::new();
    while let Some(judged) = receiver.recv().await {
        let (changes, some) = judged?;
        changes.store(connection, at).await?;
        verdicts.extend(some);
    }
    judging.await.map_err(Error::internal)?;
    Ok(verdicts)
}

/// Devices to judge at one time: those that change together are said to have changed together.
struct Judging {
    at: Timestamp,
    organisation: Organisation,
    fleet: Fleet,
}

impl Judging {
    /// Judges the devices from `first` on, at most [`AT_ONCE`].
    fn some(&self, first: usize) -> Result<(Changes, Vec<Verdict>)> {
        let (mut changes, mut verdicts) = (Changes::default(), Vec::new());
        for device in self.fleet.devices.iter().skip(first).take(AT_ONCE) {
            verdicts.extend(judge(&mut changes, &self.organisation, &self.fleet, device, self.at)?);
        }
        Ok((changes, verdicts))
    }
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
    devices(&mut tx, &ids).await?;
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

/// Judges a device and adds what changed; gives what is said of it now if that is something else.
fn judge(
    changes: &mut Changes,
    organisation: &Organisation,
    fleet: &Fleet,
    device: &DeviceColumns,
    at: Timestamp,
) -> Result<Option<Verdict>> {
    let applies = |policy: &super::facts::Policy| policy.reaches(fleet, device);
    let decision = decide(organisation, fleet, device, at, applies)?;
    let stored = fleet.stored.get(&device.id).map_or(&[][..], Vec::as_slice);
    note(changes, organisation, device, stored, decision)
}

/// What the policies that apply say of a device. Nothing is stored by it.
pub fn decide(
    organisation: &Organisation,
    fleet: &Fleet,
    device: &DeviceColumns,
    at: Timestamp,
    applies: impl Fn(&super::facts::Policy) -> bool,
) -> Result<ComplianceDecision> {
    let stored = fleet.stored.get(&device.id).map_or(&[][..], Vec::as_slice);
    let facts = fleet.facts(device)?;
    let threats = fleet.threats(device)?;
    let policies: Vec<AssignedPolicy<'_>> = organisation
        .policies
        .iter()
        .filter(|policy| applies(policy))
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
    Ok(evaluate(&Inputs {
        device: &facts,
        partners: &threats.partners(&organisation.connectors),
        policies: &policies,
        tenant: &organisation.tenant,
        now: at,
    }))
}

fn find(stored: &[Stored], policy: PolicyId) -> Option<&Stored> {
    let id = policy.to_string();
    stored.iter().find(|stored| stored.policy == id)
}

/// Adds what changed. Most judgements change nothing.
fn note(
    changes: &mut Changes,
    organisation: &Organisation,
    device: &DeviceColumns,
    stored: &[Stored],
    decision: ComplianceDecision,
) -> Result<Option<Verdict>> {
    for policy in &decision.policies {
        let acts = organisation.acting.contains(&policy.id);
        note_policy(changes, &device.id, find(stored, policy.id), policy, acts);
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
    let reasons = serde_json::to_string(&decision.reasons).map_err(Error::internal)?;
    let grace_until = decision.grace_period_expires.map(Timestamp::as_micros);
    let next_at = decision.next_change.map(Timestamp::as_micros);
    let says_the_same = device.compliance_state == decision.state.as_str()
        && device.compliance_reasons == reasons
        && device.compliance_grace_until == grace_until;
    if !says_the_same || device.compliance_next_at != next_at {
        let judged = Judged {
            state: decision.state.as_str(),
            reasons,
        };
        changes.judged(judged, &device.id, grace_until, next_at);
    }
    if says_the_same {
        return Ok(None);
    }
    Ok(Some(Verdict {
        device: device.id.parse().map_err(Error::internal)?,
        state: decision.state,
        reasons: decision.reasons,
    }))
}

fn note_policy(changes: &mut Changes, device: &str, before: Option<&Stored>, policy: &PolicyDecision, acts: bool) {
    let settings = settings(policy).to_string();
    let same = before.is_some_and(|before| {
        before.status == policy.status.as_str()
            && before.settings == settings
            && before.previous.noncompliant_since == policy.noncompliant_since
            && before.previous.error_since == policy.error_since
    });
    if !same {
        let state = PolicyState {
            policy: policy.id.to_string(),
            status: policy.status.as_str(),
            settings,
            acts,
        };
        let noncompliant_since = policy.noncompliant_since.map(Timestamp::as_micros);
        let error_since = policy.error_since.map(Timestamp::as_micros);
        changes.policy(state, device, noncompliant_since, error_since);
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
