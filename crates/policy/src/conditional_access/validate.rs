use moat_model::conditional_access::{
    ApplicationRef, Applications, ConditionalAccessPolicy, Conditions, CountryLookup, DevicePlatform, FilterMode,
    GrantControl, GrantControls, LocationRef, NamedLocation, Other, PolicyState, UserAction, UserRef, Users,
};
use serde_json::Value;

use super::{filter::Rule, location::Location};

/// Longest display name, in characters.
const MAX_NAME: usize = 256;

/// What is wrong with a policy or a named location, and where: the path of the property as Graph spells it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Invalid {
    pub field: String,
    pub problem: String,
}

impl Invalid {
    pub(super) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
        }
    }
}

/// Checks what the types leave open. A part of Graph's shape that would change the decision and that Moat does not
/// evaluate is refused by name; session controls are kept, see `unenforced`. A disabled policy may be unfinished.
pub fn validate(policy: &ConditionalAccessPolicy) -> Result<(), Invalid> {
    display_name(&policy.display_name)?;
    nothing_else("", &policy.other, READ_ONLY)?;
    let conditions = &policy.conditions;
    not_evaluated(conditions)?;
    let users = conditions.users.clone().unwrap_or_default();
    let applications = conditions.applications.clone().unwrap_or_default();
    let grants = policy.grant_controls.clone().unwrap_or_default();
    check_users(&users)?;
    check_applications(&applications)?;
    check_platforms(conditions)?;
    check_locations(conditions)?;
    device_filter(conditions)?;
    check_grants(&grants, conditions)?;
    check_user_actions(policy.state, &applications, &grants)?;
    if policy.state != PolicyState::Disabled {
        has_the_minimum(&users, &applications, &grants)?;
    }
    Ok(())
}

/// Checks a named location.
pub fn validate_location(location: &NamedLocation) -> Result<(), Invalid> {
    display_name(location.display_name())?;
    match location {
        NamedLocation::Ip(ip) => {
            nothing_else("", &ip.other, READ_ONLY)?;
            if ip.ip_ranges.is_empty() {
                return Err(Invalid::new("ipRanges", "name at least one range"));
            }
        }
        NamedLocation::Country(country) => {
            nothing_else("", &country.other, READ_ONLY)?;
            if country.countries_and_regions.is_empty() {
                return Err(Invalid::new(
                    "countriesAndRegions",
                    "name at least one country or region",
                ));
            }
            if country.country_lookup_method == CountryLookup::AuthenticatorAppGps {
                return Err(unsupported("countryLookupMethod", "use clientIpAddress"));
            }
        }
    }
    Location::compile(location).map(|_| ())
}

/// Session controls that the policy has and that no gateway enforces, such as `sessionControls.signInFrequency`: to be
/// shown, so that nobody relies on them.
#[must_use]
pub fn unenforced(policy: &ConditionalAccessPolicy) -> Vec<String> {
    let controls = policy.session_controls.as_ref().and_then(Value::as_object);
    let set = controls
        .into_iter()
        .flatten()
        .filter(|(name, value)| says_something(name, value));
    set.map(|(name, _)| format!("sessionControls.{name}")).collect()
}

/// The policy's device filter, parsed.
pub(super) fn device_filter(conditions: &Conditions) -> Result<Option<(FilterMode, Rule)>, Invalid> {
    let Some(filter) = conditions
        .devices
        .as_ref()
        .and_then(|devices| devices.device_filter.as_ref())
    else {
        return Ok(None);
    };
    let rule: Result<Rule, _> = filter.rule.parse();
    rule.map(|rule| Some((filter.mode, rule)))
        .map_err(|error| Invalid::new("conditions.devices.deviceFilter.rule", error.to_string()))
}

const READ_ONLY: &[&str] = &["id", "createdDateTime", "modifiedDateTime", "deletedDateTime"];

fn display_name(name: &str) -> Result<(), Invalid> {
    if name.trim().is_empty() {
        return Err(Invalid::new("displayName", "give it a name"));
    }
    if name.chars().count() > MAX_NAME {
        return Err(Invalid::new(
            "displayName",
            format!("longer than {MAX_NAME} characters"),
        ));
    }
    Ok(())
}

fn unsupported(field: impl Into<String>, instead: &str) -> Invalid {
    Invalid::new(field, format!("Moat does not evaluate it; {instead}"))
}

