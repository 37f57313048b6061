//! What an app is told when it asks whether it may open.

use std::time::{Duration, SystemTime};

use moat_model::{
    Timestamp,
    app_protection::{AlertRef, WipeReceipt},
};
use moat_policy::app_protection::{self as policy, offline::OfflineDecision};
pub use moat_policy::app_protection::{Condition as LaunchCondition, LaunchAction, access::PinStep};

use crate::{time::system_time, verdict::Severity};

/// Clocks differ: a device a little behind its server was not set back.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// What the app does, from the mildest to the harshest.
#[uniffi::remote(Enum)]
pub enum LaunchAction {
    Allow,
    /// Go on after a notice that can be dismissed.
    Warn,
    /// Go on after signing in and setting a new PIN.
    ResetPin,
    /// Show the guide; work data stays closed.
    Block,
    /// Work data is gone: its key was destroyed. Delete the files too, and show the guide.
    Wipe,
}

/// The condition that is not met.
#[uniffi::remote(Enum)]
pub enum LaunchCondition {
    /// There is no lease for this app on this device.
    Lease,
    WipeOrder,
    SdkVersion,
    AppVersion,
    MinimumOsVersion,
    MaximumOsVersion,
    Jailbroken,
    DeviceModel,
    DeviceThreatLevel,
    DisabledAccount,
    PinAttempts,
    Offline,
    NonWorkingTime,
}

/// What the user has to show, from the least to the most.
#[uniffi::remote(Enum)]
pub enum PinStep {
    None,
    /// Fingerprint or face, whichever the settings allow, or the PIN.
    PinOrBiometric,
    Pin,
    /// Set a PIN: there is none, or it is too old.
    NewPin,
}

/// What this app may do with work data, now.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct LaunchState {
    /// The harshest action among the findings.
    pub action: LaunchAction,
    /// The harshest first.
    pub findings: Vec<LaunchFinding>,
    /// The guide of the first finding: what to do first.
    pub remediation: Option<Remediation>,
    /// What the user has to show before work data, where the action lets any be shown.
    pub pin: PinStep,
    /// Sign in with the work account, besides the PIN.
    pub sign_in: bool,
    /// Check in at the first chance.
    pub renew: bool,
    /// Ask again then at the latest, and whenever the app comes to the front.
    pub next_check: SystemTime,
    /// The device's clock was set back by more than five minutes. Time went on all the same.
    pub clock_went_back: bool,
    /// The last wipe, until there is new work data.
    pub wiped: Option<Wiped>,
}

/// A condition that is not met.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct LaunchFinding {
    pub condition: LaunchCondition,
    pub action: LaunchAction,
    /// One sentence that says what is so.
    pub reason: String,
    /// The whole chain, from the reason down to the evidence and the setting.
    pub because: String,
    /// What would change it, nearest to the evidence first.
    pub remedies: Vec<String>,
    pub remediation: Remediation,
}

/// What the app shows a user who wants to get on.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Remediation {
    /// Install the partner's agent and sign in to it.
    InstallAgent {
        partner: String,
    },
    /// Open the partner's agent, sign in, let it report.
    ActivateAgent {
        partner: String,
    },
    /// Resolve these alerts; the agent shows how. Empty where the partner does not name them.
    ResolveThreat {
        partner: String,
        alerts: Vec<OpenAlert>,
    },
    UpdateOs {
        to: String,
    },
    UpdateApp {
        to: String,
    },
    /// Update the app to a version with this version of the protection library.
    UpdateAppForSdk {
        to: String,
    },
    /// Restore the original system of a jailbroken device.
    RestoreDevice,
    ConnectAndSignIn,
    ResetPin,
    WaitForWorkingTime,
    AskAdministrator,
}

/// An open alert behind a threat level.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct OpenAlert {
    pub id: String,
    pub title: String,
    pub severity: Severity,
}

/// Work data that was wiped.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Wiped {
    /// The administrator's order; none when a condition or the app itself asked.
    pub order: Option<String>,
    pub reason: String,
    pub at: SystemTime,
}

impl LaunchState {
    pub(super) fn new(decision: OfflineDecision, now: Timestamp, wiped: Option<&WipeReceipt>) -> Self {
        let launch = decision.launch;
        Self {
            action: launch.action,
            findings: launch.findings.into_iter().map(LaunchFinding::from).collect(),
            remediation: launch.remediation.map(Remediation::from),
            pin: decision.access.pin,
            sign_in: decision.access.sign_in,
            renew: decision.renew,
            next_check: system_time(launch.next_check),
            clock_went_back: decision.time.since(now) > CLOCK_TOLERANCE,
            wiped: wiped.map(Wiped::from),
        }
    }
}

impl From<policy::Finding> for LaunchFinding {
    fn from(finding: policy::Finding) -> Self {
        let told = finding.reason.english();
        Self {
            condition: finding.condition,
            action: finding.action,
            because: told.story(),
            remedies: told.remedies().into_iter().map(String::from).collect(),
            reason: told.text,
            remediation: finding.remediation.into(),
        }
    }
}

impl From<policy::Remediation> for Remediation {
    fn from(remediation: policy::Remediation) -> Self {
        use policy::Remediation as R;
        match remediation {
            R::InstallAgent { partner } => Self::InstallAgent { partner },
            R::ActivateAgent { partner } => Self::ActivateAgent { partner },
            R::ResolveThreat { partner, alerts } => Self::ResolveThreat {
                partner,
                alerts: alerts.into_iter().map(OpenAlert::from).collect(),
            },
            R::UpdateOs { to } => Self::UpdateOs { to },
            R::UpdateApp { to } => Self::UpdateApp { to },
            R::UpdateAppForSdk { to } => Self::UpdateAppForSdk { to },
            R::RestoreDevice => Self::RestoreDevice,
            R::ConnectAndSignIn => Self::ConnectAndSignIn,
            R::ResetPin => Self::ResetPin,
            R::WaitForWorkingTime => Self::WaitForWorkingTime,
            R::AskAdministrator => Self::AskAdministrator,
        }
    }
}

impl From<AlertRef> for OpenAlert {
    fn from(alert: AlertRef) -> Self {
        Self {
            id: alert.id,
            title: alert.title,
            severity: alert.severity.into(),
        }
    }
}

impl From<&WipeReceipt> for Wiped {
    fn from(receipt: &WipeReceipt) -> Self {
        Self {
            order: receipt.order.map(|order| order.to_string()),
            reason: receipt.reason.clone(),
            at: system_time(receipt.at),
        }
    }
}
