//! Conditional access in Microsoft Graph's spelling: policies, named locations and What If.
//!
//! Unset arrays answer `[]`, unset complex properties `null`; `null` is read as unset. Words are exact: a wrong case is
//! refused. Read-only properties (`id`, `createdDateTime`, `modifiedDateTime`) belong to who stores the policy.

mod location;
mod policy;
mod what_if;

use serde::{Deserialize, Deserializer, Serialize};

pub use location::{
    CountryCode, CountryLookup, CountryNamedLocation, InvalidCountry, IpNamedLocation, IpRange, NamedLocation,
};
pub use policy::{
    ApplicationRef, Applications, ConditionalAccessPolicy, Conditions, DeviceFilter, Devices, GrantControls,
    InvalidRef, LocationRef, Locations, Other, Platforms, UserRef, Users,
};
pub use what_if::{
    AnalysisReason, DeviceAttributes, DeviceInfo, SignInConditions, SignInContext, SignInIdentity, UserActionContext,
    WhatIfRequest,
};

use crate::{directory::id, words};

id! {
    /// An application that asks whether a sign-in may come in.
    ApplicationId
}
id! {
    /// A directory role: Graph's `roleTemplateId`.
    RoleId
}
id! {
    /// A named location.
    LocationId
}

words! {
    PolicyState {
        Enabled => "enabled",
        Disabled => "disabled",
        ReportOnly => "enabledForReportingButNotEnforced",
    }
}

words! {
    /// What the user signs in with. In a policy `all` stands for every one of them, in a sign-in for one not known.
    ClientAppType {
        All => "all",
        Browser => "browser",
        MobileAppsAndDesktopClients => "mobileAppsAndDesktopClients",
        ExchangeActiveSync => "exchangeActiveSync",
        EasSupported => "easSupported",
        Other => "other",
    }
}

words! {
    /// What a gateway does when Moat does not answer it.
    OnUnreachable {
        /// It lets nobody in.
        Closed => "closed",
        /// It lets in whoever shows a certificate of Moat's authority, and says so in a header.
        Open => "open",
    }
}

words! {
    DevicePlatform {
        Android => "android",
        IOs => "iOS",
        Windows => "windows",
        WindowsPhone => "windowsPhone",
        MacOs => "macOS",
        Linux => "linux",
        All => "all",
    }
}

words! {
    /// Risk of a sign-in or of a user, as an identity provider tells it. `hidden` is a risk that is not disclosed.
    RiskLevel {
        None => "none",
        Low => "low",
        Medium => "medium",
        High => "high",
        Hidden => "hidden",
    }
}

words! {
    /// An action of a user on the own account, instead of an application.
    UserAction {
        RegisterSecurityInfo => "urn:user:registersecurityinfo",
        RegisterDevice => "urn:user:registerdevice",
    }
}

words! {
    /// Whether a device filter names the devices that a policy is for, or those that it is not for.
    FilterMode {
        Include => "include",
        Exclude => "exclude",
    }
}

words! {
    /// Whether all grant controls must be met, or one of them.
    GrantOperator {
        And => "AND",
        Or => "OR",
    }
}

words! {
    /// What a policy asks for, in the order in which a sign-in is asked for it.
    GrantControl {
        Block => "block",
        Mfa => "mfa",
        CompliantDevice => "compliantDevice",
        DomainJoinedDevice => "domainJoinedDevice",
        ApprovedApplication => "approvedApplication",
        CompliantApplication => "compliantApplication",
        PasswordChange => "passwordChange",
    }
}

words! {
    /// What a policy did to a sign-in: Graph's `appliedConditionalAccessPolicyResult`.
    PolicyResult {
        Success => "success",
        Failure => "failure",
        NotApplied => "notApplied",
        ReportOnlySuccess => "reportOnlySuccess",
        ReportOnlyFailure => "reportOnlyFailure",
        /// The user would have been asked to do something, such as multi-factor authentication.
        ReportOnlyInterrupted => "reportOnlyInterrupted",
        ReportOnlyNotApplied => "reportOnlyNotApplied",
    }
}

/// Reads `null` as unset.
fn null_as_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
