//! The settings of a compliance policy, step by step, in Intune's words.

use crate::policies::console::form::{Field, Kind::*, Part, Word, field};

const OFF_BLOCK: (&str, &str) = ("choice-not-configured", "choice-block");
const OFF_REQUIRE: (&str, &str) = ("choice-not-configured", "choice-require");

const LEVELS: &[Word] = &[
    ("unavailable", "choice-not-configured"),
    ("secured", "policy-level-secured"),
    ("low", "policy-level-low"),
    ("medium", "policy-level-medium"),
    ("high", "policy-level-high"),
];

const HEALTH: &[Field] = &[
    field(
        "securityBlockJailbrokenDevices",
        "compliance-jailbroken",
        "compliance-jailbroken-hint",
        Switch(OFF_BLOCK.0, OFF_BLOCK.1),
    ),
    field(
        "deviceThreatProtectionRequiredSecurityLevel",
        "compliance-threat-level",
        "compliance-threat-level-hint",
        Words(LEVELS),
    ),
    field(
        "advancedThreatProtectionRequiredSecurityLevel",
        "compliance-own-level",
        "compliance-own-level-hint",
        Words(LEVELS),
    ),
    field(
        "deviceThreatProtectionEnabled",
        "compliance-agent",
        "compliance-agent-hint",
        Switch(OFF_REQUIRE.0, OFF_REQUIRE.1),
    ),
    field(
        "moatPartnerUnresponsive",
        "compliance-unresponsive",
        "",
        Words(&[
            ("keepLastKnown", "compliance-unresponsive-keep"),
            ("ignore", "compliance-unresponsive-ignore"),
            ("block", "compliance-unresponsive-block"),
        ]),
    ),
];

const PROPERTIES: &[Field] = &[
    field("osMinimumVersion", "compliance-os-minimum", "compliance-os-hint", Text),
    field("osMaximumVersion", "compliance-os-maximum", "", Text),
    field(
        "osMinimumBuildVersion",
        "compliance-build-minimum",
        "compliance-build-hint",
        Text,
    ),
    field("osMaximumBuildVersion", "compliance-build-maximum", "", Text),
];

const SECURITY: &[Field] = &[
    field(
        "passcodeRequired",
        "compliance-passcode",
        "",
        Switch(OFF_REQUIRE.0, OFF_REQUIRE.1),
    ),
    field(
        "passcodeBlockSimple",
        "compliance-simple",
        "",
        Switch(OFF_BLOCK.0, OFF_BLOCK.1),
    ),
    field("passcodeMinimumLength", "compliance-length", "", Number(4, 14)),
    field(
        "passcodeRequiredType",
        "compliance-type",
        "",
        Words(&[
            ("deviceDefault", "choice-not-configured"),
            ("alphanumeric", "compliance-alphanumeric"),
            ("numeric", "compliance-numeric"),
        ]),
    ),
    field(
        "passcodeMinimumCharacterSetCount",
        "compliance-characters",
        "",
        Number(0, 4),
    ),
    field(
        "passcodeMinutesOfInactivityBeforeLock",
        "compliance-lock",
        "compliance-minutes-hint",
        Number(0, 240),
    ),
    field(
        "passcodeMinutesOfInactivityBeforeScreenTimeout",
        "compliance-screen",
        "compliance-minutes-hint",
        Number(0, 15),
    ),
    field("passcodeExpirationDays", "compliance-expiration", "", Number(1, 65_535)),
    field(
        "passcodePreviousPasscodeBlockCount",
        "compliance-previous",
        "",
        Number(1, 24),
    ),
    field("restrictedApps", "compliance-apps", "compliance-apps-hint", Apps),
];

const MAIL: &[Field] = &[field(
    "managedEmailProfileRequired",
    "compliance-mail",
    "compliance-mail-hint",
    Switch(OFF_REQUIRE.0, OFF_REQUIRE.1),
)];

pub const PARTS: &[Part] = &[
    Part {
        title: "compliance-health",
        text: "compliance-health-text",
        fields: HEALTH,
    },
    Part {
        title: "compliance-properties",
        text: "",
        fields: PROPERTIES,
    },
    Part {
        title: "compliance-security",
        text: "",
        fields: SECURITY,
    },
    Part {
        title: "compliance-email",
        text: "",
        fields: MAIL,
    },
];
