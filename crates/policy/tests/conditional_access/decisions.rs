//! One condition or control at a time.

use moat_model::conditional_access::{
    AnalysisReason, ClientAppType, ConditionalAccessPolicy, DeviceAttributes, DevicePlatform, GrantControl,
    PolicyResult, RiskLevel, UserAction,
};
use moat_policy::{
    Reason, Sentence,
    conditional_access::{
        AppProtection, CompileError, Compliance, Device, MAX_POLICIES, PolicySet, Resource, SignIn, User, validate,
    },
};
use serde_json::{Value, json};

use crate::world::{
    application_id, blocking, compile, decide, device, group_id, id_text, locations, policy, policy_id, role_id,
    sign_in, user_id,
};

/// Whether a policy with these conditions applies, and if not, because of which.
fn applies(conditions: Value, sign_in: &SignIn<'_>) -> Result<(), AnalysisReason> {
    let decision = decide(&[blocking(conditions)], sign_in);
    assert_eq!(decision.outcomes.len(), 1);
    match decision.outcomes[0].analysis_reason {
        AnalysisReason::NotSet => {
            assert!(!decision.allowed);
            Ok(())
        }
        reason => {
            assert!(decision.allowed);
            Err(reason)
        }
    }
}

#[test]
fn users_are_found_by_id_group_role_and_guesthood() {
    let (groups, roles) = ([group_id(1), group_id(2)], [role_id(1)]);
    let user = User {
        id: user_id(1),
        groups: &groups,
        roles: &roles,
        guest: true,
    };
    let sign_in = SignIn {
        user: Some(user),
        ..sign_in()
    };
    let nobody = SignIn { user: None, ..sign_in };
    let (me, other) = (id_text(1, 1), id_text(1, 9));
    let (mine, others) = (id_text(2, 2), id_text(2, 9));
    let (role, other_role) = (id_text(3, 1), id_text(3, 9));
    for (users, applies_to_me, applies_to_nobody) in [
        (json!({ "includeUsers": ["All"] }), true, true),
        (json!({ "includeUsers": ["None"] }), false, false),
        (json!({ "includeUsers": [other, me] }), true, false),
        (json!({ "includeUsers": [other] }), false, false),
        (json!({ "includeUsers": ["GuestsOrExternalUsers"] }), true, false),
        (json!({ "includeGroups": [others, mine] }), true, false),
        (json!({ "includeGroups": [others] }), false, false),
        (json!({ "includeRoles": [role] }), true, false),
        (json!({ "includeRoles": [other_role] }), false, false),
        (json!({ "includeUsers": ["All"], "excludeUsers": [me] }), false, true),
        (
            json!({ "includeUsers": ["All"], "excludeUsers": ["GuestsOrExternalUsers"] }),
            false,
            true,
        ),
        (json!({ "includeUsers": ["All"], "excludeGroups": [mine] }), false, true),
        (json!({ "includeUsers": ["All"], "excludeRoles": [role] }), false, true),
        (json!({ "includeUsers": [me], "excludeUsers": [me] }), false, false),
        (
            json!({ "includeUsers": ["All"], "excludeUsers": [other], "excludeGroups": [others] }),
            true,
            true,
        ),
    ] {
        for (sign_in, expected) in [(&sign_in, applies_to_me), (&nobody, applies_to_nobody)] {
            let found = applies(json!({ "users": users }), sign_in);
            let expected = if expected { Ok(()) } else { Err(AnalysisReason::Users) };
            assert_eq!(found, expected, "{users} {:?}", sign_in.user);
        }
    }
}

#[test]
fn applications_and_user_actions_are_apart() {
    let to = |resource| SignIn { resource, ..sign_in() };
    let application = to(Resource::Application(application_id(1)));
    let action = to(Resource::UserAction(UserAction::RegisterSecurityInfo));
    let (one, other) = (id_text(4, 1), id_text(4, 2));
    let (no_application, no_action) = (Err(AnalysisReason::Application), Err(AnalysisReason::UserActions));
    for (applications, for_application, for_action) in [
        (json!({ "includeApplications": ["All"] }), Ok(()), no_application),
        (
            json!({ "includeApplications": ["None"] }),
            no_application,
            no_application,
        ),
        (json!({ "includeApplications": [other, one] }), Ok(()), no_application),
        (
            json!({ "includeApplications": [other] }),
            no_application,
            no_application,
        ),
        (
            json!({ "includeApplications": ["All"], "excludeApplications": [one] }),
            no_application,
            no_application,
        ),
        (
            json!({ "includeApplications": ["All"], "excludeApplications": ["Office365"] }),
            Ok(()),
            no_application,
        ),
        (
            json!({ "includeUserActions": ["urn:user:registersecurityinfo"] }),
            no_action,
            Ok(()),
        ),
        (
            json!({ "includeUserActions": ["urn:user:registerdevice"] }),
            no_action,
            no_action,
        ),
    ] {
        let conditions = json!({ "applications": applications });
        assert_eq!(
            applies(conditions.clone(), &application),
            for_application,
            "{conditions}"
        );
        assert_eq!(applies(conditions.clone(), &action), for_action, "{conditions}");
    }
}

