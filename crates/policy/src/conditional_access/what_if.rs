use moat_model::{
    PolicyId,
    conditional_access::{
        AnalysisReason, ApplicationRef, ClientAppType, DeviceInfo, DevicePlatform, RiskLevel, SignInContext,
        SignInIdentity, UserAction, UserActionContext, WhatIfRequest,
    },
};

use super::{
    AppProtection, Compliance, Device, PolicySet, Resource, SignIn, User,
    bits::Bits,
    compile::Policy,
    conditions::{Met, ResourceKey},
};

/// Whether a policy would apply: Graph's `whatIfAnalysisResult` without the policy itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WhatIfResult {
    pub policy: PolicyId,
    pub policy_applies: bool,
    /// `NotSet` when it applies, else its first condition that does not hold.
    pub analysis_reasons: AnalysisReason,
}

impl PolicySet {
    /// Which policies would apply to the sign-in, enabled and report-only ones, by id. A policy with a condition on
    /// something that the request does not give does not apply; risks that are not given are `none`. With several applications a policy applies if it
    /// applies to one of them. `user` is the request's user with its groups and roles; none for a service
    /// principal, for which no policy of Moat is.
    #[must_use]
    pub fn what_if(&self, request: &WhatIfRequest, user: Option<User<'_>>) -> Vec<WhatIfResult> {
        let device = request.sign_in_conditions.device_info.as_ref().map(device);
        let met = self.conditions_met(request, user, device.as_ref());
        let person = matches!(request.sign_in_identity, SignInIdentity::User { .. });
        // A device that is not given satisfies no filter, neither one that includes nor one that excludes.
        let filter = |policy: &Policy| {
            policy.filter.is_none() || device.as_ref().is_some_and(|device| policy.is_for(Some(device)))
        };
        let judge = |(position, policy): (usize, &Policy)| {
            let reason = match person {
                true => self.first_unmet(position, policy, &met, filter),
                false => AnalysisReason::WorkloadIdentities,
            };
            WhatIfResult {
                policy: policy.id,
                policy_applies: reason == AnalysisReason::NotSet,
                analysis_reasons: reason,
            }
        };
        let all = self.policies.iter().enumerate().map(judge);
        all.filter(|result| result.policy_applies || !request.applied_policies_only)
            .collect()
    }

    fn conditions_met(&self, request: &WhatIfRequest, user: Option<User<'_>>, device: Option<&Device>) -> Met {
        let given = &request.sign_in_conditions;
        let sign_in = SignIn {
            user: user.map(|user| User {
                guest: user.guest || is_guest(&request.sign_in_identity),
                ..user
            }),
            resource: Resource::UserAction(UserAction::RegisterDevice),
            platform: given.device_platform,
            client_app: given.client_app_type,
            ip: given.ip_address,
            country: given.country,
            sign_in_risk: given.sign_in_risk_level.unwrap_or(RiskLevel::None),
            user_risk: given.user_risk_level.unwrap_or(RiskLevel::None),
            device,
            mfa: false,
            approved_app: false,
            app_protection: AppProtection::NotProtected(&[]),
        };
        let conditions = &self.conditions;
        let mut met = Met {
            resources: self.resources_met(&request.sign_in_context),
            ..conditions.met_by(&sign_in)
        };
        if given
            .device_platform
            .is_none_or(|platform| platform == DevicePlatform::All)
        {
            met.platforms.remove(&conditions.platforms.narrowed);
        }
        if given.client_app_type.is_none_or(|client| client == ClientAppType::All) {
            met.client_apps.remove(&conditions.client_apps.narrowed);
        }
        if given.ip_address.is_none() && given.country.is_none() {
            met.locations.remove(&conditions.locations.narrowed);
        }
        met
    }

    fn resources_met(&self, context: &SignInContext) -> Bits {
        let resources = &self.conditions.resources;
        match context {
            SignInContext::Applications { include_applications } => {
                let mut met = Bits::NONE;
                for reference in include_applications {
                    let id = match reference {
                        ApplicationRef::Application(id) => Some(ResourceKey::Application(*id)),
                        _ => None,
                    };
                    met.add(&resources.met_by([ResourceKey::AnyApplication].into_iter().chain(id)));
                }
                met
            }
            SignInContext::UserAction { user_action } => {
                resources.met_by([ResourceKey::UserAction(match user_action {
                    UserActionContext::RegisterSecurityInformation => UserAction::RegisterSecurityInfo,
                    UserActionContext::RegisterOrJoinDevices => UserAction::RegisterDevice,
                })])
            }
            SignInContext::AuthenticationContext { .. } => Bits::NONE,
        }
    }
}

fn is_guest(identity: &SignInIdentity) -> bool {
    match identity {
        SignInIdentity::User { external_user_type, .. } => external_user_type
            .as_deref()
            .is_some_and(|kind| !kind.is_empty() && kind != "none"),
        SignInIdentity::ServicePrincipal { .. } => false,
    }
}

fn device(info: &DeviceInfo) -> Device {
    Device {
        compliance: if info.is_compliant {
            Compliance::Compliant
        } else {
            Compliance::NotCompliant
        },
        because: Vec::new(),
        enrolled: true,
        attributes: info.attributes.clone(),
    }
}
