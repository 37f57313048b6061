use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ApplicationRef, ClientAppType, CountryCode, DevicePlatform, RiskLevel, null_as_default};
use crate::{UserId, words};

/// Body of `POST /identity/conditionalAccess/evaluate`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WhatIfRequest {
    pub sign_in_identity: SignInIdentity,
    pub sign_in_context: SignInContext,
    #[serde(default, deserialize_with = "null_as_default")]
    pub sign_in_conditions: SignInConditions,
    /// Leave out the policies that do not apply.
    #[serde(default, deserialize_with = "null_as_default")]
    pub applied_policies_only: bool,
}

/// Who would sign in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "@odata.type")]
pub enum SignInIdentity {
    #[serde(rename = "#microsoft.graph.userSignIn", rename_all = "camelCase")]
    User {
        user_id: UserId,
        #[serde(default)]
        external_tenant_id: Option<String>,
        /// Set, and not `none`: the user is a guest.
        #[serde(default)]
        external_user_type: Option<String>,
    },
    #[serde(rename = "#microsoft.graph.servicePrincipalSignIn", rename_all = "camelCase")]
    ServicePrincipal {
        #[serde(default)]
        service_principal_id: Option<String>,
    },
}

/// What would be signed in to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "@odata.type")]
pub enum SignInContext {
    #[serde(rename = "#microsoft.graph.applicationContext", rename_all = "camelCase")]
    Applications { include_applications: Vec<ApplicationRef> },
    #[serde(rename = "#microsoft.graph.authContext", rename_all = "camelCase")]
    AuthenticationContext {
        #[serde(default)]
        authentication_context_value: Option<String>,
    },
    #[serde(rename = "#microsoft.graph.userActionContext", rename_all = "camelCase")]
    UserAction { user_action: UserActionContext },
}

words! {
    UserActionContext {
        RegisterSecurityInformation => "registerSecurityInformation",
        RegisterOrJoinDevices => "registerOrJoinDevices",
    }
}

/// Circumstances of the sign-in. A policy with a condition on one that is not given does not apply.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SignInConditions {
    pub device_platform: Option<DevicePlatform>,
    pub client_app_type: Option<ClientAppType>,
    pub sign_in_risk_level: Option<RiskLevel>,
    pub user_risk_level: Option<RiskLevel>,
    /// No policy of Moat has a condition on it; nor on insider risk and authentication flow.
    pub service_principal_risk_level: Option<RiskLevel>,
    pub insider_risk_level: Option<String>,
    pub authentication_flow: Option<Value>,
    pub country: Option<CountryCode>,
    pub ip_address: Option<IpAddr>,
    pub device_info: Option<DeviceInfo>,
}

/// Graph's `deviceInfo`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeviceInfo {
    #[serde(deserialize_with = "null_as_default")]
    pub is_compliant: bool,
    #[serde(flatten)]
    pub attributes: DeviceAttributes,
}

/// What a device filter can ask about a device, besides its compliance; none where it is not known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeviceAttributes {
    pub device_id: Option<String>,
    pub display_name: Option<String>,
    pub operating_system: Option<String>,
    pub operating_system_version: Option<String>,
    pub manufacturer: Option<String>,
    pub model: Option<String>,
    /// `Company` or `Personal`.
    pub ownership: Option<String>,
    /// `AzureAD`, `ServerAD` (joined to the organisation's own directory too) or `Workplace`.
    pub trust_type: Option<String>,
    pub profile_type: Option<String>,
    pub mdm_app_id: Option<String>,
    pub enrollment_profile_name: Option<String>,
    #[serde(deserialize_with = "null_as_default")]
    pub physical_ids: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    pub system_labels: Vec<String>,
    pub extension_attribute1: Option<String>,
    pub extension_attribute2: Option<String>,
    pub extension_attribute3: Option<String>,
    pub extension_attribute4: Option<String>,
    pub extension_attribute5: Option<String>,
    pub extension_attribute6: Option<String>,
    pub extension_attribute7: Option<String>,
    pub extension_attribute8: Option<String>,
    pub extension_attribute9: Option<String>,
    pub extension_attribute10: Option<String>,
    pub extension_attribute11: Option<String>,
    pub extension_attribute12: Option<String>,
    pub extension_attribute13: Option<String>,
    pub extension_attribute14: Option<String>,
    pub extension_attribute15: Option<String>,
}