#[test]
fn platforms_and_clients() {
    let with = |platform, client_app| SignIn {
        platform,
        client_app,
        ..sign_in()
    };
    let (ios, browser) = (Some(DevicePlatform::IOs), Some(ClientAppType::Browser));
    let not_platform = Err(AnalysisReason::DevicePlatform);
    for (platforms, on_ios, unknown) in [
        (json!(null), Ok(()), Ok(())),
        (json!({}), Ok(()), Ok(())),
        (json!({ "includePlatforms": ["all"] }), Ok(()), Ok(())),
        (json!({ "includePlatforms": ["android", "iOS"] }), Ok(()), not_platform),
        (json!({ "includePlatforms": ["android"] }), not_platform, not_platform),
        (
            json!({ "includePlatforms": ["all"], "excludePlatforms": ["iOS"] }),
            not_platform,
            Ok(()),
        ),
    ] {
        let conditions = json!({ "platforms": platforms });
        assert_eq!(applies(conditions.clone(), &with(ios, browser)), on_ios, "{conditions}");
        assert_eq!(
            applies(conditions.clone(), &with(None, browser)),
            unknown,
            "{conditions}"
        );
        assert_eq!(
            applies(conditions.clone(), &with(Some(DevicePlatform::All), browser)),
            unknown,
            "{conditions}"
        );
    }
    let not_client = Err(AnalysisReason::ClientApps);
    for (types, in_browser, unknown) in [
        (json!([]), Ok(()), Ok(())),
        (json!(["all"]), Ok(()), Ok(())),
        (json!(["browser", "other"]), Ok(()), not_client),
        (json!(["exchangeActiveSync", "other"]), not_client, not_client),
    ] {
        let conditions = json!({ "clientAppTypes": types });
        assert_eq!(
            applies(conditions.clone(), &with(ios, browser)),
            in_browser,
            "{conditions}"
        );
        assert_eq!(applies(conditions.clone(), &with(ios, None)), unknown, "{conditions}");
    }
}

#[test]
fn places() {
    let (offices, partner, switzerland, iceland) = (id_text(5, 0), id_text(5, 1), id_text(5, 2), id_text(5, 3));
    for (ip, country, places, there) in [
        (
            Some("203.0.113.7"),
            None,
            json!({ "includeLocations": [offices] }),
            true,
        ),
        (
            Some("2001:db8:1::7"),
            None,
            json!({ "includeLocations": [offices] }),
            true,
        ),
        (
            Some("198.51.100.7"),
            None,
            json!({ "includeLocations": [offices] }),
            false,
        ),
        (
            Some("203.0.113.7"),
            None,
            json!({ "includeLocations": [partner] }),
            false,
        ),
        (
            Some("203.0.113.200"),
            None,
            json!({ "includeLocations": [partner] }),
            true,
        ),
        (None, None, json!({ "includeLocations": [offices] }), false),
        (None, None, json!({ "includeLocations": ["All"] }), true),
        (
            Some("203.0.113.7"),
            None,
            json!({ "includeLocations": ["AllTrusted"] }),
            true,
        ),
        (
            Some("2001:db8:2::7"),
            None,
            json!({ "includeLocations": ["AllTrusted"] }),
            false,
        ),
        (
            Some("203.0.113.7"),
            None,
            json!({ "includeLocations": ["All"], "excludeLocations": ["AllTrusted"] }),
            false,
        ),
        (
            None,
            None,
            json!({ "includeLocations": ["All"], "excludeLocations": ["AllTrusted"] }),
            true,
        ),
        (
            Some("203.0.113.200"),
            None,
            json!({ "includeLocations": ["AllTrusted"], "excludeLocations": [partner] }),
            false,
        ),
        (None, Some("CH"), json!({ "includeLocations": [switzerland] }), true),
        (
            None,
            Some("DE"),
            json!({ "includeLocations": [switzerland, iceland] }),
            false,
        ),
        (None, None, json!({ "includeLocations": [switzerland] }), false),
        (
            Some("203.0.113.7"),
            None,
            json!({ "includeLocations": [iceland] }),
            true,
        ),
        (
            None,
            Some("CH"),
            json!({ "includeLocations": ["All"], "excludeLocations": [switzerland] }),
            false,
        ),
    ] {
        let sign_in = SignIn {
            ip: ip.map(|ip| ip.parse().unwrap()),
            country: country.map(|country| country.parse().unwrap()),
            ..sign_in()
        };
        let expected = if there { Ok(()) } else { Err(AnalysisReason::Location) };
        assert_eq!(
            applies(json!({ "locations": places }), &sign_in),
            expected,
            "{ip:?} {country:?} {places}"
        );
    }
}

