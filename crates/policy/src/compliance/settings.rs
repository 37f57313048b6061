//! One function per setting: what the device reported, and what the policy asks for, to a status with its reason.

use std::time::Duration;

use moat_model::{
    JailbreakLevel, Timestamp,
    compliance::{ComplianceStatus as Status, IosComplianceSettings},
};

use super::{DeviceFacts, OsBuild, Partner, passcode, threat};
use crate::{Message, Reason, connector::ConnectorView, jailbreak::OsVersion, say};

/// Apps and alerts that a reason names one by one.
pub(super) const NAMED: usize = 5;

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
    pub demand: Message,
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
    pub(super) fn new(setting: &'static str, demand: Message, status: Status, fact: Reason) -> Self {
        Self {
            setting,
            status,
            demand,
            fact,
            until: None,
        }
    }

    pub(super) fn until(mut self, until: Option<Timestamp>) -> Self {
        self.until = until;
        self
    }

    /// A setting of iOS, on a device that runs something else.
    pub(super) fn elsewhere(setting: &'static str, demand: Message, device: &DeviceFacts) -> Self {
        let fact = Reason::new(say("because-for-ios").with("platform", &device.platform));
        Self::new(setting, demand, Status::NotApplicable, fact)
    }

    /// A setting whose fact the device did not report.
    pub(super) fn unreported(setting: &'static str, demand: Message, what: Message) -> Self {
        let fact = Reason::new(say("because-not-reported").with("what", what)).remedy(say("do-report"));
        Self::new(setting, demand, Status::Error, fact)
    }
}

fn jailbroken(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    settings.security_block_jailbroken_devices.then(|| {
        let device = situation.device;
        let alert = device.jailbreak_alert.as_ref();
        let fact = |bare: Message, with_alert: Message| match alert {
            Some(alert) => with_alert.with("alert", &alert.title),
            None => bare,
        };
        let (status, fact) = match device.jailbreak {
            Some(JailbreakLevel::Confirmed) => (
                Status::NonCompliant,
                Reason::new(fact(say("because-jailbroken"), say("because-jailbroken-alert"))).remedy(say("do-restore")),
            ),
            Some(JailbreakLevel::Suspected) => (
                Status::Compliant,
                Reason::new(fact(
                    say("because-jailbreak-suspected"),
                    say("because-jailbreak-suspected-alert"),
                )),
            ),
            Some(JailbreakLevel::None) => (Status::Compliant, Reason::new(say("because-no-jailbreak"))),
            None => {
                let mut own = situation.partners.iter().filter(|(partner, _)| partner.own);
                let fact = Reason::new(say("because-jailbreak-unreported")).remedy(say("do-report"));
                (threat::missing(own.any(|(_, view)| view.blocked_on_missing_data)), fact)
            }
        };
        Judged::new(
            "securityBlockJailbrokenDevices",
            say("demand-no-jailbreak"),
            status,
            fact,
        )
    })
}

fn managed_email_profile(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    settings.managed_email_profile_required.then(|| {
        let (setting, demand) = ("managedEmailProfileRequired", say("demand-mail-profile"));
        if !situation.is_ios() {
            return Judged::elsewhere(setting, demand, situation.device);
        }
        match situation.device.managed_email_profile {
            None => Judged::unreported(setting, demand, say("what-mail-profile")),
            Some(true) => Judged::new(
                setting,
                demand,
                Status::Compliant,
                Reason::new(say("because-mail-profile")),
            ),
            Some(false) => Judged::new(
                setting,
                demand,
                Status::NonCompliant,
                Reason::new(say("because-no-mail-profile")).remedy(say("do-mail-profile")),
            ),
        }
    })
}

fn os_minimum_version(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let bound = Bound {
        setting: "osMinimumVersion",
        limit: settings.os_minimum_version.as_deref()?,
        is_build: false,
        is_minimum: true,
    };
    Some(bound.judge(situation, situation.device.os_version.as_deref(), OsVersion::parse))
}

