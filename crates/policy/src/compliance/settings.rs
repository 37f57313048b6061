//! One function per setting: what the device reported, and what the policy asks for, to a status with its reason.

use std::time::Duration;

use moat_model::{
    JailbreakLevel, Timestamp,
    compliance::{ComplianceStatus as Status, IosComplianceSettings},
};

use super::{DeviceFacts, OsBuild, Partner, passcode, threat};
use crate::{Reason, connector::ConnectorView, jailbreak::OsVersion};

/// Apps and alerts that a reason names one by one.
pub(super) const NAMED: usize = 5;

const REPORT: &str = "Open the Moat app on the device, so that it reports.";

/// What settings are judged against.
pub(super) struct Situation<'a> {
    pub device: &'a DeviceFacts,
    /// In the order of their connectors' ids.
    pub partners: Vec<(&'a Partner<'a>, ConnectorView)>,
    /// How long a report is good for.
    pub validity: Duration,
    pub now: Timestamp,
}

/// A setting that is configured, judged.
pub(super) struct Judged {
    /// As Graph spells it.
    pub setting: &'static str,
    pub status: Status,
    /// What the policy does, to follow its name: `blocks jailbroken devices`.
    pub demand: String,
    /// What is so on the device.
    pub fact: Reason,
    /// When time alone may change the status.
    pub until: Option<Timestamp>,
}

/// Every configured setting, in the order of the portal.
pub(super) fn judge(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Vec<Judged> {
    let mut judged: Vec<Judged> = [
        managed_email_profile,
        jailbroken,
        threat::enabled,
        threat::level_of_all,
        threat::level_of_own,
        os_minimum_version,
        os_maximum_version,
        os_minimum_build,
        os_maximum_build,
    ]
    .iter()
    .filter_map(|setting| setting(settings, situation))
    .collect();
    judged.extend(passcode::judge(settings, situation));
    judged.extend(restricted_apps(settings, situation));
    judged
}

impl Situation<'_> {
    pub(super) fn is_ios(&self) -> bool {
        ["iOS", "iPadOS"]
            .iter()
            .any(|name| self.device.platform.trim().eq_ignore_ascii_case(name))
    }
}

impl Judged {
    pub(super) fn new(setting: &'static str, demand: impl Into<String>, status: Status, fact: Reason) -> Self {
        Self {
            setting,
            status,
            demand: demand.into(),
            fact,
            until: None,
        }
    }

    pub(super) fn until(mut self, until: Option<Timestamp>) -> Self {
        self.until = until;
        self
    }

    /// A setting of iOS, on a device that runs something else.
    pub(super) fn elsewhere(setting: &'static str, demand: impl Into<String>, device: &DeviceFacts) -> Self {
        let fact = Reason::new(format!("The setting is for iOS; the device runs {}.", device.platform));
        Self::new(setting, demand, Status::NotApplicable, fact)
    }

    /// A setting whose fact the device did not report.
    pub(super) fn unreported(setting: &'static str, demand: impl Into<String>, what: &str) -> Self {
        let fact = Reason::new(format!("The device has not reported {what}.")).remedy(REPORT);
        Self::new(setting, demand, Status::Error, fact)
    }
}

fn jailbroken(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    settings.security_block_jailbroken_devices.then(|| {
        let device = situation.device;
        let alert = device.jailbreak_alert.as_ref();
        let alert = alert.map_or(String::new(), |alert| format!(" (alert \"{}\")", alert.title));
        let (status, fact) = match device.jailbreak {
            Some(JailbreakLevel::Confirmed) => (
                Status::NonCompliant,
                Reason::new(format!("The device is jailbroken{alert}."))
                    .remedy("Restore the device's system; the next check that finds it clean opens it again."),
            ),
            Some(JailbreakLevel::Suspected) => (
                Status::Compliant,
                Reason::new(format!(
                    "A jailbreak is suspected but not confirmed{alert}, so the device does not count as jailbroken."
                )),
            ),
            Some(JailbreakLevel::None) => (Status::Compliant, Reason::new("The device is not jailbroken.")),
            None => {
                let mut own = situation.partners.iter().filter(|(partner, _)| partner.own);
                let fact = Reason::new("The device has never reported whether it is jailbroken.").remedy(REPORT);
                (threat::missing(own.any(|(_, view)| view.blocked_on_missing_data)), fact)
            }
        };
        Judged::new(
            "securityBlockJailbrokenDevices",
            "blocks jailbroken devices",
            status,
            fact,
        )
    })
}

fn managed_email_profile(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    settings.managed_email_profile_required.then(|| {
        let (setting, demand) = ("managedEmailProfileRequired", "requires a managed e-mail profile");
        if !situation.is_ios() {
            return Judged::elsewhere(setting, demand, situation.device);
        }
        match situation.device.managed_email_profile {
            None => Judged::unreported(setting, demand, "whether it has a managed e-mail profile"),
            Some(true) => Judged::new(
                setting,
                demand,
                Status::Compliant,
                Reason::new("The device has a managed e-mail profile."),
            ),
            Some(false) => Judged::new(
                setting,
                demand,
                Status::NonCompliant,
                Reason::new("The device has no managed e-mail profile.")
                    .remedy("Remove the account that was added by hand, then let management install the profile."),
            ),
        }
    })
}

