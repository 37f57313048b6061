//! Random policies and sign-ins over a world that is small enough for them to meet often.

use std::net::IpAddr;

use moat_model::{
    GroupId, PolicyId,
    conditional_access::{
        ApplicationRef, Applications, ClientAppType, ConditionalAccessPolicy, Conditions, CountryCode,
        DeviceAttributes, DeviceFilter, DevicePlatform, Devices, FilterMode, GrantControl, GrantControls,
        GrantOperator, LocationRef, Locations, Other, Platforms, PolicyState, RiskLevel, RoleId, UserAction, UserRef,
        Users,
    },
};
use moat_policy::conditional_access::{AppProtection, Compliance, Device, Resource, SignIn, User};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
};

use crate::{
    oracle::{RULES, RULES_WITHOUT_COMPLIANCE},
    world::{application_id, group_id, location_id, policy_id, role_id, user_id},
};

/// What a sign-in borrows from.
#[derive(Debug, Clone)]
pub struct Facts {
    pub user: Option<(usize, bool)>,
    pub groups: Vec<GroupId>,
    pub roles: Vec<RoleId>,
    pub resource: Resource,
    pub platform: Option<DevicePlatform>,
    pub client_app: Option<ClientAppType>,
    pub ip: Option<IpAddr>,
    pub country: Option<CountryCode>,
    pub sign_in_risk: RiskLevel,
    pub user_risk: RiskLevel,
    pub device: Option<Device>,
    pub mfa: bool,
    pub approved_app: bool,
    pub protected: bool,
}

impl Facts {
    pub fn sign_in(&self) -> SignIn<'_> {
        SignIn {
            user: self.user.map(|(number, guest)| User {
                id: user_id(number),
                groups: &self.groups,
                roles: &self.roles,
                guest,
            }),
            resource: self.resource,
            platform: self.platform,
            client_app: self.client_app,
            ip: self.ip,
            country: self.country,
            sign_in_risk: self.sign_in_risk,
            user_risk: self.user_risk,
            device: self.device.as_ref(),
            mfa: self.mfa,
            approved_app: self.approved_app,
            app_protection: if self.protected {
                AppProtection::Protected
            } else {
                AppProtection::NotProtected(&[])
            },
        }
    }
}

prop_compose! {
    pub fn facts()(
        user in option::weighted(0.9, (0usize..3, any::<bool>())),
        groups in subsequence((0..4).map(group_id).collect::<Vec<_>>(), 0..=4),
        roles in subsequence((0..2).map(role_id).collect::<Vec<_>>(), 0..=2),
        resource in prop_oneof![
            4 => (0usize..3).prop_map(|number| Resource::Application(application_id(number))),
            1 => select(UserAction::ALL).prop_map(Resource::UserAction),
        ],
        platform in option::of(select(DevicePlatform::ALL)),
        client_app in option::of(select(ClientAppType::ALL)),
        ip in option::weighted(0.8, select(vec!["203.0.113.7", "203.0.113.200", "198.51.100.1", "2001:db8:1::5", "2001:db8:2::5", "2001:db8:3::5"])),
        country in option::of(select(vec!["CH", "IS", "DE"])),
        risks in (select(RiskLevel::ALL), select(RiskLevel::ALL)),
        device in option::weighted(0.8, device()),
        claims in (any::<bool>(), any::<bool>(), any::<bool>()),
    ) -> Facts {
        Facts {
            user,
            groups,
            roles,
            resource,
            platform,
            client_app,
            ip: ip.map(|ip| ip.parse().unwrap()),
            country: country.map(|country| country.parse().unwrap()),
            sign_in_risk: risks.0,
            user_risk: risks.1,
            device,
            mfa: claims.0,
            approved_app: claims.1,
            protected: claims.2,
        }
    }
}

