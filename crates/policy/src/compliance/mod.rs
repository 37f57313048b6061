//! Compliance: is a device as the policies that apply to it ask?
//!
//! [`evaluate`] judges each configured setting, rolls the settings up to their policy and the policies up to the device. Where
//! Intune's documents are silent, `docs/decisions/0009-compliance-where-intune-is-silent.md` says what holds.

mod build;
mod facts;
mod passcode;
mod rollup;
mod schedule;
mod settings;
mod threat;
mod validate;

use std::time::Duration;

use moat_model::{
    PolicyId, Timestamp,
    compliance::{ComplianceState, ComplianceStatus as Status},
};

pub use build::OsBuild;
pub use facts::{
    AgentState, AssignedPolicy, DeviceFacts, Inputs, InstalledApp, Partner, PasscodeFacts, Previous, ThreatReport,
};
pub use rollup::{ERROR_TOLERANCE, grace_period, severity};
pub use schedule::{DueAction, due_actions};
pub use validate::{validate, validate_tenant_settings};

use crate::{
    Reason,
    connector::{self, days},
    say,
};
use rollup::Errors;
use settings::{Judged, Situation};

const DAY: Duration = Duration::from_secs(86_400);

/// Names of the checks that every device gets, as Intune reports them.
pub const HAS_POLICY: &str = "DefaultDeviceCompliancePolicy.RequireDeviceCompliancePolicyAssigned";
pub const IS_ACTIVE: &str = "DefaultDeviceCompliancePolicy.RequireRemainContact";
pub const USER_EXISTS: &str = "DefaultDeviceCompliancePolicy.RequireUserExistence";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComplianceDecision {
    /// One of `compliant`, `inGracePeriod` and `noncompliant`.
    pub state: ComplianceState,
    /// Set in grace: when the first of the policies in grace stops waiting.
    pub grace_period_expires: Option<Timestamp>,
    /// In the order of their ids.
    pub policies: Vec<PolicyDecision>,
    /// The checks that every device gets.
    pub built_in: Vec<SettingDecision>,
    /// What keeps the device from being compliant, the worst first; empty when it is.
    pub reasons: Vec<Reason>,
    /// The earliest moment at which time alone may change any of this; evaluate again then.
    pub next_change: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDecision {
    pub id: PolicyId,
    /// The most severe of its settings' statuses.
    pub status: Status,
    /// What the policy brings to the device: an error keeps the last state for seven days.
    pub state: ComplianceState,
    /// To be stored and given back as [`Previous`].
    pub noncompliant_since: Option<Timestamp>,
    pub error_since: Option<Timestamp>,
    /// Set in grace.
    pub grace_period_expires: Option<Timestamp>,
    /// Only settings that are configured.
    pub settings: Vec<SettingDecision>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingDecision {
    /// As Graph spells it.
    pub setting: &'static str,
    pub status: Status,
    /// What is asked for, because of what is so.
    pub reason: Reason,
}

#[must_use]
pub fn evaluate(inputs: &Inputs<'_>) -> ComplianceDecision {
    let situation = situation(inputs);
    let mut policies: Vec<Part<'_>> = inputs.policies.iter().map(|policy| part(policy, &situation)).collect();
    policies.sort_by_key(|part| part.decision.id);
    let built_in = built_in(inputs, &situation);

    let met = |judged: &Judged| judged.status != Status::NonCompliant;
    let base = if built_in.iter().all(met) {
        ComplianceState::Compliant
    } else {
        ComplianceState::Noncompliant
    };
    let state = rollup::device(policies.iter().map(|part| part.decision.state).chain([base]));
    let moments = policies.iter().filter_map(|part| part.next_change);
    let next_change = moments.chain(built_in.iter().filter_map(|judged| judged.until)).min();
    let graces = policies.iter().filter_map(|part| part.decision.grace_period_expires);
    let grace_period_expires = graces.min().filter(|_| state == ComplianceState::InGracePeriod);
    let unmet = built_in.iter().filter(|judged| !met(judged)).map(built_in_reason);
    let reasons = unmet.chain(reasons(&policies)).collect();
    ComplianceDecision {
        state,
        grace_period_expires,
        policies: policies.into_iter().map(|part| part.decision).collect(),
        built_in: built_in
            .iter()
            .map(|judged| setting_decision(built_in_reason(judged), judged))
            .collect(),
        reasons,
        next_change,
    }
}

/// A policy's decision with what the device's needs of it.
struct Part<'a> {
    name: &'a str,
    decision: PolicyDecision,
    errors: Errors,
    next_change: Option<Timestamp>,
}

fn situation<'a>(inputs: &Inputs<'a>) -> Situation<'a> {
    let mut partners: Vec<_> = inputs
        .partners
        .iter()
        .map(|partner| (partner, connector::evaluate(partner.connector, inputs.now)))
        .collect();
    partners.sort_by_key(|(partner, _)| partner.connector.id);
    Situation {
        device: inputs.device,
        partners,
        validity: DAY * validity_days(inputs),
        now: inputs.now,
    }
}