/// Refuses properties that have no field in the types, unless they say nothing or are known to be harmless.
fn nothing_else(path: &str, other: &Other, harmless: &[&str]) -> Result<(), Invalid> {
    let told = |(name, value): &(&String, &Value)| says_something(name, value) && !harmless.contains(&name.as_str());
    match other.iter().find(told) {
        Some((name, _)) => Err(unsupported(format!("{path}{name}"), "leave it out")),
        None => Ok(()),
    }
}

/// Whether a property means anything: annotations, nulls and empty things do not.
fn says_something(name: &str, value: &Value) -> bool {
    !name.contains('@')
        && match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(elements) => !elements.is_empty(),
            Value::Object(properties) => properties.iter().any(|(name, value)| says_something(name, value)),
            Value::Bool(_) | Value::Number(_) => true,
        }
}

fn unset(field: &str, value: Option<&Value>, instead: &str) -> Result<(), Invalid> {
    match value.is_some_and(|value| says_something("", value)) {
        true => Err(unsupported(field, instead)),
        false => Ok(()),
    }
}

fn not_evaluated(conditions: &Conditions) -> Result<(), Invalid> {
    let leave = "leave it out";
    unset(
        "conditions.insiderRiskLevels",
        conditions.insider_risk_levels.as_ref(),
        leave,
    )?;
    unset(
        "conditions.clientApplications",
        conditions.client_applications.as_ref(),
        leave,
    )?;
    unset(
        "conditions.authenticationFlows",
        conditions.authentication_flows.as_ref(),
        leave,
    )?;
    if !conditions.service_principal_risk_levels.is_empty() {
        return Err(unsupported("conditions.servicePrincipalRiskLevels", leave));
    }
    if let Some(states) = conditions.other.get("deviceStates") {
        unset(
            "conditions.deviceStates",
            Some(states),
            "use conditions.devices.deviceFilter",
        )?;
    }
    nothing_else("conditions.", &conditions.other, &[])?;
    if let Some(platforms) = &conditions.platforms {
        nothing_else("conditions.platforms.", &platforms.other, &[])?;
    }
    if let Some(locations) = &conditions.locations {
        nothing_else("conditions.locations.", &locations.other, &[])?;
    }
    if let Some(devices) = &conditions.devices {
        nothing_else("conditions.devices.", &devices.other, &[])?;
        if let Some(filter) = &devices.device_filter {
            nothing_else("conditions.devices.deviceFilter.", &filter.other, &[])?;
        }
    }
    Ok(())
}

fn check_users(users: &Users) -> Result<(), Invalid> {
    let of_kinds = "use GuestsOrExternalUsers in includeUsers or excludeUsers";
    let (included, excluded) = (
        &users.include_guests_or_external_users,
        &users.exclude_guests_or_external_users,
    );
    unset(
        "conditions.users.includeGuestsOrExternalUsers",
        included.as_ref(),
        of_kinds,
    )?;
    unset(
        "conditions.users.excludeGuestsOrExternalUsers",
        excluded.as_ref(),
        of_kinds,
    )?;
    nothing_else("conditions.users.", &users.other, &[])?;
    alone("conditions.users.includeUsers", &users.include_users, UserRef::None)?;
    not_all("conditions.users.excludeUsers", &users.exclude_users, UserRef::All)
}

fn check_applications(applications: &Applications) -> Result<(), Invalid> {
    if !applications.include_authentication_context_class_references.is_empty() {
        let field = "conditions.applications.includeAuthenticationContextClassReferences";
        return Err(unsupported(field, "name applications"));
    }
    let filter = applications.application_filter.as_ref();
    unset("conditions.applications.applicationFilter", filter, "name applications")?;
    nothing_else("conditions.applications.", &applications.other, &[])?;
    let included = &applications.include_applications;
    let microsoft = [ApplicationRef::Office365, ApplicationRef::MicrosoftAdminPortals];
    if let Some(word) = included.iter().find(|reference| microsoft.contains(reference)) {
        let problem =
            format!("{word} stands for applications of Microsoft, which are not behind Moat; name yours, or All");
        return Err(Invalid::new("conditions.applications.includeApplications", problem));
    }
    alone(
        "conditions.applications.includeApplications",
        included,
        ApplicationRef::None,
    )?;
    not_all(
        "conditions.applications.excludeApplications",
        &applications.exclude_applications,
        ApplicationRef::All,
    )
}

fn check_platforms(conditions: &Conditions) -> Result<(), Invalid> {
    let Some(platforms) = &conditions.platforms else {
        return Ok(());
    };
    let (included, excluded) = (&platforms.include_platforms, &platforms.exclude_platforms);
    not_all("conditions.platforms.excludePlatforms", excluded, DevicePlatform::All)?;
    something_included("conditions.platforms.includePlatforms", included, excluded, "all")
}