fn os_maximum_version(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let bound = Bound {
        setting: "osMaximumVersion",
        limit: settings.os_maximum_version.as_deref()?,
        is_build: false,
        is_minimum: false,
    };
    Some(bound.judge(situation, situation.device.os_version.as_deref(), OsVersion::parse))
}

fn os_minimum_build(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let bound = Bound {
        setting: "osMinimumBuildVersion",
        limit: settings.os_minimum_build_version.as_deref()?,
        is_build: true,
        is_minimum: true,
    };
    Some(bound.judge(situation, situation.device.os_build.as_deref(), OsBuild::parse))
}

fn os_maximum_build(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    let bound = Bound {
        setting: "osMaximumBuildVersion",
        limit: settings.os_maximum_build_version.as_deref()?,
        is_build: true,
        is_minimum: false,
    };
    Some(bound.judge(situation, situation.device.os_build.as_deref(), OsBuild::parse))
}

/// A limit on the system's version or build; the limit itself is allowed.
struct Bound<'a> {
    setting: &'static str,
    limit: &'a str,
    is_build: bool,
    is_minimum: bool,
}

impl Bound<'_> {
    fn judge<V: Ord>(self, situation: &Situation<'_>, reported: Option<&str>, parse: fn(&str) -> Option<V>) -> Judged {
        let Self {
            setting,
            limit,
            is_build,
            is_minimum,
        } = self;
        let demand = match (is_build, is_minimum) {
            (false, true) => say("demand-minimum-version"),
            (false, false) => say("demand-maximum-version"),
            (true, true) => say("demand-minimum-build"),
            (true, false) => say("demand-maximum-build"),
        };
        let demand = demand.with("limit", limit);
        let (what, fact) = match is_build {
            false => (say("what-version"), say("because-version")),
            true => (say("what-build"), say("because-build")),
        };
        if !situation.is_ios() {
            return Judged::elsewhere(setting, demand, situation.device);
        }
        let Some(text) = reported.map(str::trim).filter(|text| !text.is_empty()) else {
            return Judged::unreported(setting, demand, what);
        };
        let fact = Reason::new(fact.with("found", text));
        let (Some(bound), Some(found)) = (parse(limit), parse(text)) else {
            let fact = fact.remedy(say("do-tell-not-comparable").with("limit", limit));
            return Judged::new(setting, demand, Status::Error, fact);
        };
        let met = if is_minimum { found >= bound } else { found <= bound };
        if met {
            return Judged::new(setting, demand, Status::Compliant, fact);
        }
        let remedy = match (is_build, is_minimum) {
            (false, true) => say("do-update-version"),
            (true, true) => say("do-update-build"),
            (false, false) => say("do-stay-version"),
            (true, false) => say("do-stay-build"),
        };
        let fact = fact.remedy(remedy.with("limit", limit));
        Judged::new(setting, demand, Status::NonCompliant, fact)
    }
}

fn restricted_apps(settings: &IosComplianceSettings, situation: &Situation<'_>) -> Option<Judged> {
    if settings.restricted_apps.is_empty() {
        return None;
    }
    let (setting, demand) = ("restrictedApps", say("demand-apps"));
    if !situation.is_ios() {
        return Some(Judged::elsewhere(setting, demand, situation.device));
    }
    let Some(apps) = &situation.device.apps else {
        return Some(Judged::unreported(setting, demand, say("what-apps")));
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
        let fact = Reason::new(say("because-no-forbidden-app"));
        return Some(Judged::new(setting, demand, Status::Compliant, fact));
    }
    Some(Judged::new(setting, demand, Status::NonCompliant, forbidden(&found)))
}

fn forbidden(found: &[(&str, &str)]) -> Reason {
    let apps = found.iter().take(NAMED).map(|(name, id)| {
        let name = if name.is_empty() { id } else { name };
        Reason::new(say("because-app-installed").with("app", *name).with("id", *id))
            .remedy(say("do-remove-app").with("app", *name))
    });
    let text = match found.len() {
        1 => say("because-forbidden-app"),
        count => say("because-forbidden-apps").with("count", count),
    };
    Reason::new(text).because(apps)
}