#[test]
fn risks() {
    for (levels, risk, applicable) in [
        (json!([]), RiskLevel::None, true),
        (json!(["medium", "high"]), RiskLevel::High, true),
        (json!(["medium", "high"]), RiskLevel::Low, false),
        (json!(["none"]), RiskLevel::None, true),
        (json!(["high"]), RiskLevel::Hidden, false),
    ] {
        let (sign_in_risk, user_risk) = (
            SignIn {
                sign_in_risk: risk,
                ..sign_in()
            },
            SignIn {
                user_risk: risk,
                ..sign_in()
            },
        );
        let expected = |reason| if applicable { Ok(()) } else { Err(reason) };
        let found = applies(json!({ "signInRiskLevels": levels }), &sign_in_risk);
        assert_eq!(found, expected(AnalysisReason::SignInRisk), "{levels} {risk}");
        let found = applies(json!({ "userRiskLevels": levels }), &user_risk);
        assert_eq!(found, expected(AnalysisReason::UserRisk), "{levels} {risk}");
    }
}

#[test]
fn device_filters_include_or_exclude() {
    let company = Device {
        attributes: DeviceAttributes {
            ownership: Some("Company".into()),
            ..DeviceAttributes::default()
        },
        ..device(Compliance::Compliant)
    };
    let (with, without) = (
        SignIn {
            device: Some(&company),
            ..sign_in()
        },
        sign_in(),
    );
    let not = Err(AnalysisReason::Devices);
    for (mode, rule, on_device, without_device) in [
        ("include", "device.deviceOwnership -eq \"Company\"", Ok(()), not),
        ("exclude", "device.deviceOwnership -eq \"Company\"", not, Ok(())),
        ("include", "device.deviceOwnership -ne \"Company\"", not, Ok(())),
        ("include", "device.isCompliant -eq True", Ok(()), not),
    ] {
        let conditions = json!({ "devices": { "deviceFilter": { "mode": mode, "rule": rule } } });
        assert_eq!(applies(conditions.clone(), &with), on_device, "{conditions}");
        assert_eq!(applies(conditions.clone(), &without), without_device, "{conditions}");
    }
}

#[test]
fn all_conditions_must_hold_and_the_first_that_does_not_is_named() {
    let conditions = json!({
        "users": { "includeUsers": [id_text(1, 0)] },
        "platforms": { "includePlatforms": ["iOS"] },
        "clientAppTypes": ["browser"],
        "userRiskLevels": ["high"],
    });
    let fitting = SignIn {
        platform: Some(DevicePlatform::IOs),
        client_app: Some(ClientAppType::Browser),
        user_risk: RiskLevel::High,
        ..sign_in()
    };
    assert_eq!(applies(conditions.clone(), &fitting), Ok(()));
    let calm = SignIn {
        user_risk: RiskLevel::Low,
        ..fitting
    };
    assert_eq!(applies(conditions.clone(), &calm), Err(AnalysisReason::UserRisk));
    let native = SignIn {
        client_app: Some(ClientAppType::Other),
        ..calm
    };
    assert_eq!(applies(conditions.clone(), &native), Err(AnalysisReason::ClientApps));
    let stranger = SignIn { user: None, ..native };
    assert_eq!(applies(conditions, &stranger), Err(AnalysisReason::Users));
}

/// What is asked for of a sign-in by a policy with these controls; nothing when it is let in.
fn asked(operator: &str, controls: &[&str], sign_in: &SignIn<'_>) -> Vec<GrantControl> {
    let grants = json!({ "operator": operator, "builtInControls": controls });
    let conditions = json!({ "userRiskLevels": ["none"] });
    let decision = decide(&[policy("Controls", "enabled", conditions, grants)], sign_in);
    assert_eq!(decision.allowed, decision.asked.is_empty());
    assert_eq!(decision.allowed, decision.reasons.is_empty());
    decision.asked.iter().collect()
}

