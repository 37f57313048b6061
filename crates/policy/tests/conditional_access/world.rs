//! A small organisation: its ids, and policies written as an administrator sends them.

use std::{fmt::Debug, str::FromStr};

use moat_model::{
    GroupId, PolicyId, UserId,
    conditional_access::{
        ApplicationId, ConditionalAccessPolicy, DeviceAttributes, LocationId, NamedLocation, RiskLevel, RoleId,
    },
};
use moat_policy::{
    Reason, Sentence,
    conditional_access::{AccessDecision, AppProtection, Compliance, Device, PolicySet, Resource, SignIn, User},
    say,
};
use serde_json::{Value, json};

pub fn id_text(kind: u8, number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-0000000000{kind:02x}")
}

fn id<T: FromStr<Err: Debug>>(kind: u8, number: usize) -> T {
    id_text(kind, number).parse().unwrap()
}

pub fn user_id(number: usize) -> UserId {
    id(1, number)
}

pub fn group_id(number: usize) -> GroupId {
    id(2, number)
}

pub fn role_id(number: usize) -> RoleId {
    id(3, number)
}

pub fn application_id(number: usize) -> ApplicationId {
    id(4, number)
}

pub fn location_id(number: usize) -> LocationId {
    id(5, number)
}

pub fn policy_id(number: usize) -> PolicyId {
    id(6, number)
}

/// A policy for everybody and everything that asks for what is given, with conditions laid over it.
pub fn policy(name: &str, state: &str, conditions: Value, grant_controls: Value) -> ConditionalAccessPolicy {
    let mut all = json!({
        "applications": { "includeApplications": ["All"] },
        "users": { "includeUsers": ["All"] },
    });
    all.as_object_mut()
        .unwrap()
        .extend(conditions.as_object().unwrap().clone());
    let policy = json!({ "displayName": name, "state": state, "conditions": all, "grantControls": grant_controls });
    serde_json::from_value(policy).unwrap()
}

pub fn blocking(conditions: Value) -> ConditionalAccessPolicy {
    policy("Block", "enabled", conditions, json!({ "builtInControls": ["block"] }))
}

/// Offices (trusted) is 0, a partner's network 1, Switzerland 2, everywhere but known countries 3.
pub fn locations() -> Vec<(LocationId, NamedLocation)> {
    let ip = |name: &str, trusted: bool, v4: &str, v6: &str| {
        json!({
            "@odata.type": "#microsoft.graph.ipNamedLocation",
            "displayName": name,
            "isTrusted": trusted,
            "ipRanges": [
                { "@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": v4 },
                { "@odata.type": "#microsoft.graph.iPv6CidrRange", "cidrAddress": v6 },
            ],
        })
    };
    let country = |name: &str, countries: &[&str], unknown: bool| {
        json!({
            "@odata.type": "#microsoft.graph.countryNamedLocation",
            "displayName": name,
            "countriesAndRegions": countries,
            "includeUnknownCountriesAndRegions": unknown,
        })
    };
    let all = [
        ip("Offices", true, "203.0.113.0/24", "2001:db8:1::/48"),
        ip("Partner", false, "203.0.113.128/25", "2001:db8:2::/48"),
        country("Switzerland", &["CH"], false),
        country("Iceland and unknown", &["IS"], true),
    ];
    let read =
        |(number, location): (usize, &Value)| (location_id(number), serde_json::from_value(location.clone()).unwrap());
    all.iter().enumerate().map(read).collect()
}

pub fn compile(policies: &[ConditionalAccessPolicy]) -> PolicySet {
    let numbered: Vec<_> = policies
        .iter()
        .cloned()
        .enumerate()
        .map(|(number, policy)| (policy_id(number), policy))
        .collect();
    PolicySet::compile(&numbered, &locations()).unwrap_or_else(|error| panic!("{error}"))
}

pub fn decide(policies: &[ConditionalAccessPolicy], sign_in: &SignIn<'_>) -> AccessDecision {
    compile(policies).evaluate(sign_in)
}

/// User 0 on nothing known, to application 0.
pub fn sign_in() -> SignIn<'static> {
    SignIn {
        user: Some(User {
            id: user_id(0),
            groups: &[],
            roles: &[],
            guest: false,
        }),
        resource: Resource::Application(application_id(0)),
        platform: None,
        client_app: None,
        ip: None,
        country: None,
        sign_in_risk: RiskLevel::None,
        user_risk: RiskLevel::None,
        device: None,
        mfa: false,
        approved_app: false,
        app_protection: AppProtection::NotProtected(&[]),
    }
}

pub fn device(compliance: Compliance) -> Device {
    Device {
        compliance,
        because: vec![Reason::new(say("because-jailbroken")).remedy(Sentence::Plain("Restore the system.".into()))],
        enrolled: true,
        attributes: DeviceAttributes::default(),
    }
}
