//! The laws of app protection, over random settings and facts; and what the tests of this folder share.

mod oracle;
mod random;
mod samples;

use moat_model::{
    PolicyId, ThreatLevel,
    app_protection::{DeviceThreatLimit, IosAppProtectionSettings as Settings, Lease, PartnerPriority},
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{
    AppFacts, AppliedPolicy, EffectiveSettings, Jailbreak, LaunchAction, evaluate, merge,
    offline::{self, LocalFacts},
    validate,
};
use crate::Reason;

use oracle::oracle;
use random::{facts, settings, time};
use samples::number;
pub(super) use samples::{alert, at, healthy, lease, local, source, unlike_the_default};

fn merged(all: &[&Settings]) -> Settings {
    effective(all).settings
}

fn effective(all: &[&Settings]) -> EffectiveSettings {
    let policies: Vec<_> = all
        .iter()
        .zip(1..)
        .map(|(settings, id)| AppliedPolicy {
            id: number(id).parse::<PolicyId>().unwrap(),
            name: "policy",
            settings,
        })
        .collect();
    merge(&policies).unwrap()
}

fn lease_of(settings: Settings, facts: &AppFacts) -> Lease {
    Lease {
        threats: facts.threats.clone(),
        jailbroken: facts.jailbreak.jailbroken,
        account_disabled: facts.account_disabled,
        clocked_out_since: facts.clocked_out_since,
        wipe_order: facts.wipe_order,
        ..lease(settings)
    }
}

fn local_of(facts: &AppFacts) -> LocalFacts {
    LocalFacts {
        app_version: facts.app_version.clone(),
        sdk_version: facts.sdk_version.clone(),
        os_version: facts.os_version.clone(),
        device_model: facts.device_model.clone(),
        failed_pins: facts.failed_pins,
        ..local()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_decision_is_what_the_table_says(s in settings(), facts in facts(), now in time()) {
        let decision = evaluate(&s.clone().into(), &facts, now);
        prop_assert_eq!(decision.action, oracle(&s, &facts, now), "{:#?}", decision.findings);
    }

    #[test]
    fn findings_stand_in_order_and_say_why(s in settings(), facts in facts(), now in time()) {
        let decision = evaluate(&effective(&[&s]), &facts, now);
        for pair in decision.findings.windows(2) {
            prop_assert!(pair[0].action > pair[1].action
                || (pair[0].action == pair[1].action && pair[0].condition < pair[1].condition));
        }
        let first = decision.findings.first();
        prop_assert_eq!(decision.action, first.map_or(LaunchAction::Allow, |finding| finding.action));
        prop_assert_eq!(decision.remediation.as_ref(), first.map(|finding| &finding.remediation));
        prop_assert!(decision.next_check > now);
        for finding in &decision.findings {
            prop_assert!(finding.action > LaunchAction::Allow);
            prop_assert!(finding.reason.has_remedy(), "{:?}", finding.condition);
        }
    }

    #[test]
    fn a_higher_threat_level_is_never_answered_more_mildly(
        s in settings(), facts in facts(), now in time(), levels in (select(ThreatLevel::ALL), select(ThreatLevel::ALL)),
        third in any::<bool>(),
    ) {
        let act = |level: ThreatLevel| {
            let mut facts = facts.clone();
            match &mut facts.threats.third_party {
                Some(partner) if third => partner.level = Some(level),
                _ => facts.threats.own.level = Some(level),
            }
            evaluate(&s.clone().into(), &facts, now).action
        };
        prop_assert!(act(levels.0.max(levels.1)) >= act(levels.0.min(levels.1)));
    }

    #[test]
    fn a_stricter_limit_is_never_answered_more_mildly(
        s in settings(), facts in facts(), now in time(),
        limits in (select(DeviceThreatLimit::ALL), select(DeviceThreatLimit::ALL)),
    ) {
        let act = |limit| {
            let s = Settings { maximum_allowed_device_threat_level: limit, ..s.clone() };
            evaluate(&s.into(), &facts, now).action
        };
        prop_assert!(act(limits.0.max(limits.1)) >= act(limits.0.min(limits.1)));
    }

    #[test]
    fn merging_does_not_depend_on_order_or_grouping(a in settings(), b in settings(), c in settings()) {
        let all = merged(&[&a, &b, &c]);
        for order in [[&a, &c, &b], [&b, &a, &c], [&b, &c, &a], [&c, &a, &b], [&c, &b, &a]] {
            prop_assert_eq!(&merged(&order), &all);
        }
        prop_assert_eq!(&merged(&[&merged(&[&a, &b]), &c]), &all);
        prop_assert_eq!(&merged(&[&a, &merged(&[&b, &c])]), &all);
    }

    #[test]
    fn merging_with_itself_changes_nothing(a in settings()) {
        let once = merged(&[&a]);
        prop_assert_eq!(&merged(&[&a, &a]), &once);
        prop_assert_eq!(&merged(&[&once]), &once);
        prop_assert_eq!(effective(&[&a, &a]).conflicts().count(), 0);
    }

    #[test]
    fn origins_do_not_depend_on_order(a in settings(), b in settings()) {
        let named = |settings: &[(u32, &Settings)]| {
            let policies: Vec<_> = settings
                .iter()
                .map(|(id, settings)| AppliedPolicy { id: number(*id).parse().unwrap(), name: "policy", settings })
                .collect();
            merge(&policies).unwrap()
        };
        let effective = named(&[(1, &a), (2, &b)]);
        prop_assert_eq!(&effective, &named(&[(2, &b), (1, &a)]));
        for (field, origin) in &effective.origins {
            prop_assert!(!origin.policies.is_empty() || origin.conflict, "{field} is nobody's, yet nobody differs");
            prop_assert!(!origin.recommended || origin.conflict, "{field}");
        }
    }

    #[test]
    fn a_merged_policy_is_never_milder_than_its_parts(
        a in settings(), b in settings(), facts in facts(), now in time(), retries in 1..8_i32,
        priority in option::of(select(PartnerPriority::ALL)),
    ) {
        // Numbers that differ fall back to the recommended default, and no partner is stricter than the other: both are
        // held equal here.
        let equal = |s: &Settings| Settings {
            maximum_pin_retries: retries,
            mobile_threat_defense_partner_priority: priority,
            ..s.clone()
        };
        let (a, b) = (equal(&a), equal(&b));
        let act = |s: Settings| evaluate(&s.into(), &facts, now).action;
        let together = act(merged(&[&a, &b]));
        prop_assert!(together >= act(a));
        prop_assert!(together >= act(b));
    }

    #[test]
    fn numbers_that_differ_fall_back_to_the_recommended_default(a in settings(), b in settings()) {
        let both = merged(&[&a, &b]);
        prop_assert_eq!(
            both.allowed_outbound_clipboard_sharing_exception_length,
            if a.allowed_outbound_clipboard_sharing_exception_length == b.allowed_outbound_clipboard_sharing_exception_length {
                a.allowed_outbound_clipboard_sharing_exception_length
            } else {
                0
            }
        );
        let expected = match (a.pin_required, b.pin_required) {
            (true, true) if a.maximum_pin_retries == b.maximum_pin_retries => a.maximum_pin_retries,
            (true, false) => a.maximum_pin_retries,
            (false, true) => b.maximum_pin_retries,
            _ => 5,
        };
        prop_assert_eq!(both.maximum_pin_retries, expected);
    }

    #[test]
    fn settings_that_pass_still_pass_when_merged(a in settings(), b in settings()) {
        if validate(&a).is_ok() && validate(&b).is_ok() {
            let mut both = merged(&[&a, &b]);
            // The one value that only merging makes: a list that allows no model.
            if both.allowed_ios_device_models.as_deref() == Some(";") {
                both.allowed_ios_device_models = None;
            }
            prop_assert!(validate(&both).is_ok(), "{:?}", validate(&both));
        }
    }

    #[test]
    fn effective_settings_survive_the_wire(a in settings(), b in settings()) {
        let both = merged(&[&a, &b]);
        let text = serde_json::to_string(&both).unwrap();
        prop_assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), both);
    }

    #[test]
    fn offline_time_never_makes_it_milder(s in settings(), facts in facts(), times in vec(time(), 2..6)) {
        let (lease, mut local) = (lease_of(s, &facts), local_of(&facts));
        let mut sorted = times.clone();
        sorted.sort();
        for pair in sorted.windows(2) {
            let (before, after) =
                (offline::evaluate(Some(&lease), &local, pair[0]), offline::evaluate(Some(&lease), &local, pair[1]));
            prop_assert!(after.launch.action >= before.launch.action);
            prop_assert!(after.access.pin >= before.access.pin);
            prop_assert!(after.access.sign_in >= before.access.sign_in);
            prop_assert!(after.renew >= before.renew);
        }
        // Nor does a clock that is set back, since the app remembers.
        let mut harshest = LaunchAction::Allow;
        for now in times {
            let decision = offline::evaluate(Some(&lease), &local, now);
            prop_assert!(decision.launch.action >= harshest);
            harshest = decision.launch.action;
            local.latest_time_seen = decision.time;
        }
    }

    #[test]
    fn offline_decides_as_the_server_would(s in settings(), facts in facts(), now in time()) {
        let decision = offline::evaluate(Some(&lease_of(s.clone(), &facts)), &local_of(&facts), now);
        prop_assert_eq!(decision.launch.action, evaluate(&s.into(), &facts, now).action);
    }

    #[test]
    fn a_jailbreak_seen_by_the_app_is_never_milder(s in settings(), facts in facts(), now in time()) {
        let (lease, mut local) = (lease_of(s, &facts), local_of(&facts));
        let before = offline::evaluate(Some(&lease), &local, now).launch.action;
        local.jailbreak = Jailbreak { jailbroken: true, evidence: vec![Reason::plain("/var/jb is a symlink.")] };
        prop_assert!(offline::evaluate(Some(&lease), &local, now).launch.action >= before);
    }
}
