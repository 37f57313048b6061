use std::{collections::HashMap, hash::Hash, net::IpAddr};

use moat_model::{
    GroupId, UserId,
    conditional_access::{
        ApplicationId, ApplicationRef, ClientAppType, Conditions as Written, CountryCode, DevicePlatform, LocationId,
        LocationRef, RiskLevel, RoleId, UserAction, UserRef,
    },
};

use super::{Resource, SignIn, User, bits::Bits, location::Location};

/// One kind of condition for all policies at once: which of them each value includes and excludes. A decision then
/// asks for the few values that a sign-in has, however many policies there are.
#[derive(Debug, Clone)]
pub(super) struct Condition<K> {
    rows: HashMap<K, Row>,
    /// Policies that do not hold for everything.
    pub(super) narrowed: Bits,
}

#[derive(Debug, Clone)]
struct Row {
    included: Bits,
    excluded: Bits,
}

impl<K: Eq + Hash> Condition<K> {
    fn new() -> Self {
        Self {
            rows: HashMap::new(),
            narrowed: Bits::NONE,
        }
    }

    fn include(&mut self, key: K, policy: usize) {
        self.row(key).included.insert(policy);
    }

    fn exclude(&mut self, key: K, policy: usize) {
        self.row(key).excluded.insert(policy);
    }

    fn row(&mut self, key: K) -> &mut Row {
        self.rows.entry(key).or_insert(Row {
            included: Bits::NONE,
            excluded: Bits::NONE,
        })
    }

