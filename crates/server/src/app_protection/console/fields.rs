//! The settings of an app protection policy, step by step, in Intune's words.

use crate::policies::console::form::{Field, Kind, Kind::*, Part, Word, field};

const MINUTE: u64 = 60;
const DAY: u64 = 86_400;

const ALLOW_BLOCK: Kind = Switch("choice-allow", "choice-block");
const NO_YES: Kind = Switch("choice-no", "choice-yes");
const OFF_REQUIRE: Kind = Switch("choice-not-required", "choice-require");
const BLOCK_WIPE: &[Word] = &[("block", "launch-block"), ("wipe", "launch-wipe")];
const FEATURE: Kind = Words(&[("", "choice-allow"), ("blocked", "choice-block")]);

const DATA: &[Field] = &[
    field("dataBackupBlocked", "apps-backup", "", ALLOW_BLOCK),
    field(
        "allowedOutboundDataTransferDestinations",
        "apps-send",
        "",
        Words(&[
            ("allApps", "apps-all-apps"),
            ("managedApps", "apps-managed-apps"),
            ("none", "choice-none"),
        ]),
    ),
    field("filterOpenInToOnlyManagedApps", "apps-filter-open-in", "", NO_YES),
    field(
        "disableProtectionOfManagedOutboundOpenInData",
        "apps-os-sharing",
        "apps-os-sharing-hint",
        NO_YES,
    ),
    field("exemptedAppProtocols", "apps-exempt", "apps-exempt-hint", Pairs),
    field("exemptedUniversalLinks", "apps-exempt-links", "apps-lines-hint", Lines),
    field("managedUniversalLinks", "apps-managed-links", "apps-lines-hint", Lines),
    field("saveAsBlocked", "apps-save", "", ALLOW_BLOCK),
    field(
        "allowedDataStorageLocations",
        "apps-save-to",
        "",
        Set(&[
            ("oneDriveForBusiness", "apps-place-onedrive"),
            ("sharePoint", "apps-place-sharepoint"),
            ("box", "apps-place-box"),
            ("localStorage", "apps-place-local"),
            ("photoLibrary", "apps-place-photos"),
            ("iManage", "apps-place-imanage"),
            ("egnyte", "apps-place-egnyte"),
        ]),
    ),
    field(
        "dialerRestrictionLevel",
        "apps-dialer",
        "",
        Words(&[
            ("allApps", "apps-any-dialer"),
            ("managedApps", "apps-managed-dialer"),
            ("customApp", "apps-one-dialer"),
            ("blocked", "choice-none"),
        ]),
    ),
    field(
        "customDialerAppProtocol",
        "apps-dialer-protocol",
        "apps-dialer-hint",
        Text,
    ),
    field(
        "protectedMessagingRedirectAppType",
        "apps-messages",
        "",
        Words(&[
            ("anyApp", "apps-any-messages"),
            ("anyManagedApp", "apps-managed-messages"),
            ("specificApps", "apps-one-messages"),
            ("blocked", "choice-none"),
        ]),
    ),
    field("messagingRedirectAppUrlScheme", "apps-messages-scheme", "", Text),
    field(
        "allowedInboundDataTransferSources",
        "apps-receive",
        "",
        Words(&[
            ("allApps", "apps-all-apps"),
            ("managedApps", "apps-managed-apps"),
            ("none", "choice-none"),
        ]),
    ),
    field("protectInboundDataFromUnknownSources", "apps-inbound", "", NO_YES),
    field(
        "blockDataIngestionIntoOrganizationDocuments",
        "apps-open",
        "",
        ALLOW_BLOCK,
    ),
    field(
        "allowedDataIngestionLocations",
        "apps-open-from",
        "",
        Set(&[
            ("oneDriveForBusiness", "apps-place-onedrive"),
            ("sharePoint", "apps-place-sharepoint"),
            ("camera", "apps-place-camera"),
            ("photoLibrary", "apps-place-photos"),
        ]),
    ),
    field(
        "allowedOutboundClipboardSharingLevel",
        "apps-clipboard",
        "",
        Words(&[
            ("allApps", "apps-any-app"),
            ("managedAppsWithPasteIn", "apps-paste-in"),
            ("managedApps", "apps-managed-apps"),
            ("blocked", "choice-blocked"),
        ]),
    ),
    field(
        "allowedOutboundClipboardSharingExceptionLength",
        "apps-clipboard-length",
        "",
        Number(0, 65_535),
    ),
    field("thirdPartyKeyboardsBlocked", "apps-keyboards", "", ALLOW_BLOCK),
];

