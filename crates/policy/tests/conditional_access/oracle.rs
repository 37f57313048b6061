//! Conditional access as one would explain it: slow, straight over what the administrator wrote.

use std::net::IpAddr;

use moat_model::{
    PolicyId,
    conditional_access::{
        AnalysisReason, ApplicationRef, ClientAppType, ConditionalAccessPolicy, Conditions, DevicePlatform, FilterMode,
        GrantControl, GrantOperator, IpRange, LocationId, LocationRef, NamedLocation, PolicyResult, PolicyState,
        RiskLevel, UserRef,
    },
};
use moat_policy::conditional_access::{AppProtection, Compliance, Device, Resource, SignIn, User};

/// Rules with their meaning, told without the parser.
#[allow(clippy::type_complexity, reason = "a table")]
pub const RULES: &[(&str, fn(Option<&Device>) -> bool)] = &[
    ("device.deviceOwnership -eq \"Company\"", |device| {
        ownership(device) == Some("Company")
    }),
    ("device.deviceOwnership -ne \"Company\"", |device| {
        ownership(device) != Some("Company")
    }),
    (
        "device.model -startsWith \"iPhone\" -or device.deviceOwnership -in [\"Company\"]",
        |device| model(device).is_some_and(|model| model.starts_with("iPhone")) || ownership(device) == Some("Company"),
    ),
    (
        "-not (device.model -contains \"Pro\" -and device.deviceOwnership -ne \"Company\")",
        |device| !(model(device).is_some_and(|model| model.contains("Pro")) && ownership(device) != Some("Company")),
    ),
    ("device.isCompliant -eq True", |device| device.is_some_and(compliant)),
    ("device.isCompliant -ne True", |device| !device.is_some_and(compliant)),
];

/// How many of them do not look at compliance, from the first.
pub const RULES_WITHOUT_COMPLIANCE: usize = 4;

pub struct Verdict {
    pub allowed: bool,
    /// By policy, in order of id.
    pub policies: Vec<(PolicyId, PolicyResult, AnalysisReason)>,
}

pub fn evaluate(
    policies: &[(PolicyId, ConditionalAccessPolicy)],
    locations: &[(LocationId, NamedLocation)],
    sign_in: &SignIn<'_>,
) -> Verdict {
    let mut told = Vec::new();
    for (id, policy) in policies {
        if policy.state == PolicyState::Disabled {
            continue;
        }
        let reason = first_unmet(policy, locations, sign_in);
        let result = result(policy, reason == AnalysisReason::NotSet, sign_in);
        told.push((*id, result, reason));
    }
    told.sort_by_key(|(id, ..)| *id);
    Verdict {
        allowed: !told.iter().any(|(_, result, _)| *result == PolicyResult::Failure),
        policies: told,
    }
}

fn result(policy: &ConditionalAccessPolicy, applies: bool, sign_in: &SignIn<'_>) -> PolicyResult {
    let grants = policy.grant_controls.as_ref().unwrap();
    let controls = &grants.built_in_controls;
    let satisfied = match grants.operator {
        GrantOperator::And => controls.iter().all(|control| met(*control, sign_in)),
        GrantOperator::Or => controls.iter().any(|control| met(*control, sign_in)),
    };
    let by_asking = |control: &GrantControl| {
        met(*control, sign_in) || matches!(control, GrantControl::Mfa | GrantControl::PasswordChange)
    };
    let satisfied_by_asking = match grants.operator {
        GrantOperator::And => controls.iter().all(by_asking),
        GrantOperator::Or => controls.iter().any(by_asking),
    };
    if policy.state == PolicyState::Enabled {
        match (applies, satisfied) {
            (false, _) => PolicyResult::NotApplied,
            (true, true) => PolicyResult::Success,
            (true, false) => PolicyResult::Failure,
        }
    } else {
        match (applies, satisfied, satisfied_by_asking) {
            (false, _, _) => PolicyResult::ReportOnlyNotApplied,
            (true, true, _) => PolicyResult::ReportOnlySuccess,
            (true, false, true) => PolicyResult::ReportOnlyInterrupted,
            (true, false, false) => PolicyResult::ReportOnlyFailure,
        }
    }
}

fn met(control: GrantControl, sign_in: &SignIn<'_>) -> bool {
    match control {
        GrantControl::Block | GrantControl::PasswordChange => false,
        GrantControl::Mfa => sign_in.mfa,
        GrantControl::CompliantDevice => sign_in.device.is_some_and(compliant),
        GrantControl::DomainJoinedDevice => sign_in
            .device
            .is_some_and(|device| device.attributes.trust_type.as_deref() == Some("ServerAD")),
        GrantControl::ApprovedApplication => sign_in.approved_app,
        GrantControl::CompliantApplication => matches!(sign_in.app_protection, AppProtection::Protected),
    }
}

