//! Whom a draft of a policy would reach, and what it would make of them: judged by what is stored, storing nothing.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use moat_model::{
    PolicyId, Timestamp,
    compliance::{ComplianceState, ComplianceStatus},
};
use moat_policy::{
    Reason,
    compliance::{ComplianceDecision, PolicyDecision},
};

use super::{
    Body, Draft, READ,
    assess::decide,
    facts::{DeviceColumns, Fleet, Organisation, Policy, forbidden_by},
};
use crate::{
    App,
    app::now,
    caller::Caller,
    error::{Error, Result},
};

/// What a draft would do to the devices in use.
#[derive(Debug, Default)]
pub struct Impact {
    pub devices: usize,
    /// Devices that the assignments reach.
    pub reached: usize,
    /// Of those, by what the draft alone says of them.
    pub compliant: usize,
    pub in_grace: usize,
    pub not_compliant: usize,
    pub not_applicable: usize,
    /// Devices that are not compliant by all that holds for them, and are so only with the draft, or only without it.
    pub lose: usize,
    pub gain: usize,
    /// The first of the reached: those that would lose first, then those that are not compliant.
    pub first: Vec<Affected>,
}

#[derive(Debug)]
pub struct Affected {
    pub id: String,
    pub name: String,
    /// By all that holds for the device, with the draft.
    pub after: ComplianceState,
    pub reasons: Vec<Reason>,
}

/// Judges every device with and without the draft. `replaces` is the policy in whose place it would stand; `most` bounds how many
/// devices are named.
pub async fn of(app: &App, caller: &Caller, draft: Draft, replaces: Option<PolicyId>, most: usize) -> Result<Impact> {
    caller.require_any(READ)?;
    let body = draft.body.checked(&[])?;
    let fleet = app.previewed.fleet(app, &body).await?;
    let mut connection = app.db.read().acquire().await?;
    let mut organisation = Organisation::load(&mut connection).await?;
    drop(connection);
    let id = replaces.unwrap_or_else(crate::policies::new_id);
    let before = match organisation.policies.iter().position(|policy| policy.id == id) {
        Some(at) => Some(organisation.policies.remove(at)),
        None => None,
    };
    let draft = Policy {
        id,
        name: draft.display_name,
        body,
        targets: draft.targets.unwrap_or_default(),
    };
    let judging = Judging {
        organisation,
        fleet,
        before,
        draft,
        now: now(),
    };
    tokio::task::spawn_blocking(move || judging.all(most))
        .await
        .map_err(Error::internal)?
}

/// How long a fleet is kept for whoever goes on editing.
const KEPT: Duration = Duration::from_secs(10);

/// The fleet that drafts were judged by last: a form asks again at each change of an input.
#[derive(Default)]
pub struct Previewed(Arc<Mutex<Option<Kept>>>);

struct Kept {
    since: Instant,
    /// How often something had changed when it was read.
    changes: u64,
    /// The draft's forbidden apps, with which it was read.
    forbidden: BTreeSet<String>,
    fleet: Arc<Fleet>,
}

impl Previewed {
    async fn fleet(&self, app: &App, draft: &Body) -> Result<Arc<Fleet>> {
        let changes = *app.hub.changes().borrow();
        let forbidden: BTreeSet<String> = forbidden_by(draft).collect();
        if let Some(kept) = &*self.lock() {
            let good = kept.changes == changes && kept.forbidden == forbidden && kept.since.elapsed() < KEPT;
            if good {
                return Ok(Arc::clone(&kept.fleet));
            }
        }
        let mut connection = app.db.read().acquire().await?;
        let fleet = Arc::new(Fleet::for_draft(&mut connection, draft).await?);
        let kept = Kept {
            since: Instant::now(),
            changes,
            forbidden,
            fleet: Arc::clone(&fleet),
        };
        *self.lock() = Some(kept);
        self.forget_in_time();
        Ok(fleet)
    }

    /// Gives the memory back once nobody asks any more.
    fn forget_in_time(&self) {
        let this = Self(Arc::clone(&self.0));
        tokio::spawn(async move {
            tokio::time::sleep(KEPT).await;
            let mut kept = this.lock();
            if kept.as_ref().is_some_and(|kept| kept.since.elapsed() >= KEPT) {
                *kept = None;
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, Option<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Judging {
    /// Without the policy that is replaced.
    organisation: Organisation,
    fleet: Arc<Fleet>,
    before: Option<Policy>,
    draft: Policy,
    now: Timestamp,
}

/// What came out for one device, and where it stands among those that are named.
struct Outcome<'a> {
    device: &'a DeviceColumns,
    decision: ComplianceDecision,
    rank: u8,
}

impl Judging {
    fn all(mut self, most: usize) -> Result<Impact> {
        let was = self.states_before()?;
        self.organisation.policies.push(self.draft);
        let (organisation, fleet) = (&self.organisation, &self.fleet);
        let id = organisation.policies.last().map(|draft| draft.id);
        let mut impact = Impact {
            devices: fleet.devices.len(),
            ..Impact::default()
        };
        let mut outcomes = Vec::new();
        for (device, before) in fleet.devices.iter().zip(was) {
            let applies = |policy: &Policy| policy.reaches(fleet, device);
            let decision = decide(organisation, fleet, device, self.now, applies)?;
            let draft = decision.policies.iter().find(|policy| Some(policy.id) == id);
            let rank = impact.count(before, &decision, draft);
            if draft.is_none() && rank > 0 {
                continue;
            }
            outcomes.push(Outcome { device, decision, rank });
        }
        outcomes.sort_by(|a, b| (a.rank, &a.device.name).cmp(&(b.rank, &b.device.name)));
        impact.first = outcomes.into_iter().take(most).map(Outcome::told).collect();
        Ok(impact)
    }

    /// The state of each device as policies are now.
    fn states_before(&mut self) -> Result<Vec<ComplianceState>> {
        self.organisation.policies.extend(self.before.take());
        let replaced = self.draft.id;
        let states = self.fleet.devices.iter().map(|device| {
            let applies = |policy: &Policy| policy.reaches(&self.fleet, device);
            Ok(decide(&self.organisation, &self.fleet, device, self.now, applies)?.state)
        });
        let states = states.collect();
        self.organisation.policies.retain(|policy| policy.id != replaced);
        states
    }
}

impl Impact {
    /// Counts a device; gives its rank among those that are named, the first first.
    fn count(&mut self, before: ComplianceState, after: &ComplianceDecision, draft: Option<&PolicyDecision>) -> u8 {
        let is_out = |state| state == ComplianceState::Noncompliant;
        let (lost, gained) = (
            !is_out(before) && is_out(after.state),
            is_out(before) && !is_out(after.state),
        );
        self.lose += usize::from(lost);
        self.gain += usize::from(gained);
        if let Some(draft) = draft {
            self.reached += 1;
            match (draft.state, draft.status) {
                (ComplianceState::Noncompliant, _) => self.not_compliant += 1,
                (ComplianceState::InGracePeriod, _) => self.in_grace += 1,
                (_, ComplianceStatus::NotApplicable) => self.not_applicable += 1,
                _ => self.compliant += 1,
            }
        }
        match (lost, draft.map(|draft| draft.state)) {
            (true, _) => 0,
            (_, Some(ComplianceState::Noncompliant)) => 1,
            (_, Some(ComplianceState::InGracePeriod)) => 2,
            _ => 3,
        }
    }
}

impl Outcome<'_> {
    fn told(self) -> Affected {
        Affected {
            id: self.device.id.clone(),
            name: self.device.name.clone(),
            after: self.decision.state,
            reasons: self.decision.reasons,
        }
    }
}
