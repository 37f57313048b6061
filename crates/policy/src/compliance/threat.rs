//! Settings about what partners report: an active agent, the threat level, the partner's oldest system.
//!
//! The ladder: each level asks for an active agent and for no threat above it; `high` asks for the agent alone.
//! With several partners each of them must be content.

use moat_model::{
    ThreatLevel, Timestamp,
    compliance::{ComplianceStatus as Status, IosComplianceSettings, PartnerUnresponsive},
};

use super::{
    AgentState, Partner, ThreatReport, rollup,
    settings::{Judged, NAMED, Situation},
};
use crate::{
    Message, Reason,
    connector::{ConnectorView, DataUse},
    jailbreak::OsVersion,
    risk::ActiveAlert,
    say,
};

pub(super) fn enabled(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    settings.device_threat_protection_enabled.then(|| {
        let ask = Ask {
            demand: Demand::Active,
            unresponsive: settings.moat_partner_unresponsive,
        };
        ask.judge("deviceThreatProtectionEnabled", situation, |_| true)
    })
}

pub(super) fn level_of_all(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let ask = Ask {
        demand: Demand::AtMost(settings.device_threat_protection_required_security_level.allowed()?),
        unresponsive: settings.moat_partner_unresponsive,
    };
    Some(ask.judge("deviceThreatProtectionRequiredSecurityLevel", situation, |_| true))
}

pub(super) fn level_of_own(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let ask = Ask {
        demand: Demand::AtMost(settings.advanced_threat_protection_required_security_level.allowed()?),
        unresponsive: settings.moat_partner_unresponsive,
    };
    Some(
        ask.judge("advancedThreatProtectionRequiredSecurityLevel", situation, |partner| {
            partner.own
        }),
    )
}

/// The connector's own rule: no iOS older than the partner supports. None where no connector asks for it.
pub(super) fn unsupported_os(situation: &Situation<'_>) -> Option<Judged> {
    let asking = situation
        .partners
        .iter()
        .filter(|(_, view)| view.unsupported_os_blocked);
    let judged = asking.filter_map(|(partner, _)| {
        let limit = OsVersion::parse(partner.minimum_os_version?)?;
        let Some(found) = situation.device.os_version.as_deref().and_then(OsVersion::parse) else {
            return Some((Status::Unknown, Reason::new(say("because-version-unreported")), None));
        };
        let fact = say("because-partner-supports")
            .with("found", found.to_string())
            .with("partner", partner.name)
            .with("limit", limit.to_string());
        let fact = Reason::new(fact);
        Some(if found < limit {
            (
                Status::NonCompliant,
                fact.remedy(say("do-update-version").with("limit", limit.to_string())),
                None,
            )
        } else {
            (Status::Compliant, fact, None)
        })
    });
    if !situation.is_ios() {
        return None;
    }
    let demand = say("demand-supported-system");
    worst(judged.collect())
        .map(|(status, fact, _)| Judged::new("partnerUnsupportedOsVersionBlocked", demand, status, fact))
}

/// Data that never came: refused where the connector says so, unknown elsewhere.
pub(super) const fn missing(blocked: bool) -> Status {
    if blocked { Status::NonCompliant } else { Status::Unknown }
}

#[derive(Clone, Copy)]
enum Demand {
    Active,
    AtMost(ThreatLevel),
}

struct Ask {
    demand: Demand,
    unresponsive: PartnerUnresponsive,
}

/// A status, why, and when time alone may change it.
type Outcome = (Status, Reason, Option<Timestamp>);

