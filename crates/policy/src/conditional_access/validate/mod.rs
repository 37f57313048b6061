use moat_model::conditional_access::{
    ApplicationRef, Applications, ConditionalAccessPolicy, Conditions, CountryLookup, DevicePlatform, FilterMode,
    GrantControl, GrantControls, LocationRef, NamedLocation, Other, PolicyState, UserAction, UserRef, Users,
};
use serde_json::Value;

use super::{filter::Rule, location::Location};
use crate::{Message, Sentence, say};

/// Longest display name, in characters.
const MAX_NAME: usize = 256;

/// What is wrong with a policy or a named location, and where: the path of the property as Graph spells it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Invalid {
    pub field: String,
    pub problem: Sentence,
}

impl Invalid {
    pub(super) fn new(field: impl Into<String>, problem: impl Into<Sentence>) -> Self {
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
                return Err(Invalid::new("ipRanges", say("rule-one-range")));
            }
        }
        NamedLocation::Country(country) => {
            nothing_else("", &country.other, READ_ONLY)?;
            if country.countries_and_regions.is_empty() {
                return Err(Invalid::new("countriesAndRegions", say("rule-one-country")));
            }
            if country.country_lookup_method == CountryLookup::AuthenticatorAppGps {
                return Err(unsupported(
                    "countryLookupMethod",
                    say("instead-use").with("what", "clientIpAddress"),
                ));
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
        return Err(Invalid::new("displayName", say("rule-name")));
    }
    if name.chars().count() > MAX_NAME {
        return Err(Invalid::new("displayName", say("rule-too-long").with("most", MAX_NAME)));
    }
    Ok(())
}

fn unsupported(field: impl Into<String>, instead: Message) -> Invalid {
    Invalid::new(field, say("rule-not-evaluated").with("instead", instead))
}

