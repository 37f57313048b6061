//! What If: whether a policy would apply, and if not, because of what.

use moat_model::conditional_access::{AnalysisReason, WhatIfRequest};
use moat_policy::conditional_access::User;
use serde_json::{Value, json};

use crate::world::{blocking, compile, group_id, id_text, policy, policy_id, user_id};

/// User 0, in group 0, signs in to application 0, with more about it laid over.
fn request(more: Value) -> WhatIfRequest {
    let mut request = json!({
        "signInIdentity": { "@odata.type": "#microsoft.graph.userSignIn", "userId": id_text(1, 0) },
        "signInContext": { "@odata.type": "#microsoft.graph.applicationContext", "includeApplications": [id_text(4, 0)] },
    });
    request
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    serde_json::from_value(request).unwrap()
}

fn reason(conditions: Value, more: Value) -> AnalysisReason {
    let user = User {
        id: user_id(0),
        groups: &[group_id(0)],
        roles: &[],
        guest: false,
    };
    let results = compile(&[blocking(conditions)]).what_if(&request(more), Some(user));
    assert_eq!(results.len(), 1);
    assert_eq!(
        results[0].policy_applies,
        results[0].analysis_reasons == AnalysisReason::NotSet
    );
    results[0].analysis_reasons
}

#[test]
fn the_first_condition_that_does_not_hold_is_named() {
    use AnalysisReason::{
        Application, ClientApps, DevicePlatform, Devices, Location, NotSet, SignInRisk, UserActions, UserRisk, Users,
        WorkloadIdentities,
    };
    let given = |conditions: Value| json!({ "signInConditions": conditions });
    let context = |kind: &str, name: &str, value: Value| json!({ "signInContext": { "@odata.type": format!("#microsoft.graph.{kind}"), name: value } });
    let guest = json!({ "signInIdentity": {
        "@odata.type": "#microsoft.graph.userSignIn", "userId": id_text(1, 0), "externalUserType": "b2bCollaborationGuest",
    } });
    let service = json!({ "signInIdentity": {
        "@odata.type": "#microsoft.graph.servicePrincipalSignIn", "servicePrincipalId": id_text(9, 0),
    } });
    let company = json!({ "devices": { "deviceFilter": { "mode": "include", "rule": "device.deviceOwnership -eq \"Company\"" } } });
    let not_company = json!({ "devices": { "deviceFilter": { "mode": "exclude", "rule": "device.deviceOwnership -eq \"Company\"" } } });
    let compliant =
        json!({ "devices": { "deviceFilter": { "mode": "include", "rule": "device.isCompliant -eq True" } } });
    let ios = json!({ "platforms": { "includePlatforms": ["iOS"] } });
    let known_out = json!({ "platforms": { "includePlatforms": ["all"], "excludePlatforms": ["iOS"] } });
    let untrusted = json!({ "locations": { "includeLocations": ["All"], "excludeLocations": ["AllTrusted"] } });
    let swiss = json!({ "locations": { "includeLocations": [id_text(5, 2)] } });
    let unknown_country = json!({ "locations": { "includeLocations": [id_text(5, 3)] } });
    let device_registration = json!({ "applications": { "includeUserActions": ["urn:user:registerdevice"] } });
    for (conditions, more, expected) in [
        (json!({}), json!({}), NotSet),
        (
            json!({ "users": { "includeGroups": [id_text(2, 0)] } }),
            json!({}),
            NotSet,
        ),
        (
            json!({ "users": { "includeGroups": [id_text(2, 1)] } }),
            json!({}),
            Users,
        ),
        (
            json!({ "users": { "includeUsers": ["GuestsOrExternalUsers"] } }),
            json!({}),
            Users,
        ),
        (
            json!({ "users": { "includeUsers": ["GuestsOrExternalUsers"] } }),
            guest,
            NotSet,
        ),
        (json!({}), service, WorkloadIdentities),
        (
            json!({ "applications": { "includeApplications": [id_text(4, 1)] } }),
            json!({}),
            Application,
        ),
        (
            json!({ "applications": { "includeApplications": [id_text(4, 1)] } }),
            context(
                "applicationContext",
                "includeApplications",
                json!([id_text(4, 0), id_text(4, 1)]),
            ),
            NotSet,
        ),
        (
            json!({ "applications": { "includeApplications": ["All"], "excludeApplications": [id_text(4, 0)] } }),
            context("applicationContext", "includeApplications", json!([id_text(4, 0)])),
            Application,
        ),
        (
            json!({}),
            context("applicationContext", "includeApplications", json!(["Office365"])),
            NotSet,
        ),
        (
            json!({}),
            context("applicationContext", "includeApplications", json!([])),
            Application,
        ),
        (
            json!({}),
            context("authContext", "authenticationContextValue", json!("c1")),
            Application,
        ),
        (device_registration.clone(), json!({}), UserActions),
        (
            device_registration.clone(),
            context("userActionContext", "userAction", json!("registerOrJoinDevices")),
            NotSet,
        ),
        (
            device_registration,
            context("userActionContext", "userAction", json!("registerSecurityInformation")),
            UserActions,
        ),
        (
            json!({}),
            context("userActionContext", "userAction", json!("registerOrJoinDevices")),
            Application,
        ),
        (ios.clone(), json!({}), DevicePlatform),
        (ios.clone(), given(json!({ "devicePlatform": "all" })), DevicePlatform),
        (
            ios.clone(),
            given(json!({ "devicePlatform": "android" })),
            DevicePlatform,
        ),
        (ios, given(json!({ "devicePlatform": "iOS" })), NotSet),
        (known_out.clone(), json!({}), DevicePlatform),
        (known_out, given(json!({ "devicePlatform": "linux" })), NotSet),
        (
            json!({ "platforms": { "includePlatforms": ["all"] } }),
            json!({}),
            NotSet,
        ),
        (company.clone(), json!({}), Devices),
        (company.clone(), given(json!({ "deviceInfo": {} })), Devices),
        (
            company,
            given(json!({ "deviceInfo": { "ownership": "Company" } })),
            NotSet,
        ),
        (not_company.clone(), json!({}), Devices),
        (
            not_company,
            given(json!({ "deviceInfo": { "ownership": "Personal" } })),
            NotSet,
        ),
        (compliant.clone(), given(json!({ "deviceInfo": {} })), Devices),
        (
            compliant,
            given(json!({ "deviceInfo": { "isCompliant": true } })),
            NotSet,
        ),
        (json!({ "clientAppTypes": ["browser"] }), json!({}), ClientApps),
        (
            json!({ "clientAppTypes": ["browser"] }),
            given(json!({ "clientAppType": "all" })),
            ClientApps,
        ),
        (
            json!({ "clientAppTypes": ["browser"] }),
            given(json!({ "clientAppType": "browser" })),
            NotSet,
        ),
        (json!({ "clientAppTypes": ["all"] }), json!({}), NotSet),
        (untrusted.clone(), json!({}), Location),
        (
            untrusted.clone(),
            given(json!({ "ipAddress": "203.0.113.7" })),
            Location,
        ),
        (untrusted, given(json!({ "ipAddress": "198.51.100.7" })), NotSet),
        (swiss.clone(), given(json!({ "country": "DE" })), Location),
        (swiss, given(json!({ "country": "CH" })), NotSet),
        (unknown_country, json!({}), Location),
        (
            json!({ "locations": { "includeLocations": ["All"] } }),
            json!({}),
            NotSet,
        ),
        (json!({ "signInRiskLevels": ["high"] }), json!({}), SignInRisk),
        (
            json!({ "signInRiskLevels": ["high"] }),
            given(json!({ "signInRiskLevel": "high" })),
            NotSet,
        ),
        (
            json!({ "userRiskLevels": ["high"] }),
            given(json!({ "signInRiskLevel": "high" })),
            UserRisk,
        ),
        (json!({ "userRiskLevels": ["none"] }), json!({}), NotSet),
        (
            json!({ "platforms": { "includePlatforms": ["iOS"] }, "clientAppTypes": ["browser"], "userRiskLevels": ["high"] }),
            given(json!({ "devicePlatform": "iOS", "userRiskLevel": "low" })),
            ClientApps,
        ),
    ] {
        assert_eq!(
            reason(conditions.clone(), more.clone()),
            expected,
            "{conditions}\n{more}"
        );
    }
}

#[test]
fn enabled_and_report_only_are_evaluated_and_those_that_do_not_apply_may_be_left_out() {
    let control = json!({ "builtInControls": ["mfa"] });
    let nobody = json!({ "users": { "includeUsers": ["None"] } });
    let set = compile(&[
        policy("Enabled", "enabled", json!({}), control.clone()),
        policy("Trial", "enabledForReportingButNotEnforced", json!({}), control.clone()),
        policy("Off", "disabled", json!({}), control.clone()),
        policy("Nobody", "enabled", nobody, control),
    ]);
    let policies = |more| -> Vec<_> {
        let results = set.what_if(&request(more), None);
        results
            .iter()
            .map(|result| (result.policy, result.policy_applies))
            .collect()
    };
    let applied = [(policy_id(0), true), (policy_id(1), true)];
    assert_eq!(policies(json!({})), [&applied[..], &[(policy_id(3), false)]].concat());
    assert_eq!(policies(json!({ "appliedPoliciesOnly": true })), applied);
}
