//! What must hold whatever the policies are.

use moat_model::{
    PolicyId,
    conditional_access::{
        AnalysisReason, ApplicationRef, ClientAppType, ConditionalAccessPolicy, DeviceInfo, DevicePlatform,
        GrantControl, LocationRef, Locations, Platforms, PolicyResult, PolicyState, RiskLevel, SignInConditions,
        SignInContext, SignInIdentity, UserRef, WhatIfRequest,
    },
};
use moat_policy::conditional_access::{BreakGlassAccount, Compliance, Device, PolicySet, Resource, SignIn, validate};
use proptest::prelude::*;

use crate::{
    generate::{Facts, facts, monotone_policies, policies},
    oracle,
    world::{self, application_id, locations, user_id},
};

type Policies = Vec<(PolicyId, ConditionalAccessPolicy)>;

fn compile(policies: &[(PolicyId, ConditionalAccessPolicy)]) -> PolicySet {
    PolicySet::compile(policies, &locations()).unwrap_or_else(|error| panic!("{error}"))
}

/// The risks and the compliance of facts, made worse or left as they are.
fn worse(facts: &Facts, risk: RiskLevel, compliance: Compliance, enrolled: bool) -> Facts {
    let bad = |compliance: &Compliance| matches!(compliance, Compliance::NotCompliant | Compliance::Unknown);
    let mut worse = facts.clone();
    worse.sign_in_risk = worse.sign_in_risk.max(risk);
    worse.user_risk = worse.user_risk.max(risk);
    if let Some(device) = &mut worse.device {
        device.enrolled &= enrolled;
        if bad(&compliance) {
            device.compliance = compliance;
        }
    }
    worse
}

/// Excludes from a policy, in one of the ways that there are, what the sign-in is; false where that way does not fit it.
fn exclude(policy: &mut ConditionalAccessPolicy, sign_in: &SignIn<'_>, way: usize) -> bool {
    let conditions = &mut policy.conditions;
    let users = conditions.users.as_mut().unwrap();
    match (way, sign_in.user, sign_in.resource) {
        (0, Some(user), _) => users.exclude_users.push(UserRef::User(user.id)),
        (1, Some(user), _) if user.guest => users.exclude_users.push(UserRef::GuestsOrExternalUsers),
        (2, Some(user), _) if !user.groups.is_empty() => users.exclude_groups.push(user.groups[0]),
        (3, Some(user), _) if !user.roles.is_empty() => users.exclude_roles.push(user.roles[0]),
        (4, _, Resource::Application(id)) => {
            let applications = conditions.applications.as_mut().unwrap();
            applications.exclude_applications.push(ApplicationRef::Application(id));
        }
        (5, ..) => match sign_in.platform {
            None | Some(DevicePlatform::All) => return false,
            Some(platform) => {
                let mut platforms = conditions.platforms.take().unwrap_or_else(|| Platforms {
                    include_platforms: vec![DevicePlatform::All],
                    ..Platforms::default()
                });
                platforms.exclude_platforms.push(platform);
                conditions.platforms = Some(platforms);
            }
        },
        (6, ..)
            if sign_in.ip.is_some_and(|ip| {
                ["203.0.113.7", "203.0.113.200", "2001:db8:1::5"].contains(&ip.to_string().as_str())
            }) =>
        {
            let mut locations = conditions.locations.take().unwrap_or_else(|| Locations {
                include_locations: vec![LocationRef::All],
                ..Locations::default()
            });
            locations.exclude_locations.push(LocationRef::AllTrusted);
            conditions.locations = Some(locations);
        }
        _ => return false,
    }
    true
}

fn what_if(facts: &Facts) -> WhatIfRequest {
    WhatIfRequest {
        sign_in_identity: SignInIdentity::User {
            user_id: user_id(facts.user.unwrap().0),
            external_tenant_id: None,
            external_user_type: None,
        },
        sign_in_context: match facts.resource {
            Resource::Application(id) => SignInContext::Applications {
                include_applications: vec![ApplicationRef::Application(id)],
            },
            Resource::UserAction(action) => panic!("{action} is not told"),
        },
        sign_in_conditions: SignInConditions {
            device_platform: facts.platform,
            client_app_type: facts.client_app,
            sign_in_risk_level: Some(facts.sign_in_risk),
            user_risk_level: Some(facts.user_risk),
            country: facts.country,
            ip_address: facts.ip,
            device_info: facts.device.as_ref().map(|device| DeviceInfo {
                is_compliant: device.is_compliant(),
                attributes: device.attributes.clone(),
            }),
            ..SignInConditions::default()
        },
        applied_policies_only: false,
    }
}

