//! Judging devices: within the transaction that changed a fact, so that no answer is older than what it is about.

use std::sync::Arc;

use moat_model::{DeviceId, PolicyId, Timestamp, compliance::ComplianceState};
use moat_policy::{
    Reason,
    compliance::{AssignedPolicy, ComplianceDecision, Inputs, PolicyDecision, evaluate},
};
use serde_json::{Value, json};
use sqlx::{Any, AnyConnection, Executor};

use super::{
    facts::{About, DeviceColumns, Fleet, Organisation, Stored},
    outcome::{Changes, Judged, PolicyState},
};
use crate::{
    App,
    app::now,
    error::{Error, Result},
};

/// Devices that are judged before what changed is written: many, for those of which the same is said are written together.
const AT_ONCE: i64 = 10_000;
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
    let judging = Judging::now(connection).await?;
    let fleet = Fleet::of_one(connection, id).await?;
    let (changes, verdicts) = judging.all(&fleet)?;
    changes.store(connection, judging.at).await?;
    // None: it was removed.
    Ok(!verdicts.is_empty())
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

/// Judges every device; gives those of which something else is said now. While some are judged, those after them are read and
/// those before them are written.
pub async fn fleet(connection: &mut AnyConnection) -> Result<Vec<Verdict>> {
    in_parts(connection, AT_ONCE).await
}

async fn in_parts(connection: &mut AnyConnection, at_once: i64) -> Result<Vec<Verdict>> {
    let judging = Arc::new(Judging::now(connection).await?);
    let about = Arc::new(About::all(connection).await?);
    let (mut verdicts, mut id, mut judged) = (Vec::new(), String::new(), None);
    loop {
        let fleet = Fleet::after(connection, &about, &id, at_once).await?;
        let last = fleet.devices.last().map(|device| device.id.clone());
        let now_judged = last.is_some().then(|| {
            let judging = judging.clone();
            tokio::task::spawn_blocking(move || judging.all(&fleet))
        });
        if let Some(before) = std::mem::replace(&mut judged, now_judged) {
            let (changes, some) = before.await.map_err(Error::internal)??;
            changes.store(connection, judging.at).await?;
            verdicts.extend(some);
        }
        match last {
            Some(last) => id = last,
            None => return Ok(verdicts),
        }
    }
}

/// By what devices are judged at one time: those that change together are said to have changed together.
struct Judging {
    at: Timestamp,
    organisation: Organisation,
}

impl Judging {
    async fn now(connection: &mut AnyConnection) -> Result<Self> {
        Ok(Self {
            at: now(),
            organisation: Organisation::load(connection).await?,
        })
    }

    fn all(&self, fleet: &Fleet) -> Result<(Changes, Vec<Verdict>)> {
        let (mut changes, mut verdicts) = (Changes::default(), Vec::new());
        for device in &fleet.devices {
            verdicts.extend(judge(&mut changes, &self.organisation, fleet, device, self.at)?);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Db;

    #[tokio::test]
    async fn every_device_is_judged_once_however_many_are_judged_at_a_time() -> Result<()> {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("db")).await?;
        let insert = "INSERT INTO devices (id, name, os_platform, os_version, model, agent_version, management, device_group, \
                      enrolled_at, last_seen_at, last_ip, last_external_ip, web_protection, bundle_version, jailbreak_level, posture, \
                      risk, acknowledged_seq, dropped_events) VALUES ($1, 'a\u{1f}phone', 'iOS', '18.1', 'iPhone15,3', '1', 'managed', '', \
                      1, 1, '', '', 'on', 1, 'none', '{}', 'None', 0, 0)";
        let ids: Vec<_> = (0..5).map(|n| format!("00000000-0000-4000-8000-{n:012x}")).collect();
        for at_once in [1, 2, 5, 6] {
            let mut tx = db.begin().await?;
            for id in &ids {
                sqlx::query(insert).bind(id.clone()).execute(&mut *tx).await?;
            }
            let verdicts = in_parts(&mut tx, at_once).await?;
            let judged: Vec<_> = verdicts.iter().map(|verdict| verdict.device.to_string()).collect();
            assert_eq!(judged, ids, "{at_once} at a time");
            let query = "SELECT COUNT(*) FROM devices WHERE compliance_state = 'noncompliant'";
            let stored: i64 = sqlx::query_scalar(query).fetch_one(&mut *tx).await?;
            assert_eq!(stored, 5, "no policy is not compliant");
            assert!(
                in_parts(&mut tx, at_once).await?.is_empty(),
                "nothing else is said of them"
            );
        }
        Ok(())
    }
}