#[test]
fn each_control_is_met_by_its_claim_alone() {
    use GrantControl::{
        ApprovedApplication, Block, CompliantApplication, CompliantDevice, DomainJoinedDevice, Mfa, PasswordChange,
    };
    let compliant = device(Compliance::Compliant);
    let mut joined = device(Compliance::NotCompliant);
    joined.attributes.trust_type = Some("ServerAD".into());
    let claims = [
        (Mfa, SignIn { mfa: true, ..sign_in() }),
        (
            CompliantDevice,
            SignIn {
                device: Some(&compliant),
                ..sign_in()
            },
        ),
        (
            DomainJoinedDevice,
            SignIn {
                device: Some(&joined),
                ..sign_in()
            },
        ),
        (
            ApprovedApplication,
            SignIn {
                approved_app: true,
                ..sign_in()
            },
        ),
        (
            CompliantApplication,
            SignIn {
                app_protection: AppProtection::Protected,
                ..sign_in()
            },
        ),
    ];
    for control in [
        Block,
        Mfa,
        CompliantDevice,
        DomainJoinedDevice,
        ApprovedApplication,
        CompliantApplication,
        PasswordChange,
    ] {
        assert_eq!(asked("AND", &[control.as_str()], &sign_in()), [control]);
        for (claim, sign_in) in &claims {
            let open = asked("AND", &[control.as_str()], sign_in).is_empty();
            assert_eq!(open, *claim == control, "{control} with {claim}");
        }
    }
}

#[test]
fn a_device_is_compliant_when_enrolled_and_while_in_grace() {
    let unenrolled = Device {
        enrolled: false,
        ..device(Compliance::Compliant)
    };
    for (device, open) in [
        (device(Compliance::Compliant), true),
        (device(Compliance::InGracePeriod), true),
        (device(Compliance::NotCompliant), false),
        (device(Compliance::Unknown), false),
        (unenrolled, false),
    ] {
        let sign_in = SignIn {
            device: Some(&device),
            ..sign_in()
        };
        assert_eq!(
            asked("AND", &["compliantDevice"], &sign_in).is_empty(),
            open,
            "{device:?}"
        );
    }
}

#[test]
fn and_asks_for_all_or_for_one_in_a_fixed_order() {
    use GrantControl::{CompliantApplication, CompliantDevice, Mfa};
    let controls = ["compliantApplication", "mfa", "compliantDevice"];
    let with_mfa = SignIn { mfa: true, ..sign_in() };
    assert_eq!(
        asked("AND", &controls, &sign_in()),
        [Mfa, CompliantDevice, CompliantApplication]
    );
    assert_eq!(
        asked("AND", &controls, &with_mfa),
        [CompliantDevice, CompliantApplication]
    );
    assert_eq!(
        asked("OR", &controls, &sign_in()),
        [Mfa, CompliantDevice, CompliantApplication]
    );
    assert_eq!(asked("OR", &controls, &with_mfa), []);
}

fn requiring(name: &str, state: &str, control: &str) -> ConditionalAccessPolicy {
    policy(name, state, json!({}), json!({ "builtInControls": [control] }))
}

#[test]
fn every_policy_must_be_satisfied_and_block_stops() {
    let policies = [
        requiring("Phones", "enabled", "compliantDevice"),
        requiring("Everybody", "enabled", "mfa"),
        requiring("Met", "enabled", "approvedApplication"),
    ];
    let sign_in = SignIn {
        approved_app: true,
        ..sign_in()
    };
    let decision = decide(&policies, &sign_in);
    assert_eq!(
        decision.asked.iter().collect::<Vec<_>>(),
        [GrantControl::Mfa, GrantControl::CompliantDevice]
    );
    let texts: Vec<String> = decision.reasons.iter().map(|reason| reason.english().text).collect();
    assert_eq!(
        texts,
        [
            "Conditional access policy \"Phones\" requires a compliant device.",
            "Conditional access policy \"Everybody\" requires multi-factor authentication.",
        ]
    );
    assert_eq!(decision.outcomes[2].result, PolicyResult::Success);

    let with_block = [&policies[..], &[blocking(json!({ "userRiskLevels": ["none"] }))]].concat();
    let decision = decide(&with_block, &sign_in);
    assert_eq!(decision.asked.iter().collect::<Vec<_>>(), [GrantControl::Block]);
    let texts: Vec<String> = decision.reasons.iter().map(|reason| reason.english().text).collect();
    assert_eq!(texts, ["Conditional access policy \"Block\" blocks access."]);
    assert_eq!(
        decision.reasons[0].because[0].english().text,
        "The user's risk is none."
    );
    assert_eq!(decision.reasons[0].because.len(), 1);
}