prop_compose! {
    fn device()(
        compliance in select(vec![Compliance::Compliant, Compliance::InGracePeriod, Compliance::NotCompliant, Compliance::Unknown]),
        enrolled in prop::bool::weighted(0.8),
        ownership in option::of(select(vec!["Company", "Personal"])),
        model in option::of(select(vec!["iPhone 15 Pro", "iPhone 14", "Pixel 9 Pro"])),
        trust_type in option::of(select(vec!["ServerAD", "Workplace"])),
    ) -> Device {
        Device {
            compliance,
            because: Vec::new(),
            enrolled,
            attributes: DeviceAttributes {
                ownership: ownership.map(Into::into),
                model: model.map(Into::into),
                trust_type: trust_type.map(Into::into),
                ..DeviceAttributes::default()
            },
        }
    }
}

/// Any policies that are valid, with ids in no order.
pub fn policies() -> impl Strategy<Value = Vec<(PolicyId, ConditionalAccessPolicy)>> {
    numbered(policy(RULES.len(), any_levels()))
}

/// Policies under which more risk and less compliance cannot help by taking a sign-in out of their scope.
pub fn monotone_policies() -> impl Strategy<Value = Vec<(PolicyId, ConditionalAccessPolicy)>> {
    numbered(policy(RULES_WITHOUT_COMPLIANCE, upward_levels()))
}

fn numbered(
    policy: impl Strategy<Value = ConditionalAccessPolicy>,
) -> impl Strategy<Value = Vec<(PolicyId, ConditionalAccessPolicy)>> {
    let number = |policies: Vec<_>| {
        policies
            .into_iter()
            .enumerate()
            .map(|(n, policy)| (policy_id(n), policy))
            .collect::<Vec<_>>()
    };
    vec(policy, 0..12).prop_map(number).prop_shuffle()
}

fn any_levels() -> BoxedStrategy<Vec<RiskLevel>> {
    prop_oneof![4 => Just(Vec::new()), 1 => subsequence(RiskLevel::ALL, 2..=5)].boxed()
}

fn upward_levels() -> BoxedStrategy<Vec<RiskLevel>> {
    let from = prop_oneof![2 => Just(RiskLevel::ALL.len()), 1 => 0..RiskLevel::ALL.len()];
    from.prop_map(|from| RiskLevel::ALL[from..].to_vec()).boxed()
}

prop_compose! {
    fn policy(rules: usize, levels: BoxedStrategy<Vec<RiskLevel>>)(
        state in prop_oneof![4 => Just(PolicyState::Enabled), 1 => Just(PolicyState::ReportOnly), 1 => Just(PolicyState::Disabled)],
        users in users(),
        applications in applications(),
        platforms in option::weighted(0.2, platforms()),
        client_app_types in prop_oneof![3 => Just(Vec::new()), 1 => subsequence(ClientAppType::ALL, 2..5)],
        locations in option::weighted(0.25, locations()),
        sign_in_risk_levels in levels.clone(),
        user_risk_levels in levels,
        filter in option::weighted(0.25, (select(FilterMode::ALL), 0..rules)),
        grants in grants(),
    ) -> ConditionalAccessPolicy {
        let mut policy = ConditionalAccessPolicy {
            display_name: "Random".into(),
            description: None,
            template_id: None,
            state,
            conditions: Conditions {
                applications: Some(applications),
                users: Some(users),
                client_app_types,
                platforms,
                locations,
                sign_in_risk_levels,
                user_risk_levels,
                devices: filter.map(|(mode, rule)| Devices {
                    device_filter: Some(DeviceFilter { mode, rule: RULES[rule].0.into(), other: Other::new() }),
                    ..Devices::default()
                }),
                ..Conditions::default()
            },
            grant_controls: Some(grants),
            session_controls: None,
            other: Other::new(),
        };
        settle(&mut policy);
        policy
    }
}

/// Takes out what `validate` would refuse together.
fn settle(policy: &mut ConditionalAccessPolicy) {
    let actions = !policy
        .conditions
        .applications
        .as_ref()
        .unwrap()
        .include_user_actions
        .is_empty();
    let controls = &mut policy.grant_controls.as_mut().unwrap().built_in_controls;
    if actions && policy.state == PolicyState::ReportOnly {
        policy.state = PolicyState::Enabled;
    }
    let device = [GrantControl::CompliantDevice, GrantControl::DomainJoinedDevice];
    controls.retain(|control| !actions || !device.contains(control));
    let risky = !policy.conditions.user_risk_levels.is_empty();
    controls.retain(|control| risky || *control != GrantControl::PasswordChange);
    if controls.is_empty() {
        controls.push(GrantControl::Mfa);
    }
}

