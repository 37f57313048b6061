use serde_json::json;

use super::*;

fn policy() -> Value {
    json!({
        "displayName": "Compliant phones only",
        "state": "enabled",
        "conditions": {
            "applications": { "includeApplications": ["All"] },
            "users": { "includeUsers": ["All"] },
        },
        "grantControls": { "operator": "AND", "builtInControls": ["compliantDevice"] },
    })
}

/// The policy with some properties set, by JSON pointer; objects on the way are made.
fn with(changes: &[(&str, Value)]) -> Value {
    let mut policy = policy();
    for (pointer, value) in changes {
        let mut place = &mut policy;
        for part in pointer.trim_start_matches('/').split('/') {
            place = &mut place[part];
        }
        *place = value.clone();
    }
    policy
}

fn checked(policy: Value) -> Result<(), String> {
    let policy: ConditionalAccessPolicy = serde_json::from_value(policy).unwrap();
    validate(&policy).map_err(|invalid| invalid.to_string())
}

const ID: &str = "6f0e6a4a-7d5b-4a0e-9d0e-0f3f1c2b3a4d";

#[test]
fn what_is_missing_or_contradicts_itself_is_named() {
    for (changes, error) in [
        (vec![("/displayName", json!(" "))], "displayName: give it a name"),
        (
            vec![("/displayName", json!("x".repeat(257)))],
            "displayName: longer than 256 characters",
        ),
        (
            vec![("/conditions/users", json!(null))],
            "conditions.users: say for which",
        ),
        (
            vec![("/conditions/users", json!({ "excludeGroups": [ID] }))],
            "conditions.users: say for which",
        ),
        (
            vec![("/conditions/applications", json!({}))],
            "conditions.applications: say for which",
        ),
        (
            vec![("/grantControls", json!(null))],
            "grantControls.builtInControls: ask for at least one",
        ),
        (
            vec![
                ("/grantControls", json!(null)),
                ("/sessionControls/signInFrequency/value", json!(4)),
            ],
            "grantControls.builtInControls: ask for at least one",
        ),
        (
            vec![("/grantControls/builtInControls", json!(["block", "mfa"]))],
            "grantControls.builtInControls: block cannot be combined",
        ),
        (
            vec![("/grantControls/builtInControls", json!(["mfa", "passwordChange"]))],
            "grantControls.builtInControls: passwordChange needs conditions.userRiskLevels",
        ),
        (
            vec![("/conditions/users/includeUsers", json!(["None", ID]))],
            "conditions.users.includeUsers: None stands alone",
        ),
        (
            vec![("/conditions/users/excludeUsers", json!(["All"]))],
            "conditions.users.excludeUsers: All would exclude",
        ),
        (
            vec![("/conditions/applications/includeApplications", json!(["None", ID]))],
            "conditions.applications.includeApplications: None stands alone",
        ),
        (
            vec![("/conditions/applications/includeApplications", json!([ID, "Office365"]))],
            "conditions.applications.includeApplications: Office365 stands for",
        ),
        (
            vec![("/conditions/applications/excludeApplications", json!(["All"]))],
            "conditions.applications.excludeApplications: All would exclude",
        ),
        (
            vec![("/conditions/platforms/excludePlatforms", json!(["iOS"]))],
            "conditions.platforms.includePlatforms: say what",
        ),
        (
            vec![(
                "/conditions/platforms",
                json!({ "includePlatforms": ["all"], "excludePlatforms": ["all"] }),
            )],
            "conditions.platforms.excludePlatforms: all would exclude",
        ),
        (
            vec![("/conditions/locations/excludeLocations", json!(["AllTrusted"]))],
            "conditions.locations.includeLocations: say what",
        ),
        (
            vec![(
                "/conditions/locations",
                json!({ "includeLocations": ["All"], "excludeLocations": ["All"] }),
            )],
            "conditions.locations.excludeLocations: All would exclude",
        ),
        (
            vec![(
                "/conditions/devices/deviceFilter",
                json!({ "mode": "exclude", "rule": "device.color -eq \"red\"" }),
            )],
            "conditions.devices.deviceFilter.rule: a device has no property \"color\" at position 0",
        ),
    ] {
        let text = checked(with(&changes)).expect_err(error);
        assert!(text.starts_with(error), "{text}\n{error}");
    }
}

#[test]
fn user_actions_have_rules_of_their_own() {
    let applications = |actions: Value| {
        let named = json!({ "includeUserActions": actions });
        ("/conditions/applications", named)
    };
    let security_info = applications(json!(["urn:user:registersecurityinfo"]));
    assert_eq!(checked(with(std::slice::from_ref(&security_info))), Ok(()));
    let report_only = with(&[
        security_info.clone(),
        ("/state", json!("enabledForReportingButNotEnforced")),
    ]);
    assert_eq!(
        checked(report_only),
        Err("state: a policy for user actions cannot be report-only".into())
    );
    let both = with(&[
        security_info,
        ("/conditions/applications/includeApplications", json!(["All"])),
    ]);
    assert!(
        checked(both)
            .unwrap_err()
            .starts_with("conditions.applications.includeUserActions: ")
    );
    let register = with(&[applications(json!(["urn:user:registerdevice"]))]);
    assert!(checked(register).unwrap_err().contains("being registered"));
}