fn check_locations(conditions: &Conditions) -> Result<(), Invalid> {
    let Some(locations) = &conditions.locations else {
        return Ok(());
    };
    let (included, excluded) = (&locations.include_locations, &locations.exclude_locations);
    not_all("conditions.locations.excludeLocations", excluded, LocationRef::All)?;
    something_included("conditions.locations.includeLocations", included, excluded, "All")
}

fn alone<T: PartialEq + ToString>(field: &str, references: &[T], word: T) -> Result<(), Invalid> {
    match references.len() > 1 && references.contains(&word) {
        true => Err(Invalid::new(field, format!("{} stands alone", word.to_string()))),
        false => Ok(()),
    }
}

fn not_all<T: PartialEq + ToString>(field: &str, references: &[T], word: T) -> Result<(), Invalid> {
    match references.contains(&word) {
        true => Err(Invalid::new(
            field,
            format!(
                "{} would exclude everything; disable the policy instead",
                word.to_string()
            ),
        )),
        false => Ok(()),
    }
}

fn something_included<T>(field: &str, included: &[T], excluded: &[T], word: &str) -> Result<(), Invalid> {
    match included.is_empty() && !excluded.is_empty() {
        true => Err(Invalid::new(
            field,
            format!("say what is excluded from; {word} stands for everything"),
        )),
        false => Ok(()),
    }
}

fn check_grants(grants: &GrantControls, conditions: &Conditions) -> Result<(), Invalid> {
    let strength = grants.authentication_strength.as_ref();
    unset("grantControls.authenticationStrength", strength, "use mfa")?;
    if !grants.custom_authentication_factors.is_empty() {
        return Err(unsupported("grantControls.customAuthenticationFactors", "use mfa"));
    }
    if !grants.terms_of_use.is_empty() {
        return Err(unsupported("grantControls.termsOfUse", "leave it out"));
    }
    nothing_else("grantControls.", &grants.other, &[])?;
    let controls = &grants.built_in_controls;
    let field = "grantControls.builtInControls";
    if controls.contains(&GrantControl::Block) && controls.iter().any(|control| *control != GrantControl::Block) {
        return Err(Invalid::new(field, "block cannot be combined with other controls"));
    }
    if controls.contains(&GrantControl::PasswordChange) && conditions.user_risk_levels.is_empty() {
        let problem =
            "passwordChange needs conditions.userRiskLevels: only the fall of the user's risk shows the change";
        return Err(Invalid::new(field, problem));
    }
    Ok(())
}

fn check_user_actions(state: PolicyState, applications: &Applications, grants: &GrantControls) -> Result<(), Invalid> {
    let actions = &applications.include_user_actions;
    if actions.is_empty() {
        return Ok(());
    }
    if applications
        .include_applications
        .iter()
        .any(|reference| *reference != ApplicationRef::None)
    {
        let problem = "a policy is for applications or for user actions, not for both";
        return Err(Invalid::new("conditions.applications.includeUserActions", problem));
    }
    if state == PolicyState::ReportOnly {
        return Err(Invalid::new("state", "a policy for user actions cannot be report-only"));
    }
    let of_device = |control: &GrantControl| {
        matches!(
            control,
            GrantControl::CompliantDevice | GrantControl::DomainJoinedDevice
        )
    };
    if actions.contains(&UserAction::RegisterDevice) && grants.built_in_controls.iter().any(of_device) {
        let problem = "a device that is being registered cannot be compliant or joined yet";
        return Err(Invalid::new("grantControls.builtInControls", problem));
    }
    Ok(())
}

fn has_the_minimum(users: &Users, applications: &Applications, grants: &GrantControls) -> Result<(), Invalid> {
    let someone =
        !users.include_users.is_empty() || !users.include_groups.is_empty() || !users.include_roles.is_empty();
    let something = !applications.include_applications.is_empty() || !applications.include_user_actions.is_empty();
    for (there, field, problem) in [
        (
            someone,
            "conditions.users",
            "say for which users, groups or roles the policy is",
        ),
        (
            something,
            "conditions.applications",
            "say for which applications or user actions the policy is",
        ),
        (
            !grants.built_in_controls.is_empty(),
            "grantControls.builtInControls",
            "ask for at least one control, or block; session controls alone are not enforced",
        ),
    ] {
        if !there {
            return Err(Invalid::new(field, problem));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
}