prop_compose! {
    fn users()(
        everybody in prop::bool::weighted(0.8),
        included in subsequence((0..3).map(|number| UserRef::User(user_id(number))).chain([UserRef::GuestsOrExternalUsers]).collect::<Vec<_>>(), 0..3),
        include_groups in subsequence((0..4).map(group_id).collect::<Vec<_>>(), 0..2),
        include_roles in subsequence((0..2).map(role_id).collect::<Vec<_>>(), 0..2),
        excluded in prop_oneof![
            3 => Just(Vec::new()),
            1 => subsequence((0..3).map(|number| UserRef::User(user_id(number))).chain([UserRef::GuestsOrExternalUsers]).collect::<Vec<_>>(), 0..3),
        ],
        exclude_groups in prop_oneof![2 => Just(Vec::new()), 1 => subsequence((0..4).map(group_id).collect::<Vec<_>>(), 1..2)],
        exclude_roles in prop_oneof![2 => Just(Vec::new()), 1 => subsequence((0..2).map(role_id).collect::<Vec<_>>(), 1..2)],
    ) -> Users {
        let mut include_users = included;
        if everybody || (include_users.is_empty() && include_groups.is_empty() && include_roles.is_empty()) {
            include_users.push(UserRef::All);
        }
        Users {
            include_users,
            exclude_users: excluded,
            include_groups,
            exclude_groups,
            include_roles,
            exclude_roles,
            ..Users::default()
        }
    }
}

fn applications() -> impl Strategy<Value = Applications> {
    let some = || {
        subsequence(
            (0..3)
                .map(|number| ApplicationRef::Application(application_id(number)))
                .collect::<Vec<_>>(),
            1..3,
        )
    };
    let included =
        prop_oneof![5 => Just(vec![ApplicationRef::All]), 3 => some(), 1 => Just(vec![ApplicationRef::None])];
    let excluded = prop_oneof![4 => Just(vec![]), 1 => some(), 1 => Just(vec![ApplicationRef::Office365])];
    let applications = (included, excluded).prop_map(|(include_applications, exclude_applications)| Applications {
        include_applications,
        exclude_applications,
        ..Applications::default()
    });
    let actions = subsequence(UserAction::ALL, 1..=2).prop_map(|include_user_actions| Applications {
        include_user_actions,
        ..Applications::default()
    });
    prop_oneof![5 => applications, 1 => actions]
}

fn platforms() -> impl Strategy<Value = Platforms> {
    let single = || subsequence(&DevicePlatform::ALL[..6], 0..3);
    (subsequence(DevicePlatform::ALL, 1..4), single()).prop_map(|(include_platforms, exclude_platforms)| Platforms {
        include_platforms,
        exclude_platforms,
        ..Platforms::default()
    })
}

fn locations() -> impl Strategy<Value = Locations> {
    let named: Vec<LocationRef> = (0..4)
        .map(|number| LocationRef::Location(location_id(number)))
        .chain([LocationRef::AllTrusted])
        .collect();
    let anywhere: Vec<LocationRef> = [LocationRef::All].into_iter().chain(named.clone()).collect();
    (subsequence(anywhere, 1..3), subsequence(named, 0..3)).prop_map(|(include_locations, exclude_locations)| {
        Locations {
            include_locations,
            exclude_locations,
            ..Locations::default()
        }
    })
}

fn grants() -> impl Strategy<Value = GrantControls> {
    let controls = prop_oneof![
        1 => Just(vec![GrantControl::Block]),
        4 => subsequence(&GrantControl::ALL[1..], 1..4),
    ];
    (select(GrantOperator::ALL), controls).prop_map(|(operator, built_in_controls)| GrantControls {
        operator,
        built_in_controls,
        ..GrantControls::default()
    })
}