impl Ask {
    fn judge(&self, setting: &'static str, situation: &Situation<'_>, counts: fn(&Partner<'_>) -> bool) -> Judged {
        let demand = match self.demand {
            Demand::Active | Demand::AtMost(ThreatLevel::High) => say("demand-agent"),
            Demand::AtMost(ThreatLevel::Secured) => say("demand-no-threat"),
            Demand::AtMost(level) => say("demand-threat-level").with("level", level),
        };
        let outcomes: Vec<Outcome> = situation
            .partners
            .iter()
            .filter(|(partner, view)| counts(partner) && view.compliance != DataUse::SwitchedOff)
            .map(|(partner, view)| self.of(partner, view, situation))
            .collect();
        match worst(outcomes) {
            Some((status, fact, until)) => Judged::new(setting, demand, status, fact).until(until),
            None => {
                let fact = Reason::new(say("because-no-connector")).remedy(say("do-ask-for-connector"));
                Judged::new(setting, demand, Status::Unknown, fact)
            }
        }
    }

    fn of(&self, partner: &Partner<'_>, view: &ConnectorView, situation: &Situation<'_>) -> Outcome {
        let missing = |fact: Reason| (missing(view.blocked_on_missing_data), fact, None);
        let said = |key| say(key).with("partner", partner.name);
        match (view.compliance, self.unresponsive, partner.report) {
            (DataUse::SwitchedOff | DataUse::NotSetUp, _, _) => {
                let fact = Reason::new(said("because-partner-not-set-up"));
                missing(fact.remedy(say("do-ask-to-set-up")))
            }
            (DataUse::Current, _, _) => {
                let (status, fact) = self.reported(partner, view);
                (status, fact, view.next_change)
            }
            (DataUse::Unresponsive, PartnerUnresponsive::Block, _) => {
                let fact = Reason::new(said("because-partner-silent")).remedy(wait());
                (Status::NonCompliant, fact, None)
            }
            (DataUse::Unresponsive, PartnerUnresponsive::KeepLastKnown, Some(report)) => {
                self.last_known(partner, view, report, situation)
            }
            (DataUse::Unresponsive, PartnerUnresponsive::Ignore | PartnerUnresponsive::KeepLastKnown, _) => {
                missing(Reason::new(said("because-partner-silent-unknown")).remedy(wait()))
            }
        }
    }

    /// The last report stands until it is older than the validity period.
    fn last_known(
        &self,
        partner: &Partner<'_>,
        view: &ConnectorView,
        report: ThreatReport,
        situation: &Situation<'_>,
    ) -> Outcome {
        let said = |key| say(key).with("partner", partner.name).with("at", report.at);
        let ends = report.at.saturating_add(situation.validity);
        if situation.now >= ends {
            let fact = Reason::new(said("because-partner-silent-old")).remedy(wait());
            return (Status::NonCompliant, fact, None);
        }
        let (status, fact) = self.reported(partner, view);
        let text = said("because-partner-silent-stands").with("ends", ends);
        (status, Reason::new(text).because([fact]), Some(ends))
    }

    fn reported(&self, partner: &Partner<'_>, view: &ConnectorView) -> (Status, Reason) {
        let active = partner.agent == AgentState::Active;
        let agent_alone = matches!(self.demand, Demand::Active | Demand::AtMost(ThreatLevel::High));
        if active && agent_alone {
            return (Status::Compliant, agent(partner));
        }
        let must_be_active = matches!(self.demand, Demand::AtMost(ThreatLevel::High));
        match (partner.report, self.demand) {
            (None, _) if !must_be_active => {
                let said = |key| say(key).with("partner", partner.name);
                let fact = Reason::new(said("because-partner-never-reported")).remedy(said("do-open-and-sign-in"));
                (missing(view.blocked_on_missing_data), fact)
            }
            (Some(report), Demand::AtMost(allowed)) if active => level(partner, report.level, allowed),
            _ => (Status::NonCompliant, agent(partner)),
        }
    }
}

fn wait() -> Message {
    say("do-ask-for-partner")
}

fn agent(partner: &Partner<'_>) -> Reason {
    let said = |key| say(key).with("partner", partner.name);
    match partner.agent {
        AgentState::Active => Reason::new(said("because-agent-active")),
        AgentState::Inactive => Reason::new(said("because-agent-inactive")).remedy(said("do-switch-on")),
        AgentState::Missing => Reason::new(said("because-agent-missing")).remedy(said("do-install")),
    }
}

fn level(partner: &Partner<'_>, found: ThreatLevel, allowed: ThreatLevel) -> (Status, Reason) {
    let fact = say("because-threat-level")
        .with("level", found)
        .with("partner", partner.name);
    let fact = Reason::new(fact);
    if found <= allowed {
        return (Status::Compliant, fact);
    }
    let mut alerts: Vec<&ActiveAlert> = partner
        .alerts
        .iter()
        .filter(|alert| ThreatLevel::from(moat_model::Risk::from(alert.severity)) > allowed)
        .collect();
    alerts.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| (&a.title, &a.id).cmp(&(&b.title, &b.id)))
    });
    let because = alerts.iter().take(NAMED).map(|alert| {
        Reason::new(
            say("because-alert")
                .with("alert", &alert.title)
                .with("severity", alert.severity),
        )
        .remedy(say("do-resolve-alert").with("alert", &alert.title))
    });
    let unnamed = alerts.len().saturating_sub(NAMED);
    let more = (unnamed > 0)
        .then(|| Reason::new(say("because-more-alerts").with("count", unnamed)).remedy(say("do-resolve-others")));
    let fact = if alerts.is_empty() {
        fact.remedy(say("do-resolve-shown").with("partner", partner.name))
    } else {
        fact
    };
    (Status::NonCompliant, fact.because(because.chain(more)))
}

/// The worst status with the reasons of all who have it, and the earliest moment of change. None without outcomes.
fn worst(outcomes: Vec<Outcome>) -> Option<Outcome> {
    let until = outcomes.iter().filter_map(|(_, _, until)| *until).min();
    let status = outcomes
        .iter()
        .map(|(status, _, _)| *status)
        .max_by_key(|status| rollup::severity(*status))?;
    let mut facts: Vec<Reason> = outcomes
        .into_iter()
        .filter(|(found, _, _)| *found == status)
        .map(|(_, fact, _)| fact)
        .collect();
    let fact = if facts.len() == 1 {
        facts.pop()?
    } else {
        Reason::new(say("because-several-partners")).because(facts)
    };
    Some((status, fact, until))
}
