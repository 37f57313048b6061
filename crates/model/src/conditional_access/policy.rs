use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ApplicationId, ClientAppType, DevicePlatform, FilterMode, GrantControl, GrantOperator, LocationId, PolicyState,
    RiskLevel, RoleId, UserAction, null_as_default,
};
use crate::{GroupId, UserId};

/// Properties that were sent and have no field here, by name. Never answered: they are there to be refused, as
/// `moat_policy::conditional_access::validate` does unless they say nothing.
pub type Other = BTreeMap<String, Value>;

/// Graph's `conditionalAccessPolicy`. What may stand in it is checked by `moat_policy::conditional_access::validate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionalAccessPolicy {
    #[serde(default, deserialize_with = "null_as_default")]
    pub display_name: String,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub template_id: Option<String>,
    pub state: PolicyState,
    pub conditions: Conditions,
    #[serde(default)]
    pub grant_controls: Option<GrantControls>,
    /// Kept as sent. No gateway enforces them.
    #[serde(default)]
    pub session_controls: Option<Value>,
    #[serde(flatten, skip_serializing)]
    pub other: Other,
}

/// When a policy applies: all of them must hold.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Conditions {
    pub applications: Option<Applications>,
    pub users: Option<Users>,
    /// Empty: every client.
    #[serde(deserialize_with = "null_as_default")]
    pub client_app_types: Vec<ClientAppType>,
    pub platforms: Option<Platforms>,
    pub locations: Option<Locations>,
    /// Empty: any risk.
    #[serde(deserialize_with = "null_as_default")]
    pub sign_in_risk_levels: Vec<RiskLevel>,
    /// Empty: any risk.
    #[serde(deserialize_with = "null_as_default")]
    pub user_risk_levels: Vec<RiskLevel>,
    #[serde(deserialize_with = "null_as_default")]
    pub service_principal_risk_levels: Vec<RiskLevel>,
    pub insider_risk_levels: Option<Value>,
    pub devices: Option<Devices>,
    pub client_applications: Option<Value>,
    pub authentication_flows: Option<Value>,
    #[serde(flatten, skip_serializing)]
    pub other: Other,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Applications {
    #[serde(deserialize_with = "null_as_default")]
    pub include_applications: Vec<ApplicationRef>,
    #[serde(deserialize_with = "null_as_default")]
    pub exclude_applications: Vec<ApplicationRef>,
    #[serde(deserialize_with = "null_as_default")]
    pub include_user_actions: Vec<UserAction>,
    #[serde(deserialize_with = "null_as_default")]
    pub include_authentication_context_class_references: Vec<String>,
    pub application_filter: Option<Value>,
    #[serde(flatten, skip_serializing)]
    pub other: Other,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Users {
    #[serde(deserialize_with = "null_as_default")]
    pub include_users: Vec<UserRef>,
    #[serde(deserialize_with = "null_as_default")]
    pub exclude_users: Vec<UserRef>,
    #[serde(deserialize_with = "null_as_default")]
    pub include_groups: Vec<GroupId>,
    #[serde(deserialize_with = "null_as_default")]
    pub exclude_groups: Vec<GroupId>,
    #[serde(deserialize_with = "null_as_default")]
    pub include_roles: Vec<RoleId>,
    #[serde(deserialize_with = "null_as_default")]
    pub exclude_roles: Vec<RoleId>,
    pub include_guests_or_external_users: Option<Value>,
    pub exclude_guests_or_external_users: Option<Value>,
    #[serde(flatten, skip_serializing)]
    pub other: Other,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Platforms {
    #[serde(deserialize_with = "null_as_default")]
    pub include_platforms: Vec<DevicePlatform>,
    #[serde(deserialize_with = "null_as_default")]
    pub exclude_platforms: Vec<DevicePlatform>,
    #[serde(flatten, skip_serializing)]
    pub other: Other,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Locations {
    #[serde(deserialize_with = "null_as_default")]
    pub include_locations: Vec<LocationRef>,
    #[serde(deserialize_with = "null_as_default")]
    pub exclude_locations: Vec<LocationRef>,
    #[serde(flatten, skip_serializing)]
    pub other: Other,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Devices {
    pub device_filter: Option<DeviceFilter>,
    #[serde(flatten, skip_serializing)]
    pub other: Other,
}

/// A rule over a device's attributes, in the language of `moat_policy::conditional_access::filter`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceFilter {
    pub mode: FilterMode,
    pub rule: String,
    #[serde(flatten, skip_serializing)]
    pub other: Other,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GrantControls {
    #[serde(deserialize_with = "null_as_default")]
    pub operator: GrantOperator,
    #[serde(deserialize_with = "null_as_default")]
    pub built_in_controls: Vec<GrantControl>,
    #[serde(deserialize_with = "null_as_default")]
    pub custom_authentication_factors: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    pub terms_of_use: Vec<String>,
    pub authentication_strength: Option<Value>,
    #[serde(flatten, skip_serializing)]
    pub other: Other,
}

/// All of them must be met, unless the policy says otherwise.
#[allow(clippy::derivable_impls, reason = "the enum is declared by a macro")]
impl Default for GrantOperator {
    fn default() -> Self {
        Self::And
    }
}

/// A text that is neither an id nor one of the words that may stand in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is neither a GUID nor one of {words}")]
pub struct InvalidRef {
    pub value: String,
    pub words: &'static str,
}

/// An id, or a word in its place.
macro_rules! reference {
    ($(#[$meta:meta])* $name:ident { $id:ident($id_type:ty), $($(#[$vmeta:meta])* $variant:ident => $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum $name { $($(#[$vmeta])* $variant,)+ $id($id_type) }

        impl FromStr for $name {
            type Err = InvalidRef;

            fn from_str(s: &str) -> Result<Self, Self::Err> {
                match s {
                    $($word => Ok(Self::$variant),)+
                    id => id.parse().map(Self::$id).map_err(|_| InvalidRef {
                        value: s.chars().take(80).collect(),
                        words: concat!($($word, " "),+).trim_ascii_end(),
                    }),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidRef;

            fn try_from(s: String) -> Result<Self, Self::Error> {
                s.parse()
            }
        }

        impl From<$name> for String {
            fn from(reference: $name) -> Self {
                reference.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant => f.pad($word),)+
                    Self::$id(id) => id.fmt(f),
                }
            }
        }
    };
}

reference! {
    UserRef {
        User(UserId),
        All => "All",
        None => "None",
        GuestsOrExternalUsers => "GuestsOrExternalUsers",
    }
}

reference! {
    ApplicationRef {
        Application(ApplicationId),
        All => "All",
        None => "None",
        Office365 => "Office365",
        MicrosoftAdminPortals => "MicrosoftAdminPortals",
    }
}

reference! {
    LocationRef {
        Location(LocationId),
        All => "All",
        /// Every IP named location that is marked as trusted.
        AllTrusted => "AllTrusted",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As the documents of Graph's create request show it, with the type that the Python SDK adds.
    fn sent() -> Value {
        json!({
            "@odata.type": "#microsoft.graph.conditionalAccessPolicy",
            "displayName": "Compliant phones only",
            "state": "enabled",
            "conditions": {
                "applications": { "includeApplications": ["All"] },
                "users": { "includeUsers": ["All"], "excludeGroups": ["6F0E6A4A-7d5b-4a0e-9d0e-0f3f1c2b3a4d"], "includeRoles": null },
                "clientAppTypes": ["all"],
                "platforms": { "includePlatforms": ["iOS"] },
            },
            "grantControls": { "builtInControls": ["compliantDevice", "mfa"] },
        })
    }

    #[test]
    fn unset_arrays_answer_empty_and_unset_complex_properties_null() {
        let policy: ConditionalAccessPolicy = serde_json::from_value(sent()).unwrap();
        assert_eq!(
            serde_json::to_value(&policy).unwrap(),
            json!({
                "displayName": "Compliant phones only",
                "description": null,
                "templateId": null,
                "state": "enabled",
                "conditions": {
                    "applications": {
                        "includeApplications": ["All"],
                        "excludeApplications": [],
                        "includeUserActions": [],
                        "includeAuthenticationContextClassReferences": [],
                        "applicationFilter": null,
                    },
                    "users": {
                        "includeUsers": ["All"],
                        "excludeUsers": [],
                        "includeGroups": [],
                        "excludeGroups": ["6f0e6a4a-7d5b-4a0e-9d0e-0f3f1c2b3a4d"],
                        "includeRoles": [],
                        "excludeRoles": [],
                        "includeGuestsOrExternalUsers": null,
                        "excludeGuestsOrExternalUsers": null,
                    },
                    "clientAppTypes": ["all"],
                    "platforms": { "includePlatforms": ["iOS"], "excludePlatforms": [] },
                    "locations": null,
                    "signInRiskLevels": [],
                    "userRiskLevels": [],
                    "servicePrincipalRiskLevels": [],
                    "insiderRiskLevels": null,
                    "devices": null,
                    "clientApplications": null,
                    "authenticationFlows": null,
                },
                "grantControls": {
                    "operator": "AND",
                    "builtInControls": ["compliantDevice", "mfa"],
                    "customAuthenticationFactors": [],
                    "termsOfUse": [],
                    "authenticationStrength": null,
                },
                "sessionControls": null,
            })
        );
    }

    #[test]
    fn what_is_answered_reads_back_as_the_same() {
        let policy: ConditionalAccessPolicy = serde_json::from_value(sent()).unwrap();
        let again: ConditionalAccessPolicy = serde_json::from_value(serde_json::to_value(&policy).unwrap()).unwrap();
        let kept = ConditionalAccessPolicy {
            other: Other::new(),
            ..policy
        };
        assert_eq!(again, kept);
    }

    #[test]
    fn words_are_exact() {
        for (pointer, wrong) in [
            ("/state", json!("Enabled")),
            ("/conditions/clientAppTypes/0", json!("All")),
            ("/conditions/platforms/includePlatforms/0", json!("ios")),
            ("/conditions/users/includeUsers/0", json!("all")),
            ("/conditions/users/excludeGroups/0", json!("sales")),
            ("/conditions/applications/includeApplications/0", json!("office365")),
            ("/grantControls/builtInControls/1", json!("MFA")),
            ("/grantControls", json!({ "operator": "and" })),
        ] {
            let mut sent = sent();
            *sent.pointer_mut(pointer).unwrap() = wrong;
            assert!(
                serde_json::from_value::<ConditionalAccessPolicy>(sent).is_err(),
                "{pointer}"
            );
        }
    }

    #[test]
    fn an_unknown_reference_names_what_may_stand_there() {
        let error = "everybody".parse::<UserRef>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"everybody\" is neither a GUID nor one of All None GuestsOrExternalUsers"
        );
    }

    #[test]
    fn what_has_no_field_is_seen_and_never_answered() {
        let mut sent = sent();
        sent["conditions"]["times"] = json!({ "all": true });
        let policy: ConditionalAccessPolicy = serde_json::from_value(sent).unwrap();
        assert!(policy.conditions.other.contains_key("times"));
        assert!(
            serde_json::to_value(&policy).unwrap()["conditions"]
                .get("times")
                .is_none()
        );
    }
}
