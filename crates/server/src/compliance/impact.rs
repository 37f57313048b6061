//! Whom a draft of a policy would reach, and what it would make of them: judged by what is stored, storing nothing.

use moat_model::{
    PolicyId, Timestamp,
    compliance::{ComplianceState, ComplianceStatus},
};
use moat_policy::compliance::{ComplianceDecision, PolicyDecision};

use super::{
    Draft, READ,
    assess::decide,
    facts::{DeviceColumns, Fleet, Organisation, Policy},
};
use crate::{
    App,
    access::Explained,
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
    pub reasons: Vec<Explained>,
}

/// Judges every device with and without the draft. `replaces` is the policy in whose place it would stand; `most` bounds how many
/// devices are named.
pub async fn of(app: &App, caller: &Caller, draft: Draft, replaces: Option<PolicyId>, most: usize) -> Result<Impact> {
    caller.require_any(READ)?;
    let body = draft.body.checked(&[])?;
    let mut connection = app.db.read().acquire().await?;
    let fleet = Fleet::for_draft(&mut connection, &body).await?;
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

struct Judging {
    /// Without the policy that is replaced.
    organisation: Organisation,
    fleet: Fleet,
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
            reasons: self.decision.reasons.iter().map(Explained::of).collect(),
        }
    }
}