#[test]
fn report_only_is_told_and_closes_nothing_and_disabled_is_not_there() {
    for (control, applied) in [
        ("block", PolicyResult::ReportOnlyFailure),
        ("compliantDevice", PolicyResult::ReportOnlyFailure),
        ("mfa", PolicyResult::ReportOnlyInterrupted),
        ("approvedApplication", PolicyResult::ReportOnlySuccess),
    ] {
        let state = "enabledForReportingButNotEnforced";
        let policies = [
            requiring("Trial", state, control),
            requiring("Off", "disabled", "block"),
        ];
        let set = compile(&policies);
        let sign_in = SignIn {
            approved_app: true,
            ..sign_in()
        };
        let decision = set.evaluate(&sign_in);
        assert!(decision.allowed && decision.reasons.is_empty(), "{control}");
        assert_eq!(decision.outcomes.len(), 1);
        assert_eq!(
            (decision.outcomes[0].policy, decision.outcomes[0].result),
            (policy_id(0), applied)
        );
        let reason = set.reason(&decision.outcomes[0], &sign_in);
        assert_eq!(reason.is_none(), applied == PolicyResult::ReportOnlySuccess);
        assert!(reason.is_none_or(|reason| {
            reason
                .english()
                .text
                .starts_with("Report-only conditional access policy \"Trial\" would ")
        }));
        let elsewhere = SignIn {
            resource: Resource::UserAction(UserAction::RegisterDevice),
            ..sign_in
        };
        assert_eq!(
            set.evaluate(&elsewhere).outcomes[0].result,
            PolicyResult::ReportOnlyNotApplied
        );
    }
}

#[test]
fn the_chain_goes_down_to_the_evidence() {
    let jailbroken = device(Compliance::NotCompliant);
    let outdated = [Reason::plain("The app is too old.").remedy(Sentence::Plain("Update the app.".into()))];
    let sign_in = SignIn {
        device: Some(&jailbroken),
        app_protection: AppProtection::NotProtected(&outdated),
        ..sign_in()
    };
    let grants = json!({ "operator": "OR", "builtInControls": ["compliantDevice", "compliantApplication"] });
    let decision = decide(&[policy("Corporate", "enabled", json!({}), grants)], &sign_in);
    let expected = Reason::plain(
        "Conditional access policy \"Corporate\" requires one of these: a compliant device, an app with an app protection policy.",
    )
    .because([
        Reason::plain("The device is not compliant.").because(jailbroken.because.clone()),
        Reason::plain("The app is not protected by an app protection policy.").because(outdated.clone()),
    ]);
    assert_eq!(decision.reasons[0].english(), expected.english());
    assert_eq!(decision.reasons.len(), 1);
    assert_eq!(
        decision.reasons[0].english().remedies(),
        ["Restore the system.", "Update the app."]
    );
}

#[test]
fn what_cannot_be_compiled_names_its_policy() {
    let mut broken = requiring("Broken", "enabled", "mfa");
    broken.display_name = String::new();
    assert!(matches!(
        PolicySet::compile(&[(policy_id(1), broken.clone())], &locations()),
        Err(CompileError::Policy { id, .. }) if id == policy_id(1)
    ));
    broken.state = moat_model::conditional_access::PolicyState::Disabled;
    assert!(PolicySet::compile(&[(policy_id(1), broken)], &locations()).is_ok());

    let elsewhere = blocking(json!({ "locations": { "includeLocations": [id_text(5, 9)] } }));
    assert_eq!(validate(&elsewhere), Ok(()));
    let error = PolicySet::compile(&[(policy_id(1), elsewhere)], &locations()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "policy \"Block\": conditions.locations.includeLocations: there is no named location {}",
            id_text(5, 9)
        )
    );

    let many: Vec<_> = (0..=MAX_POLICIES)
        .map(|number| (policy_id(number), requiring("Mfa", "enabled", "mfa")))
        .collect();
    assert_eq!(
        PolicySet::compile(&many, &[]).unwrap_err(),
        CompileError::TooMany(MAX_POLICIES + 1)
    );
    let set = PolicySet::compile(&many[1..], &[]).unwrap();
    assert!(
        set.evaluate(&sign_in())
            .outcomes
            .iter()
            .all(|outcome| outcome.result == PolicyResult::Failure)
    );
    assert_eq!(set.name(policy_id(MAX_POLICIES)), Some("Mfa"));
    assert_eq!(set.name(policy_id(0)), None);
}