#[test]
fn what_moat_does_not_evaluate_is_refused_by_name() {
    for (pointer, value) in [
        ("/conditions/insiderRiskLevels", json!("elevated")),
        (
            "/conditions/clientApplications",
            json!({ "includeServicePrincipals": [ID] }),
        ),
        (
            "/conditions/authenticationFlows",
            json!({ "transferMethods": "deviceCodeFlow" }),
        ),
        ("/conditions/servicePrincipalRiskLevels", json!(["high"])),
        (
            "/conditions/deviceStates",
            json!({ "includeStates": ["All"], "excludeStates": ["Compliant"] }),
        ),
        ("/conditions/times", json!({ "all": true })),
        ("/conditions/devices/includeDevices", json!(["All"])),
        (
            "/conditions/users/includeGuestsOrExternalUsers",
            json!({ "guestOrExternalUserTypes": "internalGuest" }),
        ),
        (
            "/conditions/users/excludeGuestsOrExternalUsers",
            json!({ "guestOrExternalUserTypes": "internalGuest" }),
        ),
        ("/conditions/users/includeAgents", json!(["All"])),
        (
            "/conditions/applications/includeAuthenticationContextClassReferences",
            json!(["c1"]),
        ),
        (
            "/conditions/applications/applicationFilter",
            json!({ "mode": "exclude", "rule": "x" }),
        ),
        (
            "/conditions/applications/networkAccess",
            json!({ "trafficProfiles": "internet" }),
        ),
        ("/grantControls/authenticationStrength", json!({ "id": ID })),
        ("/grantControls/customAuthenticationFactors", json!(["duo"])),
        ("/grantControls/termsOfUse", json!([ID])),
        ("/grantControls/verifiedId", json!(true)),
        ("/partialEnablementStrategy", json!("half")),
    ] {
        let text = checked(with(&[(pointer, value)])).expect_err(pointer);
        let field = pointer.trim_start_matches('/').replace('/', ".");
        assert!(
            text.starts_with(&format!("{field}: Moat does not evaluate it")),
            "{text}"
        );
    }
}

#[test]
fn what_says_nothing_or_changes_nothing_is_kept() {
    let kept = with(&[
        ("/id", json!(ID)),
        ("/createdDateTime", json!("2026-01-01T00:00:00Z")),
        ("/@odata.type", json!("#microsoft.graph.conditionalAccessPolicy")),
        ("/partialEnablementStrategy", json!(null)),
        ("/conditions/times", json!(null)),
        ("/conditions/insiderRiskLevels", json!(null)),
        (
            "/conditions/clientApplications",
            json!({ "includeServicePrincipals": [], "servicePrincipalFilter": null }),
        ),
        ("/conditions/platforms", json!({ "includePlatforms": [] })),
        ("/conditions/applications/excludeApplications", json!(["Office365"])),
        (
            "/grantControls/authenticationStrength@odata.context",
            json!("https://graph.example/$metadata"),
        ),
        ("/sessionControls/signInFrequency/value", json!(4)),
    ]);
    assert_eq!(checked(kept), Ok(()));
}

#[test]
fn a_disabled_policy_may_be_unfinished_and_not_wrong() {
    let draft = json!({ "displayName": "Draft", "state": "disabled", "conditions": {} });
    assert_eq!(checked(draft), Ok(()));
    let wrong = with(&[
        ("/state", json!("disabled")),
        ("/grantControls/termsOfUse", json!([ID])),
    ]);
    assert!(checked(wrong).is_err());
}

#[test]
fn session_controls_are_told_as_unenforced() {
    let mut policy: ConditionalAccessPolicy = serde_json::from_value(policy()).unwrap();
    assert!(unenforced(&policy).is_empty());
    policy.session_controls = Some(json!({
        "@odata.type": "#microsoft.graph.conditionalAccessSessionControls",
        "persistentBrowser": { "mode": "never", "isEnabled": true },
        "signInFrequency": null,
    }));
    assert_eq!(unenforced(&policy), ["sessionControls.persistentBrowser"]);
}

#[test]
fn locations_are_checked() {
    let v4 = |cidr: &str| json!([{ "@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": cidr }]);
    let ip = |ranges: Value| json!({ "@odata.type": "#microsoft.graph.ipNamedLocation", "displayName": "Offices", "ipRanges": ranges });
    let country = |extra: Value| {
        let mut location = json!({ "@odata.type": "#microsoft.graph.countryNamedLocation", "displayName": "Here", "countriesAndRegions": ["CH"] });
        location
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        location
    };
    for (location, error) in [
        (ip(v4("10.0.0.0/8")), None),
        (country(json!({ "id": ID })), None),
        (ip(json!([])), Some("ipRanges: ")),
        (
            ip(v4("10.0.0.0/33")),
            Some("ipRanges.cidrAddress: \"10.0.0.0/33\" is not"),
        ),
        (
            ip(v4("2001:db8::/48")),
            Some("ipRanges.cidrAddress: \"2001:db8::/48\" is not an IPv4"),
        ),
        (ip(v4("0.0.0.0/0")), Some("ipRanges.cidrAddress: ")),
        (country(json!({ "displayName": "" })), Some("displayName: ")),
        (
            country(json!({ "countriesAndRegions": [] })),
            Some("countriesAndRegions: "),
        ),
        (
            country(json!({ "countryLookupMethod": "authenticatorAppGps" })),
            Some("countryLookupMethod: "),
        ),
        (country(json!({ "lookup": 1 })), Some("lookup: ")),
    ] {
        let shown = location.to_string();
        let location: NamedLocation = serde_json::from_value(location).unwrap();
        let found = validate_location(&location).err().map(|invalid| invalid.to_string());
        assert_eq!(found.is_some(), error.is_some(), "{shown}: {found:?}");
        assert!(
            found.unwrap_or_default().starts_with(error.unwrap_or_default()),
            "{shown}"
        );
    }
}