/// The facts with everything told that What If would otherwise take as not given.
fn told(facts: &Facts, device: Device) -> Facts {
    let mut told = facts.clone();
    told.user.get_or_insert((0, false));
    if let Resource::UserAction(_) = told.resource {
        told.resource = Resource::Application(application_id(0));
    }
    if told.platform.is_none_or(|platform| platform == DevicePlatform::All) {
        told.platform = Some(DevicePlatform::IOs);
    }
    if told.client_app.is_none_or(|client| client == ClientAppType::All) {
        told.client_app = Some(ClientAppType::Browser);
    }
    told.ip.get_or_insert([198, 51, 100, 1].into());
    told.device.get_or_insert(device);
    told
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_decision_is_what_the_oracle_says(policies in policies(), facts in facts()) {
        let decision = compile(&policies).evaluate(&facts.sign_in());
        prop_assert_eq!(compile(&policies).allows(&facts.sign_in()), decision.allowed);
        let verdict = oracle::evaluate(&policies, &locations(), &facts.sign_in());
        let told: Vec<_> = decision.outcomes.iter().map(|outcome| (outcome.policy, outcome.result, outcome.analysis_reason)).collect();
        prop_assert_eq!(told, verdict.policies);
        prop_assert_eq!(decision.allowed, verdict.allowed);
    }

    #[test]
    fn a_closed_door_says_why_and_what_would_open_it(policies in policies(), facts in facts()) {
        let decision = compile(&policies).evaluate(&facts.sign_in());
        prop_assert_eq!(decision.allowed, decision.reasons.is_empty());
        prop_assert_eq!(decision.allowed, decision.asked.is_empty());
        for reason in &decision.reasons {
            prop_assert!(reason.has_remedy(), "{:?}", reason);
        }
        let blocks = decision.asked.contains(GrantControl::Block);
        prop_assert!(!blocks || decision.asked.iter().count() == 1);
    }

    #[test]
    fn one_policy_more_never_grants_more(policies in policies(), facts in facts()) {
        let mut fewer: Policies = policies.clone();
        let Some(_) = fewer.pop() else { return Ok(()) };
        if compile(&policies).evaluate(&facts.sign_in()).allowed {
            prop_assert!(compile(&fewer).evaluate(&facts.sign_in()).allowed);
        }
    }

    #[test]
    fn more_risk_and_less_compliance_never_grant_more(
        policies in monotone_policies(),
        facts in facts(),
        risk in prop::sample::select(RiskLevel::ALL),
        compliance in prop::sample::select(vec![Compliance::Compliant, Compliance::NotCompliant, Compliance::Unknown]),
        enrolled in any::<bool>(),
    ) {
        let set = compile(&policies);
        let worse = worse(&facts, risk, compliance, enrolled);
        if set.evaluate(&worse.sign_in()).allowed {
            prop_assert!(set.evaluate(&facts.sign_in()).allowed, "{:?}", worse);
        }
    }

    #[test]
    fn fewer_claims_never_grant_more(policies in policies(), facts in facts()) {
        let set = compile(&policies);
        for lose in [
            (|facts| facts.mfa = false) as fn(&mut Facts),
            |facts| facts.approved_app = false,
            |facts| facts.protected = false,
        ] {
            let mut fewer = facts.clone();
            lose(&mut fewer);
            if set.evaluate(&fewer.sign_in()).allowed {
                prop_assert!(set.evaluate(&facts.sign_in()).allowed, "{:?}", fewer);
            }
        }
    }

    #[test]
    fn a_grace_period_is_as_good_as_compliance(policies in policies(), facts in facts()) {
        let set = compile(&policies);
        let [compliant, in_grace] = [Compliance::Compliant, Compliance::InGracePeriod].map(|compliance| {
            let mut facts = facts.clone();
            facts.device.iter_mut().for_each(|device| device.compliance = compliance);
            set.evaluate(&facts.sign_in())
        });
        prop_assert_eq!(compliant, in_grace);
    }

    #[test]
    fn the_order_of_policies_means_nothing(
        (policies, shuffled) in policies().prop_flat_map(|policies| (Just(policies.clone()), Just(policies).prop_shuffle())),
        facts in facts(),
    ) {
        prop_assert_eq!(compile(&policies).evaluate(&facts.sign_in()), compile(&shuffled).evaluate(&facts.sign_in()));
    }

    #[test]
    fn exclusion_always_wins(policies in policies(), facts in facts(), way in 0usize..7) {
        let mut policies = policies;
        let Some((id, policy)) = policies.first_mut() else { return Ok(()) };
        prop_assume!(policy.state != PolicyState::Disabled && exclude(policy, &facts.sign_in(), way));
        let id = *id;
        let decision = compile(&policies).evaluate(&facts.sign_in());
        let outcome = decision.outcomes.iter().find(|outcome| outcome.policy == id).unwrap();
        prop_assert_ne!(outcome.analysis_reason, AnalysisReason::NotSet);
        prop_assert!(matches!(outcome.result, PolicyResult::NotApplied | PolicyResult::ReportOnlyNotApplied));
    }

    #[test]
    fn report_only_policies_close_nothing(policies in policies(), facts in facts()) {
        let mut policies = policies;
        policies.retain(|(_, policy)| policy.conditions.applications.as_ref().unwrap().include_user_actions.is_empty());
        policies.iter_mut().for_each(|(_, policy)| policy.state = PolicyState::ReportOnly);
        let decision = compile(&policies).evaluate(&facts.sign_in());
        prop_assert!(decision.allowed);
        prop_assert_eq!(decision.outcomes.len(), policies.len());
    }

    /// Why an edit that locks a break-glass account out can be refused, and all others need not be.
    #[test]
    fn who_is_not_locked_out_gets_in_with_mfa_alone(policies in policies(), facts in facts()) {
        let mut facts = facts;
        facts.mfa = true;
        prop_assume!(facts.user.is_some() && matches!(facts.resource, Resource::Application(_)));
        let set = compile(&policies);
        let account = BreakGlassAccount { name: "emergency", user: facts.sign_in().user.unwrap() };
        if set.locked_out(&[account]).is_empty() {
            prop_assert!(set.evaluate(&facts.sign_in()).allowed);
        }
    }

    #[test]
    fn what_if_with_everything_given_is_what_happens(policies in policies(), facts in facts()) {
        let facts = told(&facts, world::device(Compliance::Compliant));
        let set = compile(&policies);
        let what_if: Vec<_> = set.what_if(&what_if(&facts), facts.sign_in().user).iter().map(|result| (result.policy, result.analysis_reasons)).collect();
        let happens: Vec<_> = set.evaluate(&facts.sign_in()).outcomes.iter().map(|outcome| (outcome.policy, outcome.analysis_reason)).collect();
        prop_assert_eq!(what_if, happens);
    }

    #[test]
    fn what_graph_answers_decides_the_same(policies in policies(), facts in facts()) {
        let reread = |(id, policy): &(PolicyId, ConditionalAccessPolicy)| {
            (*id, serde_json::from_value(serde_json::to_value(policy).unwrap()).unwrap())
        };
        let again: Policies = policies.iter().map(reread).collect();
        prop_assert_eq!(&again, &policies);
        prop_assert_eq!(compile(&again).evaluate(&facts.sign_in()), compile(&policies).evaluate(&facts.sign_in()));
    }
}

/// The laws would say little if random policies never closed, or always did.
#[test]
fn random_policies_open_and_close() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut counts = [0usize; 2];
    for _ in 0..500 {
        let policies = policies().new_tree(&mut runner).unwrap().current();
        assert!(policies.iter().all(|(_, policy)| validate(policy).is_ok()));
        let facts = facts().new_tree(&mut runner).unwrap().current();
        let allowed = compile(&policies).evaluate(&facts.sign_in()).allowed;
        counts[usize::from(allowed)] += 1;
    }
    assert!(counts.iter().all(|count| *count > 100), "closed and open: {counts:?}");
}
