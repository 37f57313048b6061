use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::words;

/// The apps of Graph's `allCoreMicrosoftApps`, in lower case.
const CORE_MICROSOFT_APPS: &[&str] = &[
    "com.microsoft.msedge",
    "com.microsoft.office.excel",
    "com.microsoft.office.outlook",
    "com.microsoft.office.powerpoint",
    "com.microsoft.office.word",
    "com.microsoft.officemobile",
    "com.microsoft.onenote",
    "com.microsoft.sharepoint",
    "com.microsoft.skydrive",
    "com.microsoft.skype.teams",
    "com.microsoft.to-do",
];

/// An app by its bundle id: Graph's `iosMobileAppIdentifier`. Letter case does not matter in a bundle id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "TypedIdentifier", into = "TypedIdentifier")]
pub struct AppIdentifier {
    /// Such as `com.microsoft.Office.Outlook`.
    pub bundle_id: String,
}

impl AppIdentifier {
    #[must_use]
    pub fn is(&self, bundle_id: &str) -> bool {
        self.bundle_id.eq_ignore_ascii_case(bundle_id)
    }
}

/// Carries the `@odata.type` that Graph requires; an identifier of another system is refused by it.
#[derive(Serialize, Deserialize)]
#[serde(tag = "@odata.type")]
enum TypedIdentifier {
    #[serde(rename = "#microsoft.graph.iosMobileAppIdentifier", rename_all = "camelCase")]
    Ios { bundle_id: String },
}

impl From<TypedIdentifier> for AppIdentifier {
    fn from(TypedIdentifier::Ios { bundle_id }: TypedIdentifier) -> Self {
        Self { bundle_id }
    }
}

impl From<AppIdentifier> for TypedIdentifier {
    fn from(AppIdentifier { bundle_id }: AppIdentifier) -> Self {
        Self::Ios { bundle_id }
    }
}

words! {
    /// Which apps a policy is for: Graph's `targetedManagedAppGroupType`.
    AppGroup {
        /// Those in the policy's list.
        SelectedPublicApps => "selectedPublicApps",
        AllCoreMicrosoftApps => "allCoreMicrosoftApps",
        /// Every app whose bundle id is Microsoft's.
        AllMicrosoftApps => "allMicrosoftApps",
        AllApps => "allApps",
    }
}

impl AppGroup {
    /// Whether a policy for this group, with `listed` as its apps, is for this app. An app in the list always belongs.
    #[must_use]
    pub fn covers(self, listed: &[AppIdentifier], bundle_id: &str) -> bool {
        let name = bundle_id.to_ascii_lowercase();
        listed.iter().any(|app| app.is(bundle_id))
            || match self {
                Self::SelectedPublicApps => false,
                Self::AllCoreMicrosoftApps => CORE_MICROSOFT_APPS.contains(&name.as_str()),
                Self::AllMicrosoftApps => name.starts_with("com.microsoft."),
                Self::AllApps => true,
            }
    }
}

/// Which devices a policy is for, by how they are managed: the flags of Graph's `appManagementLevel`, as one text with
/// commas (`unmanaged,mdm`). `unspecified`, no flag at all, is every device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AppManagementLevels {
    pub unmanaged: bool,
    pub mdm: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("targetedAppManagementLevels: {0:?} is not one of unspecified unmanaged mdm, which are those of iOS")]
pub struct InvalidAppManagementLevels(String);

impl AppManagementLevels {
    /// Whether a policy with these levels is for a device that is (or is not) managed.
    #[must_use]
    pub const fn cover(self, device_is_managed: bool) -> bool {
        let every = !self.unmanaged && !self.mdm;
        every || if device_is_managed { self.mdm } else { self.unmanaged }
    }
}

impl fmt::Display for AppManagementLevels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.unmanaged, self.mdm) {
            (false, false) => "unspecified",
            (true, false) => "unmanaged",
            (false, true) => "mdm",
            (true, true) => "unmanaged,mdm",
        })
    }
}

impl FromStr for AppManagementLevels {
    type Err = InvalidAppManagementLevels;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut levels = Self::default();
        for word in text.split(',').map(str::trim) {
            match word {
                "unspecified" => {}
                "unmanaged" => levels.unmanaged = true,
                "mdm" => levels.mdm = true,
                other => return Err(InvalidAppManagementLevels(other.chars().take(80).collect())),
            }
        }
        Ok(levels)
    }
}

impl From<AppManagementLevels> for String {
    fn from(levels: AppManagementLevels) -> Self {
        levels.to_string()
    }
}

impl TryFrom<String> for AppManagementLevels {
    type Error = InvalidAppManagementLevels;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(bundle_id: &str) -> AppIdentifier {
        AppIdentifier {
            bundle_id: bundle_id.into(),
        }
    }

    #[test]
    fn identifiers_carry_their_type() {
        let text = r##"{"@odata.type":"#microsoft.graph.iosMobileAppIdentifier","bundleId":"org.example.Mail"}"##;
        assert_eq!(
            serde_json::from_str::<AppIdentifier>(text).unwrap(),
            app("org.example.Mail")
        );
        assert_eq!(serde_json::to_string(&app("org.example.Mail")).unwrap(), text);
        for refused in [
            r#"{"bundleId":"org.example.Mail"}"#,
            r##"{"@odata.type":"#microsoft.graph.androidMobileAppIdentifier","packageId":"org.example"}"##,
        ] {
            assert!(serde_json::from_str::<AppIdentifier>(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn groups_cover_their_apps() {
        let listed = [app("org.example.Mail")];
        for (bundle_id, covered_by) in [
            ("ORG.example.mail", AppGroup::ALL),
            ("com.microsoft.Office.Outlook", &AppGroup::ALL[1..]),
            ("com.microsoft.scmx", &AppGroup::ALL[2..]),
            ("com.microsoftish.app", &AppGroup::ALL[3..]),
        ] {
            for group in AppGroup::ALL {
                assert_eq!(
                    group.covers(&listed, bundle_id),
                    covered_by.contains(group),
                    "{group} {bundle_id}"
                );
            }
        }
    }

    #[test]
    fn management_levels_are_flags() {
        for (text, unmanaged, managed) in [
            ("unspecified", true, true),
            ("unmanaged", true, false),
            ("mdm", false, true),
            ("unmanaged,mdm", true, true),
        ] {
            let levels: AppManagementLevels = serde_json::from_str(&format!("{text:?}")).unwrap();
            assert_eq!(
                (levels.cover(false), levels.cover(true)),
                (unmanaged, managed),
                "{text}"
            );
            assert_eq!(levels.to_string(), text);
        }
        assert_eq!(
            "mdm, unmanaged".parse::<AppManagementLevels>().unwrap().to_string(),
            "unmanaged,mdm"
        );
        for text in ["", "MDM", "androidEnterprise", "mdm,androidEnterprise"] {
            let error = text.parse::<AppManagementLevels>().unwrap_err().to_string();
            assert!(error.contains("targetedAppManagementLevels"), "{error}");
        }
    }
}
