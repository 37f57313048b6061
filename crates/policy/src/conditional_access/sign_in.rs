use std::net::IpAddr;

use moat_model::{
    GroupId, UserId,
    conditional_access::{
        ApplicationId, ClientAppType, CountryCode, DeviceAttributes, DevicePlatform, RiskLevel, RoleId, UserAction,
    },
};

use crate::Reason;

/// What is known when somebody wants in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignIn<'a> {
    /// None: nobody is known. Policies for all users apply, those for certain users do not, and nothing is excluded.
    pub user: Option<User<'a>>,
    pub resource: Resource,
    /// None, or `All`: not known. Policies for certain platforms do not apply, those for all do.
    pub platform: Option<DevicePlatform>,
    /// None, or `All`: not known, as for the platform.
    pub client_app: Option<ClientAppType>,
    pub ip: Option<IpAddr>,
    pub country: Option<CountryCode>,
    pub sign_in_risk: RiskLevel,
    pub user_risk: RiskLevel,
    /// The device that proved who it is. None: no such proof, as from clients with legacy authentication.
    pub device: Option<&'a Device>,
    /// The sign-in carries a claim of multi-factor authentication.
    pub mfa: bool,
    /// The app is one that the organisation approved.
    pub approved_app: bool,
    pub app_protection: AppProtection<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User<'a> {
    pub id: UserId,
    /// Every group that the user is in, through other groups too.
    pub groups: &'a [GroupId],
    pub roles: &'a [RoleId],
    /// A guest or another external user.
    pub guest: bool,
}

/// What the sign-in is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    Application(ApplicationId),
    UserAction(UserAction),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    pub compliance: Compliance,
    /// Why it is not compliant, or not known to be.
    pub because: Vec<Reason>,
    /// Under management. Only then it can be compliant.
    pub enrolled: bool,
    pub attributes: DeviceAttributes,
}

/// Compliance of a device as far as access is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compliance {
    Compliant,
    /// Not compliant, with time left to become so: keeps access.
    InGracePeriod,
    NotCompliant,
    Unknown,
}

/// Whether the app holds to its app protection policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppProtection<'a> {
    Protected,
    /// And why; nothing when no app protection is known of.
    NotProtected(&'a [Reason]),
}

impl Device {
    /// Graph's `isCompliant`.
    #[must_use]
    pub fn is_compliant(&self) -> bool {
        self.enrolled && matches!(self.compliance, Compliance::Compliant | Compliance::InGracePeriod)
    }

    /// Joined to the organisation's own directory as well.
    #[must_use]
    pub fn is_domain_joined(&self) -> bool {
        let trust = self.attributes.trust_type.as_deref();
        trust.is_some_and(|trust| trust.eq_ignore_ascii_case("ServerAD"))
    }
}