impl DeviceAttributes {
    /// The attribute of that number, 1 to 15.
    #[must_use]
    pub fn extension_attribute(&self, number: u8) -> Option<&str> {
        match number {
            1 => self.extension_attribute1.as_deref(),
            2 => self.extension_attribute2.as_deref(),
            3 => self.extension_attribute3.as_deref(),
            4 => self.extension_attribute4.as_deref(),
            5 => self.extension_attribute5.as_deref(),
            6 => self.extension_attribute6.as_deref(),
            7 => self.extension_attribute7.as_deref(),
            8 => self.extension_attribute8.as_deref(),
            9 => self.extension_attribute9.as_deref(),
            10 => self.extension_attribute10.as_deref(),
            11 => self.extension_attribute11.as_deref(),
            12 => self.extension_attribute12.as_deref(),
            13 => self.extension_attribute13.as_deref(),
            14 => self.extension_attribute14.as_deref(),
            15 => self.extension_attribute15.as_deref(),
            _ => None,
        }
    }
}

words! {
    /// Why a policy does not apply: its first condition that does not hold. Graph's `whatIfAnalysisReasons`.
    AnalysisReason {
        /// It applies.
        NotSet => "notSet",
        NotEnoughInformation => "notEnoughInformation",
        InvalidCondition => "invalidCondition",
        Users => "users",
        WorkloadIdentities => "workloadIdentities",
        Application => "application",
        UserActions => "userActions",
        AuthenticationContext => "authenticationContext",
        DevicePlatform => "devicePlatform",
        Devices => "devices",
        ClientApps => "clientApps",
        Location => "location",
        SignInRisk => "signInRisk",
        EmptyPolicy => "emptyPolicy",
        InvalidPolicy => "invalidPolicy",
        PolicyNotEnabled => "policyNotEnabled",
        UserRisk => "userRisk",
        Time => "time",
        InsiderRisk => "insiderRisk",
        AuthenticationFlow => "authenticationFlow",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_reads_as_graph_documents_it() {
        let request: WhatIfRequest = serde_json::from_value(json!({
            "signInIdentity": {
                "@odata.type": "#microsoft.graph.userSignIn",
                "userId": "6f0e6a4a-7d5b-4a0e-9d0e-0f3f1c2b3a4d",
            },
            "signInContext": {
                "@odata.type": "#microsoft.graph.applicationContext",
                "includeApplications": ["00000003-0000-0ff1-ce00-000000000000"],
            },
            "signInConditions": {
                "devicePlatform": "iOS",
                "clientAppType": "browser",
                "signInRiskLevel": "high",
                "country": "FR",
                "ipAddress": "40.77.182.32",
                "deviceInfo": { "isCompliant": true, "ownership": "Company", "extensionAttribute7": "kiosk" },
            },
            "appliedPoliciesOnly": true,
        }))
        .unwrap();
        let conditions = &request.sign_in_conditions;
        assert_eq!(conditions.device_platform, Some(DevicePlatform::IOs));
        assert_eq!(conditions.user_risk_level, None);
        let device = conditions.device_info.as_ref().unwrap();
        assert!(device.is_compliant && request.applied_policies_only);
        assert_eq!(device.attributes.ownership.as_deref(), Some("Company"));
        assert_eq!(device.attributes.extension_attribute(7), Some("kiosk"));
        assert_eq!(device.attributes.extension_attribute(8), None);
    }

    #[test]
    fn identity_and_context_need_their_type() {
        let identity = json!({ "userId": "6f0e6a4a-7d5b-4a0e-9d0e-0f3f1c2b3a4d" });
        assert!(serde_json::from_value::<SignInIdentity>(identity).is_err());
        let context =
            json!({ "@odata.type": "#microsoft.graph.userActionContext", "userAction": "RegisterOrJoinDevices" });
        assert!(serde_json::from_value::<SignInContext>(context).is_err());
    }
}
