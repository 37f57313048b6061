use crate::{ThreatLevel, words};

words! {
    /// Which apps work data may go to or come from: Graph's `managedAppDataTransferLevel`.
    DataTransferLevel {
        AllApps => "allApps",
        ManagedApps => "managedApps",
        None => "none",
    }
}

words! {
    /// Graph's `managedAppClipboardSharingLevel`.
    ClipboardLevel {
        AllApps => "allApps",
        ManagedAppsWithPasteIn => "managedAppsWithPasteIn",
        ManagedApps => "managedApps",
        Blocked => "blocked",
    }
}

words! {
    /// Where copies of work data may be saved although saving copies is blocked: Graph's `managedAppDataStorageLocation`.
    StorageLocation {
        OneDriveForBusiness => "oneDriveForBusiness",
        SharePoint => "sharePoint",
        Box => "box",
        LocalStorage => "localStorage",
        PhotoLibrary => "photoLibrary",
        IManage => "iManage",
        Egnyte => "egnyte",
    }
}

impl StorageLocation {
    /// Whether `/v1.0` does not know this value.
    #[must_use]
    pub const fn is_beta_only(self) -> bool {
        matches!(self, Self::PhotoLibrary | Self::IManage | Self::Egnyte)
    }
}

words! {
    /// Where data may be opened from although opening data into work documents is blocked: Graph's
    /// `managedAppDataIngestionLocation`.
    IngestionLocation {
        OneDriveForBusiness => "oneDriveForBusiness",
        SharePoint => "sharePoint",
        Camera => "camera",
        PhotoLibrary => "photoLibrary",
    }
}

words! {
    /// Which apps may dial a number in work data: Graph's `managedAppPhoneNumberRedirectLevel`.
    DialerRestriction {
        AllApps => "allApps",
        ManagedApps => "managedApps",
        /// The one named by `customDialerAppProtocol`.
        CustomApp => "customApp",
        Blocked => "blocked",
    }
}

words! {
    /// Which apps may send a message to an address in work data: Graph's `messagingRedirectAppType`.
    MessagingRedirect {
        AnyApp => "anyApp",
        AnyManagedApp => "anyManagedApp",
        /// Those named by `messagingRedirectAppUrlScheme`.
        SpecificApps => "specificApps",
        Blocked => "blocked",
    }
}

words! {
    /// Which managed browser opens links in work data: Graph's `managedBrowserType`.
    BrowserType {
        NotConfigured => "notConfigured",
        MicrosoftEdge => "microsoftEdge",
    }
}

words! {
    /// When the system keeps work data encrypted: Graph's `managedAppDataEncryptionType`.
    EncryptionType {
        UseDeviceSettings => "useDeviceSettings",
        AfterDeviceRestart => "afterDeviceRestart",
        WhenDeviceLockedExceptOpenFiles => "whenDeviceLockedExceptOpenFiles",
        WhenDeviceLocked => "whenDeviceLocked",
    }
}

words! {
    /// How much of work data notifications may show: Graph's `managedAppNotificationRestriction`.
    NotificationRestriction {
        Allow => "allow",
        BlockOrganizationalData => "blockOrganizationalData",
        Block => "block",
    }
}

words! {
    /// A feature of the system inside the app: Graph's `genmojiIosManagedAppConfigurationState` and its two siblings.
    AppFeature {
        NotBlocked => "notBlocked",
        Blocked => "blocked",
    }
}

words! {
    /// Graph's `managedAppPinCharacterSet`.
    PinCharacterSet {
        Numeric => "numeric",
        AlphanumericAndSymbol => "alphanumericAndSymbol",
    }
}

words! {
    /// What happens when a condition is not met: Graph's `managedAppRemediationAction`.
    RemediationAction {
        Warn => "warn",
        /// Graph keeps it for devices that may not support a setting; every condition of Moat is supported, so it blocks.
        BlockWhenSettingIsSupported => "blockWhenSettingIsSupported",
        Block => "block",
        Wipe => "wipe",
    }
}

words! {
    /// The highest threat level at which an app may be used: Graph's `managedAppDeviceThreatLevel`.
    DeviceThreatLimit {
        /// Threat levels do not matter.
        NotConfigured => "notConfigured",
        /// Any level will do, but there must be one: the agent has to be there and active.
        High => "high",
        Medium => "medium",
        Low => "low",
        Secured => "secured",
    }
}

impl DeviceThreatLimit {
    /// The highest level allowed; none where threat levels do not matter.
    #[must_use]
    pub const fn highest(self) -> Option<ThreatLevel> {
        match self {
            Self::NotConfigured => None,
            Self::Secured => Some(ThreatLevel::Secured),
            Self::Low => Some(ThreatLevel::Low),
            Self::Medium => Some(ThreatLevel::Medium),
            Self::High => Some(ThreatLevel::High),
        }
    }
}

words! {
    /// Whose threat level counts when two partners are connected: Graph's `mobileThreatDefensePartnerPriority`. Moat's own
    /// detection stands where Graph says Defender. Null is Defender first.
    PartnerPriority {
        ThirdPartyPartnerOverDefender => "thirdPartyPartnerOverDefender",
        DefenderOverThirdPartyPartner => "defenderOverThirdPartyPartner",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_from_loosest_to_strictest() {
        assert!(DataTransferLevel::AllApps < DataTransferLevel::ManagedApps);
        assert!(DataTransferLevel::ManagedApps < DataTransferLevel::None);
        assert!(ClipboardLevel::ManagedAppsWithPasteIn < ClipboardLevel::ManagedApps);
        assert!(
            RemediationAction::Warn < RemediationAction::Block && RemediationAction::Block < RemediationAction::Wipe
        );
        assert!(EncryptionType::UseDeviceSettings < EncryptionType::WhenDeviceLocked);
        let limits: Vec<_> = DeviceThreatLimit::ALL.iter().map(|limit| limit.highest()).collect();
        assert_eq!(limits[0], None);
        assert!(limits[1..].windows(2).all(|pair| pair[0] > pair[1]), "{limits:?}");
    }

    #[test]
    fn values_are_spelled_exactly_on_the_wire() {
        assert_eq!(
            serde_json::to_string(&StorageLocation::ALL).unwrap(),
            r#"["oneDriveForBusiness","sharePoint","box","localStorage","photoLibrary","iManage","egnyte"]"#
        );
        assert!(
            serde_json::from_str::<RemediationAction>("\"Block\"").is_err(),
            "Graph's case is exact"
        );
        assert_eq!(
            StorageLocation::ALL
                .iter()
                .filter(|location| !location.is_beta_only())
                .count(),
            4
        );
    }
}
