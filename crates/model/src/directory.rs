//! Users and groups, and what a policy is assigned to.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(s: &str) -> Result<Self, Self::Err> {
                s.parse().map(Self)
            }
        }
    };
}
pub(crate) use id;

id! {
    /// A person of the organisation.
    UserId
}
id! {
    /// A group of users and of other groups.
    GroupId
}
id! {
    /// A policy of any kind.
    PolicyId
}

/// What a policy applies to, or is kept from: Graph's `deviceAndAppManagementAssignmentTarget`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "@odata.type")]
pub enum Target {
    #[serde(rename = "#microsoft.graph.allLicensedUsersAssignmentTarget")]
    AllUsers,
    #[serde(rename = "#microsoft.graph.allDevicesAssignmentTarget")]
    AllDevices,
    #[serde(rename = "#microsoft.graph.groupAssignmentTarget", rename_all = "camelCase")]
    Group { group_id: GroupId },
    #[serde(rename = "#microsoft.graph.exclusionGroupAssignmentTarget", rename_all = "camelCase")]
    ExcludedGroup { group_id: GroupId },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_spelled_as_graph_spells_them() {
        let text = r##"{"@odata.type":"#microsoft.graph.groupAssignmentTarget","groupId":"6f0e6a4a-7d5b-4a0e-9d0e-0f3f1c2b3a4d"}"##;
        let target: Target = serde_json::from_str(text).unwrap();
        assert!(matches!(target, Target::Group { .. }));
        assert_eq!(serde_json::to_string(&target).unwrap(), text);
        assert!(serde_json::from_str::<Target>(r#"{"groupId":"6f0e6a4a-7d5b-4a0e-9d0e-0f3f1c2b3a4d"}"#).is_err());
    }
}
