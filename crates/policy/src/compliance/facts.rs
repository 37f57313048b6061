//! What compliance is judged by.

pub use moat_model::app_protection::AgentState;
use moat_model::{
    Connector, JailbreakLevel, PolicyId, ThreatLevel, Timestamp,
    compliance::{ComplianceTenantSettings, IosComplianceSettings, NoncomplianceAction},
};

use crate::risk::ActiveAlert;

/// Everything that a decision depends on. The order of policies, partners, alerts and apps does not matter.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    pub device: &'a DeviceFacts,
    /// Every partner whose connector exists.
    pub partners: &'a [Partner<'a>],
    /// The policies that are assigned to the device or its user.
    pub policies: &'a [AssignedPolicy<'a>],
    pub tenant: &'a ComplianceTenantSettings,
    pub now: Timestamp,
}

/// What a device reported of itself. None: it never did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceFacts {
    /// `iOS`, `iPadOS`, `Linux`. On others than Apple's two only jailbreak and threats are judged.
    pub platform: String,
    pub os_version: Option<String>,
    pub os_build: Option<String>,
    pub jailbreak: Option<JailbreakLevel>,
    /// The alert that the jailbreak raised, while it is open.
    pub jailbreak_alert: Option<ActiveAlert>,
    pub passcode: Option<PasscodeFacts>,
    pub managed_email_profile: Option<bool>,
    pub apps: Option<Vec<InstalledApp>>,
    pub last_check_in: Option<Timestamp>,
    pub enrolled_user_exists: bool,
}

/// The passcode and the rules that the device itself enforces for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PasscodeFacts {
    pub is_set: bool,
    /// Repeated or running characters are possible: 1111, 1234.
    pub allows_simple: Option<bool>,
    pub length: Option<u32>,
    /// Letters and digits.
    pub is_alphanumeric: Option<bool>,
    /// Characters that are neither letter nor digit.
    pub complex_characters: Option<u32>,
    pub changed_at: Option<Timestamp>,
    /// Last passcodes that the device refuses.
    pub history: Option<u32>,
    /// From the locked screen until the passcode is asked for.
    pub minutes_before_lock: Option<u32>,
    /// From the last touch until the screen locks.
    pub minutes_before_screen_timeout: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledApp {
    pub bundle_id: String,
    /// Installed by the organisation.
    pub managed: bool,
}

/// A partner's connector and what it knows of this device.
#[derive(Debug, Clone, Copy)]
pub struct Partner<'a> {
    pub name: &'a str,
    /// Moat's own detection; the others push their levels.
    pub own: bool,
    pub connector: &'a Connector,
    /// The oldest system that the partner supports.
    pub minimum_os_version: Option<&'a str>,
    pub agent: AgentState,
    /// None: the partner never reported on this device.
    pub report: Option<ThreatReport>,
    /// The open alerts behind the level, where they are known.
    pub alerts: &'a [ActiveAlert],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ThreatReport {
    pub level: ThreatLevel,
    pub at: Timestamp,
}

/// A policy that applies, and what was decided about this device before.
#[derive(Debug, Clone, Copy)]
pub struct AssignedPolicy<'a> {
    pub id: PolicyId,
    pub name: &'a str,
    pub settings: &'a IosComplianceSettings,
    pub actions: &'a [NoncomplianceAction],
    pub previous: Previous,
}

/// What the last decision about this policy and device said; default for the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Previous {
    pub noncompliant_since: Option<Timestamp>,
    pub error_since: Option<Timestamp>,
}