const FUNCTIONS: &[Field] = &[
    field(
        "appDataEncryptionType",
        "apps-encryption",
        "",
        Words(&[
            ("useDeviceSettings", "apps-encryption-device"),
            ("afterDeviceRestart", "apps-encryption-restart"),
            ("whenDeviceLockedExceptOpenFiles", "apps-encryption-open"),
            ("whenDeviceLocked", "apps-encryption-locked"),
        ]),
    ),
    field("contactSyncBlocked", "apps-contacts", "", ALLOW_BLOCK),
    field("allowWidgetContentSync", "apps-widgets", "", NO_YES),
    field("printBlocked", "apps-print", "", ALLOW_BLOCK),
    field("managedBrowserToOpenLinksRequired", "apps-browser", "", OFF_REQUIRE),
    field(
        "managedBrowser",
        "apps-browser-which",
        "",
        Words(&[
            ("notConfigured", "choice-not-configured"),
            ("microsoftEdge", "apps-browser-edge"),
        ]),
    ),
    field("customBrowserProtocol", "apps-browser-protocol", "", Text),
    field(
        "notificationRestriction",
        "apps-notifications",
        "",
        Words(&[
            ("allow", "choice-allow"),
            ("blockOrganizationalData", "apps-notifications-data"),
            ("block", "choice-block"),
        ]),
    ),
    field("genmojiConfigurationState", "apps-genmoji", "", FEATURE),
    field("screenCaptureConfigurationState", "apps-screen", "", FEATURE),
    field("writingToolsConfigurationState", "apps-writing", "", FEATURE),
];

const ACCESS: &[Field] = &[
    field("pinRequired", "apps-pin", "", OFF_REQUIRE),
    field(
        "pinCharacterSet",
        "apps-pin-type",
        "",
        Words(&[
            ("numeric", "compliance-numeric"),
            ("alphanumericAndSymbol", "apps-pin-passcode"),
        ]),
    ),
    field("simplePinBlocked", "apps-pin-simple", "", ALLOW_BLOCK),
    field("minimumPinLength", "apps-pin-length", "", Number(0, 64)),
    field("fingerprintBlocked", "apps-touch-id", "", ALLOW_BLOCK),
    field("faceIdBlocked", "apps-face-id", "", ALLOW_BLOCK),
    field(
        "pinRequiredInsteadOfBiometricTimeout",
        "apps-biometric-timeout",
        "apps-empty-never",
        Time(MINUTE),
    ),
    field("periodBeforePinReset", "apps-pin-reset", "apps-zero-never", Time(DAY)),
    field("previousPinBlockCount", "apps-pin-previous", "", Number(0, 24)),
    field(
        "disableAppPinIfDevicePinIsSet",
        "apps-pin-device",
        "",
        Switch("choice-require", "choice-not-required"),
    ),
    field("organizationalCredentialsRequired", "apps-credentials", "", OFF_REQUIRE),
    field("periodOnlineBeforeAccessCheck", "apps-recheck", "", Time(MINUTE)),
];