fn first_unmet(
    policy: &ConditionalAccessPolicy,
    locations: &[(LocationId, NamedLocation)],
    sign_in: &SignIn<'_>,
) -> AnalysisReason {
    let conditions = &policy.conditions;
    let actions = &conditions.applications.as_ref().unwrap().include_user_actions;
    let resource = if actions.is_empty() {
        AnalysisReason::Application
    } else {
        AnalysisReason::UserActions
    };
    let checks = [
        (user(conditions, sign_in.user), AnalysisReason::Users),
        (application(conditions, sign_in.resource), resource),
        (platform(conditions, sign_in.platform), AnalysisReason::DevicePlatform),
        (filter(conditions, sign_in.device), AnalysisReason::Devices),
        (client(conditions, sign_in.client_app), AnalysisReason::ClientApps),
        (location(conditions, locations, sign_in), AnalysisReason::Location),
        (
            risk(&conditions.sign_in_risk_levels, sign_in.sign_in_risk),
            AnalysisReason::SignInRisk,
        ),
        (
            risk(&conditions.user_risk_levels, sign_in.user_risk),
            AnalysisReason::UserRisk,
        ),
    ];
    let failed = checks.into_iter().find(|(holds, _)| !holds);
    failed.map_or(AnalysisReason::NotSet, |(_, reason)| reason)
}

fn user(conditions: &Conditions, user: Option<User<'_>>) -> bool {
    let users = conditions.users.as_ref().unwrap();
    let named = |reference: &UserRef| match (reference, user) {
        (UserRef::All, _) => true,
        (UserRef::None, _) | (_, None) => false,
        (UserRef::GuestsOrExternalUsers, Some(user)) => user.guest,
        (UserRef::User(id), Some(user)) => user.id == *id,
    };
    let (groups, roles) = user.map_or((&[][..], &[][..]), |user| (user.groups, user.roles));
    let included = users.include_users.iter().any(named)
        || users.include_groups.iter().any(|group| groups.contains(group))
        || users.include_roles.iter().any(|role| roles.contains(role));
    let excluded = users.exclude_users.iter().any(named)
        || users.exclude_groups.iter().any(|group| groups.contains(group))
        || users.exclude_roles.iter().any(|role| roles.contains(role));
    included && !excluded
}

fn application(conditions: &Conditions, resource: Resource) -> bool {
    let applications = conditions.applications.as_ref().unwrap();
    match resource {
        Resource::UserAction(action) => applications.include_user_actions.contains(&action),
        Resource::Application(id) => {
            let named = |reference: &ApplicationRef| match reference {
                ApplicationRef::All => true,
                ApplicationRef::Application(named) => *named == id,
                _ => false,
            };
            applications.include_applications.iter().any(named) && !applications.exclude_applications.iter().any(named)
        }
    }
}

fn platform(conditions: &Conditions, platform: Option<DevicePlatform>) -> bool {
    let Some(platforms) = &conditions.platforms else {
        return true;
    };
    let is = |named: &DevicePlatform| *named == DevicePlatform::All || Some(*named) == platform;
    platforms.include_platforms.iter().any(is) && !platforms.exclude_platforms.iter().any(is)
}

fn client(conditions: &Conditions, client: Option<ClientAppType>) -> bool {
    let types = &conditions.client_app_types;
    types.is_empty()
        || types
            .iter()
            .any(|named| *named == ClientAppType::All || Some(*named) == client)
}

fn filter(conditions: &Conditions, device: Option<&Device>) -> bool {
    let Some(filter) = conditions
        .devices
        .as_ref()
        .and_then(|devices| devices.device_filter.as_ref())
    else {
        return true;
    };
    let (_, meaning) = RULES
        .iter()
        .find(|(rule, _)| *rule == filter.rule)
        .expect("a rule of the table");
    meaning(device) == (filter.mode == FilterMode::Include)
}

fn location(conditions: &Conditions, locations: &[(LocationId, NamedLocation)], sign_in: &SignIn<'_>) -> bool {
    let Some(written) = &conditions.locations else {
        return true;
    };
    let here = |reference: &LocationRef| match reference {
        LocationRef::All => true,
        LocationRef::AllTrusted => locations.iter().any(|(_, location)| {
            matches!(location, NamedLocation::Ip(ip) if ip.is_trusted) && is_at(location, sign_in)
        }),
        LocationRef::Location(id) => locations
            .iter()
            .any(|(known, location)| known == id && is_at(location, sign_in)),
    };
    written.include_locations.iter().any(here) && !written.exclude_locations.iter().any(here)
}

fn is_at(location: &NamedLocation, sign_in: &SignIn<'_>) -> bool {
    match location {
        NamedLocation::Country(country) => match sign_in.country {
            Some(code) => country.countries_and_regions.contains(&code),
            None => country.include_unknown_countries_and_regions,
        },
        NamedLocation::Ip(ip) => ip.ip_ranges.iter().any(|range| {
            let (IpRange::V4 { cidr_address } | IpRange::V6 { cidr_address }) = range;
            let (network, length) = cidr_address.split_once('/').unwrap();
            let (network, length) = (bits(network.parse().unwrap()), length.parse::<usize>().unwrap());
            sign_in
                .ip
                .map(bits)
                .is_some_and(|ip| ip.len() == network.len() && ip[..length] == network[..length])
        }),
    }
}

/// An address as zeros and ones.
fn bits(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => format!("{:032b}", u32::from(ip)),
        IpAddr::V6(ip) => format!("{:0128b}", u128::from(ip)),
    }
}

fn risk(levels: &[RiskLevel], risk: RiskLevel) -> bool {
    levels.is_empty() || levels.contains(&risk)
}

fn compliant(device: &Device) -> bool {
    device.enrolled && (device.compliance == Compliance::Compliant || device.compliance == Compliance::InGracePeriod)
}

fn ownership(device: Option<&Device>) -> Option<&str> {
    device.and_then(|device| device.attributes.ownership.as_deref())
}

fn model(device: Option<&Device>) -> Option<&str> {
    device.and_then(|device| device.attributes.model.as_deref())
}