    /// Policies whose condition holds for something that has these values.
    pub(super) fn met_by(&self, keys: impl IntoIterator<Item = K>) -> Bits {
        let (mut met, mut excluded) = (Bits::NONE, Bits::NONE);
        for row in keys.into_iter().filter_map(|key| self.rows.get(&key)) {
            met.add(&row.included);
            excluded.add(&row.excluded);
        }
        met.remove(&excluded);
        met
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum UserKey {
    Everyone,
    User(UserId),
    Group(GroupId),
    Role(RoleId),
    Guest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ResourceKey {
    AnyApplication,
    Application(ApplicationId),
    UserAction(UserAction),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum LocationKey {
    Anywhere,
    Trusted,
    At(LocationId),
}

/// The conditions of all policies, except their device filters. In `platforms` and `client_apps` the key `All`, in
/// the risks none, stands for a policy without such a condition.
#[derive(Debug, Clone)]
pub(super) struct Conditions {
    pub(super) users: Condition<UserKey>,
    pub(super) resources: Condition<ResourceKey>,
    pub(super) platforms: Condition<DevicePlatform>,
    pub(super) client_apps: Condition<ClientAppType>,
    pub(super) locations: Condition<LocationKey>,
    pub(super) sign_in_risk: Condition<Option<RiskLevel>>,
    pub(super) user_risk: Condition<Option<RiskLevel>>,
    /// Policies that are for at least one application.
    pub(super) for_applications: Bits,
    named: Vec<(LocationId, Location)>,
}

/// For each condition the policies in which it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Met {
    pub(super) users: Bits,
    pub(super) resources: Bits,
    pub(super) platforms: Bits,
    pub(super) client_apps: Bits,
    pub(super) locations: Bits,
    pub(super) sign_in_risk: Bits,
    pub(super) user_risk: Bits,
}

impl Conditions {
    pub(super) fn new(named: Vec<(LocationId, Location)>) -> Self {
        Self {
            users: Condition::new(),
            resources: Condition::new(),
            platforms: Condition::new(),
            client_apps: Condition::new(),
            locations: Condition::new(),
            sign_in_risk: Condition::new(),
            user_risk: Condition::new(),
            for_applications: Bits::NONE,
            named,
        }
    }

    pub(super) fn has_location(&self, id: LocationId) -> bool {
        self.named.iter().any(|(known, _)| *known == id)
    }

    pub(super) fn met_by(&self, sign_in: &SignIn<'_>) -> Met {
        Met {
            users: self.users.met_by(user_keys(sign_in.user.as_ref())),
            resources: self.resources.met_by(resource_keys(sign_in.resource)),
            platforms: self
                .platforms
                .met_by([DevicePlatform::All].into_iter().chain(sign_in.platform)),
            client_apps: self
                .client_apps
                .met_by([ClientAppType::All].into_iter().chain(sign_in.client_app)),
            locations: self.locations_met_by(sign_in.ip, sign_in.country),
            sign_in_risk: self.sign_in_risk.met_by([None, Some(sign_in.sign_in_risk)]),
            user_risk: self.user_risk.met_by([None, Some(sign_in.user_risk)]),
        }
    }

    fn locations_met_by(&self, ip: Option<IpAddr>, country: Option<CountryCode>) -> Bits {
        let here = || self.named.iter().filter(|(_, location)| location.contains(ip, country));
        let trusted = here()
            .any(|(_, location)| location.is_trusted())
            .then_some(LocationKey::Trusted);
        let named = here().map(|(id, _)| LocationKey::At(*id));
        self.locations
            .met_by([LocationKey::Anywhere].into_iter().chain(trusted).chain(named))
    }

    /// Takes in the conditions of the policy at that position.
    pub(super) fn add(&mut self, policy: usize, written: &Written) {
        self.add_users(policy, written);
        self.add_resources(policy, written);
        self.add_platforms(policy, written);
        self.add_client_apps(policy, written);
        self.add_locations(policy, written);
        add_risk(&mut self.sign_in_risk, policy, &written.sign_in_risk_levels);
        add_risk(&mut self.user_risk, policy, &written.user_risk_levels);
    }

    fn add_users(&mut self, policy: usize, written: &Written) {
        let Some(users) = &written.users else { return };
        let user = |reference: &UserRef| match reference {
            UserRef::All => Some(UserKey::Everyone),
            UserRef::None => None,
            UserRef::GuestsOrExternalUsers => Some(UserKey::Guest),
            UserRef::User(id) => Some(UserKey::User(*id)),
        };
        let included = users.include_users.iter().filter_map(user);
        let included = included.chain(users.include_groups.iter().copied().map(UserKey::Group));
        let included = included.chain(users.include_roles.iter().copied().map(UserKey::Role));
        included.for_each(|key| self.users.include(key, policy));
        let excluded = users.exclude_users.iter().filter_map(user);
        let excluded = excluded.chain(users.exclude_groups.iter().copied().map(UserKey::Group));
        let excluded = excluded.chain(users.exclude_roles.iter().copied().map(UserKey::Role));
        excluded.for_each(|key| self.users.exclude(key, policy));
    }

    fn add_resources(&mut self, policy: usize, written: &Written) {
        let Some(applications) = &written.applications else {
            return;
        };
        let application = |reference: &ApplicationRef| match reference {
            ApplicationRef::All => Some(ResourceKey::AnyApplication),
            ApplicationRef::Application(id) => Some(ResourceKey::Application(*id)),
            ApplicationRef::None | ApplicationRef::Office365 | ApplicationRef::MicrosoftAdminPortals => None,
        };
        if applications
            .include_applications
            .iter()
            .any(|reference| application(reference).is_some())
        {
            self.for_applications.insert(policy);
        }
        let actions = applications
            .include_user_actions
            .iter()
            .copied()
            .map(ResourceKey::UserAction);
        let included = applications
            .include_applications
            .iter()
            .filter_map(application)
            .chain(actions);
        included.for_each(|key| self.resources.include(key, policy));
        let excluded = applications.exclude_applications.iter().filter_map(application);
        excluded.for_each(|key| self.resources.exclude(key, policy));
    }

    fn add_platforms(&mut self, policy: usize, written: &Written) {
        let platforms = written.platforms.clone().unwrap_or_default();
        let (included, excluded) = (platforms.include_platforms, platforms.exclude_platforms);
        let everything = included.is_empty() || included.contains(&DevicePlatform::All);
        narrow(&mut self.platforms, policy, everything && excluded.is_empty());
        let everything = everything.then_some(DevicePlatform::All);
        included
            .into_iter()
            .chain(everything)
            .for_each(|key| self.platforms.include(key, policy));
        excluded.into_iter().for_each(|key| self.platforms.exclude(key, policy));
    }

    fn add_client_apps(&mut self, policy: usize, written: &Written) {
        let types = &written.client_app_types;
        let everything = types.is_empty() || types.contains(&ClientAppType::All);
        narrow(&mut self.client_apps, policy, everything);
        let everything = everything.then_some(ClientAppType::All);
        types
            .iter()
            .copied()
            .chain(everything)
            .for_each(|key| self.client_apps.include(key, policy));
    }

    fn add_locations(&mut self, policy: usize, written: &Written) {
        let key = |reference: &LocationRef| match reference {
            LocationRef::All => LocationKey::Anywhere,
            LocationRef::AllTrusted => LocationKey::Trusted,
            LocationRef::Location(id) => LocationKey::At(*id),
        };
        let locations = written.locations.clone().unwrap_or_default();
        let mut included: Vec<LocationKey> = locations.include_locations.iter().map(key).collect();
        if included.is_empty() {
            included.push(LocationKey::Anywhere);
        }
        let everything = included.contains(&LocationKey::Anywhere) && locations.exclude_locations.is_empty();
        narrow(&mut self.locations, policy, everything);
        included.into_iter().for_each(|key| self.locations.include(key, policy));
        locations
            .exclude_locations
            .iter()
            .map(key)
            .for_each(|key| self.locations.exclude(key, policy));
    }
}

fn add_risk(condition: &mut Condition<Option<RiskLevel>>, policy: usize, levels: &[RiskLevel]) {
    narrow(condition, policy, levels.is_empty());
    let any = levels.is_empty().then_some(None);
    levels
        .iter()
        .copied()
        .map(Some)
        .chain(any)
        .for_each(|key| condition.include(key, policy));
}

fn narrow<K>(condition: &mut Condition<K>, policy: usize, everything: bool) {
    if !everything {
        condition.narrowed.insert(policy);
    }
}

pub(super) fn user_keys<'a>(user: Option<&User<'a>>) -> impl Iterator<Item = UserKey> + use<'a> {
    let of = |user: &User<'a>| {
        let groups = user.groups.iter().copied().map(UserKey::Group);
        let roles = user.roles.iter().copied().map(UserKey::Role);
        let guest = user.guest.then_some(UserKey::Guest);
        [UserKey::User(user.id)]
            .into_iter()
            .chain(guest)
            .chain(groups)
            .chain(roles)
    };
    [UserKey::Everyone]
        .into_iter()
        .chain(user.map(of).into_iter().flatten())
}

/// A policy for all applications is not one for a user's actions.
fn resource_keys(resource: Resource) -> impl Iterator<Item = ResourceKey> {
    let (any, key) = match resource {
        Resource::Application(id) => (Some(ResourceKey::AnyApplication), ResourceKey::Application(id)),
        Resource::UserAction(action) => (None, ResourceKey::UserAction(action)),
    };
    any.into_iter().chain([key])
}