const LAUNCH_DEVICE: &[Field] = &[
    field(
        "maximumAllowedDeviceThreatLevel",
        "launch-threat-level",
        "launch-threat-level-hint",
        Words(&[
            ("notConfigured", "choice-not-configured"),
            ("secured", "policy-level-secured"),
            ("low", "policy-level-low"),
            ("medium", "policy-level-medium"),
            ("high", "policy-level-high"),
        ]),
    ),
    field(
        "mobileThreatDefenseRemediationAction",
        "launch-threat-action",
        "",
        Words(BLOCK_WIPE),
    ),
    field(
        "mobileThreatDefensePartnerPriority",
        "launch-partner",
        "",
        Words(&[
            ("", "launch-partner-own"),
            ("defenderOverThirdPartyPartner", "launch-partner-own-first"),
            ("thirdPartyPartnerOverDefender", "launch-partner-third"),
        ]),
    ),
    field(
        "deviceComplianceRequired",
        "launch-jailbroken",
        "",
        Switch("choice-not-configured", "launch-jailbroken-on"),
    ),
    field(
        "appActionIfDeviceComplianceRequired",
        "launch-jailbroken-action",
        "",
        Words(BLOCK_WIPE),
    ),
    field("minimumWarningOsVersion", "launch-os-warn", "", Text),
    field("minimumRequiredOsVersion", "launch-os-block", "", Text),
    field("minimumWipeOsVersion", "launch-os-wipe", "", Text),
    field("maximumWarningOsVersion", "launch-os-max-warn", "", Text),
    field("maximumRequiredOsVersion", "launch-os-max-block", "", Text),
    field("maximumWipeOsVersion", "launch-os-max-wipe", "", Text),
    field("allowedIosDeviceModels", "launch-models", "launch-models-hint", Text),
    field(
        "appActionIfIosDeviceModelNotAllowed",
        "launch-models-action",
        "",
        Words(BLOCK_WIPE),
    ),
];

const LAUNCH_APP: &[Field] = &[
    field("maximumPinRetries", "launch-pin", "", Number(1, 65_535)),
    field(
        "appActionIfMaximumPinRetriesExceeded",
        "launch-pin-action",
        "",
        Words(&[("block", "launch-pin-reset"), ("wipe", "launch-wipe")]),
    ),
    field(
        "periodOfflineBeforeAccessCheck",
        "launch-offline-block",
        "",
        Time(MINUTE),
    ),
    field(
        "periodOfflineBeforeWipeIsEnforced",
        "launch-offline-wipe",
        "apps-zero-never",
        Time(DAY),
    ),
    field(
        "appActionIfUnableToAuthenticateUser",
        "launch-account",
        "",
        Words(&[
            ("", "choice-not-configured"),
            ("block", "launch-block"),
            ("wipe", "launch-wipe"),
        ]),
    ),
    field("minimumWarningAppVersion", "launch-app-warn", "", Text),
    field("minimumRequiredAppVersion", "launch-app-block", "", Text),
    field("minimumWipeAppVersion", "launch-app-wipe", "", Text),
    field("minimumWarningSdkVersion", "launch-sdk-warn", "", Text),
    field("minimumRequiredSdkVersion", "launch-sdk-block", "", Text),
    field("minimumWipeSdkVersion", "launch-sdk-wipe", "", Text),
    field(
        "appActionIfAccountIsClockedOut",
        "launch-clocked-out",
        "",
        Words(&[
            ("", "choice-not-configured"),
            ("block", "launch-block"),
            ("warn", "launch-warn"),
        ]),
    ),
    field(
        "gracePeriodToBlockAppsDuringOffClockHours",
        "launch-clocked-out-grace",
        "",
        Time(MINUTE),
    ),
];

/// Which step the threat level is in, counted among these.
pub const THREAT_PART: usize = 3;

pub const PARTS: &[Part] = &[
    Part {
        title: "apps-data",
        text: "apps-data-text",
        fields: DATA,
    },
    Part {
        title: "apps-functions",
        text: "",
        fields: FUNCTIONS,
    },
    Part {
        title: "apps-access",
        text: "apps-access-text",
        fields: ACCESS,
    },
    Part {
        title: "launch-device",
        text: "launch-text",
        fields: LAUNCH_DEVICE,
    },
    Part {
        title: "launch-app",
        text: "",
        fields: LAUNCH_APP,
    },
];