/// Refuses properties that have no field in the types, unless they say nothing or are known to be harmless.
fn nothing_else(path: &str, other: &Other, harmless: &[&str]) -> Result<(), Invalid> {
    let told = |(name, value): &(&String, &Value)| says_something(name, value) && !harmless.contains(&name.as_str());
    match other.iter().find(told) {
        Some((name, _)) => Err(unsupported(format!("{path}{name}"), say("instead-leave-out"))),
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

fn unset(field: &str, value: Option<&Value>, instead: Message) -> Result<(), Invalid> {
    match value.is_some_and(|value| says_something("", value)) {
        true => Err(unsupported(field, instead)),
        false => Ok(()),
    }
}

fn not_evaluated(conditions: &Conditions) -> Result<(), Invalid> {
    let leave = || say("instead-leave-out");
    unset(
        "conditions.insiderRiskLevels",
        conditions.insider_risk_levels.as_ref(),
        leave(),
    )?;
    unset(
        "conditions.clientApplications",
        conditions.client_applications.as_ref(),
        leave(),
    )?;
    unset(
        "conditions.authenticationFlows",
        conditions.authentication_flows.as_ref(),
        leave(),
    )?;
    if !conditions.service_principal_risk_levels.is_empty() {
        return Err(unsupported("conditions.servicePrincipalRiskLevels", leave()));
    }
    if let Some(states) = conditions.other.get("deviceStates") {
        unset(
            "conditions.deviceStates",
            Some(states),
            say("instead-use").with("what", "conditions.devices.deviceFilter"),
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
    let of_kinds = || say("instead-use").with("what", "GuestsOrExternalUsers in includeUsers or excludeUsers");
    let (included, excluded) = (
        &users.include_guests_or_external_users,
        &users.exclude_guests_or_external_users,
    );
    unset(
        "conditions.users.includeGuestsOrExternalUsers",
        included.as_ref(),
        of_kinds(),
    )?;
    unset(
        "conditions.users.excludeGuestsOrExternalUsers",
        excluded.as_ref(),
        of_kinds(),
    )?;
    nothing_else("conditions.users.", &users.other, &[])?;
    alone("conditions.users.includeUsers", &users.include_users, UserRef::None)?;
    not_all("conditions.users.excludeUsers", &users.exclude_users, UserRef::All)
}

fn check_applications(applications: &Applications) -> Result<(), Invalid> {
    if !applications.include_authentication_context_class_references.is_empty() {
        let field = "conditions.applications.includeAuthenticationContextClassReferences";
        return Err(unsupported(field, say("instead-name-applications")));
    }
    let filter = applications.application_filter.as_ref();
    unset(
        "conditions.applications.applicationFilter",
        filter,
        say("instead-name-applications"),
    )?;
    nothing_else("conditions.applications.", &applications.other, &[])?;
    let included = &applications.include_applications;
    let microsoft = [ApplicationRef::Office365, ApplicationRef::MicrosoftAdminPortals];
    if let Some(word) = included.iter().find(|reference| microsoft.contains(reference)) {
        let problem = say("rule-of-microsoft").with("word", word.to_string());
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
        true => Err(Invalid::new(
            field,
            say("rule-stands-alone").with("word", word.to_string()),
        )),
        false => Ok(()),
    }
}

fn not_all<T: PartialEq + ToString>(field: &str, references: &[T], word: T) -> Result<(), Invalid> {
    match references.contains(&word) {
        true => Err(Invalid::new(
            field,
            say("rule-excludes-everything").with("word", word.to_string()),
        )),
        false => Ok(()),
    }
}

fn something_included<T>(field: &str, included: &[T], excluded: &[T], word: &str) -> Result<(), Invalid> {
    match included.is_empty() && !excluded.is_empty() {
        true => Err(Invalid::new(field, say("rule-excluded-from-what").with("word", word))),
        false => Ok(()),
    }
}

fn check_grants(grants: &GrantControls, conditions: &Conditions) -> Result<(), Invalid> {
    let strength = grants.authentication_strength.as_ref();
    unset(
        "grantControls.authenticationStrength",
        strength,
        say("instead-use").with("what", "mfa"),
    )?;
    if !grants.custom_authentication_factors.is_empty() {
        return Err(unsupported(
            "grantControls.customAuthenticationFactors",
            say("instead-use").with("what", "mfa"),
        ));
    }
    if !grants.terms_of_use.is_empty() {
        return Err(unsupported("grantControls.termsOfUse", say("instead-leave-out")));
    }
    nothing_else("grantControls.", &grants.other, &[])?;
    let controls = &grants.built_in_controls;
    let field = "grantControls.builtInControls";
    if controls.contains(&GrantControl::Block) && controls.iter().any(|control| *control != GrantControl::Block) {
        return Err(Invalid::new(field, say("rule-block-alone")));
    }
    if controls.contains(&GrantControl::PasswordChange) && conditions.user_risk_levels.is_empty() {
        let problem = say("rule-password-needs-risk");
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
        let problem = say("rule-applications-or-actions");
        return Err(Invalid::new("conditions.applications.includeUserActions", problem));
    }
    if state == PolicyState::ReportOnly {
        return Err(Invalid::new("state", say("rule-actions-not-report-only")));
    }
    let of_device = |control: &GrantControl| {
        matches!(
            control,
            GrantControl::CompliantDevice | GrantControl::DomainJoinedDevice
        )
    };
    if actions.contains(&UserAction::RegisterDevice) && grants.built_in_controls.iter().any(of_device) {
        let problem = say("rule-registering-device");
        return Err(Invalid::new("grantControls.builtInControls", problem));
    }
    Ok(())
}

fn has_the_minimum(users: &Users, applications: &Applications, grants: &GrantControls) -> Result<(), Invalid> {
    let someone =
        !users.include_users.is_empty() || !users.include_groups.is_empty() || !users.include_roles.is_empty();
    let something = !applications.include_applications.is_empty() || !applications.include_user_actions.is_empty();
    for (there, field, problem) in [
        (someone, "conditions.users", say("rule-for-whom")),
        (something, "conditions.applications", say("rule-for-what")),
        (
            !grants.built_in_controls.is_empty(),
            "grantControls.builtInControls",
            say("rule-one-control"),
        ),
    ] {
        if !there {
            return Err(Invalid::new(field, problem));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