fn os_minimum_version(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let bound = Bound {
        setting: "osMinimumVersion",
        limit: settings.os_minimum_version.as_deref()?,
        kind: "version",
        is_minimum: true,
    };
    Some(bound.judge(situation, situation.device.os_version.as_deref(), OsVersion::parse))
}

fn os_maximum_version(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let bound = Bound {
        setting: "osMaximumVersion",
        limit: settings.os_maximum_version.as_deref()?,
        kind: "version",
        is_minimum: false,
    };
    Some(bound.judge(situation, situation.device.os_version.as_deref(), OsVersion::parse))
}

fn os_minimum_build(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let bound = Bound {
        setting: "osMinimumBuildVersion",
        limit: settings.os_minimum_build_version.as_deref()?,
        kind: "build",
        is_minimum: true,
    };
    Some(bound.judge(situation, situation.device.os_build.as_deref(), OsBuild::parse))
}

fn os_maximum_build(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let bound = Bound {
        setting: "osMaximumBuildVersion",
        limit: settings.os_maximum_build_version.as_deref()?,
        kind: "build",
        is_minimum: false,
    };
    Some(bound.judge(situation, situation.device.os_build.as_deref(), OsBuild::parse))
}

/// A limit on the system's version or build; the limit itself is allowed.
struct Bound<'a> {
    setting: &'static str,
    limit: &'a str,
    kind: &'static str,
    is_minimum: bool,
}

impl Bound<'_> {
    fn judge<V: Ord>(self, situation: &Situation<'_>, reported: Option<&str>, parse: fn(&str) -> Option<V>) -> Judged {
        let Self {
            setting,
            limit,
            kind,
            is_minimum,
        } = self;
        let order = if is_minimum { "or later" } else { "or earlier" };
        let demand = format!("requires the system's {kind} {limit} {order}");
        if !situation.is_ios() {
            return Judged::elsewhere(setting, demand, situation.device);
        }
        let Some(text) = reported.map(str::trim).filter(|text| !text.is_empty()) else {
            return Judged::unreported(setting, demand, &format!("its system's {kind}"));
        };
        let fact = Reason::new(format!("The system's {kind} is {text}."));
        let (Some(bound), Some(found)) = (parse(limit), parse(text)) else {
            let fact = fact.remedy(format!(
                "Tell your administrator that this cannot be compared with {limit}."
            ));
            return Judged::new(setting, demand, Status::Error, fact);
        };
        let met = if is_minimum { found >= bound } else { found <= bound };
        if met {
            return Judged::new(setting, demand, Status::Compliant, fact);
        }
        let what = if kind == "build" { "build " } else { "" };
        let remedy = if is_minimum {
            format!("Update to {what}{limit} or later.")
        } else {
            format!("Stay at {what}{limit} or earlier until your administrator allows a later one.")
        };
        Judged::new(setting, demand, Status::NonCompliant, fact.remedy(remedy))
    }
}

fn restricted_apps(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    if settings.restricted_apps.is_empty() {
        return None;
    }
    let (setting, demand) = ("restrictedApps", "forbids some apps");
    if !situation.is_ios() {
        return Some(Judged::elsewhere(setting, demand, situation.device));
    }
    let Some(apps) = &situation.device.apps else {
        return Some(Judged::unreported(setting, demand, "its apps"));
    };
    let mut found: Vec<(&str, &str)> = Vec::new();
    for item in &settings.restricted_apps {
        let Some(id) = item.app_id.as_deref().map(str::trim).filter(|id| !id.is_empty()) else {
            continue;
        };
        if apps
            .iter()
            .any(|app| !app.managed && app.bundle_id.eq_ignore_ascii_case(id))
        {
            found.push((&item.name, id));
        }
    }
    found.sort_unstable();
    found.dedup();
    if found.is_empty() {
        let fact = Reason::new("None of the forbidden apps is installed outside management.");
        return Some(Judged::new(setting, demand, Status::Compliant, fact));
    }
    Some(Judged::new(setting, demand, Status::NonCompliant, forbidden(&found)))
}

fn forbidden(found: &[(&str, &str)]) -> Reason {
    let apps = found.iter().take(NAMED).map(|(name, id)| {
        let name = if name.is_empty() { id } else { name };
        Reason::new(format!("\"{name}\" ({id}) is installed.")).remedy(format!("Remove the app \"{name}\"."))
    });
    let text = match found.len() {
        1 => "A forbidden app is installed outside management.".to_string(),
        count => format!("{count} forbidden apps are installed outside management."),
    };
    Reason::new(text).because(apps)
}