fn validity_days(inputs: &Inputs<'_>) -> u32 {
    inputs
        .tenant
        .device_compliance_checkin_threshold_days
        .max(1)
        .unsigned_abs()
}

fn part<'a>(policy: &AssignedPolicy<'a>, situation: &Situation<'_>) -> Part<'a> {
    let judged = settings::judge(policy.settings, situation);
    let statuses: Vec<Status> = judged.iter().map(|judged| judged.status).collect();
    let grace = rollup::grace_period(policy.actions);
    let outcome = rollup::policy(&statuses, policy.previous, grace, situation.now);
    let settings = judged.iter().map(|judged| {
        let text = say("because-policy-demands")
            .with("policy", policy.name)
            .with("demand", judged.demand.clone());
        setting_decision(Reason::new(text).because([judged.fact.clone()]), judged)
    });
    Part {
        name: policy.name,
        decision: PolicyDecision {
            id: policy.id,
            status: outcome.status,
            state: outcome.state,
            noncompliant_since: outcome.noncompliant_since,
            error_since: outcome.error_since,
            grace_period_expires: outcome.grace_period_expires,
            settings: settings.collect(),
        },
        errors: outcome.errors,
        next_change: judged
            .iter()
            .filter_map(|judged| judged.until)
            .chain(outcome.next_change)
            .min(),
    }
}

fn setting_decision(reason: Reason, judged: &Judged) -> SettingDecision {
    SettingDecision {
        setting: judged.setting,
        status: judged.status,
        reason,
    }
}

/// Policies past their grace first, then by name and id; each with its settings in their order.
fn reasons(policies: &[Part<'_>]) -> Vec<Reason> {
    let mut order: Vec<&Part<'_>> = policies.iter().collect();
    order.sort_by_key(|part| {
        (
            part.decision.state != ComplianceState::Noncompliant,
            part.name,
            part.decision.id,
        )
    });
    order.into_iter().flat_map(policy_reasons).collect()
}

fn policy_reasons(part: &Part<'_>) -> Vec<Reason> {
    let unmet =
        |status| status == Status::NonCompliant || (status == Status::Error && part.errors != Errors::Tolerated);
    let settings = part.decision.settings.iter().filter(|setting| unmet(setting.status));
    settings
        .map(|setting| {
            let reason = setting.reason.clone();
            let reason = match part.errors {
                Errors::KeepNoncompliant if setting.status == Status::Error => reason.also(say("also-cannot-check")),
                Errors::Expired if setting.status == Status::Error => reason.also(say("also-not-checked-for-days")),
                _ => reason,
            };
            match part.decision.grace_period_expires {
                Some(at) => reason.also(say("also-grace").with("at", at)),
                None => reason,
            }
        })
        .collect()
}

fn built_in_reason(judged: &Judged) -> Reason {
    Reason::new(say("because-organisation-demands").with("demand", judged.demand.clone()))
        .because([judged.fact.clone()])
}

/// What every device is asked for, and what connectors ask for.
fn built_in(inputs: &Inputs<'_>, situation: &Situation<'_>) -> Vec<Judged> {
    let mut judged = vec![has_policy(inputs), is_active(inputs, situation), user_exists(inputs)];
    judged.extend(threat::unsupported_os(situation));
    judged
}

fn has_policy(inputs: &Inputs<'_>) -> Judged {
    let (status, fact) = match (inputs.policies, inputs.tenant.secure_by_default) {
        ([], true) => (
            Status::NonCompliant,
            Reason::new(say("because-no-policy")).remedy(say("do-ask-for-policy")),
        ),
        ([], false) => (Status::NotApplicable, Reason::new(say("because-no-policy-needed"))),
        _ => (Status::Compliant, Reason::new(say("because-policy-assigned"))),
    };
    Judged::new(HAS_POLICY, say("demand-policy"), status, fact)
}

fn is_active(inputs: &Inputs<'_>, situation: &Situation<'_>) -> Judged {
    let demand = say("demand-check-in").with("days", days(validity_days(inputs)));
    let remedy = say("do-connect-and-open");
    let Some(last) = inputs.device.last_check_in else {
        let fact = Reason::new(say("because-never-checked-in")).remedy(remedy);
        return Judged::new(IS_ACTIVE, demand, Status::NonCompliant, fact);
    };
    let ends = last.saturating_add(situation.validity);
    let fact = Reason::new(say("because-checked-in").with("at", last));
    if inputs.now < ends {
        Judged::new(IS_ACTIVE, demand, Status::Compliant, fact).until(Some(ends))
    } else {
        Judged::new(IS_ACTIVE, demand, Status::NonCompliant, fact.remedy(remedy))
    }
}

fn user_exists(inputs: &Inputs<'_>) -> Judged {
    let (status, fact) = if inputs.device.enrolled_user_exists {
        (Status::Compliant, Reason::new(say("because-user-exists")))
    } else {
        let fact = Reason::new(say("because-user-gone")).remedy(say("do-ask-for-user"));
        (Status::NonCompliant, fact)
    };
    Judged::new(USER_EXISTS, say("demand-user"), status, fact)
}

#[cfg(test)]
mod tests;
